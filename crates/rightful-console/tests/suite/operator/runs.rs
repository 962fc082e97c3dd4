//! Runs: the list with its filters and pages, one run with its items, one item.

use rightful_core::*;
use rightful_engine::*;

use crate::stage::Stage;
use crate::world::{CUSTOMER, Fault};

#[tokio::test]
async fn where_nothing_has_run_the_page_says_how_to_begin() {
    let stage = Stage::set().await;
    let mut viewer = stage.signed_in("viewer").await;
    viewer.get("/runs").await.says(200, &["Nothing has run yet", "Run now", "Go to Integrations"]);
    viewer.get("/runs?outcome=failed").await.says(200, &["No run fits", "Show all runs"]);
    viewer.get("/runs?outcome=dnoe").await.says(404, &["there is no such outcome"]);
}

#[tokio::test]
async fn runs_are_listed_newest_first_by_outcome_and_integration_and_in_pages() {
    let stage = Stage::with_customers().await;
    stage.world.run().await;
    stage.world.source.inside().fail_reads = Some((CUSTOMER, ErrorKind::Forbidden));
    stage.world.run().await;
    stage.world.source.inside().fail_reads = None;
    let other = stage.another("other");
    run_job(&stage.toy.ports, &other, RunTask::Plan { only: None }, RunOptions::default()).await.unwrap();
    let mut viewer = stage.signed_in("viewer").await;
    let page = viewer.get("/runs").await;
    let text = page.says(200, &["run-1", "run-2", "run-3", "done", "failed", "other", "rep-codes"]).text();
    assert!(text.find("run-3") < text.find("run-1"), "newest first: {text}");
    let page = viewer.get("/runs?outcome=failed").await;
    assert!(!page.says(200, &["run-2"]).text().contains("run-1"));
    let page = viewer.get("/runs?integration=other").await;
    assert!(!page.says(200, &["run-3", "plan"]).text().contains("run-1"));
    viewer.get("/runs?integration=none").await.says(404, &["there is no such integration"]);

    for _ in 0..60 {
        stage.world.plan().await;
    }
    let page = viewer.get("/runs").await;
    let older = page.says(200, &["run-63", "run-14", "Older"]).link("Older");
    assert!(!page.text().contains("run-13 "), "a page is bounded: {}", page.text());
    let page = viewer.get(&older).await;
    page.says(200, &["run-13", "run-1 ", "Newest"]);
    assert!(!page.text().contains("Older"), "{}", page.text());
}

#[tokio::test]
async fn a_scope_hides_runs_of_other_integrations_wherever_they_are_asked_for() {
    let stage = Stage::with_customers().await;
    stage.world.run().await;
    let other = stage.another("other");
    run_job(&stage.toy.ports, &other, RunTask::Full, RunOptions::default()).await.unwrap();
    stage.member("scoped", Access { role: AccessRole::Admin, scope: Some(["other".to_owned()].into()) }).await;
    let mut scoped = stage.signed_in("scoped").await;
    let page = scoped.get("/runs").await;
    assert!(!page.says(200, &["run-2"]).body.contains("rep-codes"));
    for path in ["/runs?integration=rep-codes", "/integrations/rep-codes/runs/run-1", "/integrations/rep-codes/runs/run-1/items/1"] {
        scoped.get(path).await.says(404, &["there is no such integration"]);
    }
    // A run belongs to one integration, whoever asks.
    let mut admin = stage.signed_in("admin").await;
    for path in [
        "/integrations/other/runs/run-1",
        "/integrations/other/runs/run-1/items/1",
        "/integrations/other/runs/run-1/events",
        "/integrations/other/runs/run-1/undo",
        "/integrations/rep-codes/runs/run-99",
        "/integrations/rep-codes/runs/nonsense",
    ] {
        admin.get(path).await.says(404, &["there is no such run"]);
    }
}

#[tokio::test]
async fn a_run_tells_what_it_did_to_each_record_by_peoples_names() {
    let stage = Stage::with_customers().await;
    stage.world.target.inside().faults = [None, Some(Fault::Refused)].into();
    let mut integrator = stage.signed_in("integrator").await;
    let answer = integrator.submit("/integrations/rep-codes/run", &[]).await;
    let run = stage.run_behind(answer.location()).await;
    assert_eq!(run.outcome, Some(RunOutcome::Partial));
    let page = integrator.get("/integrations/rep-codes/runs/run-1").await;
    page.says(
        200,
        &[
            "partial",
            "Asked for by integrator",
            "Planned 20",
            "Done 19",
            "Refused by the vendor 1",
            "Open cases",
            "plan-1",
            "applied",
            "User four User one",
            "User four User two",
            "Rep Code - A",
            "unknown user",
            "Undo…",
        ],
    );
    let page = integrator.get("/integrations/rep-codes/runs/run-1?state=not-done").await;
    let text = page.says(200, &["refused by the vendor", "unknown user", "all 20"]).text();
    assert!(!text.contains("User one"), "only what was refused: {text}");
    integrator.get("/integrations/rep-codes/runs/run-1?state=stale").await.says(200, &["No item has this result"]);
    integrator.get("/integrations/rep-codes/runs/run-1?state=dnoe").await.says(404, &["there is no such state"]);
    let page = integrator.get("/integrations/rep-codes/runs/run-1/items/1").await;
    page.says(
        200,
        &[
            "Customer C00",
            "done",
            "Before User four",
            "After User one",
            "Rep Code - A",
            "version 1",
            "Saved by ann territory change",
            "tC00",
        ],
    );
    assert!(page.body.contains("/why?integration=rep-codes&#38;key=C00"), "{}", page.body);
    integrator.get("/integrations/rep-codes/runs/run-1/items/99").await.says(404, &["there is no such item"]);
    // A viewer reads the same and is not offered what is not theirs.
    let mut viewer = stage.signed_in("viewer").await;
    let page = viewer.get("/integrations/rep-codes/runs/run-1").await;
    assert!(!page.says(200, &["User four User one"]).text().contains("Undo"));
}

#[tokio::test]
async fn items_of_a_long_run_come_in_pages() {
    let stage = Stage::with_customers().await;
    for number in 30..90 {
        stage.world.customer(&format!("C{number:02}"), "A", &["4"]);
    }
    stage.world.run().await;
    let mut viewer = stage.signed_in("viewer").await;
    let page = viewer.get("/integrations/rep-codes/runs/run-1").await;
    let next = page.says(200, &["Customer C00", "Next"]).link("Next");
    let second = viewer.get(&next).await;
    assert!(!second.says(200, &["First"]).text().contains("Customer C00"), "{}", second.text());
    second.says(200, &["Customer C89"]);
}

#[tokio::test]
async fn a_refused_run_says_why_and_where_it_may_be_let_through() {
    let mut stage = Stage::with_customers().await;
    stage.policy(|policy| policy.caps.owner_moves = Cap { count: Some(3), percent: None, floor: 0 });
    stage.world.run().await;
    let mut viewer = stage.signed_in("viewer").await;
    let page = viewer.get("/integrations/rep-codes/runs/run-1").await;
    page.says(
        200,
        &["refused", "Refused by owner-moves", "20 of 30 paired records", "two people may let it through there", "It wrote nothing"],
    );
    assert!(page.body.contains("/integrations/rep-codes/plans/plan-1"), "{}", page.body);
}

#[tokio::test]
async fn names_with_markup_in_them_are_shown_as_text() {
    let stage = Stage::with_customers().await;
    stage.world.target.change(&CUSTOMER, "tC00", |record| record.name = "<script>alert(1)</script>".into());
    stage.world.run().await;
    let mut viewer = stage.signed_in("viewer").await;
    for path in ["/integrations/rep-codes/runs/run-1", "/integrations/rep-codes/runs/run-1/items/1", "/why?integration=rep-codes&key=C00"] {
        let page = viewer.get(path).await;
        assert!(!page.body.contains("<script>alert"), "{path}");
        assert!(page.body.contains("&#60;script&#62;alert(1)"), "{path}: {}", page.body);
    }
}
