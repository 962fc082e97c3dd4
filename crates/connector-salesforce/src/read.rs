//! Reading: id ranges side by side, closed windows of time, and a mark that is known before any row it vouches for.
//!
//! - **The mark** is the newest `SystemModstamp` there is, deleted rows included, asked for before any row. Whatever changes later has that
//!   stamp or a newer one. No clock of ours goes into it.
//! - **All rows** are counted first. Few are read by one query; more by ranges of ids, from the lowest id to the highest in equal steps. The outer
//!   ranges are open and each begins where the one before ends, so every row is in exactly one, however ids are spread. Very many rows are read
//!   by query jobs over the same ranges.
//! - **Paging:** a locator, to the end that `done` says; pages may be shorter than asked for
//!   [<https://help.salesforce.com/s/articleView?id=000386264>]. A locator belongs to its session: where that is over, the read begins again.
//! - **Changes:** a closed window, from the mark less `lookback` up to the newest stamp of now. A row that changes meanwhile leaves the window, and
//!   the next one has it.
//! - **Ties:** thousands of rows may share one stamp. The window holds a second wholly or not at all, and paging does not go by stamps.
//! - **Late rows:** a long transaction shows its rows after its stamps; `lookback` goes back for them (10 minutes, the vendor states no bound).
//! - **Deletions:** windows are read through `queryAll`, which shows the recycle bin for 15 days
//!   [<https://developer.salesforce.com/docs/platform/api-rest/guide/resources-getdeleted.md>]. What is purged earlier shows in
//!   [`Page::whole`]. A row that is gone still names its last owner and its values. That deleting moves `SystemModstamp` is unconfirmed; the count notices it all the same.
//! - **Archived activities** are out of sight of `query` and are there all the same: tasks and events are read and counted through `queryAll`
//!   [<https://developer.salesforce.com/docs/atlas.en-us.262.0.api.meta/api/sforce_api_guidelines_archive.htm>].

use std::sync::Arc;

use chrono::TimeDelta;
use futures::future::{try_join, try_join_all};
use rightful_core::{Cursor, Error, ErrorKind, Instant, KeyName, Kind, Mark, Page, Record, RecordId, Response, Result, Rows, Scan};
use serde::{Deserialize, Serialize};

use crate::VENDOR;
use crate::api::{Api, Locator, Sight, parsed};
use crate::bulk;
use crate::ids::{IdRange, SfId, ranges};
use crate::map::{self, STAMP, Shape};
use crate::objects::{Object, SHORT_ID};
use crate::soql::{Comparison, Condition, Direction, Literal, Name, OneOrMore, Query, Select};
use crate::wire;

/// The cursor's format.
const CURSOR: u16 = 1;

/// The most ids or key values of one query.
const MOST_VALUES: usize = 200;

/// How long the values of one query may be in its address.
const LONGEST_VALUES: usize = 6_000;

/// How one connection reads.
#[derive(Clone, Debug)]
pub struct Reader {
    pub api: Api,
    pub objects: Arc<Vec<Object>>,
    /// Ranges of ids side by side.
    pub ranges: usize,
    /// From how many rows on they are read by query jobs.
    pub bulk_from: u64,
    pub lookback: TimeDelta,
    /// Users that only programs sign in with, by login name.
    pub services: Arc<Vec<String>>,
}

/// Changed at `from` or later, and earlier than `before`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    from: Instant,
    before: Instant,
}

/// A part of an object's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub ids: IdRange,
    pub window: Option<Window>,
}

/// A place inside a scan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Place {
    /// A part that is not begun.
    Part { part: Part, shape: Shape },
    /// The next page of a query.
    More { locator: Locator, sight: Sight, shape: Shape },
    /// A part that a query job shall read.
    NewJob { part: Part, shape: Shape },
    /// A query job that is not known to be finished, after so many looks at it.
    Job { id: SfId, looks: u32, shape: Shape },
    /// Rows of a finished query job.
    JobRows { id: SfId, locator: Option<String>, shape: Shape },
    /// Ids or key values from this one to that one.
    Values { from: usize, to: usize, shape: Shape },
}

impl Reader {
    /// The object of a kind.
    ///
    /// # Errors
    /// `Unsupported` where there is none.
    pub fn object(&self, kind: &Kind) -> Result<&Object> {
        self.objects.iter().find(|object| object.kind == *kind).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, format!("Salesforce's connector does not read `{kind}`"))
                .hint("name its object in `objects`")
        })
    }

    /// One page of a scan.
    pub async fn read(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        let object = self.object(&scan.kind)?;
        match from {
            None => self.open(scan, object).await,
            // What a query states on a later page is how many rows its part holds.
            Some(cursor) => Ok(Page { total: None, ..self.further(scan, object, place(scan, cursor)?).await? }),
        }
    }

    async fn further(&self, scan: &Scan, object: &Object, place: Place) -> Result<Page> {
        match (place, &scan.rows) {
            (Place::Part { part, shape }, Rows::All | Rows::Since(_)) => self.part(scan, object, &part, &shape).await,
            (Place::More { locator, sight, shape }, _) => {
                let response = self.api.more(operation(object), sight, &locator).await?;
                self.page(scan, object, sight, &shape, &response)
            }
            (Place::NewJob { part, shape }, Rows::All) => bulk::begin(self, scan, object, &part, &shape).await,
            (Place::Job { id, looks, shape }, Rows::All) => bulk::look(self, scan, object, &id, looks, shape).await,
            (Place::JobRows { id, locator, shape }, Rows::All) => bulk::rows(self, scan, object, &id, locator.as_deref(), shape).await,
            (Place::Values { from, to, shape }, rows @ (Rows::Ids(_) | Rows::Keys(..))) => {
                let (field, values) = self.values(object, rows)?;
                let values = values.get(from..to).ok_or_else(dead_cursor)?;
                self.by_values(scan, object, &field, values, &shape).await
            }
            _ => Err(dead_cursor()),
        }
    }

    async fn open(&self, scan: &Scan, object: &Object) -> Result<Page> {
        let shape = self.shape(scan, object).await?;
        match &scan.rows {
            Rows::All => self.open_all(scan, object, shape).await,
            Rows::Since(mark) => self.open_since(scan, object, shape, marked(mark)?).await,
            rows => {
                let (field, values) = self.values(object, rows)?;
                let mut chunks = chunks(&values).into_iter();
                let Some((from, to)) = chunks.next() else { return Ok(Page::default()) };
                let mut page = self.by_values(scan, object, &field, &values[from..to], &shape).await?;
                page.next.extend(chunks.map(|(from, to)| cursor(scan, &Place::Values { from, to, shape: shape.clone() })));
                Ok(page)
            }
        }
    }

    /// What is read besides what every record is made of. The object is described only where that matters.
    async fn shape(&self, scan: &Scan, object: &Object) -> Result<Shape> {
        if scan.fields.is_empty() && object.keys.iter().all(|key| !key.optional) {
            return Ok(Shape::default());
        }
        map::shape(object, &scan.fields, &self.api.describe(&object.name).await?)
    }

    async fn open_all(&self, scan: &Scan, object: &Object, shape: Shape) -> Result<Page> {
        // The count and the newest stamp come before any row.
        let (whole, newest) = try_join(self.whole(object), self.newest(object)).await?;
        let counts = |page: Page| Page { total: Some(whole), whole: Some(whole), mark: newest.map(mark_at), ..page };
        if whole <= self.api.page_size || self.ranges == 1 && whole < self.bulk_from {
            return Ok(counts(self.part(scan, object, &Part::default(), &shape).await?));
        }
        let end = |direction| self.end(object, direction);
        let (lowest, highest) = try_join(end(Direction::Ascending), end(Direction::Descending)).await?;
        let wanted = usize::try_from(whole.div_ceil(self.api.page_size)).unwrap_or(usize::MAX).min(self.ranges);
        let parts = match (lowest, highest) {
            (Some(lowest), Some(highest)) => ranges(&lowest, &highest, wanted),
            _ => vec![IdRange::default()],
        };
        let next = parts.into_iter().map(|ids| {
            let (part, shape) = (Part { ids, window: None }, shape.clone());
            cursor(scan, &if whole >= self.bulk_from { Place::NewJob { part, shape } } else { Place::Part { part, shape } })
        });
        Ok(counts(Page { next: next.collect(), ..Page::default() }))
    }

    async fn open_since(&self, scan: &Scan, object: &Object, shape: Shape, mark: Instant) -> Result<Page> {
        let (whole, newest) = try_join(self.whole(object), self.newest(object)).await?;
        let newest = newest.unwrap_or(mark).max(mark);
        let window = window(mark, newest, self.lookback).ok_or_else(|| {
            Error::new(ErrorKind::Restart, "this mark lies outside the calendar").hint("read everything once to get a new mark")
        })?;
        let part = Part { ids: IdRange::default(), window: Some(window) };
        let page = self.part(scan, object, &part, &shape).await?;
        Ok(Page { whole: Some(whole), mark: Some(mark_at(newest)), ..page })
    }

    /// How many rows there are.
    pub async fn whole(&self, object: &Object) -> Result<u64> {
        let query = of(Query::new(Select::Count, object.name.clone()), object.present());
        self.api.count("count", sight(object, false), &query).await
    }

    /// The newest stamp there is; `None` where there is no row.
    async fn newest(&self, object: &Object) -> Result<Option<Instant>> {
        let stamp = Name::known(STAMP);
        let query = of(Query::new(Select::Fields(vec![stamp.clone()]), object.name.clone()), object.condition());
        let sight = sight(object, true);
        let text = self.api.one("newest change", sight, &query.first_by(stamp, Direction::Descending), STAMP).await?;
        let unreadable =
            || Error::new(ErrorKind::Protocol, "the newest change has no readable stamp").operation("newest change").hint("report it");
        text.map(|text| map::instant(&text).ok_or_else(unreadable)).transpose()
    }

    /// The id at one end.
    async fn end(&self, object: &Object, direction: Direction) -> Result<Option<SfId>> {
        let id = Name::known("Id");
        let query = of(Query::new(Select::Fields(vec![id.clone()]), object.name.clone()), object.present());
        let text = self.api.one("id ranges", sight(object, false), &query.first_by(id, direction), "Id").await?;
        Ok(text.and_then(|text| SfId::parse(&text)))
    }

    /// The first page of a part.
    async fn part(&self, scan: &Scan, object: &Object, part: &Part, shape: &Shape) -> Result<Page> {
        let sight = sight(object, part.window.is_some());
        let response = self.api.query(operation(object), sight, &query(object, part, shape)).await?;
        self.page(scan, object, sight, shape, &response)
    }

    fn page(&self, scan: &Scan, object: &Object, sight: Sight, shape: &Shape, response: &Response) -> Result<Page> {
        let answer: wire::Answer<'_> = parsed(response).map_err(|error| error.operation(operation(object)))?;
        let items = self.records(object, shape, &answer)?;
        let next = if answer.done.unwrap_or(true) {
            Vec::new()
        } else {
            let locator = answer.next_records_url.as_deref().and_then(Locator::of_url).ok_or_else(|| {
                Error::new(ErrorKind::Protocol, "more rows are said to come, without a readable place of theirs")
                    .operation(operation(object))
                    .hint("run it again; if it stays, report it")
            })?;
            vec![cursor(scan, &Place::More { locator, sight, shape: shape.clone() })]
        };
        Ok(Page { items, next, total: Some(answer.total_size), ..Page::default() })
    }

    fn records(&self, object: &Object, shape: &Shape, answer: &wire::Answer<'_>) -> Result<Vec<Record>> {
        let record = |row: &wire::Row<'_>| map::record(object, shape, &self.services, |field| row.text(field));
        answer.records.iter().map(record).collect::<Result<_>>().map_err(|error: Error| error.operation(operation(object)))
    }

    /// The field that ids or key values are looked for in, and the values. What cannot be an id is none.
    fn values(&self, object: &Object, rows: &Rows) -> Result<(Name, Vec<Literal>)> {
        match rows {
            Rows::Ids(ids) => {
                let ids = ids.iter().filter_map(|id| SfId::parse(id.as_str()));
                Ok((Name::known("Id"), ids.map(|id| Literal::id(&id)).collect()))
            }
            Rows::Keys(key, values) if *key == SHORT_ID && object.people => {
                let short = values.iter().filter(|value| value.len() == 15).filter_map(|value| SfId::parse(value));
                Ok((Name::known("Id"), short.map(|id| Literal::id(&id)).collect()))
            }
            Rows::Keys(key, values) => {
                let field = object.key(key).ok_or_else(|| unknown_key(object, key))?.field.clone();
                Ok((field, values.iter().map(|value| Literal::text(value)).collect::<Result<_>>()?))
            }
            Rows::All | Rows::Since(_) => Err(dead_cursor()),
        }
    }

    async fn by_values(&self, scan: &Scan, object: &Object, field: &Name, values: &[Literal], shape: &Shape) -> Result<Page> {
        let Some(values) = OneOrMore::of(values.to_vec()) else { return Ok(Page::default()) };
        let (fields, sight) = (map::selected(object, shape, false), sight(object, false));
        let query = of(Query::new(Select::Fields(fields), object.name.clone()), object.present()).and(Condition::In(field.clone(), values));
        let response = self.api.query(operation(object), sight, &query).await?;
        let mut page = self.page(scan, object, sight, shape, &response)?;
        page.total = None;
        if let Rows::Keys(key, wanted) = &scan.rows {
            // Salesforce compares text without regard to case; keys are compared to the letter.
            page.items.retain(|record| record.key(key).is_some_and(|value| wanted.iter().any(|wanted| wanted == value)));
        }
        Ok(page)
    }

    /// Rows by id as they are now; absent rows are left out.
    pub async fn now(&self, object: &Object, ids: &[RecordId]) -> Result<Vec<Record>> {
        let scan = Scan::ids(object.kind.clone(), ids.to_vec());
        let (field, values) = self.values(object, &scan.rows)?;
        let chunks = chunks(&values);
        let shape = Shape { columns: Vec::new(), hidden: object.keys.iter().map(|key| key.field.clone()).collect() };
        let pages = chunks.into_iter().map(|(from, to)| self.by_values(&scan, object, &field, &values[from..to], &shape));
        let pages = try_join_all(pages).await?;
        if pages.iter().any(|page| !page.next.is_empty()) {
            return Err(
                Error::new(ErrorKind::Protocol, "rows looked up by id came on several pages").hint("raise `page_size` to 200 or more")
            );
        }
        Ok(pages.into_iter().flat_map(|page| page.items).collect())
    }
}

/// How deep a query of this object looks.
pub fn sight(object: &Object, changes: bool) -> Sight {
    if object.archived || object.recycled && changes { Sight::Deleted } else { Sight::Present }
}

fn of(query: Query, conditions: impl IntoIterator<Item = Condition>) -> Query {
    conditions.into_iter().fold(query, Query::and)
}

/// The query of a part.
pub fn query(object: &Object, part: &Part, shape: &Shape) -> Query {
    let deleted = object.recycled && part.window.is_some();
    let (id, stamp) = (Name::known("Id"), Name::known(STAMP));
    let compare = |field: &Name, how, value| Condition::Compare(field.clone(), how, value);
    let conditions = [
        part.ids.above.as_ref().map(|above| compare(&id, Comparison::Above, Literal::id(above))),
        part.ids.up_to.as_ref().map(|up_to| compare(&id, Comparison::AtMost, Literal::id(up_to))),
        part.window.map(|window| compare(&stamp, Comparison::AtLeast, Literal::instant(window.from))),
        part.window.map(|window| compare(&stamp, Comparison::Below, Literal::instant(window.before))),
    ];
    let query = Query::new(Select::Fields(map::selected(object, shape, deleted)), object.name.clone());
    // A window shows what was deleted in it.
    let query = if deleted { of(query, object.condition()) } else { of(query, object.present()) };
    conditions.into_iter().flatten().fold(query, Query::and)
}

/// From the mark less the lookback to the end of the newest second.
fn window(mark: Instant, newest: Instant, lookback: TimeDelta) -> Option<Window> {
    let from = mark.checked_sub_signed(lookback)?;
    Some(Window { from, before: newest.checked_add_signed(TimeDelta::seconds(1))? })
}

fn mark_at(newest: Instant) -> Mark {
    Mark(newest.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn marked(mark: &Mark) -> Result<Instant> {
    map::instant(&mark.0)
        .ok_or_else(|| Error::new(ErrorKind::Restart, "this mark is no moment").hint("read everything once to get a new mark"))
}

/// Which values go into one query: first and one past the last of each.
pub fn chunks(values: &[Literal]) -> Vec<(usize, usize)> {
    let mut chunks = Vec::new();
    let (mut from, mut length) = (0, 0);
    for (at, value) in values.iter().enumerate() {
        // A comma between takes three characters too.
        let more = value.encoded_len() + 3;
        if at > from && (at - from == MOST_VALUES || length + more > LONGEST_VALUES) {
            chunks.push((from, at));
            (from, length) = (at, 0);
        }
        length += more;
    }
    if from < values.len() {
        chunks.push((from, values.len()));
    }
    chunks
}

fn unknown_key(object: &Object, key: &KeyName) -> Error {
    Error::new(ErrorKind::Unsupported, format!("Salesforce cannot look up `{}` by `{key}`", object.kind)).hint("read all rows")
}

/// What reading this object is called in errors and logs.
pub fn operation(object: &Object) -> &'static str {
    match object.kind.as_str() {
        "user" => "users",
        "queue" => "queues",
        "account" => "accounts",
        "contact" => "contacts",
        "lead" => "leads",
        "opportunity" => "opportunities",
        _ => "records",
    }
}

fn place(scan: &Scan, cursor: &Cursor) -> Result<Place> {
    serde_json::from_str(cursor.check(&VENDOR, CURSOR, scan)?).map_err(|_| dead_cursor())
}

pub fn dead_cursor() -> Error {
    Error::new(ErrorKind::Restart, "this cursor cannot be read").hint("start the read again")
}

pub fn cursor(scan: &Scan, place: &Place) -> Cursor {
    Cursor::new(&VENDOR, CURSOR, scan, serde_json::to_string(place).expect("a place is plain data"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::objects::standard;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn account() -> Object {
        standard(Name::known("AccountNumber")).into_iter().find(|object| object.kind == "account").unwrap()
    }

    #[test]
    fn sf_3_a_window_goes_back_and_holds_its_last_second() {
        let minutes = TimeDelta::minutes;
        for (mark, newest, lookback, from, before) in [
            ("2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z", minutes(10), "2026-11-20T08:50:00Z", "2026-11-20T10:00:01Z"),
            ("2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z", minutes(10), "2026-11-20T08:50:00Z", "2026-11-20T09:00:01Z"),
            ("2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z", minutes(0), "2026-11-20T09:00:00Z", "2026-11-20T09:00:01Z"),
        ] {
            assert_eq!(window(at(mark), at(newest), lookback), Some(Window { from: at(from), before: at(before) }), "{mark} {newest}");
        }
    }

    #[test]
    fn a_part_is_asked_for_by_ids_and_by_time() {
        let id = |text| SfId::parse(text);
        let part = Part { ids: IdRange { above: id("001Qk00000AbXyZ"), up_to: id("001Qk00000AbXzZ") }, window: None };
        assert_eq!(
            query(&account(), &part, &Shape::default()).to_string(),
            "SELECT Id, Name, SystemModstamp, OwnerId, AccountNumber FROM Account \
             WHERE Id > '001Qk00000AbXyZIAV' AND Id <= '001Qk00000AbXzZIAV'"
        );
        let window = window(at("2026-11-20T09:00:00Z"), at("2026-11-20T10:00:00Z"), TimeDelta::zero());
        assert_eq!(
            query(&account(), &Part { ids: IdRange::default(), window }, &Shape::default()).to_string(),
            "SELECT Id, Name, SystemModstamp, OwnerId, IsDeleted, AccountNumber FROM Account \
             WHERE SystemModstamp >= 2026-11-20T09:00:00Z AND SystemModstamp < 2026-11-20T10:00:01Z"
        );
    }

    #[test]
    fn marks_and_cursors_of_others_begin_anew() {
        assert_eq!(marked(&Mark("4711".into())).unwrap_err().kind(), ErrorKind::Restart);
        assert_eq!(marked(&mark_at(at("2026-11-20T09:00:00Z"))).unwrap(), at("2026-11-20T09:00:00Z"));
        let scan = Scan::all("account");
        let forged = Cursor::new(&VENDOR, CURSOR, &scan, r#"{"Part":{"part":{"ids":{"above":"' OR Id != '"}},"shape":{}}}"#);
        assert_eq!(place(&scan, &forged).unwrap_err().kind(), ErrorKind::Restart);
    }

    proptest! {
        #[test]
        fn chunks_hold_each_value_once_and_fit(lengths in prop::collection::vec(prop_oneof![8 => 0_usize..40, 1 => 1000_usize..4000], 0..300)) {
            let values: Vec<Literal> = lengths.iter().map(|length| Literal::text(&"x".repeat(*length)).unwrap()).collect();
            let chunks = chunks(&values);
            let covered: Vec<usize> = chunks.iter().flat_map(|(from, to)| *from..*to).collect();
            prop_assert_eq!(covered, (0..values.len()).collect::<Vec<_>>());
            for (from, to) in chunks {
                let length: usize = values[from..to].iter().map(|value| value.encoded_len() + 3).sum();
                prop_assert!(to - from <= MOST_VALUES && (length <= LONGEST_VALUES || to - from == 1));
            }
        }
    }
}
