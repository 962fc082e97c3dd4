//! The `filters` parameter: a list of predicates, all of which must hold.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};

use super::state::{State, offset};
use super::table::{Fact, Row, Table};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equals,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    StartsWith,
}

/// One predicate with its operand in the type of its member.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Predicate {
    operator: Operator,
    member: String,
    operand: Fact,
}

/// Reads the parameter. `known` lists the members the path can be filtered by; predicates on others are left out, or refused where `strict`.
pub(super) fn parse(text: &str, known: &[&str], strict: bool) -> Result<Vec<Predicate>, String> {
    let mut predicates = Vec::new();
    for word in words(text)? {
        let refuse = || format!("Invalid filter: {word}");
        let (name, rest) = word.split_once('(').ok_or_else(refuse)?;
        let inner = rest.trim_end().strip_suffix(')').ok_or_else(refuse)?;
        let (member, operand) = inner.split_once(',').ok_or_else(refuse)?;
        let operator = match name.trim() {
            "equals" => Operator::Equals,
            "less_than" => Operator::Less,
            "less_than_equals" => Operator::LessOrEqual,
            "greater_than" => Operator::Greater,
            "greater_than_equals" => Operator::GreaterOrEqual,
            "starts_with" => Operator::StartsWith,
            _ => return Err(refuse()),
        };
        // `version` is an older spelling of `row_version`: clients use either.
        let member = match member.trim() {
            "version" => "row_version",
            other => other,
        };
        if !known.contains(&member) {
            if strict {
                return Err(format!("Unknown filter field: {member}"));
            }
            continue;
        }
        let operand = typed(member, unquoted(operand.trim()), operator).ok_or_else(refuse)?;
        predicates.push(Predicate { operator, member: member.to_owned(), operand });
    }
    Ok(predicates)
}

/// The predicates of the list. It looks like JSON; some clients leave the inner quotes out.
fn words(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim();
    if let Ok(words) = serde_json::from_str::<Vec<String>>(text) {
        return Ok(words);
    }
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let mut words = Vec::new();
    for piece in inner.split_inclusive(')') {
        let piece = piece.trim_start_matches([',', ' ', '\'', '"']).trim();
        if piece.ends_with(')') {
            words.push(piece.to_owned());
        } else if !piece.is_empty() {
            return Err(format!("Invalid filter: {piece}"));
        }
    }
    Ok(words)
}

fn unquoted(text: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(text)
}

fn typed(member: &str, operand: &str, operator: Operator) -> Option<Fact> {
    if operand == "null" && operator == Operator::Equals {
        return Some(Fact::Null);
    }
    if operator == Operator::StartsWith {
        return Some(Fact::Text(operand.to_owned()));
    }
    match member {
        "active" => match operand.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(Fact::Bool(true)),
            "false" | "0" => Some(Fact::Bool(false)),
            _ => None,
        },
        "create_date" | "date" | "time" => time(operand).map(Fact::Time),
        "code" | "customer_code" | "type" => Some(Fact::Text(operand.to_owned())),
        _ => operand.parse().ok().map(Fact::Integer),
    }
}

/// `2026-01-01`, `2026-01-01T20:00:00` or the same with fraction and offset; without an offset it is the instance's own time.
pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .ok()
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
    offset().from_local_datetime(&local).single().map(|time| time.to_utc())
}

impl Predicate {
    fn holds(&self, fact: &Fact) -> bool {
        if self.operator == Operator::StartsWith {
            let Fact::Text(prefix) = &self.operand else { return false };
            return match fact {
                Fact::Text(text) => text.starts_with(prefix),
                Fact::Integer(number) => number.to_string().starts_with(prefix),
                _ => false,
            };
        }
        let order = match (fact, &self.operand) {
            (Fact::Integer(left), Fact::Integer(right)) => left.cmp(right),
            (Fact::Text(left), Fact::Text(right)) => left.cmp(right),
            (Fact::Time(left), Fact::Time(right)) => left.cmp(right),
            (Fact::Bool(left), Fact::Bool(right)) => left.cmp(right),
            (Fact::Null, Fact::Null) => return self.operator == Operator::Equals,
            _ => return false,
        };
        match self.operator {
            Operator::Equals => order.is_eq(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::StartsWith => unreachable!("answered above"),
        }
    }

    /// Rows whose version is below this cannot satisfy the predicate.
    fn version_floor(&self) -> Option<u64> {
        let Fact::Integer(number) = self.operand else { return None };
        match self.operator {
            _ if self.member != "row_version" => None,
            Operator::Greater => Some(u64::try_from(number.saturating_add(1)).unwrap_or(0)),
            Operator::GreaterOrEqual | Operator::Equals => Some(u64::try_from(number).unwrap_or(0)),
            _ => None,
        }
    }
}

/// Ids of the rows that satisfy every predicate: by the version index or the id where a predicate allows it, else by a walk.
pub(super) fn matching<R: Row>(table: &Table<R>, predicates: &[Predicate], state: &State) -> Vec<i64> {
    let holds = |row: &R| predicates.iter().all(|predicate| predicate.holds(&row.fact(&predicate.member, state)));
    let exact = |member: &str| {
        predicates.iter().find_map(|predicate| match &predicate.operand {
            operand if predicate.member == member && predicate.operator == Operator::Equals => Some(operand.clone()),
            _ => None,
        })
    };
    let candidate = match (exact("id"), exact("code")) {
        (Some(Fact::Integer(id)), _) => Some(Some(id)),
        (_, Some(Fact::Text(code))) => R::id_of_code(&code, state),
        _ => None,
    };
    if let Some(candidate) = candidate {
        return candidate.and_then(|id| table.row(id)).filter(|row| holds(row)).map(Row::id).into_iter().collect();
    }
    match predicates.iter().filter_map(Predicate::version_floor).max() {
        Some(floor) => table.ids_by_version(floor).filter(|id| table.row(*id).is_some_and(holds)).collect(),
        None => table.iter().filter(|row| holds(row)).map(Row::id).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_read_as_clients_write_them() {
        let known = ["id", "code", "active", "create_date", "row_version"];
        for text in [
            r#"["greater_than(row_version,1200)"]"#,
            r#"["greater_than(version, 1200)"]"#,
            "[greater_than(row_version,1200)]",
            "['greater_than(version,1200)']",
        ] {
            let predicates = parse(text, &known, true).unwrap();
            assert_eq!(
                predicates,
                [Predicate { operator: Operator::Greater, member: "row_version".into(), operand: Fact::Integer(1200) }],
                "{text}"
            );
        }
        let both = parse(r#"["equals(active,true)","starts_with(code,CAPE-)"]"#, &known, true).unwrap();
        assert_eq!(both.len(), 2);
        let comma = parse(r#"["equals(code,A,B (x))"]"#, &known, true).unwrap();
        assert_eq!(comma[0].operand, Fact::Text("A,B (x)".into()));
    }

    #[test]
    fn unknown_members_are_ignored_or_refused_and_nonsense_always_refused() {
        assert_eq!(parse(r#"["equals(colour,red)"]"#, &["id"], false).unwrap(), []);
        assert!(parse(r#"["equals(colour,red)"]"#, &["id"], true).is_err());
        for text in ["[\"equals(id)\"]", "[\"like(id,1)\"]", "[\"equals(id,one)\"]", "equals"] {
            assert!(parse(text, &["id"], false).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn the_three_date_forms_name_the_same_moment() {
        let wanted = Some(Utc.with_ymd_and_hms(2025, 12, 31, 22, 0, 0).unwrap());
        for text in ["2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00.0000000+02:00", "2025-12-31T22:00:00Z"] {
            assert_eq!(time(text), wanted, "{text}");
        }
    }
}
