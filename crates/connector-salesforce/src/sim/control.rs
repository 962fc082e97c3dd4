//! What a person would do in the product, and inspection: the part that is not the vendor's interface.

use chrono::{DateTime, Duration, SubsecRound, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::records::{bury, raise, settle_row};
use super::soql::stamp;
use super::state::State;
use super::switches::Switches;
use super::table::Row;
use super::{SalesforceSim, ids, oauth};

const NAMES: &[&str] = &[
    "set-record",
    "delete-record",
    "undelete-record",
    "purge-record",
    "merge-records",
    "touch",
    "lock-record",
    "set-reader",
    "set-app",
    "end-sessions",
    "use-calls",
    "switches",
    "reset",
    "load",
];

/// Objects whose rows are large in number and of no interest to a judge.
const LEFT_OUT: &[&str] = &["BigTable__c", "UserLogin"];

/// Everything the organisation holds, without tokens and keys.
pub(super) fn dump(state: &State) -> Value {
    let mut objects = Map::new();
    for (object, table) in state.schema.objects.iter().zip(&state.tables) {
        if LEFT_OUT.contains(&object.name.as_str()) {
            continue;
        }
        let shown = |row: &Row| {
            let mut members: Map<String, Value> = object
                .fields
                .iter()
                .enumerate()
                .map(|(place, field)| (field.name.clone(), row.cell(place).clone()))
                .filter(|(_, value)| !value.is_null())
                .collect();
            members.insert("_writes".into(), row.writes.into());
            Value::Object(members)
        };
        objects.insert(object.name.clone(), table.iter().map(shown).collect());
    }
    let (used, most) = state.usage();
    json!({"organisation": state.org, "objects": objects, "writes": state.counters, "calls": {"used": used, "most": most},
        "sign_ins": state.sign_ins, "sessions": state.sessions.len(), "grants": state.grants.len(), "locators": state.cursors.len(),
        "jobs": state.jobs.len()})
}

/// Seconds: a year.
const LONGEST_WAIT: i64 = 366 * 24 * 3_600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetRecord {
    /// Its id; or the object for a new one.
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    object: Option<String>,
    fields: Map<String, Value>,
    /// The stamp it gets, where it is not the present one.
    #[serde(default)]
    stamp: Option<DateTime<Utc>>,
    /// It becomes visible that much later.
    #[serde(default)]
    visible_in_seconds: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    keep: String,
    lose: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Touch {
    ids: Vec<String>,
    #[serde(default)]
    stamp: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flagged {
    id: String,
    #[serde(default = "yes")]
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetApp {
    client_id: Option<String>,
    client_secret: Option<String>,
    public_key: Option<String>,
    callbacks: Option<Vec<String>>,
    run_as: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
    access_token: Option<String>,
    is_public: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UseCalls {
    used: u64,
}

fn yes() -> bool {
    true
}

fn parsed<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, String> {
    serde_json::from_value(body).map_err(|error| format!("the body does not fit: {error}"))
}

/// Carries out one control.
pub(super) fn control(sim: &SalesforceSim, name: &str, body: Value, now: DateTime<Utc>) -> Result<Value, String> {
    match name {
        "reset" => {
            sim.begin_anew(None, now);
            return Ok(Value::Null);
        }
        "load" => {
            sim.begin_anew(Some(parsed(body)?), now);
            return Ok(Value::Null);
        }
        _ => {}
    }
    let mut state = sim.state();
    let state = &mut *state;
    let done = match name {
        "set-record" => set_record(state, parsed(body)?, now),
        "delete-record" => {
            let wanted: Named = parsed(body)?;
            let (object, mut row) = record(state, &wanted.id)?;
            bury(state, object, &mut row, now, &ids::numbered("005", 1));
            state.put(object, row);
            Ok(Value::Null)
        }
        "undelete-record" => {
            let wanted: Named = parsed(body)?;
            let (object, mut row) = record(state, &wanted.id)?;
            raise(state, object, &mut row, now);
            state.put(object, row);
            Ok(Value::Null)
        }
        "purge-record" => {
            let wanted: Named = parsed(body)?;
            let (object, row) = record(state, &wanted.id)?;
            state.tables[object].remove(row.id());
            Ok(Value::Null)
        }
        "merge-records" => merge(state, &parsed(body)?, now),
        "touch" => touch(state, parsed(body)?, now),
        "lock-record" => {
            let wanted: Flagged = parsed(body)?;
            let (_, row) = record(state, &wanted.id)?;
            let id = row.id().to_owned();
            if wanted.on {
                state.locked.insert(id)
            } else {
                state.locked.remove(&id)
            };
            Ok(Value::Null)
        }
        "set-reader" => {
            let wanted: Flagged = parsed(body)?;
            let (_, row) = record(state, &wanted.id)?;
            let id = row.id().to_owned();
            if wanted.on {
                state.blind_users.remove(&id)
            } else {
                state.blind_users.insert(id)
            };
            Ok(Value::Null)
        }
        "set-app" => {
            set_app(&mut state.app, parsed(body)?);
            state.begin_grants(now);
            Ok(Value::Null)
        }
        "end-sessions" => {
            let ended = state.sessions.len();
            state.sessions.clear();
            Ok(json!({"ended": ended}))
        }
        "use-calls" => {
            let wanted: UseCalls = parsed(body)?;
            state.set_calls(wanted.used, now);
            Ok(Value::Null)
        }
        "switches" => {
            // Only the switches named move.
            let mut all = json!(state.switches);
            if let (Some(all), Value::Object(given)) = (all.as_object_mut(), body) {
                all.extend(given);
            }
            let switches: Switches = parsed(all)?;
            state.switches = switches.clone();
            Ok(json!(switches))
        }
        _ => Err(format!("no control named {name}; there are {}", NAMES.join(", "))),
    };
    state.keep();
    done
}

fn record(state: &State, id: &str) -> Result<(usize, Row), String> {
    let found = ids::normalised(id).and_then(|id| state.find(&id).map(|(object, row)| (object, row.clone())));
    found.ok_or_else(|| format!("no record {id}"))
}

fn stamped(state: &State, object: usize, row: &mut Row, names: &[&str], time: DateTime<Utc>) {
    for name in names {
        if let Some(place) = state.schema.objects[object].place(name) {
            row.set(place, stamp(time.trunc_subsecs(0)).into());
        }
    }
}

/// Sets any field, also those that programs cannot write.
fn set_record(state: &mut State, wanted: SetRecord, now: DateTime<Utc>) -> Result<Value, String> {
    let time = wanted.stamp.unwrap_or(now);
    let (object, mut row, new) = match (&wanted.id, &wanted.object) {
        (Some(id), _) => {
            let (object, row) = record(state, id)?;
            (object, row, false)
        }
        (None, Some(name)) => {
            let object = state.schema.place(name).ok_or_else(|| format!("no object named {name}"))?;
            (object, Row::new(state.fresh_id(object)), true)
        }
        (None, None) => return Err("name the record by id, or the object of a new one".into()),
    };
    if new {
        let by = json!(ids::numbered("005", 1));
        for (place, field) in state.schema.objects[object].fields.iter().enumerate() {
            let value = match field.name.as_str() {
                "Id" => json!(row.id()),
                "CreatedById" | "LastModifiedById" | "OwnerId" => by.clone(),
                _ => field.default.clone().unwrap_or_default(),
            };
            row.set(place, value);
        }
        stamped(state, object, &mut row, &["CreatedDate"], time);
    }
    for (name, value) in wanted.fields {
        let place = state.schema.objects[object].place(&name).ok_or_else(|| format!("no field named {name}"))?;
        row.set(place, value);
    }
    settle_row(state, object, &mut row);
    stamped(state, object, &mut row, &["LastModifiedDate", "SystemModstamp"], time);
    let late = wanted.visible_in_seconds.map(|seconds| now + Duration::seconds(seconds.clamp(0, LONGEST_WAIT)));
    row.appears(late, state.tables[object].row(row.id()).and_then(|before| before.at(now)));
    let id = row.id().to_owned();
    state.put(object, row);
    Ok(json!({"id": id}))
}

/// One is kept; the other goes to the recycle bin and names it; what pointed at it points at the one kept.
fn merge(state: &mut State, wanted: &Merge, now: DateTime<Utc>) -> Result<Value, String> {
    let (object, kept) = record(state, &wanted.keep)?;
    let (other, mut lost) = record(state, &wanted.lose)?;
    if object != other || kept.id() == lost.id() {
        return Err("two records of one object can be merged".into());
    }
    let name = state.schema.objects[object].name.clone();
    let by = ids::numbered("005", 1);
    let mut moved = Vec::new();
    for (place, child) in state.schema.objects.iter().enumerate() {
        for (field, _) in child.fields.iter().enumerate().filter(|(_, field)| field.children.is_some() && field.refers_to.contains(&name)) {
            for row in state.tables[place].iter().filter(|row| row.cell(field).as_str() == Some(lost.id())) {
                let mut row = row.clone();
                row.set(field, kept.id().into());
                moved.push((place, row));
            }
        }
    }
    for (place, mut row) in moved {
        stamped(state, place, &mut row, &["LastModifiedDate", "SystemModstamp"], now);
        state.put(place, row);
    }
    bury(state, object, &mut lost, now, &by);
    if let Some(place) = state.schema.objects[object].place("MasterRecordId") {
        lost.set(place, kept.id().into());
    }
    state.put(object, lost);
    let mut kept = kept;
    stamped(state, object, &mut kept, &["LastModifiedDate", "SystemModstamp"], now);
    state.put(object, kept);
    Ok(Value::Null)
}

/// Gives records one stamp, as a mass update does.
fn touch(state: &mut State, wanted: Touch, now: DateTime<Utc>) -> Result<Value, String> {
    for id in &wanted.ids {
        let (object, mut row) = record(state, id)?;
        stamped(state, object, &mut row, &["LastModifiedDate", "SystemModstamp"], wanted.stamp.unwrap_or(now));
        state.put(object, row);
    }
    Ok(json!({"touched": wanted.ids.len()}))
}

fn set_app(app: &mut oauth::App, wanted: SetApp) {
    app.client_id = wanted.client_id.unwrap_or_else(|| app.client_id.clone());
    app.client_secret = wanted.client_secret.unwrap_or_else(|| app.client_secret.clone());
    app.run_as = wanted.run_as.unwrap_or_else(|| app.run_as.clone());
    app.callbacks = wanted.callbacks.unwrap_or_else(|| app.callbacks.clone());
    app.is_public = wanted.is_public.unwrap_or(app.is_public);
    app.public_key = wanted.public_key.or_else(|| app.public_key.clone());
    app.password = wanted.password.or_else(|| app.password.clone());
    app.refresh_token = wanted.refresh_token.or_else(|| app.refresh_token.clone());
    app.access_token = wanted.access_token.or_else(|| app.access_token.clone());
}
