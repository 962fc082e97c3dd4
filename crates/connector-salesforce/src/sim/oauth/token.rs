//! The token endpoint with its five grants, revocation and introspection.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use rightful_sim::SimResponse;
use serde_json::{Map, Value, json};

use super::super::answers::empty;
use super::super::state::State;
use super::super::switches::Fault;
use super::{Answer, Call, assertion, refused, signature, stop};

/// How long a code may wait to be exchanged.
const CODE_LIFE: Duration = Duration::minutes(15);

pub(super) fn token(state: &mut State, call: &Call<'_>) -> Answer {
    if call.fault == Some(Fault::SpentToken) {
        return stop("invalid_grant", "expired access/refresh token");
    }
    match call.value("grant_type") {
        Some("client_credentials") => client_credentials(state, call),
        Some("refresh_token") => refresh(state, call),
        Some("authorization_code") => code(state, call),
        Some("password") => password(state, call),
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => {
            let user = assertion::user(state, call)?;
            Ok(granted(state, call, &user, "api id", None, None))
        }
        Some(_) => stop("unsupported_grant_type", "grant type not supported"),
        None => stop("invalid_request", "missing required parameter: grant_type"),
    }
}

/// The app must be the one that is known. Where it has a secret, that must be right; `needs_secret`: it must be there.
fn client(state: &State, call: &Call<'_>, needs_secret: bool) -> Result<(), Box<SimResponse>> {
    let (id, secret) = call.client();
    if id.as_deref() != Some(&state.app.client_id) {
        return stop("invalid_client_id", "client identifier invalid");
    }
    match secret {
        Some(_) if state.app.is_public => stop("invalid_client", "invalid client credentials"),
        Some(secret) if secret != state.app.client_secret => stop("invalid_client", "invalid client credentials"),
        None if needs_secret && !state.app.is_public => stop("invalid_client", "invalid client credentials"),
        _ => Ok(()),
    }
}

fn client_credentials(state: &mut State, call: &Call<'_>) -> Answer {
    let host = call.request.origin.trim_start_matches("http://").split(':').next().unwrap_or_default();
    if matches!(host, "login.salesforce.com" | "test.salesforce.com") {
        return stop("invalid_grant", "request not supported on this domain");
    }
    client(state, call, true)?;
    let user = state.user_named(&state.app.run_as).map(|row| row.id().to_owned());
    match user.filter(|user| state.may_sign_in(user) && !state.app.is_public) {
        Some(user) => Ok(granted(state, call, &user, "api id", None, None)),
        None => stop("invalid_grant", "no client credentials user enabled"),
    }
}

fn password(state: &mut State, call: &Call<'_>) -> Answer {
    client(state, call, true)?;
    let user = call.value("username").and_then(|name| state.user_named(name)).map(|row| row.id().to_owned());
    let right = state.app.password.is_some() && call.value("password") == state.app.password.as_deref();
    match user.filter(|user| right && state.may_sign_in(user)) {
        Some(user) => Ok(granted(state, call, &user, "api id", None, None)),
        None => stop("invalid_grant", "authentication failure"),
    }
}

fn refresh(state: &mut State, call: &Call<'_>) -> Answer {
    client(state, call, false)?;
    let given = call.value("refresh_token").unwrap_or_default();
    let expired = || stop("invalid_grant", "expired access/refresh token");
    // A token that was rotated away ends the whole grant.
    if let Some(number) = state.grants.iter().find(|(_, grant)| grant.spent.iter().any(|spent| spent == given)).map(|(number, _)| *number) {
        state.end_grant(number);
        return expired();
    }
    let Some((number, grant)) = state.grants.iter().find(|(_, grant)| grant.token == given) else { return expired() };
    let (number, user, scope) = (*number, grant.user.clone(), grant.scope.clone());
    if !state.may_sign_in(&user) {
        return expired();
    }
    let mut rotated = None;
    if state.switches.rotation {
        state.sessions.retain(|_, session| session.grant != Some(number));
        let fresh = format!("5Aep861{}", super::secret_text(state));
        if let Some(grant) = state.grants.get_mut(&number) {
            grant.spent.push(std::mem::replace(&mut grant.token, fresh.clone()));
        }
        rotated = Some(fresh);
    }
    Ok(granted(state, call, &user, &scope, Some(number), rotated))
}

fn code(state: &mut State, call: &Call<'_>) -> Answer {
    client(state, call, true)?;
    // Used or not: a code is good for one attempt.
    let code = call.value("code").and_then(|code| state.codes.remove(code)).filter(|code| call.now - code.issued < CODE_LIFE);
    let Some(code) = code else { return stop("invalid_grant", "expired authorization code") };
    if call.value("redirect_uri") != Some(&code.redirect) {
        return stop("redirect_uri_mismatch", "redirect_uri must match configuration");
    }
    if let Some(challenge) = &code.challenge {
        let verifier = call.value("code_verifier").filter(|verifier| (43..=128).contains(&verifier.len()));
        let meant = verifier.map(|verifier| URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes())));
        if meant.as_deref() != Some(challenge.trim_end_matches('=')) {
            return stop("invalid_grant", "invalid code verifier");
        }
    }
    let lasting = code.scope.split(' ').any(|scope| matches!(scope, "refresh_token" | "offline_access" | "full"));
    let grant = lasting.then(|| state.add_grant(&code.user, &code.scope));
    let (number, token) = grant.unzip();
    Ok(granted(state, call, &code.user, &code.scope, number, token))
}

/// The answer that opens a session.
fn granted(state: &mut State, call: &Call<'_>, user: &str, scope: &str, grant: Option<u64>, refresh_token: Option<String>) -> SimResponse {
    let access_token = state.open_session(user, scope, grant, call.now);
    let origin = &call.request.origin;
    let id = format!("{origin}/id/{}/{user}", state.org);
    let issued_at = call.now.timestamp_millis().to_string();
    let instance_url = match call.fault {
        Some(Fault::EvilInstance) => "http://evil-salesforce.com".to_owned(),
        Some(Fault::MovedInstance) if origin.contains("//localhost") => origin.replacen("//localhost", "//127.0.0.1", 1),
        Some(Fault::MovedInstance) => origin.replacen("//127.0.0.1", "//localhost", 1),
        _ => origin.clone(),
    };
    let mut answer = json!({
        "access_token": access_token, "instance_url": instance_url, "id": id, "token_type": "Bearer", "issued_at": issued_at,
        "signature": signature(&state.app.client_secret, &format!("{id}{issued_at}")), "scope": scope,
    });
    if let Some(token) = refresh_token {
        answer["refresh_token"] = token.into();
    }
    SimResponse::json(200, &answer)
}

/// Ends a session, or a grant with its sessions.
pub(super) fn revoke(state: &mut State, call: &Call<'_>) -> SimResponse {
    let token = call.value("token").unwrap_or_default();
    let grant = state.grants.iter().find(|(_, grant)| grant.token == token).map(|(number, _)| *number);
    let session = state.sessions.remove(token);
    match (grant.or_else(|| session.as_ref().and_then(|session| session.grant)), session) {
        (Some(number), _) => state.end_grant(number),
        (None, Some(_)) => {}
        (None, None) => return refused(400, "invalid_token", "invalid token"),
    }
    empty(200)
}

/// What a token is worth; nothing to a client that may not ask.
pub(super) fn introspect(state: &mut State, call: &Call<'_>) -> SimResponse {
    if client(state, call, true).is_err() {
        return refused(401, "invalid_client", "invalid client credentials");
    }
    let token = call.value("token").unwrap_or_default();
    let minutes = state.session_life();
    let live = state.sessions.get(token).filter(|session| session.lasts || call.now - session.last_used < minutes);
    let known =
        live.map(|session| (session.user.clone(), session.scope.clone(), session.issued, session.last_used + minutes, "access_token"));
    let by_refresh = || {
        let grant = state.grants.values().find(|grant| grant.token == token)?;
        Some((grant.user.clone(), grant.scope.clone(), call.now, call.now + Duration::days(30), "refresh_token"))
    };
    let Some((user, scope, issued, ends, kind)) = known.or_else(by_refresh) else {
        return SimResponse::json(200, &json!({"active": false}));
    };
    let username = state.find(&user).map(|(users, row)| state.text(users, row, "Username").to_owned()).unwrap_or_default();
    let mut answer = Map::new();
    for (name, value) in [
        ("active", json!(true)),
        ("scope", json!(scope)),
        ("client_id", json!(state.app.client_id)),
        ("username", json!(username)),
        ("sub", json!(format!("{}/id/{}/{user}", call.request.origin, state.org))),
        ("token_type", json!(kind)),
        ("exp", json!(ends.timestamp())),
        ("iat", json!(issued.timestamp())),
        ("nbf", json!(issued.timestamp())),
    ] {
        answer.insert(name.into(), value);
    }
    SimResponse::json(200, &Value::Object(answer))
}
