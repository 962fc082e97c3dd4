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

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use http::{HeaderName, HeaderValue, StatusCode};

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Response {
        headers.iter().fold(Response::new(StatusCode::from_u16(status).unwrap(), ""), |answer, (name, value)| {
            answer.with_header(HeaderName::from_static(name), HeaderValue::from_static(value))
        })
    }

    #[test]
    fn a_status_says_what_to_do() {
        use ErrorKind::*;
        let table = [
            (200, None),
            (204, None),
            (302, Some(Config)),
            (400, Some(Rejected)),
            (401, Some(Unauthenticated)),
            (403, Some(Forbidden)),
            (404, Some(NotFound)),
            (408, Some(Unavailable)),
            (409, Some(Conflict)),
            (412, Some(Conflict)),
            (413, Some(Rejected)),
            (422, Some(Rejected)),
            (429, Some(RateLimited)),
            (500, Some(Unavailable)),
            (501, Some(Unsupported)),
            (503, Some(Unavailable)),
            (524, Some(Unavailable)),
            (700, Some(Protocol)),
        ];
        for (status, expected) in table {
            assert_eq!(inspect_status(&answer(status, &[])).err().map(|error| error.kind()), expected, "status {status}");
        }
    }

    #[test]
    fn a_stated_wait_is_read_in_every_form() {
        let now = Utc.with_ymd_and_hms(2026, 11, 24, 12, 0, 0).unwrap();
        type Row = (&'static [(&'static str, &'static str)], Option<u64>);
        let table: [Row; 8] = [
            (&[], None),
            (&[("retry-after", "30")], Some(30)),
            (&[("retry-after", " 7 ")], Some(7)),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "Tue, 24 Nov 2026 12:00:45 GMT")], Some(45)),
            (&[("retry-after", "Tuesday, 24-Nov-26 12:01:00 GMT")], Some(60)),
            (&[("retry-after", "Tue, 24 Nov 2026 11:00:00 GMT")], Some(0)),
            (&[("retry-after", "Tue, 24 Nov 2026 13:00:10 GMT"), ("date", "Tue, 24 Nov 2026 13:00:00 GMT")], Some(10)),
        ];
        for (headers, expected) in table {
            assert_eq!(stated_wait(&answer(429, headers), now), expected.map(Duration::from_secs), "{headers:?}");
        }
        assert_eq!(stated_wait(&answer(429, &[("retry-after", "-1")]), now), None);
    }
}
