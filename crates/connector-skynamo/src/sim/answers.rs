//! Reads: lists with paging, filters and flags, single rows, and the few answers with a shape of their own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use rightful_sim::{SimRequest, SimResponse};
use serde_json::{Map, Value, json};

use super::filter::{self, matching};
use super::state::{File, State, stamp};
use super::switches::{Fault, Limit, Switches, UnknownFilter};
use super::table::{Row, Table};
use super::write::{Refused, refused};

const LARGEST_PAGE: usize = 200;
const USUAL_PAGE: usize = 50;

/// The rows of one filter at one moment of the instance.
#[derive(Debug)]
struct Match {
    key: String,
    version: u64,
    ids: Arc<Vec<i64>>,
}

/// Rows of recent filters, so that page after page of one filter does not match again.
#[derive(Debug, Default)]
pub(super) struct Matches(Mutex<VecDeque<Match>>);

impl Matches {
    fn ids(&self, key: String, version: u64, find: impl FnOnce() -> Vec<i64>) -> Arc<Vec<i64>> {
        let held = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held().iter().find(|known| known.version == version && known.key == key) {
            return known.ids.clone();
        }
        let ids = Arc::new(find());
        let mut kept = held();
        kept.retain(|known| known.version == version && known.key != key);
        kept.push_front(Match { key, version, ids: ids.clone() });
        kept.truncate(32);
        ids
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What the query string asks for.
pub(super) struct Query {
    page_number: usize,
    page_size: usize,
    pub(super) filters: Vec<String>,
    flags: Vec<String>,
}

impl Query {
    /// Reads the parameters; the gateway refuses paging that is no number.
    pub(super) fn parse(request: &SimRequest, switches: &Switches) -> Result<Self, Refused> {
        let mut query = Self { page_number: 1, page_size: USUAL_PAGE, filters: Vec::new(), flags: Vec::new() };
        for (name, value) in request.query_pairs() {
            let count = || match value.trim().parse::<usize>() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(Box::new(refused(400, &format!("{name} must be a whole number above 0.")))),
            };
            match name.as_str() {
                "page_number" => query.page_number = count()?,
                "page_size" => query.page_size = count()?,
                "filters" => query.filters.push(value),
                "flags" => query.flags.extend(value.split(',').map(|flag| flag.trim().to_owned())),
                _ => {}
            }
        }
        if query.page_size > LARGEST_PAGE {
            if switches.page_size_over == Limit::Refuse {
                return Err(Box::new(refused(400, &format!("page_size must be at most {LARGEST_PAGE}."))));
            }
            query.page_size = LARGEST_PAGE;
        }
        Ok(query)
    }

    fn shown(&self, row: Map<String, Value>) -> Value {
        let mut row = Value::Object(row);
        if !self.flags.iter().any(|flag| flag == "show_nulls") {
            without_nulls(&mut row);
        }
        row
    }
}

/// Leaves null members out, also those of rows inside the row.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// How one list is answered.
pub(super) struct Listing<'a> {
    pub(super) path: &'static str,
    /// Members the path can be filtered by. Empty: the path takes no filters.
    pub(super) filterable: &'a [&'a str],
    pub(super) query: &'a Query,
    pub(super) switches: &'a Switches,
    pub(super) fault: Option<Fault>,
    pub(super) matches: &'a Matches,
}

impl Listing<'_> {
    /// One page of the table in the list envelope.
    pub(super) fn page<R: Row>(&self, state: &State, table: &Table<R>) -> SimResponse {
        let total = table.len();
        let ids = match self.ids(state, table) {
            Ok(ids) => ids,
            Err(refusal) => return *refusal,
        };
        let count = ids.as_ref().map_or(total, |ids| ids.len());
        let start = (self.query.page_number - 1).saturating_mul(self.query.page_size);
        let end = count.min(start.saturating_add(self.query.page_size));
        let unordered = self.switches.unordered || self.fault == Some(Fault::Unordered);
        let order = Order::new(count, self.switches.order_seed, unordered);
        let mut data = Vec::with_capacity(end.saturating_sub(start));
        for index in start..end {
            // A row that was written while somebody pages moves: the page repeats its neighbour and the one at the seam is never shown.
            let moved = index == start && start > 0 && (self.switches.moved_rows || self.fault == Some(Fault::RowMoved));
            let place = order.place(if moved { index - 1 } else { index });
            let row = match &ids {
                Some(ids) => table.row(ids[place]),
                None => table.at(place),
            };
            data.extend(row.map(|row| self.query.shown(row.render(state, &self.query.flags))));
        }
        let wrong = usize::from(self.fault == Some(Fault::WrongTotal));
        SimResponse::json(
            200,
            &json!({"data": data, "page": {
                "page_number": self.query.page_number, "page_size": self.query.page_size,
                "total_item_count": total + wrong, "filtered_item_count": count + wrong,
            }}),
        )
    }

    fn ids<R: Row>(&self, state: &State, table: &Table<R>) -> Result<Option<Arc<Vec<i64>>>, Refused> {
        if self.filterable.is_empty() || self.switches.ignore_filters || self.fault == Some(Fault::IgnoreFilters) {
            return Ok(None);
        }
        let mut predicates = Vec::new();
        for text in &self.query.filters {
            let strict = self.switches.unknown_filter == UnknownFilter::Refuse;
            predicates.extend(filter::parse(text, self.filterable, strict).map_err(|message| Box::new(refused(400, &message)))?);
        }
        if predicates.is_empty() && self.switches.newest_last {
            let key = format!("{} in order of version", self.path);
            return Ok(Some(self.matches.ids(key, state.version, || table.ids_by_version(0).collect())));
        }
        if predicates.is_empty() {
            return Ok(None);
        }
        let key = format!("{} {}", self.path, self.query.filters.join(" "));
        Ok(Some(self.matches.ids(key, state.version, || matching(table, &predicates, state))))
    }

    /// One row by id, as a bare object.
    pub(super) fn item<R: Row>(&self, state: &State, table: &Table<R>, id: &str) -> SimResponse {
        match id.parse().ok().and_then(|id| table.row(id)) {
            Some(row) => SimResponse::json(200, &self.query.shown(row.render(state, &self.query.flags))),
            None => not_found(self.path, id),
        }
    }
}

/// The error model for a row that is not there (or another instance's).
pub(super) fn not_found(path: &str, id: &str) -> SimResponse {
    SimResponse::json(404, &json!({"message": "Not found", "errors": [{"index": 0, "detail": [format!("No such row in {path}: {id}.")]}]}))
}

/// A fixed shuffle of `0..count`: every page of one scan agrees with it, and no page depends on the number of rows before it.
struct Order {
    count: usize,
    step: usize,
    shift: usize,
}

impl Order {
    fn new(count: usize, seed: u64, unordered: bool) -> Self {
        if !unordered || count < 3 {
            return Self { count, step: 1, shift: 0 };
        }
        let gcd = |mut left: usize, mut right: usize| {
            while right != 0 {
                (left, right) = (right, left % right);
            }
            left
        };
        let seed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut step = 1 + usize::try_from(seed >> 33).unwrap_or(7) % (count - 1);
        while gcd(step, count) != 1 {
            step = step % (count - 1) + 1;
        }
        Self { count, step, shift: usize::try_from(seed % count as u64).unwrap_or(0) }
    }

    fn place(&self, index: usize) -> usize {
        if self.count == 0 {
            return 0;
        }
        // 128 bits: the product must not wrap, or two indexes would meet.
        let place = (index as u128 * self.step as u128 + self.shift as u128) % self.count as u128;
        usize::try_from(place).unwrap_or(0)
    }
}

/// Lines of the log from a time on: the filter is mandatory, the page has no counts.
pub(super) fn log_entries(state: &State, query: &Query) -> SimResponse {
    if query.filters.is_empty() {
        return SimResponse::json(400, &json!({"message": "Missing required request parameters: [filters]"}));
    }
    let from = query.filters.iter().find_map(|text| {
        let text = text.split_once("greater_than_equals(time,")?.1;
        filter::time(text.split_once(')')?.0.trim().trim_matches(['"', '\'']))
    });
    let Some(from) = from else { return refused(400, "Filter the log with greater_than_equals(time,...).") };
    let data: Vec<Value> = state
        .log
        .iter()
        .zip(1..)
        .filter(|(entry, _)| entry.time >= from)
        .take(LARGEST_PAGE)
        .map(|(entry, id)| {
            json!({"id": id, "time": stamp(entry.time), "tag": "Import", "error_level": "Info", "user": "Integration", "message": entry.message})
        })
        .collect();
    SimResponse::json(200, &json!({"data": data}))
}

/// The active integration's settings, as one bare object.
pub(super) fn integration_form(state: &State) -> SimResponse {
    let form = &state.integration;
    let fields: Vec<Value> = form.fields.iter().map(|(id, name, value)| json!({"id": id, "name": name, "value": value})).collect();
    SimResponse::json(200, &json!({"id": form.id, "name": form.name, "last_modified_time": stamp(form.read_at), "custom_fields": fields}))
}

/// The instance's own settings, as one bare object.
pub(super) fn configuration(instance: &str) -> SimResponse {
    SimResponse::json(
        200,
        &json!({"company_name": instance, "allow_offsite_visits": true, "default_price_list_id": 1, "default_tax_rate_id": 1, "warehouse_required": false,
            "currency": {"code": "ZAR", "is_multi_currency_enabled": false, "symbol": "R", "decimal_separator": "."},
            "time_zone": {"id": 1, "utc_offset": "+02:00", "country_code": "ZA", "country_name": "South Africa"}}),
    )
}

/// Uploads vanish after ten minutes unless something refers to them.
pub(super) fn file_stands(file: &File, now: DateTime<Utc>) -> bool {
    file.attached || now - file.uploaded < chrono::Duration::minutes(10)
}

/// One uploaded file.
pub(super) fn file(state: &State, guid: &str, now: DateTime<Utc>) -> SimResponse {
    match state.files.get(guid).filter(|file| file_stands(file, now)) {
        Some(file) => {
            let mut content = file.content.clone();
            content["id"] = guid.into();
            content["expire_time"] = stamp(file.uploaded + chrono::Duration::minutes(10)).into();
            // The specification has a bare object, a live client reads `data[0]`: both find what they look for.
            let row = content.clone();
            content["data"] = json!([row]);
            SimResponse::json(200, &content)
        }
        None => not_found("files", guid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_shows_every_place_once() {
        for count in [1, 2, 3, 7, 100, 205, 1024] {
            for seed in 0..20 {
                let order = Order::new(count, seed, true);
                let mut places: Vec<usize> = (0..count).map(|index| order.place(index)).collect();
                places.sort_unstable();
                assert_eq!(places, (0..count).collect::<Vec<_>>(), "count {count} seed {seed}");
            }
        }
    }
}
