//! The project's own automation: `cargo xtask <task>`. It links no connector, so that it builds in seconds.

mod bench;
mod ci;
mod docs;
mod features;
mod shell;
mod tidy;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <task>

  tidy              prove what nobody should have to remember: arrows between crates, files of a connector, agreement of lists
  features          build the runner with each vendor alone, with none and with all, and look at what each build carries
  docs [--check]    write the generated pages of docs/ (or only compare them)
  ci                everything that must pass, besides the README's test command
  bench rep-codes   measure the rep-codes job beside its floor and write docs/benchmarks.md
                    [--customers N,N] [--latency MS,MS] [--keep]
  bench accounts    measure full reads of Salesforce's accounts and giving a part of them to others, beside their floors, and write the same page
                    [--accounts N,N] [--reassigned N,N] [--latency MS,MS] [--keep]
  bench activity    measure activities credited within SalesScreen's rate windows, on a simulated clock, and write the same page
                    [--records N] [--users N]
  bench serve       measure `rightful serve` with many integrations due at once and a large code table, and write the same page
                    [--integrations N] [--customers N] [--codes N]
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["tidy"] => tidy::run(),
        ["features"] => features::run(),
        ["docs"] => docs::run(docs::Mode::Write),
        ["docs", "--check"] => docs::run(docs::Mode::Check),
        ["ci"] => ci::run(),
        ["bench", "rep-codes", options @ ..] => bench::rep_codes::run(options),
        ["bench", "accounts", options @ ..] => bench::accounts::run(options),
        ["bench", "activity", options @ ..] => bench::activity::run(options),
        ["bench", "serve", options @ ..] => bench::serve::run(options),
        [] | ["help" | "--help" | "-h"] => {
            eprint!("{USAGE}");
            Ok(())
        }
        other => Err(format!("unknown task `{}`\n\n{USAGE}", other.join(" "))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
