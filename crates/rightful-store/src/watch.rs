//! What schedules and alarms must remember of each integration.

use rightful_core::{Instant, Result};
use rightful_engine::{Act, Authorship, Episode, IntegrationState, Quarantine, RunId, RunOutcome, Vitals, Watched};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde_json::json;

use crate::audit::{append, authored};
use crate::codec::{data, text};
use crate::database::{instant, stamp, told};

const WATCHED: &str = "handled, asked, failures, quarantine, expected, last_complete, last_ended";

type WatchedRow = (Option<i64>, Option<String>, u32, Option<String>, Option<i64>, Option<i64>, Option<String>);

fn watched_row(row: &Row<'_>, from: usize) -> rusqlite::Result<WatchedRow> {
    Ok((
        row.get(from)?,
        row.get(from + 1)?,
        row.get(from + 2)?,
        row.get(from + 3)?,
        row.get(from + 4)?,
        row.get(from + 5)?,
        row.get(from + 6)?,
    ))
}

fn told_of((handled, asked, failures, quarantine, expected, last_complete, last_ended): WatchedRow) -> Result<Watched> {
    Ok(Watched {
        handled: handled.map(instant),
        asked: asked.map(|text| data(&text)).transpose()?,
        failures,
        quarantine: quarantine.map(|text| data(&text)).transpose()?,
        expected: expected.map(instant),
        last_complete: last_complete.map(instant),
        last_ended: last_ended.map(|text| data(&text)).transpose()?,
    })
}

pub(crate) fn watched(connection: &Connection, integration: &str) -> Result<Watched> {
    let mut select = connection.prepare_cached(&format!("SELECT {WATCHED} FROM integration WHERE name = ?1")).map_err(told)?;
    let row = select.query_row([integration], |row| watched_row(row, 0)).optional().map_err(told)?;
    row.map_or_else(|| Ok(Watched::default()), told_of)
}

pub(crate) fn all_watched(connection: &Connection) -> Result<Vec<(String, Watched)>> {
    let mut select = connection.prepare_cached(&format!("SELECT name, {WATCHED} FROM integration ORDER BY name")).map_err(told)?;
    let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, watched_row(row, 1)?))).map_err(told)?;
    rows.map(|row| row.map_err(told).and_then(|(name, row)| Ok((name, told_of(row)?)))).collect()
}

pub(crate) fn vitals(connection: &Connection) -> Result<Vec<Vitals>> {
    let mut vitals = Vec::new();
    let mut select =
        connection.prepare_cached(&format!("SELECT name, paused, editable, {WATCHED} FROM integration ORDER BY name")).map_err(told)?;
    let rows = select
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get(2)?, watched_row(row, 3)?)))
        .map_err(told)?;
    for row in rows {
        let (integration, paused, editable, watched) = row.map_err(told)?;
        let state = IntegrationState { paused: paused.map(|line| data(&line)).transpose()?, editable };
        vitals.push(Vitals { integration, watched: told_of(watched)?, state, ..Vitals::default() });
    }
    let mut of = |name: &str, add: &mut dyn FnMut(&mut Vitals)| {
        if let Ok(place) = vitals.binary_search_by(|known| known.integration.as_str().cmp(name)) {
            add(&mut vitals[place]);
        }
    };
    each(connection, "SELECT integration, '', COUNT(*) FROM hold GROUP BY integration", |name, _, count| {
        of(name, &mut |vitals| vitals.holds = count.unsigned_abs());
    })?;
    let open = "SELECT integration, reason, COUNT(*) FROM work INDEXED BY work_open WHERE closed IS NULL GROUP BY integration, reason";
    each(connection, open, |name, reason, count| {
        of(name, &mut |vitals| vitals.cases.push((reason.to_owned(), count.unsigned_abs())));
    })?;
    let unfinished = "SELECT integration, '', MIN(id) FROM run INDEXED BY run_unfinished WHERE ended IS NULL GROUP BY integration";
    each(connection, unfinished, |name, _, run| of(name, &mut |vitals| vitals.unfinished = Some(RunId(run))))?;
    Ok(vitals)
}

/// Calls back with each row of a statement that gives an integration, a word and a number.
fn each(connection: &Connection, statement: &str, mut row: impl FnMut(&str, &str, i64)) -> Result<()> {
    let mut select = connection.prepare_cached(statement).map_err(told)?;
    let mut rows = select.query([]).map_err(told)?;
    while let Some(found) = rows.next().map_err(told)? {
        let read = || Ok::<_, rusqlite::Error>((found.get::<_, String>(0)?, found.get::<_, String>(1)?, found.get(2)?));
        let (integration, word, number) = read().map_err(told)?;
        row(&integration, &word, number);
    }
    Ok(())
}

pub(crate) fn expect_runs(tx: &Transaction<'_>, integration: &str, since: Instant) -> Result<()> {
    known(tx, integration)?;
    tx.execute("UPDATE integration SET expected = ?2 WHERE name = ?1 AND expected IS NULL", params![integration, stamp(since)])
        .map(drop)
        .map_err(told)
}

/// Notes that a whole run is complete.
pub(crate) fn note_complete(tx: &Transaction<'_>, integration: &str, at: Instant) -> Result<()> {
    tx.execute("UPDATE integration SET last_complete = ?2 WHERE name = ?1", params![integration, stamp(at)]).map(drop).map_err(told)
}

/// Sees to it that the integration has its row.
fn known(tx: &Transaction<'_>, integration: &str) -> Result<()> {
    tx.execute("INSERT INTO integration (name) VALUES (?1) ON CONFLICT (name) DO NOTHING", [integration]).map(drop).map_err(told)
}

pub(crate) fn claim_due(tx: &Transaction<'_>, integration: &str, due: Instant) -> Result<bool> {
    known(tx, integration)?;
    let claimed = tx
        .execute(
            "UPDATE integration SET handled = ?2 WHERE name = ?1 AND (handled IS NULL OR handled < ?2)",
            params![integration, stamp(due)],
        )
        .map_err(told)?;
    Ok(claimed > 0)
}

pub(crate) fn ask_run(tx: &Transaction<'_>, integration: &str, at: Instant, act: &Act) -> Result<()> {
    known(tx, integration)?;
    tx.execute("UPDATE integration SET asked = ?2 WHERE name = ?1", params![integration, text(&(at, &act.actor))]).map_err(told)?;
    append(tx, act).map(drop)
}

pub(crate) fn take_asked(tx: &Transaction<'_>, integration: &str) -> Result<Option<(Instant, String)>> {
    let asked = watched(tx, integration)?.asked;
    if asked.is_some() {
        tx.execute("UPDATE integration SET asked = NULL WHERE name = ?1", [integration]).map_err(told)?;
    }
    Ok(asked)
}

pub(crate) fn note_end(tx: &Transaction<'_>, integration: &str, run: Option<RunId>, outcome: RunOutcome, at: Instant) -> Result<Watched> {
    known(tx, integration)?;
    let before = watched(tx, integration)?;
    let failures = if outcome == RunOutcome::Failed { before.failures.saturating_add(1) } else { 0 };
    let last_ended = run.map(|run| (run, at, outcome)).or(before.last_ended);
    tx.execute(
        "UPDATE integration SET failures = ?2, last_ended = ?3 WHERE name = ?1",
        params![integration, failures, last_ended.as_ref().map(text)],
    )
    .map_err(told)?;
    Ok(Watched { failures, last_ended, ..before })
}

pub(crate) fn quarantine(tx: &Transaction<'_>, integration: &str, quarantine: &Quarantine) -> Result<()> {
    known(tx, integration)?;
    tx.execute("UPDATE integration SET quarantine = ?2 WHERE name = ?1", params![integration, text(quarantine)]).map_err(told)?;
    let act = Act::new(quarantine.since, "rightful serve", "integration.quarantine", integration);
    append(tx, &act.detail(json!({ "reason": quarantine.reason }))).map(drop)
}

pub(crate) fn release_quarantine(tx: &Transaction<'_>, integration: &str, by: &Authorship) -> Result<()> {
    let released = tx
        .execute("UPDATE integration SET quarantine = NULL, failures = 0 WHERE name = ?1 AND quarantine IS NOT NULL", [integration])
        .map_err(told)?;
    if released > 0 {
        authored(tx, "integration.release", integration, by, json!({}))?;
    }
    Ok(())
}

pub(crate) fn set_editable(tx: &Transaction<'_>, integration: &str, editable: bool, by: &Authorship) -> Result<()> {
    known(tx, integration)?;
    let changed = tx
        .execute("UPDATE integration SET editable = ?2 WHERE name = ?1 AND editable <> ?2", params![integration, editable])
        .map_err(told)?;
    if changed > 0 {
        authored(tx, "codes.editable", integration, by, json!({ "editable": editable }))?;
    }
    Ok(())
}

const EPISODE: &str = "id, integration, alarm, message, began, ended, to_tell, to_tell_end";

type EpisodeRow = (i64, String, String, String, i64, Option<i64>, String, String);

fn episode_row(row: &Row<'_>) -> rusqlite::Result<EpisodeRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?))
}

fn episode((id, integration, alarm, message, began, ended, to_tell, to_tell_end): EpisodeRow) -> Result<Episode> {
    let (began, ended) = (instant(began), ended.map(instant));
    Ok(Episode { id, integration, alarm, message, began, ended, to_tell: data(&to_tell)?, to_tell_end: data(&to_tell_end)? })
}

pub(crate) fn episodes(connection: &Connection) -> Result<Vec<Episode>> {
    let mut select = connection.prepare_cached(&format!("SELECT {EPISODE} FROM episode WHERE open = 1 ORDER BY id")).map_err(told)?;
    let rows = select.query_map([], episode_row).map_err(told)?;
    rows.map(|row| episode(row.map_err(told)?)).collect()
}

fn open_episode(connection: &Connection, integration: &str, alarm: &str) -> Result<Option<Episode>> {
    let mut select = connection
        .prepare_cached(&format!("SELECT {EPISODE} FROM episode WHERE integration = ?1 AND alarm = ?2 AND ended IS NULL"))
        .map_err(told)?;
    select.query_row([integration, alarm], episode_row).optional().map_err(told)?.map(episode).transpose()
}

pub(crate) fn begin_episode(
    tx: &Transaction<'_>,
    integration: &str,
    alarm: &str,
    message: &str,
    channels: &[String],
    at: Instant,
) -> Result<Option<Episode>> {
    if open_episode(tx, integration, alarm)?.is_some() {
        return Ok(None);
    }
    tx.execute(
        "INSERT INTO episode (integration, alarm, message, began, to_tell, to_tell_end) VALUES (?1, ?2, ?3, ?4, ?5, '[]')",
        params![integration, alarm, message, stamp(at), text(channels)],
    )
    .map_err(told)?;
    open_episode(tx, integration, alarm)
}

pub(crate) fn end_episode(tx: &Transaction<'_>, integration: &str, alarm: &str, at: Instant) -> Result<Option<Episode>> {
    let Some(open) = open_episode(tx, integration, alarm)? else { return Ok(None) };
    let knew: String = tx.query_row("SELECT told FROM episode WHERE id = ?1", [open.id], |row| row.get(0)).map_err(told)?;
    // Who could not be told of the beginning in time is told of both in one.
    let to_tell_end = [open.to_tell, data(&knew)?].concat();
    let ended = Episode { ended: Some(at), to_tell: Vec::new(), to_tell_end, ..open };
    tx.execute(
        "UPDATE episode SET ended = ?2, to_tell = '[]', to_tell_end = ?3, open = ?4 WHERE id = ?1",
        params![ended.id, stamp(at), text(&ended.to_tell_end), !ended.to_tell_end.is_empty()],
    )
    .map_err(told)?;
    Ok(Some(ended))
}

pub(crate) fn channel_told(tx: &Transaction<'_>, id: i64, channel: &str, ended: bool) -> Result<()> {
    let found: Option<(String, String, String, bool)> = tx
        .query_row("SELECT to_tell, to_tell_end, told, ended IS NOT NULL FROM episode WHERE id = ?1", [id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()
        .map_err(told)?;
    let Some((to_tell, to_tell_end, knew, over)) = found else { return Ok(()) };
    let (mut to_tell, mut to_tell_end, mut knew) =
        (data::<Vec<String>>(&to_tell)?, data::<Vec<String>>(&to_tell_end)?, data::<Vec<String>>(&knew)?);
    if ended {
        to_tell_end.retain(|waiting| waiting != channel);
    } else {
        to_tell.retain(|waiting| waiting != channel);
        if !knew.iter().any(|known| known == channel) {
            knew.push(channel.to_owned());
        }
    }
    let open = !over || !to_tell_end.is_empty();
    tx.execute(
        "UPDATE episode SET to_tell = ?2, to_tell_end = ?3, told = ?4, open = ?5 WHERE id = ?1",
        params![id, text(&to_tell), text(&to_tell_end), text(&knew), open],
    )
    .map(drop)
    .map_err(told)
}
