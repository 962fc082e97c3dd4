//! How a connector offers its simulator to the sandbox.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::Simulator;
use crate::world::World;

/// One thing a client signs in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential {
    /// What it is called: `api_key`.
    pub key: &'static str,
    /// Is it a secret?
    pub secret: bool,
    /// Used where nobody chooses another; empty: there is none then.
    pub default: &'static str,
}

/// A connector's simulator, ready to be started on a [`World`].
#[derive(Clone, Copy)]
pub struct StandIn {
    /// The vendor's id: `skynamo`.
    pub vendor: &'static str,
    /// What a connection signs in with; each key is that of a connection setting.
    pub credentials: &'static [Credential],
    /// What other clients may sign in with, and no connection does.
    pub foreign: &'static [Credential],
    /// Further settings a connection to it needs, by key.
    pub settings: &'static [(&'static str, &'static str)],
    /// Makes a simulator that holds the vendor's share of a world.
    pub simulator: fn(&World, &Credentials) -> Arc<dyn Simulator>,
    /// Arguments for curl that show a first answer from a base address.
    pub curl: fn(&str, &Credentials) -> Vec<String>,
}

impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandIn").field("vendor", &self.vendor).field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

/// The credentials a stand-in is started with.
///
/// ```
/// use rightful_sim::{Credential, Credentials};
/// const KEYS: &[Credential] = &[Credential { key: "api_key", secret: true, default: "sandbox" }];
/// let mut credentials = Credentials::new(KEYS.iter());
/// assert!(credentials.set("api_key", "a&b") && !credentials.set("api_kye", "x"));
/// assert_eq!(credentials.value("api_key"), "a&b");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials(BTreeMap<&'static str, String>);

impl Credentials {
    /// The defaults of a stand-in.
    pub fn of(stand_in: &StandIn) -> Self {
        Self::new(stand_in.credentials.iter().chain(stand_in.foreign))
    }

    /// The defaults.
    pub fn new<'a>(credentials: impl Iterator<Item = &'a Credential>) -> Self {
        Self(credentials.map(|credential| (credential.key, credential.default.to_owned())).collect())
    }

    /// Chooses another value; false where there is no such key.
    #[must_use]
    pub fn set(&mut self, key: &str, value: impl Into<String>) -> bool {
        self.0.get_mut(key).map(|kept| *kept = value.into()).is_some()
    }

    /// The value of a key; empty where there is none.
    pub fn value(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }
}
