//! Sage Intacct's side: pages of pre-rendered records, found by (WHENMODIFIED, RECORDNO) or by RECORDNO.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, TimeZone, Utc};
use rightful_sim::{SimClock, SimRequest, SimResponse, Simulator};
use serde_json::json;

use super::world::{self, World};

/// The stand-in.
pub struct Intacct(Mutex<State>);

struct State {
    world: World,
    /// When every twentieth customer had its rep moved on by one, if that happened yet.
    changed_at: Option<DateTime<Utc>>,
    rendered: HashMap<Selection, Rows>,
    functions: u64,
}

/// An object and the fields selected of it.
type Selection = (String, Vec<String>);

/// Rendered rows in the order of RECORDNO.
type Rows = Arc<Vec<Box<str>>>;

/// One comparison of a filter.
struct Comparison {
    operator: &'static str,
    field: String,
    values: Vec<String>,
}

const OPERATORS: [&str; 6] = ["greaterthanorequalto", "greaterthan", "lessthanorequalto", "lessthan", "equalto", "in"];

fn begin() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 2, 3, 4, 5, 6).single().expect("that moment exists")
}

fn stamp(at: DateTime<Utc>) -> String {
    at.format("%m/%d/%Y %H:%M:%S").to_string()
}

/// The text of the first `<name>` element.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let from = text.find(&format!("<{name}>"))? + name.len() + 2;
    let to = text[from..].find(&format!("</{name}>"))? + from;
    Some(&text[from..to])
}

/// The texts of all `<name>` elements.
fn elements(text: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    text.split(&open).skip(1).filter_map(|rest| rest.split(&close).next().map(str::to_owned)).collect()
}

fn comparisons(filter: &str) -> Vec<Comparison> {
    OPERATORS
        .iter()
        .flat_map(|operator| elements(filter, operator).into_iter().map(move |inner| (operator, inner)))
        .map(|(operator, inner)| Comparison {
            operator,
            field: element(&inner, "field").unwrap_or_default().to_owned(),
            values: elements(&inner, "value"),
        })
        .collect()
}

impl State {
    fn count(&self, object: &str) -> usize {
        if object == "CUSTOMER" { self.world.customers } else { self.world.codes }
    }

    /// When that record was changed on the second day, if it was.
    fn change(&self, object: &str, number: usize) -> Option<DateTime<Utc>> {
        self.changed_at.filter(|_| object == "CUSTOMER" && number.is_multiple_of(20))
    }

    fn modified(&self, object: &str, number: usize) -> DateTime<Utc> {
        self.change(object, number).unwrap_or_else(begin) + Duration::seconds((number / 2_500) as i64)
    }

    fn value(&self, object: &str, field: &str, number: usize) -> String {
        let changed = self.change(object, number).is_some();
        match (object, field) {
            (_, "RECORDNO") => (number + 1).to_string(),
            (_, "WHENMODIFIED") => stamp(self.modified(object, number)),
            (_, "STATUS") => "active".to_owned(),
            ("CUSTOMER", "CUSTOMERID") => world::customer(number),
            ("CUSTOMER", "NAME") => format!("Customer {number}"),
            ("CUSTOMER", "CUSTREPID") => world::code(self.world.rep(number, changed)),
            ("CUSTOMER", "CUSTREPNAME") => format!("Rep {}", self.world.rep(number, changed)),
            ("EMPLOYEE", "EMPLOYEEID") => world::code(number),
            ("USERINFO", "LOGINID") => format!("login{number}"),
            ("USERINFO", "USERTYPE") => "business user".to_owned(),
            ("USERINFO", "LOGINDISABLED") => "false".to_owned(),
            (_, field) if field.ends_with("CONTACTNAME") => format!("Rep {number}"),
            (_, field) if field.ends_with("EMAIL1") => format!("rep{number}@example.com"),
            (_, field) if field.ends_with("FIRSTNAME") => "Rep".to_owned(),
            (_, field) if field.ends_with("LASTNAME") => number.to_string(),
            (_, "DESCRIPTION" | "PRINTAS" | "NAME") => format!("Rep {number}"),
            _ => String::new(),
        }
    }

    fn render(&self, object: &str, fields: &[String], number: usize) -> Box<str> {
        let mut row = format!("<{object}>");
        for field in fields {
            let _ = write!(row, "<{field}>{}</{field}>", self.value(object, field, number));
        }
        let _ = write!(row, "</{object}>");
        row.into_boxed_str()
    }

    fn rows(&mut self, object: &str, fields: &[String]) -> Rows {
        let key = (object.to_owned(), fields.to_vec());
        if let Some(rows) = self.rendered.get(&key) {
            return rows.clone();
        }
        let rows: Rows = Arc::new((0..self.count(object)).map(|number| self.render(object, fields, number)).collect());
        self.rendered.insert(key, rows.clone());
        rows
    }

    /// Numbers from 0 of the records a query finds, in its order: whole runs, not lists.
    fn found(&self, object: &str, filter: &str, by_time: bool) -> Vec<std::iter::StepBy<std::ops::Range<usize>>> {
        let (mut low, mut high) = (0, self.count(object));
        let mut since: Option<String> = None;
        let mut after: Option<(String, usize)> = None;
        let conditions = comparisons(filter);
        let tie = conditions
            .iter()
            .find(|one| one.operator == "equalto" && one.field == "WHENMODIFIED")
            .and_then(|one| one.values.first().cloned());
        for one in &conditions {
            let number = one.values.first().and_then(|value| value.parse::<usize>().ok());
            match (one.field.as_str(), one.operator, number) {
                ("RECORDNO", "greaterthan", Some(number)) => match &tie {
                    Some(tie) => after = Some((tie.clone(), number)),
                    None => low = low.max(number),
                },
                ("RECORDNO", "greaterthanorequalto", Some(number)) => low = low.max(number.saturating_sub(1)),
                ("RECORDNO", "lessthanorequalto", Some(number)) => high = high.min(number),
                ("RECORDNO", "lessthan", Some(number)) => high = high.min(number.saturating_sub(1)),
                ("WHENMODIFIED", "greaterthanorequalto" | "greaterthan", _) => since = one.values.first().cloned(),
                _ => {}
            }
        }
        if !by_time {
            return vec![(low..high.max(low)).step_by(1)];
        }
        // By time: the untouched ones stand in the order of their numbers, the changed ones (every twentieth) after them.
        let parse = |text: &str| {
            chrono::NaiveDateTime::parse_from_str(text, "%m/%d/%Y %H:%M:%S").map(|at| at.and_utc()).unwrap_or_else(|_| begin())
        };
        let (from, floor_number) = match (&after, &since) {
            (Some((tie, number)), _) => (parse(tie), *number),
            (None, Some(since)) => (parse(since), 0),
            (None, None) => (begin(), 0),
        };
        let number_at = |day: DateTime<Utc>| usize::try_from((from - day).num_seconds().max(0)).unwrap_or(0).saturating_mul(2_500);
        let day_two = self.changed_at.filter(|_| object == "CUSTOMER");
        let mut runs = Vec::new();
        if day_two.is_none_or(|day| from < day) {
            let first = number_at(begin()).max(floor_number).min(high);
            runs.push((first..high).step_by(1));
        }
        if let Some(day) = day_two {
            let first = if from >= day { number_at(day).max(floor_number) } else { 0 }.next_multiple_of(20);
            runs.push((first..high.max(first)).step_by(20));
        }
        runs
    }

    fn query(&mut self, text: &str) -> String {
        let object = element(text, "object").unwrap_or("CUSTOMER").to_owned();
        let select = element(text, "select").unwrap_or_default();
        let filter = element(text, "filter").unwrap_or_default();
        let by_time =
            element(text, "orderby").unwrap_or_default().split("<order>").nth(1).is_some_and(|first| first.contains("WHENMODIFIED"));
        let size: usize = element(text, "pagesize").and_then(|size| size.parse().ok()).unwrap_or(100);
        let aggregates: Vec<(&str, String)> = ["count", "min", "max"]
            .into_iter()
            .flat_map(|name| elements(select, name).into_iter().map(move |field| (name, field)))
            .collect();
        let runs = self.found(&object, filter, by_time || filter.contains("WHENMODIFIED"));
        let total: usize = runs.iter().map(ExactSizeIterator::len).sum();
        let mut data = String::with_capacity(size.min(total) * 320 + 200);
        if !aggregates.is_empty() {
            let _ = write!(data, "<data listtype=\"{object}\" totalcount=\"1\" offset=\"0\" count=\"1\" numremaining=\"0\"><{object}>");
            for (name, field) in aggregates {
                let value = match (name, field.as_str()) {
                    ("count", _) => total.to_string(),
                    ("min", "RECORDNO") => "1".to_owned(),
                    ("max", "RECORDNO") => self.count(&object).to_string(),
                    ("max", "WHENMODIFIED") => {
                        let last = self.count(&object).saturating_sub(1);
                        let newest = (last.saturating_sub(19)..=last).map(|number| self.modified(&object, number)).max();
                        newest.map(stamp).unwrap_or_default()
                    }
                    _ => stamp(begin()),
                };
                let _ = write!(data, "<{0}.{field}>{value}</{0}.{field}>", name.to_uppercase());
            }
            let _ = write!(data, "</{object}></data>");
            return data;
        }
        let fields = elements(select, "field");
        let descending = element(text, "orderby").is_some_and(|order| order.contains("<descending"));
        let numbers: Box<dyn Iterator<Item = usize>> =
            if descending { Box::new(runs.into_iter().rev().flat_map(Iterator::rev)) } else { Box::new(runs.into_iter().flatten()) };
        let count = total.min(size);
        let _ = write!(
            data,
            "<data listtype=\"{object}\" totalcount=\"{total}\" offset=\"0\" count=\"{count}\" numremaining=\"{}\">",
            total - count
        );
        if size == 1 {
            // A question about all rows, how many or the last: not worth rendering the others.
            data.extend(numbers.take(1).map(|number| String::from(self.render(&object, &fields, number))));
        } else {
            let rows = self.rows(&object, &fields);
            numbers.take(size).for_each(|number| data.push_str(&rows[number]));
        }
        data.push_str("</data>");
        data
    }

    fn read(&mut self, text: &str) -> String {
        let object = element(text, "object").unwrap_or("CUSTOMER").to_owned();
        let fields: Vec<String> = element(text, "fields").unwrap_or("RECORDNO").split(',').map(str::to_owned).collect();
        let rows = self.rows(&object, &fields);
        let found: Vec<&str> = element(text, "keys")
            .unwrap_or_default()
            .split(',')
            .filter_map(|key| key.parse::<usize>().ok()?.checked_sub(1))
            .filter_map(|number| rows.get(number).map(|row| &**row))
            .collect();
        format!("<data listtype=\"{object}\" count=\"{}\">{}</data>", found.len(), found.concat())
    }
}

impl Intacct {
    /// Customers with a rep each, 2,500 per second of WHENMODIFIED.
    pub fn new(world: World) -> Self {
        Self(Mutex::new(State { world, changed_at: None, rendered: HashMap::new(), functions: 0 }))
    }
}

impl Simulator for Intacct {
    fn vendor(&self) -> &'static str {
        "sage-intacct"
    }

    fn base_path(&self) -> &'static str {
        "/ia/xml/xmlgw.phtml"
    }

    fn answer(&self, request: &SimRequest, clock: &SimClock) -> SimResponse {
        let Ok(text) = std::str::from_utf8(&request.body) else {
            return SimResponse::new(400, "text/plain", "not UTF-8");
        };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut results = String::new();
        for function in text.split("<function ").skip(1) {
            state.functions += 1;
            let controlid = function.split("controlid=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            let call = function.split('>').nth(1).and_then(|rest| rest.split('<').nth(1)).unwrap_or_default();
            let name = call.split([' ', '/']).next().unwrap_or_default();
            let data = match name {
                "getAPISession" => format!(
                    "<data><api><sessionid>bench-session</sessionid><endpoint>{}{}</endpoint><locationid></locationid></api></data>",
                    request.origin,
                    self.base_path()
                ),
                "query" => state.query(function),
                "read" => state.read(function),
                "readUserFormatting" => "<data><userformatting><recordno>1</recordno><locale>en_US</locale><dateformat>/mdY</dateformat><gmtoffset>+00:00</gmtoffset><clock>24</clock></userformatting></data>".to_owned(),
                _ => "<data/>".to_owned(),
            };
            let _ = write!(
                results,
                "<result><status>success</status><function>{name}</function><controlid>{controlid}</controlid>{data}</result>"
            );
        }
        let control = element(text, "control").and_then(|control| element(control, "controlid")).unwrap_or_default();
        let now = clock.now();
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response><control><status>success</status><senderid>bench</senderid><controlid>{control}</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control>\
             <operation><authentication><status>success</status><userid>bench</userid><companyid>BENCH</companyid><locationid></locationid><sessiontimestamp>{}</sessiontimestamp><sessiontimeout>{}</sessiontimeout></authentication>{results}</operation></response>",
            now.format("%Y-%m-%dT%H:%M:%S+00:00"),
            (now + Duration::hours(6)).format("%Y-%m-%dT%H:%M:%S+00:00"),
        );
        SimResponse::new(200, "text/xml; encoding=\"UTF-8\"", body)
    }

    fn dump(&self) -> serde_json::Value {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        json!({"customers": state.world.customers, "functions": state.functions, "changed": state.changed_at.is_some()})
    }

    fn control(&self, name: &str, _body: serde_json::Value, clock: &SimClock) -> Result<serde_json::Value, String> {
        if name != "change" {
            return Err(format!("unknown control `{name}`: the only one is `change`"));
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Now, in whole seconds: clients remember from when on they have to look for changes by this clock.
        state.changed_at = DateTime::from_timestamp(clock.now().timestamp(), 0);
        let keys: Vec<Selection> = state.rendered.keys().filter(|(object, _)| object == "CUSTOMER").cloned().collect();
        for key in keys {
            let mut rows: Vec<Box<str>> = state.rendered.get(&key).map(|rows| rows.to_vec()).unwrap_or_default();
            for number in (0..rows.len()).step_by(20) {
                rows[number] = state.render("CUSTOMER", &key.1, number);
            }
            state.rendered.insert(key, Arc::new(rows));
        }
        Ok(json!({"changed": state.world.customers.div_ceil(20)}))
    }
}
