//! What a person would do in the product, and what a judge wants to know: the simulator's controls and its dump.

use rightful_core::Secret;
use rightful_sim::SimClock;
use serde_json::{Map, Value, json};

use super::SageIntacctSim;
use super::faults::Fault;
use super::formatting::iso;
use super::functions::{Context, Journal, edit};
use super::kinds::Kind;
use super::options::{Permissions, Switches};
use super::request::Element;
use super::seed;
use super::session::Caller;
use super::state::{AuditEntry, State};
use super::table::Row;

const CONTROLS: &str = "set-customer, delete-customer, empty-customers, set-employee, set-contact, set-user, switches, reset, \
                        expire-sessions, sign-ins, meter";

impl SageIntacctSim {
    /// `POST /_sim/control/{name}`
    pub(super) fn steer(&self, name: &str, body: Value, clock: &SimClock) -> Result<Value, String> {
        let now = clock.now().timestamp();
        let fields = match body {
            Value::Null => Map::new(),
            Value::Object(fields) => fields,
            _ => return Err("the body must be a JSON object".to_owned()),
        };
        match name {
            "reset" => {
                let mut fresh = State::new(self.first.clone());
                let given = self.first_seed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                match &*given {
                    Some(records) => seed::load(&mut fresh, records, now),
                    None => seed::load(&mut fresh, &seed::invented(&self.first), now),
                }
                self.limit.store(self.first.switches.concurrency, std::sync::atomic::Ordering::Relaxed);
                *self.held() = fresh;
                Ok(json!({ "reset": true }))
            }
            "switches" => {
                let mut merged = serde_json::to_value(&self.held().switches).map_err(|error| error.to_string())?;
                if let Value::Object(kept) = &mut merged {
                    kept.extend(fields);
                }
                let switches: Switches = serde_json::from_value(merged.clone()).map_err(|error| error.to_string())?;
                if !(200..=499).contains(&switches.control_failure_status) {
                    return Err("control_failure_status is 200, or a status of 4xx".to_owned());
                }
                self.set_switches(switches);
                Ok(merged)
            }
            "set-customer" => self.change(Kind::Customer, fields, now),
            "set-employee" => self.change(Kind::Employee, fields, now),
            "set-contact" => self.change(Kind::Contact, fields, now),
            "set-user" => self.change_user(fields, now),
            "delete-customer" => {
                let id = text(fields.get("CUSTOMERID").ok_or("CUSTOMERID is missing")?);
                let mut state = self.held();
                let number = state.table(Kind::Customer).named(&id).map(|row| row.number).ok_or(format!("there is no customer {id}"))?;
                let entry = AuditEntry { kind: Kind::Customer, number, mode: "Delete", user: "admin", source: "ui" };
                state.note(&entry, now);
                state.table_mut(Kind::Customer).put(number, None, None);
                Ok(json!({ "deleted": 1 }))
            }
            "empty-customers" => {
                let mut state = self.held();
                let count = state.table(Kind::Customer).len();
                state.table_mut(Kind::Customer).load(Vec::new());
                Ok(json!({ "deleted": count }))
            }
            "expire-sessions" => {
                let mut state = self.held();
                let count = state.sessions.len();
                state.sessions.clear();
                Ok(json!({ "expired": count }))
            }
            "sign-ins" => Ok(sign_ins(&self.held())),
            "meter" => Ok(meter(&self.held())),
            other => Err(format!("unknown control `{other}`; known are {CONTROLS}")),
        }
    }

    /// Changes a record as a person in the product would, with the product's checks; `CONTACTNAME` picks the person.
    fn change(&self, kind: Kind, fields: Map<String, Value>, now: i64) -> Result<Value, String> {
        let mut object = Element { name: kind.object().to_owned(), ..Element::default() };
        let group = match kind {
            Kind::Employee => "PERSONALINFO",
            _ => "CONTACTINFO",
        };
        for (name, value) in fields {
            let leaf = Element { name: name.to_ascii_uppercase(), text: text(&value), ..Element::default() };
            if leaf.name == "CONTACTNAME" && kind != Kind::Contact {
                object.children.push(Element { name: group.to_owned(), children: vec![leaf], ..Element::default() });
            } else {
                object.children.push(leaf);
            }
        }
        let mut state = self.held();
        let known: Vec<String> = object
            .children
            .iter()
            .filter(|child| child.children.is_empty() && state.table(kind).field(&child.name).is_none())
            .map(|child| child.name.clone())
            .collect();
        if !known.is_empty() {
            return Err(format!("{} has no field {}", kind.object(), known.join(", ")));
        }
        let user = state.options.user.clone();
        let number = state.table(Kind::User).named(&user).map_or(0, |row| row.number);
        let caller = Caller { user, number, entity: None, session: String::new(), endpoint: String::new(), now, expires: now };
        let fault = Fault::default();
        let mut journal = Journal::default();
        let mut context =
            Context { state: &mut state, caller: &caller, fault: &fault, journal: &mut journal, transaction: false, request: 0 };
        match edit(&mut context, kind, &object) {
            Ok(number) => Ok(json!({ "RECORDNO": number })),
            Err(complaints) => {
                context.undo_to(0);
                let sentences: Vec<String> = complaints
                    .iter()
                    .map(|complaint| format!("{} {}", complaint.number, complaint.description2).trim().to_owned())
                    .collect();
                Err(sentences.join("; "))
            }
        }
    }

    /// Changes a user's record and what the company keeps beside it: `password`, `permissions`, `formatting`.
    fn change_user(&self, mut fields: Map<String, Value>, now: i64) -> Result<Value, String> {
        let login = text(fields.get("LOGINID").ok_or("LOGINID is missing")?);
        let password = fields.remove("password");
        let permissions = fields.remove("permissions");
        let formatting = fields.remove("formatting");
        let contact = fields.remove("CONTACTNAME").map(|name| text(&name));
        let answer = self.change(Kind::User, fields, now)?;
        let mut state = self.held();
        if let Some(name) = contact {
            let number = state.table(Kind::Contact).named(&name).map(|row| row.number).ok_or(format!("there is no contact {name}"))?;
            let users = state.table(Kind::User);
            let key = users.own("CONTACTKEY");
            if let Some(row) = users.named(&login) {
                let mut row = Row::clone(row);
                row.set(key, &number.to_string());
                state.table_mut(Kind::User).put(row.number, Some(row.into()), None);
            }
        }
        let account = state.accounts.entry(login).or_default();
        if let Some(password) = password {
            account.password = password.as_str().map(Secret::new);
        }
        match permissions {
            None => {}
            Some(Value::Null) => account.permissions = None,
            Some(rights) => {
                account.permissions = Some(serde_json::from_value::<Permissions>(rights).map_err(|error| format!("permissions: {error}"))?);
            }
        }
        if let Some(formatting) = formatting {
            let or = |name: &str, kept: &str| formatting.get(name).map_or(kept.to_owned(), text);
            account.formatting.locale = or("locale", &account.formatting.locale);
            account.formatting.date_format = or("dateformat", &account.formatting.date_format);
            account.formatting.gmt_offset = or("gmtoffset", &account.formatting.gmt_offset);
            account.formatting.clock = or("clock", &account.formatting.clock.to_string()).parse().map_err(|_| "clock is 12 or 24")?;
        }
        Ok(answer)
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn sign_ins(state: &State) -> Value {
    let failed: Map<String, Value> = state
        .accounts
        .iter()
        .filter(|(_, account)| account.failed > 0)
        .map(|(login, account)| (login.clone(), account.failed.into()))
        .collect();
    json!({ "ok": state.meter.sign_ins, "failed": state.meter.failed_sign_ins, "failed_since_ok": failed, "sessions": state.sessions.len() })
}

fn meter(state: &State) -> Value {
    json!({
        "requests": state.meter.requests,
        "pages": state.meter.pages,
        "written": state.meter.written,
        "transactions": state.meter.pages + state.meter.written,
        "functions": state.meter.functions,
        "widest": state.meter.widest,
    })
}

/// The whole state, without secrets.
pub fn dump(state: &State) -> Value {
    json!({
        "company": state.options.company,
        "customers": rows(state, Kind::Customer, &["NAME", "CUSTREPID", "STATUS", "MEGAENTITYID"]),
        "employees": rows(state, Kind::Employee, &["STATUS", "TITLE"]),
        "users": rows(state, Kind::User, &["DESCRIPTION", "USERTYPE", "STATUS", "ADMIN", "LOGINDISABLED"]),
        "contacts": rows(state, Kind::Contact, &["FIRSTNAME", "LASTNAME", "EMAIL1", "STATUS"]),
        "counters": { "meter": meter(state), "sign_ins": sign_ins(state) },
    })
}

fn rows(state: &State, kind: Kind, fields: &[&'static str]) -> Vec<Value> {
    let table = state.table(kind);
    let contacts = state.table(Kind::Contact);
    let mut named: Vec<(String, Value)> = table
        .all()
        .into_iter()
        .map(|row| {
            let mut object = Map::new();
            let name = row.value(table.natural()).unwrap_or_default().to_owned();
            object.insert("RECORDNO".to_owned(), row.number.into());
            object.insert(kind.natural_key().to_owned(), name.clone().into());
            for field in fields {
                object.insert((*field).to_owned(), state.text(kind, row, table.own(field)).into_owned().into());
            }
            for (index, field) in table.fields.iter().enumerate().filter(|(_, field)| field.custom) {
                object.insert(field.id.to_string(), row.value(index).unwrap_or_default().into());
            }
            if matches!(kind, Kind::Employee | Kind::User) {
                let contact = state.linked(kind, row, "CONTACTKEY", Kind::Contact);
                let contact = contact.and_then(|contact| contact.value(contacts.natural())).unwrap_or_default();
                object.insert("CONTACTNAME".to_owned(), contact.into());
            }
            object.insert("WHENMODIFIED".to_owned(), iso(row.modified).into());
            object.insert("revision".to_owned(), row.revision.into());
            (name, Value::Object(object))
        })
        .collect();
    named.sort_by(|first, second| first.0.cmp(&second.0));
    named.into_iter().map(|(_, value)| value).collect()
}
