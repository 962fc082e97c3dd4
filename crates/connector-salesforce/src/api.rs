//! One function per call of Salesforce's REST API and Bulk API 2.0.

use http::{HeaderName, HeaderValue};
use rightful_core::{BaseUrl, Call, Client, Error, ErrorKind, Response, Result};
use serde::{Deserialize, Serialize};

use crate::ids::SfId;
use crate::sign_in::DAILY_CALLS;
use crate::soql::{Name, Query};
use crate::wire;

/// The largest answer read, after decompression: a page of 2,000 rows of 16 KiB.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// The longest address sent; the edge refuses more than 16,384 bytes together with the headers
/// [<https://help.salesforce.com/s/articleView?id=000386264>].
const LONGEST_ADDRESS: usize = 14_000;

/// The longest query.
const LONGEST_QUERY: usize = 100_000;

/// How we name ourselves to the organisation's change events.
const CLIENT_NAME: &str = "client=rightful";

/// Which rows a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sight {
    /// Those that are there.
    Present,
    /// Archived ones and those in the recycle bin too.
    Deleted,
}

impl Sight {
    /// The resource, or the operation of a query job, that sees so much.
    fn resource(self) -> &'static str {
        match self {
            Self::Present => "query",
            Self::Deleted => "queryAll",
        }
    }
}

/// A place in a query's result, as the vendor named it: one path segment, looked at before it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locator(String);

impl Locator {
    /// The last segment of `nextRecordsUrl`, which is all that is kept of an address that the vendor gave.
    pub fn of_url(url: &str) -> Option<Self> {
        Self::parse(url.rsplit('/').next()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let fits = (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        fits.then(|| Self(text.to_owned()))
    }
}

impl TryFrom<String> for Locator {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "no locator".to_owned())
    }
}

impl From<Locator> for String {
    fn from(locator: Locator) -> Self {
        locator.0
    }
}

/// Calls to one organisation. Addresses are made at the login host; the sign-in moves them to the instance.
#[derive(Clone, Debug)]
pub struct Api {
    pub client: Client,
    /// `/services/data/v62.0`.
    pub base: BaseUrl,
    /// The origin alone.
    pub root: BaseUrl,
    pub page_size: u64,
}

/// Reads an answer's JSON without copying what can be borrowed.
pub fn parsed<'a, T: Deserialize<'a>>(response: &'a Response) -> Result<T> {
    serde_json::from_str(response.text()?).map_err(|error| {
        // serde_json's message may quote the value it stumbled over: only the place is kept.
        Error::new(ErrorKind::Protocol, format!("the answer is not the JSON we know (line {}, column {})", error.line(), error.column()))
            .hint("run it again; if it stays, report it with the vendor's answer")
    })
}

fn get(operation: &'static str, url: rightful_core::Url) -> Call {
    Call::get(operation, url).quota(DAILY_CALLS).body_cap(LARGEST_ANSWER)
}

impl Api {
    /// The first page of a query.
    pub async fn query(&self, operation: &'static str, sight: Sight, query: &Query) -> Result<Response> {
        let text = query.to_string();
        let mut url = self.base.join([sight.resource()])?;
        url.query_pairs_mut().append_pair("q", &text);
        if text.len() > LONGEST_QUERY || url.as_str().len() > LONGEST_ADDRESS {
            return Err(Error::new(ErrorKind::Config, "the query is longer than Salesforce takes")
                .operation(operation)
                .hint("ask for fewer fields"));
        }
        self.client.call(self.sized(get(operation, url))).await
    }

    /// A further page. A locator belongs to the session that made it: a new sign-in ends it, and the read begins again.
    pub async fn more(&self, operation: &'static str, sight: Sight, locator: &Locator) -> Result<Response> {
        let call = get(operation, self.base.join([sight.resource(), &locator.0])?).bound_to_session();
        self.client.call(self.sized(call)).await
    }

    fn sized(&self, call: Call) -> Call {
        match HeaderValue::from_str(&format!("batchSize={}", self.page_size)) {
            Ok(value) => call.header(HeaderName::from_static("sforce-query-options"), value),
            Err(_) => call,
        }
    }

    /// How many rows a query counts.
    pub async fn count(&self, operation: &'static str, sight: Sight, query: &Query) -> Result<u64> {
        let response = self.query(operation, sight, query).await?;
        Ok(parsed::<wire::Answer<'_>>(&response).map_err(|error| error.operation(operation))?.total_size)
    }

    /// One field of the rows on the first page of a query.
    pub async fn texts(&self, operation: &'static str, sight: Sight, query: &Query, field: &str) -> Result<Vec<String>> {
        let response = self.query(operation, sight, query).await?;
        let answer: wire::Answer<'_> = parsed(&response).map_err(|error| error.operation(operation))?;
        Ok(answer.records.iter().filter_map(|row| row.text(field)).map(std::borrow::Cow::into_owned).collect())
    }

    /// One field of the only row of a query.
    pub async fn one(&self, operation: &'static str, sight: Sight, query: &Query, field: &str) -> Result<Option<String>> {
        Ok(self.texts(operation, sight, query, field).await?.into_iter().next())
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, operation: &'static str, url: rightful_core::Url) -> Result<T> {
        let response = self.client.call(get(operation, url)).await?;
        parsed(&response).map_err(|error| error.operation(operation))
    }

    /// What an object looks like to the user we are.
    pub async fn describe(&self, object: &Name) -> Result<wire::Described> {
        self.json("describe", self.base.join(["sobjects", object.as_str(), "describe"])?).await
    }

    /// The organisation's allowances.
    pub async fn limits(&self) -> Result<wire::Limits> {
        self.json("limits", self.base.join(["limits"])?).await
    }

    /// The versions of the API there are.
    pub async fn versions(&self) -> Result<Vec<wire::Version>> {
        self.json("versions", self.root.join(["services", "data"])?).await
    }

    /// Who we are.
    pub async fn user_info(&self) -> Result<wire::UserInfo> {
        self.json("user info", self.root.join(["services", "oauth2", "userinfo"])?).await
    }

    /// Changes owners of up to 200 records; one result each, in order. Never repeated by itself: after an unclear end the records are read.
    ///
    /// SF-4: assignment rules would otherwise run on accounts, cases and leads, and take the owner away again
    /// [<https://developer.salesforce.com/docs/platform/api-rest/guide/headers-autoassign.md>].
    pub async fn update(&self, records: Vec<wire::OwnerPatch<'_>>) -> Result<Vec<wire::Saved>> {
        let operation = "update owners";
        let sent = records.len();
        let call = Call::patch(operation, self.base.join(["composite", "sobjects"])?)
            .quota(DAILY_CALLS)
            .body_cap(LARGEST_ANSWER)
            .header(HeaderName::from_static("sforce-auto-assign"), HeaderValue::from_static("FALSE"))
            .header(HeaderName::from_static("sforce-call-options"), HeaderValue::from_static(CLIENT_NAME))
            .json(&wire::Collection { all_or_none: false, records })?;
        let response = self.client.call(call).await?;
        // A success whose answer cannot be read may or may not have been one.
        let saved: Vec<wire::Saved> = parsed(&response).map_err(|error| error.operation(operation).fate_unknown(true))?;
        if saved.len() == sent {
            return Ok(saved);
        }
        Err(Error::new(ErrorKind::Protocol, format!("{} results came for {sent} records", saved.len()))
            .operation(operation)
            .hint("report it")
            .fate_unknown(true))
    }

    /// Begins a query job. A second one does no harm: what nobody fetches is dropped after a week.
    pub async fn new_job(&self, sight: Sight, query: &Query) -> Result<wire::Job> {
        let text = query.to_string();
        let body =
            wire::NewJob { operation: sight.resource(), query: &text, content_type: "CSV", column_delimiter: "COMMA", line_ending: "LF" };
        let call = Call::post("query job", self.base.join(["jobs", "query"])?).quota(DAILY_CALLS).idempotent().json(&body)?;
        let response = self.client.call(call).await?;
        parsed(&response).map_err(|error| error.operation("query job"))
    }

    /// How a query job stands.
    pub async fn job(&self, id: &SfId) -> Result<wire::Job> {
        self.json("query job", self.base.join(["jobs", "query", id.as_str()])?).await
    }

    /// Rows of a finished job.
    pub async fn job_rows(&self, id: &SfId, locator: Option<&str>, most: u64) -> Result<Response> {
        let call = get("job results", self.base.join(["jobs", "query", id.as_str(), "results"])?)
            .query("maxRecords", most)
            .header(http::header::ACCEPT, HeaderValue::from_static("text/csv"));
        let call = locator.into_iter().fold(call, |call, locator| call.query("locator", locator));
        self.client.call(call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_next_address_only_a_plain_last_segment_is_kept() {
        for (url, wanted) in [
            ("/services/data/v62.0/query/0r8xx0000001abcAAA-2000", Some("0r8xx0000001abcAAA-2000")),
            ("https://evil.example/query/0r8xx0000001abcAAA-2000", Some("0r8xx0000001abcAAA-2000")),
            ("/services/data/v62.0/query/", None),
            ("/services/data/v62.0/query/x?q=SELECT", None),
            ("..", None),
            ("", None),
        ] {
            assert_eq!(Locator::of_url(url).map(String::from).as_deref(), wanted, "{url}");
        }
        assert_eq!(Locator::of_url(&"a".repeat(101)), None);
        assert!(serde_json::from_value::<Locator>(serde_json::json!("a/b")).is_err());
    }
}
