//! What is below `/_sim/`: state, counts, log, faults, clock and the vendor's controls, for people and judges.

use chrono::{DateTime, Duration, Utc};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::SimBody;
use super::{Shared, plain};

const PREFIX: &str = "/_sim/";

/// What the path asks about, where it is below `/_sim/`.
pub(super) fn topic(path: &str) -> Option<&str> {
    if path == "/_sim" { Some("") } else { path.strip_prefix(PREFIX) }
}

pub(super) fn answer(shared: &Shared, topic: &str, method: &Method, body: &[u8]) -> Response<SimBody> {
    let reads = *method == Method::GET || *method == Method::HEAD;
    let writes = *method == Method::POST || *method == Method::PUT;
    match topic.trim_end_matches('/') {
        "" if reads => json_answer(StatusCode::OK, &overview(shared)),
        "dump" if reads => json_answer(StatusCode::OK, &shared.simulator.dump()),
        "requests" if reads => json_answer(StatusCode::OK, &json!(shared.ledger.counts())),
        "log" if reads => json_answer(StatusCode::OK, &json!(shared.ledger.log())),
        "faults" if reads => plain(StatusCode::OK, shared.fault_plan().to_string()),
        "faults" if *method == Method::DELETE => replace_faults(shared, ""),
        "faults" if writes => match std::str::from_utf8(body) {
            Ok(text) => replace_faults(shared, text),
            Err(_) => refusal("a fault plan is UTF-8 text"),
        },
        "clock" if reads => json_answer(StatusCode::OK, &json!({ "now": shared.clock.now() })),
        "clock" if writes => match move_clock(shared, body) {
            Ok(()) => json_answer(StatusCode::OK, &json!({ "now": shared.clock.now() })),
            Err(message) => refusal(&message),
        },
        topic if writes && topic.starts_with("control/") => control(shared, &topic["control/".len()..], body),
        "" | "dump" | "requests" | "log" | "faults" | "clock" => {
            plain(StatusCode::METHOD_NOT_ALLOWED, "read with GET; faults and clock are set with POST or PUT")
        }
        _ => json_answer(
            StatusCode::NOT_FOUND,
            &json!({ "error": "below /_sim/ there are: dump, requests, log, faults, clock, control/NAME" }),
        ),
    }
}

fn overview(shared: &Shared) -> Value {
    json!({
        "vendor": shared.simulator.vendor(),
        "base_path": shared.simulator.base_path(),
        "topics": ["dump", "requests", "log", "faults", "clock", "control/NAME"],
        "general_faults": crate::GENERAL_FAULTS.iter().map(|(name, about)| json!({ "name": name, "about": about })).collect::<Vec<_>>(),
        "vendor_faults": shared.simulator.faults().iter().map(|(name, about)| json!({ "name": name, "about": about })).collect::<Vec<_>>(),
    })
}

fn replace_faults(shared: &Shared, text: &str) -> Response<SimBody> {
    match shared.set_faults(text) {
        Ok(()) => plain(StatusCode::OK, shared.fault_plan().to_string()),
        Err(message) => refusal(&message),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockMove {
    now: Option<DateTime<Utc>>,
    advance_seconds: Option<i64>,
    #[serde(default)]
    wall: bool,
}

fn move_clock(shared: &Shared, body: &[u8]) -> Result<(), String> {
    const WANTED: &str = r#"send one of {"now":"2026-01-31T09:00:00Z"}, {"advance_seconds":60}, {"wall":true}"#;
    let wanted: ClockMove = serde_json::from_slice(body).map_err(|error| format!("{error}; {WANTED}"))?;
    match (wanted.now, wanted.advance_seconds, wanted.wall) {
        (Some(now), None, false) => shared.clock.set(Some(now)),
        (None, Some(seconds), false) => {
            let by = Duration::try_seconds(seconds).filter(|by| shared.clock.now().checked_add_signed(*by).is_some());
            shared.clock.advance(by.ok_or_else(|| format!("{seconds} seconds are more than a clock can be moved"))?);
        }
        (None, None, true) => shared.clock.set(None),
        _ => return Err(WANTED.to_owned()),
    }
    Ok(())
}

fn control(shared: &Shared, name: &str, body: &[u8]) -> Response<SimBody> {
    let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(body) };
    match body
        .map_err(|error| format!("the body is not JSON: {error}"))
        .and_then(|body| shared.simulator.control(name, body, &shared.clock))
    {
        Ok(value) => json_answer(StatusCode::OK, &value),
        Err(message) => refusal(&message),
    }
}

fn refusal(message: &str) -> Response<SimBody> {
    json_answer(StatusCode::BAD_REQUEST, &json!({ "error": message }))
}

fn json_answer(status: StatusCode, value: &Value) -> Response<SimBody> {
    let mut response = plain(status, serde_json::to_vec(value).expect("a JSON value can be written"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
