//! Writing users and records: keyed by ids of ours, so that whatever ends unclear may be sent again.
//!
//! - A user is one call, records go in batches; removals, where they are enabled, in batches of their own.
//! - A success answers for every item of its call: the body is not documented and not read.
//! - A 400 names no item, and whether the others were applied is not documented. The batch is halved until the refused ones stand alone:
//!   sending the good ones again changes nothing.
//! - After an unclear end the client has sent the same call several times; what still is unclear is unknown, and a later run repeats it.

use std::collections::BTreeSet;

use rightful_core::{Error, ErrorKind, Kind, Outcome, RecordId, Result, Target, Write};

use crate::api::Api;
use crate::map::{self, Rules};
use crate::wire;

/// How often one batch is halved: enough to find a handful of refused items among a thousand, few enough to spare the account's minute.
const MOST_HALVINGS: usize = 48;

/// How one connection writes.
#[derive(Clone, Debug)]
pub struct Writer {
    pub api: Api,
    pub rules: Rules,
    pub batch: usize,
}

/// One write that will be sent.
#[derive(Clone, Debug)]
struct Item {
    /// Its place in the batch we were given.
    place: usize,
    id: RecordId,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    User(wire::User),
    Record(Box<wire::Record>),
    Removal,
}

/// Items for one call.
struct Part {
    items: Vec<Item>,
    /// Was it part of a call that was refused? Then some of it may have been applied.
    halved: bool,
}

/// What is known so far.
struct Ledger {
    outcomes: Vec<Option<Outcome>>,
    /// Has the vendor judged any of it?
    judged: bool,
}

impl Ledger {
    fn tell(&mut self, items: &[Item], outcome: impl Fn(&Item) -> Outcome) {
        self.judged = true;
        items.iter().for_each(|item| self.outcomes[item.place] = Some(outcome(item)));
    }
}

impl Writer {
    /// Writes a batch; one outcome per item, in order.
    pub async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        let mut ledger = Ledger { outcomes: batch.iter().map(|_| None).collect(), judged: false };
        let mut seen = BTreeSet::new();
        let (mut alone, mut records, mut removals) = (Vec::new(), Vec::new(), Vec::new());
        for (place, write) in batch.iter().enumerate() {
            match self.item(place, kind, write, &mut seen) {
                Ok(item) => match &item.body {
                    Body::User(_) => alone.push(item),
                    Body::Record(_) => records.push(item),
                    Body::Removal => removals.push(item),
                },
                Err(error) => ledger.outcomes[place] = Some(Outcome::NotDone(error.operation(format!("write {kind}")))),
            }
        }
        for (items, most) in [(alone, 1), (records, self.batch), (removals, self.batch)] {
            for chunk in items.chunks(most.max(1)) {
                self.chunk(chunk.to_vec(), &mut ledger).await?;
            }
        }
        Ok(ledger.outcomes.into_iter().map(|outcome| outcome.expect("every item was refused or part of a chunk")).collect())
    }

    fn item(&self, place: usize, kind: &Kind, write: &Write, seen: &mut BTreeSet<RecordId>) -> Result<Item> {
        let (id, body) = match (&write.target, *kind == map::USER) {
            (Target::Id(id), true) => (id, Body::User(map::user(id.as_str(), write, &self.rules)?)),
            (Target::Id(id), false) => (id, Body::Record(Box::new(map::record(id.as_str(), write, &self.rules)?))),
            (Target::Removed(id), false) => (id, Body::Removal),
            (Target::Removed(_), true) => {
                return Err(Error::new(ErrorKind::Unsupported, "SalesScreen's API cannot remove or deactivate users")
                    .hint("deactivate the user in SalesScreen itself, under Manage, Users"));
            }
            (Target::New, _) => {
                return Err(
                    Error::new(ErrorKind::Unsupported, "SalesScreen gives no ids of its own").hint("name the record by an id of yours")
                );
            }
        };
        if !seen.insert(id.clone()) {
            return Err(
                Error::new(ErrorKind::Rejected, format!("{kind} {id} is in the batch twice")).hint("join the changes, or send them apart")
            );
        }
        Ok(Item { place, id: id.clone(), body })
    }

    /// One call, and more of them where it is refused. An error means that nothing was sent at all.
    async fn chunk(&self, items: Vec<Item>, ledger: &mut Ledger) -> Result<()> {
        let mut open = vec![Part { items, halved: false }];
        let mut halvings = 0;
        while let Some(Part { mut items, halved }) = open.pop() {
            let Err(error) = self.send(&items).await else {
                ledger.tell(&items, |item| Outcome::Done { id: item.id.clone(), created: false });
                continue;
            };
            match step(&error, items.len(), halved, halvings < MOST_HALVINGS, ledger.judged) {
                Step::Halve => {
                    halvings += 1;
                    ledger.judged = true;
                    let rest = items.split_off(items.len() / 2);
                    open.push(Part { items: rest, halved: true });
                    open.push(Part { items, halved: true });
                }
                Step::Unknown => ledger.tell(&items, |_| Outcome::Unknown(error.again())),
                Step::NotDone => ledger.tell(&items, |item| Outcome::NotDone(error.again().context(format!("id {}", item.id)))),
                Step::Fail => return Err(error),
            }
        }
        Ok(())
    }

    async fn send(&self, items: &[Item]) -> Result<()> {
        if let [Item { body: Body::User(user), .. }] = items {
            return self.api.add_user(user).await;
        }
        let records: Vec<&wire::Record> = items
            .iter()
            .filter_map(|item| match &item.body {
                Body::Record(record) => Some(&**record),
                Body::User(_) | Body::Removal => None,
            })
            .collect();
        if records.len() == items.len() {
            return self.api.add_records(&records).await;
        }
        let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
        self.api.remove_records(&ids).await
    }
}

/// What follows a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Halve,
    Unknown,
    NotDone,
    Fail,
}

/// Decides what follows a failed call of so many items. `halved`: they were part of a refused call; `judged`: the vendor judged others before.
fn step(error: &Error, items: usize, halved: bool, may_halve: bool, judged: bool) -> Step {
    let refused = error.kind() == ErrorKind::Rejected;
    match () {
        () if error.is_fate_unknown() => Step::Unknown,
        () if refused && items > 1 && may_halve => Step::Halve,
        // A refused call may have been applied in part.
        () if refused && items > 1 => Step::Unknown,
        () if refused => Step::NotDone,
        () if halved => Step::Unknown,
        () if judged => Step::NotDone,
        () => Step::Fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_failed_call() {
        let error = |kind, unknown| Error::new(kind, "x").fate_unknown(unknown);
        use ErrorKind::*;
        for (what, kind, unknown, items, halved, may_halve, judged, expected) in [
            ("a lost answer", Unavailable, true, 100, false, true, false, Step::Unknown),
            ("a refused batch", Rejected, false, 100, false, true, false, Step::Halve),
            ("a refused half", Rejected, false, 2, true, true, true, Step::Halve),
            ("a refused batch that was halved too often", Rejected, false, 2, true, false, true, Step::Unknown),
            ("a refused item", Rejected, false, 1, false, true, false, Step::NotDone),
            ("the item that a batch was refused for", Rejected, false, 1, true, true, true, Step::NotDone),
            ("refused after an attempt whose answer was lost", Rejected, true, 1, false, true, false, Step::Unknown),
            ("a refused key, first of all", Unauthenticated, false, 100, false, true, false, Step::Fail),
            ("a refused key, later", Unauthenticated, false, 100, false, true, true, Step::NotDone),
            ("a refused key between halves", Unauthenticated, false, 50, true, true, true, Step::Unknown),
            ("too many requests to the end", RateLimited, false, 1, false, true, false, Step::Fail),
            ("no such path", Unsupported, false, 3, false, true, true, Step::NotDone),
        ] {
            assert_eq!(step(&error(kind, unknown), items, halved, may_halve, judged), expected, "{what}");
        }
    }
}
