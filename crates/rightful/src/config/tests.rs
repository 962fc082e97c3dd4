//! What is wrong with a configuration is told whole, with its line and what to do.
#![cfg(all(feature = "skynamo", feature = "sage-intacct"))]

use std::path::Path;

use rightful_engine::{Assignment, NoOwner};

use super::*;
use crate::registry::connectors;

const GOOD: &str = r#"
[connections.erp]
vendor = "sage-intacct"
SETTINGS
[connections.field]
vendor = "skynamo"
instance = "acme"
api_key = { env = "SKYNAMO_API_KEY" }

[integrations.rep-codes]
job = "rep-codes"
source = "erp"
target = "field"
"#;

/// A sound configuration with the source's required settings at their examples.
fn good() -> String {
    let descriptor = connectors().find(|descriptor| descriptor.id == "sage-intacct").unwrap();
    let required = descriptor.settings.iter().filter(|setting| setting.required);
    let settings: String = required.map(|setting| format!("{} = {}\n", setting.key, spelled(setting, setting.example))).collect();
    GOOD.replace("SETTINGS\n", &settings)
}

fn parse(text: &str) -> Result<Config, Unusable> {
    Config::parse(text, Path::new("rightful.toml"))
}

#[test]
fn a_sound_configuration_is_a_policy_with_the_documented_defaults() {
    let config = parse(&good()).unwrap();
    let policy = &config.integrations["rep-codes"].policy;
    assert_eq!((policy.code.field.as_str(), policy.code.label.as_str()), ("CUSTREPID", "Rep Code"));
    assert_eq!((policy.assignment, &policy.no_match, &policy.no_owner), (Assignment::Replace, &NoOwner::Leave, &NoOwner::Leave));
    assert_eq!(policy.caps, rightful_engine::Caps::default());
    assert_eq!((policy.newcomer_hours, policy.full_read_hours, policy.include_inactive), (24, 168, false));
    assert_eq!(policy.role.as_str(), "assigned");
    assert_eq!(policy.follow.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(), ["visit-frequency"]);
    assert_eq!(policy.source_people.first().map(|kind| kind.as_str()), Some("employee"));
    assert_eq!(config.store, Path::new("rightful.db"));
}

#[test]
fn each_mistake_is_told_with_its_line_and_what_to_do() {
    let table = [
        ("api_key = { env", "api_kye = { env", "unknown key `api_kye` in [connections.field]", "did you mean `api_key`?"),
        ("instance = \"acme\"\n", "", "`instance` is missing in `field`", "add instance = \"acme\""),
        ("instance = \"acme\"", "instance = 7", "`instance` must be text in quotes, not 7", "for example instance = \"acme\""),
        ("\"skynamo\"\n", "\"skynmo\"\n", "there is no connector for a vendor `skynmo`", "did you mean `skynamo`?"),
        ("{ env = \"SKYNAMO_API_KEY\" }", "\"letmein\"", "`api_key` is a secret and must not stand in the file", "{ env = \"NAME\" }"),
        ("source = \"erp\"", "source = \"erb\"", "there is no connection `erb`", "did you mean `erp`?"),
        ("job = \"rep-codes\"", "job = \"rep-code\"", "`job` cannot be `rep-code`", "did you mean `rep-codes`?"),
        ("target = \"field\"", "target = \"field\"\nassignment = \"merged\"", "`assignment` cannot be `merged`", "`merge`"),
        (
            "target = \"field\"",
            "target = \"field\"\ncaps.owner_move.percent = 3",
            "unknown key `caps.owner_move.percent`",
            "`caps.owner_moves.percent`",
        ),
        (
            "target = \"field\"",
            "target = \"field\"\ncaps.owner_moves.percent = 101",
            "must be a whole number from 0 to 100, not 101",
            "= 20",
        ),
        ("target = \"field\"", "target = \"field\"\nno_match = \"nobody\"", "`no_match` cannot be `nobody`", "leave, hold, clear"),
        (
            "target = \"field\"",
            "target = \"field\"\nsource_kind = \"custmer\"",
            "connection `erp` has no kind `custmer`",
            "source_kind = \"customer\"",
        ),
        (
            "target = \"field\"",
            "target = \"field\"\nschedule = \"hourli\"",
            "`schedule`: `hourli` is no schedule",
            "did you mean `hourly`?",
        ),
        (
            "target = \"field\"",
            "target = \"field\"\ntime_zone = \"Europe/Berln\"",
            "`time_zone`: `Europe/Berln` is no time zone",
            "did you mean `Europe/Berlin`?",
        ),
        (
            "\n[connections.erp]",
            "\n[serve]\nparalel_runs = 3\n[connections.erp]",
            "unknown key `serve.paralel_runs`",
            "`serve.parallel_runs`",
        ),
        (
            "\n[connections.erp]",
            "\n[serve]\nparallel_runs = 0\n[connections.erp]",
            "`serve.parallel_runs` must be a whole number from 1 to 1000, not 0",
            "= 8",
        ),
        ("instance = \"acme\"", "instance = \"acme\"\nproxy = \"ftp://x\"", "`proxy` is no address of a proxy", "http://HOST:PORT"),
    ];
    for (from, to, message, mend) in table {
        let text = good();
        assert!(text.contains(from), "{from}");
        let text = text.replacen(from, to, 1);
        let problems = parse(&text).expect_err(to).problems;
        let found = problems.iter().find(|problem| problem.message.contains(message));
        let found = found.unwrap_or_else(|| panic!("{to}: no `{message}` in {problems:#?}"));
        assert!(found.mend.contains(mend), "{to}: {found:?}");
        assert!(found.line.is_some_and(|line| line > 1), "{to}: {found:?}");
        assert_eq!(problems.len(), if message.contains("kye") { 2 } else { 1 }, "{to}: {problems:#?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = good().replace("api_key", "api_kye").replace("source = \"erp\"", "sorce = \"erp\"").replace("\"rep-codes\"\n", "\"x\"\n");
    let lines: Vec<usize> = parse(&text).unwrap_err().problems.iter().filter_map(|problem| problem.line).collect();
    assert!(lines.len() >= 4 && lines.is_sorted(), "{lines:?}");
}

#[test]
fn a_fallback_is_a_table_and_so_may_be_its_user() {
    let text = good() + "no_match = { fallback = \"desk\" }\nno_owner = \"hold\"\n";
    let policy = &parse(&text).unwrap().integrations["rep-codes"].policy;
    assert_eq!((&policy.no_match, &policy.no_owner), (&NoOwner::Fallback("desk".into()), &NoOwner::Hold));
}

#[test]
fn schedules_and_serving_have_defaults_and_can_be_said() {
    let text = good();
    let config = parse(&text).unwrap();
    assert!(config.schedules["rep-codes"].told().starts_with("every hour at minute "), "{}", config.schedules["rep-codes"].told());
    let defaults = ServeConfig { listen: "127.0.0.1:8080".into(), parallel_runs: 8, quarantine_after: 5, stop: Duration::from_secs(20) };
    assert_eq!(config.serve, defaults);
    let text = format!("[serve]\nlisten = \"[::1]:90\"\nparallel_runs = 3\nquarantine_after = 9\nstop_seconds = 0\n{text}");
    let config = parse(&(text + "schedule = \"daily at 6:00\"\ntime_zone = \"Africa/Johannesburg\"\n")).unwrap();
    assert_eq!(config.schedules["rep-codes"].told(), "every day at 06:00 Africa/Johannesburg");
    assert_eq!(config.serve, ServeConfig { listen: "[::1]:90".into(), parallel_runs: 3, quarantine_after: 9, stop: Duration::ZERO });
}
