//! A connection for those who only look at the store: it says what its vendor can do, and calls nobody.

use rightful_core::{
    Connector, Cursor, Error, ErrorKind, Finding, Kind, KindSpec, Outcome, Page, Purpose, Result, Scan, Write, async_trait,
};

/// Stands where a connector would; no secret is fetched for it.
#[derive(Debug)]
pub struct Resting(Vec<KindSpec>);

impl Resting {
    /// States these kinds.
    pub fn new(kinds: Vec<KindSpec>) -> Self {
        Self(kinds)
    }
}

fn refusal() -> Error {
    Error::new(ErrorKind::Protocol, "a vendor was called where only the store is looked at").hint("report this with the log")
}

#[async_trait]
impl Connector for Resting {
    fn kinds(&self) -> &[KindSpec] {
        &self.0
    }

    async fn preflight(&self, _purpose: &Purpose) -> Result<Vec<Finding>> {
        Err(refusal())
    }

    async fn read(&self, _scan: &Scan, _from: Option<&Cursor>) -> Result<Page> {
        Err(refusal())
    }

    async fn write(&self, _kind: &Kind, _batch: &[Write]) -> Result<Vec<Outcome>> {
        Err(refusal())
    }
}
