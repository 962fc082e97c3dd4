//! `rightful workflows`: which records are credited, switched on and off, and tried on what changed last.

use rightful_core::{Error, ErrorKind, nearest};
use rightful_engine::{CodeFrom, Crew, PeopleStore as _, Switch, Test, Tried, Workflow, workflow_switch};
use serde_json::json;

use super::{Ended, Failure, authorship, chosen, open};
use crate::cli::{Authored, Global, WorkflowsVerb};
use crate::exit::Exit;
use crate::output;

/// Records that a workflow is tried on.
const LATEST: usize = 20;

/// `rightful workflows`
pub async fn workflows(global: &Global, verb: WorkflowsVerb) -> Ended {
    let composition = open(global).await?;
    let integration = chosen(&composition, global, None)?;
    let ports = composition.ports_to_look(integration);
    let crew = Crew::of(&ports, integration).await?;
    match verb {
        WorkflowsVerb::List => {
            let switches = composition.store.switches(&integration.name).await?;
            let all: Vec<&Workflow> = crew.workflows().collect();
            let by = |workflow: &Workflow| switches.iter().find(|switch| switch.name == workflow_switch(&workflow.name));
            let view: Vec<_> =
                all.iter().map(|workflow| json!({ "workflow": workflow, "switched": by(workflow).map(|switch| &switch.by) })).collect();
            output::emit(global.json, &view, || {
                if all.is_empty() {
                    return format!("`{}` has no workflow. Add one: [integrations.{}.workflows.NAME]", integration.name, integration.name);
                }
                let rows = all.iter().map(|workflow| {
                    let active = if workflow.active { "on" } else { "off" };
                    let active = match by(workflow) {
                        Some(switch) => format!("{active}, by {}: {}", switch.by.author, switch.by.reason),
                        None => active.to_owned(),
                    };
                    [
                        workflow.name.clone(),
                        active,
                        workflow.object.to_string(),
                        triggers(workflow),
                        conditions(workflow),
                        figures(workflow),
                    ]
                });
                output::table(["workflow", "active", "records", "on", "where", "credits"], rows)
            })?;
            Ok(Exit::Done)
        }
        WorkflowsVerb::Enable { name, by } => switch(global, &composition.store, &crew, &name, true, &by).await,
        WorkflowsVerb::Disable { name, by } => switch(global, &composition.store, &crew, &name, false, &by).await,
        WorkflowsVerb::Test { name } => {
            let tried = crew.try_workflow(&ports, named(&crew, &name)?, LATEST).await?;
            output::emit(global.json, &tried, || {
                if tried.is_empty() {
                    return "No record is known. The first read brings them: rightful plan".to_owned();
                }
                let mut text =
                    output::table(["record", "name", "changed", "figure", "what", "to", "because", "values"], tried.iter().map(line));
                text.push_str("Nothing was sent.\n");
                text
            })?;
            Ok(Exit::Done)
        }
    }
}

fn named<'a>(crew: &'a Crew, name: &str) -> Result<&'a Workflow, Failure> {
    crew.workflows().find(|workflow| workflow.name == name).ok_or_else(|| {
        let names: Vec<&str> = crew.workflows().map(|workflow| workflow.name.as_str()).collect();
        let error = Error::new(ErrorKind::Config, format!("there is no workflow `{name}`"));
        Failure::from(match nearest(name, names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("workflows: {}", names.join(", "))),
        })
    })
}

async fn switch(global: &Global, store: &rightful_store::SqliteStore, crew: &Crew, name: &str, on: bool, by: &Authored) -> Ended {
    let workflow = named(crew, name)?;
    let by = authorship(by)?;
    let switch = Switch { name: workflow_switch(&workflow.name), on, by };
    store.switch(&crew.integration().name, &switch).await?;
    output::emit(global.json, &switch, || {
        format!("{name} is {}; plans made before this are refused. The next run goes by it.", if on { "on" } else { "off" })
    })?;
    Ok(Exit::Done)
}

fn triggers(workflow: &Workflow) -> String {
    let triggers = workflow.triggers;
    let words = [(triggers.create, "create"), (triggers.update, "update"), (triggers.delete, "delete")];
    words.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect::<Vec<_>>().join(", ")
}

fn conditions(workflow: &Workflow) -> String {
    let listed = |values: &[rightful_core::Value]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    let told = workflow.when.iter().map(|condition| {
        let field = &condition.field;
        match &condition.test {
            Test::Is(values) => format!("{field} is {}", listed(values)),
            Test::Not(values) => format!("{field} is not {}", listed(values)),
            Test::AtLeast(value) => format!("{field} is {value} or more"),
            Test::AtMost(value) => format!("{field} is {value} or less"),
            Test::Filled => format!("{field} is filled"),
            Test::Empty => format!("{field} is empty"),
        }
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { "always".to_owned() } else { told.join("; ") }
}

fn figures(workflow: &Workflow) -> String {
    let told = workflow.figures.iter().map(|figure| match &figure.owner {
        CodeFrom::Owner(role) => format!("{} to its {role}", figure.name),
        CodeFrom::Field(field) => format!("{} to {field}", figure.name),
    });
    told.collect::<Vec<_>>().join(", ")
}

fn line(tried: &Tried) -> [String; 8] {
    let what = match tried.verdict.as_str() {
        "not-satisfied" => "does not satisfy it",
        "credited-so" => "is credited so already",
        "would-send" => "would be sent",
        "would-make-account" => "its owner would get an account first",
        "would-hold" => "would wait",
        "owner-unseen" => "does not show its owner",
        _ => "is nobody's",
    };
    let values: Vec<String> = tried.values.iter().map(|(field, value)| format!("{field} {value}")).collect();
    [
        tried.record.to_string(),
        tried.name.clone(),
        output::moment(tried.changed_at),
        tried.figure.clone().unwrap_or_default(),
        what.to_owned(),
        tried.owner.clone().unwrap_or_default(),
        tried.reason.clone().unwrap_or_default(),
        values.join(", "),
    ]
}
