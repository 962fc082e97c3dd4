//! The state of one simulated instance, with the undo list that makes a batch all or nothing.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, FixedOffset, Utc};
use serde_json::Value;

use super::rows::{Customer, Document, Form, FormField, Frequency, User};
use super::seed::Seed;
use super::table::Table;
use super::{catalogue, documents};

/// The instance's own time zone; times on the wire carry its offset.
pub(super) fn offset() -> FixedOffset {
    FixedOffset::east_opt(2 * 3600).expect("two hours is an offset")
}

/// A time as the vendor writes it: seven digits of fraction and the offset.
pub(super) fn stamp(time: DateTime<Utc>) -> String {
    let local = time.with_timezone(&offset());
    format!("{}.{:07}{}", local.format("%Y-%m-%dT%H:%M:%S"), time.timestamp_subsec_nanos() % 1_000_000_000 / 100, local.format("%:z"))
}

/// What the writes to one path came to.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(super) struct Counter {
    pub(super) requests: u64,
    pub(super) applied: u64,
    pub(super) rejected: u64,
}

/// Somebody who assigned a customer to themselves for a day (SK-17).
#[derive(Clone, Debug)]
pub(super) struct SelfAssignment {
    pub(super) customer_id: i64,
    pub(super) user_id: i64,
}

#[derive(Clone, Debug)]
pub(super) struct LogEntry {
    pub(super) time: DateTime<Utc>,
    pub(super) message: String,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) content: Value,
    pub(super) uploaded: DateTime<Utc>,
    pub(super) attached: bool,
}

/// The settings form of the active integration.
#[derive(Clone, Debug)]
pub(super) struct IntegrationForm {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) read_at: DateTime<Utc>,
    pub(super) fields: Vec<(i64, String, String)>,
}

/// One run of the vendor's own middleware.
#[derive(Clone, Debug)]
pub(super) struct ImportRun {
    pub(super) at: DateTime<Utc>,
    /// Asked for through the interface, or the hourly one.
    pub(super) asked: bool,
}

enum Undo {
    Customer(i64, Option<Customer>),
    Frequency(i64, Option<Frequency>),
    Document(&'static str, i64, Option<Document>),
}

/// One instance.
pub(super) struct State {
    pub(super) version: u64,
    pub(super) users: Table<User>,
    pub(super) customers: Table<Customer>,
    pub(super) codes: HashMap<String, i64>,
    pub(super) frequencies: Table<Frequency>,
    pub(super) pairs: HashMap<(i64, i64), i64>,
    pub(super) documents: BTreeMap<&'static str, Table<Document>>,
    pub(super) forms: Table<Form>,
    pub(super) field_names: HashMap<i64, String>,
    pub(super) next_field: i64,
    pub(super) integration: IntegrationForm,
    next_unit: i64,
    pub(super) files: HashMap<String, File>,
    pub(super) log: Vec<LogEntry>,
    pub(super) imports: Vec<ImportRun>,
    pub(super) next_hourly: DateTime<Utc>,
    pub(super) self_assigned: Vec<SelfAssignment>,
    pub(super) counters: BTreeMap<String, Counter>,
    /// Show `row_version`, show `version`.
    pub(super) version_names: (bool, bool),
    /// Show row versions as text in lists too.
    pub(super) text_versions: bool,
    undo: Vec<Undo>,
}

impl State {
    /// An instance filled from a seed. Rows get ascending row versions in the order of the seed.
    pub(super) fn new(seed: &Seed, now: DateTime<Utc>) -> Self {
        let mut state = Self {
            version: seed.first_row_version.saturating_sub(1),
            users: Table::new(1),
            customers: Table::new(4001),
            codes: HashMap::with_capacity(seed.customers.len()),
            frequencies: Table::new(901),
            pairs: HashMap::new(),
            documents: documents::KINDS.iter().map(|kind| (kind.path, Table::new(kind.first_id))).collect(),
            forms: Table::new(1),
            field_names: HashMap::new(),
            next_field: 100,
            integration: IntegrationForm { id: 3, name: "Skynamo Services".into(), read_at: now, fields: seed.integration_fields.clone() },
            next_unit: 9,
            files: HashMap::new(),
            log: Vec::new(),
            imports: Vec::new(),
            next_hourly: now + chrono::Duration::hours(1),
            self_assigned: Vec::new(),
            counters: BTreeMap::new(),
            version_names: (true, true),
            text_versions: false,
            undo: Vec::new(),
        };
        for (id, name, fields) in [(-1, "Customer", &seed.customer_fields), (-3, "Product", &Vec::new())] {
            let fields = fields
                .iter()
                .map(|field| FormField {
                    id: field.id,
                    name: field.name.clone(),
                    required: false,
                    kind: field.kind.clone(),
                    choices: field.choices.clone(),
                })
                .collect();
            state.put_form(Form { id, name: name.into(), kind: "Static".into(), active: true, modified: now, fields });
        }
        for (id, name) in [(5, "Order"), (6, "Quote"), (7, "CreditRequest")] {
            state.put_form(Form { id, name: name.into(), kind: name.into(), active: true, modified: now, fields: Vec::new() });
        }
        for user in &seed.users {
            state.users.put(User {
                id: user.id,
                user_name: user.user_name.clone(),
                display_name: user.display_name.clone(),
                email: user.email.clone(),
                active: user.active,
                verified: user.verified,
                access: user.access.clone(),
            });
        }
        for customer in &seed.customers {
            let id = customer.id.unwrap_or_else(|| state.customers.fresh_id());
            let row = Customer {
                id,
                code: customer.code.clone(),
                name: customer.name.clone(),
                active: customer.active,
                location: None,
                price_list_id: None,
                assigned_users: distinct(customer.assigned_users.clone()),
                default_discount: Value::from(0),
                default_warehouse_id: None,
                custom_fields: customer.custom_fields.clone(),
                files: Vec::new(),
                row_version: state.fresh_version(),
                modified: now,
                created: now,
                writes: 0,
            };
            state.put_customer(row);
            // A seed is never taken back: what would be needed for it must not pile up.
            state.keep();
        }
        for frequency in &seed.visit_frequencies {
            let id = frequency.id.unwrap_or_else(|| state.frequencies.fresh_id());
            let row = Frequency {
                id,
                customer_id: frequency.customer_id,
                user_id: frequency.user_id,
                cycle: frequency.cycle,
                frequency: frequency.frequency,
                period: frequency.period.clone(),
                row_version: state.fresh_version(),
                modified: now,
                created: now,
            };
            state.put_frequency(row);
        }
        let basics = catalogue::basics().into_iter().map(|(path, value)| (path.to_owned(), value));
        for (path, value) in basics.chain(seed.documents.iter().map(|(path, members)| (path.clone(), Value::Object(members.clone())))) {
            if let (Some(kind), Value::Object(members)) = (documents::kind_at(&path), value) {
                let id = state.fresh_document_id(kind.path);
                let row_version = state.fresh_version();
                state.put_document(kind.path, Document { id, members, shape: kind.shape, row_version, modified: now, created: now });
            }
        }
        state.undo.clear();
        state
    }

    pub(super) fn fresh_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    pub(super) fn fresh_document_id(&mut self, path: &'static str) -> i64 {
        self.documents.get_mut(path).expect("every kind has its table").fresh_id()
    }

    /// An id for a product's order unit.
    pub(super) fn fresh_unit_id(&mut self) -> i64 {
        self.next_unit += 1;
        self.next_unit
    }

    /// The name of a price list or warehouse.
    pub(super) fn name_of(&self, path: &str, id: i64) -> Option<String> {
        self.documents.get(path)?.row(id)?.members.get("name")?.as_str().map(str::to_owned)
    }

    /// The price list or warehouse of that name.
    pub(super) fn id_named(&self, path: &str, name: &str) -> Option<i64> {
        self.documents.get(path)?.iter().find(|row| row.members.get("name").and_then(Value::as_str) == Some(name)).map(|row| row.id)
    }

    pub(super) fn put_form(&mut self, form: Form) {
        for field in &form.fields {
            self.field_names.insert(field.id, field.name.clone());
            self.next_field = self.next_field.max(field.id + 1);
        }
        self.forms.put(form);
    }

    pub(super) fn put_customer(&mut self, row: Customer) {
        let (id, code) = (row.id, row.code.clone());
        let old = self.customers.put(row);
        if let Some(old) = &old
            && old.code != code
        {
            self.codes.remove(&old.code);
        }
        self.codes.insert(code, id);
        self.undo.push(Undo::Customer(id, old));
    }

    pub(super) fn remove_customer(&mut self, id: i64) -> Option<Customer> {
        let old = self.customers.remove(id)?;
        self.codes.remove(&old.code);
        self.undo.push(Undo::Customer(id, Some(old.clone())));
        Some(old)
    }

    pub(super) fn put_frequency(&mut self, row: Frequency) {
        let (id, pair) = (row.id, (row.customer_id, row.user_id));
        let old = self.frequencies.put(row);
        if let Some(old) = &old {
            self.pairs.remove(&(old.customer_id, old.user_id));
        }
        self.pairs.insert(pair, id);
        self.undo.push(Undo::Frequency(id, old));
    }

    pub(super) fn remove_frequency(&mut self, id: i64) -> Option<Frequency> {
        let old = self.frequencies.remove(id)?;
        self.pairs.remove(&(old.customer_id, old.user_id));
        self.undo.push(Undo::Frequency(id, Some(old.clone())));
        Some(old)
    }

    pub(super) fn put_document(&mut self, path: &'static str, row: Document) {
        let id = row.id;
        let old = self.documents.get_mut(path).expect("every kind has its table").put(row);
        self.undo.push(Undo::Document(path, id, old));
    }

    pub(super) fn remove_document(&mut self, path: &'static str, id: i64) -> Option<Document> {
        let old = self.documents.get_mut(path)?.remove(id)?;
        self.undo.push(Undo::Document(path, id, Some(old.clone())));
        Some(old)
    }

    /// Forgets how to take back what was done so far.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }

    /// Takes back everything since the last [`keep`](Self::keep).
    pub(super) fn take_back(&mut self) {
        for step in std::mem::take(&mut self.undo).into_iter().rev() {
            match step {
                Undo::Customer(_, Some(row)) => self.put_customer(row),
                Undo::Customer(id, None) => drop(self.remove_customer(id)),
                Undo::Frequency(_, Some(row)) => self.put_frequency(row),
                Undo::Frequency(id, None) => drop(self.remove_frequency(id)),
                Undo::Document(path, _, Some(row)) => self.put_document(path, row),
                Undo::Document(path, id, None) => drop(self.remove_document(path, id)),
            }
        }
        self.undo.clear();
    }

    /// Runs the vendor's middleware for every hour that has passed.
    pub(super) fn catch_up(&mut self, now: DateTime<Utc>) {
        while self.next_hourly <= now {
            let at = self.next_hourly;
            self.import(at, false);
            self.next_hourly = at + chrono::Duration::hours(1);
        }
    }

    /// One run of the vendor's middleware: it reads its settings (SK-8) and leaves a line in the log.
    pub(super) fn import(&mut self, at: DateTime<Utc>, asked: bool) {
        self.imports.push(ImportRun { at, asked });
        self.integration.read_at = at;
        self.log.push(LogEntry { time: at, message: format!("{} import finished", self.integration.name) });
    }

    /// The user of that login name.
    pub(super) fn user_named(&self, name: &str) -> Option<i64> {
        self.users.iter().find(|user| user.user_name == name).map(|user| user.id)
    }
}

/// The list without repeats, in the order given.
pub(super) fn distinct(ids: Vec<i64>) -> Vec<i64> {
    let mut seen = Vec::with_capacity(ids.len());
    for id in ids {
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    seen
}
