//! Every scenario of `fixtures/salesforce` comes out as expected.

use std::path::Path;

use connector_salesforce::DESCRIPTOR;
use rightful_testkit::run_scenario;

#[tokio::test]
async fn every_scenario_comes_out_as_expected() {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/salesforce");
    let mut folders: Vec<_> = std::fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 8, "{} scenarios", folders.len());
    let mut problems = Vec::new();
    for folder in folders {
        if let Err(problem) = run_scenario(&DESCRIPTOR, &folder).await {
            problems.push(format!("--- {}\n{problem}", folder.display()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
