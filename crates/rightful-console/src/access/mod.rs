//! Signing in: passwords, one-time links, who is signed in, and how often one may try.

mod attempts;
mod links;
mod password;
mod who;

pub use attempts::Attempts;
pub use links::{LINK_HOURS, first_link, link, new_secret, secret_digest};
pub use password::{SHORTEST, dummy_check, hashed, matches};
pub use who::{Backend, SESSION_HOURS, SignedIn, Who};
