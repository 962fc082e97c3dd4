//! Cases and holds: opened once, refreshed, closed by the plan that no longer finds them.

use super::*;

async fn open(bench: &Bench, integration: Option<&str>) -> Vec<String> {
    let cases = bench.store.cases(integration, true, None, 99).await.unwrap();
    cases.into_iter().map(|case| format!("{} {}", case.case.reason, case.case.subject)).collect()
}

#[tokio::test]
async fn the_same_reason_and_subject_is_one_case_however_often_it_is_seen() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    store.put_cases(fence, &[case("a", "x"), case("a", "X"), case("b", "x")], minute(1)).await.unwrap();
    let again = NewCase { message: "it's else".into(), mend: "so".into(), ..case("a", "x") };
    store.put_cases(fence, std::slice::from_ref(&again), minute(5)).await.unwrap();
    let cases = store.cases(None, false, None, 99).await.unwrap();
    assert_eq!(cases.len(), 3);
    assert_eq!((&cases[0].case, cases[0].first_seen, cases[0].last_seen, cases[0].closed), (&again, minute(1), minute(5), None));
    // Of another integration it is another case.
    let other = bench.other("other").await;
    store.put_cases(&other, &[case("a", "x")], minute(6)).await.unwrap();
    assert_eq!(open(&bench, Some(INTEGRATION)).await, ["a x", "a X", "b x"]);
    assert_eq!((open(&bench, Some("other")).await.len(), open(&bench, None).await.len()), (1, 4));
    assert_eq!(store.case_counts(Some(INTEGRATION)).await.unwrap(), [("a".to_owned(), 2), ("b".to_owned(), 1)]);
    assert_eq!(store.case_counts(None).await.unwrap(), [("a".to_owned(), 3), ("b".to_owned(), 1)]);
    // In pages.
    let first = store.cases(None, true, None, 2).await.unwrap();
    let rest = store.cases(None, true, Some(first[1].id), 99).await.unwrap();
    assert_eq!((first.len(), rest.len(), rest[0].id > first[1].id), (2, 2, true));
    assert_eq!(store.cases(Some("other"), true, Some(first[1].id), 99).await.unwrap().len(), 1);
    // By reason.
    let some = |text: &str| Some(text.to_owned());
    for (integration, reason, after, limit, expected) in [
        (None, some("a"), None, 99, &["x", "X", "x"][..]),
        (None, some("a"), Some(first[0].id), 99, &["X", "x"]),
        (None, some("a"), Some(first[0].id), 1, &["X"]),
        (some("other"), some("a"), None, 99, &["x"]),
        (some("other"), some("b"), None, 99, &[]),
        (some(INTEGRATION), some("b"), None, 99, &["x"]),
        (some(INTEGRATION), some("A"), None, 99, &[]),
    ] {
        let filter = CaseFilter { integration, reason, open: true, after, limit };
        let found: Vec<String> = store.cases_where(&filter).await.unwrap().into_iter().map(|case| case.case.subject).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_whole_plan_closes_what_it_did_not_find_and_a_pilot_closes_nothing() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    let other = bench.other("other").await;
    store.put_cases(&other, &[case("a", "foreign")], minute(0)).await.unwrap();
    let make = async |found: &[&str], whole: bool, at: i64| {
        let plan = bench.begin_plan().await;
        let cases: Vec<NewCase> = found.iter().map(|subject| case("a", subject)).collect();
        let holds: Vec<NewHold> = found.iter().map(|target| hold(target)).collect();
        store.add_to_plan(fence, plan, &[], &holds, &cases, minute(at)).await.unwrap();
        store.end_plan(fence, plan, &PlanCounts::default(), &[], whole, minute(at)).await.unwrap();
    };
    let held = async || -> Vec<String> {
        store.holds(Some(INTEGRATION), None, 99).await.unwrap().into_iter().map(|hold| hold.hold.target.to_string()).collect()
    };
    make(&["x", "y"], true, 1).await;
    assert_eq!((open(&bench, Some(INTEGRATION)).await, held().await), (vec!["a x".into(), "a y".into()], vec!["x".into(), "y".into()]));
    // Found outside a plan, after it: it stays until a plan has looked.
    store.put_cases(fence, &[case("w", "z")], minute(2)).await.unwrap();
    make(&["x"], false, 3).await;
    assert_eq!((open(&bench, Some(INTEGRATION)).await.len(), held().await.len()), (3, 2));
    make(&["y"], true, 4).await;
    assert_eq!((open(&bench, Some(INTEGRATION)).await, held().await), (vec!["a y".into()], vec!["y".into()]));
    let all = store.cases(Some(INTEGRATION), false, None, 99).await.unwrap();
    assert_eq!(all.iter().map(|case| case.closed).collect::<Vec<_>>(), [Some(minute(4)), None, Some(minute(4))]);
    assert_eq!(open(&bench, Some("other")).await, ["a foreign"]);
    // Seen again, it is open again, as new; a closing is not moved by a later one.
    make(&["x"], true, 5).await;
    let all = store.cases(Some(INTEGRATION), false, None, 99).await.unwrap();
    assert_eq!((all[0].first_seen, all[0].closed), (minute(5), None));
    assert_eq!((all[1].closed, all[2].closed), (Some(minute(5)), Some(minute(4))));
    assert_eq!(store.case_counts(Some(INTEGRATION)).await.unwrap(), [("a".to_owned(), 1)]);
}

#[tokio::test]
async fn a_target_has_one_hold_which_keeps_its_number_and_time_and_a_number_is_never_used_twice() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    let plan = bench.begin_plan().await;
    let add = async |hold: NewHold, at: i64| store.add_to_plan(fence, plan, &[], &[hold], &[], minute(at)).await.unwrap();
    add(hold("x"), 1).await;
    let changed = NewHold {
        wanted: Some(OwnerChange { role: ROLE, from: Some(vec![]), to: vec!["1".into()] }),
        reason: "no-owner".into(),
        ..hold("x")
    };
    add(changed.clone(), 2).await;
    add(NewHold { kind: "visit".into(), ..hold("x") }, 3).await;
    let holds = store.holds(None, None, 99).await.unwrap();
    let first = Hold { id: holds[0].id, integration: INTEGRATION.into(), hold: changed, since: minute(1), run: None };
    assert_eq!((&holds[0], holds.len()), (&first, 2));
    // The run is that of the plan.
    store.set_plan_state(fence, plan, PlanState::Applying, None, Some(RunId(5))).await.unwrap();
    assert_eq!(store.holds(None, None, 1).await.unwrap()[0].run, Some(RunId(5)));
    assert_eq!(store.holds(Some(INTEGRATION), Some(first.id), 99).await.unwrap(), [Hold { run: Some(RunId(5)), ..holds[1].clone() }]);
    assert!(store.holds(Some("other"), None, 99).await.unwrap().is_empty());
    let last = holds[1].id;
    assert!(store.drop_hold(last, &author("ann", 1)).await.unwrap());
    assert!(!store.drop_hold(last, &author("ann", 1)).await.unwrap());
    add(hold("z"), 4).await;
    let holds = store.holds(None, None, 99).await.unwrap();
    assert_eq!(holds.len(), 2);
    assert!(holds[1].id > last, "somebody who names {last} means the one that was dropped, not {}", holds[1].id);
}
