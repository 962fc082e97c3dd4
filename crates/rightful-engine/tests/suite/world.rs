//! A scripted vendor in memory and a small world around it: two connections, one integration, one store.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rightful_core::*;
use rightful_engine::*;

use crate::stand::Stand;

pub const ROLE: Role = Role::fixed("assigned");
pub const CUSTOMER: Kind = Kind::fixed("customer");
pub const USER: Kind = Kind::fixed("user");
pub const FREQUENCY: Kind = Kind::fixed("visit-frequency");
pub const EMPLOYEE: Kind = Kind::fixed("employee");
pub const CODE_FIELD: FieldName = FieldName::fixed("CUSTREPID");

/// What a page does besides being a page.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    pub size: usize,
    /// All cursors at once (page numbers), or one after the other.
    pub wide: bool,
    /// Rows of the previous page come again.
    pub repeats: bool,
    /// How often a scan loses a row between two pages, because another row moved in front of it.
    pub moves: usize,
    /// Answers of early pages come late.
    pub late: bool,
    /// How often a cursor dies.
    pub restarts: usize,
    /// Says how many rows there are.
    pub totals: bool,
    /// Order of rows within a scan: rotated by so many.
    pub rotate: usize,
}

/// What becomes of one item of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Applied, but the answer is lost.
    LostApplied,
    /// Not applied, and the answer is lost.
    LostUnapplied,
    /// Refused for good.
    Refused,
    /// The vendor is busy: certainly not applied.
    Busy,
    /// Sign-in refused before anything was sent.
    Unauthenticated,
    /// Somebody else changes the record at this moment, and the answer is lost.
    LostAndChanged,
}

#[derive(Debug, Default)]
pub struct Inside {
    rows: BTreeMap<(Kind, RecordId), (Record, u64)>,
    version: u64,
    pub paging: Paging,
    pub faults: VecDeque<Option<Fault>>,
    /// Every write that took effect, by record and key.
    pub written: Vec<(RecordId, String)>,
    pub calls: Vec<String>,
    /// Rows of incremental reads are hidden: deletions and lost permissions.
    pub fail_reads: Option<(Kind, ErrorKind)>,
    /// Rows that a kind shows at most.
    pub shows: BTreeMap<Kind, usize>,
}

#[derive(Debug)]
pub struct Vendor {
    pub kinds: Vec<KindSpec>,
    inside: Mutex<Inside>,
}

pub const VENDOR: VendorId = VendorId::fixed("scripted");

impl Vendor {
    pub fn new(kinds: Vec<KindSpec>) -> Self {
        let inside = Inside { paging: Paging { size: 7, wide: true, totals: true, ..Paging::default() }, ..Inside::default() };
        Self { kinds, inside: Mutex::new(inside) }
    }

    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn put(&self, kind: &Kind, record: Record) {
        let mut inside = self.inside();
        inside.version += 1;
        let version = inside.version;
        inside.rows.insert((kind.clone(), record.id.clone()), (record, version));
    }

    /// Behind every mark that was ever given out.
    pub fn put_late(&self, kind: &Kind, record: Record) {
        self.inside().rows.insert((kind.clone(), record.id.clone()), (record, 0));
    }

    pub fn change(&self, kind: &Kind, id: &str, change: impl FnOnce(&mut Record)) {
        let mut record = self.record(kind, id).expect("the record exists");
        change(&mut record);
        self.put(kind, record);
    }

    pub fn remove(&self, kind: &Kind, id: &str) {
        self.inside().rows.remove(&(kind.clone(), RecordId::new(id)));
    }

    pub fn record(&self, kind: &Kind, id: &str) -> Option<Record> {
        self.inside().rows.get(&(kind.clone(), RecordId::new(id))).map(|(record, _)| record.clone())
    }

    /// Owners of every record of a kind, by id.
    pub fn owners(&self, kind: &Kind) -> BTreeMap<String, Vec<String>> {
        let inside = self.inside();
        let of_kind = inside.rows.iter().filter(|((known, _), _)| known == kind);
        of_kind
            .map(|((_, id), (record, _))| {
                let owners = record.owners.iter().find_map(|(_, owner)| match owner {
                    Owner::Known(owners) => Some(owners.clone()),
                    _ => None,
                });
                (id.to_string(), owners.unwrap_or_default())
            })
            .collect()
    }

    pub fn writes(&self) -> usize {
        self.inside().written.len()
    }

    /// No record was written twice under different keys or the same key.
    pub fn assert_each_written_once(&self) {
        let inside = self.inside();
        let distinct: BTreeSet<_> = inside.written.iter().map(|(id, _)| id).collect();
        assert_eq!(distinct.len(), inside.written.len(), "a record was written twice: {:?}", inside.written);
    }

    fn page(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        let mut inside = self.inside();
        inside.calls.push(format!("read {} {:?}", scan.kind, from.map(|cursor| cursor.at.clone())));
        if let Some((kind, error)) = &inside.fail_reads
            && *kind == scan.kind
        {
            return Err(Error::new(*error, "the vendor says no").hint("mend it"));
        }
        let at: usize = match from {
            None => 0,
            Some(cursor) => cursor.check(&VENDOR, 1, scan)?.parse().expect("our own cursor"),
        };
        if at > 0 && inside.paging.restarts > 0 {
            inside.paging.restarts -= 1;
            return Err(Error::new(ErrorKind::Restart, "the cursor is dead"));
        }
        let of_kind = || inside.rows.iter().filter(|((kind, _), _)| *kind == scan.kind);
        let shown = inside.shows.get(&scan.kind).copied().unwrap_or(usize::MAX);
        let whole = of_kind().count().min(shown);
        let mut rows: Vec<Record> = match &scan.rows {
            Rows::All => of_kind().take(shown).map(|(_, (record, _))| record.clone()).collect(),
            Rows::Since(mark) => {
                let since: u64 = mark.0.parse().expect("our own mark");
                of_kind().take(shown).filter(|(_, (_, version))| *version >= since).map(|(_, (record, _))| record.clone()).collect()
            }
            Rows::Ids(ids) => {
                ids.iter().filter_map(|id| inside.rows.get(&(scan.kind.clone(), id.clone()))).map(|(record, _)| record.clone()).collect()
            }
            Rows::Keys(..) => return Err(Error::new(ErrorKind::Unsupported, "no reads by key")),
        };
        let total = rows.len();
        if total > 0 {
            let by = inside.paging.rotate % total;
            rows.rotate_left(by);
        }
        let size = inside.paging.size.max(1);
        let mut items: Vec<Record> = rows.iter().skip(at * size).take(size).cloned().collect();
        if inside.paging.repeats && at > 0 {
            items.extend(rows.iter().skip((at - 1) * size).take(size).cloned());
        }
        if at > 0 && inside.paging.moves > 0 && matches!(scan.rows, Rows::All) && items.len() > 1 {
            // A row of this page moved to a page that was read already.
            inside.paging.moves -= 1;
            items.remove(0);
        }
        let pages = total.div_ceil(size).max(1);
        let next: Vec<usize> = match (inside.paging.wide, at) {
            (true, 0) => (1..pages).collect(),
            (true, _) => Vec::new(),
            (false, _) => (at + 1 < pages).then_some(at + 1).into_iter().collect(),
        };
        let totals = inside.paging.totals;
        let fields = scan.fields.len();
        items.iter_mut().for_each(|record| record.values.truncate(fields));
        Ok(Page {
            items,
            next: next.into_iter().map(|at| Cursor::new(&VENDOR, 1, scan, at.to_string())).collect(),
            total: totals.then_some(total as u64),
            whole: totals.then_some(whole as u64),
            mark: (at == 0).then(|| Mark(inside.version.to_string())),
        })
    }

    fn apply(&self, kind: &Kind, write: &Write, fault: Option<Fault>) -> Outcome {
        let Target::Id(id) = &write.target else { panic!("this job never creates") };
        let lost = || Error::new(ErrorKind::Unavailable, "the connection broke off");
        match fault {
            Some(Fault::Refused) => return Outcome::NotDone(Error::new(ErrorKind::Rejected, "unknown user").hint("use a known user")),
            Some(Fault::Busy) => return Outcome::NotDone(Error::new(ErrorKind::RateLimited, "too many requests")),
            Some(Fault::LostUnapplied) => return Outcome::Unknown(lost()),
            Some(Fault::LostAndChanged) => {
                self.change(kind, id.as_str(), |record| record.owners[0].1 = Owner::Known(vec!["999".into()]));
                return Outcome::Unknown(lost());
            }
            _ => {}
        }
        let Some(mut record) = self.record(kind, id.as_str()) else {
            return Outcome::NotDone(Error::new(ErrorKind::NotFound, "no such record"));
        };
        for change in &write.owners {
            for (role, owner) in &mut record.owners {
                if *role == change.role {
                    *owner = Owner::Known(change.to.clone());
                }
            }
        }
        self.put(kind, record);
        self.inside().written.push((id.clone(), write.key.clone()));
        match fault {
            Some(Fault::LostApplied) => Outcome::Unknown(lost()),
            _ => Outcome::Done { id: id.clone(), created: false },
        }
    }
}

#[async_trait]
impl Connector for Vendor {
    fn kinds(&self) -> &[KindSpec] {
        &self.kinds
    }

    async fn preflight(&self, _purpose: &Purpose) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    async fn read(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        let page = self.page(scan, from);
        tell(Exchange {
            operation: "read".into(),
            at: Instant::UNIX_EPOCH,
            method: "GET".into(),
            url: "https://field.example/customers".into(),
            idempotent: true,
            request: String::new(),
            status: page.is_ok().then_some(200),
            response: String::new(),
        });
        if self.inside().paging.late {
            let waits = from.and_then(|cursor| cursor.at.parse::<usize>().ok()).map_or(0, |at| 40_usize.saturating_sub(at * 3));
            for _ in 0..waits {
                tokio::task::yield_now().await;
            }
        }
        page
    }

    async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        self.inside().calls.push(format!("write {kind} {}", batch.len()));
        let faults: Vec<Option<Fault>> = batch.iter().map(|_| self.inside().faults.pop_front().flatten()).collect();
        let sent: Vec<&str> = batch
            .iter()
            .map(|write| match &write.target {
                Target::Id(id) => id.as_str(),
                Target::New => "new",
                Target::Removed(_) => panic!("this job never removes"),
            })
            .collect();
        tell(Exchange {
            operation: "write".into(),
            at: Instant::UNIX_EPOCH,
            method: "PATCH".into(),
            url: "https://field.example/customers".into(),
            idempotent: false,
            request: sent.join(" "),
            status: Some(200),
            response: String::new(),
        });
        if faults.contains(&Some(Fault::Unauthenticated)) {
            return Err(Error::new(ErrorKind::Unauthenticated, "the key was not accepted").hint("renew the key"));
        }
        tokio::task::yield_now().await;
        Ok(batch.iter().zip(faults).map(|(write, fault)| self.apply(kind, write, fault)).collect())
    }
}

pub fn record(id: &str, keys: &[(&str, &str)], name: &str) -> Record {
    Record {
        id: id.into(),
        keys: keys.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| Key::new(*name, *value)).collect(),
        name: name.into(),
        owners: Vec::new(),
        person: None,
        values: Vec::new(),
        changed_at: None,
        state: State::Active,
    }
}

/// Waits for something in the middle of a function that cannot wait.
pub fn at_once<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let wait = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    std::thread::scope(|scope| scope.spawn(wait).join().unwrap())
}

/// Two connections, one integration.
pub struct World {
    pub stand: Arc<Stand>,
    pub store: Arc<dyn Store>,
    pub source: Arc<Vendor>,
    pub target: Arc<Vendor>,
    pub clock: ManualClock,
    pub integration: Integration,
    holder: Holder,
}

impl World {
    pub fn new() -> Self {
        let base = |kind: Kind| KindSpec { totals: true, changes: Changes::Since, ..KindSpec::read_only(kind) };
        let key = |name: &'static str, longest| KeySpec { name: KeyName::fixed(name), unique: true, longest };
        let role = |role: Role, many| RoleSpec { role, many, people: USER, key: KeyName::fixed("id"), writable: true };
        let source = vec![
            KindSpec {
                keys: vec![key("customer-id", None)],
                open_fields: true,
                roles: vec![RoleSpec {
                    role: Role::fixed("owner"),
                    many: false,
                    people: EMPLOYEE,
                    key: KeyName::fixed("employee-id"),
                    writable: false,
                }],
                ..base(CUSTOMER)
            },
            KindSpec { people: true, keys: vec![key("employee-id", None)], ..base(EMPLOYEE) },
        ];
        let target = vec![
            KindSpec { people: true, keys: vec![key("user-name", None), key("email", None)], changes: Changes::None, ..base(USER) },
            KindSpec {
                verbs: vec![Verb::Update],
                keys: vec![key("code", Some(40))],
                roles: vec![role(ROLE, true)],
                batch: 3,
                write_width: 2,
                ..base(CUSTOMER)
            },
            KindSpec {
                verbs: vec![Verb::Update],
                keys: vec![key("customer-id", None)],
                roles: vec![role(Role::fixed("owner"), false)],
                batch: 3,
                ..base(FREQUENCY)
            },
        ];
        let policy = Policy {
            source: Side { connection: "erp".into(), kind: CUSTOMER, key: "customer-id".into() },
            target: Side { connection: "field".into(), kind: CUSTOMER, key: "code".into() },
            role: ROLE,
            rules: vec![MatchRule::Code],
            code: CodeField { from: CodeFrom::Field(CODE_FIELD), label: "Rep Code".into() },
            follow: vec![FREQUENCY],
            assignment: Assignment::Replace,
            no_match: NoOwner::Leave,
            no_owner: NoOwner::Leave,
            caps: Caps {
                owner_moves: Cap { count: None, percent: Some(100), floor: 20 },
                removals: Cap { count: None, percent: Some(100), floor: 5 },
                accounts: Cap { count: Some(200), percent: None, floor: 0 },
                source_shrink_percent: 20,
            },
            include_inactive: false,
            newcomer_hours: 24,
            full_read_hours: 24,
            source_people: vec![EMPLOYEE],
            activity: None,
        };
        let now = Instant::from_timestamp(1_800_000_000, 0).expect("a valid time");
        let stand = Arc::new(Stand::new());
        Self {
            store: stand.store.clone(),
            holder: stand.holder(),
            stand,
            source: Arc::new(Vendor::new(source)),
            target: Arc::new(Vendor::new(target)),
            clock: ManualClock::at(now),
            integration: Integration { name: "rep-codes".into(), policy },
        }
    }

    /// Users `1` to `5` (`one` to `five`), of whom `5` is deactivated.
    pub fn with_users(self) -> Self {
        for (id, name, active) in [("1", "one", true), ("2", "two", true), ("3", "three", true), ("4", "four", true), ("5", "five", false)]
        {
            self.user(id, name, active);
        }
        self
    }

    pub fn user(&self, id: &str, name: &str, active: bool) {
        let email = format!("{name}@example.com");
        let mut user = record(id, &[("user-name", name), ("email", &email)], &format!("User {name}"));
        user.person = Some(Person { emails: vec![email], active, ..Person::default() });
        user.state = if active { State::Active } else { State::Inactive };
        self.target.put(&USER, user);
    }

    pub fn source_customer(&self, key: &str, code: &str) {
        let mut customer = record(&format!("s{key}"), &[("customer-id", key)], &format!("Customer {key}"));
        customer.values = vec![Value::text(code)];
        self.source.put(&CUSTOMER, customer);
    }

    pub fn target_customer(&self, key: &str, owners: &[&str]) {
        let mut customer = record(&format!("t{key}"), &[("code", key)], &format!("Customer {key}"));
        customer.owners = vec![(ROLE, Owner::Known(owners.iter().map(ToString::to_string).collect()))];
        self.target.put(&CUSTOMER, customer);
    }

    pub fn frequency(&self, id: &str, customer: &str, owner: &str) {
        let mut frequency = record(id, &[("customer-id", customer)], &format!("Visits {customer}"));
        frequency.owners = vec![(Role::fixed("owner"), Owner::Known(vec![owner.into()]))];
        self.target.put(&FREQUENCY, frequency);
    }

    /// A customer on both sides.
    pub fn customer(&self, key: &str, code: &str, owners: &[&str]) {
        self.source_customer(key, code);
        self.target_customer(key, owners);
    }

    pub async fn codes(&self, rows: &[(&str, Option<&str>, Option<&str>)]) {
        let mut edits: BTreeMap<String, Vec<CodeRow>> = BTreeMap::new();
        for (code, user, successor) in rows {
            let row = CodeRow { code: (*code).into(), user: user.map(Into::into), successor: successor.map(Into::into) };
            edits.entry((*code).to_owned()).or_default().push(row);
        }
        let edits: Vec<CodeEdit> = edits.into_iter().map(|(code, rows)| CodeEdit { code, rows }).collect();
        let version = self.store.code_table(&self.integration.name).await.unwrap().version;
        let by = Authorship { author: "ann".into(), reason: "territory change".into(), at: self.clock.now() };
        assert!(matches!(self.store.save_codes(&self.integration.name, version, &edits, &by).await.unwrap(), Saved::Version(_)));
    }

    pub fn holder(&self) -> Holder {
        self.holder.clone()
    }

    pub fn ports(&self) -> Ports {
        Ports {
            store: self.store.clone(),
            source: Arc::new(Guarded::new(self.source.clone())),
            target: Arc::new(Guarded::new(self.target.clone())),
            clock: Arc::new(self.clock.clone()),
            progress: Arc::new(Silent),
            holder: self.holder(),
        }
    }

    pub async fn job(&self, task: RunTask, options: RunOptions) -> Result<RunReport, JobError> {
        run_job(&self.ports(), &self.integration, task, options).await
    }

    pub async fn run(&self) -> RunReport {
        self.job(RunTask::Full, RunOptions::default()).await.unwrap()
    }

    pub async fn plan(&self) -> RunReport {
        self.job(RunTask::Plan { only: None }, RunOptions::default()).await.unwrap()
    }

    pub async fn apply(&self, plan: PlanId) -> RunReport {
        self.job(RunTask::Apply { plan }, RunOptions::default()).await.unwrap()
    }

    pub fn owners(&self) -> BTreeMap<String, Vec<String>> {
        self.target.owners(&CUSTOMER)
    }

    /// Owners of one target customer, joined.
    pub fn owner(&self, key: &str) -> String {
        self.owners()[&format!("t{key}")].join(" ")
    }

    pub async fn cases(&self) -> Vec<String> {
        let cases = self.store.cases(Some("rep-codes"), true, None, 10_000).await.unwrap();
        let mut cases: Vec<String> = cases.into_iter().map(|case| format!("{} {}", case.case.reason, case.case.subject)).collect();
        cases.sort();
        cases
    }

    /// Every entry of the ledger, oldest first.
    pub async fn ledger(&self) -> Vec<Entry> {
        self.store.entries(&EntryFilter { limit: usize::MAX, ..EntryFilter::default() }).await.unwrap()
    }

    pub async fn changes(&self, plan: PlanId) -> Vec<Change> {
        self.store.changes(plan, 0, usize::MAX).await.unwrap()
    }

    /// The process ends here: whoever comes next is another one.
    pub fn die(&mut self) {
        self.stand.bury(&self.holder);
        self.holder = self.stand.holder();
    }

    /// The process dies where nobody can see whether it lives: its leases have to expire.
    pub fn die_elsewhere(&mut self) {
        self.holder = self.stand.holder();
    }

    pub fn hours(&self, hours: u64) {
        self.clock.advance(std::time::Duration::from_secs(hours * 3600));
    }
}
