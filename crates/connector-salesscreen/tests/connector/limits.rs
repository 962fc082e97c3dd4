//! Both windows of an account: 15 calls a second and 200 a minute, for all its connections together.

use connector_salesscreen::sim::Switches;
use futures::future::join_all;
use rightful_core::{Clock, Connector, ErrorKind, Outcome};

use crate::desk::{Desk, KEY, Mishap, user, user_kind};
use rightful_sim::{Bytes, HeaderMap, HeaderValue, Method, SimClock, SimRequest, Simulator};

fn strict() -> Switches {
    Switches { limits: true, ..Switches::default() }
}

fn new_user(number: usize) -> rightful_core::Write {
    user(&format!("N{number}"), &format!("new{number}@example.com"), "New", Some("OSLO-FIELD"))
}

async fn all_done(connector: &rightful_core::Guarded, numbers: std::ops::Range<usize>) {
    let writes: Vec<_> = numbers.map(new_user).collect();
    let kind = user_kind();
    for part in writes.chunks(4) {
        let calls = part.iter().map(|write| connector.write(&kind, std::slice::from_ref(write)));
        for outcomes in join_all(calls).await {
            assert!(matches!(outcomes.unwrap().as_slice(), [Outcome::Done { .. }]));
        }
    }
}

fn refusals(desk: &Desk) -> usize {
    desk.requests().iter().filter(|(_, status)| *status == 429).count()
}

#[tokio::test]
async fn sixteen_calls_in_one_second_wait_for_the_next() {
    let desk = Desk::new(strict(), &[("width", 15.into())]);
    let begin = desk.clock.now();
    all_done(&desk.connector, 0..16).await;
    let took = (desk.clock.now() - begin).num_milliseconds();
    assert!((1_000..2_000).contains(&took), "16 users took {took} ms");
    assert_eq!(refusals(&desk), 0);
}

#[tokio::test]
async fn two_hundred_and_fifty_users_take_more_than_a_minute_and_none_is_refused() {
    let desk = Desk::new(strict(), &[]);
    let begin = desk.clock.now();
    all_done(&desk.connector, 0..250).await;
    let took = (desk.clock.now() - begin).num_seconds();
    assert!((60..120).contains(&took), "250 users took {took} s");
    assert_eq!(refusals(&desk), 0);
    assert_eq!(desk.rows("users").len(), 255);
}

#[tokio::test]
async fn two_connections_to_one_account_share_both_windows() {
    let desk = Desk::new(strict(), &[]);
    let second = desk.second();
    let begin = desk.clock.now();
    tokio::join!(all_done(&desk.connector, 0..125), all_done(&second, 125..250));
    let took = (desk.clock.now() - begin).num_seconds();
    assert!((60..120).contains(&took), "250 users over two connections took {took} s");
    assert_eq!(refusals(&desk), 0);
    assert_eq!(desk.rows("users").len(), 255);
}

/// Another program with the same key, of whose calls we know nothing.
fn foreign_calls(desk: &Desk, count: usize) {
    let clock = SimClock::fixed(desk.clock.now());
    let mut headers = HeaderMap::new();
    headers.insert("apikey", HeaderValue::from_static(KEY));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for number in 0..count {
        let request = SimRequest {
            method: Method::POST,
            path: "/api/v1/Record/Add".into(),
            query: None,
            headers: headers.clone(),
            body: Bytes::from_static(b"[]"),
            origin: "http://127.0.0.1:1".into(),
            number: number as u64,
            fault: None,
        };
        assert_eq!(desk.wire.sim.answer(&request, &clock).status.as_u16(), 200, "foreign call {number}");
    }
}

#[tokio::test]
async fn calls_of_another_program_are_met_with_patience_and_nothing_is_lost() {
    for retry_after in [None, Some(2)] {
        let desk = Desk::new(Switches { retry_after, ..strict() }, &[]);
        foreign_calls(&desk, 15);
        all_done(&desk.connector, 0..16).await;
        assert_eq!(desk.rows("users").len(), 21);
        assert!(refusals(&desk) > 0, "the other program's calls were not noticed");
    }
}

/// A whole minute's calls are gone, and no answer says how long that lasts. However the waits fall, nobody gives up too early.
#[tokio::test]
async fn a_minute_that_another_program_used_up_is_sat_out_and_nothing_is_lost_or_sent_in_vain() {
    for (random, retry_after) in [(0, None), (u64::MAX / 2, None), (u64::MAX, None), (0, Some(60))] {
        let desk = Desk::random(random, Switches { retry_after, ..strict() }, &[]);
        for _ in 0..20 {
            foreign_calls(&desk, 10);
            desk.clock.advance(std::time::Duration::from_secs(1));
        }
        let second = desk.second();
        let begin = desk.clock.now();
        tokio::join!(all_done(&desk.connector, 0..8), all_done(&second, 8..16));
        let took = (desk.clock.now() - begin).num_seconds();
        assert!((39..180).contains(&took), "the minute was not sat out: {took} s");
        assert_eq!(desk.rows("users").len(), 21);
        let refused = refusals(&desk);
        assert!((1..=28).contains(&refused), "{refused} calls were sent in vain");
    }
}

/// Whoever sends its calls again after every refusal keeps the window full.
#[tokio::test]
async fn a_call_refused_to_the_end_is_an_error_that_says_nothing_was_sent() {
    let desk = Desk::usual();
    desk.next(&[Mishap::Vendor("throttled-without-wait"); 7]);
    let begin = desk.clock.now();
    let error = desk.connector.write(&user_kind(), &[new_user(1)]).await.unwrap_err();
    assert_eq!((error.kind(), error.is_fate_unknown()), (ErrorKind::RateLimited, false));
    assert_eq!((desk.requests().len(), (desk.clock.now() - begin).num_seconds()), (7, 63), "one second, doubled each time");
    assert_eq!(desk.rows("users").len(), 5);
    // The pause is the account's: it holds for whoever comes next.
    all_done(&desk.second(), 1..2).await;
    assert_eq!((desk.clock.now() - begin).num_seconds(), 63 + 60);
}

#[tokio::test]
async fn a_lost_answer_costs_one_more_call_and_no_second_user() {
    for mishap in [Mishap::AnswerLost, Mishap::Vendor("done-server-error"), Mishap::Vendor("server-error")] {
        let desk = Desk::new(strict(), &[]);
        desk.next(&[mishap]);
        all_done(&desk.connector, 0..1).await;
        assert_eq!((desk.requests().len(), desk.rows("users").len()), (2, 6), "{mishap:?}");
    }
}

#[tokio::test]
async fn a_stated_wait_holds_the_whole_account() {
    let desk = Desk::usual();
    desk.next(&[Mishap::Vendor("throttled")]);
    let begin = desk.clock.now();
    all_done(&desk.connector, 0..1).await;
    assert_eq!((desk.clock.now() - begin).num_milliseconds(), 1_000);
}
