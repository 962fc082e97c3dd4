//! The engine's `Store` port over SQLite: each method is one transaction of the module that knows its tables.

use std::path::Path;

use futures::stream::BoxStream;
use rightful_core::{ConnectionName, Exchange, Instant, Kind, Record, RecordId, Result, Rows, Secret, SlotValue, async_trait};
use rightful_engine::{
    Authorship, Carried, Case, CaseFilter, Change, CodeChange, CodeEdit, CodeRow, CodeTable, Entry, EntryFilter, EntryId, EntryState,
    Fence, Hold, HoldId, Holder, Image, ImageId, ImageSpec, IntegrationState, Leased, NewCase, NewHold, OpenRead, PageIn, Plan, PlanCounts,
    PlanFilter, PlanId, PlanState, ReadEnd, Refusal, Row, Run, RunCounts, RunFilter, RunId, RunOutcome, RunTask, Saved, Settled, Store,
    Stored, TableVersion,
};
use rusqlite::Transaction;
use serde_json::{Value as Json, json};

use crate::audit::authored;
use crate::database::{Database, blocking};
use crate::runs::Ending;
use crate::vault::{MasterKey, Vault};
use crate::{backup, connections, exchanges, images, ledger, plans, runs, tables, work};

/// The embedded store: one SQLite file. Several processes may use it at once.
#[derive(Clone, Debug)]
pub struct SqliteStore(pub(crate) Database, pub(crate) Vault);

impl SqliteStore {
    /// Opens the database, creating and migrating it where needed. Only its owner may read a file that it creates.
    ///
    /// # Errors
    /// `Config` where the file cannot be opened, is no such database or was written by a newer version; `Unavailable` where it is locked.
    pub fn open(path: &Path) -> Result<Self> {
        Database::open(path).map(|database| Self(database, Vault::default()))
    }

    /// With what came of fetching the master key; `None`: none is configured. Where it could not be fetched, or is no key, that is told once a
    /// secret is wanted: whatever needs none goes on.
    #[must_use]
    pub fn with_master_key(self, given: Result<Option<Secret>>) -> Self {
        Self(self.0, Vault::new(given))
    }

    /// Can secrets be sealed: is a master key given?
    pub fn can_seal(&self) -> bool {
        self.1.given().is_some()
    }

    /// Can everything that is sealed be opened?
    ///
    /// # Errors
    /// `Config` where the master key is missing or another one: names the one that is wanted, and how to give it.
    pub async fn check_sealed(&self) -> Result<()> {
        let vault = self.1.clone();
        self.0.read(move |tx| vault.check(tx)).await
    }

    /// Seals the keys of all connections under another master key, in one transaction; how many there were. Nothing is written in the audit log
    /// where there was nothing to do. From then on this store, as opened, cannot open them any more.
    ///
    /// # Errors
    /// `Config` where the present master key is not given.
    pub async fn rotate_master_key(&self, to: MasterKey, by: &Authorship) -> Result<u64> {
        let (vault, by) = (self.1.clone(), by.clone());
        self.0
            .write(move |tx| {
                let rotated = vault.rotate(tx, &to)?;
                if rotated > 0 {
                    let from = vault.given().map(MasterKey::id);
                    authored(tx, "key.rotate", "master key", &by, json!({ "from": from, "to": to.id(), "connections": rotated }))?;
                }
                Ok(rotated)
            })
            .await
    }

    /// Forgets what is sealed under master keys that are lost: any but the one that is given. Gives back the connections whose secrets have to be
    /// entered again.
    ///
    /// # Errors
    /// `Config` where the master key that was named cannot be had: then nothing is lost yet. As the database.
    pub async fn forget_unopenable(&self, by: &Authorship) -> Result<Vec<String>> {
        let (vault, by) = (self.1.clone(), by.clone());
        self.0
            .write(move |tx| {
                vault.had()?;
                let names = connections::forget_unopenable(tx, vault.given().map(MasterKey::id))?;
                if !names.is_empty() {
                    authored(tx, "key.forget", "master key", &by, json!({ "connections": names }))?;
                }
                Ok(names)
            })
            .await
    }

    /// Copies the whole store into a new file, only for its owner to read, while others go on working. `replace` takes the place of a file that
    /// is there. Sealed secrets are copied as they are: without the master key nobody reads them there either.
    ///
    /// # Errors
    /// `Conflict` where the file is there; as the database. Then there is no file, or still the old one.
    pub async fn backup(&self, to: &Path, replace: bool) -> Result<()> {
        let (database, to) = (self.0.clone(), to.to_owned());
        blocking(move || backup::backup(&database, &to, replace)).await
    }

    /// Puts a backup in the place of a store that nobody has open; `force` replaces one that is there. Leases, sessions and one-time links of the
    /// time of the backup are over, and the audit log says who restored it.
    ///
    /// # Errors
    /// `Conflict` where a store is there and `force` is not said, or somebody has it open; `Config` where the backup is of another program, of a
    /// newer version, or damaged. Then everything is as it was.
    pub async fn restore(from: &Path, to: &Path, force: bool, by: &Authorship) -> Result<()> {
        let (from, to, by) = (from.to_owned(), to.to_owned(), by.clone());
        blocking(move || backup::restore(&from, &to, force, &by)).await
    }

    /// One transaction under a fence.
    pub(crate) async fn fenced<T, F>(&self, fence: &Fence, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>, &Fence) -> Result<T> + Send + 'static,
    {
        let fence = fence.clone();
        self.0
            .write(move |tx| {
                runs::check(tx, &fence)?;
                body(tx, &fence)
            })
            .await
    }

    /// The same for what can be had again: it does not wait for the disk.
    async fn fenced_lightly<T, F>(&self, fence: &Fence, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>, &Fence) -> Result<T> + Send + 'static,
    {
        let fence = fence.clone();
        self.0
            .write_lightly(move |tx| {
                runs::check(tx, &fence)?;
                body(tx, &fence)
            })
            .await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn lease(&self, integration: &str, holder: &Holder, now: Instant, until: Instant) -> Result<Leased> {
        let integration = integration.to_owned();
        let holder = holder.clone();
        self.0.write(move |tx| runs::lease(tx, &integration, &holder, now, until)).await
    }

    async fn renew(&self, fence: &Fence, until: Instant) -> Result<()> {
        self.fenced(fence, move |tx, fence| runs::renew(tx, fence, until)).await
    }

    async fn release(&self, fence: &Fence) -> Result<()> {
        self.fenced(fence, runs::release).await
    }

    async fn integration(&self, integration: &str) -> Result<IntegrationState> {
        let integration = integration.to_owned();
        self.0.read(move |tx| runs::integration(tx, &integration)).await
    }

    async fn pause(&self, integration: &str, paused: bool, by: &Authorship) -> Result<()> {
        let (integration, by) = (integration.to_owned(), by.clone());
        self.0.write(move |tx| runs::pause(tx, &integration, paused, &by)).await
    }

    async fn tie_connection(&self, connection: &ConnectionName, stands_for: &str) -> Result<Option<String>> {
        let (connection, stands_for) = (connection.clone(), stands_for.to_owned());
        self.0.write(move |tx| runs::tie_connection(tx, &connection, &stands_for)).await
    }

    async fn load_slot(&self, connection: &ConnectionName) -> Result<SlotValue> {
        let (vault, connection) = (self.1.clone(), connection.clone());
        self.0.read(move |tx| runs::load_slot(tx, &vault, &connection)).await
    }

    async fn swap_slot(&self, connection: &ConnectionName, revision: u64, text: Option<Secret>) -> Result<bool> {
        let (vault, connection) = (self.1.clone(), connection.clone());
        self.0.write(move |tx| runs::swap_slot(tx, &vault, &connection, revision, text.as_ref())).await
    }

    async fn image(&self, spec: &ImageSpec) -> Result<Image> {
        // Nearly always it is there: whoever only looks need not wait for a writer.
        let known = spec.clone();
        if let Some(image) = self.0.read(move |connection| images::find_image(connection, &known)).await? {
            return Ok(image);
        }
        let spec = spec.clone();
        self.0.write(move |tx| images::open_image(tx, &spec)).await
    }

    async fn open_read(&self, image: ImageId) -> Result<Option<OpenRead>> {
        self.0.read(move |tx| images::open_read(tx, image)).await
    }

    async fn begin_read(&self, fence: &Fence, image: ImageId, rows: Rows) -> Result<()> {
        self.fenced(fence, move |tx, _| images::begin_read(tx, image, &rows)).await
    }

    async fn put_pages(&self, fence: &Fence, image: ImageId, pages: Vec<PageIn>, now: Instant) -> Result<Stored> {
        self.fenced_lightly(fence, move |tx, _| {
            let mut stored = Stored::default();
            for page in pages {
                stored += images::put_page(tx, image, page, now)?;
            }
            Ok(stored)
        })
        .await
    }

    async fn end_read(&self, fence: &Fence, image: ImageId, now: Instant) -> Result<ReadEnd> {
        self.fenced(fence, move |tx, _| images::end_read(tx, image, now)).await
    }

    async fn put_rows(&self, fence: &Fence, image: ImageId, items: Vec<Record>, missing: Vec<RecordId>, now: Instant) -> Result<Stored> {
        self.fenced(fence, move |tx, _| images::put_rows(tx, image, items, &missing, now)).await
    }

    fn ordered(&self, image: ImageId) -> BoxStream<'static, Result<Vec<Row>>> {
        images::ordered(&self.0, image)
    }

    async fn rows(&self, image: ImageId, ids: &[RecordId]) -> Result<Vec<Row>> {
        let ids = ids.to_vec();
        self.0.read(move |tx| images::rows_of(tx, image, &ids)).await
    }

    async fn rows_by_key(&self, image: ImageId, keys: &[String]) -> Result<Vec<Row>> {
        let keys = keys.to_vec();
        self.0.read(move |tx| images::rows_by_key(tx, image, &keys)).await
    }

    async fn code_table(&self, integration: &str) -> Result<CodeTable> {
        let integration = integration.to_owned();
        self.0.read(move |tx| tables::code_table(tx, &integration)).await
    }

    async fn save_codes(&self, integration: &str, expected: i64, edits: &[CodeEdit], by: &Authorship) -> Result<Saved> {
        let integration = integration.to_owned();
        let edits = edits.to_vec();
        let by = by.clone();
        self.0.write(move |tx| tables::save_codes(tx, &integration, expected, &edits, &by)).await
    }

    async fn codes_read(&self, fence: &Fence, at: Instant) -> Result<()> {
        self.fenced(fence, move |tx, fence| tables::codes_read(tx, &fence.integration, at)).await
    }

    async fn code_versions_before(&self, integration: &str, before: Option<i64>, limit: usize) -> Result<Vec<TableVersion>> {
        let integration = integration.to_owned();
        self.0.read(move |tx| tables::code_versions_before(tx, &integration, before, limit)).await
    }

    async fn code_rows_at(&self, integration: &str, version: i64) -> Result<Vec<CodeRow>> {
        let integration = integration.to_owned();
        self.0.read(move |tx| tables::code_rows_at(tx, &integration, version)).await
    }

    async fn code_changes(&self, integration: &str, codes: &[String]) -> Result<Vec<(String, CodeChange)>> {
        let (integration, codes) = (integration.to_owned(), codes.to_vec());
        self.0.read(move |tx| tables::code_changes(tx, &integration, codes)).await
    }

    async fn put_code_counts(&self, fence: &Fence, counts: &[(String, u64)]) -> Result<()> {
        let counts = counts.to_vec();
        self.fenced(fence, move |tx, fence| tables::put_code_counts(tx, &fence.integration, &counts)).await
    }

    async fn code_counts(&self, integration: &str) -> Result<Vec<(String, u64)>> {
        let integration = integration.to_owned();
        self.0.read(move |tx| tables::code_counts(tx, &integration)).await
    }

    async fn begin_plan(&self, fence: &Fence, plan: &Plan) -> Result<PlanId> {
        let plan = plan.clone();
        self.fenced(fence, move |tx, _| plans::begin_plan(tx, &plan)).await
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
        let changes = changes.to_vec();
        let holds = holds.to_vec();
        let cases = cases.to_vec();
        self.fenced_lightly(fence, move |tx, fence| plans::add_to_plan(tx, &fence.integration, plan, &changes, &holds, &cases, now)).await
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
        let counts = counts.clone();
        let refusals = refusals.to_vec();
        self.fenced(fence, move |tx, fence| plans::end_plan(tx, &fence.integration, plan, &counts, &refusals, whole, now)).await
    }

    async fn set_plan_state(
        &self,
        fence: &Fence,
        plan: PlanId,
        state: PlanState,
        passed: Option<Authorship>,
        run: Option<RunId>,
    ) -> Result<()> {
        self.fenced(fence, move |tx, _| plans::set_plan_state(tx, plan, state, passed, run)).await
    }

    async fn plan(&self, plan: PlanId) -> Result<Option<Plan>> {
        self.0.read(move |tx| plans::plan(tx, plan)).await
    }

    async fn plans_where(&self, filter: &PlanFilter) -> Result<Vec<Plan>> {
        let filter = filter.clone();
        self.0.read(move |tx| plans::plans(tx, &filter)).await
    }

    async fn changes(&self, plan: PlanId, after: i64, limit: usize) -> Result<Vec<Change>> {
        self.0.read(move |tx| plans::changes(tx, plan, after, limit)).await
    }

    async fn begin_run(&self, fence: &Fence, task: &RunTask, body_version: u32, by: Option<&str>, now: Instant) -> Result<RunId> {
        let (task, by) = (task.clone(), by.map(str::to_owned));
        self.fenced(fence, move |tx, fence| {
            exchanges::drop_old(tx, &fence.integration)?;
            runs::begin_run(tx, &fence.integration, &task, body_version, by, now)
        })
        .await
    }

    async fn unfinished_run(&self, integration: &str) -> Result<Option<Run>> {
        let integration = integration.to_owned();
        self.0.read(move |tx| runs::unfinished_run(tx, &integration)).await
    }

    async fn resume_run(&self, fence: &Fence, run: RunId) -> Result<()> {
        self.fenced(fence, move |tx, _| runs::resume_run(tx, run)).await
    }

    async fn journal(&self, run: RunId, step: &str) -> Result<Option<Json>> {
        let step = step.to_owned();
        self.0.read(move |tx| runs::journal(tx, run, &step)).await
    }

    async fn put_journal(&self, fence: &Fence, run: RunId, step: &str, result: &Json) -> Result<()> {
        let step = step.to_owned();
        let result = result.clone();
        self.fenced(fence, move |tx, _| runs::put_journal(tx, run, &step, &result)).await
    }

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
    ) -> Result<()> {
        let (kind, counts, notes) = (kind.clone(), counts.clone(), notes.to_vec());
        self.fenced(fence, move |tx, _| runs::end_run(tx, Ending { run, kind, outcome, plan, counts, notes }, now)).await
    }

    async fn run(&self, run: RunId) -> Result<Option<Run>> {
        self.0.read(move |tx| runs::run(tx, run)).await
    }

    async fn runs_where(&self, filter: &RunFilter) -> Result<Vec<Run>> {
        let filter = filter.clone();
        self.0.read(move |tx| runs::runs(tx, &filter)).await
    }

    async fn intend(&self, fence: &Fence, entries: &[Entry]) -> Result<Vec<EntryId>> {
        let entries = entries.to_vec();
        self.fenced(fence, move |tx, _| ledger::intend(tx, &entries)).await
    }

    async fn settle(&self, fence: &Fence, image: ImageId, settled: &[Settled], carried: &[Carried], now: Instant) -> Result<()> {
        let (settled, carried) = (settled.to_vec(), carried.to_vec());
        self.fenced(fence, move |tx, fence| {
            ledger::settle(tx, image, &settled, now)?;
            exchanges::put(tx, &fence.integration, &carried)
        })
        .await
    }

    async fn exchanges(&self, run: RunId, change: i64) -> Result<Vec<Exchange>> {
        self.0.read(move |tx| exchanges::of_change(tx, run, change)).await
    }

    async fn entries(&self, filter: &EntryFilter) -> Result<Vec<Entry>> {
        let filter = filter.clone();
        self.0.read(move |tx| ledger::entries(tx, &filter)).await
    }

    async fn last_intended(&self, run: RunId) -> Result<i64> {
        self.0.read(move |tx| ledger::last_intended(tx, run)).await
    }

    async fn entry_counts(&self, run: RunId) -> Result<Vec<(EntryState, u64)>> {
        self.0.read(move |tx| ledger::entry_counts(tx, run)).await
    }

    async fn put_cases(&self, fence: &Fence, cases: &[NewCase], now: Instant) -> Result<()> {
        let cases = cases.to_vec();
        self.fenced(fence, move |tx, fence| work::put_cases(tx, &fence.integration, &cases, None, now)).await
    }

    async fn cases_where(&self, filter: &CaseFilter) -> Result<Vec<Case>> {
        let filter = filter.clone();
        self.0.read(move |tx| work::cases(tx, &filter)).await
    }

    async fn case_counts(&self, integration: Option<&str>) -> Result<Vec<(String, u64)>> {
        let integration = integration.map(str::to_owned);
        self.0.read(move |tx| work::case_counts(tx, integration.as_deref())).await
    }

    async fn holds(&self, integration: Option<&str>, after: Option<HoldId>, limit: usize) -> Result<Vec<Hold>> {
        let integration = integration.map(str::to_owned);
        self.0.read(move |tx| work::holds(tx, integration.as_deref(), after, limit)).await
    }

    async fn drop_hold(&self, hold: HoldId, by: &Authorship) -> Result<bool> {
        let by = by.clone();
        self.0.write(move |tx| work::drop_hold(tx, hold, &by)).await
    }
}
