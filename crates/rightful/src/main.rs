//! The program people run: reads the command line, does the verb, says how it ended.

mod callback;
mod cli;
mod compose;
mod config;
#[cfg(feature = "sandbox")]
mod demo;
mod exit;
mod output;
mod progress;
mod registry;
mod resting;
#[cfg(feature = "sandbox")]
mod sandbox;
#[cfg(feature = "serve")]
mod serve;
#[cfg(any(feature = "sandbox", feature = "serve"))]
mod stop;
mod verbs;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind as Parsing;

use cli::Cli;
use exit::Exit;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked = matches!(error.kind(), Parsing::DisplayHelp | Parsing::DisplayVersion);
            // What cannot be printed any more has no reader.
            let _ = error.print();
            return if asked { Exit::Done.into() } else { Exit::Usage.into() };
        }
    };
    log(&cli);
    let json = cli.global.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::failure(&verbs::Failure::from(output::io_error("the program's threads cannot be started", error)), json);
            return Exit::Error.into();
        }
    };
    let ended = runtime.block_on(verbs::run(cli));
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::failure(&failure, json);
            failure.exit().into()
        }
    }
}

/// Logs go to standard error: warnings unless more is asked for; a server also says what it does.
fn log(cli: &Cli) {
    use tracing_subscriber::EnvFilter;
    let level = match cli.global.verbose {
        0 if serves(cli) => "info",
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    // Libraries below the transport would log headers: only our own crates speak.
    let ours = ["rightful", "rightful_console", "rightful_core", "rightful_engine", "rightful_store", "rightful_sim"].map(str::to_owned);
    let connectors = registry::VENDORS.iter().map(|vendor| format!("connector_{}", vendor.id.replace('-', "_")));
    let filter = ours.into_iter().chain(connectors).fold("off".to_owned(), |filter, target| format!("{filter},{target}={level}"));
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(std::io::stderr).with_ansi(terminal);
    match cli.global.log_format {
        cli::LogFormat::Text => lines.with_target(false).init(),
        cli::LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).init(),
    }
}

fn serves(cli: &Cli) -> bool {
    #[cfg(feature = "serve")]
    return matches!(cli.verb, cli::Verb::Serve(_));
    #[cfg(not(feature = "serve"))]
    {
        let _ = cli;
        false
    }
}
