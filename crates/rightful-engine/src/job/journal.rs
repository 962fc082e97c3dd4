//! Steps over the store's journal: the embedded engine of a run.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rightful_core::{Clock, Error, ErrorKind, Instant, Result};
use serde_json::Value as Json;

use crate::{Fence, RunId, STEP_RESULT_CAP, StepBody, Steps, Store};

/// Runs steps and remembers their results in the store's journal, under the run's lease.
#[derive(Debug)]
pub struct Journaled {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    fence: Fence,
    run: RunId,
    used: Mutex<HashSet<String>>,
}

impl Journaled {
    /// The steps of a run.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, fence: Fence, run: RunId) -> Self {
        Self { store, clock, fence, run, used: Mutex::default() }
    }

    fn claim(&self, name: &str) -> Result<()> {
        if self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned()) {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Protocol, format!("step `{name}` was used twice in {}", self.run)).hint("report this"))
        }
    }
}

#[async_trait]
impl Steps for Journaled {
    async fn step_json(&self, name: &str, body: Box<dyn FnOnce() -> StepBody + Send + 'static>) -> Result<Json> {
        self.claim(name)?;
        if let Some(result) = self.store.journal(self.run, name).await? {
            return Ok(result);
        }
        let result = body().await?;
        let size = result.to_string().len();
        if size >= STEP_RESULT_CAP {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!("step `{name}` wants to remember {size} bytes, {STEP_RESULT_CAP} is the bound"),
            )
            .hint("report this: results are counts and numbers, never data"));
        }
        self.store.put_journal(&self.fence, self.run, name, &result).await?;
        Ok(result)
    }

    async fn sleep(&self, name: &str, wait: Duration) -> Result<()> {
        let due: Instant = {
            let clock = self.clock.clone();
            crate::step(self, name, move || async move { Ok(clock.now() + wait) }).await?
        };
        if let Ok(rest) = (due - self.clock.now()).to_std() {
            self.clock.sleep(rest).await;
        }
        Ok(())
    }
}
