//! The one loop every call goes through.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;

use crate::exchange::{is_heard, tell};
use crate::{
    Attempt, Authorizer, Call, Context, Error, ErrorKind, Exchange, Fate, Inspect, Next, Renewal, Request, Response, Result, RetryPolicy,
    SendError, stated_wait, verdict,
};

/// How long an exchange may take unless the client or the call says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Sends a connection's calls: permit, authorize, send, inspect, then wait or repeat only where that is safe.
#[derive(Clone, Debug)]
pub struct Client(Arc<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    context: Context,
    /// The same context for the authorizer's own calls, which ride on the permit of the call they are made for.
    riding: Context,
    authorizer: Arc<dyn Authorizer>,
    inspect: Inspect,
    timeout: Duration,
    retry: RetryPolicy,
    user_agent: HeaderValue,
}

impl Client {
    /// A client of one connection. `inspect` is the whole verdict on an answer: call [`inspect_status`](crate::inspect_status) in it first.
    pub fn new(context: Context, authorizer: Arc<dyn Authorizer>, inspect: Inspect) -> Self {
        let riding = Context { permits: Arc::new(context.permits.riding()), ..context.clone() };
        Self(Arc::new(Parts {
            context,
            riding,
            authorizer,
            inspect,
            timeout: TIMEOUT,
            retry: RetryPolicy::default(),
            user_agent: HeaderValue::from_static(concat!("rightful/", env!("CARGO_PKG_VERSION"))),
        }))
    }

    /// How long one exchange may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        Arc::make_mut(&mut self.0).timeout = timeout;
        self
    }

    /// How often and how long it tries.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        Arc::make_mut(&mut self.0).retry = policy;
        self
    }

    /// What it calls itself.
    #[must_use]
    pub fn user_agent(mut self, name: &'static str) -> Self {
        Arc::make_mut(&mut self.0).user_agent = HeaderValue::from_static(name);
        self
    }

    /// What the runner lent.
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// Lets credentials be tried once more that were rejected before: for a preflight that a person asked for.
    ///
    /// # Errors
    /// Where the connection's slot cannot be written.
    pub async fn reopen(&self) -> Result<()> {
        self.0.authorizer.reopen(&self.0.context).await
    }

    /// Sends a call until it succeeds, cannot succeed, or may not be repeated.
    ///
    /// # Errors
    /// The vendor's verdict of the last attempt. [`Error::is_fate_unknown`] says that the vendor may have acted all the same.
    pub async fn call(&self, call: Call) -> Result<Response> {
        Ok(self.exchange(call, self.0.inspect).await?.0)
    }

    /// The loop, with any verdict on the answer.
    pub(crate) async fn exchange<T: Send>(
        &self,
        call: Call,
        inspect: impl Fn(&Response) -> Result<T> + Send + Sync,
    ) -> Result<(Response, T)> {
        let mut renewed = false;
        let mut may_have_acted = false;
        let mut number = 0;
        loop {
            number += 1;
            let (fate, outcome) = self.attempt(&call, number, &inspect).await.map_err(|error| self.placed(&call, error))?;
            let error = match outcome {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            may_have_acted |= fate.may_have_acted();
            let attempt = Attempt {
                number,
                idempotent: call.idempotent,
                session_bound: call.session_bound,
                renewed,
                random: self.0.context.randomness.next(),
            };
            match verdict(&self.0.retry, &attempt, &fate) {
                Next::Wait(wait) => {
                    tracing::debug!(
                        operation = call.operation,
                        attempt = number,
                        wait_ms = wait.as_millis() as u64,
                        "trying again after a wait"
                    );
                    self.0.context.permits.count_wait();
                    self.0.context.clock.sleep(wait).await;
                }
                Next::SignInAgain => {
                    tracing::debug!(operation = call.operation, attempt = number, "signing in anew");
                    renewed = true;
                }
                Next::Return | Next::Fail => {
                    let error = if fate == Fate::SessionRefused && call.session_bound {
                        Error::new(ErrorKind::Restart, "the session this call refers to is over").hint("start the read again").source(error)
                    } else {
                        error
                    };
                    return Err(self.placed(&call, if may_have_acted { error.fate_unknown(true) } else { error }));
                }
            }
        }
    }

    /// One attempt: how it ended, and the answer or the error. The outer error means that nothing was sent.
    async fn attempt<T: Send>(
        &self,
        call: &Call,
        number: u32,
        inspect: &(impl Fn(&Response) -> Result<T> + Send + Sync),
    ) -> Result<(Fate, Result<(Response, T)>)> {
        let Parts { context, riding, authorizer, .. } = &*self.0;
        self.check_pause()?;
        let permit = context.permits.acquire(&call.quotas, call.cost).await;
        let mut request = self.request(call);
        let stamp = if call.signed {
            match authorizer.authorize(&mut request, riding).await {
                Ok(stamp) => Some(stamp),
                Err(error) => {
                    permit.unused();
                    return Err(error);
                }
            }
        } else {
            None
        };
        // Taken from the call, which no credential was put into; and only of signed calls: what signs in is nobody's to keep.
        let heard = (call.signed && is_heard()).then(|| (context.clock.now(), authorizer.secrets()));
        let sent = context.transport.send(request).await;
        drop(permit);
        if let Some((at, secrets)) = heard {
            tell(Exchange::of(call, at, &sent, &secrets));
        }
        let response = match sent {
            Ok(response) => response,
            Err(SendError { may_have_acted, error }) => {
                tracing::debug!(operation = call.operation, attempt = number, kind = %error.kind(), may_have_acted, "no answer");
                let fate = if may_have_acted { Fate::Lost(error.kind()) } else { Fate::Unreached(error.kind()) };
                return Ok((fate, Err(error)));
            }
        };
        tracing::debug!(operation = call.operation, attempt = number, status = response.status.as_u16(), "answered");
        if let Some(stamp) = stamp {
            authorizer.observe(stamp, &response, context);
        }
        let mut error = match inspect(&response) {
            Ok(value) => return Ok((Fate::Answered, Ok((response, value)))),
            Err(error) => error,
        };
        if error.kind().is_retryable() {
            let now = context.clock.now();
            if error.wait().is_none()
                && let Some(wait) = stated_wait(&response, now)
            {
                error = error.retry_after(wait);
            }
            // A stated wait is for the whole account, not for this call alone.
            if let Some(wait) = error.wait()
                && let Some(until) = chrono::TimeDelta::from_std(wait).ok().and_then(|wait| now.checked_add_signed(wait))
            {
                context.permits.pause_until(until);
            }
        }
        if error.kind() == ErrorKind::Unauthenticated
            && let Some(stamp) = stamp
            && authorizer.refused(stamp, &error, context).await == Renewal::SignInAgain
        {
            return Ok((Fate::SessionRefused, Err(error)));
        }
        let fate = Fate::Refused { kind: error.kind(), wait: error.wait(), may_have_acted: error.stated_fate() };
        Ok((fate, Err(error)))
    }

    /// Fails rather than sitting out a pause that is longer than the policy's patience.
    fn check_pause(&self) -> Result<()> {
        let Parts { context, retry, .. } = &*self.0;
        let Some(until) = context.permits.paused_until() else { return Ok(()) };
        let wait = (until - context.clock.now()).to_std().unwrap_or_default();
        if wait <= retry.longest_wait {
            return Ok(());
        }
        Err(Error::new(ErrorKind::RateLimited, "the vendor asked for a longer wait than this call has patience for")
            .hint(format!("try again in {} s", wait.as_secs() + 1))
            .retry_after(wait))
    }

    fn request(&self, call: &Call) -> Request {
        let mut headers = call.headers.clone();
        headers.entry(USER_AGENT).or_insert_with(|| self.0.user_agent.clone());
        Request {
            method: call.method.clone(),
            url: call.url.clone(),
            headers,
            body: call.body.clone(),
            timeout: call.timeout.unwrap_or(self.0.timeout),
            body_cap: call.body_cap,
        }
    }

    /// The error with the operation's and the connection's name.
    fn placed(&self, call: &Call, error: Error) -> Error {
        if error.failed_operation().is_some() {
            return error;
        }
        error.operation(call.operation).context(format!("connection `{}`", self.0.context.connection))
    }
}
