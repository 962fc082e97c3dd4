//! SalesScreen's bodies, spelled as SalesScreen spells them.

use serde::Serialize;
use serde_json::value::RawValue;

/// A key that is matched, and made where it is not known, with the label that is used then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Keyed {
    pub key: String,
    pub name: String,
}

/// One user of `User/Add`; the names of a person are in lower case, without an inner capital.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    #[serde(rename = "userId")]
    pub user_id: String,
    pub email: String,
    pub firstname: String,
    pub lastname: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Keyed>,
}

/// The user a record is credited to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Credited {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Keyed>,
}

/// One record of `Record/Add`. Either `user` or `user_id` names its user.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub id: String,
    pub activity_type_name: String,
    pub activity: Keyed,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Credited>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Keyed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value1: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value2: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value3: Option<Box<RawValue>>,
    pub created_date: String,
}
