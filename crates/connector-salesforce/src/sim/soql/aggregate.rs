//! Grouped rows: what is computed over each group.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Number, Value};

use super::super::schema::Kind;
use super::ast::Function;
use super::bind::{Route, Sort};
use super::evaluate::compared;
use super::filter::{Key, Term, Test};

#[derive(Clone, Debug)]
pub(in super::super) struct Computed {
    pub(super) function: Function,
    /// `None` for `COUNT()`.
    pub(super) route: Option<Route>,
}

#[derive(Clone, Debug)]
pub(in super::super) struct GroupColumn {
    pub(in super::super) name: String,
    pub(super) term: Term,
}

#[derive(Clone, Debug)]
pub(in super::super) struct Grouping {
    pub(super) keys: Vec<Term>,
    pub(super) computed: Vec<Computed>,
    pub(in super::super) columns: Vec<GroupColumn>,
    pub(super) having: Option<Test>,
}

/// What is known of one aggregate so far.
#[derive(Clone, Debug, Default)]
struct Tally {
    count: u64,
    sum: f64,
    distinct: BTreeSet<Key>,
    least: Option<(Key, Value)>,
    most: Option<(Key, Value)>,
}

struct Group {
    shown: Vec<Value>,
    tallies: Vec<Tally>,
}

/// One line of the answer before it is cut to size.
struct Line {
    keys: Vec<Key>,
    shown: Vec<Value>,
    computed: Vec<Value>,
}

impl Line {
    fn key(&self, term: &Term) -> Key {
        match term {
            Term::Grouped(place) => self.keys[*place].clone(),
            Term::Computed(place) => key_of(&self.computed[*place]),
            Term::Field(_) | Term::Part(..) => Key::Null,
        }
    }
}

fn key_of(value: &Value) -> Key {
    match value {
        Value::Bool(flag) => Key::Bool(*flag),
        Value::Number(number) => number.as_f64().map_or(Key::Null, Key::Number),
        Value::String(text) => Key::Text(text.to_lowercase()),
        _ => Key::Null,
    }
}

fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number that fits")]
    let whole = (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64);
    whole.map_or_else(|| Number::from_f64(value).map_or(Value::Null, Value::Number), Value::from)
}

impl Tally {
    fn add(&mut self, key: Key, shown: Value) {
        if key == Key::Null {
            return;
        }
        self.count += 1;
        if let Key::Number(number) = &key {
            self.sum += number;
        }
        if self.least.as_ref().is_none_or(|(least, _)| key < *least) {
            self.least = Some((key.clone(), shown.clone()));
        }
        if self.most.as_ref().is_none_or(|(most, _)| key > *most) {
            self.most = Some((key.clone(), shown));
        }
        self.distinct.insert(key);
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of rows in memory")]
    fn value(&self, computed: &Computed) -> Value {
        match computed.function {
            Function::Count => self.count.into(),
            Function::CountDistinct => self.distinct.len().into(),
            Function::Sum if self.count > 0 => number(self.sum),
            Function::Avg if self.count > 0 => number(self.sum / self.count as f64),
            Function::Min => self.least.as_ref().map_or(Value::Null, |(_, shown)| shown.clone()),
            Function::Max => self.most.as_ref().map_or(Value::Null, |(_, shown)| shown.clone()),
            Function::Sum | Function::Avg => Value::Null,
        }
    }
}

impl Grouping {
    /// The lines: `rows` gives for each row what a term stands for, as key and as shown.
    pub(super) fn lines(
        &self,
        rows: impl Iterator<Item = impl Fn(&Term) -> (Key, Value)>,
        order: &[Sort],
        offset: usize,
        limit: usize,
    ) -> Vec<Value> {
        let fresh = || vec![Tally::default(); self.computed.len()];
        let mut groups: BTreeMap<Vec<Key>, Group> = BTreeMap::new();
        if self.keys.is_empty() {
            groups.insert(Vec::new(), Group { shown: Vec::new(), tallies: fresh() });
        }
        for value in rows {
            let (keys, shown): (Vec<Key>, Vec<Value>) = self.keys.iter().map(&value).unzip();
            let group = groups.entry(keys).or_insert_with(|| Group { shown, tallies: fresh() });
            for (tally, computed) in group.tallies.iter_mut().zip(&self.computed) {
                match &computed.route {
                    Some(route) => {
                        let (key, shown) = value(&Term::Field(route.clone()));
                        tally.add(key, shown);
                    }
                    None => tally.count += 1,
                }
            }
        }
        let mut lines: Vec<Line> = groups
            .into_iter()
            .map(|(keys, group)| Line {
                keys,
                shown: group.shown,
                computed: group.tallies.iter().zip(&self.computed).map(|(tally, computed)| tally.value(computed)).collect(),
            })
            .filter(|line| self.having.as_ref().is_none_or(|test| test.holds(&|term| line.key(term))))
            .collect();
        lines.sort_by(|one, two| compared(order, &|term| one.key(term), &|term| two.key(term)));
        lines.iter().skip(offset).take(limit).map(|line| self.shown(line)).collect()
    }

    fn shown(&self, line: &Line) -> Value {
        let mut members = Map::new();
        members.insert("attributes".into(), serde_json::json!({"type": "AggregateResult"}));
        for column in &self.columns {
            let value = match &column.term {
                Term::Grouped(place) => line.shown[*place].clone(),
                Term::Computed(place) => line.computed[*place].clone(),
                Term::Field(_) | Term::Part(..) => Value::Null,
            };
            members.insert(column.name.clone(), value);
        }
        Value::Object(members)
    }

    /// The kind of each column, for those who ask for columns.
    pub(in super::super) fn kinds(&self) -> Vec<(&str, Kind)> {
        let kind = |term: &Term| match term {
            Term::Grouped(place) => match &self.keys[*place] {
                Term::Field(route) => route.kind,
                _ => Kind::Int,
            },
            Term::Computed(place) => match (self.computed[*place].function, &self.computed[*place].route) {
                (Function::Count | Function::CountDistinct, _) | (_, None) => Kind::Int,
                (_, Some(route)) => route.kind,
            },
            Term::Field(route) | Term::Part(_, route) => route.kind,
        };
        self.columns.iter().map(|column| (column.name.as_str(), kind(&column.term))).collect()
    }
}
