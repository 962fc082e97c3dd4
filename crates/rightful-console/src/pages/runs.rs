//! Runs: the list over all integrations, one run with what it did to each record, and one such item.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum_login::tower_sessions::Session;
use rightful_core::Instant;
use rightful_engine::{
    Entry, EntryFilter, EntryId, EntryState, Integration, PeopleIndex, Plan, PlanState, Refusal, Right, Run, RunFilter, RunId, RunOutcome,
    RunTask, known_people,
};

use super::actions::Actions;
use super::live::{Bar, stored};
use super::scope::{PAGE, Scope, cursor, cut, query};
use super::words::{self, Toned};
use super::{Frame, Section, Shown, carried, page, segment};
use crate::access::Who;
use crate::problem::Problem;
use crate::told::{Moment, counted, moment, number, without_commands};
use crate::{Console, Deployed};

/// Which runs are shown.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Shows {
    #[serde(default)]
    integration: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    before: String,
}

struct Line {
    outcome: Toned,
    id: RunId,
    /// `None` where the integration is no longer configured.
    href: Option<String>,
    integration: String,
    task: String,
    by: Option<String>,
    started: Moment,
    took: String,
    planned: String,
    done: String,
    cases: String,
}

#[derive(Template)]
#[template(path = "runs.html")]
struct List {
    frame: Frame,
    lines: Vec<Line>,
    scope: Scope,
    shows: Shows,
    outcomes: Vec<&'static str>,
    newer: bool,
    older: Option<String>,
    actions: Option<Actions>,
}

/// `GET /runs`
pub async fn list(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<Shows>,
) -> Shown {
    let now = console.now();
    let scope = Scope::of(&console, &who, &shows.integration)?;
    let outcome = match shows.outcome.as_str() {
        "" => None,
        words::UNDER_WAY => Some(None),
        word => match words::OUTCOMES.into_iter().find(|outcome| outcome.as_str() == word) {
            Some(outcome) => Some(Some(outcome)),
            None => return Err(Problem::not_found("such outcome")),
        },
    };
    let before = cursor(&shows.before);
    let filter = RunFilter { integration: None, outcome, before: before.map(RunId), limit: PAGE + 1 };
    let mut runs = scope.runs(&console, filter).await?;
    let more = cut(&mut runs);
    let older = runs
        .last()
        .filter(|_| more)
        .map(|last| query(&[("integration", &shows.integration), ("outcome", &shows.outcome), ("before", &last.id.0.to_string())]));
    let actions = match console.deployed(&shows.integration) {
        Ok(deployed) if !shows.integration.is_empty() => Some(Actions::of(&console, &who, &deployed).await?),
        _ => None,
    };
    let lines = runs.iter().map(|run| line(run, &scope, now)).collect();
    let outcomes = words::OUTCOMES.map(RunOutcome::as_str).into_iter().collect();
    let frame = Frame::of("Runs", Section::Runs, &who, &session).await;
    page(&List { frame, lines, scope, shows, outcomes, newer: before.is_some(), older, actions })
}

fn line(run: &Run, scope: &Scope, now: Instant) -> Line {
    Line {
        outcome: words::outcome(run),
        id: run.id,
        href: scope.offers(&run.integration).then(|| run_path(&run.integration, run.id)),
        integration: run.integration.clone(),
        task: words::task(&run.task),
        by: run.by.clone(),
        started: moment(run.started, now),
        took: words::duration(run, now),
        planned: number(run.counts.planned),
        done: number(run.counts.done),
        cases: number(run.counts.cases),
    }
}

/// Where a run is shown.
pub fn run_path(integration: &str, run: RunId) -> String {
    format!("/integrations/{}/runs/{run}", segment(integration))
}

/// The run of that number, where it is the integration's.
pub async fn run_of(console: &Console, integration: &str, number: &str) -> Result<Run, Problem> {
    let missing = || Problem::not_found("such run");
    let id: RunId = number.parse().map_err(|_| missing())?;
    console.store.run(id).await?.filter(|run| run.integration == integration).ok_or_else(missing)
}

/// The plan that a run made or applied, while it goes on and after.
pub async fn plan_of(console: &Console, run: &Run) -> rightful_core::Result<Option<Plan>> {
    let known = run.plan.or(match run.task {
        RunTask::Apply { plan } => Some(plan),
        _ => None,
    });
    if let Some(plan) = known {
        return console.store.plan(plan).await;
    }
    if run.ended.is_some() {
        return Ok(None);
    }
    // A run says which plan it works on when it ends; before that its plan says so.
    let newest = console.store.plans(&run.integration, 1).await?.into_iter().next();
    Ok(newest.filter(|plan| plan.run == Some(run.id) || (plan.state == PlanState::Drafting && plan.created >= run.started)))
}

/// The target's people, to call owners by their names; none where they were never read.
pub async fn people(console: &Console, integration: &Integration) -> PeopleIndex {
    let known = async { known_people(&console.deployment.ports(&integration.name)?, integration).await };
    match known.await {
        Ok(people) => people.unwrap_or_default(),
        Err(error) => {
            tracing::debug!(integration = integration.name, %error, "owners are shown by their keys");
            PeopleIndex::default()
        }
    }
}

/// One item of a run.
struct Item {
    href: String,
    change: i64,
    kind: String,
    code: String,
    name: String,
    before: String,
    after: String,
    state: Toned,
    remark: String,
    /// What was done, where something was carried over, and what was sent.
    carried: Option<(Toned, String)>,
}

/// How many items have a state, and where those are shown.
struct Tab {
    href: String,
    state: Toned,
    count: String,
    here: bool,
}

/// Which items are shown.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct ShowsItems {
    #[serde(default)]
    state: String,
    #[serde(default)]
    after: String,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    name: String,
    base: String,
    href: String,
    id: RunId,
    outcome: Toned,
    live: bool,
    /// What is known of a run under way.
    bars: Vec<Bar>,
    task: String,
    undoes: Option<(String, RunId)>,
    by: Option<String>,
    started: Moment,
    ended: Option<Moment>,
    took: String,
    resumed: u32,
    plan: Option<(String, String, Toned)>,
    counts: Vec<(&'static str, String)>,
    refusals: Vec<Refusal>,
    notes: Vec<String>,
    tabs: Vec<Tab>,
    all: Option<String>,
    items: Vec<Item>,
    state: String,
    first: bool,
    next: Option<String>,
    /// How many changes an undo would take back; `None`: it cannot be undone, or not by this person.
    may_undo: Option<String>,
}

/// What a run counted, without what is zero; what was read and done always.
fn counts(run: &Run) -> Vec<(&'static str, String)> {
    let counts = &run.counts;
    let all = [
        ("Source rows read", counts.source_rows, true),
        ("Target rows read", counts.target_rows, true),
        ("Planned", counts.planned, true),
        ("Done", counts.done, true),
        ("Found so already", counts.unchanged, false),
        ("Refused by the vendor", counts.not_done, false),
        ("Stale", counts.stale, false),
        ("Disputed", counts.disputed, false),
        ("Waiting", counts.holds, false),
        ("Open cases", counts.cases, false),
    ];
    all.into_iter().filter(|(_, count, always)| *always || *count > 0).map(|(what, count, _)| (what, number(count))).collect()
}

/// `GET /integrations/{integration}/runs/{run}`
pub async fn one(
    State(console): State<Arc<Console>>,
    Path((name, run)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<ShowsItems>,
) -> Shown {
    let now = console.now();
    let deployed = console.deployed(&name)?;
    let run = run_of(&console, &name, &run).await?;
    let href = run_path(&name, run.id);
    let state = match shows.state.as_str() {
        "" => None,
        word => match words::ENTRY_STATES.into_iter().find(|state| words::entry_key(*state) == word) {
            Some(state) => Some(state),
            None => return Err(Problem::not_found("such state")),
        },
    };
    let after = cursor(&shows.after);
    let counted_states = console.store.entry_counts(run.id).await?;
    let filter = EntryFilter {
        run: Some(run.id),
        states: state.into_iter().collect(),
        after: after.map(EntryId),
        limit: PAGE + 1,
        ..EntryFilter::default()
    };
    let mut entries = console.store.entries(&filter).await?;
    let more = cut(&mut entries);
    let next = entries.last().filter(|_| more).map(|last| query(&[("state", &shows.state), ("after", &last.id.0.to_string())]));
    let people = if entries.is_empty() { PeopleIndex::default() } else { people(&console, &deployed.integration).await };
    let plan = plan_of(&console, &run).await?;
    let written: u64 = counted_states.iter().filter(|(state, _)| *state == EntryState::Done).map(|(_, count)| *count).sum();
    let undoable = run.ended.is_some() && written > 0 && who.access().over(Right::Run, &name, false).is_ok();
    let refused = run.outcome == Some(RunOutcome::Refused);
    page(&RunPage {
        frame: Frame::of(&run.id.to_string(), Section::Runs, &who, &session).await,
        base: format!("/integrations/{}", segment(&name)),
        outcome: words::outcome(&run),
        live: run.ended.is_none(),
        bars: if run.ended.is_none() { stored(&console, &deployed, &run).await?.bars() } else { Vec::new() },
        task: words::task(&run.task),
        undoes: match run.task {
            RunTask::Undo { run } => Some((run_path(&name, run), run)),
            _ => None,
        },
        by: run.by.clone(),
        started: moment(run.started, now),
        ended: run.ended.map(|ended| moment(ended, now)),
        took: words::duration(&run, now),
        resumed: run.resumed,
        refusals: plan.as_ref().filter(|_| refused).map(|plan| plan.refusals.clone()).unwrap_or_default(),
        plan: plan.map(|plan| (super::plans::plan_path(&name, plan.id), plan.id.to_string(), words::plan_state(plan.state))),
        counts: counts(&run),
        tabs: words::ENTRY_STATES
            .into_iter()
            .filter_map(|of| {
                let count = counted_states.iter().find(|(state, _)| *state == of).map(|(_, count)| *count)?;
                let href = format!("{href}{}", query(&[("state", words::entry_key(of))]));
                Some(Tab { href, state: words::entry_state(of), count: number(count), here: state == Some(of) })
            })
            .collect(),
        all: (counted_states.len() > 1 || state.is_some()).then(|| number(counted_states.iter().map(|(_, count)| count).sum())),
        items: entries.iter().map(|entry| item(entry, &href, &people)).collect(),
        state: shows.state,
        first: after.is_none(),
        next,
        may_undo: undoable.then(|| counted(written, "change")),
        notes: run.notes.iter().map(|note| without_commands(note)).collect(),
        id: run.id,
        href,
        name,
    })
}

fn item(entry: &Entry, run: &str, people: &PeopleIndex) -> Item {
    Item {
        href: format!("{run}/items/{}", entry.change),
        change: entry.change,
        kind: entry.kind.to_string(),
        code: entry.code.clone(),
        name: entry.name.clone(),
        before: people.labels(&entry.before),
        after: people.labels(&entry.after),
        state: words::entry_state(entry.state),
        remark: words::remark(entry),
        carried: carried_of(entry),
    }
}

/// What was done with what was carried over, and what was sent.
pub fn carried_of(entry: &Entry) -> Option<(Toned, String)> {
    let carry = entry.carry.as_ref()?;
    Some((carried::told(Some(carry), &entry.before, &entry.after)?, carried::values(carry)))
}

/// A request and its answer, as far as they are kept.
struct Exchange {
    operation: String,
    status: String,
    request: String,
    response: String,
}

#[derive(Template)]
#[template(path = "item.html")]
struct ItemPage {
    frame: Frame,
    name: String,
    base: String,
    run: RunId,
    run_href: String,
    deployed: Deployed,
    entry: Entry,
    before: String,
    after: String,
    state: Toned,
    carried: Option<(Toned, String)>,
    intended: Moment,
    settled: Option<Moment>,
    plan_href: String,
    because: String,
    undoes: Option<(String, RunId)>,
    why_href: Option<String>,
    exchanges: Vec<Exchange>,
}

/// `GET /integrations/{integration}/runs/{run}/items/{change}`
pub async fn item_page(
    State(console): State<Arc<Console>>,
    Path((name, run, change)): Path<(String, String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let now = console.now();
    let deployed = console.deployed(&name)?;
    let run = run_of(&console, &name, &run).await?;
    let missing = || Problem::not_found("such item in this run");
    let change: i64 = change.parse().map_err(|_| missing())?;
    let filter = EntryFilter { run: Some(run.id), change: Some(change), limit: 1, ..EntryFilter::default() };
    let entry = console.store.entries(&filter).await?.into_iter().next().ok_or_else(missing)?;
    let people = people(&console, &deployed.integration).await;
    page(&ItemPage {
        frame: Frame::of(&format!("{} in {}", entry.code, run.id), Section::Runs, &who, &session).await,
        base: format!("/integrations/{}", segment(&name)),
        run: run.id,
        run_href: run_path(&name, run.id),
        before: people.labels(&entry.before),
        after: people.labels(&entry.after),
        state: words::entry_state(entry.state),
        carried: carried_of(&entry),
        intended: moment(entry.intended_at, now),
        settled: entry.settled_at.map(|at| moment(at, now)),
        plan_href: format!("{}{}", super::plans::plan_path(&name, entry.plan), query(&[("after", &(entry.change - 1).to_string())])),
        because: words::because(&entry.why),
        undoes: entry.why.undoes.map(|run| (run_path(&name, run), run)),
        why_href: (entry.kind == deployed.integration.policy.target.kind).then(|| {
            format!(
                "/why{}",
                query(&[("integration", &name), ("key", if entry.code.is_empty() { entry.target.as_str() } else { &entry.code })])
            )
        }),
        exchanges: console
            .store
            .exchanges(run.id, entry.change)
            .await?
            .into_iter()
            .map(|exchange| Exchange {
                status: exchange.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string()),
                request: format!("{} {}\n\n{}", exchange.method, exchange.url, exchange.request),
                operation: exchange.operation,
                response: exchange.response,
            })
            .collect(),
        entry,
        deployed,
        name,
    })
}
