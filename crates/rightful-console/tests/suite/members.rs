//! Members: adding with a one-time link, changing with what ends, and what cannot be done.

use rightful_engine::{Access, AccessRole, AccessStore as _};
use serde_json::json;

use crate::sessions::link_in;
use crate::stage::{PASSWORD, Stage};

#[tokio::test]
async fn a_new_member_gets_a_link_that_is_shown_once_and_kept_nowhere() {
    let stage = Stage::set().await;
    let mut admin = stage.signed_in("admin").await;
    admin.get("/settings/members/new").await.says(200, &["Add a member", "Account manager", "rep-codes"]);
    let fields = [("name", "nadia"), ("display_name", "Nadia O."), ("role", "account-manager"), ("where", "some"), ("scope", "rep-codes")];
    let page = admin.submit("/settings/members", &fields).await;
    page.says(200, &["Nadia O. was added.", "http://console.test/invitation/", "It works once, for 24 hours"]);
    let link = link_in(&page.body);
    let secret = link.rsplit('/').next().unwrap();
    assert!(!String::from_utf8_lossy(&stage.raw()).contains(secret), "the link itself is in the store");
    let nadia = stage.member_named("NADIA").await;
    let access = Access { role: AccessRole::AccountManager, scope: Some(["rep-codes".to_owned()].into()) };
    assert_eq!((nadia.display_name.as_str(), &nadia.access, nadia.active), ("Nadia O.", &access, true));
    stage.browser().post("/sign-in", &[("name", "nadia"), ("password", "")]).await.says(401, &[]);

    let page = admin.get(&format!("/settings/members/{}", nadia.id)).await;
    page.says(200, &["Nadia O."]);
    assert!(!page.body.contains("/invitation/"), "the link is shown again");
    let page = admin.submit(&format!("/settings/members/{}/link", nadia.id), &[]).await;
    let newer = link_in(&page.says(200, &["Send this to Nadia O."]).body);
    stage.browser().get(&link).await.says(404, &["this link was used, has ended"]);
    let mut browser = stage.browser();
    browser.get(&newer).await.says(200, &["Hello Nadia O.", "you sign in as nadia"]);
    browser.post(&newer, &[("password", PASSWORD), ("again", PASSWORD)]).await.leads("/integrations");
    browser.get("/integrations").await.says(200, &["Nadia O.", "rep-codes"]);
    browser.get("/settings/members").await.says(403, &["keep members and tokens"]);

    let lines = admin.get("/audit?object=nadia").await;
    lines.says(200, &["added a member", "made a one-time link", "role nothing → became account-manager", "set a password", "signed in"]);
}

#[tokio::test]
async fn links_lead_to_the_address_at_which_the_console_is_reached() {
    let stage = Stage::set().await;
    *stage.toy.public_url.lock().unwrap() = Some("https://rightful.example.com/".to_owned());
    let mut admin = stage.signed_in("admin").await;
    let id = stage.member_named("viewer").await.id;
    let page = admin.submit(&format!("/settings/members/{id}/link"), &[]).await;
    page.says(200, &["https://rightful.example.com/invitation/"]);
}

#[tokio::test]
async fn a_change_ends_the_members_sessions_and_is_told_with_what_it_was() {
    let stage = Stage::set().await;
    let (mut admin, mut viewer) = (stage.signed_in("admin").await, stage.signed_in("viewer").await);
    viewer.get("/integrations").await.says(200, &["rep-codes"]);
    let member = stage.member_named("viewer").await;
    let path = format!("/settings/members/{}", member.id);
    let revision = admin.get(&path).await.hidden("revision");
    let fields = |role: &'static str| {
        vec![
            ("revision", revision.as_str()),
            ("name", "viewer"),
            ("display_name", "The viewer"),
            ("role", role),
            ("where", "all"),
            ("active", "1"),
        ]
    };
    admin.submit(&path, &fields("integrator")).await.leads("/settings/members");
    admin.get("/settings/members").await.says(200, &["The viewer was saved. Sessions begun before have ended."]);
    viewer.get("/integrations").await.leads("/sign-in?back=%2Fintegrations");
    let act = stage.last_act().await;
    assert_eq!((act.action.as_str(), act.object.as_str(), act.actor.as_str()), ("member.change", "viewer", "admin"));
    assert_eq!(act.detail, json!({ "before": { "role": "viewer" }, "after": { "role": "integrator" } }));

    // Whoever still has the older form open is told, and may then save on top.
    let answer = admin.submit(&path, &fields("account-manager")).await;
    answer.says(409, &["Somebody else changed this member meanwhile; nothing of yours was saved. By now: The viewer, Integrator, all integrations, may sign in."]);
    assert_eq!(stage.member_named("viewer").await.access.role, AccessRole::Integrator);
    assert_eq!(answer.hidden("revision"), (member.revision + 1).to_string());
    assert!(answer.body.contains("value=\"account-manager\" checked"), "what was chosen is not lost");
}

#[tokio::test]
async fn the_last_admin_stays_one() {
    let stage = Stage::set().await;
    stage.member("scoped", Access { role: AccessRole::Admin, scope: Some(["rep-codes".to_owned()].into()) }).await;
    let mut admin = stage.signed_in("admin").await;
    let member = stage.member_named("admin").await;
    let path = format!("/settings/members/{}", member.id);
    let revision = member.revision.to_string();
    let base = [("revision", revision.as_str()), ("name", "admin"), ("display_name", "The admin")];
    for change in [
        vec![("role", "integrator"), ("where", "all"), ("active", "1")],
        vec![("role", "admin"), ("where", "all")],
        vec![("role", "admin"), ("where", "some"), ("scope", "rep-codes"), ("active", "1")],
    ] {
        let answer = admin.submit(&path, &[base.to_vec(), change].concat()).await;
        answer.says(409, &["This is the last admin for all integrations who may sign in"]);
    }
    assert_eq!(stage.member_named("admin").await, member);

    // With another one it may be done, and ends in a session with the lesser rights.
    stage.member("second", Access::everywhere(AccessRole::Admin)).await;
    let before = admin.cookie.clone();
    let change = vec![("role", "viewer"), ("where", "all"), ("active", "1")];
    admin.submit(&path, &[base.to_vec(), change].concat()).await.leads("/settings");
    assert_ne!(admin.cookie, before, "a changed role goes on under the old id");
    admin.get("/settings").await.says(200, &["Viewer"]);
    admin.get("/settings/members").await.says(403, &[]);
    let mut second = stage.signed_in("second").await;
    let path = format!("/settings/members/{}", stage.member_named("second").await.id);
    let change = [("revision", "1"), ("name", "second"), ("display_name", "x"), ("role", "admin"), ("where", "all")];
    second.submit(&path, &change).await.says(409, &["the last admin"]);
}

#[tokio::test]
async fn whoever_locks_themselves_out_is_out() {
    let stage = Stage::set().await;
    stage.member("second", Access::everywhere(AccessRole::Admin)).await;
    let mut second = stage.signed_in("second").await;
    let path = format!("/settings/members/{}", stage.member_named("second").await.id);
    let change = [("revision", "1"), ("name", "second"), ("display_name", "x"), ("role", "admin"), ("where", "all")];
    second.submit(&path, &change).await.leads("/sign-in");
    second.get("/integrations").await.leads("/sign-in?back=%2Fintegrations");
    let mut admin = stage.signed_in("admin").await;
    admin.get(&path).await.says(200, &["may not sign in"]);
    admin.submit(&format!("{path}/link"), &[]).await.says(409, &["x may not sign in", "let them sign in first"]);
}

#[tokio::test]
async fn a_link_of_a_member_who_may_no_longer_sign_in_lets_nobody_in() {
    let stage = Stage::set().await;
    let mut admin = stage.signed_in("admin").await;
    let id = stage.member_named("viewer").await.id;
    let link = link_in(&admin.submit(&format!("/settings/members/{id}/link"), &[]).await.body);
    stage.change("viewer", |edit| edit.active = false).await;
    let fields = [("password", "chosen by the link"), ("again", "chosen by the link")];
    let mut browser = stage.browser();
    let answer = browser.post(&link, &fields).await;
    assert!(matches!(answer.status.as_u16(), 403 | 404), "{answer:?}");
    browser.get("/integrations").await.leads("/sign-in?back=%2Fintegrations");
    stage.change("viewer", |edit| edit.active = true).await;
    stage.browser().post("/sign-in", &[("name", "viewer"), ("password", "chosen by the link")]).await.says(401, &[]);
}

#[tokio::test]
async fn what_cannot_be_is_told_beside_the_field_and_nothing_typed_is_lost() {
    let stage = Stage::set().await;
    let mut admin = stage.signed_in("admin").await;
    let good = [("name", "tomas"), ("display_name", "Tomas"), ("role", "viewer"), ("where", "all")];
    let with = |change: &[(&'static str, &'static str)]| {
        let mut fields: Vec<(&str, &str)> = good.to_vec();
        for (key, value) in change {
            fields.retain(|(known, _)| known != key);
            fields.push((key, value));
        }
        fields
    };
    for (fields, told) in [
        (with(&[("name", " ADMIN ")]), "somebody has that name already; upper and lower case count as the same"),
        (with(&[("name", "")]), "fill this in"),
        (with(&[("name", "token x")]), "stand for programs in the audit log"),
        (with(&[("role", "boss")]), "`boss` is no role"),
        (with(&[("where", "some")]), "choose at least one integration"),
        (with(&[("where", "some"), ("scope", "rep-code")]), "there is no integration `rep-code`"),
        (with(&[("where", "")]), "choose at least one integration"),
    ] {
        let answer = admin.submit("/settings/members", &fields).await;
        answer.says(422, &[told]);
        assert!(answer.body.contains("value=\"Tomas\""), "what was typed is lost: {fields:?}");
    }
    assert_eq!(stage.store.members().await.unwrap().len(), 4);
    for path in ["/settings/members/member-99", "/settings/members/x", "/settings/members/member-99/link"] {
        let answer = if path.ends_with("link") { admin.submit(path, &[]).await } else { admin.get(path).await };
        answer.says(404, &["there is no such member"]);
    }
}

#[tokio::test]
async fn only_admins_of_everything_keep_members_and_tokens() {
    let stage = Stage::set().await;
    stage.member("scoped", Access { role: AccessRole::Admin, scope: Some(["rep-codes".to_owned()].into()) }).await;
    let victim = stage.member_named("viewer").await;
    for name in ["viewer", "manager", "integrator", "scoped"] {
        let mut browser = stage.signed_in(name).await;
        let page = browser.get("/settings").await;
        page.says(200, &["Your account"]);
        assert!(!page.body.contains("/settings/members"), "{name} is shown a way to members");
        for path in ["/settings/members", "/settings/members/new", "/settings/tokens"] {
            browser.get(path).await.says(403, &["keep members and tokens"]);
        }
        let fields = [("name", "eve"), ("role", "admin"), ("where", "all"), ("days", "1"), ("revision", "1"), ("active", "1")];
        for path in [
            "/settings/members",
            &format!("/settings/members/{}", victim.id),
            &format!("/settings/members/{}/link", victim.id),
            "/settings/tokens",
        ] {
            browser.submit(path, &fields).await.says(403, &[]);
        }
    }
    assert_eq!(stage.member_named("viewer").await, victim);
    assert!(stage.store.tokens().await.unwrap().is_empty());
    assert_eq!(stage.store.members().await.unwrap().len(), 5);
}
