//! What went wrong with a request: a page for people, problem details (RFC 9457) for programs.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rightful_core::{Error, ErrorKind};
use rightful_engine::Denied;
use serde_json::{Map, Value as Json, json};

use crate::requests::RequestId;
use crate::told::without_commands;
use crate::{api, pages};

/// Why a request was not served.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// What happened.
    pub message: String,
    /// Where, and what else is known.
    pub detail: Option<String>,
    /// How to mend it.
    pub hint: Option<String>,
    /// Seconds to wait before trying again.
    pub retry_after: Option<i64>,
    /// What a program may want to look at besides: the version that stands, the fields that are wrong. Pages do not show it.
    pub more: Map<String, Json>,
}

impl Problem {
    /// A problem.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), detail: None, hint: None, retry_after: None, more: Map::new() }
    }

    /// How to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What else is known.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With a member for programs.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.more.insert(key.to_owned(), value.into());
        self
    }

    /// Something that is not there, or that whoever asks must not know to be there.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what}")).hint("go back to a list and choose from it")
    }

    /// A body beyond its bound.
    pub fn too_large(most: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("more was sent than the {} MiB that are read", most / 1024 / 1024))
            .hint("send less at once")
    }

    /// What happened and how to mend it, for a page that goes on.
    pub fn told(&self) -> String {
        let told = match &self.hint {
            Some(hint) => format!("{}; {hint}", self.message),
            None => self.message.clone(),
        };
        if told.ends_with(['.', '?']) { told } else { told + "." }
    }

    /// The short name of its type, for programs.
    fn word(&self) -> &'static str {
        match self.status.as_u16() {
            400 | 422 => "invalid",
            401 => "unauthenticated",
            403 => "forbidden",
            404 => "not-found",
            405 => "method-not-allowed",
            409 => "conflict",
            413 => "too-large",
            415 => "unsupported-media-type",
            429 => "too-many-requests",
            503 => "unavailable",
            _ => "failed",
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Config | ErrorKind::Rejected | ErrorKind::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Unavailable | ErrorKind::RateLimited => StatusCode::SERVICE_UNAVAILABLE,
            // What a vendor refuses is no fault of whoever asks us.
            ErrorKind::Unauthenticated | ErrorKind::Forbidden => StatusCode::BAD_GATEWAY,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%error, "a request failed");
        }
        Self { hint: error.mend().map(without_commands), ..Self::new(status, error.to_string()) }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let status = if denied == Denied::OutOfScope { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
        Self::new(status, denied.to_string())
    }
}

impl IntoResponse for Problem {
    /// Bare, with itself as an extension: [`rendered`] gives it its form.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// A problem as its details for programs; what is not known is left out.
fn details(problem: &Problem, path: &str, request_id: Option<&str>) -> Json {
    let mut details = json!({
        "type": format!("urn:rightful:problem:{}", problem.word()),
        "title": problem.message, "status": problem.status.as_u16(), "instance": path,
    });
    for (key, text) in [("detail", problem.detail.as_deref()), ("hint", problem.hint.as_deref()), ("request_id", request_id)] {
        if let Some(text) = text {
            details[key] = json!(text);
        }
    }
    for (key, value) in &problem.more {
        details[key] = value.clone();
    }
    details
}

/// Gives every problem the form that whoever asks can read; also those of the layers below, which have none.
pub async fn rendered(request: Request, next: Next) -> Response {
    let program = api::is_for_programs(request.uri().path());
    let path = request.uri().path().to_owned();
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let response = next.run(request).await;
    let status = response.status();
    let problem = match response.extensions().get::<Problem>() {
        Some(problem) => problem.clone(),
        None if (status.is_client_error() || status.is_server_error()) && !response.headers().contains_key(header::CONTENT_TYPE) => {
            Problem::new(status, status.canonical_reason().unwrap_or("failed").to_lowercase())
        }
        None => return response,
    };
    // What a person passes on to whoever can look it up in the log.
    let request_id = request_id.filter(|_| problem.status.is_server_error());
    let mut shown = if program {
        ([(header::CONTENT_TYPE, "application/problem+json")], details(&problem, &path, request_id.as_deref()).to_string()).into_response()
    } else {
        pages::problem_page(&problem, request_id).into_response()
    };
    *shown.status_mut() = problem.status;
    // What layers said by headers stays said: cookies that end, methods that are allowed.
    for (name, value) in response.headers() {
        if *name != header::CONTENT_LENGTH && *name != header::CONTENT_TYPE {
            shown.headers_mut().append(name, value.clone());
        }
    }
    if let Some(seconds) = problem.retry_after
        && let Ok(value) = HeaderValue::from_str(&seconds.to_string())
    {
        shown.headers_mut().insert(header::RETRY_AFTER, value);
    }
    if problem.status == StatusCode::UNAUTHORIZED && program {
        shown.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    shown
}
