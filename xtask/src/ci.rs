//! Everything that must pass besides the README's test command, quickest first.

use std::time::Instant;

use crate::shell::{self, Result};
use crate::{docs, features, tidy};

/// One check of the list.
type Check = fn() -> Result;

/// Runs every check and stops at the first that fails.
pub fn run_checks(checks: &[(&str, Check)]) -> Result {
    for (name, check) in checks {
        let begun = Instant::now();
        check().map_err(|message| format!("{name}: {message}"))?;
        eprintln!("ok   {name} ({:.0} s)", begun.elapsed().as_secs_f32());
    }
    Ok(())
}

/// The task.
pub fn run() -> Result {
    run_checks(&[
        ("format (mend: cargo fmt)", || shell::run("cargo", &["fmt", "--all", "--check"])),
        ("tidy (mend: as each line says)", tidy::run),
        ("licences and bans (mend: deny.toml, or another crate)", || {
            shell::run("cargo", &["deny", "--log-level", "error", "check", "licenses", "bans", "sources"])
        }),
        ("clippy (mend: cargo clippy --fix)", || {
            shell::run(
                "cargo",
                &["clippy", "--quiet", "--workspace", "--all-targets", "--features", "rightful/all", "--", "-D", "warnings"],
            )
        }),
        ("tests (mend: cargo nextest run --workspace --features rightful/all)", || {
            shell::run(
                "cargo",
                &["nextest", "run", "--workspace", "--features", "rightful/all", "--status-level", "fail", "--final-status-level", "fail"],
            )
        }),
        ("doctests (mend: cargo test --doc)", || {
            shell::run("cargo", &["test", "--quiet", "--workspace", "--features", "rightful/all", "--doc"])
        }),
        ("features (mend: crates/rightful/Cargo.toml)", features::run),
        ("docs (mend: cargo xtask docs)", || docs::run(docs::Mode::Check)),
    ])
}
