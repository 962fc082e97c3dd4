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
    let Ok(envelope) = xml::head(response) else { return Err(without_xml(response)) };
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONTROL: &str = "<control><status>success</status><senderid>AcmeMPP</senderid><controlid>c</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control>";

    fn control_failure(errors: &str) -> String {
        format!("<response><control><status>failure</status></control><errormessage>{errors}</errormessage></response>")
    }

    fn authentication_failure(errors: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response>{CONTROL}<operation><authentication><status>failure</status><userid></userid><companyid></companyid></authentication>\
             <errormessage>{errors}</errormessage></operation></response>"
        )
    }

    fn function(status: &str, inside: &str) -> String {
        format!(
            "<response>{CONTROL}<operation><authentication><status>success</status><userid>u</userid><companyid>c</companyid></authentication>\
             <result><status>{status}</status><function>query</function><controlid>f</controlid>{inside}</result></operation></response>"
        )
    }

    fn error(number: &str, second: &str) -> String {
        format!(
            "<error><errorno>{number}</errorno><description></description><description2>{second}</description2><correction></correction></error>"
        )
    }

    fn answer(status: u16, body: impl Into<String>) -> Response {
        Response::new(StatusCode::from_u16(status).unwrap(), body.into())
    }

    /// What an answer comes to: the call's verdict, else that of its first function.
    fn verdict(response: &Response) -> Option<(Option<Failure>, ErrorKind)> {
        let found = envelope(response).and_then(|envelope| match envelope.results.first() {
            Some(result) if !succeeded(&result.status) => Err(result_error(&xml_whole(response).results[0])),
            _ => Ok(()),
        });
        found.err().map(|error| (Refusal::of(&error).map(|refusal| refusal.failure), error.kind()))
    }

    fn xml_whole(response: &Response) -> Envelope {
        struct Skip;
        impl<'a> xml::Sink<'a> for Skip {
            fn data(&mut self, _: &ResultHead, _: crate::wire::Counts) -> Result<()> {
                Ok(())
            }
            fn field(&mut self, _: &str, _: std::borrow::Cow<'a, str>) -> Result<()> {
                Ok(())
            }
            fn record(&mut self, _: &str) -> Result<()> {
                Ok(())
            }
        }
        xml::whole(response.text().unwrap(), &mut Skip).unwrap()
    }

    /// IN-3, IN-4: where each failure shows up, and the five meanings of XL03000006 as five classes.
    #[test]
    fn in_3_and_in_4_failures_are_told_apart_by_level_and_text() {
        use ErrorKind::*;
        let sender = error("XL03000006", "Incorrect Intacct XML Partner ID or password.");
        let unauthorised = "<error><errorno>XL03000006</errorno><description>Invalid Web Services Authorization</description>\
            <description2>The sender ID &#039;AcmeMPP&#039; is not authorized to make Web Services requests to company ID &#039;ACME&#039;.</description2></error>";
        let table = [
            (
                "not well-formed",
                200,
                control_failure(&error(
                    "XL03000003",
                    "XML Parse schema error: Fatal Error 76: Opening and ending tag mismatch: X line 18 and Y. Line: 18, column: 62.",
                )),
                Failure::BadXml,
                Rejected,
            ),
            (
                "not valid, HTTP 400",
                400,
                control_failure(&error(
                    "XL03000003",
                    "XML Parse schema error: Error 1871: Element 'value': This element is not expected..",
                )),
                Failure::BadXml,
                Rejected,
            ),
            ("wrong sender", 200, control_failure(&sender), Failure::SenderRejected, Unauthenticated),
            ("wrong sender, HTTP 401", 400, control_failure(&sender), Failure::SenderRejected, Unauthenticated),
            (
                "bad policy",
                200,
                control_failure(&error("XL03000006", "p is not a valid transport policy.")),
                Failure::GatewayRefused,
                Rejected,
            ),
            ("sender not authorised", 200, authentication_failure(unauthorised), Failure::SenderNotAuthorised, Forbidden),
            (
                "wrong user",
                200,
                authentication_failure(&error("XL03000006", "Sign-in information is incorrect")),
                Failure::SignInRejected,
                Unauthenticated,
            ),
            (
                "session over",
                200,
                authentication_failure(&error("XL03000006", "Invalid session q7Fz....")),
                Failure::SessionInvalid,
                Unauthenticated,
            ),
            (
                "no Web Services",
                200,
                authentication_failure(&error("", "This company is not authorized for XML transactions. Subscribe to the XML Gateway.")),
                Failure::CompanyInactive,
                Forbidden,
            ),
            (
                "company expired",
                200,
                control_failure(&error("PL04000055", "This company is a demo company and has expired.")),
                Failure::CompanyInactive,
                Forbidden,
            ),
            (
                "no permission",
                200,
                function(
                    "failure",
                    &format!(
                        "<errormessage>{}</errormessage>",
                        error("PL04000005", "You do not have permission for API operation READ_BY_QUERY on objects of type customer")
                    ),
                ),
                Failure::PermissionDenied,
                Forbidden,
            ),
            (
                "front gateway refuses",
                400,
                control_failure("<error><errorno>GW-0011</errorno><description>Invalid Request [Request ID: 7c1e]</description></error>"),
                Failure::GatewayRefused,
                Rejected,
            ),
            (
                "too many requests",
                429,
                control_failure(
                    "<error><errorno>GW-0010</errorno><description>Rate limit reached [Request ID: 7c1e]</description></error>",
                ),
                Failure::RateLimited,
                RateLimited,
            ),
            (
                "front gateway knows no such sign-in",
                401,
                control_failure(
                    "<error><errorno>XMLGW_JPP0002</errorno><description>Sign-in information is incorrect. Please check your request.</description></error>",
                ),
                Failure::SignInRejected,
                Unauthenticated,
            ),
            ("overload with XML", 503, control_failure(&error("", "busy")), Failure::TransportDown, Unavailable),
            (
                "off-line in a result",
                200,
                function("failure", &format!("<errormessage>{}</errormessage>", error("", "The Service is Temporarily Off-line"))),
                Failure::TransportDown,
                Unavailable,
            ),
            ("limit in the body", 200, control_failure(&error("", "API rate limit exceeded")), Failure::RateLimited, RateLimited),
            (
                "later, says the correction",
                200,
                control_failure("<error><description2>x</description2><correction>Please Try Again Later</correction></error>"),
                Failure::TransportDown,
                Unavailable,
            ),
            (
                "rolled back",
                200,
                function(
                    "aborted",
                    &format!(
                        "<errormessage>{}</errormessage>",
                        error("XL03000009", "The entire transaction in this operation has been rolled back due to an error.")
                    ),
                ),
                Failure::RolledBack,
                Rejected,
            ),
            (
                "its own error before the roll-back's",
                200,
                function(
                    "aborted",
                    &format!("<errormessage>{}{}</errormessage>", error("BL01001973", "no"), error("XL03000009", "rolled back")),
                ),
                Failure::FunctionFailed,
                Rejected,
            ),
            (
                "missing record, as a sentence for a number",
                200,
                function(
                    "failure",
                    "<errormessage><error><errorno>Cannot update non-existing CLASS with CLASSID=UT99.</errorno></error></errormessage>",
                ),
                Failure::NotFound,
                NotFound,
            ),
            (
                "there already",
                200,
                function(
                    "failure",
                    &format!(
                        "<errormessage>{}</errormessage>",
                        error("BL34000061", "Another Customer with the given value(s) C  already exists")
                    ),
                ),
                Failure::Duplicate,
                Conflict,
            ),
            (
                "a field list as a number",
                200,
                function("failure", "<errormessage><error><errorno>Invalid fields list x</errorno></error></errormessage>"),
                Failure::FunctionFailed,
                Rejected,
            ),
            ("IN-5: an unknown word", 200, function("deferred", ""), Failure::Unreadable, Protocol),
        ];
        for (what, status, body, failure, kind) in table {
            let response = answer(status, body);
            assert_eq!(verdict(&response), Some((Some(failure), kind)), "{what}");
        }
    }

    #[test]
    fn in_5_any_status_but_success_is_a_failure() {
        assert!(succeeded("success"));
        for status in ["failure", "aborted", "partial", "Success", "success!", ""] {
            assert!(!succeeded(status), "`{status}`");
        }
    }

    #[test]
    fn bodies_without_xml_follow_their_status() {
        use ErrorKind::*;
        for (status, body, kind) in [
            (200, "<html><body>Maintenance</body></html>", Protocol),
            (200, "", Protocol),
            (200, "[]", Protocol),
            (404, "<html></html>", Protocol),
            (405, "<html></html>", Rejected),
            (403, "", Forbidden),
            (401, "", Unauthenticated),
            (429, "", RateLimited),
            (500, "<html>", Unavailable),
            (502, "", Unavailable),
            (503, "", Unavailable),
            (524, "", Unavailable),
            (307, "", Config),
        ] {
            assert_eq!(verdict(&answer(status, body)), Some((None, kind)), "{status} {body}");
        }
    }

    #[test]
    fn a_success_may_lack_most_of_its_envelope() {
        for body in [
            function("success", "<data/>"),
            "<response><control><status>success</status></control><operation><authentication></authentication><result><status>success</status><controlid>f</controlid><data>".to_owned(),
            format!("\u{feff}<?xml version=\"1.0\"?>\n{}", function("success", "<data listtype=\"CUSTOMER\" count=\"1\"><x")),
        ] {
            assert_eq!(verdict(&answer(200, body.clone())), None, "{body}");
        }
    }

    #[test]
    fn what_fails_before_the_functions_has_run_none_of_them() {
        let stated = |response: &Response| inspect(response).unwrap_err().stated_fate();
        assert_eq!(stated(&answer(200, authentication_failure(&error("XL03000006", "Invalid session q7Fz....")))), Some(false));
        assert_eq!(stated(&answer(429, control_failure(&error("GW-0010", "")))), Some(false));
        assert_eq!(stated(&answer(503, control_failure(""))), None);
        let offline = format!("<errormessage>{}</errormessage>", error("", "The Service is Temporarily Off-line"));
        assert_eq!(stated(&answer(200, function("failure", &offline))), None);
    }

    /// IN-6.
    #[test]
    fn in_6_all_errors_are_kept_in_order_and_made_fit_to_be_shown() {
        let body = authentication_failure(
            "<error><errorno>BL34000061</errorno><description2>Another Customer with the given value(s) O&amp;#039;Dell  already exists [Support ID: ZkT0x%7EAAAB2w%2B-]</description2>\
             <correction>Use a unique value instead.</correction></error><error><description>&lt;b&gt;Could&lt;/b&gt; not, 1 &lt; 2</description></error><error/>",
        );
        let error = inspect(&answer(200, body)).unwrap_err();
        let refusal = Refusal::of(&error).unwrap();
        let expected = [
            Words {
                number: "BL34000061".into(),
                text: "Another Customer with the given value(s) O'Dell  already exists".into(),
                correction: "Use a unique value instead.".into(),
                support_id: Some("ZkT0x~AAAB2w+-".into()),
            },
            Words { text: "Could not, 1 < 2".into(), ..Words::default() },
            Words::default(),
        ];
        assert_eq!(refusal.words, expected);
        let session = inspect(&answer(200, authentication_failure(&self::error("XL03000006", "Invalid session q7Fz....")))).unwrap_err();
        assert_eq!(session.vendor_words().as_deref(), Some("XL03000006 - Invalid session"), "the beginning of the session id is left out");
    }

    /// IN-7.
    #[test]
    fn in_7_results_are_matched_by_control_id() {
        let result = |id: &str| ResultHead { status: "success".into(), control_id: id.into(), complaints: Vec::new() };
        let results_of = |ids: &[&str]| {
            let envelope = Envelope { results: ids.iter().map(|id| result(id)).collect(), ..Envelope::default() };
            envelope.results_of(&["a", "b"]).map(|found| found.into_iter().map(|result| result.control_id.clone()).collect::<Vec<_>>())
        };
        assert_eq!(results_of(&["b", "a"]).unwrap(), ["a", "b"]);
        for (ids, named) in [(vec!["a"], "`b`"), (vec!["a", "b", "a"], "`a`"), (vec!["a", "b", "c"], "`c`"), (vec![], "`a`")] {
            let error = results_of(&ids).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(error.to_string().contains(named), "{ids:?}: {error}");
        }
    }

    proptest! {
        /// The classifier is total: whatever is done to an answer, there is a verdict and no panic.
        #[test]
        fn mutated_answers_have_a_verdict(
            which in 0_usize..4,
            cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "[<>&;/!\\[\\]a-zA-Z0-9 %é\"'=-]{0,6}"), 0..4),
            status in prop::sample::select(vec![200_u16, 400, 401, 404, 429, 500, 524]),
        ) {
            let bodies = [
                control_failure(&error("GW-0010", "x [Support ID: a%7Eb%2]")),
                authentication_failure(&error("XL03000006", "Invalid session q7Fz....")),
                function("failure", &format!("<data count=\"0\"/><errormessage>{}</errormessage>", error("BL01001973", "&#039;é&amp;"))),
                function("success", "<data listtype=\"CUSTOMER\" totalcount=\"1\" count=\"1\" numremaining=\"0\"><CUSTOMER><RECORDNO>1</RECORDNO></CUSTOMER></data>"),
            ];
            let mut letters: Vec<char> = bodies[which].chars().collect();
            for (at, length, inserted) in cuts {
                let from = at.index(letters.len() + 1);
                let to = (from + length).min(letters.len());
                letters.splice(from..to, inserted.chars());
            }
            let response = answer(status, letters.into_iter().collect::<String>());
            let _ = inspect(&response);
            let _ = xml::head(&response);
            if !response.status.is_success() {
                prop_assert!(inspect(&response).is_err(), "HTTP {} passed as a success", status);
            }
        }

        #[test]
        fn texts_are_cleaned_without_a_panic(text in "\\PC{0,40}", id in "\\PC{0,12}") {
            let (cleaned, found) = plain(&format!("{text} [Support ID: {id}]"));
            prop_assert!(!cleaned.contains("[Support ID:"));
            prop_assert!(found.is_some());
        }
    }
}
