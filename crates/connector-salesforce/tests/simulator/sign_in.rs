//! Grants, sessions, rotation, assertions, the web flow and who one is.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::Duration;
use connector_salesforce::sim::{Options, Switches};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, Desk, SECRET, form};

const REFRESH: &str = "5Aep861.sandbox.refresh.token";

#[tokio::test]
async fn client_credentials_come_in_the_body_or_as_basic() {
    let desk = Desk::usual().await;
    let body = desk.token(&[("grant_type", "client_credentials"), ("client_id", CLIENT), ("client_secret", SECRET)]).await;
    let basic = desk.request(Method::POST, "/services/oauth2/token").basic_auth(CLIENT, Some(SECRET)).body("grant_type=client_credentials");
    for answer in [body, desk.send(basic).await] {
        let granted = answer.json();
        assert_eq!((answer.status, &granted["token_type"], &granted["instance_url"]), (200, &json!("Bearer"), &json!(desk.sim.origin())));
        let token = granted["access_token"].as_str().unwrap();
        assert!(token.starts_with("00D") && token.find('!') == Some(15), "{token}");
        assert!(granted["issued_at"].is_string() && granted.get("expires_in").is_none() && granted.get("refresh_token").is_none());
        let id = granted["id"].as_str().unwrap();
        assert!(id.starts_with(&format!("{}/id/00D", desk.sim.origin())) && id.rsplit('/').next().unwrap().starts_with("005"), "{id}");
        let identity =
            desk.send(desk.http.get(format!("{id}?format=json&oauth_token={}", form(&[("", token)]).trim_start_matches('=')))).await.json();
        assert_eq!(identity["username"], "integration@acme.example");
        assert!(identity["urls"]["query"].as_str().unwrap().contains("v{version}"), "{identity}");
    }
    let info = desk.send(desk.request(Method::GET, "/services/oauth2/userinfo").bearer_auth(&desk.token)).await.json();
    assert_eq!(info["preferred_username"], "integration@acme.example");
    assert!(info["user_id"].is_string() && info["organization_id"].is_string());
    assert_eq!(desk.send(desk.request(Method::GET, "/services/oauth2/userinfo").bearer_auth("wrong")).await.status, 403);
}

#[tokio::test]
async fn wrong_sign_ins_are_told_apart() {
    let desk = Desk::usual().await;
    let id = ("client_id", CLIENT);
    let secret = ("client_secret", SECRET);
    let cases = [
        (vec![("grant_type", "client_credentials"), ("client_id", "x"), secret], "invalid_client_id", "client identifier invalid"),
        (vec![("grant_type", "client_credentials"), id, ("client_secret", "x")], "invalid_client", "invalid client credentials"),
        (vec![("grant_type", "client_credentials"), id], "invalid_client", "invalid client credentials"),
        (vec![("grant_type", "refresh_token"), id, secret, ("refresh_token", "x")], "invalid_grant", "expired access/refresh token"),
        (vec![("grant_type", "authorization_code"), id, secret, ("code", "x")], "invalid_grant", "expired authorization code"),
        (
            vec![("grant_type", "password"), id, secret, ("username", "nadia.o@acme.example"), ("password", "x")],
            "invalid_grant",
            "authentication failure",
        ),
        (vec![("grant_type", "magic"), id, secret], "unsupported_grant_type", "grant type not supported"),
        (vec![id, secret], "invalid_request", "missing required parameter: grant_type"),
    ];
    for (pairs, error, description) in cases {
        let answer = desk.token(&pairs).await;
        assert_eq!((answer.status, answer.json()), (400, json!({"error": error, "error_description": description})), "{pairs:?}");
    }
    let elsewhere = desk.request(Method::POST, "/services/oauth2/token").header("host", "login.salesforce.com");
    let elsewhere = elsewhere.body(form(&[("grant_type", "client_credentials"), id, secret]));
    assert_eq!(desk.send(elsewhere).await.json()["error_description"], "request not supported on this domain");
    let right = [("grant_type", "password"), id, secret, ("username", "NADIA.O@acme.example"), ("password", "sandbox-password")];
    assert_eq!(desk.token(&right).await.status, 200);
    desk.fault("spent-token");
    assert_eq!(desk.token(&right).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_session_ends_by_idleness_and_activity_extends_it() {
    let desk = Desk::usual().await;
    for minutes in [100, 100, 119] {
        desk.sim.clock().advance(Duration::minutes(minutes));
        assert_eq!(desk.get("limits").await.status, 200);
    }
    desk.sim.clock().advance(Duration::minutes(120));
    let gone = desk.get("limits/").await;
    assert_eq!((gone.status, gone.json()), (401, json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])));
    let desk = Desk::switched(Switches { expire_after_calls: Some(2), ..Switches::default() }).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(desk.get("limits").await.status);
    }
    assert_eq!(statuses, [200, 200, 401]);
}

#[tokio::test]
async fn either_scheme_word_is_taken() {
    let desk = Desk::usual().await;
    for (header, status) in [("OAuth", 200), ("bearer", 200), ("Basic", 401)] {
        let request = desk.request(Method::GET, "/services/data/v62.0/limits").header("authorization", format!("{header} {}", desk.token));
        assert_eq!(desk.send(request).await.status, status, "{header}");
    }
}

fn refresh(token: &str) -> [(&str, &str); 4] {
    [("grant_type", "refresh_token"), ("client_id", CLIENT), ("client_secret", SECRET), ("refresh_token", token)]
}

#[tokio::test]
async fn a_fixed_refresh_token_serves_again_and_sessions_stand_side_by_side() {
    let desk = Desk::usual().await;
    let first = desk.token(&refresh(REFRESH)).await.json();
    let second = desk.token(&refresh(REFRESH)).await.json();
    assert!(first.get("refresh_token").is_none() && first["access_token"] != second["access_token"]);
    for granted in [&first, &second] {
        let request = desk.request(Method::GET, "/services/data/v62.0/limits").bearer_auth(granted["access_token"].as_str().unwrap());
        assert_eq!(desk.send(request).await.status, 200);
    }
}

#[tokio::test]
async fn the_app_can_be_set_while_it_is_served() {
    let desk = Desk::usual().await;
    let (token, refresh_token, secret) = ("00D000000000001!fixed", "a&b<c>'d", "o'hara@example.com");
    desk.control("set-app", json!({"access_token": token, "refresh_token": refresh_token, "client_secret": secret, "password": "p&w"}));
    desk.sim.clock().advance(Duration::days(30));
    assert_eq!(desk.send(desk.request(Method::GET, "/services/data/v45.0/limits").bearer_auth(token)).await.status, 200);
    let id = ("client_id", CLIENT);
    for pairs in [
        vec![("grant_type", "refresh_token"), id, ("client_secret", secret), ("refresh_token", refresh_token)],
        vec![("grant_type", "client_credentials"), id, ("client_secret", secret)],
        vec![("grant_type", "password"), id, ("client_secret", secret), ("username", "nadia.o@acme.example"), ("password", "p&w")],
    ] {
        assert_eq!(desk.token(&pairs).await.status, 200, "{pairs:?}");
    }
    assert_eq!(desk.token(&refresh(REFRESH)).await.status, 400);
    desk.control("set-app", json!({"is_public": true}));
    let public = [("grant_type", "refresh_token"), id, ("refresh_token", refresh_token)];
    assert_eq!(desk.token(&public).await.status, 200);
    let with_secret = [("grant_type", "refresh_token"), id, ("client_secret", secret), ("refresh_token", refresh_token)];
    assert_eq!(desk.token(&with_secret).await.json()["error"], "invalid_client");
}

#[tokio::test]
async fn a_rotated_token_is_used_once_and_its_reuse_ends_the_grant() {
    let mut desk = Desk::switched(Switches { rotation: true, ..Switches::default() }).await;
    let first = desk.token(&refresh(REFRESH)).await.json();
    let old_session = first["access_token"].as_str().unwrap().to_owned();
    desk.token = old_session.clone();
    desk.switch(json!({"page_size": 3}));
    let next = desk.query("SELECT Id FROM Account").await.json()["nextRecordsUrl"].as_str().unwrap().to_owned();
    let second = desk.token(&refresh(first["refresh_token"].as_str().unwrap())).await.json();
    let newest = second["refresh_token"].as_str().unwrap();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    // The exchange ended the session before, and its locators with it.
    for token in [old_session.as_str(), second["access_token"].as_str().unwrap()] {
        let refused = desk.send(desk.request(Method::GET, &next).bearer_auth(token)).await;
        assert_eq!(refused.refusal(), (401, "INVALID_SESSION_ID".into()));
    }
    assert_eq!(desk.token(&refresh(REFRESH)).await.json()["error"], "invalid_grant");
    assert_eq!(desk.token(&refresh(newest)).await.json()["error_description"], "expired access/refresh token");
}

#[tokio::test]
async fn a_sign_in_can_name_another_address() {
    let desk = Desk::usual().await;
    for (fault, address) in [("moved-instance", "http://localhost:"), ("evil-instance", "http://evil-salesforce.com")] {
        desk.fault(fault);
        let granted = desk.token(&refresh(REFRESH)).await.json();
        assert!(granted["instance_url"].as_str().unwrap().starts_with(address), "{granted}");
    }
}

/// A key pair with its PEM, and a way to sign claims.
struct Signer(KeyPair);

impl Signer {
    fn new() -> Self {
        Self(KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn pem(&self) -> String {
        let der = self.0.public_key().as_der().unwrap();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()))
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn assert_claims(desk: &Desk, assertion: &str) -> Value {
    desk.token(&[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)]).await.json()
}

#[tokio::test]
async fn an_assertion_is_taken_in_every_form_clients_send_and_no_other() {
    let signer = Signer::new();
    let desk = Desk::with(Options { public_key: Some(signer.pem()), ..Options::default() }).await;
    let now = desk.sim.clock().now().timestamp();
    let usual = json!({"iss": CLIENT, "sub": "nadia.o@acme.example", "aud": "https://login.salesforce.com", "exp": now + 120});
    let with = |name: &str, value: Value| {
        let mut claims = usual.clone();
        claims[name] = value;
        claims
    };
    let header = json!({"alg": "RS256", "typ": "JWT"});
    let good = [
        usual.clone(),
        with("exp", json!((now + 180).to_string())),
        with("exp", json!(now * 1000 + 300)),
        with("aud", json!("test.salesforce.com")),
        with("aud", json!(format!("{}/", desk.sim.origin()))),
        with("prn", json!("lindiwe@acme.example")),
    ];
    for claims in good {
        let granted = assert_claims(&desk, &signer.sign(&header, &claims)).await;
        assert!(granted["access_token"].is_string() && granted.get("refresh_token").is_none(), "{claims}: {granted}");
    }
    for (claims, error, description) in [
        (with("iss", json!("other")), "invalid_client_id", "client identifier invalid"),
        (with("aud", json!("https://evil-salesforce.com")), "invalid_grant", "audience is invalid"),
        (with("exp", json!(now)), "invalid_grant", "expired authorization code"),
        (with("exp", Value::Null), "invalid_grant", "expired authorization code"),
        (with("sub", json!("nobody@acme.example")), "invalid_grant", "user hasn't approved this consumer"),
        (with("sub", json!("tomas@acme.example")), "invalid_grant", "user hasn't approved this consumer"),
    ] {
        let refused = assert_claims(&desk, &signer.sign(&header, &claims)).await;
        assert_eq!(refused, json!({"error": error, "error_description": description}), "{claims}");
    }
    let once = with("jti", json!("one"));
    assert!(assert_claims(&desk, &signer.sign(&header, &once)).await["access_token"].is_string());
    let stranger = Signer::new();
    for assertion in [
        signer.sign(&header, &once),
        stranger.sign(&header, &usual),
        signer.sign(&json!({"alg": "none"}), &usual),
        format!("{}x", signer.sign(&header, &usual)),
        "a.b.c".to_owned(),
        String::new(),
    ] {
        assert_eq!(assert_claims(&desk, &assertion).await["error"], "invalid_grant", "{assertion}");
    }
}

const CALLBACK: &str = "http://localhost:1717/OauthRedirect";

async fn authorize(desk: &Desk, pairs: &[(&str, &str)]) -> (u16, Vec<(String, String)>) {
    let answer = desk.send(desk.request(Method::GET, &format!("/services/oauth2/authorize?{}", form(pairs)))).await;
    let query = answer.header("location").split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
    (answer.status, url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

#[tokio::test]
async fn the_web_flow_wants_a_registered_address_and_the_verifier() {
    let desk = Desk::usual().await;
    let verifier = "v".repeat(64);
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    let base = [("response_type", "code"), ("client_id", CLIENT), ("scope", "api refresh_token"), ("state", "s&1")];
    let asked = |redirect: &'static str| base.into_iter().chain([("redirect_uri", redirect)]).collect::<Vec<_>>();
    let mut pairs = asked("http://localhost:1717/oauthredirect");
    assert_eq!(authorize(&desk, &pairs).await, (400, Vec::new()));
    pairs = asked(CALLBACK);
    let (status, told) = authorize(&desk, &pairs).await;
    assert_eq!((status, told[0].1.as_str()), (302, "invalid_request"));
    pairs.push(("code_challenge", &challenge));
    let code = async || {
        let (status, told) = authorize(&desk, &pairs).await;
        assert_eq!((status, told[0].0.as_str(), &told[1]), (302, "code", &("state".to_owned(), "s&1".to_owned())));
        told[0].1.clone()
    };
    let exchange = async |code: &str, verifier: &str, redirect: &str| {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", CLIENT),
            ("client_secret", SECRET),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        desk.token(&pairs).await.json()
    };
    assert_eq!(exchange(&code().await, &"w".repeat(64), CALLBACK).await["error_description"], "invalid code verifier");
    assert_eq!(exchange(&code().await, "short", CALLBACK).await["error"], "invalid_grant");
    assert_eq!(exchange(&code().await, &verifier, "http://localhost/").await["error"], "redirect_uri_mismatch");
    let used = code().await;
    let granted = exchange(&used, &verifier, CALLBACK).await;
    assert_eq!((granted["scope"].as_str(), granted["refresh_token"].is_string()), (Some("api refresh_token"), true));
    assert_eq!(exchange(&used, &verifier, CALLBACK).await["error_description"], "expired authorization code");
    let late = code().await;
    desk.sim.clock().advance(Duration::minutes(16));
    assert_eq!(exchange(&late, &verifier, CALLBACK).await["error_description"], "expired authorization code");
    assert!(desk.token(&refresh(granted["refresh_token"].as_str().unwrap())).await.json()["access_token"].is_string());
}

#[tokio::test]
async fn tokens_are_looked_at_and_revoked() {
    let desk = Desk::usual().await;
    let look = async |secret: &str| {
        let body = form(&[("token", &desk.token), ("token_type_hint", "access_token"), ("client_id", CLIENT), ("client_secret", secret)]);
        desk.send(desk.request(Method::POST, "/services/oauth2/introspect").body(body)).await
    };
    let seen = look(SECRET).await.json();
    assert_eq!((&seen["active"], &seen["username"]), (&json!(true), &json!("integration@acme.example")));
    assert_eq!(seen["exp"].as_i64().unwrap() - seen["iat"].as_i64().unwrap(), 7_200);
    assert_eq!(look("x").await.status, 401);
    let revoke = |token: &str| desk.send(desk.request(Method::POST, "/services/oauth2/revoke").body(form(&[("token", token)])));
    assert_eq!(revoke(&desk.token).await.status, 200);
    assert_eq!(look(SECRET).await.json(), json!({"active": false}));
    assert_eq!(desk.get("limits").await.status, 401);
    assert_eq!((revoke(REFRESH).await.status, revoke("nothing").await.status), (200, 400));
    assert_eq!(desk.token(&refresh(REFRESH)).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn versions_are_listed_and_old_ones_are_gone() {
    let desk = Desk::usual().await;
    let all = desk.send(desk.request(Method::GET, "/services/data")).await.json();
    let all = all.as_array().unwrap();
    assert_eq!((all.len(), &all[0]["version"], &all[36]["url"]), (37, &json!("31.0"), &json!("/services/data/v67.0")));
    for (version, status, code) in
        [("v30.0", 410, "GONE"), ("v68.0", 404, "NOT_FOUND"), ("v62", 404, "NOT_FOUND"), ("v31.0", 200, ""), ("v67.0", 200, "")]
    {
        let answer = desk.send(desk.request(Method::GET, &format!("/services/data/{version}")).bearer_auth(&desk.token)).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{version}");
        if status == 200 {
            assert!(answer.json()["identity"].as_str().unwrap().starts_with(&desk.sim.origin()), "{}", answer.text);
        }
    }
    let other_host = desk.request(Method::GET, "/services/data/v62.0").bearer_auth(&desk.token).header("host", "acme.my.salesforce.com");
    assert!(desk.send(other_host).await.json()["identity"].as_str().unwrap().starts_with("http://acme.my.salesforce.com/id/"));
}
