//! Measures how activities are credited within both rate windows of SalesScreen, on a clock that needs no waiting.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value as Json;

use super::program;
use crate::shell::{self, Result};

/// The task.
pub fn run(options: &[&str]) -> Result {
    shell::run("cargo", &["build", "--profile", "bench", "-p", "rightful-bench"])?;
    let measured = Command::new(program("rightful-bench")).arg("activity").args(options).output();
    let output = measured.map_err(|error| format!("rightful-bench did not start: {error}"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("rightful-bench activity: {err}"));
    }
    let figures: Json = serde_json::from_str(&out).map_err(|error| format!("rightful-bench activity printed `{out}`: {error}"))?;
    let text = told(&figures);
    eprint!("{text}");
    super::write("activity", &text)
}

fn told(figures: &Json) -> String {
    let mut text = format!("{} opportunities of {} users.\n\n", figures["records"], figures["users"]);
    text.push_str(
        "| work | users and records sent | requests to SalesScreen | refused with 429 | simulated time | least possible | requests to Salesforce | wall | CPU | memory before | peak memory |\n",
    );
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for run in figures["runs"].as_array().into_iter().flatten() {
        let number = |name: &str| run[name].as_f64().unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.1} s | {} s | {} | {:.1} s | {:.1} s | {:.0} MiB | {:.0} MiB |",
            run["work"].as_str().unwrap_or_default(),
            run["done"],
            run["salesscreen"],
            run["throttled"],
            number("simulated"),
            run["least"],
            run["salesforce"],
            number("wall"),
            number("cpu"),
            number("present_mib"),
            number("peak_mib"),
        );
    }
    text
}
