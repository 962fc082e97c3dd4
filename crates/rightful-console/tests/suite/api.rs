//! The API as a program uses it: by token alone, strict about what it is sent, and with no secret in what it answers.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use chrono::Duration;
use http_body_util::BodyExt as _;
use rightful_core::Clock as _;
use rightful_engine::{Access, AccessRole, AccessStore as _, Act, Kept, MemberEdit};
use serde_json::{Value as Json, json};
use tower::ServiceExt as _;

use crate::stage::Stage;

const CODES: &str = "/api/v1/integrations/rep-codes/codes";

/// A program with a token.
pub struct Program<'a> {
    stage: &'a Stage,
    token: String,
}

impl<'a> Program<'a> {
    pub async fn of(stage: &'a Stage, name: &str, access: Access) -> Self {
        Self::made_by("admin", stage, name, access).await
    }

    async fn made_by(maker: &str, stage: &'a Stage, name: &str, access: Access) -> Self {
        let (token, now) = (format!("rightful_{name}"), stage.world.clock.now());
        let act = Act::new(now, maker, "token.make", name);
        let digest = blake3::hash(token.as_bytes());
        stage.store.add_token(digest.as_bytes(), name, &access, now + Duration::days(1), &act).await.unwrap();
        Self { stage, token }
    }

    pub async fn send(&self, method: &str, path: &str, kind: &str, body: String) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token)).body(Body::from(body)).unwrap();
        let answer = self.stage.app.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        (status, String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }

    /// The answer as JSON, which must have this status.
    #[track_caller]
    fn told(method: &str, path: &str, (status, text): (StatusCode, String), expected: u16) -> Json {
        assert_eq!(status.as_u16(), expected, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or(Json::Null)
    }

    pub async fn get(&self, path: &str, expected: u16) -> Json {
        Self::told("GET", path, self.send("GET", path, "", String::new()).await, expected)
    }

    pub async fn json(&self, method: &str, path: &str, body: Json, expected: u16) -> Json {
        Self::told(method, path, self.send(method, path, "application/json", body.to_string()).await, expected)
    }
}

#[tokio::test]
async fn a_token_alone_says_who_asks() {
    let stage = Stage::set().await;
    let mut admin = stage.signed_in("admin").await;
    let answer = admin.get("/api/v1/whoami").await;
    assert_eq!((answer.status, answer.header(header::CONTENT_TYPE)), (StatusCode::UNAUTHORIZED, "application/problem+json"));
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Bearer");

    let scope = Access { role: AccessRole::Admin, scope: Some(["another".to_owned()].into()) };
    let scoped = Program::of(&stage, "scoped", scope).await;
    assert_eq!(scoped.get("/api/v1/whoami", 200).await["actor"], "token scoped");
    assert_eq!(scoped.get("/api/v1/integrations", 200).await, json!({ "items": [], "next": null }));
    for path in [CODES, "/api/v1/integrations/rep-codes/runs", "/api/v1/integrations/none"] {
        assert_eq!(scoped.get(path, 404).await["title"], "there is no such integration");
    }
    scoped.get("/metrics", 403).await;
    scoped.get("/api/v1/members", 403).await;
    Program::of(&stage, "viewer", Access::everywhere(AccessRole::Viewer)).await.get("/metrics", 200).await;
}

#[tokio::test]
async fn a_token_goes_with_whoever_made_it() {
    let stage = Stage::set().await;
    let program = Program::made_by("integrator", &stage, "nightly", Access::everywhere(AccessRole::Viewer)).await;
    program.get("/api/v1/whoami", 200).await;
    let maker = stage.store.member_named("integrator").await.unwrap().unwrap().member;
    let edit = MemberEdit { name: maker.name, display_name: maker.display_name, access: maker.access, active: false };
    let act = Act::new(stage.world.clock.now(), "admin", "member.change", "integrator");
    assert!(matches!(stage.store.change_member(maker.id, maker.revision, &edit, &act).await.unwrap(), Kept::Done(())));
    let refused = program.get("/api/v1/whoami", 401).await;
    assert_eq!(refused["title"], "integrator, who made this token, may no longer sign in");
}

#[tokio::test]
async fn every_answer_has_its_number() {
    let stage = Stage::set().await;
    let ask = async |given: Option<&str>| {
        let mut request = Request::builder().uri("/healthz");
        if let Some(given) = given {
            request = request.header("x-request-id", given);
        }
        let answer = stage.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask(Some("from-the-proxy-1")).await, "from-the-proxy-1");
    let (one, other) = (ask(None).await, ask(Some("not for a log\"")).await);
    assert!(one.len() == 16 && other.len() == 16 && one != other, "{one} {other}");
}

#[tokio::test]
async fn codes_are_saved_under_the_version_they_stand_on_and_saving_again_does_no_harm() {
    let stage = Stage::set().await;
    let program = Program::of(&stage, "editor", Access::everywhere(AccessRole::Integrator)).await;
    let edits = |expected: i64, user: &str| json!({ "expected": expected, "reason": "moved", "edits": [{ "code": "R05", "users": [{ "user": user }] }] });
    assert_eq!(program.json("PUT", CODES, edits(0, "one"), 200).await, json!({ "version": 1, "changed": true }));
    assert_eq!(program.json("PUT", CODES, edits(0, "one"), 200).await, json!({ "version": 1, "changed": false }));
    let conflict = program.json("PUT", CODES, edits(0, "two"), 409).await;
    assert_eq!((&conflict["version"], &conflict["type"]), (&json!(1), &json!("urn:rightful:problem:conflict")));
    assert_eq!(program.json("PUT", CODES, edits(1, "two"), 200).await["version"], 2);

    let page = program.get(CODES, 200).await;
    assert_eq!((&page["version"], &page["items"][0]["users"][0]["user"]), (&json!(2), &json!("two")));
    let diff = program.get(&format!("{CODES}/diff?from=1"), 200).await;
    assert_eq!(diff["codes"][0]["before"][0]["user"], "one");
    let first = program.get(&format!("{CODES}/versions?limit=1"), 200).await;
    assert_eq!((&first["items"][0]["version"], &first["items"][0]["by"]["author"]), (&json!(2), &json!("token editor")));
    let cursor = first["next"].as_str().unwrap();
    let second = program.get(&format!("{CODES}/versions?limit=1&cursor={cursor}"), 200).await;
    assert_eq!((&second["items"][0]["version"], &second["next"]), (&json!(1), &Json::Null));
    program.get(&format!("{CODES}?cursor={cursor}"), 422).await;

    let revert = json!({ "version": 1, "expected": 2, "reason": "back" });
    assert_eq!(program.json("POST", &format!("{CODES}/revert"), revert, 200).await["version"], 3);
    let (_, csv) = program.send("GET", &format!("{CODES}.csv"), "", String::new()).await;
    assert_eq!(csv, "code,user,successor\nR05,one,\n");
    let path = format!("{CODES}.csv?expected=3&reason=file");
    let answer = program.send("PUT", &path, "text/csv", csv.replace("one", "two") + "R06,,\n").await;
    assert_eq!(Program::told("PUT", &path, answer, 200), json!({ "version": 4, "changed": true }));
}

#[tokio::test]
async fn what_is_not_known_is_refused_with_the_nearest() {
    let stage = Stage::set().await;
    let program = Program::of(&stage, "editor", Access::everywhere(AccessRole::Integrator)).await;
    let problem = program.json("PUT", CODES, json!({ "expcted": 0 }), 422).await;
    assert_eq!((&problem["title"], &problem["hint"]), (&json!("the body does not take `expcted`"), &json!("did you mean `expected`?")));
    assert_eq!(program.get("/api/v1/runs?limt=3", 422).await["hint"], "did you mean `limit`?");
    assert_eq!(program.get("/api/v1/runs?limit=201", 422).await["field"], "limit");
    let (status, _) = program.send("PUT", CODES, "application/x-www-form-urlencoded", "expected=0".to_owned()).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let empty = json!({ "expected": 0, "reason": " ", "edits": [] });
    assert_eq!(program.json("PUT", CODES, empty, 422).await["field"], "reason");
}

#[tokio::test]
async fn pausing_again_keeps_who_paused_first() {
    let stage = Stage::set().await;
    let first = Program::of(&stage, "first", Access::everywhere(AccessRole::Integrator)).await;
    let second = Program::of(&stage, "second", Access::everywhere(AccessRole::Integrator)).await;
    let path = "/api/v1/integrations/rep-codes/pause";
    assert_eq!(first.json("POST", path, json!({ "reason": "moving" }), 200).await["standing"], "paused");
    assert_eq!(second.json("POST", path, json!({ "reason": "too" }), 200).await["paused"]["author"], "token first");
    let resumed = second.json("POST", "/api/v1/integrations/rep-codes/resume", json!({}), 200).await;
    assert_eq!((&resumed["standing"], &resumed["paused"]), (&json!("enabled"), &Json::Null));
}

#[tokio::test]
async fn a_token_made_through_a_token_speaks_for_the_same_person_and_is_shown_once() {
    let stage = Stage::set().await;
    let admin = Program::of(&stage, "admin", Access::everywhere(AccessRole::Admin)).await;
    let made = admin.json("POST", "/api/v1/tokens", json!({ "name": "second", "role": "integrator", "days": 30 }), 201).await;
    assert_eq!(made["token"]["author"], "admin");
    let text = made["secret"].as_str().unwrap().to_owned();
    let second = Program { stage: &stage, token: text.clone() };
    assert_eq!(second.get("/api/v1/whoami", 200).await["role"], "integrator");
    assert!(!admin.get("/api/v1/tokens", 200).await.to_string().contains(&text));
    let path = format!("/api/v1/tokens/{}", made["token"]["id"]);
    for _ in 0..2 {
        admin.json("DELETE", &path, Json::Null, 204).await;
    }
    second.get("/api/v1/whoami", 401).await;
    let wrong = admin.json("POST", "/api/v1/tokens", json!({ "name": "", "role": "boss", "days": 0 }), 422).await;
    let fields: Vec<&str> = wrong["wrong"].as_array().unwrap().iter().map(|wrong| wrong["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["name", "role", "days"]);
}
