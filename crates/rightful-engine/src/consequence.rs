//! What a confirmed write makes true where the target cannot be read: pure, from its entry in the ledger.

use rightful_core::{ConnectionName, Instant, Kind, Value};

use crate::{Authorship, Consequence, Credit, CreditState, Entry, Fact, How, Link, Means, NewFacts};

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
                by: Authorship { author: by, reason: entry.why.rule.clone(), at: now },
            }));
        }
        return consequences;
    }
    let credit = |state| {
        Consequence::Credit(Credit {
            connection: entry.connection.clone(),
            target: entry.target.clone(),
            integration: entry.integration.clone(),
            kind: carry.from.clone(),
            source: carry.record.clone(),
            owner: entry.after.first().cloned().unwrap_or_default(),
            values: carry.values.clone(),
            state,
            at: now,
        })
    };
    vec![match carry.means {
        Means::Upsert => credit(CreditState::Sent),
        Means::Note => credit(CreditState::LetGo),
        Means::Remove => Consequence::Uncredit(entry.connection.clone(), entry.target.clone()),
    }]
}
