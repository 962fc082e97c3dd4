//! Steps over the store's journal: the embedded engine of a run.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rightful_core::{Clock, Error, ErrorKind, Instant, Result};
use serde_json::Value as Json;

use super::StageTime;
use crate::{Fence, RunId, STEP_RESULT_CAP, StepBody, Steps, Store};

/// Runs steps and remembers their results in the store's journal, under the run's lease.
#[derive(Debug)]
pub struct Journaled {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    fence: Fence,
    run: RunId,
    used: Mutex<HashSet<String>>,
    stages: Mutex<Vec<StageTime>>,
}

impl Journaled {
    /// The steps of a run.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, fence: Fence, run: RunId) -> Self {
        Self { store, clock, fence, run, used: Mutex::default(), stages: Mutex::default() }
    }

    /// How long the stages took, in the order they ended first. Steps that had ended before are not in it.
    pub fn stages(&self) -> Vec<StageTime> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn took(&self, step: &str, time: Duration) {
        let stage = match step.rsplit_once('-') {
            Some((stage, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => stage,
            _ => step,
        };
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        match stages.iter_mut().find(|known| known.stage == stage) {
            Some(known) => known.milliseconds += milliseconds,
            None => stages.push(StageTime { stage: stage.to_owned(), milliseconds }),
        }
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
        let begun = self.clock.now();
        let result = body().await;
        self.took(name, (self.clock.now() - begun).to_std().unwrap_or_default());
        let result = result?;
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
        if let Ok(rest) = (due - self.clock.now()).to_std()
            && !rest.is_zero()
        {
            self.clock.sleep(rest).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rightful_core::ManualClock;

    use super::*;
    use crate::memory::MemoryStore;
    use crate::{Holder, Leased, RunTask, step};

    async fn journaled(store: &Arc<MemoryStore>, clock: &ManualClock, run: Option<RunId>) -> (Journaled, RunId) {
        let holder = Holder { machine: "m".into(), process: 1, born: 1 };
        store.bury(&holder);
        let Leased::Held(fence) = store.lease("i", &holder, clock.now(), clock.now()).await.unwrap() else {
            panic!("nobody else is there")
        };
        let run = match run {
            Some(run) => run,
            None => store.begin_run(&fence, &RunTask::Full, 1, None, clock.now()).await.unwrap(),
        };
        (Journaled::new(store.clone(), Arc::new(clock.clone()), fence, run), run)
    }

    #[tokio::test]
    async fn a_step_that_ended_answers_what_it_answered_then() {
        let (store, clock) = (Arc::new(MemoryStore::default()), ManualClock::at(chrono::DateTime::UNIX_EPOCH));
        let (steps, run) = journaled(&store, &clock, None).await;
        let first: u32 = step(&steps, "count", || async { Ok(3) }).await.unwrap();
        let failed: Result<u32> = step(&steps, "fail", || async { Err(Error::new(ErrorKind::Unavailable, "down")) }).await;
        assert!(failed.is_err());
        // Another process takes the run up.
        let (steps, _) = journaled(&store, &clock, Some(run)).await;
        let again: u32 = step(&steps, "count", || async { panic!("it ended already") }).await.unwrap();
        let retried: u32 = step(&steps, "fail", || async { Ok(4) }).await.unwrap();
        assert_eq!((first, again, retried), (3, 3, 4));
    }

    #[tokio::test]
    async fn names_are_unique_and_results_small() {
        let (store, clock) = (Arc::new(MemoryStore::default()), ManualClock::at(chrono::DateTime::UNIX_EPOCH));
        let (steps, _) = journaled(&store, &clock, None).await;
        let _: u32 = step(&steps, "count", || async { Ok(1) }).await.unwrap();
        let twice: Result<u32> = step(&steps, "count", || async { Ok(1) }).await;
        assert!(twice.unwrap_err().to_string().contains("used twice"));
        let large: Result<String> = step(&steps, "large", || async { Ok("x".repeat(STEP_RESULT_CAP)) }).await;
        assert!(large.unwrap_err().to_string().contains("bytes"));
    }

    #[tokio::test]
    async fn steps_of_one_stage_are_timed_together() {
        let (store, clock) = (Arc::new(MemoryStore::default()), ManualClock::at(chrono::DateTime::UNIX_EPOCH));
        let (steps, _) = journaled(&store, &clock, None).await;
        for name in ["read-source", "apply-0", "apply-1000"] {
            let clock = clock.clone();
            let _: u32 = step(&steps, name, move || async move {
                clock.sleep(Duration::from_millis(250)).await;
                Ok(1)
            })
            .await
            .unwrap();
        }
        let time = |stage: &str, milliseconds| StageTime { stage: stage.to_owned(), milliseconds };
        assert_eq!(steps.stages(), [time("read-source", 250), time("apply", 500)]);
    }

    #[tokio::test]
    async fn a_wait_goes_on_where_it_stood() {
        let (store, clock) = (Arc::new(MemoryStore::default()), ManualClock::at(chrono::DateTime::UNIX_EPOCH));
        let (steps, run) = journaled(&store, &clock, None).await;
        steps.sleep("wait", Duration::from_secs(60)).await.unwrap();
        assert_eq!(clock.waits(), [Duration::from_secs(60)]);
        // Taken up when the time is over already: no second wait.
        let (steps, _) = journaled(&store, &clock, Some(run)).await;
        steps.sleep("wait", Duration::from_secs(60)).await.unwrap();
        assert_eq!(clock.waits().len(), 1);
    }
}
