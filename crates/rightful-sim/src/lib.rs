//! What the vendor simulators stand on: an HTTP host on a real socket, fault plans, a simulated clock and inspection under `/_sim/`.
//!
//! A simulator is a stateful stand-in written from the vendor's documentation: what the vendor refuses, it refuses. It implements
//! [`Simulator`]; everything that is not the vendor's (sockets, faults, clock, inspection) is the host's.
//!
//! | Below `/_sim/` | GET | POST or PUT |
//! | --- | --- | --- |
//! | (nothing) | vendor, base path, topics, every fault with one sentence | |
//! | `dump` | the simulator's whole state without secrets | |
//! | `requests` | counts: all, by status, by route, the most at once | |
//! | `log` | the last thousand requests: number, verb, path, status | |
//! | `faults` | the plan that stands, as text | a new [`FaultPlan`] as text (DELETE: none) |
//! | `clock` | `{"now": "..."}` | `{"now": "2026-01-31T09:00:00Z"}`, `{"advance_seconds": 60}` or `{"wall": true}` |
//! | `control/NAME` | | a control of the vendor's own, with a JSON body |

mod clock;
mod exchange;
mod fault;
mod host;
mod stand_in;
pub mod world;

pub use clock::*;
pub use exchange::*;
pub use fault::*;
pub use host::*;
pub use stand_in::*;

pub use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
