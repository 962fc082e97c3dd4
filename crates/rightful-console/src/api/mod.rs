//! What programs ask: health, metrics, and the operations of the pages as JSON.

pub mod health;

/// Is a path for programs rather than for people?
pub fn is_for_programs(path: &str) -> bool {
    ["/api/", "/metrics", "/healthz", "/readyz"].iter().any(|prefix| path.starts_with(prefix))
}
