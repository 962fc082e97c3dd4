//! What was asked of a simulator: counts for everything, lines for the last thousand. No bodies, no queries, no credentials.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Method;
use serde::Serialize;

const LINES: usize = 1_000;
const ROUTES: usize = 500;

/// One request that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Its number.
    pub number: u64,
    /// Its verb.
    pub method: String,
    /// Its path without query.
    pub path: String,
    /// The answer's status; `None` where the socket was closed without one.
    pub status: Option<u16>,
}

/// How much was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RequestCounts {
    /// All of the vendor's requests.
    pub count: u64,
    /// By status; `dropped` where the socket was closed without an answer.
    pub by_status: BTreeMap<String, u64>,
    /// By verb and the first two parts of the path: `GET /v1/customers`.
    pub by_route: BTreeMap<String, u64>,
    /// The most that ran at once.
    pub max_concurrency: usize,
}

#[derive(Default)]
pub(super) struct Ledger {
    held: Mutex<Held>,
    running: AtomicUsize,
    most: AtomicUsize,
}

#[derive(Default)]
struct Held {
    count: u64,
    by_status: BTreeMap<Option<u16>, u64>,
    by_route: BTreeMap<String, u64>,
    lines: VecDeque<LogLine>,
}

/// One running request; dropped when it ends.
pub(super) struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ledger {
    pub(super) fn enter(&self) -> Running<'_> {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(running, Ordering::Relaxed);
        Running(&self.running)
    }

    pub(super) fn note(&self, number: u64, method: &Method, path: &str, status: Option<u16>) {
        let line = LogLine { number, method: method.to_string(), path: path.to_owned(), status };
        let route = route(method, path);
        let mut held = self.held();
        held.count += 1;
        *held.by_status.entry(status).or_default() += 1;
        // A client that makes up paths must not fill the memory.
        if let Some(count) = held.by_route.get_mut(&route) {
            *count += 1;
        } else {
            let name = if held.by_route.len() < ROUTES { route } else { "others".to_owned() };
            *held.by_route.entry(name).or_default() += 1;
        }
        if held.lines.len() == LINES {
            held.lines.pop_front();
        }
        held.lines.push_back(line);
    }

    pub(super) fn counts(&self) -> RequestCounts {
        let held = self.held();
        let by_status =
            held.by_status.iter().map(|(status, count)| (status.map_or_else(|| "dropped".to_owned(), |status| status.to_string()), *count));
        RequestCounts {
            count: held.count,
            by_status: by_status.collect(),
            by_route: held.by_route.clone(),
            max_concurrency: self.most.load(Ordering::Relaxed),
        }
    }

    pub(super) fn log(&self) -> Vec<LogLine> {
        self.held().lines.iter().cloned().collect()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The verb with the first two parts of the path.
fn route(method: &Method, path: &str) -> String {
    let end = path.match_indices('/').nth(2).map_or(path.len(), |(at, _)| at);
    format!("{method} {}", &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_the_verb_and_two_parts() {
        for (path, expected) in [
            ("/v1/customers", "GET /v1/customers"),
            ("/v1/customers/7", "GET /v1/customers"),
            ("/", "GET /"),
            ("/ia/xml/xmlgw.phtml", "GET /ia/xml"),
        ] {
            assert_eq!(route(&Method::GET, path), expected);
        }
    }

    #[test]
    fn the_log_keeps_the_last_thousand_and_counts_all() {
        let ledger = Ledger::default();
        for number in 1..=1_500 {
            ledger.note(number, &Method::GET, &format!("/made-up/{number}"), Some(200));
        }
        let lines = ledger.log();
        assert_eq!((lines.len(), lines[0].number, lines[999].number), (1_000, 501, 1_500));
        let counts = ledger.counts();
        assert_eq!((counts.count, counts.by_status["200"]), (1_500, 1_500));
        assert!(counts.by_route.len() <= ROUTES + 1);
        assert_eq!(counts.by_route.values().sum::<u64>(), 1_500);
    }
}
