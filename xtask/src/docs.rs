//! Writes the pages of `docs/` that are made from the code: what each connector can do, and what each vendor fault becomes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::shell::{Result, output, root};
use crate::workspace::vendors;

/// Write the pages, or only compare them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Write.
    Write,
    /// Compare.
    Check,
}

/// Makes every generated page.
pub fn run(mode: Mode) -> Result {
    let pages = [("docs/capabilities.md", capabilities()?), ("docs/errors.md", errors()?)];
    for (path, text) in pages {
        let file = root().join(path);
        let present = std::fs::read_to_string(&file).unwrap_or_default();
        if present == text {
            continue;
        }
        match mode {
            Mode::Check => return Err(format!("{path} is not what the code says; run `cargo xtask docs` and commit it")),
            Mode::Write => {
                std::fs::write(&file, text).map_err(|error| format!("{path} cannot be written: {error}"))?;
                eprintln!("wrote {path}");
            }
        }
    }
    Ok(())
}

fn words(list: &Json) -> String {
    let joined: Vec<String> = list.as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect();
    if joined.is_empty() { "-".to_owned() } else { joined.join(", ") }
}

fn capabilities() -> Result<String> {
    let listed = output("cargo", &["run", "--quiet", "-p", "rightful", "--features", "all", "--", "connectors", "--json"])?;
    let connectors: Vec<Json> =
        serde_json::from_str(&listed).map_err(|error| format!("`rightful connectors --json` printed no array: {error}"))?;
    let mut text = String::from(
        "# What each connector can do\n\nMade by `cargo xtask docs` from what the connectors declare; what is not declared is refused before any request.\n",
    );
    for connector in &connectors {
        let _ = writeln!(
            text,
            "\n## {} (`{}`)\n\n{}\n\nSign-in: {}\n",
            connector["name"].as_str().unwrap_or_default(),
            connector["id"].as_str().unwrap_or_default(),
            connector["about"].as_str().unwrap_or_default(),
            connector["sign_in"].as_str().unwrap_or_default()
        );
        text.push_str("| kind | people | read | writes | changes | states totals | batch | roles | keys | lost answers |\n");
        text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
        for kind in connector["kinds"].as_array().into_iter().flatten() {
            let roles: Vec<String> = kind["roles"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|role| {
                    let many = if role["many"] == true { "many" } else { "one" };
                    let written = if role["writable"] == true { ", written" } else { "" };
                    format!(
                        "{} ({many} {}{written})",
                        role["role"].as_str().unwrap_or_default(),
                        role["people"].as_str().unwrap_or_default()
                    )
                })
                .collect();
            let keys: Vec<&str> = kind["keys"].as_array().into_iter().flatten().filter_map(|key| key["name"].as_str()).collect();
            let yes = |field: &str| if kind[field] == true { "yes" } else { "no" };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                kind["kind"].as_str().unwrap_or_default(),
                yes("people"),
                if kind["unreadable"].is_string() { "no" } else { "yes" },
                words(&kind["verbs"]),
                kind["changes"].as_str().unwrap_or_default(),
                yes("totals"),
                kind["batch"],
                if roles.is_empty() { "-".to_owned() } else { roles.join("; ") },
                if keys.is_empty() { "-".to_owned() } else { keys.join(", ") },
                kind["settle"].as_str().unwrap_or_default()
            );
        }
        text.push_str("\n| setting | takes | required | default | what it is |\n| --- | --- | --- | --- | --- |\n");
        for setting in connector["settings"].as_array().into_iter().flatten() {
            let takes = match &setting["takes"] {
                Json::Object(choice) => choice.values().next().map(words).unwrap_or_default(),
                other => other.as_str().unwrap_or_default().to_owned(),
            };
            let _ = writeln!(
                text,
                "| `{}` | {takes} | {} | {} | {} |",
                setting["key"].as_str().unwrap_or_default(),
                if setting["required"] == true { "yes" } else { "no" },
                setting["default"].as_str().filter(|default| !default.is_empty()).map_or("-".to_owned(), |default| format!("`{default}`")),
                setting["about"].as_str().unwrap_or_default()
            );
        }
    }
    Ok(text)
}

fn errors() -> Result<String> {
    let mut text = String::from(
        "# What each fault of a vendor becomes\n\nMade by `cargo xtask docs` from `fixtures/<vendor>/errors.json`, which the contract suite proves against each simulator.\nThe kind says what to do: see `ErrorKind` in `crates/rightful-core/src/error.rs`.\n",
    );
    for vendor in vendors()? {
        let path = root().join("fixtures").join(&vendor).join("errors.json");
        let Ok(table) = std::fs::read_to_string(&path) else { continue };
        let rows: BTreeMap<String, Json> =
            serde_json::from_str(&table).map_err(|error| format!("fixtures/{vendor}/errors.json is no table of faults: {error}"))?;
        let _ = writeln!(text, "\n## {vendor}\n\n| fault | becomes |\n| --- | --- |");
        for (fault, kind) in rows {
            let kind = kind.as_str().map_or_else(|| kind.to_string(), str::to_owned);
            let _ = writeln!(text, "| `{fault}` | {kind} |");
        }
    }
    Ok(text)
}
