//! The client's loop from the outside: what it sends, how long it waits, what it reports.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use rightful_core::*;

fn client(bench: &Bench) -> Client {
    Client::new(bench.context.clone(), Arc::new(NoAuthorization), inspect_status)
}

fn url() -> Url {
    Url::parse("https://api.example/users?token=hidden").unwrap()
}

#[tokio::test]
async fn a_good_answer_comes_back_at_once() {
    let bench = Bench::new([answer(200, "yes")]);
    let response = client(&bench).call(Call::get("users", url())).await.unwrap();
    assert_eq!((response.text().unwrap(), bench.sent(), bench.clock.waits()), ("yes", 1, vec![]));
    assert_eq!((bench.context.permits.spent(CALLS), bench.context.permits.spent(WAITS)), (1, 0));
    assert!(bench.transport.requests()[0].headers["user-agent"].to_str().unwrap().starts_with("rightful/"));
}

#[tokio::test]
async fn a_stated_wait_is_obeyed_to_the_second_for_writes_too() {
    let bench = Bench::new([throttled("30"), throttled("Tue, 24 Nov 2026 12:01:15 GMT"), answer(200, "")]);
    client(&bench).call(Call::post("create user", url())).await.unwrap();
    assert_eq!(bench.clock.waits(), [Duration::from_secs(30), Duration::from_secs(45)]);
    assert_eq!(bench.context.permits.spent(CALLS), 3);
}

#[tokio::test]
async fn a_wait_beyond_patience_is_handed_back_unclipped_and_holds_back_the_account() {
    let bench = Bench::new([throttled("3600"), answer(200, "")]);
    let client = client(&bench);
    let error = client.call(Call::get("users", url())).await.unwrap_err();
    assert_eq!((error.kind(), error.wait()), (ErrorKind::RateLimited, Some(Duration::from_secs(3600))));
    bench.clock.advance(Duration::from_secs(60));
    let error = client.call(Call::get("users", url())).await.unwrap_err();
    assert_eq!((error.kind(), error.wait()), (ErrorKind::RateLimited, Some(Duration::from_secs(3540))));
    assert_eq!((bench.sent(), bench.clock.waits()), (1, vec![]));
    bench.clock.advance(Duration::from_secs(3540));
    client.call(Call::get("users", url())).await.unwrap();
}

#[tokio::test]
async fn backoff_doubles_and_the_fifth_attempt_is_the_last() {
    let bench = Bench::new((0..5).map(|_| answer(503, "")));
    let error = client(&bench).call(Call::get("users", url())).await.unwrap_err();
    assert_eq!((error.kind(), bench.sent()), (ErrorKind::Unavailable, 5));
    let waits: Vec<u128> = bench.clock.waits().iter().map(|wait| (wait.as_micros() + 500) / 1000).collect();
    assert_eq!(waits, [500, 1000, 2000, 4000]);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_repeated_and_says_so() {
    for end in [lost(), answer(500, ""), answer(503, "")] {
        let bench = Bench::new([end, answer(200, "")]);
        let error = client(&bench).call(Call::post("create user", url())).await.unwrap_err();
        assert_eq!((error.kind(), error.is_fate_unknown(), bench.sent()), (ErrorKind::Unavailable, true, 1));
        assert_eq!(error.failed_operation(), Some("create user"));
    }
}

#[tokio::test]
async fn a_write_that_did_not_reach_the_vendor_is_sent_again() {
    let bench = Bench::new([unreached(), answer(200, "")]);
    client(&bench).call(Call::post("create user", url())).await.unwrap();
    assert_eq!(bench.sent(), 2);

    let bench = Bench::new((0..5).map(|_| unreached()));
    let error = client(&bench).call(Call::post("create user", url())).await.unwrap_err();
    assert_eq!((error.is_fate_unknown(), bench.sent()), (false, 5));
}

#[tokio::test]
async fn an_earlier_lost_attempt_keeps_the_fate_open() {
    let bench = Bench::new([lost(), answer(409, "")]);
    let error = client(&bench).call(Call::post("create user", url()).idempotent()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_fate_unknown()), (ErrorKind::Conflict, true));
    let bench = Bench::new([answer(409, "")]);
    assert!(!client(&bench).call(Call::post("create user", url())).await.unwrap_err().is_fate_unknown());
}

#[tokio::test]
async fn the_vendors_word_is_the_last() {
    fn busy_with_200(response: &Response) -> Result<()> {
        inspect_status(response)?;
        match response.text()? {
            "busy" => Err(Error::new(ErrorKind::Unavailable, "off-line").fate_unknown(false)),
            _ => Ok(()),
        }
    }
    let bench = Bench::new([answer(200, "busy"), answer(200, "done")]);
    let client = Client::new(bench.context.clone(), Arc::new(NoAuthorization), busy_with_200);
    assert_eq!(client.call(Call::post("create user", url())).await.unwrap().text().unwrap(), "done");
}

#[tokio::test]
async fn errors_and_debug_texts_hold_no_query() {
    let bench = Bench::new([answer(404, "")]);
    let call = Call::get("users", url()).query("key", "hidden");
    assert!(!format!("{call:?}").contains("hidden"));
    let error = client(&bench).call(call).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
    assert_eq!(bench.transport.requests()[0].url.query(), Some("token=hidden&key=hidden"));
}

#[tokio::test]
async fn a_stated_wait_holds_back_the_other_calls_of_the_account() {
    let bench = Bench::new([throttled("20"), answer(200, "a"), answer(200, "b")]);
    let client = client(&bench);
    let (first, second) = futures::future::join(client.call(Call::get("first", url())), client.call(Call::get("second", url()))).await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(bench.clock.waits(), [Duration::from_secs(20), Duration::from_secs(20)]);
    assert_eq!(bench.clock.now() - start(), chrono::TimeDelta::seconds(20));
}
