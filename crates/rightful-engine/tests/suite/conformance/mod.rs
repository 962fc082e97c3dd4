//! What every store must do, method by method: the port's own tests, run over each store.

mod images;
mod leases;
mod ledger;
mod order;
mod people;
mod plans;
mod reads;
mod runs;
mod tables;
mod watch;
mod work;

use std::sync::Arc;

use rightful_core::*;
use rightful_engine::*;

use crate::stand::Stand;
pub use crate::world::record;

pub const INTEGRATION: &str = "rep-codes";
pub const ROLE: Role = Role::fixed("assigned");

/// A moment of the tests, so many minutes after they began.
pub fn minute(minutes: i64) -> Instant {
    Instant::from_timestamp(1_800_000_000 + minutes * 60, 0).unwrap()
}

/// A store with a held lease.
pub struct Bench {
    pub stand: Stand,
    pub store: Arc<dyn Store>,
    pub holder: Holder,
    pub fence: Fence,
}

impl Bench {
    pub async fn new() -> Self {
        let stand = Stand::new();
        let (store, holder) = (stand.store.clone(), stand.holder());
        let fence = held(store.lease(INTEGRATION, &holder, minute(0), minute(60)).await);
        Self { stand, store, holder, fence }
    }

    /// A fence of another integration, held by the same process.
    pub async fn other(&self, integration: &str) -> Fence {
        held(self.store.lease(integration, &self.holder, minute(0), minute(60)).await)
    }

    pub async fn image(&self) -> ImageId {
        self.store.image(&spec("customer")).await.unwrap().id
    }

    /// Stores these rows in one complete full read.
    pub async fn fill(&self, image: ImageId, items: Vec<Record>, now: Instant) -> ReadEnd {
        self.store.begin_read(&self.fence, image, Rows::All).await.unwrap();
        self.store.put_page(&self.fence, image, page(items), now).await.unwrap();
        self.store.end_read(&self.fence, image, now).await.unwrap()
    }

    pub async fn row(&self, image: ImageId, id: &str) -> Option<Row> {
        self.store.rows(image, &[id.into()]).await.unwrap().pop()
    }

    /// Ids in the order of the stream.
    pub async fn ids(&self, image: ImageId) -> Vec<String> {
        let mut rows = self.store.ordered(image);
        let mut ids = Vec::new();
        while let Some(chunk) = futures::StreamExt::next(&mut rows).await {
            ids.extend(chunk.unwrap().into_iter().map(|row| row.record.id.to_string()));
        }
        ids
    }

    pub async fn begin_run(&self) -> RunId {
        self.store.begin_run(&self.fence, &RunTask::Full, 1, None, minute(0)).await.unwrap()
    }

    pub async fn begin_plan(&self) -> PlanId {
        self.store.begin_plan(&self.fence, &plan()).await.unwrap()
    }
}

pub fn held(leased: Result<Leased>) -> Fence {
    match leased.unwrap() {
        Leased::Held(fence) => fence,
        busy => panic!("nobody else may hold it: {busy:?}"),
    }
}

pub fn spec(kind: &str) -> ImageSpec {
    ImageSpec { connection: "field".into(), kind: kind.into(), fields: vec!["Region".into()], key: "code".into() }
}

/// A customer with this id, whose key is its id in capitals, owned by these.
pub fn customer(id: &str, owners: &[&str]) -> Record {
    let mut customer = record(id, &[("code", &id.to_uppercase())], &format!("Customer {id}"));
    customer.owners = vec![(ROLE, Owner::Known(owners.iter().map(ToString::to_string).collect()))];
    customer
}

pub fn page(items: Vec<Record>) -> PageIn {
    PageIn { answered: None, opened: Vec::new(), items, total: None, whole: None, mark: None }
}

pub fn plan() -> Plan {
    Plan {
        id: PlanId(0),
        integration: INTEGRATION.into(),
        created: minute(0),
        policy: Digest(u64::MAX),
        table_version: 3,
        only: Some("R05".into()),
        undoes: Some(RunId(9)),
        state: PlanState::Drafting,
        counts: PlanCounts::default(),
        refusals: Vec::new(),
        passed: None,
        run: None,
    }
}

pub fn change(number: i64) -> Change {
    let id = format!("c{number}");
    Change {
        number,
        action: Action::OwnerMove,
        kind: "customer".into(),
        target: id.as_str().into(),
        code: id.to_uppercase(),
        name: format!("Customer {id}"),
        owners: OwnerChange { role: ROLE, from: None, to: vec!["1".into(), "2".into()] },
        source: Some(SourceRow { id: format!("s{number}").into(), digest: Digest(7) }),
        target_digest: Digest(u64::MAX - 1),
        carry: None,
        why: why(),
    }
}

pub fn why() -> Why {
    Why { rule: "code".into(), code: Some("R05".into()), notes: vec!["it's \u{e9}".into()], ..Why::default() }
}

pub fn case(reason: &str, subject: &str) -> NewCase {
    NewCase { reason: reason.into(), subject: subject.into(), message: "what".into(), mend: "how".into() }
}

pub fn hold(target: &str) -> NewHold {
    NewHold {
        kind: "customer".into(),
        target: target.into(),
        code: target.to_uppercase(),
        name: "Name".into(),
        reason: "no-match".into(),
        waits_for: "a user".into(),
        wanted: None,
        carry: None,
        why: why(),
    }
}

pub fn entry(run: RunId, plan: PlanId, number: i64) -> Entry {
    Entry {
        id: EntryId(0),
        run,
        plan,
        change: number,
        integration: INTEGRATION.into(),
        connection: "field".into(),
        kind: "customer".into(),
        target: format!("c{number}").into(),
        code: format!("C{number}"),
        name: "Name".into(),
        role: ROLE,
        before: vec!["9".into()],
        after: vec!["1".into()],
        carry: None,
        why: why(),
        intended_at: minute(1),
        state: EntryState::Intended,
        settled_at: None,
        attempts: 1,
        note: None,
    }
}

pub fn author(name: &str, minutes: i64) -> Authorship {
    Authorship { author: name.into(), reason: "it's so".into(), at: minute(minutes) }
}

pub fn is_conflict<T: std::fmt::Debug>(result: Result<T>, what: &str) {
    match result {
        Err(error) if error.kind() == ErrorKind::Conflict => assert!(error.mend().is_some(), "{what}: {error} has no remedy"),
        other => panic!("{what} was not refused: {other:?}"),
    }
}

pub fn is_missing<T: std::fmt::Debug>(result: Result<T>, what: &str) {
    assert!(matches!(&result, Err(error) if error.kind() == ErrorKind::NotFound), "{what}: {result:?}");
}
