//! Requests as real clients write them, and what the gateway answers.

mod clients;
mod faults;
mod gateway;
mod legacy;
mod properties;
mod query;
mod read;
mod scale;
mod write;

use chrono::{DateTime, Utc};
use rightful_sim::{HeaderMap, Method, SimClock, SimRequest, SimResponse, Simulator};

use super::request::{Element, parse};
use super::{Options, SageIntacctSim};

/// A company with its default records and a clock that stands still.
pub struct Company {
    /// The simulator.
    pub sim: SageIntacctSim,
    /// Its clock.
    pub clock: SimClock,
    number: std::sync::atomic::AtomicU64,
}

impl Company {
    /// The default company.
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    /// A company of one's own.
    pub fn with(options: Options) -> Self {
        let now: DateTime<Utc> = "2026-02-03T04:05:06Z".parse().unwrap();
        Self { sim: SageIntacctSim::new(options), clock: SimClock::fixed(now), number: std::sync::atomic::AtomicU64::new(0) }
    }

    /// Sends a body as it is.
    pub fn send(&self, body: &str, fault: Option<&str>) -> SimResponse {
        self.send_to("http://127.0.0.1:8080", body, fault)
    }

    /// Sends a body to an address.
    pub fn send_to(&self, origin: &str, body: &str, fault: Option<&str>) -> SimResponse {
        let request = SimRequest {
            method: Method::POST,
            path: "/ia/xml/xmlgw.phtml".to_owned(),
            query: None,
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
            origin: origin.to_owned(),
            number: self.number.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1,
            fault: fault.map(str::to_owned),
        };
        self.sim.answer(&request, &self.clock)
    }

    /// Signs in on this call and runs functions.
    pub fn call(&self, functions: &str) -> Answer {
        self.call_with(functions, None)
    }

    /// The same with a fault.
    pub fn call_with(&self, functions: &str, fault: Option<&str>) -> Answer {
        Answer::of(&self.send(&request(CONTROL, LOGIN, "", functions), fault))
    }

    /// Runs one call and gives its result.
    pub fn run(&self, call: &str) -> Element {
        self.call(&format!("<function controlid=\"f\">{call}</function>")).result(0)
    }

    /// Opens a session at a level.
    pub fn session(&self, location: &str) -> String {
        let login = LOGIN.replace("</login>", &format!("<locationid>{location}</locationid></login>"));
        let body = request(CONTROL, &login, "", "<function controlid=\"s\"><getAPISession/></function>");
        Answer::of(&self.send(&body, None)).result(0).child("data").unwrap().child("api").unwrap().word_of("sessionid").unwrap().to_owned()
    }

    /// Runs one call in a session and gives its result.
    pub fn run_in(&self, session: &str, call: &str) -> Element {
        let body =
            request(CONTROL, &format!("<sessionid>{session}</sessionid>"), "", &format!("<function controlid=\"f\">{call}</function>"));
        Answer::of(&self.send(&body, None)).result(0)
    }
}

/// The default sender.
pub const CONTROL: &str = "<senderid>RightfulSandbox</senderid><password>sender-secret</password><controlid>c 1</controlid>\
     <uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace>";
/// The default user.
pub const LOGIN: &str = "<login><userid>ws_rightful</userid><companyid>RIGHTFUL-DEMO</companyid><password>user-secret</password></login>";

/// A whole request.
pub fn request(control: &str, authentication: &str, operation: &str, functions: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\" ?><request><control>{control}</control><operation{operation}>\
         <authentication>{authentication}</authentication><content>{functions}</content></operation></request>"
    )
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    /// Its HTTP status.
    pub status: u16,
    /// Its root.
    pub root: Element,
}

impl Answer {
    /// Reads it.
    pub fn of(response: &SimResponse) -> Self {
        let root = parse(&response.body).unwrap_or_else(|faults| panic!("{faults:?} in {}", String::from_utf8_lossy(&response.body)));
        Self { status: response.status.as_u16(), root }
    }

    /// An element by its path below the root.
    pub fn at(&self, path: &str) -> Option<&Element> {
        path.split('/').try_fold(&self.root, |element, name| element.child(name))
    }

    /// The text at a path.
    pub fn text(&self, path: &str) -> &str {
        self.at(path).map_or("(absent)", |element| element.text.as_str())
    }

    /// A result by position.
    pub fn result(&self, position: usize) -> Element {
        self.results().get(position).cloned().unwrap_or_else(|| panic!("no result {position} in {:#?}", self.root))
    }

    /// Every result.
    pub fn results(&self) -> Vec<Element> {
        let operation = self.root.child("operation").unwrap_or_else(|| panic!("no operation in {:#?}", self.root));
        operation.children.iter().filter(|child| child.name == "result").cloned().collect()
    }
}

/// Every error of an element that holds an `errormessage`: number, description, description2, correction.
pub fn errors(element: &Element) -> Vec<(String, String, String, String)> {
    let text = |error: &Element, name: &str| error.text_of(name).unwrap_or("(absent)").to_owned();
    element
        .child("errormessage")
        .map(|message| {
            message
                .children
                .iter()
                .map(|error| (text(error, "errorno"), text(error, "description"), text(error, "description2"), text(error, "correction")))
                .collect()
        })
        .unwrap_or_default()
}

/// The first error's number and description2.
pub fn error(element: &Element) -> (String, String) {
    errors(element).into_iter().next().map(|(number, _, second, _)| (number, second)).unwrap_or_default()
}

/// The records of a result's data.
pub fn records(result: &Element) -> Vec<Element> {
    assert_eq!(result.text_of("status"), Some("success"), "{result:#?}");
    result.child("data").map(|data| data.children.clone()).unwrap_or_default()
}

/// One field of every record.
pub fn column(result: &Element, field: &str) -> Vec<String> {
    records(result).iter().map(|record| record.text_of(field).unwrap_or("(absent)").to_owned()).collect()
}

/// An attribute of a result's data.
pub fn attribute(result: &Element, name: &str) -> String {
    result.child("data").and_then(|data| data.attribute(name)).unwrap_or("(absent)").to_owned()
}
