//! What the connector writes, and that every outcome is the truth.

use crate::desk::{Desk, Mishap};
use connector_skynamo::sim::{BatchMode, Options, Seed, SeedCustomer, SeedFrequency, SeedUser, Switches};
use rightful_core::{Connector, ErrorKind, Exchange, FieldChange, Outcome, Owner, OwnerChange, Role, Target, Value, Write, overheard};
use rightful_sim::Simulator;
use serde_json::{Value as Json, json};

fn assign(id: &str, from: Option<&[&str]>, to: &[&str]) -> Write {
    change("assigned", id, from, to)
}

fn change(role: &'static str, id: &str, from: Option<&[&str]>, to: &[&str]) -> Write {
    let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    Write {
        key: format!("w-{id}"),
        target: Target::Id(id.into()),
        owners: vec![OwnerChange { role: Role::fixed(role), from: from.map(texts), to: texts(to) }],
        values: Vec::new(),
    }
}

fn many(count: usize) -> Seed {
    Seed {
        users: (1..=4).map(|id| SeedUser::new(id, format!("user.{id}"), format!("User {id}"), format!("user{id}@example.com"))).collect(),
        customers: (0..count).map(|number| SeedCustomer::new(format!("C{number:06}"), format!("Customer {number}"), vec![1])).collect(),
        ..Seed::empty()
    }
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { id, .. } => format!("done {id}"),
        Outcome::Unchanged => "unchanged".into(),
        Outcome::NotDone(error) => format!("not done: {}", error.kind()),
        Outcome::Unknown(error) => format!("unknown: {}", error.kind()),
    }
}

fn words(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(word).collect()
}

fn assigned(desk: &Desk, id: i64) -> Json {
    let dump = desk.wire.sim.dump();
    dump["customers"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap()["assigned_users"].clone()
}

#[tokio::test]
async fn owners_are_patched_by_id_in_batches_and_nothing_else_moves() {
    let desk = Desk::seeded(many(250), &[("batch", 100)]);
    let before = desk.wire.sim.dump();
    let batch: Vec<Write> = (0..250).map(|number| assign(&(4001 + number).to_string(), Some(&["1"]), &["2", "3"])).collect();
    let outcomes = desk.connector.write(&"customer".into(), &batch).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Done { created: false, .. })));
    assert_eq!(desk.requests(), ["PATCH /v1/customers"; 3], "never PUT, never one by one");
    let after = desk.wire.sim.dump();
    assert_eq!(after["writes"], json!({"PATCH /customers": {"requests": 3, "applied": 250, "rejected": 0}}));
    for (old, new) in before["customers"].as_array().unwrap().iter().zip(after["customers"].as_array().unwrap()) {
        assert_eq!(new["assigned_users"], json!([2, 3]));
        assert_eq!((&old["name"], &old["code"], &old["active"]), (&new["name"], &new["code"], &new["active"]));
    }
}

#[tokio::test]
async fn what_already_is_so_is_not_sent() {
    let desk = Desk::usual();
    let outcomes = desk.connector.write(&"customer".into(), &[assign("4402", Some(&["12", "7"]), &["12", "7"])]).await.unwrap();
    assert_eq!(words(&outcomes), ["unchanged"]);
    assert!(desk.requests().is_empty());
}

#[tokio::test]
async fn a_refused_item_does_not_take_its_batch_with_it() {
    for batch_mode in [BatchMode::Atomic, BatchMode::Partial] {
        let desk = Desk::new(Options { switches: Switches { batch_mode, ..Switches::default() }, ..Options::default() }, &[]);
        let batch =
            [assign("4401", Some(&["7"]), &["12"]), assign("4402", Some(&["12", "7"]), &["99"]), assign("4404", Some(&[]), &["15"])];
        let outcomes = desk.connector.write(&"customer".into(), &batch).await.unwrap();
        assert_eq!(words(&outcomes), ["done 4401", "not done: rejected", "done 4404"], "{batch_mode:?}");
        let Outcome::NotDone(error) = &outcomes[1] else { panic!("refused") };
        assert!(error.vendor_words().unwrap().contains("Unknown user id 99"), "{error:?}");
        assert_eq!((assigned(&desk, 4401), assigned(&desk, 4402), assigned(&desk, 4404)), (json!([12]), json!([7, 12]), json!([15])));
        let patches = desk.requests().iter().filter(|line| line.starts_with("PATCH")).count();
        assert_eq!(patches, if batch_mode == BatchMode::Atomic { 2 } else { 1 }, "what was applied is not sent again ({batch_mode:?})");
    }
}

#[tokio::test]
async fn sk_20_a_customer_that_was_merged_away_is_not_found() {
    for batch_mode in [BatchMode::Atomic, BatchMode::Partial] {
        let desk = Desk::new(Options { switches: Switches { batch_mode, ..Switches::default() }, ..Options::default() }, &[]);
        desk.control("merge-customers", json!({"keep": 4401, "lose": 4403}));
        let batch = [assign("4403", Some(&["9"]), &["12"]), assign("4404", Some(&[]), &["12"])];
        let outcomes = desk.connector.write(&"customer".into(), &batch).await.unwrap();
        assert_eq!(words(&outcomes), ["not done: not-found", "done 4404"]);
    }
}

#[tokio::test]
async fn a_lost_answer_is_read_back_and_never_sent_twice() {
    for (mishap, wanted) in [
        (Mishap::AnswerLost, ["done 4401", "done 4404"]),
        (Mishap::Vendor("done-timeout"), ["done 4401", "done 4404"]),
        (Mishap::Vendor("not-json"), ["unknown: protocol", "unknown: protocol"]),
        (Mishap::Vendor("timeout"), ["unknown: unavailable", "unknown: unavailable"]),
        (Mishap::Vendor("truncated"), ["done 4401", "done 4404"]),
    ] {
        let desk = Desk::usual();
        desk.mishap(0, mishap.clone());
        let batch = [assign("4401", Some(&["7"]), &["12"]), assign("4404", Some(&[]), &["12"])];
        let outcomes = desk.connector.write(&"customer".into(), &batch).await.unwrap();
        assert_eq!(words(&outcomes), wanted, "{mishap:?}");
        assert_eq!(desk.requests().iter().filter(|line| line.starts_with("PATCH")).count(), 1, "{mishap:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_that_cannot_be_read_back_stays_unknown() {
    let desk = Desk::usual();
    desk.always(Mishap::AnswerLost);
    let outcomes = desk.connector.write(&"customer".into(), &[assign("4401", Some(&["7"]), &["12"])]).await.unwrap();
    assert_eq!(words(&outcomes), ["unknown: unavailable"]);
}

#[tokio::test]
async fn a_request_that_never_left_is_tried_again_and_a_429_is_obeyed() {
    let desk = Desk::usual();
    desk.mishap(0, Mishap::NotSent);
    desk.mishap(1, Mishap::Vendor("throttled"));
    let outcomes = desk.connector.write(&"customer".into(), &[assign("4401", Some(&["7"]), &["12"])]).await.unwrap();
    assert_eq!(words(&outcomes), ["done 4401"]);
    assert_eq!(desk.wire.sim.dump()["writes"]["PATCH /customers"]["requests"], 1);
}

#[tokio::test]
async fn a_refused_key_fails_the_whole_batch_before_anything_is_written() {
    let desk = Desk::usual();
    desk.always(Mishap::Vendor("forbidden"));
    let error = desk.connector.write(&"customer".into(), &[assign("4401", None, &["12"])]).await.unwrap_err();
    assert_eq!((error.kind(), desk.requests().len()), (ErrorKind::Unauthenticated, 1));
}

#[tokio::test]
async fn a_key_refused_in_the_middle_leaves_the_first_batch_done() {
    let desk = Desk::seeded(many(4), &[("batch", 2)]);
    desk.mishap(1, Mishap::Vendor("forbidden"));
    let batch: Vec<Write> = (4001..4005).map(|id| assign(&id.to_string(), Some(&["1"]), &["2"])).collect();
    let outcomes = desk.connector.write(&"customer".into(), &batch).await.unwrap();
    assert_eq!(words(&outcomes), ["done 4001", "done 4002", "not done: unauthenticated", "not done: unauthenticated"]);
}

#[tokio::test]
async fn sk_16_a_visit_frequency_moves_to_the_successor() {
    let desk = Desk::usual();
    let kind = "visit-frequency".into();
    let outcomes = desk.connector.write(&kind, &[change("owner", "903", Some(&["9"]), &["12"])]).await.unwrap();
    assert_eq!(words(&outcomes), ["done 903"]);
    let row = desk.by_id("visit-frequency", "903").await.unwrap();
    assert_eq!(row.owner(&Role::new("owner")), &Owner::Known(vec!["12".into()]));
    let several = desk.connector.write(&kind, &[change("owner", "902", Some(&["12"]), &["12", "7"])]).await.unwrap();
    assert_eq!(words(&several), ["not done: rejected"]);
}

#[tokio::test]
async fn a_second_visit_frequency_of_one_pair_is_refused_in_the_vendors_words() {
    let mut seed = many(2);
    let frequency =
        |id, customer_id, user_id| SeedFrequency { id: Some(id), customer_id, user_id, cycle: 1, frequency: 1, period: "Week".into() };
    seed.visit_frequencies = vec![frequency(901, 4001, 1), frequency(902, 4001, 2), frequency(903, 4002, 1)];
    let desk = Desk::seeded(seed, &[]);
    let batch = [change("owner", "901", Some(&["1"]), &["2"]), change("owner", "903", Some(&["1"]), &["3"])];
    let outcomes = desk.connector.write(&"visit-frequency".into(), &batch).await.unwrap();
    assert_eq!(words(&outcomes), ["not done: rejected", "done 903"]);
    let Outcome::NotDone(error) = &outcomes[0] else { panic!("refused") };
    assert!(error.vendor_words().unwrap().contains("already exists"), "{error:?}");
}

#[tokio::test]
async fn what_is_not_offered_is_refused_without_a_request() {
    let desk = Desk::usual();
    assert_eq!(desk.connector.write(&"user".into(), &[assign("7", None, &[])]).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let mut create = assign("1", None, &["7"]);
    create.target = Target::New;
    let mut field = assign("4401", None, &["7"]);
    field.values = vec![("name".into(), FieldChange::Set(Value::Text("x".into())))];
    let batch = [create, field, change("owner", "4401", None, &["7"]), assign("x1", None, &["7"]), assign("4401", None, &["nadia"])];
    let outcomes = desk.connector.write(&"customer".into(), &batch).await.unwrap();
    assert_eq!(
        words(&outcomes),
        ["not done: unsupported", "not done: unsupported", "not done: unsupported", "not done: not-found", "not done: rejected"]
    );
    assert!(desk.requests().is_empty());
}

#[tokio::test]
async fn what_is_kept_of_a_write_says_what_was_sent_and_never_the_key() {
    let mishaps =
        [None, Some(Mishap::AnswerLost), Some(Mishap::NotSent), Some(Mishap::Vendor("throttled")), Some(Mishap::Vendor("forbidden"))];
    for mishap in mishaps {
        let desk = Desk::usual();
        if let Some(mishap) = &mishap {
            desk.mishap(0, mishap.clone());
        }
        let batch = [assign("4401", Some(&["7"]), &["12"]), assign("4404", Some(&[]), &["12"])];
        let (_, exchanges) = overheard(desk.connector.write(&"customer".into(), &batch)).await;
        assert_eq!(exchanges.len(), desk.requests().len(), "each request is told ({mishap:?})");
        let patches: Vec<&Exchange> = exchanges.iter().filter(|exchange| !exchange.idempotent).collect();
        let first = patches.first().expect("a change was sent");
        let sent: Json = serde_json::from_str(&first.request).unwrap();
        assert_eq!(sent, json!([{"id": 4401, "assigned_users": [12]}, {"id": 4404, "assigned_users": [12]}]));
        assert_eq!((first.method.as_str(), first.url.as_str()), ("PATCH", "http://127.0.0.1:1/v1/customers"));
        let answered = patches.last().and_then(|exchange| exchange.status);
        let expected = match &mishap {
            Some(Mishap::AnswerLost) => None,
            Some(Mishap::Vendor("forbidden")) => Some(403),
            _ => Some(200),
        };
        assert_eq!(answered, expected, "{mishap:?}");
        let kept = serde_json::to_string(&exchanges).unwrap();
        assert!(!kept.contains("sandbox-skynamo-key"), "{kept}");
    }
}
