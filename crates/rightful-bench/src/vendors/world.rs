//! The numbers both vendors' sides agree on: which customer has which rep, which rep is which user.

/// How large a world is.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// Customers, the same on both sides.
    pub customers: usize,
    /// Rep codes.
    pub codes: usize,
    /// Skynamo users; one page of them.
    pub users: usize,
}

impl World {
    /// The rep of a customer, by its number from 0; `changed` after the second day's changes.
    pub fn rep(&self, customer: usize, changed: bool) -> usize {
        (customer + usize::from(changed)) % self.codes
    }

    /// The Skynamo user id a rep stands for.
    pub fn user(&self, rep: usize) -> usize {
        rep % self.users + 1
    }
}

/// The rep's code.
pub fn code(rep: usize) -> String {
    format!("E-{rep:04}")
}

/// The user's sign-in name.
pub fn login(user: usize) -> String {
    format!("user{user}")
}

/// The customer's id at Sage Intacct and code at Skynamo.
pub fn customer(number: usize) -> String {
    format!("C-{number:07}")
}
