//! Settings of the organisation, open questions about the vendor, and misfortunes of its own kind.

use serde::{Deserialize, Serialize};

/// What a well-formed owner id of the wrong kind is refused with: public documents do not say which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrongOwner {
    /// `FIELD_INTEGRITY_EXCEPTION`.
    #[default]
    FieldIntegrity,
    /// `INVALID_CROSS_REFERENCE_KEY`.
    CrossReference,
}

/// How the organisation is set up, and our answers to what is unconfirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Refresh tokens are used once; each exchange ends the session before.
    pub rotation: bool,
    /// The sign-in page wants a code challenge.
    pub pkce_required: bool,
    /// Minutes without a call after which a session ends.
    pub session_minutes: i64,
    /// Every session ends after so many calls.
    pub expire_after_calls: Option<u64>,
    /// May inactive users be given records, and records of theirs be changed?
    pub inactive_owners: bool,
    /// Can a record of an inactive user not be changed, unless it gets another owner? Unconfirmed for all objects.
    pub inactive_owner_locks: bool,
    /// What an owner of the wrong kind is refused with.
    pub wrong_owner: WrongOwner,
    /// A rule gives accounts, leads and cases that are written to this user, unless the request says `Sforce-Auto-Assign: FALSE`.
    pub assignment_rule_owner: Option<String>,
    /// Are account and opportunity teams switched on?
    pub teams: bool,
    /// Does a polymorphic owner show more than `Id`, `Name` and `Type`? Unconfirmed.
    pub wide_owner_names: bool,
    /// Fields the caller cannot see, as `Account.Phone`.
    pub hidden_fields: Vec<String>,
    /// The most calls in 24 hours.
    pub daily_calls: u64,
    /// Are calls beyond that refused?
    pub enforce_daily_calls: bool,
    /// The usage header also counts for the app.
    pub per_app_usage: bool,
    /// The largest page of a query; wide rows make it smaller at the vendor.
    pub page_size: usize,
    /// Every so many record writes one finds its row locked.
    pub lock_every: Option<u64>,
    /// From this version an upsert that updates answers with a body. The boundary is unconfirmed.
    pub upsert_body_from: u32,
    /// The status of `updateOnly` without a match: unconfirmed.
    pub update_only_status: u16,
    /// The status of a record in the recycle bin: unconfirmed.
    pub deleted_status: u16,
    /// Must the ends of a getUpdated window be a minute apart? Unconfirmed.
    pub window_of_a_minute: bool,
    /// A bulk job is done after so many looks at it.
    pub bulk_looks: u64,
    /// Rows in a part of a bulk result where the caller does not say.
    pub bulk_page: usize,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            rotation: false,
            pkce_required: true,
            session_minutes: 120,
            expire_after_calls: None,
            inactive_owners: false,
            inactive_owner_locks: true,
            wrong_owner: WrongOwner::default(),
            assignment_rule_owner: None,
            teams: false,
            wide_owner_names: false,
            hidden_fields: Vec::new(),
            daily_calls: 100_000,
            enforce_daily_calls: false,
            per_app_usage: false,
            page_size: 2_000,
            lock_every: None,
            upsert_body_from: 46,
            update_only_status: 404,
            deleted_status: 404,
            window_of_a_minute: true,
            bulk_looks: 1,
            bulk_page: 2_000,
        }
    }
}

macro_rules! faults {
    ($($variant:ident $name:literal $about:literal),+ $(,)?) => {
        /// A misfortune of this vendor's own, for one request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Fault { $($variant),+ }

        /// Their names in fault plans.
        pub(super) const FAULTS: &[(&str, &str)] = &[$(($name, $about)),+];

        impl Fault {
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

faults! {
    ExpiredSession "expired-session" "the session used has just ended",
    UnfitSession "unfit-session" "401 that no new sign-in cures: the session is not valid for the REST API",
    ExpiredJwt "expired-jwt" "401 in the words for access tokens in JWT form",
    DailyLimit "daily-limit" "403 REQUEST_LIMIT_EXCEEDED: the daily calls are used up",
    ConcurrentLimit "concurrent-limit" "403 REQUEST_LIMIT_EXCEEDED: too many calls at once",
    LongTransactions "long-transactions" "403 REQUEST_LIMIT_EXCEEDED: too many long transactions",
    ApiDisabled "api-disabled" "403 API_DISABLED_FOR_ORG",
    Unavailable "unavailable" "503 SERVER_UNAVAILABLE before anything was done",
    DoneUnavailable "done-unavailable" "503 SERVER_UNAVAILABLE although the request was carried out",
    Edge420 "edge-420" "420 with a web page from the edge",
    UriTooLong "uri-too-long" "414 with the edge's web page",
    QueryTimeout "query-timeout" "400 QUERY_TIMEOUT",
    LockedRow "locked-row" "every record of this write is locked",
    PartialFailure "partial-failure" "every second record of this write fails",
    StolenOwner "stolen-owner" "an assignment rule gives the written record to somebody else, unless told not to",
    LateRow "late-row" "what is written is seen 300 seconds later, under the present stamp",
    MissingDone "missing-done" "a query's answer has no `done` where it is the last page",
    SmallPages "small-pages" "a page has a tenth of the rows asked for",
    DeadLocator "dead-locator" "the query locator is not known",
    MovedInstance "moved-instance" "a sign-in answers with another address of the same instance",
    EvilInstance "evil-instance" "a sign-in answers with an address outside the vendor's domains",
    SpentToken "spent-token" "a sign-in is refused: the refresh token has expired",
    NulInCsv "nul-in-csv" "a value of a bulk result holds a NUL byte",
    MissingLocator "missing-locator" "a bulk result has no locator header",
    FailedJob "failed-job" "the bulk job looked at has failed",
    NotJson "not-json" "status 200 with a web page",
    Truncated "truncated" "the answer ends in the middle",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_fault_exists_once() {
        let names: std::collections::BTreeSet<&str> = FAULTS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), FAULTS.len());
        assert!(names.iter().all(|name| Fault::named(name).is_some()) && Fault::named("none").is_none());
    }
}
