//! Tells a demo step by step: what it shows, what was seen, and whether it holds.

use std::io::IsTerminal as _;
use std::time::Instant;

use rightful_core::Result;
use serde::Serialize;

use crate::output;

/// One step.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Step {
    /// What it shows.
    title: String,
    /// What was seen.
    saw: Vec<String>,
    /// What does not hold.
    wrong: Vec<String>,
}

impl Step {
    /// Notes what was seen.
    pub fn saw(&mut self, what: impl Into<String>) {
        self.saw.push(what.into());
    }

    /// Notes what does not hold, unless it does.
    pub fn expect(&mut self, holds: bool, wrong: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(wrong());
        }
    }

    /// Notes what differs: expected beside found.
    pub fn expect_equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: &T, expected: &T) {
        self.expect(found == expected, || format!("{what}: found {found:?}, expected {expected:?}"));
    }

    /// Notes the first few of what is wrong.
    pub fn expect_none(&mut self, what: &str, wrong: &[String]) {
        const SHOWN: usize = 3;
        let more = wrong.len().saturating_sub(SHOWN);
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        self.expect(wrong.is_empty(), || format!("{what}: {}{rest}", wrong[..wrong.len().min(SHOWN)].join("; ")));
    }
}

/// Tells steps as they are played, or keeps them for programs.
#[derive(Debug)]
pub struct Teller {
    told: Vec<Step>,
    for_programs: bool,
    coloured: bool,
    begun: Instant,
}

/// The longest line of text.
const WIDTH: usize = 118;

impl Teller {
    /// Colour is for terminals only, and for people who did not ask for none.
    pub fn new(for_programs: bool) -> Self {
        let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { told: Vec::new(), for_programs, coloured, begun: Instant::now() }
    }

    /// An opening line that is no step.
    ///
    /// # Errors
    /// Where standard output cannot be written to.
    pub fn open(&self, text: &str) -> Result<()> {
        if self.for_programs { Ok(()) } else { output::data(text) }
    }

    /// Begins a step.
    ///
    /// # Errors
    /// As [`Teller::open`].
    pub fn begin(&self, title: &str) -> Result<Step> {
        let number = self.told.len() + 1;
        self.open(&format!("\n{}", self.painted("1", &format!("{number:>2}. {title}"))))?;
        Ok(Step { title: title.to_owned(), ..Step::default() })
    }

    /// Ends it.
    ///
    /// # Errors
    /// As [`Teller::open`].
    pub fn end(&mut self, step: Step) -> Result<()> {
        for line in &step.saw {
            self.open(&wrapped(line, "    ", "      "))?;
        }
        if step.wrong.is_empty() {
            self.open(&format!("    {}", self.painted("32", "holds")))?;
        }
        for line in &step.wrong {
            self.open(&format!("    {} {}", self.painted("31;1", "DOES NOT HOLD:"), output::one_line(line, 600)))?;
        }
        self.told.push(step);
        Ok(())
    }

    /// The steps told.
    pub fn told(&self) -> &[Step] {
        &self.told
    }

    /// How many of them do not hold.
    pub fn failed(&self) -> usize {
        self.told.iter().filter(|step| !step.wrong.is_empty()).count()
    }

    /// The last line.
    pub fn verdict(&self) -> String {
        let (steps, failed) = (self.told.len(), self.failed());
        let took = self.begun.elapsed().as_secs_f64();
        if failed == 0 {
            format!("\n{} in {took:.1} s.", self.painted("32;1", &format!("All {steps} steps hold")))
        } else {
            format!("\n{} in {took:.1} s.", self.painted("31;1", &format!("{failed} of {steps} steps DO NOT HOLD")))
        }
    }

    fn painted(&self, style: &str, text: &str) -> String {
        if self.coloured { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Text in lines of a readable length, without control characters.
fn wrapped(text: &str, first: &str, further: &str) -> String {
    let mut lines = vec![first.to_owned()];
    for word in output::one_line(text, 2_000).split(' ') {
        let line = lines.last_mut().expect("there is a first line");
        if line.trim().is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(format!("{further}{word}"));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_a_wrong_holds_and_one_with_does_not() {
        let mut teller = Teller::new(true);
        let mut good = teller.begin("good").unwrap();
        good.expect(true, || unreachable!("it holds"));
        good.expect_equal("one", &1, &1);
        good.expect_none("nothing", &[]);
        teller.end(good).unwrap();
        assert_eq!(teller.failed(), 0);
        let mut bad = teller.begin("bad").unwrap();
        bad.expect_equal("count", &1, &2);
        bad.expect_none("customers", &["a", "b", "c", "d"].map(str::to_owned));
        assert_eq!(bad.wrong, ["count: found 1, expected 2", "customers: a; b; c; and 1 more"]);
        teller.end(bad).unwrap();
        assert_eq!(teller.failed(), 1);
        assert!(teller.verdict().contains("1 of 2 steps DO NOT HOLD"), "{}", teller.verdict());
    }

    #[test]
    fn long_lines_are_wrapped_between_words() {
        let text = wrapped(&"word ".repeat(60), "  ", "    ");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH) && text.lines().count() == 3, "{text}");
        assert_eq!(text.split_whitespace().count(), 60);
    }
}
