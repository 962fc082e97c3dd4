//! Pages of a code table against the whole overview, and what they find and filter.

use std::sync::Arc;

use proptest::prelude::*;
use rightful_core::{Key, KeyName, KeySpec, Kind, KindSpec, Person, PersonKey, Record, State};
use rightful_engine::*;

use crate::properties::{CODES, block_on, data, world};
use crate::stand::CASES;
use crate::world::*;

pub const CONTACT: Kind = Kind::fixed("contact");

/// A world whose source has contacts and users of its own besides employees.
pub fn with_contacts_and_users(mut world: World) -> World {
    let kinds = [CONTACT, USER].map(|kind| KindSpec {
        people: true,
        keys: vec![KeySpec { name: KeyName::fixed("name"), unique: true, longest: None }],
        ..KindSpec::read_only(kind)
    });
    let rows = [CUSTOMER, EMPLOYEE].map(|kind| {
        let ids: Vec<String> = world.source.owners(&kind).into_keys().collect();
        let records: Vec<Record> = ids.iter().filter_map(|id| world.source.record(&kind, id)).collect();
        (kind, records)
    });
    world.source = Arc::new(Vendor::new(world.source.kinds.iter().cloned().chain(kinds).collect()));
    for (kind, records) in rows {
        records.into_iter().for_each(|record| world.source.put(&kind, record));
    }
    world.integration.policy.source_people = vec![EMPLOYEE, CONTACT, USER];
    world
}

/// A person of the source: `same` are names of contacts.
pub fn source_person(id: &str, key: &'static str, value: &str, name: &str, emails: &[&str], same: &[&str]) -> Record {
    let same_as = same.iter().map(|value| PersonKey { kind: CONTACT, key: "name".into(), value: (*value).into() }).collect();
    let emails = emails.iter().map(ToString::to_string).collect();
    Record {
        keys: vec![Key::new(key, value)],
        person: Some(Person { emails, active: true, service: false, same_as }),
        ..record(id, &[], name)
    }
}

async fn page(world: &World, query: &CodeQuery, effects: &[Effect]) -> CodePage {
    code_page(&world.ports(), &world.integration, query, effects, true).await.unwrap()
}

fn codes(page: &CodePage) -> Vec<&str> {
    page.lines.iter().map(|line| line.line.code.as_str()).collect()
}

/// What a generated person of the source is like: their contact, whether it is there, and how many users name it.
type Behind = (u8, bool, u8, bool);

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn the_pages_of_a_table_are_its_overview(
        data in data(), behind in prop::collection::vec((0..4_u8, any::<bool>(), 0..3_u8, any::<bool>()), CODES.len()), size in 1..5_usize,
    ) {
        block_on(async {
            let world = with_contacts_and_users(world(&data, false).await);
            let behind: Vec<Behind> = behind;
            for (at, (contact, there, users, active)) in behind.into_iter().enumerate().filter(|(at, _)| !CODES[*at].is_empty()) {
                let name = format!("Contact {contact}");
                let mut employee = source_person(&format!("e{at}"), "employee-id", CODES[at], ["User one", " user TWO "][at % 2], &[], &[&name]);
                employee.state = if active { State::Active } else { State::Inactive };
                world.source.put(&EMPLOYEE, employee);
                if there {
                    let contact = source_person(&format!("c{contact}"), "name", &name, &name, &["three@example.com"], &[]);
                    world.source.put(&CONTACT, contact);
                }
                for user in 0..users {
                    let login = format!("login {contact} {user}");
                    world.source.put(&USER, source_person(&login, "name", &login, &login, &["FOUR@example.com"], &[&name]));
                }
            }
            world.run().await;
            let overview = code_overview(&world.ports(), &world.integration).await.unwrap();
            let mut lines = Vec::new();
            for skip in (0..).step_by(size) {
                let found = page(&world, &CodeQuery { skip, limit: size, ..CodeQuery::default() }, &[]).await;
                assert_eq!((found.codes, found.matches), (overview.len() as u64, overview.len() as u64));
                assert_eq!(found.unmapped, overview.iter().filter(|line| line.situation != Situation::Linked).count() as u64);
                if found.lines.is_empty() {
                    break;
                }
                lines.extend(found.lines);
            }
            let table = world.store.code_table("rep-codes").await.unwrap();
            for line in &lines {
                let standing = table.rows.iter().map(|known| &known.row).filter(|row| row.code == line.line.code);
                assert!(line.rows.iter().eq(standing), "{line:?}");
            }
            assert_eq!(lines.into_iter().map(|line| line.line).collect::<Vec<_>>(), overview);
        });
    }
}

async fn small() -> World {
    let world = with_contacts_and_users(World::new().with_users());
    for (number, code) in ["A", "B", "B", "B", "C", "C", "D"].into_iter().enumerate() {
        world.customer(&format!("C{number}"), code, &["4"]);
    }
    world.source.put(&EMPLOYEE, source_person("e1", "employee-id", "C", "Nadia Otto", &["nadia@erp.example"], &[]));
    world.codes(&[("A", Some("one"), None), ("B", Some("two"), None), ("C", None, None), ("E", Some("five"), Some("three"))]).await;
    assert_eq!(world.run().await.outcome, RunOutcome::Done);
    world
}

#[tokio::test]
async fn codes_are_filtered_ordered_searched_and_paged() {
    let world = small().await;
    use CodeFilter::{ByCode, Unmapped, UnmappedFirst};
    for (search, filter, expected) in [
        ("", UnmappedFirst, &["C", "D", "B", "A", "E"][..]),
        ("", ByCode, &["A", "B", "C", "D", "E"]),
        ("", Unmapped, &["C", "D"]),
        ("rep code - b", ByCode, &["B"]),
        (" TWO@EXAMPLE ", ByCode, &["B"]),
        ("user tw", ByCode, &["B"]),
        ("three", ByCode, &["E"]),
        ("nadia", ByCode, &["C"]),
        ("erp.example", Unmapped, &["C"]),
        ("nobody like this", ByCode, &[]),
    ] {
        let found = page(&world, &CodeQuery { search: search.into(), filter, ..CodeQuery::default() }, &[]).await;
        assert_eq!((codes(&found).as_slice(), found.matches), (expected, expected.len() as u64), "{search:?} {filter:?}");
        assert_eq!((found.codes, found.unmapped), (5, 2));
    }
    let second = page(&world, &CodeQuery { filter: ByCode, skip: 2, limit: 2, ..CodeQuery::default() }, &[]).await;
    assert_eq!((codes(&second), second.matches), (vec!["C", "D"], 5));
    for (after, filter, limit, expected) in [
        ("", UnmappedFirst, 2, &["A", "B"][..]),
        ("B", UnmappedFirst, 9, &["C", "D", "E"]),
        ("Bx", ByCode, 1, &["C"]),
        ("C", Unmapped, 9, &["D"]),
        ("E", ByCode, 9, &[]),
    ] {
        let query = CodeQuery { filter, after: Some(after.into()), limit, ..CodeQuery::default() };
        assert_eq!(codes(&page(&world, &query, &[]).await), expected, "{after:?} {filter:?}");
    }
    let choices: Vec<&str> = second.choices.iter().map(|choice| choice.user.as_str()).collect();
    assert_eq!(choices, ["four", "one", "three", "two"], "nobody who is deactivated");
}

#[tokio::test]
async fn each_code_tells_when_it_changed_and_when_that_took_effect() {
    let world = small().await;
    let effect = |version, moved: &[(&str, u64)]| Effect {
        version,
        run: RunId(version),
        at: rightful_core::Clock::now(&world.clock),
        moved: moved.iter().map(|(code, moved)| ((*code).to_owned(), *moved)).collect(),
    };
    let first = [effect(1, &[("A", 1), ("B", 3)])];
    let query = CodeQuery { filter: CodeFilter::ByCode, ..CodeQuery::default() };
    let told = |page: &CodePage| -> Vec<String> {
        let spell = |line: &PageLine| {
            let since = line.change.as_ref().map_or("-".to_owned(), |change| change.version.to_string());
            let effect = line.effect.as_ref().map_or("waits".to_owned(), |effect| format!("moved {}", effect.moved));
            format!("{} {since} {effect}", line.line.code)
        };
        page.lines.iter().map(spell).collect()
    };
    assert_eq!(told(&page(&world, &query, &first).await), ["A 1 moved 1", "B 1 moved 3", "C 1 moved 0", "D - waits", "E 1 moved 0"]);
    let changed = CodeQuery { filter: CodeFilter::Changed, ..CodeQuery::default() };
    assert_eq!(page(&world, &changed, &first).await.changed, 0);
    // A second user for A, one less for B: both changed, though B has no row of the new version.
    world.codes(&[("B", Some("two"), None), ("B", Some("three"), None)]).await;
    world.codes(&[("B", Some("two"), None), ("A", Some("one"), None), ("A", Some("two"), None)]).await;
    let found = page(&world, &changed, &first).await;
    assert_eq!((codes(&found), found.changed), (vec!["A", "B"], 2));
    assert_eq!(told(&page(&world, &query, &first).await)[..2], ["A 3 waits", "B 3 waits"]);
    let both = [effect(3, &[("A", 1)]), effect(1, &[("A", 1), ("B", 3)])];
    let found = page(&world, &query, &both).await;
    assert_eq!(told(&found), ["A 3 moved 1", "B 3 moved 0", "C 1 moved 0", "D - waits", "E 1 moved 0"]);
    assert_eq!(page(&world, &changed, &both).await.changed, 0);
    // Before any run applied the table, all of it waits.
    assert_eq!(page(&world, &changed, &[]).await.changed, 4);
}

#[tokio::test]
async fn equal_e_mails_and_unique_equal_names_are_suggested_and_told_apart() {
    let world = with_contacts_and_users(World::new().with_users());
    // A second user of the same name: nobody may say which of the two is meant.
    world.user("6", "six", true);
    world.target.change(&USER, "6", |user| user.name = "USER three".into());
    for (at, (code, name, email)) in [
        ("E-1", "Somebody Else", "two@example.com"),
        ("E-2", " user ONE ", "x@example.com"),
        ("E-3", "User three", "x@example.com"),
        ("E-4", "User five", "x@example.com"),
        ("E-5", "User two", "two@example.com"),
        ("E-6", "User four", "four@example.com"),
    ]
    .into_iter()
    .enumerate()
    {
        world.customer(&format!("C{at}"), code, &["4"]);
        world.source.put(&EMPLOYEE, source_person(&format!("e{at}"), "employee-id", code, name, &[email], &[]));
    }
    world.codes(&[("E-6", Some("four"), None)]).await;
    world.run().await;
    let found = page(&world, &CodeQuery { filter: CodeFilter::ByCode, ..CodeQuery::default() }, &[]).await;
    let suggested: Vec<Vec<(&str, bool)>> = found
        .lines
        .iter()
        .map(|line| line.line.suggestions.iter().map(|one| (one.user.as_str(), one.likeness == Likeness::Name)).collect())
        .collect();
    // By e-mail; by name; two of that name; deactivated; both, told once; mapped already.
    assert_eq!(suggested, [vec![("two", false)], vec![("one", true)], vec![], vec![], vec![("two", false)], vec![]]);
    let json = serde_json::to_value(&found.lines[0].line.suggestions).unwrap();
    assert_eq!(json, serde_json::json!([{ "user": "two", "name": "User two", "same": "email", "email": "two@example.com" }]));
}
