//! What `rightful serve` tells nobody, and where it does not go: secrets stay out of its log at its most talkative, and no connection that is
//! entered in the console reaches a private address.

use std::collections::BTreeMap;
use std::net::TcpListener;

use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, Response, StatusCode};
use rightful_core::Settings;
use rightful_engine::{Act, WatchStore as _};
use serde_json::json;

use crate::keep::{KEY, enter};
use crate::served::{SERVE, Served, until};
use crate::stage::{INTEGRATION, Stage};

const PASSWORD: &str = "the admin's own long password";
const VENDOR_SECRET: &str = "typed-into-the-console-4711";

/// An admin in a browser without a screen.
struct Admin<'a> {
    served: &'a Served,
    http: Client,
    cookie: String,
}

impl<'a> Admin<'a> {
    /// Becomes the first one, by the one-time link.
    async fn first(served: &'a Served) -> Self {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let link = served.link.as_deref().expect("nobody may sign in yet");
        let fields = [("name", "ada"), ("display_name", "Ada"), ("password", PASSWORD), ("again", PASSWORD)];
        let answer = form(http.post(link), &fields).await;
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { served, http, cookie }
    }

    async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.served.console)).header(COOKIE, &self.cookie).send().await.unwrap()
    }

    async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let page = self.get("/integrations").await.text().await.unwrap();
        let key = page.split_once("name=\"form_key\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        let fields: Vec<(&str, &str)> = [("form_key", key.as_str())].into_iter().chain(fields.iter().copied()).collect();
        form(self.http.post(format!("{}{path}", self.served.console)).header(COOKIE, &self.cookie), &fields).await
    }

    /// Enters a Skynamo account in the console.
    async fn enter(&self, name: &str, base_url: &str) -> Response {
        let fields = [
            ("vendor", "skynamo"),
            ("name", name),
            ("setting.base_url", base_url),
            ("setting.instance", name),
            ("secret.api_key", VENDOR_SECRET),
        ];
        self.submit("/connections", &fields).await
    }
}

async fn form(request: reqwest::RequestBuilder, fields: &[(&str, &str)]) -> Response {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body).send().await.unwrap()
}

/// A stage whose server can seal secrets.
async fn sealing() -> Stage {
    let stage = Stage::new().await;
    stage.configure(|text| format!("master_key = {{ env = \"MASTER\" }}\n{text}"));
    stage
}

/// Its server, at its most talkative.
async fn talkative(stage: &Stage) -> Served {
    let arguments: Vec<&str> = ["-vv"].iter().chain(SERVE).copied().collect();
    let mut command = stage.command(&arguments);
    command.env("MASTER", KEY);
    Served::start(command).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_holds_no_secret_however_talkative_it_is() {
    let stage = sealing().await;
    let served = talkative(&stage).await;
    let one_time = served.link.as_deref().unwrap().rsplit('/').next().unwrap().to_owned();
    let admin = Admin::first(&served).await;
    assert_eq!(admin.enter("north", "https://north.invalid/").await.status(), StatusCode::SEE_OTHER);
    let page = admin.submit("/settings/tokens", &[("name", "report"), ("role", "viewer"), ("days", "1"), ("where", "all")]).await;
    let page = page.text().await.unwrap();
    let token = page.split("rightful_").nth(1).unwrap_or_else(|| panic!("no token on the page:\n{page}"));
    let token = format!("rightful_{}", token.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap());
    let asked = admin.http.get(format!("{}/api/v1/whoami", served.console)).bearer_auth(&token).send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::OK);
    form(admin.http.post(format!("{}/sign-in", served.console)), &[("name", "ada"), ("password", "a guessed password")]).await;
    let act = Act::new(chrono::Utc::now(), "ada", "run.ask", INTEGRATION);
    stage.store().ask_run(INTEGRATION, chrono::Utc::now(), &act).await.unwrap();
    until("the run ends", || async { stage.store().watched(INTEGRATION).await.unwrap().last_ended.is_some() }).await;
    // The request's number is in the answer and in the log; how many there were is told to Prometheus.
    let numbered = admin.http.get(format!("{}/healthz", served.console)).header("x-request-id", "from-the-proxy-1").send().await.unwrap();
    assert_eq!(numbered.headers()["x-request-id"], "from-the-proxy-1");
    let metrics = admin.http.get(format!("{}/metrics", served.console)).bearer_auth(&token).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"rightful_http_requests_total{method="POST",route="/connections",status="303"} 1"#), "{metrics}");

    served.says("from-the-proxy-1").await;
    let session = admin.cookie.split_once('=').unwrap().1.to_owned();
    let log = served.log();
    served.stop().await;
    for spoken in ["run begins", "answered", "route=\"/invitation/{link}\"", "update customers"] {
        assert!(log.contains(spoken), "it is not talkative: `{spoken}` is not in\n{log}");
    }
    let secrets: BTreeMap<&str, &str> = [
        ("the sender's password", "sender-secret"),
        ("the user's password", "user-secret"),
        ("Skynamo's key", "sandbox-skynamo-key"),
        ("the master key", KEY),
        ("the admin's password", PASSWORD),
        ("a guessed password", "a guessed password"),
        ("a secret of the console", VENDOR_SECRET),
        ("a token", token.as_str()),
        ("the session", session.as_str()),
        ("the one-time link", one_time.as_str()),
    ]
    .into();
    for (what, secret) in secrets {
        let encoded = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
        assert!(!log.contains(secret) && !log.contains(&encoded), "{what} is in the log:\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_of_the_console_reaches_no_private_address_by_whatever_name() {
    let stage = sealing().await;
    let inside = TcpListener::bind("127.0.0.1:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    let port = inside.local_addr().unwrap().port();
    let reached = |host: &str| {
        let accepted = inside.accept().map_err(|error| error.kind());
        assert_eq!(accepted.err(), Some(std::io::ErrorKind::WouldBlock), "{host} was reached");
    };
    // What a name leads to shows only when it is used: one that was entered when it led elsewhere.
    let by_name = Settings::new([("base_url", json!(format!("https://localhost:{port}/v1"))), ("instance", json!("acme"))]);
    enter(&stage, "by-name", by_name).await;
    let served = talkative(&stage).await;
    let admin = Admin::first(&served).await;
    let page = admin.submit("/connections/by-name/test", &[]).await.text().await.unwrap();
    assert!(page.contains("the host&#39;s address is not public"), "{page}");
    reached("localhost");
    // What can be seen of an address is refused where it is entered, in every spelling.
    for host in ["127.0.0.1", "localhost", "LOCALHOST.", "2130706433", "0x7f.1", "0", "[::1]", "[::ffff:127.0.0.1]", "127.1", "10.0.0.1"] {
        let answer = admin.enter("inside", &format!("https://{host}:{port}/v1")).await;
        let (status, page) = (answer.status(), answer.text().await.unwrap());
        assert!(
            status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("belongs in the configuration file"),
            "{host}: {status}\n{page}"
        );
        reached(host);
    }
    drop(admin);
    served.stop().await;
}
