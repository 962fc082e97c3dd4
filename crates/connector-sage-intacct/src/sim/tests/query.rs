//! `query`: operators, orders, levels, aggregates, formats and the paging by key.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rightful_sim::Simulator;
use serde_json::json;

use super::super::{ContactSeed, CustomerSeed, EmployeeSeed, Options, SageIntacctSim, Seed};
use super::{CONTROL, Company, LOGIN, attribute, column, error, records, request};

fn customer(id: &str, name: &str, rep: &str, when: &str) -> CustomerSeed {
    CustomerSeed {
        id: id.into(),
        name: name.into(),
        rep: rep.into(),
        when_modified: Some(when.parse().unwrap()),
        fields: BTreeMap::from([("CREDITLIMIT".to_owned(), id.len().to_string())]),
        ..CustomerSeed::default()
    }
}

fn five() -> Company {
    let company = Company::new();
    let mut inactive = customer("C-5", "Plain", "", "2026-01-05T00:00:00Z");
    inactive.status = "inactive".into();
    inactive.fields.insert("ONHOLD".into(), "true".into());
    company.sim.load(Seed {
        contacts: vec![ContactSeed {
            name: "Reyes, Ana".into(),
            first_name: "Ana".into(),
            last_name: "Reyes".into(),
            email: "ana@rightful.example".into(),
        }],
        employees: vec![EmployeeSeed { id: "E-014".into(), contact: "Reyes, Ana".into(), ..EmployeeSeed::default() }],
        users: Vec::new(),
        customers: vec![
            customer("C-1", "O'Dell & Sons", "E-014", "2026-01-01T00:00:00Z"),
            customer("C-22", "o'dell", "E-014", "2026-01-02T00:00:00Z"),
            customer("C-333", "Zoë <Ltd>", "", "2026-01-02T00:00:00Z"),
            customer("C-4", "Harbour, Lane", "e-014", "2026-01-04T00:00:00Z"),
            inactive,
        ],
    });
    company
}

fn select(company: &Company, filter: &str, rest: &str) -> Vec<String> {
    let filter = if filter.is_empty() { String::new() } else { format!("<filter>{filter}</filter>") };
    let call = format!(
        "<query><object>CUSTOMER</object><select><field>CUSTOMERID</field></select>{filter}\
         <orderby><order><field>RECORDNO</field><ascending/></order></orderby>{rest}</query>"
    );
    column(&company.run(&call), "CUSTOMERID")
}

#[test]
fn every_operator_finds_what_it_means() {
    let company = five();
    let one = |operator: &str, field: &str, value: &str| format!("<{operator}><field>{field}</field><value>{value}</value></{operator}>");
    let table = [
        (one("equalto", "NAME", "O&apos;Dell &amp; Sons"), "C-1"),
        (one("equalto", "CUSTREPID", "E-014"), "C-1 C-22"),
        (one("notequalto", "CUSTREPID", "E-014"), "C-4"),
        (one("lessthan", "CREDITLIMIT", "4"), "C-1 C-4 C-5"),
        (one("lessthanorequalto", "CREDITLIMIT", "4"), "C-1 C-22 C-4 C-5"),
        (one("greaterthan", "CREDITLIMIT", "4"), "C-333"),
        (one("greaterthanorequalto", "CREDITLIMIT", "4.0"), "C-22 C-333"),
        (one("like", "NAME", "O%"), "C-1"),
        (one("notlike", "NAME", "%l%"), "C-333 C-4"),
        (one("equalto", "STATUS", "active"), "C-1 C-22 C-333 C-4"),
        (one("equalto", "STATUS", "T"), ""),
        (one("equalto", "ONHOLD", "true"), "C-5"),
        (one("equalto", "ONHOLD", "false"), ""),
        (one("equalto", "DISPLAYCONTACT.EMAIL1", "x"), ""),
        (one("greaterthan", "WHENMODIFIED", "01/02/2026 00:00:00"), "C-4 C-5"),
        (one("greaterthanorequalto", "WHENMODIFIED", "01/02/2026"), "C-22 C-333 C-4 C-5"),
        (one("lessthan", "WHENMODIFIED", "01/02/2026 00:00:00"), "C-1"),
        (one("equalto", "WHENMODIFIED", "01/02/2026 00:00:00"), "C-22 C-333"),
        ("<between><field>WHENMODIFIED</field><value>01/02/2026</value><value>01/04/2026</value></between>".into(), "C-22 C-333 C-4"),
        ("<between><field>NAME</field><value>H</value><value>P</value></between>".into(), "C-1 C-4"),
        ("<in><field>CUSTOMERID</field><value>C-4</value><value>C-1</value><value>c-22</value></in>".into(), "C-1 C-4"),
        ("<notin><field>CUSTREPID</field><value>E-014</value></notin>".into(), "C-4"),
        ("<isnull><field>CUSTREPID</field></isnull>".into(), "C-333 C-5"),
        ("<isnotnull><field>CUSTREPID</field></isnotnull>".into(), "C-1 C-22 C-4"),
        (
            format!(
                "<and>{}<or>{}{}</or></and>",
                one("equalto", "CUSTREPID", "E-014"),
                one("like", "NAME", "O%"),
                one("equalto", "CUSTOMERID", "C-4")
            ),
            "C-1",
        ),
        (format!("<or>{}{}</or>", one("equalto", "CUSTOMERID", "C-5"), one("equalto", "CUSTOMERID", "C-4")), "C-4 C-5"),
    ];
    for (filter, expected) in table {
        assert_eq!(select(&company, &filter, "").join(" "), expected, "{filter}");
    }
    let folded = one("equalto", "CUSTREPID", "e-014");
    assert_eq!(select(&company, &folded, "<options><caseinsensitive>true</caseinsensitive></options>").join(" "), "C-1 C-22 C-4");
}

#[test]
fn orders_hold_several_fields_in_both_directions_and_put_nothing_last() {
    let company = five();
    let by = |orders: &str| {
        let call = format!("<query><object>CUSTOMER</object><select><field>CUSTOMERID</field></select><orderby>{orders}</orderby></query>");
        column(&company.run(&call), "CUSTOMERID").join(" ")
    };
    let order = |field: &str, direction: &str| format!("<order><field>{field}</field>{direction}</order>");
    assert_eq!(by(&(order("WHENMODIFIED", "<ascending/>") + &order("RECORDNO", "<ascending/>"))), "C-1 C-22 C-333 C-4 C-5");
    assert_eq!(by(&(order("WHENMODIFIED", "<descending/>") + &order("RECORDNO", "<descending/>"))), "C-5 C-4 C-333 C-22 C-1");
    assert_eq!(by(&(order("CUSTREPID", "") + &order("CUSTOMERID", "<descending/>"))), "C-22 C-1 C-4 C-5 C-333");
    assert_eq!(by(&(order("STATUS", "<descending/>") + &order("NAME", ""))), "C-5 C-4 C-1 C-333 C-22");
}

#[test]
fn without_an_order_the_order_is_arbitrary_but_pages_fit_together() {
    let company = Company::with(Options { customers: Some(300), ..Options::default() });
    let page = |offset: usize, fault: Option<&str>| {
        let call = format!(
            "<query><object>CUSTOMER</object><select><field>RECORDNO</field></select><options><showprivate>true</showprivate></options>\
             <pagesize>100</pagesize><offset>{offset}</offset></query>"
        );
        let answer = company.call_with(&format!("<function controlid=\"f\">{call}</function>"), fault);
        column(&answer.result(0), "RECORDNO")
    };
    let all: Vec<String> = [0, 100, 200].iter().flat_map(|offset| page(*offset, None)).collect();
    let mut sorted: Vec<u64> = all.iter().map(|number| number.parse().unwrap()).collect();
    assert!(!sorted.is_sorted());
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), 300);
    assert_ne!(page(0, Some("shuffled")), page(0, Some("shuffled")));
}

#[test]
fn the_page_tells_what_remains() {
    let company = five();
    let page = |offset: usize, size: usize| {
        let call = format!(
            "<query><object>CUSTOMER</object><select><field>RECORDNO</field><field>CUSTREPID</field></select>\
             <orderby><order><field>RECORDNO</field></order></orderby><pagesize>{size}</pagesize><offset>{offset}</offset></query>"
        );
        let result = company.run(&call);
        ["listtype", "totalcount", "offset", "count", "numremaining"].map(|name| attribute(&result, name)).join(" ")
    };
    assert_eq!(page(0, 2), "CUSTOMER 5 0 2 3");
    assert_eq!(page(4, 2), "CUSTOMER 5 4 1 0");
    assert_eq!(page(9, 2), "CUSTOMER 5 9 0 0");
}

#[test]
fn fields_come_back_as_asked_and_related_ones_keep_their_dots() {
    let company = Company::new();
    let call = "<query><object>EMPLOYEE</object><select><field>EMPLOYEEID</field><field>CONTACT.CONTACTNAME</field><field>CONTACT.EMAIL1</field>\
                <field>CONTACT.MAILADDRESS.ZIP</field><field>STATUS</field></select>\
                <filter><equalto><field>CONTACT.LASTNAME</field><value>O&#039;Dell</value></equalto></filter></query>";
    let record = &records(&company.run(call))[0];
    let names: Vec<&str> = record.children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(names, ["EMPLOYEEID", "CONTACT.CONTACTNAME", "CONTACT.EMAIL1", "CONTACT.MAILADDRESS.ZIP", "STATUS"]);
    assert_eq!((record.text_of("CONTACT.CONTACTNAME"), record.text_of("CONTACT.EMAIL1")), (Some("O'Dell, Kim"), Some("")));
    let user = "<query><object>USERINFO</object><select><field>LOGINID</field><field>USERTYPE</field><field>LOGINDISABLED</field><field>STATUS</field>\
                <field>ADMIN</field></select><filter><equalto><field>LOGINID</field><value>ws_rightful</value></equalto></filter></query>";
    let record = &records(&company.run(user))[0];
    let values: Vec<&str> = record.children.iter().map(|child| child.text.as_str()).collect();
    assert_eq!(values, ["ws_rightful", "business user", "true", "active", "Full"]);
}

#[test]
fn unknown_fields_and_objects_fail_in_the_vendors_words() {
    let company = Company::new();
    let fields = ["NOPE", "*", "PARENT.PARENT.NAME", "CONTACT.EMAIL1"];
    for field in fields {
        let call = format!("<query><object>CUSTOMER</object><select><field>{field}</field></select></query>");
        let expected = format!("Field requested is not valid: customer.{field}");
        assert_eq!(error(&company.run(&call)), ("XL03000010".to_owned(), expected));
    }
    let call = "<query><object>CUSTOMER</object><select><field>PARENT.NAME</field></select></query>";
    assert_eq!(company.run(call).text_of("status"), Some("success"));
    let call = "<query><object>BADOBJECT</object><select><field>RECORDNO</field></select></query>";
    assert_eq!(error(&company.run(call)), ("Query Failed".to_owned(), "Object definition BADOBJECT not found".to_owned()));
    let call = "<query><object>VENDOR</object><select><field>RECORDNO</field></select></query>";
    assert_eq!(attribute(&company.run(call), "totalcount"), "0");
}

#[test]
fn aggregates_group_by_the_plain_fields() {
    let company = five();
    let run = |select: &str| {
        let call = format!("<query><object>CUSTOMER</object><select>{select}</select></query>");
        records(&company.run(&call))
            .iter()
            .map(|record| record.children.iter().map(|field| format!("{}={}", field.name, field.text)).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        run("<field>CUSTREPID</field><count>RECORDNO</count><sum>CREDITLIMIT</sum>"),
        [
            "CUSTREPID= COUNT.RECORDNO=2 SUM.CREDITLIMIT=8",
            "CUSTREPID=E-014 COUNT.RECORDNO=2 SUM.CREDITLIMIT=7",
            "CUSTREPID=e-014 COUNT.RECORDNO=1 SUM.CREDITLIMIT=3",
        ]
    );
    assert_eq!(
        run("<count>CUSTREPID</count><max>WHENMODIFIED</max><min>CREDITLIMIT</min><avg>CREDITLIMIT</avg>"),
        ["COUNT.CUSTREPID=3 MAX.WHENMODIFIED=01/05/2026 00:00:00 MIN.CREDITLIMIT=3 AVG.CREDITLIMIT=3.6"]
    );
}

#[test]
fn levels_decide_what_is_seen() {
    let company = Company::new();
    let query = |private: &str| {
        format!(
            "<query><object>CUSTOMER</object><select><field>CUSTOMERID</field><field>MEGAENTITYID</field></select>\
             <options><showprivate>{private}</showprivate></options><pagesize>1000</pagesize></query>"
        )
    };
    let entities = |session: &str, private: &str| {
        let mut entities = column(&company.run_in(session, &query(private)), "MEGAENTITYID");
        let count = entities.len();
        entities.sort();
        entities.dedup();
        (count, entities.join(","))
    };
    let (top, north) = (company.session(""), company.session("NORTH"));
    assert_eq!(entities(&top, "false"), (24, String::new()));
    assert_eq!(entities(&top, "true"), (26, ",NORTH,SOUTH".to_owned()));
    assert_eq!(entities(&north, "false"), (25, ",NORTH".to_owned()));
}

#[test]
fn times_are_written_and_read_in_the_callers_way() {
    let company = five();
    let formatting = json!({ "LOGINID": "ws_rightful", "formatting": { "dateformat": ".Ymd", "gmtoffset": "+10:00", "clock": "12" } });
    company.sim.control("set-user", formatting, &company.clock).unwrap();
    let call = "<query><object>CUSTOMER</object><select><field>WHENMODIFIED</field></select>\
                <filter><greaterthanorequalto><field>WHENMODIFIED</field><value>2026.01.05 10:00:00 AM</value></greaterthanorequalto></filter></query>";
    assert_eq!(column(&company.run(call), "WHENMODIFIED"), ["2026.01.05 10:00:00 AM"]);
    let asked = company.run("<readUserFormatting><userId>ws_rightful</userId></readUserFormatting>");
    let formatting = asked.child("data").unwrap().child("userformatting").unwrap();
    assert_eq!(["dateformat", "gmtoffset", "clock"].map(|name| formatting.text_of(name).unwrap()), [".Ymd", "+10:00", "12"]);
}

#[test]
fn written_records_show_late_when_the_vendor_lags() {
    let company = five();
    company.sim.control("switches", json!({ "lag_seconds": 30 }), &company.clock).unwrap();
    company.run("<update><CUSTOMER><CUSTOMERID>C-1</CUSTOMERID><CUSTREPID></CUSTREPID></CUSTOMER></update>");
    let by_query = || select(&company, "<isnull><field>CUSTREPID</field></isnull>", "").join(" ");
    assert_eq!(by_query(), "C-333 C-5");
    let read = company.run("<readByName><object>CUSTOMER</object><keys>C-1</keys><fields>CUSTREPID</fields></readByName>");
    assert_eq!(column(&read, "CUSTREPID"), [""]);
    company.clock.advance(chrono::Duration::seconds(30));
    assert_eq!(by_query(), "C-1 C-333 C-5");
}

#[test]
fn json_and_csv_come_bare() {
    let company = five();
    let send = |format: &str, object: &str| {
        let call = format!(
            "<query><object>{object}</object><select><field>CUSTOMERID</field><field>NAME</field></select>\
             <orderby><order><field>RECORDNO</field></order></orderby><options><returnformat>{format}</returnformat></options><pagesize>4</pagesize></query>"
        );
        let response = company.send(&request(CONTROL, LOGIN, "", &format!("<function controlid=\"f\">{call}</function>")), None);
        (response.headers["content-type"].to_str().unwrap().to_owned(), String::from_utf8(response.body.to_vec()).unwrap())
    };
    let (kind, body) = send("json", "CUSTOMER");
    let rows: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((kind.as_str(), &rows[0]["NAME"]), ("application/json", &json!("O'Dell & Sons")));
    let (kind, body) = send("csv", "CUSTOMER");
    assert!(kind.starts_with("text/"));
    assert_eq!(body.lines().collect::<Vec<_>>()[3..], ["C-333,Zoë <Ltd>", "C-4,\"Harbour, Lane\""]);
    assert!(send("json", "BADOBJECT").1.contains("<errorno>Query Failed</errorno>"));
}

fn keys_after(company: &Company, after: Option<(String, String)>, size: usize) -> Vec<(String, String)> {
    let filter = after.map_or(String::new(), |(when, number)| {
        format!(
            "<filter><or><greaterthan><field>WHENMODIFIED</field><value>{when}</value></greaterthan>\
             <and><equalto><field>WHENMODIFIED</field><value>{when}</value></equalto>\
             <greaterthan><field>RECORDNO</field><value>{number}</value></greaterthan></and></or></filter>"
        )
    });
    let call = format!(
        "<query><object>CUSTOMER</object><select><field>RECORDNO</field><field>WHENMODIFIED</field></select>{filter}\
         <orderby><order><field>WHENMODIFIED</field><ascending/></order><order><field>RECORDNO</field><ascending/></order></orderby>\
         <options><showprivate>true</showprivate></options><pagesize>{size}</pagesize></query>"
    );
    records(&company.run(&call))
        .iter()
        .map(|record| (record.text_of("WHENMODIFIED").unwrap().to_owned(), record.text_of("RECORDNO").unwrap().to_owned()))
        .collect()
}

/// IN-16: 2,500 rows of one time, read page by page by key.
#[test]
fn paging_by_key_reaches_every_row_once() {
    let company = Company::with(Options { customers: Some(2600), ..Options::default() });
    let mut seen = std::collections::HashSet::new();
    let mut after = None;
    let mut pages = 0;
    loop {
        let page = keys_after(&company, after.take(), 1000);
        pages += 1;
        for (_, number) in &page {
            assert!(seen.insert(number.clone()));
        }
        after = page.last().cloned();
        if page.len() < 1000 {
            break;
        }
    }
    assert_eq!((seen.len(), pages), (2600, 3));
}

#[test]
fn the_invented_customers_share_one_time_as_an_import_leaves_them() {
    let sim = SageIntacctSim::new(Options { customers: Some(2600), ..Options::default() });
    let dump = sim.dump();
    let customers = dump["customers"].as_array().unwrap();
    let mut times = BTreeMap::new();
    for customer in customers {
        *times.entry(customer["WHENMODIFIED"].as_str().unwrap()).or_insert(0) += 1;
        let when: DateTime<Utc> = customer["WHENMODIFIED"].as_str().unwrap().parse().unwrap();
        assert!(when < Utc::now());
    }
    assert_eq!((customers.len(), times.values().max()), (2600, Some(&2500)));
    for mark in ['\'', '&', '<', ',', 'ë'] {
        assert!(customers.iter().any(|customer| customer["NAME"].as_str().unwrap().contains(mark)), "{mark}");
    }
}
