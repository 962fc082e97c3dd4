//! The audit log: lines bound to each other by their hashes.

use rightful_core::Result;
use rightful_engine::{Act, AuditFilter, AuditLine, Authorship, ChainVerdict};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde_json::Value as Json;

use crate::codec::{data, text};
use crate::database::{bound, instant, stamp, told};

/// What the hash of the first line stands on.
const BEFORE_THE_FIRST: [u8; 32] = [0; 32];

fn hash(before: &[u8], number: i64, at: i64, fields: [&str; 4]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("rightful 2026 audit line");
    hasher.update(before).update(&number.to_be_bytes()).update(&at.to_be_bytes());
    for field in fields {
        // With its length: no two lines read the same.
        hasher.update(&(field.len() as u64).to_be_bytes()).update(field.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Adds a line, in the transaction of what it tells.
pub(crate) fn append(tx: &Transaction<'_>, act: &Act) -> Result<i64> {
    let last: Option<(i64, Vec<u8>)> = tx
        .query_row("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(told)?;
    let (number, before) = last.map_or((1, BEFORE_THE_FIRST.to_vec()), |(number, hash)| (number + 1, hash));
    let (at, detail) = (stamp(act.at), text(&act.detail));
    let hash = hash(&before, number, at, [&act.actor, &act.action, &act.object, &detail]);
    tx.execute(
        "INSERT INTO audit (number, at, actor, action, object, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![number, at, act.actor, act.action, act.object, detail, hash.as_slice()],
    )
    .map_err(told)?;
    Ok(number)
}

/// Adds a line for something that has an author and a reason.
pub(crate) fn authored(tx: &Transaction<'_>, action: &str, object: &str, by: &Authorship, mut detail: Json) -> Result<()> {
    if let (false, Json::Object(fields)) = (by.reason.is_empty(), &mut detail) {
        fields.insert("reason".to_owned(), by.reason.clone().into());
    }
    append(tx, &Act::new(by.at, by.author.clone(), action, object).detail(detail)).map(drop)
}

type Read = (i64, i64, String, String, String, String, Vec<u8>);

fn read(row: &Row<'_>) -> rusqlite::Result<Read> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn acts(connection: &Connection, filter: &AuditFilter) -> Result<Vec<AuditLine>> {
    let mut select = connection
        .prepare_cached(
            "SELECT number, at, actor, action, object, detail, hash FROM audit
             WHERE number < ?1 AND (?2 IS NULL OR actor = ?2) AND (?3 IS NULL OR action = ?3 OR substr(action, 1, length(?3)) = ?3 AND ?3 LIKE '%.')
               AND (?4 IS NULL OR object = ?4)
             ORDER BY number DESC LIMIT ?5",
        )
        .map_err(told)?;
    let before = filter.before.unwrap_or(i64::MAX);
    let rows = select.query_map(params![before, filter.actor, filter.action, filter.object, bound(filter.limit)], read).map_err(told)?;
    rows.map(|row| {
        let (number, at, actor, action, object, detail, hash) = row.map_err(told)?;
        let act = Act { at: instant(at), actor, action, object, detail: data(&detail)? };
        Ok(AuditLine { number, act, hash: hexadecimal(&hash) })
    })
    .collect()
}

/// Walks the chain from its first line.
pub(crate) fn verify(connection: &Connection) -> Result<ChainVerdict> {
    let mut select =
        connection.prepare("SELECT number, at, actor, action, object, detail, hash FROM audit ORDER BY number").map_err(told)?;
    let mut rows = select.query([]).map_err(told)?;
    let (mut lines, mut before) = (0, BEFORE_THE_FIRST.to_vec());
    while let Some(row) = rows.next().map_err(told)? {
        let (number, at, actor, action, object, detail, kept) = read(row).map_err(told)?;
        if number != lines + 1 {
            return Ok(ChainVerdict::Broken { number: lines + 1, why: format!("line {} is missing: the next one is {number}", lines + 1) });
        }
        if hash(&before, number, at, [&actor, &action, &object, &detail]) != kept.as_slice() {
            let why = "it, or the line before it, is not what was written".to_owned();
            return Ok(ChainVerdict::Broken { number, why });
        }
        (lines, before) = (number, kept);
    }
    Ok(ChainVerdict::Whole { lines, head: hexadecimal(&before) })
}
