//! Settles intents whose fate nobody knows, as their kind declares: read back, repeat, or ask a person.

use std::collections::{HashMap, HashSet};

use rightful_core::{Cursor, Error, ErrorKind, Kind, Owner, Record, RecordId, Result, Scan, Settle, overheard};

use super::context::Job;
use super::plan::people_index;
use crate::{
    Carried, Change, Consequence, Digest, Entry, EntryFilter, EntryState, KnownPerson, Means, NewCase, Settled, closed_gate, doubts,
    picked_gates, same_set,
};

/// Pages of a read-back beyond which its connector is broken.
const PAGES: usize = 10_000;

/// What became of pending intents.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    /// Certainly not applied, or repeatable: may be sent again under the same key.
    pub again: Vec<Entry>,
}

/// Entries of this integration that still have no fate, oldest first.
pub(crate) async fn pending(job: &Job, of_this_run: bool) -> Result<Vec<Entry>> {
    let mut filter = EntryFilter {
        run: of_this_run.then_some(job.run),
        integration: Some(job.name().to_owned()),
        states: vec![EntryState::Intended, EntryState::Unknown],
        limit: 1_000,
        ..EntryFilter::default()
    };
    let mut found = Vec::new();
    loop {
        let entries = job.store().entries(&filter).await?;
        let seen = entries.len();
        filter.after = entries.last().map(|entry| entry.id);
        found.extend(entries);
        if seen < filter.limit {
            return Ok(found);
        }
    }
}

/// Settles what earlier runs left open, by looking only: nothing is sent again, since the plan that follows decides anew.
pub(crate) async fn settle_leftovers(job: &Job) -> Result<u64> {
    let leftovers = pending(job, false).await?;
    let count = leftovers.len() as u64;
    // What cannot be looked at: kinds and connections the policy left behind, and kinds that are settled by sending again.
    let (seen, unseen): (Vec<Entry>, Vec<Entry>) = leftovers.into_iter().partition(|entry| {
        entry.connection == job.layout.target.connection
            && job.target_image(&entry.kind).is_ok()
            && job.target_kind(&entry.kind).is_ok_and(|spec| spec.settle == Settle::ReadBack)
    });
    let again = settle(job, seen, &HashMap::new()).await?.again;
    for entry in again {
        let kind = entry.kind.clone();
        let decided = remark(&entry, EntryState::NotDone, "it was not applied; the next plan decides anew");
        record(job, &kind, vec![decided], Vec::new()).await?;
    }
    for entry in unseen {
        // A record under an id of ours may be sent again at any time.
        if entry.carry.is_some() && entry.connection == job.layout.target.connection {
            let note = "its answer was lost with the run that sent it; the next plan sends it again under the same id";
            let doubted = Settled { consequences: doubts_of(job, &entry), ..remark(&entry, EntryState::Disputed, note) };
            record(job, &entry.kind, vec![doubted], Vec::new()).await?;
            continue;
        }
        let note = "its answer was lost with the run that sent it; the next plan decides anew".to_owned();
        dispute(job, &entry.kind.clone(), vec![(&entry, note)]).await?;
    }
    Ok(count)
}

/// Settles these entries as their kinds declare. `changes` are the plan's lines by number, where the run may still send them.
pub(crate) async fn settle(job: &Job, entries: Vec<Entry>, changes: &HashMap<i64, Change>) -> Result<Fates> {
    let mut fates = Fates::default();
    let mut kinds: Vec<(Kind, Vec<Entry>)> = Vec::new();
    for entry in entries {
        match kinds.iter_mut().find(|(kind, _)| *kind == entry.kind) {
            Some((_, entries)) => entries.push(entry),
            None => kinds.push((entry.kind.clone(), vec![entry])),
        }
    }
    for (kind, entries) in kinds {
        match job.target_kind(&kind)?.settle {
            Settle::Repeat => fates.again.extend(entries),
            Settle::Ask => {
                let note = "its answer was lost, and the vendor offers no way to find out";
                dispute(job, &kind, entries.iter().map(|entry| (entry, note.to_owned())).collect()).await?;
            }
            Settle::ReadBack => {
                let size = job.target_kind(&kind)?.batch.clamp(1, 500);
                for chunk in entries.chunks(size) {
                    look(job, &kind, chunk, changes, &mut fates).await?;
                }
            }
        }
    }
    Ok(fates)
}

/// Reads the records and compares: as intended is done, as before may be sent again, anything else is for a person.
async fn look(job: &Job, kind: &Kind, entries: &[Entry], changes: &HashMap<i64, Change>, fates: &mut Fates) -> Result<()> {
    let (_, role) = job.target_image(kind)?;
    let ids: Vec<RecordId> = entries.iter().map(|entry| entry.target.clone()).collect();
    let (found, heard) = overheard(read_by_id(job, kind, &ids)).await;
    let found = found?;
    let carried = job.carried(&entries.iter().collect::<Vec<_>>(), heard);
    let (mut settled, mut disputed, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        match found.get(&entry.target).map(|record| record.owner(role)) {
            None => settled.push(remark(entry, EntryState::NotDone, "the record is gone")),
            Some(Owner::Known(now)) if same(now, &entry.after) => {
                settled.push(Settled {
                    into_image: true,
                    ..remark(entry, EntryState::Done, "its answer was lost; a read-back found it applied")
                });
            }
            Some(Owner::Known(now)) if same(now, &entry.before) => before.push(entry),
            Some(_) => disputed.push((entry, "its answer was lost, and the record holds neither the old nor the new owners".to_owned())),
        }
    }
    // What we wrote goes into the image as ours before the rows are stored, or we would look like a stranger there (SK-17).
    let gone: Vec<&Entry> = entries.iter().filter(|entry| !found.contains_key(&entry.target)).collect();
    refuse(job, gone.iter().map(|entry| (*entry, "the record is gone".to_owned())).collect()).await?;
    record(job, kind, settled, carried).await?;
    dispute(job, kind, disputed).await?;
    let image = job.target_image_id(kind).await?;
    let missing = gone.iter().map(|entry| entry.target.clone()).collect();
    job.store().put_rows(&job.fence, image, found.into_values().collect(), missing, job.now()).await?;
    let stale = stale(job, kind, &before, changes).await?;
    let (moved, again): (Vec<&Entry>, Vec<&Entry>) = before.into_iter().partition(|entry| stale.contains(&entry.target));
    let moved = moved.iter().map(|entry| remark(entry, EntryState::Stale, "the record moved since the plan")).collect();
    record(job, kind, moved, Vec::new()).await?;
    fates.again.extend(again.into_iter().cloned());
    Ok(())
}

/// Which of these entries' records moved since their change was planned.
async fn stale(job: &Job, kind: &Kind, entries: &[&Entry], changes: &HashMap<i64, Change>) -> Result<HashSet<RecordId>> {
    let planned: Vec<&Change> = entries.iter().filter_map(|entry| changes.get(&entry.change)).collect();
    let moved = moved(job, kind, &planned).await?;
    Ok(planned.into_iter().filter(|change| moved.contains(&change.number)).map(|change| change.target.clone()).collect())
}

/// Numbers of the changes whose source or target row is no longer what it was when planned.
pub(crate) async fn moved(job: &Job, kind: &Kind, changes: &[&Change]) -> Result<HashSet<i64>> {
    if changes.is_empty() {
        return Ok(HashSet::new());
    }
    if job.layout.activity.is_some() {
        return moved_carried(job, changes).await;
    }
    let store = job.store();
    let targets: Vec<RecordId> = changes.iter().map(|change| change.target.clone()).collect();
    let sources: Vec<RecordId> = changes.iter().filter_map(|change| change.source.as_ref().map(|source| source.id.clone())).collect();
    let target_rows = store.rows(job.target_image_id(kind).await?, &targets).await?;
    let source_rows = if sources.is_empty() { Vec::new() } else { store.rows(job.image_id(&job.layout.source).await?, &sources).await? };
    let target: HashMap<&RecordId, _> = target_rows.iter().map(|row| (&row.record.id, row.digest)).collect();
    let source: HashMap<&RecordId, _> = source_rows.iter().map(|row| (&row.record.id, row.digest)).collect();
    Ok(changes
        .iter()
        .filter(|change| {
            target.get(&change.target) != Some(&change.target_digest)
                || change.source.as_ref().is_some_and(|planned| source.get(&planned.id) != Some(&planned.digest))
        })
        .map(|change| change.number)
        .collect())
}

/// Numbers of the changes whose source record, or what was sent of it, is no longer what it was when planned, whose link is gone, or for whose
/// person a gate closed.
async fn moved_carried(job: &Job, changes: &[&Change]) -> Result<HashSet<i64>> {
    let Some(activity) = &job.layout.activity else { return Ok(HashSet::new()) };
    let (store, policy) = (job.store(), &job.integration.policy);
    let mut rows: HashMap<(Kind, RecordId), Digest> = HashMap::new();
    for object in &activity.objects {
        let of_object = |change: &&&Change| change.carry.as_ref().is_some_and(|carry| carry.from == object.image.kind);
        let ids: Vec<RecordId> = changes.iter().filter(of_object).filter_map(|change| Some(change.source.as_ref()?.id.clone())).collect();
        if !ids.is_empty() {
            let found = store.rows(job.image_id(&object.image).await?, &ids).await?;
            rows.extend(found.into_iter().map(|row| ((object.image.kind.clone(), row.record.id), row.digest)));
        }
    }
    let targets: Vec<RecordId> = changes.iter().map(|change| change.target.clone()).collect();
    let credits = store.credits_by_target(&policy.target.connection, &targets).await?;
    let credits: HashMap<RecordId, Digest> = credits.into_iter().map(|credit| (credit.target.clone(), credit.digest())).collect();
    let people: Vec<RecordId> = changes.iter().filter_map(|change| change.carry.as_ref()?.person.clone()).collect();
    let links = store.links_of(&policy.source.connection, &policy.target.connection, &distinct(people)).await?;
    let links: HashMap<RecordId, String> = links.into_iter().map(|link| (link.person, link.owner)).collect();
    let gates = policy.activity.as_ref().map(|policy| picked_gates(policy, &activity.gates)).unwrap_or_default();
    let owners = changes.iter().flat_map(|change| &change.owners.to).map(RecordId::new).collect();
    let known = store.known_people_of(&policy.target.connection, &activity.people, &distinct(owners)).await?;
    let known: HashMap<&str, &KnownPerson> = known.iter().map(|known| (known.id.as_str(), known)).collect();
    let is_open = |owner: &String| closed_gate(&gates, known.get(owner.as_str()).copied()).is_none();
    let stands = |change: &Change| {
        let Some(carry) = &change.carry else { return true };
        if change.kind == activity.people {
            return carry.person.as_ref().is_none_or(|person| links.get(person).is_none_or(|owner| change.target == **owner));
        }
        let source = change.source.as_ref().is_none_or(|source| rows.get(&(carry.from.clone(), source.id.clone())) == Some(&source.digest));
        let sent = credits.get(&change.target).copied().unwrap_or(Digest(0)) == change.target_digest;
        let linked = carry.means != Means::Upsert
            || carry.person.as_ref().is_none_or(|person| links.get(person).is_some_and(|owner| change.owners.to == [owner.clone()]));
        let open = carry.means != Means::Upsert || change.owners.to.iter().all(is_open);
        source && sent && linked && open
    };
    Ok(changes.iter().filter(|change| !stands(change)).map(|change| change.number).collect())
}

fn distinct(mut ids: Vec<RecordId>) -> Vec<RecordId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Records by id, through the vendor's strongest read.
pub(crate) async fn read_by_id(job: &Job, kind: &Kind, ids: &[RecordId]) -> Result<HashMap<RecordId, Record>> {
    let (spec, _) = job.target_image(kind)?;
    let scan = Scan::ids(kind.clone(), ids.to_vec()).with_fields(spec.fields.clone());
    let wanted: HashSet<&RecordId> = ids.iter().collect();
    let mut found = HashMap::new();
    let mut open: Vec<Option<Cursor>> = vec![None];
    for _ in 0..PAGES {
        let Some(from) = open.pop() else { return Ok(found) };
        let page = job.target().read(&scan, from.as_ref()).await?;
        open.extend(page.next.into_iter().map(Some));
        let living = page.items.into_iter().filter(|record| wanted.contains(&record.id) && record.state != rightful_core::State::Gone);
        found.extend(living.map(|record| (record.id.clone(), record)));
    }
    Err(Error::new(ErrorKind::Protocol, format!("reading {} records by id did not end", ids.len())).hint("report this"))
}

/// Writes outcomes into the ledger, with the exchanges that told us.
pub(crate) async fn record(job: &Job, kind: &Kind, settled: Vec<Settled>, carried: Vec<Carried>) -> Result<()> {
    if settled.is_empty() && carried.is_empty() {
        return Ok(());
    }
    // An entry of a kind that the policy left behind is settled in the ledger alone.
    let kind = if job.target_image(kind).is_ok() { kind } else { &job.layout.target.kind };
    let image = job.target_image_id(kind).await?;
    job.failpoint("before-settle");
    job.store().settle(&job.fence, image, &settled, &carried, job.now()).await?;
    job.failpoint("after-settle");
    Ok(())
}

/// These cannot be settled: the ledger and the work list say so.
pub(crate) async fn dispute(job: &Job, kind: &Kind, entries: Vec<(&Entry, String)>) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let people = people_index(job).await?;
    let cases: Vec<NewCase> = entries
        .iter()
        .map(|(entry, note)| {
            let mend = format!("look at the {} in the target: it was to belong to {}", entry.kind, people.labels(&entry.after));
            case("disputed-write", entry, note, mend)
        })
        .collect();
    job.store().put_cases(&job.fence, &cases, job.now()).await?;
    let doubted =
        |(entry, note): &(&Entry, String)| Settled { consequences: doubts_of(job, entry), ..remark(entry, EntryState::Disputed, note) };
    record(job, kind, entries.iter().map(doubted).collect(), Vec::new()).await
}

/// What is to be believed of a record under an id of ours, where nobody knows what became of an entry.
pub(crate) fn doubts_of(job: &Job, entry: &Entry) -> Vec<Consequence> {
    job.layout.activity.as_ref().map_or_else(Vec::new, |activity| doubts(entry, &activity.people, job.now()))
}

/// Opens the cases of refused writes.
pub(crate) async fn refuse(job: &Job, entries: Vec<(&Entry, String)>) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mend = |entry: &Entry| format!("mend what the target objects to, then run again: rightful run {}", entry.integration);
    let cases: Vec<NewCase> = entries.iter().map(|(entry, note)| case("refused-write", entry, note, mend(entry))).collect();
    job.store().put_cases(&job.fence, &cases, job.now()).await
}

fn case(reason: &str, entry: &Entry, note: &str, mend: String) -> NewCase {
    NewCase {
        reason: reason.to_owned(),
        subject: format!("{} {}", entry.kind, if entry.code.is_empty() { entry.target.as_str() } else { &entry.code }),
        message: format!("{} ({}): {note}", entry.name, entry.code),
        mend,
    }
}

/// An outcome with a remark.
pub(crate) fn remark(entry: &Entry, state: EntryState, note: &str) -> Settled {
    Settled { entry: entry.id, state, note: Some(note.to_owned()), into_image: false, consequences: Vec::new() }
}

fn same(one: &[String], other: &[String]) -> bool {
    let mut sorted: Vec<&str> = one.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    same_set(&sorted, other)
}
