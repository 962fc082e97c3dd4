//! What waits, and what releases it.

use rightful_engine::*;

use super::office::{BASE, Desk};
use crate::desk::INTEGRATION;

#[tokio::test]
async fn ss_9_a_hold_says_what_it_waits_for_and_goes_out_once_the_team_is_stated() {
    let desk = Desk::with_users(PeopleMode::Automatic).await;
    desk.office.deal("d2", Some("u3"), "won", 20);
    desk.office.run().await;
    desk.office.taken();
    let mut ada = desk.stage.signed_in("integrator").await;
    let page = ada.get(&format!("{BASE}/holds")).await;
    page.says(
        200,
        &[
            "Deal d1",
            "deal d1, for First u1 Last u1",
            "on no team",
            "First u1 Last u1 is ready",
            "two users have this e-mail address",
            "Try now",
        ],
    );
    let text = ada.get(&format!("{BASE}/holds?reason=no-team")).await.text();
    assert!(text.contains("Deal d1") && !text.contains("Deal d2"), "{text}");
    ada.get(&format!("{BASE}/holds?reason=none")).await.says(200, &["Nothing waits for this reason"]);
    assert_eq!(page.link("Open the account"), format!("{BASE}/accounts/u1"));

    let account = ada.get(&page.link("Open the account")).await;
    account.says(200, &["First u1 Last u1", "Key of the team"]);
    let answer = desk.post(&mut ada, "/accounts/u1/team", &[("team", "OSLO"), ("was", ""), ("reason", "placed today")]).await;
    ada.follow(&answer).await.says(200, &["is on team OSLO", "History", "stated by integrator"]);
    let answer = desk.post(&mut ada, "/try", &[]).await;
    let run = desk.stage.run_behind(answer.location()).await;
    assert_eq!((run.outcome, desk.office.taken()), (Some(RunOutcome::DoneWithHolds), vec!["record d1#won u1".to_owned()]));
    ada.get(answer.location()).await.says(200, &["credited", "amount 10"]);
    ada.get("/why?integration=activity&key=d1")
        .await
        .says(200, &["Deal d1 (deal d1).", "credited to First u1 Last u1", "amount 10", "First u1 Last u1"]);
}

#[tokio::test]
async fn a_hold_is_dropped_with_a_reason_and_that_state_is_not_sent_any_more() {
    let desk = Desk::with_users(PeopleMode::Automatic).await;
    let held = desk.stage.store.holds(Some(INTEGRATION), None, 9).await.unwrap();
    let id = held[0].id;
    let mut ada = desk.stage.signed_in("integrator").await;
    desk.post(&mut ada, &format!("/holds/{id}/drop"), &[("reason", "")]).await.says(422, &["Say why, in a few words"]);
    let answer = desk.post(&mut ada, &format!("/holds/{id}/drop"), &[("reason", "test data")]).await;
    answer.leads(&format!("{BASE}/holds"));
    ada.follow(&answer).await.says(200, &["this state is not sent any more", "Nothing waits"]);
    assert_eq!(desk.stage.last_act().await.action, "hold.drop");
    desk.office.on_team("u1", "OSLO").await;
    desk.office.run().await;
    assert_eq!(desk.office.taken(), ["user u1"]);
}
