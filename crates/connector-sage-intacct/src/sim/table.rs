//! One object's records: by number, by natural key, and ordered by (WHENMODIFIED, RECORDNO) as queries see them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::kinds::{Field, Kind};

/// Where a field stands in its table.
pub type FieldIndex = usize;

/// One record. Values are kept for fields that were written; a missing one is NULL.
#[derive(Clone, Debug)]
pub struct Row {
    /// RECORDNO
    pub number: u64,
    /// WHENCREATED, seconds since 1970.
    pub created: i64,
    /// WHENMODIFIED, seconds since 1970: the vendor keeps no fractions.
    pub modified: i64,
    /// CREATEDBY
    pub created_by: u64,
    /// MODIFIEDBY
    pub modified_by: u64,
    /// The entity it is private to, by position; `None` for shared records.
    pub entity: Option<usize>,
    /// How often it was written since it was loaded.
    pub revision: u32,
    values: Vec<(u16, Box<str>)>,
}

impl Row {
    /// A record without values.
    pub fn new(number: u64, now: i64, by: u64) -> Self {
        Self {
            number,
            created: now,
            modified: now,
            created_by: by,
            modified_by: by,
            entity: None,
            revision: 0,
            values: Vec::with_capacity(6),
        }
    }

    /// The same record, seen at one entity only.
    #[must_use]
    pub fn private_to(mut self, entity: Option<usize>) -> Self {
        self.entity = entity;
        self
    }

    /// A kept value; nothing when NULL.
    pub fn value(&self, field: FieldIndex) -> Option<&str> {
        self.values.iter().find(|(index, _)| usize::from(*index) == field).map(|(_, value)| &**value)
    }

    /// Sets a value; an empty one becomes NULL.
    pub fn set(&mut self, field: FieldIndex, value: &str) {
        let Ok(index) = u16::try_from(field) else { return };
        self.values.retain(|(kept, _)| *kept != index);
        if !value.is_empty() {
            self.values.push((index, value.into()));
        }
    }
}

/// A change a query does not see yet.
#[derive(Clone, Debug)]
struct Pending {
    visible_at: i64,
    number: u64,
    row: Option<Arc<Row>>,
}

/// The records of one object.
#[derive(Debug)]
pub struct Table {
    /// The object.
    pub kind: Kind,
    /// Its fields, standard ones first.
    pub fields: Vec<Field>,
    by_field: HashMap<String, FieldIndex>,
    natural: FieldIndex,
    rows: HashMap<u64, Arc<Row>>,
    by_name: HashMap<Box<str>, u64>,
    /// As queries see the records: ordered by (WHENMODIFIED, RECORDNO).
    ordered: Vec<Arc<Row>>,
    /// WHENMODIFIED of each record in `ordered`, to find it there again.
    seen: HashMap<u64, i64>,
    private: usize,
    pending: VecDeque<Pending>,
    next_number: u64,
}

impl Table {
    /// An empty table whose records are numbered from here.
    pub fn new(kind: Kind, first_number: u64) -> Self {
        let fields = kind.fields();
        let by_field: HashMap<String, FieldIndex> = fields.iter().enumerate().map(|(index, field)| (field.id.to_string(), index)).collect();
        let natural = by_field[kind.natural_key()];
        Self {
            kind,
            fields,
            by_field,
            natural,
            rows: HashMap::new(),
            by_name: HashMap::new(),
            ordered: Vec::new(),
            seen: HashMap::new(),
            private: 0,
            pending: VecDeque::new(),
            next_number: first_number,
        }
    }

    /// The field of this name, in any letter case.
    pub fn field(&self, name: &str) -> Option<FieldIndex> {
        self.by_field.get(name).copied().or_else(|| self.by_field.get(&name.to_ascii_uppercase()).copied())
    }

    /// A field this simulator's own code names.
    pub fn own(&self, name: &'static str) -> FieldIndex {
        self.by_field[name]
    }

    /// Adds a field of the company's own; nothing when there is one of this name.
    pub fn declare(&mut self, field: Field) {
        if self.field(&field.id).is_none() {
            self.by_field.insert(field.id.to_ascii_uppercase(), self.fields.len());
            self.fields.push(field);
        }
    }

    /// The position of the natural key.
    pub fn natural(&self) -> FieldIndex {
        self.natural
    }

    /// A record by its number.
    pub fn row(&self, number: u64) -> Option<&Arc<Row>> {
        self.rows.get(&number)
    }

    /// A record by its natural key, exactly.
    pub fn named(&self, name: &str) -> Option<&Arc<Row>> {
        self.by_name.get(name).and_then(|number| self.rows.get(number))
    }

    /// Every record, oldest number first.
    pub fn all(&self) -> Vec<&Arc<Row>> {
        let mut rows: Vec<&Arc<Row>> = self.rows.values().collect();
        rows.sort_unstable_by_key(|row| row.number);
        rows
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Takes the next record number.
    pub fn next_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// The records as queries see them.
    pub fn ordered(&self) -> &[Arc<Row>] {
        &self.ordered
    }

    /// Whether any record is private to an entity.
    pub fn has_private(&self) -> bool {
        self.private > 0
    }

    /// Puts a record (or its absence) in place of what stood under this number, which comes back.
    /// Queries see it at `visible_at`; `None` means at once.
    pub fn put(&mut self, number: u64, row: Option<Arc<Row>>, visible_at: Option<i64>) -> Option<Arc<Row>> {
        let before = match &row {
            Some(row) => self.rows.insert(number, row.clone()),
            None => self.rows.remove(&number),
        };
        let old_name = before.as_ref().and_then(|row| row.value(self.natural));
        let new_name = row.as_ref().and_then(|row| row.value(self.natural));
        if old_name != new_name {
            if let Some(name) = old_name {
                self.by_name.remove(name);
            }
            if let Some(name) = new_name {
                self.by_name.insert(name.into(), number);
            }
        }
        self.private += usize::from(row.as_ref().is_some_and(|row| row.entity.is_some()));
        self.private -= usize::from(before.as_ref().is_some_and(|row| row.entity.is_some()));
        match visible_at {
            Some(visible_at) => self.pending.push_back(Pending { visible_at, number, row }),
            None if self.pending.is_empty() => self.show(number, row),
            // Order is kept: what was written earlier shows no later.
            None => {
                let visible_at = self.pending.back().map_or(0, |pending| pending.visible_at);
                self.pending.push_back(Pending { visible_at, number, row });
            }
        }
        before
    }

    /// Lets queries see what is due.
    pub fn catch_up(&mut self, now: i64) {
        while self.pending.front().is_some_and(|pending| pending.visible_at <= now) {
            if let Some(pending) = self.pending.pop_front() {
                self.show(pending.number, pending.row);
            }
        }
    }

    fn show(&mut self, number: u64, row: Option<Arc<Row>>) {
        let old = match &row {
            Some(row) => self.seen.insert(number, row.modified),
            None => self.seen.remove(&number),
        };
        if let Some(modified) = old {
            let at = self.ordered.partition_point(|row| (row.modified, row.number) < (modified, number));
            if self.ordered.get(at).is_some_and(|row| row.number == number) {
                self.ordered.remove(at);
            }
        }
        if let Some(row) = row {
            let at = match self.ordered.last() {
                Some(last) if (last.modified, last.number) > (row.modified, row.number) => {
                    self.ordered.partition_point(|other| (other.modified, other.number) < (row.modified, row.number))
                }
                _ => self.ordered.len(),
            };
            self.ordered.insert(at, row);
        }
    }

    /// Replaces all records at once.
    pub fn load(&mut self, rows: Vec<Row>) {
        self.rows.clear();
        self.by_name.clear();
        self.seen.clear();
        self.pending.clear();
        self.ordered = rows.into_iter().map(Arc::new).collect();
        self.ordered.sort_unstable_by_key(|row| (row.modified, row.number));
        self.private = 0;
        for row in &self.ordered {
            if let Some(name) = row.value(self.natural) {
                self.by_name.insert(name.into(), row.number);
            }
            self.private += usize::from(row.entity.is_some());
            self.seen.insert(row.number, row.modified);
            self.next_number = self.next_number.max(row.number + 1);
            self.rows.insert(row.number, row.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(table: &Table, number: u64, modified: i64, id: &str) -> Arc<Row> {
        let mut row = Row::new(number, modified, 1);
        row.set(table.natural(), id);
        Arc::new(row)
    }

    fn order(table: &Table) -> Vec<u64> {
        table.ordered().iter().map(|row| row.number).collect()
    }

    #[test]
    fn queries_see_records_by_time_then_number() {
        let mut table = Table::new(Kind::Customer, 1);
        for (number, modified) in [(3, 50), (1, 50), (2, 40)] {
            let row = row(&table, number, modified, &format!("C{number}"));
            table.put(number, Some(row), None);
        }
        assert_eq!(order(&table), [2, 1, 3]);
        let moved = row(&table, 2, 60, "C2");
        table.put(2, Some(moved), None);
        assert_eq!(order(&table), [1, 3, 2]);
        table.put(1, None, None);
        assert_eq!((order(&table), table.named("C1").is_none(), table.len()), (vec![3, 2], true, 2));
    }

    #[test]
    fn a_late_change_shows_when_it_is_due_and_is_read_at_once() {
        let mut table = Table::new(Kind::Customer, 1);
        let first = row(&table, 1, 10, "C1");
        table.put(1, Some(first), Some(15));
        assert_eq!((order(&table).len(), table.row(1).is_some()), (0, true));
        table.catch_up(14);
        assert!(order(&table).is_empty());
        table.catch_up(15);
        assert_eq!(order(&table), [1]);
    }
}
