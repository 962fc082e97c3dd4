//! Makes a plan: one pass over two ordered images, changes written out as they come.

use std::collections::{HashMap, HashSet};

use chrono::Duration;
use rightful_core::{Error, ErrorKind, OwnerChange, Result, State};
use serde::{Deserialize, Serialize};

use super::Event;
use super::aside::Aside;
use super::context::Job;
use super::draft::Draft;
use super::follow::{Candidate, Followers};
use super::prefetch::Prefetch;
use crate::{
    Action, Authorship, Census, Change, Decision, Evidence, Facts, ImageId, Join, Joined, NewCase, NewHold, NoOwner, Otherwise,
    PeopleIndex, Plan, PlanCounts, PlanId, PlanState, Refusal, Resolved, Row, RunOutcome, RunTask, SourceRow, Stream, Verdict, Why,
    ambiguous, code_of, decide, is_planned, refusals, resolve, source_only, target_only,
};

/// Distinct codes beyond which the code field is no code field.
const CODES: usize = 100_000;

/// A finished plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    pub plan: PlanId,
    pub table_version: i64,
    pub counts: PlanCounts,
    pub refusals: Vec<Refusal>,
    pub notes: Vec<String>,
}

/// What a plan is made from.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub source: ImageId,
    pub target: ImageId,
    /// Both sides are wholly known: absence means something.
    pub complete: bool,
    /// Pilot: only this code or pairing key.
    pub only: Option<String>,
}

/// The target's people, indexed. They are few beside the records, and everything is resolved against them.
pub(crate) async fn people_index(job: &Job) -> Result<PeopleIndex> {
    super::views::people_index(job.store(), &job.layout).await
}

/// The code table as it stands, resolved.
pub(crate) async fn resolved_table(job: &Job, people: &PeopleIndex) -> Result<(i64, Resolved)> {
    let table = job.store().code_table(job.name()).await?;
    Ok((table.version, resolve(&table, people, &job.integration.policy.code.label)))
}

/// Makes the plan.
pub(crate) async fn make_plan(job: Job, sources: Sources) -> Result<Planned> {
    let store = job.store();
    store.codes_read(&job.fence, job.now()).await?;
    let people = people_index(&job).await?;
    let (table_version, mut resolved) = resolved_table(&job, &people).await?;
    let before: HashSet<String> = store
        .code_counts(job.name())
        .await?
        .into_iter()
        .filter(|(code, count)| *count > 0 && !code.is_empty())
        .map(|(code, _)| code)
        .collect();
    let last = last_believed(&job).await?;
    let plan = Plan {
        id: PlanId(0),
        integration: job.name().to_owned(),
        created: job.now(),
        policy: job.policy_digest(),
        table_version,
        only: sources.only.clone(),
        undoes: None,
        state: PlanState::Drafting,
        counts: PlanCounts::default(),
        refusals: Vec::new(),
        passed: None,
        run: None,
    };
    let plan = store.begin_plan(&job.fence, &plan).await?;
    job.adopt_plan(plan);
    job.failpoint("after-begin-plan");

    let mut draft = Draft::new(&job, plan);
    for case in std::mem::take(&mut resolved.cases) {
        draft.case(case);
    }
    let facts = facts(&job, &people, resolved, &mut draft);
    let mut planner = Planner {
        job: &job,
        facts: &facts,
        people: &people,
        sources: &sources,
        before: &before,
        table_version,
        tallies: HashMap::new(),
        total: store.image(&job.layout.source).await?.rows,
        census: Census::default(),
        with_known_code: 0,
        aside: Aside::default(),
        moves: HashMap::new(),
        followers: Followers::new(&job).await?,
    };
    planner.join(&mut draft).await?;
    planner.followers.flush(&mut draft).await?;
    planner.conclude(&mut draft);
    draft.flush().await?;

    let Planner { tallies, census, with_known_code, moves, aside, .. } = planner;
    let mut counts = std::mem::take(&mut draft.counts);
    counts.source_records = census.source_records;
    counts.paired = census.paired;
    counts.moves = largest(moves, &people);
    let evidence = Evidence {
        now: census,
        with_known_code,
        codes_before: before.len() as u64,
        codes_in_table: facts.codes.len() as u64,
        records_before: last.as_ref().map(|counts| counts.source_records),
        paired_before: last.as_ref().map(|counts| counts.paired),
        written_before: has_written(&job).await?,
    };
    let refusals = refusals(&job.integration.policy.caps, &counts, &evidence, plan, &job.integration.policy.code.label);
    let notes = aside.notes(sources.only.as_deref(), tallies.keys().map(String::as_str));
    let whole = sources.complete && sources.only.is_none();
    job.failpoint("before-end-plan");
    store.end_plan(&job.fence, plan, &counts, &refusals, whole, job.now()).await?;
    job.failpoint("after-end-plan");
    if refusals.iter().all(|refusal| refusal.may_pass) {
        let mut codes: Vec<(String, u64)> = tallies.into_iter().map(|(code, tally)| (code, tally.paired)).collect();
        codes.sort_unstable();
        store.put_code_counts(&job.fence, &codes).await?;
    }
    Ok(Planned { plan, table_version, counts, refusals, notes })
}

/// Did one of the last runs write, or find nothing to write?
async fn has_written(job: &Job) -> Result<bool> {
    const LOOKED_AT: usize = 100;
    let runs = job.store().runs(Some(job.name()), LOOKED_AT).await?;
    Ok(runs.iter().any(|run| {
        let whole = matches!(run.task, RunTask::Full | RunTask::Apply { .. });
        run.counts.done > 0 || (whole && matches!(run.outcome, Some(RunOutcome::Done | RunOutcome::DoneWithHolds)))
    }))
}

/// Counts of the newest plan whose source was believed.
async fn last_believed(job: &Job) -> Result<Option<PlanCounts>> {
    let mut limit = 32;
    loop {
        let plans = job.store().plans(job.name(), limit).await?;
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

fn facts(job: &Job, people: &PeopleIndex, resolved: Resolved, draft: &mut Draft<'_>) -> Facts {
    let policy = &job.integration.policy;
    let mut otherwise = |choice: &NoOwner, setting: &str| {
        super::views::otherwise(choice, people).unwrap_or_else(|| {
            let NoOwner::Fallback(typed) = choice else { return Otherwise::Leave };
            draft.case(NewCase {
                reason: "unknown-fallback".to_owned(),
                subject: setting.to_owned(),
                message: format!("the fallback `{typed}` is not exactly one active user of the target: nothing falls back"),
                mend: format!("correct `{setting}` in the configuration"),
            });
            Otherwise::Leave
        })
    };
    Facts {
        role: policy.role.clone(),
        single: job.layout.single,
        code_at: 0,
        no_match: otherwise(&policy.no_match, "no_match"),
        no_owner: otherwise(&policy.no_owner, "no_owner"),
        codes: resolved.codes,
        mapped: resolved.mapped,
        assignment: policy.assignment,
        include_inactive: policy.include_inactive,
        newcomers_after: job.now() - Duration::hours(i64::from(policy.newcomer_hours)),
    }
}

#[derive(Debug, Default)]
struct Tally {
    seen: u64,
    paired: u64,
    /// Does the code concern what is planned (always, but in a pilot)?
    concerns: bool,
}

struct Planner<'a> {
    job: &'a Job,
    facts: &'a Facts,
    people: &'a PeopleIndex,
    sources: &'a Sources,
    before: &'a HashSet<String>,
    table_version: i64,
    tallies: HashMap<String, Tally>,
    total: u64,
    census: Census,
    with_known_code: u64,
    aside: Aside,
    moves: HashMap<(Vec<String>, Vec<String>), u64>,
    followers: Followers<'a>,
}

impl Planner<'_> {
    async fn join(&mut self, draft: &mut Draft<'_>) -> Result<()> {
        let (policy, store) = (&self.job.integration.policy, self.job.store());
        let mut source = Prefetch::of(store.ordered(self.sources.source));
        let mut target = Prefetch::of(store.ordered(self.sources.target));
        let mut join = Join::new(policy.source.key.clone(), policy.target.key.clone());
        let mut pairs = 0_u64;
        loop {
            match join.step() {
                Joined::More(stream) => {
                    let chunk = match stream {
                        Stream::Source => source.next().await?,
                        Stream::Target => target.next().await?,
                    };
                    join.give(stream, chunk)?;
                    let changes = draft.counts.owner_moves + draft.counts.removals;
                    self.job.ports.progress.report(Event::Planned { pairs, total: self.total, changes });
                }
                Joined::Paired(source, target) => {
                    pairs += 1;
                    draft.counts.target_records += 1;
                    self.pair(&source, &target, draft)?;
                    if self.followers.is_full() {
                        self.followers.flush(draft).await?;
                    }
                    draft.flush_if_full().await?;
                }
                Joined::End => return Ok(()),
                other => {
                    self.unpaired(other, draft)?;
                    draft.flush_if_full().await?;
                }
            }
        }
    }

    fn unpaired(&mut self, joined: Joined, draft: &mut Draft<'_>) -> Result<()> {
        let policy = &self.job.integration.policy;
        let listed = self.sources.complete && self.sources.only.is_none();
        match joined {
            Joined::SourceOnly(row) if is_planned(&row, self.facts) => {
                self.count(&row, false)?;
                if listed {
                    let key = row.record.key(&policy.source.key).unwrap_or("");
                    draft.case(source_only(key, &row.record.name, policy.target.kind.as_str(), self.job.layout.longest));
                }
            }
            Joined::TargetOnly(row) => {
                draft.counts.target_records += 1;
                if listed && row.record.state == State::Active {
                    let key = row.record.key(&policy.target.key).unwrap_or("");
                    draft.case(target_only(key, &row.record.name, policy.source.kind.as_str()));
                }
            }
            Joined::Ambiguous { key, sources, targets, names } => {
                self.census.source_records += sources;
                draft.counts.target_records += targets;
                if self.sources.only.is_none() {
                    draft.case(ambiguous(&key, sources, targets, &names, policy.target.kind.as_str()));
                }
            }
            Joined::WithoutKey(Stream::Source, row) if is_planned(&row, self.facts) => {
                self.count(&row, false)?;
                self.aside.source_without_key.add(&row.record.name);
            }
            Joined::WithoutKey(Stream::Target, row) => {
                draft.counts.target_records += 1;
                if row.record.state == State::Active {
                    self.aside.target_without_key.add(&row.record.name);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes a source record into the census; says whether it concerns what is planned.
    fn count(&mut self, source: &Row, paired: bool) -> Result<bool> {
        let code = code_of(source, self.facts.code_at).unwrap_or(None);
        let concerns =
            self.sources.only.as_deref().is_none_or(|only| {
                code.as_deref() == Some(only) || source.record.key(&self.job.integration.policy.source.key) == Some(only)
            });
        self.census.source_records += 1;
        self.census.paired += u64::from(paired);
        if let Some(code) = code {
            self.census.with_code += 1;
            self.with_known_code += u64::from(self.before.contains(&*code));
            let known = self.tallies.len();
            let tally = match self.tallies.get_mut(&*code) {
                Some(tally) => tally,
                None if known >= CODES => {
                    let field = &self.job.integration.policy.code.field;
                    return Err(Error::new(
                        ErrorKind::Config,
                        format!("field `{field}` holds more than {CODES} different values: it is no code"),
                    )
                    .hint("name the field that holds the owner code in the integration's `code`"));
                }
                None => self.tallies.entry(code.clone().into_owned()).or_default(),
            };
            tally.seen += 1;
            tally.paired += u64::from(paired);
            tally.concerns |= concerns;
        }
        Ok(concerns)
    }

    fn pair(&mut self, source: &Row, target: &Row, draft: &mut Draft<'_>) -> Result<()> {
        let decision = decide(source, target, self.facts);
        if decision.verdict == Verdict::NotPlanned || !self.count(source, true)? {
            return Ok(());
        }
        self.aside.matched += 1;
        self.aside.newcomers += u64::from(!decision.newcomers.is_empty());
        if let Some(resolution) = decision.resolution
            && !resolution.successions.is_empty()
        {
            self.followers.add(Candidate {
                target: target.record.id.clone(),
                key: target.record.key(&self.job.integration.policy.target.key).unwrap_or("").to_owned(),
                name: target.record.name.clone(),
                source: SourceRow { id: source.record.id.clone(), digest: source.digest },
                successions: resolution.successions.clone(),
                why: self.why(&decision, "successor"),
            });
        }
        let policy = &self.job.integration.policy;
        match &decision.verdict {
            Verdict::NotPlanned => {}
            Verdict::Unseen => self.aside.unseen.add(&target.record.name),
            Verdict::Left => {
                if decision.code.is_none() {
                    self.aside.without_owner.add(&target.record.name);
                }
            }
            Verdict::AlreadySo => draft.counts.unchanged += 1,
            Verdict::TooMany => draft.case(NewCase {
                reason: "several-owners".to_owned(),
                subject: decision.code.as_deref().unwrap_or("").to_owned(),
                message: format!("{} leads to several users, and a {} has one", self.label(&decision), policy.target.kind),
                mend: "leave one user in the code's rows".to_owned(),
            }),
            Verdict::Held => {
                let reason = if decision.code.is_some() { "no-match" } else { "no-owner" };
                let waits_for = match &decision.code {
                    Some(_) => format!("a user for {}", self.label(&decision)),
                    None => format!("a {} on the source record", policy.code.label),
                };
                draft.hold(NewHold {
                    kind: policy.target.kind.clone(),
                    target: target.record.id.clone(),
                    code: target.record.key(&policy.target.key).unwrap_or("").to_owned(),
                    name: target.record.name.clone(),
                    reason: reason.to_owned(),
                    waits_for,
                    wanted: None,
                    why: self.why(&decision, reason),
                });
            }
            Verdict::Change { rule, to } => {
                let from = match target.record.owner(&policy.role) {
                    rightful_core::Owner::Known(present) => present.clone(),
                    _ => Vec::new(),
                };
                self.note_move(&from, to);
                draft.change(Change {
                    number: 0,
                    action: if to.is_empty() { Action::Removal } else { Action::OwnerMove },
                    kind: policy.target.kind.clone(),
                    target: target.record.id.clone(),
                    code: target.record.key(&policy.target.key).unwrap_or("").to_owned(),
                    name: target.record.name.clone(),
                    owners: OwnerChange { role: policy.role.clone(), from: Some(from), to: to.clone() },
                    source: Some(SourceRow { id: source.record.id.clone(), digest: source.digest }),
                    target_digest: target.digest,
                    why: self.why(&decision, rule),
                });
            }
        }
        Ok(())
    }

    fn label(&self, decision: &Decision<'_>) -> String {
        format!("{} - {}", self.job.integration.policy.code.label, decision.code.as_deref().unwrap_or(""))
    }

    fn why(&self, decision: &Decision<'_>, rule: &str) -> Why {
        let by: Option<&Authorship> = decision.resolution.and_then(|resolution| resolution.by.as_ref());
        let mut notes = Vec::new();
        for owner in &decision.newcomers {
            notes.push(format!("{} stays: first seen too lately to be called wrong", self.people.label(owner)));
        }
        for succession in decision.resolution.iter().flat_map(|resolution| &resolution.successions) {
            notes.push(format!("{} is deactivated; {} takes over", self.people.label(&succession.from), self.people.label(&succession.to)));
        }
        Why {
            rule: rule.to_owned(),
            code_label: decision.code.as_ref().map(|_| self.label(decision)),
            code: decision.code.as_deref().map(str::to_owned),
            table_version: Some(self.table_version),
            author: by.map(|by| by.author.clone()),
            reason: by.map(|by| by.reason.clone()),
            undoes: None,
            notes,
        }
    }

    fn note_move(&mut self, from: &[String], to: &[String]) {
        // Beyond this many different moves only those already met are counted: the list shown has 50.
        const DIFFERENT: usize = 10_000;
        let key = (from.to_vec(), to.to_vec());
        if self.moves.len() < DIFFERENT || self.moves.contains_key(&key) {
            *self.moves.entry(key).or_default() += 1;
        }
    }

    /// Cases that are told once, with a count: codes without users, and what a [`Few`] gathered.
    fn conclude(&mut self, draft: &mut Draft<'_>) {
        let policy = &self.job.integration.policy;
        let label = &policy.code.label;
        let mut unmapped: Vec<(&str, u64)> = self
            .tallies
            .iter()
            .filter(|(code, tally)| tally.concerns && self.facts.codes.get(*code).is_none_or(|resolution| resolution.names.is_empty()))
            .map(|(code, tally)| (code.as_str(), tally.seen))
            .collect();
        if self.sources.only.is_none() {
            let unused =
                self.facts.codes.iter().filter(|(code, resolution)| resolution.names.is_empty() && !self.tallies.contains_key(*code));
            unmapped.extend(unused.map(|(code, _)| (code.as_str(), 0)));
        }
        unmapped.sort_unstable();
        for (code, seen) in unmapped {
            draft.case(NewCase {
                reason: "unmapped-code".to_owned(),
                subject: code.to_owned(),
                message: format!("{label} - {code} has no users yet; {seen} source records carry it"),
                mend: format!("map it: rightful codes set {code} USER --reason TEXT"),
            });
        }
        self.aside.cases(policy).into_iter().for_each(|case| draft.case(case));
        draft.conclude();
    }
}

fn largest(moves: HashMap<(Vec<String>, Vec<String>), u64>, people: &PeopleIndex) -> Vec<(String, u64)> {
    let mut moves: Vec<(String, u64)> =
        moves.into_iter().map(|((from, to), count)| (format!("{} -> {}", people.labels(&from), people.labels(&to)), count)).collect();
    moves.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    moves.truncate(50);
    moves
}
