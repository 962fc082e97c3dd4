//! What is switched while an integration runs: accounts that are made by themselves, and workflows.

use axum::http::StatusCode;
use rightful_engine::{AUTOMATIC, Activity, Authorship, PeopleMode, Switch, workflow_switch};

use super::people::Credited;
use crate::Console;
use crate::problem::Problem;

/// How automatic accounts stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Automatic {
    /// What the configuration says.
    pub configured: PeopleMode,
    /// Are accounts made by themselves now, as far as the switch decides?
    pub on: bool,
    /// Who switched it last, where anybody did.
    pub by: Option<Authorship>,
    /// Must a workflow be active (SS-10)?
    pub requires_workflow: bool,
    /// How many workflows are active.
    pub active_workflows: u64,
}

impl Automatic {
    /// Is there something to switch?
    pub fn is_there(&self) -> bool {
        self.configured == PeopleMode::Automatic
    }

    /// What it comes to, in words.
    pub fn told(&self, source: &str) -> String {
        match (self.is_there(), self.on) {
            (false, _) => format!("The configuration says `people = \"{}\"`: there is nothing to switch.", self.configured.as_str()),
            (true, false) => {
                format!("Off: users of {source} get an account only when somebody picks or maps them; their activities wait until then.")
            }
            (true, true) if self.requires_workflow && self.active_workflows == 0 => {
                "On, but no workflow is active: no account is made until one is (`auto_sync_requires_workflow`).".to_owned()
            }
            (true, true) if self.requires_workflow => {
                "On: whoever owns a record that satisfies an active workflow gets an account. With no active workflow none would be made."
                    .to_owned()
            }
            (true, true) => "On: whoever owns a record that satisfies a workflow gets an account.".to_owned(),
        }
    }
}

fn configured(credited: &Credited) -> Result<&Activity, Problem> {
    credited.deployed.integration.policy.activity.as_ref().ok_or_else(|| Problem::not_found("such page"))
}

fn present(credited: &Credited) -> Result<&Activity, Problem> {
    credited.crew.integration().policy.activity.as_ref().ok_or_else(|| Problem::not_found("such page"))
}

/// How automatic accounts stand now.
///
/// # Errors
/// As the store.
pub async fn automatic(console: &Console, credited: &Credited) -> Result<Automatic, Problem> {
    let configured = configured(credited)?;
    let present = present(credited)?;
    let switches = console.store.switches(&credited.deployed.integration.name).await?;
    let switch = switches.into_iter().find(|switch| switch.name == AUTOMATIC);
    Ok(Automatic {
        configured: configured.people,
        on: present.people == PeopleMode::Automatic,
        by: switch.map(|switch| switch.by),
        requires_workflow: configured.auto_sync_requires_workflow,
        active_workflows: present.workflows.iter().filter(|workflow| workflow.active).count() as u64,
    })
}

/// What came of switching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switched {
    /// It is so now.
    Done,
    /// It was so already.
    Stood,
}

/// Switches automatic accounts.
///
/// # Errors
/// A conflict where the configuration makes none.
pub async fn switch_automatic(console: &Console, credited: &Credited, on: bool, by: &Authorship) -> Result<Switched, Problem> {
    let now = automatic(console, credited).await?;
    if !now.is_there() {
        return Err(Problem::new(StatusCode::CONFLICT, "accounts are not made by themselves here")
            .hint(format!("the configuration says people = \"{}\"; write people = \"automatic\" there first", now.configured.as_str())));
    }
    set(console, credited, AUTOMATIC.to_owned(), now.on, on, by).await
}

/// Switches a workflow.
///
/// # Errors
/// Not found where there is none of that name.
pub async fn switch_workflow(console: &Console, credited: &Credited, name: &str, on: bool, by: &Authorship) -> Result<Switched, Problem> {
    let workflow = present(credited)?.workflows.iter().find(|workflow| workflow.name == name);
    let workflow = workflow.ok_or_else(|| Problem::not_found("such workflow"))?;
    set(console, credited, workflow_switch(name), workflow.active, on, by).await
}

async fn set(console: &Console, credited: &Credited, name: String, was: bool, on: bool, by: &Authorship) -> Result<Switched, Problem> {
    if was == on {
        return Ok(Switched::Stood);
    }
    console.store.switch(&credited.deployed.integration.name, &Switch { name, on, by: by.clone() }).await?;
    Ok(Switched::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ss_10_what_the_switch_comes_to_is_told() {
        let automatic = |configured, on, requires_workflow, active_workflows| Automatic {
            configured,
            on,
            by: None,
            requires_workflow,
            active_workflows,
        };
        for (automatic, told) in [
            (automatic(PeopleMode::OnDemand, false, true, 1), "nothing to switch"),
            (automatic(PeopleMode::Automatic, false, true, 1), "Off: users of Salesforce get an account only when somebody picks"),
            (automatic(PeopleMode::Automatic, true, true, 0), "no account is made until one is"),
            (automatic(PeopleMode::Automatic, true, true, 2), "With no active workflow none would be made"),
            (automatic(PeopleMode::Automatic, true, false, 0), "that satisfies a workflow gets an account"),
        ] {
            assert!(automatic.told("Salesforce").contains(told), "{automatic:?}: {}", automatic.told("Salesforce"));
        }
    }
}
