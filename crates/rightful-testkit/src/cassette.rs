//! A cassette: the exchanges of one scenario, where they come from and what a client needs to have them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use rightful_core::Instant;
use serde::Deserialize;
use serde_json::Value;

/// Where a scenario's exchanges come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// Taken from the real service and scrubbed.
    Recorded,
    /// Put together from the vendor's published documentation.
    FromDocs,
    /// Written by hand, for what can neither be recorded nor is documented.
    HandWritten,
}

/// In which order the exchanges must be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// One after the other, as written.
    #[default]
    Strict,
    /// Any, for requests that run side by side; each is used once all the same.
    Any,
}

/// What becomes of a request whose answer never arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lost {
    /// The connection failed before the vendor could act.
    BeforeActing,
    /// The vendor may have acted; its answer was lost.
    AfterActing,
}

/// `cassette.json` of a scenario folder, with its side files read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cassette {
    /// Where it comes from.
    pub label: Label,
    /// The page or sentence that says so.
    pub source: String,
    /// What the scenario shows, in one sentence.
    pub about: String,
    /// The vendor's origin as the exchanges spell it: `https://api.acme.example`.
    pub origin: String,
    /// Further origins that are rerouted too.
    #[serde(default)]
    pub other_origins: Vec<String>,
    /// In which order.
    #[serde(default)]
    pub order: Order,
    /// The client's time at the start; 2026-03-02T09:00:00Z unless said.
    #[serde(default)]
    pub now: Option<Instant>,
    /// Settings that differ from the descriptor's examples.
    #[serde(default)]
    pub settings: BTreeMap<String, Value>,
    /// Made-up secrets, where `fixture-KEY` does not do.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// What is asked and answered.
    pub exchanges: Vec<Exchange>,
}

/// One request and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// A note for readers.
    #[serde(default)]
    pub about: Option<String>,
    /// How many times in a row; once unless said.
    #[serde(default)]
    pub times: Option<u32>,
    /// What the request must look like.
    pub request: RequestPattern,
    /// What it is answered with.
    pub response: Reply,
}

/// What a request must look like. `{{any}}` stands for any text, `{{any:NAME}}` keeps it for the response, where `{{NAME}}` is replaced by it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestPattern {
    /// Its verb.
    pub method: String,
    /// Path and query. The query's pairs may come in any order, none may be missing or more.
    pub path: String,
    /// Headers that must be there; others may be too.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Headers that must not be there.
    #[serde(default)]
    pub without_headers: Vec<String>,
    /// A JSON body, compared as JSON.
    #[serde(default)]
    pub json: Option<Value>,
    /// A text body, compared to the letter.
    #[serde(default)]
    pub text: Option<String>,
    /// A short XML body, compared as XML.
    #[serde(default)]
    pub xml: Option<String>,
    /// A form body, compared as pairs.
    #[serde(default)]
    pub form: Option<BTreeMap<String, String>>,
    /// A side file with the body: `.json` and `.xml` are compared as such, others as text.
    #[serde(default)]
    pub file: Option<String>,
    /// Any body will do.
    #[serde(default)]
    pub any_body: bool,
    #[serde(skip)]
    pub(crate) body: BodyPattern,
}

/// A request's body, as it is compared.
#[derive(Clone, Debug, Default)]
pub(crate) enum BodyPattern {
    #[default]
    Empty,
    Any,
    Json(Value),
    Xml(String),
    Text(String),
    Form(BTreeMap<String, String>),
}

/// What a request is answered with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The status; 200 unless said.
    #[serde(default)]
    pub status: Option<u16>,
    /// Headers. A content type is added where the body is JSON or XML.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A JSON body.
    #[serde(default)]
    pub json: Option<Value>,
    /// A text body.
    #[serde(default)]
    pub text: Option<String>,
    /// A short XML body.
    #[serde(default)]
    pub xml: Option<String>,
    /// A side file with the body.
    #[serde(default)]
    pub file: Option<String>,
    /// Really waits before answering.
    #[serde(default)]
    pub delay_milliseconds: Option<u64>,
    /// No answer arrives.
    #[serde(default)]
    pub lost: Option<Lost>,
    #[serde(skip)]
    pub(crate) body: Vec<u8>,
    #[serde(skip)]
    pub(crate) content_type: Option<&'static str>,
}

impl Cassette {
    /// Reads a scenario folder's `cassette.json` and side files.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub fn load(folder: &Path) -> Result<Self, String> {
        let path = folder.join("cassette.json");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut cassette: Self = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        cassette.complete(folder).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(cassette)
    }

    /// The secret of that key: as written, or `fixture-KEY`.
    pub fn secret(&self, key: &str) -> String {
        self.secrets.get(key).cloned().unwrap_or_else(|| format!("fixture-{key}"))
    }

    fn complete(&mut self, folder: &Path) -> Result<(), String> {
        if self.source.trim().is_empty() {
            return Err("`source` is empty: give the address of the page or a sentence that says where this comes from".to_owned());
        }
        if self.label != Label::HandWritten && !self.source.contains("://") {
            return Err(format!(
                "`source` of a {} cassette must contain the address of the page",
                if self.label == Label::Recorded { "recorded" } else { "from-docs" }
            ));
        }
        if self.about.trim().is_empty() {
            return Err("`about` is empty: say in one sentence what the scenario shows".to_owned());
        }
        for origin in std::iter::once(&self.origin).chain(&self.other_origins) {
            let parsed = url::Url::parse(origin).map_err(|error| format!("origin `{origin}`: {error}"))?;
            if parsed.origin().ascii_serialization() != *origin {
                return Err(format!("origin `{origin}` should read `{}`", parsed.origin().ascii_serialization()));
            }
        }
        let mut used = BTreeSet::from(["cassette.json".to_owned(), "expect.json".to_owned()]);
        let secrets = self.secrets.clone();
        let settings = self.settings.clone();
        let fill = |text: &str| fill_in(text, &settings, &secrets);
        for (index, exchange) in self.exchanges.iter_mut().enumerate() {
            let place = |error: String| format!("exchange {}: {error}", index + 1);
            exchange.request.complete(folder, &mut used, &fill).map_err(place)?;
            exchange.response.complete(folder, &mut used).map_err(place)?;
            if exchange.times == Some(0) {
                return Err(place("`times` is 0: leave the exchange out".to_owned()));
            }
        }
        let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
        for entry in entries {
            let name = entry.map_err(|error| error.to_string())?.file_name().to_string_lossy().into_owned();
            if !used.contains(&name) {
                return Err(format!("no exchange uses the side file `{name}`: use it or remove it"));
            }
        }
        Ok(())
    }
}

impl RequestPattern {
    fn complete(&mut self, folder: &Path, used: &mut BTreeSet<String>, fill: &dyn Fn(&str) -> String) -> Result<(), String> {
        if !self.path.starts_with('/') {
            return Err(format!("path `{}` must begin with `/`", self.path));
        }
        let bodies =
            [self.json.is_some(), self.text.is_some(), self.xml.is_some(), self.form.is_some(), self.file.is_some(), self.any_body];
        if bodies.into_iter().filter(|given| *given).count() > 1 {
            return Err("a request has one body: keep one of `json`, `text`, `xml`, `form`, `file`, `any_body`".to_owned());
        }
        self.path = fill(&self.path);
        self.headers.values_mut().for_each(|value| *value = fill(value));
        self.body = if self.any_body {
            BodyPattern::Any
        } else if let Some(json) = &self.json {
            BodyPattern::Json(fill_json(json.clone(), fill))
        } else if let Some(text) = &self.text {
            BodyPattern::Text(fill(text))
        } else if let Some(text) = &self.xml {
            BodyPattern::Xml(fill(text))
        } else if let Some(form) = &self.form {
            BodyPattern::Form(form.iter().map(|(key, value)| (key.clone(), fill(value))).collect())
        } else if let Some(name) = &self.file {
            let bytes = side_file(folder, name, used)?;
            let text = String::from_utf8(bytes).map_err(|_| format!("side file `{name}` of a request must be UTF-8 text"))?;
            match extension(name) {
                "json" => {
                    BodyPattern::Json(fill_json(serde_json::from_str(&text).map_err(|error| format!("side file `{name}`: {error}"))?, fill))
                }
                "xml" => BodyPattern::Xml(fill(&text)),
                _ => BodyPattern::Text(fill(&text)),
            }
        } else {
            BodyPattern::Empty
        };
        Ok(())
    }
}

impl Reply {
    fn complete(&mut self, folder: &Path, used: &mut BTreeSet<String>) -> Result<(), String> {
        let bodies = [self.json.is_some(), self.text.is_some(), self.xml.is_some(), self.file.is_some()];
        let given = bodies.into_iter().filter(|given| *given).count();
        if given > 1 {
            return Err("a response has one body: keep one of `json`, `text`, `xml`, `file`".to_owned());
        }
        if self.lost.is_some() && (given > 0 || self.status.is_some() || !self.headers.is_empty()) {
            return Err("a lost response has neither status, headers nor body".to_owned());
        }
        if let Some(status) = self.status
            && !(100..=598).contains(&status)
        {
            return Err(format!("status {status} cannot be played (599 says that nothing matched)"));
        }
        if let Some(json) = &self.json {
            self.body = serde_json::to_vec(json).expect("a JSON value can be written");
            self.content_type = Some("application/json");
        } else if let Some(text) = &self.text {
            self.body = text.clone().into_bytes();
        } else if let Some(text) = &self.xml {
            self.body = text.clone().into_bytes();
            self.content_type = Some("application/xml");
        } else if let Some(name) = &self.file {
            self.body = side_file(folder, name, used)?;
            self.content_type = match extension(name) {
                "json" => Some("application/json"),
                "xml" => Some("application/xml"),
                "html" => Some("text/html; charset=utf-8"),
                "txt" => Some("text/plain; charset=utf-8"),
                _ => None,
            };
        }
        Ok(())
    }
}

/// Puts settings and secrets in place of `{{setting.KEY}}` and `{{secret.KEY}}`.
fn fill_in(text: &str, settings: &BTreeMap<String, Value>, secrets: &BTreeMap<String, String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else { break };
        filled.push_str(before);
        if let Some(key) = name.strip_prefix("secret.") {
            filled.push_str(&secrets.get(key).cloned().unwrap_or_else(|| format!("fixture-{key}")));
        } else if let Some(value) = name.strip_prefix("setting.").and_then(|key| settings.get(key)) {
            filled.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        } else {
            filled.push_str("{{");
            filled.push_str(name);
            filled.push_str("}}");
        }
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

fn fill_json(value: Value, fill: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(fill(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| fill_json(item, fill)).collect()),
        Value::Object(members) => Value::Object(members.into_iter().map(|(key, item)| (key, fill_json(item, fill))).collect()),
        other => other,
    }
}

fn side_file(folder: &Path, name: &str, used: &mut BTreeSet<String>) -> Result<Vec<u8>, String> {
    let mut parts = Path::new(name).components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        return Err(format!("side file `{name}` must lie in the scenario's own folder"));
    }
    used.insert(name.to_owned());
    std::fs::read(folder.join(name)).map_err(|error| format!("side file `{name}`: {error}"))
}

fn extension(name: &str) -> &str {
    Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// Finds a folder given relative to the workspace (`fixtures/acme/users`) from wherever a test runs.
///
/// # Errors
/// A sentence that says where it was looked for.
pub fn fixture_folder(path: impl AsRef<Path>) -> Result<PathBuf, String> {
    let path = path.as_ref();
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    here.ancestors()
        .map(|ancestor| ancestor.join(path))
        .find(|candidate| candidate.is_dir())
        .ok_or_else(|| format!("there is no folder {} in {} or above it", path.display(), here.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_secrets_are_filled_in_and_other_placeholders_stay() {
        let settings = BTreeMap::from([("company".to_owned(), Value::from("acme")), ("page".to_owned(), Value::from(7))]);
        let secrets = BTreeMap::from([("password".to_owned(), "p&<'".to_owned())]);
        for (text, expected) in [
            ("{{setting.company}}/{{setting.page}}", "acme/7"),
            ("{{secret.password}} {{secret.key}}", "p&<' fixture-key"),
            ("{{any}} {{any:id}} {{setting.none}} {{", "{{any}} {{any:id}} {{setting.none}} {{"),
        ] {
            assert_eq!(fill_in(text, &settings, &secrets), expected);
        }
    }
}
