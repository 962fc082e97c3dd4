//! Conditions whose names are known to exist, and how they are judged.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::ast::{Comparison, DatePart};
use super::bind::{Plan, Route};
use super::like::Pattern;

/// A value in the form in which values are compared: text without case, ids with it, times as text of one width.
#[derive(Clone, Debug)]
pub(in super::super) enum Key {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Key {
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(one), Self::Bool(two)) => one.cmp(two),
            (Self::Number(one), Self::Number(two)) => one.total_cmp(two),
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// Something with a value.
#[derive(Clone, Debug)]
pub(in super::super) enum Term {
    Field(Route),
    Part(DatePart, Route),
    /// What rows were grouped by, by place.
    Grouped(usize),
    /// What was computed over a group, by place.
    Computed(usize),
}

#[derive(Clone, Debug)]
pub(in super::super) enum Check {
    Compare(Comparison, Key),
    /// From the first, before the second.
    Within(Comparison, Key, Key),
    Like(Pattern),
    In(BTreeSet<Key>),
    /// In what the first column of a query gives.
    InQuery(Box<Plan>),
}

#[derive(Clone, Debug)]
pub(in super::super) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Holds(Term, Check),
}

impl Test {
    /// Is it so? `value` finds what a term stands for.
    pub(super) fn holds(&self, value: &impl Fn(&Term) -> Key) -> bool {
        match self {
            Self::All(all) => all.iter().all(|test| test.holds(value)),
            Self::Any(any) => any.iter().any(|test| test.holds(value)),
            Self::Not(test) => !test.holds(value),
            Self::Holds(term, check) => check.holds(&value(term)),
        }
    }

    /// The same with every inner query answered.
    pub(super) fn answered(self, rows: &impl Fn(&Plan) -> BTreeSet<Key>) -> Self {
        match self {
            Self::All(all) => Self::All(all.into_iter().map(|test| test.answered(rows)).collect()),
            Self::Any(any) => Self::Any(any.into_iter().map(|test| test.answered(rows)).collect()),
            Self::Not(test) => Self::Not(Box::new(test.answered(rows))),
            Self::Holds(term, Check::InQuery(plan)) => Self::Holds(term, Check::In(rows(&plan))),
            other => other,
        }
    }
}

impl Check {
    fn holds(&self, value: &Key) -> bool {
        match self {
            Self::Compare(Comparison::Equal, wanted) => value == wanted,
            Self::Compare(Comparison::NotEqual, wanted) => value != wanted,
            Self::In(wanted) => wanted.contains(value),
            Self::Within(Comparison::NotEqual, first, end) => value < first || value >= end,
            // Nothing is less or more than an empty field, nor like anything.
            _ if *value == Key::Null => false,
            Self::Compare(comparison, wanted) => match comparison {
                Comparison::Less => value < wanted,
                Comparison::LessOrEqual => value <= wanted,
                Comparison::Greater => value > wanted,
                _ => value >= wanted,
            },
            Self::Within(comparison, first, end) => match comparison {
                Comparison::Less => value < first,
                Comparison::LessOrEqual => value < end,
                Comparison::Greater => value >= end,
                Comparison::GreaterOrEqual => value >= first,
                _ => value >= first && value < end,
            },
            Self::Like(pattern) => matches!(value, Key::Text(text) if pattern.matches(text)),
            Self::InQuery(_) => false,
        }
    }
}
