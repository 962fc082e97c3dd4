//! Queries and their pages: <https://developer.salesforce.com/docs/platform/api-rest/guide/resources-query.html>.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use rightful_sim::SimResponse;
use serde_json::{Map, Value, json};

use super::answers::Failure;
use super::ask::Ask;
use super::schema::{Field, Kind, Object};
use super::soql::{self, Binder, Column, Plan, Refused, Route, Scope};
use super::state::State;
use super::switches::Fault;
use super::table::Row;

/// How long a locator lives.
const LIFE: Duration = Duration::days(2);
/// The vendor keeps any number of locators; we keep the newest.
const MOST_CURSORS: usize = 2_000;
/// Groups are never paged.
const MOST_GROUPS: usize = 2_000;
const LEAST_PAGE: usize = 200;

/// The rest of a query, bound to the session that asked.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    session: String,
    plan: Arc<Plan>,
    ids: Arc<Vec<String>>,
    page: usize,
    issued: DateTime<Utc>,
}

/// The refusal of a query text.
pub(super) fn refusal(refused: &Refused, text: &str) -> Failure {
    Failure::bad(refused.code, refused.told(text))
}

/// A query whose names all exist for the caller.
pub(super) fn planned(state: &State, ask: &Ask, query: &str) -> Result<Plan, Failure> {
    let parsed = soql::parse(query).map_err(|refused| refusal(&refused, query))?;
    let absent = |object: &Object| state.is_absent(object);
    let hidden = |object: &Object, field: &Field| state.is_hidden(object, field);
    let binder = Binder {
        schema: &state.schema,
        now: ask.now,
        caller: &ask.user,
        absent: &absent,
        hidden: &hidden,
        wide_names: state.switches.wide_owner_names,
    };
    binder.plan(&parsed).map_err(|refused| refusal(&refused, query))
}

/// `query` and `queryAll`, with their further pages.
pub(super) fn answer(state: &mut State, ask: &Ask) -> Result<SimResponse, Failure> {
    let deleted = ask.parts.first().is_some_and(|part| part.eq_ignore_ascii_case("queryAll"));
    if ask.fault == Some(Fault::QueryTimeout) {
        return Err(Failure::bad("QUERY_TIMEOUT", "Your query request was running for too long."));
    }
    if let Some(locator) = ask.parts.get(1) {
        return further(state, ask, locator);
    }
    if let Some(query) = ask.parameter("explain") {
        return explain(state, ask, query);
    }
    let query = ask.parameter("q").ok_or_else(|| Failure::bad("MALFORMED_QUERY", "A query string has to be specified"))?;
    let plan = planned(state, ask, query)?;
    if ask.parameter("columns") == Some("true") {
        return Ok(SimResponse::json(200, &columns(state, &plan)));
    }
    let scope = state.scope(deleted, ask.now);
    if plan.grouping.is_some() {
        let lines = soql::aggregate_rows(scope, &plan);
        if lines.len() > MOST_GROUPS {
            let message = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch";
            return Err(Failure::bad("EXCEEDED_ID_LIMIT", message));
        }
        return Ok(finished(ask, json!({"totalSize": lines.len(), "done": true, "records": lines})));
    }
    let ids = soql::matching(scope, &plan);
    if plan.count_only {
        return Ok(finished(ask, json!({"totalSize": ids.len(), "done": true, "records": []})));
    }
    let page = page_size(state, ask);
    Ok(finished(ask, pages(state, ask, &Arc::new(plan), &Arc::new(ids), 0, page, None)))
}

/// A fault may leave `done` out of a last page.
fn finished(ask: &Ask, mut answer: Value) -> SimResponse {
    if ask.fault == Some(Fault::MissingDone)
        && answer["done"] == true
        && let Some(members) = answer.as_object_mut()
    {
        members.remove("done");
    }
    SimResponse::json(200, &answer)
}

fn page_size(state: &State, ask: &Ask) -> usize {
    let most = state.switches.page_size.max(1);
    let page = ask.batch_size.map_or(most, |asked| asked.clamp(LEAST_PAGE, 2_000).min(most));
    if ask.fault == Some(Fault::SmallPages) { (page / 10).max(1) } else { page }
}

/// The last part of the address says which cursor, and from which row.
fn further(state: &mut State, ask: &Ask, locator: &str) -> Result<SimResponse, Failure> {
    let unknown = || Failure::bad("INVALID_QUERY_LOCATOR", "invalid query locator");
    if ask.fault == Some(Fault::DeadLocator) {
        return Err(unknown());
    }
    let (id, offset) = locator.split_once('-').ok_or_else(unknown)?;
    let offset: usize = offset.parse().map_err(|_| unknown())?;
    let cursor = state.cursors.get(id).filter(|cursor| ask.now - cursor.issued < LIFE).cloned().ok_or_else(unknown)?;
    if cursor.session != ask.session {
        // It belongs to a session that has ended, or to another one.
        return Err(if state.sessions.contains_key(&cursor.session) {
            unknown()
        } else {
            Failure::new(401, "INVALID_SESSION_ID", "Session expired or invalid")
        });
    }
    if offset > cursor.ids.len() {
        return Err(unknown());
    }
    let page = if ask.fault == Some(Fault::SmallPages) { (cursor.page / 10).max(1) } else { cursor.page };
    Ok(finished(ask, pages(state, ask, &cursor.plan, &cursor.ids, offset, page, Some(id))))
}

/// One page of rows, with the address of the next one.
fn pages(state: &mut State, ask: &Ask, plan: &Arc<Plan>, ids: &Arc<Vec<String>>, offset: usize, page: usize, known: Option<&str>) -> Value {
    let end = ids.len().min(offset.saturating_add(page));
    let mut nested = Vec::new();
    let records = render(state, ask, plan, &ids[offset..end], page, &mut nested);
    for (id, plan, ids) in nested {
        keep_cursor(state, ask, id, &plan, &ids, page);
    }
    let mut answer = json!({"totalSize": ids.len(), "done": end == ids.len(), "records": records});
    if end < ids.len() {
        let id = known.map_or_else(|| state.fresh_cursor_id(), str::to_owned);
        answer["nextRecordsUrl"] = next_url(ask, &id, end);
        if known.is_none() {
            keep_cursor(state, ask, id, plan, ids, page);
        }
    }
    answer
}

fn next_url(ask: &Ask, id: &str, offset: usize) -> Value {
    format!("{}/query/{id}-{offset}", ask.base()).into()
}

fn keep_cursor(state: &mut State, ask: &Ask, id: String, plan: &Arc<Plan>, ids: &Arc<Vec<String>>, page: usize) {
    state.cursors.retain(|_, cursor| ask.now - cursor.issued < LIFE);
    while state.cursors.len() >= MOST_CURSORS {
        state.cursors.pop_first();
    }
    let cursor = Cursor { session: ask.session.clone(), plan: plan.clone(), ids: ids.clone(), page, issued: ask.now };
    state.cursors.insert(id, cursor);
}

type Nested = (String, Arc<Plan>, Arc<Vec<String>>);

/// The rows of these ids as the plan shows them. Child rows beyond a page get a cursor of their own.
fn render(state: &mut State, ask: &Ask, plan: &Plan, ids: &[String], page: usize, nested: &mut Vec<Nested>) -> Vec<Value> {
    let mut children: HashMap<usize, HashMap<String, Vec<String>>> = HashMap::new();
    for (place, column) in plan.columns.iter().enumerate() {
        if let Column::Children(_, link, child) = column {
            children.insert(place, soql::children_by_parent(state.scope(false, ask.now), child, *link));
        }
    }
    let mut records = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(row) = state.tables[plan.object].row(id).and_then(|row| row.at(ask.now)).cloned() else { continue };
        let mut members = shown(state, ask, plan, &row);
        for (place, column) in plan.columns.iter().enumerate() {
            let Column::Children(name, _, child) = column else { continue };
            let Some(found) = children.get(&place).and_then(|by_parent| by_parent.get(id)) else {
                members.insert(name.clone(), Value::Null);
                continue;
            };
            let shown = found.len().min(page);
            let rows = render(state, ask, child, &found[..shown], page, nested);
            let mut answer = json!({"totalSize": found.len(), "done": shown == found.len(), "records": rows});
            if shown < found.len() {
                let cursor = state.fresh_cursor_id();
                answer["nextRecordsUrl"] = next_url(ask, &cursor, shown);
                nested.push((cursor, Arc::new((**child).clone()), Arc::new(found.clone())));
            }
            members.insert(name.clone(), answer);
        }
        records.push(Value::Object(members));
    }
    records
}

fn attributes(ask: &Ask, object: &Object, id: &str) -> Value {
    json!({"type": object.name, "url": ask.url_of(&object.name, id)})
}

fn shown(state: &State, ask: &Ask, plan: &Plan, row: &Row) -> Map<String, Value> {
    let scope = state.scope(true, ask.now);
    let mut members = Map::new();
    members.insert("attributes".into(), attributes(ask, &state.schema.objects[plan.object], row.id()));
    for column in &plan.columns {
        if let Column::Value(route) = column {
            place(&mut members, scope, ask, (plan.object, row), route, 0);
        }
    }
    members
}

/// Puts the value at a route's end below the objects that the route's first steps lead to.
fn place(here: &mut Map<String, Value>, scope: Scope<'_>, ask: &Ask, start: (usize, &Row), route: &Route, depth: usize) {
    let (object, row) = start;
    let Some(step) = route.steps.get(depth) else {
        here.insert(route.leaf.clone(), scope.value(object, row, route));
        return;
    };
    let so_far = Route { steps: route.steps[..=depth].to_vec(), ..route.clone() };
    let inner = match scope.walk(object, row, &so_far) {
        None => Value::Null,
        Some((parent, found)) => match here.remove(&step.name) {
            Some(Value::Object(mut members)) => {
                place(&mut members, scope, ask, start, route, depth + 1);
                Value::Object(members)
            }
            _ => {
                let mut members = Map::new();
                members.insert("attributes".into(), attributes(ask, parent, found.id()));
                place(&mut members, scope, ask, start, route, depth + 1);
                Value::Object(members)
            }
        },
    };
    here.insert(step.name.clone(), inner);
}

/// A record as single-record calls show it: these fields, or all.
pub(super) fn record(state: &State, ask: &Ask, object: usize, row: &Row, fields: Option<&[usize]>) -> Value {
    let defined = &state.schema.objects[object];
    let mut members = Map::new();
    members.insert("attributes".into(), attributes(ask, defined, row.id()));
    for (place, field) in defined.fields.iter().enumerate() {
        let wanted = fields.map_or_else(|| !state.is_hidden(defined, field), |fields| fields.contains(&place));
        if wanted {
            members.insert(field.name.clone(), row.cell(place).clone());
        }
    }
    Value::Object(members)
}

/// What the columns of a query are.
fn columns(state: &State, plan: &Plan) -> Value {
    let object = &state.schema.objects[plan.object];
    let column = |name: &str, kind: Kind, aggregate: bool, joined: Value| {
        json!({"columnName": name, "displayName": name, "aggregate": aggregate, "booleanType": kind == Kind::Boolean, "custom": name.ends_with("__c"),
            "foreignKeyName": null, "insertable": !aggregate, "joinColumns": joined, "numberType": kind.is_number(), "textType": kind.is_text() || kind.is_id(),
            "updatable": !aggregate, "apexType": kind.name()})
    };
    let listed: Vec<Value> = match &plan.grouping {
        Some(grouping) => grouping.kinds().into_iter().map(|(name, kind)| column(name, kind, true, json!([]))).collect(),
        None => plan
            .columns
            .iter()
            .map(|one| match one {
                Column::Value(route) if route.steps.is_empty() => column(&route.leaf, route.kind, false, json!([])),
                Column::Value(route) => {
                    let leaf = column(&route.leaf, route.kind, false, json!([]));
                    route.steps.iter().rev().fold(leaf, |inner, step| {
                        let mut outer = column(&step.name, Kind::Reference, false, json!([inner]));
                        outer["foreignKeyName"] = step.name.as_str().into();
                        outer
                    })
                }
                Column::Children(name, _, child) => {
                    let inner = columns(state, child)["columnMetadata"].clone();
                    let mut outer = column(name, Kind::Reference, true, inner);
                    outer["textType"] = false.into();
                    outer
                }
            })
            .collect(),
    };
    json!({"columnMetadata": listed, "entityName": object.name, "groupBy": plan.grouping.is_some(),
        "idSelected": plan.columns.iter().any(|column| matches!(column, Column::Value(route) if route.steps.is_empty() && route.leaf == "Id")),
        "keyPrefix": object.prefix})
}

fn explain(state: &State, ask: &Ask, query: &str) -> Result<SimResponse, Failure> {
    let plan = planned(state, ask, query)?;
    let rows = state.tables[plan.object].len();
    let cardinality = if plan.grouping.is_none() { soql::matching(state.scope(false, ask.now), &plan).len() } else { rows };
    let one = json!({"cardinality": cardinality, "fields": [], "leadingOperationType": "TableScan", "notes": [], "relativeCost": 1.0,
        "sobjectCardinality": rows, "sobjectType": state.schema.objects[plan.object].name});
    Ok(SimResponse::json(200, &json!({"plans": [one], "sourceQuery": query})))
}
