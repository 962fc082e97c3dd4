//! What one integration shall do: one table of settings, no code per preset.

use rightful_core::{ConnectionName, FieldName, Instant, KeyName, Kind, Role};
use serde::{Deserialize, Serialize};

use crate::{Digest, From, PeopleMode, Workflow};

/// What happens to a record whose owner leads to nobody in the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoOwner {
    /// Nothing is changed; a case says so.
    #[default]
    Leave,
    /// The wanted state waits until the owner is known.
    Hold,
    /// The record shall belong to nobody.
    Clear,
    /// It goes to this target user (user name or e-mail).
    Fallback(String),
}

/// How the wanted owners meet those who stand there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assignment {
    /// Exactly the wanted owners.
    #[default]
    Replace,
    /// The wanted owners besides those who stand there and appear nowhere in the code table.
    Merge,
}

/// A way from a source owner to target people. Tried in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchRule {
    /// Through the code table.
    Code,
    /// Through a link between the two people.
    Link,
    /// Through the same value of a key of both people.
    ExternalId {
        /// The source person's key; `id` is the record's own id.
        source: KeyName,
        /// The target person's key; `id` is the record's own id.
        target: KeyName,
    },
    /// Through the same e-mail address, which makes a link once.
    Email,
}

/// A bound on one plan. Exceeded when the number is above `floor` and above either `count` or `percent` of the paired records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// The most changes, whatever the size.
    pub count: Option<u64>,
    /// The most changes in percent of the paired records.
    pub percent: Option<u8>,
    /// Up to so many are always let through.
    #[serde(default)]
    pub floor: u64,
}

/// Caps by what they bound, and the guards against a source that lost its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Caps {
    /// Records that change owner.
    pub owner_moves: Cap,
    /// Records that lose an owner without getting another (owners cleared).
    pub removals: Cap,
    /// Accounts that are made or linked in the target.
    pub accounts: Cap,
    /// The most percent by which the source's active records may shrink between runs.
    pub source_shrink_percent: u8,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            owner_moves: Cap { count: None, percent: Some(20), floor: 20 },
            removals: Cap { count: None, percent: Some(5), floor: 5 },
            accounts: Cap { count: Some(200), percent: None, floor: 0 },
            source_shrink_percent: 20,
        }
    }
}

/// One side of an integration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The connection.
    pub connection: ConnectionName,
    /// The kind that is paired.
    pub kind: Kind,
    /// The key by which records are paired, exactly.
    pub key: KeyName,
}

/// Where a source record names its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodeFrom {
    /// In this field, as the source's vendor spells it.
    Field(FieldName),
    /// By who has this role.
    Owner(Role),
}

/// Where a source record names its owner, and how people call that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeField {
    /// Where.
    pub from: CodeFrom,
    /// Its label: a code is shown as "Rep Code - R05".
    pub label: String,
}

/// Credits activities to people of a target that takes users and records and gives none back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// How source people get accounts.
    pub people: PeopleMode,
    /// Must there be an active workflow before accounts are made by themselves (SS-10)?
    pub auto_sync_requires_workflow: bool,
    /// What an account is made of: the target's fields.
    pub account: Vec<(FieldName, From)>,
    /// Gates by name that a person has to pass.
    pub gates: Vec<String>,
    /// Is what cannot be sent yet held, and sent once when it can be? Else it is let go, as the vendor does (SS-9).
    pub replay: bool,
    /// How long it is held, in days.
    pub hold_days: u32,
    /// Records last changed before this are not credited the first time.
    pub since: Option<Instant>,
    /// How many licences there are; `None`: not known, and not counted (SS-26).
    pub licences: Option<u32>,
    /// Which records are activities.
    pub workflows: Vec<Workflow>,
}

/// What one integration shall do. Its digest binds saved plans: a moved policy refuses them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Where truth comes from.
    pub source: Side,
    /// Where it is applied.
    pub target: Side,
    /// The role that is written in the target.
    pub role: Role,
    /// Rules from owner to people, in order.
    pub rules: Vec<MatchRule>,
    /// The field with the code.
    pub code: CodeField,
    /// Target kinds whose single owner follows a successor (visit frequencies), each found by the paired record's id in its first key.
    pub follow: Vec<Kind>,
    /// Replace or merge.
    pub assignment: Assignment,
    /// An owner code that leads to nobody.
    pub no_match: NoOwner,
    /// A record without an owner code.
    pub no_owner: NoOwner,
    /// Bounds.
    pub caps: Caps,
    /// Are source records that are not active planned too?
    pub include_inactive: bool,
    /// How long an owner whom we did not write is left alone, in hours (SK-17).
    pub newcomer_hours: u32,
    /// The oldest a complete read of either side may get before a full read is made again, in hours.
    pub full_read_hours: u32,
    /// Source people kinds that are read to explain who stands behind a code.
    pub source_people: Vec<Kind>,
    /// Where activities are credited instead of owners of paired records kept right.
    pub activity: Option<Activity>,
}

impl Policy {
    /// The source's role whose people lead to owners through links, where that is how it goes; else a code table leads to them.
    pub fn owner_role(&self) -> Option<&Role> {
        match &self.code.from {
            CodeFrom::Owner(role) => Some(role),
            CodeFrom::Field(_) => None,
        }
    }

    /// The digest that saved plans are bound to.
    pub fn digest(&self) -> Digest {
        Digest::of_data(self)
    }
}
