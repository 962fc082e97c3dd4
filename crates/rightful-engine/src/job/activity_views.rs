//! Activities between runs: what stands of one record and why, and what one workflow would do to the records that changed last. From the store alone.

use std::cmp::Reverse;

use futures::StreamExt;
use rightful_core::{FieldName, Instant, Kind, Record, RecordId, Result, Value, figure_id};
use serde::{Deserialize, Serialize};

use super::Ports;
use super::people_views::Crew;
use crate::{
    AccountStanding, Accounts, Credit, CreditState, Entry, EntryFilter, EntryState, Figure, Hold, NamedOwner, Owed, Workflow, named_owner,
};

/// Lines of the ledger that are shown of one figure.
const ENTRIES: usize = 10;
/// What is typed is looked for as the beginning of an id where it has so many characters: reports may leave the last ones away.
const BEGINNING: usize = 12;
/// Rows looked through for it: about a second's worth.
const LOOKED_AT: usize = 200_000;
/// Figures of one record at most.
const FIGURES: usize = 1_000;

/// Why a record's activities stand as they do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordExplanation {
    /// The integration.
    pub integration: String,
    /// The source record.
    pub record: RecordId,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Is it in the source, as last read?
    pub there: bool,
    /// Its figures, in the order of the workflows.
    pub figures: Vec<FigureLine>,
}

/// One figure of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureLine {
    /// The record in the target.
    pub target: RecordId,
    /// The workflow.
    pub workflow: String,
    /// Does the record satisfy it, as last read?
    pub satisfied: bool,
    /// What the target holds, as far as we sent it.
    pub credit: Option<Credit>,
    /// The name of whom it is credited to.
    pub owner: Option<String>,
    /// Why it is theirs: the link, with its evidence, in words.
    pub link: Option<String>,
    /// What waits.
    pub hold: Option<Hold>,
    /// What was written of it, newest first.
    pub entries: Vec<Entry>,
}

impl RecordExplanation {
    /// In sentences.
    pub fn told(&self) -> Vec<String> {
        let mut told = vec![format!(
            "{} ({} {}){}.",
            self.name,
            self.kind,
            self.record,
            if self.there { "" } else { " is not in the source any more" }
        )];
        for figure in &self.figures {
            told.extend(figure.told());
        }
        if self.figures.is_empty() {
            told.push("No workflow looks at it.".to_owned());
        }
        told
    }
}

impl FigureLine {
    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        let done = self.entries.iter().find(|entry| entry.state == EntryState::Done);
        let owner = |credit: &Credit| self.owner.clone().unwrap_or_else(|| credit.owner.clone());
        match &self.credit {
            Some(credit) if credit.state == CreditState::Sent => {
                let values: Vec<String> = credit.values.iter().map(|(field, value)| format!("{field} {value}")).collect();
                let run = done.map_or_else(String::new, |entry| format!(", by {}", entry.run));
                told.push(format!(
                    "{}: credited to {} since {}{run}: {}.",
                    self.workflow,
                    owner(credit),
                    moment(credit.at),
                    values.join(", ")
                ));
            }
            Some(credit) if credit.state == CreditState::Unsure => told.push(format!(
                "{}: sent to {} on {}, and the answer was lost: the next run sends it again, or takes it back.",
                self.workflow,
                owner(credit),
                moment(credit.at)
            )),
            Some(credit) => {
                told.push(format!("{}: this state was let go on {}; it is sent once it changes.", self.workflow, moment(credit.at)))
            }
            None if self.hold.is_none() && self.satisfied => {
                told.push(format!("{}: not credited yet; the next run looks at it.", self.workflow))
            }
            None if self.hold.is_none() => told.push(format!("{}: not credited, because the record does not satisfy it.", self.workflow)),
            None => {}
        }
        if let Some(hold) = &self.hold {
            told.push(format!(
                "{}: waits since {} ({}) until {}.",
                self.workflow,
                moment(hold.since),
                hold.hold.reason,
                hold.hold.waits_for
            ));
        }
        told.extend(self.link.iter().map(|link| format!("  {link}.")));
        told
    }
}

fn moment(at: Instant) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// What one workflow would do with one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The record.
    pub record: RecordId,
    /// Its name.
    pub name: String,
    /// When it changed last.
    pub changed_at: Option<Instant>,
    /// The figure; none where the record does not satisfy the workflow.
    pub figure: Option<String>,
    /// `not-satisfied`, `credited-so`, `would-send`, `would-make-account`, `would-hold`, `nobody`, `owner-unseen`.
    pub verdict: String,
    /// To whom.
    pub owner: Option<String>,
    /// Why it would wait, or is nobody's.
    pub reason: Option<String>,
    /// What would be sent.
    pub values: Vec<(FieldName, Value)>,
}

impl Crew {
    /// What stands of a source record, named by its id or that of one of its figures; `None` where none such is known.
    ///
    /// # Errors
    /// As the store.
    pub async fn explain(&self, ports: &Ports, typed: &str) -> Result<Option<RecordExplanation>> {
        let store = &*ports.store;
        let typed = typed.trim();
        let parts = rightful_core::figure_parts(typed);
        let id = parts.as_ref().map_or(typed, |(record, _)| record.as_str());
        let objects = self.layout.activity.iter().flat_map(|activity| &activity.objects);
        for object in objects {
            let image = store.image(&object.image).await?;
            let mut row = store.rows(image.id, &[RecordId::new(id)]).await?.into_iter().next();
            if row.is_none() && id.chars().count() >= BEGINNING {
                row = self.begun(ports, image.id, id).await?;
            }
            let record = row.as_ref().map_or_else(|| RecordId::new(id), |row| row.record.id.clone());
            let after = (record.clone(), RecordId::new(""));
            let mut credits = store.credits(&self.integration.name, &object.image.kind, Some(after), FIGURES).await?;
            credits.retain(|credit| credit.source == record);
            if row.is_none() && credits.is_empty() {
                continue;
            }
            let figures = self.workflows().filter(|workflow| workflow.object == object.image.kind).flat_map(|workflow| &workflow.figures);
            let targets: Vec<RecordId> = figures.map(|figure| figure_id(record.as_str(), &figure.name)).collect();
            let holds = store.holds_of(&self.integration.name, &self.layout.target.kind, &targets).await?;
            let accounts = self.accounts(ports).await?;
            let mut figures = Vec::new();
            for workflow in self.workflows().filter(|workflow| workflow.object == object.image.kind) {
                let satisfied = row.as_ref().is_some_and(|row| workflow.is_satisfied(&row.record, &object.image.fields));
                for figure in &workflow.figures {
                    let target = figure_id(record.as_str(), &figure.name);
                    let credit = credits.iter().find(|credit| credit.target == target).cloned();
                    let filter = EntryFilter {
                        integration: Some(self.integration.name.clone()),
                        target: Some((self.layout.target.connection.clone(), self.layout.target.kind.clone(), target.clone())),
                        latest_first: true,
                        limit: ENTRIES,
                        ..EntryFilter::default()
                    };
                    figures.push(FigureLine {
                        workflow: format!("{} - {}", workflow.name, figure.name),
                        satisfied,
                        link: credit.as_ref().and_then(|credit| accounts.link_told_of(&credit.owner)),
                        owner: credit.as_ref().and_then(|credit| accounts.known(&credit.owner)).map(crate::KnownPerson::name),
                        credit,
                        hold: holds.iter().find(|hold| hold.hold.target == target).cloned(),
                        entries: store.entries(&filter).await?,
                        target,
                    });
                }
            }
            let name = row.as_ref().map(|row| row.record.name.clone());
            let name = name.or_else(|| figures.iter().flat_map(|figure| &figure.entries).next().map(|entry| entry.name.clone()));
            return Ok(Some(RecordExplanation {
                integration: self.integration.name.clone(),
                name: name.unwrap_or_else(|| record.to_string()),
                record,
                kind: object.image.kind.clone(),
                there: row.is_some(),
                figures,
            }));
        }
        Ok(None)
    }

    /// The one row whose id begins so.
    async fn begun(&self, ports: &Ports, image: crate::ImageId, begin: &str) -> Result<Option<crate::Row>> {
        let mut rows = ports.store.ordered(image);
        let (mut found, mut looked_at) = (None, 0);
        while looked_at < LOOKED_AT
            && let Some(chunk) = rows.next().await
        {
            let chunk = chunk?;
            looked_at += chunk.len();
            for row in chunk.into_iter().filter(|row| row.record.id.as_str().starts_with(begin)) {
                if found.replace(row).is_some() {
                    return Ok(None);
                }
            }
        }
        Ok(found)
    }

    /// The workflows, as they are switched.
    pub fn workflows(&self) -> impl Iterator<Item = &Workflow> {
        self.integration.policy.activity.iter().flat_map(|activity| &activity.workflows)
    }

    /// What a workflow would do with the records that changed last, active or not. Nothing is read from a vendor and nothing is sent.
    ///
    /// # Errors
    /// As the store.
    pub async fn try_workflow(&self, ports: &Ports, workflow: &Workflow, most: usize) -> Result<Vec<Tried>> {
        let objects = self.layout.activity.iter().flat_map(|activity| &activity.objects);
        let Some(object) = objects.into_iter().find(|object| object.image.kind == workflow.object) else { return Ok(Vec::new()) };
        let store = &*ports.store;
        let image = store.image(&object.image).await?;
        let mut latest: Vec<Record> = Vec::new();
        let mut rows = store.ordered(image.id);
        while let Some(chunk) = rows.next().await {
            latest.extend(chunk?.into_iter().map(|row| row.record));
            latest.sort_by_key(|record| Reverse(record.changed_at));
            latest.truncate(most);
        }
        let accounts = self.accounts(ports).await?;
        let fields = &object.image.fields;
        let mut tried = Vec::new();
        for record in &latest {
            let line = |verdict: &str| Tried {
                record: record.id.clone(),
                name: record.name.clone(),
                changed_at: record.changed_at,
                figure: None,
                verdict: verdict.to_owned(),
                owner: None,
                reason: None,
                values: Vec::new(),
            };
            if !workflow.is_satisfied(record, fields) {
                tried.push(line("not-satisfied"));
                continue;
            }
            let targets: Vec<RecordId> = workflow.figures.iter().map(|figure| figure_id(record.id.as_str(), &figure.name)).collect();
            let sent = store.credits_by_target(&self.layout.target.connection, &targets).await?;
            for (figure, target) in workflow.figures.iter().zip(&targets) {
                let before = sent.iter().find(|credit| credit.target == *target);
                let line = Tried { figure: Some(figure.name.clone()), ..line("nobody") };
                tried.push(self.tried(&accounts, line, figure, record, fields, before));
            }
        }
        Ok(tried)
    }

    fn tried(
        &self,
        accounts: &Accounts<'_>,
        line: Tried,
        figure: &Figure,
        record: &Record,
        fields: &[FieldName],
        before: Option<&Credit>,
    ) -> Tried {
        let policy = &self.integration.policy;
        let (person, standing) = match named_owner(record, fields, &figure.owner) {
            NamedOwner::Unseen => return Tried { verdict: "owner-unseen".to_owned(), ..line },
            NamedOwner::Nobody => (None, None),
            NamedOwner::Person(person) => (Some(RecordId::new(person)), Some(accounts.standing(&RecordId::new(person), true))),
        };
        let owed = match (&person, &standing) {
            (Some(person), Some(standing)) => accounts.owed_by(person, standing, &policy.no_match),
            _ => accounts.otherwise(&policy.no_owner, "no-owner", "it has an owner who is a person"),
        };
        let line = Tried { owner: person.as_ref().map(|person| accounts.named(person)), ..line };
        let (owner, waits) = match owed {
            Owed::To(owner) => (owner, None),
            Owed::Gated { owner, reason, until } => (owner, Some(format!("{reason}: until {until}"))),
            Owed::Waits { reason, until, .. } => {
                return Tried { verdict: "would-hold".to_owned(), reason: Some(format!("{reason}: until {until}")), ..line };
            }
            Owed::Nobody(reason) => return Tried { reason: Some(reason.to_owned()), ..line },
            Owed::Unseen => return Tried { verdict: "owner-unseen".to_owned(), ..line },
        };
        let values = accounts.figure_values(figure, record, fields, &owner, person.as_ref());
        let verdict = match (&standing, &waits) {
            (Some(AccountStanding::Account { .. }), _) => "would-make-account",
            (_, None) if before.is_some_and(|before| before.owner == owner && before.values == values) => "credited-so",
            (_, None) => "would-send",
            (_, Some(_)) => "would-hold",
        };
        Tried { verdict: verdict.to_owned(), reason: waits, values, ..line }
    }
}
