//! Backups taken while others write, and what may and may not take a store's place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rightful_engine::{AccessStore as _, Act, AuditFilter, AuditLog as _, ChainVerdict, Invitation, Leased, SessionRow, Store as _};

use super::*;
use crate::{SqliteStore, current_holder};

fn at(minutes: i64) -> Instant {
    instant((1_800_000_000 + 60 * minutes) * 1_000_000)
}

fn by() -> Authorship {
    Authorship { author: "ann".into(), reason: "the disk broke".into(), at: at(5) }
}

/// A folder with a store in it, in which something happened.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.store().pause("before", true, &by()).await.unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.path("store.db")).unwrap()
    }

    async fn backup(&self) -> PathBuf {
        let backup = self.path("backup.db");
        self.store().backup(&backup, true).await.unwrap();
        backup
    }

    async fn restore(&self, from: &Path, force: bool) -> Result<()> {
        SqliteStore::restore(from, &self.path("store.db"), force, &by()).await
    }

    /// Names in the folder besides logs.
    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<String> = files.filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm")).collect();
        files.sort();
        files
    }
}

async fn lines(store: &SqliteStore) -> Vec<String> {
    assert!(matches!(store.verify().await.unwrap(), ChainVerdict::Whole { .. }));
    let lines = store.acts(&AuditFilter { limit: 999, ..AuditFilter::default() }).await.unwrap();
    lines.into_iter().map(|line| format!("{} {}", line.act.action, line.act.object)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_backup_is_of_one_moment_though_others_write_all_the_while() {
    let place = Place::new().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            // A store of its own, as another process has it.
            let (store, stop) = (place.store(), stop.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return number;
                    }
                    store.append(&Act::new(at(1), "ann", "codes.save", format!("{writer} {number} {}", "x".repeat(2_000)))).await.unwrap();
                }
                0
            })
        })
        .collect();
    let store = place.store();
    let mut sizes = Vec::new();
    for number in 0..8 {
        let backup = place.path(&format!("backup-{number}.db"));
        store.backup(&backup, false).await.unwrap();
        sound(&read_only(&backup).unwrap()).unwrap();
        sizes.push(lines(&SqliteStore::open(&backup).unwrap()).await.len());
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 0);
    }
    assert!(sizes.is_sorted() && sizes[0] > 0, "{sizes:?}");
}

#[tokio::test]
async fn a_backup_is_one_file_for_its_owner_and_takes_no_other_files_place() {
    let place = Place::new().await;
    let store = place.store();
    let backup = place.path("backup.db");
    store.backup(&backup, false).await.unwrap();
    assert_eq!(place.files(), ["backup.db", "store.db"]);
    assert!(!beside(&backup, "-wal").exists() && !beside(&backup, "-shm").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let first = std::fs::read(&backup).unwrap();
    store.pause("after", true, &by()).await.unwrap();
    let error = store.backup(&backup, false).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("backup.db") && error.mend().is_some(), "{error:?}");
    assert!(std::fs::read(&backup).unwrap() == first);
    store.backup(&backup, true).await.unwrap();
    assert_eq!(lines(&SqliteStore::open(&backup).unwrap()).await, ["integration.pause after", "integration.pause before"]);
    for (to, replace) in [(place.path("store.db"), true), (place.path("nowhere/backup.db"), false), (place.folder.path().to_owned(), true)]
    {
        let error = store.backup(&to, replace).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.mend().is_some(), "{}: {error:?}", to.display());
    }
    assert_eq!((place.files(), lines(&store).await.len()), (vec!["backup.db".to_owned(), "store.db".to_owned()], 2));
}

#[tokio::test]
async fn a_backup_takes_the_place_of_a_store_that_nobody_has_open() {
    let place = Place::new().await;
    let store = place.store();
    // What belongs to the time of the backup.
    let holder = current_holder();
    let Leased::Held(fence) = store.lease("before", &holder, at(0), at(999_999)).await.unwrap() else { panic!("nobody holds it") };
    let session = SessionRow { digest: b"session".to_vec(), data: vec![], expires: at(999_999) };
    store.put_session(&session, true).await.unwrap();
    let link = Invitation { member: None, expires: at(999_999) };
    store.put_invitation(b"link", &link, &Act::new(at(0), "ann", "member.link", "first")).await.unwrap();
    let backup = place.backup().await;
    store.release(&fence).await.unwrap();
    store.pause("after", true, &by()).await.unwrap();
    let before = lines(&store).await;
    let error = place.restore(&backup, false).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.mend().unwrap().contains("--force"), "{error:?}");
    let error = place.restore(&backup, true).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("has the store open"), "{error:?}");
    assert!(error.mend().unwrap().contains("rightful serve"), "{error:?}");
    assert_eq!((lines(&store).await, place.files()), (before, vec!["backup.db".to_owned(), "store.db".to_owned()]));
    drop(store);
    place.restore(&backup, true).await.unwrap();
    let store = place.store();
    assert_eq!(lines(&store).await, ["store.restore store", "member.link first", "integration.pause before"]);
    assert!(store.integration("after").await.unwrap().paused.is_none());
    assert_eq!((store.session(b"session", at(1)).await.unwrap(), store.invitation(b"link", at(1)).await.unwrap()), (None, None));
    // The lease of then is over, and so is whatever still believes to hold it.
    assert_eq!(store.renew(&fence, at(9)).await.unwrap_err().kind(), ErrorKind::Conflict);
    let stranger = Holder { machine: "elsewhere".into(), process: 1, born: 1 };
    assert!(matches!(store.lease("before", &stranger, at(1), at(9)).await.unwrap(), Leased::Held(_)));
    // Into a place where nothing is.
    let fresh = place.path("fresh.db");
    SqliteStore::restore(&backup, &fresh, false, &by()).await.unwrap();
    assert_eq!(lines(&SqliteStore::open(&fresh).unwrap()).await.len(), 3);
    assert_eq!(place.files(), ["backup.db", "fresh.db", "store.db"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&fresh).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn nothing_is_restored_while_somebody_runs_an_integration() {
    let place = Place::new().await;
    let backup = place.backup().await;
    let now = chrono::Utc::now();
    let restored = |by: Authorship| {
        let (backup, to) = (backup.clone(), place.path("store.db"));
        async move { SqliteStore::restore(&backup, &to, true, &by).await }
    };
    let by = Authorship { at: now, ..by() };
    let hour = chrono::Duration::hours(1);
    // Elsewhere, so that only its expiry tells.
    let holder = Holder { machine: "elsewhere".into(), process: 7, born: 1 };
    place.store().lease("a", &holder, now, now + hour).await.unwrap();
    let error = restored(by.clone()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("process 7 is running integration `a`"), "{error:?}");
    restored(Authorship { at: now + hour * 2, ..by.clone() }).await.expect("it has expired");
    let mut ended = std::process::Command::new("true").spawn().unwrap();
    let holder = crate::holder_of(ended.id());
    ended.wait().unwrap();
    place.store().lease("a", &holder, now, now + hour).await.unwrap();
    if !holder.machine.is_empty() {
        restored(by).await.expect("its holder has ended");
    }
}

#[tokio::test]
async fn what_is_no_sound_backup_replaces_nothing() {
    let place = Place::new().await;
    let store = place.store();
    for number in 0..50 {
        store.append(&Act::new(at(1), "ann", "codes.save", format!("{number} {}", "x".repeat(500)))).await.unwrap();
    }
    let good = place.backup().await;
    drop(store);
    let bad = place.path("bad.db");
    let made = |change: &dyn Fn(&Path)| {
        std::fs::copy(&good, &bad).unwrap();
        change(&bad);
    };
    let run = |sql: &'static str| move |path: &Path| Connection::open(path).unwrap().execute_batch(sql).unwrap();
    let write = |at: usize, bytes: &'static [u8]| {
        move |path: &Path| {
            let mut whole = std::fs::read(path).unwrap();
            whole[at..at + bytes.len()].copy_from_slice(bytes);
            std::fs::write(path, whole).unwrap();
        }
    };
    let half = |path: &Path| {
        let whole = std::fs::read(path).unwrap();
        std::fs::write(path, &whole[..whole.len() / 2]).unwrap();
    };
    let empty = |path: &Path| std::fs::write(path, "").unwrap();
    let words = |path: &Path| std::fs::write(path, "no database ".repeat(99)).unwrap();
    let gone = |path: &Path| std::fs::remove_file(path).unwrap();
    type Change<'a> = &'a dyn Fn(&Path);
    let table: [(&str, Change<'_>, &str); 7] = [
        ("another program's", &run("PRAGMA application_id = 7"), "another program"),
        ("a newer version's", &run("PRAGMA user_version = 99"), "newer version"),
        ("half of one", &half, ""),
        ("a page that was overwritten", &write(3 * 4096, &[0xff; 4096]), ""),
        ("an empty one", &empty, "another program"),
        ("some text", &words, "no database"),
        ("none", &gone, "no such file"),
    ];
    let before = lines(&place.store()).await;
    for (about, change, told) in table {
        made(change);
        let error = place.restore(&bad, true).await.expect_err(about);
        assert!(error.mend().is_some() && error.to_string().contains(told) && error.to_string().contains("bad.db"), "{about}: {error:?}");
        assert_eq!(lines(&place.store()).await, before, "{about}");
        assert!(!place.files().iter().any(|name| name.contains("part")), "{about}: {:?}", place.files());
    }
    let itself = place.restore(&place.path("store.db"), true).await.unwrap_err();
    assert!(itself.to_string().contains("the store itself"), "{itself}");
    // And the other way round: a file of another program is not replaced, a damaged store of ours is.
    let store = place.path("store.db");
    std::fs::remove_file(&store).unwrap();
    Connection::open(&store).unwrap().execute_batch("PRAGMA journal_mode = DELETE; CREATE TABLE music (a)").unwrap();
    let error = place.restore(&good, true).await.unwrap_err();
    assert!(error.to_string().contains("another program") && error.to_string().contains("store.db"), "{error}");
    std::fs::copy(&good, &store).unwrap();
    write(0, &[0xff; 200])(&store);
    SqliteStore::open(&store).expect_err("it is damaged");
    place.restore(&good, true).await.unwrap();
    assert_eq!(lines(&place.store()).await.len(), before.len() + 1);
}

#[tokio::test]
async fn the_log_of_an_old_store_never_meets_the_restored_one() {
    let place = Place::new().await;
    let backup = place.backup().await;
    let store = place.store();
    store.pause("late", true, &by()).await.unwrap();
    // A store whose file was lost while its log stayed.
    let path = place.path("store.db");
    let log = std::fs::read(beside(&path, "-wal")).unwrap();
    assert!(!log.is_empty());
    drop(store);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(beside(&path, "-wal"), &log).unwrap();
    place.restore(&backup, false).await.unwrap();
    assert!(!beside(&path, "-wal").exists());
    assert_eq!(lines(&place.store()).await, ["store.restore store", "integration.pause before"]);
}
