//! The list of users, and picking from it.

use rightful_core::*;
use rightful_engine::*;

use super::office::{BASE, Desk};
use crate::desk::INTEGRATION;

#[tokio::test]
async fn ss_3_an_empty_list_says_why_and_a_full_one_can_be_narrowed() {
    let desk = Desk::open(PeopleMode::OnDemand).await;
    let mut ada = desk.stage.signed_in("integrator").await;
    let users = format!("{BASE}/users");
    ada.get(&users).await.says(200, &["The users were never read", "after the first run has read Toy & Sons"]);
    desk.office.crm.inside().fail_reads = Some((crate::desk::USER, ErrorKind::Unauthenticated));
    desk.office.run().await;
    ada.get(&users).await.says(200, &["The users were never read", "could not read them"]);
    desk.office.crm.inside().fail_reads = None;
    desk.office.run().await;
    ada.get(&users).await.says(200, &["No user is known", "may not see any"]);

    for (id, email, active) in [("u1", "ann@example.com", true), ("u2", "bob@example.com", false)] {
        desk.office.user(id, email, active);
    }
    desk.office.run().await;
    let page = ada.get(&users).await;
    page.says(200, &["2 in all", "User u1", "ann@example.com", "has no account", "not active", "on demand", "Select all on this page"]);
    let text = ada.get(&format!("{users}?q=bob")).await.text();
    assert!(text.contains("1 in all") && !text.contains("User u1"), "{text}");
    ada.get(&format!("{users}?q=nobody")).await.says(200, &["Nobody fits"]);
    desk.office.crew().await.pick(&desk.office.ports(), &["u1".to_owned()], Picked::Create, &desk.office.by("ada")).await.unwrap();
    desk.office.release().await;
    let text = ada.get(&format!("{users}?only=unlinked")).await.text();
    assert!(text.contains("User u2") && !text.contains("User u1"), "{text}");
    ada.get(&format!("{users}?only=waiting")).await.says(200, &["User u1", "on no team", "waits until", "nothing is known of it"]);
}

#[tokio::test]
async fn ss_5_all_on_this_page_ticks_that_page_and_no_other() {
    let desk = Desk::open(PeopleMode::OnDemand).await;
    for number in 0..60 {
        desk.office.user(&format!("u{number:02}"), &format!("user{number}@example.com"), true);
    }
    desk.office.run().await;
    let mut ada = desk.stage.signed_in("integrator").await;
    let page = ada.get(&format!("{BASE}/users")).await;
    assert!(!page.body.contains(" checked"), "nobody is ticked before it was asked for");
    let all = page.link("Select all on this page");
    let ticked = ada.get(&all).await;
    assert_eq!(ticked.body.matches(" checked").count(), 50);
    let second = ada.get(&page.link("Next")).await;
    assert_eq!(second.body.matches("name=\"tick\"").count(), 10);
    let people: Vec<String> = (0..50).map(|number| format!("u{number:02}")).collect();
    let mut fields: Vec<(&str, &str)> = people.iter().map(|person| ("tick", person.as_str())).collect();
    fields.push(("do", "create"));
    let review = desk.post(&mut ada, "/users/picks", &fields).await;
    assert_eq!(review.says(200, &["creates an account"]).body.matches("creates an account").count(), 50);
}

#[tokio::test]
async fn ss_17_picks_are_reviewed_before_they_are_saved_and_take_effect_at_the_next_run() {
    let desk = Desk::with_users(PeopleMode::OnDemand).await;
    desk.office.file(&[(Some("other"), "bob@example.com", &[("firstname", Value::text("Bob")), ("lastname", Value::text("Own"))])]).await;
    let mut ada = desk.stage.signed_in("integrator").await;
    let ticks = [("tick", "u1"), ("tick", "u2"), ("tick", "u3"), ("do", "create")];
    let review = desk.post(&mut ada, "/users/picks", &ticks).await;
    review.says(
        200,
        &[
            "Review before saving",
            "creates an account",
            "links the existing account Bob Own (bob@example.com) because the e-mail address is the same",
            "waits: two users have this e-mail address",
        ],
    );
    assert_eq!(desk.picks().await, vec![]);
    let seen: Vec<String> = (0..3).map(|number| review.hidden(&format!("seen.{number}"))).collect();
    let row = |reason: &'static str, action: &'static str| {
        vec![
            ("person.0", "u1"),
            ("choice.0", "create"),
            ("seen.0", seen[0].as_str()),
            ("person.1", "u2"),
            ("choice.1", "skip"),
            ("seen.1", seen[1].as_str()),
            ("person.2", "u3"),
            ("choice.2", "leave"),
            ("seen.2", seen[2].as_str()),
            ("reason", reason),
            ("do", action),
        ]
    };
    desk.post(&mut ada, "/users/picks", &row("", "review")).await.says(200, &["makes nothing for them"]);
    desk.post(&mut ada, "/users/picks", &row(" ", "save")).await.says(422, &["Say why, in a few words"]);
    assert_eq!(desk.picks().await, vec![]);
    let saved = desk.post(&mut ada, "/users/picks", &row("the new team", "save")).await;
    saved.leads(&format!("{BASE}/users"));
    let page = ada.follow(&saved).await;
    page.says(200, &["1 person gets an account, 1 person is skipped", "at the next run", "picked for an account", "Run now", "skipped"]);
    assert_eq!(desk.picks().await, [("u1".to_owned(), Picked::Create), ("u2".to_owned(), Picked::Skip)]);
    assert_eq!((desk.stage.last_act().await.action.as_str(), desk.office.taken()), ("people.pick", vec![]));

    let answer = desk.post(&mut ada, "/try", &[]).await;
    let run = desk.stage.run_behind(answer.location()).await;
    assert_eq!((run.task, desk.office.taken()), (RunTask::Release, vec!["user u1".to_owned()]));
    ada.get(answer.location()).await.says(200, &["send what waits and can go now", "new account"]);
    desk.post(&mut ada, "/users/picks", &[("tick", "u1"), ("do", "create")]).await.says(200, &["they are linked to"]);
}

#[tokio::test]
async fn an_existing_account_is_mapped_from_the_review_and_never_by_itself() {
    let desk = Desk::with_users(PeopleMode::Manual).await;
    desk.office.file(&[(Some("ann-there"), "ann@example.com", &[])]).await;
    let mut ada = desk.stage.signed_in("integrator").await;
    let page = ada.get(&format!("{BASE}/users")).await;
    let text = page.says(200, &["by hand", "same e-mail address: ann@example.com"]).text();
    assert!(!text.contains("Create accounts"), "{text}");
    let review = desk.post(&mut ada, "/users/picks", &[("tick", "u1"), ("do", "map")]).await;
    review.says(200, &["suggested, same e-mail address: ann@example.com", "choose the account that is theirs"]);
    assert_eq!(review.hidden("user.0"), "", "a suggestion is told, never taken");
    let seen = review.hidden("seen.0");
    let fields = |user| {
        [("person.0", "u1"), ("choice.0", "map"), ("user.0", user), ("seen.0", seen.as_str()), ("reason", "it is her"), ("do", "save")]
    };
    desk.post(&mut ada, "/users/picks", &fields("nobody@example.com"))
        .await
        .says(422, &["no user `nobody@example.com` of the target is known"]);
    let saved = desk.post(&mut ada, "/users/picks", &fields("ann-there")).await;
    ada.follow(&saved).await.says(200, &["1 person was linked"]);
    let link = desk.stage.store.links(&"crm".into(), &"desk".into()).await.unwrap().remove(0);
    assert_eq!((link.owner.as_str(), link.evidence, link.by.author.as_str()), ("ann-there", LinkEvidence::Stated, "integrator"));
    // By hand nobody gets an account, whatever is sent.
    let fields = [("person.0", "u2"), ("choice.0", "create"), ("seen.0", ""), ("reason", "why not"), ("do", "save")];
    desk.post(&mut ada, "/users/picks", &fields).await.says(409, &[]);
    desk.post(&mut ada, "/users/picks", &[("tick", "u2"), ("do", "create")]).await.says(200, &["mapped by hand"]);
    assert_eq!(desk.picks().await, vec![]);
}

#[tokio::test]
async fn a_pick_that_moved_meanwhile_is_told_and_nothing_is_lost() {
    let desk = Desk::with_users(PeopleMode::OnDemand).await;
    let mut ada = desk.stage.signed_in("integrator").await;
    let review = desk.post(&mut ada, "/users/picks", &[("tick", "u1"), ("tick", "u2"), ("do", "create")]).await;
    let (one, other) = (review.hidden("seen.0"), review.hidden("seen.1"));
    desk.office.crew().await.pick(&desk.office.ports(), &["u1".to_owned()], Picked::Skip, &desk.office.by("bea")).await.unwrap();
    let fields = |one| {
        [
            ("person.0", "u1"),
            ("choice.0", "create"),
            ("seen.0", one),
            ("person.1", "u2"),
            ("choice.1", "create"),
            ("seen.1", other.as_str()),
            ("reason", "new"),
            ("do", "save"),
        ]
    };
    let conflict = desk.post(&mut ada, "/users/picks", &fields(&one)).await;
    conflict.says(409, &["Somebody else changed some of these people", "Changed meanwhile: now skipped, picked to be skipped"]);
    assert_eq!(desk.picks().await, [("u1".to_owned(), Picked::Skip)], "nothing of it was saved");
    let again = conflict.hidden("seen.0");
    desk.post(&mut ada, "/users/picks", &fields(&again)).await.leads(&format!("{BASE}/users"));
    assert_eq!(desk.picks().await, [("u1".to_owned(), Picked::Create), ("u2".to_owned(), Picked::Create)]);
    desk.post(&mut ada, "/users/picks", &[("tick", "u1"), ("do", "clear")]).await.says(200, &["the pick is taken back"]);
}

#[tokio::test]
async fn ss_12_ss_20_somebody_is_mapped_by_the_id_as_a_report_shows_it() {
    let desk = Desk::open(PeopleMode::Manual).await;
    for (id, email) in [("005Qk000003mNoPIAU", "ann@example.com"), ("005Qk000003mNopIAE", "bob@example.com")] {
        desk.office.user(id, email, true);
    }
    desk.office.run().await;
    desk.office.file(&[(Some("a"), "a@desk.example", &[]), (Some("b"), "b@desk.example", &[])]).await;
    let mut ada = desk.stage.signed_in("integrator").await;
    let map = |person, user, reason| [("person", person), ("user", user), ("reason", reason)];
    desk.post(&mut ada, "/users/map", &map("005Qk000003mNoP", "a", "")).await.says(422, &["Say why, in a few words"]);
    desk.post(&mut ada, "/users/map", &map("", "a", "it is her")).await.says(422, &["Give the person's id"]);
    desk.post(&mut ada, "/users/map", &map("005Qk000003mNoX", "a", "it is her"))
        .await
        .says(422, &["the source's users hold no `005Qk000003mNoX`"]);
    let answer = desk.post(&mut ada, "/users/map", &map(" 005Qk000003mNoP ", "a", "it is her")).await;
    ada.follow(&answer).await.says(200, &["User 005Qk000003mNoPIAU (ann@example.com) is linked to a"]);
    let links = desk.stage.store.links(&"crm".into(), &"desk".into()).await.unwrap();
    assert_eq!(links.iter().map(|link| (link.person.as_str(), link.owner.as_str())).collect::<Vec<_>>(), [("005Qk000003mNoPIAU", "a")]);
    // Whoever has it is named.
    desk.post(&mut ada, "/users/map", &map("005Qk000003mNop", "a", "him")).await.says(409, &["a@desk.example is User 005Qk000003mNoPIAU"]);
    desk.post(&mut ada, "/users/map", &map("005Qk000003mNoP", "b", "him")).await.says(409, &["is mapped to a already, by integrator"]);
    assert_eq!(desk.stage.store.picks(INTEGRATION).await.unwrap(), vec![]);
}
