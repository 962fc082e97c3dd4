//! Rows of one object, by id.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

/// A row: cells that are not empty, by the place of their field.
#[derive(Clone, Debug)]
pub(super) struct Row {
    id: String,
    cells: Vec<(usize, Value)>,
    /// Where its transaction ends late: when it is seen, and what is seen until then.
    late: Option<(DateTime<Utc>, Option<Box<Row>>)>,
    /// When it went to the recycle bin.
    pub(super) deleted: Option<DateTime<Utc>>,
    /// Changes through the public interface.
    pub(super) writes: u64,
}

impl Row {
    pub(super) fn new(id: String) -> Self {
        Self { id, cells: Vec::new(), late: None, deleted: None, writes: 0 }
    }

    /// The same row under another id.
    pub(super) fn under(mut self, id: String) -> Self {
        self.id = id;
        self
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.deleted.is_some()
    }

    /// The row as it is seen at a time: what a late transaction wrote is not there before its end.
    pub(super) fn at(&self, now: DateTime<Utc>) -> Option<&Self> {
        match &self.late {
            Some((from, before)) if *from > now => before.as_deref()?.at(now),
            _ => Some(self),
        }
    }

    /// Becomes visible at a time, where one is given; until then what was seen `before` is seen.
    pub(super) fn appears(&mut self, from: Option<DateTime<Utc>>, before: Option<&Self>) {
        self.late = from.map(|from| (from, before.map(|before| Box::new(before.clone()))));
    }

    /// The cell of a field; null where it is empty.
    pub(super) fn cell(&self, field: usize) -> &Value {
        self.cells.binary_search_by_key(&field, |(place, _)| *place).map_or(&Value::Null, |found| &self.cells[found].1)
    }

    pub(super) fn set(&mut self, field: usize, value: Value) {
        match (self.cells.binary_search_by_key(&field, |(place, _)| *place), value) {
            (Ok(found), Value::Null) => drop(self.cells.remove(found)),
            (Ok(found), value) => self.cells[found].1 = value,
            (Err(_), Value::Null) => {}
            (Err(place), value) => self.cells.insert(place, (field, value)),
        }
    }
}

/// All rows of an object, ids ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    rows: BTreeMap<String, Row>,
    last_number: u64,
}

impl Table {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    pub(super) fn row(&self, id: &str) -> Option<&Row> {
        self.rows.get(id)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The number of the next new row; never given twice.
    pub(super) fn fresh_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Stores a row and gives back what stood there.
    pub(super) fn put(&mut self, row: Row) -> Option<Row> {
        self.rows.insert(row.id.clone(), row)
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.rows.remove(id);
    }
}
