//! What pages and API do alike: each decision and its line in the audit log in one place.

pub mod plans;
pub mod runs;
