//! Sessions of the console in the store: kept by the digest of their id, so that whoever reads the store cannot use them.

use std::cell::RefCell;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum_login::tower_sessions::SessionStore;
use axum_login::tower_sessions::cookie::time::OffsetDateTime;
use axum_login::tower_sessions::session::{Id, Record};
use axum_login::tower_sessions::session_store::{Error, Result};
use chrono::{DateTime, Duration, Utc};
use rightful_core::{Instant, async_trait};
use rightful_engine::SessionRow;

use crate::access::SESSION_HOURS;
use crate::problem::Problem;
use crate::{Console, ConsoleStore};

tokio::task_local! {
    /// What the store said when it did not take or give a session of this request.
    static UNANSWERED: RefCell<Option<Problem>>;
}

/// The session layer knows only that something failed: what, is kept for [`told`].
fn unanswered(error: rightful_core::Error) -> Error {
    let words = Error::Backend(error.to_string());
    // Outside a request nobody waits for an answer.
    let _ = UNANSWERED.try_with(|kept| kept.replace(Some(error.into())));
    words
}

/// Serves a request; where the session layer has nothing to say but that something failed, says what.
pub async fn told(request: Request, next: Next) -> Response {
    let serving = async {
        let response = next.run(request).await;
        match UNANSWERED.with(RefCell::take) {
            Some(problem) if response.status() == StatusCode::INTERNAL_SERVER_ERROR => problem.into_response(),
            _ => response,
        }
    };
    UNANSWERED.scope(RefCell::default(), serving).await
}

/// The session layer's store over ours.
#[derive(Clone, Debug)]
pub struct Sessions(pub Arc<Console>);

impl Sessions {
    fn store(&self) -> &dyn ConsoleStore {
        &*self.0.store
    }
}

/// What the store knows a session by.
pub fn digest(id: Id) -> Vec<u8> {
    blake3::hash(&id.0.to_be_bytes()).as_bytes().to_vec()
}

/// What forms of a session must carry: known to nobody who does not know the session's id.
pub fn form_key(id: Id) -> String {
    blake3::Hash::from(blake3::derive_key("rightful console 2026 form key", &id.0.to_be_bytes())).to_hex().to_string()
}

/// Under what a session keeps when somebody signed in to it, in seconds.
pub const BEGAN: &str = "began";

/// A session ends so many hours after it began, however busy it is; by our clock, not the session layer's.
fn row(record: &Record, now: Instant) -> Result<SessionRow> {
    let began = record.data.get(BEGAN).and_then(serde_json::Value::as_i64).and_then(|began| DateTime::<Utc>::from_timestamp(began, 0));
    let expires = began.unwrap_or(now) + Duration::hours(SESSION_HOURS);
    let data = serde_json::to_vec(&record.data).map_err(|error| Error::Encode(error.to_string()))?;
    Ok(SessionRow { digest: digest(record.id), data, expires })
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        while !self.store().put_session(&row(record, self.0.now())?, true).await.map_err(unanswered)? {
            record.id = Id::default();
        }
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.store().put_session(&row(record, self.0.now())?, false).await.map(drop).map_err(unanswered)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let found = self.store().session(&digest(*id), self.0.now()).await.map_err(unanswered)?;
        let Some(found) = found else { return Ok(None) };
        let data = serde_json::from_slice(&found.data).map_err(|error| Error::Decode(error.to_string()))?;
        let expiry_date = time_of(found.expires.timestamp())?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.store().end_session(&digest(*id)).await.map_err(unanswered)
    }
}

fn time_of(seconds: i64) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| Error::Decode(error.to_string()))
}
