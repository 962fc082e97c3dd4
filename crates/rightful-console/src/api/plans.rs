//! Saved plans: lists, one with what it waits for, its changes, and what people say to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use rightful_engine::{self as engine, PlanFilter, PlanId, Review};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::integrations::{Begun, begun};
use super::paging::{Page, Paging, Part};
use super::read::{Asked, Body};
use super::words::{By, Carried, Names, Owner, PlanState, Reason, Refusal, Why};
use super::{Told, said};
use crate::Console;
use crate::access::Who;
use crate::operations::plans::{Approved, Reviewed, approve as approved, reject as rejected, reviewed};
use crate::pages::runs::people;
use crate::pages::scope::Scope;
use crate::problem::Problem;

/// What a plan counts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlanCounts {
    /// Source records looked at.
    pub source_records: u64,
    /// Target records looked at.
    pub target_records: u64,
    /// Pairs found.
    pub paired: u64,
    /// Pairs that are already as wanted.
    pub unchanged: u64,
    /// Changes that move owners.
    pub owner_moves: u64,
    /// Changes that leave nobody.
    pub removals: u64,
    /// Changes to following kinds.
    pub follows: u64,
    /// Records that would wait.
    pub holds: u64,
    /// Cases by reason.
    pub cases: BTreeMap<String, u64>,
}

/// A saved plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Plan {
    /// Its number.
    pub id: i64,
    /// The integration.
    pub integration: String,
    /// When it was begun.
    pub created: DateTime<Utc>,
    /// The version of the code table that it stands on.
    pub table_version: i64,
    /// A pilot: only this code or record.
    #[schema(required)]
    pub only: Option<String>,
    /// The run that it undoes.
    #[schema(required)]
    pub undoes: Option<i64>,
    /// Where it stands.
    pub state: PlanState,
    /// Counts.
    pub counts: PlanCounts,
    /// Caps and guards that it exceeds.
    pub refusals: Vec<Refusal>,
    /// The run that applied it.
    #[schema(required)]
    pub run: Option<i64>,
}

impl From<engine::Plan> for Plan {
    fn from(plan: engine::Plan) -> Self {
        let counts = plan.counts;
        Self {
            id: plan.id.0,
            integration: plan.integration,
            created: plan.created,
            table_version: plan.table_version,
            only: plan.only,
            undoes: plan.undoes.map(|run| run.0),
            state: plan.state.into(),
            counts: PlanCounts {
                source_records: counts.source_records,
                target_records: counts.target_records,
                paired: counts.paired,
                unchanged: counts.unchanged,
                owner_moves: counts.owner_moves,
                removals: counts.removals,
                follows: counts.follows,
                holds: counts.holds,
                cases: counts.cases,
            },
            refusals: plan.refusals.into_iter().map(Refusal::from).collect(),
            run: plan.run.map(|run| run.0),
        }
    }
}

/// What a plan waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Waits {
    /// One person's approval applies it.
    OneApproval,
    /// A cap refuses it: two different people have to approve it.
    TwoApprovals,
    /// One person approved; somebody else has to.
    SecondApproval,
    /// Everybody approved who had to, and its run could not begin yet: approving again begins it.
    Run,
    /// Nobody can approve it.
    Nothing,
}

/// A plan with what it waits for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReviewedPlan {
    /// The plan.
    #[serde(flatten)]
    pub plan: Plan,
    /// Who approved it so far, in order.
    pub approvals: Vec<By>,
    /// What it waits for.
    pub waits_for: Waits,
    /// Until when the schedule leaves it alone, where a second approval is waited for.
    #[schema(required)]
    pub waits_until: Option<DateTime<Utc>>,
    /// Why nobody can approve it, where that is so.
    #[schema(required)]
    pub closed: Option<String>,
}

impl From<Reviewed> for ReviewedPlan {
    fn from(reviewed: Reviewed) -> Self {
        let (waits_for, waits_until, closed) = match &reviewed.review {
            Review::One => (Waits::OneApproval, None, None),
            Review::Two => (Waits::TwoApprovals, None, None),
            Review::Second { until, .. } => (Waits::SecondApproval, Some(*until), None),
            Review::Granted { .. } => (Waits::Run, None, None),
            Review::Closed(closed) => (Waits::Nothing, None, Some(closed.to_string())),
        };
        Self {
            plan: reviewed.plan.into(),
            approvals: reviewed.approvals.into_iter().map(By::from).collect(),
            waits_for,
            waits_until,
            closed,
        }
    }
}

/// Which plans.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PlansAsked {
    /// Only those that wait for somebody's word.
    pub waiting: Option<bool>,
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// Where to go on: `next` of the page before.
    pub cursor: Option<String>,
}

async fn listed(console: &Console, scope: &Scope, asked: PlansAsked) -> Told<Page<Plan>> {
    let part = Part::<i64>::of("plans", asked.limit, asked.cursor.as_deref())?;
    let filter =
        PlanFilter { integration: None, waiting: asked.waiting.unwrap_or_default(), before: part.from.map(PlanId), limit: part.fetch() };
    said(part.page(scope.plans(console, filter).await?, |plan| plan.id.0.to_string(), Plan::from))
}

/// Lists plans of all integrations in scope, newest first.
#[utoipa::path(get, path = "/api/v1/plans", operation_id = "listPlans", tag = "Plans", params(PlansAsked),
    responses((status = 200, body = Page<Plan>)))]
pub async fn all(State(console): State<Arc<Console>>, Extension(who): Extension<Who>, Asked(asked): Asked<PlansAsked>) -> Told<Page<Plan>> {
    listed(&console, &Scope::of(&console, &who, "")?, asked).await
}

/// Lists plans of one integration, newest first.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/plans", operation_id = "listPlansOfOne", tag = "Plans", params(PlansAsked),
    responses((status = 200, body = Page<Plan>)))]
pub async fn list(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Asked(asked): Asked<PlansAsked>,
) -> Told<Page<Plan>> {
    listed(&console, &Scope::of(&console, &who, &name)?, asked).await
}

fn number(plan: &str) -> Result<PlanId, Problem> {
    plan.parse().map_err(|_| Problem::not_found("such plan"))
}

/// Tells how one plan stands, and what it waits for.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/plans/{plan}", operation_id = "planOfOne", tag = "Plans",
    responses((status = 200, body = ReviewedPlan)))]
pub async fn one(State(console): State<Arc<Console>>, Path((name, plan)): Path<(String, String)>) -> Told<ReviewedPlan> {
    said(reviewed(&console, &console.deployed(&name)?, number(&plan)?).await?.into())
}

/// What a change counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Owners change, and somebody owns it afterwards.
    OwnerMove,
    /// Nobody owns it afterwards, or it is no longer there.
    Removal,
    /// A person gets an account, or one that is there is linked to them.
    Account,
    /// An activity is credited, or what was credited follows its record.
    Credit,
    /// A wanted state is let go: nothing is sent.
    LetGo,
}

/// One line of a plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Change {
    /// Its place in the plan, from 1.
    pub number: i64,
    /// What it counts as.
    pub action: Action,
    /// The target kind.
    pub kind: String,
    /// The target record.
    pub target: String,
    /// Its pairing key.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The role.
    pub role: String,
    /// Who owns it; `null`: the target does not show it.
    #[schema(required)]
    pub before: Option<Vec<Owner>>,
    /// Who shall.
    pub after: Vec<Owner>,
    /// What is carried over, where the target's record is made by us.
    #[schema(required)]
    pub carried: Option<Carried>,
    /// Why.
    pub why: Why,
}

fn change(change: engine::Change, names: &Names) -> Change {
    Change {
        number: change.number,
        action: match change.action {
            engine::Action::OwnerMove => Action::OwnerMove,
            engine::Action::Removal => Action::Removal,
            engine::Action::Account => Action::Account,
            engine::Action::Credit => Action::Credit,
            engine::Action::LetGo => Action::LetGo,
        },
        kind: change.kind.to_string(),
        target: change.target.to_string(),
        code: change.code,
        name: change.name,
        role: change.owners.role.to_string(),
        before: change.owners.from.as_deref().map(|owners| names.owners(owners)),
        after: names.owners(&change.owners.to),
        carried: change.carry.map(Carried::from),
        why: change.why.into(),
    }
}

/// Lists a plan's changes, exactly as they would be applied.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/plans/{plan}/changes", operation_id = "listChanges", tag = "Plans",
    params(Paging), responses((status = 200, body = Page<Change>)))]
pub async fn changes(
    State(console): State<Arc<Console>>,
    Path((name, plan)): Path<(String, String)>,
    Asked(asked): Asked<Paging>,
) -> Told<Page<Change>> {
    let part = Part::<i64>::of("changes", asked.limit, asked.cursor.as_deref())?;
    let deployed = console.deployed(&name)?;
    let plan = reviewed(&console, &deployed, number(&plan)?).await?.plan;
    let found = console.store.changes(plan.id, part.from.unwrap_or(0), part.fetch()).await?;
    let names = Names(people(&console, &deployed.integration).await);
    said(part.page(found, |change| change.number.to_string(), |found| change(found, &names)))
}

/// Approves a plan. The last approval that it needs begins its run, and only then the answer is 202 with the run.
///
/// A plan within its caps takes one person; one over a cap two different ones. What a token says counts as said by whoever made it.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/plans/{plan}/approve", operation_id = "approve", tag = "Plans",
    request_body = Reason,
    responses((status = 200, description = "Kept; somebody else has to approve too.", body = ReviewedPlan), (status = 202, body = Begun),
        (status = 409, description = "It cannot be approved, or not by this person, or another run is under way.")))]
pub async fn approve(
    State(console): State<Arc<Console>>,
    Path((name, plan)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    Body(body): Body<Reason>,
) -> Result<Response, Problem> {
    let deployed = console.deployed(&name)?;
    let id = number(&plan)?;
    match approved(&console, &who, &deployed, id, &body.reason).await? {
        Approved::Begun(began) => begun(&name, began),
        Approved::Waits(_) => Ok(Json(ReviewedPlan::from(reviewed(&console, &deployed, id).await?)).into_response()),
    }
}

/// Rejects a plan: it is never applied. Rejecting one that was dropped already is a conflict.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/plans/{plan}/reject", operation_id = "reject", tag = "Plans",
    request_body = Reason,
    responses((status = 200, body = ReviewedPlan), (status = 409, description = "It was applied or dropped already.")))]
pub async fn reject(
    State(console): State<Arc<Console>>,
    Path((name, plan)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    Body(body): Body<Reason>,
) -> Told<ReviewedPlan> {
    let deployed = console.deployed(&name)?;
    let id = number(&plan)?;
    rejected(&console, &who, &deployed, id, &body.reason).await?;
    said(reviewed(&console, &deployed, id).await?.into())
}
