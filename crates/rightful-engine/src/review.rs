//! What people look back at and decide between runs: who has to approve a plan, and when a table's version took effect.

use std::fmt;

use async_trait::async_trait;
use rightful_core::{Instant, Result};
use serde::{Deserialize, Serialize};

use crate::{APPROVAL_PATIENCE, Authorship, Digest, Kept, Plan, PlanId, PlanState, RunId};

/// Why nobody can approve a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closed {
    /// It is still being written.
    Drafting,
    /// It changes nothing.
    Empty,
    /// These guards refuse it, and nobody may let them pass.
    Guarded(Vec<String>),
    /// The integration's settings changed since it was made.
    SettingsMoved,
    /// The code table was saved since it was made.
    TableMoved,
    /// Its run is under way, or was cut off and goes on.
    Applying(Option<RunId>),
    /// It was applied.
    Applied(Option<RunId>),
    /// A newer plan replaced it, what it stood on moved, or somebody rejected it.
    Dropped,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = |run: &Option<RunId>| run.map_or_else(String::new, |run| format!(" by {run}"));
        match self {
            Self::Drafting => f.write_str("it is still being written"),
            Self::Empty => f.write_str("it changes nothing"),
            Self::Guarded(guards) => {
                write!(f, "it is refused by {}, and nobody may let that pass", guards.join(", "))
            }
            Self::SettingsMoved => f.write_str("the integration's settings changed since it was made"),
            Self::TableMoved => f.write_str("the code table was saved since it was made"),
            Self::Applying(run) => write!(f, "it is being applied{}", by(run)),
            Self::Applied(run) => write!(f, "it was applied{}", by(run)),
            Self::Dropped => f.write_str("it was dropped: rejected, replaced by a newer plan, or what it stood on moved"),
        }
    }
}

/// What a saved plan waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Review {
    /// One person's approval applies it.
    One,
    /// A cap refuses it: two different people have to approve it, and nobody did yet.
    Two,
    /// A cap refuses it, and one person approved: somebody else has to.
    Second {
        /// Who did.
        first: Authorship,
        /// Until when the schedule leaves it alone. Later, the next run replaces it.
        until: Instant,
    },
    /// Everybody approved who had to; it may be applied.
    Granted {
        /// Where it passes its caps: who let it, and why.
        over_cap: Option<(String, String)>,
    },
    /// Nobody can approve it.
    Closed(Closed),
}

impl Review {
    /// May this person add an approval that counts?
    pub fn takes(&self, person: &str) -> bool {
        match self {
            Self::One | Self::Two => true,
            Self::Second { first, .. } => !same_person(&first.author, person),
            Self::Granted { .. } | Self::Closed(_) => false,
        }
    }
}

/// Names of members are told apart without regard to case.
fn same_person(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// What a plan waits for. `policy` and `table_version` are those that hold now: a plan made from others is stale.
pub fn review(plan: &Plan, approvals: &[Authorship], policy: Digest, table_version: i64) -> Review {
    let closed = match plan.state {
        PlanState::Drafting => Some(Closed::Drafting),
        PlanState::Applying => Some(Closed::Applying(plan.run)),
        PlanState::Applied => Some(Closed::Applied(plan.run)),
        PlanState::Dropped => Some(Closed::Dropped),
        PlanState::Ready | PlanState::Refused | PlanState::LetThrough => {
            let guards: Vec<String> =
                plan.refusals.iter().filter(|refusal| !refusal.may_pass).map(|refusal| refusal.guard.clone()).collect();
            if plan.policy != policy {
                Some(Closed::SettingsMoved)
            } else if plan.table_version != table_version {
                Some(Closed::TableMoved)
            } else if !guards.is_empty() {
                Some(Closed::Guarded(guards))
            } else if plan.counts.changes() == 0 {
                Some(Closed::Empty)
            } else {
                None
            }
        }
    };
    if let Some(closed) = closed {
        return Review::Closed(closed);
    }
    let mut people: Vec<&Authorship> = Vec::new();
    for approval in approvals {
        if !people.iter().any(|known| same_person(&known.author, &approval.author)) {
            people.push(approval);
        }
    }
    match (plan.state, people.as_slice()) {
        (PlanState::LetThrough, _) | (PlanState::Ready, [_, ..]) => Review::Granted { over_cap: None },
        (PlanState::Ready, []) => Review::One,
        (_, []) => Review::Two,
        (_, [first]) => Review::Second { first: (*first).clone(), until: first.at + APPROVAL_PATIENCE },
        (_, [first, second, ..]) => Review::Granted {
            over_cap: Some((
                format!("{} and {}", first.author, second.author),
                format!("{}: {}; {}: {}", first.author, first.reason, second.author, second.reason),
            )),
        },
    }
}

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
    /// Adds an approval and gives back all of them; the same person approves once, names that differ in case alone are one. `Moved` where the
    /// plan can no longer be applied.
    async fn approve_plan(&self, plan: PlanId, by: &Authorship) -> Result<Kept<Vec<Authorship>>>;
    /// Drops a plan that was not applied. `Moved` where it cannot be dropped any more.
    async fn reject_plan(&self, plan: PlanId, by: &Authorship) -> Result<Kept<()>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PlanCounts, Refusal};

    const POLICY: Digest = Digest(7);

    fn plan(state: PlanState, guards: &[(&str, bool)]) -> Plan {
        let refusal = |(guard, may_pass): &(&str, bool)| Refusal {
            guard: (*guard).to_owned(),
            evidence: String::new(),
            remedy: String::new(),
            may_pass: *may_pass,
        };
        Plan {
            id: PlanId(3),
            integration: "rep-codes".into(),
            created: Instant::UNIX_EPOCH,
            policy: POLICY,
            table_version: 5,
            only: None,
            undoes: None,
            state,
            counts: PlanCounts { owner_moves: 1, ..PlanCounts::default() },
            refusals: guards.iter().map(refusal).collect(),
            passed: None,
            run: Some(RunId(4)),
        }
    }

    fn by(author: &str) -> Authorship {
        Authorship { author: author.into(), reason: format!("says {author}"), at: Instant::UNIX_EPOCH }
    }

    #[test]
    fn a_plan_takes_one_person_over_a_cap_two_and_over_a_guard_nobody() {
        use PlanState::{Applied, Applying, Drafting, Dropped, LetThrough, Ready, Refused};
        let cap = &[("owner-moves", true)][..];
        let both = &[("owner-moves", true), ("removals", true)][..];
        let guard = &[("owner-moves", true), ("source-shrunk", false)][..];
        let second = |author| Review::Second { first: by(author), until: Instant::UNIX_EPOCH + chrono::TimeDelta::hours(4) };
        let granted = Review::Granted { over_cap: None };
        let over_cap = Review::Granted { over_cap: Some(("ann and bob".into(), "ann: says ann; bob: says bob".into())) };
        let guarded = Review::Closed(Closed::Guarded(vec!["source-shrunk".into()]));
        for (state, refusals, approvals, expected) in [
            (Ready, &[][..], &[][..], Review::One),
            (Ready, &[], &["ann"], granted.clone()),
            (Ready, &[], &["ann", "bob"], granted.clone()),
            (Refused, cap, &[], Review::Two),
            (Refused, both, &[], Review::Two),
            (Refused, cap, &["ann"], second("ann")),
            (Refused, cap, &["ann", "ann"], second("ann")),
            (Refused, cap, &["ann", "ANN"], second("ann")),
            (Refused, both, &["ann", "bob"], over_cap.clone()),
            (Refused, cap, &["ann", "Ann", "bob", "cid"], over_cap),
            (Refused, guard, &[], guarded.clone()),
            (Refused, guard, &["ann", "bob"], guarded),
            (LetThrough, cap, &[], granted),
            (Drafting, &[], &["ann"], Review::Closed(Closed::Drafting)),
            (Applying, &[], &["ann"], Review::Closed(Closed::Applying(Some(RunId(4))))),
            (Applied, &[], &["ann"], Review::Closed(Closed::Applied(Some(RunId(4))))),
            (Dropped, cap, &["ann", "bob"], Review::Closed(Closed::Dropped)),
        ] {
            let approvals: Vec<Authorship> = approvals.iter().map(|author| by(author)).collect();
            assert_eq!(review(&plan(state, refusals), &approvals, POLICY, 5), expected, "{state:?} {refusals:?} {approvals:?}");
        }
    }

    #[test]
    fn a_stale_or_empty_plan_is_nobodys_to_approve() {
        let ready = plan(PlanState::Ready, &[]);
        let refused = plan(PlanState::Refused, &[("owner-moves", true)]);
        let two = [by("ann"), by("bob")];
        assert_eq!(review(&ready, &two, Digest(8), 5), Review::Closed(Closed::SettingsMoved));
        assert_eq!(review(&refused, &two, POLICY, 6), Review::Closed(Closed::TableMoved));
        let empty = Plan { counts: PlanCounts::default(), ..ready };
        assert_eq!(review(&empty, &two, POLICY, 5), Review::Closed(Closed::Empty));
        let follows = Plan { counts: PlanCounts { follows: 1, ..PlanCounts::default() }, ..empty };
        assert_eq!(review(&follows, &[], POLICY, 5), Review::One);
    }

    #[test]
    fn nobody_is_the_second_after_themselves() {
        let refused = plan(PlanState::Refused, &[("owner-moves", true)]);
        let takes = |approvals: &[Authorship], person| review(&refused, approvals, POLICY, 5).takes(person);
        assert_eq!([takes(&[], "ann"), takes(&[by("ann")], "bob")], [true, true]);
        assert_eq!([takes(&[by("ann")], "ann"), takes(&[by("ann")], "Ann"), takes(&[by("ann"), by("bob")], "cid")], [false; 3]);
    }

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
