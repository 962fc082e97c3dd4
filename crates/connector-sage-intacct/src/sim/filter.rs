//! Which records a query means: conditions over typed values with SQL's three truth values, and the index range they imply.
//!
//! <https://developer.intacct.com/web-services/queries/>.

use std::collections::HashSet;

use super::formatting::Formatting;
use super::kinds::{Data, Kind, Source};
use super::request::Element;
use super::state::{Path, State};
use super::table::Row;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `like`
    Like,
    /// `not like`
    NotLike,
    /// Between two values, both included.
    Between,
    /// One of several.
    In,
    /// None of several.
    NotIn,
    /// Never written, or cleared.
    Null,
    /// Written.
    NotNull,
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operands {
    /// Text, in order.
    Text(Vec<String>),
    /// Text, for lists.
    Set(HashSet<String>),
    /// Numbers.
    Numbers(Vec<f64>),
    /// Moments, seconds since 1970.
    Moments(Vec<i64>),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The field.
    pub path: Path,
    /// How.
    pub test: Test,
    /// With what.
    pub operands: Operands,
    /// Letter case does not matter.
    pub fold: bool,
}

/// A tree of conditions.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// All of them.
    And(Vec<Node>),
    /// Any of them.
    Or(Vec<Node>),
    /// Not this one.
    Not(Box<Node>),
    /// A comparison.
    Condition(Condition),
    /// The number of the row in the result.
    RowNumber(Test, i64),
    /// Matches nothing: a value that was not quoted.
    Never,
}

/// Why a filter cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadFilter {
    /// There is no such field.
    Field(String),
    /// The value does not fit the field.
    Value(String),
}

/// Reads values as the field's type wants them.
///
/// # Errors
/// A value does not fit.
pub fn operands(data: Data, test: Test, values: &[String], formatting: &Formatting, fold: bool) -> Result<Operands, BadFilter> {
    let bad = |value: &String| BadFilter::Value(value.clone());
    // An empty value is NULL: it equals nothing.
    let given: Vec<&String> = values.iter().filter(|value| !value.is_empty()).collect();
    if data == Data::Timestamp {
        let moments: Result<Vec<i64>, BadFilter> =
            given.iter().map(|value| formatting.read_timestamp(value).ok_or_else(|| bad(value))).collect();
        return moments.map(Operands::Moments);
    }
    if data.is_number() && !matches!(test, Test::Like | Test::NotLike) {
        let numbers: Result<Vec<f64>, BadFilter> = given.iter().map(|value| value.trim().parse().map_err(|_| bad(value))).collect();
        return numbers.map(Operands::Numbers);
    }
    let texts: Result<Vec<String>, BadFilter> = given
        .iter()
        .map(|value| match data {
            Data::Date if !matches!(test, Test::Like | Test::NotLike) => formatting.read_date(value).ok_or_else(|| bad(value)),
            _ if fold => Ok(value.to_lowercase()),
            _ => Ok((*value).clone()),
        })
        .collect();
    let texts = texts?;
    Ok(if matches!(test, Test::In | Test::NotIn) { Operands::Set(texts.into_iter().collect()) } else { Operands::Text(texts) })
}

/// Compiles the `filter` of a `query`, whose arity the schema has judged.
///
/// # Errors
/// An unknown field or a value that does not fit.
pub fn compile(state: &State, kind: Kind, operator: &Element, formatting: &Formatting, fold: bool) -> Result<Node, BadFilter> {
    let children = || -> Result<Vec<Node>, BadFilter> {
        operator.children.iter().map(|child| compile(state, kind, child, formatting, fold)).collect()
    };
    let test = match operator.name.as_str() {
        "and" => return Ok(Node::And(children()?)),
        "or" => return Ok(Node::Or(children()?)),
        "equalto" => Test::Equal,
        "notequalto" => Test::NotEqual,
        "lessthan" => Test::Less,
        "lessthanorequalto" => Test::LessOrEqual,
        "greaterthan" => Test::Greater,
        "greaterthanorequalto" => Test::GreaterOrEqual,
        "like" => Test::Like,
        "notlike" => Test::NotLike,
        "between" => Test::Between,
        "in" => Test::In,
        "notin" => Test::NotIn,
        "isnull" => Test::Null,
        _ => Test::NotNull,
    };
    let name = operator.word_of("field").unwrap_or_default();
    let path = state.path(kind, name, true).ok_or_else(|| BadFilter::Field(name.to_owned()))?;
    let values: Vec<String> = operator.children.iter().filter(|child| child.name == "value").map(|child| child.text.clone()).collect();
    let field = state.field_at(kind, &path);
    // The one field that `query` filters by code and readByQuery by word.
    let values = match (kind, &*field.id) {
        (Kind::Audit, "ACCESSMODE") => values.into_iter().map(|value| word_of_code(field.choices, value)).collect(),
        _ => values,
    };
    let operands = operands(field.data, test, &values, formatting, fold)?;
    Ok(Node::Condition(Condition { path, test, operands, fold }))
}

fn word_of_code(choices: &[(&str, &str)], code: String) -> String {
    choices.iter().find(|(_, known)| *known == code).map_or(code, |(word, _)| (*word).to_owned())
}

/// The part of the (WHENMODIFIED, RECORDNO) order in which a filter's records lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first position that can match.
    pub from: (i64, u64),
    /// The last WHENMODIFIED that can match.
    pub to: i64,
    /// Every record from there on matches.
    pub exact: bool,
}

const EVERYTHING: Range = Range { from: (i64::MIN, 0), to: i64::MAX, exact: false };

impl Node {
    /// Whether a record matches; `None` is SQL's unknown. `rank` is the number it would have in the result.
    pub fn judge(&self, state: &State, kind: Kind, row: &Row, rank: i64) -> Option<bool> {
        match self {
            Self::And(nodes) => {
                let mut verdict = Some(true);
                for node in nodes {
                    match node.judge(state, kind, row, rank) {
                        Some(false) => return Some(false),
                        None => verdict = None,
                        Some(true) => {}
                    }
                }
                verdict
            }
            Self::Or(nodes) => {
                let mut verdict = Some(false);
                for node in nodes {
                    match node.judge(state, kind, row, rank) {
                        Some(true) => return Some(true),
                        None => verdict = None,
                        Some(false) => {}
                    }
                }
                verdict
            }
            Self::Not(node) => node.judge(state, kind, row, rank).map(|verdict| !verdict),
            Self::Condition(condition) => condition.judge(state, kind, row),
            Self::RowNumber(test, value) => Some(ordered(*test, rank, *value, *value)),
            Self::Never => Some(false),
        }
    }

    /// Where in the index its records lie.
    pub fn range(&self, state: &State, kind: Kind) -> Range {
        match self {
            Self::Condition(condition) => condition.range(state, kind),
            Self::And(nodes) => {
                let mut range = Range { exact: true, ..EVERYTHING };
                let mut least = 0;
                for node in nodes {
                    let part = node.range(state, kind);
                    range.from = range.from.max(part.from);
                    range.to = range.to.min(part.to);
                    range.exact &= part.exact;
                    if let Self::Condition(condition) = node {
                        least = least.max(condition.least_number(state, kind));
                    }
                }
                range.from = (range.from.0, range.from.1.max(least));
                range
            }
            Self::Or(nodes) => {
                let mut range: Option<Range> = None;
                for node in nodes {
                    let part = node.range(state, kind);
                    range = Some(range.map_or(part, |range| Range {
                        from: range.from.min(part.from),
                        to: range.to.max(part.to),
                        exact: range.exact && part.exact,
                    }));
                }
                let mut range = range.unwrap_or(EVERYTHING);
                range.exact |= self.is_key_page(state, kind);
                range
            }
            Self::Not(_) | Self::RowNumber(..) | Self::Never => EVERYTHING,
        }
    }

    /// `or(WHENMODIFIED > t, and(WHENMODIFIED = t, RECORDNO > n))`: everything after one record.
    fn is_key_page(&self, state: &State, kind: Kind) -> bool {
        let Self::Or(nodes) = self else { return false };
        let mut after = None;
        let mut within = None;
        for node in nodes {
            match node {
                Self::Condition(condition) if condition.test == Test::Greater => after = condition.single_moment(state, kind),
                Self::And(parts) => {
                    if let [Self::Condition(first), Self::Condition(second)] = parts.as_slice() {
                        let (equal, number) = if first.test == Test::Equal { (first, second) } else { (second, first) };
                        let is_pair = equal.test == Test::Equal && number.test == Test::Greater && number.least_number(state, kind) > 0;
                        within = equal.single_moment(state, kind).filter(|_| is_pair);
                    }
                }
                _ => return false,
            }
        }
        nodes.len() == 2 && after.is_some() && after == within
    }
}

impl Condition {
    fn source(&self, state: &State, kind: Kind) -> Option<Source> {
        match &self.path {
            Path::Own(field) => Some(state.table(kind).fields[*field].source),
            Path::Via { .. } => None,
        }
    }

    fn single_moment(&self, state: &State, kind: Kind) -> Option<i64> {
        match &self.operands {
            Operands::Moments(moments) if moments.len() == 1 && self.source(state, kind) == Some(Source::Modified) => Some(moments[0]),
            _ => None,
        }
    }

    fn least_number(&self, state: &State, kind: Kind) -> u64 {
        match &self.operands {
            Operands::Numbers(numbers) if numbers.len() == 1 && self.source(state, kind) == Some(Source::RecordNumber) => {
                let number = numbers[0];
                if !(0.0..9.0e15).contains(&number) || number.fract() != 0.0 {
                    return 0;
                }
                match self.test {
                    Test::Greater => number as u64 + 1,
                    Test::GreaterOrEqual | Test::Equal => number as u64,
                    _ => 0,
                }
            }
            _ => 0,
        }
    }

    fn range(&self, state: &State, kind: Kind) -> Range {
        let Some(moment) = self.single_moment(state, kind) else { return EVERYTHING };
        match self.test {
            Test::Greater => Range { from: (moment + 1, 0), to: i64::MAX, exact: true },
            Test::GreaterOrEqual => Range { from: (moment, 0), to: i64::MAX, exact: true },
            Test::Equal => Range { from: (moment, 0), to: moment, exact: false },
            Test::Less | Test::LessOrEqual => Range { to: moment, ..EVERYTHING },
            _ => EVERYTHING,
        }
    }

    fn judge(&self, state: &State, kind: Kind, row: &Row) -> Option<bool> {
        let Some((kind, row, field)) = state.follow(kind, row, &self.path) else {
            return match self.test {
                Test::Null => Some(true),
                Test::NotNull => Some(false),
                _ => None,
            };
        };
        let spec = &state.table(kind).fields[field];
        if let Operands::Moments(moments) = &self.operands
            && let Some(moment) = state.moment(kind, row, field)
        {
            return compare(self.test, moment, moments);
        }
        if spec.source == Source::RecordNumber
            && let Operands::Numbers(numbers) = &self.operands
        {
            return compare(self.test, row.number as f64, numbers);
        }
        let text = state.text(kind, row, field);
        match self.test {
            Test::Null => return Some(text.is_empty()),
            Test::NotNull => return Some(!text.is_empty()),
            _ if text.is_empty() => return None,
            _ => {}
        }
        match &self.operands {
            Operands::Numbers(numbers) => compare(self.test, text.trim().parse::<f64>().ok()?, numbers),
            Operands::Moments(_) => None,
            Operands::Set(set) => {
                let found = if self.fold { set.contains(&text.to_lowercase()) } else { set.contains(&*text) };
                Some(found == (self.test == Test::In))
            }
            Operands::Text(texts) => {
                let first = texts.first()?;
                let folded;
                let text: &str = if self.fold {
                    folded = text.to_lowercase();
                    &folded
                } else {
                    &text
                };
                match self.test {
                    Test::Like => Some(is_like(text, first)),
                    Test::NotLike => Some(!is_like(text, first)),
                    test => Some(ordered(test, text, first.as_str(), texts.get(1).map_or(first.as_str(), String::as_str))),
                }
            }
        }
    }
}

fn compare<T: PartialOrd + Copy>(test: Test, value: T, operands: &[T]) -> Option<bool> {
    match test {
        Test::Null => Some(false),
        Test::NotNull => Some(true),
        Test::In => Some(operands.contains(&value)),
        Test::NotIn => Some(!operands.contains(&value)),
        _ => {
            let first = *operands.first()?;
            Some(ordered(test, value, first, operands.get(1).copied().unwrap_or(first)))
        }
    }
}

fn ordered<T: PartialOrd>(test: Test, value: T, first: T, second: T) -> bool {
    match test {
        Test::Equal => value == first,
        Test::NotEqual => value != first,
        Test::Less => value < first,
        Test::LessOrEqual => value <= first,
        Test::Greater => value > first,
        Test::GreaterOrEqual => value >= first,
        Test::Between => value >= first && value <= second,
        _ => false,
    }
}

/// `%` is any run of characters, `_` is one.
pub fn is_like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut at, mut in_pattern) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some('%') => {
                retry = Some((in_pattern + 1, at));
                in_pattern += 1;
            }
            Some(wanted) if *wanted == '_' || *wanted == text[at] => {
                at += 1;
                in_pattern += 1;
            }
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    in_pattern = after;
                    at = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|rest| *rest == '%')
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn like_knows_two_wildcards() {
        let table = [
            ("O'Dell & Sons", "O'Dell%", true),
            ("O'Dell", "%Dell", true),
            ("O'Dell", "%d%", false),
            ("abcabc", "%abc", true),
            ("abc", "a_c", true),
            ("abc", "a_", false),
            ("", "%", true),
            ("", "_", false),
            ("Söhne", "S_hne", true),
        ];
        for (text, pattern, expected) in table {
            assert_eq!(is_like(text, pattern), expected, "{text} like {pattern}");
        }
    }
}
