//! The rows: which a query finds, and each as text.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use chrono::DateTime;

use super::ask::Ask;
use super::ids::{self, ACCOUNT, USER};
use crate::vendors::world::{self, World};

/// When the first row was written: 2026-02-03T04:05:06Z. The others follow, 2,500 in each second; the last one a day later, so that whoever asks
/// for what changed of late is not shown all of them.
const BEGIN: i64 = 1_770_091_506;
const DAY: i64 = 86_400;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    Json,
    Csv,
}

/// An object, the fields selected of it, and how they are written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selection {
    pub form: Form,
    pub object: String,
    pub fields: Vec<String>,
}

/// Numbers of the rows that a query found, from 0, ascending.
#[derive(Clone, Debug)]
pub enum Found {
    All(Range<usize>),
    Some(Arc<Vec<usize>>),
}

impl Found {
    pub fn len(&self) -> usize {
        match self {
            Self::All(range) => range.len(),
            Self::Some(numbers) => numbers.len(),
        }
    }

    fn at(&self, place: usize) -> Option<usize> {
        match self {
            Self::All(range) => Some(range.start + place).filter(|number| range.contains(number)),
            Self::Some(numbers) => numbers.get(place).copied(),
        }
    }
}

enum Cell {
    Text(String),
    Bool(bool),
    Null,
}

/// Both objects.
pub struct Rows {
    world: World,
    /// The user's number of each account.
    owners: Vec<usize>,
    /// When each account was changed last, in seconds.
    stamps: Vec<i64>,
    rendered: HashMap<Selection, Vec<Box<str>>>,
}

/// The fields of an object, with their types.
pub fn fields(object: &str) -> &'static [(&'static str, &'static str)] {
    match object {
        "Account" => &[
            ("Id", "id"),
            ("Name", "string"),
            ("SystemModstamp", "datetime"),
            ("OwnerId", "string"),
            ("IsDeleted", "boolean"),
            ("AccountNumber", "string"),
            ("Type", "picklist"),
        ],
        "User" => &[
            ("Id", "id"),
            ("Name", "string"),
            ("FirstName", "string"),
            ("LastName", "string"),
            ("SystemModstamp", "datetime"),
            ("Username", "string"),
            ("Email", "email"),
            ("FederationIdentifier", "string"),
            ("EmployeeNumber", "string"),
            ("IsActive", "boolean"),
        ],
        _ => &[],
    }
}

/// The first line of CSV.
pub fn head(fields: &[String]) -> String {
    let names: Vec<String> = fields.iter().map(|field| format!("\"{field}\"")).collect();
    names.join(",") + "\n"
}

fn seconds(text: &str) -> Result<i64, String> {
    DateTime::parse_from_rfc3339(text).map(|at| at.timestamp()).map_err(|error| format!("`{text}` is no moment: {error}"))
}

impl Rows {
    /// Every account belongs to its rep's user.
    pub fn new(world: World) -> Self {
        let stamp = |number: usize| {
            let last = number + 1 == world.customers;
            BEGIN + i64::try_from(number / 2_500).unwrap_or_default() + if last { DAY } else { 0 }
        };
        Self {
            owners: (0..world.customers).map(|number| world.user(world.rep(number, false))).collect(),
            stamps: (0..world.customers).map(stamp).collect(),
            world,
            rendered: HashMap::new(),
        }
    }

    /// How many there are of a prefix.
    pub fn len(&self, prefix: &str) -> usize {
        if prefix == ACCOUNT { self.world.customers } else { self.world.users }
    }

    /// How many accounts belong to the user whom their rep stands for.
    pub fn right(&self, changed: fn(usize) -> bool) -> usize {
        let wanted = |number: usize| self.world.user(self.world.rep(number, changed(number)));
        self.owners.iter().enumerate().filter(|(number, owner)| wanted(*number) == **owner).count()
    }

    fn stamp(&self, object: &str, number: usize) -> i64 {
        if object == "Account" { self.stamps[number] } else { BEGIN }
    }

    /// What a query finds, without its order.
    ///
    /// # Errors
    /// What of it is not known here.
    pub fn found(&self, ask: &Ask) -> Result<Found, String> {
        let known = fields(&ask.object);
        if known.is_empty() {
            return Err(format!("sObject type '{}' is not supported", ask.object));
        }
        if let Some(field) = ask.fields.iter().find(|field| known.iter().all(|(name, _)| name != field)) {
            return Err(format!("No such column '{field}' on entity '{}'", ask.object));
        }
        let count = self.len(if ask.object == "Account" { ACCOUNT } else { USER });
        let (mut low, mut high) = (0, count);
        let (mut from, mut before) = (None, None);
        let mut listed: Option<Vec<usize>> = None;
        for condition in &ask.conditions {
            let first = condition.values.first().map(String::as_str).unwrap_or_default();
            let id = || ids::number(first).ok_or_else(|| format!("invalid ID field: {first}"));
            let listed_by = |number: fn(&str) -> Option<usize>| {
                let mut numbers: Vec<usize> =
                    condition.values.iter().filter_map(|value| number(value)).filter(|number| *number < count).collect();
                numbers.sort_unstable();
                numbers.dedup();
                Some(numbers)
            };
            match (condition.field.as_str(), condition.operator.as_str()) {
                ("Id", ">") => low = low.max(id()?),
                ("Id", "<=") => high = high.min(id()?),
                ("Id", "IN") => listed = listed_by(|id| ids::number(id)?.checked_sub(1)),
                ("AccountNumber", "IN") => listed = listed_by(|code| code.strip_prefix("C-")?.parse().ok()),
                ("SystemModstamp", ">=") => from = Some(seconds(first)?),
                ("SystemModstamp", "<") => before = Some(seconds(first)?),
                ("UserType", "=") if ask.object == "User" => {}
                (field, operator) => return Err(format!("`{field} {operator}` is not asked for here")),
            }
        }
        if let Some(numbers) = listed {
            return Ok(Found::Some(Arc::new(numbers)));
        }
        if from.is_none() && before.is_none() {
            return Ok(Found::All(low..high.max(low)));
        }
        let inside = |number: &usize| {
            let stamp = self.stamp(&ask.object, *number);
            from.is_none_or(|from| stamp >= from) && before.is_none_or(|before| stamp < before)
        };
        Ok(Found::Some(Arc::new((low..high).filter(inside).collect())))
    }

    /// The row that comes first in a query's order.
    pub fn first(&self, ask: &Ask, selection: &Selection, found: &Found) -> Option<String> {
        let numbers = || (0..found.len()).filter_map(|place| found.at(place));
        let number = match ask.order.as_ref().map(|(field, descending)| (field.as_str(), *descending)) {
            Some(("SystemModstamp", true)) => numbers().max_by_key(|number| self.stamp(&ask.object, *number)),
            Some((_, true)) => found.at(found.len().checked_sub(1)?),
            _ => found.at(0),
        }?;
        Some(self.row(selection, number))
    }

    pub fn is_rendered(&self, selection: &Selection) -> bool {
        self.rendered.contains_key(selection)
    }

    /// Renders every row of a selection.
    pub fn render(&mut self, selection: &Selection) {
        let count = self.len(if selection.object == "Account" { ACCOUNT } else { USER });
        let rows = (0..count).map(|number| self.row(selection, number).into_boxed_str()).collect();
        self.rendered.insert(selection.clone(), rows);
    }

    /// Writes rendered rows.
    pub fn write(&self, selection: &Selection, found: &Found, places: Range<usize>, between: &str, body: &mut String) {
        let Some(rows) = self.rendered.get(selection) else { return };
        body.reserve(places.len() * 320);
        for (index, number) in places.filter_map(|place| found.at(place)).enumerate() {
            if index > 0 {
                body.push_str(between);
            }
            body.push_str(&rows[number]);
        }
    }

    /// Gives an account to a user; false where one of them is unknown.
    pub fn give(&mut self, account: &str, owner: &str, now: i64) -> bool {
        let place = |id: &str, prefix: &str| {
            let number = ids::number(id).filter(|_| id.starts_with(prefix))?;
            (1..=self.len(prefix)).contains(&number).then_some(number)
        };
        let (Some(account), Some(owner)) = (place(account, ACCOUNT), place(owner, USER)) else { return false };
        let number = account - 1;
        (self.owners[number], self.stamps[number]) = (owner, now);
        let selections: Vec<Selection> = self.rendered.keys().filter(|selection| selection.object == "Account").cloned().collect();
        for selection in selections {
            let row = self.row(&selection, number).into_boxed_str();
            if let Some(rows) = self.rendered.get_mut(&selection) {
                rows[number] = row;
            }
        }
        true
    }

    fn row(&self, selection: &Selection, number: usize) -> String {
        let Selection { form, object, fields } = selection;
        let cells = fields.iter().map(|field| (field, self.cell(*form, object, field, number)));
        match form {
            Form::Json => {
                let prefix = if object == "Account" { ACCOUNT } else { USER };
                let mut row = format!(
                    "{{\"attributes\":{{\"type\":\"{object}\",\"url\":\"/services/data/v62.0/sobjects/{object}/{}\"}}",
                    ids::id(prefix, number + 1)
                );
                for (field, cell) in cells {
                    row.push_str(&match cell {
                        Cell::Text(text) => format!(",\"{field}\":\"{text}\""),
                        Cell::Bool(value) => format!(",\"{field}\":{value}"),
                        Cell::Null => format!(",\"{field}\":null"),
                    });
                }
                row + "}"
            }
            Form::Csv => {
                let cells = cells.map(|(_, cell)| match cell {
                    Cell::Text(text) => format!("\"{text}\""),
                    Cell::Bool(value) => format!("\"{value}\""),
                    Cell::Null => "\"\"".to_owned(),
                });
                cells.collect::<Vec<_>>().join(",")
            }
        }
    }

    /// No text here holds a character that JSON or CSV would escape.
    fn cell(&self, form: Form, object: &str, field: &str, number: usize) -> Cell {
        let stamp = || {
            let at = DateTime::from_timestamp(self.stamp(object, number), 0).unwrap_or_default();
            let zone = if form == Form::Json { "+0000" } else { "Z" };
            at.format("%Y-%m-%dT%H:%M:%S.000").to_string() + zone
        };
        let user = number + 1;
        match (object, field) {
            ("Account", "Id") => Cell::Text(ids::id(ACCOUNT, number + 1)),
            ("User", "Id") => Cell::Text(ids::id(USER, user)),
            (_, "SystemModstamp") => Cell::Text(stamp()),
            ("Account", "Name") => Cell::Text(format!("Customer {number}")),
            ("Account", "OwnerId") => Cell::Text(ids::id(USER, self.owners[number])),
            ("Account", "AccountNumber") => Cell::Text(world::customer(number)),
            ("Account", "Type") => Cell::Text("Customer - Direct".to_owned()),
            (_, "IsDeleted") => Cell::Bool(false),
            (_, "IsActive") => Cell::Bool(true),
            ("User", "Name") => Cell::Text(format!("User {user}")),
            ("User", "FirstName") => Cell::Text("User".to_owned()),
            ("User", "LastName") => Cell::Text(user.to_string()),
            ("User", "Username") => Cell::Text(world::login(user)),
            ("User", "Email") => Cell::Text(format!("user{user}@example.com")),
            _ => Cell::Null,
        }
    }
}
