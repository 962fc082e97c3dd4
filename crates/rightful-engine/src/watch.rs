//! What a schedule must remember of each integration, and the port to whatever remembers it.

use std::fmt;

use async_trait::async_trait;
use rightful_core::{Instant, Result};
use serde::{Deserialize, Serialize};

use crate::{Act, Authorship, IntegrationState, RunId, RunOutcome};

/// What is remembered of an integration between its runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The last due time that was acted upon, or let go because a later one was.
    pub handled: Option<Instant>,
    /// Somebody asked for a run now: when and who.
    pub asked: Option<(Instant, String)>,
    /// Scheduled runs that failed in a row.
    pub failures: u32,
    /// Taken out of the schedule because it kept failing.
    pub quarantine: Option<Quarantine>,
    /// Since when runs are expected: first seen by a schedule, or resumed.
    pub expected: Option<Instant>,
    /// End of the last whole run that was `done` or `done-with-holds`, whichever process made it.
    pub last_complete: Option<Instant>,
    /// End of the last run of any outcome, and how it ended.
    pub last_ended: Option<(RunId, Instant, RunOutcome)>,
}

/// Why an integration is no longer started by its schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Since when.
    pub since: Instant,
    /// What happened, in a sentence.
    pub reason: String,
}

/// What the store knows of an integration's health, in one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// The integration.
    pub integration: String,
    /// What is remembered of it between its runs.
    pub watched: Watched,
    /// Paused or not.
    pub state: IntegrationState,
    /// Wanted states that wait.
    pub holds: u64,
    /// Open cases by reason.
    pub cases: Vec<(String, u64)>,
    /// A run that was begun and not ended: under way here or elsewhere, or cut off.
    pub unfinished: Option<RunId>,
}

/// An alarm that began and has not ended, or has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// Its number.
    pub id: i64,
    /// The integration.
    pub integration: String,
    /// Which alarm, a stable word: `no-complete-run`, `no-progress`, `growing-holds`, `quarantined`.
    pub alarm: String,
    /// What was found.
    pub message: String,
    /// When it began.
    pub began: Instant,
    /// When it ended.
    pub ended: Option<Instant>,
    /// Channels that still have to be told that it began.
    pub to_tell: Vec<String>,
    /// Channels that still have to be told that it ended.
    pub to_tell_end: Vec<String>,
}

/// Keeps what schedules and alarms need.
#[async_trait]
pub trait WatchStore: fmt::Debug + Send + Sync + 'static {
    /// Can the store be written to? Leaves nothing behind.
    async fn answers(&self) -> Result<()>;
    /// What is remembered of an integration; the default where nothing is.
    async fn watched(&self, integration: &str) -> Result<Watched>;
    /// The same of every integration that is known, by name, in one read.
    async fn all_watched(&self) -> Result<Vec<(String, Watched)>>;
    /// What is known of every integration's health, by name, in one read.
    async fn vitals(&self) -> Result<Vec<Vitals>>;
    /// Notes since when runs are expected, where that is not known yet.
    async fn expect_runs(&self, integration: &str, since: Instant) -> Result<()>;
    /// Claims a due time: true for one caller only, and never for one that is not after the last handled.
    async fn claim_due(&self, integration: &str, due: Instant) -> Result<bool>;
    /// Asks for a run now, for whichever process serves the schedules.
    async fn ask_run(&self, integration: &str, at: Instant, act: &Act) -> Result<()>;
    /// Takes what was asked: once.
    async fn take_asked(&self, integration: &str) -> Result<Option<(Instant, String)>>;
    /// Notes how a scheduled run ended: moves `failures` and `last_ended`. (`last_complete` is moved by [`Store::end_run`](crate::Store::end_run).)
    async fn note_end(&self, integration: &str, run: Option<RunId>, outcome: RunOutcome, at: Instant) -> Result<Watched>;
    /// Puts into quarantine.
    async fn quarantine(&self, integration: &str, quarantine: &Quarantine) -> Result<()>;
    /// Ends a quarantine and counts failures from none again.
    async fn release_quarantine(&self, integration: &str, by: &Authorship) -> Result<()>;
    /// Says whether account managers may edit the integration's code table (SK-5).
    async fn set_editable(&self, integration: &str, editable: bool, by: &Authorship) -> Result<()>;

    /// Open episodes, and ended ones that somebody still has to be told of.
    async fn episodes(&self) -> Result<Vec<Episode>>;
    /// Begins an episode unless one of that alarm is open; `None` where it is. `channels` have to be told.
    async fn begin_episode(
        &self,
        integration: &str,
        alarm: &str,
        message: &str,
        channels: &[String],
        at: Instant,
    ) -> Result<Option<Episode>>;
    /// Ends the open episode of that alarm, if any: every channel has to be told of its end, and none of its beginning any more. One that could
    /// not be told of the beginning in time gets both in one.
    async fn end_episode(&self, integration: &str, alarm: &str, at: Instant) -> Result<Option<Episode>>;
    /// Notes that a channel was told of the beginning (`ended` false) or the end.
    async fn told(&self, episode: i64, channel: &str, ended: bool) -> Result<()>;
}
