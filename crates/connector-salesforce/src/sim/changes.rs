//! Which records were changed or deleted within a window:
//! <https://developer.salesforce.com/docs/platform/api-rest/guide/resources-getupdated.md>.

use chrono::{DateTime, Duration, DurationRound, Utc};
use rightful_sim::SimResponse;
use serde_json::{Value, json};

use super::answers::Failure;
use super::ask::Ask;
use super::cells;
use super::soql::stamp;
use super::state::State;

const UPDATED_BACK: Duration = Duration::days(30);
const DELETED_BACK: Duration = Duration::days(15);
/// Ids in one answer.
const MOST: usize = 600_000;

/// Start and end of the window; seconds do not count.
fn window(state: &State, ask: &Ask, back: Duration) -> Result<(DateTime<Utc>, DateTime<Utc>), Failure> {
    let time = |name: &str| {
        let text = ask.parameter(name).ok_or_else(|| Failure::bad("MISSING_ARGUMENT", format!("{name} is missing")))?;
        let time = cells::time(text).ok_or_else(|| Failure::bad("INVALID_REPLICATION_DATE", format!("{name} is no date: {text}")))?;
        Ok(time.duration_trunc(Duration::minutes(1)).unwrap_or(time))
    };
    let (start, end) = (time("start")?, time("end")?);
    let wrong = |message: &str| Err(Failure::bad("INVALID_REPLICATION_DATE", message));
    if end < start {
        return wrong("endDate before startDate");
    }
    if state.switches.window_of_a_minute && end - start < Duration::minutes(1) {
        return wrong("startDate and endDate must be at least a minute apart");
    }
    if ask.now - start > back {
        return wrong("startDate before org replication enabled date");
    }
    Ok((start, end))
}

fn covered(ask: &Ask, end: DateTime<Utc>) -> Value {
    stamp(end.min(ask.now.duration_trunc(Duration::minutes(1)).unwrap_or(ask.now))).into()
}

fn unsupported(state: &State, object: usize) -> Failure {
    let name = &state.schema.objects[object].name;
    Failure::bad("INVALID_TYPE_FOR_OPERATION", format!("entity type {name} does not support replication"))
}

/// `updated`.
pub(super) fn updated(state: &State, ask: &Ask, object: usize) -> Result<SimResponse, Failure> {
    let defined = &state.schema.objects[object];
    if !defined.replicateable && defined.name != "User" {
        return Err(unsupported(state, object));
    }
    let (start, end) = window(state, ask, UPDATED_BACK)?;
    let (first, last) = (stamp(start), stamp(end));
    let place = defined.place("SystemModstamp");
    let within = |text: &str| text >= first.as_str() && text < last.as_str();
    let ids: Vec<&str> = state.tables[object]
        .iter()
        .filter_map(|row| row.at(ask.now))
        .filter(|row| !row.is_deleted())
        .filter(|row| place.and_then(|place| row.cell(place).as_str()).is_some_and(within))
        .map(super::table::Row::id)
        .collect();
    if ids.len() > MOST {
        return Err(Failure::bad("EXCEEDED_ID_LIMIT", "The window holds too many records: narrow it"));
    }
    Ok(SimResponse::json(200, &json!({"ids": ids, "latestDateCovered": covered(ask, end)})))
}

/// `deleted`.
pub(super) fn deleted(state: &State, ask: &Ask, object: usize) -> Result<SimResponse, Failure> {
    if !state.schema.objects[object].replicateable {
        return Err(unsupported(state, object));
    }
    let (start, end) = window(state, ask, DELETED_BACK)?;
    let gone: Vec<Value> = state.tables[object]
        .iter()
        .filter_map(|row| row.at(ask.now))
        .filter_map(|row| Some((row.id(), row.deleted?)))
        .filter(|(_, at)| *at >= start && *at < end)
        .map(|(id, at)| json!({"id": id, "deletedDate": stamp(at)}))
        .collect();
    if gone.len() > MOST {
        return Err(Failure::bad("EXCEEDED_ID_LIMIT", "The window holds too many records: narrow it"));
    }
    let answer =
        json!({"deletedRecords": gone, "earliestDateAvailable": stamp(ask.now - DELETED_BACK), "latestDateCovered": covered(ask, end)});
    Ok(SimResponse::json(200, &answer))
}
