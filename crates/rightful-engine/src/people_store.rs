//! The part of the engine's port to the store that remembers people and what was credited to them.

use std::fmt::Debug;

use async_trait::async_trait;
use rightful_core::{ConnectionName, Instant, Kind, RecordId, Result};

use crate::{Authorship, Credit, Fence, Hold, HoldId, ImageId, KnownPerson, Link, Linked, NewFacts, Pick, Row, Switch};

/// How long a row that went is kept.
pub const GONE_KEPT: chrono::Duration = chrono::Duration::days(30);

/// Everything the engine must remember of people. Every method is one transaction; what a person does is in the audit log with it.
#[async_trait]
pub trait PeopleStore: Debug + Send + Sync + 'static {
    // --- links -------------------------------------------------------------------------------------------------------------------

    /// Links from one connection's people to another's, ascending by source person.
    async fn links(&self, source: &ConnectionName, target: &ConnectionName) -> Result<Vec<Link>>;
    /// The same, of these source people alone.
    async fn links_of(&self, source: &ConnectionName, target: &ConnectionName, people: &[RecordId]) -> Result<Vec<Link>>;
    /// Makes a link that a person states. A link of the source person to somebody else is replaced where `replace` says so.
    async fn link(&self, link: &Link, replace: bool) -> Result<Linked>;
    /// Makes links that a run found; those that cannot be made stay as they are. What became of each, in order.
    async fn put_links(&self, fence: &Fence, links: &[Link]) -> Result<Vec<Linked>>;
    /// Takes a link away; `None` where there is none such.
    async fn unlink(&self, source: &ConnectionName, person: &RecordId, target: &ConnectionName, by: &Authorship) -> Result<Option<Link>>;

    // --- picks and switches --------------------------------------------------------------------------------------------------------

    /// What was picked for source people of an integration, ascending by person.
    async fn picks(&self, integration: &str) -> Result<Vec<Pick>>;
    /// Saves picks, replacing earlier ones of the same people.
    async fn pick(&self, integration: &str, picks: &[Pick]) -> Result<()>;
    /// Takes picks away; how many there were.
    async fn unpick(&self, integration: &str, people: &[RecordId], by: &Authorship) -> Result<u64>;
    /// What was switched, ascending by name; what never was is not in it.
    async fn switches(&self, integration: &str) -> Result<Vec<Switch>>;
    /// Switches something.
    async fn switch(&self, integration: &str, switch: &Switch) -> Result<()>;

    // --- people who cannot be read --------------------------------------------------------------------------------------------------

    /// Everyone known at a connection, ascending by id.
    async fn known_people(&self, connection: &ConnectionName, kind: &Kind) -> Result<Vec<KnownPerson>>;
    /// The same, of these people alone; who is not known is left out.
    async fn known_people_of(&self, connection: &ConnectionName, kind: &Kind, people: &[RecordId]) -> Result<Vec<KnownPerson>>;
    /// Notes facts that a person brought. A fact that differs takes the place of the former one, which is kept as history; the same value only moves
    /// its time and how it is known. How many people differ.
    async fn put_facts(&self, connection: &ConnectionName, kind: &Kind, facts: &[NewFacts], by: &Authorship) -> Result<u64>;
    /// All values that a field of a person ever had, oldest first (SS-29).
    async fn fact_history(&self, connection: &ConnectionName, kind: &Kind, person: &RecordId, field: &str) -> Result<Vec<crate::Fact>>;

    // --- what was sent ---------------------------------------------------------------------------------------------------------------

    /// Credits of an integration's records of one source kind, ascending by (source, target) in byte order, those after the given pair.
    async fn credits(&self, integration: &str, kind: &Kind, after: Option<(RecordId, RecordId)>, limit: usize) -> Result<Vec<Credit>>;
    /// Credits by their records at the target, in no order; those that are not there are left out.
    async fn credits_by_target(&self, connection: &ConnectionName, targets: &[RecordId]) -> Result<Vec<Credit>>;
    /// How many credits an integration has, by source kind.
    async fn credit_counts(&self, integration: &str) -> Result<Vec<(Kind, u64)>>;

    // --- rows that are gone, and holds ---------------------------------------------------------------------------------------------------

    /// Rows of an image that went, as they stood last (or as the vendor showed them gone), ascending by id, those after the given one. A row that
    /// comes back is no longer among them, and has changed where it did before, or came back as another; they are kept for 30 days.
    async fn gone_rows(&self, image: ImageId, after: Option<RecordId>, limit: usize) -> Result<Vec<Row>>;
    /// Holds of an integration by their records at the target, ascending by number; those that are not there are left out.
    async fn holds_of(&self, integration: &str, kind: &Kind, targets: &[RecordId]) -> Result<Vec<Hold>>;
    /// Holds of an integration that have stood since before a moment: their kind and target, oldest first.
    async fn holds_since(&self, integration: &str, before: Instant, limit: usize) -> Result<Vec<(HoldId, Kind, RecordId)>>;
    /// When the oldest hold of each integration began, for alarms.
    async fn oldest_holds(&self) -> Result<Vec<(String, Instant)>>;
}
