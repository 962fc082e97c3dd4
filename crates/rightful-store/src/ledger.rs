//! The ledger: intents before the call, outcomes after it, found by run, by record and by code without looking at the rest.

use rightful_core::{Error, ErrorKind, Instant, Result};
use rightful_engine::{Entry, EntryFilter, EntryId, EntryState, ImageId, RunId, Settled};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params, params_from_iter};

use crate::codec::{data, from_word, text, word};
use crate::credits;
use crate::database::{bound, instant, stamp, told};
use crate::images::write_owners;

pub(crate) fn intend(tx: &Transaction<'_>, entries: &[Entry]) -> Result<Vec<EntryId>> {
    let mut again = tx
        .prepare_cached("UPDATE entry SET attempts = attempts + 1, state = 'intended' WHERE run = ?1 AND change = ?2 RETURNING id")
        .map_err(told)?;
    let mut insert = tx
        .prepare_cached(
            "INSERT INTO entry (run, change, integration, connection, kind, target, code, state, settled_at, attempts, note, head)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )
        .map_err(told)?;
    entries
        .iter()
        .map(|entry| {
            let known: Option<i64> = again.query_row(params![entry.run.0, entry.change], |row| row.get(0)).optional().map_err(told)?;
            if let Some(known) = known {
                return Ok(EntryId(known));
            }
            insert
                .execute(params![
                    entry.run.0,
                    entry.change,
                    entry.integration,
                    entry.connection.as_str(),
                    entry.kind.as_str(),
                    entry.target.as_str(),
                    entry.code,
                    word(&entry.state),
                    entry.settled_at.map(stamp),
                    entry.attempts,
                    entry.note,
                    text(entry),
                ])
                .map_err(told)?;
            Ok(EntryId(tx.last_insert_rowid()))
        })
        .collect()
}

pub(crate) fn settle(tx: &Transaction<'_>, image: ImageId, settled: &[Settled], now: Instant) -> Result<()> {
    let mut update =
        tx.prepare_cached("UPDATE entry SET state = ?2, note = ?3, settled_at = ?4 WHERE id = ?1 RETURNING head").map_err(told)?;
    for one in settled {
        let head: String = update
            .query_row(params![one.entry.0, word(&one.state), one.note, stamp(now)], |row| row.get(0))
            .optional()
            .map_err(told)?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no {}", one.entry)).hint("report this"))?;
        if one.into_image {
            let entry: Entry = data(&head)?;
            write_owners(tx, image, &entry.target, &entry.role, &entry.after)?;
        }
        credits::take(tx, &one.consequences)?;
        if one.ends_hold() {
            tx.prepare_cached(
                "DELETE FROM hold WHERE (integration, kind, target) = (SELECT integration, kind, target FROM entry WHERE id = ?1)",
            )
            .and_then(|mut delete| delete.execute([one.entry.0]))
            .map_err(told)?;
        }
    }
    Ok(())
}

pub(crate) fn entries(connection: &Connection, filter: &EntryFilter) -> Result<Vec<Entry>> {
    let mut conditions = Vec::new();
    let mut values: Vec<Sql> = Vec::new();
    let mut add = |condition: &str, given: &[Sql]| {
        conditions.push(condition.to_owned());
        values.extend_from_slice(given);
    };
    if let Some(run) = filter.run {
        add("run = ?", &[run.0.into()]);
    }
    if let Some((connection, kind, target)) = &filter.target {
        let text = |text: &str| Sql::from(text.to_owned());
        add("connection = ? AND kind = ? AND target = ?", &[text(connection.as_str()), text(kind.as_str()), text(target.as_str())]);
    }
    if let Some(integration) = &filter.integration {
        add("integration = ?", &[integration.clone().into()]);
    }
    if let Some(change) = filter.change {
        add("change = ?", &[change.into()]);
    }
    if let Some(code) = &filter.code {
        add("code = ?", &[code.clone().into()]);
    }
    if !filter.states.is_empty() {
        // The words stand in the text, not as parameters: only so does SQLite see that its index of open entries fits.
        let words: Vec<String> = filter.states.iter().map(|state| format!("'{}'", word(state))).collect();
        add(&format!("state IN ({})", words.join(", ")), &[]);
        if filter.states.iter().all(|state| !state.is_final()) {
            add("state IN ('intended', 'unknown')", &[]);
        }
    }
    if let Some(after) = filter.after {
        add(if filter.latest_first { "id < ?" } else { "id > ?" }, &[after.0.into()]);
    }
    let order = if filter.latest_first { "DESC" } else { "ASC" };
    let condition = if conditions.is_empty() { "1".to_owned() } else { conditions.join(" AND ") };
    let sql = format!(
        "SELECT id, state, settled_at, attempts, note, head FROM entry WHERE {condition} ORDER BY id {order} LIMIT {}",
        bound(filter.limit)
    );
    let mut select = connection.prepare_cached(&sql).map_err(told)?;
    let mut rows = select.query(params_from_iter(values)).map_err(told)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(told)? {
        let head: Entry = data(row.get_ref(5).and_then(|value| Ok(value.as_str()?)).map_err(told)?)?;
        found.push(Entry {
            id: EntryId(row.get(0).map_err(told)?),
            state: from_word(row.get(1).map_err(told)?)?,
            settled_at: row.get::<_, Option<i64>>(2).map_err(told)?.map(instant),
            attempts: row.get(3).map_err(told)?,
            note: row.get(4).map_err(told)?,
            ..head
        });
    }
    Ok(found)
}

pub(crate) fn last_intended(connection: &Connection, run: RunId) -> Result<i64> {
    connection.query_row("SELECT COALESCE(MAX(change), 0) FROM entry WHERE run = ?1", [run.0], |row| row.get(0)).map_err(told)
}

pub(crate) fn entry_counts(connection: &Connection, run: RunId) -> Result<Vec<(EntryState, u64)>> {
    let counted: Vec<(String, u64)> = connection
        .prepare_cached("SELECT state, COUNT(*) FROM entry WHERE run = ?1 GROUP BY state ORDER BY state")
        .and_then(|mut select| select.query_map([run.0], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .map_err(told)?;
    counted.into_iter().map(|(state, count)| Ok((from_word(state)?, count))).collect()
}
