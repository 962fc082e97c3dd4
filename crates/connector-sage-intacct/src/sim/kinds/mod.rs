//! The objects this simulator keeps: their fields, codes and relations, as the vendor documents them.
//!
//! Sources: <https://developer.intacct.com/api/accounts-receivable/customers/>,
//! <https://developer.intacct.com/api/employee-expenses/employees/>, <https://developer.intacct.com/api/company-console/contacts/>,
//! <https://developer.intacct.com/api/company-console/users/>, <https://developer.intacct.com/api/company-console/entities/>.

mod unmodelled;

use std::borrow::Cow;

pub use unmodelled::UNMODELLED;

/// One of the kept objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// CUSTOMER
    Customer,
    /// EMPLOYEE
    Employee,
    /// CONTACT
    Contact,
    /// USERINFO
    User,
    /// LOCATIONENTITY
    Entity,
    /// LOCATION
    Location,
    /// DEPARTMENT
    Department,
    /// AUDITHISTORY
    Audit,
}

/// Every kept object.
pub const KINDS: [Kind; 8] =
    [Kind::Customer, Kind::Employee, Kind::Contact, Kind::User, Kind::Entity, Kind::Location, Kind::Department, Kind::Audit];

/// What the vendor's describe calls the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// TEXT
    Text,
    /// INTEGER
    Integer,
    /// BOOLEAN
    Boolean,
    /// DATE
    Date,
    /// TIMESTAMP
    Timestamp,
    /// ENUM
    Enum,
    /// DECIMAL
    Decimal,
    /// CURRENCY
    Currency,
}

impl Data {
    /// Its name in `lookup`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Integer => "INTEGER",
            Self::Boolean => "BOOLEAN",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
            Self::Enum => "ENUM",
            Self::Decimal => "DECIMAL",
            Self::Currency => "CURRENCY",
        }
    }

    /// Whether values compare as numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal | Self::Currency)
    }
}

/// Where a field's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Kept with the record.
    Stored,
    /// The record's number.
    RecordNumber,
    /// WHENCREATED
    Created,
    /// WHENMODIFIED
    Modified,
    /// CREATEDBY
    CreatedBy,
    /// MODIFIEDBY
    ModifiedBy,
    /// MEGAENTITYKEY
    EntityKey,
    /// MEGAENTITYID
    EntityId,
    /// MEGAENTITYNAME
    EntityName,
    /// RECORD_URL
    Url,
    /// CUSTREPKEY: the employee's record number.
    RepKey,
    /// CUSTREPNAME: the employee's contact name.
    RepName,
    /// PARENTKEY of a customer.
    ParentKey,
    /// PARENTNAME of a customer.
    ParentName,
    /// ENTITY of a customer or employee: a letter and the natural key.
    Prefixed(char),
}

/// One field of an object.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub id: Cow<'static, str>,
    /// Its label.
    pub label: Cow<'static, str>,
    /// Its type.
    pub data: Data,
    /// Must be given on create.
    pub required: bool,
    /// Words it may hold: (label, database code); empty for free text.
    pub choices: &'static [(&'static str, &'static str)],
    /// Where its value comes from.
    pub source: Source,
    /// Declared by the company.
    pub custom: bool,
}

impl Field {
    /// Whether a caller may write it.
    pub fn is_writable(&self) -> bool {
        self.source == Source::Stored
    }

    /// A field the company declared.
    pub fn custom(id: &str, label: &str) -> Self {
        Self { id: Cow::Owned(id.to_owned()), label: Cow::Owned(label.to_owned()), custom: true, ..field("", "", Data::Text) }
    }
}

const fn field(id: &'static str, label: &'static str, data: Data) -> Field {
    Field { id: Cow::Borrowed(id), label: Cow::Borrowed(label), data, required: false, choices: &[], source: Source::Stored, custom: false }
}

fn required(id: &'static str, label: &'static str) -> Field {
    Field { required: true, ..field(id, label, Data::Text) }
}

fn computed(id: &'static str, label: &'static str, data: Data, source: Source) -> Field {
    Field { source, ..field(id, label, data) }
}

fn choice(id: &'static str, label: &'static str, choices: &'static [(&'static str, &'static str)]) -> Field {
    Field { choices, ..field(id, label, Data::Enum) }
}

fn texts(fields: &mut Vec<Field>, names: &[&'static str]) {
    fields.extend(names.iter().map(|name| field(name, name, Data::Text)));
}

/// A many-to-one relation.
#[derive(Clone, Copy, Debug)]
pub struct Relation {
    /// Its name in dotted fields.
    pub path: &'static str,
    /// The object it leads to.
    pub to: Kind,
    /// The field that holds the other record's number.
    pub key: &'static str,
    /// `query` walks it.
    pub in_query: bool,
    /// Its fields belong to the record in readByQuery, read, create and update.
    pub is_group: bool,
    /// It leads to the same object: one hop only.
    pub is_hierarchy: bool,
}

const fn group(path: &'static str, key: &'static str) -> Relation {
    Relation { path, to: Kind::Contact, key, in_query: true, is_group: true, is_hierarchy: false }
}

const fn walk(path: &'static str, to: Kind, key: &'static str) -> Relation {
    Relation { path, to, key, in_query: true, is_group: false, is_hierarchy: false }
}

const CUSTOMER_RELATIONS: &[Relation] = &[
    group("DISPLAYCONTACT", "DISPLAYCONTACTKEY"),
    group("CONTACTINFO", "CONTACTKEY"),
    group("BILLTO", "BILLTOKEY"),
    group("SHIPTO", "SHIPTOKEY"),
    walk("PRIMARYCONTACT", Kind::Contact, "CONTACTKEY"),
    walk("BILLTOCONTACT", Kind::Contact, "BILLTOKEY"),
    walk("SHIPTOCONTACT", Kind::Contact, "SHIPTOKEY"),
    Relation { path: "PARENT", to: Kind::Customer, key: "PARENTKEY", in_query: true, is_group: false, is_hierarchy: true },
];
const EMPLOYEE_RELATIONS: &[Relation] = &[group("PERSONALINFO", "CONTACTKEY"), walk("CONTACT", Kind::Contact, "CONTACTKEY")];
const USER_RELATIONS: &[Relation] = &[group("CONTACTINFO", "CONTACTKEY"), walk("CONTACT", Kind::Contact, "CONTACTKEY")];

const ACTIVE: &[(&str, &str)] = &[("active", "T"), ("inactive", "F")];
const CUSTOMER_STATUS: &[(&str, &str)] = &[("active", "T"), ("active non-posting", "N"), ("inactive", "F")];
const USER_STATUS: &[(&str, &str)] = &[("active", "T"), ("inactive", "F"), ("lockedout", "L")];
const USER_TYPES: &[(&str, &str)] = &[
    ("business user", "B"),
    ("employee user", "E"),
    ("view only user", "R"),
    ("dashboard user", "D"),
    ("project manager user", "P"),
    ("construction manager user", "C"),
    ("platform user", "T"),
    ("warehouse user", "H"),
    ("payment approver", "A"),
    ("CRM user", "S"),
    ("writeup user", "W"),
];
const ADMIN: &[(&str, &str)] = &[("Full", "F"), ("Limited", "L"), ("Off", "O")];
const ACCESS_MODES: &[(&str, &str)] =
    &[("Access", "A"), ("Modify", "M"), ("Create", "C"), ("Delete", "D"), ("Workflow", "W"), ("Activity", "T"), ("User Action", "U")];
const RESTRICTION: &[(&str, &str)] = &[("Unrestricted", "Unrestricted"), ("RootOnly", "RootOnly"), ("Restricted", "Restricted")];

impl Kind {
    /// The object's name on the wire.
    pub fn object(self) -> &'static str {
        match self {
            Self::Customer => "CUSTOMER",
            Self::Employee => "EMPLOYEE",
            Self::Contact => "CONTACT",
            Self::User => "USERINFO",
            Self::Entity => "LOCATIONENTITY",
            Self::Location => "LOCATION",
            Self::Department => "DEPARTMENT",
            Self::Audit => "AUDITHISTORY",
        }
    }

    /// The object's name in answers to writes.
    pub fn lower(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Employee => "employee",
            Self::Contact => "contact",
            Self::User => "userinfo",
            Self::Entity => "locationentity",
            Self::Location => "location",
            Self::Department => "department",
            Self::Audit => "audithistory",
        }
    }

    /// The object's name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Customer => "Customer",
            Self::Employee => "Employee",
            Self::Contact => "Contact",
            Self::User => "User",
            Self::Entity => "Entity",
            Self::Location => "Location",
            Self::Department => "Department",
            Self::Audit => "Audit history",
        }
    }

    /// The field that names a record for people.
    pub fn natural_key(self) -> &'static str {
        match self {
            Self::Customer => "CUSTOMERID",
            Self::Employee => "EMPLOYEEID",
            Self::Contact => "CONTACTNAME",
            Self::User => "LOGINID",
            Self::Entity | Self::Location => "LOCATIONID",
            Self::Department => "DEPARTMENTID",
            Self::Audit => "ID",
        }
    }

    /// The object of this name, in any letter case.
    pub fn named(object: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.object().eq_ignore_ascii_case(object))
    }

    /// Its relations.
    pub fn relations(self) -> &'static [Relation] {
        match self {
            Self::Customer => CUSTOMER_RELATIONS,
            Self::Employee => EMPLOYEE_RELATIONS,
            Self::User => USER_RELATIONS,
            Self::Contact | Self::Entity | Self::Location | Self::Department | Self::Audit => &[],
        }
    }

    /// Its standard fields, in the order `*` shows them.
    pub fn fields(self) -> Vec<Field> {
        let mut fields = vec![computed("RECORDNO", "Record number", Data::Integer, Source::RecordNumber)];
        match self {
            Self::Customer => customer_fields(&mut fields),
            Self::Employee => employee_fields(&mut fields),
            Self::Contact => contact_fields(&mut fields),
            Self::User => user_fields(&mut fields),
            Self::Entity => entity_fields(&mut fields),
            Self::Location => location_fields(&mut fields),
            Self::Department => department_fields(&mut fields),
            Self::Audit => {
                audit_history_fields(&mut fields);
                return fields;
            }
        }
        fields.extend(audit_fields());
        fields
    }
}

/// The fields every object has besides RECORDNO.
pub fn audit_fields() -> Vec<Field> {
    vec![
        computed("WHENCREATED", "When created", Data::Timestamp, Source::Created),
        computed("WHENMODIFIED", "When modified", Data::Timestamp, Source::Modified),
        computed("CREATEDBY", "Created by", Data::Integer, Source::CreatedBy),
        computed("MODIFIEDBY", "Modified by", Data::Integer, Source::ModifiedBy),
        computed("MEGAENTITYKEY", "Created at - Entity key", Data::Integer, Source::EntityKey),
        computed("MEGAENTITYID", "Created at - Entity ID", Data::Text, Source::EntityId),
        computed("MEGAENTITYNAME", "Created at - Entity name", Data::Text, Source::EntityName),
        computed("RECORD_URL", "Record URL", Data::Text, Source::Url),
    ]
}

fn customer_fields(fields: &mut Vec<Field>) {
    fields.extend([
        required("CUSTOMERID", "Customer ID"),
        required("NAME", "Customer name"),
        computed("ENTITY", "Entity", Data::Text, Source::Prefixed('C')),
        computed("PARENTKEY", "Parent key", Data::Integer, Source::ParentKey),
        field("PARENTID", "Parent ID", Data::Text),
        computed("PARENTNAME", "Parent name", Data::Text, Source::ParentName),
        field("TERMNAME", "Term", Data::Text),
        computed("CUSTREPKEY", "Sales rep key", Data::Integer, Source::RepKey),
        field("CUSTREPID", "Sales rep ID", Data::Text),
        computed("CUSTREPNAME", "Sales rep", Data::Text, Source::RepName),
        field("TERRITORYID", "Territory ID", Data::Text),
        field("CREDITLIMIT", "Credit limit", Data::Currency),
        field("TOTALDUE", "Total due", Data::Currency),
        field("ONHOLD", "On hold", Data::Boolean),
        field("ONETIME", "One time", Data::Boolean),
        field("HIDEDISPLAYCONTACT", "Exclude from contact list", Data::Boolean),
        field("RETAINAGEPERCENTAGE", "Retainage percentage", Data::Decimal),
        Field { choices: RESTRICTION, ..field("OBJECTRESTRICTION", "Restriction type", Data::Text) },
        choice("STATUS", "Status", CUSTOMER_STATUS),
        field("DISPLAYCONTACTKEY", "Display contact key", Data::Integer),
        field("CONTACTKEY", "Primary contact key", Data::Integer),
        field("BILLTOKEY", "Bill to key", Data::Integer),
        field("SHIPTOKEY", "Ship to key", Data::Integer),
    ]);
    texts(
        fields,
        &[
            "TERRITORYNAME",
            "TERRITORYKEY",
            "CUSTTYPE",
            "CUSTTYPEKEY",
            "GLGRPKEY",
            "GLGROUP",
            "ACCOUNTLABEL",
            "ARACCOUNT",
            "ARACCOUNTTITLE",
            "OFFSETGLACCOUNTNO",
            "OFFSETGLACCOUNTNOTITLE",
            "SHIPPINGMETHOD",
            "RESALENO",
            "TAXID",
            "DELIVERY_OPTIONS",
            "DELIVERYOPTIONS",
            "CUSTMESSAGEID",
            "COMMENTS",
            "CURRENCY",
            "SUPDOCID",
            "VSOEPRICELIST",
            "EXTERNALID",
            "RESTRICTEDLOCATIONS",
            "RESTRICTEDDEPARTMENTS",
            "LAST_INVOICEDATE",
            "LAST_STATEMENTDATE",
            "ARINVOICEPRINTTEMPLATEID",
            "OEQUOTEPRINTTEMPLATEID",
            "OEORDERPRINTTEMPLATEID",
            "OELISTPRINTTEMPLATEID",
            "OEINVOICEPRINTTEMPLATEID",
            "OEADJPRINTTEMPLATEID",
            "OEOTHERPRINTTEMPLATEID",
            "EMAILOPTIN",
        ],
    );
}

fn employee_fields(fields: &mut Vec<Field>) {
    fields.extend([
        field("EMPLOYEEID", "Employee ID", Data::Text),
        computed("ENTITY", "Entity", Data::Text, Source::Prefixed('E')),
        field("CONTACTKEY", "Contact key", Data::Integer),
        field("TITLE", "Title", Data::Text),
        field("STARTDATE", "Start date", Data::Date),
        field("ENDDATE", "End date", Data::Date),
        field("BIRTHDATE", "Birth date", Data::Date),
        choice("STATUS", "Status", ACTIVE),
        field("ACHENABLED", "ACH enabled", Data::Boolean),
        field("MERGEPAYMENTREQ", "Merge payment requests", Data::Boolean),
        field("PAYMENTNOTIFY", "Send payment notification", Data::Boolean),
        field("POSTACTUALCOST", "Post actual cost", Data::Boolean),
    ]);
    texts(
        fields,
        &[
            "LOCATIONID",
            "LOCATIONKEY",
            "LOCATIONNAME",
            "DEPARTMENTID",
            "DEPARTMENTKEY",
            "DEPARTMENTTITLE",
            "CLASSID",
            "SUPERVISORID",
            "SUPERVISORKEY",
            "SUPERVISORNAME",
            "EMPLOYEETYPE",
            "EMPLOYEETYPE1099TYPE",
            "EMPLOYEETYPEKEY",
            "EMPPOSITIONID",
            "EARNINGTYPENAME",
            "EARNINGTYPEKEY",
            "TERMINATIONTYPE",
            "CURRENCY",
            "SSN",
            "GENDER",
            "NAME1099",
            "FORM1099TYPE",
            "FORM1099BOX",
            "SUPDOCFOLDERNAME",
            "PAYMETHODKEY",
            "ACHBANKROUTINGNUMBER",
            "ACHACCOUNTNUMBER",
            "ACHACCOUNTTYPE",
            "ACHREMITTANCETYPE",
        ],
    );
}

/// A contact's fields, also reachable through groups and relations.
fn contact_fields(fields: &mut Vec<Field>) {
    fields.extend([required("CONTACTNAME", "Contact name"), required("PRINTAS", "Print as")]);
    texts(
        fields,
        &[
            "COMPANYNAME",
            "PREFIX",
            "FIRSTNAME",
            "LASTNAME",
            "INITIAL",
            "PHONE1",
            "PHONE2",
            "CELLPHONE",
            "PAGER",
            "FAX",
            "EMAIL1",
            "EMAIL2",
            "URL1",
            "URL2",
            "TAXGROUP",
            "TAXID",
            "MAILADDRESS.ADDRESS1",
            "MAILADDRESS.ADDRESS2",
            "MAILADDRESS.ADDRESS3",
            "MAILADDRESS.CITY",
            "MAILADDRESS.STATE",
            "MAILADDRESS.ZIP",
            "MAILADDRESS.COUNTRY",
            "MAILADDRESS.COUNTRYCODE",
        ],
    );
    fields.extend([
        field("VISIBLE", "Visible", Data::Boolean),
        field("TAXABLE", "Taxable", Data::Boolean),
        choice("STATUS", "Status", ACTIVE),
    ]);
}

fn user_fields(fields: &mut Vec<Field>) {
    fields.extend([
        required("LOGINID", "User ID"),
        field("DESCRIPTION", "User name", Data::Text),
        field("CONTACTKEY", "Contact key", Data::Integer),
        choice("USERTYPE", "User type", USER_TYPES),
        choice("ADMIN", "Admin privileges", ADMIN),
        choice("STATUS", "Status", USER_STATUS),
        field("LOGINDISABLED", "Web Services only", Data::Boolean),
        field("SSO_ENABLED", "SSO enabled", Data::Boolean),
        field("SSO_FEDERATED_ID", "SSO federated ID", Data::Text),
        field("PWDNEVEREXPIRES", "Password never expires", Data::Boolean),
        field("PWDQLYNOTENFORCED", "Password quality not enforced", Data::Boolean),
        field("UNRESTRICTED", "Unrestricted", Data::Boolean),
    ]);
    texts(fields, &["USERLOCATIONS", "USERDEPARTMENTS", "USERTERRITORIES"]);
}

fn entity_fields(fields: &mut Vec<Field>) {
    fields.extend([required("LOCATIONID", "Entity ID"), required("NAME", "Name"), choice("STATUS", "Status", ACTIVE)]);
    texts(
        fields,
        &[
            "REPORTPRINTAS",
            "SUPERVISORID",
            "FIRSTMONTH",
            "FIRSTMONTHTAX",
            "WEEKSTART",
            "FEDERALID",
            "STARTDATE",
            "ENDDATE",
            "HAS_IE_RELATION",
            "CUSTOMERID",
            "CUSTOMERNAME",
            "VENDORID",
            "VENDORNAME",
            "CURRENCY",
            "TAXID",
            "ENABLELEGALCONTACT",
            "LEGALNAME",
            "LEGALADDRESS1",
            "LEGALADDRESS2",
            "LEGALCITY",
            "LEGALSTATE",
            "LEGALZIPCODE",
            "LEGALCOUNTRY",
            "OPCOUNTRY",
            "ADDRESSCOUNTRYDEFAULT",
        ],
    );
}

fn location_fields(fields: &mut Vec<Field>) {
    fields.extend([required("LOCATIONID", "Location ID"), required("NAME", "Name"), choice("STATUS", "Status", ACTIVE)]);
    texts(fields, &["PARENTID", "PARENTKEY", "SUPERVISORID", "CURRENCY"]);
}

fn department_fields(fields: &mut Vec<Field>) {
    fields.extend([required("DEPARTMENTID", "Department ID"), required("TITLE", "Title"), choice("STATUS", "Status", ACTIVE)]);
    texts(fields, &["PARENTKEY", "PARENTID", "SUPERVISORKEY", "SUPERVISORID", "SUPERVISORNAME", "CUSTTITLE"]);
}

/// Who did what to which record; words of ACCESSMODE come back in both queries, but `query` filters by their codes.
fn audit_history_fields(fields: &mut Vec<Field>) {
    fields.extend([
        field("ID", "ID", Data::Text),
        field("OBJECTTYPE", "Object type", Data::Text),
        field("OBJECTKEY", "Object key", Data::Text),
        field("OBJECTDESC", "Object description", Data::Text),
        field("USERID", "User ID", Data::Text),
        computed("ACCESSTIME", "Access time", Data::Timestamp, Source::Created),
        Field { choices: ACCESS_MODES, ..field("ACCESSMODE", "Access mode", Data::Text) },
        field("SOURCE", "Source", Data::Text),
    ]);
}
