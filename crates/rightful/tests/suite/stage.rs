//! What every test here stands on: two simulators with their shares of one small world, a folder with a configuration, and the program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use chrono::Utc;
use rightful_engine::{Authorship, CodeEdit, CodeRow, EntryFilter, EntryState, Saved, Store as _};
use rightful_sim::world::{Customer, Place, World};
use rightful_sim::{Credentials, RunningSim, SimHost, SimOptions, StandIn};
use rightful_store::SqliteStore;
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The integration's name.
pub const INTEGRATION: &str = "rep-codes";
/// Longer than this nothing here takes, however busy the machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The configuration of a stage; tests replace parts of it.
const CONFIG: &str = r#"store = "rightful.db"

[connections.erp]
vendor = "sage-intacct"
base_url = "ERP"
sender_id = "AcmeMPP"
sender_password = { env = "ERP_SENDER" }
company_id = "ACME"
user_id = "ws_rightful"
user_password = { env = "ERP_USER" }
entity = "top"
page_size = 18
lookback_minutes = 0
allow_private = true

[connections.field]
vendor = "skynamo"
base_url = "FIELD"
instance = "acme"
api_key = { env = "FIELD_KEY" }
page_size = 18
batch = 4
lookback = 0
allow_private = true

[integrations.rep-codes]
job = "rep-codes"
source = "erp"
target = "field"
caps.owner_moves.percent = 100
caps.removals.percent = 100
"#;

/// Two vendors, a folder and a world.
pub struct Stage {
    /// What the simulators began with.
    pub world: World,
    /// The target.
    pub skynamo: RunningSim,
    /// The source.
    pub intacct: RunningSim,
    folder: TempDir,
}

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// The exit code, checked, with everything that was said where it differs.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code\n--- standard output\n{}\n--- standard error\n{}", self.out, self.err);
        self
    }

    /// Each of these stands in what was said, whichever way it was said.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.out.contains(word) || self.err.contains(word),
                "nowhere `{word}`\n--- standard output\n{}\n--- standard error\n{}",
                self.out,
                self.err
            );
        }
        self
    }

    /// Standard output as the one JSON document it must be.
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}\n--- standard output\n{}\n--- standard error\n{}", self.out, self.err))
    }
}

/// What Skynamo holds of a customer: its users' logins, ascending, its row version and how often it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub owners: Vec<String>,
    pub version: i64,
    pub writes: i64,
}

/// Everything Skynamo holds that a run may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// By code.
    pub customers: BTreeMap<String, Held>,
    /// Visitors' logins by customer code.
    pub visitors: BTreeMap<String, String>,
    /// The newest row version: one more for each row that was written.
    pub version: i64,
}

impl Target {
    /// What an instance of Skynamo holds.
    pub fn of(simulator: &RunningSim) -> Self {
        let dump = simulator.dump();
        let rows = |kind: &str| dump[kind].as_array().unwrap().clone();
        let logins: BTreeMap<i64, String> =
            rows("users").iter().map(|user| (user["id"].as_i64().unwrap(), user["user_name"].as_str().unwrap().to_owned())).collect();
        let login = |id: &Json| logins[&id.as_i64().unwrap()].clone();
        let mut codes = BTreeMap::new();
        let mut customers = BTreeMap::new();
        for row in rows("customers") {
            let code = row["code"].as_str().unwrap().to_owned();
            codes.insert(row["id"].as_i64().unwrap(), code.clone());
            let mut owners: Vec<String> = row["assigned_users"].as_array().unwrap().iter().map(login).collect();
            owners.sort();
            let held = Held { owners, version: row["row_version"].as_i64().unwrap(), writes: row["writes"].as_i64().unwrap() };
            customers.insert(code, held);
        }
        let visits = rows("visit_frequencies");
        let visitors = visits.iter().map(|row| (codes[&row["customer_id"].as_i64().unwrap()].clone(), login(&row["user_id"]))).collect();
        Self { customers, visitors, version: dump["row_version"].as_i64().unwrap() }
    }

    /// Who owns and who visits, without versions.
    pub fn owners(&self) -> (BTreeMap<&str, &[String]>, &BTreeMap<String, String>) {
        (self.customers.iter().map(|(code, held)| (code.as_str(), held.owners.as_slice())).collect(), &self.visitors)
    }

    /// How many customers and visit frequencies differ from those of another time.
    pub fn moved_since(&self, before: &Self) -> usize {
        let customers = self.customers.iter().filter(|(code, held)| before.customers[*code].owners != held.owners).count();
        customers + self.visitors.iter().filter(|(code, visitor)| before.visitors[*code] != **visitor).count()
    }

    /// Each customer's version moved exactly once where its owners differ from before, and not at all elsewhere.
    #[track_caller]
    pub fn assert_each_written_once_since(&self, before: &Self) {
        for (code, held) in &self.customers {
            let was = &before.customers[code];
            let moved = i64::from(held.owners != was.owners);
            assert_eq!(held.writes - was.writes, moved, "writes to {code}: {was:?} became {held:?}");
            assert_eq!(i64::from(held.version != was.version), moved, "row version of {code}: {was:?} became {held:?}");
        }
        // Visit frequencies have no counter of their own, but every row that is written takes one version of the instance's.
        assert_eq!(usize::try_from(self.version - before.version), Ok(self.moved_since(before)), "row versions taken");
    }
}

impl Stage {
    /// Both simulators with a small world, and its code table saved.
    pub async fn new() -> Self {
        Self::of(World::invent(1, 72)).await
    }

    /// The same on another world.
    pub async fn of(world: World) -> Self {
        let skynamo = serve(&connector_skynamo::sim::STAND_IN, &world, &[]).await;
        let intacct = serve(&connector_sage_intacct::sim::STAND_IN, &world, &[]).await;
        let stage = Self { world, skynamo, intacct, folder: tempfile::tempdir().unwrap() };
        stage.configure(|text| text);
        stage.save_table(INTEGRATION).await;
        stage
    }

    /// A file in the stage's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration, changed as wanted.
    pub fn configure(&self, change: impl FnOnce(String) -> String) {
        let text = CONFIG.replace("ERP\"\nsender", &format!("{}\"\nsender", self.intacct.base_url()));
        let text = text.replace("FIELD\"\ninstance", &format!("{}\"\ninstance", self.skynamo.base_url()));
        std::fs::write(self.path("rightful.toml"), change(text)).unwrap();
    }

    /// What remembers, as another process sees it.
    pub fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.path("rightful.db")).unwrap()
    }

    /// Saves the world's code table as an integration's first.
    pub async fn save_table(&self, integration: &str) {
        let mut edits: Vec<CodeEdit> = Vec::new();
        for row in &self.world.table {
            let new = CodeRow { code: row.code.clone(), user: row.user.clone(), successor: row.successor.clone() };
            match edits.iter_mut().find(|edit| edit.code == row.code) {
                Some(edit) => edit.rows.push(new),
                None => edits.push(CodeEdit { code: row.code.clone(), rows: vec![new] }),
            }
        }
        let by = Authorship { author: "ann".into(), reason: "first table".into(), at: Utc::now() };
        let saved = self.store().save_codes(integration, 0, &edits, &by).await.unwrap();
        assert!(matches!(saved, Saved::Version(_)), "{saved:?}");
    }

    /// The program with these arguments, in the stage's folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(self.folder.path(), arguments);
        command.env("ERP_SENDER", "sender-secret").env("ERP_USER", "user-secret").env("FIELD_KEY", "sandbox-skynamo-key");
        command
    }

    /// Runs the program to its end.
    pub async fn rightful(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments)).await
    }

    /// Starts the program and waits until it stands still at this point; nothing where it ended without passing it.
    pub async fn halted(&self, arguments: &[&str], point: &str, passing: u32) -> Option<Child> {
        let mut command = self.command(arguments);
        let mut child = command.env("RIGHTFUL_HALT_AT", format!("{point}:{passing}")).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let halted = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line == format!("halted at {point}") {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(PATIENCE, halted).await.expect("it neither ended nor halted").then_some(child)
    }

    /// What Skynamo holds.
    pub fn target(&self) -> Target {
        Target::of(&self.skynamo)
    }

    /// Who must own and visit what after a run, by the world's own rules.
    pub fn due(&self) -> (BTreeMap<String, Vec<String>>, BTreeMap<String, String>) {
        due_in(&self.world)
    }

    /// Skynamo holds what a run must come to.
    #[track_caller]
    pub fn assert_as_due(&self, found: &Target) {
        let (owners, visitors) = self.due();
        let wrong: Vec<String> = found
            .customers
            .iter()
            .filter(|(code, held)| owners[*code] != held.owners)
            .map(|(code, held)| format!("{code}: {:?}, due {:?}", held.owners, owners[code]))
            .collect();
        assert!(wrong.is_empty(), "owners that are not as due: {wrong:#?}");
        assert_eq!(found.visitors, visitors, "visitors");
    }

    /// Nothing in the ledger waits for its outcome.
    pub async fn assert_no_open_intents(&self) {
        let filter = EntryFilter { states: vec![EntryState::Intended, EntryState::Unknown], limit: 100, ..EntryFilter::default() };
        let open = self.store().entries(&filter).await.unwrap();
        assert!(open.is_empty(), "open intents: {open:#?}");
    }
}

/// Who must own and visit what after a run, by the world's own rules.
pub fn due_in(world: &World) -> (BTreeMap<String, Vec<String>>, BTreeMap<String, String>) {
    let mut world = world.clone();
    world.run();
    let field = || world.customers.iter().filter(|customer| customer.place != Place::Erp);
    let owners = |customer: &Customer| {
        let mut owners = customer.owners.clone();
        owners.sort();
        owners
    };
    (
        field().map(|customer| (customer.code.clone(), owners(customer))).collect(),
        field().filter_map(|customer| Some((customer.code.clone(), customer.visitor.clone()?))).collect(),
    )
}

/// A simulator with its share of a world, and with these credentials besides its own.
pub async fn serve(stand_in: &StandIn, world: &World, given: &[(&str, &str)]) -> RunningSim {
    let mut credentials = Credentials::of(stand_in);
    for (key, value) in given {
        assert!(credentials.set(key, *value), "{key} is no credential");
    }
    let simulator = (stand_in.simulator)(world, &credentials);
    SimHost::start(SimOptions::new(simulator)).await.unwrap()
}

/// A certificate that nobody uses, instead of the machine's hundred: nothing here speaks TLS, and reading them takes longer than a run.
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/unused.pem");

/// The program with these arguments in a folder, with an environment that says nothing but who asks.
pub fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rightful"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("RIGHTFUL_AUTHOR", "ann")
        .env("SSL_CERT_FILE", CERTIFICATE)
        .kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
pub async fn ended(mut command: Command) -> Ended {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("the program did not end").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program speaks UTF-8");
    Ended { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}
