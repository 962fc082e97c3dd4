//! Connections that are entered here: their settings judged before anything is kept, each change told without a secret.

use rightful_core::{
    ConnectionName, Descriptor, Error, ErrorKind, Result, Secret, Setting, SettingType, Settings, nearest, public_base_url,
};
use rightful_engine::{Act, ConnectionEdit, Kept, StoredConnection};
use serde_json::{Value as Json, json};

use super::{Wrong, difference, told};
use crate::{Console, DeployedConnection, Deployment, Origin};

/// The longest name and the longest value.
const LONGEST_NAME: usize = 60;
const LONGEST: usize = 4_096;
/// How to give a master key, where there is none.
pub const GIVE_KEY: &str = "make one with `rightful key new`, put it where only Rightful can read it, name it in the configuration file \
                            (`master_key = { env = \"RIGHTFUL_MASTER_KEY\" }` at its top) and start again";

/// A name that a connection may have.
///
/// # Errors
/// Why not.
pub fn name(text: &str) -> std::result::Result<ConnectionName, String> {
    let text = text.trim();
    let fits = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    match text {
        "" => Err("give it a name: integrations name the connection by it".to_owned()),
        "new" => Err("`new` is taken by the console itself; take another name".to_owned()),
        _ if text.len() > LONGEST_NAME => Err(format!("at most {LONGEST_NAME} characters")),
        _ if !fits => Err("letters, digits, `-` and `_` only".to_owned()),
        _ => Ok(ConnectionName::new(text)),
    }
}

/// Typed texts as settings of their types; what is left empty is left out. `typed` gives the text of a key.
pub fn settings_of<'a>(descriptor: &Descriptor, typed: impl Fn(&str) -> &'a str) -> (Settings, Vec<Wrong>) {
    let (mut settings, mut wrong) = (Settings::default(), Vec::new());
    for setting in descriptor.settings.iter().filter(|setting| setting.takes != SettingType::Secret) {
        let text = typed(setting.key).trim();
        if text.is_empty() {
            continue;
        }
        let value = match setting.takes {
            SettingType::Bool => match text {
                "true" => Ok(Json::Bool(true)),
                "false" => Ok(Json::Bool(false)),
                _ => Err("true or false".to_owned()),
            },
            SettingType::Integer => {
                text.parse::<i64>().map(Json::from).map_err(|_| format!("a whole number, for example {}", setting.example))
            }
            _ if text.len() > LONGEST => Err(format!("at most {LONGEST} characters")),
            _ => Ok(Json::from(text)),
        };
        match value {
            Ok(value) => settings.set(setting.key, value),
            Err(told) => wrong.push(Wrong::of(setting.key, told)),
        }
    }
    (settings, wrong)
}

/// Everything that is wrong with settings: each by itself, an address in a private network among them; then as the connector judges them all.
/// Nothing is sent.
pub fn judged(deployment: &dyn Deployment, descriptor: &Descriptor, settings: &Settings) -> Vec<Wrong> {
    let known = |key: &str| descriptor.setting(key).filter(|setting| setting.takes != SettingType::Secret);
    let unknown = settings.keys().filter(|key| known(key).is_none()).map(|key| {
        let keys = descriptor.settings.iter().filter(|setting| setting.takes != SettingType::Secret).map(|setting| setting.key);
        let near = nearest(key, keys).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Wrong::of(key, format!("{} has no setting `{key}`{near}", descriptor.name))
    });
    let mut wrong: Vec<Wrong> = unknown.collect();
    for setting in descriptor.settings.iter().filter(|setting| setting.takes != SettingType::Secret) {
        if let Err(error) = alone(settings, setting) {
            wrong.push(Wrong::error(setting.key, &error));
        }
    }
    if wrong.is_empty()
        && let Err(error) = deployment.judge(descriptor.id.as_str(), settings)
    {
        let names = |setting: &&Setting| error.to_string().contains(&format!("`{}`", setting.key));
        let field = descriptor.settings.iter().find(names).map(|setting| setting.key.to_owned());
        wrong.push(Wrong { field, told: told(&error) });
    }
    wrong
}

/// Judges one setting by its type.
fn alone(settings: &Settings, setting: &Setting) -> Result<()> {
    match settings.get(setting) {
        None if setting.required => Err(Error::new(ErrorKind::Config, "this is needed").hint(format!("for example {}", setting.example))),
        None => Ok(()),
        Some(_) => match setting.takes {
            SettingType::Url => settings.text(setting).and_then(|text| public_base_url(&text)).map(drop),
            SettingType::Bool => settings.bool(setting).map(drop),
            SettingType::Integer => settings.integer(setting).map(drop),
            SettingType::Text | SettingType::Choice(_) => settings.text(setting).map(drop),
            SettingType::Secret => Ok(()),
        },
    }
}

/// The connection of that name.
///
/// # Errors
/// `NotFound` where there is none.
pub fn found(console: &Console, name: &str) -> Result<DeployedConnection> {
    let connections = console.deployment.connections();
    connections
        .into_iter()
        .find(|connection| connection.name.as_str() == name)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no connection `{name}`")).hint("see which there are: Connections"))
}

/// A connection as it is kept, where it was entered here.
///
/// # Errors
/// `Conflict` where it stands in the file, `NotFound` where it was removed meanwhile.
pub async fn kept(console: &Console, connection: &DeployedConnection) -> Result<StoredConnection> {
    let name = &connection.name;
    if connection.origin == Origin::File {
        return Err(Error::new(ErrorKind::Conflict, format!("connection `{name}` stands in the configuration file"))
            .hint(format!("change [connections.{name}] there and start again")));
    }
    let kept = console.store.connections().await?.into_iter().find(|kept| kept.name == *name);
    kept.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("connection `{name}` was removed meanwhile")).hint("go back to Connections"))
}

/// Keeps what was judged good, and takes it up. `before` is the connection it changes, whose `revision` was looked at.
///
/// # Errors
/// As the store; `Config` where secrets are given and no master key is.
pub async fn save(console: &Console, actor: &str, before: Option<(&StoredConnection, i64)>, edit: &ConnectionEdit) -> Result<Kept<i64>> {
    if edit.secrets.iter().any(|(_, secret)| secret.is_some()) && !console.deployment.can_seal() {
        return Err(Error::new(ErrorKind::Config, "without a master key secrets cannot be kept").hint(GIVE_KEY));
    }
    if before.is_none() && console.deployment.connections().iter().any(|connection| connection.name == edit.name) {
        return Ok(Kept::Taken);
    }
    let was = before.map_or(Json::Null, |(before, _)| plain(&before.settings));
    let mut detail = difference(&was, &plain(&edit.settings));
    if let Json::Object(fields) = &mut detail {
        fields.insert("vendor".to_owned(), json!(edit.vendor));
        for (word, given) in [("secrets set", true), ("secrets taken away", false)] {
            let keys: Vec<&str> =
                edit.secrets.iter().filter(|(_, secret)| secret.is_some() == given).map(|(key, _)| key.as_str()).collect();
            if !keys.is_empty() {
                fields.insert(word.to_owned(), json!(keys));
            }
        }
    }
    let action = if before.is_some() { "connection.save" } else { "connection.add" };
    let act = Act::new(console.now(), actor, action, edit.name.as_str()).detail(detail);
    let kept = console.store.put_connection(before.map_or(0, |(_, revision)| revision), edit, &act).await?;
    if matches!(kept, Kept::Done(_)) {
        take_up(console).await?;
    }
    Ok(kept)
}

/// Removes a connection that no integration uses.
///
/// # Errors
/// `Conflict` where one does, or where the connection stands in the file.
pub async fn remove(console: &Console, actor: &str, connection: &DeployedConnection) -> Result<()> {
    let kept = kept(console, connection).await?;
    if !connection.used_by.is_empty() {
        return Err(Error::new(
            ErrorKind::Conflict,
            format!("connection `{}` is used by {}", connection.name, connection.used_by.join(", ")),
        )
        .hint("give the integration another connection in the configuration file first, and start again"));
    }
    let act = Act::new(console.now(), actor, "connection.remove", connection.name.as_str())
        .detail(json!({ "vendor": kept.vendor, "before": plain(&kept.settings) }));
    if console.store.remove_connection(&connection.name, &act).await? {
        take_up(console).await?;
    }
    Ok(())
}

async fn take_up(console: &Console) -> Result<()> {
    console
        .deployment
        .reload()
        .await
        .map_err(|error| error.context("the change is kept, but was not taken up yet: it will be at the next start at the latest"))
}

/// Settings as plain data.
pub fn plain(settings: &Settings) -> Json {
    Json::Object(settings.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect())
}

/// New secrets from typed texts: those not empty replace, those taken away are taken away, the rest stays.
pub fn secrets_of<'a>(
    descriptor: &Descriptor,
    typed: impl Fn(&str) -> &'a str,
    taken_away: impl Fn(&str) -> bool,
) -> (Vec<(String, Option<Secret>)>, Vec<Wrong>) {
    let (mut secrets, mut wrong) = (Vec::new(), Vec::new());
    for setting in descriptor.settings.iter().filter(|setting| setting.takes == SettingType::Secret) {
        let text = typed(setting.key);
        match (text.is_empty(), taken_away(setting.key)) {
            (true, true) => secrets.push((setting.key.to_owned(), None)),
            (true, false) => {}
            (false, true) => wrong.push(Wrong::of(setting.key, "either a new one, or taken away")),
            (false, false) if text.trim().is_empty() => wrong.push(Wrong::of(setting.key, "it is blank")),
            (false, false) if text.len() > LONGEST => wrong.push(Wrong::of(setting.key, format!("at most {LONGEST} characters"))),
            (false, false) => secrets.push((setting.key.to_owned(), Some(Secret::new(text)))),
        }
    }
    (secrets, wrong)
}
