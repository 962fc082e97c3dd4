//! The host on real sockets: concurrency, each fault, bodies, origins, inspection and the way it stops.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rightful_sim::{FaultPlan, RunningSim, SimClock, SimHost, SimOptions, SimRequest, SimResponse, Simulator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Counts what it saw and answers with what it was asked.
#[derive(Default)]
struct Mirror {
    seen: AtomicU64,
    switched: Mutex<Value>,
}

impl Simulator for Mirror {
    fn vendor(&self) -> &'static str {
        "mirror"
    }

    fn answer(&self, request: &SimRequest, clock: &SimClock) -> SimResponse {
        self.seen.fetch_add(1, Ordering::SeqCst);
        if request.path == "/v1/none" {
            return SimResponse::new(204, "text/plain", "");
        }
        SimResponse::json(
            200,
            &json!({
                "method": request.method.as_str(),
                "path": request.path,
                "query": request.query_pairs(),
                "trace": request.header("X-Trace"),
                "body": String::from_utf8_lossy(&request.body),
                "origin": request.origin,
                "number": request.number,
                "fault": request.fault,
                "now": clock.now(),
                "filler": "x".repeat(400),
            }),
        )
    }

    fn dump(&self) -> Value {
        json!({ "seen": self.seen.load(Ordering::SeqCst), "switched": *self.switched.lock().unwrap() })
    }

    fn control(&self, name: &str, body: Value, _: &SimClock) -> Result<Value, String> {
        if name != "switch" {
            return Err(format!("unknown control `{name}`; known: switch"));
        }
        *self.switched.lock().unwrap() = body.clone();
        Ok(body)
    }

    fn faults(&self) -> &'static [(&'static str, &'static str)] {
        &[("tail", "a tail after the answer"), ("429", "in the vendor's own words")]
    }

    fn base_path(&self) -> &'static str {
        "/v1"
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// The socket closed before the stated length was read.
    cut: bool,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)))
            .map(|(_, value)| value)
    }
}

/// Reads one answer; `None` where the socket closed without one.
async fn answer(stream: &mut TcpStream) -> Option<Answer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return None,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: Vec::new(), cut: false };
    let length = answer.header("content-length").map_or(0, |length| length.parse::<usize>().unwrap());
    answer.body = vec![0; length];
    let mut read = 0;
    while read < length {
        match stream.read(&mut answer.body[read..]).await {
            Ok(0) | Err(_) => {
                answer.cut = true;
                break;
            }
            Ok(more) => read += more,
        }
    }
    answer.body.truncate(read);
    Some(answer)
}

async fn ask(sim: &RunningSim, head: &str, body: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(sim.address()).await.unwrap();
    let text = format!("{head}\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", sim.address(), body.len());
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    answer(&mut stream).await
}

async fn get(sim: &RunningSim, path: &str) -> Option<Answer> {
    ask(sim, &format!("GET {path} HTTP/1.1"), b"").await
}

async fn with_faults(plan: &str) -> (RunningSim, Arc<Mirror>) {
    let mirror = Arc::new(Mirror::default());
    let faults = FaultPlan::parse(plan, mirror.faults()).unwrap();
    let sim = SimHost::start(SimOptions::new(mirror.clone()).faults(faults)).await.unwrap();
    (sim, mirror)
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent() {
    let (sim, _) = with_faults("").await;
    let mut stream = TcpStream::connect(sim.address()).await.unwrap();
    let chunked = "PATCH /v1/a%20b?x=1&y=a+b HTTP/1.1\r\nhOST: vendor.example:8443\r\nx-TRACE: seven\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    stream.write_all(chunked.as_bytes()).await.unwrap();
    let first = answer(&mut stream).await.unwrap().json();
    let seen = ["method", "path", "query", "trace", "body", "origin", "number", "fault"].map(|key| first[key].clone());
    let expected = [
        json!("PATCH"),
        json!("/v1/a%20b"),
        json!([["x", "1"], ["y", "a b"]]),
        json!("seven"),
        json!("abcde"),
        json!("http://vendor.example:8443"),
        json!(1),
        Value::Null,
    ];
    assert_eq!(seen, expected);
    // The connection stays open for the next request, whose Host header is no host: the listener's own address stands in.
    stream.write_all(b"GET /v1/next HTTP/1.1\r\nHost: user@bad\r\n\r\n").await.unwrap();
    let second = answer(&mut stream).await.unwrap().json();
    assert_eq!((&second["number"], &second["origin"]), (&json!(2), &json!(sim.origin())));
    assert_eq!(sim.base_url(), format!("{}/v1", sim.origin()));
}

#[tokio::test]
async fn gzip_request_bodies_are_decoded_and_bad_ones_refused() {
    let (sim, mirror) = with_faults("").await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"packed").unwrap();
    let packed = encoder.finish().unwrap();
    let head = "POST /v1/things HTTP/1.1\r\nContent-Encoding: gzip";
    assert_eq!(ask(&sim, head, &packed).await.unwrap().json()["body"], "packed");
    assert_eq!(ask(&sim, head, b"not gzip").await.unwrap().status, 400);
    assert_eq!(ask(&sim, "POST /v1/things HTTP/1.1\r\nContent-Encoding: br", b"x").await.unwrap().status, 415);
    // 80 MiB of zeros are small on the wire and still over the cap.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..80 {
        encoder.write_all(&zeros).unwrap();
    }
    assert_eq!(ask(&sim, head, &encoder.finish().unwrap()).await.unwrap().status, 413);
    assert_eq!(mirror.seen.load(Ordering::SeqCst), 1, "a body that could not be read reached the simulator");
}

#[tokio::test]
async fn a_status_fault_answers_instead_of_the_simulator() {
    let (sim, mirror) = with_faults("1:503=7;2:524;3:html;4:302").await;
    let first = get(&sim, "/v1/a").await.unwrap();
    assert_eq!(
        (first.status, first.header("retry-after"), first.header("content-type")),
        (503, Some("7"), Some("text/html; charset=utf-8"))
    );
    assert!(String::from_utf8_lossy(&first.body).contains("<h1>503 Service Unavailable</h1>"));
    let second = get(&sim, "/v1/a").await.unwrap();
    assert_eq!((second.status, second.header("retry-after")), (524, None));
    let third = get(&sim, "/v1/a").await.unwrap();
    assert_eq!((third.status, third.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(get(&sim, "/v1/a").await.unwrap().header("location"), Some(format!("{}/elsewhere", sim.origin()).as_str()));
    assert_eq!(mirror.seen.load(Ordering::SeqCst), 0);
    assert_eq!(get(&sim, "/v1/a").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_vendor_fault_is_handed_on_also_where_it_is_a_status() {
    let (sim, _) = with_faults("1:tail=9;2:429;*:slow=1").await;
    assert_eq!(get(&sim, "/v1/a").await.unwrap().json()["fault"], "tail=9");
    assert_eq!(get(&sim, "/v1/a").await.unwrap().json()["fault"], "429");
    assert_eq!(get(&sim, "/v1/a").await.unwrap().json()["fault"], Value::Null);
}

#[tokio::test]
async fn a_dropped_request_was_not_seen_and_a_dropped_answer_was() {
    let (sim, mirror) = with_faults("1:drop;2:drop-after").await;
    assert!(get(&sim, "/v1/a").await.is_none());
    assert_eq!(mirror.seen.load(Ordering::SeqCst), 0);
    assert!(get(&sim, "/v1/a").await.is_none());
    assert_eq!(mirror.seen.load(Ordering::SeqCst), 1);
    assert_eq!(get(&sim, "/v1/a").await.unwrap().status, 200);
    assert_eq!(sim.requests().by_status, [("200".to_owned(), 1), ("dropped".to_owned(), 2)].into());
}

#[tokio::test]
async fn a_truncated_answer_states_its_whole_length_and_ends_at_half() {
    let (sim, _) = with_faults("1:truncate;2:truncate").await;
    let half = get(&sim, "/v1/a").await.unwrap();
    let stated: usize = half.header("content-length").unwrap().parse().unwrap();
    assert!(half.cut);
    assert_eq!((half.status, half.body.len()), (200, stated / 2));
    // An empty answer has no half; it arrives.
    assert_eq!(get(&sim, "/v1/none").await.unwrap().status, 204);
}

#[tokio::test]
async fn gzip_is_used_only_where_the_client_accepts_it() {
    let (sim, _) = with_faults("*:gzip").await;
    for (offer, packed) in [("gzip, deflate", true), ("GZIP;q=0, br", false), ("gzip;q=0", false), ("identity", false), ("br;q=1, *", true)]
    {
        let answer = ask(&sim, &format!("GET /v1/a HTTP/1.1\r\nAccept-Encoding: {offer}"), b"").await.unwrap();
        assert_eq!(answer.header("content-encoding") == Some("gzip"), packed, "{offer}");
        let body = if packed {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap();
            text.into_bytes()
        } else {
            answer.body
        };
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["path"], "/v1/a");
    }
}

#[tokio::test]
async fn slow_answers_and_latency_add_up() {
    let mirror = Arc::new(Mirror::default());
    let faults = FaultPlan::parse("1:slow=120", &[]).unwrap();
    let sim = SimHost::start(SimOptions::new(mirror).faults(faults).latency(Duration::from_millis(60))).await.unwrap();
    let begun = Instant::now();
    assert_eq!(get(&sim, "/v1/a").await.unwrap().status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(180), "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(get(&sim, "/v1/a").await.unwrap().status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(60) && begun.elapsed() < Duration::from_millis(180), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_are_served_side_by_side_and_each_number_is_given_once() {
    let mirror = Arc::new(Mirror::default());
    let sim = Arc::new(SimHost::start(SimOptions::new(mirror).latency(Duration::from_millis(30))).await.unwrap());
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let sim = sim.clone();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(sim.address()).await.unwrap();
                let mut numbers = Vec::new();
                for _ in 0..10 {
                    stream.write_all(b"GET /v1/a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
                    numbers.push(answer(&mut stream).await.unwrap().json()["number"].as_u64().unwrap());
                }
                numbers
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.extend(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=1_000).collect::<Vec<u64>>());
    let counts = sim.requests();
    assert_eq!((counts.count, counts.by_route["GET /v1/a"]), (1_000, 1_000));
    assert!(counts.max_concurrency > 20, "only {} ran at once", counts.max_concurrency);
}

#[tokio::test]
async fn inspection_is_not_counted_and_tells_everything_but_bodies() {
    let (sim, _) = with_faults("").await;
    ask(&sim, "POST /v1/a?token=hidden HTTP/1.1\r\nAuthorization: Bearer hidden", b"hidden").await.unwrap();
    assert_eq!(get(&sim, "/_sim/dump").await.unwrap().json()["seen"], 1);
    let counts = get(&sim, "/_sim/requests").await.unwrap().json();
    assert_eq!(counts, json!({ "count": 1, "by_status": { "200": 1 }, "by_route": { "POST /v1/a": 1 }, "max_concurrency": 1 }));
    let log = get(&sim, "/_sim/log").await.unwrap();
    assert_eq!(log.json(), json!([{ "number": 1, "method": "POST", "path": "/v1/a", "status": 200 }]));
    let overview = get(&sim, "/_sim/").await.unwrap();
    assert_eq!(overview.json()["vendor"], "mirror");
    assert!(!String::from_utf8_lossy(&log.body).contains("hidden") && !String::from_utf8_lossy(&overview.body).contains("hidden"));
    assert_eq!(get(&sim, "/_sim/nonsense").await.unwrap().status, 404);
    assert_eq!(ask(&sim, "DELETE /_sim/dump HTTP/1.1", b"").await.unwrap().status, 405);
    assert_eq!(sim.next_number(), 2);
}

#[tokio::test]
async fn faults_can_be_set_while_it_runs() {
    let (sim, _) = with_faults("").await;
    let set = ask(&sim, "PUT /_sim/faults HTTP/1.1", b"1:500 ; 2:tail").await.unwrap();
    assert_eq!((set.status, set.body.as_slice()), (200, b"1:500;2:tail".as_slice()));
    assert_eq!(get(&sim, "/_sim/faults").await.unwrap().body, b"1:500;2:tail");
    let refused = ask(&sim, "PUT /_sim/faults HTTP/1.1", b"1:tael").await.unwrap();
    assert_eq!(refused.status, 400);
    assert!(refused.json()["error"].as_str().unwrap().contains("did you mean `tail`?"), "{refused:?}");
    assert_eq!(sim.faults().to_string(), "1:500;2:tail", "a refused plan replaced the one that stood");
    assert_eq!(get(&sim, "/v1/a").await.unwrap().status, 500);
    sim.set_faults("").unwrap();
    assert_eq!(get(&sim, "/v1/a").await.unwrap().json()["fault"], Value::Null);
}

#[tokio::test]
async fn the_clock_can_be_moved() {
    let (sim, _) = with_faults("").await;
    let post = |body: &'static [u8]| ask(&sim, "POST /_sim/clock HTTP/1.1", body);
    assert_eq!(post(br#"{"now":"2026-01-31T09:00:00Z"}"#).await.unwrap().json()["now"], "2026-01-31T09:00:00Z");
    assert_eq!(post(br#"{"advance_seconds":60}"#).await.unwrap().json()["now"], "2026-01-31T09:01:00Z");
    assert_eq!(get(&sim, "/v1/a").await.unwrap().json()["now"], "2026-01-31T09:01:00Z");
    for bad in [
        br#"{}"#.as_slice(),
        br#"{"wall":true,"advance_seconds":1}"#,
        br#"{"later":1}"#,
        br#"{"advance_seconds":9223372036854775807}"#,
        b"soon",
    ] {
        let refused = ask(&sim, "POST /_sim/clock HTTP/1.1", bad).await.unwrap();
        assert_eq!(refused.status, 400, "{}", String::from_utf8_lossy(bad));
    }
    assert_eq!(post(br#"{"wall":true}"#).await.unwrap().status, 200);
    assert!(sim.clock().now() > chrono::DateTime::parse_from_rfc3339("2026-02-01T00:00:00Z").unwrap());
}

#[tokio::test]
async fn controls_reach_the_simulator() {
    let (sim, _) = with_faults("").await;
    assert_eq!(ask(&sim, "POST /_sim/control/switch HTTP/1.1", br#"{"on":true}"#).await.unwrap().json(), json!({ "on": true }));
    assert_eq!(sim.dump()["switched"], json!({ "on": true }));
    let refused = ask(&sim, "POST /_sim/control/swich HTTP/1.1", b"").await.unwrap();
    assert_eq!((refused.status, refused.json()["error"].as_str().unwrap()), (400, "unknown control `swich`; known: switch"));
    assert_eq!(ask(&sim, "POST /_sim/control/switch HTTP/1.1", b"{").await.unwrap().status, 400);
}

#[tokio::test]
async fn a_running_request_ends_before_the_host_stops_and_the_port_is_free_after() {
    let mirror = Arc::new(Mirror::default());
    let sim = SimHost::start(SimOptions::new(mirror.clone()).latency(Duration::from_millis(150))).await.unwrap();
    let address = sim.address();
    let mut busy = TcpStream::connect(address).await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"GET /v1/a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    while mirror.seen.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (answered, ()) = tokio::join!(answer(&mut busy), sim.stop());
    assert_eq!(answered.unwrap().status, 200);
    assert!(answer(&mut idle).await.is_none());
    assert!(TcpStream::connect(address).await.is_err());
    SimHost::start(SimOptions::new(mirror).address(address)).await.expect("the port is free");
}

#[tokio::test]
async fn dropping_it_stops_it() {
    let (sim, _) = with_faults("").await;
    let address = sim.address();
    let mut open = TcpStream::connect(address).await.unwrap();
    drop(sim);
    assert!(answer(&mut open).await.is_none());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn an_address_beyond_loopback_needs_leave() {
    let mut options = SimOptions::new(Arc::new(Mirror::default())).address(([0, 0, 0, 0], 0).into());
    let error = SimHost::start(options.clone()).await.unwrap_err();
    assert!(error.to_string().contains("listen on 127.0.0.1"), "{error}");
    options.beyond_loopback = true;
    SimHost::start(options).await.unwrap();
}

/// Not a benchmark: a floor far below what the host does, so that a slip such as a lock held over an answer is seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_thousands_of_requests_a_second() {
    let sim = Arc::new(SimHost::start(SimOptions::new(Arc::new(Mirror::default()))).await.unwrap());
    let begun = Instant::now();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let sim = sim.clone();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(sim.address()).await.unwrap();
                let request = b"GET /v1/none HTTP/1.1\r\nHost: x\r\n\r\n";
                for _ in 0..20 {
                    stream.write_all(&request.repeat(50)).await.unwrap();
                    let mut expected = 50;
                    let mut tail = Vec::new();
                    let mut buffer = vec![0; 1 << 16];
                    while expected > 0 {
                        let read = stream.read(&mut buffer).await.unwrap();
                        assert!(read > 0);
                        tail.extend_from_slice(&buffer[..read]);
                        let ends = tail.windows(4).filter(|window| *window == b"\r\n\r\n").count();
                        expected -= ends;
                        let keep = tail.windows(4).rposition(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
                        tail.drain(..keep);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rate = 8_000.0 / begun.elapsed().as_secs_f64();
    println!("{rate:.0} requests a second");
    assert!(rate > 500.0, "only {rate:.0} requests a second");
}
