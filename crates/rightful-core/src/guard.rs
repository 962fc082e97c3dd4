//! Refuses what a connection does not declare, before any request.
