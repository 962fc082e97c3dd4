//! Each route with each role: who is let through, and that nothing is forgotten.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use rightful_console::ROUTES;
use rightful_engine::{AccessRole, Authorship, WatchStore as _};

use crate::client::{Client, answered, member, store, token};
use crate::stage::Demo;

/// Who is let through: nobody signed in, viewer, account manager, integrator, admin; then an integrator whose role holds for another integration only.
/// `x` is let through, `-` is not, `e` is let through only where the table is editable by account managers.
const TABLE: &[(&str, &str)] = &[
    ("GET /", "- xxxx x"),
    ("GET /assets/{file}", "x xxxx x"),
    ("GET /healthz", "x xxxx x"),
    ("GET /readyz", "x xxxx x"),
    ("GET /sign-in", "x xxxx x"),
    ("POST /sign-in", "x xxxx x"),
    ("POST /sign-out", "- xxxx x"),
    ("GET /invitation/{link}", "x xxxx x"),
    ("POST /invitation/{link}", "x xxxx x"),
    ("GET /integrations", "- xxxx x"),
    ("GET /integrations/{integration}", "- xxxx -"),
    ("POST /integrations/{integration}/codes", "- -exx -"),
    ("GET /integrations/{integration}/codes.csv", "- xxxx -"),
    ("GET /integrations/{integration}/import", "- -exx -"),
    ("POST /integrations/{integration}/import", "- -exx -"),
    ("GET /integrations/{integration}/history", "- xxxx -"),
    ("GET /integrations/{integration}/history/{version}/revert", "- -exx -"),
    ("POST /integrations/{integration}/history/{version}/revert", "- -exx -"),
    ("POST /integrations/{integration}/editable", "- --xx -"),
    ("GET /integrations/{integration}/users", "- xxxx -"),
    ("POST /integrations/{integration}/users/picks", "- --xx -"),
    ("POST /integrations/{integration}/users/map", "- --xx -"),
    ("GET /integrations/{integration}/accounts", "- xxxx -"),
    ("GET /integrations/{integration}/accounts/import", "- --xx -"),
    ("POST /integrations/{integration}/accounts/import", "- --xx -"),
    ("GET /integrations/{integration}/accounts/{account}", "- xxxx -"),
    ("POST /integrations/{integration}/accounts/{account}/team", "- --xx -"),
    ("POST /integrations/{integration}/accounts/{account}/team/send", "- --xx -"),
    ("GET /integrations/{integration}/links", "- xxxx -"),
    ("POST /integrations/{integration}/links/remove", "- --xx -"),
    ("GET /integrations/{integration}/workflows", "- xxxx -"),
    ("POST /integrations/{integration}/workflows/{workflow}", "- --xx -"),
    ("POST /integrations/{integration}/automatic", "- --xx -"),
    ("GET /integrations/{integration}/holds", "- xxxx -"),
    ("POST /integrations/{integration}/try", "- --xx -"),
    ("GET /runs", "- xxxx x"),
    ("GET /integrations/{integration}/runs/{run}", "- xxxx -"),
    ("GET /integrations/{integration}/runs/{run}/items/{change}", "- xxxx -"),
    ("GET /integrations/{integration}/runs/{run}/events", "- xxxx -"),
    ("GET /integrations/{integration}/runs/{run}/undo", "- --xx -"),
    ("POST /integrations/{integration}/runs/{run}/undo", "- --xx -"),
    ("POST /integrations/{integration}/run", "- --xx -"),
    ("POST /integrations/{integration}/plan", "- --xx -"),
    ("POST /integrations/{integration}/pause", "- --xx -"),
    ("POST /integrations/{integration}/resume", "- --xx -"),
    ("POST /integrations/{integration}/release", "- --xx -"),
    ("GET /plans", "- xxxx x"),
    ("GET /integrations/{integration}/plans/{plan}", "- xxxx -"),
    ("POST /integrations/{integration}/plans/{plan}/approve", "- --xx -"),
    ("POST /integrations/{integration}/plans/{plan}/reject", "- --xx -"),
    ("GET /cases", "- xxxx x"),
    ("POST /integrations/{integration}/holds/{hold}/drop", "- --xx -"),
    ("GET /why", "- xxxx x"),
    ("GET /connections", "- --xx -"),
    ("POST /connections", "- --xx -"),
    ("GET /connections/new", "- --xx -"),
    ("GET /connections/{connection}", "- --xx -"),
    ("POST /connections/{connection}", "- --xx -"),
    ("POST /connections/{connection}/test", "- --xx -"),
    ("GET /connections/{connection}/remove", "- --xx -"),
    ("POST /connections/{connection}/remove", "- --xx -"),
    ("GET /audit", "- --xx -"),
    ("GET /audit.csv", "- --xx -"),
    ("POST /audit/verify", "- --xx -"),
    ("GET /settings", "- xxxx x"),
    ("POST /settings/name", "- xxxx x"),
    ("POST /settings/password", "- xxxx x"),
    ("GET /settings/members", "- ---x -"),
    ("POST /settings/members", "- ---x -"),
    ("GET /settings/members/new", "- ---x -"),
    ("GET /settings/members/{member}", "- ---x -"),
    ("POST /settings/members/{member}", "- ---x -"),
    ("POST /settings/members/{member}/link", "- ---x -"),
    ("GET /settings/tokens", "- ---x -"),
    ("POST /settings/tokens", "- ---x -"),
    ("POST /settings/tokens/{token}/revoke", "- ---x -"),
    ("GET /metrics", "- xxxx -"),
    ("GET /api/v1/openapi.json", "x xxxx x"),
    ("GET /api/v1/whoami", "- xxxx x"),
    ("GET /api/v1/integrations", "- xxxx x"),
    ("GET /api/v1/integrations/{integration}", "- xxxx -"),
    ("POST /api/v1/integrations/{integration}/run", "- --xx -"),
    ("POST /api/v1/integrations/{integration}/plan", "- --xx -"),
    ("POST /api/v1/integrations/{integration}/pause", "- --xx -"),
    ("POST /api/v1/integrations/{integration}/resume", "- --xx -"),
    ("POST /api/v1/integrations/{integration}/release", "- --xx -"),
    ("PUT /api/v1/integrations/{integration}/editable", "- --xx -"),
    ("GET /api/v1/integrations/{integration}/people", "- xxxx -"),
    ("POST /api/v1/integrations/{integration}/people/review", "- --xx -"),
    ("PUT /api/v1/integrations/{integration}/people/picks", "- --xx -"),
    ("GET /api/v1/integrations/{integration}/accounts", "- xxxx -"),
    ("POST /api/v1/integrations/{integration}/accounts/verdicts", "- --xx -"),
    ("PUT /api/v1/integrations/{integration}/accounts.csv", "- --xx -"),
    ("GET /api/v1/integrations/{integration}/accounts/{account}/history", "- xxxx -"),
    ("PUT /api/v1/integrations/{integration}/accounts/{account}/team", "- --xx -"),
    ("POST /api/v1/integrations/{integration}/accounts/{account}/team", "- --xx -"),
    ("GET /api/v1/integrations/{integration}/links", "- xxxx -"),
    ("DELETE /api/v1/integrations/{integration}/links/{person}", "- --xx -"),
    ("GET /api/v1/integrations/{integration}/workflows", "- xxxx -"),
    ("PUT /api/v1/integrations/{integration}/workflows/{workflow}", "- --xx -"),
    ("GET /api/v1/integrations/{integration}/automatic", "- xxxx -"),
    ("PUT /api/v1/integrations/{integration}/automatic", "- --xx -"),
    ("POST /api/v1/integrations/{integration}/try", "- --xx -"),
    ("GET /api/v1/integrations/{integration}/codes", "- xxxx -"),
    ("PUT /api/v1/integrations/{integration}/codes", "- -exx -"),
    ("POST /api/v1/integrations/{integration}/codes/preview", "- -exx -"),
    ("GET /api/v1/integrations/{integration}/codes/versions", "- xxxx -"),
    ("GET /api/v1/integrations/{integration}/codes/diff", "- xxxx -"),
    ("POST /api/v1/integrations/{integration}/codes/revert", "- -exx -"),
    ("GET /api/v1/integrations/{integration}/codes.csv", "- xxxx -"),
    ("PUT /api/v1/integrations/{integration}/codes.csv", "- -exx -"),
    ("POST /api/v1/integrations/{integration}/codes/verdicts", "- -exx -"),
    ("GET /api/v1/integrations/{integration}/users", "- xxxx -"),
    ("GET /api/v1/integrations/{integration}/explain", "- xxxx -"),
    ("GET /api/v1/runs", "- xxxx x"),
    ("GET /api/v1/integrations/{integration}/runs", "- xxxx -"),
    ("GET /api/v1/integrations/{integration}/runs/{run}", "- xxxx -"),
    ("GET /api/v1/integrations/{integration}/runs/{run}/items", "- xxxx -"),
    ("POST /api/v1/integrations/{integration}/runs/{run}/undo", "- --xx -"),
    ("GET /api/v1/plans", "- xxxx x"),
    ("GET /api/v1/integrations/{integration}/plans", "- xxxx -"),
    ("GET /api/v1/integrations/{integration}/plans/{plan}", "- xxxx -"),
    ("GET /api/v1/integrations/{integration}/plans/{plan}/changes", "- xxxx -"),
    ("POST /api/v1/integrations/{integration}/plans/{plan}/approve", "- --xx -"),
    ("POST /api/v1/integrations/{integration}/plans/{plan}/reject", "- --xx -"),
    ("GET /api/v1/cases", "- xxxx x"),
    ("GET /api/v1/integrations/{integration}/cases", "- xxxx -"),
    ("GET /api/v1/holds", "- xxxx x"),
    ("GET /api/v1/integrations/{integration}/holds", "- xxxx -"),
    ("DELETE /api/v1/integrations/{integration}/holds/{hold}", "- --xx -"),
    ("GET /api/v1/connections", "- --xx -"),
    ("GET /api/v1/connections/{connection}", "- --xx -"),
    ("PUT /api/v1/connections/{connection}", "- --xx -"),
    ("DELETE /api/v1/connections/{connection}", "- --xx -"),
    ("POST /api/v1/connections/{connection}/test", "- --xx -"),
    ("GET /api/v1/vendors", "- --xx -"),
    ("GET /api/v1/audit", "- --xx -"),
    ("GET /api/v1/audit/chain", "- --xx -"),
    ("GET /api/v1/members", "- ---x -"),
    ("POST /api/v1/members", "- ---x -"),
    ("GET /api/v1/members/{member}", "- ---x -"),
    ("PUT /api/v1/members/{member}", "- ---x -"),
    ("POST /api/v1/members/{member}/link", "- ---x -"),
    ("GET /api/v1/tokens", "- ---x -"),
    ("POST /api/v1/tokens", "- ---x -"),
    ("DELETE /api/v1/tokens/{token}", "- ---x -"),
];

/// What programs ask says who asks by a token alone.
fn is_for_programs(path: &str) -> bool {
    path.starts_with("/api/") || path == "/metrics"
}

/// Was the asker let through to the page itself, whatever it then said?
fn let_through(status: StatusCode, location: &str) -> bool {
    let sent_to_sign_in = status == StatusCode::SEE_OTHER && location.starts_with("/sign-in?");
    !sent_to_sign_in && status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN
}

#[test]
fn the_table_names_every_route_once() {
    let mut known: Vec<String> = ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let mut named: Vec<&str> = TABLE.iter().map(|(route, _)| *route).collect();
    known.sort();
    named.sort_unstable();
    assert_eq!(named, known, "each route needs its line here: who may use it?");
}

#[tokio::test(flavor = "multi_thread")]
async fn sk_5_each_route_lets_through_whom_the_table_says() {
    let demo = Demo::start(7, 60);
    for (name, role) in [
        ("viewer", AccessRole::Viewer),
        ("manager", AccessRole::AccountManager),
        ("integrator", AccessRole::Integrator),
        ("admin", AccessRole::Admin),
    ] {
        member(&demo, name, role, None).await;
    }
    member(&demo, "elsewhere", AccessRole::Integrator, Some(&["another"])).await;
    let mut tokens = BTreeMap::new();
    for name in ["viewer", "manager", "integrator", "admin", "elsewhere"] {
        tokens.insert(name, token(&demo, name).await);
    }
    for editable in [false, true] {
        let by = Authorship { author: "test".into(), reason: "test".into(), at: chrono::Utc::now() };
        let mut wrong = BTreeMap::new();
        for (route, expected) in TABLE {
            // Anew for each: some of the routes change it.
            store(&demo).set_editable(&demo.integration, editable, &by).await.unwrap();
            let (method, path) = route.split_once(' ').unwrap();
            let path = path
                .replace("{integration}", &demo.integration)
                .replace("{run}", "run-1")
                .replace("{plan}", "plan-1")
                .replace("{change}", "1")
                .replace("{version}", "1")
                .replace("{connection}", "skynamo")
                .replace("{hold}", "hold-99")
                .replace("{member}", "member-99")
                .replace("{token}", "token-99")
                .replace("{link}", "0000")
                .replace("{account}", "nobody")
                .replace("{person}", "nobody")
                .replace("{workflow}", "none")
                .replace("{file}", "none.css");
            let method: Method = method.parse().unwrap();
            let expected: Vec<bool> =
                expected.chars().filter(|mark| *mark != ' ').map(|mark| mark == 'x' || mark == 'e' && editable).collect();
            let mut found = Vec::new();
            for name in [None, Some("viewer"), Some("manager"), Some("integrator"), Some("admin"), Some("elsewhere")] {
                // A client of its own for each: signing out or pausing must not spoil the next line.
                let client = match name {
                    Some(name) => Client::signed_in(&demo, name).await,
                    None => Client::new(&demo),
                };
                let answer = if is_for_programs(path.as_str()) {
                    let request = client.request(method.clone(), &path).header("content-type", "application/json").body("{}");
                    let request = match name.and_then(|name| tokens.get(name)) {
                        Some(token) => request.bearer_auth(token),
                        None => request,
                    };
                    answered(request).await
                } else if method == Method::GET {
                    answered(client.request(method.clone(), &path)).await
                } else if name.is_some() && path != "/sign-in" {
                    client.submit(&path, &[("name", "nobody"), ("password", "wrong")]).await
                } else {
                    client.post(&path, &[("name", "nobody"), ("password", "wrong")]).await
                };
                // A wrong password answers 401 to everybody: that is the page speaking.
                let spoke =
                    path == "/sign-in" && answer.body.contains("do not fit together") || answer.status == StatusCode::TOO_MANY_REQUESTS;
                // Out of scope reads as not there.
                let hidden = name == Some("elsewhere") && route.contains("{integration}") && answer.status == StatusCode::NOT_FOUND;
                found.push((spoke || let_through(answer.status, answer.location())) && !hidden);
            }
            if found != expected {
                wrong.insert(*route, (expected, found));
            }
        }
        assert!(
            wrong.is_empty(),
            "editable: {editable}; route: (expected, found) for nobody, viewer, manager, integrator, admin, elsewhere\n{wrong:#?}"
        );
    }
}
