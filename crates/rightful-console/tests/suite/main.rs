//! The console driven as a browser drives it, over SQLite and scripted vendors.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod api;
mod audit;
mod connections;
#[allow(dead_code, reason = "the engine's suite uses more of it")]
#[path = "../../../rightful-engine/tests/suite/desk.rs"]
mod desk;
mod members;
mod operator;
mod people;
mod sessions;
mod stage;
mod stand;
mod tokens;
mod works;
#[allow(dead_code, reason = "the engine's suite uses more of it")]
#[path = "../../../rightful-engine/tests/suite/world.rs"]
mod world;
