//! What people look back at and decide between runs: approvals of plans, and when a table's version took effect.

use std::fmt;

use async_trait::async_trait;
use rightful_core::{Instant, Result};
use serde::{Deserialize, Serialize};

use crate::{Authorship, Kept, PlanId, RunId};

/// When a code table's version first counted: the first run that applied it to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The version.
    pub version: i64,
    /// The run.
    pub run: RunId,
    /// When it ended.
    pub at: Instant,
    /// Records that changed owner in it, by code; codes without a change are left out.
    pub moved: Vec<(String, u64)>,
}

impl Effect {
    /// How many records of a code changed owner in it.
    pub fn moved_of(&self, code: &str) -> u64 {
        self.moved.iter().find(|(known, _)| known == code).map_or(0, |(_, moved)| *moved)
    }
}

/// What first applied a version, or a later one that replaced it before any run. `effects` are the newest first; unless they are `complete`,
/// nothing is said of a version that is older than all of them: another effect may stand between.
pub fn effect_of(effects: &[Effect], complete: bool, version: i64) -> Option<&Effect> {
    let at = effects.iter().rposition(|effect| effect.version >= version)?;
    let certain = complete || at + 1 < effects.len() || effects[at].version == version;
    certain.then(|| &effects[at])
}

/// Keeps what people decide about plans, and tells what came of what they saved.
#[async_trait]
pub trait ReviewStore: fmt::Debug + Send + Sync + 'static {
    /// Runs that first applied a version of the table (`done`, `done-with-holds` or `partial`, with or without a change), newest first.
    async fn effects(&self, integration: &str, limit: usize) -> Result<Vec<Effect>>;
    /// Who approved a plan so far, in order.
    async fn approvals(&self, plan: PlanId) -> Result<Vec<Authorship>>;
    /// Adds an approval and gives back all of them; the same person approves once. `Moved` where the plan can no longer be applied.
    async fn approve_plan(&self, plan: PlanId, by: &Authorship) -> Result<Kept<Vec<Authorship>>>;
    /// Drops a plan that was not applied. `Moved` where it cannot be dropped any more.
    async fn reject_plan(&self, plan: PlanId, by: &Authorship) -> Result<Kept<()>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_takes_effect_with_the_first_run_that_applied_it_or_a_later_one() {
        let effect = |version| Effect { version, run: RunId(version), at: Instant::UNIX_EPOCH, moved: Vec::new() };
        let effects = [effect(9), effect(6), effect(3)];
        for (version, complete, expected) in [
            (10, true, None),
            (9, true, Some(9)),
            (7, true, Some(9)),
            (6, false, Some(6)),
            (4, false, Some(6)),
            (3, false, Some(3)),
            (2, false, None),
            (2, true, Some(3)),
        ] {
            let found = effect_of(&effects, complete, version).map(|effect| effect.version);
            assert_eq!(found, expected, "version {version}, complete {complete}");
        }
        assert_eq!(effect_of(&[], true, 1), None);
    }
}
