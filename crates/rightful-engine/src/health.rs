//! Which alarms an integration has at a moment: pure decisions, slow to end so that an alarm does not flutter.

use std::fmt;

use chrono::TimeDelta;
use rightful_core::Instant;
use serde::{Deserialize, Serialize};

use crate::{Quarantine, Run, RunId, RunOutcome, RunTask, Schedule, Vitals};

/// How many runs in a row the holds must have grown for.
pub const GROWING_RUNS: usize = 3;

/// Up to so many holds are no alarm, however they grow.
pub const HOLDS_FLOOR: u64 = 20;

/// What can be wrong with an integration over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alarm {
    /// For too long no run ended `done` or `done-with-holds`.
    NoCompleteRun,
    /// A run under way has reported nothing for too long.
    NoProgress,
    /// More and more wanted states wait.
    GrowingHolds,
    /// A wanted state has waited for too long.
    OldHolds,
    /// The schedule no longer starts it.
    Quarantined,
}

impl Alarm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::NoCompleteRun, Self::NoProgress, Self::GrowingHolds, Self::OldHolds, Self::Quarantined];

    /// Its name for people, programs and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCompleteRun => "no-complete-run",
            Self::NoProgress => "no-progress",
            Self::GrowingHolds => "growing-holds",
            Self::OldHolds => "old-holds",
            Self::Quarantined => "quarantined",
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// When something counts as wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take until a run is complete; `None`: for ever.
    pub complete_run: Option<TimeDelta>,
    /// Does that hold for integrations that never run by themselves, too?
    pub manual_too: bool,
    /// How long a run may go on without reporting; `None`: for ever.
    pub progress: Option<TimeDelta>,
    /// How long a wanted state may wait; `None`: for ever.
    pub hold: Option<TimeDelta>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            complete_run: Some(TimeDelta::hours(3)),
            manual_too: false,
            progress: Some(TimeDelta::minutes(30)),
            hold: Some(TimeDelta::days(7)),
        }
    }
}

/// What a run of this process reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// The run, once it has its number.
    pub run: Option<RunId>,
    /// When it last reported, or began.
    pub last: Instant,
    /// Since when it has been reporting without a silence that was too long.
    pub steady_since: Instant,
}

/// What there is to judge an integration by.
#[derive(Clone, Copy, Debug)]
pub struct Signs<'a> {
    /// What the store knows of it.
    pub vitals: &'a Vitals,
    /// When it runs by itself.
    pub schedule: &'a Schedule,
    /// Its run under way in this process.
    pub pulse: Option<&'a Pulse>,
    /// Holds after each of its latest whole runs, oldest first: [`holds_of`].
    pub holds: &'a [u64],
    /// When its oldest hold began.
    pub oldest_hold: Option<Instant>,
    /// Alarms that are open.
    pub open: &'a [Alarm],
}

/// An alarm that stands, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarmed {
    /// Which.
    pub alarm: Alarm,
    /// In a sentence.
    pub message: String,
}

/// The alarms that stand now.
pub fn alarms(signs: &Signs<'_>, limits: &Limits, now: Instant) -> Vec<Alarmed> {
    let found = [
        (Alarm::NoCompleteRun, no_complete_run(signs, limits, now)),
        (Alarm::NoProgress, no_progress(signs, limits, now)),
        (Alarm::GrowingHolds, growing_holds(signs)),
        (Alarm::OldHolds, old_holds(signs, limits, now)),
        (Alarm::Quarantined, signs.vitals.watched.quarantine.as_ref().map(quarantined)),
    ];
    found.into_iter().filter_map(|(alarm, message)| Some(Alarmed { alarm, message: message? })).collect()
}

fn no_complete_run(signs: &Signs<'_>, limits: &Limits, now: Instant) -> Option<String> {
    let limit = limits.complete_run?;
    let Vitals { watched, state, .. } = signs.vitals;
    if state.paused.is_some() || !(limits.manual_too || signs.schedule.runs_by_itself()) {
        return None;
    }
    // Runs were not expected before it was first seen, or resumed.
    let from = watched.last_complete.max(watched.expected)?;
    // A daily integration is not late three hours after its run, but three hours after its next one was due.
    let due = signs.schedule.next_after(from).filter(|due| *due - from > limit).unwrap_or(from);
    if now - due < limit {
        return None;
    }
    let since = match watched.last_complete {
        Some(at) => format!("no run was complete since {}", moment(at)),
        None => format!("no run was ever complete; they are expected since {}", moment(from)),
    };
    let due = if due == from { String::new() } else { format!(", and one was due at {}", moment(due)) };
    let last = watched.last_ended.as_ref().map_or_else(String::new, |(run, at, outcome)| {
        if matches!(outcome, RunOutcome::Done | RunOutcome::DoneWithHolds) {
            String::new()
        } else {
            format!("; the last one, {run}, ended {} at {}", outcome.as_str(), moment(*at))
        }
    });
    Some(format!("{since}{due}{last}"))
}

fn no_progress(signs: &Signs<'_>, limits: &Limits, now: Instant) -> Option<String> {
    let (limit, pulse) = (limits.progress?, signs.pulse?);
    let silent = now - pulse.last >= limit;
    // One sign of life after a long silence is not yet a run that goes on.
    let unsteady = signs.open.contains(&Alarm::NoProgress) && now - pulse.steady_since < limit;
    let run = pulse.run.map_or_else(|| "a run that is about to begin".to_owned(), |run| run.to_string());
    (silent || unsteady).then(|| format!("{run} has reported nothing since {}", moment(pulse.last)))
}

fn growing_holds(signs: &Signs<'_>) -> Option<String> {
    let recent = &signs.holds[signs.holds.len().saturating_sub(GROWING_RUNS + 1)..];
    let last = *recent.last()?;
    if last <= HOLDS_FLOOR {
        return None;
    }
    let mut steps = recent.windows(2).map(|pair| pair[1] > pair[0]);
    // Once begun it ends when they have stopped growing for as many runs.
    let stands = if signs.open.contains(&Alarm::GrowingHolds) {
        recent.len() <= GROWING_RUNS || steps.any(|grew| grew)
    } else {
        recent.len() > GROWING_RUNS && steps.all(|grew| grew)
    };
    let counts: Vec<String> = recent.iter().map(u64::to_string).collect();
    stands.then(|| format!("holds grow from run to run: {}", counts.join(", ")))
}

fn old_holds(signs: &Signs<'_>, limits: &Limits, now: Instant) -> Option<String> {
    let (limit, since) = (limits.hold?, signs.oldest_hold?);
    let held = signs.vitals.holds;
    let holds = if held == 1 { "a wanted state waits".to_owned() } else { format!("{held} wanted states wait") };
    (now - since >= limit).then(|| format!("{holds}, the oldest since {}", moment(since)))
}

fn quarantined(quarantine: &Quarantine) -> String {
    format!("taken out of the schedule at {}: {}", moment(quarantine.since), quarantine.reason)
}

/// Holds after each whole run that came to a plan, oldest first; `runs` are newest first. Pilots, dry runs and undos tell nothing of all holds.
pub fn holds_of(runs: &[Run]) -> Vec<u64> {
    let whole = |run: &&Run| run.task == RunTask::Full && run.ended.is_some() && run.plan.is_some();
    runs.iter().rev().filter(whole).map(|run| run.counts.holds).collect()
}

impl Vitals {
    /// How far a run that is due is behind; nothing is due while the integration is paused or in quarantine.
    pub fn delay(&self, schedule: &Schedule, now: Instant) -> TimeDelta {
        let Self { watched, state, .. } = self;
        let handled = watched.handled.filter(|_| state.paused.is_none() && watched.quarantine.is_none());
        handled.and_then(|handled| schedule.latest_due(handled, now)).map_or(TimeDelta::zero(), |due| now - due)
    }

    /// How old the last complete run is. Where there was none, since runs are expected; nothing where that is not known either.
    pub fn age(&self, now: Instant) -> Option<TimeDelta> {
        self.watched.last_complete.or(self.watched.expected).map(|at| now - at)
    }
}

fn moment(at: Instant) -> impl fmt::Display {
    at.format("%Y-%m-%d %H:%M UTC")
}

#[cfg(test)]
mod tests;
