//! OAuth 2.0 from the outside: what is sent, what is kept, who exchanges, and what never leaks.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::*;
use rightful_core::*;
use serde_json::json;

fn token_url() -> Url {
    Url::parse("https://login.example/token").unwrap()
}

fn application() -> OAuth2 {
    OAuth2::client_credentials(token_url(), "app", Secret::new("s3cret/+")).scope("read").scope("write")
}

fn consent() -> OAuth2 {
    OAuth2::refresh(token_url(), "app", Some(Secret::new("s3cret")), Secret::new("refresh-0"))
}

fn client(bench: &Bench, authorizer: OAuth2) -> Client {
    Client::new(bench.context.clone(), Arc::new(authorizer), inspect_status)
}

fn users() -> Call {
    Call::get("users", Url::parse("https://api.example/users").unwrap())
}

fn sent(bench: &Bench, number: usize) -> (Option<String>, String) {
    let request = &bench.transport.requests()[number];
    let authorization = request.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    (authorization, String::from_utf8(request.body.to_vec()).unwrap())
}

#[tokio::test]
async fn client_credentials_are_exchanged_once_and_used() {
    let token = json_answer(200, json!({ "access_token": "access-1", "token_type": "Bearer", "expires_in": 3600 }));
    let bench = Bench::new([token, answer(200, ""), answer(200, "")]);
    let client = client(&bench, application());
    client.call(users()).await.unwrap();
    client.call(users()).await.unwrap();
    assert_eq!(
        sent(&bench, 0),
        (Some("Basic YXBwOnMzY3JldCUyRiUyQg==".to_owned()), "grant_type=client_credentials&scope=read+write".to_owned())
    );
    assert_eq!(sent(&bench, 1).0.unwrap(), "Bearer access-1");
    assert_eq!(bench.sent(), 3);
}

#[tokio::test]
async fn the_secret_can_go_into_the_body() {
    let token = json_answer(200, json!({ "access_token": "a", "token_type": "Bearer" }));
    let bench = Bench::new([token, answer(200, "")]);
    client(&bench, application().secret_in_body().parameter("audience", "x y")).call(users()).await.unwrap();
    let (authorization, body) = sent(&bench, 0);
    assert_eq!(authorization, None);
    assert_eq!(body, "grant_type=client_credentials&scope=read+write&client_id=app&client_secret=s3cret%2F%2B&audience=x+y");
}

#[tokio::test]
async fn lives_are_read_in_every_spelling() {
    for (life, good_for) in [(json!(3600), 3539), (json!("3600"), 3539), (json!(3600.0), 3539), (json!(null), 539), (json!("soon"), 539)] {
        let token = || json_answer(200, json!({ "access_token": "a", "expires_in": life }));
        let bench = Bench::new([token(), answer(200, ""), answer(200, ""), token(), answer(200, "")]);
        let client = client(&bench, application());
        client.call(users()).await.unwrap();
        bench.clock.advance(Duration::from_secs(good_for));
        client.call(users()).await.unwrap();
        assert_eq!(bench.sent(), 3, "{life}");
        bench.clock.advance(Duration::from_secs(1));
        client.call(users()).await.unwrap();
        assert_eq!(bench.sent(), 5, "{life}");
    }
}

#[tokio::test]
async fn waits_and_outages_of_the_token_address_are_sat_out() {
    let token = json_answer(200, json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 3600 }));
    let bench = Bench::new([throttled("12"), answer(502, "<html>"), token, answer(200, "")]);
    client(&bench, application()).call(users()).await.unwrap();
    assert_eq!(bench.clock.waits()[0], Duration::from_secs(12));
    assert_eq!(bench.sent(), 4);
}

#[tokio::test]
async fn a_token_answer_never_gets_into_an_error() {
    let hidden = "very-hidden";
    let answers = [
        json_answer(200, json!({ "access_token": { "x": hidden }, "token_type": "Bearer" })),
        json_answer(200, json!({ "token": hidden })),
        json_answer(200, json!([hidden])),
        answer(200, &format!("{{\"access_token\": \"{hidden}\"")),
        json_answer(400, json!({ "error": format!("{hidden}!"), "error_description": hidden })),
        json_answer(200, json!({ "error": "invalid_scope", "error_description": hidden })),
        Ok(Response::new(StatusCode::OK, format!("<html>{hidden}"))
            .with_header(HeaderName::from_static("content-type"), HeaderValue::from_static("text/html"))),
    ];
    for answer in answers {
        let bench = Bench::new([answer]);
        let error = client(&bench, application()).call(users()).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(hidden), "{error:?}");
        assert_eq!((error.failed_operation(), bench.sent()), (Some("token"), 1), "{error:?}");
    }
}

/// A rejected secret is sent once, also over processes.
#[tokio::test]
async fn a_rejected_secret_is_sent_once() {
    for word in ["invalid_client", "invalid_grant", "unauthorized_client"] {
        let bench = Bench::new([json_answer(400, json!({ "error": word }))]);
        let client = client(&bench, application());
        for _ in 0..3 {
            assert_eq!(client.call(users()).await.unwrap_err().kind(), ErrorKind::Unauthenticated, "{word}");
        }
        let next = Bench::with_slot([], bench.slot.clone());
        let next_client = Client::new(next.context.clone(), Arc::new(application()), inspect_status);
        assert_eq!(next_client.call(users()).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
        assert_eq!((bench.sent(), next.sent()), (1, 0));
    }
}

fn rotated(number: u32) -> Result<Response, SendError> {
    let tokens = json!({ "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"), "expires_in": 3600 });
    json_answer(200, tokens)
}

#[tokio::test]
async fn a_rotated_refresh_token_is_saved_and_used_next_time() {
    let bench = Bench::new([rotated(1), answer(200, ""), rotated(2), answer(200, "")]);
    let first = client(&bench, consent());
    first.call(users()).await.unwrap();
    assert_eq!(sent(&bench, 0).1, "grant_type=refresh_token&refresh_token=refresh-0");
    assert!(bench.slot.load().await.unwrap().text.unwrap().expose().contains("refresh-1"));
    bench.clock.advance(Duration::from_secs(3600));
    first.call(users()).await.unwrap();
    assert_eq!(sent(&bench, 2).1, "grant_type=refresh_token&refresh_token=refresh-1");

    // Another process takes over what is there, without an exchange.
    let other = Bench::with_slot([answer(200, "")], bench.slot.clone());
    other.clock.advance(Duration::from_secs(3600));
    client(&other, consent()).call(users()).await.unwrap();
    assert_eq!(sent(&other, 0).0.unwrap(), "Bearer access-2");
}

/// The token is in the slot before the first request carries it.
#[tokio::test]
async fn it_is_saved_before_it_is_used() {
    #[derive(Debug)]
    struct Watch {
        inner: Arc<ScriptedTransport>,
        slot: Arc<dyn Slot>,
    }

    #[async_trait]
    impl Transport for Watch {
        async fn send(&self, request: Request) -> Result<Response, SendError> {
            if request.url.path() == "/users" {
                let held = self.slot.load().await.unwrap().text.unwrap();
                assert!(held.expose().contains("refresh-1") && held.expose().contains("access-1"));
            }
            self.inner.send(request).await
        }
    }

    let mut bench = Bench::new([rotated(1), answer(200, "")]);
    bench.context.transport = Arc::new(Watch { inner: bench.transport.clone(), slot: bench.slot.clone() });
    client(&bench, consent()).call(users()).await.unwrap();
    assert_eq!(bench.sent(), 2);
}

#[tokio::test]
async fn of_two_workers_one_exchanges_and_the_other_takes_over() {
    let bench = Bench::new([rotated(1), answer(200, ""), answer(200, "")]);
    let mut second = bench.context.clone();
    second.permits = Arc::new(Permits::new(second.clock.clone()));
    let first = client(&bench, consent());
    let second = Client::new(second, Arc::new(consent()), inspect_status);
    let (left, right) = futures::future::join(first.call(users()), second.call(users())).await;
    left.unwrap();
    right.unwrap();
    let exchanges = bench.transport.requests().iter().filter(|request| request.url.path() == "/token").count();
    assert_eq!((exchanges, bench.sent()), (1, 3));
}

#[tokio::test]
async fn a_claim_of_a_dead_worker_runs_out() {
    let bench = Bench::new([rotated(1), answer(200, "")]);
    // A worker that is dropped in the middle of its exchange leaves its claim behind.
    #[derive(Debug)]
    struct Silent;
    #[async_trait]
    impl Transport for Silent {
        async fn send(&self, _request: Request) -> Result<Response, SendError> {
            std::future::pending().await
        }
    }
    let mut dead = bench.context.clone();
    dead.transport = Arc::new(Silent);
    dead.permits = Arc::new(Permits::new(dead.clock.clone()));
    let dead = Client::new(dead, Arc::new(consent()), inspect_status);
    let mut hanging = Box::pin(dead.call(users()));
    assert!(futures::poll!(&mut hanging).is_pending());
    drop(hanging);
    assert!(bench.slot.load().await.unwrap().text.is_some(), "there is no claim");

    client(&bench, consent()).call(users()).await.unwrap();
    assert!(bench.clock.now() - start() >= chrono::TimeDelta::seconds(90));
}

#[tokio::test]
async fn a_refused_access_token_is_not_taken_over_again() {
    let bench = Bench::new([rotated(1), answer(401, ""), rotated(2), answer(200, "")]);
    client(&bench, consent()).call(users()).await.unwrap();
    assert_eq!(sent(&bench, 2).1, "grant_type=refresh_token&refresh_token=refresh-1");
    assert_eq!(sent(&bench, 3).0.unwrap(), "Bearer access-2");
}

#[tokio::test]
async fn a_lost_exchange_is_not_repeated_blindly() {
    let bench = Bench::new([lost(), rotated(1)]);
    let error = client(&bench, consent()).call(users()).await.unwrap_err();
    assert_eq!((error.kind(), bench.sent()), (ErrorKind::Unavailable, 1));
}

/// An integration's own entry in the slot survives ours.
#[tokio::test]
async fn other_entries_of_the_slot_stay() {
    let bench = Bench::new([rotated(1), answer(200, "")]);
    bench.slot.swap(0, Some(Secret::new("{\"mine\":7}"))).await.unwrap();
    client(&bench, consent()).call(users()).await.unwrap();
    let held = bench.slot.load().await.unwrap().text.unwrap();
    assert!(held.expose().contains("\"mine\":7") && held.expose().contains("refresh-1"));
}

fn instance() -> Arc<HostRule> {
    Arc::new(HostRule { suffixes: &[".vendor.example"], configured: token_url() })
}

fn moving() -> OAuth2 {
    consent().endpoint("instance_url", instance()).unstated_life(chrono::TimeDelta::minutes(90))
}

fn named(number: u32, instance: &str) -> Result<Response, SendError> {
    let tokens =
        json!({ "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"), "instance_url": instance });
    json_answer(200, tokens)
}

fn hosts(bench: &Bench) -> Vec<String> {
    bench.transport.requests().iter().map(|request| request.url.host_str().unwrap_or_default().to_owned()).collect()
}

/// An account may be moved: the call that met the old token's end goes to the new address.
#[tokio::test]
async fn a_token_is_used_where_its_own_answer_says() {
    let script = [named(1, "https://a.vendor.example"), answer(401, ""), named(2, "https://b.vendor.example/"), answer(200, "")];
    let bench = Bench::new(script);
    client(&bench, moving()).call(users().query("page", 2)).await.unwrap();
    assert_eq!(hosts(&bench), ["login.example", "a.vendor.example", "login.example", "b.vendor.example"]);
    assert_eq!(bench.transport.requests()[3].url.as_str(), "https://b.vendor.example/users?page=2");

    // Another process learns the address from the slot.
    let other = Bench::with_slot([answer(200, "")], bench.slot.clone());
    client(&other, moving()).call(users()).await.unwrap();
    assert_eq!(hosts(&other), ["b.vendor.example"]);
}

#[tokio::test]
async fn an_address_that_is_not_trusted_gets_nothing_and_costs_no_grant() {
    for address in ["https://evil.example", "http://a.vendor.example", ""] {
        let bench = Bench::new([named(1, address)]);
        let client = client(&bench, moving());
        for _ in 0..2 {
            assert_eq!(client.call(users()).await.unwrap_err().kind(), ErrorKind::Protocol, "{address}");
        }
        assert_eq!(hosts(&bench), ["login.example"], "{address}");
        assert!(bench.slot.load().await.unwrap().text.unwrap().expose().contains("refresh-1"), "the new refresh token is lost");
    }
    let bench = Bench::new([rotated(1)]);
    let error = client(&bench, moving()).call(users()).await.unwrap_err();
    assert!(error.message().contains("`instance_url`"), "{error}");
}

#[tokio::test]
async fn a_life_that_no_answer_states_can_be_said() {
    let bench = Bench::new([named(1, ""), answer(200, ""), answer(200, ""), named(2, ""), answer(200, "")]);
    let client = client(&bench, consent().unstated_life(chrono::TimeDelta::minutes(90)));
    client.call(users()).await.unwrap();
    bench.clock.advance(Duration::from_secs(89 * 60 - 1));
    client.call(users()).await.unwrap();
    assert_eq!(bench.sent(), 3);
    bench.clock.advance(Duration::from_secs(60));
    client.call(users()).await.unwrap();
    assert_eq!((bench.sent(), sent(&bench, 3).1), (5, "grant_type=refresh_token&refresh_token=refresh-1".to_owned()));
}

fn person() -> OAuth2 {
    OAuth2::signed_in(token_url(), "app", Some(Secret::new("s3cret"))).secret_in_body()
}

fn web() -> WebSignIn {
    let oauth = person().endpoint("instance_url", instance()).unstated_life(chrono::TimeDelta::minutes(90));
    WebSignIn { authorize_url: Url::parse("https://login.example/authorize").unwrap(), scopes: &["api"], oauth }
}

fn redirect() -> Url {
    Url::parse("http://localhost:8917/callback").unwrap()
}

/// Somebody signs in, and the vendor answers with this.
async fn signs_in(bench: &Bench) -> Result<()> {
    let way = web();
    way.redeem(&Secret::new("code/1"), &way.ask(&redirect()), &bench.context).await
}

#[tokio::test]
async fn a_code_is_exchanged_with_its_proof_and_what_it_brings_is_kept_and_used() {
    let bench = Bench::new([named(1, "https://a.vendor.example"), answer(200, "")]);
    let way = web();
    let error = way.check(&bench.context).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.mend().unwrap().ends_with("rightful connect test"), "{error:?}");
    let asked = way.ask(&redirect());
    way.redeem(&Secret::new("code/1"), &asked, &bench.context).await.unwrap();
    way.check(&bench.context).await.unwrap();
    let body = sent(&bench, 0).1;
    let members: std::collections::BTreeMap<String, String> =
        Url::parse(&format!("http://x/?{body}")).unwrap().query_pairs().into_owned().collect();
    assert_eq!(
        ["grant_type", "code", "redirect_uri", "client_id", "client_secret"].map(|name| members[name].as_str()),
        ["authorization_code", "code/1", "http://localhost:8917/callback", "app", "s3cret"]
    );
    assert!((43..=128).contains(&members["code_verifier"].len()), "{body}");
    // The session that it brought is used, where the vendor said.
    client(&bench, way.oauth).call(users()).await.unwrap();
    assert_eq!((hosts(&bench)[1].as_str(), sent(&bench, 1).0.unwrap().as_str()), ("a.vendor.example", "Bearer access-1"));

    // Another process renews it with the refresh token, also with a new secret of the client.
    let other = Bench::with_slot([rotated(2), answer(200, "")], bench.slot.clone());
    other.clock.advance(Duration::from_secs(90 * 60));
    client(&other, OAuth2::signed_in(token_url(), "app", Some(Secret::new("new-secret")))).call(users()).await.unwrap();
    assert_eq!(sent(&other, 0).1, "grant_type=refresh_token&refresh_token=refresh-1");
    // To another application it says nothing.
    let stranger = Bench::with_slot([], bench.slot.clone());
    let error = client(&stranger, OAuth2::signed_in(token_url(), "other", None)).call(users()).await.unwrap_err();
    assert_eq!((error.kind(), error.failed_operation(), stranger.sent()), (ErrorKind::Config, Some("token"), 0));
}

#[tokio::test]
async fn a_sign_in_that_cannot_last_or_be_trusted_is_not_kept_nor_repeated() {
    let no_refresh = json_answer(200, json!({ "access_token": "very-hidden", "instance_url": "https://a.vendor.example" }));
    for (answer, kind, wanted) in [
        (no_refresh, ErrorKind::Config, "no refresh token"),
        (named(1, "https://evil.example"), ErrorKind::Protocol, "`instance_url`"),
        (rotated(1), ErrorKind::Protocol, "does not say where"),
        (json_answer(400, json!({ "error": "invalid_grant" })), ErrorKind::Unauthenticated, "grant"),
        (lost(), ErrorKind::Unavailable, "no answer"),
    ] {
        let bench = Bench::new([answer]);
        let error = signs_in(&bench).await.unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(wanted), "{error:?}");
        assert!(!format!("{error:?}").contains("very-hidden"), "{error:?}");
        assert_eq!(bench.slot.load().await.unwrap().text, None, "{error:?}");
        assert_eq!(hosts(&bench), ["login.example"], "{error:?}");
    }
}

#[tokio::test]
async fn signing_in_again_takes_the_place_of_a_rejected_grant_and_leaves_the_rest() {
    let bench = Bench::new([named(1, "https://a.vendor.example"), json_answer(400, json!({ "error": "invalid_grant" }))]);
    bench.slot.swap(0, Some(Secret::new("{\"mine\":7}"))).await.unwrap();
    signs_in(&bench).await.unwrap();
    bench.clock.advance(Duration::from_secs(90 * 60));
    for _ in 0..2 {
        assert_eq!(client(&bench, web().oauth).call(users()).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
    }
    assert_eq!(bench.sent(), 2, "a rejected grant is sent once");
    let next = Bench::with_slot([named(2, "https://a.vendor.example"), answer(200, "")], bench.slot.clone());
    signs_in(&next).await.unwrap();
    client(&next, web().oauth).call(users()).await.unwrap();
    assert_eq!(sent(&next, 1).0.unwrap(), "Bearer access-2");
    assert!(next.slot.load().await.unwrap().text.unwrap().expose().contains("\"mine\":7"));
}

/// A worker that is exchanging the old token while somebody signs in anew takes the new one over.
#[tokio::test]
async fn a_sign_in_is_not_undone_by_an_exchange_that_was_under_way() {
    #[derive(Debug)]
    struct Meanwhile(std::sync::Mutex<Option<Context>>);
    #[async_trait]
    impl Transport for Meanwhile {
        async fn send(&self, _request: Request) -> Result<Response, SendError> {
            let context = self.0.lock().unwrap().take();
            if let Some(context) = context {
                let way = web();
                way.redeem(&Secret::new("code"), &way.ask(&redirect()), &context).await.unwrap();
                return json_answer(400, json!({ "error": "invalid_grant" }));
            }
            answer(200, "")
        }
    }
    let bench = Bench::new([named(1, "https://a.vendor.example"), named(2, "https://a.vendor.example")]);
    signs_in(&bench).await.unwrap();
    bench.clock.advance(Duration::from_secs(90 * 60));
    let mut working = bench.context.clone();
    working.transport = Arc::new(Meanwhile(std::sync::Mutex::new(Some(bench.context.clone()))));
    working.permits = Arc::new(Permits::new(working.clock.clone()));
    Client::new(working, Arc::new(web().oauth), inspect_status).call(users()).await.unwrap();
    assert!(bench.slot.load().await.unwrap().text.unwrap().expose().contains("refresh-2"));
}
