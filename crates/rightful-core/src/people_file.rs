//! A file in which an administrator gives the people of a vendor that cannot be read.

use crate::{FieldName, RecordId, Result, Settings, Value};

/// How a vendor's people file is read.
#[derive(Clone, Copy, Debug)]
pub struct PeopleFile {
    /// Its columns.
    pub columns: &'static [&'static str],
    /// Reads it: a verdict for every row.
    ///
    /// # Errors
    /// `Config` where it is no such file.
    pub read: fn(&Settings, &str) -> Result<Vec<PersonVerdict>>,
}

/// What is thought of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonVerdict {
    /// Its line in the file.
    pub line: u64,
    /// The person, or why the row is not taken.
    pub row: std::result::Result<PersonRow, String>,
    /// What is worth knowing about a row that is taken.
    pub remarks: Vec<String>,
}

/// A person as such a file states them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// The id that records name them by, where the file shows one.
    pub id: Option<RecordId>,
    /// E-mail address, trimmed and in lower case.
    pub email: String,
    /// What people call them.
    pub name: String,
    /// What the file says of them, by field of their kind; `Null`: known to be empty.
    pub facts: Vec<(FieldName, Value)>,
}
