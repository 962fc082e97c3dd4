//! Code tables: versions, authors, and two people saving at once.

use super::*;

fn row(code: &str, user: Option<&str>, successor: Option<&str>) -> CodeRow {
    CodeRow { code: code.into(), user: user.map(Into::into), successor: successor.map(Into::into) }
}

fn edit(code: &str, rows: &[CodeRow]) -> CodeEdit {
    CodeEdit { code: code.into(), rows: rows.to_vec() }
}

#[tokio::test]
async fn sk_3_a_table_is_many_to_many_in_versions_with_author_and_reason() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let save = async |expected, edits: &[CodeEdit], by: &Authorship| store.save_codes(INTEGRATION, expected, edits, by).await.unwrap();
    assert_eq!(store.code_table(INTEGRATION).await.unwrap(), CodeTable::default());
    let (ann, ben) = (author("ann", 1), author("ben", 2));
    let (one, two, blank) = (row("R05", Some("one"), None), row("R05", Some("two"), Some("one")), row("r05", None, None));
    let edits = [
        edit("R05", &[two.clone(), one.clone(), one.clone()]),
        edit("r05", std::slice::from_ref(&blank)),
        edit("R11", &[row("R11", Some("one"), None)]),
    ];
    assert_eq!(save(0, &edits, &ann).await, Saved::Version(1));
    let stands = |row: &CodeRow, since, by: &Authorship| VersionedRow { row: row.clone(), since, by: by.clone() };
    let table = store.code_table(INTEGRATION).await.unwrap();
    let eleven = row("R11", Some("one"), None);
    assert_eq!(table.rows, [stands(&one, 1, &ann), stands(&two, 1, &ann), stands(&eleven, 1, &ann), stands(&blank, 1, &ann)]);
    // Ben takes one row away and adds one; the row that stays keeps its author; a code leaves.
    let three = row("R05", Some("three"), None);
    assert_eq!(save(1, &[edit("R05", &[one.clone(), three.clone()]), edit("R11", &[])], &ben).await, Saved::Version(2));
    let table = store.code_table(INTEGRATION).await.unwrap();
    assert_eq!((table.version, table.rows), (2, vec![stands(&one, 1, &ann), stands(&three, 2, &ben), stands(&blank, 1, &ann)]));
    let versions = store.code_versions(INTEGRATION, 9).await.unwrap();
    let second = TableVersion { version: 2, by: ben, added: vec![three], removed: vec![two.clone(), eleven.clone()] };
    let first = TableVersion { version: 1, by: ann, added: vec![one, two, eleven, blank], removed: vec![] };
    assert_eq!(versions, [second.clone(), first.clone()]);
    assert_eq!(store.code_versions(INTEGRATION, 1).await.unwrap(), std::slice::from_ref(&second));
    for (before, limit, expected) in [(Some(3), 1, &[second][..]), (Some(2), 9, &[first]), (Some(1), 9, &[]), (None, 0, &[])] {
        assert_eq!(store.code_versions_before(INTEGRATION, before, limit).await.unwrap(), expected, "{before:?} {limit}");
    }
    // Another integration has a table of its own.
    assert_eq!(store.code_table("other").await.unwrap().version, 0);
    assert!(store.code_versions("other", 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_rows_of_every_version_can_be_had_again() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let (one, two, blank) = (row("R05", Some("one"), None), row("R05", Some("two"), Some("one")), row("r05", None, None));
    let versions: [&[CodeRow]; 6] = [
        &[],
        std::slice::from_ref(&one),
        &[one.clone(), two.clone()],
        &[two.clone(), blank.clone()],
        std::slice::from_ref(&blank),
        &[one.clone(), blank.clone()],
    ];
    let mut present: Vec<CodeRow> = Vec::new();
    for (number, wanted) in versions.iter().enumerate().skip(1) {
        let edits = revert_edits(&present, wanted);
        let saved = store.save_codes(INTEGRATION, number as i64 - 1, &edits, &author("ann", number as i64)).await.unwrap();
        assert_eq!(saved, Saved::Version(number as i64));
        present = wanted.to_vec();
    }
    for (number, wanted) in versions.iter().enumerate() {
        assert_eq!(store.code_rows_at(INTEGRATION, number as i64).await.unwrap(), *wanted, "version {number}");
    }
    for version in [-1, 6] {
        is_missing(store.code_rows_at(INTEGRATION, version).await, "a version that never was");
    }
    assert_eq!(store.code_rows_at("other", 0).await.unwrap(), []);
    is_missing(store.code_rows_at("other", 1).await, "another integration's");
    // When each code last changed: a row that left counts as one that came.
    let codes = ["R05", "r05", "R11"].map(str::to_owned);
    let changes = store.code_changes(INTEGRATION, &codes).await.unwrap();
    let change = |version| CodeChange { version, by: author("ann", version) };
    assert_eq!(changes, [("R05".to_owned(), change(5)), ("r05".to_owned(), change(3))]);
    let edits = [edit("R05", &[])];
    store.save_codes(INTEGRATION, 5, &edits, &author("ben", 9)).await.unwrap();
    let changes = store.code_changes(INTEGRATION, &codes[..1]).await.unwrap();
    assert_eq!(changes, [("R05".to_owned(), CodeChange { version: 6, by: author("ben", 9) })]);
    assert_eq!(store.code_changes("other", &codes).await.unwrap(), []);
}

#[tokio::test]
async fn a_stale_version_is_refused_and_changes_nothing() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let edits = [edit("R05", &[row("R05", Some("one"), None)])];
    assert_eq!(store.save_codes(INTEGRATION, 1, &edits, &author("ann", 1)).await.unwrap(), Saved::Moved(0), "from the future");
    assert_eq!(store.save_codes(INTEGRATION, 0, &edits, &author("ann", 1)).await.unwrap(), Saved::Version(1));
    let late = [edit("R05", &[row("R05", Some("two"), None)])];
    assert_eq!(store.save_codes(INTEGRATION, 0, &late, &author("ben", 2)).await.unwrap(), Saved::Moved(1));
    let table = store.code_table(INTEGRATION).await.unwrap();
    assert_eq!((table.version, table.rows.len(), table.rows[0].by.author.as_str()), (1, 1, "ann"));
    assert_eq!(store.code_versions(INTEGRATION, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_many_who_save_at_once_exactly_one_wins_each_version() {
    let bench = Bench::new().await;
    let saves = (0..8).map(|number| {
        let store = bench.store.clone();
        tokio::spawn(async move {
            let edits = [edit("R05", &[row("R05", Some(&format!("user{number}")), None)])];
            store.save_codes(INTEGRATION, 0, &edits, &author("x", 1)).await.unwrap()
        })
    });
    let saved: Vec<Saved> = futures::future::join_all(saves).await.into_iter().map(|saved| saved.unwrap()).collect();
    assert_eq!(saved.iter().filter(|saved| **saved == Saved::Version(1)).count(), 1, "{saved:?}");
    assert_eq!(saved.iter().filter(|saved| **saved == Saved::Moved(1)).count(), 7, "{saved:?}");
    assert_eq!(bench.store.code_table(INTEGRATION).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn saving_what_stands_makes_no_version_and_of_two_edits_of_one_code_the_last_counts() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let (one, two) = (row("R05", Some("one"), None), row("R05", Some("two"), None));
    let save = async |expected, edits: &[CodeEdit]| store.save_codes(INTEGRATION, expected, edits, &author("ann", expected)).await.unwrap();
    assert_eq!(save(0, &[]).await, Saved::Version(0));
    assert_eq!(save(0, &[edit("R05", &[])]).await, Saved::Version(0), "a code that is not there leaves nothing");
    assert_eq!(save(0, &[edit("R05", std::slice::from_ref(&one))]).await, Saved::Version(1));
    assert_eq!(save(1, &[edit("R05", &[one.clone(), one.clone()])]).await, Saved::Version(1));
    // Away and back again within one save is as if nothing had happened.
    assert_eq!(save(1, &[edit("R05", &[two]), edit("R05", std::slice::from_ref(&one))]).await, Saved::Version(1));
    let table = store.code_table(INTEGRATION).await.unwrap();
    assert_eq!((table.rows.len(), table.rows[0].since, store.code_versions(INTEGRATION, 9).await.unwrap().len()), (1, 1, 1));
    // A successor is part of a row.
    assert_eq!(save(1, &[edit("R05", &[row("R05", Some("one"), Some("two"))])]).await, Saved::Version(2));
    assert_eq!(store.code_table(INTEGRATION).await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn sk_8_reading_the_table_is_noted_and_moves_no_version_and_saving_it_is_not_reading() {
    let bench = Bench::new().await;
    let store = &bench.store;
    store.codes_read(&bench.fence, minute(5)).await.unwrap();
    let table = store.code_table(INTEGRATION).await.unwrap();
    assert_eq!((table.version, table.last_read), (0, Some(minute(5))));
    store.save_codes(INTEGRATION, 0, &[edit("R05", &[row("R05", None, None)])], &author("ann", 7)).await.unwrap();
    assert_eq!(store.code_table(INTEGRATION).await.unwrap().last_read, Some(minute(5)));
    store.codes_read(&bench.fence, minute(8)).await.unwrap();
    assert_eq!(store.code_table(INTEGRATION).await.unwrap().last_read, Some(minute(8)));
}

#[tokio::test]
async fn code_counts_are_replaced_as_a_whole() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let counts = |counts: &[(&str, u64)]| counts.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect::<Vec<_>>();
    let (first, second) = (counts(&[("", 1), ("007", 2), ("7", 0), ("r", 3)]), counts(&[("007", 9), ("R", 1), ("r", 3)]));
    for kept in [&first, &second, &counts(&[]), &second] {
        store.put_code_counts(&bench.fence, kept).await.unwrap();
        let mut found = store.code_counts(INTEGRATION).await.unwrap();
        found.sort();
        assert_eq!(&found, kept);
    }
    let other = bench.other("other").await;
    store.put_code_counts(&other, &first).await.unwrap();
    assert_eq!(store.code_counts(INTEGRATION).await.unwrap().len(), 3);
}
