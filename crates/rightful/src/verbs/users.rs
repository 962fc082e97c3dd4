//! `rightful users`: people of both sides, as last read.

use rightful_engine::{PersonLine, UserLine, people_overview};
use serde_json::json;

use super::{Ended, chosen, open};
use crate::cli::{Global, Users};
use crate::exit::Exit;
use crate::output;

/// `rightful users`
pub async fn users(global: &Global, arguments: &Users) -> Ended {
    let composition = open(global).await?;
    let integration = chosen(&composition, global, None)?;
    let ports = composition.ports_to_look(integration);
    let mut people = people_overview(&ports, integration).await?;
    if arguments.codes {
        people.users.retain(|user| !user.codes.is_empty());
    }
    if !arguments.people {
        people.people.clear();
    }
    let view = if arguments.people { json!(people) } else { json!({ "users": people.users }) };
    output::emit(global.json, &view, || {
        let mut text = user_table(&people.users);
        if people.users.is_empty() {
            text = "No user is known. The first read brings them: rightful plan".to_owned();
        }
        if arguments.people {
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
