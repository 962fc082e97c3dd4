//! Where the world of a child process comes from: the database its parent names, held by the child itself.

use std::sync::Arc;

use rightful_engine::{Holder, Store};
use rightful_store::{SqliteStore, current_holder};

/// The variable that names the folder of a child.
pub const FOLDER: &str = "RIGHTFUL_TEST_FOLDER";

#[derive(Debug)]
pub struct Stand {
    pub store: Arc<dyn Store>,
}

impl Stand {
    pub fn new() -> Self {
        let folder = std::env::var_os(FOLDER).expect("the parent names the folder");
        Self { store: Arc::new(SqliteStore::open(&std::path::Path::new(&folder).join("store.sqlite")).unwrap()) }
    }

    pub fn holder(&self) -> Holder {
        current_holder()
    }

    /// Nobody is buried here: processes are killed by their parent.
    pub fn bury(&self, holder: &Holder) {
        panic!("{holder:?} is to be killed by its parent");
    }
}
