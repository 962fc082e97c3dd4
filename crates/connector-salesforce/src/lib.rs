//! Connects Salesforce through its REST API and Bulk API 2.0.
//!
//! Reads users, queues, accounts, contacts, leads, opportunities and every further object that the settings name; changes who owns a record.
//! Bulk ingest, Composite and the streaming APIs are not used. Public documents: <https://developer.salesforce.com/docs/platform/api-rest/guide/>,
//! <https://developer.salesforce.com/docs/platform/api-asynch/guide/>.

mod api;
mod bulk;
mod connector;
mod ids;
mod inspect;
mod map;
mod objects;
mod preflight;
mod read;
mod sign_in;
#[cfg(feature = "sim")]
pub mod sim;
mod soql;
mod wire;
mod write;

use std::sync::Arc;

use chrono::TimeDelta;
use rightful_core::{
    BaseUrl, BodySession, Client, Context, Descriptor, Error, ErrorKind, KindSpec, OAuth2, OpenKinds, Result, Secrets, Setting,
    SettingType, Settings, Url, VendorId, WebSignIn,
};

pub use connector::SalesforceConnector;

use objects::{COLLECTION, Object};
use sign_in::{InstanceRule, JwtBearer, SignIn, SigningKey, Way};
use soql::Name;

pub(crate) const VENDOR: VendorId = VendorId::fixed("salesforce");

const LOGIN_URL: Setting = Setting {
    key: "login_url",
    takes: SettingType::Url,
    required: true,
    default: None,
    about: "Where one signs in: the organisation's My Domain; besides client credentials also https://login.salesforce.com or https://test.salesforce.com.",
    example: "https://acme.my.salesforce.com",
};

const SIGN_IN: Setting = Setting {
    key: "sign_in",
    takes: SettingType::Choice(&["client-credentials", "refresh-token", "jwt-bearer"]),
    required: false,
    default: Some("client-credentials"),
    about: "How one signs in.",
    example: "client-credentials",
};

const CLIENT_ID: Setting = Setting {
    key: "client_id",
    takes: SettingType::Text,
    required: true,
    default: None,
    about: "The consumer key of the External Client App.",
    example: "3MVG9.example.consumer.key",
};

const CLIENT_SECRET: Setting = Setting {
    key: "client_secret",
    takes: SettingType::Secret,
    required: false,
    default: None,
    about: "The app's consumer secret: for client credentials, and for a refresh token where the app asks for it.",
    example: "{ env = \"SALESFORCE_CLIENT_SECRET\" }",
};

const REFRESH_TOKEN: Setting = Setting {
    key: "refresh_token",
    takes: SettingType::Secret,
    required: false,
    default: None,
    about: "For sign_in = \"refresh-token\": a token that was got elsewhere; not needed after `rightful connect`.",
    example: "{ env = \"SALESFORCE_REFRESH_TOKEN\" }",
};

const USERNAME: Setting = Setting {
    key: "username",
    takes: SettingType::Text,
    required: false,
    default: None,
    about: "For sign_in = \"jwt-bearer\": the Username (not the e-mail) of the user to act as.",
    example: "integration@acme.example",
};

const PRIVATE_KEY: Setting = Setting {
    key: "private_key",
    takes: SettingType::Secret,
    required: false,
    default: None,
    about: "For sign_in = \"jwt-bearer\": the RSA key, as PEM, whose certificate the app has.",
    example: "{ file = \"/etc/rightful/salesforce.pem\" }",
};

const AUDIENCE: Setting = Setting {
    key: "audience",
    takes: SettingType::Url,
    required: false,
    default: None,
    about: "For sign_in = \"jwt-bearer\": whom the assertion is for; follows from login_url unless said.",
    example: "https://login.salesforce.com",
};

const TRUSTED_INSTANCE: Setting = Setting {
    key: "trusted_instance",
    takes: SettingType::Url,
    required: false,
    default: None,
    about: "One more address that the organisation may live at, where it is not below one of Salesforce's own domains.",
    example: "https://crm.acme.example",
};

const API_VERSION: Setting = Setting {
    key: "api_version",
    takes: SettingType::Text,
    required: false,
    default: Some("62.0"),
    about: "The version of the API, 31.0 or newer.",
    example: "62.0",
};

const OBJECTS: Setting = Setting {
    key: "objects",
    takes: SettingType::Text,
    required: false,
    default: None,
    about: "Further objects whose records have owners, with commas between; a colon leads to the field of their code.",
    example: "Case, Visit__c:Number__c",
};

const ACCOUNT_CODE: Setting = Setting {
    key: "account_code",
    takes: SettingType::Text,
    required: false,
    default: Some("AccountNumber"),
    about: "The field of accounts that holds their code in the other system.",
    example: "AccountNumber",
};

const SERVICE_USERS: Setting = Setting {
    key: "service_users",
    takes: SettingType::Text,
    required: false,
    default: None,
    about: "Usernames that only programs sign in with, with commas between: never owners.",
    example: "integration@acme.example",
};

const FROZEN_OWNERS: Setting = Setting {
    key: "frozen_owners",
    takes: SettingType::Bool,
    required: false,
    default: Some("false"),
    about: "Give records to users who are frozen: active, but kept from signing in.",
    example: "false",
};

const PAGE_SIZE: Setting = Setting {
    key: "page_size",
    takes: SettingType::Integer,
    required: false,
    default: Some("2000"),
    about: "Rows per page, 200 to 2000.",
    example: "2000",
};

const RANGES: Setting = Setting {
    key: "ranges",
    takes: SettingType::Integer,
    required: false,
    default: Some("4"),
    about: "Ranges of ids that a full read goes through side by side, 1 to 16.",
    example: "4",
};

const BULK_FROM: Setting = Setting {
    key: "bulk_from",
    takes: SettingType::Integer,
    required: false,
    default: Some("200000"),
    about: "From how many rows on a full read goes by query jobs of Bulk API 2.0.",
    example: "200000",
};

const LOOKBACK: Setting = Setting {
    key: "lookback",
    takes: SettingType::Integer,
    required: false,
    default: Some("600"),
    about: "Seconds that each incremental read goes back, for changes that become visible late.",
    example: "600",
};

const BATCH: Setting = Setting {
    key: "batch",
    takes: SettingType::Integer,
    required: false,
    default: Some("200"),
    about: "Changes per request, at most 200.",
    example: "200",
};

const WIDTH: Setting = Setting {
    key: "width",
    takes: SettingType::Integer,
    required: false,
    default: Some("8"),
    about: "Requests side by side.",
    example: "8",
};

const SESSION_MINUTES: Setting = Setting {
    key: "session_minutes",
    takes: SettingType::Integer,
    required: false,
    default: Some("90"),
    about: "How long a session is trusted; Salesforce does not say when one ends, two hours unless the organisation's settings say otherwise.",
    example: "90",
};

const DAILY_SHARE: Setting = Setting {
    key: "daily_share",
    takes: SettingType::Integer,
    required: false,
    default: Some("80"),
    about: "Percent of the organisation's calls for 24 hours that may be used up, by whomever, before we stop.",
    example: "80",
};

/// What the connector states about itself.
pub static DESCRIPTOR: Descriptor = Descriptor {
    id: VENDOR,
    name: "Salesforce",
    about: "Customer relationships: every account, contact, lead and opportunity has one owner.",
    settings: &[
        LOGIN_URL,
        SIGN_IN,
        CLIENT_ID,
        CLIENT_SECRET,
        REFRESH_TOKEN,
        USERNAME,
        PRIVATE_KEY,
        AUDIENCE,
        TRUSTED_INSTANCE,
        API_VERSION,
        OBJECTS,
        ACCOUNT_CODE,
        SERVICE_USERS,
        FROZEN_OWNERS,
        PAGE_SIZE,
        RANGES,
        BULK_FROM,
        LOOKBACK,
        BATCH,
        WIDTH,
        SESSION_MINUTES,
        DAILY_SHARE,
    ],
    account: &["login_url", "client_id", "username"],
    scope: &[],
    sign_in: "An External Client App: client credentials, a refresh token, or an assertion signed with a private key.",
    web_sign_in: Some(web_sign_in),
    kinds: || objects::standard(Name::known("AccountNumber")).iter().map(|object| object.spec(COLLECTION)).collect(),
    open_kinds: Some(OpenKinds { setting: OBJECTS.key, spec: objects::named_spec }),
    people_file: None,
    teams: None,
    connect: |settings, secrets, context| Ok(Arc::new(SalesforceConnector::connect(settings, secrets, context)?)),
};

fn wrong(setting: &Setting, why: String, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, format!("`{}` {why}", setting.key)).hint(hint)
}

/// A whole number within bounds.
fn bounded(settings: &Settings, setting: &Setting, least: i64, most: i64) -> Result<u64> {
    let given = settings.integer(setting)?;
    match u64::try_from(given) {
        Ok(number) if (least..=most).contains(&given) => Ok(number),
        _ => Err(wrong(setting, format!("cannot be {given}"), format!("give a whole number from {least} to {most}"))),
    }
}

fn minutes(settings: &Settings, setting: &Setting, least: i64, most: i64) -> Result<TimeDelta> {
    let minutes = bounded(settings, setting, least, most)?;
    Ok(TimeDelta::minutes(i64::try_from(minutes).unwrap_or(most)))
}

fn listed(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

/// An address that is an origin and nothing more.
fn origin(setting: &Setting, text: &str) -> Result<Url> {
    let url = BaseUrl::parse(text).map_err(|error| error.context(format!("setting `{}`", setting.key)))?.url().clone();
    if url.path() == "/" {
        return Ok(url);
    }
    Err(wrong(
        setting,
        "is more than a host".to_owned(),
        format!("leave out everything after the host: {}", url.origin().ascii_serialization()),
    ))
}

fn optional_origin(settings: &Settings, setting: &Setting) -> Result<Option<Url>> {
    settings.optional_text(setting)?.map(|text| origin(setting, &text)).transpose()
}

fn version(settings: &Settings) -> Result<String> {
    let given = settings.text(&API_VERSION)?;
    let bare = given.trim().trim_start_matches('v').to_owned();
    let number = bare.strip_suffix(".0").unwrap_or(&bare).parse::<u32>();
    match number {
        // 21.0 to 30.0 were retired: <https://help.salesforce.com/s/articleView?id=000354473>.
        Ok(number @ 31..=200) => Ok(format!("{number}.0")),
        Ok(number) => Err(wrong(&API_VERSION, format!("cannot be {number}.0"), "use 31.0 or newer; older ones are retired")),
        Err(_) => Err(wrong(&API_VERSION, format!("cannot be `{given}`"), "write it as 62.0")),
    }
}

fn further_objects(settings: &Settings, known: &[Object]) -> Result<Vec<Object>> {
    let mut further: Vec<Object> = Vec::new();
    for entry in listed(settings.optional_text(&OBJECTS)?) {
        let object = objects::named(&entry).ok_or_else(|| {
            wrong(&OBJECTS, format!("names `{entry}`, which cannot be an object"), "use API names: Case, Visit__c or Visit__c:Number__c")
        })?;
        if let Some(same) = known.iter().chain(&further).find(|same| same.name.as_str().eq_ignore_ascii_case(object.name.as_str())) {
            return Err(wrong(
                &OBJECTS,
                format!("names `{}`, which is there already", object.name),
                format!("use the kind `{}`", same.kind),
            ));
        }
        further.push(object);
    }
    Ok(further)
}

/// Whom an assertion is for: production or sandboxes
/// [<https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_jwt_flow.htm>]. Another address is only known by its own name.
fn audience(settings: &Settings, login: &Url) -> Result<String> {
    if let Some(given) = optional_origin(settings, &AUDIENCE)? {
        return Ok(given.origin().ascii_serialization());
    }
    let host = login.host_str().unwrap_or_default();
    Ok(match host {
        "test.salesforce.com" => "https://test.salesforce.com".to_owned(),
        host if host.ends_with(".sandbox.my.salesforce.com") => "https://test.salesforce.com".to_owned(),
        host if host.ends_with(".salesforce.com") => "https://login.salesforce.com".to_owned(),
        _ => login.origin().ascii_serialization(),
    })
}

/// What every way of signing in stands on.
struct App {
    token_url: Url,
    client_id: String,
    rule: InstanceRule,
    life: TimeDelta,
}

impl App {
    fn of(settings: &Settings, login: &Url) -> Result<Self> {
        let client_id = settings.text(&CLIENT_ID)?;
        if client_id.trim().is_empty() {
            return Err(wrong(&CLIENT_ID, "is empty".to_owned(), "copy the consumer key from the app's settings"));
        }
        Ok(Self {
            token_url: oauth_url(login, "token")?,
            client_id,
            rule: InstanceRule { login: login.clone(), trusted: optional_origin(settings, &TRUSTED_INSTANCE)? },
            life: minutes(settings, &SESSION_MINUTES, 5, 24 * 60)?,
        })
    }

    /// A way that gets its tokens as this vendor gives them.
    fn spoken(&self, way: OAuth2) -> OAuth2 {
        way.secret_in_body().endpoint("instance_url", Arc::new(self.rule.clone())).unstated_life(self.life)
    }

    /// With the refresh token that a person's sign-in left.
    fn signed_in(&self, secrets: &Secrets) -> OAuth2 {
        self.spoken(OAuth2::signed_in(self.token_url.clone(), self.client_id.clone(), secrets.get(&CLIENT_SECRET).ok()))
    }
}

/// An address of sign-ins [<https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_endpoints.htm>].
fn oauth_url(login: &Url, part: &str) -> Result<Url> {
    BaseUrl::new(login.clone()).join(["services", "oauth2", part])
}

fn login(settings: &Settings) -> Result<Url> {
    origin(&LOGIN_URL, &settings.text(&LOGIN_URL)?)
}

/// How a person signs in: the web server flow with its proof
/// [<https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_web_server_flow.htm>].
fn web_sign_in(settings: &Settings, secrets: &Secrets) -> Result<WebSignIn> {
    let way = settings.text(&SIGN_IN)?;
    if way != "refresh-token" {
        return Err(wrong(&SIGN_IN, format!("is {way}, which needs no person"), "set sign_in = \"refresh-token\" to sign in as a person"));
    }
    if secrets.get(&REFRESH_TOKEN).is_ok() {
        return Err(wrong(
            &REFRESH_TOKEN,
            "is given, and counts before a person's sign-in".to_owned(),
            "take it out of the connection first",
        ));
    }
    let login = login(settings)?;
    Ok(WebSignIn {
        authorize_url: oauth_url(&login, "authorize")?,
        scopes: &["api", "refresh_token"],
        oauth: App::of(settings, &login)?.signed_in(secrets),
    })
}

/// The sign-in that was chosen, and what to look at where it is refused.
fn sign_in(settings: &Settings, secrets: &Secrets, context: &Context, login: &Url) -> Result<(Way, String)> {
    let app = App::of(settings, login)?;
    // Judged also where another way was chosen, so that a mistake shows before it matters.
    let (username, audience) = (settings.optional_text(&USERNAME)?, audience(settings, login)?);
    let oauth = |way: OAuth2| Way::OAuth(Box::new(way));
    match settings.text(&SIGN_IN)?.as_str() {
        "client-credentials" => {
            let host = login.host_str().unwrap_or_default();
            if matches!(host, "login.salesforce.com" | "test.salesforce.com") {
                return Err(wrong(
                    &LOGIN_URL,
                    format!("cannot be {host}, which takes no client credentials"),
                    "use the organisation's My Domain: https://NAME.my.salesforce.com",
                ));
            }
            let way = app.spoken(OAuth2::client_credentials(app.token_url.clone(), app.client_id.clone(), secrets.get(&CLIENT_SECRET)?));
            Ok((
                oauth(way),
                "check `client_id` and `client_secret`, that the app allows the client credentials flow, and that it has a run-as user"
                    .to_owned(),
            ))
        }
        "refresh-token" => match secrets.get(&REFRESH_TOKEN) {
            Ok(token) => {
                let client_secret = secrets.get(&CLIENT_SECRET).ok();
                let way = app.spoken(OAuth2::refresh(app.token_url.clone(), app.client_id.clone(), client_secret, token));
                let advice =
                    "have a person sign in again and put the new token into `refresh_token`; check `client_id` and `client_secret` too";
                Ok((oauth(way), advice.to_owned()))
            }
            Err(_) => {
                let advice = format!("sign in again: rightful connect {}; check `client_id` and `client_secret` too", context.connection);
                Ok((oauth(app.signed_in(secrets)), advice))
            }
        },
        _ => {
            let pem = secrets.get(&PRIVATE_KEY)?;
            let App { token_url, client_id, rule, life } = app;
            let scheme = JwtBearer {
                token_url,
                client_id,
                username: username.map_or_else(|| settings.text(&USERNAME), Ok)?,
                audience,
                key: SigningKey::from_pem(&pem)?,
                pem,
                rule,
                life,
                clock: context.clock.clone(),
            };
            Ok((Way::Assertion(Box::new(BodySession::new(scheme))), "check `client_id`, `username` and `private_key`".to_owned()))
        }
    }
}

impl SalesforceConnector {
    /// A connector to one organisation. Sends nothing.
    ///
    /// # Errors
    /// `Config` where a setting or secret is missing or cannot be right; the text names it.
    pub fn connect(settings: &Settings, secrets: &Secrets, context: Context) -> Result<Self> {
        let login = login(settings)?;
        let version = version(settings)?;
        let code = settings.text(&ACCOUNT_CODE)?;
        let code = Name::parse(&code).ok_or_else(|| {
            wrong(&ACCOUNT_CODE, format!("cannot be `{code}`"), "use the API name of a field: AccountNumber, Erp_Code__c")
        })?;
        let mut objects = objects::standard(code);
        objects.extend(further_objects(settings, &objects)?);
        let batch = usize::try_from(bounded(settings, &BATCH, 1, 200)?).unwrap_or(COLLECTION);
        let share = bounded(settings, &DAILY_SHARE, 1, 100)?;
        let seconds = bounded(settings, &LOOKBACK, 0, 30 * 24 * 3600)?;
        let width = usize::try_from(bounded(settings, &WIDTH, 1, 64)?).unwrap_or(1);
        let page_size = bounded(settings, &PAGE_SIZE, 200, 2000)?;
        let ranges = usize::try_from(bounded(settings, &RANGES, 1, 16)?).unwrap_or(1);
        let bulk_from = bounded(settings, &BULK_FROM, 1, i64::MAX)?;
        let (way, advice) = sign_in(settings, secrets, &context, &login)?;
        context.permits.set_width(width);
        let client = Client::new(context, Arc::new(SignIn { way, advice, share }), inspect::inspect);
        let root = BaseUrl::new(login);
        let base = BaseUrl::new(root.join(["services", "data", &format!("v{version}")])?);
        let kinds: Vec<KindSpec> = objects.iter().map(|object| object.spec(batch)).collect();
        let reader = read::Reader {
            api: api::Api { client, base, root, page_size },
            objects: Arc::new(objects),
            ranges,
            bulk_from,
            lookback: TimeDelta::seconds(i64::try_from(seconds).unwrap_or_default()),
            services: Arc::new(listed(settings.optional_text(&SERVICE_USERS)?)),
        };
        Ok(Self {
            version,
            share,
            kinds,
            writer: write::Writer { reader: reader.clone(), frozen_owners: settings.bool(&FROZEN_OWNERS)? },
            reader,
        })
    }
}
