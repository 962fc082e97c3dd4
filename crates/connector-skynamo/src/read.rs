//! Reading: pages side by side, changes by row version, and a mark that no later change can hide behind.
//!
//! - **Paging:** `page_number` from 1, at most 200 rows; no order is defined [<https://apidocs.skynamo.com/>], so the store drops repeated ids.
//! - **Changes:** `greater_than(row_version,N)`. Row versions are taken to rise over the whole instance (unconfirmed).
//! - **The mark of a full read** has to be known before any row is read that it vouches for: whatever changes later then has a higher
//!   version. The opening request shows page 1 and the counts. Where there are more pages, the last one is read next, the mark is the
//!   highest version on these two, and page 1 is read *again* with all the others, since a row on it may have changed in between. The last
//!   page needs no second reading: its rows are as fresh as the mark. A mark that is too low costs rows, never changes.
//! - **Changes on one page** are one answer: nothing moves inside it, and the highest version on it is the mark.
//! - **Changes on several pages** are read through a closed window: above the old mark, up to the highest version there is. A row that
//!   changes meanwhile leaves the window (and is above the new mark), so as long as each page states the same count it is the same set
//!   of rows, and no row slips from an unread page to a read one. A page with another count ends in `Restart`.
//! - **Late rows:** a change may become visible after one with a higher version (unconfirmed). The mark therefore lies `lookback` versions
//!   behind the highest; the store drops what repeats.
//! - **Deletions:** not shown. [`Page::whole`] counts all rows, which is how they are noticed.
//! - **A filter that is passed over:** rows are checked against it. If it was, everything is read: more rows, none lost.

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

/// Rounds in search of the highest version. Each leaves about one row in four hundred, in whatever order rows come.
const ROUNDS: usize = 8;

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
            rows: |response, columns| match wants_custom(columns) {
                true => shown(response, |row| customer::<wire::Fields<'_>>(row, columns)),
                false => shown(response, |row| customer::<wire::Skipped>(row, columns)),
            },
            row: |response, columns| match wants_custom(columns) {
                true => Ok(customer::<wire::Fields<'_>>(parsed(response)?, columns).1),
                false => Ok(customer::<wire::Skipped>(parsed(response)?, columns).1),
            },
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

/// Is any custom field asked for? If not, rows are read without looking at theirs.
fn wants_custom(columns: &[Column]) -> bool {
    columns.iter().any(|column| matches!(column, Column::Custom(_)))
}

fn customer<F: wire::CustomValues>(row: wire::Customer<'_, F>, columns: &[Column]) -> (Option<wire::RowVersion>, Record) {
    (row.row_version.or(row.version), map::customer(row, columns))
}

/// One page of a list, read.
struct Shown {
    records: Vec<Record>,
    /// Lowest and highest row version; `None` where there is no row, or one without a version.
    versions: Option<(u64, u64)>,
    counts: wire::Counts,
}

impl Shown {
    fn highest(&self) -> u64 {
        self.versions.map_or(0, |(_, highest)| highest)
    }
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

/// Rows above one version and up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    spelling: Spelling,
    above: u64,
    up_to: Option<u64>,
}

/// What the version is called in filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Spelling {
    /// As the specification has it.
    RowVersion,
    /// As a live client has it.
    Version,
}

impl Window {
    fn predicates(self) -> Vec<String> {
        let name = match self.spelling {
            Spelling::RowVersion => "row_version",
            Spelling::Version => "version",
        };
        let mut predicates = vec![format!("greater_than({name},{})", self.above)];
        predicates.extend(self.up_to.map(|up_to| format!("less_than_equals({name},{up_to})")));
        predicates
    }

    /// Do the rows lie in it? Rows without a version cannot show that they do.
    fn holds(self, page: &Shown) -> bool {
        page.records.is_empty()
            || page.versions.is_some_and(|(lowest, highest)| lowest > self.above && self.up_to.is_none_or(|up_to| highest <= up_to))
    }
}

/// A place inside a scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Place {
    /// A page of a list: of all rows, or of a window that held this many when it was opened.
    Page { number: u64, size: u64, window: Option<(Window, u64)>, columns: Vec<Column> },
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
            (Some(Place::Page { number, size, window, columns }), Rows::All | Rows::Since(_)) => {
                let page = self.list(&table, number, size, window.map(|(window, _)| window), &columns).await?;
                if window.is_some_and(|(window, count)| !window.holds(&page) || page.counts.filtered_item_count != count) {
                    return Err(Error::new(ErrorKind::Restart, "rows changed while changes were read")
                        .operation(table.operation)
                        .hint("start the read again"));
                }
                Ok(Page { items: page.records, ..Page::default() })
            }
            (Some(Place::Chunk { from, columns }), Rows::Ids(ids)) => self.by_ids(&table, ids, from, &columns).await,
            (Some(Place::Chunk { from, columns }), Rows::Keys(_, codes)) => self.by_codes(&table, codes, from, &columns).await,
            (Some(_), _) => Err(dead_cursor()),
            (None, Rows::All) => {
                let columns = self.columns(scan).await?;
                self.open_all(scan, &table, 0, &columns).await
            }
            (None, Rows::Since(mark)) => {
                let above = mark.0.parse().map_err(|_| {
                    Error::new(ErrorKind::Restart, "this mark is not a row version").hint("read everything once to get a new mark")
                })?;
                self.open_since(scan, &table, above).await
            }
            (None, Rows::Ids(ids)) => {
                let columns = self.columns(scan).await?;
                let mut page = self.by_ids(&table, ids, 0, &columns).await?;
                page.next = chunks(scan, ids.len(), &columns);
                Ok(page)
            }
            (None, Rows::Keys(key, codes)) if *key == map::CODE && scan.kind == map::CUSTOMER => {
                let columns = self.columns(scan).await?;
                let mut page = self.by_codes(&table, codes, 0, &columns).await?;
                page.next = chunks(scan, codes.len(), &columns);
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

    /// The beginning of a read of all rows. Its mark never falls below `floor`.
    async fn open_all(&self, scan: &Scan, table: &Table, floor: u64, columns: &[Column]) -> Result<Page> {
        let first = self.list(table, 1, self.page_size, None, columns).await?;
        let pages = page_count(&first, self.page_size)?;
        if pages <= 1 || !table.versioned {
            let mark = self.mark(table, floor, &[&first]);
            return Ok(page(first, self.cursors(scan, 2..=pages, None, columns), mark));
        }
        let last = self.list(table, pages, self.page_size, None, columns).await?;
        let mark = self.mark(table, floor, &[&first, &last]);
        // Rows may have come while we asked: their pages are opened as well.
        let now = last.counts.filtered_item_count.div_ceil(size_in_effect(&first, self.page_size)).clamp(pages, MOST_PAGES);
        let next = self.cursors(scan, (1..=now).filter(|number| *number != pages), None, columns);
        Ok(page(last, next, mark))
    }

    /// The beginning of a read of changes, with the first spelling of the filter that the vendor keeps, else of all rows.
    async fn open_since(&self, scan: &Scan, table: &Table, above: u64) -> Result<Page> {
        let columns = self.columns(scan).await?;
        if table.versioned {
            for spelling in [Spelling::RowVersion, Spelling::Version] {
                match self.open_window(scan, table, Window { spelling, above, up_to: None }, &columns).await {
                    Ok(Some(page)) => return Ok(page),
                    Ok(None) => tracing::warn!(operation = table.operation, ?spelling, "Skynamo passed over the filter"),
                    Err(error) if error.kind() == ErrorKind::Rejected => {
                        tracing::warn!(operation = table.operation, ?spelling, "Skynamo refused the filter");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        self.open_all(scan, table, above, &columns).await
    }

    /// The beginning of a read of changes; `None` where the vendor does not keep the filter.
    async fn open_window(&self, scan: &Scan, table: &Table, open: Window, columns: &[Column]) -> Result<Option<Page>> {
        let first = self.list(table, 1, self.page_size, Some(open), columns).await?;
        if !open.holds(&first) {
            return Ok(None);
        }
        if page_count(&first, self.page_size)? <= 1 {
            let mark = self.mark(table, open.above, &[&first]);
            return Ok(Some(page(first, Vec::new(), mark)));
        }
        let Some(highest) = self.highest(table, open, first, columns).await? else { return Ok(None) };
        let window = Window { up_to: Some(highest), ..open };
        let first = self.list(table, 1, self.page_size, Some(window), columns).await?;
        if !window.holds(&first) {
            return Ok(None);
        }
        let held = Some((window, first.counts.filtered_item_count));
        let next = self.cursors(scan, 2..=page_count(&first, self.page_size)?, held, columns);
        Ok(Some(page(first, next, Some(self.mark_at(open.above, highest)))))
    }

    /// The highest version there is, from the first and last pages of what lies above ever higher versions.
    ///
    /// `None` where the vendor does not keep the filter. Where the rounds do not suffice it is a version that exists: what lies above it
    /// is read next time.
    async fn highest(&self, table: &Table, open: Window, first: Shown, columns: &[Column]) -> Result<Option<u64>> {
        let mut window = open;
        let mut first = first;
        for _ in 0..ROUNDS {
            let pages = page_count(&first, self.page_size)?;
            let mut highest = first.highest().max(window.above);
            if pages <= 1 {
                return Ok(Some(highest));
            }
            let last = self.list(table, pages, self.page_size, Some(window), columns).await?;
            if !window.holds(&last) {
                return Ok(None);
            }
            highest = highest.max(last.highest());
            window.above = highest;
            first = self.list(table, 1, self.page_size, Some(window), columns).await?;
            if !window.holds(&first) {
                return Ok(None);
            }
        }
        Ok(Some(window.above))
    }

    fn cursors(&self, scan: &Scan, numbers: impl Iterator<Item = u64>, window: Option<(Window, u64)>, columns: &[Column]) -> Vec<Cursor> {
        numbers.map(|number| cursor(scan, &Place::Page { number, size: self.page_size, window, columns: columns.to_vec() })).collect()
    }

    async fn list(&self, table: &Table, number: u64, size: u64, window: Option<Window>, columns: &[Column]) -> Result<Shown> {
        let predicates = window.map(Window::predicates).unwrap_or_default();
        let response = self.api.page(table.operation, table.path, number, size, &predicates).await?;
        (table.rows)(&response, columns).map_err(|error| error.operation(table.operation))
    }

    /// Where the next incremental read begins; `None` where rows carry no version.
    fn mark(&self, table: &Table, floor: u64, pages: &[&Shown]) -> Option<Mark> {
        let shown = pages.iter().all(|page| page.records.is_empty() || page.versions.is_some());
        let highest = pages.iter().map(|page| page.highest()).max().unwrap_or(0);
        (table.versioned && shown).then(|| self.mark_at(floor, highest))
    }

    fn mark_at(&self, floor: u64, highest: u64) -> Mark {
        Mark(highest.saturating_sub(self.lookback).max(floor).to_string())
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
    async fn by_codes(&self, table: &Table, codes: &[String], from: usize, columns: &[Column]) -> Result<Page> {
        let found = codes.iter().skip(from).take(CHUNK).map(|code| self.by_code(table, code, columns));
        let items = try_join_all(found).await?.into_iter().flatten().collect();
        Ok(Page { items, ..Page::default() })
    }

    async fn by_code(&self, table: &Table, code: &str, columns: &[Column]) -> Result<Option<Record>> {
        let filter = format!("equals(code,{code})");
        let response = self.api.page("customer by code", table.path, 1, self.page_size, &[filter]).await?;
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
    (CHUNK..len).step_by(CHUNK).map(|from| cursor(scan, &Place::Chunk { from, columns: columns.to_vec() })).collect()
}

fn cursor(scan: &Scan, place: &Place) -> Cursor {
    Cursor::new(&VENDOR, CURSOR, scan, serde_json::to_string(place).expect("a place is plain data"))
}
