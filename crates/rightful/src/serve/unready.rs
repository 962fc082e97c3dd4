//! A connection that cannot be used at present: it says what its vendor can do, and refuses every call with the reason.

use rightful_core::{Connector, Cursor, Error, Finding, Kind, KindSpec, Outcome, Page, Purpose, Result, Scan, Verdict, Write, async_trait};

/// Stands where a connector would.
#[derive(Debug)]
pub struct Unready {
    kinds: Vec<KindSpec>,
    why: Error,
}

impl Unready {
    /// States the vendor's kinds and refuses with this.
    pub fn new(kinds: Vec<KindSpec>, why: Error) -> Self {
        Self { kinds, why }
    }

    fn refusal(&self) -> Error {
        let error = Error::new(self.why.kind(), self.why.to_string());
        match self.why.mend() {
            Some(mend) => error.hint(mend.to_owned()),
            None => error,
        }
    }
}

#[async_trait]
impl Connector for Unready {
    fn kinds(&self) -> &[KindSpec] {
        &self.kinds
    }

    async fn preflight(&self, _purpose: &Purpose) -> Result<Vec<Finding>> {
        Ok(vec![Finding::of(Verdict::Fail, "connection", self.why.to_string(), self.why.mend().unwrap_or("mend its settings"))])
    }

    async fn read(&self, _scan: &Scan, _from: Option<&Cursor>) -> Result<Page> {
        Err(self.refusal())
    }

    async fn write(&self, _kind: &Kind, _batch: &[Write]) -> Result<Vec<Outcome>> {
        Err(self.refusal())
    }
}
