//! Activities from end to end over scripted vendors: who gets an account, what is credited, held, sent once, moved and taken back.

use rightful_core::*;
use rightful_engine::*;

use crate::desk::Office;

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn ss_2_by_hand_an_unknown_owner_makes_no_account_and_the_activity_waits_until_somebody_maps_them() {
    let office = Office::new(PeopleMode::Manual);
    office.user("u1", "ann@example.com", true);
    office.deal("d1", Some("u1"), "won", 10);
    office.deal("d2", Some("u1"), "open", 10);
    let report = office.run().await;
    assert_eq!((report.outcome, office.taken()), (RunOutcome::DoneWithHolds, vec![]), "{:?}", report.notes);
    assert_eq!(office.holds().await, ["d1#won unmapped-owner"]);
    assert_eq!(office.cases().await, ["unmapped-owner u1"]);

    office.file(&[(None, "ann@example.com", &[("team.key", Value::text("OSLO"))])]).await;
    office.release().await;
    assert_eq!(office.taken(), strings(&[]), "an e-mail address alone makes no link by hand");
    office.crew().await.map(&office.ports(), "u1", "ann@example.com", false, &office.by("ann")).await.unwrap();
    let report = office.release().await;
    assert_eq!((report.outcome, office.taken()), (RunOutcome::Done, strings(&["record d1#won u1"])), "{:?}", report.notes);
    assert_eq!((office.holds().await, office.cases().await), (vec![], vec![]));
    assert_eq!((office.run().await.counts.planned, office.taken()), (0, vec![]));
}

#[tokio::test]
async fn ss_9_without_a_team_an_activity_is_held_and_sent_once_when_the_user_is_on_one() {
    let office = Office::new(PeopleMode::Automatic);
    office.user("u1", "ann@example.com", true);
    for deal in 1..=8 {
        office.deal(&format!("d{deal}"), Some("u1"), "won", deal);
    }
    office.run().await;
    assert_eq!(office.taken(), ["user u1"]);
    assert_eq!(office.holds().await.len(), 8);
    office.deal("d3", Some("u1"), "won", 300);
    office.run().await;
    assert_eq!(office.taken(), strings(&[]));
    office.on_team("u1", "OSLO").await;
    office.release().await;
    assert_eq!(office.taken().len(), 8);
    assert_eq!(office.desk.inside().records["d3#won"].1["amount"], "300");
    assert_eq!((office.run().await.counts.planned, office.taken(), office.holds().await), (0, vec![], vec![]));
}

#[tokio::test]
async fn what_was_credited_follows_its_record_to_another_owner_and_away() {
    let office = Office::new(PeopleMode::All);
    for (id, email) in [("u1", "ann@example.com"), ("u2", "bob@example.com")] {
        office.user(id, email, true);
    }
    office.deal("d1", Some("u1"), "won", 10);
    office.deal("d2", Some("u2"), "won", 20);
    office.run().await;
    assert_eq!(office.taken(), ["user u1", "user u2"]);
    office.on_team("u1", "OSLO").await;
    office.on_team("u2", "OSLO").await;
    office.run().await;
    assert_eq!(office.taken(), ["record d1#won u1", "record d2#won u2"]);

    office.deal("d1", Some("u2"), "won", 10);
    let report = office.run().await;
    assert_eq!(office.taken(), ["record d1#won u2"]);
    let changes = office.store.changes(report.plan.unwrap(), 0, 10).await.unwrap();
    assert_eq!((changes[0].action, changes[0].owners.from.clone()), (Action::OwnerMove, Some(strings(&["u1"]))));

    office.deal("d1", Some("u2"), "lost", 10);
    office.crm.remove(&crate::desk::DEAL, "d2");
    office.run().await;
    let mut taken = office.taken();
    taken.sort();
    assert_eq!(taken, ["remove d1#won", "remove d2#won"]);
    assert_eq!((office.run().await.counts.planned, office.desk.inside().records.len()), (0, 0));
}

#[tokio::test]
async fn where_records_cannot_be_removed_a_case_says_so() {
    let office = Office::with(PeopleMode::All, false);
    office.user("u1", "ann@example.com", true);
    office.deal("d1", Some("u1"), "won", 10);
    office.run().await;
    office.on_team("u1", "OSLO").await;
    office.run().await;
    office.crm.remove(&crate::desk::DEAL, "d1");
    office.run().await;
    assert_eq!(office.cases().await, ["cannot-remove d1#won"]);
    assert_eq!(office.desk.inside().records.len(), 1);
}

#[tokio::test]
async fn ss_4_an_existing_e_mail_address_links_and_two_crm_users_with_one_are_a_case() {
    let office = Office::new(PeopleMode::OnDemand);
    office.user("u1", "ann@example.com", true);
    office.user("u2", " Bob@Example.com ", true);
    office.user("u3", "same@example.com", true);
    office.user("u4", "same@example.com", true);
    office.run().await;
    office.file(&[(None, "bob@example.com", &[("team.key", Value::text("OSLO"))])]).await;
    let crew = office.crew().await;
    let everyone = strings(&["u1", "u2", "u3", "u4"]);
    crew.pick(&office.ports(), &everyone, Picked::Create, &office.by("ann")).await.unwrap();
    office.release().await;
    assert_eq!(office.taken(), ["user u1", "user u2"]);
    let links = office.store.links(&"crm".into(), &"desk".into()).await.unwrap();
    let links: Vec<(&str, LinkEvidence)> = links.iter().map(|link| (link.owner.as_str(), link.evidence)).collect();
    assert_eq!(links, [("u1", LinkEvidence::Created), ("u2", LinkEvidence::Email)]);
    assert_eq!(office.cases().await, ["email-shared u3", "email-shared u4"]);
    // What was known of the address is known of the account now, and the team opens its gate.
    office.deal("d1", Some("u2"), "won", 10);
    office.run().await;
    assert_eq!(office.taken(), ["record d1#won u2"]);
    assert_eq!((office.run().await.counts.planned, office.taken()), (0, vec![]));
}

#[tokio::test]
async fn ss_11_switching_automatic_accounts_off_keeps_them_from_being_made() {
    let mut office = Office::new(PeopleMode::Automatic);
    office.user("u1", "ann@example.com", true);
    office.deal("d1", Some("u1"), "won", 10);
    let switch = |name: &str, on| Switch { name: name.into(), on, by: office.by("ann") };
    office.store.switch("activity", &switch(AUTOMATIC, false)).await.unwrap();
    office.run().await;
    assert_eq!((office.taken(), office.holds().await), (vec![], strings(&["d1#won unmapped-owner"])));
    // SS-10: an active workflow is needed, unless the setting says otherwise.
    office.store.switch("activity", &switch(AUTOMATIC, true)).await.unwrap();
    office.store.switch("activity", &switch(&workflow_switch("won"), false)).await.unwrap();
    office.run().await;
    assert_eq!((office.taken(), office.holds().await), (vec![], vec![]));
    office.activity().auto_sync_requires_workflow = false;
    office.run().await;
    assert_eq!(office.taken(), strings(&[]), "no record asks for an account while no workflow looks at records");
    office.store.switch("activity", &Switch { name: workflow_switch("won"), on: true, by: office.by("ann") }).await.unwrap();
    office.run().await;
    assert_eq!(office.taken(), ["user u1"]);
}

#[tokio::test]
async fn ss_8_a_deletion_alone_makes_the_account_too() {
    let mut office = Office::new(PeopleMode::Automatic);
    office.activity().workflows[0].triggers = Triggers { create: false, update: false, delete: true };
    office.user("u1", "ann@example.com", true);
    office.deal("d1", Some("u1"), "won", 10);
    office.run().await;
    assert_eq!(office.taken(), strings(&[]));
    office.crm.remove(&crate::desk::DEAL, "d1");
    office.run().await;
    assert_eq!(office.taken(), ["user u1"]);
}

#[tokio::test]
async fn a_dropped_hold_is_let_go_until_its_record_changes() {
    let office = Office::new(PeopleMode::Manual);
    office.user("u1", "ann@example.com", true);
    office.deal("d1", Some("u1"), "won", 10);
    office.run().await;
    let hold = office.store.holds(Some("activity"), None, 10).await.unwrap().remove(0);
    assert!(office.store.drop_hold(hold.id, &office.by("ann")).await.unwrap());
    office.run().await;
    assert_eq!(office.holds().await, strings(&[]));
    office.file(&[(Some("u1"), "ann@example.com", &[("team.key", Value::text("OSLO"))])]).await;
    office.run().await;
    assert_eq!(office.taken(), strings(&[]), "what was let go is not sent");
    office.deal("d1", Some("u1"), "won", 11);
    office.run().await;
    assert_eq!(office.taken(), ["record d1#won u1"]);
}

#[tokio::test]
async fn with_replay_off_or_after_its_days_a_held_state_is_let_go_with_a_case() {
    for replay in [false, true] {
        let mut office = Office::new(PeopleMode::Manual);
        office.activity().replay = replay;
        office.user("u1", "ann@example.com", true);
        office.deal("d1", Some("u1"), "won", 10);
        office.run().await;
        if replay {
            assert_eq!(office.holds().await, ["d1#won unmapped-owner"]);
            office.clock.advance(std::time::Duration::from_secs(91 * 24 * 3600));
            office.run().await;
        }
        assert_eq!((office.holds().await, office.taken()), (vec![], vec![]), "replay {replay}");
        assert!(office.cases().await.contains(&"let-go unmapped-owner".to_owned()), "{:?}", office.cases().await);
        office.file(&[(Some("u1"), "ann@example.com", &[("team.key", Value::text("OSLO"))])]).await;
        office.run().await;
        assert_eq!(office.taken(), strings(&[]));
        office.deal("d1", Some("u1"), "won", 12);
        office.run().await;
        assert_eq!(office.taken(), ["record d1#won u1"]);
    }
}

#[tokio::test]
async fn a_queue_owned_record_is_nobodys_or_the_fall_backs_and_says_so() {
    let mut office = Office::new(PeopleMode::Manual);
    office.file(&[(Some("desk-1"), "desk@example.com", &[("team.key", Value::text("OSLO"))])]).await;
    office.deal("d1", None, "won", 10);
    office.run().await;
    assert_eq!((office.taken(), office.cases().await), (vec![], strings(&["no-owner activities"])));
    office.integration.policy.no_owner = NoOwner::Fallback("desk@example.com".into());
    office.run().await;
    assert_eq!(office.taken(), ["record d1#won desk-1"]);
}

#[tokio::test]
async fn ss_24_a_deactivated_owners_new_activity_waits_and_old_records_stay() {
    let office = Office::new(PeopleMode::All);
    office.user("u1", "ann@example.com", true);
    office.deal("d1", Some("u1"), "won", 10);
    office.run().await;
    office.on_team("u1", "OSLO").await;
    office.run().await;
    office.taken();
    for (word, reason) in [("inactive", "inactive"), ("supporter", "supporter"), ("spectating", "spectating")] {
        office.file(&[(Some("u1"), "ann@example.com", &[("status", Value::text(word))])]).await;
        office.deal("d2", Some("u1"), "won", 20);
        office.run().await;
        assert_eq!((office.taken(), office.holds().await), (vec![], strings(&[&format!("d2#won {reason}")])));
    }
    office.file(&[(Some("u1"), "ann@example.com", &[("status", Value::text("active")), ("licence", Value::Bool(false))])]).await;
    office.run().await;
    assert_eq!((office.taken(), office.holds().await), (vec![], strings(&["d2#won no-licence"])));
    office.file(&[(Some("u1"), "ann@example.com", &[("licence", Value::Bool(true))])]).await;
    office.release().await;
    assert_eq!(office.taken(), ["record d2#won u1"]);
}

/// What a step remembers is small, however many people a file shows.
#[tokio::test]
async fn thousands_of_mappings_become_links_in_one_run() {
    let office = Office::new(PeopleMode::Manual);
    let people: Vec<(String, String)> = (0..2_000).map(|number| (format!("u{number:04}"), format!("u{number:04}@example.com"))).collect();
    for (id, email) in &people {
        office.user(id, email, true);
    }
    let team = [("team.key", Value::text("OSLO"))];
    let rows: Vec<_> = people.iter().map(|(id, email)| (Some(id.as_str()), email.as_str(), &team[..])).collect();
    office.file(&rows).await;
    office.deal("d1", Some("u1999"), "won", 10);
    let report = office.run().await;
    assert_eq!((report.outcome, office.taken()), (RunOutcome::Done, strings(&["record d1#won u1999"])), "{:?}", report.notes);
    assert_eq!(office.store.links(&"crm".into(), &"desk".into()).await.unwrap().len(), 2_000);
}

#[tokio::test]
async fn a_link_by_e_mail_address_is_made_only_for_whom_a_record_asks() {
    let office = Office::new(PeopleMode::Automatic);
    for (id, email) in [("u1", "ann@example.com"), ("u2", "bob@example.com")] {
        office.user(id, email, true);
    }
    let team = [("team.key", Value::text("OSLO"))];
    office.file(&[(Some("k1"), "ann@example.com", &team), (Some("k2"), "bob@example.com", &team)]).await;
    office.deal("d1", Some("u1"), "won", 10);
    office.run().await;
    assert_eq!(office.taken(), ["record d1#won k1"]);
    let links = office.store.links(&"crm".into(), &"desk".into()).await.unwrap();
    assert_eq!(links.iter().map(|link| link.person.as_str()).collect::<Vec<_>>(), ["u1"]);
}

#[tokio::test]
async fn a_pilot_plans_one_record_one_figure_or_one_owner_and_closes_nothing() {
    let mut office = Office::new(PeopleMode::All);
    for (id, email) in [("u1", "ann@example.com"), ("u2", "bob@example.com")] {
        office.user(id, email, true);
    }
    office.run().await;
    office.on_team("u1", "OSLO").await;
    office.deal("d1", Some("u1"), "won", 10);
    office.deal("d2", Some("u1"), "won", 20);
    office.deal("d3", Some("u2"), "won", 30);
    office.user("u3", "cy@example.com", true);
    for (only, expected) in [
        ("d1", strings(&["d1#won"])),
        ("d2#won", strings(&["d2#won"])),
        ("u1", strings(&["d1#won", "d2#won"])),
        ("u3", strings(&["u3"])),
        ("d9", vec![]),
    ] {
        let report = office.job(RunTask::Plan { only: Some(only.into()) }, RunOptions::default()).await.unwrap();
        let changes = office.store.changes(report.plan.unwrap(), 0, 10).await.unwrap();
        assert_eq!(changes.iter().map(|change| change.target.to_string()).collect::<Vec<_>>(), expected, "{only}");
        assert_eq!(report.notes.iter().any(|note| note.contains("is known")), only == "d9", "{only}: {:?}", report.notes);
    }
    office.run().await;
    assert_eq!(office.holds().await, ["d3#won no-team"]);
    let bonus = Figure { name: "bonus".into(), ..office.activity().workflows[0].figures[0].clone() };
    office.activity().workflows[0].figures.push(bonus);
    for (only, expected) in [("d1#bonus", strings(&["d1#bonus"])), ("d1", strings(&["d1#bonus"])), ("d1#won", vec![])] {
        let report = office.job(RunTask::Plan { only: Some(only.into()) }, RunOptions::default()).await.unwrap();
        let changes = office.store.changes(report.plan.unwrap(), 0, 10).await.unwrap();
        assert_eq!(changes.iter().map(|change| change.target.to_string()).collect::<Vec<_>>(), expected, "{only}");
    }
    office.activity().workflows[0].figures.pop();
    office.job(RunTask::Plan { only: Some("d1".into()) }, RunOptions::default()).await.unwrap();
    assert_eq!(office.holds().await, ["d3#won no-team"], "a pilot looks at one thing and closes nothing else");
}

#[tokio::test]
async fn what_is_credited_of_a_kind_that_no_workflow_names_any_more_is_told() {
    let mut office = Office::new(PeopleMode::All);
    office.user("u1", "ann@example.com", true);
    office.deal("d1", Some("u1"), "won", 10);
    office.run().await;
    office.on_team("u1", "OSLO").await;
    office.run().await;
    office.activity().workflows.clear();
    office.run().await;
    assert_eq!(office.cases().await, ["left-behind deal"]);
    assert_eq!(office.desk.inside().records.len(), 1);
}
