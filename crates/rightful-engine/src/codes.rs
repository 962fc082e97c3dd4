//! The code table: owner code -> target people, many to many, in versions with author and reason.

use std::collections::{BTreeMap, BTreeSet};

use rightful_core::Instant;
use serde::{Deserialize, Serialize};

/// One row: this code leads to this user. A row without a user is blank: the code is known and not mapped yet (SK-2, SK-4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CodeRow {
    /// The code, compared exactly.
    pub code: String,
    /// User name or e-mail in the target, as typed. `None`: blank.
    pub user: Option<String>,
    /// Who takes over assignments and visit frequencies when `user` is deactivated (SK-16).
    pub successor: Option<String>,
}

/// Who changed rows, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorship {
    /// The person.
    pub author: String,
    /// In their words.
    pub reason: String,
    /// When.
    pub at: Instant,
}

/// A row with the version that brought it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionedRow {
    /// The row.
    pub row: CodeRow,
    /// The version it came with.
    pub since: i64,
    /// By whom and why.
    pub by: Authorship,
}

/// A code table as of one version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeTable {
    /// 0: never saved.
    pub version: i64,
    /// Rows by code, then user.
    pub rows: Vec<VersionedRow>,
    /// When a run last read it; a save does not move this (SK-8).
    pub last_read: Option<Instant>,
}

/// The rows one code shall have from now on. Empty: the code leaves the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeEdit {
    /// The code.
    pub code: String,
    /// Its rows; duplicates of a pair collapse (SK-12).
    pub rows: Vec<CodeRow>,
}

impl CodeTable {
    /// The table as these edits leave it, in the next version; as it is where nothing differs.
    pub fn edited(&self, edits: &[CodeEdit], by: &Authorship) -> Self {
        let wanted = wanted_rows(edits);
        let standing: BTreeSet<&CodeRow> = self.rows.iter().map(|known| &known.row).collect();
        let stays = |known: &&VersionedRow| wanted.get(known.row.code.as_str()).is_none_or(|rows| rows.contains(&known.row));
        let mut rows: Vec<VersionedRow> = self.rows.iter().filter(stays).cloned().collect();
        let left = rows.len();
        let new = wanted.values().flatten().filter(|row| !standing.contains(*row));
        rows.extend(new.map(|row| VersionedRow { row: (*row).clone(), since: self.version + 1, by: by.clone() }));
        if left == self.rows.len() && rows.len() == left {
            return self.clone();
        }
        rows.sort_by(|one, other| one.row.cmp(&other.row));
        Self { version: self.version + 1, rows, last_read: self.last_read }
    }
}

/// What became of saving a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// The new version (the present one where nothing differed).
    Version(i64),
    /// Someone else saved since `expected`: nothing was changed. The present version.
    Moved(i64),
}

/// One saved version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableVersion {
    /// Its number.
    pub version: i64,
    /// By whom and why.
    pub by: Authorship,
    /// Rows that came with it.
    pub added: Vec<CodeRow>,
    /// Rows that left with it.
    pub removed: Vec<CodeRow>,
}

/// When a code's rows last changed, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChange {
    /// The version that brought or removed one of them.
    pub version: i64,
    /// By whom and why.
    pub by: Authorship,
}

/// The rows each edited code shall have: of several edits of one code the last counts, and rows named twice are one.
pub fn wanted_rows(edits: &[CodeEdit]) -> BTreeMap<&str, BTreeSet<&CodeRow>> {
    edits.iter().map(|edit| (edit.code.as_str(), edit.rows.iter().collect())).collect()
}

/// One code whose rows differ between two tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeDifference {
    /// The code.
    pub code: String,
    /// Its rows in the one table, ascending; none where it lacks the code.
    pub before: Vec<CodeRow>,
    /// Its rows in the other.
    pub after: Vec<CodeRow>,
}

/// Where two tables differ, by code: between two versions, or between what an editor saw and what stands there by now.
pub fn difference(before: &[CodeRow], after: &[CodeRow]) -> Vec<CodeDifference> {
    let mut codes: BTreeMap<&str, [BTreeSet<&CodeRow>; 2]> = BTreeMap::new();
    for (side, rows) in [before, after].into_iter().enumerate() {
        for row in rows {
            codes.entry(&row.code).or_default()[side].insert(row);
        }
    }
    let differs = codes.into_iter().filter(|(_, [before, after])| before != after);
    differs
        .map(|(code, sides)| {
            let [before, after] = sides.map(|rows| rows.into_iter().cloned().collect());
            CodeDifference { code: code.to_owned(), before, after }
        })
        .collect()
}

/// The edits that bring the table's content back to what an earlier version held; saved, they make a new version.
pub fn revert_edits(present: &[CodeRow], wanted: &[CodeRow]) -> Vec<CodeEdit> {
    difference(present, wanted).into_iter().map(|one| CodeEdit { code: one.code, rows: one.after }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SK-12: a pair that is added twice is one pair.
    #[test]
    fn of_several_edits_of_one_code_the_last_counts_and_rows_named_twice_are_one() {
        let row = |user: &str| CodeRow { code: "R05".into(), user: Some(user.into()), successor: None };
        let edit = |users: &[&str]| CodeEdit { code: "R05".into(), rows: users.iter().map(|user| row(user)).collect() };
        for (edits, users) in [
            (vec![], None),
            (vec![edit(&[])], Some(vec![])),
            (vec![edit(&["two", "one", "two"])], Some(vec!["one", "two"])),
            (vec![edit(&["one"]), edit(&["two"])], Some(vec!["two"])),
            (vec![edit(&["one"]), edit(&[])], Some(vec![])),
        ] {
            let wanted = wanted_rows(&edits);
            let found: Option<Vec<_>> = wanted.get("R05").map(|rows| rows.iter().filter_map(|row| row.user.as_deref()).collect());
            assert_eq!(found, users, "{edits:?}");
        }
    }

    #[test]
    fn tables_differ_by_code_and_an_older_content_comes_back_by_edits() {
        let row = |text: &str| {
            let (code, user) = text.split_once(' ').unwrap_or((text, ""));
            CodeRow { code: code.into(), user: Some(user.to_owned()).filter(|user| !user.is_empty()), successor: None }
        };
        let rows = |texts: &[&str]| texts.iter().map(|text| row(text)).collect::<Vec<_>>();
        for (before, after, expected) in [
            (&[][..], &[][..], &[][..]),
            (&["A one"], &["A one"], &[]),
            (&["A one", "A two"], &["A two", "A one", "A one"], &[]),
            (&["A one"], &["A two"], &["A: one -> two"]),
            (&["A one"], &["a one"], &["A: one -> ", "a:  -> one"]),
            (&["A"], &["A one", "B one"], &["A: - -> one", "B:  -> one"]),
            (&["A one", "B two"], &["A one", "A two"], &["A: one -> one,two", "B: two -> "]),
        ] {
            let (before, after) = (rows(before), rows(after));
            let spell = |rows: &[CodeRow]| rows.iter().map(|row| row.user.as_deref().unwrap_or("-")).collect::<Vec<_>>().join(",");
            let found: Vec<String> = difference(&before, &after)
                .iter()
                .map(|one| format!("{}: {} -> {}", one.code, spell(&one.before), spell(&one.after)))
                .collect();
            assert_eq!(found, expected);
            let by = Authorship { author: "ann".into(), reason: "back".into(), at: Instant::UNIX_EPOCH };
            let versioned = before.iter().map(|row| VersionedRow { row: row.clone(), since: 1, by: by.clone() }).collect();
            let table = CodeTable { version: 1, rows: versioned, last_read: None }.edited(&revert_edits(&before, &after), &by);
            let reverted: Vec<CodeRow> = table.rows.into_iter().map(|known| known.row).collect();
            assert_eq!(difference(&reverted, &after), []);
        }
    }
}
