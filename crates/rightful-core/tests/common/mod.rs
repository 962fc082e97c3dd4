//! What the core's tests share: a scripted network on a clock that stands still.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::Arc;

use rightful_core::{
    Context, Error, ErrorKind, Instant, ManualClock, MemorySlot, Permits, Randomness, Response, ScriptedTransport, SendError, Slot,
    StatusCode,
};

/// The widest jitter, always.
#[derive(Debug)]
pub struct Widest;

impl Randomness for Widest {
    fn next(&self) -> u64 {
        u64::MAX
    }
}

pub struct Bench {
    pub transport: Arc<ScriptedTransport>,
    pub clock: ManualClock,
    pub slot: Arc<dyn Slot>,
    pub context: Context,
}

pub fn start() -> Instant {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

impl Bench {
    pub fn new(script: impl IntoIterator<Item = Result<Response, SendError>>) -> Self {
        Self::with_slot(script, Arc::new(MemorySlot::default()))
    }

    /// Another process of the same connection: all that is shared is the slot.
    pub fn with_slot(script: impl IntoIterator<Item = Result<Response, SendError>>, slot: Arc<dyn Slot>) -> Self {
        let transport = Arc::new(ScriptedTransport::new(script));
        let clock = ManualClock::at(start());
        let mut context = Context::new("test", transport.clone());
        context.clock = Arc::new(clock.clone());
        context.permits = Arc::new(Permits::with_width(context.clock.clone(), 1));
        context.randomness = Arc::new(Widest);
        context.slot = slot.clone();
        Self { transport, clock, slot, context }
    }

    pub fn sent(&self) -> usize {
        self.transport.requests().len()
    }
}

pub fn answer(status: u16, body: &str) -> Result<Response, SendError> {
    Ok(Response::new(StatusCode::from_u16(status).unwrap(), body.to_owned()))
}

pub fn json_answer(status: u16, body: serde_json::Value) -> Result<Response, SendError> {
    answer(status, &body.to_string()).map(|answer| {
        answer.with_header(
            rightful_core::HeaderName::from_static("content-type"),
            rightful_core::HeaderValue::from_static("application/json;charset=UTF-8"),
        )
    })
}

pub fn throttled(wait: &'static str) -> Result<Response, SendError> {
    answer(429, "").map(|answer| {
        answer.with_header(rightful_core::HeaderName::from_static("retry-after"), rightful_core::HeaderValue::from_static(wait))
    })
}

pub fn lost() -> Result<Response, SendError> {
    Err(SendError { may_have_acted: true, error: Error::new(ErrorKind::Unavailable, "no answer in time") })
}

pub fn unreached() -> Result<Response, SendError> {
    Err(SendError { may_have_acted: false, error: Error::new(ErrorKind::Unavailable, "no connection to the host") })
}
