//! The simulator keeps what Salesforce's public documents say, over a real socket.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bulk;
mod changes;
mod many;
mod queries;
mod records;
mod sign_in;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use connector_salesforce::sim::{Options, SalesforceSim, Switches};
use reqwest::{Client, Method, RequestBuilder};
use rightful_sim::{RunningSim, SimClock, SimHost, SimOptions};
use serde_json::{Value, json};

pub(crate) const CLIENT: &str = "3MVG9.example.consumer.key";
pub(crate) const SECRET: &str = "sandbox-salesforce-secret";

/// A simulator behind a socket, and a client in front of it that follows nothing.
pub(crate) struct Desk {
    pub(crate) sim: RunningSim,
    pub(crate) http: Client,
    pub(crate) token: String,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of the first error.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.json()[0]["errorCode"].as_str().unwrap_or_default().to_owned())
    }
}

pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

impl Desk {
    pub(crate) async fn usual() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn switched(switches: Switches) -> Self {
        Self::with(Options { switches, ..Options::default() }).await
    }

    /// Starts at a fixed time and signs in as the app.
    pub(crate) async fn with(options: Options) -> Self {
        let simulator = Arc::new(SalesforceSim::new(options));
        let now = "2027-03-01T10:00:30Z".parse::<DateTime<Utc>>().unwrap();
        let sim = SimHost::start(SimOptions::new(simulator).clock(SimClock::fixed(now))).await.unwrap();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut desk = Self { sim, http, token: String::new() };
        let granted = desk.token(&[("grant_type", "client_credentials"), ("client_id", CLIENT), ("client_secret", SECRET)]).await;
        desk.token = granted.json()["access_token"].as_str().unwrap_or_default().to_owned();
        desk
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.unwrap() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.sim.origin()))
    }

    pub(crate) async fn token(&self, pairs: &[(&str, &str)]) -> Answer {
        let request = self.request(Method::POST, "/services/oauth2/token");
        self.send(request.header("content-type", "application/x-www-form-urlencoded").body(form(pairs))).await
    }

    /// A call of the data interface, version 62.0.
    pub(crate) fn data(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &format!("/services/data/v62.0/{path}")).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.data(Method::GET, path)).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(self.data(method, path).header("content-type", "application/json").body(body.to_string())).await
    }

    pub(crate) async fn query(&self, soql: &str) -> Answer {
        self.get(&format!("query?{}", form(&[("q", soql)]))).await
    }

    pub(crate) async fn records(&self, soql: &str) -> Vec<Value> {
        let answer = self.query(soql).await;
        assert_eq!(answer.status, 200, "{soql}: {}", answer.text);
        answer.json()["records"].as_array().unwrap().clone()
    }

    /// The values of one field.
    pub(crate) async fn texts(&self, soql: &str, field: &str) -> Vec<String> {
        self.records(soql).await.iter().map(|row| row[field].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The id of the one record that a condition finds.
    pub(crate) async fn id(&self, object: &str, condition: &str) -> String {
        let mut found = self.texts(&format!("SELECT Id FROM {object} WHERE {condition}"), "Id").await;
        assert_eq!(found.len(), 1, "{object} where {condition}: {found:?}");
        found.remove(0)
    }

    pub(crate) fn control(&self, name: &str, body: Value) -> Value {
        self.sim.control(name, body).unwrap()
    }

    pub(crate) fn switch(&self, body: Value) {
        self.control("switches", body);
    }

    /// The next call meets this fault.
    pub(crate) fn fault(&self, name: &str) {
        self.sim.set_faults(&format!("{}:{name}", self.sim.next_number())).unwrap();
    }
}

/// Thousands of accounts of one owner.
pub(crate) fn accounts(count: usize) -> Options {
    let mut options = Options { seed: connector_salesforce::sim::Seed::empty(), ..Options::default() };
    for number in 1..=count {
        options.seed.add("Account", json!({"Name": format!("Account {number:05}"), "External_Id__c": format!("A-{number}")}));
    }
    options
}
