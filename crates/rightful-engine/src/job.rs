//! What a caller gives a job and what it gets back. The bodies are in the modules below.

mod activity;
mod activity_views;
mod apply;
mod aside;
mod basis;
mod census;
mod context;
mod crediting;
mod credits;
mod draft;
mod facts;
mod follow;
mod journal;
mod layout;
mod lease;
mod links;
mod moves;
mod pages;
mod pairs;
mod people_views;
mod plan;
mod prefetch;
mod preview;
mod read;
mod run;
mod settle;
mod team;
mod undo;
mod views;
mod waiting;

pub use activity_views::*;
pub(crate) use apply::told;
pub use crediting::effective;
pub use journal::Journaled;
pub use layout::{Follow, Layout};
pub use links::*;
pub use pages::*;
pub use people_views::*;
pub use preview::*;
pub use run::{BODY_VERSION, run_job};
pub use views::*;

use std::fmt;
use std::fmt::Debug;
use std::sync::Arc;

use rightful_core::{Clock, Connector, Error, ErrorKind, Instant, Kind};
use serde::{Deserialize, Serialize};

use crate::{Holder, PlanId, Policy, Refusal, RunCounts, RunId, RunOutcome, Store};

/// Called with the name of each point at which a test may want to end the process. See [`FAILPOINTS`].
pub type Failpoint = Arc<dyn Fn(&str) + Send + Sync>;

/// Every point a [`Failpoint`] is called at, in the order of a run.
pub const FAILPOINTS: &[&str] = &[
    "after-begin-run",
    "after-begin-read",
    "before-put-page",
    "after-put-page",
    "before-end-read",
    "after-end-read",
    "after-begin-plan",
    "before-add-to-plan",
    "after-add-to-plan",
    "before-end-plan",
    "after-end-plan",
    "after-begin-apply",
    "before-intend",
    "after-intend",
    "before-write",
    "after-write",
    "before-settle",
    "after-settle",
    "after-slice",
    "before-end-run",
];

/// How a job shall go about its task.
#[derive(Clone)]
pub struct RunOptions {
    /// Lets one saved plan over its caps: who, and why. Only for [`RunTask::Apply`](crate::RunTask::Apply).
    pub over_cap: Option<(String, String)>,
    /// Who asked for the job, where a person did: recorded with the run, and when an undo pauses the integration.
    pub author: Option<String>,
    /// Why, where they said so: noted with the change of a [`RunTask::Team`](crate::RunTask::Team).
    pub reason: Option<String>,
    /// How many pages are on their way, those that wait for the store included; the account's permits bound how many are asked for at once.
    pub width: usize,
    /// Smaller write batches than the vendor allows.
    pub batch_limit: Option<usize>,
    /// Cuts the job off once it says so; without one it goes on to its end.
    pub cut: Option<CutOff>,
    /// For tests.
    pub failpoint: Option<Failpoint>,
}

/// Says when a job is cut off where it stands, so that its process can end. It is taken up again like one whose process died.
#[derive(Clone, Debug)]
pub struct CutOff(pub tokio::sync::watch::Receiver<bool>);

impl CutOff {
    /// Ends when the job has to.
    async fn said(cut: Option<Self>) {
        if let Some(Self(mut cut)) = cut
            && cut.wait_for(|cut| *cut).await.is_ok()
        {
            return;
        }
        // Nobody is left who could say it.
        std::future::pending().await
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { over_cap: None, author: None, reason: None, width: 16, batch_limit: None, cut: None, failpoint: None }
    }
}

impl Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("over_cap", &self.over_cap)
            .field("author", &self.author)
            .field("width", &self.width)
            .field("batch_limit", &self.batch_limit)
            .finish_non_exhaustive()
    }
}

/// Why there is no report.
#[derive(Debug)]
pub enum JobError {
    /// Another living process runs this integration (exit code 6).
    Busy {
        /// Who.
        holder: Holder,
        /// Until when, unless it renews.
        until: Instant,
    },
    /// It was cut off ([`RunOptions::cut`]): a run that began is taken up where it stood.
    CutOff,
    /// It could not begin, or the lease was lost under way.
    Failed(Error),
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<JobError> for Error {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Failed(error) => error,
            JobError::CutOff => Self::new(ErrorKind::Unavailable, error.to_string()).hint("start the program again"),
            JobError::Busy { ref holder, .. } => {
                let process = holder.process;
                Self::new(ErrorKind::Conflict, error.to_string())
                    .hint(format!("wait for process {process} to end, or stop it; its run is then taken up where it stood"))
            }
        }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { holder, until } => {
                write!(
                    f,
                    "another run of this integration is under way: process {} on {}, at least until {until}",
                    holder.process, holder.machine
                )
            }
            Self::CutOff => f.write_str("the program is being stopped; the run is taken up where it stood when it is started again"),
            Self::Failed(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for JobError {}

/// "1 record", "2 records".
pub(crate) fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

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
    /// How long its stages took in this process. Stages run side by side, so they need not add up to the run.
    pub stages: Vec<StageTime>,
}

/// How long a stage of a run took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTime {
    /// `read-source`, `plan`, `apply`, ...: a step's name without its number.
    pub stage: String,
    /// Its time on the clock, all its steps together.
    pub milliseconds: u64,
}
