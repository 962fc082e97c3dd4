//! SalesScreen's error dialect: only the status counts, since no answer's body is documented.

use rightful_core::{Error, ErrorKind, Response, Result, inspect_status};

/// What a 404 means here.
pub const NO_SUCH_PATH: &str = "SalesScreen has no such path";

/// The most of an answer that is looked at for the vendor's words, in characters.
const LOOKED_AT: usize = 1_000;

/// The verdict on an answer.
///
/// Any 2xx means accepted, whatever its body. The one exception is a web page: it comes from a proxy or a sign-in page before the service,
/// and nobody knows whether the service ever saw the request.
///
/// # Errors
/// As the status says.
pub fn inspect(response: &Response) -> Result<()> {
    let Err(general) = inspect_status(response) else {
        return not_a_page(response);
    };
    let status = response.status.as_u16();
    let error = match status {
        // By analogy with the API before this one: unconfirmed.
        401 => Error::new(ErrorKind::Unauthenticated, "SalesScreen did not accept the key")
            .context("HTTP 401")
            .hint("make a new key under Settings, Api Keys, \"Add API key\", and put it into `api_key`"),
        // Every path that is tried and does not exist answers so, lists included.
        404 => Error::new(ErrorKind::Config, NO_SUCH_PATH)
            .context("HTTP 404")
            .hint("check `base_url`: it ends with /api/v1, as https://connect.salesscreen.com/api/v1"),
        400 => Error::new(ErrorKind::Rejected, "SalesScreen refused what was sent")
            .context("HTTP 400")
            .hint("see SalesScreen's own words and change the input"),
        _ => general,
    };
    Err(match words(response) {
        // A refused key is remembered with its error: words that might repeat the key are left out.
        Some(words) if status != 401 => error.source(words),
        _ => error,
    })
}

fn not_a_page(response: &Response) -> Result<()> {
    match response.body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<') => Err(Error::new(ErrorKind::Protocol, "a web page answered in SalesScreen's place")
            .hint("check `base_url` and any proxy between; what was sent is sent again by the next run")
            .fate_unknown(true)),
        _ => Ok(()),
    }
}

/// The beginning of a refusal, on one line. It is shown to people and never read for a decision.
fn words(response: &Response) -> Option<String> {
    let start = &response.body[..response.body.len().min(LOOKED_AT * 4)];
    let text: String = String::from_utf8_lossy(start).chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let text: String = text.trim().chars().take(LOOKED_AT).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rightful_core::StatusCode;

    fn verdict(status: u16, body: impl Into<String>) -> Result<()> {
        inspect(&Response::new(StatusCode::from_u16(status).unwrap(), body.into()))
    }

    #[test]
    fn each_status_leads_to_one_action_whatever_the_body() {
        use ErrorKind::*;
        for (status, body, wanted) in [
            (200, "", None),
            (204, "", None),
            (200, "{}", None),
            (202, "queued", None),
            (200, r#"{"error":"no"}"#, None),
            (200, " <html>sign in</html>", Some(Protocol)),
            (302, "", Some(Config)),
            (400, r#"{"message":"userId is required"}"#, Some(Rejected)),
            (400, "<html>", Some(Rejected)),
            (401, r#"{"message":"Unauthorized"}"#, Some(Unauthenticated)),
            (403, "", Some(Forbidden)),
            (404, "", Some(Config)),
            (429, r#"{"message":"Too many requests"}"#, Some(RateLimited)),
            (500, "oops", Some(Unavailable)),
            (503, "", Some(Unavailable)),
            (504, "", Some(Unavailable)),
        ] {
            let error = verdict(status, body).err();
            assert_eq!(error.as_ref().map(Error::kind), wanted, "{status} {body}");
            assert!(error.is_none_or(|error| error.mend().is_some()), "{status} says no way to mend it");
        }
    }

    #[test]
    fn a_web_page_in_place_of_an_answer_leaves_the_fate_open() {
        assert!(verdict(200, "<html>").unwrap_err().is_fate_unknown());
    }

    #[test]
    fn the_vendors_words_are_one_bounded_line() {
        let error = verdict(400, format!("a\nb{}", "é".repeat(10_000))).unwrap_err();
        let words = error.vendor_words().unwrap();
        assert!(words.starts_with("a bé") && words.chars().count() == LOOKED_AT, "{} characters", words.chars().count());
        assert_eq!(verdict(400, " \n").unwrap_err().vendor_words(), None);
    }
}
