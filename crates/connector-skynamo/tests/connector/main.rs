//! The connector against the simulator in one process: what it reads, what it writes, and what it makes of every mishap.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod desk;
mod reading;
mod writing;
