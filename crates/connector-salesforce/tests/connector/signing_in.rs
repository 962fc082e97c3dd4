//! Signing in: three ways, one session for everybody, rotation, a moved instance, and refusals.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rightful_core::{Connector as _, ErrorKind, MemorySlot, Purpose, Scan, Secret, Slot, Verdict};
use serde_json::json;

use crate::desk::*;

fn ids() -> Scan {
    Scan::ids("account", vec![account_id(1).into()])
}

#[tokio::test]
async fn sf_1_client_credentials_go_to_my_domain_in_the_body() {
    let desk = Desk::new([rows(vec![]), rows(vec![])]);
    desk.page(&ids(), None).await.unwrap();
    desk.page(&ids(), None).await.unwrap();
    let all = desk.all();
    assert_eq!((all[0].host.as_str(), all[0].path.as_str()), (INSTANCE, "/services/oauth2/token"));
    assert_eq!(all[0].body, "grant_type=client_credentials&client_id=3MVG9.consumer&client_secret=hidden-client-secret");
    assert_eq!(all[1].authorization.as_deref(), Some("Bearer access-1"));
    assert_eq!(all.len(), 3, "one sign-in serves both");
}

/// The answer to a refresh may name another instance: the call that met the end of the session goes there.
#[tokio::test]
async fn an_ended_session_is_renewed_once_at_whatever_instance_it_names_then() {
    let ended = || refused(401, "INVALID_SESSION_ID", "Session expired or invalid");
    let desk = Desk::new([ended(), token("access-2", "https://moved.my.salesforce.com"), rows(vec![])]);
    desk.page(&ids(), None).await.unwrap();
    let all = desk.all();
    assert_eq!((all[3].host.as_str(), all[3].authorization.as_deref()), ("https://moved.my.salesforce.com", Some("Bearer access-2")));
    desk.finished();

    let desk = Desk::new([ended(), token("access-2", INSTANCE), ended()]);
    assert_eq!(desk.page(&ids(), None).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
    desk.finished();
}

#[tokio::test]
async fn a_session_that_may_not_use_the_api_is_not_renewed() {
    let desk = Desk::new([refused(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API")]);
    let error = desk.page(&ids(), None).await.unwrap_err();
    assert_eq!((error.kind(), desk.all().len()), (ErrorKind::Forbidden, 2));
}

#[tokio::test]
async fn an_instance_of_somebody_else_is_sent_nothing() {
    for instance in [
        "https://evil-salesforce.com",
        "https://acme.lightning.force.com",
        "http://acme.my.salesforce.com",
        "https://acme.my.salesforce.com/x",
    ] {
        let settings = settings(&[]);
        let desk = Desk::raw(&settings, &secrets(&[]), Arc::new(MemorySlot::default()), [token("hidden-access", instance)]);
        let error = desk.page(&ids(), None).await.unwrap_err();
        assert_eq!((error.kind(), desk.all().len()), (ErrorKind::Protocol, 1), "{instance}");
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
    }
}

#[tokio::test]
async fn sf_1_a_rotated_refresh_token_is_saved_and_used_next() {
    let rotated = |number: u32| {
        answer(
            200,
            &json!({ "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"), "instance_url": INSTANCE }),
        )
    };
    let settings = settings(&[("sign_in", json!("refresh-token")), ("login_url", json!("https://login.salesforce.com"))]);
    let secrets = secrets(&[("refresh_token", "refresh-0")]);
    let slot: Arc<dyn Slot> = Arc::new(MemorySlot::default());
    let ended = refused(401, "INVALID_SESSION_ID", "Session expired or invalid");
    let desk = Desk::raw(&settings, &secrets, slot.clone(), [rotated(1), rows(vec![]), ended, rotated(2), rows(vec![])]);
    desk.page(&ids(), None).await.unwrap();
    assert!(slot.load().await.unwrap().text.unwrap().expose().contains("refresh-1"));
    desk.page(&ids(), None).await.unwrap();
    let all = desk.all();
    assert_eq!((all[0].host.as_str(), all[1].host.as_str()), ("https://login.salesforce.com", INSTANCE));
    assert!(all[0].body.contains("refresh_token=refresh-0") && all[3].body.contains("refresh_token=refresh-1"), "{all:#?}");

    // Another process takes the session over, with its instance, and exchanges nothing.
    let other = Desk::raw(&settings, &secrets, slot, [rows(vec![])]);
    other.page(&ids(), None).await.unwrap();
    assert_eq!((other.all()[0].host.as_str(), other.all()[0].authorization.as_deref()), (INSTANCE, Some("Bearer access-2")));
}

/// A key made for this run: none lies in the repository.
fn pem() -> &'static str {
    static PEM: OnceLock<String> = OnceLock::new();
    PEM.get_or_init(|| {
        let der: Pkcs8V1Der<'_> = KeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
    })
}

fn assertion() -> (rightful_core::Settings, rightful_core::Secrets) {
    let settings = settings(&[
        ("sign_in", json!("jwt-bearer")),
        ("username", json!("bot@acme.example")),
        ("login_url", json!("https://acme--dev.sandbox.my.salesforce.com")),
    ]);
    (settings, secrets(&[("private_key", pem())]))
}

#[tokio::test]
async fn sf_1_an_assertion_opens_a_session_that_use_keeps_alive() {
    let (settings, secrets) = assertion();
    let script = [token("access-1", INSTANCE), rows(vec![]), rows(vec![]), rows(vec![]), token("access-2", INSTANCE), rows(vec![])];
    let desk = Desk::raw(&settings, &secrets, Arc::new(MemorySlot::default()), script);
    for minutes in [80, 80, 100, 0] {
        desk.page(&ids(), None).await.unwrap();
        desk.clock.advance(Duration::from_secs(minutes * 60));
    }
    let all = desk.all();
    let (grant, assertion) = all[0].body.split_once("&assertion=").unwrap();
    assert_eq!(grant, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer");
    let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        claims,
        json!({ "iss": "3MVG9.consumer", "sub": "bot@acme.example", "aud": "https://test.salesforce.com", "exp": 1_795_770_120 })
    );
    let hosts: Vec<&str> = all.iter().map(|sent| sent.host.as_str()).collect();
    let login = "https://acme--dev.sandbox.my.salesforce.com";
    assert_eq!(hosts, [login, INSTANCE, INSTANCE, INSTANCE, login, INSTANCE]);
    assert_eq!(all[5].authorization.as_deref(), Some("Bearer access-2"));
}

#[tokio::test]
async fn a_refused_assertion_says_why_and_is_sent_once() {
    let (settings, secrets) = assertion();
    let refusal = answer(400, &json!({ "error": "invalid_grant", "error_description": "user hasn't approved this consumer" }));
    let desk = Desk::raw(&settings, &secrets, Arc::new(MemorySlot::default()), [refusal]);
    for _ in 0..2 {
        let error = desk.page(&ids(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.mend().unwrap().contains("pre-authorise"), "{error:?}");
    }
    assert_eq!(desk.all().len(), 1);
}

#[tokio::test]
async fn eight_reads_side_by_side_sign_in_once() {
    let desk = Desk::new((0..8).map(|_| rows(vec![])));
    futures::future::join_all((0..8).map(|_| async { desk.page(&ids(), None).await.unwrap() })).await;
    let signed_in = desk.all().iter().filter(|sent| sent.path.ends_with("/token")).count();
    assert_eq!((signed_in, desk.all().len()), (1, 9));
}

#[tokio::test]
async fn a_refused_secret_is_tried_once_until_somebody_asks() {
    let refusal = || answer(400, &json!({ "error": "invalid_client", "error_description": "hidden-client-secret is wrong" }));
    let desk = Desk::raw(&settings(&[]), &secrets(&[]), Arc::new(MemorySlot::default()), [refusal(), refusal()]);
    for _ in 0..3 {
        let error = desk.page(&ids(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.mend().unwrap().contains("run-as user") && !format!("{error:?}").contains("hidden"), "{error:?}");
    }
    assert_eq!(desk.all().len(), 1);
    let findings = desk.connector.preflight(&Purpose::Read(vec!["account".into()])).await.unwrap();
    assert_eq!((findings.len(), findings[0].check.as_str(), findings[0].verdict), (1, "sign-in", Verdict::Fail));
    assert_eq!(desk.all().len(), 2);
}

#[tokio::test]
async fn a_preflight_names_what_is_missing() {
    let described = |updateable: bool| {
        answer(
            200,
            &json!({ "updateable": updateable, "fields": [
            { "name": "OwnerId", "type": "reference", "updateable": updateable }, { "name": "AccountNumber", "type": "string" } ] }),
        )
    };
    let limits =
        || answer(200, &json!({ "DailyApiRequests": { "Max": 15000, "Remaining": 14998 }, "DataStorageMB": { "Max": 5, "Remaining": 5 } }));
    let who = || answer(200, &json!({ "preferred_username": "bot@acme.example", "organization_id": "00DQk0000012345MAA" }));
    let versions =
        || answer(200, &json!([{ "label": "x", "url": "/x", "version": "62.0" }, { "label": "y", "url": "/y", "version": "63.0" }]));
    let no_such_object = || refused(400, "INVALID_TYPE", "sObject type 'UserPermissionAccess' is not supported.");
    let purpose = Purpose::Write(vec!["account".into()]);

    let desk = Desk::new([limits(), who(), versions(), count(30), no_such_object(), described(true), count(7)]);
    let findings = desk.connector.preflight(&purpose).await.unwrap();
    let told: Vec<(&str, Verdict)> = findings.iter().map(|finding| (finding.check.as_str(), finding.verdict)).collect();
    assert_eq!(
        told,
        [
            ("sign-in", Verdict::Pass),
            ("api-enabled", Verdict::Pass),
            ("api-quota", Verdict::Pass),
            ("api-version", Verdict::Pass),
            ("view-all-users", Verdict::CannotTell),
            ("read-account", Verdict::Pass),
            ("write-account", Verdict::Pass),
        ]
    );
    desk.finished();

    let desk = Desk::new([limits(), who(), versions(), count(1), no_such_object(), described(false), count(7)]);
    let findings = desk.connector.preflight(&purpose).await.unwrap();
    for check in ["view-all-users", "write-account"] {
        let finding = findings.iter().find(|finding| finding.check == check).unwrap();
        assert!(finding.verdict == Verdict::Fail && finding.remedy.is_some(), "{finding:?}");
    }

    let desk = Desk::new([refused(403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner"), who()]);
    let findings = desk.connector.preflight(&purpose).await.unwrap();
    let closed = findings.last().unwrap();
    assert_eq!((closed.check.as_str(), closed.verdict), ("api-enabled", Verdict::Fail));
    assert!(closed.remedy.as_ref().unwrap().contains("API Enabled"));
    desk.finished();
}

#[tokio::test]
async fn sf_8_a_secret_is_never_printed() {
    let desk = Desk::new([rows(vec![])]);
    desk.page(&ids(), None).await.unwrap();
    let printed = format!("{:?}", desk.connector);
    for secret in ["hidden", "access-1"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert_eq!(format!("{:?}", Secret::new("x")), "***");
}
