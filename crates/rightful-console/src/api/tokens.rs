//! API tokens: what there are, making one, revoking one, and what the present one may do.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use rightful_engine::{self as engine, TokenId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::members::Role;
use super::paging::{Page, Paging, Part};
use super::read::{Asked, Body};
use super::{Told, said, wrong};
use crate::Console;
use crate::access::Who;
use crate::operations::members::known_integrations;
use crate::operations::tokens::{judged, make, revoke as revoked};
use crate::problem::Problem;

/// A token, without its text.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Token {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The integrations it holds for; `null`: all, those to come included.
    #[schema(required)]
    pub scope: Option<BTreeSet<String>>,
    /// Who made it.
    pub author: String,
    /// When.
    pub created: DateTime<Utc>,
    /// When it ends.
    pub expires: DateTime<Utc>,
    /// When it was used last, to the hour.
    #[schema(required)]
    pub used: Option<DateTime<Utc>>,
    /// When it was revoked.
    #[schema(required)]
    pub revoked: Option<DateTime<Utc>>,
}

impl From<engine::Token> for Token {
    fn from(token: engine::Token) -> Self {
        Self {
            id: token.id.0,
            name: token.name,
            role: token.access.role.into(),
            scope: token.access.scope,
            author: token.author,
            created: token.created,
            expires: token.expires,
            used: token.used,
            revoked: token.revoked,
        }
    }
}

/// Lists tokens, newest first.
#[utoipa::path(get, path = "/api/v1/tokens", operation_id = "listTokens", tag = "Tokens", params(Paging),
    responses((status = 200, body = Page<Token>)))]
pub async fn list(State(console): State<Arc<Console>>, Asked(asked): Asked<Paging>) -> Told<Page<Token>> {
    let part = Part::<i64>::of("tokens", asked.limit, asked.cursor.as_deref())?;
    let mut found = console.store.tokens().await?;
    found.sort_by_key(|token| std::cmp::Reverse(token.id));
    found.retain(|token| part.from.is_none_or(|from| token.id.0 < from));
    found.truncate(part.fetch());
    said(part.page(found, |token| token.id.0.to_string(), Token::from))
}

/// What a new token shall be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenPost {
    /// What it is for.
    #[schema(example = "nightly report")]
    pub name: String,
    /// `viewer`, `account-manager`, `integrator` or `admin`.
    #[schema(value_type = Role)]
    pub role: String,
    /// The integrations it holds for; left out or `null`: all, those to come included.
    #[serde(default)]
    pub scope: Option<BTreeSet<String>>,
    /// How many days it lasts.
    #[schema(minimum = 1, maximum = 365)]
    pub days: i64,
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
pub struct MadeToken {
    /// The token.
    pub token: Token,
    /// Its text: what goes behind `Authorization: Bearer`. It is sent this once and kept nowhere.
    pub secret: String,
}

/// Makes a token. Its text is in this answer and never again.
#[utoipa::path(post, path = "/api/v1/tokens", operation_id = "makeToken", tag = "Tokens", request_body = TokenPost,
    responses((status = 201, body = MadeToken)))]
pub async fn add(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    Body(body): Body<TokenPost>,
) -> Result<Response, Problem> {
    let known = known_integrations(&console, None);
    let new =
        judged(&body.name, &body.role, body.scope.as_ref(), &body.days.to_string(), &known).map_err(|bad| wrong("the token", &bad))?;
    let (id, secret) = make(&console, &who, &new).await?;
    let token = console.store.tokens().await?.into_iter().find(|token| token.id == id).ok_or_else(|| Problem::not_found("such token"))?;
    Ok((StatusCode::CREATED, Json(MadeToken { token: token.into(), secret: secret.expose().to_owned() })).into_response())
}

/// Revokes a token. Revoking one that is revoked already changes nothing.
#[utoipa::path(delete, path = "/api/v1/tokens/{token}", operation_id = "revokeToken", tag = "Tokens", responses((status = 204)))]
pub async fn revoke(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Extension(who): Extension<Who>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found("such token");
    let id: TokenId = id.parse().map_err(|_| missing())?;
    let known = console.store.tokens().await?.into_iter().find(|token| token.id == id).ok_or_else(missing)?;
    if known.revoked.is_none() {
        revoked(&console, &who.actor(), id).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Whoever asks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Whoami {
    /// What the token is for.
    pub name: String,
    /// The name that goes into histories and the audit log.
    pub actor: String,
    /// What it may do.
    pub role: Role,
    /// The integrations it holds for; `null`: all.
    #[schema(required)]
    pub scope: Option<BTreeSet<String>>,
    /// When it ends.
    #[schema(required)]
    pub expires: Option<DateTime<Utc>>,
}

/// Tells what the token that is sent may do, and until when.
#[utoipa::path(get, path = "/api/v1/whoami", operation_id = "whoami", tag = "Tokens", responses((status = 200, body = Whoami)))]
pub async fn whoami(Extension(who): Extension<Who>) -> Told<Whoami> {
    let access = who.access().clone();
    let (name, expires) = match &who {
        Who::Token(token) => (token.name.clone(), Some(token.expires)),
        Who::Member(member, _) => (member.name.clone(), None),
    };
    said(Whoami { name, actor: who.actor(), role: access.role.into(), scope: access.scope, expires })
}
