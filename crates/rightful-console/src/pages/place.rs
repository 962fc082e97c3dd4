//! Where a page of an integration is among the integration's pages.

use rightful_engine::{CodeFrom, Denied, Right};

use super::segment;
use crate::Deployed;
use crate::access::Who;

/// A page of an integration: `templates/parts/place.html` shows it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The integration.
    pub name: String,
    /// Its address.
    pub base: String,
    /// The source's vendor.
    pub source: &'static str,
    /// The target's vendor.
    pub target: &'static str,
    /// What this page is called.
    pub here: &'static str,
    /// Its pages: address, name, whether it is this one.
    pub tabs: Vec<(String, &'static str, bool)>,
}

/// Pages of integrations that credit activities; others have some of them.
const PAGES: [(&str, &str); 6] = [
    ("", "Overview"),
    ("/users", "Users"),
    ("/accounts", "Accounts"),
    ("/links", "Links"),
    ("/workflows", "Workflows"),
    ("/holds", "Holds"),
];

impl Place {
    /// The page that ends so, such as `/users`.
    pub fn of(deployed: &Deployed, here: &str) -> Self {
        let policy = &deployed.integration.policy;
        let base = format!("/integrations/{}", segment(&deployed.integration.name));
        let pages: &[(&str, &str)] = match (&policy.activity, &policy.code.from) {
            (Some(_), _) => &PAGES,
            (None, CodeFrom::Owner(_)) => &[("", "Links"), ("/holds", "Holds")],
            (None, CodeFrom::Field(_)) => &[],
        };
        Self {
            here: pages.iter().chain(&PAGES).find(|(page, _)| *page == here).map_or("", |(_, name)| name),
            tabs: pages.iter().map(|(page, name)| (format!("{base}{page}"), *name, *page == here)).collect(),
            name: deployed.integration.name.clone(),
            source: deployed.source.vendor,
            target: deployed.target.vendor,
            base,
        }
    }
}

/// May a person use a right over an integration, else why not.
#[derive(Clone, Debug)]
pub struct May {
    /// They may.
    pub allowed: bool,
    /// Why they may not.
    pub why_not: Option<String>,
}

impl May {
    /// Of this person.
    pub fn of(who: &Who, right: Right, integration: &str) -> Self {
        let denied = who.access().over(right, integration, false).err();
        Self { allowed: denied.is_none(), why_not: denied.as_ref().map(Denied::to_string) }
    }
}
