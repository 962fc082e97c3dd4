//! The web server flow: a page that approves by itself and sends a code back.

use rightful_sim::{HeaderName, HeaderValue, SimResponse};

use super::super::answers::edge;
use super::super::state::State;
use super::{Call, Code, secret_text};

const LOCATION: HeaderName = HeaderName::from_static("location");

/// Codes that wait to be exchanged.
const MOST_CODES: usize = 1_000;

pub(super) fn authorize(state: &mut State, call: &Call<'_>) -> SimResponse {
    if call.value("client_id") != Some(&state.app.client_id) {
        return edge(400, "<h1>error=invalid_client_id&error_description=client%20identifier%20invalid</h1>");
    }
    // Nothing is ever sent to an address that nobody registered.
    let redirect = call.value("redirect_uri").filter(|address| state.app.callbacks.iter().any(|known| known == address));
    let Some(redirect) = redirect else {
        return edge(400, "<h1>error=redirect_uri_mismatch&error_description=redirect_uri%20must%20match%20configuration</h1>");
    };
    let mut answer: Vec<(&str, String)> = Vec::new();
    let mut refused =
        |error: &str, description: &str| answer.extend([("error", error.to_owned()), ("error_description", description.to_owned())]);
    let challenge = call.value("code_challenge").filter(|challenge| !challenge.is_empty());
    let method = call.value("code_challenge_method").unwrap_or("S256");
    let user = call.value("login_hint").unwrap_or(&state.app.run_as);
    let user = state.user_named(user).map(|row| row.id().to_owned()).filter(|user| state.may_sign_in(user));
    match (call.value("response_type"), user) {
        (Some("code"), _) if challenge.is_none() && state.switches.pkce_required => {
            refused("invalid_request", "missing required code challenge")
        }
        (Some("code"), _) if method != "S256" => refused("invalid_request", "code challenge method not supported"),
        (Some("code"), None) => refused("access_denied", "end-user denied authorization"),
        (Some("code"), Some(user)) => {
            let scope = call.value("scope").filter(|scope| !scope.trim().is_empty()).unwrap_or("api refresh_token id").to_owned();
            if state.codes.len() >= MOST_CODES {
                state.codes.clear();
            }
            let code = format!("aPrx{}", secret_text(state));
            let waiting = Code { user, scope, redirect: redirect.to_owned(), challenge: challenge.map(str::to_owned), issued: call.now };
            state.codes.insert(code.clone(), waiting);
            answer.push(("code", code));
        }
        _ => refused("unsupported_response_type", "response type not supported"),
    }
    if let Some(kept) = call.value("state") {
        answer.push(("state", kept.to_owned()));
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish();
    let joined = format!("{redirect}{}{query}", if redirect.contains('?') { '&' } else { '?' });
    match HeaderValue::try_from(joined) {
        Ok(address) => edge(302, "").with_header(LOCATION, address),
        Err(_) => edge(400, "<h1>error=redirect_uri_mismatch</h1>"),
    }
}
