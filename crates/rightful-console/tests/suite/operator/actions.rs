//! What an operator does to an integration, and what is told where it cannot be done.

use rightful_engine::*;

use crate::stage::Stage;

#[tokio::test]
async fn run_now_leads_to_the_run_and_names_who_asked() {
    let stage = Stage::with_customers().await;
    let mut integrator = stage.signed_in("integrator").await;
    integrator.get("/runs?integration=rep-codes").await.says(200, &["Run now", "Plan", "Pause…"]);
    let answer = integrator.submit("/integrations/rep-codes/run", &[]).await;
    answer.leads("/integrations/rep-codes/runs/run-1");
    integrator.follow(&answer).await.says(200, &["The run began.", "run-1"]);
    let run = stage.run_behind(answer.location()).await;
    assert_eq!((run.outcome, run.by.as_deref(), run.task), (Some(RunOutcome::Done), Some("integrator"), RunTask::Full));
    let act = stage.last_act().await;
    assert_eq!((act.actor.as_str(), act.action.as_str(), act.object.as_str()), ("integrator", "run.ask", "rep-codes"));
    assert_eq!(stage.world.owner("C00"), "1");
}

#[tokio::test]
async fn a_plan_writes_nothing_and_its_run_leads_to_it() {
    let stage = Stage::with_customers().await;
    let mut integrator = stage.signed_in("integrator").await;
    let answer = integrator.submit("/integrations/rep-codes/plan", &[]).await;
    stage.run_behind(answer.location()).await;
    let page = integrator.get(answer.location()).await;
    page.says(200, &["Planning began; nothing will be written.", "plan-1", "ready", "It wrote nothing"]);
    assert_eq!((stage.world.target.writes(), stage.world.owner("C00").as_str()), (0, "4"));
}

#[tokio::test]
async fn where_another_run_is_under_way_the_person_lands_on_that() {
    let stage = Stage::with_customers().await;
    let fence = stage.busy("rep-codes").await;
    let mut integrator = stage.signed_in("integrator").await;
    // It holds the lease and has no number yet.
    let answer = integrator.submit("/integrations/rep-codes/run", &[]).await;
    answer.leads("/integrations/rep-codes");
    integrator.follow(&answer).await.says(200, &["Another run is under way. What you asked for was not begun"]);
    stage.store.begin_run(&fence, &RunTask::Full, BODY_VERSION, None, stage.toy.ports.clock.now()).await.unwrap();
    for path in ["run", "plan"] {
        let answer = integrator.submit(&format!("/integrations/rep-codes/{path}"), &[]).await;
        answer.leads("/integrations/rep-codes/runs/run-1");
        integrator.follow(&answer).await.says(200, &["this one, run-1", "Under way", "Reload", "its schedule"]);
    }
    integrator.get("/runs?integration=rep-codes").await.says(200, &["Watch run-1", "under way"]);
    integrator.get("/runs?outcome=under-way").await.says(200, &["run-1"]);
}

#[tokio::test]
async fn a_pause_takes_a_reason_stops_runs_and_ends_by_resuming() {
    let stage = Stage::with_customers().await;
    let mut integrator = stage.signed_in("integrator").await;
    integrator.submit("/integrations/rep-codes/pause", &[("reason", "  ")]).await.says(422, &["the reason for the pause is missing"]);
    assert_eq!(stage.store.integration("rep-codes").await.unwrap().paused, None);
    let answer = integrator.submit("/integrations/rep-codes/pause", &[("reason", "areas are redrawn")]).await;
    answer.leads("/integrations/rep-codes");
    let page = integrator.follow(&answer).await;
    page.says(200, &["Paused: no run begins", "by integrator: areas are redrawn"]);
    let page = integrator.get("/runs?integration=rep-codes").await;
    assert!(!page.says(200, &["Resume", "Plan"]).text().contains("Run now"), "{}", page.text());
    let answer = integrator.submit("/integrations/rep-codes/run", &[]).await;
    integrator.follow(&answer).await.says(200, &["It could not begin", "is paused since", "areas are redrawn"]);
    // Looking is allowed meanwhile.
    let answer = integrator.submit("/integrations/rep-codes/plan", &[]).await;
    stage.run_behind(answer.location()).await;
    let answer = integrator.submit("/integrations/rep-codes/resume", &[]).await;
    integrator.follow(&answer).await.says(200, &["It runs again. It was paused by integrator: areas are redrawn"]);
    assert_eq!(stage.store.integration("rep-codes").await.unwrap().paused, None);
    let answer = integrator.submit("/integrations/rep-codes/resume", &[]).await;
    integrator.follow(&answer).await.says(200, &["It was not paused."]);
}

#[tokio::test]
async fn a_quarantine_is_ended_from_the_work_list() {
    let stage = Stage::with_customers().await;
    let quarantine = Quarantine { since: stage.toy.ports.clock.now(), reason: "5 runs in a row failed: the key was not accepted".into() };
    stage.store.quarantine("rep-codes", &quarantine).await.unwrap();
    let mut viewer = stage.signed_in("viewer").await;
    let page = viewer.get("/cases").await;
    assert!(!page.says(200, &["In quarantine", "5 runs in a row failed"]).text().contains("End quarantine"));
    let mut integrator = stage.signed_in("integrator").await;
    integrator.get("/cases").await.says(200, &["End quarantine"]);
    let answer = integrator.submit("/integrations/rep-codes/release", &[]).await;
    integrator.follow(&answer).await.says(200, &["The quarantine is over", "the key was not accepted"]);
    assert_eq!(stage.store.watched("rep-codes").await.unwrap().quarantine, None);
    let text = integrator.get("/cases").await.text();
    assert!(!text.contains("In quarantine"), "{text}");
}

#[tokio::test]
async fn an_undo_says_what_it_does_then_does_it_and_pauses() {
    let stage = Stage::with_customers().await;
    stage.world.run().await;
    assert_eq!(stage.world.owner("C00"), "1");
    let mut integrator = stage.signed_in("integrator").await;
    let path = "/integrations/rep-codes/runs/run-1/undo";
    integrator
        .get(path)
        .await
        .says(200, &["Undo run-1?", "made 20 changes", "pauses rep-codes", "never over what somebody changed since", "Leave it"]);
    assert_eq!(stage.store.integration("rep-codes").await.unwrap().paused, None, "looking does nothing");
    let answer = integrator.submit(path, &[]).await;
    answer.leads("/integrations/rep-codes/runs/run-2");
    let run = stage.run_behind(answer.location()).await;
    assert_eq!((run.outcome, run.by.as_deref()), (Some(RunOutcome::Done), Some("integrator")));
    assert_eq!(stage.world.owner("C00"), "4");
    let paused = stage.store.integration("rep-codes").await.unwrap().paused.unwrap();
    assert_eq!(paused.author, "integrator");
    integrator.follow(&answer).await.says(200, &["Undoing run-1 began; the integration is paused.", "undo run-1", "Done 20"]);
    integrator.get(path).await.says(200, &["Later runs wrote too", "run-2 : 20 changes", "it is paused already"]);
}

#[tokio::test]
async fn what_wrote_nothing_or_has_not_ended_cannot_be_undone() {
    let stage = Stage::with_customers().await;
    stage.world.plan().await;
    let mut integrator = stage.signed_in("integrator").await;
    integrator.get("/integrations/rep-codes/runs/run-1/undo").await.says(409, &["run-1 wrote nothing"]);
    integrator.submit("/integrations/rep-codes/runs/run-1/undo", &[]).await.says(409, &["run-1 wrote nothing"]);
    let fence = stage.busy("rep-codes").await;
    stage.store.begin_run(&fence, &RunTask::Full, BODY_VERSION, None, stage.toy.ports.clock.now()).await.unwrap();
    integrator.get("/integrations/rep-codes/runs/run-2/undo").await.says(409, &["run-2 has not ended"]);
}

#[tokio::test]
async fn who_only_looks_or_edits_codes_starts_nothing() {
    let stage = Stage::with_customers().await;
    stage.world.run().await;
    for name in ["viewer", "manager"] {
        let mut browser = stage.signed_in(name).await;
        let text = browser.get("/runs?integration=rep-codes").await.text();
        assert!(!text.contains("Run now") && !text.contains("Pause"), "{text}");
        for path in ["run", "plan", "pause", "resume", "release", "runs/run-1/undo", "holds/hold-1/drop"] {
            let answer = browser.submit(&format!("/integrations/rep-codes/{path}"), &[("reason", "x")]).await;
            answer.says(403, &["you may not start, pause or undo runs"]);
        }
        for path in ["approve", "reject"] {
            let answer = browser.submit(&format!("/integrations/rep-codes/plans/plan-1/{path}"), &[("reason", "x")]).await;
            answer.says(403, &["you may not approve or reject plans"]);
        }
    }
    // Without the session's form key nobody does.
    let mut integrator = stage.signed_in("integrator").await;
    integrator.post("/integrations/rep-codes/run", &[]).await.says(403, &["not the console's own"]);
    assert_eq!(stage.store.runs(None, 9).await.unwrap().len(), 1);
}
