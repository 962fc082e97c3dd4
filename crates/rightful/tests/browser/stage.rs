//! What the walks stand on: `rightful demo console` as a newcomer starts it, with everything it serves.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

/// The first admin of every walk.
pub const ADMIN: (&str, &str) = ("ada", "long enough for ada");

/// An integration that credits Salesforce's orders in SalesScreen; its schedule stays out of the way.
const CREDITING: &str = r#"
[integrations.activity]
job = "crm-activity"
source = "salesforce"
target = "salesscreen"
people = "PEOPLE"
schedule = "manual"

[integrations.activity.workflows.orders]
object = "opportunity"
when = { StageName = "Prospecting" }

[integrations.activity.workflows.orders.figures.orders]
set.activityTypeName = "Orders"
set."activity.key" = "orders"
set."activity.name" = "Orders"
set.quantity = 1
set.value1 = { field = "Amount" }
set.createdDate = { field = "CloseDate" }
set."user.email" = { email = true }
"#;

/// The demo as a child process; ends with this.
pub struct Demo {
    processes: Vec<Child>,
    /// Where a configuration lies that is of this test alone.
    _folder: Option<tempfile::TempDir>,
    /// Where the console is.
    pub console: String,
    /// The one-time link.
    pub link: String,
    /// The integration's name.
    pub integration: String,
    /// Its configuration file; the store lies beside it.
    pub config: String,
    vendors: Json,
}

impl Drop for Demo {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Demo {
    /// Starts it with a small world.
    pub fn start(seed: u64, customers: u32) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rightful"))
            .args(["demo", "console", "--json", "--listen", "127.0.0.1:0"])
            .args(["--seed", &seed.to_string(), "--customers", &customers.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).expect("the demo says where it is");
        let told: Json = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {told}")).to_owned();
        Self {
            processes: vec![process],
            _folder: None,
            console: text("console"),
            link: text("link"),
            integration: text("integration"),
            config: text("config"),
            vendors: told["vendors"].clone(),
        }
    }

    /// `rightful sandbox` and `rightful serve` beside it, with an integration that credits activities; `people` is its mode.
    pub fn crediting(seed: u64, people: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("rightful.toml");
        let mut sandbox = Command::new(env!("CARGO_BIN_EXE_rightful"))
            .args(["sandbox", "--json", "--customers", "120", "--seed", &seed.to_string(), "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let lines = BufReader::new(sandbox.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut vendors = serde_json::Map::new();
        for line in lines {
            let told: Json = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if told["ready"] == true {
                break;
            }
            if let Some(vendor) = told["vendor"].as_str() {
                vendors.insert(vendor.to_owned(), told["base_url"].clone());
            }
        }
        let text = std::fs::read_to_string(&config).expect("the sandbox wrote a configuration");
        // What stands below another integration's heading is left out.
        let text = text.split("# Which connection decides, which one is kept right").next().unwrap();
        std::fs::write(&config, format!("{text}\n{}", CREDITING.replace("PEOPLE", people))).unwrap();
        let mut serve = Command::new(env!("CARGO_BIN_EXE_rightful"))
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let mut line = String::new();
        BufReader::new(serve.stdout.take().unwrap()).read_line(&mut line).expect("the server says where it is");
        let told: Json = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self {
            processes: vec![serve, sandbox],
            console: told["console"].as_str().expect("an address").to_owned(),
            link: told["link"].as_str().unwrap_or_default().to_owned(),
            integration: "activity".to_owned(),
            config: config.display().to_string(),
            vendors: Json::Object(vendors),
            _folder: Some(folder),
        }
    }

    /// What stands at a vendor, from its simulator.
    pub async fn dump(&self, vendor: &str) -> Json {
        let base = self.vendors[vendor].as_str().unwrap_or_else(|| panic!("no {vendor} in {}", self.vendors));
        let url = url::Url::parse(base).unwrap().join("/_sim/dump").unwrap();
        let answer = reqwest::get(url).await.expect("the simulator answers").text().await.unwrap();
        serde_json::from_str(&answer).expect("a dump is JSON")
    }

    /// How many Skynamo customers each user owns, by login.
    pub async fn owned_by(&self, login: &str) -> usize {
        let dump = self.dump("skynamo").await;
        let users = dump["users"].as_array().expect("users");
        let id = &users.iter().find(|user| user["user_name"] == login).unwrap_or_else(|| panic!("no user {login}"))["id"];
        let customers = dump["customers"].as_array().expect("customers");
        customers.iter().filter(|customer| customer["assigned_users"].as_array().is_some_and(|owners| owners.contains(id))).count()
    }
}

impl Demo {
    /// Every answer of a vendor comes so many milliseconds later.
    pub async fn slow(&self, vendor: &str, milliseconds: u32) {
        let base = self.vendors[vendor].as_str().unwrap_or_else(|| panic!("no {vendor} in {}", self.vendors));
        let url = url::Url::parse(base).unwrap().join("/_sim/faults").unwrap();
        let answer = reqwest::Client::new().put(url).body(format!("*:slow={milliseconds}")).send().await.expect("the simulator answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }
}
