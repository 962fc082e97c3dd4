//! Walks through the console in a real browser, as its users do.

mod driver;
mod stage;
