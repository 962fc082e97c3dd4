//! A write request: an array of items, each judged alone, applied all or nothing or item by item.

use serde_json::{Map, Value, json};

use rightful_sim::SimResponse;

use super::state::State;

/// How an item changes a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// POST: members left out take their defaults.
    Create,
    /// PUT: members left out go back to their defaults.
    Replace,
    /// PATCH: members left out stay.
    Merge,
}

/// Why one item was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) detail: Vec<String>,
}

impl Refusal {
    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self { detail: vec![detail.into()] }
    }
}

/// The answer to a request that is refused as a whole.
pub(super) type Refused = Box<SimResponse>;

/// Items one request carries, or what is wrong with its body. The content type does not matter.
pub(super) fn items(body: &[u8]) -> Result<Vec<Value>, Refused> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(items)) => Ok(items),
        _ => Err(Box::new(refused(400, "The body must be a JSON array."))),
    }
}

/// An answer of the vendor's own error model without items.
pub(super) fn refused(status: u16, message: &str) -> SimResponse {
    SimResponse::json(status, &json!({"message": message, "errors": []}))
}

/// Applies every item. `answers` says whether the success answer carries a row per item (POST does).
pub(super) fn batch(
    state: &mut State,
    counter: String,
    items: &[Value],
    partial: bool,
    answers: bool,
    mut apply: impl FnMut(&mut State, &Value) -> Result<Value, Refusal>,
) -> SimResponse {
    state.keep();
    let mut data = Vec::new();
    let mut errors = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match apply(state, item) {
            Ok(answer) => data.push(answer),
            Err(refusal) => {
                errors.push(json!({"index": index, "detail": refusal.detail}));
            }
        }
    }
    let applied = if errors.is_empty() || partial { data.len() } else { 0 };
    if errors.is_empty() || partial {
        state.keep();
    } else {
        state.take_back();
    }
    let count = state.counters.entry(counter).or_default();
    count.requests += 1;
    count.applied += applied as u64;
    count.rejected += (items.len() - applied) as u64;
    if errors.is_empty() {
        let mut answer = json!({"message": "Success"});
        if answers {
            answer["data"] = Value::Array(data);
        }
        return SimResponse::json(200, &answer);
    }
    // 404 is the answer of single rows only: an unknown id in an array is a refused item.
    SimResponse::json(400, &json!({"message": "Some items were rejected", "errors": errors}))
}

/// The item as an object.
pub(super) fn object(item: &Value) -> Result<&Map<String, Value>, Refusal> {
    item.as_object().ok_or_else(|| Refusal::bad("Each item must be an object."))
}

/// A whole number, also where it is sent as text. `None`: left out or null.
pub(super) fn integer(item: &Map<String, Value>, name: &str) -> Result<Option<i64>, Refusal> {
    match item.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => whole(value).map(Some).ok_or_else(|| Refusal::bad(format!("The {name} must be a whole number."))),
    }
}

/// The value as a whole number.
pub(super) fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Text. `None`: left out or null.
pub(super) fn text(item: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match item.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::bad(format!("The {name} must be text."))),
    }
}

/// The customer an item names by `customer_id` or `customer_code`; the id wins.
pub(super) fn customer_of(state: &State, item: &Map<String, Value>) -> Result<Option<i64>, Refusal> {
    if let Some(id) = integer(item, "customer_id")? {
        return state.customers.row(id).map(|row| Some(row.id)).ok_or_else(|| Refusal::bad(format!("Unknown customer id {id}.")));
    }
    match text(item, "customer_code")? {
        None => Ok(None),
        Some(code) => state.codes.get(&code).copied().map(Some).ok_or_else(|| Refusal::bad(format!("Unknown customer code {code}."))),
    }
}

/// The user an item names by id or login name; the id wins.
pub(super) fn user_of(state: &State, item: &Map<String, Value>, id_member: &str, name_member: &str) -> Result<Option<i64>, Refusal> {
    if let Some(id) = integer(item, id_member)? {
        return state.users.row(id).map(|row| Some(row.id)).ok_or_else(|| Refusal::bad(format!("Unknown user id {id}.")));
    }
    match text(item, name_member)? {
        None => Ok(None),
        Some(name) => state.user_named(&name).map(Some).ok_or_else(|| Refusal::bad(format!("Unknown user name {name}."))),
    }
}
