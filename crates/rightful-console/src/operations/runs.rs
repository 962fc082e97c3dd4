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

/// A task that somebody asks for.
#[derive(Clone, Debug)]
pub struct RunAsked {
    /// What to do.
    pub task: RunTask,
    /// Lets its plan over its caps: who, and why.
    pub over_cap: Option<(String, String)>,
    /// Why, where it has to be said.
    pub reason: Option<String>,
}

impl RunAsked {
    /// A task that speaks for itself.
    pub fn of(task: RunTask) -> Self {
        Self { task, over_cap: None, reason: None }
    }
}

/// Starts a task.
///
/// # Errors
/// Why it could not begin: the integration is paused, a connection cannot be used.
pub async fn begin(console: &Console, who: &Who, integration: &str, asked: RunAsked) -> Result<Begun> {
    let RunAsked { task, over_cap, reason } = asked;
    // Noted before it begins: whatever it does then has somebody's name.
    let mut detail = json!({ "task": words::task(&task) });
    if let Some(reason) = &reason {
        detail["reason"] = json!(&reason);
    }
    console.store.append(&Act::new(console.now(), who.actor(), "run.ask", integration).detail(detail)).await?;
    let options = RunOptions { over_cap, author: Some(who.actor()), reason, ..RunOptions::default() };
    match console.deployment.start(integration, task, options).await {
        Ok(run) => Ok(Begun::Run(run)),
        Err(error) if error.kind() == ErrorKind::Conflict => {
            tracing::info!(integration, %error, "a run was asked for while another is under way");
            Ok(Begun::Busy(console.store.unfinished_run(integration).await?.map(|run| run.id)))
        }
        Err(error) => Err(error),
    }
}
