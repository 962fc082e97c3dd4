//! Credits: what a target that cannot be read holds of each figure, as far as it was sent or let go.

use rightful_core::{ConnectionName, FieldName, Kind, RecordId, Result, Value};
use rightful_engine::{Consequence, Credit, CreditState};
use rusqlite::{Connection, Transaction, params};

use crate::codec::{data, from_word, text, word};
use crate::database::{bound, instant, stamp, told};
use crate::people;

/// Makes true what follows from an outcome.
pub(crate) fn take(tx: &Transaction<'_>, consequences: &[Consequence]) -> Result<()> {
    for consequence in consequences {
        match consequence {
            Consequence::Credit(credit) => put(tx, credit)?,
            Consequence::Uncredit(connection, target) => remove(tx, connection, target)?,
            Consequence::Facts(connection, kind, facts) => {
                people::put_facts(tx, connection, kind, std::slice::from_ref(facts)).map(drop)?
            }
            Consequence::Link(link) => people::put_link(tx, link, false).map(drop)?,
        }
    }
    Ok(())
}

/// Puts a credit over what was known of its record.
fn put(tx: &Transaction<'_>, credit: &Credit) -> Result<()> {
    if credit.state != CreditState::LetGo {
        return write(tx, credit);
    }
    let known = by_target(tx, &credit.connection, std::slice::from_ref(&credit.target))?.pop();
    write(tx, &credit.clone().over(known))
}

fn write(tx: &Transaction<'_>, credit: &Credit) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO credit (connection, target, integration, kind, source, owner, sent, state, at, person, stands)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (connection, target) DO UPDATE SET
            integration = excluded.integration, kind = excluded.kind, source = excluded.source, owner = excluded.owner,
            sent = excluded.sent, state = excluded.state, at = excluded.at, person = excluded.person, stands = excluded.stands",
    )
    .and_then(|mut upsert| {
        upsert.execute(params![
            credit.connection.as_str(),
            credit.target.as_str(),
            credit.integration,
            credit.kind.as_str(),
            credit.source.as_str(),
            credit.owner,
            text(&credit.values),
            word(&credit.state),
            stamp(credit.at),
            credit.person.as_ref().map(RecordId::as_str),
            credit.stands.as_ref().map(text),
        ])
    })
    .map(drop)
    .map_err(told)
}

fn remove(tx: &Transaction<'_>, connection: &ConnectionName, target: &RecordId) -> Result<()> {
    tx.prepare_cached("DELETE FROM credit WHERE connection = ?1 AND target = ?2")
        .and_then(|mut delete| delete.execute([connection.as_str(), target.as_str()]))
        .map(drop)
        .map_err(told)
}

const COLUMNS: &str = "SELECT connection, target, integration, kind, source, owner, sent, state, at, person, stands FROM credit";

fn credit(row: &rusqlite::Row<'_>) -> Result<Credit> {
    let text = |index: usize| row.get::<_, String>(index).map_err(told);
    let sent: Vec<(FieldName, Value)> = data(row.get_ref(6).and_then(|sent| Ok(sent.as_str()?)).map_err(told)?)?;
    Ok(Credit {
        connection: text(0)?.into(),
        target: text(1)?.into(),
        integration: text(2)?,
        kind: text(3)?.into(),
        source: text(4)?.into(),
        owner: text(5)?,
        values: sent,
        state: from_word(text(7)?)?,
        at: instant(row.get(8).map_err(told)?),
        person: row.get::<_, Option<String>>(9).map_err(told)?.map(RecordId::new),
        stands: row.get::<_, Option<String>>(10).map_err(told)?.map(|stands| data(&stands)).transpose()?,
    })
}

fn found(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Credit>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(told)? {
        found.push(credit(row)?);
    }
    Ok(found)
}

pub(crate) fn credits(
    connection: &Connection,
    integration: &str,
    kind: &Kind,
    after: Option<&(RecordId, RecordId)>,
    limit: usize,
) -> Result<Vec<Credit>> {
    let (source, target) = after.map_or(("", ""), |(source, target)| (source.as_str(), target.as_str()));
    let mut select = connection
        .prepare_cached(&format!(
            "{COLUMNS} WHERE integration = ?1 AND kind = ?2 AND (source, target) > (?3, ?4) ORDER BY source, target LIMIT ?5"
        ))
        .map_err(told)?;
    found(select.query(params![integration, kind.as_str(), source, target, bound(limit)]).map_err(told)?)
}

pub(crate) fn by_target(connection: &Connection, of: &ConnectionName, targets: &[RecordId]) -> Result<Vec<Credit>> {
    // One text for however many: one statement, whatever their number.
    let mut select = connection
        .prepare_cached(&format!("{COLUMNS} WHERE connection = ?1 AND target IN (SELECT value FROM json_each(?2))"))
        .map_err(told)?;
    found(select.query([of.as_str(), &text(targets)]).map_err(told)?)
}

pub(crate) fn counts(connection: &Connection, integration: &str) -> Result<Vec<(Kind, u64)>> {
    connection
        .prepare_cached("SELECT kind, COUNT(*) FROM credit WHERE integration = ?1 GROUP BY kind ORDER BY kind")
        .and_then(|mut select| select.query_map([integration], |row| Ok((row.get::<_, String>(0)?.into(), row.get(1)?)))?.collect())
        .map_err(told)
}
