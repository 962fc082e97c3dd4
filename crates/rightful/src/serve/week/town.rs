//! A business on simulators, and what people do in it: each deed is done in the vendor's product and kept in the world that judges.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use rightful_core::{Clock as _, HeldClock, Instant};
use rightful_engine::{Authorship, CodeEdit, CodeRow};
use rightful_sim::world::{Customer, Place, World};
use rightful_sim::{Credentials, HeaderName, HeaderValue, Method, RunningSim, SimHost, SimOptions, SimRequest};
use serde_json::{Value as Json, json};

use super::witness::Witness;
use crate::registry;

/// A row of the code table, and the save that brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub row: CodeRow,
    pub since: i64,
    pub by: Authorship,
}

/// One served vendor.
struct Vendor {
    witness: Arc<Witness>,
    running: RunningSim,
    connection: String,
    credentials: Credentials,
}

/// A business.
pub struct Town {
    name: &'static str,
    pub world: World,
    clock: HeldClock,
    vendors: BTreeMap<&'static str, Vendor>,
    /// The code table by version, as saved by the people of the town, and when.
    pub tables: BTreeMap<i64, (Instant, Vec<Kept>)>,
    /// Which code each customer carried since when.
    carried: BTreeMap<String, Vec<(Instant, Option<String>)>>,
}

impl Town {
    /// Serves both vendors.
    pub async fn start(name: &'static str, world: World, clock: &HeldClock, folder: &Path) -> Self {
        let mut vendors = BTreeMap::new();
        // The two that the town's story is about, whatever else is compiled in.
        let both = registry::stand_ins().filter(|(stand_in, _)| matches!(stand_in.vendor, "sage-intacct" | "skynamo"));
        for (stand_in, descriptor) in both {
            let credentials = Credentials::of(stand_in);
            let witness = Witness::new((stand_in.simulator)(&world, &credentials), clock.clone());
            let running = SimHost::start(SimOptions::new(witness.clone())).await.unwrap();
            // So that nothing in it is dated by the wall clock.
            running.control("reset", Json::Null).unwrap();
            let mut connection = format!(
                "\n[connections.{name}-{0}]\nvendor = \"{0}\"\nbase_url = \"{1}\"\nallow_private = true\npage_size = 50\n",
                descriptor.id,
                running.base_url()
            );
            for credential in stand_in.credentials {
                let value = credentials.value(credential.key);
                let told = if credential.secret {
                    let file = format!("{name}-{}-{}.secret", descriptor.id, credential.key);
                    std::fs::write(folder.join(&file), value).unwrap();
                    format!("{{ file = {file:?} }}")
                } else {
                    format!("{value:?}")
                };
                let _ = writeln!(connection, "{} = {told}", credential.key);
            }
            for (key, value) in stand_in.settings {
                let _ = writeln!(connection, "{key} = {value:?}");
            }
            vendors.insert(stand_in.vendor, Vendor { witness, running, connection, credentials });
        }
        let since = clock.now();
        let carried = world.customers.iter().map(|customer| (customer.code.clone(), vec![(since, customer.rep.clone())])).collect();
        Self { name, world, clock: clock.clone(), vendors, tables: BTreeMap::new(), carried }
    }

    /// Its connections, and an integration over them.
    pub fn config(&self) -> String {
        self.vendors.values().map(|vendor| vendor.connection.as_str()).collect()
    }

    /// The name of a vendor's connection.
    pub fn connection(&self, vendor: &str) -> String {
        format!("{}-{vendor}", self.name)
    }

    pub fn field(&self) -> &Witness {
        &self.vendors["skynamo"].witness
    }

    /// What stands in Skynamo.
    pub fn dump(&self) -> Json {
        self.vendors["skynamo"].running.dump()
    }

    /// These requests, counted from the vendor's next one, meet this fault; an empty plan ends all faults.
    pub fn fault(&self, vendor: &str, rules: &[(u64, &str)]) {
        let running = &self.vendors[vendor].running;
        let next = running.next_number();
        let plan: Vec<String> = rules.iter().map(|(after, fault)| format!("{}:{fault}", next + after)).collect();
        running.set_faults(&plan.join(";")).unwrap();
    }

    /// The vendor answers nothing but 503.
    pub fn down(&self, vendor: &str) {
        self.vendors[vendor].running.set_faults("*:503").unwrap();
    }

    /// The table as it was last saved.
    fn table(&self) -> &[Kept] {
        self.tables.values().next_back().map_or(&[], |(_, table)| table)
    }

    /// The edits that bring these codes to what the world says; nothing where that is what stands.
    pub fn edits(&self, codes: &[String]) -> Vec<CodeEdit> {
        let rows = crate::sandbox::code_rows(&self.world);
        let of = |code: &String| rows.iter().filter(|row| row.code == *code).cloned().collect();
        codes.iter().map(|code| CodeEdit { code: code.clone(), rows: of(code) }).collect()
    }

    /// Notes that they were saved.
    pub fn saved(&mut self, version: i64, edits: &[CodeEdit], by: &Authorship) {
        let mut table = self.table().to_vec();
        for edit in edits {
            table.retain(|kept| kept.row.code != edit.code || edit.rows.contains(&kept.row));
            for row in &edit.rows {
                if table.iter().all(|kept| kept.row != *row) {
                    table.push(Kept { row: row.clone(), since: version, by: by.clone() });
                }
            }
        }
        // What changes nothing makes no version.
        self.tables.entry(version).or_insert((by.at, table));
    }

    /// The code a customer carried at a moment.
    pub fn code_at(&self, customer: &str, at: Instant) -> Option<&str> {
        let known = self.carried.get(customer)?.iter().rev().find(|(since, _)| *since <= at)?;
        known.1.as_deref()
    }

    /// The id of a user in Skynamo, from its dump.
    pub fn user_id(&self, typed: &str) -> i64 {
        let login = &self.world.person(typed).expect("somebody of this world").login;
        let dump = self.dump();
        let user = dump["users"].as_array().into_iter().flatten().find(|user| user["user_name"] == login.as_str());
        user.and_then(|user| user["id"].as_i64()).expect("the simulator has everybody")
    }

    /// A customer gets another rep in the ERP.
    pub fn change_rep(&mut self, customer: &str, code: &str) {
        let body = json!({ "CUSTOMERID": customer, "CUSTREPID": code });
        self.vendors["sage-intacct"].running.control("set-customer", body).unwrap();
        let known = self.world.customers.iter_mut().find(|known| known.code == customer).expect("a customer of this world");
        known.rep = Some(code.to_owned());
        self.carried.entry(customer.to_owned()).or_default().push((self.clock.now(), Some(code.to_owned())));
    }

    /// Somebody gives a customer to another user, by hand, in Skynamo. Whose code decides goes back in time; others stay there.
    pub fn hand_over(&mut self, customer: &str, login: &str) {
        let id = self.user_id(login);
        let body = json!({ "code": customer, "assigned_users": [id] });
        self.vendors["skynamo"].running.control("set-customer", body).unwrap();
        let known = self.world.customers.iter_mut().find(|known| known.code == customer).expect("a customer of this world");
        known.owners = vec![login.to_owned()];
    }

    /// A user leaves: deactivated in Skynamo.
    pub fn deactivate(&mut self, login: &str) {
        self.vendors["skynamo"].running.control("set-user", json!({ "user_name": login, "active": false })).unwrap();
        self.world.people.iter_mut().filter(|person| person.login == login).for_each(|person| person.active = false);
    }

    /// A new customer in both systems, in Skynamo with whoever found it.
    pub fn found(&mut self, code: &str, rep: &str, login: &str) {
        let erp = &self.vendors["sage-intacct"];
        let create = format!(
            "<create><CUSTOMER><CUSTOMERID>{code}</CUSTOMERID><NAME>Customer {code}</NAME><CUSTREPID>{rep}</CUSTREPID></CUSTOMER></create>"
        );
        let answer = erp.witness.ask(&request(erp, "", envelope(&erp.credentials, &create)));
        let told = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(told.contains(code) && !told.contains("failure"), "{told}");
        let field = &self.vendors["skynamo"];
        let body = json!([{ "code": code, "name": format!("Customer {code}"), "assigned_users": [self.user_id(login)] }]);
        let mut asked = request(field, "/customers", body.to_string());
        for (header, key) in [("x-api-client", "instance"), ("x-api-key", "api_key")] {
            let value = HeaderValue::from_str(field.credentials.value(key)).unwrap();
            asked.headers.insert(HeaderName::from_static(header), value);
        }
        let answer = field.witness.ask(&asked);
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        self.carried.insert(code.to_owned(), vec![(self.clock.now(), Some(rep.to_owned()))]);
        self.world.customers.push(Customer {
            code: code.to_owned(),
            name: format!("Customer {code}"),
            rep: Some(rep.to_owned()),
            active: true,
            place: Place::Both,
            imported: false,
            owners: vec![login.to_owned()],
            visitor: None,
        });
    }
}

fn request(vendor: &Vendor, path: &str, body: String) -> SimRequest {
    SimRequest {
        method: Method::POST,
        path: format!("{}{path}", vendor.running.simulator().base_path()),
        query: None,
        headers: Default::default(),
        body: body.into(),
        origin: vendor.running.origin(),
        number: 1,
        fault: None,
    }
}

/// What a person's browser would not send: Sage Intacct creates customers through its gateway only.
fn envelope(credentials: &Credentials, work: &str) -> String {
    let value = |key: &str| credentials.value(key);
    format!(
        "<request><control><senderid>{}</senderid><password>{}</password><controlid>new</controlid><uniqueid>false</uniqueid>\
         <dtdversion>3.0</dtdversion></control><operation><authentication><login><userid>{}</userid><companyid>{}</companyid>\
         <password>{}</password></login></authentication><content><function controlid=\"new\">{work}</function></content></operation></request>",
        value("sender_id"),
        value("sender_password"),
        value("user_id"),
        value("company_id"),
        value("user_password")
    )
}
