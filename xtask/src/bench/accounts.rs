//! Measures full reads of Salesforce's accounts, by pages and by query jobs, and giving a part of them to other users, each beside its floor.

use super::measured::{Folder, Row, Vendors, numbers, plan_seconds, reading_alone, table, told};
use super::{rep_codes, value};
use crate::shell::{self, Result};

/// How accounts are read: its word, its floor, and from how many rows on query jobs read.
const WAYS: [(&str, &str, u64); 2] = [("REST", "accounts-rest", 1_000_000_000), ("Bulk 2.0", "accounts-bulk", 1)];

/// How many accounts are there when a part of them goes to others.
const REASSIGNED: &str = "100000";

fn crm(vendors: &Vendors, bulk_from: u64) -> String {
    format!(
        r#"
[connections.crm]
vendor = "salesforce"
login_url = "{}"
allow_private = true
client_id = "bench"
client_secret = {{ env = "BENCH_SECRET" }}
bulk_from = {bulk_from}
"#,
        vendors.text("salesforce_origin")
    )
}

/// One workflow that no account satisfies: all are read, and nothing is written.
fn reading(vendors: &Vendors, bulk_from: u64) -> String {
    let screen = format!(
        r#"
[connections.screen]
vendor = "salesscreen"
base_url = "{}"
allow_private = true
company = "bench"
api_key = {{ env = "BENCH_SECRET" }}

[integrations.activity]
job = "crm-activity"
source = "crm"
target = "screen"

[integrations.activity.workflows.never]
object = "account"
when.Type = "Nothing of this kind"

[integrations.activity.workflows.never.figures.one.set]
activityTypeName = "Accounts"
"activity.key" = "account"
createdDate = 2026-01-31
"#,
        vendors.text("salesscreen")
    );
    "store = \"rightful.sqlite\"\n".to_owned() + &crm(vendors, bulk_from) + &screen
}

/// Every figure of reading one size at one latency.
fn read(way: (&str, &str, u64), accounts: u64, latency: u64, keep: bool) -> Result<Vec<Row>> {
    let (word, floor, bulk_from) = way;
    let scene = format!("{accounts} | {latency} ms | {word}");
    let folder = Folder::new(&format!("{floor}-{accounts}-{latency}"), keep)?;
    let mut vendors = Vendors::start(&["salesforce", "salesscreen"], accounts, latency)?;
    folder.write("rightful.toml", &reading(&vendors, bulk_from))?;
    // The vendor renders its rows at the first request: that is not what is measured.
    folder.floor(&[floor, "count", "--salesforce", vendors.text("salesforce_origin")])?;
    vendors.taken()?;
    let (mut rows, mut floors) = (Vec::new(), Vec::new());
    for (work, mode) in [("floor: read and count", "count"), ("floor: read into SQLite", "sqlite")] {
        let figure = folder.floor(&[floor, mode, "--salesforce", vendors.text("salesforce_origin")])?;
        floors.push((figure.cpu, figure.wall));
        let requests = vendors.taken()?;
        rows.push(Row { scene: scene.clone(), work, figure, requests, writes: None, floor: None, plan_seconds: None });
    }
    for (work, floor) in [("first run: read everything, plan", Some(floors[1])), ("second run: nothing changed", None)] {
        let figure = folder.runner(&["run", "--json"])?;
        let plan_seconds = plan_seconds(&figure);
        if work.starts_with("second") {
            rows.extend(reading_alone(&rows, &figure));
        }
        let written = vendors.dump("salesscreen")?["taken"].as_u64().unwrap_or_default();
        if written > 0 {
            return Err(format!("{work}: {written} requests came to SalesScreen, and nothing is to be written"));
        }
        let requests = vendors.taken()?;
        rows.push(Row { scene: scene.clone(), work, figure, requests, writes: Some((0, 0)), floor, plan_seconds });
    }
    Ok(rows)
}

/// Accounts follow the reps of their customers.
fn owners(vendors: &Vendors) -> String {
    let integration = r#"
[integrations.owners]
job = "rep-codes"
source = "erp"
target = "crm"
target_kind = "account"
"#;
    rep_codes::erp(vendors) + &crm(vendors, WAYS[0].2) + integration
}

/// Every figure of giving every twentieth account to another user.
fn reassign(accounts: u64, latency: u64, keep: bool) -> Result<Vec<Row>> {
    let scene = format!("{accounts} | {latency} ms | REST");
    let folder = Folder::new(&format!("reassign-{accounts}-{latency}"), keep)?;
    let mut vendors = Vendors::start(&["intacct", "salesforce"], accounts, latency)?;
    folder.write("rightful.toml", &owners(&vendors))?;
    folder.write("codes.csv", &vendors.codes())?;
    folder.runner(&["codes", "import", "codes.csv", "--reason", "benchmark"])?;
    let mut rows = Vec::new();
    vendors.taken()?;
    for work in ["first run: read everything, plan", "second run: nothing changed", "third run: 5 % changed", "floor: the same 5 %"] {
        let changed = if work.starts_with("third") { vendors.change()? } else { 0 };
        let before = vendors.dump("salesforce")?;
        let figure = if work.starts_with("floor") {
            folder.floor(&["reassign", "--intacct", vendors.text("intacct"), "--salesforce", vendors.text("salesforce_origin")])?
        } else {
            folder.runner(&["run", "--json"])?
        };
        let after = vendors.dump("salesforce")?;
        let count = |name: &str| after[name].as_u64().unwrap_or_default() - before[name].as_u64().unwrap_or_default();
        if changed > 0 && after["right_after_5_percent"] != accounts {
            return Err(format!("after {changed} changes {} of {accounts} accounts are right", after["right_after_5_percent"]));
        }
        let plan_seconds = plan_seconds(&figure);
        let writes = Some((count("patches"), count("patched")));
        rows.push(Row { scene: scene.clone(), work, figure, requests: vendors.taken()?, writes, floor: None, plan_seconds });
    }
    // It comes last, since it writes what the third run wrote.
    let floor = rows.last().map(|floor| (floor.figure.cpu, floor.figure.wall));
    if let Some(third) = rows.iter_mut().find(|row| row.work.starts_with("third")) {
        third.floor = floor;
    }
    Ok(rows)
}

/// The task.
pub fn run(options: &[&str]) -> Result {
    let sizes = numbers(value(options, "--accounts").unwrap_or("100000,1000000"))?;
    let reassigned = numbers(value(options, "--reassigned").unwrap_or(REASSIGNED))?;
    let latencies = numbers(value(options, "--latency").unwrap_or("0,50"))?;
    let keep = options.contains(&"--keep");
    let features = ["--no-default-features", "--features", "salesforce,salesscreen,sage-intacct"];
    shell::run("cargo", &["build", "--profile", "bench", "-p", "rightful-bench"])?;
    shell::run("cargo", &[&["build", "--profile", "bench", "-p", "rightful"], &features[..]].concat())?;
    let (mut read_rows, mut given_rows) = (Vec::new(), Vec::new());
    for accounts in &sizes {
        for latency in &latencies {
            for way in WAYS {
                let rows = read(way, *accounts, *latency, keep)?;
                told(&format!("{accounts} accounts by {}, {latency} ms", way.0), &rows);
                read_rows.extend(rows);
            }
        }
    }
    for accounts in &reassigned {
        for latency in &latencies {
            let rows = reassign(*accounts, *latency, keep)?;
            told(&format!("5 % of {accounts} accounts to other users, {latency} ms"), &rows);
            given_rows.extend(rows);
        }
    }
    let columns = ["accounts", "latency", "read by"];
    super::write("accounts", &format!("{}\n{}", table(&columns, &read_rows), table(&columns, &given_rows)))
}
