//! What leaves the program: data on standard output, failures on standard error, as tables for people or JSON for programs.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use rightful_core::{Error, ErrorKind, Instant, Result};
use serde::Serialize;
use serde_json::json;

use crate::verbs::Failure;

/// Writes data to standard output. A reader that went away (`| head`) is no failure, and no reason to end with another exit code.
///
/// # Errors
/// Where standard output cannot be written to.
pub fn data(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") });
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| io_error("standard output cannot be written to", error)),
    }
}

/// Writes a value as JSON, or the text that people read.
///
/// # Errors
/// As [`data`].
pub fn emit<T: Serialize + ?Sized>(as_json: bool, value: &T, people: impl FnOnce() -> String) -> Result<()> {
    if as_json { data(&pretty(value)) } else { data(&people()) }
}

/// A value as indented JSON.
pub fn pretty<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("what verbs print is plain data")
}

/// Writes a remark to standard error.
pub fn note(text: &str) {
    // Nobody reads standard error any more: nothing is left to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes a failure to standard error: what happened, where, and how to mend it.
pub fn failure(failure: &Failure, as_json: bool) {
    let text = if as_json { pretty(&failure.json()) } else { failure.told() };
    note(text.trim_end());
}

/// An error of the operating system.
pub fn io_error(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Config, what).hint("check the disk, the path and its rights").source(error)
}

/// An error in sentences: what happened and where, the vendor's words, how to mend it.
pub fn told(error: &Error) -> String {
    let mut text = format!("error: {error}");
    if let Some(words) = error.vendor_words() {
        let _ = write!(text, "\n  it was told: {}", one_line(&words, 600));
    }
    if let Some(mend) = error.mend() {
        let _ = write!(text, "\n  mend: {mend}");
    }
    text
}

/// The same for programs.
pub fn error_json(error: &Error) -> serde_json::Value {
    json!({ "error": {
        "kind": error.kind(), "message": error.to_string(), "vendor_words": error.vendor_words(), "mend": error.mend(),
        "retry_after_seconds": error.wait().map(|wait| wait.as_secs()),
    } })
}

/// Vendors' words on one line, without control characters, no longer than `most` characters.
pub fn one_line(text: &str, most: usize) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|letter| !letter.is_control()).collect();
    if line.chars().count() > most {
        line = line.chars().take(most).chain("...".chars()).collect();
    }
    line
}

/// A table for people, as wide as the terminal. Nothing in it can steer the terminal.
pub fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(head.map(str::to_uppercase));
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for row in rows {
        table.add_row(row.map(|cell| one_line(&cell, 400)));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A moment as people read it; `-` where there is none.
pub fn moment(at: Option<Instant>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// A number with thousands parted: 2,600.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "1 change", "2 changes".
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_parted() {
        for (count, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(count), expected);
        }
    }

    #[test]
    fn what_a_vendor_says_cannot_steer_the_terminal() {
        let shown = table(["name"], [["evil\u{1b}[2J\r\nname".to_owned()]]);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\r') && shown.contains("evil[2J name"), "{shown:?}");
    }
}
