//! Patience where calls are refused for their rate and nothing says how long that lasts.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use rightful_core::{Authorizer, Context, Error, HeaderKeys, Renewal, Request, Response, Result, Secret, Stamp, StatusCode, async_trait};

/// Both of the vendor's windows have moved on after so long.
const LONGEST: Duration = Duration::from_secs(60);

/// Signs calls with the key, and holds the whole account back after a 429 without `Retry-After`.
#[derive(Debug)]
pub struct Patience {
    keys: HeaderKeys,
    /// How many such refusals came one after the other.
    refusals: AtomicU32,
}

impl Patience {
    /// Signs with these keys.
    pub fn new(keys: HeaderKeys) -> Self {
        Self { keys, refusals: AtomicU32::new(0) }
    }
}

/// The pause after so many refusals before: a second, doubled, at most a minute.
fn pause(before: u32) -> Duration {
    Duration::from_secs(1).saturating_mul(1_u32.checked_shl(before).unwrap_or(u32::MAX)).min(LONGEST)
}

#[async_trait]
impl Authorizer for Patience {
    async fn authorize(&self, request: &mut Request, context: &Context) -> Result<Stamp> {
        self.keys.authorize(request, context).await
    }

    fn observe(&self, stamp: Stamp, response: &Response, context: &Context) {
        self.keys.observe(stamp, response, context);
        if response.status != StatusCode::TOO_MANY_REQUESTS {
            self.refusals.store(0, Ordering::Relaxed);
        } else if response.header("retry-after").is_none() {
            // Other calls of the account would only be refused too, and keep the window full.
            let pause = pause(self.refusals.fetch_add(1, Ordering::Relaxed));
            let until = TimeDelta::from_std(pause).ok().and_then(|pause| context.clock.now().checked_add_signed(pause));
            if let Some(until) = until {
                context.permits.pause_until(until);
            }
        }
    }

    async fn refused(&self, stamp: Stamp, error: &Error, context: &Context) -> Renewal {
        self.keys.refused(stamp, error, context).await
    }

    fn secrets(&self) -> Vec<Secret> {
        self.keys.secrets()
    }

    async fn reopen(&self, context: &Context) -> Result<()> {
        self.keys.reopen(context).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_asks_for_more_patience_up_to_the_longer_window() {
        let pauses: Vec<u64> = [0, 1, 2, 5, 6, 31, 32, u32::MAX].into_iter().map(|before| pause(before).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60, 60, 60]);
    }
}
