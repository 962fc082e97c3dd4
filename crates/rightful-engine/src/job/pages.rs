//! One page of a code table, however large the table is: only what the page shows is looked up.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::StreamExt;
use rightful_core::{Instant, Kind, PersonKey, Record, RecordId, Result};
use serde::{Deserialize, Serialize};

use super::views::{code_line, people_index};
use super::{CodeLine, Integration, Layout, Ports};
use crate::{
    CodeChange, CodeRow, CodeTable, Effect, Found, Humans, ImageSpec, PeopleIndex, RunId, Store, USER, VersionedRow, effect_of, resolve,
};

/// Which codes of a table are shown, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodeFilter {
    /// All of them: those that lead to nobody first, then by how many records carry them.
    #[default]
    UnmappedFirst,
    /// All of them, by code.
    ByCode,
    /// Those that lead to nobody, by how many records carry them.
    Unmapped,
    /// Those whose rows changed since the version that a run applied last, by code.
    Changed,
}

/// What a page of codes shall show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CodeQuery {
    /// Part of a code, its label, one of its users' names or e-mails, or those of the source's person behind it; empty: any.
    pub search: String,
    /// Which codes.
    pub filter: CodeFilter,
    /// Only codes behind this one, and all of them in their order, whatever the filter: a list that is read on from where it was. Empty: from the
    /// first.
    pub after: Option<String>,
    /// How many of them are passed over.
    pub skip: usize,
    /// At most so many.
    pub limit: usize,
}

impl Default for CodeQuery {
    fn default() -> Self {
        Self { search: String::new(), filter: CodeFilter::default(), after: None, skip: 0, limit: 50 }
    }
}

/// When a code's present rows first counted, and what they moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineEffect {
    /// The run.
    pub run: RunId,
    /// When it ended.
    pub at: Instant,
    /// Records of the code that changed owner in it.
    pub moved: u64,
}

/// One code of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLine {
    /// The code, its users, who stands behind it.
    #[serde(flatten)]
    pub line: CodeLine,
    /// Its rows as they stand in the table.
    pub rows: Vec<CodeRow>,
    /// When its rows last changed; `None` where it never had any.
    pub change: Option<CodeChange>,
    /// When that took effect; `None`: not yet, or longer ago than is known.
    pub effect: Option<LineEffect>,
}

/// A user who may be given a code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Choice {
    /// What people call them.
    pub name: String,
    /// What is typed into the table.
    pub user: String,
}

/// One page of a code table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodePage {
    /// The table's version.
    pub version: i64,
    /// When a run last read the table (SK-8).
    pub last_read: Option<Instant>,
    /// Codes known from the source or the table.
    pub codes: u64,
    /// Of these, those that lead to nobody.
    pub unmapped: u64,
    /// Of these, those whose rows changed since the version that a run applied last.
    pub changed: u64,
    /// How many codes the query finds, on all pages.
    pub matches: u64,
    /// The page.
    pub lines: Vec<PageLine>,
    /// Everybody who may be given a code, by name.
    pub choices: Vec<Choice>,
}

/// One page of a code table. `effects` are what came of its versions, newest first; `complete` says that none older is left out.
///
/// # Errors
/// `Config` where the policy does not fit its connections; else as the store.
pub async fn code_page(
    ports: &Ports,
    integration: &Integration,
    query: &CodeQuery,
    effects: &[Effect],
    complete: bool,
) -> Result<CodePage> {
    let (store, policy) = (&*ports.store, &integration.policy);
    let layout = Layout::of(ports, policy)?;
    let label = &policy.code.label;
    let people = people_index(store, &layout).await?;
    let table = store.code_table(&integration.name).await?;
    let counts = store.code_counts(&integration.name).await?;
    let applied = effects.first().map_or(0, |effect| effect.version);
    let changed = changed_since(store, &integration.name, &table, applied).await?;
    let outline = Outline::of(&table, &counts, &people);
    let needle = query.search.trim().to_lowercase();
    let behind = if needle.is_empty() { HashSet::new() } else { codes_of_people(store, &layout, &needle).await? };
    let mut finds = Finder { needle: &needle, label, people: &people, behind: &behind, known: HashMap::new() };
    let mut found: Vec<&Outlined<'_>> = outline
        .iter()
        .filter(|one| match query.filter {
            CodeFilter::UnmappedFirst | CodeFilter::ByCode => true,
            CodeFilter::Unmapped => !one.linked,
            CodeFilter::Changed => changed.contains(one.code),
        })
        .filter(|one| query.after.as_deref().is_none_or(|after| after.is_empty() || one.code > after))
        .filter(|one| finds.finds(one))
        .collect();
    if query.after.is_none() && matches!(query.filter, CodeFilter::UnmappedFirst | CodeFilter::Unmapped) {
        found.sort_by(|one, other| {
            one.linked.cmp(&other.linked).then(other.customers.cmp(&one.customers)).then_with(|| one.code.cmp(other.code))
        });
    }
    let matches = found.len() as u64;
    let shown: Vec<&Outlined<'_>> = found.into_iter().skip(query.skip).take(query.limit).collect();
    let codes: Vec<String> = shown.iter().map(|one| one.code.to_owned()).collect();

    let rows = shown.iter().flat_map(|one| one.rows.iter().cloned()).collect();
    let resolved = resolve(&CodeTable { version: table.version, rows, last_read: table.last_read }, &people, label);
    let humans = humans_behind(store, &layout, &codes).await?;
    let changes: HashMap<String, CodeChange> = store.code_changes(&integration.name, &codes).await?.into_iter().collect();
    let lines = shown
        .into_iter()
        .map(|one| {
            let resolution = resolved.codes.get(one.code);
            let line = code_line(one.code, one.customers, resolution, table.last_read, label, &layout, &humans, &people);
            let change = changes.get(one.code).cloned();
            let effect = change.as_ref().and_then(|change| effect_of(effects, complete, change.version));
            PageLine {
                line,
                rows: one.rows.iter().map(|known| known.row.clone()).collect(),
                effect: effect.map(|effect| LineEffect { run: effect.run, at: effect.at, moved: effect.moved_of(one.code) }),
                change,
            }
        })
        .collect();
    Ok(CodePage {
        version: table.version,
        last_read: table.last_read,
        codes: outline.len() as u64,
        unmapped: outline.iter().filter(|one| !one.linked).count() as u64,
        changed: outline.iter().filter(|one| changed.contains(one.code)).count() as u64,
        matches,
        lines,
        choices: choices(&people),
    })
}

/// A code as far as order and filters need it.
struct Outlined<'a> {
    code: &'a str,
    customers: u64,
    rows: &'a [VersionedRow],
    linked: bool,
}

struct Outline;

impl Outline {
    /// Every code known from the source or the table, by code.
    fn of<'a>(table: &'a CodeTable, counts: &'a [(String, u64)], people: &PeopleIndex) -> Vec<Outlined<'a>> {
        let mut outline: BTreeMap<&str, (u64, &[VersionedRow])> =
            counts.iter().map(|(code, customers)| (code.as_str(), (*customers, &[][..]))).collect();
        for rows in table.rows.chunk_by(|one, other| one.row.code == other.row.code) {
            outline.entry(&rows[0].row.code).or_default().1 = rows;
        }
        let mut owns: HashMap<&str, bool> = HashMap::new();
        outline
            .into_iter()
            .map(|(code, (customers, rows))| {
                let linked = rows.iter().any(|known| leads_to_somebody(&known.row, people, &mut owns));
                Outlined { code, customers, rows, linked }
            })
            .collect()
    }
}

/// Does a row give its code somebody who may own records? The same as resolving it says, without telling who and why not.
fn leads_to_somebody<'a>(row: &'a CodeRow, people: &PeopleIndex, owns: &mut HashMap<&'a str, bool>) -> bool {
    let Some(user) = row.user.as_deref() else { return false };
    let mut may_own = |typed: &'a str| {
        *owns.entry(typed).or_insert_with(|| matches!(people.find(typed), Found::One(person) if person.active && !person.service))
    };
    if may_own(user) {
        return true;
    }
    // Only of somebody who cannot own records now does a successor take over.
    row.successor.as_deref().is_some_and(may_own) && matches!(people.find(user), Found::One(_))
}

/// Finds codes by a part of what is shown of them.
struct Finder<'a> {
    needle: &'a str,
    label: &'a str,
    people: &'a PeopleIndex,
    /// Codes whose person in the source is called so.
    behind: &'a HashSet<String>,
    /// What is known of a name that many rows share.
    known: HashMap<&'a str, bool>,
}

impl<'a> Finder<'a> {
    fn finds(&mut self, one: &Outlined<'a>) -> bool {
        let contains = |text: &str| text.to_lowercase().contains(self.needle);
        if self.needle.is_empty() || contains(&format!("{} - {}", self.label, one.code)) || self.behind.contains(one.code) {
            return true;
        }
        let people = self.people;
        one.rows.iter().flat_map(|known| [&known.row.user, &known.row.successor]).flatten().any(|typed| {
            *self.known.entry(typed).or_insert_with(|| {
                let person = match people.find(typed) {
                    Found::One(person) => Some(person),
                    Found::Several(_) | Found::Nobody => None,
                };
                let names = person.into_iter().flat_map(|person| [Some(&person.name), person.user_name.as_ref()]).flatten();
                let emails = person.into_iter().flat_map(|person| &person.emails);
                contains(typed) || names.chain(emails).any(|text| contains(text))
            })
        })
    }
}

/// Codes whose rows changed after this version.
async fn changed_since(store: &dyn Store, integration: &str, table: &CodeTable, applied: i64) -> Result<HashSet<String>> {
    if applied == 0 {
        return Ok(table.rows.iter().map(|known| known.row.code.clone()).collect());
    }
    let versions = store.code_versions(integration, usize::try_from(table.version - applied).unwrap_or(0)).await?;
    let rows = versions.into_iter().flat_map(|version| version.added.into_iter().chain(version.removed));
    Ok(rows.map(|row| row.code).collect())
}

fn choices(people: &PeopleIndex) -> Vec<Choice> {
    let mut choices: Vec<Choice> = people
        .people()
        .iter()
        .filter(|person| person.active && !person.service)
        .filter_map(|person| {
            let user = person.user_name.clone().or_else(|| person.emails.first().cloned())?;
            Some(Choice { name: person.name.clone(), user })
        })
        .collect();
    choices.sort_unstable();
    choices
}

/// Codes that name a record of the source's people with this in its name or e-mails.
async fn codes_of_people(store: &dyn Store, layout: &Layout, needle: &str) -> Result<HashSet<String>> {
    let mut codes = HashSet::new();
    let Some((spec, key)) = layout.code_names.as_ref().and_then(|(kind, key)| Some((of_kind(layout, kind)?, key))) else {
        return Ok(codes);
    };
    let mut rows = store.ordered(store.image(spec).await?.id);
    while let Some(chunk) = rows.next().await {
        for Record { name, person, keys, .. } in chunk?.into_iter().map(|row| row.record) {
            let mut texts = std::iter::once(&name).chain(person.iter().flat_map(|person| &person.emails));
            if texts.any(|text| text.to_lowercase().contains(needle)) {
                codes.extend(keys.into_iter().find(|known| known.name == *key).map(|known| known.value));
            }
        }
    }
    Ok(codes)
}

fn of_kind<'a>(layout: &'a Layout, kind: &Kind) -> Option<&'a ImageSpec> {
    layout.source_people.iter().find(|spec| spec.kind == *kind)
}

/// The people behind these codes, joined: the records that the codes name and those which these name, by look-ups; and sign-ins that name any
/// of them, which are few beside the rest. Records of other kinds that name the same contact and are named by nobody are passed over: a source
/// may have a contact for each of its customers, and they say nothing that the contact does not.
async fn humans_behind(store: &dyn Store, layout: &Layout, codes: &[String]) -> Result<Humans> {
    let Some((kind, key)) = layout.code_names.as_ref().filter(|_| !codes.is_empty()) else { return Ok(Humans::default()) };
    let mut known: HashSet<PersonKey> = HashSet::new();
    let mut found: BTreeMap<(usize, RecordId), Record> = BTreeMap::new();
    let mut wanted: HashSet<PersonKey> =
        codes.iter().map(|code| PersonKey { kind: kind.clone(), key: key.clone(), value: code.clone() }).collect();
    while !wanted.is_empty() {
        let mut named = HashSet::new();
        for (at, spec) in layout.source_people.iter().enumerate() {
            for record in named_records(store, spec, &wanted).await? {
                named.extend(names(&record).cloned());
                // A record is known by each of its own keys: whoever names it by another one is the same person.
                let own = record.keys.iter().map(|key| (key.name.clone(), key.value.clone()));
                let own = own.chain(std::iter::once(("id".into(), record.id.to_string())));
                known.extend(own.map(|(key, value)| PersonKey { kind: spec.kind.clone(), key, value }));
                found.insert((at, record.id.clone()), record);
            }
        }
        known.extend(wanted);
        wanted = named.into_iter().filter(|name| !known.contains(name)).collect();
    }
    if let Some(at) = layout.source_people.iter().position(|spec| spec.kind == USER) {
        let mut rows = store.ordered(store.image(&layout.source_people[at]).await?.id);
        while let Some(chunk) = rows.next().await {
            let theirs = chunk?.into_iter().map(|row| row.record).filter(|record| names(record).any(|name| known.contains(name)));
            found.extend(theirs.map(|record| ((at, record.id.clone()), record)));
        }
    }
    Ok(Humans::join(found.into_iter().map(|((at, _), record)| (layout.source_people[at].kind.clone(), record)).collect()))
}

/// The records that a record says are the same human being.
fn names(record: &Record) -> impl Iterator<Item = &PersonKey> {
    record.person.iter().flat_map(|person| &person.same_as)
}

/// The records of a kind that these keys name. Keys that order the image and ids are looked up; any other key takes a look at all of them.
async fn named_records(store: &dyn Store, spec: &ImageSpec, wanted: &HashSet<PersonKey>) -> Result<Vec<Record>> {
    let (mut keys, mut ids, mut others) = (Vec::new(), Vec::new(), HashSet::new());
    for name in wanted.iter().filter(|name| name.kind == spec.kind) {
        match &name.key {
            key if *key == spec.key => keys.push(name.value.clone()),
            key if *key == "id" => ids.push(RecordId::new(name.value.clone())),
            key => {
                others.insert((key, name.value.as_str()));
            }
        }
    }
    let mut found = Vec::new();
    if keys.is_empty() && ids.is_empty() && others.is_empty() {
        return Ok(found);
    }
    let image = store.image(spec).await?.id;
    found.extend(store.rows_by_key(image, &keys).await?.into_iter().chain(store.rows(image, &ids).await?).map(|row| row.record));
    if !others.is_empty() {
        let mut rows = store.ordered(image);
        while let Some(chunk) = rows.next().await {
            let records = chunk?.into_iter().map(|row| row.record);
            found.extend(records.filter(|record| record.keys.iter().any(|key| others.contains(&(&key.name, key.value.as_str())))));
        }
    }
    Ok(found)
}
