//! Connects Sage Intacct through its XML web services.

#[cfg(feature = "sim")]
pub mod sim;
