//! What a child process does: this test binary, started again by a test of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use rightful_core::{Cursor, RecordId, Rows, Scan};
use rightful_engine::*;

use crate::stand::FOLDER;
use crate::world::*;

/// A child under its parent's hands: it stops at each line it says, until told to go on.
pub struct Hands {
    process: Child,
    says: BufReader<ChildStdout>,
    hears: ChildStdin,
}

impl Hands {
    pub fn start(folder: &Path, test: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("child::{test}"), "--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (says, hears) = (BufReader::new(process.stdout.take().unwrap()), process.stdin.take().unwrap());
        Self { process, says, hears }
    }

    /// The next thing it says; `None` when it ended.
    pub fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.says.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // The test harness speaks on the same line at times.
            if let Some((_, said)) = line.trim_end().split_once("child: ") {
                return Some(said.to_owned());
            }
        }
    }

    pub fn go_on(&mut self) {
        self.hears.write_all(b"\n").unwrap();
    }

    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Kills it, as `kill -9` does, and waits until it has ended.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        let status = self.process.wait().unwrap();
        assert_eq!(status.code(), None, "it had ended by itself: {status}");
    }

    pub fn ended_well(mut self) -> bool {
        while self.next().is_some() {}
        self.process.wait().unwrap().success()
    }
}

/// Says something and waits for the parent's word.
fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "child: {what}").unwrap();
    out.flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).expect("the parent names the folder"))
}

/// The customers of the story, and to whom their code gives them.
pub const CUSTOMERS: [(&str, &str, &str); 5] = [("C0", "A", "1"), ("C1", "B", "2"), ("C2", "A", "1"), ("C3", "B", "2"), ("C4", "A", "1")];

/// What stands at the vendor: it outlives our process, so it is kept beside the database.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Vendors {
    pub owners: std::collections::BTreeMap<String, Vec<String>>,
    pub written: Vec<(RecordId, String)>,
}

impl Vendors {
    pub fn load(folder: &Path) -> Option<Self> {
        std::fs::read(folder.join("vendors.json")).ok().map(|text| serde_json::from_slice(&text).unwrap())
    }

    fn save(target: &Vendor) {
        let vendors = Self { owners: target.owners(&CUSTOMER), written: target.inside().written.clone() };
        std::fs::write(folder().join("vendors.json"), serde_json::to_vec(&vendors).unwrap()).unwrap();
    }
}

/// One run of the integration. At each failpoint it says so and may be killed.
#[tokio::test]
#[ignore = "started by other tests"]
async fn runs() {
    let world = World::new().with_users();
    let kept = Vendors::load(&folder());
    for (key, code, _) in CUSTOMERS {
        let owners = kept.as_ref().map_or_else(|| vec!["4".to_owned()], |kept| kept.owners[&format!("t{key}")].clone());
        world.customer(key, code, &owners.iter().map(String::as_str).collect::<Vec<_>>());
    }
    match kept {
        Some(kept) => world.target.inside().written = kept.written,
        None => world.codes(&[("A", Some("one"), None), ("B", Some("two"), None)]).await,
    }
    Vendors::save(&world.target);
    let target = world.target.clone();
    let failpoint: Failpoint = Arc::new(move |name| {
        Vendors::save(&target);
        say(name);
    });
    let options = RunOptions { failpoint: Some(failpoint), ..RunOptions::default() };
    match world.job(RunTask::Full, options).await {
        Ok(report) => {
            Vendors::save(&world.target);
            say(&format!("ended {}", report.outcome.as_str()));
        }
        Err(error) => say(&format!("failed {error}")),
    }
}

/// Rows of one page.
pub const PAGE: usize = 100;

/// Stores pages for ever, each with the cursor it answers and the one it opens.
#[tokio::test]
#[ignore = "started by other tests"]
async fn floods() {
    let world = World::new();
    let (store, holder, now) = (&world.store, world.holder(), rightful_core::Clock::now(&world.clock));
    let Leased::Held(fence) = store.lease("flood", &holder, now, now + chrono::Duration::hours(1)).await.unwrap() else {
        panic!("a dead holder's lease is free")
    };
    let image = store.image(&flooded()).await.unwrap().id;
    let scan = Scan { kind: CUSTOMER, rows: Rows::All, fields: vec![] };
    let cursor = |number: usize| Cursor::new(&VENDOR, 1, &scan, number.to_string());
    // Goes on where the one before it was killed.
    let first = match store.open_read(image).await.unwrap() {
        Some(open) if open.begun => open.open[0].at.parse().unwrap(),
        _ => {
            store.begin_read(&fence, image, Rows::All).await.unwrap();
            0
        }
    };
    say("begins");
    for number in first.. {
        let items = (0..PAGE).map(|row| record(&format!("c{:07}", number * PAGE + row), &[("code", &row.to_string())], "Name"));
        let page = PageIn {
            answered: (number > 0).then(|| cursor(number)),
            opened: vec![cursor(number + 1)],
            items: items.collect(),
            total: None,
            whole: None,
            mark: None,
        };
        store.put_page(&fence, image, page, now).await.unwrap();
    }
}

pub fn flooded() -> ImageSpec {
    ImageSpec { connection: "field".into(), kind: CUSTOMER, fields: vec![], key: "code".into() }
}
