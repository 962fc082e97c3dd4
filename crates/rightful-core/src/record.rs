//! One row of a vendor's kind, in the words every connector and the engine share.

use serde::{Deserialize, Serialize};

use crate::{Instant, KeyName, Kind, RecordId, Reference, Role, Value};

/// A name a record is known by besides its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Which key.
    pub name: KeyName,
    /// Its value, compared exactly (case and leading zeros count).
    pub value: String,
}

impl Key {
    /// A key from its parts.
    pub fn new(name: impl Into<KeyName>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// Who a record belongs to in one role, as far as the vendor says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// These people, named by the key that [`RoleSpec`](crate::RoleSpec) states, in ascending order without repeats. Empty: known to be nobody.
    Known(Vec<String>),
    /// Whoever has `role` on that other record.
    Of {
        /// The other record.
        record: Reference,
        /// The role on it.
        role: Role,
    },
    /// The vendor did not show it: not the same as nobody.
    Unseen,
}

/// What a record of a people kind has besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// E-mail addresses, trimmed and in lower case, the main one first.
    pub emails: Vec<String>,
    /// May this person own records at the vendor today?
    pub active: bool,
    /// True for an identity that only programs sign in with: never an owner.
    pub service: bool,
    /// Records of other people kinds that are the same human being.
    pub same_as: Vec<PersonKey>,
}

/// A person named by a key of a people kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PersonKey {
    /// The people kind.
    pub kind: Kind,
    /// The key; `id` names the record's own id.
    pub key: KeyName,
    /// Its value.
    pub value: String,
}

/// Whether a record is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// In use.
    Active,
    /// Kept, but not in use.
    Inactive,
    /// Deleted at the vendor (only where the vendor shows deletions).
    Gone,
}

/// One row of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its id at the vendor.
    pub id: RecordId,
    /// Other names it is known by, in the order of [`KindSpec::keys`](crate::KindSpec). A key without a value is left out.
    pub keys: Vec<Key>,
    /// What people call it.
    pub name: String,
    /// Owners by role.
    pub owners: Vec<(Role, Owner)>,
    /// Present on people kinds only.
    pub person: Option<Person>,
    /// Values in the order of the scan's `fields`.
    pub values: Vec<Value>,
    /// When the vendor last changed it; kept out of digests, since a touch is not a change.
    pub changed_at: Option<Instant>,
    /// In use, kept or deleted.
    pub state: State,
}

impl Record {
    /// The value of the named key.
    pub fn key(&self, name: &KeyName) -> Option<&str> {
        self.keys.iter().find(|key| key.name == *name).map(|key| key.value.as_str())
    }

    /// The owner in a role; `Unseen` where the record does not speak of it.
    pub fn owner(&self, role: &Role) -> &Owner {
        self.owners.iter().find(|(known, _)| known == role).map_or(&Owner::Unseen, |(_, owner)| owner)
    }
}
