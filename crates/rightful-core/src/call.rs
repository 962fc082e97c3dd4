//! One call to a vendor, before it is signed and sent.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::{BODY_CAP, Error, ErrorKind, Response, Result};

/// The vendor's verdict on an answer. `Ok` means the call succeeded.
pub type Inspect = fn(&Response) -> Result<()>;

/// One call: what to send, under which name, and whether it may be repeated.
#[derive(Clone)]
pub struct Call {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) idempotent: bool,
    pub(crate) signed: bool,
    pub(crate) session_bound: bool,
    pub(crate) quotas: Vec<&'static str>,
    pub(crate) cost: u32,
    pub(crate) timeout: Option<Duration>,
    pub(crate) body_cap: usize,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers, query strings and bodies may hold secrets: they are never printed.
        f.debug_struct("Call")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("path", &self.url.path())
            .field("idempotent", &self.idempotent)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Call {
    /// A call under an operation's name (for errors, logs and metrics).
    pub fn new(operation: &'static str, method: Method, url: Url) -> Self {
        Self {
            operation,
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            idempotent: false,
            signed: true,
            session_bound: false,
            quotas: Vec::new(),
            cost: 1,
            timeout: None,
            body_cap: BODY_CAP,
        }
    }

    /// A GET, which may be repeated.
    pub fn get(operation: &'static str, url: Url) -> Self {
        Self::new(operation, Method::GET, url).idempotent()
    }

    /// A POST, which may not be repeated unless said so.
    pub fn post(operation: &'static str, url: Url) -> Self {
        Self::new(operation, Method::POST, url)
    }

    /// A PATCH, which may not be repeated unless said so.
    pub fn patch(operation: &'static str, url: Url) -> Self {
        Self::new(operation, Method::PATCH, url)
    }

    /// Repeating it is harmless: it may be sent again after an unclear end.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Sent without authorization (zone look-ups, token calls).
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.signed = false;
        self
    }

    /// Refers to state of the present session: not repeated after a new sign-in, fails with `Restart` instead.
    #[must_use]
    pub fn bound_to_session(mut self) -> Self {
        self.session_bound = true;
        self
    }

    /// Draws from this quota of the account besides its concurrency.
    #[must_use]
    pub fn quota(mut self, name: &'static str) -> Self {
        self.quotas.push(name);
        self
    }

    /// How much it draws from each quota; 1 unless said.
    #[must_use]
    pub fn cost(mut self, cost: u32) -> Self {
        self.cost = cost;
        self
    }

    /// A header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds a parameter to the query string.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.url.query_pairs_mut().append_pair(name, &value.to_string());
        self
    }

    /// A body with its content type.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.body = body.into();
        self
    }

    /// A JSON body.
    ///
    /// # Errors
    /// `Rejected` where the value cannot be written as JSON.
    pub fn json<T: serde::Serialize + ?Sized>(self, body: &T) -> Result<Self> {
        let text = serde_json::to_vec(body)
            .map_err(|error| Error::new(ErrorKind::Rejected, "the request cannot be written as JSON").source(error))?;
        Ok(self.body("application/json", text))
    }

    /// How long the whole exchange may take, where the client's own limit does not fit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// A smaller answer cap than [`BODY_CAP`].
    #[must_use]
    pub fn body_cap(mut self, bytes: usize) -> Self {
        self.body_cap = bytes;
        self
    }

    /// Borrows what a sign-in call has in common with the call it is made for: patience and the client's name.
    pub(crate) fn like(mut self, request: &crate::Request) -> Self {
        self.timeout.get_or_insert(request.timeout);
        if let Some(name) = request.headers.get(http::header::USER_AGENT) {
            self.headers.entry(http::header::USER_AGENT).or_insert_with(|| name.clone());
        }
        self
    }

    /// The operation's name.
    pub fn operation_name(&self) -> &'static str {
        self.operation
    }
}
