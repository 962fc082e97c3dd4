//! `rightful demo`: whole jobs played against stand-ins and judged.

use clap::Args;

use crate::cli::Global;
use crate::exit::Exit;
use crate::verbs::Ended;

/// `demo`
#[derive(Debug, Args)]
pub struct Arguments {}

/// `rightful demo`
pub async fn verb(_global: &Global, _arguments: Arguments) -> Ended {
    Ok(Exit::Done)
}
