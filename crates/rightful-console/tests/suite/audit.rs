//! The audit log: read, narrowed, verified, taken away as a file.

use rightful_core::Clock as _;
use rightful_engine::{Access, AccessRole, Act, AuditLog as _};
use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn lines_are_shown_newest_first_page_by_page_and_narrowed() {
    let stage = Stage::set().await;
    let now = stage.world.clock.now();
    for number in 1..=120 {
        let actor = if number % 2 == 0 { "even" } else { "odd" };
        let action = if number % 3 == 0 { "codes.save" } else { "plan.approve" };
        let act = Act::new(now, actor, action, format!("widget {number};")).detail(json!({ "version": number, "reason": "<i>why</i>" }));
        stage.store.append(&act).await.unwrap();
    }
    let mut integrator = stage.signed_in("integrator").await;
    let page = integrator.get("/audit").await;
    page.says(
        200,
        &["saved the code table", "approved a plan", "reason <i>why</i>", "version 120", "signed in", "Keep this hash somewhere else"],
    );
    assert!(!page.body.contains("<i>why"), "a reason is not escaped");
    let mut seen = Vec::new();
    let mut path = "/audit?action=plan.&actor=odd".to_owned();
    loop {
        let page = integrator.get(&path).await;
        let text = page.says(200, &[]).text();
        seen.extend(text.split("widget ").skip(1).map(|rest| rest.split(';').next().unwrap().parse::<u32>().unwrap()));
        let Some((_, rest)) = page.body.split_once("\">Older</a>").map(|(before, rest)| (rest, before)) else { break };
        path = rest.rsplit("href=\"").next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    }
    assert_eq!(seen, (1..=120).rev().filter(|number| number % 2 == 1 && number % 3 != 0).collect::<Vec<u32>>());
    integrator.get("/audit?object=widget%207;").await.says(200, &["version 7", "Show all"]);
    integrator.get("/audit?actor=nobody").await.says(200, &["No line fits"]);
    // What is typed into an address is no reason to fall over.
    integrator.get("/audit?before=x&actor=%22%3E%3Cscript%3E").await.says(200, &["No line fits"]);
}

#[tokio::test]
async fn the_chain_is_verified_when_asked_and_says_where_it_breaks() {
    let stage = Stage::set().await;
    let mut integrator = stage.signed_in("integrator").await;
    integrator.submit("/audit/verify", &[]).await.says(200, &["The chain is whole: 5 lines, each follows from the one before."]);
    let database = rusqlite::Connection::open(stage.world.stand.folder.path().join("store.sqlite")).unwrap();
    database.execute("UPDATE audit SET object = 'somebody else' WHERE number = 3", []).unwrap();
    integrator.submit("/audit/verify", &[]).await.says(200, &["The chain is broken at line 3", "Compare with a backup"]);
    integrator.post("/audit/verify", &[]).await.says(403, &[]);
}

#[tokio::test]
async fn the_file_has_every_line_and_no_formula() {
    let stage = Stage::set().await;
    let now = stage.world.clock.now();
    for (actor, object) in [("=cmd|' /C calc'!A0", "+1"), ("-2+3", "@SUM(A1)"), ("\ttab", "a \"quoted\", cell\nof two lines")] {
        stage.store.append(&Act::new(now, actor, "codes.save", object)).await.unwrap();
    }
    for number in 0..2_100 {
        stage.store.append(&Act::new(now, "many", "codes.save", format!("thing {number}"))).await.unwrap();
    }
    let mut integrator = stage.signed_in("integrator").await;
    let file = integrator.get("/audit.csv?action=codes.").await;
    assert_eq!(file.header("content-type".parse().unwrap()), "text/csv; charset=utf-8");
    assert!(file.header("content-disposition".parse().unwrap()).starts_with("attachment;"));
    let mut lines = file.body.lines();
    assert_eq!(lines.next(), Some("number,at,actor,action,object,detail,hash"));
    let numbers: Vec<i64> = lines.clone().filter_map(|line| line.split(',').next()?.parse().ok()).collect();
    assert_eq!(numbers, (5..=2_107).rev().collect::<Vec<i64>>(), "each line once, newest first");
    for cell in ["'=cmd|' /C calc'!A0", "'+1", "'-2+3", "'@SUM(A1)", "'\ttab", "\"a \"\"quoted\"\", cell\nof two lines\""] {
        assert!(file.body.contains(&format!(",{cell},")), "{cell} is not in the file");
    }
}

#[tokio::test]
async fn only_integrators_of_everything_read_it() {
    let stage = Stage::set().await;
    stage.member("scoped", Access { role: AccessRole::Integrator, scope: Some(["rep-codes".to_owned()].into()) }).await;
    for name in ["viewer", "manager", "scoped"] {
        let mut browser = stage.signed_in(name).await;
        for path in ["/audit", "/audit.csv"] {
            browser.get(path).await.says(403, &["read the audit log"]);
        }
        browser.submit("/audit/verify", &[]).await.says(403, &[]);
    }
}
