//! Writing: what reaches SalesScreen, and what is said of it.

use std::sync::Arc;

use connector_salesscreen::DESCRIPTOR;
use connector_salesscreen::sim::{BatchMode, EmailMatch, Switches};
use rightful_core::{
    Clock, Connector, Context, ErrorKind, FieldName, Kind, KindSpec, Outcome, Purpose, Rows, Scan, Secret, Secrets, Settings, Target, Verb,
    Write,
};
use rightful_sim::Simulator;
use serde_json::json;

use crate::desk::{Desk, Mishap, record, record_kind, user, user_kind};

fn words(outcomes: &[Outcome]) -> Vec<String> {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Done { id, .. } => format!("done {id}"),
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::NotDone(error) => format!("not done: {}", error.kind()),
        Outcome::Unknown(error) => format!("unknown: {}", error.kind()),
    };
    outcomes.iter().map(word).collect()
}

async fn written(desk: &Desk, kind: &Kind, batch: &[Write]) -> Vec<String> {
    words(&desk.connector.write(kind, batch).await.unwrap())
}

/// Test vector (a).
#[tokio::test]
async fn ss_7_the_same_id_again_changes_the_user_and_makes_no_second_one() {
    let desk = Desk::usual();
    for last in ["Nine", "Neun"] {
        let said = written(&desk, &user_kind(), &[user("U9", "user9@example.com", last, None)]).await;
        assert_eq!(said, ["done U9"]);
    }
    let rows: Vec<_> = desk.rows("users").into_iter().filter(|row| row["id"] == "U9").collect();
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["lastname"], &rows[0]["team"]), (&json!("Neun"), &json!(null)), "SS-7: nobody is put on a team");
}

/// Test vector (b).
#[tokio::test]
async fn a_mistyped_team_key_makes_a_second_team_and_the_list_prevents_it() {
    let mistyped = [user("U9", "user9@example.com", "Nine", Some("OSLO-FEILD"))];
    let desk = Desk::usual();
    assert_eq!(written(&desk, &user_kind(), &mistyped).await, ["not done: rejected"]);
    assert!(desk.requests().is_empty(), "a refused team key was sent");
    let open = Desk::new(Switches::default(), &[("allow_team_creation", true.into())]);
    assert_eq!(written(&open, &user_kind(), &mistyped).await, ["done U9"]);
    assert_eq!(open.wire.sim.dump()["teams"].as_object().unwrap().len(), 3);
}

/// Test vector (c).
#[tokio::test]
async fn ss_4_a_known_address_is_linked_whatever_its_letter_case() {
    let desk = Desk::usual();
    assert_eq!(written(&desk, &user_kind(), &[user("U5", " USER5@Example.com", "Five", None)]).await, ["done U5"]);
    assert_eq!(desk.rows("users").len(), 5);
    let refusing = Desk::new(Switches { email_match: EmailMatch::Refuse, ..Switches::default() }, &[]);
    assert_eq!(written(&refusing, &user_kind(), &[user("U5", "user5@example.com", "Five", None)]).await, ["not done: rejected"]);
}

/// Test vectors (d) and (e).
#[tokio::test]
async fn a_record_sent_again_has_the_new_value_and_the_new_owner() {
    let desk = Desk::usual();
    for (owner, amount) in [("U1", 100), ("U1", 250), ("U5", 250)] {
        written(&desk, &user_kind(), &[user("U5", "user5@example.com", "Five", None)]).await;
        assert_eq!(written(&desk, &record_kind(), &[record("R1", owner, amount)]).await, ["done R1#deals"]);
        let row = desk.record("R1#deals");
        assert_eq!((&row["user"]["id"], &row["numbers"]["value1"], &row["counted"]), (&json!(owner), &json!(amount), &json!(true)));
    }
    assert_eq!(desk.rows("records").len(), 1);
    let fixed = Desk::new(Switches { record_user_mutable: false, ..Switches::default() }, &[]);
    written(&fixed, &record_kind(), &[record("R1", "U1", 1)]).await;
    written(&fixed, &record_kind(), &[record("R1", "U2", 2)]).await;
    assert_eq!(fixed.record("R1#deals")["user"]["id"], "U1", "the other answer to what is unconfirmed");
}

/// Test vectors (i) and (j): the vendor says nothing of what it ignores.
#[tokio::test]
async fn ss_9_ss_24_what_the_product_ignores_is_accepted_all_the_same() {
    let desk = Desk::usual();
    for (owner, reason) in [("U2", "no_team"), ("U3", "inactive"), ("U4", "spectating")] {
        let id = format!("R-{owner}");
        assert_eq!(written(&desk, &record_kind(), &[record(&id, owner, 1)]).await, [format!("done {id}#deals")]);
        assert_eq!(desk.record(&format!("{id}#deals"))["reason"], reason);
    }
    desk.control("set-user", json!({"email": "user2@example.com", "team": "OSLO-FIELD"}));
    assert_eq!(desk.record("R-U2#deals")["counted"], false, "the vendor replays nothing");
    written(&desk, &record_kind(), &[record("R-U2", "U2", 2)]).await;
    assert_eq!(desk.record("R-U2#deals")["counted"], true);
}

#[tokio::test]
async fn two_hundred_and_fifty_records_are_three_calls() {
    let desk = Desk::usual();
    let batch: Vec<Write> = (0..250).map(|number| record(&format!("R{number}"), "U1", number)).collect();
    for part in batch.chunks(100) {
        let said = written(&desk, &record_kind(), part).await;
        assert!(said.iter().all(|word| word.starts_with("done")), "{said:?}");
    }
    assert_eq!(desk.requests(), vec![("/api/v1/Record/Add".to_owned(), 200); 3]);
    assert_eq!(desk.rows("records").len(), 250);
}

/// An address that belongs to somebody with another id: the vendor refuses such a record, and does not say which it was.
fn refused_record(id: &str) -> Write {
    let mut write = record(id, "U77", 1);
    write.values.push((FieldName::fixed("user.email"), rightful_core::FieldChange::Set(rightful_core::Value::text("user2@example.com"))));
    write
}

#[tokio::test]
async fn refused_records_are_found_whatever_a_refusal_means_for_the_rest() {
    for batch_mode in [BatchMode::Atomic, BatchMode::Partial] {
        let desk = Desk::new(Switches { batch_mode, ..Switches::default() }, &[]);
        let bad = [3, 40, 41, 99];
        let batch: Vec<Write> = (0..100)
            .map(|number| {
                let id = format!("R{number}");
                if bad.contains(&number) { refused_record(&id) } else { record(&id, "U1", number) }
            })
            .collect();
        let said = written(&desk, &record_kind(), &batch).await;
        for (number, word) in said.iter().enumerate() {
            let expected = if bad.contains(&(number as i64)) { "not done: rejected".to_owned() } else { format!("done R{number}#deals") };
            assert_eq!(*word, expected, "{batch_mode:?}");
        }
        assert_eq!(desk.rows("records").len(), 96, "{batch_mode:?}");
        let calls = desk.requests().len();
        assert!(calls < 60, "{calls} calls to find four");
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_throughout_does_not_eat_the_minute() {
    let desk = Desk::new(Switches::default(), &[("batch", 1000.into())]);
    let batch: Vec<Write> = (0..1000).map(|number| refused_record(&format!("R{number}"))).collect();
    let said = written(&desk, &record_kind(), &batch).await;
    let calls = desk.requests().len();
    assert!(calls <= 97, "{calls} calls");
    assert!(said.iter().all(|word| word == "not done: rejected" || word == "unknown: rejected"), "{said:?}");
    assert!(said.iter().any(|word| word == "unknown: rejected"), "no bound was met");
    assert!(desk.rows("records").is_empty());
}

#[tokio::test]
async fn one_id_twice_in_a_batch_is_refused_and_the_first_stands() {
    let desk = Desk::usual();
    let said = written(&desk, &record_kind(), &[record("R1", "U1", 1), record("R1", "U1", 2)]).await;
    assert_eq!(said, ["done R1#deals", "not done: rejected"]);
    assert_eq!(desk.record("R1#deals")["numbers"]["value1"], 1);
}

#[tokio::test]
async fn an_unclear_end_is_repeated_and_what_stays_unclear_is_unknown() {
    let desk = Desk::usual();
    desk.next(&[Mishap::AnswerLost, Mishap::Vendor("done-server-error")]);
    assert_eq!(written(&desk, &record_kind(), &[record("R1", "U1", 1)]).await, ["done R1#deals"]);
    assert_eq!(desk.requests().len(), 3);
    desk.next(&[Mishap::AnswerLost; 7]);
    let begin = desk.clock.now();
    assert_eq!(written(&desk, &record_kind(), &[record("R2", "U1", 1)]).await, ["unknown: unavailable"]);
    assert_eq!(desk.requests().len(), 7);
    assert!((desk.clock.now() - begin).num_seconds() <= 63, "the waits are one second doubled, at most");
    assert_eq!(desk.rows("records").len(), 2, "every one of them had arrived, as one record");
}

#[tokio::test]
async fn ss_23_a_removal_goes_only_where_it_is_enabled_and_there_is_a_path() {
    let removal = [Write { key: "gone".into(), target: Target::Removed("R1#deals".into()), owners: Vec::new(), values: Vec::new() }];
    let off = Desk::usual();
    assert_eq!(off.connector.write(&record_kind(), &removal).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(off.requests().is_empty());
    let on = |path: Option<&str>| {
        let switches = Switches { remove_path: path.map(str::to_owned), ..Switches::default() };
        Desk::new(switches, &[("remove_records", true.into()), ("remove_path", "Record/Delete".into())])
    };
    let without = on(None);
    let error = without.connector.write(&record_kind(), &removal).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.mend().unwrap().contains("`remove_path`"), "{error:?}");
    let with = on(Some("Record/Delete"));
    let batch = [record("R1", "U1", 1), record("R2", "U1", 1)];
    written(&with, &record_kind(), &batch).await;
    assert_eq!(written(&with, &record_kind(), &removal).await, ["done R1#deals"]);
    let left: Vec<_> = with.rows("records").into_iter().map(|row| row["id"].clone()).collect();
    assert_eq!(left, ["R2#deals"]);
}

#[tokio::test]
async fn a_user_is_never_removed_and_reading_is_refused_unasked() {
    let desk = Desk::new(Switches::default(), &[("remove_records", true.into())]);
    let removal = Write { key: "gone".into(), target: Target::Removed("U1".into()), owners: Vec::new(), values: Vec::new() };
    assert_eq!(desk.connector.write(&user_kind(), &[removal]).await.unwrap_err().kind(), ErrorKind::Unsupported);
    for kind in [user_kind(), record_kind()] {
        for rows in [Rows::All, Rows::Ids(vec!["U1".into()])] {
            let error = desk.connector.read(&Scan { kind: kind.clone(), rows, fields: Vec::new() }, None).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Unsupported && error.message().contains("gives none back"), "{error:?}");
        }
    }
    assert!(desk.requests().is_empty());
}

#[test]
fn a_configuration_declares_what_it_can_and_no_more() {
    let shown = |desk: &Desk| -> (Vec<Verb>, Vec<String>) {
        let spec: &KindSpec = desk.connector.kinds().iter().find(|spec| spec.kind == "record").unwrap();
        (spec.verbs.clone(), spec.fields.iter().map(|field| field.name.to_string()).collect())
    };
    let (verbs, fields) = shown(&Desk::usual());
    assert_eq!(verbs, [Verb::Upsert]);
    assert!(!fields.iter().any(|field| field == "value2" || field == "team.key"), "{fields:?}");
    let all = [("remove_records", true.into()), ("more_values", true.into()), ("record_team", "record".into())];
    let (verbs, fields) = shown(&Desk::new(Switches::default(), &all));
    let most = (DESCRIPTOR.kinds)();
    let most = most.iter().find(|spec| spec.kind == "record").unwrap();
    assert_eq!((&verbs, fields.len()), (&most.verbs, most.fields.len()));
}

/// A vendor that repeats the key it was sent must not bring it into an error or a log.
#[tokio::test]
async fn the_key_is_masked_wherever_it_could_be_seen() {
    let desk = Desk::usual();
    written(&desk, &user_kind(), &[user("U9", "user9@example.com", "Nine", None)]).await;
    assert_eq!(*desk.wire.sensitive.lock().unwrap(), [true]);

    let server = EchoingKey;
    let settings = Settings::new([("base_url", json!("http://127.0.0.1:1/api/v1")), ("company", json!("acme"))]);
    let secrets = Secrets::new([("api_key", Secret::new("very-secret-key-9"))]);
    let connector = (DESCRIPTOR.connect)(&settings, &secrets, Context::new("screen", Arc::new(server))).unwrap();
    let outcomes = connector.write(&record_kind(), &[record("R1", "U1", 1)]).await.unwrap();
    let [Outcome::NotDone(error)] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    let words = error.vendor_words().unwrap();
    assert!(words.contains("***") && !format!("{error:?} {connector:?}").contains("very-secret"), "{error:?}");
    assert!(words.chars().count() <= 200, "{} characters", words.chars().count());
}

#[derive(Debug)]
struct EchoingKey;

#[rightful_core::async_trait]
impl rightful_core::Transport for EchoingKey {
    async fn send(&self, request: rightful_core::Request) -> Result<rightful_core::Response, rightful_core::SendError> {
        let key = request.headers["apikey"].to_str().unwrap_or_default();
        Ok(rightful_core::Response::new(rightful_core::StatusCode::BAD_REQUEST, format!("bad key {key} {}", "x".repeat(500))))
    }
}

#[tokio::test]
async fn preflight_says_what_can_be_seen_and_what_mends_the_rest() {
    let verdicts = async |desk: &Desk| -> Vec<(String, String)> {
        let findings = desk.connector.preflight(&Purpose::Write(vec![record_kind(), user_kind()])).await.unwrap();
        assert!(findings.iter().all(|finding| finding.verdict == rightful_core::Verdict::Pass || finding.remedy.is_some()), "{findings:?}");
        findings.into_iter().map(|finding| (finding.check, format!("{:?}", finding.verdict))).collect()
    };
    let pair = |check: &str, verdict: &str| (check.to_owned(), verdict.to_owned());
    let desk = Desk::usual();
    assert_eq!(
        verdicts(&desk).await,
        [
            pair("sign-in", "Pass"),
            pair("read-record", "CannotTell"),
            pair("read-user", "CannotTell"),
            pair("teams", "Pass"),
            pair("write-record", "CannotTell"),
            pair("remove-record", "Advice"),
        ]
    );
    assert_eq!(desk.rows("records").len() + desk.rows("users").len(), 5, "preflight changed something");
    let picky = Desk::new(Switches { empty_batch: false, ..Switches::default() }, &[("allow_team_creation", true.into())]);
    let found = verdicts(&picky).await;
    assert!(found.contains(&pair("sign-in", "CannotTell")) && found.contains(&pair("teams", "Advice")), "{found:?}");
    let down = Desk::usual();
    down.next(&[Mishap::Vendor("server-error"); 7]);
    assert_eq!(verdicts(&down).await[0], pair("sign-in", "NotYet"));
    let refused = Desk::usual();
    refused.next(&[Mishap::Vendor("unauthorized")]);
    assert_eq!(verdicts(&refused).await, [pair("sign-in", "Fail")]);
}
