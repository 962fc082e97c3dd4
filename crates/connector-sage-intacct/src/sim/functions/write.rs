//! `create`, `update` and `delete`: what the company accepts, object by object, with what was saved named in the answer.
//!
//! <https://developer.intacct.com/api/platform-services/records/>, <https://developer.intacct.com/api/accounts-receivable/customers/>.

use super::super::answer::{Complaint, Done, Failed, Outcome};
use super::super::kinds::{Data, Field, Kind};
use super::super::request::Element;
use super::super::state::{State, relation};
use super::super::table::Row;
use super::super::xml::Xml;
use super::{Context, Right};

/// Why one object was refused.
type Refusal = Vec<Complaint>;

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Create,
    Update,
}

/// `create`
pub fn create(context: &mut Context<'_>, call: &Element) -> Outcome {
    each(context, call, Action::Create)
}

/// `update`
pub fn update(context: &mut Context<'_>, call: &Element) -> Outcome {
    each(context, call, Action::Update)
}

/// Without a transaction the good objects are saved whatever becomes of the others.
fn each(context: &mut Context<'_>, call: &Element, action: Action) -> Outcome {
    let mut saved: Vec<(Kind, u64)> = Vec::new();
    let mut complaints = Vec::new();
    for object in &call.children {
        context.journal.objects += 1;
        let outcome = if context.fault.is("partial-failure") && context.journal.objects.is_multiple_of(2) {
            Err(vec![could_not(action, &object.name)])
        } else {
            one(context, object, action)
        };
        match outcome {
            Ok(place) => saved.push(place),
            Err(refusal) => {
                complaints.extend(refusal);
                if context.transaction {
                    break;
                }
            }
        }
    }
    let data = keys(context.state, &saved);
    if complaints.is_empty() { Ok(Done::Data(data)) } else { Err(Failed { data: Some(data), complaints }) }
}

fn could_not(action: Action, object: &str) -> Complaint {
    let verb = if action == Action::Create { "create" } else { "update" };
    Complaint::new("BL01001973", format!("Could not {verb} {} record!", object.to_lowercase()))
}

/// The keys of what was saved.
fn keys(state: &State, saved: &[(Kind, u64)]) -> String {
    let mut xml = Xml::new(state.switches.self_closed);
    let attributes = [("listtype", "objects"), ("count", &*saved.len().to_string())];
    if saved.is_empty() {
        xml.closed_with("data", &attributes);
        return xml.into_text();
    }
    xml.open_with("data", &attributes);
    for (kind, number) in saved {
        let table = state.table(*kind);
        let name = table.row(*number).and_then(|row| row.value(table.natural())).unwrap_or_default();
        xml.open(kind.lower());
        xml.leaf("RECORDNO", &number.to_string());
        xml.leaf(kind.natural_key(), name);
        xml.close(kind.lower());
    }
    xml.close("data");
    xml.into_text()
}

fn one(context: &mut Context<'_>, object: &Element, action: Action) -> Result<(Kind, u64), Refusal> {
    let (right, operation) = match action {
        Action::Create => (Right::Add, "CREATE"),
        Action::Update => (Right::Edit, "UPDATE"),
    };
    context.permit(right, operation, &object.name).map_err(|complaint| vec![complaint])?;
    let Some(kind) = Kind::named(&object.name) else {
        let complaint = match context.target(&object.name) {
            Err(complaint) => complaint,
            Ok(_) => Complaint::new("SIM-UNMODELLED", format!("{} is not kept by this simulator.", object.name)),
        };
        return Err(vec![complaint]);
    };
    only_administrators(context, kind, operation).map_err(|complaint| vec![complaint])?;
    if kind == Kind::Audit {
        return Err(vec![Complaint::new(
            "PL04000005",
            format!("You do not have permission for API operation {operation} on objects of type audithistory"),
        )]);
    }
    let mark = context.mark();
    let result = match action {
        Action::Create => create_one(context, kind, object),
        Action::Update => edit(context, kind, object),
    };
    match result {
        Ok(number) => {
            context.state.meter.written += 1;
            Ok((kind, number))
        }
        Err(mut refusal) => {
            context.undo_to(mark);
            let is_sentence = refusal.first().is_some_and(|complaint| complaint.number.contains(' '));
            if !is_sentence {
                refusal.push(could_not(action, kind.lower()));
            }
            Err(refusal)
        }
    }
}

fn only_administrators(context: &Context<'_>, kind: Kind, operation: &str) -> Result<(), Complaint> {
    let users = context.state.table(Kind::User);
    let admin = users.own("ADMIN");
    let is_full = users.named(&context.caller.user).is_some_and(|row| row.value(admin) == Some("Full"));
    if kind != Kind::User || is_full {
        return Ok(());
    }
    Err(Complaint::new("PL04000005", format!("You do not have permission for API operation {operation} on objects of type userinfo")))
}

/// The text of a field given in a record, in any letter case.
fn given<'a>(object: &'a Element, name: &str) -> Option<&'a str> {
    object.children.iter().find(|child| child.name.eq_ignore_ascii_case(name)).map(|child| child.text.trim())
}

fn required(field: &str) -> Refusal {
    vec![Complaint::new("PL01000127", format!("The required value for the field '{field}' is missing.")).correct("Provide a value.")]
}

fn create_one(context: &mut Context<'_>, kind: Kind, object: &Element) -> Result<u64, Refusal> {
    let natural = kind.natural_key();
    let mut name = given(object, natural).unwrap_or_default().to_owned();
    if name.is_empty() && kind == Kind::Employee {
        let count = context.state.table(kind).len();
        name = (count + 1..)
            .map(|number| format!("EMP-{number:04}"))
            .find(|id| context.state.table(kind).named(id).is_none())
            .unwrap_or_default();
    }
    let missing = context.state.table(kind).fields.iter().find(|field| {
        field.required && given(object, &field.id).unwrap_or_default().is_empty() && (name.is_empty() || field.id != natural)
    });
    if let Some(field) = missing {
        return Err(required(&field.id));
    }
    if context.state.table(kind).named(&name).is_some() {
        let complaint = Complaint::new("BL34000061", format!("Another {} with the given value(s) {name}  already exists", kind.label()));
        return Err(vec![complaint.correct("Use a unique value instead.")]);
    }
    let number = context.state.table_mut(kind).next_number();
    let entity = if kind == Kind::User { None } else { context.caller.entity };
    let mut row = Row::new(number, context.caller.now, context.caller.number).private_to(entity);
    row.set(context.state.table(kind).natural(), &name);
    assign(context.state, kind, &mut row, object)?;
    defaults(context.state, kind, &mut row);
    match kind {
        Kind::Customer => {
            let contact = display_contact(context, object, &row)?;
            row.set(context.state.table(kind).own("DISPLAYCONTACTKEY"), &contact.to_string());
            choose_contacts(context, kind, &mut row, object)?;
            check_customer(context.state, &row)?;
        }
        Kind::Employee => {
            choose_contacts(context, kind, &mut row, object)?;
            if row.value(context.state.table(kind).own("CONTACTKEY")).is_none() {
                return Err(required("PERSONALINFO.CONTACTNAME"));
            }
        }
        Kind::User => {
            let contact = user_contact(context, object)?;
            row.set(context.state.table(kind).own("CONTACTKEY"), &contact.to_string());
            check_user(context.state, &row)?;
            context.state.accounts.entry(name).or_default();
        }
        Kind::Contact | Kind::Entity | Kind::Location | Kind::Department | Kind::Audit => {}
    }
    context.save(kind, number, Some(row));
    Ok(number)
}

/// Changes the record an object names; fields not given stay.
///
/// # Errors
/// Why it is refused.
pub fn edit(context: &mut Context<'_>, kind: Kind, object: &Element) -> Result<u64, Vec<Complaint>> {
    let natural = kind.natural_key();
    let (key, value) = match (given(object, "RECORDNO"), given(object, natural)) {
        (Some(number), _) if !number.is_empty() => ("RECORDNO", number),
        (_, Some(name)) if !name.is_empty() => (natural, name),
        _ => return Err(required(natural)),
    };
    let table = context.state.table(kind);
    let found = if key == "RECORDNO" { value.parse().ok().and_then(|number| table.row(number)) } else { table.named(value) };
    let Some(before) = found.filter(|row| context.sees(row, true)).cloned() else {
        return Err(vec![Complaint::sentence(format!("Cannot update non-existing {} with {key}={value}.", kind.object()))]);
    };
    let kept_name = before.value(table.natural()).unwrap_or_default();
    if given(object, natural).is_some_and(|name| !name.is_empty() && name != kept_name) {
        return Err(vec![Complaint::new("BL01001973", format!("The field {natural} cannot be changed."))]);
    }
    let mut row = (*before).clone();
    let name = kept_name.to_owned();
    assign(context.state, kind, &mut row, object)?;
    let natural_index = context.state.table(kind).natural();
    row.set(natural_index, &name);
    let emptied = context.state.table(kind).fields.iter().enumerate().find(|(index, field)| field.required && row.value(*index).is_none());
    if let Some((_, field)) = emptied {
        return Err(required(&field.id));
    }
    match kind {
        Kind::Customer => {
            change_display_contact(context, object, &row)?;
            choose_contacts(context, kind, &mut row, object)?;
            check_customer(context.state, &row)?;
        }
        Kind::Employee => choose_contacts(context, kind, &mut row, object)?,
        Kind::User => check_user(context.state, &row)?,
        Kind::Contact | Kind::Entity | Kind::Location | Kind::Department | Kind::Audit => {}
    }
    row.modified = context.caller.now;
    row.modified_by = context.caller.number;
    row.revision += 1;
    context.save(kind, before.number, Some(row));
    Ok(before.number)
}

/// Sets the plain fields of an object; names it does not know are passed over, as the vendor does.
fn assign(state: &State, kind: Kind, row: &mut Row, object: &Element) -> Result<(), Refusal> {
    let table = state.table(kind);
    let mut lists: Vec<(usize, Vec<&str>)> = Vec::new();
    for child in &object.children {
        if relation(kind, &child.name).is_some_and(|relation| relation.is_group) {
            continue;
        }
        if kind == Kind::Contact && child.name.eq_ignore_ascii_case("MAILADDRESS") {
            for part in &child.children {
                if let Some(field) = table.field(&format!("MAILADDRESS.{}", part.name)) {
                    row.set(field, part.text.trim());
                }
            }
            continue;
        }
        let Some(field) = table.field(&child.name) else { continue };
        let spec = &table.fields[field];
        if !spec.is_writable() {
            continue;
        }
        if kind == Kind::User && matches!(&*spec.id, "USERLOCATIONS" | "USERDEPARTMENTS" | "USERTERRITORIES") {
            let ids = child.children.iter().map(|id| id.text.trim()).filter(|id| !id.is_empty());
            match lists.iter_mut().find(|(listed, _)| *listed == field) {
                Some((_, list)) => list.extend(ids),
                None => lists.push((field, ids.collect())),
            }
            continue;
        }
        let value = normal(spec, child.text.trim()).ok_or_else(|| {
            vec![Complaint::new("BL01001973", format!("The value '{}' is not valid for the field {}.", child.text.trim(), spec.id))]
        })?;
        row.set(field, &value);
    }
    // A list that is given replaces the kept one whole.
    for (field, ids) in lists {
        row.set(field, &ids.join("#~#"));
    }
    Ok(())
}

/// A value as it is kept; nothing when the field cannot hold it.
fn normal(field: &Field, value: &str) -> Option<String> {
    if value.is_empty() {
        return Some(String::new());
    }
    if !field.choices.is_empty() {
        if field.id == "ADMIN" && matches!(value, "true" | "false") {
            return Some(if value == "true" { "Full" } else { "Off" }.to_owned());
        }
        return field.choices.iter().find(|(label, _)| label.eq_ignore_ascii_case(value)).map(|(label, _)| (*label).to_owned());
    }
    match field.data {
        Data::Boolean => match value.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Some("true".to_owned()),
            "false" | "f" | "0" => Some("false".to_owned()),
            _ => None,
        },
        Data::Date => super::super::formatting::Formatting::default().read_date(value),
        data if data.is_number() => value.parse::<f64>().ok().map(|_| value.to_owned()),
        _ => Some(value.to_owned()),
    }
}

fn defaults(state: &State, kind: Kind, row: &mut Row) {
    let table = state.table(kind);
    let mut fill = |name: &'static str, value: &str| {
        if let Some(field) = table.field(name)
            && row.value(field).is_none()
        {
            row.set(field, value);
        }
    };
    fill("STATUS", "active");
    match kind {
        Kind::Customer => fill("OBJECTRESTRICTION", "Unrestricted"),
        Kind::User => {
            fill("USERTYPE", "business user");
            fill("ADMIN", "Off");
        }
        _ => {}
    }
}

fn check_customer(state: &State, row: &Row) -> Result<(), Refusal> {
    let table = state.table(Kind::Customer);
    if let Some(rep) = row.value(table.own("CUSTREPID"))
        && !state.switches.any_rep
        && state.table(Kind::Employee).named(rep).is_none()
    {
        return Err(vec![Complaint::new("BL01001973", format!("Invalid Sales Rep '{rep}' selected.")).correct("Select a valid employee.")]);
    }
    if let Some(parent) = row.value(table.own("PARENTID"))
        && (table.named(parent).is_none() || row.value(table.natural()) == Some(parent))
    {
        return Err(vec![Complaint::new("BL01001973", format!("Invalid Parent '{parent}' selected.")).correct("Select a valid customer.")]);
    }
    Ok(())
}

fn check_user(state: &State, row: &Row) -> Result<(), Refusal> {
    let table = state.table(Kind::User);
    let is_crm = row.value(table.own("USERTYPE")) == Some("CRM user");
    if is_crm && row.value(table.own("LOGINDISABLED")) != Some("true") {
        return Err(vec![Complaint::new("BL01001973", "A CRM user must have LOGINDISABLED set to true.")]);
    }
    let is_business = row.value(table.own("USERTYPE")) == Some("business user");
    if row.value(table.own("ADMIN")) == Some("Full") && !is_business {
        return Err(vec![Complaint::new("BL01001973", "Only a business user can have administrator privileges.")]);
    }
    Ok(())
}

/// Points a record at the contacts its groups name.
fn choose_contacts(context: &Context<'_>, kind: Kind, row: &mut Row, object: &Element) -> Result<(), Refusal> {
    for group in kind.relations().iter().filter(|relation| relation.is_group && relation.path != "DISPLAYCONTACT") {
        let Some(element) = object.children.iter().find(|child| child.name.eq_ignore_ascii_case(group.path)) else { continue };
        let Some(name) = given(element, "CONTACTNAME") else { continue };
        let Some(field) = context.state.table(kind).field(group.key) else { continue };
        if name.is_empty() {
            row.set(field, "");
            continue;
        }
        let contact = context.state.table(Kind::Contact).named(name);
        let number = contact.map(|contact| contact.number).ok_or_else(|| {
            vec![Complaint::new("BL01001973", format!("Invalid Contact '{name}' selected.")).correct("Select a valid contact.")]
        })?;
        row.set(field, &number.to_string());
    }
    Ok(())
}

fn save_contact(context: &mut Context<'_>, name: &str, print_as: &str, details: Option<&Element>) -> Result<u64, Refusal> {
    let table = context.state.table(Kind::Contact);
    let (name_field, print_field) = (table.natural(), table.own("PRINTAS"));
    let kept = table.named(name).map(|row| (**row).clone());
    let mut row = match kept {
        Some(row) => row,
        None => {
            let number = context.state.table_mut(Kind::Contact).next_number();
            Row::new(number, context.caller.now, context.caller.number).private_to(context.caller.entity)
        }
    };
    if let Some(details) = details {
        assign(context.state, Kind::Contact, &mut row, details)?;
    }
    row.set(name_field, name);
    if row.value(print_field).is_none() {
        row.set(print_field, print_as);
    }
    defaults(context.state, Kind::Contact, &mut row);
    row.modified = context.caller.now;
    let number = row.number;
    context.save(Kind::Contact, number, Some(row));
    Ok(number)
}

/// A new customer gets a contact of its own, named after it.
fn display_contact(context: &mut Context<'_>, object: &Element, row: &Row) -> Result<u64, Refusal> {
    let table = context.state.table(Kind::Customer);
    let id = row.value(table.natural()).unwrap_or_default();
    let name = row.value(table.own("NAME")).unwrap_or_default().to_owned();
    let contact = format!("{name}(C{id})");
    let details = object.children.iter().find(|child| child.name.eq_ignore_ascii_case("DISPLAYCONTACT"));
    save_contact(context, &contact, &name, details)
}

/// Details given for the customer's own contact change that contact.
fn change_display_contact(context: &mut Context<'_>, object: &Element, row: &Row) -> Result<(), Refusal> {
    let details = object.children.iter().find(|child| child.name.eq_ignore_ascii_case("DISPLAYCONTACT"));
    let Some(details) = details.filter(|details| !details.children.is_empty()) else { return Ok(()) };
    let kept = context.state.linked(Kind::Customer, row, "DISPLAYCONTACTKEY", Kind::Contact);
    let Some(contact) = kept.and_then(|contact| contact.value(context.state.table(Kind::Contact).natural())).map(str::to_owned) else {
        return Ok(());
    };
    save_contact(context, &contact, &contact, Some(details)).map(|_| ())
}

/// A user's person: an existing contact, or a new one of first and last name.
fn user_contact(context: &mut Context<'_>, object: &Element) -> Result<u64, Refusal> {
    let element = object.children.iter().find(|child| child.name.eq_ignore_ascii_case("CONTACTINFO"));
    let Some(element) = element else { return Err(required("CONTACTINFO")) };
    if let Some(name) = given(element, "CONTACTNAME").filter(|name| !name.is_empty()) {
        let contact = context.state.table(Kind::Contact).named(name);
        return contact.map(|contact| contact.number).ok_or_else(|| {
            vec![Complaint::new("BL01001973", format!("Invalid Contact '{name}' selected.")).correct("Select a valid contact.")]
        });
    }
    let (Some(last), Some(first)) = (given(element, "LASTNAME"), given(element, "FIRSTNAME")) else {
        return Err(required("CONTACTINFO.LASTNAME"));
    };
    let name = format!("{last}, {first}");
    let contacts = context.state.table(Kind::Contact);
    let free = (1..)
        .map(|number| if number == 1 { name.clone() } else { format!("{name} ({number})") })
        .find(|name| contacts.named(name).is_none())
        .unwrap_or(name);
    save_contact(context, &free, &format!("{first} {last}"), Some(element))
}

/// `delete`: keys are record numbers.
pub fn delete(context: &mut Context<'_>, call: &Element) -> Outcome {
    let object = call.word_of("object").unwrap_or_default();
    context.permit(Right::Delete, "DELETE", object)?;
    let Some(kind) = Kind::named(object) else {
        context.target(object)?;
        return Err(cannot_find(object, call.word_of("keys").unwrap_or_default()).into());
    };
    only_administrators(context, kind, "DELETE")?;
    if kind == Kind::Audit {
        return Err(
            Complaint::new("PL04000005", "You do not have permission for API operation DELETE on objects of type audithistory").into()
        );
    }
    let mut complaints = Vec::new();
    for key in call.word_of("keys").unwrap_or_default().split(',').map(str::trim) {
        let number = key.parse().ok().filter(|number| context.state.table(kind).row(*number).is_some_and(|row| context.sees(row, true)));
        let outcome = number.ok_or_else(|| cannot_find(object, key)).and_then(|number| remove(context, kind, number));
        if let Err(complaint) = outcome {
            complaints.push(complaint);
            if context.transaction {
                break;
            }
        }
    }
    if complaints.is_empty() { Ok(Done::Nothing) } else { Err(Failed { data: None, complaints }) }
}

fn cannot_find(object: &str, key: &str) -> Complaint {
    Complaint::new("BL01001973", format!("Cannot find {} with key '{key}' to delete.", object.to_lowercase()))
}

/// Deletes a record unless others stand on it.
///
/// # Errors
/// Why not.
pub fn remove(context: &mut Context<'_>, kind: Kind, number: u64) -> Result<(), Complaint> {
    let state = &*context.state;
    let Some(row) = state.table(kind).row(number) else { return Err(cannot_find(kind.lower(), &number.to_string())) };
    let name = row.value(state.table(kind).natural()).unwrap_or_default();
    let names = |other: Kind, field: &'static str, value: &str| {
        let table = state.table(other);
        let index = table.own(field);
        table.ordered().iter().any(|row| row.value(index) == Some(value))
    };
    let key = number.to_string();
    let in_use = match kind {
        Kind::Employee => names(Kind::Customer, "CUSTREPID", name),
        Kind::Contact => names(Kind::Employee, "CONTACTKEY", &key) || names(Kind::User, "CONTACTKEY", &key),
        Kind::Customer => names(Kind::Customer, "PARENTID", name),
        _ => false,
    };
    if in_use {
        let text = format!("The {} '{name}' cannot be deleted because other records refer to it.", kind.lower());
        return Err(Complaint::new("BL01001973", text));
    }
    if kind == Kind::User && row.value(state.table(kind).own("ADMIN")) == Some("Full") {
        return Err(Complaint::new("BL01001973", format!("The user '{name}' has administrator privileges and cannot be deleted.")));
    }
    context.save(kind, number, None);
    context.state.meter.written += 1;
    Ok(())
}

/// Creates one object for the legacy functions.
///
/// # Errors
/// Why it is refused.
pub fn create_object(context: &mut Context<'_>, object: &Element) -> Result<u64, Vec<Complaint>> {
    one(context, object, Action::Create).map(|(_, number)| number)
}

/// Changes one object for the legacy functions.
///
/// # Errors
/// Why it is refused.
pub fn update_object(context: &mut Context<'_>, object: &Element) -> Result<u64, Vec<Complaint>> {
    one(context, object, Action::Update).map(|(_, number)| number)
}
