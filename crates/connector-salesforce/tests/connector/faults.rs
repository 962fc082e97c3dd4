//! What goes wrong at Salesforce, over a real socket: the right outcome, no row lost or doubled, nothing repeated blindly.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use connector_salesforce::sim::{SalesforceSim, Switches};
use rightful_core::{Clock, ErrorKind, Instant, ManualClock, MemorySlot, Outcome, Record, Scan, async_trait};
use serde_json::json;

use crate::desk::{secrets, settings};
use crate::wire::{Event, Journal, Line, REFRESH, Town, accounts, give, noon, organisation, over_sockets, served, told};

fn small_pages() -> Switches {
    Switches { page_size: 2, ..Switches::default() }
}

/// Every account once.
fn complete(records: &[Record], count: usize) {
    let distinct: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!((records.len(), distinct.len()), (count, count));
}

#[tokio::test]
async fn sf_1_a_session_that_ends_between_pages_costs_one_sign_in_one_retry_and_no_row() {
    let town = Town::signed_in(accounts(450), Switches::default(), &[("page_size", json!(200))]).await;
    let scan = Scan::all("account");
    let first = town.line.page(&scan, None).await.unwrap();
    assert_eq!(first.next.len(), 3, "three ranges of ids");
    let mut records = town.line.page(&scan, first.next.first()).await.unwrap().items;
    town.fault(0, "expired-session");
    town.line.forget();
    records.extend(town.line.page(&scan, Some(&first.next[1])).await.unwrap().items);
    let sent = town.line.sent();
    assert_eq!((town.line.sign_ins(), sent.len()), (1, 3), "{sent:#?}");
    assert_eq!((&sent[0].query, sent[0].authorization == sent[2].authorization), (&sent[2].query, false));
    records.extend(town.line.page(&scan, Some(&first.next[2])).await.unwrap().items);
    complete(&records, 450);
}

/// A locator belongs to its session: the call is not repeated, the scan is.
#[tokio::test]
async fn a_session_that_ends_between_locators_begins_the_scan_anew_and_no_row_is_lost() {
    let town = Town::signed_in(accounts(7), small_pages(), &[]).await;
    let scan = Scan::all("account");
    let first = town.line.page(&scan, None).await.unwrap();
    town.control("end-sessions", json!({}));
    town.line.forget();
    let error = town.line.page(&scan, first.next.first()).await.unwrap_err();
    assert_eq!((error.kind(), town.line.sent().len()), (ErrorKind::Restart, 1), "{error:?}");
    complete(&town.line.whole(&scan).await.unwrap().1, 7);
    assert_eq!(town.line.sign_ins(), 1);
}

#[tokio::test]
async fn a_dead_locator_is_asked_for_once_and_the_scan_begins_anew() {
    let town = Town::signed_in(accounts(7), small_pages(), &[]).await;
    let scan = Scan::all("account");
    let first = town.line.page(&scan, None).await.unwrap();
    town.fault(0, "dead-locator");
    town.line.forget();
    let error = town.line.page(&scan, first.next.first()).await.unwrap_err();
    assert_eq!((error.kind(), town.line.sent().len()), (ErrorKind::Restart, 1), "{error:?}");
    complete(&town.line.whole(&scan).await.unwrap().1, 7);
    assert_eq!(town.line.sign_ins(), 0, "nothing was wrong with the session");
}

#[tokio::test]
async fn an_instance_that_moved_is_read_anew_checked_and_used() {
    for trusted in [true, false] {
        let sim = served(Arc::new(SalesforceSim::new(organisation(accounts(3), Switches::default())))).await;
        let moved = sim.origin().replace("127.0.0.1", "localhost");
        let mut settings = settings(&[("login_url", json!(sim.origin()))]);
        if trusted {
            settings.set("trusted_instance", json!(moved));
        }
        let line = Line::new(&settings, &secrets(&[]), over_sockets(), Arc::new(MemorySlot::default()));
        let scan = Scan::all("account");
        complete(&line.whole(&scan).await.unwrap().1, 3);
        let next = sim.next_number();
        sim.set_faults(&format!("{next}-{}:expired-session;{}-:moved-instance", next + 1, next + 2)).unwrap();
        line.forget();
        let read = line.whole(&scan).await;
        let hosts: BTreeSet<String> =
            line.sent().into_iter().skip_while(|sent| !sent.path.ends_with("/token")).skip(1).map(|sent| sent.host).collect();
        if trusted {
            complete(&read.unwrap().1, 3);
            assert_eq!(hosts, [moved].into(), "the call that met the end goes there too");
        } else {
            assert_eq!((read.unwrap_err().kind(), hosts.contains(&moved)), (ErrorKind::Protocol, false));
        }
    }
}

/// Time that stands still: who waits lets others go on.
#[derive(Debug)]
struct Patient;

#[async_trait]
impl Clock for Patient {
    fn now(&self) -> Instant {
        noon()
    }

    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn sf_1_of_two_workers_one_exchanges_a_rotated_token_and_saves_it_before_use_while_the_other_takes_it_over() {
    let switches = Switches { rotation: true, ..Switches::default() };
    let sim = served(Arc::new(SalesforceSim::new(organisation(accounts(3), switches)))).await;
    let settings = settings(&[("login_url", json!(sim.origin())), ("sign_in", json!("refresh-token"))]);
    let secrets = secrets(&[("refresh_token", REFRESH)]);
    let (slot, journal) = (Arc::new(MemorySlot::default()), Journal::default());
    let worker = || {
        let time = (Arc::new(Patient) as Arc<dyn Clock>, ManualClock::at(noon()));
        Line::by(&settings, &secrets, over_sockets(), slot.clone(), time, journal.clone())
    };
    let (one, two) = (worker(), worker());
    let scan = Scan::all("account");
    for round in 1..=3 {
        let (left, right) = tokio::join!(one.whole(&scan), two.whole(&scan));
        complete(&left.unwrap().1, 3);
        complete(&right.unwrap().1, 3);
        assert_eq!(one.sign_ins(), round, "a second exchange of one token would end the grant");
        sim.control("end-sessions", json!({})).unwrap();
    }
    let mut saved = String::new();
    let mut used = BTreeSet::new();
    for event in one.events() {
        match event {
            Event::Saved(text) => saved.push_str(&text),
            Event::Sent(sent) => {
                let Some(token) = sent.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer ")) else { continue };
                assert!(saved.contains(token), "a session was used before it was saved");
                used.insert(token.to_owned());
            }
        }
    }
    assert_eq!(used.len(), 3);
}

fn of_first(town: &Town, count: usize) -> Vec<rightful_core::Write> {
    let nadia = town.user("nadia");
    town.ids("Account").iter().take(count).map(|id| give(id, &nadia)).collect()
}

#[tokio::test]
async fn a_locked_row_is_sent_once_more_since_its_refusal_is_certain_and_no_third_time() {
    let town = Town::signed_in(accounts(3), Switches::default(), &[]).await;
    let batch = of_first(&town, 3);
    town.fault(3, "locked-row");
    assert_eq!(told(&town.line.write("account", &batch).await.unwrap()), ["done"; 3]);
    assert_eq!(town.line.patches().len(), 2);

    let town = Town::signed_in(accounts(3), Switches::default(), &[]).await;
    let batch = of_first(&town, 3);
    let patch = town.sim.next_number() + 3;
    town.sim.set_faults(&format!("{patch}-{}:locked-row", patch + 1)).unwrap();
    let outcomes = town.line.write("account", &batch).await.unwrap();
    assert_eq!((told(&outcomes), town.line.patches().len()), (vec!["not done: unavailable".to_owned(); 3], 2));
    let Outcome::NotDone(error) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(error.vendor_words().unwrap().starts_with("UNABLE_TO_LOCK_ROW: unable to obtain exclusive access"), "{error:?}");
}

/// Every third row of a batch finds itself locked: only those are sent again.
#[tokio::test]
async fn of_a_batch_only_locked_rows_are_sent_again() {
    let town = Town::signed_in(accounts(6), Switches { lock_every: Some(4), ..Switches::default() }, &[]).await;
    assert_eq!(told(&town.line.write("account", &of_first(&town, 6)).await.unwrap()), ["done"; 6]);
    let sent: Vec<usize> = town.line.patches().iter().map(|sent| sent.body.matches("\"OwnerId\"").count()).collect();
    assert_eq!(sent, [6, 1]);
    assert!(town.rows("Account").iter().all(|row| row["_writes"] == 1), "each was written once");
}

#[tokio::test]
async fn sf_6_of_two_hundred_three_fail_with_the_vendors_words_and_the_rest_is_done() {
    let town = Town::signed_in(accounts(200), Switches::default(), &[]).await;
    let batch = of_first(&town, 200);
    let waiting = [3, 77, 199];
    let ids = town.ids("Account");
    for place in waiting {
        town.control("lock-record", json!({ "id": ids[place] }));
    }
    let outcomes = town.line.write("account", &batch).await.unwrap();
    let nadia = town.user("nadia");
    for (place, outcome) in outcomes.iter().enumerate() {
        let row = town.row("Account", &ids[place]);
        match outcome {
            Outcome::Done { id, .. } => {
                assert!(*id == ids[place].as_str() && row["OwnerId"] == nadia.as_str() && !waiting.contains(&place))
            }
            Outcome::NotDone(error) => {
                assert!(waiting.contains(&place) && row["OwnerId"] != nadia.as_str(), "{place}");
                assert_eq!(
                    (error.kind(), error.vendor_words().as_deref()),
                    (ErrorKind::Conflict, Some("ENTITY_IS_LOCKED: the entity is locked for editing"))
                );
            }
            other => panic!("{place}: {other:?}"),
        }
    }
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Done { .. })).count(), 197);
    assert_eq!(town.line.patches().len(), 1, "one call carried all of them");
}

#[tokio::test]
async fn a_lost_answer_is_looked_into_and_the_write_is_not_repeated() {
    for (fault, wanted) in
        [("drop-after", "done"), ("done-unavailable", "done"), ("drop", "unknown: unavailable"), ("502", "unknown: unavailable")]
    {
        let town = Town::signed_in(accounts(1), Switches::default(), &[]).await;
        let batch = of_first(&town, 1);
        town.fault(3, fault);
        assert_eq!(told(&town.line.write("account", &batch).await.unwrap()), [wanted], "{fault}");
        assert_eq!(town.line.patches().len(), 1, "{fault}");
        let written = town.rows("Account")[0]["_writes"].as_u64().unwrap_or_default();
        assert_eq!(written, u64::from(wanted == "done"), "{fault}");
    }
}

#[tokio::test]
async fn a_web_page_is_no_answer() {
    let scan = Scan::ids("account", vec!["001000000000000".into()]);
    for (fault, wanted, requests) in [
        ("html", Err(ErrorKind::Protocol), 1),
        ("not-json", Err(ErrorKind::Protocol), 1),
        ("uri-too-long", Err(ErrorKind::Rejected), 1),
        ("403", Err(ErrorKind::Forbidden), 1),
        ("404", Err(ErrorKind::NotFound), 1),
        ("edge-420", Ok(()), 2),
        ("500", Ok(()), 2),
        ("503", Ok(()), 2),
    ] {
        let town = Town::signed_in(accounts(1), Switches::default(), &[]).await;
        town.fault(0, fault);
        let read = town.line.page(&scan, None).await;
        assert_eq!(read.map(drop).map_err(|error| error.kind()), wanted, "{fault}");
        assert_eq!(town.line.sent().len(), requests, "{fault}");
    }
    // In answer to a write it says nothing of the write.
    for (fault, patches) in [("html", 1), ("not-json", 1), ("edge-420", 2)] {
        let town = Town::signed_in(accounts(1), Switches::default(), &[]).await;
        let batch = of_first(&town, 1);
        town.fault(3, fault);
        let outcomes = told(&town.line.write("account", &batch).await.unwrap());
        let written = town.rows("Account")[0]["_writes"].as_u64().unwrap_or_default();
        // The edge says for certain that nothing was done; so it may be sent again.
        let wanted = match patches {
            2 => "done",
            _ => "unknown: protocol",
        };
        assert_eq!(
            (outcomes.as_slice(), town.line.patches().len(), written),
            (&[wanted.to_owned()][..], patches, u64::from(wanted == "done")),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn sf_7_a_spent_day_rests_and_a_crowd_is_waited_for() {
    let scan = Scan::ids("account", vec!["001000000000000".into()]);
    for crowd in ["concurrent-limit", "long-transactions"] {
        let town = Town::signed_in(accounts(1), Switches::default(), &[]).await;
        town.fault(0, crowd);
        town.line.page(&scan, None).await.unwrap();
        assert_eq!(town.line.sent().len(), 2, "{crowd}: the call is made again");
        // Nothing was done, so a write may be made again too.
        let batch = of_first(&town, 1);
        town.fault(3, crowd);
        assert_eq!(told(&town.line.write("account", &batch).await.unwrap()), ["done"], "{crowd}");
        assert_eq!((town.line.patches().len(), &town.rows("Account")[0]["_writes"]), (2, &json!(1)), "{crowd}");
    }

    // The words of the refusal alone tell, and so does what every answer says of the day's calls.
    for by_words in [true, false] {
        let switches = Switches { daily_calls: 10, enforce_daily_calls: true, ..Switches::default() };
        let town = Town::signed_in(accounts(1), switches, &[("daily_share", json!(100))]).await;
        if by_words {
            town.fault(0, "daily-limit");
        } else {
            town.control("use-calls", json!({ "used": 10 }));
        }
        for _ in 0..2 {
            assert_eq!(town.line.page(&scan, None).await.unwrap_err().kind(), ErrorKind::RateLimited);
        }
        assert_eq!(town.line.sent().len(), 1, "seconds would not help: nothing more is sent");
        town.control("use-calls", json!({ "used": 0 }));
        town.line.clock.advance(Duration::from_secs(16 * 60));
        town.line.page(&scan, None).await.unwrap();
    }
}

#[tokio::test]
async fn sf_4_assignment_rules_are_off_in_every_write_of_every_kind() {
    let mut seed = accounts(1);
    seed.add("Contact", json!({ "LastName": "One", "AccountId": "@Account/1" }));
    seed.add("Opportunity", json!({ "Name": "One", "StageName": "Prospecting", "CloseDate": "2027-12-31" }));
    seed.add("Lead", json!({ "LastName": "One", "Company": "One" }));
    seed.add("Case", json!({ "Subject": "One" }));
    seed.add("Task", json!({ "Subject": "One" }));
    seed.add("Event", json!({ "Subject": "One" }));
    let town = Town::signed_in(seed, Switches::default(), &[("objects", json!("Case, Task, Event"))]).await;
    let (nadia, pieter) = (town.user("nadia"), town.user("pieter"));
    town.control("switches", json!({ "assignment_rule_owner": pieter, "lock_every": 2 }));
    for (kind, object) in [
        ("account", "Account"),
        ("contact", "Contact"),
        ("opportunity", "Opportunity"),
        ("lead", "Lead"),
        ("Case", "Case"),
        ("Task", "Task"),
        ("Event", "Event"),
    ] {
        let id = town.ids(object).remove(0);
        assert_eq!(told(&town.line.write(kind, &[give(&id, &nadia)]).await.unwrap()), ["done"], "{kind}");
        assert_eq!(town.row(object, &id)["OwnerId"], nadia.as_str(), "{kind}");
    }
    let patches = town.line.patches();
    assert!(patches.len() > 7, "a locked row is sent again with the same header: {}", patches.len());
    assert!(patches.iter().all(|sent| sent.auto_assign.as_deref() == Some("FALSE")), "{patches:#?}");
}
