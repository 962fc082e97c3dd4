//! What was sent of one source kind, read ahead in the order of its records.

use std::collections::VecDeque;

use rightful_core::{RecordId, Result};

use super::context::Job;
use super::layout::ObjectLayout;
use crate::Credit;

/// Credits fetched at once.
const CHUNK: usize = 1_000;

/// What was sent of one source kind, ascending by source record.
pub(crate) struct Credits<'a> {
    job: &'a Job,
    object: &'a ObjectLayout,
    waiting: VecDeque<Credit>,
    after: Option<(RecordId, RecordId)>,
    ended: bool,
}

impl<'a> Credits<'a> {
    pub fn of(job: &'a Job, object: &'a ObjectLayout) -> Self {
        Self { job, object, waiting: VecDeque::new(), after: None, ended: false }
    }

    /// The next one, which stays.
    pub async fn peek(&mut self) -> Result<Option<&Credit>> {
        if self.waiting.is_empty() && !self.ended {
            let credits = self.job.store().credits(self.job.name(), &self.object.image.kind, self.after.take(), CHUNK).await?;
            self.ended = credits.len() < CHUNK;
            self.after = credits.last().map(|credit| (credit.source.clone(), credit.target.clone()));
            self.waiting = credits.into();
        }
        Ok(self.waiting.front())
    }

    /// Takes the next one away; the caller looked at it.
    pub fn take(&mut self) -> Credit {
        self.waiting.pop_front().expect("the caller looked at the front")
    }

    /// Takes away those of a record, which are next.
    pub async fn of_record(&mut self, id: &RecordId) -> Result<Vec<Credit>> {
        let mut found = Vec::new();
        while self.peek().await?.is_some_and(|credit| credit.source == *id) {
            found.push(self.take());
        }
        Ok(found)
    }
}
