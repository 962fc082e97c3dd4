//! Writes to customers and visit frequencies.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::rows::{Customer, Frequency};
use super::state::{State, distinct};
use super::write::{Mode, Refusal, customer_of, integer, text, user_of, whole};

/// The longest customer code (SK-22).
const LONGEST_CODE: usize = 40;

/// Creates, replaces or merges one customer.
pub(super) fn write(
    state: &mut State,
    item: &Map<String, Value>,
    mode: Mode,
    allow_code_key: bool,
    now: DateTime<Utc>,
) -> Result<Value, Refusal> {
    let before = match mode {
        Mode::Create => None,
        Mode::Replace | Mode::Merge => Some(named(state, item, allow_code_key)?),
    };
    let mut row = match (&before, mode) {
        (Some(before), Mode::Merge) => before.clone(),
        _ => fresh(state, before.as_ref(), now),
    };
    let mut detail = Vec::new();
    let mut note = |outcome: Result<(), Refusal>| {
        if let Err(refusal) = outcome {
            detail.extend(refusal.detail);
        }
    };
    note(code(state, item, &mut row));
    note(name(item, &mut row, mode));
    note(assigned(state, item, &mut row));
    note(prices(state, item, &mut row));
    note(custom_fields(state, item, &mut row, mode));
    note(files(state, item, &mut row, now));
    note(plain_members(item, &mut row));
    if !detail.is_empty() {
        return Err(Refusal { detail });
    }
    if row.code.is_empty() {
        row.code = free_code(state, row.id);
    }
    row.row_version = state.fresh_version();
    row.modified = now;
    row.writes += 1;
    for guid in &row.files {
        if let Some(file) = state.files.get_mut(guid) {
            file.attached = true;
        }
    }
    let answer = json!({"id": row.id, "code": row.code, "row_version": row.row_version});
    state.put_customer(row);
    Ok(answer)
}

/// The customer an item is for. By id; by code only where the switch says so, since a live instance refused that.
fn named(state: &State, item: &Map<String, Value>, allow_code_key: bool) -> Result<Customer, Refusal> {
    if let Some(id) = integer(item, "id")? {
        return state.customers.row(id).cloned().ok_or_else(|| Refusal::bad(format!("Unknown customer id {id}.")));
    }
    match text(item, "code")? {
        Some(code) if allow_code_key => {
            let row = state.codes.get(&code).and_then(|id| state.customers.row(*id));
            row.cloned().ok_or_else(|| Refusal::bad(format!("Unknown customer code {code}.")))
        }
        _ => Err(Refusal::bad("The id is required.")),
    }
}

fn fresh(state: &mut State, before: Option<&Customer>, now: DateTime<Utc>) -> Customer {
    Customer {
        id: before.map_or_else(|| state.customers.fresh_id(), |row| row.id),
        code: before.map(|row| row.code.clone()).unwrap_or_default(),
        name: String::new(),
        active: true,
        location: None,
        price_list_id: None,
        assigned_users: Vec::new(),
        default_discount: Value::from(0),
        default_warehouse_id: None,
        custom_fields: Vec::new(),
        files: Vec::new(),
        row_version: 0,
        modified: now,
        created: before.map_or(now, |row| row.created),
        writes: before.map_or(0, |row| row.writes),
    }
}

fn free_code(state: &State, id: i64) -> String {
    let mut code = format!("C{id:06}");
    while state.codes.contains_key(&code) {
        code.push('X');
    }
    code
}

fn code(state: &State, item: &Map<String, Value>, row: &mut Customer) -> Result<(), Refusal> {
    let Some(code) = text(item, "code")?.filter(|code| !code.is_empty()) else { return Ok(()) };
    if code.chars().count() > LONGEST_CODE {
        return Err(Refusal::bad(format!("Customer code is longer than {LONGEST_CODE} characters.")));
    }
    if state.codes.get(&code).is_some_and(|owner| *owner != row.id) {
        return Err(Refusal::bad("C014: Customer code already exists."));
    }
    row.code = code;
    Ok(())
}

fn name(item: &Map<String, Value>, row: &mut Customer, mode: Mode) -> Result<(), Refusal> {
    match text(item, "name")? {
        Some(name) if !name.trim().is_empty() => {
            row.name = name;
            Ok(())
        }
        None if mode == Mode::Merge && !item.contains_key("name") => Ok(()),
        _ => Err(Refusal::bad("The name is required.")),
    }
}

/// The list is set to exactly what was sent; repeats collapse, unknown users are refused, deactivated ones are not (SK-16).
fn assigned(state: &State, item: &Map<String, Value>, row: &mut Customer) -> Result<(), Refusal> {
    let ids = match item.get("assigned_users") {
        None => return Ok(()),
        Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => {
            let ids: Option<Vec<i64>> = values.iter().map(whole).collect();
            ids.ok_or_else(|| Refusal::bad("assigned_users must hold user ids."))?
        }
        Some(_) => return Err(Refusal::bad("assigned_users must be a list.")),
    };
    let unknown: Vec<String> = ids.iter().filter(|id| state.users.row(**id).is_none()).map(|id| format!("Unknown user id {id}.")).collect();
    if !unknown.is_empty() {
        return Err(Refusal { detail: unknown });
    }
    row.assigned_users = distinct(ids);
    Ok(())
}

fn prices(state: &State, item: &Map<String, Value>, row: &mut Customer) -> Result<(), Refusal> {
    if let Some(id) = integer(item, "price_list_id")? {
        if state.name_of("pricelists", id).is_none() {
            return Err(Refusal::bad("Unknown price list id."));
        }
        row.price_list_id = Some(id);
    } else if let Some(name) = text(item, "price_list_name")? {
        row.price_list_id = Some(state.id_named("pricelists", &name).ok_or_else(|| Refusal::bad("Unknown price list name."))?);
    } else if item.contains_key("price_list_id") || item.contains_key("price_list_name") {
        row.price_list_id = None;
    }
    if let Some(id) = integer(item, "default_warehouse_id")? {
        if state.name_of("warehouses", id).is_none() {
            return Err(Refusal::bad("Unknown warehouse id."));
        }
        row.default_warehouse_id = Some(id);
    } else if item.contains_key("default_warehouse_id") {
        row.default_warehouse_id = None;
    }
    Ok(())
}

/// Values by field id; a merge touches only the fields named, an empty value clears its field.
fn custom_fields(state: &State, item: &Map<String, Value>, row: &mut Customer, mode: Mode) -> Result<(), Refusal> {
    let values = match item.get("custom_fields") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(values)) => values,
        Some(_) => return Err(Refusal::bad("custom_fields must be a list.")),
    };
    let known = state.forms.row(-1).map(|form| form.fields.as_slice()).unwrap_or_default();
    let mut fields = if mode == Mode::Merge { row.custom_fields.clone() } else { Vec::new() };
    for value in values {
        let id = value.get("id").and_then(whole).ok_or_else(|| Refusal::bad("A custom field is named by its id."))?;
        if !known.iter().any(|field| field.id == id) {
            return Err(Refusal::bad(format!("Unknown custom field id {id}.")));
        }
        fields.retain(|(other, _)| *other != id);
        match value.get("value") {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => fields.push((id, text.clone())),
            Some(Value::Number(number)) => fields.push((id, number.to_string())),
            // Several values are one text, parted by commas.
            Some(Value::Array(several)) => {
                let several: Vec<String> = several.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
                fields.push((id, several.join(",")));
            }
            Some(_) => return Err(Refusal::bad(format!("The value of custom field {id} must be text."))),
        }
    }
    fields.sort_by_key(|(id, _)| *id);
    row.custom_fields = fields;
    Ok(())
}

fn files(state: &State, item: &Map<String, Value>, row: &mut Customer, now: DateTime<Utc>) -> Result<(), Refusal> {
    let Some(value) = item.get("files") else { return Ok(()) };
    let guids: Vec<String> = match value {
        Value::Null => Vec::new(),
        _ => serde_json::from_value(value.clone()).map_err(|_| Refusal::bad("files must hold file ids."))?,
    };
    for guid in &guids {
        if !state.files.get(guid).is_some_and(|file| super::answers::file_stands(file, now)) {
            return Err(Refusal::bad("F002: File does not exist or has expired."));
        }
    }
    row.files = guids;
    Ok(())
}

fn plain_members(item: &Map<String, Value>, row: &mut Customer) -> Result<(), Refusal> {
    match item.get("active") {
        None => {}
        Some(Value::Null) => row.active = true,
        Some(Value::Bool(active)) => row.active = *active,
        Some(_) => return Err(Refusal::bad("active must be true or false.")),
    }
    match item.get("default_discount") {
        None => {}
        Some(Value::Null) => row.default_discount = Value::from(0),
        Some(Value::Number(number)) if number.as_f64().is_some_and(|percent| (0.0..=100.0).contains(&percent)) => {
            row.default_discount = Value::Number(number.clone());
        }
        Some(_) => return Err(Refusal::bad("Discount must be between 0 and 100.")),
    }
    match item.get("location") {
        None => {}
        Some(Value::Null) => row.location = None,
        Some(Value::Object(given)) => {
            let part = |name: &str, zero: Value| given.get(name).filter(|value| !value.is_null()).cloned().unwrap_or(zero);
            row.location = Some(json!({
                "latitude": part("latitude", json!(0.0)), "longitude": part("longitude", json!(0.0)),
                "accuracy": part("accuracy", json!(0)), "is_approximate": part("is_approximate", json!(false)),
            }));
        }
        Some(_) => return Err(Refusal::bad("location must be an object.")),
    }
    Ok(())
}

/// Creates, replaces or merges one visit frequency. A second one for the same customer and user is refused.
pub(super) fn write_frequency(state: &mut State, item: &Map<String, Value>, mode: Mode, now: DateTime<Utc>) -> Result<Value, Refusal> {
    let before = match mode {
        Mode::Create => None,
        Mode::Replace | Mode::Merge => {
            let id = integer(item, "id")?.ok_or_else(|| Refusal::bad("The id is required."))?;
            Some(state.frequencies.row(id).cloned().ok_or_else(|| Refusal::bad(format!("Unknown visit frequency id {id}.")))?)
        }
    };
    let kept = before.as_ref();
    let customer_id =
        customer_of(state, item)?.or(kept.map(|row| row.customer_id)).ok_or_else(|| Refusal::bad("The customer is required."))?;
    let user = user_of(state, item, "user_id", "user_name")?;
    let user_id = user.or(kept.map(|row| row.user_id)).ok_or_else(|| Refusal::bad("The user is required."))?;
    if state.pairs.get(&(customer_id, user_id)).is_some_and(|other| kept.is_none_or(|row| row.id != *other)) {
        return Err(Refusal::bad("A visit frequency for this customer and user already exists."));
    }
    let merged = kept.filter(|_| mode == Mode::Merge);
    let cycle = integer(item, "cycle")?.or(merged.map(|row| row.cycle)).unwrap_or(1);
    let frequency = integer(item, "frequency")?.or(merged.map(|row| row.frequency)).unwrap_or(1);
    if cycle < 1 || frequency < 1 {
        return Err(Refusal::bad("cycle and frequency must be at least 1."));
    }
    let period = match text(item, "period")? {
        None => merged.map_or_else(|| "Week".into(), |row| row.period.clone()),
        Some(period) => match period.to_ascii_lowercase().as_str() {
            "week" => "Week".into(),
            "month" => "Month".into(),
            "year" => "Year".into(),
            _ => return Err(Refusal::bad("period must be Week, Month or Year.")),
        },
    };
    let id = kept.map_or_else(|| state.frequencies.fresh_id(), |row| row.id);
    let created = before.map_or(now, |row| row.created);
    let row_version = state.fresh_version();
    state.put_frequency(Frequency { id, customer_id, user_id, cycle, frequency, period, row_version, modified: now, created });
    // Creation answers spell row versions as text where lists use numbers.
    Ok(json!({"id": id, "row_version": row_version.to_string()}))
}
