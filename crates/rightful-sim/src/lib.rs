//! What the vendor simulators stand on: an HTTP host on a real socket, fault plans, a simulated clock and inspection under `/_sim/`.
//!
//! A simulator is a stateful stand-in written from the vendor's documentation: what the vendor refuses, it refuses. It implements
//! [`Simulator`]; everything that is not the vendor's (sockets, faults, clock, inspection) is the host's.

mod clock;
mod exchange;
mod fault;
mod host;

pub use clock::*;
pub use exchange::*;
pub use fault::*;
pub use host::*;

pub use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
