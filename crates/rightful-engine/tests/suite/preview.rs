//! What an edit would move, said before it is saved, against what the next run then moves.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rightful_engine::*;

use crate::properties::{CODES, TYPED, TableRow, block_on, data, world};
use crate::stand::CASES;
use crate::world::*;

/// The edits of the codes that these rows name.
fn edits(rows: &[TableRow], removed: &[usize]) -> Vec<CodeEdit> {
    let mut edits: BTreeMap<&str, Vec<CodeRow>> = removed.iter().map(|code| (CODES[*code], Vec::new())).collect();
    for (code, user, successor) in rows {
        let text = |typed: usize| TYPED[typed].map(str::to_owned);
        edits.entry(CODES[*code]).or_default().push(CodeRow { code: CODES[*code].into(), user: text(*user), successor: text(*successor) });
    }
    edits.into_iter().map(|(code, rows)| CodeEdit { code: code.to_owned(), rows }).collect()
}

fn edit(code: &str, users: &[&str]) -> CodeEdit {
    let row = |user: &&str| CodeRow { code: code.to_owned(), user: Some((*user).to_owned()), successor: None };
    CodeEdit { code: code.to_owned(), rows: users.iter().map(row).collect() }
}

/// Saves edits of what a preview was made of.
async fn save(world: &World, preview: &Preview, edits: &[CodeEdit]) {
    let by = Authorship { author: "ann".into(), reason: "as shown".into(), at: rightful_core::Clock::now(&world.clock) };
    let saved = world.store.save_codes("rep-codes", preview.table_version, edits, &by).await.unwrap();
    assert!(matches!(saved, Saved::Version(_)), "nobody else saved: {saved:?}");
}

/// Owners as people would write them.
fn told(owners: &[String]) -> String {
    let name = |owner: &String| format!("User {}", ["one", "two", "three", "four", "five"][owner.parse::<usize>().unwrap() - 1]);
    if owners.is_empty() { "nobody".to_owned() } else { owners.iter().map(name).collect::<Vec<_>>().join(", ") }
}

async fn held(world: &World) -> BTreeSet<String> {
    let holds = world.store.holds(Some("rep-codes"), None, 10_000).await.unwrap();
    holds.into_iter().map(|hold| hold.hold.target.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn a_preview_equals_its_effect(
        data in data(), rows in prop::collection::vec((0..CODES.len() - 1, 0..TYPED.len(), 0..TYPED.len()), 0..6),
        removed in prop::collection::vec(0..CODES.len() - 1, 0..2), no_match in 0..4_usize, visits in prop::collection::vec(0..5_u8, 0..40),
    ) {
        block_on(async {
            let mut world = world(&data, false).await;
            world.integration.policy.no_match = [NoOwner::Leave, NoOwner::Hold, NoOwner::Clear, NoOwner::Fallback("two".into())][no_match].clone();
            // A code that hands over to a successor from the start, so that visit frequencies are read.
            world.codes(&[("Z", Some("five"), Some("four"))]).await;
            for (number, owner) in visits.iter().enumerate() {
                world.frequency(&format!("f{number:02}"), &format!("tK{:03}", number / 2), &(owner + 1).to_string());
            }
            let first = world.run().await;
            let edits = edits(&rows, &removed);
            let (before, waiting, visited) = (world.owners(), held(&world).await, world.target.owners(&FREQUENCY));
            let quiet = |world: &World| (world.source.inside().calls.len(), world.target.inside().calls.len());
            let calls = quiet(&world);
            let preview = preview(&world.ports(), &world.integration, &edits, usize::MAX).await.unwrap();
            assert_eq!((quiet(&world), &world.owners()), (calls, &before), "no vendor is asked and nothing is written");
            save(&world, &preview, &edits).await;
            let report = world.run().await;
            assert_eq!(report.outcome == RunOutcome::Refused, !preview.refusals.is_empty(), "{report:?} {preview:?}");
            if first.outcome == RunOutcome::Refused || report.outcome == RunOutcome::Refused {
                return;
            }
            assert_eq!((preview.pending, preview.stays), (0, 0), "nothing else was due");
            let after = world.owners();
            let moved: BTreeMap<&str, (String, String)> = after
                .iter()
                .filter(|(id, owners)| before.get(*id) != Some(owners))
                .map(|(id, owners)| (id.trim_start_matches('t'), (told(&before[id]), told(owners))))
                .collect();
            let shown: BTreeMap<&str, (String, String)> =
                preview.records.iter().map(|line| (line.key.as_str(), (line.before.clone(), line.after.clone()))).collect();
            assert_eq!(shown, moved, "{:?}", report.notes);
            assert_eq!((preview.total, preview.records.len()), (moved.len() as u64, moved.len()));
            let mut by_move: BTreeMap<(String, String), u64> = BTreeMap::new();
            moved.into_values().for_each(|change| *by_move.entry(change).or_default() += 1);
            let listed: BTreeMap<(String, String), u64> =
                preview.moves.iter().map(|one| ((one.from.clone(), one.to.clone()), one.records)).collect();
            assert_eq!((listed, preview.rest), (by_move, 0));
            assert!(preview.moves.is_sorted_by_key(|one| std::cmp::Reverse(one.records)));
            assert_eq!(held(&world).await.difference(&waiting).count() as u64, preview.holds);
            let followed = world.target.owners(&FREQUENCY).into_iter().filter(|(id, owner)| visited[id] != *owner).count() as u64;
            assert_eq!(preview.follows, Some(followed));
        });
    }
}

#[tokio::test]
async fn without_a_complete_read_nothing_is_said() {
    let world = World::new().with_users();
    world.customer("C1", "A", &["4"]);
    let preview = preview(&world.ports(), &world.integration, &[edit("A", &["one"])], 9).await.unwrap();
    assert_eq!((preview.read_at, preview.total, preview.follows), (None, 0, None));
}

#[tokio::test]
async fn changes_that_are_due_anyway_are_told_apart_and_count_towards_the_caps() {
    let mut world = World::new().with_users();
    for number in 0..30 {
        world.customer(&format!("C{number:02}"), ["A", "B", "C"][number % 3], &["4"]);
    }
    world.codes(&[("A", Some("one"), None), ("B", Some("two"), None), ("C", Some("three"), None)]).await;
    assert_eq!(world.run().await.counts.done, 30);
    let read_at = rightful_core::Clock::now(&world.clock);
    world.hours(1);
    // Saved and not applied yet: A and B are due to go to `four`.
    world.codes(&[("A", Some("four"), None), ("B", Some("four"), None)]).await;
    world.integration.policy.caps.owner_moves = Cap { count: None, percent: Some(50), floor: 5 };
    let edits = [edit("A", &["two"]), edit("C", &["two", "four"])];
    let shown = preview(&world.ports(), &world.integration, &edits, 3).await.unwrap();
    assert_eq!((shown.total, shown.pending, shown.stays, shown.read_at), (20, 10, 0, Some(read_at)));
    let moves: Vec<(&str, &str, u64)> = shown.moves.iter().map(|one| (one.from.as_str(), one.to.as_str(), one.records)).collect();
    // From those who own them now, not from those who were to own them in between.
    assert_eq!(moves, [("User one", "User two", 10), ("User three", "User two, User four", 10)]);
    let line = PreviewLine {
        code: Some("Rep Code - A".into()),
        key: "C00".into(),
        name: "Customer C00".into(),
        before: "User one".into(),
        after: "User two".into(),
    };
    assert_eq!((shown.records.len(), &shown.records[0]), (3, &line));
    let refused: Vec<&str> = shown.refusals.iter().map(|refusal| refusal.guard.as_str()).collect();
    assert_eq!(refused, ["owner-moves"]);
    assert!(
        shown.refusals[0].evidence.starts_with("30 of 30 paired records") && shown.refusals[0].remedy.contains("apply PLAN --over-cap")
    );
    // Taken back before it took effect: what was due stays as it is.
    let back = preview(&world.ports(), &world.integration, &[edit("A", &["one"])], 3).await.unwrap();
    assert_eq!((back.total, back.stays, back.pending, back.records.len()), (0, 10, 10, 0));
}

#[tokio::test]
async fn a_code_without_users_makes_its_records_wait_where_the_policy_says_so() {
    let mut world = World::new().with_users();
    world.integration.policy.no_match = NoOwner::Hold;
    for number in 0..9 {
        world.customer(&format!("C{number}"), ["A", "B"][number % 2], &["4"]);
    }
    world.codes(&[("A", Some("one"), None)]).await;
    assert_eq!(world.run().await.outcome, RunOutcome::DoneWithHolds);
    let shown = preview(&world.ports(), &world.integration, &[edit("A", &[]), edit("B", &["two"])], 9).await.unwrap();
    assert_eq!((shown.total, shown.holds), (4, 5), "{shown:?}");
}

#[tokio::test]
async fn sk_16_what_follows_a_successor_is_counted_once_it_was_read() {
    let world = World::new().with_users();
    for number in 0..4 {
        world.customer(&format!("C{number}"), "A", &["5"]);
        world.frequency(&format!("f{number}"), &format!("tC{number}"), if number < 3 { "5" } else { "1" });
    }
    world.codes(&[("A", Some("five"), None)]).await;
    world.run().await;
    let row = CodeRow { code: "A".into(), user: Some("five".into()), successor: Some("two".into()) };
    let edits = [CodeEdit { code: "A".into(), rows: vec![row.clone()] }];
    let unread = preview(&world.ports(), &world.integration, &edits, 9).await.unwrap();
    assert_eq!((unread.total, unread.follows), (4, None), "no run had a reason to read visit frequencies yet");
    world.codes(&[("Z", Some("five"), Some("two"))]).await;
    world.run().await;
    let read = preview(&world.ports(), &world.integration, &edits, 9).await.unwrap();
    assert_eq!((read.total, read.follows), (4, Some(3)));
}

#[tokio::test]
async fn moves_beyond_the_fifty_largest_are_summed() {
    let world = World::new().with_users();
    for number in 0..60 {
        world.user(&(100 + number).to_string(), &format!("user{number}"), true);
        world.customer(&format!("C{number:02}"), "A", &[&(100 + number).to_string()]);
    }
    world.codes(&[("A", None, None)]).await;
    world.run().await;
    let shown = preview(&world.ports(), &world.integration, &[edit("A", &["one"])], 0).await.unwrap();
    assert_eq!((shown.total, shown.moves.len(), shown.rest, shown.records.len()), (60, 50, 10, 0));
}

#[tokio::test]
async fn a_table_is_edited_in_thought_as_it_is_edited_in_the_store() {
    let world = World::new().with_users();
    world.codes(&[("A", Some("one"), None), ("A", Some("two"), None), ("B", Some("two"), None)]).await;
    let table = world.store.code_table("rep-codes").await.unwrap();
    let by = Authorship { author: "ann".into(), reason: "x".into(), at: rightful_core::Clock::now(&world.clock) };
    let nothing = [edit("A", &["two", "one"]), edit("X", &[])];
    assert_eq!(table.edited(&nothing, &by), table, "nothing differs");
    let edits = [edit("A", &["two", "three"]), edit("B", &[]), edit("C", &["one"])];
    let thought = table.edited(&edits, &by);
    world.store.save_codes("rep-codes", table.version, &edits, &by).await.unwrap();
    assert_eq!(world.store.code_table("rep-codes").await.unwrap(), thought);
}
