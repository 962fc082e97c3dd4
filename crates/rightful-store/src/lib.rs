//! Keeps what the engine must remember in an embedded SQLite database, behind the engine's `Store` port.

mod codec;
mod database;
mod holder;
mod images;
mod ledger;
mod plans;
mod runs;
mod store;
mod tables;
mod work;

pub use holder::{current_holder, holder_of};
pub use store::SqliteStore;
