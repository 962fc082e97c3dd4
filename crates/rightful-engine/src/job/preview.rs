//! What saving edits of a code table would move at the next run: from the stored images alone, nothing asked and nothing written.

use std::collections::HashSet;

use rightful_core::{Instant, Kind, Owner, RecordId, Result};
use serde::{Deserialize, Serialize};

use super::census::{Counting, Earlier};
use super::facts::facts;
use super::follow::{Candidate, Followers, Following};
use super::moves::Moves;
use super::pairs::Pairs;
use super::views::people_index;
use super::{Integration, Layout, Ports};
use crate::{
    Authorship, CodeEdit, CodeTable, Decision, Facts, Joined, PeopleIndex, PlanCounts, Policy, Refusal, Row, SourceRow, Verdict, Why,
    decide, refusals, resolve,
};

/// Records that go from the same owners to the same others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Who owns them now, as people call them.
    pub from: String,
    /// Who would.
    pub to: String,
    /// How many.
    pub records: u64,
}

/// One record that an edit would move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewLine {
    /// Its code as people see it: "Rep Code - R05"; `None` where it has none.
    pub code: Option<String>,
    /// Its pairing key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Who owns it now, as people call them.
    pub before: String,
    /// Who would.
    pub after: String,
}

/// What edits of a code table would do at the next run, if nothing else changes before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The version of the table that the edits were held against.
    pub table_version: i64,
    /// How old the older of the images is; `None` where one was never read to its end: then nothing can be said.
    pub read_at: Option<Instant>,
    /// Records that would move because of the edits.
    pub total: u64,
    /// The same by who hands over to whom: the largest 50, largest first.
    pub moves: Vec<Move>,
    /// Records of the moves that are not listed.
    pub rest: u64,
    /// The first of the records, in the order of their keys.
    pub records: Vec<PreviewLine>,
    /// Records of other kinds that would follow a successor (visit frequencies); `None` where they were never read.
    pub follows: Option<u64>,
    /// Records that the next run would move without the edits, and that stay as they are with them.
    pub stays: u64,
    /// Records that would wait, and do not without the edits.
    pub holds: u64,
    /// Changes the next run makes anyway: the edits have no part in them.
    pub pending: u64,
    /// Caps and guards that the next plan would exceed, pending changes included.
    pub refusals: Vec<Refusal>,
}

/// What an edit means for one record, where it means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It moves, to other owners than without the edit.
    Moves,
    /// It moves all the same.
    MovesAnyway,
    /// It would have moved.
    Stays,
    /// It begins to wait.
    Waits,
}

/// Compares two decisions about one pair: without the edit and with it.
fn meaning(now: &Verdict, then: &Verdict) -> Option<Meaning> {
    match (now, then) {
        (Verdict::Change { to: now, .. }, Verdict::Change { to: then, .. }) if now == then => Some(Meaning::MovesAnyway),
        (_, Verdict::Change { .. }) => Some(Meaning::Moves),
        (Verdict::Change { .. }, _) => Some(Meaning::Stays),
        (Verdict::Held, _) => None,
        (_, Verdict::Held) => Some(Meaning::Waits),
        _ => None,
    }
}

/// What saving these edits would move; the first `shown` records are listed. Memory does not grow with the data.
///
/// # Errors
/// `Config` where the policy does not fit its connections; else as the store.
pub async fn preview(ports: &Ports, integration: &Integration, edits: &[CodeEdit], shown: usize) -> Result<Preview> {
    let (store, policy) = (&*ports.store, &integration.policy);
    let layout = Layout::of(ports, policy)?;
    let table = store.code_table(&integration.name).await?;
    let (source, target) = (store.image(&layout.source).await?, store.image(&layout.target).await?);
    let read_at = [source.fresh_at, target.fresh_at, store.image(&layout.people).await?.fresh_at];
    let read_at = read_at.into_iter().collect::<Option<Vec<Instant>>>().and_then(|times| times.into_iter().min());
    let preview = Preview { table_version: table.version, read_at, follows: Some(0), ..Preview::default() };
    if read_at.is_none() {
        return Ok(Preview { follows: None, ..preview });
    }
    let (people, now) = (people_index(store, &layout).await?, ports.clock.now());
    let by = Authorship { author: String::new(), reason: String::new(), at: now };
    let facts_of = |table: &CodeTable| facts(policy, &layout, &people, resolve(table, &people, &policy.code.label), now).0;
    let (present, drafted) = (facts_of(&table), facts_of(&table.edited(edits, &by)));
    let earlier = Earlier::of(store, &integration.name).await?;
    let mut look = Look {
        policy,
        people: &people,
        present: &present,
        drafted: &drafted,
        counting: Counting::new(policy, &drafted, &earlier, None),
        counts: PlanCounts::default(),
        moves: Moves::default(),
        shown,
        preview,
        follows: [Followers::new(store, &layout).await?, Followers::new(store, &layout).await?],
    };
    let mut steps = Pairs::of(store, policy, source.id, target.id);
    loop {
        match steps.step().await? {
            Joined::More(_) => {}
            Joined::Paired(source, target) => {
                look.pair(&source, &target)?;
                if look.follows.iter().any(Followers::is_full) {
                    look.follow().await?;
                }
            }
            Joined::End => break,
            other => look.counting.unpaired(&other)?,
        }
    }
    look.follow().await?;
    Ok(look.concluded())
}

struct Look<'a> {
    policy: &'a Policy,
    people: &'a PeopleIndex,
    present: &'a Facts,
    drafted: &'a Facts,
    counting: Counting<'a>,
    counts: PlanCounts,
    moves: Moves,
    shown: usize,
    preview: Preview,
    /// Without the edits and with them.
    follows: [Followers<'a>; 2],
}

impl Look<'_> {
    fn pair(&mut self, source: &Row, target: &Row) -> Result<()> {
        let then = decide(source, target, self.drafted);
        if then.verdict == Verdict::NotPlanned {
            return Ok(());
        }
        self.counting.count(source, true)?;
        let now = decide(source, target, self.present);
        self.gather(&now, &then, source, target);
        if let Verdict::Change { to, .. } = &then.verdict {
            *if to.is_empty() { &mut self.counts.removals } else { &mut self.counts.owner_moves } += 1;
        }
        match meaning(&now.verdict, &then.verdict) {
            None => {}
            Some(Meaning::MovesAnyway) => self.preview.pending += 1,
            Some(Meaning::Stays) => self.preview.stays += 1,
            Some(Meaning::Waits) => self.preview.holds += 1,
            Some(Meaning::Moves) => self.moved(&then, target),
        }
        Ok(())
    }

    fn moved(&mut self, then: &Decision<'_>, target: &Row) {
        let (Verdict::Change { to, .. }, Owner::Known(from)) = (&then.verdict, target.record.owner(&self.policy.role)) else { return };
        self.preview.total += 1;
        self.moves.note(from, to);
        if self.preview.records.len() < self.shown {
            self.preview.records.push(PreviewLine {
                code: then.code().map(|code| format!("{} - {code}", self.policy.code.label)),
                key: target.record.key(&self.policy.target.key).unwrap_or("").to_owned(),
                name: target.record.name.clone(),
                before: self.people.labels(from),
                after: self.people.labels(to),
            });
        }
    }

    /// Remembers a record whose successors the edits change: what follows it has to be looked up.
    fn gather(&mut self, now: &Decision<'_>, then: &Decision<'_>, source: &Row, target: &Row) {
        let successions = [now, then].map(|decision| decision.resolution.as_deref().map_or(&[][..], |resolution| &resolution.successions));
        if successions[0] == successions[1] {
            return;
        }
        for (followers, successions) in self.follows.iter_mut().zip(successions).filter(|(_, successions)| !successions.is_empty()) {
            if !followers.known {
                self.preview.follows = None;
                continue;
            }
            followers.add(Candidate {
                target: target.record.id.clone(),
                key: String::new(),
                name: String::new(),
                source: SourceRow { id: source.record.id.clone(), digest: source.digest },
                successions: successions.to_vec(),
                why: Why::default(),
            });
        }
    }

    /// Counts the records that follow with the edits and do not, or not there, without them.
    async fn follow(&mut self) -> Result<()> {
        let followed = |found: Vec<Following>| -> HashSet<(Kind, RecordId, Vec<String>)> {
            let changes = found.into_iter().filter_map(|following| match following {
                Following::Change(change) => Some(*change),
                Following::Case(_) => None,
            });
            changes.map(|change| (change.kind, change.target, change.owners.to)).collect()
        };
        let [now, then] = &mut self.follows;
        let (now, then) = (followed(now.take().await?), followed(then.take().await?));
        if let Some(follows) = &mut self.preview.follows {
            *follows += then.difference(&now).count() as u64;
        }
        Ok(())
    }

    fn concluded(mut self) -> Preview {
        let moves = self.moves.largest(self.people).into_iter();
        self.preview.moves = moves.map(|(from, to, records)| Move { from, to, records }).collect();
        self.preview.rest = self.preview.total - self.preview.moves.iter().map(|one| one.records).sum::<u64>();
        self.counts.source_records = self.counting.census.source_records;
        self.counts.paired = self.counting.census.paired;
        self.preview.refusals = refusals(&self.policy.caps, &self.counts, &self.counting.evidence(), None, &self.policy.code);
        self.preview
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_means_what_differs_between_the_two_decisions() {
        let change = |to: &str, rule| Verdict::Change { rule, to: vec![to.to_owned()] };
        let a = || change("a", "code");
        for (now, then, expected) in [
            (Verdict::AlreadySo, a(), Some(Meaning::Moves)),
            (Verdict::Held, a(), Some(Meaning::Moves)),
            (change("b", "code"), a(), Some(Meaning::Moves)),
            (a(), a(), Some(Meaning::MovesAnyway)),
            (change("a", "fallback"), a(), Some(Meaning::MovesAnyway)),
            (a(), Verdict::AlreadySo, Some(Meaning::Stays)),
            (a(), Verdict::Left, Some(Meaning::Stays)),
            (a(), Verdict::Held, Some(Meaning::Stays)),
            (Verdict::Left, Verdict::Held, Some(Meaning::Waits)),
            (Verdict::AlreadySo, Verdict::Held, Some(Meaning::Waits)),
            (Verdict::Held, Verdict::Held, None),
            (Verdict::Held, Verdict::Left, None),
            (Verdict::AlreadySo, Verdict::TooMany, None),
            (Verdict::Left, Verdict::AlreadySo, None),
        ] {
            assert_eq!(meaning(&now, &then), expected, "{now:?} and {then:?}");
        }
    }
}
