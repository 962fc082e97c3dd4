//! People of an activity between runs: how each stands, what typed text means, and what a person does about them. From the store alone.

use std::collections::{BTreeMap, HashMap};

use rightful_core::{Error, ErrorKind, FieldName, Kind, PersonRow, Record, RecordId, Result, Value, nearest};
use serde::{Deserialize, Serialize};

use super::views::{accounts, accounts_with};
use super::{Integration, Layout, Ports, effective};
use crate::{
    AccountStanding, Accounts, Authorship, Fact, How, KnownPerson, Link, LinkEvidence, Linked, NewFacts, Owed, Pick, Picked, email_of,
    is_active, unmapped,
};

/// One source person, and how they stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonStanding {
    /// The person in the source.
    pub person: RecordId,
    /// Their name.
    pub name: String,
    /// Their main e-mail address.
    pub email: Option<String>,
    /// May they own records in the source today?
    pub active: bool,
    /// `linked`, `found`, `account` (one would be made at the next run), `skipped`, `waits`.
    pub standing: String,
    /// The account, where there is one.
    pub account: Option<AccountLine>,
    /// The link.
    pub link: Option<Link>,
    /// What was picked.
    pub picked: Option<Picked>,
    /// Why they wait, as a stable word: of the account, else of its gate.
    pub reason: Option<String>,
    /// What is waited for, after "until".
    pub until: Option<String>,
    /// Accounts with the same e-mail address that nobody is linked to. Told, never taken.
    pub suggestions: Vec<AccountLine>,
}

/// One account of the target, as known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLine {
    /// The id that records name it by; of one that is known by its e-mail address only, none.
    pub owner: Option<String>,
    /// What it is named by in words and forms: the id, else the e-mail address.
    pub typed: String,
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// Everything known of it, with how and when.
    pub facts: Vec<Fact>,
    /// The source person linked to it.
    pub person: Option<RecordId>,
}

/// Which people are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleQuery {
    /// Only those without an account (SS-3).
    pub unlinked: bool,
    /// Only those for whom something waits.
    pub waiting: bool,
    /// Only those whose name, e-mail address or id holds this, whatever the case.
    pub search: String,
    /// Those after this person.
    pub after: Option<RecordId>,
    /// At most so many.
    pub limit: usize,
}

/// One page of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeoplePage {
    /// The people, ascending by id.
    pub people: Vec<PersonStanding>,
    /// How many fit the query in all.
    pub total: u64,
    /// Are there more after these?
    pub more: bool,
    /// Were the source's people ever read?
    pub read: bool,
}

/// An activity as it is switched, with its people.
#[derive(Debug)]
pub struct Crew {
    pub(super) integration: Integration,
    pub(super) layout: Layout,
    /// The target's people kind.
    kind: Kind,
}

impl Crew {
    /// Of an integration that credits activities.
    ///
    /// # Errors
    /// `Config` where it credits none, or does not fit its connections; as the store.
    pub async fn of(ports: &Ports, integration: &Integration) -> Result<Self> {
        let integration = effective(&*ports.store, integration).await?;
        let layout = Layout::of(ports, &integration.policy)?;
        let Some(kind) = layout.activity.as_ref().map(|activity| activity.people.clone()) else {
            return Err(Error::new(ErrorKind::Config, format!("integration `{}` credits no activities", integration.name))
                .hint("name one that does: its job is crm-users or crm-activity"));
        };
        Ok(Self { integration, layout, kind })
    }

    /// The integration, as it is switched.
    pub fn integration(&self) -> &Integration {
        &self.integration
    }

    /// Everyone, indexed.
    ///
    /// # Errors
    /// As the store.
    pub async fn accounts(&self, ports: &Ports) -> Result<Accounts<'_>> {
        accounts(&*ports.store, &self.integration, &self.layout).await
    }

    /// A page of the source's people.
    ///
    /// # Errors
    /// As the store.
    pub async fn people(&self, ports: &Ports, query: &PeopleQuery) -> Result<PeoplePage> {
        let accounts = self.accounts(ports).await?;
        let read = ports.store.image(&self.layout.source).await?.complete_at.is_some();
        let wanted = query.search.trim().to_lowercase();
        let fits = |line: &PersonStanding| {
            let linked = line.standing == "linked" || line.standing == "found";
            let found = wanted.is_empty()
                || line.name.to_lowercase().contains(&wanted)
                || line.person.as_str().to_lowercase().contains(&wanted)
                || line.email.as_ref().is_some_and(|email| email.contains(&wanted));
            found && (!query.unlinked || !linked) && (!query.waiting || line.reason.is_some())
        };
        let lines: Vec<PersonStanding> = accounts.people().into_iter().map(|person| standing_of(&accounts, person)).filter(fits).collect();
        let total = lines.len() as u64;
        let after = |line: &PersonStanding| query.after.as_ref().is_none_or(|after| line.person > *after);
        let mut people: Vec<PersonStanding> = lines.into_iter().filter(after).take(query.limit.saturating_add(1)).collect();
        let more = people.len() > query.limit;
        people.truncate(query.limit);
        Ok(PeoplePage { people, total, more, read })
    }

    /// Every account known, ascending by what it is named by.
    ///
    /// # Errors
    /// As the store.
    pub async fn known(&self, ports: &Ports) -> Result<Vec<AccountLine>> {
        let accounts = self.accounts(ports).await?;
        let mut lines: Vec<AccountLine> = accounts.everyone_known().into_iter().map(|known| account_line(&accounts, known)).collect();
        lines.sort_by(|one, other| one.typed.cmp(&other.typed));
        Ok(lines)
    }

    /// How one source person stands.
    pub fn standing(&self, accounts: &Accounts<'_>, person: &RecordId) -> Option<PersonStanding> {
        accounts.person(person).map(|record| standing_of(accounts, record))
    }

    /// An account as it is listed.
    pub fn account_line(&self, accounts: &Accounts<'_>, known: &KnownPerson) -> AccountLine {
        account_line(accounts, known)
    }

    /// The source person whom typed text names: by id, by any key, by e-mail address, by an id without its check characters (SS-12, SS-20).
    ///
    /// # Errors
    /// `NotFound` with the nearest one; `Conflict` where it names several.
    pub fn person<'b>(&self, accounts: &'b Accounts<'_>, typed: &str) -> Result<&'b Record> {
        let typed = typed.trim();
        if let Some(person) = accounts.person(&RecordId::new(typed)) {
            return Ok(person);
        }
        let people = accounts.people();
        let by_key = |person: &&&Record| person.keys.iter().any(|key| key.value == typed);
        let by_email = |person: &&&Record| email_of(person).as_deref() == Some(typed.to_lowercase().as_str());
        let mut found: Vec<&Record> = people.iter().filter(by_key).copied().collect();
        if found.is_empty() {
            found = people.iter().filter(by_email).copied().collect();
        }
        match found.as_slice() {
            [one] => Ok(one),
            [] => {
                let emails: Vec<String> = people.iter().filter_map(|person| email_of(person)).collect();
                let names = people.iter().map(|person| person.id.as_str()).chain(emails.iter().map(String::as_str));
                let near = nearest(typed, names).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
                Err(Error::new(ErrorKind::NotFound, format!("the source's users hold no `{typed}`"))
                    .hint(format!("{near}list them: rightful users list -i {}; new ones show after a run", self.integration.name)))
            }
            several => {
                let ids: Vec<&str> = several.iter().map(|person| person.id.as_str()).collect();
                Err(Error::new(ErrorKind::Conflict, format!("`{typed}` is {} users of the source: {}", several.len(), ids.join(", ")))
                    .hint("name one of them by id"))
            }
        }
    }

    /// The account that typed text names: by id, by e-mail address.
    ///
    /// # Errors
    /// `NotFound` with the nearest one.
    pub fn account<'b>(&self, accounts: &'b Accounts<'_>, typed: &str) -> Result<&'b KnownPerson> {
        let typed = typed.trim();
        accounts.known_as(typed).ok_or_else(|| {
            let known = accounts.everyone_known();
            let names = known.iter().flat_map(|known| [Some(known.id.as_str()), known.email()]).flatten();
            let near = nearest(typed, names).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            Error::new(ErrorKind::NotFound, format!("no user `{typed}` of the target is known"))
                .hint(format!("{near}the target cannot be read: import its users' file first: rightful users import FILE"))
        })
    }

    /// Maps a source person to an account by hand (SS-12). An account that is known by its e-mail address only is known by the person's id from then
    /// on: that is what the mapping in the product says.
    ///
    /// # Errors
    /// `Conflict` where either is linked to somebody else, which the message names.
    pub async fn map(&self, ports: &Ports, person: &str, user: &str, replace: bool, by: &Authorship) -> Result<Linked> {
        let accounts = self.accounts(ports).await?;
        let person = self.person(&accounts, person)?;
        let known = self.account(&accounts, user)?;
        let policy = &self.integration.policy;
        let owner = if known.is_unmapped() { person.id.clone() } else { known.id.clone() };
        let link = Link {
            source: policy.source.connection.clone(),
            person: person.id.clone(),
            target: policy.target.connection.clone(),
            owner: owner.to_string(),
            evidence: LinkEvidence::Stated,
            by_value: known.email().map(str::to_owned),
            by: by.clone(),
        };
        let free = accounts.link(&person.id).is_none() && accounts.person_of(&link.owner).is_none();
        if known.is_unmapped() && (free || replace) {
            let facts = NewFacts { id: owner, was: Some(known.id.clone()), facts: Vec::new() };
            ports.store.put_facts(&policy.target.connection, &self.kind, &[facts], by).await?;
        }
        let linked = ports.store.link(&link, replace).await?;
        match &linked {
            Linked::Other(other) => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "{} is mapped to {} already, by {} ({})",
                    accounts.named(&person.id),
                    other.owner,
                    other.by.author,
                    other.evidence.as_str()
                ),
            )
            .hint("replace that with --replace, or remove it first: rightful link remove")),
            Linked::Taken(taken) => Err(Error::new(
                ErrorKind::Conflict,
                format!("{} is {} already, by {}", known.name(), accounts.named(&taken.person), taken.by.author),
            )
            .hint("one user of the target is one person: remove that link first: rightful link remove")),
            Linked::Made | Linked::Stood => Ok(linked),
        }
    }

    /// Picks people by what was typed (SS-3, SS-17); whom.
    ///
    /// # Errors
    /// As [`Crew::person`]; `Config` where accounts are made by hand only; `Conflict` where somebody is linked already. Then nothing is saved.
    pub async fn pick(&self, ports: &Ports, people: &[String], choice: Picked, by: &Authorship) -> Result<Vec<RecordId>> {
        let accounts = self.accounts(ports).await?;
        let pick = |typed: &String| Ok(Pick { person: self.person(&accounts, typed)?.id.clone(), choice, by: by.clone() });
        let picks: Vec<Pick> = people.iter().map(pick).collect::<Result<_>>()?;
        self.save(ports, &accounts, &picks).await?;
        Ok(picks.into_iter().map(|pick| pick.person).collect())
    }

    /// Saves picks, all of them or none.
    ///
    /// # Errors
    /// `Config` where accounts are made by hand only; `Conflict` where somebody who shall get an account is linked already.
    pub async fn save(&self, ports: &Ports, accounts: &Accounts<'_>, picks: &[Pick]) -> Result<()> {
        let by_hand = self.integration.policy.activity.as_ref().is_some_and(|activity| activity.people == crate::PeopleMode::Manual);
        for pick in picks.iter().filter(|pick| pick.choice == Picked::Create) {
            if by_hand {
                return Err(Error::new(ErrorKind::Config, "people of this integration are mapped by hand: `people = \"manual\"`")
                    .hint("map them: rightful users map PERSON USER; or set `people = \"on-demand\"`"));
            }
            if let Some(link) = accounts.link(&pick.person) {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("{} is mapped to {} already", accounts.named(&pick.person), link.owner),
                )
                .hint("leave them out"));
            }
        }
        ports.store.pick(&self.integration.name, picks).await
    }

    /// How people would stand once these were picked, in the order given: licences are counted along. Nothing is saved.
    ///
    /// # Errors
    /// As the store.
    pub async fn foreseen(&self, ports: &Ports, picks: &[(RecordId, Option<Picked>)]) -> Result<Vec<PersonStanding>> {
        let mut accounts = accounts_with(&*ports.store, &self.integration, &self.layout, picks).await?;
        let mut lines = Vec::new();
        for (person, picked) in picks {
            let Some(record) = accounts.person(person) else { continue };
            let line = standing_of(&accounts, record);
            if *picked == Some(Picked::Create) && accounts.makes_one(person) {
                accounts.take_licence();
            }
            lines.push(line);
        }
        Ok(lines)
    }

    /// All values that a field of an account ever had, oldest first (SS-29).
    ///
    /// # Errors
    /// As [`Crew::account`].
    pub async fn history(&self, ports: &Ports, user: &str, field: &str) -> Result<Vec<Fact>> {
        let accounts = self.accounts(ports).await?;
        let known = self.account(&accounts, user)?;
        ports.store.fact_history(&self.integration.policy.target.connection, &self.kind, &known.id, field).await
    }

    /// States that a person of the target is on this team, or on none (SS-29).
    ///
    /// # Errors
    /// As [`Crew::account`].
    pub async fn place(&self, ports: &Ports, user: &str, team: Option<&str>, by: &Authorship) -> Result<bool> {
        let accounts = self.accounts(ports).await?;
        let known = self.account(&accounts, user)?;
        let fact = Fact {
            field: FieldName::fixed("team.key"),
            value: Value::text(team.unwrap_or_default()),
            how: How::Stated,
            at: by.at,
            by: by.author.clone(),
        };
        let facts = NewFacts { id: known.id.clone(), was: None, facts: vec![fact] };
        let changed = ports.store.put_facts(&self.integration.policy.target.connection, &self.kind, &[facts], by).await?;
        Ok(changed > 0)
    }

    /// Takes in what an administrator's file shows; how many people differ from what was known.
    ///
    /// # Errors
    /// As the store.
    pub async fn import(&self, ports: &Ports, rows: &[PersonRow], by: &Authorship) -> Result<u64> {
        let connection = &self.integration.policy.target.connection;
        let known = ports.store.known_people(connection, &self.kind).await?;
        let facts = imported(&known, rows, by);
        ports.store.put_facts(connection, &self.kind, &facts, by).await
    }
}

/// What a file's rows say of people, some of whom are known under another id: by their e-mail address only, or by an id that the file does not show.
pub fn imported(known: &[KnownPerson], rows: &[PersonRow], by: &Authorship) -> Vec<NewFacts> {
    let by_email: HashMap<String, &KnownPerson> = known.iter().filter_map(|known| Some((known.email()?.to_lowercase(), known))).collect();
    let by_id: BTreeMap<&RecordId, &KnownPerson> = known.iter().map(|known| (&known.id, known)).collect();
    rows.iter()
        .map(|row| {
            let same_email = by_email.get(&row.email).map(|known| &known.id);
            let (id, was) = match (&row.id, same_email) {
                (Some(id), Some(other)) if id != other && !by_id.contains_key(id) => (id.clone(), Some(other.clone())),
                (Some(id), _) => (id.clone(), None),
                (None, Some(known)) => (known.clone(), None),
                (None, None) => (unmapped(&row.email), None),
            };
            let fact = |(field, value): &(FieldName, Value)| Fact {
                field: field.clone(),
                value: value.clone(),
                how: How::Imported,
                at: by.at,
                by: by.author.clone(),
            };
            // Only somebody who was known by the e-mail address alone is taken for the one whom the file names by an id.
            let was = was.filter(|was| was.as_str() == unmapped(&row.email).as_str());
            NewFacts { id, was, facts: row.facts.iter().map(fact).collect() }
        })
        .collect()
}

fn account_line(accounts: &Accounts<'_>, known: &KnownPerson) -> AccountLine {
    AccountLine {
        owner: (!known.is_unmapped()).then(|| known.id.to_string()),
        typed: if known.is_unmapped() { known.email().unwrap_or_default().to_owned() } else { known.id.to_string() },
        name: known.name(),
        email: known.email().map(str::to_owned),
        facts: known.facts.clone(),
        person: accounts.person_of(known.id.as_str()).cloned(),
    }
}

fn standing_of(accounts: &Accounts<'_>, record: &Record) -> PersonStanding {
    let standing = accounts.standing(&record.id, false);
    let mut line = PersonStanding {
        person: record.id.clone(),
        name: record.name.clone(),
        email: email_of(record),
        active: is_active(record),
        standing: String::new(),
        account: None,
        link: accounts.link(&record.id).cloned(),
        picked: accounts.picked(&record.id),
        reason: None,
        until: None,
        suggestions: Vec::new(),
    };
    match standing {
        AccountStanding::Linked { owner } | AccountStanding::Found { owner, .. } => {
            line.standing = if line.link.is_some() { "linked" } else { "found" }.to_owned();
            line.account = Some(accounts.known(&owner).map_or_else(
                || AccountLine {
                    owner: Some(owner.clone()),
                    typed: owner.clone(),
                    name: owner.clone(),
                    email: None,
                    facts: Vec::new(),
                    person: Some(record.id.clone()),
                },
                |known| account_line(accounts, known),
            ));
            if let Owed::Gated { reason, until, .. } = accounts.owed(&owner, None) {
                (line.reason, line.until) = (Some(reason), Some(until));
            }
        }
        AccountStanding::Account { .. } => line.standing = "account".to_owned(),
        AccountStanding::Skipped => line.standing = "skipped".to_owned(),
        AccountStanding::Waits { reason, until } => {
            line.standing = "waits".to_owned();
            (line.reason, line.until) = (Some(reason.to_owned()), Some(until));
        }
    }
    if line.account.is_none()
        && let Some(known) = line.email.as_deref().and_then(|email| accounts.known_as(email))
        && accounts.person_of(known.id.as_str()).is_none()
    {
        line.suggestions.push(account_line(accounts, known));
    }
    line
}
