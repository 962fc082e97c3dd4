//! Opening the database: migrations, durability, who may read the file, and what its errors mean.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rightful_core::{Error, ErrorKind, Instant, Result};
use rightful_engine::{Blocked, blocked, is_blocked};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

/// Migrations in order; the database's `user_version` is how many it has had.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql"), include_str!("schema_serve.sql"), include_str!("schema_people.sql")];

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(20);

/// How long it waits where the one before it waited in vain, or where it waited for other work of this process already: nobody hangs for
/// minutes behind others.
const BUSY_STILL: Duration = Duration::from_secs(1);

/// Room beside the store without which nothing is begun after its disk was full, in bytes.
const ROOM: usize = 256 * 1024;

/// Marks a database as this program's ("rght"): another program's file is not written to.
const APPLICATION: i64 = 0x7267_6874;

/// One database: a connection that writes, and as many readers as streams are open.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    path: Arc<PathBuf>,
    busy: Duration,
    writer: Arc<Mutex<Connection>>,
    /// Looks while the writer is at work, or waits for another process. Opened when it is first wanted.
    looker: Arc<Mutex<Option<Connection>>>,
    /// Why the last write was not taken, as [`Trouble`].
    trouble: Arc<AtomicU8>,
}

/// Why a write was not taken.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Trouble {
    None,
    Locked,
    Disk,
}

impl Trouble {
    /// What an error tells of.
    fn of(error: &Error) -> Self {
        match blocked(error) {
            None => Self::None,
            Some(Blocked::Locked(_)) => Self::Locked,
            Some(Blocked::Full(_) | Blocked::Disk(_)) => Self::Disk,
        }
    }
}

impl Database {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::open_patiently(path, BUSY)
    }

    fn open_patiently(path: &Path, busy: Duration) -> Result<Self> {
        create_private(path)?;
        let open = || -> Result<Connection> {
            let mut writer = connect(path, busy, WRITER_CACHE)?;
            migrate(&mut writer, MIGRATIONS)?;
            prepare_log(&writer, busy)?;
            Ok(writer)
        };
        let writer = open().map_err(|error| placed(error, path))?;
        Ok(Self {
            path: Arc::new(path.to_path_buf()),
            busy,
            writer: Arc::new(Mutex::new(writer)),
            looker: Arc::default(),
            trouble: Arc::new(AtomicU8::new(Trouble::None as u8)),
        })
    }

    /// Runs one immediate transaction on the writing connection, off the async threads.
    pub(crate) async fn write<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let database = self.clone();
        blocking(move || database.placed(|writer| within(writer, TransactionBehavior::Immediate, |transaction| commit(transaction, body))))
            .await
    }

    /// As [`write`](Self::write), without waiting for the disk: for what can be had again, a page of a read or a part of a plan. A killed
    /// process loses nothing by it; when the power goes, the last of these may be missing, and the next full write keeps all before it.
    pub(crate) async fn write_lightly<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let database = self.clone();
        blocking(move || {
            database.placed(|writer| {
                writer.pragma_update(None, "synchronous", "NORMAL").map_err(told)?;
                let written = within(writer, TransactionBehavior::Immediate, |transaction| commit(transaction, body));
                writer.pragma_update(None, "synchronous", "FULL").map_err(told)?;
                written
            })
        })
        .await
    }

    /// Runs one read: look-ups that want the newest state, all of one moment. On the writing connection, whose pages are at hand; beside it
    /// where that one is at work, so that nobody who only looks waits for whoever writes.
    pub(crate) async fn read<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let database = self.clone();
        blocking(move || database.looked(|connection| within(connection, TransactionBehavior::Deferred, |moment| body(&moment)))).await
    }

    fn looked<T>(&self, look: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let looked = match self.writer.try_lock() {
            Ok(mut writer) => look(&mut writer),
            Err(TryLockError::Poisoned(writer)) => look(&mut writer.into_inner()),
            Err(TryLockError::WouldBlock) => {
                let mut looker = self.looker.lock().unwrap_or_else(PoisonError::into_inner);
                let mut connection = match looker.take() {
                    Some(connection) => connection,
                    None => self.reader()?,
                };
                let looked = look(&mut connection);
                *looker = Some(connection);
                looked
            }
        };
        looked.map_err(|error| self.named(error))
    }

    /// Can something be written? Takes the right to write and gives it back; after a full disk it writes, into a file of its own and into the
    /// database, because a few bytes may still find a place.
    pub(crate) async fn answers(&self) -> Result<()> {
        let database = self.clone();
        blocking(move || {
            database.placed(|writer| {
                let was_full = database.had(Trouble::Disk);
                if was_full {
                    has_room(&database.path).map_err(|error| {
                        let words = error.to_string();
                        if is_full(&error) { full(words) } else { not_taken(words) }
                    })?;
                }
                within(writer, TransactionBehavior::Immediate, |transaction| {
                    if !was_full {
                        return Ok(());
                    }
                    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(told)?;
                    transaction.pragma_update(None, "user_version", version).map_err(told)?;
                    transaction.commit().map_err(told)
                })?;
                database.note(Trouble::None);
                Ok(())
            })
        })
        .await
    }

    /// Writes on the writing connection, and notes whether that was taken.
    fn placed<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let begun = std::time::Instant::now();
        let mut writer = self.writer();
        writer.busy_timeout(self.patience(begun.elapsed())).map_err(told)?;
        let written = work(&mut writer);
        match written.as_ref().map_err(Trouble::of) {
            Err(Trouble::None) => {}
            Err(trouble) => self.note(trouble),
            // What is small may still be taken by a disk that is full.
            Ok(_) if self.had(Trouble::Disk) => {}
            Ok(_) => self.note(Trouble::None),
        }
        written.map_err(|error| self.named(error))
    }

    /// How long a write waits for another process, having waited so long for others of this one.
    fn patience(&self, waited: Duration) -> Duration {
        let left = if self.had(Trouble::Locked) { BUSY_STILL } else { self.busy.saturating_sub(waited).max(BUSY_STILL) };
        left.min(self.busy)
    }

    fn had(&self, trouble: Trouble) -> bool {
        self.trouble.load(Ordering::Relaxed) == trouble as u8
    }

    fn note(&self, trouble: Trouble) {
        self.trouble.store(trouble as u8, Ordering::Relaxed);
    }

    /// Whoever looks after a locked file or a full disk wants to know which.
    fn named(&self, error: Error) -> Error {
        if is_blocked(&error) { placed(error, &self.path) } else { error }
    }

    /// As [`write`](Self::write), on this thread: for what waits for nothing else.
    pub(crate) fn write_now<T>(&self, body: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.placed(|writer| within(writer, TransactionBehavior::Immediate, |transaction| commit(transaction, body)))
    }

    /// Moves everything into the one file, and lets it go.
    pub(crate) fn close(self) -> Result<()> {
        self.placed(|writer| writer.pragma_update(None, "journal_mode", "DELETE").map_err(told))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection of its own, for a stream that reads one snapshot while others write.
    pub(crate) fn reader(&self) -> Result<Connection> {
        connect(&self.path, self.busy, READER_CACHE).map_err(|error| self.named(error))
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn within<T>(connection: &mut Connection, behavior: TransactionBehavior, body: impl FnOnce(Transaction<'_>) -> Result<T>) -> Result<T> {
    connection.transaction_with_behavior(behavior).map_err(told).and_then(body)
}

fn commit<T>(transaction: Transaction<'_>, body: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
    let value = body(&transaction)?;
    transaction.commit().map_err(told)?;
    Ok(value)
}

pub(crate) async fn blocking<T: Send + 'static>(body: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(body).await.map_err(|error| {
        Error::new(ErrorKind::Protocol, "the store broke down").hint("report this with the log of the run").source(error)
    })?
}

/// Pages a connection keeps, in KiB, whatever the size of the data. A stream sorts within as much and spills the rest into a file.
const WRITER_CACHE: i64 = 10_240;
const READER_CACHE: i64 = 2_048;

fn connect(path: &Path, busy: Duration, cache: i64) -> Result<Connection> {
    #[cfg_attr(not(test), expect(unused_mut, reason = "only tests listen"))]
    let mut connection = Connection::open(path).map_err(told)?;
    #[cfg(test)]
    crate::queries::listen(&mut connection);
    connection.busy_timeout(busy).map_err(told)?;
    // The log survives a killed process under NORMAL as well; FULL keeps an intent also when the power goes, at one sync per commit.
    for (name, value) in [("synchronous", "FULL"), ("foreign_keys", "ON"), ("temp_store", "FILE")] {
        connection.pragma_update(None, name, value).map_err(told)?;
    }
    connection.pragma_update(None, "cache_size", -cache).map_err(told)?;
    // A log that one large transaction blew up is cut again.
    connection.pragma_update(None, "journal_size_limit", 64 << 20).map_err(told)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Lets readers and a writer work side by side; the file remembers it. SQLite does not wait for this switch by itself where others open the
/// file at the same moment, so we do.
fn prepare_log(connection: &Connection, busy: Duration) -> Result<()> {
    let begun = std::time::Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && begun.elapsed() < busy => std::thread::sleep(Duration::from_millis(20)),
            switched => return switched.map_err(told),
        }
    }
}

pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Is this a database of ours, and not of a newer version? Changes nothing.
pub(crate) fn judge(connection: &Connection) -> Result<()> {
    match migrations_done(connection, MIGRATIONS)? {
        0 => Err(another_program()),
        _ => Ok(()),
    }
}

/// How many of the migrations a database has had. One that is empty has had none.
fn migrations_done(connection: &Connection, migrations: &[&str]) -> Result<usize> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(told);
    let empty: bool = connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)", [], |row| row.get(0)).map_err(told)?;
    if !empty && pragma("application_id")? != APPLICATION {
        return Err(another_program());
    }
    let known = migrations.len();
    let done = usize::try_from(pragma("user_version")?).unwrap_or(usize::MAX);
    if done > known {
        return Err(Error::new(
            ErrorKind::Config,
            format!("the store was written by a newer version of this program (schema {done}, this one knows up to {known})"),
        )
        .hint("use the newer version, or another store"));
    }
    Ok(done)
}

fn another_program() -> Error {
    Error::new(ErrorKind::Config, "the store's file is a database of another program")
        .hint("name another file: `store = \"PATH\"`; this one was left as it is")
}

/// Brings the database up to date, wholly or not at all.
fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    // Mostly there is nothing to be done: whoever only looks need not wait for a writer.
    if migrations_done(connection, migrations)? == migrations.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
    let (done, known) = (migrations_done(&transaction, migrations)?, migrations.len());
    for (number, migration) in migrations.iter().enumerate().skip(done) {
        transaction.execute_batch(migration).map_err(|error| told(error).context(format!("migration {}", number + 1)))?;
    }
    if done < known {
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(told)?;
        transaction.pragma_update(None, "user_version", known as i64).map_err(told)?;
    }
    transaction.commit().map_err(told)
}

/// The store names every customer and who owns it: only its owner may read the file.
pub(crate) fn create_private(path: &Path) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map(drop).map_err(|error| {
        if is_full(&error) {
            return full(error.to_string()).context(path.display().to_string());
        }
        Error::new(ErrorKind::Config, "the store cannot be opened")
            .context(path.display().to_string())
            .hint("name a file in a folder that exists and that you may write to: `store = \"PATH\"`")
            .source(error)
    })
}

/// Does an error say that a file is no database, or one whose pages are not as SQLite wrote them?
pub(crate) fn is_damage(error: &Error) -> bool {
    matches!(code_of(error), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

fn full(words: String) -> Error {
    Error::new(ErrorKind::Unavailable, "the disk that holds the store is full")
        .hint("make room; nothing was half-written")
        .source(Blocked::Full(words))
}

fn not_taken(words: String) -> Error {
    Error::new(ErrorKind::Unavailable, "the disk that holds the store does not take what is written")
        .hint("look whether it is full, over a quota or a limit of a file's size, or failing; nothing was half-written")
        .source(Blocked::Disk(words))
}

/// Does an error say that another process keeps the store locked?
pub(crate) fn is_locked(error: &Error) -> bool {
    Trouble::of(error) == Trouble::Locked
}

/// Says which store. An error of the disk that SQLite leaves unnamed is told as what it is where that shows.
fn placed(error: Error, path: &Path) -> Error {
    let place = path.display().to_string();
    let unnamed = matches!(blocked(&error), Some(Blocked::Disk(_))) || code_of(&error).is_some_and(is_unwritable);
    if unnamed && has_room(path).is_err_and(|error| is_full(&error)) {
        let words = error.vendor_words().unwrap_or_default();
        return full(words).context(place);
    }
    error.context(place)
}

/// Is there room beside the store? Writes a small file there and takes it away.
fn has_room(path: &Path) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.room", std::process::id()));
    let name = PathBuf::from(name);
    let written = std::fs::File::create(&name).and_then(|mut file| file.write_all(&vec![0; ROOM]).and_then(|()| file.sync_all()));
    let removed = std::fs::remove_file(&name);
    written.and(removed)
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The code of SQLite's error under ours.
fn code_of(error: &Error) -> Option<ErrorCode> {
    std::error::Error::source(error)?.downcast_ref::<rusqlite::Error>()?.sqlite_error_code()
}

fn is_unwritable(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied)
}

/// What an error of SQLite means to the caller.
pub(crate) fn told(error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    match code {
        _ if is_busy(&error) => {
            return Error::new(ErrorKind::Unavailable, "the store is locked by another process")
                .hint("wait for it to end, or stop it; nothing was written")
                .source(Blocked::Locked(error.to_string()));
        }
        Some(ErrorCode::DiskFull) => return full(error.to_string()),
        // A quota that is used up, a limit of the file's size, and no room for the file beside the log that readers share.
        Some(ErrorCode::SystemIoFailure) => return not_taken(error.to_string()),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Error::new(ErrorKind::Config, "the store's file is no database of this program")
                .hint("restore it from a backup, or name another file")
        }
        Some(code) if is_unwritable(code) => {
            Error::new(ErrorKind::Config, "the store cannot be written to").hint("check the rights of the file and its folder")
        }
        _ => Error::new(ErrorKind::Protocol, "the store could not do that").hint("report this with the log of the run"),
    }
    .source(error)
}

/// A limit as SQLite wants it.
pub(crate) fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Microseconds since 1970.
pub(crate) fn stamp(at: Instant) -> i64 {
    at.timestamp_micros()
}

/// A moment from microseconds since 1970.
pub(crate) fn instant(micros: i64) -> Instant {
    DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default()
}

#[cfg(test)]
mod tests;
