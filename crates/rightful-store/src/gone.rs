//! Rows of an image that went: kept for a while as they stood last, so that what was made of them can follow.

use rightful_core::{Instant, RecordId, Result};
use rightful_engine::{Digest, GONE_KEPT, ImageId, Row};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::database::{bound, stamp, told};
use crate::images::row;

/// Has an image any?
pub(crate) fn any(connection: &Connection, image: ImageId) -> Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM gone WHERE image = ?1)")
        .and_then(|mut select| select.query_row([image.0], |row| row.get(0)))
        .map_err(told)
}

/// Keeps a row that is about to go as it stands.
pub(crate) fn keep(tx: &Transaction<'_>, image: ImageId, id: &RecordId, now: Instant) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO gone (image, id, at, digest, body, newcomers, changed)
         SELECT image, id, ?3, digest, body, newcomers, changed FROM record WHERE image = ?1 AND id = ?2 ON CONFLICT DO NOTHING",
    )
    .and_then(|mut insert| insert.execute(params![image.0, id.as_str(), stamp(now)]))
    .map_err(told)?;
    Ok(())
}

/// Keeps a row that is about to go as the vendor shows it gone.
pub(crate) fn keep_shown(tx: &Transaction<'_>, image: ImageId, id: &RecordId, digest: Digest, body: &[u8], now: Instant) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO gone (image, id, at, digest, body, newcomers, changed)
         VALUES (?1, ?2, ?3, ?4, ?5, NULL, COALESCE((SELECT changed FROM record WHERE image = ?1 AND id = ?2), 0)) ON CONFLICT DO NOTHING",
    )
    .and_then(|mut insert| insert.execute(params![image.0, id.as_str(), stamp(now), digest.0 as i64, body]))
    .map_err(told)?;
    Ok(())
}

/// Keeps all rows that the read in progress did not come across; how many there are. The keys of the image have to be sorted.
pub(crate) fn keep_unseen(tx: &Transaction<'_>, image: ImageId, now: Instant) -> Result<u64> {
    // Looked for among the keys: only the bodies of those that went are read.
    tx.prepare_cached(
        "INSERT INTO gone (image, id, at, digest, body, newcomers, changed)
         SELECT image, id, ?2, digest, body, newcomers, changed FROM record_key CROSS JOIN record USING (image, id)
         WHERE image = ?1 AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.image = ?1 AND seen.id = record_key.id)",
    )
    .and_then(|mut insert| insert.execute(params![image.0, stamp(now)]))
    .map(|kept| kept as u64)
    .map_err(told)
}

/// A row came back: did it change while it was away, or before? `None`: it had not gone.
pub(crate) fn came_back(tx: &Transaction<'_>, image: ImageId, id: &RecordId, digest: Digest) -> Result<Option<bool>> {
    tx.prepare_cached("DELETE FROM gone WHERE image = ?1 AND id = ?2 RETURNING changed OR digest <> ?3")
        .and_then(|mut delete| delete.query_row(params![image.0, id.as_str(), digest.0 as i64], |row| row.get(0)).optional())
        .map_err(told)
}

/// Forgets those that went too long ago.
pub(crate) fn prune(tx: &Transaction<'_>, image: ImageId, now: Instant) -> Result<()> {
    tx.prepare_cached("DELETE FROM gone WHERE image = ?1 AND at < ?2")
        .and_then(|mut delete| delete.execute(params![image.0, stamp(now - GONE_KEPT)]))
        .map_err(told)?;
    Ok(())
}

pub(crate) fn rows(connection: &Connection, image: ImageId, after: Option<&RecordId>, limit: usize) -> Result<Vec<Row>> {
    let mut select = connection
        .prepare_cached("SELECT digest, body, newcomers, changed FROM gone WHERE image = ?1 AND id > ?2 ORDER BY id LIMIT ?3")
        .map_err(told)?;
    let mut rows = select.query(params![image.0, after.map_or("", RecordId::as_str), bound(limit)]).map_err(told)?;
    let mut found = Vec::new();
    while let Some(line) = rows.next().map_err(told)? {
        found.push(row(line)?);
    }
    Ok(found)
}
