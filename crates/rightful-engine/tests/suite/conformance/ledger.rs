//! The ledger: intents, outcomes, and finding them again.

use super::*;

#[tokio::test]
async fn an_intent_is_written_once_and_given_back_with_one_more_attempt() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    let (run, plan, image) = (bench.begin_run().await, bench.begin_plan().await, bench.image().await);
    assert_eq!((store.last_intended(run).await.unwrap(), store.entry_counts(run).await.unwrap()), (0, vec![]));
    let entries: Vec<Entry> = (1..=3).map(|number| entry(run, plan, number)).collect();
    let ids = store.intend(fence, &entries).await.unwrap();
    assert!(ids.len() == 3 && ids.is_sorted());
    let kept = store.entries(&EntryFilter { run: Some(run), limit: 9, ..EntryFilter::default() }).await.unwrap();
    let given: Vec<Entry> = entries.iter().zip(&ids).map(|(entry, id)| Entry { id: *id, ..entry.clone() }).collect();
    assert_eq!(kept, given);
    // Its answer was lost: it is unknown, and sent again.
    let unknown =
        Settled { entry: ids[1], state: EntryState::Unknown, note: Some("it's lost".into()), into_image: false, consequences: Vec::new() };
    store.settle(fence, image, &[unknown], &[], minute(2)).await.unwrap();
    let again = store.intend(fence, &[entries[1].clone(), entry(run, plan, 4)]).await.unwrap();
    assert_eq!((again[0], again[1] > ids[2]), (ids[1], true));
    let kept = store.entries(&EntryFilter { run: Some(run), limit: 9, ..EntryFilter::default() }).await.unwrap();
    assert_eq!((kept.len(), kept[1].state, kept[1].attempts, kept[0].attempts), (4, EntryState::Intended, 2, 1));
    assert_eq!(store.last_intended(run).await.unwrap(), 4);
    // The same change of another run is another entry.
    let other = bench.begin_run().await;
    let others = store.intend(fence, &[entry(other, plan, 1)]).await.unwrap();
    assert!(!ids.contains(&others[0]));
    assert_eq!((store.last_intended(other).await.unwrap(), store.last_intended(run).await.unwrap()), (1, 4));
}

#[tokio::test]
async fn an_outcome_and_what_it_means_for_the_image_are_one_step() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    let (run, plan, image) = (bench.begin_run().await, bench.begin_plan().await, bench.image().await);
    bench.fill(image, (1..=4).map(|number| customer(&format!("c{number}"), &["9"])).collect(), minute(0)).await;
    let ids = store.intend(fence, &(1..=5).map(|number| entry(run, plan, number)).collect::<Vec<_>>()).await.unwrap();
    let settled = |at: usize, state, note: Option<&str>, into_image| Settled {
        entry: ids[at],
        state,
        note: note.map(Into::into),
        into_image,
        consequences: Vec::new(),
    };
    let outcomes = [
        settled(0, EntryState::Done, None, true),
        settled(1, EntryState::Unchanged, None, true),
        settled(2, EntryState::NotDone, Some("refused"), false),
        settled(3, EntryState::Disputed, Some("who knows"), false),
        // The record is gone meanwhile: its outcome counts all the same.
        settled(4, EntryState::Done, None, true),
    ];
    store.settle(fence, image, &outcomes, &[], minute(3)).await.unwrap();
    for (id, owner) in [("c1", "1"), ("c2", "1"), ("c3", "9"), ("c4", "9")] {
        assert_eq!(bench.row(image, id).await.unwrap().record, customer(id, &[owner]), "{id}");
    }
    assert_eq!(bench.ids(image).await.len(), 4);
    let kept = store.entries(&EntryFilter { run: Some(run), limit: 9, ..EntryFilter::default() }).await.unwrap();
    assert!(kept.iter().all(|entry| entry.settled_at == Some(minute(3)) && entry.intended_at == minute(1)));
    assert_eq!(kept[2].note.as_deref(), Some("refused"));
    let mut counts = store.entry_counts(run).await.unwrap();
    counts.sort_by_key(|(state, _)| format!("{state:?}"));
    let expected = [(EntryState::Disputed, 1), (EntryState::Done, 2), (EntryState::NotDone, 1), (EntryState::Unchanged, 1)];
    assert_eq!(counts, expected);
    // An unknown entry among them: none of them is settled.
    let wrong = [settled(2, EntryState::Done, None, true), Settled { entry: EntryId(999), ..settled(0, EntryState::Done, None, true) }];
    is_missing(store.settle(fence, image, &wrong, &[], minute(4)).await, "settle");
    let kept = store.entries(&EntryFilter { run: Some(run), limit: 9, ..EntryFilter::default() }).await.unwrap();
    assert_eq!((kept[2].state, kept[2].settled_at), (EntryState::NotDone, Some(minute(3))));
    assert_eq!(bench.row(image, "c3").await.unwrap().record, customer("c3", &["9"]));
}

#[tokio::test]
async fn entries_are_found_by_run_record_code_and_state_in_pages_either_way() {
    let bench = Bench::new().await;
    let (store, image) = (&bench.store, bench.image().await);
    let other = bench.other("other").await;
    let (one, two) = (bench.begin_run().await, bench.begin_run().await);
    let entries: Vec<Entry> = (1..=12).map(|number| entry(one, PlanId(1), number)).collect();
    let ids = store.intend(&bench.fence, &entries).await.unwrap();
    // The same records again, under another run, integration, kind and connection.
    let again: Vec<Entry> = vec![
        Entry { integration: "other".into(), ..entry(two, PlanId(2), 1) },
        Entry { kind: "visit".into(), ..entry(two, PlanId(2), 2) },
        Entry { connection: "Field".into(), ..entry(two, PlanId(2), 3) },
        Entry { code: "c1".into(), ..entry(two, PlanId(2), 4) },
    ];
    let later = store.intend(&other, &again).await.unwrap();
    let done: Vec<Settled> = ids[..6]
        .iter()
        .map(|id| Settled { entry: *id, state: EntryState::Done, note: None, into_image: false, consequences: Vec::new() })
        .collect();
    store.settle(&bench.fence, image, &done, &[], minute(2)).await.unwrap();
    let find =
        async |filter: EntryFilter| -> Vec<EntryId> { store.entries(&filter).await.unwrap().into_iter().map(|entry| entry.id).collect() };
    let filter = || EntryFilter { limit: 99, ..EntryFilter::default() };
    let target = |connection: &str, kind: &str, id: &str| Some((connection.into(), kind.into(), RecordId::new(id)));
    assert_eq!(find(filter()).await.len(), 16);
    assert_eq!(find(EntryFilter { run: Some(two), ..filter() }).await, later);
    assert_eq!(find(EntryFilter { integration: Some("other".into()), ..filter() }).await, [later[0]]);
    let change = store.entries(&EntryFilter { run: Some(two), limit: 1, ..filter() }).await.unwrap()[0].change;
    assert_eq!(find(EntryFilter { run: Some(two), change: Some(change), ..filter() }).await, [later[0]]);
    assert!(find(EntryFilter { run: Some(two), change: Some(4_711), ..filter() }).await.is_empty());
    assert_eq!(find(EntryFilter { target: target("field", "customer", "c1"), ..filter() }).await, [ids[0], later[0]]);
    assert_eq!(find(EntryFilter { target: target("field", "customer", "c1"), latest_first: true, limit: 1, ..filter() }).await, [later[0]]);
    assert_eq!(find(EntryFilter { target: target("field", "visit", "c2"), ..filter() }).await, [later[1]]);
    let both = EntryFilter { integration: Some(INTEGRATION.into()), target: target("field", "customer", "c1"), ..filter() };
    assert_eq!(find(both).await, [ids[0]]);
    assert_eq!(find(EntryFilter { code: Some("c1".into()), ..filter() }).await, [later[3]], "codes are exact");
    assert_eq!(find(EntryFilter { code: Some("C1".into()), integration: Some(INTEGRATION.into()), ..filter() }).await, [ids[0]]);
    let open = vec![EntryState::Intended, EntryState::Unknown];
    assert_eq!(find(EntryFilter { run: Some(one), states: open.clone(), ..filter() }).await, ids[6..]);
    assert_eq!(find(EntryFilter { integration: Some(INTEGRATION.into()), states: open, ..filter() }).await.len(), 9);
    let known = vec![EntryState::Done, EntryState::Disputed];
    assert_eq!(find(EntryFilter { run: Some(one), states: known.clone(), after: Some(ids[1]), limit: 2, ..filter() }).await, ids[2..4]);
    let back = EntryFilter { run: Some(one), states: known, after: Some(ids[3]), latest_first: true, limit: 2, ..filter() };
    assert_eq!(find(back).await, [ids[2], ids[1]]);
    assert!(find(EntryFilter { limit: 0, ..filter() }).await.is_empty());
}

fn exchange(operation: &str) -> Exchange {
    Exchange {
        operation: operation.into(),
        at: minute(2),
        method: "PATCH".into(),
        url: "https://field.example/v1/customers?x=1".into(),
        idempotent: false,
        request: "[{\"id\":1}]".into(),
        status: (operation != "lost").then_some(200),
        response: "it's \u{e9}".into(),
    }
}

#[tokio::test]
async fn exchanges_are_kept_with_the_outcomes_they_told_and_found_by_change() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    let (run, plan, image) = (bench.begin_run().await, bench.begin_plan().await, bench.image().await);
    let ids = store.intend(fence, &(1..=5).map(|number| entry(run, plan, number)).collect::<Vec<_>>()).await.unwrap();
    let done = |id: EntryId| Settled { entry: id, state: EntryState::Done, note: None, into_image: false, consequences: Vec::new() };
    let carried = |run, changes: &[i64], operation: &str| Carried { run, changes: changes.to_vec(), exchange: exchange(operation) };
    let first = [carried(run, &[1, 2, 3], "one"), carried(run, &[2], "look")];
    store.settle(fence, image, &[done(ids[0]), done(ids[1])], &first, minute(2)).await.unwrap();
    // Another run's, and many changes with gaps; without an outcome too.
    let far: Vec<i64> = (3..=2_500).filter(|number| number % 600 > 0).collect();
    store.settle(fence, image, &[], &[carried(run, &far, "lost"), carried(RunId(run.0 + 9), &[1], "other")], minute(3)).await.unwrap();
    let found = async |run, change| -> Vec<String> {
        store.exchanges(run, change).await.unwrap().into_iter().map(|exchange| exchange.operation).collect()
    };
    assert_eq!(store.exchanges(run, 1).await.unwrap(), [exchange("one")], "what is kept comes back whole");
    for (change, expected) in [
        (2, &["one", "look"][..]),
        (3, &["one", "lost"]),
        (599, &["lost"]),
        (600, &[]),
        (601, &["lost"]),
        (2_500, &["lost"]),
        (2_501, &[]),
        (0, &[]),
    ] {
        assert_eq!(found(run, change).await, expected, "change {change}");
    }
    assert_eq!(found(RunId(run.0 + 9), 1).await, ["other"]);
    // Outcomes that cannot be kept take their exchanges with them.
    is_missing(store.settle(fence, image, &[done(EntryId(999))], &[carried(run, &[5], "never")], minute(4)).await, "settle");
    assert_eq!(found(run, 5).await, ["lost"]);
    // A change is found by its number in its run.
    let one = EntryFilter { run: Some(run), change: Some(2), limit: 9, ..EntryFilter::default() };
    assert_eq!(store.entries(&one).await.unwrap().into_iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[1]]);
}

#[tokio::test]
async fn exchanges_are_kept_for_the_newest_runs_that_had_any() {
    let bench = Bench::new().await;
    let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
    let other = bench.other("other").await;
    let mut runs = Vec::new();
    for number in 0..EXCHANGE_RUNS + 3 {
        let run = bench.begin_run().await;
        // Runs that wrote nothing take no place.
        bench.begin_run().await;
        let of = if number == 0 { &other } else { fence };
        let carried = Carried { run, changes: vec![1, 2], exchange: exchange("one") };
        store.settle(of, image, &[], &[carried], minute(2)).await.unwrap();
        runs.push(run);
    }
    let kept = async |run| store.exchanges(run, 1).await.unwrap().len();
    assert_eq!(kept(runs[1]).await, 0, "the run that came after the last kept one dropped it");
    bench.begin_run().await;
    for (number, run) in runs.iter().enumerate() {
        let expected = usize::from(number == 0 || number > 2);
        assert_eq!(kept(*run).await, expected, "number {number}");
    }
}
