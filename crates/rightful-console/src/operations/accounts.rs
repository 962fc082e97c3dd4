//! What is known of a target's accounts: a file that an administrator brings, with a verdict for each row and what differs.

use axum::http::StatusCode;
use rightful_core::{FieldName, PeopleFile, PersonRow, PersonVerdict, Settings, Value};
use rightful_engine::AccountLine;

use super::people::{Credited, field_told, value_told};
use crate::Console;
use crate::problem::Problem;

/// What is thought of one row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowVerdict {
    /// Its line.
    pub line: u64,
    /// Who it is about: an e-mail address; empty where that cannot be read.
    pub email: String,
    /// May it be taken?
    pub good: bool,
    /// Why not, or what is worth knowing.
    pub remark: String,
    /// What would differ from what is known: "Team: none → OSLO".
    pub differs: Vec<String>,
}

/// A file, judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Its columns may be these.
    pub columns: &'static [&'static str],
    /// Every row.
    pub verdicts: Vec<RowVerdict>,
    /// Those that may be taken.
    pub rows: Vec<PersonRow>,
}

impl Judged {
    /// Rows that may not be taken.
    pub fn bad(&self) -> usize {
        self.verdicts.len() - self.rows.len()
    }

    /// Accounts that would differ.
    pub fn differing(&self) -> usize {
        self.verdicts.iter().filter(|verdict| !verdict.differs.is_empty()).count()
    }
}

/// How the target's people are given by a file, with the settings that it is read by.
///
/// # Errors
/// Invalid where its vendor has no such file.
pub fn people_file(console: &Console, credited: &Credited) -> Result<(PeopleFile, Settings), Problem> {
    let target = &credited.deployed.target;
    let connection = console.deployment.connections().into_iter().find(|known| known.name == target.connection);
    connection.and_then(|known| Some((known.descriptor.people_file?, known.settings))).ok_or_else(|| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("users of {} are not given by a file", target.vendor))
            .hint("what is known of them is what was sent and stated")
    })
}

/// Judges every row, and tells what differs. Nothing is saved.
///
/// # Errors
/// Invalid where it is no such file.
pub async fn judge(console: &Console, credited: &Credited, text: &str) -> Result<Judged, Problem> {
    let (file, settings) = people_file(console, credited)?;
    let verdicts = (file.read)(&settings, text)?;
    let known = credited.crew.known(&credited.ports).await?;
    let mut judged = Judged { columns: file.columns, ..Judged::default() };
    for PersonVerdict { line, row, remarks } in verdicts {
        match row {
            Err(why) => judged.verdicts.push(RowVerdict { line, email: String::new(), good: false, remark: why, differs: Vec::new() }),
            Ok(row) => {
                let differs = differences(&known, &row);
                let remark = remarks.join("; ");
                judged.verdicts.push(RowVerdict { line, email: row.email.clone(), good: true, remark, differs });
                judged.rows.push(row);
            }
        }
    }
    Ok(judged)
}

/// What a row says that is not known yet.
fn differences(known: &[AccountLine], row: &PersonRow) -> Vec<String> {
    let by_id = row.id.as_ref().and_then(|id| known.iter().find(|account| account.owner.as_deref() == Some(id.as_str())));
    let by_email = || known.iter().find(|account| account.email.as_deref().is_some_and(|email| email.to_lowercase() == row.email));
    let Some(account) = by_id.or_else(by_email) else {
        return vec!["not known so far".to_owned()];
    };
    let differs = |(field, value): &(FieldName, Value)| {
        let before = account.facts.iter().find(|fact| fact.field == *field).map(|fact| &fact.value);
        (before.unwrap_or(&Value::Null) != value).then(|| {
            let before = before.map_or_else(|| "not known".to_owned(), value_told);
            format!("{}: {before} → {}", field_told(field.as_str()), value_told(value))
        })
    };
    row.facts.iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use rightful_core::Instant;
    use rightful_engine::{Fact, How};

    use super::*;

    #[test]
    fn what_a_file_changes_is_told() {
        let fact = |field: &'static str, value| Fact {
            field: FieldName::fixed(field),
            value,
            how: How::Sent,
            at: Instant::default(),
            by: "run-1".into(),
        };
        let account = AccountLine {
            owner: Some("u1".into()),
            typed: "u1".into(),
            name: "Ann".into(),
            email: Some("Ann@example.com".into()),
            facts: vec![fact("email", Value::text("ann@example.com")), fact("team.key", Value::text("OSLO"))],
            person: None,
        };
        let row = |email: &str, facts: Vec<(FieldName, Value)>| PersonRow { id: None, email: email.into(), name: String::new(), facts };
        let team = |team: &str| (FieldName::fixed("team.key"), Value::text(team));
        for (row, told) in [
            (row("ann@example.com", vec![team("OSLO")]), vec![]),
            (row("ann@example.com", vec![team("BERGEN")]), vec!["Team: OSLO → BERGEN"]),
            (row("ann@example.com", vec![team("")]), vec!["Team: OSLO → none"]),
            (row("ann@example.com", vec![(FieldName::fixed("licence"), Value::Bool(false))]), vec!["Licence: not known → no"]),
            (row("bob@example.com", vec![team("OSLO")]), vec!["not known so far"]),
        ] {
            assert_eq!(differences(std::slice::from_ref(&account), &row), told);
        }
    }
}
