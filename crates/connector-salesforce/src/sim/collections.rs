//! Many records in one call: <https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections.html>.

use rightful_sim::SimResponse;
use serde_json::{Map, Value, json};

use super::answers::{Failure, no_such_resource, wrong_method};
use super::ask::Ask;
use super::sobjects::{outside_field, places, upsert};
use super::state::State;
use super::{ids, query, records};

/// Records in one call.
const MOST: usize = 200;
/// Runs of records of one object, one after the other.
const MOST_RUNS: usize = 10;
/// Objects of the set-up, which are not written together with others.
const SET_UP: &[&str] = &["User", "Group", "GroupMember", "QueueSobject", "UserLogin"];

/// Everything below `composite/sobjects`.
pub(super) fn answer(state: &mut State, ask: &Ask) -> Result<SimResponse, Failure> {
    let parts: Vec<&str> = ask.parts.iter().skip(2).map(String::as_str).collect();
    match (ask.method.as_str(), parts.as_slice()) {
        ("POST", []) => write(state, ask, &Verb::Create),
        ("PATCH", []) => write(state, ask, &Verb::Update),
        ("DELETE", []) => delete(state, ask),
        ("GET" | "POST", [name]) => {
            let object = state.object(name).ok_or_else(|| Failure::new(404, "NOT_FOUND", "The requested resource does not exist"))?;
            retrieve(state, ask, object)
        }
        // Upserts came with version 46.
        ("PATCH", [name, field]) if ask.version >= 46 => {
            let object = state.object(name).ok_or_else(|| Failure::new(404, "NOT_FOUND", "The requested resource does not exist"))?;
            let place = outside_field(state, object, field)?;
            write(state, ask, &Verb::Upsert(object, place))
        }
        (verb, []) => Ok(wrong_method(verb, "POST,PATCH,DELETE")),
        _ => Ok(no_such_resource()),
    }
}

enum Verb {
    Create,
    Update,
    /// The object and the place of the outside id.
    Upsert(usize, usize),
}

fn too_many() -> Failure {
    Failure::bad("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 200 records in this operation")
}

/// A record without what is not its own: object, id and members.
type Given = (usize, Option<String>, Map<String, Value>);

fn read(state: &State, record: &Value) -> Result<Given, Failure> {
    let members = record.as_object().ok_or_else(|| Failure::bad("JSON_PARSER_ERROR", "Every record is a JSON object"))?;
    let kind = members.get("attributes").and_then(|attributes| attributes.get("type")).and_then(Value::as_str);
    let kind = kind.ok_or_else(|| Failure::bad("INVALID_INPUT", "Every record must have attributes with its type"))?;
    let object = state.object(kind).ok_or_else(|| Failure::bad("INVALID_TYPE", format!("sObject type '{kind}' is not supported.")))?;
    let id = members.iter().find(|(name, _)| name.eq_ignore_ascii_case("id")).and_then(|(_, id)| id.as_str()).map(str::to_owned);
    let own = |name: &str| !name.eq_ignore_ascii_case("id") && name != "attributes";
    Ok((object, id, members.iter().filter(|(name, _)| own(name)).map(|(name, value)| (name.clone(), value.clone())).collect()))
}

fn write(state: &mut State, ask: &Ask, verb: &Verb) -> Result<SimResponse, Failure> {
    let body = ask.object()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let given = body.get("records").and_then(Value::as_array);
    let given = given.ok_or_else(|| Failure::bad("INVALID_INPUT", "The records of the request are missing"))?;
    if given.len() > MOST {
        return Err(too_many());
    }
    let mut read_records = Vec::with_capacity(given.len());
    for record in given {
        read_records.push(read(state, record)?);
    }
    let runs = 1 + read_records.windows(2).filter(|pair| pair[0].0 != pair[1].0).count();
    if runs > MOST_RUNS {
        let message = "Cannot have more than 10 chunks in a single operation. Please rearrange the data to reduce chunking.";
        return Err(Failure::bad("LIMIT_EXCEEDED", message));
    }
    let is_set_up = |object: usize| SET_UP.contains(&state.schema.objects[object].name.as_str());
    let mixed = read_records.windows(2).any(|pair| is_set_up(pair[0].0) != is_set_up(pair[1].0));
    let mark = state.mark();
    let mut results = Vec::with_capacity(read_records.len());
    for (position, (object, id, members)) in read_records.into_iter().enumerate() {
        results.push(if mixed {
            let message = "DML operation on setup object is not permitted after you have updated a non-setup object (or vice versa)";
            Err(Failure::bad("MIXED_DML_OPERATION", message))
        } else {
            write_one(state, ask, verb, object, id, members, position)
        });
    }
    Ok(SimResponse::json(200, &settled(state, mark, all_or_none, results)))
}

fn write_one(
    state: &mut State,
    ask: &Ask,
    verb: &Verb,
    object: usize,
    id: Option<String>,
    mut members: Map<String, Value>,
    position: usize,
) -> Result<(String, Option<bool>), Failure> {
    match verb {
        Verb::Create if id.is_some() => {
            Err(Failure::bad("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call").on("Id"))
        }
        Verb::Create => records::insert(state, ask, object, &members, position).map(|id| (id, None)),
        Verb::Update => {
            let id = id.ok_or_else(|| Failure::bad("MISSING_ARGUMENT", "Id not specified in an update call"))?;
            let id = whole(&id)?;
            records::update(state, ask, object, &id, &members, position).map_err(in_a_list)?;
            Ok((id, None))
        }
        Verb::Upsert(expected, place) => {
            if object != *expected {
                return Err(Failure::bad("INVALID_TYPE", "The record is of another type than the address says"));
            }
            let name = &state.schema.objects[object].fields[*place].name;
            let key = members.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned();
            let value =
                key.and_then(|key| members.remove(&key)).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            let value = value.filter(|value| !value.is_empty());
            let value = value.ok_or_else(|| Failure::bad("MISSING_ARGUMENT", format!("{name} not specified")))?;
            upsert(state, ask, object, (*place, &value), members, position).map(|(id, created)| (id, Some(created)))
        }
    }
}

fn whole(id: &str) -> Result<String, Failure> {
    ids::normalised(id).ok_or_else(|| Failure::bad("MALFORMED_ID", format!("Record ID: id value of incorrect type: {id}")).on("Id"))
}

/// A record that is not there has another code within a list of results.
fn in_a_list(failure: Failure) -> Failure {
    match failure.code {
        "NOT_FOUND" => Failure::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
        _ => failure,
    }
}

/// The list of results; with `all_or_none` one failure takes all others back.
fn settled(state: &mut State, mark: usize, all_or_none: bool, results: Vec<Result<(String, Option<bool>), Failure>>) -> Value {
    let undone = all_or_none && results.iter().any(Result::is_err);
    if undone {
        state.take_back(mark);
    }
    let rolled_back = || {
        Failure::bad(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
        )
        .result()
    };
    let shown = |result: Result<(String, Option<bool>), Failure>| match result {
        Err(failure) => failure.result(),
        Ok(_) if undone => rolled_back(),
        Ok((id, None)) => json!({"id": id, "success": true, "errors": []}),
        Ok((id, Some(created))) => json!({"id": id, "success": true, "errors": [], "created": created}),
    };
    results.into_iter().map(shown).collect()
}

fn delete(state: &mut State, ask: &Ask) -> Result<SimResponse, Failure> {
    let given = ask.parameter("ids").ok_or_else(|| Failure::bad("MISSING_ARGUMENT", "The ids parameter is missing"))?;
    let given: Vec<&str> = given.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    if given.len() > MOST {
        return Err(too_many());
    }
    let all_or_none = ask.parameter("allOrNone") == Some("true");
    let mark = state.mark();
    let mut results = Vec::with_capacity(given.len());
    for (position, id) in given.into_iter().enumerate() {
        results.push(whole(id).and_then(|id| {
            let object =
                state.schema.of_id(&id).ok_or_else(|| Failure::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"))?;
            records::delete(state, ask, object, &id, position).map_err(in_a_list)?;
            Ok((id, None))
        }));
    }
    Ok(SimResponse::json(200, &settled(state, mark, all_or_none, results)))
}

/// Records by id; null where one is missing.
fn retrieve(state: &State, ask: &Ask, object: usize) -> Result<SimResponse, Failure> {
    let (wanted, fields) = if ask.method.as_str() == "POST" {
        let body = ask.object()?;
        let texts = |name: &str| -> Vec<String> {
            body.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        (texts("ids"), texts("fields"))
    } else {
        let texts = |name: &str| -> Vec<String> {
            ask.parameter(name).unwrap_or_default().split(',').filter(|text| !text.is_empty()).map(str::to_owned).collect()
        };
        (texts("ids"), texts("fields"))
    };
    // By POST more ids fit than into an address.
    let most = if ask.method.as_str() == "POST" { 2_000 } else { MOST };
    if wanted.len() > most {
        return Err(too_many());
    }
    if wanted.is_empty() || fields.is_empty() {
        return Err(Failure::bad("MISSING_ARGUMENT", "Both ids and fields must be given"));
    }
    let fields = places(state, object, fields.iter().map(String::as_str).chain(["Id"]))?;
    let found: Vec<Value> = wanted
        .iter()
        .map(|id| match records::present(state, ask, object, id) {
            Ok(row) => query::record(state, ask, object, row, Some(&fields)),
            Err(_) => Value::Null,
        })
        .collect();
    Ok(SimResponse::json(200, &found))
}
