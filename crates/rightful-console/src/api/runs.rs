//! Runs: lists, one run, what it wrote record by record, and undoing it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use rightful_engine::{self as engine, Entry, EntryFilter, EntryId, RunFilter, RunId, RunTask};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::integrations::{Begun, Nothing, started};
use super::paging::{Page, Part};
use super::read::{Asked, Body};
use super::words::{Carried, Names, Outcome, Owner, Why, WriteState};
use super::{Told, said};
use crate::Console;
use crate::access::Who;
use crate::pages::actions::undoable;
use crate::pages::runs::{people, run_of};
use crate::pages::scope::Scope;
use crate::problem::Problem;
use crate::told::without_commands;

/// What a run was started for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Task {
    /// Read, plan, cap, apply.
    Run,
    /// Read and plan only.
    Plan {
        /// A pilot: only this code or record.
        #[schema(required)]
        only: Option<String>,
    },
    /// Apply a saved plan.
    Apply {
        /// The plan.
        plan: i64,
    },
    /// Send what waits and can go now, without reading.
    Release,
    /// Put a person of the target on a team, then send what waits and can go now.
    Team {
        /// The person, by the target's id.
        person: String,
        /// The team's key.
        team: String,
    },
    /// Put back what stood there before a run.
    Undo {
        /// The run.
        run: i64,
    },
}

impl From<RunTask> for Task {
    fn from(task: RunTask) -> Self {
        match task {
            RunTask::Full => Self::Run,
            RunTask::Plan { only } => Self::Plan { only },
            RunTask::Apply { plan } => Self::Apply { plan: plan.0 },
            RunTask::Release => Self::Release,
            RunTask::Team { person, team } => Self::Team { person, team },
            RunTask::Undo { run } => Self::Undo { run: run.0 },
        }
    }
}

/// What a run counted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunCounts {
    /// Rows read from the source.
    pub source_rows: u64,
    /// Rows read from the target.
    pub target_rows: u64,
    /// Changes planned.
    pub planned: u64,
    /// Changes confirmed.
    pub done: u64,
    /// Changes found already so.
    pub unchanged: u64,
    /// Changes the vendor refused.
    pub not_done: u64,
    /// Changes dropped as stale.
    pub stale: u64,
    /// Changes nobody could settle.
    pub disputed: u64,
    /// Holds.
    pub holds: u64,
    /// Open cases.
    pub cases: u64,
}

/// A run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// The integration.
    pub integration: String,
    /// What for.
    pub task: Task,
    /// Who asked for it; `null`: its schedule, or nobody who was named.
    #[schema(required)]
    pub by: Option<String>,
    /// Begun.
    pub started: DateTime<Utc>,
    /// Ended; `null`: under way, or cut off and to be taken up again.
    #[schema(required)]
    pub ended: Option<DateTime<Utc>>,
    /// How.
    #[schema(required)]
    pub outcome: Option<Outcome>,
    /// The plan it made or applied.
    #[schema(required)]
    pub plan: Option<i64>,
    /// Counts.
    pub counts: RunCounts,
    /// One sentence per thing worth telling.
    pub notes: Vec<String>,
    /// How often it was taken up again after being cut off.
    pub resumed: u32,
}

impl From<engine::Run> for Run {
    fn from(run: engine::Run) -> Self {
        let counts = run.counts;
        Self {
            id: run.id.0,
            integration: run.integration,
            task: run.task.into(),
            by: run.by,
            started: run.started,
            ended: run.ended,
            outcome: run.outcome.map(Outcome::from),
            plan: run.plan.map(|plan| plan.0),
            counts: RunCounts {
                source_rows: counts.source_rows,
                target_rows: counts.target_rows,
                planned: counts.planned,
                done: counts.done,
                unchanged: counts.unchanged,
                not_done: counts.not_done,
                stale: counts.stale,
                disputed: counts.disputed,
                holds: counts.holds,
                cases: counts.cases,
            },
            notes: run.notes.iter().map(|note| without_commands(note)).collect(),
            resumed: run.resumed,
        }
    }
}

/// Which runs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RunsAsked {
    /// Only those that ended so.
    pub outcome: Option<Outcome>,
    /// Only those that have not ended.
    pub under_way: Option<bool>,
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// Where to go on: `next` of the page before.
    pub cursor: Option<String>,
}

async fn listed(console: &Console, scope: &Scope, asked: RunsAsked) -> Told<Page<Run>> {
    let part = Part::<i64>::of("runs", asked.limit, asked.cursor.as_deref())?;
    let outcome = match (asked.outcome, asked.under_way.unwrap_or_default()) {
        (None, false) => None,
        (None, true) => Some(None),
        (Some(outcome), false) => Some(Some(outcome.into())),
        (Some(_), true) => {
            return Err(
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "a run that is under way has no outcome").hint("give one of the two")
            );
        }
    };
    let filter = RunFilter { integration: None, outcome, before: part.from.map(RunId), limit: part.fetch() };
    said(part.page(scope.runs(console, filter).await?, |run| run.id.0.to_string(), Run::from))
}

/// Lists runs of all integrations in scope, newest first.
#[utoipa::path(get, path = "/api/v1/runs", operation_id = "listRuns", tag = "Runs", params(RunsAsked),
    responses((status = 200, body = Page<Run>)))]
pub async fn all(State(console): State<Arc<Console>>, Extension(who): Extension<Who>, Asked(asked): Asked<RunsAsked>) -> Told<Page<Run>> {
    listed(&console, &Scope::of(&console, &who, "")?, asked).await
}

/// Lists runs of one integration, newest first.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/runs", operation_id = "listRunsOfOne", tag = "Runs", params(RunsAsked),
    responses((status = 200, body = Page<Run>)))]
pub async fn list(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Asked(asked): Asked<RunsAsked>,
) -> Told<Page<Run>> {
    listed(&console, &Scope::of(&console, &who, &name)?, asked).await
}

/// Tells how one run stands, or how it ended.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/runs/{run}", operation_id = "runOfOne", tag = "Runs",
    responses((status = 200, body = Run)))]
pub async fn one(State(console): State<Arc<Console>>, Path((name, run)): Path<(String, String)>) -> Told<Run> {
    said(run_of(&console, &name, &run).await?.into())
}

/// What a run wrote, or tried to, to one record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Item {
    /// The run that wrote it.
    pub run: i64,
    /// The number of the change in the plan.
    pub change: i64,
    /// The plan.
    pub plan: i64,
    /// The target kind.
    pub kind: String,
    /// The target record.
    pub target: String,
    /// Its pairing key.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The role that was written.
    pub role: String,
    /// Who stood there before.
    pub before: Vec<Owner>,
    /// Who shall stand there.
    pub after: Vec<Owner>,
    /// What became of it.
    pub state: WriteState,
    /// When it was noted, before the call.
    pub intended_at: DateTime<Utc>,
    /// When it was known what became of it.
    #[schema(required)]
    pub settled_at: Option<DateTime<Utc>>,
    /// How often it was sent.
    pub attempts: u32,
    /// The vendor's refusal, or a remark.
    #[schema(required)]
    pub note: Option<String>,
    /// What is carried over, where the target's record is made by us.
    #[schema(required)]
    pub carried: Option<Carried>,
    /// Why.
    pub why: Why,
}

/// An entry of the ledger as an item.
pub fn item(entry: Entry, names: &Names) -> Item {
    Item {
        run: entry.run.0,
        change: entry.change,
        plan: entry.plan.0,
        kind: entry.kind.to_string(),
        target: entry.target.to_string(),
        code: entry.code,
        name: entry.name,
        role: entry.role.to_string(),
        before: names.owners(&entry.before),
        after: names.owners(&entry.after),
        state: entry.state.into(),
        intended_at: entry.intended_at,
        settled_at: entry.settled_at,
        attempts: entry.attempts,
        note: entry.note,
        carried: entry.carry.map(Carried::from),
        why: entry.why.into(),
    }
}

/// Which items.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ItemsAsked {
    /// Only those of which this became.
    pub state: Option<WriteState>,
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// Where to go on: `next` of the page before.
    pub cursor: Option<String>,
}

/// Lists what a run wrote, record by record.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/runs/{run}/items", operation_id = "listItems", tag = "Runs",
    params(ItemsAsked), responses((status = 200, body = Page<Item>)))]
pub async fn items(
    State(console): State<Arc<Console>>,
    Path((name, run)): Path<(String, String)>,
    Asked(asked): Asked<ItemsAsked>,
) -> Told<Page<Item>> {
    let part = Part::<i64>::of("items", asked.limit, asked.cursor.as_deref())?;
    let deployed = console.deployed(&name)?;
    let run = run_of(&console, &name, &run).await?;
    let filter = EntryFilter {
        run: Some(run.id),
        states: asked.state.into_iter().map(engine::EntryState::from).collect(),
        after: Some(EntryId(part.from.unwrap_or(0))),
        limit: part.fetch(),
        ..EntryFilter::default()
    };
    let entries = console.store.entries(&filter).await?;
    let names = Names(people(&console, &deployed.integration).await);
    said(part.page(entries, |entry| entry.id.0.to_string(), |entry| item(entry, &names)))
}

/// Starts a run that puts back what stood there before another run wrote, and pauses the integration.
///
/// Where somebody changed a record since, it stays as it is and is a case.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/runs/{run}/undo", operation_id = "undo", tag = "Runs",
    responses((status = 202, body = Begun), (status = 409, description = "Another run is under way, or there is nothing to undo.")))]
pub async fn undo(
    State(console): State<Arc<Console>>,
    Path((name, run)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Response, Problem> {
    let (run, ..) = undoable(&console, &name, &run).await?;
    started(&console, &who, &name, RunTask::Undo { run: run.id }).await
}
