//! Measures the rep-codes job beside its floor and writes `docs/benchmarks.md`.

use crate::shell::Result;

/// The task.
pub fn run(_options: &[&str]) -> Result {
    Err("not built yet".into())
}
