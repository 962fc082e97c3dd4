//! What every connector keeps, checked against its fixtures and its simulator.

mod failures;
mod reads;
mod samples;
mod stage;
mod surface;
mod writes;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rightful_core::{Descriptor, Kind, RecordId, nearest};
use rightful_sim::Simulator;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cassette::fixture_folder;
use crate::readable::WriteText;
use crate::scenario::Case;

/// One part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Every scenario folder comes out as its `expect.json` says.
    Scenarios,
    /// There are eight scenarios or more, and each declared kind and verb is in one.
    Coverage,
    /// Missing and wrong settings are named; examples connect; nothing printable holds a secret.
    Settings,
    /// What is declared can be read; what is not is refused without a request.
    Declared,
    /// A whole read finds every row, one cursor after the other or side by side, in whatever order pages come.
    Paging,
    /// A read since a mark finds what changed, also where timestamps are equal.
    Incremental,
    /// Each write of a batch has the outcome that is true for it.
    PartialWrites,
    /// Whatever call of a write fails or loses its answer, no outcome claims what is not so.
    UnknownFate,
    /// Each failure has the kind `errors.json` states, and those that pass are survived.
    Errors,
    /// Side-by-side reads sign in once; a refused secret is tried once.
    SignIn,
    /// No log line at any level, no error and no debug text holds a secret in any encoding.
    LogSecrecy,
}

impl Check {
    const ALL: [Self; 11] = [
        Self::Scenarios,
        Self::Coverage,
        Self::Settings,
        Self::Declared,
        Self::Paging,
        Self::Incremental,
        Self::PartialWrites,
        Self::UnknownFate,
        Self::Errors,
        Self::SignIn,
        Self::LogSecrecy,
    ];

    /// Its name in waivers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scenarios => "scenarios",
            Self::Coverage => "coverage",
            Self::Settings => "settings",
            Self::Declared => "declared",
            Self::Paging => "paging",
            Self::Incremental => "incremental",
            Self::PartialWrites => "partial-writes",
            Self::UnknownFate => "unknown-fate",
            Self::Errors => "errors",
            Self::SignIn => "sign-in",
            Self::LogSecrecy => "log-secrecy",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// `fixtures/<vendor>/contract.json`: what the suite must know to use the vendor's simulator.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContractText {
    /// Settings for the simulator. `{{origin}}` is its origin, `{{base}}` its base address.
    pub settings: BTreeMap<String, Value>,
    /// Secrets for the simulator; each of eight characters or more, or nothing would be proven about logs.
    pub secrets: BTreeMap<String, String>,
    /// The secret that is made wrong to see a sign-in refused; the first one unless said.
    #[serde(default)]
    pub wrong_secret: Option<String>,
    /// The kind that is read where any would do; the first declared one unless said.
    #[serde(default)]
    pub read: Option<Kind>,
    /// Where the simulator's dump counts sign-ins, as a JSON pointer, for vendors that have sign-ins.
    #[serde(default)]
    pub sign_ins: Option<String>,
    /// More that must never be printed: what the simulator's session ids and tokens begin with.
    #[serde(default)]
    pub never_printed: Vec<String>,
    /// Vendor faults under which a whole read must still find every row.
    #[serde(default)]
    pub page_faults: Vec<String>,
    /// Vendor faults that a request of a write may meet, whatever they do to it.
    #[serde(default)]
    pub write_faults: Vec<String>,
    /// How samples are written, by kind.
    #[serde(default)]
    pub writes: BTreeMap<String, WriteSample>,
    /// How a record of a kind that we do not write is changed behind our back, by kind: three changes or more, to different records.
    #[serde(default)]
    pub changes: BTreeMap<String, Vec<ChangeText>>,
    /// What need not hold, with the reason: `CHECK`, `CHECK:KIND`, for coverage also `coverage:KIND:VERB`.
    #[serde(default)]
    pub waivers: BTreeMap<String, String>,
}

/// How samples of one kind are written. Owner changes need nothing: people are picked among those the simulator has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteSample {
    /// Two or more valid values for fields that are set.
    #[serde(default)]
    pub values: BTreeMap<String, Vec<Value>>,
    /// Two or more valid owners for roles, where picking any active person does not do.
    #[serde(default)]
    pub owners: BTreeMap<String, Vec<String>>,
    /// Records the samples are written to, where the first ones read do not do; three or more.
    #[serde(default)]
    pub ids: Vec<RecordId>,
    /// An id that looks valid and does not exist; 999999999 unless said.
    #[serde(default)]
    pub missing: Option<RecordId>,
    /// Records that can be created, for kinds that declare it.
    #[serde(default)]
    pub create: Vec<WriteText>,
    /// Upserts the vendor takes, for kinds that cannot be read: three or more, each with an id of its own.
    #[serde(default)]
    pub upsert: Vec<WriteText>,
    /// An upsert the vendor refuses, for kinds that cannot be read.
    #[serde(default)]
    pub refused: Option<WriteText>,
    /// Where the simulator's dump shows the records, for kinds that cannot be read.
    #[serde(default)]
    pub seen: Option<SeenText>,
}

/// Where the simulator's dump shows the records of a kind that cannot be read. All are JSON pointers, those after the first within a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeenText {
    /// The list of rows, within the dump.
    pub rows: String,
    /// A row's id.
    pub id: String,
    /// The person in a role.
    #[serde(default)]
    pub owners: BTreeMap<String, String>,
    /// A field's value.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
}

/// A change made through the simulator's controls.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeText {
    /// The record that changes.
    pub id: RecordId,
    /// The control.
    pub control: String,
    /// Its body.
    #[serde(default)]
    pub body: Map<String, Value>,
}

/// One connector's contract: its descriptor, its fixtures and its simulator.
pub struct Contract {
    pub(crate) descriptor: &'static Descriptor,
    pub(crate) folder: PathBuf,
    pub(crate) simulator: fn() -> Arc<dyn Simulator>,
    pub(crate) text: ContractText,
    pub(crate) errors: BTreeMap<String, String>,
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract").field("vendor", &self.descriptor.id).field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Contract {
    /// Reads `contract.json` and `errors.json` of `fixtures/<vendor>`.
    ///
    /// # Panics
    /// Where they cannot be read or are at odds with the descriptor; the text says what to write.
    pub fn load(descriptor: &'static Descriptor, vendor: &str, simulator: fn() -> Arc<dyn Simulator>) -> Self {
        Self::open(descriptor, vendor, simulator).unwrap_or_else(|problem| panic!("{problem}"))
    }

    fn open(descriptor: &'static Descriptor, vendor: &str, simulator: fn() -> Arc<dyn Simulator>) -> Result<Self, String> {
        let folder = fixture_folder(PathBuf::from("fixtures").join(vendor))?;
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}; docs/fixtures.md shows what it holds", path.display()))
        };
        let text: ContractText =
            serde_json::from_str(&read("contract.json")?).map_err(|error| format!("{vendor}/contract.json: {error}"))?;
        let errors = serde_json::from_str(&read("errors.json")?).map_err(|error| format!("{vendor}/errors.json: {error}"))?;
        let contract = Self { descriptor, folder, simulator, text, errors };
        contract.check_text().map_err(|problem| format!("{vendor}/contract.json: {problem}"))?;
        Ok(contract)
    }

    fn check_text(&self) -> Result<(), String> {
        let text = &self.text;
        if text.secrets.is_empty() {
            return Err("`secrets` is empty: a vendor without secrets cannot be held to secrecy".to_owned());
        }
        if let Some((key, _)) = text.secrets.iter().find(|(_, secret)| secret.len() < 8) {
            return Err(format!("secret `{key}` is shorter than 8 characters: finding it in a log would prove nothing"));
        }
        if let Some(short) = text.never_printed.iter().find(|marker| marker.len() < 5) {
            return Err(format!("never_printed `{short}` is shorter than 5 characters: it would be found by chance"));
        }
        let keys: Vec<&str> = self.descriptor.settings.iter().map(|setting| setting.key).collect();
        for key in text.settings.keys().chain(text.secrets.keys()).chain(&text.wrong_secret) {
            if !keys.contains(&key.as_str()) {
                let guess = nearest(key, keys.iter().copied()).map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
                return Err(format!("the descriptor has no setting `{key}`{guess}"));
            }
        }
        let kinds = (self.descriptor.kinds)();
        for kind in text.writes.keys().chain(text.changes.keys()).map(String::as_str).chain(text.read.iter().map(Kind::as_str)) {
            if kinds.iter().all(|spec| spec.kind != kind) {
                return Err(format!("the descriptor has no kind `{kind}`"));
            }
        }
        for (name, reason) in &text.waivers {
            let check = name.split(':').next().unwrap_or_default();
            if Check::ALL.iter().all(|known| known.name() != check) {
                let known: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
                return Err(format!("waiver `{name}` names no check; checks are {}", known.join(", ")));
            }
            if let Some(kind) = name.split(':').nth(1)
                && kinds.iter().all(|spec| spec.kind != kind)
                && (check != Check::Coverage.name() || Case::ALL.iter().all(|case| case.name() != kind))
            {
                return Err(format!("waiver `{name}` names no kind of the descriptor"));
            }
            if reason.trim().len() < 15 {
                return Err(format!("waiver `{name}` needs a reason that a reader can judge"));
            }
        }
        Ok(())
    }

    /// Is the check waived, as a whole or for this kind?
    pub(crate) fn waived(&self, check: Check, kind: Option<&Kind>) -> bool {
        self.text.waivers.contains_key(check.name()) || kind.is_some_and(|kind| self.text.waivers.contains_key(&format!("{check}:{kind}")))
    }

    /// Runs one check to its end.
    ///
    /// # Panics
    /// With everything that does not hold.
    pub fn hold(&self, check: Check) {
        if self.waived(check, None) {
            eprintln!("{}: {check} is waived: {}", self.descriptor.id, self.text.waivers[check.name()]);
            return;
        }
        let problems = self.problems(check);
        assert!(problems.is_empty(), "{} does not keep its contract ({check}):\n{}", self.descriptor.id, problems.join("\n"));
    }

    /// Everything that does not hold.
    pub(crate) fn problems(&self, check: Check) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let problems = runtime.block_on(async {
            match check {
                Check::Scenarios => surface::scenarios_hold(self).await,
                Check::Coverage => surface::coverage_holds(self),
                Check::Settings => surface::settings_hold(self).await,
                Check::Declared => reads::declared_holds(self).await,
                Check::Paging => reads::paging_holds(self).await,
                Check::Incremental => reads::incremental_holds(self).await,
                Check::PartialWrites => writes::partial_writes_hold(self).await,
                Check::UnknownFate => writes::unknown_fate_holds(self).await,
                Check::Errors => failures::errors_hold(self).await,
                Check::SignIn => failures::sign_in_holds(self).await,
                Check::LogSecrecy => failures::log_secrecy_holds(self).await,
            }
        });
        problems.unwrap_or_else(|problem| vec![problem])
    }
}

/// What a check found wrong, or why it could not be made.
type Found = Result<Vec<String>, String>;
