//! The versions of a code table: who saved each and why, what it changed, what came of it; and going back to one.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_core::Instant;
use rightful_engine::{Authorship, CodeRow, Effect, Right, TableVersion, difference, effect_of, preview, revert_edits};

use super::previewed::{PREVIEWED, Previewed};
use super::table::version_of;
use super::{Frame, Section, Shown, page, page_with, segment, to};
use crate::Console;
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::codes::{Became, save};
use crate::operations::signed;
use crate::problem::Problem;
use crate::told::{Moment, counted, moment};

/// Versions shown.
const VERSIONS: usize = 100;
/// Rows shown of what a version changed.
const ROWS: usize = 12;
/// Rows shown of what going back would change.
const ROWS_BACK: usize = 200;

/// One version as the history shows it.
struct Version {
    version: i64,
    author: String,
    reason: String,
    when: Moment,
    changes: Vec<(bool, String)>,
    more: Option<String>,
    effect: String,
    present: bool,
}

#[derive(Template)]
#[template(path = "history.html")]
struct History {
    frame: Frame,
    name: String,
    base: String,
    versions: Vec<Version>,
    may_revert: bool,
}

fn told(row: &CodeRow) -> String {
    let successor = row.successor.as_ref().map(|successor| format!(" (taken over by {successor})")).unwrap_or_default();
    format!("{} → {}{successor}", row.code, row.user.as_deref().unwrap_or("nobody yet"))
}

/// The first of these rows, each with whether it was added, and how many more there are.
fn changes<'a>(
    removed: impl Iterator<Item = &'a CodeRow>,
    added: impl Iterator<Item = &'a CodeRow>,
    most: usize,
) -> (Vec<(bool, String)>, Option<String>) {
    let mut all: Vec<(bool, String)> = removed.map(|row| (false, told(row))).chain(added.map(|row| (true, told(row)))).collect();
    let more = all.len().saturating_sub(most);
    all.truncate(most);
    (all, (more > 0).then(|| format!("and {}", counted(more as u64, "more row"))))
}

fn effect(version: i64, effects: &[Effect], complete: bool, now: Instant) -> String {
    let applied = effects.first().map_or(0, |effect| effect.version);
    match effect_of(effects, complete, version) {
        None if version > applied => "takes effect at the next run".to_owned(),
        None => "took effect longer ago than is looked back".to_owned(),
        Some(effect) if effect.version > version => format!("replaced by version {} before a run applied it", effect.version),
        Some(effect) => {
            let moved: u64 = effect.moved.iter().map(|(_, moved)| moved).sum();
            format!("took effect {} in {}, moved {}", moment(effect.at, now).away, effect.run, counted(moved, "customer"))
        }
    }
}

/// `GET /integrations/{integration}/history`
pub async fn history(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let now = console.now();
    let effects = console.store.effects(&name, VERSIONS).await?;
    let complete = effects.len() < VERSIONS;
    let present = console.store.code_table(&name).await?.version;
    let versions = console.store.code_versions(&name, VERSIONS).await?;
    let shown = |version: TableVersion| {
        let (changes, more) = changes(version.removed.iter(), version.added.iter(), ROWS);
        Version {
            changes,
            more,
            effect: effect(version.version, &effects, complete, now),
            when: moment(version.by.at, now),
            present: version.version == present,
            version: version.version,
            author: version.by.author,
            reason: version.by.reason,
        }
    };
    let editable = console.store.integration(&name).await?.editable;
    page(&History {
        frame: Frame::of("History", Section::Integrations, &who, &session).await,
        base: base(&name),
        may_revert: who.access().over(Right::EditCodes, &name, editable).is_ok(),
        name,
        versions: versions.into_iter().map(shown).collect(),
    })
}

fn base(name: &str) -> String {
    format!("/integrations/{}", segment(name))
}

#[derive(Template)]
#[template(path = "revert.html")]
struct Revert {
    frame: Frame,
    name: String,
    base: String,
    version: i64,
    present: i64,
    changes: Vec<(bool, String)>,
    more: Option<String>,
    preview: Previewed,
    reason: String,
    wrong: Option<String>,
}

/// The table as it stands, and as it was in an earlier version.
async fn sides(console: &Console, name: &str, version: i64) -> Result<(i64, Vec<CodeRow>, Vec<CodeRow>), Problem> {
    let table = console.store.code_table(name).await?;
    if version < 0 || version >= table.version {
        return Err(Problem::not_found("such earlier version"));
    }
    let present = table.rows.into_iter().map(|row| row.row).collect();
    Ok((table.version, present, console.store.code_rows_at(name, version).await?))
}

async fn revert_page(
    console: &Console,
    (name, version): (String, i64),
    who: &Who,
    session: &Session,
    reason: String,
    wrong: Option<String>,
) -> Shown {
    let (stands, present, wanted) = sides(console, &name, version).await?;
    let differs = difference(&present, &wanted);
    let gone = differs.iter().flat_map(|one| one.before.iter().filter(|row| !one.after.contains(row)));
    let come = differs.iter().flat_map(|one| one.after.iter().filter(|row| !one.before.contains(row)));
    let (changes, more) = changes(gone, come, ROWS_BACK);
    let (deployed, ports) = (console.deployed(&name)?, console.deployment.ports(&name)?);
    let moves = preview(&ports, &deployed.integration, &revert_edits(&present, &wanted), PREVIEWED).await?;
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let shown = Revert {
        frame: Frame::of(&format!("Back to version {version}"), Section::Integrations, who, session).await,
        base: base(&name),
        name,
        version,
        present: stands,
        changes,
        more,
        preview: Previewed::of(moves, console.now()),
        reason,
        wrong,
    };
    page_with(status, &shown)
}

/// `GET /integrations/{integration}/history/{version}/revert`: what going back would change and move.
pub async fn revert_form(
    State(console): State<Arc<Console>>,
    Path(of): Path<(String, i64)>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    revert_page(&console, of, &who, &session, String::new(), None).await
}

/// `POST /integrations/{integration}/history/{version}/revert`: saves an earlier version's rows anew, as a version of its own.
pub async fn revert(
    State(console): State<Arc<Console>>,
    Path((name, version)): Path<(String, i64)>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let reason = fields.text("reason").trim().to_owned();
    let by = match signed(&console, &who, &reason) {
        Ok(by) => Authorship { reason: format!("back to version {version}: {}", by.reason), ..by },
        Err(no_reason) => return revert_page(&console, (name, version), &who, &session, reason, Some(no_reason.to_string())).await,
    };
    let expected = version_of(&fields)?;
    let (_, present, wanted) = sides(&console, &name, version).await?;
    match save(&console, &name, expected, &revert_edits(&present, &wanted), &by).await? {
        Became::Same(_) => to(&session, &format!("{}/history", base(&name)), true, "The table says that already; nothing was saved.").await,
        Became::New(saved) => {
            let told = format!("Saved the rows of version {version} as version {saved}. No customer moves before the next run.");
            to(&session, &format!("{}/history", base(&name)), true, told).await
        }
        Became::Moved(stands) => {
            let wrong = format!(
                "Somebody saved the table meanwhile: it has version {stands} now. Nothing was changed; below is what going back means now."
            );
            revert_page(&console, (name, version), &who, &session, reason, Some(wrong)).await
        }
    }
}
