//! What is decided about a figure: as a table, and as properties over everything that decides.

use chrono::DateTime;
use proptest::prelude::*;

use super::*;

/// What the figure would hold for an owner: nobody known leaves the source's e-mail address, an account has its own.
fn values(amount: i64) -> impl Fn(&str) -> Vec<(FieldName, Value)> {
    move |owner| {
        let email = if owner.is_empty() { "ann@crm.example".to_owned() } else { format!("{owner}@desk.example") };
        vec![("amount".into(), Value::Integer(amount)), ("user.email".into(), Value::Text(email))]
    }
}

fn known(state: CreditState, owner: &str, amount: i64) -> Credit {
    Credit {
        connection: "desk".into(),
        target: "d1#won".into(),
        integration: "activity".into(),
        kind: "deal".into(),
        source: "d1".into(),
        owner: owner.into(),
        values: values(amount)(owner),
        state,
        at: DateTime::UNIX_EPOCH,
        person: (state == CreditState::LetGo && owner.is_empty()).then(|| "ann".into()),
        stands: None,
    }
}

fn sent(owner: &str, amount: i64) -> Credit {
    known(CreditState::Sent, owner, amount)
}

fn unsure(owner: &str, amount: i64) -> Credit {
    known(CreditState::Unsure, owner, amount)
}

fn let_go(owner: &str, amount: i64) -> Credit {
    known(CreditState::LetGo, owner, amount)
}

fn to(owner: &str) -> Owed {
    Owed::To(owner.into())
}

fn gated(owner: &str) -> Owed {
    Owed::Gated { owner: owner.into(), reason: "no-team".into(), until: "on a team".into() }
}

fn waits() -> Owed {
    Owed::Waits { owner: None, reason: "unmapped-owner", until: "mapped".into() }
}

fn spelled(crediting: &Crediting) -> String {
    match crediting {
        Crediting::None => "none".into(),
        Crediting::AlreadySo => "so".into(),
        Crediting::Send { owner } => format!("send {owner}"),
        Crediting::Hold { owner, reason, .. } => format!("hold {} {reason}", owner.as_deref().unwrap_or("-")),
        Crediting::LetGo { owner, reason } => format!("let go {} {reason}", if owner.is_empty() { "-" } else { owner }),
        Crediting::Remove => "remove".into(),
        Crediting::Nobody(reason) => format!("nobody {reason}"),
        Crediting::Unseen => "unseen".into(),
    }
}

const ALL: Triggers = Triggers { create: true, update: true, delete: true };
const CREATE: Triggers = Triggers { create: true, update: false, delete: false };
const UPDATE: Triggers = Triggers { create: false, update: true, delete: false };

fn sight(triggers: Triggers, before: Option<&Credit>) -> Sight<'_> {
    Sight { satisfied: true, since: true, changed: false, triggers, before, replay: true, expired: false, person: None }
}

/// The figure is to hold 10.
fn decided(sight: Sight<'_>, owed: &Owed) -> String {
    let ann = RecordId::new("ann");
    spelled(&credit(Sight { person: Some(&ann), ..sight }, owed, values(10)))
}

#[test]
fn a_figure_is_sent_held_let_go_removed_or_left_as_its_record_its_owner_and_its_history_say() {
    let over = |later: Credit, known: Credit| later.over(Some(known));
    for (triggers, before, owed, expected) in [
        // The first time.
        (ALL, None, to("u1"), "send u1"),
        (CREATE, None, to("u1"), "send u1"),
        (UPDATE, None, to("u1"), "none"),
        (ALL, None, gated("u1"), "hold u1 no-team"),
        (ALL, None, waits(), "hold - unmapped-owner"),
        (ALL, None, Owed::Nobody("no-owner"), "nobody no-owner"),
        (ALL, None, Owed::Unseen, "unseen"),
        // Sent before.
        (ALL, Some(sent("u1", 10)), to("u1"), "so"),
        (ALL, Some(sent("u1", 10)), gated("u1"), "so"),
        (ALL, Some(sent("u1", 9)), to("u1"), "send u1"),
        (ALL, Some(sent("u1", 9)), gated("u1"), "hold u1 no-team"),
        (ALL, Some(sent("u2", 10)), to("u1"), "send u1"),
        (ALL, Some(sent("u2", 10)), gated("u1"), "hold u1 no-team"),
        (ALL, Some(sent("u2", 10)), waits(), "hold - unmapped-owner"),
        (ALL, Some(sent("u2", 10)), Owed::Nobody("no-owner"), "nobody no-owner"),
        (CREATE, Some(sent("u2", 9)), to("u1"), "so"),
        (UPDATE, Some(sent("u2", 9)), to("u1"), "send u1"),
        // Let go before.
        (ALL, Some(let_go("u1", 10)), to("u1"), "so"),
        (ALL, Some(let_go("u1", 10)), gated("u1"), "so"),
        (ALL, Some(let_go("", 10)), to("u1"), "so"),
        (ALL, Some(let_go("", 10)), gated("u1"), "so"),
        (ALL, Some(let_go("", 10)), waits(), "so"),
        (ALL, Some(let_go("", 9)), to("u1"), "send u1"),
        (ALL, Some(let_go("u1", 9)), to("u1"), "send u1"),
        (ALL, Some(let_go("u2", 10)), to("u1"), "send u1"),
        (CREATE, Some(let_go("u1", 9)), to("u1"), "send u1"),
        (UPDATE, Some(let_go("u1", 9)), to("u1"), "so"),
        // Let go over what the target still holds.
        (ALL, Some(over(let_go("u1", 10), sent("u1", 9))), to("u1"), "so"),
        (ALL, Some(over(let_go("u1", 9), sent("u1", 10))), to("u1"), "so"),
        (ALL, Some(over(let_go("u1", 9), sent("u1", 8))), to("u1"), "send u1"),
        (CREATE, Some(over(let_go("u1", 9), sent("u1", 8))), to("u1"), "so"),
        // Its answer was lost.
        (ALL, Some(unsure("u1", 10)), to("u1"), "send u1"),
        (ALL, Some(unsure("u2", 9)), to("u1"), "send u1"),
        (CREATE, Some(unsure("u1", 9)), to("u1"), "send u1"),
        (ALL, Some(unsure("u1", 10)), gated("u1"), "hold u1 no-team"),
    ] {
        assert_eq!(decided(sight(triggers, before.as_ref()), &owed), expected, "{triggers:?} {before:?} {owed:?}");
    }
}

#[test]
fn what_cannot_be_sent_is_let_go_once_it_waited_too_long_or_is_not_held_at_all() {
    for (before, owed, expected) in [
        (None, to("u1"), "send u1"),
        (None, gated("u1"), "let go u1 no-team"),
        (None, waits(), "let go - unmapped-owner"),
        (Some(sent("u1", 9)), gated("u1"), "let go u1 no-team"),
        (Some(let_go("u1", 10)), gated("u1"), "so"),
        (Some(let_go("u1", 9)), gated("u1"), "let go u1 no-team"),
        // What may be at the target already is not given up.
        (Some(unsure("u1", 10)), gated("u1"), "hold u1 no-team"),
        (None, Owed::Nobody("no-owner"), "nobody no-owner"),
    ] {
        for sight in [Sight { replay: false, ..sight(ALL, before.as_ref()) }, Sight { expired: true, ..sight(ALL, before.as_ref()) }] {
            assert_eq!(decided(sight, &owed), expected, "{before:?} {owed:?}");
        }
    }
}

#[test]
fn a_record_that_does_not_satisfy_its_workflow_any_more_takes_back_what_was_sent() {
    for (triggers, before, expected) in [
        (ALL, None, "none"),
        (ALL, Some(sent("u1", 10)), "remove"),
        (ALL, Some(unsure("u1", 10)), "remove"),
        (ALL, Some(let_go("u1", 10)), "none"),
        (ALL, Some(let_go("u1", 10).over(Some(sent("u1", 9)))), "remove"),
        (CREATE, Some(sent("u1", 10)), "none"),
    ] {
        let sight = Sight { satisfied: false, ..sight(triggers, before.as_ref()) };
        assert_eq!(decided(sight, &to("u1")), expected, "{triggers:?} {before:?}");
    }
}

#[test]
fn what_is_too_old_or_never_changed_is_not_credited_a_first_time() {
    for (since, changed, triggers, before, expected) in [
        (false, true, ALL, None, "none"),
        (false, true, ALL, Some(sent("u1", 9)), "send u1"),
        (false, true, ALL, Some(let_go("u1", 9)), "so"),
        (true, true, UPDATE, None, "send u1"),
        (true, false, UPDATE, None, "none"),
        (true, true, Triggers { create: false, update: false, delete: true }, None, "none"),
    ] {
        let sight = Sight { since, changed, ..sight(triggers, before.as_ref()) };
        assert_eq!(decided(sight, &to("u1")), expected, "since {since} changed {changed} {triggers:?} {before:?}");
    }
}

#[test]
fn what_was_let_go_for_one_unknown_person_is_not_let_go_for_another() {
    let before = let_go("", 10);
    let bob = RecordId::new("bob");
    let sight = Sight { person: Some(&bob), ..sight(ALL, Some(&before)) };
    assert_eq!(credit(sight, &to("u2"), values(10)), Crediting::Send { owner: "u2".into() });
}

#[test]
fn what_was_sent_of_a_record_that_is_gone_is_removed_where_deletions_count() {
    let deletes = |delete| Some(Triggers { delete, ..ALL });
    for (triggers, before, expected) in [
        (deletes(true), sent("u1", 10), Crediting::Remove),
        (deletes(true), unsure("u1", 10), Crediting::Remove),
        (deletes(true), let_go("u1", 10), Crediting::None),
        (deletes(true), let_go("u1", 10).over(Some(sent("u1", 9))), Crediting::Remove),
        (deletes(false), sent("u1", 10), Crediting::None),
        (None, sent("u1", 10), Crediting::None),
    ] {
        assert_eq!(credit_of_gone(triggers, &before), expected, "{triggers:?} {before:?}");
    }
}

#[test]
fn letting_go_forgets_nothing_that_the_target_holds() {
    let held = |credit: &Credit| credit.held().map(|(owner, values)| (owner.to_owned(), values[0].1.clone()));
    let once = let_go("u1", 10).over(Some(sent("u2", 9)));
    assert_eq!(held(&once), Some(("u2".into(), Value::Integer(9))));
    let twice = let_go("u1", 11).over(Some(once));
    assert_eq!((twice.owner.as_str(), held(&twice)), ("u1", Some(("u2".into(), Value::Integer(9)))));
    assert_eq!(let_go("u1", 10).over(Some(sent("u1", 10))).state, CreditState::Sent, "a hold that outlived its sending was dropped");
    assert_eq!(let_go("u1", 11).over(Some(unsure("u1", 10))).state, CreditState::Unsure);
    assert_eq!(held(&let_go("u1", 10).over(None)), None);
    assert_eq!(sent("u1", 12).over(Some(let_go("u1", 11))), sent("u1", 12));
}

fn any_credit() -> impl Strategy<Value = Credit> {
    (0..3_u8, 0..3_usize, 8..12_i64, prop::option::of((1..3_usize, 8..12_i64))).prop_map(|(state, owner, amount, stands)| {
        let owners = ["", "u1", "u2"];
        let state = [CreditState::Sent, CreditState::Unsure, CreditState::LetGo][usize::from(state)];
        let owner = if state == CreditState::LetGo { owner } else { owner.max(1) };
        let credit = known(state, owners[owner], amount);
        credit.over(stands.map(|(owner, amount)| sent(owners[owner], amount)))
    })
}

fn any_owed() -> impl Strategy<Value = Owed> {
    (0..7_usize)
        .prop_map(|which| [to("u1"), to("u2"), gated("u1"), gated("u2"), waits(), Owed::Nobody("no-owner"), Owed::Unseen][which].clone())
}

proptest! {
    #[test]
    fn nothing_goes_out_twice_or_through_a_closed_gate_whatever_else_holds(
        before in prop::option::of(any_credit()), owed in any_owed(), bits in 0..256_u16,
    ) {
        let bit = |at: u16| bits & (1 << at) != 0;
        let ann = RecordId::new("ann");
        let sight = Sight {
            satisfied: bit(0),
            since: bit(1),
            changed: bit(2),
            triggers: Triggers { create: bit(3), update: bit(4), delete: bit(5) },
            before: before.as_ref(),
            replay: bit(6),
            expired: bit(7),
            person: Some(&ann),
        };
        let decided = credit(sight, &owed, values(10));
        if let Crediting::Send { owner } = &decided {
            prop_assert_eq!(&owed, &Owed::To(owner.clone()), "the gate is closed, or it is somebody else's");
            prop_assert!(sight.satisfied);
            if let Some(before) = &before {
                let same = |of: &str, known: &[(FieldName, Value)]| of == owner && known == values(10)(owner);
                let held = before.held().is_some_and(|(of, known)| same(of, known));
                prop_assert!(before.state == CreditState::Unsure || !held, "what was sent is sent again unchanged");
                let let_go = before.state == CreditState::LetGo && (same(&before.owner, &before.values) || (before.owner.is_empty() && before.values == values(10)("")));
                prop_assert!(!let_go, "what was let go goes out unchanged");
            }
        }
        if let Crediting::LetGo { .. } = &decided {
            prop_assert!(sight.expired || !sight.replay);
            prop_assert!(before.as_ref().is_none_or(|before| before.state != CreditState::Unsure));
        }
        if decided == Crediting::Remove {
            prop_assert!(before.as_ref().is_some_and(|before| before.held().is_some()), "nothing is there to be removed");
        }
        // Whatever was decided, once it is true nothing is left to do.
        let after = match &decided {
            Crediting::Send { owner } => Some(sent(owner, 10)),
            Crediting::LetGo { owner, .. } => Some(let_go(owner, 10).over(before.clone())),
            Crediting::Remove => None,
            _ => return Ok(()),
        };
        let again = credit(Sight { before: after.as_ref(), ..sight }, &owed, values(10));
        prop_assert!(matches!(again, Crediting::None | Crediting::AlreadySo), "{:?} after {:?}", again, decided);
    }
}
