//! `get_list` and `get` of version 2.1: lower-case records behind a `listtype`.
//!
//! Schema: <https://github.com/Intacct/intacct_dtd>.

use std::sync::Arc;

use super::super::answer::{Complaint, Done, Outcome};
use super::super::filter::{BadFilter, Condition, Node, Test, operands};
use super::super::formatting::Formatting;
use super::super::kinds::Kind;
use super::super::request::Element;
use super::super::state::{Path, State};
use super::super::table::Row;
use super::super::xml::Xml;
use super::query::{Search, find};
use super::{Context, Right};

/// The kept object of a legacy name.
fn kind_of(call: &Element) -> Result<Kind, Complaint> {
    let object = call.attribute("object").unwrap_or_default();
    let kind = match object {
        "customer" => Kind::Customer,
        "employee" => Kind::Employee,
        "contact" => Kind::Contact,
        "location" => Kind::Location,
        "locationentity" => Kind::Entity,
        "department" => Kind::Department,
        _ => return Err(Complaint::new("SIM-UNMODELLED", format!("The list of {object} is not part of this simulator."))),
    };
    Ok(kind)
}

/// `get_list`
pub fn list(context: &mut Context<'_>, call: &Element) -> Outcome {
    let kind = kind_of(call)?;
    context.permit(Right::View, "GET_LIST", kind.object())?;
    context.state.meter.pages += 1;
    let formatting = context.formatting();
    let number = |name: &str, default: usize| call.attribute(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (start, limit) = (number("start", 0), number("maxitems", 100));
    let filter = match call.child("filter") {
        None => None,
        Some(filter) => {
            let nodes: Result<Vec<Node>, Complaint> =
                filter.children.iter().map(|child| node(context.state, kind, child, &formatting)).collect();
            Some(Node::And(nodes?))
        }
    };
    let mut order = Vec::new();
    for sort in call.child("sorts").map(|sorts| sorts.children.as_slice()).unwrap_or_default() {
        order.push((own_field(context.state, kind, &sort.text)?, sort.attribute("order") == Some("desc")));
    }
    if order.is_empty() {
        order.push((own_field(context.state, kind, "RECORDNO")?, false));
    }
    let search = Search {
        kind,
        filter: filter.as_ref(),
        show_private: call.attribute("showprivate") == Some("true"),
        order: &order,
        offset: start,
        limit,
        shuffle: context.state.options.seed,
    };
    let found = find(context.state, context.caller.entity, &search);
    answer(context, kind, call, &found.rows, start, found.total)
}

/// `get`
pub fn one(context: &mut Context<'_>, call: &Element) -> Outcome {
    let kind = kind_of(call)?;
    context.permit(Right::View, "GET", kind.object())?;
    context.state.meter.pages += 1;
    let key = call.attribute("key").unwrap_or_default();
    let row = context.state.table(kind).named(key).filter(|row| context.sees(row, true)).cloned();
    let Some(row) = row else {
        return Err(Complaint::new("BL01001973", format!("Cannot find {} with key '{key}'.", kind.lower())).into());
    };
    answer(context, kind, call, &[row], 0, 1)
}

fn own_field(state: &State, kind: Kind, name: &str) -> Result<Path, Complaint> {
    let name = name.trim();
    state.table(kind).field(name).map(Path::Own).ok_or_else(|| Complaint::sentence(format!("Invalid fields list {name}")))
}

/// A `logical` or an `expression`.
fn node(state: &State, kind: Kind, element: &Element, formatting: &Formatting) -> Result<Node, Complaint> {
    let broken = || Complaint::new("DL02000001", "There was an error processing the request.").described("Error");
    if element.name == "logical" {
        let nodes: Result<Vec<Node>, Complaint> = element.children.iter().map(|child| node(state, kind, child, formatting)).collect();
        let nodes = nodes?;
        return Ok(if element.attribute("logical_operator") == Some("or") { Node::Or(nodes) } else { Node::And(nodes) });
    }
    let test = match element.word_of("operator").unwrap_or_default() {
        "=" => Test::Equal,
        "!=" => Test::NotEqual,
        "<" => Test::Less,
        "<=" => Test::LessOrEqual,
        ">" => Test::Greater,
        ">=" => Test::GreaterOrEqual,
        "like" => Test::Like,
        "is null" => Test::Null,
        _ => return Err(broken()),
    };
    let path = own_field(state, kind, element.text_of("field").unwrap_or_default())?;
    let values = [element.text_of("value").unwrap_or_default().to_owned()];
    let operands = operands(state.field_at(kind, &path).data, test, &values, formatting, false).map_err(|_: BadFilter| broken())?;
    Ok(Node::Condition(Condition { path, test, operands, fold: false }))
}

fn answer(context: &Context<'_>, kind: Kind, call: &Element, rows: &[Arc<Row>], start: usize, total: usize) -> Outcome {
    let table = context.state.table(kind);
    let mut columns: Vec<(String, Path)> = Vec::new();
    match call.child("fields") {
        Some(fields) => {
            for field in &fields.children {
                columns.push((field.text.trim().to_ascii_lowercase(), own_field(context.state, kind, &field.text)?));
            }
        }
        None => columns.extend(table.fields.iter().enumerate().map(|(index, field)| (field.id.to_ascii_lowercase(), Path::Own(index)))),
    }
    let formatting = context.formatting();
    let mut xml = Xml::new(context.state.switches.self_closed);
    let end = (start + rows.len()).saturating_sub(1);
    xml.open_with("listtype", &[("start", &start.to_string()), ("end", &end.to_string()), ("total", &total.to_string())]);
    xml.value(kind.lower());
    xml.close("listtype");
    xml.open("data");
    let mut value = String::new();
    for row in rows {
        xml.open(kind.lower());
        for (name, path) in columns.iter().filter(|(name, _)| !name.contains('.')) {
            value.clear();
            context.state.render(kind, row, path, &formatting, &mut value);
            xml.leaf(name, &value);
        }
        let address: Vec<&(String, Path)> = columns.iter().filter(|(name, _)| name.starts_with("mailaddress.")).collect();
        if !address.is_empty() {
            xml.open("mailaddress");
            for (name, path) in address {
                value.clear();
                context.state.render(kind, row, path, &formatting, &mut value);
                xml.leaf(name.trim_start_matches("mailaddress."), &value);
            }
            xml.close("mailaddress");
        }
        xml.close(kind.lower());
    }
    xml.close("data");
    Ok(Done::Data(xml.into_text()))
}
