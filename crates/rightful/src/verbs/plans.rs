//! Verbs that plan and write: `plan`, `apply`, `run`, `undo`.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use rightful_core::{CALLS, Error, ErrorKind, WAITS};
use rightful_engine::{
    Action, Carry, Change, Integration, Plan as SavedPlan, PlanCounts, PlanId, PlanState, Ports, Progress, Refusal, RunId, RunOptions,
    RunReport, RunTask, Store, people_overview, run_job,
};
use serde_json::json;

use super::{Ended, Failure, author, chosen, open, reason, run_named};
use crate::cli::{Apply, Global, Plan, Run, Undo};
use crate::compose::{Composition, Spent, integration as configured};
use crate::exit::Exit;
use crate::output;
use crate::progress::progress;

/// Changes shown unless all are asked for.
const SHOWN: usize = 20;
/// Changes fetched at once.
const CHUNK: usize = 1_000;
/// Plans listed.
const PLANS: usize = 50;

/// A job of an integration, with what it reported.
///
/// # Errors
/// Where it could not begin, or another living process runs the integration.
pub(super) async fn job(
    composition: &Composition,
    integration: &Integration,
    task: RunTask,
    options: RunOptions,
    told: Arc<dyn Progress>,
) -> Result<RunReport, Failure> {
    let ports = composition.ports(integration, told).await?;
    // Where nobody is named, whoever is signed in to this machine asked for it.
    let author = options.author.clone().or_else(|| author(None).ok());
    let options = RunOptions { author, failpoint: crate::verbs::halt::failpoint(), ..options };
    Ok(run_job(&ports, integration, task, options).await?)
}

/// Reads and plans; the plan is kept, nothing is written.
///
/// # Errors
/// Where it could not begin, or another living process runs the integration.
pub async fn plan(
    composition: &Composition,
    integration: &Integration,
    only: Option<String>,
    told: Arc<dyn Progress>,
) -> Result<RunReport, Failure> {
    job(composition, integration, RunTask::Plan { only }, RunOptions::default(), told).await
}

/// Applies a saved plan; `over_cap` names who lets it pass and why.
///
/// # Errors
/// As [`plan`].
pub async fn apply(
    composition: &Composition,
    integration: &Integration,
    plan: PlanId,
    over_cap: Option<(String, String)>,
    told: Arc<dyn Progress>,
) -> Result<RunReport, Failure> {
    let options = RunOptions { over_cap, ..RunOptions::default() };
    job(composition, integration, RunTask::Apply { plan }, options, told).await
}

/// Reads, plans, judges the caps and applies.
///
/// # Errors
/// As [`plan`].
pub async fn run(composition: &Composition, integration: &Integration, told: Arc<dyn Progress>) -> Result<RunReport, Failure> {
    job(composition, integration, RunTask::Full, RunOptions::default(), told).await
}

/// Puts back what stood there before a run.
///
/// # Errors
/// As [`plan`].
pub async fn undo(
    composition: &Composition,
    integration: &Integration,
    run: RunId,
    author: String,
    told: Arc<dyn Progress>,
) -> Result<RunReport, Failure> {
    let options = RunOptions { author: Some(author), ..RunOptions::default() };
    job(composition, integration, RunTask::Undo { run }, options, told).await
}

/// Any other task, asked for by somebody.
///
/// # Errors
/// As [`plan`].
pub async fn task(
    composition: &Composition,
    integration: &Integration,
    task: RunTask,
    author: &str,
    told: Arc<dyn Progress>,
) -> Result<RunReport, Failure> {
    let options = RunOptions { author: Some(author.to_owned()), ..RunOptions::default() };
    job(composition, integration, task, options, told).await
}

/// `rightful plan`
pub async fn verb_plan(global: &Global, arguments: &Plan) -> Ended {
    let composition = open(global).await?;
    if let Some(number) = &arguments.show {
        let (plan, integration) = saved(&composition, number).await?;
        let ports = composition.ports_to_look(integration);
        show(global, &ports, integration, &plan, arguments.all).await?;
        return Ok(if arguments.detailed_exitcode && changes_of(&plan) > 0 { Exit::Changes } else { Exit::Done });
    }
    let integration = chosen(&composition, global, arguments.integration.as_deref())?;
    if arguments.list {
        return list(global, &composition, integration).await;
    }
    let report = plan(&composition, integration, arguments.only.clone(), progress(global.json)).await?;
    ended(global, &composition, integration, &report, Some(arguments.all)).await?;
    Ok(Exit::of(&report, true, arguments.detailed_exitcode))
}

/// `rightful apply`
pub async fn verb_apply(global: &Global, arguments: &Apply) -> Ended {
    let composition = open(global).await?;
    let (plan, integration) = saved(&composition, &arguments.plan).await?;
    let over_cap = match &arguments.reason {
        Some(text) if arguments.over_cap => Some((author(arguments.author.as_deref())?, reason(text)?)),
        _ => None,
    };
    let report = apply(&composition, integration, plan.id, over_cap, progress(global.json)).await?;
    ended(global, &composition, integration, &report, None).await?;
    Ok(Exit::of(&report, false, arguments.detailed_exitcode))
}

/// `rightful run`
pub async fn verb_run(global: &Global, arguments: &Run) -> Ended {
    let composition = open(global).await?;
    let integration = chosen(&composition, global, arguments.integration.as_deref())?;
    let report = run(&composition, integration, progress(global.json)).await?;
    ended(global, &composition, integration, &report, None).await?;
    Ok(Exit::of(&report, false, arguments.detailed_exitcode))
}

/// `rightful undo`
pub async fn verb_undo(global: &Global, arguments: &Undo) -> Ended {
    let composition = open(global).await?;
    let run = run_named(&composition, &arguments.run).await?;
    let integration = configured(&composition.config, Some(&run.integration))?;
    let report = undo(&composition, integration, run.id, author(arguments.author.as_deref())?, progress(global.json)).await?;
    ended(global, &composition, integration, &report, None).await?;
    Ok(Exit::of(&report, false, false))
}

/// The saved plan of that number and its integration.
async fn saved<'a>(composition: &'a Composition, number: &str) -> Result<(SavedPlan, &'a Integration), Failure> {
    let id: PlanId = number.parse()?;
    let Some(plan) = composition.store.plan(id).await? else {
        let mut newest: Vec<PlanId> = Vec::new();
        for integration in composition.config.integrations.keys() {
            newest.extend(composition.store.plans(integration, 1).await?.first().map(|plan| plan.id));
        }
        let mend = match newest.iter().max() {
            Some(newest) => format!("the newest is {newest}; see which there are: rightful plan --list; or make one: rightful plan"),
            None => "none was made yet; make one: rightful plan".to_owned(),
        };
        return Err(Error::new(ErrorKind::Config, format!("there is no {id}")).hint(mend).into());
    };
    let integration = configured(&composition.config, Some(&plan.integration))?;
    Ok((plan, integration))
}

fn changes_of(plan: &SavedPlan) -> u64 {
    plan.counts.changes()
}

async fn list(global: &Global, composition: &Composition, integration: &Integration) -> Ended {
    let plans = composition.store.plans(&integration.name, PLANS).await?;
    output::emit(global.json, &plans, || {
        if plans.is_empty() {
            return "No plan is kept. Make one: rightful plan".to_owned();
        }
        output::table(
            ["plan", "made", "state", "changes", "table version", "only"],
            plans.iter().map(|plan| {
                [
                    plan.id.to_string(),
                    output::moment(Some(plan.created)),
                    state(plan.state).to_owned(),
                    output::number(changes_of(plan)),
                    if plan.counts.leads.is_some() { String::new() } else { plan.table_version.to_string() },
                    plan.only.clone().or_else(|| plan.undoes.map(|run| format!("undoes {run}"))).unwrap_or_default(),
                ]
            }),
        )
    })?;
    Ok(Exit::Done)
}

fn state(state: PlanState) -> &'static str {
    match state {
        PlanState::Drafting => "drafting",
        PlanState::Ready => "ready",
        PlanState::Refused => "refused",
        PlanState::LetThrough => "let through",
        PlanState::Applying => "applying",
        PlanState::Applied => "applied",
        PlanState::Dropped => "dropped",
    }
}

/// Prints how a job ended; `changes` says that its plan is shown too, whole or its beginning.
///
/// # Errors
/// As the store, and where standard output cannot be written to.
pub async fn ended(
    global: &Global,
    composition: &Composition,
    integration: &Integration,
    report: &RunReport,
    changes: Option<bool>,
) -> Result<(), Failure> {
    let plan = match report.plan {
        Some(plan) => composition.store.plan(plan).await?,
        None => None,
    };
    let cases = composition.store.case_counts(Some(&integration.name)).await?;
    if global.json {
        let cases: HashMap<_, _> = cases.iter().cloned().collect();
        let view = json!({ "report": report, "plan": plan, "cases": cases, "spent": composition.spent(integration) });
        let Some(all) = changes else { return Ok(output::data(&output::pretty(&view))?) };
        let shown = match &plan {
            Some(plan) => first_changes(&*composition.store, plan, if all { usize::MAX } else { SHOWN }).await?,
            None => Vec::new(),
        };
        let mut view = view;
        view["changes"] = json!(shown);
        return Ok(output::data(&output::pretty(&view))?);
    }
    let credits = integration.policy.activity.is_some();
    let waits = if credits { waits_told(&*composition.store, integration).await? } else { String::new() };
    let told = told(report, plan.as_ref(), &cases, credits);
    output::data(&format!("{told}{waits}{}", spent_told(&composition.spent(integration))))?;
    if let (Some(all), Some(plan)) = (changes, &plan) {
        let ports = composition.ports_to_look(integration);
        changes_told(&ports, integration, plan, all).await?;
        if changes_of(plan) > 0 && report.refusals.is_empty() && !report.stale_plan {
            output::data(&format!("\nApply exactly this: rightful apply {}", plan.id))?;
        }
    }
    Ok(())
}

/// What waits, by reason and for whom, the most first.
async fn waits_told(store: &dyn Store, integration: &Integration) -> Result<String, Failure> {
    const SHOWN: usize = 5;
    let mut waits: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut after = None;
    loop {
        let holds = store.holds(Some(&integration.name), after, CHUNK).await?;
        let Some(last) = holds.last() else { break };
        after = Some(last.id);
        for hold in holds {
            *waits.entry((hold.hold.reason, hold.hold.waits_for)).or_default() += 1;
        }
    }
    let mut waits: Vec<_> = waits.into_iter().collect();
    waits.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut text = String::new();
    for ((reason, until), count) in waits.iter().take(SHOWN) {
        line(&mut text, "waits", &format!("{} ({reason}) until {until}", output::number(*count)));
    }
    if waits.len() > SHOWN {
        line(&mut text, "", &format!("... and {} more reasons: rightful holds list", waits.len() - SHOWN));
    }
    Ok(text)
}

async fn show(global: &Global, ports: &Ports, integration: &Integration, plan: &SavedPlan, all: bool) -> Result<(), Failure> {
    if global.json {
        let changes = first_changes(&*ports.store, plan, if all { usize::MAX } else { SHOWN }).await?;
        return Ok(output::data(&output::pretty(&json!({ "plan": plan, "changes": changes })))?);
    }
    let mut text = format!("{} ({}), made {}\n", plan.id, state(plan.state), output::moment(Some(plan.created)));
    plan_told(&mut text, plan, integration.policy.activity.is_some());
    output::data(&text)?;
    changes_told(ports, integration, plan, all).await
}

/// The first changes of a plan.
async fn first_changes(store: &dyn Store, plan: &SavedPlan, most: usize) -> Result<Vec<Change>, Failure> {
    let mut found: Vec<Change> = Vec::new();
    while found.len() < most {
        let after = found.last().map_or(0, |change| change.number);
        let chunk = store.changes(plan.id, after, CHUNK.min(most - found.len())).await?;
        if chunk.is_empty() {
            break;
        }
        found.extend(chunk);
    }
    Ok(found)
}

/// Prints a plan's changes, a chunk at a time.
async fn changes_told(ports: &Ports, integration: &Integration, plan: &SavedPlan, all: bool) -> Result<(), Failure> {
    let total = changes_of(plan);
    if total == 0 {
        return Ok(output::data("\nNothing to change.")?);
    }
    let people = people_overview(ports, integration).await?;
    let names: HashMap<&str, &str> = people.users.iter().map(|user| (user.owner.as_str(), user.name.as_str())).collect();
    let mut after = 0;
    let mut shown = 0;
    loop {
        let chunk = ports.store.changes(plan.id, after, if all { CHUNK } else { SHOWN }).await?;
        let Some(last) = chunk.last() else { break };
        after = last.number;
        shown += chunk.len() as u64;
        output::data(&format!("\n{}", change_table(&chunk, &names)))?;
        if !all {
            break;
        }
    }
    if shown < total {
        output::data(&format!("... and {} more: rightful plan --show {} --all", output::number(total - shown), plan.id))?;
    }
    Ok(())
}

fn change_table(changes: &[Change], names: &HashMap<&str, &str>) -> String {
    let people = |owners: &[String]| {
        let named: Vec<&str> = owners.iter().map(|owner| names.get(owner.as_str()).copied().unwrap_or(owner)).collect();
        if named.is_empty() { "nobody".to_owned() } else { named.join(", ") }
    };
    output::table(
        ["#", "kind", "code", "name", "from", "to", "because of"],
        changes.iter().map(|change| {
            let why = &change.why;
            let account = change.action == Action::Account;
            let mut because = why.code_label.clone().unwrap_or_else(|| why.rule.clone());
            if why.rule != "code" && why.code_label.is_some() {
                let _ = write!(because, " ({})", why.rule);
            }
            for note in &why.notes {
                let _ = write!(because, "; {note}");
            }
            if let Some(carry) = &change.carry {
                let _ = write!(because, "; {}", values_told(carry));
            }
            [
                change.number.to_string(),
                change.kind.to_string(),
                change.code.clone(),
                change.name.clone(),
                match &change.owners.from {
                    _ if account => "-".to_owned(),
                    Some(from) => people(from),
                    None => "not seen".to_owned(),
                },
                if account { change.name.clone() } else { people(&change.owners.to) },
                because,
            ]
        }),
    )
}

/// What is sent, or what of it differs from what was sent before.
fn values_told(carry: &Carry) -> String {
    let before = |field| carry.before.iter().flatten().find(|(known, _)| known == field).map(|(_, value)| value);
    let told = carry.values.iter().filter_map(|(field, value)| match before(field) {
        Some(before) if before == value => None,
        Some(before) => Some(format!("{field} {before} -> {value}")),
        None => Some(format!("{field} {value}")),
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { "the same values".to_owned() } else { told.join(", ") }
}

/// One line of a report.
fn line(text: &mut String, word: &str, rest: &str) {
    let _ = writeln!(text, "  {word:<9} {rest}");
}

fn refusals_told(text: &mut String, refusals: &[Refusal]) {
    for refusal in refusals {
        line(text, "refused", &format!("{}: {}", refusal.guard, refusal.evidence));
        line(text, "mend", &refusal.remedy);
    }
}

/// What a plan does that makes accounts and credits records.
fn credits_told(counts: &PlanCounts) -> String {
    let accounts = (counts.accounts > 0).then(|| format!("{} made or linked", output::counted(counts.accounts, "account")));
    let others = [
        (counts.credits, "credited or changed"),
        (counts.owner_moves, "credited to somebody else"),
        (counts.removals, "taken back"),
        (counts.let_go, "let go"),
    ];
    let others = others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{} {what}", output::number(*count)));
    let parts: Vec<String> = accounts.into_iter().chain(others).collect();
    let parts = if parts.is_empty() { String::new() } else { format!("{}; ", parts.join(", ")) };
    format!("{}: {parts}{} right already", output::counted(counts.changes(), "change"), output::number(counts.unchanged))
}

fn plan_told(text: &mut String, plan: &SavedPlan, credits: bool) {
    let counts = &plan.counts;
    let mut parts = vec![format!("{} get other owners", output::number(counts.owner_moves))];
    if counts.removals > 0 {
        parts.push(format!("{} are left with nobody", output::number(counts.removals)));
    }
    if counts.follows > 0 {
        parts.push(format!("{} follow a successor", output::number(counts.follows)));
    }
    let changes = output::counted(changes_of(plan), "change");
    line(
        text,
        "planned",
        &match plan.undoes {
            Some(run) => format!("{changes} that undo {run}"),
            None if credits => credits_told(counts),
            None => format!(
                "{changes} for {}: {}; {} right already",
                output::counted(counts.paired, "pair"),
                parts.join(", "),
                output::number(counts.unchanged)
            ),
        },
    );
    for (label, count) in counts.moves.iter().take(5) {
        line(text, "", &format!("{} {label}", output::number(*count)));
    }
    if counts.moves.len() > 5 {
        line(text, "", &format!("... and {} more kinds of move", counts.moves.len() - 5));
    }
    match &plan.passed {
        Some((author, reason)) => line(text, "passed", &format!("over its caps by {author}: {reason}")),
        None => refusals_told(text, &plan.refusals),
    }
}

/// What a job drew from its accounts. What a vendor meters is told for a month of such runs too (IN-14).
fn spent_told(spent: &[Spent]) -> String {
    /// Hours of a month.
    const MONTH: u64 = 730;
    let mut text = String::new();
    let told: Vec<String> = spent
        .iter()
        .map(|spent| {
            let mut parts = Vec::new();
            for (name, count) in spent.counts.iter().filter(|(_, count)| **count > 0) {
                parts.push(match *name {
                    CALLS => output::counted(*count, "call"),
                    WAITS => output::counted(*count, "wait"),
                    metered => {
                        let month = output::number(count.saturating_mul(MONTH));
                        format!("{} {metered} ({month} a month at one such run an hour)", output::number(*count))
                    }
                });
            }
            format!("{}: {}", spent.connection, if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") })
        })
        .collect();
    line(&mut text, "asked", &told.join("; "));
    text
}

/// How a job ended, for people.
pub fn told(report: &RunReport, plan: Option<&SavedPlan>, cases: &[(String, u64)], credits: bool) -> String {
    let counts = &report.counts;
    let mut text = format!("{} {}", report.run, report.outcome.as_str());
    if let Some(plan) = report.plan {
        let _ = write!(text, " ({plan})");
    }
    text.push('\n');
    if counts.source_rows + counts.target_rows > 0 {
        let rows =
            format!("{} and {}", output::counted(counts.source_rows, "source row"), output::counted(counts.target_rows, "target row"));
        line(&mut text, "read", &rows);
    }
    if let Some(plan) = plan {
        plan_told(&mut text, plan, credits);
    }
    if plan.is_none() {
        refusals_told(&mut text, &report.refusals);
    }
    let written = [
        (counts.done, "done"),
        (counts.unchanged, "found so already"),
        (counts.not_done, "refused by the vendor"),
        (counts.stale, "stale (moved since the plan)"),
        (counts.disputed, "disputed"),
    ];
    let written: Vec<String> =
        written.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{} {what}", output::number(*count))).collect();
    if !written.is_empty() {
        line(&mut text, "written", &written.join(", "));
    }
    if counts.holds > 0 {
        line(&mut text, "holds", &format!("{} waiting: rightful holds list", output::number(counts.holds)));
    }
    if !cases.is_empty() {
        let total: u64 = cases.iter().map(|(_, count)| count).sum();
        let kinds: Vec<String> = cases.iter().map(|(reason, count)| format!("{} {reason}", output::number(*count))).collect();
        line(&mut text, "cases", &format!("{} open: {} (rightful cases)", output::number(total), kinds.join(", ")));
    }
    for note in &report.notes {
        line(&mut text, "note", note);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IN-14.
    #[test]
    fn what_a_vendor_meters_is_told_for_a_month_too() {
        let spent = |connection: &str, counts: &[(&'static str, u64)]| Spent {
            connection: connection.into(),
            counts: counts.iter().copied().collect(),
        };
        let told = spent_told(&[spent("erp", &[(CALLS, 6), (WAITS, 1), ("transactions", 9)]), spent("field", &[(CALLS, 0), (WAITS, 0)])]);
        assert_eq!(told, "  asked     erp: 6 calls, 9 transactions (6,570 a month at one such run an hour), 1 wait; field: nothing\n");
    }
}
