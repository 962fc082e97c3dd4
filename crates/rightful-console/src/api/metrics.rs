//! Metrics for Prometheus.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::Console;
use crate::access::Who;
use crate::problem::Problem;

/// Metrics in the text form of Prometheus. They name every integration: the token's scope must be all of them.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "Operation",
    responses((status = 200, content_type = "text/plain; version=0.0.4", body = String)))]
pub async fn metrics(State(console): State<Arc<Console>>, Extension(who): Extension<Who>) -> Result<Response, Problem> {
    if who.access().scope.is_some() {
        return Err(Problem::new(StatusCode::FORBIDDEN, "metrics name every integration, and the token is for some only")
            .hint("make a token with the role viewer for all integrations"));
    }
    let text = console.deployment.metrics(console.requests.served()).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
