//! The simulator keeps what Skynamo's public documents say, rule by rule.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalogue;
mod rules;

use connector_skynamo::sim::{Options, Seed, SeedCustomer, SeedUser, SkynamoSim, Switches};
use rightful_sim::{Bytes, HeaderMap, HeaderValue, Method, SimClock, SimRequest, Simulator};
use serde_json::Value;

pub(crate) type Headers<'a> = Vec<(&'static str, &'a str)>;

pub(crate) struct Desk {
    pub(crate) sim: SkynamoSim,
    pub(crate) clock: SimClock,
}

impl Desk {
    pub(crate) fn new(options: Options) -> Self {
        Self { sim: SkynamoSim::new(options), clock: SimClock::wall() }
    }

    pub(crate) fn usual() -> Self {
        Self::new(Options::default())
    }

    pub(crate) fn with(switches: Switches) -> Self {
        Self::new(Options { switches, ..Options::default() })
    }

    pub(crate) fn send(
        &self,
        method: Method,
        address: &str,
        body: &str,
        headers: &[(&'static str, &str)],
        fault: Option<&str>,
    ) -> (u16, Value) {
        let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query.to_owned())));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let request = SimRequest {
            method,
            path: path.into(),
            query,
            headers: map,
            body: Bytes::copy_from_slice(body.as_bytes()),
            origin: "http://127.0.0.1:1".into(),
            number: 1,
            fault: fault.map(str::to_owned),
        };
        let answer = self.sim.answer(&request, &self.clock);
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    pub(crate) fn call(&self, method: Method, address: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, address, &body, &[("x-api-key", "sandbox-skynamo-key"), ("x-api-client", "demo")], None)
    }

    pub(crate) fn get(&self, address: &str) -> (u16, Value) {
        self.call(Method::GET, address, &Value::Null)
    }

    pub(crate) fn customer(&self, id: i64) -> Value {
        self.get(&format!("/v1/customers/{id}")).1
    }
}

pub(crate) fn many(count: usize) -> Seed {
    Seed {
        users: vec![SeedUser::new(7, "user.one", "User One", "user1@example.com")],
        customers: (0..count).map(|number| SeedCustomer::new(format!("C{number:06}"), format!("Customer {number}"), vec![7])).collect(),
        ..Seed::empty()
    }
}

pub(crate) fn ids(answer: &Value) -> Vec<i64> {
    answer["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}
