//! API tokens: what they may do, for how long, and the one moment in which one is shown.

use std::collections::BTreeSet;

use chrono::Duration;
use rightful_core::{Instant, Result, Secret};
use rightful_engine::{Access, Act, Token, TokenId};
use serde_json::json;

use super::{Wrong, members, one_line};
use crate::Console;
use crate::access::{Who, new_secret, secret_digest};

/// The longest a token lasts, in days.
pub const LONGEST_DAYS: i64 = 365;
/// What every token begins with, so that scanners for leaked secrets know it.
const PREFIX: &str = "rightful_";

/// What a new token shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub access: Access,
    /// How long, in days.
    pub days: i64,
}

/// Judges what was typed for a token.
///
/// # Errors
/// Everything that is wrong with it.
pub fn judged(
    name: &str,
    role: &str,
    scope: Option<&BTreeSet<String>>,
    days: &str,
    known: &BTreeSet<String>,
) -> std::result::Result<NewToken, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let name = one_line(name, 80).map_err(|told| wrong.push(Wrong::of("name", told)));
    let access = members::access(role, scope, known).map_err(|mut told| wrong.append(&mut told));
    let days = days.trim().parse::<i64>().ok().filter(|days| (1..=LONGEST_DAYS).contains(days));
    if days.is_none() {
        wrong.push(Wrong::of("days", format!("a number of days from 1 to {LONGEST_DAYS}")));
    }
    match (name, access, days) {
        (Ok(name), Ok(access), Some(days)) => Ok(NewToken { name, access, days }),
        _ => Err(wrong),
    }
}

/// Makes a token. Its text is given back once and kept nowhere. It speaks for the human being who made it, also where they made it through another
/// token: else one person could approve as two.
///
/// # Errors
/// As the store.
pub async fn make(console: &Console, who: &Who, new: &NewToken) -> Result<(TokenId, Secret)> {
    let text = new_secret(PREFIX)?;
    let now = console.now();
    let expires = now + Duration::days(new.days);
    let mut detail = json!({
        "role": new.access.role.as_str(), "integrations": members::scope_told(new.access.scope.as_ref()), "expires": expires.to_rfc3339(),
    });
    if let Who::Token(token) = who {
        detail["through token"] = json!(token.name);
    }
    let act = Act::new(now, who.person(), "token.make", new.name.clone()).detail(detail);
    let id = console.store.add_token(&secret_digest(text.expose()), &new.name, &new.access, expires, &act).await?;
    Ok((id, text))
}

/// Revokes a token; `false` where it was revoked before or never was.
///
/// # Errors
/// As the store.
pub async fn revoke(console: &Console, actor: &str, token: TokenId) -> Result<bool> {
    let name = console.store.tokens().await?.into_iter().find(|known| known.id == token).map(|known| known.name);
    let Some(name) = name else { return Ok(false) };
    let act = Act::new(console.now(), actor, "token.revoke", name).detail(json!({ "token": token.to_string() }));
    console.store.revoke_token(token, &act).await
}

/// How a token stands: its word and tone.
pub fn standing(token: &Token, now: Instant) -> (&'static str, &'static str) {
    if token.revoked.is_some() {
        ("revoked", "quiet")
    } else if token.expires <= now {
        ("ended", "quiet")
    } else if token.expires - now < Duration::days(14) {
        ("ends soon", "warn")
    } else {
        ("good", "good")
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use rightful_engine::AccessRole;

    use super::*;

    #[test]
    fn a_token_lasts_a_year_at_most() {
        let known = BTreeSet::new();
        for (days, good) in [
            ("1", true),
            (" 365 ", true),
            ("0", false),
            ("366", false),
            ("-1", false),
            ("", false),
            ("ten", false),
            ("99999999999999999999", false),
        ] {
            let judged = judged("nightly", "viewer", None, days, &known);
            assert_eq!(judged.is_ok(), good, "{days:?}: {judged:?}");
        }
        let wrong = judged("", "boss", Some(&BTreeSet::new()), "0", &known).unwrap_err();
        let fields: Vec<&str> = wrong.iter().filter_map(|wrong| wrong.field.as_deref()).collect();
        assert_eq!(fields, ["name", "role", "scope", "days"]);
    }

    #[test]
    fn a_token_stands_as_its_times_say() {
        let now = DateTime::UNIX_EPOCH + Duration::days(1_000);
        let token = |expires: i64, revoked: bool| Token {
            id: TokenId(1),
            name: String::new(),
            access: Access::everywhere(AccessRole::Viewer),
            author: String::new(),
            created: now,
            expires: now + Duration::days(expires),
            used: None,
            revoked: revoked.then_some(now),
        };
        let table = [(30, false, "good"), (13, false, "ends soon"), (0, false, "ended"), (-1, false, "ended"), (30, true, "revoked")];
        for (expires, revoked, word) in table {
            assert_eq!(standing(&token(expires, revoked), now).0, word, "{expires} {revoked}");
        }
    }
}
