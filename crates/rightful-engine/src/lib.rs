//! Decides who owns what, and carries it out, without knowing any vendor, protocol, database or clock.
//!
//! `decide`-side modules are pure; `job` runs them over the ports `Connector`, [`Store`] and [`Steps`].

mod access;
mod audit;
mod cap;
mod carried;
mod case;
mod codes;
mod connections;
mod decide;
mod explain;
mod ids;
mod job;
mod ledger;
pub mod memory;
mod pair;
mod people;
mod plan;
mod policy;
mod resolve;
mod review;
mod run;
mod schedule;
mod steps;
mod store;
pub mod table_file;
mod typed;
mod undo;
mod watch;

pub use access::*;
pub use audit::*;
pub use cap::*;
pub use carried::*;
pub use case::*;
pub use codes::*;
pub use connections::*;
pub use decide::*;
pub use explain::*;
pub use ids::*;
pub use job::*;
pub use ledger::*;
pub use pair::*;
pub use people::*;
pub use plan::*;
pub use policy::*;
pub use resolve::*;
pub use review::*;
pub use run::*;
pub use schedule::*;
pub use steps::*;
pub use store::*;
pub use typed::*;
pub use undo::*;
pub use watch::*;
