//! SOQL as typed parts: text from outside gets into a query only as a checked name or an escaped literal.
//!
//! Escapes: <https://developer.salesforce.com/docs/platform/salesforce-soql-sosl/guide/sforce-api-calls-soql-select-quotedstringescapes.html>.
//! Limits: <https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_soslsoql.htm>.

use std::fmt::{self, Write as _};

use rightful_core::{Error, ErrorKind, Instant, Result};
use serde::{Deserialize, Serialize};

use crate::ids::SfId;

/// The longest text a condition may hold, in characters.
const LONGEST_TEXT: usize = 4000;

/// The longest name of an object or field that is looked at.
const LONGEST_NAME: usize = 120;

/// The name of an object or field: a letter, then letters, digits and underscores.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name, if it can be one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() <= LONGEST_NAME
            && text.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// A name that this connector spells itself.
    pub(crate) fn known(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "no name of an object or field".to_owned())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// A value in a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal(String);

impl Literal {
    /// Text, quoted and escaped.
    ///
    /// # Errors
    /// `Rejected` where it is longer than a condition may hold.
    pub fn text(text: &str) -> Result<Self> {
        if text.chars().count() > LONGEST_TEXT {
            return Err(Error::new(ErrorKind::Rejected, format!("a text of more than {LONGEST_TEXT} characters cannot be searched for"))
                .hint("look for a shorter key"));
        }
        Ok(Self(quoted(text)))
    }

    /// A record's id.
    pub fn id(id: &SfId) -> Self {
        Self(quoted(id.as_str()))
    }

    /// A moment, to the second.
    pub fn instant(at: Instant) -> Self {
        Self(at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    /// True or false.
    pub fn boolean(flag: bool) -> Self {
        Self(flag.to_string())
    }

    /// A word that this connector spells itself.
    pub(crate) fn known(text: &'static str) -> Self {
        Self(quoted(text))
    }

    /// How many bytes it takes in an address, at most.
    pub fn encoded_len(&self) -> usize {
        self.0.bytes().map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 }).sum()
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for letter in text.chars() {
        match letter {
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("\\'"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            other if other.is_control() => {
                // Control characters are below U+0100: four digits hold them.
                let _ = write!(quoted, "\\u{:04X}", u32::from(other));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Is,
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Comparison {
    fn as_str(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        }
    }
}

/// One condition; a query's conditions hold together.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Compare(Name, Comparison, Literal),
    /// One of the values; never empty, which SOQL has no way to say.
    In(Name, OneOrMore),
}

/// A list that is not empty.
#[derive(Clone, Debug, PartialEq)]
pub struct OneOrMore(Vec<Literal>);

impl OneOrMore {
    /// The list; `None` where it is empty: then nothing is to be asked.
    pub fn of(values: Vec<Literal>) -> Option<Self> {
        (!values.is_empty()).then_some(Self(values))
    }
}

/// What a query brings.
#[derive(Clone, Debug, PartialEq)]
pub enum Select {
    Fields(Vec<Name>),
    Count,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// One query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub select: Select,
    pub from: Name,
    pub conditions: Vec<Condition>,
    pub order: Option<(Name, Direction)>,
    pub limit: Option<u32>,
}

impl Query {
    /// Every row of an object.
    pub fn new(select: Select, from: Name) -> Self {
        Self { select, from, conditions: Vec::new(), order: None, limit: None }
    }

    /// Only the row at one end.
    pub fn first_by(mut self, field: Name, direction: Direction) -> Self {
        self.order = Some((field, direction));
        self.limit = Some(1);
        self
    }

    /// Only rows for which this holds too.
    pub fn and(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.select {
            Select::Count => f.write_str("SELECT COUNT()")?,
            Select::Fields(fields) => {
                let fields: Vec<&str> = fields.iter().map(Name::as_str).collect();
                write!(f, "SELECT {}", fields.join(", "))?;
            }
        }
        write!(f, " FROM {}", self.from)?;
        for (index, condition) in self.conditions.iter().enumerate() {
            f.write_str(if index == 0 { " WHERE " } else { " AND " })?;
            match condition {
                Condition::Compare(field, how, Literal(value)) => write!(f, "{field} {} {value}", how.as_str())?,
                Condition::In(field, OneOrMore(values)) => {
                    let values: Vec<&str> = values.iter().map(|value| value.0.as_str()).collect();
                    write!(f, "{field} IN ({})", values.join(","))?;
                }
            }
        }
        if let Some((field, direction)) = &self.order {
            write!(f, " ORDER BY {field}{}", if *direction == Direction::Descending { " DESC" } else { "" })?;
        }
        if let Some(limit) = self.limit {
            write!(f, " LIMIT {limit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use proptest::prelude::*;

    use super::*;

    fn known(text: &'static str) -> Name {
        Name::known(text)
    }

    #[test]
    fn text_is_escaped() {
        for (text, wanted) in [
            ("R05", "'R05'"),
            ("", "''"),
            ("O'Brien", r"'O\'Brien'"),
            (r"back\slash", r"'back\\slash'"),
            (r"\'", r"'\\\''"),
            ("' OR Name != '", r"'\' OR Name != \''"),
            ("a\nb\rc\td\u{8}e\u{c}f", r"'a\nb\rc\td\be\ff'"),
            ("\0\u{7f}\u{85}", r"'\u0000\u007F\u0085'"),
            ("Weiß \"Söhne\" %_", "'Weiß \"Söhne\" %_'"),
        ] {
            assert_eq!(Literal::text(text).unwrap().0, wanted, "{text:?}");
        }
        assert!(Literal::text(&"ä".repeat(4000)).is_ok());
        assert_eq!(Literal::text(&"ä".repeat(4001)).unwrap_err().kind(), ErrorKind::Rejected);
    }

    #[test]
    fn only_names_are_names() {
        for text in ["Id", "OwnerId", "Rep_Code__c", "ns__Thing__c", "x1"] {
            assert_eq!(Name::parse(text).map(String::from), Some(text.to_owned()));
        }
        for text in ["", "1x", "_x", "a b", "a.b", "a,b", "Id FROM User--", "a'", "Näme", "COUNT()", "a\n"] {
            assert_eq!(Name::parse(text), None, "{text:?}");
            assert!(serde_json::from_value::<Name>(serde_json::json!(text)).is_err(), "{text:?} came out of a cursor");
        }
        assert_eq!(Name::parse(&"a".repeat(121)), None);
    }

    #[test]
    fn a_query_is_written_out() {
        let at = chrono::Utc.with_ymd_and_hms(2026, 11, 20, 9, 15, 2).unwrap();
        let query = Query::new(Select::Fields(vec![known("Id"), known("OwnerId")]), known("Account"))
            .and(Condition::Compare(known("SystemModstamp"), Comparison::AtLeast, Literal::instant(at)))
            .and(Condition::In(known("Name"), OneOrMore::of(vec![Literal::text("a").unwrap(), Literal::text("b'").unwrap()]).unwrap()));
        assert_eq!(
            query.to_string(),
            r"SELECT Id, OwnerId FROM Account WHERE SystemModstamp >= 2026-11-20T09:15:02Z AND Name IN ('a','b\'')"
        );
        let newest = Query::new(Select::Fields(vec![known("Id")]), known("User")).first_by(known("Id"), Direction::Descending);
        assert_eq!(newest.to_string(), "SELECT Id FROM User ORDER BY Id DESC LIMIT 1");
        assert_eq!(Query::new(Select::Count, known("User")).to_string(), "SELECT COUNT() FROM User");
        assert_eq!(OneOrMore::of(Vec::new()), None, "an empty list cannot be asked for");
    }

    /// Reads a quoted literal back by the vendor's rules; `None` where it ends early or has an unknown escape.
    fn unquoted(quoted: &str) -> Option<String> {
        let inner = quoted.strip_prefix('\'')?.strip_suffix('\'')?;
        let mut text = String::new();
        let mut letters = inner.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\'' => return None,
                '\\' => match letters.next()? {
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    't' => text.push('\t'),
                    'b' => text.push('\u{8}'),
                    'f' => text.push('\u{c}'),
                    'u' => {
                        let digits: String = letters.by_ref().take(4).collect();
                        text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                    }
                    same @ ('\\' | '\'' | '"') => text.push(same),
                    _ => return None,
                },
                other => text.push(other),
            }
        }
        Some(text)
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_quotes(text in r#"[\\'"a-zA-Z %_\x00-\x1f\u{80}-\u{9f}ß]{0,60}"#) {
            prop_assert_eq!(unquoted(&Literal::text(&text).unwrap().0), Some(text));
        }

        #[test]
        fn whatever_is_asked_for_the_query_keeps_its_shape(text in "\\PC{0,40}", field in "\\PC{0,20}") {
            // A field of whatever spelling is a name or nothing.
            if let Some(name) = Name::parse(&field) {
                prop_assert!(name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
            }
            let query = Query::new(Select::Count, known("Account"))
                .and(Condition::Compare(known("Name"), Comparison::Is, Literal::text(&text).unwrap())).to_string();
            let literal = query.strip_prefix("SELECT COUNT() FROM Account WHERE Name = ").unwrap();
            prop_assert_eq!(unquoted(literal), Some(text));
        }
    }
}
