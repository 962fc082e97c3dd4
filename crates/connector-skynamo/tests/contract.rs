//! Skynamo's connector keeps the connector contract.

rightful_testkit::contract!(
    connector_skynamo::DESCRIPTOR,
    fixtures = "skynamo",
    simulator = || std::sync::Arc::new(connector_skynamo::sim::SkynamoSim::new(connector_skynamo::sim::Options::default()))
);
