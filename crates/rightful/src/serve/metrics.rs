//! What Prometheus is told. What the store knows is read when it is asked for, so that a restart loses no age; the rest is counted here.
//!
//! A small page of our own: most of it is what the store says at the moment, and a series whose label is gone must be gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use rightful_console::Served;
use rightful_core::{CALLS, Instant, WAITS};
use rightful_engine::{Alarm, Episode, JobError, RunReport, Schedule, Vitals};

use crate::compose::Spent;

/// One metric: its name, type, labels, and what it says. `docs/operations.md` lists the same.
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// `gauge`, `counter` or `histogram`.
    pub kind: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

const fn family(name: &'static str, kind: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind, labels, help }
}

const ONE: &[&str] = &["integration"];

const AGE: Family = family(
    "rightful_last_complete_run_age_seconds",
    "gauge",
    ONE,
    "Seconds since a run ended done or done-with-holds; where none has, since runs are expected",
);
const UNDER_WAY: Family = family("rightful_run_under_way", "gauge", ONE, "1 while a run was begun and has not ended");
const DELAY: Family = family("rightful_schedule_delay_seconds", "gauge", ONE, "How long a run is due that has not begun");
const STATE: Family = family(
    "rightful_integration_state",
    "gauge",
    &["integration", "state"],
    "1 for the state it is in: ready, paused, quarantined or unready",
);
const ALARM: Family = family("rightful_alarm", "gauge", &["integration", "alarm"], "1 while the alarm stands");
const HOLDS: Family = family("rightful_holds", "gauge", ONE, "Wanted states that wait");
const CASES: Family = family("rightful_cases", "gauge", &["integration", "reason"], "Open cases");
const WAITING: Family = family("rightful_alarm_messages_waiting", "gauge", &[], "Messages about alarms that are not told yet");
const RUNS: Family = family(
    "rightful_runs_total",
    "counter",
    &["integration", "outcome"],
    "Runs of this process that ended; not-begun where one could not begin",
);
const CHANGES: Family =
    family("rightful_changes_total", "counter", &["integration", "result"], "What became of planned changes in runs of this process");
const DURATION: Family = family("rightful_run_duration_seconds", "histogram", ONE, "How long runs of this process took");
const VENDOR_CALLS: Family = family(
    "rightful_vendor_calls_total",
    "counter",
    &["connection"],
    "Calls to the vendor by this process; connections of one account share them",
);
const VENDOR_WAITS: Family =
    family("rightful_vendor_waits_total", "counter", &["connection"], "Waits for the vendor's limits, or before another attempt");
const QUOTA: Family =
    family("rightful_vendor_quota_units_total", "counter", &["connection", "quota"], "Units drawn from what the vendor meters");
const REQUESTS: Family =
    family("rightful_http_requests_total", "counter", &["method", "route", "status"], "Requests that the console of this process answered");
const BUILD: Family = family("rightful_build_info", "gauge", &["version"], "Always 1");

/// All of them, in the order of the page.
#[cfg(test)]
pub const FAMILIES: &[Family] = &[
    AGE,
    UNDER_WAY,
    DELAY,
    STATE,
    ALARM,
    HOLDS,
    CASES,
    WAITING,
    RUNS,
    CHANGES,
    DURATION,
    VENDOR_CALLS,
    VENDOR_WAITS,
    QUOTA,
    REQUESTS,
    BUILD,
];

const OUTCOMES: [&str; 6] = ["done", "done-with-holds", "partial", "refused", "failed", "not-begun"];
const RESULTS: [&str; 5] = ["done", "unchanged", "not-done", "stale", "disputed"];
const STATES: [&str; 4] = ["ready", "paused", "quarantined", "unready"];
const BUCKETS: [u32; 11] = [1, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200];

/// What this process counted.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    runs: BTreeMap<(String, &'static str), u64>,
    changes: BTreeMap<(String, &'static str), u64>,
    durations: BTreeMap<String, Durations>,
}

#[derive(Debug, Default)]
struct Durations {
    /// How many took no longer than each bucket's bound.
    within: [u64; BUCKETS.len()],
    seconds: f64,
    count: u64,
}

impl Metrics {
    /// Counts how a run ended.
    pub fn ended(&self, integration: &str, ended: &Result<RunReport, JobError>, took: TimeDelta) {
        let outcome = match ended {
            Ok(report) => report.outcome.as_str(),
            Err(JobError::Failed(_)) => "not-begun",
            // It ran elsewhere, or is taken up again.
            Err(_) => return,
        };
        let mut counts = self.counts();
        *counts.runs.entry((integration.to_owned(), outcome)).or_default() += 1;
        let Ok(report) = ended else { return };
        let done = &report.counts;
        for (result, count) in RESULTS.into_iter().zip([done.done, done.unchanged, done.not_done, done.stale, done.disputed]) {
            *counts.changes.entry((integration.to_owned(), result)).or_default() += count;
        }
        let seconds = took.to_std().unwrap_or_default().as_secs_f64();
        let durations = counts.durations.entry(integration.to_owned()).or_default();
        for (within, bound) in durations.within.iter_mut().zip(BUCKETS) {
            *within += u64::from(seconds <= f64::from(bound));
        }
        durations.seconds += seconds;
        durations.count += 1;
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known at the moment of asking.
#[derive(Debug)]
pub struct Moment<'a> {
    /// Now.
    pub now: Instant,
    /// Integrations with their schedules.
    pub integrations: &'a BTreeMap<String, Schedule>,
    /// What the store knows of each.
    pub vitals: &'a [Vitals],
    /// Episodes that are open or untold.
    pub episodes: &'a [Episode],
    /// Integrations that cannot run at present.
    pub unready: &'a BTreeSet<String>,
    /// Requests that the console answered.
    pub served: &'a [Served],
    /// What was drawn from accounts.
    pub spent: &'a [Spent],
}

/// The page.
pub fn page(metrics: &Metrics, moment: &Moment<'_>) -> String {
    let unknown = Vitals::default();
    let known: Vec<(&str, &Schedule, &Vitals)> = moment
        .integrations
        .iter()
        .map(|(name, schedule)| {
            (name.as_str(), schedule, moment.vitals.iter().find(|vitals| vitals.integration == *name).unwrap_or(&unknown))
        })
        .collect();
    let counts = metrics.counts();
    let mut page = Page::default();
    page.begin(&AGE);
    for (name, _, vitals) in &known {
        if let Some(age) = vitals.age(moment.now) {
            page.line(&AGE, "", &[name], seconds(age));
        }
    }
    page.begin(&UNDER_WAY);
    for (name, _, vitals) in &known {
        page.line(&UNDER_WAY, "", &[name], u8::from(vitals.unfinished.is_some()));
    }
    page.begin(&DELAY);
    for (name, schedule, vitals) in &known {
        page.line(&DELAY, "", &[name], seconds(vitals.delay(schedule, moment.now)));
    }
    page.begin(&STATE);
    for (name, _, vitals) in &known {
        let state = state(vitals, moment.unready.contains(*name));
        for word in STATES {
            page.line(&STATE, "", &[name, word], u8::from(word == state));
        }
    }
    page.begin(&ALARM);
    for (name, ..) in &known {
        for alarm in Alarm::ALL {
            let stands = |episode: &&Episode| episode.integration == **name && episode.alarm == alarm.as_str() && episode.ended.is_none();
            page.line(&ALARM, "", &[name, alarm.as_str()], u8::from(moment.episodes.iter().any(|episode| stands(&episode))));
        }
    }
    page.begin(&HOLDS);
    for (name, _, vitals) in &known {
        page.line(&HOLDS, "", &[name], vitals.holds);
    }
    page.begin(&CASES);
    for (name, _, vitals) in &known {
        for (reason, count) in &vitals.cases {
            page.line(&CASES, "", &[name, reason], count);
        }
    }
    page.begin(&WAITING);
    let waiting: usize = moment.episodes.iter().map(|episode| episode.to_tell.len() + episode.to_tell_end.len()).sum();
    page.line(&WAITING, "", &[], waiting);
    for (family, words, counted) in [(&RUNS, &OUTCOMES[..], &counts.runs), (&CHANGES, &RESULTS[..], &counts.changes)] {
        page.begin(family);
        for (name, ..) in &known {
            for word in words {
                page.line(family, "", &[name, word], counted.get(&((*name).to_owned(), *word)).copied().unwrap_or_default());
            }
        }
    }
    page.begin(&DURATION);
    for (name, durations) in counts.durations.iter().filter(|(name, _)| moment.integrations.contains_key(*name)) {
        for (bound, within) in BUCKETS.iter().zip(durations.within) {
            page.bucket(name, &bound.to_string(), within);
        }
        page.bucket(name, "+Inf", durations.count);
        page.line(&DURATION, "_sum", &[name], durations.seconds);
        page.line(&DURATION, "_count", &[name], durations.count);
    }
    for (family, counter) in [(&VENDOR_CALLS, CALLS), (&VENDOR_WAITS, WAITS)] {
        page.begin(family);
        for spent in moment.spent {
            page.line(family, "", &[spent.connection.as_str()], spent.counts.get(counter).copied().unwrap_or_default());
        }
    }
    page.begin(&QUOTA);
    for spent in moment.spent {
        for (quota, units) in spent.counts.iter().filter(|(name, _)| ![CALLS, WAITS].contains(name)) {
            page.line(&QUOTA, "", &[spent.connection.as_str(), quota], units);
        }
    }
    page.begin(&REQUESTS);
    for served in moment.served {
        page.line(&REQUESTS, "", &[served.method, &served.route, &served.status.to_string()], served.count);
    }
    page.begin(&BUILD);
    page.line(&BUILD, "", &[env!("CARGO_PKG_VERSION")], 1);
    page.0
}

fn state(vitals: &Vitals, unready: bool) -> &'static str {
    if vitals.state.paused.is_some() {
        "paused"
    } else if vitals.watched.quarantine.is_some() {
        "quarantined"
    } else if unready {
        "unready"
    } else {
        "ready"
    }
}

fn seconds(delta: TimeDelta) -> f64 {
    delta.to_std().unwrap_or_default().as_secs_f64()
}

/// The text form of Prometheus.
#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn begin(&mut self, Family { name, kind, help, .. }: &Family) {
        // Writing into text cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, family: &Family, suffix: &str, values: &[&str], value: impl std::fmt::Display) {
        let labels: Vec<String> =
            family.labels.iter().zip(values).map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{}{suffix}{labels} {value}", family.name);
    }

    fn bucket(&mut self, integration: &str, bound: &str, count: u64) {
        let _ = writeln!(self.0, "{}_bucket{{integration=\"{}\",le=\"{bound}\"}} {count}", DURATION.name, escaped(integration));
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use rightful_core::{Error, ErrorKind};
    use rightful_engine::{Authorship, IntegrationState, Quarantine, RunCounts, RunId, RunOutcome, Watched};

    use super::*;

    fn minute(minutes: i64) -> Instant {
        chrono::DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    /// Reads a page as strictly as its grammar: each series once, below its own HELP and TYPE.
    fn parsed(text: &str) -> BTreeMap<String, f64> {
        let mut series = BTreeMap::new();
        let (mut present, mut seen) = (String::new(), BTreeSet::new());
        assert!(text.ends_with('\n'));
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                present = help.split(' ').next().unwrap().to_owned();
                assert!(seen.insert(present.clone()), "{present} comes twice");
                let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {present} ")).unwrap();
                assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", present.ends_with("_total"), "{present}");
                continue;
            }
            let (name, value) = line.rsplit_once(' ').unwrap();
            let bare = name.split('{').next().unwrap();
            let family = FAMILIES.iter().find(|family| family.name == present).unwrap();
            let suffix = bare.strip_prefix(&present).unwrap_or_else(|| panic!("{line} stands below {present}"));
            assert!(suffix.is_empty() || (family.kind == "histogram" && ["_bucket", "_sum", "_count"].contains(&suffix)), "{line}");
            assert!(bare.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_'), "{line}");
            let labels = name.strip_prefix(bare).unwrap();
            let mut names = Vec::new();
            if !labels.is_empty() {
                let mut rest = labels.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
                loop {
                    let (label, after) = rest.split_once("=\"").unwrap();
                    names.push(label);
                    let mut end = None;
                    let mut letters = after.char_indices();
                    while let Some((at, letter)) = letters.next() {
                        match letter {
                            '\\' => assert!(matches!(letters.next(), Some((_, '\\' | '"' | 'n'))), "{line}"),
                            '"' => {
                                end = Some(at);
                                break;
                            }
                            _ => {}
                        }
                    }
                    match &after[end.unwrap() + 1..] {
                        "" => break,
                        more => rest = more.strip_prefix(',').unwrap(),
                    }
                }
            }
            names.retain(|name| *name != "le");
            assert_eq!(names, family.labels, "{line}");
            assert!(series.insert(name.to_owned(), value.parse().unwrap()).is_none(), "{name} comes twice");
        }
        assert_eq!(seen, FAMILIES.iter().map(|family| family.name.to_owned()).collect());
        series
    }

    fn report(outcome: RunOutcome, done: u64) -> Result<RunReport, JobError> {
        Ok(RunReport {
            run: RunId(1),
            outcome,
            plan: None,
            counts: RunCounts { done, ..RunCounts::default() },
            refusals: Vec::new(),
            stale_plan: false,
            notes: Vec::new(),
            stages: Vec::new(),
        })
    }

    #[test]
    fn the_page_says_what_is_known_and_what_was_counted() {
        let metrics = Metrics::default();
        metrics.ended("rep-codes", &report(RunOutcome::Done, 7), TimeDelta::seconds(40));
        metrics.ended("rep-codes", &report(RunOutcome::Done, 2), TimeDelta::seconds(4_000));
        metrics.ended("rep-codes", &report(RunOutcome::Partial, 1), TimeDelta::seconds(1));
        metrics.ended("rep-codes", &Err(JobError::Failed(Error::new(ErrorKind::Config, "no secret"))), TimeDelta::seconds(1));
        let integrations: BTreeMap<String, Schedule> =
            ["rep-codes", "fresh", "held"].map(|name| (name.to_owned(), Schedule::parse("0 * * * *", "UTC", name).unwrap())).into();
        let by = Authorship { author: "ann".into(), reason: "upgrade".into(), at: minute(0) };
        let vitals = [
            Vitals {
                integration: "rep-codes".into(),
                watched: Watched { last_complete: Some(minute(0)), handled: Some(minute(60)), ..Watched::default() },
                holds: 30,
                cases: vec![("evil \"\\\n".into(), 4)],
                unfinished: Some(RunId(9)),
                ..Vitals::default()
            },
            Vitals {
                integration: "held".into(),
                watched: Watched {
                    quarantine: Some(Quarantine { since: minute(0), reason: "it failed".into() }),
                    expected: Some(minute(10)),
                    ..Watched::default()
                },
                state: IntegrationState { paused: Some(by), editable: false },
                ..Vitals::default()
            },
            // Not configured any more.
            Vitals { integration: "gone".into(), holds: 99, ..Vitals::default() },
        ];
        let episodes = [Episode {
            id: 1,
            integration: "rep-codes".into(),
            alarm: "growing-holds".into(),
            message: "holds grow".into(),
            began: minute(1),
            ended: None,
            to_tell: vec!["webhook".into()],
            to_tell_end: Vec::new(),
        }];
        let spent = [Spent { connection: "erp".into(), counts: [(CALLS, 6), (WAITS, 1), ("transactions", 9)].into() }];
        let unready = ["fresh".to_owned()].into();
        let moment = Moment {
            now: minute(130),
            integrations: &integrations,
            vitals: &vitals,
            episodes: &episodes,
            unready: &unready,
            served: &[Served { method: "GET", route: "/runs/{run}".into(), status: 200, count: 3 }],
            spent: &spent,
        };
        let text = page(&metrics, &moment);
        assert!(text.starts_with("# HELP rightful_last_complete_run_age_seconds "), "the age comes first");
        let series = parsed(&text);
        let table = [
            (r#"rightful_last_complete_run_age_seconds{integration="rep-codes"}"#, Some(7_800.0)),
            (r#"rightful_last_complete_run_age_seconds{integration="held"}"#, Some(7_200.0)),
            (r#"rightful_last_complete_run_age_seconds{integration="fresh"}"#, None),
            (r#"rightful_run_under_way{integration="rep-codes"}"#, Some(1.0)),
            (r#"rightful_run_under_way{integration="fresh"}"#, Some(0.0)),
            (r#"rightful_schedule_delay_seconds{integration="rep-codes"}"#, Some(600.0)),
            (r#"rightful_integration_state{integration="rep-codes",state="ready"}"#, Some(1.0)),
            (r#"rightful_integration_state{integration="fresh",state="unready"}"#, Some(1.0)),
            (r#"rightful_integration_state{integration="held",state="paused"}"#, Some(1.0)),
            (r#"rightful_integration_state{integration="held",state="quarantined"}"#, Some(0.0)),
            (r#"rightful_alarm{integration="rep-codes",alarm="growing-holds"}"#, Some(1.0)),
            (r#"rightful_alarm{integration="fresh",alarm="growing-holds"}"#, Some(0.0)),
            (r#"rightful_holds{integration="rep-codes"}"#, Some(30.0)),
            (r#"rightful_holds{integration="gone"}"#, None),
            (r#"rightful_cases{integration="rep-codes",reason="evil \"\\\n"}"#, Some(4.0)),
            ("rightful_alarm_messages_waiting", Some(1.0)),
            (r#"rightful_runs_total{integration="rep-codes",outcome="done"}"#, Some(2.0)),
            (r#"rightful_runs_total{integration="rep-codes",outcome="not-begun"}"#, Some(1.0)),
            (r#"rightful_runs_total{integration="fresh",outcome="done"}"#, Some(0.0)),
            (r#"rightful_changes_total{integration="rep-codes",result="done"}"#, Some(10.0)),
            (r#"rightful_run_duration_seconds_bucket{integration="rep-codes",le="1"}"#, Some(1.0)),
            (r#"rightful_run_duration_seconds_bucket{integration="rep-codes",le="60"}"#, Some(2.0)),
            (r#"rightful_run_duration_seconds_bucket{integration="rep-codes",le="+Inf"}"#, Some(3.0)),
            (r#"rightful_run_duration_seconds_count{integration="rep-codes"}"#, Some(3.0)),
            (r#"rightful_run_duration_seconds_sum{integration="rep-codes"}"#, Some(4_041.0)),
            (r#"rightful_vendor_calls_total{connection="erp"}"#, Some(6.0)),
            (r#"rightful_vendor_waits_total{connection="erp"}"#, Some(1.0)),
            (r#"rightful_http_requests_total{method="GET",route="/runs/{run}",status="200"}"#, Some(3.0)),
            (r#"rightful_vendor_quota_units_total{connection="erp",quota="transactions"}"#, Some(9.0)),
        ];
        for (name, expected) in table {
            assert_eq!(series.get(name).copied(), expected, "{name} in\n{text}");
        }
    }

    #[test]
    fn the_page_of_operations_lists_each_metric() {
        let text = include_str!("../../../../docs/operations.md");
        let listed: Vec<String> = text.lines().filter(|line| line.starts_with("| `rightful_")).map(str::to_owned).collect();
        let expected: Vec<String> = FAMILIES
            .iter()
            .map(|family| {
                let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
                format!("| `{}` | {} | {} | {} |", family.name, family.kind, labels.join(", "), family.help)
            })
            .collect();
        assert_eq!(listed, expected, "write the table of docs/operations.md as:\n{}", expected.join("\n"));
    }
}
