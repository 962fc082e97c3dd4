//! Addresses: which version, which resource.

use rightful_sim::SimResponse;
use serde_json::{Map, Value, json};

use super::answers::{Failure, no_such_resource, wrong_method};
use super::ask::Ask;
use super::state::State;
use super::{bulk, collections, composite, limits, query, sobjects};

/// Versions that answer; older ones down to the first of REST are retired:
/// <https://help.salesforce.com/s/articleView?id=000354473>.
pub(super) const OLDEST: u32 = 31;
pub(super) const NEWEST: u32 = 67;
const FIRST_RETIRED: u32 = 7;

/// What a path names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Address {
    OAuth(String),
    Identity(String, String),
    Versions,
    Data { version: u32, version_text: String, parts: Vec<String> },
    Retired,
}

impl Address {
    /// Reads a path; a slash at its end does not count.
    pub(super) fn of(path: &str) -> Option<Self> {
        let mut parts = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect::<Option<Vec<String>>>()?;
        let known = |parts: &[String], place: usize, word: &str| parts.get(place).is_some_and(|part| part == word);
        if known(&parts, 0, "id") && parts.len() == 3 {
            return Some(Self::Identity(parts.swap_remove(1), parts.swap_remove(1)));
        }
        if !known(&parts, 0, "services") {
            return None;
        }
        if known(&parts, 1, "oauth2") && parts.len() == 3 {
            return Some(Self::OAuth(parts.swap_remove(2)));
        }
        if !known(&parts, 1, "data") {
            return None;
        }
        let Some(text) = parts.get(2) else { return Some(Self::Versions) };
        let text = text.strip_prefix('v')?.to_owned();
        let (major, minor) = text.split_once('.')?;
        let version: u32 = major.parse().ok()?;
        match version {
            _ if minor != "0" => None,
            OLDEST..=NEWEST => Some(Self::Data { version, version_text: text, parts: parts.split_off(3) }),
            FIRST_RETIRED..OLDEST => Some(Self::Retired),
            _ => None,
        }
    }
}

/// Percent signs taken out of one part of a path.
fn decoded(part: &str) -> Option<String> {
    if !part.contains('%') {
        return Some(part.to_owned());
    }
    let bytes = part.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digits = part.get(at + 1..at + 3)?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}

/// The list of versions.
pub(super) fn versions() -> SimResponse {
    let seasons = ["Winter", "Spring", "Summer"];
    let all: Vec<Value> = (OLDEST..=NEWEST)
        .map(|version| {
            // Winter '24 was 59.0, and three versions make a year.
            let season = usize::try_from((version + 1) % 3).unwrap_or(0);
            let year = (version + 1) / 3 + 4;
            let label = format!("{} '{year:02}", seasons[season]);
            json!({"label": label, "url": format!("/services/data/v{version}.0"), "version": format!("{version}.0")})
        })
        .collect();
    SimResponse::json(200, &all)
}

/// Answers one call of the data interface.
pub(super) fn answer(state: &mut State, ask: &Ask) -> SimResponse {
    routed(state, ask).unwrap_or_else(SimResponse::from)
}

fn routed(state: &mut State, ask: &Ask) -> Result<SimResponse, Failure> {
    let parts: Vec<String> = ask.parts.iter().map(|part| part.to_ascii_lowercase()).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let verb = ask.method.as_str();
    match (verb, parts.as_slice()) {
        ("GET" | "HEAD", []) => Ok(SimResponse::json(200, &resources(state, ask))),
        ("GET", ["query" | "queryall"] | ["query" | "queryall", _]) => query::answer(state, ask),
        (_, ["query" | "queryall", ..]) => Ok(wrong_method(verb, "GET")),
        (_, ["sobjects", ..]) => sobjects::answer(state, ask),
        ("POST", ["composite"]) => composite::composite(state, ask),
        ("POST", ["composite", "batch"]) => composite::batch(state, ask),
        (_, ["composite", "sobjects", ..]) => collections::answer(state, ask),
        ("GET", ["composite"]) => {
            let base = ask.base();
            Ok(SimResponse::json(
                200,
                &json!({"batch": format!("{base}/composite/batch"), "sobjects": format!("{base}/composite/sobjects")}),
            ))
        }
        ("GET", ["limits"]) => Ok(limits::answer(state)),
        ("GET", ["recent" | "tabs" | "quickactions"]) => Ok(SimResponse::json(200, &json!([]))),
        ("GET", ["theme"]) => Ok(SimResponse::json(200, &json!({"themeItems": []}))),
        // Query jobs began with version 47.
        (_, ["jobs", ..]) if ask.version >= 47 => bulk::answer(state, ask),
        _ => Ok(no_such_resource()),
    }
}

fn resources(state: &State, ask: &Ask) -> Value {
    let base = ask.base();
    let mut all: Map<String, Value> = ["sobjects", "query", "queryAll", "limits", "composite", "jobs", "recent", "tabs"]
        .into_iter()
        .map(|name| (name.to_owned(), format!("{base}/{name}").into()))
        .collect();
    all.insert("identity".into(), format!("{}/id/{}/{}", ask.origin, state.org, ask.user).into());
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_versions_and_resources() {
        let data = |version: u32, parts: &[&str]| {
            let parts = parts.iter().map(|part| (*part).to_owned()).collect();
            Some(Address::Data { version, version_text: format!("{version}.0"), parts })
        };
        for (path, wanted) in [
            ("/services/data", Some(Address::Versions)),
            ("/services/data/", Some(Address::Versions)),
            ("/services/data/v62.0/query/", data(62, &["query"])),
            ("/services/data/v31.0", data(31, &[])),
            ("/services/data/v30.0/query", Some(Address::Retired)),
            ("/services/data/v68.0", None),
            ("/services/data/v62", None),
            ("/services/data/v62.1", None),
            ("/services/data/v62.0/sobjects/A/E/a%2Fb%20c", data(62, &["sobjects", "A", "E", "a/b c"])),
            ("/services/data/v62.0/sobjects/%zz", None),
            ("/services/data/v62.0/sobjects/%é", None),
            ("/services/oauth2/token", Some(Address::OAuth("token".into()))),
            ("/id/00D/005", Some(Address::Identity("00D".into(), "005".into()))),
            ("/", None),
        ] {
            assert_eq!(Address::of(path), wanted, "{path}");
        }
    }

    #[test]
    fn versions_carry_their_seasons() {
        let all: Vec<Value> = serde_json::from_slice(&versions().body).unwrap();
        let label = |version: &str| all.iter().find(|one| one["version"] == version).unwrap()["label"].clone();
        for (version, season) in
            [("31.0", "Summer '14"), ("59.0", "Winter '24"), ("62.0", "Winter '25"), ("66.0", "Spring '26"), ("67.0", "Summer '26")]
        {
            assert_eq!(label(version), season);
        }
    }
}
