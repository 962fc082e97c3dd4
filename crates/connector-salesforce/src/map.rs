//! From Salesforce's rows to our nouns.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate};
use rightful_core::{
    Decimal, Error, ErrorKind, FieldName, Instant, Key, Kind, Owner, Person, Record, RecordId, Reference, Result, State, Value, nearest,
};
use serde::{Deserialize, Serialize};

use crate::ids::SfId;
use crate::objects::{EMAIL, IN_QUEUE, OWNER, Object, SHORT_ID};
use crate::soql::Name;
use crate::wire;

/// The stamp that changes are read by.
pub const STAMP: &str = "SystemModstamp";

/// A field asked for, and how its value is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub field: Name,
    pub form: Form,
}

/// The form of a field's values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    Text,
    Bool,
    Integer,
    Decimal,
    Date,
    Instant,
    /// An id of a record of this kind.
    Reference(Kind),
    /// Several words with semicolons between.
    List,
}

/// What a read of an object brings besides what every record is made of. Kept in cursors, so that an object is described once per read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    pub columns: Vec<Column>,
    /// Optional fields that are hidden from us.
    pub hidden: Vec<Name>,
}

/// The fields that a query of this object asks for, each once.
pub fn selected(object: &Object, shape: &Shape, deleted: bool) -> Vec<Name> {
    let mut fields = vec![Name::known("Id"), object.title.clone(), Name::known(STAMP)];
    if object.owned {
        fields.push(Name::known("OwnerId"));
    }
    if deleted {
        fields.push(Name::known("IsDeleted"));
    }
    fields.extend(object.keys.iter().map(|key| key.field.clone()).filter(|field| !shape.hidden.contains(field)));
    fields.extend(object.further.iter().map(|field| Name::known(field)));
    fields.extend(shape.columns.iter().map(|column| column.field.clone()));
    let mut once: Vec<Name> = Vec::with_capacity(fields.len());
    for field in fields {
        if !once.iter().any(|known| known.as_str().eq_ignore_ascii_case(field.as_str())) {
            once.push(field);
        }
    }
    once
}

/// Fields to columns, by what the object looks like to us. A field that is hidden from us is missing from it.
///
/// # Errors
/// `Config` where a field is unknown, hidden, or holds no single value.
pub fn shape(object: &Object, fields: &[FieldName], described: &wire::Described) -> Result<Shape> {
    let find = |name: &str| described.fields.iter().find(|field| field.name == name);
    let column = |field: &FieldName| {
        let Some(found) = find(field.as_str()) else {
            let near = nearest(field.as_str(), described.fields.iter().map(|known| known.name.as_str()));
            let hint = near.map_or_else(
                || "check its API name, and give the user read access to it by field-level security".to_owned(),
                |near| format!("did you mean `{near}`? A field that is hidden by field-level security is not shown either"),
            );
            return Err(Error::new(ErrorKind::Config, format!("`{}` has no field `{field}` that we may see", object.name)).hint(hint));
        };
        let form = form(found).ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("`{field}` of `{}` holds no single value ({})", object.name, found.kind))
                .hint("ask for its parts, for example BillingCity in place of BillingAddress")
        })?;
        let field = Name::parse(field.as_str())
            .ok_or_else(|| Error::new(ErrorKind::Config, format!("`{field}` cannot be a field")).hint("use its API name"))?;
        Ok(Column { field, form })
    };
    let columns = fields.iter().map(column).collect::<Result<_>>()?;
    let optional = object.keys.iter().filter(|key| key.optional).map(|key| key.field.clone());
    Ok(Shape { columns, hidden: optional.filter(|field| find(field.as_str()).is_none()).collect() })
}

fn form(field: &wire::DescribedField) -> Option<Form> {
    Some(match field.kind.as_str() {
        "boolean" => Form::Bool,
        "int" | "long" => Form::Integer,
        "double" | "currency" | "percent" => Form::Decimal,
        "date" => Form::Date,
        "datetime" => Form::Instant,
        "multipicklist" => Form::List,
        "address" | "location" | "complexvalue" | "base64" | "json" => return None,
        // An id that may be of several objects stays text.
        "reference" => match field.reference_to.as_slice() {
            [one] => Form::Reference(kind_of(one)),
            _ => Form::Text,
        },
        _ => Form::Text,
    })
}

fn kind_of(object: &str) -> Kind {
    let known = [("User", "user"), ("Account", "account"), ("Contact", "contact"), ("Lead", "lead"), ("Opportunity", "opportunity")];
    known.iter().find(|(name, _)| *name == object).map_or_else(|| Kind::new(object), |(_, kind)| Kind::new(*kind))
}

/// A moment as answers spell it: the offset has no colon.
pub fn instant(text: &str) -> Option<Instant> {
    // Reading by a pattern takes several times as long: it is for offsets that nobody has seen here.
    let utc = text.strip_suffix("+0000").map(|bare| format!("{bare}Z"));
    let read = DateTime::parse_from_rfc3339(utc.as_deref().unwrap_or(text));
    read.or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z")).ok().map(|at| at.to_utc())
}

fn value(form: &Form, text: Option<Cow<'_, str>>) -> Option<Value> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Some(Value::Null) };
    Some(match form {
        Form::Text => Value::Text(text.into_owned()),
        Form::Bool => Value::Bool(text.eq_ignore_ascii_case("true")),
        Form::Integer => match text.parse() {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Decimal(Decimal::parse(&text).ok()?),
        },
        Form::Decimal => Value::Decimal(Decimal::parse(&text).ok()?),
        Form::Date => Value::Date(NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?),
        Form::Instant => Value::Instant(instant(&text)?),
        Form::Reference(kind) => {
            Value::Reference(Reference { kind: kind.clone(), id: RecordId::new(SfId::parse(&text)?.as_str().to_owned()) })
        }
        Form::List => Value::List(text.split(';').map(|word| Value::Text(word.to_owned())).collect()),
    })
}

/// Who owns a record, as user and as queue: one of the two is nobody (SF-12).
pub fn owners(text: Option<&str>) -> (Owner, Owner) {
    let known = |id: &SfId| Owner::Known(vec![id.as_str().to_owned()]);
    let nobody = || Owner::Known(Vec::new());
    match text.and_then(SfId::parse) {
        Some(id) if id.is_user() => (known(&id), nobody()),
        Some(id) if id.is_group() => (nobody(), known(&id)),
        _ => (Owner::Unseen, Owner::Unseen),
    }
}

/// A row as a record.
///
/// # Errors
/// `Protocol` where the row has no id, or a value is not what its field was described as.
pub fn record<'a>(object: &Object, shape: &Shape, services: &[String], cell: impl Fn(&str) -> Option<Cow<'a, str>>) -> Result<Record> {
    let unreadable = |what: String| Error::new(ErrorKind::Protocol, what).context(format!("object {}", object.name)).hint("report it");
    let id = cell("Id").and_then(|id| SfId::parse(&id)).ok_or_else(|| unreadable("a row came without a readable id".to_owned()))?;
    let is_true = |field: &str| cell(field).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let mut values = Vec::with_capacity(shape.columns.len());
    for column in &shape.columns {
        let value = value(&column.form, cell(column.field.as_str()));
        values.push(value.ok_or_else(|| unreadable(format!("`{}` holds something else than it was described as", column.field)))?);
    }
    let mut keys = Vec::with_capacity(object.keys.len());
    for key in &object.keys {
        let Some(text) = cell(key.field.as_str()).filter(|text| !text.is_empty()) else { continue };
        let text = match () {
            () if key.name == EMAIL => text.trim().to_lowercase(),
            () if key.name == SHORT_ID => id.short().to_owned(),
            () => text.into_owned(),
        };
        keys.push(Key { name: key.name.clone(), value: text });
    }
    let active = !object.people || is_true("IsActive");
    let person = object.people.then(|| Person {
        emails: keys.iter().filter(|key| key.name == EMAIL).map(|key| key.value.clone()).collect(),
        active,
        service: keys.iter().any(|key| services.iter().any(|service| service.eq_ignore_ascii_case(&key.value))),
        same_as: Vec::new(),
    });
    let mut roles = Vec::with_capacity(2);
    if object.owned {
        let (user, queue) = owners(cell("OwnerId").as_deref());
        roles.push((OWNER, user));
        if object.queued {
            roles.push((IN_QUEUE, queue));
        }
    }
    let state = match () {
        () if is_true("IsDeleted") => State::Gone,
        // A converted lead cannot be changed any more: <https://help.salesforce.com/s/articleView?id=000385661>.
        () if !active || is_true("IsConverted") => State::Inactive,
        () => State::Active,
    };
    Ok(Record {
        id: RecordId::new(id.as_str().to_owned()),
        keys,
        name: cell(object.title.as_str()).unwrap_or_default().into_owned(),
        owners: roles,
        person,
        values,
        changed_at: cell(STAMP).as_deref().and_then(instant),
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::{named, standard};

    fn object(kind: &str) -> Object {
        standard(Name::known("AccountNumber")).into_iter().chain(named("Case")).find(|object| object.kind == kind).unwrap()
    }

    fn of(kind: &str, shape: &Shape, json: &str) -> Result<Record> {
        let row: wire::Row<'_> = serde_json::from_str(json).unwrap();
        record(&object(kind), shape, &["bot@acme.example".to_owned()], |field| row.text(field))
    }

    #[test]
    fn a_user_is_a_person_also_when_inactive() {
        let json = r#"{"Id":"005Qk000003mNoP","Name":"User One","Username":"User1@acme.example","Email":" User1@Example.com ",
            "IsActive":false,"FederationIdentifier":null,"SystemModstamp":"2026-11-20T09:15:02.000+0000"}"#;
        let user = of("user", &Shape::default(), json).unwrap();
        assert_eq!((user.id.as_str(), user.state), ("005Qk000003mNoPIAU", State::Inactive));
        let person = user.person.clone().unwrap();
        assert_eq!((person.emails, person.active, person.service), (vec!["user1@example.com".to_owned()], false, false));
        assert_eq!(user.key(&crate::objects::USER_NAME), Some("User1@acme.example"));
        assert_eq!(user.key(&SHORT_ID), Some("005Qk000003mNoP"));
        assert_eq!(user.changed_at.unwrap().to_rfc3339(), "2026-11-20T09:15:02+00:00");
        let bot = of("user", &Shape::default(), r#"{"Id":"005Qk000003mNoP","Username":"Bot@acme.example","IsActive":true}"#).unwrap();
        assert!(bot.person.unwrap().service);
    }

    #[test]
    fn sf_12_a_queue_is_nobody_among_people() {
        let user = || Owner::Known(vec!["005Qk000003mNoPIAU".into()]);
        let queue = || Owner::Known(vec![SfId::parse("00GQk000003mNoP").unwrap().to_string()]);
        let nobody = || Owner::Known(Vec::new());
        for (text, wanted) in [
            (Some("005Qk000003mNoP"), (user(), nobody())),
            (Some("00GQk000003mNoP"), (nobody(), queue())),
            (Some("0XXQk000003mNoP"), (Owner::Unseen, Owner::Unseen)),
            (Some(""), (Owner::Unseen, Owner::Unseen)),
            (None, (Owner::Unseen, Owner::Unseen)),
        ] {
            assert_eq!(owners(text), wanted, "{text:?}");
        }
        let account = of("account", &Shape::default(), r#"{"Id":"001Qk00000AbXyZIAV","Name":"A","OwnerId":"005Qk000003mNoPIAU"}"#).unwrap();
        assert_eq!(account.owners, [(OWNER, user())], "queues cannot own accounts");
    }

    #[test]
    fn deleted_is_gone_and_converted_is_inactive() {
        for (members, wanted) in [
            (r#""IsDeleted":true"#, State::Gone),
            (r#""IsConverted":true"#, State::Inactive),
            (r#""IsConverted":true,"IsDeleted":true"#, State::Gone),
            (r#""IsConverted":false,"IsDeleted":false"#, State::Active),
        ] {
            let lead = of("lead", &Shape::default(), &format!(r#"{{"Id":"00QQk00000AbXyZ","Name":"L",{members}}}"#)).unwrap();
            assert_eq!(lead.state, wanted, "{members}");
        }
    }

    fn described() -> wire::Described {
        serde_json::from_value(serde_json::json!({ "queryable": true, "fields": [
            { "name": "Rep_Code__c", "type": "string" }, { "name": "Open__c", "type": "boolean" }, { "name": "Count__c", "type": "int" },
            { "name": "Sum__c", "type": "currency" }, { "name": "Day__c", "type": "date" }, { "name": "At__c", "type": "datetime" },
            { "name": "AccountId", "type": "reference", "referenceTo": ["Account"] },
            { "name": "WhatId", "type": "reference", "referenceTo": ["Account", "Opportunity"] },
            { "name": "Words__c", "type": "multipicklist" }, { "name": "BillingAddress", "type": "address" },
        ] }))
        .unwrap()
    }

    #[test]
    fn values_have_the_form_their_field_was_described_with() {
        let fields =
            ["Rep_Code__c", "Open__c", "Count__c", "Sum__c", "Day__c", "At__c", "AccountId", "WhatId", "Words__c"].map(FieldName::fixed);
        let shape = shape(&object("contact"), &fields, &described()).unwrap();
        let json = r#"{"Id":"003Qk00000AbXyZ","Rep_Code__c":"R05","Open__c":true,"Count__c":7,"Sum__c":1234567890123456.70,"Day__c":"2026-01-31",
            "At__c":"2026-01-31T09:00:00.000+0000","AccountId":"001Qk00000AbXyZ","WhatId":"001Qk00000AbXyZIAV","Words__c":"a;b"}"#;
        let contact = of("contact", &shape, json).unwrap();
        let account = Reference { kind: "account".into(), id: "001Qk00000AbXyZIAV".into() };
        assert_eq!(
            contact.values,
            [
                Value::Text("R05".into()),
                Value::Bool(true),
                Value::Integer(7),
                Value::Decimal(Decimal::parse("1234567890123456.70").unwrap()),
                Value::Date(NaiveDate::from_ymd_opt(2026, 1, 31).unwrap()),
                Value::Instant("2026-01-31T09:00:00Z".parse().unwrap()),
                Value::Reference(account),
                Value::Text("001Qk00000AbXyZIAV".into()),
                Value::List(vec![Value::Text("a".into()), Value::Text("b".into())]),
            ]
        );
        let nulls = of("contact", &shape, r#"{"Id":"003Qk00000AbXyZ","Rep_Code__c":null,"Sum__c":null}"#).unwrap();
        assert!(nulls.values.iter().all(|value| *value == Value::Null));
        let error = of("contact", &shape, r#"{"Id":"003Qk00000AbXyZ","Sum__c":"a lot"}"#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }

    #[test]
    fn an_unknown_or_compound_field_is_told_before_anything_is_read() {
        for (field, wanted) in [("Rep_Cod__c", "`Rep_Code__c`"), ("Zzz", "field-level security"), ("BillingAddress", "its parts")] {
            let error = shape(&object("contact"), &[FieldName::new(field)], &described()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{field}");
            assert!(error.mend().unwrap().contains(wanted), "{field}: {error:?}");
        }
    }

    #[test]
    fn hidden_optional_fields_are_not_asked_for() {
        let hidden = shape(&object("user"), &[], &described()).unwrap();
        let fields: Vec<String> = selected(&object("user"), &hidden, false).iter().map(Name::to_string).collect();
        assert_eq!(fields, ["Id", "Name", "SystemModstamp", "Username", "Email", "IsActive"]);
        let fields: Vec<String> = selected(&object("account"), &Shape::default(), true).iter().map(Name::to_string).collect();
        assert_eq!(fields, ["Id", "Name", "SystemModstamp", "OwnerId", "IsDeleted", "AccountNumber"]);
    }

    #[test]
    fn moments_are_read_in_every_spelling() {
        for text in
            ["2026-11-20T09:15:02.000+0000", "2026-11-20T09:15:02.000Z", "2026-11-20T11:15:02.000+0200", "2026-11-20T09:15:02+00:00"]
        {
            assert_eq!(instant(text).unwrap().to_rfc3339(), "2026-11-20T09:15:02+00:00", "{text}");
        }
        assert_eq!(instant("yesterday"), None);
    }
}
