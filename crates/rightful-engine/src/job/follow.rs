//! Records that follow a successor: who took over a customer's assignment takes over its visit frequencies (SK-16).

use std::collections::HashMap;

use rightful_core::{Kind, Owner, OwnerChange, RecordId, Result, Role};

use super::context::Job;
use super::draft::Draft;
use crate::{Action, Change, ImageId, ImageSpec, NewCase, SourceRow, Succession, Why};

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

struct Followed<'a> {
    kind: &'a Kind,
    image: ImageId,
    spec: &'a ImageSpec,
    role: &'a Role,
}

/// Gathers candidates and looks their followers up in chunks.
pub(crate) struct Followers<'a> {
    job: &'a Job,
    kinds: Vec<Followed<'a>>,
    candidates: Vec<Candidate>,
}

impl<'a> Followers<'a> {
    pub async fn new(job: &'a Job) -> Result<Self> {
        let mut kinds = Vec::new();
        for follow in &job.layout.follows {
            let image = job.image_id(&follow.image).await?;
            kinds.push(Followed { kind: &follow.image.kind, image, spec: &follow.image, role: &follow.role });
        }
        Ok(Self { job, kinds, candidates: Vec::new() })
    }

    pub fn add(&mut self, candidate: Candidate) {
        if !self.kinds.is_empty() {
            self.candidates.push(candidate);
        }
    }

    pub fn is_full(&self) -> bool {
        self.candidates.len() >= CHUNK
    }

    pub async fn flush(&mut self, draft: &mut Draft<'_>) -> Result<()> {
        let candidates: HashMap<String, Candidate> =
            self.candidates.drain(..).map(|candidate| (candidate.target.as_str().to_owned(), candidate)).collect();
        if candidates.is_empty() {
            return Ok(());
        }
        let mut keys: Vec<String> = candidates.keys().cloned().collect();
        keys.sort_unstable();
        for kind in &self.kinds {
            let mut rows = self.job.store().rows_by_key(kind.image, &keys).await?;
            rows.sort_unstable_by(|one, other| one.record.id.cmp(&other.record.id));
            let mut taken: HashMap<&str, Vec<&str>> = HashMap::new();
            for row in &rows {
                if let (Some(key), Owner::Known(owners)) = (row.record.key(&kind.spec.key), row.record.owner(kind.role)) {
                    taken.entry(key).or_default().extend(owners.iter().map(String::as_str));
                }
            }
            for row in &rows {
                let (Some(key), Owner::Known(owners)) = (row.record.key(&kind.spec.key), row.record.owner(kind.role)) else { continue };
                let (Some(candidate), [owner]) = (candidates.get(key), owners.as_slice()) else { continue };
                let Some(succession) = candidate.successions.iter().find(|succession| succession.from == *owner) else { continue };
                if taken.get(key).is_some_and(|owners| owners.contains(&succession.to.as_str())) {
                    draft.case(NewCase {
                        reason: "successor-has-one".to_owned(),
                        subject: row.record.id.to_string(),
                        message: format!("{} ({}): the successor has a {} there already", candidate.name, candidate.key, kind.kind),
                        mend: format!(
                            "remove one of the two in the target; {} {} stays with the deactivated user",
                            kind.kind, row.record.id
                        ),
                    });
                    continue;
                }
                taken.entry(key).or_default().push(succession.to.as_str());
                draft.change(Change {
                    number: 0,
                    action: Action::OwnerMove,
                    kind: kind.kind.clone(),
                    target: row.record.id.clone(),
                    code: candidate.key.clone(),
                    name: if row.record.name.is_empty() { candidate.name.clone() } else { row.record.name.clone() },
                    owners: OwnerChange { role: kind.role.clone(), from: Some(owners.clone()), to: vec![succession.to.clone()] },
                    source: Some(candidate.source.clone()),
                    target_digest: row.digest,
                    why: candidate.why.clone(),
                });
            }
        }
        draft.flush_if_full().await
    }
}
