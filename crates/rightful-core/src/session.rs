//! Signing in once for everybody: a session that is shared, reused and renewed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::TimeDelta;
use url::Url;

use crate::latch::{Latch, mixed};
use crate::{
    Authorizer, Call, Client, Context, Error, ErrorKind, Instant, NoAuthorization, Renewal, Request, Response, Result, Secret, Stamp,
    inspect_status,
};

/// How long a session is trusted that does not say when it ends.
const UNSTATED_LIFE: TimeDelta = TimeDelta::minutes(10);

/// How long before its end a session is not used any more.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// A session at a vendor.
#[derive(Clone, Debug)]
pub struct Session {
    /// What proves it.
    pub token: Secret,
    /// Where it is to be used, if the vendor says so; checked by the connector's host rule.
    pub endpoint: Option<Url>,
    /// When it ends, if the vendor says so.
    pub expires: Option<Instant>,
    /// What else the vendor said: not secret, for example a location id.
    pub facts: serde_json::Value,
}

/// How one vendor's session is opened, read and used.
pub trait SessionScheme: std::fmt::Debug + Send + Sync + 'static {
    /// The call that signs in; sent without authorization. Mark it idempotent where a second session does no harm.
    ///
    /// # Errors
    /// `Config` where the call cannot be made from what was configured.
    fn sign_in(&self) -> Result<Call>;

    /// The session from the answer. Inspects the answer whole and applies the host rule to its endpoint.
    ///
    /// # Errors
    /// `Unauthenticated` where the credentials were rejected: nothing is tried again until they change.
    fn read(&self, response: &Response, context: &Context) -> Result<Session>;

    /// Puts the session into a request: the token where it belongs, the URL to the session's endpoint.
    ///
    /// # Errors
    /// Where the request has no place for it.
    fn apply(&self, session: &Session, request: &mut Request) -> Result<()>;

    /// The session's new end, where any answer may move it.
    fn deadline(&self, response: &Response, context: &Context) -> Option<Instant> {
        let _ = (response, context);
        None
    }

    /// A fingerprint of everything the sign-in proves itself with: user, company, every secret (see [`fingerprint`](crate::fingerprint)).
    /// A rejected sign-in is not tried again, not even by another process, before this changes.
    fn credentials(&self) -> u64;

    /// The secrets the sign-in proves itself with: masked in what is kept of an answer.
    fn secrets(&self) -> Vec<Secret>;
}

/// Signs calls with a session that is opened by a call of its own.
///
/// One sign-in serves everybody who waits for it; a session is reused until 60 s before its end.
#[derive(Debug)]
pub struct BodySession<S> {
    scheme: S,
    cell: SessionCell,
    latch: Latch,
}

impl<S: SessionScheme> BodySession<S> {
    /// Sessions by this scheme.
    pub fn new(scheme: S) -> Self {
        Self { scheme, cell: SessionCell::default(), latch: Latch::default() }
    }

    /// The scheme.
    pub fn scheme(&self) -> &S {
        &self.scheme
    }

    /// The present session; signs in where there is none.
    ///
    /// # Errors
    /// As the vendor answered the sign-in.
    pub async fn session(&self, context: &Context) -> Result<Session> {
        Ok(self.current(context, None).await?.1)
    }

    async fn current(&self, context: &Context, model: Option<&Request>) -> Result<(Stamp, Session)> {
        self.cell.current(context, |_| self.sign_in(context, model)).await
    }

    async fn sign_in(&self, context: &Context, model: Option<&Request>) -> Result<Session> {
        let mut call = self.scheme.sign_in()?.unsigned();
        if let Some(model) = model {
            call = call.like(model);
        }
        let credentials = mixed(self.scheme.credentials(), &call.url);
        self.latch.check(credentials, context).await?;
        let client = Client::new(context.clone(), std::sync::Arc::new(NoAuthorization), inspect_status);
        match client.exchange(call, |response| self.scheme.read(response, context)).await {
            Ok((_, session)) => Ok(session),
            Err(error) if error.kind() == ErrorKind::Unauthenticated => Err(self.latch.close(credentials, error, context).await),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl<S: SessionScheme> Authorizer for BodySession<S> {
    async fn authorize(&self, request: &mut Request, context: &Context) -> Result<Stamp> {
        let (stamp, session) = self.current(context, Some(request)).await?;
        self.scheme.apply(&session, request)?;
        Ok(stamp)
    }

    fn observe(&self, stamp: Stamp, response: &Response, context: &Context) {
        if let Some(deadline) = self.scheme.deadline(response, context) {
            self.cell.move_deadline(stamp, deadline);
        }
    }

    async fn refused(&self, stamp: Stamp, _error: &Error, _context: &Context) -> Renewal {
        self.cell.drop_session(stamp);
        Renewal::SignInAgain
    }

    fn secrets(&self) -> Vec<Secret> {
        self.scheme.secrets().into_iter().chain(self.cell.tokens()).collect()
    }

    async fn reopen(&self, context: &Context) -> Result<()> {
        self.latch.open(context).await
    }
}

/// Holds the present session and lets one sign-in serve everybody.
#[derive(Debug, Default)]
pub(crate) struct SessionCell {
    state: Mutex<CellState>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct CellState {
    present: Option<(Stamp, Session)>,
    /// How many sign-ins were made; the stamp of the last one.
    signed_in: u64,
    /// How the last sign-in failed, if it did.
    failure: Option<Error>,
    /// The token that was refused last, so that it is not taken over from elsewhere.
    refused: Option<Secret>,
}

impl SessionCell {
    /// The present session, or a new one. `sign_in` is told the token that was refused last.
    pub(crate) async fn current<F>(&self, context: &Context, sign_in: impl FnOnce(Option<Secret>) -> F) -> Result<(Stamp, Session)>
    where
        F: Future<Output = Result<Session>>,
    {
        let asked_at = {
            let state = self.state();
            if let Some(found) = state.fresh(context.clock.now()) {
                return Ok(found);
            }
            state.signed_in
        };
        let _turn = self.turn.lock().await;
        let refused = {
            let state = self.state();
            if let Some(found) = state.fresh(context.clock.now()) {
                return Ok(found);
            }
            if state.signed_in > asked_at
                && let Some(failure) = &state.failure
            {
                return Err(failure.again());
            }
            state.refused.clone()
        };
        let outcome = sign_in(refused).await;
        let mut state = self.state();
        state.signed_in += 1;
        match outcome {
            Ok(mut session) => {
                session.expires.get_or_insert_with(|| context.clock.now() + UNSTATED_LIFE);
                let found = (Stamp(state.signed_in), session);
                state.present = Some(found.clone());
                state.failure = None;
                Ok(found)
            }
            Err(error) => {
                state.failure = Some(error.again());
                Err(error)
            }
        }
    }

    pub(crate) fn move_deadline(&self, stamp: Stamp, deadline: Instant) {
        if let Some((present, session)) = &mut self.state().present
            && *present == stamp
        {
            session.expires = Some(deadline);
        }
    }

    /// Forgets the session of that stamp; a newer one stays.
    pub(crate) fn drop_session(&self, stamp: Stamp) {
        let mut state = self.state();
        if let Some((_, session)) = state.present.take_if(|(present, _)| *present == stamp) {
            state.refused = Some(session.token);
        }
    }

    /// The present session's token, and the one that was refused last.
    pub(crate) fn tokens(&self) -> Vec<Secret> {
        let state = self.state();
        let present = state.present.as_ref().map(|(_, session)| session.token.clone());
        present.into_iter().chain(state.refused.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, CellState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CellState {
    fn fresh(&self, now: Instant) -> Option<(Stamp, Session)> {
        let (stamp, session) = self.present.as_ref()?;
        session.expires.is_none_or(|expires| now + MARGIN < expires).then(|| (*stamp, session.clone()))
    }
}
