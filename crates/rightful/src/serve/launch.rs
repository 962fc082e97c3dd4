//! Runs one integration's task for the schedules and for people: with its connections made anew, and its progress told to whoever watches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rightful_core::{ConnectionName, Error, async_trait};
use rightful_engine::{Event, Integration, JobError, Launch, RunId, RunOptions, RunReport, RunTask, run_job};
use tokio::sync::oneshot;

use super::hub::Hub;
use super::metrics::Metrics;
use super::pulse::Pulses;
use crate::compose::Composition;
use crate::output;

/// Why connections cannot be used, as last looked at.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<BTreeMap<ConnectionName, String>>);

impl Readiness {
    /// Why a connection cannot be used; `None` where it can, as far as is known.
    pub fn why_not(&self, connection: &ConnectionName) -> Option<String> {
        self.held().get(connection).cloned()
    }

    /// Why an integration cannot run: the first of its connections that cannot be used.
    pub fn why_not_run(&self, integration: &Integration) -> Option<String> {
        let policy = &integration.policy;
        [&policy.source, &policy.target].into_iter().find_map(|side| self.why_not(&side.connection))
    }

    /// Both connections of an integration were made.
    fn note_made(&self, integration: &Integration) {
        for side in [&integration.policy.source, &integration.policy.target] {
            self.held().remove(&side.connection);
        }
    }

    /// Makes a connection once, sending nothing, and notes how that went.
    pub async fn look(&self, composition: &Composition, connection: &ConnectionName) {
        match composition.connection(connection).await {
            Ok(_) => drop(self.held().remove(connection)),
            Err(error) => {
                let why = in_one_line(&error);
                if self.held().insert(connection.clone(), why.clone()).as_ref() != Some(&why) {
                    tracing::warn!(%connection, "cannot be used: {why}");
                }
            }
        }
    }

    /// Forgets connections that are no longer there.
    pub fn keep_only(&self, there: impl Fn(&ConnectionName) -> bool) {
        self.held().retain(|name, _| there(name));
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<ConnectionName, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs tasks over a composition.
#[derive(Debug)]
pub struct Launcher {
    pub composition: Arc<Composition>,
    pub hub: Arc<Hub>,
    pub readiness: Arc<Readiness>,
    pub pulses: Arc<Pulses>,
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl Launch for Launcher {
    async fn launch(
        &self,
        integration: &str,
        task: RunTask,
        options: RunOptions,
        began: oneshot::Sender<RunId>,
    ) -> Result<RunReport, JobError> {
        let integration = self.composition.integration(Some(integration))?;
        let progress = self.pulses.heard(&integration.name, self.hub.reporter(&integration.name, began));
        let tell = progress.clone();
        let options = RunOptions { failpoint: crate::verbs::halt::failpoint(), ..options };
        let begun = self.composition.clock().now();
        let ended = match self.composition.ports(integration, progress).await {
            Ok(ports) => {
                self.readiness.note_made(integration);
                run_job(&ports, integration, task, options).await
            }
            Err(error) => {
                for side in [&integration.policy.source, &integration.policy.target] {
                    self.readiness.look(&self.composition, &side.connection).await;
                }
                Err(JobError::Failed(error))
            }
        };
        self.metrics.ended(&integration.name, &ended, self.composition.clock().now() - begun);
        if let Err(JobError::Failed(error)) = &ended {
            tell.report(Event::Note(in_one_line(error)));
        }
        ended
    }
}

fn in_one_line(error: &Error) -> String {
    output::told(error).replace('\n', " ")
}
