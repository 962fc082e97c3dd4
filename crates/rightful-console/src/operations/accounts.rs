//! What is known of a target's accounts, and what is sent of it: an administrator's file with a verdict for each row, and teams.

use axum::http::StatusCode;
use rightful_core::{ConnectionName, FieldName, PeopleFile, PersonRow, PersonVerdict, Settings, TeamKeys, Value, nearest};
use rightful_engine::{AccountLine, KnownPerson, RunTask};

use super::people::{Credited, field_told, value_told};
use crate::problem::Problem;
use crate::{Console, DeployedConnection, Endpoint};

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
    target(console, credited).and_then(|known| Some((known.descriptor.people_file?, known.settings))).ok_or_else(|| {
        invalid(format!("users of {} are not given by a file", credited.deployed.target.vendor))
            .hint("what is known of them is what was sent and stated")
    })
}

fn target(console: &Console, credited: &Credited) -> Option<DeployedConnection> {
    console.deployment.connections().into_iter().find(|known| known.name == credited.deployed.target.connection)
}

fn invalid(message: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message)
}

/// The team keys that may be sent for an account.
///
/// # Errors
/// Invalid where none can be: the target takes no team, its settings list none, or the account is known by its e-mail address alone.
pub fn team_keys(console: &Console, credited: &Credited, account: &KnownPerson) -> Result<TeamKeys, Problem> {
    let Endpoint { connection, vendor } = &credited.deployed.target;
    let deployed = target(console, credited);
    let Some((teams, settings)) = deployed.and_then(|known| Some((known.descriptor.teams?, known.settings))) else {
        return Err(invalid(format!("{vendor} takes no team of its users")).hint("put them on a team there, then state it"));
    };
    if account.is_unmapped() {
        return Err(invalid(format!("{} is known by the e-mail address only", account.name()))
            .hint("map a user to the account first; or put them on the team there, then state it"));
    }
    let keys = teams(&settings)?;
    if keys.listed.is_empty() && !keys.others {
        return Err(invalid(format!("the settings of connection {connection} list no team key that may be sent"))
            .hint("list the keys there; or put people on teams there, then state it"));
    }
    Ok(keys)
}

/// The task that puts an account on a team, then credits what waited for that.
///
/// # Errors
/// Not found where nobody answers to `account`; as [`team_keys`]; invalid where that key may not be sent.
pub async fn onto_team(console: &Console, credited: &Credited, account: &str, key: &str) -> Result<RunTask, Problem> {
    let accounts = credited.crew.accounts(&credited.ports).await?;
    let known = credited.crew.account(&accounts, account)?;
    may_be_sent(&team_keys(console, credited, known)?, key, &credited.deployed.target.connection)?;
    Ok(RunTask::Team { person: known.id.to_string(), team: key.to_owned() })
}

fn may_be_sent(keys: &TeamKeys, key: &str, connection: &ConnectionName) -> Result<(), Problem> {
    if !key.is_empty() && keys.allow(key) {
        return Ok(());
    }
    let listed: Vec<&str> = keys.listed.iter().map(String::as_str).collect();
    let (message, hint) = match nearest(key, listed.iter().copied()) {
        _ if key.is_empty() => ("no team was chosen".to_owned(), "give its key".to_owned()),
        Some(near) => (format!("team key `{key}` may not be sent"), format!("did you mean `{near}`?")),
        None => (format!("team key `{key}` may not be sent"), format!("list it in the settings of connection {connection} first")),
    };
    Err(invalid(message).hint(hint).with("field", "team").with("teams", listed))
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
    fn only_keys_that_are_listed_are_sent_unless_all_are() {
        let keys = |others| TeamKeys { listed: ["OSLO".to_owned(), "BERGEN".to_owned()].into(), others };
        for (others, key, hint) in [
            (false, "OSLO", None),
            (false, "OSLOO", Some("did you mean `OSLO`?")),
            (false, "x", Some("list it in the settings of connection desk first")),
            (false, "", Some("give its key")),
            (true, "x", None),
            (true, "", Some("give its key")),
        ] {
            let refused = may_be_sent(&keys(others), key, &"desk".into()).err();
            assert_eq!(refused.as_ref().and_then(|problem| problem.hint.as_deref()), hint, "{key:?}, others: {others}");
        }
    }

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
