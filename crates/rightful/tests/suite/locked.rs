//! What the program does while another process keeps its store locked for longer than it waits: it says so, and goes on once it is let.

use std::time::Duration;

use reqwest::StatusCode;
use rightful_engine::{EntryFilter, Store as _};

use crate::served::{SERVE, Served, until};
use crate::stage::{INTEGRATION, Stage, Target};

/// What is said, and where, and how it is mended.
const TOLD: &[&str] =
    &["the store is locked by another process (rightful.db)", "mend: wait for it to end, or stop it; nothing was written"];

/// Another process that has the store to itself, until it is dropped.
fn lock(stage: &Stage) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(stage.path("rightful.db")).unwrap();
    other.busy_timeout(Duration::from_secs(60)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

/// Answers so late that a run can be met between two writes.
fn slow(stage: &Stage) {
    stage.skynamo.set_faults("*:slow=60").unwrap();
}

async fn first_write(stage: &Stage, before: &Target) {
    until("a first write", || async { stage.target().moved_since(before) > 0 }).await;
}

async fn assert_moved_are_known(stage: &Stage, before: &Target) {
    let entries = stage.store().entries(&EntryFilter { limit: 10_000, ..EntryFilter::default() }).await.unwrap();
    let now = stage.target();
    let moved = now.customers.iter().filter(|(code, held)| before.customers[*code].owners != held.owners);
    for (code, _) in moved {
        assert!(entries.iter().any(|entry| entry.code == *code), "{code} was written without an intent in the ledger");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_write_says_that_the_store_is_locked_and_what_only_looks_goes_on() {
    let stage = Stage::new().await;
    let before = stage.target();
    let code = stage.world.table[0].code.clone();
    let user = stage.world.people.iter().find(|person| person.active).unwrap().login.clone();
    let other = lock(&stage);
    stage.rightful(&["runs"]).await.exits(0);
    stage.rightful(&["audit", "verify"]).await.exits(0);
    stage.rightful(&["backup", "backup.db"]).await.exits(0);
    let set = ["codes", "set", &code, &user, "--reason", "takes over"];
    let (run, set) = tokio::join!(stage.rightful(&["run"]), stage.rightful(&set));
    run.exits(9).says(TOLD);
    set.exits(9).says(TOLD);
    drop(other);
    assert_eq!(stage.target(), before);
    assert_eq!(stage.store().code_table(INTEGRATION).await.unwrap().version, 1);
    stage.rightful(&["run"]).await.exits(0);
    stage.assert_as_due(&stage.target());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_store_is_locked_in_the_middle_says_so_and_is_taken_up_where_it_stood() {
    let stage = Stage::new().await;
    let before = stage.target();
    slow(&stage);
    let (run, other) = tokio::join!(stage.rightful(&["run"]), async {
        first_write(&stage, &before).await;
        lock(&stage)
    });
    run.exits(9).says(TOLD);
    drop(other);
    let moved = stage.target().moved_since(&before);
    assert_moved_are_known(&stage, &before).await;
    stage.rightful(&["run"]).await.exits(0).says(&["run-1 done"]);
    let after = stage.target();
    assert!(after.moved_since(&before) > moved, "it was at its end already");
    stage.assert_as_due(&after);
    after.assert_each_written_once_since(&before);
    stage.assert_no_open_intents().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_store_is_locked_says_so_to_everybody_and_goes_on_when_it_is_let() {
    let stage = Stage::new().await;
    stage.configure(|text| text + "schedule = \"every minute\"\n");
    let store = rusqlite::Connection::open(stage.path("rightful.db")).unwrap();
    let long_ago = (chrono::Utc::now() - chrono::TimeDelta::minutes(5)).timestamp_micros();
    let put = "INSERT INTO integration (name, handled) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET handled = ?2";
    store.execute(put, rusqlite::params![INTEGRATION, long_ago]).unwrap();
    drop(store);
    let before = stage.target();
    slow(&stage);
    let server = Served::start(stage.command(SERVE)).await;
    first_write(&stage, &before).await;
    let other = lock(&stage);
    let told = server.until("/readyz", StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(told.contains(TOLD[0]), "{told}");
    assert_moved_are_known(&stage, &before).await;
    // Whoever only looks is served; what has to be kept is refused in words that people understand.
    let link = server.link.clone().expect("nobody may sign in yet");
    let page = link.trim_start_matches(&server.console);
    for path in ["/healthz", "/sign-in", page] {
        assert_eq!(server.get(path).await.0, StatusCode::OK, "{path}");
    }
    let chosen = "name=ada&display_name=Ada&password=long+enough+for+ada&again=long+enough+for+ada";
    let form = reqwest::Client::new().post(&link).header("content-type", "application/x-www-form-urlencoded").body(chosen);
    let answer = tokio::time::timeout(crate::stage::PATIENCE, form.send()).await.expect("it does not answer").unwrap();
    let (status, told) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{told}");
    assert!(told.contains("<!doctype html>") && told.contains("the store is locked by another process"), "{told}");
    drop(other);
    server.until("/readyz", StatusCode::OK).await;
    until("the run ends", || async { server.log().contains("run ended") }).await;
    server.stop().await;
    let after = stage.target();
    stage.assert_as_due(&after);
    after.assert_each_written_once_since(&before);
    stage.assert_no_open_intents().await;
    let store = rusqlite::Connection::open(stage.path("rightful.db")).unwrap();
    let held = "SELECT COUNT(lease_machine) + COUNT(quarantine) FROM integration";
    let held: i64 = store.query_row(held, [], |row| row.get(0)).unwrap();
    assert_eq!(held, 0, "leases that stay, integrations in quarantine");
    stage.rightful(&["audit", "verify"]).await.exits(0);
}
