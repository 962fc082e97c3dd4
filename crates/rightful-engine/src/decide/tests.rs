//! Decisions as a table: who stands there, what the code leads to, who shall stand there.

use chrono::{DateTime, Duration};
use proptest::prelude::*;
use rightful_core::{Key, Record};

use super::*;
use crate::{Digest, Newcomer, Situation, Succession};

fn owners(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn resolution(assign: &str, retain: &str, successions: &[(&str, &str)]) -> Resolution {
    Resolution {
        situation: Situation::Linked,
        rule: "code",
        assign: owners(assign),
        retain: owners(retain),
        successions: successions.iter().map(|(from, to)| Succession { from: (*from).into(), to: (*to).into() }).collect(),
        incomplete: !retain.is_empty(),
        ..Resolution::unlinked()
    }
}

fn now() -> Instant {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn facts() -> Facts {
    let codes = [
        ("R05", resolution("7", "", &[])),
        ("R11", resolution("12 7", "", &[])),
        ("R20", resolution("", "", &[])),
        ("R30", resolution("", "9", &[])),
        ("R31", resolution("7", "9", &[])),
        ("R32", resolution("12", "", &[("9", "12")])),
    ];
    Facts {
        role: "assigned".into(),
        single: false,
        code: CodeFrom::Field("CUSTREPID".into()),
        codes: codes.into_iter().map(|(code, resolution)| (code.to_owned(), resolution)).collect(),
        mapped: owners("7 9 12").into_iter().collect(),
        assignment: Assignment::Replace,
        no_match: Otherwise::Leave,
        no_owner: Otherwise::Leave,
        include_inactive: false,
        newcomers_after: now() - Duration::hours(24),
    }
}

fn row(value: Option<Value>, owner: Owner) -> Row {
    let record = Record {
        id: "1".into(),
        keys: vec![Key::new("code", "C-1")],
        name: "Customer".into(),
        owners: vec![("assigned".into(), owner)],
        person: None,
        values: value.into_iter().collect(),
        changed_at: None,
        state: State::Active,
    };
    Row { record, digest: Digest(0), newcomers: Vec::new(), changed: false }
}

fn source(code: &str) -> Row {
    row(Some(Value::text(code)), Owner::Unseen)
}

fn target(present: &str) -> Row {
    row(None, Owner::Known(owners(present)))
}

fn spell(decision: &Decision<'_>) -> String {
    match &decision.verdict {
        Verdict::Change { rule, to } => format!("{rule}: {}", to.join(" ")),
        other => format!("{other:?}"),
    }
}

#[test]
fn sk_1_sk_3_sk_4_sk_16_replace_sets_exactly_what_the_code_leads_to() {
    let cases = [
        ("R05", "9", "code: 7"),
        ("R05", "7", "AlreadySo"),
        ("R05", "", "code: 7"),
        ("R05", "12 7", "code: 7"),
        ("R11", "12 7", "AlreadySo"),
        ("R11", "7 12", "AlreadySo"),
        ("R11", "7", "code: 12 7"),
        // A blank row, a code without a row and a record without a code: left as they are.
        ("R20", "9", "Left"),
        ("R99", "9", "Left"),
        ("", "9", "Left"),
        // Deactivating a user moves nothing: who stands there stays, who does not is not added.
        ("R30", "9", "Left"),
        ("R31", "9", "code: 7 9"),
        ("R31", "7 9", "AlreadySo"),
        ("R31", "7", "AlreadySo"),
        ("R31", "7 9 12", "code: 7 9"),
        // A successor takes the place.
        ("R32", "9", "successor: 12"),
        ("R32", "12 9", "successor: 12"),
        // Codes compare exactly.
        ("r05", "9", "Left"),
        ("R05 ", "9", "Left"),
    ];
    let facts = facts();
    for (code, present, expected) in cases {
        let (source, target) = (source(code), target(present));
        assert_eq!(spell(&decide(&source, &target, &facts)), expected, "{code:?} over [{present}]");
    }
}

#[test]
fn merge_keeps_those_who_appear_nowhere_in_the_table() {
    let facts = Facts { assignment: Assignment::Merge, ..facts() };
    for (code, present, expected) in [
        ("R05", "50", "code: 50 7"),
        ("R05", "50 9", "code: 50 7"),
        ("R05", "50 7", "AlreadySo"),
        ("R05", "7", "AlreadySo"),
        ("R31", "50 9", "code: 50 7 9"),
        ("R32", "50 9", "successor: 12 50"),
    ] {
        let (source, target) = (source(code), target(present));
        assert_eq!(spell(&decide(&source, &target, &facts)), expected, "{code:?} over [{present}]");
    }
}

#[test]
fn an_owner_that_leads_to_nobody_does_what_the_policy_says() {
    let cases = [
        (Otherwise::Leave, "Left", "Left"),
        (Otherwise::Hold, "Held", "Held"),
        (Otherwise::Clear, "no-match: ", "no-owner: "),
        (Otherwise::To("8".into()), "fallback: 8", "fallback: 8"),
    ];
    for (otherwise, unmapped, empty) in cases {
        let facts = Facts { no_match: otherwise.clone(), no_owner: otherwise, ..facts() };
        let target = target("9");
        assert_eq!(spell(&decide(&source("R20"), &target, &facts)), unmapped);
        assert_eq!(spell(&decide(&source(""), &target, &facts)), empty);
    }
}

#[test]
fn sk_16_a_named_user_who_cannot_own_records_now_moves_nothing_whatever_the_policy() {
    for otherwise in [Otherwise::Leave, Otherwise::Clear, Otherwise::To("8".into())] {
        let facts = Facts { no_match: otherwise, ..facts() };
        for present in ["9", "50", "9 50"] {
            assert_eq!(decide(&source("R30"), &target(present), &facts).verdict, Verdict::Left, "over [{present}]");
        }
    }
    let facts = Facts { no_match: Otherwise::Hold, ..facts() };
    assert_eq!(decide(&source("R30"), &target("9"), &facts).verdict, Verdict::Held);
}

#[test]
fn unseen_is_not_nobody() {
    let facts = Facts { no_owner: Otherwise::Clear, ..facts() };
    let hidden = row(None, Owner::Unseen);
    assert_eq!(decide(&source("R05"), &hidden, &facts).verdict, Verdict::Unseen);
    assert_eq!(decide(&row(None, Owner::Unseen), &target("9"), &facts).verdict, Verdict::Unseen);
    // Null, on the other hand, is known to be empty.
    assert_eq!(spell(&decide(&row(Some(Value::Null), Owner::Unseen), &target("9"), &facts)), "no-owner: ");
}

#[test]
fn a_code_that_is_a_number_is_read_as_its_digits() {
    let facts = Facts { codes: [("501".to_owned(), resolution("7", "", &[]))].into(), ..facts() };
    assert_eq!(spell(&decide(&row(Some(Value::Integer(501)), Owner::Unseen), &target("9"), &facts)), "code: 7");
}

#[test]
fn sk_17_who_came_less_than_a_day_ago_is_left_and_noted() {
    let facts = facts();
    for (hours, expected, noted) in [(1, "code: 50 7", 1), (23, "code: 50 7", 1), (24, "code: 7", 0), (30, "code: 7", 0)] {
        let mut target = target("50 9");
        target.newcomers = vec![Newcomer { role: "assigned".into(), owner: "50".into(), since: now() - Duration::hours(hours) }];
        let source = source("R05");
        let decision = decide(&source, &target, &facts);
        assert_eq!((spell(&decision).as_str(), decision.newcomers.len()), (expected, noted), "{hours} h");
    }
    // Nothing else to change: left and noted.
    let mut target = target("50 7");
    target.newcomers = vec![Newcomer { role: "assigned".into(), owner: "50".into(), since: now() }];
    let source = source("R05");
    let decision = decide(&source, &target, &facts);
    assert_eq!((decision.verdict, decision.newcomers), (Verdict::AlreadySo, vec!["50"]));
}

#[test]
fn a_source_record_out_of_use_is_planned_only_where_asked_for() {
    let mut source = source("R05");
    source.record.state = State::Inactive;
    let target = target("9");
    assert_eq!(decide(&source, &target, &facts()).verdict, Verdict::NotPlanned);
    let facts = Facts { include_inactive: true, ..facts() };
    assert_eq!(spell(&decide(&source, &target, &facts)), "code: 7");
}

#[test]
fn several_people_are_never_squeezed_into_a_role_for_one() {
    let facts = Facts { single: true, ..facts() };
    assert_eq!(decide(&source("R11"), &target("9"), &facts).verdict, Verdict::TooMany);
    assert_eq!(spell(&decide(&source("R05"), &target("9"), &facts)), "code: 7");
}

#[test]
fn several_owners_are_given_what_each_of_them_leads_to() {
    let facts = Facts { code: CodeFrom::Owner("owner".into()), ..facts() };
    let cases = [
        ("R05", "9", "code: 7"),
        ("R05 R11", "9", "code: 12 7"),
        ("R05 R30", "9", "code: 7 9"),
        ("R05 R30", "7", "AlreadySo"),
        ("R05 R99", "9", "code: 7"),
        ("R99 R05", "9", "code: 7"),
        ("R20 R99", "9", "Left"),
        ("R05 R32", "9", "successor: 12 7"),
        ("", "9", "Left"),
    ];
    for (codes, present, expected) in cases {
        let mut source = row(None, Owner::Unseen);
        source.record.owners = vec![("owner".into(), Owner::Known(owners(codes)))];
        let target = target(present);
        assert_eq!(spell(&decide(&source, &target, &facts)), expected, "{codes:?} over [{present}]");
    }
    assert_eq!(decide(&row(None, Owner::Unseen), &target("9"), &facts).verdict, Verdict::Unseen);
    let of = Owner::Of { record: rightful_core::Reference { kind: "company".into(), id: "1".into() }, role: "owner".into() };
    let mut source = row(None, Owner::Unseen);
    source.record.owners = vec![("owner".into(), of)];
    assert_eq!(decide(&source, &target("9"), &facts).verdict, Verdict::Unseen, "whoever owns something else is not looked up");
    let single = Facts { single: true, ..facts };
    let mut source = row(None, Owner::Unseen);
    source.record.owners = vec![("owner".into(), Owner::Known(owners("R05 R11")))];
    assert_eq!(decide(&source, &target("9"), &single).verdict, Verdict::TooMany);
}

fn some_owners() -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set(0..12_u8, 0..5).prop_map(|set| {
        let mut owners: Vec<String> = set.into_iter().map(|owner| owner.to_string()).collect();
        owners.sort();
        owners
    })
}

proptest! {
    #[test]
    fn no_owner_is_ever_written_from_outside_the_resolved_and_the_present(
        assign in some_owners(), retain in some_owners(), present in some_owners(), new in some_owners(),
        mapped in some_owners(), merge: bool, fallback in 0..4_u8, age in 0..48_i64, code in prop::sample::select(vec!["A", "B", ""]),
    ) {
        let otherwise = match fallback {
            0 => Otherwise::Leave,
            1 => Otherwise::Hold,
            2 => Otherwise::Clear,
            _ => Otherwise::To("99".into()),
        };
        let resolution = Resolution { assign: assign.clone(), retain, ..resolution("", "", &[]) };
        let facts = Facts {
            codes: [("A".to_owned(), resolution)].into(),
            mapped: mapped.into_iter().collect(),
            assignment: if merge { Assignment::Merge } else { Assignment::Replace },
            no_match: otherwise.clone(),
            no_owner: otherwise,
            ..facts()
        };
        let source = source(code);
        let mut target = row(None, Owner::Known(present.clone()));
        target.newcomers = new.iter().map(|owner| Newcomer {
            role: "assigned".into(), owner: owner.clone(), since: now() - Duration::hours(age),
        }).collect();
        if let Verdict::Change { to, .. } = decide(&source, &target, &facts).verdict {
            for owner in &to {
                let resolved = if code == "A" && !assign.is_empty() { assign.contains(owner) } else { owner == "99" };
                prop_assert!(resolved || present.contains(owner), "{owner} came from nowhere");
            }
            prop_assert!(to.windows(2).all(|pair| pair[0] < pair[1]), "not a set: {to:?}");
            // Deciding again over what was decided changes nothing.
            let after = row(None, Owner::Known(to));
            let after = Row { newcomers: target.newcomers.clone(), ..after };
            prop_assert_eq!(decide(&source, &after, &facts).verdict, Verdict::AlreadySo);
        }
    }
}
