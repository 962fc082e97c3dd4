//! The inverse of what a run wrote, from the ledger alone, and never over a later change.

use rightful_core::{FieldName, Kind, Owner, OwnerChange, RecordId, Value};

use crate::{Action, Carry, Change, Credit, Digest, Entry, EntryState, Means, NewCase, PeopleIndex, Row, RunId, Why, same_set};

/// What undoing one ledger entry comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inverse {
    /// Nothing was written, or it stands already as it stood before.
    Nothing,
    /// The change that puts back what stood there.
    Change(Box<Change>),
    /// Somebody changed the record since: it is left, and a case says so.
    Blocked(NewCase),
    /// The target cannot take it back: a case says what to do by hand.
    None(NewCase),
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

/// The inverse of an entry of something we carry over, over what the target holds of it now. `people` is the target's people kind, `removes` whether
/// the target takes records back, `later` the run after it that wrote what stands there now, `names` gives names.
pub fn inverse_carried(
    entry: &Entry,
    now: Option<&Credit>,
    people: &Kind,
    removes: bool,
    later: Option<RunId>,
    names: &PeopleIndex,
) -> Inverse {
    let Some(carry) = entry.carry.as_ref().filter(|_| matches!(entry.state, EntryState::Done | EntryState::Disputed)) else {
        return Inverse::Nothing;
    };
    if entry.kind == *people {
        return no_inverse_of_account(entry, carry);
    }
    type Held<'a> = Option<(&'a str, &'a [(FieldName, Value)])>;
    let owner_before = entry.before.first().map(String::as_str).unwrap_or_default();
    let before: Held<'_> = carry.before.as_deref().map(|values| (owner_before, values));
    let after: Held<'_> = match carry.means {
        Means::Upsert => Some((entry.after.first().map(String::as_str).unwrap_or_default(), &carry.values)),
        Means::Remove => None,
        Means::Note => return Inverse::Nothing,
    };
    let held = now.and_then(Credit::held);
    // A lost answer leaves open which of the two stands: then both are put right.
    let unsure = now.is_some_and(|now| now.state == crate::CreditState::Unsure);
    if held == before && !unsure {
        return Inverse::Nothing;
    }
    if held != after && !(unsure && held == before) {
        let by = later.map_or_else(|| "a later run".to_owned(), |run| run.to_string());
        let what = match held {
            Some((owner, _)) => format!("{by} changed it since: it is credited to {}", names.label(owner)),
            None => format!("{by} took it back since"),
        };
        return blocked_credit(entry, &what, names);
    }
    let Some((owner, values)) = before else {
        if !removes {
            return Inverse::None(NewCase {
                reason: "no-inverse".to_owned(),
                subject: entry.target.to_string(),
                message: format!(
                    "{} credited {} ({}) to {}, and the connection does not remove records",
                    entry.run,
                    entry.name,
                    entry.code,
                    names.labels(&entry.after)
                ),
                mend: "remove it in the target by hand, or let the connection remove records and undo the run again".to_owned(),
            });
        }
        return changed_back(entry, carry, now, Means::Remove, Vec::new(), Vec::new());
    };
    changed_back(entry, carry, now, Means::Upsert, vec![owner.to_owned()], values.to_vec())
}

fn changed_back(
    entry: &Entry,
    carry: &Carry,
    now: Option<&Credit>,
    means: Means,
    to: Vec<String>,
    values: Vec<(FieldName, Value)>,
) -> Inverse {
    let held = now.and_then(Credit::held);
    let from: Vec<String> = held.map(|(owner, _)| owner.to_owned()).into_iter().collect();
    Inverse::Change(Box::new(Change {
        number: 0,
        action: match means {
            Means::Remove => Action::Removal,
            _ if !from.is_empty() && from != to => Action::OwnerMove,
            _ => Action::Credit,
        },
        kind: entry.kind.clone(),
        target: entry.target.clone(),
        code: entry.code.clone(),
        name: entry.name.clone(),
        owners: OwnerChange { role: entry.role.clone(), from: Some(from), to },
        source: None,
        target_digest: now.map_or(Digest(0), Credit::digest),
        carry: Some(Carry {
            means,
            from: carry.from.clone(),
            record: carry.record.clone(),
            values,
            before: held.map(|(_, values)| values.to_vec()),
            person: None,
            evidence: None,
            was: None,
        }),
        why: Why {
            rule: "undo".to_owned(),
            code_label: entry.why.code_label.clone(),
            code: entry.why.code.clone(),
            undoes: Some(entry.run),
            ..Why::default()
        },
    }))
}

fn no_inverse_of_account(entry: &Entry, carry: &Carry) -> Inverse {
    let (message, mend) = match &carry.person {
        Some(person) => (
            format!("{} gave {} the account {}; the target takes no accounts back", entry.run, entry.name, entry.target),
            format!(
                "deactivate or delete it in the target by hand, then take the link away: rightful link remove {person} -i {}",
                entry.integration
            ),
        ),
        None => (
            format!(
                "{} put {} ({}) on a team; what stood there before is not known to the target's connection",
                entry.run, entry.name, entry.target
            ),
            "put them on their former team in the target by hand, then say so: rightful users team USER --placed".to_owned(),
        ),
    };
    Inverse::None(NewCase { reason: "no-inverse".to_owned(), subject: entry.target.to_string(), message, mend })
}

/// The case of a credit that is left as it is found.
pub(crate) fn blocked_credit(entry: &Entry, what: &str, names: &PeopleIndex) -> Inverse {
    let given = match &entry.after[..] {
        [] => "had taken it back".to_owned(),
        after => format!("had credited it to {}", names.labels(after)),
    };
    Inverse::Blocked(NewCase {
        reason: "undo-blocked".to_owned(),
        subject: entry.target.to_string(),
        message: format!("{} ({}): {what}; {} {given} after {}", entry.name, entry.code, entry.run, names.labels(&entry.before)),
        mend: "decide whom it shall be credited to, and set that in the target by hand".to_owned(),
    })
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
    use crate::{Digest, EntryId, PlanId};

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
                Inverse::None(_) => "none".to_owned(),
            };
            assert_eq!(spelled, expected, "[{before}] -> [{after}] {state:?}, now [{now}]");
        }
    }

    fn values(amount: i64) -> Vec<(FieldName, Value)> {
        vec![("amount".into(), Value::Integer(amount))]
    }

    fn credited(owner: &str, amount: i64, state: crate::CreditState) -> Credit {
        Credit {
            connection: "desk".into(),
            target: "d1#won".into(),
            integration: "activity".into(),
            kind: "deal".into(),
            source: "d1".into(),
            owner: owner.into(),
            values: values(amount),
            state,
            at: DateTime::UNIX_EPOCH,
            person: None,
            stands: None,
        }
    }

    #[test]
    fn undo_of_a_credit_goes_back_to_what_was_sent_before_and_never_over_a_later_one() {
        use crate::CreditState::{LetGo, Sent, Unsure};
        use EntryState::{Disputed, Done, NotDone};
        let sent = |owner: &str, amount| Some(credited(owner, amount, Sent));
        let unsure = |owner: &str, amount| Some(credited(owner, amount, Unsure));
        let over = |amount| Some(credited("u1", amount, LetGo).over(sent("u1", 10)));
        // means, before, after, state, what is held now, does the target remove, expected
        let table = [
            (Means::Upsert, None, Some(("u1", 10)), Done, sent("u1", 10), true, "remove"),
            (Means::Upsert, None, Some(("u1", 10)), Done, sent("u1", 10), false, "none"),
            (Means::Upsert, None, Some(("u1", 10)), Done, sent("u1", 11), true, "blocked"),
            (Means::Upsert, None, Some(("u1", 10)), Done, sent("u2", 10), true, "blocked"),
            (Means::Upsert, None, Some(("u1", 10)), Done, None, true, "nothing"),
            (Means::Upsert, None, Some(("u1", 10)), Done, over(11), true, "remove"),
            (Means::Upsert, None, Some(("u1", 10)), NotDone, None, true, "nothing"),
            (Means::Upsert, None, Some(("u1", 10)), Disputed, unsure("u1", 10), true, "remove"),
            (Means::Upsert, Some(("u2", 9)), Some(("u1", 10)), Done, sent("u1", 10), true, "9 to u2"),
            (Means::Upsert, Some(("u1", 9)), Some(("u1", 10)), Done, sent("u1", 10), false, "9 to u1"),
            (Means::Upsert, Some(("u1", 9)), Some(("u1", 10)), Done, sent("u1", 9), true, "nothing"),
            (Means::Upsert, Some(("u1", 9)), Some(("u1", 10)), Done, sent("u1", 12), true, "blocked"),
            (Means::Upsert, Some(("u1", 9)), Some(("u1", 10)), Done, None, true, "blocked"),
            (Means::Upsert, Some(("u2", 9)), Some(("u1", 10)), Disputed, unsure("u1", 10), true, "9 to u2"),
            (Means::Remove, Some(("u1", 9)), None, Done, None, true, "9 to u1"),
            (Means::Remove, Some(("u1", 9)), None, Done, sent("u1", 9), true, "nothing"),
            (Means::Remove, Some(("u1", 9)), None, Done, sent("u1", 10), true, "blocked"),
            (Means::Remove, Some(("u1", 9)), None, Disputed, unsure("u1", 9), true, "9 to u1"),
            (Means::Note, None, Some(("u1", 10)), Done, over(10), true, "nothing"),
        ];
        for (means, before, after, state, now, removes, expected) in table {
            let owner = |of: Option<(&str, i64)>| of.map(|(owner, _)| owner).unwrap_or_default().to_owned();
            let carry = Carry {
                means,
                from: "deal".into(),
                record: "d1".into(),
                values: after.map(|(_, amount)| values(amount)).unwrap_or_default(),
                before: before.map(|(_, amount)| values(amount)),
                person: None,
                evidence: None,
                was: None,
            };
            let entry =
                Entry { kind: "record".into(), target: "d1#won".into(), carry: Some(carry), ..entry(&owner(before), &owner(after), state) };
            let found = inverse_carried(&entry, now.as_ref(), &"user".into(), removes, None, &PeopleIndex::default());
            let spelled = match &found {
                Inverse::Nothing => "nothing".to_owned(),
                Inverse::Blocked(_) => "blocked".to_owned(),
                Inverse::None(_) => "none".to_owned(),
                Inverse::Change(change) => {
                    let carry = change.carry.as_ref().unwrap();
                    assert_eq!(change.target_digest, now.as_ref().map_or(Digest(0), Credit::digest));
                    assert_eq!(carry.before.as_deref(), now.as_ref().and_then(Credit::held).map(|(_, values)| values));
                    match carry.means {
                        Means::Remove => "remove".to_owned(),
                        _ => format!("{} to {}", carry.values[0].1, change.owners.to.join(" ")),
                    }
                }
            };
            assert_eq!(spelled, expected, "{means:?} {before:?} -> {after:?} {state:?}, now {now:?}");
        }
    }

    #[test]
    fn an_account_has_no_inverse_and_says_what_to_do_by_hand() {
        let account = |person: Option<&str>| {
            let carry = Carry {
                means: Means::Upsert,
                from: "user".into(),
                record: "u1".into(),
                values: Vec::new(),
                before: None,
                person: person.map(Into::into),
                evidence: None,
                was: None,
            };
            let entry = Entry { kind: "user".into(), target: "u1".into(), carry: Some(carry), ..entry("", "u1", EntryState::Done) };
            match inverse_carried(&entry, None, &"user".into(), true, None, &PeopleIndex::default()) {
                Inverse::None(case) => (case.reason, case.mend),
                other => panic!("{other:?}"),
            }
        };
        for (person, mend) in [(Some("p1"), "rightful link remove p1"), (None, "rightful users team USER --placed")] {
            let (reason, told) = account(person);
            assert!(reason == "no-inverse" && told.contains(mend), "{told}");
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
}
