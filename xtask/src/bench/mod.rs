//! Benchmarks, each with its own section of figures in `docs/benchmarks.md`.

pub mod accounts;
pub mod activity;
mod measured;
pub mod rep_codes;
pub mod serve;

use std::path::PathBuf;

use crate::shell::{Result, root};

/// Where the programs are that were built to be measured.
fn program(name: &str) -> PathBuf {
    root().join("target/release").join(name)
}

/// The word after an option.
fn value<'a>(options: &[&'a str], name: &str) -> Option<&'a str> {
    options.iter().position(|option| *option == name).and_then(|at| options.get(at + 1)).copied()
}

/// Puts a benchmark's figures into its section of the page.
fn write(name: &str, figures: &str) -> Result {
    let path = root().join("docs/benchmarks.md");
    let page = std::fs::read_to_string(&path).map_err(|error| format!("docs/benchmarks.md: {error}"))?;
    let page = with_figures(&page, name, &format!("\nMachine: {}.\n\n{figures}", machine()))?;
    std::fs::write(&path, page).map_err(|error| error.to_string())?;
    eprintln!("wrote docs/benchmarks.md");
    Ok(())
}

/// The page with a section's figures replaced.
fn with_figures(page: &str, name: &str, figures: &str) -> Result<String> {
    let begin = format!("<!-- figures: written by `cargo xtask bench {name}` -->\n");
    const END: &str = "<!-- end of figures -->";
    let lacks = |what: &str| format!("docs/benchmarks.md has no `{}`", what.trim_end());
    let (head, rest) = page.split_once(&begin).ok_or_else(|| lacks(&begin))?;
    let (_, tail) = rest.split_once(END).ok_or_else(|| lacks(END))?;
    Ok(format!("{head}{begin}{figures}\n{END}{tail}"))
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")).map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_figures_are_replaced() {
        let page = "a\n<!-- figures: written by `cargo xtask bench one` -->\n1\n<!-- end of figures -->\nb\n\
                    <!-- figures: written by `cargo xtask bench two` -->\n2\n<!-- end of figures -->\n";
        let changed = with_figures(page, "one", "3\n").unwrap();
        assert_eq!(changed, page.replace("1\n<", "3\n\n<"));
        assert_eq!(with_figures(&changed, "one", "1").unwrap(), page);
        assert!(with_figures(page, "three", "").is_err());
    }
}
