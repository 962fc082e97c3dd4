//! One image of the memory store.

use std::collections::{BTreeMap, HashSet};

use rightful_core::{Cursor, Error, ErrorKind, Instant, Mark, Owner, Record, RecordId, Result, Rows, State};

use crate::{Digest, Entry, GONE_KEPT, Image, ImageId, ImageSpec, OpenRead, PageIn, ReadEnd, Row, Stored};

/// Rows in one chunk of an ordered stream.
const CHUNK: usize = 500;

#[derive(Debug)]
pub(super) struct Stock {
    pub id: ImageId,
    pub spec: ImageSpec,
    /// Rows that are not gone.
    rows: BTreeMap<RecordId, Row>,
    /// Rows that went, and when.
    gone: BTreeMap<RecordId, (Row, Instant)>,
    mark: Option<Mark>,
    complete_at: Option<Instant>,
    fresh_at: Option<Instant>,
    reading: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    rows: Rows,
    begun: bool,
    open: Vec<Cursor>,
    seen: HashSet<RecordId>,
    total: Option<u64>,
    whole: Option<u64>,
    mark: Option<Mark>,
}

impl Stock {
    pub fn new(id: ImageId, spec: ImageSpec) -> Self {
        Self { id, spec, rows: BTreeMap::new(), gone: BTreeMap::new(), mark: None, complete_at: None, fresh_at: None, reading: None }
    }

    pub fn image(&self) -> Image {
        Image {
            id: self.id,
            spec: self.spec.clone(),
            rows: self.rows.len() as u64,
            mark: self.mark.clone(),
            complete_at: self.complete_at,
            fresh_at: self.fresh_at,
        }
    }

    pub fn open_read(&self) -> Option<OpenRead> {
        self.reading.as_ref().map(|reading| OpenRead { rows: reading.rows.clone(), begun: reading.begun, open: reading.open.clone() })
    }

    pub fn begin_read(&mut self, rows: Rows) {
        let (open, seen) = (Vec::new(), HashSet::new());
        self.reading = Some(Reading { rows, begun: false, open, seen, total: None, whole: None, mark: None });
    }

    pub fn put_page(&mut self, page: PageIn, now: Instant) -> Result<Stored> {
        let reading = self.reading.as_mut().ok_or_else(no_read)?;
        if let Some(answered) = &page.answered {
            reading.open.retain(|open| open != answered);
        }
        reading.begun = true;
        reading.open.extend(page.opened);
        reading.total = reading.total.or(page.total);
        reading.whole = reading.whole.or(page.whole);
        reading.mark = reading.mark.take().or(page.mark);
        reading.seen.extend(page.items.iter().map(|record| record.id.clone()));
        Ok(self.put_rows(page.items, &[], now))
    }

    pub fn end_read(&mut self, now: Instant) -> Result<ReadEnd> {
        let reading = self.reading.take().ok_or_else(no_read)?;
        let distinct = reading.seen.len() as u64;
        let complete = reading.begun && reading.open.is_empty() && reading.total.is_none_or(|total| distinct >= total);
        let mut gone = 0;
        if complete {
            self.fresh_at = Some(now);
            self.mark = reading.mark.or(self.mark.take());
            if reading.rows == Rows::All {
                self.complete_at = Some(now);
                let absent: Vec<RecordId> = self.rows.keys().filter(|id| !reading.seen.contains(*id)).cloned().collect();
                gone = absent.len() as u64;
                absent.iter().for_each(|id| self.goes(id, None, now));
            }
            self.gone.retain(|_, (_, since)| now - *since <= GONE_KEPT);
        }
        let rows = self.rows.len() as u64;
        Ok(ReadEnd { complete, distinct, total: reading.total, whole: reading.whole, rows, gone })
    }

    pub fn put_rows(&mut self, items: Vec<Record>, missing: &[RecordId], now: Instant) -> Stored {
        let mut stored = Stored::default();
        for record in items {
            if record.state == State::Gone {
                self.goes(&record.id.clone(), Some(record), now);
                continue;
            }
            let digest = digest(&record);
            // What comes back and differs from how it went has changed.
            let went = self.gone.remove(&record.id).map(|(row, _)| row.changed || row.digest != digest);
            let known = self.rows.get(&record.id);
            match known {
                None => stored.new += 1,
                Some(known) if known.digest == digest => {
                    stored.same += 1;
                    continue;
                }
                Some(_) => stored.changed += 1,
            }
            let newcomers = match known {
                Some(known) if self.complete_at.is_some() => known.newcomers_in(&record, now),
                _ => Vec::new(),
            };
            let changed = known.is_some() || went.unwrap_or(false);
            self.rows.insert(record.id.clone(), Row { record, digest, newcomers, changed });
        }
        for id in missing {
            self.goes(id, None, now);
        }
        stored
    }

    /// A row goes: it is kept as it stood, or as the vendor shows it gone.
    fn goes(&mut self, id: &RecordId, shown: Option<Record>, now: Instant) {
        let known = self.rows.remove(id);
        let row = match (shown, known) {
            (Some(record), known) => {
                let digest = digest(&record);
                Some(Row { record, digest, newcomers: Vec::new(), changed: known.is_some_and(|known| known.changed) })
            }
            (None, known) => known,
        };
        if let Some(row) = row {
            self.gone.entry(id.clone()).or_insert((row, now));
        }
    }

    pub fn gone_rows(&self, after: Option<&RecordId>, limit: usize) -> Vec<Row> {
        let rows = self.gone.iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
        rows.take(limit).map(|(_, (row, _))| row.clone()).collect()
    }

    /// Puts what we wrote into the image.
    pub fn write_owners(&mut self, entry: &Entry) {
        if let Some(row) = self.rows.get_mut(&entry.target) {
            for (role, owner) in &mut row.record.owners {
                if *role == entry.role {
                    *owner = Owner::Known(entry.after.clone());
                }
            }
            row.newcomers.retain(|newcomer| newcomer.role != entry.role || entry.after.contains(&newcomer.owner));
            row.digest = digest(&row.record);
        }
    }

    pub fn ordered(&self) -> Vec<Result<Vec<Row>>> {
        let mut rows: Vec<&Row> = self.rows.values().collect();
        rows.sort_by(|one, other| self.key(one).cmp(self.key(other)).then_with(|| one.record.id.cmp(&other.record.id)));
        rows.chunks(CHUNK).map(|chunk| Ok(chunk.iter().map(|row| (*row).clone()).collect())).collect()
    }

    pub fn by_ids(&self, ids: &[RecordId]) -> Vec<Row> {
        let distinct: HashSet<&RecordId> = ids.iter().collect();
        distinct.into_iter().filter_map(|id| self.rows.get(id)).cloned().collect()
    }

    pub fn by_keys(&self, keys: &[String]) -> Vec<Row> {
        self.rows.values().filter(|row| keys.iter().any(|key| key == self.key(row))).cloned().collect()
    }

    fn key<'a>(&self, row: &'a Row) -> &'a str {
        row.record.key(&self.spec.key).unwrap_or("")
    }
}

fn digest(record: &Record) -> Digest {
    Digest::of_data(&Record { changed_at: None, ..record.clone() })
}

fn no_read() -> Error {
    Error::new(ErrorKind::Conflict, "no read of this image is open").hint("begin the read again")
}
