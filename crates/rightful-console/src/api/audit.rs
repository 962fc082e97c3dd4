//! The audit log: its lines, newest first, and whether its chain holds.

use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, Utc};
use rightful_engine::{AuditFilter, AuditLine, ChainVerdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::paging::{Page, Part};
use super::read::Asked;
use super::{Told, said};
use crate::Console;

/// A line of the log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its number, from 1 without gaps.
    pub number: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What was done, a stable word: `codes.save`, `member.add`.
    pub action: String,
    /// To what.
    pub object: String,
    /// What it was, as plain data without secrets.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// Hash over the line and the hash before it.
    pub hash: String,
}

impl From<AuditLine> for AuditEntry {
    fn from(line: AuditLine) -> Self {
        let act = line.act;
        Self {
            number: line.number,
            at: act.at,
            actor: act.actor,
            action: act.action,
            object: act.object,
            detail: act.detail,
            hash: line.hash,
        }
    }
}

/// Which lines.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditAsked {
    /// By this actor.
    pub actor: Option<String>,
    /// With actions that begin so: `member.add`, `member`.
    pub action: Option<String>,
    /// To this object.
    pub object: Option<String>,
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// Where to go on: `next` of the page before.
    pub cursor: Option<String>,
}

/// Lists what was done, newest first.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "listAudit", tag = "Audit", params(AuditAsked),
    responses((status = 200, body = Page<AuditEntry>)))]
pub async fn list(State(console): State<Arc<Console>>, Asked(asked): Asked<AuditAsked>) -> Told<Page<AuditEntry>> {
    let part = Part::<i64>::of("audit", asked.limit, asked.cursor.as_deref())?;
    let filter = AuditFilter { actor: asked.actor, action: asked.action, object: asked.object, before: part.from, limit: part.fetch() };
    said(part.page(console.store.acts(&filter).await?, |line| line.number.to_string(), AuditEntry::from))
}

/// How the chain of hashes stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Chain {
    /// Does every line follow from the one before?
    pub whole: bool,
    /// How many lines there are, where it is whole.
    #[schema(required)]
    pub lines: Option<i64>,
    /// The last hash, where it is whole: who keeps it elsewhere notices later whether lines were cut off at the end.
    #[schema(required)]
    pub head: Option<String>,
    /// The first line that does not fit.
    #[schema(required)]
    pub broken_at: Option<i64>,
    /// Why it does not.
    #[schema(required)]
    pub why: Option<String>,
}

/// Walks the whole chain of hashes.
#[utoipa::path(get, path = "/api/v1/audit/chain", operation_id = "verifyAudit", tag = "Audit", responses((status = 200, body = Chain)))]
pub async fn chain(State(console): State<Arc<Console>>) -> Told<Chain> {
    said(match console.store.verify().await? {
        ChainVerdict::Whole { lines, head } => Chain { whole: true, lines: Some(lines), head: Some(head), broken_at: None, why: None },
        ChainVerdict::Broken { number, why } => Chain { whole: false, lines: None, head: None, broken_at: Some(number), why: Some(why) },
    })
}
