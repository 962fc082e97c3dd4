//! A query in outline, read by the simulator's grammar: what a test holds a client's queries to.

use super::ast::{Comparison, Condition, Function, Given, Literal, Operand, Path, Query, Selected};

/// A plain query: one object, fields or a count, conditions that hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its fields; none: it counts.
    pub fields: Vec<String>,
    /// Its object.
    pub object: String,
    /// Field, sign and values of each condition.
    pub conditions: Vec<(String, &'static str, Vec<Told>)>,
    /// Fields it is ordered by, with a `-` before those that descend.
    pub order: Vec<String>,
    /// The most rows.
    pub limit: Option<u64>,
}

/// A value of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Text, without its quotes and escapes.
    Text(String),
    /// Anything else, spelled out.
    Other(String),
}

/// Reads a query.
///
/// # Errors
/// The vendor's refusal, or what the query holds that no plain query does.
pub fn outline(text: &str) -> Result<Outline, String> {
    let query = super::parse(text).map_err(|refused| refused.told(text))?;
    plain(query).ok_or_else(|| format!("more than a plain query: {text}"))
}

fn plain(query: Query) -> Option<Outline> {
    let Query { selected, from, alias: None, mine: false, filter, groups, having: None, order, limit, offset: None, .. } = query else {
        return None;
    };
    let fields = match selected.as_slice() {
        [Selected::Value(Operand::Aggregate(Function::Count, None, _), None)] => Vec::new(),
        selected => selected.iter().map(field).collect::<Option<Vec<String>>>()?,
    };
    let conditions = match filter {
        None => Vec::new(),
        Some(Condition::All(all)) => all,
        Some(one) => vec![one],
    };
    let ordered = |ordering: &super::ast::Ordering| Some(format!("{}{}", if ordering.descending { "-" } else { "" }, name(&ordering.by)?));
    groups.is_empty().then_some(())?;
    Some(Outline {
        fields,
        object: from,
        conditions: conditions.iter().map(condition).collect::<Option<_>>()?,
        order: order.iter().map(ordered).collect::<Option<_>>()?,
        limit,
    })
}

fn field(selected: &Selected) -> Option<String> {
    match selected {
        Selected::Value(operand, None) => name(operand),
        _ => None,
    }
}

fn name(operand: &Operand) -> Option<String> {
    match operand {
        Operand::Field(Path { parts, .. }) => Some(parts.join(".")),
        _ => None,
    }
}

fn condition(condition: &Condition) -> Option<(String, &'static str, Vec<Told>)> {
    match condition {
        Condition::Compare(operand, how, value) => Some((name(operand)?, sign(*how), vec![told(value)])),
        Condition::In(operand, false, values) => Some((name(operand)?, "IN", values.iter().map(told).collect())),
        _ => None,
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::Like => "LIKE",
    }
}

fn told(literal: &Literal) -> Told {
    match &literal.given {
        Given::Text { plain: Some(text), .. } => Told::Text(text.clone()),
        Given::DateTime(time) => Told::Other(time.to_rfc3339()),
        Given::Bool(flag) => Told::Other(flag.to_string()),
        other => Told::Other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_query_is_told_and_anything_more_is_not() {
        let told = outline(r"SELECT Id, Owner.Name FROM Account WHERE Name = 'O\'B' AND Id IN ('a','b') ORDER BY Id DESC LIMIT 1").unwrap();
        assert_eq!(told.fields, ["Id", "Owner.Name"]);
        assert_eq!(told.conditions[0], ("Name".into(), "=", vec![Told::Text("O'B".into())]));
        assert_eq!(told.conditions[1], ("Id".into(), "IN", vec![Told::Text("a".into()), Told::Text("b".into())]));
        assert_eq!((told.order, told.limit), (vec!["-Id".to_owned()], Some(1)));
        for more in [
            "SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b'",
            "SELECT Id FROM Account WHERE NOT Name = 'a'",
            "SELECT Id FROM Account WHERE Name NOT IN ('a')",
            "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)",
            "SELECT COUNT(Id) FROM Account GROUP BY Name",
            "SELECT Id FROM Account OFFSET 1",
            "SELECT Id FROM Account WHERE Name = 'a' DELETE FROM Account",
        ] {
            assert!(outline(more).is_err(), "{more}");
        }
    }
}
