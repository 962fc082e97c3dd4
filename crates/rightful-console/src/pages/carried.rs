//! What is carried over into a target, in words: accounts, credits, what became of them, and what is sent of each.

use rightful_core::{FieldName, Value};
use rightful_engine::{Carry, LinkEvidence, Means};

use super::words::Toned;
use crate::operations::people::{field_told, value_told};

fn toned(word: &str, tone: &'static str) -> Toned {
    Toned { word: word.to_owned(), tone }
}

/// What kind of change it is, from what is carried and who it belongs to before and after; `None` for one that only moves owners.
pub fn told(carry: Option<&Carry>, before: &[String], after: &[String]) -> Option<Toned> {
    let carry = carry?;
    // Of an account that is only put on a team no evidence is told: it belongs to itself alone.
    let account = carry.evidence.is_some() || (before.is_empty() && carry.before.is_some() && after == [carry.record.to_string()]);
    Some(match carry.means {
        Means::Remove => toned("removed", "warn"),
        Means::Note => toned("let go", "quiet"),
        Means::Upsert if account => match carry.evidence {
            Some(LinkEvidence::Created) => toned("new account", "good"),
            Some(_) => toned("account linked", "good"),
            None => toned("account changed", "live"),
        },
        Means::Upsert if carry.before.is_none() => toned("credited", "good"),
        Means::Upsert if before != after => toned("credited anew", "live"),
        Means::Upsert => toned("changed", "live"),
    })
}

/// What differs in what is sent, in one line: "amount 10 → 20". Of a removal, what was there.
pub fn values(carry: &Carry) -> String {
    let before: &[(FieldName, Value)] = carry.before.as_deref().unwrap_or_default();
    let (shown, before) = if carry.means == Means::Remove { (before, &[][..]) } else { (carry.values.as_slice(), before) };
    let line = |(field, value): &(FieldName, Value)| {
        let (name, value_now) = (field_told(field.as_str()), value_told(value));
        match before.iter().find(|(known, _)| known == field) {
            Some((_, same)) if same == value => None,
            Some((_, other)) => Some(format!("{name} {} → {value_now}", value_told(other))),
            None => Some(format!("{name} {value_now}")),
        }
    };
    shown.iter().filter_map(line).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carry(means: Means, values: &[(&'static str, i64)], before: Option<&[(&'static str, i64)]>) -> Carry {
        let all = |values: &[(&'static str, i64)]| {
            values.iter().map(|(field, value)| (FieldName::fixed(field), Value::Integer(*value))).collect()
        };
        Carry {
            means,
            from: "deal".into(),
            record: "d1".into(),
            values: all(values),
            before: before.map(all),
            person: Some("u1".into()),
            evidence: None,
            was: None,
        }
    }

    #[test]
    fn what_is_carried_is_told_in_a_word_and_what_differs() {
        let (ann, bob) = (vec!["u1".to_owned()], vec!["u2".to_owned()]);
        let account = |evidence| Carry { evidence: Some(evidence), ..carry(Means::Upsert, &[("email", 1)], None) };
        let (new, old): (&[_], &[_]) = (&[("amount", 20), ("count", 1)], &[("amount", 10), ("count", 1)]);
        for (carry, before, after, word, differs) in [
            (carry(Means::Upsert, new, None), &vec![], &ann, "credited", "amount 20, count 1"),
            (carry(Means::Upsert, new, Some(old)), &ann, &ann, "changed", "amount 10 → 20"),
            (carry(Means::Upsert, old, Some(old)), &ann, &bob, "credited anew", ""),
            (carry(Means::Remove, &[], Some(old)), &ann, &vec![], "removed", "amount 10, count 1"),
            (carry(Means::Note, new, None), &vec![], &ann, "let go", "amount 20, count 1"),
            (account(LinkEvidence::Created), &vec![], &ann, "new account", "E-mail 1"),
            (account(LinkEvidence::Email), &vec![], &ann, "account linked", "E-mail 1"),
        ] {
            assert_eq!(told(Some(&carry), before, after).map(|told| told.word).as_deref(), Some(word));
            assert_eq!(values(&carry), differs, "{word}");
        }
        assert_eq!(told(None, &ann, &bob), None);
    }
}
