//! Writes to single records, by whichever call they come.

use chrono::SubsecRound;
use serde_json::{Map, Value, json};

use super::answers::Failure;
use super::ask::Ask;
use super::cells;
use super::ids;
use super::owners;
use super::soql::stamp;
use super::state::State;
use super::switches::Fault;
use super::table::Row;

/// How long a late row stays unseen.
const LATE: chrono::Duration = chrono::Duration::seconds(300);

/// Fields that the platform makes from others.
pub(super) fn settle_row(state: &State, object: usize, row: &mut Row) {
    let defined = &state.schema.objects[object];
    let text = |row: &Row, name: &str| defined.place(name).and_then(|place| row.cell(place).as_str()).map(str::to_owned);
    let mut made: Vec<(&str, Value)> = Vec::new();
    if defined.field("LastName").is_some() {
        let parts = [text(row, "FirstName"), text(row, "LastName")];
        made.push(("Name", json!(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))));
    }
    match defined.name.as_str() {
        "Opportunity" => {
            let stage = text(row, "StageName").unwrap_or_default();
            made.push(("IsClosed", stage.starts_with("Closed").into()));
            made.push(("IsWon", (stage == "Closed Won").into()));
        }
        "Case" => {
            made.push(("IsClosed", (text(row, "Status").as_deref() == Some("Closed")).into()));
            if text(row, "CaseNumber").is_none() {
                made.push(("CaseNumber", json!(format!("{:08}", state.tables[object].len() + 1_001))));
            }
        }
        "Task" => made.push(("IsClosed", (text(row, "Status").as_deref() == Some("Completed")).into())),
        "User" if text(row, "UserType").is_none() => made.push(("UserType", "Standard".into())),
        _ => {}
    }
    for (name, value) in made {
        if let Some(place) = defined.place(name) {
            row.set(place, value);
        }
    }
}

/// What a write has in common, whatever it does.
fn begin(state: &mut State, ask: &Ask, position: usize, id: &str) -> Result<(), Failure> {
    state.record_writes += 1;
    let locked = ask.fault == Some(Fault::LockedRow)
        || state.switches.lock_every.is_some_and(|every| every > 0 && state.record_writes.is_multiple_of(every));
    if locked {
        let message = format!("unable to obtain exclusive access to this record or 1 records: {id}");
        return Err(Failure::bad("UNABLE_TO_LOCK_ROW", message));
    }
    if ask.fault == Some(Fault::PartialFailure) && position % 2 == 1 {
        return Err(Failure::bad("FIELD_CUSTOM_VALIDATION_EXCEPTION", "A validation rule of this organisation refuses this"));
    }
    Ok(())
}

/// The owner that an assignment rule gives a written record to.
fn assigned(state: &State, ask: &Ask, object: usize) -> Option<String> {
    if !ask.auto_assign || !matches!(state.schema.objects[object].name.as_str(), "Account" | "Lead" | "Case") {
        return None;
    }
    if ask.fault == Some(Fault::StolenOwner) {
        return Some(ask.user.clone());
    }
    state.switches.assignment_rule_owner.as_deref().and_then(ids::normalised)
}

fn finish(state: &mut State, ask: &Ask, object: usize, mut row: Row, new: bool) -> Result<(), Failure> {
    if let (Some(owner), Some(place)) = (assigned(state, ask, object), state.schema.objects[object].place("OwnerId")) {
        row.set(place, owner.into());
    }
    settle_row(state, object, &mut row);
    unique(state, object, &row)?;
    let now = json!(stamp(ask.now.trunc_subsecs(0)));
    let mut audit = vec![("LastModifiedDate", now.clone()), ("LastModifiedById", json!(ask.user)), ("SystemModstamp", now.clone())];
    if new {
        audit.extend([("CreatedDate", now), ("CreatedById", json!(ask.user))]);
    }
    for (name, value) in audit {
        if let Some(place) = state.schema.objects[object].place(name) {
            row.set(place, value);
        }
    }
    let late = (ask.fault == Some(Fault::LateRow)).then(|| ask.now + LATE);
    row.appears(late, state.tables[object].row(row.id()).and_then(|before| before.at(ask.now)));
    row.writes += 1;
    state.put(object, row);
    Ok(())
}

fn unique(state: &State, object: usize, row: &Row) -> Result<(), Failure> {
    let defined = &state.schema.objects[object];
    for (place, field) in defined.fields.iter().enumerate().filter(|(_, field)| field.unique) {
        let Some(text) = row.cell(place).as_str() else { continue };
        let Some(twin) = state.rows_with(object, place, text).into_iter().find(|twin| twin.id() != row.id()) else { continue };
        return Err(if field.name == "Username" {
            Failure::bad(
                "DUPLICATE_USERNAME",
                "Duplicate Username. The username already exists in this or another Salesforce organization.",
            )
            .on("Username")
        } else {
            let message = format!("duplicate value found: {} duplicates value on record with id: {}", field.name, &twin.id()[..15]);
            Failure::bad("DUPLICATE_VALUE", message)
        });
    }
    Ok(())
}

/// Reads the members of a record into a row. What is written, is allowed; an owner is one who may own it.
fn apply(state: &State, object: usize, row: &mut Row, members: &Map<String, Value>, new: bool) -> Result<(), Failure> {
    let defined = &state.schema.objects[object];
    for (name, value) in members.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("attributes")) {
        let hidden = |place: &usize| state.is_hidden(defined, &defined.fields[*place]);
        let Some(place) = defined.place(name).filter(|place| !hidden(place)) else {
            // `"Account": {"External_Id__c": "A-1"}` names what is referred to by an id from outside.
            let link = defined.relationship(name).filter(|_| value.is_object());
            let Some(link) = link else {
                let message = format!("No such column '{name}' on sobject of type {}", defined.name);
                return Err(Failure::bad("INVALID_FIELD", message));
            };
            let id = cells::referred_from_outside(state, &defined.fields[link], value)?;
            row.set(link, id.into());
            continue;
        };
        let field = &defined.fields[place];
        if !(if new { field.createable } else { field.updateable }) {
            let message = format!(
                "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
                field.name
            );
            return Err(Failure::bad("INVALID_FIELD_FOR_INSERT_UPDATE", message).on(&field.name));
        }
        let stored = if field.name == "OwnerId" {
            match value {
                Value::String(owner) if !owner.is_empty() => owners::checked(state, object, owner)?.into(),
                Value::String(_) | Value::Null => {
                    return Err(Failure::bad("INVALID_EMPTY_KEY_OWNER", "Owner ID: owner cannot be blank").on("OwnerId"));
                }
                _ => return Err(Failure::bad("JSON_PARSER_ERROR", "Cannot deserialize OwnerId: it is a text")),
            }
        } else {
            cells::stored(state, field, value)?
        };
        row.set(place, stored);
    }
    let empty = |place: usize| row.cell(place).is_null();
    let missing: Vec<&str> = defined
        .fields
        .iter()
        .enumerate()
        .filter(|(place, field)| field.is_required() && empty(*place))
        .map(|(_, field)| field.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut failure = Failure::bad("REQUIRED_FIELD_MISSING", format!("Required fields are missing: [{}]", missing.join(", ")));
    failure.fields = missing.into_iter().map(str::to_owned).collect();
    Err(failure)
}

/// Creates a record; `position` is its place in its request.
pub(super) fn insert(
    state: &mut State,
    ask: &Ask,
    object: usize,
    members: &Map<String, Value>,
    position: usize,
) -> Result<String, Failure> {
    let name = state.schema.objects[object].name.clone();
    let inserted = insert_row(state, ask, object, members, position);
    count(state, &name, inserted.is_ok());
    inserted
}

fn insert_row(state: &mut State, ask: &Ask, object: usize, members: &Map<String, Value>, position: usize) -> Result<String, Failure> {
    let defined = &state.schema.objects[object];
    if !defined.createable {
        return Err(Failure::bad("INVALID_TYPE_FOR_OPERATION", format!("entity type {} does not support create", defined.name)));
    }
    begin(state, ask, position, "000000000000000")?;
    let mut row = Row::new(String::new());
    let defined = &state.schema.objects[object];
    for (place, field) in defined.fields.iter().enumerate() {
        row.set(place, field.default.clone().unwrap_or_default());
    }
    if let Some(owner) = defined.place("OwnerId") {
        row.set(owner, json!(ask.user));
    }
    apply(state, object, &mut row, members, true)?;
    let id = state.fresh_id(object);
    let mut row = row.under(id.clone());
    if let Some(place) = state.schema.objects[object].place("Id") {
        row.set(place, json!(id));
    }
    finish(state, ask, object, row, true)?;
    Ok(id)
}

/// Finds a record that can be read or written now.
pub(super) fn present<'a>(state: &'a State, ask: &Ask, object: usize, id: &str) -> Result<&'a Row, Failure> {
    let missing = || Failure::new(404, "NOT_FOUND", "The requested resource does not exist");
    let id = ids::normalised(id)
        .ok_or_else(|| Failure::new(404, "NOT_FOUND", format!("Provided external ID field does not exist or is not accessible: {id}")))?;
    let row = state.tables[object].row(&id).and_then(|row| row.at(ask.now)).ok_or_else(missing)?;
    if row.is_deleted() {
        return Err(Failure::new(state.switches.deleted_status, "ENTITY_IS_DELETED", "entity is deleted"));
    }
    Ok(row)
}

/// Changes a record.
pub(super) fn update(
    state: &mut State,
    ask: &Ask,
    object: usize,
    id: &str,
    members: &Map<String, Value>,
    position: usize,
) -> Result<(), Failure> {
    let name = state.schema.objects[object].name.clone();
    let updated = update_row(state, ask, object, id, members, position);
    count(state, &name, updated.is_ok());
    updated
}

fn update_row(state: &mut State, ask: &Ask, object: usize, id: &str, members: &Map<String, Value>, position: usize) -> Result<(), Failure> {
    let mut row = present(state, ask, object, id)?.clone();
    begin(state, ask, position, row.id())?;
    let owner = members.iter().find(|(name, _)| name.eq_ignore_ascii_case("OwnerId")).and_then(|(_, value)| value.as_str());
    let owner = owner.and_then(ids::normalised);
    owners::may_touch(state, object, &row, owner.as_deref())?;
    apply(state, object, &mut row, members, false)?;
    finish(state, ask, object, row, false)
}

/// Puts a record into the recycle bin; objects without one lose it.
pub(super) fn delete(state: &mut State, ask: &Ask, object: usize, id: &str, position: usize) -> Result<(), Failure> {
    let name = state.schema.objects[object].name.clone();
    let deleted = delete_row(state, ask, object, id, position);
    count(state, &name, deleted.is_ok());
    deleted
}

fn delete_row(state: &mut State, ask: &Ask, object: usize, id: &str, position: usize) -> Result<(), Failure> {
    let defined = &state.schema.objects[object];
    if !defined.deletable {
        return Err(Failure::bad("INVALID_TYPE_FOR_OPERATION", format!("entity type {} does not support delete", defined.name)));
    }
    let mut row = present(state, ask, object, id)?.clone();
    begin(state, ask, position, row.id())?;
    if state.locked.contains(row.id()) {
        return Err(Failure::bad("ENTITY_IS_LOCKED", "the entity is locked for editing"));
    }
    bury(state, object, &mut row, ask.now, &ask.user);
    state.put(object, row);
    Ok(())
}

/// Takes a row out of the recycle bin. Whether that moves the stamp is unconfirmed.
pub(super) fn raise(state: &State, object: usize, row: &mut Row, now: chrono::DateTime<chrono::Utc>) {
    let time = json!(stamp(now.trunc_subsecs(0)));
    row.deleted = None;
    for (name, value) in [("IsDeleted", json!(false)), ("LastModifiedDate", time.clone()), ("SystemModstamp", time)] {
        if let Some(place) = state.schema.objects[object].place(name) {
            row.set(place, value);
        }
    }
}

/// Marks a row as deleted.
pub(super) fn bury(state: &State, object: usize, row: &mut Row, now: chrono::DateTime<chrono::Utc>, by: &str) {
    let time = json!(stamp(now.trunc_subsecs(0)));
    row.deleted = Some(now);
    for (name, value) in
        [("IsDeleted", json!(true)), ("LastModifiedDate", time.clone()), ("LastModifiedById", json!(by)), ("SystemModstamp", time)]
    {
        if let Some(place) = state.schema.objects[object].place(name) {
            row.set(place, value);
        }
    }
}

fn count(state: &mut State, object: &str, applied: bool) {
    let counter = state.counters.entry(object.to_owned()).or_default();
    if applied {
        counter.applied += 1;
    } else {
        counter.rejected += 1;
    }
}
