//! Keeps what the engine must remember in an embedded SQLite database.
