//! Answers as Skynamo spells them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// A list: rows and counts.
#[derive(Debug, Deserialize)]
pub struct List<T> {
    pub data: Vec<T>,
    pub page: Counts,
}

/// What a list says about itself.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Counts {
    /// The size in effect, which may be smaller than the one asked for.
    #[serde(default)]
    pub page_size: u64,
    /// Rows of the kind.
    pub total_item_count: u64,
    /// Rows that satisfy the filters.
    pub filtered_item_count: u64,
}

/// A refusal in the service's error model; the gateway sends `message` alone.
#[derive(Clone, Debug, Deserialize)]
pub struct Refused {
    pub message: String,
    #[serde(default)]
    pub errors: Vec<RefusedItem>,
}

/// One refused item.
#[derive(Clone, Debug, Deserialize)]
pub struct RefusedItem {
    /// Its place in the array sent, from 0.
    pub index: usize,
    #[serde(default)]
    pub detail: Vec<String>,
}

/// The answer to a write; its text is unpublished and nothing is read from it.
#[derive(Debug, Deserialize)]
pub struct Written {
    #[serde(rename = "message")]
    pub _message: String,
}

/// Text borrowed from the answer where it holds no escapes.
#[derive(Debug)]
pub struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }

        deserializer.deserialize_str(TextVisitor).map(Text)
    }
}

/// A row version: a number in lists, text in several other answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowVersion(pub u64);

impl<'de> Deserialize<'de> for RowVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VersionVisitor;

        impl Visitor<'_> for VersionVisitor {
            type Value = RowVersion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row version as number or text")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<RowVersion, E> {
                Ok(RowVersion(number))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<RowVersion, E> {
                u64::try_from(number).map(RowVersion).map_err(|_| E::custom("a row version is never negative"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RowVersion, E> {
                text.trim().parse().map(RowVersion).map_err(|_| E::custom("a row version is a whole number"))
            }
        }

        deserializer.deserialize_any(VersionVisitor)
    }
}

/// Tells a member that is null from one that is not there.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A user.
#[derive(Debug, Deserialize)]
pub struct User {
    pub id: i64,
    pub user_name: Option<String>,
    pub display_name: Option<String>,
    pub email: Option<String>,
    /// The published specification has it; every client seen reads `is_verified` too.
    pub active: bool,
    pub is_verified: Option<bool>,
    pub access: Option<String>,
}

/// A customer.
#[derive(Debug, Deserialize)]
pub struct Customer<'a> {
    pub id: i64,
    pub code: Option<String>,
    pub name: Option<String>,
    pub active: Option<bool>,
    pub price_list_id: Option<i64>,
    pub price_list_name: Option<String>,
    /// Outer `None`: not shown. Inner `None`: null.
    #[serde(default, deserialize_with = "present")]
    pub assigned_users: Option<Option<Vec<i64>>>,
    #[serde(borrow)]
    pub custom_fields: Option<Vec<CustomField<'a>>>,
    pub row_version: Option<RowVersion>,
    pub version: Option<RowVersion>,
    #[serde(borrow)]
    pub last_modified_time: Option<Text<'a>>,
}

/// A custom field's value on a customer or an integration's form.
#[derive(Debug, Deserialize)]
pub struct CustomField<'a> {
    pub id: i64,
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub value: Option<Text<'a>>,
}

/// A visit frequency.
#[derive(Debug, Deserialize)]
pub struct VisitFrequency<'a> {
    pub id: i64,
    pub customer_id: i64,
    pub customer_code: Option<String>,
    pub customer_name: Option<String>,
    pub user_id: Option<i64>,
    pub user_name: Option<String>,
    pub cycle: Option<i64>,
    pub frequency: Option<i64>,
    pub period: Option<String>,
    pub row_version: Option<RowVersion>,
    pub version: Option<RowVersion>,
    #[serde(borrow)]
    pub last_modified_time: Option<Text<'a>>,
}

/// A form with the custom fields it defines.
#[derive(Debug, Deserialize)]
pub struct FormDefinition {
    pub id: i64,
    #[serde(default)]
    pub custom_fields: Vec<FormField>,
}

/// A custom field as its form defines it.
#[derive(Debug, Deserialize)]
pub struct FormField {
    pub id: i64,
    pub name: Option<String>,
}

/// The active integration's settings.
#[derive(Debug, Deserialize)]
pub struct IntegrationForm<'a> {
    #[serde(borrow)]
    pub last_modified_time: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub custom_fields: Vec<CustomField<'a>>,
}

/// A change of a customer's users: the whole list, since the vendor sets a list to exactly what is sent.
#[derive(Debug, Serialize)]
pub struct CustomerPatch {
    pub id: i64,
    pub assigned_users: Vec<i64>,
}

/// A change of a visit frequency's user.
#[derive(Debug, Serialize)]
pub struct VisitFrequencyPatch {
    pub id: i64,
    pub user_id: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_version_is_number_or_text() {
        for text in ["88213", "\"88213\"", "\" 88213 \""] {
            assert_eq!(serde_json::from_str::<RowVersion>(text).unwrap(), RowVersion(88213), "{text}");
        }
        for text in ["-1", "1.5", "\"x\"", "null", "{}"] {
            assert!(serde_json::from_str::<RowVersion>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_absent_list_is_not_an_empty_one() {
        let shown = |text: &str| serde_json::from_str::<Customer<'_>>(text).unwrap().assigned_users;
        assert_eq!(shown(r#"{"id":1}"#), None);
        assert_eq!(shown(r#"{"id":1,"assigned_users":null}"#), Some(None));
        assert_eq!(shown(r#"{"id":1,"assigned_users":[7]}"#), Some(Some(vec![7])));
    }
}
