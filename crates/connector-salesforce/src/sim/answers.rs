//! How the interface answers and refuses: <https://developer.salesforce.com/docs/platform/api-rest/guide/errorcodes.html>.

use rightful_sim::SimResponse;
use serde_json::{Value, json};

/// Why a record or a request was refused.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) fields: Vec<String>,
}

impl Failure {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: Vec::new() }
    }

    /// Most business errors have status 400.
    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub(super) fn on(mut self, field: &str) -> Self {
        self.fields.push(field.to_owned());
        self
    }

    /// As an element of an answer's error list.
    pub(super) fn element(&self) -> Value {
        let mut element = json!({"message": self.message, "errorCode": self.code});
        if !self.fields.is_empty() {
            element["fields"] = json!(self.fields);
        }
        element
    }

    /// As an error within a list of results.
    pub(super) fn result(&self) -> Value {
        json!({"success": false, "errors": [{"statusCode": self.code, "message": self.message, "fields": self.fields}]})
    }
}

impl From<Failure> for SimResponse {
    fn from(failure: Failure) -> Self {
        SimResponse::json(failure.status, &json!([failure.element()]))
    }
}

/// A refusal of the whole request.
pub(super) fn refusal(status: u16, code: &'static str, message: impl Into<String>) -> SimResponse {
    Failure::new(status, code, message).into()
}

/// Nothing at all: what updates and deletions answer.
pub(super) fn empty(status: u16) -> SimResponse {
    let mut answer = SimResponse::new(status, "application/json", "");
    answer.headers.clear();
    answer
}

pub(super) fn no_such_resource() -> SimResponse {
    refusal(404, "NOT_FOUND", "The requested resource does not exist")
}

pub(super) fn wrong_method(method: &str, allowed: &str) -> SimResponse {
    refusal(405, "METHOD_NOT_ALLOWED", format!("HTTP Method '{method}' not allowed. Allowed are {allowed}"))
}

/// A page of the edge in front of the service.
pub(super) fn edge(status: u16, body: &'static str) -> SimResponse {
    SimResponse::new(status, "text/html; charset=UTF-8", body)
}
