//! One session for everybody, one attempt with a wrong password, and no address that the host rule does not know.

use connector_sage_intacct::SageIntacctConnector;
use connector_sage_intacct::sim::Options;
use rightful_core::{Connector, Context, ErrorKind, Purpose, Scan, Secret, Settings, Verdict};
use serde_json::json;

use crate::desk::{Desk, Mishap, secrets};

/// IN-27: whichever of the two passwords is wrong, it is sent once.
#[tokio::test]
async fn in_27_a_wrong_password_is_sent_once() {
    for (sender, user) in [("sender-secret", "wrong"), ("wrong", "user-secret")] {
        let desk = Desk::with(Options::default(), &[], &secrets(sender, user));
        for kind in ["customer", "user", "employee"] {
            let error = desk.connector.read(&Scan::all(kind), None).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        }
        let findings = desk.connector.preflight(&Purpose::Read(vec!["customer".into()])).await.unwrap();
        assert_eq!(findings.last().unwrap().verdict, Verdict::Fail);
        assert_eq!(desk.requests().len(), 1, "{sender} {user}");
    }
}

/// IN-9: a session that ended is replaced once, for everybody who waits.
#[tokio::test]
async fn in_9_an_ended_session_is_replaced_once() {
    let desk = Desk::new(Options::default(), &[("concurrency", 2)]);
    desk.read(&Scan::all("customer")).await.unwrap();
    desk.control("expire-sessions", json!(null));
    let scans = ["customer", "employee", "contact", "user"].map(Scan::all);
    for outcome in futures::future::join_all(scans.iter().map(|scan| desk.connector.read(scan, None))).await {
        outcome.unwrap();
    }
    assert_eq!(desk.control("sign-ins", json!(null))["ok"], 2);
}

/// IN-9: each answer moves the session's end, so that one in use is never renewed.
#[tokio::test]
async fn in_9_a_session_in_use_stays() {
    let desk = Desk::new(Options { session_seconds: 600, ..Options::default() }, &[]);
    for _ in 0..8 {
        desk.connector.read(&Scan::all("customer"), None).await.unwrap();
        desk.advance(5);
    }
    assert_eq!(desk.control("sign-ins", json!(null))["ok"], 1);
    desk.advance(10);
    desk.connector.read(&Scan::all("customer"), None).await.unwrap();
    assert_eq!(desk.control("sign-ins", json!(null))["ok"], 2);
}

/// IN-10: the sender password goes nowhere else.
#[tokio::test]
async fn in_10_an_endpoint_that_is_not_trusted_gets_nothing() {
    let desk = Desk::new(Options::default(), &[]);
    desk.mishap(0, Mishap::Vendor("evil-endpoint"));
    let error = desk.connector.read(&Scan::all("customer"), None).await.unwrap_err();
    assert_eq!((error.kind(), desk.requests().len()), (ErrorKind::Protocol, 1));
    assert!(desk.urls().iter().all(|url| url.host_str() == Some("127.0.0.1")));
}

/// IN-25: where we stand is what the configuration says, and it decides what is seen.
#[tokio::test]
async fn in_25_the_level_is_explicit() {
    let settings = |entity: &str, private: bool| {
        Settings::new([
            ("base_url", json!("http://127.0.0.1:1/ia/xml/xmlgw.phtml")),
            ("sender_id", json!("RightfulSandbox")),
            ("company_id", json!("RIGHTFUL-DEMO")),
            ("user_id", json!("ws_rightful")),
            ("entity", json!(entity)),
            ("show_private", json!(private)),
        ])
    };
    let desk = Desk::new(Options::default(), &[]);
    for (entity, private, seen) in [("top", true, 26), ("top", false, 24), ("NORTH", false, 25), ("SOUTH", true, 25)] {
        let context =
            Context { permits: desk.context.permits.clone(), clock: desk.context.clock.clone(), ..Context::new("erp", desk.wire.clone()) };
        let connector =
            SageIntacctConnector::connect(&settings(entity, private), &secrets("sender-secret", "user-secret"), context).unwrap();
        let page = connector.read(&Scan::all("customer"), None).await.unwrap();
        assert_eq!((page.items.len(), page.whole), (seen, Some(seen as u64)), "{entity} {private}");
        let findings = connector.preflight(&Purpose::Read(vec!["customer".into()])).await.unwrap();
        let level = findings.iter().find(|finding| finding.check == "entity-level").unwrap();
        assert_eq!(level.verdict, Verdict::Pass, "{level:?}");
    }
    let context = Context { clock: desk.context.clock.clone(), ..Context::new("erp", desk.wire.clone()) };
    let connector = SageIntacctConnector::connect(&settings("NOWHERE", true), &secrets("sender-secret", "user-secret"), context).unwrap();
    assert_eq!(connector.read(&Scan::all("customer"), None).await.unwrap_err().kind(), ErrorKind::Unauthenticated);
}

/// Credentials with characters that mean something in XML, or look like the places they are put into.
#[tokio::test]
async fn credentials_with_any_characters_sign_in() {
    for password in ["p&ss'w<rd>\"42", "<password/>", "<sessionid/>", " spaces inside ", "pässwörd"] {
        let options = Options { user_password: Secret::new(password), sender_password: Secret::new(password), ..Options::default() };
        let desk = Desk::with(options, &[], &secrets(password, password));
        desk.connector.read(&Scan::all("customer"), None).await.unwrap();
    }
}

/// IN-1: nothing is sent in clear, unless it stays on this machine.
#[test]
fn in_1_the_gateway_is_reached_encrypted() {
    for (address, fits) in [
        ("https://api.intacct.com/ia/xml/xmlgw.phtml", true),
        ("http://127.0.0.1:9/ia/xml/xmlgw.phtml", true),
        ("http://api.intacct.com/ia/xml/xmlgw.phtml", false),
        ("http://10.0.0.1/", false),
    ] {
        let settings = [("base_url", address), ("sender_id", "A"), ("company_id", "B"), ("user_id", "C"), ("entity", "top")];
        let desk = Desk::new(Options::default(), &[]);
        let settings = Settings::new(settings.map(|(key, value)| (key, json!(value))));
        let connected = SageIntacctConnector::connect(&settings, &secrets("sender-secret", "user-secret"), desk.context.clone());
        assert_eq!(connected.as_ref().err().map(|error| error.kind()), (!fits).then_some(ErrorKind::Config), "{address}");
    }
}
