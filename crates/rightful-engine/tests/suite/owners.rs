//! Owners that lead on through links, shared keys and e-mail, from end to end over a scripted vendor.

use rightful_core::{Key, KeyName, Owner, Person, RecordId, Role, RoleSpec, State, Value};
use rightful_engine::*;

use crate::world::*;

const OWNER: Role = Role::fixed("owner");
const QUEUE: Role = Role::fixed("queue");

/// Two people of the source, `E-1` and `E-2`, whose e-mail addresses are those of the target's `one` and `two`; twelve customers of theirs, all with
/// the wrong owner.
async fn twelve() -> World {
    let mut world = World::new().with_users();
    let customers = &mut std::sync::Arc::get_mut(&mut world.source).expect("nobody else has it yet").kinds[0];
    let owner = RoleSpec { many: true, ..customers.roles[0].clone() };
    customers.roles = vec![owner.clone(), RoleSpec { role: QUEUE, ..owner }];
    let policy = &mut world.integration.policy;
    policy.code = CodeField { from: CodeFrom::Owner(OWNER), label: "Owner".into() };
    policy.rules = vec![MatchRule::Link, MatchRule::Email];
    policy.follow = Vec::new();
    person(&world, "E-1", "one@example.com");
    person(&world, "E-2", "two@example.com");
    for number in 0..12 {
        customer(&world, &format!("C{number:02}"), &[["E-1", "E-2"][number % 2]], &["4"]);
    }
    world
}

/// Its record is `p` and the key, so that nobody takes one for the other.
fn person(world: &World, key: &str, email: &str) {
    let mut person = record(&format!("p{key}"), &[("employee-id", key)], &format!("Person {key}"));
    let emails = [email.to_owned()].into_iter().filter(|email| !email.is_empty()).collect();
    person.person = Some(Person { emails, active: true, ..Person::default() });
    world.source.put(&EMPLOYEE, person);
}

fn source_customer(world: &World, key: &str, owners: &[&str]) {
    let mut customer = record(&format!("s{key}"), &[("customer-id", key)], &format!("Customer {key}"));
    customer.owners = vec![(OWNER, Owner::Known(owners.iter().map(ToString::to_string).collect()))];
    world.source.put(&CUSTOMER, customer);
}

fn customer(world: &World, key: &str, owners: &[&str], present: &[&str]) {
    source_customer(world, key, owners);
    world.target_customer(key, present);
}

async fn links(world: &World) -> Vec<String> {
    let links = world.store.links(&"erp".into(), &"field".into()).await.unwrap();
    links.iter().map(|link| format!("{}>{} {} {}", link.person, link.owner, link.evidence.as_str(), link.by.author)).collect()
}

fn by(author: &str) -> Authorship {
    Authorship { author: author.into(), reason: "said so".into(), at: rightful_core::Instant::UNIX_EPOCH }
}

async fn say(world: &World, person: &str, user: &str) -> rightful_core::Result<StatedLink> {
    state_link(&world.ports(), &world.integration, (person, user), false, &by("ann")).await
}

#[tokio::test]
async fn who_owns_a_record_in_the_source_owns_it_in_the_target_and_a_second_run_writes_nothing() {
    let world = twelve().await;
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.done), (RunOutcome::Done, 12), "{:?}", report.notes);
    for number in 0..12 {
        assert_eq!(world.owner(&format!("C{number:02}")), ["1", "2"][number % 2], "C{number:02}");
    }
    assert_eq!(links(&world).await, [format!("pE-1>1 email {}", report.run), format!("pE-2>2 email {}", report.run)]);
    let entries = world.ledger().await;
    let why = &entries[0].why;
    assert_eq!((why.rule.as_str(), why.code.as_deref(), why.table_version), ("email", Some("E-1"), None));
    assert_eq!(why.code_label.as_deref(), Some("Owner - Person E-1 (one@example.com)"));
    assert_eq!(why.notes, ["Person E-1 (one@example.com) is User one (one): the same e-mail address one@example.com"]);
    let writes = world.target.writes();
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.planned, world.target.writes()), (RunOutcome::Done, 0, writes));
    // From now on it is the link that decides, and it says by whom it came.
    source_customer(&world, "C00", &["E-2"]);
    world.run().await;
    let why = world.ledger().await.pop().unwrap().why;
    assert_eq!((world.owner("C00").as_str(), why.rule.as_str(), why.author.as_deref()), ("2", "link", Some("run-1")));
    assert!(why.notes[0].contains("linked by the same e-mail address two@example.com by run-1"), "{:?}", why.notes);
    assert_eq!(world.cases().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_plan_saves_no_link_and_applying_it_does_before_anything_is_written() {
    let world = twelve().await;
    let plan = world.plan().await.plan.unwrap();
    assert_eq!(links(&world).await, Vec::<String>::new());
    let report = world.apply(plan).await;
    assert_eq!((report.outcome, report.counts.done, links(&world).await.len()), (RunOutcome::Done, 12, 2), "{:?}", report.notes);
}

#[tokio::test]
async fn a_refused_run_saves_no_link() {
    let mut world = twelve().await;
    world.integration.policy.caps.owner_moves = Cap { count: Some(1), percent: None, floor: 0 };
    let report = world.run().await;
    assert_eq!((report.outcome, links(&world).await.len()), (RunOutcome::Refused, 0));
}

#[tokio::test]
async fn a_plan_is_stale_once_somebody_says_who_is_who() {
    let world = twelve().await;
    let plan = world.plan().await.plan.unwrap();
    say(&world, "E-1", "three").await.unwrap();
    let report = world.apply(plan).await;
    assert_eq!((report.outcome, report.stale_plan, world.target.writes()), (RunOutcome::Refused, true, 0));
    assert!(report.notes.iter().any(|note| note.contains("who is linked to whom changed")), "{:?}", report.notes);
    let report = world.run().await;
    assert_eq!((report.outcome, world.owner("C00").as_str(), world.owner("C01").as_str()), (RunOutcome::Done, "3", "2"));
}

#[tokio::test]
async fn a_link_outlives_its_e_mail_address_and_an_address_never_binds_anew() {
    let world = twelve().await;
    world.run().await;
    let before = (world.owners(), links(&world).await);
    // The address moves on to somebody else on either side.
    person(&world, "E-1", "three@example.com");
    world.target.change(&USER, "1", |user| user.person.as_mut().unwrap().emails = vec!["moved@example.com".into()]);
    person(&world, "E-3", "one@example.com");
    source_customer(&world, "C02", &["E-3"]);
    let report = world.run().await;
    assert_eq!((report.counts.planned, &world.owners(), &links(&world).await), (0, &before.0, &before.1), "{:?}", report.notes);
    assert_eq!(world.cases().await, ["unlinked-owner E-3"]);
    // Whoever has the address of somebody who is linked is not taken for them either.
    world.target.change(&USER, "1", |user| user.person.as_mut().unwrap().emails = vec!["one@example.com".into()]);
    let report = world.run().await;
    assert_eq!((report.counts.planned, world.cases().await), (0, vec!["user-taken E-3".to_owned()]));
}

#[tokio::test]
async fn two_people_with_one_address_are_a_case_and_nothing_moves() {
    let world = twelve().await;
    person(&world, "E-2", "ONE@example.com");
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.planned, links(&world).await.len()), (RunOutcome::Done, 0, 0));
    assert_eq!(world.cases().await, ["email-shared one@example.com"]);
    let case = world.store.cases(Some("rep-codes"), false, None, 10).await.unwrap().remove(0).case;
    for told in ["Person E-1", "Person E-2", "12 source records of theirs"] {
        assert!(case.message.contains(told), "{told}: {}", case.message);
    }
    // A person says who is who; the other one is then a case of their own.
    say(&world, "E-1", "one").await.unwrap();
    let report = world.run().await;
    assert_eq!((report.counts.done, world.owner("C00").as_str(), world.owner("C01").as_str()), (6, "1", "4"));
    assert_eq!(world.cases().await, ["user-taken E-2"]);
    // Two users of the target with one address are no better.
    let world = twelve().await;
    world.user("6", "one", true);
    let report = world.run().await;
    assert_eq!((report.counts.done, world.owner("C00").as_str(), world.owner("C01").as_str()), (6, "4", "2"));
    assert_eq!(world.cases().await, ["email-shared one@example.com"]);
}

#[tokio::test]
async fn a_case_is_told_only_of_people_who_own_something() {
    let world = twelve().await;
    person(&world, "E-8", "");
    person(&world, "E-9", "nobody@example.com");
    world.run().await;
    assert_eq!(world.cases().await, Vec::<String>::new());
    customer(&world, "C20", &["E-9"], &["4"]);
    customer(&world, "C21", &["E-77"], &["4"]);
    world.run().await;
    assert_eq!(world.cases().await, ["unlinked-owner E-77", "unlinked-owner E-9"]);
}

#[tokio::test]
async fn a_key_of_both_leads_as_long_as_it_is_the_same() {
    let mut world = twelve().await;
    let rule = MatchRule::ExternalId { source: KeyName::fixed("employee-id"), target: KeyName::fixed("user-name") };
    world.integration.policy.rules = vec![MatchRule::Link, rule, MatchRule::Email];
    world.target.change(&USER, "3", |user| user.keys[0] = Key::new("user-name", "E-1"));
    world.run().await;
    assert_eq!((world.owner("C00").as_str(), world.owner("C01").as_str()), ("3", "2"));
    assert_eq!(links(&world).await, ["pE-2>2 email run-1"], "a key makes no link");
    world.target.change(&USER, "3", |user| user.keys[0] = Key::new("user-name", "three"));
    world.run().await;
    assert_eq!(world.owner("C00"), "1");
}

#[tokio::test]
async fn who_may_not_own_records_now_keeps_what_they_have_and_gets_nothing_more() {
    let mut world = twelve().await;
    world.integration.policy.no_match = NoOwner::Clear;
    world.run().await;
    // Deactivated in the target.
    world.user("1", "one", false);
    source_customer(&world, "C01", &["E-1"]);
    let report = world.run().await;
    assert_eq!((report.counts.planned, world.owner("C00").as_str(), world.owner("C01").as_str()), (0, "1", "2"));
    assert_eq!(world.cases().await, ["inactive-user one"]);
    // Deactivated in the source.
    world.user("1", "one", true);
    world.source.change(&EMPLOYEE, "pE-1", |person| person.state = State::Inactive);
    let report = world.run().await;
    assert_eq!((report.counts.planned, world.owner("C00").as_str(), world.owner("C01").as_str()), (0, "1", "2"));
    assert_eq!(world.cases().await, ["inactive-owner E-1"]);
    // Gone from the target.
    world.source.change(&EMPLOYEE, "pE-1", |person| person.state = State::Active);
    world.target.remove(&USER, "1");
    let report = world.run().await;
    assert_eq!((report.counts.planned, world.owner("C00").as_str()), (0, "1"), "{:?}", report.notes);
    assert_eq!(world.cases().await, ["unknown-user 1"]);
}

#[tokio::test]
async fn nobody_and_a_queue_are_told_apart_and_go_by_the_policy() {
    let mut world = twelve().await;
    source_customer(&world, "C00", &[]);
    let mut queued = record("sC01", &[("customer-id", "C01")], "Customer C01");
    queued.owners = vec![(OWNER, Owner::Known(Vec::new())), (QUEUE, Owner::Known(vec!["q1".into()]))];
    world.source.put(&CUSTOMER, queued);
    let mut unseen = record("sC02", &[("customer-id", "C02")], "Customer C02");
    unseen.owners = vec![(OWNER, Owner::Unseen)];
    world.source.put(&CUSTOMER, unseen);
    let report = world.run().await;
    assert_eq!((report.counts.done, world.owner("C00").as_str(), world.owner("C01").as_str()), (9, "4", "4"));
    assert_eq!(world.cases().await, ["no-owner Owner", "no-owner queue", "owner-unseen customer"]);
    world.integration.policy.no_owner = NoOwner::Fallback("three".into());
    world.run().await;
    assert_eq!((world.owner("C00").as_str(), world.owner("C01").as_str(), world.owner("C02").as_str()), ("3", "3", "4"));
    let ledger = world.ledger().await;
    let why = &ledger.iter().rfind(|entry| entry.code == "C01").unwrap().why;
    assert_eq!((why.rule.as_str(), why.notes[0].contains("belongs to a queue")), ("fallback", true), "{why:?}");
}

#[tokio::test]
async fn several_owners_become_several_users_or_a_case_where_the_role_takes_one() {
    let world = twelve().await;
    source_customer(&world, "C00", &["E-1", "E-2"]);
    source_customer(&world, "C01", &["E-2", "E-9"]);
    world.run().await;
    assert_eq!((world.owner("C00").as_str(), world.owner("C01").as_str()), ("1 2", "2"));
    assert_eq!(world.cases().await, ["unlinked-owner E-9"]);
    let why = world.ledger().await.into_iter().find(|entry| entry.code == "C00").unwrap().why;
    assert_eq!((why.code.as_deref(), why.notes.len()), (Some("E-1, E-2"), 2));
}

#[tokio::test]
async fn owners_that_all_vanish_or_are_all_strangers_are_refused() {
    let world = twelve().await;
    world.run().await;
    let before = world.owners();
    for number in 0..12 {
        source_customer(&world, &format!("C{number:02}"), &[]);
    }
    let report = world.run().await;
    assert_eq!((report.outcome, report.refusals[0].guard.as_str()), (RunOutcome::Refused, "owners-gone"));
    assert!(report.refusals[0].evidence.contains("has an owner any more; the last run knew 2 owners"), "{:?}", report.refusals);
    // At a first run too.
    let fresh = twelve().await;
    for number in 0..12 {
        source_customer(&fresh, &format!("C{number:02}"), &[]);
    }
    let report = fresh.run().await;
    assert_eq!((report.outcome, report.refusals[0].guard.as_str()), (RunOutcome::Refused, "owners-gone"));
    // Strangers.
    let mut world = world;
    world.integration.policy.caps.owner_moves.floor = 2;
    for number in 0..12 {
        source_customer(&world, &format!("C{number:02}"), &[&format!("X-{number}")]);
    }
    let report = world.run().await;
    assert_eq!((report.outcome, report.refusals[0].guard.as_str()), (RunOutcome::Refused, "owners-gone"));
    // Somebody new who is known in the target is no stranger.
    person(&world, "E-3", "three@example.com");
    for number in 0..12 {
        source_customer(&world, &format!("C{number:02}"), &["E-3"]);
    }
    assert_eq!(world.owners(), before);
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.done), (RunOutcome::Done, 12), "{:?}", report.refusals);
}

#[tokio::test]
async fn without_the_sources_people_nothing_is_planned() {
    let world = twelve().await;
    world.source.inside().fail_reads = Some((EMPLOYEE, rightful_core::ErrorKind::Forbidden));
    let report = world.run().await;
    assert_eq!((report.outcome, report.plan, world.target.writes()), (RunOutcome::Failed, None, 0), "{:?}", report.notes);
}

#[tokio::test]
async fn an_undo_puts_back_what_stood_there() {
    let world = twelve().await;
    let before = world.owners();
    let run = world.run().await.run;
    let report = world.job(RunTask::Undo { run }, RunOptions::default()).await.unwrap();
    assert_eq!((report.outcome, report.counts.done, world.owners()), (RunOutcome::Done, 12, before));
    assert_eq!(links(&world).await.len(), 2, "who is who stays known");
}

#[tokio::test]
async fn a_record_is_explained_by_its_owner() {
    let world = twelve().await;
    world.run().await;
    let told = explain(&world.ports(), &world.integration, "C00").await.unwrap().unwrap().told().join(" ");
    for words in [
        "The reason was Owner - Person E-1 (one@example.com).",
        "Person E-1 (one@example.com) is User one (one): the same e-mail address one@example.com.",
        "carries Owner - Person E-1 (one@example.com)",
        "Who is linked to whom at present agrees.",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    let users = people_overview(&world.ports(), &world.integration).await.unwrap().users;
    assert_eq!(users.iter().find(|user| user.owner == "1").unwrap().codes, ["Person E-1 (one@example.com)"]);
}

#[tokio::test]
async fn links_are_listed_with_who_leads_to_nobody_first_and_a_likely_user_beside_them() {
    let world = twelve().await;
    world.run().await;
    person(&world, "E-3", "elsewhere@example.com");
    world.source.change(&EMPLOYEE, "pE-3", |person| person.name = "User Three".into());
    customer(&world, "C20", &["E-3"], &["4"]);
    world.run().await;
    let lines = link_overview(&world.ports(), &world.integration).await.unwrap();
    let spelled: Vec<String> = lines
        .iter()
        .map(|line| {
            let user = line.user.as_ref().map_or("nobody", |user| user.owner.as_str());
            let evidence = line.link.as_ref().map_or("-", |link| link.evidence.as_str());
            let likely: Vec<&str> = line.suggestions.iter().map(|likely| likely.user.as_str()).collect();
            format!("{} {user} {evidence} {} {}", line.owner, line.records.unwrap_or_default(), likely.join(","))
        })
        .collect();
    assert_eq!(spelled, ["E-3 nobody - 1 three", "E-1 1 email 6 ", "E-2 2 email 6 "]);
    assert!(lines[0].is_unlinked() && !lines[1].is_unlinked());
    assert!(lines[0].problem.as_ref().is_some_and(|problem| problem.contains("leads to nobody")), "{:?}", lines[0]);
}

#[tokio::test]
async fn a_person_states_replaces_and_takes_links_away() {
    let world = twelve().await;
    world.run().await;
    let ports = world.ports();
    let add = async |person: &str, user: &str, replace| state_link(&ports, &world.integration, (person, user), replace, &by("ann")).await;
    // Both by any name.
    person(&world, "E-3", "free@example.com");
    world.run().await;
    for (person, user) in [("pE-3", "3"), ("E-3", "three"), (" FREE@example.com", "Three@Example.com")] {
        let stated = add(person.trim(), user, true).await.unwrap();
        assert_eq!((stated.link.person.as_str(), stated.link.owner.as_str()), ("pE-3", "3"), "{person} {user}");
    }
    // Whoever has it is named, and nothing changes.
    let refusal = async |person: &str, user: &str, replace| {
        let error = add(person, user, replace).await.unwrap_err();
        format!("{} / {}", error.message(), error.mend().unwrap_or_default())
    };
    let other = refusal("E-3", "four", false).await;
    assert!(
        other.contains("Person E-3 (free@example.com) is linked to User three already (by ann") && other.contains("--replace"),
        "{other}"
    );
    let taken = refusal("E-3", "one", true).await;
    assert!(taken.contains("User one is linked to Person E-1 (one@example.com) already (by run-1"), "{taken}");
    assert!(taken.contains("rightful link remove pE-1"), "{taken}");
    let gone = refusal("E-3", "five", true).await;
    assert!(gone.contains("is deactivated in the target"), "{gone}");
    assert!(refusal("E-33", "one", false).await.contains("did you mean `E-3`?"));
    assert!(refusal("E-3", "thre", false).await.contains("did you mean `three`?"));
    assert_eq!(links(&world).await, ["pE-1>1 email run-1", "pE-2>2 email run-1", "pE-3>3 stated ann"]);
    assert!(add("E-3", "four", true).await.unwrap().changed);
    assert!(!add("E-3", "four", true).await.unwrap().changed, "it stood already");
    // Taken away: one that an address made comes back, and is told so.
    let take = async |person: &str| take_link(&ports, &world.integration, person, &by("ann")).await;
    assert!(!take("E-3").await.unwrap().comes_back);
    assert!(take("one@example.com").await.unwrap().comes_back);
    let error = take("E-3").await.unwrap_err();
    assert!(error.message().contains("has no link"), "{error:?}");
    world.run().await;
    assert_eq!(links(&world).await.len(), 2);
}

#[tokio::test]
async fn a_code_table_has_no_links_and_links_no_code_table() {
    let world = World::new().with_users();
    let error = link_overview(&world.ports(), &world.integration).await.unwrap_err();
    assert!(error.message().contains("goes by a code table") && error.mend().unwrap().contains("rightful codes list"), "{error:?}");
    let error = goes_by_code_table(&twelve().await.integration).unwrap_err();
    assert!(error.message().contains("goes by links") && error.mend().unwrap().contains("rightful link list"), "{error:?}");
    assert!(goes_by_code_table(&world.integration).is_ok());
}

#[tokio::test]
async fn a_pilot_takes_an_owner_or_a_record() {
    let world = twelve().await;
    let report = world.job(RunTask::Plan { only: Some("E-2".into()) }, RunOptions::default()).await.unwrap();
    assert_eq!(report.counts.planned, 6, "{:?}", report.notes);
    let report = world.job(RunTask::Plan { only: Some("E-22".into()) }, RunOptions::default()).await.unwrap();
    assert!(
        report.notes.iter().any(|note| note.contains("owner or key `E-22`") && note.contains("rightful link list")),
        "{:?}",
        report.notes
    );
}

/// The source's image of such an integration has no field; a record id that looks like an owner's key is still no owner.
#[tokio::test]
async fn values_of_the_source_are_not_looked_at() {
    let world = twelve().await;
    world.source.change(&CUSTOMER, "sC00", |customer| customer.values = vec![Value::text("E-2")]);
    world.run().await;
    assert_eq!(world.owner("C00"), "1");
    assert!(world.source.record(&CUSTOMER, "sC00").is_some_and(|customer| customer.id == RecordId::new("sC00")));
}
