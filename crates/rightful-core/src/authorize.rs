//! How calls prove who we are.
