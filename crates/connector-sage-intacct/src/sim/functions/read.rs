//! `read` and `readByName`: records by key, UPPER-CASE, with groups nested.
//!
//! <https://developer.intacct.com/api/platform-services/records/>.

use std::sync::Arc;

use super::super::answer::{Complaint, Done, Outcome};
use super::super::kinds::Kind;
use super::super::request::Element;
use super::super::state::Column;
use super::super::table::{Row, Table};
use super::super::xml::Xml;
use super::query::Records;
use super::{Context, Right, Target, list};

/// Keys in one call.
const KEYS: usize = 100;

/// `read`: keys are record numbers.
pub fn by_number(context: &mut Context<'_>, call: &Element) -> Outcome {
    read(context, call, "READ", |table, key| key.parse().ok().and_then(|number| table.row(number)).cloned())
}

/// `readByName`: keys are natural keys.
pub fn by_name(context: &mut Context<'_>, call: &Element) -> Outcome {
    read(context, call, "READ_BY_NAME", |table, key| table.named(key).cloned())
}

fn read(context: &mut Context<'_>, call: &Element, operation: &str, find: impl Fn(&Table, &str) -> Option<Arc<Row>>) -> Outcome {
    let object = call.word_of("object").unwrap_or_default();
    context.permit(Right::View, operation, object)?;
    let target = context.target(object)?;
    context.state.meter.pages += 1;
    let keys: Vec<&str> = call.word_of("keys").unwrap_or_default().split(',').map(str::trim).filter(|key| !key.is_empty()).collect();
    if keys.len() > KEYS {
        let text = format!("A read takes at most {KEYS} keys; {} were given.", keys.len());
        return Err(Complaint::new("DL02000001", text).described("Error").into());
    }
    let kind = match target {
        Target::Named(name) => return Ok(Done::Data(empty(context, &name))),
        Target::Kept(kind) => kind,
    };
    let mut columns = list::columns(context.state, kind, call.word_of("fields").unwrap_or("*"))?;
    if context.fault.is("empty-reps") {
        for column in columns.iter_mut().filter(|column| column.name.starts_with("CUSTREP")) {
            column.path = None;
        }
    }
    let table = context.state.table(kind);
    let rows: Vec<Arc<Row>> = keys.iter().filter_map(|key| find(table, key)).filter(|row| context.sees(row, true)).collect();
    let formatting = context.formatting();
    let records = Records { state: context.state, formatting: &formatting, kind: Some(kind), columns: &columns, rows: &rows };
    Ok(match call.word_of("returnFormat").unwrap_or("xml").to_ascii_lowercase().as_str() {
        "json" => Done::Bare("application/json", records.json()),
        "csv" => Done::Bare("text/csv; charset=UTF-8", records.csv()),
        _ if rows.is_empty() => Done::Data(empty(context, kind.object())),
        _ => {
            let mut xml = Xml::new(context.state.switches.self_closed);
            xml.open_with("data", &[("listtype", kind.object()), ("count", &rows.len().to_string())]);
            for row in &rows {
                xml.open(kind.object());
                nested(context, kind, row, &columns, &mut xml);
                xml.close(kind.object());
            }
            xml.close("data");
            Done::Data(xml.into_text())
        }
    })
}

fn empty(context: &Context<'_>, object: &str) -> String {
    let mut xml = Xml::new(context.state.switches.self_closed);
    xml.closed_with("data", &[("listtype", object), ("count", "0")]);
    xml.into_text()
}

/// Writes columns so that `A.B.C` becomes elements inside elements; neighbours share what they have in common.
fn nested(context: &Context<'_>, kind: Kind, row: &Row, columns: &[Column], xml: &mut Xml) {
    let formatting = context.formatting();
    let mut open: Vec<&str> = Vec::new();
    let mut value = String::new();
    for column in columns {
        let mut parts: Vec<&str> = column.name.split('.').collect();
        let Some(last) = parts.pop() else { continue };
        let common = open.iter().zip(&parts).take_while(|(first, second)| first == second).count();
        while open.len() > common {
            if let Some(part) = open.pop() {
                xml.close(part);
            }
        }
        for part in &parts[common..] {
            xml.open(part);
            open.push(part);
        }
        value.clear();
        if let Some(path) = &column.path {
            context.state.render(kind, row, path, &formatting, &mut value);
        }
        match (kind, last) {
            (Kind::User, "USERLOCATIONS") => restrictions(xml, last, "LOCATIONID", &value),
            (Kind::User, "USERDEPARTMENTS") => restrictions(xml, last, "DEPARTMENTID", &value),
            (Kind::User, "USERTERRITORIES") => restrictions(xml, last, "TERRITORYID", &value),
            _ => xml.leaf(last, &value),
        }
    }
    while let Some(part) = open.pop() {
        xml.close(part);
    }
}

/// A restriction list: one element around its ids.
fn restrictions(xml: &mut Xml, name: &str, id: &str, joined: &str) {
    if joined.is_empty() {
        xml.leaf(name, "");
        return;
    }
    xml.open(name);
    for part in joined.split("#~#") {
        xml.leaf(id, part);
    }
    xml.close(name);
}
