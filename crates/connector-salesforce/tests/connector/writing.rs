//! Writing owners: what is looked at first, what is sent, and the truth about every item.

use rightful_core::{Connector as _, ErrorKind, Outcome, OwnerChange, Role, Target, Write};
use serde_json::{Value as Json, json};

use crate::desk::*;

fn give(number: u32, from: &str, to: &str) -> Write {
    Write {
        key: format!("w{number}"),
        target: Target::Id(full(&account_id(number)).into()),
        owners: vec![OwnerChange { role: Role::fixed("owner"), from: Some(vec![from.to_owned()]), to: vec![to.to_owned()] }],
        values: Vec::new(),
    }
}

fn saved(number: u32) -> Json {
    json!({ "id": full(&account_id(number)), "success": true, "errors": [] })
}

fn failed(code: &str) -> Json {
    json!({ "success": false, "errors": [{ "statusCode": code, "message": "words of the vendor", "fields": ["OwnerId"] }] })
}

fn stand(owners: &[(u32, &str)]) -> Answer {
    rows(owners.iter().map(|(number, owner)| account(*number, owner)).collect())
}

fn told(outcomes: &[Outcome]) -> Vec<String> {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Done { created, .. } => format!("done {created}"),
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::NotDone(error) => format!("not done: {}", error.kind()),
        Outcome::Unknown(error) => format!("unknown: {}", error.kind()),
    };
    outcomes.iter().map(word).collect()
}

async fn written(desk: &Desk, batch: &[Write]) -> Vec<String> {
    told(&desk.connector.write(&"account".into(), batch).await.unwrap())
}

#[tokio::test]
async fn sf_4_owners_are_written_in_one_collection_and_read_back() {
    let desk = Desk::new([
        stand(&[(1, OWNER_ONE), (2, OWNER_ONE)]),
        rows(vec![user(OWNER_TWO, true)]),
        rows(vec![]),
        answer(200, &json!([saved(1), failed("INACTIVE_OWNER_OR_USER")])),
        stand(&[(1, OWNER_TWO)]),
    ]);
    let outcomes = written(&desk, &[give(1, OWNER_ONE, OWNER_TWO), give(2, OWNER_ONE, OWNER_TWO)]).await;
    assert_eq!(outcomes, ["done false", "not done: rejected"]);
    let sent = &desk.sent()[3];
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("PATCH", "/services/data/v62.0/composite/sobjects"));
    assert_eq!(sent.auto_assign.as_deref(), Some("FALSE"));
    assert_eq!(
        serde_json::from_str::<Json>(&sent.body).unwrap(),
        json!({ "allOrNone": false, "records": [
            { "attributes": { "type": "Account" }, "id": full(&account_id(1)), "OwnerId": OWNER_TWO },
            { "attributes": { "type": "Account" }, "id": full(&account_id(2)), "OwnerId": OWNER_TWO },
        ] })
    );
    desk.finished();
}

#[tokio::test]
async fn sf_5_nothing_is_sent_for_what_stands_moved_or_is_gone() {
    let other = "005Qk0000000003IAA";
    let desk = Desk::new([stand(&[(1, OWNER_TWO), (2, other)]), rows(vec![user(OWNER_TWO, true)]), rows(vec![])]);
    let batch = [give(1, OWNER_ONE, OWNER_TWO), give(2, OWNER_ONE, OWNER_TWO), give(3, OWNER_ONE, OWNER_TWO)];
    assert_eq!(written(&desk, &batch).await, ["unchanged", "not done: conflict", "not done: not-found"]);
    desk.finished();
}

#[tokio::test]
async fn sf_5_who_is_frozen_gets_nothing_unless_they_may() {
    let frozen = || rows(vec![json!({ "UserId": OWNER_TWO })]);
    let owned_by = |owner| stand(&[(1, owner)]);
    let desk = Desk::new([owned_by(OWNER_ONE), rows(vec![user(OWNER_TWO, true)]), frozen()]);
    assert_eq!(written(&desk, &[give(1, OWNER_ONE, OWNER_TWO)]).await, ["not done: rejected"]);
    let asked = format!("SELECT UserId FROM UserLogin WHERE IsFrozen = true AND UserId IN ('{OWNER_TWO}')");
    assert_eq!(desk.queries()[2], asked);
    desk.finished();
    // Whoever may not manage users does not see who is frozen: Salesforce itself is the judge then.
    let unseen = answer(400, &json!([{ "errorCode": "INVALID_TYPE", "message": "sObject type 'UserLogin' is not supported." }]));
    let taken = || [answer(200, &json!([saved(1)])), owned_by(OWNER_TWO)];
    let script = [owned_by(OWNER_ONE), rows(vec![user(OWNER_TWO, true)]), unseen].into_iter().chain(taken());
    let desk = Desk::new(script);
    assert_eq!(written(&desk, &[give(1, OWNER_ONE, OWNER_TWO)]).await, ["done false"]);
    desk.finished();
    let script = [owned_by(OWNER_ONE), rows(vec![user(OWNER_TWO, true)])].into_iter().chain(taken());
    let desk = Desk::with(&[("frozen_owners", true.into())], script);
    assert_eq!(written(&desk, &[give(1, OWNER_ONE, OWNER_TWO)]).await, ["done false"]);
    desk.finished();
}

#[tokio::test]
async fn records_that_were_locked_are_sent_once_more() {
    let desk = Desk::new([
        stand(&[(1, OWNER_ONE), (2, OWNER_ONE), (3, OWNER_ONE)]),
        rows(vec![user(OWNER_TWO, true)]),
        rows(vec![]),
        answer(200, &json!([saved(1), failed("UNABLE_TO_LOCK_ROW"), failed("UNABLE_TO_LOCK_ROW")])),
        answer(200, &json!([saved(2), failed("UNABLE_TO_LOCK_ROW")])),
        stand(&[(1, OWNER_TWO), (2, OWNER_TWO)]),
    ]);
    let batch = [1, 2, 3].map(|number| give(number, OWNER_ONE, OWNER_TWO));
    assert_eq!(written(&desk, &batch).await, ["done false", "done false", "not done: unavailable"]);
    desk.finished();
}

#[tokio::test]
async fn a_rule_that_takes_the_record_away_again_is_seen() {
    let desk = Desk::new([
        stand(&[(1, OWNER_ONE)]),
        rows(vec![user(OWNER_TWO, true)]),
        rows(vec![]),
        answer(200, &json!([saved(1)])),
        stand(&[(1, OWNER_ONE)]),
    ]);
    assert_eq!(written(&desk, &[give(1, OWNER_ONE, OWNER_TWO)]).await, ["not done: conflict"]);
}

#[tokio::test]
async fn after_an_unclear_end_records_are_read_and_nothing_is_sent_again() {
    let unclear = || {
        let html = rightful_core::Response::new(rightful_core::StatusCode::BAD_GATEWAY, "<html>");
        [lost(), Ok(html), answer(200, &json!([saved(1)])), answer(200, &json!({ "what": 1 }))]
    };
    for end in unclear() {
        let desk = Desk::new([
            stand(&[(1, OWNER_ONE), (2, OWNER_ONE)]),
            rows(vec![user(OWNER_TWO, true)]),
            rows(vec![]),
            end,
            stand(&[(1, OWNER_TWO), (2, OWNER_ONE)]),
        ]);
        let outcomes = written(&desk, &[give(1, OWNER_ONE, OWNER_TWO), give(2, OWNER_ONE, OWNER_TWO)]).await;
        assert_eq!(outcomes[0], "done false");
        assert!(outcomes[1].starts_with("unknown"), "{outcomes:?}");
        desk.finished();
    }
}

#[tokio::test]
async fn a_refused_request_is_an_error_and_nothing_was_written() {
    let desk = Desk::new([
        stand(&[(1, OWNER_ONE)]),
        rows(vec![user(OWNER_TWO, true)]),
        rows(vec![]),
        refused(403, "INSUFFICIENT_ACCESS", "insufficient access rights"),
    ]);
    let error = desk.connector.write(&"account".into(), &[give(1, OWNER_ONE, OWNER_TWO)]).await.unwrap_err();
    assert_eq!((error.kind(), error.is_fate_unknown()), (ErrorKind::Forbidden, false));
    desk.finished();
}

#[tokio::test]
async fn an_ended_session_is_renewed_in_the_middle_of_a_write() {
    let desk = Desk::new([
        stand(&[(1, OWNER_ONE)]),
        rows(vec![user(OWNER_TWO, true)]),
        rows(vec![]),
        refused(401, "INVALID_SESSION_ID", "Session expired or invalid"),
        token("access-2", INSTANCE),
        answer(200, &json!([saved(1)])),
        stand(&[(1, OWNER_TWO)]),
    ]);
    assert_eq!(written(&desk, &[give(1, OWNER_ONE, OWNER_TWO)]).await, ["done false"]);
    assert_eq!(desk.sent()[5].authorization.as_deref(), Some("Bearer access-2"));
    desk.finished();
}

#[tokio::test]
async fn users_and_queues_are_not_written() {
    for kind in ["user", "queue"] {
        let desk = Desk::new([]);
        let error = desk.connector.write(&kind.into(), &[give(1, OWNER_ONE, OWNER_TWO)]).await.unwrap_err();
        assert_eq!((error.kind(), desk.all().len()), (ErrorKind::Unsupported, 0), "{kind}");
    }
}
