//! Cases (the work list) and holds (wanted states that wait).

use rightful_core::{Instant, Kind, OwnerChange, RecordId};
use serde::{Deserialize, Serialize};

use crate::{CaseId, HoldId, RunId, Why};

/// Something a person has to look at. The same (reason, subject) is one case however often it is seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NewCase {
    /// A stable word: `unmapped-code`, `inactive-user`, `source-only`, `target-only`, `code-too-long`, `ambiguous-key`, `disputed-write`, `refused-write`, `undo-blocked`, ...
    pub reason: String,
    /// What it is about: a code, a user name, a record's pairing key.
    pub subject: String,
    /// What was found, with the names a person knows.
    pub message: String,
    /// What mends it.
    pub mend: String,
}

/// A case as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its number.
    pub id: CaseId,
    /// The integration.
    pub integration: String,
    /// What it says.
    pub case: NewCase,
    /// Seen first.
    pub first_seen: Instant,
    /// Seen last.
    pub last_seen: Instant,
    /// Closed by a run that looked and no longer found it.
    pub closed: Option<Instant>,
}

/// The latest wanted state of one target record, kept until something is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewHold {
    /// The target kind.
    pub kind: Kind,
    /// The target record.
    pub target: RecordId,
    /// The pairing key's value.
    pub code: String,
    /// The record's name.
    pub name: String,
    /// What is awaited: `no-match`, `no-owner`.
    pub reason: String,
    /// What would release it.
    pub waits_for: String,
    /// The wanted change where it is known.
    pub wanted: Option<OwnerChange>,
    /// Why.
    pub why: Why,
}

/// A hold as it is kept. One per (integration, kind, target).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its number.
    pub id: HoldId,
    /// The integration.
    pub integration: String,
    /// What it says.
    pub hold: NewHold,
    /// Since when.
    pub since: Instant,
    /// The run that saw it last.
    pub run: Option<RunId>,
}
