//! The floors: the smallest programs that make a job's requests and count the rows, or store them in SQLite.

mod accounts;
mod reassign;
mod rep_codes;
mod salesforce;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::option;
use crate::vendors::world::World;

pub use accounts::Way;

/// Runs the floor that the words name; `None` where they name none.
pub async fn run(arguments: &[String], world: World) -> Option<Result<(), String>> {
    let words: Vec<&str> = arguments.iter().take(2).map(String::as_str).collect();
    let (intacct, salesforce, skynamo) =
        (option(arguments, "--intacct"), option(arguments, "--salesforce"), option(arguments, "--skynamo"));
    Some(match (words.as_slice(), intacct, salesforce, skynamo) {
        (["rep-codes", mode @ ("count" | "sqlite")], Some(intacct), _, Some(skynamo)) => {
            rep_codes::run(intacct, skynamo, *mode == "sqlite").await
        }
        (["accounts-rest", mode @ ("count" | "sqlite")], _, Some(salesforce), _) => {
            told(accounts::run(salesforce, Way::Rest, *mode == "sqlite").await)
        }
        (["accounts-bulk", mode @ ("count" | "sqlite")], _, Some(salesforce), _) => {
            told(accounts::run(salesforce, Way::Bulk, *mode == "sqlite").await)
        }
        (["reassign", ..], Some(intacct), Some(salesforce), _) => told(reassign::run(intacct, salesforce, world).await),
        _ => return None,
    })
}

/// Prints how many rows there were.
fn told(rows: Result<usize, String>) -> Result<(), String> {
    crate::print_line(&serde_json::json!({ "rows": rows? }))
}

/// Where rows go that are kept; nowhere where they are only counted.
type Sink<R> = Option<SyncSender<Vec<R>>>;

/// The thread that keeps them.
struct Writer(Option<JoinHandle<Result<(), String>>>);

impl Writer {
    /// Waits until everything that was sent is kept.
    fn end(self) -> Result<(), String> {
        match self.0 {
            Some(thread) => thread.join().map_err(|_| "the writer panicked".to_owned())?,
            None => Ok(()),
        }
    }
}

/// Opens a SQLite of its own for rows, if they are to be kept: `insert` stores one batch.
fn keep<R: Send + 'static>(
    wanted: bool,
    schema: &'static str,
    insert: fn(&rusqlite::Transaction<'_>, Vec<R>) -> rusqlite::Result<()>,
) -> (Sink<R>, Writer) {
    if !wanted {
        return (None, Writer(None));
    }
    let (sender, receiver) = sync_channel::<Vec<R>>(8);
    (Some(sender), Writer(Some(std::thread::spawn(move || write_rows(schema, insert, &receiver)))))
}

fn write_rows<R>(
    schema: &str,
    insert: fn(&rusqlite::Transaction<'_>, Vec<R>) -> rusqlite::Result<()>,
    receiver: &Receiver<Vec<R>>,
) -> Result<(), String> {
    let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "-");
    let folder = std::env::temp_dir().join(format!("rightful-floor-{}-{thread}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let written = write_to(&folder.join("floor.sqlite"), schema, insert, receiver).map_err(|error| error.to_string());
    let removed = std::fs::remove_dir_all(&folder).map_err(|error| error.to_string());
    written.and(removed)
}

fn write_to<R>(
    path: &std::path::Path,
    schema: &str,
    insert: fn(&rusqlite::Transaction<'_>, Vec<R>) -> rusqlite::Result<()>,
    receiver: &Receiver<Vec<R>>,
) -> rusqlite::Result<()> {
    let mut database = rusqlite::Connection::open(path)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "NORMAL")?;
    database.execute_batch(schema)?;
    while let Ok(rows) = receiver.recv() {
        let transaction = database.transaction()?;
        insert(&transaction, rows)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::vendors::start;

    const WORLD: World = World { customers: 6_000, codes: 50, users: 5 };

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn accounts_are_read_by_pages_and_by_jobs() {
        let vendor = start("salesforce", WORLD, Duration::ZERO).await.unwrap();
        for (way, store) in [(Way::Rest, false), (Way::Rest, true), (Way::Bulk, false), (Way::Bulk, true)] {
            assert_eq!(accounts::run(&vendor.origin(), way, store).await, Ok(WORLD.customers), "{way:?} {store}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn accounts_of_changed_customers_are_given_to_their_users() {
        let erp = start("intacct", WORLD, Duration::ZERO).await.unwrap();
        let crm = start("salesforce", WORLD, Duration::ZERO).await.unwrap();
        let intacct = erp.base_url();
        assert_eq!(reassign::run(&intacct, &crm.origin(), WORLD).await, Ok(0));
        erp.control("change", serde_json::json!({})).unwrap();
        assert_eq!(reassign::run(&intacct, &crm.origin(), WORLD).await, Ok(WORLD.customers / 20));
        let dump = crm.dump();
        assert_eq!((&dump["right_after_5_percent"], &dump["patches"]), (&WORLD.customers.into(), &2.into()), "{dump}");
    }
}
