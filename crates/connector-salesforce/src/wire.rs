//! Answers as Salesforce spells them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One refusal. The results of collections say `statusCode`, everything else `errorCode`.
#[derive(Debug, Deserialize)]
pub struct Words {
    #[serde(default)]
    pub message: String,
    #[serde(alias = "errorCode", alias = "statusCode")]
    pub code: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub fields: Vec<String>,
}

/// What a refused call says.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Refused {
    Several(Vec<Words>),
    One(Words),
}

impl Refused {
    /// What was said.
    pub fn words(self) -> Vec<Words> {
        match self {
            Self::Several(words) => words,
            Self::One(words) => vec![words],
        }
    }
}

fn null_as_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// One page of a query.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer<'a> {
    /// How many rows match, on every page the same.
    #[serde(default)]
    pub total_size: u64,
    /// Absent on some empty results: then it is done.
    pub done: Option<bool>,
    #[serde(borrow)]
    pub next_records_url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub records: Vec<Row<'a>>,
}

/// One row: each member with its value as it was sent, so that numbers stay to the letter.
#[derive(Debug)]
pub struct Row<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'a> Row<'a> {
    /// A member's value as text; `None` where it is null or absent, or is no single value.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        let (_, raw) = self.0.iter().find(|(known, _)| *known == name)?;
        let raw = raw.get();
        match raw.as_bytes().first()? {
            b'"' if !raw.contains('\\') => Some(Cow::Borrowed(&raw[1..raw.len() - 1])),
            b'"' => serde_json::from_str(raw).ok().map(Cow::Owned),
            b'{' | b'[' | b'n' => None,
            _ => Some(Cow::Borrowed(raw)),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Row<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor;

        impl<'de> Visitor<'de> for RowVisitor {
            type Value = Row<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Row<'de>, A::Error> {
                let mut row = Vec::with_capacity(12);
                while let Some(member) = members.next_entry::<&str, &RawValue>()? {
                    row.push(member);
                }
                Ok(Row(row))
            }
        }

        deserializer.deserialize_map(RowVisitor)
    }
}

/// What an object looks like to the user we are: fields hidden from it are missing.
#[derive(Debug, Deserialize)]
pub struct Described {
    #[serde(default)]
    pub updateable: bool,
    pub fields: Vec<DescribedField>,
}

/// One field of an object.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribedField {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub updateable: bool,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub reference_to: Vec<String>,
}

/// A change of owner for several records.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collection<'a> {
    pub all_or_none: bool,
    pub records: Vec<OwnerPatch<'a>>,
}

/// A change of one record's owner.
#[derive(Debug, Serialize)]
pub struct OwnerPatch<'a> {
    pub attributes: Attributes<'a>,
    pub id: &'a str,
    #[serde(rename = "OwnerId")]
    pub owner: &'a str,
}

/// Which object a record is of.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Attributes<'a> {
    #[serde(rename = "type")]
    pub object: &'a str,
}

/// What became of one record of a collection.
#[derive(Debug, Deserialize)]
pub struct Saved {
    #[serde(default)]
    pub id: Option<String>,
    pub success: bool,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub errors: Vec<Words>,
}

/// One allowance of the organisation.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Allowance {
    pub max: u64,
    pub remaining: u64,
}

/// The organisation's allowances; unknown ones are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Limits {
    pub daily_api_requests: Option<Allowance>,
    #[serde(flatten)]
    pub _others: BTreeMap<String, serde::de::IgnoredAny>,
}

/// One version of the API.
#[derive(Debug, Deserialize)]
pub struct Version {
    pub version: String,
}

/// Who we are.
#[derive(Debug, Deserialize)]
pub struct UserInfo {
    pub user_id: Option<String>,
    pub preferred_username: Option<String>,
    pub organization_id: Option<String>,
}

/// A request for a query job.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewJob<'a> {
    pub operation: &'static str,
    pub query: &'a str,
    pub content_type: &'static str,
    pub column_delimiter: &'static str,
    pub line_ending: &'static str,
}

/// A query job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub id: String,
    pub state: String,
    #[serde(default)]
    pub error_message: Option<String>,
}

/// A token answer; more members come with it.
#[derive(Deserialize)]
pub struct Token {
    pub access_token: String,
    pub instance_url: String,
}

/// A refused sign-in; `error_description` may be missing.
#[derive(Debug, Deserialize)]
pub struct TokenRefused {
    pub error: String,
    #[serde(default)]
    pub error_description: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_to_the_letter() {
        let row: Row<'_> = serde_json::from_str(
            r#"{"attributes":{"type":"Account"},"Name":"O'Brien \"&\" Söhne","Amount":12345678901234567.10,"Open":true,"Gone":null}"#,
        )
        .unwrap();
        assert_eq!(row.text("Name").as_deref(), Some("O'Brien \"&\" Söhne"));
        assert_eq!(row.text("Amount").as_deref(), Some("12345678901234567.10"));
        assert_eq!(row.text("Open").as_deref(), Some("true"));
        assert_eq!((row.text("Gone"), row.text("attributes"), row.text("Other")), (None, None, None));
    }

    #[test]
    fn an_answer_without_done_is_done() {
        let answer: Answer<'_> = serde_json::from_str(r#"{"totalSize":0,"records":[]}"#).unwrap();
        assert_eq!((answer.total_size, answer.done, answer.records.len()), (0, None, 0));
    }

    #[test]
    fn results_say_status_code_and_refusals_error_code() {
        let saved: Vec<Saved> = serde_json::from_str(
            r#"[{"id":"001Qk00000AbXyZIAV","success":true,"errors":[]},
                {"success":false,"errors":[{"statusCode":"INACTIVE_OWNER_OR_USER","message":"no","fields":["OwnerId"]}]}]"#,
        )
        .unwrap();
        assert_eq!((saved[0].success, saved[1].errors[0].code.as_str()), (true, "INACTIVE_OWNER_OR_USER"));
    }
}
