//! What an HTTP status and `Retry-After` say by themselves, before a vendor's own dialect is heard.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::{Error, ErrorKind, Instant, Response, Result};

/// The general verdict on an answer, by its status alone. A connector's `Inspect` calls it first and has the last word.
///
/// # Errors
/// The kind that follows from the status.
pub fn inspect_status(response: &Response) -> Result<()> {
    let status = response.status;
    if status.is_success() {
        return Ok(());
    }
    let (kind, message, hint) = match status.as_u16() {
        300..=399 => (
            ErrorKind::Config,
            "the vendor answered with a redirect, which is never followed",
            "check the base URL: it must name the address that answers itself",
        ),
        401 => (ErrorKind::Unauthenticated, "the vendor did not accept our credentials", "check the connection's secrets"),
        402 | 403 => (ErrorKind::Forbidden, "the vendor does not allow this", "ask the vendor's administrator for the permission"),
        404 | 410 => (ErrorKind::NotFound, "there is nothing at this address", "check the record's id and the base URL"),
        407 => (ErrorKind::Config, "the proxy wants credentials", "put them into the proxy's address"),
        409 | 412 => (ErrorKind::Conflict, "the record moved meanwhile or exists already", "read it again and decide anew"),
        429 => (ErrorKind::RateLimited, "the vendor asks us to slow down", "wait; lower the connection's width if it happens often"),
        501 => (ErrorKind::Unsupported, "the vendor cannot do this", "use another way"),
        408 | 425 | 500..=599 => (ErrorKind::Unavailable, "the vendor cannot answer at the moment", "try again later"),
        400..=499 => (ErrorKind::Rejected, "the vendor refused the request", "see the vendor's own words and change the input"),
        _ => (ErrorKind::Protocol, "the answer has an unknown status", "report it"),
    };
    Err(Error::new(kind, message).context(format!("HTTP {}", status.as_u16())).hint(hint))
}

/// The wait an answer states in `Retry-After`, as seconds or as a date.
///
/// A date is measured against the answer's own `Date` header where there is one, so that a clock that is wrong on our side does no harm.
pub fn stated_wait(response: &Response, now: Instant) -> Option<Duration> {
    let text = response.header("retry-after")?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = http_date(text)?;
    let reference = response.header("date").and_then(http_date).unwrap_or(now);
    Some((until - reference).to_std().unwrap_or_default())
}

/// A date in any of the three forms of RFC 9110, section 5.6.7.
fn http_date(text: &str) -> Option<Instant> {
    let text = text.trim();
    if let Ok(date) = DateTime::parse_from_rfc2822(text) {
        return Some(date.with_timezone(&Utc));
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|date| date.and_utc())
}
