//! Small state of a connection that outlives a process: compare-and-set, so that one worker wins.

use std::fmt::Debug;
use std::sync::Mutex;

use async_trait::async_trait;

use crate::{Result, Secret};

/// What a slot holds, with the revision to compare against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotValue {
    /// Moves with every write.
    pub revision: u64,
    /// The state; secret, since it is mostly tokens. `None`: empty.
    pub text: Option<Secret>,
}

/// Durable small state of one connection.
#[async_trait]
pub trait Slot: Debug + Send + Sync + 'static {
    /// Reads it.
    async fn load(&self) -> Result<SlotValue>;
    /// Replaces it if `revision` still stands; `false` where another worker was faster.
    async fn swap(&self, revision: u64, text: Option<Secret>) -> Result<bool>;
}

/// A slot that lives as long as the process.
#[derive(Debug, Default)]
pub struct MemorySlot(Mutex<(u64, Option<Secret>)>);

#[async_trait]
impl Slot for MemorySlot {
    async fn load(&self) -> Result<SlotValue> {
        let held = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(SlotValue { revision: held.0, text: held.1.clone() })
    }

    async fn swap(&self, revision: u64, text: Option<Secret>) -> Result<bool> {
        let mut held = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if held.0 != revision {
            return Ok(false);
        }
        *held = (revision + 1, text);
        Ok(true)
    }
}
