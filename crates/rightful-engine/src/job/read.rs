//! Reads one kind of one connection into its image: side by side, stored in order, complete or said not to be.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use chrono::Duration;
use rightful_core::{Changes, Connector, Cursor, Error, ErrorKind, Page, Result, Rows, Scan};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use super::Event;
use super::context::Job;
use super::lease::ImageLease;
use crate::{Image, ImageId, ImageSpec, OpenRead, PageIn, ReadEnd, is_blocked};

/// How often a scan is begun again when its cursors die, and how often an incomplete read is repeated.
const TRIES: u32 = 3;

/// How a read of one image ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReadDone {
    pub image: ImageId,
    /// Everything there was has been stored.
    pub complete: bool,
    /// There was never a complete read: what is absent here may well exist.
    pub never_complete: bool,
    /// Rows that came in.
    pub rows: u64,
    pub notes: Vec<String>,
}

/// Reads an image, alone: integrations that share it wait for each other.
pub(crate) async fn read_image(
    job: Job,
    side: &'static str,
    connector: Arc<dyn Connector>,
    spec: ImageSpec,
    full: bool,
) -> Result<ReadDone> {
    let lease = ImageLease::take(&job, job.image_id(&spec).await?).await?;
    let done = read_alone(&job, side, connector, spec, full).await;
    lease.release().await;
    done
}

/// What changed, where that can be had and the last full read is young enough, else everything.
async fn read_alone(job: &Job, side: &'static str, connector: Arc<dyn Connector>, spec: ImageSpec, full: bool) -> Result<ReadDone> {
    let image = job.store().image(&spec).await?;
    let declared = super::layout::kind_spec(&*connector, &spec.kind, &spec.connection)?;
    let oldest = job.now() - Duration::hours(i64::from(job.integration.policy.full_read_hours));
    let since = match (&image.mark, image.complete_at) {
        (Some(mark), Some(at)) if !full && declared.changes == Changes::Since && at > oldest => Some(mark.clone()),
        _ => None,
    };
    // A run that was cut off goes on with the pages it had not stored yet.
    let open = if job.resumed { job.store().open_read(image.id).await? } else { None };
    let mut reader = Reader { job, side, connector, spec: &spec, image: image.id, rows: 0, stored: 0, open: None };
    let mut notes = Vec::new();
    let mut end = None;
    if let Some(open) = open {
        let rows = open.rows.clone();
        reader.open = Some(open);
        end = Some(reader.read_whole(rows).await?);
    } else if let Some(mark) = since {
        end = Some(reader.read_whole(Rows::Since(mark)).await?);
    }
    // A page that states how many rows exist at all tells of deletions and of lost permissions that no incremental read shows.
    let full =
        end.as_ref().is_none_or(|(rows, end)| *rows != Rows::All && end.complete && end.whole.is_some_and(|whole| whole != end.rows));
    if full {
        end = Some(reader.read_whole(Rows::All).await?);
    }
    let (_, end) = end.expect("one of the two reads was made");
    let rows = reader.rows;
    let Image { complete_at, .. } = job.store().image(&spec).await?;
    if !end.complete {
        let total = end.total.map_or_else(String::new, |total| format!(" of {total}"));
        notes.push(format!(
            "{side}: only {}{total} {} records could be read, {TRIES} times over; nothing is called absent",
            end.distinct, spec.kind
        ));
    }
    if end.gone > 0 {
        job.note(format!("{side}: {} {} records are gone", end.gone, spec.kind));
    }
    Ok(ReadDone { image: image.id, complete: end.complete, never_complete: complete_at.is_none(), rows, notes })
}

/// Rows that are enough for one transaction: with more, a crash repeats more and memory grows; with less, beginning and ending one is what costs.
const GROUP: usize = 2_000;

/// The cursor a page was fetched for, and what came.
type Fetched = (Option<Cursor>, Result<Page>);

struct Reader<'a> {
    job: &'a Job,
    side: &'static str,
    connector: Arc<dyn Connector>,
    spec: &'a ImageSpec,
    image: ImageId,
    /// Rows that came in, over all attempts.
    rows: u64,
    /// Rows of the present attempt.
    stored: u64,
    /// A read that was cut off, to go on with.
    open: Option<OpenRead>,
}

impl Reader<'_> {
    /// Reads these rows, again where that can help. A mark that died turns the read into a full one.
    async fn read_whole(&mut self, mut rows: Rows) -> Result<(Rows, ReadEnd)> {
        let (mut restarts, mut incomplete) = (0, 0);
        loop {
            match self.read_once(&rows).await {
                Ok(end) if end.complete => return Ok((rows, end)),
                Ok(end) => {
                    incomplete += 1;
                    if incomplete >= TRIES {
                        return Ok((rows, end));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Restart => {
                    restarts += 1;
                    if restarts >= TRIES {
                        return Err(error.hint(format!("the vendor ended this read {TRIES} times over; try again later")));
                    }
                    rows = Rows::All;
                }
                Err(error) if is_blocked(&error) => return Err(error),
                Err(error) => return Err(error.context(format!("connection {}", self.spec.connection))),
            }
        }
    }

    async fn read_once(&mut self, rows: &Rows) -> Result<ReadEnd> {
        let (job, store) = (self.job, self.job.store());
        let waiting = match self.open.take() {
            Some(open) if open.begun => open.open.into_iter().map(Some).collect(),
            Some(_) => VecDeque::from([None]),
            None => {
                store.begin_read(&job.fence, self.image, rows.clone()).await?;
                job.failpoint("after-begin-read");
                VecDeque::from([None])
            }
        };
        self.stored = 0;
        self.pump(Scan { kind: self.spec.kind.clone(), rows: rows.clone(), fields: self.spec.fields.clone() }, waiting).await?;
        job.failpoint("before-end-read");
        let end = store.end_read(&job.fence, self.image, job.now()).await?;
        job.failpoint("after-end-read");
        Ok(end)
    }

    /// Reads every page. Pages are fetched ahead and side by side; each is stored, together with the cursors it opened, after the page that
    /// opened it. Pages that are there already when one is stored go with it.
    async fn pump(&mut self, scan: Scan, mut waiting: VecDeque<Option<Cursor>>) -> Result<()> {
        let scan = Arc::new(scan);
        let mut known: HashSet<u64> = waiting.iter().flatten().map(fingerprint).collect();
        let mut total = None;
        let mut fetches = JoinSet::new();
        loop {
            self.fetch_ahead(&scan, &mut waiting, &mut fetches);
            let Some(first) = fetches.join_next().await else { return Ok(()) };
            let (mut pages, mut rows, mut failed) = (Vec::new(), 0, None);
            let mut next = Some(first);
            while let Some(fetched) = next.take() {
                match self.arrived(&scan, fetched, &mut known) {
                    Ok((answered, page)) => {
                        waiting.extend(page.next.iter().cloned().map(Some));
                        total = total.or(page.total);
                        rows += page.items.len();
                        let Page { items, next: opened, total, whole, mark } = page;
                        pages.push(PageIn { answered, opened, items, total, whole, mark });
                    }
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
                if rows < GROUP {
                    next = fetches.try_join_next();
                }
            }
            self.fetch_ahead(&scan, &mut waiting, &mut fetches);
            if !pages.is_empty() {
                self.store_pages(pages, rows as u64, total).await?;
            }
            if let Some(error) = failed {
                return Err(error);
            }
        }
    }

    /// A page that arrived, with the cursor it answers. `known` are the cursors seen so far.
    fn arrived(&self, scan: &Scan, fetched: Result<Fetched, JoinError>, known: &mut HashSet<u64>) -> Result<(Option<Cursor>, Page)> {
        let (answered, page) = fetched.map_err(|error| {
            Error::new(ErrorKind::Protocol, format!("the connector of `{}` broke down", self.spec.connection))
                .hint("report this with the log of the run")
                .source(error)
        })?;
        let page = page?;
        if page.next.iter().any(|cursor| !known.insert(fingerprint(cursor))) {
            return Err(Error::new(ErrorKind::Protocol, "the vendor's pages go in circles: a page names one that was read before")
                .operation(format!("read {}", scan.kind))
                .hint("try again; if it happens again, report it"));
        }
        Ok((answered, page))
    }

    fn fetch_ahead(&self, scan: &Arc<Scan>, waiting: &mut VecDeque<Option<Cursor>>, fetches: &mut JoinSet<Fetched>) {
        // Fetched pages that wait for the store count too, so that memory stays flat.
        while fetches.len() < self.job.options.width.max(1)
            && let Some(from) = waiting.pop_front()
        {
            let (connector, scan) = (self.connector.clone(), scan.clone());
            let fetched = async move {
                let page = connector.read(&scan, from.as_ref()).await;
                (from, page)
            };
            fetches.spawn(fetched.in_current_span());
        }
    }

    async fn store_pages(&mut self, pages: Vec<PageIn>, rows: u64, total: Option<u64>) -> Result<()> {
        let job = self.job;
        job.failpoint("before-put-page");
        job.store().put_pages(&job.fence, self.image, pages, job.now()).await?;
        job.failpoint("after-put-page");
        self.rows += rows;
        self.stored += rows;
        job.ports.progress.report(Event::Read { side: self.side, kind: self.spec.kind.clone(), rows: self.stored, total });
        Ok(())
    }
}

fn fingerprint(cursor: &Cursor) -> u64 {
    let mut hasher = DefaultHasher::new();
    cursor.hash(&mut hasher);
    hasher.finish()
}
