//! Bulk API 2.0 queries: <https://developer.salesforce.com/docs/platform/api-asynch/guide/query-bulk-api-2-0.html>.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use rightful_sim::{HeaderName, HeaderValue, SimResponse};
use serde_json::{Value, json};

use super::answers::{Failure, empty, no_such_resource, wrong_method};
use super::ask::Ask;
use super::query;
use super::soql::{self, Column, Plan, stamp};
use super::state::State;
use super::switches::Fault;

const LOCATOR: HeaderName = HeaderName::from_static("sforce-locator");
const COUNT: HeaderName = HeaderName::from_static("sforce-numberofrecords");

/// Jobs that are kept.
const MOST_JOBS: usize = 500;
/// Result addresses in one answer.
const PARTS: usize = 5;

const DELIMITERS: &[(&str, char)] = &[("COMMA", ','), ("BACKQUOTE", '`'), ("CARET", '^'), ("PIPE", '|'), ("SEMICOLON", ';'), ("TAB", '\t')];

/// One query job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    operation: String,
    plan: Arc<Plan>,
    ids: Arc<Vec<String>>,
    state: &'static str,
    version: u32,
    delimiter: (&'static str, char),
    ending: (&'static str, &'static str),
    created: DateTime<Utc>,
    by: String,
    looks: u64,
}

/// Everything below `jobs`.
pub(super) fn answer(state: &mut State, ask: &Ask) -> Result<SimResponse, Failure> {
    let parts: Vec<&str> = ask.parts.iter().skip(1).map(String::as_str).collect();
    let rest = match parts.as_slice() {
        ["query", rest @ ..] => rest,
        ["ingest", ..] => {
            return Err(Failure::bad("FUNCTIONALITY_NOT_ENABLED", "Ingest jobs are not part of this stand-in"));
        }
        _ => return Ok(no_such_resource()),
    };
    let no_job = || Failure::new(404, "NOT_FOUND", "The requested resource does not exist");
    match (ask.method.as_str(), rest) {
        ("POST", []) => create(state, ask),
        ("GET", []) => {
            let all: Vec<Value> = state.jobs.iter().map(|(id, job)| info(state, id, job)).collect();
            Ok(SimResponse::json(200, &json!({"done": true, "nextRecordsUrl": null, "records": all})))
        }
        (verb, []) => Ok(wrong_method(verb, "GET,POST")),
        (verb, [id, what @ ..]) => {
            let id = super::ids::normalised(id).ok_or_else(no_job)?;
            if !state.jobs.contains_key(&id) {
                return Err(no_job());
            }
            match (verb, what) {
                ("GET", []) => Ok(look(state, ask, &id)),
                ("PATCH", []) => abort(state, ask, &id),
                ("DELETE", []) => delete(state, &id),
                ("GET", ["results"]) => results(state, ask, &id),
                ("GET", ["resultPages"]) => result_pages(state, ask, &id),
                _ => Ok(no_such_resource()),
            }
        }
    }
}

fn create(state: &mut State, ask: &Ask) -> Result<SimResponse, Failure> {
    let body = ask.object()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let one_of = |name: &str, known: &[&str], usual: usize| match text(name) {
        None => Ok(usual),
        Some(given) => {
            known.iter().position(|known| *known == given).ok_or_else(|| Failure::bad("INVALIDJOB", format!("{name} cannot be {given}")))
        }
    };
    let operation = text("operation").filter(|operation| matches!(*operation, "query" | "queryAll"));
    let operation = operation.ok_or_else(|| Failure::bad("INVALIDJOB", "operation must be query or queryAll"))?.to_owned();
    let query = text("query").ok_or_else(|| Failure::bad("INVALIDJOB", "query is missing"))?;
    one_of("contentType", &["CSV"], 0)?;
    let names: Vec<&str> = DELIMITERS.iter().map(|(name, _)| *name).collect();
    let delimiter = DELIMITERS[one_of("columnDelimiter", &names, 0)?];
    let ending = [("LF", "\n"), ("CRLF", "\r\n")][one_of("lineEnding", &["LF", "CRLF"], 0)?];
    let parsed = soql::parse(query).map_err(|refused| query::refusal(&refused, query))?;
    if let Some(refused) = soql::bulk_refusal(&parsed) {
        return Err(query::refusal(&refused, query));
    }
    let plan = query::planned(state, ask, query)?;
    let object = &state.schema.objects[plan.object].name;
    if matches!(object.as_str(), "UserLogin" | "QueueSobject") {
        return Err(Failure::bad("INVALIDENTITY", format!("Entity '{object}' is not supported by the Bulk API.")));
    }
    let ids = Arc::new(soql::matching(state.scope(operation == "queryAll", ask.now), &plan));
    let id = state.fresh_job_id();
    while state.jobs.len() >= MOST_JOBS {
        state.jobs.pop_first();
    }
    let job = Job {
        operation,
        plan: Arc::new(plan),
        ids,
        state: "UploadComplete",
        version: ask.version,
        delimiter,
        ending,
        created: ask.now,
        by: ask.user.clone(),
        looks: 0,
    };
    let mut answer = info(state, &id, &job);
    for later in ["numberRecordsProcessed", "retries", "totalProcessingTime", "isPkChunkingSupported"] {
        answer.as_object_mut().and_then(|members| members.remove(later));
    }
    state.jobs.insert(id, job);
    Ok(SimResponse::json(200, &answer))
}

fn info(state: &State, id: &str, job: &Job) -> Value {
    let processed = if job.state == "JobComplete" { job.ids.len() } else { 0 };
    json!({
        "id": id, "operation": job.operation, "object": state.schema.objects[job.plan.object].name, "createdById": job.by,
        "createdDate": stamp(job.created), "systemModstamp": stamp(job.created), "state": job.state, "concurrencyMode": "Parallel",
        "contentType": "CSV", "apiVersion": f64::from(job.version), "jobType": "V2Query", "lineEnding": job.ending.0,
        "columnDelimiter": job.delimiter.0, "numberRecordsProcessed": processed, "retries": 0, "totalProcessingTime": 10 * job.looks,
        "isPkChunkingSupported": true,
    })
}

/// Each look brings a waiting job on its way.
fn look(state: &mut State, ask: &Ask, id: &str) -> SimResponse {
    let enough = state.switches.bulk_looks;
    if let Some(job) = state.jobs.get_mut(id).filter(|job| matches!(job.state, "UploadComplete" | "InProgress")) {
        job.state = match (ask.fault, job.looks >= enough) {
            (Some(Fault::FailedJob), _) => "Failed",
            (_, true) => "JobComplete",
            (_, false) => "InProgress",
        };
        job.looks += 1;
    }
    let Some(job) = state.jobs.get(id) else { return no_such_resource() };
    let mut answer = info(state, id, job);
    if job.state == "Failed" {
        answer["errorMessage"] = "InternalServerError : the query could not be carried out".into();
    }
    SimResponse::json(200, &answer)
}

fn wrong_state(job: &Job, wanted: &str) -> Failure {
    Failure::bad("INVALIDJOBSTATE", format!("The job is {} and cannot be {wanted}", job.state))
}

fn abort(state: &mut State, ask: &Ask, id: &str) -> Result<SimResponse, Failure> {
    if ask.object()?.get("state").and_then(Value::as_str) != Some("Aborted") {
        return Err(Failure::bad("INVALIDJOBSTATE", "A query job can only become Aborted"));
    }
    if let Some(job) = state.jobs.get_mut(id) {
        if !matches!(job.state, "UploadComplete" | "InProgress") {
            return Err(wrong_state(job, "aborted"));
        }
        job.state = "Aborted";
    }
    Ok(state.jobs.get(id).map_or_else(no_such_resource, |job| SimResponse::json(200, &info(state, id, job))))
}

fn delete(state: &mut State, id: &str) -> Result<SimResponse, Failure> {
    if let Some(job) = state.jobs.get(id).filter(|job| matches!(job.state, "UploadComplete" | "InProgress")) {
        return Err(wrong_state(job, "deleted"));
    }
    state.jobs.remove(id);
    Ok(empty(204))
}

fn locator(offset: usize) -> String {
    STANDARD.encode(offset.to_string())
}

/// The row a locator begins at.
fn offset(locator: Option<&str>, rows: usize) -> Result<usize, Failure> {
    let Some(text) = locator.filter(|text| !text.is_empty()) else { return Ok(0) };
    let number = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    number.filter(|offset| *offset < rows).ok_or_else(|| Failure::bad("INVALID_QUERY_LOCATOR", "invalid query locator"))
}

fn finished_job<'a>(state: &'a State, ask: &Ask, id: &str) -> Result<&'a Job, Failure> {
    let job = state.jobs.get(id).ok_or_else(|| Failure::new(404, "NOT_FOUND", "The requested resource does not exist"))?;
    if job.state != "JobComplete" {
        return Err(wrong_state(job, "read"));
    }
    if job.version != ask.version {
        return Err(Failure::new(409, "API_VERSION_MISMATCH", "The results must be fetched with the version the job was created with"));
    }
    Ok(job)
}

fn page_size(state: &State, ask: &Ask) -> Result<usize, Failure> {
    match ask.parameter("maxRecords") {
        None => Ok(state.switches.bulk_page.max(1)),
        Some(text) => {
            text.parse().ok().filter(|most| *most > 0).ok_or_else(|| Failure::bad("INVALID_INPUT", "maxRecords must be a whole number"))
        }
    }
}

fn results(state: &State, ask: &Ask, id: &str) -> Result<SimResponse, Failure> {
    let job = finished_job(state, ask, id)?;
    let from = offset(ask.parameter("locator"), job.ids.len())?;
    let end = job.ids.len().min(from.saturating_add(page_size(state, ask)?));
    let routes: Vec<_> =
        job.plan.columns.iter().filter_map(|column| if let Column::Value(route) = column { Some(route) } else { None }).collect();
    let scope = state.scope(true, ask.now);
    let mut text = String::new();
    let mut line = |values: &mut dyn Iterator<Item = String>| {
        for (place, value) in values.enumerate() {
            if place > 0 {
                text.push(job.delimiter.1);
            }
            text.push('"');
            text.push_str(&value.replace('"', "\"\""));
            text.push('"');
        }
        text.push_str(job.ending.1);
    };
    line(&mut routes.iter().map(|route| route.spelled()));
    for (place, id) in job.ids[from..end].iter().enumerate() {
        let Some(row) = state.tables[job.plan.object].row(id).and_then(|row| row.at(ask.now)) else { continue };
        let nul = ask.fault == Some(Fault::NulInCsv) && place == 0;
        line(&mut routes.iter().map(|route| {
            let value = match scope.value(job.plan.object, row, route) {
                Value::Null => String::new(),
                Value::String(text) => text,
                other => other.to_string(),
            };
            if nul && route.kind.is_text() && !value.is_empty() { format!("{value}\0") } else { value }
        }));
    }
    let mut answer = SimResponse::new(200, "text/csv", text);
    let next = if end < job.ids.len() { locator(end) } else { "null".to_owned() };
    if ask.fault != Some(Fault::MissingLocator)
        && let Ok(next) = HeaderValue::try_from(next)
    {
        answer = answer.with_header(LOCATOR, next);
    }
    Ok(answer.with_header(COUNT, HeaderValue::from(end - from)))
}

/// Addresses of up to five parts, to be read side by side.
fn result_pages(state: &State, ask: &Ask, id: &str) -> Result<SimResponse, Failure> {
    let job = finished_job(state, ask, id)?;
    let page = page_size(state, ask)?;
    let from = offset(ask.parameter("locator"), job.ids.len())?;
    let starts: Vec<usize> = (from..job.ids.len().max(1)).step_by(page).collect();
    let most = ask.parameter("maxRecords").map(|most| format!("&maxRecords={most}")).unwrap_or_default();
    let address = |what: &str, start: usize| {
        let encoded: String = url::form_urlencoded::byte_serialize(locator(start).as_bytes()).collect();
        let base = format!("{}/jobs/query/{id}/{what}", ask.base());
        if start == 0 {
            format!("{base}?{}", most.trim_start_matches('&')).trim_end_matches('?').to_owned()
        } else {
            format!("{base}?locator={encoded}{most}")
        }
    };
    let shown: Vec<Value> = starts.iter().take(PARTS).map(|start| json!({"resultUrl": address("results", *start)})).collect();
    let next = starts.get(PARTS).map(|start| address("resultPages", *start));
    Ok(SimResponse::json(200, &json!({"resultPages": shown, "nextRecordsUrl": next, "done": next.is_none()})))
}
