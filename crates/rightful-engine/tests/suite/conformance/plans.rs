//! Plans: drafted, ended, let through, applied, and replaced by a newer one.

use super::*;

#[tokio::test]
async fn a_plan_comes_back_as_it_was_given_and_its_changes_in_order_and_in_pages() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    assert_eq!(store.plan(PlanId(7)).await.unwrap(), None);
    let id = bench.begin_plan().await;
    assert_eq!(store.plan(id).await.unwrap(), Some(Plan { id, ..plan() }));
    let changes: Vec<Change> = (1..=25).map(change).collect();
    store.add_to_plan(fence, id, &changes[..10], &[], &[], minute(1)).await.unwrap();
    store.add_to_plan(fence, id, &changes[10..], &[], &[], minute(1)).await.unwrap();
    store.add_to_plan(fence, id, &[], &[], &[], minute(1)).await.unwrap();
    let mut found = Vec::new();
    while let Some(more) = Some(store.changes(id, found.len() as i64, 10).await.unwrap()).filter(|more| !more.is_empty()) {
        found.extend(more);
    }
    assert_eq!(found, changes);
    assert_eq!(store.changes(id, 0, usize::MAX).await.unwrap().len(), 25);
}

#[tokio::test]
async fn ending_a_plan_makes_it_ready_or_refused_and_states_move_on() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    let counts =
        PlanCounts { owner_moves: 3, cases: [("a".to_owned(), 2)].into(), moves: vec![("x -> y".into(), 3)], ..PlanCounts::default() };
    let refusal = Refusal { guard: "owner-moves".into(), evidence: "3 of 4".into(), remedy: "look".into(), may_pass: true };
    let id = bench.begin_plan().await;
    store.end_plan(fence, id, &counts, &[], true, minute(1)).await.unwrap();
    assert_eq!(store.plan(id).await.unwrap(), Some(Plan { id, state: PlanState::Ready, counts: counts.clone(), ..plan() }));
    let id = bench.begin_plan().await;
    store.end_plan(fence, id, &counts, std::slice::from_ref(&refusal), true, minute(1)).await.unwrap();
    let passed = Some(("ann".to_owned(), "first run".to_owned()));
    store
        .set_plan_state(
            fence,
            id,
            PlanState::LetThrough,
            passed.clone().map(|(author, reason)| Authorship { author, reason, at: minute(3) }),
            None,
        )
        .await
        .unwrap();
    store.set_plan_state(fence, id, PlanState::Applying, None, Some(RunId(4))).await.unwrap();
    store.set_plan_state(fence, id, PlanState::Applied, None, None).await.unwrap();
    let kept = Plan { id, state: PlanState::Applied, counts, refusals: vec![refusal], passed, run: Some(RunId(4)), ..plan() };
    assert_eq!(store.plan(id).await.unwrap(), Some(kept));
    let none = PlanId(99);
    is_missing(store.end_plan(fence, none, &PlanCounts::default(), &[], true, minute(1)).await, "end_plan");
    is_missing(store.set_plan_state(fence, none, PlanState::Applied, None, None).await, "set_plan_state");
}

#[tokio::test]
async fn a_new_plan_drops_those_of_its_integration_that_were_never_applied() {
    use PlanState::{Applied, Applying, Drafting, Dropped, LetThrough, Ready, Refused};
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    let other = bench.other("other").await;
    let foreign = store.begin_plan(&other, &Plan { integration: "other".into(), ..plan() }).await.unwrap();
    let mut ids = Vec::new();
    for state in [Applied, Applying, Ready, Refused, LetThrough, Drafting] {
        ids.push(bench.begin_plan().await);
        store.set_plan_state(fence, *ids.last().unwrap(), state, None, None).await.unwrap();
    }
    let newest = bench.begin_plan().await;
    let plans = store.plans(INTEGRATION, 99).await.unwrap();
    let states: Vec<PlanState> = plans.iter().map(|plan| plan.state).collect();
    assert_eq!(states, [Drafting, Dropped, Dropped, Dropped, Dropped, Applying, Applied], "newest first");
    assert_eq!((plans[0].id, plans.len()), (newest, 7));
    assert_eq!(store.plans(INTEGRATION, 2).await.unwrap().len(), 2);
    assert_eq!(store.plan(foreign).await.unwrap().unwrap().state, Drafting);
    assert_eq!(store.plans("other", 9).await.unwrap().len(), 1);
    assert!(ids.is_sorted() && ids.last() < Some(&newest));
}

#[tokio::test]
async fn changes_of_applied_plans_and_of_the_latest_dropped_ones_are_kept() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    let applied = bench.begin_plan().await;
    store.add_to_plan(fence, applied, &[change(1)], &[], &[], minute(1)).await.unwrap();
    store.set_plan_state(fence, applied, PlanState::Applied, None, None).await.unwrap();
    let mut last = applied;
    for _ in 0..30 {
        last = bench.begin_plan().await;
        store.add_to_plan(fence, last, &[change(1), change(2)], &[], &[], minute(1)).await.unwrap();
    }
    let newest = bench.begin_plan().await;
    assert_eq!(store.changes(applied, 0, 9).await.unwrap().len(), 1);
    assert_eq!(store.changes(last, 0, 9).await.unwrap().len(), 2, "the one that {newest} replaced may still be looked at");
}
