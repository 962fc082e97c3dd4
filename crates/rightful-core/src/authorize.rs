//! How calls prove who we are.

use std::fmt::Debug;

use async_trait::async_trait;
use base64::Engine as _;
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};

use crate::latch::{Latch, mixed};
use crate::{Context, Error, ErrorKind, Request, Response, Result, Secret, fingerprint};

/// Names the session or credentials a request was signed with; its meaning is the authorizer's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stamp(pub u64);

/// May a new sign-in mend a refusal?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Yes: the session ended.
    SignInAgain,
    /// No: the credentials themselves were refused.
    GiveUp,
}

/// Signs requests. Its own calls (a sign-in, a token exchange) go through the context it is given, on the permit of the call they are for.
#[async_trait]
pub trait Authorizer: Debug + Send + Sync + 'static {
    /// Signs a request; may edit its URL, headers or body. The stamp names the session it used.
    ///
    /// # Errors
    /// As the vendor answered the sign-in; the request is not sent.
    async fn authorize(&self, request: &mut Request, context: &Context) -> Result<Stamp>;

    /// Sees every answer to a signed request, for sessions whose end moves with each.
    fn observe(&self, stamp: Stamp, response: &Response, context: &Context) {
        let _ = (stamp, response, context);
    }

    /// The vendor did not accept the stamp.
    async fn refused(&self, stamp: Stamp, error: &Error, context: &Context) -> Renewal;

    /// Everything it proves itself with now, sessions included: masked in what is kept of an answer.
    fn secrets(&self) -> Vec<Secret>;

    /// Forgets that credentials were rejected, so that a person who asks for it gets one more attempt with the same ones.
    ///
    /// # Errors
    /// Where the connection's slot cannot be written.
    async fn reopen(&self, context: &Context) -> Result<()> {
        let _ = context;
        Ok(())
    }
}

/// Sends requests as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAuthorization;

#[async_trait]
impl Authorizer for NoAuthorization {
    async fn authorize(&self, _request: &mut Request, _context: &Context) -> Result<Stamp> {
        Ok(Stamp::default())
    }

    async fn refused(&self, _stamp: Stamp, _error: &Error, _context: &Context) -> Renewal {
        Renewal::GiveUp
    }

    fn secrets(&self) -> Vec<Secret> {
        Vec::new()
    }
}

/// Puts secrets into headers of the vendor's own naming. Rejected once, they are not sent again until one of them changes.
#[derive(Debug)]
pub struct HeaderKeys {
    headers: Vec<(HeaderName, HeaderValue)>,
    secrets: Vec<Secret>,
    credentials: u64,
    latch: Latch,
}

impl HeaderKeys {
    /// Keys by the header each goes into.
    ///
    /// # Errors
    /// `Config` where a secret has characters no header can carry.
    pub fn new(keys: impl IntoIterator<Item = (HeaderName, Secret)>) -> Result<Self> {
        let keys: Vec<(HeaderName, Secret)> = keys.into_iter().collect();
        let credentials = fingerprint(keys.iter().flat_map(|(name, secret)| [name.as_str(), secret.expose()]));
        let headers = keys
            .iter()
            .map(|(name, secret)| {
                let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
                    Error::new(ErrorKind::Config, format!("the secret for header `{name}` has characters a header cannot carry"))
                        .hint("look for a line break or a space copied along with it")
                })?;
                value.set_sensitive(true);
                Ok((name.clone(), value))
            })
            .collect::<Result<_>>()?;
        let secrets = keys.into_iter().map(|(_, secret)| secret).collect();
        Ok(Self { headers, secrets, credentials, latch: Latch::default() })
    }

    /// The same, where this is a secret too: what a header's value was made of.
    fn made_of(mut self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        self.secrets.extend(secrets);
        self
    }
}

#[async_trait]
impl Authorizer for HeaderKeys {
    async fn authorize(&self, request: &mut Request, context: &Context) -> Result<Stamp> {
        // Keys are latched per host, not per path: one refused path is a refused key.
        let mut host = request.url.clone();
        host.set_path("/");
        let credentials = mixed(self.credentials, &host);
        self.latch.check(credentials, context).await?;
        for (name, value) in &self.headers {
            request.headers.insert(name.clone(), value.clone());
        }
        Ok(Stamp(credentials))
    }

    async fn refused(&self, stamp: Stamp, error: &Error, context: &Context) -> Renewal {
        self.latch.close(stamp.0, error.again(), context).await;
        Renewal::GiveUp
    }

    fn secrets(&self) -> Vec<Secret> {
        self.secrets.clone()
    }

    async fn reopen(&self, context: &Context) -> Result<()> {
        self.latch.open(context).await
    }
}

/// `Authorization: Bearer` with a token that does not change.
#[derive(Debug)]
pub struct Bearer(HeaderKeys);

impl Bearer {
    /// Signs with this token.
    ///
    /// # Errors
    /// `Config` where the token has characters no header can carry.
    pub fn new(token: &Secret) -> Result<Self> {
        let keys = HeaderKeys::new([(AUTHORIZATION, Secret::new(format!("Bearer {}", token.expose())))])?;
        Ok(Self(keys.made_of([token.clone()])))
    }
}

/// `Authorization: Basic` with a user and a password (RFC 7617, UTF-8).
#[derive(Debug)]
pub struct Basic(HeaderKeys);

impl Basic {
    /// Signs as this user.
    ///
    /// # Errors
    /// `Config` where the user name has a colon, which the scheme cannot carry.
    pub fn new(user: &str, password: &Secret) -> Result<Self> {
        if user.contains(':') {
            return Err(Error::new(ErrorKind::Config, "the user name has a colon, which Basic sign-in cannot carry")
                .hint("check the user name; a password belongs into its own setting"));
        }
        let pair = Secret::new(format!("{user}:{}", password.expose()));
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair.expose());
        let keys = HeaderKeys::new([(AUTHORIZATION, Secret::new(format!("Basic {encoded}")))])?;
        Ok(Self(keys.made_of([Secret::new(encoded), pair, password.clone()])))
    }
}

macro_rules! signs_by_header {
    ($name:ident) => {
        #[async_trait]
        impl Authorizer for $name {
            async fn authorize(&self, request: &mut Request, context: &Context) -> Result<Stamp> {
                self.0.authorize(request, context).await
            }

            async fn refused(&self, stamp: Stamp, error: &Error, context: &Context) -> Renewal {
                self.0.refused(stamp, error, context).await
            }

            fn secrets(&self) -> Vec<Secret> {
                self.0.secrets()
            }

            async fn reopen(&self, context: &Context) -> Result<()> {
                self.0.reopen(context).await
            }
        }
    };
}

signs_by_header!(Bearer);
signs_by_header!(Basic);
