//! Passwords: hashed with argon2id, checked in the same time whether or not the member exists.

use std::sync::LazyLock;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use rightful_core::{Error, ErrorKind, Result, Secret};

/// The shortest password, in characters.
pub const SHORTEST: usize = 12;
/// The longest, in bytes: hashing must stay cheap.
const LONGEST: usize = 1_024;

/// A password's hash in PHC form (argon2id, the crate's parameters, which are those OWASP's password storage sheet names).
///
/// # Errors
/// `Config` where the password is too short or too long.
pub async fn hashed(password: Secret) -> Result<Secret> {
    if password.expose().chars().count() < SHORTEST {
        return Err(Error::new(ErrorKind::Config, format!("the password is shorter than {SHORTEST} characters"))
            .hint("take a longer one: several words in a row are easy to remember"));
    }
    if password.expose().len() > LONGEST {
        return Err(Error::new(ErrorKind::Config, format!("the password is longer than {LONGEST} bytes")).hint("take a shorter one"));
    }
    off_the_async_threads(move || hash(&password)).await?
}

fn hash(password: &Secret) -> Result<Secret> {
    Argon2::default()
        .hash_password(password.expose().as_bytes())
        .map(|hash| Secret::new(hash.to_string()))
        .map_err(|error| Error::new(ErrorKind::Protocol, "the password could not be hashed").hint("report this").context(error.to_string()))
}

/// Does the password fit the hash?
pub async fn matches(password: Secret, hash: Secret) -> bool {
    password.expose().len() <= LONGEST
        && off_the_async_threads(move || Argon2::default().verify_password(password.expose().as_bytes(), hash.expose()).is_ok())
            .await
            .unwrap_or(false)
}

/// Takes as long as [`matches`] and never fits: for names that nobody has.
pub async fn dummy_check(password: Secret) -> bool {
    static NOBODY: LazyLock<Option<Secret>> = LazyLock::new(|| hash(&Secret::new("nobody has this password")).ok());
    if let Some(hash) = NOBODY.clone() {
        matches(password, hash).await;
    }
    false
}

async fn off_the_async_threads<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::new(ErrorKind::Protocol, "hashing a password broke down").hint("report this with the log").source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let hash = hashed(Secret::new("correct horse battery")).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        assert!(matches(Secret::new("correct horse battery"), hash.clone()).await);
        assert!(!matches(Secret::new("correct horse batterz"), hash.clone()).await);
        assert!(!matches(Secret::new("x".repeat(LONGEST + 1)), hash).await);
        assert!(!dummy_check(Secret::new("nobody has this password")).await);
        let again = hashed(Secret::new("correct horse battery")).await.unwrap();
        assert_ne!(again, hashed(Secret::new("correct horse battery")).await.unwrap(), "each hash has a salt of its own");
    }

    #[tokio::test]
    async fn short_and_endless_passwords_are_refused() {
        for (password, told) in [("short", "shorter than 12"), (&*"x".repeat(2_000), "longer than 1024")] {
            let error = hashed(Secret::new(password)).await.unwrap_err();
            assert!(error.to_string().contains(told) && error.mend().is_some(), "{error:?}");
        }
    }
}
