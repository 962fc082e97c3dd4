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
    let mut complete = None;
    for (at, (outcome, failures)) in
        [(Failed, 1), (Failed, 2), (Partial, 0), (Failed, 1), (Refused, 0), (Failed, 1), (DoneWithHolds, 0), (Failed, 1), (Done, 0)]
            .into_iter()
            .enumerate()
    {
        let now = minute(at as i64);
        if matches!(outcome, Done | DoneWithHolds) {
            complete = Some(now);
        }
        let noted = watch.note_end(INTEGRATION, Some(RunId(3)), outcome, now).await.unwrap();
        let expected = Watched { failures, last_complete: complete, last_ended: Some((RunId(3), now, outcome)), ..Watched::default() };
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
async fn an_episode_begins_once_and_whoever_knew_of_it_is_told_of_its_end() {
    let bench = Bench::new().await;
    let watch = &bench.stand.watch;
    let channels = ["mail".to_owned(), "webhook".to_owned()];
    let begun = watch.begin_episode(INTEGRATION, "quarantined", "it failed", &channels, minute(1)).await.unwrap().unwrap();
    assert_eq!(watch.begin_episode(INTEGRATION, "quarantined", "again", &channels, minute(2)).await.unwrap(), None);
    assert_eq!((begun.to_tell.as_slice(), watch.episodes().await.unwrap()), (&channels[..], vec![begun.clone()]));
    watch.told(begun.id, "mail", false).await.unwrap();
    let ended = watch.end_episode(INTEGRATION, "quarantined", minute(3)).await.unwrap().unwrap();
    assert_eq!((ended.ended, ended.to_tell, ended.to_tell_end), (Some(minute(3)), vec![], vec!["mail".to_owned()]));
    assert_eq!(watch.end_episode(INTEGRATION, "quarantined", minute(4)).await.unwrap(), None);
    assert_eq!(watch.episodes().await.unwrap().len(), 1);
    watch.told(begun.id, "mail", true).await.unwrap();
    assert_eq!(watch.episodes().await.unwrap(), []);
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
