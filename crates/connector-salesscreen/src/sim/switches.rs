//! What is unknown about the vendor, as switches, and the misfortunes of its own kind.

use serde::{Deserialize, Serialize};

/// What an accepted call is answered with: no body is documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// 200 without a body.
    #[default]
    Empty,
    /// 200 with an empty object.
    Json,
    /// 204.
    NoContent,
}

/// What a refused record means for the rest of its batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchMode {
    /// One refused record: nothing is applied.
    #[default]
    Atomic,
    /// Only the refused records are not applied; the answer is 400 all the same.
    Partial,
}

/// What a known e-mail address means where the caller's id is not mapped yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmailMatch {
    /// The user is mapped to the id (SS-4).
    #[default]
    Link,
    /// Status 400.
    Refuse,
}

/// How a record may name its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserForm {
    /// `user: {id, email}`.
    #[default]
    Object,
    /// `userId`.
    Flat,
    /// Either.
    Both,
}

/// Where a record's team is looked for; elsewhere it is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TeamPlace {
    /// In `user` and beside it.
    #[default]
    Both,
    /// In `user`.
    User,
    /// Beside `user`.
    Record,
}

/// How `createdDate` may be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dates {
    /// As an instant or as a day.
    #[default]
    Both,
    /// As an instant with its offset.
    Instant,
    /// As a day.
    Day,
}

/// Open questions about the vendor, each with the answer we assume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// What an accepted call is answered with.
    pub answer: Answer,
    /// What a refused record means for its batch.
    pub batch_mode: BatchMode,
    /// The most records in one call.
    pub most_records: Option<usize>,
    /// What a known e-mail address means.
    pub email_match: EmailMatch,
    /// May an id take over a user who is mapped to another id of the same system?
    pub remap: bool,
    /// Is a user made for a record whose user is not known?
    pub create_users: bool,
    /// May a record that is sent again name another user?
    pub record_user_mutable: bool,
    /// How a record may name its user.
    pub record_user: UserForm,
    /// Where a record's team is looked for.
    pub record_team: TeamPlace,
    /// How `createdDate` may be written.
    pub dates: Dates,
    /// Are `value2` and `value3` kept?
    pub more_values: bool,
    /// Do records of users without a team count?
    pub count_without_team: bool,
    /// Is a batch of nothing accepted (else 400)?
    pub empty_batch: bool,
    /// Are paths found in any letter case?
    pub any_case: bool,
    /// The path that removes records; none: there is no such path.
    pub remove_path: Option<String>,
    /// Are both rate windows enforced?
    pub limits: bool,
    /// Seconds stated in `Retry-After` with a 429.
    pub retry_after: Option<u32>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            answer: Answer::default(),
            batch_mode: BatchMode::default(),
            most_records: None,
            email_match: EmailMatch::default(),
            remap: false,
            create_users: true,
            record_user_mutable: true,
            record_user: UserForm::default(),
            record_team: TeamPlace::default(),
            dates: Dates::default(),
            more_values: true,
            count_without_team: false,
            empty_batch: true,
            any_case: false,
            remove_path: None,
            limits: false,
            retry_after: None,
        }
    }
}

/// A misfortune of this vendor's own, for one request; named in fault plans in kebab case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    Throttled,
    ThrottledWithoutWait,
    Unauthorized,
    Refused,
    ServerError,
    DoneServerError,
    Page,
    DonePage,
}

/// Their names, with one sentence each.
pub(super) const FAULTS: &[(&str, &str)] = &[
    ("throttled", "429 with Retry-After: 1"),
    ("throttled-without-wait", "429 without Retry-After"),
    ("unauthorized", "401 as for a wrong key"),
    ("refused", "400 before anything was done"),
    ("server-error", "500 before anything was done"),
    ("done-server-error", "500 although the request was carried out"),
    ("page", "status 200 with a web page, and nothing was done"),
    ("done-page", "status 200 with a web page although the request was carried out"),
];

impl Fault {
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name)).ok()
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
        assert_eq!(Fault::named("nothing"), None);
    }

    #[test]
    fn switches_that_are_not_named_keep_their_default() {
        assert_eq!(serde_json::from_str::<Switches>("{}").unwrap(), Switches::default());
    }
}
