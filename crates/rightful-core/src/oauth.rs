//! OAuth 2.0 sign-in of a program: client credentials and refresh tokens, spoken by the `oauth2` crate over our transport.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{AuthType, AuthorizationCode, ClientId, ClientSecret, RefreshToken, RequestTokenError, Scope, TokenResponse, TokenUrl};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use url::Url;

use crate::latch::{Latch, REJECTED, change_slot, mixed, slot_entries, slot_text};
use crate::session::SessionCell;
use crate::web_sign_in::Asked;
use crate::{
    Authorizer, Call, Client, ConnectionName, Context, Error, ErrorKind, HostRule, Instant, NoAuthorization, Renewal, Request, Response,
    Result, Secret, Session, Stamp, fingerprint, inspect_status,
};

/// The largest token answer that is read.
const TOKEN_ANSWER_CAP: usize = 256 * 1024;

/// How long one worker may take to exchange a refresh token before another one may try.
const CLAIM: TimeDelta = TimeDelta::seconds(90);

/// How long a worker waits before it looks again whether the other one has finished.
const CLAIM_POLL: Duration = Duration::from_millis(500);

/// How long before its end an access token of another worker is not taken over any more.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// Where its tokens are kept in the connection's slot.
const ENTRY: &str = "oauth";

/// Tells the fingerprints of a person's sign-in from those of the application's own.
const SIGNED_IN: &str = "signed in";

/// Signs calls with `Authorization: Bearer` and an access token that it fetches and renews.
///
/// A rotated refresh token is saved in the connection's slot before it is used; of several workers one exchanges it and the others take over
/// what it got. A token answer's body never gets into an error or a log.
#[derive(Debug)]
pub struct OAuth2 {
    token_url: Url,
    client_id: String,
    client_secret: Option<Secret>,
    grant: Grant,
    scopes: Vec<String>,
    parameters: Vec<(String, String)>,
    secret_in_body: bool,
    endpoint: Option<Endpoint>,
    unstated_life: Option<TimeDelta>,
    cell: SessionCell,
    latch: Latch,
}

/// What an access token is given for.
#[derive(Debug)]
enum Grant {
    /// The application itself.
    Application,
    /// A refresh token that was configured.
    Configured(Secret),
    /// The refresh token that a person's sign-in left in the slot.
    SignedIn,
}

/// What one token call proves itself with.
#[derive(Clone, Copy)]
enum Proof<'a> {
    Application,
    Refresh(&'a Secret),
    Code(&'a Secret, &'a Asked),
}

/// Where a token answer says that its token is to be used.
#[derive(Debug)]
struct Endpoint {
    member: &'static str,
    rule: Arc<dyn EndpointRule>,
}

/// Which addresses a vendor may name for the use of a token.
pub trait EndpointRule: std::fmt::Debug + Send + Sync + 'static {
    /// The address, if credentials may be sent to it.
    ///
    /// # Errors
    /// For every other address: nothing is sent to it.
    fn check(&self, candidate: &str) -> Result<Url>;
}

impl EndpointRule for HostRule {
    fn check(&self, candidate: &str) -> Result<Url> {
        Self::check(self, candidate)
    }
}

/// What the slot keeps: never printed.
#[derive(Clone, Serialize, Deserialize, Default)]
struct Kept {
    /// Fingerprint of what was configured: other credentials make the rest worthless.
    credentials: u64,
    refresh_token: Option<String>,
    access_token: Option<String>,
    expires: Option<Instant>,
    /// Where the vendor said the access token is to be used; checked each time it is taken out.
    #[serde(default)]
    endpoint: Option<String>,
    /// Until when a worker has the exchange to itself.
    claimed_until: Option<Instant>,
}

/// What an exchange brought.
struct Tokens {
    access: Secret,
    refresh: Option<Secret>,
    expires: Option<Instant>,
    endpoint: Option<String>,
}

impl OAuth2 {
    /// Signs in as the application itself (RFC 6749, section 4.4).
    pub fn client_credentials(token_url: Url, client_id: impl Into<String>, client_secret: Secret) -> Self {
        Self::of(token_url, client_id.into(), Some(client_secret), Grant::Application)
    }

    /// Signs in with a refresh token that a person's consent brought (RFC 6749, section 6). A public client has no secret.
    pub fn refresh(token_url: Url, client_id: impl Into<String>, client_secret: Option<Secret>, refresh_token: Secret) -> Self {
        Self::of(token_url, client_id.into(), client_secret, Grant::Configured(refresh_token))
    }

    /// Signs in with the refresh token that a person's sign-in left in the connection's slot: see [`WebSignIn`](crate::WebSignIn).
    pub fn signed_in(token_url: Url, client_id: impl Into<String>, client_secret: Option<Secret>) -> Self {
        Self::of(token_url, client_id.into(), client_secret, Grant::SignedIn)
    }

    fn of(token_url: Url, client_id: String, client_secret: Option<Secret>, grant: Grant) -> Self {
        Self {
            token_url,
            client_id,
            client_secret,
            grant,
            scopes: Vec::new(),
            parameters: Vec::new(),
            secret_in_body: false,
            endpoint: None,
            unstated_life: None,
            cell: SessionCell::default(),
            latch: Latch::default(),
        }
    }

    /// Asks for this scope too.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Sends one more parameter with every token call (`audience`, `resource`).
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Sends the client's id and secret as form fields, for a vendor that does not read `Authorization: Basic`.
    #[must_use]
    pub fn secret_in_body(mut self) -> Self {
        self.secret_in_body = true;
        self
    }

    /// Sends signed requests to the origin that this member of the token answer names, after the rule let it pass. It is read anew with every
    /// token, since a vendor may move an account meanwhile.
    #[must_use]
    pub fn endpoint(mut self, member: &'static str, rule: Arc<dyn EndpointRule>) -> Self {
        self.endpoint = Some(Endpoint { member, rule });
        self
    }

    /// How long a token is trusted whose answer does not say when it ends.
    #[must_use]
    pub fn unstated_life(mut self, life: TimeDelta) -> Self {
        self.unstated_life = Some(life);
        self
    }

    /// The application's id at the vendor.
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Fingerprint of all that a token call proves itself with: a rejection counts until it changes.
    fn credentials(&self) -> u64 {
        let client = self.client_secret.as_ref().map_or("", Secret::expose);
        let parts = match &self.grant {
            Grant::Application => vec![self.client_id.as_str(), client, ""],
            Grant::Configured(token) => vec![self.client_id.as_str(), client, token.expose()],
            Grant::SignedIn => vec![self.client_id.as_str(), client, "", SIGNED_IN],
        };
        mixed(fingerprint(parts), &self.token_url)
    }

    /// Fingerprint of what the tokens in the slot belong to. What a person granted outlives a new secret of the client.
    fn owner(&self) -> u64 {
        match self.grant {
            Grant::SignedIn => mixed(fingerprint([self.client_id.as_str(), SIGNED_IN]), &self.token_url),
            Grant::Application | Grant::Configured(_) => self.credentials(),
        }
    }

    async fn sign_in(&self, context: &Context, model: &Request, refused: Option<Secret>) -> Result<Session> {
        let credentials = self.credentials();
        self.latch.check(credentials, context).await?;
        let outcome = match &self.grant {
            Grant::Application => self.exchange(context, Some(model), Proof::Application).await,
            Grant::Configured(token) => self.exchange_once(context, model, Some(token), refused).await,
            Grant::SignedIn => self.exchange_once(context, model, None, refused).await,
        };
        match outcome {
            // Checked after a rotated refresh token was saved: an address that is refused must not cost the grant.
            Ok(tokens) => Ok(Session {
                endpoint: self.checked_endpoint(tokens.endpoint.as_deref())?,
                token: tokens.access,
                expires: tokens.expires,
                facts: Json::Null,
            }),
            Err(error) if error.kind() == ErrorKind::Unauthenticated => Err(self.latch.close(credentials, error, context).await),
            Err(error) => Err(error),
        }
    }

    /// Exchanges the code that a person's sign-in brought, and keeps its tokens in the slot in place of what was there.
    pub(crate) async fn redeem(&self, context: &Context, code: &Secret, asked: &Asked) -> Result<()> {
        let tokens = self.exchange(context, None, Proof::Code(code, asked)).await?;
        self.checked_endpoint(tokens.endpoint.as_deref())?;
        let refresh = tokens.refresh.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Config, "the vendor gave no refresh token, so the sign-in would end with its session")
                .operation("token")
                .hint(format!("allow the app these scopes at the vendor: {}", asked.scopes.join(", ")))
        })?;
        let mut entries = Map::new();
        keep(&mut entries, &Kept::of(self.owner(), &tokens, refresh))?;
        change_slot(context, |held| {
            // What was refused was the grant before.
            held.remove(REJECTED);
            held.extend(entries.clone());
        })
        .await
    }

    /// Has somebody signed in?
    pub(crate) async fn is_signed_in(&self, context: &Context) -> Result<bool> {
        let held = context.slot.load().await?;
        Ok(kept_for(&slot_entries(held.text.as_ref()), self.owner()).refresh_token.is_some())
    }

    fn checked_endpoint(&self, named: Option<&str>) -> Result<Option<Url>> {
        let Some(Endpoint { member, rule }) = &self.endpoint else { return Ok(None) };
        let named = named.ok_or_else(|| {
            Error::new(ErrorKind::Protocol, format!("the token answer does not say where the token is to be used (`{member}`)"))
                .operation("token")
                .hint("check the token URL")
        })?;
        rule.check(named).map(Some).map_err(|error| error.operation("token").context(format!("`{member}` of the token answer")))
    }

    /// The refresh token's exchange, by one worker at a time: claims the slot, exchanges, saves, and only then hands the access token out.
    async fn exchange_once(
        &self,
        context: &Context,
        model: &Request,
        configured: Option<&Secret>,
        refused: Option<Secret>,
    ) -> Result<Tokens> {
        let owner = self.owner();
        loop {
            let held = context.slot.load().await?;
            let mut entries = slot_entries(held.text.as_ref());
            let mut kept = kept_for(&entries, owner);
            let now = context.clock.now();
            if let Some(tokens) = kept.usable(now, refused.as_ref()) {
                return Ok(tokens);
            }
            let Some(sent) = kept.refresh_token.as_deref().map(Secret::new).or_else(|| configured.cloned()) else {
                return Err(nobody_signed_in(&context.connection).operation("token"));
            };
            if kept.claimed_until.is_some_and(|until| until > now) {
                context.clock.sleep(CLAIM_POLL).await;
                continue;
            }
            kept.claimed_until = Some(now + CLAIM);
            keep(&mut entries, &kept)?;
            if !context.slot.swap(held.revision, slot_text(&entries)).await? {
                continue;
            }
            let outcome = self.exchange(context, Some(model), Proof::Refresh(&sent)).await;
            return self.save(context, owner, &sent, outcome).await;
        }
    }

    /// Saves what the exchange brought and lets go of the claim. Where another worker's newer token is there already, it is taken over.
    async fn save(&self, context: &Context, owner: u64, sent: &Secret, outcome: Result<Tokens>) -> Result<Tokens> {
        loop {
            let held = context.slot.load().await?;
            let mut entries = slot_entries(held.text.as_ref());
            let mut kept = kept_for(&entries, owner);
            let moved_on = kept.refresh_token.as_deref().is_some_and(|token| token != sent.expose());
            if moved_on && let Some(tokens) = kept.usable(context.clock.now(), None) {
                return Ok(tokens);
            }
            kept.claimed_until = None;
            if let Ok(tokens) = &outcome {
                // No new refresh token means that the old one stays good.
                kept = Kept::of(owner, tokens, tokens.refresh.as_ref().unwrap_or(sent));
            }
            keep(&mut entries, &kept)?;
            if context.slot.swap(held.revision, slot_text(&entries)).await? {
                return outcome;
            }
        }
    }

    /// One token call. The status, the waiting and the content type are judged before the `oauth2` crate sees the answer.
    async fn exchange(&self, context: &Context, model: Option<&Request>, proof: Proof<'_>) -> Result<Tokens> {
        let mut client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_token_uri(TokenUrl::from_url(self.token_url.clone()))
            .set_auth_type(if self.secret_in_body { AuthType::RequestBody } else { AuthType::BasicAuth });
        if let Some(secret) = &self.client_secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        let sender = Sender {
            client: Client::new(context.clone(), Arc::new(NoAuthorization), inspect_status),
            url: self.token_url.clone(),
            model: model.cloned(),
            // Asking for another token is harmless; exchanging a refresh token that is rotated is not, and a code is good for one attempt.
            idempotent: matches!(proof, Proof::Application),
            member: self.endpoint.as_ref().map(|endpoint| endpoint.member),
            named: Mutex::default(),
        };
        let scopes = self.scopes.iter().map(|scope| Scope::new(scope.clone()));
        let answer: BasicTokenResponse = match proof {
            Proof::Application => {
                let mut request = client.exchange_client_credentials().add_scopes(scopes);
                for (name, value) in &self.parameters {
                    request = request.add_extra_param(name, value);
                }
                request.request_async(&sender).await
            }
            Proof::Refresh(token) => {
                let token = RefreshToken::new(token.expose().to_owned());
                let mut request = client.exchange_refresh_token(&token).add_scopes(scopes);
                for (name, value) in &self.parameters {
                    request = request.add_extra_param(name, value);
                }
                request.request_async(&sender).await
            }
            Proof::Code(code, asked) => {
                let code = AuthorizationCode::new(code.expose().to_owned());
                let mut request = client.exchange_code(code).set_pkce_verifier(asked.verifier()).set_redirect_uri(asked.redirect());
                for (name, value) in &self.parameters {
                    request = request.add_extra_param(name, value);
                }
                request.request_async(&sender).await
            }
        }
        .map_err(token_error)?;
        let life = answer.expires_in().and_then(|life| TimeDelta::from_std(life).ok()).or(self.unstated_life);
        let endpoint = sender.named.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Tokens {
            access: Secret::new(answer.access_token().secret().as_str()),
            refresh: answer.refresh_token().map(|token| Secret::new(token.secret().as_str())),
            expires: life.and_then(|life| context.clock.now().checked_add_signed(life)),
            endpoint,
        })
    }
}

#[async_trait]
impl Authorizer for OAuth2 {
    async fn authorize(&self, request: &mut Request, context: &Context) -> Result<Stamp> {
        let (stamp, session) = self.cell.current(context, |refused| self.sign_in(context, request, refused)).await?;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", session.token.expose()))
            .map_err(|_| Error::new(ErrorKind::Protocol, "the access token has characters a header cannot carry").hint("report it"))?;
        value.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, value);
        if let Some(endpoint) = &session.endpoint {
            at_origin_of(endpoint, &mut request.url)?;
        }
        Ok(stamp)
    }

    async fn refused(&self, stamp: Stamp, _error: &Error, _context: &Context) -> Renewal {
        self.cell.drop_session(stamp);
        Renewal::SignInAgain
    }

    fn secrets(&self) -> Vec<Secret> {
        let token = match &self.grant {
            Grant::Configured(token) => Some(token),
            Grant::Application | Grant::SignedIn => None,
        };
        self.client_secret.iter().chain(token).cloned().chain(self.cell.tokens()).collect()
    }

    async fn reopen(&self, context: &Context) -> Result<()> {
        self.latch.open(context).await
    }
}

/// The same path and query at the origin of an address that was checked.
///
/// # Errors
/// `Protocol` where that origin cannot carry the request.
pub fn at_origin_of(endpoint: &Url, url: &mut Url) -> Result<()> {
    let moved = url
        .set_scheme(endpoint.scheme())
        .and_then(|()| url.set_host(endpoint.host_str()).map_err(drop))
        .and_then(|()| url.set_port(endpoint.port()));
    moved.map_err(|()| Error::new(ErrorKind::Protocol, "the address that the vendor named cannot carry the request").hint("report it"))
}

/// The `oauth2` crate's HTTP client: our loop, without authorization.
struct Sender {
    client: Client,
    url: Url,
    model: Option<Request>,
    idempotent: bool,
    /// The member that names where the token is to be used, which the `oauth2` crate does not know of.
    member: Option<&'static str>,
    named: Mutex<Option<String>>,
}

impl<'a> oauth2::AsyncHttpClient<'a> for Sender {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<oauth2::HttpResponse>> + Send + 'a>>;

    fn call(&'a self, request: oauth2::HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Sender {
    async fn send(&self, request: oauth2::HttpRequest) -> Result<oauth2::HttpResponse> {
        let (parts, body) = request.into_parts();
        let mut call = Call::new("token", parts.method, self.url.clone()).unsigned().body_cap(TOKEN_ANSWER_CAP);
        if let Some(model) = &self.model {
            call = call.like(model);
        }
        call.idempotent = self.idempotent;
        call.headers.extend(parts.headers);
        call.body = body.into();
        let (_, answer) = self.client.exchange(call, token_answer).await?;
        let named = self.member.and_then(|member| answer.get(member)).and_then(Json::as_str);
        *self.named.lock().unwrap_or_else(PoisonError::into_inner) = named.map(str::to_owned);
        let body = serde_json::to_vec(&answer).map_err(|_| Error::new(ErrorKind::Protocol, "the token answer cannot be read"))?;
        let mut answer = http::Response::new(body);
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *answer.status_mut() = StatusCode::OK;
        Ok(answer)
    }
}

/// The verdict on a token answer, and its members in the spelling the `oauth2` crate reads.
fn token_answer(response: &Response) -> Result<Map<String, Json>> {
    let json = || serde_json::from_slice::<Map<String, Json>>(&response.body).ok();
    if let Err(error) = inspect_status(response) {
        return Err(if error.kind().is_retryable() { error } else { refusal(error, json().as_ref()) });
    }
    let unreadable = |what: &str| Error::new(ErrorKind::Protocol, format!("the token answer {what}")).hint("check the token URL");
    if response.header("content-type").is_some_and(|kind| !kind.to_ascii_lowercase().contains("json")) {
        return Err(unreadable("is not JSON"));
    }
    let mut answer = json().ok_or_else(|| unreadable("is not a JSON object"))?;
    if answer.contains_key("error") {
        // Some vendors refuse with status 200.
        return Err(refusal(Error::new(ErrorKind::Rejected, "the vendor gave no token"), Some(&answer)));
    }
    // Written as text by some, with a fraction by others, and not at all by a few.
    let life = match answer.remove("expires_in") {
        Some(Json::Number(number)) => number.as_u64().or_else(|| number.as_f64().map(|seconds| seconds.max(0.0) as u64)),
        Some(Json::String(text)) => text.trim().parse::<u64>().ok(),
        _ => None,
    };
    if let Some(life) = life {
        answer.insert("expires_in".to_owned(), Json::from(life));
    }
    answer.entry("token_type").or_insert_with(|| Json::from("bearer"));
    Ok(answer)
}

/// The error a refused token call stands for. Of the body only the registered `error` word is kept.
fn refusal(error: Error, answer: Option<&Map<String, Json>>) -> Error {
    let word = answer.and_then(|answer| answer.get("error")).and_then(Json::as_str);
    let word = word.filter(|word| word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    let Some(word) = word else { return error };
    let (kind, message, hint) = match word {
        "invalid_grant" => (ErrorKind::Unauthenticated, "the vendor does not accept the grant any more", "sign in anew to get a new token"),
        "invalid_client" | "unauthorized_client" | "access_denied" => {
            (ErrorKind::Unauthenticated, "the vendor does not accept the client's id or secret", "check both at the vendor")
        }
        "temporarily_unavailable" | "server_error" => (ErrorKind::Unavailable, "the vendor cannot give a token now", "try again later"),
        "slow_down" => (ErrorKind::RateLimited, "the vendor asks us to slow down", "wait"),
        _ => (ErrorKind::Config, "the vendor gave no token", "check scopes and the kind of sign-in the application is allowed"),
    };
    Error::new(kind, message).context(format!("error `{word}`")).hint(hint)
}

/// Our words for the `oauth2` crate's errors. Its parse error carries the whole answer, tokens included: only the path is kept.
fn token_error<T: oauth2::ErrorResponse>(error: RequestTokenError<Error, T>) -> Error {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::Parse(error, _) => {
            Error::new(ErrorKind::Protocol, format!("the token answer cannot be read at `{}`", error.path())).operation("token")
        }
        RequestTokenError::ServerResponse(_) | RequestTokenError::Other(_) => {
            Error::new(ErrorKind::Protocol, "the token call failed in a way we do not know").operation("token")
        }
    }
}

/// A connection that needs a person's sign-in has none.
pub(crate) fn nobody_signed_in(connection: &ConnectionName) -> Error {
    Error::new(ErrorKind::Config, format!("nobody has signed in for connection `{connection}`"))
        .hint(format!("sign in at the vendor: rightful connect {connection}"))
}

fn kept_for(entries: &Map<String, Json>, owner: u64) -> Kept {
    let kept = entries.get(ENTRY).and_then(|json| serde_json::from_value::<Kept>(json.clone()).ok());
    kept.filter(|kept| kept.credentials == owner).unwrap_or(Kept { credentials: owner, ..Kept::default() })
}

fn keep(entries: &mut Map<String, Json>, kept: &Kept) -> Result<()> {
    let json = serde_json::to_value(kept).map_err(|_| Error::new(ErrorKind::Protocol, "the tokens cannot be saved"))?;
    entries.insert(ENTRY.to_owned(), json);
    Ok(())
}

impl Kept {
    /// What is kept of an exchange; nobody has the next one to themself.
    fn of(owner: u64, tokens: &Tokens, refresh: &Secret) -> Self {
        Self {
            credentials: owner,
            refresh_token: Some(refresh.expose().to_owned()),
            access_token: Some(tokens.access.expose().to_owned()),
            expires: tokens.expires,
            endpoint: tokens.endpoint.clone(),
            claimed_until: None,
        }
    }

    /// The access token in the slot, if it is still good and not the one just refused.
    fn usable(&self, now: Instant, refused: Option<&Secret>) -> Option<Tokens> {
        let access = self.access_token.as_deref()?;
        let expires = self.expires?;
        let good = expires > now + MARGIN && refused.is_none_or(|refused| refused.expose() != access);
        good.then(|| Tokens { access: Secret::new(access), refresh: None, expires: Some(expires), endpoint: self.endpoint.clone() })
    }
}
