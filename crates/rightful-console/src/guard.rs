//! Lets a request through only as the table of routes says: who is asking, whether they may, and that a form is the console's own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::RequestExt as _;
use axum::extract::{ConnectInfo, MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_login::AuthSession;

use crate::access::{Backend, Who, secret_digest};
use crate::fields::{FORM_KEY, Fields};
use crate::operations::codes::has_code_table;
use crate::problem::Problem;
use crate::routes::{Needs, ROUTES};
use crate::sessions::form_key;
use crate::{Console, api};

/// Where a request comes from, where that is known.
#[derive(Clone, Copy, Debug)]
pub struct From_(pub Option<IpAddr>);

/// The session of a member.
pub type Session = AuthSession<Backend>;

/// Checks one request. A route that is not in the table is not served.
pub async fn checked(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    match admitted(&console, request).await {
        Ok(Admitted::In(request)) => next.run(request).await,
        Ok(Admitted::SignIn(back)) => Redirect::to(&format!("/sign-in?back={}", encoded(&back))).into_response(),
        Err(problem) => problem.into_response(),
    }
}

enum Admitted {
    In(Request),
    /// A person without a session, who asked for this page.
    SignIn(String),
}

async fn admitted(console: &Console, mut request: Request) -> Result<Admitted, Problem> {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    let route =
        ROUTES.iter().find(|route| route.path == path && route.method == method.as_str()).ok_or_else(|| Problem::not_found("such page"))?;
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let behind = console.deployment.public_url().is_some();
    let from = asked_from(peer, behind, request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok()));
    request.extensions_mut().insert(From_(from));

    let program = api::is_for_programs(&path);
    // Programs say who they are by a token alone: a cookie that comes along is not looked at.
    let session = if program { None } else { request.extract_parts::<Session>().await.ok() };
    let who = if program {
        token(console, request.headers().get(header::AUTHORIZATION).cloned()).await?
    } else {
        session.as_ref().and_then(member)
    };
    if route.needs != Needs::Nothing {
        let Some(who) = &who else {
            return if program || method != Method::GET || path.ends_with("/events") {
                Err(Problem::new(StatusCode::UNAUTHORIZED, "nobody is signed in").hint(if program {
                    "send a token: Authorization: Bearer TOKEN; an admin makes one under Settings"
                } else {
                    "sign in again; what you typed was not saved"
                }))
            } else {
                Ok(Admitted::SignIn(request.uri().to_string()))
            };
        };
        let integration = match request.extract_parts::<RawPathParams>().await {
            Ok(params) => params.iter().find(|(key, _)| *key == "integration").map(|(_, value)| value.to_owned()),
            Err(_) => return Err(Problem::not_found("such page")),
        };
        may(console, route.needs, who, &integration.unwrap_or_default()).await?;
    }
    if method == Method::POST && !program {
        // Signing in is open to everybody, also to whoever is signed in: the layer before has looked at where the form came from.
        let expected = match &who {
            Some(Who::Member(_, key)) if route.needs != Needs::Nothing => Some(key.clone()),
            _ => None,
        };
        let (parts, body) = request.into_parts();
        let fields = Fields::read(Request::from_parts(parts.clone(), body)).await?;
        request = Request::from_parts(parts, axum::body::Body::empty());
        if let Some(expected) = expected
            && !same(fields.text(FORM_KEY), &expected)
        {
            return Err(Problem::new(StatusCode::FORBIDDEN, "this form is not the console's own, or is from an earlier session")
                .hint("go back, load the page again and send it once more; nothing was changed"));
        }
        request.extensions_mut().insert(fields);
    }
    if let Some(who) = who {
        request.extensions_mut().insert(who);
    }
    Ok(Admitted::In(request))
}

/// The member of a session, with what their forms must carry.
fn member(session: &Session) -> Option<Who> {
    let user = session.user.as_ref()?;
    let id = session.session.id()?;
    Some(Who::Member(user.member.clone(), form_key(id)))
}

async fn token(console: &Console, given: Option<HeaderValue>) -> Result<Option<Who>, Problem> {
    let Some(given) = given else { return Ok(None) };
    let text = given.to_str().ok().and_then(|text| text.strip_prefix("Bearer ").or_else(|| text.strip_prefix("bearer "))).map(str::trim);
    let Some(text) = text.filter(|text| text.len() < 200) else { return Ok(None) };
    let Some(token) = console.store.use_token(&secret_digest(text), console.now()).await? else { return Ok(None) };
    // It speaks for a human being: once that one may no longer sign in, neither may what they left behind.
    let maker = console.store.member_named(&token.author).await?;
    if !maker.is_some_and(|maker| maker.member.active) {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, format!("{}, who made this token, may no longer sign in", token.author))
            .hint("somebody who may makes a new one under Settings"));
    }
    Ok(Some(Who::Token(token)))
}

async fn may(console: &Console, needs: Needs, who: &Who, name: &str) -> Result<(), Problem> {
    match needs {
        Needs::Nothing | Needs::SignedIn => Ok(()),
        Needs::Anywhere(right) => Ok(who.access().anywhere(right)?),
        Needs::Over(right) | Needs::OverCodes(right) => {
            // Whoever may not know of it gets the same answer as for one that is not there.
            if !who.access().covers(name) {
                return Err(Problem::not_found("such integration"));
            }
            let deployed = console.deployed(name).map_err(|_| Problem::not_found("such integration"))?;
            let editable = console.store.integration(name).await?.editable;
            who.access().over(right, name, editable)?;
            if needs == Needs::OverCodes(right) && !has_code_table(&deployed.integration.policy) {
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("`{name}` has no code table"))
                    .hint("people of this integration are found by links: see its pages"));
            }
            Ok(())
        }
    }
}

/// Whom a request comes from: the other end, or behind a proxy of this machine whom that names last. Anybody else may write what they like there.
fn asked_from(peer: Option<IpAddr>, behind_a_proxy: bool, forwarded: Option<&str>) -> Option<IpAddr> {
    let named = forwarded.and_then(|hops| hops.rsplit(',').next()).and_then(|hop| hop.trim().parse().ok());
    match peer {
        Some(peer) if behind_a_proxy && peer.is_loopback() => named.or(Some(peer)),
        other => other,
    }
}

/// Compares in the same time wherever they differ.
fn same(one: &str, other: &str) -> bool {
    blake3::hash(one.as_bytes()) == blake3::hash(other.as_bytes())
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_of_this_machine_may_say_whom_it_asks_for() {
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        for (peer, behind, forwarded, expected) in [
            ("127.0.0.1", true, Some("198.51.100.7"), "198.51.100.7"),
            ("127.0.0.1", true, Some("203.0.113.9, 198.51.100.7"), "198.51.100.7"),
            ("127.0.0.1", true, Some("nonsense"), "127.0.0.1"),
            ("127.0.0.1", true, None, "127.0.0.1"),
            ("127.0.0.1", false, Some("198.51.100.7"), "127.0.0.1"),
            ("192.0.2.1", true, Some("198.51.100.7"), "192.0.2.1"),
        ] {
            assert_eq!(asked_from(ip(peer), behind, forwarded), ip(expected), "{peer} {behind} {forwarded:?}");
        }
    }
}
