//! What people look at between runs: codes, people, and the reason behind one record. From the store alone.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use futures::StreamExt;
use rightful_core::{Error, ErrorKind, Instant, Key, Kind, Owner, RecordId, Result, State, nearest};
use serde::{Deserialize, Serialize};

use super::basis::basis_to_look;
use super::facts::facts;
use super::{Integration, Layout, Ports};
use crate::{
    Accounts, Authorship, Entry, EntryFilter, Explanation, Human, Humans, KnownPerson, Named, OwnerLine, PeopleIndex, Pick, Picked,
    Present, Problem, Resolution, Row, Situation, SourceLine, Store, TargetPerson, Verdict, decide, resolve, same_set,
};

/// Who stands behind a code in the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonBehind {
    /// Their name; empty where nobody was found.
    pub name: String,
    /// Their e-mail addresses.
    pub emails: Vec<String>,
    /// What stands in the way (IN-20).
    pub problems: Vec<Problem>,
}

/// What a suggested user has in common with the person behind a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "same")]
pub enum Likeness {
    /// An e-mail address.
    Email {
        /// The address.
        email: String,
    },
    /// The name, and no other user has it.
    Name,
}

/// A target user who may be the person behind a code. Never applied by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// What would be typed into the table.
    pub user: String,
    /// The user's name.
    pub name: String,
    /// Why.
    #[serde(flatten)]
    pub likeness: Likeness,
}

/// One code (SK-2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeLine {
    /// The code.
    pub code: String,
    /// As people see it: "Rep Code - R05".
    pub label: String,
    /// How it stands as a whole.
    pub situation: Situation,
    /// Its users, each with its situation.
    pub users: Vec<Named>,
    /// Paired records that carry it, at the last run.
    pub customers: u64,
    /// When a run last read the table (SK-8).
    pub last_read: Option<Instant>,
    /// Who brought the newest of its rows.
    pub by: Option<Authorship>,
    /// Who stands behind it in the source, where its people were read.
    pub person: Option<PersonBehind>,
    /// Users it might be mapped to.
    pub suggestions: Vec<Suggestion>,
}

/// One user of the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLine {
    /// The key by which records name their owner.
    pub owner: String,
    /// The sign-in name.
    pub user_name: Option<String>,
    /// The name.
    pub name: String,
    /// E-mail addresses.
    pub emails: Vec<String>,
    /// May own records.
    pub active: bool,
    /// Only programs sign in with it.
    pub service: bool,
    /// Codes that lead to it, or people of the source.
    pub codes: Vec<String>,
}

/// One person of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonLine {
    /// The name.
    pub name: String,
    /// E-mail addresses.
    pub emails: Vec<String>,
    /// The records that stand for them: kind and key or id.
    pub records: Vec<(Kind, String)>,
    /// What stands in the way of finding them.
    pub problems: Vec<Problem>,
}

/// People on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeopleOverview {
    /// The target's users.
    pub users: Vec<UserLine>,
    /// The source's people, one line for each human being.
    pub people: Vec<PersonLine>,
}

/// Everyone of an activity's source and how they stand.
pub(crate) async fn accounts<'a>(store: &dyn Store, integration: &'a Integration, layout: &'a Layout) -> Result<Accounts<'a>> {
    accounts_with(store, integration, layout, &[]).await
}

/// The same, with what was picked for some taken to be this.
pub(crate) async fn accounts_with<'a>(
    store: &dyn Store,
    integration: &'a Integration,
    layout: &'a Layout,
    other: &[(RecordId, Option<Picked>)],
) -> Result<Accounts<'a>> {
    let policy = &integration.policy;
    let (Some(activity), Some(credited)) = (&policy.activity, &layout.activity) else {
        return Err(Error::new(ErrorKind::Config, format!("integration `{}` credits no activities", integration.name))
            .hint("name one that does: its job is crm-users or crm-activity"));
    };
    let image = store.image(&layout.source).await?;
    let mut rows = store.ordered(image.id);
    let mut people = Vec::new();
    while let Some(chunk) = rows.next().await {
        people.extend(chunk?.into_iter().map(|row| row.record));
    }
    let links = store.links(&policy.source.connection, &policy.target.connection).await?;
    let mut picks = store.picks(&integration.name).await?;
    picks.retain(|pick| other.iter().all(|(person, _)| *person != pick.person));
    let nobody = || Authorship { author: String::new(), reason: String::new(), at: Instant::default() };
    picks.extend(other.iter().filter_map(|(person, choice)| Some(Pick { person: person.clone(), choice: (*choice)?, by: nobody() })));
    let known = store.known_people(&policy.target.connection, &credited.people).await?;
    Ok(Accounts::new(activity, &policy.rules, &credited.gates, &layout.source.fields, people, links, picks, known))
}

/// People who are only known of, indexed as those are who can be read.
pub(crate) fn index_of_known<'a>(known: impl IntoIterator<Item = &'a KnownPerson>) -> PeopleIndex {
    PeopleIndex::new(known.into_iter().map(|known| TargetPerson {
        owner: known.id.to_string(),
        name: known.name(),
        user_name: None,
        emails: known.email().map(str::to_owned).into_iter().collect(),
        keys: vec![Key::new("id", known.id.as_str())],
        active: known.text("status").is_none_or(|status| status == "active"),
        service: false,
    }))
}

/// The target's people, indexed.
pub(crate) async fn people_index(store: &dyn Store, layout: &Layout) -> Result<PeopleIndex> {
    if let Some(activity) = &layout.activity {
        let known = store.known_people(&layout.target.connection, &activity.people).await?;
        return Ok(index_of_known(&known));
    }
    let image = store.image(&layout.people).await?;
    let mut rows = store.ordered(image.id);
    let mut people = Vec::new();
    while let Some(chunk) = rows.next().await {
        people.extend(chunk?.iter().filter_map(|row| TargetPerson::of(&row.record, &layout.owner_key, &layout.login_key)));
    }
    Ok(PeopleIndex::new(people))
}

/// The target's people as last read, to judge what is typed by; `None` where they never were.
///
/// # Errors
/// As [`code_overview`].
pub async fn known_people(ports: &Ports, integration: &Integration) -> Result<Option<PeopleIndex>> {
    let layout = Layout::of(ports, &integration.policy)?;
    let people = people_index(&*ports.store, &layout).await?;
    Ok(Some(people).filter(|people| !people.people().is_empty()))
}

pub(crate) async fn humans(store: &dyn Store, layout: &Layout) -> Result<Humans> {
    let mut records = Vec::new();
    for spec in &layout.source_people {
        let image = store.image(spec).await?;
        let mut rows = store.ordered(image.id);
        while let Some(chunk) = rows.next().await {
            records.extend(chunk?.into_iter().map(|row| (spec.kind.clone(), row.record)));
        }
    }
    Ok(Humans::join(records))
}

/// Every code known from the source or the table: those that lead to nobody first, then by how many records carry them.
///
/// # Errors
/// `Config` where the policy does not fit its connections; else as the store.
pub async fn code_overview(ports: &Ports, integration: &Integration) -> Result<Vec<CodeLine>> {
    let (store, policy) = (&*ports.store, &integration.policy);
    let layout = Layout::of(ports, policy)?;
    let people = people_index(store, &layout).await?;
    let humans = humans(store, &layout).await?;
    let table = store.code_table(&integration.name).await?;
    let resolved = resolve(&table, &people, &policy.code.label);
    let mut counts: BTreeMap<String, u64> = store.code_counts(&integration.name).await?.into_iter().collect();
    for code in resolved.codes.keys() {
        counts.entry(code.clone()).or_default();
    }
    let mut lines: Vec<CodeLine> = counts
        .into_iter()
        .map(|(code, customers)| {
            let resolution = resolved.codes.get(&code);
            code_line(&code, customers, resolution, table.last_read, &policy.code.label, &layout, &humans, &people)
        })
        .collect();
    lines.sort_by(|one, other| {
        let settled = |line: &CodeLine| line.situation == Situation::Linked;
        settled(one).cmp(&settled(other)).then(other.customers.cmp(&one.customers)).then_with(|| one.code.cmp(&other.code))
    });
    Ok(lines)
}

/// What is shown of one code; `humans` know at least the person behind it.
#[expect(clippy::too_many_arguments, reason = "a line is what all of these say of a code")]
pub(crate) fn code_line(
    code: &str,
    customers: u64,
    resolution: Option<&Resolution>,
    last_read: Option<Instant>,
    label: &str,
    layout: &Layout,
    humans: &Humans,
    people: &PeopleIndex,
) -> CodeLine {
    let users = resolution.map(|resolution| resolution.names.clone()).unwrap_or_default();
    let (person, suggestions) = match &layout.code_names {
        None => (None, Vec::new()),
        Some((kind, key)) => {
            let (human, problems) = humans.behind(kind, key, code);
            // Several records of a kind may be one person: the one that the code names says how people call them here.
            let named = human.and_then(|human| human.records.iter().find(|(of, record)| of == kind && record.key(key) == Some(code)));
            let name = named.map(|(_, record)| record.name.as_str()).filter(|name| !name.is_empty());
            let name = name.or_else(|| human.map(Human::name)).unwrap_or_default().to_owned();
            let emails = human.map(Human::emails).unwrap_or_default();
            let suggestions = suggestions(&name, &emails, &users, people);
            (Some(PersonBehind { name, emails, problems }), suggestions)
        }
    };
    CodeLine {
        code: code.to_owned(),
        label: format!("{label} - {code}"),
        situation: resolution.map_or(Situation::Unlinked, |resolution| resolution.situation),
        users,
        customers,
        last_read,
        by: resolution.and_then(|resolution| resolution.by.clone()),
        person,
        suggestions,
    }
}

/// Active users who are not in the code's rows already: those with an e-mail of the person's, then the one with the person's name, where only
/// one has it. Likeness suggests; a person decides.
pub(crate) fn suggestions(name: &str, emails: &[String], users: &[Named], people: &PeopleIndex) -> Vec<Suggestion> {
    let mut suggestions: Vec<Suggestion> = Vec::new();
    let mut suggest = |person: &TargetPerson, likeness: Likeness| {
        let Some(user) = person.user_name.clone().or_else(|| person.emails.first().cloned()) else { return };
        let known = users.iter().any(|named| named.owner.as_ref() == Some(&person.owner));
        if person.active && !person.service && !known && !suggestions.iter().any(|known| known.user == user) {
            suggestions.push(Suggestion { user, name: person.name.clone(), likeness });
        }
    };
    for email in emails {
        for person in people.with_email(email) {
            suggest(person, Likeness::Email { email: email.clone() });
        }
    }
    if !name.trim().is_empty()
        && let [person] = people.with_name(name)[..]
    {
        suggest(person, Likeness::Name);
    }
    suggestions
}

/// The target's users with their codes, and the source's people, each one human being.
///
/// # Errors
/// As [`code_overview`].
pub async fn people_overview(ports: &Ports, integration: &Integration) -> Result<PeopleOverview> {
    let (store, policy) = (&*ports.store, &integration.policy);
    let layout = Layout::of(ports, policy)?;
    let people = people_index(store, &layout).await?;
    let resolved = basis_to_look(ports, integration, &layout, &people).await?.resolved;
    let mut codes: HashMap<&str, Vec<String>> = HashMap::new();
    for (code, resolution) in &resolved.codes {
        for owner in &resolution.assign {
            codes.entry(owner).or_default().push(resolution.person.clone().unwrap_or_else(|| code.clone()));
        }
    }
    let mut users: Vec<UserLine> = people
        .people()
        .iter()
        .map(|person| {
            let mut codes = codes.get(person.owner.as_str()).cloned().unwrap_or_default();
            codes.sort_unstable();
            UserLine {
                owner: person.owner.clone(),
                user_name: person.user_name.clone(),
                name: person.name.clone(),
                emails: person.emails.clone(),
                active: person.active,
                service: person.service,
                codes,
            }
        })
        .collect();
    users.sort_by(|one, other| one.user_name.cmp(&other.user_name).then_with(|| one.owner.cmp(&other.owner)));
    let people = humans(store, &layout)
        .await?
        .all()
        .iter()
        .map(|human| PersonLine {
            name: human.name().to_owned(),
            emails: human.emails(),
            records: human
                .records
                .iter()
                .map(|(kind, record)| (kind.clone(), record.keys.first().map_or_else(|| record.id.to_string(), |key| key.value.clone())))
                .collect(),
            problems: human.problems(),
        })
        .collect();
    Ok(PeopleOverview { users, people })
}

/// Why a target record belongs to its users; `key` is its pairing key or its id. `None` where neither the image nor the ledger knows it.
///
/// # Errors
/// As [`code_overview`].
pub async fn explain(ports: &Ports, integration: &Integration, key: &str) -> Result<Option<Explanation>> {
    const ENTRIES: usize = 20;
    let (store, policy) = (&*ports.store, &integration.policy);
    let layout = Layout::of(ports, policy)?;
    let image = store.image(&layout.target).await?;
    let mut rows = store.rows_by_key(image.id, &[key.to_owned()]).await?;
    if rows.is_empty() {
        rows = store.rows(image.id, &[RecordId::new(key)]).await?;
    }
    let row = rows.into_iter().next();
    let filter = EntryFilter {
        integration: Some(integration.name.clone()),
        target: row.as_ref().map(|row| (layout.target.connection.clone(), layout.target.kind.clone(), row.record.id.clone())),
        code: row.is_none().then(|| key.to_owned()),
        latest_first: true,
        limit: ENTRIES,
        ..EntryFilter::default()
    };
    let mut entries = store.entries(&filter).await?;
    entries.retain(|entry| entry.kind == layout.target.kind);
    let people = people_index(store, &layout).await?;
    let Some(row) = row else {
        return Ok(entries.first().cloned().map(|latest| Explanation {
            integration: integration.name.clone(),
            key: latest.code.clone(),
            target: latest.target.clone(),
            name: latest.name.clone(),
            owners: None,
            as_written: Some(false),
            names: names(&entries, &people),
            entries,
            source: None,
            present: None,
        }));
    };
    let present = match row.record.owner(&policy.role) {
        Owner::Known(present) => Some(present.clone()),
        _ => None,
    };
    let as_written = entries.iter().find(|entry| entry.state == crate::EntryState::Done).map(|entry| {
        let mut after = entry.after.clone();
        after.sort_unstable();
        present.as_ref().is_some_and(|present| same_set(&after, present))
    });
    let pairing_key = row.record.key(&policy.target.key).unwrap_or("").to_owned();
    let (source, now) = source_side(ports, integration, &layout, &people, &row, &pairing_key).await?;
    Ok(Some(Explanation {
        integration: integration.name.clone(),
        key: pairing_key,
        target: row.record.id.clone(),
        name: row.record.name.clone(),
        owners: present.map(|present| lines(&present, &people)),
        names: names(&entries, &people),
        entries,
        as_written,
        source,
        present: now,
    }))
}

/// A record that may be the one somebody meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearRecord {
    /// Its pairing key.
    pub key: String,
    /// Its name.
    pub name: String,
}

/// Rows looked at for [`near_records`]: about a second's worth.
const LOOKED_AT: usize = 200_000;

/// Target records whose key or name is like what was typed, the likest first. Told to people, never taken for what they meant.
///
/// # Errors
/// As [`code_overview`].
pub async fn near_records(ports: &Ports, integration: &Integration, typed: &str, most: usize) -> Result<Vec<NearRecord>> {
    let layout = Layout::of(ports, &integration.policy)?;
    let image = ports.store.image(&layout.target).await?;
    let mut rows = ports.store.ordered(image.id);
    let mut found: Vec<(usize, NearRecord)> = Vec::new();
    let mut looked_at = 0;
    while let Some(chunk) = rows.next().await {
        let chunk = chunk?;
        looked_at += chunk.len();
        for row in &chunk {
            let key = row.record.key(&integration.policy.target.key).unwrap_or("");
            let Some(likeness) = likeness(typed, key, &row.record.name) else { continue };
            let at = found.partition_point(|(known, _)| *known <= likeness);
            if at < most {
                found.insert(at, (likeness, NearRecord { key: key.to_owned(), name: row.record.name.clone() }));
                found.truncate(most);
            }
        }
        if looked_at >= LOOKED_AT {
            break;
        }
    }
    Ok(found.into_iter().map(|(_, near)| near).collect())
}

/// How like a record is to what was typed, 0 the likest; `None`: not at all.
fn likeness(typed: &str, key: &str, name: &str) -> Option<usize> {
    let (typed, key, name) = (typed.trim().to_lowercase(), key.trim().to_lowercase(), name.to_lowercase());
    if typed.is_empty() || key.is_empty() {
        return None;
    }
    let bare =
        |code: &str| -> String { code.chars().filter(|letter| letter.is_alphanumeric()).skip_while(|letter| *letter == '0').collect() };
    if key == typed || bare(&key) == bare(&typed) {
        return Some(0);
    }
    if name == typed {
        return Some(1);
    }
    if nearest(&typed, [key.as_str()]).is_some() {
        return Some(2);
    }
    if typed.chars().count() >= 3 && (key.contains(&typed) || name.contains(&typed)) {
        return Some(3);
    }
    nearest(&typed, [name.as_str()]).map(|_| 4)
}

fn names(entries: &[Entry], people: &PeopleIndex) -> BTreeMap<String, String> {
    let owners = entries.iter().flat_map(|entry| entry.before.iter().chain(&entry.after));
    owners.map(|owner| (owner.clone(), people.label(owner).to_owned())).collect()
}

async fn source_side(
    ports: &Ports,
    integration: &Integration,
    layout: &Layout,
    people: &PeopleIndex,
    target: &Row,
    key: &str,
) -> Result<(Option<SourceLine>, Option<Present>)> {
    let (store, policy) = (&*ports.store, &integration.policy);
    let image = store.image(&layout.source).await?;
    let sources = store.rows_by_key(image.id, &[key.to_owned()]).await?;
    let [source] = sources.as_slice() else { return Ok((None, None)) };
    let basis = basis_to_look(ports, integration, layout, people).await?;
    let (facts, _) = facts(policy, layout, people, basis.resolved, ports.clock.now());
    let decision = decide(source, target, &facts);
    let would_be = match &decision.verdict {
        Verdict::Change { to, .. } => lines(to, people),
        _ => Vec::new(),
    };
    let person = decision.resolution.as_deref().and_then(|resolution| resolution.person.clone());
    let code = person.or_else(|| decision.code().map(Cow::into_owned));
    let table_version = policy.owner_role().is_none().then_some(basis.version);
    let line = SourceLine {
        id: source.record.id.clone(),
        name: source.record.name.clone(),
        active: source.record.state == State::Active,
        code_label: code.map(|code| format!("{} - {code}", policy.code.label)),
    };
    Ok((Some(line), Some(Present { verdict: Present::word(&decision.verdict).to_owned(), would_be, table_version })))
}

fn lines(owners: &[String], people: &PeopleIndex) -> Vec<OwnerLine> {
    owners
        .iter()
        .map(|owner| OwnerLine {
            owner: owner.clone(),
            name: people.label(owner).to_owned(),
            active: people.owner(owner).map(|person| person.active),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_like_a_key_before_it_is_like_a_name() {
        for (typed, key, name, expected) in [
            ("c0042", "C0042", "Alder Stores", Some(0)),
            (" C0042 ", "C0042", "Alder Stores", Some(0)),
            ("42", "0042", "Alder Stores", Some(0)),
            ("C-42", "C42", "Alder Stores", Some(0)),
            ("alder stores", "C0042", "Alder Stores", Some(1)),
            ("C0024", "C0042", "Alder Stores", Some(2)),
            ("stores", "C0042", "Alder Stores", Some(3)),
            ("al", "C0042", "Alder Stores", None),
            ("aldr stores", "C0042", "Alder Stores", Some(4)),
            ("zebra", "C0042", "Alder Stores", None),
            ("", "C0042", "Alder Stores", None),
            ("C0042", "", "Alder Stores", None),
            ("000", "0", "Alder Stores", Some(0)),
        ] {
            assert_eq!(likeness(typed, key, name), expected, "{typed:?} {key:?}");
        }
    }
}
