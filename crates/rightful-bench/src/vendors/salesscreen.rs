//! SalesScreen's side of reads that end in nothing to write: it takes whatever comes.

use std::sync::atomic::{AtomicU64, Ordering};

use rightful_sim::{SimClock, SimRequest, SimResponse, Simulator};
use serde_json::json;

/// The stand-in.
#[derive(Default)]
pub struct SalesScreen(AtomicU64);

impl Simulator for SalesScreen {
    fn vendor(&self) -> &'static str {
        "salesscreen"
    }

    fn base_path(&self) -> &'static str {
        "/api/v1"
    }

    fn answer(&self, _request: &SimRequest, _clock: &SimClock) -> SimResponse {
        self.0.fetch_add(1, Ordering::Relaxed);
        SimResponse::new(200, "text/plain", "")
    }

    fn dump(&self) -> serde_json::Value {
        json!({ "taken": self.0.load(Ordering::Relaxed) })
    }

    fn control(&self, name: &str, _body: serde_json::Value, _clock: &SimClock) -> Result<serde_json::Value, String> {
        Err(format!("unknown control `{name}`: there is none"))
    }
}
