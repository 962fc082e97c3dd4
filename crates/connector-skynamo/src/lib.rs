//! Connects Skynamo (field sales) through its Public API.

#[cfg(feature = "sim")]
pub mod sim;
