//! Words that several answers of the API share: who did something and why, and what became of a run, a plan, a write.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rightful_core::{FieldName, Value};
use rightful_engine as engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::told::without_commands;

/// Who did something, when and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct By {
    /// A member's name, or `token NAME`.
    pub author: String,
    /// In their words.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl From<engine::Authorship> for By {
    fn from(by: engine::Authorship) -> Self {
        Self { author: by.author, reason: by.reason, at: by.at }
    }
}

/// Why something is to be done.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// In a few words: whoever looks at this later will want to know.
    #[schema(min_length = 1, example = "the vendor asked us to")]
    pub reason: String,
}

/// Why something is to be done, where nobody has to say.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaybeReason {
    /// In a few words.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Somebody who owns a record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Owner {
    /// The key by which the target's records name them.
    pub owner: String,
    /// What people call them; the key where nobody is known by it.
    pub name: String,
}

/// Names of the target's people by their keys.
#[derive(Debug, Default)]
pub struct Names(pub engine::PeopleIndex);

impl Names {
    /// Owners with their names.
    pub fn owners(&self, keys: &[String]) -> Vec<Owner> {
        keys.iter().map(|key| Owner { owner: key.clone(), name: self.0.label(key).to_owned() }).collect()
    }
}

/// How a run ended. Partial is never reported as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
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

impl From<engine::RunOutcome> for Outcome {
    fn from(outcome: engine::RunOutcome) -> Self {
        match outcome {
            engine::RunOutcome::Done => Self::Done,
            engine::RunOutcome::DoneWithHolds => Self::DoneWithHolds,
            engine::RunOutcome::Partial => Self::Partial,
            engine::RunOutcome::Refused => Self::Refused,
            engine::RunOutcome::Failed => Self::Failed,
        }
    }
}

impl From<Outcome> for engine::RunOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::DoneWithHolds => Self::DoneWithHolds,
            Outcome::Partial => Self::Partial,
            Outcome::Refused => Self::Refused,
            Outcome::Failed => Self::Failed,
        }
    }
}

/// Where a plan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlanState {
    /// Being written; never applied.
    Drafting,
    /// May be applied.
    Ready,
    /// A cap or guard refuses it.
    Refused,
    /// Refused, then let through by a person.
    LetThrough,
    /// Its run is under way or was cut off.
    Applying,
    /// Applied, as far as it could be.
    Applied,
    /// Rejected, replaced by a newer plan, or what it stood on moved.
    Dropped,
}

impl From<engine::PlanState> for PlanState {
    fn from(state: engine::PlanState) -> Self {
        match state {
            engine::PlanState::Drafting => Self::Drafting,
            engine::PlanState::Ready => Self::Ready,
            engine::PlanState::Refused => Self::Refused,
            engine::PlanState::LetThrough => Self::LetThrough,
            engine::PlanState::Applying => Self::Applying,
            engine::PlanState::Applied => Self::Applied,
            engine::PlanState::Dropped => Self::Dropped,
        }
    }
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WriteState {
    /// Noted before the call; no outcome yet.
    Intended,
    /// The vendor confirmed it, or a read-back did.
    Done,
    /// It already was so.
    Unchanged,
    /// The vendor refused it.
    NotDone,
    /// The record moved since the plan; nothing was sent.
    Stale,
    /// Nobody knows yet.
    Unknown,
    /// It could not be settled: a person decides.
    Disputed,
}

impl From<engine::EntryState> for WriteState {
    fn from(state: engine::EntryState) -> Self {
        match state {
            engine::EntryState::Intended => Self::Intended,
            engine::EntryState::Done => Self::Done,
            engine::EntryState::Unchanged => Self::Unchanged,
            engine::EntryState::NotDone => Self::NotDone,
            engine::EntryState::Stale => Self::Stale,
            engine::EntryState::Unknown => Self::Unknown,
            engine::EntryState::Disputed => Self::Disputed,
        }
    }
}

impl From<WriteState> for engine::EntryState {
    fn from(state: WriteState) -> Self {
        match state {
            WriteState::Intended => Self::Intended,
            WriteState::Done => Self::Done,
            WriteState::Unchanged => Self::Unchanged,
            WriteState::NotDone => Self::NotDone,
            WriteState::Stale => Self::Stale,
            WriteState::Unknown => Self::Unknown,
            WriteState::Disputed => Self::Disputed,
        }
    }
}

/// Why a change is wanted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Why {
    /// The rule: `code`, `successor`, `undo`, `fallback`, `no-owner`.
    pub rule: String,
    /// The code as people see it: "Rep Code - R05".
    #[schema(required)]
    pub code_label: Option<String>,
    /// The code.
    #[schema(required)]
    pub code: Option<String>,
    /// The code table's version.
    #[schema(required)]
    pub table_version: Option<i64>,
    /// Who brought the rows that decided.
    #[schema(required)]
    pub author: Option<String>,
    /// Their reason.
    #[schema(required)]
    pub reason: Option<String>,
    /// For an undo: the run that is undone.
    #[schema(required)]
    pub undoes: Option<i64>,
    /// Anything else worth telling.
    pub notes: Vec<String>,
}

impl From<engine::Why> for Why {
    fn from(why: engine::Why) -> Self {
        Self {
            rule: why.rule,
            code_label: why.code_label,
            code: why.code,
            table_version: why.table_version,
            author: why.author,
            reason: why.reason,
            undoes: why.undoes.map(|run| run.0),
            notes: why.notes,
        }
    }
}

/// Values by their fields, as text.
pub fn texts(values: Vec<(FieldName, Value)>) -> BTreeMap<String, String> {
    values.into_iter().map(|(field, value)| (field.to_string(), value.to_string())).collect()
}

/// What is carried over into a record of the target that is made by us.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Carried {
    /// `upsert`, `remove`, or `note`: nothing is sent.
    pub means: String,
    /// The source kind.
    pub from: String,
    /// The source record.
    pub record: String,
    /// What is written, as text.
    pub values: BTreeMap<String, String>,
    /// What was sent before; `null`: nothing.
    #[schema(required)]
    pub before: Option<BTreeMap<String, String>>,
    /// For an account, why it is this person's: `stated`, `external-id`, `email` or `created`.
    #[schema(required)]
    pub evidence: Option<String>,
}

impl From<engine::Carry> for Carried {
    fn from(carry: engine::Carry) -> Self {
        Self {
            means: match carry.means {
                engine::Means::Upsert => "upsert",
                engine::Means::Remove => "remove",
                engine::Means::Note => "note",
            }
            .to_owned(),
            from: carry.from.to_string(),
            record: carry.record.to_string(),
            values: texts(carry.values),
            before: carry.before.map(texts),
            evidence: carry.evidence.map(|evidence| evidence.as_str().to_owned()),
        }
    }
}

/// A cap or guard that a plan exceeds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Refusal {
    /// Which: `owner-moves`, `removals`, `source-empty`, `source-shrunk`, `codes-gone`.
    pub guard: String,
    /// What was counted, against what.
    pub evidence: String,
    /// What to do.
    pub remedy: String,
    /// May people let it through?
    pub may_pass: bool,
}

impl From<engine::Refusal> for Refusal {
    fn from(refusal: engine::Refusal) -> Self {
        Self { guard: refusal.guard, evidence: refusal.evidence, remedy: without_commands(&refusal.remedy), may_pass: refusal.may_pass }
    }
}

/// Counts by a word.
pub type Counts = BTreeMap<String, u64>;
