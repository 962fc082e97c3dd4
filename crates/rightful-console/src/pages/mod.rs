//! Pages for people: what all of them share.

pub mod account;
pub mod accounts;
pub mod actions;
pub mod activity;
pub mod audit;
pub mod carried;
pub mod cases;
pub mod codes;
pub mod connections;
pub mod history;
pub mod holds;
pub mod integrations;
pub mod links;
pub mod live;
pub mod members;
pub mod people;
pub mod place;
pub mod plans;
pub mod previewed;
pub mod runs;
pub mod scope;
pub mod settings;
pub mod sign_in;
pub mod table;
pub mod tokens;
pub mod why;
pub mod words;
pub mod workflows;

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum_login::tower_sessions::Session;
use rightful_core::{Error, ErrorKind};
use rightful_engine::{AccessRole, Right};

use crate::access::Who;
use crate::assets::{ICON_NAME, SCRIPT_NAME, STYLE_NAME};
use crate::problem::Problem;

/// How a page ends: shown, or a problem.
pub type Shown = Result<Response, Problem>;

/// Where in the menu a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Integrations and their code tables.
    Integrations,
    /// Runs.
    Runs,
    /// Plans.
    Plans,
    /// The work list.
    Cases,
    /// Why one record belongs to its users.
    Why,
    /// Connections.
    Connections,
    /// The audit log.
    Audit,
    /// Members, tokens, one's own password.
    Settings,
}

/// One line of the menu.
#[derive(Clone, Copy, Debug)]
pub struct MenuLine {
    /// Where it leads.
    pub href: &'static str,
    /// What it says.
    pub name: &'static str,
    /// Is it where we are?
    pub here: bool,
}

const MENU: [(Section, &str, &str, Option<Right>); 8] = [
    (Section::Integrations, "/integrations", "Integrations", None),
    (Section::Runs, "/runs", "Runs", None),
    (Section::Plans, "/plans", "Plans", None),
    (Section::Cases, "/cases", "Cases", None),
    (Section::Why, "/why", "Why", None),
    (Section::Connections, "/connections", "Connections", Some(Right::Connect)),
    (Section::Audit, "/audit", "Audit", Some(Right::Audit)),
    (Section::Settings, "/settings", "Settings", None),
];

/// A word to the person about what they just did.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Note {
    /// Good news, or not.
    pub good: bool,
    /// The word.
    pub text: String,
}

/// What surrounds every page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The window's title.
    pub title: String,
    /// Where in the menu.
    pub menu: Vec<MenuLine>,
    /// Who is signed in: display name and role.
    pub who: Option<(String, AccessRole)>,
    /// What every form must carry.
    pub form_key: String,
    /// A word about what was just done.
    pub note: Option<Note>,
}

impl Frame {
    /// The frame of a page that asks nobody to be signed in.
    pub fn outside(title: &str) -> Self {
        Self { title: title.to_owned(), menu: Vec::new(), who: None, form_key: String::new(), note: None }
    }

    /// The frame of a page for whoever is signed in.
    pub async fn of(title: &str, section: Section, who: &Who, session: &Session) -> Self {
        let access = who.access();
        let menu = MENU
            .iter()
            .filter(|(.., right)| right.is_none_or(|right| access.anywhere(right).is_ok()))
            .map(|(of, href, name, _)| MenuLine { href, name, here: *of == section })
            .collect();
        let (name, form_key) = match who {
            Who::Member(member, key) => (member.display_name.clone(), key.clone()),
            Who::Token(token) => (token.name.clone(), String::new()),
        };
        // A note that cannot be read is no reason not to show the page. Only one that is there is taken out: a page that is merely looked
        // at writes nothing.
        let mut note = session.get::<Note>(NOTE).await.ok().flatten();
        if note.is_some() {
            note = session.remove(NOTE).await.ok().flatten();
        }
        Self { title: title.to_owned(), menu, who: Some((name, access.role)), form_key, note }
    }

    /// The style sheet.
    pub fn style(&self) -> &str {
        &STYLE_NAME
    }

    /// The script.
    pub fn script(&self) -> &str {
        &SCRIPT_NAME
    }

    /// The icon.
    pub fn icon(&self) -> &str {
        &ICON_NAME
    }
}

const NOTE: &str = "note";

/// Sends the person to another page, with a word about what was done.
pub async fn to(session: &Session, path: &str, good: bool, text: impl Into<String>) -> Shown {
    if let Err(error) = session.insert(NOTE, Note { good, text: text.into() }).await {
        tracing::warn!(%error, "a note for the next page could not be kept");
    }
    Ok(Redirect::to(path).into_response())
}

/// A page as an answer.
pub fn page(template: &impl Template) -> Shown {
    page_with(StatusCode::OK, template)
}

/// A page as an answer with another status.
pub fn page_with(status: StatusCode, template: &impl Template) -> Shown {
    let html =
        template.render().map_err(|error| Problem::from(Error::new(ErrorKind::Protocol, "the page could not be written").source(error)))?;
    Ok((status, Html(html)).into_response())
}

/// Text as one part of a path: nothing in a name leads elsewhere.
pub fn segment(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(text, KEPT).to_string()
}

/// A file to keep rather than to show.
pub fn download(kind: &'static str, name: &str, content: String) -> Response {
    let name: String =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '-' }).collect();
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))], content)
        .into_response()
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    problem: &'a Problem,
    request_id: Option<String>,
}

/// The page that tells a problem.
pub fn problem_page(problem: &Problem, request_id: Option<String>) -> Html<String> {
    let page = ProblemPage { frame: Frame::outside("Something is in the way"), problem, request_id };
    Html(page.render().unwrap_or_else(|_| "Something is in the way.".to_owned()))
}

/// `GET /`
pub async fn home() -> Redirect {
    Redirect::to("/integrations")
}
