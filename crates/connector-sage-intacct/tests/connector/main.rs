//! The connector against the simulator in one process: what it reads, what it writes, and how it signs in.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod desk;
mod reading;
mod signing_in;
mod writing;
