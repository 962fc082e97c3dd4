//! The testkit held against a made-up vendor: what is right passes, each thing that is wrong is caught.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broken_contracts;
mod contract;
mod replay;
mod toy;
