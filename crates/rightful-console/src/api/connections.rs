//! Connections and vendors: what there is, keeping one, and asking its vendor whether everything is in place. Secrets come in and never go out.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use rightful_core::{self as core, Error, ErrorKind, Secret, SettingType, Settings, nearest};
use rightful_engine::{Act, ConnectionEdit, Kept};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::integrations::Nothing;
use super::paging::{Page, Paging, Part};
use super::read::{Asked, Body};
use super::{Told, said, wrong};
use crate::access::Who;
use crate::operations::{Wrong, connections as kept, told};
use crate::problem::Problem;
use crate::{Console, Deployment};

/// Where a connection was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// In the configuration file: it is changed there alone.
    File,
    /// In the console or through this API.
    Console,
}

/// A secret that is given. What it says is never sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GivenSecret {
    /// Its key.
    pub key: String,
    /// How: `env NAME`, `file PATH`, or sealed.
    pub given: String,
}

/// A connection.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Connection {
    /// Its name.
    pub name: String,
    /// Its vendor.
    pub vendor: String,
    /// Where it was entered.
    pub origin: Origin,
    /// Its settings.
    #[schema(value_type = Object)]
    pub settings: Value,
    /// Secrets that are given.
    pub secrets: Vec<GivenSecret>,
    /// May it reach private addresses? Only the configuration file can say so.
    pub allow_private: bool,
    /// Moves with every change; what a change gives as `revision`. 0: it stands in the configuration file.
    pub revision: i64,
    /// Why it cannot be used at present.
    #[schema(required)]
    pub unready: Option<String>,
    /// Integrations that use it.
    pub used_by: Vec<String>,
}

impl From<crate::DeployedConnection> for Connection {
    fn from(connection: crate::DeployedConnection) -> Self {
        Self {
            settings: kept::plain(&connection.settings),
            vendor: connection.descriptor.id.to_string(),
            origin: match connection.origin {
                crate::Origin::File => Origin::File,
                crate::Origin::Console => Origin::Console,
            },
            secrets: connection.secrets.into_iter().map(|(key, given)| GivenSecret { key, given }).collect(),
            allow_private: connection.allow_private,
            revision: connection.revision,
            unready: connection.unready,
            used_by: connection.used_by,
            name: connection.name.to_string(),
        }
    }
}

/// Lists connections, by name.
#[utoipa::path(get, path = "/api/v1/connections", operation_id = "listConnections", tag = "Connections", params(Paging),
    responses((status = 200, body = Page<Connection>)))]
pub async fn list(State(console): State<Arc<Console>>, Asked(asked): Asked<Paging>) -> Told<Page<Connection>> {
    let part = Part::<String>::of("connections", asked.limit, asked.cursor.as_deref())?;
    said(part.page_of(console.deployment.connections(), |connection| connection.name.to_string(), Connection::from))
}

/// Tells how one connection stands.
#[utoipa::path(get, path = "/api/v1/connections/{connection}", operation_id = "connection", tag = "Connections",
    responses((status = 200, body = Connection)))]
pub async fn one(State(console): State<Arc<Console>>, Path(name): Path<String>) -> Told<Connection> {
    said(kept::found(&console, &name)?.into())
}

/// What a connection shall be.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionPut {
    /// Its vendor: `GET /api/v1/vendors` lists them.
    #[schema(example = "skynamo")]
    pub vendor: String,
    /// All its settings by key; a setting that is left out is as usual.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub settings: BTreeMap<String, Value>,
    /// New secrets by key; `null` takes one away; those left out stay as they are. Never sent back.
    #[serde(default)]
    #[schema(value_type = Object, write_only)]
    pub secrets: BTreeMap<String, Option<String>>,
    /// The revision that was looked at; left out, or 0, for a new connection.
    #[serde(default)]
    pub revision: i64,
}

/// Secrets as they are to be kept, or what is wrong with them.
fn secrets(descriptor: &core::Descriptor, given: BTreeMap<String, Option<String>>) -> (Vec<(String, Option<Secret>)>, Vec<Wrong>) {
    let takes: Vec<&str> =
        descriptor.settings.iter().filter(|setting| setting.takes == SettingType::Secret).map(|setting| setting.key).collect();
    let mut bad = Vec::new();
    for key in given.keys().filter(|key| !takes.contains(&key.as_str())) {
        let near = nearest(key, takes.iter().copied()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        bad.push(Wrong::of(&format!("secrets.{key}"), format!("{} takes no secret `{key}`{near}", descriptor.name)));
    }
    for key in given.iter().filter(|(_, text)| text.as_deref() == Some("")).map(|(key, _)| key) {
        bad.push(Wrong::of(&format!("secrets.{key}"), "it is empty; `null` takes a secret away"));
    }
    let text = |key: &str| given.get(key).and_then(Option::as_deref).unwrap_or_default();
    let (secrets, wrong) = kept::secrets_of(descriptor, text, |key| given.get(key).is_some_and(Option::is_none));
    bad.extend(wrong.into_iter().map(|wrong| under("secrets", wrong)));
    (secrets, bad)
}

/// What is wrong with a field, below the field of the body that holds it.
fn under(above: &str, wrong: Wrong) -> Wrong {
    Wrong { field: wrong.field.map_or_else(|| Some(above.to_owned()), |field| Some(format!("{above}.{field}"))), ..wrong }
}

fn vendor(deployment: &dyn Deployment, id: &str) -> Result<&'static core::Descriptor, Wrong> {
    let vendors = deployment.vendors();
    let known = || vendors.iter().map(|vendor| vendor.id.as_str());
    vendors.iter().find(|vendor| vendor.id.as_str() == id).copied().ok_or_else(|| {
        let mend = match nearest(id, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known().collect::<Vec<_>>().join(", ")),
        };
        Wrong::of("vendor", format!("there is no vendor `{id}` in this program; {mend}"))
    })
}

/// Adds a connection, or changes the one of that revision. Nothing is sent to the vendor: test it afterwards.
///
/// Sending the same again under a revision that has passed is a conflict, which names the `revision` that stands. Everything that is wrong is
/// listed in `wrong`.
#[utoipa::path(put, path = "/api/v1/connections/{connection}", operation_id = "putConnection", tag = "Connections",
    request_body = ConnectionPut,
    responses((status = 200, body = Connection), (status = 201, body = Connection),
        (status = 409, description = "It stands in the configuration file, or somebody changed it meanwhile.")))]
pub async fn put(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(body): Body<ConnectionPut>,
) -> Result<Response, Problem> {
    let known = console.deployment.connections().into_iter().find(|connection| connection.name.as_str() == name);
    let before = match &known {
        Some(known) => Some(kept::kept(&console, known).await?),
        None => {
            if body.revision != 0 {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no connection `{name}`"))
                    .hint("leave `revision` out to add it")
                    .into());
            }
            None
        }
    };
    let moved = |revision: i64| {
        Problem::new(StatusCode::CONFLICT, format!("connection `{name}` has revision {revision} now; nothing was changed"))
            .hint("look at it as it stands, then send what it shall be with that `revision`")
            .with("revision", revision)
    };
    if let Some(before) = before.as_ref().filter(|before| before.revision != body.revision) {
        return Err(moved(before.revision));
    }
    let mut bad = Vec::new();
    let name_ = kept::name(&name).map_err(|told| bad.push(Wrong::of("connection", told)));
    let descriptor = vendor(&*console.deployment, &body.vendor).map_err(|wrong| bad.push(wrong));
    if let Some(before) = before.as_ref().filter(|before| before.vendor.as_str() != body.vendor) {
        bad.push(Wrong::of("vendor", format!("the connection is one to {}; add another for another vendor", before.vendor)));
    }
    let settings = Settings::new(body.settings);
    let mut new_secrets = Vec::new();
    if let Ok(descriptor) = descriptor {
        bad.extend(kept::judged(&*console.deployment, descriptor, &settings).into_iter().map(|wrong| under("settings", wrong)));
        let (good, wrong) = secrets(descriptor, body.secrets);
        new_secrets = good;
        bad.extend(wrong);
    }
    let (Ok(name_), Ok(descriptor), true) = (name_, descriptor, bad.is_empty()) else {
        return Err(wrong(&format!("connection `{name}`"), &bad));
    };
    let edit = ConnectionEdit { name: name_, vendor: descriptor.id.clone(), settings, secrets: new_secrets };
    match kept::save(&console, &who.actor(), before.as_ref().map(|before| (before, body.revision)), &edit).await? {
        Kept::Done(_) => {
            let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
            Ok((status, Json(Connection::from(kept::found(&console, &name)?))).into_response())
        }
        // Somebody was quicker.
        Kept::Moved | Kept::Taken | Kept::LastAdmin => Err(moved(kept::found(&console, &name)?.revision)),
    }
}

/// Removes a connection that no integration uses, with its secrets.
#[utoipa::path(delete, path = "/api/v1/connections/{connection}", operation_id = "removeConnection", tag = "Connections",
    responses((status = 204), (status = 409, description = "An integration uses it, or it stands in the configuration file.")))]
pub async fn remove(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
) -> Result<StatusCode, Problem> {
    let connection = kept::found(&console, &name)?;
    kept::remove(&console, &who.actor(), &connection).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a precondition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingVerdict {
    /// It holds.
    Pass,
    /// It holds; something could be better.
    Advice,
    /// It does not hold yet.
    NotYet,
    /// It does not hold.
    Fail,
    /// The vendor does not let us see.
    CannotTell,
}

impl From<core::Verdict> for FindingVerdict {
    fn from(verdict: core::Verdict) -> Self {
        match verdict {
            core::Verdict::Pass => Self::Pass,
            core::Verdict::Advice => Self::Advice,
            core::Verdict::NotYet => Self::NotYet,
            core::Verdict::Fail => Self::Fail,
            core::Verdict::CannotTell => Self::CannotTell,
        }
    }
}

/// A precondition, checked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Finding {
    /// Its stable id: `sign-in`, `read-customer`.
    pub check: String,
    /// How it stands.
    pub verdict: FindingVerdict,
    /// What was seen.
    pub evidence: String,
    /// What to do, where it is not a pass.
    #[schema(required)]
    pub remedy: Option<String>,
}

/// What a test found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Tested {
    /// Does everything hold that must?
    pub sound: bool,
    /// Each precondition.
    pub findings: Vec<Finding>,
    /// Why nothing could be found.
    #[schema(required)]
    pub failed: Option<String>,
}

/// Asks the vendor whether everything is in place. Reads only.
#[utoipa::path(post, path = "/api/v1/connections/{connection}/test", operation_id = "testConnection", tag = "Connections",
    responses((status = 200, body = Tested)))]
pub async fn test(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(Nothing {}): Body<Nothing>,
) -> Told<Tested> {
    let connection = kept::found(&console, &name)?;
    console.store.append(&Act::new(console.now(), who.actor(), "connection.test", name)).await?;
    said(match console.deployment.preflight(&connection.name).await {
        Ok(findings) => Tested {
            sound: findings.iter().all(|finding| !matches!(finding.verdict, core::Verdict::Fail | core::Verdict::NotYet)),
            findings: findings
                .into_iter()
                .map(|finding| Finding {
                    check: finding.check,
                    verdict: finding.verdict.into(),
                    evidence: finding.evidence,
                    remedy: finding.remedy,
                })
                .collect(),
            failed: None,
        },
        Err(error) => Tested { sound: false, findings: Vec::new(), failed: Some(told(&error)) },
    })
}

/// A setting or secret that a vendor's connector takes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VendorSetting {
    /// Its key.
    pub key: String,
    /// `text`, `bool`, `integer`, `url`, `choice` or `secret`.
    pub takes: String,
    /// The words of a choice.
    pub choices: Vec<String>,
    /// Must it be given?
    pub required: bool,
    /// Used where it is not given.
    #[schema(required)]
    pub default: Option<String>,
    /// What it is for.
    pub about: String,
    /// A value as it would be in the configuration file.
    pub example: String,
    /// Does it say which account, or which part of it, the connection stands for?
    pub names_account: bool,
}

/// A vendor that is compiled in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Vendor {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What its product is.
    pub about: String,
    /// How one signs in.
    pub sign_in: String,
    /// Settings and secrets that it takes.
    pub settings: Vec<VendorSetting>,
}

fn setting(descriptor: &core::Descriptor, setting: &core::Setting) -> VendorSetting {
    let (takes, choices) = match setting.takes {
        SettingType::Text => ("text", &[][..]),
        SettingType::Bool => ("bool", &[][..]),
        SettingType::Integer => ("integer", &[][..]),
        SettingType::Url => ("url", &[][..]),
        SettingType::Choice(words) => ("choice", words),
        SettingType::Secret => ("secret", &[][..]),
    };
    VendorSetting {
        key: setting.key.to_owned(),
        takes: takes.to_owned(),
        choices: choices.iter().map(|word| (*word).to_owned()).collect(),
        required: setting.required,
        default: setting.default.map(str::to_owned),
        about: setting.about.to_owned(),
        example: setting.example.to_owned(),
        names_account: descriptor.account.contains(&setting.key) || descriptor.scope.contains(&setting.key),
    }
}

/// Lists the vendors that are compiled in, with the settings that a connection takes.
#[utoipa::path(get, path = "/api/v1/vendors", operation_id = "listVendors", tag = "Connections", params(Paging),
    responses((status = 200, body = Page<Vendor>)))]
pub async fn vendors(State(console): State<Arc<Console>>, Asked(asked): Asked<Paging>) -> Told<Page<Vendor>> {
    let part = Part::<String>::of("vendors", asked.limit, asked.cursor.as_deref())?;
    let told = |vendor: &'static core::Descriptor| Vendor {
        id: vendor.id.to_string(),
        name: vendor.name.to_owned(),
        about: vendor.about.to_owned(),
        sign_in: vendor.sign_in.to_owned(),
        settings: vendor.settings.iter().map(|one| setting(vendor, one)).collect(),
    };
    said(part.page_of(console.deployment.vendors(), |vendor| vendor.id.to_string(), told))
}
