//! Time is passed in: connectors and the engine never read a clock or sleep by themselves.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;

use crate::Instant;

/// Now, and waiting.
#[async_trait]
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Instant;
    /// Waits.
    async fn sleep(&self, wait: Duration);
}

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Utc::now()
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

/// A clock for tests: it stands still until someone sleeps or moves it.
///
/// Sleepers that share it wake in the order of their due times, and the clock moves to the earliest one, never by the sum of the waits.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<ManualState>>);

#[derive(Debug)]
struct ManualState {
    now: Instant,
    sleepers: Vec<(Instant, u64)>,
    next: u64,
    waits: Vec<Duration>,
}

impl ManualClock {
    /// A clock that shows this time.
    pub fn at(now: Instant) -> Self {
        Self(Arc::new(Mutex::new(ManualState { now, sleepers: Vec::new(), next: 0, waits: Vec::new() })))
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.state().now += by;
    }

    /// Every wait asked for so far, in order.
    pub fn waits(&self) -> Vec<Duration> {
        self.state().waits.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, ManualState> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.state().now
    }

    async fn sleep(&self, wait: Duration) {
        let (due, ticket) = {
            let mut state = self.state();
            let due = state.now + wait;
            let ticket = state.next;
            state.next += 1;
            state.sleepers.push((due, ticket));
            state.waits.push(wait);
            (due, ticket)
        };
        // Let everything else that can run go first: only when all are asleep may time move.
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        loop {
            {
                let mut state = self.state();
                let earliest = state.sleepers.iter().min().copied();
                if earliest == Some((due, ticket)) {
                    state.sleepers.retain(|sleeper| *sleeper != (due, ticket));
                    state.now = state.now.max(due);
                    return;
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shared_sleepers_move_time_to_the_earliest_not_by_the_sum() {
        let start = Utc::now();
        let clock = ManualClock::at(start);
        futures::future::join(clock.sleep(Duration::from_secs(5)), clock.sleep(Duration::from_secs(2))).await;
        assert_eq!(clock.now() - start, chrono::Duration::seconds(5));
    }
}
