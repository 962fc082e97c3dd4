//! What pages and API stand on: the deployment, the store, and the limits on signing in.

use std::sync::Arc;

use rightful_core::{Error, ErrorKind, Instant, Result};
use rightful_engine::{AccessStore, AuditLog, ConnectionStore, ReviewStore, Store, WatchStore};
use tokio::sync::Semaphore;

use crate::access::Attempts;
use crate::requests::Counts;
use crate::{Deployed, Deployment};

/// Everything the console must remember, behind the engine's ports.
pub trait ConsoleStore: Store + AccessStore + AuditLog + WatchStore + ReviewStore + ConnectionStore {}

impl<T: Store + AccessStore + AuditLog + WatchStore + ReviewStore + ConnectionStore> ConsoleStore for T {}

/// Live pages that are served side by side.
const FOLLOWERS: usize = 128;

/// What pages and API stand on.
#[derive(Debug)]
pub struct Console {
    /// The deployment around it.
    pub deployment: Arc<dyn Deployment>,
    /// What remembers.
    pub store: Arc<dyn ConsoleStore>,
    /// Failed sign-ins of late.
    pub(crate) attempts: Attempts,
    /// Requests that were answered.
    pub(crate) requests: Counts,
    /// Places for live pages.
    pub(crate) followers: Arc<Semaphore>,
}

impl Console {
    /// A console over a deployment and its store.
    pub fn new(deployment: Arc<dyn Deployment>, store: Arc<dyn ConsoleStore>) -> Self {
        Self {
            deployment,
            store,
            attempts: Attempts::default(),
            requests: Counts::default(),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
        }
    }

    /// Now.
    pub(crate) fn now(&self) -> Instant {
        self.deployment.now()
    }

    /// The integration of that name.
    pub(crate) fn deployed(&self, name: &str) -> Result<Deployed> {
        self.deployment.integrations().into_iter().find(|deployed| deployed.integration.name == name).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no integration `{name}`")).hint("see which there are: Integrations")
        })
    }
}
