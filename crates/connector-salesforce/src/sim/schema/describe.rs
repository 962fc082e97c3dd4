//! Describe answers: <https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-describe.html>.

use serde_json::{Value, json};

use super::{Field, Kind, Object, Schema};

/// What a list of objects says about each.
pub(in super::super) fn object_summary(object: &Object, version: &str) -> Value {
    let base = format!("/services/data/v{version}/sobjects/{}", object.name);
    json!({
        "name": object.name, "label": object.label, "labelPlural": object.plural, "keyPrefix": object.prefix, "custom": object.is_custom(),
        "customSetting": false, "queryable": true, "retrieveable": true, "searchable": true, "layoutable": true, "activateable": false,
        "createable": object.createable, "updateable": object.fields.iter().any(|field| field.updateable), "deletable": object.deletable,
        "undeletable": object.replicateable, "mergeable": false, "replicateable": object.replicateable || object.name == "User",
        "triggerable": true, "feedEnabled": false, "deprecatedAndHidden": false, "hasSubtypes": false, "isSubtype": false,
        "mruEnabled": true,
        "urls": {"sobject": base, "describe": format!("{base}/describe"), "rowTemplate": format!("{base}/{{ID}}")},
    })
}

/// The list of objects.
pub(in super::super) fn global<'a>(objects: impl Iterator<Item = &'a Object>, version: &str) -> Value {
    let objects: Vec<Value> = objects.map(|object| object_summary(object, version)).collect();
    json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects})
}

/// Everything about one object, without the fields that are hidden from the caller.
pub(in super::super) fn describe(schema: &Schema, object: &Object, version: &str, hidden: impl Fn(&str) -> bool) -> Value {
    let mut all = object_summary(object, version);
    let shown = object.fields.iter().filter(|field| !hidden(&field.name));
    all["fields"] = shown.map(describe_field).collect();
    all["childRelationships"] = schema
        .objects
        .iter()
        .flat_map(|child| child.fields.iter().map(move |field| (child, field)))
        .filter(|(_, field)| field.refers_to.contains(&object.name))
        .map(|(child, field)| {
            json!({"childSObject": child.name, "field": field.name, "relationshipName": field.children, "cascadeDelete": false,
                "restrictedDelete": false, "deprecatedAndHidden": false})
        })
        .collect();
    let scopes: &[(&str, &str)] =
        if object.field("OwnerId").is_some() { &[("everything", "All"), ("mine", "My")] } else { &[("everything", "All")] };
    all["supportedScopes"] =
        scopes.iter().map(|(name, label)| json!({"name": name, "label": format!("{label} {}", object.plural)})).collect();
    all["recordTypeInfos"] = json!([{"available": true, "defaultRecordTypeMapping": true, "master": true, "name": "Master",
        "recordTypeId": "012000000000000AAA", "active": true, "developerName": "Master",
        "urls": {"layout": format!("/services/data/v{version}/sobjects/{}/describe/layouts/012000000000000AAA", object.name)}}]);
    all
}

fn describe_field(field: &Field) -> Value {
    let choices: Vec<Value> = field
        .choices
        .iter()
        .map(|choice| json!({"value": choice, "label": choice, "active": true, "defaultValue": field.default == Some(json!(choice)), "validFor": null}))
        .collect();
    let bytes = if field.kind.is_text() || field.kind.is_id() { field.length * if field.kind.is_id() { 1 } else { 3 } } else { 0 };
    json!({
        "name": field.name, "label": field.label, "type": field.kind.name(), "length": field.length, "byteLength": bytes,
        "soapType": soap_type(field.kind), "nillable": field.nillable, "createable": field.createable, "updateable": field.updateable,
        "custom": field.is_custom(), "calculated": false, "autoNumber": field.name == "CaseNumber",
        "defaultedOnCreate": field.default.is_some() || field.kind == Kind::Boolean || field.name == "OwnerId" || !(field.createable || field.nillable),
        "defaultValue": field.default, "externalId": field.external_id, "idLookup": field.id_lookup, "unique": field.unique,
        "caseSensitive": false, "nameField": field.name == "Name", "namePointing": field.refers_to.len() > 1,
        "polymorphicForeignKey": field.refers_to.len() > 1, "referenceTo": field.refers_to, "relationshipName": field.relationship,
        "picklistValues": choices, "restrictedPicklist": field.restricted, "dependentPicklist": false, "htmlFormatted": false,
        "filterable": field.kind != Kind::TextArea, "sortable": field.kind != Kind::TextArea,
        "groupable": !matches!(field.kind, Kind::TextArea | Kind::DateTime | Kind::Double | Kind::Currency | Kind::Percent),
        "aggregatable": field.kind != Kind::TextArea && field.kind != Kind::Boolean, "deprecatedAndHidden": false, "encrypted": false,
        "permissionable": field.nillable, "precision": if field.kind.is_number() { 18 } else { 0 },
        "scale": if matches!(field.kind, Kind::Double | Kind::Currency) { 2 } else { 0 }, "digits": if field.kind == Kind::Int { 8 } else { 0 },
    })
}

fn soap_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Id | Kind::Reference => "tns:ID",
        Kind::Boolean => "xsd:boolean",
        Kind::Int => "xsd:int",
        Kind::Double | Kind::Currency | Kind::Percent => "xsd:double",
        Kind::Date => "xsd:date",
        Kind::DateTime => "xsd:dateTime",
        _ => "xsd:string",
    }
}
