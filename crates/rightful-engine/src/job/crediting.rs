//! Carries a run of activities out: reads the source, plans, saves the links it stands on, applies; or releases what waited without reading.

use rightful_core::Result;

use super::Integration;
use super::activity::{activity, plan_activity, save_found_links};
use super::context::Job;
use super::run::{Ended, SOURCE, is_doubted, read, write_named};
use super::team::plan_team;
use crate::{AUTOMATIC, EntryFilter, EntryId, EntryState, PeopleMode, PlanId, PlanState, RunOutcome, Steps, Store, step, workflow_switch};

/// The integration as it is switched: workflows on and off, and accounts that are made by themselves.
///
/// # Errors
/// As the store.
pub async fn effective(store: &dyn Store, integration: &Integration) -> Result<Integration> {
    let mut effective = integration.clone();
    if let Some(activity) = &mut effective.policy.activity {
        for switch in store.switches(&integration.name).await? {
            if switch.name == AUTOMATIC && !switch.on && activity.people == PeopleMode::Automatic {
                activity.people = PeopleMode::OnDemand;
            }
            for workflow in activity.workflows.iter_mut().filter(|workflow| workflow_switch(&workflow.name) == switch.name) {
                workflow.active = switch.on;
            }
        }
    }
    Ok(effective)
}

/// Reads the source's people and every kind that a workflow looks at. Is all of it known?
pub(super) async fn read_activity(job: &Job, steps: &dyn Steps, ended: &mut Ended) -> Result<Known> {
    let Some(activity) = &job.layout.activity else { return Ok(Known { complete: false, blind: true }) };
    let doubted = {
        let job = job.clone();
        step(steps, "doubts", move || async move { is_doubted(&job).await }).await?
    };
    let mut known = Known { complete: true, blind: false };
    let mut reads = vec![("read-source-people".to_owned(), &job.layout.source)];
    reads.extend(activity.objects.iter().map(|object| (format!("read-source-{}", object.image.kind), &object.image)));
    for (name, image) in reads {
        let done = read(job, steps, &name, SOURCE, image, doubted).await?;
        ended.counts.source_rows += done.rows;
        known.complete &= done.complete;
        known.blind |= done.never_complete;
        ended.notes.extend(done.notes);
    }
    if !known.complete {
        ended.is_partial();
    }
    Ok(known)
}

/// How much is known of a source.
pub(super) struct Known {
    /// Nothing is missing.
    complete: bool,
    /// There never was a complete read of something.
    blind: bool,
}

/// Reads the source, plans what is to be credited, and applies it where asked to.
pub(super) async fn full_activity(job: &Job, steps: &dyn Steps, only: Option<String>, apply: bool, ended: &mut Ended) -> Result<()> {
    let known = read_activity(job, steps, ended).await?;
    if known.blind {
        ended.is_partial();
        ended.notes.push("nothing was planned: there is no complete read of the source to stand on; run again".to_owned());
        return Ok(());
    }
    credit_known(job, steps, known.complete, only, apply, ended).await
}

/// Plans from what is stored, and applies it where asked to.
async fn credit_known(job: &Job, steps: &dyn Steps, complete: bool, only: Option<String>, apply: bool, ended: &mut Ended) -> Result<()> {
    let planned = {
        let job = job.clone();
        step(steps, "plan-1", move || plan_activity(job, complete, only)).await?
    };
    job.adopt_plan(planned.plan);
    ended.notes.extend(planned.notes.clone());
    ended.counts.holds = planned.counts.holds;
    ended.counts.planned += planned.counts.changes();
    if !planned.refusals.is_empty() {
        ended.refusals = planned.refusals;
        ended.outcome = RunOutcome::Refused;
        return Ok(());
    }
    if !apply {
        return Ok(());
    }
    apply_credits(job, steps, planned.plan, ended).await
}

/// Applies a plan, once the links that it stands on are saved.
pub(super) async fn apply_credits(job: &Job, steps: &dyn Steps, plan: PlanId, ended: &mut Ended) -> Result<()> {
    {
        let job = job.clone();
        step(steps, "links", move || save_found_links(job, plan)).await?;
    }
    write_named(job, steps, plan, "apply", ended).await
}

/// Plans and applies from what is known already, without reading; first puts a person on a team, where one is named.
pub(super) async fn release(job: &Job, steps: &dyn Steps, team: Option<(&String, &String)>, ended: &mut Ended) -> Result<()> {
    activity(job)?;
    if let Some((person, team)) = team {
        let planned = {
            let (job, person, team) = (job.clone(), person.clone(), team.clone());
            step(steps, "plan-team", move || plan_team(job, person, team)).await?
        };
        job.adopt_plan(planned.plan);
        ended.counts.planned += planned.counts.changes();
        write_named(job, steps, planned.plan, "apply-team", ended).await?;
        if ended.stopped {
            return Ok(());
        }
        {
            let job = job.clone();
            step(steps, "end-team", move || async move {
                job.store().set_plan_state(&job.fence, planned.plan, PlanState::Applied, None, Some(job.run)).await
            })
            .await?;
        }
        // What was refused stays a case: planning again would look for it in vain and close it.
        let refused = {
            let job = job.clone();
            step(steps, "refused-team", move || async move { refusals_of(&job).await }).await?
        };
        if !refused.is_empty() {
            ended.notes.extend(refused.iter().map(|why| format!("the team was not taken: {why}")));
            ended.is_partial();
            return Ok(());
        }
    }
    let known = {
        let job = job.clone();
        step(steps, "known", move || async move { is_known(&job).await }).await?
    };
    if !known {
        ended.notes.push("nothing was released: the source was never read wholly; run the integration first".to_owned());
        ended.is_partial();
        return Ok(());
    }
    credit_known(job, steps, true, None, true, ended).await
}

/// What the vendor said to those writes of this run that it refused.
async fn refusals_of(job: &Job) -> Result<Vec<String>> {
    let filter =
        EntryFilter { run: Some(job.run), states: vec![EntryState::NotDone], after: Some(EntryId(0)), limit: 10, ..EntryFilter::default() };
    let entries = job.store().entries(&filter).await?;
    Ok(entries.into_iter().map(|entry| entry.note.unwrap_or_else(|| entry.name.clone())).collect())
}

/// Was everything of the source read wholly once?
async fn is_known(job: &Job) -> Result<bool> {
    let objects = job.layout.activity.iter().flat_map(|activity| &activity.objects).map(|object| &object.image);
    for spec in objects.chain(std::iter::once(&job.layout.source)) {
        if job.store().image(spec).await?.complete_at.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
