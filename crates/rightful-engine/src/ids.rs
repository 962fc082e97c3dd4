//! Numbers the store hands out, each with its own type and its own spelling for people.

use std::fmt;
use std::str::FromStr;

use rightful_core::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

macro_rules! number_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!(concat!($prefix, "{}"), self.0))
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Accepts the spelling shown to people and the bare number.
            fn from_str(text: &str) -> Result<Self, Error> {
                text.strip_prefix($prefix)
                    .unwrap_or(text)
                    .parse()
                    .ok()
                    .filter(|number| *number > 0)
                    .map(Self)
                    .ok_or_else(|| {
                        Error::new(ErrorKind::Config, format!("`{text}` is not the number of a {}", $prefix.trim_end_matches('-')))
                            .hint(concat!("write it as `", $prefix, "3` or `3`"))
                    })
            }
        }
    };
}

number_type! {
    /// A run.
    RunId, "run-"
}
number_type! {
    /// A saved plan.
    PlanId, "plan-"
}
number_type! {
    /// A stored copy of one kind at one connection.
    ImageId, "image-"
}
number_type! {
    /// A line of the work list.
    CaseId, "case-"
}
number_type! {
    /// A hold.
    HoldId, "hold-"
}
number_type! {
    /// A line of the ledger.
    EntryId, "entry-"
}
number_type! {
    /// Somebody who may sign in to the console.
    MemberId, "member-"
}
number_type! {
    /// A token of the API.
    TokenId, "token-"
}

/// A 64-bit digest of content, for noticing that something moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub u64);

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64(bytes))
    }

    /// The digest of plain data, through its JSON form.
    pub fn of_data(data: &impl Serialize) -> Self {
        Self::of(&serde_json::to_vec(data).expect("plain data can be written as JSON"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
