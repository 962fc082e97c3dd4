//! Decides who owns what, and carries it out, without knowing any vendor, protocol, database or clock.
//!
//! `decide`-side modules are pure; `job` runs them over the ports `Connector`, [`Store`] and [`Steps`].

mod case;
mod codes;
mod ids;
mod job;
mod ledger;
mod plan;
mod policy;
mod run;
mod steps;
mod store;

pub use case::*;
pub use codes::*;
pub use ids::*;
pub use job::*;
pub use ledger::*;
pub use plan::*;
pub use policy::*;
pub use run::*;
pub use steps::*;
pub use store::*;
