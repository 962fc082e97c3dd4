//! A call to the data interface once its caller and version are known.

use chrono::{DateTime, Utc};
use rightful_sim::{Bytes, Method};
use serde_json::{Map, Value};

use super::answers::Failure;
use super::switches::Fault;

/// One call, or one part of a composite call.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    /// The path below `/services/data/vNN.0/`, decoded, without empty parts.
    pub(super) parts: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// The major version, and as the path spelled it.
    pub(super) version: u32,
    pub(super) version_text: String,
    /// The caller's user id and session.
    pub(super) user: String,
    pub(super) session: String,
    /// `scheme://host:port` the request was sent to.
    pub(super) origin: String,
    pub(super) now: DateTime<Utc>,
    pub(super) fault: Option<Fault>,
    /// May assignment rules run?
    pub(super) auto_assign: bool,
    /// The page size asked for.
    pub(super) batch_size: Option<usize>,
    /// Conditional headers of single records: `If-Modified-Since`, `If-Unmodified-Since`.
    pub(super) modified_since: Option<String>,
    pub(super) unmodified_since: Option<String>,
}

impl Ask {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn base(&self) -> String {
        format!("/services/data/v{}", self.version_text)
    }

    pub(super) fn url_of(&self, object: &str, id: &str) -> String {
        format!("{}/sobjects/{object}/{id}", self.base())
    }

    /// The body as a JSON value.
    pub(super) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::bad(
                "JSON_PARSER_ERROR",
                format!("Unexpected character or end of input at [line:{}, column:{}]", error.line(), error.column()),
            )
        })
    }

    /// The body as a JSON object.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Failure> {
        match self.json()? {
            Value::Object(members) => Ok(members),
            _ => Err(Failure::bad("JSON_PARSER_ERROR", "The HTTP entity body is required to be a JSON object")),
        }
    }
}
