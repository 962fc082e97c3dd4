//! The numbers both vendors' sides agree on: which customer has which rep, which rep is which user.

/// Rep codes.
pub const CODES: usize = 1_000;

/// Skynamo users.
pub const USERS: usize = 200;

/// The rep of a customer, by its number from 0; `changed` after the second day's changes.
pub fn rep(customer: usize, changed: bool) -> usize {
    (customer + usize::from(changed)) % CODES
}

/// The Skynamo user id a rep stands for.
pub fn user(rep: usize) -> usize {
    rep % USERS + 1
}

/// The rep's code.
pub fn code(rep: usize) -> String {
    format!("E-{rep:04}")
}

/// The customer's id at Sage Intacct and code at Skynamo.
pub fn customer(number: usize) -> String {
    format!("C-{number:07}")
}
