//! Every key a configuration file may hold, besides those its vendors declare: for reading, hints, `init` and `schema` alike.

use rightful_core::{Setting, SettingType};
use rightful_engine::PeopleMode;

const fn optional(
    key: &'static str,
    takes: SettingType,
    default: Option<&'static str>,
    about: &'static str,
    example: &'static str,
) -> Setting {
    Setting { key, takes, required: false, default, about, example }
}

const fn required(key: &'static str, takes: SettingType, about: &'static str, example: &'static str) -> Setting {
    Setting { key, takes, required: true, default: None, about, example }
}

pub const STORE: Setting =
    optional("store", SettingType::Text, Some("rightful.db"), "Where Rightful remembers: a file, relative to this one.", "rightful.db");

pub const MASTER_KEY: Setting = optional(
    "master_key",
    SettingType::Secret,
    None,
    "What secrets that are entered in the console are sealed under: make one with `rightful key new`.",
    "{ env = \"RIGHTFUL_MASTER_KEY\" }",
);

pub const LISTEN: Setting = optional(
    "serve.listen",
    SettingType::Text,
    Some("127.0.0.1:8080"),
    "Where `rightful serve` listens; this machine only unless said.",
    "127.0.0.1:8080",
);
pub const PUBLIC_URL: Setting = optional(
    "serve.public_url",
    SettingType::Url,
    None,
    "How people reach the console through a proxy; with https cookies are only sent over it.",
    "https://rightful.example.com",
);
pub const PARALLEL_RUNS: Setting =
    optional("serve.parallel_runs", SettingType::Integer, Some("8"), "How many scheduled runs go on side by side.", "8");
pub const QUARANTINE_AFTER: Setting = optional(
    "serve.quarantine_after",
    SettingType::Integer,
    Some("5"),
    "After how many failures in a row the schedule leaves an integration alone until somebody says otherwise.",
    "5",
);
pub const STOP_SECONDS: Setting = optional(
    "serve.stop_seconds",
    SettingType::Integer,
    Some("20"),
    "How long runs under way may go on when the program is stopped, in seconds; they are taken up at the next start.",
    "20",
);

/// Keys outside every section, and those of `[serve]`.
pub const TOP: &[Setting] = &[STORE, MASTER_KEY, LISTEN, PUBLIC_URL, PARALLEL_RUNS, QUARANTINE_AFTER, STOP_SECONDS];

pub const VENDOR: Setting = required("vendor", SettingType::Text, "The vendor: see `rightful connectors`.", "skynamo");
pub const ALLOW_PRIVATE: Setting = optional(
    "allow_private",
    SettingType::Bool,
    Some("false"),
    "May this connection reach private and loopback addresses? For a sandbox on this machine.",
    "true",
);
pub const PROXY: Setting = optional(
    "proxy",
    SettingType::Text,
    None,
    "Sends this connection through a proxy: its address, or `environment` for HTTPS_PROXY and its kin.",
    "http://proxy.example:3128",
);

/// Keys of every connection, besides its vendor's.
pub const CONNECTION: &[Setting] = &[VENDOR, ALLOW_PRIVATE, PROXY];

/// What happens to records that lead to nobody.
const NO_OWNER_WORDS: &[&str] = &["leave", "hold", "clear"];

/// The same where records are credited: what is credited is always somebody's, so there is nothing to clear.
const CREDIT_NO_OWNER_WORDS: &[&str] = &["leave", "hold"];

/// The jobs, as they are named.
pub const JOBS: &[&str] = &["rep-codes", "owners", "crm-users", "crm-activity"];

pub const JOB: Setting = required("job", SettingType::Choice(JOBS), "What the integration does.", "rep-codes");
pub const SOURCE: Setting = required("source", SettingType::Text, "The connection that says who owns what.", "intacct");
pub const TARGET: Setting = required("target", SettingType::Text, "The connection whose owners are kept right.", "skynamo");
pub const SOURCE_KIND: Setting = optional("source_kind", SettingType::Text, Some("customer"), "The kind of record read there.", "customer");
pub const SOURCE_KEY: Setting =
    optional("source_key", SettingType::Text, None, "The key its records are paired by; the kind's first one unless said.", "customer-id");
pub const TARGET_KIND: Setting = optional("target_kind", SettingType::Text, Some("customer"), "The kind of record written.", "customer");
pub const TARGET_KEY: Setting =
    optional("target_key", SettingType::Text, None, "The key its records are paired by; the kind's first one unless said.", "code");
pub const ROLE: Setting =
    optional("role", SettingType::Text, None, "The role that is written; the kind's first one that can be unless said.", "assigned");
pub const SCHEDULE: Setting = optional(
    "schedule",
    SettingType::Text,
    Some("hourly"),
    "When `rightful serve` runs it: `hourly`, `every 15 minutes`, `daily at 06:00`, `weekdays at 06:00`, `manual`, or five fields of cron.",
    "daily at 06:00",
);
pub const TIME_ZONE: Setting =
    optional("time_zone", SettingType::Text, Some("UTC"), "Whose wall clock the schedule goes by: an IANA name.", "Africa/Johannesburg");
pub const CODE_FIELD: Setting =
    optional("code.field", SettingType::Text, Some("CUSTREPID"), "The source field that holds the code.", "CUSTREPID");
pub const CODE_LABEL: Setting =
    optional("code.label", SettingType::Text, Some("Rep Code"), "What people call it: \"Rep Code - R05\".", "Rep Code");
pub const OWNER_ROLE: Setting = optional(
    "owner_role",
    SettingType::Text,
    None,
    "The source's role whose people lead to owners; the kind's first one unless said.",
    "owner",
);
pub const MATCH: Setting = optional(
    "match",
    SettingType::Text,
    Some("link, email"),
    "How people of the source lead to people of the target, in order: `link`, `external-id:KEY=KEY`, `email`; text with commas, or a list.",
    "link, email",
);
pub const ASSIGNMENT: Setting = optional(
    "assignment",
    SettingType::Choice(&["replace", "merge"]),
    Some("replace"),
    "`replace`: exactly the wanted users. `merge`: also those present whom no code or link leads to.",
    "replace",
);
pub const NO_MATCH: Setting = optional(
    "no_match",
    SettingType::Choice(NO_OWNER_WORDS),
    Some("leave"),
    "A code or owner that leads to nobody: `leave`, `hold`, `clear` or { fallback = \"user\" }.",
    "leave",
);
pub const NO_MATCH_FALLBACK: Setting =
    optional("no_match.fallback", SettingType::Text, None, "The user who gets records whose code or owner leads to nobody.", "office.desk");
pub const NO_OWNER: Setting = optional(
    "no_owner",
    SettingType::Choice(NO_OWNER_WORDS),
    Some("leave"),
    "A record without a code or owner: `leave`, `hold`, `clear` or { fallback = \"user\" }.",
    "leave",
);
pub const NO_OWNER_FALLBACK: Setting =
    optional("no_owner.fallback", SettingType::Text, None, "The user who gets records without a code or owner.", "office.desk");
pub const INCLUDE_INACTIVE: Setting =
    optional("include_inactive", SettingType::Bool, Some("false"), "Are records planned that are not active in the source?", "false");
pub const NEWCOMER_HOURS: Setting =
    optional("newcomer_hours", SettingType::Integer, Some("24"), "How long a user who assigned themselves is left alone, in hours.", "24");
pub const FULL_READ_HOURS: Setting =
    optional("full_read_hours", SettingType::Integer, Some("168"), "How old the last full read may get, in hours.", "168");
pub const MOVES_PERCENT: Setting = optional(
    "caps.owner_moves.percent",
    SettingType::Integer,
    Some("20"),
    "The most records, in percent of the paired ones, that may change owners in one run.",
    "20",
);
pub const MOVES_FLOOR: Setting =
    optional("caps.owner_moves.floor", SettingType::Integer, Some("20"), "Up to so many may always change owners.", "20");
pub const MOVES_COUNT: Setting =
    optional("caps.owner_moves.count", SettingType::Integer, None, "The most records that may change owners, whatever the size.", "500");
pub const REMOVALS_PERCENT: Setting = optional(
    "caps.removals.percent",
    SettingType::Integer,
    Some("5"),
    "The most records, in percent of the paired ones, that may be left with nobody.",
    "5",
);
pub const REMOVALS_FLOOR: Setting =
    optional("caps.removals.floor", SettingType::Integer, Some("5"), "Up to so many may always be left with nobody.", "5");
pub const REMOVALS_COUNT: Setting =
    optional("caps.removals.count", SettingType::Integer, None, "The most records that may be left with nobody, whatever the size.", "50");
pub const SHRINK_PERCENT: Setting = optional(
    "caps.source_shrink_percent",
    SettingType::Integer,
    Some("20"),
    "The most percent by which the source's active records may shrink between runs.",
    "20",
);

/// Keys of every integration, whatever its job.
const EVERY: &[Setting] = &[JOB, SOURCE, TARGET, SCHEDULE, TIME_ZONE];

/// Further keys of every integration: who else gets records, and how far one run may go.
const BOUNDS: &[Setting] = &[
    NO_MATCH_FALLBACK,
    NO_OWNER_FALLBACK,
    FULL_READ_HOURS,
    MOVES_PERCENT,
    MOVES_FLOOR,
    MOVES_COUNT,
    REMOVALS_PERCENT,
    REMOVALS_FLOOR,
    REMOVALS_COUNT,
    SHRINK_PERCENT,
];

/// Further keys of the job `rep-codes`.
const REP_CODES: &[Setting] = &[CODE_FIELD, CODE_LABEL];

/// Further keys of the job `owners`.
const OWNERS: &[Setting] = &[OWNER_ROLE, MATCH];

/// Further keys of both: the jobs that keep owners of paired records right.
const PAIRED: &[Setting] =
    &[ASSIGNMENT, NO_MATCH, NO_OWNER, INCLUDE_INACTIVE, NEWCOMER_HOURS, SOURCE_KIND, SOURCE_KEY, TARGET_KIND, TARGET_KEY, ROLE];

pub const PEOPLE: Setting = optional(
    "people",
    SettingType::Choice(PeopleMode::WORDS),
    Some("manual"),
    "How the source's people get accounts: `manual` by mapping, `on-demand` also where picked, `automatic` also where a workflow's record names them, `all`.",
    "on-demand",
);
pub const CREDIT_MATCH: Setting = optional(
    "match",
    SettingType::Text,
    Some("link, external-id:id=id, email"),
    "How two people are known to be one: `link` before all, `external-id:KEY=KEY` (source and target) in order, `email`. Text with commas, or a list.",
    "link, email",
);
pub const AUTO_SYNC_REQUIRES_WORKFLOW: Setting = optional(
    "auto_sync_requires_workflow",
    SettingType::Bool,
    Some("true"),
    "Must a workflow be active before `automatic` makes accounts?",
    "true",
);
pub const GATES: Setting = optional(
    "gates",
    SettingType::Text,
    None,
    "What a person has to meet before anything is credited to them; all that the target knows unless said. Text with commas, or a list.",
    "status, licence, team",
);
pub const REPLAY: Setting = optional(
    "replay",
    SettingType::Bool,
    Some("true"),
    "Is what cannot be credited yet held, and sent once when it can be? Else it is let go.",
    "true",
);
pub const HOLD_DAYS: Setting = optional("hold_days", SettingType::Integer, Some("90"), "How long it is held, in days.", "90");
pub const SINCE: Setting = optional(
    "since",
    SettingType::Text,
    None,
    "Records last changed before this day or moment are not credited the first time.",
    "2026-01-01",
);
pub const LICENCES: Setting =
    optional("licences", SettingType::Integer, None, "How many users the target is licensed for; not counted unless said.", "50");
pub const CREDIT_NO_MATCH: Setting = optional(
    "no_match",
    SettingType::Choice(CREDIT_NO_OWNER_WORDS),
    Some("hold"),
    "A record whose owner leads to no account: `hold`, `leave` or { fallback = \"user\" }.",
    "hold",
);
pub const CREDIT_NO_OWNER: Setting = optional(
    "no_owner",
    SettingType::Choice(CREDIT_NO_OWNER_WORDS),
    Some("leave"),
    "A record that belongs to a queue or to no one: `leave`, `hold` or { fallback = \"user\" }.",
    "leave",
);
pub const ACCOUNTS_COUNT: Setting =
    optional("caps.accounts.count", SettingType::Integer, Some("200"), "The most accounts that one run may make or link.", "200");
pub const ACCOUNTS_PERCENT: Setting =
    optional("caps.accounts.percent", SettingType::Integer, None, "The same in percent of what is credited.", "10");
pub const ACCOUNTS_FLOOR: Setting =
    optional("caps.accounts.floor", SettingType::Integer, Some("0"), "Up to so many accounts may always be made.", "0");
pub const PEOPLE_KIND: Setting = optional("source_kind", SettingType::Text, Some("user"), "The kind of the source's people.", "user");
pub const RECORD_KIND: Setting = optional("target_kind", SettingType::Text, Some("record"), "The kind of record written.", "record");

pub const CREDIT_ROLE: Setting =
    optional("role", SettingType::Text, None, "The role in which records are credited; the kind's first one unless said.", "owner");

/// Further keys of the jobs `crm-users` and `crm-activity`; besides them the tables `account.set` and `workflows`.
const CREDITS: &[Setting] = &[
    PEOPLE,
    CREDIT_MATCH,
    AUTO_SYNC_REQUIRES_WORKFLOW,
    GATES,
    REPLAY,
    HOLD_DAYS,
    SINCE,
    LICENCES,
    CREDIT_NO_MATCH,
    CREDIT_NO_OWNER,
    ACCOUNTS_COUNT,
    ACCOUNTS_PERCENT,
    ACCOUNTS_FLOOR,
    PEOPLE_KIND,
    RECORD_KIND,
    CREDIT_ROLE,
];

/// Tables of the jobs that credit, whose keys are names: each is read by itself.
pub const CREDIT_TABLES: &[&str] = &["account", "workflows"];

/// Does this job make accounts and credit records?
pub fn credits(job: &str) -> bool {
    matches!(job, "crm-users" | "crm-activity")
}

/// Every key of an integration with this job.
pub fn of_job(job: &str) -> impl Iterator<Item = &'static Setting> + Clone {
    let (own, shared): (&[Setting], &[Setting]) = match job {
        _ if credits(job) => (CREDITS, &[]),
        "owners" => (OWNERS, PAIRED),
        _ => (REP_CODES, PAIRED),
    };
    EVERY.iter().chain(own).chain(shared).chain(BOUNDS)
}

/// Keys that an integration of any job may have.
pub fn of_any_job() -> impl Iterator<Item = &'static Setting> + Clone {
    EVERY.iter().chain(REP_CODES).chain(OWNERS).chain(PAIRED).chain(CREDITS).chain(BOUNDS)
}

pub const NO_COMPLETE_RUN_HOURS: Setting = optional(
    "no_complete_run_hours",
    SettingType::Integer,
    None,
    "Alarm where no run was complete for so many hours: 3 for integrations with a schedule; for all where it is said here; 0: never.",
    "3",
);
pub const NO_PROGRESS_MINUTES: Setting = optional(
    "no_progress_minutes",
    SettingType::Integer,
    Some("30"),
    "Alarm where a run has reported nothing for so many minutes; 0: never.",
    "30",
);
pub const OLD_HOLDS_HOURS: Setting = optional(
    "old_holds_hours",
    SettingType::Integer,
    Some("168"),
    "Alarm where a wanted state has waited for so many hours; 0: never.",
    "168",
);
pub const WEBHOOK_URL: Setting = optional(
    "webhook.url",
    SettingType::Text,
    None,
    "Posts each alarm to a program at this address.",
    "https://hooks.example.com/rightful",
);
pub const WEBHOOK_SECRET: Setting = optional(
    "webhook.secret",
    SettingType::Secret,
    None,
    "What these messages are signed with: 16 characters or more.",
    "{ env = \"RIGHTFUL_WEBHOOK_SECRET\" }",
);
pub const WEBHOOK_ALLOW_PRIVATE: Setting = optional(
    "webhook.allow_private",
    SettingType::Bool,
    Some("false"),
    "May that program be at a private or loopback address, or be reached without encryption?",
    "true",
);
pub const MAIL_TO: Setting =
    optional("mail.to", SettingType::Text, None, "Mails each alarm to these addresses: text with commas, or a list.", "ops@example.com");
pub const MAIL_FROM: Setting = optional("mail.from", SettingType::Text, None, "Whom the mail comes from.", "rightful@example.com");
pub const MAIL_HOST: Setting = optional("mail.host", SettingType::Text, None, "The mail server.", "smtp.example.com");
pub const MAIL_PORT: Setting =
    optional("mail.port", SettingType::Integer, None, "Its port: 587 for starttls, 465 for tls, 25 for none, unless said.", "587");
pub const MAIL_TLS: Setting = optional(
    "mail.tls",
    SettingType::Choice(&["starttls", "tls", "none"]),
    Some("starttls"),
    "How the way there is encrypted; `none` only for a server on this machine.",
    "starttls",
);
pub const MAIL_USER: Setting = optional("mail.user", SettingType::Text, None, "Who signs in there, if anybody.", "rightful");
pub const MAIL_PASSWORD: Setting =
    optional("mail.password", SettingType::Secret, None, "With what.", "{ env = \"RIGHTFUL_MAIL_PASSWORD\" }");

/// Keys of `[alarms]`.
pub const ALARMS: &[Setting] = &[
    NO_COMPLETE_RUN_HOURS,
    NO_PROGRESS_MINUTES,
    OLD_HOLDS_HOURS,
    WEBHOOK_URL,
    WEBHOOK_SECRET,
    WEBHOOK_ALLOW_PRIVATE,
    MAIL_TO,
    MAIL_FROM,
    MAIL_HOST,
    MAIL_PORT,
    MAIL_TLS,
    MAIL_USER,
    MAIL_PASSWORD,
];
