//! A person signs in at Salesforce's stand-in through the program; a plain HTTP client plays their browser.

use std::net::TcpListener;
use std::process::Stdio;

use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use rightful_core::{Secret, Url};
use rightful_engine::Store as _;
use rightful_sim::RunningSim;
use rightful_sim::world::World;
use rightful_store::SqliteStore;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::keep::KEY;
use crate::stage::{Ended, PATIENCE, ended, program, serve};

const CONFIG: &str = r#"master_key = { env = "MASTER" }

[connections.crm]
vendor = "salesforce"
login_url = "CRM"
sign_in = "refresh-token"
client_id = "3MVG9.example.consumer.key"
client_secret = { env = "CRM_SECRET" }
allow_private = true

[connections.field]
vendor = "skynamo"
instance = "acme"
api_key = { env = "FIELD_KEY" }
"#;

/// An organisation, and a folder with a connection to it.
struct Desk {
    crm: RunningSim,
    folder: TempDir,
}

/// `rightful connect`, waiting for a browser.
struct Waiting {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    printed: String,
    /// The address to open.
    open: Url,
    /// Where the vendor sends the browser.
    redirect: Url,
}

impl Desk {
    async fn new() -> Self {
        let crm = serve(&connector_salesforce::sim::STAND_IN, &World::invent(1, 40), &[]).await;
        let desk = Self { crm, folder: tempfile::tempdir().unwrap() };
        desk.configure(|text| text);
        desk
    }

    fn configure(&self, change: impl FnOnce(String) -> String) {
        let text = change(CONFIG.replace("CRM\"", &format!("{}\"", self.crm.base_url())));
        std::fs::write(self.folder.path().join("rightful.toml"), text).unwrap();
    }

    fn command(&self, words: &[&str]) -> tokio::process::Command {
        let mut command = program(self.folder.path(), words);
        command.env("MASTER", KEY).env("CRM_SECRET", "sandbox-salesforce-secret").env("FIELD_KEY", "sandbox-skynamo-key");
        command
    }

    async fn rightful(&self, words: &[&str]) -> Ended {
        ended(self.command(words)).await
    }

    /// Starts to connect, and registers the address that it asks for, as an admin does.
    async fn connecting(&self) -> Waiting {
        let mut child = self.command(&["connect", "crm", "--port", "0", "--json", "-vv"]).stdin(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let printed = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it asks for nothing").unwrap().unwrap_or_default();
        let asked: Json = serde_json::from_str(&printed).unwrap();
        let url = |name: &str| Url::parse(asked[name].as_str().unwrap()).unwrap();
        let (open, redirect) = (url("open"), url("redirect_uri"));
        self.crm.control("set-app", json!({"callbacks": [redirect.as_str()]})).unwrap();
        Waiting { child, lines, printed, open, redirect }
    }

    /// Connects from end to end.
    async fn connect(&self) -> Ended {
        let waiting = self.connecting().await;
        let back = waiting.vendor_answers(waiting.open.clone()).await;
        assert_eq!(browse(&back).await.0, StatusCode::OK);
        waiting.ends().await
    }

    /// What the connection's slot keeps of tokens, opened with the master key.
    async fn kept(&self) -> Option<Json> {
        let store = SqliteStore::open(&self.folder.path().join("rightful.db")).unwrap().with_master_key(Ok(Some(Secret::new(KEY))));
        let text = store.load_slot(&"crm".into()).await.unwrap().text?;
        serde_json::from_str::<Json>(text.expose()).unwrap().get("oauth").cloned()
    }

    /// Refresh and access token that are kept.
    async fn tokens(&self) -> (String, String) {
        let kept = self.kept().await.expect("nothing is kept");
        let text = |name: &str| kept[name].as_str().unwrap().to_owned();
        (text("refresh_token"), text("access_token"))
    }

    /// Everything in the folder, as bytes read as text.
    fn files(&self) -> String {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        files.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }

    /// Tokens that the vendor gave.
    fn sign_ins(&self) -> i64 {
        self.crm.dump()["sign_ins"].as_i64().unwrap()
    }
}

impl Waiting {
    /// The address that the vendor sends the browser to, once the person has answered.
    async fn vendor_answers(&self, open: Url) -> Url {
        let answer = client().get(open).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FOUND);
        let back = Url::parse(answer.headers()[LOCATION].to_str().unwrap()).unwrap();
        assert!(back.as_str().starts_with(self.redirect.as_str()), "{back}");
        back
    }

    async fn ends(mut self) -> Ended {
        let mut out = self.printed + "\n";
        let output = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                out += &line;
                out.push('\n');
            }
            self.child.wait_with_output().await.unwrap()
        };
        let output = tokio::time::timeout(PATIENCE, output).await.expect("it did not end");
        Ended { code: output.status.code().unwrap_or(-1), out, err: String::from_utf8(output.stderr).unwrap() }
    }
}

fn client() -> Client {
    Client::builder().redirect(Policy::none()).no_proxy().build().unwrap()
}

async fn browse(address: &Url) -> (StatusCode, String) {
    let answer = client().get(address.clone()).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// The value of a member of an address.
fn member(address: &Url, name: &str) -> String {
    address.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The address with a member replaced.
fn with(address: &Url, name: &str, value: &str) -> Url {
    let members: Vec<(String, String)> = address.query_pairs().into_owned().filter(|(key, _)| key != name).collect();
    let mut changed = address.clone();
    changed.query_pairs_mut().clear().extend_pairs(members).append_pair(name, value);
    changed
}

#[tokio::test]
async fn sf_1_a_person_signs_in_once_and_the_connection_works_also_after_rotation() {
    let desk = Desk::new().await;
    let first = ["nobody has signed in for connection `crm`", "rightful connect crm"];
    desk.rightful(&["check"]).await.exits(1).says(&first);
    desk.rightful(&["preflight", "crm"]).await.exits(1).says(&first);
    assert_eq!(desk.crm.requests().count, 0, "a vendor is asked for nothing before");

    let waiting = desk.connecting().await;
    assert_eq!(member(&waiting.open, "code_challenge_method"), "S256");
    let back = waiting.vendor_answers(waiting.open.clone()).await;
    let (status, page) = browse(&back).await;
    assert!(status == StatusCode::OK && page.contains("Close this page"), "{status} {page}");
    let told = waiting.ends().await.exits(0).says(&["rightful preflight crm"]);
    let lines: Vec<Json> = told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[1]["connected"]), (2, &json!("crm")), "{}", told.out);

    // Sealed: in no file and in nothing that was said, at its most talkative.
    let (refresh, access) = desk.tokens().await;
    assert_eq!(desk.sign_ins(), 1);
    assert!(told.err.contains("answered"), "it is not talkative: {}", told.err);
    for secret in [&refresh, &access, &member(&back, "code"), "sandbox-salesforce-secret"] {
        for said in [&told.out, &told.err, &page, &desk.files()] {
            assert!(!secret.is_empty() && !said.contains(secret), "{secret} is told");
        }
    }
    desk.rightful(&["check"]).await.exits(0);
    desk.rightful(&["preflight", "crm"]).await.exits(0).says(&["signed in as"]);
    assert_eq!(desk.sign_ins(), 1, "the session that the sign-in brought is used");
    desk.rightful(&["audit", "list", "--action", "connection.connect"]).await.exits(0).says(&["ann", "crm"]);

    desk.crm.control("switches", json!({"rotation": true})).unwrap();
    for sign_ins in [2, 3] {
        desk.crm.control("end-sessions", json!({})).unwrap();
        desk.rightful(&["preflight", "crm"]).await.exits(0).says(&["signed in as"]);
        let (rotated, _) = desk.tokens().await;
        assert!(rotated != refresh && !desk.files().contains(&rotated));
        assert_eq!(desk.sign_ins(), sign_ins);
    }
}

#[tokio::test]
async fn an_answer_with_another_state_is_refused_and_the_wait_goes_on() {
    let desk = Desk::new().await;
    let waiting = desk.connecting().await;
    let back = waiting.vendor_answers(waiting.open.clone()).await;
    let planted = with(&with(&back, "code", "planted"), "state", "guessed");
    assert_eq!(browse(&planted).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(browse(&with(&planted, "error", "access_denied")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(browse(&waiting.redirect.join("/").unwrap()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(desk.sign_ins(), 0);
    assert_eq!(browse(&back).await.0, StatusCode::OK);
    waiting.ends().await.exits(0);
    assert_eq!(desk.sign_ins(), 1);
}

#[tokio::test]
async fn what_the_vendor_refuses_is_told_with_a_remedy_and_nothing_is_kept() {
    let desk = Desk::new().await;
    let asked = async |way: fn(&Url) -> Url| {
        let waiting = desk.connecting().await;
        let back = waiting.vendor_answers(way(&waiting.open)).await;
        browse(&back).await;
        let told = waiting.ends().await.exits(1);
        assert!(desk.kept().await.is_none(), "something is kept");
        told
    };
    asked(|open| with(open, "login_hint", "nobody@acme.example")).await.says(&[
        "the sign-in was denied at the vendor",
        "end-user denied authorization",
        "as a user who may use the app",
        "`crm`",
    ]);
    assert_eq!(desk.sign_ins(), 0);
    asked(|open| with(open, "scope", "api")).await.says(&["the vendor gave no refresh token", "api, refresh_token"]);
    asked(|open| with(open, "code_challenge", "somebody-elses")).await.says(&["does not accept the grant", "sign in anew"]);
    // An address outside the vendor's domains: nothing is sent there, and the sign-in counts for nothing.
    desk.crm.set_faults("*:evil-instance").unwrap();
    asked(Url::clone).await.says(&["not to be trusted", "`instance_url`"]);
    desk.crm.set_faults("").unwrap();
    desk.configure(|text| text.replace("CRM_SECRET", "FIELD_KEY"));
    asked(Url::clone).await.says(&["does not accept the client's id or secret"]);
}

#[tokio::test]
async fn a_grant_that_was_revoked_is_told_and_signing_in_again_mends_it() {
    let desk = Desk::new().await;
    desk.connect().await.exits(0);
    let (refresh, _) = desk.tokens().await;
    let revoke = Url::parse(&format!("{}/services/oauth2/revoke", desk.crm.base_url())).unwrap();
    assert_eq!(browse(&with(&revoke, "token", &refresh)).await.0, StatusCode::OK);
    for _ in 0..2 {
        desk.rightful(&["preflight", "crm"]).await.exits(7).says(&["sign in again: rightful connect crm"]);
    }
    desk.connect().await.exits(0);
    assert_ne!(desk.tokens().await.0, refresh);
    desk.rightful(&["preflight", "crm"]).await.exits(0);
    // The app's new secret costs nobody another sign-in.
    desk.crm.control("set-app", json!({"client_secret": "sandbox-skynamo-key"})).unwrap();
    desk.crm.control("end-sessions", json!({})).unwrap();
    desk.configure(|text| text.replace("CRM_SECRET", "FIELD_KEY"));
    desk.rightful(&["preflight", "crm"]).await.exits(0);
}

#[tokio::test]
async fn what_cannot_be_connected_is_told_before_anybody_is_asked() {
    let desk = Desk::new().await;
    let connect = async |words: &[&str]| {
        let told = desk.rightful(&[&["connect"], words].concat()).await.exits(1);
        assert_eq!((told.out.as_str(), desk.crm.requests().count), ("", 0));
        told
    };
    connect(&["crmm"]).await.says(&["there is no connection `crmm`", "did you mean `crm`?"]);
    connect(&["field"]).await.says(&["Skynamo has no sign-in in a browser", "it offers: An access token per instance"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    connect(&["crm", "--port", &port]).await.says(&["is in use", "--port PORT", "http://localhost:PORT/callback"]);
    desk.configure(|text| text.replace("refresh-token", "client-credentials"));
    connect(&["crm"]).await.says(&["`sign_in` is client-credentials, which needs no person", "refresh-token"]);
    desk.configure(|text| text.replace("allow_private", "refresh_token = { env = \"CRM_SECRET\" }\nallow_private"));
    connect(&["crm"]).await.says(&["`refresh_token` is given", "take it out"]);
    desk.configure(|text| text.replace("{ env = \"MASTER\" }", "{ env = \"NOT_SET\" }"));
    connect(&["crm"]).await.says(&["NOT_SET is not set"]);
    desk.configure(|text| text.replace("master_key = { env = \"MASTER\" }\n", ""));
    connect(&["crm"]).await.says(&["only kept sealed", "rightful key new", "master_key = "]);
    desk.rightful(&["connect", "crm", "--timeout-seconds", "0"]).await.exits(64);
}

#[tokio::test]
async fn who_does_not_come_is_waited_for_no_longer_than_was_said() {
    let desk = Desk::new().await;
    let told = desk.rightful(&["connect", "crm", "--port", "0", "--timeout-seconds", "1"]).await.exits(1);
    assert!(
        told.out.starts_with(&format!("{}/services/oauth2/authorize?", desk.crm.base_url())) && told.out.lines().count() == 1,
        "{}",
        told.out
    );
    told.says(&["letter by letter: http://localhost:", "Waiting 1 s", "nobody signed in within 1 s", "--timeout-seconds"]);
    assert!(desk.kept().await.is_none());
}
