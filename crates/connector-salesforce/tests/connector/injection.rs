//! Attempts to bring words of the query language into a query, by whatever a person or a stored place can say.

use std::sync::Arc;

use connector_salesforce::sim::{Outline, SalesforceSim, Switches, Told, outline};
use connector_salesforce::{DESCRIPTOR, SalesforceConnector};
use proptest::prelude::*;
use rightful_core::{Context, Cursor, ErrorKind, FieldName, Mark, Rows, Scan, ScriptedTransport, Url};
use rightful_sim::{SimClock, Simulator};
use serde_json::{Value as Json, json};

use crate::desk::{secrets, settings};
use crate::wire::{Line, accounts, give, noon, organisation};

const ATTEMPTS: &[&str] = &[
    "' OR Name != '",
    "') OR (Name != '",
    r"\' OR Name != \'",
    r"\",
    r"'\",
    "x' OR Id != null LIMIT 1",
    "x'; DELETE FROM Account; --",
    "Name FROM User--",
    "Name, (SELECT Id FROM Contacts)",
    "Name WHERE Id != null",
    "Account, User",
    "Account WHERE Name",
    "Owner.Email",
    "COUNT()",
    "a\nOR\u{b}Name != b",
    "x\0' OR Name != '",
    "%27 OR Name != %27",
    r"\u0027 OR Name != \u0027",
    "\u{2019} OR Name != \u{2019}",
    "＇ OR Name != ＇",
    "/* */",
];

fn line(more: &[(&str, Json)]) -> (Arc<SalesforceSim>, Line) {
    let sim = Arc::new(SalesforceSim::new(organisation(accounts(3), Switches::default())));
    let clock = SimClock::fixed(noon());
    sim.control("reset", Json::Null, &clock).unwrap();
    let line = Line::inside(&sim, &clock, more);
    (sim, line)
}

/// Every query that was sent, by the simulator's grammar: none is more than a plain one.
fn queries(line: &Line) -> Vec<Outline> {
    let texts = line.sent().into_iter().filter_map(|sent| {
        let url = Url::parse(&format!("http://x/?{}", sent.query)).unwrap();
        let asked = url.query_pairs().find(|(name, _)| name == "q").map(|(_, text)| text.into_owned());
        asked.or_else(|| serde_json::from_str::<Json>(&sent.body).ok()?["query"].as_str().map(str::to_owned))
    });
    texts.map(|text| outline(&text).unwrap_or_else(|why| panic!("{text}: {why}"))).collect()
}

/// No setting's text but a checked name gets as far as a query.
#[tokio::test]
async fn a_setting_is_a_name_or_an_error() {
    for attempt in ATTEMPTS {
        for (setting, text) in [
            ("account_code", (*attempt).to_owned()),
            ("objects", (*attempt).to_owned()),
            ("objects", format!("Thing__c:{attempt}")),
            ("api_version", format!("62.0/query?q={attempt}")),
        ] {
            let transport = Arc::new(ScriptedTransport::default());
            let connected =
                SalesforceConnector::connect(&settings(&[(setting, json!(text))]), &secrets(&[]), Context::new("crm", transport));
            let error = connected.map(drop).unwrap_err();
            assert!(error.kind() == ErrorKind::Config && error.to_string().contains(setting), "{setting} = {text:?}: {error:?}");
        }
    }
    // What is compared here is never sent there.
    let (_, line) = line(&[("service_users", json!(ATTEMPTS.join("|").replace(',', ";")))]);
    line.whole(&Scan::all("user")).await.unwrap();
    let values: Vec<Told> = queries(&line).into_iter().flat_map(|query| query.conditions).flat_map(|(_, _, values)| values).collect();
    assert!(values.iter().all(|value| *value == Told::Text("Standard".into())), "{values:?}");
}

#[tokio::test]
async fn a_field_or_kind_is_one_of_those_described_or_an_error() {
    for attempt in ATTEMPTS {
        let (_, line) = line(&[]);
        let error = line.whole(&Scan::all("account").with_fields(vec![FieldName::new(*attempt)])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{attempt:?}");
        let error = line.whole(&Scan::all(*attempt)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{attempt:?}");
        assert_eq!(queries(&line), [], "{attempt:?}");
    }
}

#[tokio::test]
async fn an_id_is_an_id_or_is_not_asked_for() {
    for attempt in ATTEMPTS {
        let (sim, line) = line(&[]);
        let dump = sim.dump();
        let known = dump["objects"]["Account"][0]["Id"].as_str().unwrap();
        for id in [(*attempt).to_owned(), format!("{known}{attempt}"), format!("{attempt}{known}")] {
            let (_, rows) = line.whole(&Scan::ids("account", vec![id.clone().into()])).await.unwrap();
            assert_eq!((rows.len(), line.sent().len()), (0, 0), "{id:?}");
            for batch in [[give(&id, "005Qk0000000003IAA")], [give(known, &id)]] {
                let outcomes = line.write("account", &batch).await.unwrap();
                assert!(matches!(outcomes.as_slice(), [rightful_core::Outcome::NotDone(_)]), "{id:?}: {outcomes:?}");
            }
        }
        assert_eq!(queries(&line), [], "{attempt:?}");
    }
}

fn asked_by_key(kind: &str, key: &'static str, values: &[String]) -> (Vec<Outline>, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (_, line) = line(&[]);
        let scan = Scan { rows: Rows::Keys(key.into(), values.to_vec()), ..Scan::all(kind) };
        let rows = line.whole(&scan).await.unwrap().1.len();
        (queries(&line), rows)
    })
}

/// One list, which holds the values to the letter and nothing else.
fn holds_just(queries: &[Outline], object: &str, field: &str, values: &[String]) {
    for query in queries {
        assert_eq!((query.object.as_str(), query.order.len(), query.limit), (object, 0, None));
    }
    let told: Vec<Told> = queries
        .iter()
        .flat_map(|query| query.conditions.clone())
        .filter(|(name, how, _)| name == field && *how == "IN")
        .flat_map(|(_, _, told)| told)
        .collect();
    assert_eq!(told, values.iter().cloned().map(Told::Text).collect::<Vec<_>>());
}

#[test]
fn a_key_stays_within_its_quotes() {
    let attempts: Vec<String> = ATTEMPTS.iter().map(|attempt| (*attempt).to_owned()).collect();
    for (kind, key, object, field) in [
        ("account", "code", "Account", "AccountNumber"),
        ("contact", "email", "Contact", "Email"),
        ("user", "user-name", "User", "Username"),
        ("user", "employee-number", "User", "EmployeeNumber"),
        ("queue", "developer-name", "Group", "DeveloperName"),
    ] {
        let (queries, rows) = asked_by_key(kind, key, &attempts);
        assert_eq!((queries.len(), rows), (1, 0), "{kind} {key}");
        holds_just(&queries, object, field, &attempts);
        let only: usize = if matches!(kind, "user" | "queue") { 2 } else { 1 };
        assert_eq!(queries[0].conditions.len(), only, "{kind} {key}");
    }
}

/// A mark and a cursor were ours once; in between they lie in a store that somebody may have edited.
#[tokio::test]
async fn a_mark_or_cursor_that_was_edited_begins_the_scan_anew_without_a_query() {
    let scan = Scan::all("account");
    let place = |text: &str| Cursor::new(&DESCRIPTOR.id, 1, &scan, text);
    for attempt in ATTEMPTS {
        let (_, line) = line(&[]);
        let since = Scan { rows: Rows::Since(Mark((*attempt).to_owned())), ..Scan::all("account") };
        assert_eq!(line.page(&since, None).await.unwrap_err().kind(), ErrorKind::Restart, "{attempt:?}");
        let since = Scan { rows: Rows::Since(Mark(format!("2027-03-01T09:00:00Z{attempt}"))), ..Scan::all("account") };
        assert_eq!(line.page(&since, None).await.unwrap_err().kind(), ErrorKind::Restart, "{attempt:?}");
        let part = |above: Json, from: Json, columns: Json, hidden: Json| {
            let window = if from.is_null() { Json::Null } else { json!({ "from": from, "before": "2027-03-01T09:00:00Z" }) };
            let part = json!({ "ids": { "above": above, "up_to": null }, "window": window });
            json!({ "part": part, "shape": { "columns": columns, "hidden": hidden } })
        };
        let shape = json!({ "columns": [], "hidden": [] });
        let column = json!([{ "field": attempt, "form": "Text" }]);
        let (none, empty) = (Json::Null, json!([]));
        let edited = [
            (json!({ "Part": part(json!(attempt), none.clone(), empty.clone(), empty.clone()) })),
            (json!({ "Part": part(none.clone(), json!(attempt), empty.clone(), empty.clone()) })),
            (json!({ "Part": part(none.clone(), none.clone(), column.clone(), empty.clone()) })),
            (json!({ "Part": part(none.clone(), none.clone(), empty.clone(), json!([attempt])) })),
            (json!({ "NewJob": part(none.clone(), none.clone(), column, empty) })),
            (json!({ "More": { "locator": attempt, "sight": "Present", "shape": shape } })),
            (json!({ "Job": { "id": attempt, "looks": 0, "shape": shape } })),
            (json!({ "JobRows": { "id": attempt, "locator": null, "shape": shape } })),
            (json!(attempt)),
        ];
        for edited in edited {
            let error = line.page(&scan, Some(&place(&edited.to_string()))).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Restart, "{edited}");
        }
        assert_eq!(line.sent().len(), 0, "{attempt:?}");
    }
    // The cursors above are refused for what was edited: unedited ones lead somewhere.
    let (_, line) = line(&[]);
    let good = json!({ "Part": { "part": { "ids": { "above": null, "up_to": null }, "window": null }, "shape": { "columns": [], "hidden": [] } } });
    assert_eq!(line.page(&scan, Some(&place(&good.to_string()))).await.unwrap().items.len(), 3);
    assert_eq!(queries(&line).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_key_says_one_plain_query_asks_for_just_that(
        values in prop::collection::vec(prop_oneof![
            r#"[\\'"()a-zA-Z0-9 =!<>,;%_\x00-\x1f\u{7f}-\u{9f}ß’＇]{0,60}"#,
            "\\PC{0,40}",
            proptest::sample::select(ATTEMPTS).prop_map(str::to_owned),
        ], 1..6)
    ) {
        let (queries, _) = asked_by_key("account", "code", &values);
        holds_just(&queries, "Account", "AccountNumber", &values);
        prop_assert!(queries.iter().all(|query| query.conditions.len() == 1));
    }

    #[test]
    fn whatever_a_field_is_called_it_is_described_or_nothing_is_asked(field in "[A-Za-z_.,' ()]{0,30}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (read, queries) = runtime.block_on(async {
            let (_, line) = line(&[]);
            let read = line.whole(&Scan::all("account").with_fields(vec![FieldName::new(field.clone())])).await;
            (read.map(drop), queries(&line))
        });
        prop_assert_eq!(read.is_ok(), queries.iter().any(|query| query.fields.contains(&field)), "{}", field);
        prop_assert!(read.is_ok() || queries.is_empty());
    }
}
