//! The inverse of what a run wrote, from the ledger alone, and never over a later change.

use rightful_core::{Owner, OwnerChange, RecordId};

use crate::{
    Action, Carry, Change, Credit, CreditState, Digest, Entry, EntryState, Means, NewCase, PeopleIndex, Row, RunId, Why, same_set,
};

/// What undoing one ledger entry comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inverse {
    /// Nothing was written, or it stands already as it stood before.
    Nothing,
    /// The change that puts back what stood there.
    Change(Box<Change>),
    /// Somebody changed the record since: it is left, and a case says so.
    Blocked(NewCase),
}

/// The inverse of an entry, over the record as it is now. `later` is the run after it that wrote what stands there now; `people` gives names.
pub fn inverse(entry: &Entry, now: Option<&Row>, later: Option<RunId>, people: &PeopleIndex) -> Inverse {
    // A disputed write may or may not stand: the record itself says which.
    if !matches!(entry.state, EntryState::Done | EntryState::Disputed) {
        return Inverse::Nothing;
    }
    let Some(row) = now else {
        return blocked(entry, "the record is gone from the target", people);
    };
    let Owner::Known(present) = row.record.owner(&entry.role) else {
        return blocked(entry, "the target does not show who owns it now", people);
    };
    let (before, after) = (sorted(&entry.before), sorted(&entry.after));
    if same_set(&before, present) {
        return Inverse::Nothing;
    }
    if !same_set(&after, present) {
        let by = later.map_or_else(|| "somebody".to_owned(), |run| run.to_string());
        let what = format!("{by} changed its owners since, to {}", people.labels(present));
        return blocked(entry, &what, people);
    }
    Inverse::Change(Box::new(Change {
        number: 0,
        action: if before.is_empty() { Action::Removal } else { Action::OwnerMove },
        kind: entry.kind.clone(),
        target: entry.target.clone(),
        code: entry.code.clone(),
        name: entry.name.clone(),
        owners: OwnerChange { role: entry.role.clone(), from: Some(present.clone()), to: before },
        source: None,
        target_digest: row.digest,
        carry: None,
        why: Why {
            rule: "undo".to_owned(),
            code_label: entry.why.code_label.clone(),
            code: entry.why.code.clone(),
            table_version: entry.why.table_version,
            undoes: Some(entry.run),
            ..Why::default()
        },
    }))
}

/// The inverse of what was credited or taken back, over what the target holds of that record now, as far as we sent it.
pub fn inverse_credit(entry: &Entry, now: Option<&Credit>, removes: bool, people: &PeopleIndex) -> Inverse {
    let written = matches!(entry.state, EntryState::Done | EntryState::Disputed);
    let Some(carry) = entry.carry.as_ref().filter(|carry| written && carry.means != Means::Note) else { return Inverse::Nothing };
    let held = now.filter(|credit| credit.state == CreditState::Sent).map(|credit| (&credit.owner, &credit.values));
    let before = entry.before.first().zip(carry.before.as_ref());
    let after = entry.after.first().map(|owner| (owner, &carry.values)).filter(|_| carry.means == Means::Upsert);
    if held == before {
        return Inverse::Nothing;
    }
    if held != after {
        return blocked(entry, "something else was sent of it since", people);
    }
    let (action, means) = match before {
        Some((owner, _)) if held.is_some_and(|(held, _)| held != owner) => (Action::OwnerMove, Means::Upsert),
        Some(_) => (Action::Credit, Means::Upsert),
        None if removes => (Action::Removal, Means::Remove),
        None => return blocked(entry, "the connection does not remove records", people),
    };
    Inverse::Change(Box::new(Change {
        number: 0,
        action,
        kind: entry.kind.clone(),
        target: entry.target.clone(),
        code: entry.code.clone(),
        name: entry.name.clone(),
        owners: OwnerChange {
            role: entry.role.clone(),
            from: Some(held.map(|(owner, _)| owner.clone()).into_iter().collect()),
            to: before.map(|(owner, _)| owner.clone()).into_iter().collect(),
        },
        source: None,
        target_digest: now.map_or(Digest(0), Credit::digest),
        carry: Some(Carry {
            means,
            from: carry.from.clone(),
            record: carry.record.clone(),
            values: before.map(|(_, values)| values.clone()).unwrap_or_default(),
            before: held.map(|(_, values)| values.clone()),
            person: None,
            evidence: None,
            was: None,
        }),
        why: Why { rule: "undo".to_owned(), code_label: entry.why.code_label.clone(), undoes: Some(entry.run), ..Why::default() },
    }))
}

/// Records of these entries, for looking their rows up.
pub fn targets(entries: &[Entry]) -> Vec<RecordId> {
    let mut ids: Vec<RecordId> = entries.iter().map(|entry| entry.target.clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn blocked(entry: &Entry, what: &str, people: &PeopleIndex) -> Inverse {
    Inverse::Blocked(NewCase {
        reason: "undo-blocked".to_owned(),
        subject: format!("{} {}", entry.kind, if entry.code.is_empty() { entry.target.as_str() } else { &entry.code }),
        message: format!(
            "{} ({}): {what}; {} had given it to {} after {}",
            entry.name,
            entry.code,
            entry.run,
            people.labels(&entry.after),
            people.labels(&entry.before)
        ),
        mend: "decide who owns it and set that in the target by hand".to_owned(),
    })
}

pub(crate) fn sorted(owners: &[String]) -> Vec<String> {
    let mut owners = owners.to_vec();
    owners.sort_unstable();
    owners.dedup();
    owners
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use rightful_core::{Record, State};

    use super::*;
    use crate::{EntryId, PlanId};

    fn owners(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn entry(before: &str, after: &str, state: EntryState) -> Entry {
        Entry {
            id: EntryId(1),
            run: RunId(7),
            plan: PlanId(3),
            change: 1,
            integration: "rep-codes".into(),
            connection: "skynamo".into(),
            kind: "customer".into(),
            target: "11".into(),
            code: "C-11".into(),
            name: "Customer".into(),
            role: "assigned".into(),
            before: owners(before),
            after: owners(after),
            carry: None,
            why: Why::default(),
            intended_at: DateTime::UNIX_EPOCH,
            state,
            settled_at: None,
            attempts: 1,
            note: None,
        }
    }

    fn row(present: &str) -> Row {
        let record = Record {
            id: "11".into(),
            keys: Vec::new(),
            name: "Customer".into(),
            owners: vec![("assigned".into(), Owner::Known(owners(present)))],
            person: None,
            values: Vec::new(),
            changed_at: None,
            state: State::Active,
        };
        Row { record, digest: Digest(5), newcomers: Vec::new(), changed: false }
    }

    #[test]
    fn undo_puts_back_what_stood_there_and_never_overwrites_a_later_change() {
        use EntryState::{Disputed, Done, NotDone, Stale, Unchanged};
        let cases = [
            ("9", "7", Done, "7", "undo to [9]"),
            ("", "7", Done, "7", "undo to []"),
            ("9 8", "7", Done, "7", "undo to [8 9]"),
            ("9", "7", Done, "9", "nothing"),
            ("9", "7", Done, "12", "blocked"),
            ("9", "7", Done, "7 12", "blocked"),
            ("9", "7", Disputed, "7", "undo to [9]"),
            ("9", "7", Disputed, "9", "nothing"),
            ("9", "7", Unchanged, "7", "nothing"),
            ("9", "7", NotDone, "7", "nothing"),
            ("9", "7", Stale, "7", "nothing"),
        ];
        for (before, after, state, now, expected) in cases {
            let spelled = match inverse(&entry(before, after, state), Some(&row(now)), None, &PeopleIndex::default()) {
                Inverse::Nothing => "nothing".to_owned(),
                Inverse::Change(change) => format!("{} to [{}]", change.why.rule, change.owners.to.join(" ")),
                Inverse::Blocked(_) => "blocked".to_owned(),
            };
            assert_eq!(spelled, expected, "[{before}] -> [{after}] {state:?}, now [{now}]");
        }
    }

    #[test]
    fn a_blocked_undo_says_who_changed_the_record() {
        let Inverse::Blocked(case) = inverse(&entry("9", "7", EntryState::Done), Some(&row("12")), Some(RunId(9)), &PeopleIndex::default())
        else {
            panic!("it was not blocked")
        };
        assert!(case.message.contains("run-9 changed its owners since"), "{}", case.message);
        assert!(matches!(inverse(&entry("9", "7", EntryState::Done), None, None, &PeopleIndex::default()), Inverse::Blocked(_)));
    }

    #[test]
    fn what_was_credited_is_put_back_as_it_stood_and_never_over_a_later_change() {
        use rightful_core::Value;
        let values = |amount: i64| vec![("amount".into(), Value::Integer(amount))];
        let credited = |held: Option<(&str, i64)>| {
            held.map(|(owner, amount)| Credit {
                connection: "desk".into(),
                target: "11".into(),
                integration: "deals".into(),
                kind: "deal".into(),
                source: "d1".into(),
                owner: owner.into(),
                values: values(amount),
                state: CreditState::Sent,
                at: DateTime::UNIX_EPOCH,
            })
        };
        let wrote = |before: Option<(&str, i64)>, after: Option<(&str, i64)>| Entry {
            carry: Some(Carry {
                means: if after.is_some() { Means::Upsert } else { Means::Remove },
                from: "deal".into(),
                record: "d1".into(),
                values: after.map(|(_, amount)| values(amount)).unwrap_or_default(),
                before: before.map(|(_, amount)| values(amount)),
                person: Some("ann".into()),
                evidence: None,
                was: None,
            }),
            ..entry(before.map_or("", |(owner, _)| owner), after.map_or("", |(owner, _)| owner), EntryState::Done)
        };
        let people = PeopleIndex::new([]);
        let told = |entry: &Entry, now: Option<(&str, i64)>, removes: bool| match inverse_credit(
            entry,
            credited(now).as_ref(),
            removes,
            &people,
        ) {
            Inverse::Nothing => "nothing".to_owned(),
            Inverse::Blocked(_) => "blocked".to_owned(),
            Inverse::Change(change) => {
                let carry = change.carry.unwrap();
                format!("{:?} {:?} {:?}", change.action, change.owners.to, carry.values.first().map(|(_, value)| value.to_string()))
            }
        };
        let (ann, bob) = (Some(("ann", 5)), Some(("bob", 5)));
        for (before, after, now, removes, expected) in [
            (None, ann, ann, true, "Removal [] None"),
            (None, ann, ann, false, "blocked"),
            (None, ann, None, true, "nothing"),
            (None, ann, bob, true, "blocked"),
            (ann, bob, bob, true, "OwnerMove [\"ann\"] Some(\"5\")"),
            (Some(("ann", 3)), ann, ann, false, "Credit [\"ann\"] Some(\"3\")"),
            (ann, None, None, false, "Credit [\"ann\"] Some(\"5\")"),
            (ann, None, bob, true, "blocked"),
        ] {
            assert_eq!(told(&wrote(before, after), now, removes), expected, "{before:?} {after:?} {now:?} {removes}");
        }
    }
}
