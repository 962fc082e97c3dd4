//! What is known of accounts.

use rightful_engine::*;

use super::office::{BASE, Desk};

#[tokio::test]
async fn a_file_gets_a_verdict_for_each_row_and_shows_what_differs_before_it_is_taken() {
    let desk = Desk::with_users(PeopleMode::Automatic).await;
    desk.office.taken();
    let mut ada = desk.stage.signed_in("integrator").await;
    ada.get(&format!("{BASE}/accounts")).await.says(200, &["First u1 Last u1", "cannot be asked who its users are", "Import a file"]);
    ada.get(&format!("{BASE}/accounts/import")).await.says(200, &["email", "team_key"]);
    let file = |text, save: &'static [(&'static str, &'static str)]| [&[("text", text)][..], save].concat();
    let text = "email,team_key\nann@example.com,OSLO\nnew@desk.example,\n,BERGEN\n";
    let page = desk.post(&mut ada, "/accounts/import", &file(text, &[])).await;
    page.says(200, &["2 good, 1 bad; 2 differ", "Team: not known → OSLO", "not known so far", "it has no e-mail address", "on no team"]);
    assert!(!page.body.contains("name=\"save\""), "a bad row keeps the file from being taken");
    desk.post(&mut ada, "/accounts/import", &file("nonsense", &[])).await.says(422, &["the file lacks the column `email`"]);
    let good = &[("good_rows", "on"), ("save", "1"), ("reason", "")];
    desk.post(&mut ada, "/accounts/import", &file(text, good)).await.says(422, &["Say why, in a few words"]);
    let good = &[("good_rows", "on"), ("save", "1"), ("reason", "export of Monday")];
    let answer = desk.post(&mut ada, "/accounts/import", &file(text, good)).await;
    ada.follow(&answer).await.says(
        200,
        &[
            "Took 2 rows; 2 accounts differed",
            "new@desk.example",
            "by e-mail address only",
            "Team: OSLO",
            "from a file that integrator imported",
        ],
    );
    assert_eq!(desk.stage.last_act().await.action, "people.note");
    desk.office.release().await;
    assert_eq!(desk.office.taken(), ["record d1#won u1"], "what waited for a team went out");
}

#[tokio::test]
async fn ss_29_the_history_of_a_team_is_kept_and_a_team_that_moved_meanwhile_is_told() {
    let desk = Desk::with_users(PeopleMode::Automatic).await;
    let mut ada = desk.stage.signed_in("integrator").await;
    let place = |team, was, reason| [("team", team), ("was", was), ("reason", reason)];
    desk.post(&mut ada, "/accounts/u1/team", &place("OSLO", "", "")).await.says(422, &["Say why, in a few words"]);
    desk.post(&mut ada, "/accounts/u1/team", &place("OSLO", "", "placed")).await.leads(&format!("{BASE}/accounts/u1"));
    desk.post(&mut ada, "/accounts/u1/team", &place("BERGEN", "", "placed"))
        .await
        .says(409, &["Somebody changed the team meanwhile: it is OSLO now"]);
    desk.post(&mut ada, "/accounts/u1/team", &place("BERGEN", "OSLO", "moved")).await.leads(&format!("{BASE}/accounts/u1"));
    let answer = desk.post(&mut ada, "/accounts/u1/team", &place("", "BERGEN", "left")).await;
    let text = ada.follow(&answer).await.says(200, &["is on no team", "History"]).text();
    let (_, history) = text.split_once("History").unwrap();
    let at = |word: &str| history.find(word).unwrap_or_else(|| panic!("no {word} in {history}"));
    assert!(at("OSLO") < at("BERGEN") && at("BERGEN") < at("none"), "{history}");
    ada.get(&format!("{BASE}/accounts/nobody")).await.says(404, &["no user `nobody` of the target is known"]);
}

#[tokio::test]
async fn a_team_that_may_be_sent_is_put_on_and_what_waited_for_it_goes_out_in_the_same_run() {
    let desk = Desk::with_users(PeopleMode::Automatic).await;
    desk.office.taken();
    let mut ada = desk.stage.signed_in("integrator").await;
    let page = ada.get(&format!("{BASE}/accounts/u1")).await;
    page.says(200, &["Keys that may be sent: BERGEN, OSLO", "Put on the team", "State the team"]);
    let sent = |team, was, reason| [("team", team), ("was", was), ("reason", reason)];
    let path = "/accounts/u1/team/send";
    desk.post(&mut ada, path, &sent("OSLO", "", " ")).await.says(422, &["Say why, in a few words"]);
    desk.post(&mut ada, path, &sent("OSLOO", "", "x")).await.says(422, &["team key `OSLOO` may not be sent; did you mean `OSLO`?"]);
    desk.post(&mut ada, path, &sent("", "", "x")).await.says(422, &["no team was chosen; give its key."]);
    desk.post(&mut ada, path, &sent("OSLO", "BERGEN", "x")).await.says(409, &["Somebody changed the team meanwhile: it is no team now"]);
    assert!(desk.office.taken().is_empty() && desk.stage.last_act().await.action != "run.ask", "what is refused begins nothing");
    let answer = desk.post(&mut ada, path, &sent(" OSLO ", "", "starts on Monday")).await;
    let act = desk.stage.last_act().await;
    assert_eq!((act.action.as_str(), act.actor.as_str()), ("run.ask", "integrator"));
    assert_eq!((&act.detail["task"], &act.detail["reason"]), (&"put u1 on team OSLO".into(), &"starts on Monday".into()));
    ada.follow(&answer).await.says(200, &["it puts First u1 Last u1 (ann@example.com) on team OSLO, then credits what waited for that"]);
    let run = desk.stage.store.runs(Some("activity"), 1).await.unwrap()[0].id;
    desk.stage.ended(run).await;
    assert_eq!(desk.office.taken(), ["user u1", "record d1#won u1"]);
    ada.get(&format!("{BASE}/accounts/u1")).await.says(200, &["OSLO", "we sent it"]);
}

#[tokio::test]
async fn why_no_team_can_be_sent_for_somebody_is_told_and_a_team_is_stated_still() {
    let desk = Desk::open(PeopleMode::Manual).await;
    desk.office.on_team_by_file().await;
    let mut ada = desk.stage.signed_in("integrator").await;
    let page = ada.get(&format!("{BASE}/accounts/ann@example.com")).await;
    page.says(200, &["ann@example.com is known by the e-mail address only; map a user to the account first", "State the team"]);
    assert!(!page.body.contains("/team/send"), "{}", page.body);
    let form = [("team", "BERGEN"), ("was", "OSLO"), ("reason", "x")];
    let sent = desk.post(&mut ada, "/accounts/ann@example.com/team/send", &form).await;
    sent.says(422, &["is known by the e-mail address only"]);
    let stated = desk.post(&mut ada, "/accounts/ann@example.com/team", &form).await;
    ada.follow(&stated).await.says(200, &["is on team BERGEN"]);
    desk.stage.toy.others.lock().unwrap().clear();
    ada.get(&format!("{BASE}/accounts/ann@example.com")).await.says(200, &["takes no team of its users"]);
}
