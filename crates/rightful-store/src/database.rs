//! Opening the database: migrations, durability, who may read the file, and what its errors mean.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rightful_core::{Error, ErrorKind, Instant, Result};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

/// Migrations in order; the database's `user_version` is how many it has had.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(20);

/// One database: a connection that writes, and as many readers as streams are open.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    path: Arc<PathBuf>,
    writer: Arc<Mutex<Connection>>,
}

impl Database {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        create_private(path)?;
        let mut writer = connect(path)?;
        migrate(&mut writer, path)?;
        Ok(Self { path: Arc::new(path.to_path_buf()), writer: Arc::new(Mutex::new(writer)) })
    }

    /// Runs one immediate transaction on the writing connection, off the async threads.
    pub(crate) async fn write<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let database = self.clone();
        blocking(move || {
            let mut writer = database.writer();
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
            let value = body(&transaction)?;
            transaction.commit().map_err(told)?;
            Ok(value)
        })
        .await
    }

    /// Runs one read on the writing connection: small look-ups that want the newest state.
    pub(crate) async fn read<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let database = self.clone();
        blocking(move || body(&database.writer())).await
    }

    /// A connection of its own, for a stream that reads one snapshot while others write.
    pub(crate) fn reader(&self) -> Result<Connection> {
        connect(&self.path)
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) async fn blocking<T: Send + 'static>(body: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(body).await.map_err(|error| {
        Error::new(ErrorKind::Protocol, "the store broke down").hint("report this with the log of the run").source(error)
    })?
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(|error| told(error).context(path.display().to_string()))?;
    connection.busy_timeout(BUSY).map_err(told)?;
    // The journal survives a killed process under NORMAL as well; FULL keeps an intent also when the power goes, at one sync per commit.
    for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL"), ("foreign_keys", "ON"), ("temp_store", "FILE")] {
        connection.pragma_update(None, name, value).map_err(|error| told(error).context(path.display().to_string()))?;
    }
    // 16 MiB of pages for each connection, whatever the size of the data.
    connection.pragma_update(None, "cache_size", -16_384).map_err(told)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(told)?;
    let done: usize = transaction.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).map_err(told)? as usize;
    if done > MIGRATIONS.len() {
        return Err(Error::new(ErrorKind::Config, "the store was written by a newer version of this program")
            .context(format!("{}: schema {done}, known up to {}", path.display(), MIGRATIONS.len()))
            .hint("use the newer version, or another store"));
    }
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        transaction.execute_batch(migration).map_err(|error| told(error).context(format!("migration {}", number + 1)))?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64).map_err(told)?;
    transaction.commit().map_err(told)
}

/// The store names every customer and who owns it: only its owner may read the file.
fn create_private(path: &Path) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map(drop).map_err(|error| {
        Error::new(ErrorKind::Config, "the store cannot be opened")
            .context(path.display().to_string())
            .hint("name a file in a folder that exists and that you may write to: `store = \"PATH\"`")
            .source(error)
    })
}

/// What an error of SQLite means to the caller.
pub(crate) fn told(error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::new(ErrorKind::Unavailable, "the store is locked by another process")
                .hint("wait for it to end, or stop it; nothing was written")
        }
        Some(ErrorCode::DiskFull) => {
            Error::new(ErrorKind::Unavailable, "the disk that holds the store is full").hint("make room; nothing was half-written")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Error::new(ErrorKind::Config, "the store's file is no database of this program")
                .hint("restore it from a backup, or name another file")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            Error::new(ErrorKind::Config, "the store cannot be written to").hint("check the rights of the file and its folder")
        }
        _ => Error::new(ErrorKind::Protocol, "the store could not do that").hint("report this with the log of the run"),
    }
    .source(error)
}

/// Microseconds since 1970.
pub(crate) fn stamp(at: Instant) -> i64 {
    at.timestamp_micros()
}

/// A moment from microseconds since 1970.
pub(crate) fn instant(micros: i64) -> Instant {
    DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default()
}
