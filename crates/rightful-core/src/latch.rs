//! Remembers rejected credentials, also for the next process: a wrong password is tried once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use url::Url;

use crate::{Context, Error, ErrorKind, Result, Secret};

/// How often a slot is tried again that others keep writing to.
const SLOT_ATTEMPTS: usize = 16;

/// Where a rejection is kept in the slot.
pub(crate) const REJECTED: &str = "rejected";

/// A short stable fingerprint of several texts, to notice that one of them changed without keeping them.
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    // Lengths keep ("ab", "c") apart from ("a", "bc").
    let joined: String = parts.into_iter().fold(String::new(), |joined, part| format!("{joined}{}:{part}", part.len()));
    Secret::new(joined).fingerprint()
}

/// The credentials' fingerprint together with where they are sent: a corrected address is a new attempt.
pub(crate) fn mixed(credentials: u64, url: &Url) -> u64 {
    fingerprint([credentials.to_string().as_str(), url.origin().ascii_serialization().as_str(), url.path()])
}

/// What is kept of the rejected credentials: enough to notice that they changed, and far too little to try guesses by.
///
/// The slot outlives the process in clear, and a rejected password is often nearly right. Of 65,536 corrections one is taken for the rejected
/// credentials; a preflight tries those once more.
fn trace(credentials: u64) -> u16 {
    (credentials & u64::from(u16::MAX)) as u16
}

/// What is kept of a rejection.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rejection {
    credentials: u16,
    operation: Option<String>,
    message: String,
    hint: Option<String>,
}

impl Rejection {
    fn error(&self) -> Error {
        let mut error = Error::new(ErrorKind::Unauthenticated, self.message.clone()).context("not tried again with the same credentials");
        if let Some(operation) = &self.operation {
            error = error.operation(operation.clone());
        }
        error.hint(self.hint.clone().unwrap_or_else(|| "correct the connection's secrets".to_owned()))
    }
}

/// Closed by a rejection, open again when the credentials change.
#[derive(Debug, Default)]
pub(crate) struct Latch(Mutex<LatchState>);

#[derive(Debug, Default)]
struct LatchState {
    rejection: Option<Rejection>,
    /// Was the slot looked at? It is read once per process: a rejection elsewhere while we run is met by the vendor's own answer.
    looked: bool,
}

impl Latch {
    /// Lets through unless these credentials were rejected before, in this process or an earlier one.
    pub(crate) async fn check(&self, credentials: u64, context: &Context) -> Result<()> {
        let looked = self.state().looked;
        if !looked {
            let found = slot_entry(context, REJECTED).await?.and_then(|json| serde_json::from_value::<Rejection>(json).ok());
            let mut state = self.state();
            state.looked = true;
            if state.rejection.is_none() {
                state.rejection = found;
            }
        }
        match &self.state().rejection {
            Some(rejection) if rejection.credentials == trace(credentials) => Err(rejection.error()),
            _ => Ok(()),
        }
    }

    /// Remembers the rejection and gives the error back.
    ///
    /// It is kept for the next process before anybody here is turned away by it, and by a task of its own: whoever is turned away may end the
    /// run, and the call that was rejected is then dropped where it stands.
    pub(crate) async fn close(&self, credentials: u64, error: Error, context: &Context) -> Error {
        let rejection = Rejection {
            credentials: trace(credentials),
            operation: error.failed_operation().map(str::to_owned),
            message: error.message().to_owned(),
            hint: error.mend().map(str::to_owned),
        };
        if let Ok(json) = serde_json::to_value(&rejection) {
            let context = context.clone();
            let keeping = tokio::spawn(async move {
                let kept = change_slot(&context, |entries| {
                    entries.insert(REJECTED.to_owned(), json.clone());
                });
                if let Err(trouble) = kept.await {
                    tracing::warn!(connection = %context.connection, error = %trouble, "the rejected sign-in could not be remembered for the next process");
                }
            });
            // It can only fail by a panic, which is told by itself.
            let _ = keeping.await;
        }
        let mut state = self.state();
        state.looked = true;
        state.rejection = Some(rejection);
        drop(state);
        error
    }

    /// Forgets the rejection: the credentials may be tried once more.
    pub(crate) async fn open(&self, context: &Context) -> Result<()> {
        {
            let mut state = self.state();
            state.looked = true;
            state.rejection = None;
        }
        change_slot(context, |entries| {
            entries.remove(REJECTED);
        })
        .await
    }

    fn state(&self) -> MutexGuard<'_, LatchState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot's entries; what cannot be read counts as empty.
pub(crate) fn slot_entries(text: Option<&Secret>) -> Map<String, Json> {
    text.and_then(|text| serde_json::from_str(text.expose()).ok()).unwrap_or_default()
}

/// The text of the slot with these entries; `None` where there are none.
pub(crate) fn slot_text(entries: &Map<String, Json>) -> Option<Secret> {
    (!entries.is_empty()).then(|| Secret::new(Json::Object(entries.clone()).to_string()))
}

async fn slot_entry(context: &Context, name: &str) -> Result<Option<Json>> {
    Ok(slot_entries(context.slot.load().await?.text.as_ref()).remove(name))
}

/// Changes the slot's entries, whoever else writes to it; writes nothing where nothing changes.
pub(crate) async fn change_slot(context: &Context, change: impl Fn(&mut Map<String, Json>) + Send + Sync) -> Result<()> {
    for _ in 0..SLOT_ATTEMPTS {
        let held = context.slot.load().await?;
        let before = slot_entries(held.text.as_ref());
        let mut entries = before.clone();
        change(&mut entries);
        if entries == before || context.slot.swap(held.revision, slot_text(&entries)).await? {
            return Ok(());
        }
    }
    Err(Error::new(ErrorKind::Unavailable, "the connection's slot is written to by too many at once").hint("try again"))
}
