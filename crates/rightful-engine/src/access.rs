//! Who may sign in, and what they may do: rights are decided here and nowhere else.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use rightful_core::{Error, ErrorKind, Instant, Result, Secret, nearest};
use serde::{Deserialize, Serialize};

use crate::{Act, MemberId, TokenId};

/// What a member of the console, or a token, is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessRole {
    /// Looks.
    Viewer,
    /// Looks, and edits code tables that the integration team made editable (SK-5).
    AccountManager,
    /// Runs integrations: edits every table, starts and pauses, approves plans, keeps connections.
    Integrator,
    /// All that, and decides who else may do what.
    Admin,
}

impl AccessRole {
    /// Every role, from the least to the most.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::AccountManager, Self::Integrator, Self::Admin];

    /// Its word in JSON, on the command line and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::AccountManager => "account-manager",
            Self::Integrator => "integrator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for AccessRole {
    /// As people say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Viewer => "Viewer",
            Self::AccountManager => "Account manager",
            Self::Integrator => "Integrator",
            Self::Admin => "Admin",
        })
    }
}

impl FromStr for AccessRole {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str);
            let error = Error::new(ErrorKind::Config, format!("`{text}` is no role"));
            match nearest(text, words) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("use one of: {}", words.join(", "))),
            }
        })
    }
}

/// Something one may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// Look at an integration: its codes, runs, plans, cases and reasons.
    See,
    /// Save its code table.
    EditCodes,
    /// Start a run or a plan, pause, resume, undo, drop a hold, end a quarantine.
    Run,
    /// Approve or reject its plans.
    Approve,
    /// Say whether account managers may edit its table.
    SetEditable,
    /// Say who gets an account at its target, who is who on both sides, and what is known of accounts (SS-6).
    KeepPeople,
    /// Switch accounts that are made by themselves, and workflows, on or off (SS-6, SS-10, SS-11).
    Switch,
    /// Keep connections. Not of one integration: it takes a role without a scope.
    Connect,
    /// Read the audit log. Not of one integration.
    Audit,
    /// Keep members and tokens. Not of one integration.
    Administer,
}

impl Right {
    /// The least role that has it, wherever the scope allows.
    pub fn least(self) -> AccessRole {
        match self {
            Self::See => AccessRole::Viewer,
            Self::EditCodes => AccessRole::AccountManager,
            Self::Run | Self::Approve | Self::SetEditable | Self::KeepPeople | Self::Switch | Self::Connect | Self::Audit => {
                AccessRole::Integrator
            }
            Self::Administer => AccessRole::Admin,
        }
    }

    /// Is it a right over the whole deployment rather than over one integration?
    pub fn is_global(self) -> bool {
        matches!(self, Self::Connect | Self::Audit | Self::Administer)
    }

    /// In words: "you may not ...".
    fn told(self) -> &'static str {
        match self {
            Self::See => "look at this integration",
            Self::EditCodes => "save this code table",
            Self::Run => "start, pause or undo runs",
            Self::Approve => "approve or reject plans",
            Self::SetEditable => "say who may edit this code table",
            Self::KeepPeople => "say who gets an account or who is who",
            Self::Switch => "switch automatic accounts or workflows",
            Self::Connect => "keep connections",
            Self::Audit => "read the audit log",
            Self::Administer => "keep members and tokens",
        }
    }
}

/// A role and where it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The role.
    pub role: AccessRole,
    /// The integrations it holds for; `None`: all, those to come included.
    pub scope: Option<BTreeSet<String>>,
}

/// Why something may not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The integration is out of scope: whoever asks shall not learn that it exists.
    OutOfScope,
    /// The role does not have the right.
    Role(Right, AccessRole),
    /// An account manager, and the table is not editable by account managers (SK-5).
    NotEditable,
    /// The right is over the whole deployment, the role holds for some integrations only.
    Scoped(Right),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfScope => f.write_str("there is no such integration"),
            Self::Role(right, role) => write!(f, "as {} you may not {}; it takes the role {}", role, right.told(), right.least()),
            Self::NotEditable => f.write_str(
                "the integration team has not made this table editable by account managers; ask them to, or ask them to make the change",
            ),
            Self::Scoped(right) => {
                write!(f, "your role holds for some integrations only, and to {} takes one that holds for all", right.told())
            }
        }
    }
}

impl Access {
    /// A role that holds everywhere.
    pub fn everywhere(role: AccessRole) -> Self {
        Self { role, scope: None }
    }

    /// May a right over an integration be used? `editable`: is its table editable by account managers?
    ///
    /// # Errors
    /// Why not.
    pub fn over(&self, right: Right, integration: &str, editable: bool) -> std::result::Result<(), Denied> {
        if !self.covers(integration) {
            return Err(Denied::OutOfScope);
        }
        if right.is_global() {
            return self.anywhere(right);
        }
        if self.role < right.least() {
            return Err(Denied::Role(right, self.role));
        }
        if right == Right::EditCodes && self.role == AccessRole::AccountManager && !editable {
            return Err(Denied::NotEditable);
        }
        Ok(())
    }

    /// May a right be used at all, somewhere?
    ///
    /// # Errors
    /// Why not.
    pub fn anywhere(&self, right: Right) -> std::result::Result<(), Denied> {
        if self.role < right.least() {
            return Err(Denied::Role(right, self.role));
        }
        if right.is_global() && self.scope.is_some() {
            return Err(Denied::Scoped(right));
        }
        Ok(())
    }

    /// Is the integration in scope?
    pub fn covers(&self, integration: &str) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.contains(integration))
    }
}

/// Somebody who may sign in to the console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its number.
    pub id: MemberId,
    /// What they sign in with: unique, compared without regard to case.
    pub name: String,
    /// What others call them.
    pub display_name: String,
    /// What they may do.
    pub access: Access,
    /// May sign in.
    pub active: bool,
    /// When they were added.
    pub created: Instant,
    /// Moves with every change; sessions begun under another revision are over.
    pub revision: i64,
}

/// What signs a member in, besides what is shown of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The member.
    pub member: Member,
    /// The password's hash in PHC form; `None`: none was set yet.
    pub password: Option<Secret>,
}

/// What a member shall be from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEdit {
    /// What they sign in with.
    pub name: String,
    /// What others call them.
    pub display_name: String,
    /// What they may do.
    pub access: Access,
    /// May sign in.
    pub active: bool,
}

/// What became of a change under a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept<T> {
    /// Done.
    Done(T),
    /// Someone else changed it since; nothing was done.
    Moved,
    /// The name is taken.
    Taken,
    /// It would leave nobody who can administer; nothing was done.
    LastAdmin,
}

/// A session of the console, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Digest of its id: the store never knows the id itself.
    pub digest: Vec<u8>,
    /// What it carries, as the session layer writes it.
    pub data: Vec<u8>,
    /// When it ends.
    pub expires: Instant,
}

/// A one-time link: who opens it sets a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Whom it is for; `None`: whoever opens it becomes the first admin.
    pub member: Option<MemberId>,
    /// When it ends.
    pub expires: Instant,
}

/// A token of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its number.
    pub id: TokenId,
    /// What it is for, in somebody's words.
    pub name: String,
    /// What it may do.
    pub access: Access,
    /// Who made it.
    pub author: String,
    /// When.
    pub created: Instant,
    /// When it ends.
    pub expires: Instant,
    /// When it was used last, to the hour.
    pub used: Option<Instant>,
    /// When it was revoked.
    pub revoked: Option<Instant>,
}

/// Keeps members, sessions, one-time links and tokens. Each change is one transaction with its line in the audit log.
#[async_trait]
pub trait AccessStore: fmt::Debug + Send + Sync + 'static {
    /// Everyone, by name.
    async fn members(&self) -> Result<Vec<Member>>;
    /// One of them with their password's hash, by number.
    async fn member(&self, id: MemberId) -> Result<Option<Credential>>;
    /// The same by name, without regard to case.
    async fn member_named(&self, name: &str) -> Result<Option<Credential>>;
    /// Adds a member. `Taken` where the name is; `Moved` where `first` asks that nobody be there yet and somebody is.
    async fn add_member(&self, member: &MemberEdit, password: Option<Secret>, first: bool, act: &Act) -> Result<Kept<MemberId>>;
    /// Changes a member of that revision.
    async fn change_member(&self, id: MemberId, revision: i64, member: &MemberEdit, act: &Act) -> Result<Kept<()>>;
    /// Sets a member's password and moves the revision on, so that sessions begun before are over.
    async fn set_password(&self, id: MemberId, password: Secret, act: &Act) -> Result<()>;

    /// A session by its digest, unless it ended before `now`.
    async fn session(&self, digest: &[u8], now: Instant) -> Result<Option<SessionRow>>;
    /// Keeps a session; with `new`, only where none of that digest is there (`false`).
    async fn put_session(&self, session: &SessionRow, new: bool) -> Result<bool>;
    /// Ends a session.
    async fn end_session(&self, digest: &[u8]) -> Result<()>;
    /// Forgets sessions and one-time links that ended before `now`.
    async fn forget_ended(&self, now: Instant) -> Result<u64>;

    /// Keeps a one-time link by its digest. One for a member ends that member's earlier ones; one for the first admin ends earlier ones of that sort.
    async fn put_invitation(&self, digest: &[u8], invitation: &Invitation, act: &Act) -> Result<()>;
    /// Looks at a link without using it.
    async fn invitation(&self, digest: &[u8], now: Instant) -> Result<Option<Invitation>>;
    /// Uses it up: once.
    async fn take_invitation(&self, digest: &[u8], now: Instant) -> Result<Option<Invitation>>;

    /// Tokens, newest first.
    async fn tokens(&self) -> Result<Vec<Token>>;
    /// Keeps a new token by its digest.
    async fn add_token(&self, digest: &[u8], name: &str, access: &Access, expires: Instant, act: &Act) -> Result<TokenId>;
    /// The token of that digest, unless revoked or ended; notes its use, to the hour.
    async fn use_token(&self, digest: &[u8], now: Instant) -> Result<Option<Token>>;
    /// Revokes a token; `false` where there is none such.
    async fn revoke_token(&self, id: TokenId, act: &Act) -> Result<bool>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sk_5_account_managers_edit_only_tables_that_were_made_editable() {
        let manager = Access::everywhere(AccessRole::AccountManager);
        assert_eq!(manager.over(Right::See, "a", false), Ok(()));
        assert_eq!(manager.over(Right::EditCodes, "a", false), Err(Denied::NotEditable));
        assert_eq!(manager.over(Right::EditCodes, "a", true), Ok(()));
    }

    #[test]
    fn each_right_begins_at_a_role() {
        use AccessRole::*;
        let table = [
            (Right::See, [true, true, true, true]),
            (Right::EditCodes, [false, true, true, true]),
            (Right::Run, [false, false, true, true]),
            (Right::Approve, [false, false, true, true]),
            (Right::SetEditable, [false, false, true, true]),
            (Right::KeepPeople, [false, false, true, true]),
            (Right::Switch, [false, false, true, true]),
            (Right::Connect, [false, false, true, true]),
            (Right::Audit, [false, false, true, true]),
            (Right::Administer, [false, false, false, true]),
        ];
        for (right, allowed) in table {
            for (role, allowed) in [Viewer, AccountManager, Integrator, Admin].into_iter().zip(allowed) {
                assert_eq!(Access::everywhere(role).over(right, "a", true).is_ok(), allowed, "{role} {right:?}");
                assert_eq!(Access::everywhere(role).anywhere(right).is_ok(), allowed, "{role} {right:?}");
            }
        }
    }

    #[test]
    fn a_scope_hides_other_integrations_and_gives_no_right_over_the_whole() {
        let scoped = Access { role: AccessRole::Admin, scope: Some(["a".to_owned()].into()) };
        assert_eq!(scoped.over(Right::EditCodes, "a", false), Ok(()));
        assert_eq!(scoped.over(Right::See, "b", true), Err(Denied::OutOfScope));
        assert_eq!(scoped.anywhere(Right::Connect), Err(Denied::Scoped(Right::Connect)));
        assert_eq!(scoped.anywhere(Right::Administer), Err(Denied::Scoped(Right::Administer)));
        assert_eq!(scoped.anywhere(Right::Run), Ok(()));
    }

    #[test]
    fn an_unknown_role_names_the_nearest() {
        assert_eq!("admin".parse::<AccessRole>().unwrap(), AccessRole::Admin);
        let error = "integratr".parse::<AccessRole>().unwrap_err();
        assert_eq!(error.mend(), Some("did you mean `integrator`?"));
    }
}
