//! Newtypes for the strings that must never be confused with each other.

use std::borrow::{Borrow, Cow};
use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            /// Wraps a name that is known when the program is compiled.
            pub const fn fixed(text: &'static str) -> Self {
                Self(Cow::Borrowed(text))
            }

            /// Wraps a name that is known only at run time.
            pub fn new(text: impl Into<String>) -> Self {
                Self(Cow::Owned(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }
    };
}

name_type! {
    /// A vendor's id: lower-case with hyphens; at once the cargo feature, the fixture folder and `vendor =` in configuration.
    VendorId
}
name_type! {
    /// The name a person gave to one account at a vendor.
    ConnectionName
}
name_type! {
    /// A kind of record, in our spelling: `customer`, `user`, `employee`, `visit-frequency`.
    Kind
}
name_type! {
    /// A record's id at its vendor. Opaque: compared exactly, never parsed outside its connector.
    RecordId
}
name_type! {
    /// The name of a key a record is known by besides its id: `code`, `customer-id`, `user-name`, `email`.
    KeyName
}
name_type! {
    /// A field, spelled as the vendor spells it.
    FieldName
}
name_type! {
    /// A way in which people belong to a record: `owner`, `assigned`.
    Role
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_and_new_names_are_the_same_name() {
        assert_eq!(Kind::fixed("customer"), Kind::new("customer"));
        assert_eq!(Kind::fixed("customer").to_string(), "customer");
    }
}
