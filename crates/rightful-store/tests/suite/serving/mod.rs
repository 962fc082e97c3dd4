//! The ports that serving needs, over SQLite, which alone has them.

mod access;
mod audit;
mod people;
mod review;
mod watch;

use rightful_core::Instant;
use rightful_engine::*;
use rightful_store::SqliteStore;

use crate::stand::Stand;

/// A moment of the tests, so many minutes after they began.
fn minute(minutes: i64) -> Instant {
    Instant::from_timestamp(1_800_000_000 + minutes * 60, 0).unwrap()
}

fn author(name: &str, minutes: i64) -> Authorship {
    Authorship { author: name.into(), reason: "it's so".into(), at: minute(minutes) }
}

fn act(action: &str, object: &str) -> Act {
    Act::new(minute(0), "ann", action, object)
}

/// The whole log, oldest first, as actor, action, object and details.
async fn log(store: &SqliteStore) -> Vec<String> {
    let filter = AuditFilter { limit: usize::MAX, ..AuditFilter::default() };
    let mut lines = store.acts(&filter).await.unwrap();
    lines.reverse();
    // The order of a detail's members hangs on how JSON is compiled in.
    let ordered =
        |detail: serde_json::Value| match serde_json::from_value::<std::collections::BTreeMap<String, serde_json::Value>>(detail.clone()) {
            Ok(members) => serde_json::to_string(&members).unwrap(),
            Err(_) => detail.to_string(),
        };
    let told = |line: AuditLine| format!("{} {} {} {}", line.act.actor, line.act.action, line.act.object, ordered(line.act.detail));
    lines.into_iter().map(told).collect()
}
