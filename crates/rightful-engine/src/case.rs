//! Cases (the work list) and holds (wanted states that wait).

use rightful_core::{ConnectionName, Instant, Kind, OwnerChange, RecordId};
use serde::{Deserialize, Serialize};

use crate::{Carry, CaseId, Consequence, Credit, CreditState, HoldId, RunId, Why};

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

/// What a hold of a record that we carry over would write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The target connection.
    pub connection: ConnectionName,
    /// Whom it would be credited to; empty where that is not known.
    pub owner: String,
    /// What.
    pub carry: Carry,
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
    /// What is awaited: `no-match`, `no-owner`, `unmapped-owner`, `no-team`, ...
    pub reason: String,
    /// What would release it.
    pub waits_for: String,
    /// The wanted change where it is known.
    pub wanted: Option<OwnerChange>,
    /// What would be carried over; dropping the hold lets exactly this go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carry: Option<Held>,
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

impl Hold {
    /// What dropping it makes true: exactly this state is not sent any more, a later one is.
    pub fn let_go(&self, at: Instant) -> Option<Consequence> {
        let Held { connection, owner, carry } = self.hold.carry.as_ref()?;
        Some(Consequence::Credit(Credit {
            connection: connection.clone(),
            target: self.hold.target.clone(),
            integration: self.integration.clone(),
            kind: carry.from.clone(),
            source: carry.record.clone(),
            owner: owner.clone(),
            values: carry.values.clone(),
            state: CreditState::LetGo,
            at,
            person: carry.person.clone().filter(|_| owner.is_empty()),
            stands: None,
        }))
    }
}
