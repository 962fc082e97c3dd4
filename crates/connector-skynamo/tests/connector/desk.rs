//! A connector that talks to the simulator in its own process: no socket, every request counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use connector_skynamo::SkynamoConnector;
use connector_skynamo::sim::{Options, Seed, SkynamoSim};
use rightful_core::{
    Connector, Context, Error, ErrorKind, ManualClock, Mark, Record, RecordId, Request, Response, Result, Rows, Scan, Secret, Secrets,
    SendError, Settings, Transport, async_trait,
};
use rightful_sim::{SimClock, SimRequest, Simulator};

/// What befalls one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// A fault of the simulator.
    Vendor(&'static str),
    /// The request never arrives.
    NotSent,
    /// The vendor acts and its answer is lost.
    AnswerLost,
}

type Meddler = Box<dyn Fn(&SkynamoSim, u64, &str) + Send + Sync>;

pub struct Wire {
    pub sim: SkynamoSim,
    clock: SimClock,
    number: AtomicU64,
    mishaps: Mutex<Vec<(u64, Mishap)>>,
    log: Mutex<Vec<String>>,
    meddler: Mutex<Option<Meddler>>,
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
        let number = self.number.fetch_add(1, Ordering::SeqCst) + 1;
        let query = request.url.query().map(str::to_owned);
        let line =
            format!("{} {}{}", request.method, request.url.path(), query.as_ref().map(|query| format!("?{query}")).unwrap_or_default());
        if let Some(meddler) = self.meddler.lock().unwrap().as_ref() {
            meddler(&self.sim, number, &line);
        }
        self.log.lock().unwrap().push(line);
        let mishap = self.mishaps.lock().unwrap().iter().find(|(at, _)| *at == number || *at == 0).map(|(_, mishap)| mishap.clone());
        let lost = |may_have_acted| SendError { may_have_acted, error: Error::new(ErrorKind::Unavailable, "the connection broke") };
        if mishap == Some(Mishap::NotSent) {
            return Err(lost(false));
        }
        let answer = self.sim.answer(
            &SimRequest {
                method: request.method,
                path: request.url.path().to_owned(),
                query,
                headers: request.headers,
                body: request.body,
                origin: "http://127.0.0.1:1".into(),
                number,
                fault: match &mishap {
                    Some(Mishap::Vendor(name)) => Some((*name).to_owned()),
                    _ => None,
                },
            },
            &self.clock,
        );
        if mishap == Some(Mishap::AnswerLost) {
            return Err(lost(true));
        }
        Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
    }
}

/// A connector with its simulator.
pub struct Desk {
    pub wire: Arc<Wire>,
    pub connector: Arc<SkynamoConnector>,
    pub clock: ManualClock,
}

impl Desk {
    pub fn new(options: Options, settings: &[(&str, i64)]) -> Self {
        let wire = Arc::new(Wire {
            sim: SkynamoSim::new(options),
            clock: SimClock::wall(),
            number: AtomicU64::new(0),
            mishaps: Mutex::default(),
            log: Mutex::default(),
            meddler: Mutex::default(),
        });
        let clock = ManualClock::at("2026-03-02T09:00:00Z".parse().unwrap());
        let mut all = Settings::new([("base_url", "http://127.0.0.1:1/v1".into()), ("instance", serde_json::Value::from("demo"))]);
        for (key, value) in settings {
            all.set(*key, *value);
        }
        let secrets = Secrets::new([("api_key", Secret::new("sandbox-skynamo-key"))]);
        let mut context = Context::new("skynamo", wire.clone());
        context.clock = Arc::new(clock.clone());
        context.permits = Arc::new(rightful_core::Permits::new(context.clock.clone()));
        let connector = Arc::new(SkynamoConnector::connect(&all, &secrets, context).unwrap());
        Self { wire, connector, clock }
    }

    pub fn usual() -> Self {
        Self::new(Options::default(), &[])
    }

    pub fn seeded(seed: Seed, settings: &[(&str, i64)]) -> Self {
        Self::new(Options { seed, ..Options::default() }, settings)
    }

    /// From now on: the request after this many others meets this; 0 requests away is the next one.
    pub fn mishap(&self, away: u64, mishap: Mishap) {
        let at = self.wire.number.load(Ordering::SeqCst) + 1 + away;
        self.wire.mishaps.lock().unwrap().push((at, mishap));
    }

    /// Every request meets this.
    pub fn always(&self, mishap: Mishap) {
        self.wire.mishaps.lock().unwrap().push((0, mishap));
    }

    pub fn calm(&self) {
        self.wire.mishaps.lock().unwrap().clear();
        *self.wire.meddler.lock().unwrap() = None;
    }

    /// Runs before each request, with its number and line.
    pub fn meddle(&self, meddler: impl Fn(&SkynamoSim, u64, &str) + Send + Sync + 'static) {
        *self.wire.meddler.lock().unwrap() = Some(Box::new(meddler));
    }

    pub fn control(&self, name: &str, body: serde_json::Value) -> serde_json::Value {
        self.wire.sim.control(name, body, &self.wire.clock).unwrap()
    }

    /// Requests since the last time this was asked.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.wire.log.lock().unwrap())
    }

    /// Reads a scan to its end, cursors in any order.
    pub async fn read(&self, scan: &Scan) -> Result<Whole> {
        let first = self.connector.read(scan, None).await?;
        let mut whole = Whole { total: first.total, whole: first.whole, mark: first.mark, records: first.items };
        for page in futures::future::join_all(first.next.iter().map(|cursor| self.connector.read(scan, Some(cursor)))).await {
            let page = page?;
            assert!(page.next.is_empty() && page.mark.is_none());
            whole.records.extend(page.items);
        }
        Ok(whole)
    }

    pub async fn by_id(&self, kind: &'static str, id: &str) -> Option<Record> {
        self.read(&Scan::ids(kind, vec![RecordId::new(id)])).await.unwrap().records.pop()
    }
}

/// A scan read to its end.
#[derive(Debug)]
pub struct Whole {
    pub records: Vec<Record>,
    pub total: Option<u64>,
    pub whole: Option<u64>,
    pub mark: Option<Mark>,
}

impl Whole {
    pub fn ids(&self) -> std::collections::BTreeSet<String> {
        self.records.iter().map(|record| record.id.to_string()).collect()
    }
}

pub fn since(kind: &'static str, mark: &Mark) -> Scan {
    Scan { kind: kind.into(), rows: Rows::Since(mark.clone()), fields: Vec::new() }
}
