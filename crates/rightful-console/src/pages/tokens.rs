//! API tokens: which there are, making one, and revoking one.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_core::{Error, ErrorKind};
use rightful_engine::TokenId;

use super::members::scope_words;
use super::settings::{AccessChoice, Tab, Tabs, scope_of, wrong_with};
use super::{Frame, Section, Shown, page, page_with, to};
use crate::Console;
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::tokens::{LONGEST_DAYS, judged, make, revoke as revoked, standing};
use crate::operations::{Wrong, members};
use crate::problem::Problem;
use crate::told::{Moment, moment};

/// Tokens on one page.
const PAGE: usize = 50;

/// Where a list goes on.
#[derive(Debug, Default, serde::Deserialize)]
pub struct From {
    /// Below this number; 0: from the newest.
    #[serde(default)]
    before: i64,
}

struct Line {
    id: TokenId,
    name: String,
    role: String,
    scope: String,
    author: String,
    made: Moment,
    ends: Moment,
    used: Option<Moment>,
    word: &'static str,
    tone: &'static str,
    revoked: bool,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct List {
    frame: Frame,
    tabs: Tabs,
    lines: Vec<Line>,
    next: Option<i64>,
    /// One just made, shown this once.
    made: Option<(String, String)>,
    name: String,
    days: String,
    longest: i64,
    choice: AccessChoice,
    wrong_name: Option<String>,
    wrong_days: Option<String>,
}

/// What was typed for a new token.
struct Typed {
    name: String,
    role: String,
    scope: Option<std::collections::BTreeSet<String>>,
    days: String,
}

impl Default for Typed {
    fn default() -> Self {
        Self { name: String::new(), role: "viewer".to_owned(), scope: None, days: "90".to_owned() }
    }
}

async fn shown(
    console: &Console,
    who: &Who,
    session: &Session,
    from: &From,
    typed: Typed,
    wrong: &[Wrong],
    made: Option<(String, String)>,
) -> Result<List, Problem> {
    let now = console.now();
    let mut tokens = console.store.tokens().await?;
    tokens.retain(|token| from.before == 0 || token.id.0 < from.before);
    let next = (tokens.len() > PAGE).then(|| tokens[PAGE - 1].id.0);
    let lines = tokens.into_iter().take(PAGE).map(|token| {
        let (word, tone) = standing(&token, now);
        Line {
            id: token.id,
            role: token.access.role.to_string(),
            scope: scope_words(&token.access),
            made: moment(token.created, now),
            ends: moment(token.expires, now),
            used: token.used.map(|used| moment(used, now)),
            word,
            tone,
            revoked: token.revoked.is_some() || token.expires <= now,
            name: token.name,
            author: token.author,
        }
    });
    let known = members::known_integrations(console, None);
    Ok(List {
        lines: lines.collect(),
        next,
        frame: Frame::of("API tokens", Section::Settings, who, session).await,
        tabs: Tabs::of(who, Tab::Tokens),
        made,
        choice: AccessChoice::of(&typed.role, typed.scope.as_ref(), &known, wrong),
        name: typed.name,
        days: typed.days,
        longest: LONGEST_DAYS,
        wrong_name: wrong_with(wrong, "name"),
        wrong_days: wrong_with(wrong, "days"),
    })
}

/// `GET /settings/tokens`
pub async fn list(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(from): Query<From>,
) -> Shown {
    page(&shown(&console, &who, &session, &from, Typed::default(), &[], None).await?)
}

/// `POST /settings/tokens`: the answer is the only place where the token ever stands.
pub async fn add(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let typed = Typed {
        name: fields.text("name").to_owned(),
        role: fields.text("role").to_owned(),
        scope: scope_of(&fields),
        days: fields.text("days").to_owned(),
    };
    let known = members::known_integrations(&console, None);
    match judged(&typed.name, &typed.role, typed.scope.as_ref(), &typed.days, &known) {
        Err(wrong) => {
            let shown = shown(&console, &who, &session, &From::default(), typed, &wrong, None).await?;
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown)
        }
        Ok(new) => {
            let (_, text) = make(&console, &who, &new).await?;
            let made = Some((new.name, text.expose().to_owned()));
            page(&shown(&console, &who, &session, &From::default(), Typed::default(), &[], made).await?)
        }
    }
}

/// `POST /settings/tokens/{token}/revoke`
pub async fn revoke(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let revoked = match id.parse::<TokenId>() {
        Ok(id) => revoked(&console, &who.actor(), id).await?,
        Err(_) => false,
    };
    if !revoked {
        return Err(Error::new(ErrorKind::NotFound, "there is no such token, or it was revoked before")
            .hint("see which there are: Settings, API tokens")
            .into());
    }
    to(&session, "/settings/tokens", true, "The token was revoked. Requests with it are refused from now on.").await
}
