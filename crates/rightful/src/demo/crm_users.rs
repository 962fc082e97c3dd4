//! The story of the job crm-users: the four ways in which Salesforce's users get accounts at SalesScreen. Judged from SalesScreen's simulator.

use rightful_engine::{PeopleQuery, Picked};

use super::crm_stage::CrmStage;
use super::screen::Screen;
use super::teller::Teller;
use crate::exit::Exit;
use crate::output::counted;
use crate::verbs::Failure;

/// One integration for each way (SS-1); the two that show records credit them by name.
pub const INTEGRATIONS: &str = r#"
[integrations.by-hand]
job = "crm-activity"
source = "salesforce"
target = "salesscreen"
people = "manual"
schedule = "manual"
workflows.hand.object = "opportunity"
workflows.hand.when = { Name = "Mapped by hand" }
workflows.hand.figures.hand.set = { activityTypeName = "Deals", "activity.key" = "hand", createdDate = { field = "CloseDate" }, "user.email" = { email = true } }

[integrations.on-demand]
job = "crm-users"
source = "salesforce"
target = "salesscreen"
people = "on-demand"
schedule = "manual"

[integrations.automatic]
job = "crm-activity"
source = "salesforce"
target = "salesscreen"
people = "automatic"
schedule = "manual"
workflows.own.object = "opportunity"
workflows.own.when = { Name = "By itself" }
workflows.own.figures.own.set = { activityTypeName = "Deals", "activity.key" = "own", createdDate = { field = "CloseDate" }, "user.email" = { email = true } }

[integrations.everyone]
job = "crm-users"
source = "salesforce"
target = "salesscreen"
people = "all"
schedule = "manual"
"#;

const ALL: [&str; 4] = ["by-hand", "on-demand", "automatic", "everyone"];

/// Plays all of it.
///
/// # Errors
/// Where a step could not be played at all; a step that does not hold is told and the story goes on.
pub async fn play(stage: &CrmStage, teller: &mut Teller) -> Result<(), Failure> {
    teller.open(&format!("People: Salesforce's users get accounts at SalesScreen in four ways.\n{}", stage.addresses().join("\n")))?;
    imported(stage, teller).await?;
    by_hand(stage, teller).await?;
    on_demand(stage, teller).await?;
    automatic(stage, teller).await?;
    everyone(stage, teller).await?;
    second_runs(stage, teller).await
}

/// Users whom programs know by an id.
fn mapped(screen: &Screen) -> usize {
    screen.users.values().filter(|user| user.id.is_some()).count()
}

/// World people who are active in both and whom SalesScreen knows by no id yet.
fn candidates(stage: &CrmStage, screen: &Screen) -> Vec<String> {
    let emails = stage.world.people.iter().filter(|person| person.active).map(|person| person.email.to_lowercase());
    emails.filter(|email| screen.users.get(email).is_some_and(|user| user.id.is_none() && user.team.is_some())).collect()
}

async fn imported(stage: &CrmStage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("SalesScreen cannot be read: an administrator's file shows its users")?;
    let before = stage.screen()?;
    let (rows, differ) = stage.import(ALL[0]).await?;
    let after = stage.screen()?;
    step.expect_equal("rows", &rows, &before.users.len());
    step.expect_equal("users that are new to us", &differ, &(rows as u64));
    step.expect_equal("requests that write at SalesScreen", &(after.requests - before.requests), &0);
    step.saw(format!("{rows} users with team and status; none of them is mapped to anybody of Salesforce. Nothing was sent."));
    teller.end(step)?;
    Ok(())
}

/// SS-2, SS-12, SS-20.
async fn by_hand(stage: &CrmStage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("By hand: an id of 15 characters from a report maps the person of the 18 characters")?;
    let before = stage.screen()?;
    let user = candidates(stage, &before).into_iter().next().unwrap_or_default();
    // The two are no likeness of each other: other name, other address.
    let person = stage.hire("Maria", "Aas", "maria.aas@example.com")?;
    let stranger = stage.hire("Odd", "Lie", "odd.lie@example.com")?;
    let deal = stage.win("Mapped by hand", &person, 900)?;
    let unknown = stage.win("Mapped by hand", &stranger, 400)?;
    let outcome = stage.run("by-hand").await?;
    let unmapped = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect(unmapped == before, || "something was sent for owners who are not mapped".to_owned());
    step.expect_equal("what waits", &stage.holds("by-hand").await?.len(), &2);
    step.saw("Two of Salesforce's users won a deal. Neither is mapped: nothing is sent, nobody is made, both deals wait (SS-2).");
    let short = &person[..15];
    stage.desk("by-hand").await?.map(short, &user, false, &stage.by("told by sales")).await?;
    let outcome = stage.release("by-hand").await?;
    let after = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect_equal("new users", &after.new_since(&before), &Vec::new());
    let record = after.records.get(&format!("{deal}#hand"));
    step.expect_equal("the deal is credited to", &record.map(|record| record.email.clone()), &Some(user.clone()));
    step.expect(record.is_some_and(|record| record.counted && record.writes == 1), || format!("it does not count once: {record:?}"));
    step.expect(!after.records.contains_key(&format!("{unknown}#hand")), || "the stranger's deal was sent".to_owned());
    step.saw(format!("$ rightful users map {short} {user} --reason \"told by sales\""));
    step.saw("Her deal is credited to that user at once; the other one's still waits.");
    teller.end(step)?;
    Ok(())
}

/// SS-3, SS-4, SS-14, SS-17.
async fn on_demand(stage: &CrmStage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("On demand: who is picked gets an account; a known e-mail address is linked, a shared one is a case")?;
    let before = stage.screen()?;
    let fresh = stage.hire("Jon", "Moe", "jon.moe@example.com")?;
    let known = candidates(stage, &before).into_iter().next().unwrap_or_default();
    let linked = stage.crm_user(&known)?;
    let twins = [stage.hire("Eva", "Dahl", "desk@example.com")?, stage.hire("Ida", "Dahl", "desk@example.com")?];
    let skipped = stage.hire("Per", "Skip", "per.skip@example.com")?;
    stage.run("on-demand").await?;
    let desk = stage.desk("on-demand").await?;
    let query = PeopleQuery { unlinked: true, limit: usize::MAX, ..PeopleQuery::default() };
    let listed = desk.people(&query).await?;
    desk.pick(std::slice::from_ref(&skipped), Picked::Skip, &stage.by("a contractor")).await?;
    let wanted = [&fresh, &linked, &twins[0], &twins[1]].map(String::clone);
    desk.pick(&wanted, Picked::Create, &stage.by("joined in May")).await?;
    let outcome = stage.release("on-demand").await?;
    let after = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect_equal("new users", &after.new_since(&before), &vec!["jon.moe@example.com".to_owned()]);
    let id = |email: &str| after.users.get(email).and_then(|user| user.id.clone());
    step.expect_equal("the new one's id", &id("jon.moe@example.com"), &Some(fresh));
    step.expect_equal("the new one's team", &after.users.get("jon.moe@example.com").and_then(|user| user.team.clone()), &None);
    step.expect_equal("the linked one's id", &id(&known), &Some(linked));
    let cases = stage.cases("on-demand").await?;
    let shared: Vec<&str> = cases.iter().filter(|case| case.case.reason == "email-shared").map(|case| case.case.subject.as_str()).collect();
    step.expect(twins.iter().all(|twin| shared.contains(&twin.as_str())), || format!("the two with one address are no case: {shared:?}"));
    step.saw(format!("{} without an account were listed. Five were ticked: one skipped, four to be made.", counted(listed.total, "user")));
    step.saw(format!("jon.moe@example.com is new, on no team (SS-7). {known} was there and is linked: no second user (SS-4)."));
    step.saw("Two of Salesforce's users share desk@example.com: nobody is made, and each is a case (SS-14).");
    teller.end(step)?;
    Ok(())
}

/// SS-8, SS-11.
async fn automatic(stage: &CrmStage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("Automatically: a workflow's record names somebody unknown, and only they get an account")?;
    let before = stage.screen()?;
    let owner = stage.hire("Liv", "Berg", "liv.berg@example.com")?;
    stage.hire("Kai", "Ness", "kai.ness@example.com")?;
    stage.win("By itself", &owner, 1_500)?;
    let outcome = stage.run("automatic").await?;
    let after = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect_equal("new users", &after.new_since(&before), &vec!["liv.berg@example.com".to_owned()]);
    step.expect_equal("their id", &after.users.get("liv.berg@example.com").and_then(|user| user.id.clone()), &Some(owner));
    step.expect_equal("records", &after.records.len(), &before.records.len());
    let holds = stage.holds("automatic").await?;
    step.expect(holds.len() == 1 && holds[0].0 == "no-team", || format!("what waits: {holds:?}"));
    step.saw(
        "liv.berg@example.com won a deal and has an account, on no team; her deal waits for one (SS-9). kai.ness@example.com has none.",
    );
    teller.end(step)?;
    Ok(())
}

async fn everyone(stage: &CrmStage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("All: everybody who may own records gets an account, but for those who were skipped")?;
    let before = stage.screen()?;
    let skipped = stage.crm_user("per.skip@example.com")?;
    let desk = stage.desk("everyone").await?;
    let first = stage.run("everyone").await?;
    let middle = stage.screen()?;
    step.expect(middle.users.contains_key("kai.ness@example.com"), || "kai.ness@example.com has no account".to_owned());
    step.expect_equal("users with the address that two share", &middle.users.contains_key("desk@example.com"), &false);
    step.saw(format!(
        "{}: {} new, {} known by an id now; whoever was there was linked by the e-mail address.",
        first.report.run,
        counted(middle.new_since(&before).len() as u64, "user"),
        mapped(&middle)
    ));
    for person in stage.world.people.iter().filter(|person| person.active) {
        let email = person.email.to_lowercase();
        // Whom somebody else was mapped to by hand stays that person's.
        let id = middle.users.get(&email).and_then(|user| user.id.clone());
        step.expect(id.is_some(), || format!("{email} is known by no id"));
    }
    for person in stage.world.people.iter().filter(|person| !person.active) {
        let id = middle.users.get(&person.email.to_lowercase()).and_then(|user| user.id.clone());
        step.expect_equal(&format!("the id of {}, who left", person.email), &id, &None);
    }
    // Each integration has its own picks.
    step.expect(middle.users.contains_key("per.skip@example.com"), || "a pick of another integration counted here".to_owned());
    desk.pick(std::slice::from_ref(&skipped), Picked::Skip, &stage.by("a contractor")).await?;
    teller.end(step)?;
    Ok(())
}

async fn second_runs(stage: &CrmStage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("Run again, all four send nothing")?;
    let before = stage.screen()?;
    for name in ALL {
        let outcome = stage.run(name).await?;
        outcome.expect_exit(&mut step, Exit::Done);
    }
    let after = stage.screen()?;
    step.expect(after == before, || "SalesScreen differs".to_owned());
    step.saw(format!("{} that write at SalesScreen.", counted(after.requests - before.requests, "request")));
    teller.end(step)?;
    Ok(())
}
