//! Members, sessions, one-time links and tokens.

use std::collections::BTreeSet;

use icu_normalizer::ComposingNormalizerBorrowed;
use rightful_core::{Error, ErrorKind, Instant, Result, Secret};
use rightful_engine::{Access, AccessRole, Act, Credential, Invitation, Kept, Member, MemberEdit, MemberId, SessionRow, Token, TokenId};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::audit::append;
use crate::codec::{data, text};
use crate::database::{instant, stamp, told};

/// Names that differ in case alone, or in how Unicode composes them, are one.
pub(crate) fn folded(name: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfkc();
    composed.normalize(&composed.normalize(name.trim()).to_lowercase()).into_owned()
}

fn scope_text(access: &Access) -> Option<String> {
    access.scope.as_ref().map(text)
}

fn access(role: &str, scope: Option<&str>) -> Result<Access> {
    Ok(Access { role: role.parse()?, scope: scope.map(data::<BTreeSet<String>>).transpose()? })
}

const MEMBER: &str = "id, name, display_name, role, scope, active, created, revision, password";

type MemberRow = (i64, String, String, String, Option<String>, bool, i64, i64, Option<String>);

fn member_row(row: &Row<'_>) -> rusqlite::Result<MemberRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?))
}

fn credential((id, name, display_name, role, scope, active, created, revision, password): MemberRow) -> Result<Credential> {
    let access = access(&role, scope.as_deref())?;
    let member = Member { id: MemberId(id), name, display_name, access, active, created: instant(created), revision };
    Ok(Credential { member, password: password.map(Secret::new) })
}

pub(crate) fn members(connection: &Connection) -> Result<Vec<Member>> {
    let mut select = connection.prepare_cached(&format!("SELECT {MEMBER} FROM member ORDER BY folded")).map_err(told)?;
    let rows = select.query_map([], member_row).map_err(told)?;
    rows.map(|row| credential(row.map_err(told)?).map(|credential| credential.member)).collect()
}

pub(crate) fn member(connection: &Connection, id: MemberId) -> Result<Option<Credential>> {
    let mut select = connection.prepare_cached(&format!("SELECT {MEMBER} FROM member WHERE id = ?1")).map_err(told)?;
    select.query_row([id.0], member_row).optional().map_err(told)?.map(credential).transpose()
}

pub(crate) fn member_named(connection: &Connection, name: &str) -> Result<Option<Credential>> {
    let mut select = connection.prepare_cached(&format!("SELECT {MEMBER} FROM member WHERE folded = ?1")).map_err(told)?;
    select.query_row([folded(name)], member_row).optional().map_err(told)?.map(credential).transpose()
}

fn taken(tx: &Transaction<'_>, name: &str, by_another_than: Option<MemberId>) -> Result<bool> {
    let id: Option<i64> =
        tx.query_row("SELECT id FROM member WHERE folded = ?1", [folded(name)], |row| row.get(0)).optional().map_err(told)?;
    Ok(id.is_some_and(|id| by_another_than != Some(MemberId(id))))
}

pub(crate) fn add_member(
    tx: &Transaction<'_>,
    member: &MemberEdit,
    password: Option<&Secret>,
    first: bool,
    act: &Act,
) -> Result<Kept<MemberId>> {
    if first && tx.query_row("SELECT EXISTS (SELECT 1 FROM member)", [], |row| row.get::<_, bool>(0)).map_err(told)? {
        return Ok(Kept::Moved);
    }
    if taken(tx, &member.name, None)? {
        return Ok(Kept::Taken);
    }
    tx.execute(
        "INSERT INTO member (name, folded, display_name, role, scope, active, created, revision, password) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8)",
        params![
            member.name,
            folded(&member.name),
            member.display_name,
            member.access.role.as_str(),
            scope_text(&member.access),
            member.active,
            stamp(act.at),
            password.map(Secret::expose)
        ],
    )
    .map_err(told)?;
    let id = MemberId(tx.last_insert_rowid());
    append(tx, act)?;
    Ok(Kept::Done(id))
}

/// May this one keep members, everywhere?
fn administers(access: &Access, active: bool) -> bool {
    active && access.role == AccessRole::Admin && access.scope.is_none()
}

/// Is there another who administers, and has a password to sign in with?
fn others_administer(tx: &Transaction<'_>, but: MemberId) -> Result<bool> {
    tx.query_row(
        "SELECT EXISTS (SELECT 1 FROM member WHERE id <> ?1 AND active AND role = ?2 AND scope IS NULL AND password IS NOT NULL)",
        params![but.0, AccessRole::Admin.as_str()],
        |row| row.get(0),
    )
    .map_err(told)
}

pub(crate) fn change_member(tx: &Transaction<'_>, id: MemberId, revision: i64, edit: &MemberEdit, act: &Act) -> Result<Kept<()>> {
    let Some(Credential { member: before, .. }) = member(tx, id)?.filter(|found| found.member.revision == revision) else {
        return Ok(Kept::Moved);
    };
    if taken(tx, &edit.name, Some(id))? {
        return Ok(Kept::Taken);
    }
    let resigns = administers(&before.access, before.active) && !administers(&edit.access, edit.active);
    if resigns && !others_administer(tx, id)? {
        return Ok(Kept::LastAdmin);
    }
    tx.execute(
        "UPDATE member SET name = ?2, folded = ?3, display_name = ?4, role = ?5, scope = ?6, active = ?7, revision = revision + 1 WHERE id = ?1",
        params![id.0, edit.name, folded(&edit.name), edit.display_name, edit.access.role.as_str(), scope_text(&edit.access), edit.active],
    )
    .map_err(told)?;
    if !edit.active {
        end_invitations(tx, Some(id))?;
    }
    append(tx, act)?;
    Ok(Kept::Done(()))
}

pub(crate) fn set_password(tx: &Transaction<'_>, id: MemberId, password: &Secret, act: &Act) -> Result<()> {
    let set = tx
        .execute("UPDATE member SET password = ?2, revision = revision + 1 WHERE id = ?1", params![id.0, password.expose()])
        .map_err(told)?;
    if set == 0 {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no {id}")).hint("see which there are: Settings"));
    }
    // A link from before would set another one.
    end_invitations(tx, Some(id))?;
    append(tx, act).map(drop)
}

/// Ends the one-time links of a member, or those for the first admin.
fn end_invitations(tx: &Transaction<'_>, member: Option<MemberId>) -> Result<()> {
    tx.execute("DELETE FROM invitation WHERE member IS ?1", [member.map(|member| member.0)]).map(drop).map_err(told)
}

pub(crate) fn session(connection: &Connection, digest: &[u8], now: Instant) -> Result<Option<SessionRow>> {
    let mut select = connection.prepare_cached("SELECT data, expires FROM session WHERE digest = ?1 AND expires > ?2").map_err(told)?;
    select
        .query_row(params![digest, stamp(now)], |row| {
            Ok(SessionRow { digest: digest.to_vec(), data: row.get(0)?, expires: instant(row.get(1)?) })
        })
        .optional()
        .map_err(told)
}

pub(crate) fn put_session(tx: &Transaction<'_>, session: &SessionRow, new: bool) -> Result<bool> {
    let statement = if new {
        "INSERT INTO session (digest, data, expires) VALUES (?1, ?2, ?3) ON CONFLICT (digest) DO NOTHING"
    } else {
        // One that was ended meanwhile stays ended.
        "UPDATE session SET data = ?2, expires = ?3 WHERE digest = ?1"
    };
    Ok(tx.execute(statement, params![session.digest, session.data, stamp(session.expires)]).map_err(told)? > 0)
}

pub(crate) fn end_session(tx: &Transaction<'_>, digest: &[u8]) -> Result<()> {
    tx.execute("DELETE FROM session WHERE digest = ?1", [digest]).map(drop).map_err(told)
}

pub(crate) fn forget_ended(tx: &Transaction<'_>, now: Instant) -> Result<u64> {
    let sessions = tx.execute("DELETE FROM session WHERE expires <= ?1", [stamp(now)]).map_err(told)?;
    let links = tx.execute("DELETE FROM invitation WHERE expires <= ?1", [stamp(now)]).map_err(told)?;
    Ok((sessions + links) as u64)
}

pub(crate) fn put_invitation(tx: &Transaction<'_>, digest: &[u8], invitation: &Invitation, act: &Act) -> Result<()> {
    end_invitations(tx, invitation.member)?;
    let member = invitation.member.map(|member| member.0);
    tx.execute("INSERT INTO invitation (digest, member, expires) VALUES (?1, ?2, ?3)", params![digest, member, stamp(invitation.expires)])
        .map_err(told)?;
    append(tx, act).map(drop)
}

pub(crate) fn invitation(connection: &Connection, digest: &[u8], now: Instant) -> Result<Option<Invitation>> {
    let mut select =
        connection.prepare_cached("SELECT member, expires FROM invitation WHERE digest = ?1 AND expires > ?2").map_err(told)?;
    select
        .query_row(params![digest, stamp(now)], |row| {
            Ok(Invitation { member: row.get::<_, Option<i64>>(0)?.map(MemberId), expires: instant(row.get(1)?) })
        })
        .optional()
        .map_err(told)
}

pub(crate) fn take_invitation(tx: &Transaction<'_>, digest: &[u8], now: Instant) -> Result<Option<Invitation>> {
    let found = invitation(tx, digest, now)?;
    if found.is_some() {
        tx.execute("DELETE FROM invitation WHERE digest = ?1", [digest]).map_err(told)?;
    }
    Ok(found)
}

const TOKEN: &str = "id, name, role, scope, author, created, expires, used, revoked";

type TokenRow = (i64, String, String, Option<String>, String, i64, i64, Option<i64>, Option<i64>);

fn token_row(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?))
}

fn token((id, name, role, scope, author, created, expires, used, revoked): TokenRow) -> Result<Token> {
    let access = access(&role, scope.as_deref())?;
    let (created, expires) = (instant(created), instant(expires));
    Ok(Token { id: TokenId(id), name, access, author, created, expires, used: used.map(instant), revoked: revoked.map(instant) })
}

pub(crate) fn tokens(connection: &Connection) -> Result<Vec<Token>> {
    let mut select = connection.prepare_cached(&format!("SELECT {TOKEN} FROM token ORDER BY id DESC")).map_err(told)?;
    let rows = select.query_map([], token_row).map_err(told)?;
    rows.map(|row| token(row.map_err(told)?)).collect()
}

pub(crate) fn add_token(tx: &Transaction<'_>, digest: &[u8], name: &str, access: &Access, expires: Instant, act: &Act) -> Result<TokenId> {
    tx.execute(
        "INSERT INTO token (digest, name, role, scope, author, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![digest, name, access.role.as_str(), scope_text(access), act.actor, stamp(act.at), stamp(expires)],
    )
    .map_err(told)?;
    let id = TokenId(tx.last_insert_rowid());
    append(tx, act)?;
    Ok(id)
}

/// The token of a digest that is good now.
pub(crate) fn good_token(connection: &Connection, digest: &[u8], now: Instant) -> Result<Option<Token>> {
    let mut select = connection
        .prepare_cached(&format!("SELECT {TOKEN} FROM token WHERE digest = ?1 AND revoked IS NULL AND expires > ?2"))
        .map_err(told)?;
    select.query_row(params![digest, stamp(now)], token_row).optional().map_err(told)?.map(token).transpose()
}

pub(crate) fn note_use(tx: &Transaction<'_>, id: TokenId, at: Instant) -> Result<()> {
    tx.execute("UPDATE token SET used = ?2 WHERE id = ?1", params![id.0, stamp(at)]).map(drop).map_err(told)
}

pub(crate) fn revoke_token(tx: &Transaction<'_>, id: TokenId, act: &Act) -> Result<bool> {
    let revoked =
        tx.execute("UPDATE token SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL", params![id.0, stamp(act.at)]).map_err(told)?;
    if revoked > 0 {
        append(tx, act)?;
    }
    Ok(revoked > 0)
}
