//! What benchmarks of whole runs share: the vendors in a process of their own, one measured program, and the table of what it took.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

use super::program;
use crate::shell::Result;

/// One measured process.
pub struct Figure {
    pub wall: f64,
    pub cpu: f64,
    pub peak_mib: f64,
    pub stdout: String,
}

/// One row of the report.
pub struct Row {
    /// The first columns: what was measured at which size.
    pub scene: String,
    pub work: &'static str,
    pub figure: Figure,
    pub requests: u64,
    /// Writes the vendor got, and records they changed.
    pub writes: Option<(u64, u64)>,
    /// Processor and wall time of the floor it is held against.
    pub floor: Option<(f64, f64)>,
    pub plan_seconds: Option<f64>,
}

/// Vendors, served by a process of their own.
pub struct Vendors {
    child: Child,
    ready: Json,
    names: Vec<&'static str>,
    told: u64,
}

impl Vendors {
    /// Serves these over so many customers.
    pub fn start(names: &[&'static str], customers: u64, latency: u64) -> Result<Self> {
        let mut child = Command::new(program("rightful-bench"))
            .args(["vendors", "--serve", &names.join(","), "--customers", &customers.to_string(), "--latency", &latency.to_string()])
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
        Ok(Self { child, ready, names: names.to_vec(), told: 0 })
    }

    /// A vendor's address.
    pub fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_default()
    }

    /// Requests since this was asked last.
    pub fn taken(&mut self) -> Result<u64> {
        let mut sum = 0;
        for name in &self.names {
            let counted = call("GET", &format!("{}/_sim/requests", self.text(&format!("{name}_origin"))), "")?;
            sum += counted["count"].as_u64().unwrap_or_default();
        }
        Ok(sum - std::mem::replace(&mut self.told, sum))
    }

    /// What a vendor holds.
    pub fn dump(&self, name: &str) -> Result<Json> {
        call("GET", &format!("{}/_sim/dump", self.text(&format!("{name}_origin"))), "")
    }

    /// Gives every twentieth customer another rep at Sage Intacct.
    pub fn change(&self) -> Result<u64> {
        let answer = call("POST", &format!("{}/_sim/control/change", self.text("intacct_origin")), "{}")?;
        answer["changed"].as_u64().ok_or_else(|| format!("`change` answered {answer}"))
    }

    /// The code table that leads every rep to its user, as a file.
    pub fn codes(&self) -> String {
        let number = |name: &str| self.ready[name].as_u64().unwrap_or_default();
        let mut text = String::from("code,user,successor\n");
        for code in 0..number("codes") {
            let _ = writeln!(text, "E-{code:04},user{},", code % number("users").max(1) + 1);
        }
        text
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

/// A folder of its own for one scene; removed with it unless it is to be kept.
pub struct Folder {
    pub path: PathBuf,
    keep: bool,
}

impl Folder {
    /// An empty one.
    pub fn new(scene: &str, keep: bool) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("rightful-bench-{}-{scene}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| error.to_string())?;
        Ok(Self { path, keep })
    }

    /// Puts a file into it.
    pub fn write(&self, name: &str, text: &str) -> Result {
        std::fs::write(self.path.join(name), text).map_err(|error| error.to_string())
    }

    /// Measures the runner in it.
    pub fn runner(&self, arguments: &[&str]) -> Result<Figure> {
        measure(&self.path, "rightful", arguments)
    }

    /// Measures a floor in it.
    pub fn floor(&self, arguments: &[&str]) -> Result<Figure> {
        measure(&self.path, "rightful-bench", &[&["floor"], arguments].concat())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn measure(folder: &Path, measured: &str, arguments: &[&str]) -> Result<Figure> {
    let output = Command::new(program("rightful-bench"))
        .arg("measure")
        .arg(program(measured))
        .args(arguments)
        .current_dir(folder)
        .env("BENCH_SECRET", "bench")
        .env("RUST_LOG", "off")
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("rightful-bench did not start: {error}"))?;
    let line = String::from_utf8_lossy(&output.stdout);
    let json: Json = serde_json::from_str(&line).map_err(|error| format!("`measure` printed `{line}`: {error}"))?;
    if json["exit"] != 0 {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{measured} {}` ended with {}\n{}\n{error}", arguments.join(" "), json["exit"], json["stdout"]));
    }
    Ok(Figure {
        wall: json["wall"].as_f64().unwrap_or_default(),
        cpu: json["cpu"].as_f64().unwrap_or_default(),
        peak_mib: json["peak_kib"].as_f64().unwrap_or_default() / 1024.0,
        stdout: json["stdout"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Seconds of the plan step, as the runner's own report says.
pub fn plan_seconds(figure: &Figure) -> Option<f64> {
    let json: Json = serde_json::from_str(&figure.stdout).ok()?;
    let stages = json["report"]["stages"].as_array()?;
    stages.iter().find(|stage| stage["stage"] == "plan").and_then(|stage| stage["milliseconds"].as_f64()).map(|time| time / 1000.0)
}

/// Reading alone, for the bars that speak of nothing else: the first run less what the second one does as well (planning and the like).
pub fn reading_alone(rows: &[Row], second: &Figure) -> Option<Row> {
    let first = rows.last().filter(|row| row.work.starts_with("first"))?;
    let figure = Figure {
        wall: first.figure.wall - second.wall,
        cpu: first.figure.cpu - second.cpu,
        peak_mib: first.figure.peak_mib,
        stdout: String::new(),
    };
    let work = "reading alone: first run less second";
    Some(Row { scene: first.scene.clone(), work, figure, plan_seconds: None, writes: None, ..*first })
}

/// Numbers with commas between.
pub fn numbers(text: &str) -> Result<Vec<u64>> {
    text.split(',').map(|part| part.trim().replace('_', "").parse().map_err(|_| format!("`{part}` is not a number"))).collect()
}

/// Tells how a scene went.
pub fn told(scene: &str, rows: &[Row]) {
    eprintln!("bench: {scene}");
    for row in rows {
        eprintln!(
            "  {:<36} wall {:>7.2} s  cpu {:>7.2} s  peak {:>6.1} MiB  {:>6} requests",
            row.work, row.figure.wall, row.figure.cpu, row.figure.peak_mib, row.requests
        );
    }
}

/// The table; `scene` names its first columns, which are numbers.
pub fn table(scene: &[&str], rows: &[Row]) -> String {
    let mut text = format!(
        "| {} | work | wall | CPU | peak memory | requests | writes | requests per changed record | plan step | CPU beside the floor | wall beside it |\n",
        scene.join(" | ")
    );
    let _ =
        writeln!(text, "| {} | --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |", vec!["---:"; scene.len()].join(" | "));
    for row in rows {
        let ratio = |own: f64, floor: Option<f64>| floor.map_or("-".to_owned(), |floor| format!("{:.2} x", own / floor));
        let writes = row.writes.map_or("-".to_owned(), |(calls, records)| format!("{calls} for {records} records"));
        let per_record = match row.writes {
            Some((_, records)) if records > 0 => format!("{:.3}", row.requests as f64 / records as f64),
            _ => "-".to_owned(),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} s | {:.2} s | {:.1} MiB | {} | {writes} | {per_record} | {} | {} | {} |",
            row.scene,
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
