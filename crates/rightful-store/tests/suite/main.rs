//! The engine's suite over SQLite: the same files, another stand.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "../../../rightful-engine/tests/suite/activity.rs"]
mod activity;
#[path = "../../../rightful-engine/tests/suite/conformance/mod.rs"]
mod conformance;
#[path = "../../../rightful-engine/tests/suite/desk.rs"]
mod desk;
#[path = "../../../rightful-engine/tests/suite/histories.rs"]
mod histories;
#[path = "../../../rightful-engine/tests/suite/owners.rs"]
mod owners;
#[path = "../../../rightful-engine/tests/suite/pages.rs"]
mod pages;
#[path = "../../../rightful-engine/tests/suite/pipeline.rs"]
mod pipeline;
#[path = "../../../rightful-engine/tests/suite/preview.rs"]
mod preview;
#[path = "../../../rightful-engine/tests/suite/properties.rs"]
mod properties;
#[path = "../../../rightful-engine/tests/suite/scale.rs"]
mod scale;
#[path = "../../../rightful-engine/tests/suite/schedules.rs"]
mod schedules;
mod serving;
mod stand;
#[path = "../../../rightful-engine/tests/suite/taken_back.rs"]
mod taken_back;
#[path = "../../../rightful-engine/tests/suite/world.rs"]
mod world;
