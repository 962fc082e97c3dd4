//! Builds the runner with each vendor alone, with none and with all, and looks at what each build carries.

use crate::shell::{self, Result, output};
use crate::workspace::{tree, vendors};

/// Crates that only one vendor brings.
const BROUGHT_BY: &[(&str, &str)] = &[("quick-xml", "sage-intacct")];

/// Crates that no build of the runner carries.
const NEVER: &[&str] = &["wiremock", "rightful-testkit", "ring", "openssl"];

/// Crates that only the feature `sandbox` brings.
const SANDBOX_ONLY: &[&str] = &["rightful-sim"];

/// Crates that only the feature `serve` brings.
const SERVE_ONLY: &[&str] = &["rightful-console", "axum", "askama", "argon2", "lettre"];

/// Checks every selection.
pub fn run() -> Result {
    let vendors = vendors()?;
    let mut selections: Vec<Vec<&str>> = vec![vec![]];
    selections.extend(vendors.iter().map(|vendor| vec![vendor.as_str()]));
    selections.push(vec!["serve"]);
    selections.push(vec!["all"]);
    for selection in &selections {
        let joined = selection.join(",");
        let clippy = ["clippy", "--quiet", "-p", "rightful", "--no-default-features", "--features", &joined, "--", "-D", "warnings"];
        shell::run("cargo", &clippy)?;
        let carried = tree("rightful", selection)?;
        let carries = |name: &str| carried.iter().any(|known| known == name);
        if let Some(name) = NEVER.iter().find(|name| carries(name)) {
            return Err(format!(
                "the runner with features [{joined}] carries `{name}`: find it with `cargo tree -p rightful --features {joined} -e normal -i {name}`"
            ));
        }
        if selection != &["all"] && selection != &["serve"] {
            for vendor in vendors.iter().filter(|vendor| !selection.contains(&vendor.as_str())) {
                if carries(&format!("connector-{vendor}")) {
                    return Err(format!("the runner with features [{joined}] carries connector-{vendor}"));
                }
            }
            if let Some(name) = SANDBOX_ONLY.iter().find(|name| carries(name)) {
                return Err(format!("the runner with features [{joined}] carries `{name}`, which belongs to feature `sandbox`"));
            }
            if let Some(name) = SERVE_ONLY.iter().find(|name| carries(name)) {
                return Err(format!("the runner with features [{joined}] carries `{name}`, which belongs to feature `serve`"));
            }
            if let Some((name, vendor)) = BROUGHT_BY.iter().find(|(name, vendor)| carries(name) && !selection.contains(vendor)) {
                return Err(format!("the runner with features [{joined}] carries `{name}`, which only `{vendor}` needs"));
            }
        }
        eprintln!("features [{joined}]: builds, {} packages", carried.len());
    }
    let listed = output("cargo", &["run", "--quiet", "-p", "rightful", "--no-default-features", "--", "connectors"])?;
    if !listed.contains("--features") {
        return Err(format!("a build without vendors must say how to enable one; `rightful connectors` printed:\n{listed}"));
    }
    Ok(())
}
