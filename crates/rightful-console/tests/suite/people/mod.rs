//! People and activities: who gets an account, who is who, what waits, and what is switched.

mod accounts;
mod api;
mod holds;
mod links;
mod office;
mod rights;
mod switches;
mod users;
