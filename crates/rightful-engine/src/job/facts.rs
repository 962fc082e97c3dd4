//! What decisions stand on, made from a policy, the target's people and what each code leads to.

use chrono::Duration;
use rightful_core::Instant;

use super::Layout;
use crate::{Facts, Found, NewCase, NoOwner, Otherwise, PeopleIndex, Policy, Resolved};

/// The facts of an integration, and a case for each setting that names nobody.
pub(crate) fn facts(policy: &Policy, layout: &Layout, people: &PeopleIndex, resolved: Resolved, now: Instant) -> (Facts, Vec<NewCase>) {
    let mut cases = Vec::new();
    let mut otherwise = |choice: &NoOwner, setting: &str| {
        otherwise(choice, people).unwrap_or_else(|typed| {
            cases.push(NewCase {
                reason: "unknown-fallback".to_owned(),
                subject: setting.to_owned(),
                message: format!("the fallback `{typed}` is not exactly one active user of the target: nothing falls back"),
                mend: format!("correct `{setting}` in the configuration"),
            });
            Otherwise::Leave
        })
    };
    let facts = Facts {
        role: policy.role.clone(),
        single: layout.single,
        code: policy.code.from.clone(),
        no_match: otherwise(&policy.no_match, "no_match"),
        no_owner: otherwise(&policy.no_owner, "no_owner"),
        codes: resolved.codes,
        mapped: resolved.mapped,
        assignment: policy.assignment,
        include_inactive: policy.include_inactive,
        newcomers_after: now - Duration::hours(i64::from(policy.newcomer_hours)),
    };
    (facts, cases)
}

/// What a policy's word means once its fallback is looked up; the fallback itself where it is not exactly one active user.
fn otherwise<'a>(choice: &'a NoOwner, people: &PeopleIndex) -> Result<Otherwise, &'a str> {
    Ok(match choice {
        NoOwner::Leave => Otherwise::Leave,
        NoOwner::Hold => Otherwise::Hold,
        NoOwner::Clear => Otherwise::Clear,
        NoOwner::Fallback(typed) => match people.find(typed) {
            Found::One(person) if person.active && !person.service => Otherwise::To(person.owner.clone()),
            _ => return Err(typed),
        },
    })
}
