//! The program as people run it, from end to end: a child process with a configuration file, against simulators on real sockets.
#![cfg(all(feature = "skynamo", feature = "sage-intacct", feature = "sandbox"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(all(feature = "salesforce", feature = "salesscreen"))]
mod credits;
#[cfg(all(feature = "salesforce", feature = "salesscreen"))]
mod crm;
mod demo;
#[cfg(unix)]
mod disk;
mod faults;
mod inputs;
mod json;
mod keep;
mod kills;
#[cfg(feature = "serve")]
mod locked;
mod pages;
mod sandbox;
#[cfg(feature = "serve")]
mod serve_kills;
#[cfg(feature = "serve")]
mod served;
#[cfg(feature = "serve")]
mod served_secrets;
mod stage;
