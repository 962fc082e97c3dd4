//! Salesforce's connector keeps the connector contract.

use connector_salesforce::sim::{Options, SalesforceSim, Switches};

rightful_testkit::contract!(
    connector_salesforce::DESCRIPTOR,
    fixtures = "salesforce",
    // Pages of two records: every read goes through locators.
    simulator = || std::sync::Arc::new(SalesforceSim::new(Options {
        switches: Switches { page_size: 2, ..Switches::default() },
        ..Options::default()
    }))
);
