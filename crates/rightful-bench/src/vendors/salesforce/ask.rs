//! The queries that our connector and the floor write, read back from their text.

/// One query.
#[derive(Debug, PartialEq, Eq)]
pub struct Ask {
    /// The fields; none: how many there are.
    pub fields: Vec<String>,
    /// The object.
    pub object: String,
    /// All of them hold.
    pub conditions: Vec<Condition>,
    /// By which field, and whether the last one comes first.
    pub order: Option<(String, bool)>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// One condition.
#[derive(Debug, PartialEq, Eq)]
pub struct Condition {
    /// The field.
    pub field: String,
    /// `=`, `>`, `<=`, `>=`, `<` or `IN`.
    pub operator: String,
    /// What it is compared with.
    pub values: Vec<String>,
}

fn value(text: &str) -> String {
    text.trim().trim_matches('\'').to_owned()
}

fn condition(text: &str) -> Option<Condition> {
    if let Some((field, list)) = text.split_once(" IN (") {
        let values = list.strip_suffix(')')?.split(',').map(value).collect();
        return Some(Condition { field: field.to_owned(), operator: "IN".to_owned(), values });
    }
    let mut words = text.splitn(3, ' ');
    let (field, operator, compared) = (words.next()?, words.next()?, words.next()?);
    Some(Condition { field: field.to_owned(), operator: operator.to_owned(), values: vec![value(compared)] })
}

/// Reads a query; `None` where it is another kind of query.
pub fn parse(text: &str) -> Option<Ask> {
    let (select, rest) = text.strip_prefix("SELECT ")?.split_once(" FROM ")?;
    let (rest, limit) = match rest.split_once(" LIMIT ") {
        Some((rest, limit)) => (rest, Some(limit.parse().ok()?)),
        None => (rest, None),
    };
    let (rest, order) = match rest.split_once(" ORDER BY ") {
        Some((rest, order)) => match order.strip_suffix(" DESC") {
            Some(field) => (rest, Some((field.to_owned(), true))),
            None => (rest, Some((order.to_owned(), false))),
        },
        None => (rest, None),
    };
    let (object, conditions) = match rest.split_once(" WHERE ") {
        Some((object, all)) => (object, all.split(" AND ").map(condition).collect::<Option<_>>()?),
        None => (rest, Vec::new()),
    };
    let fields = if select == "COUNT()" { Vec::new() } else { select.split(", ").map(str::to_owned).collect() };
    Some(Ask { fields, object: object.to_owned(), conditions, order, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_back() {
        let of = |field: &str, operator: &str, values: &[&str]| Condition {
            field: field.into(),
            operator: operator.into(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        for (text, fields, conditions, order, limit) in [
            ("SELECT COUNT() FROM Account", vec![], vec![], None, None),
            ("SELECT Id FROM Account ORDER BY Id LIMIT 1", vec!["Id"], vec![], Some(("Id", false)), Some(1)),
            (
                "SELECT SystemModstamp FROM Account WHERE UserType = 'Standard' ORDER BY SystemModstamp DESC LIMIT 1",
                vec!["SystemModstamp"],
                vec![of("UserType", "=", &["Standard"])],
                Some(("SystemModstamp", true)),
                Some(1),
            ),
            (
                "SELECT Id, Name FROM Account WHERE Id > 'a' AND Id <= 'b'",
                vec!["Id", "Name"],
                vec![of("Id", ">", &["a"]), of("Id", "<=", &["b"])],
                None,
                None,
            ),
            ("SELECT Id FROM Account WHERE Id IN ('a','b')", vec!["Id"], vec![of("Id", "IN", &["a", "b"])], None, None),
        ] {
            let wanted = Ask {
                fields: fields.into_iter().map(str::to_owned).collect(),
                object: "Account".into(),
                conditions,
                order: order.map(|(field, descending)| (field.to_owned(), descending)),
                limit,
            };
            assert_eq!(parse(text), Some(wanted), "{text}");
        }
        for text in ["", "SELECT Id", "DELETE FROM Account", "SELECT Id FROM Account WHERE Id", "SELECT Id FROM Account LIMIT many"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
