//! Sign-in: apps, grants, sessions and the routes below `/services/oauth2`:
//! <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_endpoints.htm>.

mod assertion;
mod identity;
mod token;
mod web;

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use rightful_sim::{SimRequest, SimResponse};
use serde_json::json;

use super::answers::{Failure, no_such_resource};
use super::state::State;
use super::switches::Fault;

pub(super) use identity::identity;

/// Live approvals of one user for the app; one more ends the oldest.
const APPROVALS: usize = 5;

/// Minutes: twenty years.
const LONGEST_SESSION: i64 = 20 * 366 * 24 * 60;

/// The app clients sign in as.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    /// The user name that client credentials act as.
    pub(super) run_as: String,
    /// Registered addresses for codes, compared byte by byte.
    pub(super) callbacks: Vec<String>,
    /// PEM of the public key or `PUBLIC KEY` block that assertions are checked with.
    pub(super) public_key: Option<String>,
    /// A refresh token that is valid from the start.
    pub(super) refresh_token: Option<String>,
    /// An access token that is valid from the start and does not expire.
    pub(super) access_token: Option<String>,
    /// The password of every user, for the password grant; none: the grant is off.
    pub(super) password: Option<String>,
    /// A public client has no secret and must not send one.
    pub(super) is_public: bool,
}

/// A session: what an access token stands for.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) user: String,
    pub(super) scope: String,
    pub(super) grant: Option<u64>,
    issued: DateTime<Utc>,
    last_used: DateTime<Utc>,
    calls: u64,
    /// Set for the token of the start.
    lasts: bool,
}

/// An approval by a user: what a refresh token stands for.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) user: String,
    pub(super) scope: String,
    pub(super) token: String,
    /// Tokens that were rotated away.
    spent: Vec<String>,
}

/// A code of the web flow, until it is exchanged.
#[derive(Clone, Debug)]
pub(super) struct Code {
    user: String,
    scope: String,
    redirect: String,
    challenge: Option<String>,
    issued: DateTime<Utc>,
}

/// A sign-in request, as the routes below see it.
struct Call<'a> {
    request: &'a SimRequest,
    form: Vec<(String, String)>,
    now: DateTime<Utc>,
    fault: Option<Fault>,
}

impl Call<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Client id and secret, from the form or from `Authorization: Basic`.
    fn client(&self) -> (Option<String>, Option<String>) {
        let basic = self.request.header("authorization").and_then(|header| {
            let (scheme, encoded) = header.split_once(' ')?;
            let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
            let text = String::from_utf8(decoded).ok()?;
            let (id, secret) = text.split_once(':')?;
            Some((id.to_owned(), secret.to_owned()))
        });
        match basic {
            Some((id, secret)) => (Some(id), Some(secret)),
            None => (self.value("client_id").map(str::to_owned), self.value("client_secret").map(str::to_owned)),
        }
    }
}

/// The error body of these routes: an object, unlike the data interface's.
fn refused(status: u16, error: &str, description: &str) -> SimResponse {
    SimResponse::json(status, &json!({"error": error, "error_description": description}))
}

type Answer = Result<SimResponse, Box<SimResponse>>;

fn stop<T>(error: &str, description: &str) -> Result<T, Box<SimResponse>> {
    Err(Box::new(refused(400, error, description)))
}

/// Routes one request below `/services/oauth2`.
pub(super) fn route(state: &mut State, request: &SimRequest, part: &str, now: DateTime<Utc>, fault: Option<Fault>) -> SimResponse {
    let mut form = request.query_pairs();
    form.extend(url::form_urlencoded::parse(&request.body).into_owned());
    let call = Call { request, form, now, fault };
    let answer = match (request.method.as_str(), part) {
        ("POST", "token") => token::token(state, &call),
        ("GET" | "POST", "revoke") => Ok(token::revoke(state, &call)),
        ("POST", "introspect") => Ok(token::introspect(state, &call)),
        ("GET" | "POST", "userinfo") => Ok(identity::user_info(state, &call)),
        ("GET" | "POST", "authorize") => Ok(web::authorize(state, &call)),
        _ => Ok(no_such_resource()),
    };
    answer.unwrap_or_else(|refusal| *refusal)
}

/// A text nobody can guess from another one.
fn secret_text(state: &mut State) -> String {
    let number = state.fresh_number();
    let mixed = digest::digest(&digest::SHA256, format!("{}/{}/{number}", state.app.client_secret, state.org).as_bytes());
    URL_SAFE_NO_PAD.encode(mixed)
}

fn signature(secret: &str, text: &str) -> String {
    STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes()))
}

impl State {
    /// The grant and session that are there from the start.
    pub(super) fn begin_grants(&mut self, now: DateTime<Utc>) {
        let Some(user) = self.user_named(&self.app.run_as).map(|row| row.id().to_owned()) else { return };
        let scope = "api refresh_token id".to_owned();
        if let Some(token) = self.app.refresh_token.clone() {
            self.grants.insert(0, Grant { user: user.clone(), scope: scope.clone(), token, spent: Vec::new() });
        }
        if let Some(token) = self.app.access_token.clone() {
            let session = Session { user, scope, grant: None, issued: now, last_used: now, calls: 0, lasts: true };
            self.sessions.insert(token, session);
        }
    }

    fn open_session(&mut self, user: &str, scope: &str, grant: Option<u64>, now: DateTime<Utc>) -> String {
        let secret = secret_text(self);
        let token = format!("{}!AQ8A{secret}", &self.org[..15]);
        let minutes = self.session_life();
        self.sessions.retain(|_, session| session.lasts || now - session.last_used < minutes);
        let session = Session { user: user.into(), scope: scope.into(), grant, issued: now, last_used: now, calls: 0, lasts: false };
        self.sessions.insert(token.clone(), session);
        self.sign_ins += 1;
        token
    }

    fn session_life(&self) -> Duration {
        Duration::minutes(self.switches.session_minutes.clamp(0, LONGEST_SESSION))
    }

    fn add_grant(&mut self, user: &str, scope: &str) -> (u64, String) {
        let live: Vec<u64> = self.grants.iter().filter(|(_, grant)| grant.user == user).map(|(number, _)| *number).collect();
        if live.len() >= APPROVALS
            && let Some(oldest) = live.first()
        {
            self.end_grant(*oldest);
        }
        let token = format!("5Aep861{}", secret_text(self));
        let number = self.grants.keys().last().map_or(1, |last| last + 1);
        self.grants.insert(number, Grant { user: user.into(), scope: scope.into(), token: token.clone(), spent: Vec::new() });
        (number, token)
    }

    fn end_grant(&mut self, number: u64) {
        self.grants.remove(&number);
        self.sessions.retain(|_, session| session.grant != Some(number));
    }

    /// The session of a token, if it may call now; the call counts as activity.
    pub(super) fn enter(&mut self, token: &str, now: DateTime<Utc>) -> Result<(String, String), Failure> {
        let expired = || Failure::new(401, "INVALID_SESSION_ID", "Session expired or invalid");
        let minutes = self.session_life();
        let most = self.switches.expire_after_calls;
        let session = self.sessions.get_mut(token).ok_or_else(expired)?;
        let is_over = !session.lasts && (now - session.last_used >= minutes || most.is_some_and(|most| session.calls >= most));
        if is_over {
            self.sessions.remove(token);
            return Err(expired());
        }
        session.calls += 1;
        session.last_used = session.last_used.max(now);
        let user = session.user.clone();
        // A deactivated user's sessions end.
        if !self.may_sign_in(&user) {
            self.sessions.remove(token);
            return Err(expired());
        }
        Ok((user, token.to_owned()))
    }

    /// Is the user active and not frozen?
    fn may_sign_in(&self, user: &str) -> bool {
        let frozen = self.schema.place("UserLogin").is_some_and(|logins| {
            self.tables[logins].iter().any(|row| self.text(logins, row, "UserId") == user && *self.cell(logins, row, "IsFrozen") == true)
        });
        let active = self.find(user).is_some_and(|(users, row)| *self.cell(users, row, "IsActive") == true);
        active && !frozen
    }
}

/// The token of `Authorization: Bearer` or its older word.
pub(super) fn bearer(request: &SimRequest) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth")).then(|| token.trim())
}
