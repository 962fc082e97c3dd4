//! What a write may touch, how it is named, and what is said of it.

use connector_sage_intacct::sim::Options;
use rightful_core::{Connector, ErrorKind, Kind, Outcome, OwnerChange, Scan, Target, Write, overheard};
use serde_json::json;

use crate::desk::{Desk, Mishap};

/// A write that gives a customer another rep.
pub fn rep(number: &str, from: Option<&str>, to: Option<&str>) -> Write {
    let people = |rep: Option<&str>| rep.map(str::to_owned).into_iter().collect::<Vec<_>>();
    Write {
        key: format!("plan-7-{number}"),
        target: Target::Id(number.into()),
        owners: vec![OwnerChange { role: "owner".into(), from: from.map(|from| people(Some(from))), to: people(to) }],
        values: Vec::new(),
    }
}

const CUSTOMER: Kind = Kind::fixed("customer");

fn control_ids(request: &str) -> Vec<&str> {
    request.split("<function controlid=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// IN-11 and IN-22: the rep and nothing else, once only by a name that is the same at each attempt.
#[tokio::test]
async fn in_11_and_in_22_only_the_rep_is_written_under_a_stable_name() {
    let mut named = Vec::new();
    for _ in 0..2 {
        let desk = Desk::new(Options::default(), &[]);
        let batch = [rep("800", Some("E-014"), Some("007")), rep("801", None, None), rep("802", None, Some("e-014"))];
        let outcomes = desk.connector.write(&CUSTOMER, &batch).await.unwrap();
        assert!(matches!(outcomes[..], [Outcome::Done { .. }, Outcome::Done { .. }, Outcome::Unchanged]), "{outcomes:?}");
        let requests = desk.requests();
        let updates: Vec<&String> = requests.iter().filter(|request| request.contains("<update>")).collect();
        let [update] = updates[..] else { panic!("{requests:?}") };
        assert!(update.contains("<uniqueid>true</uniqueid>") && update.contains("<operation transaction=\"false\">"), "{update}");
        assert!(update.contains("<update><CUSTOMER><RECORDNO>800</RECORDNO><CUSTREPID>007</CUSTREPID></CUSTOMER></update>"), "{update}");
        assert!(update.contains("<update><CUSTOMER><RECORDNO>801</RECORDNO><CUSTREPID></CUSTREPID></CUSTOMER></update>"), "{update}");
        let reads = requests.iter().filter(|request| !request.contains("<update>"));
        assert!(reads.clone().count() > 2 && reads.clone().all(|request| request.contains("<uniqueid>false</uniqueid>")));
        named.push(control_ids(update).into_iter().map(str::to_owned).collect::<Vec<_>>());
    }
    assert_eq!(named[0], named[1]);
    assert!(named[0][0].starts_with("plan-7-800-") && named[0].iter().all(|id| id.len() <= 256), "{named:?}");
}

/// IN-11: an attempt whose answer was lost is not made twice, whichever way it ended.
#[tokio::test]
async fn in_11_a_lost_answer_is_read_back_and_a_second_attempt_is_harmless() {
    let desk = Desk::new(Options::default(), &[]);
    let batch = [rep("800", Some("E-014"), Some("007"))];
    // Sign-in, formatting and the read of what stands there come first.
    desk.mishap(3, Mishap::AnswerLost);
    let outcomes = desk.connector.write(&CUSTOMER, &batch).await.unwrap();
    assert!(matches!(outcomes[..], [Outcome::Done { .. }]), "{outcomes:?}");
    let again = desk.connector.write(&CUSTOMER, &batch).await.unwrap();
    assert!(matches!(again[..], [Outcome::Unchanged]), "{again:?}");
    assert_eq!(desk.requests().iter().filter(|request| request.contains("<update>")).count(), 1);
    // Somebody undoes it, and the gateway will not execute the same name again: that is said, not hidden.
    desk.control("set-customer", json!({ "CUSTOMERID": "C-0399", "CUSTREPID": "E-014" }));
    let third = desk.connector.write(&CUSTOMER, &batch).await.unwrap();
    let [Outcome::NotDone(error)] = &third[..] else { panic!("{third:?}") };
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

/// IN-22: what moved since the plan is left alone.
#[tokio::test]
async fn in_22_a_customer_that_moved_since_the_plan_is_left_alone() {
    let desk = Desk::new(Options::default(), &[]);
    desk.control("set-customer", json!({ "CUSTOMERID": "C-0399", "CUSTREPID": "7" }));
    let outcomes = desk.connector.write(&CUSTOMER, &[rep("800", Some("E-014"), Some("007"))]).await.unwrap();
    let [Outcome::NotDone(error)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(desk.requests().iter().all(|request| !request.contains("<update>")), "nothing is written");
}

/// IN-8: each of a hundred has its own outcome, and batches are cut.
#[tokio::test]
async fn in_8_each_of_many_answers_for_itself() {
    let desk = Desk::new(Options { customers: Some(300), ..Options::default() }, &[("batch", 60)]);
    desk.read(&Scan::all("customer")).await.unwrap();
    desk.requests();
    // Every fifth rep does not exist, which the company refuses.
    let batch: Vec<Write> = (800..900)
        .map(|number: u64| rep(&number.to_string(), None, Some(if number.is_multiple_of(5) { "NOBODY" } else { "E-021" })))
        .collect();
    let outcomes = desk.connector.write(&CUSTOMER, &batch).await.unwrap();
    let updates: Vec<usize> =
        desk.requests().iter().filter(|request| request.contains("<update>")).map(|request| control_ids(request).len()).collect();
    assert_eq!(updates.len(), 2);
    assert!(updates.iter().all(|count| *count <= 60), "{updates:?}");
    for (write, outcome) in batch.iter().zip(&outcomes) {
        match (write.owners[0].to[0].as_str(), outcome) {
            ("NOBODY", Outcome::NotDone(error)) => {
                assert_eq!(error.kind(), ErrorKind::Rejected);
                assert!(error.vendor_words().unwrap().contains("NOBODY"), "{error:?}");
            }
            ("E-021", Outcome::Done { .. } | Outcome::Unchanged) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Texts that would sink a whole request are refused alone, before it is sent.
#[tokio::test]
async fn what_cannot_be_sent_is_refused_alone() {
    let desk = Desk::new(Options::default(), &[]);
    let batch = [rep("800", None, Some("a\u{0}b")), rep("0801", None, Some("007")), rep("801", None, Some("007"))];
    let outcomes = desk.connector.write(&CUSTOMER, &batch).await.unwrap();
    let [Outcome::NotDone(text), Outcome::NotDone(id), Outcome::Done { .. }] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((text.kind(), id.kind()), (ErrorKind::Rejected, ErrorKind::NotFound));
    let error = desk.connector.write(&"user".into(), &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

/// The text of an element, wherever it stands.
fn texts<'a>(request: &'a str, element: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    request.split(open.as_str()).skip(1).filter_map(|rest| rest.split(close.as_str()).next()).collect()
}

#[tokio::test]
async fn what_is_kept_of_a_write_says_what_was_sent_and_never_a_password_or_a_session() {
    for mishap in [None, Some(Mishap::AnswerLost), Some(Mishap::Vendor("try-again-later")), Some(Mishap::Vendor("invalid-request"))] {
        let desk = Desk::new(Options::default(), &[]);
        // The session of an earlier call ends, so that two of them are used.
        desk.read(&Scan::all("employee")).await.unwrap();
        desk.control("expire-sessions", json!(null));
        if let Some(mishap) = &mishap {
            // The read of what stands there is refused, a sign-in follows, then the read again.
            desk.mishap(3, mishap.clone());
        }
        let batch = [rep("800", Some("E-014"), Some("007")), rep("801", None, None)];
        let (_, exchanges) = overheard(desk.connector.write(&CUSTOMER, &batch)).await;
        let requests = desk.requests();
        let kept = serde_json::to_string(&exchanges).unwrap();
        let sessions: Vec<&str> = requests.iter().flat_map(|request| texts(request, "sessionid")).collect();
        let passwords: Vec<&str> = requests.iter().flat_map(|request| texts(request, "password")).collect();
        assert!(sessions.iter().collect::<std::collections::BTreeSet<_>>().len() > 1, "{sessions:?}");
        assert!(passwords.contains(&"sender-secret") && passwords.contains(&"user-secret"), "{passwords:?}");
        for secret in sessions.into_iter().chain(passwords) {
            assert!(!kept.contains(secret), "{secret} was kept ({mishap:?}): {kept}");
        }
        assert!(!kept.contains("<login>") && !kept.contains("getAPISession"), "a sign-in was kept ({mishap:?})");
        let written: Vec<_> = exchanges.iter().filter(|exchange| !exchange.idempotent).collect();
        assert!(!written.is_empty(), "{mishap:?}: {requests:?}");
        for exchange in written {
            assert!(exchange.request.contains("<update><CUSTOMER><RECORDNO>800</RECORDNO><CUSTREPID>007</CUSTREPID></CUSTOMER></update>"));
            assert!(exchange.request.contains("<password/>") && exchange.request.contains("<sessionid/>"), "{}", exchange.request);
            assert_eq!(exchange.status.is_none(), mishap == Some(Mishap::AnswerLost));
        }
    }
}
