//! Plans activities: accounts for people first, then one pass over what is to be credited and what was credited before.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use chrono::Duration;
use futures::StreamExt;
use rightful_core::{FieldName, OwnerChange, Record, RecordId, Result, Value, Verb, figure_id};

use super::Event;
use super::context::Job;
use super::draft::Draft;
use super::layout::{ActivityLayout, ObjectLayout};
use super::moves::Moves;
use super::plan::{Planned, people_index};
use crate::{
    AccountStanding, Accounts, Action, Activity, Authorship, Carry, Change, Credit, Crediting, Digest, Figure, From, Held, Link,
    LinkEvidence, Means, NamedOwner, NewCase, NewHold, NoOwner, Owed, PeopleMode, Plan, PlanCounts, PlanId, PlanState, Row, Sight,
    SourceRow, Triggers, Why, Workflow, credit, credit_of_gone, named_owner, value_of,
};

/// Credits and gone rows fetched at once.
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

/// Makes a plan over what is stored. `complete`: nothing of the source is unknown.
pub(crate) async fn plan_activity(job: Job, complete: bool) -> Result<Planned> {
    let store = job.store();
    let (activity, layout) = activity(&job)?;
    let accounts = accounts(&job).await?;
    let plan = store.begin_plan(&job.fence, &empty_plan(&job, None)).await?;
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
        expired: expired.into_iter().map(|(_, _, target)| target).collect(),
        made: HashMap::new(),
        found: BTreeMap::new(),
        owed: HashMap::new(),
        waiting: BTreeMap::new(),
        let_go: BTreeMap::new(),
        nobody: BTreeMap::new(),
        unseen: 0,
        removable: job.target_kind(&job.layout.target.kind)?.verbs.contains(&Verb::Remove),
        unremovable: 0,
        moves: Moves::default(),
        credited: 0,
        total: 0,
    };
    let asked = planner.asked_for().await?;
    planner.make_accounts(&asked, &mut draft).await?;
    for object in &layout.objects {
        planner.object(object, &mut draft).await?;
    }
    planner.conclude(&mut draft);
    draft.flush().await?;
    let Planner { moves, credited, total, found, .. } = planner;
    let people = people_index(&job).await?;
    let mut counts = std::mem::take(&mut draft.counts);
    counts.source_records = total;
    counts.paired = credited;
    counts.moves = moves.largest(&people).into_iter().map(|(from, to, records)| (format!("{from} -> {to}"), records)).collect();
    let before = super::census::Earlier::of(store, job.name()).await?;
    let refusals = crate::activity_refusals(&job.integration.policy.caps, &counts, before.records(), Some(plan));
    job.failpoint("before-end-plan");
    store.end_plan(&job.fence, plan, &counts, &refusals, complete, job.now()).await?;
    job.failpoint("after-end-plan");
    Ok(Planned { plan, table_version: 0, leads: None, counts, refusals, notes: Vec::new(), links: found.into_values().collect() })
}

/// Links that need nothing to be sent, as they would be found now.
pub(crate) async fn found_links(job: Job) -> Result<Vec<Link>> {
    let accounts = accounts(&job).await?;
    let mut links = Vec::new();
    for person in accounts.people() {
        if let AccountStanding::Found { owner, evidence, by_value } = accounts.standing(&person.id, true) {
            links.push(found_link(&job, person.id.clone(), owner, evidence, by_value));
        }
    }
    Ok(links)
}

fn found_link(job: &Job, person: RecordId, owner: String, evidence: LinkEvidence, by_value: String) -> Link {
    let policy = &job.integration.policy;
    Link {
        source: policy.source.connection.clone(),
        person,
        target: policy.target.connection.clone(),
        owner,
        evidence,
        by: Authorship {
            author: job.run.to_string(),
            reason: format!("the same {}: {by_value}", if evidence == LinkEvidence::Email { "e-mail address" } else { "id" }),
            at: job.now(),
        },
        by_value: Some(by_value),
    }
}

/// A plan that puts one person on a team.
pub(crate) async fn plan_team(job: Job, person: String, team: String) -> Result<Planned> {
    let store = job.store();
    let (_, layout) = activity(&job)?;
    let known = store.known_people(&job.layout.target.connection, &layout.people).await?;
    let Some(known) = known.into_iter().find(|known| known.id.as_str() == person && !known.is_unmapped()) else {
        return Err(rightful_core::Error::new(rightful_core::ErrorKind::NotFound, format!("no account `{person}` is known"))
            .hint("list them: rightful users list"));
    };
    let plan = store.begin_plan(&job.fence, &empty_plan(&job, Some(person.clone()))).await?;
    job.adopt_plan(plan);
    let mut draft = Draft::after(&job, plan, store.last_intended(job.run).await?);
    let spec = job.target_kind(&layout.people)?;
    let writable = |field: &FieldName| spec.field(field).is_some_and(|spec| spec.writable) && !field.as_str().starts_with("team.");
    let before: Vec<(FieldName, Value)> = known
        .facts
        .iter()
        .filter(|fact| writable(&fact.field) && fact.value != Value::Null)
        .map(|fact| (fact.field.clone(), fact.value.clone()))
        .collect();
    let mut values = before.clone();
    values.push((FieldName::fixed("team.key"), Value::text(team.clone())));
    draft.change(Change {
        number: 0,
        action: Action::Account,
        kind: layout.people.clone(),
        target: known.id.clone(),
        code: known.email().unwrap_or_default().to_owned(),
        name: known.name(),
        owners: OwnerChange { role: job.integration.policy.role.clone(), from: None, to: vec![person] },
        source: None,
        target_digest: Digest(0),
        carry: Some(Carry {
            means: Means::Upsert,
            from: layout.people.clone(),
            record: known.id.clone(),
            values,
            before: Some(before),
            person: None,
            evidence: None,
            was: None,
        }),
        why: Why {
            rule: "team".to_owned(),
            author: job.options.author.clone(),
            notes: vec![format!("put on team {team}")],
            ..Why::default()
        },
    });
    draft.flush().await?;
    let counts = std::mem::take(&mut draft.counts);
    store.end_plan(&job.fence, plan, &counts, &[], false, job.now()).await?;
    Ok(Planned { plan, table_version: 0, leads: None, counts, refusals: Vec::new(), notes: Vec::new(), links: Vec::new() })
}

fn empty_plan(job: &Job, only: Option<String>) -> Plan {
    Plan {
        id: PlanId(0),
        integration: job.name().to_owned(),
        created: job.now(),
        policy: job.policy_digest(),
        table_version: 0,
        only,
        undoes: None,
        state: PlanState::Drafting,
        counts: PlanCounts::default(),
        refusals: Vec::new(),
        passed: None,
        run: None,
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
    expired: HashSet<RecordId>,
    /// Accounts of this plan, by source person.
    made: HashMap<RecordId, Made>,
    /// Links that need nothing to be sent, by source person.
    found: BTreeMap<RecordId, Link>,
    /// How people stand, looked up once.
    owed: HashMap<RecordId, Owed>,
    /// What waits: by reason and person, how much, and what for.
    waiting: BTreeMap<(String, String), (u64, String)>,
    /// What is let go: by reason, how much and the first one's name.
    let_go: BTreeMap<String, (u64, String)>,
    /// What belongs to nobody: by reason, how much and the first names.
    nobody: BTreeMap<&'static str, (u64, Vec<String>)>,
    unseen: u64,
    removable: bool,
    unremovable: u64,
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
            for figure in &workflow.figures {
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
            let picked = self.accounts.picked(&person) == Some(crate::Picked::Create);
            match self.accounts.standing(&person, asked.contains(&person)) {
                AccountStanding::Account { evidence, was } => {
                    if evidence == LinkEvidence::Created {
                        self.accounts.take_licence();
                    }
                    draft.change(self.account(&person, evidence, was.clone()));
                    draft.flush_if_full().await?;
                    self.made.insert(person, Made { was });
                }
                AccountStanding::Found { owner, evidence, by_value } => {
                    self.found.insert(person.clone(), found_link(self.job, person, owner, evidence, by_value));
                }
                AccountStanding::Waits { reason, until } if picked || (all && reason != "source-inactive") || asked.contains(&person) => {
                    self.wait(reason, person.as_str(), &until, 0);
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
        let activity = self.activity;
        for workflow in activity.workflows.iter().filter(|workflow| workflow.active && workflow.object == object.image.kind) {
            let satisfied = workflow.is_satisfied(&row.record, &object.image.fields);
            for figure in &workflow.figures {
                let target = figure_id(row.record.id.as_str(), &figure.name);
                let before = sent.iter().find(|credit| credit.target == target);
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
                let decided = credit(sight, &owed, |owner| self.values(figure, object, &row.record, owner, person.as_ref()));
                let at = At { object, row, workflow, figure, target, before, person };
                self.decided(decided, at, draft);
            }
        }
        let leftover: Vec<&Credit> = sent.iter().filter(|credit| !self.is_yielded(object, credit)).collect();
        for credit in leftover {
            self.remove(object, credit, &row.record.name, "no-figure", draft);
        }
    }

    /// Does a workflow yield this record of the target, one that is switched off included? What none yields any more is taken back.
    fn is_yielded(&self, object: &ObjectLayout, credit: &Credit) -> bool {
        let figure = rightful_core::figure_parts(credit.target.as_str()).map(|(_, figure)| figure).unwrap_or_default();
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
            Crediting::Unseen => self.unseen += 1,
            Crediting::Nobody(reason) => {
                let (count, names) = self.nobody.entry(reason).or_default();
                *count += 1;
                if names.len() < 5 {
                    names.push(at.row.record.name.clone());
                }
            }
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
                let who = at.person.as_ref().map_or_else(String::new, RecordId::to_string);
                self.wait(&reason, &who, &until, 1);
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
                self.let_go.entry(reason.clone()).or_insert_with(|| (0, at.row.record.name.clone())).0 += 1;
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
        if !self.complete {
            return;
        }
        let figure = rightful_core::figure_parts(before.target.as_str()).map(|(_, figure)| figure).unwrap_or_default();
        let workflow = self.workflows(object).find(|workflow| workflow.figures.iter().any(|known| known.name == figure));
        let decided = credit_of_gone(workflow.map(|workflow| workflow.triggers), &before);
        if decided == Crediting::Remove || !self.is_yielded(object, &before) {
            self.remove(object, &before, before.source.as_str(), "deleted", draft);
        }
    }

    fn remove(&mut self, object: &ObjectLayout, before: &Credit, name: &str, rule: &str, draft: &mut Draft<'_>) {
        let Some((owner, values)) = before.held() else { return };
        if !self.removable {
            self.unremovable += 1;
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
            values: self.values(at.figure, at.object, &at.row.record, owner, at.person.as_ref()),
            before: at.before.and_then(Credit::held).map(|(_, values)| values.to_vec()),
            person: at.person.clone().filter(stands_on),
            evidence: None,
            was: None,
        }
    }

    fn why(&self, at: &At<'_>) -> Why {
        let mut notes = Vec::new();
        if let Some(link) = at.person.as_ref().and_then(|person| self.accounts.link(person)) {
            let compared = link.by_value.as_ref().map_or_else(String::new, |value| format!(" {value}"));
            notes.push(format!(
                "{} is linked: {}{compared}, by {}",
                self.accounts.named(&link.person),
                link.evidence.as_str(),
                link.by.author
            ));
        }
        Why {
            rule: "workflow".to_owned(),
            code_label: Some(format!("{} - {}", at.workflow.name, at.figure.name)),
            code: at.person.as_ref().map(RecordId::to_string),
            notes,
            ..Why::default()
        }
    }

    /// What is sent of a figure.
    fn values(
        &self,
        figure: &Figure,
        object: &ObjectLayout,
        record: &Record,
        owner: &str,
        person: Option<&RecordId>,
    ) -> Vec<(FieldName, Value)> {
        let nobody = RecordId::new("");
        let value = |from: &From| match from {
            From::Field(field) => value_of(record, &object.image.fields, field).clone(),
            From::Fixed(value) => value.clone(),
            From::Email => self.accounts.credited_email(owner, person.unwrap_or(&nobody)).map_or(Value::Null, Value::Text),
        };
        let values = figure.set.iter().map(|(field, from)| (field.clone(), value(from)));
        values.filter(|(_, value)| *value != Value::Null).collect()
    }

    fn owed(&mut self, owner: NamedOwner<'_>) -> Owed {
        let person = match owner {
            NamedOwner::Unseen => return Owed::Unseen,
            NamedOwner::Nobody => {
                return self.otherwise(&self.job.integration.policy.no_owner, "no-owner", || "it has an owner who is a person".to_owned());
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
        if let Some(link) = self.found.get(person) {
            return self.accounts.owed(&link.owner, None);
        }
        match self.accounts.standing(person, false) {
            AccountStanding::Linked { owner } | AccountStanding::Found { owner, .. } => self.accounts.owed(&owner, None),
            AccountStanding::Skipped => Owed::Nobody("skipped"),
            AccountStanding::Account { .. } => {
                Owed::Waits { owner: None, reason: "unmapped-owner", until: format!("{} has an account", self.accounts.named(person)) }
            }
            AccountStanding::Waits { reason, until } => {
                let standing = self.accounts.standing(person, true);
                // Where an account would be made but for something in the way, that is what is waited for.
                let (reason, until) = match standing {
                    AccountStanding::Waits { reason, until } => (reason, until),
                    _ => (reason, until),
                };
                match self.otherwise(&self.job.integration.policy.no_match, reason, || until.clone()) {
                    Owed::Nobody(_) => Owed::Nobody("no-match"),
                    owed => owed,
                }
            }
        }
    }

    /// What the policy says of a record that leads to nobody.
    fn otherwise(&self, choice: &NoOwner, reason: &'static str, until: impl Fn() -> String) -> Owed {
        match choice {
            NoOwner::Leave | NoOwner::Clear => Owed::Nobody(reason),
            NoOwner::Hold => Owed::Waits { owner: None, reason, until: until() },
            NoOwner::Fallback(typed) => match self.accounts.find(typed) {
                Some(owner) => self.accounts.owed(&owner, None),
                None => {
                    Owed::Waits { owner: None, reason: "unknown-fallback", until: format!("the fall-back `{typed}` is one known user") }
                }
            },
        }
    }

    fn wait(&mut self, reason: &str, person: &str, until: &str, records: u64) {
        let known = self.waiting.entry((reason.to_owned(), person.to_owned())).or_insert_with(|| (0, until.to_owned()));
        known.0 += records;
    }

    /// Cases that are told once with a count, not once per record.
    fn conclude(&mut self, draft: &mut Draft<'_>) {
        for ((reason, person), (records, until)) in &self.waiting {
            let told = match records {
                0 => format!("an account waits until {until}"),
                1 => format!("1 activity waits until {until}"),
                _ => format!("{records} activities wait until {until}"),
            };
            draft.case(NewCase { reason: reason.clone(), subject: person.clone(), message: told, mend: self.mend(reason, person) });
        }
        for (reason, (records, first)) in &self.let_go {
            draft.case(NewCase {
                reason: "let-go".to_owned(),
                subject: reason.clone(),
                message: format!("activities were let go, not sent: {records} ({reason}); the first was {first}"),
                mend: "nothing is sent of them until they change again; `replay = true` and a longer `hold_days` keep them".to_owned(),
            });
        }
        for (reason, (records, names)) in &self.nobody {
            let (what, mend) = match *reason {
                "no-owner" => ("belong to a queue or to no one, and are nobody's", "give them an owner in the source, or set `no_owner`"),
                "skipped" => ("belong to people who were picked to be skipped", "unpick them: rightful users skip --undo"),
                _ => ("belong to people who lead to nobody, and `no_match` leaves them", "map them: rightful users map"),
            };
            let more = if *records > names.len() as u64 { " and others" } else { "" };
            draft.case(NewCase {
                reason: (*reason).to_owned(),
                subject: "activities".to_owned(),
                message: format!("{records} {what} ({}{more})", names.join(", ")),
                mend: mend.to_owned(),
            });
        }
        if self.unseen > 0 {
            draft.case(NewCase {
                reason: "owner-unseen".to_owned(),
                subject: "activities".to_owned(),
                message: format!("{} do not show their owner", self.unseen),
                mend: "give the source connection's user the right to see owners".to_owned(),
            });
        }
        draft.conclude();
    }

    fn mend(&self, reason: &str, person: &str) -> String {
        let name = self.job.name();
        match reason {
            "unmapped-owner" => match self.activity.people {
                PeopleMode::Manual => format!("map the person: rightful users map {person} USER -i {name}"),
                _ => format!("pick the person: rightful users create {person}, or map: rightful users map {person} USER -i {name}"),
            },
            "email-shared" | "email-taken" | "disputed-owner" => format!("say who it is: rightful users map {person} USER -i {name}"),
            "no-email" | "incomplete-user" | "source-inactive" | "unknown-owner" => {
                "mend the user in the source, or map the person: rightful users map".to_owned()
            }
            "no-owner" => "give the records an owner in the source, or set `no_owner`".to_owned(),
            "unknown-fallback" => "correct the fall-back in the configuration".to_owned(),
            "no-licence" => "add licences in the target, or free some; then correct `licences` or import the users' file".to_owned(),
            other => self.accounts.mend(other).unwrap_or("open it in the target, then import the users' file").to_owned(),
        }
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

/// What was sent of one source kind, ascending by source record.
struct Credits<'a> {
    job: &'a Job,
    object: &'a ObjectLayout,
    waiting: VecDeque<Credit>,
    after: Option<(RecordId, RecordId)>,
    ended: bool,
}

impl<'a> Credits<'a> {
    fn of(job: &'a Job, object: &'a ObjectLayout) -> Self {
        Self { job, object, waiting: VecDeque::new(), after: None, ended: false }
    }

    async fn peek(&mut self) -> Result<Option<&Credit>> {
        if self.waiting.is_empty() && !self.ended {
            let credits = self.job.store().credits(self.job.name(), &self.object.image.kind, self.after.take(), CHUNK).await?;
            self.ended = credits.len() < CHUNK;
            self.after = credits.last().map(|credit| (credit.source.clone(), credit.target.clone()));
            self.waiting = credits.into();
        }
        Ok(self.waiting.front())
    }

    fn take(&mut self) -> Credit {
        self.waiting.pop_front().expect("the caller looked at the front")
    }

    async fn of_record(&mut self, id: &RecordId) -> Result<Vec<Credit>> {
        let mut found = Vec::new();
        while self.peek().await?.is_some_and(|credit| credit.source == *id) {
            found.push(self.take());
        }
        Ok(found)
    }
}
