//! Connects Skynamo (field sales) through its Public API.
//!
//! Reads users, customers, visit frequencies and the active integration's settings; changes the users a customer is assigned to and the
//! user of a visit frequency. Public documents: <https://apidocs.skynamo.com/>, <https://support.skynamo.com/>.

mod api;
mod connector;
mod inspect;
mod map;
mod preflight;
mod read;
#[cfg(feature = "sim")]
pub mod sim;
mod wire;
mod write;

use std::sync::Arc;

use rightful_core::{
    BaseUrl, Changes, Client, Context, Descriptor, Error, ErrorKind, FieldName, FieldSpec, HeaderKeys, HeaderName, KeySpec, Kind, KindSpec,
    Result, Role, RoleSpec, Secret, Secrets, Setting, SettingType, Settings, Settle, VendorId, Verb,
};

pub use connector::SkynamoConnector;

use map::{ASSIGNED, CODE, CUSTOMER, CUSTOMER_CODE, CUSTOMER_ID, EMAIL, INTEGRATION_FORM, LABEL, OWNER, USER, USER_NAME, VISIT_FREQUENCY};

pub(crate) const VENDOR: VendorId = VendorId::fixed("skynamo");

const BASE_URL: Setting = Setting {
    key: "base_url",
    takes: SettingType::Url,
    required: false,
    default: Some("https://api.skynamo.me/v1"),
    about: "Address of the Public API; older instances may have a regional one.",
    example: "https://api.skynamo.me/v1",
};

const INSTANCE: Setting = Setting {
    key: "instance",
    takes: SettingType::Text,
    required: true,
    default: None,
    about: "The instance's name: the first part of its web address.",
    example: "acme",
};

const API_KEY: Setting = Setting {
    key: "api_key",
    takes: SettingType::Secret,
    required: true,
    default: None,
    about: "An access token from Settings, Integration tokens.",
    example: "{ env = \"SKYNAMO_API_KEY\" }",
};

const PAGE_SIZE: Setting = Setting {
    key: "page_size",
    takes: SettingType::Integer,
    required: false,
    default: Some("200"),
    about: "Rows per page, at most 200.",
    example: "200",
};

const BATCH: Setting = Setting {
    key: "batch",
    takes: SettingType::Integer,
    required: false,
    default: Some("100"),
    about: "Changes per request; Skynamo publishes no limit.",
    example: "100",
};

const WIDTH: Setting = Setting {
    key: "width",
    takes: SettingType::Integer,
    required: false,
    default: Some("8"),
    about: "Requests side by side; Skynamo publishes no limit.",
    example: "8",
};

const LOOKBACK: Setting = Setting {
    key: "lookback",
    takes: SettingType::Integer,
    required: false,
    default: Some("200"),
    about: "Row versions that each incremental read goes back, for changes that become visible late.",
    example: "200",
};

/// What the connector states about itself.
pub static DESCRIPTOR: Descriptor = Descriptor {
    id: VENDOR,
    name: "Skynamo",
    about: "Field sales: reps visit the customers they are assigned to.",
    settings: &[BASE_URL, INSTANCE, API_KEY, PAGE_SIZE, BATCH, WIDTH, LOOKBACK],
    account: &["base_url", "instance"],
    scope: &[],
    sign_in: "An access token per instance, sent in a header with the instance's name.",
    web_sign_in: None,
    kinds: || kinds(100),
    open_kinds: None,
    people_file: None,
    teams: None,
    connect: |settings, secrets, context| Ok(Arc::new(SkynamoConnector::connect(settings, secrets, context)?)),
};

/// What each kind can do, with this many changes per request.
fn kinds(batch: usize) -> Vec<KindSpec> {
    let field =
        |name: &'static str, label: &str| FieldSpec { name: FieldName::fixed(name), label: label.into(), writable: false, needed: false };
    let unique = |name| KeySpec { name, unique: true, longest: None };
    let shared = |name| KeySpec { name, unique: false, longest: None };
    let role =
        |role: Role, many: bool, writable: bool| RoleSpec { role, many, people: USER, key: rightful_core::KeyName::fixed("id"), writable };
    let base = |kind: Kind| KindSpec { totals: true, ..KindSpec::read_only(kind) };
    vec![
        KindSpec {
            // SK-26: no program can create, change or deactivate users.
            people: true,
            keys: vec![unique(USER_NAME), unique(EMAIL)],
            fields: vec![
                field("user_name", "User name"),
                field("display_name", "Display name"),
                field("email", "E-mail"),
                field("active", "Active"),
                field("is_verified", "Verified"),
                field("access", "Access"),
            ],
            ..base(USER)
        },
        KindSpec {
            verbs: vec![Verb::Update],
            changes: Changes::Since,
            readable_keys: vec![CODE],
            batch,
            write_width: 4,
            roles: vec![role(ASSIGNED, true, true)],
            // SK-22: at most 40 characters.
            keys: vec![KeySpec { name: CODE, unique: true, longest: Some(40) }],
            fields: vec![
                field("code", "Code"),
                field("name", "Name"),
                field("active", "Active"),
                field("price_list_id", "Price list id"),
                field("price_list_name", "Price list"),
            ],
            open_fields: true,
            settle: Settle::ReadBack,
            ..base(CUSTOMER)
        },
        KindSpec {
            verbs: vec![Verb::Update],
            changes: Changes::Since,
            batch,
            write_width: 4,
            roles: vec![role(OWNER, false, true)],
            keys: vec![shared(CUSTOMER_ID), shared(CUSTOMER_CODE)],
            fields: vec![
                field("customer_code", "Customer code"),
                field("customer_name", "Customer name"),
                field("user_name", "User name"),
                field("cycle", "Cycle"),
                field("frequency", "Frequency"),
                field("period", "Period"),
            ],
            settle: Settle::ReadBack,
            ..base(VISIT_FREQUENCY)
        },
        KindSpec {
            roles: vec![role(ASSIGNED, true, false)],
            keys: vec![unique(LABEL)],
            fields: vec![field("value", "Value")],
            ..base(INTEGRATION_FORM)
        },
    ]
}

/// A whole number between 1 and `most`.
fn bounded(settings: &Settings, setting: &Setting, least: u64, most: u64) -> Result<u64> {
    let given = settings.integer(setting)?;
    match u64::try_from(given) {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(Error::new(ErrorKind::Config, format!("`{}` cannot be {given}", setting.key))
            .hint(format!("give a whole number from {least} to {most}"))),
    }
}

fn instance(settings: &Settings) -> Result<String> {
    let name = settings.text(&INSTANCE)?;
    let fits = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
    if fits {
        return Ok(name);
    }
    // People paste the whole web address.
    let bare = name.trim().trim_start_matches("https://").split(['.', '/']).next().unwrap_or_default();
    let hint = if bare.is_empty() || bare == name {
        "use the first part of its web address".to_owned()
    } else {
        format!("did you mean `{bare}`?")
    };
    Err(Error::new(ErrorKind::Config, format!("`{name}` is no instance name")).hint(hint))
}

impl SkynamoConnector {
    /// A connector to one instance. Sends nothing.
    ///
    /// # Errors
    /// `Config` where a setting or secret is missing or cannot be right; the text names it.
    pub fn connect(settings: &Settings, secrets: &Secrets, context: Context) -> Result<Self> {
        let base = BaseUrl::parse(&settings.text(&BASE_URL)?).map_err(|error| error.context("setting `base_url`"))?;
        let instance = instance(settings)?;
        let key = secrets.get(&API_KEY)?;
        let page_size = bounded(settings, &PAGE_SIZE, 1, 200)?;
        let batch = usize::try_from(bounded(settings, &BATCH, 1, 1000)?).expect("a thousand fits");
        let width = usize::try_from(bounded(settings, &WIDTH, 1, 64)?).expect("sixty-four fits");
        let lookback = bounded(settings, &LOOKBACK, 0, 1_000_000)?;
        context.permits.set_width(width);
        // The instance's name goes with the key: a key refused for one instance may be right for another.
        let keys = [(HeaderName::from_static("x-api-key"), key), (HeaderName::from_static("x-api-client"), Secret::new(instance.clone()))];
        let client = Client::new(context, Arc::new(HeaderKeys::new(keys)?), inspect::inspect);
        let reader = read::Reader { api: api::Api { client, base }, page_size, lookback };
        let writer = write::Writer { reader: reader.clone(), batch };
        Ok(Self { instance, kinds: kinds(batch), reader, writer })
    }
}
