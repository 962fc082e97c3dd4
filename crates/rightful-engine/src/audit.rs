//! The audit log: who did what, each line bound by its hash to all lines before it.

use std::fmt;

use async_trait::async_trait;
use rightful_core::{Instant, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Something a person or token did, before the log has numbered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: Instant,
    /// Who: a member's name, `token NAME`, or a name given on the command line.
    pub actor: String,
    /// What was done, a stable word: `codes.save`, `member.add`, `plan.approve`, `connection.save`.
    pub action: String,
    /// To what: an integration, a member, a connection.
    pub object: String,
    /// What it was, as plain data without secrets: version, reason, before and after.
    pub detail: Json,
}

impl Act {
    /// An act without details.
    pub fn new(at: Instant, actor: impl Into<String>, action: &str, object: impl Into<String>) -> Self {
        Self { at, actor: actor.into(), action: action.to_owned(), object: object.into(), detail: Json::Null }
    }

    /// With details.
    #[must_use]
    pub fn detail(mut self, detail: Json) -> Self {
        self.detail = detail;
        self
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Its number, from 1 without gaps.
    pub number: i64,
    /// What was done.
    pub act: Act,
    /// Hash over the line and the hash before it, in hexadecimal.
    pub hash: String,
}

/// Which lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this actor.
    pub actor: Option<String>,
    /// With actions that begin so: `member.add`, `member.`, `member`.
    pub action: Option<String>,
    /// To this object.
    pub object: Option<String>,
    /// Numbered below this; `None`: from the newest.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// How the chain stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "chain")]
pub enum ChainVerdict {
    /// Every line follows from the one before.
    Whole {
        /// How many lines.
        lines: i64,
        /// The last hash: who keeps it elsewhere notices later whether lines were cut off at the end.
        head: String,
    },
    /// A line is not what it was, or lines are missing.
    Broken {
        /// The first line that does not fit.
        number: i64,
        /// Why.
        why: String,
    },
}

/// Keeps the audit log. Methods of the store that change what people decide write their own line in the same transaction.
#[async_trait]
pub trait AuditLog: fmt::Debug + Send + Sync + 'static {
    /// Adds a line.
    async fn append(&self, act: &Act) -> Result<i64>;
    /// Lines, newest first.
    async fn acts(&self, filter: &AuditFilter) -> Result<Vec<AuditLine>>;
    /// Walks the whole chain.
    async fn verify(&self) -> Result<ChainVerdict>;
    /// The number of the line with this hash: a head that was noted earlier must still be there.
    async fn line_with(&self, hash: &str) -> Result<Option<i64>>;
}
