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
    /// The target may have taken it: the answer was lost. What is wanted is sent again, whatever it is.
    Unsure,
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
    /// The source person it was let go for, where nobody was known whom it would be credited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<RecordId>,
    /// What the target still holds, where a later state was let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands: Option<StillHeld>,
}

/// What a target holds of one figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillHeld {
    /// Whom it is credited to.
    pub owner: String,
    /// What was sent, in the order of the figure.
    pub values: Vec<(FieldName, Value)>,
}

impl Credit {
    /// The digest of what is known, for noticing that it moved.
    pub fn digest(&self) -> Digest {
        Digest::of_data(&(&self.owner, &self.values, self.state, &self.stands))
    }

    /// What the target holds, as far as we know: to whom it is credited, and its values.
    pub fn held(&self) -> Option<(&str, &[(FieldName, Value)])> {
        match self.state {
            CreditState::Sent | CreditState::Unsure => Some((&self.owner, &self.values)),
            CreditState::LetGo => self.stands.as_ref().map(|stands| (stands.owner.as_str(), stands.values.as_slice())),
        }
    }

    /// This, noted over what was known: letting a state go takes nothing away that the target holds, and settles no lost answer.
    #[must_use]
    pub fn over(self, known: Option<Self>) -> Self {
        let Some(known) = known.filter(|_| self.state == CreditState::LetGo) else { return self };
        let same = known.owner == self.owner && known.values == self.values;
        match known.state {
            CreditState::Unsure => known,
            CreditState::Sent if same => known,
            CreditState::Sent => Self { stands: Some(StillHeld { owner: known.owner, values: known.values }), ..self },
            CreditState::LetGo => Self { stands: known.stands, ..self },
        }
    }

    /// Is this what was sent, or what was let go? `values` gives what would be sent for an owner, or for nobody known.
    fn is_so(&self, owner: Option<&str>, person: Option<&RecordId>, values: &impl Fn(&str) -> Vec<(FieldName, Value)>) -> bool {
        let same = |of: &str, known: &[(FieldName, Value)]| owner == Some(of) && values(of) == known;
        match self.state {
            CreditState::Unsure => false,
            CreditState::Sent => same(&self.owner, &self.values),
            CreditState::LetGo if self.stands.as_ref().is_some_and(|stands| same(&stands.owner, &stands.values)) => true,
            // What was let go while nobody was known stays so for whoever turns out to be owed it.
            CreditState::LetGo if self.owner.is_empty() => self.person.as_ref() == person && values("") == self.values,
            CreditState::LetGo => same(&self.owner, &self.values),
        }
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
    /// The source person whom the record names.
    pub person: Option<&'a RecordId>,
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

/// Decides about one figure of a record that is there. `values` gives what would be sent for an owner; for the empty one, where nobody is known.
pub fn credit(sight: Sight<'_>, owed: &Owed, values: impl Fn(&str) -> Vec<(FieldName, Value)>) -> Crediting {
    let Sight { satisfied, since, changed, triggers, before, replay, expired, person } = sight;
    let held = before.is_some_and(|before| before.held().is_some());
    let unsure = before.is_some_and(|before| before.state == CreditState::Unsure);
    if !satisfied {
        return if held && triggers.update { Crediting::Remove } else { Crediting::None };
    }
    let fires = if held { triggers.update || unsure } else { since && (triggers.create || (triggers.update && changed)) };
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
    if before.is_some_and(|before| before.is_so(owner, person, &values)) {
        return Crediting::AlreadySo;
    }
    match owed {
        Owed::To(owner) => Crediting::Send { owner: owner.clone() },
        // What may be at the target already is not let go.
        _ if (expired || !replay) && !unsure => Crediting::LetGo { owner: owner.unwrap_or("").to_owned(), reason: reason.to_owned() },
        _ => Crediting::Hold { owner: owner.map(str::to_owned), reason: reason.to_owned(), until: until.to_owned() },
    }
}

/// Decides about what was sent of a record that is gone.
pub fn credit_of_gone(triggers: Option<Triggers>, before: &Credit) -> Crediting {
    match triggers {
        Some(Triggers { delete: true, .. }) if before.held().is_some() => Crediting::Remove,
        _ => Crediting::None,
    }
}

#[cfg(test)]
mod tests;
