//! Addresses that a hostile or tampered vendor names: none of them receives a request, which a listener there would notice.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use connector_salesforce::sim::{SalesforceSim, Switches};
use rightful_core::{ErrorKind, MemorySlot, Scan, Secret, Slot as _};
use rightful_sim::{HeaderName, HeaderValue, SimClock, SimRequest, SimResponse, Simulator, StatusCode};
use serde_json::{Value as Json, json};

use crate::desk::{secrets, settings};
use crate::wire::{Line, REFRESH, accounts, organisation, over_sockets, served};

/// Somebody else's address. Whoever connects is noticed, whether or not anything is sent, and shown out.
struct Trap {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
    visitors: JoinHandle<Vec<SocketAddr>>,
}

impl Trap {
    fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, closing) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let told = closing.clone();
        let visitors = std::thread::spawn(move || {
            let mut visitors = Vec::new();
            while !told.load(Ordering::SeqCst) || visitors.is_empty() {
                visitors.push(listener.accept().unwrap().1);
            }
            visitors
        });
        Self { address, closing, visitors }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Nobody came before us; and us it notices.
    fn saw_nobody(self, what: &str) {
        self.closing.store(true, Ordering::SeqCst);
        let visitor = TcpStream::connect(self.address).unwrap();
        assert_eq!(self.visitors.join().unwrap(), [visitor.local_addr().unwrap()], "{what}");
    }
}

type Edit = Box<dyn Fn(&SimRequest, SimResponse) -> SimResponse + Send + Sync>;

/// The simulator with its answers tampered with.
struct Tampered {
    inner: SalesforceSim,
    edit: Edit,
}

impl Simulator for Tampered {
    fn vendor(&self) -> &'static str {
        "salesforce"
    }

    fn base_path(&self) -> &'static str {
        ""
    }

    fn answer(&self, request: &SimRequest, clock: &SimClock) -> SimResponse {
        (self.edit)(request, self.inner.answer(request, clock))
    }

    fn dump(&self) -> Json {
        self.inner.dump()
    }

    fn control(&self, name: &str, body: Json, clock: &SimClock) -> Result<Json, String> {
        self.inner.control(name, body, clock)
    }
}

fn tampered(edit: Edit) -> Arc<dyn Simulator> {
    let switches = Switches { page_size: 2, ..Switches::default() };
    Arc::new(Tampered { inner: SalesforceSim::new(organisation(accounts(5), switches)), edit })
}

/// One member of each answer that has it says something else.
fn member(name: &'static str, value: String) -> Arc<dyn Simulator> {
    tampered(Box::new(move |_, mut answer| {
        if let Ok(mut body) = serde_json::from_slice::<Json>(&answer.body)
            && body.get(name).is_some()
        {
            body[name] = json!(value);
            answer.body = body.to_string().into();
        }
        answer
    }))
}

fn redirected(path: &'static str, to: String, status: u16) -> Arc<dyn Simulator> {
    tampered(Box::new(move |request, answer| {
        if !request.path.contains(path) {
            return answer;
        }
        let location = HeaderValue::from_str(&format!("{to}{}", request.path)).unwrap();
        let mut answer = SimResponse::new(status, "text/html", "moved").with_header(HeaderName::from_static("location"), location);
        answer.status = StatusCode::from_u16(status).unwrap();
        answer
    }))
}

async fn read(simulator: Arc<dyn Simulator>, more: &[(&str, Json)]) -> (Line, rightful_core::Result<usize>) {
    let sim = served(simulator).await;
    let mut settings = settings(more);
    settings.set("login_url", json!(sim.origin()));
    let secrets = secrets(&[("refresh_token", REFRESH)]);
    let line = Line::new(&settings, &secrets, over_sockets(), Arc::new(MemorySlot::default()));
    let rows = line.whole(&Scan::all("account")).await.map(|(_, rows)| rows.len());
    (line, rows)
}

#[tokio::test]
async fn sf_1_a_hostile_instance_is_sent_nothing() {
    for way in ["client-credentials", "refresh-token"] {
        let trap = Trap::set();
        let port = trap.origin().rsplit_once(':').unwrap().1.to_owned();
        for instance in [
            trap.origin(),
            format!("http://localhost:{port}"),
            format!("http://acme.my.salesforce.com@127.0.0.1:{port}"),
            format!("http://127.0.0.1:{port}/.my.salesforce.com"),
            format!("http://127.0.0.1:{port}#.my.salesforce.com"),
            format!("HTTP://127.0.0.1:{port}\\@acme.my.salesforce.com"),
            format!("//127.0.0.1:{port}"),
        ] {
            let (line, rows) = read(member("instance_url", instance.clone()), &[("sign_in", json!(way))]).await;
            assert_eq!(rows.unwrap_err().kind(), ErrorKind::Protocol, "{instance}");
            assert!(line.sent().iter().all(|sent| sent.path.ends_with("/token")), "{instance}: only the token was asked for");
        }
        trap.saw_nobody(way);
    }
}

/// Where the vendor's answers speak of sign-in addresses (`id`, `sfdc_community_url`), they are not used; redirects are not followed.
#[tokio::test]
async fn no_other_token_endpoint_is_ever_asked() {
    let trap = Trap::set();
    for name in ["id", "sfdc_community_url", "token_endpoint"] {
        let (_, rows) = read(member(name, trap.origin()), &[]).await;
        assert_eq!(rows.unwrap(), 5, "{name}");
    }
    for status in [301, 302, 303, 307, 308] {
        let (line, rows) = read(redirected("/oauth2/token", trap.origin(), status), &[]).await;
        assert!(rows.is_err() && line.sent().iter().all(|sent| !trap.origin().contains(&sent.host)), "{status}");
        let (line, rows) = read(redirected("/query", trap.origin(), status), &[]).await;
        assert!(rows.is_err() && line.sent().iter().all(|sent| !trap.origin().contains(&sent.host)), "{status}");
    }
    trap.saw_nobody("token endpoints");
}

/// Of the address of a next page only its last part is kept; the rest is our own instance.
#[tokio::test]
async fn a_hostile_address_of_the_next_page_is_sent_nothing() {
    let trap = Trap::set();
    let elsewhere = trap.origin();
    let moved = tampered(Box::new(move |_, mut answer| {
        if let Ok(mut body) = serde_json::from_slice::<Json>(&answer.body)
            && let Some(url) = body.get("nextRecordsUrl").and_then(Json::as_str)
        {
            body["nextRecordsUrl"] = json!(format!("{elsewhere}{url}"));
            answer.body = body.to_string().into();
        }
        answer
    }));
    assert_eq!(read(moved, &[]).await.1.unwrap(), 5, "its last part is a place in our own instance");
    for url in [format!("{}/", trap.origin()), format!("{}/query/x?y=z", trap.origin()), format!("@{}", &trap.origin()[7..])] {
        let (_, rows) = read(member("nextRecordsUrl", url.clone()), &[]).await;
        assert_eq!(rows.unwrap_err().kind(), ErrorKind::Protocol, "{url}");
    }
    trap.saw_nobody("next pages");
}

#[tokio::test]
async fn a_hostile_query_job_is_sent_nothing() {
    let trap = Trap::set();
    // The smallest page that can be asked for is 200 rows: of fewer no job is made.
    let seed = organisation(accounts(201), Switches::default());
    let elsewhere = trap.origin();
    let simulator = Arc::new(Tampered {
        inner: SalesforceSim::new(seed),
        edit: Box::new(move |request, mut answer| {
            if request.path.contains("/jobs/")
                && let Ok(mut body) = serde_json::from_slice::<Json>(&answer.body)
            {
                body["id"] = json!(format!("{elsewhere}/750"));
                body["contentUrl"] = json!(format!("{elsewhere}/results"));
                answer.body = body.to_string().into();
            }
            answer
        }),
    });
    let (_, rows) = read(simulator, &[("bulk_from", json!(1)), ("page_size", json!(200))]).await;
    assert_eq!(rows.unwrap_err().kind(), ErrorKind::Protocol);
    trap.saw_nobody("query jobs");
}

/// What the connection's slot keeps may have been edited: the instance in it is looked at each time.
#[tokio::test]
async fn a_tampered_slot_leads_nowhere() {
    let trap = Trap::set();
    let sim = served(Arc::new(SalesforceSim::new(organisation(accounts(1), Switches::default())))).await;
    let settings = settings(&[("login_url", json!(sim.origin())), ("sign_in", json!("refresh-token"))]);
    let secrets = secrets(&[("refresh_token", REFRESH)]);
    let slot = Arc::new(MemorySlot::default());
    let scan = Scan::all("account");
    let line = Line::new(&settings, &secrets, over_sockets(), slot.clone());
    line.whole(&scan).await.unwrap();
    let held = slot.load().await.unwrap();
    let text = held.text.unwrap().expose().to_owned();
    assert!(text.contains(&sim.origin()), "the slot names the instance");
    assert!(slot.swap(held.revision, Some(Secret::new(text.replace(&sim.origin(), &trap.origin())))).await.unwrap());
    let other = Line::new(&settings, &secrets, over_sockets(), slot);
    assert_eq!(other.whole(&scan).await.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(other.sent().len(), 0);
    trap.saw_nobody("slot");
}
