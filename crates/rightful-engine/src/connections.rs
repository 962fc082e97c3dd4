//! Connections that were entered in the console: their settings in clear, their secrets sealed.

use std::fmt;

use async_trait::async_trait;
use rightful_core::{ConnectionName, Instant, Result, Secret, Secrets, Settings, VendorId};

use crate::{Act, Kept};

/// A connection as the store keeps it. Its secrets are not part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredConnection {
    /// Its name.
    pub name: ConnectionName,
    /// Its vendor.
    pub vendor: VendorId,
    /// Its settings.
    pub settings: Settings,
    /// Keys of the secrets that are sealed for it, with when each was set.
    pub sealed: Vec<(String, Instant)>,
    /// Moves with every change.
    pub revision: i64,
}

/// What a connection shall be from now on. Secrets not named stay as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionEdit {
    /// Its name.
    pub name: ConnectionName,
    /// Its vendor.
    pub vendor: VendorId,
    /// Its settings.
    pub settings: Settings,
    /// New secrets by key; `None` takes one away.
    pub secrets: Vec<(String, Option<Secret>)>,
}

/// Keeps connections. Secrets are sealed with a data key of the connection's own, itself sealed with the master key.
#[async_trait]
pub trait ConnectionStore: fmt::Debug + Send + Sync + 'static {
    /// All of them, by name.
    async fn connections(&self) -> Result<Vec<StoredConnection>>;
    /// Adds (`revision` 0) or changes one of that revision.
    ///
    /// # Errors
    /// `Config` where secrets are given and no master key is.
    async fn put_connection(&self, revision: i64, connection: &ConnectionEdit, act: &Act) -> Result<Kept<i64>>;
    /// Removes one with its secrets; `false` where there is none such.
    async fn remove_connection(&self, name: &ConnectionName, act: &Act) -> Result<bool>;
    /// Opens the secrets of one.
    ///
    /// # Errors
    /// `Config` where the master key is missing or another one.
    async fn open_secrets(&self, name: &ConnectionName) -> Result<Secrets>;
}
