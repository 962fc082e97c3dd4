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
    #[serde(default, deserialize_with = "null_as_empty")]
    pub errors: Vec<RefusedItem>,
}

/// One refused item.
#[derive(Clone, Debug, Deserialize)]
pub struct RefusedItem {
    /// Its place in the array sent, from 0.
    pub index: usize,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub detail: Vec<String>,
}

/// The answer to a write; its text is unpublished and nothing is read from it.
#[derive(Debug, Deserialize)]
pub struct Written {
    #[serde(rename = "message")]
    pub _message: String,
}

/// Text borrowed from the answer where it holds no escapes.
#[derive(Debug, Default)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// As text of our own: the one copy that is made.
    pub fn into_string(self) -> String {
        self.0.into_owned()
    }
}

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

            // Values of custom fields are documented as text; a bare number or truth value says the same.
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(number.to_string()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Cow::Owned(number.to_string()))
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(Cow::Owned(flag.to_string()))
            }
        }

        // Not `deserialize_str`: that would refuse everything else unseen.
        deserializer.deserialize_any(TextVisitor).map(Text)
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

/// Null where a list is documented counts as an empty one.
fn null_as_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::<Vec<T>>::deserialize(deserializer).map(Option::unwrap_or_default)
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

/// A customer. `F` holds its custom fields: [`Fields`] where some are asked for, [`Skipped`] where none is.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "F: Deserialize<'de> + Default, 'de: 'a"))]
pub struct Customer<'a, F> {
    pub id: i64,
    #[serde(borrow)]
    pub code: Option<Text<'a>>,
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    pub active: Option<bool>,
    pub price_list_id: Option<i64>,
    #[serde(borrow)]
    pub price_list_name: Option<Text<'a>>,
    /// Outer `None`: not shown. Inner `None`: null.
    #[serde(default, deserialize_with = "present")]
    pub assigned_users: Option<Option<Vec<i64>>>,
    #[serde(default)]
    pub custom_fields: F,
    pub row_version: Option<RowVersion>,
    pub version: Option<RowVersion>,
    #[serde(borrow)]
    pub last_modified_time: Option<Text<'a>>,
}

/// Values of custom fields, by field id.
pub trait CustomValues {
    /// The value of a field; `None` where the row has none.
    fn value(&self, id: i64) -> Option<&str>;
}

/// Custom fields as the row shows them.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Fields<'a>(#[serde(borrow)] Option<Vec<CustomField<'a>>>);

impl CustomValues for Fields<'_> {
    fn value(&self, id: i64) -> Option<&str> {
        let field = self.0.iter().flatten().find(|field| field.id == id)?;
        field.value.as_ref().map(|value| value.0.as_ref())
    }
}

/// Custom fields nobody asked for: passed over without looking inside.
#[derive(Debug, Default)]
pub struct Skipped;

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl CustomValues for Skipped {
    fn value(&self, _: i64) -> Option<&str> {
        None
    }
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
    #[serde(borrow)]
    pub customer_code: Option<Text<'a>>,
    #[serde(borrow)]
    pub customer_name: Option<Text<'a>>,
    pub user_id: Option<i64>,
    #[serde(borrow)]
    pub user_name: Option<Text<'a>>,
    pub cycle: Option<i64>,
    pub frequency: Option<i64>,
    #[serde(borrow)]
    pub period: Option<Text<'a>>,
    pub row_version: Option<RowVersion>,
    pub version: Option<RowVersion>,
    #[serde(borrow)]
    pub last_modified_time: Option<Text<'a>>,
}

/// A form with the custom fields it defines.
#[derive(Debug, Deserialize)]
pub struct FormDefinition {
    pub id: i64,
    #[serde(default, deserialize_with = "null_as_empty")]
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
    #[serde(borrow, default, deserialize_with = "null_as_empty")]
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
        let shown = |text: &str| serde_json::from_str::<Customer<'_, Skipped>>(text).unwrap().assigned_users;
        assert_eq!(shown(r#"{"id":1}"#), None);
        assert_eq!(shown(r#"{"id":1,"assigned_users":null}"#), Some(None));
        assert_eq!(shown(r#"{"id":1,"assigned_users":[7]}"#), Some(Some(vec![7])));
    }

    #[test]
    fn a_value_of_a_custom_field_is_text_however_it_is_written() {
        for (json, wanted) in [
            ("\"R05\"", Some("R05")),
            ("\"a\\nb\"", Some("a\nb")),
            ("7", Some("7")),
            ("-7", Some("-7")),
            ("true", Some("true")),
            ("null", None),
        ] {
            let text = format!(r#"{{"id":1,"custom_fields":[{{"id":40,"value":"x"}},{{"id":41,"name":"Rep Code","value":{json}}}]}}"#);
            let row: Customer<'_, Fields<'_>> = serde_json::from_str(&text).unwrap();
            assert_eq!((row.custom_fields.value(41), row.custom_fields.value(42)), (wanted, None), "{json}");
            assert!(serde_json::from_str::<Customer<'_, Skipped>>(&text).unwrap().custom_fields.value(41).is_none());
        }
        for absent in [r#"{"id":1}"#, r#"{"id":1,"custom_fields":null}"#] {
            assert_eq!(serde_json::from_str::<Customer<'_, Fields<'_>>>(absent).unwrap().custom_fields.value(41), None);
            assert!(serde_json::from_str::<Customer<'_, Skipped>>(absent).is_ok());
        }
    }

    #[test]
    fn a_refusal_is_read_with_null_members_too() {
        let refused: Refused = serde_json::from_str(r#"{"message":"no","errors":null}"#).unwrap();
        assert!(refused.errors.is_empty());
        let refused: Refused = serde_json::from_str(r#"{"message":"no","errors":[{"index":1,"detail":null}]}"#).unwrap();
        assert_eq!((refused.errors[0].index, refused.errors[0].detail.len()), (1, 0));
    }
}
