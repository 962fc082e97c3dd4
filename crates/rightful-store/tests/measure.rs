//! What the store costs with very many rows, beside the least a program can do with SQLite.
//! Run by hand, one at a time: `RECORDS=1000000 cargo test --profile bench -p rightful-store --test measure NAME -- --ignored --nocapture`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "measurements, run by hand")]

use std::path::Path;
use std::time::{Duration, Instant as Moment};

use futures::StreamExt as _;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use rightful_core::*;
use rightful_engine::*;
use rightful_store::{SqliteStore, current_holder};

const PAGE: usize = 2_000;

fn records() -> usize {
    std::env::var("RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000)
}

/// Processor time of this process so far.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    Duration::from_micros((usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as u64)
}

/// Runs it; answers its processor time, its wall time and the peak memory of the process while it ran, in MiB.
async fn measured<T>(about: &str, work: impl Future<Output = T>) -> (T, Duration) {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (begun, before) = (Moment::now(), cpu());
    let done = work.await;
    let (wall, cpu) = (begun.elapsed(), cpu() - before);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak: u64 = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB").parse().unwrap();
    println!("{about:<44} cpu {:>7.2} s  wall {:>7.2} s  peak {:>5} MiB", cpu.as_secs_f64(), wall.as_secs_f64(), peak / 1024);
    (done, cpu)
}

/// A customer as Sage Intacct shows it. `shuffled` spreads the join keys, so that their order is not that of the ids.
fn source(number: usize, shuffled: bool) -> Record {
    let code = if shuffled { number.wrapping_mul(7_919) % 10_000_019 } else { number };
    Record {
        id: format!("{}", 1_000_000 + number).into(),
        keys: vec![Key::new(KeyName::fixed("customer-id"), format!("C{code:08}"))],
        name: format!("Customer {number} & Sons"),
        owners: vec![(Role::fixed("owner"), Owner::Known(vec![format!("R{:04}", number % 1_000)]))],
        person: None,
        values: vec![Value::Text(format!("R{:04}", number % 1_000)), Value::Text("active".into())],
        changed_at: Instant::from_timestamp(1_700_000_000 + number as i64, 0),
        state: State::Active,
    }
}

fn spec() -> ImageSpec {
    ImageSpec {
        connection: "erp".into(),
        kind: "customer".into(),
        fields: vec!["CUSTREPID".into(), "STATUS".into()],
        key: "customer-id".into(),
    }
}

async fn read(store: &SqliteStore, fence: &Fence, image: ImageId, shuffled: bool) -> Stored {
    let now = Instant::from_timestamp(1_800_000_000, 0).unwrap();
    store.begin_read(fence, image, Rows::All).await.unwrap();
    let mut total = Stored::default();
    for first in (0..records()).step_by(PAGE) {
        let items = (first..records().min(first + PAGE)).map(|number| source(number, shuffled)).collect();
        let page = PageIn { answered: None, opened: vec![], items, total: None, whole: None, mark: None };
        let stored = store.put_page(fence, image, page, now).await.unwrap();
        total = Stored { new: total.new + stored.new, changed: total.changed + stored.changed, same: total.same + stored.same };
    }
    let end = store.end_read(fence, image, now).await.unwrap();
    assert!(end.complete && end.distinct == records() as u64);
    total
}

/// The floor: one prepared statement in a loop, a transaction for each page.
fn plain_loop(path: &Path, shuffled: bool) -> rusqlite::Result<()> {
    let mut database = rusqlite::Connection::open(path)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "NORMAL")?;
    database.execute_batch(
        "CREATE TABLE customer (id TEXT PRIMARY KEY, key TEXT, name TEXT, owner TEXT, code TEXT, status TEXT, at INTEGER) WITHOUT ROWID",
    )?;
    for first in (0..records()).step_by(PAGE) {
        let transaction = database.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO customer VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
            for record in (first..records().min(first + PAGE)).map(|number| source(number, shuffled)) {
                let Owner::Known(owners) = &record.owners[0].1 else { unreachable!("made above") };
                insert.execute((
                    record.id.as_str(),
                    &record.keys[0].value,
                    &record.name,
                    &owners[0],
                    record.values[0].as_text(),
                    record.values[1].as_text(),
                    record.changed_at.map(|at| at.timestamp_micros()),
                ))?;
            }
        }
        transaction.commit()?;
    }
    Ok(())
}

async fn held(store: &SqliteStore) -> Fence {
    let now = Instant::from_timestamp(1_800_000_000, 0).unwrap();
    match store.lease("rep-codes", &current_holder(), now, now + chrono::Duration::hours(9)).await.unwrap() {
        Leased::Held(fence) => fence,
        busy => panic!("{busy:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test"]
async fn images() {
    for shuffled in [false, true] {
        println!("{} records, keys {}", records(), if shuffled { "in another order than ids" } else { "in the order of ids" });
        let folder = tempfile::tempdir().unwrap();
        let (_, made) =
            measured("making the records", async { (0..records()).map(|number| source(number, shuffled).name.len()).sum::<usize>() }).await;
        let (_, floor) = measured("plain loop", async { plain_loop(&folder.path().join("floor.sqlite"), shuffled).unwrap() }).await;
        let path = folder.path().join("store.sqlite");
        let store = SqliteStore::open(&path).unwrap();
        let fence = held(&store).await;
        let image = store.image(&spec()).await.unwrap().id;
        let (stored, first) = measured("first read into the image", read(&store, &fence, image, shuffled)).await;
        assert_eq!(stored.new, records() as u64);
        println!("  ratio to the plain loop {:.2}", (first - made).as_secs_f64() / (floor - made).as_secs_f64());
        let (stored, second) = measured("unchanged second read", read(&store, &fence, image, shuffled)).await;
        assert_eq!(stored.same, records() as u64);
        println!("  ratio to the plain loop {:.2}", (second - made).as_secs_f64() / (floor - made).as_secs_f64());
        let (rows, _) = measured("both images in the order of their key", async {
            let mut streams = [store.ordered(image), store.ordered(image)];
            let mut rows = 0;
            loop {
                let chunks = futures::future::join_all(streams.iter_mut().map(|stream| stream.next())).await;
                let seen: usize = chunks.into_iter().flatten().map(|chunk| chunk.unwrap().len()).sum();
                if seen == 0 {
                    break rows;
                }
                rows += seen;
            }
        })
        .await;
        assert_eq!(rows, 2 * records());
        let size = std::fs::metadata(&path).unwrap().len();
        println!("  {} bytes a record on disk", size / records() as u64);
    }
}

fn entry(number: usize) -> Entry {
    Entry {
        id: EntryId(0),
        run: RunId(1 + (number / 10_000) as i64),
        plan: PlanId(1),
        change: 1 + (number % 10_000) as i64,
        integration: "rep-codes".into(),
        connection: "field".into(),
        kind: "customer".into(),
        target: format!("t{}", number % 100_000).into(),
        code: format!("C{:08}", number % 100_000),
        name: format!("Customer {number}"),
        role: Role::fixed("assigned"),
        before: vec!["4".into()],
        after: vec![(number % 200).to_string()],
        carry: None,
        why: Why { rule: "code".into(), code: Some(format!("R{:04}", number % 1_000)), table_version: Some(3), ..Why::default() },
        intended_at: Instant::from_timestamp(1_700_000_000, 0).unwrap(),
        state: EntryState::Done,
        settled_at: Instant::from_timestamp(1_700_000_001, 0),
        attempts: 1,
        note: None,
    }
}

/// What a run, an undo and an explanation ask of the ledger, beside one of 10,000 rows. `RECORDS` says how many rows it grows to.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test"]
async fn ledger() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
    let fence = held(&store).await;
    let image = store.image(&spec()).await.unwrap().id;
    let mut written = 0;
    for size in [10_000, records()] {
        while written < size {
            let entries: Vec<Entry> = (written..size.min(written + 10_000)).map(entry).collect();
            store.intend(&fence, &entries).await.unwrap();
            written += entries.len();
        }
        let filter = || EntryFilter { integration: Some("rep-codes".into()), limit: 20, ..EntryFilter::default() };
        let target = |number: usize| Some(("field".into(), "customer".into(), RecordId::new(format!("t{number}"))));
        println!("{size} rows");
        measured("1,000 explanations by record", async {
            for number in 0..1_000 {
                let filter = EntryFilter { target: target(number * 7), latest_first: true, ..filter() };
                assert!(!store.entries(&filter).await.unwrap().is_empty());
            }
        })
        .await;
        measured("1,000 explanations by code", async {
            for number in 0..1_000 {
                let filter = EntryFilter { code: Some(format!("C{:08}", number * 7)), latest_first: true, ..filter() };
                assert!(!store.entries(&filter).await.unwrap().is_empty());
            }
        })
        .await;
        measured("1,000 looks for open writes", async {
            for _ in 0..1_000 {
                let filter = EntryFilter { states: vec![EntryState::Intended, EntryState::Unknown], limit: 1_000, ..filter() };
                assert!(store.entries(&filter).await.unwrap().is_empty());
            }
        })
        .await;
        let run = RunId((size / 10_000) as i64);
        measured("an undo reads a run of 10,000", async {
            let (mut seen, mut after) = (0, None);
            loop {
                let states = vec![EntryState::Done, EntryState::Disputed];
                let filter = EntryFilter { run: Some(run), states, after, limit: 500, ..EntryFilter::default() };
                let entries = store.entries(&filter).await.unwrap();
                let Some(last) = entries.last() else { break };
                after = Some(last.id);
                seen += entries.len();
            }
            assert_eq!(seen, 10_000);
        })
        .await;
        let next = RunId(run.0 + 1);
        measured("a run writes and settles 2,000, in hundreds", async {
            for first in (0..2_000).step_by(100) {
                // A run of its own, beside those that the ledger grows by.
                let entries: Vec<Entry> =
                    (size + first..size + first + 100).map(entry).map(|entry| Entry { run: RunId(next.0 + 1_000_000), ..entry }).collect();
                let ids = store.intend(&fence, &entries).await.unwrap();
                let settled = |id| Settled { entry: id, state: EntryState::Done, note: None, into_image: true, consequences: Vec::new() };
                let settled: Vec<Settled> = ids.into_iter().map(settled).collect();
                store.settle(&fence, image, &settled, &[], Instant::from_timestamp(1_700_000_002, 0).unwrap()).await.unwrap();
            }
            store.entry_counts(RunId(next.0 + 1_000_000)).await.unwrap();
            store.last_intended(next).await.unwrap();
        })
        .await;
    }
}
