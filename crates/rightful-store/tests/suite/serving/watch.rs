//! Due times, runs that were asked for, quarantine, and episodes of alarms.

use super::*;

#[tokio::test]
async fn a_due_time_is_claimed_once_and_never_backwards() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    assert_eq!(store.watched("a").await.unwrap(), Watched::default());
    assert!(store.all_watched().await.unwrap().is_empty());
    for (due, claimed) in [(10, true), (10, false), (9, false), (11, true), (30, true), (20, false)] {
        assert_eq!(store.claim_due("a", minute(due)).await.unwrap(), claimed, "{due}");
    }
    assert!(store.claim_due("b", minute(1)).await.unwrap(), "each integration has its own");
    let handled: Vec<_> = store.all_watched().await.unwrap().into_iter().map(|(name, watched)| (name, watched.handled)).collect();
    assert_eq!(handled, [("a".into(), Some(minute(30))), ("b".into(), Some(minute(1)))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_processes_one_claims_a_due_time_and_one_takes_what_was_asked() {
    let stand = Stand::new();
    let stores: Vec<SqliteStore> = (0..6).map(|_| SqliteStore::open(&stand.file()).unwrap()).collect();
    let claims: Vec<_> =
        stores.iter().cloned().map(|store| tokio::spawn(async move { store.claim_due("a", minute(5)).await.unwrap() })).collect();
    let claims = futures::future::join_all(claims).await;
    assert_eq!(claims.into_iter().filter(|claim| *claim.as_ref().unwrap()).count(), 1);
    stand.sqlite.ask_run("a", minute(6), &act("run.ask", "a")).await.unwrap();
    let taken: Vec<_> = stores.into_iter().map(|store| tokio::spawn(async move { store.take_asked("a").await.unwrap() })).collect();
    let taken: Vec<_> = futures::future::join_all(taken).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken, [(minute(6), "ann".to_owned())]);
    assert_eq!(stand.sqlite.take_asked("a").await.unwrap(), None);
    assert_eq!(log(&stand.sqlite).await, ["ann run.ask a null"]);
}

#[tokio::test]
async fn failures_in_a_row_are_counted_and_an_end_is_noted() {
    use RunOutcome::{Done, DoneWithHolds, Failed, Partial, Refused};
    let stand = Stand::new();
    let store = &stand.sqlite;
    let table = [
        (Some(1), Failed, 1, Some((1, 1, Failed))),
        // It could not begin: there is no run to tell of.
        (None, Failed, 2, Some((1, 1, Failed))),
        (Some(2), Failed, 3, Some((2, 3, Failed))),
        (Some(3), Refused, 0, Some((3, 4, Refused))),
        (Some(4), Failed, 1, Some((4, 5, Failed))),
        (Some(5), Done, 0, Some((5, 6, Done))),
        (Some(6), Partial, 0, Some((6, 7, Partial))),
        (Some(7), DoneWithHolds, 0, Some((7, 8, DoneWithHolds))),
        (Some(8), Failed, 1, Some((8, 9, Failed))),
    ];
    for (at, (run, outcome, failures, ended)) in (1..).zip(table) {
        let noted = store.note_end("a", run.map(RunId), outcome, minute(at)).await.unwrap();
        let ended = ended.map(|(run, at, outcome)| (RunId(run), minute(at), outcome));
        let expected = Watched { failures, last_ended: ended, ..Watched::default() };
        assert_eq!(noted, expected, "minute {at}");
        assert_eq!(store.watched("a").await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_quarantine_stands_until_it_is_released() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let quarantine = Quarantine { since: minute(3), reason: "the key was refused".into() };
    store.note_end("a", Some(RunId(1)), RunOutcome::Failed, minute(2)).await.unwrap();
    store.quarantine("a", &quarantine).await.unwrap();
    assert_eq!(store.watched("a").await.unwrap().quarantine, Some(quarantine));
    store.release_quarantine("a", &author("ben", 5)).await.unwrap();
    let watched = store.watched("a").await.unwrap();
    assert_eq!((watched.quarantine, watched.failures, watched.last_ended.is_some()), (None, 0, true));
    store.release_quarantine("a", &author("ben", 6)).await.unwrap();
    assert_eq!(
        log(store).await,
        [
            r#"rightful serve integration.quarantine a {"reason":"the key was refused"}"#,
            r#"ben integration.release a {"reason":"it's so"}"#
        ]
    );
}

#[tokio::test]
async fn an_episode_begins_once_and_each_channel_hears_of_both_ends_once() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let channels = ["mail".to_owned(), "webhook".to_owned()];
    let begin = |alarm: &'static str, at| {
        let channels = &channels;
        async move { store.begin_episode("a", alarm, "nothing since noon", channels, minute(at)).await.unwrap() }
    };
    let first = begin("no-complete-run", 1).await.unwrap();
    assert_eq!((first.began, first.ended, &first.to_tell[..], first.to_tell_end.len()), (minute(1), None, &channels[..], 0));
    assert_eq!(begin("no-complete-run", 2).await, None, "it is under way");
    let other = begin("growing-holds", 3).await.unwrap();
    let waiting = || async {
        let episodes = store.episodes().await.unwrap();
        episodes.into_iter().map(|one| (one.id, one.to_tell.join(" "), one.to_tell_end.join(" "))).collect::<Vec<_>>()
    };
    assert_eq!(waiting().await, [(first.id, "mail webhook".into(), "".into()), (other.id, "mail webhook".into(), "".into())]);
    store.told(first.id, "webhook", false).await.unwrap();
    store.told(first.id, "webhook", false).await.unwrap();
    // Whoever could not be told that it began hears of both in one.
    let ended = store.end_episode("a", "no-complete-run", minute(9)).await.unwrap().unwrap();
    let everyone = vec!["mail".to_owned(), "webhook".to_owned()];
    assert_eq!((ended.id, ended.ended, ended.to_tell, ended.to_tell_end), (first.id, Some(minute(9)), vec![], everyone));
    assert_eq!(store.end_episode("a", "no-complete-run", minute(10)).await.unwrap(), None);
    assert_eq!(waiting().await[0], (first.id, "".into(), "mail webhook".into()));
    store.told(first.id, "webhook", true).await.unwrap();
    store.told(first.id, "mail", true).await.unwrap();
    assert_eq!(waiting().await, [(other.id, "mail webhook".into(), "".into())], "an ended one that everybody knows of is over");
    store.end_episode("a", "growing-holds", minute(11)).await.unwrap().unwrap();
    for channel in &channels {
        store.told(other.id, channel, true).await.unwrap();
    }
    assert_eq!(waiting().await, []);
    // The next episode is another one. A message that was on its way when it ended is answered by its end.
    let second = begin("no-complete-run", 20).await.unwrap();
    assert!(second.id > other.id);
    store.end_episode("a", "no-complete-run", minute(21)).await.unwrap().unwrap();
    store.told(second.id, "mail", false).await.unwrap();
    assert_eq!(waiting().await, [(second.id, "".into(), "mail webhook".into())]);
    store.told(second.id, "mail", true).await.unwrap();
    store.told(second.id, "webhook", true).await.unwrap();
    store.told(999, "mail", true).await.unwrap();
    assert_eq!(waiting().await, []);
}
