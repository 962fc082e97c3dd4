//! Counts which owners hand records to which: the largest moves first, however many different ones there are.

use std::collections::HashMap;

use crate::PeopleIndex;

/// How many different moves are listed.
pub(crate) const LISTED: usize = 50;

/// Beyond this many different moves only those already met are counted.
const DIFFERENT: usize = 10_000;

/// Moves, counted by the owners before and after.
#[derive(Debug, Default)]
pub(crate) struct Moves(HashMap<(Vec<String>, Vec<String>), u64>);

impl Moves {
    pub fn note(&mut self, from: &[String], to: &[String]) {
        let key = (from.to_vec(), to.to_vec());
        if self.0.len() < DIFFERENT || self.0.contains_key(&key) {
            *self.0.entry(key).or_default() += 1;
        }
    }

    /// The largest ones by what people call the owners: from, to, records.
    pub fn largest(self, people: &PeopleIndex) -> Vec<(String, String, u64)> {
        let mut moves: Vec<(String, String, u64)> =
            self.0.into_iter().map(|((from, to), count)| (people.labels(&from), people.labels(&to), count)).collect();
        moves.sort_unstable_by(|one, other| other.2.cmp(&one.2).then_with(|| (&one.0, &one.1).cmp(&(&other.0, &other.1))));
        moves.truncate(LISTED);
        moves
    }
}
