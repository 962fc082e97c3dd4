//! Processes that are killed, and the ones that come after them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use rightful_core::{Clock as _, ManualClock};
use rightful_engine::*;
use rightful_store::{SqliteStore, current_holder};
use rusqlite::Connection;

use crate::child::{CUSTOMERS, Hands, PAGE, Vendors, flooded};

fn folder() -> tempfile::TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.unwrap()
}

fn database(folder: &Path) -> std::path::PathBuf {
    folder.join("store.sqlite")
}

/// What must hold of the file whenever nobody is writing.
fn assert_consistent(folder: &Path, about: &str) {
    let connection = Connection::open(database(folder)).unwrap();
    let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(one("PRAGMA integrity_check"), "ok", "{about}");
    for (what, sql) in [
        (
            "images that count other rows than they have",
            "SELECT COUNT(*) || '' FROM image WHERE rows <> (SELECT COUNT(*) FROM record WHERE image = image.id)",
        ),
        (
            "rows out of the order of their image",
            "SELECT COUNT(*) || '' FROM image WHERE sorted AND rows <> (SELECT COUNT(*) FROM record_key JOIN record USING (image, id, k) WHERE record.image = image.id)",
        ),
        ("cursors without a read", "SELECT COUNT(*) || '' FROM cursor WHERE image NOT IN (SELECT image FROM reading)"),
        ("changes without a plan", "SELECT COUNT(*) || '' FROM change WHERE plan NOT IN (SELECT id FROM plan)"),
        ("entries without a run", "SELECT COUNT(*) || '' FROM entry WHERE run NOT IN (SELECT id FROM run)"),
        (
            "heads that are no JSON",
            "SELECT COUNT(*) || '' FROM (SELECT head FROM run UNION ALL SELECT head FROM plan UNION ALL SELECT head FROM entry) WHERE NOT json_valid(head) OR head = '{}'",
        ),
    ] {
        assert_eq!(one(sql), "0", "{what}, {about}");
    }
}

fn now() -> rightful_core::Instant {
    // The children's clock stands still at the world's beginning.
    ManualClock::at(rightful_core::Instant::from_timestamp(1_800_000_000, 0).unwrap()).now()
}

/// Lets a run go on to its end and says how it ended.
fn finish(mut run: Hands) -> String {
    let mut last = String::new();
    while let Some(said) = run.next() {
        last = said;
        run.go_on();
    }
    assert!(run.ended_well(), "after `{last}`");
    last
}

#[test]
fn a_run_killed_at_any_step_of_its_ledger_is_ended_by_the_next_process_with_each_record_written_once() {
    let mut met = BTreeSet::new();
    for nth in 1.. {
        let folder = folder();
        let mut run = Hands::start(folder.path(), "runs");
        let mut at = 0;
        let killed = loop {
            let said = run.next().expect("it says how it ended");
            if said.starts_with("ended") {
                assert_eq!(said, "ended done");
                break None;
            }
            // Steps that only read are the business of another test.
            at += usize::from(!said.contains("page") && !said.contains("read"));
            if at == nth {
                break Some(said);
            }
            run.go_on();
        };
        let Some(killed) = killed else {
            run.go_on();
            assert!(run.ended_well());
            assert!(met.len() >= 12 && met.contains("after-intend") && met.contains("after-settle"), "{met:?}");
            break;
        };
        let about = format!("killed at {killed}, step {nth}");
        run.kill();
        assert_consistent(folder.path(), &about);
        // The next one is not told to wait: the holder is dead.
        let ended = finish(Hands::start(folder.path(), "runs"));
        assert_eq!(ended, "ended done", "{about}");
        assert_consistent(folder.path(), &about);
        let vendors = Vendors::load(folder.path()).unwrap();
        for (key, _, owner) in CUSTOMERS {
            assert_eq!(vendors.owners[&format!("t{key}")], [owner], "{key}, {about}");
        }
        let once: BTreeSet<_> = vendors.written.iter().map(|(id, _)| id.to_string()).collect();
        assert_eq!((once.len(), vendors.written.len()), (CUSTOMERS.len(), CUSTOMERS.len()), "{about}");
        met.insert(killed);
    }
}

#[tokio::test]
async fn a_living_process_keeps_its_lease_and_a_killed_one_loses_it_at_once() {
    let folder = folder();
    let mut run = Hands::start(folder.path(), "runs");
    run.next().unwrap();
    let store = SqliteStore::open(&database(folder.path())).unwrap();
    let ask = async |at| store.lease("rep-codes", &current_holder(), at, at + chrono::Duration::minutes(1)).await.unwrap();
    let Leased::Busy(holder, until) = ask(now()).await else { panic!("its holder lives") };
    assert_eq!(holder.process, run.process());
    assert!(until > now());
    run.kill();
    let Leased::Held(fence) = ask(now()).await else { panic!("its holder is dead") };
    store.release(&fence).await.unwrap();
}

#[tokio::test]
async fn a_process_that_slept_past_its_lease_writes_nothing_more() {
    let folder = folder();
    let mut run = Hands::start(folder.path(), "runs");
    while run.next().unwrap() != "before-intend" {
        run.go_on();
    }
    let store = SqliteStore::open(&database(folder.path())).unwrap();
    let late = now() + chrono::Duration::hours(1);
    let leased = store.lease("rep-codes", &current_holder(), late, late + chrono::Duration::minutes(1)).await.unwrap();
    assert!(matches!(leased, Leased::Held(_)), "it expired: {leased:?}");
    run.go_on();
    let said = run.next().unwrap();
    assert!(said.starts_with("failed") && said.contains("lease") && said.contains("lost"), "{said}");
    run.go_on();
    assert!(run.ended_well());
    let entries = store.entries(&EntryFilter { limit: 9, ..EntryFilter::default() }).await.unwrap();
    assert!(entries.is_empty(), "{entries:?}");
    assert!(Vendors::load(folder.path()).unwrap().written.is_empty());
}

#[tokio::test]
async fn a_process_killed_in_the_middle_of_a_page_leaves_whole_pages_and_the_cursor_behind_them() {
    let folder = folder();
    let mut pages = 0;
    for wait in [3, 11, 1, 17, 7, 29] {
        let mut flood = Hands::start(folder.path(), "floods");
        assert_eq!(flood.next().as_deref(), Some("begins"));
        flood.go_on();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        flood.kill();
        assert_consistent(folder.path(), &format!("killed after {wait} ms"));
        let store = SqliteStore::open(&database(folder.path())).unwrap();
        let image = store.image(&flooded()).await.unwrap();
        let chunks: Vec<_> = store.ordered(image.id).collect().await;
        let rows: usize = chunks.into_iter().map(|chunk| chunk.unwrap().len()).sum();
        assert_eq!((rows % PAGE, rows as u64), (0, image.rows), "after {wait} ms");
        let open = store.open_read(image.id).await.unwrap().unwrap();
        let at: Vec<&str> = open.open.iter().map(|cursor| cursor.at.as_str()).collect();
        let expected = (rows / PAGE).to_string();
        assert!(at == [expected.as_str()] || (rows == 0 && at.is_empty()), "{rows} rows, but the read stands at {at:?}");
        assert!(rows / PAGE >= pages, "pages were lost");
        pages = rows / PAGE;
    }
    assert!(pages > 10, "only {pages} pages came in");
}
