//! Makes a plan: one pass over two ordered images, changes written out as they come.

use rightful_core::{OwnerChange, Result, State};
use serde::{Deserialize, Serialize};

use super::Event;
use super::aside::Aside;
use super::census::{Counting, Earlier};
use super::context::Job;
use super::draft::Draft;
use super::facts::facts;
use super::follow::{Candidate, Followers, Following};
use super::moves::Moves;
use super::pairs::Pairs;
use crate::{
    Action, Authorship, Change, Decision, Facts, ImageId, Joined, Link, NewCase, NewHold, PeopleIndex, Plan, PlanCounts, PlanId, PlanState,
    Refusal, Resolved, Row, SourceRow, Stream, Verdict, Why, ambiguous, decide, is_planned, refusals, resolve, source_only, target_only,
};

/// A finished plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    pub plan: PlanId,
    pub table_version: i64,
    pub counts: PlanCounts,
    pub refusals: Vec<Refusal>,
    pub notes: Vec<String>,
    /// Links that were found, to be saved before the first write.
    #[serde(default)]
    pub links: Vec<Link>,
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
    let earlier = Earlier::of(store, job.name()).await?;
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
    let policy = &job.integration.policy;
    let (facts, cases) = facts(policy, &job.layout, &people, resolved, job.now());
    cases.into_iter().for_each(|case| draft.case(case));
    let mut planner = Planner {
        job: &job,
        facts: &facts,
        people: &people,
        sources: &sources,
        table_version,
        total: store.image(&job.layout.source).await?.rows,
        counting: Counting::new(policy, &facts, &earlier, sources.only.as_deref()),
        aside: Aside::default(),
        moves: Moves::default(),
        followers: Followers::new(store, &job.layout).await?,
    };
    planner.join(&mut draft).await?;
    planner.follow(&mut draft).await?;
    planner.conclude(&mut draft);
    draft.flush().await?;

    let Planner { counting, moves, aside, .. } = planner;
    let mut counts = std::mem::take(&mut draft.counts);
    counts.source_records = counting.census.source_records;
    counts.paired = counting.census.paired;
    counts.moves = moves.largest(&people).into_iter().map(|(from, to, records)| (format!("{from} -> {to}"), records)).collect();
    let refusals = refusals(&policy.caps, &counts, &counting.evidence(), Some(plan), &policy.code.label);
    let notes = aside.notes(sources.only.as_deref(), counting.tallies.keys().map(String::as_str));
    let whole = sources.complete && sources.only.is_none();
    job.failpoint("before-end-plan");
    store.end_plan(&job.fence, plan, &counts, &refusals, whole, job.now()).await?;
    job.failpoint("after-end-plan");
    if refusals.iter().all(|refusal| refusal.may_pass) {
        let mut codes: Vec<(String, u64)> = counting.tallies.into_iter().map(|(code, tally)| (code, tally.paired)).collect();
        codes.sort_unstable();
        store.put_code_counts(&job.fence, &codes).await?;
    }
    Ok(Planned { plan, table_version, counts, refusals, notes, links: Vec::new() })
}

struct Planner<'a> {
    job: &'a Job,
    facts: &'a Facts,
    people: &'a PeopleIndex,
    sources: &'a Sources,
    table_version: i64,
    total: u64,
    counting: Counting<'a>,
    aside: Aside,
    moves: Moves,
    followers: Followers<'a>,
}

impl Planner<'_> {
    async fn join(&mut self, draft: &mut Draft<'_>) -> Result<()> {
        let mut steps = Pairs::of(self.job.store(), &self.job.integration.policy, self.sources.source, self.sources.target);
        let mut pairs = 0_u64;
        loop {
            match steps.step().await? {
                Joined::More(_) => {
                    let changes = draft.counts.owner_moves + draft.counts.removals;
                    self.job.ports.progress.report(Event::Planned { pairs, total: self.total, changes });
                }
                Joined::Paired(source, target) => {
                    pairs += 1;
                    draft.counts.target_records += 1;
                    self.pair(&source, &target, draft)?;
                    if self.followers.is_full() {
                        self.follow(draft).await?;
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

    /// Plans what follows the successors gathered so far.
    async fn follow(&mut self, draft: &mut Draft<'_>) -> Result<()> {
        for following in self.followers.take().await? {
            match following {
                Following::Change(change) => draft.change(*change),
                Following::Case(case) => draft.case(case),
            }
        }
        draft.flush_if_full().await
    }

    fn unpaired(&mut self, joined: Joined, draft: &mut Draft<'_>) -> Result<()> {
        self.counting.unpaired(&joined)?;
        let policy = &self.job.integration.policy;
        let listed = self.sources.complete && self.sources.only.is_none();
        match joined {
            Joined::SourceOnly(row) if listed && is_planned(&row, self.facts) => {
                let key = row.record.key(&policy.source.key).unwrap_or("");
                draft.case(source_only(key, &row.record.name, policy.target.kind.as_str(), self.job.layout.longest));
            }
            Joined::TargetOnly(row) => {
                draft.counts.target_records += 1;
                if listed && row.record.state == State::Active {
                    let key = row.record.key(&policy.target.key).unwrap_or("");
                    draft.case(target_only(key, &row.record.name, policy.source.kind.as_str()));
                }
            }
            Joined::Ambiguous { key, sources, targets, names } => {
                draft.counts.target_records += targets;
                if self.sources.only.is_none() {
                    draft.case(ambiguous(&key, sources, targets, &names, policy.target.kind.as_str()));
                }
            }
            Joined::WithoutKey(Stream::Source, row) if is_planned(&row, self.facts) => self.aside.source_without_key.add(&row.record.name),
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

    fn pair(&mut self, source: &Row, target: &Row, draft: &mut Draft<'_>) -> Result<()> {
        let decision = decide(source, target, self.facts);
        if decision.verdict == Verdict::NotPlanned || !self.counting.count(source, true)? {
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
                    carry: None,
                    why: self.why(&decision, reason),
                });
            }
            Verdict::Change { rule, to } => {
                let from = match target.record.owner(&policy.role) {
                    rightful_core::Owner::Known(present) => present.clone(),
                    _ => Vec::new(),
                };
                self.moves.note(&from, to);
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
                    carry: None,
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

    /// Cases that are told once, with a count: codes without users, and what a [`Few`] gathered.
    fn conclude(&mut self, draft: &mut Draft<'_>) {
        let policy = &self.job.integration.policy;
        let label = &policy.code.label;
        let tallies = &self.counting.tallies;
        let mut unmapped: Vec<(&str, u64)> = tallies
            .iter()
            .filter(|(code, tally)| tally.concerns && self.facts.codes.get(*code).is_none_or(|resolution| resolution.names.is_empty()))
            .map(|(code, tally)| (code.as_str(), tally.seen))
            .collect();
        if self.sources.only.is_none() {
            let unused = self.facts.codes.iter().filter(|(code, resolution)| resolution.names.is_empty() && !tallies.contains_key(*code));
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
