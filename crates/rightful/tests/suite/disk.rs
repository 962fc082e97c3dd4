//! What the program does when the disk that holds its store is full: it says so, writes nothing by halves, and goes on once there is room.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rightful_engine::{EntryFilter, Store as _};
use rightful_store::SqliteStore;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::stage::{Ended, INTEGRATION, Stage, Target, ended};

/// The size of the disk.
const SIZE: u64 = 8 << 20;
/// `limit` takes the second sort of small disk where the first can be had, to try it out.
const SORT: &str = "RIGHTFUL_TEST_SMALL_DISK";
/// Runs the rest of a command line in the folder that stands before it.
const IN_FOLDER: &str = "cd \"$0\" && exec \"$@\"";

/// A stage whose store lies on a disk that can be filled up.
struct Small {
    stage: Stage,
    sort: Sort,
}

enum Sort {
    /// A file system of its own, mounted where only this process and those that join it see it.
    Mounted { holder: Child, joins: &'static [&'static str] },
    /// Where none may be mounted: no file may grow beyond so many bytes.
    Limited { most: Option<u64> },
}

/// Ways to a mount that nobody else sees, and how others join it.
const WAYS: &[(&str, &[&str])] = &[("-rm", &["-U", "--preserve-credentials", "-m"]), ("-m", &["-m"])];

impl Small {
    async fn new() -> Self {
        let stage = Stage::new().await;
        std::fs::create_dir(stage.path("disk")).unwrap();
        let sort = Sort::of(&stage.path("disk")).await;
        stage.configure(|text| text.replace("store = \"rightful.db\"", "store = \"disk/rightful.db\""));
        let small = Self { stage, sort };
        std::fs::copy(small.stage.path("rightful.db"), small.path("rightful.db")).unwrap();
        small
    }

    /// A file of the disk, as this process sees it.
    fn path(&self, name: &str) -> PathBuf {
        let disk = self.stage.path("disk");
        match &self.sort {
            Sort::Mounted { holder, .. } => {
                let seen = format!("/proc/{}/root{}", holder.id().expect("it holds the mount"), disk.display());
                Path::new(&seen).join(name)
            }
            Sort::Limited { .. } => disk.join(name),
        }
    }

    /// The program, where it sees the disk.
    fn command(&self, arguments: &[&str]) -> Command {
        let program = self.stage.command(arguments);
        let program = program.as_std();
        let mut command = match &self.sort {
            Sort::Mounted { holder, joins } => {
                let mut command = Command::new("nsenter");
                command.args(["-t", &holder.id().expect("it holds the mount").to_string()]).args(*joins).args(["sh", "-c", IN_FOLDER]);
                command
            }
            Sort::Limited { most } => {
                // The soft limit alone: it can be lifted while the program runs. In blocks of 512 bytes.
                let limit = most.map_or_else(|| "unlimited".to_owned(), |most| (most / 512).to_string());
                let mut command = Command::new("sh");
                command.args(["-c", &format!("trap '' XFSZ; ulimit -S -f {limit}; {IN_FOLDER}")]);
                command
            }
        };
        command.arg(program.get_current_dir().expect("a folder")).arg(program.get_program()).args(program.get_args());
        command.envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn rightful(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments)).await
    }

    /// Leaves room for so many bytes: on the disk, or in any file.
    fn fill(&mut self, left: u64) {
        self.make_room();
        let filler = self.path("filler");
        match &mut self.sort {
            Sort::Mounted { .. } => {
                let mut file = File::create(&filler).unwrap();
                let mut size = 0;
                while file.write_all(&[0; 4096]).is_ok() {
                    size += 4096;
                }
                file.set_len(u64::saturating_sub(size, left)).unwrap();
            }
            Sort::Limited { most } => *most = Some(left),
        }
    }

    /// Takes away what filled it.
    fn make_room(&mut self) {
        let filler = self.path("filler");
        match &mut self.sort {
            // The first time it is not there.
            Sort::Mounted { .. } => drop(std::fs::remove_file(filler)),
            Sort::Limited { most } => *most = None,
        }
    }

    /// What is said of a disk that takes nothing more.
    fn words(&self) -> &'static str {
        match &self.sort {
            Sort::Mounted { .. } => "the disk that holds the store is full (disk/rightful.db)",
            Sort::Limited { .. } => "the disk that holds the store does not take what is written (disk/rightful.db)",
        }
    }

    /// The store as it stands while nobody writes, opened elsewhere.
    fn store(&self) -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["rightful.db", "rightful.db-wal"] {
            if self.path(name).exists() {
                std::fs::copy(self.path(name), folder.path().join(name)).unwrap();
            }
        }
        let store = SqliteStore::open(&folder.path().join("rightful.db")).unwrap();
        (folder, store)
    }

    /// Every customer that was moved stands in the ledger; how many there are.
    async fn moved_are_known(&self, before: &Target) -> usize {
        let (_folder, store) = self.store();
        let filter = EntryFilter { limit: 10_000, ..EntryFilter::default() };
        let known: BTreeSet<String> = store.entries(&filter).await.unwrap().into_iter().map(|entry| entry.code).collect();
        let now = self.stage.target();
        let moved: Vec<&String> =
            now.customers.iter().filter(|(code, held)| before.customers[*code].owners != held.owners).map(|(code, _)| code).collect();
        let unknown: Vec<&&String> = moved.iter().filter(|code| !known.contains(**code)).collect();
        assert!(unknown.is_empty(), "written without an intent in the ledger: {unknown:?}");
        moved.len()
    }

    async fn assert_no_open_intents(&self) {
        use rightful_engine::EntryState::{Intended, Unknown};
        let (_folder, store) = self.store();
        let filter = EntryFilter { states: vec![Intended, Unknown], limit: 100, ..EntryFilter::default() };
        assert_eq!(store.entries(&filter).await.unwrap(), [], "open intents");
    }

    async fn table_version(&self) -> i64 {
        let (_folder, store) = self.store();
        store.code_table(INTEGRATION).await.unwrap().version
    }

    /// Names of the files on the disk.
    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.path(".")).unwrap();
        let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Sort {
    async fn of(folder: &Path) -> Self {
        if std::env::var(SORT).is_ok_and(|sort| sort == "limit") {
            return Self::Limited { most: None };
        }
        for (way, joins) in WAYS {
            if let Some(holder) = mounted(way, folder).await {
                return Self::Mounted { holder, joins };
            }
        }
        eprintln!("no file system can be mounted here (`unshare` is refused): a limit of the size of files stands for a full disk");
        Self::Limited { most: None }
    }
}

/// A process that holds the mount until it is dropped.
async fn mounted(way: &str, folder: &Path) -> Option<Child> {
    let mount = format!("mount -t tmpfs -o size={SIZE} tmpfs \"$0\" && echo mounted && exec cat");
    let mut command = Command::new("unshare");
    command.args([way, "sh", "-c", &mount]).arg(folder);
    let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().ok()?;
    let mut said = String::new();
    BufReader::new(holder.stdout.take()?).read_line(&mut said).await.ok()?;
    (said == "mounted\n").then_some(holder)
}

const KIB: u64 = 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_on_a_full_disk_says_so_and_goes_on_where_it_stood_once_there_is_room() {
    let mut small = Small::new().await;
    let before = small.stage.target();
    let (mut refused, mut left, mut in_the_middle) = (0, 0, 0);
    loop {
        small.fill(left);
        let run = small.rightful(&["run"]).await;
        let moved = small.moved_are_known(&before).await;
        println!("with {left} bytes left: exit code {}, {moved} customers moved", run.code);
        if run.code == 0 {
            break;
        }
        run.exits(9).says(&["error: ", small.words(), "mend: ", "nothing was half-written"]);
        refused += 1;
        in_the_middle += usize::from(moved > 0);
        left += 48 * KIB;
    }
    assert!(refused > 1, "the disk was never full");
    println!("{refused} runs met a full disk, {in_the_middle} of them after writes");
    let after = small.stage.target();
    small.stage.assert_as_due(&after);
    after.assert_each_written_once_since(&before);
    small.assert_no_open_intents().await;
    small.make_room();
    small.rightful(&["run"]).await.exits(0);
    assert_eq!(small.stage.target(), after, "a second run wrote something");
    small.rightful(&["audit", "verify"]).await.exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_finds_no_room_is_not_saved_at_all() {
    let mut small = Small::new().await;
    let code = small.stage.world.table[0].code.clone();
    let rows = &small.stage.world.table;
    let others = |login: &str| rows.iter().all(|row| row.code != code || row.user.as_deref() != Some(login));
    let user = small.stage.world.people.iter().find(|person| person.active && others(&person.login)).unwrap().login.clone();
    let set = ["codes", "set", &code, &user, "--reason", "takes over"];
    let mut table = small.rightful(&["codes", "export"]).await.exits(0).out;
    (0..4_000).for_each(|number| table.push_str(&format!("NEW-{number:05},,\n")));
    std::fs::write(small.stage.path("table.csv"), table).unwrap();
    let import = ["codes", "import", "table.csv", "--reason", "new codes"];
    let version = small.table_version().await;
    // The second leaves room for a part of the rows.
    for (left, arguments) in [(0, &set[..]), (0, &import[..]), (96 * KIB, &import[..])] {
        small.fill(left);
        small.rightful(arguments).await.exits(9).says(&[small.words(), "mend: "]);
        assert_eq!(small.table_version().await, version, "{arguments:?} with {left} bytes left");
    }
    small.make_room();
    small.rightful(&import).await.exits(0);
    small.rightful(&set).await.exits(0);
    assert_eq!(small.table_version().await, version + 2);
    small.rightful(&["audit", "verify"]).await.exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_finds_no_room_leaves_nothing_or_the_one_before() {
    let mut small = Small::new().await;
    small.rightful(&["run"]).await.exits(0);
    let files = |small: &Small| small.files().into_iter().filter(|name| name.contains("backup")).collect::<Vec<_>>();
    small.fill(96 * KIB);
    let told = ["the disk that the backup is written to is full", "disk/backup.db", "mend: make room there"];
    small.rightful(&["backup", "disk/backup.db"]).await.exits(9).says(&told);
    assert_eq!(files(&small), [] as [&str; 0]);
    small.make_room();
    small.rightful(&["backup", "disk/backup.db"]).await.exits(0);
    let whole = std::fs::read(small.path("backup.db")).unwrap();
    small.fill(96 * KIB);
    small.rightful(&["backup", "disk/backup.db", "--force"]).await.exits(9).says(&told);
    assert_eq!(files(&small), ["backup.db"]);
    assert!(std::fs::read(small.path("backup.db")).unwrap() == whole, "the backup before is not as it was");
}

#[cfg(feature = "serve")]
mod serving {
    use reqwest::StatusCode;
    use rusqlite::params;

    use super::*;
    use crate::served::{SERVE, Served, until};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_whose_disk_is_full_stays_up_and_goes_on_by_itself_once_there_is_room() {
        let mut small = Small::new().await;
        small
            .stage
            .configure(|text| text.replace("store = \"rightful.db\"", "store = \"disk/rightful.db\"") + "schedule = \"every minute\"\n");
        let store = rusqlite::Connection::open(small.stage.path("rightful.db")).unwrap();
        let long_ago = (chrono::Utc::now() - chrono::TimeDelta::minutes(5)).timestamp_micros();
        store
            .execute(
                "INSERT INTO integration (name, handled) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET handled = ?2",
                params![INTEGRATION, long_ago],
            )
            .unwrap();
        drop(store);
        std::fs::copy(small.stage.path("rightful.db"), small.path("rightful.db")).unwrap();
        let before = small.stage.target();
        small.fill(240 * KIB);
        let server = Served::start(small.command(SERVE)).await;
        server.says(small.words()).await;
        let moved = small.moved_are_known(&before).await;
        println!("{moved} customers were moved when the disk was full");
        if let Sort::Mounted { .. } = small.sort {
            let told = server.until("/readyz", StatusCode::SERVICE_UNAVAILABLE).await;
            assert!(told.contains(small.words()), "{told}");
        }
        for page in ["/healthz", "/sign-in"] {
            assert_eq!(server.get(page).await.0, StatusCode::OK, "{page}");
        }
        small.make_room();
        if let Sort::Limited { .. } = small.sort {
            let lifted =
                Command::new("prlimit").args(["--pid", &server.process().to_string(), "--fsize=unlimited:"]).status().await.unwrap();
            assert!(lifted.success());
        }
        server.until("/readyz", StatusCode::OK).await;
        let due = small.stage.due();
        let is_due = |target: &Target| target.owners().0.iter().all(|(code, held)| due.0[*code] == *held) && target.visitors == due.1;
        until("it comes to what is due", || async { is_due(&small.stage.target()) }).await;
        until("the run ends", || async {
            let page = server.get("/readyz").await.1;
            page == "ready\n" && server.log().contains("run ended")
        })
        .await;
        server.stop().await;
        let after = small.stage.target();
        after.assert_each_written_once_since(&before);
        small.assert_no_open_intents().await;
        let (folder, _) = small.store();
        let store = rusqlite::Connection::open(folder.path().join("rightful.db")).unwrap();
        let (leases, quarantine): (i64, i64) = store
            .query_row("SELECT COUNT(lease_machine), COUNT(quarantine) FROM integration", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((leases, quarantine), (0, 0), "leases that stay, integrations in quarantine");
        small.rightful(&["audit", "verify"]).await.exits(0);
    }
}
