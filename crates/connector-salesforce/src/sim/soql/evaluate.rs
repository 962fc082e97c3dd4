//! Finds the rows a plan asks for, in its order.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde_json::Value;

use super::super::schema::{Kind, Object, Schema};
use super::super::table::{Row, Table};
use super::ast::DatePart;
use super::bind::{Column, Plan, Route, Sort};
use super::filter::{Key, Term};

/// A time as answers spell it.
pub(in super::super) fn stamp(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// A date as answers spell it.
pub(in super::super) fn day(date: NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

/// The rows a query can see.
#[derive(Clone, Copy)]
pub(in super::super) struct Scope<'a> {
    pub(in super::super) schema: &'a Schema,
    pub(in super::super) tables: &'a [Table],
    /// Also what is in the recycle bin.
    pub(in super::super) deleted: bool,
    pub(in super::super) now: DateTime<Utc>,
}

impl<'a> Scope<'a> {
    fn rows(self, object: usize) -> impl Iterator<Item = &'a Row> {
        // Archived rows leave ordinary queries as deleted ones do.
        let archived = self.schema.objects[object].place("IsArchived");
        let present = move |row: &&Row| !row.is_deleted() && archived.is_none_or(|place| *row.cell(place) != true);
        self.tables[object].iter().filter_map(move |row| row.at(self.now)).filter(move |row| self.deleted || present(row))
    }

    /// The row a route's steps lead to.
    pub(in super::super) fn walk(self, object: usize, row: &'a Row, route: &Route) -> Option<(&'a Object, &'a Row)> {
        let mut here = (&self.schema.objects[object], row);
        for step in &route.steps {
            let id = here.1.cell(step.field).as_str()?;
            let place = self.schema.of_id(id)?;
            here = (&self.schema.objects[place], self.tables[place].row(id)?.at(self.now)?);
        }
        Some(here)
    }

    /// The value at the end of a route.
    pub(in super::super) fn value(self, object: usize, row: &'a Row, route: &Route) -> Value {
        let Some((object, row)) = self.walk(object, row, route) else { return Value::Null };
        match route.place.or_else(|| object.place(&route.leaf)) {
            Some(place) if !(route.place.is_none() && route.leaf == "Type" && object.name == "User") => row.cell(place).clone(),
            _ if route.leaf == "Type" => object.name.as_str().into(),
            _ => Value::Null,
        }
    }

    fn key(self, object: usize, row: &'a Row, term: &Term) -> Key {
        match term {
            Term::Field(route) => key(route.kind, &self.value(object, row, route)),
            Term::Part(part, route) => key(Kind::Text, &part_of(*part, &self.value(object, row, route))),
            Term::Grouped(_) | Term::Computed(_) => Key::Null,
        }
    }

    fn both(self, object: usize, row: &'a Row, term: &Term) -> (Key, Value) {
        let shown = match term {
            Term::Field(route) => self.value(object, row, route),
            Term::Part(part, route) => part_of(*part, &self.value(object, row, route)),
            Term::Grouped(_) | Term::Computed(_) => Value::Null,
        };
        let key = match term {
            Term::Field(route) => key(route.kind, &shown),
            _ => key(Kind::Text, &shown),
        };
        (key, shown)
    }
}

/// A value in the form in which it is compared.
fn key(kind: Kind, value: &Value) -> Key {
    match value {
        Value::Bool(flag) => Key::Bool(*flag),
        Value::Number(number) => number.as_f64().map_or(Key::Null, Key::Number),
        Value::String(text) if kind.is_text() => Key::Text(text.to_lowercase()),
        Value::String(text) => Key::Text(text.clone()),
        _ => Key::Null,
    }
}

fn part_of(part: DatePart, value: &Value) -> Value {
    let Some(date) = value.as_str().and_then(|text| text.get(..10)) else { return Value::Null };
    let Ok(parsed) = date.parse::<NaiveDate>() else { return Value::Null };
    match part {
        DatePart::Year => parsed.year().into(),
        DatePart::Month => parsed.month().into(),
        DatePart::DayInMonth => parsed.day().into(),
        DatePart::Day => date.into(),
    }
}

/// Which of two comes first. Empty fields do, unless the order says otherwise.
pub(super) fn compared(order: &[Sort], one: &dyn Fn(&Term) -> Key, two: &dyn Fn(&Term) -> Key) -> Ordering {
    for sort in order {
        let (one, two) = (one(&sort.by), two(&sort.by));
        let ordering = match (one == Key::Null, two == Key::Null) {
            (true, true) => Ordering::Equal,
            (true, false) => {
                if sort.nulls_last {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (false, true) => {
                if sort.nulls_last {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, false) if sort.descending => two.cmp(&one),
            (false, false) => one.cmp(&two),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    Ordering::Equal
}

fn tested<'a>(scope: Scope<'a>, plan: &Plan) -> Vec<&'a Row> {
    let answers = |inner: &Plan| -> BTreeSet<Key> {
        let Some(Column::Value(route)) = inner.columns.first() else { return BTreeSet::new() };
        let rows = matching_rows(scope, inner).into_iter();
        rows.map(|row| key(route.kind, &scope.value(inner.object, row, route))).filter(|key| *key != Key::Null).collect()
    };
    let test = plan.test.clone().map(|test| test.answered(&answers));
    scope.rows(plan.object).filter(|row| test.as_ref().is_none_or(|test| test.holds(&|term| scope.key(plan.object, row, term)))).collect()
}

fn matching_rows<'a>(scope: Scope<'a>, plan: &Plan) -> Vec<&'a Row> {
    let rows = tested(scope, plan);
    cut(sorted(scope, plan, rows), plan)
}

fn sorted<'a>(scope: Scope<'a>, plan: &Plan, rows: Vec<&'a Row>) -> Vec<&'a Row> {
    if plan.order.is_empty() {
        return rows;
    }
    let keys = |row: &'a Row| plan.order.iter().map(|sort| scope.key(plan.object, row, &sort.by)).collect::<Vec<Key>>();
    let mut keyed: Vec<(Vec<Key>, &Row)> = rows.into_iter().map(|row| (keys(row), row)).collect();
    // The same order over keys computed once.
    let places: Vec<Sort> = plan.order.iter().enumerate().map(|(place, sort)| Sort { by: Term::Grouped(place), ..sort.clone() }).collect();
    let at = |keys: &[Key], term: &Term| match term {
        Term::Grouped(place) => keys[*place].clone(),
        _ => Key::Null,
    };
    keyed.sort_by(|(one, _), (two, _)| compared(&places, &|term| at(one, term), &|term| at(two, term)));
    keyed.into_iter().map(|(_, row)| row).collect()
}

fn bounds(plan: &Plan) -> (usize, usize) {
    let whole = |number: Option<u64>, otherwise| number.map_or(otherwise, |number| usize::try_from(number).unwrap_or(usize::MAX));
    (whole(plan.offset, 0), whole(plan.limit, usize::MAX))
}

fn cut<'a>(rows: Vec<&'a Row>, plan: &Plan) -> Vec<&'a Row> {
    let (offset, limit) = bounds(plan);
    rows.into_iter().skip(offset).take(limit).collect()
}

/// Ids of the rows a plan asks for.
pub(in super::super) fn matching(scope: Scope<'_>, plan: &Plan) -> Vec<String> {
    matching_rows(scope, plan).into_iter().map(|row| row.id().to_owned()).collect()
}

/// The lines of a grouped plan.
pub(in super::super) fn aggregate_rows(scope: Scope<'_>, plan: &Plan) -> Vec<Value> {
    let Some(grouping) = &plan.grouping else { return Vec::new() };
    let rows = tested(scope, plan);
    let (offset, limit) = bounds(plan);
    let values = rows.iter().map(|row| {
        let row = *row;
        move |term: &Term| scope.both(plan.object, row, term)
    });
    grouping.lines(values, &plan.order, offset, limit)
}

/// Ids of child rows by the parent they point at: `link` is the reference.
pub(in super::super) fn children_by_parent(scope: Scope<'_>, plan: &Plan, link: usize) -> HashMap<String, Vec<String>> {
    let mut found: HashMap<String, Vec<&Row>> = HashMap::new();
    for row in sorted(scope, plan, tested(scope, plan)) {
        if let Some(parent) = row.cell(link).as_str() {
            found.entry(parent.to_owned()).or_default().push(row);
        }
    }
    let ids = |rows: Vec<&Row>| cut(rows, plan).into_iter().map(|row| row.id().to_owned()).collect();
    found.into_iter().map(|(parent, rows)| (parent, ids(rows))).collect()
}
