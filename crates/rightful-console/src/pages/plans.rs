//! Saved plans: those that wait for a person, one plan with its caps and its diff, approving and rejecting it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_core::Instant;
use rightful_engine::{
    Authorship, Cap, Change, Closed, PeopleIndex, Plan, PlanFilter, PlanId, PlanState, Refusal, Review, Right, effective,
};

use super::runs::{people, run_path};
use super::scope::{PAGE, Scope, cursor, cut, query};
use super::words::{self, Toned};
use super::{Frame, Section, Shown, carried, page, page_with, segment, to};
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::codes::has_code_table;
use crate::operations::plans::{Approved, Reviewed, approve, approvers, of, reject, reviewed};
use crate::problem::Problem;
use crate::told::{Moment, counted, moment, number};
use crate::{Console, Deployed};

/// Where a plan is shown.
pub fn plan_path(integration: &str, plan: PlanId) -> String {
    format!("/integrations/{}/plans/{plan}", segment(integration))
}

fn plan_number(number: &str) -> Result<PlanId, Problem> {
    number.parse().map_err(|_| Problem::not_found("such plan"))
}

/// Which plans are shown.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Shows {
    #[serde(default)]
    integration: String,
    #[serde(default)]
    before: String,
}

/// A plan in a list.
pub struct Line {
    /// Its number.
    pub id: PlanId,
    /// Where it is shown; `None` where the integration is no longer configured.
    pub href: Option<String>,
    /// Its integration.
    pub integration: String,
    /// Where it stands.
    pub state: Toned,
    /// When it was made.
    pub created: Moment,
    /// "214 changes".
    pub changes: String,
    /// What sets it apart: a pilot, an undo.
    pub sort: String,
    /// The caps and guards that refuse it.
    pub refused_by: String,
}

fn line(plan: &Plan, scope: &Scope, now: Instant) -> Line {
    let guards: Vec<&str> = plan.refusals.iter().map(|refusal| refusal.guard.as_str()).collect();
    Line {
        id: plan.id,
        href: scope.offers(&plan.integration).then(|| plan_path(&plan.integration, plan.id)),
        integration: plan.integration.clone(),
        state: words::plan_state(plan.state),
        created: moment(plan.created, now),
        changes: counted(plan.counts.changes(), "change"),
        sort: sort(plan),
        refused_by: if plan.passed.is_some() { String::new() } else { guards.join(", ") },
    }
}

fn sort(plan: &Plan) -> String {
    match (&plan.only, plan.undoes) {
        (Some(only), _) => format!("pilot: {only} only"),
        (None, Some(run)) => format!("undoes {run}"),
        (None, None) => String::new(),
    }
}

/// A plan that waits for somebody, with what for.
pub struct Waiting {
    /// The plan.
    pub line: Line,
    /// What it waits for.
    pub what: String,
}

/// Plans of the scope that a person can do something about, newest first.
///
/// # Errors
/// As the store.
pub async fn waiting(console: &Console, scope: &Scope, now: Instant) -> rightful_core::Result<Vec<Waiting>> {
    let filter = PlanFilter { waiting: true, limit: PAGE, ..PlanFilter::default() };
    let mut found = Vec::new();
    for plan in scope.plans(console, filter).await? {
        let Ok(deployed) = console.deployed(&plan.integration) else { continue };
        let line = line(&plan, scope, now);
        let known = of(console, &deployed, plan).await?;
        if let Some(what) = waits_for(&known.review, now) {
            found.push(Waiting { line, what });
        }
    }
    Ok(found)
}

/// What a plan waits for, where it waits for a person.
fn waits_for(review: &Review, now: Instant) -> Option<String> {
    match review {
        Review::One => Some("One person's approval applies it.".to_owned()),
        Review::Two => Some("It is over a cap: two different people have to approve it.".to_owned()),
        Review::Second { first, until } => {
            let schedule = if *until > now {
                format!("the schedule waits for that until {}", moment(*until, now).text)
            } else {
                "the schedule no longer waits for that: its next run makes a new plan".to_owned()
            };
            Some(format!("{} approved it; somebody else has to, and {schedule}.", first.author))
        }
        Review::Granted { .. } => Some("Everybody approved who had to, and it was not applied yet.".to_owned()),
        Review::Closed(Closed::Guarded(guards)) => {
            Some(format!("It is refused by {}: look at the source; nobody may let that pass.", guards.join(", ")))
        }
        Review::Closed(_) => None,
    }
}

#[derive(Template)]
#[template(path = "plans.html")]
struct List {
    frame: Frame,
    scope: Scope,
    waiting: Vec<Waiting>,
    lines: Vec<Line>,
    newer: bool,
    older: Option<String>,
}

/// `GET /plans`
pub async fn list(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<Shows>,
) -> Shown {
    let now = console.now();
    let scope = Scope::of(&console, &who, &shows.integration)?;
    let before = cursor(&shows.before);
    let filter = PlanFilter { before: before.map(PlanId), limit: PAGE + 1, ..PlanFilter::default() };
    let mut plans = scope.plans(&console, filter).await?;
    let more = cut(&mut plans);
    let older = plans.last().filter(|_| more).map(|last| query(&[("integration", &shows.integration), ("before", &last.id.0.to_string())]));
    page(&List {
        frame: Frame::of("Plans", Section::Plans, &who, &session).await,
        waiting: if before.is_none() { waiting(&console, &scope, now).await? } else { Vec::new() },
        lines: plans.iter().map(|plan| line(plan, &scope, now)).collect(),
        newer: before.is_some(),
        older,
        scope,
    })
}

/// How near a plan is to a cap.
struct Meter {
    name: &'static str,
    value: u64,
    most: u64,
    /// The end of the scale.
    scale: u64,
    text: String,
    over: bool,
}

fn meter(name: &'static str, value: u64, paired: u64, cap: &Cap) -> Option<Meter> {
    let most = cap.allowed(paired)?;
    let over = value > most;
    let word = if over { "over the cap of" } else { "of at most" };
    Some(Meter {
        name,
        value,
        most,
        scale: most.max(value).max(1),
        text: format!("{} {word} {}, for {}", number(value), number(most), counted(paired, "paired record")),
        over,
    })
}

/// One line of the diff.
struct Difference {
    number: i64,
    kind: String,
    code: String,
    name: String,
    from: String,
    to: String,
    because: String,
    removal: bool,
    /// What is done, where something is carried over, and what is sent.
    carried: Option<(Toned, String)>,
}

fn difference(change: &Change, people: &PeopleIndex) -> Difference {
    let from = change.owners.from.clone().unwrap_or_default();
    let carry = change.carry.as_ref();
    Difference {
        carried: carry.and_then(|carry| Some((carried::told(Some(carry), &from, &change.owners.to)?, carried::values(carry)))),
        number: change.number,
        kind: change.kind.to_string(),
        code: change.code.clone(),
        name: change.name.clone(),
        from: match &change.owners.from {
            Some(from) => people.labels(from),
            // Nobody owns an account but the person whose it is.
            None if carry.is_some() => "nobody".to_owned(),
            None => "not seen".to_owned(),
        },
        to: people.labels(&change.owners.to),
        because: words::because(&change.why),
        removal: change.action == rightful_engine::Action::Removal,
    }
}

/// An approval as it is shown.
struct Approval {
    author: String,
    reason: String,
    when: Moment,
}

/// What the person who looks may do.
struct Deciding {
    /// The button's word, where they may approve.
    approve: Option<&'static str>,
    reject: bool,
    /// Why not, or what comes next.
    told: String,
    /// Nobody else could be the second.
    alone: bool,
}

/// Which changes are shown.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct ShowsChanges {
    #[serde(default)]
    after: String,
}

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage {
    frame: Frame,
    name: String,
    base: String,
    href: String,
    plan: Plan,
    state: Toned,
    sort: String,
    created: Moment,
    run: Option<(String, String)>,
    changes: String,
    counts: Vec<(&'static str, String)>,
    /// Does a code table stand behind it?
    tabled: bool,
    moves: Vec<(String, String)>,
    meters: Vec<Meter>,
    refusals: Vec<Refusal>,
    passed: Option<(String, String)>,
    approvals: Vec<Approval>,
    deciding: Deciding,
    reason: String,
    wrong: Option<String>,
    lines: Vec<Difference>,
    first: bool,
    next: Option<String>,
}

/// `GET /integrations/{integration}/plans/{plan}`
pub async fn one(
    State(console): State<Arc<Console>>,
    Path((name, plan)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<ShowsChanges>,
) -> Shown {
    let deployed = console.deployed(&name)?;
    let known = reviewed(&console, &deployed, plan_number(&plan)?).await?;
    let after = cursor(&shows.after).unwrap_or(0);
    page(&plan_page(&console, &who, &session, deployed, known, after).await?)
}

async fn deciding(console: &Console, who: &Who, plan: &Plan, review: &Review, now: Instant) -> rightful_core::Result<Deciding> {
    let name = &plan.integration;
    let may = who.access().over(Right::Approve, name, false);
    let over_cap = matches!(review, Review::Two | Review::Second { .. });
    let alone = over_cap && approvers(console, name).await? < 2;
    let mut told = match review {
        Review::Closed(closed) => format!("There is nothing to approve: {closed}."),
        review => waits_for(review, now).unwrap_or_default(),
    };
    let mut approve = None;
    match (&may, review) {
        (Err(denied), _) if !matches!(review, Review::Closed(_)) => told = format!("{told} But {denied}."),
        (Ok(()), Review::Granted { .. }) => approve = Some("Apply it now"),
        (Ok(()), review) if review.takes(who.person()) => {
            approve = Some(if matches!(review, Review::Two) { "Approve as the first of two" } else { "Approve and apply" });
        }
        (Ok(()), Review::Second { .. }) => told.push_str(" You are the one who approved it."),
        _ => {}
    }
    let open = matches!(plan.state, PlanState::Ready | PlanState::Refused);
    Ok(Deciding { approve, reject: may.is_ok() && open, told, alone })
}

async fn plan_page(
    console: &Console,
    who: &Who,
    session: &Session,
    deployed: Deployed,
    known: Reviewed,
    after: i64,
) -> Result<PlanPage, Problem> {
    let now = console.now();
    let name = deployed.integration.name.clone();
    let Reviewed { plan, approvals, review } = known;
    let mut changes = console.store.changes(plan.id, after, PAGE + 1).await?;
    let more = cut(&mut changes);
    let people = if changes.is_empty() { PeopleIndex::default() } else { people(console, &deployed.integration).await };
    let counts = &plan.counts;
    let caps = &deployed.integration.policy.caps;
    // The caps that hold now are those it was judged by only while the settings stand.
    let integration = effective(&*console.store, &deployed.integration).await?;
    let activity = integration.policy.activity.is_some();
    let judged = plan.policy == integration.policy.digest() && plan.undoes.is_none();
    let meters = [
        meter("Owner moves", counts.owner_moves, counts.paired, &caps.owner_moves),
        meter("Removals", counts.removals, counts.paired, &caps.removals),
        meter("Accounts", counts.accounts, counts.paired, &caps.accounts).filter(|_| activity),
    ];
    let told = [
        ("Get other owners", counts.owner_moves),
        ("Are left with nobody", counts.removals),
        ("Follow a successor", counts.follows),
        ("Right already", counts.unchanged),
        ("Accounts made or linked", counts.accounts),
        ("Credited or changed", counts.credits),
        ("Let go", counts.let_go),
        ("Would wait", counts.holds),
        ("Source records", counts.source_records),
        ("Target records", counts.target_records),
        ("Pairs", counts.paired),
    ];
    let approvals = approvals.into_iter().map(|Authorship { author, reason, at }| Approval { author, reason, when: moment(at, now) });
    Ok(PlanPage {
        frame: Frame::of(&plan.id.to_string(), Section::Plans, who, session).await,
        base: format!("/integrations/{}", segment(&name)),
        href: plan_path(&name, plan.id),
        state: words::plan_state(plan.state),
        sort: sort(&plan),
        created: moment(plan.created, now),
        run: plan.run.map(|run| (run_path(&name, run), run.to_string())),
        changes: counted(counts.changes(), "change"),
        counts: told.into_iter().filter(|(_, count)| *count > 0).map(|(what, count)| (what, number(count))).collect(),
        tabled: has_code_table(&deployed.integration.policy),
        moves: counts.moves.iter().map(|(label, count)| (label.clone(), number(*count))).collect(),
        meters: if judged { meters.into_iter().flatten().collect() } else { Vec::new() },
        refusals: plan.refusals.clone(),
        passed: plan.passed.clone(),
        approvals: approvals.collect(),
        deciding: deciding(console, who, &plan, &review, now).await?,
        reason: String::new(),
        wrong: None,
        lines: changes.iter().map(|change| difference(change, &people)).collect(),
        first: after == 0,
        next: changes.last().filter(|_| more).map(|last| query(&[("after", &last.number.to_string())])),
        plan,
        name,
    })
}

/// Shows the plan again with why what was asked for was not done.
async fn again(
    console: &Console,
    who: &Who,
    session: &Session,
    deployed: Deployed,
    id: PlanId,
    fields: &Fields,
    problem: Problem,
) -> Shown {
    if problem.status != StatusCode::CONFLICT && problem.status != StatusCode::UNPROCESSABLE_ENTITY {
        return Err(problem);
    }
    let known = reviewed(console, &deployed, id).await?;
    let mut shown = plan_page(console, who, session, deployed, known, 0).await?;
    shown.reason = fields.text("reason").trim().to_owned();
    shown.wrong = Some(match problem.hint {
        Some(hint) => format!("{}: {hint}.", problem.message),
        None => format!("{}.", problem.message),
    });
    page_with(problem.status, &shown)
}

/// `POST /integrations/{integration}/plans/{plan}/approve`
pub async fn approved(
    State(console): State<Arc<Console>>,
    Path((name, plan)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let deployed = console.deployed(&name)?;
    let id = plan_number(&plan)?;
    match approve(&console, &who, &deployed, id, fields.text("reason")).await {
        Ok(Approved::Waits(until)) => {
            let until = moment(until, console.now());
            let told = format!("You approved {id}. Somebody else has to approve it too; the schedule waits for them until {}.", until.text);
            to(&session, &plan_path(&name, id), true, told).await
        }
        Ok(Approved::Begun(begun)) => {
            super::actions::to_run(&session, &name, Ok(begun), &format!("You approved {id}; it is being applied.")).await
        }
        Err(problem) => again(&console, &who, &session, deployed, id, &fields, problem).await,
    }
}

/// `POST /integrations/{integration}/plans/{plan}/reject`
pub async fn rejected(
    State(console): State<Arc<Console>>,
    Path((name, plan)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let deployed = console.deployed(&name)?;
    let id = plan_number(&plan)?;
    match reject(&console, &who, &deployed, id, fields.text("reason")).await {
        Ok(()) => {
            let told = format!("You rejected {id}: it will never be applied. The next run plans anew.");
            to(&session, &plan_path(&name, id), true, told).await
        }
        Err(problem) => again(&console, &who, &session, deployed, id, &fields, problem).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_says_how_near_a_cap_is() {
        let cap = Cap { count: None, percent: Some(20), floor: 20 };
        let told = |value, paired, cap: &Cap| meter("Owner moves", value, paired, cap).map(|meter| (meter.text, meter.over, meter.scale));
        assert_eq!(told(3, 600, &cap), Some(("3 of at most 120, for 600 paired records".into(), false, 120)));
        assert_eq!(told(121, 600, &cap), Some(("121 over the cap of 120, for 600 paired records".into(), true, 121)));
        assert_eq!(
            told(0, 0, &Cap { count: None, percent: Some(0), floor: 0 }),
            Some(("0 of at most 0, for 0 paired records".into(), false, 1))
        );
        assert_eq!(told(3, 600, &Cap { count: None, percent: None, floor: 20 }), None);
    }
}
