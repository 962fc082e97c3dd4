//! What an organisation holds when it starts.

use chrono::{DateTime, Duration, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ids;
use super::records::settle_row;
use super::soql::stamp;
use super::state::State;
use super::table::Row;

/// Everything an organisation holds at its start, in the order given: ids ascend with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Seed {
    /// The text field of Account that holds ids from outside.
    pub external_id: String,
    /// Rows: the object, and members by field name. A text `@Object/N` stands for the id of that object's row number N, from 1.
    pub rows: Vec<(String, Map<String, Value>)>,
    /// Rows of `BigTable__c`.
    pub big_table: usize,
}

/// How long before the start the first row was written; the others follow, a few in each second.
const AGE: Duration = Duration::days(2);
const ROWS_A_SECOND: usize = 40;

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// What every user has.
fn user(first: Option<&str>, last: &str, username: &str, email: &str) -> Map<String, Value> {
    let alias: String = username.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    members(json!({"FirstName": first, "LastName": last, "Username": username, "Email": email, "Alias": alias, "IsActive": true,
        "UserType": "Standard", "ProfileId": "@Profile/1", "TimeZoneSidKey": "Europe/London", "LocaleSidKey": "en_GB",
        "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US", "CommunityNickname": alias}))
}

impl Seed {
    /// The user name of the one the app runs as.
    pub const RUN_AS: &'static str = "integration@acme.example";

    /// An organisation with profiles, a role, queues for leads and cases, and the user the app runs as.
    pub fn empty() -> Self {
        let mut seed = Self { external_id: "External_Id__c".into(), rows: Vec::new(), big_table: 0 };
        seed.add(
            "Organization",
            json!({"Name": "Acme", "InstanceName": "GBR1", "IsSandbox": false, "OrganizationType": "Enterprise Edition",
            "TimeZoneSidKey": "Europe/London"}),
        );
        seed.add("Profile", json!({"Name": "Standard User", "UserType": "Standard"}));
        seed.add("Profile", json!({"Name": "System Administrator", "UserType": "Standard"}));
        seed.add("UserRole", json!({"Name": "Sales"}));
        let mut integration = user(None, "Integration", Self::RUN_AS, "integration@example.com");
        integration.insert("ProfileId".into(), "@Profile/2".into());
        seed.rows.push(("User".into(), integration));
        let mut guest = user(None, "Automated Process", "autoproc@acme.example", "autoproc@example.com");
        guest.insert("UserType".into(), "AutomatedProcess".into());
        seed.rows.push(("User".into(), guest));
        for queue in ["Inbound", "Support", "Field"] {
            seed.add("Group", json!({"Name": queue, "DeveloperName": queue, "Type": "Queue"}));
        }
        seed.add("Group", json!({"Name": "Everybody", "DeveloperName": "Everybody", "Type": "Regular"}));
        for object in ["Lead", "Case"] {
            for queue in ["@Group/1", "@Group/2", "@Group/3"] {
                seed.add("QueueSobject", json!({"QueueId": queue, "SobjectType": object}));
            }
        }
        seed
    }

    /// Adds a row.
    pub fn add(&mut self, object: &str, row: Value) {
        self.rows.push((object.into(), members(row)));
    }

    /// Adds a user with a standard licence; its number among users follows from the order.
    pub fn add_user(&mut self, first: &str, last: &str, username: &str, email: &str, active: bool) {
        let mut row = user(Some(first), last, username, email);
        row.insert("IsActive".into(), active.into());
        row.insert("UserRoleId".into(), "@UserRole/1".into());
        row.insert("FederationIdentifier".into(), format!("sso|{username}").into());
        row.insert("EmployeeNumber".into(), format!("E{:04}", self.rows.len()).into());
        self.rows.push(("User".into(), row));
    }

    pub(super) fn fill(&self, state: &mut State, now: DateTime<Utc>) {
        let start = (now - AGE).trunc_subsecs(0);
        let big = (1..=self.big_table).map(|number| {
            let row =
                json!({"Name": format!("Row {number}"), "Text__c": format!("text {number}"), "Number__c": number, "OwnerId": "@User/1"});
            ("BigTable__c".to_owned(), members(row))
        });
        for (place, (object, members)) in self.rows.iter().cloned().chain(big).enumerate() {
            // However many there are, the last one lies before the start.
            let seconds = i64::try_from(place / ROWS_A_SECOND).unwrap_or(i64::MAX).min(AGE.num_seconds() - 3_600);
            plant(state, &object, members, start + Duration::seconds(seconds));
        }
        let users = state.schema.place("User").map(|users| state.tables[users].iter().map(|row| row.id().to_owned()).collect::<Vec<_>>());
        for user in users.unwrap_or_default() {
            plant(state, "UserLogin", members(json!({"UserId": user})), start);
        }
    }
}

/// Stores one row as it was before the start.
fn plant(state: &mut State, object: &str, members: Map<String, Value>, time: DateTime<Utc>) {
    let Some(object) = state.schema.place(object) else { return };
    let mut row = Row::new(state.fresh_id(object));
    let (time, by) = (json!(stamp(time)), json!(ids::numbered("005", 1)));
    let defined = &state.schema.objects[object];
    for (place, field) in defined.fields.iter().enumerate() {
        let audit = match field.name.as_str() {
            "Id" => json!(row.id()),
            "CreatedDate" | "LastModifiedDate" | "SystemModstamp" => time.clone(),
            "CreatedById" | "LastModifiedById" | "OwnerId" => by.clone(),
            _ => field.default.clone().unwrap_or_default(),
        };
        row.set(place, audit);
    }
    for (name, value) in members {
        if let Some(place) = defined.place(&name) {
            row.set(place, referred(state, value));
        }
    }
    settle_row(state, object, &mut row);
    state.put(object, row);
    // A seed is never taken back: what would be needed for it must not pile up.
    state.keep();
}

/// The id that `@Object/N` stands for; any other value as it is.
fn referred(state: &State, value: Value) -> Value {
    let id = value
        .as_str()
        .and_then(|text| text.strip_prefix('@')?.split_once('/'))
        .and_then(|(object, number)| Some(ids::numbered(state.schema.objects[state.schema.place(object)?].prefix, number.parse().ok()?)));
    id.map_or(value, Value::String)
}

impl Default for Seed {
    /// A small organisation: four people (one inactive), six accounts with contacts and opportunities, four leads (one of a queue).
    fn default() -> Self {
        let mut seed = Self::empty();
        for (first, last, login, active) in [
            ("Nadia", "Okoro", "nadia.o", true),
            ("Tomas", "Reyes", "tomas", false),
            ("Lindiwe", "Mokoena", "lindiwe", true),
            ("Pieter", "Brand", "pieter", true),
        ] {
            seed.add_user(first, last, &format!("{login}@acme.example"), &format!("{login}@example.com"), active);
        }
        for (place, (name, owner, region)) in [
            ("Acorn Traders", 3, "Cape"),
            ("O'Brien & Söhne", 3, "Cape"),
            ("Harbour, Lane & Co.", 4, "Gauteng"),
            ("Kopje Outfitters", 5, "Gauteng"),
            ("Old Mill Traders", 4, "Cape"),
            ("Tarn & Fell", 6, "Natal"),
        ]
        .into_iter()
        .enumerate()
        {
            let (number, owner) = (place + 1, format!("@User/{owner}"));
            seed.add(
                "Account",
                json!({"Name": name, "OwnerId": owner, "AccountNumber": format!("ACC-{number:03}"), "External_Id__c": format!("ACC-{number:03}"),
                    "Region__c": region, "Rep_Code__c": "R05", "Industry": "Retail", "AnnualRevenue": number * 1_000, "BillingCity": "Cape Town"}),
            );
            let account = format!("@Account/{number}");
            seed.add(
                "Contact",
                json!({"AccountId": account, "FirstName": "Contact", "LastName": format!("Number {number}"),
                    "Email": format!("contact{number}@example.com"), "OwnerId": owner}),
            );
            seed.add(
                "Opportunity",
                json!({"AccountId": account, "Name": format!("Order {number}"), "StageName": "Prospecting", "CloseDate": "2026-12-31",
                    "Amount": number * 100, "OwnerId": owner}),
            );
        }
        seed.add("Lead", json!({"LastName": "First", "Email": "first@example.com", "Company": "Lead Company One", "OwnerId": "@User/3"}));
        seed.add(
            "Lead",
            json!({"LastName": "Second", "Email": "second@example.com", "Company": "Lead Company Two", "OwnerId": "@Group/1"}),
        );
        seed.add("Lead", json!({"LastName": "Third", "Email": "third@example.com", "Company": "Lead Company Three", "OwnerId": "@User/5"}));
        seed.add(
            "Lead",
            json!({"LastName": "Zeroth", "Email": "zeroth@example.com", "Company": "Lead Company Zero", "OwnerId": "@User/6"}),
        );
        seed.add("Case", json!({"Subject": "A question", "AccountId": "@Account/1", "OwnerId": "@Group/1"}));
        seed
    }
}
