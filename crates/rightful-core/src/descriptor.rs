//! What a vendor's connector states about itself before anything is configured.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Connector, Context, Kind, KindSpec, Result, Secrets, Setting, Settings, VendorId};

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
    /// How one signs in, in one sentence.
    pub sign_in: &'static str,
    /// Kinds with the most each can do.
    pub kinds: fn() -> Vec<KindSpec>,
    /// Checks settings and makes a connector. Sends nothing.
    pub connect: fn(&Settings, &Secrets, Context) -> Result<Arc<dyn Connector>>,
}

impl Descriptor {
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
