//! The settings and secrets of one connection, checked against what its descriptor declares.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{Error, ErrorKind, Result, Secret};

/// What kind of value a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingType {
    /// Text.
    Text,
    /// True or false.
    Bool,
    /// A whole number.
    Integer,
    /// An absolute address.
    Url,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Given by reference, never printed.
    Secret,
}

/// One setting a descriptor declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Setting {
    /// Its key in configuration, in snake case.
    pub key: &'static str,
    /// What it takes.
    pub takes: SettingType,
    /// Must it be given?
    pub required: bool,
    /// Used where it is not given.
    pub default: Option<&'static str>,
    /// One sentence for schema, forms and `init`.
    pub about: &'static str,
    /// A value for the example configuration.
    pub example: &'static str,
}

/// The settings of one connection. Printable: secrets travel in [`Secrets`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, Json>);

/// The secrets of one connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Secrets(BTreeMap<String, Secret>);

impl Settings {
    /// From key and value pairs.
    pub fn new<K: Into<String>>(entries: impl IntoIterator<Item = (K, Json)>) -> Self {
        Self(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Sets one.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<Json>) {
        self.0.insert(key.into(), value.into());
    }

    /// All keys given.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Every entry as it was given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of a setting, or its declared default as a JSON string.
    pub fn get(&self, setting: &Setting) -> Option<Json> {
        self.0.get(setting.key).cloned().or_else(|| {
            let default = setting.default?;
            Some(match setting.takes {
                SettingType::Bool => Json::Bool(default == "true"),
                SettingType::Integer => default.parse::<i64>().map_or(Json::Null, Json::from),
                _ => Json::from(default),
            })
        })
    }

    /// Text of a `Text`, `Url` or `Choice` setting.
    ///
    /// # Errors
    /// `Config` where it is missing, of another type, or no listed choice.
    pub fn text(&self, setting: &Setting) -> Result<String> {
        let text = match self.get(setting) {
            Some(Json::String(text)) => text,
            Some(other) => return Err(wrong(setting, &other, "text")),
            None => return Err(missing(setting)),
        };
        if let SettingType::Choice(words) = setting.takes
            && !words.contains(&text.as_str())
        {
            return Err(Error::new(ErrorKind::Config, format!("`{}` cannot be `{text}`", setting.key))
                .hint(format!("use one of: {}", words.join(", "))));
        }
        Ok(text)
    }

    /// Text of a setting that may be left out; an empty text counts as left out.
    ///
    /// # Errors
    /// `Config` where it is of another type.
    pub fn optional_text(&self, setting: &Setting) -> Result<Option<String>> {
        match self.get(setting) {
            None => Ok(None),
            Some(_) => self.text(setting).map(|text| Some(text).filter(|text| !text.is_empty())),
        }
    }

    /// A `Bool` setting.
    ///
    /// # Errors
    /// `Config` where it is missing or of another type.
    pub fn bool(&self, setting: &Setting) -> Result<bool> {
        match self.get(setting) {
            Some(Json::Bool(value)) => Ok(value),
            Some(other) => Err(wrong(setting, &other, "true or false")),
            None => Err(missing(setting)),
        }
    }

    /// An `Integer` setting.
    ///
    /// # Errors
    /// `Config` where it is missing or of another type.
    pub fn integer(&self, setting: &Setting) -> Result<i64> {
        match self.get(setting) {
            Some(Json::Number(value)) if value.is_i64() => Ok(value.as_i64().expect("checked above")),
            Some(other) => Err(wrong(setting, &other, "a whole number")),
            None => Err(missing(setting)),
        }
    }
}

impl Secrets {
    /// From key and secret pairs.
    pub fn new<K: Into<String>>(entries: impl IntoIterator<Item = (K, Secret)>) -> Self {
        Self(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Sets one.
    pub fn set(&mut self, key: impl Into<String>, secret: Secret) {
        self.0.insert(key.into(), secret);
    }

    /// Keys of all that were given.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The secret of a setting.
    ///
    /// # Errors
    /// `Config` where it was not given.
    pub fn get(&self, setting: &Setting) -> Result<Secret> {
        self.0.get(setting.key).cloned().ok_or_else(|| {
            missing(setting).hint(format!(
                "give it by reference: {key} = {{ env = \"NAME\" }}, {{ file = \"PATH\" }} or {{ command = [\"PROGRAM\"] }}",
                key = setting.key
            ))
        })
    }

    /// All of them, for redaction.
    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        self.0.values()
    }
}

fn missing(setting: &Setting) -> Error {
    Error::new(ErrorKind::Config, format!("`{}` is missing", setting.key))
        .hint(format!("add {} = \"{}\" ({})", setting.key, setting.example, setting.about))
}

fn wrong(setting: &Setting, found: &Json, wanted: &str) -> Error {
    Error::new(ErrorKind::Config, format!("`{}` must be {wanted}, not {found}", setting.key))
        .hint(format!("for example {} = {}", setting.key, setting.example))
}
