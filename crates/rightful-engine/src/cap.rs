//! Bounds on a whole plan: caps that a person may let pass, and guards against a source that lost its records, which nobody may.

use crate::{Cap, Caps, CodeField, CodeFrom, PlanCounts, PlanId, Refusal};

/// What the source and its pairs looked like, now or at the last run whose source was believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Source records the policy plans.
    pub source_records: u64,
    /// Of these, paired ones.
    pub paired: u64,
    /// Of these, with a code.
    pub with_code: u64,
}

/// What guards compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Now.
    pub now: Census,
    /// Source records now that carry a code which was known before.
    pub with_known_code: u64,
    /// Distinct codes known before.
    pub codes_before: u64,
    /// Codes that the table gives rows to, or source people who lead to somebody.
    pub codes_mapped: u64,
    /// Source records at the last run whose source was believed.
    pub records_before: Option<u64>,
    /// Pairs at that run.
    pub paired_before: Option<u64>,
    /// Did an earlier run of the integration write?
    pub written_before: bool,
}

/// Losses up to so many records are never a lost source: a small customer may lose three of ten customers.
const SMALL: u64 = 5;

/// Every cap and guard this plan exceeds; `None` is a plan that is not made yet.
pub fn refusals(caps: &Caps, counts: &PlanCounts, evidence: &Evidence, plan: Option<PlanId>, code: &CodeField) -> Vec<Refusal> {
    let mut refusals = source_guards(caps, evidence, code);
    for (guard, cap, number, what) in [
        ("owner-moves", &caps.owner_moves, counts.owner_moves, "change owner"),
        ("removals", &caps.removals, counts.removals, "belong to nobody afterwards"),
    ] {
        let percent = (number * 100).div_ceil(counts.paired.max(1));
        let first = if evidence.written_before { "" } else { "; a first run moves nearly everything" };
        let told = |bound| format!("{number} of {} paired records would {what} ({percent} %); the cap is {bound}{first}", counts.paired);
        refusals.extend(over_cap(guard, cap, number, counts.paired, plan, told));
    }
    refusals
}

/// The refusal of a number that exceeds its cap; `told` says so, given the bound in words.
fn over_cap(guard: &str, cap: &Cap, number: u64, of: u64, plan: Option<PlanId>, told: impl FnOnce(String) -> String) -> Option<Refusal> {
    let plan = plan.map_or_else(|| "PLAN".to_owned(), |plan| plan.to_string());
    exceeded(cap, number, of).map(|bound| Refusal {
        guard: guard.to_owned(),
        evidence: told(bound),
        remedy: format!("look at the plan; if it is right, let this one plan through: rightful apply {plan} --over-cap --reason TEXT"),
        may_pass: true,
    })
}

/// Every cap and guard that a plan of activities exceeds. `before`: source records at the last run whose source was believed.
pub fn activity_refusals(caps: &Caps, counts: &PlanCounts, before: Option<u64>, plan: Option<PlanId>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let percent = u64::from(caps.source_shrink_percent);
    if let Some(before) = before
        && let lost = before.saturating_sub(counts.source_records)
        && lost > SMALL
        && lost * 100 > percent * before
        && percent < 100
    {
        refusals.push(Refusal {
            guard: if counts.source_records == 0 { "source-empty" } else { "source-shrunk" }.to_owned(),
            evidence: format!("the source shows {} records, the last run saw {before}; the guard allows {percent} % fewer", counts.source_records),
            remedy: "check the source connection's permissions (rightful preflight); if the loss is meant, set caps.source_shrink_percent = 100 for one run".to_owned(),
            may_pass: false,
        });
    }
    for (guard, cap, number, what) in [
        ("owner-moves", &caps.owner_moves, counts.owner_moves, "be credited to somebody else"),
        ("removals", &caps.removals, counts.removals, "be removed"),
        ("accounts", &caps.accounts, counts.accounts, "be made or linked as accounts"),
    ] {
        let told = |bound| format!("{number} would {what}; the cap is {bound}");
        refusals.extend(over_cap(guard, cap, number, counts.paired, plan, told));
    }
    refusals
}

impl Cap {
    /// The most changes that it lets through of so many pairs; `None`: it has no bound.
    pub fn allowed(&self, paired: u64) -> Option<u64> {
        let by_percent = self.percent.map(|percent| u64::from(percent) * paired / 100);
        let bound = match (self.count, by_percent) {
            (Some(count), Some(by_percent)) => count.min(by_percent),
            (count, by_percent) => count.or(by_percent)?,
        };
        Some(bound.max(self.floor))
    }
}

/// The bound that a number exceeds, in words.
fn exceeded(cap: &Cap, number: u64, paired: u64) -> Option<String> {
    if number <= cap.floor {
        return None;
    }
    if let Some(count) = cap.count.filter(|count| number > *count) {
        return Some(format!("{count} records"));
    }
    cap.percent.filter(|percent| number * 100 > u64::from(*percent) * paired).map(|percent| format!("{percent} %"))
}

fn source_guards(caps: &Caps, evidence: &Evidence, code: &CodeField) -> Vec<Refusal> {
    let Evidence { now, with_known_code, codes_before, codes_mapped, records_before, paired_before, .. } = *evidence;
    let (gone, carried, codes, mapped) = match &code.from {
        CodeFrom::Field(_) => ("codes-gone", format!("a {}", code.label), "codes", format!("the table gives users to {codes_mapped}")),
        CodeFrom::Owner(_) => {
            ("owners-gone", "an owner".to_owned(), "owners", format!("{codes_mapped} of its people are known in the target"))
        }
    };
    let refusal = |guard: &str, evidence: String, remedy: &str| {
        vec![Refusal { guard: guard.to_owned(), evidence, remedy: remedy.to_owned(), may_pass: false }]
    };
    if now.source_records == 0 {
        let before = records_before.map_or_else(String::new, |before| format!("; the last run saw {before}"));
        return refusal(
            "source-empty",
            format!("the source shows no record in use{before}"),
            "check the source connection's permissions, entity and company (rightful preflight), then run again",
        );
    }
    let percent = u64::from(caps.source_shrink_percent);
    let meant = "if the loss is meant, set caps.source_shrink_percent = 100 for one run; else mend the source connection's permissions or entity (rightful preflight)";
    if let Some(before) = records_before
        && let lost = before.saturating_sub(now.source_records)
        && lost > SMALL
        && lost * 100 > percent * before
    {
        let evidence = format!(
            "the source shows {} records in use, the last run saw {before}; the guard allows {percent} % fewer",
            now.source_records
        );
        return refusal("source-shrunk", evidence, meant);
    }
    if percent >= 100 {
        return Vec::new();
    }
    if codes_before > 0 && now.with_code == 0 {
        let evidence =
            format!("none of {} source records has {carried} any more; the last run knew {codes_before} {codes}", now.source_records);
        return refusal(gone, evidence, meant);
    }
    // A first run has seen no codes yet, but whoever wrote the table has.
    if codes_mapped > 0 && now.with_code == 0 && now.source_records > SMALL {
        let evidence = format!("none of {} source records has {carried}, and {mapped}", now.source_records);
        return refusal(gone, evidence, meant);
    }
    if codes_before > 0 && now.with_code > caps.owner_moves.floor && with_known_code * 10 < now.with_code {
        let evidence =
            format!("{} of {} records carry {carried} that the last run did not know", now.with_code - with_known_code, now.with_code);
        return refusal(gone, evidence, meant);
    }
    if let Some(before) = paired_before
        && before > caps.owner_moves.floor
        && now.paired * 10 < before
    {
        let evidence = format!("{} records are paired, the last run paired {before}: the codes of the records changed", now.paired);
        return refusal("codes-gone", evidence, meant);
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rep_code() -> CodeField {
        CodeField { from: CodeFrom::Field("CUSTREPID".into()), label: "Rep Code".into() }
    }

    fn guards(evidence: Evidence, owner_moves: u64, removals: u64) -> Vec<String> {
        let counts = PlanCounts { owner_moves, removals, paired: evidence.now.paired, ..PlanCounts::default() };
        refusals(&Caps::default(), &counts, &evidence, Some(PlanId(3)), &rep_code()).into_iter().map(|refusal| refusal.guard).collect()
    }

    fn now(source_records: u64, paired: u64, with_code: u64) -> Evidence {
        Evidence { now: Census { source_records, paired, with_code }, ..Evidence::default() }
    }

    fn after(now: Evidence, records: u64, codes: u64, known: u64) -> Evidence {
        Evidence { records_before: Some(records), paired_before: Some(records), codes_before: codes, with_known_code: known, ..now }
    }

    #[test]
    fn sk_24_in_24_a_source_that_lost_its_records_or_codes_is_refused() {
        let none: &[&str] = &[];
        let cases: &[(Evidence, &[&str])] = &[
            (now(0, 0, 0), &["source-empty"]),
            (now(100, 100, 100), none),
            (now(100, 100, 0), none),
            (after(now(0, 0, 0), 100, 5, 0), &["source-empty"]),
            (after(now(80, 80, 80), 100, 5, 80), none),
            (after(now(79, 79, 79), 100, 5, 79), &["source-shrunk"]),
            (after(now(6, 6, 6), 10, 5, 6), none),
            (after(now(4, 4, 4), 10, 5, 4), &["source-shrunk"]),
            (after(now(100, 100, 0), 100, 5, 0), &["codes-gone"]),
            (Evidence { codes_mapped: 3, ..now(100, 100, 0) }, &["codes-gone"]),
            (Evidence { codes_mapped: 3, ..now(100, 100, 1) }, none),
            (Evidence { codes_mapped: 3, ..now(5, 5, 0) }, none),
            (after(now(100, 100, 100), 100, 5, 9), &["codes-gone"]),
            (after(now(100, 100, 100), 100, 5, 10), none),
            (after(now(20, 20, 20), 20, 1, 0), none),
            (after(now(100, 9, 100), 100, 5, 100), &["codes-gone"]),
            (after(now(500, 500, 500), 100, 5, 100), none),
        ];
        for (evidence, expected) in cases {
            assert_eq!(guards(*evidence, 0, 0), *expected, "{evidence:?}");
        }
    }

    #[test]
    fn a_cap_counts_above_its_floor_by_percent_or_number() {
        for (paired, moves, removals, expected) in [
            (1000, 200, 0, &[][..]),
            (1000, 201, 0, &["owner-moves"]),
            (50, 20, 0, &[]),
            (50, 21, 0, &["owner-moves"]),
            (1000, 0, 50, &[]),
            (1000, 0, 51, &["removals"]),
            (10, 0, 5, &[]),
            (1000, 500, 500, &["owner-moves", "removals"]),
        ] {
            assert_eq!(guards(now(paired, paired, paired), moves, removals), expected, "{moves} and {removals} of {paired}");
        }
        let cap = Cap { count: Some(10), percent: None, floor: 0 };
        assert_eq!((exceeded(&cap, 10, 1), exceeded(&cap, 11, 1_000_000)), (None, Some("10 records".into())));
    }

    #[test]
    fn a_cap_exceeds_exactly_what_it_does_not_allow() {
        let caps =
            [(None, None, 5), (Some(10), None, 0), (None, Some(20), 5), (Some(10), Some(20), 5), (Some(0), Some(0), 3), (None, Some(7), 0)];
        for (count, percent, floor) in caps {
            let cap = Cap { count, percent, floor };
            for paired in [0, 1, 14, 15, 33, 100] {
                for number in 0..40 {
                    let exceeds = exceeded(&cap, number, paired).is_some();
                    assert_eq!(cap.allowed(paired).is_some_and(|most| number > most), exceeds, "{number} of {paired} under {cap:?}");
                }
            }
        }
    }

    #[test]
    fn a_first_run_is_told_how_to_pass_and_a_lost_source_is_not() {
        let counts = PlanCounts { owner_moves: 97, paired: 100, ..PlanCounts::default() };
        let refusal = &refusals(&Caps::default(), &counts, &now(100, 100, 100), Some(PlanId(3)), &rep_code())[0];
        assert!(refusal.may_pass && refusal.evidence.contains("a first run moves nearly everything"), "{refusal:?}");
        assert!(refusal.remedy.contains("rightful apply plan-3 --over-cap --reason TEXT"), "{refusal:?}");
        let refusal = &refusals(&Caps::default(), &counts, &now(0, 0, 0), Some(PlanId(3)), &rep_code())[0];
        assert!(!refusal.may_pass && !refusal.remedy.contains("--over-cap"), "{refusal:?}");
    }

    #[test]
    fn a_loss_that_is_meant_passes_by_policy() {
        let caps = Caps { source_shrink_percent: 100, ..Caps::default() };
        let evidence = after(now(1, 1, 1), 100, 5, 0);
        assert_eq!(refusals(&caps, &PlanCounts::default(), &evidence, Some(PlanId(1)), &rep_code()), Vec::new());
    }

    #[test]
    fn owners_are_told_as_owners() {
        let code = CodeField { from: CodeFrom::Owner("owner".into()), label: "Owner".into() };
        let told = |evidence: &Evidence| {
            let refusal = refusals(&Caps::default(), &PlanCounts::default(), evidence, Some(PlanId(3)), &code).remove(0);
            (refusal.guard, refusal.evidence)
        };
        for (evidence, guard, words) in [
            (
                after(now(100, 100, 0), 100, 5, 0),
                "owners-gone",
                "none of 100 source records has an owner any more; the last run knew 5 owners",
            ),
            (Evidence { codes_mapped: 3, ..now(100, 100, 0) }, "owners-gone", "has an owner, and 3 of its people are known in the target"),
            (after(now(100, 100, 100), 100, 5, 9), "owners-gone", "91 of 100 records carry an owner that the last run did not know"),
            (after(now(100, 9, 100), 100, 5, 100), "codes-gone", "9 records are paired"),
            (after(now(0, 0, 0), 100, 5, 0), "source-empty", "the last run saw 100"),
        ] {
            let (found, evidence) = told(&evidence);
            assert!(found == guard && evidence.contains(words), "{found}: {evidence}");
        }
    }
}
