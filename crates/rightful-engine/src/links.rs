//! Who is who: links between source and target people with their evidence, and what a person picked for someone.

use rightful_core::{ConnectionName, Instant, RecordId};
use serde::{Deserialize, Serialize};

use crate::Authorship;

/// Why two people are taken for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkEvidence {
    /// A person said so (SS-12).
    Stated,
    /// The same value of a key, or a mapping that the target shows.
    ExternalId,
    /// The same e-mail address when the link was made (SS-4).
    Email,
    /// We made the account for this person.
    Created,
}

impl LinkEvidence {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::ExternalId => "external-id",
            Self::Email => "email",
            Self::Created => "created",
        }
    }

    /// The reason of a link that a run makes: what was compared, or what asked for the account.
    pub fn because(self, compared: &str, asked: &str) -> String {
        match self {
            Self::Email => format!("the same e-mail address: {compared}"),
            Self::ExternalId => format!("the same id: {compared}"),
            Self::Created | Self::Stated => format!("an account was made: {asked}"),
        }
    }
}

/// A source person is this target person. At most one link for a source person and a target connection; it survives changes of either's e-mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The source connection.
    pub source: ConnectionName,
    /// The person there.
    pub person: RecordId,
    /// The target connection.
    pub target: ConnectionName,
    /// The person there, by the key that records name their owner by.
    pub owner: String,
    /// Why.
    pub evidence: LinkEvidence,
    /// What was compared, for people: an e-mail address, a key.
    pub by_value: Option<String>,
    /// Who made it, when and why; runs call themselves by their number.
    pub by: Authorship,
}

/// What became of making a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Linked {
    /// It stands now.
    Made,
    /// Exactly this stood already.
    Stood,
    /// The source person is linked to somebody else; that link stands.
    Other(Link),
    /// Another source person of the same connection is linked to the target person; that link stands.
    Taken(Link),
}

/// What a person picked for a source person (SS-17). Mapping to an existing one is a [`Link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picked {
    /// An account shall be made, or the one with the same e-mail address linked.
    Create,
    /// Nothing shall be made, whatever the mode.
    Skip,
}

/// A pick as it is kept: one for a source person and an integration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// The source person.
    pub person: RecordId,
    /// What was picked.
    pub choice: Picked,
    /// By whom, when and why.
    pub by: Authorship,
}

/// Something of an integration that is switched while it runs, by name: `automatic`, `workflow.won-deals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Its name.
    pub name: String,
    /// On or off.
    pub on: bool,
    /// By whom, when and why.
    pub by: Authorship,
}

/// The switch of automatic accounts (SS-10, SS-11).
pub const AUTOMATIC: &str = "automatic";

/// The switch of a workflow.
pub fn workflow_switch(workflow: &str) -> String {
    format!("workflow.{workflow}")
}

/// How something about a person is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The vendor took it from us.
    Sent,
    /// An administrator's file shows it.
    Imported,
    /// A person stated it.
    Stated,
}

impl How {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Imported => "imported",
            Self::Stated => "stated",
        }
    }
}

/// One thing known about a person whom the vendor does not show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Which field of the people kind.
    pub field: rightful_core::FieldName,
    /// What stands there; `Null`: known to be empty.
    pub value: rightful_core::Value,
    /// How that is known.
    pub how: How,
    /// Since when.
    pub at: Instant,
    /// Who brought it.
    pub by: String,
}

/// Somebody at a connection whose people cannot be read: what was sent, imported and stated. One fact for each field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPerson {
    /// The id that records name them by. Somebody of whom only an e-mail address is known has [`unmapped`] of it.
    pub id: RecordId,
    /// What is known, by field in ascending order.
    pub facts: Vec<Fact>,
}

/// What stands for the id of somebody of whom only an e-mail address is known.
const UNMAPPED: &str = "mail:";

/// The id of somebody of whom only the e-mail address is known: never sent.
pub fn unmapped(email: &str) -> RecordId {
    RecordId::new(format!("{UNMAPPED}{email}"))
}

impl KnownPerson {
    /// Does the target know them by no id of ours yet?
    pub fn is_unmapped(&self) -> bool {
        self.id.as_str().starts_with(UNMAPPED)
    }

    /// What is known of a field.
    pub fn fact(&self, field: &str) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.field.as_str() == field)
    }

    /// The text of a field.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fact(field).and_then(|fact| fact.value.as_text())
    }

    /// The e-mail address.
    pub fn email(&self) -> Option<&str> {
        self.text("email")
    }

    /// What people call them.
    pub fn name(&self) -> String {
        let parts = [self.text("firstname"), self.text("lastname")];
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        if name.is_empty() { self.email().unwrap_or(self.id.as_str()).to_owned() } else { name }
    }
}

/// Facts about one person that shall stand from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFacts {
    /// The person.
    pub id: RecordId,
    /// Somebody known so far as another whose facts become this person's, where they have none of their own.
    pub was: Option<RecordId>,
    /// The facts.
    pub facts: Vec<Fact>,
}
