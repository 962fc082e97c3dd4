//! What happened and why: `runs` and `explain`.

use rightful_core::{Error, ErrorKind, Exchange};
use rightful_engine::Store as _;
use rightful_engine::{Crew, EXCHANGE_RUNS, EXCHANGES_OF_RUN, Entry, EntryFilter, EntryId, Run, RunTask};
use serde_json::json;

use super::{Ended, Failure, chosen, narrowed, open, run_named};
use crate::cli::{Explain, Global, Runs};
use crate::compose::Composition;
use crate::exit::Exit;
use crate::output;

/// Ledger lines shown of one run.
const SHOWN: usize = 50;

/// `rightful runs`
pub async fn runs(global: &Global, arguments: &Runs) -> Ended {
    let composition = open(global).await?;
    if let Some(number) = &arguments.run {
        let run = run_named(&composition, number).await?;
        if let Some(change) = arguments.change {
            return one_change(global, &composition, &run, change).await;
        }
        let filter = EntryFilter { run: Some(run.id), after: Some(EntryId(0)), limit: SHOWN, ..EntryFilter::default() };
        let entries = composition.store.entries(&filter).await?;
        output::emit(global.json, &json!({ "run": run, "entries": entries }), || one(&run, &entries))?;
        return Ok(Exit::Done);
    }
    let runs = composition.store.runs(narrowed(&composition, global)?, arguments.limit).await?;
    output::emit(global.json, &runs, || {
        if runs.is_empty() {
            return "Nothing has run yet. Begin with: rightful plan".to_owned();
        }
        output::table(
            ["run", "integration", "what", "begun", "took", "outcome", "planned", "done", "cases"],
            runs.iter().map(|run| {
                [
                    run.id.to_string(),
                    run.integration.clone(),
                    task(&run.task),
                    output::moment(Some(run.started)),
                    took(run),
                    outcome(run),
                    output::number(run.counts.planned),
                    output::number(run.counts.done),
                    output::number(run.counts.cases),
                ]
            }),
        )
    })?;
    Ok(Exit::Done)
}

fn task(task: &RunTask) -> String {
    match task {
        RunTask::Full => "run".to_owned(),
        RunTask::Plan { only: None } => "plan".to_owned(),
        RunTask::Plan { only: Some(only) } => format!("plan --only {only}"),
        RunTask::Apply { plan } => format!("apply {plan}"),
        RunTask::Release => "release".to_owned(),
        RunTask::Team { person, team } => format!("team {team} for {person}"),
        RunTask::Undo { run } => format!("undo {run}"),
    }
}

fn outcome(run: &Run) -> String {
    let word = run.outcome.map_or("under way, or cut off", |outcome| outcome.as_str());
    if run.resumed > 0 { format!("{word} (taken up again {} x)", run.resumed) } else { word.to_owned() }
}

fn took(run: &Run) -> String {
    run.ended.map_or_else(String::new, |ended| {
        let milliseconds = (ended - run.started).num_milliseconds();
        format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
    })
}

fn one(run: &Run, entries: &[Entry]) -> String {
    let counts = &run.counts;
    let by = run.by.as_ref().map_or_else(String::new, |by| format!(", asked for by {by}"));
    let mut text = format!("{} ({}, {}{by}): {}\n", run.id, run.integration, task(&run.task), outcome(run));
    let ended = run.ended.map_or_else(|| "not ended".to_owned(), |_| format!("took {}", took(run)));
    text.push_str(&format!("  begun {}, {ended}\n", output::moment(Some(run.started))));
    text.push_str(&format!(
        "  {} planned, {} done, {} found so already, {} refused by the vendor, {} stale, {} disputed, {} held\n",
        counts.planned, counts.done, counts.unchanged, counts.not_done, counts.stale, counts.disputed, counts.holds
    ));
    for note in &run.notes {
        text.push_str(&format!("  note: {note}\n"));
    }
    if !entries.is_empty() {
        text.push('\n');
        text.push_str(&output::table(
            ["change", "kind", "code", "name", "before", "after", "state", "why"],
            entries.iter().map(|entry| {
                [
                    entry.change.to_string(),
                    entry.kind.to_string(),
                    entry.code.clone(),
                    entry.name.clone(),
                    entry.before.join(", "),
                    entry.after.join(", "),
                    state(entry),
                    entry.note.clone().or_else(|| entry.why.code_label.clone()).unwrap_or_else(|| entry.why.rule.clone()),
                ]
            }),
        ));
        if entries.len() == SHOWN {
            text.push_str("... the first entries; why one record stands as it does: rightful explain CODE\n");
        }
        text.push_str(&format!("What was sent and answered for one of them: rightful runs {} --change NUMBER\n", run.id));
    }
    text
}

fn state(entry: &Entry) -> String {
    serde_json::to_value(entry.state).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// One change of a run, with the exchanges that carried it.
async fn one_change(global: &Global, composition: &Composition, run: &Run, change: i64) -> Ended {
    let filter = EntryFilter { run: Some(run.id), change: Some(change), limit: 1, ..EntryFilter::default() };
    let entry = composition.store.entries(&filter).await?.into_iter().next().ok_or_else(|| {
        let error = Error::new(ErrorKind::Config, format!("{} wrote no change with the number {change}", run.id));
        Failure::from(error.hint(format!("see which it wrote: rightful runs {}", run.id)))
    })?;
    let exchanges = composition.store.exchanges(run.id, change).await?;
    output::emit(global.json, &json!({ "entry": entry, "exchanges": exchanges }), || told(&entry, &exchanges))?;
    Ok(Exit::Done)
}

fn told(entry: &Entry, exchanges: &[Exchange]) -> String {
    let names = |owners: &[String]| if owners.is_empty() { "nobody".to_owned() } else { owners.join(", ") };
    let mut text = format!(
        "{} change {}: {} {} ({})\n  {} -> {}: {}, sent {}\n",
        entry.run,
        entry.change,
        entry.kind,
        entry.code,
        entry.name,
        names(&entry.before),
        names(&entry.after),
        state(entry),
        output::counted(u64::from(entry.attempts), "time"),
    );
    if let Some(note) = &entry.note {
        text.push_str(&format!("  note: {note}\n"));
    }
    if exchanges.is_empty() {
        text.push_str(&format!(
            "\nNo request is kept: nothing was sent, or it is too long ago. They are kept for the {EXCHANGE_RUNS} newest runs that wrote, the first {} of each.\n",
            output::number(EXCHANGES_OF_RUN as u64)
        ));
    }
    for exchange in exchanges {
        let answer = exchange.status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"));
        let Exchange { operation, at, method, url, request, response, .. } = exchange;
        text.push_str(&format!("\n{method} {url} ({operation}), {}\n", output::moment(Some(*at))));
        for (what, body) in [("sent", request), (answer.as_str(), response)] {
            text.push_str(&format!("  {what}:\n"));
            for line in body.lines() {
                // What a vendor answered is no command to a terminal.
                let plain: String = line.chars().filter(|letter| !letter.is_control() || *letter == '\t').collect();
                text.push_str(&format!("    {plain}\n"));
            }
        }
    }
    text
}

/// `rightful explain`
pub async fn explain(global: &Global, arguments: &Explain) -> Ended {
    let composition = open(global).await?;
    let integration = chosen(&composition, global, None)?;
    let ports = composition.ports_to_look(integration);
    let key = &arguments.key;
    if integration.policy.activity.is_some() {
        let crew = Crew::of(&ports, integration).await?;
        let explanation = crew.explain(&ports, key).await?.ok_or_else(|| {
            Failure::from(
                Error::new(ErrorKind::NotFound, format!("no record `{key}` is known that a workflow looks at"))
                    .hint("give its id as the source spells it (case counts); the first read brings them: rightful plan"),
            )
        })?;
        let mut value = json!(explanation);
        value["told"] = json!(explanation.told());
        output::emit(global.json, &value, || explanation.told().join("\n"))?;
        return Ok(Exit::Done);
    }
    let explanation = rightful_engine::explain(&ports, integration, key).await?.ok_or_else(|| {
        Failure::from(Error::new(ErrorKind::NotFound, format!("no {} `{key}` is known", integration.policy.target.kind)).hint(
            "give its code or its id as the target spells it (case and leading zeros count); the first read brings them: rightful plan",
        ))
    })?;
    let mut value = json!(explanation);
    value["told"] = json!(explanation.told());
    output::emit(global.json, &value, || explanation.told().join("\n"))?;
    Ok(Exit::Done)
}
