//! Several calls in one: <https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-composite.html> and, for the
//! independent ones, <https://developer.salesforce.com/docs/atlas.en-us.238.0.api_rest.meta/api/requests_composite_batch.htm>.

use std::collections::HashMap;

use rightful_sim::{Bytes, Method, SimResponse};
use serde_json::{Map, Value, json};

use super::answers::Failure;
use super::ask::Ask;
use super::routes::{self, Address};
use super::state::State;

/// Calls in one.
const MOST: usize = 25;
/// Of those, queries and collections.
const MOST_QUERIES: usize = 5;
/// The longest text that references may grow to: answers that quote what they were asked must not double without end.
const LONGEST: usize = 1_000_000;
const VERBS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];
/// Headers a call within may not bring.
const FORBIDDEN: &[&str] = &["accept", "authorization", "content-type"];

fn wrong(message: impl Into<String>) -> Failure {
    Failure::bad("INVALID_INPUT", message)
}

/// The call within, as if it had come alone.
fn within(ask: &Ask, verb: &str, url: &str, body: Option<&Value>, headers: &Map<String, Value>) -> Result<Ask, Failure> {
    if !VERBS.contains(&verb) {
        return Err(wrong(format!("Invalid HTTP method: {verb}")));
    }
    let method = Method::from_bytes(verb.as_bytes()).map_err(|_| wrong("Invalid HTTP method"))?;
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let prefixed = if path.starts_with('/') { path.to_owned() } else { format!("/services/data/{path}") };
    let Some(Address::Data { version, version_text, parts }) = Address::of(&prefixed) else {
        return Err(wrong(format!("The url of a call within is no resource of this version: {path}")));
    };
    if matches!(parts.first().map(String::as_str), Some("composite")) && parts.get(1).map(String::as_str) != Some("sobjects") {
        return Err(wrong("Composite calls do not nest"));
    }
    let header = |name: &str| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_str());
    let body = body.filter(|body| !body.is_null()).map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let mut inner = Ask {
        method,
        parts,
        query: url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect(),
        body,
        version,
        version_text,
        ..ask.clone()
    };
    inner.modified_since = header("if-modified-since").map(str::to_owned);
    inner.unmodified_since = header("if-unmodified-since").map(str::to_owned);
    if let Some(assign) = header("sforce-auto-assign") {
        inner.auto_assign = !assign.eq_ignore_ascii_case("false");
    }
    Ok(inner)
}

fn body_of(answer: &SimResponse) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
}

/// Texts with `@{name.path}` replaced by what an earlier call answered.
fn filled(text: &str, earlier: &HashMap<String, Value>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let (named, tail) = after.split_once('}').ok_or("a reference has no end")?;
        let mut parts = named.split(['.', '[', ']']).filter(|part| !part.is_empty());
        let mut value = parts.next().and_then(|name| earlier.get(name)).ok_or_else(|| format!("no call named in {named}"))?;
        for part in parts {
            let found = part.parse::<usize>().ok().and_then(|place| value.get(place)).or_else(|| value.get(part));
            value = found.ok_or_else(|| format!("no {part} in what {named} names"))?;
        }
        out.push_str(before);
        out.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rest = tail;
        if out.len() > LONGEST {
            return Err("what it stands for is too long".to_owned());
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn filled_value(value: &Value, earlier: &HashMap<String, Value>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(filled(text, earlier)?),
        Value::Array(items) => items.iter().map(|item| filled_value(item, earlier)).collect::<Result<_, _>>()?,
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, value)| Ok((name.clone(), filled_value(value, earlier)?))).collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

/// `composite`.
pub(super) fn composite(state: &mut State, ask: &Ask) -> Result<SimResponse, Failure> {
    let body = ask.object()?;
    let calls = body.get("compositeRequest").and_then(Value::as_array).ok_or_else(|| wrong("compositeRequest is missing"))?;
    if calls.len() > MOST {
        return Err(Failure::bad("LIMIT_EXCEEDED", "The composite request holds more than 25 subrequests"));
    }
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let text = |call: &Value, name: &str| call.get(name).and_then(Value::as_str).map(str::to_owned);
    // What is wrong with the shape of one call fails them all before any is made.
    let mut names = Vec::with_capacity(calls.len());
    for call in calls {
        let name = text(call, "referenceId").filter(|name| !name.is_empty()).ok_or_else(|| wrong("A subrequest has no referenceId"))?;
        if names.contains(&name) {
            return Err(wrong(format!("The referenceId {name} stands twice")));
        }
        if call
            .get("httpHeaders")
            .and_then(Value::as_object)
            .is_some_and(|headers| headers.keys().any(|key| FORBIDDEN.contains(&key.to_ascii_lowercase().as_str())))
        {
            return Err(wrong("httpHeaders may not contain Accept, Authorization or Content-Type"));
        }
        names.push(name);
    }
    let queries =
        calls.iter().filter(|call| text(call, "url").is_some_and(|url| url.contains("/query") || url.contains("/composite/"))).count();
    if queries > MOST_QUERIES {
        return Err(Failure::bad("LIMIT_EXCEEDED", "The composite request holds more than 5 queries and collections"));
    }
    let mark = state.mark();
    let mut earlier: HashMap<String, Value> = HashMap::new();
    let mut answers: Vec<(u16, Value)> = Vec::with_capacity(calls.len());
    let mut halted = false;
    for (call, name) in calls.iter().zip(&names) {
        let (status, answer) = if halted {
            (400, processing_halted())
        } else {
            let answer = one(state, ask, call, &earlier);
            (answer.status.as_u16(), body_of(&answer))
        };
        // The first failure ends the others, where all or none shall happen.
        halted = halted || (all_or_none && status >= 400);
        earlier.insert(name.clone(), answer.clone());
        answers.push((status, answer));
    }
    if halted {
        state.take_back(mark);
        for (status, answer) in answers.iter_mut().filter(|(status, _)| *status < 400) {
            (*status, *answer) = (400, processing_halted());
        }
    }
    let shown: Vec<Value> = answers
        .into_iter()
        .zip(names)
        .map(|((status, answer), name)| json!({"body": answer, "httpHeaders": {}, "httpStatusCode": status, "referenceId": name}))
        .collect();
    Ok(SimResponse::json(200, &json!({"compositeResponse": shown})))
}

fn processing_halted() -> Value {
    json!([{"errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back since another operation in the same transaction failed."}])
}

fn one(state: &mut State, ask: &Ask, call: &Value, earlier: &HashMap<String, Value>) -> SimResponse {
    let text = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default();
    let headers = call.get("httpHeaders").and_then(Value::as_object).cloned().unwrap_or_default();
    let unresolved = |told: String| SimResponse::from(Failure::bad("PROCESSING_HALTED", format!("Invalid reference specified: {told}")));
    let url = match filled(text("url"), earlier) {
        Ok(url) => url,
        Err(told) => return unresolved(told),
    };
    let body = match call.get("body").map(|body| filled_value(body, earlier)).transpose() {
        Ok(body) => body,
        Err(told) => return unresolved(told),
    };
    match within(ask, text("method"), &url, body.as_ref(), &headers) {
        Ok(inner) => routes::answer(state, &inner),
        Err(failure) => failure.into(),
    }
}

/// `composite/batch`.
pub(super) fn batch(state: &mut State, ask: &Ask) -> Result<SimResponse, Failure> {
    let body = ask.object()?;
    let calls = body.get("batchRequests").and_then(Value::as_array).ok_or_else(|| wrong("batchRequests is missing"))?;
    if calls.is_empty() || calls.len() > MOST {
        return Err(Failure::bad("LIMIT_EXCEEDED", "A batch holds 1 to 25 subrequests"));
    }
    let halts = body.get("haltOnError").and_then(Value::as_bool).unwrap_or(false);
    let mut failed = false;
    let mut results = Vec::with_capacity(calls.len());
    for call in calls {
        if failed && halts {
            results.push(json!({"statusCode": 412, "result": [{"errorCode": "BATCH_PROCESSING_HALTED",
                "message": "Batch processing halted per request"}]}));
            continue;
        }
        let text = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default();
        let answer = match within(ask, text("method"), text("url"), call.get("richInput"), &Map::new()) {
            Ok(inner) => routes::answer(state, &inner),
            Err(failure) => failure.into(),
        };
        failed = failed || answer.status.as_u16() >= 400;
        results.push(json!({"statusCode": answer.status.as_u16(), "result": body_of(&answer)}));
    }
    Ok(SimResponse::json(200, &json!({"hasErrors": failed, "results": results})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_filled_from_earlier_answers() {
        let earlier = HashMap::from([("one".to_owned(), json!({"id": "001", "records": [{"Id": "005"}], "n": 3}))]);
        for (text, wanted) in [("plain", "plain"), ("/a/@{one.id}/b", "/a/001/b"), ("@{one.records[0].Id}@{one.n}", "0053")] {
            assert_eq!(filled(text, &earlier).unwrap(), wanted);
        }
        assert!(filled("@{two.id}", &earlier).is_err() && filled("@{one.id", &earlier).is_err() && filled("@{one.x}", &earlier).is_err());
    }
}
