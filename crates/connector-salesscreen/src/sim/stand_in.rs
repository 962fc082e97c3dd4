//! Offers the simulator to the sandbox: a company whose users are the world's people.

use std::sync::Arc;

use rightful_sim::world::World;
use rightful_sim::{Credential, Credentials, Simulator, StandIn};

use super::seed::{Seed, SeedUser, Standing};
use super::{ApiKey, Company, Options, SalesScreenSim, seed};

/// The simulator for the sandbox.
pub static STAND_IN: StandIn = StandIn {
    vendor: "salesscreen",
    credentials: &[Credential { key: "api_key", secret: true, default: "sandbox-salesscreen-key" }],
    foreign: &[],
    settings: &[("company", "acme"), ("team_keys", "OSLO-FIELD, BERGEN-FIELD")],
    simulator,
    curl,
};

fn simulator(world: &World, credentials: &Credentials) -> Arc<dyn Simulator> {
    let keys = vec![ApiKey { key: credentials.value("api_key").to_owned(), system: seed::SYSTEM.to_owned() }];
    Arc::new(SalesScreenSim::new(Options {
        companies: vec![Company { name: "acme".to_owned(), keys, seed: share(world) }],
        ..Options::default()
    }))
}

fn curl(base: &str, credentials: &Credentials) -> Vec<String> {
    let body = r#"{"userId":"try-1","email":"try.one@example.com","firstname":"Try","lastname":"One"}"#;
    let header = |text: String| ["-H".to_owned(), text];
    let mut arguments = vec![format!("{base}/User/Add")];
    arguments.extend(header(format!("apiKey: {}", credentials.value("api_key"))));
    arguments.extend(header("Content-Type: application/json".to_owned()));
    arguments.extend(["-d".to_owned(), body.to_owned()]);
    arguments
}

/// The world's people on two teams; nobody is mapped yet, and the last one is on no team.
fn share(world: &World) -> Seed {
    let teams = [("OSLO-FIELD", "Oslo Field"), ("BERGEN-FIELD", "Bergen Field")];
    let last = world.people.len().saturating_sub(1);
    let users = world.people.iter().enumerate().map(|(place, person)| SeedUser {
        email: person.email.clone(),
        firstname: person.first_name.clone(),
        lastname: person.last_name.clone(),
        team: (place != last).then(|| teams[place % teams.len()].0.to_owned()),
        standing: if person.active { Standing::Active } else { Standing::Inactive },
        mappings: Vec::new(),
    });
    Seed { users: users.collect(), teams: teams.map(|(key, name)| (key.to_owned(), name.to_owned())).to_vec(), licences: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_holds_the_worlds_people() {
        let world = World::invent(4, 30);
        let dump = simulator(&world, &Credentials::of(&STAND_IN)).dump();
        let users = dump["users"].as_array().unwrap();
        let emails: Vec<&str> = users.iter().map(|user| user["email"].as_str().unwrap()).collect();
        let people: Vec<String> = world.people.iter().map(|person| person.email.to_lowercase()).collect();
        assert_eq!(emails, people);
        let inactive = users.iter().filter(|user| user["status"] == "inactive").count();
        assert_eq!(inactive, world.people.iter().filter(|person| !person.active).count());
        assert_eq!(users.iter().filter(|user| user["team"].is_null()).count(), 1);
    }

    #[test]
    fn the_first_request_names_the_key_chosen_at_start() {
        let mut credentials = Credentials::of(&STAND_IN);
        assert!(credentials.set("api_key", "a&b<c>'d"));
        let arguments = curl("http://127.0.0.1:1/api/v1", &credentials);
        assert!(arguments.contains(&"apiKey: a&b<c>'d".to_owned()), "{arguments:?}");
    }
}
