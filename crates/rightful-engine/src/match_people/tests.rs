//! Who leads to whom, as a table: links, people of both sides, and what comes of them.

use rightful_core::Instant;

use super::*;

fn by(author: &str) -> Authorship {
    Authorship { author: author.into(), reason: "said so".into(), at: Instant::UNIX_EPOCH }
}

/// `a mail@example.com number`: further words are `off`, `bot`; `-` leaves a value out.
fn source(text: &str) -> SourcePerson {
    let words: Vec<&str> = text.split_whitespace().collect();
    let value = |at: usize| words.get(at).copied().filter(|word| *word != "-");
    let mut keys = vec![Key::new("id", words[0])];
    keys.extend(value(2).map(|number| Key::new("number", number)));
    SourcePerson {
        id: words[0].into(),
        owner: words[0].into(),
        name: format!("Person {}", words[0]),
        emails: value(1).into_iter().flat_map(|emails| emails.split(',')).map(str::to_owned).collect(),
        keys,
        active: !words.contains(&"off"),
        service: words.contains(&"bot"),
    }
}

fn target(text: &str) -> TargetPerson {
    let person = source(text);
    let number = |key: &Key| if key.name == "number" { Key::new("user-name", key.value.clone()) } else { key.clone() };
    TargetPerson {
        owner: person.owner,
        name: format!("User {}", person.id),
        user_name: Some(format!("login-{}", person.id)),
        keys: person.keys.iter().map(number).collect(),
        emails: person.emails,
        active: person.active,
        service: person.service,
    }
}

/// `a>1`: stated; `a>1 email`: by e-mail.
fn link(text: &str) -> Link {
    let (pair, evidence) = text.split_once(' ').map_or((text, LinkEvidence::Stated), |(pair, _)| (pair, LinkEvidence::Email));
    let (person, owner) = pair.split_once('>').unwrap();
    let by_value = (evidence == LinkEvidence::Email).then(|| "old@example.com".to_owned());
    Link { source: "crm".into(), person: person.into(), target: "field".into(), owner: owner.into(), evidence, by_value, by: by("ann") }
}

const LINK: MatchRule = MatchRule::Link;
const EMAIL: MatchRule = MatchRule::Email;
const NUMBER: MatchRule = MatchRule::ExternalId { source: KeyName::fixed("number"), target: KeyName::fixed("user-name") };

fn matched(rules: &[MatchRule], links: &[&str], sources: &[&str], targets: &[&str]) -> Matched {
    let links: Vec<Link> = links.iter().map(|text| link(text)).collect();
    let sources: Vec<SourcePerson> = sources.iter().map(|text| source(text)).collect();
    let index = PeopleIndex::new(targets.iter().map(|text| target(text)));
    let (crm, field) = ("crm".into(), "field".into());
    match_people(&Matching { between: (&crm, &field), rules, links: &links, source: &sources, target: &index, by: &by("run-1") })
}

/// `a link 1`, `a email (1)` for those who keep what they have, `a disputed`, in the order of the people.
fn spell(matched: &Matched) -> Vec<String> {
    let mut codes: Vec<_> = matched.resolved.codes.iter().collect();
    codes.sort_by_key(|(code, _)| (*code).clone());
    codes
        .into_iter()
        .map(|(code, found)| match (found.assign.as_slice(), found.retain.as_slice()) {
            ([owner], []) => format!("{code} {} {owner}", found.rule),
            ([], [owner]) => format!("{code} {} ({owner})", found.rule),
            _ => format!("{code} {}", found.situation.as_str()),
        })
        .collect()
}

fn cases(matched: &Matched) -> Vec<String> {
    let mut cases: Vec<String> = matched.cases.iter().map(|(code, case)| format!("{code}: {} {}", case.reason, case.subject)).collect();
    cases.sort();
    cases
}

#[test]
fn everybody_has_one_situation_and_two_candidates_are_never_settled_by_the_first() {
    type Case<'a> = (&'a [MatchRule], &'a [&'a str], &'a [&'a str], &'a [&'a str], &'a [&'a str], &'a [&'a str]);
    let rules: &[MatchRule] = &[LINK, NUMBER, EMAIL];
    let table: &[Case<'_>] = &[
        // Each rule by itself.
        (rules, &["a>1"], &["a -"], &["1 -"], &["a link 1"], &[]),
        (rules, &[], &["a - 77"], &["1 - 77"], &["a external-id 1"], &[]),
        (rules, &[], &["a a@x"], &["1 a@x"], &["a email 1"], &[]),
        // In order: a link before a key, a key before an e-mail address.
        (rules, &["a>1"], &["a a@x 77"], &["1 -", "2 - 77", "3 a@x"], &["a link 1"], &[]),
        (rules, &[], &["a a@x 77"], &["2 - 77", "3 a@x"], &["a external-id 2"], &[]),
        (&[EMAIL, NUMBER], &[], &["a a@x 77"], &["2 - 77", "3 a@x"], &["a email 3"], &[]),
        // Only rules that are asked for.
        (&[LINK], &[], &["a a@x 77"], &["1 a@x 77"], &["a unlinked"], &["a: unlinked-owner a"]),
        (&[NUMBER], &["a>1"], &["a a@x"], &["1 a@x"], &["a unlinked"], &["a: unlinked-owner a"]),
        // E-mail whatever the case and the space around it; keys exactly.
        (rules, &[], &["a A@X.example"], &["1 a@x.EXAMPLE"], &["a email 1"], &[]),
        (rules, &[], &["a - 077"], &["1 - 77"], &["a unmatched"], &["a: unlinked-owner a"]),
        (rules, &[], &["a b@x,a@x"], &["1 a@x"], &["a email 1"], &[]),
        // Nobody.
        (rules, &[], &["a a@x"], &["1 b@x"], &["a unmatched"], &["a: unlinked-owner a"]),
        (rules, &[], &["a -"], &["1 b@x"], &["a unlinked"], &["a: unlinked-owner a"]),
        // Two with one address, on either side: nobody, and a case that is one for both.
        (rules, &[], &["a s@x", "b s@x"], &["1 s@x"], &["a disputed", "b disputed"], &["a: email-shared s@x", "b: email-shared s@x"]),
        (rules, &[], &["a s@x"], &["1 s@x", "2 s@x"], &["a disputed"], &["a: email-shared s@x"]),
        (rules, &[], &["a s@x,t@x"], &["1 s@x", "2 t@x"], &["a disputed"], &["a: email-shared s@x"]),
        (rules, &[], &["a s@x", "b t@x"], &["1 s@x,t@x"], &["a disputed", "b disputed"], &["a: email-shared s@x", "b: email-shared t@x"]),
        (rules, &[], &["a - 7", "b - 7"], &["1 - 7"], &["a disputed", "b disputed"], &["a: key-shared 7", "b: key-shared 7"]),
        // A deactivated one is one of the two as well.
        (rules, &[], &["a s@x off", "b s@x"], &["1 s@x"], &["a disputed", "b disputed"], &["a: email-shared s@x", "b: email-shared s@x"]),
        // Two who share an address that nobody in the target has are not disputed, only unmatched.
        (rules, &[], &["a s@x", "b s@x"], &["1 o@x"], &["a unmatched", "b unmatched"], &["a: unlinked-owner a", "b: unlinked-owner b"]),
        // A dispute is not settled by a later rule.
        (rules, &[], &["a a@x 7", "b - 7"], &["1 a@x 7"], &["a disputed", "b disputed"], &["a: key-shared 7", "b: key-shared 7"]),
        // Who is taken is not given to another by an e-mail address or key.
        (rules, &["a>1"], &["a o@x", "b s@x"], &["1 s@x"], &["a link 1", "b disputed"], &["b: user-taken b"]),
        (rules, &["a>1"], &["a s@x", "b s@x"], &["1 s@x"], &["a link 1", "b disputed"], &["b: user-taken b"]),
        (rules, &["a>1"], &["a -", "b - 7"], &["1 - 7"], &["a link 1", "b disputed"], &["b: user-taken b"]),
        // Sign-ins for programs are nobody, unless somebody says so.
        (rules, &[], &["a a@x bot"], &["1 a@x"], &["a unlinked"], &["a: unlinked-owner a"]),
        (rules, &[], &["a a@x", "b a@x bot"], &["1 a@x", "2 a@x bot"], &["a email 1", "b unlinked"], &["b: unlinked-owner b"]),
        (rules, &["a>1"], &["a - bot"], &["1 -"], &["a link 1"], &[]),
        // Gone: who cannot own records now keeps what they have.
        (rules, &["a>1"], &["a -"], &["1 - - off"], &["a link (1)"], &["a: inactive-user login-1"]),
        (rules, &["a>1"], &["a -"], &["1 - - bot"], &["a link (1)"], &["a: service-user login-1"]),
        (rules, &["a>1"], &["a -"], &[], &["a link (1)"], &["a: unknown-user 1"]),
        (rules, &[], &["a a@x"], &["1 a@x - off"], &["a email (1)"], &["a: inactive-user login-1"]),
        (rules, &["a>1"], &["a - - off"], &["1 -"], &["a link (1)"], &["a: inactive-owner a"]),
    ];
    for (rules, links, sources, targets, expected, problems) in table {
        let matched = matched(rules, links, sources, targets);
        assert_eq!((spell(&matched), cases(&matched)), (owned(expected), owned(problems)), "{rules:?} {links:?} {sources:?} {targets:?}");
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn the_order_of_the_people_does_not_matter() {
    let (sources, targets) = (["a s@x,t@x 7", "b t@x", "c u@x 8", "d - 8"], ["1 s@x", "2 t@x 7", "3 u@x 8", "4 v@x"]);
    let there = matched(&[LINK, NUMBER, EMAIL], &["c>4"], &sources, &targets);
    let mut back = (sources, targets);
    back.0.reverse();
    back.1.reverse();
    let back = matched(&[LINK, NUMBER, EMAIL], &["c>4"], &back.0, &back.1);
    assert_eq!((spell(&there), cases(&there)), (spell(&back), cases(&back)));
}

#[test]
fn an_address_makes_a_link_once_and_the_link_outlives_it() {
    let rules = [LINK, EMAIL];
    let first = matched(&rules, &[], &["a a@x"], &["1 a@x"]);
    let [made] = first.links.as_slice() else { panic!("{:?}", first.links) };
    assert_eq!((made.person.as_str(), made.owner.as_str(), made.evidence), ("a", "1", LinkEvidence::Email));
    assert_eq!((made.by_value.as_deref(), made.by.author.as_str()), (Some("a@x"), "run-1"));
    // Either address changes, also to somebody else's: who is linked stays.
    for (sources, targets) in [(["a b@x"], ["1 a@x", "2 c@x"]), (["a a@x"], ["1 b@x", "2 c@x"]), (["a c@x"], ["1 a@x", "2 c@x"])] {
        let later = matched(&rules, &["a>1 email"], &sources, &targets);
        assert_eq!((spell(&later), later.links.len()), (vec!["a link 1".to_owned()], 0), "{sources:?} {targets:?}");
    }
    // Whatever the order of the rules.
    let later = matched(&[EMAIL, LINK], &["a>1 email"], &["a c@x"], &["1 a@x", "2 c@x"]);
    assert_eq!((spell(&later), later.links.len()), (vec!["a link 1".to_owned()], 0));
    // A key makes none: it holds as long as the values agree.
    assert_eq!(matched(&[NUMBER], &[], &["a - 7"], &["1 - 7"]).links, []);
}

#[test]
fn it_is_told_how_somebody_is_known_and_by_whom() {
    let evidence = |matched: &Matched| matched.resolved.codes["a"].evidence.join("; ");
    assert_eq!(
        evidence(&matched(&[LINK], &["a>1 email"], &["a n@x"], &["1 -"])),
        "Person a (n@x) is User 1 (login-1): linked by the same e-mail address old@example.com by ann on 1970-01-01"
    );
    assert_eq!(evidence(&matched(&[NUMBER], &[], &["a - 7"], &["1 - 7"])), "Person a is User 1 (login-1): the same number 7");
    assert_eq!(
        evidence(&matched(&[EMAIL], &[], &["a A@x"], &["1 a@x"])),
        "Person a (A@x) is User 1 (login-1): the same e-mail address a@x"
    );
    let stated = matched(&[LINK], &["a>1"], &["a -"], &["1 -"]);
    assert_eq!(stated.resolved.codes["a"].by.as_ref().map(|by| by.author.as_str()), Some("ann"));
}

#[test]
fn a_case_names_everybody_concerned() {
    let sources = matched(&[EMAIL], &[], &["a s@x", "b s@x"], &["1 s@x"]);
    let message = &sources.cases["a"].message;
    assert!(message.contains("Person a (s@x)") && message.contains("Person b (s@x)"), "{message}");
    assert_eq!(sources.cases["a"], sources.cases["b"], "one case for both");
    let targets = matched(&[EMAIL], &[], &["a s@x"], &["1 s@x", "2 s@x"]);
    let message = &targets.cases["a"].message;
    assert!(message.contains("User 1 (login-1)") && message.contains("User 2 (login-2)"), "{message}");
    let taken = matched(&[LINK, EMAIL], &["a>1"], &["a -", "b s@x"], &["1 s@x"]);
    let message = &taken.cases["b"].message;
    assert!(message.contains("Person b (s@x)") && message.contains("User 1 (login-1)") && message.contains("Person a"), "{message}");
}
