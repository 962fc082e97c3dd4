//! Leases and their fences: one writer per integration, and the loser writes nothing.

use super::*;

#[tokio::test]
async fn a_lease_of_a_living_process_is_respected_until_it_expires() {
    let bench = Bench::new().await;
    let other = bench.stand.holder();
    let leased = bench.store.lease(INTEGRATION, &other, minute(59), minute(90)).await.unwrap();
    assert_eq!(leased, Leased::Busy(bench.holder.clone(), minute(60)));
    // Renewed, it holds longer.
    bench.store.renew(&bench.fence, minute(70)).await.unwrap();
    let leased = bench.store.lease(INTEGRATION, &other, minute(61), minute(90)).await.unwrap();
    assert_eq!(leased, Leased::Busy(bench.holder.clone(), minute(70)));
    // Expired, it goes to whoever asks; the token moves, so the first holder is fenced off.
    let fence = held(bench.store.lease(INTEGRATION, &other, minute(70), minute(90)).await);
    assert!(fence.token > bench.fence.token, "{fence:?} after {:?}", bench.fence);
    is_conflict(bench.store.renew(&bench.fence, minute(99)).await, "renewing a lost lease");
    assert_eq!(bench.store.lease(INTEGRATION, &bench.holder, minute(71), minute(99)).await.unwrap(), Leased::Busy(other, minute(90)));
}

#[tokio::test]
async fn a_dead_holders_lease_is_taken_over_at_once_on_its_machine_and_by_expiry_elsewhere() {
    let bench = Bench::new().await;
    let next = bench.stand.holder();
    bench.stand.bury(&bench.holder);
    let fence = held(bench.store.lease(INTEGRATION, &next, minute(1), minute(60)).await);
    assert!(fence.token > bench.fence.token);
    // What happens to a process of another machine cannot be seen from here.
    let far = Holder { machine: "elsewhere".into(), ..bench.holder.clone() };
    held(bench.store.lease("far", &far, minute(0), minute(5)).await);
    assert_eq!(bench.store.lease("far", &next, minute(4), minute(60)).await.unwrap(), Leased::Busy(far, minute(5)));
    held(bench.store.lease("far", &next, minute(5), minute(60)).await);
}

#[tokio::test]
async fn a_lease_given_back_is_free_and_leases_of_other_names_are_others() {
    let bench = Bench::new().await;
    let other = bench.stand.holder();
    held(bench.store.lease("it's another", &other, minute(0), minute(60)).await);
    bench.store.release(&bench.fence).await.unwrap();
    is_conflict(bench.store.release(&bench.fence).await, "giving back twice");
    held(bench.store.lease(INTEGRATION, &other, minute(1), minute(60)).await);
}

#[tokio::test]
async fn whoever_lost_the_lease_writes_nothing_at_all() {
    let bench = Bench::new().await;
    let (store, lost) = (bench.store.clone(), bench.fence.clone());
    let (image, run, plan_id) = (bench.image().await, bench.begin_run().await, bench.begin_plan().await);
    bench.fill(image, vec![customer("c1", &["9"])], minute(0)).await;
    let ids = store.intend(&lost, &[entry(run, plan_id, 1)]).await.unwrap();
    store.begin_read(&lost, image, Rows::All).await.unwrap();

    bench.stand.bury(&bench.holder);
    let next = held(store.lease(INTEGRATION, &bench.stand.holder(), minute(1), minute(60)).await);
    let settled = Settled { entry: ids[0], state: EntryState::Done, note: None, into_image: true, consequences: Vec::new() };
    let counts = RunCounts::default();
    is_conflict(store.renew(&lost, minute(99)).await, "renew");
    is_conflict(store.release(&lost).await, "release");
    is_conflict(store.begin_read(&lost, image, Rows::All).await, "begin_read");
    is_conflict(store.put_page(&lost, image, page(vec![customer("c2", &[])]), minute(2)).await, "put_page");
    is_conflict(store.end_read(&lost, image, minute(2)).await, "end_read");
    is_conflict(store.put_rows(&lost, image, vec![customer("c3", &[])], vec!["c1".into()], minute(2)).await, "put_rows");
    is_conflict(store.codes_read(&lost, minute(2)).await, "codes_read");
    is_conflict(store.put_code_counts(&lost, &[("R05".into(), 1)]).await, "put_code_counts");
    is_conflict(store.begin_plan(&lost, &plan()).await, "begin_plan");
    is_conflict(store.add_to_plan(&lost, plan_id, &[change(1)], &[hold("c1")], &[case("a", "b")], minute(2)).await, "add_to_plan");
    is_conflict(store.end_plan(&lost, plan_id, &PlanCounts::default(), &[], true, minute(2)).await, "end_plan");
    is_conflict(store.set_plan_state(&lost, plan_id, PlanState::Applied, None, None).await, "set_plan_state");
    is_conflict(store.begin_run(&lost, &RunTask::Full, 1, None, minute(2)).await, "begin_run");
    is_conflict(store.resume_run(&lost, run).await, "resume_run");
    is_conflict(store.put_journal(&lost, run, "step", &1.into()).await, "put_journal");
    is_conflict(store.end_run(&lost, run, &"customer".into(), RunOutcome::Done, None, &counts, &[], minute(2)).await, "end_run");
    is_conflict(store.intend(&lost, &[entry(run, plan_id, 2)]).await, "intend");
    is_conflict(store.settle(&lost, image, &[settled], &[], minute(2)).await, "settle");
    is_conflict(store.put_cases(&lost, &[case("a", "b")], minute(2)).await, "put_cases");

    // And nothing of all that is there.
    assert_eq!(bench.ids(image).await, ["c1"]);
    assert_eq!(bench.row(image, "c1").await.unwrap().record, customer("c1", &["9"]));
    assert!(store.open_read(image).await.unwrap().is_some_and(|open| !open.begun));
    let table = store.code_table(INTEGRATION).await.unwrap();
    assert_eq!((table.last_read, store.code_counts(INTEGRATION).await.unwrap().len()), (None, 0));
    assert_eq!(store.plans(INTEGRATION, 9).await.unwrap(), [Plan { id: plan_id, ..plan() }]);
    assert!(store.changes(plan_id, 0, 9).await.unwrap().is_empty() && store.holds(None, None, 9).await.unwrap().is_empty());
    let runs = store.runs(None, 9).await.unwrap();
    assert_eq!((runs.len(), runs[0].resumed, runs[0].ended), (1, 0, None));
    assert_eq!(store.journal(run, "step").await.unwrap(), None);
    let entries = store.entries(&EntryFilter { limit: 9, ..EntryFilter::default() }).await.unwrap();
    assert_eq!(entries, [Entry { id: ids[0], ..entry(run, plan_id, 1) }]);
    assert!(store.cases(None, false, None, 9).await.unwrap().is_empty());
    // The one who has it goes on.
    store.put_journal(&next, run, "step", &2.into()).await.unwrap();
    assert_eq!(store.journal(run, "step").await.unwrap(), Some(2.into()));
}

#[tokio::test]
async fn pausing_and_slots_need_no_lease() {
    let bench = Bench::new().await;
    let store = &bench.store;
    assert_eq!(store.integration("never touched").await.unwrap(), IntegrationState::default());
    store.pause(INTEGRATION, true, &author("ann", 1)).await.unwrap();
    assert_eq!(store.integration(INTEGRATION).await.unwrap().paused, Some(author("ann", 1)));
    store.renew(&bench.fence, minute(99)).await.expect("a pause takes no lease away");
    store.pause(INTEGRATION, false, &author("ben", 2)).await.unwrap();
    assert_eq!(store.integration(INTEGRATION).await.unwrap().paused, None);

    let name: ConnectionName = "field".into();
    assert_eq!(store.tie_connection(&name, "account = 1").await.unwrap(), None);
    assert_eq!(store.tie_connection(&name, "account = 2").await.unwrap().as_deref(), Some("account = 1"));
    assert_eq!(store.tie_connection(&name, "account = 1").await.unwrap(), None);
    assert_eq!(store.load_slot(&name).await.unwrap().revision, 0);
    assert!(!store.swap_slot(&name, 1, Some(Secret::new("too early"))).await.unwrap());
    assert!(store.swap_slot(&name, 0, Some(Secret::new("one"))).await.unwrap());
    assert!(!store.swap_slot(&name, 0, Some(Secret::new("late"))).await.unwrap(), "somebody else was first");
    let slot = store.load_slot(&name).await.unwrap();
    assert_eq!((slot.revision, slot.text.as_ref().map(Secret::expose)), (1, Some("one")));
    assert!(store.swap_slot(&name, 1, None).await.unwrap());
    let slot = store.load_slot(&name).await.unwrap();
    assert_eq!((slot.revision, slot.text.is_none()), (2, true));
    assert_eq!(store.load_slot(&"other".into()).await.unwrap().revision, 0);
}
