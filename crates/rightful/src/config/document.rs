//! A configuration file as a flat list of dotted keys, each with its place, so that every complaint can name file and line.

use std::ops::Range;

use rightful_core::{Decimal, Instant, Setting, SettingType, Value, nearest};
use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Line in the file, from 1; none where a key is missing as a whole.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub mend: String,
}

/// Everything found wrong so far.
pub type Problems = Vec<Problem>;

/// One key with a value that is no table.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The key below its section, dotted: `caps.owner_moves.percent`.
    pub key: String,
    /// The same in its parts, since a part may hold dots itself: `set."activity.key"`.
    pub path: Vec<String>,
    /// The line it stands in.
    pub line: usize,
    /// Its value; dates and the like as text.
    pub value: Json,
    /// Its value as a record would hold it; none where no record could.
    pub typed: Option<Value>,
}

/// A named part of the file: `connections.skynamo`.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// The line its heading stands in.
    pub line: usize,
    /// Its keys.
    pub leaves: Vec<Leaf>,
}

/// A parsed file.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Keys outside every section.
    pub top: Vec<Leaf>,
    /// `[connections.NAME]`.
    pub connections: Vec<Section>,
    /// `[integrations.NAME]`.
    pub integrations: Vec<Section>,
    /// `[alarms]`.
    pub alarms: Section,
}

impl Document {
    /// Reads the text of a file.
    pub fn parse(text: &str, problems: &mut Problems) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            problems.push(Problem {
                line: error.span().map(|span| line(text, &span)),
                message: format!("this is not TOML: {}", error.message()),
                mend: "correct that line; text stands in \"quotes\"".to_owned(),
            });
        }
        let mut document = Self::default();
        for (key, value) in table.get_ref() {
            let at = line(text, &key.span());
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("connections", DeValue::Table(sections)) => document.connections = sections_of(text, "connections", sections, problems),
                ("integrations", DeValue::Table(sections)) => {
                    document.integrations = sections_of(text, "integrations", sections, problems);
                }
                ("alarms", DeValue::Table(keys)) => document.alarms = section_of(text, "alarms", at, keys),
                ("alarms", _) => problems.push(Problem {
                    line: Some(at),
                    message: "`alarms` must be a table".to_owned(),
                    mend: "write [alarms] and its keys below it".to_owned(),
                }),
                (name @ ("connections" | "integrations"), _) => problems.push(Problem {
                    line: Some(at),
                    message: format!("`{name}` must be tables"),
                    mend: format!("write [{name}.NAME] and its keys below it"),
                }),
                (name, value) => leaves(text, &[name], at, value, &mut document.top),
            }
        }
        document
    }
}

fn sections_of(text: &str, kind: &str, table: &DeTable<'_>, problems: &mut Problems) -> Vec<Section> {
    let mut sections = Vec::new();
    for (name, value) in table {
        let at = line(text, &name.span());
        let DeValue::Table(keys) = value.get_ref() else {
            problems.push(Problem {
                line: Some(at),
                message: format!("`{kind}.{}` must be a table", name.get_ref()),
                mend: format!("write [{kind}.NAME] and its keys below it"),
            });
            continue;
        };
        let section = section_of(text, name.get_ref(), at, keys);
        if section.name.is_empty() || !section.name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')) {
            problems.push(Problem {
                line: Some(at),
                message: format!("`{}` cannot be a name", section.name),
                mend: "use letters, digits, `-` and `_`".to_owned(),
            });
        }
        sections.push(section);
    }
    sections
}

fn section_of(text: &str, name: &str, at: usize, keys: &DeTable<'_>) -> Section {
    let mut section = Section { name: name.to_owned(), line: at, leaves: Vec::new() };
    for (key, value) in keys {
        leaves(text, &[key.get_ref()], line(text, &key.span()), value.get_ref(), &mut section.leaves);
    }
    section
}

fn leaves(text: &str, path: &[&str], at: usize, value: &DeValue<'_>, into: &mut Vec<Leaf>) {
    if let DeValue::Table(table) = value
        && !table.is_empty()
    {
        for (below, value) in table {
            let path: Vec<&str> = path.iter().copied().chain([below.get_ref().as_ref()]).collect();
            leaves(text, &path, line(text, &below.span()), value.get_ref(), into);
        }
        return;
    }
    let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
    into.push(Leaf { key: path.join("."), path, line: at, value: json(value), typed: typed(value) });
}

/// A value as a record would hold it: numbers keep their digits, days stay days. A moment needs its zone.
fn typed(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::Text(text.as_ref().to_owned()),
        DeValue::Integer(number) => Value::Integer(i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()?),
        DeValue::Float(number) => Value::Decimal(Decimal::parse(&number.as_str().replace('_', "")).ok()?),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(moment) => {
            let text = moment.to_string();
            match text.parse::<chrono::NaiveDate>() {
                Ok(day) => Value::Date(day),
                Err(_) => Value::Instant(text.parse::<Instant>().ok()?),
            }
        }
        DeValue::Array(items) => Value::List(items.iter().map(|item| typed(item.get_ref())).collect::<Option<_>>()?),
        DeValue::Table(_) => return None,
    })
}

fn json(value: &DeValue<'_>) -> Json {
    match value {
        DeValue::String(text) => Json::from(text.as_ref()),
        DeValue::Integer(number) => {
            i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).map_or_else(|_| Json::from(number.as_str()), Json::from)
        }
        DeValue::Float(number) => Json::from(number.as_str()),
        DeValue::Boolean(truth) => Json::from(*truth),
        DeValue::Datetime(moment) => Json::from(moment.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(_) => Json::Object(serde_json::Map::new()),
    }
}

fn line(text: &str, span: &Range<usize>) -> usize {
    text.as_bytes()[..span.start.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Complains about every key that none of `known` declares, once for each; `place` names the section.
pub fn unknown_keys<'a>(leaves: &[Leaf], known: impl Iterator<Item = &'a Setting> + Clone, place: &str, problems: &mut Problems) {
    let mut told: Vec<&str> = Vec::new();
    for leaf in leaves {
        let below = |key: &str| leaf.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
        if known.clone().any(|setting| leaf.key == setting.key || (setting.takes == SettingType::Secret && below(setting.key))) {
            continue;
        }
        // Of a table whose very name is unknown, the name is what is wrong.
        let first = leaf.key.split('.').next().unwrap_or_default();
        let table =
            known.clone().any(|setting| setting.key == first || setting.key.strip_prefix(first).is_some_and(|rest| rest.starts_with('.')));
        let key = if table { leaf.key.as_str() } else { first };
        if told.contains(&key) {
            continue;
        }
        told.push(key);
        let names = known.clone().map(|setting| setting.key);
        let mend = match nearest(key, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys: {}", names.collect::<Vec<_>>().join(", ")),
        };
        problems.push(Problem { line: Some(leaf.line), message: format!("unknown key `{key}` in {place}"), mend });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_flattened_and_keep_their_lines() {
        let text = "store = \"a.db\"\n\n[integrations.x]\nsource = \"a\"\ncaps.owner_moves = { percent = 5 }\n\n[integrations.x.code]\nfield = \"F\"\n";
        let mut problems = Problems::new();
        let document = Document::parse(text, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let mut found: Vec<(String, usize, String)> =
            document.integrations[0].leaves.iter().map(|leaf| (leaf.key.clone(), leaf.line, leaf.value.to_string())).collect();
        found.sort();
        let expected = [("caps.owner_moves.percent", 5, "5"), ("code.field", 8, "\"F\""), ("source", 4, "\"a\"")];
        assert_eq!(found, expected.map(|(key, line, value)| (key.to_owned(), line, value.to_owned())));
        assert_eq!((document.top[0].key.as_str(), document.top[0].line), ("store", 1));
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        let mut problems = Problems::new();
        Document::parse("store = \"a.db\"\nnonsense\n", &mut problems);
        assert_eq!(problems.first().and_then(|problem| problem.line), Some(2), "{problems:?}");
    }
}
