//! A connector that talks to the simulator in its own process: no socket, one clock for both, every request counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use connector_salesscreen::DESCRIPTOR;
use connector_salesscreen::sim::{Options, SalesScreenSim, Switches};
use rightful_core::figure_id;
use rightful_core::{
    Clock, Context, Error, ErrorKind, FieldChange, Guarded, Kind, ManualClock, OwnerChange, Permits, Request, Response, Role, Secret,
    Secrets, SendError, Settings, Target, Transport, Value, Write, async_trait,
};
use rightful_sim::{SimClock, SimRequest, Simulator};

pub const KEY: &str = "sandbox-salesscreen-key";

/// What befalls the next requests, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// A fault of the simulator.
    Vendor(&'static str),
    /// The vendor acts and its answer is lost.
    AnswerLost,
}

pub struct Wire {
    pub sim: SalesScreenSim,
    pub clock: ManualClock,
    sim_clock: SimClock,
    number: AtomicU64,
    mishaps: Mutex<Vec<Mishap>>,
    /// Path and status of each request.
    log: Mutex<Vec<(String, u16)>>,
    /// Was the key's header marked as not to be printed, on every request?
    pub sensitive: Mutex<Vec<bool>>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        tokio::task::yield_now().await;
        self.sim_clock.set(Some(self.clock.now()));
        self.sensitive.lock().unwrap().push(request.headers.get("apikey").is_some_and(|value| value.is_sensitive()));
        let mishap = {
            let mut mishaps = self.mishaps.lock().unwrap();
            if mishaps.is_empty() { None } else { Some(mishaps.remove(0)) }
        };
        let path = request.url.path().to_owned();
        let answer = self.sim.answer(
            &SimRequest {
                method: request.method,
                path: path.clone(),
                query: request.url.query().map(str::to_owned),
                headers: request.headers,
                body: request.body,
                origin: "http://127.0.0.1:1".into(),
                number: self.number.fetch_add(1, Ordering::SeqCst) + 1,
                fault: match &mishap {
                    Some(Mishap::Vendor(name)) => Some((*name).to_owned()),
                    _ => None,
                },
            },
            &self.sim_clock,
        );
        self.log.lock().unwrap().push((path, answer.status.as_u16()));
        if mishap == Some(Mishap::AnswerLost) {
            return Err(SendError { may_have_acted: true, error: Error::new(ErrorKind::Unavailable, "the connection broke") });
        }
        Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
    }
}

/// A connector with its simulator.
pub struct Desk {
    pub wire: Arc<Wire>,
    pub connector: Guarded,
    pub clock: ManualClock,
    permits: Arc<Permits>,
    settings: Settings,
}

impl Desk {
    pub fn new(switches: Switches, settings: &[(&str, serde_json::Value)]) -> Self {
        let clock = ManualClock::at("2026-03-02T09:00:00Z".parse().unwrap());
        let wire = Arc::new(Wire {
            sim: SalesScreenSim::new(Options { switches, ..Options::default() }),
            clock: clock.clone(),
            sim_clock: SimClock::fixed(clock.now()),
            number: AtomicU64::new(0),
            mishaps: Mutex::default(),
            log: Mutex::default(),
            sensitive: Mutex::default(),
        });
        let mut all = Settings::new([
            ("base_url", serde_json::Value::from("http://127.0.0.1:1/api/v1")),
            ("company", "acme".into()),
            ("team_keys", "OSLO-FIELD, BERGEN-FIELD".into()),
        ]);
        for (key, value) in settings {
            all.set(*key, value.clone());
        }
        let permits = Arc::new(Permits::new(Arc::new(clock.clone())));
        let connector = connect(&wire, &clock, &permits, &all);
        Self { wire, connector, clock, permits, settings: all }
    }

    pub fn usual() -> Self {
        Self::new(Switches::default(), &[])
    }

    /// A second connection to the same account.
    pub fn second(&self) -> Guarded {
        connect(&self.wire, &self.clock, &self.permits, &self.settings)
    }

    pub fn next(&self, mishaps: &[Mishap]) {
        self.wire.mishaps.lock().unwrap().extend_from_slice(mishaps);
    }

    pub fn control(&self, name: &str, body: serde_json::Value) {
        self.wire.sim.control(name, body, &self.wire.sim_clock).unwrap();
    }

    /// Path and status of each request since the last time this was asked.
    pub fn requests(&self) -> Vec<(String, u16)> {
        std::mem::take(&mut self.wire.log.lock().unwrap())
    }

    /// Rows of the dump.
    pub fn rows(&self, what: &str) -> Vec<serde_json::Value> {
        self.wire.sim.dump()[what].as_array().unwrap().clone()
    }

    pub fn record(&self, id: &str) -> serde_json::Value {
        self.rows("records").into_iter().find(|row| row["id"] == id).unwrap_or_default()
    }
}

fn connect(wire: &Arc<Wire>, clock: &ManualClock, permits: &Arc<Permits>, settings: &Settings) -> Guarded {
    let mut context = Context::new("screen", wire.clone());
    context.clock = Arc::new(clock.clone());
    context.permits = permits.clone();
    let secrets = Secrets::new([("api_key", Secret::new(KEY))]);
    Guarded::new((DESCRIPTOR.connect)(settings, &secrets, context).unwrap())
}

pub fn user_kind() -> Kind {
    Kind::fixed("user")
}

pub fn record_kind() -> Kind {
    Kind::fixed("record")
}

fn set(fields: &[(&'static str, Value)]) -> Vec<(rightful_core::FieldName, FieldChange)> {
    fields.iter().map(|(name, value)| ((*name).into(), FieldChange::Set(value.clone()))).collect()
}

pub fn user(id: &str, email: &str, last: &str, team: Option<&str>) -> Write {
    let mut fields = vec![("email", Value::text(email)), ("firstname", Value::text("User")), ("lastname", Value::text(last))];
    fields.extend(team.map(|key| ("team.key", Value::text(key))));
    Write { key: format!("user-{id}"), target: Target::Id(id.into()), owners: Vec::new(), values: set(&fields) }
}

pub fn record(id: &str, owner: &str, amount: i64) -> Write {
    let id = figure_id(id, "deals");
    let fields = [
        ("activityTypeName", Value::text("Deals won")),
        ("activity.key", Value::text("new")),
        ("value1", Value::Integer(amount)),
        ("createdDate", Value::Instant("2026-02-12T09:30:00Z".parse().unwrap())),
    ];
    let owner = OwnerChange { role: Role::fixed("owner"), from: None, to: vec![owner.to_owned()] };
    Write { key: format!("record-{id}"), target: Target::Id(id), owners: vec![owner], values: set(&fields) }
}
