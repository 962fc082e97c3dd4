//! Where the suite's stores come from: here, a database of its own for each, and real processes that hold its leases.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rightful_engine::{Holder, ReviewStore, Store, WatchStore};
use rightful_store::{SqliteStore, holder_of};

/// How many cases a property is tried with: each is a database. The engine tries many more in memory.
pub const CASES: u32 = 8;

/// An empty store, and processes that may hold its leases.
#[derive(Debug)]
pub struct Stand {
    pub store: Arc<dyn Store>,
    pub watch: Arc<dyn WatchStore>,
    pub review: Arc<dyn ReviewStore>,
    /// The same, for the ports that have no store in memory.
    pub sqlite: SqliteStore,
    processes: Mutex<Vec<Child>>,
    folder: tempfile::TempDir,
}

impl Stand {
    pub fn new() -> Self {
        // In memory where the system offers it: what a sync costs is no concern of these tests.
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.unwrap();
        let store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
        let port = Arc::new(store.clone());
        Self { store: port.clone(), watch: port.clone(), review: port, sqlite: store, processes: Mutex::default(), folder }
    }

    /// The database's file.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("store.sqlite")
    }

    /// A process that lives: it waits for an input that ends with us.
    pub fn holder(&self) -> Holder {
        let process = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let holder = holder_of(process.id());
        self.processes.lock().unwrap().push(process);
        holder
    }

    /// Ends it.
    pub fn bury(&self, holder: &Holder) {
        let mut processes = self.processes.lock().unwrap();
        let process = processes.iter_mut().find(|process| process.id() == holder.process).expect("we started it");
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        for process in self.processes.lock().unwrap().iter_mut() {
            // One that was buried already is no fault.
            process.kill().ok();
            process.wait().ok();
        }
    }
}
