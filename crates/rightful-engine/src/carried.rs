//! The exchanges that carried changes, and which of them are kept for whom.

use std::collections::BTreeMap;

use rightful_core::Exchange;

use crate::{Entry, RunId};

/// For how many runs of an integration exchanges are kept: the newest ones that had any.
pub const EXCHANGE_RUNS: usize = 20;

/// How many exchanges of a run are kept.
pub const EXCHANGES_OF_RUN: usize = 2_000;

/// How many exchanges are kept for one change, of one batch.
const OF_CHANGE: usize = 8;

/// An exchange, and the changes of a run that it carried or looked after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The run.
    pub run: RunId,
    /// Numbers of the changes, ascending without repeats.
    pub changes: Vec<i64>,
    /// The exchange.
    pub exchange: Exchange,
}

/// What is kept of the exchanges heard while these entries were written or looked after, in their order.
///
/// A call that only reads and whose address names one record of the batch is about that record; all others are about every one. Of many, those
/// that may have changed something are kept first.
pub(crate) fn carried(entries: &[&Entry], heard: Vec<Exchange>) -> Vec<Carried> {
    let mut kept: Vec<(usize, Exchange, Vec<&Entry>)> = Vec::new();
    let mut taken: BTreeMap<(RunId, i64), usize> = BTreeMap::new();
    let (reading, writing): (Vec<_>, Vec<_>) = heard.into_iter().enumerate().partition(|(_, exchange)| exchange.idempotent);
    for (at, exchange) in writing.into_iter().chain(reading) {
        let named: Vec<&Entry> = entries.iter().copied().filter(|entry| exchange.idempotent && names(&exchange, entry)).collect();
        let about = if let [_] = named[..] { named } else { entries.to_vec() };
        let full = about.iter().any(|entry| taken.get(&(entry.run, entry.change)).is_some_and(|count| *count >= OF_CHANGE));
        if about.is_empty() || full {
            continue;
        }
        about.iter().for_each(|entry| *taken.entry((entry.run, entry.change)).or_default() += 1);
        kept.push((at, exchange, about));
    }
    kept.sort_by_key(|(at, ..)| *at);
    let mut carried = Vec::with_capacity(kept.len());
    for (_, exchange, about) in kept {
        let mut runs: BTreeMap<RunId, Vec<i64>> = BTreeMap::new();
        about.iter().for_each(|entry| runs.entry(entry.run).or_default().push(entry.change));
        carried.extend(runs.into_iter().map(|(run, mut changes)| {
            changes.sort_unstable();
            changes.dedup();
            Carried { run, changes, exchange: exchange.clone() }
        }));
    }
    carried
}

/// Does a part of the address's path name the entry's record?
fn names(exchange: &Exchange, entry: &Entry) -> bool {
    let path = exchange.url.split(['?', '#']).next().unwrap_or_default();
    path.split('/').any(|part| part == entry.target.as_str())
}

#[cfg(test)]
mod tests {
    use rightful_core::Instant;

    use super::*;
    use crate::{EntryId, EntryState, PlanId, Why};

    fn entry(run: i64, change: i64) -> Entry {
        Entry {
            id: EntryId(change),
            run: RunId(run),
            plan: PlanId(1),
            change,
            integration: "rep-codes".into(),
            connection: "field".into(),
            kind: "customer".into(),
            target: (4000 + change).to_string().into(),
            code: String::new(),
            name: String::new(),
            role: "assigned".into(),
            before: Vec::new(),
            after: Vec::new(),
            carry: None,
            why: Why::default(),
            intended_at: Instant::UNIX_EPOCH,
            state: EntryState::Intended,
            settled_at: None,
            attempts: 1,
            note: None,
        }
    }

    fn exchange(method: &str, path: &str) -> Exchange {
        Exchange {
            operation: format!("{method} {path}"),
            at: Instant::UNIX_EPOCH,
            method: method.into(),
            url: format!("https://api.example/v1/{path}"),
            idempotent: method == "GET",
            request: String::new(),
            status: Some(200),
            response: String::new(),
        }
    }

    fn told(entries: &[Entry], heard: &[(&str, &str)]) -> Vec<String> {
        let entries: Vec<&Entry> = entries.iter().collect();
        let heard = heard.iter().map(|(method, path)| exchange(method, path)).collect();
        let spell = |one: &Carried| format!("{} {} {:?}", one.exchange.operation, one.run, one.changes);
        carried(&entries, heard).iter().map(spell).collect()
    }

    #[test]
    fn an_exchange_is_about_the_one_record_its_address_names_or_about_all() {
        let entries = [entry(3, 1), entry(3, 2), entry(2, 9)];
        let heard = [("PATCH", "customers"), ("GET", "customers/4002?page=4001"), ("GET", "customers/40021"), ("PATCH", "customers/4001")];
        assert_eq!(
            told(&entries, &heard),
            [
                "PATCH customers run-2 [9]",
                "PATCH customers run-3 [1, 2]",
                "GET customers/4002?page=4001 run-3 [2]",
                "GET customers/40021 run-2 [9]",
                "GET customers/40021 run-3 [1, 2]",
                "PATCH customers/4001 run-2 [9]",
                "PATCH customers/4001 run-3 [1, 2]",
            ]
        );
        assert_eq!(told(&[], &heard), [""; 0]);
    }

    #[test]
    fn of_many_exchanges_those_that_may_have_changed_something_are_kept_first_and_in_order() {
        let mut heard = vec![("GET", "customers"); 9];
        heard.extend([("PATCH", "customers"), ("GET", "customers/4001"), ("PATCH", "again")]);
        let kept = told(&[entry(1, 1)], &heard);
        assert_eq!(kept.len(), OF_CHANGE);
        assert_eq!(kept[6..], ["PATCH customers run-1 [1]", "PATCH again run-1 [1]"]);
        assert!(kept[..6].iter().all(|line| line == "GET customers run-1 [1]"));
        // One record's look-ups take no place from another's.
        let many: Vec<(String, i64)> = (1..=20).map(|change| (format!("customers/{}", 4000 + change), change)).collect();
        let heard: Vec<(&str, &str)> = many.iter().map(|(path, _)| ("GET", path.as_str())).collect();
        let entries: Vec<Entry> = many.iter().map(|(_, change)| entry(1, *change)).collect();
        assert_eq!(told(&entries, &heard).len(), 20);
    }
}
