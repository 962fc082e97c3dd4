//! Code tables: which integrations have one, and saving it for somebody: a request that is repeated does no harm, and a reason is always given.

use axum::http::StatusCode;
use rightful_core::Result;
use rightful_engine::{Authorship, CodeEdit, CodeFrom, Policy, Saved};

use crate::Console;
use crate::problem::Problem;

/// Does a code table lead from owners to people? Else accounts, links or e-mail addresses do.
pub fn has_code_table(policy: &Policy) -> bool {
    policy.activity.is_none() && matches!(policy.code.from, CodeFrom::Field(_))
}

/// What became of saving a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// It has this new version.
    New(i64),
    /// It stands so already, in this version.
    Same(i64),
    /// Somebody else saved since: nothing was changed. The version that stands.
    Moved(i64),
}

/// Saves edits of the table that was looked at in version `expected`. Where somebody saved since, and the table says by now what was wanted, that
/// is as good as saved: it may have been the same request, whose answer was lost.
///
/// # Errors
/// As the store.
pub async fn save(console: &Console, integration: &str, expected: i64, edits: &[CodeEdit], by: &Authorship) -> Result<Became> {
    Ok(match console.store.save_codes(integration, expected, edits, by).await? {
        Saved::Version(version) if version == expected => Became::Same(version),
        Saved::Version(version) => Became::New(version),
        Saved::Moved(_) => {
            let table = console.store.code_table(integration).await?;
            if table.edited(edits, by).version == table.version { Became::Same(table.version) } else { Became::Moved(table.version) }
        }
    })
}

/// Somebody saved the table meanwhile.
pub fn moved(present: i64) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        format!("somebody saved the table meanwhile: it has version {present} now; nothing of yours was saved"),
    )
    .hint("look at what changed since, then save again")
    .with("version", present)
}
