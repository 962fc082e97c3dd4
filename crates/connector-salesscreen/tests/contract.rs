//! SalesScreen's connector keeps the connector contract.

use connector_salesscreen::sim::{Answer, Options, SalesScreenSim, Switches};

/// Removal is there, and answers have a body that can be cut short.
fn simulator() -> std::sync::Arc<SalesScreenSim> {
    let switches = Switches { answer: Answer::Json, remove_path: Some("Record/Remove".into()), ..Switches::default() };
    std::sync::Arc::new(SalesScreenSim::new(Options { switches, ..Options::default() }))
}

rightful_testkit::contract!(connector_salesscreen::DESCRIPTOR, fixtures = "salesscreen", simulator = || simulator());
