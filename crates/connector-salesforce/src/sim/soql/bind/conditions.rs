//! Conditions of a query: does each compare a field with something of its kind?

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::super::super::ids;
use super::super::super::schema::Kind;
use super::super::ast::{Comparison, Condition, DatePart, Function, Given, Literal, Operand};
use super::super::evaluate::{day, stamp};
use super::super::filter::{Check, Key, Term, Test};
use super::super::like::Pattern;
use super::super::{Parsed, Refused};
use super::{Binder, Column, Route};

impl Binder<'_> {
    /// A condition over whatever `term` finds.
    pub(super) fn test(&self, condition: &Condition, term: &dyn Fn(&Operand) -> Parsed<Term>) -> Parsed<Test> {
        let all = |conditions: &[Condition]| conditions.iter().map(|one| self.test(one, term)).collect::<Parsed<Vec<_>>>();
        Ok(match condition {
            Condition::All(conditions) => Test::All(all(conditions)?),
            Condition::Any(conditions) => Test::Any(all(conditions)?),
            Condition::Not(inner) => Test::Not(Box::new(self.test(inner, term)?)),
            Condition::Compare(operand, comparison, literal) => {
                let found = term(operand)?;
                let compared = Compared::new(&found, operand)?;
                let check = self.check(&compared, *comparison, literal)?;
                Test::Holds(found, check)
            }
            Condition::In(operand, negated, literals) => {
                let found = term(operand)?;
                let compared = Compared::new(&found, operand)?;
                let keys = literals.iter().map(|literal| self.key(&compared, literal)).collect::<Parsed<BTreeSet<_>>>()?;
                not_if(*negated, Test::Holds(found, Check::In(keys)))
            }
            Condition::InQuery(operand, negated, query) => {
                let found = term(operand)?;
                let plan = self.plan(query)?;
                let gives_ids = |column: &Column| matches!(column, Column::Value(route) if route.kind.is_id());
                let is_id = matches!(&found, Term::Field(route) if route.kind.is_id());
                if !(plan.grouping.is_none() && plan.columns.len() == 1 && plan.columns.iter().all(gives_ids) && is_id) {
                    let message = "Semi join sub-selects can only query id fields, and are compared with id fields";
                    return Err(Refused::malformed(message, query.from_at));
                }
                not_if(*negated, Test::Holds(found, Check::InQuery(Box::new(plan))))
            }
        })
    }

    /// Rows of the caller that also pass another test.
    pub(super) fn owned(&self, object: usize, owner: usize, other: Option<Test>) -> Test {
        let field = &self.schema.objects[object].fields[owner];
        let route = Route { steps: Vec::new(), leaf: field.name.clone(), place: Some(owner), kind: field.kind, filterable: true };
        let mine = Test::Holds(Term::Field(route), Check::Compare(Comparison::Equal, Key::Text(self.caller.to_owned())));
        Test::All(other.into_iter().chain([mine]).collect())
    }

    fn check(&self, compared: &Compared<'_>, comparison: Comparison, literal: &Literal) -> Parsed<Check> {
        let wrong_operator =
            || Refused { code: "INVALID_QUERY_FILTER_OPERATOR", message: "invalid operator".into(), at: Some(compared.at) };
        if comparison == Comparison::Like {
            return match &literal.given {
                Given::Text { pattern, .. } if compared.kind.is_text() => Ok(Check::Like(Pattern::new(pattern))),
                Given::Text { .. } => Err(wrong_operator()),
                _ => Err(compared.wrong_kind(true)),
            };
        }
        let orders = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        if orders && compared.kind == Kind::Boolean {
            return Err(wrong_operator());
        }
        if let Given::Named(span) = &literal.given {
            let (first, end) = span.days(self.now.date_naive());
            let key = |date: NaiveDate| match compared.kind {
                Kind::Date => Some(Key::Text(day(date))),
                Kind::DateTime => date.and_hms_opt(0, 0, 0).map(|time| Key::Text(stamp(time.and_utc()))),
                _ => None,
            };
            let (Some(first), Some(end)) = (key(first), key(end)) else { return Err(compared.wrong_kind(false)) };
            return Ok(Check::Within(comparison, first, end));
        }
        let key = self.key(compared, literal)?;
        if orders && key == Key::Null {
            return Err(wrong_operator());
        }
        Ok(Check::Compare(comparison, key))
    }

    fn key(&self, compared: &Compared<'_>, literal: &Literal) -> Parsed<Key> {
        let kind = compared.kind;
        Ok(match &literal.given {
            Given::Null => Key::Null,
            Given::Text { plain: None, .. } => {
                return Err(Refused::malformed("Invalid string literal: \\_ and \\% are for LIKE only", literal.at));
            }
            Given::Text { plain: Some(text), .. } if kind.is_id() => {
                if text.is_empty() {
                    return Ok(Key::Null);
                }
                let id = ids::normalised(text).ok_or_else(|| Refused {
                    code: "INVALID_QUERY_FILTER_OPERATOR",
                    message: format!("invalid ID field: {text}"),
                    at: Some(compared.at),
                })?;
                Key::Text(id)
            }
            // An empty text is an empty field.
            Given::Text { plain: Some(text), .. } if kind.is_text() && text.is_empty() => Key::Null,
            Given::Text { plain: Some(text), .. } if kind.is_text() => Key::Text(text.to_lowercase()),
            Given::Number(number) if kind.is_number() => Key::Number(*number),
            Given::Bool(flag) if kind == Kind::Boolean => Key::Bool(*flag),
            Given::Date(date) if kind == Kind::Date => Key::Text(day(*date)),
            Given::DateTime(time) if kind == Kind::DateTime => Key::Text(stamp(*time)),
            _ => return Err(compared.wrong_kind(kind.is_text() || kind.is_id())),
        })
    }
}

fn not_if(negated: bool, test: Test) -> Test {
    if negated { Test::Not(Box::new(test)) } else { test }
}

/// What a condition compares: its kind, its name and where it stands.
struct Compared<'a> {
    kind: Kind,
    name: &'a str,
    at: usize,
}

impl<'a> Compared<'a> {
    fn new(term: &'a Term, operand: &'a Operand) -> Parsed<Self> {
        let (Operand::Field(path) | Operand::Part(_, path) | Operand::Aggregate(_, Some(path), _)) = operand else {
            let Operand::Aggregate(_, _, at) = operand else { return Err(Refused::malformed("unexpected operand", 0)) };
            return Ok(Self { kind: Kind::Double, name: "COUNT", at: *at });
        };
        let name = path.parts.last().map_or("", String::as_str);
        let kind = match (term, operand) {
            (Term::Field(route), _) if !route.filterable => {
                return Err(Refused {
                    code: "INVALID_FIELD",
                    message: format!("field '{}' can not be filtered in a query call", route.leaf),
                    at: Some(path.at),
                });
            }
            (Term::Field(route), _) => route.kind,
            (Term::Part(DatePart::Day, _), _) => Kind::Date,
            (Term::Part(..), _) => Kind::Int,
            (_, Operand::Aggregate(Function::Min | Function::Max, ..)) => {
                return Err(Refused::malformed("MIN and MAX cannot be compared in HAVING here", path.at));
            }
            (Term::Computed(_), _) => Kind::Double,
            (Term::Grouped(_), _) => Kind::Text,
        };
        Ok(Self { kind, name, at: path.at })
    }

    fn wrong_kind(&self, quoted: bool) -> Refused {
        let quotes = if quoted { "should be enclosed in quotes" } else { "should not be enclosed in quotes" };
        Refused {
            code: "INVALID_FIELD",
            message: format!("value of filter criterion for field '{}' must be of type {} and {quotes}", self.name, self.kind.spoken()),
            at: Some(self.at),
        }
    }
}
