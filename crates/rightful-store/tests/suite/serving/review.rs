//! Approvals, and when a version of a code table took effect, from real runs.

use super::*;
use crate::world::*;

fn by_code(effect: &Effect) -> Vec<(&str, u64)> {
    effect.moved.iter().map(|(code, count)| (code.as_str(), *count)).collect()
}

#[tokio::test]
async fn a_version_takes_effect_with_the_first_run_that_applies_it() {
    let world = World::new().with_users();
    for (number, code) in ["A", "A", "A", "B", "B"].iter().enumerate() {
        world.customer(&format!("C{number}"), code, &["4"]);
    }
    let store = &world.stand.sqlite;
    let effects = || async { store.effects("rep-codes", 9).await.unwrap() };
    world.codes(&[("A", Some("one"), None), ("B", Some("three"), None)]).await;
    // A plan alone, and a pilot that is applied, are not the whole table's effect.
    world.plan().await;
    let pilot = world.job(RunTask::Plan { only: Some("B".into()) }, RunOptions::default()).await.unwrap().plan.unwrap();
    assert_eq!(world.apply(pilot).await.counts.done, 2);
    assert_eq!(effects().await, []);
    let first = world.run().await;
    let found = effects().await;
    assert_eq!((found[0].version, found[0].run, by_code(&found[0]), found.len()), (1, first.run, vec![("A", 3)], 1));
    // A later run under the same version changes nothing of that.
    world.target_customer("C0", &["2"]);
    world.hours(48);
    world.run().await;
    assert_eq!(effects().await, found);
    // Nothing moves: it counts all the same.
    world.codes(&[("Z", Some("two"), None)]).await;
    let second = world.run().await;
    let newest = effects().await;
    assert_eq!((newest[0].version, newest[0].run, newest[0].moved.len()), (2, second.run, 0));
    assert_eq!(newest[1], found[0]);
    assert_eq!(store.effects("rep-codes", 1).await.unwrap().len(), 1);
    assert_eq!(store.effects("other", 9).await.unwrap(), []);
    // An undo goes against the table: no effect of it.
    world.codes(&[("A", Some("three"), None)]).await;
    let third = world.run().await;
    world.job(RunTask::Undo { run: third.run }, RunOptions::default()).await.unwrap();
    let versions: Vec<i64> = effects().await.iter().map(|effect| effect.version).collect();
    assert_eq!(versions, [3, 2, 1]);
}

/// A customer stands with the successor already, and only its visits still follow.
#[tokio::test]
async fn visits_that_follow_are_no_moves_of_customers() {
    let world = World::new().with_users();
    world.customer("C0", "A", &["2"]);
    world.frequency("f0", "tC0", "5");
    world.codes(&[("A", Some("five"), Some("two"))]).await;
    let run = world.run().await;
    let entries = world.store.entries(&EntryFilter { run: Some(run.run), limit: 9, ..EntryFilter::default() }).await.unwrap();
    let written: Vec<_> = entries.iter().map(|entry| (entry.kind.as_str(), entry.state)).collect();
    assert_eq!(written, [(FREQUENCY.as_str(), EntryState::Done)]);
    let effects = world.stand.sqlite.effects("rep-codes", 9).await.unwrap();
    assert_eq!((effects[0].version, by_code(&effects[0])), (1, vec![]));
}

async fn refused(world: &World) -> PlanId {
    for number in 0..30 {
        world.customer(&format!("C{number:02}"), "A", &["4"]);
    }
    world.codes(&[("A", Some("one"), None)]).await;
    world.run().await.plan.unwrap()
}

#[tokio::test]
async fn each_person_approves_once_and_every_approval_has_its_line() {
    let mut world = World::new().with_users();
    world.integration.policy.caps.owner_moves = Cap { count: None, percent: Some(10), floor: 5 };
    let plan = refused(&world).await;
    let store = &world.stand.sqlite;
    assert_eq!(store.approvals(plan).await.unwrap(), []);
    let (ann, ben) = (author("ann", 1), author("ben", 2));
    assert_eq!(store.approve_plan(plan, &ann).await.unwrap(), Kept::Done(vec![ann.clone()]));
    for again in ["ann", "ANN"] {
        assert_eq!(store.approve_plan(plan, &author(again, 5)).await.unwrap(), Kept::Done(vec![ann.clone()]), "{again}");
    }
    assert_eq!(store.approve_plan(plan, &ben).await.unwrap(), Kept::Done(vec![ann.clone(), ben.clone()]));
    assert_eq!(store.approvals(plan).await.unwrap(), [ann, ben]);
    let lines = log(store).await;
    let lines: Vec<&String> = lines.iter().filter(|line| line.contains("plan.")).collect();
    let line = |who: &str| format!(r#"{who} plan.approve rep-codes {{"plan":"{plan}","reason":"it's so"}}"#);
    assert_eq!(lines, [&line("ann"), &line("ben")]);
    let over_cap = Some(("ben".to_owned(), "seen".to_owned()));
    world.job(RunTask::Apply { plan }, RunOptions { over_cap, ..RunOptions::default() }).await.unwrap();
    for late in [plan, PlanId(99)] {
        assert_eq!(store.approve_plan(late, &author("cat", 9)).await.unwrap(), Kept::Moved);
        assert_eq!(store.reject_plan(late, &author("cat", 9)).await.unwrap(), Kept::Moved);
    }
}

#[tokio::test]
async fn a_rejected_plan_is_not_applied() {
    let mut world = World::new().with_users();
    world.integration.policy.caps.owner_moves = Cap { count: None, percent: Some(10), floor: 5 };
    let plan = refused(&world).await;
    let store = &world.stand.sqlite;
    assert_eq!(store.reject_plan(plan, &author("ann", 1)).await.unwrap(), Kept::Done(()));
    assert_eq!(store.reject_plan(plan, &author("ben", 2)).await.unwrap(), Kept::Moved);
    assert_eq!(store.approve_plan(plan, &author("ben", 2)).await.unwrap(), Kept::Moved);
    let over_cap = Some(("ben".to_owned(), "seen".to_owned()));
    let report = world.job(RunTask::Apply { plan }, RunOptions { over_cap, ..RunOptions::default() }).await.unwrap();
    assert!(report.stale_plan && report.outcome == RunOutcome::Refused && world.target.inside().written.is_empty(), "{report:?}");
    assert!(log(store).await.iter().any(|line| line.starts_with("ann plan.reject rep-codes")));
}
