//! One execution of an integration, and how it ended.

use rightful_core::Instant;
use serde::{Deserialize, Serialize};

use crate::{PlanId, RunId};

/// How a run ended. Partial is never reported as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// Everything read, everything wanted written.
    Done,
    /// As done; some wanted states wait.
    DoneWithHolds,
    /// Something was left unread or unwritten.
    Partial,
    /// A cap or guard stopped it before the first write.
    Refused,
    /// It could not go on.
    Failed,
}

impl RunOutcome {
    /// Its name for people and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::DoneWithHolds => "done-with-holds",
            Self::Partial => "partial",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// What a run counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Rows read from the source side.
    pub source_rows: u64,
    /// Rows read from the target side.
    pub target_rows: u64,
    /// Changes planned.
    pub planned: u64,
    /// Changes confirmed.
    pub done: u64,
    /// Changes found already so.
    pub unchanged: u64,
    /// Changes the vendor refused.
    pub not_done: u64,
    /// Changes dropped as stale.
    pub stale: u64,
    /// Changes nobody could settle.
    pub disputed: u64,
    /// Holds.
    pub holds: u64,
    /// Open cases.
    pub cases: u64,
}

/// What a run was started for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunTask {
    /// Read, plan, cap, apply.
    Full,
    /// Read and plan only; the plan is kept.
    Plan {
        /// Pilot: only this code or pairing key.
        only: Option<String>,
    },
    /// Apply a saved plan.
    Apply {
        /// The plan.
        plan: PlanId,
    },
    /// Plan and apply from what is known already, without reading: holds whose gate opened go out, picks become accounts.
    Release,
    /// Put a person of the target on a team, then as [`RunTask::Release`].
    Team {
        /// The person, by the target's id.
        person: String,
        /// The team's key.
        team: String,
    },
    /// Plan and apply the inverse of a run.
    Undo {
        /// The run.
        run: RunId,
    },
}

/// A run as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// The integration.
    pub integration: String,
    /// What for.
    pub task: RunTask,
    /// The version of the job body it began with.
    pub body_version: u32,
    /// Who asked for it; `None`: its schedule, or nobody who was named.
    #[serde(default)]
    pub by: Option<String>,
    /// Begun.
    pub started: Instant,
    /// Ended; `None` while it runs, or where it was cut off.
    pub ended: Option<Instant>,
    /// How.
    pub outcome: Option<RunOutcome>,
    /// Its plan.
    pub plan: Option<PlanId>,
    /// Counts.
    pub counts: RunCounts,
    /// One sentence per thing worth telling: errors with their remedy, guards, incomplete reads.
    pub notes: Vec<String>,
    /// How often it was taken up again after being cut off.
    pub resumed: u32,
}

impl Run {
    /// Did it read everything and write everything that was wanted? A dry run, a pilot's plan or an undo does not.
    pub fn is_complete(&self) -> bool {
        self.task == RunTask::Full && matches!(self.outcome, Some(RunOutcome::Done | RunOutcome::DoneWithHolds))
    }
}
