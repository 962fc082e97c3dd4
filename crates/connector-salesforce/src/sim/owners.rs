//! Who may own a record, and whose records may be changed:
//! <https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_objects_fequently_occurring_fields.htm>.

use super::answers::Failure;
use super::ids;
use super::state::State;
use super::switches::WrongOwner;
use super::table::Row;

/// The id to be stored for a new owner.
pub(super) fn checked(state: &State, object: usize, given: &str) -> Result<String, Failure> {
    let malformed = || Failure::bad("MALFORMED_ID", format!("Owner ID: id value of incorrect type: {given}")).on("OwnerId");
    let unknown = || Failure::bad("INVALID_CROSS_REFERENCE_KEY", "Owner ID: owner cannot be found").on("OwnerId");
    let wrong_kind = || match state.switches.wrong_owner {
        WrongOwner::FieldIntegrity => {
            Failure::bad("FIELD_INTEGRITY_EXCEPTION", format!("Owner ID: id value of incorrect type: {given}")).on("OwnerId")
        }
        WrongOwner::CrossReference => unknown(),
    };
    let id = ids::normalised(given).ok_or_else(malformed)?;
    let defined = &state.schema.objects[object];
    let kind = state.schema.of_id(&id).map(|place| state.schema.objects[place].name.as_str());
    match kind {
        Some("User") => user(state, &defined.name, &id, unknown)?,
        Some("Group") if defined.takes_queues() => queue(state, &defined.name, &id, unknown, wrong_kind)?,
        _ => return Err(wrong_kind()),
    }
    Ok(id)
}

fn user(state: &State, object: &str, id: &str, unknown: impl Fn() -> Failure) -> Result<(), Failure> {
    let (users, row) = state.find(id).ok_or_else(unknown)?;
    if *state.cell(users, row, "IsActive") == false && !state.switches.inactive_owners {
        return Err(inactive(object, id));
    }
    if state.text(users, row, "UserType") != "Standard" {
        let message = format!("Owner ID: user {id} of this type cannot own records of this kind");
        return Err(Failure::bad("OP_WITH_INVALID_USER_TYPE_EXCEPTION", message).on("OwnerId"));
    }
    if state.blind_users.contains(id) {
        let message = "The new owner must have read permission on the object";
        return Err(Failure::bad("TRANSFER_REQUIRES_READ", message).on("OwnerId"));
    }
    Ok(())
}

/// A queue serves the objects that its `QueueSobject` rows name.
fn queue(state: &State, object: &str, id: &str, unknown: impl Fn() -> Failure, wrong: impl Fn() -> Failure) -> Result<(), Failure> {
    let (groups, row) = state.find(id).ok_or_else(unknown)?;
    let Some(served) = state.schema.place("QueueSobject") else { return Err(wrong()) };
    let serves = |row: &&Row| {
        state.text(served, row, "QueueId") == id && (state.text(served, row, "SobjectType") == object || object.ends_with("__c"))
    };
    // Custom objects are served by every queue here: the catalogue of `SobjectType` has none of them.
    let fits = object.ends_with("__c") || state.tables[served].iter().any(|row| serves(&row));
    if state.text(groups, row, "Type") != "Queue" || !fits {
        return Err(wrong());
    }
    Ok(())
}

fn inactive(object: &str, id: &str) -> Failure {
    let message = format!("operation performed with inactive user [{}] as owner of {}", &id[..15], object.to_lowercase());
    Failure::bad("INACTIVE_OWNER_OR_USER", message).on("OwnerId")
}

/// May a record be changed, where its owner becomes this one or stays?
pub(super) fn may_touch(state: &State, object: usize, row: &Row, new_owner: Option<&str>) -> Result<(), Failure> {
    let name = &state.schema.objects[object].name;
    if state.locked.contains(row.id()) {
        return Err(Failure::bad("ENTITY_IS_LOCKED", "the entity is locked for editing"));
    }
    if *state.cell(object, row, "IsConverted") == true {
        return Err(Failure::bad("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"));
    }
    let owner = state.text(object, row, "OwnerId");
    let keeps = new_owner.is_none_or(|new| new == owner);
    if keeps && state.switches.inactive_owner_locks && !state.switches.inactive_owners {
        let asleep = state.find(owner).is_some_and(|(users, user)| *state.cell(users, user, "IsActive") == false);
        if asleep {
            return Err(inactive(name, owner));
        }
    }
    Ok(())
}
