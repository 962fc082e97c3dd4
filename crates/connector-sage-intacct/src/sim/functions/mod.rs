//! The functions of the gateway: who may call them, and what each gives.

mod company;
mod describe;
mod get_list;
mod legacy;
mod list;
mod query;
mod read;
mod write;

use std::sync::Arc;

use super::answer::{Complaint, Outcome};
use super::faults::Fault;
use super::formatting::Formatting;
use super::kinds::{Kind, UNMODELLED};
use super::request::Element;
use super::session::Caller;
use super::state::{AuditEntry, State};
use super::table::Row;

pub use write::edit;

/// What was changed, so that it can be undone.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Vec<(Kind, u64, Option<Arc<Row>>)>,
    /// Objects given to create and update so far.
    objects: usize,
}

impl Journal {
    /// Puts everything back, last change first.
    pub fn undo(&mut self, state: &mut State) {
        self.undo_to(state, 0);
    }

    fn undo_to(&mut self, state: &mut State, mark: usize) {
        while self.entries.len() > mark {
            if let Some((kind, number, row)) = self.entries.pop() {
                state.table_mut(kind).put(number, row, None);
            }
        }
    }
}

/// What a function works with.
pub struct Context<'a> {
    /// The company.
    pub state: &'a mut State,
    /// Who calls.
    pub caller: &'a Caller,
    /// The misfortune planned for this request.
    pub fault: &'a Fault,
    /// What was changed in this operation.
    pub journal: &'a mut Journal,
    /// The first failure undoes the operation.
    pub transaction: bool,
    /// The request's number.
    pub request: u64,
}

/// A right on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// See records.
    View,
    /// Create them.
    Add,
    /// Change them.
    Edit,
    /// Delete them.
    Delete,
}

impl Right {
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::View => &["list", "view"],
            Self::Add => &["add"],
            Self::Edit => &["edit"],
            Self::Delete => &["delete"],
        }
    }
}

/// What an object name leads to.
pub enum Target {
    /// A kept object.
    Kept(Kind),
    /// An object known by name.
    Named(String),
}

impl Context<'_> {
    /// How the caller sees dates and times.
    pub fn formatting(&self) -> Formatting {
        self.state.accounts.get(&self.caller.user).map(|account| account.formatting.clone()).unwrap_or_default()
    }

    /// Whether the caller sees a record: shared ones and those of the own entity; from the top level private ones only on demand.
    pub fn sees(&self, row: &Row, show_private: bool) -> bool {
        sees(self.caller.entity, row, show_private)
    }

    /// Refuses a caller without the right.
    ///
    /// # Errors
    /// PL04000005 with the operation and the object.
    pub fn permit(&self, right: Right, operation: &str, object: &str) -> Result<(), Complaint> {
        let permissions = self.state.accounts.get(&self.caller.user).and_then(|account| account.permissions.as_ref());
        let allowed = permissions.is_none_or(|permissions| {
            permissions
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(object))
                .any(|(_, rights)| rights.iter().any(|word| right.words().iter().any(|allowed| word.eq_ignore_ascii_case(allowed))))
        });
        if allowed && !self.fault.is("no-permission") {
            return Ok(());
        }
        Err(Complaint::new(
            "PL04000005",
            format!("You do not have permission for API operation {operation} on objects of type {}", object.to_lowercase()),
        ))
    }

    /// What an object name leads to.
    ///
    /// # Errors
    /// There is no such object.
    pub fn target(&self, object: &str) -> Result<Target, Complaint> {
        if let Some(kind) = Kind::named(object) {
            return Ok(Target::Kept(kind));
        }
        let known = UNMODELLED.iter().find(|(name, _)| name.eq_ignore_ascii_case(object));
        known.map(|(name, _)| Target::Named((*name).to_owned())).ok_or_else(|| Complaint {
            number: "Query Failed".to_owned(),
            description2: format!("Object definition {object} not found"),
            ..Complaint::default()
        })
    }

    /// Puts a record in place and remembers what stood there.
    pub fn save(&mut self, kind: Kind, number: u64, row: Option<Row>) {
        let lag = self.state.switches.lag_seconds;
        let visible_at = (lag > 0).then_some(self.caller.now + lag);
        let mode = match (self.state.table(kind).row(number), &row) {
            (_, None) => "Delete",
            (None, Some(_)) => "Create",
            (Some(_), Some(_)) => "Modify",
        };
        let source = if self.request == 0 { "ui" } else { "api" };
        let note = |state: &mut State| {
            let entry = AuditEntry { kind, number, mode, user: &self.caller.user, source };
            (Kind::Audit, state.note(&entry, self.caller.now), None)
        };
        // What is deleted is noted while its name is known.
        if mode == "Delete" {
            let noted = note(self.state);
            self.journal.entries.push(noted);
        }
        let before = self.state.table_mut(kind).put(number, row.map(Arc::new), visible_at);
        self.journal.entries.push((kind, number, before));
        if mode != "Delete" {
            let noted = note(self.state);
            self.journal.entries.push(noted);
        }
    }

    /// Where the journal stands.
    pub fn mark(&self) -> usize {
        self.journal.entries.len()
    }

    /// Undoes what came after a mark.
    pub fn undo_to(&mut self, mark: usize) {
        self.journal.undo_to(self.state, mark);
    }
}

/// Whether a caller at this level sees a record.
pub fn sees(level: Option<usize>, row: &Row, show_private: bool) -> bool {
    match (level, row.entity) {
        (_, None) => true,
        (None, Some(_)) => show_private,
        (Some(own), Some(entity)) => own == entity,
    }
}

/// Runs one call, whose shape the schema has judged.
pub fn run(context: &mut Context<'_>, call: &Element) -> Outcome {
    match call.name.as_str() {
        "getAPISession" => company::session(context, call),
        "query" => query::run(context, call),
        "readByQuery" => list::read_by_query(context, call),
        "readMore" => list::read_more(context, call),
        "read" => read::by_number(context, call),
        "readByName" => read::by_name(context, call),
        "lookup" => describe::lookup(context, call),
        "inspect" => describe::inspect(context, call),
        "create" => write::create(context, call),
        "update" => write::update(context, call),
        "delete" => write::delete(context, call),
        "getUserPermissions" => company::permissions(context, call),
        "readUserFormatting" => company::formatting(context, call),
        "readEntityDetails" => company::entity(context),
        "getDimensions" => company::dimensions(context),
        "get_list" => get_list::list(context, call),
        "get" => get_list::one(context, call),
        "create_contact" => legacy::create_contact(context, call),
        "update_contact" => legacy::update_contact(context, call),
        "create_customer" => legacy::create_customer(context, call),
        "update_customer" => legacy::update_customer(context, call),
        "delete_customer" => legacy::delete(context, call, Kind::Customer, "customerid"),
        "delete_contact" => legacy::delete(context, call, Kind::Contact, "contactname"),
        "delete_employee" => legacy::delete(context, call, Kind::Employee, "employeeid"),
        other => Err(Complaint::new("SIM-UNMODELLED", format!("The function {other} is not part of this simulator.")).into()),
    }
}
