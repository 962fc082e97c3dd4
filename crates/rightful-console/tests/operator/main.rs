//! The pages of the operator, driven as a browser drives them, over SQLite and scripted vendors.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod actions;
mod cases;
mod live;
mod plans;
mod runs;
#[allow(dead_code, reason = "the tests of other pages use more of it")]
mod stage;
#[allow(dead_code, reason = "the tests of other pages use more of it")]
#[path = "../suite/stand.rs"]
mod stand;
mod why;
mod works;
#[allow(dead_code, reason = "the engine's suite uses more of it")]
#[path = "../../../rightful-engine/tests/suite/world.rs"]
mod world;
