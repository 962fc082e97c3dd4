//! When a failed attempt is made again: one pure decision.

use std::time::Duration;

use crate::ErrorKind;

/// How often and how long the client's loop tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts at one call, the first included.
    pub attempts: u32,
    /// The widest wait before the second attempt; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait the client sits out. A vendor that asks for more gets it from the caller: the call fails with the wait stated.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 5, first_wait: Duration::from_millis(500), longest_wait: Duration::from_secs(300) }
    }
}

/// What is known about an attempt besides how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// Is repeating the call harmless?
    pub idempotent: bool,
    /// Does the call refer to state of the present session?
    pub session_bound: bool,
    /// Was there a new sign-in for this call already?
    pub renewed: bool,
    /// A uniform random number.
    pub random: u64,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The vendor's verdict is good.
    Answered,
    /// The vendor's verdict is an error.
    Refused {
        /// Its kind.
        kind: ErrorKind,
        /// The wait it asked for.
        wait: Option<Duration>,
        /// Did the verdict itself say whether the vendor may have acted?
        may_have_acted: Option<bool>,
    },
    /// The vendor did not accept the session, and a new sign-in may mend it.
    SessionRefused,
    /// The request did not reach the vendor.
    Unreached(ErrorKind),
    /// The request went out, and no answer came.
    Lost(ErrorKind),
}

impl Fate {
    /// May the vendor have acted on the attempt?
    pub fn may_have_acted(self) -> bool {
        match self {
            Self::Answered | Self::Lost(_) => true,
            Self::SessionRefused | Self::Unreached(_) => false,
            Self::Refused { kind, may_have_acted, .. } => {
                may_have_acted.unwrap_or(matches!(kind, ErrorKind::Unavailable | ErrorKind::Protocol))
            }
        }
    }

    /// May another attempt end better?
    fn is_passing(self) -> bool {
        match self {
            Self::Refused { kind, .. } | Self::Unreached(kind) | Self::Lost(kind) => kind.is_retryable(),
            Self::Answered | Self::SessionRefused => false,
        }
    }
}

/// What the loop does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Hand the answer back.
    Return,
    /// Wait so long, then try again.
    Wait(Duration),
    /// Try again at once: it will sign in anew.
    SignInAgain,
    /// Hand the error back.
    Fail,
}

/// Decides what follows an attempt.
///
/// A call is repeated only where the vendor certainly did not act, or where acting twice is harmless; never while the vendor asks for more
/// patience than the policy has; after a new sign-in once, and not at all where it is bound to the old session.
pub fn verdict(policy: &RetryPolicy, attempt: &Attempt, fate: &Fate) -> Next {
    match fate {
        Fate::Answered => return Next::Return,
        Fate::SessionRefused if attempt.renewed || attempt.session_bound => return Next::Fail,
        Fate::SessionRefused => return Next::SignInAgain,
        Fate::Refused { .. } | Fate::Unreached(_) | Fate::Lost(_) => {}
    }
    let safe = attempt.idempotent || !fate.may_have_acted();
    if !fate.is_passing() || !safe || attempt.number >= policy.attempts {
        return Next::Fail;
    }
    match fate {
        Fate::Refused { wait: Some(wait), .. } if *wait > policy.longest_wait => Next::Fail,
        Fate::Refused { wait: Some(wait), .. } => Next::Wait(*wait),
        _ => Next::Wait(backoff(policy, attempt.number, attempt.random)),
    }
}

/// A wait between nothing and `first_wait` doubled per attempt, evenly spread, so that many clients do not come back together.
pub fn backoff(policy: &RetryPolicy, number: u32, random: u64) -> Duration {
    let factor = 1_u32.checked_shl(number.saturating_sub(1)).unwrap_or(u32::MAX);
    let widest = policy.first_wait.saturating_mul(factor).min(policy.longest_wait);
    let share = (random >> 11) as f64 / (1_u64 << 53) as f64;
    widest.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use ErrorKind::*;
    use proptest::prelude::*;

    use super::*;

    const FIRST: Attempt = Attempt { number: 1, idempotent: false, session_bound: false, renewed: false, random: u64::MAX };

    fn refused(kind: ErrorKind, wait: Option<u64>, may_have_acted: Option<bool>) -> Fate {
        Fate::Refused { kind, wait: wait.map(Duration::from_secs), may_have_acted }
    }

    #[test]
    fn what_follows_an_attempt() {
        let policy = RetryPolicy::default();
        let read = Attempt { idempotent: true, ..FIRST };
        let jittered = Next::Wait(backoff(&policy, 1, u64::MAX));
        let stated = |seconds| Next::Wait(Duration::from_secs(seconds));
        let table = [
            ("an answer is handed back", FIRST, Fate::Answered, Next::Return),
            ("a refused write is final", FIRST, refused(Rejected, None, None), Next::Fail),
            ("a refused read is final", read, refused(NotFound, None, None), Next::Fail),
            ("a forbidden read is final", read, refused(Forbidden, None, None), Next::Fail),
            ("a wrong key is final", read, refused(Unauthenticated, None, None), Next::Fail),
            ("an unreadable answer is final", read, refused(Protocol, None, None), Next::Fail),
            ("a throttled read waits as told", read, refused(RateLimited, Some(30), None), stated(30)),
            ("a throttled write waits as told", FIRST, refused(RateLimited, Some(30), None), stated(30)),
            ("a throttled write without a stated wait backs off", FIRST, refused(RateLimited, None, None), jittered),
            ("the longest wait is sat out", FIRST, refused(RateLimited, Some(300), None), stated(300)),
            ("a longer one is never clipped", FIRST, refused(RateLimited, Some(301), None), Next::Fail),
            ("an unavailable vendor is read from again", read, refused(Unavailable, None, None), jittered),
            ("its stated wait counts too", read, refused(Unavailable, Some(7), None), stated(7)),
            ("a write it may have acted on is not repeated", FIRST, refused(Unavailable, None, None), Next::Fail),
            ("a write the vendor says it did not act on is", FIRST, refused(Unavailable, None, Some(false)), jittered),
            ("a throttled write that may have acted is not", FIRST, refused(RateLimited, Some(1), Some(true)), Next::Fail),
            ("an unreached write is sent again", FIRST, Fate::Unreached(Unavailable), jittered),
            ("an address that is not allowed stays so", read, Fate::Unreached(Config), Next::Fail),
            ("a lost read is sent again", read, Fate::Lost(Unavailable), jittered),
            ("a lost write is not", FIRST, Fate::Lost(Unavailable), Next::Fail),
            ("an answer too large stays so", read, Fate::Lost(Protocol), Next::Fail),
            ("an ended session is renewed, for writes too", FIRST, Fate::SessionRefused, Next::SignInAgain),
            ("once only", Attempt { renewed: true, ..FIRST }, Fate::SessionRefused, Next::Fail),
            ("not for a call bound to it", Attempt { session_bound: true, ..read }, Fate::SessionRefused, Next::Fail),
            ("the fourth attempt is followed by a fifth", Attempt { number: 4, ..read }, refused(RateLimited, Some(1), None), stated(1)),
            ("the fifth is the last", Attempt { number: 5, ..read }, refused(RateLimited, Some(1), None), Next::Fail),
        ];
        for (what, attempt, fate, expected) in table {
            assert_eq!(verdict(&policy, &attempt, &fate), expected, "{what}");
        }
    }

    proptest! {
        #[test]
        fn a_backoff_is_never_wider_than_its_doubled_step(number in 1_u32..80, random: u64) {
            let policy = RetryPolicy::default();
            let widest = Duration::from_millis(500).saturating_mul(1_u32.checked_shl(number - 1).unwrap_or(u32::MAX)).min(policy.longest_wait);
            prop_assert!(backoff(&policy, number, random) <= widest);
        }

        #[test]
        fn a_write_is_repeated_only_where_the_vendor_did_not_act(kind in 0_usize..5, stated: Option<bool>, lost: bool) {
            let kind = [RateLimited, Unavailable, Protocol, Rejected, Config][kind];
            let fate = if lost { Fate::Lost(kind) } else { refused(kind, None, stated) };
            if fate.may_have_acted() {
                prop_assert_eq!(verdict(&RetryPolicy::default(), &FIRST, &fate), Next::Fail);
            }
        }
    }
}
