//! Plans: one person for a plan within its caps, two for one over them, nobody over a guard.

use rightful_engine::*;

use crate::stage::Stage;
use crate::world::CUSTOMER;

const PLAN: &str = "/integrations/rep-codes/plans/plan-1";

/// A stage whose first plan is over a cap.
async fn over_a_cap() -> Stage {
    let mut stage = Stage::with_customers().await;
    stage.policy(|policy| policy.caps.owner_moves = Cap { count: Some(3), percent: None, floor: 0 });
    stage.world.run().await;
    stage
}

#[tokio::test]
async fn where_no_plan_is_kept_the_page_says_how_to_make_one() {
    let stage = Stage::set().await;
    let mut viewer = stage.signed_in("viewer").await;
    viewer.get("/plans").await.says(200, &["No plan is kept yet", "choose Plan"]);
    viewer.get(PLAN).await.says(404, &["there is no such plan"]);
}

#[tokio::test]
async fn a_plan_within_its_caps_shows_its_diff_and_one_person_applies_it() {
    let stage = Stage::with_customers().await;
    stage.world.plan().await;
    let mut integrator = stage.signed_in("integrator").await;
    integrator.get("/plans").await.says(200, &["Waiting for a person", "plan-1", "20 changes", "One person's approval applies it."]);
    let page = integrator.get(PLAN).await;
    page.says(
        200,
        &[
            "ready",
            "20 changes",
            "version 1",
            "Get other owners 20",
            "Owner moves 20 of at most 30",
            "10 User four -> User one",
            "Customer C00 User four User one Rep Code - A",
            "Approve and apply",
            "Reject",
        ],
    );
    integrator.submit(&format!("{PLAN}/approve"), &[("reason", " ")]).await.says(422, &["the reason is empty"]);
    let answer = integrator.submit(&format!("{PLAN}/approve"), &[("reason", "looks right")]).await;
    answer.leads("/integrations/rep-codes/runs/run-2");
    let run = stage.run_behind(answer.location()).await;
    assert_eq!((run.outcome, run.by.as_deref()), (Some(RunOutcome::Done), Some("integrator")));
    assert_eq!((stage.world.owner("C00").as_str(), stage.world.owner("C01").as_str()), ("1", "2"));
    let page = integrator.get(PLAN).await;
    let text = page.says(200, &["applied", "integrator approved it", "looks right", "it was applied by run-2"]).text();
    assert!(!text.contains("Reject"), "{text}");
    // Once is enough.
    integrator.submit(&format!("{PLAN}/approve"), &[("reason", "again")]).await.says(409, &["it was applied by run-2"]);
    integrator.submit(&format!("{PLAN}/reject"), &[("reason", "too late")]).await.says(409, &["was applied or dropped already"]);
    assert_eq!(stage.store.runs(None, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn over_a_cap_two_different_people_have_to_approve() {
    let stage = over_a_cap().await;
    let mut integrator = stage.signed_in("integrator").await;
    let page = integrator.get(PLAN).await;
    page.says(
        200,
        &[
            "refused",
            "Owner moves 20 over the cap of 3, for 30 paired records",
            "Refused by owner-moves",
            "two different people have to approve it",
            "Approve as the first of two",
        ],
    );
    let answer = integrator.submit(&format!("{PLAN}/approve"), &[("reason", "areas redrawn")]).await;
    answer.leads(PLAN);
    let page = integrator.follow(&answer).await;
    let text = page
        .says(
            200,
            &["You approved plan-1. Somebody else has to", "integrator approved it", "areas redrawn", "You are the one who approved it."],
        )
        .text();
    assert!(text.contains("the schedule waits for that until 2027-01-15 12:00 UTC"), "{text}");
    assert!(!text.contains("Approve and apply") && text.contains("Reject"), "{text}");
    integrator.submit(&format!("{PLAN}/approve"), &[("reason", "me too")]).await.says(409, &["you approved plan-1 already"]);
    assert_eq!((stage.world.target.writes(), stage.store.approvals(PlanId(1)).await.unwrap().len()), (0, 1));

    let mut admin = stage.signed_in("admin").await;
    admin.get("/cases").await.says(200, &["Plans that wait", "integrator approved it; somebody else has to"]);
    admin.get(PLAN).await.says(200, &["Approve and apply"]);
    let answer = admin.submit(&format!("{PLAN}/approve"), &[("reason", "checked the list")]).await;
    answer.leads("/integrations/rep-codes/runs/run-2");
    assert_eq!(stage.run_behind(answer.location()).await.outcome, Some(RunOutcome::Done));
    let plan = stage.store.plan(PlanId(1)).await.unwrap().unwrap();
    assert_eq!(plan.passed, Some(("integrator and admin".to_owned(), "integrator: areas redrawn; admin: checked the list".to_owned())));
    assert_eq!(stage.world.owner("C00"), "1");
    admin
        .get(PLAN)
        .await
        .says(200, &["Let through over its caps by integrator and admin: integrator: areas redrawn; admin: checked the list"]);
}

#[tokio::test]
async fn the_second_approval_is_not_lost_where_another_run_is_under_way() {
    let stage = over_a_cap().await;
    let (mut integrator, mut admin) = (stage.signed_in("integrator").await, stage.signed_in("admin").await);
    integrator.submit(&format!("{PLAN}/approve"), &[("reason", "areas redrawn")]).await.leads(PLAN);
    let fence = stage.busy("rep-codes").await;
    let answer = admin.submit(&format!("{PLAN}/approve"), &[("reason", "checked")]).await;
    admin.follow(&answer).await.says(200, &["Another run is under way"]);
    stage.store.release(&fence).await.unwrap();
    admin.get(PLAN).await.says(200, &["Everybody approved who had to", "Apply it now"]);
    let answer = admin.submit(&format!("{PLAN}/approve"), &[("reason", "now")]).await;
    assert_eq!(stage.run_behind(answer.location()).await.outcome, Some(RunOutcome::Done));
    assert_eq!(stage.store.approvals(PlanId(1)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_guard_is_nobodys_to_let_pass() {
    let stage = Stage::with_customers().await;
    stage.world.run().await;
    for number in 0..30 {
        stage.world.source.remove(&CUSTOMER, &format!("sC{number:02}"));
    }
    stage.world.hours(30);
    let report = stage.world.run().await;
    assert_eq!(report.outcome, RunOutcome::Refused);
    let path = format!("/integrations/rep-codes/plans/{}", report.plan.unwrap());
    let mut admin = stage.signed_in("admin").await;
    admin.get("/plans").await.says(200, &["refused by source-empty", "nobody may let that pass"]);
    let page = admin.get(&path).await;
    let text = page.says(200, &["Refused by source-empty", "Nobody may let this pass."]).text();
    assert!(!text.contains("Approve"), "{text}");
    admin
        .submit(&format!("{path}/approve"), &[("reason", "go")])
        .await
        .says(409, &["it is refused by source-empty, and nobody may let that pass"]);
    assert!(stage.store.approvals(report.plan.unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_plan_whose_table_or_settings_moved_is_told_to_be_stale() {
    let mut stage = Stage::with_customers().await;
    stage.world.plan().await;
    stage.world.codes(&[("A", Some("three"), None)]).await;
    let mut integrator = stage.signed_in("integrator").await;
    integrator.get(PLAN).await.says(200, &["There is nothing to approve: the code table was saved since it was made."]);
    integrator.submit(&format!("{PLAN}/approve"), &[("reason", "go")]).await.says(409, &["the code table was saved since"]);
    let text = integrator.get("/plans").await.text();
    assert!(!text.contains("Waiting for a person"), "{text}");
    stage.world.plan().await;
    stage.policy(|policy| policy.newcomer_hours = 48);
    let page = integrator.get("/integrations/rep-codes/plans/plan-2").await;
    let text = page.says(200, &["the integration's settings changed since it was made"]).text();
    assert!(!text.contains("of at most"), "caps that hold now say nothing of it: {text}");
    assert_eq!(stage.world.target.writes(), 0);
}

#[tokio::test]
async fn a_rejected_plan_is_never_applied() {
    let stage = Stage::with_customers().await;
    stage.world.plan().await;
    let mut integrator = stage.signed_in("integrator").await;
    integrator.submit(&format!("{PLAN}/reject"), &[]).await.says(422, &["the reason is empty"]);
    let answer = integrator.submit(&format!("{PLAN}/reject"), &[("reason", "wrong areas")]).await;
    answer.leads(PLAN);
    integrator.follow(&answer).await.says(200, &["You rejected plan-1", "dropped"]);
    integrator.submit(&format!("{PLAN}/approve"), &[("reason", "after all")]).await.says(409, &["it was dropped"]);
    let act = stage.last_act().await;
    assert_eq!((act.action.as_str(), act.actor.as_str()), ("plan.reject", "integrator"));
    assert_eq!(act.detail["reason"], "wrong areas");
}

#[tokio::test]
async fn where_one_person_alone_could_approve_the_command_line_is_named() {
    let stage = over_a_cap().await;
    let mut admin = stage.signed_in("admin").await;
    let text = admin.get(PLAN).await.text();
    assert!(!text.contains("Fewer than two members"), "{text}");
    stage.change("integrator", |member| member.access.scope = Some(["other".to_owned()].into())).await;
    admin.get(PLAN).await.says(200, &["Fewer than two members may approve", "rightful apply plan-1 --over-cap --reason TEXT"]);
    // Who cannot approve is told so, and not how.
    let mut viewer = stage.signed_in("viewer").await;
    let text = viewer.get(PLAN).await.text();
    assert!(text.contains("as Viewer you may not approve or reject plans") && !text.contains("Reject "), "{text}");
}

#[tokio::test]
async fn a_long_diff_comes_in_pages() {
    let stage = Stage::with_customers().await;
    for number in 30..90 {
        stage.world.customer(&format!("C{number:02}"), "A", &["4"]);
    }
    stage.world.plan().await;
    let mut viewer = stage.signed_in("viewer").await;
    let page = viewer.get(PLAN).await;
    let next = page.says(200, &["80 changes", "Customer C00"]).link("Next");
    let second = viewer.get(&next).await;
    assert!(!second.says(200, &["Customer C89", "First"]).text().contains("Customer C00"), "{}", second.text());
}

#[tokio::test]
async fn a_plan_of_another_integration_is_not_found() {
    let stage = over_a_cap().await;
    stage.another("other");
    let mut admin = stage.signed_in("admin").await;
    admin.get("/integrations/other/plans/plan-1").await.says(404, &["there is no such plan"]);
    for path in ["approve", "reject"] {
        let answer = admin.submit(&format!("/integrations/other/plans/plan-1/{path}"), &[("reason", "x")]).await;
        answer.says(404, &["there is no such plan"]);
    }
    let text = admin.get("/plans?integration=other").await.text();
    assert!(!text.contains("plan-1"), "{text}");
}
