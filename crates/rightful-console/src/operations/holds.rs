//! Holds of one integration: as many as can be looked at, and letting one go.

use rightful_engine::{Authorship, Hold, HoldId};

use crate::Console;
use crate::problem::Problem;

/// Holds that are looked at, at most.
pub const LOOKED_AT: usize = 10_000;

/// The oldest holds of an integration.
///
/// # Errors
/// As the store.
pub async fn oldest(console: &Console, integration: &str) -> rightful_core::Result<Vec<Hold>> {
    console.store.holds(Some(integration), None, LOOKED_AT).await
}

/// Drops a hold of this integration.
///
/// # Errors
/// Not found where it has no such hold, or no longer has it.
pub async fn drop_one(console: &Console, integration: &str, hold: &str, by: &Authorship) -> Result<Hold, Problem> {
    let missing = || Problem::not_found("such hold");
    let id: HoldId = hold.parse().map_err(|_| missing())?;
    let found = console.store.holds(Some(integration), Some(HoldId(id.0 - 1)), 1).await?;
    let found = found.into_iter().find(|hold| hold.id == id).ok_or_else(missing)?;
    if console.store.drop_hold(id, by).await? { Ok(found) } else { Err(missing()) }
}

/// What dropping a hold comes to.
pub fn dropped_told(hold: &Hold) -> String {
    let name = &hold.hold.name;
    match &hold.hold.carry {
        Some(_) => format!("{} ({name}) was dropped: this state is not sent any more, a later change of the record is.", hold.id),
        None => format!("{} ({name}) was dropped. The next plan brings it back if it is still wanted.", hold.id),
    }
}
