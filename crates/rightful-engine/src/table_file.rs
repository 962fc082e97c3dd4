//! A code table as a CSV file: read with a verdict for every row, written so that no spreadsheet takes a cell for a formula.

use std::collections::{BTreeMap, BTreeSet};

use rightful_core::{Error, ErrorKind, Result, nearest};
use serde::Serialize;

use crate::{CodeEdit, CodeRow, PeopleIndex, judge_user};

/// The columns, in the order they are written.
const COLUMNS: [&str; 3] = ["code", "user", "successor"];
/// The most rows.
const MOST: usize = 100_000;

/// A row as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Its line.
    pub line: u64,
    /// The code, as typed.
    pub code: String,
    /// The user; empty where the row is blank.
    pub user: String,
    /// The successor; empty where there is none.
    pub successor: String,
    /// Why it cannot be read.
    pub broken: Option<String>,
}

/// What is thought of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Its line.
    pub line: u64,
    /// The code.
    pub code: String,
    /// The user.
    pub user: String,
    /// May it be saved?
    pub good: bool,
    /// Why not, or what is worth knowing.
    pub remark: String,
}

/// Reads a file's rows.
///
/// # Errors
/// `Config` where it has no head with the known columns, or too many rows.
pub fn rows(text: &str) -> Result<Vec<FileRow>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Spreadsheets of some countries part cells with semicolons.
    let head = text.lines().next().unwrap_or_default();
    let delimiter = if head.contains(';') && !head.contains(',') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let wrong =
        |message: String| Error::new(ErrorKind::Config, message).hint(format!("the first line names the columns: {}", COLUMNS.join(",")));
    let names: Vec<String> = reader
        .headers()
        .map_err(|error| wrong(format!("the file is not CSV: {error}")))?
        .iter()
        .map(|name| name.trim().to_lowercase())
        .collect();
    if let Some(name) = names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
        let error = wrong(format!("there is no column `{name}`"));
        return Err(match nearest(name, COLUMNS) {
            Some(near) => error.hint(format!("did you mean `{near}`? the columns are {}", COLUMNS.join(","))),
            None => error,
        });
    }
    let place = |column: &str| names.iter().position(|name| name == column);
    let (Some(code), Some(user)) = (place("code"), place("user")) else {
        return Err(wrong("the columns `code` and `user` are needed".to_owned()));
    };
    let successor = place("successor");
    let mut found = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(format!("the file is not CSV: {error}")))?;
        if found.len() == MOST {
            return Err(Error::new(ErrorKind::Config, format!("the file has more than {MOST} rows")).hint("split it"));
        }
        let cell = |place: Option<usize>| place.and_then(|place| record.get(place)).map(plain).unwrap_or_default();
        let broken =
            (record.len() != names.len()).then(|| format!("it has {} cells where the first line names {}", record.len(), names.len()));
        let line = record.position().map_or(0, csv::Position::line);
        // A code keeps its inner and outer shape: only people's names are trimmed.
        let row = FileRow {
            line,
            code: cell(Some(code)),
            user: cell(Some(user)).trim().to_owned(),
            successor: cell(successor).trim().to_owned(),
            broken,
        };
        found.push(row);
    }
    Ok(found)
}

/// A cell without the mark that keeps spreadsheets from calculating with it.
fn plain(cell: &str) -> String {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(cell.trim_start_matches('\'')) => rest.to_owned(),
        _ => cell.to_owned(),
    }
}

/// Would a spreadsheet take the cell for a formula?
fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// Judges every row; `people` are the target's users where they were read.
pub fn judge(rows: &[FileRow], people: Option<&PeopleIndex>) -> Vec<Verdict> {
    let mut seen: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut successors: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    rows.iter()
        .map(|row| {
            let verdict = |good, remark: String| Verdict { line: row.line, code: row.code.clone(), user: row.user.clone(), good, remark };
            if let Some(broken) = &row.broken {
                return verdict(false, broken.clone());
            }
            if row.code.trim().is_empty() {
                return verdict(false, "the code is empty".to_owned());
            }
            if row.user.is_empty() {
                let remark = if row.successor.is_empty() { "blank: known, not mapped yet" } else { "a successor without a user" };
                return verdict(row.successor.is_empty(), remark.to_owned());
            }
            let mut remarks = Vec::new();
            for typed in [&row.user, &row.successor].into_iter().filter(|typed| !typed.is_empty()) {
                match people.map(|people| judge_user(people, typed)) {
                    Some(Err(error)) => return verdict(false, format!("{}; {}", error.message(), error.mend().unwrap_or_default())),
                    Some(Ok(Some(remark))) => remarks.push(format!("`{typed}` {remark}")),
                    Some(Ok(None)) | None => {}
                }
            }
            let pair = (row.code.as_str(), row.user.as_str());
            if let Some(known) = successors.insert(pair, &row.successor)
                && known != row.successor
            {
                return verdict(false, format!("line {} names another successor", seen[&pair]));
            }
            if let Some(line) = seen.get(&pair) {
                remarks.push(format!("the same as line {line}"));
            }
            seen.entry(pair).or_insert(row.line);
            verdict(true, remarks.join("; "))
        })
        .collect()
}

/// The edits that the good rows come to: each code of the file gets exactly its rows; `leave` are codes that go if the file lacks them.
pub fn edits<'a>(rows: &[FileRow], verdicts: &[Verdict], leave: impl Iterator<Item = &'a str>) -> Vec<CodeEdit> {
    let mut edits: BTreeMap<String, Vec<CodeRow>> = leave.map(|code| (code.to_owned(), Vec::new())).collect();
    let named: BTreeSet<&str> = rows.iter().map(|row| row.code.as_str()).collect();
    // A code with a bad row keeps what it has rather than losing it.
    edits.retain(|code, _| !named.contains(code.as_str()));
    for (row, _) in rows.iter().zip(verdicts).filter(|(_, verdict)| verdict.good) {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let new = CodeRow { code: row.code.clone(), user: text(&row.user), successor: text(&row.successor) };
        let rows = edits.entry(row.code.clone()).or_default();
        if !rows.contains(&new) {
            rows.push(new);
        }
    }
    for rows in edits.values_mut().filter(|rows| rows.len() > 1) {
        // A blank row beside users says nothing more.
        if rows.iter().any(|row| row.user.is_some()) {
            rows.retain(|row| row.user.is_some());
        }
    }
    edits.into_iter().map(|(code, rows)| CodeEdit { code, rows }).collect()
}

/// The table as CSV.
///
/// # Errors
/// Where it cannot be written as CSV.
pub fn written(rows: &[CodeRow]) -> Result<String> {
    let mut text = line(COLUMNS)?;
    for row in rows {
        text.push_str(&line([row.code.as_str(), row.user.as_deref().unwrap_or(""), row.successor.as_deref().unwrap_or("")])?);
    }
    Ok(text)
}

/// One line of CSV with its end; no cell of it is a formula to a spreadsheet.
///
/// # Errors
/// Where it cannot be written as CSV.
pub fn line<const CELLS: usize>(cells: [&str; CELLS]) -> Result<String> {
    let failed = || Error::new(ErrorKind::Protocol, "the table cannot be written as CSV");
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells.map(guarded)).map_err(|error| failed().source(error))?;
    let bytes = writer.into_inner().map_err(|_| failed())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A cell that a spreadsheet shows and does not calculate.
fn guarded(cell: &str) -> String {
    if is_formula(cell.trim_start_matches('\'')) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn people() -> PeopleIndex {
        let person = |owner: &str, user: &str, email: &str, active| crate::TargetPerson {
            owner: owner.into(),
            name: user.into(),
            user_name: Some(user.into()),
            keys: Vec::new(),
            emails: vec![email.into()],
            active,
            service: false,
        };
        PeopleIndex::new([
            person("7", "nadia.o", "nadia@example.com", true),
            person("8", "tomas", "desk@example.com", true),
            person("9", "old.hand", "desk@example.com", false),
        ])
    }

    #[test]
    fn each_row_gets_its_verdict() {
        let text = "code,user,successor\nR05,nadia.o,\nR05,NADIA@example.com,\nR11,nadai.o,\nR12,,\n,tomas,\nR13,desk@example.com,\nR14,old.hand,tomas\nR05,nadia.o,\nR15,tomas\nR16,tomas,nobody.x\nR14,old.hand,nadia.o\n";
        let rows = rows(text).unwrap();
        let verdicts = judge(&rows, Some(&people()));
        let expected = [
            (2, true, ""),
            (3, true, ""),
            (4, false, "no user answers to `nadai.o`; did you mean `nadia.o`?"),
            (5, true, "blank"),
            (6, false, "the code is empty"),
            (7, false, "several users answer"),
            (8, true, "`old.hand` is deactivated"),
            (9, true, "the same as line 2"),
            (10, false, "it has 2 cells where the first line names 3"),
            (11, false, "no user answers to `nobody.x`"),
            (12, false, "line 8 names another successor"),
        ];
        assert_eq!(verdicts.len(), expected.len(), "{verdicts:#?}");
        for (verdict, (line, good, remark)) in verdicts.iter().zip(expected) {
            assert!(
                verdict.line == line && verdict.good == good && verdict.remark.contains(remark),
                "{verdict:?}, wanted {line} {good} {remark}"
            );
        }
        let edits = edits(&rows, &verdicts, ["R05", "R11", "R99"].into_iter());
        let told: Vec<(String, usize)> = edits.into_iter().map(|edit| (edit.code, edit.rows.len())).collect();
        assert_eq!(told, [("R05", 2), ("R12", 1), ("R14", 1), ("R99", 0)].map(|(code, rows)| (code.to_owned(), rows)));
    }

    #[test]
    fn a_file_without_the_columns_is_told_which_they_are() {
        for (text, message) in [
            ("", "are needed"),
            ("code\nR05\n", "the columns `code` and `user` are needed"),
            ("code,usr\nR05,x\n", "there is no column `usr`"),
        ] {
            let error = rows(text).unwrap_err();
            assert!(error.message().contains(message), "{text:?}: {error}");
        }
        assert_eq!(rows("\u{feff}Code;User\nR05;x\n").unwrap()[0].user, "x");
    }

    #[test]
    fn no_cell_is_a_formula() {
        let row = |code: &str| CodeRow { code: code.into(), user: Some("@x".into()), successor: None };
        let text = written(&[row("=1+1"), row("-5"), row("007"), row("'=x")]).unwrap();
        assert_eq!(text, "code,user,successor\n'=1+1,'@x,\n'-5,'@x,\n007,'@x,\n''=x,'@x,\n");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(cells in prop::collection::vec(("[ -~äß]{1,9}", "[a-z@=+.'-]{0,9}"), 0..20)) {
            let table: Vec<CodeRow> = cells.into_iter().map(|(code, user)| CodeRow { code, user: Some(user).filter(|user| !user.is_empty()), successor: None }).collect();
            let read: Vec<CodeRow> = rows(&written(&table).unwrap()).unwrap().into_iter()
                .map(|row| CodeRow { code: row.code, user: Some(row.user).filter(|user| !user.is_empty()), successor: None }).collect();
            prop_assert_eq!(read, table);
        }
    }
}
