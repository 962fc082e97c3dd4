//! A query as it was written.

use chrono::{DateTime, NaiveDate, Utc};

use super::dates::Span;

/// Field names with dots between, and where they stand.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Path {
    pub(in super::super) parts: Vec<String>,
    pub(in super::super) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Function {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum DatePart {
    Year,
    Month,
    DayInMonth,
    Day,
}

/// Something with a value per row or group.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Operand {
    Field(Path),
    Part(DatePart, Path),
    /// `COUNT()` has no path.
    Aggregate(Function, Option<Path>, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum FieldSet {
    All,
    Standard,
    Custom,
}

#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Selected {
    Value(Operand, Option<String>),
    Children(Box<Query>),
    Fields(FieldSet, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Given {
    /// The text; `None` where it has an escape that only a pattern may have. The pattern keeps its escapes.
    Text {
        plain: Option<String>,
        pattern: String,
    },
    Number(f64),
    Bool(bool),
    Null,
    Date(NaiveDate),
    DateTime(DateTime<Utc>),
    Named(Span),
}

#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Literal {
    pub(in super::super) given: Given,
    pub(in super::super) at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Operand, Comparison, Literal),
    In(Operand, bool, Vec<Literal>),
    InQuery(Operand, bool, Box<Query>),
}

#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Ordering {
    pub(in super::super) by: Operand,
    pub(in super::super) descending: bool,
    pub(in super::super) nulls_last: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Query {
    pub(in super::super) selected: Vec<Selected>,
    pub(in super::super) from: String,
    pub(in super::super) from_at: usize,
    pub(in super::super) alias: Option<String>,
    pub(in super::super) mine: bool,
    pub(in super::super) filter: Option<Condition>,
    pub(in super::super) groups: Vec<Operand>,
    pub(in super::super) having: Option<Condition>,
    pub(in super::super) order: Vec<Ordering>,
    pub(in super::super) limit: Option<u64>,
    pub(in super::super) offset: Option<u64>,
}
