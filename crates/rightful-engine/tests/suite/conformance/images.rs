//! Images between reads: which copy is whose, rows by id and key, newcomers, and what we wrote ourselves.

use super::*;

#[tokio::test]
async fn an_image_is_one_for_each_connection_kind_field_list_and_key() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let first = store.image(&spec("customer")).await.unwrap();
    assert_eq!(first, Image { id: first.id, spec: spec("customer"), rows: 0, mark: None, complete_at: None, fresh_at: None });
    assert_eq!(store.image(&spec("customer")).await.unwrap().id, first.id);
    let others = [
        ImageSpec { connection: "Field".into(), ..spec("customer") },
        ImageSpec { fields: vec![], ..spec("customer") },
        ImageSpec { fields: vec!["Region".into(), "Area".into()], ..spec("customer") },
        ImageSpec { key: "id".into(), ..spec("customer") },
        spec("customers"),
    ];
    let mut ids = std::collections::BTreeSet::from([first.id]);
    for other in others {
        ids.insert(store.image(&other).await.unwrap().id);
    }
    assert_eq!(ids.len(), 6);
    // Rows of one are not in the other.
    bench.fill(first.id, vec![customer("a", &[])], minute(1)).await;
    for other in ids.iter().filter(|id| **id != first.id) {
        assert!(bench.ids(*other).await.is_empty() && bench.row(*other, "a").await.is_none());
    }
}

#[tokio::test]
async fn a_record_comes_back_whole() {
    let bench = Bench::new().await;
    let image = bench.image().await;
    let reference = Reference { kind: "site".into(), id: "9".into() };
    let whole = Record {
        keys: vec![Key::new("code", "K\u{e9}y"), Key::new("other", "'")],
        owners: vec![
            (ROLE, Owner::Known(vec!["1".into(), "2".into()])),
            ("owner".into(), Owner::Of { record: reference.clone(), role: "owner".into() }),
            ("shared".into(), Owner::Unseen),
        ],
        person: Some(Person {
            emails: vec!["a@example.com".into()],
            active: true,
            service: true,
            same_as: vec![PersonKey { kind: "user".into(), key: "id".into(), value: "7".into() }],
        }),
        values: vec![
            Value::Null,
            Value::Bool(true),
            Value::Integer(i64::MIN),
            Value::Decimal(Decimal::parse("0010.100").unwrap()),
            Value::Text("\u{1F600} \0 ' \" \\ \n".into()),
            Value::Date(chrono::NaiveDate::from_ymd_opt(2026, 2, 28).unwrap()),
            Value::Instant(minute(1)),
            Value::Reference(reference),
            Value::List(vec![Value::Null, Value::List(vec![Value::Integer(1)])]),
        ],
        changed_at: Some(minute(2) + chrono::Duration::microseconds(7)),
        state: State::Inactive,
        ..record("1", &[], "Na\u{308}me")
    };
    bench.fill(image, vec![whole.clone()], minute(1)).await;
    let row = bench.row(image, "1").await.unwrap();
    assert_eq!((row.record, row.newcomers), (whole, vec![]));
}

#[tokio::test]
async fn rows_are_found_by_id_and_by_key_however_many_are_asked_for() {
    let bench = Bench::new().await;
    let (store, image) = (&bench.store, bench.image().await);
    let records = (0..1_300).map(|number| customer(&format!("c{number:04}"), &[])).collect();
    bench.fill(image, records, minute(1)).await;
    let asked = |prefix: &str| (0..1_400).map(|number| format!("{prefix}{number:04}")).collect::<Vec<_>>();
    let ids: Vec<RecordId> = asked("c").into_iter().map(RecordId::from).collect();
    assert_eq!(store.rows(image, &ids).await.unwrap().len(), 1_300);
    assert_eq!(store.rows_by_key(image, &asked("C")).await.unwrap().len(), 1_300);
    assert_eq!(store.rows_by_key(image, &asked("c")).await.unwrap().len(), 0, "keys are exact");
    // Asked for twice, answered once; for nothing, nothing.
    assert_eq!(store.rows(image, &["c0001".into(), "c0001".into()]).await.unwrap().len(), 1);
    assert_eq!(store.rows_by_key(image, &["C0001".into(), "C0001".into()]).await.unwrap().len(), 1);
    assert!(store.rows(image, &[]).await.unwrap().is_empty() && store.rows_by_key(image, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn several_rows_may_have_one_key_and_a_row_may_change_its_key_or_lose_it() {
    let bench = Bench::new().await;
    let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
    let with = |id: &str, key: &str| record(id, &[("code", key)], id);
    bench.fill(image, vec![with("2", "K"), with("1", "K"), with("3", "J"), with("4", "")], minute(1)).await;
    let by_key = async |key: &str| {
        let mut ids: Vec<String> =
            store.rows_by_key(image, &[key.to_owned()]).await.unwrap().into_iter().map(|row| row.record.id.to_string()).collect();
        ids.sort();
        ids.join(" ")
    };
    assert_eq!((by_key("K").await.as_str(), by_key("J").await.as_str()), ("1 2", "3"));
    assert_eq!(bench.ids(image).await, ["4", "3", "1", "2"], "by key, then id; without a key first");
    store.put_rows(fence, image, vec![with("1", "J"), with("3", "")], vec![], minute(2)).await.unwrap();
    assert_eq!((by_key("K").await.as_str(), by_key("J").await.as_str()), ("2", "1"));
    assert_eq!(bench.ids(image).await, ["3", "4", "1", "2"]);
}

#[tokio::test]
async fn rows_read_by_id_are_stored_and_those_not_found_are_gone() {
    let bench = Bench::new().await;
    let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
    bench.fill(image, vec![customer("a", &["1"]), customer("b", &["1"]), customer("c", &["1"])], minute(1)).await;
    let before = bench.row(image, "a").await.unwrap().digest;
    let items = vec![customer("a", &["2"]), customer("c", &["1"]), customer("d", &[])];
    let stored = store.put_rows(fence, image, items, vec!["b".into(), "b".into(), "unknown".into()], minute(2)).await.unwrap();
    assert_eq!(stored, Stored { new: 1, changed: 1, same: 1 });
    assert_eq!((bench.ids(image).await, store.image(&spec("customer")).await.unwrap().rows), (vec!["a".into(), "c".into(), "d".into()], 3));
    let after = bench.row(image, "a").await.unwrap();
    assert_ne!(after.digest, before);
    // Back where it was, its digest is as it was.
    store.put_rows(fence, image, vec![customer("a", &["1"])], vec![], minute(3)).await.unwrap();
    assert_eq!(bench.row(image, "a").await.unwrap().digest, before);
    assert!(store.put_rows(fence, image, vec![], vec![], minute(3)).await.is_ok());
}

fn newcomer(owner: &str, minutes: i64) -> Newcomer {
    Newcomer { role: ROLE, owner: owner.into(), since: minute(minutes) }
}

#[tokio::test]
async fn sk_17_whoever_appears_after_a_complete_read_is_a_newcomer_of_that_time_until_we_write_or_they_leave() {
    let bench = Bench::new().await;
    let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
    let put = async |owners: &[&str], at: i64| {
        store.put_rows(fence, image, vec![customer("c1", owners)], vec![], minute(at)).await.unwrap();
        bench.row(image, "c1").await.unwrap().newcomers
    };
    // Before any read was complete nobody is new.
    assert_eq!(put(&["1"], 1).await, []);
    assert_eq!(put(&["1", "2"], 2).await, []);
    bench.fill(image, vec![customer("c1", &["1", "2"])], minute(3)).await;
    assert_eq!(put(&["1", "2", "3"], 4).await, [newcomer("3", 4)]);
    // Another change keeps their time; the same row again changes nothing.
    assert_eq!(put(&["1", "3", "4"], 5).await, [newcomer("3", 4), newcomer("4", 5)]);
    assert_eq!(put(&["1", "3", "4"], 6).await, [newcomer("3", 4), newcomer("4", 5)]);
    // Who left is no newcomer, and new again when they come back.
    assert_eq!(put(&["1", "4"], 7).await, [newcomer("4", 5)]);
    assert_eq!(put(&["1", "3", "4"], 8).await, [newcomer("3", 8), newcomer("4", 5)]);
    // What we write is ours: whoever stays of the newcomers keeps their time, whom we add is none.
    let run = bench.begin_run().await;
    let wrote = Entry { after: vec!["4".into(), "5".into()], ..entry(run, PlanId(1), 1) };
    let ids = store.intend(fence, &[wrote]).await.unwrap();
    let settled = Settled { entry: ids[0], state: EntryState::Done, note: None, into_image: true, consequences: Vec::new() };
    store.settle(fence, image, &[settled], &[], minute(9)).await.unwrap();
    let row = bench.row(image, "c1").await.unwrap();
    assert_eq!((row.record, row.newcomers), (customer("c1", &["4", "5"]), vec![newcomer("4", 5)]));
    // The vendor shows it as we wrote it: the row is the same.
    let stored = store.put_rows(fence, image, vec![customer("c1", &["4", "5"])], vec![], minute(10)).await.unwrap();
    assert_eq!((stored.same, bench.row(image, "c1").await.unwrap().newcomers), (1, vec![newcomer("4", 5)]));
}

#[tokio::test]
async fn owners_that_were_not_shown_make_nobody_new() {
    let bench = Bench::new().await;
    let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
    let hidden = Record { owners: vec![(ROLE, Owner::Unseen)], ..customer("c1", &[]) };
    bench.fill(image, vec![hidden], minute(1)).await;
    store.put_rows(fence, image, vec![customer("c1", &["1"]), customer("c2", &["1"])], vec![], minute(2)).await.unwrap();
    for id in ["c1", "c2"] {
        assert_eq!(bench.row(image, id).await.unwrap().newcomers, [], "{id}");
    }
}
