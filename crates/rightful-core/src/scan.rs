//! What to read, and what a page of the answer holds.

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, FieldName, KeyName, Kind, Record, RecordId, Result, VendorId};

/// Where the next incremental read begins: opaque to all but its connector.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mark(pub String);

/// Which rows to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rows {
    /// Every row, active or not.
    All,
    /// Rows changed since the mark; may repeat rows seen before.
    Since(Mark),
    /// These ids, by the vendor's strongest read.
    Ids(Vec<RecordId>),
    /// Rows known by these values of a key, by the vendor's strongest read.
    Keys(KeyName, Vec<String>),
}

/// One read request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scan {
    /// The kind to read.
    pub kind: Kind,
    /// Which rows of it.
    pub rows: Rows,
    /// Which fields come back in [`Record::values`], in this order.
    pub fields: Vec<FieldName>,
}

impl Scan {
    /// Every row of a kind, without extra fields.
    pub fn all(kind: impl Into<Kind>) -> Self {
        Self { kind: kind.into(), rows: Rows::All, fields: Vec::new() }
    }

    /// Rows by id, without extra fields.
    pub fn ids(kind: impl Into<Kind>, ids: Vec<RecordId>) -> Self {
        Self { kind: kind.into(), rows: Rows::Ids(ids), fields: Vec::new() }
    }

    /// The same scan with these fields.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<FieldName>) -> Self {
        self.fields = fields;
        self
    }

    /// A hash that ties a cursor to the scan it came from.
    pub fn digest(&self) -> u64 {
        let bytes = serde_json::to_vec(self).expect("a scan is plain data");
        xxhash_rust::xxh3::xxh3_64(&bytes)
    }
}

/// A place inside one scan. Survives a restart; opaque to all but its connector.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The vendor it belongs to.
    pub vendor: VendorId,
    /// The connector's cursor format.
    pub version: u16,
    /// [`Scan::digest`] of the scan it belongs to.
    pub scan: u64,
    /// The connector's own text.
    pub at: String,
}

impl Cursor {
    /// A cursor of this scan.
    pub fn new(vendor: &VendorId, version: u16, scan: &Scan, at: impl Into<String>) -> Self {
        Self { vendor: vendor.clone(), version, scan: scan.digest(), at: at.into() }
    }

    /// The connector's text, after checking that the cursor belongs to this vendor, version and scan.
    ///
    /// # Errors
    /// `Restart` where it does not: the scan has to begin again.
    pub fn check(&self, vendor: &VendorId, version: u16, scan: &Scan) -> Result<&str> {
        if self.vendor == *vendor && self.version == version && self.scan == scan.digest() {
            Ok(&self.at)
        } else {
            Err(Error::new(ErrorKind::Restart, "this cursor belongs to another scan").hint("start the read again"))
        }
    }
}

/// One page of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Rows, which may repeat over pages.
    pub items: Vec<Record>,
    /// Cursors this page opens. A scan is at its end when every opened cursor has been read.
    pub next: Vec<Cursor>,
    /// How many rows this scan matches, where the vendor states it.
    pub total: Option<u64>,
    /// How many rows of the kind exist at all, where the vendor states it. On an incremental read this is how deletions are noticed.
    pub whole: Option<u64>,
    /// Where the next incremental read begins. Comes on the first page; trusted only when the scan reached its end.
    pub mark: Option<Mark>,
}
