//! Members: who may sign in, what each may do and where, and the one-time link by which one sets a password.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use rightful_core::{Error, ErrorKind};
use rightful_engine::{Kept, Member, MemberId};

use super::account::renewed;
use super::settings::{AccessChoice, Tab, Tabs, address, scope_of, wrong_with};
use super::{Frame, Section, Shown, page, page_with, to};
use crate::Console;
use crate::access::{LINK_HOURS, Who};
use crate::fields::Fields;
use crate::guard::Session;
use crate::operations::Wrong;
use crate::operations::members::{self, Typed};
use crate::problem::Problem;
use crate::told::{Moment, moment};

/// Members on one page.
const PAGE: usize = 50;

/// Where a list goes on.
#[derive(Debug, Default, serde::Deserialize)]
pub struct From {
    /// After so many.
    #[serde(default)]
    after: usize,
}

struct Line {
    href: String,
    member: Member,
    scope: String,
    me: bool,
    added: Moment,
}

#[derive(Template)]
#[template(path = "members.html")]
struct List {
    frame: Frame,
    tabs: Tabs,
    lines: Vec<Line>,
    next: Option<usize>,
}

fn href(id: MemberId) -> String {
    format!("/settings/members/{id}")
}

/// Where a role holds, in words.
pub fn scope_words(access: &rightful_engine::Access) -> String {
    match &access.scope {
        None => "all integrations".to_owned(),
        Some(names) => names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    }
}

/// `GET /settings/members`
pub async fn list(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(from): Query<From>,
) -> Shown {
    let now = console.now();
    let members = console.store.members().await?;
    let next = from.after.saturating_add(PAGE);
    let next = (members.len() > next).then_some(next);
    let actor = who.actor();
    let lines = members.into_iter().skip(from.after).take(PAGE).map(|member| Line {
        href: href(member.id),
        scope: scope_words(&member.access),
        me: member.name == actor,
        added: moment(member.created, now),
        member,
    });
    page(&List {
        frame: Frame::of("Members", Section::Settings, &who, &session.session).await,
        tabs: Tabs::of(&who, Tab::Members),
        lines: lines.collect(),
        next,
    })
}

#[derive(Template)]
#[template(path = "member.html")]
struct MemberPage {
    frame: Frame,
    /// `None`: being added.
    known: Option<Member>,
    action: String,
    typed: Typed,
    choice: AccessChoice,
    revision: i64,
    wrong_name: Option<String>,
    wrong_display_name: Option<String>,
    wrong: Option<String>,
    me: bool,
    hours: i64,
}

async fn form(console: &Console, who: &Who, session: &Session, known: Option<Member>, typed: Option<Typed>, wrong: &[Wrong]) -> MemberPage {
    let typed = typed.unwrap_or_else(|| match &known {
        Some(member) => Typed::of(member),
        None => Typed { role: "viewer".to_owned(), active: true, ..Typed::default() },
    });
    let named = known.as_ref().and_then(|member| member.access.scope.as_ref());
    let integrations = members::known_integrations(console, named);
    let title = known.as_ref().map_or("Add a member", |member| member.display_name.as_str()).to_owned();
    MemberPage {
        frame: Frame::of(&title, Section::Settings, who, &session.session).await,
        action: known.as_ref().map_or_else(|| "/settings/members".to_owned(), |member| href(member.id)),
        choice: AccessChoice::of(&typed.role, typed.scope.as_ref(), &integrations, wrong),
        revision: known.as_ref().map_or(0, |member| member.revision),
        wrong_name: wrong_with(wrong, "name"),
        wrong_display_name: wrong_with(wrong, "display_name"),
        wrong: wrong.iter().find(|wrong| wrong.field.is_none()).map(|wrong| wrong.told.clone()),
        me: known.as_ref().is_some_and(|member| member.name == who.actor()),
        known,
        typed,
        hours: LINK_HOURS,
    }
}

fn typed(fields: &Fields, active: bool) -> Typed {
    Typed {
        name: fields.text("name").to_owned(),
        display_name: fields.text("display_name").to_owned(),
        role: fields.text("role").to_owned(),
        scope: scope_of(fields),
        active,
    }
}

/// The member that a path names.
async fn member(console: &Console, id: &str) -> Result<Member, Problem> {
    let found = match id.parse::<MemberId>() {
        Ok(id) => console.store.member(id).await?,
        Err(_) => None,
    };
    let nobody = || Error::new(ErrorKind::NotFound, "there is no such member").hint("see who there is: Settings, Members");
    Ok(found.map(|found| found.member).ok_or_else(nobody)?)
}

#[derive(Template)]
#[template(path = "member_link.html")]
struct LinkPage {
    frame: Frame,
    member: Member,
    link: String,
    hours: i64,
    added: bool,
}

/// The page that shows a one-time link, once: it is kept nowhere.
async fn linked(console: &Console, who: &Who, session: &Session, headers: &HeaderMap, member: Member, added: bool) -> Shown {
    let path = members::new_link(console, &who.actor(), member.id, &member.name).await?;
    page(&LinkPage {
        frame: Frame::of("One-time link", Section::Settings, who, &session.session).await,
        link: format!("{}{}", address(console, headers), path.expose()),
        member,
        hours: LINK_HOURS,
        added,
    })
}

/// `GET /settings/members/new`
pub async fn new(State(console): State<Arc<Console>>, Extension(who): Extension<Who>, session: Session) -> Shown {
    page(&form(&console, &who, &session, None, None, &[]).await)
}

/// `POST /settings/members`
pub async fn add(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    headers: HeaderMap,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let typed = typed(&fields, true);
    let wrong = match typed.judged(&members::known_integrations(&console, None)) {
        Err(wrong) => wrong,
        Ok(edit) => match members::add(&console, &who.actor(), &edit).await? {
            Kept::Done(id) => {
                let added = member(&console, &id.to_string()).await?;
                return linked(&console, &who, &session, &headers, added, true).await;
            }
            _ => vec![Wrong::of("name", "somebody has that name already; upper and lower case count as the same")],
        },
    };
    page_with(StatusCode::UNPROCESSABLE_ENTITY, &form(&console, &who, &session, None, Some(typed), &wrong).await)
}

/// `GET /settings/members/{member}`
pub async fn show(State(console): State<Arc<Console>>, Path(id): Path<String>, Extension(who): Extension<Who>, session: Session) -> Shown {
    let member = member(&console, &id).await?;
    page(&form(&console, &who, &session, Some(member), None, &[]).await)
}

/// `POST /settings/members/{member}`
pub async fn change(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Extension(who): Extension<Who>,
    mut session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let before = member(&console, &id).await?;
    let revision: i64 = fields.text("revision").parse().map_err(|_| {
        Error::new(ErrorKind::Config, "the form does not say which state of the member it stands on").hint("load the page again")
    })?;
    let typed = typed(&fields, fields.has("active"));
    let known = members::known_integrations(&console, before.access.scope.as_ref());
    let (status, wrong) = match typed.judged(&known) {
        Err(wrong) => (StatusCode::UNPROCESSABLE_ENTITY, wrong),
        Ok(edit) => {
            let general = |told: &str| vec![Wrong { field: None, told: told.to_owned() }];
            match members::change(&console, &who.actor(), &before, revision, &edit).await? {
                Kept::Done(()) => {
                    if !renewed(&console, &mut session, before.id).await? {
                        return Ok(axum::response::IntoResponse::into_response(axum::response::Redirect::to("/sign-in")));
                    }
                    // Whoever took the right from themselves cannot look at the list any more.
                    let still = who.actor() != before.name || edit.access.anywhere(rightful_engine::Right::Administer).is_ok();
                    let path = if still { "/settings/members" } else { "/settings" };
                    return to(&session.session, path, true, format!("{} was saved. Sessions begun before have ended.", edit.display_name))
                        .await;
                }
                Kept::Moved => {
                    let told = format!(
                        "Somebody else changed this member meanwhile; nothing of yours was saved. By now: {}, {}, {}, {}. Look through what you chose and save again.",
                        before.display_name,
                        before.access.role,
                        scope_words(&before.access),
                        if before.active { "may sign in" } else { "may not sign in" }
                    );
                    (StatusCode::CONFLICT, general(&told))
                }
                Kept::Taken => {
                    let told = "somebody has that name already; upper and lower case count as the same";
                    (StatusCode::UNPROCESSABLE_ENTITY, vec![Wrong::of("name", told)])
                }
                Kept::LastAdmin => {
                    let told = "This is the last admin for all integrations who may sign in: make somebody else one first.";
                    (StatusCode::CONFLICT, general(told))
                }
            }
        }
    };
    page_with(status, &form(&console, &who, &session, Some(before), Some(typed), &wrong).await)
}

/// `POST /settings/members/{member}/link`: a fresh one-time link; an earlier one ends.
pub async fn link(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    headers: HeaderMap,
) -> Shown {
    let member = member(&console, &id).await?;
    if !member.active {
        return Err(Error::new(ErrorKind::Conflict, format!("{} may not sign in", member.display_name))
            .hint("let them sign in first, then make a link")
            .into());
    }
    linked(&console, &who, &session, &headers, member, false).await
}
