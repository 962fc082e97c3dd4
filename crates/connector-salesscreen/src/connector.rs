//! One SalesScreen account behind the connector contract.

use rightful_core::{
    Connector, Cursor, Error, ErrorKind, Finding, Kind, KindSpec, Outcome, Page, Purpose, Result, Scan, Write, async_trait,
};

use crate::preflight::{self, Facts};
use crate::write::Writer;

/// Why nothing can be read. Lists were tried live: each path answers that it does not exist.
pub(crate) const NO_READS: &str = "SalesScreen's API takes users and records and gives none back";

/// One account.
#[derive(Debug)]
pub struct SalesScreenConnector {
    pub(crate) kinds: Vec<KindSpec>,
    pub(crate) writer: Writer,
    pub(crate) facts: Facts,
}

#[async_trait]
impl Connector for SalesScreenConnector {
    fn kinds(&self) -> &[KindSpec] {
        &self.kinds
    }

    async fn preflight(&self, purpose: &Purpose) -> Result<Vec<Finding>> {
        Ok(preflight::findings(&self.writer, &self.facts, purpose).await)
    }

    async fn read(&self, scan: &Scan, _from: Option<&Cursor>) -> Result<Page> {
        Err(Error::new(ErrorKind::Unsupported, format!("`{}` cannot be read: {NO_READS}", scan.kind))
            .hint("what SalesScreen holds is known from what was sent, and from an administrator's export file"))
    }

    async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        self.writer.write(kind, batch).await
    }
}
