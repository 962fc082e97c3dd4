//! The fields of a posted form, read once, bounded, and only accepted with the session's form key.

use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::{StatusCode, header};
use rightful_core::{Error, ErrorKind, Result};

use crate::problem::Problem;

/// The largest form, in bytes; as large as a code table's file may be.
pub const LARGEST: usize = 16 * 1024 * 1024;
/// The most fields of a form.
const MOST: usize = 200_000;
/// The field that carries the form key.
pub const FORM_KEY: &str = "form_key";

/// Fields in the order of the form.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads them from the body.
    pub async fn read(request: Request) -> std::result::Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let fields = if kind.starts_with("multipart/form-data") {
            Self::multipart(request).await?
        } else if kind.is_empty() || kind.starts_with("application/x-www-form-urlencoded") {
            let bytes = axum::body::to_bytes(request.into_body(), LARGEST).await.map_err(|_| Problem::too_large(LARGEST))?;
            Self(url::form_urlencoded::parse(&bytes).into_owned().take(MOST + 1).collect())
        } else {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a form was expected").hint("use the page's own form"));
        };
        if fields.0.len() > MOST {
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the form has too many fields").hint("save fewer rows at once"));
        }
        Ok(fields)
    }

    async fn multipart(request: Request) -> std::result::Result<Self, Problem> {
        let unreadable = |error: String| {
            Problem::new(StatusCode::BAD_REQUEST, "the form cannot be read")
                .hint("use the page's own form; files must be UTF-8 text")
                .detail(error)
        };
        let mut parts = Multipart::from_request(request, &()).await.map_err(|error| unreadable(error.body_text()))?;
        let mut fields = Vec::new();
        let mut size = 0;
        while let Some(part) = parts.next_field().await.map_err(|error| unreadable(error.body_text()))? {
            let name = part.name().unwrap_or_default().to_owned();
            let bytes = part.bytes().await.map_err(|error| unreadable(error.body_text()))?;
            size += bytes.len();
            if size > LARGEST || fields.len() > MOST {
                return Err(Problem::too_large(LARGEST));
            }
            let text = String::from_utf8(bytes.to_vec())
                .map_err(|_| unreadable(format!("`{name}` is not UTF-8 text: save the file as CSV UTF-8")))?;
            fields.push((name, text));
        }
        Ok(Self(fields))
    }

    /// The first value of a field; empty where it was not sent.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The same without blanks around it, which must be there.
    ///
    /// # Errors
    /// `Config` where it is empty; `what` names it for people.
    pub fn needed(&self, name: &str, what: &str) -> Result<String> {
        let text = self.text(name).trim();
        if text.is_empty() {
            return Err(Error::new(ErrorKind::Config, format!("{what} is missing")).hint(format!("fill in: {what}")));
        }
        Ok(text.to_owned())
    }

    /// Was a box ticked, a button pressed?
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// All values of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Every field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}
