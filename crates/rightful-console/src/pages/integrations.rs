//! The list of integrations: which are enabled, how they stand, when they run next.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum_login::tower_sessions::Session;
use rightful_core::Instant;
use rightful_engine::{CodeFrom, Policy, RunOutcome};

use super::{Frame, Section, Shown, page, segment};
use crate::access::Who;
use crate::told::{Moment, moment};
use crate::{Console, Deployed};

/// How an integration stands, in one word with its tone.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The word: `Enabled`, `Paused`, `Quarantined`, `Not ready`.
    pub word: &'static str,
    /// `good`, `warn`, `bad` or `quiet`, for its colour.
    pub tone: &'static str,
    /// Why, where it is not enabled.
    pub why: Option<String>,
}

/// How an integration stands now.
pub async fn standing(console: &Console, deployed: &Deployed) -> rightful_core::Result<Standing> {
    let name = &deployed.integration.name;
    if let Some(by) = console.store.integration(name).await?.paused {
        return Ok(Standing { word: "Paused", tone: "quiet", why: Some(format!("by {}: {}", by.author, by.reason)) });
    }
    if let Some(quarantine) = console.store.watched(name).await?.quarantine {
        return Ok(Standing { word: "Quarantined", tone: "bad", why: Some(quarantine.reason) });
    }
    Ok(match &deployed.unready {
        Some(why) => Standing { word: "Not ready", tone: "warn", why: Some(why.clone()) },
        None => Standing { word: "Enabled", tone: "good", why: None },
    })
}

/// The tone of an outcome.
pub fn tone(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Done | RunOutcome::DoneWithHolds => "good",
        RunOutcome::Partial | RunOutcome::Refused => "warn",
        RunOutcome::Failed => "bad",
    }
}

/// What an integration does, in a sentence.
fn what_told(policy: &Policy) -> &'static str {
    match (&policy.activity, &policy.code.from) {
        (Some(activity), _) if activity.workflows.is_empty() => "Gives users accounts.",
        (Some(_), _) => "Gives users accounts, and credits activities to them.",
        (None, CodeFrom::Owner(_)) => "Gives records the same owner, by links between users.",
        (None, CodeFrom::Field(_)) => "Gives records the users whom their code leads to.",
    }
}

struct Line {
    name: String,
    href: String,
    source: String,
    target: String,
    what: &'static str,
    standing: Standing,
    schedule: String,
    next: Option<Moment>,
    last: Option<(&'static str, &'static str, Moment)>,
    cases: u64,
}

#[derive(Template)]
#[template(path = "integrations.html")]
struct List {
    frame: Frame,
    lines: Vec<Line>,
}

/// `GET /integrations`
pub async fn list(State(console): State<Arc<Console>>, Extension(who): Extension<Who>, session: Session) -> Shown {
    let now: Instant = console.now();
    let mut lines = Vec::new();
    for deployed in console.deployment.integrations() {
        let name = deployed.integration.name.clone();
        if !who.access().covers(&name) {
            continue;
        }
        let standing = standing(&console, &deployed).await?;
        let last = console.store.runs(Some(&name), 1).await?.into_iter().next();
        let last = last.map(|run| match (run.outcome, run.ended) {
            (Some(outcome), Some(ended)) => (outcome.as_str(), tone(outcome), moment(ended, now)),
            _ => ("running", "live", moment(run.started, now)),
        });
        let cases = console.store.case_counts(Some(&name)).await?.into_iter().map(|(_, count)| count).sum();
        lines.push(Line {
            href: format!("/integrations/{}", segment(&name)),
            source: format!("{} ({})", deployed.source.vendor, deployed.source.connection),
            target: format!("{} ({})", deployed.target.vendor, deployed.target.connection),
            next: deployed.next_due.filter(|_| standing.tone == "good").map(|at| moment(at, now)),
            schedule: deployed.schedule.clone(),
            what: what_told(&deployed.integration.policy),
            standing,
            last,
            cases,
            name,
        });
    }
    page(&List { frame: Frame::of("Integrations", Section::Integrations, &who, &session).await, lines })
}
