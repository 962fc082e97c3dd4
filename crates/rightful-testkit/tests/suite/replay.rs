//! Replays: what fits passes, and a miss, an unused exchange, a wrong expectation and a broken folder each fail with enough to mend them.

use crate::toy;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use rightful_core::Scan;
use rightful_testkit::{Replay, run_scenario};
use serde_json::{Value, json};

/// A scenario folder with one exchange, changed.
fn scenario(change: impl FnOnce(&mut Value, &mut Value)) -> tempfile::TempDir {
    let mut cassette = json!({
        "label": "hand-written", "source": "made up for this test", "about": "One page of people.", "origin": "https://api.toy.example",
        "exchanges": [{
            "request": { "method": "GET", "path": "/v1/users?page=1", "headers": { "authorization": "Bearer {{secret.api_key}}" } },
            "response": { "json": { "rows": [{ "id": "u1", "name": "User One", "email": "user1@example.com", "active": true }], "pages": 1, "total": 1 } },
        }],
    });
    let mut expect = json!({
        "read": { "kind": "user" },
        "gives": { "records": [{ "id": "u1", "name": "User One", "keys": { "email": "user1@example.com" }, "person": { "emails": ["user1@example.com"] } }] },
    });
    change(&mut cassette, &mut expect);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cassette.json"), serde_json::to_string_pretty(&cassette).unwrap()).unwrap();
    std::fs::write(folder.path().join("expect.json"), serde_json::to_string_pretty(&expect).unwrap()).unwrap();
    folder
}

#[tokio::test]
async fn a_scenario_that_fits_passes() {
    let folder = scenario(|_, _| {});
    assert_eq!(run_scenario(&toy::TOY, folder.path()).await, Ok(()));
}

#[tokio::test]
async fn whatever_does_not_fit_fails_and_says_where() {
    type Change = fn(&mut Value, &mut Value);
    let cases: [(Change, &[&str]); 19] = [
        (
            |cassette, _| cassette["origin"] = "https://other.toy.example".into(),
            &["`base_url` = https://api.toy.example/v1 is beyond the cassette"],
        ),
        (
            |cassette, _| {
                let mut first = cassette["exchanges"][0].clone();
                first["request"]["path"] = "/v1/users?page=7".into();
                cassette["exchanges"].as_array_mut().unwrap().insert(0, first);
            },
            &["the next is exchange 1 of 2 (GET /v1/users?page=7)", "query `page`: expected 7, got 1"],
        ),
        (|cassette, _| cassette["exchanges"][0]["request"]["xml"] = "<a/>".into(), &["body, part 1: expected <a/>, got the end"]),
        (
            |cassette, _| cassette["exchanges"][0]["request"]["path"] = "/v1/users?page=2".into(),
            &["no exchange for GET /v1/users", "query `page`: expected 2, got 1", "was not asked for"],
        ),
        (
            |cassette, _| cassette["exchanges"][0]["request"]["headers"]["authorization"] = "Bearer x".into(),
            &["header `authorization`: expected Bearer x, got Bearer fixture-api_key"],
        ),
        (|cassette, _| cassette["exchanges"][0]["times"] = 3.into(), &["was not asked for 2 of 3 times"]),
        (
            |cassette, _| {
                let first = cassette["exchanges"][0].clone();
                cassette["exchanges"].as_array_mut().unwrap().push(first);
            },
            &["exchange 2 (GET /v1/users?page=1) was not asked for"],
        ),
        (
            |_, expect| expect["gives"]["records"][0]["name"] = "User Two".into(),
            &["the records differ", "\"name\": \"User Two\"", "\"name\": \"User One\""],
        ),
        (|_, expect| expect["gives"]["total"] = 2.into(), &["total: expected 2, got 1"]),
        (|_, expect| expect["gives"]["mark"] = "{{any}}".into(), &["mark: expected \"{{any}}\", got null"]),
        (|_, expect| expect["waits"] = json!([1]), &["waits in seconds: expected [1.0], got []"]),
        (
            |_, expect| {
                expect.as_object_mut().unwrap().remove("gives");
                expect["fails"] = json!({ "kind": "protocol" });
            },
            &["expected it to fail (protocol), but it succeeded"],
        ),
        (
            |cassette, _| cassette["exchanges"][0]["response"]["status"] = 403.into(),
            &["expected it to succeed, but it failed", "Forbidden"],
        ),
        (|_, expect| drop(expect.as_object_mut().unwrap().remove("gives")), &["say what it `gives`, or how it `fails`"]),
        (|_, expect| expect["gives"]["record"] = json!([]), &["unknown field `record`"]),
        (|cassette, _| cassette["lable"] = "recorded".into(), &["unknown field `lable`"]),
        (|cassette, _| cassette["label"] = "from-docs".into(), &["must contain the address of the page"]),
        (|cassette, _| drop(cassette.as_object_mut().unwrap().remove("label")), &["missing field `label`"]),
        (|cassette, _| cassette["origin"] = "https://api.toy.example/v1".into(), &["should read `https://api.toy.example`"]),
    ];
    for (change, words) in cases {
        let folder = scenario(change);
        let problem = run_scenario(&toy::TOY, folder.path()).await.expect_err(words[0]);
        for word in words {
            assert!(problem.contains(word), "expected `{word}`, got:\n{problem}");
        }
    }
}

#[tokio::test]
async fn side_files_must_be_used_and_lie_in_the_folder() {
    let unused = scenario(|_, _| {});
    std::fs::write(unused.path().join("page.json"), "{}").unwrap();
    assert!(run_scenario(&toy::TOY, unused.path()).await.unwrap_err().contains("no exchange uses the side file `page.json`"));
    let outside = scenario(|cassette, _| cassette["exchanges"][0]["response"] = json!({ "file": "../page.json" }));
    assert!(run_scenario(&toy::TOY, outside.path()).await.unwrap_err().contains("must lie in the scenario's own folder"));
}

#[tokio::test]
async fn a_secret_of_the_cassette_is_not_printed_by_a_miss() {
    let folder = scenario(|cassette, _| {
        cassette["secrets"] = json!({ "api_key": "do-not-print-me" });
        cassette["exchanges"][0]["request"]["headers"]["authorization"] = "Basic x".into();
    });
    let problem = run_scenario(&toy::TOY, folder.path()).await.unwrap_err();
    assert!(problem.contains("got Bearer {{secret.api_key}}") && !problem.contains("do-not-print-me"), "{problem}");
}

#[tokio::test]
async fn a_replay_used_by_hand_states_its_waits() {
    let replay = Replay::start(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/toy/users-throttled")).await;
    let page = replay.connect(&toy::TOY).read(&Scan::all("user"), None).await.unwrap();
    assert_eq!((page.items.len(), replay.waits()), (0, vec![Duration::from_secs(30), Duration::from_secs(30)]));
    replay.finish();
}

#[tokio::test]
async fn a_replay_that_is_finished_early_or_not_at_all_fails() {
    let folder = scenario(|_, _| {});
    let replay = Replay::start(folder.path()).await;
    let early = std::panic::catch_unwind(AssertUnwindSafe(|| replay.finish())).unwrap_err();
    assert!(early.downcast_ref::<String>().unwrap().contains("was not asked for"));
    let replay = Replay::start(folder.path()).await;
    let forgotten = std::panic::catch_unwind(AssertUnwindSafe(|| drop(replay))).unwrap_err();
    assert!(forgotten.downcast_ref::<String>().unwrap().contains("call finish()"));
}

#[tokio::test]
async fn origins_are_rerouted_in_both_directions() {
    let folder = scenario(|cassette, _| {
        cassette["exchanges"][0]["response"]["json"]["rows"][0]["name"] = "see https://api.toy.example/v1/users/u1".into();
    });
    let replay = Replay::start(folder.path()).await;
    let page = replay.connect(&toy::TOY).read(&Scan::all("user"), None).await.unwrap();
    assert_eq!(page.items[0].name, format!("see {}/v1/users/u1", replay.origin()));
    replay.finish();
}
