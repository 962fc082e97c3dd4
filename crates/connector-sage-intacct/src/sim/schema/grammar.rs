//! The published grammar as data: what may stand inside each function.

/// No upper bound.
pub const UNBOUNDED: usize = usize::MAX;

/// What may stand inside an element.
pub enum Content {
    /// Named children in this order: name, least, most.
    Sequence(&'static [(&'static str, usize, usize)]),
    /// Named children in any order, each once at most: name, required.
    All(&'static [(&'static str, bool)]),
    /// Between `least` and `most` children, each one of these.
    Choice { names: &'static [&'static str], least: usize, most: usize },
    /// One or more elements of any kind.
    AnyElements,
    /// Text only.
    Text,
    /// Nothing.
    Nothing,
}

/// The operators of a filter.
pub const OPERATORS: &[&str] = &[
    "and",
    "or",
    "equalto",
    "notequalto",
    "lessthan",
    "lessthanorequalto",
    "greaterthan",
    "greaterthanorequalto",
    "like",
    "notlike",
    "between",
    "in",
    "notin",
    "isnull",
    "isnotnull",
];
/// A field and one value.
pub const ONE_VALUE: Content = Content::Sequence(&[("field", 1, 1), ("value", 1, 1)]);
const READ: &[(&str, bool)] = &[("object", true), ("keys", true), ("fields", false), ("returnFormat", false), ("docparid", false)];

/// The legacy customer functions: everything that may follow the key and the name, in order.
macro_rules! customer_sequence {
    ($(($name:literal, $least:literal)),*) => {
        &[
            $(($name, $least, 1),)*
            ("parentid", 0, 1), ("termname", 0, 1), ("custrepid", 0, 1), ("shippingmethod", 0, 1), ("custtype", 0, 1), ("taxid", 0, 1),
            ("creditlimit", 0, 1), ("territoryid", 0, 1), ("resaleno", 0, 1), ("deliveryoptions", 0, 1), ("accountlabel", 0, 1),
            ("glaccountno", 0, 1), ("glgroup", 0, 1), ("onhold", 0, 1), ("comments", 0, 1), ("status", 0, 1), ("currency", 0, 1),
            ("externalid", 0, 1), ("primary", 0, 1), ("billto", 0, 1), ("shipto", 0, 1), ("contactinfo", 0, 1), ("contactlist", 0, 1),
            ("vsoepricelist", 0, 1), ("customfields", 0, 1), ("visibility", 0, 1), ("supdocid", 0, 1), ("offsetglaccountno", 0, 1),
        ]
    };
}
const CREATE_CUSTOMER: &[(&str, usize, usize)] = customer_sequence![("customerid", 1), ("name", 1)];
const UPDATE_CUSTOMER: &[(&str, usize, usize)] = customer_sequence![("name", 0)];

/// The legacy contact functions: everything after the key.
macro_rules! contact_sequence {
    ($(($name:literal, $least:literal)),*) => {
        &[
            $(($name, $least, 1),)*
            ("companyname", 0, 1), ("taxable", 0, 1), ("taxgroup", 0, 1), ("prefix", 0, 1), ("firstname", 0, 1), ("lastname", 0, 1),
            ("initial", 0, 1), ("phone1", 0, 1), ("phone2", 0, 1), ("cellphone", 0, 1), ("pager", 0, 1), ("fax", 0, 1), ("email1", 0, 1),
            ("email2", 0, 1), ("url1", 0, 1), ("url2", 0, 1), ("status", 0, 1), ("mailaddress", 0, 1), ("taxid", 0, 1), ("externalid", 0, 1),
        ]
    };
}
const CREATE_CONTACT: &[(&str, usize, usize)] = contact_sequence![("contactname", 1), ("printas", 1)];
const UPDATE_CONTACT: &[(&str, usize, usize)] = contact_sequence![("printas", 0)];

/// Functions of the published schema that this simulator knows by name only.
const NAMED_ONLY: &[&str] = &[
    "validate",
    "consolidate",
    "readRelated",
    "readReport",
    "readView",
    "runDdsJob",
    "getDdsObjects",
    "getDdsDdl",
    "getAuditTrail",
    "getTransactionsToApprove",
    "getApprovalHistory",
    "getFinancialSetup",
    "getDimensionRestrictions",
    "getDimensionRelationships",
    "getDimensionAutofillDetails",
    "getDimensionRestrictedData",
    "getDimensionAutofillData",
    "generate_projectinvoices",
    "installApp",
    "getDocumentParams",
    "approve",
    "decline",
    "post",
    "recall",
    "submit",
    "hold",
    "release",
];
/// How the names of the legacy functions begin.
const LEGACY: &[&str] =
    &["create_", "update_", "delete_", "get_", "reverse_", "void_", "apply_", "approve_", "decline_", "print_", "reclassify_", "record_"];

/// Whether the published schema names this function.
pub fn is_function(name: &str) -> bool {
    function_content(name).is_some() || NAMED_ONLY.contains(&name) || is_legacy(name)
}

/// Whether this is a function of version 2.1, which version 3.0 still accepts.
pub fn is_legacy(name: &str) -> bool {
    matches!(name, "get" | "getAPISession") || LEGACY.iter().any(|prefix| name.starts_with(prefix))
}

/// What may stand inside a function this simulator answers.
pub fn function_content(name: &str) -> Option<Content> {
    Some(match name {
        "getAPISession" => Content::Sequence(&[("locationid", 0, 1)]),
        "query" => Content::All(&[
            ("select", true),
            ("object", true),
            ("docparid", false),
            ("filter", false),
            ("orderby", false),
            ("options", false),
            ("pagesize", false),
            ("offset", false),
        ]),
        "readByQuery" => Content::All(&[
            ("object", true),
            ("query", true),
            ("pagesize", false),
            ("fields", false),
            ("returnFormat", false),
            ("docparid", false),
        ]),
        "readMore" => Content::Choice { names: &["object", "view", "reportId", "resultId"], least: 1, most: 1 },
        "read" | "readByName" => Content::All(READ),
        "lookup" => Content::All(&[("object", true), ("docparid", false)]),
        "inspect" => Content::Choice { names: &["object", "name"], least: 1, most: 1 },
        "create" | "update" => Content::AnyElements,
        "delete" => Content::All(&[("object", true), ("keys", true)]),
        "getUserPermissions" => Content::All(&[("userId", true)]),
        "readUserFormatting" => Content::Choice { names: &["key", "userId"], least: 1, most: 1 },
        "readEntityDetails" | "getDimensions" | "delete_customer" | "delete_contact" | "delete_employee" => Content::Nothing,
        "get_list" => Content::Sequence(&[("filter", 0, 1), ("sorts", 0, 1), ("fields", 0, 1), ("additional_parameters", 0, 1)]),
        "get" => Content::Sequence(&[("fields", 0, 1)]),
        "create_customer" => Content::Sequence(CREATE_CUSTOMER),
        "update_customer" => Content::Sequence(UPDATE_CUSTOMER),
        "create_contact" => Content::Sequence(CREATE_CONTACT),
        "update_contact" => Content::Sequence(UPDATE_CONTACT),
        _ => return None,
    })
}
