//! The gateway's requests and answers, spelled as the vendor spells them.

use quick_xml::events::BytesStart;
use rightful_core::{Error, ErrorKind, Instant, Result};

use crate::xml::Writer;

/// The most records on a page of `query` [<https://developer.intacct.com/web-services/queries/>].
pub const MOST_ROWS: usize = 2_000;

/// The most values in one `in`: one more makes the whole request invalid [<https://github.com/Intacct/intacct-sdk-js/issues/54>].
pub const MOST_VALUES: usize = 1_000;

/// The most keys in one `read`, as the vendor's own SDK has it [<https://github.com/Intacct/intacct-sdk-php>].
pub const MOST_KEYS: usize = 100;

/// Where the sender's password goes when a request is signed. Escaped text cannot look like it.
pub const PASSWORD: &str = "<password/>";

/// Where the session goes when a request is signed.
pub const SESSION: &str = "<sessionid/>";

/// One function of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Names it in the answer; at most 256 characters.
    pub control_id: String,
    /// The call: exactly one element.
    pub call: String,
}

impl Function {
    /// A call under a control id.
    pub fn new(control_id: impl Into<String>, call: String) -> Self {
        Self { control_id: control_id.into(), call }
    }
}

/// A whole request. IN-2: children of `control` and `operation` in the documented order [<https://developer.intacct.com/web-services/requests/>].
///
/// `authentication` is XML already. The sender's password is left out: see [`PASSWORD`].
///
/// # Errors
/// `Rejected` where a text cannot be written as XML.
pub fn request(sender: &str, unique: bool, authentication: &str, functions: &[Function]) -> Result<String> {
    let mut xml = Writer::default();
    xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").open("request");
    xml.open("control").leaf("senderid", sender).raw(PASSWORD).leaf("controlid", "rightful");
    xml.leaf("uniqueid", if unique { "true" } else { "false" }).leaf("dtdversion", "3.0").leaf("includewhitespace", "false");
    xml.close("control").raw("<operation transaction=\"false\">");
    xml.open("authentication").raw(authentication).close("authentication").open("content");
    for function in functions {
        xml.raw("<function controlid=\"").value(&function.control_id).raw("\">").raw(&function.call).close("function");
    }
    xml.close("content").close("operation").close("request");
    xml.finish()
}

/// A comparison of one field with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `equalto`
    Equal,
    /// `greaterthan`
    Above,
    /// `greaterthanorequalto`
    From,
    /// `lessthanorequalto`
    UpTo,
}

impl Operator {
    fn name(self) -> &'static str {
        match self {
            Self::Equal => "equalto",
            Self::Above => "greaterthan",
            Self::From => "greaterthanorequalto",
            Self::UpTo => "lessthanorequalto",
        }
    }
}

/// Which records a query finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// One comparison.
    Is(Operator, &'static str, String),
    /// One of these values, at most [`MOST_VALUES`].
    In(&'static str, Vec<String>),
    /// All of these: two or more.
    All(Vec<Filter>),
    /// Any of these: two or more.
    Any(Vec<Filter>),
}

impl Filter {
    fn write(&self, xml: &mut Writer) {
        match self {
            Self::Is(operator, field, value) => {
                xml.open(operator.name()).leaf("field", field).leaf("value", value).close(operator.name());
            }
            Self::In(field, values) => {
                xml.open("in").leaf("field", field);
                values.iter().for_each(|value| {
                    xml.leaf("value", value);
                });
                xml.close("in");
            }
            Self::All(parts) => Self::write_parts("and", parts, xml),
            Self::Any(parts) => Self::write_parts("or", parts, xml),
        }
    }

    fn write_parts(name: &str, parts: &[Self], xml: &mut Writer) {
        xml.open(name);
        parts.iter().for_each(|part| part.write(xml));
        xml.close(name);
    }
}

/// A `query` [<https://developer.intacct.com/web-services/queries/>].
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// The object, in capitals.
    pub object: &'static str,
    /// The fields.
    pub select: &'a [String],
    /// Which records; all where there is none.
    pub filter: Option<Filter>,
    /// By which fields, ascending; without any, the order would be undefined.
    pub order: &'static [&'static str],
    /// The other way round.
    pub descending: bool,
    /// From the top level: records that are private to an entity too.
    pub show_private: bool,
    /// Records in the answer.
    pub page_size: usize,
}

impl Query<'_> {
    /// The call's element. IN-2: operators, `order` and `options` have ordered children.
    ///
    /// # Errors
    /// `Rejected` where a value cannot be written as XML.
    pub fn call(&self) -> Result<String> {
        let mut xml = Writer::default();
        xml.open("query").leaf("object", self.object).open("select");
        for field in self.select {
            xml.leaf("field", field);
        }
        xml.close("select");
        if let Some(filter) = &self.filter {
            xml.open("filter");
            filter.write(&mut xml);
            xml.close("filter");
        }
        xml.open("orderby");
        for field in self.order {
            let direction = if self.descending { "<descending/>" } else { "<ascending/>" };
            xml.open("order").leaf("field", field).raw(direction).close("order");
        }
        xml.close("orderby");
        xml.open("options").leaf("showprivate", if self.show_private { "true" } else { "false" }).close("options");
        xml.leaf("pagesize", &self.page_size.to_string()).close("query");
        xml.finish()
    }
}

/// A `read` by record numbers [<https://developer.intacct.com/api/platform-services/records/>].
///
/// # Errors
/// `Rejected` where a value cannot be written as XML.
pub fn read(object: &str, numbers: &[&str], fields: &[String]) -> Result<String> {
    let mut xml = Writer::default();
    xml.open("read").leaf("object", object).leaf("keys", &numbers.join(",")).leaf("fields", &fields.join(",")).close("read");
    xml.finish()
}

/// An `update` of a customer's rep and nothing else; an empty text clears it.
///
/// # Errors
/// `Rejected` where a value cannot be written as XML.
pub fn update_rep(number: &str, rep: &str) -> Result<String> {
    let mut xml = Writer::default();
    xml.open("update").open("CUSTOMER").leaf("RECORDNO", number).leaf("CUSTREPID", rep).close("CUSTOMER").close("update");
    xml.finish()
}

/// `readUserFormatting` of a user [<https://developer.intacct.com/api/company-console/users/>].
///
/// # Errors
/// `Rejected` where the name cannot be written as XML.
pub fn read_user_formatting(user: &str) -> Result<String> {
    let mut xml = Writer::default();
    xml.open("readUserFormatting").leaf("userId", user).close("readUserFormatting");
    xml.finish()
}

/// What a result's `data` element states about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `totalcount`: records the query matches.
    pub total: Option<u64>,
    /// `count`: records in this answer.
    pub count: Option<u64>,
    /// `numremaining`: records after them.
    pub remaining: Option<u64>,
}

impl Counts {
    /// From the element's attributes.
    pub fn of(start: &BytesStart<'_>) -> Self {
        let number = |name: &str| start.try_get_attribute(name).ok().flatten()?.value.trim().parse().ok();
        Self { total: number("totalcount"), count: number("count"), remaining: number("numremaining") }
    }
}

/// One `error` of an answer, its texts as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    /// `errorno`: a number, a sentence, or nothing.
    pub number: String,
    /// `description`
    pub description: String,
    /// `description2`
    pub description2: String,
    /// `correction`
    pub correction: String,
}

/// A `result` without its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultHead {
    /// `status`
    pub status: String,
    /// `controlid`
    pub control_id: String,
    /// Its errors, in order.
    pub complaints: Vec<Complaint>,
}

/// An answer without its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// `control/status`
    pub control: Option<String>,
    /// `authentication/status`
    pub authentication: Option<String>,
    /// `sessiontimestamp`: when the vendor answered, or when the session began (unconfirmed which); neither is later than the answer.
    pub answered_at: Option<Instant>,
    /// `sessiontimeout`: when the session ends unless it is used.
    pub session_ends: Option<Instant>,
    /// Errors outside of results, in order.
    pub complaints: Vec<Complaint>,
    /// Results, in order.
    pub results: Vec<ResultHead>,
}

impl Envelope {
    /// An element begins; `path` names it and all around it.
    pub fn open(&mut self, path: &str) {
        if path == "/response/operation/result" {
            self.results.push(ResultHead::default());
        } else if let Some(level) = path.strip_suffix("/errormessage/error")
            && let Some(complaints) = self.complaints_at(level)
        {
            complaints.push(Complaint::default());
        }
    }

    /// An element ends whose text is this.
    pub fn note(&mut self, path: &str, text: String) {
        if let Some(name) = path.strip_prefix("/response/operation/result/") {
            let Some(result) = self.results.last_mut() else { return };
            match name {
                "status" => result.status = text.trim().to_owned(),
                "controlid" => result.control_id = text,
                _ => self.note_complaint(path, text),
            }
            return;
        }
        match path {
            "/response/control/status" => self.control = Some(text.trim().to_owned()),
            "/response/operation/authentication/status" => self.authentication = Some(text.trim().to_owned()),
            "/response/operation/authentication/sessiontimestamp" => self.answered_at = moment(&text),
            "/response/operation/authentication/sessiontimeout" => self.session_ends = moment(&text),
            _ => self.note_complaint(path, text),
        }
    }

    fn note_complaint(&mut self, path: &str, text: String) {
        let Some((level, name)) = path.split_once("/errormessage/error/") else { return };
        let Some(complaint) = self.complaints_at(level).and_then(|complaints| complaints.last_mut()) else { return };
        match name {
            "errorno" => complaint.number = text,
            "description" => complaint.description = text,
            "description2" => complaint.description2 = text,
            "correction" => complaint.correction = text,
            _ => {}
        }
    }

    fn complaints_at(&mut self, level: &str) -> Option<&mut Vec<Complaint>> {
        match level {
            "/response" | "/response/operation" => Some(&mut self.complaints),
            "/response/operation/result" => self.results.last_mut().map(|result| &mut result.complaints),
            _ => None,
        }
    }

    /// The one result of each control id, in the order asked for.
    ///
    /// # Errors
    /// IN-7: `Protocol` that names the control id which is missing, came twice or was never sent.
    pub fn results_of(&self, control_ids: &[&str]) -> Result<Vec<&ResultHead>> {
        let broken = |what: &str, id: &str| {
            Error::new(ErrorKind::Protocol, format!("the answer has {what} for the function `{id}`"))
                .hint("run it again; if it stays, report it")
        };
        if let Some(stranger) = self.results.iter().find(|result| !control_ids.contains(&result.control_id.as_str())) {
            return Err(broken("a result nobody asked for,", &stranger.control_id));
        }
        control_ids
            .iter()
            .map(|id| {
                let mut found = self.results.iter().filter(|result| result.control_id == *id);
                match (found.next(), found.next()) {
                    (Some(result), None) => Ok(result),
                    (None, _) => Err(broken("no result", id)),
                    (Some(_), Some(_)) => Err(broken("two results", id)),
                }
            })
            .collect()
    }
}

/// A moment as envelopes carry it: ISO 8601 with a numeric offset.
fn moment(text: &str) -> Option<Instant> {
    chrono::DateTime::parse_from_rfc3339(text.trim()).ok().map(|moment| moment.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IN-2: the order of children that the published schema prescribes; the simulator judges every other request by that schema too.
    #[test]
    fn in_2_children_stand_in_the_documented_order() {
        let query = Query {
            object: "CUSTOMER",
            select: &["RECORDNO".to_owned(), "DISPLAYCONTACT.EMAIL1".to_owned()],
            filter: Some(Filter::Any(vec![
                Filter::Is(Operator::Above, "WHENMODIFIED", "02/03/2026 04:05:06".to_owned()),
                Filter::All(vec![
                    Filter::Is(Operator::Equal, "WHENMODIFIED", "02/03/2026 04:05:06".to_owned()),
                    Filter::In("CUSTOMERID", vec!["a & b".to_owned(), "O'Dell".to_owned()]),
                ]),
            ])),
            order: &["WHENMODIFIED", "RECORDNO"],
            descending: false,
            show_private: true,
            page_size: 2000,
        };
        let call = query.call().unwrap();
        assert_eq!(
            call,
            "<query><object>CUSTOMER</object><select><field>RECORDNO</field><field>DISPLAYCONTACT.EMAIL1</field></select><filter><or>\
             <greaterthan><field>WHENMODIFIED</field><value>02/03/2026 04:05:06</value></greaterthan><and>\
             <equalto><field>WHENMODIFIED</field><value>02/03/2026 04:05:06</value></equalto>\
             <in><field>CUSTOMERID</field><value>a &amp; b</value><value>O&apos;Dell</value></in></and></or></filter>\
             <orderby><order><field>WHENMODIFIED</field><ascending/></order><order><field>RECORDNO</field><ascending/></order></orderby>\
             <options><showprivate>true</showprivate></options><pagesize>2000</pagesize></query>"
        );
        let request = request("A<B", true, SESSION, &[Function::new("f\"1", "<x/>".to_owned())]).unwrap();
        assert_eq!(
            request,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><request><control><senderid>A&lt;B</senderid><password/><controlid>rightful</controlid>\
             <uniqueid>true</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace></control>\
             <operation transaction=\"false\"><authentication><sessionid/></authentication><content>\
             <function controlid=\"f&quot;1\"><x/></function></content></operation></request>"
        );
    }
}
