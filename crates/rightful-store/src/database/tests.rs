//! The database from its first opening to a full disk.

use std::time::Instant as Moment;

use rightful_engine::{Authorship, Fence, Holder, ImageId, ImageSpec, Leased, PageIn, PeopleStore as _, Store};

use super::*;
use crate::SqliteStore;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    (folder, path)
}

/// Every row of every table, and the version.
fn contents(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let lines = |sql: &str| -> Vec<String> {
        let mut select = connection.prepare(sql).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let mut contents = lines("SELECT user_version || ' ' || sql FROM pragma_user_version JOIN sqlite_master WHERE sql IS NOT NULL");
    contents.extend(lines("SELECT quote(name) FROM integration"));
    contents
}

fn refused(path: &Path) -> Error {
    let before = std::fs::read(path).unwrap();
    let error = SqliteStore::open(path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(error.mend().is_some() && error.to_string().contains(path.to_str().unwrap()), "{error:?}");
    assert!(std::fs::read(path).unwrap() == before, "the file was written to");
    error
}

#[test]
fn a_fresh_file_is_made_and_an_existing_one_is_taken_up() {
    let (_folder, path) = folder();
    SqliteStore::open(&path).unwrap();
    Connection::open(&path).unwrap().execute("INSERT INTO integration (name) VALUES ('kept')", []).unwrap();
    let before = contents(&path);
    SqliteStore::open(&path).unwrap();
    assert_eq!(contents(&path), before);
    assert!(before.last().is_some_and(|line| line == "'kept'"), "{before:?}");
}

#[test]
fn an_older_database_is_brought_up_to_date_wholly_or_not_at_all() {
    let (_folder, path) = folder();
    SqliteStore::open(&path).unwrap();
    let mut connection = Connection::open(&path).unwrap();
    connection.execute("INSERT INTO integration (name) VALUES ('kept')", []).unwrap();
    let before = contents(&path);
    let add = "ALTER TABLE integration ADD COLUMN later TEXT; CREATE TABLE later (a); INSERT INTO later SELECT name FROM integration;";
    let list = |last: &'static str| [MIGRATIONS, &[add, last]].concat();
    // The second of two fails after the first one did its work.
    let error = migrate(&mut connection, &list("CREATE TABLE more (a); INSERT INTO nowhere VALUES (1);")).unwrap_err();
    assert!(error.to_string().contains(&format!("migration {}", MIGRATIONS.len() + 2)), "{error}");
    assert_eq!(contents(&path), before);
    migrate(&mut connection, &list("CREATE TABLE more (a);")).unwrap();
    let (kept, version): (String, usize) = connection
        .query_row("SELECT later.a, user_version FROM later JOIN pragma_user_version", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!((kept.as_str(), version), ("kept", MIGRATIONS.len() + 2));
    // For us that is a newer one now.
    drop(connection);
    let error = refused(&path).to_string();
    assert!(error.contains("newer version") && error.contains(&format!("schema {version}")), "{error}");
}

#[tokio::test]
async fn a_store_of_the_second_version_is_opened_with_all_that_it_holds() {
    let (_folder, path) = folder();
    create_private(&path).unwrap();
    let mut connection = Connection::open(&path).unwrap();
    migrate(&mut connection, &MIGRATIONS[..2]).unwrap();
    let mut record = crate::world::record("c1", &[("region", "west")], "Customer 1");
    let mut body = Vec::new();
    let digest = crate::codec::encode(&mut record, &mut body).unwrap();
    connection
        .execute_batch("INSERT INTO image (connection, kind, fields, key, rows) VALUES ('field', 'customer', '[]', 'code', 1)")
        .unwrap();
    connection
        .execute("INSERT INTO record (image, id, k, digest, body) VALUES (1, 'c1', '', ?1, ?2)", rusqlite::params![digest.0 as i64, body])
        .unwrap();
    connection.execute("INSERT INTO record_key (image, k, id) VALUES (1, '', 'c1')", []).unwrap();
    connection
        .execute_batch("INSERT INTO hold (integration, kind, target, since, plan, body) VALUES ('i', 'customer', 'c1', 5, 1, '{}')")
        .unwrap();
    drop(connection);

    let store = SqliteStore::open(&path).unwrap();
    let rows = store.rows(ImageId(1), &["c1".into()]).await.unwrap();
    assert_eq!(rows.iter().map(|row| (&row.record, row.changed)).collect::<Vec<_>>(), [(&record, false)]);
    assert!(store.gone_rows(ImageId(1), None, 9).await.unwrap().is_empty());
    let holds = store.holds_since("i", instant(6), 9).await.unwrap();
    assert_eq!(holds.iter().map(|(_, _, target)| target.as_str()).collect::<Vec<_>>(), ["c1"]);
    // It is as one that was made today.
    let (_other, fresh) = folder();
    SqliteStore::open(&fresh).unwrap();
    let schema = |path: &Path| -> Vec<String> {
        let connection = Connection::open(path).unwrap();
        let mut select = connection.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(schema(&path), schema(&fresh));
}

#[test]
fn a_file_of_another_program_is_refused_and_left_as_it_is() {
    let (_folder, path) = folder();
    for version in [0, 1, 99] {
        let other = Connection::open(&path).unwrap();
        other.execute_batch(&format!("DROP TABLE IF EXISTS music; CREATE TABLE music (a); PRAGMA user_version = {version};")).unwrap();
        drop(other);
        assert!(refused(&path).to_string().contains("another program"));
    }
    std::fs::write(&path, "some notes, longer than the head of a database is, and then some more words, up to a hundred bytes").unwrap();
    assert!(refused(&path).to_string().contains("no database of this program"));
    let nowhere = path.with_file_name("missing").join("store.sqlite");
    for place in [path.parent().unwrap(), &nowhere] {
        let error = SqliteStore::open(place).unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.mend().is_some(), "{error:?}");
    }
}

#[test]
fn a_file_may_be_opened_by_many_at_once_from_the_first_moment_on() {
    for _ in 0..5 {
        let (_folder, path) = folder();
        let opened: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| SqliteStore::open(&path).map(drop))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    }
}

#[test]
fn every_connection_waits_logs_ahead_and_syncs() {
    let (_folder, path) = folder();
    let database = Database::open(&path).unwrap();
    let reader = database.reader().unwrap();
    for (connection, cache) in [(&*database.writer(), WRITER_CACHE), (&reader, READER_CACHE)] {
        let value = |name: &str| -> String {
            connection
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                .map(|value| match value {
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other => format!("{other:?}"),
                })
                .unwrap()
        };
        let values = ["journal_mode", "synchronous", "busy_timeout", "foreign_keys", "cache_size"].map(value);
        assert_eq!(values, ["wal", "2", "20000", "1", &format!("-{cache}")]);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_the_file_and_what_stands_beside_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    store.pause("i", false, &Authorship { author: "ann".into(), reason: "again".into(), at: DateTime::UNIX_EPOCH }).await.unwrap();
    let mut files = Vec::new();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        files.push((file.file_name().into_string().unwrap(), file.metadata().unwrap().permissions().mode() & 0o777));
    }
    files.sort();
    assert_eq!(files, ["store.sqlite", "store.sqlite-shm", "store.sqlite-wal"].map(|name| (name.to_owned(), 0o600)));
}

fn spec() -> ImageSpec {
    ImageSpec { connection: "c".into(), kind: "customer".into(), fields: vec![], key: "code".into() }
}

async fn leased(store: &SqliteStore) -> (Fence, ImageId) {
    let holder = Holder { machine: "here".into(), process: 1, born: 1 };
    let now = instant(0);
    let Leased::Held(fence) = store.lease("i", &holder, now, now + chrono::Duration::hours(1)).await.unwrap() else {
        panic!("nobody else is there")
    };
    let image = store.image(&spec()).await.unwrap().id;
    store.begin_read(&fence, image, rightful_core::Rows::All).await.unwrap();
    (fence, image)
}

fn page(first: usize, count: usize) -> PageIn {
    let name = "n".repeat(200);
    let items = (first..first + count).map(|number| crate::world::record(&format!("c{number}"), &[("code", &number.to_string())], &name));
    PageIn { answered: None, opened: vec![], items: items.collect(), total: None, whole: None, mark: None }
}

async fn rows(store: &SqliteStore, image: ImageId) -> usize {
    let ids: Vec<_> = (0..3_000).map(|number| rightful_core::RecordId::new(format!("c{number}"))).collect();
    let found = store.rows(image, &ids).await.unwrap().len();
    assert_eq!(store.image(&spec()).await.unwrap().rows, found as u64);
    found
}

#[tokio::test]
async fn a_locked_file_is_waited_for_then_told_and_nothing_is_half_written() {
    let (_folder, path) = folder();
    let busy = Duration::from_millis(150);
    let store = SqliteStore(Database::open_patiently(&path, busy).unwrap(), crate::vault::Vault::default());
    let (fence, image) = leased(&store).await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Moment::now();
    let error = store.put_page(&fence, image, page(0, 10), instant(1)).await.unwrap_err();
    assert!(begun.elapsed() >= busy, "gave up after {:?}", begun.elapsed());
    assert_eq!((error.kind(), error.mend()), (ErrorKind::Unavailable, Some("wait for it to end, or stop it; nothing was written")));
    assert!(error.to_string().contains("locked by another process") && error.to_string().contains(path.to_str().unwrap()), "{error}");
    // Looking is possible all the while, and everything is as it was.
    assert_eq!((rows(&store, image).await, store.open_read(image).await.unwrap().unwrap().begun), (0, false));
    // Once the other ends in time, nobody notices.
    let (pending, freed) = tokio::join!(store.put_page(&fence, image, page(0, 10), instant(1)), async {
        tokio::time::sleep(busy / 3).await;
        other.execute_batch("COMMIT")
    });
    assert_eq!((pending.unwrap().new, freed.is_ok(), rows(&store, image).await), (10, true, 10));
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_half_written() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let (fence, image) = leased(&store).await;
    store.put_page(&fence, image, page(0, 10), instant(1)).await.unwrap();
    let set_pages = |pages: i64| {
        let writer = store.0.writer();
        let now: i64 = writer.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        writer.pragma_update(None, "max_page_count", now + pages).unwrap();
    };
    set_pages(20);
    let error = store.put_page(&fence, image, page(5, 2_000), instant(2)).await.unwrap_err();
    assert_eq!((error.kind(), error.mend()), (ErrorKind::Unavailable, Some("make room; nothing was half-written")));
    assert!(error.to_string().contains("full") && error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert_eq!(rows(&store, image).await, 10);
    // Room was made: the same page goes in, and the read ends as if nothing had been.
    set_pages(1_000_000);
    assert_eq!(store.put_page(&fence, image, page(5, 2_000), instant(3)).await.unwrap().new, 1_995);
    let end = store.end_read(&fence, image, instant(4)).await.unwrap();
    assert_eq!((end.distinct, end.rows, end.complete), (2_005, 2_005, true));
}

#[tokio::test]
async fn a_look_up_is_of_one_moment_though_another_process_writes_in_the_middle() {
    let (_folder, path) = folder();
    let database = Database::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    let seen = database
        .read(move |moment| {
            let count = || moment.query_row("SELECT COUNT(*) FROM integration", [], |row| row.get::<_, i64>(0)).map_err(told);
            let before = count()?;
            other.execute("INSERT INTO integration (name) VALUES ('late')", []).map_err(told)?;
            Ok((before, count()?))
        })
        .await
        .unwrap();
    let after = database.read(|moment| moment.query_row("SELECT COUNT(*) FROM integration", [], |row| row.get::<_, i64>(0)).map_err(told));
    assert_eq!((seen, after.await.unwrap()), ((0, 0), 1));
}

#[tokio::test]
async fn who_only_looks_does_not_wait_for_a_write_that_waits() {
    let (_folder, path) = folder();
    let store = SqliteStore(Database::open_patiently(&path, Duration::from_secs(60)).unwrap(), crate::vault::Vault::default());
    let (fence, image) = leased(&store).await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writing = tokio::spawn({
        let store = store.clone();
        async move { store.put_page(&fence, image, page(0, 10), instant(1)).await }
    });
    while store.0.writer.try_lock().is_ok() {
        tokio::task::yield_now().await;
    }
    // Once to open the connection beside it, and once to find it there.
    for _ in 0..2 {
        assert_eq!(rows(&store, image).await, 0);
    }
    assert!(!writing.is_finished());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(writing.await.unwrap().unwrap().new, 10);
}

#[tokio::test]
async fn whether_a_store_answers_is_found_out_by_writing() {
    let (_folder, path) = folder();
    let store = SqliteStore(Database::open_patiently(&path, Duration::from_millis(50)).unwrap(), crate::vault::Vault::default());
    store.0.answers().await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.0.answers().await.unwrap_err();
    assert!(is_blocked(&error) && is_locked(&error) && error.to_string().contains(path.to_str().unwrap()), "{error:?}");
    other.execute_batch("COMMIT").unwrap();
    store.0.answers().await.unwrap();
    // A small write that is still taken does not hide that the disk was full: room beside the store does.
    let (fence, image) = leased(&store).await;
    let pages: i64 = store.0.writer().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.0.writer().pragma_update(None, "max_page_count", pages + 20).unwrap();
    let error = store.put_page(&fence, image, page(0, 2_000), instant(1)).await.unwrap_err();
    assert!(is_blocked(&error) && !is_locked(&error), "{error:?}");
    store.renew(&fence, instant(2)).await.unwrap();
    assert!(store.0.had(Trouble::Disk));
    store.0.answers().await.unwrap();
    assert!(store.0.had(Trouble::None));
}
