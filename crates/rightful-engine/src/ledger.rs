//! What was written, when, why, and what stood there before.

use rightful_core::{ConnectionName, Instant, Kind, RecordId, Role};
use serde::{Deserialize, Serialize};

use crate::{Carry, EntryId, PlanId, RunId, Why};

/// What became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryState {
    /// Written down before the call; no outcome yet.
    Intended,
    /// The vendor confirmed it, or a read-back did.
    Done,
    /// It already was so.
    Unchanged,
    /// The vendor refused it.
    NotDone,
    /// The record moved since the plan; nothing was sent.
    Stale,
    /// Nobody knows yet: settled before anything else is written.
    Unknown,
    /// It could not be settled: a person decides.
    Disputed,
}

impl EntryState {
    /// Is nothing more going to happen to it in its run?
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Intended | Self::Unknown)
    }
}

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number.
    pub id: EntryId,
    /// The run that wrote it.
    pub run: RunId,
    /// The plan, and the change's number in it.
    pub plan: PlanId,
    /// See `plan`.
    pub change: i64,
    /// The integration.
    pub integration: String,
    /// The target connection.
    pub connection: ConnectionName,
    /// The target kind.
    pub kind: Kind,
    /// The target record.
    pub target: RecordId,
    /// The pairing key's value, for people.
    pub code: String,
    /// The record's name, for people.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Who stood there before.
    pub before: Vec<String>,
    /// Who shall stand there.
    pub after: Vec<String>,
    /// What is carried over, where the target's record is made by us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carry: Option<Carry>,
    /// Why.
    pub why: Why,
    /// When the intent was written.
    pub intended_at: Instant,
    /// What became of it.
    pub state: EntryState,
    /// When that was known.
    pub settled_at: Option<Instant>,
    /// How often it was sent.
    pub attempts: u32,
    /// The vendor's refusal or our remark, for people.
    pub note: Option<String>,
}
