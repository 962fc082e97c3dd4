//! Permits from the outside: width, windows, pauses and what limit headers teach.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures::future::join_all;
use proptest::prelude::*;
use rightful_core::*;

fn clock() -> (ManualClock, Arc<dyn Clock>) {
    let clock = ManualClock::at(Utc::now());
    (clock.clone(), Arc::new(clock))
}

async fn most_at_once(permits: &Permits, calls: usize) -> usize {
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    join_all((0..calls).map(|_| async {
        let permit = permits.acquire(&[], 1).await;
        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        running.fetch_sub(1, Ordering::SeqCst);
        drop(permit);
    }))
    .await;
    most.into_inner()
}

#[tokio::test]
async fn no_more_run_side_by_side_than_the_width() {
    let permits = Permits::with_width(clock().1, 2);
    assert_eq!(most_at_once(&permits, 9).await, 2);
    permits.set_width(5);
    assert_eq!(most_at_once(&permits, 9).await, 5);
    permits.set_width(1);
    assert_eq!(most_at_once(&permits, 9).await, 1);
    assert_eq!(permits.spent(CALLS), 27);
}

#[tokio::test]
async fn a_width_lowered_while_calls_run_holds_once_they_end() {
    let permits = Permits::with_width(clock().1, 3);
    let held = [permits.acquire(&[], 1).await, permits.acquire(&[], 1).await, permits.acquire(&[], 1).await];
    permits.set_width(1);
    permits.set_width(2);
    drop(held);
    assert_eq!(most_at_once(&permits, 9).await, 2);
}

#[tokio::test]
async fn a_full_window_makes_the_next_call_wait_for_the_oldest() {
    let (manual, clock) = clock();
    let permits = Permits::new(clock);
    permits.window("query", Window { units: 2, per: Duration::from_secs(60) });
    permits.acquire(&["query"], 1).await;
    manual.advance(Duration::from_secs(10));
    permits.acquire(&["query"], 1).await;
    permits.acquire(&["other"], 1).await;
    assert_eq!(manual.waits(), []);
    permits.acquire(&["query"], 1).await;
    assert_eq!(manual.waits(), [Duration::from_secs(50)]);
    assert_eq!((permits.spent("query"), permits.spent("other"), permits.spent(CALLS)), (3, 1, 4));
}

#[tokio::test]
async fn a_full_quota_does_not_hold_up_calls_of_another_one() {
    let (manual, clock) = clock();
    let permits = Permits::with_width(clock.clone(), 1);
    permits.window("slow", Window { units: 1, per: Duration::from_secs(60) });
    permits.acquire(&["slow"], 1).await;
    let order = std::sync::Mutex::new(Vec::new());
    let slow = async {
        permits.acquire(&["slow"], 1).await;
        order.lock().unwrap().push("slow");
    };
    let quick = async {
        permits.acquire(&["quick"], 1).await;
        order.lock().unwrap().push("quick");
    };
    futures::future::join(slow, quick).await;
    assert_eq!((order.into_inner().unwrap(), manual.waits().len()), (vec!["quick", "slow"], 1));
}

#[tokio::test]
async fn calls_of_one_quota_come_in_the_order_they_asked() {
    let (_, clock) = clock();
    let permits = Permits::with_width(clock, 3);
    permits.window("query", Window { units: 1, per: Duration::from_secs(1) });
    let order = std::sync::Mutex::new(Vec::new());
    join_all((0..6).map(|number| {
        let (permits, order) = (&permits, &order);
        async move {
            permits.acquire(&["query"], 1).await;
            order.lock().unwrap().push(number);
        }
    }))
    .await;
    assert_eq!(order.into_inner().unwrap(), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_pause_and_a_learned_limit_are_waited_for() {
    let (manual, clock) = clock();
    let permits = Permits::new(clock.clone());
    permits.pause_until(clock.now() + TimeDelta::seconds(30));
    permits.pause_until(clock.now() + TimeDelta::seconds(5));
    permits.acquire(&[], 1).await;
    permits.learned("daily", 2, clock.now() + TimeDelta::seconds(100));
    permits.acquire(&["daily"], 2).await;
    permits.acquire(&["daily"], 1).await;
    assert_eq!(manual.waits(), [Duration::from_secs(30), Duration::from_secs(100)]);
}

#[tokio::test]
async fn an_unused_permit_gives_back_what_it_drew() {
    let (manual, clock) = clock();
    let permits = Permits::new(clock);
    permits.window("query", Window { units: 1, per: Duration::from_secs(60) });
    permits.acquire(&["query"], 1).await.unused();
    permits.acquire(&["query"], 1).await;
    assert_eq!((manual.waits(), permits.spent(CALLS)), (vec![], 1));
}

#[tokio::test]
async fn a_cost_above_the_window_takes_the_whole_window() {
    let (manual, clock) = clock();
    let permits = Permits::new(clock);
    permits.window("query", Window { units: 3, per: Duration::from_secs(60) });
    permits.acquire(&["query"], 1).await;
    permits.acquire(&["query"], 9).await;
    permits.acquire(&["query"], 1).await;
    assert_eq!(manual.waits(), [Duration::from_secs(60), Duration::from_secs(60)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_window_is_ever_exceeded(
        units in 1_u32..6, seconds in 1_u64..20, width in 1_usize..4,
        calls in prop::collection::vec((1_u32..4, 0_u64..8), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_, clock) = clock();
        let permits = Permits::with_width(clock.clone(), width);
        permits.window("query", Window { units, per: Duration::from_secs(seconds) });
        let sent = std::sync::Mutex::new(Vec::new());
        runtime.block_on(join_all(calls.iter().map(|(cost, takes)| {
            let (permits, clock, sent) = (&permits, &clock, &sent);
            async move {
                let _permit = permits.acquire(&["query"], *cost).await;
                sent.lock().unwrap().push((clock.now(), (*cost).min(units)));
                clock.sleep(Duration::from_secs(*takes)).await;
            }
        })));
        let sent = sent.into_inner().unwrap();
        prop_assert_eq!(sent.len(), calls.len());
        for (at, _) in &sent {
            let within: u32 = sent.iter().filter(|(other, _)| other >= at && *other < *at + TimeDelta::seconds(seconds as i64)).map(|(_, cost)| cost).sum();
            prop_assert!(within <= units, "{} units within {} s", within, seconds);
        }
    }
}
