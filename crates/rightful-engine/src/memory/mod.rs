//! A store that lives as long as the process: for tests and trials, and the shortest telling of what every store must do.

mod image;
mod people;
mod serve;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::stream::BoxStream;
use rightful_core::{ConnectionName, Error, ErrorKind, Exchange, Instant, Kind, Record, RecordId, Result, Rows, Secret, SlotValue};
use serde_json::Value as Json;

use self::image::Stock;
use self::people::People;
use crate::{
    Authorship, Carried, Case, CaseFilter, CaseId, Change, CodeChange, CodeEdit, CodeRow, CodeTable, EXCHANGE_RUNS, Entry, EntryFilter,
    EntryId, EntryState, Episode, Fence, Hold, HoldId, Holder, Image, ImageId, ImageSpec, IntegrationState, Leased, NewCase, NewHold,
    OpenRead, PageIn, Plan, PlanCounts, PlanFilter, PlanId, PlanState, ReadEnd, Refusal, Row, Run, RunCounts, RunFilter, RunId, RunOutcome,
    RunTask, Saved, Settled, Store, Stored, TableVersion, Watched,
};

/// The store.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    leases: HashMap<String, Lease>,
    dead: HashSet<(String, u32, u64)>,
    integrations: HashMap<String, IntegrationState>,
    watched: BTreeMap<String, Watched>,
    /// With the channels that know of each.
    episodes: Vec<(Episode, Vec<String>)>,
    approvals: HashMap<PlanId, Vec<Authorship>>,
    slots: HashMap<ConnectionName, SlotValue>,
    ties: HashMap<ConnectionName, String>,
    images: Vec<Stock>,
    tables: HashMap<String, Table>,
    code_counts: HashMap<String, Vec<(String, u64)>>,
    plans: Vec<(Plan, Vec<Change>)>,
    runs: Vec<Run>,
    journal: HashMap<(RunId, String), Json>,
    entries: Vec<Entry>,
    /// Where each change's entry is.
    entry_of: HashMap<(RunId, i64), usize>,
    cases: Vec<Case>,
    /// The newest plan when a case was last seen.
    case_plans: HashMap<CaseId, PlanId>,
    /// With the plan that saw each last.
    holds: Vec<(Hold, PlanId)>,
    next_hold: i64,
    exchanges: Vec<(String, Carried)>,
    people: People,
}

#[derive(Debug)]
struct Lease {
    token: i64,
    held: Option<(Holder, Instant)>,
}

#[derive(Debug, Default)]
struct Table {
    present: CodeTable,
    versions: Vec<TableVersion>,
}

impl MemoryStore {
    /// This holder's process ended: its leases may be taken over.
    pub fn bury(&self, holder: &Holder) {
        self.state().dead.insert((holder.machine.clone(), holder.process, holder.born));
    }

    /// Every entry of the ledger, oldest first.
    pub fn ledger(&self) -> Vec<Entry> {
        self.state().entries.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, after checking that the lease is still held.
    fn fenced(&self, fence: &Fence) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        match state.leases.get(&fence.integration) {
            Some(lease) if lease.token == fence.token && lease.held.is_some() => Ok(state),
            _ => Err(Error::new(ErrorKind::Conflict, format!("the lease of `{}` was lost", fence.integration))
                .hint("another process took the run over; look at it there")),
        }
    }
}

fn missing(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::NotFound, format!("the store has no {what}"))
}

fn number(at: usize) -> i64 {
    i64::try_from(at).expect("a memory store holds fewer than 2^63 things")
}

impl State {
    fn image(&mut self, image: ImageId) -> Result<&mut Stock> {
        self.images.iter_mut().find(|stock| stock.id == image).ok_or_else(|| missing(image))
    }

    fn plan(&mut self, plan: PlanId) -> Result<&mut (Plan, Vec<Change>)> {
        self.plans.iter_mut().find(|(known, _)| known.id == plan).ok_or_else(|| missing(plan))
    }

    fn run(&mut self, run: RunId) -> Result<&mut Run> {
        self.runs.iter_mut().find(|known| known.id == run).ok_or_else(|| missing(run))
    }

    fn put_cases(&mut self, integration: &str, cases: &[NewCase], now: Instant) {
        let plan = PlanId(number(self.plans.len()));
        for case in cases {
            let known = self
                .cases
                .iter_mut()
                .find(|known| known.integration == integration && known.case.reason == case.reason && known.case.subject == case.subject);
            if let Some(known) = known {
                if known.closed.take().is_some() {
                    known.first_seen = now;
                }
                known.last_seen = now;
                known.case = case.clone();
                self.case_plans.insert(known.id, plan);
            } else {
                let id = CaseId(number(self.cases.len()) + 1);
                let (integration, case) = (integration.to_owned(), case.clone());
                self.case_plans.insert(id, plan);
                self.cases.push(Case { id, integration, case, first_seen: now, last_seen: now, closed: None });
            }
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn lease(&self, integration: &str, holder: &Holder, now: Instant, until: Instant) -> Result<Leased> {
        let mut state = self.state();
        let dead = state.dead.clone();
        let lease = state.leases.entry(integration.to_owned()).or_insert(Lease { token: 0, held: None });
        if let Some((other, expires)) = &lease.held
            && *expires > now
            && !dead.contains(&(other.machine.clone(), other.process, other.born))
        {
            return Ok(Leased::Busy(other.clone(), *expires));
        }
        lease.token += 1;
        lease.held = Some((holder.clone(), until));
        Ok(Leased::Held(Fence { integration: integration.to_owned(), token: lease.token }))
    }

    async fn renew(&self, fence: &Fence, until: Instant) -> Result<()> {
        let mut state = self.fenced(fence)?;
        let lease = state.leases.get_mut(&fence.integration).ok_or_else(|| missing(&fence.integration))?;
        if let Some((_, expires)) = &mut lease.held {
            *expires = until;
        }
        Ok(())
    }

    async fn release(&self, fence: &Fence) -> Result<()> {
        let mut state = self.fenced(fence)?;
        state.leases.get_mut(&fence.integration).ok_or_else(|| missing(&fence.integration))?.held = None;
        Ok(())
    }

    async fn integration(&self, integration: &str) -> Result<IntegrationState> {
        Ok(self.state().integrations.get(integration).cloned().unwrap_or_default())
    }

    async fn pause(&self, integration: &str, paused: bool, by: &Authorship) -> Result<()> {
        let mut state = self.state();
        let before =
            std::mem::replace(&mut state.integrations.entry(integration.to_owned()).or_default().paused, paused.then(|| by.clone()));
        if before.is_some() && !paused {
            state.watched.entry(integration.to_owned()).or_default().expected = Some(by.at);
        }
        Ok(())
    }

    async fn tie_connection(&self, connection: &ConnectionName, stands_for: &str) -> Result<Option<String>> {
        let mut state = self.state();
        let known = state.ties.entry(connection.clone()).or_insert_with(|| stands_for.to_owned());
        Ok((known != stands_for).then(|| known.clone()))
    }

    async fn load_slot(&self, connection: &ConnectionName) -> Result<SlotValue> {
        Ok(self.state().slots.get(connection).cloned().unwrap_or(SlotValue { revision: 0, text: None }))
    }

    async fn swap_slot(&self, connection: &ConnectionName, revision: u64, text: Option<Secret>) -> Result<bool> {
        let mut state = self.state();
        let slot = state.slots.entry(connection.clone()).or_insert(SlotValue { revision: 0, text: None });
        let fits = slot.revision == revision;
        if fits {
            *slot = SlotValue { revision: revision + 1, text };
        }
        Ok(fits)
    }

    async fn image(&self, spec: &ImageSpec) -> Result<Image> {
        let mut state = self.state();
        if let Some(stock) = state.images.iter().find(|stock| stock.spec == *spec) {
            return Ok(stock.image());
        }
        let stock = Stock::new(ImageId(number(state.images.len()) + 1), spec.clone());
        let image = stock.image();
        state.images.push(stock);
        Ok(image)
    }

    async fn open_read(&self, image: ImageId) -> Result<Option<OpenRead>> {
        Ok(self.state().image(image)?.open_read())
    }

    async fn begin_read(&self, fence: &Fence, image: ImageId, rows: Rows) -> Result<()> {
        self.fenced(fence)?.image(image)?.begin_read(rows);
        Ok(())
    }

    async fn put_pages(&self, fence: &Fence, image: ImageId, pages: Vec<PageIn>, now: Instant) -> Result<Stored> {
        let mut state = self.fenced(fence)?;
        let image = state.image(image)?;
        let mut stored = Stored::default();
        for page in pages {
            stored += image.put_page(page, now)?;
        }
        Ok(stored)
    }

    async fn end_read(&self, fence: &Fence, image: ImageId, now: Instant) -> Result<ReadEnd> {
        self.fenced(fence)?.image(image)?.end_read(now)
    }

    async fn put_rows(&self, fence: &Fence, image: ImageId, items: Vec<Record>, missing: Vec<RecordId>, now: Instant) -> Result<Stored> {
        Ok(self.fenced(fence)?.image(image)?.put_rows(items, &missing, now))
    }

    fn ordered(&self, image: ImageId) -> BoxStream<'static, Result<Vec<Row>>> {
        let chunks = self.state().image(image).map_or_else(|error| vec![Err(error)], |stock| stock.ordered());
        Box::pin(futures::stream::iter(chunks))
    }

    async fn rows(&self, image: ImageId, ids: &[RecordId]) -> Result<Vec<Row>> {
        Ok(self.state().image(image)?.by_ids(ids))
    }

    async fn rows_by_key(&self, image: ImageId, keys: &[String]) -> Result<Vec<Row>> {
        Ok(self.state().image(image)?.by_keys(keys))
    }

    async fn code_table(&self, integration: &str) -> Result<CodeTable> {
        Ok(self.state().tables.get(integration).map(|table| table.present.clone()).unwrap_or_default())
    }

    async fn save_codes(&self, integration: &str, expected: i64, edits: &[CodeEdit], by: &Authorship) -> Result<Saved> {
        let mut state = self.state();
        let table = state.tables.entry(integration.to_owned()).or_default();
        if table.present.version != expected {
            return Ok(Saved::Moved(table.present.version));
        }
        let edited = table.present.edited(edits, by);
        let version = edited.version;
        if version == expected {
            return Ok(Saved::Version(expected));
        }
        let only_in = |one: &CodeTable, other: &CodeTable| -> Vec<CodeRow> {
            let missing = one.rows.iter().filter(|known| !other.rows.iter().any(|standing| standing.row == known.row));
            missing.map(|known| known.row.clone()).collect()
        };
        let (added, removed) = (only_in(&edited, &table.present), only_in(&table.present, &edited));
        table.versions.push(TableVersion { version, by: by.clone(), added, removed });
        table.present = edited;
        Ok(Saved::Version(version))
    }

    async fn codes_read(&self, fence: &Fence, at: Instant) -> Result<()> {
        self.fenced(fence)?.tables.entry(fence.integration.clone()).or_default().present.last_read = Some(at);
        Ok(())
    }

    async fn code_versions_before(&self, integration: &str, before: Option<i64>, limit: usize) -> Result<Vec<TableVersion>> {
        let state = self.state();
        let versions = state.tables.get(integration).map_or(&[][..], |table| &table.versions).iter().rev();
        Ok(versions.filter(|known| before.is_none_or(|before| known.version < before)).take(limit).cloned().collect())
    }

    async fn code_rows_at(&self, integration: &str, version: i64) -> Result<Vec<CodeRow>> {
        let state = self.state();
        let versions = state.tables.get(integration).map_or(&[][..], |table| &table.versions);
        if version < 0 || version > number(versions.len()) {
            return Err(missing(format!("version {version} of the code table of `{integration}`")));
        }
        let mut rows: BTreeSet<&CodeRow> = BTreeSet::new();
        for saved in versions.iter().filter(|saved| saved.version <= version) {
            rows.retain(|row| !saved.removed.contains(row));
            rows.extend(&saved.added);
        }
        Ok(rows.into_iter().cloned().collect())
    }

    async fn code_changes(&self, integration: &str, codes: &[String]) -> Result<Vec<(String, CodeChange)>> {
        let state = self.state();
        let versions = state.tables.get(integration).map_or(&[][..], |table| &table.versions);
        let newest = |code: &String| {
            let touches = |saved: &&TableVersion| saved.added.iter().chain(&saved.removed).any(|row| row.code == *code);
            versions.iter().rev().find(touches).map(|saved| CodeChange { version: saved.version, by: saved.by.clone() })
        };
        Ok(codes.iter().filter_map(|code| Some((code.clone(), newest(code)?))).collect())
    }

    async fn put_code_counts(&self, fence: &Fence, counts: &[(String, u64)]) -> Result<()> {
        self.fenced(fence)?.code_counts.insert(fence.integration.clone(), counts.to_vec());
        Ok(())
    }

    async fn code_counts(&self, integration: &str) -> Result<Vec<(String, u64)>> {
        Ok(self.state().code_counts.get(integration).cloned().unwrap_or_default())
    }

    async fn begin_plan(&self, fence: &Fence, plan: &Plan) -> Result<PlanId> {
        let mut state = self.fenced(fence)?;
        for (known, _) in state.plans.iter_mut().filter(|(known, _)| known.integration == plan.integration) {
            if !matches!(known.state, PlanState::Applying | PlanState::Applied) {
                known.state = PlanState::Dropped;
            }
        }
        let id = PlanId(number(state.plans.len()) + 1);
        state.plans.push((Plan { id, ..plan.clone() }, Vec::new()));
        Ok(id)
    }

    async fn add_to_plan(
        &self,
        fence: &Fence,
        plan: PlanId,
        changes: &[Change],
        holds: &[NewHold],
        cases: &[NewCase],
        now: Instant,
    ) -> Result<()> {
        let mut state = self.fenced(fence)?;
        state.plan(plan)?.1.extend_from_slice(changes);
        state.put_cases(&fence.integration, cases, now);
        for hold in holds {
            let same = |(known, _): &&mut (Hold, PlanId)| {
                known.integration == fence.integration && known.hold.kind == hold.kind && known.hold.target == hold.target
            };
            if let Some((known, seen_by)) = state.holds.iter_mut().find(same) {
                known.hold = hold.clone();
                *seen_by = plan;
            } else {
                state.next_hold += 1;
                let id = HoldId(state.next_hold);
                let (integration, hold) = (fence.integration.clone(), hold.clone());
                state.holds.push((Hold { id, integration, hold, since: now, run: None }, plan));
            }
        }
        Ok(())
    }

    async fn end_plan(
        &self,
        fence: &Fence,
        plan: PlanId,
        counts: &PlanCounts,
        refusals: &[Refusal],
        whole: bool,
        now: Instant,
    ) -> Result<()> {
        let mut state = self.fenced(fence)?;
        let (known, _) = state.plan(plan)?;
        known.counts = counts.clone();
        known.refusals = refusals.to_vec();
        known.state = if refusals.is_empty() { PlanState::Ready } else { PlanState::Refused };
        if whole {
            let State { cases, case_plans, .. } = &mut *state;
            for case in cases.iter_mut().filter(|case| case.integration == fence.integration && case_plans.get(&case.id) < Some(&plan)) {
                case.closed.get_or_insert(now);
            }
            state.holds.retain(|(hold, seen_by)| hold.integration != fence.integration || *seen_by >= plan);
        }
        Ok(())
    }

    async fn set_plan_state(
        &self,
        fence: &Fence,
        plan: PlanId,
        state: PlanState,
        passed: Option<Authorship>,
        run: Option<RunId>,
    ) -> Result<()> {
        let mut held = self.fenced(fence)?;
        let (known, _) = held.plan(plan)?;
        known.move_to(state)?;
        known.passed = passed.map(|by| (by.author, by.reason)).or(known.passed.take());
        known.run = run.or(known.run);
        Ok(())
    }

    async fn plan(&self, plan: PlanId) -> Result<Option<Plan>> {
        Ok(self.state().plan(plan).ok().map(|(plan, _)| plan.clone()))
    }

    async fn plans_where(&self, filter: &PlanFilter) -> Result<Vec<Plan>> {
        let state = self.state();
        let fits = |plan: &&Plan| {
            filter.integration.as_ref().is_none_or(|integration| plan.integration == *integration)
                && (!filter.waiting || matches!(plan.state, PlanState::Ready | PlanState::Refused))
                && filter.before.is_none_or(|before| plan.id < before)
        };
        Ok(state.plans.iter().rev().map(|(plan, _)| plan).filter(fits).take(filter.limit).cloned().collect())
    }

    async fn changes(&self, plan: PlanId, after: i64, limit: usize) -> Result<Vec<Change>> {
        let mut state = self.state();
        let (_, changes) = state.plan(plan)?;
        Ok(changes.iter().filter(|change| change.number > after).take(limit).cloned().collect())
    }

    async fn begin_run(&self, fence: &Fence, task: &RunTask, body_version: u32, by: Option<&str>, now: Instant) -> Result<RunId> {
        let mut state = self.fenced(fence)?;
        let id = RunId(number(state.runs.len()) + 1);
        let theirs = |(integration, _): &&(String, Carried)| *integration == fence.integration;
        let mut runs: Vec<RunId> = state.exchanges.iter().filter(theirs).map(|(_, carried)| carried.run).collect();
        runs.sort_unstable();
        runs.dedup();
        let dropped = &runs[..runs.len().saturating_sub(EXCHANGE_RUNS)];
        state.exchanges.retain(|(_, carried)| !dropped.contains(&carried.run));
        state.runs.push(Run {
            id,
            integration: fence.integration.clone(),
            task: task.clone(),
            body_version,
            by: by.map(str::to_owned),
            started: now,
            ended: None,
            outcome: None,
            plan: None,
            counts: RunCounts::default(),
            notes: Vec::new(),
            resumed: 0,
        });
        Ok(id)
    }

    async fn unfinished_run(&self, integration: &str) -> Result<Option<Run>> {
        Ok(self.state().runs.iter().find(|run| run.integration == integration && run.ended.is_none()).cloned())
    }

    async fn resume_run(&self, fence: &Fence, run: RunId) -> Result<()> {
        self.fenced(fence)?.run(run)?.resumed += 1;
        Ok(())
    }

    async fn journal(&self, run: RunId, step: &str) -> Result<Option<Json>> {
        Ok(self.state().journal.get(&(run, step.to_owned())).cloned())
    }

    async fn put_journal(&self, fence: &Fence, run: RunId, step: &str, result: &Json) -> Result<()> {
        self.fenced(fence)?.journal.insert((run, step.to_owned()), result.clone());
        Ok(())
    }

    async fn end_run(
        &self,
        fence: &Fence,
        run: RunId,
        _kind: &Kind,
        outcome: RunOutcome,
        plan: Option<PlanId>,
        counts: &RunCounts,
        notes: &[String],
        now: Instant,
    ) -> Result<()> {
        let mut state = self.fenced(fence)?;
        let run = state.run(run)?;
        run.ended = Some(now);
        run.outcome = Some(outcome);
        run.plan = plan;
        run.counts = counts.clone();
        run.notes = notes.to_vec();
        if run.is_complete() {
            state.watched.entry(fence.integration.clone()).or_default().last_complete = Some(now);
        }
        Ok(())
    }

    async fn run(&self, run: RunId) -> Result<Option<Run>> {
        Ok(self.state().run(run).ok().cloned())
    }

    async fn runs_where(&self, filter: &RunFilter) -> Result<Vec<Run>> {
        let state = self.state();
        let fits = |run: &&Run| {
            filter.integration.as_ref().is_none_or(|integration| run.integration == *integration)
                && filter.outcome.is_none_or(|outcome| run.outcome == outcome)
                && filter.before.is_none_or(|before| run.id < before)
        };
        Ok(state.runs.iter().rev().filter(fits).take(filter.limit).cloned().collect())
    }

    async fn intend(&self, fence: &Fence, entries: &[Entry]) -> Result<Vec<EntryId>> {
        let mut state = self.fenced(fence)?;
        let mut ids = Vec::new();
        for entry in entries {
            if let Some(at) = state.entry_of.get(&(entry.run, entry.change)).copied() {
                let known = &mut state.entries[at];
                known.attempts += 1;
                known.state = EntryState::Intended;
                ids.push(known.id);
            } else {
                let at = state.entries.len();
                let id = EntryId(number(at) + 1);
                state.entry_of.insert((entry.run, entry.change), at);
                state.entries.push(Entry { id, ..entry.clone() });
                ids.push(id);
            }
        }
        Ok(ids)
    }

    async fn settle(&self, fence: &Fence, image: ImageId, settled: &[Settled], carried: &[Carried], now: Instant) -> Result<()> {
        let mut state = self.fenced(fence)?;
        // Numbers count from 1, without gaps.
        let at = |one: &Settled| usize::try_from(one.entry.0).ok().and_then(|number| number.checked_sub(1));
        if let Some(unknown) = settled.iter().find(|one| at(one).is_none_or(|at| at >= state.entries.len())) {
            return Err(missing(unknown.entry));
        }
        for one in settled {
            let entry = at(one).and_then(|at| state.entries.get_mut(at)).ok_or_else(|| missing(one.entry))?;
            entry.state = one.state;
            entry.note = one.note.clone();
            entry.settled_at = Some(now);
            let entry = entry.clone();
            if one.into_image {
                state.image(image)?.write_owners(&entry);
            }
            state.people.take(&one.consequences);
            if one.ends_hold() {
                state.holds.retain(|(hold, _)| {
                    hold.integration != entry.integration || hold.hold.kind != entry.kind || hold.hold.target != entry.target
                });
            }
        }
        state.exchanges.extend(carried.iter().map(|one| (fence.integration.clone(), one.clone())));
        Ok(())
    }

    async fn exchanges(&self, run: RunId, change: i64) -> Result<Vec<Exchange>> {
        let state = self.state();
        let about = state.exchanges.iter().filter(|(_, carried)| carried.run == run && carried.changes.contains(&change));
        Ok(about.map(|(_, carried)| carried.exchange.clone()).collect())
    }

    async fn entries(&self, filter: &EntryFilter) -> Result<Vec<Entry>> {
        let state = self.state();
        let fits = |entry: &&Entry| {
            filter.run.is_none_or(|run| entry.run == run)
                && filter.integration.as_ref().is_none_or(|integration| entry.integration == *integration)
                && filter.target.as_ref().is_none_or(|(connection, kind, target)| {
                    entry.connection == *connection && entry.kind == *kind && entry.target == *target
                })
                && filter.code.as_ref().is_none_or(|code| entry.code == *code)
                && filter.change.is_none_or(|change| entry.change == change)
                && (filter.states.is_empty() || filter.states.contains(&entry.state))
        };
        Ok(if filter.latest_first {
            let below = |entry: &&Entry| filter.after.is_none_or(|after| entry.id < after);
            state.entries.iter().rev().filter(below).filter(fits).take(filter.limit).cloned().collect()
        } else {
            let above = |entry: &&Entry| filter.after.is_none_or(|after| entry.id > after);
            state.entries.iter().filter(above).filter(fits).take(filter.limit).cloned().collect()
        })
    }

    async fn last_intended(&self, run: RunId) -> Result<i64> {
        Ok(self.state().entries.iter().filter(|entry| entry.run == run).map(|entry| entry.change).max().unwrap_or(0))
    }

    async fn entry_counts(&self, run: RunId) -> Result<Vec<(EntryState, u64)>> {
        let mut counts: Vec<(EntryState, u64)> = Vec::new();
        for entry in self.state().entries.iter().filter(|entry| entry.run == run) {
            match counts.iter_mut().find(|(state, _)| *state == entry.state) {
                Some((_, count)) => *count += 1,
                None => counts.push((entry.state, 1)),
            }
        }
        Ok(counts)
    }

    async fn put_cases(&self, fence: &Fence, cases: &[NewCase], now: Instant) -> Result<()> {
        self.fenced(fence)?.put_cases(&fence.integration, cases, now);
        Ok(())
    }

    async fn cases_where(&self, filter: &CaseFilter) -> Result<Vec<Case>> {
        let state = self.state();
        let fits = |case: &&Case| {
            filter.integration.as_ref().is_none_or(|integration| case.integration == *integration)
                && filter.reason.as_ref().is_none_or(|reason| case.case.reason == *reason)
                && (!filter.open || case.closed.is_none())
                && filter.after.is_none_or(|after| case.id > after)
        };
        Ok(state.cases.iter().filter(fits).take(filter.limit).cloned().collect())
    }

    async fn case_counts(&self, integration: Option<&str>) -> Result<Vec<(String, u64)>> {
        let state = self.state();
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for case in state.cases.iter().filter(|case| case.closed.is_none() && integration.is_none_or(|name| case.integration == name)) {
            *counts.entry(case.case.reason.clone()).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    async fn holds(&self, integration: Option<&str>, after: Option<HoldId>, limit: usize) -> Result<Vec<Hold>> {
        let state = self.state();
        let run_of = |plan: PlanId| state.plans.iter().find(|(known, _)| known.id == plan).and_then(|(plan, _)| plan.run);
        let fits = |hold: &Hold| integration.is_none_or(|name| hold.integration == name) && after.is_none_or(|after| hold.id > after);
        let holds = state.holds.iter().filter(|(hold, _)| fits(hold)).take(limit);
        Ok(holds.map(|(hold, plan)| Hold { run: run_of(*plan), ..hold.clone() }).collect())
    }

    async fn drop_hold(&self, hold: HoldId, by: &Authorship) -> Result<bool> {
        let mut state = self.state();
        let Some(at) = state.holds.iter().position(|(known, _)| known.id == hold) else { return Ok(false) };
        let (hold, _) = state.holds.remove(at);
        state.people.take(&hold.let_go(by.at).into_iter().collect::<Vec<_>>());
        Ok(true)
    }
}
