//! An ordered image, read ahead while what came before is decided.

use futures::StreamExt;
use futures::stream::BoxStream;
use rightful_core::{Error, ErrorKind, Result};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::Row;

/// An ordered image, read ahead in the background.
pub(crate) struct Prefetch(mpsc::Receiver<Option<Result<Vec<Row>>>>);

impl Prefetch {
    pub fn of(mut rows: BoxStream<'static, Result<Vec<Row>>>) -> Self {
        let (sender, receiver) = mpsc::channel(2);
        let ahead = async move {
            while let Some(chunk) = rows.next().await {
                if sender.send(Some(chunk)).await.is_err() {
                    return;
                }
            }
            // The end is said, so that a reader that broke down is never taken for it; nobody listening any more is no fault.
            sender.send(None).await.ok();
        };
        tokio::spawn(ahead.in_current_span());
        Self(receiver)
    }

    /// The next chunk; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>> {
        match self.0.recv().await {
            Some(Some(chunk)) => chunk.map(Some),
            Some(None) => Ok(None),
            None => Err(Error::new(ErrorKind::Protocol, "reading the image broke off").hint("report this with the log of the run")),
        }
    }
}
