//! Signing in, whichever way was chosen, with the organisation's daily budget watched on every answer.

mod instance;
mod jwt;

use std::time::Duration;

use chrono::TimeDelta;
use rightful_core::{
    Authorizer, BodySession, Context, Error, ErrorKind, OAuth2, Renewal, Request, Response, Result, Secret, Stamp, async_trait,
};

pub use instance::InstanceRule;
pub use jwt::{JwtBearer, SigningKey};

/// The quota every call draws from.
pub const DAILY_CALLS: &str = "daily-calls";

/// How long what an answer said about the budget is believed, and how long the account rests where nothing is left.
const REST: Duration = Duration::from_secs(15 * 60);

/// How calls are signed.
#[derive(Debug)]
pub enum Way {
    /// As the app itself, or with a refresh token.
    OAuth(Box<OAuth2>),
    /// With an assertion that a private key signed.
    Assertion(Box<BodySession<JwtBearer>>),
}

/// Signs calls and listens to what answers say about the daily budget.
#[derive(Debug)]
pub struct SignIn {
    pub way: Way,
    /// What to look at when a sign-in is refused.
    pub advice: String,
    /// The share of the daily budget that may be used up, in percent (SF-7).
    pub share: u64,
}

impl SignIn {
    fn inner(&self) -> &dyn Authorizer {
        match &self.way {
            Way::OAuth(way) => way.as_ref(),
            Way::Assertion(way) => way.as_ref(),
        }
    }
}

#[async_trait]
impl Authorizer for SignIn {
    async fn authorize(&self, request: &mut Request, context: &Context) -> Result<Stamp> {
        self.inner().authorize(request, context).await.map_err(|error| advised(error, &self.advice))
    }

    fn observe(&self, stamp: Stamp, response: &Response, context: &Context) {
        self.inner().observe(stamp, response, context);
        let Some((used, most)) = response.header("sforce-limit-info").and_then(usage) else { return };
        let left = left(used, most, self.share);
        let Some(until) = TimeDelta::from_std(REST).ok().and_then(|rest| context.clock.now().checked_add_signed(rest)) else { return };
        context.permits.learned(DAILY_CALLS, u32::try_from(left).unwrap_or(u32::MAX), until);
        if left == 0 {
            // A wait this long ends the run with its reason, where a quota alone would make it trickle on.
            context.permits.pause_until(until);
        }
    }

    async fn refused(&self, stamp: Stamp, error: &Error, context: &Context) -> Renewal {
        self.inner().refused(stamp, error, context).await
    }

    fn secrets(&self) -> Vec<Secret> {
        self.inner().secrets()
    }

    async fn reopen(&self, context: &Context) -> Result<()> {
        self.inner().reopen(context).await
    }
}

fn advised(error: Error, advice: &str) -> Error {
    if error.kind() == ErrorKind::Unauthenticated && !error.mend().is_some_and(|hint| hint.starts_with(jwt::KNOWN)) {
        error.hint(advice)
    } else {
        error
    }
}

/// Used and allowed calls from `api-usage=18/5000`, which an app's own quota may follow
/// [<https://developer.salesforce.com/docs/platform/api-rest/guide/headers.html>].
fn usage(header: &str) -> Option<(u64, u64)> {
    let (used, most) = header.split(';').find_map(|part| part.trim().strip_prefix("api-usage="))?.split_once('/')?;
    Some((used.trim().parse().ok()?, most.trim().parse().ok()?)).filter(|(_, most)| *most > 0)
}

/// How many calls are left for us.
fn left(used: u64, most: u64, share: u64) -> u64 {
    (most.saturating_mul(share) / 100).saturating_sub(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sf_7_the_limit_header_is_read() {
        for (header, wanted) in [
            ("api-usage=18/5000", Some((18, 5000))),
            ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)", Some((25, 5000))),
            ("per-app-api-usage=17/250(appName=sample-app)", None),
            ("api-usage=x/5", None),
            ("api-usage=1/0", None),
            ("", None),
        ] {
            assert_eq!(usage(header), wanted, "{header}");
        }
    }

    #[test]
    fn sf_7_a_share_of_the_budget_is_ours() {
        for (used, most, share, wanted) in [(18, 5000, 80, 3982), (4000, 5000, 80, 0), (4999, 5000, 100, 1), (5001, 5000, 100, 0)] {
            assert_eq!(left(used, most, share), wanted);
        }
    }
}
