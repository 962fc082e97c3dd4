//! What the simulated instance stores: users, customers, visit frequencies, forms and free-form documents.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::documents::Shape;
use super::state::{State, stamp};
use super::table::{Fact, Row};

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) user_name: String,
    pub(super) display_name: String,
    pub(super) email: String,
    pub(super) active: bool,
    pub(super) verified: bool,
    pub(super) access: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub(super) id: i64,
    pub(super) code: String,
    pub(super) name: String,
    pub(super) active: bool,
    pub(super) location: Option<Value>,
    pub(super) price_list_id: Option<i64>,
    pub(super) assigned_users: Vec<i64>,
    pub(super) default_discount: Value,
    pub(super) default_warehouse_id: Option<i64>,
    pub(super) custom_fields: Vec<(i64, String)>,
    pub(super) files: Vec<String>,
    pub(super) row_version: u64,
    pub(super) modified: DateTime<Utc>,
    pub(super) created: DateTime<Utc>,
    /// How often the public interface wrote it; for inspection only.
    pub(super) writes: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Frequency {
    pub(super) id: i64,
    pub(super) customer_id: i64,
    pub(super) user_id: i64,
    pub(super) cycle: i64,
    pub(super) frequency: i64,
    pub(super) period: String,
    pub(super) row_version: u64,
    pub(super) modified: DateTime<Utc>,
    pub(super) created: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) active: bool,
    pub(super) modified: DateTime<Utc>,
    pub(super) fields: Vec<FormField>,
}

#[derive(Clone, Debug)]
pub(super) struct FormField {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) required: bool,
    /// As form definitions spell it: `Text Field`.
    pub(super) kind: String,
    pub(super) choices: Vec<String>,
}

/// A row of a kind whose members are kept as they were written: contacts, tasks, visits, orders.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) id: i64,
    /// Members besides id, version and times. People and customers are kept by id; their names are looked up when shown.
    pub(super) members: Map<String, Value>,
    pub(super) shape: Shape,
    pub(super) row_version: u64,
    pub(super) modified: DateTime<Utc>,
    pub(super) created: DateTime<Utc>,
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn versions(row: &mut Map<String, Value>, version: u64, state: &State) {
    let value = if state.text_versions { Value::from(version.to_string()) } else { Value::from(version) };
    if state.version_names.0 {
        row.insert("row_version".into(), value.clone());
    }
    if state.version_names.1 {
        row.insert("version".into(), value);
    }
}

impl Row for User {
    fn id(&self) -> i64 {
        self.id
    }

    fn row_version(&self) -> u64 {
        0
    }

    fn fact(&self, member: &str, _: &State) -> Fact {
        match member {
            "id" => Fact::Integer(self.id),
            _ => Fact::Null,
        }
    }

    fn render(&self, _: &State, _: &[String]) -> Map<String, Value> {
        object(json!({
            "id": self.id, "user_name": self.user_name, "display_name": self.display_name, "email": self.email,
            "is_verified": self.verified, "active": self.active, "access": self.access,
        }))
    }
}

impl Row for Customer {
    fn id(&self) -> i64 {
        self.id
    }

    fn id_of_code(code: &str, state: &State) -> Option<Option<i64>> {
        Some(state.codes.get(code).copied())
    }

    fn row_version(&self) -> u64 {
        self.row_version
    }

    fn fact(&self, member: &str, _: &State) -> Fact {
        match member {
            "id" => Fact::Integer(self.id),
            "code" => Fact::Text(self.code.clone()),
            "active" => Fact::Bool(self.active),
            "create_date" => Fact::Time(self.created),
            "row_version" => Fact::Integer(i64::try_from(self.row_version).unwrap_or(i64::MAX)),
            _ => Fact::Null,
        }
    }

    fn render(&self, state: &State, _: &[String]) -> Map<String, Value> {
        let fields: Vec<Value> =
            self.custom_fields.iter().map(|(id, value)| json!({"id": id, "name": state.field_names.get(id), "value": value})).collect();
        let nowhere = || json!({"latitude": 0.0, "longitude": 0.0, "accuracy": 0, "is_approximate": false});
        let mut row = object(json!({
            "id": self.id, "code": self.code, "name": self.name, "active": self.active,
            "location": self.location.clone().unwrap_or_else(nowhere),
            "price_list_id": self.price_list_id, "price_list_name": self.price_list_id.and_then(|id| state.name_of("pricelists", id)),
            "assigned_users": self.assigned_users, "default_discount": self.default_discount,
            "default_warehouse_id": self.default_warehouse_id,
            "default_warehouse_name": self.default_warehouse_id.and_then(|id| state.name_of("warehouses", id)),
            "last_modified_time": stamp(self.modified), "create_date": stamp(self.created),
            "custom_fields": fields, "files": self.files,
        }));
        versions(&mut row, self.row_version, state);
        row
    }
}

impl Row for Frequency {
    fn id(&self) -> i64 {
        self.id
    }

    fn row_version(&self) -> u64 {
        self.row_version
    }

    fn fact(&self, member: &str, _: &State) -> Fact {
        match member {
            "id" => Fact::Integer(self.id),
            "create_date" => Fact::Time(self.created),
            "row_version" => Fact::Integer(i64::try_from(self.row_version).unwrap_or(i64::MAX)),
            _ => Fact::Null,
        }
    }

    fn render(&self, state: &State, _: &[String]) -> Map<String, Value> {
        let customer = state.customers.row(self.customer_id);
        let mut row = object(json!({
            "id": self.id, "customer_id": self.customer_id, "customer_code": customer.map(|row| &row.code),
            "customer_name": customer.map(|row| &row.name), "user_id": self.user_id,
            "user_name": state.users.row(self.user_id).map(|row| &row.user_name),
            "cycle": self.cycle, "frequency": self.frequency, "period": self.period,
            "last_modified_time": stamp(self.modified),
        }));
        versions(&mut row, self.row_version, state);
        row
    }
}

impl Row for Form {
    fn id(&self) -> i64 {
        self.id
    }

    fn row_version(&self) -> u64 {
        0
    }

    fn fact(&self, member: &str, _: &State) -> Fact {
        match member {
            "id" => Fact::Integer(self.id),
            "active" => Fact::Bool(self.active),
            "type" => Fact::Text(self.kind.clone()),
            _ => Fact::Null,
        }
    }

    fn render(&self, _: &State, flags: &[String]) -> Map<String, Value> {
        let enums = flags.iter().any(|flag| flag == "show_enums");
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|field| {
                let mut shown = object(json!({"id": field.id, "name": field.name, "required": field.required, "type": field.kind}));
                if enums && field.kind.contains("Enumeration") {
                    let choices =
                        field.choices.iter().zip(1..).map(|(label, place)| json!({"id": field.id * 1000 + place, "label": label}));
                    shown.insert("enumeration_values".into(), choices.collect());
                }
                Value::Object(shown)
            })
            .collect();
        object(json!({
            "id": self.id, "name": self.name, "type": self.kind, "active": self.active, "users": [],
            "last_modified_time": stamp(self.modified), "custom_fields": fields,
        }))
    }
}

impl Row for Document {
    fn id(&self) -> i64 {
        self.id
    }

    fn row_version(&self) -> u64 {
        self.row_version
    }

    fn fact(&self, member: &str, state: &State) -> Fact {
        match member {
            "id" => Fact::Integer(self.id),
            "create_date" => Fact::Time(self.created),
            "row_version" => Fact::Integer(i64::try_from(self.row_version).unwrap_or(i64::MAX)),
            "customer_code" => {
                let customer = self.members.get("customer_id").and_then(Value::as_i64).and_then(|id| state.customers.row(id));
                customer.map_or(Fact::Null, |row| Fact::Text(row.code.clone()))
            }
            other => match self.members.get(other) {
                Some(Value::Bool(value)) => Fact::Bool(*value),
                Some(Value::String(value)) => Fact::Text(value.clone()),
                Some(Value::Number(value)) => value.as_i64().map_or(Fact::Null, Fact::Integer),
                _ => Fact::Null,
            },
        }
    }

    fn render(&self, state: &State, _: &[String]) -> Map<String, Value> {
        let mut row = Map::with_capacity(self.members.len() + 8);
        if self.shape != Shape::Keyed {
            row.insert("id".into(), self.id.into());
        }
        for (name, value) in &self.members {
            row.insert(name.clone(), value.clone());
        }
        let customer = self.members.get("customer_id").and_then(Value::as_i64).and_then(|id| state.customers.row(id));
        if let Some(customer) = customer {
            row.insert("customer_code".into(), customer.code.clone().into());
            row.insert("customer_name".into(), customer.name.clone().into());
        }
        for (id, name) in super::documents::USER_PAIRS {
            let user = self.members.get(*id).and_then(Value::as_i64).and_then(|id| state.users.row(id));
            if let Some(user) = user {
                row.insert((*name).into(), user.user_name.clone().into());
            }
        }
        row.insert("last_modified_time".into(), stamp(self.modified).into());
        if self.shape == Shape::Created {
            row.insert("create_date".into(), stamp(self.created).into());
        }
        if matches!(self.shape, Shape::Created | Shape::Versioned) {
            versions(&mut row, self.row_version, state);
        }
        row
    }
}
