//! The job from end to end over a scripted vendor: what it changes, what it refuses, what it reports.

use std::sync::Arc;

use rightful_core::{ErrorKind, Owner, Person, PersonKey, State, Value};
use rightful_engine::*;

use crate::world::*;

/// Twelve customers of three codes, all with the wrong owner.
async fn twelve() -> World {
    let world = World::new().with_users();
    for number in 0..12 {
        let code = ["R05", "R11", "R20"][number % 3];
        world.customer(&format!("C{number:02}"), code, &["4"]);
    }
    world.codes(&[("R05", Some("one"), None), ("R11", Some("two"), None), ("R11", Some("three"), None), ("R20", None, None)]).await;
    world
}

#[tokio::test]
async fn sk_1_sk_3_sk_4_a_first_run_gives_each_customer_the_users_of_its_code() {
    let world = twelve().await;
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.done), (RunOutcome::Done, 8), "{:?}", report.notes);
    for number in 0..12 {
        let expected = ["1", "2 3", "4"][number % 3];
        assert_eq!(world.owner(&format!("C{number:02}")), expected, "C{number:02}");
    }
    // A blank row is a case, one for the code, and no crash.
    assert_eq!(world.cases().await, ["unmapped-code R20"]);
    world.target.assert_each_written_once();
}

#[tokio::test]
async fn an_unchanged_second_run_plans_and_writes_nothing() {
    let world = twelve().await;
    world.run().await;
    let before = world.target.writes();
    world.target.inside().calls.clear();
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.planned, world.target.writes()), (RunOutcome::Done, 0, before));
    assert!(!world.target.inside().calls.iter().any(|call| call.starts_with("write")));
}

#[tokio::test]
async fn sk_8_sk_10_a_saved_code_moves_nothing_until_the_next_run_and_then_exactly_its_customers() {
    let world = twelve().await;
    world.run().await;
    let read_at = world.store.code_table("rep-codes").await.unwrap().last_read.unwrap();
    world.hours(1);
    world.codes(&[("R05", Some("four"), None)]).await;
    assert_eq!(world.owner("C00"), "1");
    assert_eq!(world.store.code_table("rep-codes").await.unwrap().last_read, Some(read_at), "saving is not reading");
    let report = world.run().await;
    assert_eq!((report.counts.done, world.owner("C00").as_str(), world.owner("C01").as_str()), (4, "4", "2 3"));
    assert!(world.store.code_table("rep-codes").await.unwrap().last_read.unwrap() > read_at, "a run reads the table");
    let moved = world.store.code_table("rep-codes").await.unwrap().last_read;
    world.hours(1);
    world.run().await;
    assert!(world.store.code_table("rep-codes").await.unwrap().last_read > moved, "even where nothing changed");
}

#[tokio::test]
async fn sk_13_a_new_user_without_a_row_owns_nothing_after_a_run() {
    let world = twelve().await;
    world.user("9", "newby", true);
    world.run().await;
    assert!(world.owners().values().flatten().all(|owner| owner != "9"));
}

#[tokio::test]
async fn a_first_run_is_refused_by_the_cap_and_let_through_by_a_person_with_a_reason() {
    let mut world = twelve().await;
    world.integration.policy.caps.owner_moves = Cap { count: None, percent: Some(20), floor: 2 };
    let report = world.plan().await;
    assert_eq!(report.outcome, RunOutcome::Refused);
    let plan = report.plan.unwrap();
    assert!(report.refusals[0].remedy.contains(&format!("rightful apply {plan} --over-cap --reason TEXT")), "{:?}", report.refusals);
    let report = world.apply(plan).await;
    assert_eq!((report.outcome, report.refusals.len(), world.target.writes()), (RunOutcome::Refused, 1, 0));
    let options = RunOptions { over_cap: Some(("ann".into(), "first run".into())), ..RunOptions::default() };
    let report = world.job(RunTask::Apply { plan }, options.clone()).await.unwrap();
    assert_eq!((report.outcome, report.counts.done), (RunOutcome::Done, 8), "{:?}", report.notes);
    let kept = world.store.plan(plan).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.passed), (PlanState::Applied, Some(("ann".into(), "first run".into()))));
    // The same plan is not applied twice.
    let error = world.job(RunTask::Apply { plan }, options).await.unwrap();
    assert!(error.outcome == RunOutcome::Failed && error.notes[0].contains("was applied already"), "{error:?}");
}

#[tokio::test]
async fn sk_24_in_24_an_emptied_source_is_refused_even_over_the_cap_and_recovers_by_itself() {
    let world = twelve().await;
    world.run().await;
    let before = world.owners();
    world.source.inside().shows.insert(CUSTOMER, 0);
    for _ in 0..2 {
        let report = world.run().await;
        assert_eq!((report.outcome, report.refusals[0].guard.as_str()), (RunOutcome::Refused, "source-empty"));
        let options = RunOptions { over_cap: Some(("ann".into(), "really".into())), ..RunOptions::default() };
        let report = world.job(RunTask::Apply { plan: report.plan.unwrap() }, options).await.unwrap();
        assert_eq!((report.outcome, world.owners() == before), (RunOutcome::Refused, true), "a guard is not passed");
    }
    // A part of it is as suspicious.
    world.source.inside().shows.insert(CUSTOMER, 4);
    assert_eq!(world.run().await.refusals[0].guard, "source-shrunk");
    world.source.inside().shows.clear();
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.planned), (RunOutcome::Done, 0), "{:?}", report.refusals);
}

#[tokio::test]
async fn sk_24_in_24_codes_that_all_vanish_are_refused() {
    let world = twelve().await;
    world.run().await;
    for number in 0..12 {
        world.source_customer(&format!("C{number:02}"), "");
    }
    let report = world.run().await;
    assert_eq!((report.outcome, report.refusals[0].guard.as_str()), (RunOutcome::Refused, "codes-gone"));
}

#[tokio::test]
async fn sk_16_a_deactivated_user_is_a_case_and_a_successor_takes_assignment_and_visit_frequency() {
    let world = World::new().with_users();
    world.customer("C1", "R05", &["5"]);
    world.customer("C2", "R05", &["1"]);
    world.customer("C3", "R07", &["5"]);
    world.frequency("f1", "tC1", "5");
    world.frequency("f2", "tC2", "1");
    world.frequency("f3", "tC3", "5");
    world.codes(&[("R05", Some("five"), None), ("R07", Some("five"), None)]).await;
    let report = world.run().await;
    assert_eq!((report.counts.planned, world.cases().await), (0, vec!["inactive-user five".to_owned()]), "nothing moves by itself");
    world.codes(&[("R05", Some("five"), Some("two"))]).await;
    let report = world.run().await;
    assert_eq!((report.outcome, world.owner("C1").as_str(), world.owner("C3").as_str()), (RunOutcome::Done, "2", "5"));
    let frequencies = world.target.owners(&FREQUENCY);
    assert_eq!(
        (frequencies["f1"].as_slice(), frequencies["f2"].as_slice(), frequencies["f3"].as_slice()),
        (&["2".to_owned()][..], &["1".to_owned()][..], &["5".to_owned()][..])
    );
    assert!(world.cases().await.contains(&"inactive-user five".to_owned()), "it stays a case");
    assert_eq!(world.run().await.counts.planned, 0);
}

#[tokio::test]
async fn sk_16_a_successor_who_visits_there_already_is_a_case() {
    let world = World::new().with_users();
    world.customer("C1", "R05", &["2"]);
    world.frequency("f1", "tC1", "5");
    world.frequency("f2", "tC1", "2");
    world.codes(&[("R05", Some("five"), Some("two"))]).await;
    let report = world.run().await;
    assert_eq!((report.counts.planned, world.cases().await.contains(&"successor-has-one f1".to_owned())), (0, true));
}

#[tokio::test]
async fn sk_17_a_self_assignment_under_a_day_old_is_left_and_noted_and_later_removed() {
    let world = twelve().await;
    world.target_customer("C00", &["1", "3"]);
    // Who stood there at the first read is not new.
    world.run().await;
    assert_eq!(world.owner("C00"), "1");
    world.target_customer("C03", &["1", "3"]);
    world.hours(1);
    let report = world.run().await;
    assert_eq!((report.counts.planned, world.owner("C03").as_str()), (0, "1 3"));
    assert!(report.notes.iter().any(|note| note.contains("1 record with an owner")), "{:?}", report.notes);
    world.hours(23);
    assert_eq!((world.run().await.counts.planned, world.owner("C03").as_str()), (0, "1 3"));
    world.hours(2);
    assert_eq!((world.run().await.counts.done, world.owner("C03").as_str()), (1, "1"));
}

#[tokio::test]
async fn sk_22_sk_23_customers_on_one_side_and_over_long_codes_are_cases() {
    let world = twelve().await;
    let long = "L".repeat(41);
    world.source_customer("ONLY-S", "R05");
    world.source_customer(&long, "R05");
    world.target_customer("ONLY-T", &["4"]);
    world.source_customer("c00", "R05");
    let mut idle = record("s-idle", &[("customer-id", "IDLE")], "Idle");
    idle.values = vec![Value::text("R05")];
    idle.state = State::Inactive;
    world.source.put(&CUSTOMER, idle);
    world.run().await;
    let cases = world.cases().await;
    assert_eq!(
        cases,
        [
            format!("code-too-long {long}"),
            "source-only ONLY-S".into(),
            "source-only c00".into(),
            "target-only ONLY-T".into(),
            "unmapped-code R20".into()
        ]
    );
    // A case closes when a run looks and no longer finds it.
    world.source.remove(&CUSTOMER, "sONLY-S");
    world.run().await;
    assert!(!world.cases().await.contains(&"source-only ONLY-S".to_owned()));
}

#[tokio::test]
async fn undo_puts_everything_back_but_a_record_changed_since_and_pauses_the_integration() {
    let world = twelve().await;
    let before = world.owners();
    let done = world.run().await;
    world.target_customer("C01", &["1"]);
    let report =
        world.job(RunTask::Undo { run: done.run }, RunOptions { author: Some("ann".into()), ..RunOptions::default() }).await.unwrap();
    assert_eq!((report.outcome, report.counts.done), (RunOutcome::Partial, 7), "{:?}", report.notes);
    let mut expected = before;
    expected.insert("tC01".into(), vec!["1".into()]);
    assert_eq!(world.owners(), expected);
    assert!(world.cases().await.contains(&"undo-blocked customer C01".to_owned()));
    // The next hourly run does not do it again.
    let error = world.job(RunTask::Full, RunOptions::default()).await.unwrap_err();
    let error: rightful_core::Error = error.into();
    assert!(error.kind() == ErrorKind::Config && error.mend().unwrap().contains("rightful resume rep-codes"), "{error:?}");
    assert!(error.to_string().contains("paused") && error.to_string().contains("ann"), "{error}");
    // Undoing again has nothing left to do.
    let report = world.job(RunTask::Undo { run: done.run }, RunOptions::default()).await.unwrap();
    assert_eq!(report.counts.done, 0);
    world
        .store
        .pause("rep-codes", false, &Authorship { author: "ann".into(), reason: "mended".into(), at: chrono::DateTime::UNIX_EPOCH })
        .await
        .unwrap();
    assert_eq!(world.run().await.outcome, RunOutcome::Done);
}

#[tokio::test]
async fn a_blocked_undo_names_a_later_run_only_for_what_that_run_wrote() {
    let world = twelve().await;
    let first = world.run().await;
    world.codes(&[("R05", Some("three"), None)]).await;
    let second = world.run().await;
    world.target_customer("C00", &["2"]);
    world.job(RunTask::Undo { run: first.run }, RunOptions::default()).await.unwrap();
    let cases = world.store.cases(Some("rep-codes"), true, None, 100).await.unwrap();
    for (subject, by) in [("customer C00", "somebody".to_owned()), ("customer C03", second.run.to_string())] {
        let case = cases.iter().find(|case| case.case.subject == subject).unwrap_or_else(|| panic!("{subject} is no case: {cases:#?}"));
        assert!(case.case.message.contains(&format!(": {by} changed its owners since")), "{}", case.case.message);
    }
}

#[tokio::test]
async fn explain_names_code_table_version_author_reason_and_run() {
    let world = twelve().await;
    let done = world.run().await;
    let explained = explain(&world.ports(), &world.integration, "C01").await.unwrap().unwrap();
    let told = explained.told().join("\n");
    for part in [
        "Customer C01 (C01) belongs to User two, User three",
        &done.run.to_string(),
        "Rep Code - R11",
        "version 1",
        "ann",
        "territory change",
        "Before that it belonged to User four",
        "agrees",
    ] {
        assert!(told.contains(part), "`{part}` is missing in:\n{told}");
    }
    world.codes(&[("R11", Some("one"), None)]).await;
    let told = explain(&world.ports(), &world.integration, "tC01").await.unwrap().unwrap().told().join("\n");
    assert!(told.contains("(version 2) would give it to User one"), "{told}");
    assert!(explain(&world.ports(), &world.integration, "nothing").await.unwrap().is_none());
}

#[tokio::test]
async fn a_row_that_moved_since_the_plan_drops_its_change_as_stale() {
    let world = twelve().await;
    let plan = world.plan().await.plan.unwrap();
    world.target_customer("C00", &["2"]);
    world.source_customer("C03", "R11");
    world.target.remove(&CUSTOMER, "tC06");
    let report = world.apply(plan).await;
    assert_eq!((report.outcome, report.counts.done, report.counts.stale), (RunOutcome::Partial, 5, 3));
    assert_eq!((world.owner("C00").as_str(), world.owner("C03").as_str(), world.owner("C09").as_str()), ("2", "4", "1"));
}

#[tokio::test]
async fn a_moved_table_or_policy_refuses_a_saved_plan() {
    let mut world = twelve().await;
    let plan = world.plan().await.plan.unwrap();
    world.codes(&[("R20", Some("one"), None)]).await;
    let report = world.apply(plan).await;
    assert!(
        report.stale_plan && report.outcome == RunOutcome::Refused && report.notes[0].contains("rightful plan rep-codes"),
        "{report:?}"
    );
    let plan = world.plan().await.plan.unwrap();
    world.integration.policy.newcomer_hours = 1;
    assert!(world.apply(plan).await.stale_plan);
    assert!(world.apply(plan).await.stale_plan, "and stays refused");
    assert_eq!(world.target.writes(), 0);
    // An older plan was replaced by a newer one.
    let older = world.plan().await.plan.unwrap();
    world.plan().await;
    assert!(world.apply(older).await.stale_plan);
}

#[tokio::test]
async fn a_pilot_plan_changes_only_its_code_or_customer_and_closes_nothing() {
    let world = twelve().await;
    world.source_customer("ONLY-S", "R05");
    world.run().await;
    world.codes(&[("R05", Some("four"), None), ("R11", Some("four"), None)]).await;
    for (only, changes) in [("R05", 4), ("C01", 1), ("nothing", 0)] {
        let report = world.job(RunTask::Plan { only: Some(only.into()) }, RunOptions::default()).await.unwrap();
        assert_eq!(world.changes(report.plan.unwrap()).await.len(), changes, "{only}");
        assert_eq!(report.notes.iter().any(|note| note.contains("no paired record")), changes == 0);
    }
    assert!(world.cases().await.contains(&"source-only ONLY-S".to_owned()));
}

#[tokio::test]
async fn another_living_run_is_told_apart_from_a_failure() {
    let world = twelve().await;
    let now = rightful_core::Clock::now(&world.clock);
    let other = world.stand.holder();
    world.store.lease("rep-codes", &other, now, now + chrono::Duration::minutes(5)).await.unwrap();
    let error = world.job(RunTask::Full, RunOptions::default()).await.unwrap_err();
    assert!(matches!(&error, JobError::Busy { holder, .. } if *holder == other), "{error}");
    let error: rightful_core::Error = error.into();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains(&other.process.to_string()), "{error}");
    // A dead holder's lease is taken over.
    world.stand.bury(&other);
    assert_eq!(world.run().await.outcome, RunOutcome::Done);
}

#[tokio::test]
async fn a_lost_answer_is_read_back_and_sent_again_only_where_it_was_not_applied() {
    let world = twelve().await;
    world.target.inside().faults =
        [None, Some(Fault::LostApplied), Some(Fault::LostUnapplied), Some(Fault::LostAndChanged), Some(Fault::Busy)].into();
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.done, report.counts.disputed), (RunOutcome::Partial, 7, 1), "{:?}", report.notes);
    world.target.assert_each_written_once();
    assert_eq!(world.cases().await.iter().filter(|case| case.starts_with("disputed-write")).count(), 1);
    // The next run looks at the truth and decides anew.
    assert_eq!((world.run().await.outcome, world.owners().values().any(|owners| owners.contains(&"999".into()))), (RunOutcome::Done, true));
}

#[tokio::test]
async fn a_write_that_never_gets_through_is_given_up_after_three_attempts() {
    let world = twelve().await;
    world.target.inside().faults = std::iter::repeat_n(Some(Fault::LostUnapplied), 400).collect();
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.disputed, world.target.writes()), (RunOutcome::Partial, 8, 0));
    assert!(world.ledger().await.iter().all(|entry| entry.attempts == 3));
}

#[tokio::test]
async fn a_refused_write_is_a_case_and_the_rest_goes_on() {
    let world = twelve().await;
    world.target.inside().faults = [Some(Fault::Refused)].into();
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.done, report.counts.not_done), (RunOutcome::Partial, 7, 1));
    assert!(world.cases().await.contains(&"refused-write customer C00".to_owned()));
    assert_eq!(world.run().await.outcome, RunOutcome::Done);
    assert_eq!(world.cases().await, ["unmapped-code R20"]);
}

#[tokio::test]
async fn a_refused_sign_in_stops_the_writing_and_says_how_to_mend_it() {
    let world = twelve().await;
    world.target.inside().faults = [Some(Fault::Unauthenticated); 6].into();
    let report = world.run().await;
    assert_eq!((report.outcome, world.target.writes()), (RunOutcome::Failed, 0));
    assert!(report.notes.iter().any(|note| note.contains("renew the key")), "{:?}", report.notes);
    assert!(report.notes.iter().any(|note| note.contains("2 changes not begun")), "{:?}", report.notes);
}

#[tokio::test]
async fn a_side_that_cannot_be_read_fails_the_run_and_its_people_only_spoil_it() {
    let world = twelve().await;
    world.source.inside().fail_reads = Some((CUSTOMER, ErrorKind::Forbidden));
    let report = world.run().await;
    assert!(report.outcome == RunOutcome::Failed && report.notes[0].contains("mend it"), "{report:?}");
    world.source.inside().fail_reads = Some((EMPLOYEE, ErrorKind::Forbidden));
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.done), (RunOutcome::Partial, 8));
}

#[tokio::test]
async fn an_incomplete_read_calls_nothing_absent_and_never_ends_done() {
    let world = twelve().await;
    world.source.inside().paging.moves = 3;
    let report = world.run().await;
    assert!(report.outcome == RunOutcome::Partial && report.plan.is_none(), "a first read must be complete: {report:?}");
    assert!(world.cases().await.is_empty());
    assert_eq!(world.run().await.outcome, RunOutcome::Done);
    world.source_customer("NEW", "R05");
    world.target_customer("NEW", &["4"]);
    world.hours(30);
    world.source.inside().paging.moves = 3;
    let report = world.run().await;
    assert_eq!((report.outcome, report.plan.is_some()), (RunOutcome::Partial, true), "{report:?}");
    assert!(!world.cases().await.iter().any(|case| case.contains("-only")));
}

#[tokio::test]
async fn a_dead_cursor_begins_the_scan_again() {
    let world = twelve().await;
    world.source.inside().paging.restarts = 2;
    assert_eq!(world.run().await.outcome, RunOutcome::Done);
    world.hours(30);
    world.source.inside().paging.restarts = 3;
    let report = world.run().await;
    assert!(report.outcome == RunOutcome::Failed && report.notes[0].contains("3 times over"), "{report:?}");
}

#[tokio::test]
async fn a_deletion_is_noticed_by_the_number_of_rows_that_exist() {
    let world = twelve().await;
    world.run().await;
    world.source.remove(&CUSTOMER, "sC00");
    world.run().await;
    assert!(world.cases().await.contains(&"target-only C00".to_owned()));
}

#[tokio::test]
async fn an_unfinished_run_of_another_body_is_not_continued_and_says_so() {
    let mut world = twelve().await;
    let now = rightful_core::Clock::now(&world.clock);
    let Leased::Held(fence) = world.store.lease("rep-codes", &world.holder(), now, now).await.unwrap() else {
        panic!("nobody else is there")
    };
    let old = world.store.begin_run(&fence, &RunTask::Full, BODY_VERSION + 1, None, now).await.unwrap();
    world.die();
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.done), (RunOutcome::Done, 8));
    assert!(report.notes[0].contains("another version of the program"), "{:?}", report.notes);
    let old = world.store.run(old).await.unwrap().unwrap();
    assert_eq!((old.outcome, old.ended.is_some()), (Some(RunOutcome::Partial), true));
}

#[tokio::test]
async fn holds_wait_and_are_released_by_a_plan_that_no_longer_needs_them() {
    let mut world = twelve().await;
    world.integration.policy.no_match = NoOwner::Hold;
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.holds), (RunOutcome::DoneWithHolds, 4));
    assert_eq!(world.store.holds(Some("rep-codes"), None, 100).await.unwrap().len(), 4);
    world.codes(&[("R20", Some("one"), None)]).await;
    let report = world.run().await;
    assert_eq!((report.outcome, world.owner("C02").as_str()), (RunOutcome::Done, "1"));
    assert!(world.store.holds(Some("rep-codes"), None, 100).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_fallback_takes_records_without_a_code_and_an_unknown_one_takes_nothing() {
    let mut world = twelve().await;
    world.customer("C90", "", &["4"]);
    world.integration.policy.no_owner = NoOwner::Fallback("three".into());
    world.run().await;
    assert_eq!(world.owner("C90"), "3");
    world.integration.policy.no_match = NoOwner::Fallback("five".into());
    world.run().await;
    assert!(world.cases().await.contains(&"unknown-fallback no_match".to_owned()));
    assert_eq!(world.owner("C02"), "4");
}

#[tokio::test]
async fn sk_2_in_20_codes_show_who_stands_behind_them_and_suggestions_are_never_applied() {
    let world = twelve().await;
    let mut employee = record("e1", &[("employee-id", "R20")], "Employee R20");
    employee.person =
        Some(Person { emails: vec!["two@example.com".into()], active: true, service: false, same_as: Vec::<PersonKey>::new() });
    world.source.put(&EMPLOYEE, employee);
    world.run().await;
    let lines = code_overview(&world.ports(), &world.integration).await.unwrap();
    let codes: Vec<&str> = lines.iter().map(|line| line.code.as_str()).collect();
    assert_eq!(codes, ["R20", "R05", "R11"], "unmapped first");
    let line = &lines[0];
    assert_eq!((line.label.as_str(), line.customers, line.situation), ("Rep Code - R20", 4, Situation::Unlinked));
    assert_eq!(line.suggestions.iter().map(|suggestion| suggestion.user.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(line.person.as_ref().map(|person| (person.name.as_str(), person.problems.len())), Some(("Employee R20", 0)));
    assert!(matches!(lines[1].person.as_ref().unwrap().problems[0], Problem::Unknown { .. }));
    assert_eq!(world.owner("C02"), "4", "a suggestion is not applied");
    let people = people_overview(&world.ports(), &world.integration).await.unwrap();
    assert_eq!((people.users.len(), people.people.len()), (5, 1));
    assert_eq!(people.users.iter().find(|user| user.owner == "2").map(|user| user.codes.clone()), Some(vec!["R11".to_owned()]));
}

#[tokio::test]
async fn owners_the_target_does_not_show_are_left_and_told() {
    let world = twelve().await;
    world.target.change(&CUSTOMER, "tC00", |record| record.owners[0].1 = Owner::Unseen);
    let report = world.run().await;
    assert_eq!((report.counts.done, world.cases().await.contains(&"owner-unseen customer".to_owned())), (7, true));
}

#[tokio::test]
async fn a_policy_that_a_connection_cannot_keep_is_refused_before_anything_is_read() {
    let mut world = twelve().await;
    world.integration.policy.role = "owner".into();
    let error: rightful_core::Error = world.job(RunTask::Full, RunOptions::default()).await.unwrap_err().into();
    assert!(error.kind() == ErrorKind::Config && error.mend() == Some("it has: assigned"), "{error:?}");
    assert!(world.source.inside().calls.is_empty());
}

#[tokio::test]
async fn batches_are_as_large_as_declared_and_no_larger_than_asked() {
    for (limit, calls) in [(None, 3), (Some(1), 8), (Some(100), 3)] {
        let world = twelve().await;
        world.job(RunTask::Full, RunOptions { batch_limit: limit, ..RunOptions::default() }).await.unwrap();
        let writes = world.target.inside().calls.iter().filter(|call| call.starts_with("write")).count();
        assert_eq!(writes, calls, "limit {limit:?}");
    }
}

#[tokio::test]
async fn every_failpoint_is_declared_and_met() {
    let world = twelve().await;
    let met = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let seen = met.clone();
    let failpoint: Failpoint = Arc::new(move |name| {
        seen.lock().unwrap().insert(name.to_owned());
    });
    world.job(RunTask::Full, RunOptions { failpoint: Some(failpoint), ..RunOptions::default() }).await.unwrap();
    let declared: std::collections::BTreeSet<String> = FAILPOINTS.iter().map(ToString::to_string).collect();
    assert_eq!(*met.lock().unwrap(), declared);
}

#[tokio::test]
async fn integrations_that_share_an_image_read_it_one_after_the_other() {
    let world = twelve().await;
    let mut other = world.integration.clone();
    other.name = "rep-codes-two".into();
    for (vendor, late) in [(&world.source, true), (&world.target, true)] {
        vendor.inside().paging = Paging { size: 1, late, totals: true, ..Paging::default() };
    }
    let (one_ports, other_ports) = (world.ports(), world.ports());
    let (one, two) = futures::future::join(
        run_job(&one_ports, &world.integration, RunTask::Full, RunOptions::default()),
        run_job(&other_ports, &other, RunTask::Plan { only: None }, RunOptions::default()),
    )
    .await;
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.outcome, two.outcome), (RunOutcome::Done, RunOutcome::Done), "{:?} {:?}", one.notes, two.notes);
    // Both read the one image: no page of one read was counted for the other.
    assert!(one.counts.source_rows.min(two.counts.source_rows) < 12, "the second read was incremental");
}

/// Runs a task that dies the n-th time it meets this failpoint.
async fn die_at(world: &World, task: RunTask, name: &'static str, nth: usize) {
    let met = std::sync::atomic::AtomicUsize::new(0);
    die_when(world, task, move |at| at == name && met.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == nth).await;
}

/// Runs a task that dies at the first failpoint of which this holds.
async fn die_when(world: &World, task: RunTask, holds: impl Fn(&str) -> bool + Send + Sync + 'static) {
    let failpoint: Failpoint = Arc::new(move |at| {
        if holds(at) {
            std::panic::resume_unwind(Box::new("the process ends here"));
        }
    });
    let (ports, integration) = (world.ports(), world.integration.clone());
    let options = RunOptions { failpoint: Some(failpoint), width: 1, ..RunOptions::default() };
    let lived = tokio::spawn(async move { run_job(&ports, &integration, task, options).await }).await.is_ok();
    assert!(!lived, "the failpoint was not met");
}

#[tokio::test]
async fn a_read_that_was_cut_off_goes_on_with_the_pages_it_had_not_stored() {
    let mut world = twelve().await;
    world.source.inside().paging.size = 1;
    // Both systems are read side by side. A third request to the source for customers means that the first of their pages is stored.
    let source = world.source.clone();
    let under_way = move || source.inside().calls.iter().filter(|call| call.starts_with("read customer")).count() >= 3;
    die_when(&world, RunTask::Full, move |at| at == "after-put-page" && under_way()).await;
    world.die();
    world.source.inside().calls.clear();
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Done, "{:?}", report.notes);
    let again = world.source.inside().calls.clone();
    assert!(!again.contains(&"read customer None".to_owned()), "the scan began again: {again:?}");
}

#[tokio::test]
async fn an_undo_does_not_continue_a_run_that_was_cut_off() {
    let mut world = twelve().await;
    let before = world.owners();
    die_at(&world, RunTask::Full, "after-write", 1).await;
    let written = world.target.writes();
    assert!(written > 0 && written < 8);
    world.die();
    let cut_off = world.store.runs(Some("rep-codes"), 1).await.unwrap()[0].id;
    let report = world.job(RunTask::Undo { run: cut_off }, RunOptions::default()).await.unwrap();
    assert_eq!((report.outcome, world.owners() == before), (RunOutcome::Done, true), "{:?}", report.notes);
    assert_eq!(report.counts.done, written as u64, "exactly what had been written was undone");
    assert!(report.notes[0].contains("not continued, because an undo was asked for"), "{:?}", report.notes);
}

#[tokio::test]
async fn a_run_that_was_cut_off_is_the_answer_to_a_full_run_and_a_note_to_a_plan() {
    let mut world = twelve().await;
    die_at(&world, RunTask::Full, "after-write", 1).await;
    world.die();
    let report = world.run().await;
    assert_eq!((report.run, report.counts.done, report.outcome), (RunId(1), 8, RunOutcome::Done));
    assert_eq!(world.store.run(RunId(1)).await.unwrap().unwrap().resumed, 1);
    world.codes(&[("R05", Some("four"), None)]).await;
    die_at(&world, RunTask::Full, "before-write", 1).await;
    world.die();
    let report = world.plan().await;
    assert!(report.notes[0].contains("run-2 had been cut off; it was taken up and ended done"), "{:?}", report.notes);
    assert_eq!((report.run, report.counts.planned), (RunId(3), 0));
}

#[tokio::test]
async fn what_a_failed_run_left_open_is_settled_by_looking_before_the_next_one_reads() {
    let world = twelve().await;
    // Answers are lost, and the vendor can no longer be read either: the run ends with open fates.
    world.target.inside().faults = [Some(Fault::LostApplied), Some(Fault::LostUnapplied)].into();
    let (target, broken) = (world.target.clone(), std::sync::atomic::AtomicBool::new(false));
    let failpoint: Failpoint = Arc::new(move |name| {
        if name == "after-write" && !broken.swap(true, std::sync::atomic::Ordering::SeqCst) {
            target.inside().fail_reads = Some((CUSTOMER, ErrorKind::Unavailable));
        }
    });
    let report = world.job(RunTask::Full, RunOptions { failpoint: Some(failpoint), ..RunOptions::default() }).await.unwrap();
    assert!(report.outcome == RunOutcome::Partial && report.counts.disputed == 2, "{report:?}");
    world.target.inside().fail_reads = None;
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::Done, "{:?}", report.notes);
    assert!(report.notes[0].contains("2 writes that an earlier run left open"), "{:?}", report.notes);
    world.target.assert_each_written_once();
    let states: Vec<EntryState> = world.ledger().await.iter().filter(|entry| entry.run == RunId(1)).map(|entry| entry.state).collect();
    assert!(states.iter().all(|state| state.is_final()), "{states:?}");
    // Our own write is not mistaken for a stranger's.
    assert!(!report.notes.iter().any(|note| note.contains("first seen")), "{:?}", report.notes);
}

#[tokio::test]
async fn a_table_saved_while_a_plan_is_made_makes_the_plan_again() {
    let world = twelve().await;
    let (store, saved) = (world.store.clone(), std::sync::atomic::AtomicBool::new(false));
    let failpoint: Failpoint = Arc::new(move |name| {
        if name == "before-end-plan" && !saved.swap(true, std::sync::atomic::Ordering::SeqCst) {
            let store = store.clone();
            let by = Authorship { author: "ben".into(), reason: "late".into(), at: chrono::DateTime::UNIX_EPOCH };
            let row = CodeRow { code: "R05".into(), user: Some("three".into()), successor: None };
            let edit = CodeEdit { code: "R05".into(), rows: vec![row] };
            assert_eq!(at_once(store.save_codes("rep-codes", 1, &[edit], &by)).unwrap(), Saved::Version(2));
        }
    });
    let report = world.job(RunTask::Full, RunOptions { failpoint: Some(failpoint), ..RunOptions::default() }).await.unwrap();
    assert_eq!((report.outcome, report.plan, world.owner("C00").as_str()), (RunOutcome::Done, Some(PlanId(2)), "3"));
}

#[tokio::test]
async fn a_paused_integration_may_be_looked_at_but_not_run() {
    let world = twelve().await;
    let by = Authorship { author: "ann".into(), reason: "roll-over".into(), at: chrono::DateTime::UNIX_EPOCH };
    world.store.pause("rep-codes", true, &by).await.unwrap();
    let plan = world.plan().await;
    assert_eq!((plan.outcome, plan.counts.planned), (RunOutcome::Done, 8));
    assert!(world.job(RunTask::Apply { plan: plan.plan.unwrap() }, RunOptions::default()).await.is_err());
    assert!(world.job(RunTask::Full, RunOptions::default()).await.is_err());
    assert_eq!(world.target.writes(), 0);
}

#[tokio::test]
async fn a_run_that_lost_its_lease_writes_nothing_more() {
    let world = twelve().await;
    let (store, stand, holder) = (world.store.clone(), world.stand.clone(), world.holder());
    let now = rightful_core::Clock::now(&world.clock);
    let failpoint: Failpoint = Arc::new(move |name| {
        if name == "before-intend" {
            stand.bury(&holder);
            let taken = at_once(store.lease("rep-codes", &stand.holder(), now, now + chrono::Duration::minutes(5)));
            assert!(matches!(taken, Ok(Leased::Held(_))), "{taken:?}");
        }
    });
    let error = world.job(RunTask::Full, RunOptions { failpoint: Some(failpoint), ..RunOptions::default() }).await.unwrap_err();
    assert!(matches!(&error, JobError::Failed(error) if error.kind() == ErrorKind::Conflict), "{error:?}");
    assert_eq!(world.target.writes(), 0);
}

#[tokio::test]
async fn unknown_fate_is_settled_as_the_kind_declares() {
    use rightful_core::Settle;
    for (settle, faults, done, disputed, writes) in [
        // Repeating is harmless there, so an applied change is sent again and lands once more.
        (Settle::Repeat, vec![Some(Fault::LostApplied), Some(Fault::LostUnapplied)], 8, 0, 9),
        (Settle::Ask, vec![Some(Fault::LostApplied), Some(Fault::LostUnapplied)], 6, 2, 7),
        (Settle::ReadBack, vec![Some(Fault::LostApplied), Some(Fault::LostUnapplied)], 8, 0, 8),
    ] {
        let mut world = twelve().await;
        let target = Arc::get_mut(&mut world.target).expect("nobody else holds the vendor yet");
        target.kinds.iter_mut().for_each(|kind| kind.settle = settle);
        world.target.inside().faults = faults.into();
        let report = world.run().await;
        assert_eq!((report.counts.done, report.counts.disputed, world.target.writes()), (done, disputed, writes), "{settle:?}");
        assert_eq!(report.outcome == RunOutcome::Done, disputed == 0, "{settle:?}");
        // Attempts of one change share one key.
        let inside = world.target.inside();
        let keys: std::collections::BTreeMap<_, std::collections::BTreeSet<_>> = inside.written.iter().fold(
            Default::default(),
            |mut keys: std::collections::BTreeMap<_, std::collections::BTreeSet<_>>, (id, key)| {
                keys.entry(id.clone()).or_default().insert(key.clone());
                keys
            },
        );
        assert!(keys.values().all(|keys| keys.len() == 1), "{keys:?}");
    }
}

#[tokio::test]
async fn merge_keeps_owners_from_outside_the_table() {
    let mut world = World::new().with_users();
    world.integration.policy.assignment = Assignment::Merge;
    world.customer("C1", "R05", &["2", "4"]);
    world.codes(&[("R05", Some("one"), None), ("R11", Some("two"), None)]).await;
    world.run().await;
    assert_eq!(world.owner("C1"), "1 4");
}

#[tokio::test]
async fn rows_behind_the_mark_are_found_by_their_number_at_once_and_by_the_next_full_read_at_the_latest() {
    let world = twelve().await;
    world.run().await;
    let late = |key: &str, code: &str| {
        let mut customer = record(&format!("s{key}"), &[("customer-id", key)], "Late");
        customer.values = vec![Value::text(code)];
        world.source.put_late(&CUSTOMER, customer);
    };
    late("NEW", "R05");
    world.target_customer("NEW", &["4"]);
    assert_eq!((world.run().await.counts.done, world.owner("NEW").as_str()), (1, "1"));
    // A change behind the mark moves no number: only a full read can show it.
    late("C00", "R11");
    assert_eq!((world.run().await.counts.done, world.owner("C00").as_str()), (0, "1"));
    world.hours(25);
    assert_eq!((world.run().await.counts.done, world.owner("C00").as_str()), (1, "2 3"));
}

#[tokio::test]
async fn what_was_said_while_each_change_was_written_is_kept_with_it() {
    let world = World::new().with_users();
    for number in 0..4 {
        world.customer(&format!("C{number}"), "A", &["4"]);
    }
    world.codes(&[("A", Some("one"), None)]).await;
    // Two batches, of three and one: the second one's answer is lost.
    world.target.inside().faults = [None, None, None, Some(Fault::LostApplied)].into();
    let run = world.run().await;
    assert_eq!((run.outcome, run.counts.done), (RunOutcome::Done, 4), "{:?}", run.notes);
    let kept = async |change| -> Vec<String> {
        let exchanges = world.store.exchanges(run.run, change).await.unwrap();
        exchanges.into_iter().map(|exchange| format!("{} {}", exchange.operation, exchange.request)).collect()
    };
    for change in 1..=3 {
        assert_eq!(kept(change).await, ["write tC0 tC1 tC2"], "change {change}");
    }
    assert_eq!(kept(4).await, ["write tC3", "read "], "what was written, and the look whether it arrived");
    assert_eq!(kept(5).await, [""; 0]);
    // Nothing was applied: what was said is kept all the same.
    world.codes(&[("A", Some("two"), None)]).await;
    world.target.inside().faults = [Some(Fault::Unauthenticated)].into();
    let refused = world.run().await;
    assert_eq!(refused.counts.not_done, 3, "{:?}", refused.notes);
    let said = world.store.exchanges(refused.run, 1).await.unwrap();
    assert_eq!(said.iter().map(|exchange| exchange.request.as_str()).collect::<Vec<_>>(), ["tC0 tC1 tC2"]);
    // A run that only reads keeps nothing.
    let plan = world.plan().await;
    assert_eq!(world.store.exchanges(plan.run, 1).await.unwrap(), []);
}
