//! The pages and the JSON API through which people watch integrations and decide who owns what. Knows no vendor, no SQL and no HTTP client.
//!
//! [`Console`] is what the pages stand on, [`router`] serves it. What a deployment is made of comes in through [`Deployment`].

#![allow(clippy::result_large_err, reason = "a problem ends a request: what it costs to hand on is nothing beside the answer")]

mod access;
mod api;
mod assets;
mod console;
mod deployment;
mod fields;
mod guard;
mod headers;
mod listen;
mod operations;
mod pages;
mod problem;
mod requests;
mod routes;
mod sessions;
mod told;

pub use access::{LINK_HOURS, SESSION_HOURS, first_link, hashed};
pub use console::{Console, ConsoleStore};
pub use deployment::{Deployed, DeployedConnection, Deployment, Endpoint, Origin};
pub use listen::serve;
pub use requests::Served;
pub use routes::{Needs, ROUTES, Route, router};
