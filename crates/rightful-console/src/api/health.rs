//! Whether the program lives, and whether it can do its work.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::Console;
use crate::problem::Problem;

/// Answers as long as the process lives.
#[utoipa::path(get, path = "/healthz", operation_id = "healthz", tag = "Operation",
    responses((status = 200, content_type = "text/plain", body = String)))]
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Tells whether the store answers and schedules are served.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "Operation",
    responses((status = 200, content_type = "text/plain", body = String), (status = 503, description = "Not ready; `title` says why.")))]
pub async fn readyz(State(console): State<Arc<Console>>) -> Response {
    match console.deployment.ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(why) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).into_response(),
    }
}
