//! Where the suite's stores come from: here, the memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rightful_engine::memory::MemoryStore;
use rightful_engine::{Holder, ReviewStore, Store, WatchStore};

/// How many cases a property is tried with.
pub const CASES: u32 = 96;

/// An empty store, and processes that may hold its leases.
#[derive(Debug)]
pub struct Stand {
    pub store: Arc<dyn Store>,
    pub watch: Arc<dyn WatchStore>,
    pub review: Arc<dyn ReviewStore>,
    memory: Arc<MemoryStore>,
    processes: AtomicU32,
}

impl Stand {
    pub fn new() -> Self {
        let memory = Arc::new(MemoryStore::default());
        Self { store: memory.clone(), watch: memory.clone(), review: memory.clone(), memory, processes: AtomicU32::new(1) }
    }

    /// A process that lives.
    pub fn holder(&self) -> Holder {
        Holder { machine: "here".into(), process: self.processes.fetch_add(1, Ordering::SeqCst), born: 1 }
    }

    /// Ends it.
    pub fn bury(&self, holder: &Holder) {
        self.memory.bury(holder);
    }
}
