//! What programs ask: health, metrics, and the operations of the pages as JSON. Only a bearer token says who asks; cookies are not looked at.

#![expect(unused_qualifications, reason = "what utoipa writes for the parameters of an operation")]

pub mod audit;
pub mod cases;
pub mod codes;
pub mod connections;
mod document;
pub mod health;
pub mod integrations;
pub mod members;
pub mod metrics;
mod paging;
pub mod people;
pub mod plans;
mod read;
pub mod runs;
pub mod switches;
pub mod table;
pub mod tokens;
mod words;

pub use document::document;

use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::operations::Wrong;
use crate::problem::Problem;

/// What an operation answers.
pub type Told<T> = Result<Json<T>, Problem>;

/// An answer.
fn said<T>(told: T) -> Told<T> {
    Ok(Json(told))
}

/// Is a path for programs rather than for people?
pub fn is_for_programs(path: &str) -> bool {
    ["/api/", "/metrics", "/healthz", "/readyz"].iter().any(|prefix| path.starts_with(prefix))
}

/// Everything that is wrong with what was sent, as one problem.
fn wrong(what: &str, wrong: &[Wrong]) -> Problem {
    let told: Vec<String> = wrong.iter().map(|wrong| wrong.told.clone()).collect();
    let listed: Vec<Value> = wrong.iter().map(|wrong| json!({ "field": wrong.field, "told": wrong.told })).collect();
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{what} cannot be kept"))
        .detail(told.join("\n"))
        .hint("put right what `wrong` lists and send it again; nothing was changed")
        .with("wrong", listed)
}
