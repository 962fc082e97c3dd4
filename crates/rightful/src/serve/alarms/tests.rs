//! Alarms over a simulated day, told over real sockets to sinks on this machine.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use rightful_core::{ManualClock, ReqwestTransport, TransportOptions, Url};
use rightful_engine::{Authorship, Event, Holder, Leased, Quarantine, RunCounts, RunId, RunOutcome, RunTask, Silent};
use rightful_store::SqliteStore;
use serde_json::Value as Json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use super::mail::Mail;
use super::webhook::{Webhook, signature};
use super::*;
use crate::config::{MailConfig, MailTls, SecretReference, WebhookConfig};

const SECRET: &str = "a secret of sixteen characters or more";

fn minute(minutes: i64) -> Instant {
    Instant::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

/// A message with its signature and its bytes.
pub(in crate::serve) type Heard = (Json, String, Vec<u8>);

/// Takes webhook messages: what it was told, with the signature's header.
#[derive(Clone, Debug)]
pub(in crate::serve) struct WebhookSink {
    pub address: String,
    pub heard: Arc<Mutex<Vec<Heard>>>,
    pub up: Arc<AtomicBool>,
}

impl WebhookSink {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let sink = Self { address, heard: Arc::default(), up: Arc::new(AtomicBool::new(true)) };
        let (heard, up) = (sink.heard.clone(), sink.up.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let (mut length, mut signed) = (0, String::new());
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).await.unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    let (name, value) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
                    match name.to_lowercase().as_str() {
                        "content-length" => length = value.trim().parse().unwrap(),
                        "rightful-signature" => signed = value.trim().to_owned(),
                        _ => {}
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).await.unwrap();
                let status = if up.load(Ordering::SeqCst) {
                    heard.lock().unwrap().push((serde_json::from_slice(&body).unwrap(), signed, body));
                    "204 No Content"
                } else {
                    "503 Service Unavailable"
                };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        sink
    }

    fn told(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|(json, ..)| format!("{} {}", json["alarm"].as_str().unwrap(), json["state"].as_str().unwrap())).collect()
    }
}

/// Takes mail: each with its envelope and text.
#[derive(Clone, Debug)]
struct MailSink {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl MailSink {
    /// Refuses recipients that begin with `nobody`.
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self { port: listener.local_addr().unwrap().port(), heard: Arc::default() };
        let heard = sink.heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let heard = heard.clone();
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    stream.write_all(b"220 sink\r\n").await.unwrap();
                    let (mut text, mut in_data) = (String::new(), false);
                    loop {
                        let mut line = String::new();
                        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                            return;
                        }
                        let answer: &[u8] = if in_data {
                            if line != ".\r\n" {
                                text.push_str(&line);
                                continue;
                            }
                            in_data = false;
                            heard.lock().unwrap().push(std::mem::take(&mut text));
                            b"250 taken\r\n"
                        } else if line.starts_with("DATA") {
                            in_data = true;
                            b"354 go on\r\n"
                        } else if line.starts_with("QUIT") {
                            b"221 bye\r\n"
                        } else if line.contains("<nobody") {
                            b"550 no such person\r\n"
                        } else {
                            text.push_str(&line);
                            b"250 ok\r\n"
                        };
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        sink
    }

    fn to(&self, address: &str, tls: MailTls) -> Arc<dyn Channel> {
        let config = MailConfig {
            to: vec![address.to_owned()],
            from: "rightful@example.com".into(),
            host: "127.0.0.1".into(),
            port: self.port,
            tls,
            login: None,
        };
        Arc::new(Mail::new(config, address, PathBuf::new()))
    }

    fn subjects(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let subject = |text: &String| text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned();
        heard.iter().map(subject).collect()
    }
}

fn webhook(address: &str, allow_private: bool, clock: &ManualClock) -> Arc<dyn Channel> {
    let config = WebhookConfig {
        url: Url::parse(&format!("http://{address}/hook?team=7")).unwrap(),
        secret: SecretReference::Command(vec!["printf".into(), "%s".into(), SECRET.into()]),
        allow_private,
    };
    let options = TransportOptions { allow_private, ..TransportOptions::default() };
    let transport = Arc::new(ReqwestTransport::new(options).unwrap());
    Arc::new(Webhook::new(config, PathBuf::new(), transport, Arc::new(clock.clone())))
}

/// A deployment's alarms, which can be started anew over the same store.
struct Stage {
    folder: tempfile::TempDir,
    store: Arc<SqliteStore>,
    clock: ManualClock,
    pulses: Arc<Pulses>,
    channels: Vec<Arc<dyn Channel>>,
    alarms: Alarms,
}

impl Stage {
    fn new(clock: ManualClock, channels: Vec<Arc<dyn Channel>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::over(folder, clock, channels)
    }

    fn over(folder: tempfile::TempDir, clock: ManualClock, channels: Vec<Arc<dyn Channel>>) -> Self {
        let store = Arc::new(SqliteStore::open(&folder.path().join("rightful.db")).unwrap());
        let limits = Limits::default();
        let pulses = Pulses::new(Arc::new(clock.clone()), limits.progress);
        let alarms = Alarms::new(AlarmParts {
            store: store.clone(),
            watch: store.clone(),
            integrations: vec![("rep-codes".into(), Schedule::parse("hourly", "UTC", "rep-codes").unwrap())],
            limits,
            channels: channels.clone(),
            pulses: pulses.clone(),
            console: Some("https://rightful.example.com/".into()),
        });
        Self { folder, store, clock, pulses, channels, alarms }
    }

    /// The program ends and is started again.
    fn restarted(self) -> Self {
        let Self { folder, clock, channels, .. } = self;
        Self::over(folder, clock, channels)
    }

    /// A minute after another until so many minutes after the beginning.
    async fn until(&self, minutes: i64) {
        while self.clock.now() < minute(minutes) {
            self.clock.advance(LOOK);
            self.alarms.look(self.clock.now()).await;
        }
    }

    async fn run(&self, outcome: RunOutcome) {
        let now = self.clock.now();
        let holder = Holder { machine: "here".into(), process: 1, born: 1 };
        let Leased::Held(fence) = self.store.lease("rep-codes", &holder, now, now + TimeDelta::minutes(5)).await.unwrap() else {
            panic!("nobody else holds it")
        };
        let run = self.store.begin_run(&fence, &RunTask::Full, 1, None, now).await.unwrap();
        self.store.end_run(&fence, run, &"customer".into(), outcome, None, &RunCounts::default(), &[], now).await.unwrap();
        self.store.release(&fence).await.unwrap();
    }
}

#[tokio::test]
async fn over_a_day_with_restarts_each_alarm_is_told_once_to_everyone_with_its_end() {
    let (hook, post) = (WebhookSink::new().await, MailSink::new().await);
    let clock = ManualClock::at(minute(0));
    let channels =
        vec![webhook(&hook.address, true, &clock), post.to("ops@example.com", MailTls::None), post.to("nobody@example.com", MailTls::None)];
    let mut stage = Stage::new(clock, channels);
    // Hour after hour all is well.
    for hour in 1..=4 {
        stage.until(hour * 60).await;
        stage.run(RunOutcome::Done).await;
    }
    assert_eq!((hook.told(), post.subjects()), (vec![], vec![]));
    // Runs fail, and the program is started again each hour.
    for hour in 5..=8 {
        stage.until(hour * 60).await;
        stage.run(RunOutcome::Failed).await;
        stage = stage.restarted();
    }
    assert_eq!(hook.told(), ["no-complete-run began"]);
    assert_eq!(post.subjects(), ["[rightful] rep-codes: no-complete-run"]);
    {
        let heard = hook.heard.lock().unwrap();
        let (json, signed, body) = &heard[0];
        assert_eq!((&json["version"], &json["integration"], &json["ended"]), (&1.into(), &"rep-codes".into(), &Json::Null));
        assert_eq!(json["console"], "https://rightful.example.com/integrations/rep-codes");
        assert_eq!(json["message"], "no run was complete since 2027-01-15 12:00 UTC");
        let unix = minute(7 * 60).timestamp();
        assert_eq!(*signed, signature(&rightful_core::Secret::new(SECRET), unix, body));
    }
    stage.run(RunOutcome::DoneWithHolds).await;
    stage.until(8 * 60 + 3).await;
    assert_eq!(hook.told(), ["no-complete-run began", "no-complete-run ended"]);
    assert_eq!(post.subjects()[1], "[rightful] rep-codes: over: no-complete-run");
    // The address that the server refuses is tried again, and keeps nobody else waiting.
    let waiting = stage.store.episodes().await.unwrap();
    assert_eq!((waiting.len(), &waiting[0].to_tell_end[..]), (1, &["mail nobody@example.com".to_owned()][..]));
    // Paused over lunch: silence is no alarm, and not at once when it goes on.
    let by = |at| Authorship { author: "ann".into(), reason: "upgrade".into(), at };
    stage.store.pause("rep-codes", true, &by(stage.clock.now())).await.unwrap();
    stage.until(16 * 60).await;
    stage.store.pause("rep-codes", false, &by(stage.clock.now())).await.unwrap();
    stage.until(18 * 60 + 59).await;
    assert_eq!(hook.told().len(), 2);
    stage.run(RunOutcome::Done).await;
    // A quarantine, and its end.
    let quarantine = Quarantine { since: stage.clock.now(), reason: "5 runs failed".into() };
    stage.store.quarantine("rep-codes", &quarantine).await.unwrap();
    stage.until(20 * 60).await;
    stage.store.release_quarantine("rep-codes", &by(stage.clock.now())).await.unwrap();
    stage.until(20 * 60 + 2).await;
    assert_eq!(hook.told()[2..], ["quarantined began", "quarantined ended"]);
    // A run that goes silent.
    let run = stage.pulses.heard("rep-codes", Arc::new(Silent));
    run.report(Event::Started { run: RunId(9), resumed: false });
    stage.until(20 * 60 + 40).await;
    drop(run);
    stage.until(20 * 60 + 45).await;
    assert_eq!(hook.told()[4..], ["no-progress began", "no-progress ended"]);
    assert_eq!(post.subjects().len(), 6);
    let ids: std::collections::BTreeSet<String> =
        hook.heard.lock().unwrap().iter().map(|(json, ..)| json["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 3, "both messages of an episode have its id");
}

#[tokio::test]
async fn a_channel_that_is_down_is_tried_less_and_less_often_and_told_all_in_the_end() {
    let (hook, post) = (WebhookSink::new().await, MailSink::new().await);
    let clock = ManualClock::at(minute(0));
    let channels = vec![webhook(&hook.address, true, &clock), post.to("ops@example.com", MailTls::None)];
    let mut stage = Stage::new(clock, channels);
    hook.up.store(false, Ordering::SeqCst);
    let quarantine = Quarantine { since: minute(0), reason: "5 runs failed".into() };
    let by = |at| Authorship { author: "ann".into(), reason: "mended".into(), at };
    stage.store.quarantine("rep-codes", &quarantine).await.unwrap();
    stage.until(10).await;
    assert_eq!((hook.told(), post.subjects().len()), (vec![], 1), "one that is down blocks no other");
    // It is over before the webhook is back: then it is told of both in one.
    stage.store.release_quarantine("rep-codes", &by(stage.clock.now())).await.unwrap();
    stage.run(RunOutcome::Done).await;
    stage.until(100).await;
    stage.run(RunOutcome::Done).await;
    assert_eq!((hook.told(), post.subjects().len()), (vec![], 2));
    stage = stage.restarted();
    hook.up.store(true, Ordering::SeqCst);
    stage.until(101).await;
    assert_eq!(hook.told(), ["quarantined ended"]);
    assert_eq!(hook.heard.lock().unwrap()[0].0["began"], "2027-01-15T08:01:00Z");
    stage.until(120).await;
    assert_eq!((hook.told().len(), stage.store.episodes().await.unwrap()), (1, vec![]));
}

#[tokio::test]
async fn an_integration_or_channel_that_is_no_longer_configured_is_let_go() {
    let clock = ManualClock::at(minute(0));
    let stage = Stage::new(clock, Vec::new());
    let channels = ["mail gone@example.com".to_owned()];
    stage.store.begin_episode("gone", "quarantined", "it failed", &channels, minute(0)).await.unwrap();
    stage.until(2).await;
    assert_eq!(stage.store.episodes().await.unwrap(), []);
    assert_eq!(stage.store.watched("rep-codes").await.unwrap().expected, Some(minute(1)), "it was first seen at the first look");
}

#[tokio::test]
async fn nothing_is_sent_where_the_way_is_not_as_configured() {
    let clock = ManualClock::at(minute(0));
    let notice = Notice::test(minute(0), None);
    // A private address without leave, by number and by name.
    let hook = WebhookSink::new().await;
    for address in [hook.address.clone(), hook.address.replace("127.0.0.1", "localhost")] {
        let error = webhook(&address, false, &clock).tell(&notice).await.unwrap_err();
        assert!(error.to_string().contains("not public") && error.mend().unwrap().contains("webhook.allow_private"), "{error:?}");
    }
    assert!(hook.heard.lock().unwrap().is_empty());
    // A mail server that offers no encryption is not spoken to without.
    let post = MailSink::new().await;
    for tls in [MailTls::StartTls, MailTls::Tls] {
        let error = post.to("ops@example.com", tls).tell(&notice).await.unwrap_err();
        assert!(error.mend().unwrap().contains("mail.tls") || error.mend().unwrap().contains("mail.port"), "{error:?}");
    }
    assert!(post.heard.lock().unwrap().is_empty());
    let error = post.to("nobody@example.com", MailTls::None).tell(&notice).await.unwrap_err();
    assert!(error.vendor_words().unwrap().contains("no such person"), "{error:?}");
    post.to("ops@example.com", MailTls::None).tell(&notice).await.unwrap();
    assert_eq!(post.subjects(), ["[rightful] Rightful: test"]);
}

#[test]
fn waits_grow_to_an_hour() {
    let minutes: Vec<i64> = [1, 2, 3, 4, 6, 7, 8, 99].into_iter().map(|failures| wait(failures).num_minutes()).collect();
    assert_eq!(minutes, [1, 2, 4, 8, 32, 60, 60, 60]);
}

#[test]
fn a_signature_is_the_hmac_of_time_and_body() {
    // Computed with: printf '1.{}' | openssl dgst -sha256 -hmac key
    let expected = "t=1,v1=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224";
    assert_eq!(signature(&rightful_core::Secret::new("key"), 1, b"{}"), expected);
}
