//! Applies a plan slice by slice: intents in the ledger before each call, outcomes after it, unknown fates settled before anything else is written.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use rightful_core::{Error, ErrorKind, FieldChange, Kind, Outcome, Result, Settle, Target, Write, overheard};
use serde::{Deserialize, Serialize};

use super::context::Job;
use super::settle::{dispute, doubts_of, moved, pending, record, refuse, remark, settle};
use crate::{Change, Consequence, Digest, Entry, EntryId, EntryState, Means, PlanId, Settled, consequences};

/// How often one change is sent at most.
const ATTEMPTS: u32 = 3;

/// How far a slice came.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sliced {
    /// The last change of the slice; the next slice begins after it.
    pub last: i64,
    /// No change was left.
    pub end: bool,
    /// Why nothing more may be written, with its remedy.
    pub stopped: Option<String>,
}

/// A change on its way.
#[derive(Clone, Debug)]
struct Item {
    entry: Entry,
    change: Change,
    /// The answer to an earlier attempt was lost, and nothing told its fate.
    doubted: bool,
}

/// What one batch left undecided.
#[derive(Debug, Default)]
struct Rest {
    /// Certainly not applied, and worth another attempt.
    again: Vec<(Item, String)>,
    /// Nobody knows.
    unknown: Vec<Item>,
    /// The wait the vendor asked for.
    wait: Option<Duration>,
    /// Why nothing more may be written.
    stopped: Option<String>,
}

/// Applies the slice of the plan that begins after this change. Running it again after a crash goes on where it stood.
pub(crate) async fn apply_slice(job: Job, plan: PlanId, after: i64) -> Result<Sliced> {
    let store = job.store();
    let spec = job.target_kind(&job.layout.target.kind)?;
    let limit = (batch_size(&job, &job.layout.target.kind)? * spec.write_width.max(1)).min(1_000);
    let changes = store.changes(plan, after, limit).await?;
    let Some(last) = changes.last().map(|change| change.number) else {
        return Ok(Sliced { last: after, end: true, stopped: None });
    };
    // Records may stand on accounts: what is of another kind than the first waits for the next slice.
    let cut = changes.iter().position(|change| change.carry.is_some() && change.kind != changes[0].kind);
    let whole = changes.len() < limit && cut.is_none();
    let changes: Vec<Change> = changes.into_iter().take(cut.unwrap_or(usize::MAX)).collect();
    let last = changes.last().map_or(last, |change| change.number);
    let by_number: HashMap<i64, Change> = changes.iter().map(|change| (change.number, change.clone())).collect();

    // What was under way when the process ended.
    let mut items: Vec<Item> = Vec::new();
    let mut repeated = Vec::new();
    if job.resumed {
        let open = pending(&job, true).await?;
        repeated = settle(&job, open, &by_number).await?.again;
        repeated.retain(|entry| by_number.contains_key(&entry.change));
        repeated = standing(&job, repeated, &by_number).await?;
    }
    if !repeated.is_empty() {
        job.failpoint("before-intend");
        store.intend(&job.fence, &repeated).await?;
        job.failpoint("after-intend");
        for mut entry in repeated {
            entry.attempts += 1;
            items.push(Item { change: by_number[&entry.change].clone(), doubted: stays_doubted(&job, &entry.kind)?, entry });
        }
    }

    // What was never begun. Intents of a slice are one transaction: either all of them are there or none is.
    let begun = store.last_intended(job.run).await?;
    let fresh: Vec<&Change> = changes.iter().filter(|change| change.number > begun).collect();
    if !fresh.is_empty() {
        items.extend(begin(&job, plan, &fresh).await?);
    }
    let stopped = send(&job, items).await?;
    job.failpoint("after-slice");
    Ok(Sliced { last, end: whole, stopped })
}

/// Writes the intents of these changes; those that moved since the plan are settled as stale at once.
async fn begin(job: &Job, plan: PlanId, changes: &[&Change]) -> Result<Vec<Item>> {
    let mut kinds: Vec<&Kind> = changes.iter().map(|change| &change.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut stale = std::collections::HashSet::new();
    for kind in &kinds {
        let of_kind: Vec<&Change> = changes.iter().filter(|change| change.kind == **kind).copied().collect();
        stale.extend(moved(job, kind, &of_kind).await?);
    }
    let now = job.now();
    let mut entries: Vec<Entry> = changes
        .iter()
        .map(|change| Entry {
            id: EntryId(0),
            run: job.run,
            plan,
            change: change.number,
            integration: job.name().to_owned(),
            connection: job.layout.target.connection.clone(),
            kind: change.kind.clone(),
            target: change.target.clone(),
            code: change.code.clone(),
            name: change.name.clone(),
            role: change.owners.role.clone(),
            before: change.owners.from.clone().unwrap_or_default(),
            after: change.owners.to.clone(),
            carry: change.carry.clone(),
            why: change.why.clone(),
            intended_at: now,
            state: EntryState::Intended,
            settled_at: None,
            attempts: 1,
            note: None,
        })
        .collect();
    // What moved is settled with the intents: an intent that a crash leaves open was about to be sent.
    for entry in entries.iter_mut().filter(|entry| stale.contains(&entry.change)) {
        entry.state = EntryState::Stale;
        entry.settled_at = Some(now);
        entry.note = Some(MOVED.to_owned());
    }
    job.failpoint("before-intend");
    let ids = job.store().intend(&job.fence, &entries).await?;
    job.failpoint("after-intend");
    for (entry, id) in entries.iter_mut().zip(ids) {
        entry.id = id;
    }
    for kind in kinds {
        let noted = entries.iter().filter(|entry| entry.kind == *kind && !stale.contains(&entry.change) && is_noted(entry));
        record(job, kind, noted.map(|entry| noted_down(job, entry)).collect(), Vec::new()).await?;
    }
    Ok(entries
        .into_iter()
        .zip(changes)
        .filter(|(entry, _)| !stale.contains(&entry.change) && !is_noted(entry))
        .map(|(entry, change)| Item { entry, change: (*change).clone(), doubted: false })
        .collect())
}

/// Of intents that a crash left open, those that may be sent again. A state that was let go is noted now; what moved since may have been sent.
async fn standing(job: &Job, entries: Vec<Entry>, changes: &HashMap<i64, Change>) -> Result<Vec<Entry>> {
    let (noted, carried): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(is_noted);
    for entry in &noted {
        record(job, &entry.kind, vec![noted_down(job, entry)], Vec::new()).await?;
    }
    let mut standing = Vec::new();
    for entry in carried {
        let change = &changes[&entry.change];
        if entry.carry.is_some() && !moved(job, &entry.kind, &[change]).await?.is_empty() {
            let doubted = Settled { consequences: doubts_of(job, &entry), ..remark(&entry, EntryState::Stale, MOVED) };
            record(job, &entry.kind, vec![doubted], Vec::new()).await?;
        } else {
            standing.push(entry);
        }
    }
    Ok(standing)
}

const MOVED: &str = "the record moved since the plan";

fn noted_down(job: &Job, entry: &Entry) -> Settled {
    Settled { consequences: true_of(job, entry), ..remark(entry, EntryState::Unchanged, "let go: nothing is sent") }
}

/// Is nothing sent for it?
fn is_noted(entry: &Entry) -> bool {
    entry.carry.as_ref().is_some_and(|carry| carry.means == Means::Note)
}

/// What is true once an entry is done, besides who owns its record.
fn true_of(job: &Job, entry: &Entry) -> Vec<Consequence> {
    let Some(activity) = &job.layout.activity else { return Vec::new() };
    consequences(entry, &job.integration.policy.source.connection, &activity.people, job.now())
}

/// May an attempt whose answer was lost have been applied all the same, because nothing of this kind is read back?
fn stays_doubted(job: &Job, kind: &Kind) -> Result<bool> {
    Ok(job.target_kind(kind)?.settle == Settle::Repeat)
}

/// The attempt was not applied; whether an earlier one was, whose answer was lost, nobody knows.
fn not_done(job: &Job, item: &Item, state: EntryState, note: &str) -> Settled {
    if !item.doubted {
        return remark(&item.entry, state, note);
    }
    let note = format!("{note}; the answer to an attempt before this one was lost, and it may be applied");
    Settled { consequences: doubts_of(job, &item.entry), ..remark(&item.entry, EntryState::Disputed, &note) }
}

/// One change as the connector takes it.
fn write_of(job: &Job, item: &Item) -> Write {
    let key = write_key(&item.entry);
    let target = item.change.target.clone();
    let Some(carry) = &item.change.carry else {
        return Write { key, target: Target::Id(target), owners: vec![item.change.owners.clone()], values: Vec::new() };
    };
    if carry.means == Means::Remove {
        return Write { key, target: Target::Removed(target), owners: Vec::new(), values: Vec::new() };
    }
    let is_account = job.layout.activity.as_ref().is_some_and(|activity| activity.people == item.change.kind);
    let owners = if is_account { Vec::new() } else { vec![item.change.owners.clone()] };
    let values = carry.values.iter().map(|(field, value)| (field.clone(), FieldChange::Set(value.clone()))).collect();
    Write { key, target: Target::Id(target), owners, values }
}

/// Sends items in batches side by side until each has its fate. Answers why nothing more may be written, if so.
async fn send(job: &Job, mut items: Vec<Item>) -> Result<Option<String>> {
    let mut stopped = None;
    while !items.is_empty() {
        let width = job.target_kind(&items[0].change.kind)?.write_width.max(1);
        let mut rests = futures::stream::iter(batches(job, items)?).map(|batch| write_batch(job, batch)).buffer_unordered(width);
        let (mut again, mut unknown, mut wait) = (Vec::new(), Vec::new(), None::<Duration>);
        while let Some(rest) = rests.next().await {
            let rest = rest?;
            again.extend(rest.again);
            unknown.extend(rest.unknown);
            wait = wait.max(rest.wait);
            stopped = stopped.or(rest.stopped);
        }
        drop(rests);

        let mut next: Vec<Item> = Vec::new();
        for (item, note) in again {
            if item.entry.attempts < ATTEMPTS && stopped.is_none() {
                next.push(item);
                continue;
            }
            record(job, &item.change.kind, vec![not_done(job, &item, EntryState::NotDone, &note)], Vec::new()).await?;
            stopped.get_or_insert(note);
        }
        let changes: HashMap<i64, Change> = unknown.iter().map(|item| (item.change.number, item.change.clone())).collect();
        for entry in settle(job, unknown.into_iter().map(|item| item.entry).collect(), &changes).await?.again {
            if entry.attempts < ATTEMPTS && stopped.is_none() {
                next.push(Item { change: changes[&entry.change].clone(), doubted: stays_doubted(job, &entry.kind)?, entry });
            } else {
                let fate = if entry.carry.is_some() { "the next run sends it again" } else { "it is not applied" };
                let note = format!("its answer was lost {} times over, and {fate}", entry.attempts);
                dispute(job, &entry.kind.clone(), vec![(&entry, note)]).await?;
            }
        }
        if !next.is_empty() {
            let attempts = next.iter().map(|item| item.entry.attempts).max().unwrap_or(1);
            job.ports.clock.sleep(wait.unwrap_or(Duration::from_secs(1 << attempts))).await;
            let entries: Vec<Entry> = next.iter().map(|item| item.entry.clone()).collect();
            job.failpoint("before-intend");
            job.store().intend(&job.fence, &entries).await?;
            job.failpoint("after-intend");
            next.iter_mut().for_each(|item| item.entry.attempts += 1);
        }
        items = next;
    }
    Ok(stopped)
}

fn batch_size(job: &Job, kind: &Kind) -> Result<usize> {
    let declared = job.target_kind(kind)?.batch.max(1);
    Ok(job.options.batch_limit.map_or(declared, |limit| declared.min(limit.max(1))))
}

fn batches(job: &Job, items: Vec<Item>) -> Result<Vec<Vec<Item>>> {
    let mut kinds: Vec<(Kind, Vec<Vec<Item>>)> = Vec::new();
    for item in items {
        let size = batch_size(job, &item.change.kind)?;
        let at = match kinds.iter().position(|(kind, _)| *kind == item.change.kind) {
            Some(at) => at,
            None => {
                kinds.push((item.change.kind.clone(), Vec::new()));
                kinds.len() - 1
            }
        };
        match kinds[at].1.last_mut().filter(|batch| batch.len() < size) {
            Some(batch) => batch.push(item),
            None => kinds[at].1.push(vec![item]),
        }
    }
    Ok(kinds.into_iter().flat_map(|(_, batches)| batches).collect())
}

/// The key of a change: the same over attempts and restarts, and another for every other change of any integration or store.
fn write_key(entry: &Entry) -> String {
    let bound = Digest::of_data(&(
        &entry.integration,
        &entry.connection,
        &entry.kind,
        &entry.target,
        &entry.before,
        &entry.after,
        entry.intended_at,
    ));
    format!("rightful-{}-{}-{bound}", entry.run, entry.change)
}

async fn write_batch(job: &Job, batch: Vec<Item>) -> Result<Rest> {
    let kind = batch[0].change.kind.clone();
    let writes: Vec<Write> = batch.iter().map(|item| write_of(job, item)).collect();
    job.failpoint("before-write");
    let (outcomes, heard) = overheard(job.target().write(&kind, &writes)).await;
    job.failpoint("after-write");
    let carried = job.carried(&batch.iter().map(|item| &item.entry).collect::<Vec<_>>(), heard);
    let mut rest = Rest::default();
    let outcomes = match outcomes {
        Ok(outcomes) if outcomes.len() == batch.len() => outcomes,
        Ok(outcomes) => {
            let text = format!("{} outcomes came back for {} writes", outcomes.len(), batch.len());
            batch.iter().map(|_| Outcome::Unknown(Error::new(ErrorKind::Protocol, text.clone()))).collect()
        }
        Err(error) if error.is_fate_unknown() => batch.iter().map(|_| Outcome::Unknown(error.again())).collect(),
        // Nothing of the batch was sent.
        Err(error) => {
            let note = told(&error);
            if !error.kind().is_retryable() {
                rest.stopped = Some(note.clone());
            }
            rest.wait = error.wait();
            rest.again = batch.into_iter().map(|item| (item, note.clone())).collect();
            record(job, &kind, Vec::new(), carried).await?;
            return Ok(rest);
        }
    };
    let (mut settled, mut refused) = (Vec::new(), Vec::new());
    for (item, outcome) in batch.into_iter().zip(outcomes) {
        match outcome {
            Outcome::Done { .. } => {
                settled.push(Settled {
                    entry: item.entry.id,
                    state: EntryState::Done,
                    note: None,
                    into_image: item.change.carry.is_none(),
                    consequences: true_of(job, &item.entry),
                });
            }
            Outcome::Unchanged => {
                settled.push(Settled {
                    entry: item.entry.id,
                    state: EntryState::Unchanged,
                    note: None,
                    into_image: item.change.carry.is_none(),
                    consequences: true_of(job, &item.entry),
                });
            }
            Outcome::Unknown(error) => {
                rest.wait = rest.wait.max(error.wait());
                settled.push(remark(&item.entry, EntryState::Unknown, &told(&error)));
                rest.unknown.push(item);
            }
            Outcome::NotDone(error) => match error.kind() {
                ErrorKind::RateLimited | ErrorKind::Unavailable => {
                    rest.wait = rest.wait.max(error.wait());
                    rest.again.push((item, told(&error)));
                }
                ErrorKind::Conflict => settled.push(not_done(job, &item, EntryState::Stale, &told(&error))),
                kind => {
                    if matches!(kind, ErrorKind::Unauthenticated | ErrorKind::Config | ErrorKind::Unsupported) {
                        rest.stopped = Some(told(&error));
                    }
                    settled.push(not_done(job, &item, EntryState::NotDone, &told(&error)));
                    refused.push((item, told(&error)));
                }
            },
        }
    }
    refuse(job, refused.iter().map(|(item, note)| (&item.entry, note.clone())).collect()).await?;
    record(job, &kind, settled, carried).await?;
    Ok(rest)
}

/// An error with the vendor's words and its remedy, for the ledger.
pub(crate) fn told(error: &Error) -> String {
    let mut text = error.to_string();
    if let Some(words) = error.vendor_words() {
        text.push_str(&format!(": {words}"));
    }
    if let Some(mend) = error.mend() {
        text.push_str(&format!("; {mend}"));
    }
    text
}
