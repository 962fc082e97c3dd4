//! What the tests of people and activities stand on: stand-ins of Salesforce and SalesScreen, a folder with a configuration, and the program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rightful_sim::RunningSim;
use rightful_sim::world::World;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::stage::{Ended, ended, program, serve};

/// What crosses between them: as the demo plays it.
const INTEGRATIONS: &str = include_str!("../../src/demo/crm_activity.toml");

const CONNECTIONS: &str = r#"store = "rightful.db"

[connections.salesforce]
vendor = "salesforce"
login_url = "CRM"
client_id = "3MVG9.example.consumer.key"
client_secret = { env = "CRM_SECRET" }
service_users = "integration@acme.example"
allow_private = true

[connections.salesscreen]
vendor = "salesscreen"
base_url = "SCREEN"
company = "acme"
team_keys = "OSLO-FIELD, BERGEN-FIELD"
remove_records = true
api_key = { env = "SCREEN_KEY" }
allow_private = true
"#;

/// A user of SalesScreen: id, team, status.
pub type User = (Option<String>, Option<String>, String);

/// A record of SalesScreen: whose, its value, whether it counts, how often it was written.
pub type Held = (String, String, bool, u64);

/// Two vendors and a folder.
pub struct Crm {
    pub salesforce: RunningSim,
    pub salesscreen: RunningSim,
    folder: TempDir,
}

impl Crm {
    /// Both vendors, and an integration in which people get accounts in this way.
    pub async fn new(people: &str) -> Self {
        let world = World::invent(3, 60);
        let crm = Self {
            salesforce: serve(&connector_salesforce::sim::STAND_IN, &world, &[]).await,
            salesscreen: serve(&connector_salesscreen::sim::STAND_IN, &world, &[]).await,
            folder: tempfile::tempdir().unwrap(),
        };
        crm.screen("switches", json!({ "remove_path": "Record/Remove" }));
        crm.configure(people, |text| text);
        crm
    }

    /// Writes the configuration, changed as wanted.
    pub fn configure(&self, people: &str, change: impl FnOnce(String) -> String) {
        let text = CONNECTIONS.replace("\"CRM\"", &format!("\"{}\"", self.salesforce.base_url()));
        let text = text.replace("\"SCREEN\"", &format!("\"{}\"", self.salesscreen.base_url()));
        let crossing = INTEGRATIONS.replace("people = \"automatic\"", &format!("people = \"{people}\""));
        std::fs::write(self.path("rightful.toml"), change(format!("{text}\n{crossing}"))).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these arguments, in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(self.folder.path(), arguments);
        command.env("CRM_SECRET", "sandbox-salesforce-secret").env("SCREEN_KEY", "sandbox-salesscreen-key");
        command
    }

    /// Runs the program to its end.
    pub async fn rightful(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments)).await
    }

    /// `rightful run`, which has to end well; its report.
    pub async fn run(&self) -> Json {
        self.rightful(&["run", "--json"]).await.exits(0).json()
    }

    fn screen(&self, control: &str, body: Json) -> Json {
        self.salesscreen.control(control, body).unwrap()
    }

    fn force(&self, control: &str, body: Json) -> Json {
        self.salesforce.control(control, body).unwrap()
    }

    /// Somebody starts in Salesforce; their id.
    pub fn hire(&self, first: &str, last: &str, email: &str) -> String {
        let login = format!("{first}.{last}@acme.example").to_lowercase();
        let fields = json!({ "FirstName": first, "LastName": last, "Name": format!("{first} {last}"), "Email": email, "Username": login,
            "IsActive": true, "UserType": "Standard" });
        self.force("set-record", json!({ "object": "User", "fields": fields }))["id"].as_str().unwrap().to_owned()
    }

    /// A deal in this stage; its id.
    pub fn deal(&self, owner: &str, stage: &str, amount: u64) -> String {
        let fields = json!({ "Name": format!("Deal of {amount}"), "StageName": stage, "CloseDate": "2026-11-20", "Amount": amount, "OwnerId": owner });
        self.force("set-record", json!({ "object": "Opportunity", "fields": fields }))["id"].as_str().unwrap().to_owned()
    }

    /// A deal that is won; its id.
    pub fn win(&self, owner: &str, amount: u64) -> String {
        self.deal(owner, "Closed Won", amount)
    }

    pub fn change(&self, id: &str, fields: Json) {
        self.force("set-record", json!({ "id": id, "fields": fields }));
    }

    pub fn delete(&self, id: &str) {
        self.force("delete-record", json!({ "id": id }));
    }

    /// Somebody makes a user in SalesScreen itself.
    pub fn add_user(&self, email: &str, team: Option<&str>) {
        self.screen("add-user", json!({ "email": email, "firstname": "Screen", "lastname": "User", "team": team }));
    }

    /// Users of SalesScreen by e-mail address.
    pub fn users(&self) -> BTreeMap<String, User> {
        let dump = self.salesscreen.dump();
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let users = dump["users"].as_array().unwrap().iter();
        users
            .map(|user| (text(&user["email"]).unwrap(), (text(&user["id"]), text(&user["team"]), text(&user["status"]).unwrap())))
            .collect()
    }

    /// Records of SalesScreen by id.
    pub fn records(&self) -> BTreeMap<String, Held> {
        let dump = self.salesscreen.dump();
        let held = |record: &Json| {
            let value = record["numbers"]["value1"].as_f64().unwrap().to_string();
            let counted = record["counted"].as_bool().unwrap();
            (record["user"]["email"].as_str().unwrap().to_owned(), value, counted, record["writes"].as_u64().unwrap())
        };
        dump["records"].as_array().unwrap().iter().map(|record| (record["id"].as_str().unwrap().to_owned(), held(record))).collect()
    }

    /// Requests that wrote at SalesScreen, or tried to.
    pub fn requests(&self) -> u64 {
        self.salesscreen.dump()["counters"].as_object().unwrap().values().filter_map(Json::as_u64).sum()
    }

    /// What waits, and why: reasons in ascending order.
    pub async fn holds(&self) -> Vec<String> {
        let holds = self.rightful(&["holds", "list", "--json"]).await.exits(0).json();
        let mut reasons: Vec<String> =
            holds.as_array().unwrap().iter().map(|hold| hold["hold"]["reason"].as_str().unwrap().to_owned()).collect();
        reasons.sort();
        reasons
    }

    /// Open cases: reason and subject.
    pub async fn cases(&self) -> Vec<(String, String)> {
        let cases = self.rightful(&["cases", "--json"]).await.exits(0).json();
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        cases.as_array().unwrap().iter().map(|case| (text(&case["case"]["reason"]), text(&case["case"]["subject"]))).collect()
    }

    /// Imports users: e-mail address and the further cells of a row.
    pub async fn import(&self, rows: &[&str]) -> Ended {
        std::fs::write(self.path("users.csv"), format!("email,first_name,last_name,team_key,status\n{}\n", rows.join("\n"))).unwrap();
        self.rightful(&["users", "import", "users.csv", "--json"]).await
    }
}
