//! Live progress of the runs in this process: whoever watches an integration hears how its runs go on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rightful_engine::{Event, Progress, RunId};
use tokio::sync::{broadcast, oneshot};

/// Events that a slow listener may be behind; what it misses, the next event makes good.
const BEHIND: usize = 256;

/// Hands out progress by integration.
#[derive(Debug, Default)]
pub struct Hub(Mutex<HashMap<String, broadcast::Sender<Event>>>);

impl Hub {
    /// Hears the integration's events from now on.
    pub fn listen(&self, integration: &str) -> broadcast::Receiver<Event> {
        self.sender(integration).subscribe()
    }

    /// What a run of the integration reports to; `began` is told its number.
    pub fn reporter(&self, integration: &str, began: oneshot::Sender<RunId>) -> Arc<dyn Progress> {
        Arc::new(Reporter { to: self.sender(integration), began: Mutex::new(Some(began)) })
    }

    fn sender(&self, integration: &str) -> broadcast::Sender<Event> {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        senders.entry(integration.to_owned()).or_insert_with(|| broadcast::channel(BEHIND).0).clone()
    }
}

#[derive(Debug)]
struct Reporter {
    to: broadcast::Sender<Event>,
    began: Mutex<Option<oneshot::Sender<RunId>>>,
}

impl Progress for Reporter {
    fn report(&self, event: Event) {
        if let Event::Started { run, .. } = event
            && let Some(began) = self.began.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            // Whoever wanted to know may have gone.
            began.send(run).ok();
        }
        // Nobody listens, mostly.
        let _ = self.to.send(event);
    }
}
