//! A stand-in for SalesScreen's API, written from its public documentation.
//!
//! It keeps teams, users, mappings, activities and records per company, takes what
//! <https://docs.salesscreen.com/view/metadata/SVSBxDUK> describes, and ignores what the help centre at <https://help.salesscreen.wiki/> says
//! the product ignores. Where both are silent a [`Switches`] member holds our assumption. There are no reads below `/api/v1`.

mod control;
mod intake;
mod seed;
mod stand_in;
mod state;
mod switches;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, TimeDelta, Utc};
use rightful_sim::{HeaderName, HeaderValue, Method, SimClock, SimRequest, SimResponse, Simulator};
use serde_json::{Value, json};

pub use seed::{Seed, SeedUser, Standing};
pub use stand_in::STAND_IN;
pub use switches::{Answer, BatchMode, Dates, EmailMatch, Switches, TeamPlace, UserForm};

use state::{Refused, State};
use switches::{FAULTS, Fault};

const RETRY_AFTER: HeaderName = HeaderName::from_static("retry-after");

/// Both windows: calls, and seconds.
const WINDOWS: [(usize, i64); 2] = [(15, 1), (200, 60)];

/// A key of a company. Ids sent with it are ids of its system.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The key.
    pub key: String,
    /// The external system it was made for.
    pub system: String,
}

/// A company at the start.
#[derive(Clone, Debug)]
pub struct Company {
    /// Its name, for controls; the API has none.
    pub name: String,
    /// Its keys.
    pub keys: Vec<ApiKey>,
    /// What it holds.
    pub seed: Seed,
}

/// What a simulator starts with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The companies; the first one is the one that is dumped whole.
    pub companies: Vec<Company>,
    /// Open questions about the vendor.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        let keys = vec![ApiKey { key: "sandbox-salesscreen-key".into(), system: seed::SYSTEM.into() }];
        Self { companies: vec![Company { name: "acme".into(), keys, seed: Seed::small() }], switches: Switches::default() }
    }
}

struct Tenant {
    name: String,
    keys: Vec<ApiKey>,
    seed: RwLock<Seed>,
    state: RwLock<State>,
}

/// The simulator.
pub struct SalesScreenSim {
    companies: Vec<Tenant>,
    switches: RwLock<Switches>,
    /// When each key was used within the longest window.
    used: Mutex<HashMap<String, VecDeque<DateTime<Utc>>>>,
}

impl std::fmt::Debug for SalesScreenSim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.companies.iter().map(|company| company.name.as_str()).collect();
        f.debug_struct("SalesScreenSim").field("companies", &names).finish_non_exhaustive()
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write_lock<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// A path that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    AddUser,
    AddRecords,
    RemoveRecords,
}

impl SalesScreenSim {
    /// A service with the companies of the options.
    pub fn new(options: Options) -> Self {
        let companies = options.companies.into_iter().map(|company| Tenant {
            name: company.name,
            keys: company.keys,
            state: RwLock::new(State::new(&company.seed)),
            seed: RwLock::new(company.seed),
        });
        Self { companies: companies.collect(), switches: RwLock::new(options.switches), used: Mutex::default() }
    }

    /// Answers the open questions about the vendor anew.
    pub fn switch(&self, switches: Switches) {
        *write_lock(&self.switches) = switches;
    }

    fn find(&self, request: &SimRequest, switches: &Switches) -> Option<Route> {
        // Every list that was tried live is a path that does not exist, whatever the verb.
        if request.method != Method::POST {
            return None;
        }
        let path = request.path.strip_prefix("/api/v1/")?;
        let is = |known: &str| path == known || (switches.any_case && path.eq_ignore_ascii_case(known));
        match () {
            () if is("User/Add") => Some(Route::AddUser),
            () if is("Record/Add") => Some(Route::AddRecords),
            () if switches.remove_path.as_deref().is_some_and(is) => Some(Route::RemoveRecords),
            () => None,
        }
    }

    fn tenant(&self, request: &SimRequest) -> Option<(&Tenant, &ApiKey)> {
        let key = request.header("apikey").filter(|key| !key.is_empty())?;
        self.companies.iter().find_map(|tenant| Some((tenant, tenant.keys.iter().find(|known| known.key == key)?)))
    }

    /// Counts one call of a key; false where a window is full.
    fn within_limits(&self, key: &str, now: DateTime<Utc>) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.entry(key.to_owned()).or_default();
        let longest = WINDOWS.iter().map(|(_, seconds)| *seconds).max().unwrap_or_default();
        while used.front().is_some_and(|at| *at + TimeDelta::seconds(longest) <= now) {
            used.pop_front();
        }
        let full = WINDOWS
            .iter()
            .any(|(calls, seconds)| used.iter().rev().take_while(|at| **at + TimeDelta::seconds(*seconds) > now).count() >= *calls);
        if !full {
            used.push_back(now);
        }
        !full
    }

    fn route(&self, request: &SimRequest, now: DateTime<Utc>) -> SimResponse {
        let switches = read(&self.switches).clone();
        let Some(route) = self.find(request, &switches) else { return plain(404, "") };
        let Some((tenant, key)) = self.tenant(request) else { return said(401, "Unauthorized") };
        if switches.limits && !self.within_limits(&key.key, now) {
            return throttled(switches.retry_after);
        }
        let json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let body = serde_json::from_slice::<Value>(&request.body).ok().filter(|_| json);
        let mut state = write_lock(&tenant.state);
        state.count(&request.path);
        let outcome = body.ok_or_else(|| "the body is not JSON".to_owned()).and_then(|body| match route {
            Route::AddUser => add_user(&mut state, &key.system, &body, &switches),
            Route::AddRecords => add_records(&mut state, &key.system, &body, &switches, now),
            Route::RemoveRecords => remove_records(&mut state, &body),
        });
        match outcome {
            Ok(()) => accepted(switches.answer),
            Err(why) => {
                state.refuse(&request.path, &why, now);
                said(400, &why)
            }
        }
    }
}

fn add_user(state: &mut State, system: &str, body: &Value, switches: &Switches) -> Result<(), Refused> {
    let person = intake::user(body)?;
    state.add_user(system, &person, switches).map(drop)
}

fn add_records(state: &mut State, system: &str, body: &Value, switches: &Switches, now: DateTime<Utc>) -> Result<(), Refused> {
    let items = intake::records(body, switches, now)?;
    let mut first = None;
    let start = state.before(items.iter().flatten().map(|item| item.id.as_str()));
    for (place, item) in items.into_iter().enumerate() {
        let partial = switches.batch_mode == BatchMode::Partial;
        let before = partial.then(|| state.before(item.iter().map(|item| item.id.as_str())));
        let taken = item.and_then(|item| state.add_record(system, item, switches, now));
        if let Err(why) = taken {
            first.get_or_insert_with(|| format!("record {place}: {why}"));
            match before {
                Some(before) => state.take_back(before),
                None => {
                    state.take_back(start);
                    return Err(first.unwrap_or_default());
                }
            }
        }
    }
    first.map_or(Ok(()), Err)
}

fn remove_records(state: &mut State, body: &Value) -> Result<(), Refused> {
    for id in intake::ids(body)? {
        state.records.remove(&id);
    }
    Ok(())
}

fn accepted(answer: Answer) -> SimResponse {
    match answer {
        Answer::Empty => plain(200, ""),
        Answer::Json => SimResponse::json(200, &json!({})),
        Answer::NoContent => plain(204, ""),
    }
}

fn plain(status: u16, text: &'static str) -> SimResponse {
    SimResponse::new(status, "text/plain", text)
}

fn said(status: u16, message: &str) -> SimResponse {
    SimResponse::json(status, &json!({"message": message}))
}

fn throttled(retry_after: Option<u32>) -> SimResponse {
    let answer = said(429, "Too many requests");
    match retry_after {
        Some(seconds) => answer.with_header(RETRY_AFTER, HeaderValue::from(seconds)),
        None => answer,
    }
}

fn page() -> SimResponse {
    SimResponse::new(200, "text/html", "<html><body>Maintenance</body></html>")
}

impl Simulator for SalesScreenSim {
    fn vendor(&self) -> &'static str {
        "salesscreen"
    }

    fn base_path(&self) -> &'static str {
        "/api/v1"
    }

    fn faults(&self) -> &'static [(&'static str, &'static str)] {
        FAULTS
    }

    fn answer(&self, request: &SimRequest, clock: &SimClock) -> SimResponse {
        let carried_out = || drop(self.route(request, clock.now()));
        match request.fault.as_deref().and_then(Fault::named) {
            Some(Fault::Throttled) => throttled(Some(1)),
            Some(Fault::ThrottledWithoutWait) => throttled(None),
            Some(Fault::Unauthorized) => said(401, "Unauthorized"),
            Some(Fault::Refused) => said(400, "Bad request"),
            Some(Fault::ServerError) => plain(500, "Internal error"),
            Some(Fault::DoneServerError) => {
                carried_out();
                plain(500, "Internal error")
            }
            Some(Fault::Page) => page(),
            Some(Fault::DonePage) => {
                carried_out();
                page()
            }
            None => self.route(request, clock.now()),
        }
    }

    fn dump(&self) -> Value {
        let of = |tenant: &Tenant| {
            let system = tenant.keys.first().map(|key| key.system.as_str()).unwrap_or_default();
            read(&tenant.state).dump(system)
        };
        let Some((first, others)) = self.companies.split_first() else { return Value::Null };
        let mut dump = of(first);
        dump["company"] = json!(first.name);
        let others: serde_json::Map<String, Value> = others.iter().map(|tenant| (tenant.name.clone(), of(tenant))).collect();
        if !others.is_empty() {
            dump["neighbours"] = Value::Object(others);
        }
        dump
    }

    fn control(&self, name: &str, body: Value, clock: &SimClock) -> Result<Value, String> {
        control::control(self, name, body, clock.now())
    }
}
