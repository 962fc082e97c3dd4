//! One Sage Intacct company behind the connector contract.

use rightful_core::{
    Connector, Cursor, Error, ErrorKind, Finding, Kind, KindSpec, Outcome, Page, Purpose, Result, Scan, Write, async_trait,
};

use crate::map;
use crate::preflight;
use crate::read::Reader;
use crate::session::Level;
use crate::write::Writer;

/// One company, at one level, as one user.
#[derive(Debug)]
pub struct SageIntacctConnector {
    pub(crate) kinds: Vec<KindSpec>,
    pub(crate) level: Level,
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
}

#[async_trait]
impl Connector for SageIntacctConnector {
    fn kinds(&self) -> &[KindSpec] {
        &self.kinds
    }

    async fn preflight(&self, purpose: &Purpose) -> Result<Vec<Finding>> {
        Ok(preflight::findings(&self.reader, &self.level, purpose).await)
    }

    async fn read(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        self.reader.read(scan, from).await
    }

    async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        if *kind != map::CUSTOMER {
            // IN-30: people are made and changed in the product itself.
            return Err(Error::new(ErrorKind::Unsupported, format!("Sage Intacct's connector does not write `{kind}`"))
                .hint("change it in Sage Intacct itself"));
        }
        self.writer.write(batch).await
    }
}
