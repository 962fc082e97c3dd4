//! From Sage Intacct's records to our nouns.

use std::borrow::Cow;

use rightful_core::{
    Error, ErrorKind, FieldName, FieldSpec, Instant, Key, KeyName, Kind, Owner, Person, PersonKey, Record, RecordId, Result, Role, State,
    Value,
};

use crate::formatting::Formatting;

/// People who sign in.
pub const USER: Kind = Kind::fixed("user");
/// People who work for the company; their id is a rep code.
pub const EMPLOYEE: Kind = Kind::fixed("employee");
/// Names and addresses that users and employees stand for.
pub const CONTACT: Kind = Kind::fixed("contact");
/// Customers.
pub const CUSTOMER: Kind = Kind::fixed("customer");

/// A customer's sales rep.
pub const OWNER: Role = Role::fixed("owner");

/// LOGINID
pub const LOGIN_ID: KeyName = KeyName::fixed("login-id");
/// EMPLOYEEID
pub const EMPLOYEE_ID: KeyName = KeyName::fixed("employee-id");
/// CONTACTNAME
pub const CONTACT_NAME: KeyName = KeyName::fixed("contact-name");
/// CUSTOMERID
pub const CUSTOMER_ID: KeyName = KeyName::fixed("customer-id");

/// The record's number, which never changes.
pub const RECORD_NUMBER: &str = "RECORDNO";
/// When the vendor last changed it.
pub const MODIFIED: &str = "WHENMODIFIED";

/// Every kind begins with these columns.
const NUMBER: usize = 0;
const WHEN: usize = 1;
const STATUS: usize = 2;
/// Then comes the natural key, then what is the kind's own.
const NATURAL: usize = 3;

/// An object of the vendor's and how it becomes a kind.
#[derive(Debug)]
pub struct Object {
    pub kind: Kind,
    /// Its name on the wire.
    pub name: &'static str,
    /// The operation's name for reading it.
    pub operation: &'static str,
    /// The key records are known by.
    pub key: KeyName,
    /// The field of that key.
    pub natural: &'static str,
    /// Fields always selected: as `query` names them, and as `read` does where that differs.
    columns: &'static [(&'static str, &'static str)],
    /// Fields that can be asked for, with the name people use.
    offered: &'static [(&'static str, &'static str)],
    record: fn(&mut [Cow<'_, str>], Common) -> Record,
}

/// What every kind has alike.
struct Common {
    id: RecordId,
    key: KeyName,
    changed_at: Option<Instant>,
    values: Vec<Value>,
}

/// The same name in both calls.
const fn same(name: &'static str) -> (&'static str, &'static str) {
    (name, name)
}

static OBJECTS: [Object; 4] = [
    Object {
        kind: CUSTOMER,
        name: "CUSTOMER",
        operation: "customers",
        key: CUSTOMER_ID,
        natural: "CUSTOMERID",
        columns: &[same(RECORD_NUMBER), same(MODIFIED), same("STATUS"), same("CUSTOMERID"), same("NAME"), same("CUSTREPID")],
        offered: &[
            ("CUSTREPID", "Rep Code"),
            ("CUSTREPNAME", "Rep Name"),
            ("CUSTOMERID", "Customer ID"),
            ("NAME", "Name"),
            ("STATUS", "Status"),
            ("TERRITORYID", "Territory"),
            ("CUSTTYPE", "Customer Type"),
        ],
        record: customer,
    },
    Object {
        kind: EMPLOYEE,
        name: "EMPLOYEE",
        operation: "employees",
        key: EMPLOYEE_ID,
        natural: "EMPLOYEEID",
        columns: &[
            same(RECORD_NUMBER),
            same(MODIFIED),
            same("STATUS"),
            same("EMPLOYEEID"),
            ("CONTACT.CONTACTNAME", "PERSONALINFO.CONTACTNAME"),
            ("CONTACT.FIRSTNAME", "PERSONALINFO.FIRSTNAME"),
            ("CONTACT.LASTNAME", "PERSONALINFO.LASTNAME"),
            ("CONTACT.EMAIL1", "PERSONALINFO.EMAIL1"),
        ],
        offered: &[("EMPLOYEEID", "Employee ID"), ("TITLE", "Title"), ("STATUS", "Status")],
        record: employee,
    },
    Object {
        kind: CONTACT,
        name: "CONTACT",
        operation: "contacts",
        key: CONTACT_NAME,
        natural: "CONTACTNAME",
        columns: &[
            same(RECORD_NUMBER),
            same(MODIFIED),
            same("STATUS"),
            same("CONTACTNAME"),
            same("PRINTAS"),
            same("EMAIL1"),
            same("EMAIL2"),
        ],
        offered: &[("CONTACTNAME", "Contact Name"), ("PRINTAS", "Print As"), ("EMAIL1", "E-mail"), ("STATUS", "Status")],
        record: contact,
    },
    Object {
        kind: USER,
        name: "USERINFO",
        operation: "users",
        key: LOGIN_ID,
        natural: "LOGINID",
        columns: &[
            same(RECORD_NUMBER),
            same(MODIFIED),
            same("STATUS"),
            same("LOGINID"),
            same("DESCRIPTION"),
            same("USERTYPE"),
            same("LOGINDISABLED"),
            same("CONTACTINFO.CONTACTNAME"),
            same("CONTACTINFO.EMAIL1"),
        ],
        offered: &[
            ("LOGINID", "User ID"),
            ("DESCRIPTION", "User Name"),
            ("USERTYPE", "User Type"),
            ("STATUS", "Status"),
            ("ADMIN", "Admin Privileges"),
            ("LOGINDISABLED", "Web Services Only"),
        ],
        record: user,
    },
];

/// The object behind a kind.
///
/// # Errors
/// `Unsupported` where there is none.
pub fn object(kind: &Kind) -> Result<&'static Object> {
    OBJECTS.iter().find(|object| object.kind == *kind).ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, format!("Sage Intacct's connector does not read `{kind}`"))
            .hint("it reads: customer, employee, contact, user")
    })
}

impl Object {
    /// The fields it declares.
    pub fn fields(&self) -> Vec<FieldSpec> {
        let field = |(name, label): &(&'static str, &'static str)| FieldSpec {
            name: FieldName::fixed(name),
            label: (*label).to_owned(),
            writable: false,
            needed: false,
        };
        self.offered.iter().map(field).collect()
    }
}

/// Which of the two calls a shape is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// `query`
    Query,
    /// `read`
    Read,
}

/// The columns of one scan, and where its values stand among them.
#[derive(Debug)]
pub struct Shape {
    pub object: &'static Object,
    /// Names as they are asked for and answered.
    pub columns: Vec<String>,
    /// The column of each field of the scan.
    values: Vec<usize>,
}

impl Shape {
    /// The columns for these fields.
    ///
    /// # Errors
    /// `Config` where a field is none that may be read.
    pub fn new(object: &'static Object, fields: &[FieldName], through: Through) -> Result<Self> {
        let mut columns: Vec<String> = object
            .columns
            .iter()
            .map(|(query, read)| match through {
                Through::Query => (*query).to_owned(),
                Through::Read => (*read).to_owned(),
            })
            .collect();
        let mut values = Vec::with_capacity(fields.len());
        for field in fields {
            let name = selectable(field)?;
            let known = columns.iter().position(|column| *column == name);
            values.push(known.unwrap_or(columns.len()));
            if known.is_none() {
                columns.push(name);
            }
        }
        Ok(Self { object, columns, values })
    }

    /// One record of these columns. Texts are taken out of the slots.
    ///
    /// # Errors
    /// `Protocol` where it has no number, or a time that is none in the user's format.
    pub fn row(&self, slots: &mut [Cow<'_, str>], formatting: &Formatting) -> Result<Row> {
        let number = slots[NUMBER].trim();
        let Ok(key) = number.parse::<u64>() else {
            return Err(Error::new(ErrorKind::Protocol, format!("a record of {} has no number", self.object.name))
                .hint("run it again; if it stays, report it"));
        };
        let id = RecordId::new(number);
        let when = &slots[WHEN];
        let changed_at = if when.is_empty() { None } else { formatting.read(when) };
        if changed_at.is_none() && !when.is_empty() {
            return Err(Error::new(ErrorKind::Protocol, "a record's time is not in the format of the API user's preferences")
                .context(format!("{} {number}", self.object.name))
                .hint("run it again; if it stays, set the user's preferences to en_US, month/day/year and 24 hours"));
        }
        let values = self.values.iter().map(|column| Value::text(&*slots[*column])).collect();
        let common = Common { id, key: self.object.key.clone(), changed_at, values };
        Ok(Row { number: key, record: (self.object.record)(slots, common) })
    }
}

/// A record with its number, by which pages follow each other.
#[derive(Debug)]
pub struct Row {
    pub number: u64,
    pub record: Record,
}

/// IN-23: never selected, in whatever group they stand.
const SENSITIVE: &[&str] = &[
    "SSN",
    "BIRTHDATE",
    "GENDER",
    "TAXID",
    "ACHBANKROUTINGNUMBER",
    "ACHACCOUNTNUMBER",
    "ACHACCOUNTTYPE",
    "ACHREMITTANCETYPE",
    "ACCOUNTNUMBER",
    "CARDNUM",
    "WIREACCOUNTNUMBER",
    "WIREBANKROUTINGNUMBER",
];

/// A field's name on the wire.
fn selectable(field: &FieldName) -> Result<String> {
    let name = field.as_str().to_ascii_uppercase();
    let is_name = !name.is_empty()
        && name.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    if !is_name {
        return Err(Error::new(ErrorKind::Config, format!("`{field}` is no field name of Sage Intacct's"))
            .hint("use the field's ID as the object's definition shows it, such as CUSTREPID or DISPLAYCONTACT.EMAIL1"));
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if SENSITIVE.contains(&last) || last.starts_with("ACH") {
        return Err(
            Error::new(ErrorKind::Config, format!("`{field}` is personal or bank data, which is never read")).hint("choose another field")
        );
    }
    Ok(name)
}

fn take(slots: &mut [Cow<'_, str>], column: usize) -> String {
    std::mem::take(&mut slots[column]).into_owned()
}

fn record(slots: &mut [Cow<'_, str>], common: Common, name: String, state: State) -> Record {
    let Common { id, key, changed_at, values } = common;
    let natural = take(slots, NATURAL);
    let keys = if natural.is_empty() { Vec::new() } else { vec![Key { name: key, value: natural }] };
    Record { id, keys, name, owners: Vec::new(), person: None, values, changed_at, state }
}

/// Only this word takes a record out of use: an unknown one shall not make it look gone.
fn state(status: &str) -> State {
    if status == "inactive" { State::Inactive } else { State::Active }
}

/// A customer. IN-18: without a rep it belongs to nobody. IN-21: the rep's id is kept to the letter.
fn customer(slots: &mut [Cow<'_, str>], common: Common) -> Record {
    let state = state(&slots[STATUS]);
    let name = take(slots, NATURAL + 1);
    let rep = take(slots, NATURAL + 2);
    let owner = Owner::Known(if rep.is_empty() { Vec::new() } else { vec![rep] });
    Record { owners: vec![(OWNER, owner)], ..record(slots, common, name, state) }
}

/// E-mail fields are free text and may hold several addresses.
fn emails<'a>(fields: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in fields.into_iter().flat_map(|field| field.split([',', ';', ' ', '\t', '\n'])) {
        let email = part.trim().to_lowercase();
        if email.contains('@') && !found.contains(&email) {
            found.push(email);
        }
    }
    found
}

fn same_contact(name: String) -> Vec<PersonKey> {
    if name.is_empty() { Vec::new() } else { vec![PersonKey { kind: CONTACT, key: CONTACT_NAME, value: name }] }
}

/// An employee is the person of their contact, and so is a user (IN-20): there is no other link between the two
/// [<https://www.intacct.com/ia/docs/en_US/help_action/Sage_Intelligent_Time/Set_up/IT-link-employee-to-user.htm>].
fn employee(slots: &mut [Cow<'_, str>], common: Common) -> Record {
    let active = slots[STATUS] == "active";
    let state = state(&slots[STATUS]);
    let contact = take(slots, NATURAL + 1);
    let full = format!("{} {}", slots[NATURAL + 2], slots[NATURAL + 3]);
    let name = if full.trim().is_empty() { contact.clone() } else { full.trim().to_owned() };
    let emails = emails([&*slots[NATURAL + 4]]);
    let person = Person { emails, active, service: false, same_as: same_contact(contact) };
    Record { person: Some(person), ..record(slots, common, name, state) }
}

fn contact(slots: &mut [Cow<'_, str>], common: Common) -> Record {
    let active = slots[STATUS] == "active";
    let state = state(&slots[STATUS]);
    let emails = emails([&*slots[NATURAL + 2], &*slots[NATURAL + 3]]);
    let printed = take(slots, NATURAL + 1);
    let name = if printed.is_empty() { slots[NATURAL].to_string() } else { printed };
    let person = Person { emails, active, service: false, same_as: Vec::new() };
    Record { person: Some(person), ..record(slots, common, name, state) }
}

/// A user. One that only programs sign in with is never an owner (IN-20): LOGINDISABLED is how the API shows a Web Services user.
fn user(slots: &mut [Cow<'_, str>], common: Common) -> Record {
    let active = slots[STATUS] == "active";
    let state = state(&slots[STATUS]);
    let described = take(slots, NATURAL + 1);
    let name = if described.is_empty() { slots[NATURAL].to_string() } else { described };
    let service = slots[NATURAL + 3] == "true" || slots[NATURAL + 2].eq_ignore_ascii_case("CRM user");
    let emails = emails([&*slots[NATURAL + 5]]);
    let person = Person { emails, active, service, same_as: same_contact(take(slots, NATURAL + 4)) };
    Record { person: Some(person), ..record(slots, common, name, state) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &Kind, fields: &[&'static str], texts: &[(&str, &'static str)]) -> Result<Row> {
        let fields: Vec<FieldName> = fields.iter().map(|field| FieldName::fixed(field)).collect();
        let shape = Shape::new(object(kind)?, &fields, Through::Query)?;
        let mut slots: Vec<Cow<'_, str>> = shape
            .columns
            .iter()
            .map(|column| texts.iter().find(|(name, _)| name == column).map_or(Cow::Borrowed(""), |(_, text)| Cow::Borrowed(*text)))
            .collect();
        shape.row(&mut slots, &Formatting::new("/mdY", "+10:00", "24").unwrap())
    }

    #[test]
    fn in_18_and_in_21_a_rep_is_kept_to_the_letter_and_none_is_nobody() {
        let base = [("RECORDNO", "812"), ("CUSTOMERID", "C-0400"), ("NAME", "O'Dell & Sons"), ("WHENMODIFIED", "02/03/2026 14:05:06")];
        for (rep, owners, value) in
            [("007", vec!["007"], Value::text("007")), ("e-014", vec!["e-014"], Value::text("e-014")), ("", vec![], Value::Null)]
        {
            let texts: Vec<(&str, &'static str)> = base.iter().copied().chain([("CUSTREPID", rep), ("STATUS", "active")]).collect();
            let Row { number, record } = row(&CUSTOMER, &["CUSTREPID", "REGION_CODE"], &texts).unwrap();
            assert_eq!((number, record.id.as_str(), record.name.as_str()), (812, "812", "O'Dell & Sons"));
            assert_eq!(record.owner(&OWNER), &Owner::Known(owners.into_iter().map(str::to_owned).collect()));
            assert_eq!(record.key(&CUSTOMER_ID), Some("C-0400"));
            assert_eq!(record.values, [value, Value::Null]);
            assert_eq!(record.changed_at, Some("2026-02-03T04:05:06Z".parse().unwrap()));
        }
    }

    #[test]
    fn a_status_takes_out_of_use_only_when_it_says_so() {
        for (status, wanted) in
            [("active", State::Active), ("active non-posting", State::Active), ("inactive", State::Inactive), ("", State::Active)]
        {
            assert_eq!(row(&CUSTOMER, &[], &[("RECORDNO", "1"), ("STATUS", status)]).unwrap().record.state, wanted, "{status}");
        }
    }

    #[test]
    fn in_20_users_and_employees_are_the_person_of_their_contact() {
        let employee = row(
            &EMPLOYEE,
            &[],
            &[
                ("RECORDNO", "44"),
                ("EMPLOYEEID", "E-014"),
                ("STATUS", "active"),
                ("CONTACT.CONTACTNAME", "One, User"),
                ("CONTACT.FIRSTNAME", "User"),
                ("CONTACT.LASTNAME", "One"),
                ("CONTACT.EMAIL1", " User1@Example.com; user1@example.com,other1@example.com "),
            ],
        )
        .unwrap()
        .record;
        let person = employee.person.unwrap();
        assert_eq!((employee.name.as_str(), person.active), ("User One", true));
        assert_eq!(person.emails, ["user1@example.com", "other1@example.com"]);
        for (disabled, user_type, status, service, active) in [
            ("false", "business user", "active", false, true),
            ("true", "business user", "active", true, true),
            ("true", "CRM user", "active", true, true),
            ("false", "CRM user", "active", true, true),
            ("", "employee user", "lockedout", false, false),
            ("", "business user", "inactive", false, false),
        ] {
            let user = row(
                &USER,
                &[],
                &[
                    ("RECORDNO", "11"),
                    ("LOGINID", "uone"),
                    ("STATUS", status),
                    ("USERTYPE", user_type),
                    ("LOGINDISABLED", disabled),
                    ("CONTACTINFO.CONTACTNAME", "One, User"),
                ],
            )
            .unwrap()
            .record;
            assert_eq!(user.name, "uone");
            let other = user.person.unwrap();
            assert_eq!((other.service, other.active), (service, active), "{disabled} {user_type} {status}");
            assert_eq!(other.same_as, person.same_as);
        }
    }

    #[test]
    fn what_cannot_be_a_record_is_refused() {
        assert_eq!(row(&CUSTOMER, &[], &[]).unwrap_err().kind(), ErrorKind::Protocol);
        let error = row(&CUSTOMER, &[], &[("RECORDNO", "1"), ("WHENMODIFIED", "2026-02-03")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains("CUSTOMER 1"), "{error}");
    }

    /// IN-23.
    #[test]
    fn in_23_personal_and_bank_fields_cannot_be_asked_for() {
        for field in ["SSN", "ssn", "BIRTHDATE", "ACHACCOUNTNUMBER", "PERSONALINFO.SSN", "ACHENABLED", "TAXID"] {
            let error = Shape::new(object(&CUSTOMER).unwrap(), &[FieldName::new(field)], Through::Query).expect_err(field);
            assert_eq!(error.kind(), ErrorKind::Config);
        }
        for object in &OBJECTS {
            for name in object.columns.iter().flat_map(|(query, read)| [query, read]).chain(object.offered.iter().map(|(name, _)| name)) {
                assert!(selectable(&FieldName::fixed(name)).is_ok(), "{} selects {name}", object.name);
            }
        }
        for field in ["", "A B", "NAME</field>", "A..B", ".A", "*"] {
            assert!(Shape::new(object(&CUSTOMER).unwrap(), &[FieldName::new(field)], Through::Query).is_err(), "{field}");
        }
    }
}
