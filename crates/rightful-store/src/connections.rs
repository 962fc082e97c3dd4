//! Connections that were entered in the console: settings in clear, secrets sealed.

use rightful_core::{ConnectionName, Instant, Result, Secrets, VendorId};
use rightful_engine::{Act, ConnectionEdit, Kept, StoredConnection};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::audit::append;
use crate::codec::{data, text};
use crate::database::{instant, stamp, told};
use crate::vault::Vault;

pub(crate) fn connections(connection: &Connection) -> Result<Vec<StoredConnection>> {
    let rows: Vec<(String, String, String, i64)> = connection
        .prepare_cached("SELECT name, vendor, settings, revision FROM connection ORDER BY name")
        .and_then(|mut select| select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?.collect())
        .map_err(told)?;
    rows.into_iter()
        .map(|(name, vendor, settings, revision)| {
            let name = ConnectionName::new(name);
            let sealed = keys_of(connection, &name)?;
            Ok(StoredConnection { name, vendor: VendorId::new(vendor), settings: data(&settings)?, sealed, revision })
        })
        .collect()
}

/// Keys of a connection's secrets, with when each was set.
fn keys_of(connection: &Connection, name: &ConnectionName) -> Result<Vec<(String, Instant)>> {
    connection
        .prepare_cached("SELECT key, at FROM secret WHERE connection = ?1 ORDER BY key")
        .and_then(|mut select| select.query_map([name.as_str()], |row| Ok((row.get(0)?, instant(row.get(1)?))))?.collect())
        .map_err(told)
}

pub(crate) fn put_connection(tx: &Transaction<'_>, vault: &Vault, revision: i64, edit: &ConnectionEdit, act: &Act) -> Result<Kept<i64>> {
    let present: Option<i64> =
        tx.query_row("SELECT revision FROM connection WHERE name = ?1", [edit.name.as_str()], |row| row.get(0)).optional().map_err(told)?;
    match present {
        Some(_) if revision == 0 => return Ok(Kept::Taken),
        None if revision != 0 => return Ok(Kept::Moved),
        Some(present) if present != revision => return Ok(Kept::Moved),
        _ => {}
    }
    tx.execute(
        "INSERT INTO connection (name, vendor, settings, revision) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET vendor = excluded.vendor, settings = excluded.settings, revision = excluded.revision",
        params![edit.name.as_str(), edit.vendor.as_str(), text(&edit.settings), revision + 1],
    )
    .map_err(told)?;
    for (key, secret) in &edit.secrets {
        match secret {
            Some(secret) => tx.execute(
                "INSERT INTO secret (connection, key, at, sealed) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (connection, key) DO UPDATE SET at = excluded.at, sealed = excluded.sealed",
                params![edit.name.as_str(), key, stamp(act.at), vault.seal(tx, &edit.name, key, secret)?],
            ),
            None => tx.execute("DELETE FROM secret WHERE connection = ?1 AND key = ?2", [edit.name.as_str(), key]),
        }
        .map_err(told)?;
    }
    append(tx, act)?;
    Ok(Kept::Done(revision + 1))
}

/// Removes a connection with all that is sealed for it, its slot included.
pub(crate) fn remove_connection(tx: &Transaction<'_>, name: &ConnectionName, act: &Act) -> Result<bool> {
    let removed = tx.execute("DELETE FROM connection WHERE name = ?1", [name.as_str()]).map_err(told)?;
    if removed == 0 {
        return Ok(false);
    }
    forget_sealed(tx, name)?;
    append(tx, act)?;
    Ok(true)
}

fn forget_sealed(tx: &Transaction<'_>, name: &ConnectionName) -> Result<()> {
    for statement in [
        "DELETE FROM secret WHERE connection = ?1",
        "DELETE FROM data_key WHERE connection = ?1",
        "UPDATE slot SET sealed = NULL, text = NULL, revision = revision + 1 WHERE connection = ?1",
    ] {
        tx.execute(statement, [name.as_str()]).map_err(told)?;
    }
    Ok(())
}

pub(crate) fn open_secrets(connection: &Connection, vault: &Vault, name: &ConnectionName) -> Result<Secrets> {
    let rows: Vec<(String, Vec<u8>)> = connection
        .prepare_cached("SELECT key, sealed FROM secret WHERE connection = ?1")
        .and_then(|mut select| select.query_map([name.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .map_err(told)?;
    let mut secrets = Secrets::default();
    for (key, sealed) in rows {
        let secret = vault.open(connection, name, &key, &sealed)?;
        secrets.set(key, secret);
    }
    Ok(secrets)
}

/// Forgets what is sealed under master keys other than this one; the names of the connections it was for.
pub(crate) fn forget_unopenable(tx: &Transaction<'_>, master: Option<&str>) -> Result<Vec<String>> {
    let names: Vec<String> = tx
        .prepare_cached("SELECT connection FROM data_key WHERE master IS NOT ?1 ORDER BY connection")
        .and_then(|mut select| select.query_map([master], |row| row.get(0))?.collect())
        .map_err(told)?;
    for name in &names {
        forget_sealed(tx, &ConnectionName::new(name.clone()))?;
        tx.execute("UPDATE connection SET revision = revision + 1 WHERE name = ?1", [name]).map_err(told)?;
    }
    Ok(names)
}
