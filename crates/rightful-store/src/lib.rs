//! Keeps what the engine must remember in an embedded SQLite database, behind the engine's `Store` port.

mod access;
mod audit;
mod backup;
mod codec;
mod connections;
mod credits;
mod database;
mod exchanges;
mod gone;
mod holder;
mod images;
mod ledger;
mod people;
mod people_store;
mod plans;
mod review;
mod runs;
mod serve;
mod store;
mod tables;
mod vault;
mod watch;
mod work;

#[cfg(test)]
mod queries;
// The engine's scripted world, for the queries of real runs.
#[cfg(test)]
#[path = "../tests/suite/stand.rs"]
#[allow(clippy::unwrap_used, dead_code, reason = "helpers of tests are tests")]
mod stand;
#[cfg(test)]
#[path = "../../rightful-engine/tests/suite/world.rs"]
#[allow(clippy::unwrap_used, dead_code, reason = "helpers of tests are tests")]
mod world;

// So that the stand finds this crate by its name, here as in the suite.
#[cfg(test)]
extern crate self as rightful_store;

pub use holder::{current_holder, holder_of};
pub use store::SqliteStore;
pub use vault::MasterKey;
