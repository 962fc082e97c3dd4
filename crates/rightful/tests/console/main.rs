//! Holds the console to its promises over HTTP, as a client that means harm would ask: who may do what, and what never works.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod access;
mod attacks;
mod client;
#[path = "../browser/stage.rs"]
#[allow(dead_code, reason = "the browser tests use the rest")]
mod stage;
