//! What a person would do in the product, and inspection: the part that is not the vendor's interface.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::rows::{Customer, User};
use super::state::{SelfAssignment, State, distinct, stamp};
use super::{SkynamoSim, Switches, Tenant, read, write_lock};

const NAMES: &[&str] = &[
    "set-customer",
    "merge-customers",
    "set-user",
    "self-assign",
    "clock-in",
    "set-integration-form",
    "switches",
    "reset",
    "load",
    "import-log",
];

/// Everything an instance holds, without its key.
pub(super) fn dump(tenant: &Tenant) -> Value {
    let state = read(&tenant.state);
    let users: Vec<Value> = state
        .users
        .iter()
        .map(|user| json!({"id": user.id, "user_name": user.user_name, "display_name": user.display_name, "email": user.email, "active": user.active}))
        .collect();
    let customers: Vec<Value> = state
        .customers
        .iter()
        .map(|row| {
            json!({"id": row.id, "code": row.code, "name": row.name, "active": row.active, "assigned_users": row.assigned_users,
                "row_version": row.row_version, "writes": row.writes})
        })
        .collect();
    let frequencies: Vec<Value> = state
        .frequencies
        .iter()
        .map(|row| {
            json!({"id": row.id, "customer_id": row.customer_id, "user_id": row.user_id, "cycle": row.cycle, "frequency": row.frequency,
                "period": row.period, "row_version": row.row_version})
        })
        .collect();
    json!({"instance": tenant.instance, "row_version": state.version, "users": users, "customers": customers,
        "visit_frequencies": frequencies, "writes": state.counters})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetCustomer {
    id: Option<i64>,
    code: Option<String>,
    new_code: Option<String>,
    name: Option<String>,
    active: Option<bool>,
    assigned_users: Option<Vec<i64>>,
    custom_fields: Option<Vec<(i64, String)>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUser {
    id: Option<i64>,
    user_name: Option<String>,
    display_name: Option<String>,
    email: Option<String>,
    active: Option<bool>,
    verified: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SelfAssign {
    customer_id: i64,
    user_id: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockIn {
    user_id: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    keep: i64,
    lose: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetIntegrationForm {
    fields: Vec<(i64, String, String)>,
}

/// Carries out one control. A body may name the instance it is for; the main one else.
pub(super) fn control(sim: &SkynamoSim, name: &str, mut body: Value, now: DateTime<Utc>) -> Result<Value, String> {
    let instance = body.as_object_mut().and_then(|members| members.remove("instance"));
    let tenant = match &instance {
        None => &sim.tenants[0],
        Some(wanted) => {
            let found = sim.tenants.iter().find(|tenant| Some(tenant.instance.as_str()) == wanted.as_str());
            found.ok_or_else(|| format!("no instance named {wanted}"))?
        }
    };
    let state = || write_lock(&tenant.state);
    match name {
        "set-customer" => set_customer(&mut state(), parsed(body)?, now),
        "merge-customers" => merge(&mut state(), &parsed(body)?, now),
        "set-user" => set_user(&mut state(), parsed(body)?),
        "self-assign" => self_assign(&mut state(), &parsed(body)?, now),
        "clock-in" => Ok(clock_in(&mut state(), &parsed(body)?, now)),
        "set-integration-form" => {
            let form: SetIntegrationForm = parsed(body)?;
            state().integration.fields = form.fields;
            Ok(Value::Null)
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
            let fresh = State::new(&read(&tenant.seed), now);
            sim.replace(tenant, fresh);
            Ok(Value::Null)
        }
        "load" => {
            let seed = parsed(body)?;
            let fresh = State::new(&seed, now);
            *write_lock(&tenant.seed) = seed;
            sim.replace(tenant, fresh);
            Ok(Value::Null)
        }
        "import-log" => {
            let mut state = state();
            state.catch_up(now);
            let runs: Vec<Value> = state.imports.iter().map(|run| json!({"at": stamp(run.at), "asked": run.asked})).collect();
            Ok(json!({"runs": runs, "read_at": stamp(state.integration.read_at)}))
        }
        _ => Err(format!("no control named {name}; there are {}", NAMES.join(", "))),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, String> {
    serde_json::from_value(body).map_err(|error| format!("the body does not fit: {error}"))
}

/// Stores an edit that did not come through the public interface.
fn edited(state: &mut State, mut row: Customer, now: DateTime<Utc>) -> Value {
    row.row_version = state.fresh_version();
    row.modified = now;
    let answer = json!({"id": row.id, "row_version": row.row_version});
    state.put_customer(row);
    state.keep();
    answer
}

fn customer(state: &State, id: i64) -> Result<Customer, String> {
    state.customers.row(id).cloned().ok_or_else(|| format!("no customer {id}"))
}

fn known_users(state: &State, ids: &[i64]) -> Result<(), String> {
    ids.iter().find(|id| state.users.row(**id).is_none()).map_or(Ok(()), |id| Err(format!("no user {id}")))
}

fn set_customer(state: &mut State, wanted: SetCustomer, now: DateTime<Utc>) -> Result<Value, String> {
    let id = wanted.id.or_else(|| state.codes.get(wanted.code.as_ref()?).copied()).ok_or("name the customer by id or code")?;
    let mut row = customer(state, id)?;
    if let Some(users) = wanted.assigned_users {
        known_users(state, &users)?;
        row.assigned_users = distinct(users);
    }
    if let Some(code) = wanted.new_code {
        if state.codes.get(&code).is_some_and(|owner| *owner != id) {
            return Err(format!("another customer has the code {code}"));
        }
        row.code = code;
    }
    row.name = wanted.name.unwrap_or(row.name);
    row.active = wanted.active.unwrap_or(row.active);
    row.custom_fields = wanted.custom_fields.unwrap_or(row.custom_fields);
    Ok(edited(state, row, now))
}

/// One is kept, the other vanishes with its code and visit frequencies (SK-20).
fn merge(state: &mut State, wanted: &Merge, now: DateTime<Utc>) -> Result<Value, String> {
    let kept = customer(state, wanted.keep)?;
    if wanted.keep == wanted.lose {
        return Err("a customer cannot be merged with itself".into());
    }
    state.remove_customer(wanted.lose).ok_or_else(|| format!("no customer {}", wanted.lose))?;
    let orphans: Vec<i64> = state.frequencies.iter().filter(|row| row.customer_id == wanted.lose).map(|row| row.id).collect();
    for id in orphans {
        state.remove_frequency(id);
    }
    Ok(edited(state, kept, now))
}

fn set_user(state: &mut State, wanted: SetUser) -> Result<Value, String> {
    let id = match (wanted.id, &wanted.user_name) {
        (Some(id), _) => id,
        (None, Some(name)) => state.user_named(name).ok_or_else(|| format!("no user named {name}"))?,
        (None, None) => return Err("name the user by id or user_name".into()),
    };
    let before = state.users.row(id).cloned();
    let user = match before {
        Some(user) => User {
            user_name: wanted.user_name.unwrap_or(user.user_name),
            display_name: wanted.display_name.unwrap_or(user.display_name),
            email: wanted.email.unwrap_or(user.email),
            active: wanted.active.unwrap_or(user.active),
            verified: wanted.verified.unwrap_or(user.verified),
            ..user
        },
        // A new user needs what the product asks for (SK-19).
        None => User {
            id,
            user_name: wanted.user_name.ok_or("a new user needs a user_name")?,
            display_name: wanted.display_name.ok_or("a new user needs a display_name")?,
            email: wanted.email.ok_or("a new user needs an email")?,
            active: wanted.active.unwrap_or(true),
            verified: wanted.verified.unwrap_or(false),
            access: None,
        },
    };
    // Deactivating a user moves nothing (SK-16).
    state.users.put(user);
    Ok(json!({"id": id}))
}

fn self_assign(state: &mut State, wanted: &SelfAssign, now: DateTime<Utc>) -> Result<Value, String> {
    known_users(state, &[wanted.user_id])?;
    let mut row = customer(state, wanted.customer_id)?;
    if row.assigned_users.contains(&wanted.user_id) {
        return Err("the user is assigned already".into());
    }
    row.assigned_users.push(wanted.user_id);
    state.self_assigned.push(SelfAssignment { customer_id: wanted.customer_id, user_id: wanted.user_id });
    Ok(edited(state, row, now))
}

/// What a user assigned to themselves is undone when they start the next day (SK-17).
fn clock_in(state: &mut State, wanted: &ClockIn, now: DateTime<Utc>) -> Value {
    let (mine, others) = std::mem::take(&mut state.self_assigned).into_iter().partition(|entry| entry.user_id == wanted.user_id);
    state.self_assigned = others;
    let mine: Vec<SelfAssignment> = mine;
    let mut undone = 0;
    for entry in mine {
        let Ok(mut row) = customer(state, entry.customer_id) else { continue };
        if row.assigned_users.contains(&entry.user_id) {
            row.assigned_users.retain(|id| *id != entry.user_id);
            edited(state, row, now);
            undone += 1;
        }
    }
    json!({"undone": undone})
}
