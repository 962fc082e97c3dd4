//! A connector in front of its simulator, over a real socket or inside this process, with everything it sent kept in order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use connector_salesforce::SalesforceConnector;
use connector_salesforce::sim::{Options, SalesforceSim, Seed, Switches};
use rightful_core::{
    Clock, Connector as _, Context, Cursor, Guarded, ManualClock, MemorySlot, Outcome, OwnerChange, Page, Permits, Record, Request,
    ReqwestTransport, Response, Result, Role, Scan, Secret, SendError, Settings, Slot, SlotValue, Target, Transport, TransportOptions,
    Write, async_trait,
};
use rightful_sim::{RunningSim, SimClock, SimHost, SimOptions, SimRequest, Simulator};
use serde_json::{Value as Json, json};

use crate::desk::{Calm, Sent, secrets, settings};

pub const REFRESH: &str = "5Aep861.first.token";

/// What happened, in order.
#[derive(Clone, Debug)]
pub enum Event {
    Sent(Sent),
    /// The slot took this text.
    Saved(String),
}

pub type Journal = Arc<Mutex<Vec<Event>>>;

/// Keeps what goes out.
#[derive(Debug)]
struct Keeping {
    inner: Arc<dyn Transport>,
    journal: Journal,
}

#[async_trait]
impl Transport for Keeping {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        self.journal.lock().unwrap().push(Event::Sent(Sent::of(&request)));
        self.inner.send(request).await
    }
}

/// Keeps what is saved.
#[derive(Debug)]
pub struct KeepingSlot {
    inner: Arc<dyn Slot>,
    journal: Journal,
}

#[async_trait]
impl Slot for KeepingSlot {
    async fn load(&self) -> Result<SlotValue> {
        self.inner.load().await
    }

    async fn swap(&self, revision: u64, text: Option<Secret>) -> Result<bool> {
        let kept = text.as_ref().map(|text| text.expose().to_owned()).unwrap_or_default();
        let taken = self.inner.swap(revision, text).await?;
        if taken {
            self.journal.lock().unwrap().push(Event::Saved(kept));
        }
        Ok(taken)
    }
}

/// The real transport, which would reach loopback addresses: only our own rules stand before them.
pub fn over_sockets() -> Arc<dyn Transport> {
    Arc::new(ReqwestTransport::new(TransportOptions { allow_private: true, ..TransportOptions::default() }).unwrap())
}

/// Answers inside this process, without a socket.
struct Inside {
    sim: Arc<SalesforceSim>,
    clock: SimClock,
    number: AtomicU64,
}

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inside")
    }
}

#[async_trait]
impl Transport for Inside {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let answer = self.sim.answer(
            &SimRequest {
                method: request.method,
                path: request.url.path().to_owned(),
                query: request.url.query().map(str::to_owned),
                headers: request.headers,
                body: request.body,
                origin: request.url.origin().ascii_serialization(),
                number: self.number.fetch_add(1, Ordering::SeqCst) + 1,
                fault: None,
            },
            &self.clock,
        );
        Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
    }
}

pub fn noon() -> DateTime<Utc> {
    "2027-03-01T12:00:00Z".parse().unwrap()
}

/// An organisation whose app has the desk's credentials.
pub fn organisation(seed: Seed, switches: Switches) -> Options {
    Options {
        client_id: "3MVG9.consumer".into(),
        client_secret: "hidden-client-secret".into(),
        refresh_token: Some(REFRESH.into()),
        seed,
        switches,
        ..Options::default()
    }
}

/// An organisation with so many accounts of one user; two more may be given them.
pub fn accounts(count: usize) -> Seed {
    let mut seed = Seed::empty();
    for (first, login) in [("Nadia", "nadia"), ("Pieter", "pieter")] {
        seed.add_user(first, "Person", &format!("{login}@acme.example"), &format!("{login}@example.com"), true);
    }
    for number in 1..=count {
        seed.add("Account", json!({ "Name": format!("Account {number:04}"), "AccountNumber": format!("C-{number}"), "Region__c": "Cape" }));
    }
    seed
}

/// One connection, and what it sent.
pub struct Line {
    pub connector: Guarded,
    pub clock: ManualClock,
    pub journal: Journal,
}

impl Line {
    pub fn new(settings: &Settings, secrets: &rightful_core::Secrets, transport: Arc<dyn Transport>, slot: Arc<dyn Slot>) -> Self {
        let clock = ManualClock::at(noon());
        Self::by(settings, secrets, transport, slot, (Arc::new(clock.clone()), clock), Journal::default())
    }

    pub fn by(
        settings: &Settings,
        secrets: &rightful_core::Secrets,
        transport: Arc<dyn Transport>,
        slot: Arc<dyn Slot>,
        (time, clock): (Arc<dyn Clock>, ManualClock),
        journal: Journal,
    ) -> Self {
        let mut context = Context::new("crm", Arc::new(Keeping { inner: transport, journal: journal.clone() }));
        context.permits = Arc::new(Permits::new(time.clone()));
        context.clock = time;
        context.randomness = Arc::new(Calm);
        context.slot = Arc::new(KeepingSlot { inner: slot, journal: journal.clone() });
        let connector = SalesforceConnector::connect(settings, secrets, context).unwrap();
        Self { connector: Guarded::new(Arc::new(connector)), clock, journal }
    }

    /// A connection to a simulator inside this process.
    pub fn inside(sim: &Arc<SalesforceSim>, clock: &SimClock, more: &[(&str, Json)]) -> Self {
        let transport = Inside { sim: sim.clone(), clock: clock.clone(), number: AtomicU64::new(0) };
        Self::new(&settings(more), &secrets(&[]), Arc::new(transport), Arc::new(MemorySlot::default()))
    }

    pub fn events(&self) -> Vec<Event> {
        self.journal.lock().unwrap().clone()
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.events().into_iter().filter_map(|event| if let Event::Sent(sent) = event { Some(sent) } else { None }).collect()
    }

    /// The requests for tokens.
    pub fn sign_ins(&self) -> usize {
        self.sent().iter().filter(|sent| sent.path.ends_with("/oauth2/token")).count()
    }

    /// The requests that write.
    pub fn patches(&self) -> Vec<Sent> {
        self.sent().into_iter().filter(|sent| sent.method == "PATCH").collect()
    }

    pub fn forget(&self) {
        self.journal.lock().unwrap().clear();
    }

    pub async fn page(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        self.connector.read(scan, from).await
    }

    /// A whole scan: its first page, and every row in the order in which it came.
    pub async fn whole(&self, scan: &Scan) -> Result<(Page, Vec<Record>)> {
        let mut first = self.page(scan, None).await?;
        let mut records = std::mem::take(&mut first.items);
        let mut open: std::collections::VecDeque<Cursor> = first.next.iter().cloned().collect();
        while let Some(cursor) = open.pop_front() {
            let page = self.page(scan, Some(&cursor)).await?;
            records.extend(page.items);
            open.extend(page.next);
        }
        Ok((first, records))
    }

    pub async fn write(&self, kind: &str, batch: &[Write]) -> Result<Vec<Outcome>> {
        self.connector.write(&kind.into(), batch).await
    }
}

/// A simulator behind a socket with a connection to it.
pub struct Town {
    pub sim: RunningSim,
    pub line: Line,
}

impl Town {
    pub async fn new(seed: Seed, switches: Switches, more: &[(&str, Json)]) -> Self {
        let sim = served(Arc::new(SalesforceSim::new(organisation(seed, switches)))).await;
        let mut settings = settings(more);
        settings.set("login_url", json!(sim.origin()));
        let line = Line::new(&settings, &secrets(&[]), over_sockets(), Arc::new(MemorySlot::default()));
        Self { sim, line }
    }

    /// Signs in, so that what follows is only what a test is about.
    pub async fn signed_in(seed: Seed, switches: Switches, more: &[(&str, Json)]) -> Self {
        let town = Self::new(seed, switches, more).await;
        town.line.page(&Scan::ids("account", vec!["001000000000000".into()]), None).await.unwrap();
        assert_eq!(town.line.sign_ins(), 1);
        town.line.forget();
        town
    }

    /// The request after so many others meets this fault.
    pub fn fault(&self, after: u64, fault: &str) {
        self.sim.set_faults(&format!("{}:{fault}", self.sim.next_number() + after)).unwrap();
    }

    pub fn control(&self, name: &str, body: Json) {
        self.sim.control(name, body).unwrap();
    }

    pub fn rows(&self, object: &str) -> Vec<Json> {
        self.sim.dump()["objects"][object].as_array().unwrap().clone()
    }

    pub fn row(&self, object: &str, id: &str) -> Json {
        self.rows(object).into_iter().find(|row| row["Id"] == id).unwrap()
    }

    pub fn ids(&self, object: &str) -> Vec<String> {
        self.rows(object).iter().map(|row| row["Id"].as_str().unwrap().to_owned()).collect()
    }

    /// The user of that login.
    pub fn user(&self, login: &str) -> String {
        let name = format!("{login}@acme.example");
        let user = self.rows("User").into_iter().find(|row| row["Username"] == name.as_str()).unwrap();
        user["Id"].as_str().unwrap().to_owned()
    }
}

pub async fn served(simulator: Arc<dyn Simulator>) -> RunningSim {
    SimHost::start(SimOptions::new(simulator).clock(SimClock::fixed(noon()))).await.unwrap()
}

pub fn give(id: &str, to: &str) -> Write {
    Write {
        key: format!("give-{id}"),
        target: Target::Id(id.into()),
        owners: vec![OwnerChange { role: Role::fixed("owner"), from: None, to: vec![to.to_owned()] }],
        values: Vec::new(),
    }
}

/// Each outcome in a word or two.
pub fn told(outcomes: &[Outcome]) -> Vec<String> {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Done { .. } => "done".to_owned(),
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::NotDone(error) => format!("not done: {}", error.kind()),
        Outcome::Unknown(error) => format!("unknown: {}", error.kind()),
    };
    outcomes.iter().map(word).collect()
}
