//! The switch of automatic accounts, and workflows.

use rightful_engine::*;

use super::office::{BASE, Desk};
use crate::desk::{INTEGRATION, Office};

#[tokio::test]
async fn ss_11_turned_off_no_account_is_made_by_itself_any_more_and_it_is_in_the_log() {
    let desk = Desk::with_users(PeopleMode::Automatic).await;
    assert_eq!(desk.office.taken(), ["user u1"]);
    let mut ada = desk.stage.signed_in("integrator").await;
    ada.get(BASE)
        .await
        .says(200, &["Automatic accounts on", "whoever owns a record that satisfies an active workflow", "makes no account go away"]);
    desk.post(&mut ada, "/automatic", &[("on", "no"), ("reason", " ")]).await.says(422, &["Say why, in a few words"]);
    let answer = desk.post(&mut ada, "/automatic", &[("on", "no"), ("reason", "licences are used up")]).await;
    ada.follow(&answer)
        .await
        .says(200, &["No account is made by itself any more", "Automatic accounts off", "Switched by integrator", "licences are used up"]);
    let act = desk.stage.last_act().await;
    assert_eq!((act.action.as_str(), act.object.as_str()), ("switch.off", INTEGRATION));
    desk.office.deal("d2", Some("u2"), "won", 10);
    desk.office.run().await;
    assert_eq!(
        (desk.office.taken(), desk.office.holds().await),
        (vec![], vec!["d1#won no-team".to_owned(), "d2#won unmapped-owner".to_owned()])
    );
    // Somebody else switched it meanwhile.
    let answer = desk.post(&mut ada, "/automatic", &[("on", "no"), ("reason", "again")]).await;
    ada.follow(&answer).await.says(200, &["Somebody had switched it off already"]);
    let answer = desk.post(&mut ada, "/automatic", &[("on", "yes"), ("reason", "new licences")]).await;
    ada.follow(&answer).await.says(200, &["from the next run on"]);
    desk.office.run().await;
    assert_eq!(desk.office.taken(), ["user u2"]);
}

#[tokio::test]
async fn where_the_configuration_makes_none_there_is_nothing_to_switch() {
    let desk = Desk::open(PeopleMode::OnDemand).await;
    let mut ada = desk.stage.signed_in("integrator").await;
    let text = ada.get(BASE).await.says(200, &["there is nothing to switch"]).text();
    assert!(!text.contains("Turn automatic accounts"), "{text}");
    desk.post(&mut ada, "/automatic", &[("on", "yes"), ("reason", "now")]).await.says(409, &["accounts are not made by themselves here"]);
    assert!(desk.stage.store.switches(INTEGRATION).await.unwrap().is_empty());
}

#[tokio::test]
async fn ss_10_whether_a_workflow_must_be_active_is_told() {
    let mut office = Office::new(PeopleMode::Automatic);
    office.activity().workflows[0].active = false;
    let desk = Desk::over(office).await;
    let mut viewer = desk.stage.signed_in("viewer").await;
    viewer.get(BASE).await.says(200, &["no account is made until one is", "0 of 1 active"]);
    let mut office = Office::new(PeopleMode::Automatic);
    office.activity().auto_sync_requires_workflow = false;
    let desk = Desk::over(office).await;
    let mut viewer = desk.stage.signed_in("viewer").await;
    viewer.get(BASE).await.says(200, &["whoever owns a record that satisfies a workflow gets an account"]);
}

#[tokio::test]
async fn what_is_switched_makes_plans_made_before_stale() {
    let desk = Desk::with_users(PeopleMode::OnDemand).await;
    desk.office.crew().await.pick(&desk.office.ports(), &["u1".to_owned()], Picked::Create, &desk.office.by("ada")).await.unwrap();
    let plan = desk.office.job(RunTask::Plan { only: None }, RunOptions::default()).await.unwrap().plan.unwrap();
    let mut ada = desk.stage.signed_in("integrator").await;
    let page = format!("{BASE}/plans/{plan}");
    ada.get(&page).await.says(200, &["new account", "Accounts made or linked", "Approve and apply"]);
    let answer = desk.post(&mut ada, "/workflows/won", &[("on", "no"), ("reason", "not this quarter")]).await;
    ada.follow(&answer).await.says(200, &["won writes nothing any more", "not active", "Disabled by integrator", "not this quarter"]);
    let text = ada.get(&page).await.says(200, &["There is nothing to approve"]).text();
    assert!(!text.contains("code table"), "{text}");
    desk.post(&mut ada, &format!("/plans/{plan}/approve"), &[("reason", "fine")]).await.says(409, &["cannot be approved"]);
    assert_eq!(desk.office.taken(), Vec::<String>::new());
}

#[tokio::test]
async fn a_workflow_is_told_in_words_and_enabled_with_a_reason() {
    let desk = Desk::with_users(PeopleMode::OnDemand).await;
    let mut ada = desk.stage.signed_in("integrator").await;
    ada.get(&format!("{BASE}/workflows")).await.says(
        200,
        &[
            "won",
            "active",
            "deal",
            "when a record appears, changes or is deleted",
            "Stage is “won”",
            "“won” for the record's owner: type “Deals”, amount from Amount",
        ],
    );
    desk.post(&mut ada, "/workflows/won", &[("on", "no"), ("reason", "")]).await.says(422, &["Say why, in a few words"]);
    desk.post(&mut ada, "/workflows/lost", &[("on", "no"), ("reason", "x")]).await.says(404, &["there is no such workflow"]);
    assert!(desk.stage.store.switches(INTEGRATION).await.unwrap().is_empty());
    let answer = desk.post(&mut ada, "/workflows/won", &[("on", "yes"), ("reason", "x")]).await;
    ada.follow(&answer).await.says(200, &["Somebody had enabled won already"]);
}
