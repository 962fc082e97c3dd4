//! The objects of the organisation: <https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects>, the part
//! that speaks of people, owners and what they own.

use serde_json::{Value, json};

use super::{Field, Kind, Object};

fn field(name: &str, kind: Kind, length: usize) -> Field {
    let mut label = String::new();
    for letter in name.trim_end_matches("__c").chars() {
        if letter.is_ascii_uppercase() && !label.is_empty() && !label.ends_with([' ', '_']) {
            label.push(' ');
        }
        label.push(if letter == '_' { ' ' } else { letter });
    }
    Field {
        name: name.into(),
        label,
        kind,
        length,
        nillable: true,
        createable: true,
        updateable: true,
        external_id: false,
        id_lookup: false,
        unique: false,
        refers_to: Vec::new(),
        relationship: None,
        children: None,
        choices: Vec::new(),
        restricted: false,
        default: None,
    }
}

fn text(name: &str, length: usize) -> Field {
    field(name, Kind::Text, length)
}

fn flag(name: &str) -> Field {
    Field { nillable: false, default: Some(Value::Bool(false)), ..field(name, Kind::Boolean, 0) }
}

fn plain(name: &str, kind: Kind) -> Field {
    let length = match kind {
        Kind::Phone => 40,
        Kind::Email => 80,
        Kind::Url => 255,
        Kind::TextArea => 32_000,
        _ => 0,
    };
    field(name, kind, length)
}

fn picklist(name: &str, choices: &[&str]) -> Field {
    Field { choices: choices.iter().map(|choice| (*choice).to_owned()).collect(), ..field(name, Kind::Picklist, 255) }
}

/// A reference; its name without `Id` walks there, `children` walks back.
fn reference(name: &str, to: &[&str], children: Option<&str>) -> Field {
    let relationship = match name.strip_suffix("__c") {
        Some(stem) => format!("{stem}__r"),
        None => name.trim_end_matches("Id").to_owned(),
    };
    Field {
        refers_to: to.iter().map(|name| (*name).to_owned()).collect(),
        relationship: Some(relationship),
        children: children.map(str::to_owned),
        ..field(name, Kind::Reference, 18)
    }
}

impl Field {
    fn required(self) -> Self {
        Self { nillable: false, ..self }
    }

    /// Set by the platform alone.
    fn read_only(self) -> Self {
        Self { createable: false, updateable: false, ..self }
    }

    fn create_only(self) -> Self {
        Self { updateable: false, ..self }
    }

    fn external(self, unique: bool) -> Self {
        Self { external_id: true, id_lookup: true, unique, ..self }
    }

    fn looked_up(self) -> Self {
        Self { id_lookup: true, ..self }
    }

    fn restricted(self) -> Self {
        Self { restricted: true, ..self }
    }

    fn or(self, default: Value) -> Self {
        Self { default: Some(default), nillable: false, ..self }
    }
}

/// The fields every object begins and ends with.
fn framed(mut fields: Vec<Field>, deletions: bool) -> Vec<Field> {
    let mut all = vec![field("Id", Kind::Id, 18).required().read_only().looked_up()];
    if deletions {
        all.push(flag("IsDeleted").read_only());
    }
    all.append(&mut fields);
    all.push(plain("CreatedDate", Kind::DateTime).required().read_only());
    all.push(reference("CreatedById", &["User"], None).required().read_only());
    all.push(plain("LastModifiedDate", Kind::DateTime).required().read_only());
    all.push(reference("LastModifiedById", &["User"], None).required().read_only());
    all.push(plain("SystemModstamp", Kind::DateTime).required().read_only());
    all
}

fn standard(name: &str, prefix: &'static str, fields: Vec<Field>) -> Object {
    Object::new(name, prefix, framed(fields, true))
}

/// Set-up objects have no recycle bin.
fn set_up(name: &str, prefix: &'static str, fields: Vec<Field>) -> Object {
    Object { createable: false, deletable: false, replicateable: false, ..Object::new(name, prefix, framed(fields, false)) }
}

fn owner(to: &[&str]) -> Field {
    reference("OwnerId", to, None).required()
}

fn address(prefix: &str) -> Vec<Field> {
    [("Street", 255), ("City", 40), ("State", 80), ("PostalCode", 20), ("Country", 80)]
        .into_iter()
        .map(|(part, length)| text(&format!("{prefix}{part}"), length))
        .collect()
}

fn user() -> Object {
    let types = [
        "Standard",
        "PowerPartner",
        "CSPLitePortal",
        "CustomerSuccess",
        "PowerCustomerSuccess",
        "CsnOnly",
        "Guest",
        "SelfService",
        "AutomatedProcess",
    ];
    let fields = vec![
        Field { unique: true, ..text("Username", 80).required().looked_up() },
        text("LastName", 80).required(),
        text("FirstName", 40),
        text("Name", 121).read_only(),
        text("CompanyName", 80),
        text("Division", 80),
        text("Department", 80),
        text("Title", 80),
        Field { length: 128, ..plain("Email", Kind::Email) }.required().looked_up(),
        plain("Phone", Kind::Phone),
        plain("MobilePhone", Kind::Phone),
        text("Alias", 8).required(),
        text("CommunityNickname", 40),
        Field { nillable: false, default: Some(Value::Bool(true)), ..field("IsActive", Kind::Boolean, 0) },
        picklist("TimeZoneSidKey", &["Europe/London", "Europe/Oslo", "Africa/Johannesburg", "America/New_York"]).required(),
        picklist("LocaleSidKey", &["en_GB", "en_US", "nb_NO"]).required(),
        picklist("EmailEncodingKey", &["UTF-8", "ISO-8859-1"]).required(),
        picklist("LanguageLocaleKey", &["en_US", "no"]).required(),
        picklist("UserType", &types).read_only(),
        reference("UserRoleId", &["UserRole"], None),
        reference("ProfileId", &["Profile"], None).required(),
        reference("ManagerId", &["User"], None),
        reference("DelegatedApproverId", &["Group", "User"], None),
        reference("ContactId", &["Contact"], None).create_only(),
        reference("AccountId", &["Account"], None).read_only(),
        picklist("PortalRole", &[]).read_only(),
        flag("IsPortalEnabled").read_only(),
        text("EmployeeNumber", 20),
        Field { unique: true, ..text("FederationIdentifier", 512) },
        plain("LastLoginDate", Kind::DateTime).read_only(),
        plain("LastPasswordChangeDate", Kind::DateTime).read_only(),
    ];
    Object { createable: true, ..set_up("User", "005", fields) }
}

fn account(external_id: &str) -> Object {
    let mut fields = vec![
        reference("MasterRecordId", &["Account"], None).read_only(),
        text("Name", 255).required(),
        picklist("Type", &["Prospect", "Customer - Direct", "Customer - Channel", "Other"]),
        reference("ParentId", &["Account"], Some("ChildAccounts")),
    ];
    fields.extend(address("Billing"));
    fields.extend(address("Shipping"));
    fields.extend([
        plain("Phone", Kind::Phone),
        text("AccountNumber", 40),
        plain("Website", Kind::Url),
        picklist("Industry", &["Agriculture", "Banking", "Retail", "Technology", "Other"]),
        plain("AnnualRevenue", Kind::Currency),
        plain("NumberOfEmployees", Kind::Int),
        plain("Description", Kind::TextArea),
        owner(&["User"]),
        picklist("AccountSource", &["Web", "Phone Inquiry", "Other"]),
        text("Region__c", 80),
        text("Rep_Code__c", 40),
        text(external_id, 80).external(true),
    ]);
    standard("Account", "001", fields)
}

fn sales() -> Vec<Object> {
    let stages = ["Prospecting", "Qualification", "Proposal/Price Quote", "Closed Won", "Closed Lost"];
    let contact = vec![
        reference("AccountId", &["Account"], Some("Contacts")),
        text("LastName", 80).required(),
        text("FirstName", 40),
        text("Name", 121).read_only(),
        plain("Phone", Kind::Phone),
        plain("MobilePhone", Kind::Phone),
        plain("Email", Kind::Email).looked_up(),
        text("Title", 128),
        text("Department", 80),
        reference("ReportsToId", &["Contact"], None),
        text("MailingCity", 40),
        owner(&["User"]),
    ];
    let opportunity = vec![
        reference("AccountId", &["Account"], Some("Opportunities")),
        text("Name", 120).required(),
        plain("Description", Kind::TextArea),
        picklist("StageName", &stages).required(),
        plain("Amount", Kind::Currency),
        plain("Probability", Kind::Percent),
        plain("CloseDate", Kind::Date).required(),
        picklist("Type", &["New Customer", "Existing Customer"]),
        flag("IsClosed").read_only(),
        flag("IsWon").read_only(),
        owner(&["User"]),
    ];
    let lead = vec![
        text("LastName", 80).required(),
        text("FirstName", 40),
        text("Name", 121).read_only(),
        text("Company", 255).required(),
        text("Title", 128),
        plain("Phone", Kind::Phone),
        plain("Email", Kind::Email).looked_up(),
        picklist("Status", &["Open", "Working", "Closed - Converted", "Closed - Not Converted"]).or(json!("Open")),
        owner(&["Group", "User"]),
        flag("IsConverted").read_only(),
        reference("ConvertedAccountId", &["Account"], None).read_only(),
    ];
    let case = vec![
        text("CaseNumber", 30).read_only(),
        reference("AccountId", &["Account"], Some("Cases")),
        reference("ContactId", &["Contact"], Some("Cases")),
        text("Subject", 255),
        plain("Description", Kind::TextArea),
        picklist("Status", &["New", "Working", "Escalated", "Closed"]).or(json!("New")),
        picklist("Priority", &["High", "Medium", "Low"]).or(json!("Medium")),
        flag("IsClosed").read_only(),
        owner(&["Group", "User"]),
    ];
    let task = vec![
        reference("WhoId", &["Contact", "Lead"], None),
        reference("WhatId", &["Account", "Opportunity"], Some("Tasks")),
        text("Subject", 255),
        plain("ActivityDate", Kind::Date),
        picklist("Status", &["Not Started", "In Progress", "Completed"]).or(json!("Not Started")),
        picklist("Priority", &["High", "Normal", "Low"]).or(json!("Normal")),
        plain("Description", Kind::TextArea),
        flag("IsClosed").read_only(),
        flag("IsArchived").read_only(),
        owner(&["Group", "User"]),
    ];
    let event = vec![
        reference("WhoId", &["Contact", "Lead"], None),
        reference("WhatId", &["Account", "Opportunity"], Some("Events")),
        text("Subject", 255),
        text("Location", 255),
        flag("IsAllDayEvent"),
        plain("ActivityDateTime", Kind::DateTime),
        plain("ActivityDate", Kind::Date),
        plain("DurationInMinutes", Kind::Int),
        plain("StartDateTime", Kind::DateTime),
        plain("EndDateTime", Kind::DateTime),
        plain("Description", Kind::TextArea),
        flag("IsArchived").read_only(),
        owner(&["User"]),
    ];
    vec![
        standard("Contact", "003", contact),
        standard("Opportunity", "006", opportunity),
        standard("Lead", "00Q", lead),
        standard("Case", "500", case),
        standard("Task", "00T", task),
        standard("Event", "00U", event),
    ]
}

fn teams() -> Vec<Object> {
    let access = ["None", "Read", "Edit", "All"];
    let account = vec![
        reference("AccountId", &["Account"], Some("AccountTeamMembers")).required().create_only(),
        reference("UserId", &["User"], None).required().create_only(),
        text("TeamMemberRole", 40),
        picklist("AccountAccessLevel", &access),
        picklist("OpportunityAccessLevel", &access),
        picklist("CaseAccessLevel", &access),
        picklist("ContactAccessLevel", &access),
    ];
    let opportunity = vec![
        reference("OpportunityId", &["Opportunity"], Some("OpportunityTeamMembers")).required().create_only(),
        reference("UserId", &["User"], None).required().create_only(),
        text("TeamMemberRole", 40),
        picklist("OpportunityAccessLevel", &access),
    ];
    vec![standard("AccountTeamMember", "01M", account), standard("OpportunityTeamMember", "00q", opportunity)]
}

fn organisation() -> Vec<Object> {
    let organization = vec![
        text("Name", 80),
        text("InstanceName", 5),
        flag("IsSandbox"),
        plain("TrialExpirationDate", Kind::DateTime),
        text("NamespacePrefix", 15),
        picklist("OrganizationType", &["Enterprise Edition", "Developer Edition"]),
        text("TimeZoneSidKey", 40),
    ];
    let login = vec![reference("UserId", &["User"], None), flag("IsFrozen"), flag("IsPasswordLocked")];
    let login = login.into_iter().map(|field| if field.name == "IsFrozen" { field } else { field.read_only() }).collect();
    let queue = vec![reference("QueueId", &["Group"], None).required(), picklist("SobjectType", &["Lead", "Case", "Task"]).required()];
    let member = vec![reference("GroupId", &["Group"], None).required(), reference("UserOrGroupId", &["Group", "User"], None).required()];
    let group = vec![
        text("Name", 40).required(),
        text("DeveloperName", 80),
        picklist("Type", &["Regular", "Queue"]).restricted(),
        plain("Email", Kind::Email),
    ];
    vec![
        set_up("Organization", "00D", organization),
        set_up("Profile", "00e", vec![text("Name", 255), picklist("UserType", &["Standard", "Guest"])]),
        set_up("UserRole", "00E", vec![text("Name", 80), reference("ParentRoleId", &["UserRole"], None)]),
        set_up("UserLogin", "0Yw", login),
        Object { createable: true, deletable: true, ..set_up("Group", "00G", group) },
        Object { createable: true, deletable: true, ..set_up("QueueSobject", "03g", queue) },
        Object { createable: true, deletable: true, ..set_up("GroupMember", "011", member) },
    ]
}

fn custom() -> Vec<Object> {
    let owners = || owner(&["Group", "User"]);
    let thing = vec![
        text("Name", 80).required(),
        text("Key__c", 40).external(true),
        reference("Account__c", &["Account"], Some("Things__r")),
        plain("Amount__c", Kind::Double),
        plain("Due__c", Kind::Date),
        owners(),
    ];
    let upsert = vec![text("Name", 80), text("ExtId__c", 80).external(false), text("Value__c", 255), owners()];
    let big = vec![text("Name", 80), text("Text__c", 255), plain("Number__c", Kind::Double), owners()];
    vec![standard("Thing__c", "a00", thing), standard("UpsertTable__c", "a01", upsert), standard("BigTable__c", "a02", big)]
}

/// Every object; the field of outside ids on Account has this name.
pub(in super::super) fn objects(external_id: &str) -> Vec<Object> {
    let mut all = vec![user(), account(external_id)];
    all.extend(sales());
    all.extend(organisation());
    all.extend(teams());
    all.extend(custom());
    all
}

#[cfg(test)]
mod tests {
    use super::super::Schema;
    use super::*;

    #[test]
    fn every_reference_points_at_an_object_and_no_prefix_stands_twice() {
        let schema = Schema::new(objects("External_Id__c"));
        for object in &schema.objects {
            assert_eq!(schema.of_id(object.prefix).map(|place| &schema.objects[place].name), Some(&object.name));
            for field in &object.fields {
                for target in &field.refers_to {
                    assert!(schema.place(target).is_some(), "{}.{} -> {target}", object.name, field.name);
                }
            }
        }
        let account = &schema.objects[schema.place("ACCOUNT").unwrap()];
        assert_eq!(account.field("external_id__c").map(|field| field.name.as_str()), Some("External_Id__c"));
        assert!(!account.takes_queues() && schema.objects[schema.place("Lead").unwrap()].takes_queues());
        assert_eq!(schema.children(account, "contacts").map(|(place, _)| schema.objects[place].name.as_str()), Some("Contact"));
    }
}
