//! Workflows in words: which records are activities, what is written of each, and whether they write at all.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_core::Value;
use rightful_engine::{CodeFrom, Condition, Figure, From, Right, Test, Triggers, workflow_switch};

use super::place::{May, Place};
use super::{Frame, Section, Shown, page, page_with, segment, to};
use crate::Console;
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::people::Credited;
use crate::operations::signed;
use crate::operations::switches::{Switched, switch_workflow};
use crate::problem::Problem;
use crate::told::{Moment, moment};

/// What makes a workflow write, in words.
pub fn triggers_told(triggers: Triggers) -> String {
    let words = [(triggers.create, "appears"), (triggers.update, "changes"), (triggers.delete, "is deleted")];
    let words: Vec<&str> = words.into_iter().filter(|(fires, _)| *fires).map(|(_, word)| word).collect();
    match words.as_slice() {
        [] => "never".to_owned(),
        [one] => format!("when a record {one}"),
        [rest @ .., last] => format!("when a record {} or {last}", rest.join(", ")),
    }
}

fn listed(values: &[Value]) -> String {
    values.iter().map(|value| format!("“{value}”")).collect::<Vec<_>>().join(" or ")
}

/// A condition, in words.
pub fn condition_told(condition: &Condition) -> String {
    let field = &condition.field;
    match &condition.test {
        Test::Is(values) => format!("{field} is {}", listed(values)),
        Test::Not(values) => format!("{field} is not {}", listed(values)),
        Test::AtLeast(bound) => format!("{field} is at least {bound}"),
        Test::AtMost(bound) => format!("{field} is at most {bound}"),
        Test::Filled => format!("{field} is filled in"),
        Test::Empty => format!("{field} is empty"),
    }
}

/// A figure, in words.
pub fn figure_told(figure: &Figure) -> String {
    let owner = match &figure.owner {
        CodeFrom::Owner(role) => format!("the record's {role}"),
        CodeFrom::Field(field) => format!("whom {field} names"),
    };
    let set = figure.set.iter().map(|(field, from)| match from {
        From::Field(source) => format!("{field} from {source}"),
        From::Fixed(value) => format!("{field} “{value}”"),
        From::Email => format!("{field} from their e-mail address"),
    });
    format!("“{}” for {owner}: {}", figure.name, set.collect::<Vec<_>>().join(", "))
}

struct Line {
    name: String,
    href: String,
    object: String,
    triggers: String,
    conditions: Vec<String>,
    figures: Vec<String>,
    active: bool,
    switched: Option<(String, String, Moment)>,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "workflows.html")]
struct List {
    frame: Frame,
    place: Place,
    may: May,
    lines: Vec<Line>,
}

async fn list_page(console: &Console, name: &str, who: &Who, session: &Session) -> Result<List, Problem> {
    let now = console.now();
    let credited = Credited::of(console, name).await?;
    let place = Place::of(&credited.deployed, "/workflows");
    let switches = console.store.switches(name).await?;
    let workflows = credited.crew.integration().policy.activity.iter().flat_map(|activity| &activity.workflows);
    let lines = workflows
        .map(|workflow| {
            let switch = switches.iter().find(|switch| switch.name == workflow_switch(&workflow.name));
            Line {
                href: format!("{}/workflows/{}", place.base, segment(&workflow.name)),
                name: workflow.name.clone(),
                object: workflow.object.to_string(),
                triggers: triggers_told(workflow.triggers),
                conditions: workflow.when.iter().map(condition_told).collect(),
                figures: workflow.figures.iter().map(figure_told).collect(),
                active: workflow.active,
                switched: switch.map(|switch| (switch.by.author.clone(), switch.by.reason.clone(), moment(switch.by.at, now))),
                wrong: None,
            }
        })
        .collect();
    Ok(List {
        frame: Frame::of(&format!("Workflows of {name}"), Section::Integrations, who, session).await,
        may: May::of(who, Right::Switch, name),
        lines,
        place,
    })
}

/// `GET /integrations/{integration}/workflows`
pub async fn list(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    page(&list_page(&console, &name, &who, &session).await?)
}

/// `POST /integrations/{integration}/workflows/{workflow}`
pub async fn switch(
    State(console): State<Arc<Console>>,
    Path((name, workflow)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let on = fields.text("on") == "yes";
    let by = match signed(&console, &who, fields.text("reason")) {
        Ok(by) => by,
        Err(no_reason) => {
            let mut shown = list_page(&console, &name, &who, &session).await?;
            let line = shown.lines.iter_mut().find(|line| line.name == workflow).ok_or_else(|| Problem::not_found("such workflow"))?;
            line.wrong = Some(no_reason.to_string());
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
        }
    };
    let credited = Credited::of(&console, &name).await?;
    let switched = switch_workflow(&console, &credited, &workflow, on, &by).await?;
    let told = match (switched, on) {
        (Switched::Done, true) => format!("{workflow} writes from the next run on."),
        (Switched::Done, false) => format!("{workflow} writes nothing any more. What it credited stays; plans made before are void."),
        (Switched::Stood, true) => format!("Somebody had enabled {workflow} already; nothing was changed."),
        (Switched::Stood, false) => format!("Somebody had disabled {workflow} already; nothing was changed."),
    };
    to(&session, &format!("{}/workflows", Place::of(&credited.deployed, "").base), switched == Switched::Done, told).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_reads_as_a_sentence() {
        let triggers = |create, update, delete| triggers_told(Triggers { create, update, delete });
        assert_eq!(triggers(true, true, true), "when a record appears, changes or is deleted");
        assert_eq!(triggers(false, true, false), "when a record changes");
        assert_eq!(triggers(false, false, false), "never");
        let of = |test| condition_told(&Condition { field: "StageName".into(), test });
        for (test, told) in [
            (Test::Is(vec![Value::text("Won"), Value::text("Closed")]), "StageName is “Won” or “Closed”"),
            (Test::Not(vec![Value::text("Lost")]), "StageName is not “Lost”"),
            (Test::AtLeast(Value::Integer(5)), "StageName is at least 5"),
            (Test::AtMost(Value::Integer(5)), "StageName is at most 5"),
            (Test::Filled, "StageName is filled in"),
            (Test::Empty, "StageName is empty"),
        ] {
            assert_eq!(of(test), told);
        }
        let set = vec![
            ("type".into(), From::Fixed(Value::text("Deals"))),
            ("value1".into(), From::Field("Amount".into())),
            ("email".into(), From::Email),
        ];
        let mut figure = Figure { name: "won".into(), owner: CodeFrom::Owner("owner".into()), set };
        assert_eq!(figure_told(&figure), "“won” for the record's owner: type “Deals”, value1 from Amount, email from their e-mail address");
        figure.owner = CodeFrom::Field("Closer__c".into());
        assert!(figure_told(&figure).starts_with("“won” for whom Closer__c names: "));
    }
}
