//! The OpenAPI document of the API: written from the handlers and their types; who may do what comes from the table of routes.

use std::sync::LazyLock;

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, OpenApi as Written, RefOr, Required, ResponseBuilder, Type};
use utoipa::{OpenApi, ToSchema};

use super::{audit, cases, codes, connections, health, integrations, members, metrics, people, plans, runs, switches, table, tokens};
use crate::routes::{Needs, ROUTES};

/// A problem (RFC 9457). Besides what is listed it may carry what the operation says: `version`, `revision`, `run`, `wrong`, `verdicts`, `near`, `teams`.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = Problem)]
struct ProblemDetails {
    /// `urn:rightful:problem:` with a stable word: `invalid`, `unauthenticated`, `forbidden`, `not-found`, `conflict`, `too-large`, `unavailable`, ...
    r#type: String,
    /// What happened.
    title: String,
    /// The status.
    status: u16,
    /// The path that was asked for.
    instance: String,
    /// What else is known.
    detail: Option<String>,
    /// How to mend it.
    hint: Option<String>,
    /// The field of the body or the query that it is about.
    field: Option<String>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rightful",
        description = "Everything the console's pages do, as JSON. Lists come in pages: give `next` of a page as `cursor` for the one behind it. \
                       Fields that are not known are refused, each with the nearest that is.",
    ),
    paths(
        document,
        health::healthz,
        health::readyz,
        metrics::metrics,
        tokens::whoami,
        integrations::list,
        integrations::one,
        integrations::pause,
        integrations::resume,
        integrations::release,
        integrations::editable,
        integrations::run,
        integrations::plan,
        codes::list,
        codes::put,
        codes::preview,
        codes::versions,
        codes::diff,
        codes::revert,
        codes::users,
        people::list,
        people::reviewed,
        people::picks,
        people::accounts,
        people::verdicts,
        people::import,
        people::history,
        people::team,
        people::send_team,
        people::links,
        people::unlink,
        switches::workflows,
        switches::set_workflow,
        switches::automatic_accounts,
        switches::set_automatic,
        switches::send_ready,
        table::export,
        table::verdicts,
        table::import,
        runs::all,
        runs::list,
        runs::one,
        runs::items,
        runs::undo,
        plans::all,
        plans::list,
        plans::one,
        plans::changes,
        plans::approve,
        plans::reject,
        cases::all,
        cases::list,
        cases::all_holds,
        cases::holds,
        cases::drop_hold,
        cases::explain,
        connections::list,
        connections::one,
        connections::put,
        connections::remove,
        connections::test,
        connections::vendors,
        audit::list,
        audit::chain,
        members::list,
        members::one,
        members::add,
        members::put,
        members::link,
        tokens::list,
        tokens::add,
        tokens::revoke,
    ),
    components(schemas(ProblemDetails, people::OnlyPeople))
)]
struct Document;

static TEXT: LazyLock<String> = LazyLock::new(|| written().to_json().unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}")));

/// Gives this document.
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "openapi", tag = "Operation",
    responses((status = 200, content_type = "application/json", body = Object)))]
pub async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

/// What stands for a part of a path.
const PARTS: [(&str, &str); 11] = [
    ("integration", "The integration's name."),
    ("connection", "The connection's name."),
    ("run", "The run's number: `12` or `run-12`."),
    ("plan", "The plan's number: `3` or `plan-3`."),
    ("hold", "The hold's number: `4` or `hold-4`."),
    ("member", "The member's number: `2` or `member-2`."),
    ("token", "The token's number: `5` or `token-5`."),
    ("change", "The change's number in its plan."),
    ("account", "The account's id, or its e-mail address."),
    ("person", "The source person's id."),
    ("workflow", "The workflow's name."),
];

/// The document, with what all operations have in common and what the table of routes says of each.
fn written() -> Written {
    let mut document = Document::openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    if let Some(components) = &mut document.components {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token that an admin made under Settings, or through this API."))
            .build();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
    for (path, item) in &mut document.paths.paths {
        let operations = [("GET", &mut item.get), ("POST", &mut item.post), ("PUT", &mut item.put), ("DELETE", &mut item.delete)];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                let route = ROUTES.iter().find(|route| route.method == method && route.path == path);
                complete(operation, path, route.map(|route| route.needs));
            }
        }
    }
    document
}

fn complete(operation: &mut Operation, path: &str, needs: Option<Needs>) {
    let parameters = operation.parameters.get_or_insert_default();
    for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let about = PARTS.iter().find(|(name, _)| *name == part).map(|(_, about)| *about);
        let text = ObjectBuilder::new().schema_type(Type::String);
        let parameter = ParameterBuilder::new().name(part).parameter_in(ParameterIn::Path).required(Required::True);
        parameters.push(RefOr::T(parameter.description(about).schema(Some(text)).build()));
    }
    if let Some(needs) = needs {
        let (told, open) = told(needs);
        let before = operation.description.take().filter(|text| !text.is_empty()).map(|text| format!("{text}\n\n")).unwrap_or_default();
        operation.description = Some(format!("{before}{told}"));
        operation.security =
            Some(if open { vec![SecurityRequirement::default()] } else { vec![SecurityRequirement::new("token", [""; 0])] });
    }
    let content = ContentBuilder::new().schema(Some(RefOr::Ref(utoipa::openapi::Ref::from_schema_name("Problem")))).build();
    let problem = || ResponseBuilder::new().content("application/problem+json", content.clone());
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            if status.starts_with(['4', '5']) && response.content.is_empty() {
                *response = problem().description(response.description.clone()).build();
            }
            if response.description.is_empty() {
                let status = status.parse::<u16>().ok().and_then(|status| StatusCode::from_u16(status).ok());
                response.description = status.and_then(|status| status.canonical_reason()).unwrap_or("Answer").to_owned();
            }
        }
    }
    let other = problem().description("What went wrong, and how to mend it.").build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(other));
}

/// What a route takes, in words, and whether anybody may ask.
fn told(needs: Needs) -> (String, bool) {
    let word = |right: rightful_engine::Right| {
        let least = right.least().as_str();
        if right.is_global() {
            format!("Takes a token with the role `{least}` or more, for all integrations.")
        } else {
            format!("Takes a token with the role `{least}` or more")
        }
    };
    match needs {
        Needs::Nothing => ("Takes no token.".to_owned(), true),
        Needs::SignedIn => ("Takes any token; shows what is in its scope.".to_owned(), false),
        Needs::Anywhere(right) if right.is_global() => (word(right), false),
        Needs::Anywhere(right) => (format!("{}.", word(right)), false),
        Needs::Over(right) | Needs::OverCodes(right) => {
            let editable = if right == rightful_engine::Right::EditCodes {
                "; an account manager's where the table is editable by account managers"
            } else {
                ""
            };
            (format!("{} for the integration{editable}.", word(right)), false)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value as Json;

    use super::*;
    use crate::api::is_for_programs;

    fn operations() -> Vec<(String, String, Json)> {
        let document: Json = serde_json::from_str(&TEXT).unwrap();
        let mut found = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                found.push((method.to_uppercase(), path.clone(), operation.clone()));
            }
        }
        found
    }

    #[test]
    fn the_document_lists_the_routes_for_programs_and_no_other() {
        let told: BTreeSet<(String, String)> = operations().into_iter().map(|(method, path, _)| (method, path)).collect();
        let served = ROUTES.iter().filter(|route| is_for_programs(route.path));
        let served: BTreeSet<(String, String)> = served.map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
        assert!(served.len() > 50);
        assert_eq!(
            (told.difference(&served).collect::<Vec<_>>(), served.difference(&told).collect::<Vec<_>>()),
            (vec![], vec![]),
            "told and not served, served and not told"
        );
    }

    #[test]
    fn every_operation_says_what_it_does_who_may_and_what_comes_of_it() {
        let mut names = BTreeSet::new();
        for (method, path, operation) in operations() {
            let text = |key: &str| operation[key].as_str().unwrap_or_default().to_owned();
            assert!(names.insert(text("operationId")), "{method} {path}: {} is there twice", text("operationId"));
            assert!(text("summary").ends_with(['.', ':']) || text("summary").contains(". "), "{method} {path}: {operation}");
            assert!(text("description").contains("Takes "), "{method} {path}: {operation}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')) && responses.contains_key("default"), "{method} {path}");
            assert!(responses.values().all(|response| response["description"].as_str().is_some_and(|text| !text.is_empty())));
            for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                let parameters = operation["parameters"].as_array().unwrap();
                let given = parameters.iter().find(|parameter| parameter["name"] == part && parameter["in"] == "path");
                assert!(given.is_some_and(|given| given["description"].is_string()), "{method} {path}: {part}");
            }
            let open = operation["security"] == serde_json::json!([{}]);
            let route = ROUTES.iter().find(|route| route.method == method && route.path == path).unwrap();
            assert_eq!(open, route.needs == Needs::Nothing, "{method} {path}: {}", operation["security"]);
        }
    }

    /// Every reference leads to a schema, and lists answer `items` and `next`.
    #[test]
    fn every_type_that_is_named_is_there() {
        let document: Json = serde_json::from_str(&TEXT).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut looked_at = 0;
        let mut rest = vec![&document];
        while let Some(value) = rest.pop() {
            if let Some(named) = value["$ref"].as_str() {
                let name = named.strip_prefix("#/components/schemas/").unwrap_or_else(|| panic!("{named}"));
                assert!(schemas.contains_key(name), "{name}");
                looked_at += 1;
            }
            match value {
                Json::Array(all) => rest.extend(all),
                Json::Object(fields) => rest.extend(fields.values()),
                _ => {}
            }
        }
        assert!(looked_at > 100);
        for (method, path, operation) in operations() {
            if operation["operationId"].as_str().unwrap().starts_with("list") {
                let schema = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
                let fields = &schemas[schema.rsplit('/').next().unwrap()]["properties"];
                assert!(fields["items"]["type"] == "array" && !fields["next"].is_null(), "{method} {path}: {fields}");
                let parameters: Vec<&str> =
                    operation["parameters"].as_array().unwrap().iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
                assert!(parameters.contains(&"limit") && parameters.contains(&"cursor"), "{method} {path}: {parameters:?}");
            }
        }
    }

    /// The table of operations in `docs/api.md`.
    #[test]
    fn the_page_lists_every_operation() {
        let mut lines = vec!["| Operation | Does | Takes |".to_owned(), "| --- | --- | --- |".to_owned()];
        for route in ROUTES.iter().filter(|route| is_for_programs(route.path)) {
            let (.., operation) =
                operations().into_iter().find(|(method, path, _)| *method == route.method && *path == route.path).unwrap();
            let takes = match route.needs {
                Needs::Nothing => "no token".to_owned(),
                Needs::SignedIn => "any token".to_owned(),
                Needs::Anywhere(right) | Needs::Over(right) | Needs::OverCodes(right) if right.is_global() => {
                    format!("`{}`, for all integrations", right.least().as_str())
                }
                Needs::Anywhere(right) | Needs::Over(right) | Needs::OverCodes(right) => format!("`{}`", right.least().as_str()),
            };
            let summary = operation["summary"].as_str().unwrap();
            let summary = summary.split_once(". ").map_or(summary, |(first, _)| first).trim_end_matches('.');
            lines.push(format!("| `{} {}` | {summary} | {takes} |", route.method, route.path));
        }
        let table = lines.join("\n");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
        let page = std::fs::read_to_string(&file).unwrap();
        let (begin, end) = ("<!-- operations -->\n", "\n<!-- end -->");
        let (before, rest) = page.split_once(begin).unwrap();
        let (present, after) = rest.split_once(end).unwrap();
        if std::env::var_os("RIGHTFUL_WRITE_PAGES").is_some() {
            std::fs::write(&file, format!("{before}{begin}{table}{end}{after}")).unwrap();
            return;
        }
        assert!(present == table, "docs/api.md differs; write it with RIGHTFUL_WRITE_PAGES=1\nis:\n{present}\nshall be:\n{table}");
    }
}
