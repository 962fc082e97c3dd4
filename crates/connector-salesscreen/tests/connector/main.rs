//! The connector against its simulator: what it sends, how fast, and what it says of what became of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod desk;
mod limits;
mod writing;
