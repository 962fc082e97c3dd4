//! Reading: pages side by side, changes by row version, and a mark that no later change can hide behind.
//!
//! - **Paging:** `page_number` from 1, at most 200 rows; no order is defined [<https://apidocs.skynamo.com/>], so the store drops repeated ids.
//! - **Changes:** `greater_than(row_version,N)`. Row versions are taken to rise over the whole instance (unconfirmed).
//! - **The mark** has to be known before any row is read that it vouches for: whatever changes later then has a higher version. The opening
//!   request shows page 1 and the counts. Where there are more pages, the last one is read next, the mark is the highest version on these
//!   two, and page 1 is read *again* with all the others, since a row on it may have changed in between. The last page needs no second
//!   reading: its rows are as fresh as the mark. In whatever order rows come, the next run reads again only what lies above the mark, so
//!   unchanged runs converge: by id the last page is the newest, and of rows in random order two pages of 200 leave 1 in 400.
//! - **Late rows:** a change may become visible after one with a higher version (unconfirmed). The mark therefore lies `lookback` versions
//!   behind the highest; the store drops what repeats.
//! - **Deletions:** not shown. [`Page::whole`] counts all rows, which is how they are noticed.
//! - **A filter that is passed over:** rows are checked against it. If it was, the read goes on without it: more rows, none lost.

use futures::future::try_join_all;
use rightful_core::{Cursor, Error, ErrorKind, FieldName, Kind, Mark, Page, Record, RecordId, Response, Result, Rows, Scan};
use serde::{Deserialize, Serialize};

use crate::api::{Api, parsed};
use crate::map::{self, Column};
use crate::{VENDOR, wire};

/// The cursor's format.
const CURSOR: u16 = 1;

/// Item requests behind one cursor.
const CHUNK: usize = 50;

/// More pages than any instance has: a count beyond it is not believed.
const MOST_PAGES: u64 = 1_000_000;

/// How one connection reads.
#[derive(Clone, Debug)]
pub struct Reader {
    pub api: Api,
    pub page_size: u64,
    pub lookback: u64,
}

/// A kind with rows in a list.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub path: &'static str,
    pub operation: &'static str,
    /// Do rows carry a row version to filter by?
    pub versioned: bool,
    rows: fn(&Response, &[Column]) -> Result<Shown>,
    row: fn(&Response, &[Column]) -> Result<Record>,
}

/// The table of a kind.
///
/// # Errors
/// `Unsupported` where there is none.
pub fn table(kind: &Kind) -> Result<Table> {
    match kind {
        kind if *kind == map::USER => Ok(Table {
            path: "users",
            operation: "users",
            versioned: false,
            rows: |response, columns| shown(response, |row: wire::User| (None, map::user(row, columns))),
            row: |response, columns| Ok(map::user(parsed(response)?, columns)),
        }),
        kind if *kind == map::CUSTOMER => Ok(Table {
            path: "customers",
            operation: "customers",
            versioned: true,
            rows: |response, columns| {
                shown(response, |row: wire::Customer<'_>| (row.row_version.or(row.version), map::customer(row, columns)))
            },
            row: |response, columns| Ok(map::customer(parsed(response)?, columns)),
        }),
        kind if *kind == map::VISIT_FREQUENCY => Ok(Table {
            path: "visitfrequencies",
            operation: "visit frequencies",
            versioned: true,
            rows: |response, columns| {
                shown(response, |row: wire::VisitFrequency<'_>| (row.row_version.or(row.version), map::visit_frequency(row, columns)))
            },
            row: |response, columns| Ok(map::visit_frequency(parsed(response)?, columns)),
        }),
        _ => Err(Error::new(ErrorKind::Unsupported, format!("Skynamo's connector does not read `{kind}`"))),
    }
}

/// One page of a list, read.
struct Shown {
    records: Vec<Record>,
    /// Lowest and highest row version; `None` where there is no row, or one without a version.
    versions: Option<(u64, u64)>,
    counts: wire::Counts,
}

fn shown<'a, T: Deserialize<'a>>(response: &'a Response, map: impl Fn(T) -> (Option<wire::RowVersion>, Record)) -> Result<Shown> {
    let list: wire::List<T> = parsed(response)?;
    let mut versions = Some((u64::MAX, 0));
    let mut records = Vec::with_capacity(list.data.len());
    for row in list.data {
        let (version, record) = map(row);
        versions = versions.and_then(|(lowest, highest)| version.map(|wire::RowVersion(at)| (lowest.min(at), highest.max(at))));
        records.push(record);
    }
    Ok(Shown { versions: versions.filter(|(_, highest)| *highest > 0), records, counts: list.page })
}

/// Which rows a list request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Filter {
    /// All.
    None,
    /// Above a version, as the specification spells it.
    RowVersion(u64),
    /// The same, as a live client spells it.
    Version(u64),
}

impl Filter {
    fn text(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::RowVersion(above) => Some(format!("greater_than(row_version,{above})")),
            Self::Version(above) => Some(format!("greater_than(version,{above})")),
        }
    }

    /// Do the rows satisfy it, as far as they show?
    fn is_kept(self, page: &Shown) -> bool {
        match self {
            Self::None => true,
            Self::RowVersion(above) | Self::Version(above) => {
                page.records.is_empty() || page.versions.is_some_and(|(lowest, _)| lowest > above)
            }
        }
    }
}

/// A place inside a scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Place {
    /// A page of a list. `loose`: the opening could not tell whether the filter was kept.
    Page { number: u64, size: u64, filter: Filter, loose: bool, columns: Vec<Column> },
    /// Ids or key values from this one on.
    Chunk { from: usize, columns: Vec<Column> },
}

impl Reader {
    /// One page of a scan.
    pub async fn read(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        if scan.kind == map::INTEGRATION_FORM {
            return self.integration_form(scan).await;
        }
        let table = table(&scan.kind)?;
        let place = match from {
            Some(cursor) => Some(place(scan, cursor)?),
            None => None,
        };
        match (place, &scan.rows) {
            (Some(Place::Page { number, size, filter, loose, columns }), Rows::All | Rows::Since(_)) => {
                let page = self.list(&table, number, size, filter, &columns).await?;
                if !filter.is_kept(&page) && !loose {
                    return Err(Error::new(ErrorKind::Restart, "Skynamo kept the filter on one page and not on another")
                        .operation(table.operation)
                        .hint("start the read again"));
                }
                Ok(Page { items: page.records, ..Page::default() })
            }
            (Some(Place::Chunk { from, columns }), Rows::Ids(ids)) => self.by_ids(&table, ids, from, &columns).await,
            (Some(Place::Chunk { from, .. }), Rows::Keys(_, codes)) => self.by_codes(scan, codes, from).await,
            (Some(_), _) => Err(dead_cursor()),
            (None, Rows::All) => self.open(scan, &table, None).await,
            (None, Rows::Since(mark)) => {
                let above = mark.0.parse().map_err(|_| {
                    Error::new(ErrorKind::Restart, "this mark is not a row version").hint("read everything once to get a new mark")
                })?;
                self.open(scan, &table, Some(above)).await
            }
            (None, Rows::Ids(ids)) => {
                let columns = self.columns(scan).await?;
                let mut page = self.by_ids(&table, ids, 0, &columns).await?;
                page.next = chunks(scan, ids.len(), &columns);
                Ok(page)
            }
            (None, Rows::Keys(key, codes)) if *key == map::CODE && scan.kind == map::CUSTOMER => {
                let mut page = self.by_codes(scan, codes, 0).await?;
                page.next = chunks(scan, codes.len(), &[]);
                Ok(page)
            }
            (None, Rows::Keys(key, _)) => {
                Err(Error::new(ErrorKind::Unsupported, format!("Skynamo cannot look up `{}` by `{key}`", scan.kind)).hint("read all rows"))
            }
        }
    }

    /// Fields to where they come from; asks for the customer form only where a custom field is wanted.
    async fn columns(&self, scan: &Scan) -> Result<Vec<Column>> {
        let is_member = |field: &FieldName| map::CUSTOMER_MEMBERS.contains(&field.as_str());
        if scan.kind != map::CUSTOMER || scan.fields.iter().all(is_member) {
            return Ok(map::member_columns(&scan.fields));
        }
        map::customer_columns(&scan.fields, &self.api.customer_form().await?)
    }

    /// The beginning of a full read, or of one of changes above a version.
    async fn open(&self, scan: &Scan, table: &Table, above: Option<u64>) -> Result<Page> {
        let columns = self.columns(scan).await?;
        let (first, filter) = self.opening(table, above, &columns).await?;
        let pages = page_count(&first, self.page_size)?;
        let loose = first.counts.filtered_item_count == first.counts.total_item_count;
        let cursor = |number| {
            let place = Place::Page { number, size: self.page_size, filter, loose, columns: columns.clone() };
            Cursor::new(&VENDOR, CURSOR, scan, serde_json::to_string(&place).expect("a place is plain data"))
        };
        if pages <= 1 || !table.versioned {
            let mark = self.mark(table, above, [&first, &first]);
            return Ok(page(first, (2..=pages).map(cursor).collect(), mark));
        }
        let last = self.list(table, pages, self.page_size, filter, &columns).await?;
        if !filter.is_kept(&last) && !loose {
            return Err(Error::new(ErrorKind::Restart, "Skynamo kept the filter on one page and not on another")
                .operation(table.operation)
                .hint("start the read again"));
        }
        let mark = self.mark(table, above, [&first, &last]);
        // Rows may have come while we asked: their pages are opened as well.
        let now = last.counts.filtered_item_count.div_ceil(size_in_effect(&first, self.page_size)).clamp(pages, MOST_PAGES);
        let next = (1..=now).filter(|number| *number != pages).map(cursor).collect();
        Ok(page(last, next, mark))
    }

    /// The first page, with the strictest filter that the vendor keeps.
    async fn opening(&self, table: &Table, above: Option<u64>, columns: &[Column]) -> Result<(Shown, Filter)> {
        let filters = match above {
            Some(above) if table.versioned => vec![Filter::RowVersion(above), Filter::Version(above)],
            _ => Vec::new(),
        };
        for filter in filters {
            match self.list(table, 1, self.page_size, filter, columns).await {
                Ok(first) if filter.is_kept(&first) => return Ok((first, filter)),
                Ok(_) => tracing::warn!(operation = table.operation, ?filter, "Skynamo passed over the filter"),
                Err(error) if error.kind() == ErrorKind::Rejected => {
                    tracing::warn!(operation = table.operation, ?filter, "Skynamo refused the filter");
                }
                Err(error) => return Err(error),
            }
        }
        Ok((self.list(table, 1, self.page_size, Filter::None, columns).await?, Filter::None))
    }

    async fn list(&self, table: &Table, number: u64, size: u64, filter: Filter, columns: &[Column]) -> Result<Shown> {
        let response = self.api.page(table.operation, table.path, number, size, filter.text().as_deref()).await?;
        (table.rows)(&response, columns).map_err(|error| error.operation(table.operation))
    }

    /// Where the next incremental read begins; `None` where rows carry no version.
    fn mark(&self, table: &Table, above: Option<u64>, pages: [&Shown; 2]) -> Option<Mark> {
        if !table.versioned {
            return None;
        }
        let floor = above.unwrap_or(0);
        let mut mark = floor;
        for page in pages {
            if page.records.is_empty() {
                continue;
            }
            let (_, highest) = page.versions?;
            mark = mark.max(highest.saturating_sub(self.lookback));
        }
        Some(Mark(mark.to_string()))
    }

    async fn by_ids(&self, table: &Table, ids: &[RecordId], from: usize, columns: &[Column]) -> Result<Page> {
        let ids: Vec<&str> = ids.iter().skip(from).take(CHUNK).map(RecordId::as_str).collect();
        let responses = self.api.items(table.operation, table.path, &ids).await?;
        let mut items = Vec::with_capacity(ids.len());
        for (id, response) in ids.iter().zip(responses) {
            let Some(response) = response else { continue };
            let record = (table.row)(&response, columns).map_err(|error| error.operation(table.operation).context(format!("id {id}")))?;
            if record.id.as_str() != *id {
                return Err(Error::new(ErrorKind::Protocol, "Skynamo answered with another record")
                    .operation(table.operation)
                    .context(format!("asked for {id}, got {}", record.id))
                    .hint("report this"));
            }
            items.push(record);
        }
        Ok(Page { items, ..Page::default() })
    }

    /// Customers by code, one request per code: the vendor has no list operator.
    async fn by_codes(&self, scan: &Scan, codes: &[String], from: usize) -> Result<Page> {
        let columns = self.columns(scan).await?;
        let table = table(&map::CUSTOMER)?;
        let found = codes.iter().skip(from).take(CHUNK).map(|code| self.by_code(&table, code, &columns));
        let items = try_join_all(found).await?.into_iter().flatten().collect();
        Ok(Page { items, ..Page::default() })
    }

    async fn by_code(&self, table: &Table, code: &str, columns: &[Column]) -> Result<Option<Record>> {
        let filter = format!("equals(code,{code})");
        let response = self.api.page("customer by code", table.path, 1, self.page_size, Some(&filter)).await?;
        let page = (table.rows)(&response, columns).map_err(|error| error.operation("customer by code"))?;
        let mut found = None;
        for record in page.records {
            match record.key(&map::CODE) {
                Some(other) if other == code => found = Some(record),
                // The vendor may compare without regard to case; a code that differs in case is another customer.
                Some(other) if other.to_lowercase() == code.to_lowercase() => {}
                _ => {
                    return Err(Error::new(ErrorKind::Protocol, "Skynamo passed over the filter on `code`")
                        .operation("customer by code")
                        .hint("read all customers instead"));
                }
            }
        }
        Ok(found)
    }

    /// The boxes of the active integration's settings: one object, no pages.
    async fn integration_form(&self, scan: &Scan) -> Result<Page> {
        let response = self.api.integration_form().await?;
        let form: wire::IntegrationForm<'_> = parsed(&response).map_err(|error| error.operation("integration form"))?;
        let columns = map::member_columns(&scan.fields);
        let boxes = form.custom_fields.iter().map(|field| map::integration_box(field, form.last_modified_time.as_ref(), &columns));
        let items: Vec<Record> = match &scan.rows {
            Rows::Ids(ids) => boxes.filter(|record| ids.contains(&record.id)).collect(),
            _ => boxes.collect(),
        };
        let total = matches!(scan.rows, Rows::All).then_some(items.len() as u64);
        Ok(Page { total, whole: total, items, ..Page::default() })
    }

    /// Rows by id as they are now, for settling writes; absent rows are left out.
    pub async fn now(&self, kind: &Kind, ids: &[RecordId]) -> Result<Vec<Record>> {
        let table = table(kind)?;
        let mut records = Vec::with_capacity(ids.len());
        for from in (0..ids.len()).step_by(CHUNK) {
            records.extend(self.by_ids(&table, ids, from, &[]).await?.items);
        }
        Ok(records)
    }
}

fn page(shown: Shown, next: Vec<Cursor>, mark: Option<Mark>) -> Page {
    Page { items: shown.records, next, total: Some(shown.counts.filtered_item_count), whole: Some(shown.counts.total_item_count), mark }
}

/// Rows per page as the vendor really gives them: it may give fewer than asked for.
fn size_in_effect(first: &Shown, asked: u64) -> u64 {
    let rows = first.records.len() as u64;
    if rows < first.counts.filtered_item_count {
        return rows.max(1);
    }
    let stated = first.counts.page_size;
    if stated == 0 { asked } else { stated.min(asked) }
}

fn page_count(first: &Shown, asked: u64) -> Result<u64> {
    let matched = first.counts.filtered_item_count;
    let pages = matched.div_ceil(size_in_effect(first, asked));
    if first.records.is_empty() && matched > 0 || pages > MOST_PAGES {
        return Err(Error::new(ErrorKind::Protocol, "the counts of the list do not fit its rows")
            .context(format!("{matched} rows stated, {} on the first page", first.records.len()))
            .hint("run it again; if it stays, report it"));
    }
    Ok(pages)
}

fn place(scan: &Scan, cursor: &Cursor) -> Result<Place> {
    serde_json::from_str(cursor.check(&VENDOR, CURSOR, scan)?).map_err(|_| dead_cursor())
}

fn dead_cursor() -> Error {
    Error::new(ErrorKind::Restart, "this cursor cannot be read").hint("start the read again")
}

/// Cursors of the chunks after the first.
fn chunks(scan: &Scan, len: usize, columns: &[Column]) -> Vec<Cursor> {
    (CHUNK..len)
        .step_by(CHUNK)
        .map(|from| {
            let place = Place::Chunk { from, columns: columns.to_vec() };
            Cursor::new(&VENDOR, CURSOR, scan, serde_json::to_string(&place).expect("a place is plain data"))
        })
        .collect()
}
