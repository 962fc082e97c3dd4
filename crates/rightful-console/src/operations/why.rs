//! Why a record stands as it does, whatever names it: whose it is, or what is credited of it.

use rightful_core::Result;
use rightful_engine::{Crew, Explanation, NearRecord, RecordExplanation, explain, near_records};

use crate::{Console, Deployed};

/// Near misses shown.
const NEAR: usize = 8;

/// Why a record stands as it does.
#[derive(Clone, Debug)]
pub enum Reasons {
    /// Why a record of the target belongs to its users.
    Owners(Explanation),
    /// What is credited of a record of the source, whose target gives nothing back.
    Credits(RecordExplanation),
    /// No such record is known.
    Unknown {
        /// What was looked for: a kind of the target, or a record.
        kind: String,
        /// The vendor whose spelling counts.
        vendor: &'static str,
        /// Some that may be meant.
        near: Vec<NearRecord>,
    },
}

/// Why the record that `key` names stands as it does.
///
/// # Errors
/// As the store.
pub async fn reasons(console: &Console, deployed: &Deployed, key: &str) -> Result<Reasons> {
    let integration = &deployed.integration;
    let ports = console.deployment.ports(&integration.name)?;
    if integration.policy.activity.is_some() {
        let found = Crew::of(&ports, integration).await?.explain(&ports, key).await?;
        let unknown = || Reasons::Unknown { kind: "record".to_owned(), vendor: deployed.source.vendor, near: Vec::new() };
        return Ok(found.map_or_else(unknown, Reasons::Credits));
    }
    if let Some(found) = explain(&ports, integration, key).await? {
        return Ok(Reasons::Owners(found));
    }
    let near = near_records(&ports, integration, key, NEAR).await?;
    Ok(Reasons::Unknown { kind: integration.policy.target.kind.to_string(), vendor: deployed.target.vendor, near })
}
