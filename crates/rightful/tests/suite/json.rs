//! With `--json` every verb prints one JSON document on standard output, and failures as one on standard error.

use serde_json::Value as Json;

use crate::pages;
use crate::stage::Stage;

/// Every verb, in an order in which each has something to tell.
const CALLS: &[&[&str]] = &[
    &["check"],
    &["schema"],
    &["connectors"],
    &["connectors", "skynamo"],
    &["preflight"],
    &["plan"],
    &["plan", "--list"],
    &["plan", "--show", "plan-1", "--all"],
    &["plan", "--only", "R05"],
    &["users", "--people"],
    &["users", "list", "--codes"],
    &["codes", "list"],
    &["codes", "set", "R05", "pieter", "--reason", "he takes over"],
    &["codes", "import", "table.csv", "--reason", "spring", "--dry-run"],
    &["codes", "export"],
    &["codes", "export", "out.csv"],
    &["codes", "history"],
    &["run"],
    &["apply", "plan-3"],
    &["runs"],
    &["runs", "run-3"],
    &["explain", "CUSTOMER"],
    &["cases"],
    &["holds", "list"],
    &["holds", "drop", "hold-1"],
    &["undo", "run-3"],
    &["pause", "--reason", "ERP upgrade"],
    &["resume"],
    &["alarms", "list"],
    &["audit", "list", "--action", "codes."],
    &["audit", "verify"],
    &["key", "new"],
    &["key", "rotate", "--to-file", "next.key"],
    &["key", "forget"],
    &["backup", "backup.db"],
    &["restore", "backup.db", "--force"],
    &["init", "other.toml"],
    &["completions", "bash"],
];

/// They print lines as things happen, need somebody who is told (`alarms test`) or an integration that credits, and are tested where they live.
const APART: &[&str] = &[
    "alarms",
    "connect",
    "link",
    "sandbox",
    "serve",
    "demo",
    "users map",
    "users create",
    "users skip",
    "users team",
    "users automatic",
    "users import",
    "workflows",
    "holds replay",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verb_prints_one_document() {
    for verb in pages::verbs().await {
        let called = CALLS.iter().any(|call| verb.iter().zip(*call).all(|(word, given)| word == given));
        let apart = APART.contains(&verb[0].as_str()) || APART.contains(&verb.join(" ").as_str());
        assert!(called || apart, "{verb:?} is not called here");
    }
    let stage = Stage::new().await;
    stage.configure(|text| {
        let text = text.replace("target = \"field\"", "target = \"field\"\nno_match = \"hold\"");
        format!("master_key = {{ file = \"master.key\" }}\n{text}")
    });
    std::fs::write(stage.path("master.key"), "01".repeat(32)).unwrap();
    // The very same: whoever comes after it in this list needs no other configuration.
    std::fs::write(stage.path("next.key"), "01".repeat(32)).unwrap();
    std::fs::write(stage.path("table.csv"), "code,user\nR05,pieter\n").unwrap();
    let known = stage.target().customers.keys().next().unwrap().clone();
    for call in CALLS {
        let words: Vec<&str> = call.iter().map(|word| if *word == "CUSTOMER" { &known } else { *word }).chain(["--json"]).collect();
        let told = stage.rightful(&words).await;
        // `run` applied that plan: that it is not applied twice is a report too.
        let code = i32::from(call[0] == "apply");
        let document = told.exits(code).json();
        assert!(document.is_object() || document.is_array(), "{call:?}: {document}");
    }
    assert!(stage.path("out.csv").exists(), "a file that is named is written, with --json too");
}

#[tokio::test]
async fn failures_are_a_document_with_what_to_do() {
    let stage = Stage::new().await;
    for (words, kind) in
        [(&["plan", "--show", "plan-7"][..], "config"), (&["explain", "nobody"], "not-found"), (&["run", "other"], "config")]
    {
        let told = stage.rightful(&[words, &["--json"]].concat()).await.exits(1);
        assert_eq!(told.out, "", "{words:?}");
        let document: Json = serde_json::from_str(&told.err).unwrap();
        assert_eq!(document["error"]["kind"], kind, "{document}");
        assert!(document["error"]["message"].is_string() && document["error"]["mend"].is_string(), "{document}");
    }
    stage.configure(|text| text.replace("job =", "jobb ="));
    let told = stage.rightful(&["run", "--json"]).await.exits(1);
    let document: Json = serde_json::from_str(&told.err).unwrap();
    let problems = document["error"]["problems"].as_array().unwrap();
    assert!(!problems.is_empty() && problems.iter().all(|problem| problem["line"].is_u64() && problem["mend"].is_string()), "{document}");
}

#[tokio::test]
async fn connectors_are_an_array_of_objects_with_an_id() {
    let stage = Stage::new().await;
    let listed = stage.rightful(&["connectors", "--json"]).await.exits(0).json();
    let ids: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(ids, ["sage-intacct", "skynamo", "salesscreen", "salesforce"]);
    let in_a_browser: Vec<bool> = listed.as_array().unwrap().iter().filter_map(|one| one["web_sign_in"].as_bool()).collect();
    assert_eq!(in_a_browser, [false, false, false, true]);
}
