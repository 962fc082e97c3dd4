//! Runs and what their steps remember.

use super::*;

#[tokio::test]
async fn a_run_is_begun_taken_up_and_ended() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    assert_eq!((store.run(RunId(1)).await.unwrap(), store.unfinished_run(INTEGRATION).await.unwrap()), (None, None));
    let tasks =
        [RunTask::Full, RunTask::Plan { only: Some("R05".into()) }, RunTask::Apply { plan: PlanId(3) }, RunTask::Undo { run: RunId(2) }];
    for task in tasks {
        let id = store.begin_run(fence, &task, 7, Some("ann"), minute(1)).await.unwrap();
        let begun = Run {
            id,
            integration: INTEGRATION.into(),
            task,
            body_version: 7,
            by: Some("ann".into()),
            started: minute(1),
            ended: None,
            outcome: None,
            plan: None,
            counts: RunCounts::default(),
            notes: vec![],
            resumed: 0,
        };
        assert_eq!(store.run(id).await.unwrap(), Some(begun.clone()));
        assert_eq!(store.unfinished_run(INTEGRATION).await.unwrap(), Some(begun.clone()));
        assert_eq!(store.unfinished_run("other").await.unwrap(), None);
        store.resume_run(fence, id).await.unwrap();
        store.resume_run(fence, id).await.unwrap();
        let counts = RunCounts { done: 3, planned: 4, ..RunCounts::default() };
        let notes = ["it's \u{e9}".to_owned(), String::new()];
        store.end_run(fence, id, &"customer".into(), RunOutcome::Partial, Some(PlanId(3)), &counts, &notes, minute(2)).await.unwrap();
        let ended = Run {
            ended: Some(minute(2)),
            outcome: Some(RunOutcome::Partial),
            plan: Some(PlanId(3)),
            counts,
            notes: notes.to_vec(),
            resumed: 2,
            ..begun
        };
        assert_eq!(store.run(id).await.unwrap(), Some(ended));
        assert_eq!(store.unfinished_run(INTEGRATION).await.unwrap(), None);
    }
    is_missing(store.resume_run(fence, RunId(99)).await, "resume_run");
    is_missing(
        store.end_run(fence, RunId(99), &"customer".into(), RunOutcome::Done, None, &RunCounts::default(), &[], minute(1)).await,
        "end_run",
    );
}

#[tokio::test]
async fn runs_are_listed_newest_first_of_one_integration_or_all() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let other = bench.other("other").await;
    let mut ids = Vec::new();
    for number in 0..6 {
        let fence = if number % 3 == 0 { &other } else { &bench.fence };
        ids.push(store.begin_run(fence, &RunTask::Full, 1, None, minute(number)).await.unwrap());
    }
    let listed =
        async |integration, limit| -> Vec<RunId> { store.runs(integration, limit).await.unwrap().into_iter().map(|run| run.id).collect() };
    assert_eq!(listed(None, 99).await, ids.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(listed(Some("other"), 99).await, [ids[3], ids[0]]);
    assert_eq!(listed(Some(INTEGRATION), 2).await, [ids[5], ids[4]]);
    assert!(listed(Some("none"), 99).await.is_empty());

    for (at, outcome) in [(1, RunOutcome::Done), (2, RunOutcome::Failed), (3, RunOutcome::Failed), (4, RunOutcome::DoneWithHolds)] {
        let fence = if at % 3 == 0 { &other } else { &bench.fence };
        store.end_run(fence, ids[at], &"customer".into(), outcome, None, &RunCounts::default(), &[], minute(9)).await.unwrap();
    }
    let some = |integration: &str| Some(integration.to_owned());
    for (integration, outcome, before, limit, expected) in [
        (None, None, Some(3), 99, &[2, 1, 0][..]),
        (None, None, Some(3), 2, &[2, 1]),
        (some("other"), None, Some(3), 99, &[0]),
        (None, Some(Some(RunOutcome::Failed)), None, 99, &[3, 2]),
        (None, Some(Some(RunOutcome::Failed)), Some(3), 99, &[2]),
        (some(INTEGRATION), Some(Some(RunOutcome::Failed)), None, 99, &[2]),
        (some(INTEGRATION), Some(Some(RunOutcome::Done)), None, 99, &[1]),
        (None, Some(None), None, 99, &[5, 0]),
        (some(INTEGRATION), Some(None), None, 99, &[5]),
        (some(INTEGRATION), Some(Some(RunOutcome::Refused)), None, 99, &[]),
    ] {
        let filter = RunFilter { integration, outcome, before: before.map(|at: usize| ids[at]), limit };
        let found: Vec<RunId> = store.runs_where(&filter).await.unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(found, expected.iter().map(|at| ids[*at]).collect::<Vec<_>>(), "{filter:?}");
    }
}

#[tokio::test]
async fn a_step_is_remembered_for_its_run_alone() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    let (one, two) = (bench.begin_run().await, bench.begin_run().await);
    assert_eq!(store.journal(one, "read").await.unwrap(), None);
    let result = serde_json::json!({ "count": u64::MAX, "text": "it's \u{e9}\0", "none": null, "nested": [1, [2.5]] });
    store.put_journal(fence, one, "read", &result).await.unwrap();
    store.put_journal(fence, one, "Read", &serde_json::Value::Null).await.unwrap();
    assert_eq!(store.journal(one, "read").await.unwrap(), Some(result));
    assert_eq!(store.journal(one, "Read").await.unwrap(), Some(serde_json::Value::Null), "null is a result too");
    assert_eq!(store.journal(two, "read").await.unwrap(), None);
    // A step that ran twice remembers the last time.
    store.put_journal(fence, one, "read", &2.into()).await.unwrap();
    assert_eq!(store.journal(one, "read").await.unwrap(), Some(2.into()));
}
