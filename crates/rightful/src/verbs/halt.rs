//! Lets a test stop a run at a named point and kill it there: `RIGHTFUL_HALT_AT=after-intend:2` waits at the second time it is met.
//!
//! Only in builds with the feature `sandbox`; elsewhere the variable means nothing.

use rightful_engine::Failpoint;

/// The point named in the environment.
#[cfg(not(feature = "sandbox"))]
pub fn failpoint() -> Option<Failpoint> {
    None
}

/// The point named in the environment.
#[cfg(feature = "sandbox")]
pub fn failpoint() -> Option<Failpoint> {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    let wanted = std::env::var("RIGHTFUL_HALT_AT").ok()?;
    let (point, times) = wanted.split_once(':').map_or((wanted.as_str(), "1"), |(point, times)| (point, times));
    let (point, times) = (point.to_owned(), times.parse::<u64>().unwrap_or(1));
    let met = AtomicU64::new(0);
    Some(Arc::new(move |name| {
        if name == point && met.fetch_add(1, Ordering::Relaxed) + 1 == times {
            crate::output::note(&format!("halted at {name}"));
            // Until it is killed: nothing after this point may happen.
            loop {
                std::thread::park();
            }
        }
    }))
}
