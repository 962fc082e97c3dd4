//! Who holds a lease, and whether they are still alive.

use rightful_engine::Holder;

/// This process, as far as the operating system tells.
pub fn current_holder() -> Holder {
    holder_of(std::process::id())
}

/// A process of this machine that lives, as far as the operating system tells.
pub fn holder_of(process: u32) -> Holder {
    Holder { machine: machine(), process, born: born(process).unwrap_or_default() }
}

/// Names the machine since its last boot, and the container: two of them share a boot but not their process numbers.
/// Where that cannot be told, a lease only ends by expiry.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let container = std::fs::read_link("/proc/self/ns/pid");
    match (boot, container) {
        (Ok(boot), Ok(container)) => format!("{} {}", boot.trim(), container.display()),
        _ => String::new(),
    }
}

/// When a process began, in clock ticks since boot; `None` where there is no such process.
fn born(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in parentheses and may itself hold any character: fields are counted behind the last one.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // A zombie has ended: it only waits for its parent to notice.
    if matches!(fields.first(), Some(&("Z" | "X"))) {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Is it certain that the holder's process has ended?
pub(crate) fn is_dead(holder: &Holder) -> bool {
    let here = machine();
    !here.is_empty() && holder.machine == here && born(holder.process) != Some(holder.born)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_live_and_a_process_with_our_number_and_another_birth_does_not() {
        let holder = current_holder();
        assert!(!is_dead(&holder), "{holder:?}");
        if !holder.machine.is_empty() {
            assert!(is_dead(&Holder { born: holder.born + 1, ..holder.clone() }));
        }
        assert!(!is_dead(&Holder { machine: "elsewhere".into(), born: holder.born + 1, ..holder }));
    }

    #[test]
    fn a_process_that_ended_is_dead() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = child.id();
        let born = born(process);
        child.wait().unwrap();
        if let Some(born) = born {
            assert!(is_dead(&Holder { machine: machine(), process, born }));
        }
    }
}
