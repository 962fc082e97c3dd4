//! Which source records are activities, and what is written of each: workflows, their conditions and their figures.

use rightful_core::{FieldName, Kind, Owner, Record, Value};
use serde::{Deserialize, Serialize};

use crate::CodeFrom;

/// How source people get accounts in the target (SS-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeopleMode {
    /// Only by links that a person makes, or that the target's own mappings show (SS-2, SS-12).
    #[default]
    Manual,
    /// As `manual`; besides, those whom a person picks (SS-3).
    OnDemand,
    /// As `on-demand`; besides, owners of records that satisfy an active workflow (SS-8).
    Automatic,
    /// Everyone who may own records in the source.
    All,
}

impl PeopleMode {
    /// Every mode, in the words of a configuration.
    pub const WORDS: &[&str] = &["manual", "on-demand", "automatic", "all"];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::OnDemand => "on-demand",
            Self::Automatic => "automatic",
            Self::All => "all",
        }
    }

    /// The mode of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Manual, Self::OnDemand, Self::Automatic, Self::All].into_iter().find(|mode| mode.as_str() == word)
    }
}

/// What makes a workflow write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triggers {
    /// A record that satisfies it is credited the first time.
    pub create: bool,
    /// A record that changes is credited, and what was credited follows it.
    pub update: bool,
    /// What was credited is removed with its record.
    pub delete: bool,
}

impl Default for Triggers {
    fn default() -> Self {
        Self { create: true, update: true, delete: true }
    }
}

/// What a field has to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// One of these.
    Is(Vec<Value>),
    /// None of these.
    Not(Vec<Value>),
    /// This number, day or moment, or a later one.
    AtLeast(Value),
    /// This number, day or moment, or an earlier one.
    AtMost(Value),
    /// Anything.
    Filled,
    /// Nothing.
    Empty,
}

/// One condition on a source record. All of a workflow's have to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The field, as the source's vendor spells it.
    pub field: FieldName,
    /// What it has to hold.
    pub test: Test,
}

/// Where a written value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// A field of the source record.
    Field(FieldName),
    /// The same for every record.
    Fixed(Value),
    /// The e-mail address of the person it is credited to.
    Email,
}

/// One record of the target that a source record yields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name: part of the target record's id.
    pub name: String,
    /// Whom it is credited to.
    pub owner: CodeFrom,
    /// The target's fields.
    pub set: Vec<(FieldName, From)>,
}

/// Which records of one kind are written, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// Its name.
    pub name: String,
    /// The source kind.
    pub object: Kind,
    /// What makes it write.
    pub triggers: Triggers,
    /// What a record has to satisfy.
    pub when: Vec<Condition>,
    /// What is written.
    pub figures: Vec<Figure>,
    /// Does it write at all?
    pub active: bool,
}

impl Workflow {
    /// The fields it looks at.
    pub fn fields(&self) -> impl Iterator<Item = &FieldName> {
        let figures = self.figures.iter().flat_map(|figure| {
            let owner = match &figure.owner {
                CodeFrom::Field(field) => Some(field),
                CodeFrom::Owner(_) => None,
            };
            let set = figure.set.iter().filter_map(|(_, from)| match from {
                From::Field(field) => Some(field),
                From::Fixed(_) | From::Email => None,
            });
            owner.into_iter().chain(set)
        });
        self.when.iter().map(|condition| &condition.field).chain(figures)
    }

    /// Does a record satisfy it? `fields` names its values.
    pub fn is_satisfied(&self, record: &Record, fields: &[FieldName]) -> bool {
        self.when.iter().all(|condition| condition.test.holds(value_of(record, fields, &condition.field)))
    }
}

/// A value of a record by its field's name; `Null` where it is not there.
pub fn value_of<'a>(record: &'a Record, fields: &[FieldName], field: &FieldName) -> &'a Value {
    fields.iter().position(|known| known == field).and_then(|at| record.values.get(at)).unwrap_or(&Value::Null)
}

impl Test {
    /// Does it hold of a value?
    pub fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Is(wanted) => wanted.iter().any(|wanted| same(wanted, value)),
            Self::Not(unwanted) => !unwanted.iter().any(|unwanted| same(unwanted, value)),
            Self::AtLeast(bound) => ordered(value, bound).is_some_and(|order| order.is_ge()),
            Self::AtMost(bound) => ordered(value, bound).is_some_and(|order| order.is_le()),
            Self::Filled => !is_empty(value),
            Self::Empty => is_empty(value),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::List(values) => values.is_empty(),
        _ => false,
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (wanted, Value::List(values)) => values.iter().any(|value| same(wanted, value)),
        // Vendors call things by words whose case their users do not care for.
        (Value::Text(one), Value::Text(other)) => one == other || one.to_lowercase() == other.to_lowercase(),
        (one, other) => one == other || ordered(one, other).is_some_and(std::cmp::Ordering::is_eq),
    }
}

/// The order of two numbers, days or moments; `None` where they cannot be compared.
fn ordered(one: &Value, other: &Value) -> Option<std::cmp::Ordering> {
    match (one, other) {
        (Value::Date(one), Value::Date(other)) => Some(one.cmp(other)),
        (Value::Instant(one), Value::Instant(other)) => Some(one.cmp(other)),
        (Value::Instant(one), Value::Date(other)) => Some(one.date_naive().cmp(other)),
        (Value::Date(one), Value::Instant(other)) => Some(one.cmp(&other.date_naive())),
        (Value::Bool(one), Value::Bool(other)) => Some(one.cmp(other)),
        (one, other) => number(one)?.partial_cmp(&number(other)?),
    }
}

/// A number to compare by. What is written is never made of it.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Decimal(number) => number.as_str().parse().ok(),
        _ => None,
    }
}

/// Whom a record names in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedOwner<'a> {
    /// This person, by id.
    Person(&'a str),
    /// Nobody: it belongs to a queue, or to no one.
    Nobody,
    /// The vendor does not show it.
    Unseen,
}

/// Whom a record names as the owner of a figure.
pub fn named_owner<'a>(record: &'a Record, fields: &[FieldName], from: &CodeFrom) -> NamedOwner<'a> {
    match from {
        CodeFrom::Field(field) => match value_of(record, fields, field) {
            Value::Text(text) if !text.trim().is_empty() => NamedOwner::Person(text.trim()),
            Value::Reference(reference) => NamedOwner::Person(reference.id.as_str()),
            _ => NamedOwner::Nobody,
        },
        CodeFrom::Owner(role) => match record.owner(role) {
            Owner::Known(owners) => match owners.as_slice() {
                [] => NamedOwner::Nobody,
                [owner] => NamedOwner::Person(owner),
                // A figure is credited to one person.
                _ => NamedOwner::Unseen,
            },
            Owner::Of { .. } | Owner::Unseen => NamedOwner::Unseen,
        },
    }
}

#[cfg(test)]
mod tests {
    use rightful_core::Decimal;

    use super::*;

    fn decimal(text: &str) -> Value {
        Value::Decimal(Decimal::parse(text).unwrap())
    }

    #[test]
    fn a_condition_holds_or_not() {
        let (text, date) = (|text: &str| Value::text(text), |text: &str| Value::Date(text.parse().unwrap()));
        let instant = |text: &str| Value::Instant(text.parse().unwrap());
        for (test, value, expected) in [
            (Test::Is(vec![text("Closed Won")]), text("Closed Won"), true),
            (Test::Is(vec![text("closed won")]), text("Closed Won"), true),
            (Test::Is(vec![text("Closed Won")]), text("Closed Lost"), false),
            (Test::Is(vec![text("Closed Won"), text("Won")]), text("Won"), true),
            (Test::Is(vec![text("Closed Won")]), Value::Null, false),
            (Test::Is(vec![Value::Integer(5)]), decimal("5.0"), true),
            (Test::Is(vec![Value::Bool(true)]), Value::Bool(true), true),
            (Test::Is(vec![text("b")]), Value::List(vec![text("a"), text("b")]), true),
            (Test::Not(vec![text("Closed Lost")]), text("Closed Won"), true),
            (Test::Not(vec![text("Closed Lost")]), Value::Null, true),
            (Test::Not(vec![text("Closed Lost")]), text("closed lost"), false),
            (Test::AtLeast(Value::Integer(1000)), decimal("999.99"), false),
            (Test::AtLeast(Value::Integer(1000)), decimal("1000.00"), true),
            (Test::AtLeast(Value::Integer(1000)), Value::Null, false),
            (Test::AtLeast(date("2026-01-01")), date("2026-01-01"), true),
            (Test::AtLeast(date("2026-01-01")), instant("2025-12-31T23:59:59Z"), false),
            (Test::AtMost(date("2026-01-01")), instant("2026-01-01T23:59:59Z"), true),
            (Test::AtMost(Value::Integer(3)), text("2"), false),
            (Test::Filled, text("  "), false),
            (Test::Filled, Value::Bool(false), true),
            (Test::Empty, Value::Null, true),
            (Test::Empty, Value::Integer(0), false),
        ] {
            assert_eq!(test.holds(&value), expected, "{test:?} {value:?}");
        }
    }
}
