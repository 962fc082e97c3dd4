//! What a bulk query may not contain: <https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.html>.

use super::Refused;
use super::ast::{Operand, Query, Selected};

/// Why this query cannot be a bulk job.
pub(in super::super) fn bulk_refusal(query: &Query) -> Option<Refused> {
    let selects = |wanted: fn(&Selected) -> bool| query.selected.iter().any(wanted);
    let what = if !query.groups.is_empty() {
        "GROUP BY"
    } else if selects(|selected| matches!(selected, Selected::Value(Operand::Aggregate(..), _))) {
        "Aggregate Relationships"
    } else if query.offset.is_some() {
        "OFFSET"
    } else if selects(|selected| matches!(selected, Selected::Children(_))) {
        "Nested Query"
    } else {
        return None;
    };
    Some(Refused::plain("API_ERROR", format!("{what} not supported in Bulk Query")))
}
