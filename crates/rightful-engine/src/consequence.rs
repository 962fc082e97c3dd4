//! What a confirmed write makes true where the target cannot be read: pure, from its entry in the ledger.

use rightful_core::{ConnectionName, FieldName, Instant, Kind, Value};

use crate::{Authorship, Carry, Consequence, Credit, CreditState, Entry, Fact, How, Link, Means, NewFacts};

/// What is true once an entry is done. `source` is the connection whose people accounts are for, `people` the target's people kind.
pub fn consequences(entry: &Entry, source: &ConnectionName, people: &Kind, now: Instant) -> Vec<Consequence> {
    let Some(carry) = &entry.carry else { return Vec::new() };
    let by = entry.run.to_string();
    if entry.kind == *people {
        let fact = |(field, value): &(_, Value)| Fact {
            field: Clone::clone(field),
            value: value.clone(),
            how: How::Sent,
            at: now,
            by: by.clone(),
        };
        let facts = NewFacts { id: entry.target.clone(), was: carry.was.clone(), facts: carry.values.iter().map(fact).collect() };
        let mut consequences = vec![Consequence::Facts(entry.connection.clone(), people.clone(), facts)];
        if let (Some(person), Some(evidence)) = (&carry.person, carry.evidence) {
            consequences.push(Consequence::Link(Link {
                source: source.clone(),
                person: person.clone(),
                target: entry.connection.clone(),
                owner: entry.target.to_string(),
                evidence,
                by_value: Some(entry.code.clone()).filter(|email| !email.is_empty()),
                by: Authorship { author: by, reason: evidence.because(&entry.code, &entry.why.rule), at: now },
            }));
        }
        return consequences;
    }
    vec![match carry.means {
        Means::Upsert => credited(entry, carry, &entry.after, &carry.values, CreditState::Sent, now),
        Means::Note => credited(entry, carry, &entry.after, &carry.values, CreditState::LetGo, now),
        Means::Remove => Consequence::Uncredit(entry.connection.clone(), entry.target.clone()),
    }]
}

/// What is to be believed where the answer to an entry was lost and it is not sent again in its run: the record may stand as it was to stand.
/// Accounts need no doubt: whoever has none yet is asked for again under the same id.
pub fn doubts(entry: &Entry, people: &Kind, now: Instant) -> Vec<Consequence> {
    let Some(carry) = entry.carry.as_ref().filter(|_| entry.kind != *people) else { return Vec::new() };
    match (carry.means, &carry.before) {
        (Means::Upsert, _) => vec![credited(entry, carry, &entry.after, &carry.values, CreditState::Unsure, now)],
        (Means::Remove, Some(before)) => vec![credited(entry, carry, &entry.before, before, CreditState::Unsure, now)],
        (Means::Remove, None) | (Means::Note, _) => Vec::new(),
    }
}

fn credited(entry: &Entry, carry: &Carry, to: &[String], values: &[(FieldName, Value)], state: CreditState, now: Instant) -> Consequence {
    let owner = to.first().cloned().unwrap_or_default();
    Consequence::Credit(Credit {
        connection: entry.connection.clone(),
        target: entry.target.clone(),
        integration: entry.integration.clone(),
        kind: carry.from.clone(),
        source: carry.record.clone(),
        person: carry.person.clone().filter(|_| state == CreditState::LetGo && owner.is_empty()),
        owner,
        values: values.to_vec(),
        state,
        at: now,
        stands: None,
    })
}
