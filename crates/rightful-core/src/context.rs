//! What the runner lends a connector: network, time, randomness, quotas and small durable state.

use std::fmt::Debug;
use std::sync::Arc;

use crate::{Clock, ConnectionName, MemorySlot, Permits, Slot, SystemClock, Transport};

/// Uniform random numbers, for jitter and nonces that need no secrecy.
pub trait Randomness: Debug + Send + Sync + 'static {
    /// The next 64 bits.
    fn next(&self) -> u64;
}

/// Randomness of the operating system's hash seeds: unpredictable enough for jitter.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn next(&self) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        std::hash::RandomState::new().build_hasher().finish()
    }
}

/// Lent to a connector by `connect`.
#[derive(Clone, Debug)]
pub struct Context {
    /// The connection's name, for errors and logs.
    pub connection: ConnectionName,
    /// The network.
    pub transport: Arc<dyn Transport>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub randomness: Arc<dyn Randomness>,
    /// The account's concurrency and quota windows; shared by every connection to the same account.
    pub permits: Arc<Permits>,
    /// Durable small state.
    pub slot: Arc<dyn Slot>,
}

impl Context {
    /// A context with the wall clock, system randomness, fresh permits and a slot that lives as long as the process.
    pub fn new(connection: impl Into<ConnectionName>, transport: Arc<dyn Transport>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self {
            connection: connection.into(),
            transport,
            permits: Arc::new(Permits::new(clock.clone())),
            clock,
            randomness: Arc::new(SystemRandomness),
            slot: Arc::new(MemorySlot::default()),
        }
    }
}
