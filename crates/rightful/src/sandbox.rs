//! `rightful sandbox`: stand-ins of the compiled vendors, served together.

use clap::Args;

use crate::cli::Global;
use crate::exit::Exit;
use crate::verbs::Ended;

/// `sandbox`
#[derive(Debug, Args)]
pub struct Arguments {}

/// `rightful sandbox`
pub async fn verb(_global: &Global, _arguments: Arguments) -> Ended {
    Ok(Exit::Done)
}
