//! The response envelope: control, authentication, results and errors, as the published response grammar has them.
//!
//! <https://developer.intacct.com/web-services/responses/>, <https://developer.intacct.com/web-services/error-handling/>.

use super::formatting::iso;
use super::session::token;
use super::xml::Xml;

/// What a rolled-back result says.
pub const ROLLED_BACK: &str = "The entire transaction in this operation has been rolled back due to an error.";

/// One `error` of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    /// `errorno`: a number, or a sentence.
    pub number: String,
    /// `description`
    pub description: String,
    /// `description2`
    pub description2: String,
    /// `correction`
    pub correction: String,
    /// The front gateway writes the first two only.
    pub is_short: bool,
}

impl Complaint {
    /// A number with its text in `description2`, where the vendor puts most.
    pub fn new(number: &str, description2: impl Into<String>) -> Self {
        Self { number: number.to_owned(), description2: description2.into(), ..Self::default() }
    }

    /// A sentence in place of the number, nothing else.
    pub fn sentence(sentence: impl Into<String>) -> Self {
        Self { number: sentence.into(), ..Self::default() }
    }

    /// The same with a description.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// The same with a correction.
    #[must_use]
    pub fn correct(mut self, correction: impl Into<String>) -> Self {
        self.correction = correction.into();
        self
    }
}

/// What a function gave.
#[derive(Clone, Debug)]
pub enum Done {
    /// A whole `data` element.
    Data(String),
    /// A `key` element, of a legacy function.
    Key(String),
    /// Success without more.
    Nothing,
    /// A body that replaces the envelope: JSON or CSV.
    Bare(&'static str, String),
}

/// Why a function failed.
#[derive(Clone, Debug, Default)]
pub struct Failed {
    /// What was saved nevertheless: a whole `data` element.
    pub data: Option<String>,
    /// The errors.
    pub complaints: Vec<Complaint>,
}

impl From<Complaint> for Failed {
    fn from(complaint: Complaint) -> Self {
        Self { data: None, complaints: vec![complaint] }
    }
}

/// A function's result.
pub type Outcome = Result<Done, Failed>;

/// One `result` element to be.
#[derive(Clone, Debug)]
pub struct Reply {
    /// `success`, `failure` or `aborted`.
    pub status: &'static str,
    /// The function's name.
    pub function: String,
    /// The function's control id.
    pub control_id: String,
    /// What it gave.
    pub done: Done,
    /// Its errors.
    pub complaints: Vec<Complaint>,
}

/// The `control` part of an answer.
#[derive(Clone, Debug, Default)]
pub struct ControlEcho {
    /// `senderid`
    pub sender: String,
    /// `controlid`
    pub control_id: String,
    /// `uniqueid`
    pub unique: String,
    /// `dtdversion`
    pub version: String,
}

/// The `authentication` part of an answer.
#[derive(Clone, Debug, Default)]
pub struct AuthenticationEcho {
    /// Signed in.
    pub success: bool,
    /// `userid`
    pub user: String,
    /// `companyid`
    pub company: String,
    /// `locationid`; `None` on failure.
    pub location: Option<String>,
    /// `sessiontimestamp` and `sessiontimeout`; `None` on failure.
    pub session: Option<(i64, i64)>,
}

/// What distorts an answer on purpose.
#[derive(Clone, Debug, Default)]
pub struct Distortions {
    /// Error texts end in a Support ID.
    pub support_ids: bool,
    /// Echoes and most error children are left out.
    pub missing_children: bool,
    /// The authentication block is empty.
    pub empty_authentication: bool,
    /// A status the documentation does not know.
    pub unknown_status: bool,
    /// Results twice.
    pub duplicate_results: bool,
    /// Results left out.
    pub no_results: bool,
    /// Numbers the Support IDs.
    pub seed: u64,
}

/// Writes an answer piece by piece.
#[derive(Debug)]
pub struct Envelope {
    xml: Xml,
    distortions: Distortions,
    complaints: u64,
}

impl Envelope {
    /// Begins an answer.
    pub fn new(self_closed: bool, distortions: Distortions) -> Self {
        let mut xml = Xml::new(self_closed);
        xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        xml.raw("<response>");
        Self { xml, distortions, complaints: 0 }
    }

    /// `control`
    pub fn control(&mut self, success: bool, echo: &ControlEcho) {
        self.xml.open("control");
        self.xml.leaf("status", if success { "success" } else { "failure" });
        if !self.distortions.missing_children {
            self.xml.leaf("senderid", &echo.sender);
            self.xml.leaf("controlid", &echo.control_id);
            self.xml.leaf("uniqueid", &echo.unique);
            self.xml.leaf("dtdversion", &echo.version);
        }
        self.xml.close("control");
    }

    /// `control` of a request refused before it was read, or by the front gateway.
    pub fn bare_control(&mut self, empty_names: bool) {
        self.xml.open("control");
        self.xml.leaf("status", "failure");
        if empty_names {
            self.xml.leaf("senderid", "");
            self.xml.leaf("controlid", "");
        }
        self.xml.close("control");
    }

    /// Begins an `operation` with its `authentication`.
    pub fn begin_operation(&mut self, echo: &AuthenticationEcho) {
        self.xml.open("operation");
        self.xml.open("authentication");
        if !self.distortions.empty_authentication {
            self.xml.leaf("status", if echo.success { "success" } else { "failure" });
            if !self.distortions.missing_children {
                self.xml.leaf("userid", &echo.user);
                self.xml.leaf("companyid", &echo.company);
                if let Some(location) = &echo.location {
                    self.xml.leaf("locationid", location);
                }
                if let Some((started, ends)) = echo.session {
                    self.xml.leaf("sessiontimestamp", &iso(started));
                    self.xml.leaf("sessiontimeout", &iso(ends));
                }
            }
        }
        self.xml.close("authentication");
    }

    /// Ends an `operation`.
    pub fn end_operation(&mut self) {
        self.xml.close("operation");
    }

    /// `result`
    pub fn result(&mut self, reply: &Reply) {
        if self.distortions.no_results {
            return;
        }
        for _ in 0..if self.distortions.duplicate_results { 2 } else { 1 } {
            self.xml.open("result");
            self.xml.leaf("status", if self.distortions.unknown_status { "deferred" } else { reply.status });
            self.xml.leaf("function", &reply.function);
            self.xml.leaf("controlid", &reply.control_id);
            match &reply.done {
                Done::Data(data) => self.xml.raw(data),
                Done::Key(key) => self.xml.leaf("key", key),
                Done::Nothing | Done::Bare(..) => {}
            }
            if !reply.complaints.is_empty() {
                self.errors(&reply.complaints);
            }
            self.xml.close("result");
        }
    }

    /// `errormessage`
    pub fn errors(&mut self, complaints: &[Complaint]) {
        self.xml.open("errormessage");
        for complaint in complaints {
            self.xml.open("error");
            self.xml.leaf("errorno", &complaint.number);
            if complaint.is_short {
                self.xml.leaf("description", &complaint.description);
            } else if self.distortions.missing_children {
                if !complaint.description2.is_empty() {
                    self.xml.leaf("description2", &complaint.description2);
                }
            } else {
                let mut second = complaint.description2.clone();
                if self.distortions.support_ids {
                    self.complaints += 1;
                    let id = token(self.distortions.seed, self.complaints, 22);
                    second.push_str(&format!(" [Support ID: {}%7E{}%2B-]", &id[..8], &id[8..]));
                }
                self.xml.leaf("description", &complaint.description);
                self.xml.leaf("description2", &second);
                self.xml.leaf("correction", &complaint.correction);
            }
            self.xml.close("error");
        }
        self.xml.close("errormessage");
    }

    /// Ends the answer.
    pub fn into_text(mut self, white_space: bool) -> String {
        self.xml.raw("</response>");
        let compact = self.xml.into_text();
        if white_space { super::xml::indented(&compact) } else { compact }
    }
}
