//! The fault table: what becomes of a run, and of Skynamo, under each fault that the simulators know. `docs/faults.md` shows it.

use std::fmt::Write as _;
use std::sync::Arc;

use rightful_sim::{GENERAL_FAULTS, RunningSim};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::pages;
use crate::stage::Stage;

/// The statuses that stand for all.
const STATUSES: &[&str] = &["400", "401", "403", "429=1", "500"];

/// Faults that a client must get over, on whichever requests: the run ends `done`, the target as if unfaulted.
const SURVIVED: &[&str] = &["slow=20", "gzip", "support-id", "shuffled", "unordered", "ignore-filters"];
/// Faults that pass: met once or now and then, the run ends `done` all the same.
const PASSING: &[&str] =
    &["429=1", "500", "drop", "drop-after", "truncate", "throttled", "throttled-without-wait", "limit-exceeded", "timeout", "done-timeout"];

/// Runs at once; most of them wait most of the time.
const AT_ONCE: usize = 8;

/// One line of the table before it is known.
#[derive(Clone, Debug)]
struct Row {
    vendor: &'static str,
    fault: String,
    /// As fault plans spell it; `w` is the number of the first write.
    requests: &'static str,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    outcome: String,
    exit: String,
    state: &'static str,
    again: &'static str,
}

/// The faults of a vendor's simulator as a plan spells them: each general one and each of its own.
fn faults(vendor: &RunningSim) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, _) in GENERAL_FAULTS {
        match *name {
            "STATUS" => faults.extend(STATUSES.iter().map(|status| (*status).to_owned())),
            "slow" => faults.push("slow=20".to_owned()),
            other => faults.push(other.to_owned()),
        }
    }
    faults.extend(vendor.simulator().faults().iter().map(|(name, _)| (*name).to_owned()));
    faults
}

/// Which requests meet a fault of Skynamo's: a read, every request from another read on, a write, every request from that write on.
fn of_skynamo(fault: &str) -> &'static [&'static str] {
    match fault {
        // What is done to rows that are read.
        "unordered" | "row-moved" | "ignore-filters" | "wrong-total" => &["3", "5-"],
        // What is done to batches.
        "atomic" | "partial" => &["w", "w-"],
        _ => &["3", "5-", "w", "w-"],
    }
}

/// Which requests meet a fault of Sage Intacct's: the sign-in, a read, every request from another read on.
fn of_sage_intacct(fault: &str) -> &'static [&'static str] {
    match fault {
        // The level that a session stands at is the same for all its requests: a page of it alone is no misfortune that happens.
        "empty-reps" => &["*"],
        // It speaks of writes, and nothing is written there.
        "partial-failure" => &["5-"],
        "evil-endpoint" | "empty-authentication" => &["1", "5-"],
        _ => &["1", "3", "5-"],
    }
}

fn rows(stage: &Stage) -> Vec<Row> {
    type Requests = fn(&str) -> &'static [&'static str];
    let of = |vendor, simulator: &RunningSim, requests: Requests| -> Vec<Row> {
        let each =
            |fault: String| requests(&fault).iter().map(move |requests| Row { vendor, fault: fault.clone(), requests }).collect::<Vec<_>>();
        faults(simulator).into_iter().flat_map(each).collect()
    };
    let mut rows = of("skynamo", &stage.skynamo, of_skynamo);
    rows.extend(of("sage-intacct", &stage.intacct, of_sage_intacct));
    rows
}

/// Writes go out side by side: whether others are on their way when a key is refused is chance, and both ends are right.
fn is_race(row: &Row) -> bool {
    row.vendor == "skynamo" && row.requests == "w" && matches!(row.fault.as_str(), "401" | "forbidden")
}

/// The number of Skynamo's first write in a run without faults, which also says that there is one.
async fn first_write() -> u64 {
    let stage = Stage::new().await;
    stage.rightful(&["run"]).await.exits(0);
    stage.assert_as_due(&stage.target());
    let log = stage.skynamo.log();
    log.iter().find(|line| line.method == "PATCH").expect("a run writes").number
}

async fn tried(row: &Row, first_write: u64) -> Found {
    let stage = Stage::new().await;
    let before = stage.target();
    let vendor = if row.vendor == "skynamo" { &stage.skynamo } else { &stage.intacct };
    let requests = row.requests.replace('w', &first_write.to_string());
    vendor.set_faults(&format!("{requests}:{}", row.fault)).unwrap();
    let ended = stage.rightful(&["run", "--json"]).await;
    let report = ended.json();
    let outcome = report["report"]["outcome"].as_str().unwrap_or("none").to_owned();
    let after = stage.target();
    let (due, visitors) = stage.due();
    let is_due = |code: &str| after.customers[code].owners == due[code];
    let state = if after == before {
        "untouched"
    } else if after.customers.keys().all(|code| is_due(code)) && after.visitors == visitors {
        "as if unfaulted"
    } else {
        "in part"
    };
    // Whatever happened, no customer stands as nobody wanted it, and none was written twice.
    for (code, held) in &after.customers {
        let was = &before.customers[code];
        assert!(is_due(code) || held.owners == was.owners, "{row:?}: {code} became {held:?}, was {was:?}, due {:?}", due[code]);
        assert!(held.writes - was.writes <= 1, "{row:?}: {code} was written {} times", held.writes - was.writes);
    }
    // Whatever was left unread or unwritten is never called done.
    assert!(outcome != "done" || state == "as if unfaulted", "{row:?}: done, but {state}: {}", ended.out);
    assert!(ended.code != 0 || outcome == "done", "{row:?}: {outcome} with exit code 0");
    let again = if outcome == "done" {
        "-"
    } else {
        // What is told ends in what to do.
        assert!(
            !report["report"]["notes"].as_array().unwrap().is_empty() || report["cases"].as_object().is_some_and(|cases| !cases.is_empty()),
            "{row:?}: {}",
            ended.out
        );
        vendor.set_faults("").unwrap();
        let again = stage.rightful(&["run"]).await;
        let healed = stage.target();
        if again.code == 0 {
            stage.assert_as_due(&healed);
            healed.assert_each_written_once_since(&before);
            "done"
        } else {
            again.exits(1).says(&["not tried again with the same credentials"]);
            assert_eq!(healed, after, "{row:?}");
            "wants new credentials"
        }
    };
    stage.assert_no_open_intents().await;
    if is_race(row) {
        let either = (outcome.as_str(), ended.code, state);
        assert!([("failed", 1, "untouched"), ("partial", 3, "in part")].contains(&either), "{row:?}: {either:?}");
        return Found { outcome: "failed or partial".to_owned(), exit: "1 or 3".to_owned(), state: "untouched or in part", again };
    }
    Found { outcome, exit: ended.code.to_string(), state, again }
}

/// Misfortune in a rhythm can meet every attempt at one write: whether a run then ends `done` or `partial` is chance. `tried` judges both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_in_a_rhythm_leave_nothing_half_told() {
    let first_write = first_write().await;
    for fault in ["429=1", "500", "drop", "drop-after", "unordered"] {
        let row = Row { vendor: "skynamo", fault: fault.to_owned(), requests: "/3" };
        let found = tried(&row, first_write).await;
        assert!(matches!(found.outcome.as_str(), "done" | "partial"), "{row:?}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_both_simulators_ends_as_the_table_says() {
    let stage = Stage::new().await;
    let rows = rows(&stage);
    let first_write = first_write().await;
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut runs = JoinSet::new();
    for (place, row) in rows.iter().cloned().enumerate() {
        let permits = permits.clone();
        runs.spawn(async move {
            let _permit = permits.acquire().await;
            (place, tried(&row, first_write).await)
        });
    }
    let mut found: Vec<Option<Found>> = vec![None; rows.len()];
    let mut failed = 0;
    while let Some(ended) = runs.join_next().await {
        match ended {
            Ok((place, one)) => found[place] = Some(one),
            Err(_) => failed += 1,
        }
    }
    let known: Vec<(&Row, &Found)> = rows.iter().zip(&found).filter_map(|(row, found)| Some((row, found.as_ref()?))).collect();
    let mut wrong = Vec::new();
    for (row, found) in &known {
        let survived = SURVIVED.contains(&row.fault.as_str()) || (PASSING.contains(&row.fault.as_str()) && !row.requests.ends_with('-'));
        if survived && found.outcome != "done" {
            wrong.push(format!("{row:?} is to be got over: {found:?}"));
        }
    }
    pages::compare("docs/faults.md", &page(&stage, &known));
    assert!(failed == 0 && wrong.is_empty(), "{failed} rows failed, see above; {wrong:#?}");
}

/// The page. Rows of one fault that end alike are one line.
fn page(stage: &Stage, known: &[(&Row, &Found)]) -> String {
    let mut text = include_str!("faults_head.md").to_owned();
    for (title, vendor, simulator) in [("Skynamo", "skynamo", &stage.skynamo), ("Sage Intacct", "sage-intacct", &stage.intacct)] {
        let _ = write!(
            text,
            "\n## Faults of {title}\n\n| Fault | Requests | Ends | Exit code | Skynamo afterwards | Run again without the fault |\n| --- | --- | --- | --- | --- | --- |\n"
        );
        let mut lines: Vec<(&str, &Found, Vec<&str>)> = Vec::new();
        for (row, found) in known.iter().filter(|(row, _)| row.vendor == vendor) {
            match lines.iter_mut().find(|(fault, same, _)| *fault == row.fault && same == found) {
                Some((_, _, requests)) => requests.push(row.requests),
                None => lines.push((&row.fault, found, vec![row.requests])),
            }
        }
        for (fault, found, requests) in lines {
            let requests: Vec<String> = requests.iter().map(|requests| format!("`{requests}`")).collect();
            let Found { outcome, exit, state, again } = found;
            let _ = writeln!(text, "| `{fault}` | {} | {outcome} | {exit} | {state} | {again} |", requests.join(", "));
        }
        let _ = writeln!(text, "\nWhat its own faults are:\n");
        for (name, about) in simulator.simulator().faults() {
            let _ = writeln!(text, "- `{name}`: {}", about.trim_end_matches('.'));
        }
    }
    text
}
