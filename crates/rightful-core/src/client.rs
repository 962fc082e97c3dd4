//! The one loop every call goes through.
