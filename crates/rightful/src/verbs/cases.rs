//! What waits for a person or was stopped by one: `cases`, `holds`, `pause`, `resume`.

use chrono::Utc;
use rightful_core::{Error, ErrorKind, nearest};
use rightful_engine::Store as _;
use rightful_engine::{Authorship, Case, HoldId, Quarantine, RunTask, WatchStore as _};
use serde_json::json;

use super::{Ended, author, authorship, chosen, narrowed, open, plans};
use crate::cli::{Cases, Global, HoldsVerb, Pause, Resume};
use crate::exit::Exit;
use crate::output;
use crate::progress::progress;

/// Cases fetched at once.
const CHUNK: usize = 1_000;

/// `rightful cases`
pub async fn cases(global: &Global, arguments: &Cases) -> Ended {
    let composition = open(global).await?;
    let integration = narrowed(&composition, global)?;
    let counts = composition.store.case_counts(integration).await?;
    if let Some(wanted) = &arguments.reason
        && !arguments.closed
        && !counts.iter().any(|(reason, _)| reason == wanted)
        && let Some(near) = nearest(wanted, counts.iter().map(|(reason, _)| reason.as_str()))
    {
        return Err(Error::new(ErrorKind::Config, format!("no open case has the reason `{wanted}`"))
            .hint(format!("did you mean `{near}`?"))
            .into());
    }
    let mut found: Vec<Case> = Vec::new();
    let mut after = None;
    while found.len() < arguments.limit {
        let chunk = composition.store.cases(integration, !arguments.closed, after, CHUNK).await?;
        let Some(last) = chunk.last() else { break };
        after = Some(last.id);
        found.extend(chunk.into_iter().filter(|case| arguments.reason.as_ref().is_none_or(|reason| case.case.reason == *reason)));
    }
    found.truncate(arguments.limit);
    output::emit(global.json, &found, || {
        if found.is_empty() {
            return "Nothing waits for a person.".to_owned();
        }
        let rows = found.iter().map(|case| {
            let closed = case.closed.map_or_else(|| "open".to_owned(), |at| output::moment(Some(at)));
            let case_text = &case.case;
            [case.id.to_string(), case_text.reason.clone(), case_text.message.clone(), case_text.mend.clone(), closed]
        });
        let mut text = output::table(["case", "reason", "what was found", "what mends it", "closed"], rows);
        let total: u64 = counts.iter().map(|(_, count)| count).sum();
        let kinds: Vec<String> = counts.iter().map(|(reason, count)| format!("{} {reason}", output::number(*count))).collect();
        text.push_str(&format!("\n{} open: {}\n", output::number(total), kinds.join(", ")));
        text
    })?;
    Ok(Exit::Done)
}

/// What resuming an integration ended.
fn resumed_told(name: &str, was: Option<&Authorship>, quarantine: Option<&Quarantine>) -> String {
    let mut ended = Vec::new();
    if let Some(by) = was {
        ended.push(format!("it was paused by {}: {}", by.author, by.reason));
    }
    if let Some(quarantine) = quarantine {
        ended.push(format!("it was in quarantine since {}: {}", output::moment(Some(quarantine.since)), quarantine.reason));
    }
    if ended.is_empty() { format!("{name} was not paused") } else { format!("{name} runs again ({})", ended.join("; ")) }
}

/// `rightful holds`
pub async fn holds(global: &Global, verb: HoldsVerb) -> Ended {
    let composition = open(global).await?;
    match verb {
        HoldsVerb::List { limit } => {
            let holds = composition.store.holds(narrowed(&composition, global)?, None, limit).await?;
            output::emit(global.json, &holds, || {
                if holds.is_empty() {
                    return "Nothing is held.".to_owned();
                }
                output::table(
                    ["hold", "kind", "code", "name", "since", "reason", "waits for"],
                    holds.iter().map(|hold| {
                        let held = &hold.hold;
                        [
                            hold.id.to_string(),
                            held.kind.to_string(),
                            held.code.clone(),
                            held.name.clone(),
                            output::moment(Some(hold.since)),
                            held.reason.clone(),
                            held.waits_for.clone(),
                        ]
                    }),
                )
            })?;
        }
        HoldsVerb::Replay { integration } => {
            let integration = chosen(&composition, global, integration.as_deref())?;
            let report = plans::task(&composition, integration, RunTask::Release, &author(None)?, progress(global.json)).await?;
            plans::ended(global, &composition, integration, &report, None).await?;
            return Ok(Exit::of(&report, false, false));
        }
        HoldsVerb::Drop { hold, author: by } => {
            let id: HoldId = hold.parse()?;
            let by = Authorship { author: author(by.as_deref())?, reason: "dropped".to_owned(), at: Utc::now() };
            if !composition.store.drop_hold(id, &by).await? {
                let error = Error::new(ErrorKind::NotFound, format!("there is no {id}")).hint("see which there are: rightful holds list");
                return Err(error.into());
            }
            output::emit(global.json, &json!({ "dropped": id.to_string() }), || {
                format!("{id} dropped; the next plan brings it back if it is still wanted, an activity only once it changes")
            })?;
        }
    }
    Ok(Exit::Done)
}

/// `rightful pause`
pub async fn pause(global: &Global, arguments: &Pause) -> Ended {
    let composition = open(global).await?;
    let integration = chosen(&composition, global, arguments.integration.as_deref())?;
    let by = authorship(&arguments.by)?;
    composition.store.pause(&integration.name, true, &by).await?;
    output::emit(global.json, &json!({ "integration": integration.name, "paused": by }), || {
        format!("{} is paused; let it run again: rightful resume {}", integration.name, integration.name)
    })?;
    Ok(Exit::Done)
}

/// `rightful resume`
pub async fn resume(global: &Global, arguments: &Resume) -> Ended {
    let composition = open(global).await?;
    let integration = chosen(&composition, global, arguments.integration.as_deref())?;
    let name = &integration.name;
    let was = composition.store.integration(name).await?.paused;
    let quarantine = composition.store.watched(name).await?.quarantine;
    let by = Authorship { author: author(arguments.author.as_deref())?, reason: "resumed".to_owned(), at: Utc::now() };
    composition.store.pause(name, false, &by).await?;
    composition.store.release_quarantine(name, &by).await?;
    output::emit(global.json, &json!({ "integration": name, "was_paused": was, "was_quarantined": quarantine }), || {
        resumed_told(name, was.as_ref(), quarantine.as_ref())
    })?;
    Ok(Exit::Done)
}
