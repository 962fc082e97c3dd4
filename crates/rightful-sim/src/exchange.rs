//! A request as a simulator sees it, and the answer it gives.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::SimClock;

/// One request, read to its end.
#[derive(Clone, Debug)]
pub struct SimRequest {
    /// Its verb.
    pub method: Method,
    /// Its path as sent (still percent-encoded), beginning with `/`.
    pub path: String,
    /// Its query string as sent, without `?`.
    pub query: Option<String>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, de-chunked and decompressed.
    pub body: Bytes,
    /// `scheme://host:port` the request was sent to (from its Host header, else the listener's own): what absolute addresses in answers begin with.
    pub origin: String,
    /// Counts the vendor's requests from 1 (requests under `/_sim/` are not counted).
    pub number: u64,
    /// A fault of the vendor's own that the plan wants for this request; the host has dealt with the general ones.
    pub fault: Option<String>,
}

impl SimRequest {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Query parameters, decoded (`+` is a space), in order.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes()).into_owned().collect()
    }
}

/// The answer.
#[derive(Clone, Debug)]
pub struct SimResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its headers; the host adds length and date.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl SimResponse {
    /// An answer with a content type.
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status: StatusCode::from_u16(status).expect("a simulator answers with a real status"), headers, body: body.into() }
    }

    /// A JSON answer.
    pub fn json(status: u16, body: &impl serde::Serialize) -> Self {
        Self::new(status, "application/json", serde_json::to_vec(body).expect("simulator state is plain data"))
    }

    /// The same answer with a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// A stateful stand-in for one vendor. Requests arrive on many threads at once: state sits behind the simulator's own lock.
pub trait Simulator: Send + Sync + 'static {
    /// The vendor's id: `skynamo`.
    fn vendor(&self) -> &'static str;

    /// Answers one request of the vendor's interface. Never blocks for long: slow answers are the host's.
    fn answer(&self, request: &SimRequest, clock: &SimClock) -> SimResponse;

    /// The whole state for `GET /_sim/dump`, without secrets: plain data a judge can compare.
    fn dump(&self) -> serde_json::Value;

    /// A vendor-specific control: `POST /_sim/control/{name}` with a JSON body (switches, edits that a person would make in the vendor's product, reset).
    ///
    /// # Errors
    /// A sentence for the caller: unknown name (list the known ones) or bad body.
    fn control(&self, name: &str, body: serde_json::Value, clock: &SimClock) -> Result<serde_json::Value, String>;

    /// Names of the vendor's own faults, with one sentence each.
    fn faults(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The path below the origin that a client's base address ends with: `/v1`.
    fn base_path(&self) -> &'static str;
}
