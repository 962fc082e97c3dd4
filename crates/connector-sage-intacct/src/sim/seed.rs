//! The people and customers a company begins with, given or invented.

use std::collections::BTreeMap;

use chrono::DateTime;

use super::formatting::Formatting;
use super::kinds::{Field, Kind};
use super::options::{ContactSeed, CustomerSeed, EmployeeSeed, EntitySeed, Options, Seed, UserSeed};
use super::session::mix;
use super::state::{Account, State};
use super::table::{Row, Table};

/// When the invented records were last changed: 2025-02-03T04:05:06Z.
pub const LONG_AGO: i64 = 1_738_555_506;
/// Of 26 invented customers this many share one WHENMODIFIED, as an import leaves them.
const IMPORTED_OF_26: usize = 25;

/// The contact of the Web Services user when the seed has none.
const API_CONTACT: &str = "Integration, Rightful";

fn contact(name: &str, first: &str, last: &str, email: &str) -> ContactSeed {
    ContactSeed { name: name.into(), first_name: first.into(), last_name: last.into(), email: email.into() }
}

fn employee(id: &str, contact: &str, title: &str, status: &str) -> EmployeeSeed {
    EmployeeSeed { id: id.into(), contact: contact.into(), title: title.into(), status: status.into() }
}

fn user(login: &str, name: &str, contact: &str, user_type: &str, status: &str) -> UserSeed {
    UserSeed {
        login: login.into(),
        name: name.into(),
        contact: contact.into(),
        user_type: user_type.into(),
        status: status.into(),
        ..UserSeed::default()
    }
}

/// A small company with the cases that go wrong in practice: people without e-mail, shared addresses, two users on one
/// contact, rep codes that differ in letter case or leading zeros only.
pub fn invented(options: &Options) -> Seed {
    let mut admin = user("admin", "Ada Admin", "Admin, Ada", "business user", "active");
    admin.admin = "Full".into();
    let mut crm = user("crm.link", "CRM Link", "Link, Crm", "CRM user", "active");
    crm.web_services_only = true;
    Seed {
        contacts: vec![
            contact("Admin, Ada", "Ada", "Admin", "ada.admin@rightful.example"),
            contact("Reyes, Ana", "Ana", "Reyes", "ana.reyes@rightful.example"),
            contact("King, Bela", "Bela", "King", "Bela.King@rightful.example"),
            contact("Müller, Jörg", "Jörg", "Müller", "joerg.mueller@rightful.example"),
            contact("O'Dell, Kim", "Kim", "O'Dell", ""),
            contact("Novak, Pia", "Pia", "Novak", "pia.novak@rightful.example"),
            contact("Desk One", "Desk", "One", "desk@rightful.example"),
            contact("Desk Two", "Desk", "Two", "desk@rightful.example"),
            contact("Link, Crm", "Crm", "Link", "crm@rightful.example"),
        ],
        employees: vec![
            employee("E-014", "Reyes, Ana", "Account manager", "active"),
            employee("E-015", "O'Dell, Kim", "Account manager", "active"),
            employee("e-014", "King, Bela", "Account manager", "active"),
            employee("007", "Müller, Jörg", "Account manager", "active"),
            employee("7", "Desk One", "Inside sales", "active"),
            employee("E-020", "Novak, Pia", "Account manager", "inactive"),
            employee("E-021", "Desk Two", "Inside sales", "active"),
        ],
        users: vec![
            admin,
            user("areyes", "Ana Reyes", "Reyes, Ana", "business user", "active"),
            user("areyes.second", "Ana Reyes (second)", "Reyes, Ana", "business user", "active"),
            user("bking", "Bela King", "King, Bela", "business user", "active"),
            user("jmueller", "Jörg Müller", "Müller, Jörg", "employee user", "active"),
            user("pnovak", "Pia Novak", "Novak, Pia", "business user", "inactive"),
            user("kodell", "Kim O'Dell", "O'Dell, Kim", "business user", "lockedout"),
            crm,
        ],
        customers: customers(options),
    }
}

fn customers(options: &Options) -> Vec<CustomerSeed> {
    const REPS: [&str; 9] = ["E-014", "E-015", "e-014", "007", "7", "E-020", "", "E-021", "E-014"];
    const NAMES: [&str; 8] =
        ["Tarn & Fell", "O'Dell's Garage", "Weiß <Söhne>", "Harbour, Lane", "Zoë Bakery", "Plain Goods", "Αθήνα Foods", "North \"Star\""];
    const REGIONS: [&str; 5] = ["N1", "n1", "01", "1", ""];
    let count = options.customers.unwrap_or(26);
    let mut customers: Vec<CustomerSeed> = (0..count)
        .map(|index| {
            let pick = |of: usize, salt: u64| (mix(options.seed ^ salt, index as u64) % of as u64) as usize;
            let own_time = index % 26 >= IMPORTED_OF_26;
            let when = LONG_AGO + if own_time { 60 * (index as i64 + 1) } else { 0 };
            let mut fields = BTreeMap::from([("REGION_CODE".to_owned(), REGIONS[pick(REGIONS.len(), 3)].to_owned())]);
            if options.customers.is_none() {
                fields.insert("DISPLAYCONTACT.EMAIL1".to_owned(), format!("desk{index}@customers.example"));
            }
            CustomerSeed {
                id: format!("C-{:04}", 399 + index),
                name: format!("{} {}", NAMES[pick(NAMES.len(), 1)], index + 1),
                rep: REPS[if index < REPS.len() { index } else { pick(REPS.len(), 2) }].to_owned(),
                status: if index % 13 == 12 { "inactive" } else { "active" }.to_owned(),
                when_modified: DateTime::from_timestamp(when, 0),
                entity: None,
                fields,
            }
        })
        .collect();
    let places: Vec<&EntitySeed> = options.entities.iter().take(2).collect();
    for (customer, entity) in customers.iter_mut().rev().zip(places) {
        customer.entity = Some(entity.id.clone());
    }
    customers
}

/// Replaces the records of a company.
pub fn load(state: &mut State, seed: &Seed, now: i64) {
    state.forget_records();
    let user_number = 10;
    load_entities(state, now, user_number);
    let mut contacts = load_contacts(state, seed, now, user_number);
    load_employees(state, seed, &contacts, now, user_number);
    load_users(state, seed, &contacts, now, user_number);
    load_customers(state, seed, &mut contacts, now, user_number);
    let table = state.table_mut(Kind::Contact);
    table.load(contacts.rows);
}

fn load_entities(state: &mut State, now: i64, by: u64) {
    let entities = state.options.entities.clone();
    for kind in [Kind::Entity, Kind::Location] {
        let table = state.table_mut(kind);
        let (name, status) = (table.own("NAME"), table.own("STATUS"));
        let rows = entities
            .iter()
            .map(|entity| {
                let mut row = Row::new(table.next_number(), now, by);
                row.set(table.natural(), &entity.id);
                row.set(name, &entity.name);
                row.set(status, "active");
                row
            })
            .collect();
        table.load(rows);
    }
}

/// Contacts on their way into the table.
struct Contacts {
    rows: Vec<Row>,
    numbers: std::collections::HashMap<String, u64>,
}

impl Contacts {
    fn add(&mut self, table: &mut Table, contact: &ContactSeed, now: i64, by: u64) -> u64 {
        let number = table.next_number();
        let mut row = Row::new(number, now, by);
        let print_as = format!("{} {}", contact.first_name, contact.last_name);
        let print_as = if print_as.trim().is_empty() { contact.name.as_str() } else { print_as.trim() };
        for (field, value) in [
            ("CONTACTNAME", contact.name.as_str()),
            ("PRINTAS", print_as),
            ("FIRSTNAME", &contact.first_name),
            ("LASTNAME", &contact.last_name),
            ("EMAIL1", &contact.email),
            ("STATUS", "active"),
            ("VISIBLE", "true"),
            ("TAXABLE", "true"),
        ] {
            row.set(table.own(field), value);
        }
        self.rows.push(row);
        self.numbers.insert(contact.name.clone(), number);
        number
    }

    fn key(&self, name: &str) -> String {
        self.numbers.get(name).map(u64::to_string).unwrap_or_default()
    }
}

fn load_contacts(state: &mut State, seed: &Seed, now: i64, by: u64) -> Contacts {
    let mut contacts = Contacts { rows: Vec::new(), numbers: std::collections::HashMap::new() };
    let table = state.table_mut(Kind::Contact);
    for one in &seed.contacts {
        contacts.add(table, one, now.min(LONG_AGO), by);
    }
    let named = seed.employees.iter().map(|employee| &employee.contact).chain(seed.users.iter().map(|user| &user.contact));
    for name in named {
        if !name.is_empty() && !contacts.numbers.contains_key(name) {
            contacts.add(table, &contact(name, "", "", ""), now.min(LONG_AGO), by);
        }
    }
    if !contacts.numbers.contains_key(API_CONTACT) {
        contacts.add(table, &contact(API_CONTACT, "Rightful", "Integration", "integration@rightful.example"), now.min(LONG_AGO), by);
    }
    contacts
}

fn load_employees(state: &mut State, seed: &Seed, contacts: &Contacts, now: i64, by: u64) {
    let table = state.table_mut(Kind::Employee);
    let rows = seed
        .employees
        .iter()
        .map(|one| {
            let mut row = Row::new(table.next_number(), now.min(LONG_AGO), by);
            row.set(table.natural(), &one.id);
            row.set(table.own("CONTACTKEY"), &contacts.key(&one.contact));
            row.set(table.own("TITLE"), &one.title);
            row.set(table.own("STATUS"), if one.status.is_empty() { "active" } else { &one.status });
            row
        })
        .collect();
    table.load(rows);
}

fn load_users(state: &mut State, seed: &Seed, contacts: &Contacts, now: i64, by: u64) {
    let mut users = seed.users.clone();
    let (login, password) = (state.options.user.clone(), state.options.user_password.clone());
    match users.iter_mut().find(|user| user.login == login) {
        Some(user) => user.password = Some(password),
        None => users.insert(
            0,
            UserSeed {
                admin: "Full".into(),
                web_services_only: true,
                password: Some(password),
                ..user(&login, "Rightful Integration", API_CONTACT, "business user", "active")
            },
        ),
    }
    let table = state.table_mut(Kind::User);
    let mut rows = Vec::new();
    for one in &users {
        let mut row = Row::new(table.next_number(), now.min(LONG_AGO), by);
        let or = |value: &str, default: &str| if value.is_empty() { default.to_owned() } else { value.to_owned() };
        for (field, value) in [
            ("LOGINID", one.login.clone()),
            ("DESCRIPTION", one.name.clone()),
            ("CONTACTKEY", contacts.key(&one.contact)),
            ("USERTYPE", or(&one.user_type, "business user")),
            ("STATUS", or(&one.status, "active")),
            ("ADMIN", or(&one.admin, "Off")),
            ("LOGINDISABLED", one.web_services_only.to_string()),
            ("SSO_ENABLED", "false".to_owned()),
            ("PWDNEVEREXPIRES", one.web_services_only.to_string()),
            ("UNRESTRICTED", "true".to_owned()),
        ] {
            row.set(table.own(field), &value);
        }
        rows.push(row);
    }
    table.load(rows);
    for one in users {
        let formatting = if one.formatting.date_format.is_empty() { Formatting::default() } else { one.formatting };
        let account = Account { password: one.password, formatting, permissions: one.permissions, failed: 0 };
        state.accounts.insert(one.login, account);
    }
}

fn load_customers(state: &mut State, seed: &Seed, contacts: &mut Contacts, now: i64, by: u64) {
    for name in seed.customers.iter().flat_map(|customer| customer.fields.keys()) {
        if !name.contains('.') && state.table(Kind::Customer).field(name).is_none() {
            state.table_mut(Kind::Customer).declare(Field::custom(name, name));
        }
    }
    let mut rows = Vec::with_capacity(seed.customers.len());
    for one in &seed.customers {
        let entity = one.entity.as_deref().and_then(|id| state.options.entities.iter().position(|entity| entity.id == id));
        let table = state.table_mut(Kind::Customer);
        let moment = one.when_modified.map_or(now, |when| when.timestamp());
        let mut row = Row::new(table.next_number(), moment, by).private_to(entity);
        row.set(table.natural(), &one.id);
        row.set(table.own("NAME"), &one.name);
        row.set(table.own("CUSTREPID"), &one.rep);
        row.set(table.own("STATUS"), if one.status.is_empty() { "active" } else { &one.status });
        for (name, value) in &one.fields {
            if let Some(field) = table.field(name).filter(|field| table.fields[*field].is_writable()) {
                row.set(field, value);
            }
        }
        if let Some(email) = one.fields.get("DISPLAYCONTACT.EMAIL1") {
            let key = table.own("DISPLAYCONTACTKEY");
            let display = ContactSeed { name: format!("{}(C{})", one.name, one.id), email: email.clone(), ..ContactSeed::default() };
            let number = contacts.add(state.table_mut(Kind::Contact), &display, moment, by);
            row.set(key, &number.to_string());
        }
        rows.push(row);
    }
    state.table_mut(Kind::Customer).load(rows);
}
