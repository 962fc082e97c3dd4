//! The code table as a whole: as a file, out and in; who may edit it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_core::{Error, ErrorKind};
use rightful_engine::table_file::{self, Verdict};
use rightful_engine::{CodeRow, known_people, preview};

use super::previewed::{PREVIEWED, Previewed};
use super::{Frame, Section, Shown, download, page, page_with, segment, to};
use crate::Console;
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::codes::{Became, save};
use crate::operations::{signed, told};
use crate::problem::Problem;
use crate::told::counted;

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
    preview: Option<Previewed>,
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
        preview: None,
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
    let ports = console.deployment.ports(&name)?;
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
        preview: None,
        wrong: None,
        name,
        text,
    };
    let rows = match table_file::rows(&shown.text) {
        Ok(rows) => rows,
        Err(error) => {
            shown.wrong = Some(told(&error));
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
        }
    };
    shown.verdicts = table_file::judge(&rows, known_people(&ports, &deployed.integration).await?.as_ref());
    shown.good = shown.verdicts.iter().filter(|verdict| verdict.good).count();
    shown.bad = shown.verdicts.len() - shown.good;
    let leave = shown.whole.then(|| table.rows.iter().map(|row| row.row.code.as_str()));
    let edits = table_file::edits(&rows, &shown.verdicts, leave.into_iter().flatten());
    let saves = fields.has("save") && !shown.reason.is_empty();
    if shown.may_save() && !saves {
        shown.preview = Some(Previewed::of(preview(&ports, &deployed.integration, &edits, PREVIEWED).await?, console.now()));
    }
    if !fields.has("save") {
        return page(&shown);
    }
    if !shown.may_save() {
        shown.wrong = Some("Correct the bad rows, or choose to save the good ones alone.".to_owned());
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
    }
    let by = match signed(&console, &who, &shown.reason) {
        Ok(by) => by,
        Err(no_reason) => {
            shown.wrong = Some(no_reason.to_string());
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
        }
    };
    let expected = version_of(&fields)?;
    match save(&console, &shown.name, expected, &edits, &by).await? {
        Became::Same(_) => to(&session, &shown.base, true, "The file says what the table says; nothing was saved.").await,
        Became::New(version) => {
            let rows = counted(shown.good as u64, "row");
            let told = format!("Saved {rows} as version {version}. No customer has moved yet: that happens at the next run.");
            to(&session, &shown.base, true, told).await
        }
        Became::Moved(version) => {
            shown.wrong = Some(format!(
                "Somebody saved the table meanwhile: it has version {version} now. Nothing of yours was saved; look at the history, then save again."
            ));
            shown.version = version;
            page_with(StatusCode::CONFLICT, &shown)
        }
    }
}

/// The version that the form stood on.
pub fn version_of(fields: &Fields) -> Result<i64, Problem> {
    let error = || Error::new(ErrorKind::Config, "the form does not say which version it stands on").hint("load the page again");
    Ok(fields.text("version").parse().map_err(|_| error())?)
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
    console.store.set_editable(&name, editable, &signed(&console, &who, reason)?).await?;
    let told = if editable { "Account managers may edit this table now." } else { "Only the integration team may edit this table now." };
    to(&session, &format!("/integrations/{}", segment(&name)), true, told).await
}
