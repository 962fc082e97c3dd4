//! A stand-in for Skynamo's Public API, written from its public documentation.
//!
//! It keeps users, customers, visit frequencies, contacts, tasks, scheduled visits, comments, forms and integration settings per instance
//! and answers as <https://apidocs.skynamo.com/> and the help centre at <https://support.skynamo.com/> describe. Where those are silent a
//! [`Switches`] member holds our assumption. Deal groups and order statuses can be listed (there are none), not written.

mod actions;
mod answers;
mod catalogue;
mod control;
mod customers;
mod documents;
mod filter;
mod rows;
mod seed;
mod stand_in;
mod state;
mod switches;
mod table;
mod write;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};
use http_names::RETRY_AFTER;
use rightful_sim::{HeaderValue, Method, SimClock, SimRequest, SimResponse, Simulator};
use serde_json::{Value, json};

pub use seed::{Seed, SeedCustomer, SeedField, SeedFrequency, SeedUser};
pub use stand_in::STAND_IN;
pub use switches::{BatchMode, Limit, Switches, UnknownFilter, VersionKey};

use answers::{Listing, Matches, Query};
use state::State;
use switches::{FAULTS, Fault};
use write::Mode;

mod http_names {
    //! Header names the simulator answers with.
    pub(super) const RETRY_AFTER: rightful_sim::HeaderName = rightful_sim::HeaderName::from_static("retry-after");
}

/// One instance beside the main one, with its own key and rows.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// Its name, as sent in `x-api-client`.
    pub instance: String,
    /// Its key.
    pub api_key: String,
    /// What it holds at the start.
    pub seed: Seed,
}

/// What a simulator starts with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The instance's name, as sent in `x-api-client`.
    pub instance: String,
    /// The key of that instance.
    pub api_key: String,
    /// What it holds at the start.
    pub seed: Seed,
    /// Open questions about the vendor.
    pub switches: Switches,
    /// Other instances of the same service.
    pub neighbours: Vec<Neighbour>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            instance: "demo".into(),
            api_key: "sandbox-skynamo-key".into(),
            seed: Seed::default(),
            switches: Switches::default(),
            neighbours: Vec::new(),
        }
    }
}

struct Tenant {
    instance: String,
    api_key: String,
    seed: RwLock<Seed>,
    state: RwLock<State>,
    matches: Matches,
}

/// The simulator.
pub struct SkynamoSim {
    tenants: Vec<Tenant>,
    switches: RwLock<Switches>,
}

impl std::fmt::Debug for SkynamoSim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.tenants.iter().map(|tenant| tenant.instance.as_str()).collect();
        f.debug_struct("SkynamoSim").field("instances", &names).finish_non_exhaustive()
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write_lock<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl SkynamoSim {
    /// A service with the instances of the options.
    pub fn new(options: Options) -> Self {
        let main = Neighbour { instance: options.instance, api_key: options.api_key, seed: options.seed };
        let now = Utc::now();
        let tenants = std::iter::once(main)
            .chain(options.neighbours)
            .map(|tenant| Tenant {
                instance: tenant.instance,
                api_key: tenant.api_key,
                state: RwLock::new(State::new(&tenant.seed, now)),
                seed: RwLock::new(tenant.seed),
                matches: Matches::default(),
            })
            .collect();
        let sim = Self { tenants, switches: RwLock::default() };
        sim.switch(options.switches);
        sim
    }

    /// Replaces everything the main instance holds; a later reset returns to this.
    pub fn load(&self, seed: Seed) {
        let tenant = &self.tenants[0];
        let state = State::new(&seed, Utc::now());
        *write_lock(&tenant.seed) = seed;
        self.replace(tenant, state);
    }

    /// Answers the open questions about the vendor anew.
    pub fn switch(&self, switches: Switches) {
        for tenant in &self.tenants {
            let mut state = write_lock(&tenant.state);
            state.version_names = (switches.version_key != VersionKey::Version, switches.version_key != VersionKey::RowVersion);
            state.text_versions = switches.text_versions;
        }
        *write_lock(&self.switches) = switches;
    }

    fn replace(&self, tenant: &Tenant, mut state: State) {
        let mut held = write_lock(&tenant.state);
        state.version_names = held.version_names;
        state.text_versions = held.text_versions;
        *held = state;
        tenant.matches.clear();
    }

    /// The instance a request may enter: the key must belong to the instance named beside it.
    fn tenant(&self, request: &SimRequest) -> Result<&Tenant, write::Refused> {
        let forbidden = || Box::new(gateway(403, "Forbidden"));
        let key = request.header("x-api-key").filter(|key| !key.is_empty()).ok_or_else(forbidden)?;
        if !self.tenants.iter().any(|tenant| tenant.api_key == key) {
            return Err(forbidden());
        }
        let client = request.header("x-api-client").filter(|client| !client.is_empty());
        let client = client.ok_or_else(|| Box::new(gateway(400, "Missing required request parameters: [x-api-client]")))?;
        self.tenants.iter().find(|tenant| tenant.instance == client && tenant.api_key == key).ok_or_else(forbidden)
    }

    fn route(&self, request: &SimRequest, now: DateTime<Utc>) -> SimResponse {
        let wrong_route = || gateway(403, "Missing Authentication Token");
        let Some(rest) = request.path.strip_prefix("/v1/") else { return wrong_route() };
        let (path, id) = rest.split_once('/').map_or((rest, None), |(path, id)| (path, Some(id)));
        let route = Route::find(path, id, &request.method);
        let Some(route) = route else { return wrong_route() };
        let tenant = match self.tenant(request) {
            Ok(tenant) => tenant,
            Err(refusal) => return *refusal,
        };
        let switches = read(&self.switches).clone();
        let fault = request.fault.as_deref().and_then(Fault::named);
        if read(&tenant.state).next_hourly <= now {
            write_lock(&tenant.state).catch_up(now);
        }
        match route {
            Route::Read(path, id) => read_rows(tenant, path, id, request, &switches, fault, now),
            Route::Write(path) => {
                let partial = match fault {
                    Some(Fault::Partial) => true,
                    Some(Fault::Atomic) => false,
                    _ => switches.batch_mode == BatchMode::Partial,
                };
                write_rows(tenant, path, request, &switches, partial, now)
            }
        }
    }
}

/// A failure of the gateway in front of the service: not the service's own error model.
fn gateway(status: u16, message: &str) -> SimResponse {
    SimResponse::json(status, &json!({"message": message}))
}

/// A path and verb that exist.
enum Route<'a> {
    Read(&'static str, Option<&'a str>),
    Write(&'static str),
}

/// Paths beside the documents': name, verbs, has rows of its own under `/{id}`.
const PATHS: &[(&str, &[&str], bool)] = &[
    ("users", &["GET"], true),
    ("customers", &["GET", "POST", "PUT", "PATCH"], true),
    ("visitfrequencies", &["GET", "POST", "PUT", "PATCH", "DELETE"], true),
    ("formdefinitions", &["GET"], true),
    ("invoicesbyexternalid", &["POST", "PUT", "PATCH", "DELETE"], true),
    ("files", &["POST"], true),
    ("customfields", &["PATCH"], false),
    ("configurations", &["GET"], false),
    ("integrations", &["POST"], false),
    ("integrationformvalues", &["GET"], false),
    ("logentries", &["GET"], false),
];

impl<'a> Route<'a> {
    fn find(path: &str, id: Option<&'a str>, method: &Method) -> Option<Self> {
        let (path, verbs, items) = PATHS
            .iter()
            .copied()
            .find(|(known, ..)| *known == path)
            .or_else(|| documents::kind_at(path).map(|kind| (kind.path, kind.verbs, true)))?;
        match id {
            // Single rows are read-only: every write goes to the collection.
            // Prices and stock levels have no ids.
            Some(_) if matches!(path, "prices" | "stocklevels") => None,
            Some(id) if items && *method == Method::GET && !id.is_empty() && !id.contains('/') => Some(Self::Read(path, Some(id))),
            Some(_) => None,
            None if !verbs.contains(&method.as_str()) => None,
            None if *method == Method::GET => Some(Self::Read(path, None)),
            None => Some(Self::Write(path)),
        }
    }
}

fn read_rows(
    tenant: &Tenant,
    path: &'static str,
    id: Option<&str>,
    request: &SimRequest,
    switches: &Switches,
    fault: Option<Fault>,
    now: DateTime<Utc>,
) -> SimResponse {
    let query = match Query::parse(request, switches) {
        Ok(query) => query,
        Err(refusal) => return *refusal,
    };
    let state = read(&tenant.state);
    let listing = |filterable| Listing { path, filterable, query: &query, switches, fault, matches: &tenant.matches };
    macro_rules! rows {
        ($table:expr, $filterable:expr) => {
            match id {
                Some(id) => listing($filterable).item(&state, $table, id),
                None => listing($filterable).page(&state, $table),
            }
        };
    }
    match path {
        "users" => rows!(&state.users, &[]),
        "customers" => rows!(&state.customers, &["id", "code", "active", "create_date", "row_version"]),
        "visitfrequencies" => rows!(&state.frequencies, &["id", "create_date", "row_version"]),
        "formdefinitions" => rows!(&state.forms, &["id", "active", "type"]),
        "invoicesbyexternalid" => {
            let wanted = id.unwrap_or_default();
            let found = actions::invoice_of(&state, wanted).map(|id| id.to_string());
            listing(&[]).item(&state, &state.documents["invoices"], found.as_deref().unwrap_or(wanted))
        }
        "configurations" => answers::configuration(&tenant.instance),
        "integrationformvalues" => answers::integration_form(&state),
        "logentries" => answers::log_entries(&state, &query),
        "files" => answers::file(&state, id.unwrap_or_default(), now),
        _ => match (state.documents.get(path), documents::kind_at(path)) {
            (Some(table), Some(kind)) => rows!(table, kind.filterable),
            _ => gateway(403, "Missing Authentication Token"),
        },
    }
}

fn write_rows(
    tenant: &Tenant,
    path: &'static str,
    request: &SimRequest,
    switches: &Switches,
    partial: bool,
    now: DateTime<Utc>,
) -> SimResponse {
    match path {
        "integrations" => return actions::integrate(&mut write_lock(&tenant.state), &request.body, now),
        "files" => return actions::upload(&mut write_lock(&tenant.state), &request.body, now),
        _ => {}
    }
    let items = match write::items(&request.body) {
        Ok(items) => items,
        Err(refusal) => return *refusal,
    };
    let counter = format!("{} /{path}", request.method);
    let mut state = write_lock(&tenant.state);
    let state = &mut *state;
    let mode = match request.method {
        Method::PUT => Mode::Replace,
        Method::PATCH => Mode::Merge,
        Method::DELETE => {
            return write::batch(state, counter, &items, partial, false, |state, item| actions::remove(state, path, item));
        }
        _ => Mode::Create,
    };
    let echoes = documents::kind_at(path).is_none_or(|kind| !kind.echoes.is_empty());
    let answers = mode == Mode::Create && echoes;
    write::batch(state, counter, &items, partial, answers, |state, item| {
        let item = write::object(item)?;
        match path {
            "customers" => customers::write(state, item, mode, switches.allow_code_key, now),
            "visitfrequencies" => customers::write_frequency(state, item, mode, now),
            "customfields" => actions::rename_field(state, item, now),
            "invoicesbyexternalid" => actions::write_invoice(state, item, mode, now),
            _ => match documents::kind_at(path) {
                Some(kind) => documents::write(state, kind, item, mode, now),
                None => Err(write::Refusal::bad("This cannot be written.")),
            },
        }
    })
}

impl Simulator for SkynamoSim {
    fn vendor(&self) -> &'static str {
        "skynamo"
    }

    fn base_path(&self) -> &'static str {
        "/v1"
    }

    fn faults(&self) -> &'static [(&'static str, &'static str)] {
        FAULTS
    }

    fn answer(&self, request: &SimRequest, clock: &SimClock) -> SimResponse {
        match request.fault.as_deref().and_then(Fault::named) {
            Some(Fault::Throttled) => gateway(429, "Too Many Requests").with_header(RETRY_AFTER, HeaderValue::from_static("1")),
            Some(Fault::ThrottledWithoutWait) => gateway(429, "Too Many Requests"),
            Some(Fault::LimitExceeded) => gateway(429, "Limit Exceeded"),
            Some(Fault::Timeout) => gateway(504, "Endpoint request timed out"),
            Some(Fault::Forbidden) => gateway(403, "Forbidden"),
            Some(Fault::NotJson) => SimResponse::new(200, "text/html", "<html><body>Maintenance</body></html>"),
            Some(Fault::DoneTimeout) => {
                self.route(request, clock.now());
                gateway(504, "Endpoint request timed out")
            }
            Some(Fault::Truncated) => {
                let mut answer = self.route(request, clock.now());
                answer.body = answer.body.slice(..answer.body.len() / 2);
                answer
            }
            _ => self.route(request, clock.now()),
        }
    }

    fn dump(&self) -> Value {
        let mut dump = control::dump(&self.tenants[0]);
        let others: serde_json::Map<String, Value> =
            self.tenants[1..].iter().map(|tenant| (tenant.instance.clone(), control::dump(tenant))).collect();
        if !others.is_empty() {
            dump["neighbours"] = Value::Object(others);
        }
        dump
    }

    fn control(&self, name: &str, body: Value, clock: &SimClock) -> Result<Value, String> {
        control::control(self, name, body, clock.now())
    }
}
