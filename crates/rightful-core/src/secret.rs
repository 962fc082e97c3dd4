//! Text that must never be printed, logged, stored in clear or recorded.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A secret. Prints as `***`; its memory is overwritten when the last copy goes.
///
/// ```
/// use rightful_core::Secret;
/// assert_eq!(format!("{:?}", Secret::new("s3cret")), "***");
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Wraps it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    /// The text itself. Use it where it leaves for the vendor, nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A short stable fingerprint, to notice that a secret changed without keeping it.
    pub fn fingerprint(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64_with_seed(self.0.as_bytes(), 0x7269_6768_7466_756c)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}
