//! Who is who on both sides: each link with its evidence, what was compared, who made it, and taking it away with a reason.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_engine::{Authorship, Right};

use super::actions::Actions;
use super::place::{May, Place};
use super::scope::{cut, query};
use super::{Frame, SAY_WHY, Section, Shown, page_with, to};
use crate::Console;
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::codes::has_code_table;
use crate::operations::links::{evidence_told, links, remove};
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
    let wanted = shows.q.trim().to_lowercase();
    let mut found = links(console, &deployed).await?;
    found.retain(|named| {
        let texts = [named.person.as_str(), named.account.as_str(), named.link.person.as_str(), named.link.owner.as_str()];
        wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted))
    });
    let total = number(found.len() as u64);
    found.retain(|named| named.link.person.as_str() > shows.after.as_str());
    let more = cut(&mut found);
    Ok(List {
        frame: Frame::of(&format!("Links of {name}"), Section::Integrations, who, session).await,
        place: Place::of(&deployed, if first_page { "" } else { "/links" }),
        actions: if first_page { Some(Actions::of(console, who, &deployed).await?) } else { None },
        may: May::of(who, Right::KeepPeople, name),
        adds: deployed.integration.policy.activity.is_some(),
        next: found.last().filter(|_| more).map(|last| query(&[("q", &shows.q), ("after", last.link.person.as_str())])),
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
        total,
        shows,
        wrong: None,
    })
}

/// The first page of an integration that leads owners on through links: `GET /integrations/{integration}` leads here.
pub async fn show(console: &Console, name: &str, who: &Who, session: &Session) -> Shown {
    page_with(StatusCode::OK, &list_page(console, name, who, session, Shows::default()).await?)
}

/// `GET /integrations/{integration}/links`
pub async fn list(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<Shows>,
) -> Shown {
    page_with(StatusCode::OK, &list_page(&console, &name, &who, &session, shows).await?)
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
    let reason = fields.text("reason").trim().to_owned();
    let problem = if reason.is_empty() {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, SAY_WHY)
    } else {
        let by = Authorship { author: who.actor(), reason, at: console.now() };
        match remove(&console, &deployed, fields.text("person"), fields.text("owner"), &by).await {
            Ok(link) => {
                let told = format!(
                    "{} is no longer linked to {}. What was credited stays; later records wait for a link.",
                    link.person, link.owner
                );
                return to(&session, &format!("{}/links", Place::of(&deployed, "").base), true, told).await;
            }
            Err(problem) => problem,
        }
    };
    let mut shown = list_page(&console, &name, &who, &session, Shows::default()).await?;
    shown.wrong = Some(match problem.hint {
        Some(hint) => format!("{}; {hint}.", problem.message),
        None => problem.message,
    });
    page_with(problem.status, &shown)
}
