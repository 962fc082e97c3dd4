//! A scripted vendor that takes users and records under ids of ours and gives none back, and a world around it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rightful_core::*;
use rightful_engine::*;

use crate::stand::Stand;
use crate::world::{Fault, Vendor, record};

pub const USER: Kind = Kind::fixed("user");
pub const DEAL: Kind = Kind::fixed("deal");
pub const RECORD: Kind = Kind::fixed("record");
pub const OWNER: Role = Role::fixed("owner");
pub const INTEGRATION: &str = "activity";

/// A row of an administrator's file: id, e-mail address, facts.
pub type FileRow<'a> = (Option<&'a str>, &'a str, &'a [(&'static str, Value)]);

/// What the vendor holds of one record: whom it is credited to, and its values.
pub type Held = (String, BTreeMap<String, String>);

#[derive(Debug, Default)]
pub struct Inside {
    pub users: BTreeMap<String, BTreeMap<String, String>>,
    pub records: BTreeMap<String, Held>,
    /// Every item that was taken, in order: "user u1", "record d1#won u1", "remove d1#won".
    pub taken: Vec<String>,
    pub faults: std::collections::VecDeque<Option<Fault>>,
    /// Ids whose last answer never reached us: these may come again unchanged.
    pub lost: BTreeSet<String>,
    /// Ids that are refused, each time.
    pub refuses: BTreeSet<String>,
    /// Items that came again unchanged, though their answer was given.
    pub needless: Vec<String>,
    /// Users that were refused since another one has their e-mail address, whose answer was lost.
    pub clashes: BTreeSet<String>,
}

impl Inside {
    fn note(&mut self, changed: bool, id: &str, item: String) {
        if !changed && !self.lost.contains(id) {
            self.needless.push(item.clone());
        }
        self.taken.push(item);
    }
}

/// The vendor.
#[derive(Debug)]
pub struct Desk {
    kinds: Vec<KindSpec>,
    inside: Mutex<Inside>,
}

impl Desk {
    pub fn new(removes: bool) -> Self {
        Self::batched(removes, 3)
    }

    /// With batches of so many records.
    pub fn batched(removes: bool, batch: usize) -> Self {
        let field = |name: &'static str| FieldSpec { name: FieldName::fixed(name), label: name.into(), writable: true, needed: false };
        let base = |kind| KindSpec {
            unreadable: Some("it gives nothing back"),
            verbs: vec![Verb::Upsert],
            settle: Settle::Repeat,
            batch: 3,
            ..KindSpec::read_only(kind)
        };
        let gate = |name, field, opens, open_unknown, reason| GateSpec {
            name,
            field: FieldName::fixed(field),
            opens,
            open_unknown,
            reason,
            until: "is ready",
            mend: "make them ready",
        };
        let kinds = vec![
            KindSpec {
                people: true,
                fields: ["email", "firstname", "lastname", "team.key"].map(field).to_vec(),
                gates: vec![
                    gate("status", "status", Opens::Is("active"), true, "inactive"),
                    gate("licence", "licence", Opens::True, true, "no-licence"),
                    gate("team", "team.key", Opens::Filled, false, "no-team"),
                ],
                batch: 1,
                ..base(USER)
            },
            KindSpec {
                verbs: if removes { vec![Verb::Upsert, Verb::Remove] } else { vec![Verb::Upsert] },
                fields: ["type", "amount", "date", "user.email"].map(field).to_vec(),
                roles: vec![RoleSpec { role: OWNER, many: false, people: USER, key: "id".into(), writable: true }],
                after: vec![USER],
                batch,
                ..base(RECORD)
            },
        ];
        Self { kinds, inside: Mutex::default() }
    }

    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has another user the e-mail address that this one is to have? Only where nobody could know.
    fn clashes(inside: &mut Inside, kind: &Kind, write: &Write) -> bool {
        let Target::Id(id) = &write.target else { return false };
        let email = values(write).get("email").cloned().unwrap_or_default();
        let mut others = inside.users.iter().filter(|(known, user)| known.as_str() != id.as_str() && user.get("email") == Some(&email));
        let Some((other, _)) = others.next().filter(|_| *kind == USER) else { return false };
        assert!(inside.lost.contains(other), "{id} and {other} are two users with one e-mail address");
        inside.clashes.insert(id.to_string());
        true
    }

    fn take(inside: &mut Inside, kind: &Kind, write: &Write) -> RecordId {
        match &write.target {
            Target::Removed(id) => {
                let there = inside.records.remove(id.as_str()).is_some();
                inside.note(there, id.as_str(), format!("remove {id}"));
                id.clone()
            }
            Target::Id(id) if *kind == USER => {
                let known = inside.users.entry(id.to_string()).or_default();
                let before = known.clone();
                known.extend(values(write));
                let changed = *known != before;
                inside.note(changed, id.as_str(), format!("user {id}"));
                id.clone()
            }
            Target::Id(id) => {
                let owner = write.owners[0].to[0].clone();
                let held = (owner.clone(), values(write));
                let changed = inside.records.insert(id.to_string(), held.clone()) != Some(held);
                inside.note(changed, id.as_str(), format!("record {id} {owner}"));
                id.clone()
            }
            Target::New => panic!("ids are ours"),
        }
    }
}

fn values(write: &Write) -> BTreeMap<String, String> {
    let value = |(field, change): &(FieldName, FieldChange)| match change {
        FieldChange::Set(value) => (field.to_string(), value.to_string()),
        FieldChange::Clear => (field.to_string(), String::new()),
    };
    write.values.iter().map(value).collect()
}

#[async_trait]
impl Connector for Desk {
    fn kinds(&self) -> &[KindSpec] {
        &self.kinds
    }

    async fn preflight(&self, _purpose: &Purpose) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    async fn read(&self, _scan: &Scan, _from: Option<&Cursor>) -> Result<Page> {
        Err(Error::new(ErrorKind::Unsupported, "it gives nothing back"))
    }

    async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        tokio::task::yield_now().await;
        let mut inside = self.inside();
        let one = |write: &Write| {
            let lost = || Outcome::Unknown(Error::new(ErrorKind::Unavailable, "the connection broke off"));
            let (Target::Id(id) | Target::Removed(id)) = &write.target else { panic!("ids are ours") };
            if inside.refuses.contains(id.as_str()) || Self::clashes(&mut inside, kind, write) {
                return Outcome::NotDone(Error::new(ErrorKind::Rejected, "no").hint("mend it"));
            }
            match inside.faults.pop_front().flatten() {
                Some(Fault::Refused) => Outcome::NotDone(Error::new(ErrorKind::Rejected, "no").hint("mend it")),
                Some(Fault::Busy) => Outcome::NotDone(Error::new(ErrorKind::RateLimited, "too many requests")),
                Some(Fault::LostUnapplied) => {
                    inside.lost.insert(id.to_string());
                    lost()
                }
                Some(Fault::LostApplied) => {
                    Self::take(&mut inside, kind, write);
                    inside.lost.insert(id.to_string());
                    lost()
                }
                _ => {
                    let id = Self::take(&mut inside, kind, write);
                    inside.lost.remove(id.as_str());
                    Outcome::Done { id, created: false }
                }
            }
        };
        Ok(batch.iter().map(one).collect())
    }
}

/// A CRM with users and deals, the desk, one integration.
pub struct Office {
    pub stand: Arc<Stand>,
    pub store: Arc<dyn Store>,
    pub crm: Arc<Vendor>,
    pub desk: Arc<Desk>,
    pub clock: ManualClock,
    pub integration: Integration,
    holder: Holder,
}

impl Office {
    pub fn new(people: PeopleMode) -> Self {
        Self::with(people, true)
    }

    pub fn with(people: PeopleMode, removes: bool) -> Self {
        let base = |kind: Kind| KindSpec { totals: true, changes: Changes::Since, ..KindSpec::read_only(kind) };
        let crm = vec![
            KindSpec {
                people: true,
                open_fields: true,
                keys: vec![KeySpec { name: "short-id".into(), unique: true, longest: None }],
                ..base(USER)
            },
            KindSpec {
                open_fields: true,
                roles: vec![RoleSpec { role: OWNER, many: false, people: USER, key: "id".into(), writable: false }],
                ..base(DEAL)
            },
        ];
        let field = |name: &'static str| From::Field(FieldName::fixed(name));
        let activity = Activity {
            people,
            auto_sync_requires_workflow: true,
            account: vec![("email".into(), From::Email), ("firstname".into(), field("First")), ("lastname".into(), field("Last"))],
            gates: ["status", "licence", "team"].map(str::to_owned).to_vec(),
            replay: true,
            hold_days: 90,
            since: None,
            licences: None,
            workflows: vec![Workflow {
                name: "won".into(),
                object: DEAL,
                triggers: Triggers::default(),
                when: vec![Condition { field: "Stage".into(), test: Test::Is(vec![Value::text("won")]) }],
                figures: vec![Figure {
                    name: "won".into(),
                    owner: CodeFrom::Owner(OWNER),
                    set: vec![
                        ("type".into(), From::Fixed(Value::text("Deals"))),
                        ("amount".into(), field("Amount")),
                        ("user.email".into(), From::Email),
                    ],
                }],
                active: true,
            }],
        };
        let policy = Policy {
            source: Side { connection: "crm".into(), kind: USER, key: "id".into() },
            target: Side { connection: "desk".into(), kind: RECORD, key: "id".into() },
            role: OWNER,
            rules: vec![MatchRule::Link, MatchRule::ExternalId { source: "id".into(), target: "id".into() }, MatchRule::Email],
            code: CodeField { from: CodeFrom::Owner(OWNER), label: "Owner".into() },
            follow: Vec::new(),
            assignment: Assignment::Replace,
            no_match: NoOwner::Hold,
            no_owner: NoOwner::Leave,
            caps: Caps {
                owner_moves: Cap { count: None, percent: None, floor: 0 },
                removals: Cap { count: None, percent: None, floor: 0 },
                accounts: Cap { count: None, percent: None, floor: 0 },
                source_shrink_percent: 100,
            },
            include_inactive: false,
            newcomer_hours: 24,
            full_read_hours: 24,
            source_people: Vec::new(),
            activity: Some(activity),
        };
        let stand = Arc::new(Stand::new());
        Self {
            store: stand.store.clone(),
            holder: stand.holder(),
            stand,
            crm: Arc::new(Vendor::new(crm)),
            desk: Arc::new(Desk::new(removes)),
            clock: ManualClock::at(Instant::from_timestamp(1_800_000_000, 0).expect("a valid time")),
            integration: Integration { name: INTEGRATION.into(), policy },
        }
    }

    pub fn activity(&mut self) -> &mut Activity {
        self.integration.policy.activity.as_mut().expect("it has one")
    }

    /// A user of the CRM: `ann` is Ann Example.
    pub fn user(&self, id: &str, email: &str, active: bool) {
        // As a report shows it.
        let short = id.get(..15).unwrap_or_default();
        let mut user = record(id, &[("short-id", short)], &format!("User {id}"));
        user.person = Some(Person { emails: vec![email.to_owned()], active, ..Person::default() });
        user.state = if active { State::Active } else { State::Inactive };
        user.values = vec![Value::text(format!("First {id}")), Value::text(format!("Last {id}"))];
        self.crm.put(&USER, user);
    }

    /// A deal: fields come in ascending order, amount before stage.
    pub fn deal(&self, id: &str, owner: Option<&str>, stage: &str, amount: i64) {
        self.crm.put(&DEAL, deal_record(id, owner, stage, amount));
    }

    /// A deal that arrives behind every mark that was ever given out.
    pub fn late_deal(&self, id: &str, owner: Option<&str>, stage: &str, amount: i64) {
        self.crm.put_late(&DEAL, deal_record(id, owner, stage, amount));
    }

    pub fn ports(&self) -> Ports {
        Ports {
            store: self.store.clone(),
            source: Arc::new(Guarded::new(self.crm.clone())),
            target: Arc::new(Guarded::new(self.desk.clone())),
            clock: Arc::new(self.clock.clone()),
            progress: Arc::new(Silent),
            holder: self.holder.clone(),
        }
    }

    /// Runs a task that dies at the n-th failpoint it meets; `None` where it died.
    pub async fn job_until(&self, task: RunTask, nth: usize) -> Option<Result<RunReport, JobError>> {
        let (ports, integration, failpoint) = (self.ports(), self.integration.clone(), dies_at(nth));
        let options = RunOptions { failpoint: Some(failpoint), ..RunOptions::default() };
        tokio::spawn(async move { run_job(&ports, &integration, task, options).await }).await.ok()
    }

    pub async fn links(&self) -> BTreeMap<String, String> {
        let links = self.store.links(&"crm".into(), &"desk".into()).await.unwrap();
        links.into_iter().map(|link| (link.person.to_string(), link.owner)).collect()
    }

    /// What was sent, as the store has it.
    pub async fn credits(&self) -> Vec<Credit> {
        self.store.credits(INTEGRATION, &DEAL, None, 100_000).await.unwrap()
    }

    pub async fn job(&self, task: RunTask, options: RunOptions) -> Result<RunReport, JobError> {
        run_job(&self.ports(), &self.integration, task, options).await
    }

    pub async fn run(&self) -> RunReport {
        self.clock.advance(std::time::Duration::from_secs(60));
        self.job(RunTask::Full, RunOptions::default()).await.unwrap()
    }

    pub async fn release(&self) -> RunReport {
        self.job(RunTask::Release, RunOptions::default()).await.unwrap()
    }

    pub async fn crew(&self) -> Crew {
        Crew::of(&self.ports(), &self.integration).await.unwrap()
    }

    pub fn by(&self, name: &str) -> Authorship {
        Authorship { author: name.into(), reason: "because".into(), at: self.clock.now() }
    }

    /// States that a user of the desk is on a team.
    pub async fn on_team(&self, user: &str, team: &str) {
        assert!(self.crew().await.place(&self.ports(), user, Some(team), &self.by("admin")).await.unwrap());
    }

    /// A file shows the user of `u1`'s address on a team, who is known by the address alone.
    pub async fn on_team_by_file(&self) {
        self.file(&[(None, "ann@example.com", &[("team.key", Value::text("OSLO"))])]).await;
    }

    /// An administrator's file.
    pub async fn file(&self, rows: &[FileRow<'_>]) -> u64 {
        let rows: Vec<PersonRow> = rows
            .iter()
            .map(|(id, email, facts)| {
                let mut all: Vec<(FieldName, Value)> = vec![("email".into(), Value::text(*email))];
                all.extend(facts.iter().map(|(field, value)| (FieldName::fixed(field), value.clone())));
                PersonRow { id: id.map(RecordId::new), email: (*email).to_owned(), name: (*email).to_owned(), facts: all }
            })
            .collect();
        self.crew().await.import(&self.ports(), &rows, &self.by("admin")).await.unwrap()
    }

    /// What the desk took since this was asked last.
    pub fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.desk.inside().taken)
    }

    /// Holds: record and reason.
    pub async fn holds(&self) -> Vec<String> {
        let holds = self.store.holds(Some(INTEGRATION), None, 10_000).await.unwrap();
        let mut holds: Vec<String> = holds.iter().map(|hold| format!("{} {}", hold.hold.target, hold.hold.reason)).collect();
        holds.sort();
        holds
    }

    pub async fn cases(&self) -> Vec<String> {
        let cases = self.store.cases(Some(INTEGRATION), true, None, 10_000).await.unwrap();
        let mut cases: Vec<String> = cases.into_iter().map(|case| format!("{} {}", case.case.reason, case.case.subject)).collect();
        cases.sort();
        cases
    }

    /// The process ends here: whoever comes next is another one.
    pub fn die(&mut self) {
        self.stand.bury(&self.holder);
        self.holder = self.stand.holder();
    }
}

/// Ends the process at the n-th failpoint.
fn dies_at(nth: usize) -> Failpoint {
    let met = std::sync::atomic::AtomicUsize::new(0);
    Arc::new(move |_| {
        if met.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == nth {
            // Unwinding without the panic hook, so that the log stays readable.
            std::panic::resume_unwind(Box::new("died"));
        }
    })
}

fn deal_record(id: &str, owner: Option<&str>, stage: &str, amount: i64) -> Record {
    let mut deal = record(id, &[], &format!("Deal {id}"));
    deal.owners = vec![(OWNER, Owner::Known(owner.map(str::to_owned).into_iter().collect()))];
    deal.values = vec![Value::Integer(amount), Value::text(stage)];
    // An import leaves one time on thousands of records.
    deal.changed_at = Instant::from_timestamp(1_799_999_000, 0);
    deal
}
