//! Offers the simulator to the sandbox: an organisation that holds the field-sales share of a world.

use std::collections::HashMap;
use std::sync::Arc;

use rightful_sim::world::{Place, World};
use rightful_sim::{Credential, Credentials, Simulator, StandIn};
use serde_json::json;

use super::{Options, SalesforceSim, Seed};

/// The simulator for the sandbox.
pub static STAND_IN: StandIn = StandIn {
    vendor: "salesforce",
    credentials: &[
        Credential { key: "client_id", secret: false, default: "3MVG9.example.consumer.key" },
        Credential { key: "client_secret", secret: true, default: "sandbox-salesforce-secret" },
        Credential { key: "refresh_token", secret: true, default: "5Aep861.sandbox.refresh.token" },
    ],
    foreign: &[
        Credential { key: "password", secret: true, default: "sandbox-password" },
        Credential { key: "access_token", secret: true, default: "" },
        Credential { key: "public_key", secret: false, default: "" },
    ],
    settings: &[],
    simulator,
    curl,
};

/// Rows of the table that is there to be paged through.
const BIG_TABLE: usize = 5_000;

fn simulator(world: &World, credentials: &Credentials) -> Arc<dyn Simulator> {
    let chosen = |key: &str| Some(credentials.value(key)).filter(|value| !value.is_empty()).map(str::to_owned);
    Arc::new(SalesforceSim::new(Options {
        client_id: credentials.value("client_id").to_owned(),
        client_secret: credentials.value("client_secret").to_owned(),
        callbacks: vec!["http://localhost:1717/OauthRedirect".into(), "http://localhost:8917/callback".into()],
        refresh_token: Some(credentials.value("refresh_token").to_owned()),
        password: Some(credentials.value("password").to_owned()),
        access_token: chosen("access_token"),
        public_key: chosen("public_key"),
        seed: seed(world),
        ..Options::default()
    }))
}

fn curl(base: &str, credentials: &Credentials) -> Vec<String> {
    let field = |name: &str, value: &str| ["--data-urlencode".to_owned(), format!("{name}={value}")];
    let mut arguments = vec![format!("{base}/services/oauth2/token")];
    arguments.extend(field("grant_type", "client_credentials"));
    arguments.extend(field("client_id", credentials.value("client_id")));
    arguments.extend(field("client_secret", credentials.value("client_secret")));
    arguments
}

/// What an organisation holds of a world: its people, and an account per customer with its first owner.
fn seed(world: &World) -> Seed {
    let mut seed = Seed { big_table: BIG_TABLE, ..Seed::empty() };
    let first = 1 + seed.rows.iter().filter(|(object, _)| object == "User").count();
    let users: HashMap<&str, String> =
        world.people.iter().zip(first..).map(|(person, number)| (person.login.as_str(), format!("@User/{number}"))).collect();
    for person in &world.people {
        seed.add_user(&person.first_name, &person.last_name, &format!("{}@acme.example", person.login), &person.email, person.active);
    }
    let customers = world.customers.iter().filter(|customer| customer.place != Place::Erp);
    for (number, customer) in (1..).zip(customers) {
        let owner = customer.owners.first().and_then(|login| users.get(login.as_str())).map_or("@User/1", String::as_str);
        seed.add(
            "Account",
            json!({"Name": customer.name, "OwnerId": owner, "External_Id__c": customer.code, "AccountNumber": customer.code.chars().take(40).collect::<String>(),
                "Rep_Code__c": customer.rep, "Type": if customer.active { "Customer - Direct" } else { "Other" }}),
        );
        // A few have somebody to speak to and something to sell.
        if number <= 50 {
            let account = format!("@Account/{number}");
            seed.add(
                "Contact",
                json!({"AccountId": account, "LastName": format!("Contact {number}"), "OwnerId": owner,
                "Email": format!("contact{number}@example.com")}),
            );
            seed.add(
                "Opportunity",
                json!({"AccountId": account, "Name": format!("Order {number}"), "StageName": "Prospecting",
                "CloseDate": "2026-12-31", "Amount": 100 * number, "OwnerId": owner}),
            );
        }
    }
    seed.add("Lead", json!({"LastName": "Somebody", "Company": "A new company", "OwnerId": "@Group/1"}));
    for name in ["twin", "twin", "single"] {
        seed.add("UpsertTable__c", json!({"Name": name, "ExtId__c": name}));
    }
    seed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_holds_the_worlds_customers_with_their_first_owners() {
        let world = World::invent(4, 300);
        let dump = simulator(&world, &Credentials::of(&STAND_IN)).dump();
        let rows = |object: &str| dump["objects"][object].as_array().unwrap().clone();
        let users: HashMap<String, String> = rows("User")
            .iter()
            .map(|user| (user["Id"].as_str().unwrap().to_owned(), user["Username"].as_str().unwrap().to_owned()))
            .collect();
        let accounts = rows("Account");
        assert_eq!(accounts.len(), world.customers.iter().filter(|customer| customer.place != Place::Erp).count());
        for account in &accounts {
            let customer = world.customer(account["External_Id__c"].as_str().unwrap()).unwrap();
            let owner = &users[account["OwnerId"].as_str().unwrap()];
            assert_eq!(*owner, format!("{}@acme.example", customer.owners[0]), "{}", customer.code);
        }
        assert_eq!(rows("User").iter().filter(|user| user["IsActive"] == false).count(), 2);
        assert!(!dump.to_string().contains("sandbox-salesforce-secret"));
    }

    #[test]
    fn the_credentials_chosen_at_start_are_in_the_first_request() {
        let mut credentials = Credentials::of(&STAND_IN);
        assert!(credentials.set("client_id", "o'hara@example.com") && credentials.set("client_secret", "a&b<c>'d"));
        let arguments = curl("http://127.0.0.1:1", &credentials);
        assert!(arguments.contains(&"client_secret=a&b<c>'d".to_owned()), "{arguments:?}");
    }
}
