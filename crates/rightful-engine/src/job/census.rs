//! Counts the source on the way through it, for the guards that notice a source which lost its records.

use std::collections::{HashMap, HashSet};

use rightful_core::{Error, ErrorKind, Result};

use crate::{
    Census, Evidence, Facts, Joined, PlanCounts, PlanState, Policy, Row, RunOutcome, RunTask, Store, Stream, codes_of, is_planned,
};

/// Distinct codes beyond which the code field is no code field.
const CODES: usize = 100_000;

/// What earlier runs of the integration saw and did.
pub(crate) struct Earlier {
    /// Codes that paired records carried.
    codes: HashSet<String>,
    /// Counts of the newest plan whose source was believed.
    last: Option<PlanCounts>,
    /// Did one of the last runs write, or find nothing to write?
    written: bool,
}

impl Earlier {
    pub async fn of(store: &dyn Store, integration: &str) -> Result<Self> {
        let counts = store.code_counts(integration).await?;
        Ok(Self {
            codes: counts.into_iter().filter(|(code, count)| *count > 0 && !code.is_empty()).map(|(code, _)| code).collect(),
            last: last_believed(store, integration).await?,
            written: has_written(store, integration).await?,
        })
    }
}

/// Source records at the last run whose source was believed.
pub(crate) async fn records_before(store: &dyn Store, integration: &str) -> Result<Option<u64>> {
    Ok(last_believed(store, integration).await?.map(|counts| counts.source_records))
}

async fn has_written(store: &dyn Store, integration: &str) -> Result<bool> {
    const LOOKED_AT: usize = 100;
    let runs = store.runs(Some(integration), LOOKED_AT).await?;
    Ok(runs.iter().any(|run| {
        let whole = matches!(run.task, RunTask::Full | RunTask::Apply { .. });
        run.counts.done > 0 || (whole && matches!(run.outcome, Some(RunOutcome::Done | RunOutcome::DoneWithHolds)))
    }))
}

async fn last_believed(store: &dyn Store, integration: &str) -> Result<Option<PlanCounts>> {
    let mut limit = 32;
    loop {
        let plans = store.plans(integration, limit).await?;
        let seen = plans.len();
        let believed = plans.into_iter().find(|plan| {
            plan.undoes.is_none()
                && plan.state != PlanState::Drafting
                && plan.counts.source_records > 0
                && plan.refusals.iter().all(|refusal| refusal.may_pass)
        });
        if believed.is_some() || seen < limit {
            return Ok(believed.map(|plan| plan.counts));
        }
        limit *= 8;
    }
}

/// One code, counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Source records that carry it.
    pub seen: u64,
    /// Of these, paired ones.
    pub paired: u64,
    /// Does the code concern what is planned (always, but in a pilot)?
    pub concerns: bool,
}

/// The source, counted.
pub(crate) struct Counting<'a> {
    policy: &'a Policy,
    facts: &'a Facts,
    earlier: &'a Earlier,
    /// Pilot: only this code or pairing key.
    only: Option<&'a str>,
    pub census: Census,
    pub tallies: HashMap<String, Tally>,
    with_known_code: u64,
}

impl<'a> Counting<'a> {
    pub fn new(policy: &'a Policy, facts: &'a Facts, earlier: &'a Earlier, only: Option<&'a str>) -> Self {
        Self { policy, facts, earlier, only, census: Census::default(), tallies: HashMap::new(), with_known_code: 0 }
    }

    /// Takes the source's part of a step that is no pair into the census.
    pub fn unpaired(&mut self, joined: &Joined) -> Result<()> {
        match joined {
            Joined::SourceOnly(row) | Joined::WithoutKey(Stream::Source, row) if is_planned(row, self.facts) => {
                self.count(row, false).map(drop)
            }
            Joined::Ambiguous { sources, .. } => {
                self.census.source_records += sources;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes a planned source record into the census; says whether it concerns what is planned.
    pub fn count(&mut self, source: &Row, paired: bool) -> Result<bool> {
        let codes = codes_of(source, &self.facts.code).unwrap_or_default();
        let concerns =
            self.only.is_none_or(|only| codes.iter().any(|code| code == only) || source.record.key(&self.policy.source.key) == Some(only));
        self.census.source_records += 1;
        self.census.paired += u64::from(paired);
        self.census.with_code += u64::from(!codes.is_empty());
        // Who leads to somebody is no stranger, however new among the owners.
        let leads =
            |code: &String| self.policy.owner_role().is_some() && self.facts.codes.get(code).is_some_and(|found| !found.names.is_empty());
        self.with_known_code += u64::from(codes.iter().any(|code| self.earlier.codes.contains(code) || leads(code)));
        for code in &*codes {
            let known = self.tallies.len();
            let tally = match self.tallies.get_mut(code) {
                Some(tally) => tally,
                None if known >= CODES => {
                    let label = &self.policy.code.label;
                    return Err(Error::new(ErrorKind::Config, format!("{label} holds more than {CODES} different values: it is no code"))
                        .hint("name the field that holds the owner code in the integration's `code`"));
                }
                None => self.tallies.entry(code.clone()).or_default(),
            };
            tally.seen += 1;
            tally.paired += u64::from(paired);
            tally.concerns |= concerns;
        }
        Ok(concerns)
    }

    /// What guards compare.
    pub fn evidence(&self) -> Evidence {
        let last = self.earlier.last.as_ref();
        let by_owner = self.policy.owner_role().is_some();
        Evidence {
            now: self.census,
            with_known_code: self.with_known_code,
            codes_before: self.earlier.codes.len() as u64,
            codes_mapped: self.facts.codes.values().filter(|code| !by_owner || !code.names.is_empty()).count() as u64,
            records_before: last.map(|counts| counts.source_records),
            paired_before: last.map(|counts| counts.paired),
            written_before: self.earlier.written,
        }
    }
}
