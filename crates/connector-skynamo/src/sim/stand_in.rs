//! Offers the simulator to the sandbox: an instance that holds the field-sales share of a world.

use std::collections::HashMap;
use std::sync::Arc;

use rightful_sim::world::{Place, World};
use rightful_sim::{Credential, Credentials, Simulator, StandIn};

use super::{Options, Seed, SeedCustomer, SeedFrequency, SeedUser, SkynamoSim};

/// The simulator for the sandbox.
pub static STAND_IN: StandIn = StandIn {
    vendor: "skynamo",
    credentials: &[
        Credential { key: "instance", secret: false, default: "acme" },
        Credential { key: "api_key", secret: true, default: "sandbox-skynamo-key" },
    ],
    foreign: &[],
    settings: &[],
    simulator,
    curl,
};

/// The first user's id; others count on.
const FIRST_USER: i64 = 7;
/// The first customer's.
const FIRST_CUSTOMER: i64 = 4401;

/// The custom field of the customer form that shows the rep code.
const REP_CODE_FIELD: i64 = 41;

fn simulator(world: &World, credentials: &Credentials) -> Arc<dyn Simulator> {
    Arc::new(SkynamoSim::new(Options {
        instance: credentials.value("instance").to_owned(),
        api_key: credentials.value("api_key").to_owned(),
        seed: seed(world),
        ..Options::default()
    }))
}

fn curl(base: &str, credentials: &Credentials) -> Vec<String> {
    let header = |name: &str, key: &str| ["-H".to_owned(), format!("{name}: {}", credentials.value(key))];
    let mut arguments = vec![format!("{base}/customers?page_size=2&flags=show_nulls")];
    arguments.extend(header("x-api-client", "instance"));
    arguments.extend(header("x-api-key", "api_key"));
    arguments
}

/// What an instance holds of a world; products, a task and the like come with it.
fn seed(world: &World) -> Seed {
    let ids: HashMap<&str, i64> = (FIRST_USER..).zip(&world.people).map(|(id, person)| (person.login.as_str(), id)).collect();
    let id_of = |login: &String| ids.get(login.as_str()).copied();
    let mut seed = Seed::empty();
    for (id, person) in (FIRST_USER..).zip(&world.people) {
        let user = SeedUser::new(id, &person.login, person.name(), &person.email);
        seed.users.push(if person.active { user } else { user.inactive() });
    }
    for (id, customer) in (FIRST_CUSTOMER..).zip(world.customers.iter().filter(|customer| customer.place != Place::Erp)) {
        let owners = customer.owners.iter().filter_map(id_of).collect();
        let rep = customer.rep.iter().map(|rep| (REP_CODE_FIELD, rep.clone())).collect();
        seed.customers.push(SeedCustomer { id: Some(id), custom_fields: rep, ..SeedCustomer::new(&customer.code, &customer.name, owners) });
        if let Some(user_id) = customer.visitor.as_ref().and_then(id_of) {
            seed.visit_frequencies.push(SeedFrequency {
                id: None,
                customer_id: id,
                user_id,
                cycle: 2,
                frequency: 1,
                period: "Week".into(),
            });
        }
    }
    seed.integration_fields = (820..)
        .zip(&world.reps)
        .map(|(id, rep)| {
            let users =
                world.rows(&rep.code).filter_map(|row| world.person(row.user.as_deref()?)).filter_map(|person| id_of(&person.login));
            let users: Vec<String> = users.map(|id| id.to_string()).collect();
            (id, format!("Rep Code - {}", rep.code), users.join(","))
        })
        .collect();
    // They speak of the first and third customer.
    if seed.customers.len() > 2 {
        seed.documents = Seed::default_documents();
    }
    seed
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_instance_holds_the_worlds_customers_with_their_owners() {
        let world = World::invent(4, 300);
        let sim = simulator(&world, &Credentials::of(&STAND_IN));
        let dump = sim.dump();
        let users: HashMap<i64, &str> = dump["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| (user["id"].as_i64().unwrap(), user["user_name"].as_str().unwrap()))
            .collect();
        let rows = dump["customers"].as_array().unwrap();
        assert_eq!(rows.len(), world.customers.iter().filter(|customer| customer.place != Place::Erp).count());
        for row in rows {
            let customer = world.customer(row["code"].as_str().unwrap()).unwrap();
            let owners: Vec<&str> = row["assigned_users"].as_array().unwrap().iter().map(|id| users[&id.as_i64().unwrap()]).collect();
            assert_eq!(owners, customer.owners, "{}", customer.code);
        }
        let visits = world.customers.iter().filter(|customer| customer.visitor.is_some()).count();
        assert_eq!((dump["visit_frequencies"].as_array().map(Vec::len), visits > 0), (Some(visits), true));
        let inactive = dump["users"].as_array().unwrap().iter().filter(|user| user["active"] == Value::Bool(false)).count();
        assert_eq!(inactive, 2);
    }

    #[test]
    fn the_credentials_chosen_at_start_are_the_ones_that_work() {
        let mut credentials = Credentials::of(&STAND_IN);
        assert!(credentials.set("instance", "o'hara@example.com") && credentials.set("api_key", "a&b<c>'d"));
        let arguments = curl("http://127.0.0.1:1/v1", &credentials);
        assert!(arguments.contains(&"x-api-client: o'hara@example.com".to_owned()), "{arguments:?}");
        let sim = simulator(&World::invent(1, 30), &credentials);
        let request = |instance: &'static str, key: &'static str| rightful_sim::SimRequest {
            method: rightful_sim::Method::GET,
            path: "/v1/users".into(),
            query: None,
            headers: [("x-api-client", instance), ("x-api-key", key)]
                .into_iter()
                .map(|(name, value)| (name.parse().unwrap(), rightful_sim::HeaderValue::from_static(value)))
                .collect(),
            body: rightful_sim::Bytes::new(),
            origin: "http://127.0.0.1:1".into(),
            number: 1,
            fault: None,
        };
        let status = |instance, key| sim.answer(&request(instance, key), &rightful_sim::SimClock::wall()).status.as_u16();
        assert_eq!(status("o'hara@example.com", "a&b<c>'d"), 200);
        assert_eq!((status("acme", "a&b<c>'d"), status("o'hara@example.com", "sandbox-skynamo-key")), (403, 403));
    }
}
