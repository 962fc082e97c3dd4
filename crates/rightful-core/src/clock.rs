//! Time is passed in: connectors and the engine never read a clock or sleep by themselves.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use tokio::sync::{Notify, watch};

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
/// Sleepers that share it wake in the order of their due times, and the clock moves to the earliest one, never by the sum of the waits. A
/// sleeper that is dropped before its time holds nobody up.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<ManualShared>);

#[derive(Debug)]
struct ManualShared {
    state: Mutex<ManualState>,
    /// Told whenever a sleeper leaves.
    left: Notify,
}

#[derive(Debug)]
struct ManualState {
    now: Instant,
    sleepers: BTreeSet<(Instant, u64)>,
    next: u64,
    waits: Vec<Duration>,
}

/// A sleeper's place in the line; given up when it wakes or is dropped.
struct Place<'a> {
    clock: &'a ManualClock,
    place: (Instant, u64),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.clock.state().sleepers.remove(&self.place);
        self.clock.0.left.notify_waiters();
    }
}

impl ManualClock {
    /// A clock that shows this time.
    pub fn at(now: Instant) -> Self {
        let state = ManualState { now, sleepers: BTreeSet::new(), next: 0, waits: Vec::new() };
        Self(Arc::new(ManualShared { state: Mutex::new(state), left: Notify::new() }))
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
        self.0.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.state().now
    }

    async fn sleep(&self, wait: Duration) {
        let place = {
            let mut state = self.state();
            let place = (state.now + wait, state.next);
            state.next += 1;
            state.sleepers.insert(place);
            state.waits.push(wait);
            place
        };
        let held = Place { clock: self, place };
        loop {
            let mut left = std::pin::pin!(self.0.left.notified());
            left.as_mut().enable();
            // Let everything else that can run go first: only when all are asleep may time move.
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
            {
                let mut state = self.state();
                if state.sleepers.first() == Some(&place) {
                    state.now = state.now.max(place.0);
                    break;
                }
            }
            left.await;
        }
        drop(held);
    }
}

/// A clock for tests: it stands still until it is moved, whoever sleeps.
#[derive(Clone, Debug)]
pub struct HeldClock {
    now: watch::Sender<Instant>,
    impatient: bool,
}

impl HeldClock {
    /// A clock that shows this time.
    pub fn at(now: Instant) -> Self {
        Self { now: watch::Sender::new(now), impatient: false }
    }

    /// The same clock for those who shall not be kept waiting: whoever sleeps by it moves it.
    #[must_use]
    pub fn impatient(&self) -> Self {
        Self { now: self.now.clone(), impatient: true }
    }

    /// Moves it forward and wakes whose time has come; it never goes back.
    pub fn move_to(&self, now: Instant) {
        self.now.send_if_modified(|shown| {
            let moves = *shown < now;
            *shown = (*shown).max(now);
            moves
        });
    }

    /// Waits until it shows this time or a later one.
    pub async fn reaches(&self, due: Instant) {
        // It ends by an error only without a sender, and this is one.
        let _ = self.now.subscribe().wait_for(|now| *now >= due).await;
    }
}

#[async_trait]
impl Clock for HeldClock {
    fn now(&self) -> Instant {
        *self.now.borrow()
    }

    async fn sleep(&self, wait: Duration) {
        let due = self.now() + wait;
        if self.impatient {
            self.move_to(due);
            tokio::task::yield_now().await;
            return;
        }
        self.reaches(due).await;
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

    #[tokio::test]
    async fn a_dropped_sleeper_holds_nobody_up() {
        let start = Utc::now();
        let clock = ManualClock::at(start);
        let mut short = clock.sleep(Duration::from_secs(1));
        assert!(futures::poll!(&mut short).is_pending());
        drop(short);
        clock.sleep(Duration::from_secs(9)).await;
        assert_eq!(clock.now() - start, chrono::Duration::seconds(9));
    }

    #[tokio::test]
    async fn a_sleeper_that_sleeps_again_comes_before_a_later_one() {
        let start = Utc::now();
        let clock = ManualClock::at(start);
        let order = Mutex::new(Vec::new());
        let twice = async {
            clock.sleep(Duration::from_secs(1)).await;
            tokio::task::yield_now().await;
            clock.sleep(Duration::from_secs(1)).await;
            order.lock().unwrap().push((2, clock.now() - start));
        };
        let once = async {
            clock.sleep(Duration::from_secs(5)).await;
            order.lock().unwrap().push((5, clock.now() - start));
        };
        futures::future::join(once, twice).await;
        let expected = [2, 5].map(|seconds| (seconds, chrono::Duration::seconds(seconds)));
        assert_eq!(*order.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn a_held_clock_moves_only_by_hand_and_by_the_impatient() {
        let start = Utc::now();
        let clock = HeldClock::at(start);
        let mut hour = clock.sleep(Duration::from_secs(3_600));
        assert!(futures::poll!(&mut hour).is_pending());
        clock.impatient().sleep(Duration::from_secs(3_599)).await;
        assert!(futures::poll!(&mut hour).is_pending());
        clock.move_to(start + chrono::Duration::hours(1));
        hour.await;
        clock.move_to(start);
        assert_eq!(clock.now(), start + chrono::Duration::hours(1), "it never goes back");
    }
}
