//! What the workspace holds, as cargo and the file system say it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::shell::{Result, output, root};

/// One package and the workspace packages it uses in normal builds.
pub struct Package {
    /// Its name.
    pub name: String,
    /// Workspace packages it depends on, with whether the dependency is optional.
    pub uses: BTreeMap<String, bool>,
    /// All direct dependencies of normal builds.
    pub direct: Vec<String>,
}

/// Every package of the workspace.
pub fn packages() -> Result<Vec<Package>> {
    let text = output("cargo", &["metadata", "--no-deps", "--format-version", "1"])?;
    let json: Json = serde_json::from_str(&text).map_err(|error| format!("cargo metadata printed no JSON: {error}"))?;
    let list = json["packages"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = list.iter().filter_map(|package| package["name"].as_str()).collect();
    Ok(list
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
            let normal: Vec<&Json> = dependencies.iter().filter(|dependency| dependency["kind"].is_null()).collect();
            Package {
                name: package["name"].as_str().unwrap_or_default().to_owned(),
                uses: normal
                    .iter()
                    .filter_map(|dependency| Some((dependency["name"].as_str()?, dependency["optional"] == true)))
                    .filter(|(name, _)| names.contains(name))
                    .map(|(name, optional)| (name.to_owned(), optional))
                    .collect(),
                direct: normal.iter().filter_map(|dependency| dependency["name"].as_str().map(str::to_owned)).collect(),
            }
        })
        .collect())
}

/// Vendor ids, from the folders `crates/connector-<vendor>`.
pub fn vendors() -> Result<Vec<String>> {
    let mut vendors: Vec<String> = std::fs::read_dir(root().join("crates"))
        .map_err(|error| format!("crates/ cannot be read: {error}"))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_prefix("connector-").map(str::to_owned))
        .collect();
    vendors.sort();
    Ok(vendors)
}

/// Names of all packages in a package's normal tree.
pub fn tree(package: &str, features: &[&str]) -> Result<Vec<String>> {
    let joined = features.join(",");
    let mut arguments = vec!["tree", "-p", package, "--no-default-features", "-e", "normal", "--prefix", "none", "--format", "{p}"];
    if !features.is_empty() {
        arguments.extend(["--features", &joined]);
    }
    let mut names: Vec<String> =
        output("cargo", &arguments)?.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
    names.sort();
    names.dedup();
    Ok(names)
}
