//! The style sheet and the one script, compiled in and named by their content, so that browsers may keep them for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

const STYLE: &str = include_str!("../assets/console.css");
const SCRIPT: &str = include_str!("../assets/console.js");
const ICON: &str = include_str!("../assets/icon.svg");

fn named(stem: &str, content: &str, ending: &str) -> String {
    format!("{stem}-{}.{ending}", &blake3::hash(content.as_bytes()).to_hex()[..12])
}

/// The style sheet's name.
pub static STYLE_NAME: LazyLock<String> = LazyLock::new(|| named("console", STYLE, "css"));
/// The script's name.
pub static SCRIPT_NAME: LazyLock<String> = LazyLock::new(|| named("console", SCRIPT, "js"));
/// The icon's name.
pub static ICON_NAME: LazyLock<String> = LazyLock::new(|| named("icon", ICON, "svg"));

/// `GET /assets/{file}`
pub async fn asset(Path(file): Path<String>) -> Response {
    let (kind, content) = if file == *STYLE_NAME {
        ("text/css; charset=utf-8", STYLE)
    } else if file == *SCRIPT_NAME {
        ("text/javascript; charset=utf-8", SCRIPT)
    } else if file == *ICON_NAME {
        ("image/svg+xml", ICON)
    } else {
        return Problem::not_found("such file").into_response();
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")], content).into_response()
}
