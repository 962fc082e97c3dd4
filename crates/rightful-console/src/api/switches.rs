//! What is switched while an integration runs, and sending what is ready.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use rightful_engine::{self as engine, RunTask, workflow_switch};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::integrations::{Begun, Nothing, started};
use super::paging::{Page, Paging, Part};
use super::read::{Asked, Body};
use super::words::By;
use super::{Told, said};
use crate::Console;
use crate::access::Who;
use crate::operations::people::Credited;
use crate::operations::signed;
use crate::operations::switches::{automatic, switch_automatic, switch_workflow};
use crate::pages::workflows::{condition_told, figure_told, triggers_told};
use crate::problem::Problem;

/// How automatic accounts stand.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Automatic {
    /// What the configuration says: `manual`, `on-demand`, `automatic` or `all`.
    pub people: String,
    /// Are accounts made by themselves?
    pub on: bool,
    /// Must a workflow be active for that?
    pub requires_workflow: bool,
    /// Workflows that are active.
    pub active_workflows: u64,
    /// What it comes to, in words.
    pub told: String,
    /// Who switched it last; `null`: nobody did.
    #[schema(required)]
    pub by: Option<By>,
}

async fn automatic_of(console: &Console, name: &str) -> Result<Automatic, Problem> {
    let credited = Credited::of(console, name).await?;
    let found = automatic(console, &credited).await?;
    Ok(Automatic {
        told: found.told(credited.deployed.source.vendor),
        people: found.configured.as_str().to_owned(),
        on: found.on,
        requires_workflow: found.requires_workflow,
        active_workflows: found.active_workflows,
        by: found.by.map(By::from),
    })
}

/// What shall be switched, and why.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Switching {
    /// On or off.
    pub on: bool,
    /// Why.
    pub reason: String,
}

/// Tells whether accounts are made by themselves.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/automatic", operation_id = "automatic", tag = "People",
    responses((status = 200, body = Automatic)))]
pub async fn automatic_accounts(State(console): State<Arc<Console>>, Path(name): Path<String>) -> Told<Automatic> {
    said(automatic_of(&console, &name).await?)
}

/// Switches automatic accounts. Switching to what stands changes nothing.
#[utoipa::path(put, path = "/api/v1/integrations/{integration}/automatic", operation_id = "setAutomatic", tag = "People", request_body = Switching,
    responses((status = 200, body = Automatic), (status = 409, description = "The configuration makes no accounts by themselves.")))]
pub async fn set_automatic(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(body): Body<Switching>,
) -> Told<Automatic> {
    let by = signed(&console, &who, &body.reason)?;
    switch_automatic(&console, &Credited::of(&console, &name).await?, body.on, &by).await?;
    said(automatic_of(&console, &name).await?)
}

/// Which records are activities, and what is written of each.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Workflow {
    /// Its name.
    pub name: String,
    /// The source kind.
    pub object: String,
    /// When it writes, in words.
    pub triggers: String,
    /// What a record has to satisfy, in words.
    pub conditions: Vec<String>,
    /// What is credited, in words.
    pub figures: Vec<String>,
    /// Does it write?
    pub active: bool,
    /// Who switched it last; `null`: it stands as configured.
    #[schema(required)]
    pub by: Option<By>,
}

async fn workflows_of(console: &Console, name: &str) -> Result<Vec<Workflow>, Problem> {
    let credited = Credited::of(console, name).await?;
    let switches = console.store.switches(name).await?;
    let all = credited.crew.integration().policy.activity.iter().flat_map(|activity| &activity.workflows);
    let workflow = |workflow: &engine::Workflow| Workflow {
        by: switches.iter().find(|switch| switch.name == workflow_switch(&workflow.name)).map(|switch| switch.by.clone().into()),
        name: workflow.name.clone(),
        object: workflow.object.to_string(),
        triggers: triggers_told(workflow.triggers),
        conditions: workflow.when.iter().map(condition_told).collect(),
        figures: workflow.figures.iter().map(figure_told).collect(),
        active: workflow.active,
    };
    Ok(all.map(workflow).collect())
}

/// Lists workflows, ascending by name.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/workflows", operation_id = "listWorkflows", tag = "People", params(Paging),
    responses((status = 200, body = Page<Workflow>)))]
pub async fn workflows(State(console): State<Arc<Console>>, Path(name): Path<String>, Asked(asked): Asked<Paging>) -> Told<Page<Workflow>> {
    let part = Part::<String>::of("workflows", asked.limit, asked.cursor.as_deref())?;
    said(part.page_of(workflows_of(&console, &name).await?, |workflow| workflow.name.clone(), |workflow| workflow))
}

/// Enables or disables a workflow. Switching to what stands changes nothing.
#[utoipa::path(put, path = "/api/v1/integrations/{integration}/workflows/{workflow}", operation_id = "setWorkflow", tag = "People",
    request_body = Switching, responses((status = 200, body = Workflow)))]
pub async fn set_workflow(
    State(console): State<Arc<Console>>,
    Path((name, workflow)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    Body(body): Body<Switching>,
) -> Told<Workflow> {
    let by = signed(&console, &who, &body.reason)?;
    switch_workflow(&console, &Credited::of(&console, &name).await?, &workflow, body.on, &by).await?;
    let found = workflows_of(&console, &name).await?.into_iter().find(|found| found.name == workflow);
    said(found.ok_or_else(|| Problem::not_found("such workflow"))?)
}

/// Starts a run that sends what is ready and makes accounts that were picked, from what is known, without reading.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/try", operation_id = "sendReady", tag = "Integrations",
    responses((status = 202, body = Begun), (status = 409, description = "Another run is under way, or the integration is paused.")))]
pub async fn send_ready(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Response, Problem> {
    let _credits = Credited::of(&console, &name).await?;
    started(&console, &who, &name, RunTask::Release).await
}
