//! What pages and API do alike: what was typed is judged here, and each change is made and told in one way.

pub mod accounts;
pub mod codes;
pub mod connections;
pub mod holds;
pub mod links;
pub mod members;
pub mod people;
pub mod plans;
pub mod runs;
pub mod switches;
pub mod tokens;
pub mod why;

use std::fmt;

use axum::http::StatusCode;
use rightful_engine::Authorship;
use serde_json::{Map, Value as Json, json};

use crate::Console;
use crate::access::Who;
use crate::problem::Problem;
use crate::told::without_commands;

/// Somebody would change something without saying why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoReason;

impl fmt::Display for NoReason {
    /// As a form says it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Say why, in a few words: whoever looks at this later will want to know.")
    }
}

impl From<NoReason> for Problem {
    fn from(_: NoReason) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "the reason is empty")
            .hint("say why, in a few words: whoever looks at this later will want to know")
            .with("field", "reason")
    }
}

/// Whoever changes something now, with the reason that they give.
///
/// # Errors
/// Where the reason says nothing.
pub fn signed(console: &Console, who: &Who, reason: &str) -> Result<Authorship, NoReason> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(NoReason);
    }
    Ok(Authorship { author: who.actor(), reason: reason.to_owned(), at: console.now() })
}

/// Something that was typed and cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The field; `None` where it is none of them alone.
    pub field: Option<String>,
    /// What is wrong with it and how to mend it.
    pub told: String,
}

impl Wrong {
    /// With a field.
    pub fn of(field: &str, told: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), told: told.into() }
    }

    /// An error as one of a field.
    pub fn error(field: &str, error: &rightful_core::Error) -> Self {
        Self::of(field, told(error))
    }
}

/// An error with what mends it, in one sentence.
pub fn told(error: &rightful_core::Error) -> String {
    match error.mend() {
        Some(mend) => format!("{error}; {}", without_commands(mend)),
        None => error.to_string(),
    }
}

/// What differs between two states, as the audit log keeps it: only fields that changed.
pub fn difference(before: &Json, after: &Json) -> Json {
    let empty = Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let (mut was, mut is) = (Map::new(), Map::new());
    for key in keys {
        let (old, new) = (before.get(key), after.get(key));
        if old != new {
            was.extend(old.map(|old| (key.clone(), old.clone())));
            is.extend(new.map(|new| (key.clone(), new.clone())));
        }
    }
    json!({ "before": was, "after": is })
}

/// Text that a person may be called by: one line, not endless, and no name that the log gives to others.
pub fn one_line(text: &str, longest: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("fill this in".to_owned());
    }
    if text.chars().count() > longest {
        return Err(format!("at most {longest} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("one line of plain text".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_kept() {
        let (before, after) = (json!({ "a": 1, "b": 2, "c": 3 }), json!({ "a": 1, "b": 5, "d": 4 }));
        assert_eq!(difference(&before, &after), json!({ "before": { "b": 2, "c": 3 }, "after": { "b": 5, "d": 4 } }));
        assert_eq!(difference(&Json::Null, &json!({ "a": 1 })), json!({ "before": {}, "after": { "a": 1 } }));
    }

    #[test]
    fn a_line_is_one_line() {
        for (text, expected) in [
            (" Ann ", Ok("Ann")),
            ("", Err("fill this in")),
            ("a\nb", Err("one line of plain text")),
            ("12345", Err("at most 4 characters")),
        ] {
            assert_eq!(one_line(text, 4).as_deref().map_err(String::as_str), expected, "{text:?}");
        }
    }
}
