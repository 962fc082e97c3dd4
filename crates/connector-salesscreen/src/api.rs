//! One function per call of SalesScreen's API.

use std::time::Duration;

use rightful_core::{BaseUrl, CALLS, Call, Client, Error, ErrorKind, Permits, Result, Secret, Window};
use serde::Serialize;

use crate::inspect::NO_SUCH_PATH;
use crate::wire;

/// The most of the vendor's words that an error keeps, in characters.
const WORDS: usize = 200;

/// The largest answer taken; nothing of it is read but the words of a refusal.
const LARGEST_ANSWER: usize = 256 * 1024;

/// Both limits hold for all calls of an account (<https://docs.salesscreen.com/view/metadata/SVSBxDUK>).
const WINDOWS: [Window; 2] = [Window { units: 15, per: Duration::from_secs(1) }, Window { units: 200, per: Duration::from_secs(60) }];

/// Adds the vendor's windows to the permits of an account; all its connections share them.
pub fn limit(permits: &Permits) {
    for window in WINDOWS {
        permits.window(CALLS, window);
    }
}

/// Calls to one account. Each is keyed by ids of ours, so each may be sent again.
#[derive(Clone, Debug)]
pub struct Api {
    pub client: Client,
    pub base: BaseUrl,
    pub key: Secret,
    /// Path segments of the call that removes records.
    pub remove_path: Vec<String>,
}

impl Api {
    async fn post<T: Serialize + ?Sized>(&self, operation: &'static str, path: &[impl AsRef<str> + Sync], body: &T) -> Result<()> {
        let call = Call::post(operation, self.base.join(path)?).idempotent().body_cap(LARGEST_ANSWER).json(body)?;
        self.client.call(call).await.map(drop).map_err(|error| self.kept(error))
    }

    /// Makes or changes one user: the body is one object.
    pub async fn add_user(&self, user: &wire::User) -> Result<()> {
        self.post("add user", &["User", "Add"], user).await
    }

    /// Makes or changes records: the body is an array.
    pub async fn add_records(&self, records: &[&wire::Record]) -> Result<()> {
        self.post("add records", &["Record", "Add"], records).await
    }

    /// Removes records by id. That there is such a path is unconfirmed.
    pub async fn remove_records(&self, ids: &[&str]) -> Result<()> {
        self.post("remove records", &self.remove_path, ids).await.map_err(|error| match error.kind() {
            ErrorKind::Config if error.message() == NO_SUCH_PATH => {
                Error::new(ErrorKind::Unsupported, "SalesScreen has no path that removes records").operation("remove records").hint(
                    "ask SalesScreen for the path and set `remove_path`, or set `remove_records = false` and delete them in the product",
                )
            }
            _ => error,
        })
    }

    /// A batch of nothing: it names no record, so it cannot change any.
    pub async fn probe(&self) -> Result<()> {
        self.add_records(&[]).await
    }

    /// The error with the vendor's words cut short and the key masked, should the vendor have repeated it.
    fn kept(&self, error: Error) -> Error {
        match error.vendor_words() {
            Some(words) => {
                let masked = words.replace(self.key.expose(), "***");
                error.source(masked.chars().take(WORDS).collect::<String>())
            }
            None => error,
        }
    }
}
