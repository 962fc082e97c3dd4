//! Rows of one kind, found by id, by position or by row version without a walk over all of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::state::State;

/// What a row shows to a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    Integer(i64),
    Bool(bool),
    Text(String),
    Time(DateTime<Utc>),
    Null,
}

/// One stored row.
pub(super) trait Row: Clone {
    fn id(&self) -> i64;
    fn row_version(&self) -> u64;
    /// The value of a filterable member.
    fn fact(&self, member: &str, state: &State) -> Fact;
    /// The row of that code, for kinds whose codes are unique: `None` where they are not.
    fn id_of_code(_code: &str, _state: &State) -> Option<Option<i64>> {
        None
    }
    /// The row as the interface shows it, with null members; `flags` are the words of the `flags` parameter.
    fn render(&self, state: &State, flags: &[String]) -> serde_json::Map<String, serde_json::Value>;
}

/// Rows in ascending order of id.
#[derive(Clone, Debug)]
pub(super) struct Table<R> {
    rows: Vec<R>,
    by_version: BTreeMap<u64, i64>,
    next_id: i64,
}

impl<R: Row> Table<R> {
    pub(super) fn new(first_id: i64) -> Self {
        Self { rows: Vec::new(), by_version: BTreeMap::new(), next_id: first_id }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &R> {
        self.rows.iter()
    }

    pub(super) fn at(&self, position: usize) -> Option<&R> {
        self.rows.get(position)
    }

    pub(super) fn row(&self, id: i64) -> Option<&R> {
        self.place(id).ok().map(|place| &self.rows[place])
    }

    /// Ids of rows whose version lies in the range, ascending by version.
    pub(super) fn ids_by_version(&self, above: u64) -> impl Iterator<Item = i64> {
        self.by_version.range(above..).map(|(_, id)| *id)
    }

    /// The id that the next new row takes; never given twice.
    pub(super) fn fresh_id(&mut self) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Stores a row under its id and gives back what stood there.
    pub(super) fn put(&mut self, row: R) -> Option<R> {
        let id = row.id();
        self.next_id = self.next_id.max(id.saturating_add(1));
        // Kinds without a version (users, forms) report 0 and stay out of the index.
        if row.row_version() > 0 {
            self.by_version.insert(row.row_version(), id);
        }
        match self.place(id) {
            Ok(place) => {
                let old = std::mem::replace(&mut self.rows[place], row);
                if old.row_version() != self.rows[place].row_version() {
                    self.by_version.remove(&old.row_version());
                }
                Some(old)
            }
            Err(place) => {
                self.rows.insert(place, row);
                None
            }
        }
    }

    pub(super) fn remove(&mut self, id: i64) -> Option<R> {
        let place = self.place(id).ok()?;
        let old = self.rows.remove(place);
        self.by_version.remove(&old.row_version());
        Some(old)
    }

    fn place(&self, id: i64) -> Result<usize, usize> {
        // New ids are the largest: the common insertion goes to the end.
        if self.rows.last().is_none_or(|last| last.id() < id) {
            return Err(self.rows.len());
        }
        self.rows.binary_search_by_key(&id, Row::id)
    }
}
