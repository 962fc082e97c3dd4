//! One run from its lease to its recorded end, taken up where it stood when it was cut off.

use std::sync::Arc;

use rightful_core::{Connector, Error, ErrorKind, Kind, Result};
use tracing::Instrument as _;

use super::apply::{apply_slice, told};
use super::context::Job;
use super::crediting::{apply_credits, effective, full_activity, read_activity, release};
use super::journal::Journaled;
use super::lease::{LEASE, Releases, Renewal, give_back};
use super::plan::{Planned, Sources, make_plan, people_index, standing};
use super::read::{ReadDone, read_image};
use super::settle::settle_leftovers;
use super::undo::{begin_undo, plan_undo};
use super::{CutOff, Event, Integration, JobError, Layout, Ports, RunOptions, RunReport, counted};
use crate::{
    Authorship, Digest, EntryState, Fence, ImageSpec, Leased, Linked, PlanId, PlanState, Refusal, Run, RunCounts, RunId, RunOutcome,
    RunTask, Steps, is_blocked, step,
};

/// The version of the job's body. A run goes on only under the body it began with: the names and results of its steps belong together.
pub const BODY_VERSION: u32 = 1;

/// How often a plan is made again because the code table moved under it.
const PLANS: u32 = 3;

/// Runs a task of an integration under its lease. A run that was cut off is taken up first; where it is what the task asks for, its report is the answer.
///
/// # Errors
/// [`JobError::Busy`] where another living process holds the lease; [`JobError::Failed`] where the run could not begin (paused, a policy that the
/// connections do not fit, the store) or lost its lease; [`JobError::CutOff`] where it had to end. Any other run that began ends in a report.
pub async fn run_job(ports: &Ports, integration: &Integration, task: RunTask, options: RunOptions) -> Result<RunReport, JobError> {
    let integration = &effective(&*ports.store, integration).await?;
    let layout = Arc::new(Layout::of(ports, &integration.policy)?);
    let now = ports.clock.now();
    let fence = match ports.store.lease(&integration.name, &ports.holder, now, now + LEASE).await? {
        Leased::Held(fence) => fence,
        Leased::Busy(holder, until) => return Err(JobError::Busy { holder, until }),
    };
    let renewal = Renewal::begin(ports, &fence);
    let cut = CutOff::said(options.cut.clone());
    let releases = Releases::default();
    let result = tokio::select! {
        ended = under_lease(ports, Arc::new(integration.clone()), layout, &task, options, &fence, &releases) => ended.map_err(JobError::from),
        () = cut => Err(JobError::CutOff),
    };
    drop(renewal);
    releases.done().await;
    give_back(&ports.store, &fence).await;
    result
}

async fn under_lease(
    ports: &Ports,
    integration: Arc<Integration>,
    layout: Arc<Layout>,
    task: &RunTask,
    options: RunOptions,
    fence: &Fence,
    releases: &Releases,
) -> Result<RunReport> {
    let store = &*ports.store;
    let job = |run| {
        let mut job = Job::new(ports.clone(), integration.clone(), layout.clone(), options.clone(), fence.clone(), run);
        job.releases = releases.clone();
        job
    };
    let undo = matches!(task, RunTask::Undo { .. });
    let unfinished = store.unfinished_run(&integration.name).await?;
    let paused = store.integration(&integration.name).await?.paused;
    if let Some(by) = paused
        && !undo
        && !(matches!(task, RunTask::Plan { .. }) && unfinished.is_none())
    {
        return Err(Error::new(
            ErrorKind::Config,
            format!("integration `{}` is paused since {} by {}: {}", integration.name, by.at, by.author, by.reason),
        )
        .hint(format!("resume it: rightful resume {}", integration.name)));
    }
    let mut notes = Vec::new();
    if let Some(run) = unfinished {
        if let Some(why) = not_continued(&run, task) {
            notes.push(abandon(&job(run.id), why).await?);
        } else {
            let answers = run.task == *task || (*task == RunTask::Full && !matches!(run.task, RunTask::Plan { .. }));
            store.resume_run(fence, run.id).await?;
            let mut job = job(run.id);
            job.resumed = true;
            let report = execute(&job, &run.task).await?;
            if answers {
                return Ok(report);
            }
            notes.push(format!("{} had been cut off; it was taken up and ended {}", report.run, report.outcome.as_str()));
        }
    }
    let run = store.begin_run(fence, task, BODY_VERSION, options.author.as_deref(), ports.clock.now()).await?;
    let job = job(run);
    job.failpoint("after-begin-run");
    let mut report = execute(&job, task).await?;
    report.notes.splice(0..0, notes);
    Ok(report)
}

/// Why a run that was cut off is not taken up, if so.
fn not_continued(run: &Run, task: &RunTask) -> Option<String> {
    if run.body_version != BODY_VERSION {
        return Some(format!(
            "{} was begun by another version of the program (body {}, this is {BODY_VERSION}) and cannot be continued; what it wrote is in the ledger",
            run.id, run.body_version
        ));
    }
    (matches!(task, RunTask::Undo { .. }) && run.task != *task)
        .then(|| format!("{} had been cut off; it is not continued, because an undo was asked for", run.id))
}

/// Ends a run that is not taken up: its open intents are settled by looking, nothing is sent.
async fn abandon(job: &Job, why: String) -> Result<String> {
    settle_leftovers(job).await?;
    let mut ended = Ended { plan: plan_of(job).await?, outcome: RunOutcome::Partial, notes: vec![why.clone()], ..Ended::new() };
    end(job, &mut ended).await?;
    job.note(why.clone());
    Ok(why)
}

/// The newest plan that the run was applying, where its journal is not consulted.
async fn plan_of(job: &Job) -> Result<Option<PlanId>> {
    let plans = job.store().plans(job.name(), 32).await?;
    Ok(plans.into_iter().find(|plan| plan.run == Some(job.run)).map(|plan| plan.id))
}

/// How a body ended, before its counts.
pub(super) struct Ended {
    pub outcome: RunOutcome,
    pub plan: Option<PlanId>,
    pub counts: RunCounts,
    pub refusals: Vec<Refusal>,
    pub stale_plan: bool,
    /// Writing was stopped for good, not by one record.
    pub stopped: bool,
    pub notes: Vec<String>,
}

impl Ended {
    fn new() -> Self {
        Self {
            outcome: RunOutcome::Done,
            plan: None,
            counts: RunCounts::default(),
            refusals: Vec::new(),
            stale_plan: false,
            stopped: false,
            notes: Vec::new(),
        }
    }

    /// Something was left unread or unwritten: never `done`.
    pub fn is_partial(&mut self) {
        if matches!(self.outcome, RunOutcome::Done | RunOutcome::DoneWithHolds) {
            self.outcome = RunOutcome::Partial;
        }
    }
}

/// Carries a run out. Every line that is logged on the way carries its integration and its number.
async fn execute(job: &Job, task: &RunTask) -> Result<RunReport> {
    // At the level of errors: the fields must be there however little is logged.
    let span = tracing::error_span!("run", integration = job.name(), run = %job.run);
    executed(job, task).instrument(span).await
}

async fn executed(job: &Job, task: &RunTask) -> Result<RunReport> {
    tracing::info!(resumed = job.resumed, ?task, "run begins");
    job.ports.progress.report(Event::Started { run: job.run, resumed: job.resumed });
    let steps = Journaled::new(job.ports.store.clone(), job.ports.clock.clone(), job.fence.clone(), job.run);
    let mut ended = Ended::new();
    if let Err(error) = body(job, &steps, task, &mut ended).await {
        // A run has not failed because the store could not remember it for a while: it is left open, to be taken up where it stood.
        if is_blocked(&error) {
            return Err(error);
        }
        ended.outcome = RunOutcome::Failed;
        ended.notes.push(told(&error));
    }
    ended.plan = job.plan().or(ended.plan);
    end(job, &mut ended).await?;
    tracing::info!(outcome = ended.outcome.as_str(), planned = ended.counts.planned, done = ended.counts.done, "run ended");
    let Ended { outcome, plan, counts, refusals, stale_plan, notes, .. } = ended;
    Ok(RunReport { run: job.run, outcome, plan, counts, refusals, stale_plan, notes, stages: steps.stages() })
}

/// Counts what the run did and writes its end.
async fn end(job: &Job, ended: &mut Ended) -> Result<()> {
    let store = job.store();
    for (state, count) in store.entry_counts(job.run).await? {
        let counter = match state {
            EntryState::Done => &mut ended.counts.done,
            EntryState::Unchanged => &mut ended.counts.unchanged,
            EntryState::NotDone => &mut ended.counts.not_done,
            EntryState::Stale => &mut ended.counts.stale,
            EntryState::Disputed | EntryState::Intended | EntryState::Unknown => &mut ended.counts.disputed,
        };
        *counter += count;
    }
    let counts = &ended.counts;
    if counts.not_done + counts.stale + counts.disputed > 0 {
        ended.is_partial();
    }
    if ended.stopped {
        ended.outcome = RunOutcome::Failed;
    }
    if ended.outcome == RunOutcome::Failed && ended.counts.done > 0 {
        ended.outcome = RunOutcome::Partial;
    }
    if ended.outcome == RunOutcome::Done && ended.counts.holds > 0 {
        ended.outcome = RunOutcome::DoneWithHolds;
    }
    ended.counts.cases = store.case_counts(Some(job.name())).await?.into_iter().map(|(_, count)| count).sum();
    if let Some(plan) = ended.plan
        && store.plan(plan).await?.is_some_and(|plan| plan.state == PlanState::Applying)
    {
        store.set_plan_state(&job.fence, plan, PlanState::Applied, None, Some(job.run)).await?;
    }
    job.failpoint("before-end-run");
    store.end_run(&job.fence, job.run, &job.layout.target.kind, ended.outcome, ended.plan, &ended.counts, &ended.notes, job.now()).await
}

async fn body(job: &Job, steps: &dyn Steps, task: &RunTask, ended: &mut Ended) -> Result<()> {
    let settled = {
        let job = job.clone();
        step(steps, "leftovers", move || async move { settle_leftovers(&job).await }).await?
    };
    if settled > 0 {
        ended.notes.push(format!("{} that an earlier run left open: settled by reading back", counted(settled, "write")));
    }
    match task {
        RunTask::Full if job.layout.activity.is_some() => full_activity(job, steps, None, true, ended).await,
        RunTask::Plan { only } if job.layout.activity.is_some() => full_activity(job, steps, only.clone(), false, ended).await,
        RunTask::Full => full(job, steps, None, true, ended).await,
        RunTask::Plan { only } => full(job, steps, only.clone(), false, ended).await,
        RunTask::Apply { plan } => saved(job, steps, *plan, ended).await,
        RunTask::Release => release(job, steps, None, ended).await,
        RunTask::Team { person, team } => release(job, steps, Some((person, team)), ended).await,
        RunTask::Undo { run } => undo(job, steps, *run, ended).await,
    }
}

/// Reads both sides, plans, and applies where asked to.
async fn full(job: &Job, steps: &dyn Steps, only: Option<String>, apply: bool, ended: &mut Ended) -> Result<()> {
    let doubted = {
        let job = job.clone();
        step(steps, "doubts", move || async move { is_doubted(&job).await }).await?
    };
    let source_side = async {
        let source = read(job, steps, "read-source", SOURCE, &job.layout.source, doubted).await?;
        Ok::<_, Error>((source, source_people(job, steps).await))
    };
    let target_side = async {
        let target = read(job, steps, "read-target", TARGET, &job.layout.target, false).await?;
        let people = read(job, steps, "read-people", TARGET, &job.layout.people, false).await?;
        Ok::<_, Error>((target, people))
    };
    let ((source, source_people), (target, people)) = futures::future::try_join(source_side, target_side).await?;
    ended.counts.source_rows = source.rows;
    ended.counts.target_rows = target.rows + people.rows;
    let mut complete = true;
    let mut blind = false;
    let mut judge = |done: &ReadDone| {
        complete &= done.complete;
        blind |= done.never_complete;
    };
    for done in [&source, &target, &people] {
        judge(done);
        ended.notes.extend(done.notes.iter().cloned());
    }
    for (kind, read) in source_people {
        // Where owners lead on through links, nothing can be said without the people they are.
        let needed =
            job.integration.policy.owner_role().is_some() && job.layout.code_names.as_ref().is_some_and(|(named, _)| named == kind);
        match read {
            Ok(done) => {
                ended.counts.source_rows += done.rows;
                if needed {
                    judge(&done);
                }
                if !done.complete {
                    ended.is_partial();
                }
                ended.notes.extend(done.notes);
            }
            Err(error) if needed || is_blocked(&error) => return Err(error),
            Err(error) => {
                ended.is_partial();
                ended.notes.push(format!("source {kind} records could not be read: {}", told(&error)));
            }
        }
    }
    if !complete {
        ended.is_partial();
    }
    if blind {
        ended.is_partial();
        ended.notes.push("nothing was planned: there is no complete read of both sides to stand on; run again".to_owned());
        return Ok(());
    }
    follows(job, steps, ended).await?;

    let mut planned: Planned;
    let mut attempt = 1;
    loop {
        let sources = Sources { source: source.image, target: target.image, complete, only: only.clone() };
        planned = {
            let job = job.clone();
            step(steps, &format!("plan-{attempt}"), move || make_plan(job, sources)).await?
        };
        job.adopt_plan(planned.plan);
        let moved = {
            let (job, version, leads) = (job.clone(), planned.table_version, planned.leads);
            let applied = apply && planned.refusals.is_empty();
            let moved = move || async move {
                Ok(match leads {
                    Some(leads) => applied && !save_links(&job, leads).await?,
                    None => job.store().code_table(job.name()).await?.version != version,
                })
            };
            step(steps, &format!("table-{attempt}"), moved).await?
        };
        if !moved || !apply || attempt == PLANS {
            ended.stale_plan = moved && apply;
            break;
        }
        attempt += 1;
    }
    ended.notes.extend(planned.notes.clone());
    ended.counts.holds = planned.counts.holds;
    ended.counts.planned = planned.counts.owner_moves + planned.counts.removals + planned.counts.follows;
    if !planned.refusals.is_empty() {
        ended.refusals = planned.refusals;
        ended.outcome = RunOutcome::Refused;
        return Ok(());
    }
    if ended.stale_plan {
        ended.outcome = RunOutcome::Refused;
        let what = if planned.leads.is_some() { "links were made or taken away" } else { "the code table was saved again" };
        ended.notes.push(format!("{what} each time a plan was made; run again when it rests"));
        return Ok(());
    }
    if apply { write(job, steps, planned.plan, ended).await } else { Ok(()) }
}

/// Saves the links that an e-mail address brought, before anything is written. `false`: who leads to whom moved since the plan.
async fn save_links(job: &Job, planned: Digest) -> Result<bool> {
    let people = people_index(job).await?;
    let standing = standing(job, &people).await?;
    if standing.leads() != planned {
        return Ok(false);
    }
    if standing.links.is_empty() {
        return Ok(true);
    }
    let made = job.store().put_links(&job.fence, &standing.links).await?;
    Ok(made.iter().all(|made| matches!(made, Linked::Made | Linked::Stood)))
}

/// Was the last plan refused because the source seemed to have lost its records? Then only a full read can show that they are back.
pub(super) async fn is_doubted(job: &Job) -> Result<bool> {
    let last = job.store().plans(job.name(), 1).await?;
    Ok(last.first().is_some_and(|plan| plan.refusals.iter().any(|refusal| !refusal.may_pass)))
}

/// The two sides, by name.
pub(super) struct SideOf(&'static str, fn(&Ports) -> Arc<dyn Connector>);

pub(super) const SOURCE: SideOf = SideOf("source", |ports| ports.source.clone());
const TARGET: SideOf = SideOf("target", |ports| ports.target.clone());

pub(super) async fn read(job: &Job, steps: &dyn Steps, name: &str, side: SideOf, spec: &ImageSpec, full: bool) -> Result<ReadDone> {
    let (job, spec) = (job.clone(), spec.clone());
    let connector = side.1(&job.ports);
    step(steps, name, move || read_image(job, side.0, connector, spec, full)).await
}

/// Reads who stands behind the codes. What cannot be read here spoils no assignment, and is said.
async fn source_people<'a>(job: &'a Job, steps: &dyn Steps) -> Vec<(&'a Kind, Result<ReadDone>)> {
    let mut reads = Vec::new();
    for spec in &job.layout.source_people {
        let name = format!("read-source-people-{}", spec.kind);
        reads.push((&spec.kind, read(job, steps, &name, SOURCE, spec, false).await));
    }
    reads
}

/// Reads the kinds that follow a successor, where any code hands over to one.
async fn follows(job: &Job, steps: &dyn Steps, ended: &mut Ended) -> Result<()> {
    // Only a code table names successors.
    if job.layout.follows.is_empty() || job.integration.policy.owner_role().is_some() {
        return Ok(());
    }
    let needed = {
        let job = job.clone();
        step(steps, "successions", move || async move {
            let people = people_index(&job).await?;
            Ok(standing(&job, &people).await?.resolved.has_successions())
        })
        .await?
    };
    if needed {
        let kinds: Vec<Kind> = job.layout.follows.iter().map(|follow| follow.image.kind.clone()).collect();
        read_kinds(job, steps, &kinds, ended).await?;
    }
    Ok(())
}

/// Reads target kinds that will be written.
async fn read_kinds(job: &Job, steps: &dyn Steps, kinds: &[Kind], ended: &mut Ended) -> Result<()> {
    for kind in kinds {
        let (spec, _) = job.target_image(kind)?;
        let done = read(job, steps, &format!("read-target-{kind}"), TARGET, spec, false).await?;
        ended.counts.target_rows += done.rows;
        if !done.complete {
            ended.is_partial();
        }
        ended.notes.extend(done.notes);
    }
    Ok(())
}

/// Applies a saved plan after a fresh read of both sides, so that what moved since is noticed.
async fn saved(job: &Job, steps: &dyn Steps, plan: PlanId, ended: &mut Ended) -> Result<()> {
    ended.plan = Some(plan);
    let check = {
        let job = job.clone();
        step(steps, "check-plan", move || async move { check_plan(&job, plan).await }).await?
    };
    if let Some(problem) = check.stale {
        ended.stale_plan = true;
        ended.outcome = RunOutcome::Refused;
        ended.notes.push(problem);
        return Ok(());
    }
    if !check.refusals.is_empty() {
        ended.refusals = check.refusals;
        ended.outcome = RunOutcome::Refused;
        return Ok(());
    }
    job.adopt_plan(plan);
    if job.layout.activity.is_some() {
        read_activity(job, steps, ended).await?;
        ended.counts.planned = check.changes;
        return apply_credits(job, steps, plan, ended).await;
    }
    let source = read(job, steps, "read-source", SOURCE, &job.layout.source, false).await?;
    ended.counts.source_rows = source.rows;
    ended.notes.extend(source.notes);
    if !source.complete {
        ended.is_partial();
    }
    let mut kinds = vec![job.layout.target.kind.clone()];
    if check.follows {
        kinds.extend(job.layout.follows.iter().map(|follow| follow.image.kind.clone()));
    }
    read_kinds(job, steps, &kinds, ended).await?;
    ended.counts.planned = check.changes;
    if let Some(leads) = check.leads {
        let saved = {
            let job = job.clone();
            step(steps, "links", move || async move { save_links(&job, leads).await }).await?
        };
        if !saved {
            ended.stale_plan = true;
            ended.outcome = RunOutcome::Refused;
            ended.notes.push(format!("who is linked to whom changed since {plan} was made; make a new plan: rightful plan {}", job.name()));
            return Ok(());
        }
    }
    write(job, steps, plan, ended).await
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Checked {
    stale: Option<String>,
    refusals: Vec<Refusal>,
    follows: bool,
    changes: u64,
    leads: Option<Digest>,
}

/// May this saved plan be applied, and does it still stand on the policy and the table it was made from?
async fn check_plan(job: &Job, number: PlanId) -> Result<Checked> {
    let store = job.store();
    let again = || format!("make a new plan: rightful plan {}", job.name());
    let plan = store
        .plan(number)
        .await?
        .filter(|plan| plan.integration == job.name())
        .ok_or_else(|| Error::new(ErrorKind::Config, format!("integration `{}` has no {number}", job.name())).hint(again()))?;
    let changes = plan.counts.changes();
    let mut checked = Checked { stale: None, refusals: Vec::new(), follows: plan.counts.follows > 0, changes, leads: plan.counts.leads };
    match plan.state {
        PlanState::Drafting => {
            return Err(Error::new(ErrorKind::Config, format!("{number} was never finished")).hint(again()));
        }
        PlanState::Applied => {
            let by = plan.run.map_or_else(String::new, |run| format!(" by {run}"));
            return Err(Error::new(ErrorKind::Config, format!("{number} was applied already{by}")).hint(again()));
        }
        PlanState::Dropped => {
            checked.stale = Some(format!("{number} was dropped: a newer plan replaced it, or what it stood on moved; {}", again()));
            return Ok(checked);
        }
        PlanState::Ready | PlanState::Refused | PlanState::LetThrough | PlanState::Applying => {}
    }
    let moved = if plan.policy != job.policy_digest() {
        Some("the integration's settings changed since it was made")
    } else if store.code_table(job.name()).await?.version != plan.table_version {
        Some("the code table was saved since it was made")
    } else if let Some(leads) = plan.counts.leads
        && standing(job, &people_index(job).await?).await?.leads() != leads
    {
        Some("who is linked to whom changed since it was made")
    } else {
        None
    };
    if let Some(moved) = moved {
        store.set_plan_state(&job.fence, number, PlanState::Dropped, None, None).await?;
        checked.stale = Some(format!("{number} is stale: {moved}; {}", again()));
        return Ok(checked);
    }
    if plan.state == PlanState::Refused {
        match &job.options.over_cap {
            Some(passed) if plan.refusals.iter().all(|refusal| refusal.may_pass) => {
                let by = Authorship { author: passed.0.clone(), reason: passed.1.clone(), at: job.now() };
                store.set_plan_state(&job.fence, number, PlanState::LetThrough, Some(by), None).await?;
            }
            _ => checked.refusals = plan.refusals,
        }
    }
    Ok(checked)
}

/// Undoes a run.
async fn undo(job: &Job, steps: &dyn Steps, undone: RunId, ended: &mut Ended) -> Result<()> {
    let kinds: Vec<Kind> = {
        let job = job.clone();
        step(steps, "begin-undo", move || begin_undo(job, undone)).await?
    };
    read_kinds(job, steps, &kinds, ended).await?;
    let planned = {
        let job = job.clone();
        step(steps, "plan-undo", move || plan_undo(job, undone)).await?
    };
    job.adopt_plan(planned.plan);
    ended.counts.planned = planned.counts.changes();
    if planned.without_inverse > 0 {
        ended.is_partial();
        ended.notes.push(format!("{} without inverse: a case each says what to do by hand", counted(planned.without_inverse, "write")));
    }
    if planned.blocked > 0 {
        ended.is_partial();
        ended.notes.push(format!("{} changed since {undone}: left as found, and a case each", counted(planned.blocked, "record")));
    }
    if planned.nothing > 0 {
        ended.notes.push(format!("{} already as before {undone}", counted(planned.nothing, "record")));
    }
    ended.notes.push(format!("the integration is paused; resume it when its next run may decide again: rightful resume {}", job.name()));
    write(job, steps, planned.plan, ended).await
}

/// Applies a plan slice by slice.
async fn write(job: &Job, steps: &dyn Steps, plan: PlanId, ended: &mut Ended) -> Result<()> {
    write_named(job, steps, plan, "apply", ended).await
}

/// The same under steps of this name: a run may apply more than one plan.
pub(super) async fn write_named(job: &Job, steps: &dyn Steps, plan: PlanId, name: &str, ended: &mut Ended) -> Result<()> {
    {
        let job = job.clone();
        step(steps, &format!("begin-{name}"), move || async move {
            job.store().set_plan_state(&job.fence, plan, PlanState::Applying, None, Some(job.run)).await?;
            job.failpoint("after-begin-apply");
            Ok(())
        })
        .await?;
    }
    let mut after = 0;
    loop {
        let sliced = {
            let job = job.clone();
            step(steps, &format!("{name}-{after}"), move || apply_slice(job, plan, after)).await?
        };
        after = sliced.last;
        if let Some(why) = sliced.stopped {
            ended.stopped = true;
            ended.notes.push(format!("writing stopped: {why}"));
            if ended.counts.planned > u64::try_from(after).unwrap_or(0) {
                let left = ended.counts.planned - u64::try_from(after).unwrap_or(0);
                ended.notes.push(format!("{} not begun; the next run plans again", counted(left, "change")));
            }
            return Ok(());
        }
        job.ports.progress.report(Event::Applied { settled: u64::try_from(after).unwrap_or(0), total: ended.counts.planned });
        if sliced.end {
            return Ok(());
        }
    }
}
