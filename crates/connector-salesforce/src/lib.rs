//! Connects Salesforce through its REST API.

#[cfg(feature = "sim")]
pub mod sim;
