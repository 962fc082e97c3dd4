//! The toy connector keeps the connector contract.

use crate::toy;

rightful_testkit::contract!(toy::TOY, fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/toy"), simulator = toy::simulator);
