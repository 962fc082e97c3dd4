//! The JWT bearer grant: <https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_jwt_flow.htm>.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use rightful_sim::SimResponse;
use serde_json::Value;

use super::super::state::State;
use super::{Call, stop};

/// Larger numbers are milliseconds: one widespread client sends them.
const SECONDS_END: i64 = 100_000_000_000;

/// The largest assertion that is read.
const LONGEST: usize = 16 * 1024;

/// Ids of assertions that are remembered; they would have expired long before there are more.
const MOST_IDS: usize = 100_000;

/// The user an assertion speaks for.
pub(super) fn user(state: &mut State, call: &Call<'_>) -> Result<String, Box<SimResponse>> {
    let assertion = call.value("assertion").filter(|text| text.len() <= LONGEST).unwrap_or_default();
    let Some((signed, claims, signature)) = parts(assertion) else { return stop("invalid_grant", "invalid assertion") };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(&state.app.client_id) {
        return stop("invalid_client_id", "client identifier invalid");
    }
    if !text("aud").is_some_and(|audience| is_ours(audience, &call.request.origin)) {
        return stop("invalid_grant", "audience is invalid");
    }
    if claims.get("exp").and_then(moment).is_none_or(|expires| expires <= call.now) {
        return stop("invalid_grant", "expired authorization code");
    }
    let key = state.app.public_key.as_deref().and_then(der);
    let right =
        key.is_some_and(|key| UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(signed.as_bytes(), &signature).is_ok());
    if !right {
        return stop("invalid_grant", "invalid assertion");
    }
    if state.assertions.len() >= MOST_IDS {
        state.assertions.clear();
    }
    if let Some(id) = text("jti")
        && !state.assertions.insert(id.to_owned())
    {
        return stop("invalid_grant", "invalid assertion: it was used before");
    }
    // The older name of the claim wins where both are there.
    let user = text("prn").or_else(|| text("sub")).and_then(|name| state.user_named(name)).map(|row| row.id().to_owned());
    match user.filter(|user| state.may_sign_in(user)) {
        Some(user) => Ok(user),
        None => stop("invalid_grant", "user hasn't approved this consumer"),
    }
}

/// What was signed, the claims and the signature.
fn parts(assertion: &str) -> Option<(&str, Value, Vec<u8>)> {
    let (signed, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let json = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?).ok();
    let header = json(header)?;
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return None;
    }
    Some((signed, json(claims)?, URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')).ok()?))
}

/// A number of seconds or milliseconds, as a number or as text.
fn moment(value: &Value) -> Option<DateTime<Utc>> {
    let number = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    if number > SECONDS_END { DateTime::from_timestamp_millis(number) } else { DateTime::from_timestamp(number, 0) }
}

/// Scheme and trailing slash do not count.
fn is_ours(audience: &str, origin: &str) -> bool {
    let bare = |address: &str| address.split_once("://").map_or(address, |(_, rest)| rest).trim_end_matches('/').to_ascii_lowercase();
    let host = bare(audience);
    host == bare(origin) || [".salesforce.com", ".my.site.com"].iter().any(|domain| host.ends_with(domain))
}

/// The bytes of a PEM block with a public key. A certificate is not read: what is in it is given as a public key.
fn der(pem: &str) -> Option<Vec<u8>> {
    let body = pem.split("-----BEGIN PUBLIC KEY-----").nth(1)?.split("-----END").next()?;
    let letters: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
    STANDARD.decode(letters).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn audiences_are_compared_without_scheme_and_slash() {
        for (audience, wanted) in [
            ("https://login.salesforce.com", true),
            ("login.salesforce.com", true),
            ("https://acme.my.salesforce.com/", true),
            ("https://shop.my.site.com", true),
            ("http://127.0.0.1:8700/", true),
            ("http://127.0.0.1:8701", false),
            ("https://evil-salesforce.com", false),
            ("https://example.com/.salesforce.com.example", false),
        ] {
            assert_eq!(is_ours(audience, "http://127.0.0.1:8700"), wanted, "{audience}");
        }
    }

    #[test]
    fn expiry_is_read_in_every_form_clients_send() {
        let wanted = DateTime::from_timestamp(1_795_166_102, 0);
        for form in [json!(1_795_166_102), json!("1795166102"), json!(1_795_166_102_000_i64)] {
            assert_eq!(moment(&form), wanted, "{form}");
        }
        assert_eq!((moment(&json!("soon")), moment(&json!(true))), (None, None));
    }
}
