//! Code tables: rows with the version that brought them and the one that removed them.

use std::collections::BTreeMap;

use rightful_core::{Error, ErrorKind, Instant, Result};
use rightful_engine::{Authorship, CodeChange, CodeEdit, CodeRow, CodeTable, Saved, TableVersion, VersionedRow, wanted_rows};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde_json::json;

use crate::audit::authored;
use crate::database::{bound, instant, stamp, told};

/// The version that stands; 0 where the table was never saved.
fn version(connection: &Connection, integration: &str) -> Result<i64> {
    connection
        .query_row("SELECT COALESCE(MAX(version), 0) FROM code_version WHERE integration = ?1", [integration], |row| row.get(0))
        .map_err(told)
}

fn code_row(row: &Row<'_>) -> rusqlite::Result<CodeRow> {
    Ok(CodeRow { code: row.get(0)?, user: row.get(1)?, successor: row.get(2)? })
}

pub(crate) fn code_table(connection: &Connection, integration: &str) -> Result<CodeTable> {
    let mut select = connection
        .prepare_cached(
            "SELECT code, user, successor, since, author, reason, at FROM code_row JOIN code_version USING (integration)
             WHERE integration = ?1 AND until IS NULL AND version = since",
        )
        .map_err(told)?;
    let mut rows = select
        .query_map([integration], |row| {
            let by = Authorship { author: row.get(4)?, reason: row.get(5)?, at: instant(row.get(6)?) };
            Ok(VersionedRow { row: code_row(row)?, since: row.get(3)?, by })
        })
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(told)?;
    rows.sort_by(|one, other| one.row.cmp(&other.row));
    let last_read = connection
        .query_row("SELECT codes_read FROM integration WHERE name = ?1", [integration], |row| row.get::<_, Option<i64>>(0))
        .optional()
        .map_err(told)?
        .flatten();
    Ok(CodeTable { version: version(connection, integration)?, rows, last_read: last_read.map(instant) })
}

pub(crate) fn save_codes(tx: &Transaction<'_>, integration: &str, expected: i64, edits: &[CodeEdit], by: &Authorship) -> Result<Saved> {
    let present = version(tx, integration)?;
    if present != expected {
        return Ok(Saved::Moved(present));
    }
    let next = present + 1;
    let (mut differs, mut added, mut removed) = (false, 0, 0);
    let mut select = tx
        .prepare_cached("SELECT code, user, successor FROM code_row WHERE integration = ?1 AND code = ?2 AND until IS NULL")
        .map_err(told)?;
    let mut remove = tx
        .prepare_cached(
            "UPDATE code_row SET until = ?5 WHERE integration = ?1 AND code = ?2 AND user IS ?3 AND successor IS ?4 AND until IS NULL",
        )
        .map_err(told)?;
    let mut add =
        tx.prepare_cached("INSERT INTO code_row (integration, code, user, successor, since) VALUES (?1, ?2, ?3, ?4, ?5)").map_err(told)?;
    for (code, wanted) in wanted_rows(edits) {
        let standing =
            select.query_map([integration, code], code_row).and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>).map_err(told)?;
        for row in standing.iter().filter(|row| !wanted.contains(row)) {
            differs = true;
            removed += 1;
            remove.execute(params![integration, row.code, row.user, row.successor, next]).map_err(told)?;
        }
        for row in wanted.into_iter().filter(|row| !standing.contains(row)) {
            differs = true;
            added += 1;
            add.execute(params![integration, row.code, row.user, row.successor, next]).map_err(told)?;
        }
    }
    if !differs {
        return Ok(Saved::Version(present));
    }
    tx.execute(
        "INSERT INTO code_version (integration, version, author, reason, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![integration, next, by.author, by.reason, stamp(by.at)],
    )
    .map_err(told)?;
    authored(tx, "codes.save", integration, by, json!({ "version": next, "added": added, "removed": removed }))?;
    Ok(Saved::Version(next))
}

pub(crate) fn codes_read(tx: &Transaction<'_>, integration: &str, at: Instant) -> Result<()> {
    tx.execute(
        "INSERT INTO integration (name, codes_read) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET codes_read = excluded.codes_read",
        params![integration, stamp(at)],
    )
    .map_err(told)?;
    Ok(())
}

pub(crate) fn code_versions_before(
    connection: &Connection,
    integration: &str,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<TableVersion>> {
    let mut select = connection
        .prepare_cached(
            "SELECT version, author, reason, at FROM code_version WHERE integration = ?1 AND version < ?2 ORDER BY version DESC LIMIT ?3",
        )
        .map_err(told)?;
    let mut versions = select
        .query_map(params![integration, before.unwrap_or(i64::MAX), bound(limit)], |row| {
            let by = Authorship { author: row.get(1)?, reason: row.get(2)?, at: instant(row.get(3)?) };
            Ok(TableVersion { version: row.get(0)?, by, added: Vec::new(), removed: Vec::new() })
        })
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(told)?;
    let rows = |column: &str, version: i64| -> Result<Vec<CodeRow>> {
        let mut select = connection
            .prepare_cached(&format!("SELECT code, user, successor FROM code_row WHERE integration = ?1 AND {column} = ?2"))
            .map_err(told)?;
        let mut rows = select
            .query_map(params![integration, version], code_row)
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .map_err(told)?;
        rows.sort();
        Ok(rows)
    };
    for version in &mut versions {
        version.added = rows("since", version.version)?;
        version.removed = rows("until", version.version)?;
    }
    Ok(versions)
}

pub(crate) fn code_rows_at(connection: &Connection, integration: &str, at: i64) -> Result<Vec<CodeRow>> {
    if at < 0 || at > version(connection, integration)? {
        return Err(Error::new(ErrorKind::NotFound, format!("the code table of `{integration}` has no version {at}"))
            .hint("list its versions: rightful codes history"));
    }
    // What stands today and stood then, and what was removed since: neither looks at what came and went before.
    let mut select = connection
        .prepare_cached(
            "SELECT code, user, successor FROM code_row WHERE integration = ?1 AND until IS NULL AND since <= ?2
             UNION ALL SELECT code, user, successor FROM code_row WHERE integration = ?1 AND until > ?2 AND since <= ?2",
        )
        .map_err(told)?;
    let mut rows =
        select.query_map(params![integration, at], code_row).and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>).map_err(told)?;
    rows.sort();
    Ok(rows)
}

pub(crate) fn code_changes(connection: &Connection, integration: &str, codes: Vec<String>) -> Result<Vec<(String, CodeChange)>> {
    let mut select = connection
        .prepare_cached(
            "SELECT version, author, reason, at FROM code_version WHERE integration = ?1 AND version =
             (SELECT MAX(MAX(since), COALESCE(MAX(until), 0)) FROM code_row WHERE integration = ?1 AND code = ?2)",
        )
        .map_err(told)?;
    let mut found = Vec::with_capacity(codes.len());
    for code in codes {
        let change = select
            .query_row([integration, &code], |row| {
                let by = Authorship { author: row.get(1)?, reason: row.get(2)?, at: instant(row.get(3)?) };
                Ok(CodeChange { version: row.get(0)?, by })
            })
            .optional()
            .map_err(told)?;
        found.extend(change.map(|change| (code, change)));
    }
    Ok(found)
}

pub(crate) fn put_code_counts(tx: &Transaction<'_>, integration: &str, counts: &[(String, u64)]) -> Result<()> {
    // Only what differs is written: a run that finds everything as before writes nothing.
    let mut kept: BTreeMap<String, u64> = code_counts(tx, integration)?.into_iter().collect();
    let mut put = tx.prepare_cached("INSERT OR REPLACE INTO code_count (integration, code, records) VALUES (?1, ?2, ?3)").map_err(told)?;
    for (code, records) in counts {
        if kept.remove(code) != Some(*records) {
            put.execute(params![integration, code, records]).map_err(told)?;
        }
    }
    let mut remove = tx.prepare_cached("DELETE FROM code_count WHERE integration = ?1 AND code = ?2").map_err(told)?;
    for code in kept.keys() {
        remove.execute([integration, code]).map_err(told)?;
    }
    Ok(())
}

pub(crate) fn code_counts(connection: &Connection, integration: &str) -> Result<Vec<(String, u64)>> {
    connection
        .prepare_cached("SELECT code, records FROM code_count WHERE integration = ?1 ORDER BY code")
        .and_then(|mut select| select.query_map([integration], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .map_err(told)
}
