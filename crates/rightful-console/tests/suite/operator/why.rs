//! Why one record belongs to its users.

use rightful_core::*;
use rightful_engine::*;
use serde_json::json;

use crate::api::Program;
use crate::stage::Stage;
use crate::world::CUSTOMER;

#[tokio::test]
async fn a_record_is_explained_with_links_to_its_run_and_table_version() {
    let stage = Stage::with_customers().await;
    stage.world.run().await;
    let mut viewer = stage.signed_in("viewer").await;
    viewer.get("/why").await.says(200, &["Customer code, or the record's id", "Explain"]);
    for key in ["C00", "tC00"] {
        let page = viewer.get(&format!("/why?integration=rep-codes&key={key}")).await;
        page.says(
            200,
            &[
                "Customer C00 belongs to User one",
                "Written by run-1 , change 1",
                "Because of Rep Code - A",
                "version 1",
                "Saved by ann territory change",
                "Before that User four",
                "the next run leaves it as it is",
            ],
        );
        assert!(page.body.contains("/integrations/rep-codes/runs/run-1/items/1"), "{}", page.body);
        assert!(page.body.contains("/integrations/rep-codes/history#version-1"), "{}", page.body);
    }
    // What the next run would do follows the table as it is now.
    stage.world.codes(&[("A", Some("three"), None)]).await;
    viewer.get("/why?integration=rep-codes&key=C00").await.says(200, &["version 2) the next run gives it to User three"]);
    // Somebody changed it in the target.
    stage.world.target.change(&CUSTOMER, "tC00", |record| record.owners[0].1 = Owner::Known(vec!["2".into()]));
    stage.world.plan().await;
    let page = viewer.get("/why?integration=rep-codes&key=C00").await;
    page.says(200, &["belongs to User two", "run-1 gave it to User one; somebody changed that in the target since."]);
    viewer.get("/why?integration=rep-codes&key=C02").await.says(200, &["Rightful never wrote its owners", "its code leads to nobody"]);
}

#[tokio::test]
async fn a_mistyped_code_is_told_with_those_that_may_be_meant() {
    let stage = Stage::with_customers().await;
    stage.world.run().await;
    let mut viewer = stage.signed_in("viewer").await;
    let page = viewer.get("/why?integration=rep-codes&key=c-07").await;
    page.says(404, &["No customer “c-07” is known", "Did you mean one of these?", "C07 Customer C07"]);
    assert!(page.body.contains("/why?integration=rep-codes&#38;key=C07"), "{}", page.body);
    viewer.get("/why?integration=rep-codes&key=zzzzzzzzzz").await.says(404, &["is known", "case and leading zeros count"]);
    viewer.get("/why?integration=rep-codes&key=%3Cb%3E").await.says(404, &["“<b>”"]);
}

#[tokio::test]
async fn a_program_is_told_the_same() {
    let stage = Stage::with_customers().await;
    stage.world.run().await;
    let program = Program::of(&stage, "looker", Access::everywhere(AccessRole::Viewer)).await;
    let path = "/api/v1/integrations/rep-codes/explain";
    let found = program.get(&format!("{path}?record=C00"), 200).await;
    assert_eq!((&found["target"], &found["owners"][0]["name"], &found["as_written"]), (&json!("tC00"), &json!("User one"), &json!(true)));
    assert_eq!((&found["written"][0]["run"], &found["present"]["verdict"]), (&json!(1), &json!("already-so")), "{found}");
    let missed = program.get(&format!("{path}?record=c-07"), 404).await;
    assert_eq!((&missed["title"], &missed["near"][0]["key"]), (&json!("no customer `c-07` is known"), &json!("C07")), "{missed}");
}

#[tokio::test]
async fn the_integration_is_asked_for_where_there_are_several_and_hidden_where_out_of_scope() {
    let stage = Stage::with_customers().await;
    stage.world.run().await;
    stage.another("other");
    stage.member("scoped", Access { role: AccessRole::Viewer, scope: Some(["other".to_owned()].into()) }).await;
    let mut viewer = stage.signed_in("viewer").await;
    viewer.get("/why?key=C00").await.says(422, &["Choose the integration"]);
    viewer.get("/why?integration=nonsense&key=C00").await.says(404, &["there is no such integration"]);
    let mut scoped = stage.signed_in("scoped").await;
    scoped.get("/why?integration=rep-codes&key=C00").await.says(404, &["there is no such integration"]);
    let page = scoped.get("/why").await;
    assert!(!page.says(200, &["other"]).body.contains("rep-codes"));
}
