//! What waits for a person or for something to be ready, and why a record stands as it does.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use rightful_engine::{self as engine, CaseFilter, CaseId, CreditState, FigureLine, HoldId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging::{Page, Paging, Part};
use super::read::Asked;
use super::runs::{Item, item};
use super::words::{Names, Owner, Why, texts};
use super::{Told, said};
use crate::Console;
use crate::access::Who;
use crate::operations::holds::drop_one;
use crate::operations::signed;
use crate::operations::why::{Reasons, reasons};
use crate::pages::runs::people;
use crate::pages::scope::Scope;
use crate::problem::Problem;
use crate::told::without_commands;

/// Something that a person has to look at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Case {
    /// Its number.
    pub id: i64,
    /// The integration.
    pub integration: String,
    /// A stable word: `unmapped-code`, `inactive-user`, `refused-write`, ...
    pub reason: String,
    /// What it is about: a code, a user name, a record's pairing key.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// What mends it.
    pub mend: String,
    /// Seen first.
    pub first_seen: DateTime<Utc>,
    /// Seen last.
    pub last_seen: DateTime<Utc>,
    /// Closed by a run that no longer found it; `null`: open.
    #[schema(required)]
    pub closed: Option<DateTime<Utc>>,
}

impl From<engine::Case> for Case {
    fn from(case: engine::Case) -> Self {
        Self {
            id: case.id.0,
            integration: case.integration,
            reason: case.case.reason,
            subject: case.case.subject,
            message: case.case.message,
            mend: without_commands(&case.case.mend),
            first_seen: case.first_seen,
            last_seen: case.last_seen,
            closed: case.closed,
        }
    }
}

/// Which cases.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CasesAsked {
    /// Only those with this reason.
    pub reason: Option<String>,
    /// Closed ones too.
    pub closed: Option<bool>,
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// Where to go on: `next` of the page before.
    pub cursor: Option<String>,
}

async fn listed(console: &Console, scope: &Scope, asked: CasesAsked) -> Told<Page<Case>> {
    let part = Part::<i64>::of("cases", asked.limit, asked.cursor.as_deref())?;
    let filter = CaseFilter {
        integration: None,
        reason: asked.reason,
        open: !asked.closed.unwrap_or_default(),
        after: part.from.map(CaseId),
        limit: part.fetch(),
    };
    said(part.page(scope.cases(console, filter).await?, |case| case.id.0.to_string(), Case::from))
}

/// Lists cases of all integrations in scope, oldest first: the work list.
#[utoipa::path(get, path = "/api/v1/cases", operation_id = "listCases", tag = "Cases", params(CasesAsked),
    responses((status = 200, body = Page<Case>)))]
pub async fn all(State(console): State<Arc<Console>>, Extension(who): Extension<Who>, Asked(asked): Asked<CasesAsked>) -> Told<Page<Case>> {
    listed(&console, &Scope::of(&console, &who, "")?, asked).await
}

/// Lists cases of one integration, oldest first.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/cases", operation_id = "listCasesOfOne", tag = "Cases", params(CasesAsked),
    responses((status = 200, body = Page<Case>)))]
pub async fn list(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Asked(asked): Asked<CasesAsked>,
) -> Told<Page<Case>> {
    listed(&console, &Scope::of(&console, &who, &name)?, asked).await
}

/// The latest wanted state of a record, kept until something is ready.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Hold {
    /// Its number.
    pub id: i64,
    /// The integration.
    pub integration: String,
    /// The target kind.
    pub kind: String,
    /// The target record.
    pub target: String,
    /// Its pairing key.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What is awaited: `no-match`, `no-owner`.
    pub reason: String,
    /// What would release it.
    pub waits_for: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The run that saw it last.
    #[schema(required)]
    pub run: Option<i64>,
    /// Why.
    pub why: Why,
}

impl From<engine::Hold> for Hold {
    fn from(hold: engine::Hold) -> Self {
        let held = hold.hold;
        Self {
            id: hold.id.0,
            integration: hold.integration,
            kind: held.kind.to_string(),
            target: held.target.to_string(),
            code: held.code,
            name: held.name,
            reason: held.reason,
            waits_for: held.waits_for,
            since: hold.since,
            run: hold.run.map(|run| run.0),
            why: held.why.into(),
        }
    }
}

async fn held(console: &Console, scope: &Scope, asked: Paging) -> Told<Page<Hold>> {
    let part = Part::<i64>::of("holds", asked.limit, asked.cursor.as_deref())?;
    let found = scope.holds(console, part.from.map(HoldId), part.fetch()).await?;
    said(part.page(found, |hold| hold.id.0.to_string(), Hold::from))
}

/// Lists holds of all integrations in scope, oldest first.
#[utoipa::path(get, path = "/api/v1/holds", operation_id = "listHolds", tag = "Cases", params(Paging),
    responses((status = 200, body = Page<Hold>)))]
pub async fn all_holds(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    Asked(asked): Asked<Paging>,
) -> Told<Page<Hold>> {
    held(&console, &Scope::of(&console, &who, "")?, asked).await
}

/// Lists holds of one integration, oldest first.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/holds", operation_id = "listHoldsOfOne", tag = "Cases", params(Paging),
    responses((status = 200, body = Page<Hold>)))]
pub async fn holds(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Asked(asked): Asked<Paging>,
) -> Told<Page<Hold>> {
    held(&console, &Scope::of(&console, &who, &name)?, asked).await
}

/// Why a hold is dropped.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Dropping {
    /// In a few words.
    pub reason: Option<String>,
}

/// Drops a hold. The next plan brings it back if it is still wanted; of an activity exactly this state is not sent any more.
#[utoipa::path(delete, path = "/api/v1/integrations/{integration}/holds/{hold}", operation_id = "dropHold", tag = "Cases", params(Dropping),
    responses((status = 204)))]
pub async fn drop_hold(
    State(console): State<Arc<Console>>,
    Path((name, hold)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    Asked(asked): Asked<Dropping>,
) -> Result<StatusCode, Problem> {
    let by = signed(&console, &who, asked.reason.as_deref().unwrap_or("dropped"))?;
    drop_one(&console, &name, &hold, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which record.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its pairing key, or its id in the target; of an activity, its id in the source.
    pub record: String,
}

/// The source record behind a target record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SourceRecord {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Is it in use?
    pub active: bool,
    /// Its code as people see it.
    #[schema(required)]
    pub code_label: Option<String>,
}

/// What the present table says about a record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Present {
    /// `already-so`, `would-change`, `left`, `held`, `unseen`, `not-planned` or `several-owners`.
    pub verdict: String,
    /// Whom it would belong to, where it would change.
    pub would_be: Vec<Owner>,
    /// The code table's version; `null`: owners lead on through links.
    #[schema(required)]
    pub table_version: Option<i64>,
}

/// Why a record belongs to its users.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// The integration.
    pub integration: String,
    /// The record's pairing key.
    pub key: String,
    /// The record's id in the target.
    pub target: String,
    /// Its name.
    pub name: String,
    /// Who owns it, as last read; `null`: the target does not show it, or it is gone.
    #[schema(required)]
    pub owners: Option<Vec<Owner>>,
    /// Do its owners stand as the last write left them? `null`: nothing was ever written to it.
    #[schema(required)]
    pub as_written: Option<bool>,
    /// The newest of what was written to it, newest first.
    pub written: Vec<Item>,
    /// The source record it is paired with.
    #[schema(required)]
    pub source: Option<SourceRecord>,
    /// What the present table says.
    #[schema(required)]
    pub present: Option<Present>,
    /// All of it in sentences.
    pub told: Vec<String>,
}

/// What is credited of a record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CreditedRecord {
    /// The integration.
    pub integration: String,
    /// The record's id in the source.
    pub record: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Is it in the source, as last read?
    pub there: bool,
    /// What workflows say of it.
    pub figures: Vec<CreditedFigure>,
    /// All of it in sentences.
    pub told: Vec<String>,
}

/// One figure of a record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CreditedFigure {
    /// The record in the target.
    pub target: String,
    /// The workflow and its figure.
    pub workflow: String,
    /// Does the record satisfy the workflow, as last read?
    pub satisfied: bool,
    /// What the target holds, as far as we sent it; `null`: nothing.
    #[schema(required)]
    pub credit: Option<Credit>,
    /// What waits.
    #[schema(required)]
    pub hold: Option<Hold>,
    /// The newest of what was written of it, newest first.
    pub written: Vec<Item>,
}

/// What was sent of a figure.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Credit {
    /// `sent`, `unsure` (the answer was lost) or `let-go`: this state is not sent.
    pub state: String,
    /// To whom.
    pub owner: Owner,
    /// Why they are the source record's owner, in words.
    #[schema(required)]
    pub link: Option<String>,
    /// What, as text.
    pub values: BTreeMap<String, String>,
    /// Since when.
    pub at: DateTime<Utc>,
}

fn figure(line: FigureLine, names: &Names) -> CreditedFigure {
    let FigureLine { target, workflow, satisfied, credit, owner, link, hold, entries } = line;
    CreditedFigure {
        target: target.to_string(),
        workflow,
        satisfied,
        credit: credit.map(|credit| Credit {
            state: match credit.state {
                CreditState::Sent => "sent",
                CreditState::Unsure => "unsure",
                CreditState::LetGo => "let-go",
            }
            .to_owned(),
            owner: Owner { name: owner.unwrap_or_else(|| credit.owner.clone()), owner: credit.owner },
            link,
            values: texts(credit.values),
            at: credit.at,
        }),
        hold: hold.map(Hold::from),
        written: entries.into_iter().map(|entry| item(entry, names)).collect(),
    }
}

/// Why a record stands as it does: of an integration that keeps owners right, or of one that credits activities.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Explained {
    /// Why a record of the target belongs to its users.
    Owners(Explanation),
    /// What is credited of a record of the source.
    Credits(CreditedRecord),
}

/// Explains why a record belongs to its users, or what is credited of it.
///
/// Where the integration credits activities, the record is one of the source. Where there is no such record, `near` lists some that may be meant.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/explain", operation_id = "explain", tag = "Cases", params(Record),
    responses((status = 200, body = Explained)))]
pub async fn explain(State(console): State<Arc<Console>>, Path(name): Path<String>, Asked(asked): Asked<Record>) -> Told<Explained> {
    let deployed = console.deployed(&name)?;
    let key = asked.record.trim();
    let names = Names(people(&console, &deployed.integration).await);
    match reasons(&console, &deployed, key).await? {
        Reasons::Owners(found) => said(Explained::Owners(owned(found, &names))),
        Reasons::Credits(found) => said(Explained::Credits(CreditedRecord {
            told: found.told().iter().map(|line| without_commands(line)).collect(),
            integration: found.integration,
            record: found.record.to_string(),
            kind: found.kind.to_string(),
            name: found.name,
            there: found.there,
            figures: found.figures.into_iter().map(|line| figure(line, &names)).collect(),
        })),
        Reasons::Unknown { kind, vendor, near } => {
            let near: Vec<_> = near.into_iter().map(|near| serde_json::json!({ "key": near.key, "name": near.name })).collect();
            Err(Problem::new(StatusCode::NOT_FOUND, format!("no {kind} `{key}` is known"))
                .hint(format!("give its code or its id as {vendor} spells it; case and leading zeros count"))
                .with("near", near))
        }
    }
}

fn owned(found: engine::Explanation, names: &Names) -> Explanation {
    let owners = |lines: Vec<engine::OwnerLine>| -> Vec<Owner> {
        lines.into_iter().map(|line| Owner { owner: line.owner, name: line.name }).collect()
    };
    Explanation {
        told: found.told(),
        integration: found.integration,
        key: found.key,
        target: found.target.to_string(),
        name: found.name,
        owners: found.owners.map(owners),
        as_written: found.as_written,
        written: found.entries.into_iter().map(|entry| item(entry, names)).collect(),
        source: found.source.map(|source| SourceRecord {
            id: source.id.to_string(),
            name: source.name,
            active: source.active,
            code_label: source.code_label,
        }),
        present: found.present.map(|present| Present {
            verdict: present.verdict,
            would_be: owners(present.would_be),
            table_version: present.table_version,
        }),
    }
}
