//! Salesforce's side: pages of pre-rendered accounts and users, found by id, by stamp or by account number, as JSON and as CSV.

#![allow(clippy::result_large_err, reason = "a refusal is an answer like any other")]

mod ask;
pub mod ids;
mod rows;

use std::sync::{PoisonError, RwLock};

use rightful_sim::{Bytes, HeaderName, HeaderValue, SimClock, SimRequest, SimResponse, Simulator};
use serde::Deserialize;
use serde_json::json;

use super::world::World;
use ask::Ask;
use ids::{ACCOUNT, JOB, USER};
use rows::{Form, Found, Rows, Selection};

const LOCATOR: HeaderName = HeaderName::from_static("sforce-locator");
const ROWS: HeaderName = HeaderName::from_static("sforce-numberofrecords");

/// Rows of a page where the caller does not say.
const PAGE: usize = 2_000;

/// The stand-in.
pub struct Salesforce(RwLock<State>);

struct State {
    rows: Rows,
    /// Queries that have further pages, and query jobs: what each found.
    found: Vec<(Selection, Found)>,
    patches: u64,
    patched: u64,
}

#[derive(Deserialize)]
struct Collection<'a> {
    #[serde(borrow)]
    records: Vec<Patch<'a>>,
}

#[derive(Deserialize)]
struct Patch<'a> {
    id: &'a str,
    #[serde(rename = "OwnerId")]
    owner: &'a str,
}

#[derive(Deserialize)]
struct NewJob {
    query: String,
}

fn refused(code: &str, message: String) -> SimResponse {
    SimResponse::json(400, &json!([{ "errorCode": code, "message": message }]))
}

/// A number in the query string.
fn number(request: &SimRequest, name: &str) -> Option<usize> {
    request.query_pairs().iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok())
}

/// The page size that a caller asks for.
fn batch_size(request: &SimRequest) -> usize {
    let options = request.header("sforce-query-options").and_then(|options| options.strip_prefix("batchSize="));
    options.and_then(|size| size.parse().ok()).unwrap_or(PAGE).clamp(200, PAGE)
}

impl Salesforce {
    /// Accounts whose owners are right from the start.
    pub fn new(world: World) -> Self {
        Self(RwLock::new(State { rows: Rows::new(world), found: Vec::new(), patches: 0, patched: 0 }))
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a query finds, with its rows rendered.
    fn find(&self, text: &str, form: Form) -> Result<(Ask, Selection, Found), SimResponse> {
        let ask = ask::parse(text).ok_or_else(|| refused("MALFORMED_QUERY", format!("unexpected query: {text}")))?;
        let selection = Selection { form, object: ask.object.clone(), fields: ask.fields.clone() };
        let found = self.read().rows.found(&ask).map_err(|what| refused("INVALID_FIELD", what))?;
        // One row of all answers for itself.
        if !ask.fields.is_empty() && ask.limit.is_none() && !self.read().rows.is_rendered(&selection) {
            self.write().rows.render(&selection);
        }
        Ok((ask, selection, found))
    }

    fn query(&self, request: &SimRequest) -> Result<SimResponse, SimResponse> {
        let pairs = request.query_pairs();
        let text = pairs.iter().find(|(key, _)| key == "q").map(|(_, text)| text.as_str()).unwrap_or_default();
        // Nobody is frozen here.
        if text.starts_with("SELECT UserId FROM UserLogin WHERE IsFrozen = true AND UserId IN (") {
            return Ok(SimResponse::json(200, &json!({ "totalSize": 0, "done": true, "records": [] })));
        }
        let (ask, selection, found) = self.find(text, Form::Json)?;
        if ask.fields.is_empty() {
            return Ok(SimResponse::json(200, &json!({ "totalSize": found.len(), "done": true, "records": [] })));
        }
        if ask.limit.is_some() {
            let body = match self.read().rows.first(&ask, &selection, &found) {
                Some(row) => format!("{{\"totalSize\":1,\"done\":true,\"records\":[{row}]}}"),
                None => "{\"totalSize\":0,\"done\":true,\"records\":[]}".to_owned(),
            };
            return Ok(SimResponse::new(200, "application/json", body));
        }
        let size = batch_size(request);
        let place = if found.len() > size {
            let mut state = self.write();
            state.found.push((selection.clone(), found.clone()));
            state.found.len()
        } else {
            0
        };
        Ok(self.page(&selection, &found, 0, size, place))
    }

    /// A further page: the locator says which query, and from which row on.
    fn more(&self, request: &SimRequest, locator: &str) -> Option<SimResponse> {
        let (place, offset) = locator.strip_prefix("0r8Qk")?.split_once('-')?;
        let (place, offset): (usize, usize) = (place.parse().ok()?, offset.parse().ok()?);
        let (selection, found) = self.read().found.get(place.checked_sub(1)?)?.clone();
        Some(self.page(&selection, &found, offset, batch_size(request), place))
    }

    fn page(&self, selection: &Selection, found: &Found, offset: usize, size: usize, place: usize) -> SimResponse {
        let end = found.len().min(offset + size);
        let mut body = format!("{{\"totalSize\":{},", found.len());
        if end < found.len() {
            body.push_str(&format!("\"done\":false,\"nextRecordsUrl\":\"/services/data/v62.0/query/0r8Qk{place:010}-{end}\","));
        } else {
            body.push_str("\"done\":true,");
        }
        body.push_str("\"records\":[");
        self.read().rows.write(selection, found, offset..end, ",", &mut body);
        body.push_str("]}");
        SimResponse::new(200, "application/json;charset=UTF-8", body)
    }

    fn new_job(&self, body: &Bytes) -> Result<SimResponse, SimResponse> {
        let job: NewJob = serde_json::from_slice(body).map_err(|error| refused("JSON_PARSER_ERROR", error.to_string()))?;
        let (_, selection, found) = self.find(&job.query, Form::Csv)?;
        let mut state = self.write();
        state.found.push((selection, found));
        let id = ids::id(JOB, state.found.len());
        Ok(SimResponse::json(200, &json!({ "id": id, "operation": "query", "state": "UploadComplete" })))
    }

    fn job_rows(&self, request: &SimRequest, id: &str) -> Option<SimResponse> {
        let (selection, found) = self.read().found.get(ids::number(id)?.checked_sub(1)?)?.clone();
        let offset = number(request, "locator").unwrap_or(0);
        let end = found.len().min(offset + number(request, "maxRecords").unwrap_or(PAGE));
        let mut body = rows::head(&selection.fields);
        self.read().rows.write(&selection, &found, offset..end, "\n", &mut body);
        body.push('\n');
        let locator = if end < found.len() { HeaderValue::from(end) } else { HeaderValue::from_static("null") };
        let rows = HeaderValue::from(end.saturating_sub(offset));
        Some(SimResponse::new(200, "text/csv", body).with_header(LOCATOR, locator).with_header(ROWS, rows))
    }

    fn patch(&self, body: &Bytes, clock: &SimClock) -> SimResponse {
        let Ok(collection) = serde_json::from_slice::<Collection<'_>>(body) else {
            return refused("JSON_PARSER_ERROR", "the body is no collection".to_owned());
        };
        if collection.records.len() > 200 {
            return refused("EXCEEDED_ID_LIMIT", "more than 200 records".to_owned());
        }
        let now = clock.now().timestamp();
        let mut state = self.write();
        state.patches += 1;
        let mut results = Vec::with_capacity(collection.records.len());
        for patch in &collection.records {
            let done = state.rows.give(patch.id, patch.owner, now);
            state.patched += u64::from(done);
            let errors =
                if done { json!([]) } else { json!([{ "statusCode": "INVALID_CROSS_REFERENCE_KEY", "message": "no such record" }]) };
            results.push(json!({ "id": patch.id, "success": done, "errors": errors }));
        }
        SimResponse::json(200, &results)
    }
}

/// What an object looks like: the fields our workflows and conditions name.
fn described(object: &str) -> serde_json::Value {
    let fields: Vec<serde_json::Value> = rows::fields(object)
        .iter()
        .map(|(name, kind)| json!({ "name": name, "type": kind, "updateable": *name == "OwnerId", "referenceTo": [] }))
        .collect();
    json!({ "name": object, "queryable": true, "updateable": true, "fields": fields })
}

impl Simulator for Salesforce {
    fn vendor(&self) -> &'static str {
        "salesforce"
    }

    fn base_path(&self) -> &'static str {
        ""
    }

    fn answer(&self, request: &SimRequest, clock: &SimClock) -> SimResponse {
        if request.path == "/services/oauth2/token" {
            let token =
                json!({ "access_token": "bench", "instance_url": request.origin, "token_type": "Bearer", "issued_at": "1795166102123" });
            return SimResponse::json(200, &token);
        }
        let nothing = || SimResponse::json(404, &json!([{ "errorCode": "NOT_FOUND", "message": "The requested resource does not exist" }]));
        let Some((_, path)) = request.path.strip_prefix("/services/data/v").and_then(|rest| rest.split_once('/')) else { return nothing() };
        let parts: Vec<&str> = path.split('/').collect();
        let either = |answer: Result<SimResponse, SimResponse>| answer.unwrap_or_else(|refusal| refusal);
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["query" | "queryAll"]) => either(self.query(request)),
            ("GET", ["query" | "queryAll", locator]) => {
                self.more(request, locator).unwrap_or_else(|| refused("INVALID_QUERY_LOCATOR", "invalid query locator".to_owned()))
            }
            ("GET", ["sobjects", object @ ("Account" | "User"), "describe"]) => SimResponse::json(200, &described(object)),
            ("POST", ["jobs", "query"]) => either(self.new_job(&request.body)),
            ("GET", ["jobs", "query", id]) => SimResponse::json(200, &json!({ "id": id, "operation": "query", "state": "JobComplete" })),
            ("GET", ["jobs", "query", id, "results"]) => self.job_rows(request, id).unwrap_or_else(nothing),
            ("PATCH", ["composite", "sobjects"]) => self.patch(&request.body, clock),
            _ => nothing(),
        }
    }

    fn dump(&self) -> serde_json::Value {
        let state = self.read();
        json!({
            "accounts": state.rows.len(ACCOUNT), "users": state.rows.len(USER), "patches": state.patches, "patched": state.patched,
            "right_before": state.rows.right(|_| false), "right_after_5_percent": state.rows.right(|number| number.is_multiple_of(20)),
        })
    }

    fn control(&self, name: &str, _body: serde_json::Value, _clock: &SimClock) -> Result<serde_json::Value, String> {
        Err(format!("unknown control `{name}`: there is none"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rightful_core::{Connector, Context, FieldName, Mark, Outcome, Owner, OwnerChange, Record, ReqwestTransport, Role, Rows, Scan};
    use rightful_core::{Secret, Secrets, Settings, Target, TransportOptions, Write};
    use serde_json::Value as Json;

    use super::*;
    use crate::vendors::start;

    const WORLD: World = World { customers: 2_345, codes: 20, users: 5 };

    async fn everything(connector: &dyn Connector, scan: &Scan) -> (Option<Mark>, Vec<Record>) {
        let mut page = connector.read(scan, None).await.unwrap();
        let (mark, mut records) = (page.mark.take(), page.items);
        let mut open = page.next;
        while let Some(cursor) = open.pop() {
            let page = connector.read(scan, Some(&cursor)).await.unwrap();
            records.extend(page.items);
            open.extend(page.next);
        }
        (mark, records)
    }

    #[tokio::test]
    async fn our_connector_reads_and_writes_it_by_pages_and_by_jobs() {
        let vendor = start("salesforce", WORLD, Duration::ZERO).await.unwrap();
        for bulk_from in [1_000_000, 1] {
            let network = ReqwestTransport::new(TransportOptions { allow_private: true, ..TransportOptions::default() }).unwrap();
            let settings = Settings::new([
                ("login_url", Json::from(vendor.origin())),
                ("client_id", Json::from("bench")),
                ("bulk_from", Json::from(bulk_from)),
                ("page_size", Json::from(500)),
            ]);
            let secrets = Secrets::new([("client_secret", Secret::new("bench"))]);
            let context = Context::new("crm", std::sync::Arc::new(network));
            let connector = (connector_salesforce::DESCRIPTOR.connect)(&settings, &secrets, context).unwrap();
            let (_, users) = everything(&*connector, &Scan::all("user")).await;
            assert_eq!(users.len(), WORLD.users);

            let all = Scan { fields: vec![FieldName::fixed("Type")], ..Scan::all("account") };
            let (mark, accounts) = everything(&*connector, &all).await;
            let ids: std::collections::BTreeSet<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
            assert_eq!((accounts.len(), ids.len()), (WORLD.customers, WORLD.customers), "bulk_from {bulk_from}");

            let owner = |record: &Record| match record.owner(&Role::fixed("owner")) {
                Owner::Known(people) => people.clone(),
                other => panic!("{other:?}"),
            };
            let given = &accounts[..3];
            let to = |from: &[String]| users.iter().map(|user| user.id.to_string()).find(|user| !from.contains(user)).unwrap();
            let writes: Vec<Write> = given
                .iter()
                .map(|account| Write {
                    key: account.id.to_string(),
                    target: Target::Id(account.id.clone()),
                    owners: vec![OwnerChange { role: Role::fixed("owner"), from: Some(owner(account)), to: vec![to(&owner(account))] }],
                    values: Vec::new(),
                })
                .collect();
            let outcomes = connector.write(&"account".into(), &writes).await.unwrap();
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Done { .. })), "{outcomes:?}");
            let since = Scan { rows: Rows::Since(mark.unwrap()), ..all };
            let (_, changed) = everything(&*connector, &since).await;
            for account in given {
                let now = changed.iter().find(|now| now.id == account.id).unwrap();
                assert_eq!(owner(now), [to(&owner(account))]);
            }
        }
        assert_eq!(vendor.dump()["patched"], 6);
    }
}
