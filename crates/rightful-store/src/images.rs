//! Images: pages in, rows out in the order of the join key, and the verdict whether a read was complete.

use std::collections::HashSet;

use futures::stream::BoxStream;
use rightful_core::{Cursor, Error, ErrorKind, Instant, Mark, Owner, Record, RecordId, Result, Role, Rows, State};
use rightful_engine::{Digest, Image, ImageId, ImageSpec, OpenRead, PageIn, ReadEnd, Row, Stored};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::codec::{data, decode, encode, text};
use crate::database::{Database, blocking, instant, stamp, told};
use crate::gone;

/// Rows in one chunk of an ordered stream.
const CHUNK: usize = 1_000;

/// Rows up to which an image is streamed by its keys. Sorting would spill into a file, and where the disk is busy that waits for seconds.
const SMALL: i64 = 20_000;

/// Values bound into one look-up.
const BOUND: usize = 500;

pub(crate) fn open_image(tx: &Transaction<'_>, spec: &ImageSpec) -> Result<Image> {
    tx.prepare_cached("INSERT INTO image (connection, kind, fields, key) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")
        .and_then(|mut insert| insert.execute(params![spec.connection.as_str(), spec.kind.as_str(), text(&spec.fields), spec.key.as_str()]))
        .map_err(told)?;
    find_image(tx, spec)?.ok_or_else(|| Error::new(ErrorKind::Protocol, "an image that was just made is not there").hint("report this"))
}

pub(crate) fn find_image(connection: &Connection, spec: &ImageSpec) -> Result<Option<Image>> {
    connection
        .prepare_cached(
            "SELECT id, rows, mark, complete_at, fresh_at FROM image WHERE connection = ?1 AND kind = ?2 AND fields = ?3 AND key = ?4",
        )
        .and_then(|mut select| {
            select
                .query_row(params![spec.connection.as_str(), spec.kind.as_str(), text(&spec.fields), spec.key.as_str()], |row| {
                    Ok(Image {
                        id: ImageId(row.get(0)?),
                        spec: spec.clone(),
                        rows: row.get(1)?,
                        mark: row.get::<_, Option<String>>(2)?.map(Mark),
                        complete_at: row.get::<_, Option<i64>>(3)?.map(instant),
                        fresh_at: row.get::<_, Option<i64>>(4)?.map(instant),
                    })
                })
                .optional()
        })
        .map_err(told)
}

pub(crate) fn open_read(connection: &Connection, image: ImageId) -> Result<Option<OpenRead>> {
    let reading: Option<(String, bool)> = connection
        .query_row("SELECT rows, begun FROM reading WHERE image = ?1", [image.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(told)?;
    let Some((rows, begun)) = reading else { return Ok(None) };
    let mut select = connection.prepare_cached("SELECT text FROM cursor WHERE image = ?1 ORDER BY number").map_err(told)?;
    let open = select
        .query_map([image.0], |row| row.get::<_, String>(0))
        .map_err(told)?
        .map(|line| data(&line.map_err(told)?))
        .collect::<Result<Vec<Cursor>>>()?;
    Ok(Some(OpenRead { rows: data(&rows)?, begun, open }))
}

pub(crate) fn begin_read(tx: &Transaction<'_>, image: ImageId, rows: &Rows) -> Result<()> {
    forget_read(tx, image)?;
    // On an empty image every new row is a distinct id; else the ids are kept beside, so that unchanged rows need no rewriting.
    tx.execute(
        "INSERT INTO reading (image, rows, fresh) VALUES (?1, ?2, NOT EXISTS (SELECT 1 FROM record WHERE image = ?1))",
        params![image.0, text(rows)],
    )
    .map_err(told)?;
    tx.execute("UPDATE image SET sorted = 0 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM record WHERE image = ?1)", [image.0])
        .map_err(told)?;
    Ok(())
}

/// Do the keys of the image's rows stand in their order?
fn is_sorted(connection: &Connection, image: ImageId) -> Result<bool> {
    connection
        .prepare_cached("SELECT sorted FROM image WHERE id = ?1")
        .and_then(|mut select| select.query_row([image.0], |row| row.get(0)).optional())
        .map(|sorted| sorted.unwrap_or(true))
        .map_err(told)
}

fn is_small(connection: &Connection, image: ImageId) -> Result<bool> {
    let rows: Option<i64> =
        connection.query_row("SELECT rows FROM image WHERE id = ?1", [image.0], |row| row.get(0)).optional().map_err(told)?;
    Ok(rows.is_none_or(|rows| rows <= SMALL))
}

/// Puts the keys of a first read in their order.
fn sort(tx: &Transaction<'_>, image: ImageId) -> Result<()> {
    if !is_sorted(tx, image)? {
        tx.execute("INSERT INTO record_key (image, k, id) SELECT image, k, id FROM record WHERE image = ?1 ORDER BY k, id", [image.0])
            .map_err(told)?;
        tx.execute("UPDATE image SET sorted = 1 WHERE id = ?1", [image.0]).map_err(told)?;
    }
    Ok(())
}

fn forget_read(tx: &Transaction<'_>, image: ImageId) -> Result<()> {
    for table in ["reading", "cursor", "seen"] {
        tx.execute(&format!("DELETE FROM {table} WHERE image = ?1"), [image.0]).map_err(told)?;
    }
    Ok(())
}

pub(crate) fn put_page(tx: &Transaction<'_>, image: ImageId, page: PageIn, now: Instant) -> Result<Stored> {
    let fresh: bool = tx
        .prepare_cached("SELECT fresh FROM reading WHERE image = ?1")
        .and_then(|mut select| select.query_row([image.0], |row| row.get(0)).optional())
        .map_err(told)?
        .ok_or_else(no_read)?;
    if let Some(answered) = &page.answered {
        let line = text(answered);
        tx.prepare_cached("DELETE FROM cursor WHERE image = ?1 AND digest = ?2 AND text = ?3")
            .and_then(|mut delete| delete.execute(params![image.0, Digest::of(line.as_bytes()).0 as i64, line]))
            .map_err(told)?;
    }
    {
        let mut number: i64 = tx
            .prepare_cached("SELECT COALESCE(MAX(number), 0) FROM cursor WHERE image = ?1")
            .and_then(|mut select| select.query_row([image.0], |row| row.get(0)))
            .map_err(told)?;
        let mut insert = tx.prepare_cached("INSERT INTO cursor (image, number, digest, text) VALUES (?1, ?2, ?3, ?4)").map_err(told)?;
        for cursor in &page.opened {
            number += 1;
            let line = text(cursor);
            insert.execute(params![image.0, number, Digest::of(line.as_bytes()).0 as i64, line]).map_err(told)?;
        }
    }
    let mut distinct = 0;
    {
        // Of a read that began on an empty image the new rows are the distinct ids, besides those that only come to say that they are gone.
        let mut insert = tx.prepare_cached("INSERT INTO seen (image, id) VALUES (?1, ?2) ON CONFLICT DO NOTHING").map_err(told)?;
        for record in page.items.iter().filter(|record| !fresh || record.state == State::Gone) {
            distinct += insert.execute(params![image.0, record.id.as_str()]).map_err(told)? as u64;
        }
    }
    let stored = put_rows(tx, image, page.items, &[], now)?;
    if fresh {
        distinct += stored.new;
    }
    tx.prepare_cached(
        "UPDATE reading SET begun = 1, distinct_ids = distinct_ids + ?2, total = COALESCE(total, ?3), whole = COALESCE(whole, ?4), mark = COALESCE(mark, ?5) WHERE image = ?1",
    )
    .and_then(|mut update| update.execute(params![image.0, distinct, page.total, page.whole, page.mark.map(|mark| mark.0)]))
    .map_err(told)?;
    Ok(stored)
}

pub(crate) fn end_read(tx: &Transaction<'_>, image: ImageId, now: Instant) -> Result<ReadEnd> {
    sort(tx, image)?;
    struct Reading {
        rows: String,
        begun: bool,
        fresh: bool,
        distinct: u64,
        total: Option<u64>,
        whole: Option<u64>,
        mark: Option<String>,
    }
    let reading = tx
        .query_row("SELECT rows, begun, fresh, distinct_ids, total, whole, mark FROM reading WHERE image = ?1", [image.0], |row| {
            Ok(Reading {
                rows: row.get(0)?,
                begun: row.get(1)?,
                fresh: row.get(2)?,
                distinct: row.get(3)?,
                total: row.get(4)?,
                whole: row.get(5)?,
                mark: row.get(6)?,
            })
        })
        .optional()
        .map_err(told)?
        .ok_or_else(no_read)?;
    let open: bool = tx.query_row("SELECT EXISTS (SELECT 1 FROM cursor WHERE image = ?1)", [image.0], |row| row.get(0)).map_err(told)?;
    let complete = reading.begun && !open && reading.total.is_none_or(|total| reading.distinct >= total);
    let mut gone = 0;
    if complete {
        tx.execute("UPDATE image SET fresh_at = ?2, mark = COALESCE(?3, mark) WHERE id = ?1", params![image.0, stamp(now), reading.mark])
            .map_err(told)?;
        if data::<Rows>(&reading.rows)? == Rows::All {
            if !reading.fresh {
                gone = gone::keep_unseen(tx, image, now)?;
            }
            if gone > 0 {
                for table in ["record_key", "record"] {
                    tx.execute(
                        &format!(
                            "DELETE FROM {table} WHERE image = ?1 AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.image = ?1 AND seen.id = {table}.id)"
                        ),
                        [image.0],
                    )
                    .map_err(told)?;
                }
            }
            tx.execute("UPDATE image SET complete_at = ?2, rows = rows - ?3 WHERE id = ?1", params![image.0, stamp(now), gone])
                .map_err(told)?;
        }
        gone::prune(tx, image, now)?;
    }
    forget_read(tx, image)?;
    let rows = tx.query_row("SELECT rows FROM image WHERE id = ?1", [image.0], |row| row.get(0)).map_err(told)?;
    Ok(ReadEnd { complete, distinct: reading.distinct, total: reading.total, whole: reading.whole, rows, gone })
}

pub(crate) fn put_rows(tx: &Transaction<'_>, image: ImageId, items: Vec<Record>, missing: &[RecordId], now: Instant) -> Result<Stored> {
    let (key, complete, sorted): (String, bool, bool) = tx
        .prepare_cached("SELECT key, complete_at IS NOT NULL, sorted FROM image WHERE id = ?1")
        .and_then(|mut select| select.query_row([image.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))))
        .map_err(told)?;
    let mut stored = Stored::default();
    let mut gone = 0;
    // Mostly none went: then no row can come back, and none is looked for.
    let mut any_gone = gone::any(tx, image)?;
    let mut find = tx.prepare_cached("SELECT digest FROM record WHERE image = ?1 AND id = ?2").map_err(told)?;
    let mut insert = tx
        .prepare_cached(
            "INSERT INTO record (image, id, k, digest, body, newcomers) VALUES (?1, ?2, ?3, ?4, ?5, NULL) ON CONFLICT (image, id) DO NOTHING",
        )
        .map_err(told)?;
    let mut place = tx.prepare_cached("INSERT INTO record_key (image, k, id) VALUES (?1, ?2, ?3)").map_err(told)?;
    let mut buffer = Vec::with_capacity(512);
    for mut record in items {
        let digest = encode(&mut record, &mut buffer)?;
        if record.state == State::Gone {
            gone::keep_shown(tx, image, &record.id, digest, &buffer, now)?;
            gone += remove(tx, image, &record.id)?;
            any_gone = true;
            continue;
        }
        let id = record.id.as_str();
        let known: Option<i64> =
            if complete { find.query_row(params![image.0, id], |row| row.get(0)).optional().map_err(told)? } else { None };
        // Before a first complete read most rows are new: they are not looked for first.
        let join = join_key(&record, &key);
        if known.is_none() && insert.execute(params![image.0, id, join, digest.0 as i64, buffer]).map_err(told)? == 1 {
            stored.new += 1;
            if sorted {
                place.execute(params![image.0, join, id]).map_err(told)?;
            }
            if any_gone && gone::came_back(tx, image, &record.id, digest)? == Some(true) {
                mark_changed(tx, image, &record.id)?;
            }
            continue;
        }
        let known = match known {
            Some(known) => known,
            None => find.query_row(params![image.0, id], |row| row.get::<_, i64>(0)).map_err(told)?,
        };
        if known as u64 == digest.0 {
            stored.same += 1;
        } else {
            stored.changed += 1;
            replace(tx, image, &key, &record, digest, &buffer, complete.then_some(now))?;
        }
    }
    for id in missing {
        gone::keep(tx, image, id, now)?;
        gone += remove(tx, image, id)?;
    }
    if stored.new > 0 || gone > 0 {
        tx.prepare_cached("UPDATE image SET rows = rows + ?2 WHERE id = ?1")
            .and_then(|mut update| update.execute(params![image.0, stored.new as i64 - gone]))
            .map_err(told)?;
    }
    Ok(stored)
}

/// What the merge-join orders a record by.
fn join_key<'a>(record: &'a Record, key: &str) -> &'a str {
    record.keys.iter().find(|known| known.name == key).map_or("", |known| known.value.as_str())
}

fn remove(tx: &Transaction<'_>, image: ImageId, id: &RecordId) -> Result<i64> {
    let key: Option<String> = tx
        .prepare_cached("DELETE FROM record WHERE image = ?1 AND id = ?2 RETURNING k")
        .and_then(|mut delete| delete.query_row(params![image.0, id.as_str()], |row| row.get(0)).optional())
        .map_err(told)?;
    if let Some(key) = &key {
        unplace(tx, image, key, id)?;
    }
    Ok(i64::from(key.is_some()))
}

fn mark_changed(tx: &Transaction<'_>, image: ImageId, id: &RecordId) -> Result<()> {
    tx.prepare_cached("UPDATE record SET changed = 1 WHERE image = ?1 AND id = ?2")
        .and_then(|mut update| update.execute(params![image.0, id.as_str()]))
        .map(drop)
        .map_err(told)
}

/// Takes a row out of the order; one that was never sorted in is not there.
fn unplace(tx: &Transaction<'_>, image: ImageId, key: &str, id: &RecordId) -> Result<()> {
    tx.prepare_cached("DELETE FROM record_key WHERE image = ?1 AND k = ?2 AND id = ?3")
        .and_then(|mut delete| delete.execute(params![image.0, key, id.as_str()]))
        .map_err(told)?;
    Ok(())
}

/// Rewrites a row that differs. `dated`: an earlier complete read showed who stood there, so whoever is new now is a newcomer of that time.
fn replace(
    tx: &Transaction<'_>,
    image: ImageId,
    key: &str,
    record: &Record,
    digest: Digest,
    body: &[u8],
    dated: Option<Instant>,
) -> Result<()> {
    let known = rows_of(tx, image, std::slice::from_ref(&record.id))?.pop();
    let newcomers = match (dated, &known) {
        (Some(now), Some(known)) => known.newcomers_in(record, now),
        _ => Vec::new(),
    };
    let join = join_key(record, key);
    if let Some(before) = known.as_ref().map(|known| join_key(&known.record, key)).filter(|before| *before != join)
        && is_sorted(tx, image)?
    {
        unplace(tx, image, before, &record.id)?;
        tx.prepare_cached("INSERT INTO record_key (image, k, id) VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute(params![image.0, join, record.id.as_str()]))
            .map_err(told)?;
    }
    let newcomers = (!newcomers.is_empty()).then(|| text(&newcomers));
    tx.prepare_cached("UPDATE record SET k = ?3, digest = ?4, body = ?5, newcomers = ?6, changed = 1 WHERE image = ?1 AND id = ?2")
        .and_then(|mut update| update.execute(params![image.0, record.id.as_str(), join, digest.0 as i64, body, newcomers]))
        .map_err(told)?;
    Ok(())
}

/// Puts what we wrote into the image: who stands there now is ours, not a newcomer.
pub(crate) fn write_owners(tx: &Transaction<'_>, image: ImageId, target: &RecordId, role: &Role, after: &[String]) -> Result<()> {
    let Some(Row { mut record, mut newcomers, .. }) = rows_of(tx, image, std::slice::from_ref(target))?.pop() else { return Ok(()) };
    for (known, owner) in &mut record.owners {
        if known == role {
            *owner = Owner::Known(after.to_vec());
        }
    }
    newcomers.retain(|newcomer| newcomer.role != *role || after.contains(&newcomer.owner));
    let mut body = Vec::new();
    let digest = encode(&mut record, &mut body)?;
    let newcomers = (!newcomers.is_empty()).then(|| text(&newcomers));
    tx.prepare_cached("UPDATE record SET digest = ?3, body = ?4, newcomers = ?5 WHERE image = ?1 AND id = ?2")
        .and_then(|mut update| update.execute(params![image.0, target.as_str(), digest.0 as i64, body, newcomers]))
        .map_err(told)?;
    Ok(())
}

const COLUMNS: &str = "SELECT digest, body, newcomers, changed FROM record";

/// The same, found by the join key.
const BY_KEY: &str = "SELECT digest, body, newcomers, changed FROM record_key CROSS JOIN record USING (image, id)";

/// A row of `record` or `gone`: its digest, body, newcomers, and whether it changed.
pub(crate) fn row(row: &rusqlite::Row<'_>) -> Result<Row> {
    let body = row.get_ref(1).map_err(told)?;
    let record = decode(body.as_blob().map_err(|error| told(error.into()))?)?;
    let newcomers = match row.get_ref(2).map_err(told)?.as_str_or_null().map_err(|error| told(error.into()))? {
        Some(line) => data(line)?,
        None => Vec::new(),
    };
    Ok(Row { record, digest: Digest(row.get::<_, i64>(0).map_err(told)? as u64), newcomers, changed: row.get(3).map_err(told)? })
}

/// Rows whose column of the `from` tables holds one of these values.
fn rows_where(connection: &Connection, image: ImageId, from: &str, column: &str, values: &[&str]) -> Result<Vec<Row>> {
    let distinct: Vec<&str> = values.iter().copied().collect::<HashSet<&str>>().into_iter().collect();
    let mut found = Vec::with_capacity(distinct.len());
    for chunk in distinct.chunks(BOUND) {
        // One statement for full chunks, one for each other length: few, and cached.
        let marks = vec!["?"; chunk.len()].join(",");
        let mut select = connection.prepare_cached(&format!("{from} WHERE image = ? AND {column} IN ({marks})")).map_err(told)?;
        select.raw_bind_parameter(1, image.0).map_err(told)?;
        for (index, value) in chunk.iter().enumerate() {
            select.raw_bind_parameter(index + 2, value).map_err(told)?;
        }
        let mut rows = select.raw_query();
        while let Some(line) = rows.next().map_err(told)? {
            found.push(row(line)?);
        }
    }
    Ok(found)
}

pub(crate) fn rows_of(connection: &Connection, image: ImageId, ids: &[RecordId]) -> Result<Vec<Row>> {
    rows_where(connection, image, COLUMNS, "id", &ids.iter().map(RecordId::as_str).collect::<Vec<_>>())
}

pub(crate) fn rows_by_key(connection: &Connection, image: ImageId, keys: &[String]) -> Result<Vec<Row>> {
    let (from, column) = if is_sorted(connection, image)? { (BY_KEY, "record_key.k") } else { (COLUMNS, "k") };
    rows_where(connection, image, from, column, &keys.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Streams an image in the order of (join key, id) from one snapshot, a few chunks ahead of its reader.
pub(crate) fn ordered(database: &Database, image: ImageId) -> BoxStream<'static, Result<Vec<Row>>> {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Vec<Row>>>(2);
    let database = database.clone();
    tokio::spawn(async move {
        let failed = sender.clone();
        let streamed = blocking(move || {
            let connection = database.reader()?;
            // One moment for the look at the image and for its rows.
            let connection = connection.unchecked_transaction().map_err(told)?;
            // Sorted, not looked up row by row in the order of `record_key`: where keys and ids go different ways that takes three times as long,
            // which only matters for many.
            let sql = if is_small(&connection, image)? && is_sorted(&connection, image)? {
                format!("{BY_KEY} WHERE image = ?1 ORDER BY record_key.k, record_key.id")
            } else {
                format!("{COLUMNS} WHERE image = ?1 ORDER BY k, id")
            };
            let mut select = connection.prepare(&sql).map_err(told)?;
            let mut rows = select.query([image.0]).map_err(told)?;
            let mut chunk = Vec::with_capacity(CHUNK);
            while let Some(line) = rows.next().map_err(told)? {
                chunk.push(row(line)?);
                if chunk.len() == CHUNK && sender.blocking_send(Ok(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK)))).is_err() {
                    return Ok(());
                }
            }
            if !chunk.is_empty() {
                // Nobody listening any more is no fault.
                sender.blocking_send(Ok(chunk)).ok();
            }
            Ok(())
        })
        .await;
        if let Err(error) = streamed {
            failed.send(Err(error)).await.ok();
        }
    });
    Box::pin(futures::stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|chunk| (chunk, receiver)) }))
}

fn no_read() -> Error {
    Error::new(ErrorKind::Conflict, "no read of this image is open").hint("begin the read again")
}
