//! Members: who may sign in to the console, and the one-time links by which they set a password.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use rightful_engine::{self as engine, Kept, MemberId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::integrations::Nothing;
use super::paging::{Page, Paging, Part};
use super::read::{Asked, Body};
use super::{Told, said, wrong};
use crate::Console;
use crate::access::{LINK_HOURS, Who};
use crate::operations::Wrong;
use crate::operations::members::{Typed, add as added, change as changed, known_integrations, new_link};
use crate::pages::settings::address;
use crate::problem::Problem;

/// What a member or a token is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Looks, and edits code tables that were made editable.
    AccountManager,
    /// Edits every table, runs, pauses, approves; keeps connections.
    Integrator,
    /// All that, and keeps members and tokens.
    Admin,
}

impl From<engine::AccessRole> for Role {
    fn from(role: engine::AccessRole) -> Self {
        match role {
            engine::AccessRole::Viewer => Self::Viewer,
            engine::AccessRole::AccountManager => Self::AccountManager,
            engine::AccessRole::Integrator => Self::Integrator,
            engine::AccessRole::Admin => Self::Admin,
        }
    }
}

/// Somebody who may sign in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Member {
    /// Its number.
    pub id: i64,
    /// What they sign in with.
    pub name: String,
    /// What others call them.
    pub display_name: String,
    /// What they may do.
    pub role: Role,
    /// The integrations it holds for; `null`: all, those to come included.
    #[schema(required)]
    pub scope: Option<BTreeSet<String>>,
    /// May sign in.
    pub active: bool,
    /// When they were added.
    pub created: DateTime<Utc>,
    /// Moves with every change; what a change gives as `revision`.
    pub revision: i64,
}

impl From<engine::Member> for Member {
    fn from(member: engine::Member) -> Self {
        Self {
            id: member.id.0,
            name: member.name,
            display_name: member.display_name,
            role: member.access.role.into(),
            scope: member.access.scope,
            active: member.active,
            created: member.created,
            revision: member.revision,
        }
    }
}

/// Lists members, by number.
#[utoipa::path(get, path = "/api/v1/members", operation_id = "listMembers", tag = "Members", params(Paging),
    responses((status = 200, body = Page<Member>)))]
pub async fn list(State(console): State<Arc<Console>>, Asked(asked): Asked<Paging>) -> Told<Page<Member>> {
    let part = Part::<i64>::of("members", asked.limit, asked.cursor.as_deref())?;
    said(part.page_of(console.store.members().await?, |member| member.id.0, Member::from))
}

async fn found(console: &Console, id: &str) -> Result<engine::Member, Problem> {
    let missing = || Problem::not_found("such member");
    let id: MemberId = id.parse().map_err(|_| missing())?;
    Ok(console.store.member(id).await?.ok_or_else(missing)?.member)
}

/// Tells how one member stands.
#[utoipa::path(get, path = "/api/v1/members/{member}", operation_id = "member", tag = "Members", responses((status = 200, body = Member)))]
pub async fn one(State(console): State<Arc<Console>>, Path(id): Path<String>) -> Told<Member> {
    said(found(&console, &id).await?.into())
}

fn yes() -> bool {
    true
}

/// What a member shall be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberPut {
    /// What they sign in with; upper and lower case count as the same.
    #[schema(example = "nadia")]
    pub name: String,
    /// What others call them; left out: as they sign in.
    #[serde(default)]
    pub display_name: String,
    /// `viewer`, `account-manager`, `integrator` or `admin`.
    #[schema(value_type = Role)]
    pub role: String,
    /// The integrations it holds for; left out or `null`: all, those to come included.
    #[serde(default)]
    pub scope: Option<BTreeSet<String>>,
    /// May sign in.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub active: bool,
    /// The revision that was looked at; left out for a new member.
    #[serde(default)]
    pub revision: i64,
}

impl MemberPut {
    fn judged(&self, console: &Console, known: Option<&BTreeSet<String>>) -> Result<engine::MemberEdit, Problem> {
        let typed = Typed {
            name: self.name.clone(),
            display_name: self.display_name.clone(),
            role: self.role.clone(),
            scope: self.scope.clone(),
            active: self.active,
        };
        typed.judged(&known_integrations(console, known)).map_err(|bad| wrong("the member", &bad))
    }
}

fn taken() -> Problem {
    let bad = [Wrong::of("name", "somebody has that name already; upper and lower case count as the same")];
    let mut problem = wrong("the member", &bad);
    problem.status = StatusCode::CONFLICT;
    problem
}

/// A one-time link by which a member sets a password. It is sent this once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MemberLink {
    /// The member.
    pub member: Member,
    /// The link.
    pub link: String,
    /// When it ends.
    pub ends: DateTime<Utc>,
}

async fn linked(console: &Console, who: &Who, headers: &HeaderMap, member: engine::Member) -> Result<MemberLink, Problem> {
    let path = new_link(console, &who.actor(), member.id, &member.name).await?;
    Ok(MemberLink {
        member: member.into(),
        link: format!("{}{}", address(console, headers), path.expose()),
        ends: console.now() + chrono::Duration::hours(LINK_HOURS),
    })
}

/// Adds a member, who cannot sign in before setting a password through the link in the answer.
#[utoipa::path(post, path = "/api/v1/members", operation_id = "addMember", tag = "Members", request_body = MemberPut,
    responses((status = 201, body = MemberLink), (status = 409, description = "Somebody has that name already.")))]
pub async fn add(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
    Body(body): Body<MemberPut>,
) -> Result<Response, Problem> {
    let edit = body.judged(&console, None)?;
    let Kept::Done(id) = added(&console, &who.actor(), &edit).await? else { return Err(taken()) };
    let member = found(&console, &id.0.to_string()).await?;
    let place = format!("/api/v1/members/{}", id.0);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(linked(&console, &who, &headers, member).await?)).into_response())
}

/// Changes a member of that revision. Their sessions end.
#[utoipa::path(put, path = "/api/v1/members/{member}", operation_id = "changeMember", tag = "Members", request_body = MemberPut,
    responses((status = 200, body = Member),
        (status = 409, description = "Somebody changed it meanwhile, the name is taken, or nobody would be left to administer.")))]
pub async fn put(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Extension(who): Extension<Who>,
    Body(body): Body<MemberPut>,
) -> Told<Member> {
    let before = found(&console, &id).await?;
    let edit = body.judged(&console, before.access.scope.as_ref())?;
    match changed(&console, &who.actor(), &before, body.revision, &edit).await? {
        Kept::Done(()) => said(found(&console, &id).await?.into()),
        Kept::Taken => Err(taken()),
        Kept::Moved => {
            let revision = found(&console, &id).await?.revision;
            Err(Problem::new(StatusCode::CONFLICT, format!("the member has revision {revision} now; nothing was changed"))
                .hint("look at the member as they stand, then send what they shall be with that `revision`")
                .with("revision", revision))
        }
        Kept::LastAdmin => {
            Err(Problem::new(StatusCode::CONFLICT, "this is the last admin for all integrations who may sign in; nothing was changed")
                .hint("make somebody else one first"))
        }
    }
}

/// Makes a fresh one-time link for a member; an earlier one ends.
#[utoipa::path(post, path = "/api/v1/members/{member}/link", operation_id = "linkMember", tag = "Members",
    responses((status = 201, body = MemberLink), (status = 409, description = "The member may not sign in.")))]
pub async fn link(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Response, Problem> {
    let member = found(&console, &id).await?;
    if !member.active {
        return Err(Problem::new(StatusCode::CONFLICT, format!("{} may not sign in", member.display_name))
            .hint("let them sign in first, then make a link"));
    }
    Ok((StatusCode::CREATED, Json(linked(&console, &who, &headers, member).await?)).into_response())
}
