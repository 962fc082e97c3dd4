//! A connector whose network is a script, on a clock that stands still.

use std::sync::Arc;

use connector_salesforce::{DESCRIPTOR, SalesforceConnector};
use rightful_core::{
    Connector, Context, Guarded, HeaderName, HeaderValue, ManualClock, MemorySlot, Page, Permits, Randomness, Record, Response, Result,
    Scan, ScriptedTransport, Secret, Secrets, SendError, Settings, Slot, StatusCode, Url,
};
use serde_json::{Value as Json, json};

/// No jitter: a wait between attempts is none.
#[derive(Debug)]
pub struct Calm;

impl Randomness for Calm {
    fn next(&self) -> u64 {
        0
    }
}

pub type Answer = Result<Response, SendError>;

pub struct Desk {
    pub transport: Arc<ScriptedTransport>,
    pub clock: ManualClock,
    pub connector: Guarded,
}

pub const INSTANCE: &str = "https://acme.my.salesforce.com";

/// One request as it was sent: method, host, path, and the query or body.
#[derive(Clone, Debug)]
pub struct Sent {
    pub method: String,
    pub host: String,
    pub path: String,
    pub query: String,
    pub body: String,
    pub authorization: Option<String>,
    pub auto_assign: Option<String>,
    pub batch_size: Option<String>,
}

impl Sent {
    pub fn of(request: &rightful_core::Request) -> Self {
        let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        Self {
            method: request.method.to_string(),
            host: request.url.origin().ascii_serialization(),
            path: request.url.path().to_owned(),
            query: request.url.query().unwrap_or_default().to_owned(),
            body: String::from_utf8(request.body.to_vec()).unwrap(),
            authorization: header("authorization"),
            auto_assign: header("sforce-auto-assign"),
            batch_size: header("sforce-query-options"),
        }
    }

    /// The SOQL of a query.
    pub fn soql(&self) -> String {
        let url = Url::parse(&format!("http://x/?{}", self.query)).unwrap();
        url.query_pairs().find(|(name, _)| name == "q").map(|(_, text)| text.into_owned()).unwrap_or_default()
    }
}

pub fn settings(more: &[(&str, Json)]) -> Settings {
    let mut settings = Settings::new([("login_url", Json::from(INSTANCE)), ("client_id", Json::from("3MVG9.consumer"))]);
    for (key, value) in more {
        settings.set(*key, value.clone());
    }
    settings
}

pub fn secrets(more: &[(&str, &str)]) -> Secrets {
    let mut secrets = Secrets::new([("client_secret", Secret::new("hidden-client-secret"))]);
    for (key, value) in more {
        secrets.set(*key, Secret::new(*value));
    }
    secrets
}

impl Desk {
    /// Client credentials; the script begins after the sign-in.
    pub fn new(script: impl IntoIterator<Item = Answer>) -> Self {
        Self::with(&[], script)
    }

    pub fn with(more: &[(&str, Json)], script: impl IntoIterator<Item = Answer>) -> Self {
        let script = std::iter::once(token("access-1", INSTANCE)).chain(script);
        Self::raw(&settings(more), &secrets(&[]), Arc::new(MemorySlot::default()), script)
    }

    pub fn raw(settings: &Settings, secrets: &Secrets, slot: Arc<dyn Slot>, script: impl IntoIterator<Item = Answer>) -> Self {
        let transport = Arc::new(ScriptedTransport::new(script));
        let clock = ManualClock::at("2026-11-27T09:00:00Z".parse().unwrap());
        let mut context = Context::new("crm", transport.clone());
        context.clock = Arc::new(clock.clone());
        context.permits = Arc::new(Permits::new(context.clock.clone()));
        context.randomness = Arc::new(Calm);
        context.slot = slot;
        let connector = SalesforceConnector::connect(settings, secrets, context).unwrap();
        Self { transport, clock, connector: Guarded::new(Arc::new(connector)) }
    }

    /// Every request after the first sign-in.
    pub fn sent(&self) -> Vec<Sent> {
        self.all().into_iter().skip(1).collect()
    }

    pub fn all(&self) -> Vec<Sent> {
        self.transport.requests().iter().map(Sent::of).collect()
    }

    pub fn queries(&self) -> Vec<String> {
        self.sent().iter().map(Sent::soql).collect()
    }

    pub async fn page(&self, scan: &Scan, from: Option<&rightful_core::Cursor>) -> Result<Page> {
        self.connector.read(scan, from).await
    }

    /// A whole scan, cursors one after the other.
    pub async fn whole(&self, scan: &Scan) -> Result<(Page, Vec<Record>)> {
        let mut first = self.page(scan, None).await?;
        let mut records = std::mem::take(&mut first.items);
        let mut open: std::collections::VecDeque<_> = first.next.iter().cloned().collect();
        while let Some(cursor) = open.pop_front() {
            let page = self.page(scan, Some(&cursor)).await?;
            records.extend(page.items);
            open.extend(page.next);
        }
        Ok((first, records))
    }

    /// Nothing of the script is left, and nothing more was asked for than it holds.
    pub fn finished(&self) {
        assert_eq!(self.transport.left(), 0, "answers were not asked for; sent: {:#?}", self.sent());
    }
}

pub fn answer(status: u16, body: &Json) -> Answer {
    Ok(Response::new(StatusCode::from_u16(status).unwrap(), body.to_string())
        .with_header(HeaderName::from_static("content-type"), HeaderValue::from_static("application/json;charset=UTF-8")))
}

pub fn token(access: &str, instance: &str) -> Answer {
    answer(
        200,
        &json!({ "access_token": access, "instance_url": instance, "issued_at": "1795166102123", "token_type": "Bearer",
                 "id": "https://login.salesforce.com/id/00DQk0000012345MAA/005Qk000003mNoPIAU" }),
    )
}

pub fn refused(status: u16, code: &str, message: &str) -> Answer {
    answer(status, &json!([{ "message": message, "errorCode": code }]))
}

/// One whole result.
pub fn rows(rows: Vec<Json>) -> Answer {
    answer(200, &json!({ "totalSize": rows.len(), "done": true, "records": rows }))
}

/// One page of a larger result.
pub fn page(total: usize, next: &str, rows: Vec<Json>) -> Answer {
    answer(
        200,
        &json!({ "totalSize": total, "done": false, "nextRecordsUrl": format!("/services/data/v62.0/query/{next}"), "records": rows }),
    )
}

pub fn count(number: u64) -> Answer {
    answer(200, &json!({ "totalSize": number, "done": true, "records": [] }))
}

pub fn newest(stamp: &str) -> Answer {
    rows(vec![json!({ "attributes": { "type": "Account" }, "SystemModstamp": stamp })])
}

pub fn lost() -> Answer {
    Err(SendError { may_have_acted: true, error: rightful_core::Error::new(rightful_core::ErrorKind::Unavailable, "no answer in time") })
}

pub const STAMP: &str = "2026-11-20T09:15:02.000+0000";

pub fn account(number: u32, owner: &str) -> Json {
    json!({ "attributes": { "type": "Account" }, "Id": account_id(number), "Name": format!("Account {number}"), "OwnerId": owner,
            "AccountNumber": format!("C-{number}"), "SystemModstamp": STAMP })
}

/// An id in the form of 15 characters.
pub fn account_id(number: u32) -> String {
    format!("001Qk0000{number:06}")
}

/// The same in the form of 18: digits only in the counting part.
pub fn full(id: &str) -> String {
    let check = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345".as_bytes();
    let five = |group: &[u8]| group.iter().enumerate().map(|(at, byte)| usize::from(byte.is_ascii_uppercase()) << at).sum::<usize>();
    let suffix: String = id.as_bytes().chunks(5).map(|group| char::from(check[five(group)])).collect();
    format!("{id}{suffix}")
}

pub const OWNER_ONE: &str = "005Qk000003mNoPIAU";
pub const OWNER_TWO: &str = "005Qk000000000BIAQ";

pub fn user(id: &str, active: bool) -> Json {
    json!({ "Id": id, "Name": "User One", "Username": "user1@acme.example", "Email": "User1@Example.com", "IsActive": active, "SystemModstamp": STAMP })
}

pub fn declared() -> Vec<String> {
    (DESCRIPTOR.kinds)().into_iter().map(|spec| spec.kind.to_string()).collect()
}
