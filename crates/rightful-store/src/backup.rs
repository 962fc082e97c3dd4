//! Copies of a whole store: taken while others work on it, put back while nobody does.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rightful_core::{Error, ErrorKind, Instant, Result};
use rightful_engine::{Authorship, Blocked, Holder, is_blocked};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, params};
use serde_json::json;

use crate::audit::authored;
use crate::database::{self, Database, create_private, instant, stamp, told};
use crate::holder::is_dead;

/// How long a copy waits between attempts where somebody holds the file.
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is tried.
const ATTEMPTS: u32 = 200;

/// Copies the store of a database into a file, whole or not at all.
pub(crate) fn backup(database: &Database, to: &Path, replace: bool) -> Result<()> {
    let named = |error: Error| written(error).context(to.display().to_string());
    let free = || {
        if !replace && to.exists() {
            return Err(
                Error::new(ErrorKind::Conflict, "there is a file of that name already").hint("name another, or replace it with --force")
            );
        }
        if same_file(database.path(), to) {
            return Err(Error::new(ErrorKind::Config, "that is the store itself").hint("name another file for the backup"));
        }
        Ok(())
    };
    free().map_err(named)?;
    let part = Part::beside(to).map_err(written)?;
    let copied = || -> Result<()> {
        copy(&database.reader()?, &part.0)?;
        // One file, that can be read from a medium that cannot be written to.
        let copy = Connection::open(&part.0).map_err(told)?;
        copy.pragma_update(None, "journal_mode", "DELETE").map_err(told)?;
        copy.close().map_err(|(_, error)| told(error))
    };
    copied().map_err(named)?;
    part.become_file(to)
}

/// It is the copy whose disk did not take what was written, not the store's.
fn written(error: Error) -> Error {
    if !is_blocked(&error) || database::is_locked(&error) {
        return error;
    }
    let words = error.vendor_words().unwrap_or_default();
    Error::new(ErrorKind::Unavailable, "the disk that the backup is written to is full, or does not take what is written")
        .hint("make room there, or name a file on another disk; no half of a backup was left")
        .source(Blocked::Disk(words))
}

/// Puts a backup in the place of a store, whole or not at all. `force` replaces a store that is there.
pub(crate) fn restore(from: &Path, to: &Path, force: bool, by: &Authorship) -> Result<()> {
    let named = |error: Error| error.context(from.display().to_string());
    let there = to.exists();
    if there && same_file(from, to) {
        return Err(named(Error::new(ErrorKind::Config, "that is the store itself").hint("name a backup")));
    }
    if there && !force {
        return Err(Error::new(ErrorKind::Conflict, "there is a store already")
            .context(to.display().to_string())
            .hint("back it up, then replace it with --force"));
    }
    // Nobody can open the old one until the new one has its name.
    let guard = if there { Some(Old::lock(to, by.at)?) } else { None };
    let part = Part::beside(to)?;
    let prepare = || -> Result<()> {
        let backup = read_only(from)?;
        database::judge(&backup)?;
        sound(&backup)?;
        copy(&backup, &part.0)
    };
    prepare().map_err(named)?;
    take_up(&part.0, by, from)?;
    // No log of an old file may meet the new one.
    for ending in ["-wal", "-shm", "-journal"] {
        let log = beside(to, ending);
        if log.exists() {
            std::fs::remove_file(&log).map_err(|error| failed("what belonged to the old store cannot be removed", &log, error))?;
        }
    }
    part.become_file(to)?;
    drop(guard);
    Ok(())
}

/// Brings the copy up to date, and ends what belonged to the time of the backup.
fn take_up(path: &Path, by: &Authorship, from: &Path) -> Result<()> {
    let database = Database::open(path)?;
    database.write_now(|tx| {
        // Whoever held a lease then holds none now, and a sign-in that was ended since does not come back.
        tx.execute("UPDATE integration SET lease_machine = NULL, lease_until = NULL, lease_token = lease_token + 1", []).map_err(told)?;
        tx.execute("DELETE FROM session", []).map_err(told)?;
        tx.execute("DELETE FROM invitation", []).map_err(told)?;
        authored(tx, "store.restore", "store", by, json!({ "from": from.display().to_string() }))
    })?;
    // Everything into the one file that gets the name.
    database.close()
}

/// Reads a database without a trace.
fn read_only(path: &Path) -> Result<Connection> {
    if !path.is_file() {
        return Err(Error::new(ErrorKind::NotFound, "there is no such file").hint("name a file that `rightful backup` wrote"));
    }
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(told)
}

/// Is every page of it as SQLite wrote it?
fn sound(connection: &Connection) -> Result<()> {
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(told)?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("the backup is damaged: {verdict}")).hint("take another one; nothing was replaced"))
}

/// Copies every page as of one moment.
fn copy(from: &Connection, to: &Path) -> Result<()> {
    let mut copy = Connection::open(to).map_err(told)?;
    let backup = Backup::new(from, &mut copy).map_err(told)?;
    for _ in 0..ATTEMPTS {
        // All pages in one step: writers go on beside it, and none makes it begin again.
        match backup.step(-1).map_err(told)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ => std::thread::sleep(PAUSE),
        }
    }
    Err(Error::new(ErrorKind::Unavailable, "the store is locked by another process").hint("try again when it has ended"))
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Config, format!("{what}: {}", path.display()))
        .hint("check the disk, the folder and its rights; nothing was replaced")
        .source(error)
}

/// A file on its way to its name. Goes away where it never gets it.
struct Part(PathBuf);

impl Part {
    /// Beside its later place, so that it gets there in one step.
    fn beside(path: &Path) -> Result<Self> {
        let part = Self(beside(path, &format!(".{}.part", std::process::id())));
        part.remove();
        create_private(&part.0).map_err(|error| error.hint("name a file in a folder that exists and that you may write to"))?;
        Ok(part)
    }

    fn become_file(self, path: &Path) -> Result<()> {
        let synced = File::open(&self.0).and_then(|file| file.sync_all());
        synced.map_err(|error| failed("the copy cannot be written to the disk", &self.0, error))?;
        std::fs::rename(&self.0, path).map_err(|error| failed("the copy cannot get its name", path, error))?;
        // The name too is on the disk before anybody is told that it is. Where folders cannot be synced, it is there soon.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }

    fn remove(&self) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            // Mostly it is not there.
            let _ = std::fs::remove_file(beside(&self.0, ending));
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A store that is to be replaced, held so that nobody else has it open.
struct Old(#[expect(dead_code, reason = "held, not used")] Option<Connection>);

impl Old {
    /// Fails where somebody works on it or only has it open: they would go on writing into a file that nobody finds any more.
    fn lock(path: &Path, now: Instant) -> Result<Self> {
        let open = || -> Result<Connection> {
            let old = Connection::open(path).map_err(told)?;
            old.busy_timeout(PAUSE).map_err(told)?;
            database::judge(&old)?;
            if let Some((integration, holder)) = leased(&old, now)? {
                return Err(in_use(format!("process {} is running integration `{integration}`", holder.process)));
            }
            // Only whoever is alone with a file can take its log away.
            match old.pragma_update(None, "journal_mode", "DELETE") {
                Err(error) if database::is_busy(&error) => return Err(in_use("another process has the store open".to_owned())),
                switched => switched.map_err(told)?,
            }
            old.execute_batch("BEGIN EXCLUSIVE").map_err(told)?;
            Ok(old)
        };
        match open() {
            Ok(old) => Ok(Self(Some(old))),
            // What is too damaged to be read is what backups are for.
            Err(error) if database::is_damage(&error) => Ok(Self(None)),
            Err(error) => Err(error.context(path.display().to_string())),
        }
    }
}

fn in_use(what: String) -> Error {
    Error::new(ErrorKind::Conflict, what).hint("stop `rightful serve` and whatever else works on the store, then try again")
}

/// A lease that somebody living holds.
fn leased(connection: &Connection, now: Instant) -> Result<Option<(String, Holder)>> {
    let held: Vec<(String, Holder, i64)> = connection
        .prepare("SELECT name, lease_machine, lease_process, lease_born, lease_until FROM integration WHERE lease_machine IS NOT NULL AND lease_until > ?1")
        .and_then(|mut select| {
            select
                .query_map(params![stamp(now)], |row| {
                    let holder = Holder { machine: row.get(1)?, process: row.get(2)?, born: row.get::<_, i64>(3)? as u64 };
                    Ok((row.get(0)?, holder, row.get(4)?))
                })?
                .collect()
        })
        .map_err(told)?;
    Ok(held.into_iter().find(|(_, holder, until)| instant(*until) > now && !is_dead(holder)).map(|(name, holder, _)| (name, holder)))
}

#[cfg(test)]
mod tests;
