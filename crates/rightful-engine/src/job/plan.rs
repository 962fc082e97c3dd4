//! Makes a plan: one pass over two ordered images, changes written out as they come.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use rightful_core::{Owner, OwnerChange, Result, State};
use serde::{Deserialize, Serialize};

use super::aside::Aside;
use super::basis::{Basis, basis};
use super::census::{Counting, Earlier};
use super::context::Job;
use super::draft::Draft;
use super::facts::facts;
use super::follow::{Candidate, Followers, Following};
use super::moves::Moves;
use super::pairs::Pairs;
use super::{Event, counted};
use crate::{
    Action, Authorship, Change, Decision, Digest, Facts, ImageId, Joined, NewCase, NewHold, PeopleIndex, Plan, PlanCounts, PlanId, Refusal,
    Row, SourceRow, Stream, Verdict, Why, ambiguous, decide, is_planned, refusals, source_only, target_only,
};

/// A finished plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    pub plan: PlanId,
    pub table_version: i64,
    /// What owners lead to through links, where that is how it goes.
    pub leads: Option<Digest>,
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

/// What owners lead to as it stands.
pub(crate) async fn standing(job: &Job, people: &PeopleIndex) -> Result<Basis> {
    let by = Authorship { author: job.run.to_string(), reason: "the same e-mail address".to_owned(), at: job.now() };
    basis(job.store(), &job.integration, &job.layout, people, &by).await
}

/// Makes the plan.
pub(crate) async fn make_plan(job: Job, sources: Sources) -> Result<Planned> {
    let store = job.store();
    store.codes_read(&job.fence, job.now()).await?;
    let people = people_index(&job).await?;
    let mut standing = standing(&job, &people).await?;
    let (table_version, leads) = (standing.version, job.integration.policy.owner_role().map(|_| standing.leads()));
    let earlier = Earlier::of(store, job.name()).await?;
    let plan = Plan { only: sources.only.clone(), ..job.draft_plan(table_version) };
    let plan = store.begin_plan(&job.fence, &plan).await?;
    job.adopt_plan(plan);
    job.failpoint("after-begin-plan");

    let mut draft = Draft::new(&job, plan);
    for case in std::mem::take(&mut standing.resolved.cases) {
        draft.case(case);
    }
    let policy = &job.integration.policy;
    let (facts, cases) = facts(policy, &job.layout, &people, standing.resolved, job.now());
    cases.into_iter().for_each(|case| draft.case(case));
    let mut planner = Planner {
        job: &job,
        facts: &facts,
        people: &people,
        sources: &sources,
        owner_cases: &standing.cases,
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
    counts.leads = leads;
    counts.moves = moves.largest(&people).into_iter().map(|(from, to, records)| (format!("{from} -> {to}"), records)).collect();
    let refusals = refusals(&policy.caps, &counts, &counting.evidence(), Some(plan), &policy.code);
    let notes = aside.notes(policy, sources.only.as_deref(), counting.tallies.keys().map(String::as_str));
    let whole = sources.complete && sources.only.is_none();
    job.failpoint("before-end-plan");
    store.end_plan(&job.fence, plan, &counts, &refusals, whole, job.now()).await?;
    job.failpoint("after-end-plan");
    if refusals.iter().all(|refusal| refusal.may_pass) {
        let mut codes: Vec<(String, u64)> = counting.tallies.into_iter().map(|(code, tally)| (code, tally.paired)).collect();
        codes.sort_unstable();
        store.put_code_counts(&job.fence, &codes).await?;
    }
    Ok(Planned { plan, table_version, leads, counts, refusals, notes })
}

struct Planner<'a> {
    job: &'a Job,
    facts: &'a Facts,
    people: &'a PeopleIndex,
    sources: &'a Sources,
    owner_cases: &'a HashMap<String, NewCase>,
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
        if let Some(resolution) = &decision.resolution
            && !resolution.successions.is_empty()
        {
            self.followers.add(Candidate {
                target: target.record.id.clone(),
                key: target.record.key(&self.job.integration.policy.target.key).unwrap_or("").to_owned(),
                name: target.record.name.clone(),
                source: SourceRow { id: source.record.id.clone(), digest: source.digest },
                successions: resolution.successions.clone(),
                why: self.why(source, &decision, "successor"),
            });
        }
        let policy = &self.job.integration.policy;
        match &decision.verdict {
            Verdict::NotPlanned => {}
            Verdict::Unseen => self.aside.unseen.add(&target.record.name),
            Verdict::Left => {
                if decision.codes.is_empty() {
                    let few = if self.in_queue(source) { &mut self.aside.in_queue } else { &mut self.aside.without_owner };
                    few.add(&target.record.name);
                }
            }
            Verdict::AlreadySo => draft.counts.unchanged += 1,
            Verdict::TooMany => draft.case(NewCase {
                reason: "several-owners".to_owned(),
                subject: decision.code().unwrap_or_default().into_owned(),
                message: format!("{} leads to several users, and a {} has one", self.label(&decision), policy.target.kind),
                mend: match policy.owner_role() {
                    Some(_) => "leave one owner in the source".to_owned(),
                    None => "leave one user in the code's rows".to_owned(),
                },
            }),
            Verdict::Held => {
                let reason = if !decision.codes.is_empty() { "no-match" } else { "no-owner" };
                let waits_for = match decision.code() {
                    Some(_) => format!("a user for {}", self.label(&decision)),
                    None if policy.owner_role().is_some() => "an owner of the source record".to_owned(),
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
                    why: self.why(source, &decision, reason),
                });
            }
            Verdict::Change { rule, to } => {
                let from = match target.record.owner(&policy.role) {
                    Owner::Known(present) => present.clone(),
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
                    why: self.why(source, &decision, rule),
                });
            }
        }
        Ok(())
    }

    /// Does something that is no person own it, in another role than the one that is looked at?
    fn in_queue(&self, source: &Row) -> bool {
        let Some(role) = self.job.integration.policy.owner_role() else { return false };
        let owned = |owner: &Owner| matches!(owner, Owner::Known(known) if !known.is_empty());
        source.record.owners.iter().any(|(other, owner)| other != role && owned(owner))
    }

    fn label(&self, decision: &Decision<'_>) -> String {
        let person = decision.resolution.as_deref().and_then(|resolution| resolution.person.as_deref());
        format!("{} - {}", self.job.integration.policy.code.label, person.unwrap_or(&decision.code().unwrap_or_default()))
    }

    fn why(&self, source: &Row, decision: &Decision<'_>, rule: &str) -> Why {
        let resolution = decision.resolution.as_deref();
        let by: Option<&Authorship> = resolution.and_then(|resolution| resolution.by.as_ref());
        let mut notes = resolution.map(|resolution| resolution.evidence.clone()).unwrap_or_default();
        if decision.codes.is_empty() && self.in_queue(source) {
            notes.push("it belongs to a queue in the source, which is nobody".to_owned());
        }
        for owner in &decision.newcomers {
            notes.push(format!("{} stays: first seen too lately to be called wrong", self.people.label(owner)));
        }
        for succession in resolution.iter().flat_map(|resolution| &resolution.successions) {
            notes.push(format!("{} is deactivated; {} takes over", self.people.label(&succession.from), self.people.label(&succession.to)));
        }
        Why {
            rule: rule.to_owned(),
            code_label: decision.code().map(|_| self.label(decision)),
            code: decision.code().map(Cow::into_owned),
            table_version: self.job.integration.policy.owner_role().is_none().then_some(self.table_version),
            author: by.map(|by| by.author.clone()),
            reason: by.map(|by| by.reason.clone()),
            undoes: None,
            notes,
        }
    }

    /// Cases that are told once, with a count: codes without users, and what a [`Few`] gathered.
    fn conclude(&mut self, draft: &mut Draft<'_>) {
        let policy = &self.job.integration.policy;
        if policy.owner_role().is_some() {
            self.owners_without_users(draft);
        } else {
            self.codes_without_users(draft);
        }
        self.aside.cases(policy).into_iter().for_each(|case| draft.case(case));
        draft.conclude();
    }

    /// One case for each thing that stands between owners and users, with how many records it concerns.
    fn owners_without_users(&self, draft: &mut Draft<'_>) {
        let unknown = |owner: &str| NewCase {
            reason: "unlinked-owner".to_owned(),
            subject: owner.to_owned(),
            message: format!("the source shows nobody who is called `{owner}`"),
            mend: format!("give its user the right to see everybody, or say who it is: rightful link add {owner} USER --reason TEXT"),
        };
        let mut concerned: BTreeMap<(String, String), (NewCase, u64)> = BTreeMap::new();
        for (owner, tally) in self.counting.tallies.iter().filter(|(_, tally)| tally.concerns) {
            let case = match self.owner_cases.get(owner) {
                Some(case) => case.clone(),
                None if self.facts.codes.contains_key(owner) => continue,
                None => unknown(owner),
            };
            concerned.entry((case.reason.clone(), case.subject.clone())).or_insert((case, 0)).1 += tally.seen;
        }
        for (case, seen) in concerned.into_values() {
            draft.case(NewCase { message: format!("{}; {} of theirs", case.message, counted(seen, "source record")), ..case });
        }
    }

    fn codes_without_users(&self, draft: &mut Draft<'_>) {
        let label = &self.job.integration.policy.code.label;
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
    }
}
