//! A scripted vendor that takes users and records under ids of ours and gives none back, and a world around it.

use std::collections::BTreeMap;
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

/// What the vendor holds of one record: whom it is credited to, and its values.
pub type Held = (String, BTreeMap<String, String>);

#[derive(Debug, Default)]
pub struct Inside {
    pub users: BTreeMap<String, BTreeMap<String, String>>,
    pub records: BTreeMap<String, Held>,
    /// Every item that was taken, in order: "user u1", "record d1#won u1", "remove d1#won".
    pub taken: Vec<String>,
    pub faults: std::collections::VecDeque<Option<Fault>>,
}

/// The vendor.
#[derive(Debug)]
pub struct Desk {
    kinds: Vec<KindSpec>,
    inside: Mutex<Inside>,
}

impl Desk {
    pub fn new(removes: bool) -> Self {
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
                ..base(RECORD)
            },
        ];
        Self { kinds, inside: Mutex::default() }
    }

    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(inside: &mut Inside, kind: &Kind, write: &Write) -> RecordId {
        let values = |write: &Write| {
            let value = |(field, change): &(FieldName, FieldChange)| match change {
                FieldChange::Set(value) => (field.to_string(), value.to_string()),
                FieldChange::Clear => (field.to_string(), String::new()),
            };
            write.values.iter().map(value).collect::<BTreeMap<_, _>>()
        };
        match &write.target {
            Target::Removed(id) => {
                inside.records.remove(id.as_str());
                inside.taken.push(format!("remove {id}"));
                id.clone()
            }
            Target::Id(id) if *kind == USER => {
                let email = values(write).get("email").cloned().unwrap_or_default();
                let other = inside.users.iter().find(|(known, user)| known.as_str() != id.as_str() && user.get("email") == Some(&email));
                assert!(other.is_none(), "{id} and {other:?} are two users with one e-mail address");
                inside.users.entry(id.to_string()).or_default().extend(values(write));
                inside.taken.push(format!("user {id}"));
                id.clone()
            }
            Target::Id(id) => {
                let owner = write.owners[0].to[0].clone();
                inside.records.insert(id.to_string(), (owner.clone(), values(write)));
                inside.taken.push(format!("record {id} {owner}"));
                id.clone()
            }
            Target::New => panic!("ids are ours"),
        }
    }
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
            match inside.faults.pop_front().flatten() {
                Some(Fault::Refused) => Outcome::NotDone(Error::new(ErrorKind::Rejected, "no").hint("mend it")),
                Some(Fault::Busy) => Outcome::NotDone(Error::new(ErrorKind::RateLimited, "too many requests")),
                Some(Fault::LostUnapplied) => lost(),
                Some(Fault::LostApplied) => {
                    Self::take(&mut inside, kind, write);
                    lost()
                }
                _ => Outcome::Done { id: Self::take(&mut inside, kind, write), created: false },
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
            KindSpec { people: true, open_fields: true, ..base(USER) },
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
        let mut user = record(id, &[], &format!("User {id}"));
        user.person = Some(Person { emails: vec![email.to_owned()], active, ..Person::default() });
        user.state = if active { State::Active } else { State::Inactive };
        user.values = vec![Value::text(format!("First {id}")), Value::text(format!("Last {id}"))];
        self.crm.put(&USER, user);
    }

    /// A deal: fields come in ascending order, amount before stage.
    pub fn deal(&self, id: &str, owner: Option<&str>, stage: &str, amount: i64) {
        let mut deal = record(id, &[], &format!("Deal {id}"));
        deal.owners = vec![(OWNER, Owner::Known(owner.map(str::to_owned).into_iter().collect()))];
        deal.values = vec![Value::Integer(amount), Value::text(stage)];
        self.crm.put(&DEAL, deal);
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

    /// An administrator's file.
    pub async fn file(&self, rows: &[(Option<&str>, &str, &[(&'static str, Value)])]) -> u64 {
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
