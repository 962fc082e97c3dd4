//! A transport that answers from a script, for tests that need no socket.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::{Error, ErrorKind, Request, Response, SendError, Transport};

/// Answers in the order of its script and keeps what was sent.
#[derive(Debug, Default)]
pub struct ScriptedTransport {
    script: Mutex<VecDeque<Result<Response, SendError>>>,
    requests: Mutex<Vec<Request>>,
}

impl ScriptedTransport {
    /// A transport that gives these answers, one per request.
    pub fn new(script: impl IntoIterator<Item = Result<Response, SendError>>) -> Self {
        Self { script: Mutex::new(script.into_iter().collect()), requests: Mutex::default() }
    }

    /// Adds an answer at the end.
    pub fn push(&self, answer: Result<Response, SendError>) {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).push_back(answer);
    }

    /// Every request sent so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many answers were not asked for.
    pub fn left(&self) -> usize {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[async_trait]
impl Transport for ScriptedTransport {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        // Others get a chance to run, as they would on a real network.
        tokio::task::yield_now().await;
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or_else(|| {
            Err(SendError {
                may_have_acted: false,
                error: Error::new(ErrorKind::Protocol, "the script has no answer left").hint("add one, or send less"),
            })
        })
    }
}
