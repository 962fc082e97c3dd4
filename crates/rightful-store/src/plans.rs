//! Plans and their changes, and closing the cases and holds a plan no longer finds.

use rightful_core::{Error, ErrorKind, Instant, Result};
use rightful_engine::{Authorship, Change, NewCase, NewHold, Plan, PlanCounts, PlanFilter, PlanId, PlanState, Refusal, RunId};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::json;

use crate::audit::authored;
use crate::codec::{data, text, word};
use crate::database::{bound, stamp, told};
use crate::work::put_cases;

/// Of how many dropped plans of an integration the changes are kept.
const KEPT: i64 = 10;
/// How many beyond those are looked at when the next plan begins: far more than can have been dropped since the one before.
const SWEPT: i64 = 100;

pub(crate) fn save(tx: &Transaction<'_>, plan: &Plan) -> Result<()> {
    tx.prepare_cached("UPDATE plan SET state = ?2, head = ?3 WHERE id = ?1")
        .and_then(|mut update| update.execute(params![plan.id.0, word(&plan.state), text(plan)]))
        .map_err(told)?;
    Ok(())
}

pub(crate) fn plan(connection: &Connection, id: PlanId) -> Result<Option<Plan>> {
    let head: Option<String> =
        connection.query_row("SELECT head FROM plan WHERE id = ?1", [id.0], |row| row.get(0)).optional().map_err(told)?;
    head.map(|head| data(&head)).transpose()
}

fn present(connection: &Connection, id: PlanId) -> Result<Plan> {
    plan(connection, id)?.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no {id}")).hint("list them: rightful runs"))
}

pub(crate) fn plans(connection: &Connection, filter: &PlanFilter) -> Result<Vec<Plan>> {
    let of_one = if filter.integration.is_some() { "integration = ?1" } else { "?1 IS NULL" };
    let which = if filter.waiting { "state IN ('ready', 'refused')" } else { "1" };
    let older = if filter.before.is_some() { "id < ?2" } else { "?2 IS NULL" };
    let sql = format!("SELECT head FROM plan WHERE {of_one} AND {which} AND {older} ORDER BY id DESC LIMIT ?3");
    let mut select = connection.prepare_cached(&sql).map_err(told)?;
    let rows = select
        .query_map(params![filter.integration, filter.before.map(|before| before.0), bound(filter.limit)], |row| row.get::<_, String>(0))
        .map_err(told)?;
    rows.map(|head| data(&head.map_err(told)?)).collect()
}

pub(crate) fn begin_plan(tx: &Transaction<'_>, plan: &Plan) -> Result<PlanId> {
    let open: Vec<i64> = tx
        .prepare_cached("SELECT id FROM plan WHERE integration = ?1 AND state NOT IN ('applying', 'applied', 'dropped')")
        .and_then(|mut select| select.query_map([&plan.integration], |row| row.get(0))?.collect())
        .map_err(told)?;
    for id in open {
        let dropped = Plan { state: PlanState::Dropped, ..present(tx, PlanId(id))? };
        save(tx, &dropped)?;
    }
    tx.execute("INSERT INTO plan (integration, state, head) VALUES (?1, ?2, '{}')", params![plan.integration, word(&plan.state)])
        .map_err(told)?;
    let id = PlanId(tx.last_insert_rowid());
    save(tx, &Plan { id, ..plan.clone() })?;
    tx.execute(
        "DELETE FROM change WHERE plan IN
            (SELECT id FROM plan WHERE integration = ?1 AND state = 'dropped' ORDER BY id DESC LIMIT ?3 OFFSET ?2)",
        params![plan.integration, KEPT, SWEPT],
    )
    .map_err(told)?;
    Ok(id)
}

pub(crate) fn add_to_plan(
    tx: &Transaction<'_>,
    integration: &str,
    plan: PlanId,
    changes: &[Change],
    holds: &[NewHold],
    cases: &[NewCase],
    now: Instant,
) -> Result<()> {
    let mut insert = tx.prepare_cached("INSERT INTO change (plan, number, body) VALUES (?1, ?2, ?3)").map_err(told)?;
    for change in changes {
        insert.execute(params![plan.0, change.number, text(change)]).map_err(told)?;
    }
    put_cases(tx, integration, cases, Some(plan), now)?;
    let mut hold = tx
        .prepare_cached(
            "INSERT INTO hold (integration, kind, target, since, plan, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (integration, kind, target) DO UPDATE SET plan = excluded.plan, body = excluded.body",
        )
        .map_err(told)?;
    for one in holds {
        hold.execute(params![integration, one.kind.as_str(), one.target.as_str(), stamp(now), plan.0, text(one)]).map_err(told)?;
    }
    Ok(())
}

pub(crate) fn end_plan(
    tx: &Transaction<'_>,
    integration: &str,
    id: PlanId,
    counts: &PlanCounts,
    refusals: &[Refusal],
    whole: bool,
    now: Instant,
) -> Result<()> {
    let mut plan = present(tx, id)?;
    plan.counts = counts.clone();
    plan.refusals = refusals.to_vec();
    plan.state = if refusals.is_empty() { PlanState::Ready } else { PlanState::Refused };
    save(tx, &plan)?;
    if whole {
        tx.execute(
            "UPDATE work SET closed = ?3 WHERE integration = ?1 AND closed IS NULL AND plan < ?2",
            params![integration, id.0, stamp(now)],
        )
        .map_err(told)?;
        tx.execute("DELETE FROM hold WHERE integration = ?1 AND plan < ?2", params![integration, id.0]).map_err(told)?;
    }
    Ok(())
}

pub(crate) fn set_plan_state(
    tx: &Transaction<'_>,
    id: PlanId,
    state: PlanState,
    passed: Option<Authorship>,
    run: Option<RunId>,
) -> Result<()> {
    let mut plan = present(tx, id)?;
    plan.move_to(state)?;
    if let Some(by) = passed {
        authored(tx, "plan.let-through", &plan.integration, &by, json!({ "plan": id.to_string() }))?;
        plan.passed = Some((by.author, by.reason));
    }
    plan.run = run.or(plan.run);
    save(tx, &plan)
}

pub(crate) fn changes(connection: &Connection, plan: PlanId, after: i64, limit: usize) -> Result<Vec<Change>> {
    let mut select =
        connection.prepare_cached("SELECT body FROM change WHERE plan = ?1 AND number > ?2 ORDER BY number LIMIT ?3").map_err(told)?;
    let rows = select.query_map(params![plan.0, after, bound(limit)], |row| row.get::<_, String>(0)).map_err(told)?;
    rows.map(|body| data(&body.map_err(told)?)).collect()
}
