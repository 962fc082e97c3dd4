//! The story of the job rep-codes, one step for each thing it promises. What must hold comes from the world, what holds from Skynamo's simulator.

use std::collections::BTreeSet;

use rightful_engine::RunId;
use rightful_sim::world::{Customer, Person, Place, World};

use super::stage::{AUTHOR, Stage};
use super::standing::Standing;
use super::teller::{Step, Teller};
use crate::exit::Exit;
use crate::output::{counted, number};
use crate::verbs::Failure;

/// The code that changes hands.
const HANDED_OVER: &str = "E-014";

/// Skynamo keeps codes of so many characters.
const LONGEST_CODE: usize = 40;

/// Plays all of it.
///
/// # Errors
/// Where a step could not be played at all; a step that does not hold is told and the story goes on.
pub async fn play(stage: &mut Stage, teller: &mut Teller) -> Result<(), Failure> {
    let customers = stage.world.customers.iter().filter(|customer| customer.place != Place::Field).count();
    teller.open(&format!(
        "Rep codes: the code on a Sage Intacct customer decides which Skynamo users own it.\n{} and {} rep codes follow from seed {}.\n{}",
        counted(count(customers), "customer"),
        stage.world.reps.len(),
        stage.world.seed,
        stage.addresses().join("\n")
    ))?;
    let first = stage.standing()?;
    let mut writing_runs = vec![first_run(stage, teller, &first).await?];
    second_run(stage, teller).await?;
    many_to_many(stage, teller)?;
    unmapped_codes(stage, teller, &first).await?;
    users_without_row(stage, teller, &first)?;
    one_side_only(stage, teller).await?;
    writing_runs.push(deactivated_users(stage, teller, &first).await?);
    let (handed, version) = hand_over(stage, teller).await?;
    writing_runs.push(handed);
    explained(stage, teller, handed, version).await?;
    emptied_source(stage, teller).await?;
    undone(stage, teller, &first, &writing_runs).await
}

fn count(number: usize) -> u64 {
    number as u64
}

/// Customers whose owners a code decides.
fn carriers(world: &World, code: &str) -> BTreeSet<String> {
    world.customers.iter().filter(|customer| world.deciding_code(customer) == Some(code)).map(|customer| customer.code.clone()).collect()
}

/// Codes and the distinct people of their rows.
fn named<'a>(world: &'a World, code: &'a str) -> BTreeSet<&'a str> {
    world.rows(code).filter_map(|row| Some(world.person(row.user.as_deref()?)?.login.as_str())).collect()
}

fn codes(world: &World) -> BTreeSet<String> {
    world.table.iter().map(|row| row.code.clone()).collect()
}

fn with(world: &World, what: impl Fn(&Customer) -> bool) -> usize {
    world.customers.iter().filter(|customer| what(customer)).count()
}

fn expect_no_write(step: &mut Step, before: &Standing, after: &Standing) {
    step.expect_equal("requests that write at Skynamo", &(after.requests - before.requests), &0);
    step.expect_none("customers that moved", &after.moved_since(before).into_iter().collect::<Vec<_>>());
}

/// A first plan is refused by its cap, let through and applied.
async fn first_run(stage: &mut Stage, teller: &mut Teller, first: &Standing) -> Result<RunId, Failure> {
    let mut step = teller.begin("A first plan would move nearly every customer: its cap refuses it")?;
    let world = &stage.world;
    let version = stage.save_codes(&codes(world), "first table").await?;
    step.saw(format!(
        "The code table has {} for {} codes (version {version}); saving it moved nobody.",
        counted(count(world.table.len()), "row"),
        codes(world).len()
    ));
    let moves = with(world, |customer| world.due_owners(customer) != customer.owners);
    let visits = with(world, |customer| world.due_visitor(customer) != customer.visitor);
    let planned = stage.plan().await?;
    planned.expect_exit(&mut step, Exit::Refused);
    step.expect_equal("changes planned", &planned.report.counts.planned, &count(moves + visits));
    step.expect(planned.report.refusals.iter().any(|refusal| refusal.guard == "owner-moves" && refusal.may_pass), || {
        format!("refused by {:?}, not by the cap on owner moves", planned.report.refusals)
    });
    for refusal in &planned.report.refusals {
        step.saw(format!("Refused (exit code {}): {}.", planned.exit as u8, refusal.evidence));
        step.saw(format!("To mend: {}.", refusal.remedy));
    }
    let standing = stage.standing()?;
    expect_no_write(&mut step, first, &standing);
    teller.end(step)?;

    let mut step = teller.begin("Somebody looks at it, gives a reason and lets this one plan through")?;
    let Some(plan) = planned.report.plan else {
        return Err(rightful_core::Error::new(rightful_core::ErrorKind::Protocol, "the first plan was not kept").into());
    };
    let applied = stage.apply_over_cap(plan, "first run").await?;
    applied.expect_exit(&mut step, Exit::Done);
    stage.world.run();
    if stage.tamper {
        tamper(stage)?;
    }
    let standing = stage.standing()?;
    step.saw(format!(
        "{plan} applied by {}: {} written in {}.",
        applied.report.run,
        counted(applied.report.counts.done, "change"),
        counted(standing.requests - first.requests, "request")
    ));
    step.saw(format!(
        "{} customers moved. All {} customers and {} visit plans in Skynamo are compared with what the world says.",
        number(count(standing.moved_since(first).len())),
        number(count(standing.owners.len())),
        number(count(standing.visitors.len()))
    ));
    step.expect_equal("customers that moved", &standing.moved_since(first).len(), &moves);
    step.expect_none("not as it must be", &standing.differences(&stage.world));
    teller.end(step)?;
    Ok(applied.report.run)
}

/// Gives one customer to somebody else, so that a judge who looks must say no.
fn tamper(stage: &Stage) -> Result<(), Failure> {
    let world = &stage.world;
    let victim = world.customers.iter().find(|customer| world.deciding_code(customer) == Some(HANDED_OVER));
    let thief = victim.and_then(|victim| world.people.iter().find(|person| person.active && !victim.owners.contains(&person.login)));
    if let (Some(victim), Some(thief)) = (victim, thief) {
        stage.assign_by_hand(&victim.code, &[&thief.login])?;
    }
    Ok(())
}

async fn second_run(stage: &Stage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("A second run finds nothing to do and writes nothing")?;
    let before = stage.standing()?;
    let outcome = stage.run().await?;
    let after = stage.standing()?;
    outcome.expect_exit(&mut step, Exit::Done);
    expect_no_write(&mut step, &before, &after);
    step.saw(format!(
        "{}: {}, {} that write at Skynamo (it counts them itself).",
        outcome.report.run,
        counted(outcome.report.counts.planned, "change"),
        counted(after.requests - before.requests, "request")
    ));
    teller.end(step)?;
    Ok(())
}

/// SK-3, and codes that a careless comparison would mix up.
fn many_to_many(stage: &Stage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("One code may be several users, and one user may hold several codes")?;
    let (world, standing) = (&stage.world, stage.standing()?);
    let all = codes(world);
    let several: Vec<&String> = all.iter().filter(|code| named(world, code).len() > 1).collect();
    step.expect(!several.is_empty(), || "no code has several users".to_owned());
    for code in &several {
        let users: BTreeSet<String> = named(world, code).into_iter().map(str::to_owned).collect();
        let wrong: Vec<String> =
            carriers(world, code).into_iter().filter(|customer| standing.owners.get(customer) != Some(&users)).collect();
        step.expect_none(&format!("customers of {code} that do not belong to all its users"), &wrong);
    }
    if let Some(code) = several.first() {
        let users: Vec<&str> = named(world, code).into_iter().collect();
        step.saw(format!(
            "{} codes have several users: {code} is {}, and each of its {} belongs to all of them.",
            several.len(),
            users.join(" and "),
            counted(count(carriers(world, code).len()), "customer")
        ));
    }
    let holds = |person: &&Person| all.iter().filter(|code| named(world, code).contains(person.login.as_str())).count();
    if let Some(person) = world.people.iter().max_by_key(holds) {
        let held: Vec<&str> = all.iter().map(String::as_str).filter(|code| named(world, code).contains(person.login.as_str())).collect();
        step.expect(held.len() > 1, || "nobody holds several codes".to_owned());
        let owned: usize = held.iter().map(|code| carriers(world, code).len()).sum();
        step.expect(standing.owned_by(&person.login) >= owned, || {
            format!("{} owns only {} of them", person.login, standing.owned_by(&person.login))
        });
        step.saw(format!("{} holds {} and owns the {} of all of them.", person.login, held.join(", "), counted(count(owned), "customer")));
    }
    for (one, other) in [("007", "7"), ("E-014", "e-014")] {
        let owners =
            |code: &str| carriers(world, code).iter().find_map(|customer| standing.owners.get(customer).cloned()).unwrap_or_default();
        let (one_owner, other_owner) = (owners(one), owners(other));
        step.expect(one_owner != other_owner && !one_owner.is_empty(), || {
            format!("{one} and {other} lead to the same people: {one_owner:?}")
        });
        step.saw(format!("{one} is {}, {other} is {}.", list(&one_owner), list(&other_owner)));
    }
    teller.end(step)?;
    Ok(())
}

fn list(logins: &BTreeSet<String>) -> String {
    logins.iter().map(String::as_str).collect::<Vec<_>>().join(" and ")
}

/// SK-4.
async fn unmapped_codes(stage: &Stage, teller: &mut Teller, first: &Standing) -> Result<(), Failure> {
    let mut step = teller.begin("A blank row is a case for somebody, not a crash; its customers stay where they are")?;
    let (world, standing) = (&stage.world, stage.standing()?);
    let cases = stage.cases("unmapped-code").await?;
    let unmapped: Vec<&str> = world.reps.iter().map(|rep| rep.code.as_str()).filter(|code| named(world, code).is_empty()).collect();
    for code in &unmapped {
        let customers = carriers(world, code);
        let wrong: Vec<String> =
            customers.iter().filter(|customer| first.owners.get(*customer) != standing.owners.get(*customer)).cloned().collect();
        step.expect_none(&format!("customers of {code} that moved"), &wrong);
        let case = cases.iter().find(|case| case.case.subject == **code);
        step.expect(case.is_some(), || format!("{code} is no case"));
        if let Some(case) = case {
            let row = if world.rows(code).next().is_some() { "a blank row" } else { "no row" };
            step.saw(format!("{code} has {row} and {}: \"{}\"", counted(count(customers.len()), "customer"), case.case.message));
        }
    }
    step.expect_equal("cases of this sort", &cases.len(), &unmapped.len());
    teller.end(step)?;
    Ok(())
}

/// SK-13.
fn users_without_row(stage: &Stage, teller: &mut Teller, first: &Standing) -> Result<(), Failure> {
    let mut step = teller.begin("A user without a row in the table owns nothing")?;
    let (world, standing) = (&stage.world, stage.standing()?);
    let is_named = |person: &Person| {
        let typed = world.table.iter().flat_map(|row| row.user.iter().chain(&row.successor));
        typed.filter_map(|typed| world.person(typed)).any(|named| named.login == person.login)
    };
    let strangers: Vec<&Person> = world.people.iter().filter(|person| person.active && !is_named(person)).collect();
    step.expect(!strangers.is_empty(), || "everybody has a row".to_owned());
    for person in strangers {
        let owned = standing.owned_by(&person.login);
        step.expect_equal(&format!("customers of {}", person.login), &owned, &0);
        step.saw(format!("{} owned {} before the first run and owns {owned} now.", person.login, first.owned_by(&person.login)));
    }
    teller.end(step)?;
    Ok(())
}

/// SK-22 and SK-23.
async fn one_side_only(stage: &Stage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("Customers that one side lacks, and codes that Skynamo cannot keep, are cases")?;
    let world = &stage.world;
    let long = |customer: &Customer| customer.code.chars().count() > LONGEST_CODE;
    let set = |what: &dyn Fn(&Customer) -> bool| -> BTreeSet<String> {
        world.customers.iter().filter(|customer| what(customer)).map(|customer| customer.code.clone()).collect()
    };
    for (reason, expected, told) in [
        (
            "source-only",
            set(&|customer| customer.place == Place::Erp && customer.active && !long(customer)),
            "in use in Sage Intacct and unknown to Skynamo",
        ),
        ("target-only", set(&|customer| customer.place == Place::Field), "in Skynamo and unknown to Sage Intacct"),
        ("code-too-long", set(&|customer| customer.place == Place::Erp && long(customer)), "with a code of more than 40 characters"),
    ] {
        let found: BTreeSet<String> = stage.cases(reason).await?.into_iter().map(|case| case.case.subject).collect();
        let wrong: Vec<String> = found.symmetric_difference(&expected).cloned().collect();
        step.expect_none(&format!("cases `{reason}` that differ from the world"), &wrong);
        let example = found.first().map_or_else(String::new, |code| format!(", such as {code}"));
        step.saw(format!("{} {told}{example}.", counted(count(found.len()), "customer")));
    }
    teller.end(step)?;
    Ok(())
}

/// SK-16.
async fn deactivated_users(stage: &mut Stage, teller: &mut Teller, first: &Standing) -> Result<RunId, Failure> {
    let mut step = teller.begin("A deactivated user is a case; with a successor, customers and visits move")?;
    let before = stage.standing()?;
    let cases: BTreeSet<String> = stage.cases("inactive-user").await?.into_iter().map(|case| case.case.subject).collect();
    let mut alone = None;
    for row in stage.world.table.clone() {
        let Some(gone) = row.user.as_deref().and_then(|typed| stage.world.person(typed)).filter(|person| !person.active) else { continue };
        let login = &gone.login;
        step.expect(cases.contains(login), || format!("{login} is no case"));
        let (customers, visits) = (first.owned_by(login), first.visited_by(login));
        if let Some(heir) = &row.successor {
            step.saw(format!(
                "{login} ({}) is deactivated and names {heir} as successor: {customers} customers and {visits} visit plans moved in the first run.",
                row.code
            ));
            step.expect_equal(
                &format!("customers and visits left to {login}"),
                &(before.owned_by(login), before.visited_by(login)),
                &(0, 0),
            );
            step.expect(customers > 0 && visits > 0, || format!("{login} had nothing to hand over"));
        } else {
            step.saw(format!("{login} ({}) is deactivated and names nobody: a case, and all {customers} customers stayed.", row.code));
            step.expect_equal(&format!("customers of {login}"), &before.owned_by(login), &customers);
            alone = Some((row.code.clone(), login.clone()));
        }
    }
    let (code, gone) = alone.unwrap_or_default();
    let heir = successor(&stage.world, &gone);
    stage.world.set_rows(&code, [(gone.clone(), Some(heir.clone()))]);
    let version = stage.save_codes(&BTreeSet::from([code.clone()]), "takes over for good").await?;
    let expected = carriers(&stage.world, &code);
    let visits: BTreeSet<String> = stage
        .world
        .customers
        .iter()
        .filter(|customer| stage.world.due_visitor(customer) != customer.visitor)
        .map(|customer| customer.code.clone())
        .collect();
    let outcome = stage.run().await?;
    stage.world.run();
    let after = stage.standing()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect_equal("customers that moved", &after.moved_since(&before), &expected);
    step.expect_equal("visits that moved", &after.visits_moved_since(&before), &visits);
    step.expect(!visits.is_empty(), || format!("{gone} visited nobody"));
    step.expect_none("not as it must be", &after.differences(&stage.world));
    step.saw(format!(
        "Then {heir} is named as {gone}'s successor (version {version}): {} moved {} and {}.",
        outcome.report.run,
        counted(count(after.moved_since(&before).len()), "customer"),
        counted(count(after.visits_moved_since(&before).len()), "visit plan")
    ));
    teller.end(step)?;
    Ok(outcome.report.run)
}

/// Somebody in use with a row, other than the one who left.
fn successor(world: &World, gone: &str) -> String {
    let in_use = world.people.iter().filter(|person| person.active && person.login != gone);
    in_use
        .map(|person| person.login.clone())
        .find(|login| world.table.iter().any(|row| row.user.as_ref() == Some(login)))
        .unwrap_or_default()
}

/// SK-10.
async fn hand_over(stage: &mut Stage, teller: &mut Teller) -> Result<(RunId, i64), Failure> {
    let mut step = teller.begin("A code changes hands: nothing moves until the next run, then exactly its customers")?;
    let before = stage.standing()?;
    let old: BTreeSet<String> = named(&stage.world, HANDED_OVER).into_iter().map(str::to_owned).collect();
    let new = stage.world.people.iter().find(|person| {
        person.active && !old.contains(&person.login) && stage.world.table.iter().any(|row| row.user.as_ref() == Some(&person.login))
    });
    let new = new.map(|person| person.login.clone()).unwrap_or_default();
    let customers = carriers(&stage.world, HANDED_OVER);
    stage.world.set_rows(HANDED_OVER, [(new.clone(), None)]);
    let version = stage.save_codes(&BTreeSet::from([HANDED_OVER.to_owned()]), "takes over the Cape").await?;
    let saved = stage.standing()?;
    expect_no_write(&mut step, &before, &saved);
    step.saw(format!(
        "{HANDED_OVER} goes from {} to {new} (version {version}). Saved; {} moved.",
        list(&old),
        saved.moved_since(&before).len()
    ));
    let outcome = stage.run().await?;
    stage.world.run();
    let after = stage.standing()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect_equal("customers that moved", &after.moved_since(&before), &customers);
    step.expect_none("not as it must be", &after.differences(&stage.world));
    step.saw(format!(
        "{} moved {}: those with {HANDED_OVER} and no other.",
        outcome.report.run,
        counted(count(after.moved_since(&before).len()), "customer")
    ));
    teller.end(step)?;
    Ok((outcome.report.run, version))
}

async fn explained(stage: &Stage, teller: &mut Teller, run: RunId, version: i64) -> Result<(), Failure> {
    let mut step = teller.begin("Why does this customer belong to this user? The ledger knows")?;
    let customer = carriers(&stage.world, HANDED_OVER).into_iter().next().unwrap_or_default();
    step.saw(format!("$ rightful explain {customer}"));
    match stage.explain(&customer).await? {
        Some(explanation) => {
            let told = explanation.told();
            let text = told.join(" ");
            for named in [format!("Rep Code - {HANDED_OVER}"), format!("version {version}"), AUTHOR.to_owned(), format!("{run} ")] {
                step.expect(text.contains(&named), || format!("the explanation does not name {}", named.trim()));
            }
            told.into_iter().for_each(|line| step.saw(line));
        }
        None => step.expect(false, || format!("{customer} is not known")),
    }
    teller.end(step)?;
    Ok(())
}

/// SK-24 and IN-24.
async fn emptied_source(stage: &Stage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("A source that lost its customers is refused, and nobody may let that pass")?;
    let before = stage.standing()?;
    stage.empty_source()?;
    let outcome = stage.run().await?;
    let after = stage.standing()?;
    outcome.expect_exit(&mut step, Exit::Refused);
    expect_no_write(&mut step, &before, &after);
    step.expect(!outcome.report.refusals.is_empty() && outcome.report.refusals.iter().all(|refusal| !refusal.may_pass), || {
        format!("refused by {:?}, not by a guard on the source", outcome.report.refusals)
    });
    for refusal in &outcome.report.refusals {
        step.saw(format!("Refused (exit code {}): {}.", outcome.exit as u8, refusal.evidence));
        step.saw(format!("To mend: {}.", refusal.remedy));
    }
    stage.refill_source()?;
    teller.end(step)?;
    Ok(())
}

async fn undone(stage: &Stage, teller: &mut Teller, first: &Standing, runs: &[RunId]) -> Result<(), Failure> {
    let mut step = teller.begin("Undo puts back what stood there, except where somebody changed it since")?;
    let customer = carriers(&stage.world, HANDED_OVER).into_iter().next_back().unwrap_or_default();
    let before = stage.standing()?;
    let untouched: BTreeSet<&str> =
        before.owners.get(&customer).into_iter().chain(first.owners.get(&customer)).flatten().map(String::as_str).collect();
    let other = stage.world.people.iter().rev().find(|person| person.active && !untouched.contains(person.login.as_str()));
    let other = other.map(|person| person.login.clone()).unwrap_or_default();
    stage.assign_by_hand(&customer, &[&other])?;
    step.saw(format!("First somebody gives {customer} to {other}, by hand, in Skynamo."));
    for run in runs.iter().rev() {
        let outcome = stage.undo(*run).await?;
        let moved = counted(outcome.report.counts.done, "change");
        step.saw(format!("$ rightful undo {run}: {moved} taken back, {}.", outcome.report.outcome.as_str()));
        step.expect(matches!(outcome.exit, Exit::Done | Exit::Partial), || {
            format!("undo of {run} ended with exit code {}", outcome.exit as u8)
        });
    }
    let after = stage.standing()?;
    let different = after.moved_since(first);
    step.expect_equal("customers that are not as before the first run", &different, &BTreeSet::from([customer.clone()]));
    step.expect_equal("visits that are not as before the first run", &after.visits_moved_since(first), &BTreeSet::new());
    step.expect_equal(&format!("owners of {customer}"), &after.owners.get(&customer), &Some(&BTreeSet::from([other])));
    step.saw(format!(
        "{} of {} customers stand as before the first run.",
        number(count(after.owners.len() - different.len())),
        number(count(after.owners.len()))
    ));
    let cases = stage.cases("undo-blocked").await?;
    let blocked = cases.iter().find(|case| case.case.subject.contains(&customer));
    step.expect(blocked.is_some(), || format!("{customer} is no case"));
    if let Some(case) = blocked {
        step.saw(format!("A case for {customer}: \"{}\"", case.case.message));
    }
    let paused = stage.run().await;
    step.expect(paused.is_err(), || "the integration is not paused: its next run would do it all again".to_owned());
    step.saw("The integration is paused, so that the next hourly run does not do it all again.");
    teller.end(step)?;
    Ok(())
}
