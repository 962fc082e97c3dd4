//! The pages of the operator, driven as a browser drives them, over SQLite and scripted vendors.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod actions;
mod cases;
mod live;
mod plans;
mod runs;
mod stage;
#[path = "../suite/stand.rs"]
mod stand;
mod why;
mod works;
#[allow(dead_code, reason = "the engine's suite uses more of it")]
#[path = "../../../rightful-engine/tests/suite/world.rs"]
mod world;
