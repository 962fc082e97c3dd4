//! Every route with the right it takes: the one table that decides who may do what, for pages and API alike.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use axum_login::AuthManagerLayerBuilder;
use axum_login::tower_sessions::cookie::{SameSite, time};
use axum_login::tower_sessions::{Expiry, SessionManagerLayer};
use rightful_engine::Right;
use tower_http::csrf::CsrfLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::access::{Backend, SESSION_HOURS};
use crate::fields::LARGEST;
use crate::problem::Problem;
use crate::sessions::{self, Sessions};
use crate::{Console, api, assets, guard, headers, pages, problem, requests};

/// What a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Anybody may ask.
    Nothing,
    /// A member or a token, whatever it may do.
    SignedIn,
    /// A right, somewhere.
    Anywhere(Right),
    /// A right over the integration that the path names.
    Over(Right),
    /// A right over its code table, which it has to have.
    OverCodes(Right),
}

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// Its path, with `{integration}` and the like.
    pub path: &'static str,
    /// What it takes.
    pub needs: Needs,
}

macro_rules! routes {
    ($($method:ident $path:literal $needs:expr => $handler:path;)*) => {
        /// Every route. A request whose route is not here is not served.
        pub const ROUTES: &[Route] = &[$(Route { method: method_name(stringify!($method)), path: $path, needs: $needs }),*];

        fn handlers() -> Router<Arc<Console>> {
            Router::new()$(.route($path, $method($handler)))*
        }
    };
}

const fn method_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        b"get" => "GET",
        b"post" => "POST",
        b"put" => "PUT",
        b"delete" => "DELETE",
        _ => panic!("a route's method is get, post, put or delete"),
    }
}

use Needs::{Anywhere, Nothing, Over, OverCodes, SignedIn};
use Right::{Administer, Approve, Audit, Connect, EditCodes, KeepPeople, Run, See, SetEditable, Switch};

routes! {
    get "/" SignedIn => pages::home;
    get "/assets/{file}" Nothing => assets::asset;
    get "/healthz" Nothing => api::health::healthz;
    get "/readyz" Nothing => api::health::readyz;
    get "/sign-in" Nothing => pages::sign_in::form;
    post "/sign-in" Nothing => pages::sign_in::signed;
    post "/sign-out" SignedIn => pages::sign_in::sign_out;
    get "/invitation/{link}" Nothing => pages::sign_in::invitation;
    post "/invitation/{link}" Nothing => pages::sign_in::accept;

    get "/integrations" SignedIn => pages::integrations::list;
    get "/integrations/{integration}" Over(See) => pages::codes::page;
    post "/integrations/{integration}/codes" OverCodes(EditCodes) => pages::codes::save;
    get "/integrations/{integration}/codes.csv" OverCodes(See) => pages::table::export;
    get "/integrations/{integration}/import" OverCodes(EditCodes) => pages::table::import_form;
    post "/integrations/{integration}/import" OverCodes(EditCodes) => pages::table::import;
    get "/integrations/{integration}/history" OverCodes(See) => pages::history::history;
    get "/integrations/{integration}/history/{version}/revert" OverCodes(EditCodes) => pages::history::revert_form;
    post "/integrations/{integration}/history/{version}/revert" OverCodes(EditCodes) => pages::history::revert;
    post "/integrations/{integration}/editable" OverCodes(SetEditable) => pages::table::editable;

    get "/integrations/{integration}/users" Over(See) => pages::people::list;
    post "/integrations/{integration}/users/picks" Over(KeepPeople) => pages::people::picks;
    post "/integrations/{integration}/users/map" Over(KeepPeople) => pages::people::map;
    get "/integrations/{integration}/accounts" Over(See) => pages::accounts::list;
    get "/integrations/{integration}/accounts/import" Over(KeepPeople) => pages::accounts::import_form;
    post "/integrations/{integration}/accounts/import" Over(KeepPeople) => pages::accounts::import;
    get "/integrations/{integration}/accounts/{account}" Over(See) => pages::accounts::one;
    post "/integrations/{integration}/accounts/{account}/team" Over(KeepPeople) => pages::accounts::team;
    post "/integrations/{integration}/accounts/{account}/team/send" Over(KeepPeople) => pages::accounts::send_team;
    get "/integrations/{integration}/links" Over(See) => pages::links::list;
    post "/integrations/{integration}/links/remove" Over(KeepPeople) => pages::links::removed;
    get "/integrations/{integration}/workflows" Over(See) => pages::workflows::list;
    post "/integrations/{integration}/workflows/{workflow}" Over(Switch) => pages::workflows::switch;
    post "/integrations/{integration}/automatic" Over(Switch) => pages::activity::switch;
    get "/integrations/{integration}/holds" Over(See) => pages::holds::list;
    post "/integrations/{integration}/try" Over(Run) => pages::activity::send_ready;

    get "/runs" SignedIn => pages::runs::list;
    get "/integrations/{integration}/runs/{run}" Over(See) => pages::runs::one;
    get "/integrations/{integration}/runs/{run}/items/{change}" Over(See) => pages::runs::item_page;
    get "/integrations/{integration}/runs/{run}/events" Over(See) => pages::live::events;
    get "/integrations/{integration}/runs/{run}/undo" Over(Run) => pages::actions::undo_form;
    post "/integrations/{integration}/runs/{run}/undo" Over(Run) => pages::actions::undo;
    post "/integrations/{integration}/run" Over(Run) => pages::actions::run;
    post "/integrations/{integration}/plan" Over(Run) => pages::actions::plan;
    post "/integrations/{integration}/pause" Over(Run) => pages::actions::pause;
    post "/integrations/{integration}/resume" Over(Run) => pages::actions::resume;
    post "/integrations/{integration}/release" Over(Run) => pages::actions::release;
    get "/plans" SignedIn => pages::plans::list;
    get "/integrations/{integration}/plans/{plan}" Over(See) => pages::plans::one;
    post "/integrations/{integration}/plans/{plan}/approve" Over(Approve) => pages::plans::approved;
    post "/integrations/{integration}/plans/{plan}/reject" Over(Approve) => pages::plans::rejected;
    get "/cases" SignedIn => pages::cases::list;
    post "/integrations/{integration}/holds/{hold}/drop" Over(Run) => pages::holds::dropped;
    get "/why" SignedIn => pages::why::page;

    get "/connections" Anywhere(Connect) => pages::connections::list;
    post "/connections" Anywhere(Connect) => pages::connections::add;
    get "/connections/new" Anywhere(Connect) => pages::connections::new;
    get "/connections/{connection}" Anywhere(Connect) => pages::connections::show;
    post "/connections/{connection}" Anywhere(Connect) => pages::connections::save;
    post "/connections/{connection}/test" Anywhere(Connect) => pages::connections::test;
    get "/connections/{connection}/remove" Anywhere(Connect) => pages::connections::ask_remove;
    post "/connections/{connection}/remove" Anywhere(Connect) => pages::connections::remove;

    get "/audit" Anywhere(Audit) => pages::audit::list;
    get "/audit.csv" Anywhere(Audit) => pages::audit::export;
    post "/audit/verify" Anywhere(Audit) => pages::audit::verify;

    get "/settings" SignedIn => pages::account::show;
    post "/settings/name" SignedIn => pages::account::rename;
    post "/settings/password" SignedIn => pages::account::password;
    get "/settings/members" Anywhere(Administer) => pages::members::list;
    post "/settings/members" Anywhere(Administer) => pages::members::add;
    get "/settings/members/new" Anywhere(Administer) => pages::members::new;
    get "/settings/members/{member}" Anywhere(Administer) => pages::members::show;
    post "/settings/members/{member}" Anywhere(Administer) => pages::members::change;
    post "/settings/members/{member}/link" Anywhere(Administer) => pages::members::link;
    get "/settings/tokens" Anywhere(Administer) => pages::tokens::list;
    post "/settings/tokens" Anywhere(Administer) => pages::tokens::add;
    post "/settings/tokens/{token}/revoke" Anywhere(Administer) => pages::tokens::revoke;

    get "/metrics" Anywhere(See) => api::metrics::metrics;
    get "/api/v1/openapi.json" Nothing => api::document;
    get "/api/v1/whoami" SignedIn => api::tokens::whoami;
    get "/api/v1/integrations" SignedIn => api::integrations::list;
    get "/api/v1/integrations/{integration}" Over(See) => api::integrations::one;
    post "/api/v1/integrations/{integration}/run" Over(Run) => api::integrations::run;
    post "/api/v1/integrations/{integration}/plan" Over(Run) => api::integrations::plan;
    post "/api/v1/integrations/{integration}/pause" Over(Run) => api::integrations::pause;
    post "/api/v1/integrations/{integration}/resume" Over(Run) => api::integrations::resume;
    post "/api/v1/integrations/{integration}/release" Over(Run) => api::integrations::release;
    put "/api/v1/integrations/{integration}/editable" OverCodes(SetEditable) => api::integrations::editable;
    get "/api/v1/integrations/{integration}/codes" OverCodes(See) => api::codes::list;
    put "/api/v1/integrations/{integration}/codes" OverCodes(EditCodes) => api::codes::put;
    post "/api/v1/integrations/{integration}/codes/preview" OverCodes(EditCodes) => api::codes::preview;
    get "/api/v1/integrations/{integration}/codes/versions" OverCodes(See) => api::codes::versions;
    get "/api/v1/integrations/{integration}/codes/diff" OverCodes(See) => api::codes::diff;
    post "/api/v1/integrations/{integration}/codes/revert" OverCodes(EditCodes) => api::codes::revert;
    get "/api/v1/integrations/{integration}/codes.csv" OverCodes(See) => api::table::export;
    put "/api/v1/integrations/{integration}/codes.csv" OverCodes(EditCodes) => api::table::import;
    post "/api/v1/integrations/{integration}/codes/verdicts" OverCodes(EditCodes) => api::table::verdicts;
    get "/api/v1/integrations/{integration}/users" Over(See) => api::codes::users;
    get "/api/v1/integrations/{integration}/people" Over(See) => api::people::list;
    post "/api/v1/integrations/{integration}/people/review" Over(KeepPeople) => api::people::reviewed;
    put "/api/v1/integrations/{integration}/people/picks" Over(KeepPeople) => api::people::picks;
    get "/api/v1/integrations/{integration}/accounts" Over(See) => api::people::accounts;
    post "/api/v1/integrations/{integration}/accounts/verdicts" Over(KeepPeople) => api::people::verdicts;
    put "/api/v1/integrations/{integration}/accounts.csv" Over(KeepPeople) => api::people::import;
    get "/api/v1/integrations/{integration}/accounts/{account}/history" Over(See) => api::people::history;
    put "/api/v1/integrations/{integration}/accounts/{account}/team" Over(KeepPeople) => api::people::team;
    post "/api/v1/integrations/{integration}/accounts/{account}/team" Over(KeepPeople) => api::people::send_team;
    get "/api/v1/integrations/{integration}/links" Over(See) => api::people::links;
    delete "/api/v1/integrations/{integration}/links/{person}" Over(KeepPeople) => api::people::unlink;
    get "/api/v1/integrations/{integration}/workflows" Over(See) => api::switches::workflows;
    put "/api/v1/integrations/{integration}/workflows/{workflow}" Over(Switch) => api::switches::set_workflow;
    get "/api/v1/integrations/{integration}/automatic" Over(See) => api::switches::automatic_accounts;
    put "/api/v1/integrations/{integration}/automatic" Over(Switch) => api::switches::set_automatic;
    post "/api/v1/integrations/{integration}/try" Over(Run) => api::switches::send_ready;
    get "/api/v1/integrations/{integration}/explain" Over(See) => api::cases::explain;
    get "/api/v1/runs" SignedIn => api::runs::all;
    get "/api/v1/integrations/{integration}/runs" Over(See) => api::runs::list;
    get "/api/v1/integrations/{integration}/runs/{run}" Over(See) => api::runs::one;
    get "/api/v1/integrations/{integration}/runs/{run}/items" Over(See) => api::runs::items;
    post "/api/v1/integrations/{integration}/runs/{run}/undo" Over(Run) => api::runs::undo;
    get "/api/v1/plans" SignedIn => api::plans::all;
    get "/api/v1/integrations/{integration}/plans" Over(See) => api::plans::list;
    get "/api/v1/integrations/{integration}/plans/{plan}" Over(See) => api::plans::one;
    get "/api/v1/integrations/{integration}/plans/{plan}/changes" Over(See) => api::plans::changes;
    post "/api/v1/integrations/{integration}/plans/{plan}/approve" Over(Approve) => api::plans::approve;
    post "/api/v1/integrations/{integration}/plans/{plan}/reject" Over(Approve) => api::plans::reject;
    get "/api/v1/cases" SignedIn => api::cases::all;
    get "/api/v1/integrations/{integration}/cases" Over(See) => api::cases::list;
    get "/api/v1/holds" SignedIn => api::cases::all_holds;
    get "/api/v1/integrations/{integration}/holds" Over(See) => api::cases::holds;
    delete "/api/v1/integrations/{integration}/holds/{hold}" Over(Run) => api::cases::drop_hold;
    get "/api/v1/connections" Anywhere(Connect) => api::connections::list;
    get "/api/v1/connections/{connection}" Anywhere(Connect) => api::connections::one;
    put "/api/v1/connections/{connection}" Anywhere(Connect) => api::connections::put;
    delete "/api/v1/connections/{connection}" Anywhere(Connect) => api::connections::remove;
    post "/api/v1/connections/{connection}/test" Anywhere(Connect) => api::connections::test;
    get "/api/v1/vendors" Anywhere(Connect) => api::connections::vendors;
    get "/api/v1/audit" Anywhere(Audit) => api::audit::list;
    get "/api/v1/audit/chain" Anywhere(Audit) => api::audit::chain;
    get "/api/v1/members" Anywhere(Administer) => api::members::list;
    post "/api/v1/members" Anywhere(Administer) => api::members::add;
    get "/api/v1/members/{member}" Anywhere(Administer) => api::members::one;
    put "/api/v1/members/{member}" Anywhere(Administer) => api::members::put;
    post "/api/v1/members/{member}/link" Anywhere(Administer) => api::members::link;
    get "/api/v1/tokens" Anywhere(Administer) => api::tokens::list;
    post "/api/v1/tokens" Anywhere(Administer) => api::tokens::add;
    delete "/api/v1/tokens/{token}" Anywhere(Administer) => api::tokens::revoke;
}

/// The console as a service. `secure`: people reach it over https, so cookies are only sent there.
pub fn router(console: Arc<Console>, secure: bool) -> Router {
    let sessions = SessionManagerLayer::new(Sessions(console.clone()))
        // The prefix makes browsers refuse the cookie from anybody else, over anything else.
        .with_name(if secure { "__Host-rightful" } else { "rightful" })
        .with_http_only(true)
        .with_secure(secure)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(time::Duration::hours(SESSION_HOURS)));
    let signed_in = AuthManagerLayerBuilder::new(Backend(console.store.clone()), sessions).build();
    handlers()
        .route_layer(from_fn_with_state(console.clone(), guard::checked))
        .fallback(nowhere)
        .method_not_allowed_fallback(other_method)
        .layer(signed_in)
        .layer(from_fn(sessions::told))
        // Another site's page cannot post to this one, session or not.
        .layer(CsrfLayer::new())
        .layer(DefaultBodyLimit::max(LARGEST))
        // A body that trickles in holds nobody up for longer than this between two pieces.
        .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(10)))
        .layer(from_fn(problem::rendered))
        .layer(from_fn(headers::added))
        .layer(from_fn_with_state(console.clone(), requests::observed))
        .with_state(console)
}

async fn nowhere() -> Response {
    Problem::not_found("such page").into_response()
}

async fn other_method() -> Response {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take that method").into_response()
}
