//! Records, values and writes as JSON that people write by hand (`docs/fixtures.md` shows the shapes).

use rightful_core::{
    Decimal, FieldChange, FieldName, Finding, Kind, Owner, OwnerChange, Person, Record, RecordId, Reference, Role, State, Target, Value,
    Verb, Verdict, Write,
};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

/// A record; what is at its default is left out.
pub fn record(record: &Record, fields: &[FieldName]) -> Json {
    let mut shown = Map::new();
    shown.insert("id".into(), record.id.as_str().into());
    shown.insert("name".into(), record.name.as_str().into());
    if !record.keys.is_empty() {
        let keys = record.keys.iter().map(|key| (key.name.to_string(), Json::from(key.value.as_str())));
        shown.insert("keys".into(), repeating(keys));
    }
    if !record.owners.is_empty() {
        shown.insert("owners".into(), repeating(record.owners.iter().map(|(role, known)| (role.to_string(), owner(known)))));
    }
    if let Some(known) = &record.person {
        shown.insert("person".into(), person(known));
    }
    if !record.values.is_empty() || !fields.is_empty() {
        shown.insert("values".into(), values(&record.values, fields));
    }
    if let Some(at) = record.changed_at {
        shown.insert("changed_at".into(), at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into());
    }
    match record.state {
        State::Active => {}
        State::Inactive => drop(shown.insert("state".into(), "inactive".into())),
        State::Gone => drop(shown.insert("state".into(), "gone".into())),
    }
    Json::Object(shown)
}

/// A record as written by hand, with what is at its default left out, so that both spellings compare equal.
pub(crate) fn plain_record(mut written: Json) -> Json {
    if let Some(members) = written.as_object_mut() {
        members.retain(|key, value| match key.as_str() {
            "state" => value != "active",
            "keys" | "owners" | "values" => value.as_object().is_none_or(|entries| !entries.is_empty()),
            "person" | "changed_at" => !value.is_null(),
            _ => true,
        });
        if let Some(person) = members.get_mut("person").and_then(Json::as_object_mut) {
            person.retain(|key, value| match key.as_str() {
                "emails" | "same_as" => value.as_array().is_none_or(|entries| !entries.is_empty()),
                "active" => value != &Json::Bool(true),
                "service" => value != &Json::Bool(false),
                _ => true,
            });
        }
    }
    written
}

/// An object; a key that occurs twice holds a list.
fn repeating(entries: impl Iterator<Item = (String, Json)>) -> Json {
    let mut shown = Map::new();
    for (key, value) in entries {
        match shown.get_mut(&key) {
            None => drop(shown.insert(key, value)),
            Some(Json::Object(several)) if several.contains_key("several") => {
                if let Some(Json::Array(list)) = several.get_mut("several") {
                    list.push(value);
                }
            }
            Some(first) => *first = json!({ "several": [first.take(), value] }),
        }
    }
    Json::Object(shown)
}

fn owner(owner: &Owner) -> Json {
    match owner {
        Owner::Known(people) => json!(people),
        Owner::Of { record, role } => json!({ "of": { "kind": record.kind, "id": record.id, "role": role } }),
        Owner::Unseen => json!("unseen"),
    }
}

fn person(person: &Person) -> Json {
    let mut shown = Map::new();
    if !person.emails.is_empty() {
        shown.insert("emails".into(), json!(person.emails));
    }
    if !person.active {
        shown.insert("active".into(), false.into());
    }
    if person.service {
        shown.insert("service".into(), true.into());
    }
    if !person.same_as.is_empty() {
        let same = person.same_as.iter().map(|same| json!({ "kind": same.kind, "key": same.key, "value": same.value }));
        shown.insert("same_as".into(), same.collect());
    }
    Json::Object(shown)
}

fn values(values: &[Value], fields: &[FieldName]) -> Json {
    let mut shown = Map::new();
    for (index, known) in values.iter().enumerate() {
        let name = fields.get(index).map_or_else(|| format!("value {index} was not asked for"), ToString::to_string);
        shown.insert(name, value(known));
    }
    for field in fields.iter().skip(values.len()) {
        shown.insert(field.to_string(), json!("missing from the record"));
    }
    Json::Object(shown)
}

/// A value: null, bool, whole number, text and list as JSON has them, the rest as `{"decimal":"1.50"}`, `{"date":"2026-01-31"}`, `{"instant":"…"}`, `{"reference":{"kind":"…","id":"…"}}`.
pub fn value(known: &Value) -> Json {
    match known {
        Value::Null => Json::Null,
        Value::Bool(flag) => json!(flag),
        Value::Integer(number) => json!(number),
        Value::Decimal(number) => json!({ "decimal": number.as_str() }),
        Value::Text(text) => json!(text),
        Value::Date(date) => json!({ "date": date.to_string() }),
        Value::Instant(instant) => json!({ "instant": instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true) }),
        Value::Reference(reference) => json!({ "reference": { "kind": reference.kind, "id": reference.id } }),
        Value::List(values) => values.iter().map(value).collect(),
    }
}

/// Reads what [`value`] shows.
///
/// # Errors
/// A sentence that says what a value may look like.
pub fn parse_value(written: &Json) -> Result<Value, String> {
    let wrong = || {
        format!(
            "{written} is no value: write null, true, 7, \"text\", a list, or {{\"decimal\":\"1.50\"}}, {{\"date\":\"2026-01-31\"}}, {{\"instant\":\"2026-01-31T09:00:00Z\"}}, {{\"reference\":{{\"kind\":\"user\",\"id\":\"7\"}}}}"
        )
    };
    Ok(match written {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => Value::Integer(number.as_i64().ok_or_else(wrong)?),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(parse_value).collect::<Result<_, _>>()?),
        Json::Object(members) => {
            let (key, inner) = members.iter().next().filter(|_| members.len() == 1).ok_or_else(wrong)?;
            match (key.as_str(), inner) {
                ("decimal", Json::String(text)) => Value::Decimal(Decimal::parse(text).map_err(|error| error.to_string())?),
                ("date", Json::String(text)) => Value::Date(text.parse().map_err(|_| wrong())?),
                ("instant", Json::String(text)) => Value::Instant(text.parse().map_err(|_| wrong())?),
                ("reference", inner) => {
                    let reference: ReferenceText = serde_json::from_value(inner.clone()).map_err(|_| wrong())?;
                    Value::Reference(Reference { kind: reference.kind, id: reference.id })
                }
                _ => return Err(wrong()),
            }
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceText {
    kind: Kind,
    id: RecordId,
}

/// One write as written by hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteText {
    /// Its idempotency key; `w1`, `w2` ... by place unless said.
    #[serde(default)]
    pub key: Option<String>,
    /// The record; a new one unless said.
    #[serde(default)]
    pub id: Option<RecordId>,
    /// Is the record to be deleted?
    #[serde(default)]
    pub remove: bool,
    /// Owner changes by role.
    #[serde(default)]
    pub owners: Map<String, Json>,
    /// Fields to set.
    #[serde(default)]
    pub set: Map<String, Json>,
    /// Fields to empty.
    #[serde(default)]
    pub clear: Vec<FieldName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnerText {
    #[serde(default)]
    from: Option<Vec<String>>,
    to: Vec<String>,
}

impl WriteText {
    /// What it does to the record; an upsert is spelled as an update.
    pub(crate) fn verb(&self) -> Verb {
        match (&self.id, self.remove) {
            (_, true) => Verb::Remove,
            (Some(_), false) => Verb::Update,
            (None, false) => Verb::Create,
        }
    }

    /// The write it stands for, at that place of its batch (counted from 0).
    ///
    /// # Errors
    /// A sentence that names the part that cannot be read.
    pub fn write(&self, place: usize) -> Result<Write, String> {
        let mut owners = Vec::new();
        for (role, change) in &self.owners {
            let change: OwnerText = serde_json::from_value(change.clone()).map_err(|error| {
                format!("owners.{role}: {error}; write {{\"from\":[\"1\"],\"to\":[\"2\"]}} (from: null where it was not seen)")
            })?;
            owners.push(OwnerChange { role: Role::new(role.clone()), from: change.from, to: change.to });
        }
        let mut values = Vec::new();
        for (field, written) in &self.set {
            values.push((
                FieldName::new(field.clone()),
                FieldChange::Set(parse_value(written).map_err(|error| format!("set.{field}: {error}"))?),
            ));
        }
        values.extend(self.clear.iter().map(|field| (field.clone(), FieldChange::Clear)));
        let target = match (self.id.clone(), self.remove) {
            (Some(id), true) => Target::Removed(id),
            (Some(id), false) => Target::Id(id),
            (None, false) => Target::New,
            (None, true) => return Err("what is removed is named by its id".to_owned()),
        };
        Ok(Write { key: self.key.clone().unwrap_or_else(|| format!("w{}", place + 1)), target, owners, values })
    }
}

/// A verdict's word.
pub(crate) fn verdict(verdict: Verdict) -> Json {
    serde_json::to_value(verdict).expect("a verdict is a word")
}

/// A finding for people.
pub(crate) fn finding(finding: &Finding) -> Json {
    json!({ "check": finding.check, "verdict": verdict(finding.verdict), "evidence": finding.evidence, "remedy": finding.remedy })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rightful_core::{Key, PersonKey};

    #[test]
    fn a_value_reads_what_it_shows() {
        for text in [
            "null",
            "true",
            "-7",
            "\"text\"",
            "[1,[\"a\"]]",
            r#"{"decimal":"1.50"}"#,
            r#"{"date":"2026-01-31"}"#,
            r#"{"instant":"2026-01-31T09:00:00Z"}"#,
            r#"{"reference":{"kind":"user","id":"7"}}"#,
        ] {
            let written: Json = serde_json::from_str(text).unwrap();
            assert_eq!(value(&parse_value(&written).unwrap()), written);
        }
        for text in ["1.5", "{}", r#"{"decimal":"x"}"#, r#"{"date":"soon"}"#, r#"{"reference":{"kind":"user"}}"#] {
            let error = parse_value(&serde_json::from_str(text).unwrap()).unwrap_err();
            assert!(error.contains("is no"), "{text}: {error}");
        }
    }

    #[test]
    fn a_record_shows_all_but_defaults() {
        let whole = Record {
            id: "7".into(),
            keys: vec![Key::new("code", "C1"), Key::new("mail", "a"), Key::new("mail", "b"), Key::new("mail", "c")],
            name: "User One".into(),
            owners: vec![
                (Role::new("assigned"), Owner::Known(vec!["1".into()])),
                (Role::new("parent"), Owner::Of { record: Reference { kind: "customer".into(), id: "9".into() }, role: "assigned".into() }),
                (Role::new("other"), Owner::Unseen),
            ],
            person: Some(Person {
                emails: vec!["user1@example.com".into()],
                active: false,
                service: true,
                same_as: vec![PersonKey { kind: "employee".into(), key: "id".into(), value: "E1".into() }],
            }),
            values: vec![Value::Integer(1)],
            changed_at: Some("2026-01-31T09:00:00Z".parse().unwrap()),
            state: State::Gone,
        };
        assert_eq!(
            record(&whole, &["A".into(), "B".into()]),
            json!({
                "id": "7", "name": "User One", "keys": { "code": "C1", "mail": { "several": ["a", "b", "c"] } },
                "owners": { "assigned": ["1"], "parent": { "of": { "kind": "customer", "id": "9", "role": "assigned" } }, "other": "unseen" },
                "person": { "emails": ["user1@example.com"], "active": false, "service": true, "same_as": [{ "kind": "employee", "key": "id", "value": "E1" }] },
                "values": { "A": 1, "B": "missing from the record" }, "changed_at": "2026-01-31T09:00:00Z", "state": "gone",
            })
        );
        let bare = Record {
            id: "1".into(),
            keys: vec![],
            name: "x".into(),
            owners: vec![],
            person: None,
            values: vec![],
            changed_at: None,
            state: State::Active,
        };
        let spelled_out = json!({ "id": "1", "name": "x", "keys": {}, "owners": {}, "values": {}, "person": null, "changed_at": null, "state": "active" });
        assert_eq!(record(&bare, &[]), plain_record(spelled_out));
    }
}
