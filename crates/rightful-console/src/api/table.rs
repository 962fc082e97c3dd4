//! The code table as a CSV file: out, judged row by row, and in.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rightful_core::Error;
use rightful_engine::table_file::{self, FileRow};
use rightful_engine::{CodeRow, known_people};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::codes::SavedTable;
use super::read::{Asked, Text};
use super::{Told, said};
use crate::Console;
use crate::access::Who;
use crate::operations::codes::{Became, moved, save};
use crate::operations::signed;
use crate::problem::Problem;
use crate::told::without_commands;

/// The header that tells the version which a file holds.
const VERSION: &str = "x-table-version";

/// Gives the code table as CSV, with the columns `code`, `user` and `successor`. The header `X-Table-Version` names its version.
///
/// Cells that a spreadsheet would take for a formula begin with `'`; importing takes it away again.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/codes.csv", operation_id = "exportCodes", tag = "Codes",
    responses((status = 200, content_type = "text/csv", body = String, headers(("X-Table-Version" = i64, description = "The table's version.")))))]
pub async fn export(State(console): State<Arc<Console>>, Path(name): Path<String>) -> Result<Response, Problem> {
    let table = console.store.code_table(&name).await?;
    let rows: Vec<CodeRow> = table.rows.into_iter().map(|known| known.row).collect();
    let headers = [(header::CONTENT_TYPE.as_str(), "text/csv; charset=utf-8".to_owned()), (VERSION, table.version.to_string())];
    Ok((headers, table_file::written(&rows)?).into_response())
}

/// What is thought of a row of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Verdict {
    /// Its line.
    pub line: u64,
    /// The code.
    pub code: String,
    /// The user.
    pub user: String,
    /// May it be saved?
    pub good: bool,
    /// Why not, or what is worth knowing.
    pub remark: String,
}

impl From<table_file::Verdict> for Verdict {
    fn from(verdict: table_file::Verdict) -> Self {
        Self { line: verdict.line, code: verdict.code, user: verdict.user, good: verdict.good, remark: without_commands(&verdict.remark) }
    }
}

/// What is thought of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Verdicts {
    /// Rows that may be saved.
    pub good: usize,
    /// Rows that may not.
    pub bad: usize,
    /// Every row, in the order of the file.
    pub rows: Vec<Verdict>,
}

async fn read(console: &Console, name: &str, text: &str) -> Result<(Vec<FileRow>, Vec<table_file::Verdict>), Problem> {
    let deployed = console.deployed(name)?;
    let ports = console.deployment.ports(name)?;
    let rows = table_file::rows(text)?;
    let verdicts = table_file::judge(&rows, known_people(&ports, &deployed.integration).await?.as_ref());
    Ok((rows, verdicts))
}

/// Judges every row of a CSV file, and saves nothing.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/codes/verdicts", operation_id = "judgeCodes", tag = "Codes",
    request_body(content = String, content_type = "text/csv"), responses((status = 200, body = Verdicts)))]
pub async fn verdicts(State(console): State<Arc<Console>>, Path(name): Path<String>, Text(text): Text) -> Told<Verdicts> {
    let (_, verdicts) = read(&console, &name, &text).await?;
    let good = verdicts.iter().filter(|verdict| verdict.good).count();
    said(Verdicts { good, bad: verdicts.len() - good, rows: verdicts.into_iter().map(Verdict::from).collect() })
}

/// How a file shall be saved.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Importing {
    /// The version of the table that the file stands on.
    pub expected: i64,
    /// Why.
    pub reason: String,
    /// Take codes that the file lacks out of the table.
    #[serde(default)]
    #[param(default = false)]
    pub whole: bool,
    /// Save the good rows where others are bad; a code whose rows are all bad keeps what it has.
    #[serde(default)]
    #[param(default = false)]
    pub good_rows: bool,
}

/// Saves a CSV file: each code of the file gets exactly its rows. No record moves before the next run.
///
/// Where a row is bad, nothing is saved unless `good_rows` says so; `verdicts` lists the bad ones.
#[utoipa::path(put, path = "/api/v1/integrations/{integration}/codes.csv", operation_id = "importCodes", tag = "Codes", params(Importing),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = SavedTable), (status = 409, description = "Somebody saved meanwhile; `version` is what stands.")))]
pub async fn import(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Asked(asked): Asked<Importing>,
    Text(text): Text,
) -> Told<SavedTable> {
    let by = signed(&console, &who, &asked.reason)?;
    let (rows, verdicts) = read(&console, &name, &text).await?;
    let bad: Vec<serde_json::Value> = verdicts
        .iter()
        .filter(|verdict| !verdict.good)
        .map(|verdict| serde_json::to_value(Verdict::from(verdict.clone())))
        .collect::<Result<_, _>>()
        .map_err(|error| Error::new(rightful_core::ErrorKind::Protocol, "the verdicts cannot be written").source(error))?;
    if verdicts.is_empty() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the file has no rows").hint("nothing was saved"));
    }
    if !bad.is_empty() && (!asked.good_rows || bad.len() == verdicts.len()) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{} of {} rows cannot be saved", bad.len(), verdicts.len()))
            .hint("put right the rows that `verdicts` lists, or save the good ones alone: good_rows=true; nothing was saved")
            .with("verdicts", bad));
    }
    let table = console.store.code_table(&name).await?;
    let leave = asked.whole.then(|| table.rows.iter().map(|known| known.row.code.as_str()));
    let edits = table_file::edits(&rows, &verdicts, leave.into_iter().flatten());
    match save(&console, &name, asked.expected, &edits, &by).await? {
        Became::New(version) => said(SavedTable { version, changed: true }),
        Became::Same(version) => said(SavedTable { version, changed: false }),
        Became::Moved(present) => Err(moved(present)),
    }
}
