//! Tasks and events, which the settings name: their owners, deletions, dates and what is archived; and users by the short form of their id.

use std::sync::Arc;

use chrono::NaiveDate;
use connector_salesforce::sim::{SalesforceSim, Seed, Switches};
use rightful_core::{Connector as _, FieldName, Owner, Record, Role, Rows, Scan, State, Value};
use rightful_sim::{SimClock, Simulator};
use serde_json::{Value as Json, json};

use crate::wire::{Line, accounts, noon, organisation};

fn line(seed: Seed, more: &[(&str, Json)]) -> (Arc<SalesforceSim>, SimClock, Line) {
    let sim = Arc::new(SalesforceSim::new(organisation(seed, Switches::default())));
    let clock = SimClock::fixed(noon());
    sim.control("reset", Json::Null, &clock).unwrap();
    let settings: Vec<(&str, Json)> = [("objects", json!("Task, Event"))].into_iter().chain(more.iter().cloned()).collect();
    let line = Line::inside(&sim, &clock, &settings);
    (sim, clock, line)
}

fn activities() -> Seed {
    let mut seed = accounts(1);
    for (subject, date, archived) in [("Call", "2027-02-26", false), ("Old call", "2025-01-15", true)] {
        seed.add(
            "Task",
            json!({ "Subject": subject, "ActivityDate": date, "WhatId": "@Account/1", "OwnerId": "@User/3", "IsArchived": archived }),
        );
        seed.add(
            "Event",
            json!({ "Subject": subject, "ActivityDate": date, "StartDateTime": format!("{date}T09:30:00.000+0000"), "WhatId": "@Account/1",
                "OwnerId": "@User/4", "IsArchived": archived }),
        );
    }
    seed.add("Task", json!({ "Subject": "Nobody's", "OwnerId": "@Group/1" }));
    seed
}

fn owner<'a>(record: &'a Record, role: &'static str) -> &'a [String] {
    match record.owner(&Role::fixed(role)) {
        Owner::Known(people) => people,
        other => panic!("{other:?}"),
    }
}

fn named<'a>(records: &'a [Record], name: &str) -> &'a Record {
    records.iter().find(|record| record.name == name).unwrap_or_else(|| panic!("no {name}"))
}

#[tokio::test]
async fn tasks_and_events_have_owners_and_dates() {
    let (_, _, line) = line(activities(), &[]);
    let date = |text: &str| Value::Date(text.parse::<NaiveDate>().unwrap());
    let fields = ["ActivityDate", "WhatId"].map(FieldName::fixed).to_vec();
    let (_, tasks) = line.whole(&Scan::all("Task").with_fields(fields)).await.unwrap();
    let call = named(&tasks, "Call");
    assert_eq!((owner(call, "owner"), owner(call, "queue").len()), (&["005Qk0000000003IAA".to_owned()][..], 0));
    assert_eq!(call.values, [date("2027-02-26"), Value::text("001Qk0000000001IAA")], "what may be of several objects stays text");
    let queued = named(&tasks, "Nobody's");
    assert_eq!((owner(queued, "owner").len(), owner(queued, "queue").len(), &queued.values[0]), (0, 1, &Value::Null), "SF-12");

    let fields = ["ActivityDate", "StartDateTime"].map(FieldName::fixed).to_vec();
    let (_, events) = line.whole(&Scan::all("Event").with_fields(fields)).await.unwrap();
    let call = named(&events, "Call");
    assert_eq!(owner(call, "owner"), ["005Qk0000000004IAA"]);
    assert_eq!(call.values, [date("2027-02-26"), Value::Instant("2027-02-26T09:30:00Z".parse().unwrap())]);
}

/// A year after its date an activity leaves ordinary queries: it is not gone.
#[tokio::test]
async fn an_archived_activity_is_there_and_a_deleted_one_is_gone() {
    for more in [&[][..], &[("bulk_from", json!(1)), ("page_size", json!(200))]] {
        let mut seed = activities();
        // More than a page, so that there are ranges, and query jobs where those begin early.
        for number in 0..250 {
            seed.add("Task", json!({ "Subject": format!("Task {number}"), "IsArchived": number % 2 == 0 }));
        }
        let (sim, clock, line) = line(seed, more);
        let (page, tasks) = line.whole(&Scan::all("Task")).await.unwrap();
        assert_eq!((tasks.len(), page.total, page.whole), (253, Some(253), Some(253)));
        assert_eq!(named(&tasks, "Old call").state, State::Active);
        let jobs = line.sent().iter().filter(|sent| sent.method == "POST" && sent.body.contains("\"queryAll\"")).count();
        assert_eq!(jobs > 0, !more.is_empty(), "a query job sees archived rows too");

        clock.advance(chrono::Duration::seconds(60));
        let id = |name: &str| named(&tasks, name).id.to_string();
        sim.control("delete-record", json!({ "id": id("Call") }), &clock).unwrap();
        sim.control("set-record", json!({ "id": id("Task 7"), "fields": { "IsArchived": true } }), &clock).unwrap();
        let since = Scan { rows: Rows::Since(page.mark.unwrap()), ..Scan::all("Task") };
        let (page, changed) = line.whole(&since).await.unwrap();
        assert_eq!(page.whole, Some(252), "archived rows count");
        let call = named(&changed, "Call");
        assert_eq!((call.state, owner(call, "owner")), (State::Gone, &["005Qk0000000003IAA".to_owned()][..]), "its last owner is named");
        assert_eq!(named(&changed, "Task 7").state, State::Active);
        let (_, found) = line.whole(&Scan::ids("Task", vec![id("Old call").into(), id("Call").into()])).await.unwrap();
        assert_eq!(
            found.iter().map(|record| record.name.as_str()).collect::<Vec<_>>(),
            ["Old call"],
            "by id archived rows are found, deleted ones are not"
        );
    }
}

/// Whoever of them is meant is for a person to say: both are told.
#[tokio::test]
async fn sf_10_users_may_share_an_address_and_all_of_them_are_read() {
    let mut seed = accounts(0);
    seed.add_user("Nadia", "Twin", "nadia.two@acme.example", "NADIA@Example.com", true);
    let (_, _, line) = line(seed, &[]);
    let users = line.connector.kinds().iter().find(|spec| spec.kind == "user").unwrap().clone();
    let unique: Vec<(String, bool)> = users.keys.iter().map(|key| (key.name.to_string(), key.unique)).collect();
    let wanted = [("user-name", true), ("email", false), ("short-id", true), ("federation-id", false), ("employee-number", false)];
    assert_eq!(unique, wanted.map(|(name, unique)| (name.to_owned(), unique)).to_vec());
    let rows = Rows::Keys("email".into(), vec!["nadia@example.com".to_owned()]);
    let (_, found) = line.whole(&Scan { rows, ..Scan::all("user") }).await.unwrap();
    assert_eq!(found.iter().map(|user| user.key(&"email".into())).collect::<Vec<_>>(), [Some("nadia@example.com"); 2]);
}

#[tokio::test]
async fn sf_9_ss_20_a_user_is_found_by_the_fifteen_characters_of_a_report() {
    let (sim, _, line) = line(accounts(0), &[]);
    let dump = sim.dump();
    let nadia = dump["objects"]["User"].as_array().unwrap().iter().find(|row| row["Username"] == "nadia@acme.example").unwrap();
    let full = nadia["Id"].as_str().unwrap();
    let by = async |key: &'static str, value: &str| {
        let rows = Rows::Keys(key.into(), vec![value.to_owned()]);
        line.whole(&Scan { rows, ..Scan::all("user") }).await.unwrap().1
    };
    let found = by("short-id", &full[..15]).await;
    assert_eq!((found.len(), found[0].id.as_str(), found[0].key(&"short-id".into())), (1, full, Some(&full[..15])));
    assert!(by("short-id", full).await.is_empty(), "the whole id is no short one");
    assert!(by("short-id", &full[..15].to_lowercase()).await.is_empty(), "letter case counts");
    let asked = line.sent().len();
    for nonsense in ["", "005", "' OR Id != '1234", "nadia@acme.example"] {
        assert!(by("short-id", nonsense).await.is_empty(), "{nonsense}");
    }
    assert!(line.sent()[asked..].iter().all(|sent| sent.path.ends_with("/describe")), "what can be no id is not asked for");
    let (_, all) = line.whole(&Scan::all("user")).await.unwrap();
    assert!(all.iter().all(|user| user.key(&"short-id".into()) == Some(&user.id.as_str()[..15])));
    let (_, by_id) = line.whole(&Scan::ids("user", vec![full[..15].into()])).await.unwrap();
    assert_eq!(by_id[0].id.as_str(), full, "by id either form will do");
}
