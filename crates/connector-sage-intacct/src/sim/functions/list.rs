//! `readByQuery` and `readMore`: lower-case records, a result that is walked page by page.
//!
//! <https://developer.intacct.com/api/platform-services/records/>.

use super::super::answer::{Complaint, Done, Failed, Outcome};
use super::super::kinds::Kind;
use super::super::request::Element;
use super::super::session::token;
use super::super::state::{Column, Path, ResultSet, State, relation};
use super::super::where_text;
use super::super::xml::Xml;
use super::query::{Records, Search, find};
use super::{Context, Right, Target};

/// Results remembered at once.
const RESULTS: usize = 200;

/// `readByQuery`
pub fn read_by_query(context: &mut Context<'_>, call: &Element) -> Outcome {
    let object = call.word_of("object").unwrap_or_default();
    context.permit(Right::View, "READ_BY_QUERY", object)?;
    let target = context.target(object)?;
    let page = match call.word_of("pagesize") {
        None => 100,
        Some(text) => match text.parse::<usize>() {
            Ok(size @ 1..=1000) => size,
            _ => return Err(broken().into()),
        },
    };
    let format = call.word_of("returnFormat").unwrap_or("xml").to_ascii_lowercase();
    let fields = call.word_of("fields").unwrap_or("*");
    let formatting = context.formatting();
    let (kind, rows, columns, object) = match target {
        Target::Named(name) => {
            let columns = fields.split(',').map(|field| Column { name: field.trim().to_ascii_uppercase(), path: None }).collect();
            (None, Vec::new(), columns, name.to_lowercase())
        }
        Target::Kept(kind) => {
            let text = call.text_of("query").unwrap_or_default();
            let filter = where_text::compile(context.state, kind, text, &formatting).map_err(|where_text::Broken| broken())?;
            let columns = columns(context.state, kind, fields)?;
            let number = context.state.path(kind, "RECORDNO", false);
            let search = Search {
                kind,
                filter: filter.as_ref(),
                show_private: false,
                order: &number.map(|path| vec![(path, false)]).unwrap_or_default(),
                offset: 0,
                limit: usize::MAX,
                shuffle: context.state.options.seed,
            };
            let rows = if context.fault.is("empty-list") { Vec::new() } else { find(context.state, context.caller.entity, &search).rows };
            (Some(kind), rows, columns, kind.lower().to_owned())
        }
    };
    let columns = if context.fault.is("empty-reps") {
        columns
            .into_iter()
            .map(|column| if column.name.starts_with("CUSTREP") { Column { path: None, ..column } } else { column })
            .collect()
    } else {
        columns
    };
    let result = ResultSet {
        user: context.caller.user.clone(),
        object,
        rows,
        columns,
        given: 0,
        page,
        format,
        session: context.caller.session.clone(),
        kind,
    };
    context.state.opened += 1;
    let id = format!("77656233{}", token(context.state.options.seed, context.state.opened, 22));
    context.state.results.insert(id.clone(), result);
    context.state.result_order.push(id.clone());
    if context.state.result_order.len() > RESULTS {
        let oldest = context.state.result_order.remove(0);
        context.state.results.remove(&oldest);
    }
    next_page(context, &id)
}

/// `readMore`
pub fn read_more(context: &mut Context<'_>, call: &Element) -> Outcome {
    let nothing = || Complaint {
        number: "Query Failed".to_owned(),
        description2: "There is no more data for this result".to_owned(),
        ..Complaint::default()
    };
    let mine = |result: &ResultSet| result.user == context.caller.user;
    let id =
        if let Some(id) = call.word_of("resultId") {
            context.state.results.get(id).filter(|result| mine(result)).map(|_| id.to_owned())
        } else {
            let object = call.word_of("object").unwrap_or_default();
            context
                .state
                .result_order
                .iter()
                .rev()
                .find(|id| {
                    context.state.results.get(*id).is_some_and(|result| {
                        mine(result) && result.object.eq_ignore_ascii_case(object) && result.given < result.rows.len()
                    })
                })
                .cloned()
        };
    let id = id.ok_or_else(nothing)?;
    let object = context.state.results.get(&id).map(|result| result.object.clone()).unwrap_or_default();
    context.permit(Right::View, "READ_BY_QUERY", &object)?;
    if context.state.results.get(&id).is_none_or(|result| result.given >= result.rows.len()) {
        return Err(nothing().into());
    }
    next_page(context, &id)
}

fn next_page(context: &mut Context<'_>, id: &str) -> Outcome {
    context.state.meter.pages += 1;
    let formatting = context.formatting();
    let Some(result) = context.state.results.get_mut(id) else { return Err(broken().into()) };
    let from = result.given;
    let to = (from + result.page).min(result.rows.len());
    result.given = to;
    let is_last = to == result.rows.len();
    let Some(result) = context.state.results.get(id) else { return Err(broken().into()) };
    let records = Records {
        state: context.state,
        formatting: &formatting,
        kind: result.kind,
        columns: &result.columns,
        rows: &result.rows[from..to],
    };
    let done = match result.format.as_str() {
        "json" => Done::Bare("application/json", records.json()),
        "csv" => Done::Bare("text/csv; charset=UTF-8", records.csv()),
        _ => {
            let total = result.rows.len();
            let attributes = [
                ("listtype", result.object.clone()),
                ("count", (to - from).to_string()),
                ("totalcount", total.to_string()),
                ("numremaining", (total - to).to_string()),
                ("resultId", if total == 0 { String::new() } else { id.to_owned() }),
            ];
            let attributes: Vec<(&str, &str)> = attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let mut xml = Xml::new(context.state.switches.self_closed);
            if total == 0 {
                xml.closed_with("data", &attributes);
            } else {
                xml.open_with("data", &attributes);
                records.xml(&result.object, &mut xml);
                xml.close("data");
            }
            Done::Data(xml.into_text())
        }
    };
    // A result that is handed out whole is remembered without its rows.
    if is_last && let Some(result) = context.state.results.get_mut(id) {
        result.rows = Vec::new();
    }
    Ok(done)
}

fn broken() -> Complaint {
    Complaint::new("DL02000001", "There was an error processing the request.").described("Error")
}

/// The columns of a comma list; `*` is every field of the record and of its groups.
///
/// # Errors
/// A name is no field: the error's number is the text.
pub fn columns(state: &State, kind: Kind, fields: &str) -> Result<Vec<Column>, Failed> {
    let mut columns = Vec::new();
    for name in fields.split(',').map(str::trim) {
        if name == "*" || name.is_empty() {
            columns.extend(all_columns(state, kind));
            continue;
        }
        let path = state.path(kind, name, false).ok_or_else(|| Complaint::sentence(format!("Invalid fields list {fields}")))?;
        columns.push(Column { name: name.to_ascii_uppercase(), path: Some(path) });
    }
    let mut seen = std::collections::HashSet::new();
    columns.retain(|column| seen.insert(column.name.clone()));
    Ok(columns)
}

/// Every field of a record and of its groups.
pub fn all_columns(state: &State, kind: Kind) -> Vec<Column> {
    let table = state.table(kind);
    let mut columns: Vec<Column> =
        table.fields.iter().enumerate().map(|(index, field)| Column { name: field.id.to_string(), path: Some(Path::Own(index)) }).collect();
    for group in kind.relations().iter().filter(|relation| relation.is_group) {
        let Some(key) = relation(kind, group.path).and_then(|relation| table.field(relation.key)) else { continue };
        for (index, field) in state.table(group.to).fields.iter().enumerate() {
            if !field.is_writable() {
                continue;
            }
            let path = Path::Via { key, to: group.to, then: Box::new(Path::Own(index)) };
            columns.push(Column { name: format!("{}.{}", group.path, field.id), path: Some(path) });
        }
    }
    columns
}
