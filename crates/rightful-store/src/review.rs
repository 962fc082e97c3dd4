//! Approvals of plans, and when each version of a code table first counted.

use rightful_core::{Instant, Kind, Result};
use rightful_engine::{Authorship, Effect, Kept, Plan, PlanId, PlanState, RunId, RunOutcome};
use rusqlite::{Connection, Transaction, params};
use serde_json::json;

use crate::access::folded;
use crate::audit::authored;
use crate::codec::{data, text};
use crate::database::{bound, instant, stamp, told};
use crate::plans;

/// Notes, at the end of a run that applied a plan, that the plan's table version counts from now on.
pub(crate) fn note_effect(
    tx: &Transaction<'_>,
    run: RunId,
    kind: &Kind,
    outcome: RunOutcome,
    plan: Option<PlanId>,
    at: Instant,
) -> Result<()> {
    if !matches!(outcome, RunOutcome::Done | RunOutcome::DoneWithHolds | RunOutcome::Partial) {
        return Ok(());
    }
    let Some(plan) = plan.map(|plan| plans::plan(tx, plan)).transpose()?.flatten() else { return Ok(()) };
    // A dry run applies nothing, a pilot applies a part, an undo goes against the table.
    let applied = plan.run == Some(run) && plan.state == PlanState::Applied && plan.only.is_none() && plan.undoes.is_none();
    if !applied {
        return Ok(());
    }
    let known: bool = tx
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM effect WHERE integration = ?1 AND version = ?2)",
            params![plan.integration, plan.table_version],
            |row| row.get(0),
        )
        .map_err(told)?;
    if known {
        return Ok(());
    }
    let moved: Vec<(String, u64)> = tx
        .prepare_cached(
            "SELECT json_extract(head, '$.why.code'), count(*) FROM entry
             WHERE run = ?1 AND state = 'done' AND kind = ?2
               AND json_extract(head, '$.why.code') IS NOT NULL GROUP BY 1 ORDER BY 1",
        )
        .and_then(|mut select| select.query_map(params![run.0, kind.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .map_err(told)?;
    tx.execute(
        "INSERT INTO effect (integration, version, run, at, moved) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![plan.integration, plan.table_version, run.0, stamp(at), text(&moved)],
    )
    .map(drop)
    .map_err(told)
}

pub(crate) fn effects(connection: &Connection, integration: &str, limit: usize) -> Result<Vec<Effect>> {
    let mut select = connection
        .prepare_cached("SELECT version, run, at, moved FROM effect WHERE integration = ?1 ORDER BY version DESC LIMIT ?2")
        .map_err(told)?;
    let rows = select
        .query_map(params![integration, bound(limit)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?)))
        .map_err(told)?;
    rows.map(|row| {
        let (version, run, at, moved) = row.map_err(told)?;
        Ok(Effect { version, run: RunId(run), at: instant(at), moved: data(&moved)? })
    })
    .collect()
}

pub(crate) fn approvals(connection: &Connection, plan: PlanId) -> Result<Vec<Authorship>> {
    let mut select = connection.prepare_cached("SELECT line FROM approval WHERE plan = ?1 ORDER BY number").map_err(told)?;
    let rows = select.query_map([plan.0], |row| row.get::<_, String>(0)).map_err(told)?;
    rows.map(|line| data(&line.map_err(told)?)).collect()
}

/// The plan, where it may still be applied.
fn waiting(tx: &Transaction<'_>, plan: PlanId) -> Result<Option<Plan>> {
    Ok(plans::plan(tx, plan)?.filter(|plan| matches!(plan.state, PlanState::Ready | PlanState::Refused | PlanState::LetThrough)))
}

pub(crate) fn approve_plan(tx: &Transaction<'_>, id: PlanId, by: &Authorship) -> Result<Kept<Vec<Authorship>>> {
    let Some(plan) = waiting(tx, id)? else { return Ok(Kept::Moved) };
    let mut approvals = approvals(tx, id)?;
    if !approvals.iter().any(|earlier| folded(&earlier.author) == folded(&by.author)) {
        tx.execute("INSERT INTO approval (plan, number, line) VALUES (?1, ?2, ?3)", params![id.0, approvals.len() as i64 + 1, text(by)])
            .map_err(told)?;
        authored(tx, "plan.approve", &plan.integration, by, json!({ "plan": id.to_string() }))?;
        approvals.push(by.clone());
    }
    Ok(Kept::Done(approvals))
}

pub(crate) fn reject_plan(tx: &Transaction<'_>, id: PlanId, by: &Authorship) -> Result<Kept<()>> {
    let Some(plan) = waiting(tx, id)? else { return Ok(Kept::Moved) };
    authored(tx, "plan.reject", &plan.integration, by, json!({ "plan": id.to_string() }))?;
    plans::save(tx, &Plan { state: PlanState::Dropped, ..plan })?;
    Ok(Kept::Done(()))
}
