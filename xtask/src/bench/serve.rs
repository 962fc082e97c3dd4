//! Measures `rightful serve`: many integrations due at once, and the console's page of a large code table.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value as Json;

use super::program;
use crate::shell::{self, Result};

/// The task.
pub fn run(options: &[&str]) -> Result {
    shell::run("cargo", &["build", "--profile", "bench", "-p", "rightful-bench"])?;
    let features = ["--no-default-features", "--features", "skynamo,sage-intacct,serve"];
    shell::run("cargo", &[&["build", "--profile", "bench", "-p", "rightful"], &features[..]].concat())?;
    let measured = Command::new(program("rightful-bench")).arg("serve").arg(program("rightful")).args(options).output();
    let output = measured.map_err(|error| format!("rightful-bench did not start: {error}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("rightful-bench serve: {err}"));
    }
    let figures: Json = serde_json::from_str(&out).map_err(|error| format!("rightful-bench serve printed `{out}`: {error}"))?;
    let text = told(&figures);
    eprint!("{text}");
    super::write("serve", &text)
}

fn told(figures: &Json) -> String {
    let mut text = format!(
        "{} integrations of {} customers each; a table of {} codes over {} customers. The program was ready {:.1} s after its start.\n\n",
        figures["integrations"],
        figures["customers"],
        figures["codes"],
        figures["wide_customers"],
        number(figures, "started")
    );
    text.push_str("| round | runs | wall | CPU | peak memory so far | memory after it |\n| --- | ---: | ---: | ---: | ---: | ---: |\n");
    let rounds = figures["rounds"].as_array().into_iter().flatten().chain([&figures["wide"]]);
    for round in rounds {
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} s | {:.1} s | {:.0} MiB | {:.0} MiB |",
            round["work"].as_str().unwrap_or_default(),
            round["runs"],
            number(round, "wall"),
            number(round, "cpu"),
            number(round, "peak_mib"),
            number(round, "present_mib"),
        );
    }
    text.push_str("\n| what is asked for | requests | median | 95th percentile | slowest | largest answer |\n");
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: |\n");
    for page in figures["pages"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} ms | {:.0} ms | {:.0} ms | {:.0} KiB |",
            page["work"].as_str().unwrap_or_default(),
            page["requests"],
            number(page, "median"),
            number(page, "p95"),
            number(page, "most"),
            number(page, "bytes") / 1024.0,
        );
    }
    text
}

fn number(of: &Json, name: &str) -> f64 {
    of[name].as_f64().unwrap_or_default()
}
