//! Connections: entered by form, judged before anything is kept, their secrets never given back.

use std::sync::atomic::Ordering;

use rightful_core::{Error, ErrorKind, Finding, Setting, SettingType, Settings, Verdict};
use rightful_engine::{Access, AccessRole, AuditFilter, AuditLog as _, ConnectionStore as _, StoredConnection};
use serde_json::json;

use crate::stage::{Answer, Browser, Stage, TOY};

const SECRET: &str = "s3cret-of-the-toy";

/// A filled form, with some of it otherwise.
fn form<'a>(change: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("vendor", "toy"),
        ("name", "north"),
        ("setting.base_url", ""),
        ("setting.company_id", "ACME"),
        ("setting.page_size", "50"),
        ("setting.show_private", "false"),
        ("setting.tier", "high"),
        ("secret.api_key", SECRET),
        ("secret.pin", ""),
    ];
    for (key, value) in change {
        fields.retain(|(known, _)| known != key);
        fields.push((key, value));
    }
    fields
}

async fn kept(stage: &Stage) -> Vec<StoredConnection> {
    stage.store.connections().await.unwrap()
}

async fn opened(stage: &Stage, key: &'static str) -> Option<String> {
    let setting = Setting { key, takes: SettingType::Secret, required: false, default: None, about: "", example: "" };
    let secrets = stage.store.open_secrets(&"north".into()).await.unwrap();
    secrets.get(&setting).ok().map(|secret| secret.expose().to_owned())
}

/// The connection `north` as the form leaves it, and an integrator in front of it.
async fn with_north(stage: &Stage) -> Browser {
    let mut browser = stage.signed_in("integrator").await;
    browser.submit("/connections", &form(&[])).await.leads("/connections/north");
    browser
}

fn never(answer: &Answer, secret: &str) {
    assert!(!answer.body.contains(secret), "a secret was sent back: {}", answer.body);
}

#[tokio::test]
async fn the_form_comes_from_the_descriptor() {
    let stage = Stage::set().await;
    let mut browser = stage.signed_in("integrator").await;
    browser.get("/connections/new").await.says(200, &["Which vendor's account is it?", "Toy & Sons", "Sells toys."]);
    let page = browser.get("/connections/new?vendor=toy").await;
    page.says(
        200,
        &[
            "Base URL",
            "Left empty: https://api.toy.example/v1",
            "Company ID needed",
            "For example ACME",
            "as usual: yes",
            "choose",
            "API key needed",
            "never shown again",
        ],
    );
    for setting in TOY.settings {
        let name =
            if setting.takes == SettingType::Secret { format!("secret.{}", setting.key) } else { format!("setting.{}", setting.key) };
        assert!(page.body.contains(&format!("name=\"{name}\"")), "no field for {}", setting.key);
    }
    assert!(!page.body.contains("allow_private"), "a form must not offer it");
    browser.get("/connections/new?vendor=tony").await.says(404, &["there is no vendor `tony`"]);
}

#[tokio::test]
async fn what_is_entered_is_kept_with_its_types_and_sealed() {
    let stage = Stage::set().await;
    let mut browser = stage.signed_in("integrator").await;
    // Only the file can let a connection reach private addresses.
    let answer = browser.submit("/connections", &form(&[("allow_private", "true"), ("setting.allow_private", "true")])).await;
    answer.leads("/connections/north");
    let expected =
        Settings::new([("company_id", json!("ACME")), ("page_size", json!(50)), ("show_private", json!(false)), ("tier", json!("high"))]);
    let north = &kept(&stage).await[0];
    assert_eq!((&north.settings, north.vendor.as_str(), north.sealed.len()), (&expected, "toy", 1));
    assert_eq!(opened(&stage, "api_key").await.as_deref(), Some(SECRET));
    assert!(!String::from_utf8_lossy(&stage.raw()).contains(SECRET), "the secret stands in the store in clear");
    assert_eq!(stage.toy.reloads.load(Ordering::SeqCst), 1);

    let page = browser.get("/connections/north").await;
    page.says(
        200,
        &[
            "Added. Test it",
            "Set, sealed since 2027-01-15 08:00 UTC",
            "Not set.",
            "May reach private addresses no only the configuration file can say so",
        ],
    );
    never(&page, SECRET);
    let list = browser.get("/connections").await;
    list.says(
        200,
        &["north", "Toy & Sons", "console", "in-file", "configuration file", "Not ready the environment variable TOY_KEY is not set"],
    );
    never(&list, SECRET);
    let act = stage.last_act().await;
    assert_eq!((act.action.as_str(), act.object.as_str(), act.actor.as_str()), ("connection.add", "north", "integrator"));
    assert_eq!(act.detail["secrets set"], json!(["api_key"]));
    let acts = stage.store.acts(&AuditFilter { limit: 100, ..AuditFilter::default() }).await.unwrap();
    assert!(!format!("{acts:?}").contains(SECRET));
}

#[tokio::test]
async fn what_is_wrong_is_told_beside_its_field_and_only_secrets_have_to_be_typed_again() {
    let stage = Stage::set().await;
    let mut browser = stage.signed_in("integrator").await;
    for (key, value, told) in [
        ("setting.base_url", "https://127.0.0.1/", "127.0.0.1 is not a public address"),
        ("setting.base_url", "https://2130706433/", "127.0.0.1 is not a public address"),
        ("setting.base_url", "https://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1 is not a public address"),
        ("setting.base_url", "https://169.254.169.254/latest", "169.254.169.254 is not a public address"),
        ("setting.base_url", "https://localhost/", "`localhost` is a name of your own network"),
        ("setting.base_url", "http://api.toy.example/", "not encrypted"),
        ("setting.base_url", "file:///etc/passwd", "cannot begin with `file:`"),
        ("setting.base_url", "https://user:word@api.toy.example/", "carries a user name or password"),
        ("setting.company_id", " ", "this is needed; for example ACME"),
        ("setting.page_size", "many", "a whole number, for example 200"),
        ("setting.page_size", "900", "`page_size` must be from 1 to 200; leave it out"),
        ("setting.show_private", "perhaps", "true or false"),
        ("setting.tier", "middle", "`tier` cannot be `middle`"),
        ("name", "", "give it a name"),
        ("name", "new", "`new` is taken by the console itself"),
        ("name", "a/b", "letters, digits, `-` and `_` only"),
        ("name", "<script>", "letters, digits, `-` and `_` only"),
    ] {
        let answer = browser.submit("/connections", &form(&[(key, value)])).await;
        answer.says(422, &[told, "Not saved: one field below has to be put right; secrets have to be typed again."]);
        never(&answer, SECRET);
        let id = format!("id=\"wrong-{}\"", key.trim_start_matches("setting."));
        let (_, beside) = answer.body.split_once(&id).unwrap_or_else(|| panic!("{key}: nothing beside the field"));
        assert!(beside.split("</p>").next().unwrap().len() > 2);
        for typed in ["value=\"ACME\"", "value=\"50\"", "value=\"high\" selected", "value=\"north\""] {
            let changed = ["setting.company_id", "setting.page_size", "setting.tier", "name"].contains(&key);
            assert!(changed || answer.body.contains(typed), "{typed} is lost after {key}");
        }
    }
    let answer = browser.submit("/connections", &form(&[("setting.page_size", "x"), ("setting.tier", "y"), ("name", "")])).await;
    answer.says(422, &["3 fields below have to be put right"]);
    assert!(kept(&stage).await.is_empty());
    assert_eq!(stage.toy.reloads.load(Ordering::SeqCst), 0);
    browser.submit("/connections", &form(&[("name", "in-file")])).await.says(409, &["there is a connection of that name already"]);
}

#[tokio::test]
async fn secrets_are_kept_replaced_or_taken_away() {
    let stage = Stage::set().await;
    let mut browser = with_north(&stage).await;
    let save = |change: &[(&'static str, &'static str)], revision: &'static str| {
        let mut fields = form(&[("secret.api_key", "")]);
        fields.push(("revision", revision));
        fields.extend_from_slice(change);
        fields
    };
    browser.submit("/connections/north", &save(&[], "1")).await.leads("/connections/north");
    assert_eq!(opened(&stage, "api_key").await.as_deref(), Some(SECRET), "left empty it stays");
    let mut fields = save(&[], "2");
    fields.retain(|(key, _)| !key.starts_with("secret."));
    fields.extend([("secret.api_key", "another-s3cret"), ("secret.pin", "0000-1111")]);
    browser.submit("/connections/north", &fields).await.leads("/connections/north");
    assert_eq!(
        (opened(&stage, "api_key").await.as_deref(), opened(&stage, "pin").await.as_deref()),
        (Some("another-s3cret"), Some("0000-1111"))
    );
    browser.submit("/connections/north", &save(&[("take.pin", "1")], "3")).await.leads("/connections/north");
    assert_eq!((opened(&stage, "api_key").await.as_deref(), opened(&stage, "pin").await), (Some("another-s3cret"), None));
    assert_eq!(stage.last_act().await.detail["secrets taken away"], json!(["pin"]));
    browser.submit("/connections/north", &save(&[("take.api_key", "1")], "4")).await.leads("/connections/north");
    browser.get("/connections/north").await.says(200, &["Saved, but it is not ready yet: a secret is missing (API key)."]);
    let mut both = save(&[("take.api_key", "1")], "5");
    both.retain(|(key, _)| !key.starts_with("secret."));
    both.push(("secret.api_key", SECRET));
    let answer = browser.submit("/connections/north", &both).await;
    answer.says(422, &["either a new one, or taken away"]);
    never(&answer, SECRET);
    let raw = stage.raw();
    let raw = String::from_utf8_lossy(&raw);
    assert!(!raw.contains(SECRET) && !raw.contains("another-s3cret") && !raw.contains("0000-1111"));
}

#[tokio::test]
async fn without_a_master_key_secrets_are_not_taken_and_the_rest_is_not_lost() {
    let stage = Stage::set().await;
    stage.toy.can_seal.store(false, Ordering::SeqCst);
    let mut browser = stage.signed_in("integrator").await;
    let how = "make one with `rightful key new`";
    browser.get("/connections/new?vendor=toy").await.says(200, &["No master key is given", how]);
    let answer = browser.submit("/connections", &form(&[])).await;
    answer.says(422, &["without a master key secrets cannot be kept", how, "secrets have to be typed again"]);
    never(&answer, SECRET);
    assert!(answer.body.contains("value=\"ACME\"") && answer.body.contains("value=\"north\""));
    assert!(kept(&stage).await.is_empty());
    browser.submit("/connections", &form(&[("secret.api_key", "")])).await.leads("/connections/north");
    browser.get("/connections/north").await.says(200, &["Added, but it is not ready yet: a secret is missing (API key)."]);
}

#[tokio::test]
async fn two_editors_cannot_both_win() {
    let stage = Stage::set().await;
    let mut one = with_north(&stage).await;
    let mut two = stage.signed_in("admin").await;
    let revision = one.get("/connections/north").await.hidden("revision");
    assert_eq!(two.get("/connections/north").await.hidden("revision"), revision);
    let save = |company: &'static str, revision: &str| {
        let mut fields = form(&[("setting.company_id", company), ("secret.api_key", "a-newer-s3cret")]);
        fields.push(("revision", Box::leak(revision.to_owned().into_boxed_str())));
        fields
    };
    one.submit("/connections/north", &save("FIRST", &revision)).await.leads("/connections/north");
    let answer = two.submit("/connections/north", &save("SECOND", &revision)).await;
    answer.says(
        409,
        &["Somebody else changed this connection while you were editing. Nothing of yours was saved.", "Saved meanwhile: FIRST"],
    );
    never(&answer, "a-newer-s3cret");
    assert!(answer.body.contains("value=\"SECOND\""), "what was typed is lost");
    let company = |settings: &Settings| settings.text(&TOY.settings[1]).unwrap();
    assert_eq!(company(&kept(&stage).await[0].settings), "FIRST");
    two.submit("/connections/north", &save("SECOND", &answer.hidden("revision"))).await.leads("/connections/north");
    assert_eq!(company(&kept(&stage).await[0].settings), "SECOND");
    assert_eq!(
        stage.last_act().await.detail,
        json!({ "vendor": "toy", "before": { "company_id": "FIRST" }, "after": { "company_id": "SECOND" }, "secrets set": ["api_key"] })
    );
}

#[tokio::test]
async fn a_connection_of_the_file_is_read_only_and_names_the_key_that_would_change_it() {
    let stage = Stage::set().await;
    let mut browser = stage.signed_in("integrator").await;
    let page = browser.get("/connections/in-file").await;
    page.says(
        200,
        &[
            "stands in the configuration file and is read-only here",
            "[connections.in-file]",
            "company_id NORTH",
            "base_url https://api.toy.example/v1 (as usual)",
            "api_key given: env TOY_KEY",
            "pin not given",
            "May reach private addresses yes",
            "TOY_KEY is not set",
        ],
    );
    assert!(!page.body.contains("name=\"setting."), "a form for a connection of the file");
    for path in ["/connections/in-file", "/connections/in-file/remove"] {
        let answer = browser.submit(path, &form(&[("revision", "0")])).await;
        answer.says(409, &["connection `in-file` stands in the configuration file", "change [connections.in-file] there"]);
    }
    browser.get("/connections/in-file/remove").await.says(409, &[]);
    browser.get("/connections/none").await.says(404, &["there is no connection `none`"]);
}

#[tokio::test]
async fn the_test_button_shows_each_finding_with_what_to_do() {
    let stage = Stage::set().await;
    let mut browser = with_north(&stage).await;
    browser
        .submit("/connections/north/test", &[])
        .await
        .says(200, &["Everything that was looked at is in place.", "pass sign-in the key was accepted"]);
    let act = stage.last_act().await;
    assert_eq!((act.action.as_str(), act.object.as_str()), ("connection.test", "north"));
    let findings = vec![
        Finding::pass("sign-in", "the key was accepted"),
        Finding::of(Verdict::Fail, "read-customer", "403 <forbidden>", "give the key the right to read customers"),
        Finding::of(Verdict::Advice, "clock", "two minutes behind", "set it"),
        Finding::of(Verdict::NotYet, "licence", "none is left", "buy one"),
        Finding::of(Verdict::CannotTell, "webhook", "the vendor does not say", "look there"),
    ];
    stage.toy.findings.lock().unwrap().insert("north".to_owned(), Ok(findings));
    let page = browser.submit("/connections/north/test", &[]).await;
    page.says(
        200,
        &[
            "Something is not in place yet",
            "fail read-customer 403 <forbidden> give the key the right to read customers",
            "advice clock",
            "not yet licence",
            "cannot tell webhook",
        ],
    );
    assert!(!page.body.contains("<forbidden>"));
    let error = Error::new(ErrorKind::Config, "the host's address is not public").hint("check the base URL");
    stage.toy.findings.lock().unwrap().insert("north".to_owned(), Err(error));
    let page = browser.submit("/connections/north/test", &[]).await;
    page.says(200, &["the host's address is not public; check the base URL", "reaches public addresses only"]);
    browser.submit("/connections/in-file/test", &[]).await.says(200, &["pass sign-in"]);
}

#[tokio::test]
async fn a_connection_is_removed_with_its_secrets_unless_it_is_used() {
    let stage = Stage::set().await;
    let mut browser = with_north(&stage).await;
    stage.toy.used_by.lock().unwrap().insert("north".to_owned(), vec!["rep-codes".to_owned()]);
    browser.get("/connections/north/remove").await.says(200, &["It is used by rep-codes and cannot be removed"]);
    browser.submit("/connections/north/remove", &[]).await.says(409, &["connection `north` is used by rep-codes"]);
    assert_eq!(kept(&stage).await.len(), 1);
    stage.toy.used_by.lock().unwrap().clear();
    browser.get("/connections/north/remove").await.says(200, &["Remove north?", "its name goes on standing for that account"]);
    assert_eq!(kept(&stage).await.len(), 1, "looking does not remove");
    browser.submit("/connections/north/remove", &[]).await.leads("/connections");
    browser.get("/connections").await.says(200, &["Connection north was removed, and its secrets with it."]);
    assert!(kept(&stage).await.is_empty());
    assert_eq!(opened(&stage, "api_key").await, None);
    assert_eq!(stage.last_act().await.action, "connection.remove");
}

#[tokio::test]
async fn only_integrators_of_everything_keep_connections() {
    let stage = Stage::set().await;
    with_north(&stage).await;
    stage.member("scoped", Access { role: AccessRole::Admin, scope: Some(["rep-codes".to_owned()].into()) }).await;
    let before = kept(&stage).await;
    for name in ["viewer", "manager", "scoped"] {
        let mut browser = stage.signed_in(name).await;
        for path in ["/connections", "/connections/new", "/connections/north", "/connections/north/remove"] {
            browser.get(path).await.says(403, &["keep connections"]);
        }
        for path in ["/connections", "/connections/north", "/connections/north/test", "/connections/north/remove"] {
            browser.submit(path, &form(&[("name", "eve"), ("revision", "1")])).await.says(403, &[]);
        }
    }
    assert_eq!(kept(&stage).await, before);
}
