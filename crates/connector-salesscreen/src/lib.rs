//! Connects SalesScreen (sales gamification) through its API, which only writes.
//!
//! Makes and changes users and records, keyed by ids of ours. Nothing can be read: what SalesScreen holds is what we sent, what an
//! administrator's [export file](export) shows, and what a person states. Public documents:
//! <https://docs.salesscreen.com/view/metadata/SVSBxDUK> (the introduction), <https://help.salesscreen.wiki/>. What they leave open is
//! *unconfirmed* and has a setting.

mod api;
mod connector;
pub mod export;
mod inspect;
mod map;
mod patience;
mod preflight;
#[cfg(feature = "sim")]
pub mod sim;
mod wire;
mod write;

use std::sync::Arc;
use std::time::Duration;

use rightful_core::{
    BaseUrl, Client, Context, Descriptor, Error, ErrorKind, FieldName, FieldSpec, GateSpec, HeaderKeys, HeaderName, KeyName, KindSpec,
    Opens, PeopleFile, Result, RetryPolicy, RoleSpec, Secrets, Setting, SettingType, Settings, Settle, TeamKeys, VendorId, Verb,
};

pub use connector::SalesScreenConnector;

use connector::NO_READS;
use map::{OWNER, RECORD, Rules, TeamPlace, USER};
use patience::Patience;

pub(crate) const VENDOR: VendorId = VendorId::fixed("salesscreen");

const BASE_URL: Setting = Setting {
    key: "base_url",
    takes: SettingType::Url,
    required: false,
    default: Some("https://connect.salesscreen.com/api/v1"),
    about: "Address of the API.",
    example: "https://connect.salesscreen.com/api/v1",
};

const COMPANY: Setting = Setting {
    key: "company",
    takes: SettingType::Text,
    required: true,
    default: None,
    about: "What you call the company's account; connections with the same name share its limits.",
    example: "acme",
};

const API_KEY: Setting = Setting {
    key: "api_key",
    takes: SettingType::Secret,
    required: true,
    default: None,
    about: "A key from Settings, Api Keys.",
    example: "{ env = \"SALESSCREEN_API_KEY\" }",
};

const EXTERNAL_SYSTEM: Setting = Setting {
    key: "external_system",
    takes: SettingType::Text,
    required: false,
    default: Some("Salesforce"),
    about: "The system that the key's ids come from, as Settings, Mappings names it.",
    example: "Salesforce",
};

const TEAM_KEYS: Setting = Setting {
    key: "team_keys",
    takes: SettingType::Text,
    required: false,
    default: Some(""),
    about: "Team keys that may be sent, parted by commas, as Settings, Mappings shows them.",
    example: "OSLO-FIELD, BERGEN-FIELD",
};

const ALLOW_TEAM_CREATION: Setting = Setting {
    key: "allow_team_creation",
    takes: SettingType::Bool,
    required: false,
    default: Some("false"),
    about: "Send any team key: SalesScreen makes a team of each it does not know.",
    example: "false",
};

const REMOVE_RECORDS: Setting = Setting {
    key: "remove_records",
    takes: SettingType::Bool,
    required: false,
    default: Some("false"),
    about: "Remove records; that the API can is unconfirmed.",
    example: "false",
};

const REMOVE_PATH: Setting = Setting {
    key: "remove_path",
    takes: SettingType::Text,
    required: false,
    default: Some("Record/Remove"),
    about: "The path that removes records, below the base address (unconfirmed).",
    example: "Record/Remove",
};

const FIGURE_IDS: Setting = Setting {
    key: "figure_ids",
    takes: SettingType::Bool,
    required: false,
    default: Some("true"),
    about: "Refuse record ids that name no figure (RECORD#FIGURE): one figure would overwrite another.",
    example: "true",
};

const RECORD_USER: Setting = Setting {
    key: "record_user",
    takes: SettingType::Choice(&["object", "flat"]),
    required: false,
    default: Some("object"),
    about: "How a record names its user: an object with id and e-mail, or a flat userId (unconfirmed).",
    example: "object",
};

const RECORD_TEAM: Setting = Setting {
    key: "record_team",
    takes: SettingType::Choice(&["none", "user", "record"]),
    required: false,
    default: Some("none"),
    about: "Where a record names its team: nowhere, in its user, or beside it (unconfirmed).",
    example: "none",
};

const CREATED_DATE: Setting = Setting {
    key: "created_date",
    takes: SettingType::Choice(&["utc", "date"]),
    required: false,
    default: Some("utc"),
    about: "How a record's date is written: to the second in UTC, or the day alone (unconfirmed).",
    example: "utc",
};

const MORE_VALUES: Setting = Setting {
    key: "more_values",
    takes: SettingType::Bool,
    required: false,
    default: Some("false"),
    about: "Let records carry value2 and value3; that the API takes them is unconfirmed.",
    example: "false",
};

const BATCH: Setting = Setting {
    key: "batch",
    takes: SettingType::Integer,
    required: false,
    default: Some("100"),
    about: "Records per request, 1 to 1000; SalesScreen publishes no limit.",
    example: "100",
};

const WIDTH: Setting = Setting {
    key: "width",
    takes: SettingType::Integer,
    required: false,
    default: Some("4"),
    about: "Requests side by side, 1 to 15.",
    example: "4",
};

const PROBE: Setting = Setting {
    key: "probe",
    takes: SettingType::Bool,
    required: false,
    default: Some("true"),
    about: "Let preflight send a batch of nothing to see whether the key is accepted (its answer is unconfirmed).",
    example: "true",
};

/// What the connector states about itself.
pub static DESCRIPTOR: Descriptor = Descriptor {
    id: VENDOR,
    name: "SalesScreen",
    about: "Sales gamification: records are credited to users, who compete in teams.",
    settings: &[
        BASE_URL,
        COMPANY,
        API_KEY,
        EXTERNAL_SYSTEM,
        TEAM_KEYS,
        ALLOW_TEAM_CREATION,
        REMOVE_RECORDS,
        REMOVE_PATH,
        FIGURE_IDS,
        RECORD_USER,
        RECORD_TEAM,
        CREATED_DATE,
        MORE_VALUES,
        BATCH,
        WIDTH,
        PROBE,
    ],
    account: &["base_url", "company"],
    scope: &[],
    sign_in: "A key per account, sent in a header with every call.",
    web_sign_in: None,
    kinds: || kinds(&Reach { batch: 100, removal: true, more_values: true, record_team: true }),
    open_kinds: None,
    people_file: Some(PeopleFile { columns: &export::COLUMNS, read: export::people }),
    teams: Some(teams),
    connect: |settings, secrets, context| Ok(Arc::new(SalesScreenConnector::connect(settings, secrets, context)?)),
};

/// How far one configuration goes.
struct Reach {
    batch: usize,
    removal: bool,
    more_values: bool,
    record_team: bool,
}

/// Fields without which a user or a record is refused.
const NEEDED: &[&str] = &["email", "firstname", "lastname", "activityTypeName", "activity.key", "createdDate"];

fn kinds(reach: &Reach) -> Vec<KindSpec> {
    let field = |(name, label): (&'static str, &str)| FieldSpec {
        name: FieldName::fixed(name),
        label: label.into(),
        writable: true,
        needed: NEEDED.contains(&name),
    };
    let team = [("team.key", "Team key"), ("team.name", "Team name")];
    let base = |kind| KindSpec {
        unreadable: Some(NO_READS),
        verbs: vec![Verb::Upsert],
        write_width: 4,
        settle: Settle::Repeat,
        ..KindSpec::read_only(kind)
    };
    let user = [("email", "E-mail"), ("firstname", "First name"), ("lastname", "Last name")];
    let mut record = vec![
        ("activityTypeName", "Activity type"),
        ("activity.key", "Activity key"),
        ("activity.name", "Activity"),
        ("user.email", "User's e-mail"),
        ("quantity", "Quantity"),
        ("value1", "Value 1"),
        ("createdDate", "Date"),
    ];
    if reach.more_values {
        record.extend([("value2", "Value 2"), ("value3", "Value 3")]);
    }
    if reach.record_team {
        record.extend(team);
    }
    let removal = reach.removal.then_some(Verb::Remove);
    vec![
        KindSpec { people: true, fields: user.into_iter().chain(team).map(field).collect(), gates: gates(), ..base(USER) },
        KindSpec {
            verbs: std::iter::once(Verb::Upsert).chain(removal).collect(),
            batch: reach.batch,
            roles: vec![RoleSpec { role: OWNER, many: false, people: USER, key: KeyName::fixed("id"), writable: true }],
            fields: record.into_iter().map(field).collect(),
            after: vec![USER],
            ..base(RECORD)
        },
    ]
}

/// What SalesScreen ignores records for, without an error: <https://help.salesscreen.wiki/en/articles/8305-how-do-i-assign-a-user-to-a-team-in-salesscreen>,
/// <https://help.salesscreen.wiki/en/articles/8300-how-can-i-deactivate-a-user>, <https://help.salesscreen.wiki/en/articles/4733155-what-is-a-supporter>.
fn gates() -> Vec<GateSpec> {
    vec![
        GateSpec {
            name: "status",
            field: export::STATUS,
            opens: Opens::Is("active"),
            open_unknown: true,
            reason: "inactive",
            until: "is an active user",
            mend: "reactivate the user in SalesScreen, then import the users' file",
        },
        GateSpec {
            name: "licence",
            field: export::LICENCE,
            opens: Opens::True,
            open_unknown: true,
            reason: "no-licence",
            until: "has a licence",
            mend: "give the user a licence in SalesScreen, then import the users' file",
        },
        GateSpec {
            name: "team",
            field: export::TEAM,
            opens: Opens::Filled,
            open_unknown: false,
            reason: "no-team",
            until: "is on a team",
            mend: "put the user on a team: rightful users team",
        },
    ]
}

/// A whole number between `least` and `most`.
fn bounded(settings: &Settings, setting: &Setting, least: usize, most: usize) -> Result<usize> {
    let given = settings.integer(setting)?;
    match usize::try_from(given) {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(Error::new(ErrorKind::Config, format!("`{}` cannot be {given}", setting.key))
            .hint(format!("give a whole number from {least} to {most}"))),
    }
}

fn remove_path(settings: &Settings) -> Result<Vec<String>> {
    let text = settings.text(&REMOVE_PATH)?;
    let segments: Vec<String> = text.split('/').map(str::to_owned).collect();
    let plain = |segment: &String| !segment.is_empty() && segment.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if segments.iter().all(plain) {
        return Ok(segments);
    }
    Err(Error::new(ErrorKind::Config, format!("`{}` cannot be `{text}`", REMOVE_PATH.key))
        .hint("name the path below the base address, for example Record/Remove"))
}

fn teams(settings: &Settings) -> Result<TeamKeys> {
    let text = settings.text(&TEAM_KEYS)?;
    Ok(TeamKeys {
        listed: text.split(',').map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect(),
        others: settings.bool(&ALLOW_TEAM_CREATION)?,
    })
}

fn rules(settings: &Settings) -> Result<Rules> {
    Ok(Rules {
        teams: teams(settings)?,
        figure_ids: settings.bool(&FIGURE_IDS)?,
        user_object: settings.text(&RECORD_USER)? == "object",
        record_team: match settings.text(&RECORD_TEAM)?.as_str() {
            "user" => TeamPlace::User,
            "record" => TeamPlace::Record,
            _ => TeamPlace::None,
        },
        created_time: settings.text(&CREATED_DATE)? == "utc",
    })
}

impl SalesScreenConnector {
    /// A connector to one account. Sends nothing.
    ///
    /// # Errors
    /// `Config` where a setting or secret is missing or cannot be right; the text names it.
    pub fn connect(settings: &Settings, secrets: &Secrets, context: Context) -> Result<Self> {
        let base = BaseUrl::parse(&settings.text(&BASE_URL)?).map_err(|error| error.context("setting `base_url`"))?;
        if settings.text(&COMPANY)?.trim().is_empty() {
            return Err(Error::new(ErrorKind::Config, "`company` is empty")
                .hint("give the account a name of yours: its limits are counted under it"));
        }
        if settings.text(&EXTERNAL_SYSTEM)?.trim().is_empty() {
            return Err(Error::new(ErrorKind::Config, "`external_system` is empty").hint("name it as Settings, Mappings does: Salesforce"));
        }
        let key = secrets.get(&API_KEY)?;
        let batch = bounded(settings, &BATCH, 1, 1000)?;
        let width = bounded(settings, &WIDTH, 1, 15)?;
        let removal = settings.bool(&REMOVE_RECORDS)?;
        let remove_path = remove_path(settings)?;
        let rules = rules(settings)?;
        let reach = Reach { batch, removal, more_values: settings.bool(&MORE_VALUES)?, record_team: rules.record_team != TeamPlace::None };
        let facts = preflight::Facts { probe: settings.bool(&PROBE)?, removal };
        context.permits.set_width(width);
        api::limit(&context.permits);
        let keys = HeaderKeys::new([(HeaderName::from_static("apikey"), key.clone())])?;
        // Without a stated wait: from one second, doubling; the seventh attempt is the last.
        let retry = RetryPolicy { attempts: 7, first_wait: Duration::from_secs(1), ..RetryPolicy::default() };
        let client = Client::new(context, Arc::new(Patience::new(keys)), inspect::inspect).retry(retry);
        let api = api::Api { client, base, key, remove_path };
        Ok(Self { kinds: kinds(&reach), writer: write::Writer { api, rules, batch }, facts })
    }
}
