//! The simulators' clock: the wall clock by default, never ahead of it; movable in tests.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};

/// Time as the simulated vendor sees it.
#[derive(Clone, Debug, Default)]
pub struct SimClock(Arc<Mutex<Option<DateTime<Utc>>>>);

impl SimClock {
    /// The wall clock.
    pub fn wall() -> Self {
        Self::default()
    }

    /// A clock that stands still at this time until it is moved.
    pub fn fixed(now: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(Some(now))))
    }

    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        self.held().unwrap_or_else(Utc::now)
    }

    /// Stops the clock at this time; `None` returns to the wall clock.
    pub fn set(&self, now: Option<DateTime<Utc>>) {
        *self.held() = now;
    }

    /// Moves it forward; a wall clock stops at the new time.
    pub fn advance(&self, by: chrono::Duration) {
        let now = self.now() + by;
        self.set(Some(now));
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<DateTime<Utc>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
