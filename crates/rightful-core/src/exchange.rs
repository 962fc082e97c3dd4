//! One request and its answer as they may be kept: redacted, cut, and told only to whoever asked to hear them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::redact::redacted;
use crate::{Call, Instant, Response, Secret, SendError};

/// How much is kept of a body, in bytes.
pub const EXCHANGE_CAP: usize = 8 * 1024;

/// One request and its answer. Without headers, as the request was before it was signed, and with every known secret masked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The call's name.
    pub operation: String,
    /// When it was sent.
    pub at: Instant,
    /// The verb.
    pub method: String,
    /// The address, before the authorizer added to it.
    pub url: String,
    /// May the call be repeated without harm? Those that may not are the ones that change something.
    pub idempotent: bool,
    /// The request's body, at most [`EXCHANGE_CAP`] of it.
    pub request: String,
    /// The answer's status; `None` where no answer came.
    pub status: Option<u16>,
    /// The answer's body, at most [`EXCHANGE_CAP`] of it; or why none came.
    pub response: String,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bodies name customers and people: what is kept for a person to look at is not for a log.
        f.debug_struct("Exchange").field("operation", &self.operation).field("status", &self.status).finish_non_exhaustive()
    }
}

impl Exchange {
    /// What may be kept of a call and its end.
    pub(crate) fn of(call: &Call, at: Instant, end: &Result<Response, SendError>, secrets: &[Secret]) -> Self {
        let mut url: Url = call.url.clone();
        // An address may carry a name and a password; the authorizer is not asked about those.
        let bare = url.set_username("").and_then(|()| url.set_password(None));
        let url = if bare.is_ok() { url.as_str() } else { call.url.path() };
        let (status, response) = match end {
            Ok(response) => (Some(response.status.as_u16()), redacted(&response.body, secrets)),
            Err(SendError { error, .. }) => (None, redacted(error.to_string().as_bytes(), secrets)),
        };
        Self {
            operation: call.operation.to_owned(),
            at,
            method: call.method.to_string(),
            url: redacted(url.as_bytes(), secrets),
            idempotent: call.idempotent,
            request: redacted(&call.body, secrets),
            status,
            response,
        }
    }
}

tokio::task_local! {
    static HEARD: Arc<Mutex<Vec<Exchange>>>;
}

/// Does this work, and gives back with its result the exchanges made in it, in the order of their ends. Sign-ins are never among them, nor is what
/// the work hands to tasks of its own.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (sum, exchanges) = rightful_core::overheard(async { 1 + 1 }).await;
/// assert_eq!((sum, exchanges.len()), (2, 0));
/// # });
/// ```
pub async fn overheard<F: Future>(work: F) -> (F::Output, Vec<Exchange>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let output = HEARD.scope(heard.clone(), work).await;
    let exchanges = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
    (output, exchanges)
}

/// Does anybody listen to this task?
pub(crate) fn is_heard() -> bool {
    HEARD.try_with(|_| ()).is_ok()
}

/// Tells whoever listens of an exchange. [`Client`](crate::Client) does so by itself.
pub fn tell(exchange: Exchange) {
    // Nobody listens: then nothing is kept.
    HEARD.try_with(|heard| heard.lock().unwrap_or_else(PoisonError::into_inner).push(exchange)).ok();
}
