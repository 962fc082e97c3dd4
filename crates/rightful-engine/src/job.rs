//! What a caller gives a job and what it gets back. The bodies are in the modules below.

use std::fmt::Debug;
use std::sync::Arc;

use rightful_core::{Clock, Connector, Kind};
use serde::{Deserialize, Serialize};

use crate::{Holder, PlanId, Policy, Refusal, RunCounts, RunId, RunOutcome, Store};

/// One integration as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    /// Its name.
    pub name: String,
    /// What it shall do.
    pub policy: Policy,
}

/// What a job stands on.
#[derive(Clone, Debug)]
pub struct Ports {
    /// What remembers.
    pub store: Arc<dyn Store>,
    /// The source connection, guarded.
    pub source: Arc<dyn Connector>,
    /// The target connection, guarded.
    pub target: Arc<dyn Connector>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who is told how it goes.
    pub progress: Arc<dyn Progress>,
    /// Who we are, for the lease.
    pub holder: Holder,
}

/// Told how a job goes. Called often: must return at once.
pub trait Progress: Debug + Send + Sync + 'static {
    /// Something went on.
    fn report(&self, event: Event);
}

/// Nobody is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _event: Event) {}
}

/// How a job goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The run has its number; `resumed` where it takes up one that was cut off.
    Started {
        /// The run.
        run: RunId,
        /// Taken up again?
        resumed: bool,
    },
    /// Rows of a kind arrived.
    Read {
        /// `source` or `target`.
        side: &'static str,
        /// The kind.
        kind: Kind,
        /// Rows so far.
        rows: u64,
        /// How many there will be, where stated.
        total: Option<u64>,
    },
    /// Pairs were decided.
    Planned {
        /// Pairs so far.
        pairs: u64,
        /// How many source records there are.
        total: u64,
        /// Changes so far.
        changes: u64,
    },
    /// Changes were written.
    Applied {
        /// Settled so far.
        settled: u64,
        /// Of so many.
        total: u64,
    },
    /// Something worth a line.
    Note(String),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Its plan.
    pub plan: Option<PlanId>,
    /// Counts.
    pub counts: RunCounts,
    /// Caps and guards that refuse the plan.
    pub refusals: Vec<Refusal>,
    /// A plan or policy that moved under a saved plan (exit code 5).
    pub stale_plan: bool,
    /// One sentence per thing worth telling.
    pub notes: Vec<String>,
}
