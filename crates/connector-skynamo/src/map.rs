//! From Skynamo's rows to our nouns.

use chrono::DateTime;
use rightful_core::{
    Error, ErrorKind, FieldName, Instant, Key, KeyName, Kind, Owner, Person, Record, RecordId, Result, Role, State, Value,
};
use serde::{Deserialize, Serialize};

use crate::wire;

/// People.
pub const USER: Kind = Kind::fixed("user");
/// Customers.
pub const CUSTOMER: Kind = Kind::fixed("customer");
/// How often a user visits a customer.
pub const VISIT_FREQUENCY: Kind = Kind::fixed("visit-frequency");
/// The boxes of the active integration's settings.
pub const INTEGRATION_FORM: Kind = Kind::fixed("integration-form");

/// The users a customer is assigned to.
pub const ASSIGNED: Role = Role::fixed("assigned");
/// The user who visits.
pub const OWNER: Role = Role::fixed("owner");

/// A customer's code.
pub const CODE: KeyName = KeyName::fixed("code");
/// A user's login name.
pub const USER_NAME: KeyName = KeyName::fixed("user-name");
/// A user's e-mail address.
pub const EMAIL: KeyName = KeyName::fixed("email");
/// The record id of the customer a visit frequency is for.
pub const CUSTOMER_ID: KeyName = KeyName::fixed("customer-id");
/// The code of the customer a visit frequency is for.
pub const CUSTOMER_CODE: KeyName = KeyName::fixed("customer-code");
/// The label of a box in an integration's settings.
pub const LABEL: KeyName = KeyName::fixed("label");

/// Where a value asked for comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Column {
    /// A member of the row.
    Member(FieldName),
    /// A custom field, by id: names can be changed, and ids differ per instance.
    Custom(i64),
}

/// Members of customers that can be asked for; everything else is a custom field.
pub const CUSTOMER_MEMBERS: &[&str] = &["code", "name", "active", "price_list_id", "price_list_name"];

/// Tells members from custom fields, which are named by label or id. `form` is the customer form: id and label of each field.
///
/// # Errors
/// `Config` where a field is unknown or its label is not unique.
pub fn customer_columns(fields: &[FieldName], form: &[(i64, String)]) -> Result<Vec<Column>> {
    fields.iter().map(|field| customer_column(field, form)).collect()
}

fn customer_column(field: &FieldName, form: &[(i64, String)]) -> Result<Column> {
    if CUSTOMER_MEMBERS.contains(&field.as_str()) {
        return Ok(Column::Member(field.clone()));
    }
    if let Some(id) = number(field.as_str()).filter(|id| form.iter().any(|(known, _)| known == id)) {
        return Ok(Column::Custom(id));
    }
    let mut labelled = form.iter().filter(|(_, label)| label == field.as_str());
    match (labelled.next(), labelled.next()) {
        (Some((id, _)), None) => Ok(Column::Custom(*id)),
        (Some(_), Some(_)) => Err(Error::new(ErrorKind::Config, format!("two customer fields are called `{field}`"))
            .hint(format!("name it by its id: {}", ids_of(field, form)))),
        (None, _) => {
            let known = CUSTOMER_MEMBERS.iter().copied().chain(form.iter().map(|(_, label)| label.as_str()));
            let near = rightful_core::nearest(field.as_str(), known.clone());
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", known.collect::<Vec<_>>().join(", ")),
            };
            Err(Error::new(ErrorKind::Config, format!("Skynamo's customers have no field `{field}`")).hint(hint))
        }
    }
}

fn ids_of(field: &FieldName, form: &[(i64, String)]) -> String {
    form.iter().filter(|(_, label)| label == field.as_str()).map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(" or ")
}

/// Columns of kinds whose fields are all members.
pub fn member_columns(fields: &[FieldName]) -> Vec<Column> {
    fields.iter().cloned().map(Column::Member).collect()
}

/// User ids as owner keys: decimal text, ascending by bytes, without repeats.
pub fn user_keys(ids: impl IntoIterator<Item = i64>) -> Vec<String> {
    let mut keys: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The number an id stands for. Text that Skynamo would not write so (`007`, `+7`) never was an id of its own.
pub fn number(id: &str) -> Option<i64> {
    let number: i64 = id.parse().ok()?;
    (number.to_string() == id).then_some(number)
}

fn key(keys: &mut Vec<Key>, name: KeyName, value: Option<String>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        keys.push(Key { name, value });
    }
}

fn values(columns: &[Column], value: impl Fn(&Column) -> Value) -> Vec<Value> {
    columns.iter().map(value).collect()
}

fn text(text: Option<&String>) -> Value {
    text.map_or(Value::Null, Value::text)
}

fn borrowed(text: Option<&wire::Text<'_>>) -> Value {
    text.map_or(Value::Null, |text| Value::text(text.0.as_ref()))
}

fn changed_at(time: Option<&wire::Text<'_>>) -> Option<Instant> {
    DateTime::parse_from_rfc3339(&time?.0).ok().map(|time| time.to_utc())
}

/// A user. Whoever is deactivated keeps their customers (SK-16), so inactive users are shown too.
pub fn user(row: wire::User, columns: &[Column]) -> Record {
    let member = |name: &str| match name {
        "user_name" => text(row.user_name.as_ref()),
        "display_name" => text(row.display_name.as_ref()),
        "email" => text(row.email.as_ref()),
        "active" => Value::Bool(row.active),
        "is_verified" => row.is_verified.map_or(Value::Null, Value::Bool),
        "access" => text(row.access.as_ref()),
        _ => Value::Null,
    };
    let values = values(columns, |column| match column {
        Column::Member(name) => member(name.as_str()),
        Column::Custom(_) => Value::Null,
    });
    let email = row.email.as_ref().map(|email| email.trim().to_lowercase()).filter(|email| !email.is_empty());
    let name = row.display_name.or_else(|| row.user_name.clone()).unwrap_or_default();
    let mut keys = Vec::with_capacity(2);
    key(&mut keys, USER_NAME, row.user_name);
    key(&mut keys, EMAIL, email.clone());
    Record {
        id: RecordId::new(row.id.to_string()),
        keys,
        name,
        owners: Vec::new(),
        person: Some(Person { emails: email.into_iter().collect(), active: row.active, service: false, same_as: Vec::new() }),
        values,
        changed_at: None,
        state: if row.active { State::Active } else { State::Inactive },
    }
}

/// A customer.
pub fn customer<F: wire::CustomValues>(row: wire::Customer<'_, F>, columns: &[Column]) -> Record {
    let member = |name: &str| match name {
        "code" => borrowed(row.code.as_ref()),
        "name" => borrowed(row.name.as_ref()),
        "active" => row.active.map_or(Value::Null, Value::Bool),
        "price_list_id" => row.price_list_id.map_or(Value::Null, Value::Integer),
        "price_list_name" => borrowed(row.price_list_name.as_ref()),
        _ => Value::Null,
    };
    let values = values(columns, |column| match column {
        Column::Member(name) => member(name.as_str()),
        Column::Custom(id) => row.custom_fields.value(*id).map_or(Value::Null, Value::text),
    });
    let assigned = match row.assigned_users {
        // Null members are asked for, so null is nobody; a member that is missing all the same was not shown.
        Some(users) => Owner::Known(user_keys(users.unwrap_or_default())),
        None => Owner::Unseen,
    };
    let mut keys = Vec::with_capacity(1);
    key(&mut keys, CODE, row.code.map(wire::Text::into_string));
    Record {
        id: RecordId::new(row.id.to_string()),
        keys,
        name: row.name.unwrap_or_default().into_string(),
        owners: vec![(ASSIGNED, assigned)],
        person: None,
        values,
        changed_at: changed_at(row.last_modified_time.as_ref()),
        state: if row.active.unwrap_or(true) { State::Active } else { State::Inactive },
    }
}

/// A visit frequency, known by its customer.
pub fn visit_frequency(row: wire::VisitFrequency<'_>, columns: &[Column]) -> Record {
    let member = |name: &str| match name {
        "customer_code" => borrowed(row.customer_code.as_ref()),
        "customer_name" => borrowed(row.customer_name.as_ref()),
        "user_name" => borrowed(row.user_name.as_ref()),
        "cycle" => row.cycle.map_or(Value::Null, Value::Integer),
        "frequency" => row.frequency.map_or(Value::Null, Value::Integer),
        "period" => borrowed(row.period.as_ref()),
        _ => Value::Null,
    };
    let values = values(columns, |column| match column {
        Column::Member(name) => member(name.as_str()),
        Column::Custom(_) => Value::Null,
    });
    let mut keys = Vec::with_capacity(2);
    key(&mut keys, CUSTOMER_ID, Some(row.customer_id.to_string()));
    key(&mut keys, CUSTOMER_CODE, row.customer_code.map(wire::Text::into_string));
    Record {
        id: RecordId::new(row.id.to_string()),
        keys,
        name: row.customer_name.unwrap_or_default().into_string(),
        owners: vec![(OWNER, row.user_id.map_or(Owner::Unseen, |id| Owner::Known(user_keys([id]))))],
        person: None,
        values,
        changed_at: changed_at(row.last_modified_time.as_ref()),
        state: State::Active,
    }
}

/// One box of the active integration's settings: its label, and the users chosen in it (SK-2, SK-9).
///
/// That these boxes are rep codes with user ids is our reading of the vendor's pages: unconfirmed. A value that is no list of ids is `Unseen`.
pub fn integration_box(field: &wire::CustomField<'_>, read_at: Option<&wire::Text<'_>>, columns: &[Column]) -> Record {
    let value = field.value.as_ref().map(|value| value.0.as_ref()).unwrap_or_default();
    let label = field.name.as_ref().map(|name| name.0.to_string()).unwrap_or_default();
    let ids: Option<Vec<i64>> = value.split(',').map(str::trim).filter(|id| !id.is_empty()).map(|id| id.parse().ok()).collect();
    let mut keys = Vec::with_capacity(1);
    key(&mut keys, LABEL, Some(label.clone()));
    Record {
        id: RecordId::new(field.id.to_string()),
        keys,
        name: label,
        owners: vec![(ASSIGNED, ids.map_or(Owner::Unseen, |ids| Owner::Known(user_keys(ids))))],
        person: None,
        values: values(columns, |_| Value::text(value)),
        changed_at: changed_at(read_at),
        state: State::Active,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Vec<(i64, String)> {
        vec![(41, "Rep Code".into()), (44, "Region".into()), (45, "Region".into())]
    }

    #[test]
    fn fields_are_named_by_member_label_or_id() {
        let columns = customer_columns(&["name".into(), "Rep Code".into(), "44".into()], &form()).unwrap();
        assert_eq!(columns, [Column::Member("name".into()), Column::Custom(41), Column::Custom(44)]);
        let error = customer_columns(&["Rep Cod".into()], &form()).unwrap_err();
        assert_eq!((error.kind(), error.mend()), (ErrorKind::Config, Some("did you mean `Rep Code`?")));
        assert!(customer_columns(&["Region".into()], &form()).unwrap_err().mend().unwrap().contains("44 or 45"));
        assert!(customer_columns(&["99".into()], &form()).is_err(), "an id that the form does not have is unknown");
    }

    #[test]
    fn only_what_skynamo_would_write_is_an_id() {
        for (text, wanted) in
            [("7", Some(7)), ("0", Some(0)), ("-1", Some(-1)), ("007", None), ("+7", None), (" 7", None), ("x", None), ("", None)]
        {
            assert_eq!(number(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn owner_keys_ascend_by_bytes_without_repeats() {
        assert_eq!(user_keys([7, 12, 7, 100]), ["100", "12", "7"]);
    }

    #[test]
    fn sk_21_e_mail_is_trimmed_and_lower_case_and_inactive_people_stay() {
        let row = serde_json::from_str(r#"{"id":9,"user_name":"user.two","email":" User2@Example.com ","active":false}"#).unwrap();
        let record = user(row, &[]);
        assert_eq!(record.key(&EMAIL), Some("user2@example.com"));
        assert_eq!((record.name.as_str(), record.state), ("user.two", State::Inactive));
        assert!(!record.person.unwrap().active);
    }

    #[test]
    fn a_customer_keeps_its_code_to_the_letter() {
        let row: wire::Customer<'_, wire::Fields<'_>> = serde_json::from_str(
            r#"{"id":4410,"code":"007 a","name":"O'Brien & Söhne","active":true,"assigned_users":[12,7,12],
                "custom_fields":[{"id":41,"name":"Rep Code","value":"R05"}],"last_modified_time":"2026-02-11T09:14:02.1130000+02:00"}"#,
        )
        .unwrap();
        let record = customer(row, &[Column::Custom(41), Column::Custom(44), Column::Member("active".into())]);
        assert_eq!(record.key(&CODE), Some("007 a"));
        assert_eq!(record.owner(&ASSIGNED), &Owner::Known(vec!["12".into(), "7".into()]));
        assert_eq!(record.values, [Value::Text("R05".into()), Value::Null, Value::Bool(true)]);
        assert_eq!(record.changed_at.unwrap().to_rfc3339(), "2026-02-11T07:14:02.113+00:00");
    }

    #[test]
    fn users_that_are_not_shown_are_not_nobody() {
        for (text, wanted) in [
            (r#"{"id":1}"#, Owner::Unseen),
            (r#"{"id":1,"assigned_users":null}"#, Owner::Known(vec![])),
            (r#"{"id":1,"assigned_users":[]}"#, Owner::Known(vec![])),
        ] {
            let row: wire::Customer<'_, wire::Skipped> = serde_json::from_str(text).unwrap();
            assert_eq!(customer(row, &[]).owner(&ASSIGNED), &wanted, "{text}");
        }
    }

    #[test]
    fn sk_3_and_sk_4_a_box_names_several_users_or_none() {
        let of = |value: &str| {
            let text = format!(r#"{{"id":820,"name":"Rep Code - R05","value":"{value}"}}"#);
            integration_box(&serde_json::from_str(&text).unwrap(), None, &[]).owner(&ASSIGNED).clone()
        };
        assert_eq!(of("7, 12"), Owner::Known(vec!["12".into(), "7".into()]));
        assert_eq!(of(""), Owner::Known(vec![]));
        assert_eq!(of("nadia"), Owner::Unseen);
    }
}
