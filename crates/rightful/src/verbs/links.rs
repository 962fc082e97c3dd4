//! `rightful link`: who is who, looked at and stated; what is stated takes effect at the next run.

use rightful_engine::{Integration, Likeness, LinkLine, LinkedUser, Ports, Situation, StatedLink, link_overview, state_link, take_link};
use serde_json::json;

use super::{Ended, authorship, chosen, open};
use crate::cli::{Global, LinkVerb};
use crate::exit::Exit;
use crate::output;

/// `rightful link`
pub async fn links(global: &Global, verb: LinkVerb) -> Ended {
    let composition = open(global).await?;
    let integration = chosen(&composition, global, None)?;
    let ports = composition.ports_to_look(integration);
    match verb {
        LinkVerb::List { unlinked } => list(global, &ports, integration, unlinked).await,
        LinkVerb::Add { person, user, replace, by } => {
            let made = state_link(&ports, integration, (&person, &user), replace, &authorship(&by)?).await?;
            tell(global, &made, || {
                if made.changed {
                    format!(
                        "{} is {} from now on. No record has moved: that happens at the next run (rightful run).",
                        made.person, made.user
                    )
                } else {
                    format!("{} is {} already; nothing changed.", made.person, made.user)
                }
            })
        }
        LinkVerb::Remove { person, by } => {
            let taken = take_link(&ports, integration, &person, &authorship(&by)?).await?;
            if taken.comes_back {
                output::note(
                    "note: both have the same e-mail address, so the next run links them again; to lead elsewhere: rightful link add",
                );
            }
            tell(global, &taken, || {
                format!("{} is no longer linked to {}. No record has moved: that happens at the next run.", taken.person, taken.user)
            })
        }
    }
}

fn tell(global: &Global, stated: &StatedLink, told: impl FnOnce() -> String) -> Ended {
    output::emit(global.json, stated, told)?;
    Ok(Exit::Done)
}

async fn list(global: &Global, ports: &Ports, integration: &Integration, unlinked: bool) -> Ended {
    let mut lines = link_overview(ports, integration).await?;
    let known = !lines.is_empty();
    if unlinked {
        lines.retain(LinkLine::is_unlinked);
    }
    output::emit(global.json, &json!({ "links": lines }), || {
        if lines.is_empty() {
            let nobody = if known {
                "Everybody who owns records leads to somebody."
            } else {
                "Nobody is known. The first read brings them: rightful plan"
            };
            return nobody.to_owned();
        }
        if unlinked {
            let columns = ["source person", "id", "records", "in the way", "perhaps"];
            return output::table(
                columns,
                lines.iter().map(|line| {
                    let problem = line.problem.clone().unwrap_or_default();
                    [person(line), line.owner.clone(), output::number(line.records.unwrap_or_default()), problem, perhaps(line)]
                }),
            );
        }
        output::table(["source person", "target user", "stands", "records", "evidence", "by", "when"], lines.iter().map(shown))
    })?;
    Ok(Exit::Done)
}

fn shown(line: &LinkLine) -> [String; 7] {
    let word = if line.situation == Situation::Gone && !line.active { "inactive in the source" } else { line.situation.as_str() };
    let (evidence, by, when) = match &line.link {
        Some(link) => {
            let value = link.by_value.as_deref().map(|value| format!(" {value}")).unwrap_or_default();
            let reason = if link.by.reason.is_empty() { String::new() } else { format!(": {}", link.by.reason) };
            (format!("{}{value}", link.evidence.as_str()), format!("{}{reason}", link.by.author), output::moment(Some(link.by.at)))
        }
        // A key holds as long as it is the same; an e-mail address makes a link at the next run.
        None if line.user.is_some() => {
            let how = line.evidence.as_deref().and_then(|evidence| evidence.rsplit_once(": ")).map_or("", |(_, how)| how);
            (how.to_owned(), String::new(), String::new())
        }
        None => (String::new(), String::new(), String::new()),
    };
    let user = line.user.as_ref().map_or_else(|| perhaps(line), user);
    [person(line), user, word.to_owned(), line.records.map(output::number).unwrap_or_default(), evidence, by, when]
}

fn person(line: &LinkLine) -> String {
    let known = [line.name.clone()].into_iter().chain(line.emails.first().cloned()).filter(|text| !text.is_empty());
    known.collect::<Vec<_>>().join("; ")
}

fn user(user: &LinkedUser) -> String {
    let name = user.name.as_deref().unwrap_or("not shown by the target");
    let login = user.user_name.as_deref().unwrap_or(&user.owner);
    format!("{name} ({login})")
}

/// Somebody it may be. A person decides.
fn perhaps(line: &LinkLine) -> String {
    let same = |likeness: &Likeness| if matches!(likeness, Likeness::Name) { "name" } else { "e-mail" };
    let likely = line.suggestions.iter().map(|suggestion| format!("{}? (same {})", suggestion.user, same(&suggestion.likeness)));
    likely.collect::<Vec<_>>().join(", ")
}
