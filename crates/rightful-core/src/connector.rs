//! The one trait a connector implements.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::{Cursor, Finding, Kind, KindSpec, Outcome, Page, Purpose, Result, Scan, Write};

/// One configured account at a vendor.
///
/// Callers reach it through [`Guarded`](crate::Guarded), which refuses what [`kinds`](Self::kinds) does not declare before any request is sent.
#[async_trait]
pub trait Connector: Debug + Send + Sync + 'static {
    /// What this configuration can do: a part of what the descriptor states.
    fn kinds(&self) -> &[KindSpec];

    /// Named preconditions for a purpose, each with verdict, evidence and remedy. Reads only.
    ///
    /// # Errors
    /// Only where not even one finding can be given; a refused sign-in is a finding.
    async fn preflight(&self, purpose: &Purpose) -> Result<Vec<Finding>>;

    /// One page of a scan. `None` begins it.
    ///
    /// # Errors
    /// `Restart` where the cursor is dead; else as the vendor answered.
    async fn read(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page>;

    /// Writes a batch; one outcome per item, in order.
    ///
    /// # Errors
    /// An error means that nothing was sent. Once one item was sent every item answers for itself.
    async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>>;
}
