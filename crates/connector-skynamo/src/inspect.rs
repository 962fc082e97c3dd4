//! Skynamo's error dialect: a gateway in front that says 403 for two different things, and a service whose refusals name items by their place.

use std::fmt;

use rightful_core::{Error, ErrorKind, Response, Result, inspect_status};

use crate::wire;

/// The vendor's own words about a refused request, kept as the error's source.
#[derive(Debug)]
pub struct Refusal(pub wire::Refused);

impl Refusal {
    /// The refusal an error carries, where it came from the service.
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }

    /// What was said about the item at this place of the array sent.
    pub fn words_for(&self, index: usize) -> Option<String> {
        let mut words = self.0.errors.iter().filter(|item| item.index == index).flat_map(|item| item.detail.iter()).peekable();
        if words.peek().is_none() {
            return self.0.errors.iter().any(|item| item.index == index).then(|| self.0.message.clone());
        }
        Some(words.map(String::as_str).collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for item in &self.0.errors {
            write!(f, "; item {}: {}", item.index, item.detail.join(" "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// The verdict on any answer.
///
/// Refusals of the service (400, 404) carry `{"message","errors"}` [<https://apidocs.skynamo.com/>]; the gateway's carry `{"message"}`
/// alone. A 404 counts as "no such record" only in the service's own words, so that a wrong address never looks like a deleted customer.
pub fn inspect(response: &Response) -> Result<()> {
    let general = match inspect_status(response) {
        Ok(()) => return json_like(response),
        Err(error) => error,
    };
    let refused = serde_json::from_slice::<wire::Refused>(&response.body).ok();
    let message = refused.as_ref().map(|refused| refused.message.as_str());
    let error = match (response.status.as_u16(), message) {
        (403, Some("Missing Authentication Token")) => {
            // The gateway's words for a path or verb that does not exist: not a matter of the key.
            Error::new(ErrorKind::Config, "Skynamo has no such path").hint("check `base_url`: it ends with /v1, as https://api.skynamo.me/v1")
        }
        // The gateway says it in JSON; a page comes from a proxy or firewall before it, which knows nothing of keys.
        (403, None) => Error::new(ErrorKind::Forbidden, "something between here and Skynamo refused the request")
            .hint("check proxies and firewalls, and whether `base_url` is right; the key was not judged"),
        (401 | 403, _) => Error::new(ErrorKind::Unauthenticated, "Skynamo did not accept the key for this instance").hint(
            "check `instance` (the first part of the web address), or make a new key under Settings, Integration tokens and put it into `api_key`",
        ),
        (400, Some(text)) if text.starts_with("Missing required request parameters") => {
            Error::new(ErrorKind::Config, "the instance name did not arrive").hint("check `instance`, and any proxy that drops headers")
        }
        (400, Some(_)) => Error::new(ErrorKind::Rejected, "Skynamo refused the request").hint("see Skynamo's own words and change the input"),
        (404, Some(_)) => Error::new(ErrorKind::NotFound, "Skynamo has no such record").hint("it was merged or removed: read it by its code"),
        (400 | 404, None) => Error::new(ErrorKind::Protocol, format!("HTTP {} in words we cannot read", response.status.as_u16()))
            .hint("check `base_url`; if it is right, report this"),
        _ => general,
    };
    Err(match refused {
        Some(refused) => error.source(Refusal(refused)),
        None => error,
    })
}

/// A success must look like JSON: maintenance pages and proxies also answer 200.
fn json_like(response: &Response) -> Result<()> {
    match response.body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => Ok(()),
        _ => Err(Error::new(ErrorKind::Protocol, "the answer is not JSON").hint("check `base_url` and any proxy between; else report it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rightful_core::StatusCode;

    fn kind(status: u16, body: &'static str) -> Option<ErrorKind> {
        inspect(&Response::new(StatusCode::from_u16(status).unwrap(), body)).err().map(|error| error.kind())
    }

    #[test]
    fn each_answer_leads_to_one_action() {
        for (status, body, wanted) in [
            (200, r#" {"data":[]}"#, None),
            (200, "<html></html>", Some(ErrorKind::Protocol)),
            (200, "", Some(ErrorKind::Protocol)),
            (400, r#"{"message":"Some items were rejected","errors":[{"index":0,"detail":["no"]}]}"#, Some(ErrorKind::Rejected)),
            (400, r#"{"message":"Unknown action"}"#, Some(ErrorKind::Rejected)),
            (400, r#"{"message":"Missing required request parameters: [x-api-client]"}"#, Some(ErrorKind::Config)),
            (400, "Bad Request", Some(ErrorKind::Protocol)),
            (401, r#"{"message":"Unauthorized"}"#, Some(ErrorKind::Unauthenticated)),
            (403, r#"{"message":"Forbidden"}"#, Some(ErrorKind::Unauthenticated)),
            (403, r#"{"message":"Missing Authentication Token"}"#, Some(ErrorKind::Config)),
            (403, "<html>blocked</html>", Some(ErrorKind::Forbidden)),
            (400, r#"{"message":"Some items were rejected","errors":null}"#, Some(ErrorKind::Rejected)),
            (404, r#"{"message":"Not found","errors":[]}"#, Some(ErrorKind::NotFound)),
            (404, "<html>nginx</html>", Some(ErrorKind::Protocol)),
            (429, r#"{"message":"Limit Exceeded"}"#, Some(ErrorKind::RateLimited)),
            (500, "", Some(ErrorKind::Unavailable)),
            (504, r#"{"message":"Endpoint request timed out"}"#, Some(ErrorKind::Unavailable)),
        ] {
            assert_eq!(kind(status, body), wanted, "{status} {body}");
        }
    }

    #[test]
    fn the_words_about_an_item_are_found_by_its_place() {
        let body = r#"{"message":"Some items were rejected","errors":[{"index":2,"detail":["A.","B."]},{"index":3,"detail":[]}]}"#;
        let error = inspect(&Response::new(StatusCode::BAD_REQUEST, body)).unwrap_err();
        let refusal = Refusal::of(&error).unwrap();
        assert_eq!(refusal.words_for(2).as_deref(), Some("A. B."));
        assert_eq!(refusal.words_for(3).as_deref(), Some("Some items were rejected"));
        assert_eq!(refusal.words_for(0), None);
    }
}
