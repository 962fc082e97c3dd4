//! What the connector reads, and that nothing which changes meanwhile is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::desk::{Desk, Mishap, since};
use connector_skynamo::DESCRIPTOR;
use connector_skynamo::sim::{Options, Seed, SeedCustomer, SeedUser, Switches, UnknownFilter, VersionKey};
use proptest::prelude::*;
use rightful_core::{Connector, ErrorKind, KeyName, Owner, Purpose, Role, Rows, Scan, Value, Verb, Verdict};
use serde_json::json;

fn many(count: usize) -> Seed {
    Seed {
        users: vec![
            SeedUser::new(7, "user.one", "User One", "user1@example.com"),
            SeedUser::new(12, "user.two", "User Two", "user2@example.com"),
        ],
        customers: (0..count).map(|number| SeedCustomer::new(format!("C{number:06}"), format!("Customer {number}"), vec![7])).collect(),
        ..Seed::empty()
    }
}

fn by_code(code: &str) -> Scan {
    Scan { kind: "customer".into(), rows: Rows::Keys(KeyName::new("code"), vec![code.into()]), fields: Vec::new() }
}

#[tokio::test]
async fn people_are_read_with_login_names_e_mail_and_who_is_deactivated() {
    let desk = Desk::usual();
    let users = desk.read(&Scan::all("user")).await.unwrap();
    assert_eq!((users.total, users.records.len()), (Some(4), 4));
    let tomas = users.records.iter().find(|user| user.id == "9").unwrap();
    assert_eq!((tomas.name.as_str(), tomas.key(&KeyName::new("user-name"))), ("Tomas Reyes", Some("tomas")));
    let person = tomas.person.as_ref().unwrap();
    assert_eq!((person.emails.as_slice(), person.active), (["tomas@example.com".to_owned()].as_slice(), false));
    assert!(desk.requests().iter().all(|line| line.starts_with("GET /v1/users?")));
}

#[tokio::test]
async fn customers_carry_code_assigned_users_and_custom_fields_by_label_or_id() {
    let desk = Desk::usual();
    let scan = Scan::all("customer").with_fields(vec!["Rep Code".into(), "44".into(), "active".into()]);
    let customers = desk.read(&scan).await.unwrap();
    let of = |id: &str| customers.records.iter().find(|record| record.id == *id).unwrap();
    assert_eq!(of("4402").owner(&Role::new("assigned")), &Owner::Known(vec!["12".into(), "7".into()]));
    assert_eq!(of("4404").owner(&Role::new("assigned")), &Owner::Known(vec![]));
    assert_eq!(of("4403").values, [Value::Text("R05".into()), Value::Text("Gauteng".into()), Value::Bool(true)]);
    assert_eq!((of("4403").name.as_str(), of("4405").state), ("O'Brien & Söhne", rightful_core::State::Inactive));
    let error = desk.read(&Scan::all("customer").with_fields(vec!["Rep code".into()])).await.unwrap_err();
    assert_eq!((error.kind(), error.mend()), (ErrorKind::Config, Some("did you mean `Rep Code`?")));
}

#[tokio::test]
async fn visit_frequencies_are_found_by_their_customer() {
    let desk = Desk::usual();
    let scan = Scan::all("visit-frequency").with_fields(vec!["period".into(), "cycle".into()]);
    let rows = desk.read(&scan).await.unwrap();
    let first = &rows.records[0];
    assert_eq!((first.keys[0].name.as_str(), first.keys[0].value.as_str()), ("customer-id", "4401"));
    assert_eq!(first.owner(&Role::new("owner")), &Owner::Known(vec!["7".into()]));
    assert_eq!(first.values, [Value::Text("Week".into()), Value::Integer(2)]);
}

#[tokio::test]
async fn the_boxes_of_the_active_integration_are_read_as_they_are_shown() {
    let desk = Desk::usual();
    let form = desk.read(&Scan::all("integration-form")).await.unwrap();
    let shown: Vec<(&str, &Owner)> =
        form.records.iter().map(|record| (record.name.as_str(), record.owner(&Role::fixed("assigned")))).collect();
    let users = |ids: &[&str]| Owner::Known(ids.iter().map(|id| (*id).to_owned()).collect());
    assert_eq!(shown, [("Rep Code - R05", &users(&["7"])), ("Rep Code - R11", &users(&["12", "7"])), ("Rep Code - R20", &users(&[]))]);
}

#[tokio::test]
async fn pages_are_opened_all_at_once_and_every_row_comes() {
    for (unordered, seed) in [(false, 0), (true, 1), (true, 2)] {
        let desk = Desk::seeded(many(1_205), &[]);
        desk.wire.sim.switch(Switches { unordered, order_seed: seed, ..Switches::default() });
        let scan = Scan::all("customer");
        let first = desk.connector.read(&scan, None).await.unwrap();
        assert_eq!((first.next.len(), first.total, first.whole), (6, Some(1_205), Some(1_205)));
        let whole = desk.read(&scan).await.unwrap();
        assert_eq!(whole.ids().len(), 1_205);
        assert_eq!(whole.records.len(), 1_205, "no page is read twice into the result");
    }
}

#[tokio::test]
async fn a_vendor_that_gives_smaller_pages_is_read_whole() {
    let desk = Desk::seeded(many(130), &[("page_size", 50)]);
    let whole = desk.read(&Scan::all("customer")).await.unwrap();
    assert_eq!((whole.ids().len(), desk.requests().len()), (130, 4));
}

#[tokio::test]
async fn an_empty_instance_is_empty_and_has_a_mark() {
    let desk = Desk::seeded(Seed::empty(), &[]);
    let whole = desk.read(&Scan::all("customer")).await.unwrap();
    assert_eq!((whole.records.len(), whole.total), (0, Some(0)));
    let mark = whole.mark.unwrap();
    desk.wire.sim.load(many(3));
    assert_eq!(desk.read(&since("customer", &mark)).await.unwrap().ids().len(), 3);
}

#[tokio::test]
async fn unchanged_runs_converge_to_one_request() {
    for unordered in [false, true] {
        let desk = Desk::seeded(many(20_000), &[]);
        desk.wire.sim.switch(Switches { unordered, order_seed: 5, ..Switches::default() });
        let mut mark = desk.read(&Scan::all("customer")).await.unwrap().mark.unwrap();
        desk.requests();
        let mut counts = Vec::new();
        for _ in 0..3 {
            let whole = desk.read(&since("customer", &mark)).await.unwrap();
            assert_eq!(whole.whole, Some(20_000), "deletions would be noticed");
            mark = whole.mark.unwrap();
            counts.push(desk.requests().len());
        }
        assert!(counts[0] <= 6 && counts[1..] == [1, 1], "unordered {unordered}: requests per unchanged run {counts:?}");
    }
}

#[tokio::test]
async fn changes_are_read_by_row_version_however_it_is_spelled() {
    for (version_key, text_versions) in
        [(VersionKey::Both, false), (VersionKey::RowVersion, true), (VersionKey::Version, false), (VersionKey::Version, true)]
    {
        let desk = Desk::new(
            Options { switches: Switches { version_key, text_versions, ..Switches::default() }, ..Options::default() },
            &[("lookback", 0)],
        );
        let mark = desk.read(&Scan::all("customer")).await.unwrap().mark.unwrap();
        desk.control("set-customer", json!({"id": 4404, "assigned_users": [15]}));
        let changed = desk.read(&since("customer", &mark)).await.unwrap();
        assert_eq!((changed.ids(), changed.total, changed.whole), (["4404".to_owned()].into(), Some(1), Some(6)));
        assert!(changed.mark.unwrap().0 > mark.0);
    }
}

#[tokio::test]
async fn a_change_that_becomes_visible_late_lies_within_the_lookback() {
    let desk = Desk::seeded(many(1_000), &[("lookback", 50)]);
    let mark = desk.read(&Scan::all("customer")).await.unwrap().mark.unwrap();
    let again = desk.read(&since("customer", &mark)).await.unwrap();
    assert_eq!(again.records.len(), 50, "the last fifty versions are read again");
}

#[tokio::test]
async fn a_filter_that_is_passed_over_costs_rows_but_loses_none() {
    let desk = Desk::seeded(many(450), &[("lookback", 0)]);
    let mark = desk.read(&Scan::all("customer")).await.unwrap().mark.unwrap();
    desk.control("set-customer", json!({"code": "C000007", "assigned_users": [12]}));
    for switches in [
        Switches { ignore_filters: true, ..Switches::default() },
        Switches { ignore_filters: true, unordered: true, order_seed: 9, ..Switches::default() },
    ] {
        desk.wire.sim.switch(switches);
        let whole = desk.read(&since("customer", &mark)).await.unwrap();
        assert_eq!((whole.ids().len(), whole.total), (450, Some(450)));
        assert!(whole.mark.unwrap().0 >= mark.0);
    }
}

#[tokio::test]
async fn changes_that_move_while_they_are_read_start_the_read_again() {
    let desk = Desk::seeded(many(2_000), &[("lookback", 0)]);
    let scan = since("customer", &rightful_core::Mark("88500".into()));
    let first = desk.connector.read(&scan, None).await.unwrap();
    assert_eq!((first.items.len(), first.next.len(), first.total), (200, 7, Some(1_500)));
    assert_eq!(first.mark.unwrap().0, "90000", "the mark is the highest version there is");
    desk.mishap(0, Mishap::Vendor("ignore-filters"));
    let error = desk.connector.read(&scan, Some(&first.next[0])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Restart, "the filter was kept on one page and not on another");
    assert_eq!(desk.connector.read(&scan, Some(&first.next[0])).await.unwrap().items.len(), 200);
    desk.control("set-customer", json!({"code": "C001000", "assigned_users": [12]}));
    let error = desk.connector.read(&scan, Some(&first.next[1])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Restart, "a row left the window");
}

#[tokio::test]
async fn a_cursor_or_mark_of_another_scan_is_dead() {
    let desk = Desk::seeded(many(500), &[]);
    let first = desk.connector.read(&Scan::all("customer"), None).await.unwrap();
    let error = desk.connector.read(&Scan::all("user"), Some(&first.next[0])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Restart);
    let error = desk.read(&since("customer", &rightful_core::Mark("yesterday".into()))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Restart);
}

#[tokio::test]
async fn sk_20_a_merged_customer_is_absent_by_id_and_found_no_more_by_code() {
    let desk = Desk::usual();
    assert!(desk.by_id("customer", "4403").await.is_some());
    desk.control("merge-customers", json!({"keep": 4401, "lose": 4403}));
    assert!(desk.by_id("customer", "4403").await.is_none());
    assert!(desk.by_id("customer", "not-a-number").await.is_none());
    assert!(desk.read(&by_code("GAUT-001")).await.unwrap().records.is_empty());
}

#[tokio::test]
async fn sk_23_a_customer_is_found_by_its_exact_code() {
    let mut seed = many(3);
    for code in ["rep-1", "REP-1", "a,b (c) \"d\"", "007", "7"] {
        seed.customers.push(SeedCustomer::new(code, code, vec![]));
    }
    let desk = Desk::seeded(seed, &[]);
    for code in ["rep-1", "REP-1", "a,b (c) \"d\"", "007", "7"] {
        let found = desk.read(&by_code(code)).await.unwrap().records;
        assert_eq!(found.iter().map(|record| record.name.as_str()).collect::<Vec<_>>(), [code]);
    }
    assert!(desk.read(&by_code("Rep-1")).await.unwrap().records.is_empty());
    desk.wire.sim.switch(Switches { ignore_filters: true, ..Switches::default() });
    assert_eq!(desk.read(&by_code("007")).await.unwrap_err().kind(), ErrorKind::Protocol, "an answer to another question is no answer");
}

#[tokio::test]
async fn many_ids_are_read_in_chunks_side_by_side() {
    let desk = Desk::seeded(many(130), &[]);
    let all: Vec<_> = desk.read(&Scan::all("customer")).await.unwrap().records.into_iter().map(|record| record.id).collect();
    let scan = Scan::ids("customer", all);
    let first = desk.connector.read(&scan, None).await.unwrap();
    assert_eq!((first.items.len(), first.next.len()), (50, 2));
    assert_eq!(desk.read(&scan).await.unwrap().ids().len(), 130);
}

#[tokio::test]
async fn a_429_is_obeyed_and_reads_survive_a_bad_moment() {
    let desk = Desk::usual();
    desk.mishap(0, Mishap::Vendor("throttled"));
    desk.read(&Scan::all("user")).await.unwrap();
    assert_eq!(desk.clock.waits(), [std::time::Duration::from_secs(1)]);
    for mishap in [Mishap::Vendor("timeout"), Mishap::Vendor("throttled-without-wait"), Mishap::NotSent, Mishap::AnswerLost] {
        desk.mishap(0, mishap.clone());
        assert_eq!(desk.read(&Scan::all("user")).await.unwrap().records.len(), 4, "{mishap:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_never_taken_for_empty() {
    let desk = Desk::usual();
    for fault in ["truncated", "not-json"] {
        desk.calm();
        desk.always(Mishap::Vendor(fault));
        for scan in [Scan::all("customer"), Scan::all("user"), Scan::ids("customer", vec!["4401".into()]), by_code("CAPE-001")] {
            assert_eq!(desk.read(&scan).await.unwrap_err().kind(), ErrorKind::Protocol, "{fault} {scan:?}");
        }
    }
}

#[tokio::test]
async fn a_refused_key_is_sent_once() {
    let desk = Desk::usual();
    desk.always(Mishap::Vendor("forbidden"));
    for _ in 0..3 {
        let error = desk.read(&Scan::all("customer")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.mend().unwrap().contains("api_key"), "{error:?}");
    }
    assert_eq!(desk.requests().len(), 1);
}

#[tokio::test]
async fn preflight_names_what_holds_and_what_to_do() {
    let desk = Desk::usual();
    let purpose = Purpose::Write(vec!["customer".into(), "user".into(), "visit-frequency".into()]);
    let verdicts = |findings: Vec<rightful_core::Finding>| -> BTreeMap<String, Verdict> {
        findings.into_iter().map(|finding| (finding.check, finding.verdict)).collect()
    };
    let good = verdicts(desk.connector.preflight(&purpose).await.unwrap());
    let wanted = [
        ("sign-in", Verdict::Pass),
        ("read-customer", Verdict::Pass),
        ("read-user", Verdict::Pass),
        ("read-visit-frequency", Verdict::Pass),
        ("customer-fields", Verdict::Pass),
        ("read-changes", Verdict::Pass),
        ("write-customer", Verdict::CannotTell),
    ];
    assert_eq!(good, wanted.into_iter().map(|(check, verdict)| (check.to_owned(), verdict)).collect());
    assert!(desk.requests().iter().all(|line| line.starts_with("GET ")), "a preflight only reads");
    desk.wire.sim.switch(Switches { ignore_filters: true, ..Switches::default() });
    assert_eq!(verdicts(desk.connector.preflight(&purpose).await.unwrap())["read-changes"], Verdict::Advice);
    desk.always(Mishap::Vendor("forbidden"));
    let refused = desk.connector.preflight(&purpose).await.unwrap();
    assert_eq!((refused.len(), refused[0].verdict), (1, Verdict::Fail));
}

#[test]
fn sk_26_users_can_only_be_read() {
    let kinds = (DESCRIPTOR.kinds)();
    let user = kinds.iter().find(|spec| spec.kind == "user").unwrap();
    assert!(user.people && user.verbs.is_empty());
    let writable: Vec<(&str, &[Verb])> =
        kinds.iter().filter(|spec| !spec.verbs.is_empty()).map(|spec| (spec.kind.as_str(), spec.verbs.as_slice())).collect();
    assert_eq!(writable, [("customer", [Verb::Update].as_slice()), ("visit-frequency", [Verb::Update].as_slice())]);
}

#[tokio::test]
async fn sk_11_the_vendors_own_run_can_be_asked_for() {
    let desk = Desk::usual();
    desk.connector.import_now().await.unwrap();
    let log = desk.control("import-log", json!({}));
    assert_eq!((log["runs"].as_array().unwrap().len(), &log["runs"][0]["asked"]), (1, &json!(true)));
}

/// What a reader has after keeping every row it was given, the newest answer last.
fn kept(into: &mut BTreeMap<String, Vec<String>>, records: &[rightful_core::Record]) {
    for record in records {
        let Owner::Known(users) = record.owner(&Role::new("assigned")) else { panic!("owners are shown") };
        into.insert(record.id.to_string(), users.clone());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever is edited at whatever moment of whatever scans, in whatever order pages come: once nothing moves any more, one more
    /// incremental read brings our copy level with the vendor's.
    #[test]
    fn no_change_is_lost_between_reads(
        count in 1_usize..90,
        page_size in 1_i64..30,
        lookback in 0_i64..12,
        order_seed in 0_u64..50,
        unordered in any::<bool>(),
        newest_last in any::<bool>(),
        edits in proptest::collection::vec((0_u64..24, 0_usize..90, any::<bool>()), 0..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let desk = Desk::seeded(many(count), &[("page_size", page_size), ("lookback", lookback)]);
            desk.wire.sim.switch(Switches { unordered, order_seed, newest_last, unknown_filter: UnknownFilter::Refuse, ..Switches::default() });
            let pending = Arc::new(Mutex::new(edits));
            let edits = pending.clone();
            desk.meddle(move |sim, number, _| {
                edits.lock().unwrap().retain(|(at, row, to_second)| {
                    if *at >= number {
                        return true;
                    }
                    let user = if *to_second { 12 } else { 7 };
                    let body = json!({"code": format!("C{:06}", row % count), "assigned_users": [user]});
                    rightful_sim::Simulator::control(sim, "set-customer", body, &rightful_sim::SimClock::wall()).unwrap();
                    false
                });
            });
            let mut copy = BTreeMap::new();
            // As the engine does: a full read with fewer ids than stated is not complete, and `Restart` starts a read again.
            let mut mark = loop {
                let whole = desk.read(&Scan::all("customer")).await.unwrap();
                kept(&mut copy, &whole.records);
                if whole.ids().len() as u64 >= whole.total.unwrap() {
                    break whole.mark.unwrap();
                }
            };
            while !pending.lock().unwrap().is_empty() {
                match desk.read(&since("customer", &mark)).await {
                    Ok(more) => {
                        kept(&mut copy, &more.records);
                        mark = more.mark.unwrap();
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Restart),
                }
            }
            desk.calm();
            let last = desk.read(&since("customer", &mark)).await.unwrap();
            kept(&mut copy, &last.records);
            let dump = rightful_sim::Simulator::dump(&desk.wire.sim);
            let truth: BTreeMap<String, Vec<String>> = dump["customers"].as_array().unwrap().iter().map(|row| {
                let users = row["assigned_users"].as_array().unwrap().iter().map(|id| id.to_string()).collect();
                (row["id"].to_string(), users)
            }).collect();
            let lost: BTreeSet<&String> = truth.iter().filter(|(id, users)| copy.get(*id) != Some(users)).map(|(id, _)| id).collect();
            assert!(lost.is_empty(), "lost {lost:?}");
        });
    }
}
