//! What owners lead to as it stands: by a code table, or by links and what people of both sides have in common.

use std::collections::{HashMap, HashSet};

use rightful_core::{Key, Result, State};

use super::views::humans;
use super::{Integration, Layout, Ports};
use crate::{
    Authorship, Digest, Humans, Link, Matched, Matching, NewCase, PeopleIndex, Resolved, SourcePerson, Store, match_people, resolve,
};

/// What every code, or every person of the source, leads to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Basis {
    /// The code table's version; 0 where there is none.
    pub version: i64,
    /// What codes lead to.
    pub resolved: Resolved,
    /// By owner: what stands in the way, told where they own records.
    pub cases: HashMap<String, NewCase>,
    /// Links that are to be saved before anything is written.
    pub links: Vec<Link>,
}

impl Basis {
    /// The digest of what owners lead to; it moves with links and not with how they came about.
    pub fn leads(&self) -> Digest {
        let mut leads: Vec<_> = self.resolved.codes.iter().map(|(code, found)| (code, &found.assign, &found.retain)).collect();
        leads.retain(|(_, assign, retain)| !assign.is_empty() || !retain.is_empty());
        leads.sort_unstable();
        Digest::of_data(&leads)
    }
}

/// The same for whoever only looks.
pub(crate) async fn basis_to_look(ports: &Ports, integration: &Integration, layout: &Layout, people: &PeopleIndex) -> Result<Basis> {
    let nobody = Authorship { author: String::new(), reason: String::new(), at: ports.clock.now() };
    basis(&*ports.store, integration, layout, people, &nobody).await
}

/// What owners lead to; `by` makes links that an e-mail address brings.
pub(crate) async fn basis(
    store: &dyn Store,
    integration: &Integration,
    layout: &Layout,
    people: &PeopleIndex,
    by: &Authorship,
) -> Result<Basis> {
    let policy = &integration.policy;
    if policy.owner_role().is_none() {
        let table = store.code_table(&integration.name).await?;
        return Ok(Basis { version: table.version, resolved: resolve(&table, people, &policy.code.label), ..Basis::default() });
    }
    let between = (&policy.source.connection, &policy.target.connection);
    let links = store.links(between.0, between.1).await?;
    let source = source_people(layout, &humans(store, layout).await?, &links);
    let Matched { resolved, cases, links } =
        match_people(&Matching { between, rules: &policy.rules, links: &links, source: &source, target: people, by });
    Ok(Basis { version: 0, resolved, cases, links })
}

/// The people whom records of the source name, and those whom only a link still knows.
pub(crate) fn source_people(layout: &Layout, humans: &Humans, links: &[Link]) -> Vec<SourcePerson> {
    let Some((kind, name)) = &layout.code_names else { return Vec::new() };
    let mut people = Vec::new();
    for human in humans.all() {
        for (_, record) in human.records.iter().filter(|(of, _)| of == kind) {
            let Some(owner) = record.key(name).or_else(|| (name == "id").then_some(record.id.as_str())) else { continue };
            let person = record.person.as_ref();
            people.push(SourcePerson {
                id: record.id.clone(),
                owner: owner.to_owned(),
                name: record.name.clone(),
                emails: human.emails(),
                keys: record.keys.iter().cloned().chain([Key::new("id", record.id.as_str())]).collect(),
                active: record.state == State::Active && person.is_none_or(|person| person.active),
                service: person.is_some_and(|person| person.service),
            });
        }
    }
    if name == "id" {
        let shown: HashSet<_> = people.iter().map(|person| person.id.clone()).collect();
        people.extend(links.iter().filter(|link| !shown.contains(&link.person)).map(|link| SourcePerson::unseen(&link.person)));
    }
    people
}
