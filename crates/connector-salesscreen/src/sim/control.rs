//! What a person would do in the product: the part that is not the vendor's interface.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::seed::Standing;
use super::state::{State, User, normal_email};
use super::{SalesScreenSim, Switches, read, write_lock};

const NAMES: &[&str] = &["add-user", "set-user", "add-mapping", "set-team", "set-licences", "delete-record", "switches", "reset", "load"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddUser {
    email: String,
    firstname: String,
    lastname: String,
    team: Option<String>,
    /// Integration keys, entered right there (SS-16): system, id.
    #[serde(default)]
    mappings: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUser {
    email: String,
    new_email: Option<String>,
    standing: Option<Standing>,
    /// A team's key; an empty one takes the user off their team.
    team: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddMapping {
    system: String,
    id: String,
    email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetTeam {
    key: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetLicences {
    count: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteRecord {
    id: String,
}

/// Carries out one control. A body may name the company it is for; the first one else.
pub(super) fn control(sim: &SalesScreenSim, name: &str, mut body: Value, _now: DateTime<Utc>) -> Result<Value, String> {
    let wanted = body.as_object_mut().and_then(|members| members.remove("company"));
    let company = match &wanted {
        None => sim.companies.first().ok_or("there is no company")?,
        Some(wanted) => {
            let found = sim.companies.iter().find(|company| Some(company.name.as_str()) == wanted.as_str());
            found.ok_or_else(|| format!("no company named {wanted}"))?
        }
    };
    let state = || write_lock(&company.state);
    match name {
        "add-user" => add_user(&mut state(), parsed(body)?),
        "set-user" => set_user(&mut state(), parsed(body)?),
        "add-mapping" => add_mapping(&mut state(), parsed(body)?),
        "set-team" => {
            let SetTeam { key, name } = parsed(body)?;
            state().teams.insert(key, name);
            Ok(Value::Null)
        }
        "set-licences" => {
            let SetLicences { count } = parsed(body)?;
            state().licences = count;
            Ok(Value::Null)
        }
        "delete-record" => {
            let DeleteRecord { id } = parsed(body)?;
            state().records.remove(&id).map(|_| Value::Null).ok_or_else(|| format!("no record {id}"))
        }
        "switches" => {
            // Only the switches named move.
            let mut all = json!(*read(&sim.switches));
            if let (Some(all), Value::Object(given)) = (all.as_object_mut(), body) {
                all.extend(given);
            }
            let switches: Switches = parsed(all)?;
            sim.switch(switches.clone());
            Ok(json!(switches))
        }
        "reset" => {
            let fresh = State::new(&read(&company.seed));
            *state() = fresh;
            Ok(Value::Null)
        }
        "load" => {
            let seed = parsed(body)?;
            *state() = State::new(&seed);
            *write_lock(&company.seed) = seed;
            Ok(Value::Null)
        }
        _ => Err(format!("no control named {name}; there are {}", NAMES.join(", "))),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, String> {
    serde_json::from_value(body).map_err(|error| format!("the body does not fit: {error}"))
}

fn known(state: &State, email: &str) -> Result<usize, String> {
    state.user_with_email(&normal_email(email)).ok_or_else(|| format!("no user with the e-mail address {email}"))
}

fn known_team(state: &State, key: String) -> Result<Option<String>, String> {
    match key.as_str() {
        "" => Ok(None),
        _ if state.teams.contains_key(&key) => Ok(Some(key)),
        _ => Err(format!("no team {key}")),
    }
}

fn free_email(state: &State, email: &str) -> Result<String, String> {
    let email = normal_email(email);
    // SS-14.
    if state.user_with_email(&email).is_some() { Err(format!("{email} is another user's e-mail address")) } else { Ok(email) }
}

fn add_user(state: &mut State, wanted: AddUser) -> Result<Value, String> {
    let email = free_email(state, &wanted.email)?;
    let team = known_team(state, wanted.team.unwrap_or_default())?;
    state.licence_left()?;
    if let Some((system, id)) = wanted.mappings.iter().find(|mapping| state.mappings.contains_key(mapping)) {
        return Err(format!("{system} {id} is mapped already"));
    }
    let number = state.users.len();
    state.users.push(User { email: Some(email), firstname: wanted.firstname, lastname: wanted.lastname, team, standing: Standing::Active });
    state.mappings.extend(wanted.mappings.into_iter().map(|mapping| (mapping, number)));
    Ok(json!({"number": number}))
}

fn set_user(state: &mut State, wanted: SetUser) -> Result<Value, String> {
    let number = known(state, &wanted.email)?;
    let new_email = wanted.new_email.map(|email| free_email(state, &email)).transpose()?;
    let team = wanted.team.map(|key| known_team(state, key)).transpose()?;
    let before = state.users[number].standing;
    if let Some(standing) = wanted.standing {
        // SS-28: whoever is a user stays one.
        if standing == Standing::Supporter && before != Standing::Supporter {
            return Err("a user cannot be turned into a supporter".to_owned());
        }
        // SS-25.
        if before == Standing::Inactive && standing != Standing::Inactive {
            state.licence_left()?;
        }
    }
    let user = &mut state.users[number];
    if let Some(email) = new_email {
        user.email = Some(email);
    }
    if let Some(team) = team {
        user.team = team;
    }
    if let Some(standing) = wanted.standing {
        user.standing = standing;
        // SS-27: who watches is taken off their team, and is on none afterwards.
        if standing == Standing::Spectating {
            user.team = None;
        }
    }
    Ok(json!({"number": number}))
}

fn add_mapping(state: &mut State, wanted: AddMapping) -> Result<Value, String> {
    // SS-12: the user is there before the mapping.
    let number = known(state, &wanted.email)?;
    let mapping = (wanted.system, wanted.id);
    match state.mappings.get(&mapping) {
        Some(other) if *other != number => Err(format!("{} {} is mapped to another user", mapping.0, mapping.1)),
        _ => {
            state.mappings.insert(mapping, number);
            Ok(json!({"number": number}))
        }
    }
}
