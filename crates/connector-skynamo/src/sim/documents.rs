//! Kinds whose members are kept as written: contacts, tasks, scheduled visits, comments, price lists, products, orders and their like.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::rows::Document;
use super::state::{State, stamp};
use super::write::{Mode, Refusal, customer_of, integer, text, user_of};
use super::{catalogue, filter};

/// Members that name a user by id, each with the member that shows the login name.
pub(super) const USER_PAIRS: &[(&str, &str)] =
    &[("assigned_user_id", "assigned_user_name"), ("creator_user_id", "creator_user_name"), ("user_id", "user_name")];

/// What rows of a kind show besides their members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Id, row version, creation and change.
    Created,
    /// Id, row version and change.
    Versioned,
    /// Id and change.
    Plain,
    /// Change only: prices and stock levels have no id.
    Keyed,
}

/// One such kind.
#[derive(Debug)]
pub(super) struct DocumentKind {
    pub(super) path: &'static str,
    pub(super) verbs: &'static [&'static str],
    pub(super) filterable: &'static [&'static str],
    pub(super) shape: Shape,
    pub(super) first_id: i64,
    /// Members that the answer to a creation echoes. Empty: the answer has a message only.
    pub(super) echoes: &'static [&'static str],
}

const FULL: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];
const NO_DELETE: &[&str] = &["GET", "POST", "PUT", "PATCH"];
const CREATE: &[&str] = &["GET", "POST"];
const READ: &[&str] = &["GET"];

const fn kind(
    path: &'static str,
    verbs: &'static [&'static str],
    filterable: &'static [&'static str],
    shape: Shape,
    first_id: i64,
    echoes: &'static [&'static str],
) -> DocumentKind {
    DocumentKind { path, verbs, filterable, shape, first_id, echoes }
}

/// All of them. Deal groups and order statuses can be listed (there are none), not written.
pub(super) const KINDS: &[DocumentKind] = &[
    kind(
        "contacts",
        NO_DELETE,
        &["id", "active", "create_date", "row_version", "customer_id", "customer_code"],
        Shape::Created,
        1501,
        &["id", "name", "row_version"],
    ),
    kind("tasks", FULL, &["id", "create_date", "row_version"], Shape::Created, 300, &["id", "description", "row_version"]),
    kind("scheduledvisits", FULL, &["id", "create_date", "row_version"], Shape::Created, 600, &["id", "comment", "row_version"]),
    kind(
        "customercomments",
        CREATE,
        &["id", "row_version", "customer_id", "customer_code"],
        Shape::Versioned,
        2001,
        &["id", "comment", "row_version"],
    ),
    kind(
        "products",
        NO_DELETE,
        &["id", "row_version", "customer_id", "customer_code", "user_id", "code"],
        Shape::Versioned,
        6,
        &["id", "code"],
    ),
    kind("invoices", FULL, &["row_version"], Shape::Versioned, 8001, &["id"]),
    kind("orders", CREATE, &[], Shape::Plain, 5120, &["id", "interaction_id"]),
    kind("quotes", CREATE, &[], Shape::Plain, 5620, &["id", "interaction_id"]),
    kind("creditrequests", CREATE, &[], Shape::Plain, 5820, &["id", "interaction_id"]),
    kind("interactions", READ, &[], Shape::Plain, 77_001, &[]),
    kind("emailinteractions", READ, &[], Shape::Plain, 78_001, &[]),
    kind("completedforms", READ, &[], Shape::Plain, 79_001, &[]),
    kind("pricelists", NO_DELETE, &[], Shape::Plain, 1, &[]),
    kind("warehouses", NO_DELETE, &[], Shape::Plain, 1, &[]),
    kind("taxrates", NO_DELETE, &[], Shape::Plain, 1, &[]),
    kind("currencies", NO_DELETE, &[], Shape::Plain, 1, &["id", "code", "rate_to_base"]),
    kind("prices", CREATE, &[], Shape::Keyed, 1, &[]),
    kind("stocklevels", CREATE, &["warehouse_id"], Shape::Keyed, 1, &[]),
    kind("dealgroups", READ, &[], Shape::Plain, 1, &[]),
    kind("customerdealgroupallocations", READ, &[], Shape::Plain, 1, &[]),
    kind("dealgroupcustomerallocations", READ, &[], Shape::Plain, 1, &[]),
    kind("orderstatuses", READ, &["id", "document_id", "date"], Shape::Plain, 1, &[]),
    kind("orderitemstatuses", READ, &[], Shape::Plain, 1, &[]),
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
    if kind.shape == Shape::Keyed {
        return catalogue::write_keyed(state, kind, given, now);
    }
    let before = match mode {
        Mode::Create => None,
        Mode::Replace | Mode::Merge => {
            let id = integer(given, "id")?.ok_or_else(|| Refusal::bad("The id is required."))?;
            let row = state.documents.get(kind.path).and_then(|table| table.row(id));
            Some(row.cloned().ok_or_else(|| Refusal::bad(format!("Unknown id {id}.")))?)
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
    let id = before.as_ref().map_or_else(|| state.fresh_document_id(kind.path), |row| row.id);
    check(state, kind.path, id, given, &mut members, mode)?;
    if matches!(kind.path, "orders" | "quotes" | "creditrequests") {
        catalogue::complete_order(state, kind.path, id, given, &mut members, now)?;
    }
    let row_version = state.fresh_version();
    let created = before.map_or(now, |row| row.created);
    let mut answer = Map::new();
    for name in kind.echoes {
        let value = match *name {
            "id" => id.into(),
            // Several creation answers spell row versions as text where lists use numbers.
            "row_version" if kind.path == "contacts" => row_version.into(),
            "row_version" => row_version.to_string().into(),
            other => members.get(other).cloned().unwrap_or_default(),
        };
        answer.insert((*name).into(), value);
    }
    state.put_document(kind.path, Document { id, members, shape: kind.shape, row_version, modified: now, created });
    Ok(Value::Object(answer))
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
    "forms",
];

fn defaults(path: &str, before: Option<&Document>, now: DateTime<Utc>) -> Map<String, Value> {
    let value = match path {
        "contacts" => json!({"active": true}),
        "products" => json!({"active": true, "order_units": [], "custom_fields": [], "files": []}),
        "tasks" => json!({"description": null, "due_date": null, "anytime": false, "reminder_offset": null, "completed_date": null}),
        "scheduledvisits" => {
            json!({"comment": null, "due_date": null, "all_day": true, "end_time": null, "reminder_offset": null, "completed_date": null, "completer_visit_id": null})
        }
        "customercomments" => json!({"comment": null, "date": stamp(now)}),
        "pricelists" => {
            json!({"name": null, "active": true, "prices_include_vat": false, "currency_code": null, "currency_rate_to_base": null})
        }
        "warehouses" => json!({"name": null, "active": true, "order_email": "", "credit_request_email": "", "quote_email": ""}),
        "taxrates" => json!({"name": null, "active": true, "rate": 0}),
        "currencies" => json!({"code": null, "rate_to_base": 1}),
        "invoices" => {
            json!({"date": stamp(now), "reference": null, "status": null, "due_date": null, "external_id": null, "tax_inclusion": null, "tax": null,
                "total": null, "outstanding_balance": null, "currency_code": null, "currency_rate_to_base": null, "items": []})
        }
        "orders" | "quotes" | "creditrequests" => {
            json!({"date": stamp(now), "reference": null, "discount": 0, "discount_amount": 0, "total_amount": 0, "prices_include_vat": null,
                "warehouse_id": null, "warehouse_name": null, "email_recipients": null, "currency_code": null, "currency_rate_to_base": null, "items": []})
        }
        _ => json!({}),
    };
    let Value::Object(mut members) = value else { return Map::new() };
    // The keys of what is replaced stay.
    for name in ["customer_id", "creator_user_id", "code", "name"] {
        if let Some(value) = before.and_then(|row| row.members.get(name)) {
            members.insert(name.into(), value.clone());
        }
    }
    members
}

fn check(
    state: &mut State,
    path: &'static str,
    id: i64,
    given: &Map<String, Value>,
    members: &mut Map<String, Value>,
    mode: Mode,
) -> Result<(), Refusal> {
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
        "customercomments" => {
            wants(members, "comment")?;
            wants(members, "customer_id")
        }
        "pricelists" | "warehouses" | "taxrates" => wants(members, "name"),
        "currencies" => wants(members, "code"),
        "products" => {
            wants(members, "name")?;
            catalogue::complete_product(state, id, members)
        }
        "invoices" => {
            wants(members, "customer_id")?;
            catalogue::complete_invoice(state, given, members)
        }
        "orders" | "quotes" | "creditrequests" => {
            wants(members, "customer_id")?;
            wants(members, "user_id")
        }
        _ => Ok(()),
    }
}
