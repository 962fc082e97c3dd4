//! Proves of every statement that real runs use that none of them looks at all of a table that grows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use rightful_core::{ConnectionName, Kind, Record, Secret, Settings, State, Value};
use rightful_engine::*;
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use crate::world::*;
use crate::{MasterKey, SqliteStore};

/// Every statement of every connection of this process.
static HEARD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes a connection's statements.
pub(crate) fn listen(connection: &mut Connection) {
    connection.trace_v2(
        TraceEventCodes::SQLITE_TRACE_STMT,
        Some(|event| {
            if let TraceEvent::Stmt(statement, _) = event {
                HEARD.lock().unwrap_or_else(PoisonError::into_inner).insert(statement.sql().into_owned());
            }
        }),
    );
}

/// Steps of a query plan that look at all of a table that grows, or at all of an integration's part of one.
fn looks_at_all(statement: &str, step: &str) -> bool {
    const GROWING: [&str; 23] = [
        "record",
        "record_key",
        "seen",
        "entry",
        "change",
        "plan",
        "run",
        "journal",
        "work",
        "code_row",
        "audit",
        "session",
        "episode",
        "effect",
        "approval",
        "exchange",
        "exchange_change",
        "hold",
        "link",
        "pick",
        "fact",
        "credit",
        "gone",
    ];
    let table = step.strip_prefix("SCAN ").or_else(|| step.strip_prefix("SEARCH ")).and_then(|rest| rest.split(' ').next());
    // Who verifies the chain wants to read all of it.
    let whole_chain = statement.ends_with("FROM audit ORDER BY number");
    let Some(table) = table.filter(|table| GROWING.contains(table)) else {
        // Sorting is right where little can be found, and where a whole image is wanted: at the end of a first read and for the merge-join.
        let whole_image = statement.ends_with("FROM record WHERE image = ?1 ORDER BY k, id");
        return !whole_image
            && step.contains("USE TEMP B-TREE FOR ORDER BY")
            && GROWING.iter().any(|table| statement.contains(&format!("FROM {table} ")));
    };
    // What is newest, and what is open, stands at one end of its index.
    let from_the_end = ["ORDER BY id DESC LIMIT", "ORDER BY number DESC LIMIT"].iter().any(|end| statement.contains(end))
        || ["work_open", "episode_open", "run_unfinished"].iter().any(|open| step.contains(open));
    // Whoever counts what was credited looks at the index alone.
    let counts = statement.starts_with("SELECT kind, COUNT(*) FROM credit ") && step.contains("COVERING INDEX");
    // So does whoever counts what waits, for the metrics.
    let holds = statement.starts_with("SELECT integration, '', COUNT(*) FROM hold ") && step.contains("COVERING INDEX");
    let all_of_integration =
        step.ends_with("(integration=?)") && ["entry", "work", "credit"].contains(&table) && !step.contains("_open") && !counts;
    (step.starts_with("SCAN") && !from_the_end && !whole_chain && !holds) || all_of_integration
}

#[test]
fn looking_at_all_is_recognized() {
    let entries = "SELECT id FROM entry WHERE code = ? ORDER BY id ASC LIMIT 9";
    for (statement, step, bad) in [
        (entries, "SCAN entry", true),
        (entries, "SEARCH entry USING INDEX entry_by_code (integration=?)", true),
        (entries, "SEARCH entry USING INDEX entry_by_code (integration=? AND code=?)", false),
        (entries, "SEARCH entry USING INDEX entry_open (integration=?)", false),
        (entries, "USE TEMP B-TREE FOR ORDER BY", true),
        ("SELECT head FROM run WHERE 1 ORDER BY id DESC LIMIT 3", "SCAN run", false),
        ("SELECT reason FROM work GROUP BY reason", "SCAN work USING INDEX work_open", false),
        ("SELECT code FROM code_row", "SCAN code_row", true),
        ("SELECT code FROM code_count", "SCAN code_count", false),
        ("SELECT number FROM audit ORDER BY number", "SCAN audit", false),
        ("SELECT number FROM audit WHERE object = ?1 ORDER BY number", "SCAN audit", true),
        ("SELECT id FROM episode WHERE open = 1 ORDER BY id", "SCAN episode USING INDEX episode_open", false),
        ("SELECT id FROM episode WHERE alarm = 1", "SCAN episode", true),
        ("SELECT target FROM credit", "SEARCH credit USING INDEX credit_by_source (integration=?)", true),
        ("SELECT kind, COUNT(*) FROM credit WHERE 1", "SEARCH credit USING COVERING INDEX credit_by_source (integration=?)", false),
        ("DELETE FROM record WHERE image = 1", "SEARCH record USING PRIMARY KEY (image=?)", false),
    ] {
        assert_eq!(looks_at_all(statement, step), bad, "{step}");
    }
}

/// Runs of every sort, and every view between them.
async fn everything() {
    let mut world = World::new().with_users();
    for number in 0..40 {
        world.customer(&format!("C{number:02}"), ["A", "B", "C"][number % 3], &["4"]);
        world.frequency(&format!("f{number}"), &format!("tC{number:02}"), "5");
    }
    world.integration.policy.no_match = NoOwner::Hold;
    world.codes(&[("A", Some("one"), None), ("B", Some("five"), Some("two")), ("C", None, None)]).await;
    world.source_customer("ONLY-S", "A");
    world.target.inside().faults = [Some(Fault::LostApplied), Some(Fault::LostUnapplied), Some(Fault::Refused)].into();
    let first = world.run().await;
    world.codes(&[("A", Some("two"), None)]).await;
    let plan = world.plan().await.plan.unwrap();
    world.apply(plan).await;
    world.hours(30);
    world.target.remove(&CUSTOMER, "tC39");
    // Cut off half-way, and taken up by another process.
    world.codes(&[("A", Some("three"), None)]).await;
    let failpoint: Failpoint = Arc::new(|name| {
        if name == "after-write" {
            std::panic::resume_unwind(Box::new("the process ends here"));
        }
    });
    let (ports, integration) = (world.ports(), world.integration.clone());
    let options = RunOptions { failpoint: Some(failpoint), ..RunOptions::default() };
    assert!(tokio::spawn(async move { run_job(&ports, &integration, RunTask::Full, options).await }).await.is_err());
    world.die();
    world.run().await;
    world.job(RunTask::Undo { run: first.run }, RunOptions::default()).await.unwrap();
    for key in ["C01", "tC02", "nobody"] {
        explain(&world.ports(), &world.integration, key).await.unwrap();
    }
    code_overview(&world.ports(), &world.integration).await.unwrap();
    people_overview(&world.ports(), &world.integration).await.unwrap();
    for integration in [Some("rep-codes"), None] {
        let store = &world.store;
        for open in [true, false] {
            store.cases(integration, open, Some(CaseId(1)), 9).await.unwrap();
        }
        store.case_counts(integration).await.unwrap();
        for before in [None, Some(3)] {
            let of = integration.map(str::to_owned);
            for outcome in [None, Some(None), Some(Some(RunOutcome::Failed))] {
                let filter = RunFilter { integration: of.clone(), outcome, before: before.map(RunId), limit: 9 };
                store.runs_where(&filter).await.unwrap();
            }
            for waiting in [true, false] {
                let filter = PlanFilter { integration: of.clone(), waiting, before: before.map(PlanId), limit: 9 };
                store.plans_where(&filter).await.unwrap();
            }
        }
        for open in [true, false] {
            let reason = Some("unmapped-code".to_owned());
            let filter = CaseFilter { integration: integration.map(str::to_owned), reason, open, after: Some(CaseId(1)), limit: 9 };
            store.cases_where(&filter).await.unwrap();
        }
        let holds = store.holds(integration, None, 9).await.unwrap();
        store
            .drop_hold(holds[0].id, &Authorship { author: "ann".into(), reason: "settled".into(), at: chrono::DateTime::UNIX_EPOCH })
            .await
            .unwrap();
    }
    let item = EntryFilter { run: Some(first.run), change: Some(1), limit: 1, ..EntryFilter::default() };
    world.store.entries(&item).await.unwrap();
    world.store.code_versions("rep-codes", 9).await.unwrap();
    world.store.exchanges(first.run, 1).await.unwrap();
    world.store.code_rows_at("rep-codes", 1).await.unwrap();
    world.store.code_changes("rep-codes", &["A".into()]).await.unwrap();
    people(&world.store, first.run).await;
    let plan = world.plan().await.plan.unwrap();
    serving(&world.stand.sqlite.clone().with_master_key(MasterKey::generate().map(Some)), plan).await;
}

/// Everything about people and credits.
async fn people(store: &Arc<dyn Store>, run: RunId) {
    let now = chrono::DateTime::UNIX_EPOCH;
    let by = Authorship { author: "ann".into(), reason: "so".into(), at: now };
    let holder = crate::current_holder();
    let Leased::Held(fence) = store.lease("crm-activity", &holder, now, now + chrono::Duration::hours(1)).await.unwrap() else {
        panic!("nobody else may hold it")
    };
    let (crm, game, user): (ConnectionName, ConnectionName, Kind) = ("crm".into(), "game".into(), "user".into());
    let link = |person: &str, owner: &str| Link {
        source: crm.clone(),
        person: person.into(),
        target: game.clone(),
        owner: owner.into(),
        evidence: LinkEvidence::Stated,
        by_value: None,
        by: by.clone(),
    };
    for (person, owner, replace) in [("p1", "u1", false), ("p1", "u2", true), ("p2", "u2", false)] {
        store.link(&link(person, owner), replace).await.unwrap();
    }
    store.put_links(&fence, &[link("p3", "u3")]).await.unwrap();
    store.links(&crm, &game).await.unwrap();
    store.links_of(&crm, &game, &["p1".into(), "p3".into()]).await.unwrap();
    store.unlink(&crm, &"p3".into(), &game, &by).await.unwrap();
    store.pick("crm-activity", &[Pick { person: "p1".into(), choice: Picked::Skip, by: by.clone() }]).await.unwrap();
    store.picks("crm-activity").await.unwrap();
    store.unpick("crm-activity", &["p1".into()], &by).await.unwrap();
    store.switch("crm-activity", &Switch { name: AUTOMATIC.into(), on: true, by: by.clone() }).await.unwrap();
    store.switches("crm-activity").await.unwrap();
    let fact = |value: &str| Fact { field: "team".into(), value: Value::text(value), how: How::Stated, at: now, by: "ann".into() };
    let facts = |value: &str| NewFacts { id: "u1".into(), was: Some("mail:u1".into()), facts: vec![fact(value)] };
    for value in ["North", "South", "South"] {
        store.put_facts(&game, &user, &[facts(value)], &by).await.unwrap();
    }
    store.known_people(&game, &user).await.unwrap();
    store.known_people_of(&game, &user, &["u1".into()]).await.unwrap();
    store.holds_of("crm-activity", &user, &["t1".into()]).await.unwrap();
    store.fact_history(&game, &user, &"u1".into(), "team").await.unwrap();
    let credit = Credit {
        connection: game.clone(),
        target: "t1".into(),
        integration: "crm-activity".into(),
        kind: "opportunity".into(),
        source: "d1".into(),
        owner: "u1".into(),
        values: vec![],
        state: CreditState::Sent,
        at: now,
        person: None,
        stands: None,
    };
    let image = store.image(&ImageSpec { connection: crm, kind: user, fields: vec![], key: "id".into() }).await.unwrap().id;
    let entry = store.entries(&EntryFilter { run: Some(run), limit: 1, ..EntryFilter::default() }).await.unwrap()[0].id;
    let consequences = vec![Consequence::Credit(credit), Consequence::Uncredit(game.clone(), "t2".into())];
    let settled = Settled { entry, state: EntryState::Done, note: None, into_image: false, consequences };
    store.settle(&fence, image, &[settled], &[], now).await.unwrap();
    let kind = "opportunity".into();
    for after in [None, Some(("a".into(), "b".into()))] {
        store.credits("crm-activity", &kind, after, 9).await.unwrap();
    }
    store.credits_by_target(&game, &["t1".into(), "t2".into()]).await.unwrap();
    store.credit_counts("crm-activity").await.unwrap();
    // A row that goes, comes back, is shown gone, and comes back as another.
    let row = |name: &str, state| Record { state, ..record("r1", &[], name) };
    for (items, missing) in [
        (vec![row("one", State::Active)], vec![]),
        (vec![], vec!["r1".into()]),
        (vec![row("one", State::Active)], vec![]),
        (vec![row("one", State::Gone)], vec![]),
        (vec![row("two", State::Active)], vec![]),
    ] {
        store.put_rows(&fence, image, items, missing, now).await.unwrap();
    }
    for after in [None, Some("a".into())] {
        store.gone_rows(image, after, 9).await.unwrap();
    }
    store.holds_since("crm-activity", now, 9).await.unwrap();
    store.oldest_holds().await.unwrap();
}

/// Everything that serving asks for.
async fn serving(store: &SqliteStore, plan: PlanId) {
    let now = chrono::DateTime::UNIX_EPOCH;
    let by = Authorship { author: "ann".into(), reason: "look".into(), at: now };
    let act = Act::new(now, "ann", "any.thing", "a");
    let access = Access::everywhere(AccessRole::Admin);
    let edit = MemberEdit { name: "ann".into(), display_name: "Ann".into(), access: access.clone(), active: true };
    store.add_member(&edit, Some(Secret::new("hash")), true, &act).await.unwrap();
    store.change_member(MemberId(1), 1, &MemberEdit { active: false, ..edit }, &act).await.unwrap();
    store.set_password(MemberId(1), Secret::new("hash"), &act).await.unwrap();
    store.member_named("ann").await.unwrap();
    let session = SessionRow { digest: b"d".to_vec(), data: vec![], expires: now };
    for new in [true, false] {
        store.put_session(&session, new).await.unwrap();
    }
    store.session(b"d", now).await.unwrap();
    store.end_session(b"d").await.unwrap();
    store.put_invitation(b"d", &Invitation { member: None, expires: now + chrono::Duration::hours(1) }, &act).await.unwrap();
    store.take_invitation(b"d", now).await.unwrap();
    store.forget_ended(now).await.unwrap();
    let token = store.add_token(b"d", "t", &access, now + chrono::Duration::hours(1), &act).await.unwrap();
    store.use_token(b"d", now).await.unwrap();
    store.revoke_token(token, &act).await.unwrap();
    store.tokens().await.unwrap();
    let (actor, action, object) = (Some("ann".to_owned()), Some("any.".to_owned()), Some("a".to_owned()));
    for bits in 0..16 {
        let given = |bit: u8, text: &Option<String>| text.clone().filter(|_| bits & (1 << bit) > 0);
        let before = Some(9).filter(|_| bits & 8 > 0);
        let filter = AuditFilter { actor: given(0, &actor), action: given(1, &action), object: given(2, &object), before, limit: 9 };
        store.acts(&filter).await.unwrap();
    }
    let ChainVerdict::Whole { head, .. } = store.verify().await.unwrap() else { panic!("the chain is whole") };
    store.line_with(&head).await.unwrap();
    store.all_watched().await.unwrap();
    store.vitals().await.unwrap();
    store.expect_runs("rep-codes", chrono::DateTime::UNIX_EPOCH).await.unwrap();
    store.claim_due("a", now).await.unwrap();
    store.ask_run("a", now, &act).await.unwrap();
    store.take_asked("a").await.unwrap();
    store.note_end("a", None, RunOutcome::Failed, now).await.unwrap();
    store.quarantine("a", &Quarantine { since: now, reason: "failed".into() }).await.unwrap();
    store.release_quarantine("a", &by).await.unwrap();
    store.set_editable("a", true, &by).await.unwrap();
    let episode = store.begin_episode("a", "no-progress", "what", &["mail".to_owned()], now).await.unwrap().unwrap();
    store.told(episode.id, "mail", false).await.unwrap();
    store.end_episode("a", "no-progress", now).await.unwrap();
    store.episodes().await.unwrap();
    store.effects("rep-codes", 9).await.unwrap();
    store.approve_plan(plan, &by).await.unwrap();
    store.approvals(plan).await.unwrap();
    store.reject_plan(plan, &by).await.unwrap();
    let secrets = vec![("one".to_owned(), Some(Secret::new("s"))), ("two".to_owned(), None)];
    let edit = ConnectionEdit { name: "c".into(), vendor: "v".into(), settings: Settings::default(), secrets };
    store.put_connection(0, &edit, &act).await.unwrap();
    store.connections().await.unwrap();
    store.open_secrets(&edit.name).await.unwrap();
    store.swap_slot(&edit.name, 0, Some(Secret::new("s"))).await.unwrap();
    store.check_sealed().await.unwrap();
    store.rotate_master_key(MasterKey::parse(&MasterKey::generate().unwrap()).unwrap(), &by).await.unwrap();
    store.forget_unopenable(&by).await.unwrap();
    store.remove_connection(&edit.name, &act).await.unwrap();
}

#[tokio::test]
async fn no_statement_of_a_real_run_looks_at_all_of_a_table_that_grows() {
    everything().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plans.sqlite");
    SqliteStore::open(&path).unwrap();
    let database = Connection::open(&path).unwrap();
    let heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (mut looked_at, mut bad) = (0, BTreeSet::new());
    for statement in &heard {
        let verb = statement.split_whitespace().next().unwrap_or_default();
        if !["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&verb) {
            continue;
        }
        // Other tests of this process speak to tables of their own.
        let Ok(mut plan) = database.prepare(&format!("EXPLAIN QUERY PLAN {statement}")) else { continue };
        let steps: Vec<String> = plan.raw_query().mapped(|row| row.get(3)).map(Result::unwrap).collect();
        looked_at += 1;
        bad.extend(steps.iter().filter(|step| looks_at_all(statement, step)).map(|step| format!("{step}: {statement}")));
    }
    assert!(looked_at > 140, "only {looked_at} statements were heard");
    assert!(bad.is_empty(), "{} statements need an index:\n{}", bad.len(), bad.into_iter().collect::<Vec<_>>().join("\n"));
}
