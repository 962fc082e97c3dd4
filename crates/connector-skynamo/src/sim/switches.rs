//! What is unknown about the vendor, as switches, and the misfortunes of its own kind.

use serde::{Deserialize, Serialize};

/// What a refused item means for the rest of its batch: public documents do not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchMode {
    /// One refused item: nothing is applied.
    #[default]
    Atomic,
    /// Only the refused items are not applied.
    Partial,
}

/// What a page larger than 200 rows becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// A page of 200.
    #[default]
    Clamp,
    /// Status 400.
    Refuse,
}

/// What a filter on an unknown member becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownFilter {
    /// It is passed over: every row matches.
    #[default]
    Ignore,
    /// Status 400.
    Refuse,
}

/// How rows spell their version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionKey {
    /// `row_version` and `version`.
    #[default]
    Both,
    /// Only `row_version`, as the published specification.
    RowVersion,
    /// Only `version`, as a live client reads it.
    Version,
}

/// Open questions about the vendor, each with the answer we assume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// What a refused item means for its batch.
    pub batch_mode: BatchMode,
    /// May a change name its customer by `code` alone?
    pub allow_code_key: bool,
    /// Pages above 200 rows.
    pub page_size_over: Limit,
    /// Filters on unknown members.
    pub unknown_filter: UnknownFilter,
    /// Every filter is passed over.
    pub ignore_filters: bool,
    /// How rows spell their version.
    pub version_key: VersionKey,
    /// Row versions are text in lists too.
    pub text_versions: bool,
    /// Pages come in a shuffled order.
    pub unordered: bool,
    /// Decides that order.
    pub order_seed: u64,
    /// Rows come in the order of their versions: an edit moves a row to the end, and those behind it one place forward.
    pub newest_last: bool,
    /// On every page but the first a row of the page before is repeated and another left out.
    pub moved_rows: bool,
}

/// A misfortune of this vendor's own, for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Throttled,
    ThrottledWithoutWait,
    LimitExceeded,
    Timeout,
    DoneTimeout,
    Forbidden,
    Unordered,
    RowMoved,
    IgnoreFilters,
    WrongTotal,
    Atomic,
    Partial,
    Truncated,
    NotJson,
}

/// Their names in fault plans.
pub(super) const FAULTS: &[(&str, &str)] = &[
    ("throttled", "429 with Retry-After: 1"),
    ("throttled-without-wait", "429 without Retry-After"),
    ("limit-exceeded", "429 with the gateway's other wording"),
    ("timeout", "504 before anything was done"),
    ("done-timeout", "504 although the request was carried out"),
    ("forbidden", "403 as for a wrong key"),
    ("unordered", "this page comes from a shuffled order"),
    ("row-moved", "the page repeats a row of the page before and leaves one out"),
    ("ignore-filters", "filters are passed over"),
    ("wrong-total", "both counts are one too high"),
    ("atomic", "this batch is all or nothing"),
    ("partial", "this batch keeps what was not refused"),
    ("truncated", "the answer ends in the middle"),
    ("not-json", "status 200 with a web page"),
];

impl Fault {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "throttled" => Self::Throttled,
            "throttled-without-wait" => Self::ThrottledWithoutWait,
            "limit-exceeded" => Self::LimitExceeded,
            "timeout" => Self::Timeout,
            "done-timeout" => Self::DoneTimeout,
            "forbidden" => Self::Forbidden,
            "unordered" => Self::Unordered,
            "row-moved" => Self::RowMoved,
            "ignore-filters" => Self::IgnoreFilters,
            "wrong-total" => Self::WrongTotal,
            "atomic" => Self::Atomic,
            "partial" => Self::Partial,
            "truncated" => Self::Truncated,
            "not-json" => Self::NotJson,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_fault_exists() {
        for (name, _) in FAULTS {
            assert!(Fault::named(name).is_some(), "{name} is listed but unknown");
        }
    }
}
