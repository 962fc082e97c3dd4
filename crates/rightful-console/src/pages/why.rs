//! Why one record belongs to its users: who says so, since when, and what stood there before.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_engine::{Entry, Explanation, NearRecord, RunId, explain, near_records};

use super::runs::run_path;
use super::scope::{Scope, query};
use super::words::{self, Toned};
use super::{Frame, Section, Shown, page_with, segment};
use crate::Console;
use crate::access::Who;
use crate::told::{Moment, moment};

/// Near misses shown.
const NEAR: usize = 8;

/// Which record.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Shows {
    #[serde(default)]
    integration: String,
    #[serde(default)]
    key: String,
}

/// One write to the record.
struct Written {
    run: RunId,
    run_href: String,
    item_href: String,
    change: i64,
    when: Moment,
    before: String,
    after: String,
    state: Toned,
    /// What was done, where something was carried over, and what was sent.
    carried: Option<(Toned, String)>,
    because: String,
    version: Option<(i64, String)>,
    by: Option<String>,
    reason: Option<String>,
}

/// The record, explained.
struct Answer {
    /// It was credited, and its target gives nothing back.
    credits: bool,
    name: String,
    key: String,
    target: String,
    owners: String,
    /// What is odd about the present owners.
    remark: Option<String>,
    /// The write that its owners go back to.
    deciding: Option<Written>,
    /// Every write, newest first.
    written: Vec<Written>,
    source: Option<(String, String, String)>,
    /// What the next run would do.
    next: Option<String>,
    codes_href: Option<String>,
}

struct Miss {
    href: String,
    key: String,
    name: String,
}

#[derive(Template)]
#[template(path = "why.html")]
struct WhyPage {
    frame: Frame,
    scope: Scope,
    shows: Shows,
    kind: String,
    vendor: String,
    answer: Option<Answer>,
    misses: Option<Vec<Miss>>,
    wrong: Option<String>,
}

/// `GET /why`
pub async fn page(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<Shows>,
) -> Shown {
    let mut scope = Scope::of(&console, &who, &shows.integration)?;
    if let ([only], true) = (scope.offered.as_slice(), shows.integration.is_empty()) {
        scope = Scope::of(&console, &who, &only.clone())?;
    }
    let mut shown = WhyPage {
        frame: Frame::of("Why", Section::Why, &who, &session).await,
        kind: "record".to_owned(),
        vendor: "the target".to_owned(),
        answer: None,
        misses: None,
        wrong: None,
        shows: Shows { integration: scope.wanted.clone(), key: shows.key.trim().to_owned() },
        scope,
    };
    if shown.shows.key.is_empty() {
        return page_with(StatusCode::OK, &shown);
    }
    if shown.shows.integration.is_empty() {
        shown.wrong = Some("Choose the integration that the record belongs to.".to_owned());
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
    }
    let deployed = console.deployed(&shown.shows.integration)?;
    let ports = console.deployment.ports(&shown.shows.integration)?;
    shown.kind = deployed.integration.policy.target.kind.to_string();
    shown.vendor = deployed.target.vendor.to_owned();
    if let Some(explanation) = explain(&ports, &deployed.integration, &shown.shows.key).await? {
        let credits = deployed.integration.policy.activity.is_some();
        shown.answer = Some(answer(&explanation, credits, console.now()));
        return page_with(StatusCode::OK, &shown);
    }
    let near = near_records(&ports, &deployed.integration, &shown.shows.key, NEAR).await?;
    let miss = |near: NearRecord| Miss {
        href: query(&[("integration", &shown.shows.integration), ("key", &near.key)]),
        key: near.key,
        name: near.name,
    };
    shown.misses = Some(near.into_iter().map(miss).collect());
    page_with(StatusCode::NOT_FOUND, &shown)
}

fn labels(explanation: &Explanation, owners: &[String]) -> String {
    if owners.is_empty() {
        return "nobody".to_owned();
    }
    owners.iter().map(|owner| explanation.names.get(owner).unwrap_or(owner).as_str()).collect::<Vec<_>>().join(", ")
}

fn written(explanation: &Explanation, entry: &Entry, now: rightful_core::Instant) -> Written {
    let base = format!("/integrations/{}", segment(&explanation.integration));
    let run_href = run_path(&explanation.integration, entry.run);
    Written {
        run: entry.run,
        item_href: format!("{run_href}/items/{}", entry.change),
        run_href,
        change: entry.change,
        when: moment(entry.settled_at.unwrap_or(entry.intended_at), now),
        before: labels(explanation, &entry.before),
        after: labels(explanation, &entry.after),
        state: words::entry_state(entry.state),
        carried: super::runs::carried_of(entry),
        because: words::because(&entry.why),
        version: entry.why.table_version.map(|version| (version, format!("{base}/history#version-{version}"))),
        by: entry.why.author.clone(),
        reason: entry.why.reason.clone().filter(|reason| !reason.is_empty()),
    }
}

fn owners(lines: &[rightful_engine::OwnerLine]) -> String {
    if lines.is_empty() {
        return "nobody".to_owned();
    }
    let named = |owner: &rightful_engine::OwnerLine| {
        if owner.active == Some(false) { format!("{} (deactivated)", owner.name) } else { owner.name.clone() }
    };
    lines.iter().map(named).collect::<Vec<_>>().join(", ")
}

/// What the next run would do with a record, for a verdict of the present table.
fn next(present: &rightful_engine::Present) -> String {
    let does = match present.verdict.as_str() {
        "already-so" => "leaves it as it is: it stands as the table says".to_owned(),
        "would-change" => format!("gives it to {}", owners(&present.would_be)),
        "not-planned" => "leaves it, because the source record is not in use".to_owned(),
        "held" => "waits until somebody maps its code".to_owned(),
        "left" => "leaves it, because its code leads to nobody".to_owned(),
        "several-owners" => "leaves it, because its code leads to several users where one is allowed".to_owned(),
        _ => "cannot tell: its owners or its code are not shown".to_owned(),
    };
    format!("By the present code table (version {}) the next run {does}.", present.table_version)
}

/// `credits`: its target gives nothing back.
fn answer(explanation: &Explanation, credits: bool, now: rightful_core::Instant) -> Answer {
    let deciding = explanation.deciding();
    let remark = match (deciding, explanation.as_written, &explanation.owners) {
        _ if credits => Some("The target gives nothing back: this is what was sent to it last.".to_owned()),
        (Some(_), Some(true), _) => None,
        (_, _, None) => Some("The target does not show its owners any more, or the record is gone.".to_owned()),
        (Some(entry), ..) => {
            Some(format!("{} gave it to {}; somebody changed that in the target since.", entry.run, labels(explanation, &entry.after)))
        }
        (None, ..) => Some("Rightful never wrote its owners: they were set in the target.".to_owned()),
    };
    let code = explanation.source.as_ref().and_then(|source| source.code_label.clone());
    let typed = code.as_deref().and_then(|label| label.rsplit_once(" - ")).map(|(_, code)| code.to_owned());
    Answer {
        name: explanation.name.clone(),
        key: explanation.key.clone(),
        target: explanation.target.to_string(),
        owners: match (&explanation.owners, deciding) {
            (Some(present), _) => owners(present),
            (None, Some(entry)) if credits => labels(explanation, &entry.after),
            (None, _) => "not shown".to_owned(),
        },
        credits,
        remark,
        deciding: deciding.map(|entry| written(explanation, entry, now)),
        written: explanation.entries.iter().map(|entry| written(explanation, entry, now)).collect(),
        source: explanation.source.as_ref().map(|source| {
            let code = source.code_label.clone().unwrap_or_else(|| "no code".to_owned());
            (source.name.clone(), source.id.to_string(), code)
        }),
        next: explanation.present.as_ref().map(next),
        codes_href: typed.map(|code| format!("/integrations/{}{}#assignments", segment(&explanation.integration), query(&[("q", &code)]))),
    }
}
