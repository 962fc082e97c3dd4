//! Real processes on one database: killed anywhere, one after the other or side by side.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod child;
mod kills;
mod stand;
#[path = "../../../rightful-engine/tests/suite/world.rs"]
#[allow(dead_code, reason = "the children use a part of the world")]
mod world;
