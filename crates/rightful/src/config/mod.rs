//! The configuration file: read whole, judged whole, so that one look shows everything that is wrong with it.

mod alarms;
mod crediting;
mod document;
mod integration;
mod keys;
mod schema;
mod secret;
mod template;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rightful_core::{ConnectionName, Descriptor, Instant, Setting, SettingType, Settings, TransportOptions, Url, nearest};
use rightful_engine::{Integration, Schedule, StoredConnection};
use serde_json::Value as Json;

pub use alarms::AlarmsConfig;
#[cfg(feature = "serve")]
pub use alarms::{MailConfig, MailTls, WebhookConfig};
pub use document::{Problem, Problems};
pub use schema::schema;
pub use secret::SecretReference;
pub use template::{Filled, template};
#[cfg(feature = "sandbox")]
pub use template::{connections as connections_template, quoted, told_secret};

use crate::registry::{VENDORS, connector};
use document::{Document, Leaf, Section, unknown_keys};

/// A connection as configured; nothing is fetched or checked at the vendor yet.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// Its name.
    pub name: ConnectionName,
    /// Its vendor's connector.
    pub descriptor: &'static Descriptor,
    /// Its settings.
    pub settings: Settings,
    /// Where its secrets come from.
    pub secrets: SecretSource,
    /// How it reaches the network.
    pub network: TransportOptions,
}

/// Where a connection was entered, and so where its secrets come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In the file, which names each by setting.
    Named(Vec<(&'static str, SecretReference)>),
    /// In the console: sealed in the store, each with when it was set; and the connection's revision there.
    Sealed(Vec<(String, Instant)>, i64),
}

/// A configuration file as it was read. What it is worth shows together with the connections that the store holds.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
    text: String,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Unusable> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let mend = if error.kind() == std::io::ErrorKind::NotFound {
                "write one: rightful init; or name another: --config PATH".to_owned()
            } else {
                "check the file and its rights".to_owned()
            };
            let problem = Problem { line: None, message: format!("the configuration cannot be read: {error}"), mend };
            Unusable { file: path.to_path_buf(), problems: vec![problem] }
        })?;
        Ok(Self::new(text, path))
    }

    /// The text of a file; paths in it are relative to the file.
    pub fn new(text: impl Into<String>, path: &Path) -> Self {
        Self { path: path.to_path_buf(), text: text.into() }
    }

    /// Judges the file as if the store held no connection.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn judged(&self) -> Result<Config, Unusable> {
        self.judged_with(&[])
    }

    /// Judges the file together with connections that were entered in the console. One name in both is a problem of the file.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn judged_with(&self, stored: &[StoredConnection]) -> Result<Config, Unusable> {
        Config::judge(&self.text, &self.path, stored)
    }

    /// The folder that relative paths begin in.
    pub fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// Where the store is and how the master key is given, whatever else is wrong with the file.
    ///
    /// # Errors
    /// What is wrong with these two.
    pub fn head(&self) -> Result<Head, Unusable> {
        let mut problems = Problems::new();
        let document = Document::parse(&self.text, &mut problems);
        let head = head(&document, &self.path, &mut problems);
        if problems.is_empty() { Ok(head) } else { Err(Unusable { file: self.path.clone(), problems }) }
    }
}

/// What must be known before the store can be opened.
#[derive(Clone, Debug)]
pub struct Head {
    /// Where the store is.
    pub store: PathBuf,
    /// How the master key is given.
    pub master_key: Option<SecretReference>,
}

fn head(document: &Document, file: &Path, problems: &mut Problems) -> Head {
    let store = folder_of(file).join(text_of(&document.top, &keys::STORE, problems).unwrap_or_default());
    let master_key = match SecretReference::of(keys::MASTER_KEY.key, &document.top) {
        Some(Err(problem)) => {
            problems.push(problem);
            None
        }
        given => given.and_then(Result::ok),
    };
    Head { store, master_key }
}

/// The folder that relative paths in a file begin in.
fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// A whole configuration without problems.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "serve"), expect(dead_code, reason = "what a build without it does not use is judged all the same"))]
pub struct Config {
    /// The file it came from.
    pub file: PathBuf,
    /// Where the store is.
    pub store: PathBuf,
    /// How the master key is given.
    pub master_key: Option<SecretReference>,
    /// Connections by name: of the file, and those of the store that it was judged with.
    pub connections: BTreeMap<ConnectionName, ConnectionConfig>,
    /// Integrations by name.
    pub integrations: BTreeMap<String, Integration>,
    /// Who is told when something is wrong.
    pub alarms: AlarmsConfig,
    /// When each runs by itself.
    pub schedules: BTreeMap<String, Schedule>,
    /// How it is served.
    pub serve: ServeConfig,
}

/// How `rightful serve` goes about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeConfig {
    /// Where the console listens.
    pub listen: String,
    /// How people reach it through a proxy.
    pub public_url: Option<String>,
    /// How many scheduled runs go on side by side.
    pub parallel_runs: usize,
    /// After how many failures in a row an integration is put into quarantine.
    pub quarantine_after: u32,
    /// How long runs under way may go on when the program is stopped.
    pub stop: Duration,
}

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The file.
    pub file: PathBuf,
    /// Why, in the order of the file.
    pub problems: Problems,
}

impl Config {
    /// Judges the text of a file; paths in it are relative to the file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    #[cfg(test)]
    pub fn parse(text: &str, file: &Path) -> Result<Self, Unusable> {
        Self::judge(text, file, &[])
    }

    fn judge(text: &str, file: &Path, stored: &[StoredConnection]) -> Result<Self, Unusable> {
        let mut problems = Problems::new();
        let document = Document::parse(text, &mut problems);
        unknown_keys(&document.top, keys::TOP.iter(), "the file", &mut problems);
        let Head { store, master_key } = head(&document, file, &mut problems);
        let mut connections = BTreeMap::new();
        for section in &document.connections {
            if let Some(connection) = connection(section, &mut problems) {
                connections.insert(connection.name.clone(), connection);
            }
        }
        entered(&document, stored, &mut connections, &mut problems);
        let names = document.connections.iter().map(|section| section.name.as_str());
        let names: Vec<&str> = names.chain(stored.iter().map(|connection| connection.name.as_str())).collect();
        let serve = serve(&document.top, &mut problems);
        let mut integrations = BTreeMap::new();
        let mut schedules = BTreeMap::new();
        for section in &document.integrations {
            if let Some(schedule) = integration::schedule(section, &mut problems) {
                schedules.insert(section.name.clone(), schedule);
            }
            if let Some(integration) = integration::integration(section, &names, &connections, &mut problems) {
                integrations.insert(integration.name.clone(), integration);
            }
        }
        for (place, other) in crediting::shared_figures(&integrations) {
            let line = document.integrations.iter().find_map(|section| {
                let below = |leaf: &&Leaf| format!("integrations.{}.{}", section.name, leaf.key).starts_with(&format!("{place}."));
                section.leaves.iter().find(below).map(|leaf| leaf.line)
            });
            problems.push(Problem {
                line,
                message: format!("[{place}] and [{other}] would write the same record of the target"),
                mend: "give one of the two figures another name".to_owned(),
            });
        }
        let alarms = alarms::alarms(&document.alarms, &mut problems);
        if problems.is_empty() {
            return Ok(Self { file: file.to_path_buf(), store, master_key, connections, integrations, alarms, schedules, serve });
        }
        problems.sort_by_key(|problem| problem.line.unwrap_or(0));
        Err(Unusable { file: file.to_path_buf(), problems })
    }

    /// The folder that relative paths begin in.
    pub fn folder(&self) -> &Path {
        folder_of(&self.file)
    }
}

/// Adds connections that were entered in the console. What their settings are worth, their connectors say when they are made: until then they are
/// not ready, and mended in the console.
fn entered(
    document: &Document,
    stored: &[StoredConnection],
    connections: &mut BTreeMap<ConnectionName, ConnectionConfig>,
    problems: &mut Problems,
) {
    for entered in stored {
        if let Some(section) = document.connections.iter().find(|section| entered.name == section.name.as_str()) {
            problems.push(Problem {
                line: Some(section.line),
                message: format!("connection `{}` stands here and was entered in the console too", entered.name),
                mend: format!("remove [connections.{}] here, or give it another name", entered.name),
            });
            continue;
        }
        match connector(entered.vendor.as_str(), VENDORS) {
            Ok(descriptor) => {
                let connection = ConnectionConfig {
                    name: entered.name.clone(),
                    descriptor,
                    settings: entered.settings.clone(),
                    secrets: SecretSource::Sealed(entered.sealed.clone(), entered.revision),
                    // Private addresses are a matter of the file.
                    network: TransportOptions::default(),
                };
                connections.insert(entered.name.clone(), connection);
            }
            // Nobody needs it, or it is where it is needed that it is told.
            Err((message, mend)) => {
                let uses =
                    |leaf: &&Leaf| [keys::SOURCE.key, keys::TARGET.key].contains(&leaf.key.as_str()) && leaf.value == entered.name.as_str();
                let used = document.integrations.iter().flat_map(|section| &section.leaves).find(uses);
                problems.extend(used.map(|leaf| Problem {
                    line: Some(leaf.line),
                    message: format!("connection `{}`, entered in the console, cannot be used: {message}", entered.name),
                    mend,
                }));
            }
        }
    }
}

/// The value of a text setting, its default where it is not given; nothing where it is wrong, which is told.
fn text_of(leaves: &[Leaf], setting: &Setting, problems: &mut Problems) -> Option<String> {
    let Some(leaf) = leaves.iter().find(|leaf| leaf.key == setting.key) else {
        return setting.default.map(str::to_owned);
    };
    match &leaf.value {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        other => {
            problems.push(wrong(leaf, setting, "text", other));
            None
        }
    }
}

/// The value of a setting that is a whole number within these bounds, its default where it is not given; nothing where it is wrong.
fn number_of(leaves: &[Leaf], setting: &Setting, bounds: RangeInclusive<u64>, problems: &mut Problems) -> Option<u64> {
    let Some(leaf) = leaves.iter().find(|leaf| leaf.key == setting.key) else {
        return setting.default.and_then(|text| text.parse().ok());
    };
    let number = leaf.value.as_u64().filter(|number| bounds.contains(number));
    if number.is_none() {
        problems.push(wrong(leaf, setting, &format!("a whole number from {} to {}", bounds.start(), bounds.end()), &leaf.value));
    }
    number
}

/// The section `[serve]`.
fn serve(leaves: &[Leaf], problems: &mut Problems) -> ServeConfig {
    let mut number = |setting, bounds| number_of(leaves, setting, bounds, problems).unwrap_or_default();
    let parallel_runs = usize::try_from(number(&keys::PARALLEL_RUNS, 1..=1_000)).unwrap_or(usize::MAX);
    let quarantine_after = u32::try_from(number(&keys::QUARANTINE_AFTER, 1..=1_000)).unwrap_or(u32::MAX);
    let stop = Duration::from_secs(number(&keys::STOP_SECONDS, 0..=3_600));
    let public_url = public_url(leaves, problems);
    ServeConfig { listen: text_of(leaves, &keys::LISTEN, problems).unwrap_or_default(), public_url, parallel_runs, quarantine_after, stop }
}

/// The address before a proxy, without a slash at its end.
fn public_url(leaves: &[Leaf], problems: &mut Problems) -> Option<String> {
    let text = text_of(leaves, &keys::PUBLIC_URL, problems)?;
    match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() && url.path() == "/" && url.query().is_none() => {
            Some(url.as_str().trim_end_matches('/').to_owned())
        }
        _ => {
            let leaf = leaves.iter().find(|leaf| leaf.key == keys::PUBLIC_URL.key)?;
            problems.push(wrong(leaf, &keys::PUBLIC_URL, "an address without a path", &leaf.value));
            None
        }
    }
}

fn wrong(leaf: &Leaf, setting: &Setting, wanted: &str, found: &Json) -> Problem {
    Problem {
        line: Some(leaf.line),
        message: format!("`{}` must be {wanted}, not {found}", setting.key),
        mend: format!("for example {} = {}", setting.key, spelled(setting, setting.example)),
    }
}

/// A value as TOML spells it.
fn spelled(setting: &Setting, value: &str) -> String {
    match setting.takes {
        SettingType::Bool | SettingType::Integer | SettingType::Secret => value.to_owned(),
        SettingType::Text | SettingType::Url | SettingType::Choice(_) => Json::from(value).to_string(),
    }
}

fn missing(section: &Section, setting: &Setting) -> Problem {
    Problem {
        line: Some(section.line),
        message: format!("`{}` is missing in `{}`", setting.key, section.name),
        mend: format!("add {} = {} ({})", setting.key, spelled(setting, setting.example), setting.about),
    }
}

fn connection(section: &Section, problems: &mut Problems) -> Option<ConnectionConfig> {
    let before = problems.len();
    let descriptor = vendor(section, problems)?;
    let where_ = format!("[connections.{}]", section.name);
    unknown_keys(&section.leaves, keys::CONNECTION.iter().chain(descriptor.settings), &where_, problems);
    let mut settings = Settings::default();
    let mut secrets = Vec::new();
    for setting in descriptor.settings {
        if setting.takes == SettingType::Secret {
            match SecretReference::of(setting.key, &section.leaves) {
                Some(Ok(reference)) => secrets.push((setting.key, reference)),
                Some(Err(problem)) => problems.push(problem),
                None if setting.required => problems.push(missing(section, setting)),
                None => {}
            }
            continue;
        }
        match section.leaves.iter().find(|leaf| leaf.key == setting.key) {
            Some(leaf) => match judged(setting, leaf) {
                Ok(()) => settings.set(setting.key, leaf.value.clone()),
                Err(problem) => problems.push(problem),
            },
            None if setting.required => problems.push(missing(section, setting)),
            None => {}
        }
    }
    let network = network(section, problems);
    (problems.len() == before).then(|| ConnectionConfig {
        name: ConnectionName::new(section.name.clone()),
        descriptor,
        settings,
        secrets: SecretSource::Named(secrets),
        network,
    })
}

/// Is a value of the setting's type? What else it must be, its connector says.
fn judged(setting: &Setting, leaf: &Leaf) -> Result<(), Problem> {
    let wanted = match (setting.takes, &leaf.value) {
        (SettingType::Text | SettingType::Url, Json::String(_))
        | (SettingType::Bool, Json::Bool(_))
        | (SettingType::Integer, Json::Number(_)) => return Ok(()),
        (SettingType::Choice(words), Json::String(word)) => {
            return if words.contains(&word.as_str()) { Ok(()) } else { Err(no_choice(setting, words, word, leaf.line)) };
        }
        (SettingType::Text, _) => "text in quotes",
        (SettingType::Url, _) => "an address in quotes",
        (SettingType::Bool, _) => "true or false",
        (SettingType::Integer, _) => "a whole number",
        (SettingType::Choice(_), _) => "a word in quotes",
        (SettingType::Secret, _) => "given by reference",
    };
    Err(wrong(leaf, setting, wanted, &leaf.value))
}

fn no_choice(setting: &Setting, words: &[&str], word: &str, line: usize) -> Problem {
    let near = nearest(word, words.iter().copied()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    Problem {
        line: Some(line),
        message: format!("`{}` cannot be `{word}`", setting.key),
        mend: format!("{near}use one of: {}", words.join(", ")),
    }
}

/// The connector of a connection's vendor; what is unknown or left out is told.
fn vendor(section: &Section, problems: &mut Problems) -> Option<&'static Descriptor> {
    let Some(leaf) = section.leaves.iter().find(|leaf| leaf.key == keys::VENDOR.key) else {
        problems.push(missing(section, &keys::VENDOR));
        return None;
    };
    let Json::String(id) = &leaf.value else {
        problems.push(wrong(leaf, &keys::VENDOR, "text in quotes", &leaf.value));
        return None;
    };
    connector(id, VENDORS).map_err(|(message, mend)| problems.push(Problem { line: Some(leaf.line), message, mend })).ok()
}

fn network(section: &Section, problems: &mut Problems) -> TransportOptions {
    let mut options = TransportOptions::default();
    let leaf = |setting: &Setting| section.leaves.iter().find(|leaf| leaf.key == setting.key);
    if let Some(leaf) = leaf(&keys::ALLOW_PRIVATE) {
        match judged(&keys::ALLOW_PRIVATE, leaf) {
            Ok(()) => options.allow_private = leaf.value == Json::Bool(true),
            Err(problem) => problems.push(problem),
        }
    }
    if let Some(leaf) = leaf(&keys::PROXY) {
        match leaf.value.as_str() {
            Some("environment") => options.use_environment_proxy = true,
            Some(text) => match Url::parse(text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => options.proxy = Some(url),
                _ => problems.push(Problem {
                    line: Some(leaf.line),
                    message: "`proxy` is no address of a proxy".to_owned(),
                    mend: "give it as http://HOST:PORT, or as the word environment".to_owned(),
                }),
            },
            None => problems.push(wrong(leaf, &keys::PROXY, "text in quotes", &leaf.value)),
        }
    }
    options
}

#[cfg(test)]
mod tests;
