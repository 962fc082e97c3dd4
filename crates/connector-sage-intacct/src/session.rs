//! Signing in: one session for everybody, at an address that passed the host rule.

use std::borrow::Cow;

use rightful_core::{
    Call, Context, Error, ErrorKind, HostRule, Instant, Request, Response, Result, Secret, Session, SessionScheme, Url, fingerprint,
};

use crate::inspect::{self, succeeded};
use crate::wire::{self, Counts, Function, ResultHead};
use crate::xml::{self, Sink, Writer};

/// The operation's name, and the function's control id.
const SIGN_IN: &str = "sign-in";

/// Where a session stands in the company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// At the top: shared records, and private ones where asked for.
    Top,
    /// In the entity with this LOCATIONID.
    Entity(String),
}

impl Level {
    /// The LOCATIONID; empty at the top.
    pub fn location(&self) -> &str {
        match self {
            Self::Top => "",
            Self::Entity(location) => location,
        }
    }
}

/// How this company is signed in to.
#[derive(Debug)]
pub struct Gateway {
    pub base: Url,
    pub sender_id: String,
    pub sender_password: Secret,
    pub company_id: String,
    pub user_id: String,
    pub user_password: Secret,
    pub level: Level,
}

impl Gateway {
    /// IN-10: the vendor's own hosts below `intacct.com`, or the very origin that was configured.
    fn rule(&self) -> HostRule {
        HostRule { suffixes: &[".intacct.com"], configured: self.base.clone() }
    }

    /// The request with the sender's password and how it is authenticated.
    fn signed(&self, request: &str, authentication: &str) -> Result<String> {
        let mut password = Writer::default();
        password.leaf("password", self.sender_password.expose());
        let password = password.finish()?;
        let misplaced = || {
            Error::new(ErrorKind::Protocol, "the request has no place for its sign-in").hint("report it: this is a fault of the connector")
        };
        let (head, rest) = request.split_once(wire::PASSWORD).ok_or_else(misplaced)?;
        let (middle, tail) = rest.split_once(wire::SESSION).ok_or_else(misplaced)?;
        Ok([head, &password, middle, authentication, tail].concat())
    }
}

impl SessionScheme for Gateway {
    fn sign_in(&self) -> Result<Call> {
        let mut login = Writer::default();
        login.open("login").leaf("userid", &self.user_id).leaf("companyid", &self.company_id).leaf("password", self.user_password.expose());
        if let Level::Entity(location) = &self.level {
            login.leaf("locationid", location);
        }
        login.close("login");
        // It has to be the only function of its request. IN-11: it may run any number of times.
        let functions = [Function::new(SIGN_IN, "<getAPISession/>".to_owned())];
        let request = wire::request(&self.sender_id, false, wire::SESSION, &functions)?;
        let body = self.signed(&request, &login.finish()?)?;
        Ok(Call::post(SIGN_IN, self.base.clone()).body("application/xml", body).body_cap(1024 * 1024).idempotent())
    }

    fn read(&self, response: &Response, _context: &Context) -> Result<Session> {
        inspect::inspect(response)?;
        let mut api = Api::default();
        let envelope = xml::whole(response.text()?, &mut api)?;
        let [result] = envelope.results_of(&[SIGN_IN])?[..] else { return Err(incomplete("no result")) };
        if !succeeded(&result.status) {
            return Err(inspect::result_error(result));
        }
        if api.session.is_empty() {
            return Err(incomplete("no session id"));
        }
        let endpoint = self.rule().check(api.endpoint.trim())?;
        let location = api.location.trim();
        if location != self.level.location() {
            let stands = if location.is_empty() { "at the top level".to_owned() } else { format!("in entity `{location}`") };
            return Err(Error::new(ErrorKind::Config, format!("the session stands {stands}, not where `entity` says"))
                .hint("set `entity` to `top` or to the LOCATIONID of an entity that the user may enter"));
        }
        Ok(Session {
            token: Secret::new(api.session),
            endpoint: Some(endpoint),
            expires: envelope.session_ends,
            facts: serde_json::json!({ "location": location }),
        })
    }

    fn apply(&self, session: &Session, request: &mut Request) -> Result<()> {
        let text = std::str::from_utf8(&request.body)
            .map_err(|error| Error::new(ErrorKind::Protocol, "the request is not UTF-8").source(error))?;
        let mut authentication = Writer::default();
        authentication.leaf("sessionid", session.token.expose());
        request.body = self.signed(text, &authentication.finish()?)?.into();
        if let Some(endpoint) = &session.endpoint {
            request.url = endpoint.clone();
        }
        Ok(())
    }

    /// IN-9: each authenticated answer moves the session's end.
    fn deadline(&self, response: &Response, _context: &Context) -> Option<Instant> {
        xml::head(response).ok()?.session_ends
    }

    fn credentials(&self) -> u64 {
        fingerprint([
            self.sender_id.as_str(),
            self.sender_password.expose(),
            &self.company_id,
            &self.user_id,
            self.user_password.expose(),
            self.level.location(),
        ])
    }

    fn secrets(&self) -> Vec<Secret> {
        vec![self.sender_password.clone(), self.user_password.clone()]
    }
}

fn incomplete(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("the sign-in was answered with {what}")).hint("run it again; if it stays, report it")
}

/// `data/api` of a sign-in.
#[derive(Default)]
struct Api {
    session: String,
    endpoint: String,
    location: String,
}

impl<'a> Sink<'a> for Api {
    fn data(&mut self, _: &ResultHead, _: Counts) -> Result<()> {
        Ok(())
    }

    fn field(&mut self, name: &str, text: Cow<'a, str>) -> Result<()> {
        match name {
            "sessionid" => self.session = text.into_owned(),
            "endpoint" => self.endpoint = text.into_owned(),
            "locationid" => self.location = text.into_owned(),
            _ => {}
        }
        Ok(())
    }

    fn record(&mut self, _: &str) -> Result<()> {
        Ok(())
    }
}
