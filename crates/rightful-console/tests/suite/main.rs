//! The console driven as a browser drives it, over SQLite and scripted vendors.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod actions;
mod cases;
mod live;
mod plans;
mod runs;
#[allow(dead_code, reason = "tests of other pages use more of it")]
mod stage;
#[allow(dead_code, reason = "tests of other pages use more of it")]
mod stand;
mod why;
mod works;
#[allow(dead_code, reason = "the engine's suite uses more of it")]
#[path = "../../../rightful-engine/tests/suite/world.rs"]
mod world;
