//! What a vendor's connector states about itself before anything is configured.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Connector, Context, Kind, KindSpec, PeopleFile, Result, Secrets, Setting, Settings, VendorId, WebSignIn};

/// Static facts of one connector. Each connector crate has one `pub static DESCRIPTOR: Descriptor`.
#[derive(Debug)]
pub struct Descriptor {
    /// The vendor's id.
    pub id: VendorId,
    /// The vendor's name as people write it.
    pub name: &'static str,
    /// One sentence: what the vendor's product is.
    pub about: &'static str,
    /// Settings and secrets it takes, in the order a person would fill them in.
    pub settings: &'static [Setting],
    /// Keys of the settings that name the account: connections to one account share its permits.
    pub account: &'static [&'static str],
    /// Keys of the settings that say, besides `account`, which of the account's records are seen.
    pub scope: &'static [&'static str],
    /// How one signs in, in one sentence.
    pub sign_in: &'static str,
    /// How a person signs in for a connection, in a browser; fails for settings that need no person. `None`: the vendor offers no such way.
    pub web_sign_in: Option<fn(&Settings, &Secrets) -> Result<WebSignIn>>,
    /// Kinds with the most each can do.
    pub kinds: fn() -> Vec<KindSpec>,
    /// Further kinds that a setting names, where the vendor lets its customers make kinds of their own.
    pub open_kinds: Option<OpenKinds>,
    /// The file in which an administrator gives its people, where they cannot be read.
    pub people_file: Option<PeopleFile>,
    /// Which team keys may be sent with its people. `None`: it knows no teams.
    pub teams: Option<fn(&Settings) -> Result<TeamKeys>>,
    /// Checks settings and makes a connector. Sends nothing.
    pub connect: fn(&Settings, &Secrets, Context) -> Result<Arc<dyn Connector>>,
}

/// Kinds that a setting names.
#[derive(Clone, Copy, Debug)]
pub struct OpenKinds {
    /// The setting whose text lists them, with commas between.
    pub setting: &'static str,
    /// What can be done with one entry of the list; `None` where the entry cannot be a kind, which `connect` refuses by name.
    pub spec: fn(&str) -> Option<KindSpec>,
}

/// Team keys that may be sent with people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeamKeys {
    /// Those that the settings list.
    pub listed: BTreeSet<String>,
    /// May others be sent besides?
    pub others: bool,
}

impl TeamKeys {
    /// May this one be sent?
    pub fn allow(&self, key: &str) -> bool {
        self.others || self.listed.contains(key)
    }
}

impl Descriptor {
    /// The kinds of a connection with these settings: the declared ones, and those that its settings name.
    pub fn kinds_with(&self, settings: &Settings) -> Vec<KindSpec> {
        let mut kinds = (self.kinds)();
        let Some(open) = self.open_kinds else { return kinds };
        let listed = self.setting(open.setting).and_then(|setting| settings.get(setting));
        for entry in listed.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().split(',') {
            if let Some(spec) = (open.spec)(entry.trim())
                && kinds.iter().all(|known| known.kind != spec.kind)
            {
                kinds.push(spec);
            }
        }
        kinds
    }

    /// What these settings name by the given keys, as text to compare: the account, or what of it is seen.
    pub fn named(&self, settings: &Settings, keys: &[&str]) -> String {
        let named = keys.iter().filter_map(|key| self.setting(key)).map(|setting| {
            let value = settings.get(setting).unwrap_or_default();
            format!("{} = {value}", setting.key)
        });
        named.collect::<Vec<_>>().join(", ")
    }

    /// The declared setting of that key.
    pub fn setting(&self, key: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }
}

/// What a preflight is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// Reading these kinds.
    Read(Vec<Kind>),
    /// Reading these kinds, and writing to the first one.
    Write(Vec<Kind>),
}

/// How one precondition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It holds; something could be better.
    Advice,
    /// It does not hold yet: a person has to finish something, or the vendor cannot be asked at present.
    NotYet,
    /// It does not hold.
    Fail,
    /// The vendor does not let us see.
    CannotTell,
}

/// One named precondition, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its stable id: `sign-in`, `read-customer`.
    pub check: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: String,
    /// What to do, where it is not a pass.
    pub remedy: Option<String>,
}

impl Finding {
    /// A check that holds.
    pub fn pass(check: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self { check: check.into(), verdict: Verdict::Pass, evidence: evidence.into(), remedy: None }
    }

    /// A check with another verdict, and what to do.
    pub fn of(verdict: Verdict, check: impl Into<String>, evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check: check.into(), verdict, evidence: evidence.into(), remedy: Some(remedy.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SettingType;

    #[test]
    fn an_account_is_named_with_defaults_and_kinds_may_come_from_settings() {
        const fn setting(key: &'static str, default: Option<&'static str>) -> Setting {
            Setting { key, takes: SettingType::Text, required: false, default, about: "", example: "" }
        }
        static TOY: Descriptor = Descriptor {
            id: VendorId::fixed("toy"),
            name: "Toy",
            about: "",
            settings: &[
                setting("base_url", Some("https://toy.example")),
                setting("company", None),
                setting("page_size", None),
                setting("objects", None),
            ],
            account: &["base_url", "company"],
            scope: &[],
            sign_in: "",
            web_sign_in: None,
            kinds: || vec![KindSpec::read_only(Kind::fixed("user"))],
            people_file: None,
            teams: None,
            open_kinds: Some(OpenKinds {
                setting: "objects",
                spec: |entry| entry.ends_with("__c").then(|| KindSpec::read_only(Kind::new(entry))),
            }),
            connect: |_, _, _| Err(crate::Error::new(crate::ErrorKind::Unsupported, "no connector")),
        };
        let settings =
            Settings::new([("company", "north".into()), ("page_size", "7".into()), ("objects", "Crate__c, no kind,,Crate__c".into())]);
        let kinds: Vec<Kind> = TOY.kinds_with(&settings).into_iter().map(|spec| spec.kind).collect();
        assert_eq!(kinds, ["user", "Crate__c"], "kinds of settings come once, after the declared ones");
        assert_eq!(TOY.kinds_with(&Settings::default()).len(), 1);
        assert_eq!(TOY.named(&settings, TOY.account), "base_url = \"https://toy.example\", company = \"north\"");
    }
}
