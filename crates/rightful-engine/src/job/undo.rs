//! Undoes a run: plans the inverse of its ledger over a fresh read, applies it, and pauses the integration.

use rightful_core::{Error, ErrorKind, Kind, Owner, Result, Verb};
use serde::{Deserialize, Serialize};

use super::context::Job;
use super::draft::Draft;
use super::plan::people_index;
use crate::{
    Authorship, Credit, Entry, EntryFilter, EntryState, Inverse, KnownPerson, Owed, PeopleIndex, Plan, PlanCounts, PlanId, Row, RunId,
    blocked_credit, inverse, inverse_carried, same_set, sorted, targets,
};

/// The plan of an undo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UndoPlanned {
    pub plan: PlanId,
    pub counts: PlanCounts,
    pub blocked: u64,
    pub nothing: u64,
    /// What the target cannot take back.
    #[serde(default)]
    pub without_inverse: u64,
}

/// Entries looked at once.
const CHUNK: usize = 500;

/// Checks that the run can be undone, and pauses the integration so that its next run does not do it all again.
pub(crate) async fn begin_undo(job: Job, undone: RunId) -> Result<Vec<Kind>> {
    let store = job.store();
    let run = store.run(undone).await?.filter(|run| run.integration == job.name()).ok_or_else(|| {
        Error::new(ErrorKind::Config, format!("integration `{}` has no {undone}", job.name())).hint("list them: rightful runs")
    })?;
    if run.ended.is_none() {
        return Err(Error::new(ErrorKind::Conflict, format!("{undone} has not ended")).hint("wait for it, then undo it"));
    }
    let by = Authorship {
        author: job.options.author.clone().unwrap_or_else(|| "rightful".to_owned()),
        reason: format!("{} undoes {undone}; resume when the code table or the source is mended", job.run),
        at: job.now(),
    };
    store.pause(job.name(), true, &by).await?;
    let mut kinds = Vec::new();
    let mut after = None;
    loop {
        let entries = written(&job, undone, after).await?;
        let Some(last) = entries.last() else { return Ok(kinds) };
        after = Some(last.id);
        for entry in entries {
            if entry.connection != job.layout.target.connection {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!(
                        "{undone} wrote to connection `{}`, and `{}` writes to `{}` now",
                        entry.connection,
                        job.name(),
                        job.layout.target.connection
                    ),
                )
                .hint("name the former target connection in the configuration again, then undo"));
            }
            // What is carried over goes to kinds that may have no reads: what was sent of them is what is known.
            if entry.carry.is_none() && !kinds.contains(&entry.kind) {
                kinds.push(entry.kind);
            }
        }
    }
}

async fn written(job: &Job, run: RunId, after: Option<crate::EntryId>) -> Result<Vec<Entry>> {
    let filter =
        EntryFilter { run: Some(run), states: vec![EntryState::Done, EntryState::Disputed], after, limit: CHUNK, ..EntryFilter::default() };
    job.store().entries(&filter).await
}

/// Plans the inverse. Not bound by caps: a person named the run, and a half undone run helps nobody.
pub(crate) async fn plan_undo(job: Job, undone: RunId) -> Result<UndoPlanned> {
    let store = job.store();
    let table_version = store.code_table(job.name()).await?.version;
    let plan = Plan { undoes: Some(undone), ..job.draft_plan(table_version) };
    let plan = store.begin_plan(&job.fence, &plan).await?;
    job.adopt_plan(plan);
    job.failpoint("after-begin-plan");
    let people = people_index(&job).await?;
    let mut draft = Draft::new(&job, plan);
    let (mut blocked, mut nothing, mut without_inverse, mut after) = (0, 0, 0, None);
    loop {
        let entries = written(&job, undone, after).await?;
        let Some(last) = entries.last() else { break };
        after = Some(last.id);
        let (carried, entries): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.carry.is_some());
        let mut inverses = carried_back(&job, &carried, &people).await?;
        let mut kinds: Vec<Kind> = entries.iter().map(|entry| entry.kind.clone()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let entries: Vec<Entry> = entries.iter().filter(|entry| entry.kind == kind).cloned().collect();
            let rows = store.rows(job.target_image_id(&kind).await?, &targets(&entries)).await?;
            for entry in &entries {
                let row: Option<&Row> = rows.iter().find(|row| row.record.id == entry.target);
                let mut found = inverse(entry, row, None, &people);
                if matches!(found, Inverse::Blocked(_)) {
                    found = inverse(entry, row, later(&job, entry, row).await?, &people);
                }
                inverses.push(found);
            }
        }
        for found in inverses {
            match found {
                Inverse::Nothing => nothing += 1,
                Inverse::Change(change) => draft.change(*change),
                Inverse::Blocked(case) => {
                    blocked += 1;
                    draft.case(case);
                }
                Inverse::None(case) => {
                    without_inverse += 1;
                    draft.case(case);
                }
            }
        }
        draft.flush().await?;
    }
    let counts = std::mem::take(&mut draft.counts);
    job.failpoint("before-end-plan");
    store.end_plan(&job.fence, plan, &counts, &[], false, job.now()).await?;
    job.failpoint("after-end-plan");
    Ok(UndoPlanned { plan, counts, blocked, nothing, without_inverse })
}

/// The inverses of entries of what we carry over, over what was sent since.
async fn carried_back(job: &Job, entries: &[Entry], people: &PeopleIndex) -> Result<Vec<Inverse>> {
    let (Some(layout), false) = (&job.layout.activity, entries.is_empty()) else { return Ok(Vec::new()) };
    let store = job.store();
    let removes = job.target_kind(&job.layout.target.kind)?.verbs.contains(&Verb::Remove);
    let credits = store.credits_by_target(&job.layout.target.connection, &targets(entries)).await?;
    let accounts = super::activity::accounts(job).await?;
    let mut inverses = Vec::new();
    for entry in entries {
        let now: Option<&Credit> = credits.iter().find(|credit| credit.target == entry.target);
        let mut found = inverse_carried(entry, now, &layout.people, removes, None, people);
        if matches!(found, Inverse::Blocked(_)) {
            found = inverse_carried(entry, now, &layout.people, removes, latest(job, entry).await?.map(|latest| latest.run), people);
        }
        // What the target would ignore is not sent.
        if let Inverse::Change(change) = &found
            && let Some(owner) = change.owners.to.first()
            && let Owed::Gated { until, .. } = accounts.owed(owner, None)
        {
            let whose = accounts.known(owner).map_or_else(|| owner.clone(), KnownPerson::name);
            found = blocked_credit(entry, &format!("it would go back to {whose}, who cannot be credited until {until}"), people);
        }
        inverses.push(found);
    }
    Ok(inverses)
}

/// The newest later entry that wrote the same record.
async fn latest(job: &Job, entry: &Entry) -> Result<Option<Entry>> {
    let filter = EntryFilter {
        target: Some((entry.connection.clone(), entry.kind.clone(), entry.target.clone())),
        states: vec![EntryState::Done],
        latest_first: true,
        limit: 1,
        ..EntryFilter::default()
    };
    let latest = job.store().entries(&filter).await?.into_iter().next();
    Ok(latest.filter(|latest| latest.id > entry.id))
}

/// The newest later run that wrote the same record, where what it wrote is what stands there now.
async fn later(job: &Job, entry: &Entry, now: Option<&Row>) -> Result<Option<RunId>> {
    let Some(Owner::Known(present)) = now.map(|row| row.record.owner(&entry.role)) else { return Ok(None) };
    let latest = latest(job, entry).await?;
    Ok(latest.filter(|latest| same_set(&sorted(&latest.after), present)).map(|latest| latest.run))
}
