//! A saved plan: the list of changes, exactly as they will be applied.

use std::collections::BTreeMap;

use rightful_core::{Error, ErrorKind, FieldName, Instant, Kind, OwnerChange, RecordId, Result, Value};
use serde::{Deserialize, Serialize};

use crate::{Digest, LinkEvidence, PlanId, RunId};

/// Why a change is wanted: enough to explain it years later without the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The rule: `code`, `successor`, `link`, `external-id`, `email`, `undo`, `fallback`, `no-owner`.
    pub rule: String,
    /// The code as people see it: "Rep Code - R05".
    pub code_label: Option<String>,
    /// The code.
    pub code: Option<String>,
    /// The code table's version.
    pub table_version: Option<i64>,
    /// Who brought the rows that decided.
    pub author: Option<String>,
    /// Their reason.
    pub reason: Option<String>,
    /// For an undo: the run that is undone.
    pub undoes: Option<RunId>,
    /// Anything else worth telling: a newcomer left in place, a successor taken.
    pub notes: Vec<String>,
}

/// The source row a change stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRow {
    /// Its id.
    pub id: RecordId,
    /// Its digest when planned.
    pub digest: Digest,
}

/// What kind of change a cap counts it as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Owners change, and somebody owns it afterwards.
    OwnerMove,
    /// Nobody owns it afterwards, or it is no longer there.
    Removal,
    /// A person gets an account, or one that is there is linked to them.
    Account,
    /// An activity is credited, or what was credited follows its record.
    Credit,
    /// A wanted state is let go: nothing is sent.
    LetGo,
}

/// How a record is written that we carry over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// Made, or changed where it is there.
    Upsert,
    /// Deleted.
    Remove,
    /// Nothing is sent.
    Note,
}

/// What is carried over into a record whose id is ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carry {
    /// How.
    pub means: Means,
    /// The source kind that `Change::source` is of; the people kind for an account.
    pub from: Kind,
    /// The source record.
    pub record: RecordId,
    /// What is written.
    pub values: Vec<(FieldName, Value)>,
    /// What was sent before; `None`: nothing.
    pub before: Option<Vec<(FieldName, Value)>>,
    /// The source person whose link it stands on, or whom an account is for.
    pub person: Option<RecordId>,
    /// For an account: why it is this person's.
    pub evidence: Option<LinkEvidence>,
    /// For an account: whom the target knew them as before.
    pub was: Option<RecordId>,
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its place in the plan, from 1.
    pub number: i64,
    /// What it counts as.
    pub action: Action,
    /// The target kind.
    pub kind: Kind,
    /// The target record.
    pub target: RecordId,
    /// The pairing key's value (customer code), for people.
    pub code: String,
    /// The record's name, for people.
    pub name: String,
    /// Owners before and after.
    pub owners: OwnerChange,
    /// The source row it stands on; none for an undo.
    pub source: Option<SourceRow>,
    /// The target row's digest when planned; zero where there was none.
    pub target_digest: Digest,
    /// What is carried over, where the target's record is made by us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carry: Option<Carry>,
    /// Why.
    pub why: Why,
}

/// Where a plan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanState {
    /// Being written; never applied.
    Drafting,
    /// May be applied.
    Ready,
    /// A cap or guard refuses it.
    Refused,
    /// Refused, then let through by a person.
    LetThrough,
    /// Its run is under way or was cut off.
    Applying,
    /// Applied, as far as it could be.
    Applied,
    /// A newer plan of the integration replaced it, or its policy or table moved.
    Dropped,
}

/// Why a plan is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which cap or guard: `owner-moves`, `removals`, `source-empty`, `source-shrunk`, `codes-gone`.
    pub guard: String,
    /// What was counted, against what.
    pub evidence: String,
    /// What to do.
    pub remedy: String,
    /// May a person let it through? A guard against a lost source may not.
    pub may_pass: bool,
}

/// Counts of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCounts {
    /// Source records looked at.
    pub source_records: u64,
    /// Target records looked at.
    pub target_records: u64,
    /// Pairs found.
    pub paired: u64,
    /// Pairs that are already as wanted.
    pub unchanged: u64,
    /// Changes that move owners.
    pub owner_moves: u64,
    /// Changes that leave nobody.
    pub removals: u64,
    /// Changes to following kinds (visit frequencies).
    pub follows: u64,
    /// Accounts made or linked.
    #[serde(default)]
    pub accounts: u64,
    /// Activities credited, or changed with the same owner.
    #[serde(default)]
    pub credits: u64,
    /// Wanted states let go.
    #[serde(default)]
    pub let_go: u64,
    /// Holds written.
    pub holds: u64,
    /// Cases by reason.
    pub cases: BTreeMap<String, u64>,
    /// Moves by "from -> to" label, the largest 50.
    pub moves: Vec<(String, u64)>,
    /// Where owners lead on through links: the digest of what each leads to, which the plan is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads: Option<Digest>,
}

impl PlanCounts {
    /// How many changes it has.
    pub fn changes(&self) -> u64 {
        self.owner_moves + self.removals + self.follows + self.accounts + self.credits + self.let_go
    }
}

/// A saved plan without its changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its number.
    pub id: PlanId,
    /// The integration.
    pub integration: String,
    /// When it was begun.
    pub created: Instant,
    /// Policy it is bound to.
    pub policy: Digest,
    /// Code table version it is bound to.
    pub table_version: i64,
    /// Pilot: only this code or record.
    pub only: Option<String>,
    /// The run it undoes.
    pub undoes: Option<RunId>,
    /// Where it stands.
    pub state: PlanState,
    /// Counts.
    pub counts: PlanCounts,
    /// Why it is refused.
    pub refusals: Vec<Refusal>,
    /// Who let it through and why.
    pub passed: Option<(String, String)>,
    /// The run that applied it.
    pub run: Option<RunId>,
}

impl Plan {
    /// A plan that is about to be written.
    pub fn drafting(integration: &str, created: Instant, policy: Digest, table_version: i64) -> Self {
        Self {
            id: PlanId(0),
            integration: integration.to_owned(),
            created,
            policy,
            table_version,
            only: None,
            undoes: None,
            state: PlanState::Drafting,
            counts: PlanCounts::default(),
            refusals: Vec::new(),
            passed: None,
            run: None,
        }
    }

    /// Moves to another state.
    ///
    /// # Errors
    /// `Conflict` where it shall be applied and was dropped meanwhile.
    pub fn move_to(&mut self, state: PlanState) -> Result<()> {
        if self.state == PlanState::Dropped && matches!(state, PlanState::LetThrough | PlanState::Applying) {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("{} was dropped meanwhile: rejected, or replaced by a newer plan", self.id),
            )
            .hint(format!("make a new plan: rightful plan {}", self.integration)));
        }
        self.state = state;
        Ok(())
    }
}
