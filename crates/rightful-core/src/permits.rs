//! How many calls an account bears: side by side, and per window of time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Clock, Instant};

/// The counter every call is counted under, whatever quotas it draws from. A window of this name holds for every call.
pub const CALLS: &str = "calls";

/// The counter of waits: for a window, a stated pause or another attempt.
pub const WAITS: &str = "waits";

/// How many calls run side by side unless the account says otherwise.
const WIDTH: usize = 4;

/// A quota over a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many units fit.
    pub units: u32,
    /// Into how long a time.
    pub per: Duration,
}

/// The permits of one account, shared by every connection to it.
///
/// A call waits its turn per quota, in order of arrival; calls that draw from other quotas pass by.
#[derive(Debug)]
pub struct Permits {
    account: Arc<Account>,
    /// Calls made on behalf of a call that already holds a permit (its sign-in) take no second place.
    riding: bool,
}

#[derive(Debug)]
struct Account {
    clock: Arc<dyn Clock>,
    running: Arc<Semaphore>,
    state: Mutex<PermitState>,
}

#[derive(Debug, Default)]
struct PermitState {
    width: usize,
    /// Places to take away when their holders leave, after the width was lowered.
    surplus: usize,
    windows: HashMap<&'static str, Vec<Usage>>,
    learned: HashMap<&'static str, Learned>,
    turns: HashMap<&'static str, Arc<tokio::sync::Mutex<()>>>,
    not_before: Option<Instant>,
    spent: HashMap<&'static str, u64>,
}

#[derive(Debug)]
struct Usage {
    window: Window,
    drawn: VecDeque<(Instant, u32)>,
}

/// What the vendor last said about a quota.
#[derive(Clone, Copy, Debug)]
struct Learned {
    remaining: u32,
    reset: Instant,
}

/// Held while one call runs.
#[derive(Debug)]
pub struct Permit {
    account: Arc<Account>,
    place: Option<OwnedSemaphorePermit>,
    draws: Vec<(&'static str, u32)>,
    at: Instant,
}

impl Permits {
    /// Permits for an account of which no limits are known: a modest width, no windows.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_width(clock, WIDTH)
    }

    /// Permits for an account that bears `width` calls side by side (at least one).
    pub fn with_width(clock: Arc<dyn Clock>, width: usize) -> Self {
        let width = width.max(1);
        Self {
            account: Arc::new(Account {
                clock,
                running: Arc::new(Semaphore::new(width)),
                state: Mutex::new(PermitState { width, ..PermitState::default() }),
            }),
            riding: false,
        }
    }

    /// The same account, for calls made on behalf of a call that holds a permit: they draw from windows but take no place of their own.
    pub(crate) fn riding(&self) -> Self {
        Self { account: self.account.clone(), riding: true }
    }

    /// How many calls may run side by side.
    pub fn width(&self) -> usize {
        self.account.state().width
    }

    /// Changes how many calls may run side by side (at least one). Calls that run already finish.
    pub fn set_width(&self, width: usize) {
        let width = width.max(1);
        let mut state = self.account.state();
        if width > state.width {
            let added = width - state.width;
            let kept = added.min(state.surplus);
            state.surplus -= kept;
            self.account.running.add_permits(added - kept);
        } else {
            let removed = state.width - width;
            state.surplus += removed - self.account.running.forget_permits(removed);
        }
        state.width = width;
    }

    /// Adds a sliding window to a quota. The same window added twice counts once.
    pub fn window(&self, name: &'static str, window: Window) {
        let mut state = self.account.state();
        let usages = state.windows.entry(name).or_default();
        if usages.iter().all(|usage| usage.window != window) {
            usages.push(Usage { window, drawn: VecDeque::new() });
        }
    }

    /// Holds back every call of the account until then: the vendor stated a wait.
    pub fn pause_until(&self, until: Instant) {
        let mut state = self.account.state();
        state.not_before = state.not_before.max(Some(until));
    }

    /// Until when the whole account is held back, if it is.
    pub fn paused_until(&self) -> Option<Instant> {
        let now = self.account.clock.now();
        self.account.state().not_before.filter(|until| *until > now)
    }

    /// Takes over what a limit header said: so much is left until then.
    pub fn learned(&self, name: &'static str, remaining: u32, reset: Instant) {
        self.account.state().learned.insert(name, Learned { remaining, reset });
    }

    /// How much was drawn from a quota so far; [`CALLS`] and [`WAITS`] count calls and waits.
    pub fn spent(&self, name: &str) -> u64 {
        self.account.state().spent.get(name).copied().unwrap_or_default()
    }

    /// Counts one wait of the client's loop.
    pub(crate) fn count_wait(&self) {
        *self.account.state().spent.entry(WAITS).or_default() += 1;
    }

    /// Waits until a call may run that draws `cost` from each of these quotas, and one from [`CALLS`].
    ///
    /// A cost above a window's size counts as the whole window.
    pub async fn acquire(&self, quotas: &[&'static str], cost: u32) -> Permit {
        let account = &self.account;
        let mut draws: Vec<(&'static str, u32)> =
            quotas.iter().filter(|name| **name != CALLS).map(|name| (*name, cost)).chain([(CALLS, 1)]).collect();
        draws.sort_unstable();
        draws.dedup_by_key(|draw| draw.0);
        // Turns are taken in the order of names, so that two calls can never wait for each other. A riding call takes none: the call it
        // rides on holds a place that the first in line may be waiting for.
        let mut turns = Vec::new();
        if !self.riding {
            for turn in account.turns(&draws) {
                turns.push(turn.lock_owned().await);
            }
        }
        loop {
            while let Some(wait) = account.wait_for(&draws) {
                self.count_wait();
                tracing::debug!(wait_ms = wait.as_millis() as u64, "waiting for the account's quota");
                account.clock.sleep(wait).await;
            }
            let place = if self.riding {
                None
            } else {
                Some(account.running.clone().acquire_owned().await.expect("the semaphore is never closed"))
            };
            let mut permit = Permit { account: account.clone(), place, draws: Vec::new(), at: account.clock.now() };
            if account.draw(&draws, permit.at) {
                permit.draws = draws;
                return permit;
            }
        }
    }
}

impl Account {
    fn state(&self) -> MutexGuard<'_, PermitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queues of those quotas that have a limit.
    fn turns(&self, draws: &[(&'static str, u32)]) -> Vec<Arc<tokio::sync::Mutex<()>>> {
        let mut state = self.state();
        let limited: Vec<&'static str> =
            draws.iter().map(|draw| draw.0).filter(|name| state.windows.contains_key(name) || state.learned.contains_key(name)).collect();
        limited.into_iter().map(|name| state.turns.entry(name).or_default().clone()).collect()
    }

    /// How long until all of these fit; `None`: they fit now.
    fn wait_for(&self, draws: &[(&'static str, u32)]) -> Option<Duration> {
        let now = self.clock.now();
        let due = self.state().due(draws, now);
        (due > now).then(|| (due - now).to_std().unwrap_or_default().max(Duration::from_millis(1)))
    }

    /// Draws all of these if they fit now.
    fn draw(&self, draws: &[(&'static str, u32)], now: Instant) -> bool {
        let mut state = self.state();
        if state.due(draws, now) > now {
            return false;
        }
        for (name, cost) in draws {
            if let Some(usages) = state.windows.get_mut(name) {
                for usage in usages {
                    usage.drawn.push_back((now, (*cost).min(usage.window.units)));
                }
            }
            if let Some(learned) = state.learned.get_mut(name) {
                learned.remaining = learned.remaining.saturating_sub(*cost);
            }
            *state.spent.entry(name).or_default() += u64::from(*cost);
        }
        true
    }
}

impl PermitState {
    /// When all of these fit; `now` or earlier: at once.
    fn due(&mut self, draws: &[(&'static str, u32)], now: Instant) -> Instant {
        self.learned.retain(|_, learned| learned.reset > now);
        let mut due = self.not_before.unwrap_or(now);
        for (name, cost) in draws {
            for usage in self.windows.get_mut(name).into_iter().flatten() {
                due = due.max(usage.due(*cost, now));
            }
            if let Some(learned) = self.learned.get(name)
                && learned.remaining < *cost
            {
                due = due.max(learned.reset);
            }
        }
        due
    }
}

impl Usage {
    /// When `cost` units fit into the window.
    fn due(&mut self, cost: u32, now: Instant) -> Instant {
        let per = self.window.per;
        while self.drawn.front().is_some_and(|(at, _)| *at + per <= now) {
            self.drawn.pop_front();
        }
        let allowed = u64::from(self.window.units.saturating_sub(cost));
        let mut held: u64 = self.drawn.iter().map(|(_, units)| u64::from(*units)).sum();
        let mut due = now;
        for (at, units) in &self.drawn {
            if held <= allowed {
                break;
            }
            held -= u64::from(*units);
            due = *at + per;
        }
        due
    }
}

impl Permit {
    /// Gives back what was drawn: nothing was sent after all.
    pub fn unused(mut self) {
        let mut state = self.account.state();
        for (name, cost) in std::mem::take(&mut self.draws) {
            for usage in state.windows.get_mut(name).into_iter().flatten() {
                let drawn = (self.at, cost.min(usage.window.units));
                if let Some(place) = usage.drawn.iter().rposition(|entry| *entry == drawn) {
                    usage.drawn.remove(place);
                }
            }
            if let Some(learned) = state.learned.get_mut(name) {
                learned.remaining = learned.remaining.saturating_add(cost);
            }
            if let Some(spent) = state.spent.get_mut(name) {
                *spent = spent.saturating_sub(u64::from(cost));
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.account.state();
        if let Some(place) = self.place.take()
            && state.surplus > 0
        {
            state.surplus -= 1;
            place.forget();
        }
    }
}
