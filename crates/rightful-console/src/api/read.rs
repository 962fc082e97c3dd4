//! What a program sends: bodies and queries, read strictly, so that what is misspelt is told and never ignored.

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use bytes::Bytes;
use rightful_core::nearest;
use serde::de::DeserializeOwned;

use crate::fields::LARGEST;
use crate::problem::Problem;

/// A body of JSON; an empty one counts as `{}`.
#[derive(Clone, Debug)]
pub struct Body<T>(pub T);

/// A body of text: a file.
#[derive(Clone, Debug)]
pub struct Text(pub String);

/// What the query asks for.
#[derive(Clone, Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = media_type(&request);
        let bytes = whole(request, state).await?;
        if !bytes.is_empty() && kind != "application/json" {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a body of JSON was expected")
                .hint("send it with the header Content-Type: application/json"));
        }
        parsed(if bytes.is_empty() { b"{}" } else { &bytes }).map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if media_type(&request) != "text/csv" {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a CSV file was expected")
                .hint("send it with the header Content-Type: text/csv"));
        }
        let bytes = whole(request, state).await?;
        let text = String::from_utf8(bytes.to_vec());
        text.map(Self).map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the file is not UTF-8 text").hint("save it as CSV UTF-8"))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => {
                let text = rejection.body_text();
                let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                Err(misread("the query", "", text))
            }
        }
    }
}

/// The media type without its parameters.
fn media_type(request: &Request) -> String {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_lowercase()
}

async fn whole<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(LARGEST),
        status => Problem::new(status, "the body did not arrive whole").hint("send it again").detail(rejection.body_text()),
    })
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() { misread("the body", &path, &error.to_string()) } else { not_json(&error) }
    })?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(parsed)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "the body is not JSON").detail(error.to_string()).hint("send one object of JSON")
}

/// A refusal as the reader words it, in ours. `path` is where, from the whole on.
fn misread(what: &str, path: &str, refusal: &str) -> Problem {
    // "... at line 1 column 7" says nothing to whoever did not write the text by hand.
    let refusal = refusal.split(" at line ").next().unwrap_or(refusal);
    let field = path.trim_matches('.');
    let problem = |message: String, mend: Option<String>| {
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, message);
        let problem = if field.is_empty() { problem } else { problem.with("field", field) };
        match mend {
            Some(mend) => problem.hint(mend),
            None => problem.hint("GET /api/v1/openapi.json says what is taken"),
        }
    };
    let quoted: Vec<&str> = refusal.split('`').skip(1).step_by(2).collect();
    if (refusal.contains("unknown field `") || refusal.contains("unknown variant `"))
        && let Some((given, known)) = quoted.split_first()
    {
        let mend = match nearest(given, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "nothing is taken here".to_owned(),
            None => format!("it takes: {}", known.join(", ")),
        };
        return problem(format!("{what} does not take `{given}`"), Some(mend));
    }
    if refusal.contains("missing field `")
        && let Some(missing) = quoted.first()
    {
        return problem(format!("{what} lacks `{missing}`"), None);
    }
    problem(format!("{what} cannot be read: {refusal}"), None)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Edits {
        expected: i64,
        #[serde(default)]
        edits: Vec<Edit>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Edit {
        code: String,
    }

    #[test]
    fn what_is_misspelt_is_told_with_the_nearest() {
        for (body, status, message, hint, field) in [
            (r#"{"expcted": 1}"#, 422, "the body does not take `expcted`", "did you mean `expected`?", None),
            (r#"{"expected": 1, "zzz": 1}"#, 422, "the body does not take `zzz`", "it takes: expected, edits", None),
            (
                r#"{"expected": 1, "edits": [{"kode": "a"}]}"#,
                422,
                "the body does not take `kode`",
                "did you mean `code`?",
                Some("edits[0]"),
            ),
            (r#"{}"#, 422, "the body lacks `expected`", "openapi.json", None),
            (
                r#"{"expected": "1"}"#,
                422,
                "the body cannot be read: invalid type: string \"1\", expected i64",
                "openapi.json",
                Some("expected"),
            ),
            (r#"{"expected": 1"#, 400, "the body is not JSON", "one object", None),
            (r#"{"expected": 1} 2"#, 400, "the body is not JSON", "one object", None),
            (r#"{"expected": 1, "expected": 2}"#, 422, "the body cannot be read: duplicate field `expected`", "openapi.json", None),
        ] {
            let problem = parsed::<Edits>(body.as_bytes()).unwrap_err();
            let told = problem.more.get("field").and_then(|field| field.as_str());
            assert!(
                problem.status.as_u16() == status
                    && problem.message == message
                    && problem.hint.as_deref().is_some_and(|told| told.contains(hint))
                    && field.is_none_or(|field| told.is_some_and(|told| told.starts_with(field))),
                "{body}: {problem:?}"
            );
        }
        let edits = parsed::<Edits>(br#"{"expected": 3, "edits": [{"code": "R05"}]}"#).unwrap();
        assert_eq!((edits.expected, edits.edits[0].code.as_str()), (3, "R05"));
    }

    #[test]
    fn queries_are_read_as_strictly() {
        for (query, message, hint) in [
            ("expcted=1", "the query does not take `expcted`", "did you mean `expected`?"),
            ("expected=x", "the query cannot be read: expected: invalid digit found in string", "openapi.json"),
            ("", "the query lacks `expected`", "openapi.json"),
        ] {
            let uri = format!("/x?{query}").parse().unwrap();
            let text = Query::<Edits>::try_from_uri(&uri).unwrap_err().body_text();
            let problem = misread("the query", "", text.strip_prefix("Failed to deserialize query string: ").unwrap());
            assert!(problem.message == message && problem.hint.as_deref().is_some_and(|told| told.contains(hint)), "{query}: {problem:?}");
        }
    }
}
