//! Single records: <https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-basic-info.html>.

use chrono::{DateTime, Utc};
use rightful_sim::SimResponse;
use serde_json::{Map, Value, json};

use super::answers::{Failure, empty, no_such_resource, wrong_method};
use super::ask::Ask;
use super::state::State;
use super::{changes, query, records, schema};

/// Everything below `sobjects`.
pub(super) fn answer(state: &mut State, ask: &Ask) -> Result<SimResponse, Failure> {
    let parts: Vec<&str> = ask.parts.iter().skip(1).map(String::as_str).collect();
    let verb = ask.method.as_str();
    let Some(name) = parts.first() else {
        return match verb {
            "GET" | "HEAD" => {
                let listed = state.schema.objects.iter().filter(|object| !state.is_absent(object));
                Ok(SimResponse::json(200, &schema::global(listed, &ask.version_text)))
            }
            other => Ok(wrong_method(other, "GET,HEAD")),
        };
    };
    let object = state.object(name).ok_or_else(|| Failure::new(404, "NOT_FOUND", "The requested resource does not exist"))?;
    match (verb, &parts[1..]) {
        ("GET" | "HEAD", []) => {
            let summary = schema::object_summary(&state.schema.objects[object], &ask.version_text);
            Ok(SimResponse::json(200, &json!({"objectDescribe": summary, "recentItems": []})))
        }
        ("POST", []) => {
            let id = records::insert(state, ask, object, &ask.object()?, 0)?;
            Ok(SimResponse::json(201, &json!({"id": id, "success": true, "errors": []})))
        }
        (other, []) => Ok(wrong_method(other, "GET,HEAD,POST")),
        ("GET" | "HEAD", ["describe"]) => {
            let defined = &state.schema.objects[object];
            let hidden = |name: &str| defined.field(name).is_some_and(|field| state.is_hidden(defined, field));
            Ok(SimResponse::json(200, &schema::describe(&state.schema, defined, &ask.version_text, hidden)))
        }
        ("GET", ["updated"]) => changes::updated(state, ask, object),
        ("GET", ["deleted"]) => changes::deleted(state, ask, object),
        (_, [id]) => by_id(state, ask, object, id),
        (_, [field, value]) => by_outside_id(state, ask, object, field, value),
        _ => Ok(no_such_resource()),
    }
}

/// Places of the fields of a comma-separated list.
pub(super) fn places<'a>(state: &State, object: usize, names: impl Iterator<Item = &'a str>) -> Result<Vec<usize>, Failure> {
    let defined = &state.schema.objects[object];
    names
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| {
            let found = defined.place(name).filter(|place| !state.is_hidden(defined, &defined.fields[*place]));
            found.ok_or_else(|| Failure::bad("INVALID_FIELD", format!("No such column '{name}' on sobject of type {}", defined.name)))
        })
        .collect()
}

fn by_id(state: &mut State, ask: &Ask, object: usize, id: &str) -> Result<SimResponse, Failure> {
    match ask.method.as_str() {
        "GET" | "HEAD" => shown(state, ask, object, id),
        "PATCH" => {
            let members = ask.object()?;
            unmodified(state, ask, object, id)?;
            if members.keys().any(|name| name.eq_ignore_ascii_case("id")) {
                let message = "The Id field should not be specified in the sobject data.";
                return Err(Failure::bad("INVALID_FIELD", message).on("Id"));
            }
            records::update(state, ask, object, id, &members, 0)?;
            Ok(empty(204))
        }
        "DELETE" => {
            records::delete(state, ask, object, id, 0)?;
            Ok(empty(204))
        }
        other => Ok(wrong_method(other, "GET,HEAD,PATCH,DELETE")),
    }
}

fn shown(state: &State, ask: &Ask, object: usize, id: &str) -> Result<SimResponse, Failure> {
    let row = records::present(state, ask, object, id)?;
    if let Some(since) = &ask.modified_since {
        let since = http_date(since)?;
        if super::cells::time(state.text(object, row, "LastModifiedDate")).is_some_and(|changed| changed <= since) {
            return Ok(empty(304));
        }
    }
    let fields = match ask.parameter("fields") {
        Some(names) => Some(places(state, object, names.split(',').chain(["Id"]))?),
        None => None,
    };
    Ok(SimResponse::json(200, &query::record(state, ask, object, row, fields.as_deref())))
}

/// `If-Unmodified-Since` guards a change, by the second.
fn unmodified(state: &State, ask: &Ask, object: usize, id: &str) -> Result<(), Failure> {
    let Some(since) = &ask.unmodified_since else { return Ok(()) };
    let since = http_date(since)?;
    let row = records::present(state, ask, object, id)?;
    if super::cells::time(state.text(object, row, "LastModifiedDate")).is_some_and(|changed| changed > since) {
        return Err(Failure::new(412, "PRECONDITION_FAILED", "Precondition failed"));
    }
    Ok(())
}

fn http_date(text: &str) -> Result<DateTime<Utc>, Failure> {
    let parsed = DateTime::parse_from_rfc2822(text).map(|time| time.to_utc());
    parsed.map_err(|_| Failure::bad("INVALID_HEADER_VALUE", "A conditional header holds no HTTP date"))
}

/// The place of a field that records are found by from outside.
pub(super) fn outside_field(state: &State, object: usize, name: &str) -> Result<usize, Failure> {
    let defined = &state.schema.objects[object];
    let fits = |place: &usize| defined.fields[*place].external_id && !state.is_hidden(defined, &defined.fields[*place]);
    defined
        .place(name)
        .filter(fits)
        .ok_or_else(|| Failure::new(404, "NOT_FOUND", format!("Provided external ID field does not exist or is not accessible: {name}")))
}

fn by_outside_id(state: &mut State, ask: &Ask, object: usize, field: &str, value: &str) -> Result<SimResponse, Failure> {
    // The id itself may be named like a field.
    if field.eq_ignore_ascii_case("Id") && ask.method.as_str() != "PATCH" {
        return by_id(state, ask, object, value);
    }
    let place = outside_field(state, object, field)?;
    let found: Vec<String> = state.rows_with(object, place, value).into_iter().map(|row| row.id().to_owned()).collect();
    if found.len() > 1 {
        let name = &state.schema.objects[object].name;
        let choices: Vec<Value> = found.iter().map(|id| ask.url_of(name, id).into()).collect();
        return Ok(SimResponse::json(300, &choices));
    }
    let missing = || Failure::new(404, "NOT_FOUND", "The requested resource does not exist");
    match ask.method.as_str() {
        "GET" | "HEAD" => shown(state, ask, object, found.first().ok_or_else(missing)?),
        "DELETE" => {
            records::delete(state, ask, object, found.first().ok_or_else(missing)?, 0)?;
            Ok(empty(204))
        }
        "PATCH" => {
            let members = ask.object()?;
            let named = state.schema.objects[object].fields[place].name.clone();
            for forbidden in ["Id", named.as_str()] {
                if members.keys().any(|name| name.eq_ignore_ascii_case(forbidden)) {
                    let message = format!("The {forbidden} field should not be specified in the sobject data.");
                    return Err(Failure::bad("INVALID_FIELD", message).on(forbidden));
                }
            }
            if found.is_empty() && ask.parameter("updateOnly") == Some("true") {
                return Err(Failure::new(state.switches.update_only_status, "NOT_FOUND", "The requested resource does not exist"));
            }
            let (id, created) = upsert(state, ask, object, (place, value), members, 0)?;
            if !created && ask.version < state.switches.upsert_body_from {
                return Ok(empty(204));
            }
            let status = if created { 201 } else { 200 };
            Ok(SimResponse::json(status, &json!({"id": id, "success": true, "errors": [], "created": created})))
        }
        other => Ok(wrong_method(other, "GET,HEAD,PATCH,DELETE")),
    }
}

/// Changes the one record with that outside id, or creates it: its id, and whether it is new.
pub(super) fn upsert(
    state: &mut State,
    ask: &Ask,
    object: usize,
    (place, value): (usize, &str),
    mut members: Map<String, Value>,
    position: usize,
) -> Result<(String, bool), Failure> {
    let found: Vec<String> = state.rows_with(object, place, value).into_iter().map(|row| row.id().to_owned()).collect();
    match found.as_slice() {
        [] => {
            members.insert(state.schema.objects[object].fields[place].name.clone(), value.into());
            records::insert(state, ask, object, &members, position).map(|id| (id, true))
        }
        [id] => records::update(state, ask, object, id, &members, position).map(|()| (id.clone(), false)),
        several => {
            let name = &state.schema.objects[object].fields[place].name;
            let shown: Vec<&str> = several.iter().map(|id| &id[..15]).collect();
            let message = format!("{name}: more than one record found for external id field: [{}]", shown.join(", "));
            Err(Failure::bad("DUPLICATE_EXTERNAL_ID", message))
        }
    }
}
