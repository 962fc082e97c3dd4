//! The engine's port to whatever remembers: SQLite today, PostgreSQL later, the same schema and the same tests.

use async_trait::async_trait;
use futures::stream::BoxStream;
use rightful_core::{
    ConnectionName, Cursor, Error, Exchange, FieldName, Instant, KeyName, Kind, Mark, Owner, Record, RecordId, Result, Role, Rows, Secret,
    SlotValue,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    Authorship, Carried, Case, CaseId, Change, CodeChange, CodeEdit, CodeRow, CodeTable, Credit, Digest, Entry, EntryId, EntryState, Hold,
    HoldId, ImageId, Link, NewCase, NewFacts, NewHold, PeopleStore, Plan, PlanCounts, PlanId, PlanState, Refusal, Run, RunCounts, RunId,
    RunOutcome, RunTask, Saved, TableVersion,
};

/// What stands under an error of a store that will answer again by itself. Each holds the database's own words.
#[derive(Debug)]
pub enum Blocked {
    /// Another process keeps it locked.
    Locked(String),
    /// Its disk is full.
    Full(String),
    /// Its disk does not take what is written, whatever the cause.
    Disk(String),
}

impl std::fmt::Display for Blocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Locked(words) | Self::Full(words) | Self::Disk(words)) = self;
        f.write_str(words)
    }
}

impl std::error::Error for Blocked {}

/// How the store is blocked, where that is what an error says.
pub fn blocked(error: &Error) -> Option<&Blocked> {
    std::error::Error::source(error)?.downcast_ref()
}

/// Does an error say that the store cannot be written to for now? Nothing is wrong with the run or the vendors then: what was cut off by it
/// is taken up where it stood.
pub fn is_blocked(error: &Error) -> bool {
    blocked(error).is_some()
}

/// Which stored copy: one connection, one kind, these fields, joined by this key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageSpec {
    /// The connection.
    pub connection: ConnectionName,
    /// The kind.
    pub kind: Kind,
    /// Fields kept, in order.
    pub fields: Vec<FieldName>,
    /// The key rows are ordered by for the merge-join.
    pub key: KeyName,
}

/// A stored copy and how fresh it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its number.
    pub id: ImageId,
    /// What it is a copy of.
    pub spec: ImageSpec,
    /// Rows that are not gone.
    pub rows: u64,
    /// Where the next incremental read begins; set only by reads that reached their end.
    pub mark: Option<Mark>,
    /// End of the last complete full read.
    pub complete_at: Option<Instant>,
    /// End of the last complete read of any sort.
    pub fresh_at: Option<Instant>,
}

/// A read in progress: survives a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRead {
    /// Which rows it reads (`All` or `Since`).
    pub rows: Rows,
    /// Has its first page been stored?
    pub begun: bool,
    /// Cursors that still have to be read.
    pub open: Vec<Cursor>,
}

/// A page on its way into an image: rows, the cursor it answered and the cursors it opened are one transaction.
#[derive(Debug)]
pub struct PageIn {
    /// The cursor this page answered; `None` for the first page.
    pub answered: Option<Cursor>,
    /// Cursors it opened.
    pub opened: Vec<Cursor>,
    /// Its rows.
    pub items: Vec<Record>,
    /// What it stated (see [`rightful_core::Page`]).
    pub total: Option<u64>,
    /// See `total`.
    pub whole: Option<u64>,
    /// See `total`.
    pub mark: Option<Mark>,
}

/// What storing a page did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Rows not seen before.
    pub new: u64,
    /// Rows that differ from what was stored.
    pub changed: u64,
    /// Rows that are as stored; nothing was written for them.
    pub same: u64,
}

impl std::ops::AddAssign for Stored {
    fn add_assign(&mut self, more: Self) {
        self.new += more.new;
        self.changed += more.changed;
        self.same += more.same;
    }
}

/// How a read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadEnd {
    /// Its end was reached, and as many distinct ids were stored as the vendor stated.
    pub complete: bool,
    /// Distinct ids of this read.
    pub distinct: u64,
    /// What the vendor stated for the scan.
    pub total: Option<u64>,
    /// What the vendor stated for the whole kind.
    pub whole: Option<u64>,
    /// Rows of the image that are not gone, after the read.
    pub rows: u64,
    /// Rows that a complete full read no longer found: now gone.
    pub gone: u64,
}

/// An owner who appeared in a role after an earlier complete read, not written by us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newcomer {
    /// The role.
    pub role: Role,
    /// The owner's key.
    pub owner: String,
    /// First seen.
    pub since: Instant,
}

/// One row of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The record.
    pub record: Record,
    /// Digest of everything in it but `changed_at`.
    pub digest: Digest,
    /// Owners who appeared lately.
    pub newcomers: Vec<Newcomer>,
    /// Did it change at the vendor since it was first read? What we wrote is no change.
    pub changed: bool,
}

impl Row {
    /// Owners that `record`, as it came now, has and this row had not; those who came earlier keep their time (SK-17).
    pub fn newcomers_in(&self, record: &Record, now: Instant) -> Vec<Newcomer> {
        let mut newcomers = Vec::new();
        for (role, owner) in &record.owners {
            let (Owner::Known(present), Owner::Known(before)) = (owner, self.record.owner(role)) else { continue };
            for owner in present {
                if let Some(newcomer) = self.newcomers.iter().find(|newcomer| newcomer.role == *role && newcomer.owner == *owner) {
                    newcomers.push(newcomer.clone());
                } else if !before.contains(owner) {
                    newcomers.push(Newcomer { role: role.clone(), owner: owner.clone(), since: now });
                }
            }
        }
        newcomers
    }
}

/// Proof that the caller holds the integration's lease: every write of a run checks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The integration.
    pub integration: String,
    /// Moves with every acquisition.
    pub token: i64,
}

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The machine (its boot id, so that a reboot counts as death).
    pub machine: String,
    /// The process.
    pub process: u32,
    /// When that process began, in the operating system's own count: a reused number is another process.
    pub born: u64,
}

/// What became of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leased {
    /// It is ours.
    Held(Fence),
    /// Someone living holds it until then.
    Busy(Holder, Instant),
}

/// The state of an integration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationState {
    /// Paused since when, by whom, why.
    pub paused: Option<Authorship>,
    /// May account managers edit its code table (SK-5)?
    pub editable: bool,
}

/// A final outcome of a ledger entry, and what the image shall hold from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The entry.
    pub entry: EntryId,
    /// Its state.
    pub state: EntryState,
    /// Remark or refusal.
    pub note: Option<String>,
    /// Put `after` of the entry into the image as what stands there now (fact: sent).
    pub into_image: bool,
    /// What else is true from now on, in the same transaction.
    pub consequences: Vec<Consequence>,
}

impl Settled {
    /// Does a hold of the same record end with it? A plan over a source that was not wholly read closes none.
    pub fn ends_hold(&self) -> bool {
        let done = matches!(self.state, EntryState::Done | EntryState::Unchanged);
        done && self.consequences.iter().any(|consequence| matches!(consequence, Consequence::Credit(_) | Consequence::Uncredit(..)))
    }
}

/// What a settled entry makes true, where the target cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// This is what the target holds of a figure.
    Credit(Credit),
    /// The target no longer holds this record.
    Uncredit(ConnectionName, RecordId),
    /// This is known of a person of the target.
    Facts(ConnectionName, Kind, NewFacts),
    /// Two people are one; a link that stands is not replaced.
    Link(Link),
}

/// Which ledger entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this integration.
    pub integration: Option<String>,
    /// Of this target record.
    pub target: Option<(ConnectionName, Kind, RecordId)>,
    /// Of the change with this number.
    pub change: Option<i64>,
    /// With this pairing key value.
    pub code: Option<String>,
    /// In one of these states; empty: any.
    pub states: Vec<EntryState>,
    /// Entries numbered above this, ascending; `None` with `latest_first`: from the newest.
    pub after: Option<EntryId>,
    /// Newest first.
    pub latest_first: bool,
    /// At most so many.
    pub limit: usize,
}

/// Which runs, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this integration.
    pub integration: Option<String>,
    /// That ended so, or (`Some(None)`) have not ended.
    pub outcome: Option<Option<RunOutcome>>,
    /// Numbered below this; `None`: from the newest.
    pub before: Option<RunId>,
    /// At most so many.
    pub limit: usize,
}

/// Which plans, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanFilter {
    /// Of this integration.
    pub integration: Option<String>,
    /// Only those that wait for somebody's word: `Ready` or `Refused`.
    pub waiting: bool,
    /// Numbered below this; `None`: from the newest.
    pub before: Option<PlanId>,
    /// At most so many.
    pub limit: usize,
}

/// Which cases, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// Of this integration.
    pub integration: Option<String>,
    /// With this reason.
    pub reason: Option<String>,
    /// Only those that are open.
    pub open: bool,
    /// Numbered above this.
    pub after: Option<CaseId>,
    /// At most so many.
    pub limit: usize,
}

/// Everything the engine must remember. Every method is one transaction. Methods with a [`Fence`] fail with `Conflict` when the lease was lost.
#[allow(clippy::too_many_arguments, reason = "what ends a run is one transaction")]
#[async_trait]
pub trait Store: PeopleStore {
    // --- leases and integration state -------------------------------------------------------------------------------------------

    /// Takes the integration's lease. A dead holder's lease is taken over at once on the same machine, by expiry elsewhere.
    async fn lease(&self, integration: &str, holder: &Holder, now: Instant, until: Instant) -> Result<Leased>;
    /// Extends a held lease.
    async fn renew(&self, fence: &Fence, until: Instant) -> Result<()>;
    /// Gives it back.
    async fn release(&self, fence: &Fence) -> Result<()>;
    /// State of an integration; the default where it was never touched.
    async fn integration(&self, integration: &str) -> Result<IntegrationState>;
    /// Pauses or resumes.
    async fn pause(&self, integration: &str, paused: bool, by: &Authorship) -> Result<()>;

    /// Ties a connection's name to what it stands for (account and scope). Gives back what it stood for before, where that differs: then
    /// nothing is changed, since rows of two accounts must never meet under one name.
    async fn tie_connection(&self, connection: &ConnectionName, stands_for: &str) -> Result<Option<String>>;

    // --- slots ------------------------------------------------------------------------------------------------------------------

    /// Small state of a connection. Sealed where a master key is given, in clear where none is: tokens must not be put here without one.
    async fn load_slot(&self, connection: &ConnectionName) -> Result<SlotValue>;
    /// Compare-and-set.
    async fn swap_slot(&self, connection: &ConnectionName, revision: u64, text: Option<Secret>) -> Result<bool>;

    // --- images -----------------------------------------------------------------------------------------------------------------

    /// Opens an image, creating it where it does not exist.
    async fn image(&self, spec: &ImageSpec) -> Result<Image>;
    /// The read in progress, if any.
    async fn open_read(&self, image: ImageId) -> Result<Option<OpenRead>>;
    /// Begins a read, dropping one in progress.
    async fn begin_read(&self, fence: &Fence, image: ImageId, rows: Rows) -> Result<()>;
    /// Stores pages of the open read, in order, and moves their cursors on: all in one transaction, which costs as much as a page of its own.
    /// `now` dates newcomers.
    async fn put_pages(&self, fence: &Fence, image: ImageId, pages: Vec<PageIn>, now: Instant) -> Result<Stored>;
    /// The same for one page.
    async fn put_page(&self, fence: &Fence, image: ImageId, page: PageIn, now: Instant) -> Result<Stored> {
        self.put_pages(fence, image, vec![page], now).await
    }
    /// Ends the open read: judges completeness, moves the mark if complete, marks rows gone that a complete full read no longer found.
    async fn end_read(&self, fence: &Fence, image: ImageId, now: Instant) -> Result<ReadEnd>;
    /// Stores rows read by id (settling, staleness checks): `missing` are ids that were asked for and not found, now gone.
    async fn put_rows(&self, fence: &Fence, image: ImageId, items: Vec<Record>, missing: Vec<RecordId>, now: Instant) -> Result<Stored>;
    /// Rows that are not gone, ascending by (join key in byte order, id), in chunks of one consistent snapshot. Rows without the key come first, as the empty key.
    fn ordered(&self, image: ImageId) -> BoxStream<'static, Result<Vec<Row>>>;
    /// Rows by id, in no order; ids not found are left out. Gone rows are left out.
    async fn rows(&self, image: ImageId, ids: &[RecordId]) -> Result<Vec<Row>>;
    /// Rows by join key, in no order. Gone rows are left out.
    async fn rows_by_key(&self, image: ImageId, keys: &[String]) -> Result<Vec<Row>>;

    // --- code tables --------------------------------------------------------------------------------------------------------------

    /// The table at its present version.
    async fn code_table(&self, integration: &str) -> Result<CodeTable>;
    /// Saves edits if the present version is `expected`. Saving what already stands makes no version.
    async fn save_codes(&self, integration: &str, expected: i64, edits: &[CodeEdit], by: &Authorship) -> Result<Saved>;
    /// Notes that a run read the table (SK-8).
    async fn codes_read(&self, fence: &Fence, at: Instant) -> Result<()>;
    /// Versions below a number, newest first; `None`: from the newest.
    async fn code_versions_before(&self, integration: &str, before: Option<i64>, limit: usize) -> Result<Vec<TableVersion>>;
    /// Versions, newest first.
    async fn code_versions(&self, integration: &str, limit: usize) -> Result<Vec<TableVersion>> {
        self.code_versions_before(integration, None, limit).await
    }
    /// The rows that stood at a version, ascending; version 0 has none. `NotFound` where there was no such version.
    async fn code_rows_at(&self, integration: &str, version: i64) -> Result<Vec<CodeRow>>;
    /// The newest version that brought or removed a row of each of these codes, and by whom; codes that never had one are left out.
    async fn code_changes(&self, integration: &str, codes: &[String]) -> Result<Vec<(String, CodeChange)>>;
    /// Codes seen in the source with how many paired records each has; replaces what was kept.
    async fn put_code_counts(&self, fence: &Fence, counts: &[(String, u64)]) -> Result<()>;
    /// Codes last seen in the source.
    async fn code_counts(&self, integration: &str) -> Result<Vec<(String, u64)>>;

    // --- plans ------------------------------------------------------------------------------------------------------------------

    /// Begins a plan in state `Drafting`. Older plans of the integration that were never applied are dropped.
    async fn begin_plan(&self, fence: &Fence, plan: &Plan) -> Result<PlanId>;
    /// Adds changes, holds and cases found on the way, one chunk.
    async fn add_to_plan(
        &self,
        fence: &Fence,
        plan: PlanId,
        changes: &[Change],
        holds: &[NewHold],
        cases: &[NewCase],
        now: Instant,
    ) -> Result<()>;
    /// Ends drafting: state `Ready` or `Refused`. With `whole`, cases and holds not seen by this plan are closed (a pilot plan closes nothing).
    async fn end_plan(
        &self,
        fence: &Fence,
        plan: PlanId,
        counts: &PlanCounts,
        refusals: &[Refusal],
        whole: bool,
        now: Instant,
    ) -> Result<()>;
    /// Moves a plan to another state; `passed` names who let it through and why. `Conflict` where it shall be applied and was dropped meanwhile.
    async fn set_plan_state(
        &self,
        fence: &Fence,
        plan: PlanId,
        state: PlanState,
        passed: Option<Authorship>,
        run: Option<RunId>,
    ) -> Result<()>;
    /// A plan.
    async fn plan(&self, plan: PlanId) -> Result<Option<Plan>>;
    /// Plans, newest first.
    async fn plans_where(&self, filter: &PlanFilter) -> Result<Vec<Plan>>;
    /// Plans of an integration, newest first.
    async fn plans(&self, integration: &str, limit: usize) -> Result<Vec<Plan>> {
        self.plans_where(&PlanFilter { integration: Some(integration.to_owned()), limit, ..PlanFilter::default() }).await
    }
    /// Changes numbered above `after`, ascending.
    async fn changes(&self, plan: PlanId, after: i64, limit: usize) -> Result<Vec<Change>>;

    // --- runs and their journal -----------------------------------------------------------------------------------------------------

    /// Begins a run; `by` names who asked for it.
    async fn begin_run(&self, fence: &Fence, task: &RunTask, body_version: u32, by: Option<&str>, now: Instant) -> Result<RunId>;
    /// The run of the integration that was begun and not ended.
    async fn unfinished_run(&self, integration: &str) -> Result<Option<Run>>;
    /// Notes that a run was taken up again.
    async fn resume_run(&self, fence: &Fence, run: RunId) -> Result<()>;
    /// The remembered result of a step.
    async fn journal(&self, run: RunId, step: &str) -> Result<Option<Json>>;
    /// Remembers the result of a step.
    async fn put_journal(&self, fence: &Fence, run: RunId, step: &str, result: &Json) -> Result<()>;
    /// Ends a run. A whole one that is complete is the integration's last complete run from now on. Where it applied a plan, moves of records of `kind` are what its table's version did (see [`ReviewStore::effects`]).
    ///
    /// [`ReviewStore::effects`]: crate::ReviewStore::effects
    async fn end_run(
        &self,
        fence: &Fence,
        run: RunId,
        kind: &Kind,
        outcome: RunOutcome,
        plan: Option<PlanId>,
        counts: &RunCounts,
        notes: &[String],
        now: Instant,
    ) -> Result<()>;
    /// A run.
    async fn run(&self, run: RunId) -> Result<Option<Run>>;
    /// Runs, newest first.
    async fn runs_where(&self, filter: &RunFilter) -> Result<Vec<Run>>;
    /// Runs of one integration or of all, newest first.
    async fn runs(&self, integration: Option<&str>, limit: usize) -> Result<Vec<Run>> {
        self.runs_where(&RunFilter { integration: integration.map(str::to_owned), limit, ..RunFilter::default() }).await
    }

    // --- ledger -------------------------------------------------------------------------------------------------------------------

    /// Writes intents before the call; returns their numbers in order. An intent of the same (run, change) that exists already is given back with its number and one more attempt.
    async fn intend(&self, fence: &Fence, entries: &[Entry]) -> Result<Vec<EntryId>>;
    /// Writes outcomes after the call, into the image what now stands there, and the exchanges that told us.
    async fn settle(&self, fence: &Fence, image: ImageId, settled: &[Settled], carried: &[Carried], now: Instant) -> Result<()>;
    /// The exchanges that carried a change of a run or looked after it, oldest first. They are kept for [`EXCHANGE_RUNS`](crate::EXCHANGE_RUNS)
    /// runs of each integration: the beginning of a run drops those of older ones.
    async fn exchanges(&self, run: RunId, change: i64) -> Result<Vec<Exchange>>;
    /// Entries.
    async fn entries(&self, filter: &EntryFilter) -> Result<Vec<Entry>>;
    /// Highest change number of the run that has an entry: changes above it were never begun.
    async fn last_intended(&self, run: RunId) -> Result<i64>;
    /// Entries of a run by state.
    async fn entry_counts(&self, run: RunId) -> Result<Vec<(EntryState, u64)>>;

    // --- cases and holds --------------------------------------------------------------------------------------------------------------

    /// Opens or refreshes cases outside a plan (writes refused, disputes).
    async fn put_cases(&self, fence: &Fence, cases: &[NewCase], now: Instant) -> Result<()>;
    /// Cases, oldest first.
    async fn cases_where(&self, filter: &CaseFilter) -> Result<Vec<Case>>;
    /// Cases of one integration or of all, oldest first; `open` only, or all.
    async fn cases(&self, integration: Option<&str>, open: bool, after: Option<CaseId>, limit: usize) -> Result<Vec<Case>> {
        let integration = integration.map(str::to_owned);
        self.cases_where(&CaseFilter { integration, reason: None, open, after, limit }).await
    }
    /// Open cases by reason.
    async fn case_counts(&self, integration: Option<&str>) -> Result<Vec<(String, u64)>>;
    /// Holds, oldest first.
    async fn holds(&self, integration: Option<&str>, after: Option<HoldId>, limit: usize) -> Result<Vec<Hold>>;
    /// Drops a hold, and lets go what it would have written; `false` where there is none such.
    async fn drop_hold(&self, hold: HoldId, by: &Authorship) -> Result<bool>;
}
