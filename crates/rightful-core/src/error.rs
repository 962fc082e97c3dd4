//! One error type whose kind says what the caller should do now.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A result with our [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do. Two kinds that lead to the same action are one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// Mend the configuration.
    Config,
    /// Mend the credentials; nothing is tried again until they change.
    Unauthenticated,
    /// Ask for a permission.
    Forbidden,
    /// The record is not there.
    NotFound,
    /// The record moved or exists already: read again and decide.
    Conflict,
    /// The vendor refused this input: change it.
    Rejected,
    /// Wait, then try again.
    RateLimited,
    /// The vendor is down or unreachable: try again later.
    Unavailable,
    /// The answer could not be read: report it.
    Protocol,
    /// The vendor cannot do this.
    Unsupported,
    /// This cursor or mark is dead: start the scan again.
    Restart,
}

impl ErrorKind {
    /// May the same call succeed later without anybody mending anything?
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable)
    }

    /// Its name in documents and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::RateLimited => "rate-limited",
            Self::Unavailable => "unavailable",
            Self::Protocol => "protocol",
            Self::Unsupported => "unsupported",
            Self::Restart => "restart",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What happened, where, and how to mend it.
///
/// ```
/// use rightful_core::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::Rejected, "the vendor refused the change")
///     .operation("update customers")
///     .context("customer 4410")
///     .hint("assign an active user");
/// assert_eq!(error.to_string(), "update customers: the vendor refused the change (customer 4410)");
/// assert_eq!(error.mend(), Some("assign an active user"));
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: Option<String>,
    message: String,
    context: Option<String>,
    hint: Option<String>,
    retry_after: Option<Duration>,
    fate_unknown: Option<bool>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error in our words.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            operation: None,
            message: message.into(),
            context: None,
            hint: None,
            retry_after: None,
            fate_unknown: None,
            source: None,
        }))
    }

    /// Which operation failed. The innermost name stays.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.0.operation.get_or_insert_with(|| operation.into());
        self
    }

    /// Where: the connection, the record, the file and line.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        let context = context.into();
        self.0.context = Some(match self.0.context.take() {
            Some(inner) => format!("{inner}, {context}"),
            None => context,
        });
        self
    }

    /// How to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The wait the vendor asked for.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// States whether the vendor may have acted although the call failed. An `Inspect` that says `false` allows a write to be repeated.
    #[must_use]
    pub fn fate_unknown(mut self, unknown: bool) -> Self {
        self.0.fate_unknown = Some(unknown);
        self
    }

    /// The vendor's own words, or the error underneath.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened, without operation and context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The operation that failed.
    pub fn failed_operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// How to mend it.
    pub fn mend(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The wait the vendor asked for.
    pub fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// May the vendor have acted although the call failed? Then a write is `Outcome::Unknown`, not `NotDone`.
    pub fn is_fate_unknown(&self) -> bool {
        self.0.fate_unknown == Some(true)
    }

    /// What was stated about the call's fate, if anything was.
    pub fn stated_fate(&self) -> Option<bool> {
        self.0.fate_unknown
    }

    /// The same error once more, for everyone who waited for one answer; its source becomes text.
    #[must_use]
    pub fn again(&self) -> Self {
        Self(Box::new(Inner {
            kind: self.0.kind,
            operation: self.0.operation.clone(),
            message: self.0.message.clone(),
            context: self.0.context.clone(),
            hint: self.0.hint.clone(),
            retry_after: self.0.retry_after,
            fate_unknown: self.0.fate_unknown,
            source: self.0.source.as_ref().map(|source| source.to_string().into()),
        }))
    }

    /// The vendor's own words, if it said any.
    pub fn vendor_words(&self) -> Option<String> {
        self.0.source.as_ref().map(ToString::to_string)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = &self.0.operation {
            write!(f, "{operation}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(context) = &self.0.context {
            write!(f, " ({context})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("operation", &self.0.operation)
            .field("message", &self.0.message)
            .field("context", &self.0.context)
            .field("hint", &self.0.hint)
            .field("retry_after", &self.0.retry_after)
            .field("fate_unknown", &self.0.fate_unknown)
            .field("source", &self.0.source.as_ref().map(ToString::to_string))
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn the_innermost_operation_stays() {
        let error = Error::new(ErrorKind::Protocol, "no body").operation("users").operation("read");
        assert_eq!(error.failed_operation(), Some("users"));
    }
}
