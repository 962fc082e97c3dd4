//! Signing in and out, and the one-time link by which a member sets a password.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse as _, Redirect};
use axum_login::AuthnBackend as _;
use rightful_core::{Error, ErrorKind, Secret};
use rightful_engine::{Access, AccessRole, Act, Kept, MemberEdit, MemberId};
use serde_json::json;

use super::{Frame, Shown, page, page_with};
use crate::Console;
use crate::access::{SHORTEST, SignedIn, hashed, secret_digest};
use crate::fields::Fields;
use crate::guard::{From_, Session};
use crate::operations::members::sign_in_name;
use crate::problem::Problem;
use crate::sessions::BEGAN;

/// Where to go after signing in.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Back {
    #[serde(default)]
    back: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    name: String,
    back: String,
    refused: Option<String>,
    nobody_yet: bool,
}

/// Only a path of our own: not another site's address, however spelled.
fn own_path(back: &str) -> &str {
    let own = back.starts_with('/') && !back.starts_with("//") && !back.contains(['\\', '\r', '\n', '\t']) && !back.starts_with("/sign-");
    if own { back } else { "/integrations" }
}

/// `GET /sign-in`
pub async fn form(State(console): State<Arc<Console>>, session: Session, Query(back): Query<Back>) -> Shown {
    let back = own_path(&back.back).to_owned();
    if session.user.is_some() {
        return Ok(Redirect::to(&back).into_response());
    }
    let nobody_yet = console.store.members().await?.is_empty();
    page(&SignIn { frame: Frame::outside("Sign in"), name: String::new(), back, refused: None, nobody_yet })
}

/// `POST /sign-in`
pub async fn signed(
    State(console): State<Arc<Console>>,
    mut session: Session,
    Extension(From_(from)): Extension<From_>,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let (name, back) = (fields.text("name").trim().to_owned(), own_path(fields.text("back")).to_owned());
    let refused = |status, told: String| {
        page_with(
            status,
            &SignIn { frame: Frame::outside("Sign in"), name: name.clone(), back: back.clone(), refused: Some(told), nobody_yet: false },
        )
    };
    if let Err(wait) = console.attempts.begin(&name, from, console.now()) {
        tracing::warn!(name, ?from, wait, "a sign-in was put off: too many failed");
        let mut answer = refused(
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many failed attempts. Try again in {}; if it was not you, tell an admin.", crate::told::span(wait.unsigned_abs())),
        )?;
        if let Ok(value) = wait.to_string().parse() {
            answer.headers_mut().insert(RETRY_AFTER, value);
        }
        return Ok(answer);
    }
    let Some(user) = session.backend.authenticate((name.clone(), Secret::new(fields.text("password")))).await? else {
        tracing::warn!(name, ?from, "a sign-in was refused");
        return refused(StatusCode::UNAUTHORIZED, "That name and password do not fit together.".to_owned());
    };
    console.attempts.succeeded(&name, from);
    begin(&console, &mut session, &user).await?;
    Ok(Redirect::to(&back).into_response())
}

/// Begins a session under a fresh id, whatever the browser came with.
async fn begin(console: &Console, session: &mut Session, user: &SignedIn) -> Result<(), Problem> {
    fresh(console, session, user).await?;
    let now = console.now();
    console.store.forget_ended(now).await?;
    let act = Act::new(now, user.member.name.clone(), "session.begin", user.member.name.clone());
    console.store.append(&act).await?;
    Ok(())
}

async fn fresh(console: &Console, session: &mut Session, user: &SignedIn) -> Result<(), Problem> {
    let failed =
        |error: String| Problem::from(Error::new(ErrorKind::Unavailable, "the session could not be kept").hint("try again").context(error));
    // Nothing of an earlier session comes along, and its id is worth nothing from now on.
    session.session.clear().await;
    session.session.cycle_id().await.map_err(|error| failed(error.to_string()))?;
    session.login(user).await.map_err(|error| failed(error.to_string()))?;
    session.session.insert(BEGAN, console.now().timestamp()).await.map_err(|error| failed(error.to_string()))?;
    session.session.save().await.map_err(|error| failed(error.to_string()))
}

/// Begins a session anew for a member who just changed what sessions are bound to; `false` where they may no longer sign in.
pub(super) async fn renew(console: &Console, session: &mut Session, member: MemberId) -> Result<bool, Problem> {
    match console.store.member(member).await?.map(|found| found.member).filter(|member| member.active) {
        Some(member) => fresh(console, session, &SignedIn::from(member)).await.map(|()| true),
        None => Ok(false),
    }
}

/// `POST /sign-out`
pub async fn sign_out(mut session: Session) -> Shown {
    session
        .logout()
        .await
        .map_err(|error| Error::new(ErrorKind::Unavailable, "the session could not be ended").context(error.to_string()))?;
    Ok(Redirect::to("/sign-in").into_response())
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct InvitationPage {
    frame: Frame,
    /// The member the link is for; `None`: the first admin, who chooses a name.
    member: Option<(String, String)>,
    name: String,
    display_name: String,
    shortest: usize,
    refused: Option<String>,
}

fn used_up() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "this link was used, has ended, or never was")
        .hint("ask an admin for a new one; where nobody has signed in yet, start `rightful serve` again: it prints a fresh link")
}

/// `GET /invitation/{link}`: looks at it, so that a mail scanner that opens links does not use it up.
pub async fn invitation(State(console): State<Arc<Console>>, Path(link): Path<String>) -> Shown {
    let invitation = console.store.invitation(&secret_digest(&link), console.now()).await?.ok_or_else(used_up)?;
    let member = match invitation.member {
        None => None,
        Some(id) => Some(console.store.member(id).await?.ok_or_else(used_up)?.member),
    };
    page(&InvitationPage {
        frame: Frame::outside("Welcome to Rightful"),
        member: member.map(|member| (member.name, member.display_name)),
        name: String::new(),
        display_name: String::new(),
        shortest: SHORTEST,
        refused: None,
    })
}

/// `POST /invitation/{link}`
pub async fn accept(
    State(console): State<Arc<Console>>,
    mut session: Session,
    Path(link): Path<String>,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let (digest, now) = (secret_digest(&link), console.now());
    let invitation = console.store.invitation(&digest, now).await?.ok_or_else(used_up)?;
    let known = match invitation.member {
        None => None,
        Some(id) => Some(console.store.member(id).await?.ok_or_else(used_up)?.member),
    };
    let (name, display_name) = (fields.text("name").trim().to_owned(), fields.text("display_name").trim().to_owned());
    let again = |told: String| {
        page_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &InvitationPage {
                frame: Frame::outside("Welcome to Rightful"),
                member: known.clone().map(|member| (member.name, member.display_name)),
                name: name.clone(),
                display_name: display_name.clone(),
                shortest: SHORTEST,
                refused: Some(told),
            },
        )
    };
    if fields.text("password") != fields.text("again") {
        return again("The two passwords are not the same.".to_owned());
    }
    if let (None, Err(told)) = (&known, sign_in_name(&name)) {
        return again(format!("The name to sign in with: {told}."));
    }
    if known.as_ref().is_some_and(|member| !member.active) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "this member may not sign in").hint("ask an admin"));
    }
    let password = match hashed(Secret::new(fields.text("password"))).await {
        Ok(password) => password,
        Err(error) => return again(format!("{error}{}", error.mend().map(|mend| format!(": {mend}")).unwrap_or_default())),
    };
    // From here on the link is spent: of two who open it only one gets in.
    console.store.take_invitation(&digest, now).await?.ok_or_else(used_up)?;
    let id = match &known {
        Some(member) => {
            let act = Act::new(now, member.name.clone(), "member.password", member.name.clone());
            console.store.set_password(member.id, password, &act).await?;
            member.id
        }
        None => {
            let display_name = if display_name.is_empty() { name.clone() } else { display_name };
            let edit = MemberEdit { name: name.clone(), display_name, access: Access::everywhere(AccessRole::Admin), active: true };
            let act = Act::new(now, name.clone(), "member.add", name.clone()).detail(json!({ "role": "admin", "first": true }));
            match console.store.add_member(&edit, Some(password), true, &act).await? {
                Kept::Done(id) => id,
                _ => return Err(used_up()),
            }
        }
    };
    let member = console.store.member(id).await?.ok_or_else(used_up)?.member;
    begin(&console, &mut session, &SignedIn::from(member)).await?;
    Ok(Redirect::to("/integrations").into_response())
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn after_signing_in_nobody_is_sent_elsewhere() {
        for (back, path) in [
            ("/runs?page=2", "/runs?page=2"),
            ("", "/integrations"),
            ("https://evil.example/", "/integrations"),
            ("//evil.example/", "/integrations"),
            ("/\\evil.example", "/integrations"),
            ("/a\r\nset-cookie: x", "/integrations"),
            ("/sign-out", "/integrations"),
            ("javascript:alert(1)", "/integrations"),
        ] {
            assert_eq!(own_path(back), path, "{back:?}");
        }
    }
}
