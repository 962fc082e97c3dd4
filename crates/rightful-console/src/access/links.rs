//! One-time links and tokens: random text whose digest alone is kept.

use chrono::Duration;
use rightful_core::{Error, ErrorKind, Result, Secret};
use rightful_engine::{Act, Invitation, MemberId};
use serde_json::json;

use crate::Console;

/// How long a one-time link can be opened, in hours.
pub const LINK_HOURS: i64 = 24;

/// 256 random bits as text that fits into an address.
///
/// # Errors
/// Where the system has no randomness to give.
pub fn new_secret(prefix: &str) -> Result<Secret> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Unavailable, "the system gives no randomness").hint("look at the machine").source(error))?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Secret::new(format!("{prefix}{text}")))
}

/// What is kept of such a text. It is random, so that a plain hash hides it.
pub fn secret_digest(text: &str) -> Vec<u8> {
    blake3::hash(text.as_bytes()).as_bytes().to_vec()
}

/// A link by which a member, or with `None` the first admin, sets a password; its path below the console's address.
///
/// # Errors
/// As the store.
pub async fn link(console: &Console, member: Option<MemberId>, actor: &str, object: &str) -> Result<Secret> {
    let secret = new_secret("")?;
    let now = console.now();
    let act = Act::new(now, actor, "member.link", object).detail(json!({ "hours": LINK_HOURS }));
    let invitation = Invitation { member, expires: now + Duration::hours(LINK_HOURS) };
    console.store.put_invitation(&secret_digest(secret.expose()), &invitation, &act).await?;
    Ok(Secret::new(format!("/invitation/{}", secret.expose())))
}

/// Where nobody may sign in yet: the path of a fresh one-time link that makes the first admin. Earlier ones end.
///
/// # Errors
/// As the store.
pub async fn first_link(console: &Console) -> Result<Option<Secret>> {
    if !console.store.members().await?.is_empty() {
        return Ok(None);
    }
    link(console, None, "rightful serve", "the first admin").await.map(Some)
}
