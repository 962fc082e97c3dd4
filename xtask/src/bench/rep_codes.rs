//! Measures the rep-codes job beside its floor.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

use super::{program, value};
use crate::shell::{self, Result};

/// One measured process.
struct Figure {
    wall: f64,
    cpu: f64,
    peak_mib: f64,
    stdout: String,
}

/// One row of the report.
struct Row {
    customers: u64,
    latency: u64,
    work: &'static str,
    figure: Figure,
    requests: u64,
    /// Writes the vendor got, and records they changed.
    writes: Option<(u64, u64)>,
    /// The floor it is held against, and which.
    floor: Option<(f64, f64)>,
    plan_seconds: Option<f64>,
}

/// Both vendors, served by a process of their own.
struct Vendors {
    child: Child,
    ready: Json,
}

impl Vendors {
    fn start(customers: u64, latency: u64) -> Result<Self> {
        let mut child = Command::new(program("rightful-bench"))
            .args(["vendors", "--customers", &customers.to_string(), "--latency", &latency.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("rightful-bench did not start: {error}"))?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("rightful-bench has no output")?;
        BufReader::new(out).read_line(&mut line).map_err(|error| error.to_string())?;
        let ready = serde_json::from_str::<Vec<Json>>(&line)
            .map(|mut all| all.swap_remove(0))
            .map_err(|error| format!("rightful-bench said `{line}`: {error}"))?;
        Ok(Self { child, ready })
    }

    fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_default()
    }

    fn requests(&self) -> Result<u64> {
        let mut sum = 0;
        for origin in ["intacct_origin", "skynamo_origin"] {
            let counted = call("GET", &format!("{}/_sim/requests", self.text(origin)), "")?;
            sum += counted["count"].as_u64().or(counted["total"].as_u64()).unwrap_or_default();
        }
        Ok(sum)
    }

    fn skynamo(&self) -> Result<Json> {
        call("GET", &format!("{}/_sim/dump", self.text("skynamo_origin")), "")
    }

    fn change(&self) -> Result<u64> {
        let answer = call("POST", &format!("{}/_sim/control/change", self.text("intacct_origin")), "{}")?;
        answer["changed"].as_u64().ok_or_else(|| format!("`change` answered {answer}"))
    }
}

impl Drop for Vendors {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// One request over a plain socket: enough for `/_sim/`, and no HTTP library in xtask.
fn call(method: &str, url: &str, body: &str) -> Result<Json> {
    use std::io::{Read as _, Write as _};
    let rest = url.strip_prefix("http://").ok_or_else(|| format!("`{url}` is not plain HTTP"))?;
    let (host, path) = rest.split_once('/').ok_or_else(|| format!("`{url}` has no path"))?;
    let mut socket = std::net::TcpStream::connect(host).map_err(|error| format!("{host}: {error}"))?;
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    let (head, text) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{url} answered `{answer}`"))?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("{method} {url} answered {head}\n{text}"));
    }
    serde_json::from_str(text).map_err(|error| format!("{url} answered no JSON: {error}"))
}

fn measure(folder: &Path, command: &[&str]) -> Result<Figure> {
    let output = Command::new(program("rightful-bench"))
        .arg("measure")
        .args(command)
        .current_dir(folder)
        .env("BENCH_SECRET", "bench")
        .env("RUST_LOG", "off")
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("rightful-bench did not start: {error}"))?;
    let line = String::from_utf8_lossy(&output.stdout);
    let json: Json = serde_json::from_str(&line).map_err(|error| format!("`measure` printed `{line}`: {error}"))?;
    if json["exit"] != 0 {
        return Err(format!(
            "`{}` ended with {}\n{}\n{}",
            command.join(" "),
            json["exit"],
            json["stdout"],
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(Figure {
        wall: json["wall"].as_f64().unwrap_or_default(),
        cpu: json["cpu"].as_f64().unwrap_or_default(),
        peak_mib: json["peak_kib"].as_f64().unwrap_or_default() / 1024.0,
        stdout: json["stdout"].as_str().unwrap_or_default().to_owned(),
    })
}

fn config(vendors: &Vendors) -> String {
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
        vendors.text("intacct"),
        vendors.text("skynamo")
    )
}

fn codes(vendors: &Vendors) -> String {
    let number = |name: &str| vendors.ready[name].as_u64().unwrap_or_default();
    let mut text = String::from("code,user,successor\n");
    for code in 0..number("codes") {
        let _ = writeln!(text, "E-{code:04},user{},", code % number("users").max(1) + 1);
    }
    text
}

/// Seconds of the plan step, as the runner's own report says.
fn plan_seconds(figure: &Figure) -> Option<f64> {
    let json: Json = serde_json::from_str(&figure.stdout).ok()?;
    let stages = json["report"]["stages"].as_array()?;
    stages.iter().find(|stage| stage["stage"] == "plan").and_then(|stage| stage["milliseconds"].as_f64()).map(|time| time / 1000.0)
}

/// Every figure of one size and latency.
fn scene(customers: u64, latency: u64, keep: bool) -> Result<Vec<Row>> {
    let folder = std::env::temp_dir().join(format!("rightful-bench-{}-{customers}-{latency}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let vendors = Vendors::start(customers, latency)?;
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).map_err(|error| error.to_string());
    write("rightful.toml", config(&vendors))?;
    write("codes.csv", codes(&vendors))?;
    let mut rows = Vec::new();
    let mut requests = vendors.requests()?;
    let mut taken = |vendors: &Vendors| -> Result<u64> {
        let now = vendors.requests()?;
        let taken = now - requests;
        requests = now;
        Ok(taken)
    };
    let bench = program("rightful-bench").display().to_string();
    let runner = program("rightful").display().to_string();
    // The vendors render their rows at the first request: that is not what is measured.
    measure(&folder, &[&bench, "floor", "count", "--intacct", vendors.text("intacct"), "--skynamo", vendors.text("skynamo")])?;
    taken(&vendors)?;
    let mut floors = Vec::new();
    for (work, mode) in [("floor: read and count", "count"), ("floor: read into SQLite", "sqlite")] {
        let figure =
            measure(&folder, &[&bench, "floor", mode, "--intacct", vendors.text("intacct"), "--skynamo", vendors.text("skynamo")])?;
        floors.push((figure.cpu, figure.wall));
        rows.push(Row { customers, latency, work, figure, requests: taken(&vendors)?, writes: None, floor: None, plan_seconds: None });
    }
    measure(&folder, &[&runner, "codes", "import", "codes.csv", "--reason", "benchmark"])?;
    taken(&vendors)?;
    for (work, floor) in
        [("first run: read everything, plan", Some(floors[1])), ("second run: nothing changed", None), ("third run: 5 % changed", None)]
    {
        let changed = if work.starts_with("third") { Some(vendors.change()?) } else { None };
        let before = vendors.skynamo()?;
        let figure = measure(&folder, &[&runner, "run", "--json"])?;
        let after = vendors.skynamo()?;
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
        rows.push(Row { customers, latency, work, figure, requests: taken(&vendors)?, writes, floor, plan_seconds });
    }
    drop(vendors);
    if !keep {
        std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    }
    Ok(rows)
}

/// Reading alone, for the bars that speak of nothing else: the first run less what the second one does as well (planning and the like).
fn reading_alone(rows: &[Row], second: &Figure) -> Option<Row> {
    let first = rows.last().filter(|row| row.work.starts_with("first"))?;
    let figure = Figure {
        wall: first.figure.wall - second.wall,
        cpu: first.figure.cpu - second.cpu,
        peak_mib: first.figure.peak_mib,
        stdout: String::new(),
    };
    Some(Row { work: "reading alone: first run less second", figure, plan_seconds: None, writes: None, ..*first })
}

fn numbers(text: &str) -> Result<Vec<u64>> {
    text.split(',').map(|part| part.trim().replace('_', "").parse().map_err(|_| format!("`{part}` is not a number"))).collect()
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
            eprintln!("bench: {customers} customers, {latency} ms");
            for row in scene(*customers, *latency, keep)? {
                eprintln!(
                    "  {:<36} wall {:>7.2} s  cpu {:>7.2} s  peak {:>6.1} MiB  {:>6} requests",
                    row.work, row.figure.wall, row.figure.cpu, row.figure.peak_mib, row.requests
                );
                rows.push(row);
            }
        }
    }
    super::write("rep-codes", &table(&rows))
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| customers | latency | work | wall | CPU | peak memory | requests | writes | requests per changed record | plan step | CPU beside the SQLite floor | wall beside it |\n",
    );
    text.push_str("| ---: | ---: | --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |\n");
    for row in rows {
        let ratio = |own: f64, floor: Option<f64>| floor.map_or("-".to_owned(), |floor| format!("{:.2} x", own / floor));
        let writes = row.writes.map_or("-".to_owned(), |(calls, records)| format!("{calls} for {records} records"));
        let per_record = match row.writes {
            Some((_, records)) if records > 0 => format!("{:.3}", row.requests as f64 / records as f64),
            _ => "-".to_owned(),
        };
        let _ = writeln!(
            text,
            "| {} | {} ms | {} | {:.2} s | {:.2} s | {:.1} MiB | {} | {writes} | {per_record} | {} | {} | {} |",
            row.customers,
            row.latency,
            row.work,
            row.figure.wall,
            row.figure.cpu,
            row.figure.peak_mib,
            row.requests,
            row.plan_seconds.map_or("-".to_owned(), |seconds| format!("{seconds:.2} s")),
            ratio(row.figure.cpu, row.floor.map(|floor| floor.0)),
            ratio(row.figure.wall, row.floor.map(|floor| floor.1)),
        );
    }
    text
}
