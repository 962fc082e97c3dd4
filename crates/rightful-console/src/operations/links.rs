//! Links between people of both sides: who is who, why, and taking one away. Of integrations that credit activities and of those that move owners.

use std::collections::HashMap;

use axum::http::StatusCode;
use rightful_core::{ConnectionName, RecordId};
use rightful_engine::{Authorship, Link, LinkEvidence, known_people};

use super::people::Credited;
use crate::problem::Problem;
use crate::{Console, Deployed};

/// Why two people are taken for one, in words.
pub fn evidence_told(evidence: LinkEvidence) -> &'static str {
    match evidence {
        LinkEvidence::Stated => "a person said so",
        LinkEvidence::ExternalId => "the same id",
        LinkEvidence::Email => "the same e-mail address when the link was made",
        LinkEvidence::Created => "we made the account for this person",
    }
}

/// A link with what people call both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedLink {
    /// The link.
    pub link: Link,
    /// What the source person is called.
    pub person: String,
    /// What the account is called.
    pub account: String,
}

/// Every link of an integration's two connections, ascending by source person.
///
/// # Errors
/// As the store.
pub async fn links(console: &Console, deployed: &Deployed) -> Result<Vec<NamedLink>, Problem> {
    let policy = &deployed.integration.policy;
    let links = console.store.links(&policy.source.connection, &policy.target.connection).await?;
    let (mut people, mut accounts) = (HashMap::new(), HashMap::new());
    if policy.activity.is_some() {
        let credited = Credited::of(console, &deployed.integration.name).await?;
        let everyone = credited.crew.accounts(&credited.ports).await?;
        for link in &links {
            people.insert(link.person.clone(), everyone.named(&link.person));
            if let Some(known) = everyone.known(&link.owner) {
                accounts.insert(link.owner.clone(), known.name());
            }
        }
    } else {
        let ports = console.deployment.ports(&deployed.integration.name)?;
        if let Some(index) = known_people(&ports, &deployed.integration).await? {
            accounts.extend(links.iter().map(|link| (link.owner.clone(), index.label(&link.owner).to_owned())));
        }
    }
    let named = links.into_iter().map(|link| NamedLink {
        person: people.remove(&link.person).unwrap_or_else(|| link.person.to_string()),
        account: accounts.get(&link.owner).cloned().unwrap_or_else(|| link.owner.clone()),
        link,
    });
    Ok(named.collect())
}

/// Removes the link of a source person, which leads to `owner` for whoever asks.
///
/// # Errors
/// Not found where there is none; a conflict where it leads to somebody else by now.
pub async fn remove(console: &Console, deployed: &Deployed, person: &str, owner: &str, by: &Authorship) -> Result<Link, Problem> {
    let policy = &deployed.integration.policy;
    let (source, target): (&ConnectionName, &ConnectionName) = (&policy.source.connection, &policy.target.connection);
    let person = RecordId::new(person);
    let gone = || Problem::not_found("such link").hint("somebody may have removed it meanwhile: look at the links again");
    let present = console.store.links(source, target).await?.into_iter().find(|link| link.person == person).ok_or_else(gone)?;
    if present.owner != owner {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            format!("{person} is linked to {} by now, by {}: {}", present.owner, present.by.author, present.by.reason),
        )
        .hint("nothing was removed; look at the link again"));
    }
    console.store.unlink(source, &person, target, by).await?.ok_or_else(gone)
}
