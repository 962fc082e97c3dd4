//! What waits in one integration: why, since when, what would release it; trying now, and dropping with a reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_engine::{Hold, HoldId, Right};

use super::place::{May, Place};
use super::scope::{cursor, page_behind, query};
use super::{Frame, Section, Shown, page, page_with, segment, to};
use crate::Console;
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::holds::{LOOKED_AT, drop_one, dropped_told, oldest};
use crate::operations::people::reason_told;
use crate::operations::signed;
use crate::pages::runs::people;
use crate::problem::Problem;
use crate::told::{Moment, moment, number, without_commands};

/// Which holds are shown.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Shows {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    after: String,
}

struct Reason {
    word: String,
    told: String,
    count: String,
    here: bool,
    href: String,
}

struct Line {
    id: HoldId,
    name: String,
    record: String,
    owner: Option<String>,
    reason: String,
    until: String,
    mend: Option<(String, &'static str)>,
    since: Moment,
    drop: String,
}

#[derive(Template)]
#[template(path = "holds.html")]
struct List {
    frame: Frame,
    place: Place,
    may: May,
    replays: bool,
    kept_days: Option<u32>,
    total: String,
    more_than: bool,
    /// Is it shown whatever the reason?
    shows_all: bool,
    reasons: Vec<Reason>,
    lines: Vec<Line>,
    next: Option<String>,
    wrong: Option<String>,
}

/// Where what a hold waits for is mended.
fn mend(base: &str, hold: &Hold) -> Option<(String, &'static str)> {
    let held = hold.hold.carry.as_ref()?;
    match hold.hold.reason.as_str() {
        "no-team" | "inactive" | "no-licence" if !held.owner.is_empty() => {
            Some((format!("{base}/accounts/{}", segment(&held.owner)), "Open the account"))
        }
        _ => {
            let person = hold.hold.why.code.as_deref().filter(|person| !person.is_empty())?;
            Some((format!("{base}/users{}", query(&[("q", person)])), "Open the user"))
        }
    }
}

async fn list_page(console: &Console, name: &str, who: &Who, session: &Session, shows: &Shows) -> Result<List, Problem> {
    let now = console.now();
    let deployed = console.deployed(name)?;
    let place = Place::of(&deployed, "/holds");
    let activity = deployed.integration.policy.activity.as_ref();
    let mut held = oldest(console, name).await?;
    let (total, more_than) = (held.len() as u64, held.len() == LOOKED_AT);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    held.iter().for_each(|hold| *counts.entry(hold.hold.reason.clone()).or_default() += 1);
    held.retain(|hold| shows.reason.is_empty() || hold.hold.reason == shows.reason);
    let next = page_behind(&mut held, cursor(&shows.after).as_ref(), |hold| hold.id.0);
    let index = people(console, &deployed.integration).await;
    Ok(List {
        frame: Frame::of(&format!("Holds of {name}"), Section::Integrations, who, session).await,
        may: May::of(who, Right::Run, name),
        replays: activity.is_none_or(|activity| activity.replay),
        kept_days: activity.map(|activity| activity.hold_days),
        total: number(total),
        shows_all: shows.reason.is_empty(),
        more_than,
        reasons: counts
            .into_iter()
            .map(|(word, count)| Reason {
                told: reason_told(&word).to_owned(),
                count: number(count),
                here: word == shows.reason,
                href: format!("{}/holds{}", place.base, query(&[("reason", &word)])),
                word,
            })
            .collect(),
        next: next.map(|after| format!("{}/holds{}", place.base, query(&[("reason", &shows.reason), ("after", &after.to_string())]))),
        lines: held
            .iter()
            .map(|hold| {
                let carry = hold.hold.carry.as_ref();
                Line {
                    id: hold.id,
                    name: hold.hold.name.clone(),
                    record: match carry {
                        Some(held) => format!("{} {}", held.carry.from, held.carry.record),
                        None => format!("{} {}", hold.hold.kind, hold.hold.code),
                    },
                    owner: carry
                        .map(|held| held.owner.clone())
                        .filter(|owner| !owner.is_empty())
                        .map(|owner| index.label(&owner).to_owned()),
                    reason: reason_told(&hold.hold.reason).to_owned(),
                    until: without_commands(&hold.hold.waits_for),
                    mend: mend(&place.base, hold),
                    since: moment(hold.since, now),
                    drop: format!("{}/holds/{}/drop", place.base, hold.id),
                }
            })
            .collect(),
        place,
        wrong: None,
    })
}

/// `GET /integrations/{integration}/holds`
pub async fn list(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<Shows>,
) -> Shown {
    page(&list_page(&console, &name, &who, &session, &shows).await?)
}

/// `POST /integrations/{integration}/holds/{hold}/drop`: from the page of holds with a reason, from the work list without.
pub async fn dropped(
    State(console): State<Arc<Console>>,
    Path((name, hold)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let here = fields.has("reason");
    let by = match signed(&console, &who, if here { fields.text("reason") } else { "dropped" }) {
        Ok(by) => by,
        Err(no_reason) => {
            let mut shown = list_page(&console, &name, &who, &session, &Shows::default()).await?;
            shown.wrong = Some(no_reason.to_string());
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
        }
    };
    let told = dropped_told(&drop_one(&console, &name, &hold, &by).await?);
    let back =
        if here { format!("/integrations/{}/holds", segment(&name)) } else { format!("/cases{}#holds", query(&[("integration", &name)])) };
    to(&session, &back, true, told).await
}
