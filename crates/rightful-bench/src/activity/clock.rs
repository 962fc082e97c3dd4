//! A clock that simulators, connectors and the engine share: a wait moves it at once, and nothing that was sent before the wait arrives after it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rightful_core::{CALLS, Clock, Instant, Permits, Request, Response, SendError, Transport, async_trait};
use rightful_sim::SimClock;
use tokio::sync::watch;

/// The clock. It stands still until somebody sleeps.
#[derive(Clone)]
pub struct SharedClock {
    time: SimClock,
    account: Arc<OnceLock<Arc<Permits>>>,
    /// Calls of the account that ended.
    ended: watch::Sender<u64>,
}

impl fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The permits hold this clock.
        f.debug_struct("SharedClock").field("time", &self.time).finish_non_exhaustive()
    }
}

impl SharedClock {
    /// A clock that shows this time.
    pub fn at(now: Instant) -> Self {
        Self { time: SimClock::fixed(now), account: Arc::default(), ended: watch::Sender::new(0) }
    }

    /// The same time for a simulator.
    pub fn time(&self) -> SimClock {
        self.time.clone()
    }

    /// The permits of the one account whose calls end before the clock moves, and the network they have to be sent through.
    pub fn account(&self, network: Arc<dyn Transport>) -> (Arc<Permits>, Arc<dyn Transport>) {
        let permits = self.account.get_or_init(|| Arc::new(Permits::new(Arc::new(self.clone()))));
        (permits.clone(), Arc::new(Counted { network, ended: self.ended.clone() }))
    }
}

#[async_trait]
impl Clock for SharedClock {
    fn now(&self) -> Instant {
        self.time.now()
    }

    async fn sleep(&self, wait: Duration) {
        let due = self.now() + wait;
        if let Some(permits) = self.account.get() {
            // It ends by an error only without a sender, and this is one.
            let _ = self.ended.subscribe().wait_for(|ended| *ended >= permits.spent(CALLS)).await;
        }
        self.time.set(Some(self.now().max(due)));
    }
}

/// A network that counts what ended.
#[derive(Debug)]
struct Counted {
    network: Arc<dyn Transport>,
    ended: watch::Sender<u64>,
}

/// Counts when it is dropped: a call that was given up has ended too.
struct End<'a>(&'a watch::Sender<u64>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|ended| *ended += 1);
    }
}

#[async_trait]
impl Transport for Counted {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let _end = End(&self.ended);
        self.network.send(request).await
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use rightful_core::{HeaderMap, Method, ScriptedTransport, StatusCode};

    use super::*;

    #[tokio::test]
    async fn time_waits_for_what_was_sent() {
        let begin = chrono::Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap();
        let clock = SharedClock::at(begin);
        let answer = Response::new(StatusCode::OK, "");
        let (permits, network) = clock.account(Arc::new(ScriptedTransport::new([Ok(answer)])));
        let permit = permits.acquire(&[], 1).await;
        let mut sleep = clock.sleep(Duration::from_secs(2));
        assert!(futures::poll!(&mut sleep).is_pending());
        assert_eq!(clock.now(), begin);
        let request = Request {
            method: Method::GET,
            url: rightful_core::Url::parse("http://127.0.0.1:1/").unwrap(),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            timeout: Duration::from_secs(1),
            body_cap: 1,
        };
        network.send(request).await.unwrap();
        drop(permit);
        sleep.await;
        assert_eq!(clock.time().now(), begin + chrono::Duration::seconds(2));
    }
}
