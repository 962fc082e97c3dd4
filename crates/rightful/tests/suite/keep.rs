//! Secrets under a master key, the audit log, backups and connections that were entered in the console, through the program.

use rightful_core::{Secret, Settings};
use rightful_engine::{Act, ConnectionEdit, ConnectionStore as _, Kept, Quarantine, WatchStore as _};
use rightful_store::SqliteStore;
use serde_json::json;

use crate::stage::{INTEGRATION, Stage};

/// A master key.
pub const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const NEXT: &str = "0202020202020202020202020202020202020202020202020202020202020202";

/// The target's connection, entered in the console instead of the file.
async fn entered(stage: &Stage, settings: Settings) {
    enter(stage, "field", settings).await;
}

/// A Skynamo account in the store, its secret sealed, as the console leaves it.
pub async fn enter(stage: &Stage, name: &str, settings: Settings) {
    let store = stage.store().with_master_key(Ok(Some(Secret::new(KEY))));
    let edit = ConnectionEdit {
        name: name.into(),
        vendor: "skynamo".into(),
        settings,
        secrets: vec![("api_key".into(), Some(Secret::new("sandbox-skynamo-key")))],
    };
    let act = Act::new(chrono::Utc::now(), "ann", "connection.add", name);
    assert_eq!(store.put_connection(0, &edit, &act).await.unwrap(), Kept::Done(1));
}

fn settings(stage: &Stage) -> Settings {
    Settings::new([("base_url", json!(stage.skynamo.base_url())), ("instance", json!("acme"))])
}

/// The file without the target's connection, with a master key.
fn without_field(stage: &Stage) {
    stage.configure(|text| {
        let (from, to) = (text.find("[connections.field]").unwrap(), text.find("[integrations.").unwrap());
        format!("master_key = {{ env = \"MASTER\" }}\n{}{}", &text[..from], &text[to..])
    });
}

#[tokio::test]
async fn an_integration_of_the_file_may_stand_on_a_connection_of_the_console() {
    let stage = Stage::new().await;
    without_field(&stage);
    stage.rightful(&["check"]).await.exits(1).says(&["there is no connection `field`", "enter it in the console"]);
    entered(&stage, settings(&stage)).await;
    // What needs no secret goes on without the key; what needs one says which key is wanted.
    stage.rightful(&["runs"]).await.exits(0);
    stage.rightful(&["check"]).await.exits(1).says(&["the master key cannot be had", "MASTER is not set", "export MASTER"]);
    stage.rightful(&["preflight", "field"]).await.exits(1).says(&["secrets are sealed under master key", "MASTER is not set"]);
    let with = |key: &str, words: &[&str]| {
        let mut command = stage.command(words);
        command.env("MASTER", key);
        crate::stage::ended(command)
    };
    with(KEY, &["check"]).await.exits(0).says(&["2 connections"]);
    with(NEXT, &["check"]).await.exits(1).says(&["secrets are sealed under master key", "rightful key rotate"]);
    // Private addresses are a matter of the file: one that was entered never reaches this machine.
    with(KEY, &["preflight", "field"]).await.exits(7).says(&["the host's address is not public"]);
}

#[tokio::test]
async fn one_name_in_the_file_and_in_the_console_is_a_problem_with_its_line() {
    let stage = Stage::new().await;
    entered(&stage, settings(&stage)).await;
    let told = stage.rightful(&["codes", "list"]).await.exits(1);
    let text = std::fs::read_to_string(stage.path("rightful.toml")).unwrap();
    let line = text.lines().position(|line| line == "[connections.field]").unwrap() + 1;
    told.says(&[&format!("rightful.toml:{line}:"), "connection `field` stands here and was entered in the console too", "another name"]);
}

#[tokio::test]
async fn a_master_key_is_made_and_changed_and_what_a_lost_one_sealed_is_forgotten() {
    let stage = Stage::new().await;
    let fresh = stage.rightful(&["key", "new"]).await.exits(0).out;
    assert_eq!((fresh.trim_end().len(), fresh.lines().count()), (64, 1), "{fresh}");
    stage.rightful(&["key", "rotate", "--to-env", "NEXT"]).await.exits(1).says(&["no master key is configured"]);
    without_field(&stage);
    entered(&stage, settings(&stage)).await;
    std::fs::write(stage.path("next.key"), format!("{NEXT}\n")).unwrap();
    let with = |key: &str, words: &[&str]| {
        let mut command = stage.command(words);
        command.env("MASTER", key);
        crate::stage::ended(command)
    };
    with(KEY, &["key", "rotate"]).await.exits(64);
    with(KEY, &["key", "rotate", "--to-env", "NEXT"]).await.exits(1).says(&["NEXT is not set", "the new master key"]);
    let told = with(KEY, &["key", "rotate", "--to-file", "next.key"]).await.exits(0).says(&["Sealed 1 connection's key anew", "next.key"]);
    assert!(!told.out.contains(NEXT));
    with(NEXT, &["check"]).await.exits(0);
    with(KEY, &["key", "forget"]).await.exits(1).says(&["would be forgotten for good", "--force"]);
    // The variable is not set: that key is not lost.
    stage.rightful(&["key", "forget", "--force"]).await.exits(1).says(&["MASTER is not set"]);
    with(NEXT, &["key", "forget", "--force"]).await.exits(0).says(&["nothing was forgotten"]);
    with(KEY, &["key", "forget", "--force"]).await.exits(0).says(&["Forgot what was sealed for field"]);
    with(KEY, &["check"]).await.exits(1).says(&["`api_key` is missing"]);
    with(KEY, &["audit", "list", "--action", "key."]).await.exits(0).says(&["key.rotate", "key.forget", "ann"]);
}

#[tokio::test]
async fn the_log_tells_who_did_what_and_whether_it_is_whole() {
    let stage = Stage::new().await;
    stage.rightful(&["pause", "--reason", "ERP upgrade"]).await.exits(0);
    stage.rightful(&["resume"]).await.exits(0);
    let listed = stage.rightful(&["audit", "list", "--action", "integration."]).await.exits(0);
    listed.says(&["integration.pause", "integration.resume", INTEGRATION, "reason: ERP upgrade"]);
    let whole = stage.rightful(&["audit", "verify", "--json"]).await.exits(0).json();
    let head = whole["head"].as_str().unwrap().to_owned();
    assert_eq!((&whole["chain"], &whole["lines"]), (&json!("whole"), &json!(3)));
    stage.rightful(&["pause", "--reason", "again"]).await.exits(0);
    stage.rightful(&["audit", "verify", "--head", &head]).await.exits(0).says(&["4 lines", "that of line 3"]);
    let store = rusqlite::Connection::open(stage.path("rightful.db")).unwrap();
    store.execute("DELETE FROM audit WHERE number > 2", []).unwrap();
    stage.rightful(&["audit", "verify"]).await.exits(0).says(&["2 lines"]);
    stage.rightful(&["audit", "verify", "--head", &head]).await.exits(1).says(&["is not in it", "Lines were cut off"]);
    store.execute("UPDATE audit SET actor = 'ben' WHERE number = 1", []).unwrap();
    stage.rightful(&["audit", "verify"]).await.exits(1).says(&["broken at line 1", "not what was written"]);
}

#[tokio::test]
async fn resuming_ends_a_pause_and_a_quarantine_and_the_log_has_both() {
    let stage = Stage::new().await;
    let quarantine = Quarantine { since: chrono::Utc::now(), reason: "the source was away".into() };
    stage.store().quarantine(INTEGRATION, &quarantine).await.unwrap();
    stage.rightful(&["pause", "--reason", "ERP upgrade"]).await.exits(0);
    let told = stage.rightful(&["resume", INTEGRATION, "--author", "ben"]).await.exits(0);
    told.says(&["rep-codes runs again", "paused by ann: ERP upgrade", "in quarantine since", "the source was away"]);
    let watched = stage.store().watched(INTEGRATION).await.unwrap();
    assert_eq!((watched.quarantine, watched.failures), (None, 0));
    let listed = stage.rightful(&["audit", "list", "--actor", "ben"]).await.exits(0).says(&["integration.resume", "integration.release"]);
    assert_eq!(listed.out.matches("integration.release").count(), 1, "{}", listed.out);
    // Where there is nothing to end, nothing is noted as ended.
    let again = stage.rightful(&["resume", "--author", "ben", "--json"]).await.exits(0).json();
    assert_eq!((&again["was_paused"], &again["was_quarantined"]), (&json!(null), &json!(null)));
    let listed = stage.rightful(&["audit", "list", "--actor", "ben"]).await.exits(0);
    assert_eq!(listed.out.matches("integration.release").count(), 1, "{}", listed.out);
}

#[tokio::test]
async fn a_backup_is_put_back_where_nobody_has_the_store_open() {
    let stage = Stage::new().await;
    stage.rightful(&["backup", "backup.db"]).await.exits(0).says(&["wrote backup.db"]);
    stage.rightful(&["backup", "backup.db"]).await.exits(1).says(&["there is a file of that name already", "--force"]);
    stage.rightful(&["pause", "--reason", "after the backup"]).await.exits(0);
    stage.rightful(&["restore", "backup.db"]).await.exits(1).says(&["there is a store already", "--force"]);
    let open: SqliteStore = stage.store();
    stage.rightful(&["restore", "backup.db", "--force"]).await.exits(1).says(&["another process has the store open", "rightful serve"]);
    drop(open);
    stage.rightful(&["restore", "backup.db", "--force"]).await.exits(0);
    stage.rightful(&["audit", "list"]).await.exits(0).says(&["store.restore", "codes.save"]);
    // It goes on from there: a run comes to what is due.
    stage.rightful(&["run"]).await.exits(0);
    stage.assert_as_due(&stage.target());
    // Whatever else is wrong with the configuration, a backup can be made.
    stage.configure(|text| text.replace("job =", "jobb ="));
    stage.rightful(&["backup", "backup.db", "--force"]).await.exits(0);
    std::fs::remove_file(stage.path("rightful.db")).unwrap();
    stage.rightful(&["backup", "other.db"]).await.exits(1).says(&["there is no store yet"]);
    assert!(!stage.path("rightful.db").exists(), "none is made");
}
