//! Measures the rep-codes job beside its floor.

use super::measured::{Folder, Row, Vendors, numbers, plan_seconds, reading_alone, table, told};
use super::value;
use crate::shell::{self, Result};

/// The Sage Intacct connection of a configuration, which begins with it.
pub fn erp(vendors: &Vendors) -> String {
    format!(
        r#"store = "rightful.sqlite"

[connections.erp]
vendor = "sage-intacct"
base_url = "{}"
allow_private = true
sender_id = "bench"
sender_password = {{ env = "BENCH_SECRET" }}
company_id = "BENCH"
user_id = "bench"
user_password = {{ env = "BENCH_SECRET" }}
entity = "top"
concurrency = 2
"#,
        vendors.text("intacct"),
    )
}

fn config(vendors: &Vendors) -> String {
    let field = format!(
        r#"
[connections.field]
vendor = "skynamo"
base_url = "{}"
allow_private = true
instance = "bench"
api_key = {{ env = "BENCH_SECRET" }}

[integrations.rep-codes]
job = "rep-codes"
source = "erp"
target = "field"
"#,
        vendors.text("skynamo")
    );
    erp(vendors) + &field
}

/// Every figure of one size and latency.
fn scene(customers: u64, latency: u64, keep: bool) -> Result<Vec<Row>> {
    let scene = format!("{customers} | {latency} ms");
    let folder = Folder::new(&format!("{customers}-{latency}"), keep)?;
    let mut vendors = Vendors::start(&["intacct", "skynamo"], customers, latency)?;
    folder.write("rightful.toml", &config(&vendors))?;
    folder.write("codes.csv", &vendors.codes())?;
    let mut rows = Vec::new();
    let floor = |vendors: &Vendors, mode| {
        folder.floor(&["rep-codes", mode, "--intacct", vendors.text("intacct"), "--skynamo", vendors.text("skynamo")])
    };
    // The vendors render their rows at the first request: that is not what is measured.
    floor(&vendors, "count")?;
    vendors.taken()?;
    let mut floors = Vec::new();
    for (work, mode) in [("floor: read and count", "count"), ("floor: read into SQLite", "sqlite")] {
        let figure = floor(&vendors, mode)?;
        floors.push((figure.cpu, figure.wall));
        let requests = vendors.taken()?;
        rows.push(Row { scene: scene.clone(), work, figure, requests, writes: None, floor: None, plan_seconds: None });
    }
    folder.runner(&["codes", "import", "codes.csv", "--reason", "benchmark"])?;
    vendors.taken()?;
    for (work, floor) in
        [("first run: read everything, plan", Some(floors[1])), ("second run: nothing changed", None), ("third run: 5 % changed", None)]
    {
        let changed = if work.starts_with("third") { Some(vendors.change()?) } else { None };
        let before = vendors.dump("skynamo")?;
        let figure = folder.runner(&["run", "--json"])?;
        let after = vendors.dump("skynamo")?;
        let count = |name: &str| after[name].as_u64().unwrap_or_default() - before[name].as_u64().unwrap_or_default();
        if let Some(changed) = changed
            && after["right_after_5_percent"] != customers
        {
            return Err(format!("after {changed} changes {} of {customers} customers are right", after["right_after_5_percent"]));
        }
        let plan_seconds = plan_seconds(&figure);
        if work.starts_with("second") {
            rows.extend(reading_alone(&rows, &figure));
        }
        let writes = Some((count("patches"), count("patched")));
        rows.push(Row { scene: scene.clone(), work, figure, requests: vendors.taken()?, writes, floor, plan_seconds });
    }
    Ok(rows)
}

/// The task.
pub fn run(options: &[&str]) -> Result {
    let sizes = numbers(value(options, "--customers").unwrap_or("100000,1000000"))?;
    let latencies = numbers(value(options, "--latency").unwrap_or("0,50"))?;
    let keep = options.contains(&"--keep");
    shell::run("cargo", &["build", "--profile", "bench", "-p", "rightful-bench"])?;
    shell::run("cargo", &["build", "--profile", "bench", "-p", "rightful", "--no-default-features", "--features", "skynamo,sage-intacct"])?;
    let mut rows = Vec::new();
    for customers in &sizes {
        for latency in &latencies {
            let scene = scene(*customers, *latency, keep)?;
            told(&format!("{customers} customers, {latency} ms"), &scene);
            rows.extend(scene);
        }
    }
    super::write("rep-codes", &table(&["customers", "latency"], &rows))
}
