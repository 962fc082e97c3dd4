//! Writes with a shape of their own: integration actions, uploads, renamed fields and deletions.

use chrono::{DateTime, Utc};
use rightful_sim::SimResponse;
use serde_json::{Map, Value, json};

use super::documents;
use super::rows::FormField;
use super::state::{File, State, stamp};
use super::write::{Mode, Refusal, integer, text, whole};

/// Types of custom fields: as creation spells them, as form definitions do.
const FIELD_TYPES: &[(&str, &str)] = &[
    ("Text", "Text Field"),
    ("Number", "Number Field"),
    ("SingleSelect", "Single Value Enumeration Field"),
    ("MultiSelect", "Multi Value Enumeration Field"),
    ("NestedSingleSelect", "Single Value Hierarchical Enumeration Field"),
    ("NestedMultiSelect", "Multi Value Hierarchical Enumeration Field"),
    ("Address", "Address Field"),
    ("UserSingleSelect", "Single Value Lookup Entity Field"),
    ("UserMultiSelect", "Multi Value Lookup Entity Field"),
    ("HeadingLabel", "Heading Label"),
    ("NormalLabel", "Normal Label"),
    ("FinePrintLabel", "Fine Print Label"),
];

/// The error model of this path has a message only.
fn refused(message: impl Into<String>) -> SimResponse {
    SimResponse::json(400, &json!({"message": message.into()}))
}

/// A single object, or an array around one: clients send either.
fn single(body: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(body).ok()? {
        Value::Object(object) => Some(object),
        Value::Array(mut items) if items.len() == 1 => match items.pop() {
            Some(Value::Object(object)) => Some(object),
            _ => None,
        },
        _ => None,
    }
}

/// `POST /integrations`.
pub(super) fn integrate(state: &mut State, body: &[u8], now: DateTime<Utc>) -> SimResponse {
    let Some(given) = single(body) else { return refused("The body must be one object.") };
    let count = state.counters.entry("POST /integrations".into()).or_default();
    count.requests += 1;
    let answer = match given.get("action").and_then(Value::as_str) {
        Some("ImportNow") => {
            state.import(now, true);
            Ok(json!({"message": "Success"}))
        }
        Some("AutoGrowEnums" | "ResubmitOrderItemDocuments") => Ok(json!({"message": "Success"})),
        Some("AddCustomFields") => add_fields(state, &given, now),
        Some(other) => Err(format!("Unknown action {other}.")),
        None => Err("The action is required.".into()),
    };
    match answer {
        Ok(answer) => SimResponse::json(200, &answer),
        Err(message) => refused(message),
    }
}

fn add_fields(state: &mut State, given: &Map<String, Value>, now: DateTime<Utc>) -> Result<Value, String> {
    let wanted = given.get("fields_to_add").and_then(Value::as_array).ok_or("fields_to_add must be a list.")?;
    let mut planned = Vec::new();
    for field in wanted {
        let form = field.get("form_id").and_then(whole).ok_or("The form_id is required.")?;
        let name = field.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()).ok_or("The name is required.")?;
        let kind = field.get("type").and_then(Value::as_str).unwrap_or_default();
        let shown = FIELD_TYPES.iter().find(|(known, _)| *known == kind).ok_or_else(|| format!("Unknown field type {kind}."))?.1;
        state.forms.row(form).ok_or_else(|| format!("Unknown form id {form}."))?;
        planned.push((form, name.to_owned(), shown));
    }
    let mut added = Vec::new();
    for (form, name, kind) in planned {
        let Some(mut form) = state.forms.row(form).cloned() else { continue };
        let id = state.next_field;
        form.fields.push(FormField { id, name: name.clone(), required: false, kind: kind.into(), choices: Vec::new() });
        form.modified = now;
        state.put_form(form);
        state.fresh_version();
        added.push(json!({"id": id, "name": name}));
    }
    Ok(json!({"message": "Success", "fields_added": added}))
}

/// `PATCH /customfields`: renames only.
pub(super) fn rename_field(state: &mut State, item: &Map<String, Value>, now: DateTime<Utc>) -> Result<Value, Refusal> {
    let id = integer(item, "id")?.ok_or_else(|| Refusal::bad("The id is required."))?;
    let name = text(item, "name")?.filter(|name| !name.is_empty()).ok_or_else(|| Refusal::bad("The name is required."))?;
    let form = state.forms.iter().find(|form| form.fields.iter().any(|field| field.id == id)).cloned();
    let mut form = form.ok_or_else(|| Refusal::bad(format!("Unknown custom field id {id}.")))?;
    for field in form.fields.iter_mut().filter(|field| field.id == id) {
        field.name.clone_from(&name);
    }
    form.modified = now;
    state.put_form(form);
    state.fresh_version();
    Ok(Value::Null)
}

/// `POST /files`: one object; the upload expires unless something refers to it.
pub(super) fn upload(state: &mut State, body: &[u8], now: DateTime<Utc>) -> SimResponse {
    let Some(content) = single(body) else { return refused("The body must be one object.") };
    let number = state.fresh_version();
    let guid = format!("{number:08x}-0000-4000-8000-{:012x}", number.wrapping_mul(0x9e37_79b9) & 0xffff_ffff_ffff);
    state.files.insert(guid.clone(), File { content: Value::Object(content), uploaded: now, attached: false });
    let file = &state.files[&guid];
    let shown = |name: &str| file.content.get(name).cloned().unwrap_or_default();
    let row = json!({"id": guid, "filename": shown("filename"), "expire_time": stamp(now + chrono::Duration::minutes(10)),
        "content_hash": shown("content_hash"), "transaction_id": shown("transaction_id")});
    SimResponse::json(200, &json!({"message": "Success", "data": [row]}))
}

/// One id of a DELETE body.
pub(super) fn remove(state: &mut State, path: &'static str, item: &Value) -> Result<Value, Refusal> {
    let id = match (path, item) {
        ("invoicesbyexternalid", Value::String(external)) => invoice_of(state, external),
        _ => whole(item),
    };
    let id = id.ok_or_else(|| Refusal::bad("The body holds ids only."))?;
    let path = if path == "invoicesbyexternalid" { "invoices" } else { path };
    let removed = match path {
        "visitfrequencies" => state.remove_frequency(id).is_some(),
        _ => state.remove_document(path, id).is_some(),
    };
    if !removed {
        return Err(Refusal::bad(format!("Unknown id {id}.")));
    }
    state.fresh_version();
    Ok(Value::Null)
}

/// The invoice of that external id.
pub(super) fn invoice_of(state: &State, external: &str) -> Option<i64> {
    let named = |row: &super::rows::Document| row.members.get("external_id").and_then(Value::as_str) == Some(external);
    state.documents.get("invoices")?.iter().find(|row| named(row)).map(|row| row.id)
}

/// An invoice known by the id it has elsewhere.
pub(super) fn write_invoice(state: &mut State, item: &Map<String, Value>, mode: Mode, now: DateTime<Utc>) -> Result<Value, Refusal> {
    let external = text(item, "external_id")?.ok_or_else(|| Refusal::bad("The external_id is required."))?;
    let kind = documents::kind_at("invoices").ok_or_else(|| Refusal::bad("This cannot be written."))?;
    let known = invoice_of(state, &external);
    let mut item = item.clone();
    item.remove("id");
    match (mode, known) {
        (Mode::Create, Some(_)) => return Err(Refusal::bad("An invoice with this external id already exists.")),
        (Mode::Create, None) => {}
        (_, Some(id)) => drop(item.insert("id".into(), id.into())),
        (_, None) => return Err(Refusal::bad(format!("Unknown external id {external}."))),
    }
    documents::write(state, kind, &item, mode, now)
}
