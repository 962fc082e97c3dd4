//! Connections: those of the file to look at, those entered here to keep; their secrets go in and never come out.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_core::{Descriptor, Error, ErrorKind, Finding, Instant, Setting, SettingType, Settings, Verdict};
use rightful_engine::{Act, ConnectionEdit, Kept, StoredConnection};
use serde_json::Value as Json;

use super::{Frame, Section, Shown, page, page_with, segment, to};
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::connections::{self as kept, GIVE_KEY};
use crate::operations::{Wrong, told};
use crate::problem::Problem;
use crate::told::{Moment, moment};
use crate::{Console, DeployedConnection, Origin};

/// Connections on one page.
const PAGE: usize = 50;

/// Where a list goes on.
#[derive(Debug, Default, serde::Deserialize)]
pub struct From {
    /// After this name.
    #[serde(default)]
    after: String,
}

struct Line {
    name: String,
    href: String,
    vendor: &'static str,
    origin: &'static str,
    unready: Option<String>,
    used_by: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "connections.html")]
struct List {
    frame: Frame,
    lines: Vec<Line>,
    next: Option<String>,
}

fn where_entered(origin: Origin) -> &'static str {
    match origin {
        Origin::File => "configuration file",
        Origin::Console => "console",
    }
}

/// `GET /connections`
pub async fn list(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(from): Query<From>,
) -> Shown {
    let mut connections = console.deployment.connections();
    connections.sort_by(|one, other| one.name.cmp(&other.name));
    connections.retain(|connection| connection.name.as_str() > from.after.as_str());
    let next = (connections.len() > PAGE).then(|| connections[PAGE - 1].name.to_string());
    let lines = connections.into_iter().take(PAGE).map(|connection| Line {
        href: format!("/connections/{}", segment(connection.name.as_str())),
        name: connection.name.to_string(),
        vendor: connection.descriptor.name,
        origin: where_entered(connection.origin),
        unready: connection.unready,
        used_by: connection.used_by.into_iter().map(|name| (format!("/integrations/{}", segment(&name)), name)).collect(),
    });
    page(&List { frame: Frame::of("Connections", Section::Connections, &who, &session).await, lines: lines.collect(), next })
}

/// One setting as a form shows it.
struct Field {
    key: &'static str,
    label: String,
    about: &'static str,
    example: &'static str,
    default: Option<&'static str>,
    required: bool,
    /// Does it say which account the connection stands for?
    names_account: bool,
    secret: bool,
    /// Since when a secret is sealed.
    sealed: Option<Moment>,
    /// For settings that take one of a few words.
    choices: Vec<(String, String)>,
    /// What kind of keyboard helps.
    mode: &'static str,
    value: String,
    wrong: Option<String>,
    /// What somebody else saved meanwhile.
    meanwhile: Option<String>,
}

/// "base_url" as people read it.
fn label(key: &str) -> String {
    let words = key.split('_').enumerate().map(|(at, word)| match word {
        "url" | "id" | "api" => word.to_uppercase(),
        _ if at == 0 => word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect(),
        _ => word.to_owned(),
    });
    words.collect::<Vec<String>>().join(" ")
}

/// A value as it is typed.
fn typed(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn field(descriptor: &Descriptor, setting: &'static Setting, value: String) -> Field {
    let default = setting.default;
    let mut choices: Vec<(String, String)> = match setting.takes {
        SettingType::Bool => [("true", "yes"), ("false", "no")].map(|(value, told)| (value.to_owned(), told.to_owned())).into(),
        SettingType::Choice(words) => words.iter().map(|word| ((*word).to_owned(), (*word).to_owned())).collect(),
        _ => Vec::new(),
    };
    if !choices.is_empty() {
        let told = match default {
            Some(default) => {
                format!("as usual: {}", choices.iter().find(|(value, _)| value == default).map_or(default, |(_, told)| told.as_str()))
            }
            None => "choose".to_owned(),
        };
        choices.insert(0, (String::new(), told));
    }
    Field {
        key: setting.key,
        label: label(setting.key),
        about: setting.about,
        example: setting.example,
        default,
        required: setting.required,
        names_account: descriptor.account.contains(&setting.key) || descriptor.scope.contains(&setting.key),
        secret: setting.takes == SettingType::Secret,
        sealed: None,
        choices,
        mode: match setting.takes {
            SettingType::Url => "url",
            SettingType::Integer => "numeric",
            _ => "text",
        },
        value,
        wrong: None,
        meanwhile: None,
    }
}

/// What a test found.
struct Tested {
    findings: Vec<(&'static str, &'static str, Finding)>,
    /// Why nothing could be found.
    failed: Option<String>,
    sound: bool,
}

/// A setting of the file, to look at.
struct FileLine {
    key: String,
    value: String,
    about: &'static str,
}

#[derive(Template)]
#[template(path = "connection.html")]
struct ConnectionPage {
    frame: Frame,
    /// `None`: it is being added.
    known: Option<Known>,
    /// Not yet chosen: the vendors there are.
    vendors: Vec<&'static Descriptor>,
    descriptor: Option<&'static Descriptor>,
    /// Where the form goes.
    action: String,
    name: String,
    wrong_name: Option<String>,
    fields: Vec<Field>,
    /// Those of the file.
    lines: Vec<FileLine>,
    revision: i64,
    can_seal: bool,
    give_key: &'static str,
    wrong: Option<String>,
    conflict: bool,
    tested: Option<Tested>,
}

impl ConnectionPage {
    fn is_in_file(&self) -> bool {
        self.known.as_ref().is_some_and(Known::is_in_file)
    }

    fn is_entered_here(&self) -> bool {
        self.known.is_some() && !self.is_in_file()
    }

    fn has_secrets(&self) -> bool {
        self.fields.iter().any(|field| field.secret)
    }
}

struct Known {
    base: String,
    origin: Origin,
    allow_private: bool,
    unready: Option<String>,
    used_by: Vec<(String, String)>,
}

impl Known {
    fn is_in_file(&self) -> bool {
        self.origin == Origin::File
    }
}

/// What was typed, and what is wrong with it.
#[derive(Default)]
struct Draft {
    name: String,
    typed: BTreeMap<String, String>,
    wrong: Vec<Wrong>,
    secrets_typed: bool,
    /// What is kept now, where somebody else changed it meanwhile.
    meanwhile: Option<Settings>,
}

impl Draft {
    fn of(descriptor: &Descriptor, fields: &Fields) -> Self {
        let plain = descriptor.settings.iter().filter(|setting| setting.takes != SettingType::Secret);
        let typed = plain.map(|setting| (setting.key.to_owned(), fields.text(&format!("setting.{}", setting.key)).to_owned()));
        let secrets = descriptor.settings.iter().filter(|setting| setting.takes == SettingType::Secret);
        Self {
            name: fields.text("name").to_owned(),
            typed: typed.collect(),
            secrets_typed: secrets.into_iter().any(|setting| !fields.text(&format!("secret.{}", setting.key)).is_empty()),
            ..Self::default()
        }
    }

    /// Settings and secrets as they are to be kept; what is wrong is kept in the draft.
    fn judged(
        &mut self,
        console: &Console,
        descriptor: &Descriptor,
        fields: &Fields,
    ) -> (Settings, Vec<(String, Option<rightful_core::Secret>)>) {
        let (settings, mut wrong) = kept::settings_of(descriptor, |key| fields.text(&format!("setting.{key}")));
        let mistyped: Vec<String> = wrong.iter().filter_map(|wrong| wrong.field.clone()).collect();
        let judged = kept::judged(&*console.deployment, descriptor, &settings);
        // What cannot even be read was left out of the settings: it is not missing besides.
        wrong.extend(judged.into_iter().filter(|wrong| wrong.field.as_ref().is_none_or(|field| !mistyped.contains(field))));
        let secret = |key: &str| fields.text(&format!("secret.{key}"));
        let (secrets, wrong_secrets) = kept::secrets_of(descriptor, secret, |key| fields.has(&format!("take.{key}")));
        wrong.extend(wrong_secrets);
        if self.secrets_typed && !console.deployment.can_seal() {
            wrong.push(Wrong { field: None, told: format!("without a master key secrets cannot be kept; {GIVE_KEY}") });
        }
        self.wrong = wrong;
        (settings, secrets)
    }

    fn wrong_with(&self, field: &str) -> Option<String> {
        let told: Vec<&str> =
            self.wrong.iter().filter(|wrong| wrong.field.as_deref() == Some(field)).map(|wrong| wrong.told.as_str()).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// What no field alone is to blame for, and that there is more.
    fn summary(&self) -> Option<String> {
        let whole = self.wrong.iter().filter(|wrong| wrong.field.is_none()).map(|wrong| wrong.told.as_str());
        let mut told: Vec<String> = whole.map(str::to_owned).collect();
        match self.wrong.iter().filter(|wrong| wrong.field.is_some()).count() {
            0 => {}
            1 => told.push("one field below has to be put right".to_owned()),
            count => told.push(format!("{count} fields below have to be put right")),
        }
        if told.is_empty() {
            return None;
        }
        if self.secrets_typed {
            told.push("secrets have to be typed again".to_owned());
        }
        Some(told.join("; "))
    }
}

/// The page of one connection, or of one being added.
async fn shown(
    console: &Console,
    who: &Who,
    session: &Session,
    descriptor: &'static Descriptor,
    known: Option<&DeployedConnection>,
    draft: Option<Draft>,
    tested: Option<Tested>,
) -> Result<ConnectionPage, Problem> {
    let now = console.now();
    let stored = match known {
        Some(connection) if connection.origin == Origin::Console => Some(kept::kept(console, connection).await?),
        _ => None,
    };
    let draft_given = draft.is_some();
    let draft = draft.unwrap_or_default();
    let mut fields = Vec::new();
    if known.is_none_or(|connection| connection.origin == Origin::Console) {
        for setting in descriptor.settings {
            fields.push(form_field(descriptor, setting, stored.as_ref(), draft_given.then_some(&draft), now));
        }
    }
    let title = known.map_or_else(|| "Add a connection".to_owned(), |connection| connection.name.to_string());
    Ok(ConnectionPage {
        frame: Frame::of(&title, Section::Connections, who, session).await,
        vendors: Vec::new(),
        descriptor: Some(descriptor),
        action: known.map_or_else(|| "/connections".to_owned(), |connection| format!("/connections/{}", segment(connection.name.as_str()))),
        name: known.map_or_else(|| draft.name.clone(), |connection| connection.name.to_string()),
        wrong_name: draft.wrong_with("name"),
        lines: known.filter(|connection| connection.origin == Origin::File).map(file_lines).unwrap_or_default(),
        revision: stored.as_ref().map_or(0, |stored| stored.revision),
        can_seal: console.deployment.can_seal(),
        give_key: GIVE_KEY,
        wrong: draft.summary(),
        conflict: draft.meanwhile.is_some(),
        known: known.map(|connection| Known {
            base: format!("/connections/{}", segment(connection.name.as_str())),
            origin: connection.origin,
            allow_private: connection.allow_private,
            unready: connection.unready.clone(),
            used_by: connection.used_by.iter().map(|name| (format!("/integrations/{}", segment(name)), name.clone())).collect(),
        }),
        fields,
        tested,
    })
}

fn form_field(
    descriptor: &Descriptor,
    setting: &'static Setting,
    stored: Option<&StoredConnection>,
    draft: Option<&Draft>,
    now: Instant,
) -> Field {
    let now_kept =
        |settings: &Settings| settings.iter().find(|(key, _)| *key == setting.key).map(|(_, value)| typed(value)).unwrap_or_default();
    let value = match draft {
        Some(draft) => draft.typed.get(setting.key).cloned().unwrap_or_default(),
        None => stored.map(|stored| now_kept(&stored.settings)).unwrap_or_default(),
    };
    let mut field = field(descriptor, setting, value);
    if let Some(draft) = draft {
        field.wrong = draft.wrong_with(setting.key);
        field.meanwhile = draft.meanwhile.as_ref().filter(|_| !field.secret).map(now_kept).filter(|now| now.trim() != field.value.trim());
    }
    field.sealed = stored.and_then(|stored| stored.sealed.iter().find(|(key, _)| key == setting.key)).map(|(_, at)| moment(*at, now));
    field
}

/// Settings and secrets of a connection of the file, each with the key that would change it.
fn file_lines(connection: &DeployedConnection) -> Vec<FileLine> {
    let descriptor = connection.descriptor;
    let lines = descriptor.settings.iter().map(|setting| FileLine {
        key: setting.key.to_owned(),
        about: setting.about,
        value: if setting.takes == SettingType::Secret {
            let given = connection.secrets.iter().find(|(key, _)| key == setting.key);
            given.map_or_else(|| "not given".to_owned(), |(_, how)| format!("given: {how}"))
        } else {
            match connection.settings.iter().find(|(key, _)| *key == setting.key) {
                Some((_, value)) => typed(value),
                None => setting.default.map_or_else(|| "not given".to_owned(), |default| format!("{default} (as usual)")),
            }
        },
    });
    lines.collect()
}

/// Which vendor a new connection is for.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Wanted {
    #[serde(default)]
    vendor: String,
}

fn vendor(console: &Console, id: &str) -> Result<&'static Descriptor, Problem> {
    let vendors = console.deployment.vendors();
    let found = vendors.into_iter().find(|descriptor| descriptor.id.as_str() == id);
    found.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("there is no vendor `{id}` in this program")).hint("choose one: Connections, Add").into()
    })
}

/// `GET /connections/new`
pub async fn new(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(wanted): Query<Wanted>,
) -> Shown {
    if !wanted.vendor.is_empty() {
        let descriptor = vendor(&console, &wanted.vendor)?;
        return page(&shown(&console, &who, &session, descriptor, None, None, None).await?);
    }
    page(&ConnectionPage {
        frame: Frame::of("Add a connection", Section::Connections, &who, &session).await,
        known: None,
        vendors: console.deployment.vendors(),
        descriptor: None,
        action: String::new(),
        name: String::new(),
        wrong_name: None,
        fields: Vec::new(),
        lines: Vec::new(),
        revision: 0,
        can_seal: true,
        give_key: GIVE_KEY,
        wrong: None,
        conflict: false,
        tested: None,
    })
}

/// `POST /connections`
pub async fn add(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let descriptor = vendor(&console, fields.text("vendor"))?;
    let mut draft = Draft::of(descriptor, &fields);
    let (settings, secrets) = draft.judged(&console, descriptor, &fields);
    let name = kept::name(&draft.name);
    if let Err(told) = &name {
        draft.wrong.push(Wrong::of("name", told.clone()));
    }
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    if let (Ok(name), true) = (name, draft.wrong.is_empty()) {
        let missing = missing_secrets(descriptor, |key| secrets.iter().any(|(given, _)| given == key));
        let edit = ConnectionEdit { name, vendor: descriptor.id.clone(), settings, secrets };
        match kept::save(&console, &who.actor(), None, &edit).await? {
            Kept::Done(_) => {
                let path = format!("/connections/{}", segment(edit.name.as_str()));
                return to(&session, &path, missing.is_none(), saved_told("Added", missing)).await;
            }
            Kept::Taken | Kept::Moved | Kept::LastAdmin => {
                draft
                    .wrong
                    .push(Wrong::of("name", "there is a connection of that name already, here or in the configuration file; take another"));
                status = StatusCode::CONFLICT;
            }
        }
    }
    page_with(status, &shown(&console, &who, &session, descriptor, None, Some(draft), None).await?)
}

/// Secrets that are needed and not there, for people.
fn missing_secrets(descriptor: &Descriptor, given: impl Fn(&str) -> bool) -> Option<String> {
    let needed = descriptor.settings.iter().filter(|setting| setting.takes == SettingType::Secret && setting.required);
    let missing: Vec<String> = needed.filter(|setting| !given(setting.key)).map(|setting| label(setting.key)).collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

fn saved_told(done: &str, missing: Option<String>) -> String {
    match missing {
        None => format!("{done}. Test it: the button asks the vendor whether everything is in place."),
        Some(missing) => format!("{done}, but it is not ready yet: a secret is missing ({missing})."),
    }
}

/// `GET /connections/{connection}`
pub async fn show(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let connection = kept::found(&console, &name)?;
    page(&shown(&console, &who, &session, connection.descriptor, Some(&connection), None, None).await?)
}

/// `POST /connections/{connection}`
pub async fn save(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let connection = kept::found(&console, &name)?;
    let stored = kept::kept(&console, &connection).await?;
    let descriptor = connection.descriptor;
    let revision = fields.text("revision").parse().map_err(|_| {
        Error::new(ErrorKind::Config, "the form does not say which state of the connection it stands on").hint("load the page again")
    })?;
    let mut draft = Draft::of(descriptor, &fields);
    let (settings, secrets) = draft.judged(&console, descriptor, &fields);
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    if draft.wrong.is_empty() {
        let given = |key: &str| match secrets.iter().find(|(given, _)| given == key) {
            Some((_, secret)) => secret.is_some(),
            None => stored.sealed.iter().any(|(sealed, _)| sealed == key),
        };
        let missing = missing_secrets(descriptor, given);
        let edit = ConnectionEdit { name: stored.name.clone(), vendor: stored.vendor.clone(), settings, secrets };
        match kept::save(&console, &who.actor(), Some((&stored, revision)), &edit).await? {
            Kept::Done(_) => {
                return to(&session, &format!("/connections/{}", segment(&name)), missing.is_none(), saved_told("Saved", missing)).await;
            }
            Kept::Moved | Kept::Taken | Kept::LastAdmin => {
                // As it stands by now: the form then stands on that.
                draft.meanwhile = Some(kept::kept(&console, &connection).await?.settings);
                status = StatusCode::CONFLICT;
            }
        }
    }
    page_with(status, &shown(&console, &who, &session, descriptor, Some(&connection), Some(draft), None).await?)
}

/// `POST /connections/{connection}/test`: asks the vendor whether everything is in place.
pub async fn test(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let connection = kept::found(&console, &name)?;
    console.store.append(&Act::new(console.now(), who.actor(), "connection.test", name)).await?;
    let tested = match console.deployment.preflight(&connection.name).await {
        Ok(findings) => Tested {
            sound: findings.iter().all(|finding| !matches!(finding.verdict, Verdict::Fail | Verdict::NotYet)),
            findings: findings.into_iter().map(|finding| (word(finding.verdict).0, word(finding.verdict).1, finding)).collect(),
            failed: None,
        },
        Err(error) => Tested { findings: Vec::new(), failed: Some(told(&error)), sound: false },
    };
    page(&shown(&console, &who, &session, connection.descriptor, Some(&connection), None, Some(tested)).await?)
}

/// A verdict's word and tone.
fn word(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Pass => ("pass", "good"),
        Verdict::Advice => ("advice", "live"),
        Verdict::NotYet => ("not yet", "warn"),
        Verdict::Fail => ("fail", "bad"),
        Verdict::CannotTell => ("cannot tell", "quiet"),
    }
}

#[derive(Template)]
#[template(path = "connection_remove.html")]
struct Remove {
    frame: Frame,
    name: String,
    base: String,
    used_by: Vec<String>,
}

/// `GET /connections/{connection}/remove`
pub async fn ask_remove(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let connection = kept::found(&console, &name)?;
    kept::kept(&console, &connection).await?;
    page(&Remove {
        frame: Frame::of("Remove a connection", Section::Connections, &who, &session).await,
        base: format!("/connections/{}", segment(&name)),
        used_by: connection.used_by,
        name,
    })
}

/// `POST /connections/{connection}/remove`
pub async fn remove(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let connection = kept::found(&console, &name)?;
    kept::remove(&console, &who.actor(), &connection).await?;
    to(&session, "/connections", true, format!("Connection {name} was removed, and its secrets with it.")).await
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn keys_read_as_words() {
        for (key, told) in [("base_url", "Base URL"), ("company_id", "Company ID"), ("api_key", "API key"), ("instance", "Instance")] {
            assert_eq!(label(key), told);
        }
    }
}
