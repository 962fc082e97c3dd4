//! Sign-in from the outside: once for everybody, renewed once, and never tried again with a rejected password.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use common::*;
use futures::future::join_all;
use rightful_core::*;
use serde_json::json;

#[derive(Debug)]
struct Desk {
    password: Secret,
    rule: HostRule,
}

impl SessionScheme for Desk {
    fn sign_in(&self) -> Result<Call> {
        Ok(Call::post("sign in", Url::parse("https://api.desk.example/in").unwrap()).body("text/plain", self.password.expose().to_owned()))
    }

    fn read(&self, response: &Response, _context: &Context) -> Result<Session> {
        inspect(response)?;
        let answer: serde_json::Value = response.json()?;
        Ok(Session {
            token: Secret::new(answer["token"].as_str().unwrap()),
            endpoint: answer["endpoint"].as_str().map(|endpoint| self.rule.check(endpoint)).transpose()?,
            expires: answer["expires"].as_str().map(|expires| expires.parse().unwrap()),
            facts: json!({ "location": "NORTH" }),
        })
    }

    fn apply(&self, session: &Session, request: &mut Request) -> Result<()> {
        request.body = format!("{}:{}", session.token.expose(), std::str::from_utf8(&request.body).unwrap()).into();
        if let Some(endpoint) = &session.endpoint {
            request.url = endpoint.clone();
        }
        Ok(())
    }

    fn deadline(&self, response: &Response, _context: &Context) -> Option<Instant> {
        response.header("x-ends")?.parse().ok()
    }

    fn credentials(&self) -> u64 {
        fingerprint(["user", self.password.expose()])
    }

    fn secrets(&self) -> Vec<Secret> {
        vec![self.password.clone()]
    }
}

fn inspect(response: &Response) -> Result<()> {
    inspect_status(response).map_err(|error| match error.kind() {
        ErrorKind::Unauthenticated => Error::new(ErrorKind::Unauthenticated, "sign-in information is incorrect").hint("correct `password`"),
        _ => error,
    })
}

fn desk(password: &str) -> Arc<BodySession<Desk>> {
    let rule = HostRule { suffixes: &[".desk.example"], configured: Url::parse("https://api.desk.example").unwrap() };
    Arc::new(BodySession::new(Desk { password: Secret::new(password), rule }))
}

fn client(bench: &Bench, password: &str) -> Client {
    Client::new(bench.context.clone(), desk(password), inspect)
}

fn read() -> Call {
    Call::post("read", Url::parse("https://api.desk.example/read").unwrap()).body("text/plain", "rows").idempotent()
}

fn token(name: &str) -> Result<Response, SendError> {
    json_answer(200, json!({ "token": name, "endpoint": "https://p1.desk.example/x" }))
}

fn bodies(bench: &Bench) -> Vec<String> {
    bench.transport.requests().iter().map(|request| String::from_utf8(request.body.to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn one_sign_in_serves_everybody() {
    let bench = Bench::new([token("t1")].into_iter().chain((0..8).map(|_| answer(200, ""))));
    bench.context.permits.set_width(3);
    let client = client(&bench, "word");
    for outcome in join_all((0..8).map(|_| client.call(read()))).await {
        outcome.unwrap();
    }
    assert_eq!(bodies(&bench).iter().filter(|body| *body == "word").count(), 1);
    let requests = bench.transport.requests();
    assert!(requests[1..].iter().all(|request| request.url.as_str() == "https://p1.desk.example/x"), "{requests:?}");
    assert_eq!(bench.context.permits.spent(CALLS), 9);
}

#[tokio::test]
async fn an_account_of_width_one_can_sign_in() {
    let bench = Bench::new([token("t1"), answer(200, "")]);
    client(&bench, "word").call(read()).await.unwrap();
    assert_eq!(bodies(&bench), ["word", "t1:rows"]);
}

#[tokio::test]
async fn a_sign_in_that_draws_from_a_waiting_quota_does_not_lock_up() {
    let script = [token("t1"), answer(200, ""), answer(401, ""), token("t2"), answer(200, ""), answer(200, "")];
    let bench = Bench::new(script);
    bench.context.permits.window(CALLS, Window { units: 1, per: std::time::Duration::from_secs(1) });
    let client = client(&bench, "word");
    client.call(read()).await.unwrap();
    // The second call stands first in line for the quota while the first one's session is refused; the first then lines up behind it, and
    // the second has to sign in while the first holds the place at the head of the line.
    let (first, second) = futures::future::join(client.call(read()), client.call(read())).await;
    first.unwrap();
    second.unwrap();
    assert_eq!(bench.sent(), 6);
}

/// IN-9: reused until 60 s before its end; ten minutes where no end is stated.
#[tokio::test]
async fn a_session_is_renewed_shortly_before_its_end() {
    let ends = |at: &str| json_answer(200, json!({ "token": "t", "expires": at }));
    for (first, good_for) in [(ends("2026-11-24T12:30:00Z"), 29 * 60), (token("t"), 9 * 60)] {
        let bench = Bench::new([first, answer(200, ""), answer(200, ""), token("t2"), answer(200, "")]);
        let client = client(&bench, "word");
        client.call(read()).await.unwrap();
        bench.clock.advance(std::time::Duration::from_secs(good_for - 1));
        client.call(read()).await.unwrap();
        bench.clock.advance(std::time::Duration::from_secs(1));
        client.call(read()).await.unwrap();
        assert_eq!(bodies(&bench), ["word", "t:rows", "t:rows", "word", "t2:rows"]);
    }
}

/// IN-9: every answer may move the end.
#[tokio::test]
async fn any_answer_may_move_the_end() {
    let moving = answer(200, "")
        .map(|answer| answer.with_header(HeaderName::from_static("x-ends"), HeaderValue::from_static("2026-11-24T18:00:00Z")));
    let bench = Bench::new([token("t"), moving, answer(200, "")]);
    let client = client(&bench, "word");
    client.call(read()).await.unwrap();
    bench.clock.advance(std::time::Duration::from_secs(5 * 3600));
    client.call(read()).await.unwrap();
    assert_eq!(bodies(&bench), ["word", "t:rows", "t:rows"]);
}

/// IN-9: one re-login for everybody who was refused; a second refusal is an error.
#[tokio::test]
async fn a_refused_session_is_renewed_once() {
    let bench = Bench::new([token("t1"), answer(401, ""), token("t2"), answer(200, "")]);
    client(&bench, "word").call(read()).await.unwrap();
    assert_eq!(bodies(&bench), ["word", "t1:rows", "word", "t2:rows"]);

    let bench = Bench::new([token("t1"), answer(401, ""), token("t2"), answer(401, "")]);
    let error = client(&bench, "word").call(read()).await.unwrap_err();
    assert_eq!((error.kind(), bench.sent()), (ErrorKind::Unauthenticated, 4));
}

#[tokio::test]
async fn callers_refused_together_share_one_new_sign_in() {
    #[derive(Debug, Default)]
    struct Vendor {
        sign_ins: AtomicU64,
        reads: AtomicU64,
    }

    #[async_trait]
    impl Transport for Vendor {
        async fn send(&self, request: Request) -> Result<Response, SendError> {
            if request.url.path() == "/in" {
                let number = self.sign_ins.fetch_add(1, Ordering::SeqCst) + 1;
                return json_answer(200, json!({ "token": format!("t{number}") }));
            }
            // Each refusal comes later than the one before: the last ones when there is a new session already.
            for _ in 0..10 * (1 + self.reads.fetch_add(1, Ordering::SeqCst)) {
                tokio::task::yield_now().await;
            }
            answer(if request.body.starts_with(b"t1:") { 401 } else { 200 }, "")
        }
    }

    let mut bench = Bench::new([]);
    let vendor = Arc::new(Vendor::default());
    bench.context.transport = vendor.clone();
    bench.context.permits.set_width(6);
    let client = client(&bench, "word");
    for outcome in join_all((0..6).map(|_| client.call(read()))).await {
        outcome.unwrap();
    }
    assert_eq!(vendor.sign_ins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_call_bound_to_the_session_begins_again_instead() {
    let bench = Bench::new([token("t1"), answer(401, ""), token("t2")]);
    let error = client(&bench, "word").call(read().bound_to_session()).await.unwrap_err();
    assert_eq!((error.kind(), bench.sent()), (ErrorKind::Restart, 2));
}

/// IN-27.
#[tokio::test]
async fn a_rejected_password_is_tried_once_by_everybody_together() {
    let bench = Bench::new([answer(401, "")]);
    let client = client(&bench, "wrong");
    for outcome in join_all((0..5).map(|_| client.call(read()))).await {
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.mend()), (ErrorKind::Unauthenticated, Some("correct `password`")));
    }
    assert_eq!(client.call(read()).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
    assert_eq!((bodies(&bench), bench.context.permits.spent(CALLS)), (vec!["wrong".to_owned()], 1));
}

/// IN-27: across processes, until the secret changes or a person asks for one more attempt.
#[tokio::test]
async fn the_next_process_does_not_try_a_rejected_password_either() {
    let first = Bench::new([answer(401, "")]);
    client(&first, "wrong").call(read()).await.unwrap_err();
    let kept = first.slot.load().await.unwrap().text.unwrap();
    assert!(!kept.expose().contains("wrong"), "the slot keeps the password");

    let second = Bench::with_slot([answer(401, "")], first.slot.clone());
    let error = client(&second, "wrong").call(read()).await.unwrap_err();
    assert_eq!((error.kind(), error.message(), second.sent()), (ErrorKind::Unauthenticated, "sign-in information is incorrect", 0));

    let asked = client(&second, "wrong");
    asked.reopen().await.unwrap();
    asked.call(read()).await.unwrap_err();
    asked.call(read()).await.unwrap_err();
    assert_eq!(second.sent(), 1);

    let third = Bench::with_slot([token("t1"), answer(200, "")], first.slot.clone());
    client(&third, "right").call(read()).await.unwrap();
    assert_eq!(third.sent(), 2);
}

#[tokio::test]
async fn an_unavailable_sign_in_is_no_rejection_and_is_not_queued_up() {
    let bench = Bench::new([answer(503, ""), token("t1"), answer(200, "")]);
    bench.context.permits.set_width(3);
    let client = client(&bench, "word");
    // Everybody who waited for the sign-in gets its one answer; who comes after tries anew.
    for outcome in join_all((0..3).map(|_| client.call(read()))).await {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert_eq!(bench.sent(), 1);
    client.call(read()).await.unwrap();
    assert_eq!(bodies(&bench), ["word", "word", "t1:rows"]);
}

/// IN-10: nothing is sent to an endpoint that breaks the host rule.
#[tokio::test]
async fn an_endpoint_outside_the_rule_is_never_called() {
    let bench = Bench::new([json_answer(200, json!({ "token": "t1", "endpoint": "https://desk.example.evil.example" }))]);
    let error = client(&bench, "word").call(read()).await.unwrap_err();
    assert_eq!((error.kind(), bench.sent()), (ErrorKind::Protocol, 1));
}

#[tokio::test]
async fn the_session_can_be_seen_for_a_preflight() {
    let bench = Bench::new([token("t1")]);
    let desk = desk("open sesame");
    let session = desk.session(&bench.context).await.unwrap();
    assert_eq!(session.facts["location"], "NORTH");
    assert_eq!(session.expires, Some(start() + TimeDelta::minutes(10)));
    assert!(!format!("{desk:?} {session:?}").contains("t1") && !format!("{desk:?}").contains("sesame"));
    assert_eq!(bench.context.permits.spent(CALLS), 1);
}

#[tokio::test]
async fn rejected_keys_are_sent_once() {
    let url = Url::parse("https://api.example/users").unwrap();
    let bench = Bench::new([answer(401, ""), answer(200, "")]);
    let keys = |text: &str| {
        let keys = [("x-key", text), ("x-app", "app")].map(|(name, text)| (HeaderName::from_static(name), Secret::new(text)));
        Arc::new(HeaderKeys::new(keys).unwrap())
    };
    let client = Client::new(bench.context.clone(), keys("old"), inspect_status);
    for _ in 0..3 {
        assert_eq!(client.call(Call::get("users", url.clone())).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
    }
    assert_eq!((bench.sent(), bench.context.permits.spent(CALLS)), (1, 1));
    assert_eq!(bench.transport.requests()[0].headers["x-key"], "old");
    Client::new(bench.context.clone(), keys("new"), inspect_status).call(Call::get("users", url)).await.unwrap();
    assert_eq!(bench.transport.requests()[1].headers["x-key"], "new");
}

#[tokio::test]
async fn header_schemes_spell_as_the_standard_does() {
    let url = Url::parse("https://api.example/users").unwrap();
    let basic: Arc<dyn Authorizer> = Arc::new(Basic::new("Aladdin", &Secret::new("open sesame")).unwrap());
    let bearer: Arc<dyn Authorizer> = Arc::new(Bearer::new(&Secret::new("abc")).unwrap());
    for (authorizer, expected) in [(basic, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), (bearer, "Bearer abc")] {
        let bench = Bench::new([answer(200, "")]);
        assert!(!format!("{authorizer:?}").contains("abc"));
        Client::new(bench.context.clone(), authorizer, inspect_status).call(Call::get("users", url.clone())).await.unwrap();
        assert_eq!(bench.transport.requests()[0].headers["authorization"], expected);
    }
    assert_eq!(Bearer::new(&Secret::new("line\nbreak")).unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(Basic::new("a:b", &Secret::new("x")).unwrap_err().kind(), ErrorKind::Config);
}

/// A slot that takes its time to be written.
#[derive(Debug, Default)]
struct Dawdling {
    inner: MemorySlot,
    writing: tokio::sync::Notify,
}

#[async_trait]
impl Slot for Dawdling {
    async fn load(&self) -> Result<SlotValue> {
        self.inner.load().await
    }

    async fn swap(&self, revision: u64, text: Option<Secret>) -> Result<bool> {
        self.writing.notify_one();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        self.inner.swap(revision, text).await
    }
}

#[tokio::test]
async fn in_27_a_rejection_is_remembered_even_where_the_rejected_call_is_given_up() {
    let slot = Arc::new(Dawdling::default());
    let bench = Bench::with_slot([answer(401, "")], slot.clone());
    let client = client(&bench, "wrong");
    tokio::select! {
        _ = client.call(read()) => panic!("the call came back before its slot was written"),
        () = slot.writing.notified() => {}
    }
    // Another process, which begins as soon as that can be.
    for _ in 0..100 {
        if slot.load().await.unwrap().text.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let next = Bench::with_slot([token("t1")], slot);
    let error = self::client(&next, "wrong").call(read()).await.unwrap_err();
    assert_eq!((error.kind(), next.sent()), (ErrorKind::Unauthenticated, 0), "{error}");
}

#[tokio::test]
async fn what_is_overheard_holds_neither_the_sign_in_nor_the_session_nor_what_the_request_was_signed_with() {
    let bench =
        Bench::new([token("session-1"), answer(401, ""), token("session-2"), answer(200, "session-2 of session-1: pass&word rows")]);
    let client = client(&bench, "pass&word");
    let (answered, exchanges) = overheard(client.call(read())).await;
    assert!(answered.unwrap().text().unwrap().contains("pass&word"), "the caller gets the answer as it came");
    let told: Vec<(&str, Option<u16>, &str)> =
        exchanges.iter().map(|one| (one.operation.as_str(), one.status, one.response.as_str())).collect();
    assert_eq!(told, [("read", Some(401), ""), ("read", Some(200), "*** of ***: *** rows")]);
    for one in &exchanges {
        assert_eq!((one.method.as_str(), one.url.as_str(), one.request.as_str()), ("POST", "https://api.desk.example/read", "rows"));
    }
    // Nobody listens any more.
    client.call(read()).await.unwrap_err();
    assert_eq!(overheard(async {}).await.1, []);
}
