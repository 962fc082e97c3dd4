//! The chain of the audit log: what enters it, what breaks it, and that nothing else does.

use std::sync::Arc;

use rightful_core::ErrorKind;
use rusqlite::Connection;
use serde_json::json;

use super::*;

async fn whole(store: &SqliteStore) -> (i64, String) {
    match store.verify().await.unwrap() {
        ChainVerdict::Whole { lines, head } => (lines, head),
        broken => panic!("{broken:?}"),
    }
}

#[tokio::test]
async fn lines_are_numbered_from_one_and_each_moves_the_head() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let (lines, empty) = whole(store).await;
    assert_eq!((lines, store.line_with(&empty).await.unwrap()), (0, Some(0)));
    let mut heads = vec![empty];
    for number in 1..=5 {
        assert_eq!(store.append(&act("codes.save", "rep-codes").detail(json!({ "version": 1 }))).await.unwrap(), number);
        let (lines, head) = whole(store).await;
        assert!(lines == number && !heads.contains(&head), "the same act again is another line");
        heads.push(head);
    }
    for (number, head) in heads.iter().enumerate() {
        assert_eq!(store.line_with(&head.to_uppercase()).await.unwrap(), Some(i64::try_from(number).unwrap()));
    }
    for unknown in ["", "ab", "no hash", &"ab".repeat(32)] {
        assert_eq!(store.line_with(unknown).await.unwrap(), None, "{unknown}");
    }
}

#[tokio::test]
async fn whatever_is_changed_in_the_file_breaks_the_chain_at_its_line() {
    const TEXT: &str = "its text is not what was written";
    const ORDER: &str = "it does not follow the line before it";
    for (sql, number, why) in [
        ("UPDATE audit SET actor = 'ben' WHERE number = 3", 3, TEXT),
        ("UPDATE audit SET action = 'codes.read' WHERE number = 1", 1, TEXT),
        ("UPDATE audit SET object = 'other' WHERE number = 5", 5, TEXT),
        ("UPDATE audit SET at = at + 1 WHERE number = 2", 2, TEXT),
        ("UPDATE audit SET detail = '{\"version\": 4}' WHERE number = 4", 4, TEXT),
        ("UPDATE audit SET detail = CAST(detail AS BLOB) WHERE number = 4", 4, TEXT),
        // What one field loses the next one gets.
        ("UPDATE audit SET actor = 'anncodes', action = '.save' WHERE number = 2", 2, TEXT),
        ("UPDATE audit SET hash = zeroblob(32) WHERE number = 2", 2, TEXT),
        ("UPDATE audit SET before = zeroblob(32) WHERE number = 2", 2, ORDER),
        ("DELETE FROM audit WHERE number = 1", 1, "it is missing: the next line there is 2"),
        ("DELETE FROM audit WHERE number IN (3, 4)", 3, "it is missing: the next line there is 5"),
        ("DELETE FROM audit WHERE number = 3; UPDATE audit SET number = number - 1 WHERE number > 3", 3, ORDER),
        (
            "UPDATE audit SET number = 9 WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3; UPDATE audit SET number = 3 WHERE number = 9",
            2,
            ORDER,
        ),
        ("UPDATE audit SET number = 0 WHERE number = 1", 1, "it is missing: the next line there is 0"),
        (
            "UPDATE audit SET number = number + 100 WHERE number > 2; UPDATE audit SET number = number - 99 WHERE number > 100;
             INSERT INTO audit SELECT 3, at, actor, action, object, detail, before, randomblob(32) FROM audit WHERE number = 2",
            3,
            ORDER,
        ),
    ] {
        let stand = Stand::new();
        let store = &stand.sqlite;
        for version in 1..=5 {
            store.append(&act("codes.save", "rep-codes").detail(json!({ "version": version }))).await.unwrap();
        }
        whole(store).await;
        Connection::open(stand.file()).unwrap().execute_batch(sql).unwrap();
        match store.verify().await.unwrap() {
            ChainVerdict::Broken { number: found, why: told } => {
                assert!(found == number && told.starts_with(why), "{sql}: line {found}: {told}");
            }
            whole => panic!("{sql}: {whole:?}"),
        }
    }
}

#[tokio::test]
async fn lines_that_were_cut_off_at_the_end_show_to_whoever_noted_a_head() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    for _ in 0..3 {
        store.append(&act("codes.save", "rep-codes")).await.unwrap();
    }
    let (_, noted) = whole(store).await;
    Connection::open(stand.file()).unwrap().execute("DELETE FROM audit WHERE number = 3", []).unwrap();
    assert_eq!((whole(store).await.0, store.line_with(&noted).await.unwrap()), (2, None));
    store.append(&act("codes.save", "rep-codes")).await.unwrap();
    assert_eq!((whole(store).await.0, store.line_with(&noted).await.unwrap()), (3, Some(3)), "the very same line again is the same chain");
}

#[tokio::test]
async fn lines_are_found_by_actor_action_and_object() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    for (actor, action, object) in [
        ("ann", "codes.save", "a"),
        ("ben", "codes.save", "b"),
        ("ann", "codes.editable", "a"),
        ("ann", "member.add", "ben"),
        ("ann", "codesmith", "a"),
        ("ben", "codes.save", "a"),
    ] {
        store.append(&Act::new(minute(0), actor, action, object)).await.unwrap();
    }
    type Asked = (Option<&'static str>, Option<&'static str>, Option<&'static str>, Option<i64>, usize);
    let table: [(Asked, &[i64]); 12] = [
        ((None, None, None, None, 9), &[6, 5, 4, 3, 2, 1]),
        ((None, None, None, None, 2), &[6, 5]),
        ((None, None, None, Some(5), 2), &[4, 3]),
        ((Some("ann"), None, None, None, 9), &[5, 4, 3, 1]),
        ((Some("Ann"), None, None, None, 9), &[]),
        ((None, Some("codes.save"), None, None, 9), &[6, 2, 1]),
        ((None, Some("codes."), None, None, 9), &[6, 3, 2, 1]),
        ((None, Some("codes"), None, None, 9), &[6, 5, 3, 2, 1]),
        ((None, Some("codes."), None, Some(6), 2), &[3, 2]),
        ((None, Some("nothing"), None, None, 9), &[]),
        ((Some("ann"), Some("codes."), Some("a"), None, 9), &[3, 1]),
        ((Some("ben"), None, Some("a"), None, 9), &[6]),
    ];
    for ((actor, action, object, before, limit), numbers) in table {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let filter = AuditFilter { actor: text(actor), action: text(action), object: text(object), before, limit };
        let found: Vec<i64> = store.acts(&filter).await.unwrap().iter().map(|line| line.number).collect();
        assert_eq!(found, numbers, "{filter:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_connections_append_to_one_chain() {
    let stand = Stand::new();
    // A store of its own for each, as another process has it.
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = SqliteStore::open(&stand.file()).unwrap();
            tokio::spawn(async move {
                for number in 0..25 {
                    store.append(&act("codes.save", &format!("{task} {number}"))).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(whole(&stand.sqlite).await.0, 200);
}

#[tokio::test]
async fn what_people_decide_has_its_line_and_what_changed_nothing_has_none() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let row = |user: &str| CodeRow { code: "R05".into(), user: Some(user.into()), successor: None };
    let save = |expected, users: &[&str]| {
        let rows = users.iter().map(|user| row(user)).collect();
        async move { store.save_codes("a", expected, &[CodeEdit { code: "R05".into(), rows }], &author("ann", 1)).await.unwrap() }
    };
    assert_eq!(save(0, &["one", "two"]).await, Saved::Version(1));
    assert_eq!(save(1, &["one", "two"]).await, Saved::Version(1));
    assert_eq!(save(0, &["three"]).await, Saved::Moved(1));
    assert_eq!(save(1, &["two", "three"]).await, Saved::Version(2));
    for paused in [false, true, false, false] {
        store.pause("a", paused, &author("ben", 2)).await.unwrap();
    }
    for editable in [false, true, true] {
        store.set_editable("a", editable, &author("ann", 3)).await.unwrap();
    }
    assert!(store.integration("a").await.unwrap().editable);
    store.release_quarantine("a", &author("ann", 4)).await.unwrap();
    assert!(!store.drop_hold(HoldId(1), &author("ann", 4)).await.unwrap());
    let fence = match store.lease("a", &stand.holder(), minute(0), minute(60)).await.unwrap() {
        Leased::Held(fence) => fence,
        busy => panic!("{busy:?}"),
    };
    let mut plan = crate::conformance::plan();
    plan.integration = "a".into();
    let id = store.begin_plan(&fence, &plan).await.unwrap();
    store.add_to_plan(&fence, id, &[], &[crate::conformance::hold("c1")], &[], minute(5)).await.unwrap();
    let hold = store.holds(None, None, 9).await.unwrap()[0].id;
    assert!(store.drop_hold(hold, &author("ben", 6)).await.unwrap());
    store.set_plan_state(&fence, id, PlanState::LetThrough, Some(author("ben", 7)), None).await.unwrap();
    store.set_plan_state(&fence, id, PlanState::Applying, None, None).await.unwrap();
    assert_eq!(
        log(store).await,
        [
            r#"ann codes.save a {"added":2,"reason":"it's so","removed":0,"version":1}"#,
            r#"ann codes.save a {"added":1,"reason":"it's so","removed":1,"version":2}"#,
            r#"ben integration.pause a {"reason":"it's so"}"#,
            r#"ben integration.resume a {"reason":"it's so"}"#,
            r#"ann codes.editable a {"editable":true,"reason":"it's so"}"#,
            r#"ben hold.drop a {"hold":"hold-1","reason":"it's so","target":"c1"}"#,
            r#"ben plan.let-through a {"plan":"plan-1","reason":"it's so"}"#,
        ]
    );
    whole(store).await;
}

/// A line and what it tells are one transaction: where one cannot be written, neither is the other.
#[tokio::test]
async fn nothing_is_decided_where_its_line_cannot_be_written() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END";
    Connection::open(stand.file()).unwrap().execute_batch(refuse).unwrap();
    let rows = vec![CodeRow { code: "R05".into(), user: Some("one".into()), successor: None }];
    store.save_codes("a", 0, &[CodeEdit { code: "R05".into(), rows }], &author("ann", 1)).await.expect_err("a save");
    store.pause("a", true, &author("ann", 1)).await.expect_err("a pause");
    store.set_editable("a", true, &author("ann", 1)).await.expect_err("a flag");
    store.ask_run("a", minute(1), &act("run.ask", "a")).await.expect_err("a run");
    let member = MemberEdit { name: "ann".into(), display_name: "Ann".into(), access: Access::everywhere(AccessRole::Admin), active: true };
    store.add_member(&member, None, true, &act("member.add", "ann")).await.expect_err("a member");
    let edit = ConnectionEdit { name: "c".into(), vendor: "v".into(), settings: Default::default(), secrets: vec![] };
    let error = store.put_connection(0, &edit, &act("connection.save", "c")).await.expect_err("a connection");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert_eq!((store.code_table("a").await.unwrap(), store.integration("a").await.unwrap()), Default::default());
    assert_eq!(store.watched("a").await.unwrap(), Watched::default());
    assert!(store.members().await.unwrap().is_empty() && store.connections().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_is_verified_as_of_one_moment_while_others_append() {
    let stand = Stand::new();
    let store = Arc::new(stand.sqlite.clone());
    store.append(&act("codes.save", "a")).await.unwrap();
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..200 {
                store.append(&act("codes.save", "a")).await.unwrap();
            }
        })
    };
    let mut seen = vec![0];
    while !writer.is_finished() {
        let (lines, head) = whole(&store).await;
        assert_eq!(store.line_with(&head).await.unwrap(), Some(lines));
        seen.push(lines);
    }
    writer.await.unwrap();
    assert!(seen.is_sorted() && whole(&store).await.0 == 201, "{seen:?}");
}
