//! Records that follow a successor: who took over a customer's assignment takes over its visit frequencies (SK-16).

use std::collections::HashMap;

use rightful_core::{Kind, Owner, OwnerChange, RecordId, Result, Role};

use super::Layout;
use crate::{Action, Change, ImageId, ImageSpec, NewCase, Row, SourceRow, Store, Succession, Why};

/// Candidates looked up at once.
const CHUNK: usize = 500;

/// A paired record whose code hands over to a successor.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub target: RecordId,
    pub key: String,
    pub name: String,
    pub source: SourceRow,
    pub successions: Vec<Succession>,
    pub why: Why,
}

/// What becomes of a record that may follow.
#[derive(Clone, Debug)]
pub(crate) enum Following {
    /// It follows.
    Change(Box<Change>),
    /// It cannot.
    Case(NewCase),
}

struct Followed<'a> {
    image: ImageId,
    spec: &'a ImageSpec,
    role: &'a Role,
}

/// Gathers candidates and looks their followers up in chunks.
pub(crate) struct Followers<'a> {
    store: &'a dyn Store,
    kinds: Vec<Followed<'a>>,
    candidates: Vec<Candidate>,
    /// Were all following kinds read to their end at least once?
    pub known: bool,
}

impl<'a> Followers<'a> {
    pub async fn new(store: &'a dyn Store, layout: &'a Layout) -> Result<Self> {
        let (mut kinds, mut known) = (Vec::new(), true);
        for follow in &layout.follows {
            let image = store.image(&follow.image).await?;
            known &= image.fresh_at.is_some();
            kinds.push(Followed { image: image.id, spec: &follow.image, role: &follow.role });
        }
        Ok(Self { store, kinds, candidates: Vec::new(), known })
    }

    pub fn add(&mut self, candidate: Candidate) {
        if !self.kinds.is_empty() {
            self.candidates.push(candidate);
        }
    }

    pub fn is_full(&self) -> bool {
        self.candidates.len() >= CHUNK
    }

    /// What becomes of the records that may follow the candidates gathered so far.
    pub async fn take(&mut self) -> Result<Vec<Following>> {
        let candidates: HashMap<String, Candidate> =
            self.candidates.drain(..).map(|candidate| (candidate.target.as_str().to_owned(), candidate)).collect();
        let mut found = Vec::new();
        if candidates.is_empty() {
            return Ok(found);
        }
        let mut keys: Vec<String> = candidates.keys().cloned().collect();
        keys.sort_unstable();
        for kind in &self.kinds {
            let mut rows = self.store.rows_by_key(kind.image, &keys).await?;
            rows.sort_unstable_by(|one, other| one.record.id.cmp(&other.record.id));
            found.extend(following(kind, &rows, &candidates));
        }
        Ok(found)
    }
}

/// Which of these records follow: those of a deactivated owner, unless the successor has one at the same customer already.
fn following(kind: &Followed<'_>, rows: &[Row], candidates: &HashMap<String, Candidate>) -> Vec<Following> {
    let name: &Kind = &kind.spec.kind;
    let mut found = Vec::new();
    let mut taken: HashMap<&str, Vec<&str>> = HashMap::new();
    for row in rows {
        if let (Some(key), Owner::Known(owners)) = (row.record.key(&kind.spec.key), row.record.owner(kind.role)) {
            taken.entry(key).or_default().extend(owners.iter().map(String::as_str));
        }
    }
    for row in rows {
        let (Some(key), Owner::Known(owners)) = (row.record.key(&kind.spec.key), row.record.owner(kind.role)) else { continue };
        let (Some(candidate), [owner]) = (candidates.get(key), owners.as_slice()) else { continue };
        let Some(succession) = candidate.successions.iter().find(|succession| succession.from == *owner) else { continue };
        if taken.get(key).is_some_and(|owners| owners.contains(&succession.to.as_str())) {
            found.push(Following::Case(NewCase {
                reason: "successor-has-one".to_owned(),
                subject: row.record.id.to_string(),
                message: format!("{} ({}): the successor has a {name} there already", candidate.name, candidate.key),
                mend: format!("remove one of the two in the target; {name} {} stays with the deactivated user", row.record.id),
            }));
            continue;
        }
        taken.entry(key).or_default().push(succession.to.as_str());
        found.push(Following::Change(Box::new(Change {
            number: 0,
            action: Action::OwnerMove,
            kind: name.clone(),
            target: row.record.id.clone(),
            code: candidate.key.clone(),
            name: if row.record.name.is_empty() { candidate.name.clone() } else { row.record.name.clone() },
            owners: OwnerChange { role: kind.role.clone(), from: Some(owners.clone()), to: vec![succession.to.clone()] },
            source: Some(candidate.source.clone()),
            target_digest: row.digest,
            carry: None,
            why: candidate.why.clone(),
        })));
    }
    found
}
