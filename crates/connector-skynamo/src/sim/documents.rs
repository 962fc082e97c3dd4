//! Kinds whose members are kept as written: contacts, tasks, scheduled visits, comments, products, orders and their like.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::filter;
use super::rows::Document;
use super::state::{State, stamp};
use super::write::{Mode, Refusal, customer_of, integer, text, user_of};

/// Members that name a user by id, each with the member that shows the login name.
pub(super) const USER_PAIRS: &[(&str, &str)] =
    &[("assigned_user_id", "assigned_user_name"), ("creator_user_id", "creator_user_name"), ("user_id", "user_name")];

/// One such kind.
pub(super) struct DocumentKind {
    pub(super) path: &'static str,
    pub(super) verbs: &'static [&'static str],
    pub(super) filterable: &'static [&'static str],
    /// Does it carry a row version and a creation date?
    pub(super) versioned: bool,
    pub(super) first_id: i64,
}

const FULL: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];
const NO_DELETE: &[&str] = &["GET", "POST", "PUT", "PATCH"];
const CREATE: &[&str] = &["GET", "POST"];
const READ: &[&str] = &["GET"];

const fn kind(
    path: &'static str,
    verbs: &'static [&'static str],
    filterable: &'static [&'static str],
    versioned: bool,
    first_id: i64,
) -> DocumentKind {
    DocumentKind { path, verbs, filterable, versioned, first_id }
}

/// All of them.
pub(super) const KINDS: &[DocumentKind] = &[
    kind("contacts", NO_DELETE, &["id", "active", "create_date", "row_version", "customer_id", "customer_code"], true, 1501),
    kind("tasks", FULL, &["id", "create_date", "row_version"], true, 300),
    kind("scheduledvisits", FULL, &["id", "create_date", "row_version"], true, 600),
    kind("customercomments", CREATE, &["id", "row_version", "customer_id", "customer_code"], true, 2001),
    kind("products", NO_DELETE, &["id", "row_version", "customer_id", "customer_code", "user_id", "code"], true, 7001),
    kind("orders", CREATE, &[], false, 5120),
    kind("quotes", CREATE, &[], false, 5620),
    kind("creditrequests", CREATE, &[], false, 5820),
    kind("interactions", READ, &[], false, 77_001),
    kind("emailinteractions", READ, &[], false, 78_001),
    kind("completedforms", READ, &[], false, 79_001),
    kind("invoices", READ, &[], false, 8001),
    kind("prices", READ, &[], false, 1),
    kind("stocklevels", READ, &["warehouse_id"], false, 1),
    kind("taxrates", READ, &[], false, 1),
    kind("currencies", READ, &[], false, 1),
    kind("dealgroups", READ, &[], false, 1),
    kind("customerdealgroupallocations", READ, &[], false, 1),
    kind("dealgroupcustomerallocations", READ, &[], false, 1),
    kind("orderstatuses", READ, &["id", "document_id", "date"], false, 1),
    kind("orderitemstatuses", READ, &[], false, 1),
];

/// The kind of that path.
pub(super) fn kind_at(path: &str) -> Option<&'static DocumentKind> {
    KINDS.iter().find(|kind| kind.path == path)
}

/// Creates, replaces or merges one document.
pub(super) fn write(
    state: &mut State,
    kind: &'static DocumentKind,
    given: &Map<String, Value>,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<Value, Refusal> {
    let before = match mode {
        Mode::Create => None,
        Mode::Replace | Mode::Merge => {
            let id = integer(given, "id")?.ok_or_else(|| Refusal::bad("The id is required."))?;
            let row = state.documents.get(kind.path).and_then(|table| table.row(id));
            Some(row.cloned().ok_or_else(|| Refusal::missing(format!("Unknown id {id}.")))?)
        }
    };
    let mut members = match (&before, mode) {
        (Some(row), Mode::Merge) => row.members.clone(),
        _ => defaults(kind.path, before.as_ref(), now),
    };
    for (name, value) in given {
        if !COMPUTED.contains(&name.as_str()) {
            members.insert(name.clone(), value.clone());
        }
    }
    // Either of a pair may be sent; the id wins.
    if let Some(customer) = customer_of(state, given)? {
        members.insert("customer_id".into(), customer.into());
    }
    for (id, name) in USER_PAIRS {
        if let Some(user) = user_of(state, given, id, name)? {
            members.insert((*id).into(), user.into());
        }
    }
    check(kind.path, given, &mut members, mode)?;
    let interaction =
        if matches!(kind.path, "orders" | "quotes" | "creditrequests") { Some(interaction(state, &mut members, now)) } else { None };
    let id = before.as_ref().map_or_else(|| state.fresh_document_id(kind.path), |row| row.id);
    let row_version = state.fresh_version();
    let created = before.map_or(now, |row| row.created);
    let mut answer = json!({"id": id});
    if let Some(interaction) = interaction {
        answer["interaction_id"] = interaction.into();
    } else {
        // Creation answers spell row versions as text where lists use numbers.
        answer["row_version"] = row_version.to_string().into();
        if let Some(description) = members.get("description") {
            answer["description"] = description.clone();
        }
    }
    state.put_document(kind.path, Document { id, members, versioned: kind.versioned, row_version, modified: now, created });
    Ok(answer)
}

/// Members that the vendor computes: sent ones are ignored.
const COMPUTED: &[&str] = &[
    "id",
    "row_version",
    "version",
    "last_modified_time",
    "create_date",
    "customer_id",
    "customer_code",
    "customer_name",
    "assigned_user_id",
    "assigned_user_name",
    "creator_user_id",
    "creator_user_name",
    "user_id",
    "user_name",
];

fn defaults(path: &str, before: Option<&Document>, now: DateTime<Utc>) -> Map<String, Value> {
    let value = match path {
        "contacts" | "products" => json!({"active": true}),
        "tasks" => json!({"description": null, "due_date": null, "anytime": false, "reminder_offset": null, "completed_date": null}),
        "scheduledvisits" => {
            json!({"comment": null, "due_date": null, "all_day": true, "end_time": null, "reminder_offset": null, "completed_date": null, "completer_visit_id": null})
        }
        "customercomments" => json!({"comment": null, "date": stamp(now)}),
        "orders" | "quotes" | "creditrequests" => json!({"date": stamp(now), "discount": 0, "items": []}),
        _ => json!({}),
    };
    let Value::Object(mut members) = value else { return Map::new() };
    // The keys of what is replaced stay.
    for name in ["customer_id", "creator_user_id", "code"] {
        if let Some(value) = before.and_then(|row| row.members.get(name)) {
            members.insert(name.into(), value.clone());
        }
    }
    members
}

fn check(path: &str, given: &Map<String, Value>, members: &mut Map<String, Value>, mode: Mode) -> Result<(), Refusal> {
    let wants = |members: &Map<String, Value>, name: &str| match members.get(name) {
        None | Some(Value::Null) => Err(Refusal::bad(format!("The {name} is required."))),
        Some(Value::String(text)) if text.is_empty() => Err(Refusal::bad(format!("The {name} is required."))),
        Some(_) => Ok(()),
    };
    for name in ["due_date", "end_time", "completed_date", "date"] {
        if let Some(value) = text(given, name)? {
            let time = filter::time(&value).ok_or_else(|| Refusal::bad(format!("The {name} is not a date.")))?;
            members.insert(name.into(), stamp(time).into());
        }
    }
    match path {
        "contacts" => {
            wants(members, "name")?;
            wants(members, "customer_id")
        }
        "tasks" => {
            wants(members, "description")?;
            wants(members, "assigned_user_id")
        }
        "scheduledvisits" => {
            wants(members, "due_date")?;
            wants(members, "customer_id")?;
            wants(members, "assigned_user_id")?;
            let ends = members.get("end_time").is_some_and(|value| !value.is_null());
            if mode == Mode::Merge && ends && given.contains_key("end_time") && !given.contains_key("due_date") {
                return Err(Refusal::bad("An end_time needs the due_date beside it."));
            }
            members.insert("all_day".into(), (!ends).into());
            Ok(())
        }
        "customercomments" => wants(members, "customer_id"),
        "products" => {
            wants(members, "code")?;
            wants(members, "name")
        }
        "orders" | "quotes" | "creditrequests" => {
            wants(members, "customer_id")?;
            wants(members, "user_id")
        }
        _ => Ok(()),
    }
}

/// An order does not show who made it: its interaction does.
fn interaction(state: &mut State, members: &mut Map<String, Value>, now: DateTime<Utc>) -> i64 {
    let id = state.fresh_document_id("interactions");
    let user = members.remove("user_id").unwrap_or(Value::Null);
    let Value::Object(seen) = json!({"user_id": user, "customer_id": members.get("customer_id"), "date": members.get("date")}) else {
        return id;
    };
    let row_version = state.fresh_version();
    state.put_document("interactions", Document { id, members: seen, versioned: false, row_version, modified: now, created: now });
    members.insert("interaction_id".into(), id.into());
    id
}
