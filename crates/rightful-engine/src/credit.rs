//! Decides what is sent of one figure of one source record: pure, from the record, what was sent of it before, and how its owner stands.

use rightful_core::{ConnectionName, FieldName, Instant, Kind, RecordId, Value};
use serde::{Deserialize, Serialize};

use crate::{Digest, Triggers};

/// How a credit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CreditState {
    /// The target took it.
    Sent,
    /// This state was let go: by a person, by age, or because holding is switched off. It is not sent again; a later change is.
    LetGo,
}

/// What the target holds of one figure of one source record, as far as we sent it. The image of a target that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// The target connection.
    pub connection: ConnectionName,
    /// The record there.
    pub target: RecordId,
    /// The integration that sends it.
    pub integration: String,
    /// The source kind.
    pub kind: Kind,
    /// The source record.
    pub source: RecordId,
    /// Whom it is credited to.
    pub owner: String,
    /// What was sent, in the order of the figure.
    pub values: Vec<(FieldName, Value)>,
    /// How it stands.
    pub state: CreditState,
    /// Since when.
    pub at: Instant,
}

impl Credit {
    /// The digest of what was sent, for noticing that it moved.
    pub fn digest(&self) -> Digest {
        Digest::of_data(&(&self.owner, &self.values))
    }
}

/// How the person stands whom a figure is to be credited to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owed {
    /// To this target person, and every gate is open.
    To(String),
    /// To this target person, once a gate opens.
    Gated {
        /// The person.
        owner: String,
        /// The gate's word.
        reason: String,
        /// What is waited for.
        until: String,
    },
    /// To somebody who has no account yet.
    Waits {
        /// Whom it would be credited to, where that is known.
        owner: Option<String>,
        /// Why, as a stable word: `unmapped-owner`.
        reason: &'static str,
        /// What is waited for.
        until: String,
    },
    /// To nobody, for this reason.
    Nobody(&'static str),
    /// The vendor does not show to whom.
    Unseen,
}

/// What a figure is decided from besides its owner.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// Does the record satisfy the workflow?
    pub satisfied: bool,
    /// Is the record young enough for a first credit?
    pub since: bool,
    /// Did the record change since it was first read?
    pub changed: bool,
    /// What makes the workflow write.
    pub triggers: Triggers,
    /// What was sent before.
    pub before: Option<&'a Credit>,
    /// Is what cannot be sent held, or let go at once as the vendor itself does?
    pub replay: bool,
    /// Did it wait too long already?
    pub expired: bool,
}

/// What is done about a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Crediting {
    /// Nothing: it is not wanted, or no trigger fires.
    None,
    /// Nothing: it stands as wanted.
    AlreadySo,
    /// It is sent.
    Send {
        /// To whom.
        owner: String,
    },
    /// It waits.
    Hold {
        /// For whom, where that is known.
        owner: Option<String>,
        /// The stable word.
        reason: String,
        /// What is waited for.
        until: String,
    },
    /// It is let go: noted, and not sent again until it changes.
    LetGo {
        /// To whom it would have gone; empty where nobody is known.
        owner: String,
        /// The stable word.
        reason: String,
    },
    /// What was sent is taken back.
    Remove,
    /// It belongs to nobody.
    Nobody(&'static str),
    /// Its owner is not shown.
    Unseen,
}

/// Decides about one figure of a record that is there. `values` gives what would be sent for an owner.
pub fn credit(sight: Sight<'_>, owed: &Owed, values: impl FnOnce(&str) -> Vec<(FieldName, Value)>) -> Crediting {
    let Sight { satisfied, since, changed, triggers, before, replay, expired } = sight;
    let sent = before.filter(|credit| credit.state == CreditState::Sent);
    if !satisfied {
        return if sent.is_some() && triggers.update { Crediting::Remove } else { Crediting::None };
    }
    let fires = if sent.is_some() { triggers.update } else { since && (triggers.create || (triggers.update && changed)) };
    if !fires {
        return if before.is_some() { Crediting::AlreadySo } else { Crediting::None };
    }
    let (owner, reason, until) = match owed {
        Owed::Unseen => return Crediting::Unseen,
        Owed::Nobody(why) => return Crediting::Nobody(why),
        Owed::To(owner) => (Some(owner.as_str()), "", ""),
        Owed::Gated { owner, reason, until } => (Some(owner.as_str()), reason.as_str(), until.as_str()),
        Owed::Waits { owner, reason, until } => (owner.as_deref(), *reason, until.as_str()),
    };
    if let Some(before) = before {
        let owner = owner.unwrap_or("");
        // What was let go while nobody was known stays so for whoever turns out to be owed it.
        let same_owner = before.owner == owner || (before.state == CreditState::LetGo && before.owner.is_empty());
        if same_owner && values(owner) == before.values {
            return Crediting::AlreadySo;
        }
    }
    match owed {
        Owed::To(owner) => Crediting::Send { owner: owner.clone() },
        _ if expired || !replay => Crediting::LetGo { owner: owner.unwrap_or("").to_owned(), reason: reason.to_owned() },
        _ => Crediting::Hold { owner: owner.map(str::to_owned), reason: reason.to_owned(), until: until.to_owned() },
    }
}

/// Decides about what was sent of a record that is gone.
pub fn credit_of_gone(triggers: Option<Triggers>, before: &Credit) -> Crediting {
    match (triggers, before.state) {
        (Some(Triggers { delete: true, .. }), CreditState::Sent) => Crediting::Remove,
        _ => Crediting::None,
    }
}
