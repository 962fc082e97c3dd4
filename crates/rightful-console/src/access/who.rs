//! Who is asking: a member with a session, or a program with a token.

use std::sync::Arc;

use axum_login::{AuthUser, AuthnBackend, UserId};
use rightful_core::{Error, Secret};
use rightful_engine::{Access, Member, MemberId, Token};

use super::{dummy_check, matches};
use crate::ConsoleStore;

/// How long a session lasts, in hours, whatever is done in it.
pub const SESSION_HOURS: i64 = 12;

/// A member with what binds their sessions to how they stand now: a changed role, password or state ends them.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The member.
    pub member: Member,
    standing: Vec<u8>,
}

impl From<Member> for SignedIn {
    fn from(member: Member) -> Self {
        let standing = blake3::hash(format!("{} {}", member.id, member.revision).as_bytes()).as_bytes().to_vec();
        Self { member, standing }
    }
}

impl AuthUser for SignedIn {
    type Id = MemberId;

    fn id(&self) -> MemberId {
        self.member.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.standing
    }
}

/// Looks members up for the session layer.
#[derive(Clone, Debug)]
pub struct Backend(pub Arc<dyn ConsoleStore>);

impl AuthnBackend for Backend {
    type User = SignedIn;
    type Credentials = (String, Secret);
    type Error = Error;

    async fn authenticate(&self, (name, password): (String, Secret)) -> Result<Option<SignedIn>, Error> {
        let found = self.0.member_named(name.trim()).await?;
        let Some((member, hash)) = found.and_then(|found| Some((found.member, found.password?))).filter(|(member, _)| member.active) else {
            dummy_check(password).await;
            return Ok(None);
        };
        Ok(matches(password, hash).await.then(|| member.into()))
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<SignedIn>, Error> {
        Ok(self.0.member(*id).await?.map(|found| found.member).filter(|member| member.active).map(SignedIn::from))
    }
}

/// Who is asking, once it is known that they may.
#[derive(Clone, Debug)]
pub enum Who {
    /// A member, and what their forms must carry.
    Member(Member, String),
    /// A program.
    Token(Token),
}

impl Who {
    /// What they may do.
    pub fn access(&self) -> &Access {
        match self {
            Self::Member(member, _) => &member.access,
            Self::Token(token) => &token.access,
        }
    }

    /// The human being behind it: what a token says counts as said by whoever made it, so that nobody is two people.
    pub fn person(&self) -> &str {
        match self {
            Self::Member(member, _) => &member.name,
            Self::Token(token) => &token.author,
        }
    }

    /// The name that goes into histories and the audit log.
    pub fn actor(&self) -> String {
        match self {
            Self::Member(member, _) => member.name.clone(),
            Self::Token(token) => format!("token {}", token.name),
        }
    }
}
