//! What a company holds at the start.

use serde::{Deserialize, Serialize};

/// How a user stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// May sign in and own records.
    #[default]
    Active,
    /// Deactivated (SS-24).
    Inactive,
    /// Watches only (SS-27).
    Spectating,
    /// Cannot own records (SS-28).
    Supporter,
}

impl Standing {
    /// Its word, which is also the reason a record is ignored for.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Spectating => "spectating",
            Self::Supporter => "supporter",
        }
    }
}

/// A user at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedUser {
    /// E-mail address.
    pub email: String,
    /// First name.
    pub firstname: String,
    /// Last name.
    pub lastname: String,
    /// Key of the team.
    pub team: Option<String>,
    /// How the user stands.
    pub standing: Standing,
    /// Ids in other systems: system, id.
    pub mappings: Vec<(String, String)>,
}

/// A company at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seed {
    /// Teams: key, name.
    pub teams: Vec<(String, String)>,
    /// Users.
    pub users: Vec<SeedUser>,
    /// How many users may be active; none: as many as there are.
    pub licences: Option<usize>,
}

/// The system of the key that a company begins with.
pub(super) const SYSTEM: &str = "Salesforce";

impl Seed {
    /// A small company: two teams, and a user each who counts, has no team, is deactivated, watches, or is not mapped.
    pub fn small() -> Self {
        let user = |number: u32, name: &str, team: Option<&str>, standing: Standing| SeedUser {
            email: format!("user{number}@example.com"),
            firstname: "User".into(),
            lastname: name.into(),
            team: team.map(str::to_owned),
            standing,
            mappings: vec![(SYSTEM.to_owned(), format!("U{number}"))],
        };
        Self {
            teams: vec![("OSLO-FIELD".into(), "Oslo Field".into()), ("BERGEN-FIELD".into(), "Bergen Field".into())],
            users: vec![
                user(1, "One", Some("OSLO-FIELD"), Standing::Active),
                user(2, "Two", None, Standing::Active),
                user(3, "Three", Some("OSLO-FIELD"), Standing::Inactive),
                user(4, "Four", None, Standing::Spectating),
                SeedUser { mappings: Vec::new(), ..user(5, "Five", Some("BERGEN-FIELD"), Standing::Active) },
            ],
            licences: None,
        }
    }
}
