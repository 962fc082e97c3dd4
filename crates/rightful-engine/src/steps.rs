//! Durable steps: what a job body stands on, whichever engine runs it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use rightful_core::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// The largest result a step may remember: a count, a plan id, never the data.
pub const STEP_RESULT_CAP: usize = 64 * 1024;

/// The body of a step.
pub type StepBody = Pin<Box<dyn Future<Output = Result<Json>> + Send + 'static>>;

/// Runs steps and remembers their results. Nothing else: one bounded slice of work each, with its progress in the store.
#[async_trait]
pub trait Steps: Send + Sync {
    /// Runs `body` at least once and remembers its result; a step that already ended answers what it answered then. Names are unique within a run.
    async fn step_json(&self, name: &str, body: Box<dyn FnOnce() -> StepBody + Send + 'static>) -> Result<Json>;

    /// Waits, durably.
    async fn sleep(&self, name: &str, wait: Duration) -> Result<()>;
}

/// Runs a step with a typed result.
///
/// # Errors
/// As `body`; `Protocol` where the remembered result is of another type (the body's version moved).
pub async fn step<T, F, B>(steps: &dyn Steps, name: &str, body: B) -> Result<T>
where
    T: Serialize + DeserializeOwned,
    F: Future<Output = Result<T>> + Send + 'static,
    B: FnOnce() -> F + Send + 'static,
{
    let json = steps
        .step_json(
            name,
            Box::new(move || {
                Box::pin(async move {
                    let value = body().await?;
                    Ok(serde_json::to_value(value).expect("step results are plain data"))
                })
            }),
        )
        .await?;
    serde_json::from_value(json).map_err(|error| {
        rightful_core::Error::new(rightful_core::ErrorKind::Protocol, format!("the remembered result of step `{name}` is of another shape"))
            .hint("the run began with another version of the program: start a new run")
            .source(error)
    })
}
