//! A plan while it is written, one chunk at a time.

use rightful_core::Result;

use super::context::Job;
use crate::{Action, Change, NewCase, NewHold, PlanCounts, PlanId};

/// Changes written out at once.
const CHUNK: usize = 1_000;
/// Cases listed one by one for each reason; what is beyond is one case that counts them.
const LISTED: u64 = 10_000;

/// A plan while it is written: one chunk at a time.
pub(crate) struct Draft<'a> {
    job: &'a Job,
    plan: PlanId,
    number: i64,
    changes: Vec<Change>,
    holds: Vec<NewHold>,
    cases: Vec<NewCase>,
    pub counts: PlanCounts,
}

impl<'a> Draft<'a> {
    pub fn new(job: &'a Job, plan: PlanId) -> Self {
        Self::after(job, plan, 0)
    }

    /// A plan whose changes are numbered from above another of the same run.
    pub fn after(job: &'a Job, plan: PlanId, number: i64) -> Self {
        Self { job, plan, number, changes: Vec::new(), holds: Vec::new(), cases: Vec::new(), counts: PlanCounts::default() }
    }

    /// Adds a change and gives it its number. Changes to other kinds than the paired one count as follows.
    pub fn change(&mut self, mut change: Change) {
        self.number += 1;
        change.number = self.number;
        match change.action {
            _ if change.carry.is_none() && change.kind != self.job.layout.target.kind => self.counts.follows += 1,
            Action::OwnerMove => self.counts.owner_moves += 1,
            Action::Removal => self.counts.removals += 1,
            Action::Account => self.counts.accounts += 1,
            Action::Credit => self.counts.credits += 1,
            Action::LetGo => self.counts.let_go += 1,
        }
        self.changes.push(change);
    }

    pub fn hold(&mut self, hold: NewHold) {
        self.counts.holds += 1;
        self.holds.push(hold);
    }

    pub fn case(&mut self, case: NewCase) {
        let count = match self.counts.cases.get_mut(&case.reason) {
            Some(count) => count,
            None => self.counts.cases.entry(case.reason.clone()).or_default(),
        };
        *count += 1;
        if *count <= LISTED {
            self.cases.push(case);
        }
    }

    /// Says how many cases were not listed one by one.
    pub fn conclude(&mut self) {
        for (reason, count) in self.counts.cases.iter().filter(|(_, count)| **count > LISTED) {
            self.cases.push(NewCase {
                reason: reason.clone(),
                subject: "(more)".to_owned(),
                message: format!("{} more of these are not listed", count - LISTED),
                mend: "mend what the listed ones have in common, then run again".to_owned(),
            });
        }
    }

    pub async fn flush_if_full(&mut self) -> Result<()> {
        if self.changes.len() + self.holds.len() + self.cases.len() >= CHUNK {
            self.flush().await?;
        }
        Ok(())
    }

    pub async fn flush(&mut self) -> Result<()> {
        if self.changes.is_empty() && self.holds.is_empty() && self.cases.is_empty() {
            return Ok(());
        }
        let job = self.job;
        job.failpoint("before-add-to-plan");
        job.store().add_to_plan(&job.fence, self.plan, &self.changes, &self.holds, &self.cases, job.now()).await?;
        job.failpoint("after-add-to-plan");
        self.changes.clear();
        self.holds.clear();
        self.cases.clear();
        Ok(())
    }
}
