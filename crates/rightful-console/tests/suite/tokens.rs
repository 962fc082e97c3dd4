//! API tokens: shown once, good for a time, revoked for good.

use chrono::Duration;
use rightful_core::Clock as _;
use rightful_engine::{Access, AccessRole, AccessStore as _};

use crate::stage::Stage;

#[tokio::test]
async fn a_token_is_shown_once_kept_by_its_digest_and_revoked_for_good() {
    let stage = Stage::set().await;
    let mut admin = stage.signed_in("admin").await;
    admin.get("/settings/tokens").await.says(200, &["No token yet", "Make a token"]);
    let fields = [("name", "nightly <report>"), ("role", "viewer"), ("where", "some"), ("scope", "rep-codes"), ("days", "30")];
    let page = admin.submit("/settings/tokens", &fields).await;
    page.says(200, &["nightly <report>: copy it now", "shown only this once", "good", "Viewer", "rep-codes", "in 30 days", "by admin"]);
    let (_, rest) = page.body.split_once("rightful_").unwrap();
    let text = format!("rightful_{}", rest.chars().take_while(char::is_ascii_hexdigit).collect::<String>());
    assert_eq!(text.len(), "rightful_".len() + 64);
    assert!(!String::from_utf8_lossy(&stage.raw()).contains(&text), "the token itself is in the store");
    let page = admin.get("/settings/tokens").await;
    assert!(!page.says(200, &["nightly <report>"]).body.contains(&text), "the token is shown again");

    let digest = blake3::hash(text.as_bytes());
    let now = stage.world.clock.now();
    let token = stage.store.use_token(digest.as_bytes(), now).await.unwrap().unwrap();
    assert_eq!(token.access, Access { role: AccessRole::Viewer, scope: Some(["rep-codes".to_owned()].into()) });
    assert_eq!(token.expires, now + Duration::days(30));
    assert!(stage.store.use_token(digest.as_bytes(), now + Duration::days(30)).await.unwrap().is_none());
    let act = stage.last_act().await;
    assert_eq!((act.action.as_str(), act.object.as_str()), ("token.make", "nightly <report>"));
    assert!(!act.detail.to_string().contains("rightful_"));

    let path = format!("/settings/tokens/{}/revoke", token.id);
    admin.submit(&path, &[]).await.leads("/settings/tokens");
    admin.get("/settings/tokens").await.says(200, &["The token was revoked", "revoked"]);
    assert!(stage.store.use_token(digest.as_bytes(), now).await.unwrap().is_none());
    for path in [path.as_str(), "/settings/tokens/token-99/revoke", "/settings/tokens/x/revoke"] {
        admin.submit(path, &[]).await.says(404, &["there is no such token, or it was revoked before"]);
    }
}

#[tokio::test]
async fn what_a_token_cannot_be_is_told_beside_the_field() {
    let stage = Stage::set().await;
    let mut admin = stage.signed_in("admin").await;
    for (name, role, scope, days, told) in [
        ("", "viewer", "all", "30", "fill this in"),
        ("nightly", "boss", "all", "30", "`boss` is no role"),
        ("nightly", "viewer", "some", "30", "choose at least one integration"),
        ("nightly", "viewer", "all", "366", "a number of days from 1 to 365"),
        ("nightly", "viewer", "all", "", "a number of days from 1 to 365"),
    ] {
        let answer = admin.submit("/settings/tokens", &[("name", name), ("role", role), ("where", scope), ("days", days)]).await;
        answer.says(422, &[told]);
        assert!(!answer.body.contains("rightful_"), "a token was made all the same");
    }
    assert!(stage.store.tokens().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_long_list_goes_on_page_by_page() {
    let stage = Stage::set().await;
    for number in 1..=120_i64 {
        let act = stage.act("token.make", "many");
        let expires = stage.world.clock.now() + Duration::days(30);
        stage
            .store
            .add_token(&number.to_be_bytes(), &format!("token number {number};"), &Access::everywhere(AccessRole::Viewer), expires, &act)
            .await
            .unwrap();
    }
    let mut admin = stage.signed_in("admin").await;
    let (mut path, mut seen) = ("/settings/tokens".to_owned(), Vec::new());
    loop {
        let page = admin.get(&path).await;
        let text = page.says(200, &[]).text();
        seen.extend(text.split("token number ").skip(1).map(|rest| rest.split(';').next().unwrap().parse::<i64>().unwrap()).step_by(2));
        match page.body.split_once("href=\"?before=") {
            Some((_, rest)) => path = format!("/settings/tokens?before={}", rest.split('"').next().unwrap()),
            None => break,
        }
    }
    assert_eq!(seen, (1..=120).rev().collect::<Vec<i64>>());
}
