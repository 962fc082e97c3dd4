//! Which object of Salesforce each kind is, and what can be done with it.

use rightful_core::{Changes, FieldName, FieldSpec, KeyName, KeySpec, Kind, KindSpec, Role, RoleSpec, Settle, Verb};

use crate::sign_in::DAILY_CALLS;
use crate::soql::{Comparison, Condition, Literal, Name};

/// People.
pub const USER: Kind = Kind::fixed("user");
/// Queues: they own records and are no people.
pub const QUEUE: Kind = Kind::fixed("queue");
/// Companies.
pub const ACCOUNT: Kind = Kind::fixed("account");
/// People at companies.
pub const CONTACT: Kind = Kind::fixed("contact");
/// People who may become contacts.
pub const LEAD: Kind = Kind::fixed("lead");
/// Sales that may come.
pub const OPPORTUNITY: Kind = Kind::fixed("opportunity");

/// The user who owns a record.
pub const OWNER: Role = Role::fixed("owner");
/// The queue that owns a record.
pub const IN_QUEUE: Role = Role::fixed("queue");

/// A record's own code.
pub const CODE: KeyName = KeyName::fixed("code");
/// A user's login name, unique over all organisations.
pub const USER_NAME: KeyName = KeyName::fixed("user-name");
/// An e-mail address; several may share one.
pub const EMAIL: KeyName = KeyName::fixed("email");
/// What single sign-on knows a user by.
pub const FEDERATION_ID: KeyName = KeyName::fixed("federation-id");
/// A user's number in the company; anything may stand there.
pub const EMPLOYEE_NUMBER: KeyName = KeyName::fixed("employee-number");
/// A queue's name in the API.
pub const DEVELOPER_NAME: KeyName = KeyName::fixed("developer-name");

/// The most records of one collection
/// [<https://developer.salesforce.com/docs/atlas.en-us.236.0.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm>].
pub const COLLECTION: usize = 200;

/// A key and the field it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyField {
    pub name: KeyName,
    pub field: Name,
    pub unique: bool,
    /// May the field be hidden from us without anything else being wrong?
    pub optional: bool,
}

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub kind: Kind,
    pub name: Name,
    /// The field with its name.
    pub title: Name,
    pub people: bool,
    pub owned: bool,
    /// May queues own it?
    pub queued: bool,
    /// Do deleted rows stay visible for a while?
    pub recycled: bool,
    /// Which of its rows count.
    pub only: Option<(&'static str, &'static str)>,
    pub keys: Vec<KeyField>,
    /// Further fields that a record is made of.
    pub further: &'static [&'static str],
    fields: &'static [(&'static str, &'static str)],
}

impl Object {
    fn owned(kind: Kind, name: Name) -> Self {
        Self {
            kind,
            name,
            title: Name::known("Name"),
            people: false,
            owned: true,
            queued: false,
            recycled: true,
            only: None,
            keys: Vec::new(),
            further: &[],
            fields: &[("Name", "Name")],
        }
    }

    /// The condition that picks its rows.
    pub fn condition(&self) -> Option<Condition> {
        self.only.map(|(field, value)| Condition::Compare(Name::known(field), Comparison::Is, Literal::known(value)))
    }

    /// The key of that name.
    pub fn key(&self, name: &KeyName) -> Option<&KeyField> {
        self.keys.iter().find(|key| key.name == *name)
    }

    /// What can be done with it, with this many changes per call.
    pub fn spec(&self, batch: usize) -> KindSpec {
        let role = |role: Role, people: Kind, writable: bool| RoleSpec { role, many: false, people, key: KeyName::fixed("id"), writable };
        let mut roles = Vec::new();
        if self.owned {
            roles.push(role(OWNER, USER, true));
        }
        if self.queued {
            // SF-12: a queue is nobody in the role `owner`.
            roles.push(role(IN_QUEUE, QUEUE, false));
        }
        KindSpec {
            people: self.people,
            verbs: if self.owned { vec![Verb::Update] } else { Vec::new() },
            changes: Changes::Since,
            totals: true,
            readable_keys: self.keys.iter().map(|key| key.name.clone()).collect(),
            batch: if self.owned { batch } else { 1 },
            write_width: 2,
            roles,
            keys: self.keys.iter().map(|key| KeySpec { name: key.name.clone(), unique: key.unique, longest: None }).collect(),
            fields: self
                .fields
                .iter()
                .map(|(name, label)| FieldSpec { name: FieldName::fixed(name), label: (*label).to_owned(), writable: false, needed: false })
                .collect(),
            open_fields: true,
            settle: Settle::ReadBack,
            quotas: vec![DAILY_CALLS],
            ..KindSpec::read_only(self.kind.clone())
        }
    }
}

fn key(name: KeyName, field: &'static str, unique: bool, optional: bool) -> KeyField {
    KeyField { name, field: Name::known(field), unique, optional }
}

/// The objects that every connection has. An account's code stands in this field.
pub fn standard(account_code: Name) -> Vec<Object> {
    let code = KeyField { name: CODE, field: account_code, unique: false, optional: false };
    vec![
        Object {
            title: Name::known("Name"),
            people: true,
            owned: false,
            // Users are never deleted, only deactivated.
            recycled: false,
            // Only these are people who work here: <https://salesforce.stackexchange.com/questions/3889>.
            only: Some(("UserType", "Standard")),
            keys: vec![
                key(USER_NAME, "Username", true, false),
                key(EMAIL, "Email", false, false),
                key(FEDERATION_ID, "FederationIdentifier", false, true),
                key(EMPLOYEE_NUMBER, "EmployeeNumber", false, true),
            ],
            further: &["IsActive"],
            fields: &[("Username", "User name"), ("Email", "E-mail"), ("IsActive", "Active")],
            ..Object::owned(USER, Name::known("User"))
        },
        Object {
            owned: false,
            recycled: false,
            only: Some(("Type", "Queue")),
            keys: vec![key(DEVELOPER_NAME, "DeveloperName", true, false)],
            fields: &[("Name", "Name"), ("DeveloperName", "API name")],
            ..Object::owned(QUEUE, Name::known("Group"))
        },
        Object { keys: vec![code], ..Object::owned(ACCOUNT, Name::known("Account")) },
        Object { keys: vec![key(EMAIL, "Email", false, false)], ..Object::owned(CONTACT, Name::known("Contact")) },
        Object {
            queued: true,
            keys: vec![key(EMAIL, "Email", false, false)],
            further: &["IsConverted"],
            ..Object::owned(LEAD, Name::known("Lead"))
        },
        Object::owned(OPPORTUNITY, Name::known("Opportunity")),
    ]
}

/// An object that the settings name: `Case`, `Visit__c`, or with the field of its code, `Visit__c:Number__c`. `None` where it can be none.
pub fn named(entry: &str) -> Option<Object> {
    let (name, code) = match entry.split_once(':') {
        Some((name, code)) => (name.trim(), Some(Name::parse(code.trim())?)),
        None => (entry.trim(), None),
    };
    let name = Name::parse(name)?;
    let title = match name.as_str() {
        "Case" => "CaseNumber",
        "Task" | "Event" => "Subject",
        "Contract" => "ContractNumber",
        "Order" => "OrderNumber",
        _ => "Name",
    };
    let keys = code.map(|field| KeyField { name: CODE, field, unique: false, optional: false }).into_iter().collect();
    let kind = Kind::new(name.as_str());
    // Any other object's queues show themselves by the owner's id.
    Some(Object { title: Name::known(title), queued: true, keys, fields: &[], ..Object::owned(kind, name) })
}

/// What a kind of the settings can do.
pub fn named_spec(entry: &str) -> Option<KindSpec> {
    named(entry).map(|object| object.spec(COLLECTION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_with_or_without_a_code() {
        let case = named("Case").unwrap();
        assert_eq!((case.kind.as_str(), case.title.as_str(), case.keys.len()), ("Case", "CaseNumber", 0));
        let visit = named(" Visit__c : Number__c ").unwrap();
        assert_eq!((visit.name.as_str(), visit.key(&CODE).unwrap().field.as_str()), ("Visit__c", "Number__c"));
        for entry in ["", "Case:", "Case:a b", "1Case", "Case WHERE", "Case;x"] {
            assert_eq!(named(entry), None, "{entry:?}");
        }
    }

    #[test]
    fn sf_12_queues_own_leads_and_own_objects_only() {
        let queued: Vec<Kind> = standard(Name::known("AccountNumber"))
            .into_iter()
            .chain(named("Visit__c"))
            .filter(|object| object.spec(200).role(&IN_QUEUE).is_some_and(|role| !role.writable))
            .map(|object| object.kind)
            .collect();
        assert_eq!(queued, ["lead", "Visit__c"]);
    }
}
