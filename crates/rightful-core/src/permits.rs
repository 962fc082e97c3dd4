//! How many calls an account bears: side by side, and per window of time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Clock, Instant, Result};

/// A quota over a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many units fit.
    pub units: u32,
    /// Into how long a time.
    pub per: Duration,
}

/// The permits of one account, shared by every connection to it.
#[derive(Debug)]
pub struct Permits {
    clock: Arc<dyn Clock>,
    state: Mutex<PermitState>,
}

#[derive(Debug)]
struct PermitState {
    width: usize,
    running: Arc<Semaphore>,
    windows: HashMap<&'static str, Vec<Usage>>,
    not_before: Option<Instant>,
    spent: HashMap<&'static str, u64>,
}

#[derive(Debug)]
struct Usage {
    window: Window,
    drawn: std::collections::VecDeque<(Instant, u32)>,
}

/// Held while one call runs.
#[derive(Debug)]
pub struct Permit {
    _running: OwnedSemaphorePermit,
}
