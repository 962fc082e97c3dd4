//! Runs, their journal, and the lease that lets one process at a time run an integration.

use rightful_core::{ConnectionName, Error, ErrorKind, Instant, Kind, Result, Secret, SlotValue};
use rightful_engine::{Authorship, Fence, Holder, IntegrationState, Leased, PlanId, Run, RunCounts, RunFilter, RunId, RunOutcome, RunTask};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Value as Json, json};

use crate::codec::{data, text};
use crate::database::{bound, instant, stamp, told};
use crate::holder::is_dead;
use crate::vault::Vault;
use crate::{audit, review, watch};

pub(crate) fn lease(tx: &Transaction<'_>, integration: &str, holder: &Holder, now: Instant, until: Instant) -> Result<Leased> {
    tx.execute("INSERT INTO integration (name) VALUES (?1) ON CONFLICT DO NOTHING", [integration]).map_err(told)?;
    let held: Option<(Holder, i64)> = tx
        .query_row(
            "SELECT lease_machine, lease_process, lease_born, lease_until FROM integration WHERE name = ?1 AND lease_machine IS NOT NULL",
            [integration],
            |row| Ok((Holder { machine: row.get(0)?, process: row.get(1)?, born: row.get::<_, i64>(2)? as u64 }, row.get(3)?)),
        )
        .optional()
        .map_err(told)?;
    if let Some((other, expires)) = held
        && instant(expires) > now
        && !is_dead(&other)
    {
        return Ok(Leased::Busy(other, instant(expires)));
    }
    let token = tx
        .query_row(
            "UPDATE integration SET lease_token = lease_token + 1, lease_machine = ?2, lease_process = ?3, lease_born = ?4, lease_until = ?5
             WHERE name = ?1 RETURNING lease_token",
            params![integration, holder.machine, holder.process, holder.born as i64, stamp(until)],
            |row| row.get(0),
        )
        .map_err(told)?;
    Ok(Leased::Held(Fence { integration: integration.to_owned(), token }))
}

/// Fails unless the fence still holds: checked in the transaction that writes.
pub(crate) fn check(tx: &Transaction<'_>, fence: &Fence) -> Result<()> {
    let held: Option<i64> = tx
        .prepare_cached("SELECT lease_token FROM integration WHERE name = ?1 AND lease_machine IS NOT NULL")
        .and_then(|mut select| select.query_row([&fence.integration], |row| row.get(0)).optional())
        .map_err(told)?;
    if held == Some(fence.token) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, format!("the lease of integration `{}` was lost to another process", fence.integration))
        .hint("nothing is to be done: that process goes on with the run"))
}

pub(crate) fn renew(tx: &Transaction<'_>, fence: &Fence, until: Instant) -> Result<()> {
    tx.execute("UPDATE integration SET lease_until = ?2 WHERE name = ?1", params![fence.integration, stamp(until)]).map_err(told)?;
    Ok(())
}

pub(crate) fn release(tx: &Transaction<'_>, fence: &Fence) -> Result<()> {
    tx.execute("UPDATE integration SET lease_machine = NULL, lease_until = NULL WHERE name = ?1", [&fence.integration]).map_err(told)?;
    Ok(())
}

pub(crate) fn integration(connection: &Connection, name: &str) -> Result<IntegrationState> {
    let found: Option<(Option<String>, bool)> = connection
        .query_row("SELECT paused, editable FROM integration WHERE name = ?1", [name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(told)?;
    let Some((paused, editable)) = found else { return Ok(IntegrationState::default()) };
    Ok(IntegrationState { paused: paused.map(|line| data(&line)).transpose()?, editable })
}

pub(crate) fn pause(tx: &Transaction<'_>, name: &str, paused: bool, by: &Authorship) -> Result<()> {
    let (before, by_now) = (integration(tx, name)?.paused, paused.then_some(by));
    if before.is_some() != paused {
        audit::authored(tx, if paused { "integration.pause" } else { "integration.resume" }, name, by, json!({}))?;
    }
    // What lay before a pause is over is not held against the integration.
    let expected = (before.is_some() && !paused).then_some(stamp(by.at));
    tx.execute(
        "INSERT INTO integration (name, paused) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET paused = excluded.paused, expected = COALESCE(?3, expected)",
        params![name, by_now.map(text), expected],
    )
    .map_err(told)?;
    Ok(())
}

pub(crate) fn tie_connection(tx: &Transaction<'_>, name: &ConnectionName, stands_for: &str) -> Result<Option<String>> {
    tx.execute(
        "INSERT INTO tie (connection, stands_for) VALUES (?1, ?2) ON CONFLICT (connection) DO NOTHING",
        params![name.as_str(), stands_for],
    )
    .map_err(told)?;
    let known: String =
        tx.query_row("SELECT stands_for FROM tie WHERE connection = ?1", [name.as_str()], |row| row.get(0)).map_err(told)?;
    Ok((known != stands_for).then_some(known))
}

/// What slots are sealed as: no setting is called so.
const SLOT: &str = "the slot";

pub(crate) fn load_slot(connection: &Connection, vault: &Vault, name: &ConnectionName) -> Result<SlotValue> {
    let held: Option<(i64, Option<String>, Option<Vec<u8>>)> = connection
        .query_row("SELECT revision, text, sealed FROM slot WHERE connection = ?1", [name.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(told)?;
    let (revision, text, sealed) = held.unwrap_or_default();
    let text = match sealed {
        Some(sealed) => Some(vault.open(connection, name, SLOT, &sealed)?),
        // From before there was a master key.
        None => text.map(Secret::new),
    };
    Ok(SlotValue { revision: revision as u64, text })
}

pub(crate) fn swap_slot(tx: &Transaction<'_>, vault: &Vault, name: &ConnectionName, revision: u64, text: Option<&Secret>) -> Result<bool> {
    if load_slot(tx, vault, name)?.revision != revision {
        return Ok(false);
    }
    let seals = vault.seals_slot_of(tx, name)?;
    let sealed = text.filter(|_| seals).map(|text| vault.seal(tx, name, SLOT, text)).transpose()?;
    tx.execute(
        "INSERT INTO slot (connection, revision, text, sealed) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (connection) DO UPDATE SET revision = excluded.revision, text = excluded.text, sealed = excluded.sealed",
        params![name.as_str(), revision as i64 + 1, text.filter(|_| !seals).map(Secret::expose), sealed],
    )
    .map_err(told)?;
    Ok(true)
}

pub(crate) fn begin_run(
    tx: &Transaction<'_>,
    integration: &str,
    task: &RunTask,
    body_version: u32,
    by: Option<String>,
    now: Instant,
) -> Result<RunId> {
    tx.execute("INSERT INTO run (integration, head) VALUES (?1, '{}')", [integration]).map_err(told)?;
    let id = RunId(tx.last_insert_rowid());
    let run = Run {
        id,
        integration: integration.to_owned(),
        task: task.clone(),
        body_version,
        by,
        started: now,
        ended: None,
        outcome: None,
        plan: None,
        counts: RunCounts::default(),
        notes: Vec::new(),
        resumed: 0,
    };
    save(tx, &run)?;
    Ok(id)
}

fn save(tx: &Transaction<'_>, run: &Run) -> Result<()> {
    tx.execute("UPDATE run SET ended = ?2, head = ?3 WHERE id = ?1", params![run.id.0, run.ended.map(stamp), text(run)]).map_err(told)?;
    Ok(())
}

pub(crate) fn run(connection: &Connection, id: RunId) -> Result<Option<Run>> {
    let head: Option<String> =
        connection.query_row("SELECT head FROM run WHERE id = ?1", [id.0], |row| row.get(0)).optional().map_err(told)?;
    head.map(|head| data(&head)).transpose()
}

fn present(connection: &Connection, id: RunId) -> Result<Run> {
    run(connection, id)?.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no {id}")).hint("list them: rightful runs"))
}

pub(crate) fn unfinished_run(connection: &Connection, integration: &str) -> Result<Option<Run>> {
    let head: Option<String> = connection
        .query_row("SELECT head FROM run WHERE integration = ?1 AND ended IS NULL ORDER BY id LIMIT 1", [integration], |row| row.get(0))
        .optional()
        .map_err(told)?;
    head.map(|head| data(&head)).transpose()
}

pub(crate) fn resume_run(tx: &Transaction<'_>, id: RunId) -> Result<()> {
    let mut run = present(tx, id)?;
    run.resumed += 1;
    save(tx, &run)
}

pub(crate) struct Ending {
    pub run: RunId,
    pub kind: Kind,
    pub outcome: RunOutcome,
    pub plan: Option<PlanId>,
    pub counts: RunCounts,
    pub notes: Vec<String>,
}

pub(crate) fn end_run(tx: &Transaction<'_>, ending: Ending, now: Instant) -> Result<()> {
    let run = present(tx, ending.run)?;
    let Ending { kind, outcome, plan, counts, notes, .. } = ending;
    review::note_effect(tx, run.id, &kind, outcome, plan, now)?;
    let run = Run { ended: Some(now), outcome: Some(outcome), plan, counts, notes, ..run };
    if run.is_complete() {
        watch::note_complete(tx, &run.integration, now)?;
    }
    save(tx, &run)
}

pub(crate) fn runs(connection: &Connection, filter: &RunFilter) -> Result<Vec<Run>> {
    // A condition for each question, so that SQLite finds the index that answers it.
    let of_one = if filter.integration.is_some() { "integration = ?1" } else { "?1 IS NULL" };
    let how = if filter.outcome.is_some() { "json_extract(head, '$.outcome') IS ?2" } else { "?2 IS NULL" };
    let older = if filter.before.is_some() { "id < ?3" } else { "?3 IS NULL" };
    let sql = format!("SELECT head FROM run WHERE {of_one} AND {how} AND {older} ORDER BY id DESC LIMIT ?4");
    let mut select = connection.prepare_cached(&sql).map_err(told)?;
    let outcome = filter.outcome.flatten().map(RunOutcome::as_str);
    let rows = select
        .query_map(params![filter.integration, outcome, filter.before.map(|before| before.0), bound(filter.limit)], |row| {
            row.get::<_, String>(0)
        })
        .map_err(told)?;
    rows.map(|head| data(&head.map_err(told)?)).collect()
}

pub(crate) fn journal(connection: &Connection, run: RunId, step: &str) -> Result<Option<Json>> {
    let result: Option<String> = connection
        .query_row("SELECT result FROM journal WHERE run = ?1 AND step = ?2", params![run.0, step], |row| row.get(0))
        .optional()
        .map_err(told)?;
    result.map(|result| data(&result)).transpose()
}

pub(crate) fn put_journal(tx: &Transaction<'_>, run: RunId, step: &str, result: &Json) -> Result<()> {
    tx.execute(
        "INSERT INTO journal (run, step, result) VALUES (?1, ?2, ?3) ON CONFLICT (run, step) DO UPDATE SET result = excluded.result",
        params![run.0, step, text(result)],
    )
    .map_err(told)?;
    Ok(())
}
