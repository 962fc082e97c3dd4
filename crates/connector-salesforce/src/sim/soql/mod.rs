//! The query language: text to a tree, tree to names that exist, names to rows.

mod aggregate;
mod ast;
mod bind;
mod bulk_rules;
mod dates;
mod evaluate;
mod filter;
mod lexer;
mod like;
mod outline;
mod parser;
#[cfg(test)]
mod tests;

pub use outline::{Outline, Told, outline};

pub(super) use bind::Route;
pub(super) use bind::{Binder, Column, Plan};
pub(super) use bulk_rules::bulk_refusal;
pub(super) use evaluate::{Scope, aggregate_rows, children_by_parent, day, matching, stamp};

/// The longest query that is read: <https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_soslsoql.htm>.
pub(super) const LONGEST: usize = 100_000;

/// Why a query is refused: a code of the vendor's, a message, and where in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) at: Option<usize>,
}

impl Refused {
    pub(super) fn malformed(message: impl Into<String>, at: usize) -> Self {
        Self { code: "MALFORMED_QUERY", message: message.into(), at: Some(at) }
    }

    pub(super) fn plain(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), at: None }
    }

    /// The message with the place pointed at, as the vendor writes it.
    pub(super) fn told(&self, text: &str) -> String {
        let Some(at) = self.at else { return self.message.clone() };
        let at = (0..=at.min(text.len())).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0);
        let before = &text[..at];
        let row = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |place| place + 1);
        let column = text[line_start..at].chars().count() + 1;
        let line = text[line_start..].lines().next().unwrap_or_default();
        let skipped = (column - 1).saturating_sub(40);
        let shown: String = line.chars().skip(skipped).take(80).collect();
        format!("\n{shown}\n{}^\nERROR at Row:{row}:Column:{column}\n{}", " ".repeat(column - 1 - skipped), self.message)
    }
}

/// A result, or why not.
pub(super) type Parsed<T> = Result<T, Refused>;

/// Reads a query; names are not looked at yet.
pub(super) fn parse(text: &str) -> Parsed<ast::Query> {
    if text.len() > LONGEST {
        return Err(Refused::plain("MALFORMED_QUERY", "SOQL statements cannot be longer than 100000 characters."));
    }
    parser::Parser::new(lexer::lex(text)?, text.len()).whole_query()
}
