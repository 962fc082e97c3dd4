//! Serves one simulator on a socket: HTTP/1.1, faults, latency and inspection, none of which is the vendor's.

mod body;
mod inspection;
mod ledger;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::{Fault, FaultPlan, SimClock, SimRequest, SimResponse, Simulator};
use body::SimBody;
use ledger::Ledger;
pub use ledger::{LogLine, RequestCounts};

/// The largest request body that is read, before and after decompression.
pub const REQUEST_BODY_CAP: usize = 64 * 1024 * 1024;

/// How to serve a simulator.
#[derive(Clone)]
pub struct SimOptions {
    /// What answers.
    pub simulator: Arc<dyn Simulator>,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// May `address` be reachable from other machines? Simulators have well-known credentials: off unless somebody asks for it.
    pub beyond_loopback: bool,
    /// What goes wrong from the start.
    pub faults: FaultPlan,
    /// The vendor's time.
    pub clock: SimClock,
    /// Added to every answer.
    pub latency: Duration,
}

impl SimOptions {
    /// A free port on loopback, the wall clock, no faults and no latency.
    pub fn new(simulator: Arc<dyn Simulator>) -> Self {
        Self {
            simulator,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            beyond_loopback: false,
            faults: FaultPlan::default(),
            clock: SimClock::wall(),
            latency: Duration::ZERO,
        }
    }

    /// Listens here.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Begins with these faults.
    #[must_use]
    pub fn faults(mut self, faults: FaultPlan) -> Self {
        self.faults = faults;
        self
    }

    /// Runs on this clock.
    #[must_use]
    pub fn clock(mut self, clock: SimClock) -> Self {
        self.clock = clock;
        self
    }

    /// Adds this to every answer.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }
}

/// Starts hosts.
#[derive(Debug)]
pub enum SimHost {}

impl SimHost {
    /// Binds and serves until the handle is stopped or dropped. Runs on the tokio runtime it is called from.
    ///
    /// # Errors
    /// Where the address cannot be bound, or lies beyond loopback without leave.
    pub async fn start(options: SimOptions) -> io::Result<RunningSim> {
        if !options.address.ip().is_loopback() && !options.beyond_loopback {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "{} can be reached from other machines and a simulator's credentials are well known: listen on 127.0.0.1",
                    options.address
                ),
            ));
        }
        let listener = TcpListener::bind(options.address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {}: {error}", options.address)))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            simulator: options.simulator,
            clock: options.clock,
            faults: RwLock::new(options.faults),
            latency: options.latency,
            address,
            ledger: Ledger::default(),
            numbers: AtomicU64::new(0),
        });
        let (stop, stopping) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, shared.clone(), stopping));
        Ok(RunningSim { shared, stop, serving: Some(serving) })
    }
}

/// A simulator being served. Dropping it stops it.
pub struct RunningSim {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    serving: Option<JoinHandle<()>>,
}

impl fmt::Debug for RunningSim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningSim")
            .field("vendor", &self.shared.simulator.vendor())
            .field("address", &self.shared.address)
            .finish_non_exhaustive()
    }
}

impl RunningSim {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// `http://HOST:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// The origin with the vendor's base path: what a client's base address is set to.
    pub fn base_url(&self) -> String {
        format!("{}{}", self.origin(), self.shared.simulator.base_path())
    }

    /// The simulator it serves.
    pub fn simulator(&self) -> &Arc<dyn Simulator> {
        &self.shared.simulator
    }

    /// The vendor's time.
    pub fn clock(&self) -> &SimClock {
        &self.shared.clock
    }

    /// The fault plan that stands.
    pub fn faults(&self) -> FaultPlan {
        self.shared.fault_plan()
    }

    /// Replaces the fault plan. Request numbers go on counting.
    ///
    /// # Errors
    /// A sentence that names the nearest valid fault.
    pub fn set_faults(&self, plan: &str) -> Result<(), String> {
        self.shared.set_faults(plan)
    }

    /// The number the vendor's next request will have.
    pub fn next_number(&self) -> u64 {
        self.shared.numbers.load(Ordering::Relaxed) + 1
    }

    /// What was asked so far.
    pub fn requests(&self) -> RequestCounts {
        self.shared.ledger.counts()
    }

    /// The last thousand requests, oldest first.
    pub fn log(&self) -> Vec<LogLine> {
        self.shared.ledger.log()
    }

    /// The simulator's whole state, without secrets.
    pub fn dump(&self) -> serde_json::Value {
        self.shared.simulator.dump()
    }

    /// A vendor-specific control.
    ///
    /// # Errors
    /// The simulator's sentence.
    pub fn control(&self, name: &str, body: serde_json::Value) -> Result<serde_json::Value, String> {
        self.shared.simulator.control(name, body, &self.shared.clock)
    }

    /// Takes no more requests, lets the running ones end (5 seconds at most) and frees the port.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(mut serving) = self.serving.take()
            && tokio::time::timeout(Duration::from_secs(5), &mut serving).await.is_err()
        {
            serving.abort();
        }
    }
}

impl Drop for RunningSim {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
    }
}

/// What every connection sees.
struct Shared {
    simulator: Arc<dyn Simulator>,
    clock: SimClock,
    faults: RwLock<FaultPlan>,
    latency: Duration,
    address: SocketAddr,
    ledger: Ledger,
    numbers: AtomicU64,
}

impl Shared {
    fn fault_plan(&self) -> FaultPlan {
        self.faults.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_faults(&self, text: &str) -> Result<(), String> {
        let plan = FaultPlan::parse(text, self.simulator.faults())?;
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = plan;
        Ok(())
    }

    fn misfortunes(&self, number: u64) -> Misfortunes {
        let plan = self.faults.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = Misfortunes::default();
        for fault in plan.faults(number) {
            found.add(fault);
        }
        found
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let told = stopping.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, shared.clone(), told.clone()));
                }
                Err(error) => {
                    // Mostly a shortage of file descriptors, which passes when connections close.
                    tracing::warn!(%error, "the simulator could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stopping) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Ends when the host shall stop, also because its handle is gone.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    // Small answers go out at once; where the option cannot be set they are only slower.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request| answer(shared.clone(), request));
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(true)
        .half_close(true)
        .header_read_timeout(None)
        .max_headers(256)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // A connection that ends in an error is a client that went away, or a fault that was asked for.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stopped(&mut stopping) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// The socket shall close without an answer.
#[derive(Debug)]
struct CloseSocket;

impl fmt::Display for CloseSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fault plan closes this socket")
    }
}

impl std::error::Error for CloseSocket {}

/// What one request meets. Of several faults that decide the answer the plan's first wins; waits add up.
#[derive(Default)]
struct Misfortunes {
    decisive: Option<Fault>,
    vendor: Option<String>,
    wait: Duration,
    truncate: bool,
    gzip: bool,
}

impl Misfortunes {
    fn add(&mut self, fault: &Fault) {
        match fault {
            Fault::Slow(wait) => self.wait += *wait,
            Fault::Truncate => self.truncate = true,
            Fault::Gzip => self.gzip = true,
            Fault::Vendor(text) => {
                self.vendor.get_or_insert_with(|| text.clone());
            }
            Fault::Status { .. } | Fault::Drop | Fault::DropAfter | Fault::Html => {
                self.decisive.get_or_insert_with(|| fault.clone());
            }
        }
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<SimBody>, CloseSocket> {
    let (head, incoming) = request.into_parts();
    let inspection = inspection::topic(head.uri.path()).map(str::to_owned);
    let _running = inspection.is_none().then(|| shared.ledger.enter());
    let body = match body::read(&head.headers, incoming).await {
        Ok(body) => body,
        Err((status, message)) => return Ok(plain(status, message)),
    };
    if let Some(topic) = inspection {
        return Ok(inspection::answer(&shared, &topic, &head.method, &body));
    }
    let number = shared.numbers.fetch_add(1, Ordering::Relaxed) + 1;
    let misfortunes = shared.misfortunes(number);
    let accepts_gzip = accepts_gzip(&head.headers);
    let request = SimRequest {
        origin: origin(&head, shared.address),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        method: head.method,
        headers: head.headers,
        body,
        number,
        fault: misfortunes.vendor,
    };
    let answered = match &misfortunes.decisive {
        None => Some(shared.simulator.answer(&request, &shared.clock)),
        Some(Fault::Status { status, retry_after }) => Some(status_page(*status, *retry_after, &request.origin)),
        Some(Fault::Html) => Some(SimResponse::new(200, "text/html; charset=utf-8", page("Welcome"))),
        Some(Fault::DropAfter) => {
            shared.simulator.answer(&request, &shared.clock);
            None
        }
        Some(_) => None,
    };
    shared.ledger.note(number, &request.method, &request.path, answered.as_ref().map(|answer| answer.status.as_u16()));
    let wait = shared.latency + misfortunes.wait;
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let mut answered = answered.ok_or(CloseSocket)?;
    if misfortunes.gzip && accepts_gzip && !answered.headers.contains_key(CONTENT_ENCODING) {
        answered.body = body::compress(&answered.body);
        answered.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        answered.headers.remove(CONTENT_LENGTH);
    }
    let whole = answered.body.len();
    let body = if misfortunes.truncate { SimBody::truncated(answered.body) } else { SimBody::whole(answered.body) };
    let mut response = Response::new(body);
    *response.status_mut() = answered.status;
    *response.headers_mut() = answered.headers;
    if misfortunes.truncate {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(whole));
    }
    Ok(response)
}

/// What the request was sent to: the Host header where it can be one, else the listener's own address.
fn origin(head: &http::request::Parts, address: SocketAddr) -> String {
    let sent_to = head.uri.authority().cloned().or_else(|| head.headers.get(HOST)?.to_str().ok()?.parse().ok());
    match sent_to {
        Some(authority) if !authority.as_str().contains('@') => format!("http://{authority}"),
        _ => format!("http://{address}"),
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let offers = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    offers.map(str::trim).any(|offer| {
        let (coding, weight) = offer.split_once(';').unwrap_or((offer, ""));
        let refused = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok()) == Some(0.0);
        matches!(coding.trim(), "gzip" | "x-gzip" | "*") && !refused
    })
}

fn status_page(status: u16, retry_after: Option<u32>, origin: &str) -> SimResponse {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("A timeout occurred");
    let mut answer = SimResponse::new(status, "text/html; charset=utf-8", page(&format!("{status} {reason}")));
    if let Some(seconds) = retry_after {
        answer.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if (300..400).contains(&status)
        && let Ok(elsewhere) = HeaderValue::try_from(format!("{origin}/elsewhere"))
    {
        answer.headers.insert(LOCATION, elsewhere);
    }
    answer
}

fn page(title: &str) -> String {
    format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n")
}

fn plain(status: StatusCode, message: impl Into<Bytes>) -> Response<SimBody> {
    let mut response = Response::new(SimBody::whole(message.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
