//! One's own account: what others call one, and one's password.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use rightful_core::Secret;
use rightful_engine::{Act, Kept, Member};

use super::settings::{Tab, Tabs};
use super::sign_in::renew;
use super::{Frame, Section, Shown, page, page_with, to};
use crate::Console;
use crate::access::{SHORTEST, SignedIn, Who, hashed, matches};
use crate::fields::Fields;
use crate::guard::{From_, Session};
use crate::operations::members::{self, Typed};
use crate::problem::Problem;
use crate::told::span;

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    frame: Frame,
    tabs: Tabs,
    member: Member,
    display_name: String,
    wrong_name: Option<String>,
    wrong_password: Option<String>,
    shortest: usize,
}

/// The member who asks; pages are for nobody else.
fn myself(who: &Who) -> Result<&Member, Problem> {
    match who {
        Who::Member(member, _) => Ok(member),
        Who::Token(_) => Err(Problem::new(StatusCode::FORBIDDEN, "a token has no account of its own")),
    }
}

async fn shown(who: &Who, session: &Session, typed: Option<&str>) -> Result<Account, Problem> {
    let member = myself(who)?.clone();
    Ok(Account {
        frame: Frame::of("Settings", Section::Settings, who, &session.session).await,
        tabs: Tabs::of(who, Tab::Account),
        display_name: typed.unwrap_or(&member.display_name).to_owned(),
        member,
        wrong_name: None,
        wrong_password: None,
        shortest: SHORTEST,
    })
}

/// `GET /settings`
pub async fn show(Extension(who): Extension<Who>, session: Session) -> Shown {
    page(&shown(&who, &session, None).await?)
}

/// `POST /settings/name`: what others call one.
pub async fn rename(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    mut session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let member = myself(&who)?;
    let wanted = fields.text("display_name");
    let typed = Typed { display_name: wanted.to_owned(), ..Typed::of(member) };
    let edit = match typed.judged(&members::known_integrations(&console, member.access.scope.as_ref())) {
        Ok(edit) => edit,
        Err(wrong) => {
            let told: Vec<String> = wrong.into_iter().map(|wrong| wrong.told).collect();
            let shown = Account { wrong_name: Some(told.join("; ")), ..shown(&who, &session, Some(wanted)).await? };
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
        }
    };
    match members::change(&console, &who.actor(), member, member.revision, &edit).await? {
        Kept::Done(()) => {
            renew(&console, &mut session, member.id).await?;
            to(&session.session, "/settings", true, "Saved.").await
        }
        _ => {
            let told = Some("Somebody changed your account meanwhile; nothing was saved. Look at it, then save again.".to_owned());
            page_with(StatusCode::CONFLICT, &Account { wrong_name: told, ..shown(&who, &session, Some(wanted)).await? })
        }
    }
}

/// `POST /settings/password`: asks for the present one, and ends every other session.
pub async fn password(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    Extension(From_(from)): Extension<From_>,
    mut session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let member = myself(&who)?;
    // Whoever took over a session may not guess the password by it either.
    if let Err(wait) = console.attempts.begin(&member.name, from, console.now()) {
        let told = Some(format!("Too many failed attempts. Try again in {}.", span(wait.unsigned_abs())));
        let mut answer = page_with(StatusCode::TOO_MANY_REQUESTS, &Account { wrong_password: told, ..shown(&who, &session, None).await? })?;
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.unsigned_abs()));
        return Ok(answer);
    }
    let kept = console.store.member(member.id).await?.and_then(|found| found.password);
    let fits = match kept {
        Some(hash) => matches(Secret::new(fields.text("present")), hash).await,
        None => false,
    };
    let wrong = if !fits {
        Some("The present password is another one.".to_owned())
    } else {
        console.attempts.succeeded(&member.name, from);
        (fields.text("password") != fields.text("again")).then(|| "The two new passwords are not the same.".to_owned())
    };
    let hash = match wrong {
        Some(told) => Err(told),
        None => hashed(Secret::new(fields.text("password"))).await.map_err(|error| crate::operations::told(&error)),
    };
    let hash = match hash {
        Ok(hash) => hash,
        Err(told) => {
            let shown = Account { wrong_password: Some(told), ..shown(&who, &session, None).await? };
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
        }
    };
    let act = Act::new(console.now(), who.actor(), "member.password", member.name.clone());
    console.store.set_password(member.id, hash, &act).await?;
    renew(&console, &mut session, member.id).await?;
    to(&session.session, "/settings", true, "Your password was changed. Every other session of yours has ended.").await
}

/// Signs whoever changed their own standing in again, under a fresh id; nobody where they may no longer sign in.
pub async fn renewed(console: &Console, session: &mut Session, changed: rightful_engine::MemberId) -> Result<bool, Problem> {
    if session.user.as_ref().map(|user: &SignedIn| user.member.id) == Some(changed) {
        renew(console, session, changed).await
    } else {
        Ok(true)
    }
}
