//! Makes a plan: one pass over two ordered images, changes written out as they come.

use std::collections::{HashMap, HashSet};

use chrono::Duration;
use futures::StreamExt;
use rightful_core::{Error, ErrorKind, OwnerChange, Result, State};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::context::Job;
use super::follow::{Candidate, Followers};
use super::{Event, counted};
use crate::{
    Action, Authorship, Census, Change, Decision, Evidence, Facts, ImageId, Join, Joined, NewCase, NewHold, NoOwner, Otherwise,
    PeopleIndex, Plan, PlanCounts, PlanId, PlanState, Refusal, Resolved, Row, SourceRow, Stream, TargetPerson, Verdict, Why, ambiguous,
    code_of, decide, is_planned, refusals, resolve, source_only, target_only,
};

/// Changes written out at once.
const CHUNK: usize = 1_000;
/// Cases listed one by one for each reason; what is beyond is one case that counts them.
const LISTED: u64 = 10_000;
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
        records_before: last.as_ref().map(|counts| counts.source_records),
        paired_before: last.as_ref().map(|counts| counts.paired),
    };
    let refusals = refusals(&job.integration.policy.caps, &counts, &evidence, plan, &job.integration.policy.code.label);
    let whole = sources.complete && sources.only.is_none();
    job.failpoint("before-end-plan");
    store.end_plan(&job.fence, plan, &counts, &refusals, whole, job.now()).await?;
    job.failpoint("after-end-plan");
    if refusals.iter().all(|refusal| refusal.may_pass) {
        let mut codes: Vec<(String, u64)> = tallies.into_iter().map(|(code, tally)| (code, tally.paired)).collect();
        codes.sort_unstable();
        store.put_code_counts(&job.fence, &codes).await?;
    }
    Ok(Planned { plan, table_version, counts, refusals, notes: aside.notes(sources.only.as_deref()) })
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

/// Things that are told once with a count, not once per record.
#[derive(Debug, Default)]
struct Aside {
    without_owner: Few,
    unseen: Few,
    source_without_key: Few,
    target_without_key: Few,
    newcomers: u64,
    matched: u64,
}

impl Aside {
    fn notes(&self, only: Option<&str>) -> Vec<String> {
        let mut notes = Vec::new();
        if self.newcomers > 0 {
            notes.push(format!(
                "{} with an owner first seen too lately to be called wrong: left in place",
                counted(self.newcomers, "record")
            ));
        }
        if let Some(only) = only
            && self.matched == 0
        {
            notes.push(format!("no paired record has the code or key `{only}` (case and leading zeros count)"));
        }
        notes
    }
}

/// A count and the first few names.
#[derive(Debug, Default)]
struct Few {
    count: u64,
    names: Vec<String>,
}

impl Few {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < 5 {
            self.names.push(name.to_owned());
        }
    }

    fn case(&self, reason: &str, subject: &str, what: &str, mend: &str) -> Option<NewCase> {
        (self.count > 0).then(|| NewCase {
            reason: reason.to_owned(),
            subject: subject.to_owned(),
            message: format!("{} {what}, among them {}", self.count, self.names.join(", ")),
            mend: mend.to_owned(),
        })
    }
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
            if !self.tallies.contains_key(&*code) {
                if self.tallies.len() >= CODES {
                    let field = &self.job.integration.policy.code.field;
                    return Err(Error::new(
                        ErrorKind::Config,
                        format!("field `{field}` holds more than {CODES} different values: it is no code"),
                    )
                    .hint("name the field that holds the owner code in the integration's `code`"));
                }
                self.tallies.insert(code.clone().into_owned(), Tally::default());
            }
            let tally = self.tallies.get_mut(&*code).expect("it was inserted above");
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
                mend: format!("map it: rightful codes set {} {code} USER", self.job.integration.name),
            });
        }
        let aside = &self.aside;
        let cases = [
            aside.without_owner.case(
                "no-owner",
                label,
                &format!("records have no {label} and are left as they are"),
                "give them one in the source, or set `no_owner`",
            ),
            aside.unseen.case(
                "owner-unseen",
                policy.target.kind.as_str(),
                "records do not show their owners",
                "give the connections' users the right to see them",
            ),
            aside.source_without_key.case(
                "no-key",
                "source",
                &format!("source records have no {}", policy.source.key),
                "give each its key: without one it cannot be paired",
            ),
            aside.target_without_key.case(
                "no-key",
                "target",
                &format!("target records have no {}", policy.target.key),
                "give each its key: without one it cannot be paired",
            ),
        ];
        cases.into_iter().flatten().for_each(|case| draft.case(case));
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
        Self { job, plan, number: 0, changes: Vec::new(), holds: Vec::new(), cases: Vec::new(), counts: PlanCounts::default() }
    }

    /// Adds a change and gives it its number. Changes to other kinds than the paired one count as follows.
    pub fn change(&mut self, mut change: Change) {
        self.number += 1;
        change.number = self.number;
        match change.action {
            _ if change.kind != self.job.layout.target.kind => self.counts.follows += 1,
            Action::OwnerMove => self.counts.owner_moves += 1,
            Action::Removal => self.counts.removals += 1,
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
    fn conclude(&mut self) {
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

/// An ordered image, read ahead in the background.
struct Prefetch(mpsc::Receiver<Option<Result<Vec<Row>>>>);

impl Prefetch {
    fn of(mut rows: futures::stream::BoxStream<'static, Result<Vec<Row>>>) -> Self {
        let (sender, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            while let Some(chunk) = rows.next().await {
                if sender.send(Some(chunk)).await.is_err() {
                    return;
                }
            }
            // The end is said, so that a reader that broke down is never taken for it; nobody listening any more is no fault.
            sender.send(None).await.ok();
        });
        Self(receiver)
    }

    async fn next(&mut self) -> Result<Option<Vec<Row>>> {
        match self.0.recv().await {
            Some(Some(chunk)) => chunk.map(Some),
            Some(None) => Ok(None),
            None => Err(Error::new(ErrorKind::Protocol, "reading the image broke off").hint("report this with the log of the run")),
        }
    }
}

/// Everyone of the target's people image.
pub(crate) async fn collect_people(
    mut rows: futures::stream::BoxStream<'static, Result<Vec<Row>>>,
    mut each: impl FnMut(Row) -> Option<TargetPerson>,
) -> Result<PeopleIndex> {
    let mut people = Vec::new();
    while let Some(chunk) = rows.next().await {
        people.extend(chunk?.into_iter().filter_map(&mut each));
    }
    Ok(PeopleIndex::new(people))
}
