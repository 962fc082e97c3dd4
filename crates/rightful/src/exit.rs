//! What the program's exit code says.

use rightful_engine::{RunOutcome, RunReport};

/// How a verb ended, as an exit code. Documented in `docs/cli.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Nothing to do, or applied (holds included).
    Done = 0,
    /// An error.
    Error = 1,
    /// The plan has changes (only with `--detailed-exitcode`).
    Changes = 2,
    /// Something was left unread or unwritten.
    Partial = 3,
    /// Refused by a cap or guard.
    Refused = 4,
    /// What the plan or edit stands on has moved.
    Stale = 5,
    /// Another run holds the lease.
    Busy = 6,
    /// A precondition does not hold.
    Preflight = 7,
    /// Applied, and some wanted states wait (only with `--detailed-exitcode`).
    Holds = 8,
    /// The store cannot be written to for now: its disk is full, or another process keeps it locked.
    Blocked = 9,
    /// The command line cannot be understood.
    Usage = 64,
}

impl Exit {
    /// The exit code of a run. `planned_only`: its plan was not to be applied.
    pub fn of(report: &RunReport, planned_only: bool, detailed: bool) -> Self {
        match report.outcome {
            _ if report.stale_plan => Self::Stale,
            RunOutcome::Refused => Self::Refused,
            RunOutcome::Partial => Self::Partial,
            RunOutcome::Failed => Self::Error,
            RunOutcome::Done | RunOutcome::DoneWithHolds if planned_only && detailed && report.counts.planned > 0 => Self::Changes,
            RunOutcome::DoneWithHolds if !planned_only && detailed => Self::Holds,
            RunOutcome::Done | RunOutcome::DoneWithHolds => Self::Done,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use rightful_engine::{RunCounts, RunId};

    use super::*;

    #[test]
    fn each_outcome_has_its_code() {
        use RunOutcome::{Done, DoneWithHolds, Failed, Partial, Refused};
        // outcome, stale, changes, planned only, detailed, code
        let table = [
            (Done, false, 0, false, false, 0),
            (Done, false, 5, false, true, 0),
            (Done, false, 5, true, false, 0),
            (Done, false, 5, true, true, 2),
            (Done, false, 0, true, true, 0),
            (DoneWithHolds, false, 0, false, false, 0),
            (DoneWithHolds, false, 3, false, true, 8),
            (DoneWithHolds, false, 3, true, true, 2),
            (Partial, false, 3, false, true, 3),
            (Refused, false, 3, false, false, 4),
            (Refused, true, 3, false, false, 5),
            (Failed, false, 0, false, false, 1),
        ];
        for (outcome, stale_plan, planned, planned_only, detailed, code) in table {
            let report = RunReport {
                run: RunId(1),
                outcome,
                plan: None,
                counts: RunCounts { planned, ..RunCounts::default() },
                refusals: Vec::new(),
                stale_plan,
                notes: Vec::new(),
                stages: Vec::new(),
            };
            assert_eq!(Exit::of(&report, planned_only, detailed) as u8, code, "{report:?} {planned_only} {detailed}");
        }
    }
}
