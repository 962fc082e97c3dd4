//! One Salesforce organisation behind the connector contract.

use rightful_core::{Connector, Cursor, Finding, Kind, KindSpec, Outcome, Page, Purpose, Result, Scan, Write, async_trait};

use crate::preflight;
use crate::read::Reader;
use crate::write::Writer;

/// One organisation, as one user sees it.
#[derive(Debug)]
pub struct SalesforceConnector {
    pub(crate) version: String,
    pub(crate) share: u64,
    pub(crate) kinds: Vec<KindSpec>,
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
}

#[async_trait]
impl Connector for SalesforceConnector {
    fn kinds(&self) -> &[KindSpec] {
        &self.kinds
    }

    async fn preflight(&self, purpose: &Purpose) -> Result<Vec<Finding>> {
        // What was wrong at Salesforce may be mended without any secret changing: whoever asks gets one more attempt.
        self.reader.api.client.reopen().await?;
        Ok(preflight::findings(&self.reader, &self.version, self.share, purpose).await)
    }

    async fn read(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        self.reader.read(scan, from).await
    }

    async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        self.writer.write(kind, batch).await
    }
}
