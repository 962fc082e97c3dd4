//! Runs one scenario folder: its steps against its cassette, expected beside actual.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::join_all;
use rightful_core::{Connector, Cursor, Descriptor, Error, ErrorKind, Mark, Page, Record, Scan, Verb};
use serde_json::{Value, json};

use crate::cassette::{Cassette, Lost};
use crate::expectation::{Cursors, FindingPattern, Gives, OutcomePattern, Step, Waits, WaitsWord, load};
use crate::readable;
use crate::replay::Replay;
use crate::side_by_side::side_by_side;

/// More pages than any scenario or simulator has: a cursor that opens itself is found out.
const PAGES: usize = 20_000;

/// A whole scan, read to its end.
#[derive(Clone, Debug, Default)]
pub struct WholeScan {
    /// The first page's facts, its items taken out.
    pub first: Page,
    /// Every row in the order read; rows may repeat.
    pub records: Vec<Record>,
    /// How many pages there were.
    pub pages: usize,
}

/// Reads a scan to its end, following every cursor; `width` of them side by side.
///
/// # Errors
/// The first page's error, in the order of the cursors.
pub async fn read_whole(connector: &dyn Connector, scan: &Scan, width: usize) -> Result<WholeScan, Error> {
    let mut first = connector.read(scan, None).await?;
    let mut whole = WholeScan { records: std::mem::take(&mut first.items), pages: 1, first };
    let mut open: Vec<Cursor> = whole.first.next.clone();
    while !open.is_empty() {
        assert!(whole.pages < PAGES, "the scan {scan:?} does not end: {PAGES} pages were read");
        let turn: Vec<Cursor> = open.drain(..open.len().min(width.max(1))).collect();
        for page in join_all(turn.iter().map(|cursor| connector.read(scan, Some(cursor)))).await {
            let page = page?;
            whole.pages += 1;
            whole.records.extend(page.items);
            open.extend(page.next);
        }
    }
    Ok(whole)
}

/// A situation that some scenario of every vendor shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Case {
    HappyPath,
    SecondPage,
    Throttled,
    RefusedSignIn,
    PartialFailure,
    UnknownFate,
    MalformedAnswer,
    Empty,
}

impl Case {
    pub(crate) const ALL: [Self; 8] = [
        Self::HappyPath,
        Self::SecondPage,
        Self::Throttled,
        Self::RefusedSignIn,
        Self::PartialFailure,
        Self::UnknownFate,
        Self::MalformedAnswer,
        Self::Empty,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HappyPath => "happy-path",
            Self::SecondPage => "second-page",
            Self::Throttled => "throttled",
            Self::RefusedSignIn => "refused-sign-in",
            Self::PartialFailure => "partial-failure",
            Self::UnknownFate => "unknown-fate",
            Self::MalformedAnswer => "malformed-answer",
            Self::Empty => "empty",
        }
    }

    /// How a scenario shows it.
    fn shown_by(self) -> &'static str {
        match self {
            Self::HappyPath => "a read that gives records",
            Self::SecondPage => "a read that gives `pages` of 2 or more",
            Self::Throttled => "a step that `waits`, or fails with rate-limited",
            Self::RefusedSignIn => "a step that fails with unauthenticated, or a preflight whose finding `sign-in` fails",
            Self::PartialFailure => "a write that gives one outcome done and another not-done",
            Self::UnknownFate => "a write with a response `\"lost\": \"after-acting\"`",
            Self::MalformedAnswer => "a step that fails with protocol, or a write outcome that does",
            Self::Empty => "a read that gives no records",
        }
    }

    fn needs_reading(self) -> bool {
        matches!(self, Self::HappyPath | Self::SecondPage | Self::Empty)
    }

    fn needs_writing(self) -> bool {
        matches!(self, Self::PartialFailure | Self::UnknownFate)
    }
}

/// What the steps of a scenario show to work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    pub read: BTreeSet<String>,
    pub written: BTreeSet<(String, Verb)>,
    /// Fields that came with a value, by kind.
    pub fields: BTreeSet<(String, String)>,
    /// Fields that were set by a write that was done, by kind.
    pub set: BTreeSet<(String, String)>,
    /// Kinds whose reading was refused as unsupported.
    pub unread: BTreeSet<String>,
    pub cases: BTreeSet<Case>,
}

/// The scenario folders of a vendor, by name.
pub(crate) fn scenarios(fixtures: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(fixtures).map_err(|error| format!("{}: {error}", fixtures.display()))?;
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

/// What the scenarios of a vendor show together.
pub(crate) fn coverage_of_all(folders: &[PathBuf]) -> Result<Coverage, String> {
    let mut all = Coverage::default();
    for folder in folders {
        let Coverage { read, written, fields, set, unread, cases } = coverage(folder)?;
        all.read.extend(read);
        all.written.extend(written);
        all.fields.extend(fields);
        all.set.extend(set);
        all.unread.extend(unread);
        all.cases.extend(cases);
    }
    Ok(all)
}

/// What a scenario shows, from its files alone.
fn coverage(folder: &Path) -> Result<Coverage, String> {
    let mut coverage = Coverage::default();
    let cassette = Cassette::load(folder)?;
    let loses = cassette.exchanges.iter().any(|exchange| exchange.response.lost == Some(Lost::AfterActing));
    for step in load(folder)? {
        coverage.cases.extend(step.cases());
        if loses && step.write.is_some() {
            coverage.cases.insert(Case::UnknownFate);
        }
        if let (Some(read), Some(pattern)) = (&step.read, &step.fails)
            && pattern.kind == ErrorKind::Unsupported
        {
            coverage.unread.insert(read.kind.to_string());
        }
        let Some(gives) = &step.gives else { continue };
        if let Some(read) = &step.read {
            coverage.read.insert(read.kind.to_string());
            let values = gives.records.iter().flatten().filter_map(|record| record["values"].as_object()).flatten();
            coverage.fields.extend(values.filter(|(_, value)| !value.is_null()).map(|(field, _)| (read.kind.to_string(), field.clone())));
        }
        if let (Some(write), Some(outcomes)) = (&step.write, &gives.outcomes) {
            for (text, outcome) in write.batch.iter().zip(outcomes) {
                if !matches!(outcome, OutcomePattern::Done(_) | OutcomePattern::Created(_)) {
                    continue;
                }
                coverage.written.insert((write.kind.to_string(), text.verb()));
                coverage.set.extend(text.set.keys().map(|field| (write.kind.to_string(), field.clone())));
            }
        }
    }
    Ok(coverage)
}

impl Step {
    /// The cases its own text shows.
    fn cases(&self) -> BTreeSet<Case> {
        let mut cases = BTreeSet::new();
        let fails = self.fails.as_ref().map(|pattern| pattern.kind);
        let waits = match &self.waits {
            Waits::These(waits) => !waits.is_empty(),
            Waits::Word(word) => matches!(word, WaitsWord::Some),
        };
        let mut shows = |case, shown| {
            if shown {
                cases.insert(case);
            }
        };
        shows(Case::Throttled, waits || fails == Some(ErrorKind::RateLimited));
        shows(Case::RefusedSignIn, fails == Some(ErrorKind::Unauthenticated));
        shows(Case::MalformedAnswer, fails == Some(ErrorKind::Protocol));
        if let Some(gives) = &self.gives {
            let records = gives.records.as_ref().map(Vec::len);
            shows(Case::HappyPath, records.is_some_and(|count| count > 0));
            shows(Case::Empty, records == Some(0));
            shows(Case::SecondPage, gives.pages.is_some_and(|pages| pages > 1));
            let outcomes = gives.outcomes.as_deref().unwrap_or_default();
            let done = outcomes.iter().any(|outcome| matches!(outcome, OutcomePattern::Done(_) | OutcomePattern::Created(_)));
            let refused = outcomes.iter().any(|outcome| matches!(outcome, OutcomePattern::NotDone(_)));
            shows(Case::PartialFailure, done && refused);
            let unreadable = |outcome: &OutcomePattern| match outcome {
                OutcomePattern::NotDone(pattern) | OutcomePattern::Unknown(pattern) => pattern.kind == ErrorKind::Protocol,
                OutcomePattern::Done(_) | OutcomePattern::Created(_) | OutcomePattern::Unchanged => false,
            };
            shows(Case::MalformedAnswer, outcomes.iter().any(unreadable));
            let sign_in = gives.findings.as_ref().and_then(|findings| findings.get("sign-in"));
            shows(Case::RefusedSignIn, sign_in.is_some_and(FindingPattern::fails));
        }
        cases
    }
}

/// Runs a scenario folder, given relative to the workspace.
///
/// # Errors
/// Everything that was not as expected, for people.
pub async fn run_scenario(descriptor: &Descriptor, folder: impl AsRef<Path>) -> Result<(), String> {
    let replay = Replay::open(folder).await?;
    let mut problems = match load(replay.folder()) {
        Ok(steps) => run_steps(descriptor, &replay, &steps).await,
        Err(problem) => vec![problem],
    };
    problems.extend(replay.end());
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

async fn run_steps(descriptor: &Descriptor, replay: &Replay, steps: &[Step]) -> Vec<String> {
    let connector = match replay.try_connect(descriptor) {
        Ok(connector) => connector,
        Err(error) => return vec![format!("connecting failed: {error:?}")],
    };
    let mut problems = Vec::new();
    let mut mark = None;
    for (index, step) in steps.iter().enumerate() {
        let waited = replay.waits().len();
        let mut found = run_step(&*connector, step, &mut mark).await;
        found.extend(wait_differences(&step.waits, &replay.waits()[waited..]));
        let name = step.about.as_ref().map_or_else(|| format!("step {}", index + 1), |about| format!("step {} ({about})", index + 1));
        problems.extend(found.into_iter().map(|problem| format!("{name}: {problem}")));
    }
    problems
}

async fn run_step(connector: &dyn Connector, step: &Step, mark: &mut Option<Mark>) -> Vec<String> {
    if let Some(read) = &step.read {
        let scan = match read.scan(mark.as_ref()) {
            Ok(scan) => scan,
            Err(problem) => return vec![problem],
        };
        let result = match read.cursors {
            Cursors::OneByOne => read_whole(connector, &scan, 1).await,
            Cursors::SideBySide => read_whole(connector, &scan, usize::MAX).await,
            Cursors::Unread => {
                connector.read(&scan, None).await.map(|mut first| WholeScan { records: std::mem::take(&mut first.items), pages: 1, first })
            }
        };
        if let Ok(whole) = &result {
            mark.clone_from(&whole.first.mark);
        }
        return judged(step, result, |gives, whole| page_differences(gives, &scan, whole));
    }
    if let Some(write) = &step.write {
        let batch = match write.batch.iter().enumerate().map(|(place, text)| text.write(place)).collect::<Result<Vec<_>, _>>() {
            Ok(batch) => batch,
            Err(problem) => return vec![problem],
        };
        let result = connector.write(&write.kind, &batch).await;
        return judged(step, result, |gives, outcomes| {
            let expected = gives.outcomes.as_deref().unwrap_or_default();
            if expected.len() != outcomes.len() {
                return vec![format!("{} writes were answered by {} outcomes", expected.len(), outcomes.len())];
            }
            let differences = expected.iter().zip(outcomes).enumerate();
            differences
                .flat_map(|(place, (pattern, outcome))| {
                    pattern.differences(outcome).into_iter().map(move |difference| format!("write {}: {difference}", place + 1))
                })
                .collect()
        });
    }
    let Some(purpose) = &step.preflight else { return vec!["there is nothing to do".to_owned()] };
    let result = connector.preflight(&purpose.purpose()).await;
    judged(step, result, |gives, findings| {
        let expected = gives.findings.clone().unwrap_or_default();
        let mut differences = Vec::new();
        for (check, pattern) in &expected {
            match findings.iter().find(|finding| finding.check == *check) {
                Some(finding) => differences.extend(pattern.differences(check, &readable::finding(finding))),
                None => differences.push(format!("finding `{check}`: expected, got none")),
            }
        }
        let unexpected = findings.iter().filter(|finding| !expected.contains_key(&finding.check));
        differences
            .extend(unexpected.map(|finding| format!("finding `{}`: not expected, got {}", finding.check, readable::finding(finding))));
        differences
    })
}

/// Holds a result against what the step gives, or its error against how it fails.
fn judged<T>(step: &Step, result: Result<T, Error>, differences: impl FnOnce(&Gives, &T) -> Vec<String>) -> Vec<String> {
    match (result, &step.gives, &step.fails) {
        (Ok(value), Some(gives), _) => differences(gives, &value),
        (Err(error), _, Some(pattern)) => pattern.differences(&error),
        (Ok(_), None, Some(pattern)) => vec![format!("expected it to fail ({}), but it succeeded", pattern.kind)],
        (Err(error), Some(_), _) => vec![format!("expected it to succeed, but it failed: {error:?}")],
        (_, None, None) => vec!["nothing is expected of it".to_owned()],
    }
}

fn page_differences(gives: &Gives, scan: &Scan, whole: &WholeScan) -> Vec<String> {
    let mut differences = Vec::new();
    let expected: Value = gives.records.clone().unwrap_or_default().into_iter().map(readable::plain_record).collect();
    let actual: Value = whole.records.iter().map(|record| readable::record(record, &scan.fields)).collect();
    if expected != actual {
        differences.push(format!("the records differ:\n{}", side_by_side(&expected, &actual)));
    }
    let mark = json!(whole.first.mark.as_ref().map(|mark| mark.0.as_str()));
    let mark_expected = gives.mark.as_ref().filter(|expected| **expected != json!("{{any}}") || mark.is_null());
    for (name, expected, actual) in [
        ("total", gives.total.as_ref(), json!(whole.first.total)),
        ("whole", gives.whole.as_ref(), json!(whole.first.whole)),
        ("mark", mark_expected, mark),
        ("next", gives.next.map(Value::from).as_ref(), json!(whole.first.next.len())),
        ("pages", gives.pages.map(Value::from).as_ref(), json!(whole.pages)),
    ] {
        if let Some(expected) = expected
            && *expected != actual
        {
            differences.push(format!("{name}: expected {expected}, got {actual}"));
        }
    }
    differences
}

fn wait_differences(expected: &Waits, waits: &[Duration]) -> Option<String> {
    let waits: Vec<f64> = waits.iter().map(Duration::as_secs_f64).collect();
    let holds = match expected {
        Waits::Word(WaitsWord::Any) => true,
        Waits::Word(WaitsWord::Some) => !waits.is_empty(),
        Waits::These(expected) => {
            expected.len() == waits.len() && expected.iter().zip(&waits).all(|(expected, wait)| (expected - wait).abs() < 0.001)
        }
    };
    let said = match expected {
        Waits::Word(_) => "some".to_owned(),
        Waits::These(expected) => format!("{expected:?}"),
    };
    (!holds).then(|| format!("waits in seconds: expected {said}, got {waits:?}"))
}

/// The kinds, verbs and cases that neither `covered` nor `waived` names. A waiver's name is `KIND`, `KIND:VERB` or a case's name.
pub(crate) fn uncovered(descriptor: &Descriptor, covered: &Coverage, waived: impl Fn(&str) -> bool) -> Vec<String> {
    let mut missing = Vec::new();
    let kinds = (descriptor.kinds)();
    for spec in &kinds {
        if spec.unreadable.is_some() {
            if !covered.unread.contains(spec.kind.as_str()) && !waived(spec.kind.as_str()) {
                missing.push(format!("no scenario shows that reading kind `{}` is refused", spec.kind));
            }
        } else if !covered.read.contains(spec.kind.as_str()) && !waived(spec.kind.as_str()) {
            missing.push(format!("no scenario reads kind `{}`", spec.kind));
        }
        for verb in &spec.verbs {
            let name = format!("{}:{}", spec.kind, format!("{verb:?}").to_lowercase());
            // A scenario's write with an id is an upsert where the kind says so.
            let shown = if *verb == Verb::Upsert { Verb::Update } else { *verb };
            if !covered.written.contains(&(spec.kind.to_string(), shown)) && !waived(spec.kind.as_str()) && !waived(&name) {
                missing.push(format!("no scenario shows that `{}` can be written ({verb:?})", spec.kind));
            }
        }
    }
    let writes = kinds.iter().any(|spec| !spec.verbs.is_empty());
    let reads = kinds.is_empty() || kinds.iter().any(|spec| spec.unreadable.is_none());
    let cases = Case::ALL.into_iter().filter(|case| (writes || !case.needs_writing()) && (reads || !case.needs_reading()));
    let open = cases.filter(|case| !covered.cases.contains(case) && !waived(case.name()));
    missing.extend(open.map(|case| format!("no scenario shows the case {}: {}", case.name(), case.shown_by())));
    missing
}
