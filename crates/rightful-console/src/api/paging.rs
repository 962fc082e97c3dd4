//! Lists in pages: how many items, and the opaque cursor that says where the next page begins.

use std::fmt::Write as _;
use std::str::FromStr;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// Items of a page, unless said.
const USUAL: usize = 50;
/// The most.
const MOST: usize = 200;

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// Where to go on: `next` of the page before.
    pub cursor: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// What to give as `cursor` for the next page; `null`: this is the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// A part of a list: from a position on, so many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<P> {
    list: &'static str,
    /// The position it begins behind; `None`: at the beginning.
    pub from: Option<P>,
    /// How many.
    pub limit: usize,
}

impl<P: FromStr> Part<P> {
    /// The part that was asked for. A cursor serves the list that it came from alone.
    ///
    /// # Errors
    /// Invalid where the limit is out of bounds or the cursor is none of this list.
    pub fn of(list: &'static str, limit: Option<i64>, cursor: Option<&str>) -> Result<Self, Problem> {
        let invalid = |field: &str, message: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message).with("field", field);
        let limit = match limit {
            None => USUAL,
            Some(limit) => usize::try_from(limit).ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| {
                invalid("limit", format!("`limit` cannot be {limit}")).hint(format!("give a number from 1 to {MOST}, or leave it out"))
            })?,
        };
        let from = match cursor {
            None => None,
            Some(cursor) => Some(position(list, cursor).and_then(|text| text.parse().ok()).ok_or_else(|| {
                invalid("cursor", "`cursor` is none of this list".to_owned())
                    .hint("give `next` of the page before as it came, or leave it out to begin anew")
            })?),
        };
        Ok(Self { list, from, limit })
    }
}

impl<P> Part<P> {
    /// How many rows to fetch: one more than the page holds tells whether there is another page.
    pub fn fetch(&self) -> usize {
        self.limit + 1
    }

    /// The page of a list that is there as a whole; it comes in the order of what `at` says of each row.
    pub fn page_of<R, T>(&self, mut rows: Vec<R>, at: impl Fn(&R) -> P, told: impl FnMut(R) -> T) -> Page<T>
    where
        P: Ord + ToString,
    {
        rows.retain(|row| self.from.as_ref().is_none_or(|from| at(row) > *from));
        rows.sort_by_key(&at);
        rows.truncate(self.fetch());
        self.page(rows, |row| at(row).to_string(), told)
    }

    /// The page that rows make which were fetched so. `position` says where a row is in the list.
    pub fn page<R, T>(&self, mut rows: Vec<R>, position: impl Fn(&R) -> String, told: impl FnMut(R) -> T) -> Page<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_| more).map(|last| cursor(self.list, &position(last)));
        Page { items: rows.into_iter().map(told).collect(), next }
    }
}

/// A position as text that nobody is to read anything into.
fn cursor(list: &str, position: &str) -> String {
    let mut text = String::new();
    for byte in format!("{list} {position}").bytes() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The position that a cursor of the list holds.
fn position(list: &str, cursor: &str) -> Option<String> {
    if !cursor.is_ascii() || !cursor.len().is_multiple_of(2) {
        return None;
    }
    let bytes = (0..cursor.len()).step_by(2).map(|at| u8::from_str_radix(&cursor[at..at + 2], 16).ok());
    let text = String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()?;
    text.strip_prefix(list)?.strip_prefix(' ').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let rows: Vec<i64> = (1..=5).collect();
        let (mut from, mut seen) = (None, Vec::new());
        loop {
            let part = Part::<i64>::of("numbers", Some(2), from.as_deref()).unwrap();
            let page = part.page_of(rows.iter().rev().copied().collect(), |row| *row, |row| row);
            assert!((1..=2).contains(&page.items.len()));
            seen.extend(page.items);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(seen, rows);
    }

    #[test]
    fn a_full_last_page_has_no_next() {
        let part = Part::<i64>::of("numbers", Some(2), None).unwrap();
        assert_eq!(part.page(vec![1, 2], i64::to_string, |row| row), Page { items: vec![1, 2], next: None });
    }

    #[test]
    fn limits_and_cursors_are_bounded() {
        for limit in [0, -1, 201, i64::MIN] {
            assert_eq!(Part::<i64>::of("a", Some(limit), None).unwrap_err().more["field"], "limit", "{limit}");
        }
        assert_eq!(Part::<i64>::of("a", None, None).unwrap().limit, 50);
        let good = cursor("a", "7");
        assert_eq!(Part::<i64>::of("a", None, Some(&good)).unwrap().from, Some(7));
        let others =
            [String::new(), "7".into(), "zz".into(), "+1+1".into(), "äö".into(), cursor("b", "7"), cursor("a", "x"), cursor("ab", "7")];
        for wrong in others {
            assert_eq!(Part::<i64>::of("a", None, Some(&wrong)).unwrap_err().more["field"], "cursor", "{wrong:?}");
        }
        let code = "R 05 · ä\n";
        assert_eq!(Part::<String>::of("codes", None, Some(&cursor("codes", code))).unwrap().from.as_deref(), Some(code));
    }
}
