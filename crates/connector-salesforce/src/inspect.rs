//! Salesforce's error dialect: codes in an array of objects, pages of HTML from its edge, and one code with two meanings.

use std::fmt;
use std::time::Duration;

use rightful_core::{Error, ErrorKind, Response, Result, inspect_status};

use crate::wire;

/// How long the account rests after its daily budget ran out. The budget slides over 24 hours, so some of it comes back earlier.
const BUDGET_REST: Duration = Duration::from_secs(15 * 60);

/// The longest words of the vendor that are kept.
const LONGEST_WORDS: usize = 600;

/// The vendor's own words, kept as the error's source. The code is an open string: new ones appear with every release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: String,
    pub message: String,
    pub fields: Vec<String>,
}

impl Refusal {
    /// The refusal an error carries.
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }

    /// The first of the vendor's words.
    pub fn first(words: Vec<wire::Words>) -> Option<Self> {
        let words = words.into_iter().next()?;
        Some(Self { code: cut(words.code), message: cut(words.message), fields: words.fields.into_iter().map(cut).collect() })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if !self.fields.is_empty() {
            write!(f, " [{}]", self.fields.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

fn cut(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(LONGEST_WORDS) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// The verdict on any answer of the data API.
///
/// Statuses: <https://developer.salesforce.com/docs/platform/api-rest/guide/errorcodes.html>.
pub fn inspect(response: &Response) -> Result<()> {
    let general = match inspect_status(response) {
        Ok(()) => return readable(response),
        Err(error) => error,
    };
    let refusal = serde_json::from_slice::<wire::Refused>(&response.body).ok().and_then(|refused| Refusal::first(refused.words()));
    let Some(refusal) = refusal else { return Err(without_words(response.status.as_u16(), general)) };
    let error = match verdict(&refusal.code, &refusal.message) {
        Some(Verdict { kind, message, hint }) => Error::new(kind, message).hint(hint),
        None => general,
    };
    // The edge and the daily budget refuse before anything is done.
    let error = match (error.kind(), refusal.code.as_str()) {
        (ErrorKind::RateLimited, "REQUEST_LIMIT_EXCEEDED") if is_daily(&refusal.message) => error.retry_after(BUDGET_REST),
        _ => error,
    };
    Err(error.source(refusal))
}

/// An error in HTML or without a body, as the edge gives it.
fn without_words(status: u16, general: Error) -> Error {
    match status {
        414 | 431 => Error::new(ErrorKind::Rejected, "the request is too long for Salesforce's edge").hint("ask for fewer fields at once"),
        // The edge cannot reach the organisation yet; nothing was done.
        420 => Error::new(ErrorKind::Unavailable, "Salesforce's edge cannot reach the organisation")
            .hint("try again later")
            .fate_unknown(false),
        404 => general.hint("check `login_url` and `api_version`"),
        410 => retired(),
        _ => general,
    }
}

fn retired() -> Error {
    Error::new(ErrorKind::Config, "Salesforce has retired this version of its API").hint("raise `api_version`")
}

/// What a code stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    kind: ErrorKind,
    message: &'static str,
    hint: &'static str,
}

fn is_daily(message: &str) -> bool {
    message.contains("TotalRequests")
}

/// What a code means where the status alone does not say it; `None`: the status says it.
fn verdict(code: &str, message: &str) -> Option<Verdict> {
    let of = |kind, message, hint| Some(Verdict { kind, message, hint });
    match code {
        // A refresh does not mend these two.
        "INVALID_SESSION_ID" if message.contains("not valid for use with the REST API") => of(
            ErrorKind::Forbidden,
            "the session may not use the REST API",
            "the organisation asks for a high-assurance session: change its session settings or the policy of the app",
        ),
        "INVALID_SESSION_ID" | "INVALID_AUTH_HEADER" if message.contains("Connected app is not attached to Agent") => {
            of(ErrorKind::Forbidden, "the app is not attached to an agent", "sign in through another app")
        }
        "INVALID_SESSION_ID" | "INVALID_AUTH_HEADER" => of(
            ErrorKind::Unauthenticated,
            "the session is over, also after a new sign-in",
            "look whether sessions are locked to an address, and sign the app in anew",
        ),
        "INVALID_QUERY_LOCATOR" => of(ErrorKind::Restart, "the place in this query is gone", "start the read again"),
        "INVALID_REPLICATION_DATE" | "EXCEEDED_ID_LIMIT" => {
            of(ErrorKind::Restart, "this span of time cannot be read", "read everything once")
        }
        "REQUEST_LIMIT_EXCEEDED" if is_daily(message) => of(
            ErrorKind::RateLimited,
            "the organisation's calls for 24 hours are used up",
            "wait, buy more calls, or lower `daily_share` so that some are left for others",
        ),
        "REQUEST_LIMIT_EXCEEDED" => of(ErrorKind::RateLimited, "too many calls at once", "wait; lower `width` if it happens often"),
        "SERVER_UNAVAILABLE" | "REQUEST_RUNNING_TOO_LONG" | "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE" | "QUERY_TIMEOUT" => {
            of(ErrorKind::Unavailable, "Salesforce cannot answer at the moment", "try again later")
        }
        "UNABLE_TO_LOCK_ROW" => of(ErrorKind::Unavailable, "somebody else is changing the record", "try again later"),
        "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED" => of(
            ErrorKind::Forbidden,
            "the API is not switched on for this user or organisation",
            "give the user the permission API Enabled; some editions need the API as an addition",
        ),
        "INVALID_TYPE" => of(
            ErrorKind::Config,
            "Salesforce shows no such object",
            "check its API name, and give the user read access to it; teams and some others have to be switched on first",
        ),
        "INVALID_FIELD" => of(
            ErrorKind::Config,
            "Salesforce shows no such field",
            "check its API name, and give the user read access to it by field-level security",
        ),
        "MALFORMED_QUERY" | "INVALID_QUERY_FILTER_OPERATOR" | "QUERY_TOO_COMPLICATED" | "NUMBER_OUTSIDE_VALID_RANGE" => {
            of(ErrorKind::Protocol, "Salesforce did not understand the query", "report it with Salesforce's own words")
        }
        "NOT_FOUND" | "ENTITY_IS_DELETED" => {
            of(ErrorKind::NotFound, "Salesforce has no such record any more", "run again, so that it is paired anew")
        }
        "INSUFFICIENT_ACCESS_OR_READONLY" | "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" | "INSUFFICIENT_ACCESS" | "FORBIDDEN" => of(
            ErrorKind::Forbidden,
            "the user may not do this",
            "give the user edit access to the object, and Modify All Data or sharing where records are private",
        ),
        "TRANSFER_REQUIRES_READ" => of(
            ErrorKind::Forbidden,
            "the new owner may not read such records",
            "give the new owner read access to the object, or choose another owner",
        ),
        "INACTIVE_OWNER_OR_USER" => of(
            ErrorKind::Rejected,
            "the present or the new owner is not active",
            "choose an active owner; for records of inactive owners give the user Update Records with Inactive Owners",
        ),
        "OP_WITH_INVALID_USER_TYPE_EXCEPTION" => {
            of(ErrorKind::Rejected, "users of this type cannot own such records", "choose a user of type Standard")
        }
        "INVALID_CROSS_REFERENCE_KEY" | "INVALID_OWNER" | "INVALID_EMPTY_KEY_OWNER" | "MALFORMED_ID" => {
            of(ErrorKind::Rejected, "the record or its new owner does not exist", "read users and records again, then plan anew")
        }
        "ENTITY_IS_LOCKED" | "TERRITORY_REALIGN_IN_PROGRESS" => {
            of(ErrorKind::Conflict, "the record is locked", "let its approval or realignment end, then run again")
        }
        "CANNOT_UPDATE_CONVERTED_LEAD" => of(ErrorKind::Rejected, "a converted lead cannot be changed", "change the contact it became"),
        "GONE" => of(ErrorKind::Config, "Salesforce has retired this version of its API", "raise `api_version`"),
        _ => None,
    }
}

/// The error for one record of a collection.
pub fn item_error(refusal: Refusal) -> Error {
    let Verdict { kind, message, hint } = verdict(&refusal.code, &refusal.message).unwrap_or(Verdict {
        kind: ErrorKind::Rejected,
        message: "Salesforce refused the change",
        hint: "see Salesforce's own words; mostly a validation rule or a trigger of the organisation",
    });
    Error::new(kind, message).hint(hint).source(refusal)
}

/// A success must look like what it is said to be: login pages and proxies also answer 200.
fn readable(response: &Response) -> Result<()> {
    let first = response.body.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_csv = response.header("content-type").is_some_and(|kind| kind.starts_with("text/csv"));
    match first {
        None if response.status.as_u16() == 204 || is_csv => Ok(()),
        Some(b'{' | b'[') => Ok(()),
        Some(first) if is_csv && *first != b'<' => Ok(()),
        _ => Err(Error::new(ErrorKind::Protocol, "the answer is not what Salesforce's API gives")
            .hint("check `login_url` and any proxy between; else report it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rightful_core::StatusCode;

    fn judged(status: u16, body: &str) -> Option<Error> {
        inspect(&Response::new(StatusCode::from_u16(status).unwrap(), body.to_owned())).err()
    }

    fn words(code: &str, message: &str) -> String {
        serde_json::json!([{ "message": message, "errorCode": code }]).to_string()
    }

    #[test]
    fn each_code_says_what_to_do() {
        use ErrorKind::*;
        for (status, code, message, wanted) in [
            (401, "INVALID_SESSION_ID", "Session expired or invalid", Unauthenticated),
            (401, "INVALID_AUTH_HEADER", "INVALID_JWT_FORMAT", Unauthenticated),
            (401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API", Forbidden),
            (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", RateLimited),
            (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.", RateLimited),
            (403, "API_DISABLED_FOR_ORG", "API is disabled for this User", Forbidden),
            (400, "INVALID_QUERY_LOCATOR", "invalid query locator", Restart),
            (400, "INVALID_FIELD", "No such column 'Ownr' on entity 'Account'.", Config),
            (400, "INVALID_TYPE", "sObject type 'AccountTeamMember' is not supported.", Config),
            (400, "MALFORMED_QUERY", "unexpected token", Protocol),
            (400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", Rejected),
            (400, "A_CODE_OF_NEXT_YEAR", "something", Rejected),
            (404, "NOT_FOUND", "The requested resource does not exist", NotFound),
            (410, "GONE", "retired", Config),
            (503, "SERVER_UNAVAILABLE", "too busy", Unavailable),
            (500, "UNKNOWN_EXCEPTION", "an error", Unavailable),
            (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", Unavailable),
        ] {
            let error = judged(status, &words(code, message)).unwrap();
            assert_eq!(error.kind(), wanted, "{status} {code} {message}");
            assert_eq!(Refusal::of(&error).unwrap().code, code, "SF-6: the code stays to the letter");
            assert!(error.mend().is_some(), "{code}");
        }
    }

    #[test]
    fn only_a_spent_day_makes_the_account_rest() {
        let wait = |message: &str| judged(403, &words("REQUEST_LIMIT_EXCEEDED", message)).unwrap().wait();
        assert_eq!(wait("TotalRequests Limit exceeded."), Some(BUDGET_REST));
        assert_eq!(wait("ConcurrentRequests (Concurrent API Requests) Limit exceeded."), None);
    }

    #[test]
    fn the_edge_speaks_html() {
        use ErrorKind::*;
        let html = "<h1>Bad Message</h1>";
        for (status, wanted) in [
            (200, Protocol),
            (302, Config),
            (401, Unauthenticated),
            (403, Forbidden),
            (404, NotFound),
            (414, Rejected),
            (420, Unavailable),
            (429, RateLimited),
            (431, Rejected),
            (500, Unavailable),
            (503, Unavailable),
        ] {
            assert_eq!(judged(status, html).map(|error| error.kind()), Some(wanted), "{status}");
        }
        assert_eq!(judged(420, html).unwrap().stated_fate(), Some(false), "nothing was done, so a write may be sent again");
    }

    #[test]
    fn a_bare_object_is_read_like_an_array_of_one() {
        let error = judged(400, r#"{"message":"The HTTP entity body is required","errorCode":"JSON_PARSER_ERROR"}"#).unwrap();
        assert_eq!((error.kind(), Refusal::of(&error).unwrap().code.as_str()), (ErrorKind::Rejected, "JSON_PARSER_ERROR"));
    }

    #[test]
    fn long_words_are_cut() {
        let error = judged(400, &words("X", &"ö".repeat(5000))).unwrap();
        assert_eq!(Refusal::of(&error).unwrap().message.chars().count(), LONGEST_WORDS + 1);
    }
}
