//! `lookup` and `inspect`: what an object is made of.
//!
//! <https://developer.intacct.com/api/platform-services/objects/>.

use super::super::answer::{Complaint, Done, Outcome};
use super::super::kinds::{Data, Field, KINDS, Kind, UNMODELLED, audit_fields};
use super::super::request::Element;
use super::super::xml::Xml;
use super::Context;

/// The fields of an object, and its kind when it is kept. An unmodelled object shows its number and the audit fields.
fn described(context: &Context<'_>, object: &str) -> Result<(String, Option<Kind>, Vec<Field>), Complaint> {
    if let Some(kind) = Kind::named(object) {
        return Ok((kind.object().to_owned(), Some(kind), context.state.table(kind).fields.clone()));
    }
    let is_name = object.chars().next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && object.chars().all(|next| next.is_ascii_alphanumeric() || next == '_');
    if !is_name {
        return Err(Complaint {
            number: "Query Failed".to_owned(),
            description2: format!("Object definition {object} not found"),
            ..Complaint::default()
        });
    }
    let mut fields: Vec<Field> = Kind::Department.fields().into_iter().take(1).collect();
    fields.extend(audit_fields());
    Ok((object.to_ascii_uppercase(), None, fields))
}

/// `lookup`
pub fn lookup(context: &Context<'_>, call: &Element) -> Outcome {
    let (object, kind, fields) = described(context, call.word_of("object").unwrap_or_default())?;
    let mut xml = Xml::new(context.state.switches.self_closed);
    xml.open_with("data", &[("listtype", "All"), ("count", "1")]);
    xml.open_with("Type", &[("Name", &object), ("DocumentType", "")]);
    xml.open("Fields");
    for field in &fields {
        lookup_field(&mut xml, &field.id, field);
    }
    let relations = kind.map(Kind::relations).unwrap_or_default();
    for group in relations.iter().filter(|relation| relation.is_group) {
        for field in context.state.table(group.to).fields.iter().filter(|field| field.is_writable()) {
            lookup_field(&mut xml, &format!("{}.{}", group.path, field.id), field);
        }
    }
    xml.close("Fields");
    xml.open("Relationships");
    for relation in relations.iter().filter(|relation| relation.in_query) {
        xml.open("Relationship");
        xml.leaf("OBJECTPATH", relation.path);
        xml.leaf("OBJECTNAME", relation.to.object());
        xml.leaf("LABEL", "");
        xml.leaf("RELATIONSHIPTYPE", "MANY2ONE");
        xml.leaf("RELATEDBY", relation.key);
        xml.close("Relationship");
    }
    xml.close("Relationships");
    xml.close("Type");
    xml.close("data");
    Ok(Done::Data(xml.into_text()))
}

fn lookup_field(xml: &mut Xml, id: &str, field: &Field) {
    xml.open("Field");
    xml.leaf("ID", id);
    xml.leaf("LABEL", &field.label);
    xml.leaf("DESCRIPTION", "");
    xml.leaf("REQUIRED", if field.required { "true" } else { "false" });
    xml.leaf("READONLY", if field.is_writable() { "false" } else { "true" });
    xml.leaf("DATATYPE", field.data.name());
    if !field.choices.is_empty() {
        xml.open("VALIDVALUES");
        for (label, _) in field.choices {
            xml.leaf("VALIDVALUE", label);
        }
        xml.close("VALIDVALUES");
    } else if field.data == Data::Boolean {
        xml.open("VALIDVALUES");
        xml.leaf("VALIDVALUE", "true");
        xml.leaf("VALIDVALUE", "false");
        xml.close("VALIDVALUES");
    }
    xml.leaf("ISCUSTOM", if field.custom { "true" } else { "false" });
    xml.close("Field");
}

/// `inspect`
pub fn inspect(context: &Context<'_>, call: &Element) -> Outcome {
    let object = call.word_of("object").or_else(|| call.word_of("name")).unwrap_or_default();
    let mut xml = Xml::new(context.state.switches.self_closed);
    if object == "*" {
        let mut types: Vec<(&str, &str)> =
            KINDS.iter().map(|kind| (kind.object(), kind.label())).chain(UNMODELLED.iter().copied()).collect();
        types.sort_unstable();
        xml.open_with("data", &[("listtype", "All"), ("count", &types.len().to_string())]);
        for (name, label) in types {
            xml.open_with("type", &[("typename", name)]);
            xml.value(label);
            xml.close("type");
        }
        xml.close("data");
        return Ok(Done::Data(xml.into_text()));
    }
    let (name, kind, fields) = described(context, object)?;
    let is_detailed = call.attribute("detail") == Some("1");
    xml.open_with("data", &[("listtype", "All"), ("count", "1")]);
    xml.open_with("Type", &[("Name", &name)]);
    if is_detailed {
        let label = kind.map(Kind::label).unwrap_or(name.as_str());
        xml.open("Attributes");
        xml.leaf("SingularName", label);
        xml.leaf("PluralName", &format!("{label}s"));
        xml.leaf("Description", "");
        xml.close("Attributes");
    }
    xml.open("Fields");
    for (index, field) in fields.iter().enumerate() {
        if !is_detailed {
            xml.leaf("Field", &field.id);
            continue;
        }
        xml.open("Field");
        xml.leaf("Name", &field.id);
        xml.leaf("GroupName", "");
        xml.leaf("dataName", field.data.name());
        xml.leaf("externalDataName", field.data.name());
        xml.leaf("isRequired", if field.required { "true" } else { "false" });
        xml.leaf("isReadOnly", if field.is_writable() { "false" } else { "true" });
        xml.leaf("maxLength", "0");
        xml.leaf("DisplayLabel", &field.label);
        xml.leaf("Description", "");
        xml.leaf("id", &index.to_string());
        xml.leaf("relationship", "");
        xml.leaf("relatedObject", "");
        xml.close("Field");
    }
    xml.close("Fields");
    xml.close("Type");
    xml.close("data");
    Ok(Done::Data(xml.into_text()))
}
