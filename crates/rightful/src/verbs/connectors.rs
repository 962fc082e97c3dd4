//! Verbs about vendors: `connectors` and `preflight`.

use std::fmt::Write as _;

use rightful_core::{Descriptor, Error, ErrorKind, Finding, Kind, Purpose, SettingType, Verdict};
use serde_json::{Value as Json, json};

use super::{Ended, open};
use crate::cli::{Connectors, Global, Preflight};
use crate::exit::Exit;
use crate::output;
use crate::registry::{VENDORS, connector, connectors};

/// `rightful connectors`
pub fn list(global: &Global, arguments: &Connectors) -> Ended {
    let shown: Vec<&Descriptor> = match &arguments.vendor {
        None => connectors().collect(),
        Some(wanted) => vec![connector(wanted, VENDORS).map_err(|(message, mend)| Error::new(ErrorKind::Config, message).hint(mend))?],
    };
    let values: Vec<Json> = shown.iter().map(|descriptor| described(descriptor)).collect();
    output::emit(global.json, &values, || {
        if arguments.vendor.is_some() { shown.iter().map(|one| detailed(one)).collect() } else { overview(&shown) }
    })?;
    Ok(Exit::Done)
}

fn described(descriptor: &Descriptor) -> Json {
    json!({
        "id": descriptor.id, "name": descriptor.name, "about": descriptor.about, "sign_in": descriptor.sign_in,
        "web_sign_in": descriptor.web_sign_in.is_some(),
        "settings": descriptor.settings, "kinds": (descriptor.kinds)(),
    })
}

fn overview(shown: &[&Descriptor]) -> String {
    let mut text = String::new();
    if shown.is_empty() {
        text.push_str("No connector is compiled into this program.\n");
    } else {
        let rows = shown.iter().map(|descriptor| {
            let kinds: Vec<String> = (descriptor.kinds)().iter().map(|spec| spec.kind.to_string()).collect();
            [descriptor.id.to_string(), descriptor.name.to_owned(), kinds.join(", ")]
        });
        text.push_str(&output::table(["vendor", "name", "kinds"], rows));
        text.push_str("\nMore of one: rightful connectors VENDOR\n");
    }
    let missing: Vec<&str> = VENDORS.iter().filter(|vendor| vendor.descriptor.is_none()).map(|vendor| vendor.id).collect();
    if !missing.is_empty() {
        let _ = writeln!(
            text,
            "\nNot compiled in: {}. Enable what you need:\n  cargo install --path crates/rightful --features {}",
            missing.join(", "),
            missing.join(",")
        );
    }
    text
}

fn detailed(descriptor: &Descriptor) -> String {
    let browser = if descriptor.web_sign_in.is_some() { "\nA person can sign in in a browser: rightful connect CONNECTION" } else { "" };
    let mut text = format!("{} ({})\n{}\nSign-in: {}{browser}\n\n", descriptor.name, descriptor.id, descriptor.about, descriptor.sign_in);
    let kinds = (descriptor.kinds)();
    let words = |list: Vec<String>| if list.is_empty() { "-".to_owned() } else { list.join(", ") };
    text.push_str(&output::table(
        ["kind", "can", "changed since", "batch", "owners", "keys", "fields"],
        kinds.iter().map(|spec| {
            let read = spec.unreadable.is_none().then(|| "read".to_owned());
            let verbs = read.into_iter().chain(spec.verbs.iter().map(|verb| format!("{verb:?}").to_lowercase()));
            [
                spec.kind.to_string(),
                words(verbs.collect()),
                if spec.changes == rightful_core::Changes::Since { "yes" } else { "no" }.to_owned(),
                if spec.verbs.is_empty() { "-".to_owned() } else { spec.batch.to_string() },
                words(spec.roles.iter().map(|role| format!("{}{}", role.role, if role.writable { " (written)" } else { "" })).collect()),
                words(spec.keys.iter().map(|key| key.name.to_string()).collect()),
                words(
                    spec.fields
                        .iter()
                        .map(|field| field.name.to_string())
                        .chain(spec.open_fields.then(|| "and any other by name".to_owned()))
                        .collect(),
                ),
            ]
        }),
    ));
    text.push('\n');
    text.push_str(&output::table(
        ["setting", "takes", "default", "what it is"],
        descriptor.settings.iter().map(|setting| {
            let takes = match setting.takes {
                SettingType::Choice(words) => words.join(" | "),
                other => format!("{other:?}").to_lowercase(),
            };
            let default = match setting.default {
                Some(default) => default,
                None if setting.required => "required",
                None => "-",
            };
            [setting.key.to_owned(), takes, default.to_owned(), setting.about.to_owned()]
        }),
    ));
    text
}

/// `rightful preflight`
pub async fn preflight(global: &Global, arguments: &Preflight) -> Ended {
    let composition = open(global).await?;
    let mut wanted: Vec<(rightful_core::ConnectionName, Purpose)> = Vec::new();
    if let Some(name) = &arguments.connection {
        let name = rightful_core::ConnectionName::new(name.clone());
        let connector = composition.connection(&name).await?;
        let kinds = connector.kinds().iter().map(|spec| spec.kind.clone()).collect();
        wanted.push((name, Purpose::Read(kinds)));
    } else {
        let integration = composition.integration(global.integration.as_deref())?;
        let policy = &integration.policy;
        let objects = policy.activity.iter().flat_map(|activity| &activity.workflows).map(|workflow| workflow.object.clone());
        let mut source: Vec<Kind> = vec![policy.source.kind.clone()];
        for kind in policy.source_people.iter().cloned().chain(objects) {
            if !source.contains(&kind) {
                source.push(kind);
            }
        }
        let target = composition.connection(&policy.target.connection).await?;
        let spec = target.kinds().iter().find(|spec| spec.kind == policy.target.kind);
        let people = spec.and_then(|spec| spec.role(&policy.role)).map(|role| role.people.clone());
        let written = std::iter::once(policy.target.kind.clone()).chain(people).chain(policy.follow.iter().cloned());
        wanted.push((policy.source.connection.clone(), Purpose::Read(source)));
        wanted.push((policy.target.connection.clone(), Purpose::Write(written.collect())));
    }
    let mut found: Vec<(rightful_core::ConnectionName, Finding)> = Vec::new();
    for (name, purpose) in wanted {
        let connector = composition.connection(&name).await?;
        let findings = connector.preflight(&purpose).await?;
        found.extend(findings.into_iter().map(|finding| (name.clone(), finding)));
    }
    let holds = |verdict: Verdict| !matches!(verdict, Verdict::Fail | Verdict::NotYet);
    let sound = found.iter().all(|(_, finding)| holds(finding.verdict));
    let lines: Vec<Json> = found
        .iter()
        .map(|(name, finding)| {
            json!({ "connection": name, "check": finding.check, "verdict": finding.verdict,
                    "evidence": finding.evidence, "remedy": finding.remedy })
        })
        .collect();
    output::emit(global.json, &lines, || {
        let rows = found.iter().map(|(name, finding)| {
            [
                name.to_string(),
                finding.check.clone(),
                verdict(finding.verdict).to_owned(),
                finding.evidence.clone(),
                finding.remedy.clone().unwrap_or_default(),
            ]
        });
        let mut text = output::table(["connection", "check", "verdict", "evidence", "what to do"], rows);
        let _ = write!(text, "\n{}", if sound { "Ready. Next: rightful plan" } else { "Not ready: see what to do." });
        text
    })?;
    Ok(if sound { Exit::Done } else { Exit::Preflight })
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Advice => "advice",
        Verdict::NotYet => "not yet",
        Verdict::Fail => "FAIL",
        Verdict::CannotTell => "cannot tell",
    }
}
