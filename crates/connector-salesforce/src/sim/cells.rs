//! Turns a JSON member into what a field stores, or says why it does not fit.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SubsecRound, Utc};
use serde_json::Value;

use super::answers::Failure;
use super::ids;
use super::schema::{Field, Kind};
use super::soql::{day, stamp};
use super::state::State;

/// What the field stores for this member; null where it is cleared.
pub(super) fn stored(state: &State, field: &Field, given: &Value) -> Result<Value, Failure> {
    let wrong = || {
        let shown: String = given.to_string().chars().take(80).collect();
        let message =
            format!("Cannot deserialize instance of {} from value {shown} or request may be missing a required field", field.kind.name());
        Failure::bad("JSON_PARSER_ERROR", message)
    };
    if given.is_null() {
        return if field.kind == Kind::Boolean { Err(wrong()) } else { Ok(Value::Null) };
    }
    match (field.kind, given) {
        (Kind::Id | Kind::Reference, Value::String(text)) if text.is_empty() => Ok(Value::Null),
        (Kind::Id | Kind::Reference, Value::String(text)) => reference(state, field, text).map(Value::String),
        (Kind::Boolean, Value::Bool(flag)) => Ok((*flag).into()),
        (Kind::Boolean, Value::String(text)) => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err(wrong()),
        },
        (Kind::Int, Value::Number(number)) if number.is_i64() => Ok(given.clone()),
        (Kind::Double | Kind::Currency | Kind::Percent, Value::Number(_)) => Ok(given.clone()),
        (kind, Value::String(text)) if kind.is_number() => {
            let number = serde_json::from_str::<serde_json::Number>(text.trim()).map_err(|_| wrong())?;
            if kind == Kind::Int && !number.is_i64() { Err(wrong()) } else { Ok(Value::Number(number)) }
        }
        (Kind::Date, Value::String(text)) => date(text).map(|date| day(date).into()).ok_or_else(wrong),
        (Kind::DateTime, Value::String(text)) => time(text).map(|time| stamp(time.trunc_subsecs(0)).into()).ok_or_else(wrong),
        (kind, Value::String(text)) if kind.is_text() => fitted(field, text),
        (kind, Value::Number(_) | Value::Bool(_)) if kind.is_text() => fitted(field, &given.to_string()),
        _ => Err(wrong()),
    }
}

fn fitted(field: &Field, given: &str) -> Result<Value, Failure> {
    // Texts lose the white space around them; an empty one is an empty field.
    let given = given.trim();
    if given.is_empty() {
        return Ok(Value::Null);
    }
    let length = given.chars().count();
    if length > field.length {
        let shown: String = given.chars().take(80).collect();
        let message = format!("{}: data value too large: {shown} (max length={})", field.label, field.length);
        return Err(Failure::bad("STRING_TOO_LONG", message).on(&field.name));
    }
    if field.kind == Kind::Email && !given.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.')) {
        return Err(Failure::bad("INVALID_EMAIL_ADDRESS", format!("{}: invalid email address: {given}", field.label)).on(&field.name));
    }
    if field.restricted && !field.choices.iter().any(|choice| choice == given) {
        let message = format!("{}: bad value for restricted picklist field: {given}", field.label);
        return Err(Failure::bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message).on(&field.name));
    }
    Ok(given.into())
}

fn reference(state: &State, field: &Field, given: &str) -> Result<String, Failure> {
    let wrong = || Failure::bad("MALFORMED_ID", format!("{}: id value of incorrect type: {given}", field.label)).on(&field.name);
    let id = ids::normalised(given).ok_or_else(wrong)?;
    let object = state.schema.of_id(&id).ok_or_else(wrong)?;
    if !field.refers_to.contains(&state.schema.objects[object].name) {
        return Err(wrong());
    }
    match state.tables[object].row(&id) {
        Some(row) if row.is_deleted() => Err(Failure::bad("ENTITY_IS_DELETED", "entity is deleted").on(&field.name)),
        Some(_) => Ok(id),
        None => Err(Failure::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id").on(&field.name)),
    }
}

/// The id of the row that a member such as `{"External_Id__c": "A-1"}` names.
pub(super) fn referred_from_outside(state: &State, field: &Field, given: &Value) -> Result<String, Failure> {
    let named: Vec<(&String, &Value)> =
        given.as_object().into_iter().flatten().filter(|(name, _)| !name.eq_ignore_ascii_case("attributes")).collect();
    let relationship = field.relationship.as_deref().unwrap_or_default();
    let [(name, value)] = named.as_slice() else {
        return Err(Failure::bad("INVALID_FIELD", format!("Relationship {relationship} must be given by exactly one external id field")));
    };
    let wanted = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for target in &field.refers_to {
        let Some(object) = state.schema.place(target) else { continue };
        let Some(place) = state.schema.objects[object].place(name) else { continue };
        if !state.schema.objects[object].fields[place].id_lookup {
            continue;
        }
        let rows = state.rows_with(object, place, &wanted);
        return match rows.as_slice() {
            [row] => Ok(row.id().to_owned()),
            [] => {
                let message = format!("Foreign key external ID: {wanted} not found for field {name} in entity {target}");
                Err(Failure::bad("INVALID_FIELD", message))
            }
            _ => Err(Failure::bad("DUPLICATE_EXTERNAL_ID", format!("{name}: more than one record found for external id field"))),
        };
    }
    Err(Failure::bad("INVALID_FIELD", format!("Field name provided, {name} does not match an External ID for {relationship}")))
}

fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok().filter(|_| text.len() == 10 || time(text).is_some())
}

/// A time as clients write it: with an offset of either spelling, or a plain date.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    let with_offset = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    if let Ok(time) = with_offset {
        return Some(time.to_utc());
    }
    let bare = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok();
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    bare.or_else(day).map(|time| time.and_utc())
}
