//! `expect.json`: what a connector shall do with a cassette, and what must come of it.

use std::collections::BTreeMap;
use std::path::Path;

use rightful_core::{Error, ErrorKind, FieldName, KeyName, Kind, Mark, Outcome, Purpose, RecordId, Rows, Scan};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::readable::WriteText;

/// One thing to do. `expect.json` holds one, or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    #[serde(default)]
    pub about: Option<String>,
    #[serde(default)]
    pub read: Option<ReadText>,
    #[serde(default)]
    pub write: Option<BatchText>,
    #[serde(default)]
    pub preflight: Option<PurposeText>,
    /// What must come of it.
    #[serde(default)]
    pub gives: Option<Gives>,
    /// How it must fail.
    #[serde(default)]
    pub fails: Option<ErrorPattern>,
    /// How long the client waits meanwhile, in seconds; not at all unless said.
    #[serde(default)]
    pub waits: Waits,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadText {
    pub kind: Kind,
    #[serde(default)]
    pub rows: RowsText,
    #[serde(default)]
    pub fields: Vec<FieldName>,
    #[serde(default)]
    pub cursors: Cursors,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum RowsText {
    #[default]
    All,
    /// `{{mark}}` is the mark of the last read before this one.
    Since(String),
    Ids(Vec<RecordId>),
    Keys {
        name: KeyName,
        values: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cursors {
    #[default]
    OneByOne,
    SideBySide,
    /// Reads the first page only.
    Unread,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchText {
    pub kind: Kind,
    pub batch: Vec<WriteText>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum PurposeText {
    Read(Vec<Kind>),
    Write(Vec<Kind>),
}

/// What must come of a step; a read gives `records`, a write `outcomes`, a preflight `findings`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gives {
    #[serde(default)]
    pub records: Option<Vec<Value>>,
    /// Stated total of the first page; null where it must not state one.
    #[serde(default, deserialize_with = "written")]
    pub total: Option<Value>,
    #[serde(default, deserialize_with = "written")]
    pub whole: Option<Value>,
    /// The first page's mark; `{{any}}` where it must have one.
    #[serde(default, deserialize_with = "written")]
    pub mark: Option<Value>,
    /// How many cursors the first page opens.
    #[serde(default)]
    pub next: Option<usize>,
    /// How many pages there are.
    #[serde(default)]
    pub pages: Option<usize>,
    #[serde(default)]
    pub outcomes: Option<Vec<OutcomePattern>>,
    #[serde(default)]
    pub findings: Option<BTreeMap<String, FindingPattern>>,
}

/// Tells a member that is null from one that is not there.
fn written<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum OutcomePattern {
    Done(RecordId),
    Created(RecordId),
    Unchanged,
    NotDone(ErrorPattern),
    Unknown(ErrorPattern),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum FindingPattern {
    Verdict(String),
    More(FindingText),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindingText {
    pub verdict: String,
    #[serde(default)]
    pub evidence_contains: Option<String>,
    #[serde(default)]
    pub remedy_contains: Option<String>,
}

/// What an error must be like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorPattern {
    pub kind: ErrorKind,
    #[serde(default)]
    pub operation: Option<String>,
    #[serde(default)]
    pub message_contains: Option<String>,
    #[serde(default)]
    pub hint_contains: Option<String>,
    #[serde(default)]
    pub vendor_words_contain: Option<String>,
    /// In seconds.
    #[serde(default)]
    pub retry_after: Option<f64>,
}

/// Waits in seconds, in order.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Waits {
    These(Vec<f64>),
    Word(WaitsWord),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WaitsWord {
    Any,
    Some,
}

impl Default for Waits {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

/// Reads a scenario's `expect.json`.
pub(crate) fn load(folder: &Path) -> Result<Vec<Step>, String> {
    let path = folder.join("expect.json");
    let problem = |error: String| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| problem(error.to_string()))?;
    // The list is told from the single step by its first letter, so that an error keeps its line.
    let steps: Vec<Step> = if text.trim_start().starts_with('[') {
        serde_json::from_str(&text).map_err(|error| problem(error.to_string()))?
    } else {
        vec![serde_json::from_str(&text).map_err(|error| problem(error.to_string()))?]
    };
    if steps.is_empty() {
        return Err(problem("there is no step".to_owned()));
    }
    for (index, step) in steps.iter().enumerate() {
        step.check().map_err(|error| problem(format!("step {}: {error}", index + 1)))?;
    }
    Ok(steps)
}

impl Step {
    fn check(&self) -> Result<(), String> {
        if [self.read.is_some(), self.write.is_some(), self.preflight.is_some()].into_iter().filter(|given| *given).count() != 1 {
            return Err("a step is one of `read`, `write`, `preflight`".to_owned());
        }
        let Some(gives) = &self.gives else {
            return if self.fails.is_some() { Ok(()) } else { Err("say what it `gives`, or how it `fails`".to_owned()) };
        };
        if self.fails.is_some() {
            return Err("a step either `gives` or `fails`".to_owned());
        }
        let page = gives.total.is_some() || gives.whole.is_some() || gives.mark.is_some() || gives.next.is_some() || gives.pages.is_some();
        let given = (gives.records.is_some(), gives.outcomes.is_some(), gives.findings.is_some());
        match (&self.read, &self.write, given) {
            (Some(_), _, (true, false, false)) => Ok(()),
            (Some(_), _, _) => Err("a read gives `records` (and `total`, `whole`, `mark`, `next`, `pages`)".to_owned()),
            (_, Some(write), (false, true, false)) if !page => {
                let outcomes = gives.outcomes.as_ref().map_or(0, Vec::len);
                if outcomes == write.batch.len() {
                    Ok(())
                } else {
                    Err(format!("{} writes have as many outcomes, not {outcomes}", write.batch.len()))
                }
            }
            (_, Some(_), _) => Err("a write gives `outcomes`".to_owned()),
            (None, None, (false, false, true)) if !page => Ok(()),
            (None, None, _) => Err("a preflight gives `findings`".to_owned()),
        }
    }
}

impl ReadText {
    pub(crate) fn scan(&self, last_mark: Option<&Mark>) -> Result<Scan, String> {
        let rows = match &self.rows {
            RowsText::All => Rows::All,
            RowsText::Since(text) if text == "{{mark}}" => Rows::Since(last_mark.cloned().ok_or("no read before this one gave a mark")?),
            RowsText::Since(text) => Rows::Since(Mark(text.clone())),
            RowsText::Ids(ids) => Rows::Ids(ids.clone()),
            RowsText::Keys { name, values } => Rows::Keys(name.clone(), values.clone()),
        };
        Ok(Scan { kind: self.kind.clone(), rows, fields: self.fields.clone() })
    }
}

impl PurposeText {
    pub(crate) fn purpose(&self) -> Purpose {
        match self {
            Self::Read(kinds) => Purpose::Read(kinds.clone()),
            Self::Write(kinds) => Purpose::Write(kinds.clone()),
        }
    }
}

impl ErrorPattern {
    /// How an error differs, a line each.
    pub(crate) fn differences(&self, error: &Error) -> Vec<String> {
        let mut differences = Vec::new();
        if error.kind() != self.kind {
            differences.push(format!("kind: expected {}, got {}", self.kind, error.kind()));
        }
        if let Some(operation) = &self.operation
            && error.failed_operation() != Some(operation)
        {
            differences.push(format!("operation: expected {operation}, got {}", error.failed_operation().unwrap_or("none")));
        }
        let mut contains = |place: &str, part: &Option<String>, text: Option<String>| {
            if let Some(part) = part
                && !text.as_deref().is_some_and(|text| text.contains(part.as_str()))
            {
                differences.push(format!("{place}: expected a text with `{part}`, got {}", text.unwrap_or_else(|| "none".to_owned())));
            }
        };
        contains("message", &self.message_contains, Some(error.to_string()));
        contains("hint", &self.hint_contains, error.mend().map(str::to_owned));
        contains("vendor's words", &self.vendor_words_contain, error.vendor_words());
        if let Some(seconds) = self.retry_after {
            let found = error.wait().map(|wait| wait.as_secs_f64());
            if found.is_none_or(|found| (found - seconds).abs() > 0.001) {
                differences.push(format!("retry_after: expected {seconds} s, got {found:?}"));
            }
        }
        if !differences.is_empty() {
            differences.push(format!("the error was {error:?}"));
        }
        differences
    }
}

impl OutcomePattern {
    /// How an outcome differs, a line each.
    pub(crate) fn differences(&self, outcome: &Outcome) -> Vec<String> {
        let wrong = |expected: String| vec![format!("expected {expected}, got {}", shown(outcome))];
        match (self, outcome) {
            (Self::Done(expected), Outcome::Done { id, created: false }) if id == expected => Vec::new(),
            (Self::Created(expected), Outcome::Done { id, created: true }) if id == expected => Vec::new(),
            (Self::Unchanged, Outcome::Unchanged) => Vec::new(),
            (Self::NotDone(pattern), Outcome::NotDone(error)) | (Self::Unknown(pattern), Outcome::Unknown(error)) => {
                pattern.differences(error)
            }
            (Self::Done(id), _) => wrong(format!("done {id}")),
            (Self::Created(id), _) => wrong(format!("created {id}")),
            (Self::Unchanged, _) => wrong("unchanged".to_owned()),
            (Self::NotDone(pattern), _) => wrong(format!("not done ({})", pattern.kind)),
            (Self::Unknown(pattern), _) => wrong(format!("unknown ({})", pattern.kind)),
        }
    }
}

/// An outcome in a word or two.
pub(crate) fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { id, created: false } => format!("done {id}"),
        Outcome::Done { id, created: true } => format!("created {id}"),
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::NotDone(error) => format!("not done: {error:?}"),
        Outcome::Unknown(error) => format!("unknown: {error:?}"),
    }
}

impl FindingPattern {
    /// Must the check fail?
    pub(crate) fn fails(&self) -> bool {
        matches!(self, Self::Verdict(verdict) | Self::More(FindingText { verdict, .. }) if verdict == "fail")
    }

    pub(crate) fn differences(&self, check: &str, finding: &Value) -> Vec<String> {
        let more = match self {
            Self::Verdict(verdict) => FindingText { verdict: verdict.clone(), evidence_contains: None, remedy_contains: None },
            Self::More(more) => more.clone(),
        };
        let mut differences = Vec::new();
        if finding["verdict"] != json!(more.verdict) {
            differences.push(format!("finding `{check}`: expected {}, got {}", more.verdict, finding));
        }
        for (place, part) in [("evidence", &more.evidence_contains), ("remedy", &more.remedy_contains)] {
            if let Some(part) = part
                && !finding[place].as_str().is_some_and(|text| text.contains(part.as_str()))
            {
                differences.push(format!("finding `{check}`: expected {place} with `{part}`, got {}", finding[place]));
            }
        }
        differences
    }
}
