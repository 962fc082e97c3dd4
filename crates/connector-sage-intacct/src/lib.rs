//! Connects Sage Intacct (ERP) through its XML web services.
//!
//! Reads customers, employees, contacts and users; changes a customer's sales rep. Public documents: <https://developer.intacct.com/>.

mod api;
mod connector;
mod formatting;
mod inspect;
mod map;
mod preflight;
mod read;
mod session;
#[cfg(feature = "sim")]
pub mod sim;
mod wire;
mod write;
mod xml;

use std::sync::Arc;

use chrono::TimeDelta;
use rightful_core::{
    BodySession, Changes, Client, Context, Descriptor, Error, ErrorKind, KeySpec, Kind, KindSpec, Result, RoleSpec, Secrets, Setting,
    SettingType, Settings, Settle, VendorId, Verb, base_url,
};

pub use connector::SageIntacctConnector;

use map::{CONTACT, CUSTOMER, EMPLOYEE, EMPLOYEE_ID, OWNER, USER};
use session::{Gateway, Level};

pub(crate) const VENDOR: VendorId = VendorId::fixed("sage-intacct");

const BASE_URL: Setting = Setting {
    key: "base_url",
    takes: SettingType::Url,
    required: false,
    default: Some("https://api.intacct.com/ia/xml/xmlgw.phtml"),
    about: "Address of the XML gateway; the sign-in's answer names the one that is used after it.",
    example: "https://api.intacct.com/ia/xml/xmlgw.phtml",
};

const SENDER_ID: Setting = Setting {
    key: "sender_id",
    takes: SettingType::Text,
    required: true,
    default: None,
    about: "The Web Services sender id; the company has to authorise it, in this letter case.",
    example: "AcmeMPP",
};

const SENDER_PASSWORD: Setting = Setting {
    key: "sender_password",
    takes: SettingType::Secret,
    required: true,
    default: None,
    about: "The sender id's password.",
    example: "{ env = \"INTACCT_SENDER_PASSWORD\" }",
};

const COMPANY_ID: Setting = Setting {
    key: "company_id",
    takes: SettingType::Text,
    required: true,
    default: None,
    about: "The company's id, as it is typed when signing in.",
    example: "ACME",
};

const USER_ID: Setting = Setting {
    key: "user_id",
    takes: SettingType::Text,
    required: true,
    default: None,
    about: "A Web Services user of the company.",
    example: "ws_rightful",
};

const USER_PASSWORD: Setting = Setting {
    key: "user_password",
    takes: SettingType::Secret,
    required: true,
    default: None,
    about: "The user's password, as it was mailed when the user was made.",
    example: "{ env = \"INTACCT_USER_PASSWORD\" }",
};

const ENTITY: Setting = Setting {
    key: "entity",
    takes: SettingType::Text,
    required: true,
    default: None,
    about: "Where to stand in the company: `top`, or the LOCATIONID of one entity.",
    example: "top",
};

const SHOW_PRIVATE: Setting = Setting {
    key: "show_private",
    takes: SettingType::Bool,
    required: false,
    default: Some("true"),
    about: "From the top level, read records that are private to an entity too.",
    example: "true",
};

const CONCURRENCY: Setting = Setting {
    key: "concurrency",
    takes: SettingType::Integer,
    required: false,
    default: Some("1"),
    about: "Requests side by side, 1 or 2; two are commonly reported for the lowest performance tier, for all programs of the company.",
    example: "1",
};

const PAGE_SIZE: Setting = Setting {
    key: "page_size",
    takes: SettingType::Integer,
    required: false,
    default: Some("2000"),
    about: "Records per page, at most 2000; each page is one metered transaction.",
    example: "2000",
};

const BATCH: Setting = Setting {
    key: "batch",
    takes: SettingType::Integer,
    required: false,
    default: Some("100"),
    about: "Changes per request, at most 100; Sage publishes no limit.",
    example: "100",
};

const LOOKBACK: Setting = Setting {
    key: "lookback_minutes",
    takes: SettingType::Integer,
    required: false,
    default: Some("120"),
    about: "How far each incremental read goes back, for changes that become visible late.",
    example: "120",
};

/// What the connector states about itself.
pub static DESCRIPTOR: Descriptor = Descriptor {
    id: VENDOR,
    name: "Sage Intacct",
    about: "ERP: customers with their sales reps, and the people behind them.",
    settings: &[
        BASE_URL,
        SENDER_ID,
        SENDER_PASSWORD,
        COMPANY_ID,
        USER_ID,
        USER_PASSWORD,
        ENTITY,
        SHOW_PRIVATE,
        CONCURRENCY,
        PAGE_SIZE,
        BATCH,
        LOOKBACK,
    ],
    account: &["base_url", "company_id"],
    scope: &["entity", "show_private"],
    sign_in: "A sender id and a Web Services user, each with a password, for a session that all calls share.",
    web_sign_in: None,
    kinds: || kinds(100),
    open_kinds: None,
    people_file: None,
    teams: None,
    connect: |settings, secrets, context| Ok(Arc::new(SageIntacctConnector::connect(settings, secrets, context)?)),
};

/// What each kind can do, with this many changes per request.
fn kinds(batch: usize) -> Vec<KindSpec> {
    let base = |kind: Kind| {
        let object = map::object(&kind).expect("each kind below has its object");
        KindSpec {
            changes: Changes::Since,
            totals: true,
            readable_keys: vec![object.key.clone()],
            keys: vec![KeySpec { name: object.key.clone(), unique: true, longest: None }],
            fields: object.fields(),
            quotas: vec![api::TRANSACTIONS],
            ..KindSpec::read_only(kind)
        }
    };
    vec![
        KindSpec {
            verbs: vec![Verb::Update],
            batch,
            roles: vec![RoleSpec { role: OWNER, many: false, people: EMPLOYEE, key: EMPLOYEE_ID, writable: true }],
            open_fields: true,
            settle: Settle::ReadBack,
            ..base(CUSTOMER)
        },
        KindSpec { people: true, ..base(EMPLOYEE) },
        KindSpec { people: true, ..base(CONTACT) },
        KindSpec { people: true, ..base(USER) },
    ]
}

/// A whole number between two bounds.
fn bounded(settings: &Settings, setting: &Setting, least: u32, most: u32) -> Result<u32> {
    let given = settings.integer(setting)?;
    match u32::try_from(given) {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(Error::new(ErrorKind::Config, format!("`{}` cannot be {given}", setting.key))
            .hint(format!("give a whole number from {least} to {most}"))),
    }
}

/// A name that can be sent as it is.
fn name(settings: &Settings, setting: &Setting) -> Result<String> {
    let text = settings.text(setting)?;
    if text.trim().is_empty() || !text.chars().all(xml::is_legal) {
        return Err(Error::new(ErrorKind::Config, format!("`{}` is empty or has characters that cannot be sent", setting.key))
            .hint(format!("for example {} = \"{}\"", setting.key, setting.example)));
    }
    Ok(text)
}

impl SageIntacctConnector {
    /// A connector to one company. Sends nothing.
    ///
    /// # Errors
    /// `Config` where a setting or secret is missing or cannot be right; the text names it.
    pub fn connect(settings: &Settings, secrets: &Secrets, context: Context) -> Result<Self> {
        let base = base_url(&settings.text(&BASE_URL)?).map_err(|error| error.context("setting `base_url`"))?;
        let entity = name(settings, &ENTITY)?;
        let level = if entity == "top" { Level::Top } else { Level::Entity(entity) };
        let gateway = Gateway {
            base: base.clone(),
            sender_id: name(settings, &SENDER_ID)?,
            sender_password: secrets.get(&SENDER_PASSWORD)?,
            company_id: name(settings, &COMPANY_ID)?,
            user_id: name(settings, &USER_ID)?,
            user_password: secrets.get(&USER_PASSWORD)?,
            level: level.clone(),
        };
        // IN-13: two at most, whoever asks.
        let width = bounded(settings, &CONCURRENCY, 1, 2)? as usize;
        let page_size = bounded(settings, &PAGE_SIZE, 1, 2000)? as usize;
        let batch = bounded(settings, &BATCH, 1, 100)? as usize;
        let lookback = TimeDelta::minutes(i64::from(bounded(settings, &LOOKBACK, 0, 7 * 24 * 60)?));
        let show_private = settings.bool(&SHOW_PRIVATE)?;
        context.permits.set_width(width);
        let (sender_id, user_id) = (gateway.sender_id.clone(), gateway.user_id.clone());
        let client = Client::new(context, Arc::new(BodySession::new(gateway)), inspect::inspect);
        let api = api::Api { client, base, sender_id, user_id, formatting: Arc::default() };
        let reader = read::Reader { api, page_size, lookback, show_private, width };
        let writer = write::Writer { reader: reader.clone(), batch };
        Ok(Self { kinds: kinds(batch), level, reader, writer })
    }
}
