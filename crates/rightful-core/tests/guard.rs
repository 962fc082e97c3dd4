//! The guard from the outside: what is refused before the connector hears of it, and what it may not answer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rightful_core::*;

#[derive(Debug)]
struct Desk {
    kinds: Vec<KindSpec>,
    asked: Mutex<usize>,
    page: Page,
    outcomes: usize,
    fails: Option<bool>,
}

impl Desk {
    fn new() -> Self {
        let role = |name: &'static str, many, writable| RoleSpec {
            role: Role::fixed(name),
            many,
            people: Kind::fixed("user"),
            key: KeyName::fixed("id"),
            writable,
        };
        let field =
            |name: &'static str, writable| FieldSpec { name: FieldName::fixed(name), label: name.to_owned(), writable, needed: false };
        let customer = KindSpec {
            verbs: vec![Verb::Update],
            readable_keys: vec![KeyName::fixed("code")],
            batch: 2,
            roles: vec![role("owner", false, true), role("assigned", true, true), role("creator", false, false)],
            keys: vec![KeySpec { name: KeyName::fixed("code"), unique: true, longest: None }],
            fields: vec![field("region", true), field("created", false)],
            ..KindSpec::read_only(Kind::fixed("customer"))
        };
        let user = KindSpec { people: true, changes: Changes::Since, open_fields: true, ..KindSpec::read_only(Kind::fixed("user")) };
        let activity = KindSpec {
            unreadable: Some("its vendor has no reads"),
            verbs: vec![Verb::Upsert, Verb::Remove],
            fields: vec![field("amount", true)],
            settle: Settle::Repeat,
            ..KindSpec::read_only(Kind::fixed("activity"))
        };
        Self { kinds: vec![customer, user, activity], asked: Mutex::new(0), page: Page::default(), outcomes: 1, fails: None }
    }

    fn guarded(self) -> (Arc<Self>, Guarded) {
        let desk = Arc::new(self);
        (desk.clone(), Guarded::new(desk))
    }
}

#[async_trait]
impl Connector for Desk {
    fn kinds(&self) -> &[KindSpec] {
        &self.kinds
    }

    async fn preflight(&self, _purpose: &Purpose) -> Result<Vec<Finding>> {
        *self.asked.lock().unwrap() += 1;
        Ok(Vec::new())
    }

    async fn read(&self, _scan: &Scan, _from: Option<&Cursor>) -> Result<Page> {
        *self.asked.lock().unwrap() += 1;
        Ok(self.page.clone())
    }

    async fn write(&self, _kind: &Kind, _batch: &[Write]) -> Result<Vec<Outcome>> {
        *self.asked.lock().unwrap() += 1;
        match self.fails {
            Some(unknown) => Err(Error::new(ErrorKind::Unavailable, "down").fate_unknown(unknown)),
            None => Ok((0..self.outcomes).map(|_| Outcome::Unchanged).collect()),
        }
    }
}

fn write() -> Write {
    Write { key: "k1".to_owned(), target: Target::Id(RecordId::fixed("7")), owners: Vec::new(), values: Vec::new() }
}

fn owners(role: &'static str, to: &[&str]) -> Vec<OwnerChange> {
    vec![OwnerChange { role: Role::fixed(role), from: None, to: to.iter().map(|&person| person.to_owned()).collect() }]
}

fn set(field: &'static str) -> Vec<(FieldName, FieldChange)> {
    vec![(FieldName::fixed(field), FieldChange::Clear)]
}

#[tokio::test]
async fn undeclared_reads_are_refused_unasked_with_the_nearest_thing() {
    let (desk, guard) = Desk::new().guarded();
    let with = |rows| Scan { kind: Kind::fixed("customer"), rows, fields: Vec::new() };
    let table = [
        (Scan::all("custmer"), "did you mean `customer`?"),
        (Scan::all("invoice"), "kinds: customer, user, activity"),
        (with(Rows::Since(Mark("m".to_owned()))), "read all of it; the store finds out what changed"),
        (with(Rows::Keys(KeyName::fixed("cod"), Vec::new())), "did you mean `code`?"),
        (Scan::all("customer").with_fields(vec![FieldName::fixed("regoin")]), "did you mean `region`?"),
    ];
    for (scan, hint) in table {
        let error = guard.read(&scan, None).await.unwrap_err();
        assert_eq!((error.kind(), error.mend()), (ErrorKind::Unsupported, Some(hint)), "{error:?}");
    }
    let error = guard.preflight(&Purpose::Read(vec![Kind::fixed("usr")])).await.unwrap_err();
    assert_eq!(error.mend(), Some("did you mean `user`?"));
    assert_eq!(*desk.asked.lock().unwrap(), 0);

    let open = Scan { rows: Rows::Since(Mark("m".to_owned())), ..Scan::all("user").with_fields(vec![FieldName::fixed("anything__c")]) };
    guard.read(&open, None).await.unwrap();
    guard.read(&with(Rows::Keys(KeyName::fixed("code"), Vec::new())), None).await.unwrap();
    assert_eq!(*desk.asked.lock().unwrap(), 2);
}

#[tokio::test]
async fn undeclared_writes_are_refused_unasked() {
    let (desk, guard) = Desk::new().guarded();
    let customer = Kind::fixed("customer");
    let table = [
        ("no create", Write { target: Target::New, ..write() }, "it takes: update"),
        ("no such role", Write { owners: owners("ownr", &[]), ..write() }, "did you mean `owner`?"),
        ("read-only role", Write { owners: owners("creator", &[]), ..write() }, "writable roles: owner, assigned"),
        ("one person's role", Write { owners: owners("owner", &["a", "b"]), ..write() }, "choose one of the 2"),
        ("no such field", Write { values: set("regin"), ..write() }, "did you mean `region`?"),
        ("read-only field", Write { values: set("created"), ..write() }, "writable fields: region"),
    ];
    for (what, refused, hint) in table {
        let error = guard.write(&customer, &[refused]).await.unwrap_err();
        assert_eq!((error.kind(), error.mend()), (ErrorKind::Unsupported, Some(hint)), "{what}: {error:?}");
    }
    for refused in
        [owners("assigned", &["b", "a"]), owners("assigned", &["a", "a"]), [owners("owner", &["a"]), owners("owner", &["b"])].concat()]
    {
        let error = guard.write(&customer, &[Write { owners: refused, ..write() }]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
    }
    let error = guard.write(&customer, &[write(), write(), write()]).await.unwrap_err();
    assert_eq!((error.kind(), error.mend()), (ErrorKind::Unsupported, Some("send at most 2 at once")));
    let error = guard.write(&Kind::fixed("user"), &[write()]).await.unwrap_err();
    assert_eq!((error.kind(), error.mend()), (ErrorKind::Unsupported, Some("it is read only")));
    assert!(guard.write(&customer, &[]).await.unwrap().is_empty());
    assert_eq!(*desk.asked.lock().unwrap(), 0);

    let good = Write { owners: owners("assigned", &["a", "b"]), values: set("region"), ..write() };
    assert_eq!(guard.write(&customer, &[good]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_unasked_with_the_reason() {
    let (desk, guard) = Desk::new().guarded();
    for rows in [Rows::All, Rows::Ids(vec!["7".into()]), Rows::Since(Mark("m".to_owned()))] {
        let error = guard.read(&Scan { kind: Kind::fixed("activity"), rows, fields: Vec::new() }, None).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Unsupported, "`activity` cannot be read: its vendor has no reads"),
            "{error:?}"
        );
    }
    assert_eq!(*desk.asked.lock().unwrap(), 0);
}

#[tokio::test]
async fn an_upsert_names_its_id_and_a_removal_nothing_else() {
    let (desk, guard) = Desk::new().guarded();
    let activity = Kind::fixed("activity");
    let removal = |values| Write { target: Target::Removed("7".into()), values, ..write() };
    let created = guard.write(&activity, &[Write { target: Target::New, ..write() }]).await.unwrap_err();
    assert_eq!((created.kind(), created.mend()), (ErrorKind::Unsupported, Some("it takes: upsert, remove")));
    let loaded = guard.write(&activity, &[removal(set("amount"))]).await.unwrap_err();
    assert_eq!((loaded.kind(), loaded.mend()), (ErrorKind::Rejected, Some("leave its owners and fields out")));
    let undeclared = guard.write(&Kind::fixed("customer"), &[removal(Vec::new())]).await.unwrap_err();
    assert_eq!((undeclared.kind(), undeclared.mend()), (ErrorKind::Unsupported, Some("it takes: update")));
    assert_eq!(*desk.asked.lock().unwrap(), 0);
    for good in [Write { values: set("amount"), ..write() }, removal(Vec::new())] {
        assert_eq!(guard.write(&activity, &[good]).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_wrong_count_of_outcomes_makes_every_item_unknown() {
    let (_, guard) = Desk { outcomes: 1, ..Desk::new() }.guarded();
    let outcomes = guard.write(&Kind::fixed("customer"), &[write(), write()]).await.unwrap();
    assert_eq!(outcomes.len(), 2);
    assert!(
        outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unknown(error) if error.kind() == ErrorKind::Protocol)),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn an_outer_error_that_may_have_acted_makes_every_item_unknown() {
    let (_, guard) = Desk { fails: Some(true), ..Desk::new() }.guarded();
    let outcomes = guard.write(&Kind::fixed("customer"), &[write(), write()]).await.unwrap();
    assert!(outcomes.len() == 2 && outcomes.iter().all(|outcome| matches!(outcome, Outcome::Unknown(_))), "{outcomes:?}");
    let (_, guard) = Desk { fails: Some(false), ..Desk::new() }.guarded();
    assert!(guard.write(&Kind::fixed("customer"), &[write()]).await.is_err());
}

fn record() -> Record {
    Record {
        id: RecordId::fixed("7"),
        keys: vec![Key::new("code", "C7")],
        name: "Seven".to_owned(),
        owners: vec![(Role::fixed("assigned"), Owner::Known(["b", "a", "b"].map(str::to_owned).to_vec()))],
        person: None,
        values: vec![Value::Null],
        changed_at: None,
        state: State::Active,
    }
}

#[tokio::test]
async fn pages_keep_the_declarations() {
    let scan = Scan::all("customer").with_fields(vec![FieldName::fixed("region")]);
    let page = |record| Page { items: vec![record], ..Page::default() };
    let (_, guard) = Desk { page: page(record()), ..Desk::new() }.guarded();
    let read = guard.read(&scan, None).await.unwrap();
    assert_eq!(read.items[0].owners[0].1, Owner::Known(vec!["a".to_owned(), "b".to_owned()]));

    let two = Owner::Known(vec!["a".to_owned(), "b".to_owned()]);
    let broken = [
        Record { values: Vec::new(), ..record() },
        Record { person: Some(Person::default()), ..record() },
        Record { keys: vec![Key::new("number", "7")], ..record() },
        Record { owners: vec![(Role::fixed("boss"), Owner::Unseen)], ..record() },
        Record { owners: vec![(Role::fixed("owner"), two)], ..record() },
    ];
    for record in broken {
        let (_, guard) = Desk { page: page(record.clone()), ..Desk::new() }.guarded();
        let error = guard.read(&scan, None).await.expect_err(&format!("{record:?} passed"));
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
}
