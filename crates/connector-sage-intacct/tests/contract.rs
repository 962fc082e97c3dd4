//! Sage Intacct's connector keeps the connector contract.

rightful_testkit::contract!(
    connector_sage_intacct::DESCRIPTOR,
    fixtures = "sage-intacct",
    simulator = || std::sync::Arc::new(connector_sage_intacct::sim::SageIntacctSim::new(connector_sage_intacct::sim::Options::default()))
);
