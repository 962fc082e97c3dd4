//! What the settings pages share: their tabs, the choice of a role with its scope, and where one-time links lead.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, header};
use rightful_engine::{AccessRole, Right};
use url::Url;

use crate::Console;
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::Wrong;

/// The settings pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// One's own account.
    Account,
    /// Members.
    Members,
    /// API tokens.
    Tokens,
}

/// The tabs that somebody may open: address, name, and whether it is this one.
#[derive(Clone, Debug)]
pub struct Tabs(pub Vec<(&'static str, &'static str, bool)>);

impl Tabs {
    /// The tabs of whoever asks.
    pub fn of(who: &Who, here: Tab) -> Self {
        let all = [
            (Tab::Account, "/settings", "Your account"),
            (Tab::Members, "/settings/members", "Members"),
            (Tab::Tokens, "/settings/tokens", "API tokens"),
        ];
        let administers = who.access().anywhere(Right::Administer).is_ok();
        Self(
            all.into_iter()
                .filter(|(tab, ..)| *tab == Tab::Account || administers)
                .map(|(tab, href, name)| (href, name, tab == here))
                .collect(),
        )
    }
}

/// The choice of a role and of where it holds.
#[derive(Clone, Debug)]
pub struct AccessChoice {
    /// Word, name and what it is for; whether it is chosen.
    pub roles: Vec<(&'static str, String, &'static str, bool)>,
    /// Does it hold everywhere?
    pub everywhere: bool,
    /// Integrations, and whether they are chosen.
    pub integrations: Vec<(String, bool)>,
    /// What is wrong with the role.
    pub wrong_role: Option<String>,
    /// What is wrong with the scope.
    pub wrong_scope: Option<String>,
}

impl AccessChoice {
    /// The choice as it stands.
    pub fn of(role: &str, scope: Option<&BTreeSet<String>>, known: &BTreeSet<String>, wrong: &[Wrong]) -> Self {
        Self {
            roles: AccessRole::ALL.map(|one| (one.as_str(), one.to_string(), may(one), one.as_str() == role)).into(),
            everywhere: scope.is_none(),
            integrations: known.iter().map(|name| (name.clone(), scope.is_some_and(|scope| scope.contains(name)))).collect(),
            wrong_role: wrong_with(wrong, "role"),
            wrong_scope: wrong_with(wrong, "scope"),
        }
    }
}

/// What a role is for, in one sentence.
fn may(role: AccessRole) -> &'static str {
    match role {
        AccessRole::Viewer => "Looks at everything in scope.",
        AccessRole::AccountManager => "Looks, and edits code tables that were made editable.",
        AccessRole::Integrator => {
            "Edits every table, runs, pauses and approves; keeps connections where the role holds for all integrations."
        }
        AccessRole::Admin => "All that, and keeps members and tokens where the role holds for all integrations.",
    }
}

/// What is wrong with a field.
pub fn wrong_with(wrong: &[Wrong], field: &str) -> Option<String> {
    let told: Vec<&str> = wrong.iter().filter(|wrong| wrong.field.as_deref() == Some(field)).map(|wrong| wrong.told.as_str()).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// The scope that a form states: all only where it says so.
pub fn scope_of(fields: &Fields) -> Option<BTreeSet<String>> {
    (fields.text("where") != "all").then(|| fields.all("scope").into_iter().map(str::to_owned).collect())
}

/// The address at which whoever asks reaches the console, without a path: as configured, else as their browser says.
pub fn reached_at(configured: Option<String>, headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = |text: &str| {
        Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")).map(|url| url.origin().ascii_serialization())
    };
    configured
        .map(|address| address.trim_end_matches('/').to_owned())
        .or_else(|| text(header::ORIGIN).and_then(origin))
        .or_else(|| text(header::HOST).and_then(|host| origin(&format!("http://{host}"))))
        .unwrap_or_default()
}

/// The same for a request.
pub fn address(console: &Console, headers: &HeaderMap) -> String {
    reached_at(console.deployment.public_url(), headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_where_the_console_is_reached() {
        let headers = |origin: Option<&'static str>, host: &'static str| {
            let mut headers = HeaderMap::new();
            origin.map(|origin| headers.insert(header::ORIGIN, origin.parse().unwrap()));
            headers.insert(header::HOST, host.parse().unwrap());
            headers
        };
        let table = [
            (Some("https://r.example.com/"), headers(None, "evil.example"), "https://r.example.com"),
            (None, headers(Some("https://r.example.com"), "127.0.0.1:8080"), "https://r.example.com"),
            (None, headers(None, "127.0.0.1:8080"), "http://127.0.0.1:8080"),
            (None, headers(Some("null"), "127.0.0.1:8080"), "http://127.0.0.1:8080"),
            (None, headers(Some("javascript:alert(1)"), "a b"), ""),
        ];
        for (configured, headers, expected) in table {
            assert_eq!(reached_at(configured.map(str::to_owned), &headers), expected, "{headers:?}");
        }
    }
}
