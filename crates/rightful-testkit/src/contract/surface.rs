//! Scenarios, what they cover, and settings.

use std::sync::Arc;

use rightful_core::{Connector, ErrorKind, Secrets, Setting, SettingType, Settings};
use serde_json::Value;

use super::stage::{Stage, settings, settings_without};
use super::{Check, Contract, Found};
use crate::network::real;
use crate::replay::{context, example_settings, usual_start};
use crate::scenario::{coverage_of_all, run_scenario, scenarios, uncovered};

const ENOUGH: usize = 8;

pub(super) async fn scenarios_hold(contract: &Contract) -> Found {
    let mut problems = Vec::new();
    for folder in scenarios(&contract.folder)? {
        if let Err(problem) = run_scenario(contract.descriptor, &folder).await {
            problems.push(format!("--- {}\n{problem}", folder.display()));
        }
    }
    Ok(problems)
}

pub(super) fn coverage_holds(contract: &Contract) -> Found {
    let folders = scenarios(&contract.folder)?;
    let all = coverage_of_all(&folders)?;
    let waived = |name: &str| contract.text.waivers.contains_key(&format!("{}:{name}", Check::Coverage));
    let mut problems = uncovered(contract.descriptor, &all, waived);
    if folders.len() < ENOUGH {
        problems.push(format!("there are {} scenarios in {}; {ENOUGH} are the least", folders.len(), contract.folder.display()));
    }
    Ok(problems)
}

pub(super) async fn settings_hold(contract: &Contract) -> Found {
    let mut problems = Vec::new();
    let descriptor = contract.descriptor;
    // Nothing listens there: connecting must not send anything.
    let nowhere = "http://127.0.0.1:9";
    let base = format!("{nowhere}{}", (contract.simulator)().base_path());
    let (whole, secrets) = settings(contract, nowhere, &base);
    let connect = |settings: &Settings, secrets: &Secrets| {
        let context = context(rightful_core::ManualClock::at(usual_start()), real());
        (descriptor.connect)(settings, secrets, context)
    };
    for setting in descriptor.settings {
        for (title, settings, secrets) in spoilt(contract, setting, nowhere, &base) {
            match connect(&settings, &secrets) {
                Ok(_) => problems.push(format!("{title}: connecting succeeded")),
                Err(error) if error.kind() != ErrorKind::Config => {
                    problems.push(format!("{title}: expected a config error, got {error:?}"))
                }
                Err(error) if !error.to_string().contains(setting.key) => {
                    problems.push(format!("{title}: the error does not name `{}`: {error:?}", setting.key))
                }
                Err(error) if error.mend().is_none() => problems.push(format!("{title}: the error does not say how to mend it: {error:?}")),
                Err(_) => {}
            }
        }
    }
    let (examples, example_secrets) = example_settings(descriptor, |key| format!("example-{key}-secret"));
    match connect(&examples, &example_secrets) {
        Err(error) => problems.push(format!("the descriptor's own examples do not connect: {error:?}")),
        Ok(connector) => problems.extend(printed_secrets(&connector, &example_secrets)),
    }
    match connect(&whole, &secrets) {
        Err(error) => problems.push(format!("the settings of contract.json do not connect: {error:?}")),
        Ok(connector) => problems.extend(printed_secrets(&connector, &secrets)),
    }
    let stage = Stage::open(contract).await?;
    stage.connect()?;
    if stage.asked() > 0 {
        problems.push(format!("connecting sent {} requests", stage.asked()));
    }
    Ok(problems)
}

/// The settings without this one, and with a wrong value for it.
fn spoilt(contract: &Contract, setting: &Setting, origin: &str, base: &str) -> Vec<(String, Settings, Secrets)> {
    let key = setting.key;
    let (rest, secrets) = settings_without(contract, origin, base, key);
    let mut cases = Vec::new();
    if setting.required && setting.default.is_none() {
        cases.push((format!("without `{key}`"), rest.clone(), secrets.clone()));
    }
    let wrong = match setting.takes {
        SettingType::Secret => None,
        SettingType::Text => Some(Value::from(7)),
        SettingType::Bool => Some(Value::from("perhaps")),
        SettingType::Integer => Some(Value::from("many")),
        SettingType::Url => Some(Value::from("no address")),
        SettingType::Choice(_) => Some(Value::from("no such choice")),
    };
    if let Some(wrong) = wrong {
        let title = format!("with `{key}` = {wrong}");
        let mut settings = rest;
        settings.set(key, wrong);
        cases.push((title, settings, secrets));
    }
    cases
}

fn printed_secrets(connector: &Arc<dyn Connector>, secrets: &Secrets) -> Vec<String> {
    let printed = format!("{connector:?} {secrets:?}");
    let found = secrets.all().filter(|secret| printed.contains(secret.expose()));
    found.map(|_| format!("a secret is printed by the connector's Debug: {printed}")).collect()
}
