//! What schedules remember: a due time is claimed once, a request is taken once, failures are counted in a row.

use super::*;

fn act(name: &str, minutes: i64) -> Act {
    Act::new(minute(minutes), name, "integration.run", INTEGRATION)
}

#[tokio::test]
async fn a_due_time_is_claimed_once_and_never_goes_back() {
    let bench = Bench::new().await;
    let watch = &bench.stand.watch;
    assert_eq!(watch.watched(INTEGRATION).await.unwrap(), Watched::default());
    for (due, claimed) in [(10, true), (10, false), (9, false), (11, true), (10, false)] {
        assert_eq!(watch.claim_due(INTEGRATION, minute(due)).await.unwrap(), claimed, "minute {due}");
    }
    assert!(watch.claim_due("another", minute(5)).await.unwrap());
    let handled: Vec<_> = watch.all_watched().await.unwrap().into_iter().map(|(name, watched)| (name, watched.handled)).collect();
    assert_eq!(handled, [("another".to_owned(), Some(minute(5))), (INTEGRATION.to_owned(), Some(minute(11)))]);
}

#[tokio::test]
async fn what_was_asked_is_taken_once() {
    let bench = Bench::new().await;
    let watch = &bench.stand.watch;
    assert_eq!(watch.take_asked(INTEGRATION).await.unwrap(), None);
    watch.ask_run(INTEGRATION, minute(1), &act("ann", 1)).await.unwrap();
    watch.ask_run(INTEGRATION, minute(2), &act("ben", 2)).await.unwrap();
    let asked = Some((minute(2), "ben".to_owned()));
    assert_eq!(watch.watched(INTEGRATION).await.unwrap().asked, asked, "the later one counts");
    assert_eq!(watch.take_asked(INTEGRATION).await.unwrap(), asked);
    assert_eq!(watch.take_asked(INTEGRATION).await.unwrap(), None);
    assert_eq!(watch.watched(INTEGRATION).await.unwrap().asked, None);
}

#[tokio::test]
async fn failures_are_counted_in_a_row_and_a_quarantine_ends_by_a_person() {
    use RunOutcome::{Done, DoneWithHolds, Failed, Partial, Refused};
    let bench = Bench::new().await;
    let watch = &bench.stand.watch;
    for (at, (outcome, failures)) in
        [(Failed, 1), (Failed, 2), (Partial, 0), (Failed, 1), (Refused, 0), (Failed, 1), (DoneWithHolds, 0), (Failed, 1), (Done, 0)]
            .into_iter()
            .enumerate()
    {
        let now = minute(at as i64);
        let noted = watch.note_end(INTEGRATION, Some(RunId(3)), outcome, now).await.unwrap();
        let expected = Watched { failures, last_ended: Some((RunId(3), now, outcome)), ..Watched::default() };
        assert_eq!((&noted, &watch.watched(INTEGRATION).await.unwrap()), (&expected, &expected));
    }
    // One that could not begin has no number.
    let noted = watch.note_end(INTEGRATION, None, Failed, minute(20)).await.unwrap();
    assert_eq!((noted.failures, noted.last_ended), (1, Some((RunId(3), minute(8), Done))));
    let quarantine = Quarantine { since: minute(21), reason: "it failed".into() };
    watch.quarantine(INTEGRATION, &quarantine).await.unwrap();
    let watched = watch.watched(INTEGRATION).await.unwrap();
    assert_eq!((watched.quarantine, watched.failures), (Some(quarantine), 1));
    watch.release_quarantine(INTEGRATION, &author("ann", 22)).await.unwrap();
    let watched = watch.watched(INTEGRATION).await.unwrap();
    assert_eq!((watched.quarantine, watched.failures), (None, 0));
}

#[tokio::test]
async fn only_a_whole_run_that_is_done_is_complete_whoever_made_it() {
    use RunOutcome::{Done, DoneWithHolds, Failed, Partial, Refused};
    let bench = Bench::new().await;
    let (store, watch) = (&bench.store, &bench.stand.watch);
    let whole = || RunTask::Full;
    let table = [
        (RunTask::Plan { only: None }, Done, None),
        (RunTask::Apply { plan: PlanId(1) }, Done, None),
        (RunTask::Undo { run: RunId(1) }, Done, None),
        (whole(), Partial, None),
        (whole(), Refused, None),
        (whole(), Failed, None),
        (whole(), DoneWithHolds, Some(6)),
        (whole(), Failed, Some(6)),
        (whole(), Done, Some(8)),
        (RunTask::Plan { only: None }, Done, Some(8)),
    ];
    for (at, (task, outcome, complete)) in table.into_iter().enumerate() {
        let run = store.begin_run(&bench.fence, &task, 1, None, minute(0)).await.unwrap();
        let now = minute(at as i64);
        store.end_run(&bench.fence, run, &"customer".into(), outcome, None, &RunCounts::default(), &[], now).await.unwrap();
        let found = watch.watched(INTEGRATION).await.unwrap().last_complete;
        assert_eq!(found, complete.map(minute), "{task:?} that ended {outcome:?}");
    }
}

#[tokio::test]
async fn runs_are_expected_since_the_integration_was_first_seen_or_resumed() {
    let bench = Bench::new().await;
    let (store, watch) = (&bench.store, &bench.stand.watch);
    let expected = async || watch.watched(INTEGRATION).await.unwrap().expected;
    assert_eq!(expected().await, None);
    watch.expect_runs(INTEGRATION, minute(1)).await.unwrap();
    watch.expect_runs(INTEGRATION, minute(2)).await.unwrap();
    assert_eq!(expected().await, Some(minute(1)));
    store.pause(INTEGRATION, false, &author("ann", 3)).await.unwrap();
    assert_eq!(expected().await, Some(minute(1)), "it was not paused");
    store.pause(INTEGRATION, true, &author("ann", 4)).await.unwrap();
    assert_eq!(expected().await, Some(minute(1)));
    store.pause(INTEGRATION, false, &author("ann", 5)).await.unwrap();
    assert_eq!(expected().await, Some(minute(5)));
}

#[tokio::test]
async fn the_health_of_all_integrations_is_one_look() {
    let bench = Bench::new().await;
    let (store, watch) = (&bench.store, &bench.stand.watch);
    let other = bench.other("other").await;
    let plan = bench.begin_plan().await;
    let (holds, cases) = ([hold("c1"), hold("c2")], [case("unmapped-code", "R05"), case("source-only", "C9"), case("source-only", "C8")]);
    store.add_to_plan(&bench.fence, plan, &[], &holds, &cases, minute(1)).await.unwrap();
    store.put_cases(&other, &[case("source-only", "C1")], minute(1)).await.unwrap();
    store.pause("other", true, &author("ann", 2)).await.unwrap();
    let ended = bench.begin_run().await;
    store.end_run(&bench.fence, ended, &"customer".into(), RunOutcome::Done, None, &RunCounts::default(), &[], minute(3)).await.unwrap();
    let under_way = bench.begin_run().await;
    watch.expect_runs(INTEGRATION, minute(1)).await.unwrap();
    let vitals = watch.vitals().await.unwrap();
    let of = |name: &str| vitals.iter().find(|vitals| vitals.integration == name).unwrap().clone();
    let counted = |counts: &[(&str, u64)]| counts.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect::<Vec<_>>();
    let expected = Vitals {
        integration: INTEGRATION.into(),
        watched: watch.watched(INTEGRATION).await.unwrap(),
        state: IntegrationState::default(),
        holds: 2,
        cases: counted(&[("source-only", 2), ("unmapped-code", 1)]),
        unfinished: Some(under_way),
    };
    assert_eq!(of(INTEGRATION), expected);
    assert_eq!((expected.watched.expected, expected.watched.last_complete), (Some(minute(1)), Some(minute(3))));
    let other = of("other");
    assert_eq!((other.state.paused, other.holds, other.cases), (Some(author("ann", 2)), 0, counted(&[("source-only", 1)])));
    assert_eq!(other.unfinished, None);
}

#[tokio::test]
async fn an_episode_begins_once_and_everyone_is_told_of_its_end() {
    let bench = Bench::new().await;
    let watch = &bench.stand.watch;
    let channels = ["mail".to_owned(), "webhook".to_owned()];
    let begun = watch.begin_episode(INTEGRATION, "quarantined", "it failed", &channels, minute(1)).await.unwrap().unwrap();
    assert_eq!(watch.begin_episode(INTEGRATION, "quarantined", "again", &channels, minute(2)).await.unwrap(), None);
    assert_eq!((begun.to_tell.as_slice(), watch.episodes().await.unwrap()), (&channels[..], vec![begun.clone()]));
    watch.told(begun.id, "mail", false).await.unwrap();
    assert_eq!(watch.episodes().await.unwrap()[0].to_tell, ["webhook"]);
    // The webhook could not be told in time: it is told of beginning and end in one.
    let ended = watch.end_episode(INTEGRATION, "quarantined", minute(3)).await.unwrap().unwrap();
    let mut everyone = ended.to_tell_end.clone();
    everyone.sort();
    assert_eq!((ended.ended, ended.to_tell, everyone), (Some(minute(3)), vec![], channels.to_vec()));
    assert_eq!(watch.end_episode(INTEGRATION, "quarantined", minute(4)).await.unwrap(), None);
    // An answer that came late does not bring the beginning back.
    watch.told(begun.id, "webhook", false).await.unwrap();
    watch.told(begun.id, "mail", true).await.unwrap();
    let left = watch.episodes().await.unwrap();
    assert_eq!((left.len(), &left[0].to_tell[..], &left[0].to_tell_end[..]), (1, &[][..], &["webhook".to_owned()][..]));
    watch.told(begun.id, "webhook", true).await.unwrap();
    assert_eq!(watch.episodes().await.unwrap(), []);
    let again = watch.begin_episode(INTEGRATION, "quarantined", "again", &[], minute(5)).await.unwrap().unwrap();
    assert_ne!(again.id, begun.id);
    watch.end_episode(INTEGRATION, "quarantined", minute(6)).await.unwrap().unwrap();
    assert_eq!(watch.episodes().await.unwrap(), [], "nobody has to be told");
}

#[tokio::test]
async fn a_plan_is_approved_once_by_each_until_it_is_applied_or_rejected() {
    let bench = Bench::new().await;
    let review = &bench.stand.review;
    let plan = bench.begin_plan().await;
    assert_eq!(review.approve_plan(plan, &author("ann", 1)).await.unwrap(), Kept::Moved, "it is still being written");
    bench.store.end_plan(&bench.fence, plan, &PlanCounts::default(), &[], true, minute(1)).await.unwrap();
    let (ann, ben) = (author("ann", 1), author("ben", 2));
    assert_eq!(review.approve_plan(plan, &ann).await.unwrap(), Kept::Done(vec![ann.clone()]));
    assert_eq!(review.approve_plan(plan, &author("ann", 5)).await.unwrap(), Kept::Done(vec![ann.clone()]));
    assert_eq!(review.approve_plan(plan, &ben).await.unwrap(), Kept::Done(vec![ann.clone(), ben.clone()]));
    assert_eq!(review.approvals(plan).await.unwrap(), [ann.clone(), ben]);
    assert_eq!(review.reject_plan(plan, &ann).await.unwrap(), Kept::Done(()));
    assert_eq!(review.reject_plan(plan, &ann).await.unwrap(), Kept::Moved);
    assert_eq!(review.approve_plan(plan, &ann).await.unwrap(), Kept::Moved);
}
