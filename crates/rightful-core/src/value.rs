//! Typed values of a record's fields. Decimals stay text: money and ids never become floats.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Kind, RecordId};

/// A moment, always in UTC.
pub type Instant = DateTime<Utc>;

/// A decimal number kept as the exact text the vendor sent.
///
/// ```
/// use rightful_core::Decimal;
/// assert_eq!(Decimal::parse("12.50").unwrap().as_str(), "12.50");
/// assert!(Decimal::parse("1e5x").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Decimal(String);

impl Decimal {
    /// Accepts digits with an optional sign, one point and an optional exponent.
    ///
    /// # Errors
    /// `Protocol` where the text is no decimal number.
    pub fn parse(text: &str) -> crate::Result<Self> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let mantissa_holds = match unsigned.split_once('.') {
            Some((whole, fraction)) => digits(whole) && digits(fraction),
            None => digits(unsigned),
        };
        let exponent_holds = exponent.is_none_or(|part| digits(part.strip_prefix(['-', '+']).unwrap_or(part)));
        if mantissa_holds && exponent_holds {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::new(ErrorKind::Protocol, format!("`{text}` is not a decimal number")))
        }
    }

    /// The number as the vendor wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Points at another record of the same connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// The kind of the record pointed at.
    pub kind: Kind,
    /// Its id.
    pub id: RecordId,
}

/// One value of one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Empty at the vendor: known to hold nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction, as text.
    Decimal(Decimal),
    /// Text.
    Text(String),
    /// A calendar day without a zone.
    Date(NaiveDate),
    /// A moment.
    Instant(Instant),
    /// Another record.
    Reference(Reference),
    /// Several values.
    List(Vec<Value>),
}

impl Value {
    /// Text, or `Null` where the text is empty.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Null } else { Self::Text(text) }
    }

    /// The text of a `Text` value.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Decimal(value) => f.write_str(value.as_str()),
            Self::Text(value) => f.write_str(value),
            Self::Date(value) => write!(f, "{value}"),
            Self::Instant(value) => f.write_str(&value.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
            Self::Reference(value) => write!(f, "{} {}", value.kind, value.id),
            Self::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{value}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_kept_to_the_letter() {
        for text in ["0", "-1.50", "0010.100", "1e5", "+2.5E-3"] {
            assert_eq!(Decimal::parse(text).unwrap().as_str(), text);
        }
        for text in ["", ".", "1.", ".5", "1,5", "NaN", "1e", "--1"] {
            assert!(Decimal::parse(text).is_err(), "{text} was accepted");
        }
    }
}
