//! Measures how activities are credited within the rate windows of SalesScreen, in one process with both simulators and on one clock with them.

mod clock;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use connector_salesforce::sim as salesforce;
use connector_salesscreen::sim as salesscreen;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use rightful_core::{
    Clock as _, Connector, Context, Descriptor, FieldName, Guarded, Kind, Permits, PersonRow, Role, Secret, Secrets, Settings, Transport,
    TransportOptions, Value,
};
use rightful_engine::{
    Activity, Assignment, Authorship, Caps, CodeField, CodeFrom, Condition, Crew, Figure, From, Integration, MatchRule, NoOwner,
    PeopleMode, Policy, Ports, RunOptions, RunOutcome, RunReport, RunTask, Side, Silent, Test, Triggers, Workflow, run_job,
};
use rightful_sim::{RunningSim, SimHost, SimOptions, Simulator};
use rightful_store::{SqliteStore, current_holder};
use serde_json::{Value as Json, json};

use clock::SharedClock;

type Result<T, E = String> = std::result::Result<T, E>;

const KEY: &str = "bench-key";
const TEAM: &str = "OSLO-FIELD";
/// Calls that fit into a second and into a minute: <https://docs.salesscreen.com/view/metadata/SVSBxDUK>.
const A_SECOND: u64 = 15;
const A_MINUTE: u64 = 200;

/// The least seconds between the first and the last of so many calls.
fn least(calls: u64) -> u64 {
    calls.checked_sub(1).map_or(0, |last| last / A_MINUTE * 60 + last % A_MINUTE / A_SECOND)
}

fn email(user: usize) -> String {
    format!("user{user}@example.com")
}

/// An organisation with so many users, who won all of these opportunities in turn.
fn organisation(records: usize, users: usize) -> salesforce::SalesforceSim {
    let mut seed = salesforce::Seed::empty();
    let first = 1 + seed.rows.iter().filter(|(object, _)| object == "User").count();
    for user in 1..=users {
        seed.add_user("User", &user.to_string(), &format!("user{user}@acme.example"), &email(user), true);
    }
    for record in 0..records {
        let owner = format!("@User/{}", first + record % users);
        seed.add(
            "Opportunity",
            json!({ "Name": format!("Order {record}"), "StageName": "Closed Won", "CloseDate": "2026-03-31", "Amount": 100 + record % 900, "OwnerId": owner }),
        );
    }
    salesforce::SalesforceSim::new(salesforce::Options { seed, ..salesforce::Options::default() })
}

/// A company whose users are on a team and are known by their e-mail addresses only.
fn company(users: usize) -> salesscreen::SalesScreenSim {
    let user = |user: usize| salesscreen::SeedUser {
        email: email(user),
        firstname: "User".into(),
        lastname: user.to_string(),
        team: Some(TEAM.into()),
        ..salesscreen::SeedUser::default()
    };
    let seed =
        salesscreen::Seed { teams: vec![(TEAM.into(), "Oslo Field".into())], users: (1..=users).map(user).collect(), licences: None };
    let keys = vec![salesscreen::ApiKey { key: KEY.into(), system: "Salesforce".into() }];
    salesscreen::SalesScreenSim::new(salesscreen::Options {
        companies: vec![salesscreen::Company { name: "bench".into(), keys, seed }],
        switches: salesscreen::Switches { limits: true, ..salesscreen::Switches::default() },
    })
}

fn integration() -> Integration {
    let owner = Role::fixed("owner");
    let field = |name: &'static str| From::Field(FieldName::fixed(name));
    let fixed = |text: &str| From::Fixed(Value::text(text));
    let won = Workflow {
        name: "won".into(),
        object: Kind::fixed("opportunity"),
        triggers: Triggers::default(),
        when: vec![Condition { field: "StageName".into(), test: Test::Is(vec![Value::text("Closed Won")]) }],
        figures: vec![Figure {
            name: "won".into(),
            owner: CodeFrom::Owner(owner.clone()),
            set: vec![
                ("activityTypeName".into(), fixed("Deals won")),
                ("activity.key".into(), fixed("won")),
                ("user.email".into(), From::Email),
                ("value1".into(), field("Amount")),
                ("createdDate".into(), field("CloseDate")),
            ],
        }],
        active: true,
    };
    let activity = Activity {
        people: PeopleMode::Automatic,
        auto_sync_requires_workflow: true,
        account: vec![("email".into(), From::Email), ("firstname".into(), field("FirstName")), ("lastname".into(), field("LastName"))],
        gates: ["status", "licence", "team"].map(str::to_owned).to_vec(),
        replay: true,
        hold_days: 90,
        since: None,
        licences: None,
        workflows: vec![won],
    };
    let policy = Policy {
        source: Side { connection: "crm".into(), kind: Kind::fixed("user"), key: "id".into() },
        target: Side { connection: "screen".into(), kind: Kind::fixed("record"), key: "id".into() },
        role: owner.clone(),
        rules: vec![MatchRule::Link, MatchRule::Email],
        code: CodeField { from: CodeFrom::Owner(owner), label: "Owner".into() },
        follow: Vec::new(),
        assignment: Assignment::Replace,
        no_match: NoOwner::Hold,
        no_owner: NoOwner::Leave,
        caps: Caps::default(),
        include_inactive: false,
        newcomer_hours: 0,
        full_read_hours: 24,
        source_people: Vec::new(),
        activity: Some(activity),
    };
    Integration { name: "activity".into(), policy }
}

fn connect(
    descriptor: &Descriptor,
    name: &'static str,
    settings: &Settings,
    secrets: &Secrets,
    clock: &SharedClock,
    (permits, transport): (Arc<Permits>, Arc<dyn Transport>),
) -> Result<Arc<dyn Connector>> {
    let context = Context { clock: Arc::new(clock.clone()), permits, ..Context::new(name, transport) };
    let connector = (descriptor.connect)(settings, secrets, context).map_err(|error| format!("{name}: {error}"))?;
    Ok(Arc::new(Guarded::new(connector)))
}

/// Both vendors, and what the job stands on.
struct Scene {
    crm: RunningSim,
    screen: RunningSim,
    clock: SharedClock,
    ports: Ports,
    integration: Integration,
}

impl Scene {
    async fn new(records: usize, users: usize, store: &Path) -> Result<Self> {
        let (organisation, company) = (organisation(records, users), company(users));
        let clock = SharedClock::at(Utc::now());
        let serve = |simulator: Arc<dyn Simulator>| SimHost::start(SimOptions::new(simulator).clock(clock.time()));
        let failed = |error: std::io::Error| format!("cannot listen: {error}");
        let (crm, screen) = (serve(Arc::new(organisation)).await.map_err(failed)?, serve(Arc::new(company)).await.map_err(failed)?);
        let network = rightful_core::ReqwestTransport::new(TransportOptions { allow_private: true, ..TransportOptions::default() });
        let network: Arc<dyn Transport> = Arc::new(network.map_err(|error| error.to_string())?);
        let app = salesforce::Options::default();
        let settings = Settings::new([("login_url", Json::from(crm.origin())), ("client_id", Json::from(app.client_id))]);
        let secrets = Secrets::new([("client_secret", Secret::new(app.client_secret))]);
        let own = (Arc::new(Permits::new(Arc::new(clock.clone()))), network.clone());
        let source = connect(&connector_salesforce::DESCRIPTOR, "crm", &settings, &secrets, &clock, own)?;
        let settings = Settings::new([("base_url", Json::from(screen.base_url())), ("company", Json::from("bench"))]);
        let secrets = Secrets::new([("api_key", Secret::new(KEY))]);
        let target = connect(&connector_salesscreen::DESCRIPTOR, "screen", &settings, &secrets, &clock, clock.account(network))?;
        let ports = Ports {
            store: Arc::new(SqliteStore::open(store).map_err(|error| error.to_string())?),
            source,
            target,
            clock: Arc::new(clock.clone()),
            progress: Arc::new(Silent),
            holder: current_holder(),
        };
        Ok(Self { crm, screen, clock, ports, integration: integration() })
    }

    /// What an administrator's file says: who is on a team.
    async fn import(&self, users: usize) -> Result<()> {
        let rows: Vec<PersonRow> = (1..=users)
            .map(|user| PersonRow {
                id: None,
                email: email(user),
                name: format!("User {user}"),
                facts: vec![("email".into(), Value::text(email(user))), ("team.key".into(), Value::text(TEAM))],
            })
            .collect();
        let by = Authorship { author: "bench".into(), reason: "benchmark".into(), at: self.clock.now() };
        let crew = Crew::of(&self.ports, &self.integration).await.map_err(|error| error.to_string())?;
        crew.import(&self.ports, &rows, &by).await.map(drop).map_err(|error| error.to_string())
    }

    /// One run, with what it took.
    async fn run(&self, work: &str) -> Result<(RunReport, Json)> {
        let (wall, cpu, begun) = (Instant::now(), processor_seconds()?, self.clock.now());
        let requests = || (self.crm.requests().count, self.screen.requests());
        let before = requests();
        let present = memory("VmRSS:")?;
        forget_peak();
        let report =
            run_job(&self.ports, &self.integration, RunTask::Full, RunOptions::default()).await.map_err(|error| error.to_string())?;
        if report.outcome != RunOutcome::Done {
            return Err(format!("{work} ended {}: {:?} {:?}", report.outcome.as_str(), report.notes, report.refusals));
        }
        let after = requests();
        let throttled = |counts: &rightful_sim::RequestCounts| counts.by_status.get("429").copied().unwrap_or_default();
        let calls = after.1.count - before.1.count;
        let figures = json!({
            "work": work, "planned": report.counts.planned, "done": report.counts.done,
            "simulated": (self.clock.now() - begun).num_milliseconds() as f64 / 1_000.0, "least": least(calls),
            "salesforce": after.0 - before.0, "salesscreen": calls, "throttled": throttled(&after.1) - throttled(&before.1),
            "wall": wall.elapsed().as_secs_f64(), "cpu": processor_seconds()? - cpu,
            "present_mib": present, "peak_mib": memory("VmHWM:")?,
        });
        Ok((report, figures))
    }

    /// Is every record there, sent once, and counted?
    fn judge(&self, records: usize) -> Result<()> {
        let dump = self.screen.dump();
        let held = dump["records"].as_array().map(Vec::as_slice).unwrap_or_default();
        let right = held.iter().filter(|record| record["counted"] == true && record["writes"] == 1).count();
        if right == records && held.len() == records {
            return Ok(());
        }
        Err(format!("{right} of {records} records were credited once; SalesScreen holds {}", held.len()))
    }
}

/// Processor seconds of this process.
fn processor_seconds() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(|error| error.to_string())?;
    Ok((usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6)
}

/// A size of this process in MiB, as the system counts it.
fn memory(name: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| format!("/proc: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let size = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    size.map(|size| size / 1024.0).ok_or_else(|| format!("/proc/self/status has no {name}"))
}

/// Lets the peak be that of the run alone. Where the system does not allow that, it is the peak of the process so far.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Two runs, the second of which has nothing to do.
async fn measure(records: usize, users: usize, folder: &Path) -> Result<Json> {
    let scene = Scene::new(records, users, &folder.join("rightful.sqlite")).await?;
    scene.import(users).await?;
    let (first, figures) = scene.run("first run: everything is credited").await?;
    let wanted = (records + users) as u64;
    if first.counts.done != wanted {
        return Err(format!("{} of {wanted} users and records were sent: {:?}", first.counts.done, first.notes));
    }
    let (_, again) = scene.run("second run: nothing changed").await?;
    scene.judge(records)?;
    Ok(json!({ "records": records, "users": users, "runs": [figures, again] }))
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("rightful-bench-activity-{}", std::process::id()))
}

/// Runs it and prints the figures.
pub async fn run(records: usize, users: usize) -> Result<()> {
    let folder = folder();
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let measured = measure(records, users.max(1), &folder).await;
    std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    crate::print_line(&measured?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_calls_take_at_least_so_long() {
        for (calls, seconds) in [(0, 0), (1, 0), (15, 0), (16, 1), (200, 13), (201, 60), (216, 61), (400, 73), (401, 120), (1_000, 253)] {
            assert_eq!(least(calls), seconds, "{calls} calls");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn activities_are_credited_as_fast_as_the_windows_allow_and_once() {
        let folder = folder();
        std::fs::create_dir_all(&folder).unwrap();
        let measured = measure(1_900, 21, &folder).await;
        std::fs::remove_dir_all(&folder).unwrap();
        let runs = measured.unwrap()["runs"].clone();
        // 21 users, one call each, and 19 batches of 100.
        assert_eq!((&runs[0]["salesscreen"], &runs[0]["throttled"], &runs[0]["least"]), (&json!(40), &json!(0), &json!(2)), "{runs:#}");
        let simulated = runs[0]["simulated"].as_f64().unwrap();
        assert!((2.0..3.0).contains(&simulated), "{runs:#}");
        assert_eq!((&runs[1]["planned"], &runs[1]["salesscreen"]), (&json!(0), &json!(0)), "{runs:#}");
    }
}
