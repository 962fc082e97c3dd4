//! A vendor made up for these tests: a small connector over the core's client, its simulator, and ways in which the connector can be wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rightful_core::{
    Authorizer, Bearer, BodySession, Call, Changes, Client, Connector, Context, Cursor, Descriptor, Error, ErrorKind, FieldChange,
    FieldSpec, Finding, Key, KeySpec, Kind, KindSpec, Mark, Method, Outcome, Owner, Page, Person, Purpose, Record, Request, Response,
    Result, RoleSpec, Rows, Scan, Secret, Secrets, Session, SessionScheme, Setting, SettingType, Settings, Settle, State, Target, Url,
    Value, VendorId, Verb, Verdict, Write, async_trait, inspect_status,
};
use rightful_sim::{SimClock, SimRequest, SimResponse, Simulator};
use serde_json::{Value as Json, json};

pub const KEY: &str = "toy-key-42&x";

/// How the connector is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    None,
    LosesLastPage,
    MarksTheFuture,
    ClaimsNotDone,
    ClaimsAllDone,
    LogsTheKey,
    PrintsTheKey,
    ForgetsRefusals,
    CallsAllProtocol,
    InventsCompany,
    DeclaresGhost,
    /// Not wrong: signs in first and shares the session.
    SharesSession,
    /// Signs in for each call.
    SignsInEachTime,
    /// Not wrong: has no reads at all.
    CannotRead,
    /// Has no reads, and claims that everything it sends is done.
    CannotReadClaimsAllDone,
    /// Has no reads, and does not send removals.
    CannotReadKeepsAll,
    /// Has no reads, and would settle a lost answer by reading.
    CannotReadReadsBack,
}

impl Flaw {
    fn cannot_read(self) -> bool {
        matches!(self, Self::CannotRead | Self::CannotReadClaimsAllDone | Self::CannotReadKeepsAll | Self::CannotReadReadsBack)
    }
}

const BASE_URL: Setting = Setting {
    key: "base_url",
    takes: SettingType::Url,
    required: true,
    default: None,
    about: "the address",
    example: "https://api.toy.example/v1",
};
const COMPANY: Setting =
    Setting { key: "company", takes: SettingType::Text, required: true, default: None, about: "the company", example: "north" };
const API_KEY: Setting =
    Setting { key: "api_key", takes: SettingType::Secret, required: true, default: None, about: "the key", example: "made under Settings" };

macro_rules! descriptors {
    ($($name:ident = $flaw:ident),+ $(,)?) => {
        $(pub static $name: Descriptor = Descriptor {
            id: VendorId::fixed("toy"),
            name: "Toy",
            about: "A vendor made up for tests.",
            settings: &[BASE_URL, COMPANY, API_KEY],
            account: &["base_url", "company"],
            scope: &[],
            sign_in: "a key in a header",
            web_sign_in: None,
            kinds: || kinds(Flaw::$flaw),
            open_kinds: None,
            people_file: None,
            teams: None,
            connect: |settings, secrets, context| connect(settings, secrets, context, Flaw::$flaw),
        };)+
    };
}

descriptors!(
    TOY = None,
    LOSES_LAST_PAGE = LosesLastPage,
    MARKS_THE_FUTURE = MarksTheFuture,
    CLAIMS_NOT_DONE = ClaimsNotDone,
    CLAIMS_ALL_DONE = ClaimsAllDone,
    LOGS_THE_KEY = LogsTheKey,
    PRINTS_THE_KEY = PrintsTheKey,
    FORGETS_REFUSALS = ForgetsRefusals,
    CALLS_ALL_PROTOCOL = CallsAllProtocol,
    INVENTS_COMPANY = InventsCompany,
    DECLARES_GHOST = DeclaresGhost,
    SHARES_SESSION = SharesSession,
    SIGNS_IN_EACH_TIME = SignsInEachTime,
    CANNOT_READ = CannotRead,
    CANNOT_READ_CLAIMS_ALL_DONE = CannotReadClaimsAllDone,
    CANNOT_READ_KEEPS_ALL = CannotReadKeepsAll,
    CANNOT_READ_READS_BACK = CannotReadReadsBack,
);

fn kinds(flaw: Flaw) -> Vec<KindSpec> {
    let user = KindSpec {
        people: true,
        totals: true,
        keys: vec![KeySpec { name: "email".into(), unique: true, longest: None }],
        ..KindSpec::read_only("user".into())
    };
    let customer = KindSpec {
        verbs: vec![Verb::Update, Verb::Create],
        changes: Changes::Since,
        totals: true,
        readable_keys: vec!["code".into()],
        batch: 10,
        roles: vec![RoleSpec { role: "assigned".into(), many: true, people: "user".into(), key: "id".into(), writable: true }],
        keys: vec![KeySpec { name: "code".into(), unique: true, longest: Some(40) }],
        fields: vec![FieldSpec { name: "Region".into(), label: "Region".into(), writable: true, needed: false }],
        ..KindSpec::read_only("customer".into())
    };
    if flaw.cannot_read() {
        let settle = if flaw == Flaw::CannotReadReadsBack { Settle::ReadBack } else { Settle::Repeat };
        let verbs = vec![Verb::Upsert, Verb::Remove];
        return vec![KindSpec {
            unreadable: Some("the toy has no reads"),
            verbs,
            changes: Changes::None,
            totals: false,
            readable_keys: Vec::new(),
            settle,
            ..customer
        }];
    }
    let ghost = KindSpec::read_only("ghost".into());
    if flaw == Flaw::DeclaresGhost { vec![customer, user, ghost] } else { vec![customer, user] }
}

struct Toy {
    client: Client,
    base: Url,
    kinds: Vec<KindSpec>,
    flaw: Flaw,
    secrets: Secrets,
    context: Context,
}

impl std::fmt::Debug for Toy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = if self.flaw == Flaw::PrintsTheKey {
            self.secrets.get(&API_KEY).map(|key| key.expose().to_owned()).unwrap_or_default()
        } else {
            String::new()
        };
        f.debug_struct("Toy").field("base", &self.base.as_str()).field("key", &key).finish_non_exhaustive()
    }
}

fn connect(settings: &Settings, secrets: &Secrets, context: Context, flaw: Flaw) -> Result<Arc<dyn Connector>> {
    let text = settings.text(&BASE_URL)?;
    let base = Url::parse(&format!("{}/", text.trim_end_matches('/')))
        .map_err(|_| Error::new(ErrorKind::Config, format!("`base_url` cannot be `{text}`")).hint("give an absolute address"))?;
    if flaw != Flaw::InventsCompany {
        settings.text(&COMPANY)?;
    }
    let client = client(secrets, base.clone(), context.clone(), flaw)?;
    Ok(Arc::new(Toy { client, base, kinds: kinds(flaw), flaw, secrets: secrets.clone(), context }))
}

fn client(secrets: &Secrets, base: Url, context: Context, flaw: Flaw) -> Result<Client> {
    let inspect = if flaw == Flaw::CallsAllProtocol { all_protocol } else { inspect };
    let key = secrets.get(&API_KEY)?;
    let authorizer: Arc<dyn Authorizer> = match flaw {
        Flaw::SharesSession | Flaw::SignsInEachTime => Arc::new(BodySession::new(Sessions { key, base })),
        _ => Arc::new(Bearer::new(&key)?),
    };
    Ok(Client::new(context, authorizer, inspect))
}

/// Signs in with the key and uses the token it is given.
#[derive(Debug)]
struct Sessions {
    key: Secret,
    base: Url,
}

impl SessionScheme for Sessions {
    fn sign_in(&self) -> Result<Call> {
        let address = self.base.join("session").expect("the path is plain");
        Call::post("sign in", address).idempotent().json(&json!({ "key": self.key.expose() }))
    }

    fn read(&self, response: &Response, _: &Context) -> Result<Session> {
        inspect_status(response)?;
        let token = Secret::new(response.json::<Json>()?["token"].as_str().unwrap_or_default());
        Ok(Session { token, endpoint: None, expires: None, facts: Json::Null })
    }

    fn apply(&self, session: &Session, request: &mut Request) -> Result<()> {
        let bearer = format!("Bearer {}", session.token.expose());
        request.headers.insert(rightful_core::HeaderName::from_static("authorization"), bearer.parse().expect("a token is plain"));
        Ok(())
    }

    fn credentials(&self) -> u64 {
        rightful_core::fingerprint([self.key.expose()])
    }

    fn secrets(&self) -> Vec<Secret> {
        vec![self.key.clone()]
    }
}

fn inspect(response: &Response) -> Result<()> {
    inspect_status(response)?;
    response.json::<Json>().map(drop)
}

fn all_protocol(response: &Response) -> Result<()> {
    inspect_status(response).map_err(|_| Error::new(ErrorKind::Protocol, "something was wrong"))
}

impl Toy {
    fn address(&self, path: &str) -> Url {
        self.base.join(path).expect("the path is plain")
    }
}

#[async_trait]
impl Connector for Toy {
    fn kinds(&self) -> &[KindSpec] {
        &self.kinds
    }

    async fn preflight(&self, _purpose: &Purpose) -> Result<Vec<Finding>> {
        let call = Call::get("users", self.address("users")).query("page", 1);
        Ok(vec![match self.client.call(call).await {
            Ok(_) => Finding::pass("sign-in", "people can be read"),
            Err(error) => Finding::of(Verdict::Fail, "sign-in", error.to_string(), error.mend().unwrap_or("look at the key")),
        }])
    }

    async fn read(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        let vendor = VendorId::fixed("toy");
        let number: u64 = match from {
            Some(cursor) => cursor.check(&vendor, 1, scan)?.parse().map_err(|_| Error::new(ErrorKind::Restart, "no such page"))?,
            None => 1,
        };
        let mut call = Call::get("read", self.address(&format!("{}s", scan.kind))).query("page", number);
        call = match &scan.rows {
            Rows::All => call,
            Rows::Since(mark) => call.query("since", &mark.0),
            Rows::Ids(ids) => call.query("ids", ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(",")),
            Rows::Keys(name, values) => call.query(name.as_str(), values.join(",")),
        };
        if self.flaw == Flaw::LogsTheKey {
            tracing::trace!(key = %self.secrets.get(&API_KEY)?.expose(), "about to read");
        }
        let response = if matches!(self.flaw, Flaw::ForgetsRefusals | Flaw::SignsInEachTime) {
            let context = Context { slot: Arc::new(rightful_core::MemorySlot::default()), ..self.context.clone() };
            client(&self.secrets, self.base.clone(), context, self.flaw)?.call(call).await?
        } else {
            self.client.call(call).await?
        };
        let answer: Json = response.json()?;
        let pages = answer["pages"].as_u64().unwrap_or_default();
        let last = if self.flaw == Flaw::LosesLastPage && pages > 1 { pages - 1 } else { pages };
        let next = if number == 1 { (2..=last).map(|page| Cursor::new(&vendor, 1, scan, page.to_string())).collect() } else { Vec::new() };
        let rows = answer["rows"].as_array().cloned().unwrap_or_default();
        let mark = (number == 1 && scan.kind == "customer").then(|| {
            let now = answer["now"].as_i64().unwrap_or_default();
            Mark((if self.flaw == Flaw::MarksTheFuture { now + 1 } else { now }).to_string())
        });
        Ok(Page { items: rows.iter().map(|row| record(row, scan)).collect(), next, total: answer["total"].as_u64(), whole: None, mark })
    }

    async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for write in batch {
            outcomes.push(self.write_one(kind, write).await);
        }
        Ok(outcomes)
    }
}

impl Toy {
    async fn write_one(&self, kind: &Kind, write: &Write) -> Outcome {
        let mut body = json!({});
        if let Target::Id(id) | Target::Removed(id) = &write.target {
            body["id"] = json!(id);
        }
        for change in &write.owners {
            body["owners"] = json!(change.to);
        }
        for (field, change) in &write.values {
            body[field.as_str().to_lowercase()] = match change {
                FieldChange::Set(value) => json!(value.to_string()),
                FieldChange::Clear => Json::Null,
            };
        }
        let method = match &write.target {
            Target::New => Method::POST,
            Target::Id(_) => Method::PATCH,
            Target::Removed(id) if self.flaw == Flaw::CannotReadKeepsAll => return Outcome::Done { id: id.clone(), created: false },
            Target::Removed(_) => Method::DELETE,
        };
        let call = match Call::new("write", method, self.address(&format!("{kind}s"))).json(&body) {
            Ok(call) => call,
            Err(error) => return Outcome::NotDone(error),
        };
        match self.client.call(call).await {
            Ok(response) => {
                let id = response.json::<Json>().ok().and_then(|answer| answer["id"].as_str().map(str::to_owned)).unwrap_or_default();
                Outcome::Done { id: id.into(), created: write.target == Target::New }
            }
            Err(_) if matches!(self.flaw, Flaw::ClaimsAllDone | Flaw::CannotReadClaimsAllDone) => match &write.target {
                Target::Id(id) | Target::Removed(id) => Outcome::Done { id: id.clone(), created: false },
                Target::New => Outcome::Unchanged,
            },
            Err(error) if error.is_fate_unknown() && self.flaw != Flaw::ClaimsNotDone => Outcome::Unknown(error),
            Err(error) => Outcome::NotDone(error),
        }
    }
}

fn record(row: &Json, scan: &Scan) -> Record {
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let people = scan.kind == "user";
    Record {
        id: text("id").into(),
        keys: vec![if people { Key::new("email", text("email")) } else { Key::new("code", text("code")) }],
        name: text("name"),
        owners: if people {
            Vec::new()
        } else {
            vec![("assigned".into(), Owner::Known(serde_json::from_value(row["owners"].clone()).unwrap_or_default()))]
        },
        person: people.then(|| Person {
            emails: vec![text("email")],
            active: row["active"] == json!(true),
            service: false,
            same_as: Vec::new(),
        }),
        values: scan.fields.iter().map(|field| Value::text(text(&field.as_str().to_lowercase()))).collect(),
        changed_at: None,
        state: if row["active"] == json!(false) { State::Inactive } else { State::Active },
    }
}

/// The vendor: three people, seven customers, three rows a page.
pub struct ToyVendor(Mutex<BTreeMap<String, Vec<Json>>>, AtomicU64);

pub fn simulator() -> Arc<dyn Simulator> {
    let users = (1..=3).map(|id| json!({ "id": format!("u{id}"), "name": format!("User {id}"), "email": format!("user{id}@example.com"), "active": id != 3, "stamp": 0 }));
    let customers = (1..=7).map(|id| json!({ "id": format!("c{id}"), "name": format!("Customer {id}"), "code": format!("C-{id}"), "owners": ["u1"], "region": "North", "stamp": 0 }));
    Arc::new(ToyVendor(
        Mutex::new(BTreeMap::from([("users".to_owned(), users.collect()), ("customers".to_owned(), customers.collect())])),
        AtomicU64::new(0),
    ))
}

impl Simulator for ToyVendor {
    fn vendor(&self) -> &'static str {
        "toy"
    }

    fn answer(&self, request: &SimRequest, clock: &SimClock) -> SimResponse {
        if request.path == "/v1/session" {
            let sign_in = self.1.fetch_add(1, Ordering::SeqCst);
            let asked: Json = serde_json::from_slice(&request.body).unwrap_or_default();
            let token = json!({ "token": format!("toy-token-{sign_in}") });
            return if asked["key"] == KEY { SimResponse::json(200, &token) } else { SimResponse::json(401, &json!({})) };
        }
        let bearer = request.header("authorization").and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default();
        if bearer != KEY && !bearer.starts_with("toy-token-") {
            return SimResponse::json(401, &json!({ "message": "who are you?" }));
        }
        let mut tables = self.0.lock().unwrap();
        let Some(rows) = request.path.strip_prefix("/v1/").and_then(|name| tables.get_mut(name)) else {
            return SimResponse::json(404, &json!({ "message": "no such thing" }));
        };
        let now = clock.now().timestamp();
        match request.method.as_str() {
            "GET" => page(rows, request, now),
            "DELETE" => {
                let asked: Json = serde_json::from_slice(&request.body).unwrap_or_default();
                rows.retain(|row| row["id"] != asked["id"]);
                SimResponse::json(200, &json!({ "id": asked["id"] }))
            }
            "PATCH" | "POST" => {
                let Ok(Json::Object(body)) = serde_json::from_slice(&request.body) else {
                    return SimResponse::json(400, &json!({ "message": "no JSON" }));
                };
                if request.method == Method::POST {
                    let id = format!("c{}", rows.len() + 1);
                    rows.push(json!({ "id": id, "name": "New", "code": format!("C-{id}"), "owners": [], "region": "" }));
                }
                let last = rows.len() - 1;
                let at = if request.method == Method::POST {
                    Some(last)
                } else {
                    rows.iter().position(|row| Some(&row["id"]) == body.get("id"))
                };
                let Some(row) = at.map(|at| &mut rows[at]) else { return SimResponse::json(404, &json!({ "message": "no such row" })) };
                for (key, value) in body {
                    row[key] = value;
                }
                row["stamp"] = json!(now);
                SimResponse::json(200, &json!({ "id": row["id"] }))
            }
            _ => SimResponse::json(405, &json!({})),
        }
    }

    fn dump(&self) -> Json {
        json!({ "tables": *self.0.lock().unwrap(), "sign_ins": self.1.load(Ordering::SeqCst) })
    }

    fn control(&self, name: &str, _: Json, _: &SimClock) -> std::result::Result<Json, String> {
        Err(format!("unknown control `{name}`; there are none"))
    }

    fn faults(&self) -> &'static [(&'static str, &'static str)] {
        &[("backwards", "rows in reverse order")]
    }

    fn base_path(&self) -> &'static str {
        "/v1"
    }
}

fn page(rows: &[Json], request: &SimRequest, now: i64) -> SimResponse {
    let query: BTreeMap<String, String> = request.query_pairs().into_iter().collect();
    let listed = |key: &str, row: &Json| {
        query.get(key).is_none_or(|wanted| wanted.split(',').any(|one| row[if key == "ids" { "id" } else { key }] == json!(one)))
    };
    let since = query.get("since").and_then(|since| since.parse::<i64>().ok()).unwrap_or(i64::MIN);
    let mut found: Vec<&Json> =
        rows.iter().filter(|row| listed("ids", row) && listed("code", row) && row["stamp"].as_i64().unwrap_or(now) >= since).collect();
    if request.fault.as_deref() == Some("backwards") {
        found.reverse();
    }
    let number = query.get("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1);
    let rows: Vec<&Json> = found.iter().skip((number - 1) * 3).take(3).copied().collect();
    SimResponse::json(200, &json!({ "rows": rows, "pages": found.len().div_ceil(3), "total": found.len(), "now": now }))
}
