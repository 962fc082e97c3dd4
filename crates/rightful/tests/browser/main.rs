//! Walks through the console in a real browser, as its users do.
//!
//! Skipped with a word where Chromium, its driver or axe-core is not there; `RIGHTFUL_REQUIRE_BROWSER=1` makes that a failure.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "../console/client.rs"]
#[allow(dead_code, reason = "the HTTP tests use the rest")]
mod client;
mod driver;
mod people;
mod stage;
mod walks;
