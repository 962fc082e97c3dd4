//! Who may do it: the pages say so, and a form sent past them is refused.

use rightful_engine::*;

use super::office::{BASE, Desk};

#[tokio::test]
async fn ss_6_only_the_integration_team_picks_links_and_switches_whatever_is_sent() {
    let desk = Desk::with_users(PeopleMode::Automatic).await;
    let forms: [(&str, &[(&str, &str)]); 9] = [
        ("/users/picks", &[("tick", "u2"), ("do", "save")]),
        ("/users/map", &[("person", "u2"), ("user", "u1"), ("reason", "x")]),
        ("/accounts/u1/team", &[("team", "OSLO"), ("was", ""), ("reason", "x")]),
        ("/accounts/u1/team/send", &[("team", "OSLO"), ("was", ""), ("reason", "x")]),
        ("/accounts/import", &[("text", "email,team_key\nann@example.com,OSLO"), ("save", "1"), ("reason", "x")]),
        ("/links/remove", &[("person", "u1"), ("owner", "u1"), ("reason", "x")]),
        ("/workflows/won", &[("on", "no"), ("reason", "x")]),
        ("/automatic", &[("on", "no"), ("reason", "x")]),
        ("/try", &[]),
    ];
    let before = desk.stage.last_act().await.action;
    for name in ["viewer", "manager"] {
        let mut browser = desk.stage.signed_in(name).await;
        for (page, fields) in forms {
            desk.post(&mut browser, page, fields).await.says(403, &["you may not", "it takes the role Integrator"]);
        }
        for (page, told) in [
            ("/users", "pick nobody: as"),
            ("/accounts", "state nothing: as"),
            ("/links", "not remove them: as"),
            ("/workflows", "not enable or disable them: as"),
            ("/holds", "neither try nor drop them: as"),
            ("", "You cannot change this: as"),
        ] {
            let answer = browser.get(&format!("{BASE}{page}")).await;
            answer.says(200, &[told]);
            let own = format!("action=\"{BASE}/");
            assert!(!answer.body.contains(&own), "{page} offers {name} what is refused: {}", answer.body);
        }
    }
    assert!(desk.picks().await.is_empty() && desk.stage.store.switches("activity").await.unwrap().is_empty());
    assert!(before != "switch.off" && !desk.stage.store.links(&"crm".into(), &"desk".into()).await.unwrap().is_empty());
    let mut integrator = desk.stage.signed_in("integrator").await;
    let answer = integrator.post(&format!("{BASE}/automatic"), &[("on", "no"), ("reason", "x")]).await;
    answer.says(403, &["this form is not the console's own"]);
}

#[tokio::test]
async fn an_integration_with_a_code_table_has_none_of_these_pages() {
    let stage = crate::stage::Stage::set().await;
    let mut integrator = stage.signed_in("integrator").await;
    for page in ["users", "accounts", "workflows"] {
        integrator.get(&format!("/integrations/rep-codes/{page}")).await.says(422, &["`rep-codes` credits no activities"]);
    }
    integrator.get("/integrations").await.says(200, &["Gives records the users whom their code leads to."]);
    let desk = Desk::open(PeopleMode::Manual).await;
    let mut viewer = desk.stage.signed_in("viewer").await;
    viewer.get("/integrations").await.says(200, &["Gives users accounts, and credits activities to them."]);
    let mut integrator = desk.stage.signed_in("integrator").await;
    for page in ["/codes", "/import", "/editable"] {
        desk.post(&mut integrator, page, &[("editable", "yes")]).await.says(422, &["`activity` has no code table"]);
    }
    let text = viewer.get(BASE).await.text();
    assert!(text.contains("Users and activities") && !text.contains("Customer assignments"), "{text}");
}
