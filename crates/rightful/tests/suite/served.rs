//! `rightful serve` as a child process: what it says, how it is asked, killed and stopped.

use std::process::Stdio;

use reqwest::StatusCode;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::stage::PATIENCE;

/// A server under way.
pub struct Served {
    child: Child,
    /// Where its console is.
    pub console: String,
    /// The one-time link of the first admin.
    pub link: Option<String>,
    said: watch::Receiver<String>,
}

/// What `serve` is started with: it tells its address as JSON, and takes a free port.
pub const SERVE: &[&str] = &["serve", "--json", "--listen", "127.0.0.1:0"];

impl Served {
    /// Starts it and waits until it tells where its console is.
    pub async fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, said) = watch::channel(String::new());
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = errors.next_line().await {
                tell.send_modify(|all| all.extend([line.as_str(), "\n"]));
            }
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        let read = tokio::time::timeout(PATIENCE, lines.read_line(&mut first)).await.expect("the server does not say where it is");
        let told: serde_json::Value =
            read.ok().and_then(|_| serde_json::from_str(&first).ok()).unwrap_or_else(|| panic!("{first}\n{}", said.borrow().as_str()));
        tokio::spawn(async move { lines.read_to_string(&mut String::new()).await });
        let text = |name: &str| told[name].as_str().map(str::to_owned);
        Self { child, console: text("console").expect("an address"), link: text("link"), said }
    }

    /// Everything it said on standard error so far.
    pub fn log(&self) -> String {
        self.said.borrow().clone()
    }

    /// Waits until it said these words.
    pub async fn says(&self, words: &str) {
        let mut said = self.said.clone();
        let waited = tokio::time::timeout(PATIENCE, said.wait_for(|all| all.contains(words))).await;
        assert!(matches!(waited, Ok(Ok(_))), "it does not say `{words}`:\n{}", self.log());
    }

    /// SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM: it ends by itself, and well.
    pub async fn stop(mut self) {
        let process = self.child.id().unwrap_or_else(|| panic!("it ended by itself:\n{}", self.log()));
        let told = Command::new("sh").args(["-c", &format!("kill -TERM {process}")]).status().await.unwrap();
        assert!(told.success());
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it does not stop").unwrap();
        assert_eq!(ended.code(), Some(0), "{}", self.log());
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id().unwrap_or_else(|| panic!("it ended by itself:\n{}", self.log()))
    }

    /// Asks for a page.
    pub async fn get(&self, path: &str) -> (StatusCode, String) {
        let asked = reqwest::get(format!("{}{path}", self.console));
        let answer = tokio::time::timeout(PATIENCE, asked).await.expect("it does not answer");
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()));
        (answer.status(), answer.text().await.unwrap())
    }

    /// Waits until a page answers with this status; gives back the page.
    pub async fn until(&self, path: &str, status: StatusCode) -> String {
        let waiting = async {
            loop {
                let (found, text) = self.get(path).await;
                if found == status {
                    return text;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(text) => text,
            Err(_) => panic!("{path} never answers {status}:\n{}", self.log()),
        }
    }
}

/// Waits until something holds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
