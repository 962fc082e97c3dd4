//! What an instance holds when it starts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything an instance holds at its start.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Seed {
    /// The row version of the first row; later rows count on.
    pub first_row_version: u64,
    /// Users.
    pub users: Vec<SeedUser>,
    /// Customers.
    pub customers: Vec<SeedCustomer>,
    /// Visit frequencies.
    pub visit_frequencies: Vec<SeedFrequency>,
    /// Custom fields of the customer form.
    pub customer_fields: Vec<SeedField>,
    /// Custom fields of the active integration's form: id, name, value.
    pub integration_fields: Vec<(i64, String, String)>,
    /// Rows of other kinds by path (`tasks`, `contacts`, `products`), with customers and users by id.
    pub documents: Vec<(String, Map<String, Value>)>,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedUser {
    /// Its id.
    pub id: i64,
    /// Login name.
    pub user_name: String,
    /// Name as people write it.
    pub display_name: String,
    /// E-mail address.
    pub email: String,
    /// May it sign in?
    #[serde(default = "yes")]
    pub active: bool,
    /// Has it confirmed its e-mail address?
    #[serde(default = "yes")]
    pub verified: bool,
    /// The platform it may sign in to; may be absent.
    #[serde(default)]
    pub access: Option<String>,
}

/// A customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedCustomer {
    /// Its id; given by the instance where absent.
    #[serde(default)]
    pub id: Option<i64>,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// In use?
    #[serde(default = "yes")]
    pub active: bool,
    /// Ids of the users it is assigned to.
    #[serde(default)]
    pub assigned_users: Vec<i64>,
    /// Custom field values by field id.
    #[serde(default)]
    pub custom_fields: Vec<(i64, String)>,
}

/// A visit frequency.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedFrequency {
    /// Its id; given by the instance where absent.
    #[serde(default)]
    pub id: Option<i64>,
    /// The customer visited.
    pub customer_id: i64,
    /// The user who visits.
    pub user_id: i64,
    /// Every so many periods.
    pub cycle: i64,
    /// So many visits.
    pub frequency: i64,
    /// `Week`, `Month` or `Year`.
    pub period: String,
}

/// A custom field of the customer form.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedField {
    /// Its id.
    pub id: i64,
    /// Its label.
    pub name: String,
    /// Its type as form definitions spell it.
    pub kind: String,
    /// Choices of an enumeration field.
    #[serde(default)]
    pub choices: Vec<String>,
}

fn yes() -> bool {
    true
}

impl SeedUser {
    /// An active, verified user.
    pub fn new(id: i64, user_name: impl Into<String>, display_name: impl Into<String>, email: impl Into<String>) -> Self {
        Self {
            id,
            user_name: user_name.into(),
            display_name: display_name.into(),
            email: email.into(),
            active: true,
            verified: true,
            access: Some("Mobile".into()),
        }
    }

    /// The same user, deactivated.
    #[must_use]
    pub fn inactive(mut self) -> Self {
        self.active = false;
        self.access = None;
        self
    }
}

impl SeedCustomer {
    /// An active customer with these assigned users.
    pub fn new(code: impl Into<String>, name: impl Into<String>, assigned_users: Vec<i64>) -> Self {
        Self { id: None, code: code.into(), name: name.into(), active: true, assigned_users, custom_fields: Vec::new() }
    }
}

impl Seed {
    /// An instance with forms and fields, but neither users nor customers.
    pub fn empty() -> Self {
        Self {
            first_row_version: 88_001,
            users: Vec::new(),
            customers: Vec::new(),
            visit_frequencies: Vec::new(),
            customer_fields: vec![
                SeedField { id: 41, name: "Rep Code".into(), kind: "Text Field".into(), choices: Vec::new() },
                SeedField {
                    id: 44,
                    name: "Region".into(),
                    kind: "Single Value Enumeration Field".into(),
                    choices: vec!["Cape".into(), "Gauteng".into(), "Natal".into()],
                },
                SeedField { id: 46, name: "Account Owner".into(), kind: "Single Value Lookup Entity Field".into(), choices: Vec::new() },
            ],
            integration_fields: vec![
                (820, "Rep Code - R05".into(), "7".into()),
                (821, "Rep Code - R11".into(), "7,12".into()),
                (822, "Rep Code - R20".into(), String::new()),
            ],
            documents: Vec::new(),
        }
    }

    /// Products, a contact, a task and a visit: what an instance holds besides customers, about customers 4401 and 4403 and users 7, 9 and 12.
    pub(super) fn default_documents() -> Vec<(String, Map<String, Value>)> {
        let document = |path: &str, value: Value| match value {
            Value::Object(members) => (path.to_owned(), members),
            _ => (path.to_owned(), Map::new()),
        };
        vec![
            document(
                "products",
                serde_json::json!({"code": "CRATE-6", "name": "Crate of six", "active": true, "custom_fields": [], "files": [],
                "order_units": [{"id": 9, "name": "Unit", "multiplier": 1, "active": true}]}),
            ),
            document(
                "products",
                serde_json::json!({"code": "CRATE-12", "name": "Crate of twelve", "active": true, "custom_fields": [], "files": [],
                "order_units": [{"id": 8, "name": "Unit", "multiplier": 1, "active": true}, {"id": 7, "name": "Case", "multiplier": 12, "active": true}]}),
            ),
            document(
                "prices",
                serde_json::json!({"price": 118.5, "price_list_id": 3, "price_list_name": "Retail", "product_id": 6, "product_code": "CRATE-6",
                "product_name": "Crate of six", "order_unit_id": 9, "order_unit_name": "Unit", "tax_rate_id": 1}),
            ),
            document(
                "stocklevels",
                serde_json::json!({"product_id": 6, "product_code": "CRATE-6", "product_name": "Crate of six", "order_unit_id": 9,
                "order_unit_name": "Unit", "warehouse_id": 1, "warehouse_name": "Main", "level": 40, "label": null}),
            ),
            document(
                "contacts",
                serde_json::json!({"name": "Contact One", "customer_id": 4401, "email": "contact1@example.com", "active": true}),
            ),
            document(
                "tasks",
                serde_json::json!({"description": "Deliver the new price file", "due_date": "2026-03-02T00:00:00.0000000+02:00", "anytime": true,
                    "customer_id": 4401, "assigned_user_id": 7, "creator_user_id": 12, "completed_date": null, "reminder_offset": null}),
            ),
            document(
                "scheduledvisits",
                serde_json::json!({"comment": "Quarterly review", "due_date": "2026-03-03T09:00:00.0000000+02:00", "all_day": true, "end_time": null,
                    "customer_id": 4403, "assigned_user_id": 9, "creator_user_id": 12, "completed_date": null, "completer_visit_id": null, "reminder_offset": null}),
            ),
        ]
    }
}

impl Default for Seed {
    /// A small instance: four users (one deactivated), six customers, visit frequencies, a contact, a task and a visit.
    fn default() -> Self {
        let customer = |id: i64, code: &str, name: &str, assigned: &[i64], rep: &str, region: &str| SeedCustomer {
            id: Some(id),
            code: code.into(),
            name: name.into(),
            active: true,
            assigned_users: assigned.to_vec(),
            custom_fields: vec![(41, rep.into()), (44, region.into())],
        };
        let frequency = |id: i64, customer_id: i64, user_id: i64| SeedFrequency {
            id: Some(id),
            customer_id,
            user_id,
            cycle: 2,
            frequency: 1,
            period: "Week".into(),
        };
        let mut inactive = customer(4405, "CAPE-005", "Old Mill Traders", &[9], "R05", "Cape");
        inactive.active = false;
        Self {
            users: vec![
                SeedUser::new(7, "nadia.o", "Nadia Okoro", "nadia.o@example.com"),
                SeedUser::new(9, "tomas", "Tomas Reyes", "tomas@example.com").inactive(),
                SeedUser::new(12, "lindiwe", "Lindiwe Mokoena", "lindiwe@example.com"),
                SeedUser::new(15, "pieter", "Pieter Brand", "pieter@example.com"),
            ],
            customers: vec![
                customer(4401, "CAPE-001", "Tidewater Grocers", &[7], "R05", "Cape"),
                customer(4402, "CAPE-002", "Harbour Cold Store", &[7, 12], "R11", "Cape"),
                customer(4403, "GAUT-001", "O'Brien & Söhne", &[9], "R05", "Gauteng"),
                customer(4404, "GAUT-002", "Kopje Outfitters <Pty>", &[], "R20", "Gauteng"),
                inactive,
                customer(4406, "NATAL-001", "Umhlanga Books", &[15], "007", "Natal"),
            ],
            visit_frequencies: vec![frequency(901, 4401, 7), frequency(902, 4402, 12), frequency(903, 4403, 9)],
            documents: Self::default_documents(),
            ..Self::empty()
        }
    }
}
