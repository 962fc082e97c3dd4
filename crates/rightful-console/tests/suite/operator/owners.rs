//! An integration whose owners lead on through links: pages of code tables say that it has none, everything else works as ever.

use rightful_core::*;
use rightful_engine::*;

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

#[tokio::test]
async fn pages_of_code_tables_say_that_there_is_none() {
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
        for path in ["history", "history/1/revert", "import", "codes.csv"] {
            let page = integrator.get(&format!("/integrations/rep-codes/{path}")).await;
            assert!(page.text().contains("no code table") && page.text().contains("links"), "{path}: {}", page.text());
        }
    }
    let fields = [("version", "0"), ("code.0", "E-1"), ("user.0", "two"), ("reason", "x"), ("do", "save")];
    for path in ["codes", "import", "editable"] {
        let page = integrator.submit(&format!("/integrations/rep-codes/{path}"), &fields).await;
        assert!(page.text().contains("has no code table"), "{path}: {}", page.text());
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
