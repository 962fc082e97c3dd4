//! Every row and every change is met, whatever moves meanwhile; nothing personal is asked for.

use std::collections::BTreeSet;

use connector_sage_intacct::sim::Options;
use proptest::prelude::*;
use rightful_core::{Connector, Mark, RecordId, Rows, Scan};
use serde_json::json;

use crate::desk::{Desk, since};

fn with_customers(count: usize) -> Options {
    Options { customers: Some(count), ..Options::default() }
}

/// Numbers of the customers that the simulator has now.
fn numbers(desk: &Desk) -> BTreeSet<String> {
    let dump = rightful_sim::Simulator::dump(&desk.wire.sim);
    dump["customers"].as_array().unwrap().iter().map(|row| row["RECORDNO"].to_string()).collect()
}

fn customer_id(number: u64) -> String {
    // The first customer is C-0399 with the number 800.
    format!("C-{:04}", number - 800 + 399)
}

/// IN-16: 2,500 of 2,600 rows share one WHENMODIFIED, on pages of 500 that cut it everywhere.
#[tokio::test]
async fn in_16_changes_with_one_time_are_paged_through() {
    let desk = Desk::new(with_customers(2_600), &[("page_size", 500)]);
    let whole = desk.read(&since("customer", &Mark("2025-01-01T00:00:00Z".into()))).await.unwrap();
    assert_eq!(
        (whole.records.len(), whole.ids(), whole.total, whole.whole, whole.pages),
        (2_600, numbers(&desk), Some(2_600), Some(2_600), 6)
    );
    let shared = whole.records.iter().filter(|record| record.changed_at == whole.records[0].changed_at).count();
    assert_eq!(shared, 2_500, "the simulator's import is not what this test is about any more");
}

/// IN-16: rows that come, go and change between pages cost no other row.
#[tokio::test]
async fn in_16_rows_that_come_and_go_between_pages_cost_no_other() {
    for (scan, width) in
        [(Scan::all("customer"), 1), (Scan::all("customer"), 2), (since("customer", &Mark("2025-01-01T00:00:00Z".into())), 1)]
    {
        let desk = Desk::new(with_customers(600), &[("page_size", 50), ("concurrency", width)]);
        let before = numbers(&desk);
        let mut next = 810;
        desk.meddle(move |sim, clock, number| {
            use rightful_sim::Simulator as _;
            if number > 3 && next < 1_380 {
                sim.control("delete-customer", json!({ "CUSTOMERID": customer_id(next) }), clock).unwrap();
                sim.control("set-customer", json!({ "CUSTOMERID": customer_id(next + 20), "CUSTREPID": "007" }), clock).unwrap();
                next += 40;
            }
        });
        let whole = desk.read(&scan).await.unwrap();
        let after = numbers(&desk);
        assert!(after.len() < before.len() - 5, "{} customers were there, {} are left", before.len(), after.len());
        let lost: Vec<&String> = after.iter().filter(|number| !whole.ids().contains(*number)).collect();
        assert!(lost.is_empty(), "{scan:?}, {width} side by side: lost {lost:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Key paging equals the full set, whatever the page size, the width, and where deletions and changes fall.
    #[test]
    fn in_16_no_row_that_stays_is_lost(
        page_size in 3_i64..40,
        width in 1_i64..=2,
        all: bool,
        moves in proptest::collection::vec((2_u64..12, 0_u64..60, any::<bool>()), 0..12),
    ) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let desk = Desk::new(with_customers(60), &[("page_size", page_size), ("concurrency", width)]);
            desk.meddle(move |sim, clock, number| {
                use rightful_sim::Simulator as _;
                for (_, row, delete) in moves.iter().filter(|(at, ..)| *at == number) {
                    let id = json!({ "CUSTOMERID": customer_id(800 + row), "CUSTREPID": "7" });
                    // One that is gone already cannot be changed.
                    let _ = if *delete { sim.control("delete-customer", id, clock) } else { sim.control("set-customer", id, clock) };
                }
            });
            let scan = if all { Scan::all("customer") } else { since("customer", &Mark("2025-01-01T00:00:00Z".into())) };
            let whole = desk.read(&scan).await.unwrap();
            let lost: Vec<String> = numbers(&desk).difference(&whole.ids()).cloned().collect();
            assert!(lost.is_empty(), "lost {lost:?}");
        });
    }
}

/// The mark is the vendor's time less the lookback; what shows late lies within it.
#[tokio::test]
async fn a_change_that_shows_late_is_met_by_the_next_read() {
    let options =
        Options { switches: connector_sage_intacct::sim::Switches { lag_seconds: 900, ..Default::default() }, ..Options::default() };
    let desk = Desk::new(options, &[]);
    // Written now, shown in 15 minutes.
    let written = desk.connector.write(&"customer".into(), &[crate::writing::rep("800", Some("E-014"), Some("007"))]).await.unwrap();
    assert!(matches!(written[..], [rightful_core::Outcome::Done { .. }]), "{written:?}");
    desk.advance(5);
    let first = desk.read(&Scan::all("customer")).await.unwrap();
    assert!(
        first.records.iter().all(|record| record.id != "800" || record.owners[0].1 == rightful_core::Owner::Known(vec!["E-014".into()]))
    );
    desk.advance(60);
    let second = desk.read(&since("customer", &first.mark.unwrap())).await.unwrap();
    assert_eq!(second.ids(), ["800".to_owned()].into());
    assert_eq!(second.mark, Some(Mark("2026-03-02T08:05:00Z".into())));
}

/// Deletions do not show among changes; the count of all rows does.
#[tokio::test]
async fn a_deletion_shows_in_the_count() {
    let desk = Desk::new(Options::default(), &[]);
    let first = desk.read(&Scan::all("customer")).await.unwrap();
    desk.control("delete-customer", json!({ "CUSTOMERID": "C-0400" }));
    let second = desk.read(&since("customer", &first.mark.unwrap())).await.unwrap();
    assert_eq!((first.whole, second.whole, second.records.len()), (Some(26), Some(25), 0));
}

/// IN-13: one request at a time unless two are allowed, and then two.
#[tokio::test]
async fn in_13_requests_run_one_or_two_at_a_time() {
    for width in [1, 2] {
        let desk = Desk::new(with_customers(200), &[("page_size", 10), ("concurrency", width)]);
        let scan = Scan::all("customer");
        let people = ["employee", "contact", "user"].map(Scan::all);
        let (whole, others) =
            futures::future::join(desk.read(&scan), futures::future::join_all(people.iter().map(|scan| desk.read(scan)))).await;
        assert_eq!(whole.unwrap().ids().len(), 200);
        assert!(others.iter().all(Result::is_ok));
        assert_eq!(desk.widest(), u64::try_from(width).unwrap());
    }
}

/// IN-14: pages read and records written are counted, as the vendor meters them.
#[tokio::test]
async fn in_14_transactions_are_counted() {
    let desk = Desk::new(with_customers(100), &[("page_size", 10)]);
    desk.read(&Scan::all("customer")).await.unwrap();
    desk.connector.write(&"customer".into(), &[crate::writing::rep("801", None, Some("007"))]).await.unwrap();
    let metered = desk.control("meter", serde_json::Value::Null)["transactions"].as_u64();
    assert_eq!((Some(desk.context.permits.spent("transactions")), metered), (Some(12), Some(12)));
}

/// IN-15: lists of values are cut where the gateway's end, and merged.
#[tokio::test]
async fn in_15_long_lists_are_cut_and_merged() {
    let desk = Desk::new(with_customers(1_300), &[("page_size", 100)]);
    let keys: Vec<String> = (800..2_100).map(customer_id).collect();
    let scan = Scan { kind: "customer".into(), rows: Rows::Keys("customer-id".into(), keys), fields: Vec::new() };
    let whole = desk.read(&scan).await.unwrap();
    assert_eq!((whole.records.len(), whole.pages), (1_300, 2));
    let ids: Vec<RecordId> = (800..1_050).map(|number: u64| RecordId::new(number.to_string())).collect();
    let whole = desk.read(&Scan::ids("customer", ids)).await.unwrap();
    assert_eq!((whole.records.len(), whole.pages), (250, 3));
}

/// IN-21: ids that differ in letter case or leading zeros only are different ones.
#[tokio::test]
async fn in_21_codes_compare_to_the_letter() {
    let desk = Desk::new(Options::default(), &[]);
    for code in ["E-014", "e-014", "007", "7"] {
        let scan = Scan { kind: "employee".into(), rows: Rows::Keys("employee-id".into(), vec![code.into()]), fields: Vec::new() };
        let found: Vec<String> = desk
            .read(&scan)
            .await
            .unwrap()
            .records
            .iter()
            .filter_map(|record| record.key(&"employee-id".into()).map(str::to_owned))
            .collect();
        assert_eq!(found, [code]);
    }
}

/// IN-20: the chain from rep to employee to contact to user is in the records.
#[tokio::test]
async fn in_20_people_of_all_three_kinds_name_one_contact() {
    let desk = Desk::new(Options::default(), &[]);
    let contact_of = |whole: &crate::desk::Whole, key: &'static str, value: &str| {
        let record = whole.records.iter().find(|record| record.key(&key.into()) == Some(value)).unwrap();
        record.person.as_ref().unwrap().same_as[0].value.clone()
    };
    let employees = desk.read(&Scan::all("employee")).await.unwrap();
    let users = desk.read(&Scan::all("user")).await.unwrap();
    let contacts = desk.read(&Scan::all("contact")).await.unwrap();
    let contact = contact_of(&employees, "employee-id", "e-014");
    assert_eq!((contact.as_str(), contact_of(&users, "login-id", "bking")), ("King, Bela", contact.clone()));
    let found = contacts.records.iter().find(|record| record.key(&"contact-name".into()) == Some(&contact)).unwrap();
    assert_eq!(found.person.as_ref().unwrap().emails, ["bela.king@rightful.example"]);
    let services: Vec<&str> = users
        .records
        .iter()
        .filter(|record| record.person.as_ref().is_some_and(|person| person.service))
        .filter_map(|record| record.key(&"login-id".into()))
        .collect();
    assert_eq!(services, ["ws_rightful", "crm.link"]);
}

/// IN-23: no request ever names a personal or bank field, and none asks for everything.
#[tokio::test]
async fn in_23_no_request_selects_what_is_personal() {
    let desk = Desk::new(Options::default(), &[]);
    for spec in desk.connector.kinds().to_vec() {
        let fields: Vec<_> = spec.fields.iter().map(|field| field.name.clone()).collect();
        let first = desk.read(&Scan::all(spec.kind.clone()).with_fields(fields.clone())).await.unwrap();
        let ids = vec![first.records[0].id.clone()];
        desk.read(&Scan::ids(spec.kind.clone(), ids).with_fields(fields.clone())).await.unwrap();
        let mark = first.mark.unwrap();
        desk.read(&Scan { kind: spec.kind.clone(), rows: Rows::Since(mark), fields }).await.unwrap();
    }
    let requests = desk.requests();
    assert!(requests.len() > 12, "{}", requests.len());
    for request in requests {
        for word in ["SSN", "BIRTHDATE", "GENDER", "ACH", "BANK", "CARDNUM", "TAXID", "ACCOUNTNUMBER", "*", "readByQuery"] {
            assert!(!request.contains(word), "`{word}` in {request}");
        }
    }
}
