//! Each check of the contract can fail: a connector that is wrong in one way is caught by the check that is for it.

use crate::toy;

use std::panic::AssertUnwindSafe;

use rightful_core::Descriptor;
use rightful_testkit::{Check, Contract};

const TOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/toy");

/// What the check says against the connector.
fn verdict(descriptor: &'static Descriptor, folder: &str, check: Check) -> String {
    let held = std::panic::catch_unwind(AssertUnwindSafe(|| Contract::load(descriptor, folder, toy::simulator).hold(check)));
    match held {
        Ok(()) => "it holds".to_owned(),
        Err(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_default(),
    }
}

#[test]
fn each_flaw_is_caught_by_its_check() {
    for (descriptor, check, words) in [
        (&toy::LOSES_LAST_PAGE, Check::Paging, "7 rows were stated, 6 distinct ones read"),
        (&toy::LOSES_LAST_PAGE, Check::Scenarios, "users-two-pages"),
        (&toy::MARKS_THE_FUTURE, Check::Incremental, "lost c1"),
        (&toy::CLAIMS_NOT_DONE, Check::UnknownFate, "meets `drop-after`: c1: the connector said: not done"),
        (&toy::CLAIMS_ALL_DONE, Check::PartialWrites, "must be not done, got done 999999999"),
        (&toy::CLAIMS_ALL_DONE, Check::UnknownFate, "meets `html`"),
        (&toy::LOGS_THE_KEY, Check::LogSecrecy, "secret `api_key` is printed as it is"),
        (&toy::PRINTS_THE_KEY, Check::LogSecrecy, "secret `api_key` is printed"),
        (&toy::PRINTS_THE_KEY, Check::Settings, "a secret is printed by the connector's Debug"),
        (&toy::FORGETS_REFUSALS, Check::SignIn, "was tried 3 times"),
        (&toy::CALLS_ALL_PROTOCOL, Check::Errors, "`404` on every request: expected not-found"),
        (&toy::INVENTS_COMPANY, Check::Settings, "without `company`: connecting succeeded"),
        (&toy::DECLARES_GHOST, Check::Declared, "kind `ghost`: reading it failed"),
        (&toy::DECLARES_GHOST, Check::Coverage, "no scenario reads kind `ghost`"),
    ] {
        let verdict = verdict(descriptor, TOY, check);
        assert!(verdict.contains(words), "{check}: expected `{words}`, got:\n{verdict}");
    }
}

/// A copy of the toy's `contract.json` and `errors.json` with one member changed, and no scenarios.
fn changed(change: impl FnOnce(&mut serde_json::Value, &mut serde_json::Value)) -> tempfile::TempDir {
    let read = |name: &str| serde_json::from_str(&std::fs::read_to_string(format!("{TOY}/{name}")).unwrap()).unwrap();
    let (mut contract, mut errors) = (read("contract.json"), read("errors.json"));
    change(&mut contract, &mut errors);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("contract.json"), contract.to_string()).unwrap();
    std::fs::write(folder.path().join("errors.json"), errors.to_string()).unwrap();
    folder
}

#[test]
fn what_the_contract_states_is_checked_too() {
    type Change = fn(&mut serde_json::Value, &mut serde_json::Value);
    let cases: [(Change, Check, &str); 11] = [
        (|_, _| {}, Check::Coverage, "there are 0 scenarios"),
        (
            |contract, _| contract["never_printed"] = serde_json::json!(["Customer 3"]),
            Check::LogSecrecy,
            "`Customer 3` must never be printed",
        ),
        (|_, _| {}, Check::Coverage, "no scenario shows the case unknown-fate"),
        (|_, errors| drop(errors.as_object_mut().unwrap().remove("drop")), Check::Errors, "errors.json has no kind for `drop`"),
        (|_, errors| errors["404"] = "conflict".into(), Check::Errors, "`404` on every request: expected conflict"),
        (|_, errors| errors["500"] = "survives".into(), Check::Errors, "`500` on every request: expected survives"),
        (|contract, _| contract["secrets"]["api_key"] = "short".into(), Check::SignIn, "shorter than 8 characters"),
        (|contract, _| contract["settings"]["compny"] = "x".into(), Check::SignIn, "did you mean `company`?"),
        (|contract, _| contract["waivers"] = serde_json::json!({ "paging": "later" }), Check::SignIn, "needs a reason"),
        (|contract, _| contract["waivers"] = serde_json::json!({ "pagin": "because nobody reads pages" }), Check::SignIn, "names no check"),
        (
            |contract, _| drop(contract["writes"]["customer"].as_object_mut().unwrap().remove("create")),
            Check::PartialWrites,
            "give writes.customer.create",
        ),
    ];
    for (change, check, words) in cases {
        let folder = changed(change);
        let verdict = verdict(&toy::TOY, folder.path().to_str().unwrap(), check);
        assert!(verdict.contains(words), "expected `{words}`, got:\n{verdict}");
    }
}

#[test]
fn a_waiver_with_a_reason_is_honoured() {
    let folder = changed(|contract, _| contract["waivers"] = serde_json::json!({ "sign-in": "the toy forgets refusals on purpose" }));
    let folder = folder.path().to_str().unwrap();
    assert_eq!(verdict(&toy::FORGETS_REFUSALS, folder, Check::SignIn), "it holds");
    assert_ne!(verdict(&toy::LOSES_LAST_PAGE, folder, Check::Paging), "it holds");
}

#[test]
fn sign_ins_are_counted_where_there_are_any() {
    let folder = changed(|contract, _| {
        contract["sign_ins"] = "/sign_ins".into();
        contract["never_printed"] = serde_json::json!(["toy-token-"]);
    });
    let folder = folder.path().to_str().unwrap();
    for check in [Check::SignIn, Check::LogSecrecy, Check::UnknownFate, Check::Paging] {
        assert_eq!(verdict(&toy::SHARES_SESSION, folder, check), "it holds", "{check}");
    }
    let many = verdict(&toy::SIGNS_IN_EACH_TIME, folder, Check::SignIn);
    assert!(many.contains("8 reads side by side signed in 8 times"), "{many}");
    assert!(many.contains("a wrong secret was tried 3 times"), "{many}");
    assert!(many.contains("8 reads side by side with a wrong secret: 0 succeeded, 8 requests were sent"), "{many}");
    let astray = changed(|contract, _| contract["sign_ins"] = "/signins".into());
    let astray = verdict(&toy::SHARES_SESSION, astray.path().to_str().unwrap(), Check::SignIn);
    assert!(astray.contains("points at no number"), "{astray}");
}

/// The contract of a toy without reads: samples with ids of their own, judged by the simulator's dump.
fn without_reads(change: impl FnOnce(&mut serde_json::Value)) -> tempfile::TempDir {
    changed(|contract, _| {
        let row = |id: &str, region: &str| serde_json::json!({ "id": id, "owners": { "assigned": { "to": ["u2"] } }, "set": { "Region": region } });
        *contract = serde_json::json!({
            "settings": contract["settings"], "secrets": contract["secrets"],
            "writes": { "customer": {
                "upsert": [row("c1", "South"), row("c2", "South"), row("c3", "South")],
                "refused": row("c99", "South"),
                "seen": { "rows": "/tables/customers", "id": "/id", "owners": { "assigned": "/owners/0" }, "values": { "Region": "/region" } }
            } }
        });
        change(contract);
    })
}

#[test]
fn a_vendor_without_reads_is_held_to_what_its_simulator_shows() {
    let folder = without_reads(|_| {});
    let folder = folder.path().to_str().unwrap();
    for check in
        [Check::Settings, Check::Paging, Check::Incremental, Check::PartialWrites, Check::UnknownFate, Check::SignIn, Check::LogSecrecy]
    {
        assert_eq!(verdict(&toy::CANNOT_READ, folder, check), "it holds", "{check}");
    }
    for (descriptor, check, words) in [
        (&toy::CANNOT_READ_CLAIMS_ALL_DONE, Check::PartialWrites, "c99: a write the vendor refuses must be not done, got done c99"),
        (&toy::CANNOT_READ_CLAIMS_ALL_DONE, Check::UnknownFate, "meets `html`"),
        (&toy::CANNOT_READ_KEEPS_ALL, Check::PartialWrites, "c1 was said to be removed and is there"),
        (&toy::CANNOT_READ_READS_BACK, Check::Declared, "it cannot be read, yet it declares to be settled by reading"),
        (&toy::CANNOT_READ, Check::Declared, "field `Region` is declared, but no scenario sets it"),
        (&toy::CANNOT_READ, Check::Coverage, "no scenario shows that reading kind `customer` is refused"),
        (&toy::CANNOT_READ, Check::Coverage, "no scenario shows that `customer` can be written (Upsert)"),
        (&toy::CANNOT_READ, Check::Coverage, "no scenario shows that `customer` can be written (Remove)"),
    ] {
        let verdict = verdict(descriptor, folder, check);
        assert!(verdict.contains(words), "{check}: expected `{words}`, got:\n{verdict}");
    }
    let coverage = verdict(&toy::CANNOT_READ, folder, Check::Coverage);
    assert!(!coverage.contains("second-page") && !coverage.contains("case empty"), "a case of reads is asked for:\n{coverage}");
}

#[test]
fn what_the_contract_of_a_vendor_without_reads_leaves_out_is_told() {
    type Change = fn(&mut serde_json::Value);
    let cases: [(Change, Check, &str); 4] = [
        (|customer| drop(customer.as_object_mut().unwrap().remove("upsert")), Check::SignIn, "give 1 or more writes.customer.upsert"),
        (|customer| drop(customer.as_object_mut().unwrap().remove("refused")), Check::PartialWrites, "give writes.customer.refused"),
        (|customer| drop(customer.as_object_mut().unwrap().remove("seen")), Check::UnknownFate, "say in writes.customer.seen"),
        (
            |customer| customer["upsert"][0] = serde_json::json!({ "id": "c1", "set": { "Region": "North" } }),
            Check::PartialWrites,
            "c1 is so already",
        ),
    ];
    for (change, check, words) in cases {
        let folder = without_reads(|contract| change(&mut contract["writes"]["customer"]));
        let verdict = verdict(&toy::CANNOT_READ, folder.path().to_str().unwrap(), check);
        assert!(verdict.contains(words), "expected `{words}`, got:\n{verdict}");
    }
}
