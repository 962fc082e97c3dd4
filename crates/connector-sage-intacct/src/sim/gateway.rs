//! The order of checks: method, size, well-formed, schema, sender, policy, session or sign-in, authorisation, functions.
//!
//! <https://developer.intacct.com/web-services/requests/>.

use rightful_sim::{HeaderName, HeaderValue, Method, SimClock, SimRequest, SimResponse};

use super::answer::{AuthenticationEcho, Complaint, ControlEcho, Done, Envelope, Failed, Outcome, ROLLED_BACK, Reply};
use super::faults::{Fault, refusal, xml_response};
use super::functions;
use super::kinds::Kind;
use super::options::RollBack;
use super::request::{Element, ParserFault, parse};
use super::schema::objections;
use super::session::Caller;
use super::state::State;
use super::{PATH, SageIntacctSim};

/// Bytes of a request, at most.
const BODY_LIMIT: usize = 64 << 20;

/// Everything that stays the same while one request is answered.
struct Visit<'a> {
    control: ControlEcho,
    unique: bool,
    sender: &'a str,
    endpoint: String,
    fault: Fault,
    now: i64,
    number: u64,
    white_space: bool,
}

impl SageIntacctSim {
    /// Answers one request.
    pub(super) fn visit(&self, request: &SimRequest, clock: &SimClock) -> SimResponse {
        if request.path.trim_end_matches('/') != PATH {
            return SimResponse::new(404, "text/html", format!("<html><body>Not found. The gateway is at {PATH}</body></html>"));
        }
        if request.method != Method::POST {
            let complaint = Complaint::new("XL03000003", "Only the POST method is accepted.");
            return refusal(405, &complaint).with_header(HeaderName::from_static("allow"), HeaderValue::from_static("POST"));
        }
        if request.body.len() > BODY_LIMIT {
            return refusal(413, &Complaint::new("XL03000003", "The request is too large."));
        }
        let fault = Fault::new(request.fault.as_deref());
        if let Some(answer) = fault.instead(request.number) {
            return answer;
        }
        let tree = match parse(&request.body) {
            Ok(tree) => tree,
            Err(faults) => return self.unreadable(&faults, &scanned(&request.body), true),
        };
        let faults = objections(&tree);
        if !faults.is_empty() {
            return self.unreadable(&faults, &echo_of(&tree), wants_white_space(&tree));
        }
        let endpoint = format!("{}{}", request.origin, request.path);
        let mut state = self.held();
        answer(&mut state, &tree, &endpoint, fault, clock.now().timestamp(), request.number)
    }

    /// The answer to a body that is not well-formed or not valid.
    fn unreadable(&self, faults: &[ParserFault], echo: &ControlEcho, white_space: bool) -> SimResponse {
        let state = self.held();
        let complaints: Vec<Complaint> = faults.iter().map(|fault| Complaint::new("XL03000003", fault.sentence())).collect();
        let distortions = Fault::default().distortions(state.switches.support_ids, state.options.seed);
        let mut envelope = Envelope::new(state.switches.self_closed, distortions);
        envelope.control(false, echo);
        envelope.errors(&complaints);
        xml_response(state.switches.control_failure_status, envelope.into_text(white_space))
    }
}

/// What the control block of an answer repeats.
fn echo_of(tree: &Element) -> ControlEcho {
    let text = |name: &str| tree.child("control").and_then(|control| control.text_of(name)).unwrap_or_default().to_owned();
    let version = text("dtdversion");
    ControlEcho {
        sender: text("senderid"),
        control_id: text("controlid"),
        unique: if matches!(text("uniqueid").trim(), "false" | "0") { "false" } else { "true" }.to_owned(),
        version: if version.trim().is_empty() { "3.0".to_owned() } else { version.trim().to_owned() },
    }
}

/// The same from a body that is not well-formed, as far as it goes.
fn scanned(body: &[u8]) -> ControlEcho {
    let body = String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned();
    let text = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once("</")?;
        (!value.contains(['<', '&'])).then(|| value.to_owned())
    };
    ControlEcho {
        sender: text("senderid").unwrap_or_default(),
        control_id: text("controlid").unwrap_or_default(),
        unique: text("uniqueid").unwrap_or_default(),
        version: text("dtdversion").unwrap_or_default(),
    }
}

fn wants_white_space(tree: &Element) -> bool {
    let wanted = tree.child("control").and_then(|control| control.word_of("includewhitespace"));
    !matches!(wanted, Some("false" | "0"))
}

fn answer(state: &mut State, tree: &Element, endpoint: &str, fault: Fault, now: i64, number: u64) -> SimResponse {
    state.meter.requests += 1;
    state.catch_up(now);
    let Some(control) = tree.child("control") else { return refusal(500, &Complaint::new("XL03000003", "No control block.")) };
    let echo = echo_of(tree);
    let unique = echo.unique == "true";
    let sender = echo.sender.clone();
    let visit = Visit {
        control: echo,
        unique,
        sender: &sender,
        endpoint: endpoint.to_owned(),
        fault,
        now,
        number,
        white_space: wants_white_space(tree),
    };
    let mut envelope =
        Envelope::new(state.switches.self_closed, visit.fault.distortions(state.switches.support_ids, state.options.seed ^ number));
    if let Some(complaint) = refused_sender(state, &visit, control) {
        let expired = complaint.number == "PL04000055";
        if expired {
            envelope.bare_control(true);
        } else {
            envelope.control(false, &visit.control);
        }
        envelope.errors(&[complaint]);
        return xml_response(state.switches.control_failure_status, envelope.into_text(visit.white_space));
    }
    envelope.control(true, &visit.control);
    let operations: Vec<&Element> = tree.children.iter().filter(|child| child.name == "operation").collect();
    let contents = operations.iter().flat_map(|operation| &operation.children).filter(|child| child.name == "content");
    let functions: usize = contents.map(|content| content.children.len()).sum();
    for operation in operations {
        if let Some(bare) = run_operation(state, &visit, operation, &mut envelope, functions == 1) {
            return bare;
        }
    }
    let mut body = envelope.into_text(visit.white_space);
    if visit.fault.is("two-roots") {
        body.push_str("<response><control><status>success</status></control></response>");
    }
    xml_response(200, body)
}

/// Why the request goes no further than its control block.
fn refused_sender(state: &State, visit: &Visit<'_>, control: &Element) -> Option<Complaint> {
    let password = control.text_of("password").unwrap_or_default();
    let options = &state.options;
    let is_known = (visit.sender == options.sender_id && password == options.sender_password.expose())
        || options.unauthorised_sender.as_ref().is_some_and(|(id, kept)| visit.sender == id && password == kept.expose());
    if !is_known {
        return Some(Complaint::new("XL03000006", "Incorrect Intacct XML Partner ID or password."));
    }
    if let Some(policy) = control.word_of("policyid") {
        return Some(Complaint::new("XL03000006", format!("{policy} is not a valid transport policy.")));
    }
    if state.switches.company_expired || visit.fault.is("company-expired") {
        return Some(Complaint::new("PL04000055", "This company is a demo company and has expired."));
    }
    None
}

/// Runs one operation; a body that replaces the whole envelope comes back.
fn run_operation(state: &mut State, visit: &Visit<'_>, operation: &Element, envelope: &mut Envelope, alone: bool) -> Option<SimResponse> {
    let authentication = operation.child("authentication")?;
    let caller = match authenticate(state, visit, authentication) {
        Ok(caller) => caller,
        Err(refused) => {
            let (echo, complaint) = *refused;
            envelope.begin_operation(&echo);
            envelope.errors(&[complaint]);
            envelope.end_operation();
            return None;
        }
    };
    let location = caller.entity.and_then(|position| state.entity(position)).map_or(String::new(), |entity| entity.id.clone());
    let functions: Vec<&Element> = operation
        .children
        .iter()
        .filter(|child| child.name == "content")
        .flat_map(|content| &content.children)
        .filter(|child| child.name == "function")
        .collect();
    let replies = run_functions(state, visit, &caller, &functions, operation.attribute("transaction") == Some("true"));
    if alone && let [Reply { done: Done::Bare(content_type, body), status: "success", .. }] = replies.as_slice() {
        return Some(SimResponse::new(200, content_type, body.clone()));
    }
    envelope.begin_operation(&AuthenticationEcho {
        success: true,
        user: caller.user.clone(),
        company: state.options.company.clone(),
        location: Some(location),
        session: Some((visit.now, caller.expires)),
    });
    for reply in &replies {
        envelope.result(reply);
    }
    envelope.end_operation();
    None
}

type Refused = Box<(AuthenticationEcho, Complaint)>;

fn authenticate(state: &mut State, visit: &Visit<'_>, authentication: &Element) -> Result<Caller, Refused> {
    let (user, entity, session, expires) = if let Some(login) = authentication.child("login") {
        let (user, entity) = sign_in(state, login)?;
        (user, entity, String::new(), visit.now + state.options.session_seconds)
    } else {
        let id = authentication.child("sessionid").map_or("", |session| session.text.trim());
        if visit.fault.is("expired-session") {
            state.sessions.remove(id);
        }
        let Some(session) = state.resume(id, &visit.endpoint, visit.now) else {
            let shown: String = id.chars().take(4).collect();
            return Err(Box::new((AuthenticationEcho::default(), Complaint::new("XL03000006", format!("Invalid session {shown}....")))));
        };
        (session.user, session.entity, id.to_owned(), session.expires)
    };
    let echo = AuthenticationEcho { user: user.clone(), company: state.options.company.clone(), ..AuthenticationEcho::default() };
    if !state.switches.subscribed {
        let text = "This company is not authorized for XML transactions. Please subscribe to the XML Gateway.";
        return Err(Box::new((echo, Complaint::new("XL03000006", text))));
    }
    if visit.sender != state.options.sender_id {
        let complaint = Complaint::new(
            "XL03000006",
            format!(
                "The sender ID '{}' is not authorized to make Web Services requests to company ID '{}'.",
                visit.sender, state.options.company
            ),
        )
        .described("Invalid Web Services Authorization")
        .correct("Contact the company administrator to grant Web Services authorization to this sender ID.");
        return Err(Box::new((echo, complaint)));
    }
    let number = state.table(Kind::User).named(&user).map_or(0, |row| row.number);
    Ok(Caller { user, number, entity, session, endpoint: visit.endpoint.clone(), now: visit.now, expires })
}

fn sign_in(state: &mut State, login: &Element) -> Result<(String, Option<usize>), Refused> {
    let user = login.text_of("userid").unwrap_or_default();
    let company = login.text_of("companyid").unwrap_or_default();
    let password = login.text_of("password").unwrap_or_default();
    let refused = || {
        let echo = AuthenticationEcho { user: user.to_owned(), company: company.to_owned(), ..AuthenticationEcho::default() };
        Box::new((echo, Complaint::new("XL03000006", "Sign-in information is incorrect")))
    };
    let client = login.word_of("clientid").unwrap_or_default();
    if !client.is_empty() && client != state.options.company {
        return Err(refused());
    }
    if !state.signs_in(company, user, password) {
        return Err(refused());
    }
    let entity = state.entity_named(login.word_of("locationid").unwrap_or_default()).map_err(|()| refused())?;
    Ok((user.to_owned(), entity))
}

fn run_functions(state: &mut State, visit: &Visit<'_>, caller: &Caller, functions: &[&Element], transaction: bool) -> Vec<Reply> {
    let mut replies: Vec<Reply> = Vec::with_capacity(functions.len());
    let mut journal = functions::Journal::default();
    let mut executed = Vec::new();
    for (index, function) in functions.iter().enumerate() {
        let Some(call) = function.children.first() else { continue };
        let control_id = function.attribute("controlid").unwrap_or_default().to_owned();
        *state.meter.functions.entry(call.name.clone()).or_default() += 1;
        let memory = (visit.sender.to_owned(), control_id.clone());
        let outcome: Outcome = if visit.unique && state.executed.contains(&memory) {
            let text = format!("A function with the control ID '{control_id}' was executed before; it is not executed again.");
            Err(Complaint::new("SIM-DUPLICATE", text).into())
        } else if visit.fault.is("off-line") {
            Err(Complaint::new("", "The Service is Temporarily Off-line").into())
        } else if visit.fault.is("rolled-back") && index + 1 == functions.len() {
            Err(Complaint::new("BL01001973", "The record could not be saved.").into())
        } else {
            let mut context =
                functions::Context { state, caller, fault: &visit.fault, journal: &mut journal, transaction, request: visit.number };
            functions::run(&mut context, call)
        };
        let failed = outcome.is_err();
        let reply = match outcome {
            Ok(done) => {
                if visit.unique {
                    state.executed.insert(memory.clone());
                    executed.push(memory);
                }
                Reply { status: "success", function: call.name.clone(), control_id, done, complaints: Vec::new() }
            }
            Err(Failed { data, complaints }) => Reply {
                status: "failure",
                function: call.name.clone(),
                control_id,
                done: data.map_or(Done::Nothing, Done::Data),
                complaints,
            },
        };
        replies.push(reply);
        if failed && transaction {
            for memory in &executed {
                state.executed.remove(memory);
            }
            journal.undo(state);
            roll_back(&mut replies, state.switches.roll_back);
            break;
        }
    }
    replies
}

/// Tells every result that its work is undone.
fn roll_back(replies: &mut [Reply], shape: RollBack) {
    let last = replies.len().saturating_sub(1);
    for (index, reply) in replies.iter_mut().enumerate() {
        reply.complaints.push(Complaint::new("XL03000009", ROLLED_BACK));
        reply.done = Done::Nothing;
        if index < last || shape == RollBack::Aborted {
            reply.status = "aborted";
        }
    }
}
