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
        .prepare_cached("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
        .and_then(|mut select| select.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .map_err(told)?;
    let (number, before) = last.map_or((1, BEFORE_THE_FIRST.to_vec()), |(number, hash)| (number + 1, hash));
    let (at, detail) = (stamp(act.at), text(&act.detail));
    let hash = hash(&before, number, at, [&act.actor, &act.action, &act.object, &detail]);
    tx.prepare_cached(
        "INSERT INTO audit (number, at, actor, action, object, detail, before, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )
    .and_then(|mut insert| insert.execute(params![number, at, act.actor, act.action, act.object, detail, before, hash.as_slice()]))
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

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.trim().chars().map(|letter| letter.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Actions in the log that begin so. There are few: each is found by one step in the index.
fn actions(connection: &Connection, beginning: &str) -> Result<Vec<String>> {
    let mut next = connection.prepare_cached("SELECT MIN(action) FROM audit WHERE action >= ?1").map_err(told)?;
    let mut found: Vec<String> = Vec::new();
    let mut from = beginning.to_owned();
    loop {
        match next.query_row([&from], |row| row.get::<_, Option<String>>(0)).map_err(told)? {
            Some(action) if action.starts_with(beginning) => {
                from = format!("{action}\0");
                found.push(action);
            }
            _ => return Ok(found),
        }
    }
}

pub(crate) fn acts(connection: &Connection, filter: &AuditFilter) -> Result<Vec<AuditLine>> {
    let Some(beginning) = &filter.action else { return lines(connection, filter, None) };
    let mut found = Vec::new();
    for action in actions(connection, beginning)? {
        found.extend(lines(connection, filter, Some(&action))?);
    }
    found.sort_by_key(|line: &AuditLine| std::cmp::Reverse(line.number));
    found.truncate(filter.limit);
    Ok(found)
}

/// Lines with exactly this action. A condition for each question, not one that fits all: only so does SQLite find the index.
fn lines(connection: &Connection, filter: &AuditFilter, action: Option<&str>) -> Result<Vec<AuditLine>> {
    let given =
        |column: &str, place: u8, given: bool| if given { format!(" AND {column} = ?{place}") } else { format!(" AND ?{place} IS NULL") };
    let conditions =
        [given("actor", 2, filter.actor.is_some()), given("action", 3, action.is_some()), given("object", 4, filter.object.is_some())]
            .concat();
    let mut select = connection
        .prepare_cached(&format!(
            "SELECT number, at, actor, action, object, detail, hash FROM audit WHERE number < ?1{conditions} ORDER BY number DESC LIMIT ?5"
        ))
        .map_err(told)?;
    let before = filter.before.unwrap_or(i64::MAX);
    let mut rows = select.query(params![before, filter.actor, action, filter.object, bound(filter.limit)]).map_err(told)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(told)? {
        let Kept { number, at, actor, action, object, detail, hash } = Kept::of(row).map_err(told)?;
        let act = Act { at: instant(at), actor, action, object, detail: data(&detail)? };
        found.push(AuditLine { number, act, hash: hexadecimal(&hash) });
    }
    Ok(found)
}

/// A line as it is kept.
struct Kept {
    number: i64,
    at: i64,
    actor: String,
    action: String,
    object: String,
    detail: String,
    hash: Vec<u8>,
}

impl Kept {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            at: row.get(1)?,
            actor: row.get(2)?,
            action: row.get(3)?,
            object: row.get(4)?,
            detail: row.get(5)?,
            hash: row.get(6)?,
        })
    }
}

/// Walks the chain from its first line, one line in memory at a time.
pub(crate) fn verify(connection: &Connection) -> Result<ChainVerdict> {
    let mut select =
        connection.prepare("SELECT number, at, actor, action, object, detail, hash, before FROM audit ORDER BY number").map_err(told)?;
    let mut rows = select.query([]).map_err(told)?;
    let (mut lines, mut last) = (0, BEFORE_THE_FIRST.to_vec());
    while let Some(row) = rows.next().map_err(told)? {
        let broken = |why: &str| Ok(ChainVerdict::Broken { number: lines + 1, why: why.to_owned() });
        // Of another type than was written: not ours.
        let read = Kept::of(row).and_then(|line| Ok((line, row.get::<_, Vec<u8>>(7)?)));
        let Ok((Kept { number, at, actor, action, object, detail, hash: kept }, before)) = read else {
            return broken("its text is not what was written");
        };
        if number != lines + 1 {
            return broken(&format!("it is missing: the next line there is {number}"));
        }
        if before != last {
            return broken("it does not follow the line before it: lines were put in, taken out or exchanged, or that line was changed");
        }
        if hash(&before, number, at, [&actor, &action, &object, &detail]) != kept.as_slice() {
            return broken("its text is not what was written");
        }
        (lines, last) = (number, kept);
    }
    Ok(ChainVerdict::Whole { lines, head: hexadecimal(&last) })
}

pub(crate) fn line_with(connection: &Connection, hash: &str) -> Result<Option<i64>> {
    let Some(hash) = of_hexadecimal(hash) else { return Ok(None) };
    if hash == BEFORE_THE_FIRST {
        // The head of an empty log.
        return Ok(Some(0));
    }
    connection
        .prepare_cached("SELECT number FROM audit WHERE hash = ?1")
        .and_then(|mut select| select.query_row([hash], |row| row.get(0)).optional())
        .map_err(told)
}
