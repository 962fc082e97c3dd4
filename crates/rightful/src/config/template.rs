//! The commented configuration that `rightful init` writes and the sandbox fills in: one text, so that the two never differ in shape.

use std::fmt::Write as _;

use rightful_core::{Descriptor, Setting};

use super::{keys, spelled};

/// A pair of vendors that shows a job.
struct Example {
    job: &'static str,
    source: &'static str,
    target: &'static str,
    /// What has to be said because the job's defaults are made for other vendors.
    stated: &'static [(&'static str, &'static str)],
}

/// One for each job. The first one whose vendors are there is switched on: with several, verbs ask for a name.
const EXAMPLES: &[Example] = &[
    Example { job: "rep-codes", source: "sage-intacct", target: "skynamo", stated: &[] },
    Example { job: "owners", source: "salesforce", target: "skynamo", stated: &[("source_kind", "account"), ("source_key", "code")] },
    Example { job: "crm-activity", source: "salesforce", target: "salesscreen", stated: &[] },
    Example { job: "crm-users", source: "salesforce", target: "salesscreen", stated: &[] },
];

/// The workflow that shows how one is written, below its integration.
const WORKFLOW: &str = "\
# Which of the source's records are credited, and as what. A name with a dot is quoted.
[integrations.crm-activity.workflows.won]
object = \"opportunity\"
when = { StageName = \"Closed Won\" }
[integrations.crm-activity.workflows.won.figures.deals]
set.activityTypeName = \"Deals won\"
set.\"activity.key\" = \"new-business\"
set.\"activity.name\" = \"New business\"
set.quantity = 1
set.value1 = { field = \"Amount\" }
set.createdDate = { field = \"CloseDate\" }
set.\"user.email\" = { email = true }
";

/// What is filled in instead of examples.
#[derive(Clone, Debug, Default)]
pub struct Filled {
    /// May the connections reach addresses of this machine?
    pub allow_private: bool,
    /// Vendor, setting and its value as TOML spells it.
    pub values: Vec<(String, String, String)>,
}

/// The text of a configuration for these connectors; a connection is named as its vendor.
pub fn template(descriptors: &[&Descriptor], filled: &Filled) -> String {
    let mut text = connections(descriptors, filled);
    let mut shown = false;
    for example in EXAMPLES {
        let has = |vendor: &str| descriptors.iter().any(|descriptor| descriptor.id == vendor);
        let usable = has(example.source) && has(example.target);
        integration(&mut text, example, usable, usable && !shown);
        shown |= usable;
    }
    text.push_str("\n# Who is told when something is wrong, while `rightful serve` runs. See docs/operations.md.\n[alarms]\n");
    for setting in keys::ALARMS {
        optional(&mut text, setting);
    }
    text
}

/// The same without integrations.
pub fn connections(descriptors: &[&Descriptor], filled: &Filled) -> String {
    let mut text = String::from(
        "# Rightful's configuration. Every key that may stand here is below, with its default where it has one.\n\
         # Judge it with `rightful check`; secrets are named here, never written here.\n\n",
    );
    about(&mut text, &keys::STORE);
    let _ = writeln!(text, "store = {}", spelled(&keys::STORE, keys::STORE.example));
    for setting in keys::TOP.iter().filter(|setting| setting.key != keys::STORE.key) {
        optional(&mut text, setting);
    }
    for descriptor in descriptors {
        connection(&mut text, descriptor, filled);
    }
    if descriptors.is_empty() {
        text.push_str("\n# No connector is compiled into this program: see `rightful connectors`.\n");
    }
    text
}

fn about(text: &mut String, setting: &Setting) {
    let _ = writeln!(text, "# {}", setting.about);
}

fn connection(text: &mut String, descriptor: &Descriptor, filled: &Filled) {
    let _ = writeln!(text, "\n# {}: {}\n# Sign-in: {}", descriptor.name, descriptor.about, descriptor.sign_in);
    let _ = writeln!(text, "[connections.{}]\nvendor = \"{}\"", descriptor.id, descriptor.id);
    for setting in descriptor.settings {
        let given = filled.values.iter().find(|(vendor, key, _)| descriptor.id == vendor.as_str() && key == setting.key);
        match given {
            Some((_, _, value)) => stated(text, setting, value),
            None if setting.required => stated(text, setting, &spelled(setting, setting.example)),
            None => optional(text, setting),
        }
    }
    if filled.allow_private {
        stated(text, &keys::ALLOW_PRIVATE, "true");
    } else {
        optional(text, &keys::ALLOW_PRIVATE);
    }
    optional(text, &keys::PROXY);
}

fn stated(text: &mut String, setting: &Setting, value: &str) {
    about(text, setting);
    let _ = writeln!(text, "{} = {value}", setting.key);
}

/// A key that may be left out, with its default, else an example.
fn optional(text: &mut String, setting: &Setting) {
    about(text, setting);
    let value = setting.default.filter(|default| !default.is_empty()).unwrap_or(setting.example);
    let _ = writeln!(text, "#{} = {}", setting.key, spelled(setting, value));
}

fn integration(text: &mut String, Example { job, source, target, stated }: &Example, usable: bool, on: bool) {
    let mark = if on { "" } else { "#" };
    let _ = writeln!(text, "\n# Which connection decides, which one is kept right, and how. See docs/jobs/{job}.md.");
    if !usable {
        let _ = writeln!(text, "# (This program lacks the connector for {source} or {target}: see `rightful connectors`.)");
    } else if !on {
        let _ = writeln!(text, "# (To use it, take the marks away from its heading, from the keys right below it, and from its workflow.)");
    }
    let _ = writeln!(text, "{mark}[integrations.{job}]\n{mark}job = \"{job}\"\n{mark}source = \"{source}\"\n{mark}target = \"{target}\"");
    for (key, value) in *stated {
        let _ = writeln!(text, "{mark}{key} = \"{value}\"");
    }
    let said = |setting: &&Setting| setting.required || stated.iter().any(|(key, _)| *key == setting.key);
    for setting in keys::of_job(job).filter(|setting| !said(setting) && !setting.key.ends_with(".fallback")) {
        optional(text, setting);
    }
    if *job == "crm-activity" {
        for line in WORKFLOW.lines() {
            let _ = writeln!(text, "{}{line}", if line.starts_with('#') { "" } else { mark });
        }
    }
}

/// A text as a TOML string.
#[cfg(feature = "sandbox")]
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The reference to a secret that everybody may know: the sandbox's.
#[cfg(feature = "sandbox")]
pub fn told_secret(secret: &str) -> String {
    format!("{{ command = [\"printf\", \"%s\", {}] }}", quoted(secret))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::registry::connectors;

    #[test]
    fn what_init_writes_is_a_configuration_and_so_is_it_with_every_comment_switched_on() {
        let descriptors: Vec<&Descriptor> = connectors().collect();
        let text = template(&descriptors, &Filled::default());
        let config = Config::parse(&text, Path::new("rightful.toml")).unwrap();
        assert_eq!(config.connections.len(), descriptors.len(), "{text}");
        let all = text.lines().map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line));
        let all = all.collect::<Vec<_>>().join("\n");
        match Config::parse(&all, Path::new("rightful.toml")) {
            Ok(config) => assert_eq!(config.integrations.len(), EXAMPLES.len()),
            Err(unusable) => panic!("{:#?}\n{all}", unusable.problems),
        }
    }

    #[test]
    fn defaults_shown_are_the_defaults_used() {
        let descriptors: Vec<&Descriptor> = connectors().collect();
        let text = template(&descriptors, &Filled::default());
        let bare = Config::parse(&text, Path::new("rightful.toml")).unwrap();
        // Without caps.*.count and others, which have no default.
        let is_alarm = |line: &str| keys::ALARMS.iter().any(|setting| line.starts_with(setting.key) && setting.default.is_none());
        let (first, others) = text.split_once("\n#[integrations.").unwrap();
        let on = first
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest)
                    if !rest.starts_with([' ', '['])
                        && !rest.contains(".count")
                        && !rest.contains("proxy")
                        && !rest.starts_with("webhook.")
                        && !rest.starts_with("mail.")
                        && !is_alarm(rest) =>
                {
                    rest
                }
                _ => line,
            })
            .collect::<Vec<_>>()
            .join("\n");
        let full = Config::parse(&on, Path::new("rightful.toml")).unwrap();
        assert_eq!(bare.integrations, full.integrations);
        // Those that are switched off show theirs too.
        let shown: Vec<&str> = others.lines().collect();
        for job in ["crm-users", "crm-activity"] {
            for setting in keys::of_job(job).filter(|setting| setting.default.is_some()) {
                let line = format!("#{} = {}", setting.key, spelled(setting, setting.default.unwrap_or_default()));
                assert!(shown.contains(&line.as_str()), "{line}");
            }
        }
    }
}
