//! Who is who.

use rightful_engine::*;

use super::office::{BASE, Desk};

#[tokio::test]
async fn a_link_shows_its_evidence_and_is_removed_with_a_reason_only_while_it_is_the_one_that_was_seen() {
    let desk = Desk::with_users(PeopleMode::Automatic).await;
    desk.office.file(&[(Some("bob-there"), "b@desk.example", &[])]).await;
    desk.office.crew().await.map(&desk.office.ports(), "u2", "bob-there", false, &desk.office.by("bea")).await.unwrap();
    let mut ada = desk.stage.signed_in("integrator").await;
    let links = format!("{BASE}/links");
    ada.get(&links).await.says(
        200,
        &[
            "2 in all",
            "User u1 (ann@example.com)",
            "we made the account for this person",
            "User u2 (bob@example.com)",
            "a person said so",
            "bea",
            "because",
        ],
    );
    let text = ada.get(&format!("{links}?q=bob")).await.text();
    assert!(text.contains("User u2") && !text.contains("User u1"), "{text}");
    let remove = |owner, reason| [("person", "u2"), ("owner", owner), ("reason", reason)];
    desk.post(&mut ada, "/links/remove", &remove("bob-there", "")).await.says(422, &["Say why, in a few words"]);
    desk.post(&mut ada, "/links/remove", &remove("u1", "wrong"))
        .await
        .says(409, &["u2 is linked to bob-there by now, by bea: because", "nothing was removed"]);
    let answer = desk.post(&mut ada, "/links/remove", &remove("bob-there", "wrong Bob")).await;
    ada.follow(&answer).await.says(200, &["u2 is no longer linked to bob-there", "1 in all"]);
    let act = desk.stage.last_act().await;
    assert_eq!((act.action.as_str(), act.actor.as_str()), ("link.remove", "integrator"));
    desk.post(&mut ada, "/links/remove", &remove("bob-there", "again")).await.says(404, &["there is no such link"]);
}

#[tokio::test]
async fn an_integration_that_moves_owners_has_the_same_page() {
    let stage = crate::stage::Stage::with_customers().await;
    stage.world.run().await;
    let policy = &stage.world.integration.policy;
    let link = Link {
        source: policy.source.connection.clone(),
        person: "p1".into(),
        target: policy.target.connection.clone(),
        owner: "1".into(),
        evidence: LinkEvidence::Email,
        by_value: Some("one@example.com".into()),
        by: Authorship { author: "run-1".into(), reason: "the same e-mail address".into(), at: Default::default() },
    };
    stage.store.link(&link, false).await.unwrap();
    let mut integrator = stage.signed_in("integrator").await;
    integrator.get("/integrations/rep-codes/links").await.says(200, &["p1", "User one", "the same e-mail address", "one@example.com"]);
    let fields = [("person", "p1"), ("owner", "1"), ("reason", "wrong")];
    let answer = integrator.submit("/integrations/rep-codes/links/remove", &fields).await;
    integrator.follow(&answer).await.says(200, &["Nobody is linked yet"]);
}
