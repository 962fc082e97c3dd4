//! Settings that are missing or cannot be right: each error names its setting and says how to mend it.

use connector_salesforce::{DESCRIPTOR, SalesforceConnector};
use rightful_core::{Context, ErrorKind, ScriptedTransport, Secrets, Settings};
use serde_json::{Value as Json, json};

use crate::desk::{declared, secrets, settings};

fn connected(settings: &Settings, secrets: &Secrets) -> rightful_core::Result<SalesforceConnector> {
    let transport = std::sync::Arc::new(ScriptedTransport::default());
    let outcome = SalesforceConnector::connect(settings, secrets, Context::new("crm", transport.clone()));
    assert_eq!(transport.requests().len(), 0, "connecting sends nothing");
    outcome
}

#[tokio::test]
async fn each_wrong_setting_is_named_with_a_remedy() {
    let table: Vec<(&str, Json)> = vec![
        ("login_url", json!("acme.my.salesforce.com")),
        ("login_url", json!("http://acme.my.salesforce.com")),
        ("login_url", json!("https://acme.my.salesforce.com/services/data")),
        ("login_url", json!("https://login.salesforce.com")),
        ("login_url", json!("https://test.salesforce.com")),
        ("sign_in", json!("password")),
        ("client_id", json!(" ")),
        ("api_version", json!("30.0")),
        ("api_version", json!("sixty")),
        ("objects", json!("Case, Visit c")),
        ("objects", json!("Account")),
        ("objects", json!("Case,case")),
        ("account_code", json!("Account.Number")),
        ("trusted_instance", json!("https://crm.example/path")),
        ("page_size", json!(199)),
        ("page_size", json!(2001)),
        ("ranges", json!(0)),
        ("bulk_from", json!(0)),
        ("lookback", json!(-1)),
        ("batch", json!(201)),
        ("width", json!(0)),
        ("session_minutes", json!(1)),
        ("daily_share", json!(101)),
    ];
    for (key, value) in table {
        let error = connected(&settings(&[(key, value.clone())]), &secrets(&[])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{key} {value}");
        assert!(format!("{error}").contains(key) && error.mend().is_some(), "{key} {value}: {error:?}");
    }
}

#[tokio::test]
async fn each_way_wants_its_own_secrets() {
    let none = Secrets::default();
    for (way, wanted) in [("client-credentials", "client_secret"), ("jwt-bearer", "private_key")] {
        let error = connected(&settings(&[("sign_in", json!(way))]), &none).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(wanted), "{way}: {error:?}");
    }
    // A refresh token may also be what a person's sign-in left.
    connected(&settings(&[("sign_in", json!("refresh-token"))]), &none).unwrap();
}

#[test]
fn a_person_signs_in_at_the_login_address_and_only_where_it_counts() {
    let offered = DESCRIPTOR.web_sign_in.expect("Salesforce signs people in in a browser");
    let by_token = ("sign_in", json!("refresh-token"));
    let way = offered(&settings(&[by_token.clone(), ("login_url", json!("https://test.salesforce.com"))]), &secrets(&[])).unwrap();
    assert_eq!(way.authorize_url.as_str(), "https://test.salesforce.com/services/oauth2/authorize");
    assert_eq!(way.scopes, ["api", "refresh_token"]);
    assert!(!format!("{way:?}").contains("hidden"));
    for (more, token, wanted) in [
        (vec![], None, "`sign_in` is client-credentials, which needs no person"),
        (vec![("sign_in", json!("jwt-bearer"))], None, "`sign_in` is jwt-bearer"),
        (vec![by_token.clone()], Some(("refresh_token", "hidden-refresh")), "`refresh_token` is given"),
        (vec![by_token.clone(), ("login_url", json!("http://acme.my.salesforce.com"))], None, "`login_url`"),
        (vec![by_token.clone(), ("client_id", json!(" "))], None, "`client_id`"),
    ] {
        let error = offered(&settings(&more), &secrets(token.as_slice())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(wanted) && error.mend().is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn examples_connect_and_kinds_follow_the_settings() {
    let settings = settings(&[("objects", json!("Case, Visit__c:Number__c")), ("api_version", json!("v62.0"))]);
    connected(&settings, &secrets(&[])).unwrap();
    assert_eq!(declared(), ["user", "queue", "account", "contact", "lead", "opportunity"]);
    let kinds: Vec<String> = DESCRIPTOR.kinds_with(&settings).iter().map(|spec| spec.kind.to_string()).collect();
    assert_eq!(kinds, ["user", "queue", "account", "contact", "lead", "opportunity", "Case", "Visit__c"]);
}
