//! What people look back at and decide between runs: approvals of plans, and when a table's version took effect.

use std::fmt;

use async_trait::async_trait;
use rightful_core::{Instant, Result};
use serde::{Deserialize, Serialize};

use crate::{Authorship, Kept, PlanId, RunId};

/// When a code table's version first counted: the first run that applied it to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The version.
    pub version: i64,
    /// The run.
    pub run: RunId,
    /// When it ended.
    pub at: Instant,
    /// Records that changed owner in it, by code; codes without a change are left out.
    pub moved: Vec<(String, u64)>,
}

/// Keeps what people decide about plans, and tells what came of what they saved.
#[async_trait]
pub trait ReviewStore: fmt::Debug + Send + Sync + 'static {
    /// Runs that first applied a version of the table (`done`, `done-with-holds` or `partial`, with or without a change), newest first.
    async fn effects(&self, integration: &str, limit: usize) -> Result<Vec<Effect>>;
    /// Who approved a plan so far, in order.
    async fn approvals(&self, plan: PlanId) -> Result<Vec<Authorship>>;
    /// Adds an approval and gives back all of them; the same person approves once, names that differ in case alone are one. `Moved` where the
    /// plan can no longer be applied.
    async fn approve_plan(&self, plan: PlanId, by: &Authorship) -> Result<Kept<Vec<Authorship>>>;
    /// Drops a plan that was not applied. `Moved` where it cannot be dropped any more.
    async fn reject_plan(&self, plan: PlanId, by: &Authorship) -> Result<Kept<()>>;
}
