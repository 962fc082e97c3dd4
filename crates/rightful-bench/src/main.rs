//! `rightful-bench vendors` serves vendors pre-rendered; `rightful-bench floor` is the least a program can do with them.

mod activity;
mod floor;
mod measure;
mod serve;
mod vendors;

use std::process::ExitCode;

use vendors::world::World;

const USAGE: &str = "\
rightful-bench vendors --customers N [--serve intacct,skynamo,salesforce,salesscreen] [--codes N] [--users N] [--instances N] [--latency MS]
    serves these vendors on loopback (two of them unless said: intacct,skynamo) until its standard input closes; prints one JSON line with their addresses
rightful-bench serve PROGRAM [--integrations N] [--customers N] [--codes N]
    measures `PROGRAM serve` with so many integrations of so many customers, and its page of a table with so many codes; prints one JSON line
rightful-bench floor rep-codes count|sqlite --intacct URL --skynamo URL
    reads both vendors as the job does, two and sixteen requests at a time, and counts the rows or stores them in SQLite
rightful-bench floor accounts-rest|accounts-bulk count|sqlite --salesforce URL
    reads accounts and users, four ranges of ids at a time, by pages or by query jobs, and counts the rows or stores them in SQLite
rightful-bench floor reassign --intacct URL --salesforce URL [--codes N] [--users N]
    gives the accounts of customers that changed today to the users whom their reps stand for, in collections
rightful-bench activity --records N [--users N]
    credits so many activities from Salesforce's simulator to SalesScreen's within its rate windows, on a clock of their own; prints one JSON line
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
    let number = |name: &str, otherwise: usize| option(&arguments, name).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let world = World { customers: number("--customers", 100_000), codes: number("--codes", 1_000), users: number("--users", 200) };
    let result = match arguments.first().map(String::as_str) {
        Some("vendors") => {
            let names: Vec<&str> = option(&arguments, "--serve").unwrap_or("intacct,skynamo").split(',').collect();
            let latency = std::time::Duration::from_millis(number("--latency", 0) as u64);
            vendors::serve(&names, world, number("--instances", 1), latency).await
        }
        Some("floor") => floor::run(&arguments[1..], world).await.unwrap_or_else(|| Err(USAGE.to_owned())),
        Some("activity") => activity::run(number("--records", 100_000), number("--users", 50)).await,
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
