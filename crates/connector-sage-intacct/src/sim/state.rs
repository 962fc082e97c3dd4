//! The simulated company as it stands: tables, users' private facts, sessions, counters.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use rightful_core::Secret;

use super::formatting::Formatting;
use super::kinds::{Data, Field, KINDS, Kind, Relation, Source};
use super::options::{EntitySeed, Options, Permissions, Switches};
use super::session::Session;
use super::table::{FieldIndex, Row, Table};

/// What the company knows of a user beyond the USERINFO record.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Lets the user sign in.
    pub password: Option<Secret>,
    /// How the user sees dates and times.
    pub formatting: Formatting,
    /// What the user may do; `None`: everything.
    pub permissions: Option<Permissions>,
    /// Failed sign-ins since the last good one.
    pub failed: u32,
}

/// Counters, for judges and for the transaction meter.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    /// Requests that reached the gateway.
    pub requests: u64,
    /// Good sign-ins.
    pub sign_ins: u64,
    /// Refused sign-ins.
    pub failed_sign_ins: u64,
    /// Pages read.
    pub pages: u64,
    /// Records written.
    pub written: u64,
    /// Calls by function.
    pub functions: BTreeMap<String, u64>,
    /// Requests being answered side by side, at most.
    pub widest: usize,
}

/// Rows a readByQuery has found and not yet handed out.
#[derive(Debug)]
pub struct ResultSet {
    /// Whose it is.
    pub user: String,
    /// The object, lower-case.
    pub object: String,
    /// Its rows.
    pub rows: Vec<Arc<Row>>,
    /// The columns asked for.
    pub columns: Vec<Column>,
    /// Rows handed out.
    pub given: usize,
    /// Rows per page.
    pub page: usize,
    /// The format of its pages.
    pub format: String,
    /// The session it belongs to; empty for a sign-in per call.
    pub session: String,
    /// The object's table; `None` for objects without records.
    pub kind: Option<Kind>,
}

/// One field of an answer.
#[derive(Clone, Debug)]
pub struct Column {
    /// The element's name.
    pub name: String,
    /// Where its value is found; `None` for a field of an object without records.
    pub path: Option<Path>,
}

/// A field, reached over relations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// A field of the record.
    Own(FieldIndex),
    /// A field of the record this one names.
    Via {
        /// The field with the other record's number.
        key: FieldIndex,
        /// Its object.
        to: Kind,
        /// What is wanted there.
        then: Box<Path>,
    },
}

/// One line of the audit history.
#[derive(Clone, Copy, Debug)]
pub struct AuditEntry<'a> {
    /// The object.
    pub kind: Kind,
    /// The record.
    pub number: u64,
    /// `Create`, `Modify` or `Delete`.
    pub mode: &'a str,
    /// LOGINID
    pub user: &'a str,
    /// `api` or `ui`.
    pub source: &'a str,
}

/// The company.
#[derive(Debug)]
pub struct State {
    /// How it is set up.
    pub options: Options,
    /// How it behaves now.
    pub switches: Switches,
    tables: Vec<Table>,
    /// By LOGINID.
    pub accounts: HashMap<String, Account>,
    /// By session id.
    pub sessions: HashMap<String, Session>,
    /// Sessions opened so far.
    pub opened: u64,
    /// (sender, control id) of functions that ran to their end under `uniqueid`.
    pub executed: HashSet<(String, String)>,
    /// By result id.
    pub results: HashMap<String, ResultSet>,
    /// Result ids in the order they were made.
    pub result_order: Vec<String>,
    /// Counters.
    pub meter: Meter,
}

impl State {
    /// A company without people or customers.
    pub fn new(options: Options) -> Self {
        let tables = empty_tables(&options);
        let switches = options.switches.clone();
        Self {
            options,
            switches,
            tables,
            accounts: HashMap::new(),
            sessions: HashMap::new(),
            opened: 0,
            executed: HashSet::new(),
            results: HashMap::new(),
            result_order: Vec::new(),
            meter: Meter::default(),
        }
    }

    /// Drops every record and what is known of users.
    pub fn forget_records(&mut self) {
        self.tables = empty_tables(&self.options);
        self.accounts.clear();
        self.results.clear();
        self.result_order.clear();
    }

    /// An object's records.
    pub fn table(&self, kind: Kind) -> &Table {
        &self.tables[kind as usize]
    }

    /// An object's records, to change.
    pub fn table_mut(&mut self, kind: Kind) -> &mut Table {
        &mut self.tables[kind as usize]
    }

    /// Lets queries see what is due.
    pub fn catch_up(&mut self, now: i64) {
        for table in &mut self.tables {
            table.catch_up(now);
        }
    }

    /// The entity at this position.
    pub fn entity(&self, position: usize) -> Option<&EntitySeed> {
        self.options.entities.get(position)
    }

    /// A value of a record, as kept or computed; moments as seconds are in [`State::moment`].
    pub fn text<'a>(&'a self, kind: Kind, row: &'a Row, field: FieldIndex) -> Cow<'a, str> {
        let table = self.table(kind);
        let number = |number: u64| Cow::Owned(number.to_string());
        match table.fields[field].source {
            Source::Stored => Cow::Borrowed(row.value(field).unwrap_or_default()),
            Source::RecordNumber => number(row.number),
            Source::Created => number(u64::try_from(row.created).unwrap_or(0)),
            Source::Modified => number(u64::try_from(row.modified).unwrap_or(0)),
            Source::CreatedBy => number(row.created_by),
            Source::ModifiedBy => number(row.modified_by),
            Source::EntityKey => {
                let entity = row.entity.and_then(|position| self.entity(position));
                entity.and_then(|entity| self.table(Kind::Entity).named(&entity.id)).map_or(Cow::Borrowed(""), |row| number(row.number))
            }
            Source::EntityId => Cow::Borrowed(row.entity.and_then(|position| self.entity(position)).map_or("", |entity| &entity.id)),
            Source::EntityName => Cow::Borrowed(row.entity.and_then(|position| self.entity(position)).map_or("", |entity| &entity.name)),
            Source::Url => Cow::Owned(format!("https://www.intacct.com/ia/acct/ur.phtml?.r={}-{}", kind.lower(), row.number)),
            Source::RepKey => self.rep(row).map_or(Cow::Borrowed(""), |rep| number(rep.number)),
            Source::RepName => {
                let contact = self.rep(row).and_then(|rep| self.linked(Kind::Employee, rep, "CONTACTKEY", Kind::Contact));
                contact.map_or(Cow::Borrowed(""), |contact| {
                    Cow::Borrowed(contact.value(self.table(Kind::Contact).natural()).unwrap_or_default())
                })
            }
            Source::ParentKey => self.parent(row).map_or(Cow::Borrowed(""), |parent| number(parent.number)),
            Source::ParentName => {
                let name = table.own("NAME");
                self.parent(row).map_or(Cow::Borrowed(""), |parent| Cow::Borrowed(parent.value(name).unwrap_or_default()))
            }
            Source::Prefixed(letter) => Cow::Owned(format!("{letter}{}", row.value(table.natural()).unwrap_or_default())),
        }
    }

    /// A moment of a record.
    pub fn moment(&self, kind: Kind, row: &Row, field: FieldIndex) -> Option<i64> {
        match self.table(kind).fields[field].source {
            Source::Created => Some(row.created),
            Source::Modified => Some(row.modified),
            _ => None,
        }
    }

    fn rep(&self, row: &Row) -> Option<&Arc<Row>> {
        let rep = row.value(self.table(Kind::Customer).own("CUSTREPID"))?;
        self.table(Kind::Employee).named(rep)
    }

    fn parent(&self, row: &Row) -> Option<&Arc<Row>> {
        let parent = row.value(self.table(Kind::Customer).own("PARENTID"))?;
        self.table(Kind::Customer).named(parent)
    }

    /// The record whose number this one holds in a field.
    pub fn linked(&self, kind: Kind, row: &Row, key: &'static str, to: Kind) -> Option<&Arc<Row>> {
        let number = self.text(kind, row, self.table(kind).own(key)).parse().ok()?;
        self.table(to).row(number)
    }

    /// The record and field a path ends at.
    pub fn follow<'a>(&'a self, kind: Kind, row: &'a Row, path: &Path) -> Option<(Kind, &'a Row, FieldIndex)> {
        let (mut kind, mut row, mut path) = (kind, row, path);
        loop {
            match path {
                Path::Own(field) => return Some((kind, row, *field)),
                Path::Via { key, to, then } => {
                    let number = self.text(kind, row, *key).parse().ok()?;
                    row = self.table(*to).row(number)?;
                    kind = *to;
                    path = then;
                }
            }
        }
    }

    /// The type of the field a path ends at.
    pub fn field_at(&self, kind: Kind, path: &Path) -> &Field {
        match path {
            Path::Own(field) => &self.table(kind).fields[*field],
            Path::Via { to, then, .. } => self.field_at(*to, then),
        }
    }

    /// Resolves a possibly dotted name; over groups only, or over everything `query` walks.
    pub fn path(&self, kind: Kind, name: &str, in_query: bool) -> Option<Path> {
        self.path_within(kind, name, in_query, 0)
    }

    fn path_within(&self, kind: Kind, name: &str, in_query: bool, hierarchies: usize) -> Option<Path> {
        let table = self.table(kind);
        if let Some(field) = table.field(name) {
            return Some(Path::Own(field));
        }
        let (head, rest) = name.split_once('.')?;
        let relation = relation(kind, head).filter(|relation| relation.is_group || (in_query && relation.in_query))?;
        let hierarchies = hierarchies + usize::from(relation.is_hierarchy);
        if hierarchies > 1 {
            return None;
        }
        let then = self.path_within(relation.to, rest, in_query, hierarchies)?;
        Some(Path::Via { key: table.field(relation.key)?, to: relation.to, then: Box::new(then) })
    }

    /// Notes in the audit history who did what; the record's number is the object's key, a user's is the LOGINID.
    pub fn note(&mut self, entry: &AuditEntry<'_>, now: i64) -> u64 {
        let table = self.table(entry.kind);
        let name = table.row(entry.number).and_then(|row| row.value(table.natural())).unwrap_or_default().to_owned();
        let key = if entry.kind == Kind::User { name.clone() } else { format!("{}--REC", entry.number) };
        let audit = self.table_mut(Kind::Audit);
        let number = audit.next_number();
        let mut row = Row::new(number, now, 0);
        for (field, value) in [
            ("ID", number.to_string().as_str()),
            ("OBJECTTYPE", entry.kind.lower()),
            ("OBJECTKEY", &key),
            ("OBJECTDESC", &name),
            ("USERID", entry.user),
            ("ACCESSMODE", entry.mode),
            ("SOURCE", entry.source),
        ] {
            row.set(audit.own(field), value);
        }
        audit.put(number, Some(Arc::new(row)), None);
        number
    }

    /// Writes the value at a path as one user sees it.
    pub fn render(&self, kind: Kind, row: &Row, path: &Path, formatting: &Formatting, out: &mut String) {
        let Some((kind, row, field)) = self.follow(kind, row, path) else { return };
        let data = self.table(kind).fields[field].data;
        if let Some(moment) = self.moment(kind, row, field) {
            formatting.timestamp(moment, out);
            return;
        }
        let text = self.text(kind, row, field);
        match data {
            Data::Boolean if text.is_empty() => out.push_str("false"),
            Data::Date if !text.is_empty() => out.push_str(&formatting.date(&text)),
            _ => out.push_str(&text),
        }
    }
}

fn empty_tables(options: &Options) -> Vec<Table> {
    let mut tables: Vec<Table> = KINDS.into_iter().map(|kind| Table::new(kind, first_number(kind))).collect();
    for custom in &options.custom_fields {
        if let Some(table) = tables.iter_mut().find(|table| table.kind.object() == custom.object) {
            table.declare(Field::custom(&custom.id, &custom.label));
        }
    }
    tables
}

/// The relation of this name.
pub fn relation(kind: Kind, name: &str) -> Option<&'static Relation> {
    kind.relations().iter().find(|relation| relation.path.eq_ignore_ascii_case(name))
}

/// Record numbers of different objects do not begin alike, so that a mix-up shows.
fn first_number(kind: Kind) -> u64 {
    match kind {
        Kind::Customer => 800,
        Kind::Employee => 40,
        Kind::Contact => 200,
        Kind::User => 10,
        Kind::Entity | Kind::Location => 7,
        Kind::Department | Kind::Audit => 1,
    }
}
