//! The simulator keeps what SalesScreen's public pages say, rule by rule.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rules;
mod shapes;

use chrono::{DateTime, Utc};
use connector_salesscreen::sim::{Options, SalesScreenSim, Switches};
use rightful_sim::{Bytes, HeaderMap, HeaderValue, Method, SimClock, SimRequest, SimResponse, Simulator};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "sandbox-salesscreen-key";

pub(crate) struct Desk {
    pub(crate) sim: SalesScreenSim,
    pub(crate) clock: SimClock,
}

impl Desk {
    pub(crate) fn with(switches: Switches) -> Self {
        let now: DateTime<Utc> = "2026-03-02T09:00:00Z".parse().unwrap();
        Self { sim: SalesScreenSim::new(Options { switches, ..Options::default() }), clock: SimClock::fixed(now) }
    }

    pub(crate) fn usual() -> Self {
        Self::with(Switches::default())
    }

    pub(crate) fn send(&self, method: Method, path: &str, key: Option<&'static str>, body: &str) -> SimResponse {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if let Some(key) = key {
            headers.insert("apikey", HeaderValue::from_static(key));
        }
        let request = SimRequest {
            method,
            path: format!("/api/v1{path}"),
            query: None,
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
            origin: "http://127.0.0.1:1".into(),
            number: 1,
            fault: None,
        };
        self.sim.answer(&request, &self.clock)
    }

    /// The status, and the words of a refusal.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let answer = self.send(Method::POST, path, Some(KEY), &body.to_string());
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        (answer.status.as_u16(), said["message"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn control(&self, name: &str, body: Value) -> Result<Value, String> {
        self.sim.control(name, body, &self.clock)
    }

    pub(crate) fn row(&self, what: &str, member: &str, value: &str) -> Value {
        let dump = self.sim.dump();
        dump[what].as_array().unwrap().iter().find(|row| row[member] == value).cloned().unwrap_or_default()
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        let dump = self.sim.dump();
        dump[what].as_array().map(Vec::len).or_else(|| dump[what].as_object().map(serde_json::Map::len)).unwrap()
    }
}

pub(crate) fn user(id: &str, email: &str) -> Value {
    json!({"userId": id, "email": email, "firstname": "User", "lastname": "New"})
}

pub(crate) fn record(id: &str, user: &str) -> Value {
    json!({"id": id, "activityTypeName": "Deals won", "activity": {"key": "new", "name": ""}, "user": {"id": user}, "quantity": 1, "value1": 5.5,
        "createdDate": "2026-02-12T09:30:00Z"})
}

/// The same with one member replaced; null takes it away.
pub(crate) fn with(mut base: Value, member: &str, value: Value) -> Value {
    let members = base.as_object_mut().unwrap();
    if value.is_null() {
        drop(members.remove(member))
    } else {
        drop(members.insert(member.to_owned(), value))
    }
    base
}
