//! Decides, for one pair of records, who shall own the target record: pure, from two rows and indexed facts.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use rightful_core::{Instant, Owner, Role, State, Value};

use crate::{Assignment, CodeFrom, Resolution, Row};

/// What happens where the owner leads to nobody, with the fallback's person already looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Nothing is changed.
    Leave,
    /// The record waits.
    Hold,
    /// It shall belong to nobody.
    Clear,
    /// It goes to this owner.
    To(String),
}

/// Everything a decision may depend on besides the two rows.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The role that is written in the target.
    pub role: Role,
    /// May only one person have the role?
    pub single: bool,
    /// Where a source record names its owner.
    pub code: CodeFrom,
    /// What each code leads to.
    pub codes: HashMap<String, Resolution>,
    /// Owners that any code leads to, or would.
    pub mapped: HashSet<String>,
    /// Replace or merge.
    pub assignment: Assignment,
    /// For a code that leads to nobody.
    pub no_match: Otherwise,
    /// For a record without a code.
    pub no_owner: Otherwise,
    /// Are records planned that the source no longer uses?
    pub include_inactive: bool,
    /// Owners first seen after this are left alone (SK-17).
    pub newcomers_after: Instant,
}

/// What a decision says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The source record is not in use: not planned.
    NotPlanned,
    /// The owners could not be seen on one side: nothing can be compared.
    Unseen,
    /// The owner leads to nobody and the policy leaves the record as it is.
    Left,
    /// The owner leads to nobody and the policy waits.
    Held,
    /// Several people are wanted where the role takes one.
    TooMany,
    /// It is as wanted.
    AlreadySo,
    /// The owners shall change.
    Change {
        /// The rule that decided: `code`, `successor`, `link`, `external-id`, `email`, `fallback`, `no-owner`, `no-match`.
        rule: &'static str,
        /// The wanted owners, ascending without repeats.
        to: Vec<String>,
    },
}

/// A decision and what it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// The source record's codes; several where several people own it.
    pub codes: Cow<'a, [String]>,
    /// What they lead to; `None` where nothing is known of any.
    pub resolution: Option<Cow<'a, Resolution>>,
    /// Owners left in place because they were first seen lately (SK-17).
    pub newcomers: Vec<&'a str>,
    /// What to do.
    pub verdict: Verdict,
}

impl Decision<'_> {
    /// The record's code as one text; `None` where it has none.
    pub fn code(&self) -> Option<Cow<'_, str>> {
        joined(&self.codes)
    }
}

/// Several codes as one text; `None` where there are none.
pub fn joined(codes: &[String]) -> Option<Cow<'_, str>> {
    match codes {
        [] => None,
        [one] => Some(Cow::Borrowed(one)),
        several => Some(Cow::Owned(several.join(", "))),
    }
}

/// A record's codes: the only value its image has, or the people who own it. `Err`: it was not shown.
#[expect(clippy::result_unit_err, reason = "the only thing to know is that it was not shown")]
pub fn codes_of<'a>(row: &'a Row, from: &CodeFrom) -> Result<Cow<'a, [String]>, ()> {
    match from {
        CodeFrom::Field(_) => match row.record.values.first() {
            None => Err(()),
            Some(Value::Null) => Ok(Cow::Borrowed(&[])),
            Some(Value::Text(text)) if text.is_empty() => Ok(Cow::Borrowed(&[])),
            Some(Value::Text(text)) => Ok(Cow::Borrowed(std::slice::from_ref(text))),
            Some(other) => Ok(Cow::Owned(vec![other.to_string()])),
        },
        CodeFrom::Owner(role) => match row.record.owner(role) {
            Owner::Known(people) => Ok(Cow::Borrowed(people)),
            Owner::Of { .. } | Owner::Unseen => Err(()),
        },
    }
}

/// What codes lead to together.
fn leads<'a>(codes: &[String], facts: &'a Facts) -> Option<Cow<'a, Resolution>> {
    match codes {
        [] => None,
        [one] => facts.codes.get(one).map(Cow::Borrowed),
        several => {
            let mut known = several.iter().filter_map(|code| facts.codes.get(code));
            let first = known.next()?.clone();
            Some(Cow::Owned(known.fold(first, Resolution::with)))
        }
    }
}

/// Is this source record one the policy plans?
pub fn is_planned(source: &Row, facts: &Facts) -> bool {
    match source.record.state {
        State::Active => true,
        State::Inactive => facts.include_inactive,
        State::Gone => false,
    }
}

/// Decides who shall own the target record.
pub fn decide<'a>(source: &'a Row, target: &'a Row, facts: &'a Facts) -> Decision<'a> {
    let mut decision = Decision { codes: Cow::Borrowed(&[]), resolution: None, newcomers: Vec::new(), verdict: Verdict::NotPlanned };
    if !is_planned(source, facts) {
        return decision;
    }
    let Ok(codes) = codes_of(source, &facts.code) else {
        decision.verdict = Verdict::Unseen;
        return decision;
    };
    decision.resolution = leads(&codes, facts);
    decision.codes = codes;
    let Owner::Known(present) = target.record.owner(&facts.role) else {
        decision.verdict = Verdict::Unseen;
        return decision;
    };

    let resolution = decision.resolution.as_deref();
    let owned = !decision.codes.is_empty();
    let fallback;
    let (wanted, rule): (&[String], &'static str) = match resolution.filter(|resolution| !resolution.assign.is_empty()) {
        Some(resolution) => (&resolution.assign, if resolution.successions.is_empty() { resolution.rule } else { "successor" }),
        None => match if owned { &facts.no_match } else { &facts.no_owner } {
            Otherwise::Leave => {
                decision.verdict = Verdict::Left;
                return decision;
            }
            Otherwise::Hold => {
                decision.verdict = Verdict::Held;
                return decision;
            }
            // A row that names somebody who cannot own records now (deactivated, disputed, misspelt) is a case for a person, not a reason to move records.
            _ if resolution.is_some_and(|resolution| resolution.incomplete) => {
                decision.verdict = Verdict::Left;
                return decision;
            }
            Otherwise::Clear => (&[], if owned { "no-match" } else { "no-owner" }),
            Otherwise::To(owner) => {
                fallback = std::slice::from_ref(owner);
                (fallback, "fallback")
            }
        },
    };

    let retain = resolution.map_or(&[][..], |resolution| &resolution.retain);
    // What most pairs are on most runs: nothing to weigh and nothing to change.
    if facts.assignment == Assignment::Replace && target.newcomers.is_empty() && retain.is_empty() && wanted == present.as_slice() {
        decision.verdict = Verdict::AlreadySo;
        return decision;
    }

    let mut after: Vec<&str> = wanted.iter().map(String::as_str).collect();
    for owner in present.iter().map(String::as_str) {
        if wanted.iter().any(|known| known == owner) {
            continue;
        }
        let kept = retain.iter().any(|known| known == owner) || (facts.assignment == Assignment::Merge && !facts.mapped.contains(owner));
        if kept {
            after.push(owner);
        } else if is_newcomer(target, owner, facts) {
            after.push(owner);
            decision.newcomers.push(owner);
        }
    }
    after.sort_unstable();
    after.dedup();
    decision.verdict = if same_set(&after, present) {
        Verdict::AlreadySo
    } else if facts.single && after.len() > 1 {
        Verdict::TooMany
    } else {
        Verdict::Change { rule, to: after.into_iter().map(str::to_owned).collect() }
    };
    decision
}

fn is_newcomer(target: &Row, owner: &str, facts: &Facts) -> bool {
    target.newcomers.iter().any(|newcomer| newcomer.role == facts.role && newcomer.owner == owner && newcomer.since > facts.newcomers_after)
}

/// Are these the same owners, whatever their order? `sorted` is ascending without repeats.
pub fn same_set<A: AsRef<str>, B: AsRef<str>>(sorted: &[A], other: &[B]) -> bool {
    if sorted.len() == other.len() && sorted.iter().zip(other).all(|(one, another)| one.as_ref() == another.as_ref()) {
        return true;
    }
    let mut other: Vec<&str> = other.iter().map(AsRef::as_ref).collect();
    other.sort_unstable();
    other.dedup();
    sorted.len() == other.len() && sorted.iter().zip(other).all(|(one, another)| one.as_ref() == another)
}

#[cfg(test)]
mod tests;
