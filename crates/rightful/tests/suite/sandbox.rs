//! Starts the sandbox as a program does that tests its own client, and asks it with plain sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

/// A running sandbox; ended when dropped.
struct Sandbox {
    process: Child,
    vendors: Vec<Json>,
    rest: Json,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended already, as some tests want it to.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rightful"));
    command.arg("sandbox").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Sandbox {
    fn start(arguments: &[&str]) -> Self {
        let mut process = command(&[&["--json", "--customers", "40"], arguments].concat()).spawn().unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            let line: Json = serde_json::from_str(&line.unwrap()).unwrap();
            if line["ready"] == true {
                break;
            }
            lines.push(line);
        }
        let rest = lines.pop().unwrap_or_else(|| {
            let mut told = String::new();
            process.stderr.take().unwrap().read_to_string(&mut told).unwrap();
            panic!("the sandbox did not start: {told}");
        });
        Self { process, vendors: lines, rest }
    }

    fn vendor(&self, id: &str) -> &Json {
        self.vendors.iter().find(|line| line["vendor"] == id).unwrap_or_else(|| panic!("{id} is not among {:?}", self.vendors))
    }

    /// Instance and key, as it printed them.
    fn keys(&self) -> (&str, &str) {
        let credentials = &self.vendor("skynamo")["credentials"];
        (credentials["instance"].as_str().unwrap(), credentials["api_key"].as_str().unwrap())
    }

    /// What its printed curl line answers, asked over a socket by hand: no client of ours takes part.
    fn skynamo(&self, path: &str, instance: &str, key: &str) -> String {
        let line = self.vendor("skynamo");
        let (host, port) = (line["host"].as_str().unwrap(), line["port"].as_u64().unwrap());
        let mut stream = TcpStream::connect((host, u16::try_from(port).unwrap())).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: elsewhere.example\r\nX-Api-Client: {instance}\r\nX-Api-Key: {key}\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn a_program_learns_addresses_credentials_and_a_configuration_and_is_told_when_all_is_ready() {
    let sandbox = Sandbox::start(&[]);
    assert_eq!(sandbox.vendors.len(), 4);
    for (vendor, path, keys) in [("sage-intacct", "/ia/xml/xmlgw.phtml", 5), ("skynamo", "/v1", 2), ("salesscreen", "/api/v1", 1)] {
        let line = sandbox.vendor(vendor);
        assert!(
            line["base_url"].as_str().unwrap().starts_with("http://127.0.0.1:") && line["base_url"].as_str().unwrap().ends_with(path),
            "{line}"
        );
        assert_eq!(line["credentials"].as_object().unwrap().len(), keys, "{line}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.toml");
    std::fs::write(&file, sandbox.rest["config"].as_str().unwrap()).unwrap();
    let table = folder.path().join("table.csv");
    std::fs::write(&table, sandbox.rest["code_table"].as_str().unwrap()).unwrap();
    let rightful = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_rightful")).arg("--config").arg(&file).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    };
    for arguments in
        [&["check"][..], &["preflight"], &["codes", "import", table.to_str().unwrap(), "--author", "me", "--reason", "first table"]]
    {
        let (code, told) = rightful(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {told}");
    }
    let (code, told) = rightful(&["plan", "--detailed-exitcode"]);
    assert!(code == Some(2) || code == Some(4), "{told}");
}

#[test]
fn credentials_ports_and_faults_are_chosen_at_start() {
    // A free port, for a moment: as a person chooses one.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("skynamo={port}");
    let sandbox = Sandbox::start(&[
        "--listen",
        &listen,
        "--credential",
        "skynamo.instance=o'hara@example.com",
        "--credential",
        "skynamo.api_key=a&b<c>'d",
        "--faults",
        "skynamo=2:429=7",
    ]);
    assert_eq!(sandbox.vendor("skynamo")["port"], port);
    assert_eq!(status(&sandbox.skynamo("/v1/users", "o'hara@example.com", "a&b<c>'d")), "200");
    let throttled = sandbox.skynamo("/v1/users", "o'hara@example.com", "a&b<c>'d");
    assert!(status(&throttled) == "429" && throttled.to_lowercase().contains("retry-after: 7"), "{throttled}");
    let usual = Sandbox::start(&[]);
    let (instance, key) = usual.keys();
    assert_eq!((status(&usual.skynamo("/v1/users", instance, key)), status(&sandbox.skynamo("/v1/users", instance, key))), ("200", "403"));
}

#[test]
fn the_same_seed_makes_the_same_rows_and_another_seed_others() {
    let rows = |seed: &str| {
        let sandbox = Sandbox::start(&["--seed", seed]);
        let (instance, key) = sandbox.keys();
        let answer = sandbox.skynamo("/v1/customers?page_size=200", instance, key);
        let body: Json = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        let rows = body["data"].as_array().unwrap().iter();
        rows.map(|row| format!("{} {} {}", row["code"], row["name"], row["assigned_users"])).collect::<Vec<_>>()
    };
    let (one, again, two) = (rows("1"), rows("1"), rows("2"));
    assert_eq!(one, again);
    assert_ne!(one, two);
    assert!(one.len() > 30, "{one:#?}");
}

#[cfg(unix)]
#[test]
fn it_serves_until_it_is_told_to_end_and_then_ends_well() {
    for signal in ["TERM", "INT"] {
        let mut sandbox = Sandbox::start(&[]);
        assert!(Command::new("kill").args([format!("-{signal}"), sandbox.process.id().to_string()]).status().unwrap().success());
        assert_eq!(sandbox.process.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_written_configuration_never_takes_the_place_of_somebodys_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.toml");
    let path = file.to_str().unwrap();
    drop(Sandbox::start(&["--config", path]));
    let first = std::fs::read_to_string(&file).unwrap();
    assert!(folder.path().join("sandbox.codes.csv").is_file());
    // Its own file is written anew: the ports are others.
    drop(Sandbox::start(&["--config", path]));
    assert_ne!(first, std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, "store = \"mine\"\n").unwrap();
    let output = command(&["--config", path]).output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("is not the sandbox's"), "{output:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "store = \"mine\"\n");
}

#[test]
fn what_cannot_be_is_refused_with_what_was_meant() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("skynamo={}", taken.local_addr().unwrap());
    for (arguments, told) in [
        (&["--faults", "skynamoo=3:429"][..], "did you mean `skynamo`?"),
        (&["--faults", "skynamo=3:thottled"], "did you mean `throttled`?"),
        (&["--credential", "skynamo.api_kye=x"], "did you mean `api_key`?"),
        (&["--listen", "0.0.0.0"], "listen on this machine only"),
        (&["--listen", &listen], "choose another port"),
        (&["--customers", "many"], "many"),
    ] {
        let output = command(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(64) && error.contains(told), "{arguments:?}: {:?} {error}", output.status.code());
    }
}
