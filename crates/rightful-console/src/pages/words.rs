//! Words and tones of outcomes, states and tasks: the same on every page, and the same as on the command line.

use rightful_core::Instant;
use rightful_engine::{Entry, EntryState, PlanState, Run, RunOutcome, RunTask};

use super::integrations::tone;
use crate::told::took;

/// A word with the tone that it is shown in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toned {
    /// The word.
    pub word: String,
    /// `good`, `warn`, `bad`, `quiet` or `live`.
    pub tone: &'static str,
}

fn toned(word: &str, tone: &'static str) -> Toned {
    Toned { word: word.to_owned(), tone }
}

/// Every way a run may end, as filters name them.
pub const OUTCOMES: [RunOutcome; 5] =
    [RunOutcome::Done, RunOutcome::DoneWithHolds, RunOutcome::Partial, RunOutcome::Refused, RunOutcome::Failed];

/// The filter's word for runs that did not end.
pub const UNDER_WAY: &str = "under-way";

/// How a run ended.
pub fn outcome(run: &Run) -> Toned {
    match run.outcome {
        Some(outcome) => toned(outcome.as_str(), tone(outcome)),
        None => toned("under way", "live"),
    }
}

/// What a run was started for.
pub fn task(task: &RunTask) -> String {
    match task {
        RunTask::Full => "run".to_owned(),
        RunTask::Plan { only: None } => "plan".to_owned(),
        RunTask::Plan { only: Some(only) } => format!("plan of {only} only"),
        RunTask::Apply { plan } => format!("apply {plan}"),
        RunTask::Release => "release".to_owned(),
        RunTask::Team { person, team } => format!("team {team} for {person}"),
        RunTask::Undo { run } => format!("undo {run}"),
    }
}

/// How long a run took, or has been going on.
pub fn duration(run: &Run, now: Instant) -> String {
    took(run.ended.unwrap_or(now) - run.started)
}

/// Where a plan stands.
pub fn plan_state(state: PlanState) -> Toned {
    match state {
        PlanState::Drafting => toned("drafting", "live"),
        PlanState::Ready => toned("ready", "good"),
        PlanState::Refused => toned("refused", "warn"),
        PlanState::LetThrough => toned("let through", "warn"),
        PlanState::Applying => toned("applying", "live"),
        PlanState::Applied => toned("applied", "good"),
        PlanState::Dropped => toned("dropped", "quiet"),
    }
}

/// Every state of an item, as filters name them, in the order of interest.
pub const ENTRY_STATES: [EntryState; 7] = [
    EntryState::Disputed,
    EntryState::NotDone,
    EntryState::Unknown,
    EntryState::Intended,
    EntryState::Stale,
    EntryState::Done,
    EntryState::Unchanged,
];

/// The word of a state in addresses.
pub fn entry_key(state: EntryState) -> &'static str {
    match state {
        EntryState::Intended => "intended",
        EntryState::Done => "done",
        EntryState::Unchanged => "unchanged",
        EntryState::NotDone => "not-done",
        EntryState::Stale => "stale",
        EntryState::Unknown => "unknown",
        EntryState::Disputed => "disputed",
    }
}

/// What became of an item.
pub fn entry_state(state: EntryState) -> Toned {
    match state {
        EntryState::Intended => toned("being written", "live"),
        EntryState::Done => toned("done", "good"),
        EntryState::Unchanged => toned("found so already", "quiet"),
        EntryState::NotDone => toned("refused by the vendor", "bad"),
        EntryState::Stale => toned("stale: moved since the plan", "warn"),
        EntryState::Unknown => toned("answer lost", "warn"),
        EntryState::Disputed => toned("disputed", "bad"),
    }
}

/// Why an item was wanted, in a few words.
pub fn because(why: &rightful_engine::Why) -> String {
    let mut told = match (&why.undoes, &why.code_label) {
        (Some(run), _) => format!("undoes {run}"),
        (None, Some(label)) if why.rule == "code" => label.clone(),
        (None, Some(label)) => format!("{label} ({})", why.rule),
        (None, None) => why.rule.clone(),
    };
    for note in &why.notes {
        told.push_str("; ");
        told.push_str(note);
    }
    told
}

/// The remark on an item, else why it was wanted.
pub fn remark(entry: &Entry) -> String {
    entry.note.clone().unwrap_or_else(|| because(&entry.why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_own_word_and_address() {
        let words: std::collections::BTreeSet<String> = ENTRY_STATES.iter().map(|state| entry_state(*state).word).collect();
        assert_eq!(words.len(), ENTRY_STATES.len());
        for state in ENTRY_STATES {
            assert_eq!(serde_json::json!(state), entry_key(state), "as in JSON");
        }
        for outcome in OUTCOMES {
            assert_eq!(serde_json::json!(outcome), outcome.as_str());
            assert_ne!(outcome.as_str(), UNDER_WAY);
        }
    }
}
