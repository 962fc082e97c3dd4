//! The contract every connector keeps, and the tools it keeps it with: nouns, errors, HTTP and time.
//!
//! This crate knows no vendor, no database and no planner. A connector depends on it alone.

mod addresses;
mod authorize;
mod call;
mod client;
mod clock;
mod connector;
mod context;
mod descriptor;
mod error;
mod exchange;
mod figure;
mod gate;
mod guard;
mod hosts;
mod kind;
mod latch;
mod limits;
mod names;
mod nearest;
mod oauth;
mod people_file;
mod permits;
mod record;
mod redact;
#[cfg(feature = "reqwest")]
mod reqwest_transport;
mod retry;
mod scan;
mod scripted;
mod secret;
mod session;
mod settings;
mod slot;
mod status;
mod transport;
mod value;
mod web_sign_in;
mod write;

pub use addresses::*;
pub use authorize::*;
pub use call::*;
pub use client::*;
pub use clock::*;
pub use connector::*;
pub use context::*;
pub use descriptor::*;
pub use error::*;
pub use exchange::*;
pub use figure::*;
pub use gate::*;
pub use guard::*;
pub use hosts::*;
pub use kind::*;
pub use latch::fingerprint;
pub use limits::*;
pub use names::*;
pub use nearest::*;
pub use oauth::*;
pub use people_file::*;
pub use permits::*;
pub use record::*;
#[cfg(feature = "reqwest")]
pub use reqwest_transport::*;
pub use retry::*;
pub use scan::*;
pub use scripted::*;
pub use secret::*;
pub use session::*;
pub use settings::*;
pub use slot::*;
pub use status::*;
pub use transport::*;
pub use value::*;
pub use web_sign_in::*;
pub use write::*;

pub use async_trait::async_trait;
pub use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
pub use url::Url;
