//! Where the world's store comes from: a database of its own for each stage.

use std::path::Path;
use std::sync::Arc;

use rightful_core::Secret;
use rightful_engine::{Holder, Store};
use rightful_store::{SqliteStore, current_holder};

/// An empty store that seals under a key of its own.
#[derive(Debug)]
pub struct Stand {
    pub store: Arc<dyn Store>,
    pub sqlite: Arc<SqliteStore>,
    pub folder: tempfile::TempDir,
}

impl Stand {
    pub fn new() -> Self {
        // In memory where the system offers it: what a sync costs is no concern of these tests.
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.unwrap();
        let store = SqliteStore::open(&folder.path().join("store.sqlite")).unwrap();
        let sqlite = Arc::new(store.with_master_key(Ok(Some(Secret::new("5a".repeat(32))))));
        Self { store: sqlite.clone(), sqlite, folder }
    }

    pub fn holder(&self) -> Holder {
        current_holder()
    }

    pub fn bury(&self, _holder: &Holder) {
        unreachable!("nobody dies on this stage")
    }
}
