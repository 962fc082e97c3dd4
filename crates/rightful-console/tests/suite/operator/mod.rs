//! The pages of whoever runs things: runs, plans, cases, why.

mod actions;
mod cases;
mod live;
mod owners;
mod plans;
mod runs;
mod why;
