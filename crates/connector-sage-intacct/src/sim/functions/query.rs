//! `query`: UPPER-CASE records, page by page, each page a query of its own.
//!
//! <https://developer.intacct.com/web-services/queries/>.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::answer::{Complaint, Done, Failed, Outcome};
use super::super::filter::{BadFilter, Node, Range, compile};
use super::super::formatting::Formatting;
use super::super::kinds::{Kind, Source};
use super::super::request::Element;
use super::super::session::mix;
use super::super::state::{Column, Path, State};
use super::super::table::Row;
use super::super::xml::Xml;
use super::{Context, Right, Target, sees};

/// What the filter found.
pub struct Found {
    /// How many records match.
    pub total: usize,
    /// The records of the page.
    pub rows: Vec<Arc<Row>>,
}

/// What is looked for.
pub struct Search<'a> {
    /// The object.
    pub kind: Kind,
    /// Which records.
    pub filter: Option<&'a Node>,
    /// Private records too, from the top level.
    pub show_private: bool,
    /// In this order (descending where true); empty leaves it undefined.
    pub order: &'a [(Path, bool)],
    /// Records to skip.
    pub offset: usize,
    /// Records to give.
    pub limit: usize,
    /// Makes the undefined order.
    pub shuffle: u64,
}

/// `query`
pub fn run(context: &mut Context<'_>, call: &Element) -> Outcome {
    let object = call.word_of("object").unwrap_or_default();
    context.permit(Right::View, "READ_BY_QUERY", object)?;
    let target = context.target(object)?;
    context.state.meter.pages += 1;
    let number = |name: &str, default: usize| call.word_of(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (limit, offset) = (number("pagesize", 100), number("offset", 0));
    let options = call.child("options");
    let is_on = |name: &str| options.and_then(|options| options.word_of(name)).is_some_and(|word| word == "true" || word == "1");
    let format = options.and_then(|options| options.word_of("returnformat")).unwrap_or("xml").to_owned();
    let Some(select) = call.child("select") else { return Err(Complaint::new("DL02000001", "Nothing is selected.").into()) };
    let kind = match target {
        Target::Named(name) => {
            let columns: Vec<Column> = select.children.iter().map(|field| Column { name: element_name(field), path: None }).collect();
            return Ok(deliver(context.state, &Formatting::default(), &name, None, &columns, &[], 0, offset, &format));
        }
        Target::Kept(kind) => kind,
    };
    let formatting = context.formatting();
    let fold = is_on("caseinsensitive");
    let filter = match call.child("filter").and_then(|filter| filter.children.first()) {
        None => None,
        Some(operator) => Some(compile(context.state, kind, operator, &formatting, fold).map_err(|bad| bad_filter(kind, &bad))?),
    };
    let columns = columns(context.state, kind, select)?;
    let order = order(context.state, kind, call)?;
    let restless = context.state.switches.restless_order || context.fault.is("shuffled");
    let mut search = Search {
        kind,
        filter: filter.as_ref(),
        show_private: is_on("showprivate"),
        order: &order,
        offset,
        limit,
        shuffle: if restless { mix(context.state.options.seed, context.request) } else { context.state.options.seed },
    };
    if context.fault.is("empty-list") {
        return Ok(deliver(context.state, &formatting, kind.object(), Some(kind), &columns, &[], 0, offset, &format));
    }
    if select.children.iter().any(|field| field.name != "field") {
        (search.offset, search.limit) = (0, usize::MAX);
        let found = find(context.state, context.caller.entity, &search);
        return Ok(aggregate(context.state, &formatting, kind, select, &columns, &found.rows, (offset, limit)));
    }
    let found = find(context.state, context.caller.entity, &search);
    let columns = if context.fault.is("empty-reps") { without_reps(&columns) } else { columns };
    Ok(deliver(context.state, &formatting, kind.object(), Some(kind), &columns, &found.rows, found.total, offset, &format))
}

fn without_reps(columns: &[Column]) -> Vec<Column> {
    columns
        .iter()
        .map(|column| if column.name.starts_with("CUSTREP") { Column { path: None, ..column.clone() } } else { column.clone() })
        .collect()
}

fn bad_filter(kind: Kind, bad: &BadFilter) -> Complaint {
    match bad {
        BadFilter::Field(name) => bad_field(kind, name),
        BadFilter::Value(_) => Complaint::new("DL02000001", "There was an error processing the request.").described("Error"),
    }
}

fn bad_field(kind: Kind, name: &str) -> Complaint {
    Complaint::new("XL03000010", format!("Field requested is not valid: {}.{name}", kind.lower()))
}

/// The element a selected field comes back in.
fn element_name(field: &Element) -> String {
    let name = field.text.trim();
    match field.name.as_str() {
        "field" => name.to_owned(),
        aggregate => format!("{}.{name}", aggregate.to_ascii_uppercase()),
    }
}

fn columns(state: &State, kind: Kind, select: &Element) -> Result<Vec<Column>, Failed> {
    let mut columns = Vec::with_capacity(select.children.len());
    for field in &select.children {
        let name = field.text.trim();
        let path = state.path(kind, name, true).ok_or_else(|| bad_field(kind, name))?;
        columns.push(Column { name: element_name(field).to_ascii_uppercase(), path: Some(path) });
    }
    // A field comes back once, however often it was asked for.
    let mut seen = std::collections::HashSet::new();
    columns.retain(|column| seen.insert(column.name.clone()));
    Ok(columns)
}

fn order(state: &State, kind: Kind, call: &Element) -> Result<Vec<(Path, bool)>, Failed> {
    let Some(orders) = call.child("orderby") else { return Ok(Vec::new()) };
    let mut order = Vec::new();
    for one in &orders.children {
        let name = one.word_of("field").unwrap_or_default();
        let path = state.path(kind, name, true).ok_or_else(|| bad_field(kind, name))?;
        order.push((path, one.child("descending").is_some()));
    }
    Ok(order)
}

/// Finds the records of a page. The usual reading, in the order of (WHENMODIFIED, RECORDNO) from one record on, touches
/// no more than those records.
pub fn find(state: &State, level: Option<usize>, search: &Search<'_>) -> Found {
    let table = state.table(search.kind);
    let everything = Range { from: (i64::MIN, 0), to: i64::MAX, exact: true };
    let range = search.filter.map_or(everything, |filter| filter.range(state, search.kind));
    let ordered = table.ordered();
    let start = ordered.partition_point(|row| (row.modified, row.number) < range.from);
    let end = if range.to == i64::MAX { ordered.len() } else { ordered.partition_point(|row| row.modified <= range.to) };
    let slice = &ordered[start.min(end)..end];
    let all_seen = !table.has_private() || (level.is_none() && search.show_private);
    let all_match = (search.filter.is_none() || range.exact) && all_seen;
    let in_order = is_index_order(state, search);
    if all_match && in_order {
        let rows = slice.iter().skip(search.offset).take(search.limit).cloned().collect();
        return Found { total: slice.len(), rows };
    }
    let mut rank = 1;
    let mut matches = |row: &Row| {
        let matched = sees(level, row, search.show_private)
            && (range.exact || search.filter.is_none_or(|filter| filter.judge(state, search.kind, row, rank) == Some(true)));
        rank += i64::from(matched);
        matched
    };
    if in_order {
        let mut found = Found { total: 0, rows: Vec::new() };
        for row in slice {
            if matches(row) {
                if found.total >= search.offset && found.rows.len() < search.limit {
                    found.rows.push(row.clone());
                }
                found.total += 1;
            }
        }
        return found;
    }
    if let [(Path::Own(field), false)] = search.order
        && table.fields[*field].source == Source::RecordNumber
    {
        // Judged in this order, so that row numbers follow it.
        let mut rows: Vec<&Arc<Row>> = slice.iter().collect();
        rows.sort_unstable_by_key(|row| row.number);
        rows.retain(|row| matches(row));
        let page = rows.iter().skip(search.offset).take(search.limit).map(|row| (*row).clone()).collect();
        return Found { total: rows.len(), rows: page };
    }
    let rows: Vec<&Arc<Row>> = slice.iter().filter(|row| matches(row)).collect();
    let total = rows.len();
    Found { total, rows: sorted(state, search, rows) }
}

fn is_index_order(state: &State, search: &Search<'_>) -> bool {
    let table = state.table(search.kind);
    let source = |path: &Path| match path {
        Path::Own(field) => Some(table.fields[*field].source),
        Path::Via { .. } => None,
    };
    match search.order {
        [(first, false)] => source(first) == Some(Source::Modified),
        [(first, false), (second, false), ..] => source(first) == Some(Source::Modified) && source(second) == Some(Source::RecordNumber),
        _ => false,
    }
}

/// A value to sort by; nothing sorts after everything, as in the vendor's database.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum SortKey {
    Moment(i64),
    Number(f64),
    Text(String),
    Null,
}

fn sort_key(state: &State, kind: Kind, row: &Row, path: &Path) -> SortKey {
    let Some((kind, row, field)) = state.follow(kind, row, path) else { return SortKey::Null };
    if let Some(moment) = state.moment(kind, row, field) {
        return SortKey::Moment(moment);
    }
    let text = state.text(kind, row, field);
    if text.is_empty() {
        return SortKey::Null;
    }
    if state.table(kind).fields[field].data.is_number()
        && let Ok(number) = text.parse()
    {
        return SortKey::Number(number);
    }
    SortKey::Text(text.into_owned())
}

fn sorted(state: &State, search: &Search<'_>, rows: Vec<&Arc<Row>>) -> Vec<Arc<Row>> {
    use std::cmp::Ordering;
    let end = search.offset.saturating_add(search.limit).min(rows.len());
    if search.order.is_empty() {
        let mut keyed: Vec<(u64, &Arc<Row>)> = rows.into_iter().map(|row| (mix(search.shuffle, row.number), row)).collect();
        if end > 0 && end < keyed.len() {
            keyed.select_nth_unstable_by_key(end - 1, |(key, _)| *key);
            keyed.truncate(end);
        }
        keyed.sort_unstable_by_key(|(key, _)| *key);
        return keyed.into_iter().skip(search.offset).take(search.limit).map(|(_, row)| row.clone()).collect();
    }
    let mut keyed: Vec<(Vec<SortKey>, u64, &Arc<Row>)> = rows
        .into_iter()
        .map(|row| {
            let keys = search.order.iter().map(|(path, _)| sort_key(state, search.kind, row, path)).collect();
            (keys, mix(search.shuffle, row.number), row)
        })
        .collect();
    keyed.sort_unstable_by(|first, second| {
        for (index, (_, descending)) in search.order.iter().enumerate() {
            let order = first.0[index].partial_cmp(&second.0[index]).unwrap_or(Ordering::Equal);
            let order = if *descending { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        first.1.cmp(&second.1)
    });
    keyed.into_iter().skip(search.offset).take(search.limit).map(|(_, _, row)| row.clone()).collect()
}

/// Writes a page in the format asked for.
#[expect(clippy::too_many_arguments, reason = "one page is all of these; a struct would only rename them")]
fn deliver(
    state: &State,
    formatting: &Formatting,
    object: &str,
    kind: Option<Kind>,
    columns: &[Column],
    rows: &[Arc<Row>],
    total: usize,
    offset: usize,
    format: &str,
) -> Done {
    let records = Records { state, formatting, kind, columns, rows };
    match format {
        "json" => Done::Bare("application/json", records.json()),
        "csv" => Done::Bare("text/csv; charset=UTF-8", records.csv()),
        _ => {
            let mut xml = Xml::new(state.switches.self_closed);
            let left = total.saturating_sub(offset).saturating_sub(rows.len());
            let attributes = [
                ("listtype", object.to_owned()),
                ("totalcount", total.to_string()),
                ("offset", offset.to_string()),
                ("count", rows.len().to_string()),
                ("numremaining", left.to_string()),
            ];
            let attributes: Vec<(&str, &str)> = attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
            if rows.is_empty() {
                xml.closed_with("data", &attributes);
            } else {
                xml.open_with("data", &attributes);
                records.xml(object, &mut xml);
                xml.close("data");
            }
            Done::Data(xml.into_text())
        }
    }
}

/// Records with the columns asked for.
pub struct Records<'a> {
    /// The company.
    pub state: &'a State,
    /// How the caller sees dates and times.
    pub formatting: &'a Formatting,
    /// The object; `None` for one without records.
    pub kind: Option<Kind>,
    /// The columns.
    pub columns: &'a [Column],
    /// The records.
    pub rows: &'a [Arc<Row>],
}

impl Records<'_> {
    fn value(&self, row: &Row, column: &Column, out: &mut String) {
        out.clear();
        if let (Some(kind), Some(path)) = (self.kind, &column.path) {
            self.state.render(kind, row, path, self.formatting, out);
        }
    }

    /// One element per record, flat: dotted names stay dotted.
    pub fn xml(&self, element: &str, xml: &mut Xml) {
        let mut value = String::new();
        for row in self.rows {
            xml.open(element);
            for column in self.columns {
                self.value(row, column, &mut value);
                xml.leaf(&column.name, &value);
            }
            xml.close(element);
        }
    }

    /// A bare array of objects.
    pub fn json(&self) -> String {
        let mut value = String::new();
        let rows: Vec<serde_json::Map<String, serde_json::Value>> = self
            .rows
            .iter()
            .map(|row| {
                let mut object = serde_json::Map::new();
                for column in self.columns {
                    self.value(row, column, &mut value);
                    let value = if value.is_empty() { serde_json::Value::Null } else { value.clone().into() };
                    object.insert(column.name.clone(), value);
                }
                object
            })
            .collect();
        serde_json::to_string(&rows).unwrap_or_default()
    }

    /// A heading and a line per record.
    pub fn csv(&self) -> String {
        let mut out = String::new();
        let names: Vec<String> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        out.push_str(&names.join(","));
        out.push('\n');
        let mut value = String::new();
        for row in self.rows {
            for (index, column) in self.columns.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                self.value(row, column, &mut value);
                out.push_str(&quoted(&value));
            }
            out.push('\n');
        }
        out
    }
}

fn quoted(value: &str) -> String {
    if value.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value.to_owned() }
}

/// `count`, `min`, `max`, `sum`, `avg`, grouped by the plain fields.
fn aggregate(
    state: &State,
    formatting: &Formatting,
    kind: Kind,
    select: &Element,
    columns: &[Column],
    rows: &[Arc<Row>],
    (offset, limit): (usize, usize),
) -> Done {
    let is_plain: Vec<bool> = columns
        .iter()
        .map(|column| select.children.iter().any(|field| field.name == "field" && field.text.trim().eq_ignore_ascii_case(&column.name)))
        .collect();
    let mut groups: BTreeMap<Vec<String>, Vec<&Arc<Row>>> = BTreeMap::new();
    for row in rows {
        let mut key = Vec::new();
        for (column, plain) in columns.iter().zip(&is_plain) {
            if let (true, Some(path)) = (plain, &column.path) {
                let mut value = String::new();
                state.render(kind, row, path, formatting, &mut value);
                key.push(value);
            }
        }
        groups.entry(key).or_default().push(row);
    }
    if groups.is_empty() && !is_plain.contains(&true) {
        groups.insert(Vec::new(), Vec::new());
    }
    let page: Vec<(&Vec<String>, &Vec<&Arc<Row>>)> = groups.iter().skip(offset).take(limit).collect();
    let mut xml = Xml::new(state.switches.self_closed);
    let left = groups.len().saturating_sub(offset).saturating_sub(page.len());
    xml.open_with(
        "data",
        &[
            ("listtype", kind.object()),
            ("totalcount", &groups.len().to_string()),
            ("offset", &offset.to_string()),
            ("count", &page.len().to_string()),
            ("numremaining", &left.to_string()),
        ],
    );
    for (key, rows) in page {
        xml.open(kind.object());
        let mut plain = key.iter();
        for (column, is_plain) in columns.iter().zip(&is_plain) {
            if *is_plain {
                xml.leaf(&column.name, plain.next().map_or("", String::as_str));
            } else if let Some(path) = &column.path {
                let function = column.name.split('.').next().unwrap_or_default();
                xml.leaf(&column.name, &aggregated(state, formatting, kind, function, path, rows));
            }
        }
        xml.close(kind.object());
    }
    xml.close("data");
    Done::Data(xml.into_text())
}

fn aggregated(state: &State, formatting: &Formatting, kind: Kind, function: &str, path: &Path, rows: &[&Arc<Row>]) -> String {
    let keys = rows.iter().map(|row| (sort_key(state, kind, row, path), row)).filter(|(key, _)| *key != SortKey::Null);
    let by_key =
        |first: &(SortKey, &&Arc<Row>), second: &(SortKey, &&Arc<Row>)| first.0.partial_cmp(&second.0).unwrap_or(std::cmp::Ordering::Equal);
    let shown = |found: Option<(SortKey, &&Arc<Row>)>| {
        let mut value = String::new();
        if let Some((_, row)) = found {
            state.render(kind, row, path, formatting, &mut value);
        }
        value
    };
    match function {
        "COUNT" => keys.count().to_string(),
        "MIN" => shown(keys.min_by(by_key)),
        "MAX" => shown(keys.max_by(by_key)),
        _ => {
            let numbers: Vec<f64> = keys
                .filter_map(|(key, _)| match key {
                    SortKey::Number(number) => Some(number),
                    SortKey::Text(text) => text.parse().ok(),
                    SortKey::Moment(_) | SortKey::Null => None,
                })
                .collect();
            let sum: f64 = numbers.iter().sum();
            match (function, numbers.len()) {
                (_, 0) => String::new(),
                ("AVG", count) => (sum / count as f64).to_string(),
                _ => sum.to_string(),
            }
        }
    }
}
