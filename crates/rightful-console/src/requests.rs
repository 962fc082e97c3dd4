//! Every request by a number of its own: in the answer, in the log, and counted by route.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use crate::Console;

/// The header that carries it, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest number of a request that is taken over from a proxy.
const LONGEST: usize = 64;

/// The number of a request.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// How many requests to a route were answered so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served {
    /// `GET` and the like; `other` for what no route takes.
    pub method: &'static str,
    /// The route with its placeholders; `other` where there is none.
    pub route: String,
    /// The status.
    pub status: u16,
    /// How many.
    pub count: u64,
}

/// Counts of this process.
#[derive(Debug, Default)]
pub struct Counts(Mutex<BTreeMap<(&'static str, String, u16), u64>>);

impl Counts {
    fn add(&self, method: &'static str, route: String, status: StatusCode) {
        *self.held().entry((method, route, status.as_u16())).or_default() += 1;
    }

    /// All of them, by method, route and status.
    pub fn served(&self) -> Vec<Served> {
        let served = self.held();
        served
            .iter()
            .map(|((method, route, status), count)| Served { method, route: route.clone(), status: *status, count: *count })
            .collect()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String, u16), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the request its number, or leaves it the one a proxy gave it; logs and counts how it was answered. Paths and queries are not logged:
/// they may hold what a person searched for, and one-time links.
pub async fn observed(State(console): State<Arc<Console>>, mut request: Request, next: Next) -> Response {
    let id = given(&request).unwrap_or_else(fresh);
    let method = known(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", %id, method, route);
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, milliseconds) = (response.status(), begun.elapsed().as_millis());
    span.in_scope(|| tracing::debug!(status = status.as_u16(), milliseconds, "answered"));
    console.requests.add(method, route, status);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The number a proxy gave, where it is one that a log may hold.
fn given(request: &Request) -> Option<String> {
    let text = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.');
    (!text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain)).then(|| text.to_owned())
}

/// A number that no other request of late has. It is no secret: without randomness it is merely told apart by nobody.
fn fresh() -> String {
    let mut bytes = [0_u8; 8];
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::warn!(%error, "a request goes without a number of its own");
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_number_is_taken_over_only_where_a_log_may_hold_it() {
        let table = [
            ("0af7651916cd43dd8448eb211c80319c", true),
            ("01J9-x_y.z", true),
            ("", false),
            ("a b", false),
            ("a\u{7f}", false),
            ("<script>", false),
            ("id=1", false),
        ];
        for (text, taken) in table {
            let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) else { continue };
            let mut request = Request::new(Body::empty());
            request.headers_mut().insert(REQUEST_ID, value);
            assert_eq!(given(&request).as_deref(), taken.then_some(text), "{text:?}");
        }
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(REQUEST_ID, HeaderValue::from_str(&"a".repeat(LONGEST + 1)).unwrap());
        assert_eq!(given(&request), None, "too long");
        assert_ne!(fresh(), fresh());
    }
}
