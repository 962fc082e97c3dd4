//! Functions about the company and its users: sessions, permissions, formatting, entities.
//!
//! <https://developer.intacct.com/api/company-console/api-sessions/>, <https://developer.intacct.com/api/company-console/users/>.

use super::super::answer::{Complaint, Done, Outcome};
use super::super::kinds::Kind;
use super::super::request::Element;
use super::super::state::Account;
use super::super::xml::Xml;
use super::Context;

/// `getAPISession`
pub fn session(context: &mut Context<'_>, call: &Element) -> Outcome {
    let entity = match call.child("locationid") {
        None => context.caller.entity,
        Some(location) => context
            .state
            .entity_named(location.text.trim())
            .map_err(|()| Complaint::new("Get API Session Failed", format!("Location ID '{}' is not valid.", location.text.trim())))?,
    };
    let id = context.state.open_session(&context.caller.user, entity, &context.caller.endpoint, context.caller.now);
    let endpoint =
        if context.fault.is("evil-endpoint") { "https://evil.example/ia/xml/xmlgw.phtml" } else { context.caller.endpoint.as_str() };
    let mut xml = Xml::new(context.state.switches.self_closed);
    xml.open("data");
    xml.open("api");
    xml.leaf("sessionid", &id);
    xml.leaf("endpoint", endpoint);
    xml.leaf("locationid", entity.and_then(|position| context.state.entity(position)).map_or("", |entity| &entity.id));
    xml.close("api");
    xml.close("data");
    Ok(Done::Data(xml.into_text()))
}

fn unknown_login(login: &str) -> Complaint {
    Complaint::new("BL03000025", format!("Login ID {login} does not exist.")).correct("Provide a valid USER.LOGINID value.")
}

/// The application a policy belongs to, its name, and the object it is about.
const POLICIES: &[(&str, &str, &str)] = &[
    ("Accounts Receivable", "Customers", "CUSTOMER"),
    ("Administration", "Users", "USERINFO"),
    ("Company", "Contacts", "CONTACT"),
    ("Company", "Departments", "DEPARTMENT"),
    ("Company", "Entities", "LOCATIONENTITY"),
    ("Company", "Locations", "LOCATION"),
    ("Time & Expenses", "Employees", "EMPLOYEE"),
];

/// `getUserPermissions`
pub fn permissions(context: &Context<'_>, call: &Element) -> Outcome {
    let login = call.word_of("userId").unwrap_or_default();
    if context.state.table(Kind::User).named(login).is_none() {
        return Err(unknown_login(login).into());
    }
    let fallback = Account::default();
    let account = context.state.accounts.get(login).unwrap_or(&fallback);
    let mut xml = Xml::new(context.state.switches.self_closed);
    xml.open("data");
    xml.open("permissions");
    let mut open: Option<&str> = None;
    for (application, policy, object) in POLICIES {
        let rights: Vec<String> = match &account.permissions {
            None => ["List", "View", "Add", "Edit", "Delete"].map(str::to_owned).to_vec(),
            Some(permissions) => permissions
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(object))
                .flat_map(|(_, rights)| rights.iter().map(|word| capital(word)))
                .collect(),
        };
        if rights.is_empty() {
            continue;
        }
        if open != Some(application) {
            if open.is_some() {
                xml.close("policies");
                xml.close("appSubscription");
            }
            xml.open("appSubscription");
            xml.leaf("applicationName", application);
            xml.open("policies");
            open = Some(application);
        }
        xml.open("policy");
        xml.leaf("policyName", policy);
        xml.leaf("rights", &rights.join("|"));
        xml.close("policy");
    }
    if open.is_some() {
        xml.close("policies");
        xml.close("appSubscription");
    }
    xml.close("permissions");
    xml.close("data");
    Ok(Done::Data(xml.into_text()))
}

fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// `readUserFormatting`
pub fn formatting(context: &Context<'_>, call: &Element) -> Outcome {
    let users = context.state.table(Kind::User);
    let row = match call.word_of("userId") {
        Some(login) => users.named(login).ok_or_else(|| unknown_login(login))?,
        None => {
            let key = call.word_of("key").unwrap_or_default();
            key.parse().ok().and_then(|number| users.row(number)).ok_or_else(|| unknown_login(key))?
        }
    };
    let formatting = context
        .state
        .accounts
        .get(row.value(users.natural()).unwrap_or_default())
        .map(|account| account.formatting.clone())
        .unwrap_or_default();
    let mut xml = Xml::new(context.state.switches.self_closed);
    xml.open("data");
    xml.open("userformatting");
    xml.leaf("recordno", &row.number.to_string());
    xml.leaf("locale", &formatting.locale);
    xml.leaf("dateformat", &formatting.date_format);
    xml.leaf("gmtoffset", &formatting.gmt_offset);
    xml.leaf("clock", &formatting.clock.to_string());
    xml.close("userformatting");
    xml.close("data");
    Ok(Done::Data(xml.into_text()))
}

/// `getDimensions`
pub fn dimensions(context: &Context<'_>) -> Outcome {
    const DIMENSIONS: &[(&str, &str)] = &[
        ("DEPARTMENT", "Department"),
        ("LOCATION", "Location"),
        ("PROJECT", "Project"),
        ("CUSTOMER", "Customer"),
        ("VENDOR", "Vendor"),
        ("EMPLOYEE", "Employee"),
        ("ITEM", "Item"),
        ("CLASS", "Class"),
    ];
    let mut xml = Xml::new(context.state.switches.self_closed);
    xml.open("data");
    xml.open("dimensions");
    for (object, label) in DIMENSIONS {
        xml.open("dimension");
        xml.leaf("objectName", object);
        xml.leaf("objectLabel", label);
        xml.leaf("termLabel", label);
        xml.leaf("userDefinedDimension", "false");
        xml.leaf("enabledInGL", "true");
        xml.close("dimension");
    }
    xml.close("dimensions");
    xml.close("data");
    Ok(Done::Data(xml.into_text()))
}

/// `readEntityDetails`: the entity of the session; at the top level the company itself, without id.
pub fn entity(context: &Context<'_>) -> Outcome {
    let entity = context.caller.entity.and_then(|position| context.state.entity(position));
    let number =
        entity.and_then(|entity| context.state.table(Kind::Entity).named(&entity.id)).map_or(String::new(), |row| row.number.to_string());
    let mut xml = Xml::new(context.state.switches.self_closed);
    xml.open("data");
    xml.open("entity");
    xml.leaf("id", entity.map_or("", |entity| &entity.id));
    xml.leaf("name", entity.map_or(context.state.options.company_name.as_str(), |entity| &entity.name));
    xml.leaf("recordno", &number);
    xml.leaf("currency", "USD");
    xml.leaf("firstfiscalmonth", "1");
    xml.leaf("firstfiscaltaxmonth", "");
    xml.leaf("weekstart", "");
    xml.close("entity");
    xml.close("data");
    Ok(Done::Data(xml.into_text()))
}
