//! Plays the demo as a newcomer does, and proves that it fails when what stands in Skynamo is not what must stand there.

use std::process::{Command, Output};

use serde_json::Value as Json;

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rightful")).args(["demo", "rep-codes"]).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Steps of a demo told as JSON.
fn steps(output: &Output) -> Vec<Json> {
    let told: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    told["steps"].as_array().unwrap().clone()
}

#[test]
fn the_whole_story_holds_for_two_seeds_and_its_counts_follow_from_them() {
    let played: Vec<Output> = ["1", "7"].map(|seed| demo(&["--seed", seed, "--json"])).into();
    for output in &played {
        let steps = steps(output);
        let wrong: Vec<&Json> = steps.iter().filter(|step| step["wrong"] != Json::Array(Vec::new())).collect();
        assert!(output.status.success() && wrong.is_empty(), "{wrong:#?}\n{}", text(&output.stderr));
        assert_eq!(steps.len(), 12);
        assert!(steps.iter().all(|step| !step["saw"].as_array().unwrap().is_empty()), "every step says what it saw");
    }
    let saw = |output: &Output| -> Vec<Json> { steps(output).into_iter().map(|step| step["saw"].clone()).collect() };
    let (one, seven) = (saw(&played[0]), saw(&played[1]));
    // What is refused, applied, unmapped, without a row, on one side, deactivated, handed over and undone is counted anew for each seed.
    for step in [0, 1, 3, 4, 5, 6, 7, 8, 10, 11] {
        assert_ne!(one[step], seven[step], "step {} says the same for both seeds", step + 1);
    }
}

#[test]
fn a_customer_that_belongs_to_somebody_else_fails_the_demo() {
    let output = demo(&["--customers", "300", "--tamper"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let step = told.split("\n\n").find(|step| step.contains(" 2. ")).unwrap_or_default();
    assert!(step.contains("DOES NOT HOLD: not as it must be: ") && step.contains("belongs to"), "{told}");
    assert!(told.contains("steps DO NOT HOLD"), "{told}");
    // The program itself notices too: its second run is no longer without changes.
    let step = told.split("\n\n").find(|step| step.contains(" 3. ")).unwrap_or_default();
    assert!(step.contains("DOES NOT HOLD"), "{told}");
}

#[test]
fn people_read_numbered_steps_without_colour_and_may_keep_the_store() {
    let output = demo(&["--customers", "120", "--seed", "5", "--keep"]);
    let (told, notes) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{told}\n{notes}");
    assert!(!told.contains('\u{1b}') && told.contains("\n 1. ") && told.contains("\n12. ") && told.contains("All 12 steps hold"), "{told}");
    let file = notes.split("--config ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_else(|| panic!("{notes}"));
    let runs = Command::new(env!("CARGO_BIN_EXE_rightful")).args(["--config", file, "--json", "runs"]).output().unwrap();
    let runs: Vec<Json> = serde_json::from_slice(&runs.stdout).unwrap();
    assert!(runs.len() >= 8, "{runs:#?}");
    let folder = std::path::Path::new(file).parent().unwrap();
    assert!(folder.starts_with(std::env::temp_dir()), "{}", folder.display());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn too_few_customers_for_a_story_are_a_usage_error() {
    let output = demo(&["--customers", "10"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("60..="), "{}", text(&output.stderr));
}

#[cfg(all(feature = "salesforce", feature = "salesscreen"))]
#[test]
fn people_and_activities_are_played_and_a_record_that_goes_behind_our_back_fails_the_demo() {
    for (job, count) in [("crm-users", 6), ("crm-activity", 9)] {
        let output = Command::new(env!("CARGO_BIN_EXE_rightful")).args(["demo", job, "--json"]).output().unwrap();
        let steps = steps(&output);
        let wrong: Vec<&Json> = steps.iter().filter(|step| step["wrong"] != Json::Array(Vec::new())).collect();
        assert!(output.status.success() && wrong.is_empty(), "{job}: {wrong:#?}\n{}", text(&output.stderr));
        assert_eq!(steps.len(), count, "{job}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_rightful")).args(["demo", "crm-activity", "--tamper"]).output().unwrap();
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let step = told.split("\n\n").find(|step| step.contains(" 3. ")).unwrap_or_default();
    assert!(step.contains("DOES NOT HOLD: SalesScreen has no record of"), "{told}");
}
