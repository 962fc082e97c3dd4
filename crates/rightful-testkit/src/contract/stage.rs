//! A fresh simulator with a connector in front of it, both on clocks that stand still.

use std::sync::Arc;

use chrono::SubsecRound;
use rightful_core::{Connector, Kind, KindSpec, ManualClock, Secret, Secrets, Settings};
use rightful_sim::{RunningSim, SimClock, SimHost, SimOptions};
use serde_json::Value;

use super::Contract;
use crate::network::real;
use crate::replay::{context, guarded};

pub(super) struct Stage<'a> {
    pub contract: &'a Contract,
    pub sim: RunningSim,
}

impl<'a> Stage<'a> {
    /// A simulator without faults.
    pub async fn open(contract: &'a Contract) -> Result<Self, String> {
        let now = chrono::Utc::now().trunc_subsecs(0);
        let options = SimOptions::new((contract.simulator)()).clock(SimClock::fixed(now));
        let sim = SimHost::start(options).await.map_err(|error| format!("the simulator does not start: {error}"))?;
        Ok(Self { contract, sim })
    }

    /// Settings and secrets of `contract.json` for this simulator.
    pub fn settings(&self) -> (Settings, Secrets) {
        settings(self.contract, &self.sim.origin(), &self.sim.base_url())
    }

    /// A connector in front of the simulator, behind the guard.
    pub fn connect(&self) -> Result<Arc<dyn Connector>, String> {
        let (settings, secrets) = self.settings();
        self.connect_with(&settings, &secrets)
    }

    /// The same with other settings.
    pub fn connect_with(&self, settings: &Settings, secrets: &Secrets) -> Result<Arc<dyn Connector>, String> {
        let context = context(ManualClock::at(self.sim.clock().now()), real());
        let connector = (self.contract.descriptor.connect)(settings, secrets, context).and_then(guarded);
        connector.map_err(|error| format!("connecting to the simulator failed: {error:?}"))
    }

    /// Sets faults for the simulator.
    pub fn faults(&self, plan: &str) -> Result<(), String> {
        self.sim.set_faults(plan).map_err(|problem| format!("fault plan `{plan}`: {problem}"))
    }

    /// How many requests the vendor got so far.
    pub fn asked(&self) -> u64 {
        self.sim.next_number() - 1
    }
}

impl Contract {
    /// The kind that is read where any would do.
    pub(super) fn usual_kind(&self) -> Kind {
        let first = || (self.descriptor.kinds)().into_iter().next().map(|spec| spec.kind);
        self.text.read.clone().or_else(first).unwrap_or_else(|| Kind::fixed("none"))
    }

    /// The kinds for which a check is not waived.
    pub(super) fn kinds(&self, check: super::Check) -> Vec<KindSpec> {
        (self.descriptor.kinds)().into_iter().filter(|spec| !self.waived(check, Some(&spec.kind))).collect()
    }
}

/// Settings and secrets of `contract.json` for a simulator at that address.
pub(super) fn settings(contract: &Contract, origin: &str, base: &str) -> (Settings, Secrets) {
    settings_without(contract, origin, base, "")
}

/// The same without one of them.
pub(super) fn settings_without(contract: &Contract, origin: &str, base: &str, left_out: &str) -> (Settings, Secrets) {
    let placed = |value: &Value| match value {
        Value::String(text) => Value::String(text.replace("{{origin}}", origin).replace("{{base}}", base)),
        other => other.clone(),
    };
    let settings = contract.text.settings.iter().filter(|(key, _)| *key != left_out).map(|(key, value)| (key.clone(), placed(value)));
    let secrets = contract.text.secrets.iter().filter(|(key, _)| *key != left_out);
    let secrets = secrets.map(|(key, secret)| (key.clone(), Secret::new(secret.clone())));
    (Settings::new(settings), Secrets::new(secrets))
}
