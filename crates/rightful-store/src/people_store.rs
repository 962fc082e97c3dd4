//! The engine's `PeopleStore` port over SQLite: each method is one transaction of the module that knows its tables.

use rightful_core::{ConnectionName, Instant, Kind, RecordId, Result, async_trait};
use rightful_engine::{
    Authorship, Credit, Fact, Fence, Hold, HoldId, ImageId, KnownPerson, Link, Linked, NewFacts, PeopleStore, Pick, Row, Switch,
};

use crate::store::SqliteStore;
use crate::{credits, gone, people, work};

#[async_trait]
impl PeopleStore for SqliteStore {
    async fn links(&self, source: &ConnectionName, target: &ConnectionName) -> Result<Vec<Link>> {
        let (source, target) = (source.clone(), target.clone());
        self.0.read(move |tx| people::links(tx, &source, &target)).await
    }

    async fn links_of(&self, source: &ConnectionName, target: &ConnectionName, people: &[RecordId]) -> Result<Vec<Link>> {
        let (source, target, people) = (source.clone(), target.clone(), people.to_vec());
        self.0.read(move |tx| people::links_of(tx, &source, &target, &people)).await
    }

    async fn link(&self, link: &Link, replace: bool) -> Result<Linked> {
        let link = link.clone();
        self.0.write(move |tx| people::link(tx, &link, replace)).await
    }

    async fn put_links(&self, fence: &Fence, links: &[Link]) -> Result<Vec<Linked>> {
        let links = links.to_vec();
        self.fenced(fence, move |tx, _| people::put_links(tx, &links)).await
    }

    async fn unlink(&self, source: &ConnectionName, person: &RecordId, target: &ConnectionName, by: &Authorship) -> Result<Option<Link>> {
        let (source, person, target, by) = (source.clone(), person.clone(), target.clone(), by.clone());
        self.0.write(move |tx| people::unlink(tx, &source, &person, &target, &by)).await
    }

    async fn picks(&self, integration: &str) -> Result<Vec<Pick>> {
        let integration = integration.to_owned();
        self.0.read(move |tx| people::picks(tx, &integration)).await
    }

    async fn pick(&self, integration: &str, picks: &[Pick]) -> Result<()> {
        let (integration, picks) = (integration.to_owned(), picks.to_vec());
        self.0.write(move |tx| people::pick(tx, &integration, &picks)).await
    }

    async fn unpick(&self, integration: &str, people: &[RecordId], by: &Authorship) -> Result<u64> {
        let (integration, people, by) = (integration.to_owned(), people.to_vec(), by.clone());
        self.0.write(move |tx| people::unpick(tx, &integration, &people, &by)).await
    }

    async fn switches(&self, integration: &str) -> Result<Vec<Switch>> {
        let integration = integration.to_owned();
        self.0.read(move |tx| people::switches(tx, &integration)).await
    }

    async fn switch(&self, integration: &str, switch: &Switch) -> Result<()> {
        let (integration, switch) = (integration.to_owned(), switch.clone());
        self.0.write(move |tx| people::switch(tx, &integration, &switch)).await
    }

    async fn known_people(&self, connection: &ConnectionName, kind: &Kind) -> Result<Vec<KnownPerson>> {
        let (connection, kind) = (connection.clone(), kind.clone());
        self.0.read(move |tx| people::known_people(tx, &connection, &kind)).await
    }

    async fn known_people_of(&self, connection: &ConnectionName, kind: &Kind, people: &[RecordId]) -> Result<Vec<KnownPerson>> {
        let (connection, kind, people) = (connection.clone(), kind.clone(), people.to_vec());
        self.0.read(move |tx| people::known_people_of(tx, &connection, &kind, &people)).await
    }

    async fn put_facts(&self, connection: &ConnectionName, kind: &Kind, facts: &[NewFacts], by: &Authorship) -> Result<u64> {
        let (connection, kind, facts, by) = (connection.clone(), kind.clone(), facts.to_vec(), by.clone());
        self.0.write(move |tx| people::bring_facts(tx, &connection, &kind, &facts, &by)).await
    }

    async fn fact_history(&self, connection: &ConnectionName, kind: &Kind, person: &RecordId, field: &str) -> Result<Vec<Fact>> {
        let (connection, kind, person, field) = (connection.clone(), kind.clone(), person.clone(), field.to_owned());
        self.0.read(move |tx| people::fact_history(tx, &connection, &kind, &person, &field)).await
    }

    async fn credits(&self, integration: &str, kind: &Kind, after: Option<(RecordId, RecordId)>, limit: usize) -> Result<Vec<Credit>> {
        let (integration, kind) = (integration.to_owned(), kind.clone());
        self.0.read(move |tx| credits::credits(tx, &integration, &kind, after.as_ref(), limit)).await
    }

    async fn credits_by_target(&self, connection: &ConnectionName, targets: &[RecordId]) -> Result<Vec<Credit>> {
        let (connection, targets) = (connection.clone(), targets.to_vec());
        self.0.read(move |tx| credits::by_target(tx, &connection, &targets)).await
    }

    async fn credit_counts(&self, integration: &str) -> Result<Vec<(Kind, u64)>> {
        let integration = integration.to_owned();
        self.0.read(move |tx| credits::counts(tx, &integration)).await
    }

    async fn gone_rows(&self, image: ImageId, after: Option<RecordId>, limit: usize) -> Result<Vec<Row>> {
        self.0.read(move |tx| gone::rows(tx, image, after.as_ref(), limit)).await
    }

    async fn holds_of(&self, integration: &str, kind: &Kind, targets: &[RecordId]) -> Result<Vec<Hold>> {
        let (integration, kind, targets) = (integration.to_owned(), kind.clone(), targets.to_vec());
        self.0.read(move |tx| work::holds_of(tx, &integration, &kind, &targets)).await
    }

    async fn holds_since(&self, integration: &str, before: Instant, limit: usize) -> Result<Vec<(HoldId, Kind, RecordId)>> {
        let integration = integration.to_owned();
        self.0.read(move |tx| work::holds_since(tx, &integration, before, limit)).await
    }

    async fn oldest_holds(&self) -> Result<Vec<(String, Instant)>> {
        self.0.read(work::oldest_holds).await
    }
}
