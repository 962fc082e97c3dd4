//! The work list: cases, one for each (reason, subject), and holds.

use rightful_core::{Instant, Kind, RecordId, Result};
use rightful_engine::{Authorship, Case, CaseFilter, CaseId, Hold, HoldId, NewCase, PlanId};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::json;

use crate::audit::authored;
use crate::codec::{data, text};
use crate::credits;
use crate::database::{bound, instant, stamp, told};

/// Opens or refreshes cases. A case found outside a plan counts as seen by the newest one, so that the next plan that no longer finds it closes it.
pub(crate) fn put_cases(tx: &Transaction<'_>, integration: &str, cases: &[NewCase], plan: Option<PlanId>, now: Instant) -> Result<()> {
    if cases.is_empty() {
        return Ok(());
    }
    let plan = match plan {
        Some(plan) => plan.0,
        None => {
            tx.query_row("SELECT COALESCE(MAX(id), 0) FROM plan WHERE integration = ?1", [integration], |row| row.get(0)).map_err(told)?
        }
    };
    let mut upsert = tx
        .prepare_cached(
            "INSERT INTO work (integration, reason, subject, message, mend, first_seen, last_seen, plan) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)
             ON CONFLICT (integration, reason, subject) DO UPDATE SET
                message = excluded.message, mend = excluded.mend, last_seen = excluded.last_seen, plan = excluded.plan,
                first_seen = CASE WHEN closed IS NULL THEN first_seen ELSE excluded.first_seen END, closed = NULL",
        )
        .map_err(told)?;
    for case in cases {
        upsert.execute(params![integration, case.reason, case.subject, case.message, case.mend, stamp(now), plan]).map_err(told)?;
    }
    Ok(())
}

pub(crate) fn cases(connection: &Connection, filter: &CaseFilter) -> Result<Vec<Case>> {
    // A condition for each question, not one that fits all: only so does SQLite find the index of the few that are open.
    let of_one = if filter.integration.is_some() { "integration = ?2" } else { "?2 IS NULL" };
    let why = if filter.reason.is_some() { "reason = ?4" } else { "?4 IS NULL" };
    let which = if filter.open { "closed IS NULL" } else { "1" };
    connection
        .prepare_cached(&format!(
            "SELECT id, integration, reason, subject, message, mend, first_seen, last_seen, closed FROM work
             WHERE id > ?1 AND {of_one} AND {why} AND {which} ORDER BY id LIMIT ?3"
        ))
        .and_then(|mut select| {
            select
                .query_map(
                    params![filter.after.map_or(0, |after| after.0), filter.integration, bound(filter.limit), filter.reason],
                    |row| {
                        Ok(Case {
                            id: CaseId(row.get(0)?),
                            integration: row.get(1)?,
                            case: NewCase { reason: row.get(2)?, subject: row.get(3)?, message: row.get(4)?, mend: row.get(5)? },
                            first_seen: instant(row.get(6)?),
                            last_seen: instant(row.get(7)?),
                            closed: row.get::<_, Option<i64>>(8)?.map(instant),
                        })
                    },
                )?
                .collect()
        })
        .map_err(told)
}

pub(crate) fn case_counts(connection: &Connection, integration: Option<&str>) -> Result<Vec<(String, u64)>> {
    let of_one = if integration.is_some() { "integration = ?1" } else { "?1 IS NULL" };
    connection
        .prepare_cached(&format!(
            "SELECT reason, COUNT(*) FROM work INDEXED BY work_open WHERE closed IS NULL AND {of_one} GROUP BY reason ORDER BY reason"
        ))
        .and_then(|mut select| select.query_map([integration], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .map_err(told)
}

const HOLDS: &str = "SELECT hold.id, hold.integration, hold.since, hold.body, json_extract(plan.head, '$.run')
     FROM hold LEFT JOIN plan ON plan.id = hold.plan";

pub(crate) fn holds(connection: &Connection, integration: Option<&str>, after: Option<HoldId>, limit: usize) -> Result<Vec<Hold>> {
    let of_one = if integration.is_some() { "hold.integration = ?2" } else { "?2 IS NULL" };
    let mut select =
        connection.prepare_cached(&format!("{HOLDS} WHERE hold.id > ?1 AND {of_one} ORDER BY hold.id LIMIT ?3")).map_err(told)?;
    held(select.query(params![after.map_or(0, |after| after.0), integration, bound(limit)]).map_err(told)?)
}

pub(crate) fn holds_of(connection: &Connection, integration: &str, kind: &Kind, targets: &[RecordId]) -> Result<Vec<Hold>> {
    let mut select = connection
        .prepare_cached(&format!(
            "{HOLDS} WHERE hold.integration = ?1 AND hold.kind = ?2 AND hold.target IN (SELECT value FROM json_each(?3)) ORDER BY hold.id"
        ))
        .map_err(told)?;
    held(select.query(params![integration, kind.as_str(), text(targets)]).map_err(told)?)
}

fn held(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Hold>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(told)? {
        let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(i64, String, i64, String, Option<i64>)> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        };
        let (id, integration, since, body, run) = read(row).map_err(told)?;
        found.push(Hold { id: HoldId(id), integration, hold: data(&body)?, since: instant(since), run: run.map(rightful_engine::RunId) });
    }
    Ok(found)
}

pub(crate) fn drop_hold(tx: &Transaction<'_>, hold: HoldId, by: &Authorship) -> Result<bool> {
    let dropped: Option<(String, i64, String)> = tx
        .query_row("DELETE FROM hold WHERE id = ?1 RETURNING integration, since, body", [hold.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(told)?;
    let Some((integration, since, body)) = dropped else { return Ok(false) };
    let hold = Hold { id: hold, integration, hold: data(&body)?, since: instant(since), run: None };
    credits::take(tx, hold.let_go(by.at).as_slice())?;
    authored(tx, "hold.drop", &hold.integration, by, json!({ "hold": hold.id.to_string(), "target": hold.hold.target.as_str() }))?;
    Ok(true)
}

pub(crate) fn holds_since(
    connection: &Connection,
    integration: &str,
    before: Instant,
    limit: usize,
) -> Result<Vec<(HoldId, Kind, RecordId)>> {
    connection
        .prepare_cached("SELECT id, kind, target FROM hold WHERE integration = ?1 AND since < ?2 ORDER BY since, id LIMIT ?3")
        .and_then(|mut select| {
            select
                .query_map(params![integration, stamp(before), bound(limit)], |row| {
                    Ok((HoldId(row.get(0)?), row.get::<_, String>(1)?.into(), row.get::<_, String>(2)?.into()))
                })?
                .collect()
        })
        .map_err(told)
}

pub(crate) fn oldest_holds(connection: &Connection) -> Result<Vec<(String, Instant)>> {
    // One step in the index for each integration, however many holds it has.
    let oldest: Vec<(String, Option<i64>)> = connection
        .prepare_cached("SELECT name, (SELECT MIN(since) FROM hold WHERE hold.integration = name) FROM integration ORDER BY name")
        .and_then(|mut select| select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .map_err(told)?;
    Ok(oldest.into_iter().filter_map(|(name, since)| Some((name, instant(since?)))).collect())
}
