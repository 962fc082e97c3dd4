//! What a connection can do with one kind of record. What is not declared is refused before any request.

use serde::Serialize;

use crate::{FieldName, GateSpec, KeyName, Kind, Role};

/// Something that can be done to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Make a new one.
    Create,
    /// Change fields or owners.
    Update,
    /// Make it or change it, whichever is needed: the id is ours, and the vendor does not say which it was.
    Upsert,
    /// Delete it.
    Remove,
    /// Set it inactive.
    Deactivate,
}

/// How a write is settled whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settle {
    /// Read the record: equal to intended is done, equal to before is sent again, else a person decides.
    ReadBack,
    /// Send it again: the vendor applies a key once.
    Repeat,
    /// Nothing can tell; a person decides.
    Ask,
}

/// The incremental read a kind offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Changes {
    /// No: every read is a full one.
    None,
    /// Rows changed since a mark; deletions do not show in it.
    Since,
}

/// A role in which people belong to records of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleSpec {
    /// The role.
    pub role: Role,
    /// May several people have it at once?
    pub many: bool,
    /// The people kind its keys name.
    pub people: Kind,
    /// The key of that kind; `id` is the record's own id.
    pub key: KeyName,
    /// May it be written?
    pub writable: bool,
}

/// A key besides the id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeySpec {
    /// Its name.
    pub name: KeyName,
    /// Do two records never share a value?
    pub unique: bool,
    /// The longest value the vendor keeps, in characters.
    pub longest: Option<usize>,
}

/// A field that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldSpec {
    /// As the vendor spells it.
    pub name: FieldName,
    /// What people call it: `Rep Code`.
    pub label: String,
    /// May it be written?
    pub writable: bool,
    /// Must it stand in every write?
    pub needed: bool,
}

/// What can be done with one kind. The first entry of `keys` is the one records are paired by unless the policy names another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindSpec {
    /// The kind.
    pub kind: Kind,
    /// Is a record of it a person?
    pub people: bool,
    /// Why no read of it exists at all, as a sentence for people. `None`: it can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<&'static str>,
    /// Writes it takes. Empty: read only.
    pub verbs: Vec<Verb>,
    /// Incremental reads.
    pub changes: Changes,
    /// Does a page state how many rows there are?
    pub totals: bool,
    /// Which reads by value exist besides `All`: `Ids` always; these keys too.
    pub readable_keys: Vec<KeyName>,
    /// The most writes in one vendor call.
    pub batch: usize,
    /// How many such calls may run side by side.
    pub write_width: usize,
    /// Roles.
    pub roles: Vec<RoleSpec>,
    /// Keys.
    pub keys: Vec<KeySpec>,
    /// Fields the connector names itself.
    pub fields: Vec<FieldSpec>,
    /// May other fields be asked for by name (custom fields)?
    pub open_fields: bool,
    /// Kinds that must be written before this one.
    pub after: Vec<Kind>,
    /// How unknown fate is settled.
    pub settle: Settle,
    /// What a person of the kind has to meet before records are credited to them.
    pub gates: Vec<GateSpec>,
    /// Names of the account's quotas its calls draw from.
    pub quotas: Vec<&'static str>,
}

impl KindSpec {
    /// A read-only kind to build on.
    pub fn read_only(kind: Kind) -> Self {
        Self {
            kind,
            people: false,
            unreadable: None,
            verbs: Vec::new(),
            changes: Changes::None,
            totals: false,
            readable_keys: Vec::new(),
            batch: 1,
            write_width: 1,
            roles: Vec::new(),
            keys: Vec::new(),
            fields: Vec::new(),
            open_fields: false,
            after: Vec::new(),
            settle: Settle::ReadBack,
            gates: Vec::new(),
            quotas: Vec::new(),
        }
    }

    /// The named role.
    pub fn role(&self, role: &Role) -> Option<&RoleSpec> {
        self.roles.iter().find(|spec| spec.role == *role)
    }

    /// The named key.
    pub fn key(&self, key: &KeyName) -> Option<&KeySpec> {
        self.keys.iter().find(|spec| spec.name == *key)
    }

    /// The named field.
    pub fn field(&self, field: &FieldName) -> Option<&FieldSpec> {
        self.fields.iter().find(|spec| spec.name == *field)
    }
}
