//! The code table as a whole: as a file, out and in; its versions, what each changed, and going back to one; who may edit it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_core::{Error, ErrorKind};
use rightful_engine::table_file::{self, Verdict};
use rightful_engine::{Authorship, CodeRow, Effect, Right, Saved, TableVersion, known_people, revert_edits};

use super::{Frame, Section, Shown, download, page, page_with, segment, to};
use crate::Console;
use crate::access::Who;
use crate::fields::Fields;
use crate::problem::Problem;
use crate::told::{Moment, counted, moment};

/// Versions shown.
const VERSIONS: usize = 100;

/// `GET /integrations/{integration}/codes.csv`
pub async fn export(State(console): State<Arc<Console>>, Path(name): Path<String>) -> Shown {
    let table = console.store.code_table(&name).await?;
    let rows: Vec<CodeRow> = table.rows.into_iter().map(|row| row.row).collect();
    Ok(download("text/csv; charset=utf-8", &format!("{name}-codes-v{}.csv", table.version), table_file::written(&rows)?))
}

#[derive(Template)]
#[template(path = "import.html")]
struct Import {
    frame: Frame,
    name: String,
    base: String,
    version: i64,
    text: String,
    whole: bool,
    good_rows: bool,
    reason: String,
    verdicts: Vec<Verdict>,
    good: usize,
    bad: usize,
    wrong: Option<String>,
}

impl Import {
    /// May what was judged be saved?
    fn may_save(&self) -> bool {
        self.good > 0 && (self.bad == 0 || self.good_rows)
    }
}

/// `GET /integrations/{integration}/import`
pub async fn import_form(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let version = console.store.code_table(&name).await?.version;
    page(&Import {
        frame: Frame::of("Import codes", Section::Integrations, &who, &session).await,
        base: format!("/integrations/{}", segment(&name)),
        name,
        version,
        text: String::new(),
        whole: false,
        good_rows: false,
        reason: String::new(),
        verdicts: Vec::new(),
        good: 0,
        bad: 0,
        wrong: None,
    })
}

/// `POST /integrations/{integration}/import`: judges every row; saves only when asked to, what was judged.
pub async fn import(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let deployed = console.deployed(&name)?;
    let ports = console.deployment.ports(&name).await?;
    // A file, where one was chosen; else what was pasted.
    let text = [fields.text("file"), fields.text("text")].into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default().to_owned();
    let table = console.store.code_table(&name).await?;
    let mut shown = Import {
        frame: Frame::of("Import codes", Section::Integrations, &who, &session).await,
        base: format!("/integrations/{}", segment(&name)),
        version: table.version,
        whole: fields.has("whole"),
        good_rows: fields.has("good_rows"),
        reason: fields.text("reason").trim().to_owned(),
        verdicts: Vec::new(),
        good: 0,
        bad: 0,
        wrong: None,
        name,
        text,
    };
    let rows = match table_file::rows(&shown.text) {
        Ok(rows) => rows,
        Err(error) => {
            shown.wrong = Some(format!("{}; {}", error.message(), error.mend().unwrap_or_default()));
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
        }
    };
    shown.verdicts = table_file::judge(&rows, known_people(&ports, &deployed.integration).await?.as_ref());
    shown.good = shown.verdicts.iter().filter(|verdict| verdict.good).count();
    shown.bad = shown.verdicts.len() - shown.good;
    if !fields.has("save") {
        return page(&shown);
    }
    if !shown.may_save() {
        shown.wrong = Some("Correct the bad rows, or choose to save the good ones alone.".to_owned());
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
    }
    if shown.reason.is_empty() {
        shown.wrong = Some("Say why, in a few words: whoever looks at this later will want to know.".to_owned());
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
    }
    let expected = version_of(&fields)?;
    let leave = shown.whole.then(|| table.rows.iter().map(|row| row.row.code.as_str()));
    let edits = table_file::edits(&rows, &shown.verdicts, leave.into_iter().flatten());
    let by = Authorship { author: who.actor(), reason: shown.reason.clone(), at: console.now() };
    match console.store.save_codes(&shown.name, expected, &edits, &by).await? {
        Saved::Version(version) if version == expected => {
            to(&session, &shown.base, true, "The file says what the table says; nothing was saved.").await
        }
        Saved::Version(version) => {
            let rows = counted(shown.good as u64, "row");
            let told = format!("Saved {rows} as version {version}. No customer has moved yet: that happens at the next run.");
            to(&session, &shown.base, true, told).await
        }
        Saved::Moved(version) => {
            shown.wrong = Some(format!(
                "Somebody saved the table meanwhile: it has version {version} now. Nothing of yours was saved; look at the history, then save again."
            ));
            shown.version = version;
            page_with(StatusCode::CONFLICT, &shown)
        }
    }
}

fn version_of(fields: &Fields) -> Result<i64, Problem> {
    let error = || Error::new(ErrorKind::Config, "the form does not say which version it stands on").hint("load the page again");
    Ok(fields.text("version").parse().map_err(|_| error())?)
}

/// One version as the history shows it.
struct Version {
    version: i64,
    author: String,
    reason: String,
    when: Moment,
    changes: Vec<(bool, String)>,
    effect: String,
    present: bool,
}

#[derive(Template)]
#[template(path = "history.html")]
struct History {
    frame: Frame,
    name: String,
    base: String,
    present: i64,
    versions: Vec<Version>,
    may_revert: bool,
}

fn told(row: &CodeRow) -> String {
    let successor = row.successor.as_ref().map(|successor| format!(" (taken over by {successor})")).unwrap_or_default();
    format!("{} → {}{successor}", row.code, row.user.as_deref().unwrap_or("nobody yet"))
}

fn changes(version: &TableVersion) -> Vec<(bool, String)> {
    let removed = version.removed.iter().map(|row| (false, told(row)));
    removed.chain(version.added.iter().map(|row| (true, told(row)))).collect()
}

fn effect(version: i64, effects: &[Effect], now: rightful_core::Instant) -> String {
    match effects.iter().filter(|effect| effect.version >= version).min_by_key(|effect| effect.version) {
        None => "takes effect at the next run".to_owned(),
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
    let present = console.store.code_table(&name).await?.version;
    let versions = console.store.code_versions(&name, VERSIONS).await?;
    let versions = versions
        .into_iter()
        .map(|version| Version {
            changes: changes(&version),
            effect: effect(version.version, &effects, now),
            when: moment(version.by.at, now),
            present: version.version == present,
            version: version.version,
            author: version.by.author,
            reason: version.by.reason,
        })
        .collect();
    let editable = console.store.integration(&name).await?.editable;
    page(&History {
        frame: Frame::of("History", Section::Integrations, &who, &session).await,
        base: format!("/integrations/{}", segment(&name)),
        may_revert: who.access().over(Right::EditCodes, &name, editable).is_ok(),
        name,
        present,
        versions,
    })
}

/// `POST /integrations/{integration}/history/{version}/revert`: saves an earlier version's rows anew, as a version of its own.
pub async fn revert(
    State(console): State<Arc<Console>>,
    Path((name, version)): Path<(String, i64)>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let history = format!("/integrations/{}/history", segment(&name));
    let reason = fields.text("reason").trim();
    if reason.is_empty() {
        return to(&session, &history, false, "Say why you go back, in a few words. Nothing was saved.").await;
    }
    let expected = version_of(&fields)?;
    let table = console.store.code_table(&name).await?;
    if version < 0 || version >= table.version {
        return Err(Problem::not_found("such earlier version"));
    }
    let present: Vec<CodeRow> = table.rows.into_iter().map(|row| row.row).collect();
    let edits = revert_edits(&present, &console.store.code_rows_at(&name, version).await?);
    let by = Authorship { author: who.actor(), reason: format!("back to version {version}: {reason}"), at: console.now() };
    let told = match console.store.save_codes(&name, expected, &edits, &by).await? {
        Saved::Version(saved) if saved == expected => (true, "The table says that already; nothing was saved.".to_owned()),
        Saved::Version(saved) => {
            (true, format!("Saved the rows of version {version} as version {saved}. No customer moves before the next run."))
        }
        Saved::Moved(moved) => {
            (false, format!("Somebody saved the table meanwhile: it has version {moved} now. Nothing was changed; look again."))
        }
    };
    to(&session, &history, told.0, told.1).await
}

/// `POST /integrations/{integration}/editable`: may account managers edit the table?
pub async fn editable(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let editable = fields.text("editable") == "yes";
    let reason = if editable { "made editable by account managers" } else { "no longer editable by account managers" };
    let by = Authorship { author: who.actor(), reason: reason.to_owned(), at: console.now() };
    console.store.set_editable(&name, editable, &by).await?;
    let told = if editable { "Account managers may edit this table now." } else { "Only the integration team may edit this table now." };
    to(&session, &format!("/integrations/{}", segment(&name)), true, told).await
}
