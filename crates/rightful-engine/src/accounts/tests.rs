//! How people stand, as a table over modes, picks, links, e-mail addresses and what is known of accounts.

use rightful_core::{Instant, Person};

use super::*;
use crate::{Authorship, Fact, How, unmapped};

fn by() -> Authorship {
    Authorship { author: "ann".into(), reason: "because".into(), at: Instant::UNIX_EPOCH }
}

fn person(id: &str, email: &str, active: bool) -> Record {
    Record {
        id: id.into(),
        keys: Vec::new(),
        name: format!("User {id}"),
        owners: Vec::new(),
        person: Some(Person { emails: vec![email.to_owned()], active, ..Person::default() }),
        values: vec![Value::text(if id == "nameless" { "" } else { "Last" })],
        changed_at: None,
        state: if active { State::Active } else { State::Inactive },
    }
}

fn known(id: RecordId, email: &str) -> KnownPerson {
    let fact = Fact { field: "email".into(), value: Value::text(email), how: How::Imported, at: Instant::UNIX_EPOCH, by: "ann".into() };
    KnownPerson { id, facts: vec![fact] }
}

fn link(person: &str, owner: &str) -> Link {
    Link {
        source: "crm".into(),
        person: person.into(),
        target: "desk".into(),
        owner: owner.into(),
        evidence: LinkEvidence::Stated,
        by_value: None,
        by: by(),
    }
}

fn pick(person: &str, choice: Picked) -> Pick {
    Pick { person: person.into(), choice, by: by() }
}

/// How someone stands in a world that has one of each.
fn standing(people: PeopleMode, who: &str, by_record: bool, picked: Option<Picked>, licences: Option<u32>) -> String {
    let activity = Activity {
        people,
        auto_sync_requires_workflow: false,
        account: vec![("lastname".into(), From::Field("Last".into()))],
        gates: Vec::new(),
        replay: true,
        hold_days: 90,
        since: None,
        licences,
        workflows: Vec::new(),
    };
    let rules = [MatchRule::Link, MatchRule::ExternalId { source: "id".into(), target: "id".into() }, MatchRule::Email];
    let everyone = [
        ("new", "new@example.com", true),
        ("linked", "linked@example.com", true),
        ("mapped", "other@example.com", true),
        ("mailed", " Mailed@Example.com", true),
        ("elsewhere", "elsewhere@example.com", true),
        ("late", "taken@example.com", true),
        ("twin", "twin@example.com", true),
        ("double", "twin@example.com", true),
        ("nobody", "", true),
        ("nameless", "nameless@example.com", true),
        ("former", "former@example.com", false),
    ];
    let everyone = everyone.map(|(id, email, active)| person(id, email, active)).to_vec();
    let links = vec![link("linked", "k1"), link("first", "k2")];
    let picks = picked.map(|choice| pick(who, choice)).into_iter().collect();
    let accounts = vec![
        known("mapped".into(), "mapped@example.com"),
        known(unmapped("mailed@example.com"), "mailed@example.com"),
        known("emp-7".into(), "elsewhere@example.com"),
        known("k2".into(), "taken@example.com"),
    ];
    let fields = [FieldName::fixed("Last")];
    let accounts = Accounts::new(&activity, &rules, &[], &fields, everyone, links, picks, accounts);
    match accounts.standing(&who.into(), by_record) {
        AccountStanding::Linked { owner } => format!("linked {owner}"),
        AccountStanding::Found { owner, evidence, .. } => format!("found {owner} {}", evidence.as_str()),
        AccountStanding::Account { evidence, was } => format!("account {} {}", evidence.as_str(), was.is_some()),
        AccountStanding::Skipped => "skipped".to_owned(),
        AccountStanding::Waits { reason, .. } => reason.to_owned(),
    }
}

#[test]
fn ss_1_each_mode_makes_accounts_for_whom_it_says() {
    use PeopleMode::*;
    for (mode, by_record, picked, expected) in [
        (Manual, true, None, "unmapped-owner"),
        (Manual, true, Some(Picked::Create), "unmapped-owner"),
        (OnDemand, true, None, "unmapped-owner"),
        (OnDemand, false, Some(Picked::Create), "account created false"),
        (Automatic, false, None, "unmapped-owner"),
        (Automatic, true, None, "account created false"),
        (Automatic, true, Some(Picked::Skip), "skipped"),
        (Automatic, false, Some(Picked::Create), "account created false"),
        (All, false, None, "account created false"),
        (All, false, Some(Picked::Skip), "skipped"),
    ] {
        assert_eq!(standing(mode, "new", by_record, picked, None), expected, "{mode:?} {by_record} {picked:?}");
    }
    assert_eq!(PeopleMode::WORDS.len(), 4);
    assert!(PeopleMode::WORDS.iter().all(|word| PeopleMode::parse(word).is_some_and(|mode| mode.as_str() == *word)));
}

#[test]
fn ss_4_links_come_before_keys_and_keys_before_e_mail_addresses_and_nobody_is_taken_for_two() {
    for (who, expected) in [
        ("linked", "linked k1"),
        ("mapped", "found mapped external-id"),
        ("mailed", "account email true"),
        ("elsewhere", "found emp-7 email"),
        ("late", "email-taken"),
        ("twin", "email-shared"),
        ("double", "email-shared"),
        ("nobody", "no-email"),
        ("nameless", "incomplete-user"),
        ("former", "source-inactive"),
        ("stranger", "unknown-owner"),
    ] {
        assert_eq!(standing(PeopleMode::All, who, false, None, None), expected, "{who}");
    }
    // Somebody who is skipped shares nothing with anybody.
    assert_eq!(standing(PeopleMode::All, "twin", false, Some(Picked::Skip), None), "skipped");
    assert_eq!(standing(PeopleMode::All, "former", false, Some(Picked::Create), None), "account created false");
    assert_eq!(standing(PeopleMode::Manual, "mailed", false, None, None), "unmapped-owner");
}

#[test]
fn ss_26_without_a_licence_no_account_is_made_and_linking_needs_none() {
    for (licences, who, expected) in
        [(4, "new", "no-licence"), (3, "new", "no-licence"), (5, "new", "account created false"), (4, "mailed", "account email true")]
    {
        assert_eq!(standing(PeopleMode::All, who, false, None, Some(licences)), expected, "{licences} {who}");
    }
}
