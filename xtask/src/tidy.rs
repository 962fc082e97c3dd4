//! Proves the invariants of `docs/architecture.md`, each with the sentence that mends it.

use std::path::Path;

use crate::shell::{Result, read, root};
use crate::workspace::{Package, packages, tree, vendors};

/// Workspace packages each package may use: (package, must use only, may use optionally).
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    ("rightful-core", &[], &[]),
    ("rightful-sim", &["rightful-core"], &[]),
    ("rightful-testkit", &["rightful-core", "rightful-sim"], &[]),
    ("rightful-engine", &["rightful-core"], &[]),
    ("rightful-store", &["rightful-core", "rightful-engine"], &[]),
    ("rightful-console", &["rightful-core", "rightful-engine"], &[]),
    ("connector-", &["rightful-core"], &["rightful-sim"]),
    ("rightful", &["rightful-core", "rightful-engine", "rightful-store"], &["rightful-sim", "rightful-console", "connector-*"]),
    (
        "rightful-bench",
        &["rightful-core", "rightful-engine", "rightful-sim", "rightful-store", "connector-salesforce", "connector-salesscreen"],
        &[],
    ),
    ("xtask", &[], &[]),
];

/// Crates that speak HTTP: no connector may carry one outside its simulator.
const HTTP_LIBRARIES: &[&str] = &["reqwest", "hyper", "hyper-util", "ureq", "isahc", "curl", "surf", "axum", "wiremock"];

/// What the engine must not carry.
const ENGINE_FORBIDDEN: &[&str] = &["reqwest", "hyper", "rusqlite", "quick-xml", "sqlx"];

/// Files every connector has.
const CONNECTOR_FILES: &[&str] = &["lib.rs", "api.rs", "wire.rs", "map.rs", "inspect.rs", "connector.rs"];

/// Checks everything and reports every breach at once.
pub fn run() -> Result {
    let mut breaches = Vec::new();
    let packages = packages()?;
    let vendors = vendors()?;
    arrows(&packages, &mut breaches);
    trees(&vendors, &mut breaches)?;
    connectors(&vendors, &mut breaches)?;
    first_lines(&mut breaches)?;
    if breaches.is_empty() {
        eprintln!("tidy: {} packages, {} vendors, all as docs/architecture.md says", packages.len(), vendors.len());
        Ok(())
    } else {
        Err(format!("{} breach(es) of docs/architecture.md:\n  - {}", breaches.len(), breaches.join("\n  - ")))
    }
}

/// Which rule a package falls under.
fn rule(name: &str) -> Option<&'static (&'static str, &'static [&'static str], &'static [&'static str])> {
    ARROWS.iter().find(|(pattern, ..)| *pattern == name || (pattern.ends_with('-') && name.starts_with(pattern)))
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

fn arrows(packages: &[Package], breaches: &mut Vec<String>) {
    for package in packages {
        let Some((_, allowed, optional)) = rule(&package.name) else {
            breaches.push(format!(
                "package `{}` has no place in the arrows: add it to ARROWS in xtask/src/tidy.rs and to docs/architecture.md",
                package.name
            ));
            continue;
        };
        for (used, is_optional) in &package.uses {
            let permitted = allowed.iter().any(|pattern| matches(pattern, used))
                || (*is_optional && optional.iter().any(|pattern| matches(pattern, used)));
            if !permitted && *used != package.name {
                breaches
                    .push(format!("`{}` uses `{used}`: that arrow is not allowed; move the code or write a decision note", package.name));
            }
        }
        if package.name.starts_with("connector-")
            && let Some(library) = package.direct.iter().find(|name| HTTP_LIBRARIES.contains(&name.as_str()))
        {
            breaches.push(format!("`{}` names the HTTP library `{library}`: send calls through rightful_core::Client", package.name));
        }
    }
}

fn trees(vendors: &[String], breaches: &mut Vec<String>) -> Result {
    for vendor in vendors {
        let package = format!("connector-{vendor}");
        let carried = tree(&package, &[])?;
        for library in HTTP_LIBRARIES.iter().filter(|library| carried.iter().any(|name| name == *library)) {
            breaches.push(format!("`{package}` carries `{library}` in a normal build: connectors know no HTTP library"));
        }
        for other in carried.iter().filter(|name| name.starts_with("connector-") && **name != package) {
            breaches.push(format!("`{package}` carries `{other}`: a connector knows no other connector"));
        }
    }
    let engine = tree("rightful-engine", &[])?;
    for library in ENGINE_FORBIDDEN.iter().filter(|library| engine.iter().any(|name| name == *library)) {
        breaches.push(format!("`rightful-engine` carries `{library}`: the engine knows no protocol and no database"));
    }
    Ok(())
}

fn connectors(vendors: &[String], breaches: &mut Vec<String>) -> Result {
    let manifest: toml::Table =
        read("crates/rightful/Cargo.toml")?.parse().map_err(|error| format!("crates/rightful/Cargo.toml is not TOML: {error}"))?;
    let features = manifest.get("features").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    let entries = |feature: &str| -> Vec<String> {
        features
            .get(feature)
            .and_then(toml::Value::as_array)
            .map(|list| list.iter().filter_map(|entry| entry.as_str().map(str::to_owned)).collect())
            .unwrap_or_default()
    };
    let registry = read("crates/rightful/src/registry.rs")?;
    let readme = read("README.md")?;
    for vendor in vendors {
        let package = format!("connector-{vendor}");
        let source = root().join("crates").join(&package).join("src");
        for file in CONNECTOR_FILES.iter().filter(|file| !source.join(file).is_file()) {
            breaches.push(format!("crates/{package}/src/{file} is missing: every connector has the same files"));
        }
        if !source.join("sim.rs").is_file() && !source.join("sim").is_dir() {
            breaches.push(format!("crates/{package}/src/sim.rs or sim/ is missing: every connector brings its simulator"));
        }
        if !root().join("crates").join(&package).join("tests/contract.rs").is_file() {
            breaches.push(format!("crates/{package}/tests/contract.rs is missing: every connector is held to the contract suite"));
        }
        let scenarios = std::fs::read_dir(root().join("fixtures").join(vendor))
            .map(|entries| entries.flatten().filter(|entry| entry.path().join("cassette.json").is_file()).count())
            .unwrap_or(0);
        if scenarios < 8 {
            breaches.push(format!("fixtures/{vendor} has {scenarios} scenarios: a connector has eight or more"));
        }
        if entries(vendor) != [format!("dep:{package}")] {
            breaches.push(format!("crates/rightful/Cargo.toml: feature `{vendor}` must be [\"dep:{package}\"]"));
        }
        if !entries("all").contains(vendor) {
            breaches.push(format!("crates/rightful/Cargo.toml: feature `all` must name `{vendor}`"));
        }
        if !entries("sandbox").contains(&format!("{package}?/sim")) {
            breaches.push(format!("crates/rightful/Cargo.toml: feature `sandbox` must name `{package}?/sim`"));
        }
        let line = format!("{}::DESCRIPTOR", package.replace('-', "_"));
        if !registry.contains(&line) || !registry.contains(&format!("feature = \"{vendor}\"")) {
            breaches.push(format!("crates/rightful/src/registry.rs must register `{line}` under feature \"{vendor}\""));
        }
        if !root().join(format!("docs/connectors/{vendor}.md")).is_file() {
            breaches.push(format!("docs/connectors/{vendor}.md is missing: which rule is kept where"));
        }
        if !readme.contains(&format!("| `{vendor}` |")) {
            breaches.push(format!("README.md: the feature table has no row `{vendor}`"));
        }
    }
    if features.get("default").and_then(toml::Value::as_array).is_none_or(|list| !list.is_empty()) {
        breaches.push("crates/rightful/Cargo.toml: `default` must be []".to_owned());
    }
    Ok(())
}

fn first_lines(breaches: &mut Vec<String>) -> Result {
    let mut pending = vec![root().join("crates"), root().join("xtask")];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                first_line(&path, breaches);
            }
        }
    }
    Ok(())
}

fn first_line(path: &Path, breaches: &mut Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if !text.starts_with("//! ") {
        let shown = path.strip_prefix(root()).unwrap_or(path).display().to_string();
        breaches.push(format!("{shown} does not open with one `//!` sentence saying why it exists"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_falls_under_the_connector_rule() {
        assert_eq!(rule("connector-acme").map(|found| found.0), Some("connector-"));
        assert_eq!(rule("rightful").map(|found| found.0), Some("rightful"));
        assert!(rule("stranger").is_none());
    }

    #[test]
    fn an_arrow_from_a_connector_to_the_engine_is_a_breach() {
        let package = Package {
            name: "connector-acme".into(),
            uses: [("rightful-core".into(), false), ("rightful-engine".into(), false), ("rightful-sim".into(), true)].into(),
            direct: vec!["reqwest".into()],
        };
        let mut breaches = Vec::new();
        arrows(&[package], &mut breaches);
        assert_eq!(breaches.len(), 2, "{breaches:#?}");
        assert!(breaches[0].contains("rightful-engine") && breaches[1].contains("reqwest"), "{breaches:#?}");
    }
}
