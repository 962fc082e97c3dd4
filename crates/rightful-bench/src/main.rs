//! `rightful-bench vendors` serves both vendors of the rep-codes job pre-rendered; `rightful-bench floor` is the least a program can do with them.

mod floor;
mod measure;
mod serve;
mod vendors;

use std::process::ExitCode;

use vendors::world::World;

const USAGE: &str = "\
rightful-bench vendors --customers N [--codes N] [--users N] [--instances N] [--latency MS]
    serves Sage Intacct and Skynamo on loopback until its standard input closes; prints one JSON line with their addresses
rightful-bench serve PROGRAM [--integrations N] [--customers N] [--codes N]
    measures `PROGRAM serve` with so many integrations of so many customers, and its page of a table with so many codes; prints one JSON line
rightful-bench floor count|sqlite --intacct URL --skynamo URL
    reads both vendors as the job does, two and sixteen requests at a time, and counts the rows or stores them in SQLite
rightful-bench measure PROGRAM ARGUMENTS...
    runs a program and prints one JSON line: wall and processor seconds, peak memory in KiB, exit code, its standard output
";

/// The value after `--name`.
fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).map(String::as_str)
}

/// One line of data on standard output.
fn print_line(line: &serde_json::Value) -> Result<(), String> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("vendors") => {
            let number = |name: &str, otherwise: usize| option(&arguments, name).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
            let world = World { customers: number("--customers", 100_000), codes: number("--codes", 1_000), users: number("--users", 200) };
            let latency = std::time::Duration::from_millis(number("--latency", 0) as u64);
            vendors::serve(world, number("--instances", 1), latency).await
        }
        Some("floor") => {
            let store = arguments.get(1).is_some_and(|word| word == "sqlite");
            match (option(&arguments, "--intacct"), option(&arguments, "--skynamo")) {
                (Some(intacct), Some(skynamo)) => floor::run(intacct, skynamo, store).await,
                _ => Err(USAGE.to_owned()),
            }
        }
        Some("serve") => serve::run(&arguments[1..]).await,
        Some("measure") => measure::run(&arguments[1..]),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("rightful-bench: {message}");
            ExitCode::FAILURE
        }
    }
}
