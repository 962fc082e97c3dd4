//! One Skynamo instance behind the connector contract.

use rightful_core::{
    Connector, Cursor, Error, ErrorKind, Finding, Kind, KindSpec, Outcome, Page, Purpose, Result, Scan, Write, async_trait,
};

use crate::map;
use crate::preflight;
use crate::read::Reader;
use crate::write::Writer;

/// One instance.
#[derive(Debug)]
pub struct SkynamoConnector {
    pub(crate) instance: String,
    pub(crate) kinds: Vec<KindSpec>,
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
}

impl SkynamoConnector {
    /// Asks the vendor's own middleware for a run now (SK-11).
    ///
    /// # Errors
    /// As the vendor answered.
    pub async fn import_now(&self) -> Result<()> {
        self.reader.api.import_now().await
    }
}

#[async_trait]
impl Connector for SkynamoConnector {
    fn kinds(&self) -> &[KindSpec] {
        &self.kinds
    }

    async fn preflight(&self, purpose: &Purpose) -> Result<Vec<Finding>> {
        Ok(preflight::findings(&self.reader, &self.instance, purpose).await)
    }

    async fn read(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        self.reader.read(scan, from).await
    }

    async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        if *kind != map::CUSTOMER && *kind != map::VISIT_FREQUENCY {
            // SK-26: users cannot be created, changed or deactivated by any program.
            return Err(Error::new(ErrorKind::Unsupported, format!("Skynamo's connector does not write `{kind}`"))
                .hint("change it in Skynamo itself"));
        }
        self.writer.write(kind, batch).await
    }
}
