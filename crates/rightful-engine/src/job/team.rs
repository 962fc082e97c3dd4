//! Plans the one change that puts a person of the target on a team.

use rightful_core::{Error, ErrorKind, FieldName, OwnerChange, RecordId, Result, Value};

use super::activity::activity;
use super::context::Job;
use super::draft::Draft;
use super::plan::Planned;
use crate::{Action, Carry, Change, Digest, Means, Plan, Why};

/// A plan that puts one person on a team.
pub(crate) async fn plan_team(job: Job, person: String, team: String) -> Result<Planned> {
    let store = job.store();
    let (_, layout) = activity(&job)?;
    let known = store.known_people_of(&job.layout.target.connection, &layout.people, &[RecordId::new(person.as_str())]).await?;
    let Some(known) = known.into_iter().find(|known| !known.is_unmapped()) else {
        return Err(Error::new(ErrorKind::NotFound, format!("no account `{person}` is known")).hint("list them: rightful users list"));
    };
    let plan = store.begin_plan(&job.fence, &Plan { only: Some(person.clone()), ..job.draft_plan(0) }).await?;
    job.adopt_plan(plan);
    let mut draft = Draft::after(&job, plan, store.last_intended(job.run).await?);
    let spec = job.target_kind(&layout.people)?;
    let writable = |field: &FieldName| spec.field(field).is_some_and(|spec| spec.writable) && !field.as_str().starts_with("team.");
    let before: Vec<(FieldName, Value)> = known
        .facts
        .iter()
        .filter(|fact| writable(&fact.field) && fact.value != Value::Null)
        .map(|fact| (fact.field.clone(), fact.value.clone()))
        .collect();
    let mut values = before.clone();
    values.push((FieldName::fixed("team.key"), Value::text(team.clone())));
    let reason = job.options.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    draft.change(Change {
        number: 0,
        action: Action::Account,
        kind: layout.people.clone(),
        target: known.id.clone(),
        code: known.email().unwrap_or_default().to_owned(),
        name: known.name(),
        owners: OwnerChange { role: job.integration.policy.role.clone(), from: None, to: vec![person] },
        source: None,
        target_digest: Digest(0),
        carry: Some(Carry {
            means: Means::Upsert,
            from: layout.people.clone(),
            record: known.id.clone(),
            values,
            before: Some(before),
            person: None,
            evidence: None,
            was: None,
        }),
        why: Why {
            rule: "team".to_owned(),
            author: job.options.author.clone(),
            notes: vec![format!("put on team {team}{reason}")],
            ..Why::default()
        },
    });
    draft.flush().await?;
    let counts = std::mem::take(&mut draft.counts);
    store.end_plan(&job.fence, plan, &counts, &[], false, job.now()).await?;
    Ok(Planned { plan, table_version: 0, leads: None, counts, refusals: Vec::new(), notes: Vec::new() })
}
