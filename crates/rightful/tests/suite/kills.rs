//! A run that is killed with -9 at any step of its ledger, and then run again, ends as if it had never been killed.

use std::sync::Arc;

use rightful_engine::FAILPOINTS;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::stage::Stage;

/// Points that are passed once for each read or page: they are died at twice over.
const OF_A_READ: &[&str] = &["after-begin-read", "before-put-page", "after-put-page", "before-end-read", "after-end-read"];

/// Points that are passed once for each batch or slice: they are died at three times over.
const OF_A_BATCH: &[&str] =
    &["before-intend", "after-intend", "before-write", "after-write", "before-settle", "after-settle", "after-slice"];

/// Points that an undo passes, in order.
const OF_AN_UNDO: &[&str] =
    &["after-begin-run", "after-begin-plan", "after-end-plan", "after-intend", "after-write", "after-settle", "before-end-run"];

/// So many processes at once.
const AT_ONCE: usize = 4;

/// Does this for each point, a few at a time.
async fn at_each<F: Future<Output = ()> + Send + 'static>(points: Vec<(&'static str, u32)>, test: fn(&'static str, u32) -> F) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut tests = JoinSet::new();
    for (point, passing) in points {
        let permits = permits.clone();
        tests.spawn(async move {
            let _permit = permits.acquire().await;
            test(point, passing).await;
        });
    }
    let mut failed = 0;
    while let Some(ended) = tests.join_next().await {
        failed += usize::from(ended.is_err());
    }
    assert_eq!(failed, 0, "points at which it went wrong: see the panics above");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_killed_at_any_step_ends_as_planned_when_it_is_run_again() {
    for point in OF_A_READ.iter().chain(OF_A_BATCH) {
        assert!(FAILPOINTS.contains(point), "{point} is no failpoint");
    }
    let passings = |point: &&str| match () {
        () if OF_A_BATCH.contains(point) => 3,
        () if OF_A_READ.contains(point) => 2,
        () => 1,
    };
    let points = FAILPOINTS.iter().flat_map(|point| (1..=passings(point)).map(move |passing| (*point, passing)));
    at_each(points.collect(), kill_a_run).await;
}

async fn kill_a_run(point: &'static str, passing: u32) {
    let stage = Stage::new().await;
    let before = stage.target();
    let mut child = stage.halted(&["run"], point, passing).await.unwrap_or_else(|| panic!("a run never passes {point}:{passing}"));
    // SIGKILL on Unix.
    child.kill().await.unwrap();
    let again = stage.rightful(&["run"]).await;
    assert_eq!(again.code, 0, "after {point}:{passing}: {}{}", again.out, again.err);
    let after = stage.target();
    stage.assert_as_due(&after);
    after.assert_each_written_once_since(&before);
    stage.assert_no_open_intents().await;
    stage.rightful(&["run"]).await.exits(0);
    assert_eq!(stage.target(), after, "after {point}:{passing} a second run wrote something");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_killed_at_any_step_restores_everything_when_it_is_run_again() {
    at_each(OF_AN_UNDO.iter().map(|point| (*point, 1)).collect(), kill_an_undo).await;
}

async fn kill_an_undo(point: &'static str, passing: u32) {
    let stage = Stage::new().await;
    let first = stage.target();
    stage.rightful(&["run"]).await.exits(0);
    let done = stage.target();
    let mut child =
        stage.halted(&["undo", "run-1"], point, passing).await.unwrap_or_else(|| panic!("an undo never passes {point}:{passing}"));
    child.kill().await.unwrap();
    let again = stage.rightful(&["undo", "run-1"]).await;
    assert_eq!(again.code, 0, "after {point}:{passing}: {}{}", again.out, again.err);
    let undone = stage.target();
    assert_eq!(undone.owners(), first.owners(), "after {point}:{passing}");
    undone.assert_each_written_once_since(&done);
    stage.assert_no_open_intents().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_run_lives_another_is_told_to_wait_and_after_its_death_takes_it_up() {
    let stage = Stage::new().await;
    let before = stage.target();
    let mut child = stage.halted(&["run"], "after-intend", 2).await.expect("a run passes after-intend twice");
    let process = child.id().expect("it lives").to_string();
    let wait = format!("wait for process {process} to end, or stop it");
    for verb in [&["run"][..], &["plan"], &["undo", "run-1"]] {
        stage.rightful(verb).await.exits(6).says(&["another run of this integration is under way", &wait]);
    }
    // What only looks is not kept waiting.
    stage.rightful(&["runs"]).await.exits(0).says(&["run-1"]);
    child.kill().await.unwrap();
    stage.rightful(&["run"]).await.exits(0).says(&["run-1 done"]);
    let after = stage.target();
    stage.assert_as_due(&after);
    after.assert_each_written_once_since(&before);
}
