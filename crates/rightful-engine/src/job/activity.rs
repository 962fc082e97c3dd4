//! Plans activities: accounts for people first, then one pass over what is to be credited and what was credited before.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::Duration;
use futures::StreamExt;
use rightful_core::{OwnerChange, Record, RecordId, Result, Verb, figure_id, figure_parts};

use super::Event;
use super::census::records_before;
use super::context::Job;
use super::credits::Credits;
use super::draft::Draft;
use super::layout::{ActivityLayout, ObjectLayout};
use super::moves::Moves;
use super::plan::Planned;
use super::views::index_of_known;
use super::waiting::Waiting;
use crate::{
    AccountStanding, Accounts, Action, Activity, Authorship, Carry, Change, Credit, Crediting, Digest, Figure, Held, Link, LinkEvidence,
    Linked, Means, NamedOwner, NewCase, NewHold, Owed, PeopleMode, Picked, Plan, PlanId, Row, Sight, SourceRow, Triggers, Why, Workflow,
    activity_refusals, credit, credit_of_gone, named_owner,
};

/// Gone rows and changes fetched at once.
const CHUNK: usize = 1_000;
/// Holds that grew too old, let go by one run at most.
const EXPIRING: usize = 100_000;

/// The activity that a job credits.
pub(crate) fn activity(job: &Job) -> Result<(&Activity, &ActivityLayout)> {
    match (&job.integration.policy.activity, &job.layout.activity) {
        (Some(activity), Some(layout)) => Ok((activity, layout)),
        _ => Err(rightful_core::Error::new(
            rightful_core::ErrorKind::Config,
            format!("integration `{}` credits no activities: nothing waits to be released", job.name()),
        )
        .hint(format!("run it: rightful run {}", job.name()))),
    }
}

/// Everyone of the source and how they stand.
pub(crate) async fn accounts(job: &Job) -> Result<Accounts<'_>> {
    super::views::accounts(job.store(), &job.integration, &job.layout).await
}

/// Makes a plan over what is stored. `complete`: nothing of the source is unknown; `only`: pilot of this record, figure or owner.
pub(crate) async fn plan_activity(job: Job, complete: bool, only: Option<String>) -> Result<Planned> {
    let store = job.store();
    let (activity, layout) = activity(&job)?;
    let accounts = accounts(&job).await?;
    let matched = only.as_deref().is_some_and(|only| accounts.person(&RecordId::new(only)).is_some());
    let plan = store.begin_plan(&job.fence, &Plan { only: only.clone(), ..job.draft_plan(0) }).await?;
    job.adopt_plan(plan);
    job.failpoint("after-begin-plan");
    let numbered = store.last_intended(job.run).await?;
    let expired = store.holds_since(job.name(), job.now() - Duration::days(i64::from(activity.hold_days)), EXPIRING).await?;
    let mut draft = Draft::after(&job, plan, numbered);
    let mut planner = Planner {
        job: &job,
        activity,
        layout,
        accounts,
        complete,
        only: only.as_deref(),
        matched,
        expired: expired.into_iter().map(|(_, _, target)| target).collect(),
        made: HashMap::new(),
        found: HashMap::new(),
        owed: HashMap::new(),
        waiting: Waiting::default(),
        removable: job.target_kind(&job.layout.target.kind)?.verbs.contains(&Verb::Remove),
        moves: Moves::default(),
        credited: 0,
        total: 0,
    };
    let asked = planner.asked_for().await?;
    planner.make_accounts(&asked, &mut draft).await?;
    for object in &layout.objects {
        planner.object(object, &mut draft).await?;
    }
    planner.left_behind().await?;
    let whole = complete && only.is_none();
    for case in planner.waiting.cases(job.name(), activity.people, &planner.accounts) {
        draft.case(case);
    }
    draft.conclude();
    draft.flush().await?;
    let Planner { accounts, moves, credited, total, matched, .. } = planner;
    let mut counts = std::mem::take(&mut draft.counts);
    counts.source_records = total;
    counts.paired = credited;
    let people = index_of_known(accounts.everyone_known());
    counts.moves = moves.largest(&people).into_iter().map(|(from, to, records)| (format!("{from} -> {to}"), records)).collect();
    let refusals = activity_refusals(&job.integration.policy.caps, &counts, records_before(store, job.name()).await?, Some(plan));
    let mut notes = Vec::new();
    if let Some(only) = only.filter(|_| !matched) {
        notes.push(format!("no record, figure or owner `{only}` is known (case counts); see who owns what: rightful users list"));
    }
    job.failpoint("before-end-plan");
    store.end_plan(&job.fence, plan, &counts, &refusals, whole, job.now()).await?;
    job.failpoint("after-end-plan");
    Ok(Planned { plan, table_version: 0, leads: None, counts, refusals, notes })
}

/// Saves the links that a plan stands on and that need nothing to be sent; how many were made.
pub(crate) async fn save_found_links(job: Job, plan: PlanId) -> Result<usize> {
    let accounts = accounts(&job).await?;
    let mut links = Vec::new();
    let mut by_record = Vec::new();
    for person in accounts.people() {
        match (accounts.standing(&person.id, false), accounts.standing(&person.id, true)) {
            (AccountStanding::Found { owner, evidence, by_value }, _) => {
                links.push(found_link(&job, person.id.clone(), owner, evidence, by_value));
            }
            // Such a link is made only where a record asks for it.
            (_, AccountStanding::Found { owner, evidence, by_value }) => {
                by_record.push(found_link(&job, person.id.clone(), owner, evidence, by_value));
            }
            _ => {}
        }
    }
    if !by_record.is_empty() {
        let asked = people_of(&job, plan).await?;
        links.extend(by_record.into_iter().filter(|link| asked.contains(&link.person)));
    }
    if links.is_empty() {
        return Ok(0);
    }
    let made = job.store().put_links(&job.fence, &links).await?;
    Ok(made.iter().filter(|made| **made == Linked::Made).count())
}

/// The source people whom a plan's changes are for.
async fn people_of(job: &Job, plan: PlanId) -> Result<HashSet<RecordId>> {
    let (mut people, mut after) = (HashSet::new(), 0);
    loop {
        let changes = job.store().changes(plan, after, CHUNK).await?;
        let Some(last) = changes.last() else { return Ok(people) };
        after = last.number;
        people.extend(changes.into_iter().filter_map(|change| change.carry?.person));
    }
}

fn found_link(job: &Job, person: RecordId, owner: String, evidence: LinkEvidence, by_value: String) -> Link {
    let policy = &job.integration.policy;
    Link {
        source: policy.source.connection.clone(),
        person,
        target: policy.target.connection.clone(),
        owner,
        evidence,
        by: Authorship { author: job.run.to_string(), reason: evidence.because(&by_value, ""), at: job.now() },
        by_value: Some(by_value),
    }
}

/// An account that this plan makes.
#[derive(Clone, Debug)]
struct Made {
    /// Where facts about it stand so far.
    was: Option<RecordId>,
}

struct Planner<'a> {
    job: &'a Job,
    activity: &'a Activity,
    layout: &'a ActivityLayout,
    accounts: Accounts<'a>,
    complete: bool,
    /// Pilot: only this record, figure or owner.
    only: Option<&'a str>,
    /// Was anything found that the pilot is about?
    matched: bool,
    expired: HashSet<RecordId>,
    /// Accounts of this plan, by source person.
    made: HashMap<RecordId, Made>,
    /// Accounts that a link alone is missing to, by source person.
    found: HashMap<RecordId, String>,
    /// How people stand, looked up once.
    owed: HashMap<RecordId, Owed>,
    waiting: Waiting,
    removable: bool,
    moves: Moves,
    credited: u64,
    total: u64,
}

impl Planner<'_> {
    /// Source people whom records ask an account for, where accounts are made by themselves.
    async fn asked_for(&self) -> Result<BTreeSet<RecordId>> {
        let mut asked = BTreeSet::new();
        if !self.accounts.makes_by_itself() {
            return Ok(asked);
        }
        let store = self.job.store();
        for object in &self.layout.objects {
            let image = self.job.image_id(&object.image).await?;
            let mut rows = store.ordered(image);
            while let Some(chunk) = rows.next().await {
                for row in &chunk? {
                    self.ask(object, row, false, &mut asked);
                }
            }
            let mut after = None;
            loop {
                let gone = store.gone_rows(image, after, CHUNK).await?;
                gone.iter().for_each(|row| self.ask(object, row, true, &mut asked));
                after = gone.last().map(|row| row.record.id.clone());
                if gone.len() < CHUNK {
                    break;
                }
            }
        }
        Ok(asked)
    }

    /// Does a record ask an account for its owner (SS-8)?
    fn ask(&self, object: &ObjectLayout, row: &Row, gone: bool, asked: &mut BTreeSet<RecordId>) {
        for workflow in self.workflows(object) {
            let Triggers { create, update, delete } = workflow.triggers;
            let fires = if gone { delete } else { create || (update && row.changed) };
            if !fires || !self.is_young(&row.record) || !workflow.is_satisfied(&row.record, &object.image.fields) {
                continue;
            }
            for figure in workflow.figures.iter().filter(|figure| self.concerns(object, &row.record, figure, None)) {
                if let NamedOwner::Person(person) = named_owner(&row.record, &object.image.fields, &figure.owner) {
                    let person = RecordId::new(person);
                    if !asked.contains(&person) && self.accounts.link(&person).is_none() {
                        asked.insert(person);
                    }
                }
            }
        }
    }

    fn workflows<'b>(&'b self, object: &'b ObjectLayout) -> impl Iterator<Item = &'b Workflow> {
        self.activity.workflows.iter().filter(|workflow| workflow.active && workflow.object == object.image.kind)
    }

    /// Is a figure what the pilot is about: by its record, by itself, or by whom it is owed or credited to?
    fn concerns(&self, object: &ObjectLayout, record: &Record, figure: &Figure, before: Option<&Credit>) -> bool {
        let Some(only) = self.only else { return true };
        let id = record.id.as_str();
        id == only
            || figure_id(id, &figure.name) == *only
            || named_owner(record, &object.image.fields, &figure.owner) == NamedOwner::Person(only)
            || before.is_some_and(|before| self.concerns_credit(before))
    }

    /// The same of what was sent.
    fn concerns_credit(&self, credit: &Credit) -> bool {
        self.only.is_none_or(|only| credit.source == *only || credit.target == *only || credit.owner == only)
    }

    fn is_young(&self, record: &Record) -> bool {
        match (self.activity.since, record.changed_at) {
            (Some(since), Some(changed_at)) => changed_at >= since,
            _ => true,
        }
    }

    /// Accounts for whoever shall have one: of records, of picks, of the mode; and links that need nothing to be sent.
    async fn make_accounts(&mut self, asked: &BTreeSet<RecordId>, draft: &mut Draft<'_>) -> Result<()> {
        let all = self.activity.people == PeopleMode::All;
        let wanted: Vec<RecordId> =
            self.accounts.people().into_iter().map(|person| &person.id).filter(|id| self.accounts.link(id).is_none()).cloned().collect();
        for person in wanted {
            if self.only.is_some_and(|only| person != *only) && !asked.contains(&person) {
                continue;
            }
            let picked = self.accounts.picked(&person) == Some(Picked::Create);
            match self.accounts.standing(&person, asked.contains(&person)) {
                AccountStanding::Account { evidence, was } => {
                    if evidence == LinkEvidence::Created {
                        self.accounts.take_licence();
                    }
                    draft.change(self.account(&person, evidence, was.clone()));
                    draft.flush_if_full().await?;
                    self.made.insert(person, Made { was });
                }
                AccountStanding::Found { owner, .. } => {
                    self.found.insert(person, owner);
                }
                AccountStanding::Waits { reason, until } if picked || (all && reason != "source-inactive") || asked.contains(&person) => {
                    self.waiting.wait(reason, person.as_str(), &until, 0);
                }
                AccountStanding::Linked { .. } | AccountStanding::Skipped | AccountStanding::Waits { .. } => {}
            }
        }
        Ok(())
    }

    fn account(&self, person: &RecordId, evidence: LinkEvidence, was: Option<RecordId>) -> Change {
        let values = self.accounts.account_values(person);
        let email = values.iter().find(|(field, _)| *field == "email").map(|(_, value)| value.to_string()).unwrap_or_default();
        let rule = match (evidence, self.accounts.picked(person)) {
            (LinkEvidence::Email, _) => "email",
            (_, Some(_)) => "picked",
            _ => self.activity.people.as_str(),
        };
        Change {
            number: 0,
            action: Action::Account,
            kind: self.layout.people.clone(),
            target: person.clone(),
            code: email,
            name: self.accounts.person(person).map_or_else(|| person.to_string(), |record| record.name.clone()),
            owners: OwnerChange { role: self.job.integration.policy.role.clone(), from: None, to: vec![person.to_string()] },
            source: None,
            target_digest: Digest(0),
            carry: Some(Carry {
                means: Means::Upsert,
                from: self.job.layout.source.kind.clone(),
                record: person.clone(),
                values,
                before: None,
                person: Some(person.clone()),
                evidence: Some(evidence),
                was,
            }),
            why: Why { rule: rule.to_owned(), ..Why::default() },
        }
    }

    /// One kind of source records beside what was sent of them, both ascending by id.
    async fn object(&mut self, object: &ObjectLayout, draft: &mut Draft<'_>) -> Result<()> {
        let store = self.job.store();
        let image = store.image(&object.image).await?;
        let mut credits = Credits::of(self.job, object);
        let mut rows = store.ordered(image.id);
        let mut seen = 0_u64;
        while let Some(chunk) = rows.next().await {
            for row in chunk? {
                seen += 1;
                loop {
                    match credits.peek().await? {
                        Some(credit) if credit.source < row.record.id => {
                            let credit = credits.take();
                            self.gone(object, credit, draft);
                        }
                        _ => break,
                    }
                }
                let sent = credits.of_record(&row.record.id).await?;
                self.row(object, &row, &sent, draft);
                draft.flush_if_full().await?;
            }
            let changes = draft.counts.changes();
            self.job.ports.progress.report(Event::Planned { pairs: self.total + seen, total: self.total + image.rows, changes });
        }
        self.total += seen;
        while credits.peek().await?.is_some() {
            let credit = credits.take();
            self.gone(object, credit, draft);
            draft.flush_if_full().await?;
        }
        Ok(())
    }

    fn row(&mut self, object: &ObjectLayout, row: &Row, sent: &[Credit], draft: &mut Draft<'_>) {
        self.matched |= self.only.is_some_and(|only| row.record.id == *only);
        let activity = self.activity;
        for workflow in activity.workflows.iter().filter(|workflow| workflow.active && workflow.object == object.image.kind) {
            let satisfied = workflow.is_satisfied(&row.record, &object.image.fields);
            if !satisfied && sent.is_empty() && self.only.is_none() {
                continue;
            }
            for figure in &workflow.figures {
                let target = figure_id(row.record.id.as_str(), &figure.name);
                let before = sent.iter().find(|credit| credit.target == target);
                if !self.concerns(object, &row.record, figure, before) {
                    continue;
                }
                self.matched = true;
                if !satisfied && before.is_none() {
                    continue;
                }
                let owner = named_owner(&row.record, &object.image.fields, &figure.owner);
                let owed = self.owed(owner);
                let person = match owner {
                    NamedOwner::Person(person) => Some(RecordId::new(person)),
                    NamedOwner::Nobody | NamedOwner::Unseen => None,
                };
                let sight = Sight {
                    satisfied,
                    since: self.is_young(&row.record),
                    changed: row.changed,
                    triggers: workflow.triggers,
                    before,
                    replay: activity.replay,
                    expired: self.expired.contains(&target),
                    person: person.as_ref(),
                };
                let decided = credit(sight, &owed, |owner| {
                    self.accounts.figure_values(figure, &row.record, &object.image.fields, owner, person.as_ref())
                });
                let at = At { object, row, workflow, figure, target, before, person };
                self.decided(decided, at, draft);
            }
        }
        let leftover: Vec<&Credit> =
            sent.iter().filter(|credit| self.concerns_credit(credit) && !self.is_yielded(object, credit)).collect();
        for credit in leftover {
            self.remove(object, credit, &row.record.name, "no-figure", draft);
        }
    }

    /// Does a workflow yield this record of the target, one that is switched off included? What none yields any more is taken back.
    fn is_yielded(&self, object: &ObjectLayout, credit: &Credit) -> bool {
        let figure = figure_parts(credit.target.as_str()).map(|(_, figure)| figure).unwrap_or_default();
        let workflows = self.activity.workflows.iter().filter(|workflow| workflow.object == object.image.kind);
        workflows.flat_map(|workflow| &workflow.figures).any(|known| known.name == figure)
    }

    fn decided(&mut self, decided: Crediting, at: At<'_>, draft: &mut Draft<'_>) {
        match decided {
            Crediting::None => {}
            Crediting::AlreadySo => {
                draft.counts.unchanged += 1;
                self.credited += 1;
            }
            Crediting::Unseen => self.waiting.unseen(),
            Crediting::Nobody(reason) => self.waiting.nobody(reason, &at.row.record.name),
            Crediting::Send { owner } => {
                self.credited += 1;
                let from: Vec<String> = at.before.and_then(Credit::held).map(|(owner, _)| owner.to_owned()).into_iter().collect();
                let moved = !from.is_empty() && from != [owner.clone()];
                if moved {
                    self.moves.note(&from, std::slice::from_ref(&owner));
                }
                let action = if moved { Action::OwnerMove } else { Action::Credit };
                draft.change(self.change(&at, action, Means::Upsert, from, vec![owner]));
            }
            Crediting::Hold { owner, reason, until } => {
                self.waiting.wait(&reason, at.person.as_ref().map_or("", RecordId::as_str), &until, 1);
                let owner = owner.unwrap_or_default();
                draft.hold(NewHold {
                    kind: self.job.layout.target.kind.clone(),
                    target: at.target.clone(),
                    code: at.row.record.id.to_string(),
                    name: at.row.record.name.clone(),
                    reason,
                    waits_for: until,
                    wanted: None,
                    carry: Some(Held {
                        connection: self.job.layout.target.connection.clone(),
                        carry: self.carry(&at, Means::Upsert, &owner),
                        owner,
                    }),
                    why: self.why(&at),
                });
            }
            Crediting::LetGo { owner, reason } => {
                self.waiting.let_go(&reason, &at.row.record.name);
                let mut change = self.change(&at, Action::LetGo, Means::Note, Vec::new(), vec![owner]);
                change.why.notes.push(format!("let go: {reason}"));
                draft.change(change);
            }
            Crediting::Remove => {
                if let Some(before) = at.before {
                    self.remove(at.object, before, &at.row.record.name, "no-longer", draft);
                }
            }
        }
    }

    /// What was sent of a record that is not there any more.
    fn gone(&mut self, object: &ObjectLayout, before: Credit, draft: &mut Draft<'_>) {
        if !self.concerns_credit(&before) {
            return;
        }
        self.matched = true;
        if !self.complete {
            return;
        }
        let figure = figure_parts(before.target.as_str()).map(|(_, figure)| figure).unwrap_or_default();
        let workflow = self.workflows(object).find(|workflow| workflow.figures.iter().any(|known| known.name == figure));
        let decided = credit_of_gone(workflow.map(|workflow| workflow.triggers), &before);
        if decided == Crediting::Remove || !self.is_yielded(object, &before) {
            self.remove(object, &before, before.source.as_str(), "deleted", draft);
        }
    }

    fn remove(&mut self, object: &ObjectLayout, before: &Credit, name: &str, rule: &str, draft: &mut Draft<'_>) {
        let Some((owner, values)) = before.held() else { return };
        if !self.removable {
            draft.case(NewCase {
                reason: "cannot-remove".to_owned(),
                subject: before.target.to_string(),
                message: format!("{name} is credited to {owner} and should not be any more; the connection does not remove records"),
                mend: "remove it in the target by hand, or let the connection remove records".to_owned(),
            });
            return;
        }
        draft.change(Change {
            number: 0,
            action: Action::Removal,
            kind: self.job.layout.target.kind.clone(),
            target: before.target.clone(),
            code: before.source.to_string(),
            name: name.to_owned(),
            owners: OwnerChange { role: self.job.integration.policy.role.clone(), from: Some(vec![owner.to_owned()]), to: Vec::new() },
            source: None,
            target_digest: before.digest(),
            carry: Some(Carry {
                means: Means::Remove,
                from: object.image.kind.clone(),
                record: before.source.clone(),
                values: Vec::new(),
                before: Some(values.to_vec()),
                person: None,
                evidence: None,
                was: None,
            }),
            why: Why { rule: rule.to_owned(), ..Why::default() },
        });
    }

    fn change(&self, at: &At<'_>, action: Action, means: Means, from: Vec<String>, to: Vec<String>) -> Change {
        let owner = to.first().map(String::as_str).unwrap_or_default();
        Change {
            number: 0,
            action,
            kind: self.job.layout.target.kind.clone(),
            target: at.target.clone(),
            code: at.row.record.id.to_string(),
            name: at.row.record.name.clone(),
            carry: Some(self.carry(at, means, owner)),
            owners: OwnerChange { role: self.job.integration.policy.role.clone(), from: Some(from), to },
            source: Some(SourceRow { id: at.row.record.id.clone(), digest: at.row.digest }),
            target_digest: at.before.map_or(Digest(0), Credit::digest),
            why: self.why(at),
        }
    }

    fn carry(&self, at: &At<'_>, means: Means, owner: &str) -> Carry {
        // What goes to the fall-back stands on no link; what is for nobody known is for the person who is named.
        let stands_on = |person: &RecordId| {
            owner.is_empty() || self.accounts.link(person).is_some() || self.made.contains_key(person) || self.found.contains_key(person)
        };
        Carry {
            means,
            from: at.object.image.kind.clone(),
            record: at.row.record.id.clone(),
            values: self.accounts.figure_values(at.figure, &at.row.record, &at.object.image.fields, owner, at.person.as_ref()),
            before: at.before.and_then(Credit::held).map(|(_, values)| values.to_vec()),
            person: at.person.clone().filter(stands_on),
            evidence: None,
            was: None,
        }
    }

    fn why(&self, at: &At<'_>) -> Why {
        let link = at.person.as_ref().and_then(|person| self.accounts.link(person));
        Why {
            rule: "workflow".to_owned(),
            code_label: Some(format!("{} - {}", at.workflow.name, at.figure.name)),
            code: at.person.as_ref().map(RecordId::to_string),
            notes: link.map(|link| self.accounts.link_told(link)).into_iter().collect(),
            ..Why::default()
        }
    }

    fn owed(&mut self, owner: NamedOwner<'_>) -> Owed {
        let person = match owner {
            NamedOwner::Unseen => return Owed::Unseen,
            NamedOwner::Nobody => {
                return self.accounts.otherwise(&self.job.integration.policy.no_owner, "no-owner", "it has an owner who is a person");
            }
            NamedOwner::Person(person) => RecordId::new(person),
        };
        if let Some(owed) = self.owed.get(&person) {
            return owed.clone();
        }
        let owed = self.owed_to(&person);
        self.owed.insert(person, owed.clone());
        owed
    }

    fn owed_to(&self, person: &RecordId) -> Owed {
        if let Some(made) = self.made.get(person) {
            return self.accounts.owed(person.as_str(), made.was.as_ref());
        }
        if let Some(owner) = self.found.get(person) {
            return self.accounts.owed(owner, None);
        }
        let standing = match self.accounts.standing(person, false) {
            // No account is made by this plan.
            AccountStanding::Account { .. } => {
                AccountStanding::Waits { reason: "unmapped-owner", until: format!("{} has an account", self.accounts.named(person)) }
            }
            // Where an account would be made but for something in the way, that is what is waited for.
            AccountStanding::Waits { reason, until } => match self.accounts.standing(person, true) {
                waits @ AccountStanding::Waits { .. } => waits,
                _ => AccountStanding::Waits { reason, until },
            },
            standing => standing,
        };
        self.accounts.owed_by(person, &standing, &self.job.integration.policy.no_match)
    }

    /// What is credited of kinds that no workflow looks at any more is told: nothing visits it.
    async fn left_behind(&mut self) -> Result<()> {
        for (kind, credits) in self.job.store().credit_counts(self.job.name()).await? {
            if self.layout.objects.iter().all(|object| object.image.kind != kind) {
                self.waiting.left_behind(kind, credits);
            }
        }
        Ok(())
    }
}

/// Where a decision stands.
struct At<'a> {
    object: &'a ObjectLayout,
    row: &'a Row,
    workflow: &'a Workflow,
    figure: &'a Figure,
    target: RecordId,
    before: Option<&'a Credit>,
    person: Option<RecordId>,
}
