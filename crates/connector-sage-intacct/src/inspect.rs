//! The gateway's error dialect: failures come with HTTP 200, in up to three places, and one number means five different things.

use std::fmt;

use rightful_core::{Error, ErrorKind, Response, Result, StatusCode, inspect_status};

use crate::wire::{Complaint, Envelope, ResultHead};
use crate::xml;

/// What a failure is, by its place and its text; the number alone says too little (IN-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Overload, maintenance, time-out.
    TransportDown,
    /// Too many requests.
    RateLimited,
    /// The front gateway or a transport policy refused the request.
    GatewayRefused,
    /// The request was not well-formed or not valid.
    BadXml,
    /// Sender id or its password.
    SenderRejected,
    /// The company has not authorised the sender.
    SenderNotAuthorised,
    /// User, company or the user's password.
    SignInRejected,
    /// The session ended or is unknown.
    SessionInvalid,
    /// The company's contract ended, or it has no Web Services.
    CompanyInactive,
    /// A function failed in a way no other class covers.
    FunctionFailed,
    /// A transaction was undone.
    RolledBack,
    /// The user lacks a permission.
    PermissionDenied,
    /// The record is not there.
    NotFound,
    /// It exists already, or was executed already.
    Duplicate,
    /// The answer cannot be read.
    Unreadable,
}

/// Where in an answer a failure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The control block: nothing was signed in, nothing done.
    Control,
    /// The authentication block: nothing was done.
    Authentication,
    /// A function's result.
    Function,
}

/// One error in the vendor's own words, made fit to be shown (IN-6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// `errorno`: any text, or nothing.
    pub number: String,
    /// `description2`, else `description`.
    pub text: String,
    /// What the vendor advises.
    pub correction: String,
    /// What the vendor's support finds the failure by.
    pub support_id: Option<String>,
}

/// All errors of one failure, in order; kept as the error's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it is.
    pub failure: Failure,
    /// Where it stood.
    pub level: Level,
    /// What was said.
    pub words: Vec<Words>,
}

impl Refusal {
    /// The refusal an error carries, where it came from the gateway.
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, words) in self.words.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            let parts = [words.number.as_str(), words.text.as_str(), words.correction.as_str()];
            let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            f.write_str(&said.join(" - "))?;
            if let Some(id) = &words.support_id {
                write!(f, " (Support ID {id})")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// The verdict on any answer, whatever its HTTP status.
///
/// A function that failed is not the call's failure but for what passes (overload, limits): what it says is for who sent the function.
///
/// # Errors
/// As the envelope says.
pub fn inspect(response: &Response) -> Result<()> {
    envelope(response).map(drop)
}

/// The same, with what stands before the first data.
///
/// # Errors
/// As the envelope says.
pub fn envelope(response: &Response) -> Result<Envelope> {
    let Some(envelope) = response.text().ok().and_then(|text| xml::head(text).ok()) else { return Err(without_xml(response)) };
    if let Some((level, complaints)) = failed_level(&envelope) {
        let failure = classify(level, complaints, response.status);
        return Err(refused(failure, level, complaints, response.status));
    }
    let first = envelope.results.first().filter(|result| !succeeded(&result.status));
    if let Some(result) = first {
        let failure = classify(Level::Function, &result.complaints, response.status);
        if matches!(failure, Failure::TransportDown | Failure::RateLimited) {
            return Err(refused(failure, Level::Function, &result.complaints, response.status));
        }
    }
    inspect_status(response).map(|()| envelope)
}

/// Which level says no. A status that is missing says nothing: some answers lack it. IN-5: any word but `success` is a failure.
fn failed_level(envelope: &Envelope) -> Option<(Level, &[Complaint])> {
    let fails = |status: &Option<String>| status.as_deref().is_some_and(|status| !succeeded(status));
    if fails(&envelope.authentication) {
        return Some((Level::Authentication, &envelope.complaints));
    }
    let nothing_else = envelope.results.is_empty() && !envelope.complaints.is_empty();
    if fails(&envelope.control) || nothing_else && envelope.authentication.is_none() {
        return Some((Level::Control, &envelope.complaints));
    }
    nothing_else.then_some((Level::Authentication, envelope.complaints.as_slice()))
}

/// IN-5: only one word means success.
pub fn succeeded(status: &str) -> bool {
    status == "success"
}

/// The failure of a function's result.
pub fn result_error(result: &ResultHead) -> Error {
    let failure = match classify(Level::Function, &result.complaints, StatusCode::OK) {
        // A word we do not know, without any reason: who knows what it means.
        Failure::FunctionFailed if result.complaints.is_empty() => Failure::Unreadable,
        failure => failure,
    };
    let error = refused(failure, Level::Function, &result.complaints, StatusCode::OK);
    match failure {
        Failure::Unreadable => error.context(format!("function `{}` has the status `{}`", result.control_id, result.status)),
        _ => error,
    }
}

/// What the answer is that has no XML of the gateway's.
fn without_xml(response: &Response) -> Error {
    match inspect_status(response) {
        Ok(()) => Error::new(ErrorKind::Protocol, "the answer is not XML of the gateway's")
            .hint("check `base_url`, and proxies between here and Sage Intacct; if both are right, report it"),
        // A page from something else: it knows nothing of records.
        Err(error) if error.kind() == ErrorKind::NotFound => Error::new(ErrorKind::Protocol, "there is no gateway at this address")
            .context(format!("HTTP {}", response.status.as_u16()))
            .hint("check `base_url`: it ends with /ia/xml/xmlgw.phtml"),
        Err(error) => error,
    }
}

/// Tells failures apart by level and text, never by the number alone (IN-3, IN-4).
pub fn classify(level: Level, complaints: &[Complaint], status: StatusCode) -> Failure {
    let texts: Vec<String> = complaints
        .iter()
        .flat_map(|complaint| [&complaint.number, &complaint.description, &complaint.description2, &complaint.correction])
        .map(|text| plain(text).0.to_lowercase())
        .collect();
    let says = |phrase: &str| texts.iter().any(|text| text.contains(phrase));
    let numbered = |number: &str| complaints.iter().any(|complaint| complaint.number.trim() == number);
    if status == StatusCode::TOO_MANY_REQUESTS || numbered("GW-0010") || says("api rate limit exceeded") {
        return Failure::RateLimited;
    }
    if status.is_server_error() || says("temporarily off-line") || says("try again later") {
        return Failure::TransportDown;
    }
    match level {
        Level::Function => function_failure(complaints, &says, &numbered),
        Level::Control | Level::Authentication => gateway_failure(level, status, &says, &numbered),
    }
}

fn gateway_failure(level: Level, status: StatusCode, says: &impl Fn(&str) -> bool, numbered: &impl Fn(&str) -> bool) -> Failure {
    if numbered("XL03000003") {
        Failure::BadXml
    } else if numbered("PL04000055") || says("not authorized for xml transactions") {
        Failure::CompanyInactive
    } else if says("invalid session") {
        Failure::SessionInvalid
    } else if says("invalid web services authorization") || says("not authorized to make web services requests") {
        Failure::SenderNotAuthorised
    } else if says("transport policy") {
        Failure::GatewayRefused
    } else if says("sign-in information is incorrect") || status == StatusCode::UNAUTHORIZED {
        Failure::SignInRejected
    } else if numbered("XL03000006") {
        // What is left of this number: who calls was not accepted, and one attempt is all that may be made.
        if level == Level::Control { Failure::SenderRejected } else { Failure::SignInRejected }
    } else if level == Level::Authentication {
        Failure::SignInRejected
    } else {
        Failure::GatewayRefused
    }
}

fn function_failure(complaints: &[Complaint], says: &impl Fn(&str) -> bool, numbered: &impl Fn(&str) -> bool) -> Failure {
    if says("invalid session") {
        Failure::SessionInvalid
    } else if numbered("PL04000005") || says("do not have permission") {
        Failure::PermissionDenied
    } else if !complaints.is_empty() && complaints.iter().all(|complaint| complaint.number.trim() == "XL03000009") {
        Failure::RolledBack
    } else if says("non-existing") || numbered("BL03000025") {
        Failure::NotFound
    } else if numbered("BL34000061") || numbered("PL05000104") || says("already exists") || says("control id") {
        Failure::Duplicate
    } else {
        Failure::FunctionFailed
    }
}

/// The error of a classified failure.
fn refused(failure: Failure, level: Level, complaints: &[Complaint], status: StatusCode) -> Error {
    let (kind, message, hint) = told(failure);
    let error = Error::new(kind, message).hint(hint).source(Refusal { failure, level, words: complaints.iter().map(words).collect() });
    let error = if status.is_success() { error } else { error.context(format!("HTTP {}", status.as_u16())) };
    // What fails before the functions has not run any of them.
    if level != Level::Function && !status.is_server_error() { error.fate_unknown(false) } else { error }
}

fn told(failure: Failure) -> (ErrorKind, &'static str, &'static str) {
    match failure {
        Failure::TransportDown => (ErrorKind::Unavailable, "Sage Intacct cannot answer at the moment", "try again later"),
        Failure::RateLimited => (
            ErrorKind::RateLimited,
            "Sage Intacct asks us to slow down",
            "wait; set `concurrency` to 1, and look for other programs of the company",
        ),
        Failure::GatewayRefused => {
            (ErrorKind::Rejected, "the gateway refused the request", "see the vendor's own words; check `base_url` and the sender id")
        }
        Failure::BadXml => (ErrorKind::Rejected, "the gateway could not read the request", "report it with the vendor's own words"),
        Failure::SenderRejected => (
            ErrorKind::Unauthenticated,
            "Sage Intacct did not accept the sender id and its password",
            "correct `sender_id` (its letter case counts) and `sender_password`",
        ),
        Failure::SenderNotAuthorised => (
            ErrorKind::Forbidden,
            "the company has not authorised our sender id",
            "an administrator adds it under Company, Setup, Company, Security, Web Services authorizations, in the exact letter case",
        ),
        Failure::SignInRejected => (
            ErrorKind::Unauthenticated,
            "Sage Intacct did not accept the user's sign-in",
            "correct `company_id`, `user_id`, `user_password` and `entity`; see that the user is active. More attempts would lock it out",
        ),
        Failure::SessionInvalid => (ErrorKind::Unauthenticated, "the session is over", "try again"),
        Failure::CompanyInactive => (
            ErrorKind::Forbidden,
            "the company cannot use Web Services",
            "an administrator subscribes to Web Services under Company, Admin, Subscriptions, or renews the company's contract",
        ),
        Failure::FunctionFailed => (ErrorKind::Rejected, "Sage Intacct refused it", "see the vendor's own words and change the input"),
        Failure::RolledBack => (ErrorKind::Rejected, "Sage Intacct undid it because of another failure", "mend the other failure"),
        Failure::PermissionDenied => (
            ErrorKind::Forbidden,
            "the user may not do this in Sage Intacct",
            "give the user a role with the permission on this object; a role without any permission looks the same",
        ),
        Failure::NotFound => {
            (ErrorKind::NotFound, "Sage Intacct has no such record", "read it again: it was deleted, or belongs to another entity")
        }
        Failure::Duplicate => {
            (ErrorKind::Conflict, "Sage Intacct says that it exists or was done already", "read the record again and decide anew")
        }
        Failure::Unreadable => (ErrorKind::Protocol, "the answer says neither yes nor no", "run it again; if it stays, report it"),
    }
}

fn words(complaint: &Complaint) -> Words {
    let (second, second_id) = plain(&complaint.description2);
    let (first, first_id) = plain(&complaint.description);
    let (correction, _) = plain(&complaint.correction);
    let text = if second.is_empty() { first } else { second };
    // What follows is the beginning of a session id.
    let text = match text.find("Invalid session") {
        Some(at) => text[..at + "Invalid session".len()].to_owned(),
        None => text,
    };
    Words { number: plain(&complaint.number).0, text, correction, support_id: second_id.or(first_id) }
}

/// Text without stray HTML and without the Support ID it may end in, which comes apart and decoded.
pub fn plain(text: &str) -> (String, Option<String>) {
    let (text, id) = match text.find("[Support ID:") {
        Some(at) => {
            let tail = &text[at + "[Support ID:".len()..];
            let id = tail.split(']').next().unwrap_or_default();
            (&text[..at], Some(percent_decoded(id.trim())))
        }
        None => (text, None),
    };
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        cleaned.push_str(&rest[..at]);
        let tail = &rest[at..];
        let is_tag = tail[1..].starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/');
        match tail.find('>').filter(|_| is_tag) {
            Some(end) => rest = &tail[end + 1..],
            None => {
                cleaned.push('<');
                rest = &tail[1..];
            }
        }
    }
    cleaned.push_str(rest);
    for (entity, letter) in [("&#039;", "'"), ("&#39;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")] {
        if cleaned.contains(entity) {
            cleaned = cleaned.replace(entity, letter);
        }
    }
    (cleaned.trim().to_owned(), id)
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = if *first == b'%' { tail.get(..2).and_then(|code| std::str::from_utf8(code).ok()) } else { None };
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
