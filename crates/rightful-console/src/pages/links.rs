//! Who is who on both sides: each link with its evidence, what was compared, who made it, and taking it away with a reason.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_engine::Right;

use super::actions::Actions;
use super::place::{May, Place};
use super::scope::{fits, page_behind, query};
use super::{Frame, Section, Shown, page, page_with, to};
use crate::Console;
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::codes::has_code_table;
use crate::operations::links::{evidence_told, links, remove};
use crate::operations::signed;
use crate::problem::Problem;
use crate::told::{Moment, moment, number};

/// Which links are shown.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Shows {
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: String,
}

struct Line {
    person: String,
    id: String,
    account: String,
    owner: String,
    evidence: &'static str,
    compared: Option<String>,
    author: String,
    reason: String,
    when: Moment,
}

#[derive(Template)]
#[template(path = "links.html")]
struct List {
    frame: Frame,
    place: Place,
    may: May,
    adds: bool,
    /// The toolbar of an integration whose first page this is.
    actions: Option<Actions>,
    shows: Shows,
    total: String,
    lines: Vec<Line>,
    next: Option<String>,
    wrong: Option<String>,
}

async fn list_page(console: &Console, name: &str, who: &Who, session: &Session, shows: Shows) -> Result<List, Problem> {
    let now = console.now();
    let deployed = console.deployed(name)?;
    let first_page = !has_code_table(&deployed.integration.policy) && deployed.integration.policy.activity.is_none();
    let mut found = links(console, &deployed).await?;
    found.retain(|named| fits(&shows.q, [named.person.as_str(), &named.account, named.link.person.as_str(), &named.link.owner]));
    let total = number(found.len() as u64);
    let next = page_behind(&mut found, Some(&shows.after), |named| named.link.person.to_string());
    let place = Place::of(&deployed, if first_page { "" } else { "/links" });
    Ok(List {
        frame: Frame::of(&format!("Links of {name}"), Section::Integrations, who, session).await,
        actions: if first_page { Some(Actions::of(console, who, &deployed).await?) } else { None },
        may: May::of(who, Right::KeepPeople, name),
        adds: deployed.integration.policy.activity.is_some(),
        next: next.map(|after| format!("{}/links{}", place.base, query(&[("q", &shows.q), ("after", &after)]))),
        lines: found
            .into_iter()
            .map(|named| Line {
                person: named.person,
                id: named.link.person.to_string(),
                account: named.account,
                owner: named.link.owner,
                evidence: evidence_told(named.link.evidence),
                compared: named.link.by_value,
                author: named.link.by.author,
                reason: named.link.by.reason,
                when: moment(named.link.by.at, now),
            })
            .collect(),
        place,
        total,
        shows,
        wrong: None,
    })
}

/// The first page of an integration that leads owners on through links: `GET /integrations/{integration}` leads here.
pub async fn show(console: &Console, name: &str, who: &Who, session: &Session) -> Shown {
    page(&list_page(console, name, who, session, Shows::default()).await?)
}

/// `GET /integrations/{integration}/links`
pub async fn list(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<Shows>,
) -> Shown {
    page(&list_page(&console, &name, &who, &session, shows).await?)
}

/// `POST /integrations/{integration}/links/remove`
pub async fn removed(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let deployed = console.deployed(&name)?;
    let (status, wrong) = match signed(&console, &who, fields.text("reason")) {
        Err(no_reason) => (StatusCode::UNPROCESSABLE_ENTITY, no_reason.to_string()),
        Ok(by) => match remove(&console, &deployed, fields.text("person"), fields.text("owner"), &by).await {
            Ok(link) => {
                let told = format!(
                    "{} is no longer linked to {}. What was credited stays; later records wait for a link.",
                    link.person, link.owner
                );
                return to(&session, &format!("{}/links", Place::of(&deployed, "").base), true, told).await;
            }
            Err(problem) => (problem.status, problem.told()),
        },
    };
    let mut shown = list_page(&console, &name, &who, &session, Shows::default()).await?;
    shown.wrong = Some(wrong);
    page_with(status, &shown)
}
