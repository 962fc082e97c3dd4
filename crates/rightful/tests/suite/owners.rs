//! Who owns an account in Salesforce owns the customer in Skynamo: a pair that no line of code knows, from a configuration file alone.

use std::collections::{BTreeMap, BTreeSet};

use rightful_sim::RunningSim;
use rightful_sim::world::World;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::stage::{Ended, Target, ended, program, serve};

const CONFIG: &str = r#"store = "rightful.db"

[connections.crm]
vendor = "salesforce"
login_url = "CRM"
client_id = "3MVG9.example.consumer.key"
client_secret = { env = "CRM_SECRET" }
objects = "Case:Subject"
allow_private = true

[connections.field]
vendor = "skynamo"
base_url = "FIELD"
instance = "acme"
api_key = { env = "FIELD_KEY" }
lookback = 0
allow_private = true

[integrations.account-owners]
job = "owners"
source = "crm"
target = "field"
source_kind = "account"
newcomer_hours = 0
caps.owner_moves.percent = 100
caps.removals.percent = 100
"#;

/// Both vendors, a folder with a configuration, and who owned what before anything ran.
struct Stage {
    crm: RunningSim,
    field: RunningSim,
    folder: TempDir,
    before: Target,
}

impl Stage {
    /// Every customer of Skynamo belongs to the same user at first, so that nothing is right by accident.
    async fn new() -> Self {
        let world = World::invent(1, 40);
        let crm = serve(&connector_salesforce::sim::STAND_IN, &world, &[]).await;
        let field = serve(&connector_skynamo::sim::STAND_IN, &world, &[]).await;
        let before = Target::of(&field);
        let stage = Self { crm, field, folder: tempfile::tempdir().unwrap(), before };
        for code in stage.before.customers.keys() {
            stage.field.control("set-customer", json!({ "code": code, "assigned_users": [stage.desk()] })).unwrap();
        }
        stage.configure(|text| text);
        Self { before: Target::of(&stage.field), ..stage }
    }

    fn configure(&self, change: impl FnOnce(String) -> String) {
        let text = CONFIG.replace("CRM\"\nclient", &format!("{}\"\nclient", self.crm.base_url()));
        let text = text.replace("FIELD\"\ninstance", &format!("{}\"\ninstance", self.field.base_url()));
        std::fs::write(self.folder.path().join("rightful.toml"), change(text)).unwrap();
    }

    async fn rightful(&self, arguments: &[&str]) -> Ended {
        let mut command = program(self.folder.path(), arguments);
        command.env("CRM_SECRET", "sandbox-salesforce-secret").env("FIELD_KEY", "sandbox-skynamo-key");
        ended(command).await
    }

    async fn json(&self, arguments: &[&str]) -> Json {
        let told: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        self.rightful(&told).await.exits(0).json()
    }

    /// Rows of an object of Salesforce.
    fn rows(&self, object: &str) -> Vec<Json> {
        self.crm.dump()["objects"][object].as_array().unwrap().clone()
    }

    /// Users of Skynamo.
    fn users(&self) -> Vec<Json> {
        self.field.dump()["users"].as_array().unwrap().clone()
    }

    /// Whom no account belongs to: the last active user.
    fn desk(&self) -> i64 {
        let owned: BTreeSet<String> = self.accounts().into_values().map(|owner| text(&owner["Email"]).to_lowercase()).collect();
        let users = self.users();
        let free = users.iter().rev().find(|user| user["active"] == true && !owned.contains(&text(&user["email"]).to_lowercase()));
        free.or_else(|| users.iter().rev().find(|user| user["active"] == true)).unwrap()["id"].as_i64().unwrap()
    }

    /// The user who owns each account, by the account's number.
    fn accounts(&self) -> BTreeMap<String, Json> {
        let users: BTreeMap<String, Json> = self.rows("User").into_iter().map(|user| (text(&user["Id"]), user)).collect();
        let accounts = self.rows("Account").into_iter().filter(|account| account["AccountNumber"].is_string());
        accounts.map(|account| (text(&account["AccountNumber"]), users[&text(&account["OwnerId"])].clone())).collect()
    }

    /// Who must own each customer by e-mail, judged from what both vendors hold: those whose owner leads to nobody are as before.
    fn due(&self) -> BTreeMap<String, Vec<String>> {
        let accounts = self.accounts();
        let users = self.users();
        let due = |code: &String, before: &[String]| {
            let Some(owner) = accounts.get(code).filter(|owner| owner["IsActive"] == true) else { return before.to_vec() };
            let same = |user: &&Json| text(&user["email"]).eq_ignore_ascii_case(&text(&owner["Email"]));
            match users.iter().filter(same).collect::<Vec<_>>().as_slice() {
                [one] if one["active"] == true => vec![text(&one["user_name"])],
                _ => before.to_vec(),
            }
        };
        self.before.customers.iter().map(|(code, held)| (code.clone(), due(code, &held.owners))).collect()
    }

    fn owners(&self) -> BTreeMap<String, Vec<String>> {
        Target::of(&self.field).customers.into_iter().map(|(code, held)| (code, held.owners)).collect()
    }

    /// Two active users of Salesforce who own accounts and are known in Skynamo.
    fn two(&self) -> [Json; 2] {
        let known: BTreeSet<String> =
            self.users().iter().filter(|user| user["active"] == true).map(|user| text(&user["email"]).to_lowercase()).collect();
        let mut owners: BTreeMap<String, Json> = BTreeMap::new();
        for owner in self.accounts().into_values() {
            if owner["IsActive"] == true && known.contains(&text(&owner["Email"]).to_lowercase()) {
                owners.insert(text(&owner["Id"]), owner);
            }
        }
        let mut owners = owners.into_values();
        [owners.next().unwrap(), owners.next().unwrap()]
    }

    /// Codes of the customers whose accounts belong to a user.
    fn of(&self, user: &Json) -> Vec<String> {
        let known = self.before.customers.keys();
        let accounts = self.accounts();
        known.filter(|code| accounts.get(*code).is_some_and(|owner| owner["Id"] == user["Id"])).cloned().collect()
    }

    async fn cases(&self) -> Vec<(String, String)> {
        let cases = self.json(&["cases"]).await;
        let cases = cases.as_array().or_else(|| cases["cases"].as_array()).unwrap_or_else(|| panic!("{cases}"));
        cases.iter().map(|case| (text(&case["case"]["reason"]), text(&case["case"]["message"]))).collect()
    }

    fn set_mail(&self, user: &Json, email: &str) {
        self.crm.control("set-record", json!({ "id": user["Id"], "fields": { "Email": email } })).unwrap();
    }

    fn give(&self, account: &str, user: &Json) {
        let found = self.rows("Account").into_iter().find(|row| row["AccountNumber"] == account).unwrap();
        self.crm.control("set-record", json!({ "id": found["Id"], "fields": { "OwnerId": user["Id"] } })).unwrap();
    }
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_accounts_owner_becomes_the_customers_user_by_e_mail() {
    let stage = Stage::new().await;
    stage.rightful(&["check"]).await.exits(0);
    // A plan shows it, and neither moves a customer nor makes a link.
    stage.rightful(&["plan"]).await.exits(0);
    assert_eq!(Target::of(&stage.field), stage.before);
    let links = stage.json(&["link", "list"]).await;
    assert!(links["links"].as_array().unwrap().iter().all(|line| line["link"].is_null()), "{links}");

    stage.rightful(&["run"]).await.exits(0);
    let (due, after) = (stage.due(), Target::of(&stage.field));
    assert_eq!(stage.owners(), due);
    let moved = after.moved_since(&stage.before);
    assert!(moved > 20, "{moved} moved");
    after.assert_each_written_once_since(&stage.before);
    let links = stage.json(&["link", "list"]).await;
    let made = links["links"].as_array().unwrap().iter().filter(|line| line["link"]["evidence"] == "email").count();
    assert!(made >= 2, "{links}");

    // Nothing changed: nothing is planned and nothing written.
    let report = stage.json(&["run"]).await["report"].clone();
    assert_eq!((&report["outcome"], &report["counts"]["planned"]), (&json!("done"), &json!(0)), "{report}");
    assert_eq!(Target::of(&stage.field), after);

    // Each move says by which rule, and how it is known who that is.
    let code = stage.of(&stage.two()[0]).remove(0);
    stage.rightful(&["explain", &code]).await.exits(0).says(&["The reason was Owner - ", "the same e-mail address"]);
}

#[tokio::test]
async fn a_link_survives_an_e_mail_change_on_either_side_and_an_undo() {
    let stage = Stage::new().await;
    let [one, other] = stage.two();
    let (mine, theirs) = (stage.of(&one), stage.of(&other));
    stage.rightful(&["run"]).await.exits(0);
    let before = stage.owners();
    let login = before[&mine[0]].clone();

    // The person's address moves to the other one, who gets another; and one of their accounts is handed over.
    stage.set_mail(&other, "elsewhere@example.com");
    stage.set_mail(&one, &text(&other["Email"]));
    let user = stage.users().into_iter().find(|user| user["user_name"] == login[0].as_str()).unwrap();
    stage.field.control("set-user", json!({ "id": user["id"], "email": "moved.on@example.com" })).unwrap();
    stage.give(&theirs[0], &one);
    let run = stage.json(&["run"]).await["report"].clone();
    assert_eq!(run["counts"]["planned"], 1, "{run}");
    let mut due = before.clone();
    due.insert(theirs[0].clone(), login);
    assert_eq!(stage.owners(), due);
    stage.rightful(&["explain", &theirs[0]]).await.exits(0).says(&["linked by the same e-mail address", "by run-1"]);

    stage.rightful(&["undo", &run["run"].to_string()]).await.exits(0);
    assert_eq!(stage.owners(), before);
    stage.rightful(&["undo", "1"]).await.exits(0);
    let first: BTreeMap<String, Vec<String>> =
        stage.before.customers.iter().map(|(code, held)| (code.clone(), held.owners.clone())).collect();
    assert_eq!(stage.owners(), first);
}

#[tokio::test]
async fn two_users_with_one_e_mail_are_a_case_until_a_person_says_who_is_who() {
    let stage = Stage::new().await;
    let [one, other] = stage.two();
    let (mine, theirs, email) = (stage.of(&one), stage.of(&other), text(&one["Email"]));
    let user = stage.users().into_iter().find(|user| text(&user["email"]).eq_ignore_ascii_case(&email)).unwrap();
    stage.set_mail(&other, &email.to_uppercase());
    stage.rightful(&["run"]).await.exits(0);
    let held = stage.owners();
    for code in mine.iter().chain(&theirs) {
        assert_eq!(held[code], stage.before.customers[code].owners, "{code}");
    }
    let cases = stage.cases().await;
    let shared: Vec<&String> = cases.iter().filter(|(reason, _)| reason == "email-shared").map(|(_, message)| message).collect();
    let [message] = shared.as_slice() else { panic!("{cases:#?}") };
    assert!(message.contains(&text(&one["Name"])) && message.contains(&text(&other["Name"])), "{message}");
    stage.rightful(&["link", "list", "--unlinked"]).await.exits(0).says(&[&text(&one["Name"]), &text(&other["Name"]), "? (same e-mail)"]);

    // By user name on one side and e-mail address on the other.
    let (person, login) = (text(&one["Username"]), text(&user["user_name"]));
    stage.rightful(&["link", "add", &person, &email, "--reason", "she said so"]).await.exits(0).says(&["No record has moved"]);
    stage.rightful(&["run"]).await.exits(0);
    let held = stage.owners();
    assert!(mine.iter().all(|code| held[code] == [login.clone()]), "{held:?}");
    assert!(theirs.iter().all(|code| held[code] == stage.before.customers[code].owners), "{held:?}");

    // Who has the link is named, and nothing changes.
    let taken = stage.rightful(&["link", "add", &text(&other["Id"]), &login, "--reason", "me too"]).await;
    taken.exits(1).says(&[&text(&one["Name"]), "by ann on", "rightful link remove"]);
    // Nobody in Salesforce has this user's address any more.
    let third = stage.users().into_iter().find(|user| text(&user["email"]).eq_ignore_ascii_case(&text(&other["Email"]))).unwrap();
    let third = text(&third["user_name"]);
    stage.rightful(&["link", "add", &person, &third, "--reason", "no"]).await.exits(1).says(&["is linked to", "--replace"]);
    let replaced = stage.json(&["link", "add", &person, &third, "--reason", "yes", "--replace"]).await;
    assert_eq!((&replaced["changed"], &replaced["link"]["by"]["reason"]), (&json!(true), &json!("yes")), "{replaced}");
    let removed = stage.json(&["link", "remove", &person, "--reason", "left"]).await;
    assert_eq!((&removed["changed"], &removed["link"]["evidence"]), (&json!(true), &json!("stated")), "{removed}");
    stage.rightful(&["link", "remove", &person, "--reason", "left"]).await.exits(1).says(&["has no link"]);
    stage.rightful(&["codes", "list"]).await.exits(1).says(&["goes by links", "rightful link list"]);
    stage
        .rightful(&["link", "add", "nobody.at.all", &third, "--reason", "x"])
        .await
        .exits(1)
        .says(&["no person of the source is known as"]);
}

#[tokio::test]
async fn a_record_of_a_queue_is_nobodys_or_the_fallbacks_and_says_so() {
    let stage = Stage::new().await;
    let queue = stage.rows("Group").into_iter().find(|group| group["Type"] == "Queue").unwrap();
    let [one, _] = stage.two();
    let codes: Vec<String> = stage.before.customers.keys().take(7).cloned().collect();
    for (code, owner) in codes.iter().zip([&queue, &one, &one, &one, &one, &one, &one]) {
        stage.crm.control("set-record", json!({ "object": "Case", "fields": { "Subject": code, "OwnerId": owner["Id"] } })).unwrap();
    }
    let of_cases = |text: String| text.replace("source_kind = \"account\"", "source_kind = \"Case\"\nsource_key = \"code\"");
    stage.configure(of_cases);
    stage.rightful(&["run"]).await.exits(0);
    let login = stage.users().into_iter().find(|user| text(&user["email"]).eq_ignore_ascii_case(&text(&one["Email"]))).unwrap();
    let login = text(&login["user_name"]);
    let held = stage.owners();
    assert_eq!(held[&codes[0]], stage.before.customers[&codes[0]].owners, "the queue's");
    assert!(codes[1..].iter().all(|code| held[code] == [login.clone()]), "{held:?}");
    let cases = stage.cases().await;
    assert!(cases.iter().any(|(reason, message)| reason == "no-owner" && message.contains("belongs to a queue")), "{cases:#?}");

    stage.configure(|text| of_cases(text) + &format!("no_owner = {{ fallback = \"{login}\" }}\n"));
    stage.rightful(&["run"]).await.exits(0);
    assert_eq!(stage.owners()[&codes[0]], [login]);
    stage.rightful(&["explain", &codes[0]]).await.exits(0).says(&["belongs to a queue in the source"]);
}

#[tokio::test]
async fn keys_of_both_lead_where_the_configuration_says_so() {
    let stage = Stage::new().await;
    let [one, other] = stage.two();
    let (mine, theirs) = (stage.of(&one), stage.of(&other));
    let users = stage.users();
    let login = |person: &Json| {
        let user = users.iter().find(|user| text(&user["email"]).eq_ignore_ascii_case(&text(&person["Email"]))).unwrap();
        text(&user["user_name"])
    };
    // One's number is the other's user name, whatever the addresses say.
    stage.crm.control("set-record", json!({ "id": one["Id"], "fields": { "EmployeeNumber": login(&other) } })).unwrap();
    stage.configure(|text| text + "match = [\"link\", \"external-id:employee-number=user-name\", \"email\"]\n");
    stage.rightful(&["run"]).await.exits(0);
    let held = stage.owners();
    assert!(mine.iter().all(|code| held[code] == [login(&other)]), "{held:?}");
    assert!(theirs.iter().all(|code| held[code] == stage.before.customers[code].owners), "taken: {held:?}");
    assert!(stage.cases().await.iter().any(|(reason, message)| reason == "user-taken" && message.contains(&text(&other["Name"]))));
}
