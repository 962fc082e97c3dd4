//! `rightful users`: people of both sides, as last read.

use rightful_core::{Error, ErrorKind};
use rightful_engine::{PersonLine, UserLine, people_overview};
use serde_json::json;

use super::{Ended, chosen, crew, open};
use crate::cli::{Global, Users, UsersList, UsersVerb};
use crate::exit::Exit;
use crate::output;

/// `rightful users`
pub async fn users(global: &Global, arguments: Users) -> Ended {
    let composition = open(global).await?;
    let integration = chosen(&composition, global, None)?;
    let verb = arguments.verb.unwrap_or(UsersVerb::List(arguments.list));
    if integration.policy.activity.is_some() {
        return crew::users(global, &composition, integration, verb).await;
    }
    let (codes, people_too) = match verb {
        UsersVerb::List(UsersList { codes, people, unlinked: false, waiting: false, accounts: false, search, .. }) if search.is_empty() => {
            (codes, people)
        }
        _ => {
            return Err(Error::new(ErrorKind::Config, format!("integration `{}` makes no accounts: its users are read", integration.name))
                .hint("list them: rightful users list; or name an integration whose job is crm-users or crm-activity: --integration NAME")
                .into());
        }
    };
    let ports = composition.ports_to_look(integration);
    let mut people = people_overview(&ports, integration).await?;
    if codes {
        people.users.retain(|user| !user.codes.is_empty());
    }
    if !people_too {
        people.people.clear();
    }
    let view = if people_too { json!(people) } else { json!({ "users": people.users }) };
    output::emit(global.json, &view, || {
        let mut text = user_table(&people.users);
        if people.users.is_empty() {
            text = "No user is known. The first read brings them: rightful plan".to_owned();
        }
        if people_too {
            text.push('\n');
            text.push_str(&person_table(&people.people));
        }
        text
    })?;
    Ok(Exit::Done)
}

fn user_table(users: &[UserLine]) -> String {
    output::table(
        ["user name", "name", "e-mail", "active", "codes"],
        users.iter().map(|user| {
            [
                user.user_name.clone().unwrap_or_else(|| user.owner.clone()),
                user.name.clone(),
                user.emails.join(", "),
                if user.service { "programs only" } else { yes(user.active) }.to_owned(),
                user.codes.join(", "),
            ]
        }),
    )
}

fn person_table(people: &[PersonLine]) -> String {
    output::table(
        ["source person", "e-mail", "records", "in the way"],
        people.iter().map(|person| {
            [
                person.name.clone(),
                person.emails.join(", "),
                person.records.iter().map(|(kind, key)| format!("{kind} {key}")).collect::<Vec<_>>().join(", "),
                person.problems.iter().map(rightful_engine::Problem::told).collect::<Vec<_>>().join("; "),
            ]
        }),
    )
}

fn yes(truth: bool) -> &'static str {
    if truth { "yes" } else { "no" }
}
