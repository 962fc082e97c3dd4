//! The job from end to end, its properties and the store's port, over the store in memory. The store's crate runs the same files over SQLite.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod activity;
mod conformance;
mod desk;
mod histories;
mod owners;
mod pages;
mod pipeline;
mod preview;
mod properties;
mod scale;
mod schedules;
mod stand;
mod taken_back;
mod world;
