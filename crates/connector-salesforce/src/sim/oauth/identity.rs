//! Who the caller is: the identity address and the user info of OpenID.

use chrono::{DateTime, Utc};
use rightful_sim::{SimRequest, SimResponse};
use serde_json::{Value, json};

use super::super::state::State;
use super::{Call, bearer};

fn bad_token() -> SimResponse {
    SimResponse::new(403, "text/plain", "Bad_OAuth_Token")
}

pub(super) fn user_info(state: &mut State, call: &Call<'_>) -> SimResponse {
    let token = bearer(call.request).or_else(|| call.value("access_token")).unwrap_or_default().to_owned();
    let Ok((user, _)) = state.enter(&token, call.now) else { return bad_token() };
    let Some((users, row)) = state.find(&user) else { return bad_token() };
    let text = |name: &str| state.cell(users, row, name).clone();
    SimResponse::json(
        200,
        &json!({
            "sub": format!("{}/id/{}/{user}", call.request.origin, state.org), "user_id": user, "organization_id": state.org,
            "preferred_username": text("Username"), "nickname": text("CommunityNickname"), "name": text("Name"), "email": text("Email"),
            "email_verified": true, "given_name": text("FirstName"), "family_name": text("LastName"), "zoneinfo": text("TimeZoneSidKey"),
            "locale": text("LocaleSidKey"), "user_type": "STANDARD", "active": text("IsActive"), "urls": urls(state, &call.request.origin),
        }),
    )
}

/// `/id/{organisation}/{user}`: the address that token answers name.
pub(in super::super) fn identity(state: &mut State, request: &SimRequest, asked: (&str, &str), now: DateTime<Utc>) -> SimResponse {
    let query = request.query_pairs();
    let from_query = query.iter().find(|(name, _)| name == "oauth_token" || name == "access_token").map(|(_, token)| token.as_str());
    let token = bearer(request).or(from_query).unwrap_or_default();
    let Ok((user, _)) = state.enter(token, now) else { return bad_token() };
    let (organisation, wanted) = asked;
    if !state.org.starts_with(organisation) || !user.starts_with(wanted) || organisation.len() < 15 || wanted.len() < 15 {
        return SimResponse::new(403, "text/plain", "Wrong_Org");
    }
    let Some((users, row)) = state.find(&user) else { return bad_token() };
    let text = |name: &str| state.cell(users, row, name).clone();
    SimResponse::json(
        200,
        &json!({
            "id": format!("{}/id/{}/{user}", request.origin, state.org), "asserted_user": true, "user_id": user, "organization_id": state.org,
            "username": text("Username"), "nick_name": text("CommunityNickname"), "display_name": text("Name"), "email": text("Email"),
            "email_verified": true, "first_name": text("FirstName"), "last_name": text("LastName"), "timezone": text("TimeZoneSidKey"),
            "photos": {"picture": format!("{}/profilephoto/005/F", request.origin), "thumbnail": format!("{}/profilephoto/005/T", request.origin)},
            "active": text("IsActive"), "user_type": "STANDARD", "language": text("LanguageLocaleKey"), "locale": text("LocaleSidKey"),
            "utcOffset": 0, "last_modified_date": text("LastModifiedDate"), "is_app_installed": true, "urls": urls(state, &request.origin),
        }),
    )
}

fn urls(state: &State, origin: &str) -> Value {
    let data = format!("{origin}/services/data/v{{version}}/");
    let soap = |kind: &str| format!("{origin}/services/Soap/{kind}/{{version}}/{}", &state.org[..15]);
    json!({
        "enterprise": soap("c"), "metadata": soap("m"), "partner": soap("u"), "rest": data, "sobjects": format!("{data}sobjects/"),
        "search": format!("{data}search/"), "query": format!("{data}query/"), "recent": format!("{data}recent/"),
        "profile": format!("{origin}/{}", super::super::ids::numbered("005", 1)), "custom_domain": origin,
    })
}
