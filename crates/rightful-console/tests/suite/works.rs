//! Lets the stage's integrations really run, in the background as a server does.

use std::sync::Arc;

use rightful_core::*;
use rightful_engine::*;
use tokio::sync::{broadcast, watch};

use crate::stage::Stage;

/// Runs and hands out what they report.
#[derive(Debug)]
pub struct Works(pub broadcast::Sender<Event>);

impl Default for Works {
    fn default() -> Self {
        Self(broadcast::channel(64).0)
    }
}

impl Works {
    /// Starts a task and gives back its run once it began.
    pub async fn start(&self, ports: &Ports, integration: Integration, task: RunTask, options: RunOptions) -> Result<RunId> {
        let (began, mut begun) = watch::channel(None);
        let progress = Arc::new(Reporter { to: self.0.clone(), began });
        let ports = Ports { progress, ..ports.clone() };
        let run = tokio::spawn(async move { run_job(&ports, &integration, task, options).await });
        // Whoever reports is gone once the job ended.
        if let Ok(began) = begun.wait_for(Option::is_some).await
            && let Some(run) = *began
        {
            return Ok(run);
        }
        match run.await {
            Ok(Ok(report)) => Ok(report.run),
            Ok(Err(error)) => Err(error.into()),
            Err(error) => panic!("the run broke down: {error}"),
        }
    }
}

#[derive(Debug)]
struct Reporter {
    to: broadcast::Sender<Event>,
    began: watch::Sender<Option<RunId>>,
}

impl Progress for Reporter {
    fn report(&self, event: Event) {
        if let Event::Started { run, .. } = event {
            self.began.send_replace(Some(run));
        }
        let _ = self.to.send(event);
    }
}

impl Stage {
    /// A stage with users and 30 customers of three codes: `A` goes to User one, `B` to User two, `C` is mapped to nobody.
    pub async fn with_customers() -> Self {
        let mut stage = Self::set().await;
        stage.world = stage.world.with_users();
        for number in 0..30 {
            stage.world.customer(&format!("C{number:02}"), ["A", "B", "C"][number % 3], &["4"]);
        }
        stage.world.codes(&[("A", Some("one"), None), ("B", Some("two"), None)]).await;
        stage
    }

    /// Changes what the integration shall do.
    pub fn policy(&mut self, change: impl Fn(&mut Policy)) {
        change(&mut self.world.integration.policy);
        self.toy.integrations.lock().unwrap().iter_mut().for_each(|integration| change(&mut integration.policy));
    }

    /// Gives the deployment another integration over the same connections.
    pub fn another(&self, name: &str) -> Integration {
        let integration = Integration { name: name.to_owned(), policy: self.world.integration.policy.clone() };
        self.toy.integrations.lock().unwrap().push(integration.clone());
        integration
    }

    /// Waits until a run has ended.
    pub async fn ended(&self, run: RunId) -> Run {
        loop {
            match self.store.run(run).await.unwrap() {
                Some(run) if run.ended.is_some() => return run,
                _ => tokio::task::yield_now().await,
            }
        }
    }

    /// The run that an answer leads to, once it has ended.
    pub async fn run_behind(&self, location: &str) -> Run {
        let number = location.rsplit('/').next().unwrap();
        self.ended(number.parse().unwrap_or_else(|_| panic!("{location} is no run's address"))).await
    }

    /// Another process that runs the integration, for an hour.
    pub async fn busy(&self, integration: &str) -> Fence {
        let now = self.world.clock.now();
        let elsewhere = Holder { machine: "elsewhere".into(), process: 77, born: 1 };
        match self.store.lease(integration, &elsewhere, now, now + chrono::TimeDelta::hours(1)).await.unwrap() {
            Leased::Held(fence) => fence,
            busy => panic!("nobody else runs here: {busy:?}"),
        }
    }
}
