//! The functions of version 2.1 that clients still send: strictly ordered, lower-case, answered with a key.
//!
//! <https://developer.intacct.com/api/accounts-receivable/customers/>.

use super::super::answer::{Complaint, Done, Failed, Outcome};
use super::super::kinds::Kind;
use super::super::request::Element;
use super::{Context, Right, write};

/// `create_customer`
pub fn create_customer(context: &mut Context<'_>, call: &Element) -> Outcome {
    let id = call.word_of("customerid").unwrap_or_default().to_owned();
    let is_kept = context.state.table(Kind::Customer).named(&id).is_some();
    if is_kept && call.attribute("ignoreduplicates") == Some("true") {
        return Ok(Done::Key(id));
    }
    let object = modern(call, None);
    write::create_object(context, &object).map_err(|complaints| Failed { data: None, complaints })?;
    Ok(Done::Key(id))
}

/// `update_customer`
pub fn update_customer(context: &mut Context<'_>, call: &Element) -> Outcome {
    let id = call.attribute("customerid").unwrap_or_default().to_owned();
    let object = modern(call, Some(&id));
    write::update_object(context, &object).map_err(|complaints| Failed { data: None, complaints })?;
    Ok(Done::Key(id))
}

/// `create_contact`
pub fn create_contact(context: &mut Context<'_>, call: &Element) -> Outcome {
    let name = call.word_of("contactname").unwrap_or_default().to_owned();
    let is_kept = context.state.table(Kind::Contact).named(&name).is_some();
    if !(is_kept && call.attribute("ignoreduplicates") == Some("true")) {
        let object = Element { name: "CONTACT".to_owned(), ..upper(call) };
        write::create_object(context, &object).map_err(|complaints| Failed { data: None, complaints })?;
    }
    Ok(Done::Key(name))
}

/// `update_contact`
pub fn update_contact(context: &mut Context<'_>, call: &Element) -> Outcome {
    let name = call.attribute("contactname").unwrap_or_default().to_owned();
    let mut object = Element { name: "CONTACT".to_owned(), ..upper(call) };
    object
        .children
        .retain(|child| call.attribute("set_nulls") == Some("true") || !child.text.trim().is_empty() || !child.children.is_empty());
    object.children.push(Element { name: "CONTACTNAME".to_owned(), text: name.clone(), ..Element::default() });
    write::update_object(context, &object).map_err(|complaints| Failed { data: None, complaints })?;
    Ok(Done::Key(name))
}

/// `delete_customer` and its kin: the natural key is an attribute.
pub fn delete(context: &mut Context<'_>, call: &Element, kind: Kind, attribute: &str) -> Outcome {
    context.permit(Right::Delete, "DELETE", kind.object())?;
    let id = call.attribute(attribute).unwrap_or_default();
    let number = context.state.table(kind).named(id).filter(|row| context.sees(row, true)).map(|row| row.number);
    let Some(number) = number else {
        return Err(Complaint::new("BL01001973", format!("Cannot find {} with key '{id}' to delete.", kind.lower())).into());
    };
    write::remove(context, kind, number)?;
    Ok(Done::Key(id.to_owned()))
}

/// The same customer as `create` and `update` spell it.
fn modern(call: &Element, id: Option<&str>) -> Element {
    let mut object = Element { name: "CUSTOMER".to_owned(), line: call.line, ..Element::default() };
    let leaf = |name: &str, text: &str| Element { name: name.to_ascii_uppercase(), text: text.to_owned(), ..Element::default() };
    if let Some(id) = id {
        object.children.push(leaf("CUSTOMERID", id));
    }
    for child in &call.children {
        match child.name.as_str() {
            "customfields" => {
                for field in &child.children {
                    let name = field.word_of("customfieldname").unwrap_or_default();
                    object.children.push(leaf(name, field.text_of("customfieldvalue").unwrap_or_default()));
                }
            }
            "contactinfo" => object.children.push(group("DISPLAYCONTACT", "CONTACTINFO", child)),
            "primary" => object.children.push(group("CONTACTINFO", "CONTACTINFO", child)),
            "billto" => object.children.push(group("BILLTO", "BILLTO", child)),
            "shipto" => object.children.push(group("SHIPTO", "SHIPTO", child)),
            // Without `set_nulls` an empty element leaves the field alone.
            _ if child.text.trim().is_empty() && id.is_some() && call.attribute("set_nulls") != Some("true") => {}
            name => object.children.push(leaf(name, &child.text)),
        }
    }
    object
}

/// A contact given in full goes under one name, one chosen by its name under the other.
fn group(in_full: &str, by_name: &str, element: &Element) -> Element {
    match element.child("contact") {
        Some(contact) => Element { name: in_full.to_owned(), ..upper(contact) },
        None => Element { name: by_name.to_owned(), ..upper(element) },
    }
}

fn upper(element: &Element) -> Element {
    let name = if element.name == "isocountrycode" { "COUNTRYCODE".to_owned() } else { element.name.to_ascii_uppercase() };
    Element { name, children: element.children.iter().map(upper).collect(), ..element.clone() }
}
