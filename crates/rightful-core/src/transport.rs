//! The only seam to the network: one async function from request to response.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::{Error, ErrorKind, Result};

/// One HTTP request, complete.
#[derive(Clone)]
pub struct Request {
    /// Its verb.
    pub method: Method,
    /// Its whole address.
    pub url: Url,
    /// Its headers; may hold secrets.
    pub headers: HeaderMap,
    /// Its body; may hold secrets.
    pub body: Bytes,
    /// How long the whole exchange may take.
    pub timeout: Duration,
    /// The largest answer that is read, in bytes, after decompression.
    pub body_cap: usize,
}

impl Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers, query strings and bodies may hold secrets: they are never printed.
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &self.url.host_str())
            .field("path", &self.url.path())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// One HTTP answer, read to its end.
#[derive(Clone)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed.
    pub body: Bytes,
}

impl Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("status", &self.status).field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl Response {
    /// An answer with this status and body and no headers, for simulators and tests.
    pub fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.into() }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: http::HeaderName, value: http::HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    ///
    /// # Errors
    /// `Protocol` where it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).map_err(|error| Error::new(ErrorKind::Protocol, "the answer is not UTF-8 text").source(error))
    }

    /// The body read as JSON. Nesting is bounded by serde_json's own limit of 128.
    ///
    /// # Errors
    /// `Protocol` where it cannot be read as `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // serde_json's message may quote the value it stumbled over: only the place is kept.
            Error::new(
                ErrorKind::Protocol,
                format!("the answer is not the JSON we know (line {}, column {})", error.line(), error.column()),
            )
        })
    }
}

/// Why no answer came.
#[derive(Debug)]
pub struct SendError {
    /// May the vendor have received and acted on the request?
    pub may_have_acted: bool,
    /// What happened.
    pub error: Error,
}

/// Sends one request and reads its answer. No redirects, no retries, no sign-in: those are the client's.
#[async_trait]
pub trait Transport: Debug + Send + Sync + 'static {
    /// Sends it.
    async fn send(&self, request: Request) -> Result<Response, SendError>;
}
