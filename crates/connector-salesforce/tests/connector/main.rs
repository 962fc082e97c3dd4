//! The connector over a scripted network and over its simulator: what it sends, in which order, and what it makes of the answers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod activities;
mod desk;
mod faults;
mod histories;
mod hostile;
mod injection;
mod reading;
mod settings;
mod signing_in;
mod wire;
mod writing;
