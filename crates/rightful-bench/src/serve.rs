//! Measures `rightful serve`: one hour's round of many integrations, and the console's page of a large code table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use chrono::Utc;
use reqwest::header::{COOKIE, HeaderValue, SET_COOKIE};
use rightful_engine::{Act, Authorship, CodeEdit, CodeRow, RunId, RunOutcome, Saved, Store as _, WatchStore as _};
use rightful_store::SqliteStore;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::vendors::world::{self, World};

/// The integration with the large table.
const WIDE: &str = "wide";
/// Users of each world.
const USERS: usize = 10;
/// Codes of each of the many integrations: few enough that a change of every twentieth customer empties none.
const CODES: usize = 25;
/// Requests for pages of each kind.
const PAGES: usize = 200;
/// Longer than this no round takes on any machine that is of use.
const PATIENCE: Duration = Duration::from_secs(3600);

type Result<T, E = String> = std::result::Result<T, E>;

fn failed(what: &str) -> impl Fn(&dyn std::fmt::Display) -> String {
    let what = what.to_owned();
    move |error| format!("{what}: {error}")
}

/// A process that prints one JSON line when it is ready.
struct Ready {
    child: Child,
    said: Json,
}

impl Ready {
    async fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{command:?} did not start: {error}"))?;
        let out = child.stdout.take().ok_or("a child without output")?;
        let line = BufReader::new(out).lines().next_line().await.map_err(|error| error.to_string())?.unwrap_or_default();
        let said = serde_json::from_str(&line).map_err(|error| format!("{command:?} said `{line}`: {error}"))?;
        Ok(Self { child, said })
    }

    async fn vendors(world: World, instances: usize) -> Result<Self> {
        let me = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(me);
        command.arg("vendors");
        for (name, number) in
            [("--customers", world.customers), ("--codes", world.codes), ("--users", world.users), ("--instances", instances)]
        {
            command.args([name, &number.to_string()]);
        }
        Self::start(&mut command).await
    }

    /// Its processor seconds, and the peak and present size of its memory in MiB, as the system counts them.
    fn used(&self) -> Result<(f64, f64, f64)> {
        let id = self.child.id().ok_or("the process has ended")?;
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{id}/{name}")).map_err(|error| format!("/proc: {error}"));
        let (stat, status) = (read("stat")?, read("status")?);
        // After the name in brackets: user and system time are the 12th and 13th words, in hundredths.
        let words: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok()).unwrap_or_default();
        let size = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default() / 1024.0
        };
        Ok(((ticks(11) + ticks(12)) / 100.0, size("VmHWM:"), size("VmRSS:")))
    }
}

fn text<'a>(of: &'a Json, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

/// Appends both connections and the integration over one world.
fn configure(config: &mut String, name: &str, vendor: &Json) {
    let _ = write!(
        config,
        r#"
[connections.erp-{name}]
vendor = "sage-intacct"
base_url = "{}"
allow_private = true
sender_id = "bench"
sender_password = {{ env = "BENCH_SECRET" }}
company_id = "{name}"
user_id = "bench"
user_password = {{ env = "BENCH_SECRET" }}
entity = "top"

[connections.field-{name}]
vendor = "skynamo"
base_url = "{}"
allow_private = true
instance = "{name}"
api_key = {{ env = "BENCH_SECRET" }}

[integrations.{name}]
job = "rep-codes"
source = "erp-{name}"
target = "field-{name}"
schedule = "hourly"
"#,
        text(vendor, "intacct"),
        text(vendor, "skynamo"),
    );
}

async fn save_table(store: &SqliteStore, integration: &str, world: World) -> Result<()> {
    let edits: Vec<CodeEdit> = (0..world.codes)
        .map(|rep| {
            let code = world::code(rep);
            let row = CodeRow { code: code.clone(), user: Some(world::login(world.user(rep))), successor: None };
            CodeEdit { code, rows: vec![row] }
        })
        .collect();
    let by = Authorship { author: "bench".into(), reason: "benchmark".into(), at: Utc::now() };
    match store.save_codes(integration, 0, &edits, &by).await {
        Ok(Saved::Version(_)) => Ok(()),
        Ok(other) => Err(format!("the table of {integration} was not saved: {other:?}")),
        Err(error) => Err(failed("the table was not saved")(&error)),
    }
}

/// The newest run of each integration.
async fn newest(store: &SqliteStore) -> Result<BTreeMap<String, (RunId, RunOutcome)>> {
    let all = store.all_watched().await.map_err(|error| error.to_string())?;
    Ok(all.into_iter().filter_map(|(name, watched)| watched.last_ended.map(|(run, _, outcome)| (name, (run, outcome)))).collect())
}

/// All of them due at once: the worst hour, and more than the phases of their schedules ever ask for.
async fn round(store: &SqliteStore, server: &Ready, names: &[String], work: &str) -> Result<Json> {
    // Runs are numbered in the order in which they begin: whatever is above this began after it was asked for.
    let before = store.runs(None, 1).await.map_err(|error| error.to_string())?.first().map(|run| run.id);
    let cpu = server.used()?.0;
    for name in names {
        store
            .ask_run(name, Utc::now(), &Act::new(Utc::now(), "bench", "run.ask", name.as_str()))
            .await
            .map_err(|error| failed("a run could not be asked for")(&error))?;
    }
    let begun = Instant::now();
    let ended = loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = newest(store).await?;
        let ended = names.iter().filter(|name| now.get(*name).map(|run| run.0) > before).count();
        if ended == names.len() {
            break now;
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("{work}: only {ended} of {} ended within an hour", names.len()));
        }
    };
    let wall = begun.elapsed().as_secs_f64();
    let badly: Vec<&String> = names.iter().filter(|name| ended[*name].1 != RunOutcome::Done).collect();
    if let Some(name) = badly.first() {
        return Err(format!("{work}: {} of {} runs were not done, such as {name}: {:?}", badly.len(), names.len(), ended[*name]));
    }
    let (after, peak, present) = server.used()?;
    Ok(json!({ "work": work, "runs": names.len(), "wall": wall, "cpu": after - cpu, "peak_mib": peak, "present_mib": present }))
}

/// Becomes the admin by the one-time link; gives back the session's cookie.
async fn sign_in(http: &reqwest::Client, link: &str) -> Result<HeaderValue> {
    let form = "name=bench&display_name=Bench&password=a+long+enough+password&again=a+long+enough+password";
    let sent = http.post(link).header("content-type", "application/x-www-form-urlencoded").body(form).send().await;
    let answer = sent.map_err(|error| failed("the one-time link")(&error))?;
    let cookie = answer.headers().get(SET_COOKIE).ok_or_else(|| format!("the one-time link answered {}", answer.status()))?;
    let text = cookie.to_str().map_err(|error| error.to_string())?.split(';').next().unwrap_or_default();
    HeaderValue::from_str(text).map_err(|error| error.to_string())
}

/// Milliseconds of many requests, one after the other.
async fn pages(http: &reqwest::Client, cookie: &HeaderValue, work: &str, url: impl Fn(usize) -> String) -> Result<Json> {
    let mut times = Vec::with_capacity(PAGES);
    let mut size = 0;
    for at in 0..PAGES {
        let begun = Instant::now();
        let answer = http.get(url(at)).header(COOKIE, cookie).send().await.map_err(|error| failed(work)(&error))?;
        let status = answer.status();
        let body = answer.text().await.map_err(|error| failed(work)(&error))?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        if status != reqwest::StatusCode::OK || !body.contains("Customer assignments") {
            return Err(format!("{work}: {} answered {status}", url(at)));
        }
        size = size.max(body.len());
    }
    times.sort_by(f64::total_cmp);
    let part = |share: usize| times[(times.len() * share).div_ceil(100) - 1];
    Ok(json!({ "work": work, "requests": PAGES, "median": part(50), "p95": part(95), "most": part(100), "bytes": size }))
}

struct Scene {
    folder: PathBuf,
    worlds: [World; 2],
    integrations: usize,
}

impl Scene {
    async fn measure(&self, program: &Path) -> Result<Json> {
        let [small, wide] = self.worlds;
        let (many, one) = (Ready::vendors(small, self.integrations).await?, Ready::vendors(wide, 1).await?);
        let vendors = many.said.as_array().ok_or("the vendors named no addresses")?;
        let names: Vec<String> = (0..vendors.len()).map(|number| format!("i{number:04}")).collect();
        let mut config = "store = \"rightful.db\"\n".to_owned();
        for (name, vendor) in names.iter().zip(vendors) {
            configure(&mut config, name, vendor);
        }
        configure(&mut config, WIDE, &one.said[0]);
        std::fs::write(self.folder.join("rightful.toml"), config).map_err(|error| error.to_string())?;
        let store = SqliteStore::open(&self.folder.join("rightful.db")).map_err(|error| failed("the store")(&error))?;
        for name in &names {
            save_table(&store, name, small).await?;
        }
        save_table(&store, WIDE, wide).await?;

        let begun = Instant::now();
        let mut command = Command::new(program);
        command.args(["serve", "--json", "--listen", "127.0.0.1:0"]).current_dir(&self.folder);
        command.env("BENCH_SECRET", "bench").env("RUST_LOG", "error").env_remove("RIGHTFUL_CONFIG");
        let server = Ready::start(&mut command).await?;
        let started = begun.elapsed().as_secs_f64();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().map_err(|error| error.to_string())?;
        let mut rounds = vec![
            round(&store, &server, &names, "first round: everything is read").await?,
            round(&store, &server, &names, "second round: nothing changed").await?,
        ];
        for vendor in vendors {
            let url = format!("{}/_sim/control/change", text(vendor, "intacct_origin"));
            let answer = http.post(url).header("content-type", "application/json").body("{}").send().await;
            answer.and_then(reqwest::Response::error_for_status).map_err(|error| failed("`change`")(&error))?;
        }
        rounds.push(round(&store, &server, &names, "third round: 5 % of the customers changed rep").await?);
        for vendor in vendors {
            let url = format!("{}/_sim/dump", text(vendor, "skynamo_origin"));
            let dump =
                http.get(url).send().await.map_err(|error| failed("a dump")(&error))?.bytes().await.map_err(|error| error.to_string())?;
            let dump: Json = serde_json::from_slice(&dump).map_err(|error| error.to_string())?;
            if dump["right_after_5_percent"] != small.customers {
                return Err(format!("{} of {} customers are where they belong", dump["right_after_5_percent"], small.customers));
            }
        }

        let wide_round = round(&store, &server, &[WIDE.to_owned()], "the wide integration's first run").await?;
        let cookie = sign_in(&http, text(&server.said, "link")).await?;
        let base = format!("{}/integrations/{WIDE}", text(&server.said, "console"));
        let last = wide.codes.div_ceil(50).max(1);
        let shown = vec![
            pages(&http, &cookie, "a page of the table", |at| format!("{base}?page={}", at % last + 1)).await?,
            pages(&http, &cookie, "a search for a code", |at| format!("{base}?q=E-{}", at * 37 % wide.codes)).await?,
            pages(&http, &cookie, "a search for a user's name", |at| format!("{base}?q=User+{}", at % wide.users + 1)).await?,
        ];
        Ok(json!({
            "integrations": names.len(), "customers": small.customers, "codes": wide.codes, "wide_customers": wide.customers,
            "started": started, "rounds": rounds, "wide": wide_round, "pages": shown,
        }))
    }
}

/// Runs it and prints the figures.
pub async fn run(arguments: &[String]) -> Result<()> {
    let program = arguments.first().filter(|word| !word.starts_with("--")).ok_or("name the program to measure")?;
    let number = |name: &str, otherwise: usize| crate::option(arguments, name).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let codes = number("--codes", 10_000);
    let folder = std::env::temp_dir().join(format!("rightful-bench-serve-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let scene = Scene {
        folder: folder.clone(),
        worlds: [
            World { customers: number("--customers", 200), codes: CODES, users: USERS },
            World { customers: codes * 5, codes, users: 200 },
        ],
        integrations: number("--integrations", 1_000),
    };
    let program = std::fs::canonicalize(program).map_err(|error| format!("{program}: {error}"))?;
    let measured = scene.measure(&program).await;
    std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    crate::print_line(&measured?)
}
