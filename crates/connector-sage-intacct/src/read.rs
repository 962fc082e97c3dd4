//! Reading: pages that follow each other by key, so that no row is lost between them, and changes by WHENMODIFIED.
//!
//! - **Paging:** each page of `query` is a query of its own, not a cursor; an offset would lose rows that move
//!   [<https://developer.intacct.com/web-services/queries/>]. The next page is therefore asked for by key. A read of all rows goes by
//!   RECORDNO, which is unique and never changes: whatever else happens meanwhile, a row that exists throughout is met once.
//! - **Side by side:** where the account bears two requests (IN-13), the first request also asks for the highest RECORDNO, and the rest is
//!   read in two ranges.
//! - **Changes:** WHENMODIFIED, in whole seconds. A read of changes goes by (WHENMODIFIED, RECORDNO) (IN-16), so that an import that leaves
//!   thousands of rows with one time is paged through by RECORDNO. That the vendor orders by no finer time than it shows is *unconfirmed*:
//!   rows out of order end the read in `Restart`, and all rows are read by RECORDNO instead.
//! - **Ties and late rows:** the mark is the vendor's own time of the first answer minus the lookback. Answers show changes with a delay
//!   [<https://github.com/estuary/connectors/pull/2776>]; what lies within the lookback is read again, and the store drops what repeats.
//! - **Deletions:** not shown by WHENMODIFIED. A read of changes asks in its first request how many rows there are, which is how they are
//!   noticed. AUDITHISTORY would name them, but needs a permission of its own.
//! - **A customer's rep** is a person elsewhere: WHENMODIFIED of a customer does not move with its rep's contact or user (*unconfirmed*), so
//!   employees, contacts and users are read by themselves. The e-mail on an employee or user is their contact's when they were last changed.
//! - **By id:** `read` by RECORDNO, which sees a write at once. **By key:** `query` with `in`, since names may hold commas, which the
//!   lists of `readByName` cannot.

use std::borrow::Cow;
use std::collections::HashSet;

use chrono::TimeDelta;
use rightful_core::{Cursor, Error, ErrorKind, Instant, Kind, Mark, Page, Record, RecordId, Result, Rows, Scan};
use serde::{Deserialize, Serialize};

use crate::VENDOR;
use crate::api::{Api, answer, miscounted};
use crate::formatting::Formatting;
use crate::map::{self, MODIFIED, Object, RECORD_NUMBER, Row, Shape, Through};
use crate::wire::{self, Counts, Filter, Function, MOST_KEYS, MOST_ROWS, MOST_VALUES, Operator, Query, ResultHead};
use crate::xml::Sink;

/// The cursor's format.
const CURSOR: u16 = 1;

/// Control ids of the functions of a request.
const PAGE: &str = "page";
const LAST: &str = "last";
const WHOLE: &str = "whole";

/// How one connection reads.
#[derive(Clone, Debug)]
pub struct Reader {
    pub api: Api,
    pub page_size: usize,
    pub lookback: TimeDelta,
    pub show_private: bool,
    /// Requests side by side.
    pub width: usize,
}

/// A place inside a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    /// All rows with a number above this one, and up to that one.
    Range { above: u64, up_to: Option<u64> },
    /// Changes after the row with this time and number.
    After { when: Instant, number: u64 },
    /// Ids or key values from this one on.
    Chunk { from: usize },
}

/// The order of a read of all rows.
const BY_NUMBER: &[&str] = &[RECORD_NUMBER];
/// The order of a read of changes.
const BY_CHANGE: &[&str] = &[MODIFIED, RECORD_NUMBER];

impl Reader {
    /// One page of a scan.
    pub async fn read(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        let object = map::object(&scan.kind)?;
        let place = from.map(|cursor| place(scan, cursor)).transpose()?;
        let page = match (place, &scan.rows) {
            (None, Rows::All) => self.open_all(scan, object).await,
            (Some(Place::Range { above, up_to }), Rows::All) => self.range(scan, object, above, up_to).await,
            (None, Rows::Since(mark)) => self.open_changes(scan, object, since(mark)?).await,
            (Some(Place::After { when, number }), Rows::Since(_)) => self.changes_after(scan, object, when, number).await,
            (None, Rows::Ids(ids)) => self.by_ids(scan, object, ids, 0).await,
            (Some(Place::Chunk { from }), Rows::Ids(ids)) => self.by_ids(scan, object, ids, from).await,
            (None, Rows::Keys(key, values)) if *key == object.key => self.by_keys(scan, object, values, 0).await,
            (Some(Place::Chunk { from }), Rows::Keys(key, values)) if *key == object.key => self.by_keys(scan, object, values, from).await,
            (None, Rows::Keys(key, _)) => {
                Err(Error::new(ErrorKind::Unsupported, format!("Sage Intacct cannot look up `{}` by `{key}`", scan.kind))
                    .hint("read all rows"))
            }
            (Some(_), _) => Err(dead_cursor()),
        };
        page.map_err(|error| error.operation(object.operation))
    }

    fn query<'a>(&self, shape: &'a Shape, filter: Option<Filter>, order: &'static [&'static str]) -> Query<'a> {
        Query {
            object: shape.object.name,
            select: &shape.columns,
            filter,
            order,
            descending: false,
            show_private: self.show_private,
            page_size: self.page_size,
        }
    }

    /// The beginning of a read of all rows.
    async fn open_all(&self, scan: &Scan, object: &'static Object) -> Result<Page> {
        let shape = Shape::new(object, &scan.fields, Through::Query)?;
        let mut functions = vec![Function::new(PAGE, self.query(&shape, None, BY_NUMBER).call()?)];
        let number_only = [RECORD_NUMBER.to_owned()];
        if self.width > 1 {
            let last = Query { select: &number_only, descending: true, page_size: 1, ..self.query(&shape, None, BY_NUMBER) };
            functions.push(Function::new(LAST, last.call()?));
        }
        let shown = self.shown(&shape, &functions).await?;
        let end = shown.last_number(object, 0)?;
        let next = match shown.last {
            _ if !shown.goes_on()? => Vec::new(),
            // Worth two ranges only where each has a page or so.
            Some(last) if last > end.saturating_add(self.page_size as u64) => {
                let middle = end + (last - end) / 2;
                vec![Place::Range { above: end, up_to: Some(middle) }, Place::Range { above: middle, up_to: None }]
            }
            _ => vec![Place::Range { above: end, up_to: None }],
        };
        let mark = Some(self.mark(shown.answered_at, None));
        Ok(Page { next: cursors(scan, &next), total: shown.counts.total, whole: shown.counts.total, mark, items: shown.into_items() })
    }

    async fn range(&self, scan: &Scan, object: &'static Object, above: u64, up_to: Option<u64>) -> Result<Page> {
        let shape = Shape::new(object, &scan.fields, Through::Query)?;
        let lower = Filter::Is(Operator::Above, RECORD_NUMBER, above.to_string());
        let filter = match up_to {
            None => lower,
            Some(up_to) => Filter::All(vec![lower, Filter::Is(Operator::UpTo, RECORD_NUMBER, up_to.to_string())]),
        };
        let shown = self.shown(&shape, &[Function::new(PAGE, self.query(&shape, Some(filter), BY_NUMBER).call()?)]).await?;
        let end = shown.last_number(object, above)?;
        let next = if shown.goes_on()? { vec![Place::Range { above: end, up_to }] } else { Vec::new() };
        Ok(Page { next: cursors(scan, &next), items: shown.into_items(), ..Page::default() })
    }

    /// The beginning of a read of changes. How many rows there are is asked for in the same request.
    async fn open_changes(&self, scan: &Scan, object: &'static Object, since: Instant) -> Result<Page> {
        let shape = Shape::new(object, &scan.fields, Through::Query)?;
        let formatting = self.api.formatting().await?;
        let filter = Filter::Is(Operator::From, MODIFIED, formatting.write(since));
        let number_only = [RECORD_NUMBER.to_owned()];
        let whole = Query { select: &number_only, page_size: 1, ..self.query(&shape, None, BY_NUMBER) };
        let functions = [Function::new(PAGE, self.query(&shape, Some(filter), BY_CHANGE).call()?), Function::new(WHOLE, whole.call()?)];
        let shown = self.shown(&shape, &functions).await?;
        let next = shown.next_change(object, None)?;
        let mark = Some(self.mark(shown.answered_at, Some(since)));
        Ok(Page {
            next: cursors(scan, &Vec::from_iter(next)),
            total: shown.counts.total,
            whole: shown.whole,
            mark,
            items: shown.into_items(),
        })
    }

    async fn changes_after(&self, scan: &Scan, object: &'static Object, when: Instant, number: u64) -> Result<Page> {
        let shape = Shape::new(object, &scan.fields, Through::Query)?;
        let time = self.api.formatting().await?.write(when);
        let filter = Filter::Any(vec![
            Filter::Is(Operator::Above, MODIFIED, time.clone()),
            Filter::All(vec![Filter::Is(Operator::Equal, MODIFIED, time), Filter::Is(Operator::Above, RECORD_NUMBER, number.to_string())]),
        ]);
        let shown = self.shown(&shape, &[Function::new(PAGE, self.query(&shape, Some(filter), BY_CHANGE).call()?)]).await?;
        let next = shown.next_change(object, Some((when, number)))?;
        Ok(Page { next: cursors(scan, &Vec::from_iter(next)), items: shown.into_items(), ..Page::default() })
    }

    /// Rows by number. What is no number of the vendor's never was an id.
    async fn by_ids(&self, scan: &Scan, object: &'static Object, ids: &[RecordId], from: usize) -> Result<Page> {
        let next = chunks(scan, from, MOST_KEYS, ids.len());
        let wanted: Vec<&str> = ids.iter().skip(from).take(MOST_KEYS).map(RecordId::as_str).filter(|id| is_number(id)).collect();
        if wanted.is_empty() {
            return Ok(Page { next, ..Page::default() });
        }
        let shape = Shape::new(object, &scan.fields, Through::Read)?;
        let shown = self.shown(&shape, &[Function::new(PAGE, wire::read(object.name, &wanted, &shape.columns)?)]).await?;
        let items = shown.into_items();
        match items.iter().find(|record| !wanted.contains(&record.id.as_str())) {
            None => Ok(Page { items, next, ..Page::default() }),
            Some(stranger) => Err(miscounted(format!("{} {} was not asked for", object.name, stranger.id))),
        }
    }

    /// Rows by their natural key, compared to the letter (IN-21). Lists are cut where the gateway's end (IN-15).
    async fn by_keys(&self, scan: &Scan, object: &'static Object, values: &[String], from: usize) -> Result<Page> {
        let next = chunks(scan, from, MOST_VALUES, values.len());
        let wanted: Vec<String> = values.iter().skip(from).take(MOST_VALUES).filter(|value| !value.is_empty()).cloned().collect();
        if wanted.is_empty() {
            return Ok(Page { next, ..Page::default() });
        }
        let shape = Shape::new(object, &scan.fields, Through::Query)?;
        let query = Query { page_size: MOST_ROWS, ..self.query(&shape, Some(Filter::In(object.natural, wanted.clone())), BY_NUMBER) };
        let shown = self.shown(&shape, &[Function::new(PAGE, query.call()?)]).await?;
        if shown.goes_on()? {
            return Err(miscounted(format!("more rows than the {} values asked for", wanted.len())));
        }
        let wanted: HashSet<&str> = wanted.iter().map(String::as_str).collect();
        let mut items = shown.into_items();
        items.retain(|record| record.key(&object.key).is_some_and(|value| wanted.contains(value)));
        Ok(Page { items, next, ..Page::default() })
    }

    /// Rows by number as they are now, for settling writes; absent rows are left out.
    pub async fn now(&self, kind: &Kind, ids: &[RecordId]) -> Result<Vec<Record>> {
        let object = map::object(kind)?;
        let scan = Scan::ids(kind.clone(), ids.to_vec());
        let mut records = Vec::with_capacity(ids.len());
        for from in (0..ids.len()).step_by(MOST_KEYS) {
            records.extend(self.by_ids(&scan, object, ids, from).await?.items);
        }
        Ok(records)
    }

    /// Sends functions and reads what they show.
    async fn shown(&self, shape: &Shape, functions: &[Function]) -> Result<Shown> {
        let formatting = self.api.formatting().await?;
        let response = self.api.pages(shape.object.operation, functions).await?;
        let mut reading = Reading::new(shape, &formatting);
        let ids: Vec<&str> = functions.iter().map(|function| function.control_id.as_str()).collect();
        let envelope = answer(&response, &ids, &mut reading)?;
        reading.shown.check()?;
        Ok(Shown { answered_at: envelope.answered_at, ..reading.shown })
    }

    /// Where the next read of changes begins: by the vendor's clock, so that ours may be wrong; never before `floor`.
    fn mark(&self, answered_at: Option<Instant>, floor: Option<Instant>) -> Mark {
        let now = answered_at.unwrap_or_else(|| self.api.client.context().clock.now());
        let at = floor.map_or(now - self.lookback, |floor| floor.max(now - self.lookback));
        Mark(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    }
}

/// What an answer showed.
#[derive(Debug, Default)]
struct Shown {
    rows: Vec<Row>,
    counts: Counts,
    /// The highest number of any row.
    last: Option<u64>,
    /// How many rows there are at all.
    whole: Option<u64>,
    answered_at: Option<Instant>,
}

impl Shown {
    fn check(&self) -> Result<()> {
        match self.counts.count {
            Some(count) if count != self.rows.len() as u64 => Err(miscounted(format!("{count} rows stated, {} found", self.rows.len()))),
            Some(_) => Ok(()),
            None => Err(miscounted("no rows, and no word of how many".to_owned())),
        }
    }

    /// Are there rows after these?
    fn goes_on(&self) -> Result<bool> {
        match self.counts.remaining {
            Some(0) => Ok(false),
            Some(remaining) if self.rows.is_empty() => Err(miscounted(format!("no rows, though {remaining} remain"))),
            Some(_) => Ok(true),
            None => Err(miscounted("no word of how many rows remain".to_owned())),
        }
    }

    /// The last number, where numbers ascend as asked for: the next page begins after it.
    fn last_number(&self, object: &Object, after: u64) -> Result<u64> {
        let mut last = after;
        for (place, row) in self.rows.iter().enumerate() {
            if row.number <= last && (place > 0 || after > 0) {
                return Err(Error::new(ErrorKind::Protocol, format!("rows of {} are not in the order of their numbers", object.name))
                    .hint("run it again; if it stays, report it"));
            }
            last = row.number;
        }
        Ok(last)
    }

    /// The place after the last row, where rows ascend by time and number as asked for.
    fn next_change(&self, object: &Object, after: Option<(Instant, u64)>) -> Result<Option<Place>> {
        let mut last = after;
        for row in &self.rows {
            let Some(when) = row.record.changed_at else {
                return Err(Error::new(ErrorKind::Protocol, format!("a changed row of {} has no time", object.name))
                    .context(format!("row {}", row.number)));
            };
            if last.is_some_and(|last| (when, row.number) <= last) {
                return Err(Error::new(
                    ErrorKind::Restart,
                    format!("changes of {} are not in the order of the times they show", object.name),
                )
                .hint("start the read again with all rows"));
            }
            last = Some((when, row.number));
        }
        let goes_on = self.goes_on()?;
        Ok(last.filter(|_| goes_on).map(|(when, number)| Place::After { when, number }))
    }

    fn into_items(self) -> Vec<Record> {
        self.rows.into_iter().map(|row| row.record).collect()
    }
}

/// Takes the rows of a page straight into records.
struct Reading<'s, 'a> {
    shape: &'s Shape,
    formatting: &'s Formatting,
    /// The present row's text per column.
    slots: Vec<Cow<'a, str>>,
    /// The column that is due: fields come in the order they were asked for.
    due: usize,
    is_page: bool,
    shown: Shown,
}

impl<'s, 'a> Reading<'s, 'a> {
    fn new(shape: &'s Shape, formatting: &'s Formatting) -> Self {
        let slots = vec![Cow::Borrowed(""); shape.columns.len()];
        Self { shape, formatting, slots, due: 0, is_page: false, shown: Shown::default() }
    }

    fn column(&mut self, name: &str) -> Option<usize> {
        let columns = &self.shape.columns;
        let found = if columns.get(self.due).is_some_and(|column| column == name) {
            self.due
        } else {
            columns.iter().position(|column| column == name)?
        };
        self.due = found + 1;
        Some(found)
    }
}

impl<'a> Sink<'a> for Reading<'_, 'a> {
    fn data(&mut self, result: &ResultHead, counts: Counts) -> Result<()> {
        self.is_page = result.control_id == PAGE;
        match result.control_id.as_str() {
            PAGE => {
                self.shown.counts = counts;
                self.shown.rows.reserve(usize::try_from(counts.count.unwrap_or(0)).unwrap_or(0).min(MOST_ROWS));
            }
            WHOLE => self.shown.whole = counts.total,
            _ => {}
        }
        Ok(())
    }

    fn field(&mut self, name: &str, text: Cow<'a, str>) -> Result<()> {
        if !self.is_page {
            if name == RECORD_NUMBER {
                self.shown.last = text.trim().parse().ok();
            }
        } else if let Some(column) = self.column(name) {
            self.slots[column] = text;
        }
        Ok(())
    }

    /// IN-17: the element's letter case does not matter; it is not even looked at.
    fn record(&mut self, _: &str) -> Result<()> {
        if self.is_page {
            self.shown.rows.push(self.shape.row(&mut self.slots, self.formatting)?);
            self.slots.fill(Cow::Borrowed(""));
            self.due = 0;
        }
        Ok(())
    }
}

fn since(mark: &Mark) -> Result<Instant> {
    mark.0.parse().map_err(|_| Error::new(ErrorKind::Restart, "this mark is no moment").hint("read everything once to get a new mark"))
}

/// Would Sage Intacct write it so? `007` and `+7` never were record numbers of their own.
pub fn is_number(id: &str) -> bool {
    id.parse::<u64>().is_ok_and(|number| number.to_string() == id)
}

fn place(scan: &Scan, cursor: &Cursor) -> Result<Place> {
    serde_json::from_str(cursor.check(&VENDOR, CURSOR, scan)?).map_err(|_| dead_cursor())
}

fn dead_cursor() -> Error {
    Error::new(ErrorKind::Restart, "this cursor cannot be read").hint("start the read again")
}

/// Cursors of the chunks after the first; only the first page opens them.
fn chunks(scan: &Scan, from: usize, size: usize, len: usize) -> Vec<Cursor> {
    if from > 0 {
        return Vec::new();
    }
    let places: Vec<Place> = (size..len).step_by(size).map(|from| Place::Chunk { from }).collect();
    cursors(scan, &places)
}

fn cursors(scan: &Scan, places: &[Place]) -> Vec<Cursor> {
    places.iter().map(|place| Cursor::new(&VENDOR, CURSOR, scan, serde_json::to_string(place).expect("a place is plain data"))).collect()
}
