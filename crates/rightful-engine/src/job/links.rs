//! Who is linked to whom: the list that people look at, and what a person says of it.

use std::collections::BTreeMap;

use rightful_core::{Error, ErrorKind, RecordId, Result, nearest};
use serde::{Deserialize, Serialize};

use super::basis::{basis_to_look, source_people};
use super::views::{humans, people_index, suggestions};
use super::{Integration, Layout, Ports, Suggestion};
use crate::{Authorship, Link, LinkEvidence, Linked, MatchRule, PeopleIndex, Policy, Resolution, Situation, SourcePerson, TargetPerson};

/// Somebody of the target to whom a source person leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedUser {
    /// The key by which records name them.
    pub owner: String,
    /// The sign-in name.
    pub user_name: Option<String>,
    /// What people call them; `None` where the target does not show them.
    pub name: Option<String>,
    /// May own records today?
    pub active: bool,
}

/// A source person and whom they lead to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkLine {
    /// Their record; empty where the source does not show them.
    pub person: RecordId,
    /// The key by which records name them.
    pub owner: String,
    /// What people call them.
    pub name: String,
    /// E-mail addresses, the main one first.
    pub emails: Vec<String>,
    /// May own records in the source today?
    pub active: bool,
    /// How they stand.
    pub situation: Situation,
    /// Whom they lead to.
    pub user: Option<LinkedUser>,
    /// The link, where it is saved; a run saves what an e-mail address brings.
    pub link: Option<Link>,
    /// How it is known, in a sentence.
    pub evidence: Option<String>,
    /// What stands in the way, in a sentence.
    pub problem: Option<String>,
    /// Paired records of theirs at the last run; `None` where they owned none.
    pub records: Option<u64>,
    /// Users who may be the person. Never applied by itself.
    pub suggestions: Vec<Suggestion>,
}

impl LinkLine {
    /// Do they own records and lead to nobody?
    pub fn is_unlinked(&self) -> bool {
        self.user.is_none() && self.records.is_some()
    }
}

/// A link that a person made or took away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedLink {
    /// The link.
    pub link: Link,
    /// The source person, as people call them.
    pub person: String,
    /// The user of the target, as people call them.
    pub user: String,
    /// Did anything change?
    pub changed: bool,
    /// Would the next run make the same link again, because the e-mail addresses are the same?
    pub comes_back: bool,
}

/// Both sides' people, and what is known of who is who.
struct Sides {
    layout: Layout,
    source: Vec<SourcePerson>,
    target: PeopleIndex,
    links: Vec<Link>,
    records: BTreeMap<String, u64>,
}

impl Sides {
    async fn of(ports: &Ports, integration: &Integration) -> Result<Self> {
        goes_by_links(integration)?;
        let (store, policy) = (&*ports.store, &integration.policy);
        let layout = Layout::of(ports, policy)?;
        let links = store.links(&policy.source.connection, &policy.target.connection).await?;
        let mut source = source_people(&layout, &humans(store, &layout).await?, &links);
        let records: BTreeMap<String, u64> = store.code_counts(&integration.name).await?.into_iter().collect();
        if layout.code_names.as_ref().is_some_and(|(_, key)| key == "id") {
            // Owners whom the source does not show can be named all the same.
            let shown: Vec<&str> = source.iter().map(|person| person.owner.as_str()).collect();
            let unseen: Vec<SourcePerson> = records
                .keys()
                .filter(|owner| !shown.contains(&owner.as_str()))
                .map(|owner| SourcePerson::unseen(&RecordId::new(owner.as_str())))
                .collect();
            source.extend(unseen);
        }
        Ok(Self { target: people_index(store, &layout).await?, layout, source, links, records })
    }

    /// The one person of the source whom somebody means.
    fn person(&self, typed: &str) -> Result<&SourcePerson> {
        let exactly = |person: &&SourcePerson| person.owner == typed || person.keys.iter().any(|key| key.value == typed);
        let by_email = |person: &&SourcePerson| person.emails.iter().any(|email| email.trim().eq_ignore_ascii_case(typed.trim()));
        let mut found: Vec<&SourcePerson> = self.source.iter().filter(exactly).collect();
        if found.is_empty() {
            found = self.source.iter().filter(by_email).collect();
        }
        match found.as_slice() {
            [one] => Ok(one),
            [] => {
                let known = self.source.iter().flat_map(|person| person.emails.iter().chain(person.keys.iter().map(|key| &key.value)));
                Err(unknown("person of the source", typed, nearest(typed, known.map(String::as_str))))
            }
            several => {
                Err(ambiguous("people of the source", typed, several.iter().map(|person| format!("{} ({})", person.label(), person.id))))
            }
        }
    }

    /// The one user of the target whom somebody means.
    fn user(&self, typed: &str) -> Result<&TargetPerson> {
        let people = self.target.people();
        let exactly = |user: &&TargetPerson| user.owner == typed || user.keys.iter().any(|key| key.value == typed);
        let mut found: Vec<&TargetPerson> = people.iter().filter(exactly).collect();
        if found.is_empty() {
            found = self.target.with_email(typed);
        }
        let user = match found.as_slice() {
            [one] => *one,
            [] => {
                let known = people.iter().flat_map(|user| user.emails.iter().chain(user.keys.iter().map(|key| &key.value)));
                return Err(unknown("user of the target", typed, nearest(typed, known.map(String::as_str))));
            }
            several => {
                return Err(ambiguous("users of the target", typed, several.iter().map(|user| format!("{} ({})", user.name, user.owner))));
            }
        };
        if user.service || !user.active {
            let why = if user.service { "is a sign-in for programs" } else { "is deactivated in the target" };
            return Err(Error::new(ErrorKind::Config, format!("{} ({typed}) {why} and may not own records", user.name))
                .hint("name somebody who may"));
        }
        Ok(user)
    }

    fn person_label(&self, id: &RecordId) -> String {
        self.source.iter().find(|person| person.id == *id).map_or_else(|| id.to_string(), SourcePerson::label)
    }
}

fn unknown(what: &str, typed: &str, near: Option<&str>) -> Error {
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name an id, another key or an e-mail address; people are those of the last read: rightful plan".to_owned(),
    };
    Error::new(ErrorKind::NotFound, format!("no {what} is known as `{typed}`")).hint(hint)
}

fn ambiguous(what: &str, typed: &str, names: impl Iterator<Item = String>) -> Error {
    Error::new(ErrorKind::Conflict, format!("several {what} are known as `{typed}`: {}", names.collect::<Vec<_>>().join(", ")))
        .hint("name the one that is meant by its id")
}

/// # Errors
/// `Config` where the integration knows no links.
fn goes_by_links(integration: &Integration) -> Result<()> {
    if integration.policy.rules.contains(&MatchRule::Link) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("integration `{}` goes by a code table, not by links", integration.name))
        .hint("see which codes there are: rightful codes list"))
}

/// # Errors
/// `Config` where no code table leads from owners to users.
pub fn goes_by_code_table(integration: &Integration) -> Result<()> {
    if integration.policy.owner_role().is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("integration `{}` goes by links between people: it has no code table", integration.name))
        .hint("see who is linked to whom: rightful link list"))
}

/// Every person of the source and whom they lead to: those who own records and lead to nobody first, then by how many records are theirs.
///
/// # Errors
/// `Config` where the integration goes by a code table or does not fit its connections; else as the store.
pub async fn link_overview(ports: &Ports, integration: &Integration) -> Result<Vec<LinkLine>> {
    let sides = Sides::of(ports, integration).await?;
    let basis = basis_to_look(ports, integration, &sides.layout, &sides.target).await?;
    let mut lines: Vec<LinkLine> = sides
        .source
        .iter()
        .map(|person| {
            let found = basis.resolved.codes.get(&person.owner);
            let case = basis.cases.get(&person.owner);
            line(person, found, case.map(|case| case.message.clone()), &sides)
        })
        .collect();
    lines.sort_by(|one, other| {
        other
            .is_unlinked()
            .cmp(&one.is_unlinked())
            .then(other.records.cmp(&one.records))
            .then_with(|| (&one.name, &one.owner).cmp(&(&other.name, &other.owner)))
    });
    Ok(lines)
}

fn line(person: &SourcePerson, found: Option<&Resolution>, problem: Option<String>, sides: &Sides) -> LinkLine {
    let owner = found.and_then(|found| found.names.iter().find_map(|named| named.owner.clone()));
    let user = owner.map(|owner| match sides.target.owner(&owner) {
        Some(user) => {
            LinkedUser { owner, user_name: user.user_name.clone(), name: Some(user.name.clone()), active: user.active && !user.service }
        }
        None => LinkedUser { owner, user_name: None, name: None, active: false },
    });
    let likely = if user.is_none() { suggestions(&person.name, &person.emails, &[], &sides.target) } else { Vec::new() };
    LinkLine {
        person: person.id.clone(),
        owner: person.owner.clone(),
        name: person.name.clone(),
        emails: person.emails.clone(),
        active: person.active,
        situation: found.map_or(Situation::Unlinked, |found| found.situation),
        user,
        link: sides.links.iter().find(|link| link.person == person.id).cloned(),
        evidence: found.and_then(|found| found.evidence.first().cloned()),
        problem: problem.or_else(|| found.is_none().then(|| format!("the source shows nobody who is called `{}`", person.owner))),
        records: sides.records.get(&person.owner).copied(),
        suggestions: likely,
    }
}

/// States that a person of the source is a user of the target, each named by an id, another key or an e-mail address.
///
/// # Errors
/// `NotFound` or `Conflict` where the names do not lead to one each; `Conflict` where either is linked to somebody else, who is named.
pub async fn state_link(
    ports: &Ports,
    integration: &Integration,
    (person, user): (&str, &str),
    replace: bool,
    by: &Authorship,
) -> Result<StatedLink> {
    let sides = Sides::of(ports, integration).await?;
    let (person, user) = (sides.person(person)?, sides.user(user)?);
    let Policy { source, target, .. } = &integration.policy;
    let link = Link {
        source: source.connection.clone(),
        person: person.id.clone(),
        target: target.connection.clone(),
        owner: user.owner.clone(),
        evidence: LinkEvidence::Stated,
        by_value: None,
        by: by.clone(),
    };
    let told = |link: &Link| format!("by {} on {}", link.by.author, link.by.at.format("%Y-%m-%d"));
    let changed = match ports.store.link(&link, replace).await? {
        Linked::Made => true,
        Linked::Stood => false,
        Linked::Other(other) => {
            let now = sides.target.label(&other.owner);
            return Err(Error::new(ErrorKind::Conflict, format!("{} is linked to {now} already ({})", person.label(), told(&other)))
                .hint("add --replace, if the new link shall take its place"));
        }
        Linked::Taken(taken) => {
            let holder = sides.person_label(&taken.person);
            return Err(Error::new(ErrorKind::Conflict, format!("{} is linked to {holder} already ({})", user.name, told(&taken)))
                .hint(format!("take that link away first: rightful link remove {} --reason TEXT", taken.person)));
        }
    };
    Ok(StatedLink { link, person: person.label(), user: user.name.clone(), changed, comes_back: false })
}

/// Takes the link of a person of the source away.
///
/// # Errors
/// `NotFound` where nobody answers to the name, or where they have no link.
pub async fn take_link(ports: &Ports, integration: &Integration, person: &str, by: &Authorship) -> Result<StatedLink> {
    let sides = Sides::of(ports, integration).await?;
    let person = sides.person(person)?;
    let Policy { source, target, .. } = &integration.policy;
    let Some(link) = ports.store.unlink(&source.connection, &person.id, &target.connection, by).await? else {
        return Err(Error::new(ErrorKind::NotFound, format!("{} has no link that could be taken away", person.label()))
            .hint("see who is linked to whom: rightful link list"));
    };
    let basis = basis_to_look(ports, integration, &sides.layout, &sides.target).await?;
    let comes_back = basis.links.iter().any(|made| made.person == link.person && made.owner == link.owner);
    let user = sides.target.label(&link.owner).to_owned();
    Ok(StatedLink { link, person: person.label(), user, changed: true, comes_back })
}
