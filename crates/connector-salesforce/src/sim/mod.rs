//! A stand-in for Salesforce's REST API, written from its public documentation.
//!
//! It keeps users, queues, accounts, contacts, opportunities, leads, cases, tasks, events, teams and three custom objects, and answers as the guides
//! at <https://developer.salesforce.com/docs/platform/api-rest/guide/> describe: sign-in, describe, queries, records, collections, composite
//! calls, changes, limits and bulk queries, versions 31.0 to 67.0. Where they are silent a [`Switches`] member holds our assumption. Bulk
//! ingest, streaming, outbound messages, SOAP and SCIM are not part of it.

mod answers;
mod ask;
mod bulk;
mod cells;
mod changes;
mod collections;
mod composite;
mod control;
mod ids;
mod limits;
mod oauth;
mod owners;
mod query;
mod records;
mod routes;
mod schema;
mod seed;
mod sobjects;
mod soql;
mod stand_in;
mod state;
mod switches;
mod table;

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use rightful_sim::{SimClock, SimRequest, SimResponse, Simulator};
use serde_json::Value;

pub use seed::Seed;
pub use soql::{Outline, Told, outline};
pub use stand_in::STAND_IN;
pub use switches::{Switches, WrongOwner};

use answers::{edge, no_such_resource, refusal};
use ask::Ask;
use routes::Address;
use state::State;
use switches::{FAULTS, Fault};

/// Address alone, and address with headers:
/// <https://help.salesforce.com/s/articleView?id=000386264>.
const LONGEST_HEAD: usize = 16_384;

/// What a simulator starts with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The consumer key of the app.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The user name that client credentials act as.
    pub run_as: String,
    /// Registered callback addresses of the web flow.
    pub callbacks: Vec<String>,
    /// PEM `PUBLIC KEY` that assertions are checked with.
    pub public_key: Option<String>,
    /// A refresh token that is valid from the start, and stays so unless tokens rotate.
    pub refresh_token: Option<String>,
    /// An access token that is valid from the start.
    pub access_token: Option<String>,
    /// The password of every user; none: the password grant is refused.
    pub password: Option<String>,
    /// Is the app a public client, without a secret?
    pub is_public: bool,
    /// What the organisation holds at the start.
    pub seed: Seed,
    /// How it is set up.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            client_id: "3MVG9.example.consumer.key".into(),
            client_secret: "sandbox-salesforce-secret".into(),
            run_as: Seed::RUN_AS.into(),
            callbacks: vec!["http://localhost:1717/OauthRedirect".into()],
            public_key: None,
            refresh_token: Some("5Aep861.sandbox.refresh.token".into()),
            access_token: None,
            password: Some("sandbox-password".into()),
            is_public: false,
            seed: Seed::default(),
            switches: Switches::default(),
        }
    }
}

impl Options {
    fn state(&self, now: DateTime<Utc>) -> State {
        let app = oauth::App {
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            run_as: self.run_as.clone(),
            callbacks: self.callbacks.clone(),
            public_key: self.public_key.clone(),
            refresh_token: self.refresh_token.clone(),
            access_token: self.access_token.clone(),
            password: self.password.clone(),
            is_public: self.is_public,
        };
        State::new(&self.seed, app, self.switches.clone(), now)
    }
}

/// The simulator.
pub struct SalesforceSim {
    options: Mutex<Options>,
    state: Mutex<State>,
}

impl std::fmt::Debug for SalesforceSim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SalesforceSim").finish_non_exhaustive()
    }
}

impl Default for SalesforceSim {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl SalesforceSim {
    /// An organisation as the options say.
    pub fn new(options: Options) -> Self {
        Self { state: Mutex::new(options.state(Utc::now())), options: Mutex::new(options) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns to the start, with another seed where one is given. Switches stay as they are.
    fn begin_anew(&self, seed: Option<Seed>, now: DateTime<Utc>) {
        let mut options = self.options.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seed) = seed {
            options.seed = seed;
        }
        let mut fresh = options.state(now);
        let mut state = self.state();
        fresh.switches = state.switches.clone();
        *state = fresh;
    }

    fn route(&self, request: &SimRequest, now: DateTime<Utc>, fault: Option<Fault>) -> SimResponse {
        let mut state = self.state();
        let state = &mut *state;
        match Address::of(&request.path) {
            Some(Address::OAuth(part)) => oauth::route(state, request, &part, now, fault),
            Some(Address::Identity(organisation, user)) => oauth::identity(state, request, (&organisation, &user), now),
            Some(Address::Versions) => routes::versions(),
            Some(Address::Retired) => refusal(410, "GONE", "This version of the API has been retired"),
            Some(Address::Data { version, version_text, parts }) => {
                let answer = data(state, request, (version, version_text, parts), now, fault);
                state.keep();
                limits::told(state, answer)
            }
            None => no_such_resource(),
        }
    }
}

/// Answers one call of the data interface once its caller is known.
fn data(
    state: &mut State,
    request: &SimRequest,
    (version, version_text, parts): (u32, String, Vec<String>),
    now: DateTime<Utc>,
    fault: Option<Fault>,
) -> SimResponse {
    let token = oauth::bearer(request).unwrap_or_default();
    if fault == Some(Fault::ExpiredSession) {
        state.sessions.remove(token);
    }
    let (user, session) = match state.enter(token, now) {
        Ok(entered) => entered,
        Err(failure) => return failure.into(),
    };
    if !state.count_call(now) {
        return refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    }
    let options = request.header("sforce-query-options").unwrap_or_default();
    let batch_size =
        options.split(',').filter_map(|option| option.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("batchSize"));
    let text = |name: &str| request.header(name).map(str::to_owned);
    let ask = Ask {
        method: request.method.clone(),
        parts,
        query: request.query_pairs(),
        body: request.body.clone(),
        version,
        version_text,
        user,
        session,
        origin: request.origin.clone(),
        now,
        fault,
        auto_assign: !request.header("sforce-auto-assign").is_some_and(|value| value.trim().eq_ignore_ascii_case("false")),
        batch_size: batch_size.and_then(|(_, size)| size.trim().parse().ok()),
        modified_since: text("if-modified-since"),
        unmodified_since: text("if-unmodified-since"),
    };
    routes::answer(state, &ask)
}

/// What is answered instead of anything else.
fn misfortune(fault: Fault) -> Option<SimResponse> {
    Some(match fault {
        Fault::UnfitSession => refusal(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"),
        Fault::ExpiredJwt => refusal(401, "INVALID_AUTH_HEADER", "INVALID_JWT_FORMAT"),
        Fault::DailyLimit => refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        Fault::ConcurrentLimit => refusal(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        Fault::LongTransactions => refusal(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."),
        Fault::ApiDisabled => refusal(403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner"),
        Fault::Unavailable => refusal(503, "SERVER_UNAVAILABLE", "Server Unavailable"),
        Fault::Edge420 => edge(420, "<html><body><h1>Error 420</h1></body></html>"),
        Fault::UriTooLong => edge(414, "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>"),
        Fault::NotJson => edge(200, "<html><body>Maintenance</body></html>"),
        _ => return None,
    })
}

impl Simulator for SalesforceSim {
    fn vendor(&self) -> &'static str {
        "salesforce"
    }

    fn base_path(&self) -> &'static str {
        ""
    }

    fn faults(&self) -> &'static [(&'static str, &'static str)] {
        FAULTS
    }

    fn answer(&self, request: &SimRequest, clock: &SimClock) -> SimResponse {
        let uri = request.path.len() + request.query.as_ref().map_or(0, |query| query.len() + 1);
        if uri > LONGEST_HEAD {
            return edge(414, "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>");
        }
        let headers: usize = request.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if uri + headers > LONGEST_HEAD {
            return edge(431, "<h1>Bad Message 431</h1><pre>reason: Request Header Fields Too Large</pre>");
        }
        let fault = request.fault.as_deref().and_then(Fault::named);
        if let Some(answer) = fault.and_then(misfortune) {
            return answer;
        }
        let mut answer = self.route(request, clock.now(), fault);
        match fault {
            Some(Fault::DoneUnavailable) => refusal(503, "SERVER_UNAVAILABLE", "Server Unavailable"),
            Some(Fault::Truncated) => {
                answer.body = answer.body.slice(..answer.body.len() / 2);
                answer
            }
            _ => answer,
        }
    }

    fn dump(&self) -> Value {
        control::dump(&self.state())
    }

    fn control(&self, name: &str, body: Value, clock: &SimClock) -> Result<Value, String> {
        control::control(self, name, body, clock.now())
    }
}
