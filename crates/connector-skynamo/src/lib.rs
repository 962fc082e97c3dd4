//! Connects Skynamo (field sales) through its Public API.
