//! An integration whose owners lead on through links: pages and operations of code tables say that it has none, everything else works as ever.

use rightful_console::{Needs, ROUTES, Route};
use rightful_core::*;
use rightful_engine::*;
use serde_json::json;

use crate::api::Program;
use crate::stage::Stage;
use crate::world::{CUSTOMER, EMPLOYEE, record};

/// One customer, whose owner in the source has the e-mail address of the target's user `one`.
async fn stage() -> Stage {
    let mut stage = Stage::set().await;
    stage.world = stage.world.with_users();
    stage.policy(|policy| {
        policy.code = CodeField { from: CodeFrom::Owner("owner".into()), label: "Owner".into() };
        policy.rules = vec![MatchRule::Link, MatchRule::Email];
        policy.follow = Vec::new();
    });
    let mut person = record("p1", &[("employee-id", "E-1")], "Nadia <O>");
    person.person = Some(Person { emails: vec!["one@example.com".into()], active: true, ..Person::default() });
    stage.world.source.put(&EMPLOYEE, person);
    let mut customer = record("sC00", &[("customer-id", "C00")], "Customer C00");
    customer.owners = vec![("owner".into(), Owner::Known(vec!["E-1".into()]))];
    stage.world.source.put(&CUSTOMER, customer);
    stage.world.target_customer("C00", &["4"]);
    stage
}

#[test]
fn whoever_edits_codes_edits_a_table_that_is_there() {
    for route in ROUTES {
        let of_codes = route.path.contains("{integration}/codes");
        let edits = matches!(route.needs, Needs::Over(Right::EditCodes | Right::SetEditable));
        assert!(!edits && (!of_codes || matches!(route.needs, Needs::OverCodes(_))), "{route:?}");
    }
}

#[tokio::test]
async fn pages_and_operations_of_code_tables_say_that_there_is_none() {
    let stage = stage().await;
    let mut integrator = stage.signed_in("integrator").await;
    for run in [false, true] {
        if run {
            stage.world.run().await;
        }
        integrator.get("/integrations").await.says(200, &["rep-codes"]);
        let page = integrator.get("/integrations/rep-codes").await;
        page.says(200, &["Links", "Which user of", "is which user of"]);
        assert!(!page.text().contains("Customer assignments") && !page.body.contains("name=\"code.0\""), "{}", page.text());
    }
    let editor = Program::of(&stage, "editor", Access::everywhere(AccessRole::Integrator)).await;
    let fields = [("version", "0"), ("code.0", "E-1"), ("user.0", "two"), ("reason", "x"), ("do", "save"), ("editable", "yes")];
    let of_codes: Vec<&Route> = ROUTES.iter().filter(|route| matches!(route.needs, Needs::OverCodes(_))).collect();
    assert!(of_codes.len() > 15, "{of_codes:?}");
    for route in of_codes {
        let path = route.path.replace("{integration}", "rep-codes").replace("{version}", "1");
        if path.starts_with("/api/") {
            let problem = editor.json(route.method, &path, json!({}), 422).await;
            assert_eq!(problem["title"], "`rep-codes` has no code table", "{} {path}", route.method);
            continue;
        }
        let page = if route.method == "GET" { integrator.get(&path).await } else { integrator.submit(&path, &fields).await };
        page.says(422, &["`rep-codes` has no code table", "found by links"]);
    }
    assert_eq!(stage.store.code_table("rep-codes").await.unwrap().version, 0);
}

#[tokio::test]
async fn plans_and_reasons_speak_of_people() {
    let stage = stage().await;
    let plan = stage.world.plan().await.plan.unwrap();
    let mut viewer = stage.signed_in("viewer").await;
    let page = viewer.get(&format!("/integrations/rep-codes/plans/{plan}")).await;
    page.says(200, &["from who is linked to whom", "Owner - Nadia <O> (one@example.com)", "the same e-mail address one@example.com"]);
    stage.world.run().await;
    let page = viewer.get("/why?integration=rep-codes&key=C00").await;
    page.says(
        200,
        &[
            "belongs to User one",
            "Because of Owner - Nadia <O> (one@example.com) (email)",
            "By who is linked to whom at present, the next run leaves it as it is",
        ],
    );
    assert!(!page.body.contains("/history"), "{}", page.text());
}
