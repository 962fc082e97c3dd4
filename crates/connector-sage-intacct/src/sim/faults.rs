//! The vendor's own misfortunes, by name: what its gateway has been seen to do besides the documented.

use rightful_sim::SimResponse;

use super::answer::{Complaint, Distortions, Envelope};

/// Every fault with one sentence.
pub const FAULTS: &[(&str, &str)] = &[
    ("gw-0010", "HTTP 429 with GW-0010 from the front gateway: too many requests."),
    ("gw-0011", "HTTP 400 with GW-0011 from the front gateway: request refused."),
    ("xmlgw-jpp0002", "HTTP 401 with XMLGW_JPP0002 from the front gateway: sign-in incorrect."),
    ("invalid-request", "HTTP 400 with the error number `invalidRequest` as text."),
    ("rate-limit-text", "HTTP 200 whose body says that the API rate limit is exceeded; nothing was done."),
    ("try-again-later", "HTTP 200 whose correction says Please Try Again Later; nothing was done."),
    ("off-line", "HTTP 200 whose results say that the service is temporarily off-line; nothing was done."),
    ("support-id", "Error texts end in a URL-encoded Support ID."),
    ("evil-endpoint", "The session answer names an endpoint outside the vendor's domain."),
    ("unknown-status", "Results carry a status word the documentation does not know, whatever happened."),
    ("missing-children", "The control and authentication blocks and the errors lack most of their children."),
    ("empty-authentication", "The authentication block is empty, whatever happened."),
    ("two-roots", "The body has a second root element."),
    ("expired-session", "The session used has just ended."),
    ("partial-failure", "Every second object of a create or update is refused; outside a transaction the others are saved."),
    ("rolled-back", "The last function of the request fails; a transaction is rolled back."),
    ("no-permission", "Every function is refused for lack of permission."),
    ("missing-results", "The answer has no result."),
    ("duplicate-results", "Every result comes twice."),
    ("shuffled", "A query without orderby answers in an order of its own."),
    ("empty-reps", "CUSTREPID reads as empty in every record, as at a wrong entity level."),
    ("empty-list", "Queries find nothing, as at a wrong entity level."),
    ("company-expired", "The company's trial has ended (PL04000055)."),
];

/// What a fault changes while a request is answered.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    /// Its name; empty for none.
    pub name: String,
}

impl Fault {
    /// The fault planned for a request.
    pub fn new(name: Option<&str>) -> Self {
        Self { name: name.unwrap_or_default().to_owned() }
    }

    /// Whether it is this one.
    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// What it does to the envelope.
    pub fn distortions(&self, support_ids: bool, seed: u64) -> Distortions {
        Distortions {
            support_ids: support_ids || self.is("support-id"),
            missing_children: self.is("missing-children"),
            empty_authentication: self.is("empty-authentication"),
            unknown_status: self.is("unknown-status"),
            duplicate_results: self.is("duplicate-results"),
            no_results: self.is("missing-results"),
            seed,
        }
    }

    /// An answer given instead of doing anything.
    pub fn instead(&self, number: u64) -> Option<SimResponse> {
        let request = format!("[Request ID: {number:04x}]");
        let (status, complaint) = match self.name.as_str() {
            "gw-0010" => {
                (429, Complaint { number: "GW-0010".into(), description: format!("Rate limit reached {request}"), ..Complaint::default() })
            }
            "gw-0011" => (
                400,
                Complaint {
                    number: "GW-0011".into(),
                    description: format!("Invalid Request {request}"),
                    is_short: true,
                    ..Complaint::default()
                },
            ),
            "xmlgw-jpp0002" => (
                401,
                Complaint {
                    number: "XMLGW_JPP0002".into(),
                    description: "Sign-in information is incorrect. Please check your request.".into(),
                    is_short: true,
                    ..Complaint::default()
                },
            ),
            "invalid-request" => {
                (400, Complaint { number: "invalidRequest".into(), description: "Invalid Request".into(), ..Complaint::default() })
            }
            "rate-limit-text" => (200, Complaint::new("", "API rate limit exceeded")),
            "try-again-later" => (200, Complaint::new("", "The request could not be processed.").correct("Please Try Again Later")),
            _ => return None,
        };
        Some(refusal(status, &complaint))
    }
}

/// An answer of the front gateway: control with its status only, one error.
pub fn refusal(status: u16, complaint: &Complaint) -> SimResponse {
    let mut envelope = Envelope::new(false, Distortions::default());
    envelope.bare_control(false);
    envelope.errors(std::slice::from_ref(complaint));
    xml_response(status, envelope.into_text(false))
}

/// An XML answer with the vendor's odd content type.
pub fn xml_response(status: u16, body: String) -> SimResponse {
    let status = if (200..600).contains(&status) { status } else { 200 };
    SimResponse::new(status, "text/xml; encoding=\"UTF-8\"", body)
}
