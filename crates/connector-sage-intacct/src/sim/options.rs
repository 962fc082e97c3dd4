//! What a simulated company is made of: credentials, switches and the records it begins with.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rightful_core::Secret;
use serde::{Deserialize, Serialize};

use super::formatting::Formatting;

/// An entity of the company: what `login/locationid` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntitySeed {
    /// Its LOCATIONID.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A field the company declared itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomField {
    /// The object: `CUSTOMER`.
    pub object: String,
    /// The field: `REGION_CODE`.
    pub id: String,
    /// Its label.
    pub label: String,
}

/// How the simulated company is set up. Records come from [`Seed`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Orders what the vendor leaves undefined, and makes session ids.
    pub seed: u64,
    /// The sender the company has authorised.
    pub sender_id: String,
    /// Its password.
    pub sender_password: Secret,
    /// A sender with good credentials that the company has not authorised.
    pub unauthorised_sender: Option<(String, Secret)>,
    /// The company's id.
    pub company: String,
    /// The company's name.
    pub company_name: String,
    /// The Web Services user with administrator rights.
    pub user: String,
    /// Its password.
    pub user_password: Secret,
    /// The entities below the top level.
    pub entities: Vec<EntitySeed>,
    /// Fields the company declared.
    pub custom_fields: Vec<CustomField>,
    /// Customers to invent; `None` keeps the small default set.
    pub customers: Option<usize>,
    /// How long a session lives after its last call.
    pub session_seconds: i64,
    /// How the simulator behaves where the vendor leaves room.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        let entity = |id: &str, name: &str| EntitySeed { id: id.to_owned(), name: name.to_owned() };
        Self {
            seed: 1,
            sender_id: "RightfulSandbox".to_owned(),
            sender_password: Secret::new("sender-secret"),
            unauthorised_sender: Some(("StrangerMPP".to_owned(), Secret::new("stranger-secret"))),
            company: "RIGHTFUL-DEMO".to_owned(),
            company_name: "Rightful Demo Company".to_owned(),
            user: "ws_rightful".to_owned(),
            user_password: Secret::new("user-secret"),
            entities: vec![entity("NORTH", "North Depot"), entity("SOUTH", "South Depot")],
            custom_fields: vec![CustomField {
                object: "CUSTOMER".to_owned(),
                id: "REGION_CODE".to_owned(),
                label: "Region code".to_owned(),
            }],
            customers: None,
            session_seconds: 6 * 3600,
            switches: Switches::default(),
        }
    }
}

/// What happens to the earlier results of a rolled-back transaction: both shapes were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollBack {
    /// The failing function is `failure` with its own error and the roll-back error.
    #[default]
    Failure,
    /// The failing function is `aborted`, its own error first.
    Aborted,
}

/// Behaviour that can be changed while the simulator runs (`control/switches`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Empty elements as `<A/>` instead of `<A></A>`.
    pub self_closed: bool,
    /// The shape of a rolled-back transaction.
    pub roll_back: RollBack,
    /// Seconds until a written record shows in `query` and `readByQuery`; `read` sees it at once.
    pub lag_seconds: i64,
    /// Without `orderby`, each answer has another order, not only an arbitrary one.
    pub restless_order: bool,
    /// Requests answered at once; more are refused with 429. 0: no limit.
    pub concurrency: usize,
    /// Consecutive failed sign-ins after which a user is locked out. 0: never.
    pub lock_after: u32,
    /// The HTTP status of failures at control level: 200, or 400 as some clients expect.
    pub control_failure_status: u16,
    /// A session works at the address that opened it only.
    pub bind_sessions: bool,
    /// The company's trial has ended.
    pub company_expired: bool,
    /// The company subscribes to Web Services.
    pub subscribed: bool,
    /// Error texts end in a Support ID.
    pub support_ids: bool,
    /// A customer's rep may be a code that is no employee's.
    pub any_rep: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            self_closed: false,
            roll_back: RollBack::default(),
            lag_seconds: 0,
            restless_order: false,
            concurrency: 0,
            lock_after: 0,
            control_failure_status: 200,
            bind_sessions: true,
            company_expired: false,
            subscribed: true,
            support_ids: false,
            any_rep: false,
        }
    }
}

/// The records a company begins with. Contacts are named by their CONTACTNAME.
#[derive(Clone, Debug, Default)]
pub struct Seed {
    /// People's contacts.
    pub contacts: Vec<ContactSeed>,
    /// Employees.
    pub employees: Vec<EmployeeSeed>,
    /// Users besides the one of [`Options::user`], which is always there.
    pub users: Vec<UserSeed>,
    /// Customers.
    pub customers: Vec<CustomerSeed>,
}

/// A contact.
#[derive(Clone, Debug, Default)]
pub struct ContactSeed {
    /// CONTACTNAME, which names it.
    pub name: String,
    /// FIRSTNAME
    pub first_name: String,
    /// LASTNAME
    pub last_name: String,
    /// EMAIL1: free text, may be empty.
    pub email: String,
}

/// An employee.
#[derive(Clone, Debug, Default)]
pub struct EmployeeSeed {
    /// EMPLOYEEID: the rep code.
    pub id: String,
    /// The CONTACTNAME of the person.
    pub contact: String,
    /// TITLE
    pub title: String,
    /// `active` or `inactive`; empty means active.
    pub status: String,
}

/// A user.
#[derive(Clone, Debug, Default)]
pub struct UserSeed {
    /// LOGINID
    pub login: String,
    /// DESCRIPTION: the full name.
    pub name: String,
    /// The CONTACTNAME of the person.
    pub contact: String,
    /// USERTYPE label; empty means `business user`.
    pub user_type: String,
    /// `active`, `inactive` or `lockedout`; empty means active.
    pub status: String,
    /// ADMIN: `Full`, `Limited` or `Off`; empty means Off.
    pub admin: String,
    /// LOGINDISABLED: a Web Services user.
    pub web_services_only: bool,
    /// A password lets the user sign in.
    pub password: Option<Secret>,
    /// How the user sees dates and times.
    pub formatting: Formatting,
    /// What the user may do; `None`: everything.
    pub permissions: Option<Permissions>,
}

/// Rights per object (`CUSTOMER` -> `list`, `view`, `add`, `edit`, `delete`); an object not named is refused.
pub type Permissions = BTreeMap<String, Vec<String>>;

/// A customer.
#[derive(Clone, Debug, Default)]
pub struct CustomerSeed {
    /// CUSTOMERID
    pub id: String,
    /// NAME
    pub name: String,
    /// CUSTREPID: an EMPLOYEEID, or empty.
    pub rep: String,
    /// `active`, `active non-posting` or `inactive`; empty means active.
    pub status: String,
    /// WHENMODIFIED; `None`: the time of loading.
    pub when_modified: Option<DateTime<Utc>>,
    /// The entity it is private to.
    pub entity: Option<String>,
    /// Values of other fields, by name; unknown names become custom fields.
    pub fields: BTreeMap<String, String>,
}
