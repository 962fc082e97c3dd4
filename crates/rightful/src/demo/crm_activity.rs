//! The story of the job crm-activity: what is won is credited once, and waits where SalesScreen would ignore it. Judged from SalesScreen's simulator.

use rightful_core::figure_id;
use serde_json::json;

use super::crm_stage::{AUTHOR, CrmStage};
use super::screen::Screen;
use super::teller::{Step, Teller};
use crate::exit::Exit;
use crate::output::counted;
use crate::verbs::Failure;

/// The integration.
const NAME: &str = "deals";

/// What it is configured as.
pub const INTEGRATIONS: &str = include_str!("crm_activity.toml");

/// The team that the newcomer comes to.
const TEAM: &str = "OSLO-FIELD";
const EMAIL: &str = "nora.vik@example.com";

/// Plays all of it.
///
/// # Errors
/// Where a step could not be played at all; a step that does not hold is told and the story goes on.
pub async fn play(stage: &CrmStage, teller: &mut Teller) -> Result<(), Failure> {
    teller.open(&format!(
        "Activities: a deal won in Salesforce is credited to its owner at SalesScreen, once.\n{}",
        stage.addresses().join("\n")
    ))?;
    nothing_won(stage, teller).await?;
    let (nora, deals) = unknown_owner(stage, teller).await?;
    on_a_team(stage, teller, &nora, &deals).await?;
    amount(stage, teller, &deals[0]).await?;
    second_run(stage, teller).await?;
    another_owner(stage, teller, &deals[1]).await?;
    explained(stage, teller, &deals[1]).await?;
    let removal = deleted(stage, teller, &deals[2]).await?;
    undone(stage, teller, &deals[2], removal).await
}

/// The record that a deal becomes.
fn credited(deal: &str) -> String {
    figure_id(deal, "deals").to_string()
}

/// A record stands there once, with this owner and value, and counts.
fn expect_counted(step: &mut Step, screen: &Screen, deal: &str, email: &str, value: u64, writes: u64) {
    let Some(record) = screen.records.get(&credited(deal)) else {
        step.expect(false, || format!("SalesScreen has no record of {deal}"));
        return;
    };
    step.expect_equal("credited to", &record.email.as_str(), &email);
    let number = record.value.as_ref().and_then(|text| text.parse::<f64>().ok());
    step.expect(number == Some(value as f64), || format!("value: found {:?}, expected {value}", record.value));
    step.expect(record.counted, || format!("{deal} is there and does not count"));
    step.expect_equal("writes", &record.writes, &writes);
}

async fn nothing_won(stage: &CrmStage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("Nothing is won yet: nobody gets an account, nothing is sent")?;
    let before = stage.screen()?;
    let outcome = stage.run(NAME).await?;
    let after = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect_equal("requests that write at SalesScreen", &(after.requests - before.requests), &0);
    step.saw(format!(
        "{} read {} of Salesforce. Its deals are all being worked on, so no owner of one needs an account (SS-8).",
        outcome.report.run,
        counted(outcome.report.counts.source_rows, "row")
    ));
    teller.end(step)?;
    Ok(())
}

/// SS-7, SS-8, SS-9.
async fn unknown_owner(stage: &CrmStage, teller: &mut Teller) -> Result<(String, Vec<String>), Failure> {
    let mut step = teller.begin("Somebody SalesScreen does not know wins three deals: one account, on no team; the deals wait")?;
    let before = stage.screen()?;
    let nora = stage.hire("Nora", "Vik", EMAIL)?;
    let mut deals = Vec::new();
    for (name, amount) in [("Fjord Ferries", 48_500), ("Kelp Farm", 12_000), ("Harbour Cranes", 7_250)] {
        deals.push(stage.win(name, &nora, amount)?);
    }
    let outcome = stage.run(NAME).await?;
    let after = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect_equal("new users", &after.new_since(&before), &vec![EMAIL.to_owned()]);
    let user = after.users.get(EMAIL);
    step.expect_equal("their id", &user.and_then(|user| user.id.clone()), &Some(nora.clone()));
    step.expect_equal("their team", &user.and_then(|user| user.team.clone()), &None);
    step.expect_equal("records", &after.records.len(), &before.records.len());
    let holds = stage.holds(NAME).await?;
    step.expect(holds.len() == 3 && holds.iter().all(|(reason, _)| reason == "no-team"), || format!("what waits: {holds:?}"));
    step.saw(format!("{} made one account: {EMAIL}, known by the id {nora}, on no team.", outcome.report.run));
    if let Some((reason, until)) = holds.first() {
        step.saw(format!("{} wait ({reason}) until {until}. SalesScreen would have taken them and ignored them.", holds.len()));
    }
    teller.end(step)?;
    Ok((nora, deals))
}

async fn on_a_team(stage: &CrmStage, teller: &mut Teller, nora: &str, deals: &[String]) -> Result<(), Failure> {
    let mut step = teller.begin("Put on a team, what waited is credited at once, and each deal counts exactly once")?;
    let outcome = stage.team(NAME, EMAIL, TEAM).await?;
    if stage.tamper {
        stage.remove_by_hand(&credited(&deals[0]))?;
    }
    let after = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect_equal("team", &after.users.get(EMAIL).and_then(|user| user.team.clone()), &Some(TEAM.to_owned()));
    step.expect_equal("users with that id", &after.users.values().filter(|user| user.id.as_deref() == Some(nora)).count(), &1);
    step.expect_equal("records", &after.records.len(), &3);
    for (deal, amount) in deals.iter().zip([48_500, 12_000, 7_250]) {
        expect_counted(&mut step, &after, deal, EMAIL, amount, 1);
    }
    step.expect(stage.holds(NAME).await?.is_empty(), || "something still waits".to_owned());
    step.saw(format!("$ rightful users team {EMAIL} {TEAM}"));
    step.saw(format!("{} put her on the team and credited three deals; nothing waits any more.", outcome.report.run));
    teller.end(step)?;
    Ok(())
}

/// SS-23.
async fn amount(stage: &CrmStage, teller: &mut Teller, deal: &str) -> Result<(), Failure> {
    let mut step = teller.begin("A deal's amount changes: the same record changes, there is no second one")?;
    stage.change(deal, json!({ "Amount": 52_000 }))?;
    let outcome = stage.run(NAME).await?;
    let after = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect_equal("changes planned", &outcome.report.counts.planned, &1);
    step.expect_equal("records", &after.records.len(), &3);
    expect_counted(&mut step, &after, deal, EMAIL, 52_000, 2);
    step.saw(format!("{}: value1 48500 -> 52000 of {}.", outcome.report.run, credited(deal)));
    teller.end(step)?;
    Ok(())
}

async fn second_run(stage: &CrmStage, teller: &mut Teller) -> Result<(), Failure> {
    let mut step = teller.begin("A second run finds nothing to do and sends nothing")?;
    let before = stage.screen()?;
    let outcome = stage.run(NAME).await?;
    let after = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect(after == before, || "SalesScreen differs".to_owned());
    step.saw(format!("{}: {} that write at SalesScreen.", outcome.report.run, counted(after.requests - before.requests, "request")));
    teller.end(step)?;
    Ok(())
}

/// SS-4: SalesScreen knows the new owner by the e-mail address.
async fn another_owner(stage: &CrmStage, teller: &mut Teller, deal: &str) -> Result<(), Failure> {
    let mut step =
        teller.begin("A deal changes its owner to somebody SalesScreen knows: linked by e-mail, credited anew, no second user")?;
    let (rows, differ) = stage.import(NAME).await?;
    step.saw(format!("An administrator's file shows {rows} users, {differ} of them new to us: that is how their teams are known."));
    let before = stage.screen()?;
    let known = stage.world.people.iter().map(|person| person.email.to_lowercase());
    let on_team = |email: &String| before.users.get(email).is_some_and(|user| user.team.is_some() && user.status == "active");
    let heir = known.filter(on_team).find(|email| stage.crm_user(email).is_ok()).unwrap_or_default();
    let person = stage.crm_user(&heir)?;
    stage.change(deal, json!({ "OwnerId": person }))?;
    let outcome = stage.run(NAME).await?;
    let after = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect_equal("new users", &after.new_since(&before), &Vec::new());
    step.expect_equal("the id they are known by", &after.users.get(&heir).and_then(|user| user.id.clone()), &Some(person.clone()));
    step.expect_equal("records", &after.records.len(), &3);
    expect_counted(&mut step, &after, deal, &heir, 12_000, 2);
    step.saw(format!("{}: {heir} is known by {person} now, and the deal is credited to them.", outcome.report.run));
    teller.end(step)?;
    Ok(())
}

async fn explained(stage: &CrmStage, teller: &mut Teller, deal: &str) -> Result<(), Failure> {
    let mut step = teller.begin("Why is this deal credited to this user? The ledger knows")?;
    let told = stage.explain(NAME, deal).await?;
    step.saw(format!("$ rightful explain {deal}"));
    let text = told.join(" ");
    for word in ["won - deals", "credited to", "by run-", "is that user: email"] {
        step.expect(text.contains(word), || format!("`{word}` is not in: {text}"));
    }
    told.iter().for_each(|line| step.saw(line.trim()));
    teller.end(step)?;
    Ok(())
}

/// SS-23.
async fn deleted(stage: &CrmStage, teller: &mut Teller, deal: &str) -> Result<rightful_engine::RunId, Failure> {
    let mut step = teller.begin("A deal is deleted: its record goes")?;
    stage.delete(deal)?;
    let outcome = stage.run(NAME).await?;
    let after = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    step.expect(!after.records.contains_key(&credited(deal)), || format!("{} is still there", credited(deal)));
    step.expect_equal("records", &after.records.len(), &2);
    step.saw(format!("{} took {} back. Removing is a setting of the connection (`remove_records`).", outcome.report.run, credited(deal)));
    teller.end(step)?;
    Ok(outcome.report.run)
}

async fn undone(stage: &CrmStage, teller: &mut Teller, deal: &str, run: rightful_engine::RunId) -> Result<(), Failure> {
    let mut step = teller.begin("That run is undone: the record is there again, and the integration is paused")?;
    let outcome = stage.undo(NAME, run).await?;
    let after = stage.screen()?;
    outcome.expect_exit(&mut step, Exit::Done);
    expect_counted(&mut step, &after, deal, EMAIL, 7_250, 1);
    step.expect_equal("records", &after.records.len(), &3);
    let paused = stage.run(NAME).await;
    step.expect(paused.is_err(), || "the integration still runs".to_owned());
    step.saw(format!("$ rightful undo {run} --author {AUTHOR}"));
    step.saw(format!(
        "{}: {} back; until somebody resumes it, the next run does not take it away again.",
        outcome.report.run,
        credited(deal)
    ));
    teller.end(step)?;
    Ok(())
}
