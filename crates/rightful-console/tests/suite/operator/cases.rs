//! The work list: what waits for a person, and the link or button that mends it.

use rightful_engine::*;

use crate::stage::Stage;
use crate::world::Fault;

#[tokio::test]
async fn where_nothing_waits_the_page_says_what_would_come_here() {
    let stage = Stage::set().await;
    let mut viewer = stage.signed_in("viewer").await;
    viewer.get("/cases").await.says(200, &["Nothing waits for a person", "0 open"]);
}

#[tokio::test]
async fn each_case_says_what_was_found_and_leads_to_what_mends_it() {
    let stage = Stage::with_customers().await;
    stage.world.codes(&[("A", Some("noone"), None)]).await;
    stage.world.source_customer("ONLY-S", "B");
    stage.world.target.inside().faults = [None, Some(Fault::Refused), Some(Fault::LostAndChanged)].into();
    stage.world.run().await;
    let mut viewer = stage.signed_in("viewer").await;
    let page = viewer.get("/cases").await;
    page.says(
        200,
        &[
            "Rep Code - C has no users yet",
            "Map the code",
            "no user of the target is called `noone`",
            "Open its codes",
            "the target has no customer with the code `ONLY-S`",
            "Look at the write",
            "disputed-write",
            "refused-write",
        ],
    );
    assert!(page.body.contains("/integrations/rep-codes?q=C#assignments"), "{}", page.body);
    let write = page.link("Look at the write");
    viewer.get(&write).await.says(200, &["Owners", "User four"]);

    let page = viewer.get("/cases?reason=unmapped-code").await;
    let text = page.says(200, &["Rep Code - C has no users yet"]).text();
    assert!(!text.contains("Look at the write"), "{text}");
    viewer.get("/cases?reason=nonsense").await.says(200, &["No case fits"]);
}

#[tokio::test]
async fn cases_come_in_pages_oldest_first() {
    let stage = Stage::with_customers().await;
    for number in 0..60 {
        stage.world.source_customer(&format!("ONLY-{number:02}"), "B");
    }
    stage.world.run().await;
    let mut viewer = stage.signed_in("viewer").await;
    let page = viewer.get("/cases?reason=source-only").await;
    let next = page.says(200, &["ONLY-00"]).link("Next");
    assert!(!page.text().contains("ONLY-59"), "a page is bounded");
    let second = viewer.get(&next).await;
    assert!(!second.says(200, &["ONLY-59", "First"]).text().contains("ONLY-00"), "{}", second.text());
    assert!(!second.text().contains("Next"), "{}", second.text());
}

#[tokio::test]
async fn a_scope_sees_its_own_cases_and_counts_only_them() {
    let stage = Stage::with_customers().await;
    stage.world.run().await;
    let other = stage.another("other");
    run_job(&stage.toy.ports, &other, RunTask::Plan { only: None }, RunOptions::default()).await.unwrap();
    let counts = stage.store.case_counts(Some("other")).await.unwrap();
    let open: u64 = counts.iter().map(|(_, count)| count).sum();
    stage.member("scoped", Access { role: AccessRole::Admin, scope: Some(["other".to_owned()].into()) }).await;
    let mut scoped = stage.signed_in("scoped").await;
    let page = scoped.get("/cases").await;
    page.says(200, &[&format!("{open} open")]);
    assert!(!page.body.contains("rep-codes"), "{}", page.body);
    scoped.get("/cases?integration=rep-codes").await.says(404, &["there is no such integration"]);
}

#[tokio::test]
async fn holds_say_what_they_wait_for_and_can_be_dropped_by_their_own_integration_only() {
    let mut stage = Stage::with_customers().await;
    stage.policy(|policy| policy.no_match = NoOwner::Hold);
    stage.world.run().await;
    stage.another("other");
    let held = stage.store.holds(Some("rep-codes"), None, 99).await.unwrap();
    assert_eq!(held.len(), 10);
    let mut integrator = stage.signed_in("integrator").await;
    integrator.get("/cases").await.says(200, &["Holds", "a user for Rep Code - C", "no-match", "Drop", "Customer C02"]);
    let (first, second) = (held[0].id, held[1].id);
    integrator.submit(&format!("/integrations/other/holds/{first}/drop"), &[]).await.says(404, &["there is no such hold"]);
    integrator.submit("/integrations/rep-codes/holds/nonsense/drop", &[]).await.says(404, &["there is no such hold"]);
    let answer = integrator.submit(&format!("/integrations/rep-codes/holds/{second}/drop"), &[]).await;
    answer.leads("/cases?integration=rep-codes#holds");
    integrator.get("/cases?integration=rep-codes").await.says(200, &[&format!("{second} (Customer C05) was dropped")]);
    let left: Vec<HoldId> = stage.store.holds(Some("rep-codes"), None, 99).await.unwrap().into_iter().map(|hold| hold.id).collect();
    assert!(left.len() == 9 && !left.contains(&second), "{left:?}");
    integrator.submit(&format!("/integrations/rep-codes/holds/{second}/drop"), &[]).await.says(404, &["there is no such hold"]);
    assert_eq!(stage.last_act().await.action, "hold.drop");
    let mut viewer = stage.signed_in("viewer").await;
    let text = viewer.get("/cases").await.text();
    assert!(text.contains("a user for Rep Code - C") && !text.contains("Drop"), "{text}");
}
