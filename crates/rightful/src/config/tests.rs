//! What is wrong with a configuration is told whole, with its line and what to do.
#![cfg(all(feature = "skynamo", feature = "sage-intacct"))]

use std::path::Path;

use rightful_core::KeyName;
use rightful_engine::{Assignment, CodeFrom, MatchRule, NoOwner};

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
    assert_eq!((&policy.code.from, policy.code.label.as_str()), (&CodeFrom::Field("CUSTREPID".into()), "Rep Code"));
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

/// The same pair by the job `owners`, with these lines.
fn owners(lines: &str) -> String {
    good().replace("job = \"rep-codes\"", "job = \"owners\"") + lines
}

#[test]
fn owners_lead_on_by_links_unless_said() {
    let role = |text: &str| {
        let policy = parse(text).unwrap().integrations.remove("rep-codes").unwrap().policy;
        (
            policy.owner_role().map(ToString::to_string),
            policy.rules,
            policy.follow.len(),
            policy.source_people.first().map(ToString::to_string),
        )
    };
    let owner = || Some("owner".to_owned());
    let people = || Some("employee".to_owned());
    let both = vec![MatchRule::Link, MatchRule::Email];
    assert_eq!(role(&owners("")), (owner(), both.clone(), 0, people()));
    assert_eq!(role(&owners("owner_role = \"owner\"\nmatch = \"link , email\"\n")), (owner(), both, 0, people()));
    let keys = MatchRule::ExternalId { source: KeyName::new("employee-id"), target: KeyName::new("user-name") };
    let rules = vec![keys, MatchRule::Link, MatchRule::Email];
    let list = "match = [\"external-id:employee-id=user-name\", \"link\", \"email\"]\n";
    assert_eq!(role(&owners(list)), (owner(), rules, 0, people()));
    let id = MatchRule::ExternalId { source: KeyName::new("id"), target: KeyName::new("id") };
    assert_eq!(role(&owners("match = \"external-id: id = id\"\n")).1, [id]);
}

#[test]
fn each_mistake_of_who_is_who_is_told_with_its_line_and_what_to_do() {
    let table = [
        (
            "code.label = \"Rep\"",
            "`code.label` in [integrations.rep-codes] is of the job `rep-codes`, and this one is `owners`",
            "change `job`",
        ),
        ("code = { field = \"X\" }", "`code.field` in [integrations.rep-codes] is of the job `rep-codes`", "change `job`"),
        ("owner_role = \"ownr\"", "kind `customer` of connection `erp` has no role `ownr`", "did you mean `owner`?"),
        ("match = \"link, emial\"", "`match` knows no rule `emial`", "did you mean `email`?"),
        ("match = \"code\"", "`match` knows no rule `code`", "external-id:SOURCE_KEY=TARGET_KEY"),
        ("match = 7", "`match` must be words, as text with commas or as a list, not 7", "link, email"),
        ("match = [7]", "`match` must be words", "link, email"),
        ("match = \"\"", "`match` names no rule", "match = [\"link\", \"email\"]"),
        ("match = \"link, link\"", "`link` stands twice in `match`", "once"),
        ("match = \"email, link\"", "`email` in `match` has no `link` before it", "write `link` before `email`"),
        ("match = \"email\"", "`email` in `match` has no `link` before it", "write `link` before `email`"),
        ("match = \"external-id\"", "`match` knows no rule `external-id`", "external-id"),
        ("match = \"external-id:employee-id\"", "does not name two keys", "kind `user` of connection `field` has: user-name, email, id"),
        (
            "match = \"external-id:employe-id=user-name\"",
            "kind `employee` of connection `erp` has no key `employe-id`",
            "did you mean `employee-id`? kind `employee` of connection `erp` has: employee-id",
        ),
        (
            "match = \"external-id:employee-id=username\"",
            "kind `user` of connection `field` has no key `username`",
            "did you mean `user-name`?",
        ),
    ];
    for (line, message, mend) in table {
        let problems = parse(&owners(&format!("{line}\n"))).expect_err(line).problems;
        let found = problems.iter().find(|problem| problem.message.contains(message));
        let found = found.unwrap_or_else(|| panic!("{line}: no `{message}` in {problems:#?}"));
        assert!(found.mend.contains(mend), "{line}: {found:?}");
        assert!(found.line.is_some_and(|line| line > 1) && problems.len() == 1, "{line}: {problems:#?}");
    }
    // The other way about.
    let problems = parse(&(good() + "match = \"link\"\n")).unwrap_err().problems;
    assert!(
        problems[0].message.contains("is of the job `owners` or `crm-users` or `crm-activity`, and this one is `rep-codes`"),
        "{problems:?}"
    );
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
    let defaults = ServeConfig {
        listen: "127.0.0.1:8080".into(),
        public_url: None,
        parallel_runs: 8,
        quarantine_after: 5,
        stop: Duration::from_secs(20),
    };
    assert_eq!(config.serve, defaults);
    let text = format!(
        "[serve]\nlisten = \"[::1]:90\"\npublic_url = \"https://rightful.example.com/\"\nparallel_runs = 3\nquarantine_after = 9\nstop_seconds = 0\n{text}"
    );
    let config = parse(&(text + "schedule = \"daily at 6:00\"\ntime_zone = \"Africa/Johannesburg\"\n")).unwrap();
    assert_eq!(config.schedules["rep-codes"].told(), "every day at 06:00 Africa/Johannesburg");
    assert_eq!(
        config.serve,
        ServeConfig {
            listen: "[::1]:90".into(),
            public_url: Some("https://rightful.example.com".into()),
            parallel_runs: 3,
            quarantine_after: 9,
            stop: Duration::ZERO
        }
    );
}

fn stored(name: &str, vendor: &str) -> StoredConnection {
    let settings = Settings::new([("instance", "acme".into())]);
    StoredConnection {
        name: name.into(),
        vendor: vendor.into(),
        settings,
        sealed: vec![("api_key".into(), Instant::UNIX_EPOCH)],
        revision: 4,
    }
}

fn parse_with(text: &str, stored: &[StoredConnection]) -> Result<Config, Unusable> {
    ConfigFile::new(text, Path::new("rightful.toml")).judged_with(stored)
}

/// Without the target's connection.
fn without_field() -> String {
    let text = good();
    let (from, to) = (text.find("[connections.field]").unwrap(), text.find("[integrations.").unwrap());
    format!("{}{}", &text[..from], &text[to..])
}

#[test]
fn integrations_may_name_connections_that_were_entered_in_the_console() {
    let problems = parse_with(&without_field(), &[]).unwrap_err().problems;
    assert!(problems.len() == 1 && problems[0].mend.contains("enter it in the console"), "{problems:?}");
    let config = parse_with(&without_field(), &[stored("field", "skynamo"), stored("unused", "vendor of another build")]).unwrap();
    assert_eq!(config.integrations, parse(&good()).unwrap().integrations, "the same policy wherever it was entered");
    let field = &config.connections[&ConnectionName::from("field")];
    assert_eq!(field.secrets, SecretSource::Sealed(vec![("api_key".into(), Instant::UNIX_EPOCH)], 4));
    assert!(!field.network.allow_private);
    assert_eq!(config.connections.len(), 2, "one whose vendor is not here is left out");
    // Settings that cannot be right are their connector's to judge, and the console's to mend.
    let mut wrong = stored("field", "skynamo");
    wrong.settings = Settings::default();
    parse_with(&without_field(), &[wrong]).unwrap();
}

#[test]
fn what_is_wrong_between_the_file_and_the_console_is_told_with_its_line() {
    let line = |text: &str, start: &str| text.lines().position(|line| line.starts_with(start)).map(|line| line + 1);
    let text = good();
    let problems = parse_with(&text, &[stored("field", "skynamo")]).unwrap_err().problems;
    assert_eq!((problems.len(), problems[0].line), (1, line(&text, "[connections.field]")), "{problems:?}");
    assert!(problems[0].message.contains("entered in the console too") && problems[0].mend.contains("[connections.field]"), "{problems:?}");
    let text = without_field();
    let problems = parse_with(&text, &[stored("field", "skynmo")]).unwrap_err().problems;
    assert_eq!((problems.len(), problems[0].line), (1, line(&text, "target")), "{problems:?}");
    assert!(problems[0].message.contains("no connector for a vendor `skynmo`") && problems[0].mend.contains("skynamo"), "{problems:?}");
}

#[test]
fn the_master_key_is_a_reference_like_any_secret() {
    let config = parse(&format!("master_key = {{ env = \"KEY\" }}\n{}", good())).unwrap();
    assert_eq!(config.master_key, Some(SecretReference::Env("KEY".into())));
    assert_eq!(parse(&good()).unwrap().master_key, None);
    for (line, message) in [
        ("master_key = \"0101\"", "`master_key` is a secret and must not stand in the file"),
        ("master_key.envv = \"KEY\"", "`master_key.envv` is no way to give a secret"),
        ("master_kye = { env = \"KEY\" }", "unknown key `master_kye`"),
    ] {
        let text = format!("{line}\n{}", good());
        let problems = parse(&text).unwrap_err().problems;
        assert!(problems.len() == 1 && problems[0].message.contains(message) && problems[0].line == Some(1), "{problems:?}");
        let head = ConfigFile::new(text, Path::new("rightful.toml")).head();
        assert_eq!(head.is_err(), !line.starts_with("master_kye"), "what concerns the store alone is told by itself: {head:?}");
    }
    // Whatever else is wrong, the store is found.
    let head = ConfigFile::new("store = \"a.db\"\nnonsense = 1\n[connections.x]\n", Path::new("x/rightful.toml")).head().unwrap();
    assert_eq!(head.store, Path::new("x/a.db"));
}

#[cfg(feature = "salesscreen")]
#[test]
fn a_kind_that_cannot_be_read_is_refused_with_the_reason() {
    let screen = "[connections.screen]\nvendor = \"salesscreen\"\ncompany = \"acme\"\napi_key = { env = \"SALESSCREEN_API_KEY\" }\n";
    let text = format!("{screen}{}", good()).replace("target = \"field\"", "target = \"screen\"\ntarget_kind = \"record\"");
    let problems: String =
        parse(&text).unwrap_err().problems.iter().map(|problem| format!("{} {}\n", problem.message, problem.mend)).collect();
    assert!(problems.contains("kind `record` of connection `screen` cannot be read, so nothing can be compared with it"), "{problems}");
    assert!(problems.contains("choose a connection whose kinds can be read"), "{problems}");
}

#[cfg(all(feature = "salesforce", feature = "salesscreen"))]
mod crediting {
    use rightful_core::{Decimal, Value};
    use rightful_engine::{Condition, From, MatchRule, PeopleMode, Test, Triggers};

    use super::*;

    const GOOD: &str = r#"
[connections.crm]
vendor = "salesforce"
login_url = "https://acme.my.salesforce.com"
client_id = "3MVG9"

[connections.screen]
vendor = "salesscreen"
company = "acme"
api_key = { env = "SALESSCREEN_API_KEY" }

[integrations.deals]
job = "crm-activity"
source = "crm"
target = "screen"

[integrations.deals.workflows.won]
object = "opportunity"
triggers = ["create", "update"]

[integrations.deals.workflows.won.when]
StageName = ["Closed Won", "Won"]
Amount = { at_least = 1_000.50 }
CloseDate = { at_least = 2026-01-01, filled = true }
Type = { not = "Test" }
NextStep = { empty = true }

[integrations.deals.workflows.won.figures.deals]
owner = { field = "Closer__c" }

[integrations.deals.workflows.won.figures.deals.set]
activityTypeName = "Deals won"
"activity.key" = "new"
quantity = 1
value1 = { field = "Amount" }
createdDate = { field = "CloseDate" }
"user.email" = { email = true }
"#;

    #[test]
    fn a_workflow_is_read_as_it_is_written() {
        let config = parse(GOOD).unwrap_or_else(|unusable| panic!("{:#?}", unusable.problems));
        let policy = &config.integrations["deals"].policy;
        let activity = policy.activity.as_ref().unwrap();
        assert_eq!((activity.people, activity.replay, activity.hold_days, activity.licences), (PeopleMode::Manual, true, 90, None));
        assert_eq!(activity.gates, ["status", "licence", "team"]);
        assert_eq!((&policy.no_match, &policy.no_owner), (&NoOwner::Hold, &NoOwner::Leave));
        assert_eq!(policy.caps, rightful_engine::Caps::default());
        assert_eq!(policy.rules, [MatchRule::Link, MatchRule::ExternalId { source: "id".into(), target: "id".into() }, MatchRule::Email]);
        assert_eq!((policy.source.kind.as_str(), policy.target.kind.as_str(), policy.role.as_str()), ("user", "record", "owner"));
        let field = |name: &'static str| From::Field(name.into());
        assert_eq!(
            activity.account,
            [("email".into(), From::Email), ("firstname".into(), field("FirstName")), ("lastname".into(), field("LastName"))]
        );
        let [won] = activity.workflows.as_slice() else { panic!("{:?}", activity.workflows) };
        assert_eq!((won.object.as_str(), won.active), ("opportunity", true));
        assert_eq!(won.triggers, Triggers { create: true, update: true, delete: false });
        let day = Value::Date("2026-01-01".parse().unwrap());
        let mut when = won.when.clone();
        when.sort_by_key(|condition| condition.field.to_string());
        let condition = |field: &'static str, test| Condition { field: field.into(), test };
        assert_eq!(
            when,
            [
                condition("Amount", Test::AtLeast(Value::Decimal(Decimal::parse("1000.50").unwrap()))),
                condition("CloseDate", Test::AtLeast(day)),
                condition("CloseDate", Test::Filled),
                condition("NextStep", Test::Empty),
                condition("StageName", Test::Is(vec![Value::text("Closed Won"), Value::text("Won")])),
                condition("Type", Test::Not(vec![Value::text("Test")])),
            ]
        );
        let [deals] = won.figures.as_slice() else { panic!("{:?}", won.figures) };
        assert_eq!((deals.name.as_str(), &deals.owner), ("deals", &CodeFrom::Field("Closer__c".into())));
        let mut set = deals.set.clone();
        set.sort_by_key(|(field, _)| field.to_string());
        assert_eq!(
            set,
            [
                ("activity.key".into(), From::Fixed(Value::text("new"))),
                ("activityTypeName".into(), From::Fixed(Value::text("Deals won"))),
                ("createdDate".into(), field("CloseDate")),
                ("quantity".into(), From::Fixed(Value::Integer(1))),
                ("user.email".into(), From::Email),
                ("value1".into(), field("Amount")),
            ]
        );
    }

    #[test]
    fn ss_1_exactly_four_modes_may_be_chosen_and_ss_2_manual_is_the_default() {
        let people = |line: &str| parse(&GOOD.replace("target = \"screen\"", &format!("target = \"screen\"\n{line}")));
        for word in ["manual", "on-demand", "automatic", "all"] {
            let config = people(&format!("people = \"{word}\"")).unwrap();
            assert_eq!(config.integrations["deals"].policy.activity.as_ref().unwrap().people.as_str(), word);
        }
        assert_eq!(people("").unwrap().integrations["deals"].policy.activity.as_ref().unwrap().people, PeopleMode::Manual);
        let problems = people("people = \"automatical\"").unwrap_err().problems;
        assert!(problems.len() == 1 && problems[0].mend.contains("did you mean `automatic`?"), "{problems:?}");
    }

    #[test]
    fn what_is_said_takes_the_place_of_the_defaults() {
        let lines = "people = \"on-demand\"\nmatch = [\"email\", \"external-id:employee-number=id\"]\ngates = \"team\"\nreplay = false\nhold_days = 7\n\
                     since = 2026-03-01\nlicences = 40\nno_match = \"leave\"\nno_owner = { fallback = \"desk@example.com\" }\n\
                     caps.accounts = { count = 3, percent = 5, floor = 1 }\naccount.set.email = { email = true }\naccount.set.firstname = \"-\"\n\
                     account.set.lastname = { field = \"Name\" }\n";
        let config = parse(&GOOD.replace("target = \"screen\"\n", &format!("target = \"screen\"\n{lines}")))
            .unwrap_or_else(|unusable| panic!("{:#?}", unusable.problems));
        let policy = &config.integrations["deals"].policy;
        let activity = policy.activity.as_ref().unwrap();
        assert_eq!((activity.people, activity.replay, activity.hold_days, activity.licences), (PeopleMode::OnDemand, false, 7, Some(40)));
        assert_eq!((activity.gates.as_slice(), activity.account.len()), (&["team".to_owned()][..], 3));
        assert_eq!(activity.since, Some("2026-03-01T00:00:00Z".parse().unwrap()));
        assert_eq!((&policy.no_match, &policy.no_owner), (&NoOwner::Leave, &NoOwner::Fallback("desk@example.com".into())));
        assert_eq!(policy.caps.accounts, rightful_engine::Cap { count: Some(3), percent: Some(5), floor: 1 });
        let external = MatchRule::ExternalId { source: "employee-number".into(), target: "id".into() };
        assert_eq!(policy.rules, [MatchRule::Link, MatchRule::Email, external]);
    }

    #[test]
    fn each_mistake_is_told_with_its_line_and_what_to_do() {
        let head = "target = \"screen\"\n";
        let with = |line: &str| format!("{head}{line}\n");
        let second = "[integrations.again]\njob = \"crm-activity\"\nsource = \"crm\"\ntarget = \"screen\"\n[integrations.again.workflows.late]\n\
                      object = \"opportunity\"\n[integrations.again.workflows.late.figures.deals.set]\nactivityTypeName = \"x\"\n\"activity.key\" = \"y\"\n\
                      createdDate = { field = \"CloseDate\" }\n\n[integrations.deals]\n";
        let table = [
            (
                head,
                with("assignment = \"merge\""),
                "`assignment` in [integrations.deals] is of the job `rep-codes` or `owners`",
                "change `job`",
            ),
            (head, with("peple = \"all\""), "unknown key `peple`", "did you mean `people`?"),
            (head, with("role = \"ownr\""), "has no role `ownr`", "did you mean `owner`?"),
            (head, with("match = \"link, emial\""), "`match` knows no rule `emial`", "did you mean `email`?"),
            (head, with("match = \"external-id:employe-number=id\""), "has no key `employe-number`", "did you mean `employee-number`?"),
            (head, with("match = \"\""), "`match` names no rule", "\"link\", \"email\""),
            (head, with("no_match = \"clear\""), "`no_match` cannot be `clear`", "leave, hold"),
            (head, with("no_owner = \"clear\""), "`no_owner` cannot be `clear`", "leave, hold"),
            (head, with("gates = [\"teams\"]"), "knows no gate `teams`", "did you mean `team`?"),
            (head, with("since = 2026-01-01T00:00:00"), "`since` must be a day, or a moment with its zone", "2026-01-01"),
            (head, with("source_kind = \"account\""), "kind `account` of connection `crm` holds no people", "user"),
            (head, with("account.set.email = { email = true }"), "`set` lacks firstname, lastname", "email, firstname, lastname"),
            (head, with("account.email = \"x\""), "unknown key `account.email`", "account.set"),
            ("object = \"opportunity\"", "object = \"oportunity\"".into(), "no kind `oportunity`", "object = \"opportunity\""),
            ("object = \"opportunity\"", "objekt = \"opportunity\"".into(), "unknown key `objekt`", "did you mean `object`?"),
            ("\"create\", \"update\"", "\"create\", \"updated\"".into(), "there is no trigger `updated`", "did you mean `update`?"),
            ("{ empty = true }", "{ emty = true }".into(), "`workflows.won.when.NextStep.emty` is no condition", "did you mean `empty`?"),
            ("{ at_least = 1_000.50 }", "{ at_least = \"much\" }".into(), "is no condition", "NUMBER or DAY"),
            ("owner = { field = \"Closer__c\" }", "owner = \"ownr\"".into(), "has no role `ownr`", "did you mean `owner`?"),
            (
                "\"activity.key\" = \"new\"",
                "activity.key = \"new\"".into(),
                "`workflows.won.figures.deals.set.activity.key` says no value",
                "\"activity.key\" = ...",
            ),
            ("quantity = 1", "quantiti = 1".into(), "has no field `quantiti` that can be written", "did you mean `quantity`?"),
            (
                "createdDate = { field = \"CloseDate\" }\n",
                String::new(),
                "`set` lacks createdDate",
                "activityTypeName, activity.key, createdDate",
            ),
            ("[integrations.deals]\n", second.into(), "would write the same record of the target", "another name"),
        ];
        for (from, to, message, mend) in table {
            assert!(GOOD.contains(from), "{from}");
            let problems = parse(&GOOD.replacen(from, &to, 1)).expect_err(&to).problems;
            let found = problems.iter().find(|problem| problem.message.contains(message));
            let found = found.unwrap_or_else(|| panic!("{to}: no `{message}` in {problems:#?}"));
            assert!(found.mend.contains(mend), "{to}: {found:?}");
            assert!(found.line.is_some_and(|line| line > 1), "{to}: {found:?}");
        }
    }

    #[test]
    fn a_job_that_credits_is_told_what_it_lacks() {
        let without = GOOD.split("\n[integrations.deals.workflows.won]").next().unwrap();
        let problems = parse(without).unwrap_err().problems;
        assert!(problems.len() == 1 && problems[0].message.contains("has no workflow"), "{problems:?}");
        let users = without.replace("crm-activity", "crm-users");
        assert!(parse(&users).unwrap().integrations["deals"].policy.activity.as_ref().unwrap().workflows.is_empty());
        let problems = parse(&(users + "people = \"automatic\"\n")).unwrap_err().problems;
        assert!(problems.len() == 1 && problems[0].message.contains("there is no workflow"), "SS-8: {problems:?}");
        let rep = good() + "workflows.won.object = \"customer\"\n";
        let problems = parse(&rep).unwrap_err().problems;
        assert!(problems.len() == 1 && problems[0].message.contains("is of the job `crm-users` or `crm-activity`"), "{problems:?}");
    }
}
