//! Approving and rejecting saved plans: one person for a plan within its caps, two for one over them.

use axum::http::StatusCode;
use rightful_core::Instant;
use rightful_engine::{Authorship, Kept, Plan, PlanId, Review, Right, RunTask, effective, review};

use super::runs::{Begun, RunAsked, begin};
use super::{NoReason, signed};
use crate::access::Who;
use crate::problem::Problem;
use crate::{Console, Deployed};

/// A plan with what it waits for.
#[derive(Clone, Debug)]
pub struct Reviewed {
    /// The plan.
    pub plan: Plan,
    /// Who approved it so far.
    pub approvals: Vec<Authorship>,
    /// What it waits for.
    pub review: Review,
}

/// What came of an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approved {
    /// Somebody else has to approve too, until when the schedule leaves the plan alone.
    Waits(Instant),
    /// It was the last that was needed: its run.
    Begun(Begun),
}

/// A plan of an integration, with what it waits for.
///
/// # Errors
/// Not found where the integration has no such plan.
pub async fn reviewed(console: &Console, deployed: &Deployed, id: PlanId) -> Result<Reviewed, Problem> {
    let name = &deployed.integration.name;
    let plan = console.store.plan(id).await?.filter(|plan| plan.integration == *name).ok_or_else(|| Problem::not_found("such plan"))?;
    Ok(of(console, deployed, plan).await?)
}

/// The same of a plan that was read already.
///
/// # Errors
/// As the store.
pub async fn of(console: &Console, deployed: &Deployed, plan: Plan) -> rightful_core::Result<Reviewed> {
    let table_version = console.store.code_versions(&plan.integration, 1).await?.first().map_or(0, |newest| newest.version);
    let approvals = console.store.approvals(plan.id).await?;
    // As it is switched now: what is switched since makes plans stale.
    let integration = effective(&*console.store, &deployed.integration).await?;
    let review = review(&plan, &approvals, integration.policy.digest(), table_version);
    Ok(Reviewed { plan, approvals, review })
}

/// How many people could approve plans of the integration.
///
/// # Errors
/// As the store.
pub async fn approvers(console: &Console, integration: &str) -> rightful_core::Result<usize> {
    let members = console.store.members().await?;
    Ok(members.iter().filter(|member| member.active && member.access.over(Right::Approve, integration, false).is_ok()).count())
}

fn conflict(message: String, hint: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, message).hint(hint)
}

/// As the person who answers for it: two tokens of one person are no two people.
fn by(console: &Console, who: &Who, reason: &str) -> Result<Authorship, NoReason> {
    let signed = signed(console, who, reason)?;
    let reason = match who {
        Who::Member(..) => signed.reason,
        Who::Token(token) => format!("{} (through token {})", signed.reason, token.name),
    };
    Ok(Authorship { author: who.person().to_owned(), reason, ..signed })
}

/// Approves a plan; the last approval that it needs applies it.
///
/// # Errors
/// A conflict where it cannot be approved, or not by this person; as [`begin`] where its run cannot begin.
pub async fn approve(console: &Console, who: &Who, deployed: &Deployed, id: PlanId, reason: &str) -> Result<Approved, Problem> {
    let known = reviewed(console, deployed, id).await?;
    let by = by(console, who, reason)?;
    let now = match &known.review {
        Review::Closed(closed) => return Err(conflict(format!("{id} cannot be approved: {closed}"), "make a new plan")),
        // All were given before, and its run could not begin then.
        Review::Granted { .. } => known,
        waiting if !waiting.takes(&by.author) => {
            return Err(conflict(
                format!("you approved {id} already, and it takes two different people"),
                "ask somebody else who may approve plans",
            ));
        }
        _ => match console.store.approve_plan(id, &by).await? {
            Kept::Done(_) => reviewed(console, deployed, id).await?,
            _ => return Err(conflict(format!("{id} moved on while you looked at it"), "look at it again")),
        },
    };
    match now.review {
        Review::Second { until, .. } => Ok(Approved::Waits(until)),
        Review::Granted { over_cap } => Ok(Approved::Begun(
            begin(console, who, &deployed.integration.name, RunAsked { over_cap, ..RunAsked::of(RunTask::Apply { plan: id }) }).await?,
        )),
        _ => Err(conflict(format!("{id} moved on while you looked at it"), "look at it again")),
    }
}

/// Rejects a plan that was not applied: it never will be.
///
/// # Errors
/// A conflict where it was applied or dropped already.
pub async fn reject(console: &Console, who: &Who, deployed: &Deployed, id: PlanId, reason: &str) -> Result<(), Problem> {
    reviewed(console, deployed, id).await?;
    let by = by(console, who, reason)?;
    match console.store.reject_plan(id, &by).await? {
        Kept::Done(()) => Ok(()),
        _ => Err(conflict(format!("{id} was applied or dropped already"), "look at it again")),
    }
}
