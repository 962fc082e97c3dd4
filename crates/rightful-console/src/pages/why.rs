//! Why one record belongs to its users: who says so, since when, and what stood there before.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_engine::{Entry, Explanation, NearRecord, RecordExplanation, RunId};

use super::runs::{people, run_path};
use super::scope::{Scope, query};
use super::words::{self, Toned};
use super::{Frame, Section, Shown, page_with, segment};
use crate::access::Who;
use crate::operations::why::{Reasons, reasons};
use crate::told::{Moment, moment, without_commands};
use crate::{Console, Deployed};

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
    name: String,
    key: String,
    target: String,
    vendor: &'static str,
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

/// A record of an integration that credits activities, explained.
struct Credits {
    told: Vec<String>,
    /// Every write, newest first, with the figure.
    written: Vec<Written>,
}

async fn credits(console: &Console, deployed: &Deployed, found: &RecordExplanation) -> Credits {
    let people = people(console, &deployed.integration).await;
    let mut entries: Vec<&Entry> = found.figures.iter().flat_map(|figure| &figure.entries).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.id));
    let owners = entries.iter().flat_map(|entry| entry.before.iter().chain(&entry.after));
    let names = owners.map(|owner| (owner.clone(), people.label(owner).to_owned())).collect();
    Credits {
        told: found.told().iter().map(|line| without_commands(line)).collect(),
        written: entries.iter().map(|entry| written(&names, entry, console.now())).collect(),
    }
}

/// No such record, and which may be meant.
struct Misses {
    kind: String,
    vendor: &'static str,
    near: Vec<Miss>,
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
    answer: Option<Answer>,
    credits: Option<Credits>,
    misses: Option<Misses>,
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
        answer: None,
        credits: None,
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
    match reasons(&console, &deployed, &shown.shows.key).await? {
        Reasons::Owners(explanation) => shown.answer = Some(answer(&explanation, deployed.target.vendor, console.now())),
        Reasons::Credits(found) => shown.credits = Some(credits(&console, &deployed, &found).await),
        Reasons::Unknown { kind, vendor, near } => {
            let miss = |near: NearRecord| Miss {
                href: query(&[("integration", &shown.shows.integration), ("key", &near.key)]),
                key: near.key,
                name: near.name,
            };
            shown.misses = Some(Misses { kind, vendor, near: near.into_iter().map(miss).collect() });
            return page_with(StatusCode::NOT_FOUND, &shown);
        }
    }
    page_with(StatusCode::OK, &shown)
}

fn labels(names: &BTreeMap<String, String>, owners: &[String]) -> String {
    if owners.is_empty() {
        return "nobody".to_owned();
    }
    owners.iter().map(|owner| names.get(owner).unwrap_or(owner).as_str()).collect::<Vec<_>>().join(", ")
}

fn written(names: &BTreeMap<String, String>, entry: &Entry, now: rightful_core::Instant) -> Written {
    let base = format!("/integrations/{}", segment(&entry.integration));
    let run_href = run_path(&entry.integration, entry.run);
    Written {
        run: entry.run,
        item_href: format!("{run_href}/items/{}", entry.change),
        run_href,
        change: entry.change,
        when: moment(entry.settled_at.unwrap_or(entry.intended_at), now),
        before: labels(names, &entry.before),
        after: labels(names, &entry.after),
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
    let code = if present.table_version.is_some() { "code" } else { "owner" };
    let does = match present.verdict.as_str() {
        "already-so" => "leaves it as it is: it stands as it shall".to_owned(),
        "would-change" => format!("gives it to {}", owners(&present.would_be)),
        "not-planned" => "leaves it, because the source record is not in use".to_owned(),
        "held" => format!("waits until somebody maps its {code}"),
        "left" => format!("leaves it, because its {code} leads to nobody"),
        "several-owners" => format!("leaves it, because its {code} leads to several users where one is allowed"),
        _ => format!("cannot tell: its owners or its {code} are not shown"),
    };
    match present.table_version {
        Some(version) => format!("By the present code table (version {version}) the next run {does}."),
        None => format!("By who is linked to whom at present, the next run {does}."),
    }
}

fn answer(explanation: &Explanation, vendor: &'static str, now: rightful_core::Instant) -> Answer {
    let deciding = explanation.deciding();
    let remark = match (deciding, explanation.as_written, &explanation.owners) {
        (Some(_), Some(true), _) => None,
        (_, _, None) => Some("The target does not show its owners any more, or the record is gone.".to_owned()),
        (Some(entry), ..) => Some(format!(
            "{} gave it to {}; somebody changed that in the target since.",
            entry.run,
            labels(&explanation.names, &entry.after)
        )),
        (None, ..) => Some("Rightful never wrote its owners: they were set in the target.".to_owned()),
    };
    let code = explanation.source.as_ref().and_then(|source| source.code_label.clone());
    let typed = code.as_deref().and_then(|label| label.rsplit_once(" - ")).map(|(_, code)| code.to_owned());
    Answer {
        name: explanation.name.clone(),
        key: explanation.key.clone(),
        target: explanation.target.to_string(),
        vendor,
        owners: explanation.owners.as_deref().map_or_else(|| "not shown".to_owned(), owners),
        remark,
        deciding: deciding.map(|entry| written(&explanation.names, entry, now)),
        written: explanation.entries.iter().map(|entry| written(&explanation.names, entry, now)).collect(),
        source: explanation.source.as_ref().map(|source| {
            let code = source.code_label.clone().unwrap_or_else(|| "no code".to_owned());
            (source.name.clone(), source.id.to_string(), code)
        }),
        next: explanation.present.as_ref().map(next),
        codes_href: typed.map(|code| format!("/integrations/{}{}#assignments", segment(&explanation.integration), query(&[("q", &code)]))),
    }
}
