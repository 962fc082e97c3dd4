//! Runs cargo and friends from the workspace root, and says what it runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a task answers: nothing, or one message that ends in how to mend it.
pub type Result<T = ()> = std::result::Result<T, String>;

/// The workspace root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies below the workspace root").to_path_buf()
}

/// Runs a command, shows its output, fails with the command line.
pub fn run(program: &str, arguments: &[&str]) -> Result {
    let line = format!("{program} {}", arguments.join(" "));
    eprintln!("+ {line}");
    let status =
        Command::new(program).args(arguments).current_dir(root()).status().map_err(|error| format!("`{line}` did not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed ({status})")) }
}

/// Runs a command and answers its standard output.
pub fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let line = format!("{program} {}", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("`{line}` did not start: {error}"))?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(|_| format!("`{line}` printed something that is not text"))
    } else {
        Err(format!("`{line}` failed ({})\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

/// Reads a file below the root.
pub fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(root().join(path)).map_err(|error| format!("{path} cannot be read: {error}"))
}
