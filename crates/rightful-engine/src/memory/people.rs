//! What the memory store remembers of people and of what was credited to them.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use rightful_core::{ConnectionName, FieldName, Instant, Kind, RecordId, Result};

use super::MemoryStore;
use crate::{
    Authorship, Consequence, Credit, Fact, Fence, Hold, HoldId, ImageId, KnownPerson, Link, Linked, NewFacts, PeopleStore, Pick, Row,
    Store, Switch,
};

/// A person of a connection that cannot be read, and one of their fields.
type FieldOf = (ConnectionName, Kind, RecordId, FieldName);

#[derive(Debug, Default)]
pub(super) struct People {
    links: BTreeMap<(ConnectionName, RecordId, ConnectionName), Link>,
    picks: BTreeMap<(String, RecordId), Pick>,
    switches: BTreeMap<(String, String), Switch>,
    /// Oldest first; the last one stands.
    facts: BTreeMap<FieldOf, Vec<Fact>>,
    credits: BTreeMap<(ConnectionName, RecordId), Credit>,
}

impl People {
    pub fn take(&mut self, consequences: &[Consequence]) {
        for consequence in consequences {
            match consequence {
                Consequence::Credit(credit) => {
                    let key = (credit.connection.clone(), credit.target.clone());
                    let known = self.credits.remove(&key);
                    self.credits.insert(key, credit.clone().over(known));
                }
                Consequence::Uncredit(connection, target) => {
                    self.credits.remove(&(connection.clone(), target.clone()));
                }
                Consequence::Facts(connection, kind, facts) => {
                    self.put_facts(connection, kind, facts);
                }
                Consequence::Link(link) => {
                    self.link(link, false);
                }
            }
        }
    }

    fn link(&mut self, link: &Link, replace: bool) -> Linked {
        let key = (link.source.clone(), link.person.clone(), link.target.clone());
        if let Some(known) = self.links.get(&key) {
            if known.owner == link.owner {
                return Linked::Stood;
            }
            if !replace {
                return Linked::Other(known.clone());
            }
        }
        let taken = |known: &&Link| {
            known.source == link.source && known.target == link.target && known.owner == link.owner && known.person != link.person
        };
        if let Some(taken) = self.links.values().find(taken) {
            return Linked::Taken(taken.clone());
        }
        self.links.insert(key, link.clone());
        Linked::Made
    }

    /// Does anything differ now?
    fn put_facts(&mut self, connection: &ConnectionName, kind: &Kind, new: &NewFacts) -> bool {
        let mut differs = false;
        if let Some(was) = new.was.as_ref().filter(|was| **was != new.id) {
            let moved: Vec<FieldOf> =
                self.facts.keys().filter(|(of, at, id, _)| of == connection && at == kind && id == was).cloned().collect();
            for key in moved {
                differs = true;
                let history = self.facts.remove(&key).unwrap_or_default();
                self.facts.entry((key.0, key.1, new.id.clone(), key.3)).or_insert(history);
            }
        }
        for fact in &new.facts {
            let history = self.facts.entry((connection.clone(), kind.clone(), new.id.clone(), fact.field.clone())).or_default();
            match history.last_mut().filter(|known| known.value == fact.value) {
                Some(known) => *known = fact.clone(),
                None => {
                    differs = true;
                    history.push(fact.clone());
                }
            }
        }
        differs
    }
}

#[async_trait]
impl PeopleStore for MemoryStore {
    async fn links(&self, source: &ConnectionName, target: &ConnectionName) -> Result<Vec<Link>> {
        let state = self.state();
        Ok(state.people.links.values().filter(|link| link.source == *source && link.target == *target).cloned().collect())
    }

    async fn links_of(&self, source: &ConnectionName, target: &ConnectionName, people: &[RecordId]) -> Result<Vec<Link>> {
        let mut links = self.links(source, target).await?;
        links.retain(|link| people.contains(&link.person));
        Ok(links)
    }

    async fn link(&self, link: &Link, replace: bool) -> Result<Linked> {
        Ok(self.state().people.link(link, replace))
    }

    async fn put_links(&self, fence: &Fence, links: &[Link]) -> Result<Vec<Linked>> {
        let mut state = self.fenced(fence)?;
        Ok(links.iter().map(|link| state.people.link(link, false)).collect())
    }

    async fn unlink(&self, source: &ConnectionName, person: &RecordId, target: &ConnectionName, _by: &Authorship) -> Result<Option<Link>> {
        Ok(self.state().people.links.remove(&(source.clone(), person.clone(), target.clone())))
    }

    async fn picks(&self, integration: &str) -> Result<Vec<Pick>> {
        let state = self.state();
        Ok(state.people.picks.iter().filter(|((of, _), _)| of == integration).map(|(_, pick)| pick.clone()).collect())
    }

    async fn pick(&self, integration: &str, picks: &[Pick]) -> Result<()> {
        let mut state = self.state();
        for pick in picks {
            state.people.picks.insert((integration.to_owned(), pick.person.clone()), pick.clone());
        }
        Ok(())
    }

    async fn unpick(&self, integration: &str, people: &[RecordId], _by: &Authorship) -> Result<u64> {
        let mut state = self.state();
        let removed = people.iter().filter(|person| state.people.picks.remove(&(integration.to_owned(), (*person).clone())).is_some());
        Ok(removed.count() as u64)
    }

    async fn switches(&self, integration: &str) -> Result<Vec<Switch>> {
        let state = self.state();
        Ok(state.people.switches.iter().filter(|((of, _), _)| of == integration).map(|(_, switch)| switch.clone()).collect())
    }

    async fn switch(&self, integration: &str, switch: &Switch) -> Result<()> {
        self.state().people.switches.insert((integration.to_owned(), switch.name.clone()), switch.clone());
        Ok(())
    }

    async fn known_people(&self, connection: &ConnectionName, kind: &Kind) -> Result<Vec<KnownPerson>> {
        let state = self.state();
        let mut people: Vec<KnownPerson> = Vec::new();
        for ((of, at, id, _), history) in &state.people.facts {
            let Some(fact) = history.last().filter(|_| of == connection && at == kind) else { continue };
            match people.last_mut().filter(|person| person.id == *id) {
                Some(person) => person.facts.push(fact.clone()),
                None => people.push(KnownPerson { id: id.clone(), facts: vec![fact.clone()] }),
            }
        }
        Ok(people)
    }

    async fn known_people_of(&self, connection: &ConnectionName, kind: &Kind, people: &[RecordId]) -> Result<Vec<KnownPerson>> {
        let mut known = self.known_people(connection, kind).await?;
        known.retain(|known| people.contains(&known.id));
        Ok(known)
    }

    async fn put_facts(&self, connection: &ConnectionName, kind: &Kind, facts: &[NewFacts], _by: &Authorship) -> Result<u64> {
        let mut state = self.state();
        Ok(facts.iter().filter(|new| state.people.put_facts(connection, kind, new)).count() as u64)
    }

    async fn fact_history(&self, connection: &ConnectionName, kind: &Kind, person: &RecordId, field: &str) -> Result<Vec<Fact>> {
        let key = (connection.clone(), kind.clone(), person.clone(), FieldName::new(field));
        Ok(self.state().people.facts.get(&key).cloned().unwrap_or_default())
    }

    async fn credits(&self, integration: &str, kind: &Kind, after: Option<(RecordId, RecordId)>, limit: usize) -> Result<Vec<Credit>> {
        let state = self.state();
        let mut credits: Vec<&Credit> = state
            .people
            .credits
            .values()
            .filter(|credit| credit.integration == integration && credit.kind == *kind)
            .filter(|credit| after.as_ref().is_none_or(|(source, target)| (&credit.source, &credit.target) > (source, target)))
            .collect();
        credits.sort_by(|one, other| (&one.source, &one.target).cmp(&(&other.source, &other.target)));
        Ok(credits.into_iter().take(limit).cloned().collect())
    }

    async fn credits_by_target(&self, connection: &ConnectionName, targets: &[RecordId]) -> Result<Vec<Credit>> {
        let state = self.state();
        let targets: BTreeSet<&RecordId> = targets.iter().collect();
        Ok(targets.into_iter().filter_map(|target| state.people.credits.get(&(connection.clone(), target.clone()))).cloned().collect())
    }

    async fn credit_counts(&self, integration: &str) -> Result<Vec<(Kind, u64)>> {
        let mut counts: BTreeMap<Kind, u64> = BTreeMap::new();
        for credit in self.state().people.credits.values().filter(|credit| credit.integration == integration) {
            *counts.entry(credit.kind.clone()).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    async fn gone_rows(&self, image: ImageId, after: Option<RecordId>, limit: usize) -> Result<Vec<Row>> {
        Ok(self.state().image(image)?.gone_rows(after.as_ref(), limit))
    }

    async fn holds_of(&self, integration: &str, kind: &Kind, targets: &[RecordId]) -> Result<Vec<Hold>> {
        let mut holds = self.holds(Some(integration), None, usize::MAX).await?;
        holds.retain(|hold| hold.hold.kind == *kind && targets.contains(&hold.hold.target));
        Ok(holds)
    }

    async fn holds_since(&self, integration: &str, before: Instant, limit: usize) -> Result<Vec<(HoldId, Kind, RecordId)>> {
        let state = self.state();
        let old = state.holds.iter().map(|(hold, _)| hold).filter(|hold| hold.integration == integration && hold.since < before);
        let mut old: Vec<&Hold> = old.collect();
        old.sort_by_key(|hold| (hold.since, hold.id));
        Ok(old.into_iter().take(limit).map(|hold| (hold.id, hold.hold.kind.clone(), hold.hold.target.clone())).collect())
    }

    async fn oldest_holds(&self) -> Result<Vec<(String, Instant)>> {
        let state = self.state();
        let mut oldest: BTreeMap<String, Instant> = BTreeMap::new();
        for (hold, _) in &state.holds {
            let since = oldest.entry(hold.integration.clone()).or_insert(hold.since);
            *since = hold.since.min(*since);
        }
        Ok(oldest.into_iter().collect())
    }
}
