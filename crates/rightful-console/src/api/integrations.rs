//! Integrations: how each stands, and what starts, stops and frees it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use rightful_engine::RunTask;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::paging::{Page, Paging, Part};
use super::read::{Asked, Body};
use super::words::{By, Counts, MaybeReason, Outcome, Reason};
use super::{Told, said};
use crate::access::Who;
use crate::operations::runs::{Begun as Began, RunAsked, begin};
use crate::operations::signed;
use crate::pages::integrations::standing;
use crate::pages::segment;
use crate::problem::Problem;
use crate::{Console, Deployed};

/// One side of an integration.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Endpoint {
    /// The connection.
    pub connection: String,
    /// The vendor's name.
    pub vendor: String,
    /// The kind of record that is paired.
    pub kind: String,
}

/// Why an integration is no longer started by its schedule.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Quarantine {
    /// Since when.
    pub since: DateTime<Utc>,
    /// What happened.
    pub reason: String,
}

/// The run that began last.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LastRun {
    /// Its number.
    pub run: i64,
    /// Begun.
    pub started: DateTime<Utc>,
    /// Ended; `null`: under way, or cut off.
    #[schema(required)]
    pub ended: Option<DateTime<Utc>>,
    /// How.
    #[schema(required)]
    pub outcome: Option<Outcome>,
}

/// An integration and how it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Integration {
    /// Its name.
    pub name: String,
    /// Where truth comes from.
    pub source: Endpoint,
    /// Where it is applied.
    pub target: Endpoint,
    /// `enabled`, `paused`, `quarantined` or `not-ready`.
    pub standing: String,
    /// Why, where it is not enabled.
    #[schema(required)]
    pub why: Option<String>,
    /// When it runs, in words.
    pub schedule: String,
    /// When it runs next; `null`: not by itself.
    #[schema(required)]
    pub next_due: Option<DateTime<Utc>>,
    /// Who paused it.
    #[schema(required)]
    pub paused: Option<By>,
    /// Since when and why it is in quarantine.
    #[schema(required)]
    pub quarantine: Option<Quarantine>,
    /// May account managers edit its code table?
    pub editable: bool,
    /// The run that began last.
    #[schema(required)]
    pub last_run: Option<LastRun>,
    /// When a run was last done, with holds or without.
    #[schema(required)]
    pub last_complete: Option<DateTime<Utc>>,
    /// Open cases by reason.
    pub cases: Counts,
}

async fn told(console: &Console, deployed: Deployed) -> Result<Integration, Problem> {
    let name = deployed.integration.name.clone();
    let standing = standing(console, &deployed).await?;
    let state = console.store.integration(&name).await?;
    let watched = console.store.watched(&name).await?;
    let last = console.store.runs(Some(&name), 1).await?.into_iter().next();
    let side = |endpoint: &crate::Endpoint, kind: &rightful_core::Kind| Endpoint {
        connection: endpoint.connection.to_string(),
        vendor: endpoint.vendor.to_owned(),
        kind: kind.to_string(),
    };
    let policy = &deployed.integration.policy;
    Ok(Integration {
        source: side(&deployed.source, &policy.source.kind),
        target: side(&deployed.target, &policy.target.kind),
        next_due: deployed.next_due.filter(|_| standing.tone == "good"),
        standing: standing.word.to_lowercase().replace(' ', "-"),
        why: standing.why,
        schedule: deployed.schedule,
        paused: state.paused.map(By::from),
        quarantine: watched.quarantine.map(|quarantine| Quarantine { since: quarantine.since, reason: quarantine.reason }),
        editable: state.editable,
        last_run: last.map(|run| LastRun {
            run: run.id.0,
            started: run.started,
            ended: run.ended,
            outcome: run.outcome.map(Outcome::from),
        }),
        last_complete: watched.last_complete,
        cases: console.store.case_counts(Some(&name)).await?.into_iter().collect(),
        name,
    })
}

/// Lists integrations in scope, by name.
#[utoipa::path(get, path = "/api/v1/integrations", operation_id = "listIntegrations", tag = "Integrations", params(Paging),
    responses((status = 200, body = Page<Integration>)))]
pub async fn list(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    Asked(asked): Asked<Paging>,
) -> Told<Page<Integration>> {
    let part = Part::<String>::of("integrations", asked.limit, asked.cursor.as_deref())?;
    let mut deployed = console.deployment.integrations();
    deployed.retain(|deployed| who.access().covers(&deployed.integration.name));
    let Page { items, next } = part.page_of(deployed, |deployed| deployed.integration.name.clone(), |deployed| deployed);
    let mut told_all = Vec::with_capacity(items.len());
    for deployed in items {
        told_all.push(told(&console, deployed).await?);
    }
    said(Page { items: told_all, next })
}

/// Tells how one integration stands.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}", operation_id = "integration", tag = "Integrations",
    responses((status = 200, body = Integration)))]
pub async fn one(State(console): State<Arc<Console>>, Path(name): Path<String>) -> Told<Integration> {
    said(told(&console, console.deployed(&name)?).await?)
}

/// Pauses an integration: no run begins until somebody resumes it. A run that is under way goes on to its end.
///
/// Pausing what is paused changes nothing: who paused it first stays named.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/pause", operation_id = "pause", tag = "Integrations",
    request_body = Reason, responses((status = 200, body = Integration)))]
pub async fn pause(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(body): Body<Reason>,
) -> Told<Integration> {
    let by = signed(&console, &who, &body.reason)?;
    if console.store.integration(&name).await?.paused.is_none() {
        console.store.pause(&name, true, &by).await?;
    }
    said(told(&console, console.deployed(&name)?).await?)
}

/// Lets a paused integration run again. Resuming what is not paused changes nothing.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/resume", operation_id = "resume", tag = "Integrations",
    request_body = MaybeReason, responses((status = 200, body = Integration)))]
pub async fn resume(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(body): Body<MaybeReason>,
) -> Told<Integration> {
    if console.store.integration(&name).await?.paused.is_some() {
        console.store.pause(&name, false, &signed(&console, &who, body.reason.as_deref().unwrap_or("resumed"))?).await?;
        console.deployment.wake();
    }
    said(told(&console, console.deployed(&name)?).await?)
}

/// Ends a quarantine: the schedule starts the integration again. Where there is none, nothing changes.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/release", operation_id = "release", tag = "Integrations",
    request_body = MaybeReason, responses((status = 200, body = Integration)))]
pub async fn release(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(body): Body<MaybeReason>,
) -> Told<Integration> {
    if console.store.watched(&name).await?.quarantine.is_some() {
        console.store.release_quarantine(&name, &signed(&console, &who, body.reason.as_deref().unwrap_or("released"))?).await?;
        console.deployment.wake();
    }
    said(told(&console, console.deployed(&name)?).await?)
}

/// Who may edit a code table.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Editable {
    /// May account managers?
    pub editable: bool,
}

/// Says whether account managers may edit the code table.
#[utoipa::path(put, path = "/api/v1/integrations/{integration}/editable", operation_id = "setEditable", tag = "Integrations",
    request_body = Editable, responses((status = 200, body = Integration)))]
pub async fn editable(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(body): Body<Editable>,
) -> Told<Integration> {
    let reason = if body.editable { "made editable by account managers" } else { "no longer editable by account managers" };
    console.store.set_editable(&name, body.editable, &signed(&console, &who, reason)?).await?;
    said(told(&console, console.deployed(&name)?).await?)
}

/// A run that began.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Begun {
    /// Its number: `GET` it until it has ended.
    pub run: i64,
}

/// Starts a run: reads, plans, judges the caps and applies.
///
/// Answers once it began. Where another run is under way, nothing is begun: a conflict that names it in `run`.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/run", operation_id = "run", tag = "Integrations",
    responses((status = 202, body = Begun), (status = 409, description = "Another run is under way, or the integration is paused.")))]
pub async fn run(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Response, Problem> {
    started(&console, &who, &name, RunTask::Full).await
}

/// A body without anything in it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// What to plan.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pilot {
    /// A pilot: only this code, or the record with this key.
    #[serde(default)]
    pub only: Option<String>,
}

/// Starts a run that reads and plans, and writes nothing. The plan is kept: the run names it when it has ended.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/plan", operation_id = "plan", tag = "Integrations",
    request_body = Pilot,
    responses((status = 202, body = Begun), (status = 409, description = "Another run is under way, or the integration is paused.")))]
pub async fn plan(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(body): Body<Pilot>,
) -> Result<Response, Problem> {
    let only = body.only.map(|only| only.trim().to_owned()).filter(|only| !only.is_empty());
    started(&console, &who, &name, RunTask::Plan { only }).await
}

/// Starts a task and says which run it became.
pub async fn started(console: &Console, who: &Who, integration: &str, task: RunTask) -> Result<Response, Problem> {
    begun(integration, begin(console, who, integration, RunAsked::of(task)).await?)
}

/// A run that began, as an answer; or which one is in the way.
pub fn begun(integration: &str, began: Began) -> Result<Response, Problem> {
    match began {
        Began::Run(run) => {
            let place = format!("/api/v1/integrations/{}/runs/{}", segment(integration), run.0);
            Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(Begun { run: run.0 })).into_response())
        }
        Began::Busy(run) => Err(Problem::new(StatusCode::CONFLICT, "another run of the integration is under way; nothing was begun")
            .hint("ask again when it has ended")
            .with("run", run.map_or(Value::Null, |run| run.0.into()))),
    }
}
