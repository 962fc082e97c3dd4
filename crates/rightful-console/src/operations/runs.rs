//! Starting a task of an integration for somebody who asked for it.

use rightful_core::{ErrorKind, Result};
use rightful_engine::{Act, RunId, RunOptions, RunTask};
use serde_json::json;

use crate::Console;
use crate::access::Who;
use crate::pages::words;

/// What came of asking for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It began, or took up this one that had been cut off.
    Run(RunId),
    /// Another one is under way: this one, where it has a number by now.
    Busy(Option<RunId>),
}

/// Starts a task. `over_cap` lets its plan over its caps: who, and why.
///
/// # Errors
/// Why it could not begin: the integration is paused, a connection cannot be used.
pub async fn begin(console: &Console, who: &Who, integration: &str, task: RunTask, over_cap: Option<(String, String)>) -> Result<Begun> {
    // Noted before it begins: whatever it does then has somebody's name.
    let act = Act::new(console.now(), who.actor(), "run.ask", integration).detail(json!({ "task": words::task(&task) }));
    console.store.append(&act).await?;
    let options = RunOptions { over_cap, author: Some(who.actor()), ..RunOptions::default() };
    match console.deployment.start(integration, task, options).await {
        Ok(run) => Ok(Begun::Run(run)),
        Err(error) if error.kind() == ErrorKind::Conflict => {
            tracing::info!(integration, %error, "a run was asked for while another is under way");
            Ok(Begun::Busy(console.store.unfinished_run(integration).await?.map(|run| run.id)))
        }
        Err(error) => Err(error),
    }
}
