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

#[tokio::test]
async fn each_attempt_is_overheard_with_what_was_sent_and_what_came_back() {
    let bench = Bench::new([unreached(), answer(503, "later"), answer(200, "{\"echo\":\"key-0123456789\",\"password\":\"theirs\"}")]);
    let keys = HeaderKeys::new([(HeaderName::from_static("x-api-key"), Secret::new("key-0123456789"))]).unwrap();
    let client = Client::new(bench.context.clone(), Arc::new(keys), inspect_status);
    let call = Call::get("users", Url::parse("https://me:mine@api.example/users?page=2&token=hidden").unwrap());
    let (answered, exchanges) = overheard(client.call(call)).await;
    answered.unwrap();
    let told: Vec<(Option<u16>, &str)> = exchanges.iter().map(|one| (one.status, one.response.as_str())).collect();
    let last = r#"{"echo":"***","password":"***"}"#;
    assert_eq!(told, [(None, "no connection to the host"), (Some(503), "later"), (Some(200), last)]);
    for one in &exchanges {
        assert_eq!((one.url.as_str(), one.idempotent), ("https://api.example/users?page=2&token=***", true));
        assert!(!format!("{one:?}").contains("page"), "no log shows what it holds");
    }
    assert_eq!(exchanges[0].at, start());
    // Of two who listen at once each hears its own.
    let bench = Bench::new([answer(200, "one"), answer(200, "two")]);
    let client = self::client(&bench);
    let call = |name| client.call(Call::post(name, url()));
    let ((_, one), (_, two)) = futures::future::join(overheard(call("one")), overheard(call("two"))).await;
    assert_eq!((one.len(), one[0].operation.as_str(), two.len(), two[0].operation.as_str()), (1, "one", 1, "two"));
    let unsigned = Bench::new([answer(200, "zone")]);
    assert_eq!(overheard(self::client(&unsigned).call(Call::get("zone", url()).unsigned())).await.1, []);
}

#[tokio::test]
async fn every_way_of_signing_names_its_secrets() {
    let known = |authorizer: &dyn Authorizer| authorizer.secrets().iter().map(|secret| secret.expose().to_owned()).collect::<Vec<_>>();
    assert!(known(&Bearer::new(&Secret::new("t-1")).unwrap()).contains(&"t-1".to_owned()));
    let basic = known(&Basic::new("ann", &Secret::new("p-1")).unwrap());
    assert!(["p-1", "YW5uOnAtMQ=="].iter().all(|secret| basic.iter().any(|known| known == secret)), "{basic:?}");
    let url = Url::parse("https://api.example/token").unwrap();
    let bench = Bench::new([json_answer(200, serde_json::json!({ "access_token": "a-1", "token_type": "bearer" })), answer(200, "")]);
    let oauth = Arc::new(OAuth2::client_credentials(url.clone(), "client", Secret::new("c-1")));
    Client::new(bench.context.clone(), oauth.clone(), inspect_status).call(Call::get("users", url.clone())).await.unwrap();
    assert_eq!(known(&*oauth), ["c-1", "a-1"]);
    let refresh = OAuth2::refresh(url, "client", None, Secret::new("r-1"));
    assert_eq!(known(&refresh), ["r-1"]);
}
