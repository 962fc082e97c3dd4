//! Measures one program: a process of its own for each, since the operating system only keeps the peak over all children.

use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// Runs it and prints the figures.
pub fn run(command: &[String]) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or_else(|| "name the program to measure".to_owned())?;
    let begun = Instant::now();
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`{program}` did not start: {error}"))?;
    let wall = begun.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| error.to_string())?;
    let cpu = (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6;
    crate::print_line(&serde_json::json!({
        "wall": wall,
        "cpu": cpu,
        "peak_kib": usage.max_rss(),
        "exit": output.status.code(),
        "stdout": String::from_utf8_lossy(&output.stdout),
    }))
}
