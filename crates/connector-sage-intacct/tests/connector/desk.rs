//! A connector that talks to the simulator in its own process: no socket, every request kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use connector_sage_intacct::SageIntacctConnector;
use connector_sage_intacct::sim::{Options, SageIntacctSim};
use rightful_core::{
    Connector, Context, Cursor, Error, ErrorKind, ManualClock, Mark, Permits, Record, Request, Response, Result, Rows, Scan, Secret,
    Secrets, SendError, Settings, Transport, Url, async_trait,
};
use rightful_sim::{SimClock, SimRequest, Simulator};

/// The time at which every desk begins.
pub const NOW: &str = "2026-03-02T09:00:00Z";

/// What befalls one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// A fault of the simulator.
    Vendor(&'static str),
    /// The vendor acts and its answer is lost.
    AnswerLost,
}

type Meddler = Box<dyn FnMut(&SageIntacctSim, &SimClock, u64) + Send>;

pub struct Wire {
    pub sim: SageIntacctSim,
    pub clock: SimClock,
    number: AtomicU64,
    mishaps: Mutex<Vec<(u64, Mishap)>>,
    log: Mutex<Vec<String>>,
    urls: Mutex<Vec<Url>>,
    meddler: Mutex<Option<Meddler>>,
    running: AtomicU64,
    widest: AtomicU64,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.widest.fetch_max(running, Ordering::SeqCst);
        // Let whatever else may be sent meanwhile be sent.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        let number = self.number.fetch_add(1, Ordering::SeqCst) + 1;
        self.log.lock().unwrap().push(String::from_utf8(request.body.to_vec()).unwrap());
        self.urls.lock().unwrap().push(request.url.clone());
        if let Some(meddler) = self.meddler.lock().unwrap().as_mut() {
            meddler(&self.sim, &self.clock, number);
        }
        let mishap = self.mishaps.lock().unwrap().iter().find(|(at, _)| *at == number || *at == 0).map(|(_, mishap)| mishap.clone());
        let answer = self.sim.answer(
            &SimRequest {
                method: request.method,
                path: request.url.path().to_owned(),
                query: None,
                headers: request.headers,
                body: request.body,
                origin: request.url.origin().ascii_serialization(),
                number,
                fault: match &mishap {
                    Some(Mishap::Vendor(name)) => Some((*name).to_owned()),
                    _ => None,
                },
            },
            &self.clock,
        );
        self.running.fetch_sub(1, Ordering::SeqCst);
        if mishap == Some(Mishap::AnswerLost) {
            return Err(SendError { may_have_acted: true, error: Error::new(ErrorKind::Unavailable, "the connection broke") });
        }
        Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
    }
}

/// A connector with its simulator.
pub struct Desk {
    pub wire: Arc<Wire>,
    pub connector: Arc<SageIntacctConnector>,
    pub clock: ManualClock,
    pub context: Context,
}

pub fn secrets(sender: &str, user: &str) -> Secrets {
    Secrets::new([("sender_password", Secret::new(sender)), ("user_password", Secret::new(user))])
}

impl Desk {
    pub fn new(options: Options, settings: &[(&str, i64)]) -> Self {
        Self::with(options, settings, &secrets("sender-secret", "user-secret"))
    }

    pub fn with(options: Options, settings: &[(&str, i64)], secrets: &Secrets) -> Self {
        let wire = Arc::new(Wire {
            sim: SageIntacctSim::new(options),
            clock: SimClock::fixed(NOW.parse().unwrap()),
            number: AtomicU64::new(0),
            mishaps: Mutex::default(),
            log: Mutex::default(),
            urls: Mutex::default(),
            meddler: Mutex::default(),
            running: AtomicU64::new(0),
            widest: AtomicU64::new(0),
        });
        let clock = ManualClock::at(NOW.parse().unwrap());
        let mut all = Settings::new(
            [
                ("base_url", "http://127.0.0.1:1/ia/xml/xmlgw.phtml"),
                ("sender_id", "RightfulSandbox"),
                ("company_id", "RIGHTFUL-DEMO"),
                ("user_id", "ws_rightful"),
                ("entity", "top"),
            ]
            .map(|(key, value)| (key, serde_json::Value::from(value))),
        );
        for (key, value) in settings {
            all.set(*key, *value);
        }
        let mut context = Context::new("erp", wire.clone());
        context.clock = Arc::new(clock.clone());
        context.permits = Arc::new(Permits::new(context.clock.clone()));
        let connector = Arc::new(SageIntacctConnector::connect(&all, secrets, context.clone()).unwrap());
        Self { wire, connector, clock, context }
    }

    /// The request after this many others meets this; 0 requests away is the next one.
    pub fn mishap(&self, away: u64, mishap: Mishap) {
        let at = self.wire.number.load(Ordering::SeqCst) + 1 + away;
        self.wire.mishaps.lock().unwrap().push((at, mishap));
    }

    /// Runs before each request, with its number.
    pub fn meddle(&self, meddler: impl FnMut(&SageIntacctSim, &SimClock, u64) + Send + 'static) {
        *self.wire.meddler.lock().unwrap() = Some(Box::new(meddler));
    }

    pub fn control(&self, name: &str, body: serde_json::Value) -> serde_json::Value {
        self.wire.sim.control(name, body, &self.wire.clock).unwrap()
    }

    /// Both clocks, forward.
    pub fn advance(&self, minutes: i64) {
        self.wire.clock.advance(chrono::Duration::minutes(minutes));
        self.clock.advance(std::time::Duration::from_secs(u64::try_from(minutes * 60).unwrap()));
    }

    /// Bodies sent since the last time this was asked.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.wire.log.lock().unwrap())
    }

    /// Addresses sent to.
    pub fn urls(&self) -> Vec<Url> {
        self.wire.urls.lock().unwrap().clone()
    }

    /// The most requests that ran side by side.
    pub fn widest(&self) -> u64 {
        self.wire.widest.load(Ordering::SeqCst)
    }

    /// Reads a scan to its end, open cursors side by side.
    pub async fn read(&self, scan: &Scan) -> Result<Whole> {
        let first = self.connector.read(scan, None).await?;
        let mut whole = Whole { total: first.total, whole: first.whole, mark: first.mark, records: first.items, pages: 1 };
        let mut open: Vec<Cursor> = first.next;
        while !open.is_empty() {
            let pages = futures::future::join_all(open.iter().map(|cursor| self.connector.read(scan, Some(cursor)))).await;
            open.clear();
            for page in pages {
                let page = page?;
                whole.pages += 1;
                whole.records.extend(page.items);
                open.extend(page.next);
            }
        }
        Ok(whole)
    }
}

/// A scan read to its end.
#[derive(Debug)]
pub struct Whole {
    pub records: Vec<Record>,
    pub total: Option<u64>,
    pub whole: Option<u64>,
    pub mark: Option<Mark>,
    pub pages: usize,
}

impl Whole {
    pub fn ids(&self) -> std::collections::BTreeSet<String> {
        self.records.iter().map(|record| record.id.to_string()).collect()
    }
}

pub fn since(kind: &'static str, mark: &Mark) -> Scan {
    Scan { kind: kind.into(), rows: Rows::Since(mark.clone()), fields: Vec::new() }
}
