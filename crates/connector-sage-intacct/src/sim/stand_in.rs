//! Offers the simulator to the sandbox: a company that holds the ERP's share of a world.

use std::sync::Arc;

use chrono::DateTime;
use rightful_core::Secret;
use rightful_sim::world::{Person, Place, World};
use rightful_sim::{Credential, Credentials, Simulator, StandIn};

use super::seed::{self, LONG_AGO};
use super::{ContactSeed, CustomerSeed, EmployeeSeed, Options, SageIntacctSim, Seed, UserSeed};

/// The simulator for the sandbox.
pub static STAND_IN: StandIn = StandIn {
    vendor: "sage-intacct",
    credentials: &[
        Credential { key: "sender_id", secret: false, default: "AcmeMPP" },
        Credential { key: "sender_password", secret: true, default: "sender-secret" },
        Credential { key: "company_id", secret: false, default: "ACME" },
        Credential { key: "user_id", secret: false, default: "ws_rightful" },
        Credential { key: "user_password", secret: true, default: "user-secret" },
    ],
    foreign: &[],
    settings: &[("entity", "top")],
    simulator,
    curl,
};

fn simulator(world: &World, credentials: &Credentials) -> Arc<dyn Simulator> {
    let value = |key: &str| credentials.value(key).to_owned();
    let options = Options {
        seed: world.seed,
        sender_id: value("sender_id"),
        sender_password: Secret::new(value("sender_password")),
        company: value("company_id"),
        user: value("user_id"),
        user_password: Secret::new(value("user_password")),
        // Those of the world come with `load`.
        customers: Some(0),
        ..Options::default()
    };
    let records = records(world, &options);
    let sim = SageIntacctSim::new(options);
    sim.load(records);
    Arc::new(sim)
}

fn curl(base: &str, credentials: &Credentials) -> Vec<String> {
    let value = |key: &str| quick_xml::escape::escape(credentials.value(key)).into_owned();
    let body = format!(
        "<request><control><senderid>{}</senderid><password>{}</password><controlid>hello</controlid><uniqueid>false</uniqueid>\
         <dtdversion>3.0</dtdversion><includewhitespace>true</includewhitespace></control><operation><authentication><login>\
         <userid>{}</userid><companyid>{}</companyid><password>{}</password></login></authentication><content><function controlid=\"first\">\
         <query><object>CUSTOMER</object><select><field>CUSTOMERID</field><field>NAME</field><field>CUSTREPID</field></select>\
         <pagesize>2</pagesize></query></function></content></operation></request>",
        value("sender_id"),
        value("sender_password"),
        value("user_id"),
        value("company_id"),
        value("user_password")
    );
    vec![base.to_owned(), "-H".to_owned(), "content-type: application/xml".to_owned(), "--data-binary".to_owned(), body]
}

fn contact_name(person: &Person) -> String {
    format!("{}, {}", person.last_name, person.first_name)
}

/// What a company holds of a world, besides the people every invented company has: those who go wrong in practice.
fn records(world: &World, options: &Options) -> Seed {
    let mut records = seed::invented(options);
    records.employees.retain(|employee| world.reps.iter().all(|rep| rep.code != employee.id));
    for person in &world.people {
        let contact = contact_name(person);
        let status = if person.active { "active" } else { "inactive" };
        records.users.push(UserSeed {
            login: person.login.clone(),
            name: person.name(),
            contact: contact.clone(),
            status: status.to_owned(),
            ..UserSeed::default()
        });
        records.contacts.retain(|known| known.name != contact);
        records.contacts.push(ContactSeed {
            name: contact,
            first_name: person.first_name.clone(),
            last_name: person.last_name.clone(),
            email: person.email.clone(),
        });
    }
    for rep in &world.reps {
        if let Some(person) = world.person(&rep.login) {
            records.employees.push(EmployeeSeed {
                id: rep.code.clone(),
                contact: contact_name(person),
                title: "Account manager".to_owned(),
                status: if person.active { "active" } else { "inactive" }.to_owned(),
            });
        }
    }
    // Customers of one entity only are such that the other side does not know them: they say nothing about owners.
    let mut entities = options.entities.iter().take(2);
    for (index, customer) in world.customers.iter().filter(|customer| customer.place != Place::Field).enumerate() {
        let since = i64::try_from(index).map_or(0, |index| if customer.imported { 0 } else { 60 * (index + 1) });
        let private = customer.place == Place::Erp && customer.code.chars().count() <= 40;
        records.customers.push(CustomerSeed {
            id: customer.code.clone(),
            name: customer.name.clone(),
            rep: customer.rep.clone().unwrap_or_default(),
            status: if customer.active { "active" } else { "inactive" }.to_owned(),
            when_modified: DateTime::from_timestamp(LONG_AGO + since, 0),
            entity: if private { entities.next().map(|entity| entity.id.clone()) } else { None },
            ..CustomerSeed::default()
        });
    }
    records
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rightful_sim::{Bytes, HeaderMap, Method, SimClock, SimRequest};
    use serde_json::Value;

    use super::*;

    fn rows(dump: &Value, kind: &str) -> Vec<Value> {
        dump[kind].as_array().cloned().unwrap_or_default()
    }

    #[test]
    fn a_company_holds_the_worlds_customers_and_people() {
        let world = World::invent(2, World::CUSTOMERS);
        let dump = simulator(&world, &Credentials::of(&STAND_IN)).dump();
        let customers = rows(&dump, "customers");
        assert_eq!(customers.len(), World::CUSTOMERS);
        let mut moments: BTreeMap<String, usize> = BTreeMap::new();
        for row in &customers {
            *moments.entry(row["WHENMODIFIED"].to_string()).or_default() += 1;
            let known = world.customer(row["CUSTOMERID"].as_str().unwrap()).unwrap();
            assert_eq!(row["CUSTREPID"].as_str().unwrap(), known.rep.clone().unwrap_or_default(), "{}", known.code);
            assert_eq!(row["STATUS"] == "active", known.active, "{}", known.code);
        }
        assert_eq!(moments.values().max(), Some(&2_500));
        let private = customers.iter().filter(|row| row["MEGAENTITYID"] != "").count();
        assert_eq!(private, 2);
        let business = rows(&dump, "users").iter().filter(|user| user["USERTYPE"] == "business user").count();
        assert!(business >= 3 && business < rows(&dump, "users").len());
        assert!(rows(&dump, "employees").iter().filter(|employee| employee["STATUS"] == "active").count() >= 2);
        let employees = rows(&dump, "employees");
        for rep in &world.reps {
            assert!(employees.iter().any(|row| row["EMPLOYEEID"] == rep.code.as_str()), "{} is no employee", rep.code);
        }
    }

    #[test]
    fn the_printed_request_is_answered_also_with_odd_credentials() {
        let mut credentials = Credentials::of(&STAND_IN);
        for (key, value) in [
            ("sender_id", "Send & Co"),
            ("sender_password", "a<b>&'c\""),
            ("company_id", "O'Hara <Ltd>"),
            ("user_id", "ws@example.com"),
            ("user_password", "]]>&amp;"),
        ] {
            assert!(credentials.set(key, value), "{key}");
        }
        let base = "http://127.0.0.1:1/ia/xml/xmlgw.phtml";
        let body = curl(base, &credentials).pop().unwrap();
        let sim = simulator(&World::invent(1, 30), &credentials);
        let answer = |body: String| {
            let request = SimRequest {
                method: Method::POST,
                path: "/ia/xml/xmlgw.phtml".into(),
                query: None,
                headers: HeaderMap::new(),
                body: Bytes::from(body),
                origin: "http://127.0.0.1:1".into(),
                number: 1,
                fault: None,
            };
            String::from_utf8_lossy(&sim.answer(&request, &SimClock::wall()).body).into_owned()
        };
        let good = answer(body.clone());
        assert!(good.contains("<CUSTOMERID>") && !good.contains("failure"), "{good}");
        let refused = answer(body.replace("ws@example.com", "ws_rightful"));
        assert!(refused.contains("<status>failure</status>"), "{refused}");
    }
}
