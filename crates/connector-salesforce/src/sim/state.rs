//! What the organisation holds, with the undo list that makes requests all or nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

use super::bulk::Job;
use super::ids;
use super::oauth::{App, Code, Grant, Session};
use super::query::Cursor;
use super::schema::{Field, Object, Schema, objects};
use super::seed::Seed;
use super::soql::Scope;
use super::switches::Switches;
use super::table::{Row, Table};

/// What the writes to one object came to.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(super) struct Counter {
    pub(super) applied: u64,
    pub(super) rejected: u64,
}

/// The organisation.
pub(super) struct State {
    pub(super) schema: Schema,
    pub(super) tables: Vec<Table>,
    pub(super) org: String,
    pub(super) app: App,
    pub(super) switches: Switches,
    pub(super) sessions: HashMap<String, Session>,
    pub(super) grants: BTreeMap<u64, Grant>,
    pub(super) codes: HashMap<String, Code>,
    pub(super) assertions: HashSet<String>,
    pub(super) cursors: BTreeMap<String, Cursor>,
    pub(super) jobs: BTreeMap<String, Job>,
    /// Users who may not read what they would be given.
    pub(super) blind_users: HashSet<String>,
    /// Records that wait for an approval.
    pub(super) locked: HashSet<String>,
    pub(super) sign_ins: u64,
    pub(super) record_writes: u64,
    pub(super) counters: BTreeMap<String, Counter>,
    calls: u64,
    calls_since: Option<DateTime<Utc>>,
    last_token: u64,
    last_cursor: u64,
    last_job: u64,
    undo: Vec<(usize, String, Option<Row>)>,
}

impl State {
    pub(super) fn new(seed: &Seed, app: App, switches: Switches, now: DateTime<Utc>) -> Self {
        let schema = Schema::new(objects(&seed.external_id));
        let tables = vec![Table::default(); schema.objects.len()];
        let mut state = Self {
            schema,
            tables,
            org: ids::numbered("00D", 1),
            app,
            switches,
            sessions: HashMap::new(),
            grants: BTreeMap::new(),
            codes: HashMap::new(),
            assertions: HashSet::new(),
            cursors: BTreeMap::new(),
            jobs: BTreeMap::new(),
            blind_users: HashSet::new(),
            locked: HashSet::new(),
            sign_ins: 0,
            record_writes: 0,
            counters: BTreeMap::new(),
            calls: 0,
            calls_since: None,
            last_token: 0,
            last_cursor: 0,
            last_job: 0,
            undo: Vec::new(),
        };
        seed.fill(&mut state, now);
        state.undo.clear();
        state.begin_grants(now);
        state
    }

    pub(super) fn object(&self, name: &str) -> Option<usize> {
        self.schema.place(name).filter(|place| !self.is_absent(&self.schema.objects[*place]))
    }

    /// Objects of features that are switched off.
    pub(super) fn is_absent(&self, object: &Object) -> bool {
        !self.switches.teams && object.name.ends_with("TeamMember")
    }

    /// Is a field hidden from callers?
    pub(super) fn is_hidden(&self, object: &Object, field: &Field) -> bool {
        let named = |name: &String| {
            name.split_once('.')
                .is_some_and(|(on, hidden)| on.eq_ignore_ascii_case(&object.name) && hidden.eq_ignore_ascii_case(&field.name))
        };
        self.switches.hidden_fields.iter().any(named)
    }

    pub(super) fn scope(&self, deleted: bool, now: DateTime<Utc>) -> Scope<'_> {
        Scope { schema: &self.schema, tables: &self.tables, deleted, now }
    }

    /// The row of an id, with its object.
    pub(super) fn find(&self, id: &str) -> Option<(usize, &Row)> {
        let object = self.schema.of_id(id)?;
        Some((object, self.tables[object].row(id)?))
    }

    /// A field of a row by name.
    pub(super) fn cell<'a>(&'a self, object: usize, row: &'a Row, name: &str) -> &'a Value {
        self.schema.objects[object].place(name).map_or(&Value::Null, |place| row.cell(place))
    }

    pub(super) fn text<'a>(&'a self, object: usize, row: &'a Row, name: &str) -> &'a str {
        self.cell(object, row, name).as_str().unwrap_or_default()
    }

    /// The user of that user name, whatever its case.
    pub(super) fn user_named(&self, name: &str) -> Option<&Row> {
        let users = self.schema.place("User")?;
        let place = self.schema.objects[users].place("Username")?;
        self.tables[users].iter().find(|row| row.cell(place).as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)))
    }

    /// The rows whose field has that text, whatever its case; without deleted ones.
    pub(super) fn rows_with(&self, object: usize, field: usize, wanted: &str) -> Vec<&Row> {
        let matches = |row: &&Row| match row.cell(field) {
            Value::String(text) => text.eq_ignore_ascii_case(wanted) || text.to_lowercase() == wanted.to_lowercase(),
            Value::Number(number) => number.to_string() == wanted,
            _ => false,
        };
        self.tables[object].iter().filter(|row| !row.is_deleted()).filter(matches).collect()
    }

    pub(super) fn fresh_id(&mut self, object: usize) -> String {
        ids::numbered(self.schema.objects[object].prefix, self.tables[object].fresh_number())
    }

    /// The unguessable part of the next token.
    pub(super) fn fresh_number(&mut self) -> u64 {
        self.last_token += 1;
        self.last_token
    }

    pub(super) fn fresh_cursor_id(&mut self) -> String {
        self.last_cursor += 1;
        ids::numbered("0r8", self.last_cursor)
    }

    pub(super) fn fresh_job_id(&mut self) -> String {
        self.last_job += 1;
        ids::numbered("750", self.last_job)
    }

    pub(super) fn put(&mut self, object: usize, row: Row) {
        let id = row.id().to_owned();
        let old = self.tables[object].put(row);
        self.undo.push((object, id, old));
    }

    /// Forgets how to take back what was done so far.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }

    /// Where the undo list stands.
    pub(super) fn mark(&self) -> usize {
        self.undo.len()
    }

    /// Takes back everything since a mark.
    pub(super) fn take_back(&mut self, mark: usize) {
        for (object, id, old) in self.undo.drain(mark.min(self.undo.len())..).rev() {
            match old {
                Some(row) => drop(self.tables[object].put(row)),
                None => self.tables[object].remove(&id),
            }
        }
    }

    /// Counts one call of the rolling day; false where there is none left.
    pub(super) fn count_call(&mut self, now: DateTime<Utc>) -> bool {
        if self.calls_since.is_none_or(|since| now - since >= Duration::hours(24)) {
            self.calls_since = Some(now);
            self.calls = 0;
        }
        if self.switches.enforce_daily_calls && self.calls >= self.switches.daily_calls {
            return false;
        }
        self.calls += 1;
        true
    }

    /// Calls used of the day's, and how many there are.
    pub(super) fn usage(&self) -> (u64, u64) {
        (self.calls, self.switches.daily_calls)
    }

    /// Sets how many calls were used, for those who want to see the end of them.
    pub(super) fn set_calls(&mut self, calls: u64, now: DateTime<Utc>) {
        self.calls = calls;
        self.calls_since = Some(now);
    }
}
