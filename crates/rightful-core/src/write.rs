//! What to change, and what became of it.

use serde::{Deserialize, Serialize};

use crate::{Error, FieldName, RecordId, Role, Value};

/// The record a write is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The record with this id; where the kind takes an upsert it need not be there yet.
    Id(RecordId),
    /// One to create.
    New,
    /// An existing record, to be deleted: the write has neither owners nor fields.
    Removed(RecordId),
}

/// Who owned and who shall own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerChange {
    /// In which role.
    pub role: Role,
    /// What we believe is true now. `None` means we could not read it, not that nobody owns it.
    pub from: Option<Vec<String>>,
    /// The people it shall belong to, ascending without repeats. Empty: nobody.
    pub to: Vec<String>,
}

/// A new value for a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldChange {
    /// Set it.
    Set(Value),
    /// Empty it.
    Clear,
}

/// One change to one record. A field or role not named stays untouched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// Stable over attempts, unique per intended change: what a vendor's idempotency key is made from. ASCII, at most 128 characters.
    pub key: String,
    /// The record.
    pub target: Target,
    /// Owner changes.
    pub owners: Vec<OwnerChange>,
    /// Field changes.
    pub values: Vec<(FieldName, FieldChange)>,
}

/// What became of one [`Write`].
#[derive(Debug)]
pub enum Outcome {
    /// The vendor confirmed it.
    Done {
        /// The record's id.
        id: RecordId,
        /// Was it created by this write? False also for an upsert: the vendor does not say.
        created: bool,
    },
    /// It already was so; nothing was sent for it.
    Unchanged,
    /// The vendor refused it: certainly not applied.
    NotDone(Error),
    /// Nobody knows: the answer was lost. Settled as the kind declares.
    Unknown(Error),
}
