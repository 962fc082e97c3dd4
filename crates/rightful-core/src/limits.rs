//! Bounds on what a vendor can make us hold: body size and nesting depth.

/// The largest answer read unless a call says otherwise: 64 MiB after decompression.
pub const BODY_CAP: usize = 64 * 1024 * 1024;

/// The deepest nesting any parser of ours follows.
pub const NESTING_CAP: usize = 64;
